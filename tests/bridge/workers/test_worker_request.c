/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_worker_request.c - who serves a request: the engine, or the worker around it. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "bridge/workers/worker_request.h"

static const enum worker_request_kind of_worker[] = {
    REQUEST_LEARNING, REQUEST_COUNTERS, REQUEST_NOTHING, REQUEST_END_OPENINGS, REQUEST_STOP};

static bool is_of_worker(enum worker_request_kind kind)
{
    for (size_t i = 0; i < sizeof(of_worker) / sizeof(of_worker[0]); i++)
        if (of_worker[i] == kind)
            return true;
    return false;
}

/* A kind that neither of them serves would be answered, and nothing done. */
Test(worker_request, the_engine_serves_all_but_what_is_the_workers_own)
{
    struct engine_config config;
    struct engine *engine;
    struct engine_use use;
    uint32_t count = 0;
    void *memory;

    engine_config_defaults(&config);
    memory = malloc(engine_bytes(&config));
    cr_assert_not_null(memory);
    engine = engine_init(memory, &config, 1);
    for (int kind = 0; kind <= REQUEST_STOP; kind++) {
        struct worker_request request = {
            .kind = (enum worker_request_kind)kind, .mode = MODE_ATTACK, .count = &count};

        if (request.kind == REQUEST_USE)
            request.use = &use;
        cr_assert_eq(worker_request_serve(engine, &request, 1), !is_of_worker(request.kind),
                     "kind %d", kind);
    }
    free(memory);
}

Test(worker_request, a_word_on_a_source_is_answered_with_what_became_of_it)
{
    struct worker_request request = {.kind = REQUEST_SET_SOURCE};
    struct engine_config config;
    struct engine *engine;
    uint32_t count = 7;
    void *memory;

    engine_config_defaults(&config);
    memory = malloc(engine_bytes(&config));
    cr_assert_not_null(memory);
    engine = engine_init(memory, &config, 1);
    request.source = (struct source_rule){.prefix = addr_from_v4((const uint8_t[]){192, 0, 2, 0}),
                                          .length = 120,
                                          .state = SOURCE_ASIDE,
                                          .by = SOURCE_BY_OPERATOR};
    request.count = &count;
    cr_assert(worker_request_serve(engine, &request, 1));
    cr_assert_eq(count, 1, "there was room");
    request.kind = REQUEST_FORGET_SOURCE;
    cr_assert(worker_request_serve(engine, &request, 1));
    cr_assert_eq(count, 1, "it was known");
    cr_assert(worker_request_serve(engine, &request, 1));
    cr_assert_eq(count, 0, "it is forgotten");
    free(memory);
}
