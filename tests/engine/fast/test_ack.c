/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ack.c - the short way of bare ACKs and first requests says and counts what the general
 * way does.
 *
 * Two engines that are alike are told the same. One takes every frame as it comes; the other has
 * the general way called where the short one would begin: a client's plain frame without a flow.
 * Verdicts, bytes, counters, observations, what is sent later, and what the engine remembers are
 * compared after each frame. Worlds are made by chance (servers, promises, what they accept,
 * settings, shards), and so are the clients: they get cookies, and say with them what suits and
 * what does not, again, too late, or damaged.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/stages/proof.h"
#include "engine/base/checksum.h"
#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"
#include "tests/engine/support_twins.h"

#define WORLDS   150
#define FRAMES   400 /* in each */
#define CAPACITY 2000
#define PROVED   32

static const char *const servers[] = {HTTP, HTTP, HTTP, HTTP, POP3, STRANGER, HTTP6};

/* A client, and the cookie that it got. */
struct client {
    char at[40];
    const char *server;
    uint32_t x, c, tsval;
};

struct pair {
    struct bench *plain, *general;
    struct random random;
    struct test_frame frame;
    struct client clients[PROVED];
    uint32_t
        missing; /* bytes at the frame's end that were on the wire, and are not in the buffer */
    bool flood;  /* one source says what is wrong, until it is put aside */
    uint32_t bare, refused;
};

static uint32_t below(struct pair *pair, uint32_t limit)
{
    return random_below(&pair->random, limit);
}

static bool one_in(struct pair *pair, uint32_t n)
{
    return below(pair, n) == 0;
}

/* --- worlds ---------------------------------------------------------------------------------- */

static void some_policy(struct pair *pair)
{
    struct policy *policy = pair->plain->policy;

    for (uint32_t i = 0; i < policy->count; i++) {
        struct server_policy *server = &policy->servers[i];

        server->armed = !one_in(pair, 8);
        server->now.generation = 1 + below(pair, 3);
        server->now.synack.ttl = one_in(pair, 3) ? 0 : (uint8_t)below(pair, 256);
        server->now.synack.df = one_in(pair, 2);
        server->has_pattern = one_in(pair, 6);
        server->hidden = one_in(pair, 6) ? (uint8_t)below(pair, 4) : 0;
        server->check_keywords = one_in(pair, 4);
        if (!server->now.greeting_bytes)
            server->opening = one_in(pair, 5) ? (enum opening_kind)below(pair, 5) : OPENING_CHECK;
        else if (one_in(pair, 4))
            server->opening = OPENING_CHECK; /* with a greeting that is promised all the same */
    }
    memcpy(pair->general->policy, policy, policy_bytes(policy->count));
}

static void adopt(struct bench *bench)
{
    engine_adopt_policy(bench->engine, bench->policy, bench->now_us);
}

static struct pair *pair_new(uint64_t seed)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    struct engine_config config;
    struct server_key key = {0};
    enum mode_setting setting;

    pair->random.state = seed;
    bench_config(&config);
    pair->flood = one_in(pair, 3);
    config.shards = pair->flood || one_in(pair, 2)
                        ? 8
                        : 1; /* few wrong requests are enough to limit a source then */
    config.unknown = one_in(pair, 2) ? UNKNOWN_COOKIE : (enum unknown_servers)below(pair, 3);
    setting = one_in(pair, 4) ? SETTING_AUTO : SETTING_ATTACK;
    pair->plain = bench_new_sized(setting, &config);
    pair->general = bench_new_sized(setting, &config);
    some_policy(pair);
    for (int i = 0; i < 2; i++) {
        struct bench *bench = i ? pair->general : pair->plain;

        adopt(bench);
        for (size_t n = 0; n < sizeof(servers) / sizeof(servers[0]); n++) {
            endpoint_read(servers[n], &key.addr, &key.port);
            engine_set_mode(bench->engine, &key, MODE_ATTACK, TRIGGER_HALF_OPEN, 1, bench->now_us);
        }
    }
    return pair;
}

/* --- both ways ------------------------------------------------------------------------------- */

/* True where the short way would begin. */
static bool is_plain_stranger(const struct engine *engine, const struct test_frame *frame,
                              uint64_t *hash)
{
    const uint8_t *data = frame->buffer + OFFLOAD_BYTES;
    struct flow_words key;

    if (!frame_is_plain(data, frame->bytes - OFFLOAD_BYTES) ||
        engine_perhaps_plain_syn(frame->buffer, frame->bytes))
        return false;
    key = frame_plain_words(data, SIDE_CLIENT);
    *hash = flow_words_hash(engine->flows.seed, key);
    return flow_find_words(&engine->flows, key, *hash) == FLOW_NONE;
}

