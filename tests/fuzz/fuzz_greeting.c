/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_greeting.c - a greeting promised, a client greeted with it, and a server that says something
 * else or the same, cut anyhow. The input:
 *
 *      wire length(2) real at(2) byte    who is there, the promise, and how the real greeting
 *                                        differs from it
 *      kind a(2) b(2) ...                steps: segments of the server's stream, the client's,
 *                                        resets, time
 *
 * The server's stream is one text, so that a segment is an offset and a length of it: repetitions,
 * overlaps, gaps and super-frames come by themselves. The reference is a count of the bytes that
 * came without a gap, and a memcmp() of the two texts. Checked after each step: the engine waits,
 * splices or refuses when the reference does, and tells a refusal from a change; what came to the
 * client is the promise and behind it the server's stream, each byte at its place (so that delta is
 * right), and never while we wait; the server gets the client's bytes at their places, not before
 * it greeted, and no ack beyond what it said; TSval never runs back.
 */
#include "engine/base/bytes.h"
#include "engine/engine.h"
#include "engine/shard/shard.h"
#include "tests/engine/support_frames.h"
#include "tests/fuzz/fuzz.h"

#define START_US    1000000000ull
#define X           1000u       /* the client's ISN */
#define Y           0xfffffff0u /* the server's: its numbers wrap */
#define SAID_BYTES  40000u
#define ASKED_BYTES 4000u
/* What one input may leave changed for the next */
#define CHANGED_BYTES (GREETING_BYTES_MAX + 16)
#define STEPS_MAX     80
#define REQUEST       "USER a\r\n"
#define LINE_BYTES    512   /* of a POP3 answer, RFC 1939 3 */
#define JUDGED_BYTES  2800u /* how much of an unequal greeting is looked at */

/* Bits of the first byte. */
enum wire_bits {
    WIRE_IPV6 = 1,
    WIRE_STAMPS = 2,
    WIRE_VLAN = 4,
    WIRE_ACKED = 8,
    WIRE_QINQ = 16,
    WIRE_FILLED = 32
};
/* Of a step's kind: the low three, and what a server's segment is besides. */
enum step_kind { SAY, SAY_NEXT, SAY_END, ASK, ACKNOWLEDGE, WAIT, RESET, SYN_AGAIN };
enum step_bits { WITH_FIN = 8, DAMAGED = 16 };

enum expectation { WAITING, RELEASED, REFUSED };

struct exchange {
    struct engine *engine;
    uint64_t now_us;
    uint8_t wire;
    const char *ends[2]; /* by enum side */
    uint32_t c, server_clock, client_clock;
    uint32_t newest_tsval[2]; /* that came to a side; 0: none */
    uint32_t said_end, asked_end;
    uint32_t greeting_bytes, seen;
    bool fin_said, fin_asked, damage;
    bool syn_again; /* the answer to a SYN-ACK speaks to a server that has got nothing newer */
    enum expectation expected;
    struct flow_key key;
};

static struct engine_config config;
static uint8_t *memory;
static struct policy *policy;
static uint8_t said[SAID_BYTES], asked[ASKED_BYTES];
static uint64_t unequal_seen;
static bool unequal_negative;

/* The first bytes of the server's stream, so that each tells where it stands. */
static void tell_places(uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        said[i] = (uint8_t)(i * 7 + (i >> 8) + 3);
}

static void prepare(void)
{
    tell_places(SAID_BYTES);
    for (uint32_t i = 0; i < ASKED_BYTES; i++)
        asked[i] = (uint8_t)(i * 5 + 1);
    memcpy(asked, REQUEST, strlen(REQUEST));
    engine_config_defaults(&config);
    config.flows_max = 4;
    config.openings_max = 1;
    config.greeted_max = 256;
    config.slots_max = 16;
    config.servers_max = 4;
    config.sources_max = 4;
    config.observations_max = 16;
    config.served_max = 64;
    memory = aligned_alloc(64, engine_bytes(&config));
    policy = calloc(1, policy_bytes(1));
}

/* --- the texts ------------------------------------------------------------------------------- */

