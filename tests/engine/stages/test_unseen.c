/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/unseen.c: ends that the kernel has noted, and nobody was told of. The
 * kernel is played by hand. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/stages/handover.h"
#include "engine/stages/unseen.h"
#include "engine/tables/carried.h"
#include "tests/engine/support_engine.h"

static struct flow_record records[64];

static struct flow_record *record_of(struct bench *b)
{
    return &records[flow_index(&b->engine->flows, bench_flow(b))];
}

static uint32_t removals(struct bench *b)
{
    const struct carried *carried = engine_carried(b->engine);
    uint32_t count = 0;

    for (uint32_t i = 0; i < carried->orders_count; i++)
        count += !carried->orders[i].add;
    return count;
}

static struct bench *begin_joined_one(void)
{
    struct engine_config config;
    struct bench *b;

    memset(records, 0, sizeof(records));
    bench_config(&config);
    config.records = records;
    b = bench_new_sized(SETTING_ATTACK, &config);
    open_http(b, OFFERS, OFFERS);
    cr_assert(engine_settle_is_due(b->engine));
    engine_settle(b->engine);
    return b;
}

static void look_for_ends(struct bench *b)
{
    uint32_t cursor = 0;

    while (engine_look_for_ends(b->engine, &cursor, b->now_us))
        continue;
}

Test(unseen, end_that_nobody_was_told_of_is_found)
{
    struct bench *b = begin_joined_one();

    look_for_ends(b);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    record_of(b)->ended[SIDE_SERVER] = RECORD_FIN;
    look_for_ends(b);
    cr_assert_str_eq(bench_flow_state(b), "spliced", "its client goes on");
    cr_assert(bench_flow(b)->flags & FLOW_SERVER_FIN);
    cr_assert_eq(bench_server(b, HTTP)->held, 0, "it has no place there any more");
    look_for_ends(b);
    cr_assert_eq(bench_server(b, HTTP)->held, 0, "and gives none back again");
    record_of(b)->ended[SIDE_CLIENT] = RECORD_FIN;
    look_for_ends(b);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_eq(removals(b), 1);
    bench_end(b);
}

Test(unseen, reset_that_nobody_was_told_of_is_found)
{
    struct bench *b = begin_joined_one();

    record_of(b)->ended[SIDE_CLIENT] = RECORD_RST;
    look_for_ends(b);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert(bench_flow(b)->flags & FLOW_RESET);
    bench_end(b);
}

Test(unseen, ends_are_looked_for_in_pieces)
{
    struct engine_config config;
    struct bench *b;
    struct handed_flow row = {.key = {.vlan = {{0}}}, .state = FLOW_ESTABLISHED};
    uint32_t cursor = 0;

    bench_config(&config);
    config.flows_max = UNSEEN_LOOKED_AT + 1;
    config.records = calloc(config.flows_max, sizeof(*config.records));
    b = bench_new_sized(SETTING_NORMAL, &config);
    for (uint32_t i = 0; i <= UNSEEN_LOOKED_AT; i++) {
        row.key.client_port = (uint16_t)i;
        row.key.server_port = 80;
        cr_assert(takeover_flow(b->engine, &row, b->now_us));
    }
    cr_assert(engine_look_for_ends(b->engine, &cursor, b->now_us));
    cr_assert_not(engine_look_for_ends(b->engine, &cursor, b->now_us));
    bench_end(b);
    free(config.records);
}

/* Each end is an order to the kernel, of which so many have room: what is left over comes when they
 * have been obeyed. */
Test(unseen, no_end_is_without_its_order)
{
    const uint32_t count = CARRIED_ORDERS + 100;
    struct engine_config config;
    struct bench *b;
    struct handed_flow row = {.key = {.vlan = {{0}}}, .state = FLOW_ESTABLISHED};
    uint32_t cursor = 0, ordered = 0;
    bool more;

    bench_config(&config);
    config.flows_max = count;
    config.records = calloc(count, sizeof(*config.records));
    b = bench_new_sized(SETTING_NORMAL, &config);
    for (uint32_t i = 0; i < count; i++) {
        row.key.client_port = (uint16_t)i;
        row.key.server_port = 80;
        cr_assert(takeover_flow(b->engine, &row, b->now_us));
        config.records[i].added = 1;
        config.records[i].ended[SIDE_CLIENT] = config.records[i].ended[SIDE_SERVER] = RECORD_FIN;
    }
    do {
        more = engine_look_for_ends(b->engine, &cursor, b->now_us);
        ordered += engine_carried(b->engine)->orders_count;
        engine_carried(b->engine)->orders_count = 0;
    } while (more);
    cr_assert_eq(ordered, count, "%u", ordered);
    bench_end(b);
    free(config.records);
}
