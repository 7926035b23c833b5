/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/held.c: how many connections a server in attack mode holds, and who waits.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/stages/held.h"
#include "engine/tables/slots.h"
#include "tests/engine/support_engine.h"

#define ANSWER "HTTP/1.1 204 No Content\r\n\r\n"
#define ASKED  (X + 1 + sizeof(REQUEST) - 1)

static uint32_t isn; /* of the cookie that was got last */

/* With room for all that the tests open. */
static struct bench *bench_of(enum mode_setting setting)
{
    struct engine_config config;

    bench_config(&config);
    config.flows_max = 1024;
    config.openings_max = 64;
    config.slots_max = 1024;
    config.held_least = HELD_LEAST;
    return bench_new_sized(setting, &config);
}

/* From here on 198.51.`prefix`.`host`:`port` speaks. */
static void client(struct bench *b, unsigned prefix, unsigned host, unsigned port)
{
    snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.%u:%u", prefix, host, port);
    b->client = b->client_text;
}

/* The server accepts what we open in the client's name. */
static void server_accepts(struct bench *b)
{
    while (!(take(b, SIDE_SERVER)->flags & TCP_SYN))
        ;
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    bench_forget(b);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
}

/* Asks HTTP for a connection; returns whether it was opened. */
static bool opens(struct bench *b, unsigned prefix, unsigned host, unsigned port)
{
    client(b, prefix, host, port);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = REQUEST);
    if (strcmp(bench_flow_state(b), "opening") != 0)
        return false;
    server_accepts(b);
    return true;
}

/* Of `per_source` connections each. */
static uint32_t open_many(struct bench *b, uint32_t count, uint32_t per_source)
{
    uint32_t opened = 0;

    for (uint32_t i = 0; i < count; i++)
        opened +=
            opens(b, 1 + i / per_source / 200, 1 + i / per_source % 200, 1000 + i % per_source);
    return opened;
}

/* The server answers, and both sides close. */
static void is_served(struct bench *b)
{
    const uint32_t told = Y + sizeof(ANSWER);

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = ASKED, .payload = ANSWER);
    server_says(b, .flags = "F.", .seq = told, .ack = ASKED);
    client_says(b, .flags = "F.", .seq = ASKED, .ack = isn + 1 + sizeof(ANSWER));
    cr_assert_str_eq(bench_flow_state(b), "closing");
    bench_forget(b);
}

static uint32_t held_now(struct bench *b)
{
    return bench_server(b, HTTP)->held;
}

Test(held, below_the_mark_nobody_is_limited)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    cr_assert_eq(open_many(b, 200, 200), HELD_LEAST);
    cr_assert_eq(held_now(b), HELD_LEAST);
    cr_assert_eq(bench_counters(b)->requests_delayed, 64, "a sixteenth of the slots");
    cr_assert_eq(bench_counters(b)->drops[DROP_slots_full], 200 - HELD_LEAST - 64);
    bench_end(b);
}

/* Half of what is left above the mark is for those that the server has answered before. */
Test(held, newcomers_get_half_of_what_is_left)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    cr_assert(opens(b, 200, 1, 1000));
    is_served(b);
    bench_wait(b, 3 * SECOND_US); /* long enough that it makes no room as one of a crowd */
    cr_assert_eq(held_now(b), 0);
    cr_assert_eq(open_many(b, 100, 1), HELD_LEAST * 3 / 2);
    cr_assert(opens(b, 200, 1, 2000), "it was answered before");
    cr_assert(!opens(b, 200, 2, 2000));
    bench_end(b);
}

/* Nobody is reset or blamed: the request waits in its slot until a place is free. */
Test(held, request_waits_for_a_place)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    cr_assert_eq(open_many(b, HELD_LEAST, HELD_LEAST), HELD_LEAST);
    cr_assert(!opens(b, 1, 1, 3000));
    nothing(b);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = REQUEST);
    held(b);
    client(b, 1, 1, 1000 + HELD_LEAST - 1);
    server_says(b, .flags = "F.", .seq = Y + 1, .ack = ASKED);
    bench_forget(b);
    cr_assert_eq(held_now(b), HELD_LEAST - 1, "what the server has closed is no burden");
    bench_wait(b, SECOND_US / 1000);
    client(b, 1, 1, 3000);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    server_accepts(b);
    cr_assert_eq(held_now(b), HELD_LEAST);
    cr_assert_eq(bench_counters(b)->requests_delayed, 1);
    cr_assert_eq(bench_counters(b)->requests_matched, HELD_LEAST + 1);
    bench_end(b);
}

