/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_engine.c - see support_engine.h. */
#include "tests/engine/support_engine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_US (1000 * SECOND_US)
#define CANARY   64u

/* --- the engine and its policy --------------------------------------------------------------- */

void bench_config(struct engine_config *config)
{
    engine_config_defaults(config);
    config->flows_max = 64;
    config->openings_max = 4;
    config->greeted_max = 1024;
    config->slots_max = 64;
    config->servers_max = 16;
    config->sources_max = 64;
    config->observations_max = 64;
    config->served_max = 65536;
    config->held_least = 4096; /* what test_held.c limits is not what other tests are about */
    memcpy(config->keys.mac, "0123456789abcdef", sizeof(config->keys.mac));
    config->keys.tsval[0] = 0x1111222233334444;
    config->keys.tsval[1] = 0x5555666677778888;
    config->table_seed[0] = 17;
    config->table_seed[1] = 42;
}

static struct server_policy profile(const char *server, uint16_t mss)
{
    struct server_policy policy = {.armed = true, .opening = OPENING_CHECK};

    endpoint_read(server, &policy.key.addr, &policy.key.port);
    policy.protocols = 1ull << PROTOCOL_HTTP;
    policy.now.generation = 1;
    policy.now.synack = (struct synack_model){
        .mss_state = CAPABILITY_GRANTED,
        .window_scale_state = CAPABILITY_GRANTED,
        .sack = CAPABILITY_GRANTED,
        .timestamps = CAPABILITY_GRANTED,
        .ecn = CAPABILITY_GRANTED,
        .mss = mss,
        .window_scale = 7,
        .window = 65160,
        .ttl = 63,
        .df = true,
        .ip_id = IP_ID_ZERO,
    };
    return policy;
}

static struct server_policy greeting_profile(const char *server, uint16_t mss)
{
    struct server_policy policy = profile(server, mss);

    policy.opening = OPENING_GREET;
    policy.greeting_protocol = PROTOCOL_POP3;
    policy.protocols = 1ull << PROTOCOL_POP3;
    policy.now.greeting_bytes = GREETING_LENGTH;
    memcpy(policy.now.greeting, GREETING, GREETING_LENGTH);
    return policy;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(&((const struct server_policy *)a)->key, &((const struct server_policy *)b)->key,
                  sizeof(struct server_key));
}

static struct policy *policy_new(void)
{
    struct policy *policy = calloc(1, policy_bytes(4));

    policy->count = 4;
    policy->servers[0] = profile(HTTP, 1460);
    policy->servers[1] = profile(HTTP6, 1440);
    policy->servers[2] = greeting_profile(POP3, 1460);
    policy->servers[3] = greeting_profile(POP3_6, 1440);
    qsort(policy->servers, 4, sizeof(policy->servers[0]), by_key);
    return policy;
}

struct bench *bench_new_sized(enum mode_setting setting, const struct engine_config *config)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    size_t bytes = engine_bytes(config);

    bench->config = *config;
    /* calloc() gives pages that are there only where they are touched; there are hundreds of
     * tests. */
    bench->allocated = calloc(1, bytes + CANARY + 63);
    bench->memory = (uint8_t *)(((uintptr_t)bench->allocated + 63) & ~(uintptr_t)63);
    memset(bench->memory + bytes, 0xc7, CANARY);
    bench->now_us = START_US;
    bench->client = CLIENT;
    bench->server = HTTP;
    bench->engine = engine_init(bench->memory, config, START_US);
    bench->policy = policy_new();
    engine_adopt_policy(bench->engine, bench->policy, START_US);
    engine_set_setting(bench->engine, NULL, setting, START_US);
    return bench;
}

struct bench *bench_new(enum mode_setting setting)
{
    struct engine_config config;

    bench_config(&config);
    return bench_new_sized(setting, &config);
}

void bench_end(struct bench *bench)
{
    const uint8_t *canary = bench->memory + engine_bytes(&bench->config);

    bench_expect_nothing(bench, 0);
    for (uint32_t i = 0; i < CANARY; i++)
        cr_assert_eq(canary[i], 0xc7, "the engine wrote behind its memory");
    free(bench->policy);
    free(bench->allocated);
    free(bench);
}