static void put(struct bench *bench, const struct pair *pair, enum side from, bool general)
{
    const struct test_frame *frame = &pair->frame;
    uint64_t hash;

    memcpy(bench->sent.buffer, frame->buffer, frame->bytes);
    if (!general || from != SIDE_CLIENT || !is_plain_stranger(bench->engine, frame, &hash)) {
        engine_input(bench->engine, from, bench->sent.buffer, frame->bytes,
                     frame->bytes + pair->missing, CAPACITY, bench->now_us, &bench->verdict);
        return;
    }
    bench->engine->now_us = bench->now_us;
    bench->verdict.action = VERDICT_FORWARD;
    bench->verdict.bytes = frame->bytes;
    engine_plain_stranger(bench->engine, from, bench->sent.buffer, frame->bytes, hash, CAPACITY,
                          bench->now_us, &bench->verdict);
}

static void both(struct pair *pair, enum side from)
{
    const struct verdict *a = &pair->plain->verdict, *b = &pair->general->verdict;
    char text[WORDS_BYTES];

    put(pair->plain, pair, from, false);
    put(pair->general, pair, from, true);
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

/* --- clients --------------------------------------------------------------------------------- */

/* A cookie for another client, over one who had one. */
static void ask(struct pair *pair)
{
    static struct test_frame answer;
    static const char *const offers[] = {OFFERS, "mss=1460 sack ts=1/0 nop ws=7", "mss=536"};
    struct client *client = &pair->clients[below(pair, PROVED)];
    struct tcp_options options;

    client->server = servers[below(pair, sizeof(servers) / sizeof(servers[0]))];
    client->x = one_in(pair, 10) ? UINT32_MAX : X + below(pair, 4);
    snprintf(client->at, sizeof(client->at),
             strcmp(client->server, HTTP6) == 0 ? "[2001:db8:1::%u]:%u" : "198.51.100.%u:%u",
             pair->flood ? 0 : below(pair, 4), below(pair, 200));
    frame_write(&pair->frame, &(struct frame_words){.from = client->at,
                                                    .to = client->server,
                                                    .flags = "S",
                                                    .seq = client->x,
                                                    .options = offers[below(pair, 3)]});
    both(pair, SIDE_CLIENT);
    client->c = 0;
    if (pair->plain->verdict.action != VERDICT_REPLY)
        return;
    frame_copy(&answer, pair->plain->sent.buffer, pair->plain->verdict.bytes);
    tcp_options_parse(frame_options(&answer.view), answer.view.options_bytes, &options);
    client->c = answer.view.seq;
    client->tsval = options.tsval;
}

static const char *some_options(struct pair *pair, const struct client *client, char text[100])
{
    static const char *const forms[] = {"nop nop ts=%u/%u", "nop nop ts=%u/%u",
                                        "ts=%u/%u nop nop", "nop nop ts=%u/%u nop nop sack=1-2",
                                        "hex=02",           "hex=0800"};

    if (one_in(pair, 3))
        return NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, 100, forms[below(pair, sizeof(forms) / sizeof(forms[0]))], below(pair, 1000),
             client->tsval);
#pragma GCC diagnostic pop
    return text;
}

static void some_words(struct pair *pair, struct frame_words *words)
{
    static const char *const said[] = {REQUEST,
                                       "GET",
                                       "GET / HT",
                                       "G",
                                       USER,
                                       "\023BitTorrent protocol0123456789",
                                       "\x16\x03\x01\x02",
                                       "wrong one",
                                       "wrong on",
                                       "zz top is not HTTP",
                                       "HEAD /x HTTP/1.0\r\nHost: a\r\n\r\n"};
    static const uint8_t zeros[12] = {0};

    if (one_in(pair, pair->flood ? 40 : 12)) {
        words->payload = zeros;
        words->payload_bytes = 1 + below(pair, 12);
        return;
    }
    words->payload = said[below(pair, sizeof(said) / sizeof(said[0]))];
    if (pair->flood || one_in(pair, 2))
        words->payload = said[one_in(pair, 2) ? 5 : 9];
    words->payload_bytes = (uint32_t)strlen(words->payload);
}

/* Damages what the words cannot say, in frames that are plain IPv4. */
static void some_damage(struct pair *pair)
{
    uint8_t *data = frame_data(&pair->frame), *ip = data + ETH_HEADER_BYTES;
    uint32_t at = below(pair, pair->frame.bytes - OFFLOAD_BYTES);

    switch (below(pair, 6)) {
    case 0: /* any byte, its checksums wrong */
        data[at] ^= (uint8_t)(1 + below(pair, 255));
        return;
    case 1: /* any byte of the IP header, its checksum right */
        ip[below(pair, 20)] ^= (uint8_t)(1u << below(pair, 8));
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
        at = 1 + below(pair, 25);
        pair->frame.bytes -= at;
        pair->missing = one_in(pair, 2) ? at : 0;
        return;
    default: /* padding */
        memset(pair->frame.buffer + pair->frame.bytes, 0xee, 8);
        pair->frame.bytes += 1 + below(pair, 8);
    }
}