/* What is opened so says all that the client has said: with timestamps, over IPv6. */
Test(held, request_that_waited_is_opened_as_it_was_said)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    b->config.held_least = 1;
    b->engine->config.held_least = 0;
    b->client = CLIENT6;
    b->server = HTTP6;
    bench_server(b, HTTP6)->held = 3; /* by others */
    client_says(b, .flags = "S", .seq = X,
                .options = OFFERS " "
                                  "nop nop ts=10/0");
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1,
                .options = ts(11, b->seen_options.tsval), .payload = REQUEST);
    held(b);
    cr_assert_str_eq(bench_flow_state(b), "kept");
    bench_wait(b, 100000);
    nothing(b);
    bench_server(b, HTTP6)->mode = MODE_NORMAL;
    bench_wait(b, 100000);
    to_server(b, .flags = "S", .seq = X, .options = "mss=1440 sack ts=11/0 nop ws=7");
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1,
                .options = "mss=1440 sack ts=500/11 nop ws=7");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .options = ts(11, 500),
              .payload = REQUEST);
    bench_end(b);
}

/* Where it holds more than its share, a source is served in turn, and others are not kept up. */
Test(held, source_over_its_share_waits_for_its_turn)
{
    struct bench *b = bench_of(SETTING_ATTACK);
    uint16_t port;

    open_many(b, HELD_LEAST, HELD_LEAST);
    cr_assert(!opens(b, 1, 1, 3000));
    cr_assert(!opens(b, 1, 1, 3001));
    cr_assert(opens(b, 1, 2, 3000));
    is_served(b);
    bench_wait(b, 100000);
    client(b, 1, 1, 3000);
    cr_assert_str_eq(bench_flow_state(b), "kept", "a place above the mark is not for it");
    for (port = 1000; port < 1002; port++) {
        client(b, 1, 1, port);
        server_says(b, .flags = "F.", .seq = Y + 1, .ack = ASKED);
        bench_forget(b);
        bench_wait(b, 1000);
        client(b, 1, 1, (uint16_t)(port + 2000));
        server_accepts(b);
    }
    bench_end(b);
}

/* One of a network of its own asks HTTP over IPv6, where there is no place. */
static void waits_at_http6(struct bench *b, unsigned network)
{
    snprintf(b->client_text, sizeof(b->client_text), "[2001:db8:%x::1]:1000", network);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = REQUEST);
    cr_assert_str_eq(bench_flow_state(b), "kept");
}

/* Whoever is next: a place is given back by the `port`th of those that hold one. */
static void next(struct bench *b, uint16_t port)
{
    client(b, 200, 1, port);
    server_says(b, .flags = "F.", .seq = Y + 1, .ack = ASKED);
    bench_forget(b);
    bench_wait(b, 1000);
}

static bool has_place(struct bench *b, unsigned prefix, unsigned port)
{
    client(b, prefix, 1, port);
    return strcmp(bench_flow_state(b), "kept") != 0;
}

/* Whoever holds nothing comes before those who hold something, the newest as often as the oldest,
 * and whoever the server has answered before all. */
