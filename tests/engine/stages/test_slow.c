/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/slow.c: which connections make room at a server that holds too many.
 *
 * It is longer than most: who goes, who stays and in which order has a test for each kind of
 * slowness.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/stages/slow.h"
#include "tests/engine/support_engine.h"

#define ASKED (X + 1 + sizeof(REQUEST) - 1)

static uint32_t isns[256];

static struct bench *attacked(void)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = 1024;
    config.openings_max = 64;
    config.slots_max = 1024;
    config.servers_max = 128;
    config.held_least = 8;
    b = bench_new_sized(SETTING_ATTACK, &config);
    /* So that its silence says nothing (capacity.h) */
    bench_server(b, HTTP)->answers =
        (struct answers){.usual = UINT32_MAX / 8, .seen = ANSWERS_KNOWN};
    return b;
}

/* Whatever is held are bodies that do not come. */
static void await_bodies(struct bench *b)
{
    for (uint32_t i = 0; i < b->engine->held.watch->used; i++) {
        struct watched *watched = &b->engine->held.watch->entries[i];

        watched->awaits = true;
        watched->body_end = watched->client_next + 1000;
    }
}

/* From here on 198.51.`number`.1:1000 speaks. */
static void client(struct bench *b, unsigned number)
{
    snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.1:1000", number);
    b->client = b->client_text;
}

/* The client that speaks now. */
static bool opens_as(struct bench *b, unsigned number)
{
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isns[number] = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isns[number] + 1, .payload = REQUEST);
    if (strcmp(bench_flow_state(b), "opening") != 0)
        return false;
    while (!(take(b, SIDE_SERVER)->flags & TCP_SYN))
        ;
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    bench_forget(b);
    return true;
}

static bool opens(struct bench *b, unsigned number)
{
    client(b, number);
    return opens_as(b, number);
}

/* The client that speaks now, as a source at the server. */
static uint64_t source_now(struct bench *b)
{
    struct flow_key key = {.server_port = 80};
    uint16_t port;

    endpoint_read(b->client, &key.client, &port);
    endpoint_read(HTTP, &key.server, &port);
    return held_hash(b->engine, &key);
}

static uint64_t network_now(struct bench *b)
{
    struct flow_key key = {.server_port = 80};
    uint16_t port;

    endpoint_read(b->client, &key.client, &port);
    endpoint_read(HTTP, &key.server, &port);
    return held_network_hash(b->engine, &key);
}

/* It was ended lately. */
static void note_slow_now(struct bench *b)
{
    held_note_slow(b->engine->held.sources, source_now(b), b->now_us);
}

static bool was_slow_now(struct bench *b)
{
    return held_was_slow(b->engine->held.sources, source_now(b), b->now_us);
}

/* Eight, up to the mark. */
static void fill(struct bench *b)
{
    for (unsigned i = 1; i <= 8; i++)
        cr_assert(opens(b, i));
}

static bool lives(struct bench *b, unsigned number)
{
    client(b, number);
    return strcmp(bench_flow_state(b), "spliced") == 0;
}

static uint32_t living(struct bench *b)
{
    uint32_t count = 0;

    for (unsigned i = 1; i <= 8; i++)
        count += lives(b, i);
    return count;
}

/* Somebody else wants a place, for so long. */
static void wanted(struct bench *b, uint64_t us)
{
    for (uint64_t passed = 0; passed < us; passed += 100000) {
        client(b, 200);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = isns[200] + 1, .payload = REQUEST);
        bench_wait(b, 100000);
    }
    bench_forget(b);
}

static void server_sends(struct bench *b, unsigned number, uint32_t from, uint32_t bytes)
{
    static char data[1401];

    memset(data, 'a', bytes);
    data[bytes] = 0;
    client(b, number);
    server_says(b, .flags = "P.", .seq = Y + 1 + from, .ack = ASKED, .payload = data);
}

/* Nobody else wants a place: whoever is slow stays. */
Test(slow, below_the_mark_nobody_is_ended)
{
    struct bench *b = attacked();

    for (unsigned i = 1; i <= 7; i++)
        cr_assert(opens(b, i));
    bench_wait(b, 60 * SECOND_US);
    cr_assert(opens(b, 8));
    cr_assert_eq(living(b), 8);
    bench_end(b);
}