static void some_segment(struct pair *pair)
{
    static const char *const flags[] = {"P.",  "P.", "U.", "PUE.W", "F.",
                                        "FP.", "R",  "R.", "P",     "S."};
    const struct client *client = &pair->clients[below(pair, PROVED)];
    char options[100];
    struct frame_words words = {.from = client->at,
                                .to = client->server,
                                .flags = one_in(pair, 3) ? flags[below(pair, 10)] : ".",
                                .seq = client->x + 1,
                                .ack = client->c + 1};

    if (!client->server)
        return;
    words.options = some_options(pair, client, options);
    if (one_in(pair, 10))
        words.seq += below(pair, 3) - 1;
    if (one_in(pair, 10))
        words.ack += one_in(pair, 2) ? GREETING_LENGTH : 1u << below(pair, 32);
    if (pair->flood || !one_in(pair, 3))
        some_words(pair, &words);
    if (one_in(pair, 40))
        words.vlan[0] = (uint16_t)below(pair, 4096);
    frame_write(&pair->frame, &words);
    if (one_in(pair, 40) && pair->frame.view.ip_version == 4 && !words.vlan[0])
        frame_insert_ip_options(&pair->frame, "\1\1\1", 4);
    if (one_in(pair, 10))
        some_damage(pair);
}

/* What only the short way sends and drops so, as long as nothing else is pending. */
static void note(struct pair *pair, uint64_t refused_before)
{
    const struct engine *engine = pair->plain->engine;
    const struct verdict *verdict = &pair->plain->verdict;

    if (resend_count(engine->synacks) || resend_count(engine->greetings))
        return;
    pair->bare += verdict->action == VERDICT_DROP && verdict->reason == DROP_answered;
    pair->refused += verdict->action == VERDICT_REPLY &&
                     verdict->bytes == OFFLOAD_BYTES + PLAIN_FRAME_BYTES &&
                     engine->counters.drops[DROP_mismatch] != refused_before;
}

/* The server accepts what was opened to it, or answers what was not. */
static void server_answers(struct pair *pair)
{
    const struct client *client = &pair->clients[below(pair, PROVED)];

    if (!client->server)
        return;
    frame_write(&pair->frame, &(struct frame_words){.from = client->server,
                                                    .to = client->at,
                                                    .flags = one_in(pair, 3) ? "R." : "S.",
                                                    .seq = Y,
                                                    .ack = client->x + 1,
                                                    .options = OFFERS});
    both(pair, SIDE_SERVER);
}

/* --- time, the operator ---------------------------------------------------------------------- */

static void let_time_pass(struct pair *pair)
{
    static const uint64_t some_us[] = {1,       1000,     300000,   1200000,
                                       3000000, 12000000, 70000000, COOKIE_EPOCH_US};
    const uint64_t us = 1 + random_next(&pair->random) % some_us[below(pair, 8)];

    twins_wait(pair->plain, pair->general, us);
}

static void allow(struct pair *pair)
{
    struct source_rule rule = {.length = 31, .state = SOURCE_ALLOWED, .by = SOURCE_BY_OPERATOR};
    uint16_t port;

    endpoint_read("198.51.100.2:1", &rule.prefix, &port);
    twins_turn_rule(pair->plain, pair->general, &rule);
}

/* Cookies of an attack count for a while after it. */
static void switch_modes(struct pair *pair)
{
    enum mode_setting setting = one_in(pair, 4) ? SETTING_NORMAL : SETTING_ATTACK;

    engine_set_setting(pair->plain->engine, NULL, setting, pair->plain->now_us);
    engine_set_setting(pair->general->engine, NULL, setting, pair->general->now_us);
}

static void step(struct pair *pair)
{
    uint64_t refused;

    if (one_in(pair, pair->flood ? 60 : 8))
        let_time_pass(pair);
    if (one_in(pair, 80))
        allow(pair);
    if (one_in(pair, 30))
        server_answers(pair);
    if (one_in(pair, 80))
        switch_modes(pair);
    if (one_in(pair, 80)) {
        some_policy(pair);
        adopt(pair->plain);
        adopt(pair->general);
    }
    if (one_in(pair, 2))
        ask(pair);
    pair->frame.bytes = 0;
    some_segment(pair);
    if (!pair->frame.bytes)
        return;
    refused = engine_counters(pair->plain->engine)->drops[DROP_mismatch];
    both(pair, SIDE_CLIENT);
    note(pair, refused);
}

Test(fast_ack, says_and_counts_what_the_general_way_does)
{
    struct random seeds = random_begin("fast_ack");
    uint32_t bare = 0, refused = 0;
    uint64_t limited = 0, opened = 0;

    for (uint32_t world = 0; world < WORLDS; world++) {
        struct pair *pair = pair_new(random_next(&seeds));

        for (uint32_t n = 0; n < FRAMES; n++)
            step(pair);
        twins_remember_alike(pair->plain, pair->general);
        bare += pair->bare;
        refused += pair->refused;
        limited += engine_counters(pair->plain->engine)->sources_put_aside;
        opened += engine_counters(pair->plain->engine)->requests_matched;
        bench_end(pair->plain);
        bench_end(pair->general);
        free(pair);
    }
    cr_assert_gt(bare, WORLDS * 5);
    cr_assert_gt(refused, WORLDS * 5);
    cr_assert_gt(limited, 5u);
    cr_assert_gt(opened, WORLDS);
}
