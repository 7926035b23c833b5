/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine_bench.c - the pure engine at one kind of work, for instructions.py to count under
 * callgrind. It times nothing.
 *
 *      engine-bench KIND FRAMES [FLOWS]      FRAMES frames of that kind, after as many to warm up
 *      engine-bench full-KIND ...            the same while as many requests are kept as may be
 *
 * All that counts happens inside measured(): callgrind collects there alone (--toggle-collect), so
 * that neither the setting up nor the making of the frames is in the figures. It is switched on
 * only after the setting up (--instr-atstart=no), which would take minutes with a million flows.
 *
 * Every frame of a flood is another client's, as a flood's are; each of the other kinds works as
 * far into a connection as is usual: what is forwarded lies behind the bytes that are copied for
 * the learner. A verdict other than the kind's own ends the program with 1: then the figures would
 * be those of something else.
 *
 * It is longer than most: each kind has its beginning and its frames here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/engine.h"
#include "engine/tables/source_lists.h"
#include "tests/engine/support_frames.h"

#define CAPACITY     68000
#define SERVER       "10.0.0.1:80"
#define SERVERS      8 /* on that port and those behind it: one may not have all slots */
#define CLIENT       "10.1.0.0:1024"
#define SERVER6      "[fd77::1]:80"
#define CLIENT6      "[fd77:1::]:1024"
#define SYN_OPTIONS  "mss=1460 sack ts=1/0 nop ws=7"
#define DATA_BYTES   1448
#define LEAST_FLOWS  32768
#define LISTED       1000000 /* addresses of each family */
#define STRAYS       2000
#define OTHERS       20000 /* the first client of those whose requests are kept */
#define REQUEST      "GET / HTTP/1.1\r\nHost: www.example.net\r\n\r\n"
#define BEGINNING    "GET"
#define HEADER       "GET / HTTP/1.1\r\n" /* the rest of it is lines of two bytes */
#define HEADER_BYTES 16000
#define LONGS        4 /* of a source (engine/stages/request.c) */
#define WRONG                                                                                      \
    "\x13"                                                                                         \
    "BitTorrent protocol"                                                                          \
    "01234567890123456789012345678901234567890123456"

struct bench {
    struct engine *engine;
    struct test_frame frame; /* what the next client's frame is made of */
    uint8_t *buffer;
    enum side from;
    enum verdict_action expected;
    uint32_t flows; /* that the frames go round */
    uint32_t slots; /* of the pool of requests that are kept */
    uint64_t now_us;
    uint32_t cookie; /* of the newest SYN-ACK, and its TSval */
    uint32_t tsval;
};

/* Callgrind finds it by its name: no copy of it may be made. */
#ifdef __clang__
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noipa))
#endif

/* The one function that is counted. */
static void ONE_COPY measured(struct bench *bench, uint32_t bytes, struct verdict *verdict)
{
    engine_input(bench->engine, bench->from, bench->buffer, bytes, bytes, CAPACITY, bench->now_us,
                 verdict);
    __asm__ volatile(""); /* no tail call: its return is what ends the collecting */
}

static void die(const char *what, const char *kind)
{
    fprintf(stderr, "engine-bench: %s: %s\n", kind, what);
    exit(1);
}

/* --- the engine ------------------------------------------------------------------------------ */

static const struct synack_model linux_model = {
    .mss_state = CAPABILITY_GRANTED,
    .window_scale_state = CAPABILITY_GRANTED,
    .sack = CAPABILITY_GRANTED,
    .timestamps = CAPABILITY_GRANTED,
    .ecn = CAPABILITY_REFUSED,
    .mss = 1460,
    .window_scale = 7,
    .window = 65160,
    .ttl = 64,
    .df = true,
    .ip_id = IP_ID_ZERO,
    .variants_count = 1,
    .variants = {{.offered = OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_WSCALE,
                  .window = 65160,
                  .layout_bytes = 5,
                  .layout = {TCP_OPT_MSS, TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS, TCP_OPT_NOP,
                             TCP_OPT_WSCALE},
                  .seen = 10}},
};

