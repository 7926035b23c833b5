/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/carry.c and tables/carried.c: what the engine writes down for the kernel,
 * and what it reads back. The kernel is played by hand. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/shard/observe.h"
#include "engine/stages/carry.h"
#include "engine/stages/telling.h"
#include "engine/tcp/grant.h"
#include "tests/engine/support_engine.h"

#define OPTIONS_ "mss=1460 sack ts=1/0 nop ws=7"
#define HOUR_US  (3600 * SECOND_US)

static struct flow_record records[64];
static const uint8_t answer[100];

static struct bench *begin_in(enum mode_setting setting)
{
    struct engine_config config;

    memset(records, 0, sizeof(records));
    bench_config(&config);
    config.records = records;
    return bench_new_sized(setting, &config);
}

static struct bench *begin(void)
{
    return begin_in(SETTING_NORMAL);
}

static struct flow_record *record_of(struct bench *b)
{
    return &records[flow_index(&b->engine->flows, bench_flow(b))];
}

static uint32_t gate_of(struct bench *b, enum side from)
{
    return record_gate(record_of(b)->way[from]);
}

/* The batch is over, and written. */
static void settled(struct bench *b)
{
    engine_settle(b->engine);
}

static uint32_t orders(struct bench *b, bool add)
{
    struct carried *carried = engine_carried(b->engine);
    uint32_t count = 0;

    for (uint32_t i = 0; i < carried->orders_count; i++)
        count += carried->orders[i].add == add;
    carried->orders_count = 0;
    return count;
}

static void crosses(struct bench *b, enum side from)
{
    bench_put(b, from);
    forwarded(b);
    take(b, side_other(from));
    settled(b);
}

#define client_crosses(b, ...) (client_builds(b, __VA_ARGS__), crosses(b, SIDE_CLIENT))
#define server_crosses(b, ...) (server_builds(b, __VA_ARGS__), crosses(b, SIDE_SERVER))

static void shakes_hands(struct bench *b)
{
    client_crosses(b, .flags = "S", .seq = X, .options = OPTIONS_);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OPTIONS_);
    client_crosses(b, .flags = ".", .seq = X + 1, .ack = Y + 1, .options = ts(2, 9));
}

static void request_and_answer(struct bench *b)
{
    client_crosses(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .options = ts(2, 9),
                   .payload = REQUEST);
    server_crosses(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .payload_bytes = 100,
                   .payload = answer, .options = ts(10, 2));
    client_crosses(b, .flags = ".", .seq = X + 19, .ack = Y + 101, .options = ts(3, 10));
}

/* What a long connection says beyond that. */
static void goes_on(struct bench *b)
{
    for (uint32_t batch = 4; batch < CARRY_AFTER; batch++)
        client_crosses(b, .flags = ".", .seq = X + 19, .ack = Y + 101, .options = ts(3, 10));
}

Test(carry, followed_connection_is_written_down_when_it_has_come_up_often_enough)
{
    struct bench *b = begin();

    shakes_hands(b);
    request_and_answer(b);
    cr_assert_eq(orders(b, true), 0, "most connections are short");
    goes_on(b);
    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(gate_of(b, SIDE_CLIENT), RECORD_JOIN);
    cr_assert_eq(gate_of(b, SIDE_SERVER), RECORD_JOIN);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_CLIENT]), X + 19);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), Y + 101);
    cr_assert_eq(record_of(b)->flags, RECORD_WATCH_CLIENT | RECORD_WATCH_SERVER);
    cr_assert_eq(record_of(b)->begin[SIDE_SERVER], Y + 1);
    bench_end(b);
}

Test(carry, nothing_of_a_client_before_its_first_data)
{
    struct bench *b = begin();

    shakes_hands(b);
    for (uint32_t i = 0; i < CARRY_AFTER; i++)
        server_crosses(b, .flags = ".", .seq = Y + 1 + 100 * i, .ack = X + 1, .payload_bytes = 100,
                       .payload = answer, .options = ts(10, 2));
    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(gate_of(b, SIDE_SERVER), RECORD_JOIN);
    cr_assert_eq(gate_of(b, SIDE_CLIENT), RECORD_UP, "the trigger of the silent waits for it");
    bench_end(b);
}

