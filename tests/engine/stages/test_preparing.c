/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/preparing.c: what is written down for the kernel, and who answers the
 * server. The kernel is played by hand; tests/bridge/bpf/test_completing.c has it. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/shard/observe.h"
#include "engine/stages/handover.h"
#include "engine/stages/preparing.h"
#include "engine/stages/telling.h"
#include "engine/tables/carried.h"
#include "engine/tables/joined_log.h"
#include "engine/tcp/prepared.h"
#include "tests/engine/support_engine.h"

#define ROWS 64u

static struct flow_record records[ROWS];
static struct handed_flow rows[ROWS];
static struct prepared prepared[PREPARED_PLACES];

static struct bench *begin(void)
{
    static struct tell_hub hub;
    static struct tell_server servers[64];
    struct engine_config config;
    struct bench *b;

    memset(records, 0, sizeof(records));
    memset(rows, 0, sizeof(rows));
    memset(prepared, 0, sizeof(prepared));
    bench_config(&config);
    config.records = records;
    config.prepared = prepared;
    config.log = rows;
    config.log_rows = ROWS;
    config.tells = (struct tell_share){.hub = &hub, .servers = servers};
    b = bench_new_sized(SETTING_ATTACK, &config);
    engine_telling(b->engine)->unlearned = true;
    return b;
}

/* A request has come, and our SYN has gone out. */
static uint32_t asks(struct bench *b)
{
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    return c;
}

static uint32_t index_of(struct bench *b)
{
    return flow_index(&b->engine->flows, bench_flow(b));
}

static struct flow_record *record_of(struct bench *b)
{
    return &records[index_of(b)];
}

static struct prepared *prepared_of(struct bench *b)
{
    return &prepared[flow_cold(&b->engine->flows, bench_flow(b))->opening];
}

static uint32_t orders(struct bench *b, bool add)
{
    const struct carried *carried = engine_carried(b->engine);
    uint32_t count = 0;

    for (uint32_t i = 0; i < carried->orders_count; i++)
        count += carried->orders[i].add == add;
    return count;
}

/* As the kernel does: it has given the request to the server. */
static void kernel_answers(struct bench *b, uint32_t c)
{
    struct flow_record *record = record_of(b);

    cr_assert_eq(record->way[SIDE_SERVER], record_awaited(record->serial));
    record->floors = Y + 1;
    record->offsets = c - Y;
    record->way[SIDE_SERVER] = record_way(record->serial, RECORD_CARRY, Y + 1);
}

static void is_joined(struct bench *b, uint32_t c)
{
    const struct flow *flow = bench_flow(b);
    const struct flow_cold *cold = flow_cold(&b->engine->flows, flow);

    cr_assert_str_eq(bench_flow_state(b), "spliced");
    cr_assert_eq(flow->delta, c - Y);
    cr_assert_eq(flow->ts_delta, 0);
    cr_assert_eq(flow->ack_floor, Y + 1);
    cr_assert_eq(flow->flags, FLOW_EDIT | FLOW_NO_ECN);
    cr_assert_eq(cold->server_isn, Y);
    cr_assert_eq(cold->server_next, Y + 1);
    cr_assert_eq(cold->client_next, X + 19);
    cr_assert_eq(cold->server_mss, 1460);
    cr_assert_eq(bench_server(b, HTTP)->openings_now, 0);
    cr_assert_eq(bench_server(b, HTTP)->unheard_now, 0);
    cr_assert_eq(bench_counters(b)->flows_opened, 1);
}

Test(preparing, request_is_written_down_before_the_server_is_asked)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);
    const struct flow_record *record = record_of(b);
    const struct prepared *is = prepared_of(b);

    cr_assert_eq(orders(b, true), 1);
    cr_assert_eq(record->flags, RECORD_EDIT | RECORD_ASKING | RECORD_PREPARED | RECORD_NO_ECN);
    cr_assert_eq(record->offsets, record_token(record->serial, (uint32_t)(is - prepared)));
    cr_assert_eq(record->floors, record->offsets);
    cr_assert_eq(record->server_mss, 1460);
    cr_assert_eq(record->begin[SIDE_SERVER], c + 1);
    cr_assert_eq(record->way[SIDE_SERVER], record_awaited(record->serial));
    cr_assert_eq(record->way[SIDE_CLIENT], record_way(record->serial, RECORD_JOIN, X + 19));
    cr_assert_eq(is->serial, record->serial);
    cr_assert_eq(is->ack, X + 1);
    cr_assert_eq(is->c, c);
    cr_assert_eq(is->flags, TCP_SYN | TCP_ACK);
    cr_assert_eq(is->options_bytes, 12);
    cr_assert_eq(is->bytes, PLAIN_L4 + TCP_HEADER_BYTES + strlen(REQUEST));
    cr_assert_eq(memcmp(is->frame + PLAIN_L4 + TCP_HEADER_BYTES, REQUEST, strlen(REQUEST)), 0);
    cr_assert_not(engine_settle_is_due(b->engine));
    bench_end(b);
}