/* "+OK" and a line of `length` bytes, or the short one. */
static void promise(const char *server, uint16_t length, bool filled)
{
    struct server_policy *entry = &policy->servers[0];
    uint32_t bytes = filled ? 6 + length % (GREETING_BYTES_MAX - 6) : 11;

    memset(entry, 0, sizeof(*entry));
    policy->count = 1;
    endpoint_read(server, &entry->key.addr, &entry->key.port);
    entry->armed = true;
    entry->opening = OPENING_GREET;
    entry->protocols = 1ull << PROTOCOL_POP3;
    entry->greeting_protocol = PROTOCOL_POP3;
    entry->now.generation = 1;
    entry->now.synack = (struct synack_model){.mss_state = CAPABILITY_GRANTED,
                                              .window_scale_state = CAPABILITY_GRANTED,
                                              .sack = CAPABILITY_GRANTED,
                                              .timestamps = CAPABILITY_GRANTED,
                                              .mss = 1440,
                                              .window_scale = 7,
                                              .window = 65160,
                                              .ttl = 64};
    entry->now.greeting_bytes = (uint16_t)bytes;
    memcpy(entry->now.greeting, "+OK ", 4);
    for (uint32_t i = 4; i < bytes - 2; i++)
        entry->now.greeting[i] = (uint8_t)('a' + i % 23);
    memcpy(entry->now.greeting + bytes - 2, "\r\n", 2);
}

/* The server's stream: the greeting or one that differs, and behind it bytes that tell their place.
 */
static void choose_stream(struct exchange *exchange, uint8_t real, uint16_t at, uint8_t byte)
{
    static const char *const others[] = {"-ERR busy\r\n", "-ERR", "+OK other\r\n", "\x16\x03"};
    const struct promise *promised = &policy->servers[0].now;
    const char *other = others[real >> 2 & 3];

    exchange->greeting_bytes = promised->greeting_bytes;
    tell_places(CHANGED_BYTES);
    memcpy(said, promised->greeting, promised->greeting_bytes);
    at = (uint16_t)(at % promised->greeting_bytes);
    if ((real & 3) == 1)
        said[at] = byte;
    else if ((real & 3) == 2)
        memcpy(said + at, other, strlen(other));
    else if ((real & 3) == 3)
        memcpy(said, other, strlen(other));
}

/* "-ERR", a space or the line's end, and a whole line. */
static bool is_negative(uint32_t end)
{
    uint32_t bytes = end < JUDGED_BYTES ? end : JUDGED_BYTES;

    return bytes > 4 && memcmp(said, "-ERR", 4) == 0 && strchr(" \r\n", said[4]) != NULL &&
           said[4] != 0 && memchr(said, '\n', bytes < LINE_BYTES ? bytes : LINE_BYTES) != NULL;
}

/* Less than a whole line that begins with another word than the promised one: who says so in pieces
 * means a refusal. */
static bool begins_otherwise(uint32_t end)
{
    size_t length;
    uint32_t word = end < 3 ? end : 3;

    return protocol_by_id(PROTOCOL_POP3)->greeting(said, end, &length) == GREETING_MORE &&
           memcmp(said, policy->servers[0].now.greeting, word) != 0;
}

/* --- what comes out -------------------------------------------------------------------------- */

static void check_to_client(struct exchange *exchange, const struct frame *frame)
{
    const uint8_t *promised = policy->servers[0].now.greeting, *payload = frame_payload(frame);
    uint32_t at = frame->seq - (exchange->c + 1);

    for (uint32_t i = 0; i < frame->payload_bytes; i++, at++) {
        if (at < exchange->greeting_bytes) {
            FUZZ_ASSERT(payload[i] == promised[at]);
        } else {
            FUZZ_ASSERT(exchange->expected == RELEASED && at < SAID_BYTES);
            FUZZ_ASSERT(payload[i] == said[at]);
        }
    }
    if (!(frame->flags & (TCP_RST | TCP_SYN)) && (frame->flags & TCP_ACK))
        FUZZ_ASSERT(frame->ack - (X + 1) <= exchange->asked_end + exchange->fin_asked);
}

static void check_to_server(struct exchange *exchange, const struct frame *frame)
{
    const uint8_t *payload = frame_payload(frame);
    uint32_t at = frame->seq - (X + 1), acked = frame->ack - (Y + 1);

    if (frame->flags & (TCP_SYN | TCP_RST))
        return;
    for (uint32_t i = 0; i < frame->payload_bytes; i++) {
        FUZZ_ASSERT(exchange->expected == RELEASED && at + i < ASKED_BYTES);
        FUZZ_ASSERT(payload[i] == asked[at + i]);
    }
    FUZZ_ASSERT(frame->flags & TCP_ACK);
    if (exchange->expected == RELEASED)
        FUZZ_ASSERT(acked >= exchange->greeting_bytes &&
                    acked <= exchange->said_end + exchange->fin_said);
    else
        FUZZ_ASSERT(acked == exchange->seen);
}

