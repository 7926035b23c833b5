/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/banned.c: a filter of the server's takes what some clients send, and
 * nobody here sees the server's stack.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/stages/banned.h"
#include "engine/stages/held.h"
#include "tests/engine/support_engine.h"

#define ASKED   (X + 1 + sizeof(REQUEST) - 1)
#define AT_ONCE 8

static struct bench *attacked(void)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = 1024;
    config.openings_max = 64;
    config.slots_max = 1024;
    config.sources_max = 1024;
    config.held_least = 64;
    b = bench_new_sized(SETTING_ATTACK, &config);
    for (int i = 0; i < ANSWERS_KNOWN; i++)
        answer_note(&bench_server(b, HTTP)->answers, 0, 1, 0);
    return b;
}

/* From here on 198.51.`number`.1:`port` speaks. */
static void client(struct bench *b, unsigned number, unsigned port)
{
    snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.1:%u", number, port);
    b->client = b->client_text;
}

/* The same, where the server's own TCP is to make it; what our SYN-ACK began at. */
static uint32_t asks_by_grant(struct bench *b, unsigned number)
{
    uint32_t isn;

    client(b, number, 1000);
    bench_forget(b);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = REQUEST);
    cr_assert_eq(take(b, SIDE_SERVER)->ack, isn + 1, "no SYN");
    return isn;
}

static void socket_answers(struct bench *b, unsigned number, uint32_t isn)
{
    client(b, number, 1000);
    server_says(b, .flags = ".", .seq = isn + 1, .ack = ASKED);
    bench_forget(b);
}

static const char *state(struct bench *b, unsigned number, unsigned port)
{
    client(b, number, port);
    return bench_flow_state(b);
}

static bool is_opening(struct bench *b, unsigned number, unsigned port)
{
    return strcmp(state(b, number, port), "opening") == 0;
}

/* It asks, and nobody hears of it so far. */
static void asks(struct bench *b, unsigned number, unsigned port)
{
    uint32_t isn;

    client(b, number, port);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = REQUEST);
    bench_forget(b);
}

/* The server, which was asked for it, is there, and serves it. */
static void is_served(struct bench *b, unsigned number, unsigned port)
{
    client(b, number, port);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = ASKED, .payload = "HTTP/1.1 200 OK");
    bench_forget(b);
}

static void wait_ms(struct bench *b, unsigned ms)
{
    bench_wait(b, 1000ull * ms);
    bench_forget(b);
}

/* So many networks from 11 on ask, each by so many connections, from port `from` on. */
static void banned_ask(struct bench *b, unsigned networks, unsigned from, unsigned each)
{
    for (unsigned i = 0; i < networks; i++)
        for (unsigned port = from; port < from + each; port++)
            asks(b, 11 + i, port);
}

static unsigned opening_of(struct bench *b, unsigned networks, unsigned ports)
{
    unsigned count = 0;

    for (unsigned i = 0; i < networks; i++)
        for (unsigned port = 1; port <= ports; port++)
            count += is_opening(b, 11 + i, port);
    return count;
}

/* Within `limit_ms` it is its turn; then it is served. */
static unsigned is_served_within(struct bench *b, unsigned number, unsigned port, unsigned limit_ms)
{
    unsigned ms = 0;

    for (; ms < limit_ms && !is_opening(b, number, port); ms += 20)
        wait_ms(b, 20);
    cr_assert(is_opening(b, number, port), "it waits for %u ms", ms);
    is_served(b, number, port);
    return ms;
}

/* Somebody is tried beside them, is answered, and they keep nobody out any more. */
Test(banned, who_is_not_heard_keeps_nobody_out)
{
    struct bench *b = attacked();

    asks(b, 1, 1);
    is_served(b, 1, 1);
    wait_ms(b, 3000);
    banned_ask(b, 14, 1, 4);
    asks(b, 101, 1);
    cr_assert_str_eq(bench_flow_state(b), "kept", "they may be on their way");
    is_served_within(b, 101, 1, 1500);
    cr_assert_eq(held_mark(b->engine, bench_server(b, HTTP)), 64);
    for (unsigned i = 0; i < 20; i++) {
        asks(b, 102 + i, 1);
        is_served_within(b, 102 + i, 1, i < 5 ? 1500 : 100);
        wait_ms(b, 500);
        if (i % 3 == 0)
            banned_ask(b, 14, 10 + 4 * i, 4);
    }
    cr_assert_eq(held_mark(b->engine, bench_server(b, HTTP)), 64, "the mark is no lower for it");
    cr_assert_eq(bench_counters(b)->sources_put_aside, 0);
    bench_end(b);
}

/* Each of them is asked for once in two seconds, eight at a time. */
Test(banned, they_are_asked_for_by_few)
{
    struct bench *b = attacked();

    banned_ask(b, 2, 1, 2);
    wait_ms(b, 500);
    asks(b, 101, 1);
    is_served(b, 101, 1);
    wait_ms(b, 1000);
    for (unsigned second = 1; second <= 20; second++) {
        banned_ask(b, 2, 10 * second, 10);
        cr_assert_leq(opening_of(b, 2, 10 * second + 10), 2, "one of each");
        cr_assert_leq(bench_server(b, HTTP)->banned_now, 2);
        wait_ms(b, 700);
        asks(b, 102 + second, 1);
        cr_assert(is_opening(b, 102 + second, 1), "nobody waits for them");
        is_served(b, 102 + second, 1);
    }
    bench_end(b);
}