/* Both ends are reset, with exact numbers. */
Test(slow, both_ends_are_reset)
{
    struct bench *b = attacked();

    fill(b);
    server_sends(b, 1, 0, 4);
    bench_forget(b);
    for (unsigned i = 2; i <= 8; i++) {
        client(b, i);
        server_says(b, .flags = "F.", .seq = Y + 1, .ack = ASKED);
    }
    bench_forget(b);
    bench_server(b, HTTP)->held = 20;
    bench_wait(b, 5 * SECOND_US); /* first the answer counts as a good one */
    opens(b, 200);
    bench_wait(b, 3 * SECOND_US);
    client(b, 1);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    to_server(b, .flags = "R", .seq = ASKED);
    to_client(b, .flags = "R.", .seq = isns[1] + 5, .ack = ASKED);
    cr_assert_eq(bench_counters(b)->flows_ended, 1);
    client_says(b, .flags = "P.", .seq = ASKED, .ack = isns[1] + 5, .payload = "a");
    replied(b);
    to_client(b, .flags = "R", .seq = isns[1] + 5);
    server_says(b, .flags = "P.", .seq = Y + 5, .ack = ASKED, .payload = "a");
    to_server(b, .flags = "R", .seq = ASKED);
    bench_forget(b);
    bench_end(b);
}

