/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_engine.c - the input is a list of steps for an engine with small tables, between clients and servers that
 * remember what came to them, so that a step can say "the next segment" and need not guess a cookie:
 *
 *      step % 8   then
 *      0..3       who flags seq ack options payload window [patches]     a segment; see say()
 *      4          side length(2) bytes                                   a frame as it stands, offload header first
 *      5          time(2): 14 bits << 2 * (2 high bits * 4)              microseconds pass
 *      6          server setting                                         setting, or the main thread's mode
 *      7          policy                                                 another policy, or none
 *
 * Checked after each step: the outbox within its bounds, every frame of our own well-formed with right checksums,
 * every frame passed on of the kind it came as (and right if it was), gauges equal to what the tables hold, ticks that
 * come to an end. At last 9,000 s pass in silence, and nothing may be left.
 */
#include "engine/engine.h"
#include "engine/shard.h"
#include "tests/engine/support_frames.h"
#include "tests/fuzz/fuzz.h"

#define START_US    1000000000ull
#define QUIET_US    9000000000ull /* longer than RFC 5382's 2 h 4 min */
#define STEPS_MAX   400
#define TICKS_MAX   2000
#define QUIET_TICKS 200000
#define CLIENTS     4
#define SERVERS     8
#define VLANS       2
#define POLICIES    3
#define GREETING    "+OK ready\r\n"

static const char *const client_text[2][CLIENTS] = {
    {"198.51.100.7:40000", "198.51.100.7:40001", "198.51.100.8:40002", "203.0.113.9:40003"},
    {"[2001:db8:1::7]:40000", "[2001:db8:1::7]:40001", "[2001:db8:2::7]:40002", "[2001:db8:3::7]:40003"},
};
/* HTTP, HTTP, POP3, POP3, opened at the cookie, opened at data behind the cookie, never protected, not known. */
static const char *const server_text[SERVERS] = {
    "192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.1:110", "[2001:db8::1]:110",
    "192.0.2.1:25", "[2001:db8::1]:26", "192.0.2.1:22",  "192.0.2.1:2000",
};

static const char *const option_texts[16] = {
    NULL,
    "mss=1460 nop nop sack nop ws=7",
    "mss=1460 sack ts=1/0 nop ws=7",
    "mss=536",
    "ts",
    "nop nop blocks=1001-2000",
    "mss=1440 sack ts=900/0 nop ws=14",
    "mss=64 ws=15",
    "md5",
    "fastopen mss=1460",
    "hex=0204",
    "hex=0801",
    "hex=050a0000000000000000",
    "hex=1e0c0081000000000000000000000000",
    "mss=0 sack",
    "mss=65535 nop ws=0",
};

static const char *const payload_texts[8] = {
    NULL,     "GET / HTTP/1.1\r\n\r\n", "USER a\r\n", "GE", "T / HTTP/1.1\r\n\r\n",
    GREETING, "-ERR busy\r\n",          "\x16\x03",
};

/* What one side of a connection knows: enough to say the next segment. */
struct talker {
    uint32_t next;     /* end of what it said */
    uint32_t peer_seq; /* of the last segment that came to it */
    uint32_t peer_end;
    uint32_t peer_ack;
    uint32_t peer_tsval;
};

struct scene {
    struct engine *engine;
    uint64_t now_us;
    struct talker talkers[CLIENTS][SERVERS][VLANS][2]; /* the last index is enum side */
};

static struct engine_config config;
static uint8_t *memory;
static struct policy *policies[POLICIES];

/* --- engine and policies ------------------------------------------------------------------------------------------ */

static void small_tables(void)
{
    engine_config_defaults(&config);
    config.flows_max = 12;
    config.openings_max = 1;
    config.greeted_max = 16; /* a quarter of it is one set of resend.c */
    config.assemblies_max = 2;
    config.servers_max = 8;
    config.sources_max = 4;
    config.observations_max = 4;
    memcpy(config.keys.mac, "0123456789abcdef", sizeof(config.keys.mac));
    config.keys.tsval[0] = 0x1111222233334444;
    config.keys.tsval[1] = 0x5555666677778888;
    config.table_seed[0] = 17;
    config.table_seed[1] = 42;
}

