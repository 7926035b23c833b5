/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/greeting_compare.c: what the server says is compared with what was said in
 * its name, and swallowed. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/support_engine.h"

#define SAID GREETING_LENGTH

static void expect_spliced(struct bench *b, uint32_t c)
{
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    server_says(b, .flags = "P.", .seq = Y + 1 + SAID, .ack = X + 9, .payload = "+OK a");
    to_client(b, .flags = "P.", .seq = c + 1 + SAID, .ack = X + 9, .payload = "+OK a");
}

/* Both ends are told, and the learner whether it was a refusal. */
static void expect_unequal(struct bench *b, uint32_t c, bool negative)
{
    const struct observation *seen;

    bench_expect_verdict(b, VERDICT_DROP, DROP_swallowed, __LINE__);
    to_client(b, .flags = "R.", .seq = c + 1 + SAID, .ack = X + 1, .window_closed = true);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    nothing(b);
    do {
        seen = bench_observed(b);
        cr_assert_not_null(seen);
    } while (seen->kind != OBSERVED_GREETING);
    cr_assert_eq(seen->greeting.negative, negative);
    cr_assert_eq(bench_counters(b)->greetings_unequal, 1);
    cr_assert_str_eq(bench_flow_state(b), "closing");
}

Test(real_greeting, is_swallowed_and_answered_with_the_request)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    bench_expect_verdict(b, VERDICT_DROP, DROP_swallowed, __LINE__);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER);
    nothing(b);
    expect_spliced(b, c);
    bench_end(b);
}

/* Each piece is acknowledged by us, what comes again or beyond a gap as well. */
Test(real_greeting, in_pieces)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = "+OK");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 4);
    server_says(b, .flags = ".", .seq = Y + 6, .ack = X + 1, .payload = "ady\r\n");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 4);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = "+OK");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 4);
    server_says(b, .flags = ".", .seq = Y + 2, .ack = X + 1, .payload = "OK re");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 7);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1);
    dropped(b, swallowed);
    server_says(b, .flags = "P.", .seq = Y + 7, .ack = X + 1, .payload = "ady\r\n");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER);
    expect_spliced(b, c);
    bench_end(b);
}

Test(real_greeting, repeated_synack_is_acknowledged_again)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    open_pop3(b);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    bench_end(b);
}

/* A segment of nobody's, let through, has drawn it from the server's host. */
Test(real_greeting, reset_with_another_number_ends_nothing)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "R", .seq = Y + (2u << 20));
    dropped(b, swallowed);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER);
    expect_spliced(b, c);
    bench_end(b);
}

/* Nothing of the client's passes before the greeting is whole; it is held. */
Test(real_greeting, client_goes_on_meanwhile)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1 + SAID, .payload = "QUIT\r\n");
    held(b);
    nothing(b);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER "QUIT\r\n");
    bench_end(b);
}

Test(real_greeting, with_more_behind_it)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "PF.", .seq = Y + 1, .ack = X + 1, .payload = GREETING "+OK more");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER);
    to_client(b, .flags = "FP.", .seq = c + 1 + SAID, .ack = X + 1, .payload = "+OK more");
    bench_end(b);
}

/* A super-frame: the part behind the greeting stays one, with the same segment size. */
Test(real_greeting, in_a_super_frame)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static uint8_t data[9000] = GREETING;
    uint32_t c = open_pop3(b);

    memset(data + SAID, 'm', sizeof(data) - SAID);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = data,
                .payload_bytes = sizeof(data), .gso_bytes = 1460);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER);
    to_client(b, .flags = "P.", .seq = c + 1 + SAID, .ack = X + 1, .payload = data + SAID,
              .payload_bytes = sizeof(data) - SAID, .gso_bytes = 1460);
    bench_end(b);
}

Test(real_greeting, another_greeting)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = "+OK other\r\n");
    expect_unequal(b, c, false);
    bench_end(b);
}

Test(real_greeting, a_refusal)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = "-ERR too many\r\n");
    expect_unequal(b, c, true);
    bench_end(b);
}

/* The beginning was equal, the rest is not: the whole of it is judged. */
Test(real_greeting, differs_in_its_second_piece)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = "+OK re");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 7);
    server_says(b, .flags = "P.", .seq = Y + 7, .ack = X + 1, .payload = "fused\r\n");
    expect_unequal(b, c, false);
    bench_end(b);
}

Test(real_greeting, server_leaves_without_one)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "F.", .seq = Y + 9, .ack = X + 1);
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    server_says(b, .flags = "F.", .seq = Y + 1, .ack = X + 1);
    expect_unequal(b, c, true);
    bench_end(b);
}

Test(real_greeting, server_resets_instead)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "R.", .seq = Y + 1, .ack = X + 1);
    to_client(b, .flags = "R.", .seq = c + 1 + SAID, .ack = X + 1, .window_closed = true);
    nothing(b);
    bench_end(b);
}