/* A reset leaves no TIME-WAIT: the client may use the port again at once, in calm by then. */
Test(slow, port_of_one_that_was_ended_is_used_again)
{
    struct bench *b = attacked();

    fill(b);
    await_bodies(b);
    bench_server(b, HTTP)->held = 20;
    bench_wait(b, 3 * SECOND_US);
    opens(b, 200);
    bench_forget(b);
    for (unsigned i = 1; i <= 8 && lives(b, i); i++)
        ;
    cr_assert_str_eq(bench_flow_state(b), "closing");
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    client_says(b, .flags = "S", .seq = X + 70000, .options = OFFERS);
    to_server(b, .flags = "S", .seq = X + 70000, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y + 90000, .ack = X + 70001, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = Y + 90000, .ack = X + 70001, .options = OFFERS);
    client_says(b, .flags = ".", .seq = X + 70001, .ack = Y + 90001);
    to_server(b, .flags = ".", .seq = X + 70001, .ack = Y + 90001);
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

Test(slow, younger_than_two_seconds_stays)
{
    struct bench *b = attacked();

    fill(b);
    await_bodies(b);
    bench_server(b, HTTP)->held += 8;
    opens(b, 200);
    wanted(b, 19 * SECOND_US / 10);
    cr_assert_eq(living(b), 8);
    wanted(b, SECOND_US);
    cr_assert_lt(living(b), 8);
    bench_end(b);
}

/* Of a server that is prompt in calm: it has not come to them, as others hold its places. */
Test(slow, who_stands_in_line_stays_for_four_seconds)
{
    struct bench *b = attacked();

    bench_server(b, HTTP)->answers = (struct answers){.seen = ANSWERS_KNOWN};
    fill(b);
    bench_server(b, HTTP)->held += 8;
    opens(b, 200);
    wanted(b, 39 * SECOND_US / 10);
    cr_assert_eq(living(b), 8);
    wanted(b, SECOND_US);
    cr_assert_lt(living(b), 8);
    bench_forget(b);
    bench_end(b);
}

/* A hundred slow ones hold all that there is, and so many more are held; how many are ended at
 * once, and in the second after that. */
static void ended_of_hundred(uint32_t above, uint32_t *at_once, uint32_t *in_a_second)
{
    struct bench *b = attacked();

    b->engine->config.held_least = 100;
    for (unsigned i = 1; i <= 100; i++)
        cr_assert(opens(b, i));
    bench_server(b, HTTP)->held += above;
    b->engine->config.held_least = 100;
    await_bodies(b);
    bench_wait(b, 5 * SECOND_US);
    opens(b, 200);
    *at_once = (uint32_t)bench_counters(b)->flows_ended;
    wanted(b, SECOND_US);
    *in_a_second = (uint32_t)bench_counters(b)->flows_ended - *at_once;
    bench_forget(b);
    bench_end(b);
}

/* As many as are above the mark; and 20 a second where none is, as somebody wants a place. */
Test(slow, twenty_to_128_a_second)
{
    uint32_t at_once, in_a_second;

    ended_of_hundred(150, &at_once, &in_a_second);
    cr_assert_eq(at_once, 32);
    cr_assert_leq(in_a_second, 128);
    cr_assert_geq(in_a_second, 60);
    ended_of_hundred(90, &at_once, &in_a_second);
    cr_assert_eq(at_once, 32, "90 are above it");
    ended_of_hundred(0, &at_once, &in_a_second);
    cr_assert_eq(at_once, 5);
}

/* Whoever was ended comes last for a while, and strangers of its network do. */
Test(slow, who_was_slow_comes_last)
{
    struct bench *b = attacked();

    fill(b);
    await_bodies(b);
    bench_server(b, HTTP)->held = 12;
    bench_wait(b, 3 * SECOND_US);
    cr_assert(opens(b, 200), "they make room for it");
    cr_assert_eq(living(b), 3);
    bench_server(b, HTTP)->held = 8;
    for (unsigned i = 1; i <= 8; i++) {
        const bool was_ended = !lives(b, i);

        if (was_ended)
            snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.9:1000", i);
        else
            snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.9:1000", i + 100);
        b->client = b->client_text;
        client_says(b, .flags = "S", .seq = X, .options = OFFERS);
        isns[99] = take(b, SIDE_CLIENT)->seq;
        client_says(b, .flags = "P.", .seq = X + 1, .ack = isns[99] + 1, .payload = REQUEST);
        cr_assert_str_eq(bench_flow_state(b), was_ended ? "kept" : "opening", "%u", i);
        bench_forget(b);
        bench_server(b, HTTP)->held = 8;
    }
    bench_end(b);
}

/* One moves well, one is read, a little at a time, one is polled, the others ask nothing. */
Test(slow, those_that_move_stay)
{
    struct bench *b = attacked();
    uint32_t sent = 0;

    fill(b);
    bench_server(b, HTTP)->held += 100;
    opens(b, 200);
    for (uint32_t tenth = 0; tenth < 60; tenth++) {
        server_sends(b, 4, sent, 100);
        sent += 100;
        wanted(b, 100000);
    }
    cr_assert(lives(b, 4));
    cr_assert_eq(living(b), 1);
    bench_end(b);
}

/* Slow bodies and slow readers go before idle ones, and these before those that a server lets wait;
 * among equals those that have waited longest. */
Test(slow, worst_go_first)
{
    struct bench *b = attacked();

    fill(b);
    for (unsigned i = 1; i <= 2; i++)
        server_sends(b, i, 0, 20);
    bench_wait(b, 3 * SECOND_US);
    bench_forget(b);
    for (unsigned second = 0; second < 12; second++) {
        for (unsigned i = 7; i <= 8; i++) { /* bodies that trickle */
            client(b, i);
            client_says(b, .flags = "P.", .seq = ASKED + second, .ack = isns[i] + 1,
                        .payload = "a");
        }
        for (unsigned i = 1; i <= 1; i++) { /* one that does not read */
            client(b, i);
            client_says(b, .flags = ".", .seq = ASKED, .ack = isns[i] + 21, .window_closed = true);
        }
        bench_forget(b);
        bench_wait(b, SECOND_US);
        /* A look, at which nobody is ended. */
        for (uint32_t i = 0; i < b->engine->held.watch->used; i++) {
            struct watched *watched = &b->engine->held.watch->entries[i];
            struct flow *flow = watch_flow(&b->engine->flows, watched);

            if (flow)
                watch_look(watched, &b->engine->flows, flow, WATCH_BYTES_PER_SECOND, b->now_us);
        }
    }
    bench_server(b, HTTP)->held += 5;
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 2;
    opens(b, 200);
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] -= 2;
    cr_assert_eq(living(b), 4, "those that wait may have their turn now");
    cr_assert(!lives(b, 1) && !lives(b, 7) && !lives(b, 8), "they trickle");
    cr_assert(!lives(b, 2), "it was answered, and asks nothing");
    bench_forget(b);
    bench_end(b);
}

/* Idle ones, from 4 s on; one for each who waits for his first place, at most 20 a second. */
Test(slow, idle_ones_go_for_whoever_has_nothing)
{
    struct bench *b = attacked();

    fill(b);
    bench_server(b, HTTP)->held += 8;
    bench_wait(b, 3 * SECOND_US);
    opens(b, 200);
    wanted(b, 9 * SECOND_US / 10);
    cr_assert_eq(living(b), 8, "they may turn out to be something else");
    wanted(b, SECOND_US);
    cr_assert_lt(living(b), 8);
    bench_end(b);
}