void bench_client(struct bench *bench, uint16_t number)
{
    snprintf(bench->client_text, sizeof(bench->client_text), "198.51.100.8:%u", number);
    bench->client = bench->client_text;
}

struct server_policy *bench_policy(struct bench *bench, const char *server)
{
    struct server_key key = {0};

    endpoint_read(server, &key.addr, &key.port);
    for (uint32_t i = 0; i < bench->policy->count; i++)
        if (server_key_equal(&bench->policy->servers[i].key, &key))
            return &bench->policy->servers[i];
    abort();
}

struct server *bench_server(struct bench *bench, const char *server)
{
    struct server_key key = {0};

    endpoint_read(server, &key.addr, &key.port);
    return server_find(&bench->engine->servers, &key);
}

struct flow *bench_flow(struct bench *bench)
{
    struct flow_key key = flow_of(bench->client, bench->server);

    return flow_find(&bench->engine->flows, &key);
}

void bench_forget_synack(struct bench *bench)
{
    struct flow_key key = flow_of(bench->client, bench->server);

    cr_assert_not_null(resend_find(bench->engine->synacks, &key));
    resend_remove(bench->engine->synacks, &key);
}

const char *bench_flow_state(struct bench *bench)
{
    const struct flow *flow = bench_flow(bench);

    return flow != NULL ? flow_state_name((enum flow_state)flow->state) : "none";
}

const struct counters *bench_counters(struct bench *bench)
{
    return engine_counters(bench->engine);
}

const struct observation *bench_observed(struct bench *bench)
{
    static struct observation first;
    struct observation_queue *queue = engine_observations(bench->engine);

    if (queue->count == 0)
        return NULL;
    first = queue->slots[0];
    queue->count--;
    memmove(queue->slots, queue->slots + 1, queue->count * sizeof(queue->slots[0]));
    return &first;
}

/* --- frames in ------------------------------------------------------------------------------- */

static void fill_in(const struct bench *bench, enum side from, struct frame_words *words)
{
    if (words->from == NULL)
        words->from = from == SIDE_CLIENT ? bench->client : bench->server;
    if (words->to == NULL)
        words->to = from == SIDE_CLIENT ? bench->server : bench->client;
    if (words->vlan[0] == 0)
        memcpy(words->vlan, bench->vlan, sizeof(words->vlan));
}

void bench_build(struct bench *bench, enum side from, struct frame_words words)
{
    fill_in(bench, from, &words);
    frame_write(&bench->sent, &words);
}

static void queue_add(struct bench *bench, enum side to, const uint8_t *buffer, uint32_t bytes)
{
    struct bench_frame *frame = &bench->queue[bench->queued++];

    cr_assert_leq(bench->queued, BENCH_QUEUE);
    *frame = (struct bench_frame){to, bytes, malloc(bytes)};
    memcpy(frame->buffer, buffer, bytes);
}

static void collect_outbox(struct bench *bench)
{
    struct outbox *outbox = engine_outbox(bench->engine);

    for (uint32_t i = 0; i < outbox->count; i++)
        queue_add(bench, outbox->frames[i].to, outbox->memory + outbox->frames[i].offset,
                  outbox->frames[i].bytes);
    outbox->count = outbox->used = 0;
}

void bench_put(struct bench *bench, enum side from)
{
    struct test_frame *frame = &bench->sent;

    if (engine_carried(bench->engine))
        engine_input_beside_carried(bench->engine, from, frame->buffer, frame->bytes, frame->bytes,
                                    sizeof(frame->buffer), bench->now_us, &bench->verdict);
    else
        engine_input(bench->engine, from, frame->buffer, frame->bytes, frame->bytes,
                     sizeof(frame->buffer), bench->now_us, &bench->verdict);
    if (bench->verdict.action == VERDICT_FORWARD || bench->verdict.action == VERDICT_REPLY) {
        enum side to = bench->verdict.action == VERDICT_REPLY ? from : side_other(from);

        queue_add(bench, to, frame->buffer, bench->verdict.bytes);
    }
    collect_outbox(bench);
}