static struct server_policy armed(size_t server, uint32_t generation)
{
    static const enum opening_kind openings[SERVERS] = {
        OPENING_CHECK,  OPENING_CHECK,          OPENING_GREET, OPENING_GREET,
        OPENING_COOKIE, OPENING_COOKIE_REQUEST, OPENING_PASS,  OPENING_COOKIE,
    };
    bool greets = openings[server] == OPENING_GREET;
    struct server_policy policy = {.armed = true, .opening = openings[server], .trigger_half_open = 4};

    endpoint_read(server_text[server], &policy.key.addr, &policy.key.port);
    policy.protocols = 1ull << (greets ? PROTOCOL_POP3 : PROTOCOL_HTTP);
    policy.greeting_protocol = greets ? PROTOCOL_POP3 : PROTOCOL_UNKNOWN;
    policy.now.generation = generation;
    policy.now.greeting_bytes = greets ? (uint16_t)(strlen(GREETING) + (generation - 1) * 200) : 0;
    memset(policy.now.greeting, '+', policy.now.greeting_bytes);
    memcpy(policy.now.greeting, GREETING, greets ? strlen(GREETING) : 0);
    policy.now.synack = (struct synack_model){.mss_state = CAPABILITY_GRANTED,
                                              .window_scale_state = CAPABILITY_GRANTED,
                                              .sack = CAPABILITY_GRANTED,
                                              .timestamps = CAPABILITY_GRANTED,
                                              .ecn = CAPABILITY_GRANTED,
                                              .mss = 1440,
                                              .window_scale = 7,
                                              .window = 65160,
                                              .ttl = 63,
                                              .df = true,
                                              .ip_id = (enum ip_id_kind)(IP_ID_ZERO + server % 3)};
    return policy;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(&((const struct server_policy *)a)->key, &((const struct server_policy *)b)->key,
                  sizeof(struct server_key));
}

/* The first is the usual one; the second promises anew; of the third half the servers are gone. */
static struct policy *policy_new(unsigned which)
{
    uint32_t count = which == 2 ? SERVERS / 2 : SERVERS - 1;
    struct policy *policy = calloc(1, policy_bytes(count));

    policy->generation = which + 1;
    policy->count = count;
    for (uint32_t i = 0; i < count; i++) {
        policy->servers[i] = armed(i, which == 0 ? 1 : 2);
        if (which == 1) {
            policy->servers[i].has_before = true;
            policy->servers[i].before = armed(i, 1).now;
            policy->servers[i].before_until_us = START_US + COOKIE_LIFETIME_US;
        }
    }
    qsort(policy->servers, count, sizeof(policy->servers[0]), by_key);
    return policy;
}

static void prepare(void)
{
    small_tables();
    /* Exactly as long as asked for: a byte beyond is noticed. */
    memory = aligned_alloc(64, engine_bytes(&config));
    for (unsigned i = 0; i < POLICIES; i++)
        policies[i] = policy_new(i);
}

/* --- what comes out ----------------------------------------------------------------------------------------------- */

static size_t index_of(const char *const *texts, size_t count, const struct ip_addr *addr, uint16_t port)
{
    size_t i;

    for (i = 0; i < count; i++) {
        struct ip_addr one;
        uint16_t its_port;

        endpoint_read(texts[i], &one, &its_port);
        if (its_port == port && memcmp(&one, addr, sizeof(one)) == 0)
            break;
    }
    return i;
}

/* The talker on `side` of the connection that a frame coming in on `from` belongs to; NULL for strangers. */
static struct talker *talker_of(struct scene *scene, const struct frame *frame, enum side from,
                                enum side side)
{
    struct flow_key key = frame_flow_key(frame, from);
    size_t family = addr_is_v4(&key.client) ? 0 : 1;
    size_t client = index_of(client_text[family], CLIENTS, &key.client, key.client_port);
    size_t server = index_of(server_text, SERVERS, &key.server, key.server_port);

    if (client == CLIENTS || server == SERVERS)
        return NULL;
    return &scene->talkers[client][server][key.vlan.id[0] != 0][side];
}

