/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/early.c: a request that does not wait for a greeting that nobody can say.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/support_engine.h"

#define GRACE_US 20000u
#define WRONG    "GET / HTTP/1.1\r\n\r\n"

/* POP3 with a greeting that changes; its client's handshake is at its ACK. Returns the cookie. */
static struct bench *varying(uint32_t *cookie)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server_policy *policy = bench_policy(b, POP3);

    policy->opening = OPENING_COOKIE;
    policy->checks_early = true;
    policy->early_grace_us = GRACE_US;
    policy->now.greeting_bytes = 0;
    b->server = POP3;
    *cookie = get_cookie(b, OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = *cookie + 1);
    dropped(b, answered);
    return b;
}

Test(early, who_waits_for_the_greeting_has_it_after_the_grace)
{
    uint32_t cookie;
    struct bench *b = varying(&cookie);

    bench_wait(b, GRACE_US - 1000);
    nothing(b);
    client_says(b, .flags = ".", .seq = X + 1, .ack = cookie + 1);
    dropped(b, answered);
    bench_wait(b, 1000);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_client(b, .flags = "P.", .seq = cookie + 1, .ack = X + 1, .payload = GREETING);
    bench_wait(b, 10 * SECOND_US);
    bench_end(b);
}

Test(early, what_timestamps_carry_is_kept)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server_policy *policy = bench_policy(b, POP3);
    uint32_t cookie, tsval;

    policy->opening = OPENING_COOKIE;
    policy->checks_early = true;
    policy->early_grace_us = GRACE_US;
    policy->now.greeting_bytes = 0;
    b->server = POP3;
    client_says(b, .flags = "S", .seq = X, .options = "mss=1400 sack ts=100/0 nop ws=9");
    cookie = take(b, SIDE_CLIENT)->seq;
    tsval = b->seen_options.tsval;
    client_says(b, .flags = ".", .seq = X + 1, .ack = cookie + 1, .options = ts(110, tsval));
    bench_wait(b, GRACE_US);
    to_server(b, .flags = "S", .seq = X, .options = "mss=1400 sack ts=110/0 nop ws=9");
    bench_forget(b);
    bench_end(b);
}

Test(early, wrong_request_in_a_segment_of_its_own_is_refused)
{
    uint32_t cookie;
    struct bench *b = varying(&cookie);

    bench_wait(b, 1000);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = cookie + 1, .payload = WRONG);
    to_client(b, .flags = "R", .seq = cookie + 1);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
}

Test(early, right_request_is_opened_at_once)
{
    uint32_t cookie;
    struct bench *b = varying(&cookie);

    bench_wait(b, 1000);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = cookie + 1, .payload = USER);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_wait(b, GRACE_US);
    nothing(b);
    bench_forget(b);
    bench_end(b);
}

Test(early, who_leaves_opens_nothing)
{
    uint32_t cookie;
    struct bench *b = varying(&cookie);

    client_says(b, .flags = "R", .seq = X + 1);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
    b = varying(&cookie);
    client_says(b, .flags = "F.", .seq = X + 1, .ack = cookie + 1);
    bench_forget(b);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
}

/* The attack ends meanwhile: the client has a handshake with nobody but us. */
Test(early, end_of_the_attack_forgets_nobody)
{
    uint32_t cookie;
    struct bench *b = varying(&cookie);

    engine_set_mode(b->engine, &bench_server(b, POP3)->key, MODE_NORMAL, TRIGGER_NONE, 0,
                    b->now_us);
    bench_wait(b, GRACE_US);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_forget(b);
    bench_end(b);
}