/* Its first SYN was lost, or there was no room: the next one that is heard ends it. */
Test(banned, who_is_heard_again_is_so_at_once)
{
    struct bench *b = attacked();
    const struct server *server = bench_server(b, HTTP);

    asks(b, 11, 1);
    wait_ms(b, 300);
    asks(b, 101, 1);
    is_served(b, 101, 1);
    wait_ms(b, 900);
    cr_assert_str_eq(state(b, 11, 1), "none", "it waits here");
    wait_ms(b, 1500);
    asks(b, 11, 1);
    cr_assert(banned_is(b->engine, server, &bench_flow(b)->key, b->now_us));
    is_served_within(b, 11, 1, 2000);
    cr_assert(!banned_is(b->engine, server, &bench_flow(b)->key, b->now_us));
    cr_assert_eq(server->banned_now, 0);
    for (unsigned port = 2; port < 6; port++) {
        asks(b, 11, port);
        cr_assert(is_opening(b, 11, port));
    }
    bench_forget(b);
    bench_end(b);
}

/* Many behind one address, some of whose SYNs are lost: the server hears it. */
Test(banned, who_is_heard_meanwhile_is_none)
{
    struct bench *b = attacked();

    for (unsigned port = 1; port <= 5; port++)
        asks(b, 11, port);
    wait_ms(b, 900);
    asks(b, 11, 6);
    is_served(b, 11, 6);
    wait_ms(b, 300);
    cr_assert_eq(opening_of(b, 1, 5), 5, "these are asked for again");
    cr_assert_eq(bench_server(b, HTTP)->banned_now, 0);
    bench_end(b);
}

/* Where nobody who came later is answered either it is the accept queue: nothing is said of
 * anybody, and few go on asking. */
Test(banned, a_full_queue_bans_nobody)
{
    struct bench *b = attacked();

    asks(b, 1, 1);
    is_served(b, 1, 1);
    wait_ms(b, 2000);
    for (unsigned i = 0; i < 25; i++) {
        asks(b, 11 + i, 1);
        wait_ms(b, 100);
    }
    for (unsigned i = 0; i < 25; i++) {
        struct flow_key key = {.client =
                                   addr_from_v4((const uint8_t[]){198, 51, (uint8_t)(11 + i), 1})};

        cr_assert(!banned_is(b->engine, bench_server(b, HTTP), &key, b->now_us));
    }
    cr_assert_eq(bench_server(b, HTTP)->banned_now, 0);
    cr_assert_leq(bench_server(b, HTTP)->unheard_now, AT_ONCE + 2 * BANNED_TRIES_PER_SECOND);
    cr_assert_lt(held_mark(b->engine, bench_server(b, HTTP)), 64);
    bench_forget(b);
    bench_end(b);
}

/* It may have risen, or been lowered for something else, since silence has lowered it. */
Test(banned, a_mark_is_only_given_back_upward)
{
    static const struct {
        uint32_t before, now, then;
    } marks[] = {{20, 10, 20}, {0, 10, 64}, {12, 20, 20}, {12, 0, 64}};
    const struct flow_key key = {.client = addr_from_v4((const uint8_t[]){198, 51, 11, 1})};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        struct bench *b = attacked();
        struct server *server = bench_server(b, HTTP);

        asks(b, 11, 1);
        wait_ms(b, 300);
        asks(b, 101, 1);
        is_served(b, 101, 1);
        server->capacity.limit = marks[i].now;
        server->capacity.limit_before = marks[i].before;
        server->capacity.by_silence = true;
        wait_ms(b, 800);
        cr_assert(banned_is(b->engine, server, &key, b->now_us));
        cr_assert_eq(held_mark(b->engine, server), marks[i].then, "row %zu", i);
        bench_end(b);
    }
}

/* One whose grant met a full queue until somebody who came later was answered: it is not judged by
 * the answer that makes it. */
Test(banned, whose_socket_is_late_is_joined_all_the_same)
{
    static struct grant grants[GRANTS];
    struct bench *b = attacked();
    uint32_t first;

    b->engine->config.grants = grants;
    first = asks_by_grant(b, 11);
    for (unsigned i = 12; i <= 16; i++)
        asks_by_grant(b, i);
    for (uint32_t i = 0; i < GRANTS; i++)
        grants[i].outcome = GRANT_queue_full;
    bench_wait(b, SECOND_US / 10 * 8);
    socket_answers(b, 30, asks_by_grant(b, 30));
    cr_assert_str_eq(state(b, 30, 1000), "spliced");
    for (unsigned i = 0; i < 4; i++) {
        bench_wait(b, SECOND_US / 10);
        bench_forget(b);
    }
    socket_answers(b, 11, first);
    cr_assert_str_eq(state(b, 11, 1000), "spliced");
    bench_end(b);
}