static void leave(struct exchange *exchange, enum side to, uint8_t *buffer, uint32_t bytes,
                  bool ours)
{
    struct tcp_options options;
    struct frame frame;
    uint32_t data_bytes = bytes - OFFLOAD_BYTES;

    FUZZ_ASSERT(frame_parse(&frame, (struct offload *)buffer, buffer + OFFLOAD_BYTES, data_bytes,
                            data_bytes, data_bytes) == FRAME_TCP);
    if (exchange->damage && !ours)
        return; /* the host drops it */
    FUZZ_ASSERT(frame_checksum_right(&frame));
    if (to == SIDE_CLIENT && (frame.flags & TCP_SYN))
        exchange->c = frame.seq;
    if (to == SIDE_CLIENT)
        check_to_client(exchange, &frame);
    else
        check_to_server(exchange, &frame);
    tcp_options_parse(frame_options(&frame), frame.options_bytes, &options);
    if (!(options.present & OPTION_TIMESTAMPS) || (frame.flags & TCP_RST) || exchange->syn_again)
        return;
    FUZZ_ASSERT(exchange->newest_tsval[to] == 0 ||
                !seq_before(options.tsval, exchange->newest_tsval[to]));
    exchange->newest_tsval[to] = options.tsval;
}

static void empty_outbox(struct exchange *exchange)
{
    struct outbox *outbox = engine_outbox(exchange->engine);
    struct observation_queue *queue = engine_observations(exchange->engine);

    for (uint32_t i = 0; i < outbox->count; i++)
        leave(exchange, outbox->frames[i].to, outbox->memory + outbox->frames[i].offset,
              outbox->frames[i].bytes, true);
    outbox->count = outbox->used = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        if (queue->slots[i].kind != OBSERVED_GREETING)
            continue;
        unequal_seen++;
        unequal_negative = queue->slots[i].greeting.negative;
    }
    queue->count = 0;
}

/* The frame as it is in the engine's words: from `from`, with timestamps where the connection has
 * them. */
static void put(struct exchange *exchange, enum side from, struct frame_words words)
{
    static struct test_frame frame;
    char stamps[64];
    struct verdict verdict;

    words.from = exchange->ends[from];
    words.to = exchange->ends[side_other(from)];
    words.vlan[0] = exchange->wire & WIRE_VLAN ? 5 : 0;
    words.vlan[1] = exchange->wire & WIRE_VLAN && exchange->wire & WIRE_QINQ ? 7 : 0;
    words.gso_bytes = words.payload_bytes > 1440 ? 1200 : 0;
    if (words.options == NULL && (exchange->wire & WIRE_STAMPS)) {
        uint32_t *clock = from == SIDE_CLIENT ? &exchange->client_clock : &exchange->server_clock;

        snprintf(stamps, sizeof(stamps), "nop nop ts=%u/%u", ++*clock,
                 exchange->newest_tsval[from]);
        words.options = stamps;
    }
    frame_write(&frame, &words);
    if (exchange->damage && !(frame.view.offload->flags & OFFLOAD_NEEDS_CHECKSUM))
        frame.buffer[frame.bytes - 1] ^= 0x55;
    else
        exchange->damage = false;
    engine_input(exchange->engine, from, frame.buffer, frame.bytes, frame.bytes,
                 sizeof(frame.buffer), exchange->now_us, &verdict);
    if (verdict.action == VERDICT_REPLY)
        leave(exchange, from, frame.buffer, verdict.bytes, true);
    /* Of our own what goes with a verdict was caused by it, but goes out behind it. */
    else if (verdict.action == VERDICT_FORWARD)
        leave(exchange, side_other(from), frame.buffer, verdict.bytes, false);
    empty_outbox(exchange);
}

/* --- steps ----------------------------------------------------------------------------------- */

static enum flow_state state_of(const struct exchange *exchange, const struct flow **flow)
{
    *flow = flow_find(&exchange->engine->flows, &exchange->key);
    return *flow != NULL ? (enum flow_state)(*flow)->state : FLOW_FREE;
}

