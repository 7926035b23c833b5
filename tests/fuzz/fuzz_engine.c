/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_engine.c - the input is a list of steps for the engine among its hosts: see scene.h. */
#include "tests/fuzz/scene.h"

#define STEPS_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct scene scene;
    struct fuzz_bytes stream = {data, data + bytes};

    scene_begin(&scene);
    for (int steps = 0; stream_left(&stream) > 0 && steps < STEPS_MAX; steps++)
        scene_step(&scene, &stream);
    scene_end(&scene);
    return 0;
}
