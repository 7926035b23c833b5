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

#include "engine/base/checksum.h"
#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"
#include "tests/engine/support_twins.h"

#define WORLDS 250
#define FRAMES 220 /* in each */
#define GENERAL_ROOM                                                                               \
    (OFFLOAD_BYTES + ETH_HEADER_BYTES + IPV4_HEADER_BYTES + TCP_HEADER_BYTES + TCP_OPTIONS_MAX - 1)
#define PLENTY          2000
#define SILENT          "192.0.2.1:2001" /* nobody listens there */
#define NEVER_SEEN      "192.0.2.1:2002"
#define NEVER_PROTECTED "192.0.2.9:80"

static const char *const servers[] = {
    HTTP, HTTP, HTTP, POP3, STRANGER, SILENT, NEVER_SEEN, NEVER_PROTECTED, HTTP6};

struct pair {
    struct bench *plain, *general;
    struct random random;
    struct test_frame frame;
    uint32_t missing; /* bytes at its end that were on the wire, and are not in the buffer */
};

static bool one_in(struct pair *pair, uint32_t n)
{
    return random_below(&pair->random, n) == 0;
}

/* --- worlds ---------------------------------------------------------------------------------- */

static enum capability some_capability(struct pair *pair)
{
    return one_in(pair, 4) ? (enum capability)random_below(&pair->random, 3) : CAPABILITY_GRANTED;
}

/* Layouts as hosts have them; the last has its timestamps at an odd offset. */
static void some_variant(struct pair *pair, struct synack_variant *variant)
{
    static const uint8_t layouts[][9] = {
        {5, TCP_OPT_MSS, TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS, TCP_OPT_NOP, TCP_OPT_WSCALE},
        {6, TCP_OPT_MSS, TCP_OPT_NOP, TCP_OPT_WSCALE, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_TIMESTAMPS},
        {5, TCP_OPT_MSS, TCP_OPT_NOP, TCP_OPT_WSCALE, TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS},
        {8, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_NOP,
         TCP_OPT_NOP, TCP_OPT_MSS},
        {1, TCP_OPT_MSS},
        {4, TCP_OPT_NOP, TCP_OPT_TIMESTAMPS, TCP_OPT_NOP, TCP_OPT_MSS},
    };
    const uint8_t *layout =
        layouts[random_below(&pair->random, sizeof(layouts) / sizeof(layouts[0]))];

    *variant = (struct synack_variant){.offered = (uint8_t)random_below(&pair->random, 32),
                                       .ecn = one_in(pair, 2),
                                       .window = (uint16_t)random_next(&pair->random),
                                       .layout_bytes = layout[0],
                                       .seen = 1};
    memcpy(variant->layout, layout + 1, layout[0]);
}

static void some_promise(struct pair *pair, struct promise *promise)
{
    struct synack_model *model = &promise->synack;

    promise->generation = 1 + random_below(&pair->random, 5);
    model->mss_state = some_capability(pair);
    model->window_scale_state = some_capability(pair);
    model->sack = some_capability(pair);
    model->timestamps = some_capability(pair);
    model->ecn = some_capability(pair);
    model->mss = (uint16_t)random_next(&pair->random);
    model->window_scale = (uint8_t)random_below(&pair->random, 16);
    model->window = one_in(pair, 4) ? 0 : (uint16_t)random_next(&pair->random);
    model->ttl = one_in(pair, 3) ? 0 : (uint8_t)random_next(&pair->random);
    model->df = one_in(pair, 2);
    model->ip_id = (enum ip_id_kind)random_below(&pair->random, 5);
    model->variants_count = (uint8_t)random_below(&pair->random, 5);
    for (uint8_t i = 0; i < model->variants_count; i++)
        some_variant(pair, &model->variants[i]);
}

static void some_policy(struct pair *pair)
{
    struct policy *policy = pair->plain->policy;

    for (uint32_t i = 0; i < policy->count; i++) {
        struct server_policy *server = &policy->servers[i];

        some_promise(pair, &server->now);
        server->armed = !one_in(pair, 4);
        if (one_in(pair, 3) && !server->now.greeting_bytes)
            server->opening = (enum opening_kind)random_below(&pair->random, 5);
    }
    memcpy(pair->general->policy, policy, policy_bytes(policy->count));
}