/* `servers` of that address, on that port and those behind it. */
static struct policy *make_policy(const char *name, uint32_t servers)
{
    struct policy *policy = calloc(1, policy_bytes(servers));

    policy->count = servers;
    for (uint32_t i = 0; i < servers; i++) {
        struct server_policy *server = &policy->servers[i];

        endpoint_read(name, &server->key.addr, &server->key.port);
        server->key.port = (uint16_t)(server->key.port + i);
        server->armed = true;
        server->opening = OPENING_CHECK;
        server->protocols = 1u << PROTOCOL_HTTP;
        server->now.generation = 1;
        server->now.synack = linux_model;
    }
    return policy;
}

static void make_engine(struct bench *bench, uint32_t flows,
                        void (*config_more)(struct engine_config *config))
{
    struct engine_config config;
    void *memory;
    size_t bytes;

    engine_config_defaults(&config);
    if (config_more)
        config_more(&config);
    config.flows_max = flows;
    config.openings_max = 16384;
    config.held_least = flows; /* none of them is one too many */
    memset(config.keys.mac, 7, sizeof(config.keys.mac));
    bytes = (engine_bytes(&config) + 63) & ~(size_t)63;
    memory = aligned_alloc(64, bytes);
    memset(memory, 0, bytes);
    bench->engine = engine_init(memory, &config, 0);
    bench->slots = config.slots_max;
    bench->buffer = malloc(CAPACITY);
    bench->now_us = 10000000;
    engine_adopt_policy(bench->engine, make_policy(SERVER, SERVERS), 0);
}

static void attack(struct bench *bench)
{
    engine_set_setting(bench->engine, NULL, SETTING_ATTACK, bench->now_us);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* Client number n, in the place of client 0: 16 bits more of its address, 8 of its port. */
static void set_client(const struct frame *view, uint8_t *buffer, enum side from, uint32_t n)
{
    uint8_t *ip = buffer + OFFLOAD_BYTES + view->l3, *tcp = buffer + OFFLOAD_BYTES + view->l4;
    bool v6 = view->ip_version == 6; /* of an IPv6 address, its last 4 bytes */
    uint8_t *addr = ip + (v6 ? 20 : 12) + (from == SIDE_CLIENT ? 0 : v6 ? 16 : 4);
    uint8_t *port = tcp + (from == SIDE_CLIENT ? 0 : 2);
    uint32_t addr_was = load_be32(addr), addr_is = addr_was + (n & 0xffff);
    uint16_t port_was = load_be16(port), port_is = (uint16_t)(port_was + (n >> 16));

    if (!v6)
        checksum_update32(ip + 10, addr_was, addr_is);
    checksum_update32(tcp + 16, addr_was, addr_is);
    checksum_update16(tcp + 16, port_was, port_is);
    store_be32(addr, addr_is);
    store_be16(port, port_is);
}

static void set_numbers(const struct frame *view, uint8_t *buffer, uint32_t ack, uint32_t tsecr)
{
    uint8_t *tcp = buffer + OFFLOAD_BYTES + view->l4;

    checksum_update32(tcp + 16, load_be32(tcp + 8), ack);
    store_be32(tcp + 8, ack);
    checksum_update32(tcp + 16, load_be32(tcp + 28), tsecr);
    store_be32(tcp + 28, tsecr);
}

static uint32_t load(struct bench *bench, const struct test_frame *frame, enum side from,
                     uint32_t n)
{
    memcpy(bench->buffer, frame->buffer, frame->bytes);
    set_client(&frame->view, bench->buffer, from, n);
    return frame->bytes;
}

static void empty_queues(struct bench *bench)
{
    struct outbox *outbox = engine_outbox(bench->engine);

    engine_observations(bench->engine)->count = 0;
    outbox->count = outbox->used = 0;
}

/* Not counted. */
static enum verdict_action input(struct bench *bench, enum side from, uint32_t bytes)
{
    struct verdict verdict;

    engine_input(bench->engine, from, bench->buffer, bytes, bytes, CAPACITY, bench->now_us,
                 &verdict);
    empty_queues(bench);
    return verdict.action;
}

static void from_client(struct test_frame *frame, const char *flags, uint32_t ack,
                        const char *options, const void *payload, uint32_t bytes)
{
    frame_write(frame, &(struct frame_words){.from = CLIENT,
                                             .to = SERVER,
                                             .flags = flags,
                                             .seq = 101,
                                             .ack = ack,
                                             .options = options,
                                             .payload = payload,
                                             .payload_bytes = bytes});
}

static void from_server(struct test_frame *frame, const char *flags, uint32_t seq, uint32_t ack,
                        const char *options, const void *payload, uint32_t bytes)
{
    frame_write(frame, &(struct frame_words){.from = SERVER,
                                             .to = CLIENT,
                                             .flags = flags,
                                             .seq = seq,
                                             .ack = ack,
                                             .options = options,
                                             .payload = payload,
                                             .payload_bytes = bytes});
}

static void make_syn(struct test_frame *frame)
{
    frame_write(
        frame, &(struct frame_words){
                   .from = CLIENT, .to = SERVER, .flags = "S", .seq = 100, .options = SYN_OPTIONS});
}

/* Client n's handshake up to our SYN-ACK. */
static void ask_with(struct bench *bench, const struct test_frame *syn, uint32_t n)
{
    static struct test_frame answer;
    struct tcp_options options;

    if (input(bench, SIDE_CLIENT, load(bench, syn, SIDE_CLIENT, n)) != VERDICT_REPLY)
        die("a SYN was not answered", "ask");
    frame_copy(&answer, bench->buffer, syn->bytes);
    tcp_options_parse(frame_options(&answer.view), answer.view.options_bytes, &options);
    bench->cookie = answer.view.seq;
    bench->tsval = options.tsval;
}

static void ask(struct bench *bench, uint32_t n)
{
    static struct test_frame syn;

    if (!syn.bytes)
        make_syn(&syn);
    ask_with(bench, &syn, n);
}

/* --- kinds ----------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    void (*begin)(struct bench *bench);                /* the engine's state, and bench->frame */
    uint32_t (*next)(struct bench *bench, uint32_t n); /* lays the n-th frame into the buffer */
    enum side from;
    enum verdict_action expected;
    void (*config)(struct engine_config *config); /* NULL: as they are made */
};