static void deliver(struct scene *scene, const struct frame *frame, enum side to)
{
    struct talker *talker = talker_of(scene, frame, side_other(to), to);
    struct tcp_options options;

    if (talker == NULL)
        return;
    talker->peer_seq = frame->seq;
    talker->peer_end = frame->seq + frame_seq_bytes(frame);
    if (frame->flags & TCP_ACK)
        talker->peer_ack = frame->ack;
    tcp_options_parse(frame_options(frame), frame->options_bytes, &options);
    if (options.present & OPTION_TIMESTAMPS)
        talker->peer_tsval = options.tsval;
}

static enum frame_kind look(struct frame *frame, uint8_t *buffer, uint32_t bytes)
{
    uint32_t data_bytes = bytes - OFFLOAD_BYTES;

    return frame_parse(frame, (struct offload *)buffer, buffer + OFFLOAD_BYTES, data_bytes, data_bytes,
                       data_bytes);
}

static void check_own(struct scene *scene, uint8_t *buffer, uint32_t bytes, enum side to)
{
    struct frame frame;

    FUZZ_ASSERT(bytes > OFFLOAD_BYTES);
    FUZZ_ASSERT(look(&frame, buffer, bytes) == FRAME_TCP);
    FUZZ_ASSERT(frame_checksum_right(&frame));
    deliver(scene, &frame, to);
}

static void empty_outbox(struct scene *scene)
{
    struct outbox *outbox = engine_outbox(scene->engine);
    struct observation_queue *observations = engine_observations(scene->engine);

    FUZZ_ASSERT(outbox->count <= OUTBOX_FRAMES && outbox->used <= outbox->capacity);
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_frame *frame = &outbox->frames[i];

        FUZZ_ASSERT(frame->offset <= outbox->used && frame->bytes <= outbox->used - frame->offset);
        check_own(scene, outbox->memory + frame->offset, frame->bytes, frame->to);
    }
    outbox->count = outbox->used = 0;
    FUZZ_ASSERT(observations->count <= observations->capacity);
    observations->count = 0;
}

static void check_gauges(const struct scene *scene)
{
    const struct engine *engine = scene->engine;
    const struct counters *counters = &engine->counters;
    const struct opening_pool *pool = &engine->openings;
    uint64_t held =
        counters->flows_tracked + counters->flows_pending + counters->flows_spliced + counters->flows_closing;

    /* A gauge that fell below zero is huge. */
    FUZZ_ASSERT(counters->flows_tracked <= config.flows_max && counters->flows_pending <= config.flows_max);
    FUZZ_ASSERT(counters->flows_spliced <= config.flows_max && counters->flows_closing <= config.flows_max);
    FUZZ_ASSERT(held == engine_flows(engine, NULL, 0, scene->now_us));
    FUZZ_ASSERT(pool->openings_touched - pool->free_openings_count <= pool->openings_max);
    FUZZ_ASSERT(pool->holds_touched - pool->free_holds_count <= pool->holds_max);
    FUZZ_ASSERT(assembly_count(engine->assemblies) <= config.assemblies_max);
    for (uint32_t i = 0; i < engine->servers.capacity; i++) {
        FUZZ_ASSERT(engine->servers.slots[i].half_open_flows <= counters->flows_tracked);
        FUZZ_ASSERT(engine->servers.slots[i].openings_now <=
                    pool->openings_touched - pool->free_openings_count);
    }
}

