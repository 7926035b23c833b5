/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/proof.c: three bridges that share cookies. A client's SYN meets the first,
 * its ACK the second, its request the third.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/support_engine.h"

#define TIMED "mss=1460 sack ts=7/0 nop ws=7"

/* Where in an epoch the first bridge's clock stands when its test begins. */
#define EPOCHS 7000000ull

struct cluster {
    struct bench *a, *b, *c;
    struct cookie_keys keys;
};

/* A bridge whose wall clock says `epoch_us` within the epoch now; others' differ. */
static struct bench *bridge(const struct cookie_keys *keys, const struct cookie_keys *before,
                            int64_t epoch_us)
{
    struct engine_config config;
    struct bench *bench;

    bench_config(&config);
    config.keys = *keys;
    config.share.on = true;
    if (before) {
        config.share.has_before = true;
        config.share.before = *before;
    }
    bench = bench_new_sized(SETTING_ATTACK, &config);
    bench->engine->config.share.ahead_us =
        EPOCHS * COOKIE_EPOCH_US + (uint64_t)epoch_us - bench->now_us;
    return bench;
}

static struct cookie_keys key_of_text(const char *text)
{
    struct cookie_keys keys = {0};

    memcpy(keys.mac, text, strlen(text));
    memcpy(keys.tsval, text, strlen(text));
    return keys;
}

/* Time passes everywhere. */
static void wait_all(struct bench *benches[3], uint64_t us)
{
    for (int i = 0; i < 3; i++)
        bench_wait(benches[i], us);
}

/* SYN at the first, ACK at the second, request at the third, which opens for it. */
static void connects(struct bench *benches[3], const char *offers, uint64_t between_us)
{
    const bool timed = strcmp(offers, TIMED) == 0;
    uint32_t told = 0;
    const uint32_t c = get_cookie(benches[0], offers);

    if (timed)
        told = benches[0]->seen_options.tsval;
    wait_all(benches, between_us);
    client_says(benches[1], .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502,
                .options = timed ? ts(8, told) : "");
    bench_forget(benches[1]);
    cr_assert_eq(bench_counters(benches[1])->cookies_accepted, 1, "the second takes it");
    client_says(benches[2], .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502,
                .payload = REQUEST, .options = timed ? ts(9, told) : "");
    held(benches[2]);
    to_server(benches[2], .flags = "S", .seq = X, .options = ANY_OPTIONS);
}

static void connect_at(int64_t a_us, int64_t b_us, int64_t c_us, uint64_t between_us)
{
    static const char *const offers[] = {OFFERS, TIMED};
    const struct cookie_keys keys = key_of_text("one");

    for (size_t i = 0; i < 2; i++) {
        struct bench *benches[3] = {bridge(&keys, NULL, a_us), bridge(&keys, NULL, b_us),
                                    bridge(&keys, NULL, c_us)};

        connects(benches, offers[i], between_us);
        for (int n = 0; n < 3; n++)
            bench_end(benches[n]);
    }
}

Test(proof, cookies_of_one_bridge_are_good_at_all)
{
    connect_at(100 * SECOND_US, 100 * SECOND_US, 100 * SECOND_US, 1000);
}

Test(proof, clocks_three_seconds_apart)
{
    connect_at(100 * SECOND_US, 97 * SECOND_US, 103 * SECOND_US, 1000);
}

/* The first is in the next epoch already. */
Test(proof, clocks_three_seconds_apart_at_the_end_of_an_epoch)
{
    connect_at(241 * SECOND_US, 238 * SECOND_US, 239 * SECOND_US, 1000);
}

Test(proof, an_epoch_ends_between_syn_and_request)
{
    connect_at(239 * SECOND_US, 238 * SECOND_US, 241 * SECOND_US, 2 * SECOND_US);
}

