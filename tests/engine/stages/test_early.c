/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/early.c: a request that does not wait for a greeting that nobody can say.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/support_engine.h"

#define GRACE_US 20000u
#define WRONG    "GET / HTTP/1.1\r\n\r\n"

/* Its greeting changes, so that nobody can say it. */
static void cookie_waits(struct bench *b)
{
    struct server_policy *policy = bench_policy(b, POP3);

    policy->opening = OPENING_COOKIE;
    policy->checks_early = true;
    policy->early_grace_us = GRACE_US;
    policy->now.greeting_bytes = 0;
    b->server = POP3;
}

/* POP3 with a greeting that changes; its client's handshake is at its ACK. Returns the cookie. */
static struct bench *varying(uint32_t *cookie)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    cookie_waits(b);
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
    uint32_t cookie, tsval;

    cookie_waits(b);
    client_says(b, .flags = "S", .seq = X, .options = "mss=1400 sack ts=100/0 nop ws=9");
    cookie = take(b, SIDE_CLIENT)->seq;
    tsval = b->seen_options.tsval;
    client_says(b, .flags = ".", .seq = X + 1, .ack = cookie + 1, .options = ts(110, tsval));
    bench_wait(b, GRACE_US);
    to_server(b, .flags = "S", .seq = X, .options = "mss=1400 sack ts=110/0 nop ws=9");
    bench_forget(b);
    bench_end(b);
}

/*
 * Another bridge's clock is ahead, and the client was told its time. The server's is told to the
 * client later: above that (RFC 7323 5.3).
 */
static void told_by_one_ahead(uint64_t ahead_us)
{
    static const struct cookie_keys keys = {.mac = "one", .tsval = {1, 2}};
    struct engine_config config;
    struct bench *benches[2];
    uint32_t told, cookie;

    bench_config(&config);
    config.keys = keys;
    config.share.on = true;
    for (int i = 0; i < 2; i++) {
        config.share.ahead_us = 100 * COOKIE_EPOCH_US + 100 * SECOND_US + (i ? 0 : ahead_us);
        benches[i] = bench_new_sized(SETTING_ATTACK, &config);
        cookie_waits(benches[i]);
    }
    client_says(benches[0], .flags = "S", .seq = X, .options = "mss=1400 sack ts=100/0 nop ws=9");
    cookie = take(benches[0], SIDE_CLIENT)->seq;
    told = benches[0]->seen_options.tsval;
    client_says(benches[1], .flags = ".", .seq = X + 1, .ack = cookie + 1,
                .options = ts(110, told));
    bench_wait(benches[1], GRACE_US);
    to_server(benches[1], .flags = "S", .seq = X, .options = "mss=1400 sack ts=110/0 nop ws=9");
    server_says(benches[1], .flags = "S.", .seq = Y, .ack = X + 1,
                .options = "mss=1400 sack ts=7/110 nop ws=7");
    bench_forget(benches[1]);
    server_says(benches[1], .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING,
                .options = ts(8, 110));
    to_client(benches[1], .flags = "P.", .seq = cookie + 1, .ack = X + 1, .payload = GREETING,
              .options = ANY_OPTIONS);
    cr_assert_gt((int32_t)(benches[1]->seen_options.tsval - told), 0, "PAWS would drop it");
    for (int i = 0; i < 2; i++)
        bench_end(benches[i]);
}

Test(early, timestamps_never_go_back_behind_a_bridge_that_is_ahead)
{
    told_by_one_ahead(3 * SECOND_US);
    told_by_one_ahead(29 * SECOND_US);
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