/* One at a time, so that not all places come at once, and each after its own four seconds. */
Test(slow, idle_ones_go_one_by_one)
{
    struct bench *b = attacked();
    uint32_t most = 0;

    fill(b);
    bench_server(b, HTTP)->held += 8;
    bench_wait(b, 3 * SECOND_US);
    opens(b, 200);
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] += 6;
    for (int tenths = 0; tenths < 20; tenths++) {
        const uint64_t before = bench_counters(b)->flows_ended;

        wanted(b, SECOND_US / 10);
        most = bench_counters(b)->flows_ended - before > most
                   ? (uint32_t)(bench_counters(b)->flows_ended - before)
                   : most;
    }
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] -= 6;
    cr_assert_eq(most, 1);
    bench_end(b);
}

/* The server answered all eight before. It holds all that it may, and somebody wants a place, until
 * one of them has gone: who that is. */
static unsigned first_to_go(struct bench *b)
{
    unsigned gone = 0;

    for (unsigned i = 1; i <= 8; i++) {
        client(b, i);
        held_note_answered(b->engine->held.sources, source_now(b), b->now_us);
    }
    bench_server(b, HTTP)->held += 8;
    bench_wait(b, 3 * SECOND_US);
    opens(b, 200);
    wanted(b, 2 * SECOND_US);
    for (unsigned i = 1; i <= 8 && !gone; i++)
        gone = lives(b, i) ? 0 : i;
    cr_assert_neq(gone, 0);
    bench_server(b, HTTP)->held += 100; /* no place for anybody */
    snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.1:2000", gone);
    return gone;
}

/* Who was idle, and comes again at once, passes nobody who comes for the first time; after ten
 * seconds he is one of those. */
Test(slow, who_was_idle_waits_behind_newcomers)
{
    struct bench *b = attacked();

    fill(b);
    for (unsigned i = 1; i <= 8; i++)
        server_sends(b, i, 0, 4);
    bench_forget(b);
    opens_as(b, first_to_go(b));
    cr_assert_eq(bench_server(b, HTTP)->held_waiting[HELD_MORE], 1);
    bench_wait(b, 11 * SECOND_US);
    cr_assert(!held_was_idled(b->engine->held.sources, network_now(b), flow_clock(b->now_us)));
    bench_forget(b);
    bench_end(b);
}

/* As the client of a long poll does: it is known as before, and comes again before newcomers. */
Test(slow, who_waited_for_the_server_was_not_idle)
{
    struct bench *b = attacked();

    fill(b);
    opens_as(b, first_to_go(b));
    cr_assert_eq(bench_server(b, HTTP)->held_waiting[HELD_KNOWN], 1);
    cr_assert(!held_was_idled(b->engine->held.sources, network_now(b), flow_clock(b->now_us)));
    bench_forget(b);
    bench_end(b);
}

Test(slow, idle_ones_stay_where_those_wait_that_were_slow)
{
    struct bench *b = attacked();

    fill(b);
    bench_server(b, HTTP)->held += 8;
    client(b, 200);
    note_slow_now(b);
    bench_wait(b, 5 * SECOND_US);
    opens(b, 200);
    wanted(b, 10 * SECOND_US);
    cr_assert_eq(living(b), 8);
    bench_end(b);
}

/* All move, a little faster than is asked of anybody. */
static void all_upload(struct bench *b, unsigned bytes_per_second, unsigned seconds)
{
    static uint32_t said[9];
    static char data[1401];

    memset(data, 'a', sizeof(data) - 1);
    data[bytes_per_second / 2] = 0;
    for (unsigned half = 0; half < 2 * seconds; half++) {
        for (unsigned i = 1; i <= 8; i++) {
            client(b, i);
            client_says(b, .flags = "P.", .seq = ASKED + said[i], .ack = isns[i] + 1,
                        .payload = data);
            said[i] += bytes_per_second / 2;
        }
        wanted(b, SECOND_US / 2);
    }
    memset(said, 0, sizeof(said));
}

/* Eight bodies at 600 bytes a second hold the server; at most times nobody wants a place. */
Test(slow, who_moves_just_fast_enough_makes_room_in_the_end)
{
    struct bench *b = attacked();

    fill(b);
    await_bodies(b);
    bench_server(b, HTTP)->held = 20;
    opens(b, 200);
    all_upload(b, 600, 7);
    cr_assert_eq(living(b), 8, "it is not known yet who is slow");
    all_upload(b, 600, 10);
    cr_assert_leq(living(b), 3);
    bench_end(b);
}