/* Nearer than COOKIE_SKEW_US to its end, and no earlier. */
Test(proof, the_next_epoch_is_taken_near_its_beginning_only)
{
    const struct cookie_keys keys = key_of_text("one");
    struct bench *ahead = bridge(&keys, NULL, 241 * (int64_t)SECOND_US);
    struct bench *near = bridge(&keys, NULL, 211 * (int64_t)SECOND_US);
    struct bench *far = bridge(&keys, NULL, 209 * (int64_t)SECOND_US);
    const uint32_t c = get_cookie(ahead, OFFERS);

    client_says(near, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
    bench_forget(near);
    cr_assert_eq(bench_counters(near)->cookies_accepted, 1);
    client_says(far, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
    bench_forget(far);
    cr_assert_eq(bench_counters(far)->cookies_accepted, 0);
    bench_end(ahead);
    bench_end(near);
    bench_end(far);
}

/* They have the same bit: one hash decides on both. */
Test(proof, the_next_epoch_takes_the_place_of_the_one_before)
{
    static const struct {
        int64_t at_us;
        uint64_t accepted;
    } rows[] = {{439 * (int64_t)SECOND_US, 1}, {451 * (int64_t)SECOND_US, 0}};
    const struct cookie_keys keys = key_of_text("one");

    for (size_t i = 0; i < 2; i++) {
        struct bench *a = bridge(&keys, NULL, 239 * (int64_t)SECOND_US);
        struct bench *b = bridge(&keys, NULL, rows[i].at_us);
        const uint32_t c = get_cookie(a, OFFERS);

        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
        bench_forget(b);
        cr_assert_eq(bench_counters(b)->cookies_accepted, rows[i].accepted);
        bench_end(a);
        bench_end(b);
    }
}

/* By whoever takes the handshake's ACK, and not by whoever takes the request. */
Test(proof, cookie_of_another_bridge_is_counted_once)
{
    const struct cookie_keys keys = key_of_text("one");
    struct bench *benches[3] = {bridge(&keys, NULL, 5), bridge(&keys, NULL, 5),
                                bridge(&keys, NULL, 5)};

    connects(benches, OFFERS, 1000);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bench_server(benches[i], HTTP)->foreign, i == 1 ? 1 : 0, "bridge %d", i);
        bench_end(benches[i]);
    }
}

/* A client that repeats its ACK for ever makes no figure of another bridge's half-open ones. */
Test(proof, cookie_of_another_bridge_that_is_repeated_is_counted_once)
{
    const struct cookie_keys keys = key_of_text("one");
    struct bench *benches[3] = {bridge(&keys, NULL, 5), bridge(&keys, NULL, 5),
                                bridge(&keys, NULL, 5)};
    const uint32_t c = get_cookie(benches[0], OFFERS);

    for (int times = 0; times < 10; times++) {
        client_says(benches[1], .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
        bench_forget(benches[1]);
        wait_all(benches, 4 * SECOND_US);
    }
    cr_assert_eq(bench_server(benches[1], HTTP)->foreign, 1);
    for (int i = 0; i < 3; i++)
        bench_end(benches[i]);
}

/* First all know both keys; then one after the other makes by the new one. */
Test(proof, a_key_is_rolled)
{
    const struct cookie_keys old = key_of_text("old"), new = key_of_text("new");

    for (int made_by_new = 0; made_by_new < 2; made_by_new++) {
        const struct cookie_keys *first = made_by_new ? &new : &old;
        const struct cookie_keys *second = made_by_new ? &old : &new;
        struct bench *benches[3] = {bridge(first, second, 5), bridge(second, first, 5),
                                    bridge(second, first, 5)};

        connects(benches, TIMED, 1000);
        for (int n = 0; n < 3; n++)
            bench_end(benches[n]);
    }
}

Test(proof, another_key_is_another_cluster)
{
    const struct cookie_keys one = key_of_text("one"), other = key_of_text("other");
    struct bench *a = bridge(&one, NULL, 5), *b = bridge(&other, NULL, 5);
    const uint32_t c = get_cookie(a, OFFERS);

    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->cookies_accepted, 0);
    bench_end(a);
    bench_end(b);
}

/* A bridge that is alone takes nothing of a next epoch. */
Test(proof, alone_there_is_no_next_epoch)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint64_t now_us = b->now_us;
    uint32_t c;

    b->engine->config.share.ahead_us = COOKIE_EPOCH_US * 10 - now_us;
    c = get_cookie(b, OFFERS);
    b->engine->config.share.ahead_us -= 2 * SECOND_US;
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->cookies_accepted, 0);
    bench_end(b);
}

/* RFC 7323 5.3: what a bridge with a late clock says is above what the client has heard. */
Test(proof, timestamps_never_go_back_between_bridges)
{
    const struct cookie_keys keys = key_of_text("one");
    struct bench *a = bridge(&keys, NULL, 100 * (int64_t)SECOND_US);
    struct bench *b = bridge(&keys, NULL, 97 * (int64_t)SECOND_US);
    uint32_t told, said;

    a->server = b->server = POP3;
    get_cookie(a, TIMED);
    told = a->seen_options.tsval;
    client_says(b, .flags = ".", .seq = X + 1, .ack = a->seen.view.seq + 1, .window = 502,
                .options = ts(8, told));
    to_client(b, .flags = "P.", .seq = ANY, .ack = X + 1, .payload = GREETING,
              .options = ANY_OPTIONS);
    said = b->seen_options.tsval;
    cr_assert_gt((int32_t)(said - told), 0, "PAWS would drop it");
    cr_assert_lt((int32_t)(said - told), 128);
    cr_assert_eq(said & 31, told & 31, "MSS and ECN stay in it");
    bench_end(a);
    bench_end(b);
}
