/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_engine.h - a small engine beside programs in the kernel, and one that sees every frame.
 */
#ifndef SYNWARD_TESTS_BRIDGE_BPF_SUPPORT_ENGINE_H
#define SYNWARD_TESTS_BRIDGE_BPF_SUPPORT_ENGINE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/bpf/carrying.h"
#include "engine/engine.h"

#define NOW_US  5000000ull
#define FLOWS   1024u
#define SERVERS 16u

/* `carrying` NULL: one that sees every frame. `*memory` is to be freed. */
static inline struct engine *make_engine(struct carrying *carrying, uint32_t shard, void **memory)
{
    struct engine_config config;

    engine_config_defaults(&config);
    config.flows_max = FLOWS;
    config.openings_max = config.slots_max = 256;
    config.greeted_max = config.sources_max = 1024;
    config.served_max = 4096;
    config.servers_max = SERVERS;
    config.table_seed[0] = 17;
    config.table_seed[1] = 42;
    if (carrying)
        carrying_share(carrying, shard, &config);
    config.answers = (struct answer_share){0};
    cr_assert(posix_memalign(memory, 64, engine_bytes(&config)) == 0);
    memset(*memory, 0, engine_bytes(&config));
    return engine_init(*memory, &config, NOW_US);
}

#endif
