/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/half_open.c: who is reset at the server a second after its SYN, how, and
 * whose silence is a sign. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/stages/half_open.h"
#include "tests/engine/support_engine.h"

#define A_WHILE  (SECOND_US * 3 / 2)
#define A_MOMENT (SECOND_US * 3 / 5)

/* SYN and SYN-ACK of bench->client, which goes no further. */
static void half_open(struct bench *b)
{
    client_says(b, .flags = "S", .seq = X, .options = OFFERS, .ttl = 61);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_CLIENT);
}

static void attack(struct bench *b)
{
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
}

/* With a byte of zero, which a host answers each time (RFC 5961 10: bare ones it may not). */
static void asked_once(struct bench *b)
{
    to_client(b, .flags = ".", .seq = Y, .ack = X + 1, .payload = "", .payload_bytes = 1);
    nothing(b);
}

/* Its client is asked whether it is there, twice. */
static void asked(struct bench *b)
{
    for (int i = 0; i < 2; i++) {
        asked_once(b);
        bench_wait(b, A_MOMENT);
    }
}

/* The same where it was old when protection began. */
static void asked_in_a_row(struct bench *b)
{
    asked_once(b);
    bench_wait(b, SECOND_US / 5);
    asked_once(b);
    bench_wait(b, SECOND_US / 4);
    nothing(b);
    bench_wait(b, SECOND_US / 5);
}

static void reset_at_both(struct bench *b, uint8_t ttl)
{
    to_server(b, .flags = "R", .seq = X + 1, .ttl = ttl);
    to_client(b, .flags = "R", .seq = Y + 1);
}

/* The frame goes as the client's SYN went: MACs, tags and TTL are compared, too. */
static void reset_at_the_server(struct bench *b)
{
    half_open(b);
    bench_wait(b, A_WHILE);
    nothing(b);
    attack(b);
    bench_wait(b, 1000);
    asked_in_a_row(b);
    reset_at_both(b, 61);
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
}

Test(half_open, is_reset_at_the_server_when_protection_begins)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    reset_at_the_server(b);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    b->client = CLIENT6, b->server = HTTP6;
    reset_at_the_server(b);
    cr_assert_eq(bench_counters(b)->flows_freed, 2);
    bench_end(b);
}

Test(half_open, tags_of_the_syn_are_those_of_the_rst)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    b->vlan[0] = 0x6005;
    reset_at_the_server(b);
    b->vlan[1] = 0xf007;
    reset_at_the_server(b);
    bench_end(b);
}

Test(half_open, a_young_one_has_its_second)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    half_open(b);
    attack(b);
    bench_wait(b, SECOND_US * 2 / 5);
    nothing(b);
    bench_wait(b, SECOND_US * 1 / 5);
    asked(b);
    reset_at_both(b, 61);
    bench_end(b);
}

/* Who holds a small backlog is old when that is noticed: it is free 0.65 s after the switch. Asked
 * twice all the same, as a right client's answer may be lost, too. */
Test(half_open, an_old_one_is_reset_soon)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    uint64_t begin_us;

    half_open(b);
    bench_wait(b, SECOND_US * 6 / 5);
    attack(b);
    begin_us = b->now_us;
    bench_wait(b, 1000);
    asked_in_a_row(b);
    reset_at_both(b, 61);
    cr_assert_leq(b->now_us - begin_us, SECOND_US * 66 / 100);
    bench_end(b);
}

/* So may be the first question, or the first answer. */
Test(half_open, an_old_one_that_answers_the_second_time_is_left_alone)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    half_open(b);
    bench_wait(b, A_WHILE);
    attack(b);
    bench_wait(b, 1000);
    asked_once(b);
    bench_wait(b, SECOND_US / 5);
    asked_once(b);
    bench_wait(b, SECOND_US / 4);
    client_says(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    bench_wait(b, 70 * SECOND_US);
    nothing(b);
    bench_end(b);
}

/* The client's ACK was lost, and it says it again. */
Test(half_open, who_is_there_is_left_alone)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    half_open(b);
    attack(b);
    bench_wait(b, A_MOMENT);
    asked_once(b);
    client_says(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_wait(b, 70 * SECOND_US);
    nothing(b);
    bench_end(b);
}

/* The SYN-ACK was lost on its way: whoever repeats its SYN in calm has as long from there, and only
 * there. */
