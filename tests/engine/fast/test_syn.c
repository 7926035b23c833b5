/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_syn.c - the short way of plain SYNs says and counts what the general way does.
 *
 * Two engines that are alike are told the same, but for the room behind a frame in its buffer: one
 * has plenty, the other just too little for the short way and enough for any answer. Verdicts,
 * bytes, counters, observations, what is sent later, and what the engine remembers are compared
 * after each frame. Worlds are made by chance: servers, promises, settings, shards; and so are the
 * frames, most of which are plain or nearly so.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/engine/support_syns.h"
#include "tests/engine/support_twins.h"

#define WORLDS 250
#define FRAMES 220 /* in each */
#define GENERAL_ROOM                                                                               \
    (OFFLOAD_BYTES + ETH_HEADER_BYTES + IPV4_HEADER_BYTES + TCP_HEADER_BYTES + TCP_OPTIONS_MAX - 1)
#define PLENTY 2000

/* --- both ways ------------------------------------------------------------------------------- */

static void put(struct bench *bench, const struct test_frame *frame, enum side from,
                uint32_t capacity, uint32_t missing)
{
    memcpy(bench->sent.buffer, frame->buffer, frame->bytes);
    engine_input(bench->engine, from, bench->sent.buffer, frame->bytes, frame->bytes + missing,
                 capacity > frame->bytes ? capacity : frame->bytes, bench->now_us, &bench->verdict);
}

static void both(struct pair *pair, enum side from)
{
    const struct verdict *a = &pair->plain->verdict, *b = &pair->general->verdict;
    char text[WORDS_BYTES];

    put(pair->plain, &pair->frame, from, PLENTY, pair->missing);
    put(pair->general, &pair->frame, from, GENERAL_ROOM, pair->missing);
    pair->missing = 0;
    frame_read(&pair->frame);
    frame_to_words(&pair->frame.view, text);
    cr_assert_eq(a->action, b->action, "%s", text);
    cr_assert_eq(a->bytes, b->bytes, "%s", text);
    if (a->action == VERDICT_DROP)
        cr_assert_eq(a->reason, b->reason, "%s", text);
    else
        cr_assert_arr_eq(pair->plain->sent.buffer, pair->general->sent.buffer, a->bytes, "%s",
                         text);
    twins_alike(pair->plain, pair->general);
}

/* The client's ACK of the answer that stands in the buffer, or its keepalive. */
static void acknowledge(struct pair *pair)
{
    static struct test_frame answer;
    char from[64], to[64];
    struct frame_words words = {.from = to, .to = from, .flags = "."};
    struct ip_addr src, dst;

    frame_copy(&answer, pair->plain->sent.buffer, pair->plain->verdict.bytes);
    if (answer.view.kind != FRAME_TCP || answer.view.ip_version != 4 ||
        answer.view.l3 != ETH_HEADER_BYTES)
        return;
    src = frame_src(&answer.view);
    dst = frame_dst(&answer.view);
    addr_to_text(&src, from);
    addr_to_text(&dst, to);
    sprintf(from + strlen(from), ":%u", frame_src_port(&answer.view));
    sprintf(to + strlen(to), ":%u", frame_dst_port(&answer.view));
    words.seq = answer.view.ack - one_in(pair, 4);
    words.ack = answer.view.seq + 1;
    frame_write(&pair->frame, &words);
    both(pair, SIDE_CLIENT);
}

/* The server answers the SYN itself, as if it had passed: then there is a flow on the tuple. */
static void server_answers(struct pair *pair)
{
    char from[40];

    snprintf(from, sizeof(from), "198.51.%u.%u:%u", random_below(&pair->random, 4),
             random_below(&pair->random, 256), 40000 + random_below(&pair->random, 4));
    frame_write(
        &pair->frame,
        &(struct frame_words){
            .from = HTTP, .to = from, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS});
    both(pair, SIDE_SERVER);
}