Test(carry, next_is_said_to_be_out_only_when_it_is_written)
{
    struct bench *b = begin();

    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    server_builds(b, .flags = ".", .seq = Y + 101, .ack = X + 19, .payload_bytes = 100,
                  .payload = answer, .options = ts(11, 2));
    bench_put(b, SIDE_SERVER);
    take(b, SIDE_CLIENT);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), Y + 101,
                 "what follows would overtake");
    settled(b);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), Y + 201);
    bench_end(b);
}

Test(carry, reset_takes_the_record_back_at_once)
{
    struct bench *b = begin();
    struct flow_record *record;

    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    record = record_of(b);
    orders(b, true);
    client_builds(b, .flags = "R", .seq = X + 19);
    bench_put(b, SIDE_CLIENT);
    cr_assert_eq(record->way[SIDE_CLIENT], 0);
    cr_assert_eq(record->way[SIDE_SERVER], 0);
    cr_assert_eq(orders(b, false), 1);
    take(b, SIDE_SERVER);
    bench_end(b);
}

/* To tell the kernel of it, and to have written before, costs more than it saves. */
Test(carry, short_connection_has_nothing_to_be_settled)
{
    struct bench *b = begin();

    shakes_hands(b);
    request_and_answer(b);
    client_builds(b, .flags = ".", .seq = X + 19, .ack = Y + 101, .options = ts(3, 10));
    bench_put(b, SIDE_CLIENT);
    take(b, SIDE_SERVER);
    cr_assert_eq(engine_carried(b->engine)->touched_count, 1u);
    cr_assert_not(engine_settle_is_due(b->engine));
    cr_assert_eq(engine_carried(b->engine)->touched_count, 0u);
    goes_on(b);
    client_builds(b, .flags = ".", .seq = X + 19, .ack = Y + 101, .options = ts(3, 10));
    bench_put(b, SIDE_CLIENT);
    take(b, SIDE_SERVER);
    cr_assert(engine_settle_is_due(b->engine));
    settled(b);
    bench_end(b);
}

Test(carry, client_is_carried_no_further_behind_its_fin)
{
    struct bench *b = begin();

    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    client_crosses(b, .flags = "F.", .seq = X + 19, .ack = Y + 101, .options = ts(4, 10));
    cr_assert_eq(gate_of(b, SIDE_CLIENT), RECORD_UP);
    cr_assert_eq(gate_of(b, SIDE_SERVER), RECORD_JOIN, "it may have much to say yet");
    bench_end(b);
}

static void is_read_back(uint32_t bytes)
{
    struct bench *b = begin();
    struct flow_record *record;

    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    record = record_of(b);
    record->way[SIDE_SERVER] = record_way(record->serial, RECORD_CARRY, Y + 101 + bytes);
    /* Were it not, this FIN would be too far from the newest number to count. */
    server_crosses(b, .flags = "F.", .seq = Y + 101 + bytes, .ack = X + 19, .options = ts(20, 2));
    client_crosses(b, .flags = "F.", .seq = X + 19, .ack = Y + 102 + bytes, .options = ts(21, 20));
    cr_assert_str_eq(bench_flow_state(b), "closing", "%u bytes", bytes);
    bench_end(b);
}

/* The last: more than half of all numbers since the engine has looked. */
Test(carry, what_the_kernel_has_moved_is_read_back)
{
    is_read_back(5000000);
    is_read_back(1u << 31);
    is_read_back(3u << 30);
    is_read_back(UINT32_MAX - (1u << 28));
}

Test(carry, connection_that_only_the_kernel_sees_does_not_idle)
{
    struct bench *b = begin();
    struct flow_record *record;

    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    record = record_of(b);
    for (int hour = 0; hour < 5; hour++) {
        record->used = flow_clock(b->now_us);
        bench_wait(b, HOUR_US);
    }
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_wait(b, 3 * HOUR_US);
    cr_assert_str_eq(bench_flow_state(b), "none");
    cr_assert_eq(orders(b, false), 1);
    bench_end(b);
}