Test(preparing, what_the_kernel_has_answered_is_joined_when_the_engine_is_told)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    kernel_answers(b, c);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    nothing(b);
    is_joined(b, c);
    cr_assert_eq(orders(b, false), 0, "it keeps its record");
    bench_end(b);
}

/* The kernel has gone on meanwhile. */
Test(preparing, what_the_server_has_said_since_is_known)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    kernel_answers(b, c);
    record_of(b)->way[SIDE_SERVER] = record_way(record_of(b)->serial, RECORD_CARRY, Y + 101);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    nothing(b);
    cr_assert_eq(flow_cold(&b->engine->flows, bench_flow(b))->server_next, Y + 101);
    bench_end(b);
}

Test(preparing, answer_that_comes_up_is_the_engines)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = "mss=1400");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    cr_assert_eq(bench_flow(b)->delta, c - Y);
    cr_assert_eq(flow_cold(&b->engine->flows, bench_flow(b))->server_mss, 1400);
    cr_assert_eq(orders(b, false), 1);
    cr_assert_eq(record_of(b)->way[SIDE_SERVER], 0, "the kernel comes too late");
    bench_end(b);
}

Test(preparing, client_that_says_more_takes_it_back)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = "more");
    cr_assert_eq(record_of(b)->way[SIDE_SERVER], 0);
    cr_assert_eq(orders(b, false), 1);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST "more");
    bench_end(b);
}

Test(preparing, client_that_says_more_behind_the_answer_is_joined)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    kernel_answers(b, c);
    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = "more");
    to_server(b, .flags = "P.", .seq = X + 19, .ack = Y + 1, .payload = "more");
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = ".", .seq = X + 23, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    bench_end(b);
}

Test(preparing, client_that_leaves_behind_the_answer_resets_the_server)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    kernel_answers(b, c);
    client_says(b, .flags = "R.", .seq = X + 19, .ack = c + 1);
    to_server(b, .flags = "R.", .seq = X + 19, .ack = Y + 1);
    bench_forget(b);
    bench_end(b);
}

/* That is in the numbers that the server has. */
Test(preparing, client_that_leaves_before_the_answer_takes_it_back)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);
    const uint32_t index = index_of(b);

    client_says(b, .flags = "R.", .seq = X + 19, .ack = c + 1);
    to_server(b, .flags = "R", .seq = X + 1);
    cr_assert_eq(records[index].way[SIDE_SERVER], 0);
    cr_assert_eq(rows[index].edited, 0);
    bench_end(b);
}

Test(preparing, server_that_has_answered_is_not_asked_again)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    kernel_answers(b, c);
    bench_wait(b, 2 * SECOND_US);
    nothing(b);
    is_joined(b, c);
    bench_end(b);
}

Test(preparing, server_that_is_asked_again_is_answered_by_the_engine)
{
    struct bench *b = begin();

    asks(b);
    bench_wait(b, SECOND_US + SECOND_US / 2);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_eq(record_of(b)->way[SIDE_SERVER], 0);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_end(b);
}

Test(preparing, at_the_end_what_was_answered_is_handed_over)
{
    struct handed_flow handed[4];
    uint32_t cursor = 0;
    struct bench *b = begin();
    const uint32_t c = asks(b);

    kernel_answers(b, c);
    while (handover_end(b->engine, b->now_us))
        ;
    is_joined(b, c);
    cr_assert_eq(handover_flows(b->engine, &cursor, handed, 4), 1);
    cr_assert_eq(handed[0].words[0], c - Y);
    bench_end(b);
}

/* Whoever comes after a kill looks for what the kernel has written (bridge/takeover_log.c). */
Test(preparing, opening_is_logged_while_the_kernel_may_answer)
{
    struct bench *b = begin();
    const uint32_t c = asks(b);

    cr_assert_eq(rows[index_of(b)].edited, 1);
    cr_assert_eq(rows[index_of(b)].state, FLOW_OPENING);
    kernel_answers(b, c);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_eq(rows[index_of(b)].edited, 1);
    cr_assert_eq(rows[index_of(b)].state, FLOW_SPLICED);
    cr_assert_eq(rows[index_of(b)].words[0], c - Y);
    bench_end(b);
}

Test(preparing, what_the_learner_is_to_see_is_not_prepared)
{
    struct bench *b = begin();

    engine_telling(b->engine)->unlearned = false;
    asks(b);
    cr_assert_eq(orders(b, true), 0);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_end(b);
}

Test(preparing, nor_is_what_takes_more_than_a_segment)
{
    static char request[1600] = "GET / HTTP/1.1\r\nA: ";
    struct bench *b = begin();
    uint32_t c;

    memset(request + strlen(request), 'a', 1470 - strlen(request));
    strcpy(request + 1470, "\r\n\r\n");
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = request);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_eq(orders(b, true), 0);
    bench_end(b);
}

