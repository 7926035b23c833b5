/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/telling.c: of which servers the kernel tells, and what is made of it. The
 * kernel is played by hand. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/shard/observe.h"
#include "engine/stages/telling.h"
#include "tests/engine/support_engine.h"

#define SERVERS 64u

static struct tell_hub hub;
static struct tell_server servers[SERVERS];

static struct bench *begin(void)
{
    struct engine_config config;

    memset(&hub, 0, sizeof(hub));
    memset(servers, 0, sizeof(servers));
    bench_config(&config);
    cr_assert_leq(config.servers_max, SERVERS);
    config.observed_per_second = 16;
    config.tells = (struct tell_share){.hub = &hub, .servers = servers};
    return bench_new_sized(SETTING_AUTO, &config);
}

/* It has passed. */
static void passes(struct bench *b, enum side from)
{
    const struct told_frame told = {.from = from,
                                    .buffer = b->sent.buffer,
                                    .bytes = b->sent.bytes,
                                    .wire_bytes = b->sent.bytes - OFFLOAD_BYTES,
                                    .capacity = sizeof(b->sent.buffer)};

    engine_told(b->engine, &told, b->now_us);
}

#define client_passes(b, ...) (client_builds(b, __VA_ARGS__), passes(b, SIDE_CLIENT))
#define server_passes(b, ...) (server_builds(b, __VA_ARGS__), passes(b, SIDE_SERVER))

static void tick(struct bench *b)
{
    while (engine_tick(b->engine, b->now_us))
        ;
}

static const struct tell_server *state_of(struct bench *b)
{
    return &servers[bench_server(b, HTTP) - b->engine->servers.slots];
}

/* So many connections in this time, completed. */
static void connections(struct bench *b, uint32_t count, uint64_t us)
{
    for (uint32_t i = 0; i < count; i++) {
        bench_client(b, (uint16_t)(i % 32));
        client_passes(b, .flags = "S", .seq = X, .options = OFFERS);
        server_passes(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        client_passes(b, .flags = "R.", .seq = X + 1, .ack = Y + 1);
    }
    b->now_us += us;
    tick(b);
}

static void becomes_busy(struct bench *b)
{
    tick(b);
    connections(b, 64, SECOND_US / 4); /* the learner takes 4 of them */
}

Test(telling, busy_server_is_told_of_but_for_what_the_learner_takes)
{
    struct bench *b = begin();
    struct telling *telling = engine_telling(b->engine);

    tick(b);
    connections(b, 2, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES, "the learner takes all");
    cr_assert_eq(telling->orders_count, 0);
    connections(b, 64, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES / 16);
    cr_assert_eq(state_of(b)->held, TELL_SHARES, "some may have begun before");
    cr_assert_eq(telling->orders_count, 1);
    cr_assert(telling->orders[0].add);
    for (uint32_t look = 0; look < 2 * TELLING_HOLD; look++)
        connections(b, 64, SECOND_US / 4);
    cr_assert_eq(state_of(b)->held, TELL_SHARES / 16);
    cr_assert_eq(telling->orders_count, 1);
    cr_assert_eq(telling->let, 1);
    bench_end(b);
}

/* Of which the learner takes 16 a second, and 8 where it is known. */
static struct bench *begin_known(void)
{
    struct engine_config config;
    struct bench *b;

    memset(&hub, 0, sizeof(hub));
    memset(servers, 0, sizeof(servers));
    bench_config(&config);
    config.observed_per_second = 16;
    config.observed_of_known = 8;
    config.tells = (struct tell_share){.hub = &hub, .servers = servers};
    b = bench_new_sized(SETTING_AUTO, &config);
    bench_policy(b, HTTP)->known = true;
    tick(b);
    connections(b, 2, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES, "it takes all");
    return b;
}

Test(telling, crowd_of_a_known_server_is_passed_on_from_its_first_hundred_on)
{
    struct bench *b = begin_known();
    uint32_t share;

    connections(b, TELLING_CROWD - 1, 0);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES);
    connections(b, 1, 0);
    share = state_of(b)->asked;
    cr_assert_lt(share, TELL_SHARES / 16, "%u", share);
    cr_assert_eq(state_of(b)->held, share, "who has begun before is passed over");
    cr_assert_eq(engine_telling(b->engine)->orders_count, 1);
    connections(b, 64, SECOND_US / 4); /* the learner takes 2 of these, by its rate */
    cr_assert_leq(state_of(b)->asked, TELL_SHARES / 32);
    bench_end(b);
}