Test(held, first_places_come_first)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    cr_assert(opens(b, 20, 1, 1000));
    is_served(b);
    bench_wait(b, 3 * SECOND_US);
    b->engine->config.held_least = 8;
    for (uint16_t port = 1000; port < 1008; port++)
        cr_assert(opens(b, 200, 1, port));
    for (unsigned prefix = 1; prefix <= 4; prefix++)
        cr_assert(opens(b, prefix, 1, 1000));
    cr_assert(!opens(b, 4, 1, 2000), "it holds one already");
    for (unsigned prefix = 11; prefix <= 13; prefix++)
        cr_assert(!opens(b, prefix, 1, 1000));
    bench_server(b, HTTP)->held += 4;
    cr_assert(!opens(b, 20, 1, 2000), "twice the mark are held");
    next(b, 1000);
    cr_assert(has_place(b, 20, 2000));
    bench_server(b, HTTP)->held -= 4;
    next(b, 1001);
    cr_assert(has_place(b, 11, 1000) && !has_place(b, 12, 1000) && !has_place(b, 13, 1000));
    next(b, 1002);
    cr_assert(has_place(b, 13, 1000) && !has_place(b, 12, 1000));
    next(b, 1003);
    cr_assert(has_place(b, 12, 1000) && !has_place(b, 4, 2000));
    next(b, 1004);
    cr_assert(has_place(b, 4, 2000));
    bench_forget(b);
    bench_end(b);
}

/* Those that wait for another server fill the front of the queue, so the one that waits here for
 * its first place is not looked at now; one that waits for more does not pass it for that. */
Test(held, nobody_passes_a_better_class_that_waits_behind_another_server)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    b->engine->config.held_least = 8;
    for (uint16_t port = 1000; port < 1008; port++)
        cr_assert(opens(b, 200, 1, port));
    for (unsigned prefix = 1; prefix <= 4; prefix++)
        cr_assert(opens(b, prefix, 1, 1000));
    bench_server(b, HTTP6)->held = 100;
    for (unsigned prefix = 1; prefix <= 80; prefix++) {
        if (prefix == 70) {
            b->server = HTTP;
            cr_assert(!opens(b, 11, 1, 1000));
            cr_assert(!opens(b, 11, 2, 1000), "one of its network waits for a first place");
        }
        b->server = HTTP6;
        waits_at_http6(b, prefix);
    }
    b->server = HTTP;
    b->engine->held.newest = false;
    next(b, 1000);
    client(b, 11, 2, 1000);
    cr_assert_str_eq(bench_flow_state(b), "kept");
    bench_wait(b, SECOND_US / 10);
    cr_assert(has_place(b, 11, 1000));
    client(b, 11, 2, 1000);
    cr_assert_str_eq(bench_flow_state(b), "kept");
    bench_server(b, HTTP6)->held = 0;
    bench_forget(b);
    bench_end(b);
}

/* However many wait for another server, nobody waits for his turn for two seconds. */
Test(held, thousands_that_wait_for_another_server_cost_nobody_his_turn)
{
    struct engine_config config;
    struct bench *b;
    uint64_t waited_us = 0;

    bench_config(&config);
    config.flows_max = config.slots_max = 16384;
    config.openings_max = 64;
    config.held_least = 8;
    b = bench_new_sized(SETTING_ATTACK, &config);
    for (uint16_t port = 1000; port < 1008; port++)
        cr_assert(opens(b, 200, 1, port));
    for (unsigned prefix = 1; prefix <= 4; prefix++)
        cr_assert(opens(b, prefix, 1, 1000));
    bench_server(b, HTTP6)->held = 100;
    for (unsigned prefix = 1; prefix <= 6000; prefix++) {
        if (prefix == 5900) {
            b->server = HTTP;
            cr_assert(!opens(b, 11, 1, 1000));
        }
        b->server = HTTP6;
        waits_at_http6(b, prefix);
        bench_forget(b);
    }
    b->server = HTTP;
    next(b, 1000);
    for (; !has_place(b, 11, 1000) && waited_us < 10 * SECOND_US; waited_us += 20000)
        bench_wait(b, 20000);
    cr_assert_leq(waited_us, 2 * SECOND_US);
    bench_server(b, HTTP6)->held = 0;
    bench_forget(b);
    bench_end(b);
}

/* To look through those who wait for another server costs as much as hundreds of frames. */
Test(held, a_place_at_a_server_that_nobody_waits_for_wakes_nobody)
{
    struct bench *b = bench_of(SETTING_ATTACK);
    uint64_t due_us;

    cr_assert(opens(b, 1, 1, 1000));
    b->engine->held.queue_us = due_us = b->now_us + 10000;
    is_served(b);
    cr_assert_eq(b->engine->held.queue_us, due_us);
    cr_assert(opens(b, 1, 1, 1001));
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 1;
    is_served(b);
    cr_assert_eq(b->engine->held.queue_us, 0);
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 0;
    bench_end(b);
}