/* --- frames out ------------------------------------------------------------------------------ */

void bench_forget(struct bench *bench)
{
    while (bench->queued > 0)
        free(bench->queue[--bench->queued].buffer);
}

const struct frame *bench_take(struct bench *bench, enum side to, int line)
{
    uint32_t at = 0;

    while (at < bench->queued && bench->queue[at].to != to)
        at++;
    cr_assert_lt(at, bench->queued, "line %d: nothing came out for the %s", line,
                 to == SIDE_CLIENT ? "client" : "server");
    frame_copy(&bench->seen, bench->queue[at].buffer, bench->queue[at].bytes);
    free(bench->queue[at].buffer);
    bench->queued--;
    memmove(bench->queue + at, bench->queue + at + 1,
            (bench->queued - at) * sizeof(bench->queue[0]));
    if (bench->seen.view.kind == FRAME_TCP) {
        cr_assert(bench->damaged || frame_checksum_right(&bench->seen.view), "line %d: checksum",
                  line);
        tcp_options_parse(frame_options(&bench->seen.view), bench->seen.view.options_bytes,
                          &bench->seen_options);
    }
    return &bench->seen.view;
}

/* What the words leave open is as it came. */
static void adopt_open_words(const struct frame *is, struct frame_words *words, char hex[100])
{
    if (words->seq == ANY)
        words->seq = is->seq;
    if (words->ack == ANY)
        words->ack = is->ack;
    if (words->window == 0 && !words->window_closed) {
        words->window = is->window;
        words->window_closed = is->window == 0;
    }
    if (words->options == NULL || strcmp(words->options, ANY_OPTIONS) != 0)
        return;
    strcpy(hex, "hex=");
    for (uint8_t i = 0; i < is->options_bytes; i++)
        sprintf(hex + 4 + 2 * i, "%02x", frame_options(is)[i]);
    words->options = is->options_bytes > 0 ? hex : NULL;
}

static void compare_ip(const struct frame *is, const struct frame *wanted,
                       const struct frame_words *words, int line)
{
    cr_assert_eq(is->l3, wanted->l3, "line %d: link header", line);
    cr_assert_arr_eq(is->data, wanted->data, wanted->l3, "line %d: link header", line);
    cr_assert_eq(frame_tos(is), words->tos, "line %d: ToS is %u", line, frame_tos(is));
    cr_assert_eq(is->offload->gso_bytes, words->gso_bytes, "line %d: segments of %u", line,
                 is->offload->gso_bytes);
    if (words->ttl != 0)
        cr_assert_eq(frame_ttl(is), words->ttl, "line %d: TTL is %u", line, frame_ttl(is));
    if (words->ip_id != 0)
        cr_assert_eq(frame_ip_id(is), words->ip_id, "line %d: IP ID is %u", line, frame_ip_id(is));
    if (words->flow_label != 0)
        cr_assert_eq(frame_flow_label(is), words->flow_label, "line %d: flow label is %u", line,
                     frame_flow_label(is));
    if (words->may_fragment)
        cr_assert_not(frame_df(is), "line %d: DF", line);
}

void bench_expect(struct bench *bench, enum side to, struct frame_words words, int line)
{
    static struct test_frame wanted;
    const struct frame *is = bench_take(bench, to, line);
    char is_text[WORDS_BYTES], wanted_text[WORDS_BYTES], hex[100];

    cr_assert_eq(is->kind, FRAME_TCP, "line %d: no TCP segment", line);
    fill_in(bench, side_other(to), &words);
    adopt_open_words(is, &words, hex);
    frame_write(&wanted, &words);
    frame_to_words(is, is_text);
    frame_to_words(&wanted.view, wanted_text);
    cr_assert_str_eq(is_text, wanted_text, "line %d:\n  came   %s\n  wanted %s", line, is_text,
                     wanted_text);
    cr_assert_arr_eq(frame_payload(is), frame_payload(&wanted.view), is->payload_bytes,
                     "line %d: payload", line);
    compare_ip(is, &wanted.view, &words, line);
}