static void begin_syn(struct bench *bench)
{
    attack(bench);
    make_syn(&bench->frame);
}

static void begin_syn6(struct bench *bench)
{
    engine_adopt_policy(bench->engine, make_policy(SERVER6, 1), bench->now_us);
    attack(bench);
    frame_write(
        &bench->frame,
        &(struct frame_words){
            .from = CLIENT6, .to = SERVER6, .flags = "S", .seq = 100, .options = SYN_OPTIONS});
}

/* An operator has put a million addresses aside, of which no client is one. */
static void list_a_million(struct bench *bench)
{
    static struct source_lists lists;
    struct range4 *v4 = malloc(LISTED * sizeof(*v4));
    struct range6 *v6 = malloc(LISTED * sizeof(*v6));

    for (uint32_t i = 0; i < LISTED; i++) {
        const uint32_t one = i * (UINT32_MAX / LISTED) + 2100;
        const struct addr6 other = {i * (UINT64_MAX / LISTED), 1};

        v4[i] = (struct range4){one, one};
        v6[i] = (struct range6){other, other};
    }
    lists = (struct source_lists){.v4 = v4, .v6 = v6, .v4_count = LISTED, .v6_count = LISTED};
    source_lists_index(&lists);
    engine_set_source_lists(bench->engine, &lists);
}

static void begin_syn_listed(struct bench *bench)
{
    list_a_million(bench);
    begin_syn(bench);
}

static void begin_syn6_listed(struct bench *bench)
{
    list_a_million(bench);
    begin_syn6(bench);
}

static uint32_t next_client(struct bench *bench, uint32_t n)
{
    return load(bench, &bench->frame, bench->from, n);
}