static void adopt(struct bench *bench)
{
    engine_adopt_policy(bench->engine, bench->policy, bench->now_us);
}

static void know(struct bench *bench, const char *name, bool listened)
{
    struct server_key key = {0};

    endpoint_read(name, &key.addr, &key.port);
    engine_set_listening(bench->engine, &key, true, bench->now_us);
    if (!listened)
        engine_set_listening(bench->engine, &key, false, bench->now_us);
    engine_listening_fresh(bench->engine, bench->now_us);
}

static void set_modes(struct bench *bench, enum mode_setting setting)
{
    struct server_key key = {0};

    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]) && setting == SETTING_AUTO; i++) {
        endpoint_read(servers[i], &key.addr, &key.port);
        if (strcmp(servers[i], NEVER_SEEN) != 0)
            engine_set_mode(bench->engine, &key, MODE_ATTACK, TRIGGER_HALF_OPEN, 1, bench->now_us);
    }
    engine_set_setting(bench->engine, NULL, setting, bench->now_us);
    endpoint_read(NEVER_PROTECTED, &key.addr, &key.port);
    know(bench, NEVER_PROTECTED, true);
    engine_set_setting(bench->engine, &key, SETTING_NORMAL, bench->now_us);
}

static struct pair *pair_new(uint64_t seed)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    enum mode_setting setting;
    struct engine_config config;

    pair->random.state = seed;
    bench_config(&config);
    config.shards = one_in(pair, 3) ? 3 : 1;
    config.unknown =
        one_in(pair, 2) ? UNKNOWN_COOKIE : (enum unknown_servers)random_below(&pair->random, 3);
    setting = one_in(pair, 2) ? SETTING_ATTACK : one_in(pair, 8) ? SETTING_NORMAL : SETTING_AUTO;
    pair->plain = bench_new_sized(setting, &config);
    pair->general = bench_new_sized(setting, &config);
    some_policy(pair);
    for (int i = 0; i < 2; i++) {
        struct bench *bench = i ? pair->general : pair->plain;

        adopt(bench);
        know(bench, STRANGER, true);
        know(bench, SILENT, false);
        set_modes(bench, setting);
    }
    return pair;
}

/* --- frames ---------------------------------------------------------------------------------- */

static const char *some_options(struct pair *pair, char text[200])
{
    static const char *const forms[] = {
        "mss=1460 sack ts=%u/0 nop ws=%u",
        "mss=1460 sack ts=%u/7 nop ws=%u",
        "mss=1400 nop ws=7 sack ts=%u/0",
        "mss=1452 nop ws=%2$u nop nop ts=%1$u/0 sack eol eol",
        "mss=1380 nop ws=8 nop nop sack",
        "mss=1460 nop nop sack nop ws=0",
        "mss=536",
        "mss=0 ts=%u/0",
        "mss=9000 sack ts=%u/0 nop ws=%u",
        "nop ts=%u/0 eol",
        "nop nop ts=%u/0",
        "ts=%u/0 sack mss=1460 ws=3 nop fastopen",
        "md5",
        "hex=1d04aabb",
        "mss=1460 hex=1300",
        "hex=02",
        "sack mss=1300 mss=1400",
    };
    uint32_t form =
        one_in(pair, 2) ? 0 : random_below(&pair->random, sizeof(forms) / sizeof(forms[0]));

    if (one_in(pair, 20))
        return NULL;
    if (one_in(pair, 20)) {
        snprintf(text, 200, "mss=%u sack ts=%u/0 nop ws=%u", random_below(&pair->random, 65536),
                 (uint32_t)random_next(&pair->random), random_below(&pair->random, 256));
        return text;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, 200, forms[form], (uint32_t)random_next(&pair->random),
             random_below(&pair->random, 16));
#pragma GCC diagnostic pop
    return text;
}