static void let_time_pass(struct pair *pair)
{
    static const uint64_t some_us[] = {1,       1000,     300000,         1200000,
                                       3000000, 10000000, COOKIE_EPOCH_US};
    const uint64_t us = 1 + random_next(&pair->random) % some_us[random_below(&pair->random, 7)];

    twins_wait(pair->plain, pair->general, us);
}

static void put_aside(struct pair *pair)
{
    struct source_rule rule = {.length = 24, .state = SOURCE_ASIDE, .by = SOURCE_BY_OPERATOR};
    uint16_t port;

    endpoint_read("198.51.1.0:1", &rule.prefix, &port);
    twins_turn_rule(pair->plain, pair->general, &rule);
}

static void step(struct pair *pair)
{
    if (one_in(pair, 10))
        let_time_pass(pair);
    if (one_in(pair, 60))
        put_aside(pair);
    if (one_in(pair, 20))
        server_answers(pair);
    if (one_in(pair, 60))
        pair_change_policy(pair);
    pair_make_syn(pair);
    both(pair, SIDE_CLIENT);
    if (pair->plain->verdict.action == VERDICT_REPLY && one_in(pair, 3))
        acknowledge(pair);
}

/* The short way alone makes these words of the client's options. */
static bool went_the_short_way(const struct engine *engine)
{
    for (uint32_t i = 0; i < ANSWERS; i++)
        if (engine->answers.slots[i].client)
            return true;
    return false;
}

Test(fast_syn, says_and_counts_what_the_general_way_does)
{
    struct random seeds = random_begin("fast_syn");
    uint32_t short_ways = 0;

    for (uint32_t world = 0; world < WORLDS; world++) {
        struct pair *pair = pair_new(random_next(&seeds), NULL);

        for (uint32_t n = 0; n < FRAMES; n++)
            step(pair);
        twins_remember_alike(pair->plain, pair->general);
        short_ways += went_the_short_way(pair->plain->engine);
        cr_assert_not(went_the_short_way(pair->general->engine));
        bench_end(pair->plain);
        bench_end(pair->general);
        free(pair);
    }
    cr_assert_gt(short_ways, WORLDS / 2);
}

/* A flood that is too much for the limits of a shard's share fires its trigger at the same SYN. */
Test(fast_syn, triggers_fire_at_the_same_frame)
{
    struct engine_config config;
    struct pair *pair = calloc(1, sizeof(*pair));
    struct server_key key = {0};
    uint32_t reports = 0;

    bench_config(&config);
    config.shards = 3;
    pair->random = random_begin("fast_syn/triggers");
    pair->plain = bench_new_sized(SETTING_AUTO, &config);
    pair->general = bench_new_sized(SETTING_AUTO, &config);
    endpoint_read(HTTP, &key.addr, &key.port);
    engine_set_mode(pair->plain->engine, &key, MODE_ATTACK, TRIGGER_HALF_OPEN, 1,
                    pair->plain->now_us);
    engine_set_mode(pair->general->engine, &key, MODE_ATTACK, TRIGGER_HALF_OPEN, 1,
                    pair->general->now_us);
    for (uint32_t n = 0; n < 2000; n++) {
        char from[40];

        snprintf(from, sizeof(from), "198.51.100.%u:%u", n % 200, 1000 + n);
        frame_write(&pair->frame,
                    &(struct frame_words){
                        .from = from, .to = HTTP, .flags = "S", .seq = X, .options = OFFERS});
        put(pair->plain, &pair->frame, SIDE_CLIENT, PLENTY, 0);
        put(pair->general, &pair->frame, SIDE_CLIENT, GENERAL_ROOM, 0);
        reports += engine_observations(pair->plain->engine)->count;
        twins_alike(pair->plain, pair->general);
        pair->plain->now_us = pair->general->now_us += 3000;
    }
    cr_assert_gt(reports, 4u);
    cr_assert(went_the_short_way(pair->plain->engine));
    bench_end(pair->plain);
    bench_end(pair->general);
    free(pair);
}