static void begin_ack(struct bench *bench)
{
    attack(bench);
    from_client(&bench->frame, ".", 0, "nop nop ts=2/0", NULL, 0);
}

static void begin_wrong(struct bench *bench)
{
    attack(bench);
    from_client(&bench->frame, "P.", 0, "nop nop ts=2/0", WRONG, 0);
}

static void begin_opening(struct bench *bench)
{
    attack(bench);
    from_client(&bench->frame, "P.", 0, "nop nop ts=2/0", REQUEST, 0);
}

static uint32_t next_proof(struct bench *bench, uint32_t n)
{
    uint32_t bytes;

    ask(bench, n);
    bytes = load(bench, &bench->frame, SIDE_CLIENT, n);
    set_numbers(&bench->frame.view, bench->buffer, bench->cookie + 1, bench->tsval);
    return bytes;
}

/* Nobody has made its cookie. */
static uint32_t next_bad(struct bench *bench, uint32_t n)
{
    const uint32_t bytes = load(bench, &bench->frame, SIDE_CLIENT, n);

    set_numbers(&bench->frame.view, bench->buffer, n * 2654435761u, 1);
    return bytes;
}

/* As many as may pass for another connection's have passed. */
static void pass_strays(struct bench *bench)
{
    for (uint32_t n = 0; n < STRAYS; n++)
        input(bench, SIDE_CLIENT, next_bad(bench, n));
}

static void begin_bad(struct bench *bench)
{
    begin_ack(bench);
    pass_strays(bench);
}

static void begin_bad_data(struct bench *bench)
{
    begin_wrong(bench);
    pass_strays(bench);
}

/* In the last 30 s of an epoch, one of several bridges. */
static void shared(struct engine_config *config)
{
    config->share.on = true;
    config->share.ahead_us = 7 * COOKIE_EPOCH_US - 20 * 1000000;
}

/* The same while the key is rolled. */
static void rolled(struct engine_config *config)
{
    shared(config);
    config->share.has_before = true;
    config->share.before.mac[0] = 1;
}

static void begin_beginning(struct bench *bench)
{
    attack(bench);
    from_client(&bench->frame, "P.", 0, "nop nop ts=2/0", BEGINNING, 0);
}

/* Lines that end in bare line feeds are opened for few that are unanswered (rule 1.3): with one
 * more such header a client waits, and repeats a byte of it. */
static void begin_waiting(struct bench *bench)
{
    static char header[HEADER_BYTES];
    const uint32_t begun = (uint32_t)strlen(HEADER);
    uint32_t n = 0;

    attack(bench);
    memcpy(header, HEADER, begun);
    for (uint32_t at = begun; at < HEADER_BYTES; at += 2)
        memcpy(header + at, "a\n", 2);
    header[HEADER_BYTES - 2] = '\n';
    for (; n <= LONGS; n++) {
        from_client(&bench->frame, "P.", 0, "nop nop ts=2/0", HEADER, 0);
        if (input(bench, SIDE_CLIENT, next_proof(bench, n << 16)) != VERDICT_HOLD)
            die("a beginning was not kept", "waiting");
        from_client(&bench->frame, "P.", bench->cookie + 1, "nop nop ts=2/0", header, HEADER_BYTES);
        set_numbers(&bench->frame.view, bench->frame.buffer, bench->cookie + 1, bench->tsval);
        input(bench, SIDE_CLIENT, load(bench, &bench->frame, SIDE_CLIENT, n << 16));
    }
    if (engine_counters(bench->engine)->flows_kept != 1)
        die("it does not wait", "waiting");
    from_client(&bench->frame, "P.", bench->cookie + 1, "nop nop ts=2/0", "G", 1);
    set_numbers(&bench->frame.view, bench->frame.buffer, bench->cookie + 1, bench->tsval);
}

static uint32_t next_waiting(struct bench *bench, uint32_t n)
{
    (void)n;
    return load(bench, &bench->frame, SIDE_CLIENT, LONGS << 16);
}