static void check_forwarded(struct scene *scene, const struct frame *was, bool right, uint8_t *buffer,
                            const struct verdict *verdict, enum side from)
{
    struct frame is;

    if (verdict->bytes < OFFLOAD_BYTES)
        return; /* shorter than an offload header: as it came */
    FUZZ_ASSERT(look(&is, buffer, verdict->bytes) == was->kind);
    FUZZ_ASSERT(!right || frame_checksum_right(&is));
    if (is.kind == FRAME_TCP)
        deliver(scene, &is, side_other(from));
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static void input(struct scene *scene, enum side from, const uint8_t *bytes_in, uint32_t bytes,
                  uint32_t capacity)
{
    uint8_t *buffer = malloc(capacity > bytes ? capacity : bytes);
    struct verdict verdict;
    struct frame was;
    bool right;

    memset(&verdict, 0xa5, sizeof(verdict));
    memcpy(buffer, bytes_in, bytes);
    right = bytes >= OFFLOAD_BYTES && look(&was, buffer, bytes) == FRAME_TCP && frame_checksum_right(&was);
    engine_input(scene->engine, from, buffer, bytes, bytes, capacity > bytes ? capacity : bytes,
                 scene->now_us, &verdict);
    switch (verdict.action) {
    case VERDICT_FORWARD:
        FUZZ_ASSERT(verdict.bytes == bytes);
        check_forwarded(scene, &was, right, buffer, &verdict, from);
        break;
    case VERDICT_REPLY:
        FUZZ_ASSERT(verdict.bytes <= (capacity > bytes ? capacity : bytes));
        check_own(scene, buffer, verdict.bytes, from);
        break;
    case VERDICT_DROP:
        FUZZ_ASSERT(verdict.reason < DROP_REASONS_COUNT);
        break;
    case VERDICT_HOLD:
        FUZZ_ASSERT(was.kind == FRAME_TCP);
        break;
    default:
        FUZZ_ASSERT(verdict.action == VERDICT_FORWARD);
    }
    empty_outbox(scene);
    free(buffer);
}

/* Two high bits: where to count from; six low bits: how far from there, -32 to 31. */
static uint32_t number_of(uint8_t choice, const uint32_t from[4])
{
    int32_t delta = (int32_t)(choice & 63) - (choice & 32 ? 64 : 0);

    return from[choice >> 6] + (uint32_t)(choice >> 6 == 3 ? delta * 1000 : delta);
}

static const char *options_of(uint8_t choice, const struct talker *talker, uint64_t now_us, char text[64])
{
    const char *chosen = option_texts[choice & 15];

    if (chosen == NULL || strcmp(chosen, "ts") != 0)
        return chosen;
    snprintf(text, 64, "nop nop ts=%u/%u", (unsigned)(now_us / 1000),
             talker->peer_tsval + (choice >> 4) * 64u);
    return text;
}

/* Low three bits: the text; 16 to 31 and so on: that many times, or large and in one super-frame. */
static void choose_payload(uint8_t choice, struct frame_words *words)
{
    static char large[20000];
    const char *text = payload_texts[choice & 7];

    words->payload = text;
    if (text == NULL || choice < 16)
        return;
    memset(large, 'x', sizeof(large));
    memcpy(large, text, strlen(text));
    words->payload = large;
    words->payload_bytes = (uint32_t)(choice >> 4) * 1200;
    if (words->payload_bytes > 1460)
        words->gso_bytes = 1200;
}

/* `who`: bit 0 the side, 1-2 the client, 3-5 the server, 6 a VLAN tag, 7 patches follow. */
static void say(struct scene *scene, struct stream *stream)
{
    static struct test_frame frame;
    static const char letters[9] = "FSRP.UEW";
    uint8_t who = take_u8(stream), flag_bits = take_u8(stream), seq = take_u8(stream), ack = take_u8(stream);
    uint8_t options = take_u8(stream), payload = take_u8(stream), window = take_u8(stream);
    unsigned client = who >> 1 & 3, server = who >> 3 & 7, vlan = who >> 6 & 1;
    enum side from = who & 1 ? SIDE_SERVER : SIDE_CLIENT;
    struct talker *talker = &scene->talkers[client][server][vlan][from];
    const char *ends[2] = {client_text[server_text[server][0] == '['][client], server_text[server]};
    char flags[9] = "", text[64];
    size_t used = 0;
    struct frame_words words = {
        .from = ends[from], .to = ends[1 - from], .flags = flags, .vlan = {vlan ? 5 : 0}};

    for (unsigned i = 0; i < 8; i++)
        if (flag_bits >> i & 1)
            flags[used++] = letters[i];
    words.seq = number_of(seq, (uint32_t[4]){talker->next, talker->peer_ack, 1000, talker->next});
    words.ack = number_of(ack, (uint32_t[4]){talker->peer_end, talker->peer_seq, 0, talker->peer_end});
    words.window = (uint16_t)(window << 8 | 1);
    words.window_closed = window == 255;
    words.tos = payload & 8 ? ECN_ECT0 : 0;
    words.options = options_of(options, talker, scene->now_us, text);
    choose_payload(payload, &words);
    frame_write(&frame, &words);
    talker->next = words.seq + frame_seq_bytes(&frame.view);
    if (who & 128) {
        for (unsigned patches = 1 + (take_u8(stream) & 3); patches > 0; patches--) {
            uint32_t at = take_u16(stream) % frame.bytes;

            frame.buffer[at] = take_u8(stream);
        }
        frame.bytes -= take_u8(stream) & 15;
    }
    input(scene, from, frame.buffer, frame.bytes, window & 1 ? 2048 : 0);
}

static void raw(struct scene *scene, struct stream *stream)
{
    enum side from = take_u8(stream) & 1 ? SIDE_SERVER : SIDE_CLIENT;
    size_t bytes = take_u16(stream) & 0x7ff;

    if (bytes > stream_left(stream))
        bytes = stream_left(stream);
    if (bytes == 0)
        return;
    input(scene, from, stream->at, (uint32_t)bytes, 2048);
    stream->at += bytes;
}

/* Ticks until nothing is due; the same moment may not keep a worker busy for ever. */
static void tick(struct scene *scene)
{
    int calls = 0;
    bool more;

    do {
        more = engine_tick(scene->engine, scene->now_us);
        empty_outbox(scene);
        FUZZ_ASSERT(++calls < TICKS_MAX);
    } while (more || engine_next_deadline(scene->engine) <= scene->now_us);
}

static void wait(struct scene *scene, struct stream *stream)
{
    uint16_t time = take_u16(stream);

    scene->now_us += (uint64_t)(time & 0x3fff) << 8 * (time >> 14);
    if (time & 1)
        tick(scene);
}

static void operator(struct scene *scene, struct stream *stream)
{
    uint8_t server = take_u8(stream), word = take_u8(stream);
    struct server_key key = {0};

    endpoint_read(server_text[server % SERVERS], &key.addr, &key.port);
    if (word & 8)
        engine_set_mode(scene->engine, &key, word & 1 ? MODE_ATTACK : MODE_NORMAL, scene->now_us);
    else if (server & 128)
        engine_set_setting(scene->engine, NULL, (enum mode_setting)(SETTING_AUTO + word % 3), scene->now_us);
    else
        engine_set_setting(scene->engine, &key, (enum mode_setting)(word % 4), scene->now_us);
}

static void take_step(struct scene *scene, struct stream *stream)
{
    unsigned which;

    switch (take_u8(stream) & 7) {
    case 4:
        raw(scene, stream);
        break;
    case 5:
        wait(scene, stream);
        break;
    case 6:
        operator(scene, stream);
        break;
    case 7:
        which = take_u8(stream) % (POLICIES + 1);
        engine_adopt_policy(scene->engine, which < POLICIES ? policies[which] : NULL, scene->now_us);
        break;
    default:
        say(scene, stream);
    }
    check_gauges(scene);
}

/* A long silence, with a tick at each deadline: nothing may be left. */
static void fall_silent(struct scene *scene)
{
    uint64_t until_us = scene->now_us + QUIET_US, next_us;
    const struct engine *engine = scene->engine;
    int ticks = 0;

    tick(scene);
    while ((next_us = engine_next_deadline(engine)) <= until_us) {
        scene->now_us = next_us;
        tick(scene);
        FUZZ_ASSERT(++ticks < QUIET_TICKS);
    }
    scene->now_us = until_us;
    tick(scene);
    check_gauges(scene);
    FUZZ_ASSERT(engine_flows(engine, NULL, 0, scene->now_us) == 0);
    FUZZ_ASSERT(engine->openings.openings_touched == engine->openings.free_openings_count);
    FUZZ_ASSERT(engine->openings.holds_touched == engine->openings.free_holds_count);
    FUZZ_ASSERT(assembly_count(engine->assemblies) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct scene scene;
    struct stream stream = {data, data + bytes};

    if (memory == NULL)
        prepare();
    memset(memory, 0, engine_bytes(&config));
    memset(&scene, 0, sizeof(scene));
    scene.now_us = START_US;
    scene.engine = engine_init(memory, &config, START_US);
    engine_adopt_policy(scene.engine, policies[0], START_US);
    engine_set_setting(scene.engine, NULL, SETTING_ATTACK, START_US);
    for (int steps = 0; stream_left(&stream) > 0 && steps < STEPS_MAX; steps++)
        take_step(&scene, &stream);
    fall_silent(&scene);
    return 0;
}