static void check_expected(struct exchange *exchange)
{
    const struct flow *flow;
    enum flow_state state = state_of(exchange, &flow);

    switch (exchange->expected) {
    case WAITING:
        FUZZ_ASSERT(state == FLOW_GREETING);
        break;
    case RELEASED:
        FUZZ_ASSERT(flow != NULL && (flow->flags & FLOW_EDIT) && !(flow->flags & FLOW_REFUSED));
        FUZZ_ASSERT(state == FLOW_SPLICED || state == FLOW_CLOSING);
        FUZZ_ASSERT(flow->delta == exchange->c - Y);
        break;
    case REFUSED:
        FUZZ_ASSERT(state == FLOW_CLOSING && (flow->flags & FLOW_REFUSED));
        break;
    }
}

/* The reference. */
static void expect_data(struct exchange *exchange, uint32_t at, uint32_t bytes, bool fin)
{
    const uint8_t *promised = policy->servers[0].now.greeting;
    uint32_t end = at + bytes < exchange->greeting_bytes ? at + bytes : exchange->greeting_bytes;

    if (exchange->expected != WAITING || exchange->damage)
        return;
    if (bytes == 0 && fin && at == exchange->seen) {
        exchange->expected = REFUSED; /* it leaves without a greeting */
        return;
    }
    if (bytes == 0 || at > exchange->seen || at + bytes <= exchange->seen)
        return;
    if (memcmp(said, promised, end) != 0) {
        exchange->expected = REFUSED;
        return;
    }
    exchange->seen = end;
    if (end == exchange->greeting_bytes)
        exchange->expected = RELEASED;
}

static void say(struct exchange *exchange, uint8_t kind, uint32_t at, uint32_t bytes)
{
    enum expectation before = exchange->expected;
    uint64_t unequal_before = unequal_seen;
    bool fin = kind & WITH_FIN;

    at = at < SAID_BYTES ? at : SAID_BYTES;
    bytes = bytes < SAID_BYTES - at ? bytes : SAID_BYTES - at;
    exchange->damage = kind & DAMAGED && bytes <= 1440;
    if (!exchange->damage) {
        exchange->said_end = at + bytes > exchange->said_end ? at + bytes : exchange->said_end;
        exchange->fin_said |= fin;
    }
    expect_data(exchange, at, bytes, fin);
    put(exchange, SIDE_SERVER,
        (struct frame_words){.flags = fin ? "F." : ".",
                             .seq = Y + 1 + at,
                             .ack = X + 1,
                             .payload = bytes ? said + at : NULL,
                             .payload_bytes = bytes});
    FUZZ_ASSERT((unequal_seen > unequal_before) ==
                (before == WAITING && exchange->expected == REFUSED));
    if (unequal_seen > unequal_before)
        FUZZ_ASSERT(unequal_negative ==
                    (fin || is_negative(at + bytes) || begins_otherwise(at + bytes)));
}

static void ask(struct exchange *exchange, uint8_t kind, uint32_t at, uint32_t bytes)
{
    bool fin = kind & WITH_FIN;

    at %= ASKED_BYTES;
    bytes = bytes % 3000 < ASKED_BYTES - at ? bytes % 3000 : ASKED_BYTES - at;
    exchange->damage = kind & DAMAGED && bytes <= 1440;
    if (!exchange->damage) {
        exchange->asked_end = at + bytes > exchange->asked_end ? at + bytes : exchange->asked_end;
        exchange->fin_asked |= fin;
    }
    put(exchange, SIDE_CLIENT,
        (struct frame_words){.flags = fin ? "F." : "P.",
                             .seq = X + 1 + at,
                             .ack = exchange->c + 1 + (kind & 32 ? exchange->greeting_bytes : 0),
                             .payload = bytes ? asked + at : NULL,
                             .payload_bytes = bytes});
}

static void pass_time(struct exchange *exchange, uint32_t ms)
{
    exchange->now_us += ms % 3000 * 1000ull;
    exchange->damage = false;
    while (engine_tick(exchange->engine, exchange->now_us))
        empty_outbox(exchange);
    empty_outbox(exchange);
}

static void reset(struct exchange *exchange, bool damaged)
{
    exchange->damage = damaged;
    if (exchange->expected == WAITING && !damaged)
        exchange->expected = REFUSED;
    put(exchange, SIDE_SERVER,
        (struct frame_words){.flags = "R.", .seq = Y + 1 + exchange->seen, .ack = X + 1});
}

