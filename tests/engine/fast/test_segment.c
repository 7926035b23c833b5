/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_segment.c - the short way of plain segments against the long one, which the same segments
 * are handed to directly.
 *
 * Two engines hold the same flow. One gets a segment by engine_input(), which takes the short way
 * where it can, the other by track_flow() or splice_frame(). Verdict, bytes of the frame, the
 * entry, counters and observations must be the same. What an entry holds, and what a segment says
 * of it, is made at random around the places where a segment stops being plain.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/stages/splice.h"
#include "engine/stages/track.h"
#include "engine/tcp/flow_record.h"
#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"
#include "tests/engine/support_odd.h"

#define ROUNDS 40000

struct pair {
    struct bench *way[2]; /* short, long */
    struct random random;
    enum flow_state state;
    uint32_t short_ones; /* that changed nothing but what a plain segment changes: the test must
                            meet many */
    uint32_t odd_ones;
};

static uint32_t below(struct pair *pair, uint32_t limit)
{
    return random_below(&pair->random, limit);
}

static bool one_in(struct pair *pair, uint32_t n)
{
    return below(pair, n) == 0;
}

/* Around `number`: mostly near, sometimes at one of the edges, sometimes anywhere. */
static uint32_t around(struct pair *pair, uint32_t number)
{
    static const uint32_t edges[] = {1u << 12, 1u << 20, 1u << 26, 1u << 30, 1u << 31};
    uint32_t away = below(pair, 3000);

    if (one_in(pair, 12))
        away = edges[below(pair, 5)] + below(pair, 9) - 4;
    else if (one_in(pair, 30))
        away = (uint32_t)random_next(&pair->random);
    return one_in(pair, 2) ? number + away : number - away;
}

/* What the entry holds, in both engines. */
static void set_flow(struct pair *pair)
{
    struct bench *b = pair->way[0];
    struct flow flow = *bench_flow(b);
    struct flow_cold cold = *flow_cold(&b->engine->flows, bench_flow(b));
    uint32_t distances[] = {100,
                            5000,
                            1u << 20,
                            (1u << 30) - (1u << 21),
                            (1u << 30) + 5,
                            (3u << 29) - 70,
                            (3u << 29) - (1u << 20) - 131072 + 9,
                            (3u << 29) + 5};

    flow.delta = (uint32_t)random_next(&pair->random);
    flow.ts_delta = (uint32_t)random_next(&pair->random);
    flow.flags = pair->state == FLOW_SPLICED ? FLOW_EDIT : 0;
    if (one_in(pair, 8))
        flow.flags =
            (uint8_t)(flow.flags | ((1u << below(pair, 6)) & ~(unsigned)(FLOW_RESET | FLOW_EDIT)));
    flow.to_client_shift = (int8_t)(one_in(pair, 8) ? (int)below(pair, 9) - 4 : 0);
    flow.to_server_shift = (int8_t)(one_in(pair, 8) ? (int)below(pair, 9) - 4 : 0);
    cold.client_isn = (uint32_t)random_next(&pair->random);
    cold.server_isn = (uint32_t)random_next(&pair->random);
    cold.client_next = cold.client_isn + 1 + (one_in(pair, 20) ? 0 : below(pair, 9000));
    cold.server_next = cold.server_isn + 1 + below(pair, 9000);
    flow.ack_floor =
        cold.server_next - distances[below(pair, sizeof(distances) / sizeof(distances[0]))];
    flow.tsecr_floor = (uint32_t)random_next(&pair->random);
    cold.sampled[SIDE_CLIENT] = cold.sampled[SIDE_SERVER] = one_in(pair, 2) ? UINT16_MAX : 0;
    cold.server_mss = (uint16_t)(one_in(pair, 4) ? below(pair, 100) : 1448);
    cold.timestamps = !one_in(pair, 4);
    cold.storm = (struct flow_storm){{1, 2}, 3, 4};
    for (int i = 0; i < 2; i++) {
        *bench_flow(pair->way[i]) = flow;
        *flow_cold(&pair->way[i]->engine->flows, bench_flow(pair->way[i])) = cold;
    }
}