Test(half_open, who_asks_again_has_as_long_again)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    half_open(b);
    bench_wait(b, SECOND_US);
    half_open(b);
    attack(b);
    bench_wait(b, SECOND_US * 2 / 5);
    nothing(b);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS, .ttl = 61);
    bench_forget(b);
    bench_wait(b, SECOND_US * 1 / 5);
    asked(b);
    reset_at_both(b, 61);
    bench_end(b);
}

Test(half_open, who_completes_the_handshake_is_left_alone)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    half_open(b);
    attack(b);
    client_says(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    take(b, SIDE_SERVER);
    bench_wait(b, 70 * SECOND_US);
    nothing(b);
    bench_end(b);
}

/* Nothing is held at the server then: it never answered, or nobody asked. */
Test(half_open, only_where_a_syn_was_answered)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
    bench_client(b, 1);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_CLIENT);
    attack(b);
    bench_wait(b, A_WHILE);
    nothing(b);
    bench_end(b);
}

/* Our RST was lost. */
Test(half_open, is_reset_again_where_the_server_goes_on)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    half_open(b);
    attack(b);
    bench_wait(b, A_MOMENT);
    asked(b);
    reset_at_both(b, 61);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_CLIENT);
    bench_wait(b, A_MOMENT);
    asked(b);
    reset_at_both(b, 64);
    bench_end(b);
}

Test(half_open, its_client_that_asks_again_gets_a_cookie)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    half_open(b);
    attack(b);
    bench_wait(b, A_MOMENT);
    asked(b);
    reset_at_both(b, 61);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = b->seen.view.seq + 1, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

/* More than one engine_tick() does: all go, and none is lost on the way. */
#define MANY 200

Test(half_open, many_are_reset)
{
    struct bench *b;
    struct engine_config config;

    bench_config(&config);
    config.flows_max = 1024;
    b = bench_new_sized(SETTING_NORMAL, &config);
    for (uint16_t i = 0; i < MANY; i++) {
        bench_client(b, (uint16_t)(1000 + i));
        half_open(b);
    }
    attack(b);
    for (int asks = 0; asks < 2; asks++) {
        bench_wait(b, A_MOMENT);
        cr_assert_eq(b->queued, MANY);
        bench_forget(b);
    }
    bench_wait(b, A_MOMENT);
    for (uint16_t i = 0; i < MANY; i++) {
        bench_client(b, (uint16_t)(1000 + i));
        reset_at_both(b, 61);
    }
    cr_assert_eq(bench_counters(b)->drops[DROP_outbox_full], 0);
    bench_end(b);
}

/* --- signs ----------------------------------------------------------------------------------- */

static void known(struct bench *b)
{
    handshake(b, OFFERS, OFFERS);
    bench_wait(b, SECOND_US / 5);
}

/* A SYN of this network that nobody answers. */
static void unanswered(struct bench *b, uint32_t network, const char *flags)
{
    char from[40];

    snprintf(from, sizeof(from), "203.0.%u.9:4444", network);
    client_says(b, .from = from, .flags = flags, .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
}

static void four_unanswered(struct bench *b, const char *flags)
{
    for (uint32_t i = 0; i < 4; i++)
        unanswered(b, i, flags);
}

Test(half_open, four_syns_without_an_answer_switch)
{
    struct bench *b = bench_new(SETTING_AUTO);

    known(b);
    unanswered(b, 1, "S");
    unanswered(b, 2, "S");
    unanswered(b, 3, "S");
    bench_wait(b, A_WHILE);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
    unanswered(b, 4, "S");
    bench_wait(b, SECOND_US * 9 / 10);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
    bench_wait(b, SECOND_US / 2);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_ATTACK);
    cr_assert_eq(bench_server(b, HTTP)->cause, TRIGGER_UNANSWERED);
    bench_end(b);
}

/* What a right host leaves alone anyway: whoever knows that must not switch a server at will. */
Test(half_open, syns_that_nobody_answers_are_no_sign)
{
    struct bench *b = bench_new(SETTING_AUTO);

    known(b);
    four_unanswered(b, "SF");
    bench_wait(b, A_WHILE);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
    bench_end(b);
}

Test(half_open, server_that_is_silent_for_a_minute_has_no_backlog)
{
    struct bench *b = bench_new(SETTING_AUTO);

    known(b);
    bench_wait(b, 61 * SECOND_US);
    four_unanswered(b, "S");
    bench_wait(b, A_WHILE);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
    /* Nor where it comes back then. */
    half_open(b);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
    bench_end(b);
}