static void set_port(const struct frame *view, uint8_t *buffer, uint32_t add)
{
    uint8_t *tcp = buffer + OFFLOAD_BYTES + view->l4;
    uint16_t was = load_be16(tcp + 2), is = (uint16_t)(was + add);

    checksum_update16(tcp + 16, was, is);
    store_be16(tcp + 2, is);
}

/*
 * As many beginnings as clients that proved nothing may have kept, at all servers but the first;
 * each of another source. The newest is so old that it may go.
 */
static void fill_slots(struct bench *bench)
{
    static struct test_frame syn, begin;
    const uint32_t most = bench->slots - bench->slots / 4;

    attack(bench);
    for (uint32_t n = 0; n < most; n++) {
        make_syn(&syn);
        from_client(&begin, "P.", 0, "nop nop ts=2/0", BEGINNING, 0);
        set_port(&syn.view, syn.buffer, 1 + n % (SERVERS - 1));
        set_port(&begin.view, begin.buffer, 1 + n % (SERVERS - 1));
        ask_with(bench, &syn, n + OTHERS);
        load(bench, &begin, SIDE_CLIENT, n + OTHERS);
        set_numbers(&begin.view, bench->buffer, bench->cookie + 1, bench->tsval);
        if (input(bench, SIDE_CLIENT, begin.bytes) != VERDICT_HOLD)
            die("a beginning was not kept", "full");
    }
    if (engine_counters(bench->engine)->flows_kept != most)
        die("slots are left", "full");
    engine_set_setting(bench->engine, NULL, SETTING_NORMAL, bench->now_us);
    bench->now_us += 1000000;
}

/* Clients of many prefixes: of one that is large the newcomer is turned away. */
static uint32_t next_beginning(struct bench *bench, uint32_t n)
{
    return next_proof(bench, n * 257 & 0xffff);
}

/* Both sides speak once: what the server side alone says makes no connection that lasts. */
static void begin_forward(struct bench *bench)
{
    static uint8_t payload[DATA_BYTES];
    static struct test_frame first, answer;

    from_server(&first, ".", 9001, 101, "nop nop ts=77/2", NULL, 0);
    from_client(&answer, ".", 9001, "nop nop ts=3/77", NULL, 0);
    for (uint32_t n = 0; n < bench->flows; n++) {
        input(bench, SIDE_SERVER, load(bench, &first, SIDE_SERVER, n));
        input(bench, SIDE_CLIENT, load(bench, &answer, SIDE_CLIENT, n));
    }
    if (engine_counters(bench->engine)->flows_tracked != bench->flows)
        die("flows are missing", "forward");
    from_server(&bench->frame, ".", 9001, 101, "nop nop ts=78/2", payload, sizeof(payload));
}

/* Round the flows in an order that no cache can foresee. */
static uint32_t next_of_flows(struct bench *bench, uint32_t n)
{
    return load(bench, &bench->frame, bench->from,
                (uint32_t)((uint64_t)n * 2654435761u % bench->flows));
}

static void splice(struct bench *bench)
{
    static struct test_frame answer;

    begin_opening(bench);
    if (input(bench, SIDE_CLIENT, next_proof(bench, 0)) != VERDICT_HOLD)
        die("the connection was not opened", "splice");
    from_server(&answer, "S.", 9000, 101, "mss=1460 sack ts=77/2 nop ws=7", NULL, 0);
    input(bench, SIDE_SERVER, load(bench, &answer, SIDE_SERVER, 0));
    if (engine_counters(bench->engine)->flows_spliced != 1)
        die("the connection was not spliced", "splice");
    bench->flows = 1;
}

static void begin_to_client(struct bench *bench)
{
    static uint8_t payload[DATA_BYTES];

    splice(bench);
    from_server(&bench->frame, ".", 9001, 101 + (uint32_t)strlen(REQUEST), "nop nop ts=78/2",
                payload, sizeof(payload));
}