/* --- servers that answer otherwise ----------------------------------------------------------- */

/* One more connection, to which the server says this; true where it was prepared. */
static bool is_prepared_and_hears(struct bench *b, const char *options)
{
    static uint32_t port = 1000;
    static char client[40];
    bool is;

    snprintf(client, sizeof(client), "198.51.100.7:%u", port++);
    b->client = client;
    asks(b);
    is = orders(b, true) == 1;
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = options);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    engine_flow_free(b->engine, bench_flow(b));
    engine_carried(b->engine)->orders_count = 0;
    bench_forget(b);
    return is;
}

#define OTHERWISE "mss=1400"

static void misses(struct bench *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cr_assert(is_prepared_and_hears(b, OTHERWISE), "%u", i);
}

Test(preparing, server_that_answers_otherwise_is_left_alone_for_longer_each_time)
{
    struct bench *b = begin();
    uint64_t pause_us = SECOND_US;

    misses(b, PREPARING_MISSES);
    for (int i = 0; i < 9; i++) {
        const uint64_t unprepared = bench_counters(b)->kernel_unprepared;

        cr_assert_not(is_prepared_and_hears(b, OTHERWISE), "%d", i);
        bench_wait(b, pause_us - 1000);
        cr_assert_not(is_prepared_and_hears(b, OTHERWISE), "%d", i);
        cr_assert_eq(bench_counters(b)->kernel_unprepared, unprepared + 2);
        bench_wait(b, 1000);
        cr_assert(is_prepared_and_hears(b, OTHERWISE), "%d", i);
        pause_us = pause_us < 64 * SECOND_US ? 2 * pause_us : pause_us;
    }
    bench_end(b);
}

Test(preparing, server_that_answers_as_promised_once_is_not_left_alone)
{
    struct bench *b = begin();

    for (int i = 0; i < 3; i++) {
        misses(b, PREPARING_MISSES - 1);
        cr_assert(is_prepared_and_hears(b, OFFERS));
    }
    misses(b, PREPARING_MISSES);
    bench_wait(b, SECOND_US);
    cr_assert(is_prepared_and_hears(b, OFFERS), "the pause is over");
    misses(b, PREPARING_MISSES);
    bench_wait(b, SECOND_US);
    cr_assert(is_prepared_and_hears(b, OTHERWISE), "the next one is as short as the first");
    bench_end(b);
}

/* What the kernel has answered was as promised. */
Test(preparing, server_that_the_kernel_answers_is_not_left_alone)
{
    struct bench *b = begin();
    uint32_t c;

    misses(b, PREPARING_MISSES - 1);
    b->client = "198.51.100.8:1";
    c = asks(b);
    kernel_answers(b, c);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_eq(bench_server(b, HTTP)->preparations.missed, 0);
    engine_flow_free(b->engine, bench_flow(b));
    engine_carried(b->engine)->orders_count = 0;
    bench_forget(b);
    misses(b, PREPARING_MISSES - 1);
    cr_assert(is_prepared_and_hears(b, OTHERWISE));
    bench_end(b);
}

/* Those that were under way when the pause began say nothing of the time behind it. */
Test(preparing, crowd_that_was_prepared_together_makes_one_pause)
{
    static const char *const clients[] = {"198.51.100.8:1", "198.51.100.8:2", "198.51.100.8:3"};
    struct bench *b = begin();

    for (uint32_t i = 0; i < 3; i++) {
        b->client = clients[i];
        asks(b);
    }
    engine_carried(b->engine)->orders_count = 0;
    misses(b, PREPARING_MISSES);
    for (uint32_t i = 0; i < 3; i++) {
        b->client = clients[i];
        server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OTHERWISE);
        to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    }
    engine_carried(b->engine)->orders_count = 0;
    bench_wait(b, SECOND_US);
    cr_assert(is_prepared_and_hears(b, OTHERWISE));
    bench_end(b);
}

/* As complete.bpf.h has it: each of these goes up there. */
Test(preparing, any_other_bit_counts_as_a_miss)
{
    static const struct {
        const char *client, *flags, *options;
    } others[] = {{"198.51.100.8:1", "S.", "mss=1459 nop nop sack nop ws=7"},
                  {"198.51.100.8:2", "S.", "mss=1460 sack nop nop nop ws=7"},
                  {"198.51.100.8:3", "SE.", OFFERS},
                  {"198.51.100.8:4", "SP.", OFFERS}};
    struct bench *b = begin();

    for (uint8_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        b->client = others[i].client;
        asks(b);
        server_says(b, .flags = others[i].flags, .seq = Y, .ack = X + 1,
                    .options = others[i].options);
        to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
        cr_assert_eq(bench_server(b, HTTP)->preparations.missed, i + 1);
    }
    bench_end(b);
}