Test(telling, share_of_a_known_server_grows_slowly)
{
    struct bench *b = begin_known();
    uint32_t share, looks = 0;

    connections(b, 64, SECOND_US / 4);
    share = state_of(b)->asked;
    cr_assert_leq(share, TELL_SHARES / 32);
    for (uint64_t us = SECOND_US / 4; us < TELLING_RISE_US; us += SECOND_US / 4)
        connections(b, 1, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, share);
    connections(b, 1, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, 2 * share + 1);
    while (state_of(b)->asked < TELL_SHARES && looks++ < 60)
        connections(b, 1, SECOND_US);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES, "within a minute");
    bench_end(b);
}

Test(telling, server_that_has_come_back_is_forgotten_where_it_was_first)
{
    struct bench *b = begin();
    struct telling *telling = engine_telling(b->engine);
    const uint32_t last = b->engine->servers.capacity - 1;
    uint32_t place;

    tick(b);
    connections(b, 2, SECOND_US / 4);
    place = (uint32_t)(bench_server(b, HTTP) - b->engine->servers.slots);
    cr_assert_lt(place, last);
    telling->servers[last] = (struct told_server){.key = bench_server(b, HTTP)->key, .added = true};
    connections(b, 64, SECOND_US / 4);
    cr_assert_eq(telling->orders_count, 2);
    cr_assert(!telling->orders[0].add && telling->orders[0].place == last);
    cr_assert(telling->orders[1].add && telling->orders[1].place == place);
    bench_end(b);
}

Test(telling, all_is_told_where_nobody_learns)
{
    struct bench *b = begin();

    engine_telling(b->engine)->unlearned = true;
    tick(b);
    for (uint32_t look = 0; look <= 2 * TELLING_HOLD; look++)
        connections(b, 1, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, 0);
    cr_assert_eq(state_of(b)->held, 0);
    bench_end(b);
}

Test(telling, connections_that_prove_who_may_ask_over_udp_go_up)
{
    struct bench *b = begin();

    bench_policy(b, HTTP)->protocols |= 1ull << PROTOCOL_DNS;
    becomes_busy(b);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES);
    cr_assert_eq(engine_telling(b->engine)->orders_count, 0);
    bench_end(b);
}

Test(telling, nothing_is_told_from_the_attack_mode_on)
{
    struct bench *b = begin();

    becomes_busy(b);
    cr_assert_lt(state_of(b)->asked, TELL_SHARES);
    for (uint32_t i = 0; i < 201; i++) {
        bench_client(b, (uint16_t)(1000 + i));
        client_passes(b, .flags = "S", .seq = X, .options = OFFERS);
    }
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_ATTACK, "a flood that passes is noticed");
    /* Without a tick: the batch may be long. */
    cr_assert_eq(state_of(b)->asked, TELL_SHARES);
    cr_assert_eq(state_of(b)->held, TELL_SHARES);
    bench_end(b);
}

Test(telling, attack_mode_is_told_before_all_that_is_due_is_done)
{
    struct bench *b = begin();

    becomes_busy(b);
    connections(b, 64, 0);
    b->now_us += 600 * SECOND_US;
    server_set_mode(bench_server(b, HTTP), MODE_ATTACK, TRIGGER_HALF_OPEN, 201, b->now_us);
    cr_assert(engine_tick(b->engine, b->now_us), "more is due");
    cr_assert_eq(state_of(b)->asked, TELL_SHARES);
    cr_assert_eq(state_of(b)->held, TELL_SHARES);
    bench_end(b);
}

Test(telling, what_is_left_of_an_attack_is_waited_for)
{
    struct bench *b = begin();

    becomes_busy(b);
    server_set_mode(bench_server(b, HTTP), MODE_ATTACK, TRIGGER_HALF_OPEN, 201, b->now_us);
    tick(b);
    b->now_us += SECOND_US;
    server_set_mode(bench_server(b, HTTP), MODE_NORMAL, TRIGGER_NONE, 0, b->now_us);
    connections(b, 64, SECOND_US);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES);
    b->now_us += COOKIE_LIFETIME_US;
    tick(b);
    connections(b, 64, SECOND_US / 4);
    cr_assert_lt(state_of(b)->asked, TELL_SHARES);
    bench_server(b, HTTP)->figures.spliced = 1;
    connections(b, 64, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES, "its numbers are not the same on both sides");
    bench_server(b, HTTP)->figures.spliced = 0;
    connections(b, 64, SECOND_US / 4);
    cr_assert_eq(state_of(b)->asked, TELL_SHARES, "nor of what closes");
    bench_end(b);
}