/* An answer that is not read is told by it (tables/held_watch.h). */
Test(carry, closed_window_that_only_the_kernel_saw_is_noted)
{
    struct bench *b = begin();
    struct watched *watched;

    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    watched = watch_begin(b->engine->held.watch, &b->engine->flows, bench_flow(b));
    record_of(b)->closed = 1;
    b->now_us += 3 * SECOND_US;
    watch_look(watched, &b->engine->flows, bench_flow(b), WATCH_BYTES_PER_SECOND, b->now_us);
    cr_assert(watched->closed);
    cr_assert_eq(record_of(b)->closed, 0, "once");
    bench_end(b);
}

static uint32_t orders_behind_tags(uint16_t outer, uint16_t inner)
{
    struct bench *b = begin();
    uint32_t count;

    b->vlan[0] = outer;
    b->vlan[1] = inner;
    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    request_and_answer(b);
    goes_on(b);
    count = orders(b, true);
    bench_end(b);
    return count;
}

Test(carry, connection_behind_one_tag_is_written_down)
{
    cr_assert_eq(orders_behind_tags(0x6005, 0), 1);
}

Test(carry, connection_behind_two_tags_is_not_written_down)
{
    cr_assert_eq(orders_behind_tags(0x6005, 0x6007), 0);
}

/* A record's next connection has another serial: what is left of the last one changes nothing. */
Test(carry, record_that_is_used_again_has_another_serial)
{
    struct bench *b = begin();
    uint32_t serial;

    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    serial = record_of(b)->serial;
    orders(b, true);
    engine_flow_free(b->engine, bench_flow(b));
    shakes_hands(b);
    request_and_answer(b);
    goes_on(b);
    cr_assert_eq(orders(b, true), 1);
    cr_assert_neq(record_of(b)->serial, serial);
    cr_assert_eq(record_serial(record_of(b)->way[SIDE_CLIENT]), record_of(b)->serial);
    bench_end(b);
}

/* The server's answer to our SYN has come; what its client asked is on its way to it. */
static uint32_t joins(struct bench *b)
{
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_SERVER);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    return c;
}

Test(carry, server_of_a_joined_connection_may_speak_before_all_is_written)
{
    struct bench *b = begin_in(SETTING_ATTACK);
    const uint32_t c = joins(b);

    cr_assert(engine_settle_is_due(b->engine));
    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(gate_of(b, SIDE_SERVER), RECORD_JOIN);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), Y + 1);
    cr_assert(record_of(b)->flags & RECORD_ASKING, "it would overtake what it has asked");
    cr_assert_eq(record_of(b)->delta, c - Y);
    cr_assert_eq(record_of(b)->ack_floor, Y + 1);
    cr_assert(record_of(b)->flags & RECORD_EDIT);
    settled(b);
    cr_assert_not(record_of(b)->flags & RECORD_ASKING);
    cr_assert_eq(gate_of(b, SIDE_CLIENT), RECORD_JOIN);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_CLIENT]), X + 19);
    cr_assert_eq(orders(b, true), 0, "once");
    bench_end(b);
}

Test(carry, joined_connection_whose_server_has_spoken_waits_until_all_is_written)
{
    struct bench *b = begin_in(SETTING_ATTACK);
    const uint32_t c = joins(b);

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "data");
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = "data");
    cr_assert(engine_settle_is_due(b->engine));
    cr_assert_eq(orders(b, true), 0, "what follows would overtake that");
    settled(b);
    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(gate_of(b, SIDE_SERVER), RECORD_JOIN);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), Y + 5);
    cr_assert_not(record_of(b)->flags & RECORD_ASKING);
    bench_end(b);
}