/* How much is asked of eight that upload for so many seconds while somebody waits. */
static uint32_t pace_after(unsigned seconds)
{
    struct bench *b = attacked();
    uint32_t pace;

    fill(b);
    await_bodies(b);
    bench_server(b, HTTP)->held = 20;
    opens(b, 200);
    all_upload(b, 600, seconds);
    pace = bench_server(b, HTTP)->least_pace;
    bench_end(b);
    return pace;
}

/* Whoever has only begun to wait may get a place as it is. */
Test(slow, more_is_asked_of_all_only_after_a_wait)
{
    cr_assert_eq(pace_after(5), 0);
    cr_assert_eq(pace_after(7), 1000);
}

/* Its window was closed from the beginning: it does not wait for the server, the server waits. */
Test(slow, window_that_was_never_open_is_no_wait_for_the_server)
{
    struct bench *b = attacked();

    cr_assert(opens(b, 1));
    client(b, 2);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isns[2] = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isns[2] + 1, .payload = REQUEST,
                .window_closed = true);
    bench_forget(b);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    bench_forget(b);
    for (unsigned i = 3; i <= 8; i++)
        cr_assert(opens(b, i));
    bench_server(b, HTTP)->held = 20;
    opens(b, 200);
    wanted(b, 9 * SECOND_US);
    cr_assert(!lives(b, 2));
    cr_assert(was_slow_now(b));
    client(b, 1);
    cr_assert(!was_slow_now(b), "it waited for the server");
    bench_end(b);
}

/* From here on port 1000 + `number` of one address speaks. */
static void one_of_the_crowd(struct bench *b, unsigned number)
{
    snprintf(b->client_text, sizeof(b->client_text), "203.0.113.1:%u", 1000 + number);
    b->client = b->client_text;
}

/* One of another network has a place, and a crowd behind one address all others: 64, idle now. */
static struct bench *crowded(void)
{
    struct bench *b = attacked();

    b->engine->config.held_least = 65;
    cr_assert(opens(b, 1));
    for (unsigned i = 0; i < 64; i++) {
        one_of_the_crowd(b, i);
        cr_assert(opens_as(b, 100 + i));
        server_says(b, .flags = "P.", .seq = Y + 1, .ack = ASKED, .payload = "+OK");
        bench_forget(b);
    }
    return b;
}

/* Its idle ones make room for its own, one for one; nobody else does. */
Test(slow, a_crowd_behind_one_address_is_served_in_turn)
{
    struct bench *b = crowded();

    one_of_the_crowd(b, 64);
    cr_assert(!opens_as(b, 164), "it has its share");
    bench_wait(b, 15 * SECOND_US / 10);
    cr_assert_eq(bench_counters(b)->flows_ended, 0);
    cr_assert_str_eq(bench_flow_state(b), "kept");
    bench_wait(b, 2 * SECOND_US);
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->flows_ended, 1);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    cr_assert(lives(b, 1), "it is of another network");
    bench_end(b);
}

/* As many as wait for it, and five at once at most: a crowd is not served one by one. */
Test(slow, a_crowd_that_waits_behind_one_address_has_five_places_at_once)
{
    struct bench *b = crowded();
    uint64_t most = 0;

    for (unsigned i = 64; i < 84; i++) {
        one_of_the_crowd(b, i);
        opens_as(b, 100 + i); /* it has its share */
        bench_forget(b);
    }
    for (int tenths = 0; tenths < 50; tenths++) {
        const uint64_t before = bench_counters(b)->flows_ended;

        bench_wait(b, SECOND_US / 10);
        bench_forget(b);
        if (bench_counters(b)->flows_ended - before > most)
            most = bench_counters(b)->flows_ended - before;
    }
    cr_assert_eq(most, 5);
    cr_assert(lives(b, 1), "it is of another network");
    bench_end(b);
}

/* Seven of one network are idle, and one of another, for longest. */
Test(slow, who_is_alone_in_his_network_is_no_crowd)
{
    struct bench *b = attacked();

    cr_assert(opens(b, 1));
    for (unsigned i = 2; i <= 8; i++) {
        snprintf(b->client_text, sizeof(b->client_text), "203.0.113.%u:1000", i);
        cr_assert(opens_as(b, i));
    }
    bench_wait(b, 5 * SECOND_US);
    bench_server(b, HTTP)->held += 7;
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 7;
    for (int i = 0; i < 4; i++) {
        slow_make_room(b->engine, bench_server(b, HTTP), true, 0, b->now_us);
        bench_forget(b);
        bench_server(b, HTTP)->slow_us = 0;
        cr_assert(lives(b, 1) && bench_counters(b)->flows_ended == 7);
    }
    bench_wait(b, 5 * SECOND_US / 2);
    slow_make_room(b->engine, bench_server(b, HTTP), true, 0, b->now_us);
    bench_forget(b);
    cr_assert(!lives(b, 1), "looked at twice, it may go as well");
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 0;
    bench_end(b);
}