Test(telling, syns_go_up_while_the_operator_has_rules_of_sources)
{
    struct bench *b = begin();
    const struct source_rule rule = {
        .state = SOURCE_ASIDE, .by = SOURCE_BY_OPERATOR, .length = 128};

    tick(b);
    cr_assert_eq(hub.syns_up, 0);
    cr_assert(engine_set_source(b->engine, &rule, b->now_us));
    tick(b);
    cr_assert_neq(hub.syns_up, 0);
    bench_end(b);
}

Test(telling, connection_that_passes_is_followed_to_its_end)
{
    struct bench *b = begin();

    client_passes(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    server_passes(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_passes(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    cr_assert_str_eq(bench_flow_state(b), "established");
    server_passes(b, .flags = "F.", .seq = Y + 1, .ack = X + 19);
    client_passes(b, .flags = "F.", .seq = X + 19, .ack = Y + 2);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_null(bench_observed(b), "the learner sees all of a connection, or nothing");
    cr_assert_eq(bench_counters(b)->learning_flows_passed_over, 1);
    bench_end(b);
}

Test(telling, only_the_headers_are_needed)
{
    struct bench *b = begin();
    struct told_frame told = {.from = SIDE_CLIENT, .capacity = sizeof(b->sent.buffer)};

    client_passes(b, .flags = "S", .seq = X, .options = OFFERS);
    server_passes(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_builds(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    told.buffer = b->sent.buffer;
    told.wire_bytes = b->sent.bytes - OFFLOAD_BYTES;
    told.bytes = b->sent.bytes - (uint32_t)strlen(REQUEST);
    memset(told.buffer + told.bytes, 0, strlen(REQUEST));
    engine_told(b->engine, &told, b->now_us);
    cr_assert_eq(flow_cold(&b->engine->flows, bench_flow(b))->client_next, X + 19);
    cr_assert_eq(bench_server(b, HTTP)->figures.bytes_in, told.wire_bytes);
    bench_end(b);
}

Test(telling, who_is_seen_by_the_learner_is_left_by_it_where_a_part_is_missing)
{
    struct bench *b = begin();
    const struct observation *seen;

    handshake(b, OFFERS, OFFERS);
    while (bench_observed(b))
        ;
    client_passes(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    seen = bench_observed(b);
    cr_assert_not_null(seen);
    cr_assert_eq(seen->kind, OBSERVED_END);
    cr_assert_eq(seen->end.reason, END_UNSEEN);
    cr_assert_null(bench_observed(b));
    cr_assert_not(observe_follows(flow_cold(&b->engine->flows, bench_flow(b))));
    bench_end(b);
}

/* --- of joined connections ------------------------------------------------------------------- */

static struct bench *begin_joined(uint32_t *c)
{
    struct engine_config config;
    struct bench *b;

    memset(&hub, 0, sizeof(hub));
    memset(servers, 0, sizeof(servers));
    bench_config(&config);
    config.tells = (struct tell_share){.hub = &hub, .servers = servers};
    b = bench_new_sized(SETTING_ATTACK, &config);
    *c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = *c + 1, .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_SERVER);
    return b;
}

Test(telling, joined_connection_ends_by_fins_that_the_kernel_let_pass)
{
    uint32_t c;
    struct bench *b = begin_joined(&c);
    const uint32_t held = bench_server(b, HTTP)->held;

    server_passes(b, .flags = "F.", .seq = Y + 1, .ack = X + 19);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    cr_assert_eq(bench_server(b, HTTP)->held, held - 1, "its place is free");
    client_passes(b, .flags = "F.", .seq = X + 19, .ack = c + 2);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    bench_expect_nothing(b, __LINE__);
    bench_end(b);
}

Test(telling, fin_of_a_joined_connection_that_is_nobodys_ends_nothing)
{
    uint32_t c;
    struct bench *b = begin_joined(&c);

    server_passes(b, .flags = "F.", .seq = Y + 1 + (1u << 21), .ack = X + 19);
    client_passes(b, .flags = "F.", .seq = X + 19 - (1u << 21), .ack = c + 1);
    cr_assert_not(bench_flow(b)->flags & (FLOW_CLIENT_FIN | FLOW_SERVER_FIN));
    bench_end(b);
}

Test(telling, client_of_a_joined_connection_that_closes_its_window_is_known_to)
{
    uint32_t c;
    struct bench *b = begin_joined(&c);
    struct watched *watched = watch_of(b->engine->held.watch, &b->engine->flows, bench_flow(b));

    client_passes(b, .flags = ".", .seq = X + 19, .ack = c + 1, .window = 5);
    cr_assert_not(watched->closed);
    client_passes(b, .flags = ".", .seq = X + 19, .ack = c + 1, .window_closed = true);
    cr_assert(watched->closed);
    bench_end(b);
}