/* Never below 30 s, and no longer where others want the room. */
Test(real_greeting, wait_shortens_as_the_pool_fills)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    while (opening_take(&b->engine->openings, true) != OPENING_NONE)
        ;
    bench_wait(b, 29 * SECOND_US);
    nothing(b);
    cr_assert_str_eq(bench_flow_state(b), "greeting");
    bench_wait(b, 2 * SECOND_US);
    to_client(b, .flags = "R.", .seq = c + 1 + SAID, .ack = X + 1, .window_closed = true);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    bench_end(b);
}

Test(real_greeting, may_take_five_minutes_and_no_longer)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    bench_wait(b, 299 * SECOND_US);
    nothing(b);
    cr_assert_str_eq(bench_flow_state(b), "greeting");
    bench_wait(b, 2 * SECOND_US);
    to_client(b, .flags = "R.", .seq = c + 1 + SAID, .ack = X + 1, .window_closed = true);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    bench_end(b);
}

/* The promise is replaced while the greeting is on its way: the one before still counts, then none
 * does. */
Test(real_greeting, promise_is_replaced_meanwhile)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server_policy *policy = bench_policy(b, POP3);
    uint32_t c = open_pop3(b);

    policy->before = policy->now;
    policy->has_before = true;
    policy->before_until_us = b->now_us + SECOND_US;
    policy->now.generation = 2;
    memcpy(policy->now.greeting, "+OK other\r\n", SAID);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = "+OK re");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 7);
    bench_wait(b, 2 * SECOND_US);
    server_says(b, .flags = "P.", .seq = Y + 7, .ack = X + 1, .payload = "ady\r\n");
    to_client(b, .flags = "R.", .seq = c + 1 + SAID, .ack = X + 1, .window_closed = true);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    bench_end(b);
}

Test(real_greeting, damaged_is_dropped)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    open_pop3(b);
    server_builds(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = "+OK other\r\n");
    frame_tcp(&b->sent.view)[16] ^= 1;
    bench_put(b, SIDE_SERVER);
    dropped(b, bad_checksum);
    cr_assert_str_eq(bench_flow_state(b), "greeting");
    bench_end(b);
}

/* --- by template: tests/sim/test_templates.c tells the rest ---------------------------------- */

static uint32_t open_template(struct bench *b)
{
    struct promise *now = &bench_policy(b, POP3)->now;

    now->greeting_template = true;
    now->greeting_prefix = 4;
    now->greeting_suffix = 2;
    return open_pop3(b);
}

Test(real_greeting, by_template_its_end_is_where_ours_was)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_template(b);

    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = "+OK at 10:00");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 13);
    server_says(b, .flags = "P.", .seq = Y + 13, .ack = X + 1, .payload = ":01\r\n");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 18, .payload = USER);
    nothing(b);
    server_says(b, .flags = "P.", .seq = Y + 18, .ack = X + 9, .payload = "+OK a");
    to_client(b, .flags = "P.", .seq = c + 1 + SAID, .ack = X + 9, .payload = "+OK a");
    bench_end(b);
}

/* There are four openings for each buffer: without one it must stand in one frame, and its client
 * alone is reset otherwise. */
Test(real_greeting, by_template_without_a_buffer)
{
    for (int pieces = 0; pieces < 2; pieces++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        struct opening_pool *pool = &b->engine->openings;
        uint32_t c;

        pool->free_holds_count = 0;
        pool->holds_touched = pool->holds_max;
        c = open_template(b);
        if (pieces) {
            server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = "+OK at");
            expect_unequal(b, c, true);
        } else {
            server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1,
                        .payload = "+OK at 10:00:01\r\n");
            to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 18);
        }
        bench_end(b);
    }
}

/* Repeated after the splice, also with what follows it, also as a super-frame: never to the client
 * a second time. */
/* It spoke before it was greeted, and has not got the greeting: only what is undamaged asks for it,
 * or says that it is there. */
Test(real_greeting, damaged_ack_after_the_splice_asks_for_nothing)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    b->server = POP3;
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = USER);
    take(b, SIDE_CLIENT);
    to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER);
    b->damaged = true;
    for (uint32_t ack = c + 1; ack <= c + 1 + SAID; ack += SAID) {
        client_builds(b, .flags = ".", .seq = X + 9, .ack = ack);
        frame_tcp(&b->sent.view)[17] ^= 4;
        bench_put(b, SIDE_CLIENT);
        forwarded(b);
        take(b, SIDE_SERVER);
        nothing(b);
    }
    b->damaged = false;
    client_says(b, .flags = ".", .seq = X + 9, .ack = c + 1);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    take(b, SIDE_SERVER);
    bench_end(b);
}

Test(real_greeting, repeated_after_the_splice)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + SAID, .payload = USER);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_server(b, .flags = ".", .seq = X + 9, .ack = Y + 1 + SAID);
    server_says(b, .flags = "P.", .seq = Y + 3, .ack = X + 9, .payload = "K ready\r\n+OK a");
    to_client(b, .flags = "P.", .seq = c + 1 + SAID, .ack = X + 9, .payload = "+OK a");
    nothing(b);
    bench_end(b);
}