/* What was there before the attack may be idle for a reason. */
Test(slow, older_than_the_attack_stay)
{
    struct bench *b = attacked();

    fill(b);
    bench_wait(b, 5 * SECOND_US);
    bench_server(b, HTTP)->since_us = b->now_us;
    bench_server(b, HTTP)->held += 100;
    opens(b, 200);
    wanted(b, 5 * SECOND_US);
    cr_assert_eq(living(b), 8);
    bench_end(b);
}

Test(slow, what_the_operator_allows_stays)
{
    struct bench *b = attacked();
    struct source_rule rule = {.length = 16, .state = SOURCE_ALLOWED, .by = SOURCE_BY_OPERATOR};
    uint16_t port;

    fill(b);
    endpoint_read("198.51.0.0:0", &rule.prefix, &port);
    cr_assert(engine_set_source(b->engine, &rule, b->now_us));
    bench_server(b, HTTP)->held += 100;
    bench_wait(b, 5 * SECOND_US);
    slow_make_room(b->engine, bench_server(b, HTTP), true, 0, b->now_us);
    cr_assert_eq(living(b), 8);
    bench_end(b);
}

/* Sixty-four idle ones of a proxy that is allowed, and one of another network. */
Test(slow, what_the_operator_allows_hides_nobody)
{
    struct source_rule rule = {.length = 24, .state = SOURCE_ALLOWED, .by = SOURCE_BY_OPERATOR};
    struct bench *b = crowded();
    uint16_t port;

    server_sends(b, 1, 0, 4);
    endpoint_read("203.0.113.0:0", &rule.prefix, &port);
    cr_assert(engine_set_source(b->engine, &rule, b->now_us));
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 1;
    for (int second = 0; second < 8; second++) {
        bench_wait(b, SECOND_US);
        slow_make_room(b->engine, bench_server(b, HTTP), false, 0, b->now_us);
    }
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 0;
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->flows_ended, 1);
    cr_assert(!lives(b, 1));
    bench_end(b);
}

/* A hundred other servers are full as well, and clients wait for each of them: before one who waits
 * for HTTP they have their turn, for so long. */
static void wanted_beside_others(struct bench *b, uint64_t us)
{
    struct server *others[100];

    for (uint16_t i = 0; i < 100; i++) {
        struct server_key key = bench_server(b, HTTP)->key;

        key.port = (uint16_t)(1000 + i);
        others[i] = server_add(&b->engine->servers, &key, b->now_us);
    }
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 1;
    for (uint64_t passed = 0; passed < us; passed += 10000) {
        for (int i = 0; i < 100; i++)
            slow_make_room(b->engine, others[i], false, 0, b->now_us);
        slow_make_room(b->engine, bench_server(b, HTTP), false, 0, b->now_us);
        bench_wait(b, 10000);
    }
    bench_server(b, HTTP)->held_waiting[HELD_FIRST] = 0;
    bench_forget(b);
}

/* Whoever waits for another server has no say in how often one looks at this. */
Test(slow, idle_ones_go_beside_a_hundred_full_servers)
{
    struct bench *b = attacked();

    fill(b);
    bench_server(b, HTTP)->held += 8;
    wanted_beside_others(b, 7 * SECOND_US);
    cr_assert_lt(living(b), 8);
    bench_end(b);
}

Test(slow, bodies_that_trickle_go_beside_a_hundred_full_servers)
{
    struct bench *b = attacked();

    fill(b);
    bench_server(b, HTTP)->held += 8;
    for (uint32_t i = 0; i < 8; i++) {
        for (unsigned one = 1; one <= 8; one++) {
            client(b, one);
            client_says(b, .flags = "P.", .seq = ASKED + i, .ack = isns[one] + 1, .payload = "a");
        }
        bench_forget(b);
        wanted_beside_others(b, SECOND_US);
    }
    cr_assert_lt(living(b), 8);
    bench_end(b);
}