static const char *random_options(struct pair *pair, const struct flow *flow)
{
    uint32_t far = one_in(pair, 10) ? UINT32_MAX : 3000;
    uint32_t tsval = flow->tsecr_floor + below(pair, far) - (one_in(pair, 10) ? 10 : 0);

    switch (below(pair, 8)) {
    case 0:
        return NULL;
    case 1:
        return "nop nop blocks=5-9";
    case 2:
        return "ts=7/9 nop nop";
    default:
        return ts(tsval, flow->ts_delta + around(pair, flow->tsecr_floor));
    }
}

/* As hosts take it: read on the long way, and translated like a plain one. */
static void make_odd(struct pair *pair)
{
    struct test_frame *frame = &pair->way[0]->sent;
    const struct odd_form *form = &odd_taken[below(pair, odd_count(odd_taken))];

    if (!odd_fits(form, frame->view.ip_version == 6))
        return;
    odd_put(form, frame);
    cr_assert_eq(frame->view.kind, FRAME_TCP, "%s", form->name);
    pair->odd_ones++;
}

/* A segment of that flow, into the buffer of the first. */
static void make_segment(struct pair *pair, enum side from)
{
    static const char *const flags[] = {".", "P.", ".", "P.", "P.", "EP.", "F.",
                                        "R", "R.", "S", "S.", "P",  "U."};
    struct bench *b = pair->way[0];
    const struct flow *flow = bench_flow(b);
    const struct flow_cold *cold = flow_cold(&b->engine->flows, flow);
    bool client = from == SIDE_CLIENT;
    static uint8_t payload[3000];
    uint32_t bytes = one_in(pair, 6) ? 0 : 1 + below(pair, one_in(pair, 4) ? sizeof(payload) : 120);
    uint32_t acked =
        pair->state == FLOW_SPLICED ? cold->server_next + flow->delta : cold->server_next;
    const uint32_t lifted = flow->ack_floor + flow->delta - RECORD_FLOOR_REACH;
    const char *said = flags[below(pair, one_in(pair, 5) ? 13 : 6)];

    if (client && said[0] == 'S') /* is judged before both ways part: dispatch.c syn_on_flow() */
        said = ".";
    bench_build(
        b, from,
        (struct frame_words){
            .flags = said,
            .seq = around(pair, client ? cold->client_next : cold->server_next),
            .ack = client ? around(pair, one_in(pair, 10) ? lifted : acked) : cold->client_next,
            .window = (uint16_t)(1 + below(pair, 65535)),
            .options = random_options(pair, flow),
            .payload = payload,
            .payload_bytes = bytes,
            .gso_bytes = (uint16_t)(bytes > 1000 && one_in(pair, 2) ? 1000 : 0),
            .tos = (uint8_t)below(pair, 4),
            .vlan = {(uint16_t)(one_in(pair, 6) ? 0x6000
                                                : 0)}}); /* a priority alone: walked, same key */
    if (!bytes) /* the writer takes the payload for text where there are no bytes of it */
        cr_assert_eq(b->sent.view.payload_bytes, 0u);
    if (one_in(pair, 4))
        make_odd(pair);
}

/* As engine_any_frame() would, but for the short way. */
static void long_way(struct pair *pair, enum side from)
{
    struct bench *b = pair->way[1];
    struct passage passage = {.from = from, .now_us = b->now_us, .verdict = &b->verdict};
    uint8_t *data = frame_data(&b->sent);
    uint32_t bytes = b->sent.bytes - OFFLOAD_BYTES;

    b->engine->now_us = b->now_us;
    b->verdict = (struct verdict){VERDICT_FORWARD, 0, b->sent.bytes};
    cr_assert_eq(frame_walk(&passage.frame, (struct offload *)(void *)b->sent.buffer, data, bytes,
                            bytes, TEST_FRAME_BYTES - OFFLOAD_BYTES),
                 FRAME_TCP);
    frame_flow_key(&passage.frame, from, &passage.key);
    passage.hash = engine_hash(b->engine, &passage.key);
    tcp_options_parse(frame_options(&passage.frame), passage.frame.options_bytes, &passage.options);
    if (pair->state == FLOW_SPLICED)
        splice_frame(b->engine, &passage, bench_flow(b));
    else
        track_flow(b->engine, &passage, bench_flow(b));
}

static void short_way(struct pair *pair, enum side from)
{
    struct bench *b = pair->way[0];

    b->verdict = (struct verdict){0};
    engine_input(b->engine, from, b->sent.buffer, b->sent.bytes, b->sent.bytes, TEST_FRAME_BYTES,
                 b->now_us, &b->verdict);
}