/* Damages what the words cannot say, in frames that are plain IPv4. */
static void some_damage(struct pair *pair)
{
    uint8_t *data = frame_data(&pair->frame), *ip = data + ETH_HEADER_BYTES;
    uint32_t at = random_below(&pair->random, pair->frame.bytes - OFFLOAD_BYTES);

    switch (random_below(&pair->random, 7)) {
    case 0: /* any byte, its checksums wrong */
        data[at] ^= (uint8_t)(1 + random_below(&pair->random, 255));
        return;
    case 1: /* any byte of the IP header, its checksum right */
        ip[random_below(&pair->random, 20)] ^= (uint8_t)(1u << random_below(&pair->random, 8));
        if (frame_read(&pair->frame) == FRAME_TCP && pair->frame.view.ip_version == 4)
            frame_fix_ip_checksum(&pair->frame);
        return;
    case 2: /* vouched for, and wrong */
        pair->frame.buffer[0] = OFFLOAD_CHECKSUM_VALID;
        data[at] ^= 1;
        return;
    case 3: /* partial */
        frame_checksum_partial(&pair->frame);
        return;
    case 4: /* cut off: on its way, or in a capture */
        at = 1 + random_below(&pair->random, 25);
        pair->frame.bytes -= at;
        pair->missing = one_in(pair, 2) ? at : 0;
        return;
    case 5: /* padding */
        memset(pair->frame.buffer + pair->frame.bytes, 0xee, 8);
        pair->frame.bytes += 1 + random_below(&pair->random, 8);
        return;
    default: /* the data offset, its checksum right */
        if (pair->frame.view.kind == FRAME_TCP && pair->frame.view.ip_version == 4) {
            uint8_t *tcp = data + pair->frame.view.l4, was = tcp[12];

            tcp[12] ^= (uint8_t)(0x10u << random_below(&pair->random, 4));
            checksum_update16(tcp + TCP_CHECKSUM_AT, (uint16_t)(was << 8),
                              (uint16_t)(tcp[12] << 8));
        }
    }
}

static void some_syn(struct pair *pair)
{
    static const char *const flags[] = {"SEW", "SE", "SW", "SP", "SU", "SA",
                                        "SF",  "SR", "S.", "R",  "F",  "SEWA"};
    char from[40], options[200];
    struct frame_words words = {
        .from = from,
        .to = servers[random_below(&pair->random, sizeof(servers) / sizeof(servers[0]))],
        .flags = one_in(pair, 4)
                     ? flags[random_below(&pair->random, sizeof(flags) / sizeof(flags[0]))]
                     : "S",
        .seq = one_in(pair, 10) ? UINT32_MAX : X + random_below(&pair->random, 3),
        .options = some_options(pair, options),
        .ttl = (uint8_t)random_below(&pair->random, 256),
        .tos = (uint8_t)(one_in(pair, 3) ? random_below(&pair->random, 256) : 0),
        .ip_id = (uint16_t)random_below(&pair->random, 65536),
        .may_fragment = one_in(pair, 3)};

    if (strcmp(words.to, HTTP6) == 0)
        snprintf(from, sizeof(from), "[2001:db8:1::%u]:%u", random_below(&pair->random, 9),
                 random_below(&pair->random, 9));
    else
        snprintf(from, sizeof(from), "198.51.%u.%u:%u", random_below(&pair->random, 4),
                 random_below(&pair->random, 256),
                 one_in(pair, 2) ? 40000 + random_below(&pair->random, 4)
                                 : random_below(&pair->random, 65536));
    if (one_in(pair, 30))
        words.payload = "fast open";
    if (one_in(pair, 30))
        words.vlan[0] = (uint16_t)random_below(&pair->random, 65536);
    if (strcmp(words.flags, "S.") == 0)
        words.ack = 9;
    frame_write(&pair->frame, &words);
    if (one_in(pair, 40) && pair->frame.view.ip_version == 4 && !words.vlan[0])
        frame_insert_ip_options(&pair->frame, "\1\1\1", 4);
    if (one_in(pair, 8))
        some_damage(pair);
}

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
    if (one_in(pair, 60)) {
        some_policy(pair);
        adopt(pair->plain);
        adopt(pair->general);
    }
    some_syn(pair);
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
        struct pair *pair = pair_new(random_next(&seeds));

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