/* However many of a network wait, one of them stands before those of others. */
Test(held, one_of_a_network_waits_for_a_first_place)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    b->engine->config.held_least = 8;
    for (uint16_t port = 1000; port < 1008; port++)
        cr_assert(opens(b, 200, 1, port));
    for (unsigned prefix = 1; prefix <= 4; prefix++)
        cr_assert(opens(b, prefix, 1, 1000));
    cr_assert(!opens(b, 11, 1, 1000));
    cr_assert(!opens(b, 12, 1, 1000));
    for (unsigned host = 2; host <= 9; host++)
        cr_assert(!opens(b, 11, host, 1000));
    cr_assert_eq(bench_server(b, HTTP)->held_waiting[HELD_FIRST], 2);
    next(b, 1000);
    cr_assert(has_place(b, 11, 1000) && !has_place(b, 12, 1000));
    next(b, 1001);
    cr_assert(has_place(b, 12, 1000), "the newest of the first ones");
    next(b, 1002);
    client(b, 11, 2, 1000);
    cr_assert_str_neq(bench_flow_state(b), "kept", "and then they");
    cr_assert(!opens(b, 12, 2, 1000));
    cr_assert_eq(bench_server(b, HTTP)->held_waiting[HELD_FIRST], 0);
    bench_wait(b, 2 * SECOND_US);
    cr_assert(!opens(b, 12, 3, 1000));
    cr_assert_eq(bench_server(b, HTTP)->held_waiting[HELD_FIRST], 1, "it has waited alone");
    bench_forget(b);
    bench_end(b);
}

Test(held, operator_lifts_the_limits_for_a_source)
{
    struct bench *b = bench_of(SETTING_ATTACK);
    struct source_rule rule = {.length = 32, .state = SOURCE_ALLOWED, .by = SOURCE_BY_OPERATOR};
    uint16_t port;

    open_many(b, HELD_LEAST, HELD_LEAST);
    cr_assert(!opens(b, 1, 1, 3000));
    endpoint_read("198.51.1.1:0", &rule.prefix, &port);
    cr_assert(engine_set_source(b->engine, &rule, b->now_us));
    for (unsigned i = 0; i < 2 * HELD_LEAST; i++)
        cr_assert(opens(b, 1, 1, 4000 + i));
    bench_forget(b);
    bench_end(b);
}

/* A crowd of quick ones makes its own room. */
Test(held, as_many_more_as_are_served_quickly)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    for (uint32_t i = 0; i < 50; i++) {
        cr_assert(opens(b, 100, 1 + i, 1000));
        is_served(b);
    }
    cr_assert_eq(open_many(b, 200, 1), HELD_LEAST * 3 / 2 + 50);
    bench_end(b);
}

/* Not so one that fetches as fast as it can, for slow ones of others. */
Test(held, one_source_that_is_quick_makes_room_for_few)
{
    struct bench *b = bench_of(SETTING_ATTACK);
    uint32_t opened;

    for (uint32_t i = 0; i < 200; i++) {
        cr_assert(opens(b, 100, 1, 1000 + i));
        is_served(b);
        bench_wait(b, 9000);
    }
    opened = open_many(b, 200, 1);
    cr_assert_leq(opened, HELD_LEAST * 3 / 2 + 8);
    cr_assert_geq(opened, HELD_LEAST * 3 / 2 + 5);
    bench_end(b);
}

/* Their client's first words are no whole request: it is asked for its ACK again. */
static void waits_and_is_asked_again(bool by_the_kernel)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    bench_policy(b, HTTP)->opening = OPENING_COOKIE;
    bench_server(b, HTTP)->held = 2 * HELD_LEAST;
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    if (by_the_kernel)
        bench_forget_synack(b);
    client_says(b, .flags = ".", .seq = X + 1, .ack = isn + 1);
    dropped(b, held_limit);
    bench_wait(b, SECOND_US + 100000);
    to_client(b, .flags = "S.", .seq = isn, .ack = X + 1, .options = OFFERS);
    bench_server(b, HTTP)->held = 0;
    client_says(b, .flags = ".", .seq = X + 1, .ack = isn + 1);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_wait(b, 2 * SECOND_US);
    bench_forget(b);
    bench_end(b);
}