void bench_expect_nothing(struct bench *bench, int line)
{
    char text[WORDS_BYTES];

    if (bench->queued == 0)
        return;
    frame_copy(&bench->seen, bench->queue[0].buffer, bench->queue[0].bytes);
    cr_assert_fail("line %d: left for the %s: %s", line,
                   bench->queue[0].to == SIDE_CLIENT ? "client" : "server",
                   frame_to_words(&bench->seen.view, text));
}

void bench_expect_verdict(struct bench *bench, enum verdict_action action, enum drop_reason reason,
                          int line)
{
    static const char *const names[] = {"forward", "reply", "drop", "hold"};

    cr_assert_str_eq(names[bench->verdict.action], names[action], "line %d", line);
    if (action == VERDICT_DROP)
        cr_assert_eq(bench->verdict.reason, reason, "line %d: dropped for reason %d, not %d", line,
                     (int)bench->verdict.reason, (int)reason);
}

/* --- time ------------------------------------------------------------------------------------ */

#define TICKS_MAX 1000

/* Ticks until no deadline is past; the same moment may not keep a worker busy for ever. */
static void tick(struct bench *bench)
{
    int calls = 0;
    bool more;

    do {
        more = engine_tick(bench->engine, bench->now_us);
        collect_outbox(bench);
        cr_assert_lt(++calls, TICKS_MAX, "a deadline stays past whatever engine_tick() does");
    } while (more || engine_next_deadline(bench->engine) <= bench->now_us);
}

void bench_wait(struct bench *bench, uint64_t us)
{
    uint64_t until_us = bench->now_us + us;

    for (;;) {
        uint64_t next_us = engine_next_deadline(bench->engine);

        if (next_us > until_us)
            break;
        bench->now_us = next_us > bench->now_us ? next_us : bench->now_us;
        tick(bench);
    }
    bench->now_us = until_us;
    tick(bench);
}

/* --- steps that many tests take -------------------------------------------------------------- */

const char *ts(uint32_t tsval, uint32_t tsecr)
{
    static char texts[8][48];
    static unsigned at;
    char *text = texts[at++ % 8];

    snprintf(text, sizeof(texts[0]), "nop nop ts=%u/%u", tsval, tsecr);
    return text;
}

uint32_t get_cookie(struct bench *bench, const char *options)
{
    client_says(bench, .flags = "S", .seq = X, .options = options);
    to_client(bench, .flags = "S.", .seq = ANY, .ack = X + 1, .options = ANY_OPTIONS);
    return bench->seen.view.seq;
}

uint32_t open_http(struct bench *bench, const char *offers, const char *grants)
{
    uint32_t c = get_cookie(bench, offers);

    client_says(bench, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502,
                .payload = REQUEST);
    held(bench);
    to_server(bench, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    server_says(bench, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = grants);
    to_server(bench, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    cr_assert_str_eq(bench_flow_state(bench), "spliced");
    return c;
}

uint32_t open_pop3(struct bench *bench)
{
    uint32_t c, said = GREETING_LENGTH;

    bench->server = POP3;
    c = get_cookie(bench, OFFERS);
    client_says(bench, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
    to_client(bench, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    client_says(bench, .flags = "P.", .seq = X + 1, .ack = c + 1 + said, .window = 502,
                .payload = USER);
    held(bench);
    to_server(bench, .flags = "S", .seq = X, .options = OFFERS);
    server_says(bench, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    to_server(bench, .flags = ".", .seq = X + 1, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(bench), "greeting");
    return c;
}

void handshake(struct bench *bench, const char *offers, const char *grants)
{
    client_says(bench, .flags = "S", .seq = X, .options = offers);
    to_server(bench, .flags = "S", .seq = X, .options = offers);
    server_says(bench, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = grants);
    to_client(bench, .flags = "S.", .seq = Y, .ack = X + 1, .options = grants);
    client_says(bench, .flags = ".", .seq = X + 1, .ack = Y + 1, .window = 502);
    to_server(bench, .flags = ".", .seq = X + 1, .ack = Y + 1);
}