static void begin_to_server(struct bench *bench)
{
    static uint8_t payload[DATA_BYTES];
    char options[40];

    splice(bench);
    snprintf(options, sizeof(options), "nop nop ts=3/%" PRIu32, bench->tsval);
    from_client(&bench->frame, ".", bench->cookie + 1, options, payload, sizeof(payload));
}

static const struct kind kinds[] = {
    {"syn", begin_syn, next_client, SIDE_CLIENT, VERDICT_REPLY, NULL},
    {"syn6", begin_syn6, next_client, SIDE_CLIENT, VERDICT_REPLY, NULL},
    {"syn-listed", begin_syn_listed, next_client, SIDE_CLIENT, VERDICT_REPLY, NULL},
    {"syn6-listed", begin_syn6_listed, next_client, SIDE_CLIENT, VERDICT_REPLY, NULL},
    {"ack", begin_ack, next_proof, SIDE_CLIENT, VERDICT_DROP, NULL},
    {"ack-bad", begin_bad, next_bad, SIDE_CLIENT, VERDICT_DROP, NULL},
    {"ack-bad-shared", begin_bad, next_bad, SIDE_CLIENT, VERDICT_DROP, shared},
    {"ack-bad-rolled", begin_bad, next_bad, SIDE_CLIENT, VERDICT_DROP, rolled},
    {"wrong-bad", begin_bad_data, next_bad, SIDE_CLIENT, VERDICT_DROP, NULL},
    {"wrong-bad-shared", begin_bad_data, next_bad, SIDE_CLIENT, VERDICT_DROP, shared},
    {"wrong-bad-rolled", begin_bad_data, next_bad, SIDE_CLIENT, VERDICT_DROP, rolled},
    {"request-wrong", begin_wrong, next_proof, SIDE_CLIENT, VERDICT_REPLY, NULL},
    {"beginning", begin_beginning, next_beginning, SIDE_CLIENT, VERDICT_HOLD, NULL},
    {"waiting", begin_waiting, next_waiting, SIDE_CLIENT, VERDICT_DROP, NULL},
    {"opening", begin_opening, next_proof, SIDE_CLIENT, VERDICT_HOLD, NULL},
    {"forward", begin_forward, next_of_flows, SIDE_SERVER, VERDICT_FORWARD, NULL},
    {"splice-to-client", begin_to_client, next_of_flows, SIDE_SERVER, VERDICT_FORWARD, NULL},
    {"splice-to-server", begin_to_server, next_of_flows, SIDE_CLIENT, VERDICT_FORWARD, NULL},
};

static void run(struct bench *bench, const struct kind *kind, uint32_t frames)
{
    for (uint32_t n = 0; n < 2 * frames; n++) {
        uint32_t bytes = kind->next(bench, n);
        struct verdict verdict;

        if (n == frames)
            CALLGRIND_ZERO_STATS;
        measured(bench, bytes, &verdict);
        if (verdict.action != kind->expected)
            die("not the verdict that this kind is about", kind->name);
        empty_queues(bench);
        bench->now_us += 2;
    }
}

int main(int argc, char **argv)
{
    static struct bench bench;
    uint32_t frames = argc > 2 ? (uint32_t)atoi(argv[2]) : 0;
    bool full = argc > 1 && strncmp(argv[1], "full-", 5) == 0;
    const char *name = argc > 1 ? argv[1] + (full ? 5 : 0) : "";

    bench.flows = argc > 3 ? (uint32_t)atoi(argv[3]) : 1000;
    for (size_t i = 0; frames && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) != 0)
            continue;
        make_engine(&bench, bench.flows < LEAST_FLOWS ? LEAST_FLOWS : bench.flows, kinds[i].config);
        if (full)
            fill_slots(&bench);
        bench.from = kinds[i].from;
        kinds[i].begin(&bench);
        CALLGRIND_START_INSTRUMENTATION;
        run(&bench, &kinds[i], frames);
        CALLGRIND_STOP_INSTRUMENTATION;
        return 0;
    }
    fprintf(stderr, "engine-bench: usage: engine-bench KIND FRAMES [FLOWS]\n");
    return 2;
}