static void compare(struct pair *pair, unsigned round)
{
    struct bench *a = pair->way[0], *b = pair->way[1];
    const struct flow *flow = bench_flow(a), *other = bench_flow(b);
    char words[2][WORDS_BYTES];

    frame_to_words(&a->sent.view, words[0]);
    frame_read(&b->sent);
    frame_to_words(&b->sent.view, words[1]);
    cr_assert_eq(a->verdict.action, b->verdict.action, "round %u: %s", round, words[0]);
    cr_assert_eq(a->verdict.bytes, b->verdict.bytes, "round %u: %s", round, words[0]);
    cr_assert(memcmp(a->sent.buffer, b->sent.buffer, b->sent.bytes) == 0, "round %u: %s became %s",
              round, words[0], words[1]);
    cr_assert(memcmp(flow, other, sizeof(*flow)) == 0, "round %u: %s", round, words[0]);
    cr_assert(memcmp(flow_cold(&a->engine->flows, flow), flow_cold(&b->engine->flows, other),
                     sizeof(struct flow_cold)) == 0,
              "round %u: %s", round, words[0]);
    cr_assert(memcmp(&a->engine->counters, &b->engine->counters, sizeof(a->engine->counters)) == 0,
              "round %u: %s", round, words[0]);
    cr_assert_eq(a->engine->observations.count, b->engine->observations.count, "round %u: %s",
                 round, words[0]);
    cr_assert_eq(a->engine->outbox.count, b->engine->outbox.count, "round %u: %s", round, words[0]);
}

/* Both are as they were before, so that the next segment meets a live flow. */
static void revive(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        struct bench *b = pair->way[i];
        struct flow *flow = bench_flow(b);

        if (flow->state != pair->state)
            engine_flow_state(b->engine, flow, pair->state, b->now_us);
        b->engine->observations.count = 0;
        b->engine->outbox.count = b->engine->outbox.used = 0;
        b->now_us += 70000;
    }
}

static bool is_plain(const struct pair *pair)
{
    const struct bench *b = pair->way[0];
    const struct frame *frame = &b->sent.view;

    return b->verdict.action == VERDICT_FORWARD && frame->payload_bytes &&
           (frame->flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_ACK &&
           frame->vlan.id[0] == 0;
}

static void compare_ways(struct pair *pair)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        enum side from = one_in(pair, 2) ? SIDE_CLIENT : SIDE_SERVER;

        set_flow(pair);
        make_segment(pair, from);
        memcpy(pair->way[1]->sent.buffer, pair->way[0]->sent.buffer, pair->way[0]->sent.bytes);
        pair->way[1]->sent.bytes = pair->way[0]->sent.bytes;
        short_way(pair, from);
        long_way(pair, from);
        compare(pair, round);
        pair->short_ones += is_plain(pair);
        revive(pair);
    }
    cr_assert_gt(pair->short_ones, ROUNDS / 4);
    cr_assert_gt(pair->odd_ones, ROUNDS / 10);
    bench_end(pair->way[0]);
    bench_end(pair->way[1]);
}

static void spliced(const char *client, const char *server, const char *name)
{
    struct pair pair = {.random = random_begin(name), .state = FLOW_SPLICED};

    for (int i = 0; i < 2; i++) {
        pair.way[i] = bench_new(SETTING_ATTACK);
        pair.way[i]->client = client;
        pair.way[i]->server = server;
        open_http(pair.way[i], OFFERS, OFFERS);
    }
    compare_ways(&pair);
}

Test(plain, spliced_segments_go_the_long_way_as_well)
{
    spliced(CLIENT, HTTP, "plain/spliced");
}

Test(plain, spliced_segments_of_ipv6)
{
    spliced(CLIENT6, HTTP6, "plain/spliced6");
}

Test(plain, followed_segments_go_the_long_way_as_well)
{
    struct pair pair = {.random = random_begin("plain/followed"), .state = FLOW_ESTABLISHED};

    for (int i = 0; i < 2; i++) {
        pair.way[i] = bench_new(SETTING_NORMAL);
        handshake(pair.way[i], OFFERS, OFFERS);
    }
    compare_ways(&pair);
}