/* Its first word is a bare ACK, which changes no number. */
Test(carry, connection_that_its_servers_own_tcp_has_made_waits_until_all_is_written)
{
    static struct grant grants[GRANTS];
    struct bench *b = begin_in(SETTING_ATTACK);
    uint32_t c;

    b->engine->config.grants = grants;
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = ".", .seq = c + 1, .ack = X + 19);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    cr_assert(engine_settle_is_due(b->engine));
    cr_assert_eq(orders(b, true), 0, "what follows would overtake that");
    settled(b);
    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(gate_of(b, SIDE_SERVER), RECORD_JOIN);
    cr_assert_not(record_of(b)->flags & RECORD_ASKING);
    bench_end(b);
}

/* --- granted, where the kernel tells what it passes on ---------------------------------------- */

/* A request has gone out, with a grant; the batch is not written yet. */
static struct bench *begin_granted(uint32_t *c)
{
    static struct grant grants[GRANTS];
    static struct tell_hub hub;
    static struct tell_server servers[64];
    struct engine_config config;
    struct bench *b;

    memset(records, 0, sizeof(records));
    memset(grants, 0, sizeof(grants));
    bench_config(&config);
    config.records = records;
    config.grants = grants;
    config.tells = (struct tell_share){.hub = &hub, .servers = servers};
    b = bench_new_sized(SETTING_ATTACK, &config);
    *c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = *c + 1, .payload = REQUEST);
    take(b, SIDE_SERVER);
    return b;
}

/* As the kernel does: behind what it has passed on. */
static void passes(struct bench *b, uint32_t next)
{
    const struct told_frame told = {.from = SIDE_SERVER,
                                    .buffer = b->sent.buffer,
                                    .bytes = b->sent.bytes,
                                    .wire_bytes = b->sent.bytes - OFFLOAD_BYTES,
                                    .capacity = sizeof(b->sent.buffer)};
    struct flow_record *record = record_of(b);

    record->way[SIDE_SERVER] = record_way(record->serial, RECORD_CARRY, next);
    engine_told(b->engine, &told, b->now_us);
    bench_wait(b, 1);
}

#define server_passes(b, next, ...) (server_builds(b, __VA_ARGS__), passes(b, next))

Test(carry, granted_connection_is_known_to_the_kernel_before_its_server_has_the_request)
{
    uint32_t c;
    struct bench *b = begin_granted(&c);

    cr_assert_not(engine_settle_is_due(b->engine),
                  "it need not be written before the worker sleeps");
    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(record_of(b)->flags, RECORD_EDIT | RECORD_ASKING | RECORD_GRANTED,
                 "the learner sees no part of it");
    cr_assert_eq(record_of(b)->delta, 0);
    cr_assert_eq(record_of(b)->ack_floor, c + 1);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), c + 1);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_CLIENT]), X + 19);
    settled(b);
    cr_assert_eq(gate_of(b, SIDE_SERVER), RECORD_JOIN, "it stays as it is");
    cr_assert_eq(gate_of(b, SIDE_CLIENT), RECORD_JOIN);
    cr_assert_eq(orders(b, false), 0);
    bench_end(b);
}

Test(carry, granted_connection_is_joined_by_an_answer_that_the_engine_is_told_of)
{
    uint32_t c;
    struct bench *b = begin_granted(&c);

    engine_settle_is_due(b->engine);
    settled(b);
    cr_assert_eq(orders(b, true), 1);
    server_passes(b, c + 101, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload_bytes = 100,
                  .payload = answer);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    cr_assert_eq(bench_counters(b)->hook_taken, 1);
    cr_assert_eq(bench_server(b, HTTP)->openings_now, 0);
    nothing(b);
    engine_settle_is_due(b->engine);
    settled(b);
    cr_assert_eq(orders(b, false) + orders(b, true), 0, "it has its record");
    cr_assert_eq(record_of(b)->flags, RECORD_EDIT);
    cr_assert_eq(record_of(b)->ack_floor, c + 1);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), c + 101);
    cr_assert_eq(flow_cold(&b->engine->flows, bench_flow(b))->server_next, c + 101);
    bench_end(b);
}