static void take_step(struct exchange *exchange, struct fuzz_bytes *stream)
{
    uint8_t kind = take_u8(stream);
    uint16_t a = take_u16(stream), b = take_u16(stream);

    switch ((enum step_kind)(kind & 7)) {
    case SAY:
        say(exchange, kind, a % 4096, b);
        break;
    case SAY_NEXT:
        say(exchange, kind, exchange->seen - (a % 8 < exchange->seen ? a % 8 : exchange->seen),
            b % 2048);
        break;
    case SAY_END:
        say(exchange, kind, exchange->said_end, b % 4096);
        break;
    case ASK:
        ask(exchange, kind, a, b);
        break;
    case ACKNOWLEDGE:
        ask(exchange, kind & ~WITH_FIN, exchange->asked_end, 0);
        break;
    case WAIT:
        pass_time(exchange, a);
        break;
    case RESET:
        reset(exchange, kind & DAMAGED);
        break;
    case SYN_AGAIN:
        exchange->damage = false;
        exchange->syn_again = true;
        put(exchange, SIDE_SERVER,
            (struct frame_words){.flags = "S.",
                                 .seq = Y,
                                 .ack = X + 1,
                                 .options = exchange->wire & WIRE_STAMPS
                                                ? "mss=1460 sack ts=1000/1 nop ws=7"
                                                : "mss=1460 nop nop sack nop ws=7"});
        break;
    }
    exchange->syn_again = false;
    check_expected(exchange);
}

/* --- up to the server's SYN-ACK -------------------------------------------------------------- */

static void open_connection(struct exchange *exchange)
{
    bool stamps = exchange->wire & WIRE_STAMPS;
    const struct flow *flow;

    put(exchange, SIDE_CLIENT,
        (struct frame_words){.flags = "S",
                             .seq = X,
                             .options = stamps ? "mss=1460 sack ts=1/0 nop ws=7"
                                               : "mss=1460 nop nop sack nop ws=7"});
    exchange->client_clock = 1;
    exchange->server_clock = 1000;
    if (exchange->wire & WIRE_ACKED)
        put(exchange, SIDE_CLIENT,
            (struct frame_words){.flags = ".", .seq = X + 1, .ack = exchange->c + 1});
    exchange->asked_end = strlen(REQUEST);
    put(exchange, SIDE_CLIENT,
        (struct frame_words){.flags = "P.",
                             .seq = X + 1,
                             .payload = REQUEST,
                             .ack = exchange->c + 1 +
                                    (exchange->wire & WIRE_ACKED ? exchange->greeting_bytes : 0)});
    FUZZ_ASSERT(state_of(exchange, &flow) == FLOW_OPENING);
    put(exchange, SIDE_SERVER,
        (struct frame_words){.flags = "S.",
                             .seq = Y,
                             .ack = X + 1,
                             .options = stamps ? "mss=1460 sack ts=1000/1 nop ws=7"
                                               : "mss=1460 nop nop sack nop ws=7"});
    check_expected(exchange);
}

static void begin(struct exchange *exchange, struct fuzz_bytes *stream)
{
    struct server_key *key = &policy->servers[0].key;
    uint16_t length, at;
    uint8_t real;

    exchange->now_us = START_US;
    exchange->wire = take_u8(stream);
    exchange->ends[SIDE_CLIENT] =
        exchange->wire & WIRE_IPV6 ? "[2001:db8:1::7]:40000" : "198.51.100.7:40000";
    exchange->ends[SIDE_SERVER] =
        exchange->wire & WIRE_IPV6 ? "[2001:db8::1]:110" : "192.0.2.1:110";
    exchange->key = flow_of(exchange->ends[SIDE_CLIENT], exchange->ends[SIDE_SERVER]);
    length = take_u16(stream);
    promise(exchange->ends[SIDE_SERVER], length, exchange->wire & WIRE_FILLED);
    if (exchange->wire & WIRE_VLAN) {
        key->vlan.id[0] = VLAN_PRESENT | 5;
        key->vlan.id[1] = exchange->wire & WIRE_QINQ ? VLAN_PRESENT | 7 : 0;
    }
    exchange->key.vlan = key->vlan;
    real = take_u8(stream);
    at = take_u16(stream);
    choose_stream(exchange, real, at, take_u8(stream));
    memset(memory, 0, engine_bytes(&config));
    exchange->engine = engine_init(memory, &config, START_US);
    engine_adopt_policy(exchange->engine, policy, START_US);
    engine_set_setting(exchange->engine, NULL, SETTING_ATTACK, START_US);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct exchange exchange = {0};
    struct fuzz_bytes stream = {data, data + bytes};

    if (memory == NULL)
        prepare();
    begin(&exchange, &stream);
    open_connection(&exchange);
    for (int steps = 0; stream_left(&stream) > 0 && steps < STEPS_MAX; steps++)
        take_step(&exchange, &stream);
    return 0;
}