Test(held, client_that_waits_for_the_server_is_asked_again)
{
    waits_and_is_asked_again(false);
    waits_and_is_asked_again(true);
}

/* --- the mark -------------------------------------------------------------------------------- */

static uint32_t mark(struct bench *b)
{
    return held_mark(b->engine, bench_server(b, HTTP));
}

/* A handshake in normal mode. */
static void comes(struct bench *b, unsigned host, unsigned port)
{
    client(b, 1, host, port);
    handshake(b, OFFERS, OFFERS);
}

Test(held, peak_of_calm_rises_by_one_a_second)
{
    struct bench *b = bench_of(SETTING_NORMAL);

    for (uint32_t i = 0; i < 20; i++)
        comes(b, 1 + i, 1000);
    cr_assert_eq(bench_server(b, HTTP)->held_peak, 1, "so a flood makes none");
    for (uint32_t i = 20; i < 140; i++) {
        bench_wait(b, SECOND_US);
        comes(b, 1 + i, 1000);
    }
    cr_assert_eq(bench_server(b, HTTP)->held_peak, 121);
    cr_assert_eq(held_now(b), 140);
    bench_end(b);
}

/* One source's many count for little. */
Test(held, peak_rises_slowly_by_one_source)
{
    struct bench *b = bench_of(SETTING_NORMAL);

    for (uint32_t i = 0; i < 108; i++) {
        comes(b, 1, 1000 + i);
        bench_wait(b, SECOND_US);
    }
    cr_assert_eq(bench_server(b, HTTP)->held_peak, 8 + 10);
    bench_end(b);
}

Test(held, half_as_much_again_as_in_calm)
{
    struct bench *b = bench_of(SETTING_ATTACK);

    cr_assert_eq(mark(b), HELD_LEAST);
    bench_server(b, HTTP)->held_peak = 80;
    cr_assert_eq(mark(b), 120);
    cr_assert_eq(open_many(b, 200, 200), 120);
    bench_end(b);
}

/* Whatever came before the attack is no reason to turn others away, until it has gone. */
Test(held, what_was_there_before_the_attack_counts_for_the_mark)
{
    struct bench *b = bench_of(SETTING_AUTO);
    struct server_key key = bench_server(b, HTTP)->key;

    for (uint32_t i = 0; i < 100; i++)
        comes(b, 1 + i, 500);
    engine_set_mode(b->engine, &key, MODE_ATTACK, TRIGGER_SYN_RATE, 1, b->now_us);
    cr_assert_eq(mark(b), 150);
    cr_assert_eq(open_many(b, 100, 100), 50);
    for (uint32_t i = 0; i < 100; i++) {
        client(b, 1, 1 + i, 500);
        server_says(b, .flags = "R.", .seq = Y + 1, .ack = X + 1);
    }
    bench_forget(b);
    cr_assert_eq(mark(b), HELD_LEAST);
    bench_end(b);
}

/* A busy server whose connections are older than we are. */
Test(held, connections_picked_up_at_the_start_are_the_peak)
{
    struct bench *b = bench_of(SETTING_NORMAL);

    b->server = STRANGER;
    for (uint32_t i = 0; i < 200; i++) {
        client(b, 1, 1 + i, 1000);
        server_says(b, .flags = "P.", .seq = 77, .ack = 99, .payload = "news");
        client_says(b, .flags = ".", .seq = 99, .ack = 81);
    }
    bench_forget(b);
    client(b, 2, 1, 1000);
    handshake(b, OFFERS, OFFERS); /* from here on it is known for a server */
    bench_wait(b, SECOND_US);
    cr_assert_eq(bench_server(b, STRANGER)->held, 201);
    cr_assert_geq(bench_server(b, STRANGER)->held_peak, 200);
    bench_end(b);
}