/* What came behind the segment that was granted goes out when the server is known to be there. */
Test(carry, rest_of_a_request_follows_when_the_engine_is_told_of_the_first_word)
{
    uint32_t c;
    struct bench *b = begin_granted(&c);

    engine_settle_is_due(b->engine);
    settled(b);
    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = "more");
    nothing(b);
    server_passes(b, c + 1, .flags = ".", .seq = c + 1, .ack = X + 19);
    to_server(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = "more");
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    bench_end(b);
}

Test(carry, word_of_an_old_connection_joins_nothing)
{
    uint32_t c;
    struct bench *b = begin_granted(&c);

    engine_settle_is_due(b->engine);
    settled(b);
    server_passes(b, c + 1, .flags = ".", .seq = c - 5, .ack = X + 19);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    server_passes(b, c + 1, .flags = ".", .seq = c + 1, .ack = X + 119);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    bench_end(b);
}

/* It is spliced then, by other numbers. */
Test(carry, grant_that_nobody_takes_is_withdrawn_from_the_kernel)
{
    uint32_t c;
    struct bench *b = begin_granted(&c);

    engine_settle_is_due(b->engine);
    settled(b);
    cr_assert_eq(orders(b, true), 1);
    bench_wait(b, SECOND_US / 2);
    take(b, SIDE_SERVER);
    cr_assert_eq(bench_counters(b)->hook_unseen, 1);
    cr_assert_eq(orders(b, false), 1);
    cr_assert_eq(record_of(b)->added, 0);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_SERVER);
    cr_assert(engine_settle_is_due(b->engine));
    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(record_of(b)->delta, c - Y);
    cr_assert_not(record_of(b)->flags & RECORD_GRANTED);
    bench_end(b);
}

/* --- joined ----------------------------------------------------------------------------------- */

Test(carry, client_of_a_joined_connection_is_carried_behind_its_fin)
{
    struct bench *b = begin_in(SETTING_ATTACK);
    const uint32_t c = joins(b);

    cr_assert(engine_settle_is_due(b->engine));
    settled(b);
    client_crosses(b, .flags = "F.", .seq = X + 19, .ack = c + 1);
    cr_assert_eq(gate_of(b, SIDE_CLIENT), RECORD_JOIN);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_CLIENT]), X + 20);
    bench_end(b);
}

Test(carry, answer_that_only_the_kernel_saw_is_heard)
{
    struct bench *b = begin_in(SETTING_ATTACK);
    struct flow_record *record;

    joins(b);
    cr_assert(engine_settle_is_due(b->engine));
    settled(b);
    record = record_of(b);
    record->way[SIDE_SERVER] = record_way(record->serial, RECORD_CARRY, Y + 101);
    bench_wait(b, SECOND_US / 2);
    cr_assert(watch_of(b->engine->held.watch, &b->engine->flows, bench_flow(b))->heard);
    bench_end(b);
}

/* The kernel has carried so many bytes of the server's, and moved the floor of acks behind them. */
static void is_acknowledged(uint32_t bytes)
{
    struct bench *b = begin_in(SETTING_ATTACK);
    const uint32_t c = joins(b), next = Y + 101 + bytes;
    struct flow_record *record;

    cr_assert(engine_settle_is_due(b->engine));
    settled(b);
    record = record_of(b);
    record->way[SIDE_SERVER] = record_way(record->serial, RECORD_CARRY, next);
    record->ack_floor = next - RECORD_FLOOR_DISTANCE;
    client_builds(b, .flags = "P.", .seq = X + 19, .ack = next + (c - Y), .payload = REQUEST);
    bench_put(b, SIDE_CLIENT);
    forwarded(b);
    cr_assert_eq(take(b, SIDE_SERVER)->ack, next, "%u bytes", bytes);
    settled(b);
    cr_assert_eq(record->ack_floor, next - RECORD_FLOOR_DISTANCE, "%u bytes", bytes);
    bench_end(b);
}

/* Also more than half of all numbers since the engine has looked: a stream beside a worker that
 * stood still. */
Test(carry, floor_that_the_kernel_has_moved_is_read_back)
{
    is_acknowledged(RECORD_FLOOR_FARTHEST + 1);
    is_acknowledged(3u << 30);
    is_acknowledged(UINT32_MAX - (1u << 28));
}
