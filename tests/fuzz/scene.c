/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scene.c - see scene.h.
 *
 * It is longer than most: hosts, frames and everything that must hold after each frame share one
 * scene.
 */
#include "tests/fuzz/scene.h"

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/shard/shard.h"
#include "engine/stages/telling.h"
#include "engine/tables/carried.h"
#include "engine/stages/udp.h"
#include "engine/udp/datagram.h"
#include "engine/udp/dns_message.h"
#include "tests/engine/support_frames.h"
#include "tests/engine/support_udp.h"

#define START_US      1000000000ull
#define QUIET_US      9000000000ull /* longer than RFC 5382's 2 h 4 min */
#define TICKS_MAX     2000
#define QUIET_TICKS   200000
#define POLICIES      3
#define GREETING      "+OK ready\r\n"
#define LARGE_BYTES   65000
#define TCP_CHECK_AT  16
#define ICMP_BYTES    8
#define SCENE_TABLE   16u
#define MAC_OF_COOKIE 0xffffffu /* cookie.h: the bits above are open to guesses */

struct endpoint {
    struct ip_addr addr;
    uint16_t port;
};

static const char *const client_text[2][SCENE_CLIENTS] = {
    {"198.51.100.7:40000", "198.51.100.7:40001", "198.51.100.8:40002", "203.0.113.9:40003"},
    {"[2001:db8:1::7]:40000", "[2001:db8:1::7]:40001", "[2001:db8:2::7]:40002",
     "[2001:db8:3::7]:40003"},
};
/* HTTP, HTTP, POP3, POP3, opened at the cookie, opened at data behind the cookie, never protected,
 * not known. */
static const char *const server_text[SCENE_SERVERS] = {
    "192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.1:110", "[2001:db8::1]:110",
    "192.0.2.1:25", "[2001:db8::1]:26", "192.0.2.1:22",  "192.0.2.1:2000",
};

static const char *const asked_text[SCENE_ASKED] = {"192.0.2.1:53", "[2001:db8::1]:53"};

/* The fourth and the fifth depend on what the talker knows: timestamps, and a SACK block near what
 * it has got. */
#define OPTIONS_STAMPS 4
#define OPTIONS_BLOCK  5
static const char *const option_text[16] = {
    NULL,
    "mss=1460 nop nop sack nop ws=7",
    "mss=1460 sack ts=1/0 nop ws=7",
    "mss=536",
    NULL,
    NULL,
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

static const char *const payload_text[8] = {
    "",       "GET / HTTP/1.1\r\n\r\n", "USER a\r\n", "GE", "T / HTTP/1.1\r\n\r\n",
    GREETING, "-ERR busy\r\n",          "\x16\x03",
};

static struct endpoint clients[2][SCENE_CLIENTS], servers[SCENE_SERVERS], asked[SCENE_ASKED];
static struct {
    uint8_t bytes[TCP_OPTIONS_MAX], count;
} option_lists[16];
static uint8_t payloads[8][LARGE_BYTES];

static struct engine_config config, config_of_path;
static struct tell_hub hub;
static struct tell_server tell_servers[SCENE_TABLE];
static uint8_t *memory, *memory_of_path;
static struct policy *policies[POLICIES];

/* --- engine and policies --------------------------------------------------------------------- */

static void small_tables(void)
{
    engine_config_defaults(&config);
    config.flows_max = 12;
    config.openings_max = 1;
    config.greeted_max = 256;
    config.slots_max = 32;
    config.servers_max = SCENE_TABLE;
    config.tells = (struct tell_share){.hub = &hub, .servers = tell_servers};
    config.observed_per_second = 1000;
    config.observed_of_known = 10;
    config.sources_max = 4;
    config.observations_max = 4;
    config.served_max = 64;
    memcpy(config.keys.mac, "0123456789abcdef", sizeof(config.keys.mac));
    config.keys.tsval[0] = 0x1111222233334444;
    config.keys.tsval[1] = 0x5555666677778888;
    config.table_seed[0] = 17;
    config.table_seed[1] = 42;
}

static struct server_policy armed(size_t server, uint32_t generation)
{
    static const enum opening_kind openings[SCENE_SERVERS] = {
        OPENING_CHECK,  OPENING_CHECK,          OPENING_GREET, OPENING_GREET,
        OPENING_COOKIE, OPENING_COOKIE_REQUEST, OPENING_PASS,  OPENING_COOKIE,
    };
    bool greets = openings[server] == OPENING_GREET;
    struct server_policy policy = {.armed = true,
                                   .known = server % 2,
                                   .opening = openings[server],
                                   .triggers.limit[TRIGGER_HALF_OPEN] = 4};

    policy.key.addr = servers[server].addr;
    policy.key.port = servers[server].port;
    policy.protocols = 1ull << (greets ? PROTOCOL_POP3 : PROTOCOL_HTTP);
    policy.check_keywords = server == 1; /* a GET without Host is right there */
    keyword_filter_add(&policy.keywords, KEYWORD_HOST, NULL, 0);
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

/* The VLAN IDs of a conversation, outer first; 0: no tag. */
static void vlan_ids(unsigned vlan, uint16_t ids[2])
{
    ids[0] = vlan == 0 ? 0 : vlan == 1 ? 5 : 7;
    ids[1] = vlan == 2 ? 5 : 0;
}

static struct server_policy in_vlan(struct server_policy policy, unsigned vlan)
{
    uint16_t ids[2];

    vlan_ids(vlan, ids);
    for (unsigned i = 0; i < 2; i++)
        policy.key.vlan.id[i] = (uint16_t)(ids[i] ? VLAN_PRESENT | ids[i] : 0);
    return policy;
}

static struct server_policy over(size_t server, bool udp)
{
    struct server_policy policy = armed(0, 1);

    policy.key = server_key_over(
        &(struct server_key){.addr = asked[server].addr, .port = asked[server].port}, udp);
    policy.protocols = 1ull << PROTOCOL_DNS;
    policy.echo = (struct dns_echo){
        .copied = {DNS_RD, DNS_CD}, .set = {0, DNS_RA}, .edns = true, .udp_bytes = 1232};
    return policy;
}

/*
 * The first is the usual one, with the first server in VLANs too, and those that are asked over
 * both; the second promises anew; of the third half the servers are gone.
 */
static struct policy *policy_new(unsigned which)
{
    uint32_t plain = which == 2 ? SCENE_SERVERS / 2 : SCENE_SERVERS - 1,
             count = plain + SCENE_VLANS - 1;
    struct policy *policy = calloc(1, policy_bytes(count + 2 * SCENE_ASKED));

    policy->generation = which + 1;
    policy->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t server = i < plain ? i : 0;
        unsigned vlan = i < plain ? 0 : i - plain + 1;

        policy->servers[i] = in_vlan(armed(server, which == 0 ? 1 : 2), vlan);
        if (which == 1) {
            policy->servers[i].has_before = true;
            policy->servers[i].before = armed(server, 1).now;
            policy->servers[i].before_until_us = START_US + COOKIE_LIFETIME_US;
        }
    }
    for (uint32_t i = 0; which != 2 && i < 2 * SCENE_ASKED; i++)
        policy->servers[policy->count++] = over(i / 2, i % 2);
    qsort(policy->servers, policy->count, sizeof(policy->servers[0]), by_key);
    return policy;
}

static void prepare_words(void)
{
    for (unsigned i = 0; i < SCENE_CLIENTS; i++)
        for (unsigned family = 0; family < 2; family++)
            endpoint_read(client_text[family][i], &clients[family][i].addr,
                          &clients[family][i].port);
    for (unsigned i = 0; i < SCENE_SERVERS; i++)
        endpoint_read(server_text[i], &servers[i].addr, &servers[i].port);
    for (unsigned i = 0; i < SCENE_ASKED; i++)
        endpoint_read(asked_text[i], &asked[i].addr, &asked[i].port);
    for (unsigned i = 0; i < 16; i++)
        option_lists[i].count = options_write(option_text[i], option_lists[i].bytes);
    for (unsigned i = 0; i < 8; i++) {
        memset(payloads[i], 'x', LARGE_BYTES);
        memcpy(payloads[i], payload_text[i], strlen(payload_text[i]));
    }
}

static void prepare(void)
{
    prepare_words();
    small_tables();
    /* Exactly as long as asked for: a byte beyond is noticed. */
    memory = aligned_alloc(64, engine_bytes(&config));
    config_of_path = config;
    path_free(path_new(&config_of_path, 0)); /* what it points to is of each scene's own */
    memory_of_path = aligned_alloc(64, engine_bytes(&config_of_path));
    for (unsigned i = 0; i < POLICIES; i++)
        policies[i] = policy_new(i);
}

/* --- what comes out -------------------------------------------------------------------------- */

/* A frame on its way through the engine, as it came in. */
struct arrival {
    enum side from;
    const uint8_t *bytes_in;
    uint32_t bytes;
    struct frame frame;
    struct flow_key key; /* of FRAME_TCP */
    bool right;          /* FRAME_TCP with right checksums */
    bool damaged;        /* FRAME_TCP whose checksum nobody vouches for, and it is wrong */
    bool guarded;        /* from a client to a server that we answer for */
    uint8_t state;       /* enum flow_state of its flow */
    struct datagram datagram;
};

static size_t index_of(const struct endpoint *endpoints, size_t count, const struct ip_addr *addr,
                       uint16_t port)
{
    size_t i = 0;

    while (i < count &&
           (endpoints[i].port != port || memcmp(&endpoints[i].addr, addr, sizeof(*addr)) != 0))
        i++;
    return i;
}

/* NULL for strangers. */
static struct conversation *conversation_of(struct scene *scene, const struct flow_key *key)
{
    unsigned family = addr_is_v4(&key->client) ? 0 : 1;
    size_t client = index_of(clients[family], SCENE_CLIENTS, &key->client, key->client_port);
    size_t server = index_of(servers, SCENE_SERVERS, &key->server, key->server_port);
    unsigned vlan = key->vlan.id[0] == 0 ? 0 : key->vlan.id[1] == 0 ? 1 : 2;

    if (client == SCENE_CLIENTS || server == SCENE_SERVERS)
        return NULL;
    return &scene->conversations[client][server][vlan];
}

/* A segment comes to a host. */
static void deliver(struct scene *scene, const struct frame *frame, enum side to, bool ours)
{
    struct conversation *conversation;
    struct tcp_options options;
    struct talker *talker;
    struct flow_key key;

    frame_flow_key(frame, side_other(to), &key);
    conversation = conversation_of(scene, &key);
    if (conversation == NULL)
        return;
    if (ours && to == SIDE_CLIENT && (frame->flags & TCP_SYN))
        conversation->cookies[conversation->cookies_sent++ % SCENE_COOKIES] = frame->seq;
    talker = &conversation->talkers[to];
    talker->peer_seq = frame->seq;
    talker->peer_end = frame->seq + frame_seq_bytes(frame);
    talker->peer_flags = frame->flags;
    talker->peer_data = frame->payload_bytes > 0;
    if (frame->flags & TCP_ACK)
        talker->peer_ack = frame->ack;
    tcp_options_parse(frame_options(frame), frame->options_bytes, &options);
    if (options.present & OPTION_TIMESTAMPS)
        talker->peer_tsval = options.tsval;
}

static enum frame_kind look(struct frame *frame, uint8_t *buffer, uint32_t bytes)
{
    uint32_t data_bytes = bytes - OFFLOAD_BYTES;

    return frame_parse(frame, (struct offload *)buffer, buffer + OFFLOAD_BYTES, data_bytes,
                       data_bytes, data_bytes);
}

/* The kernel has given this server the request, and its record stands still: the engine, which is
 * told of that or finds it out, neither asks nor gives again. */
static void check_given(struct scene *scene, const struct frame *frame, const struct flow_key *key)
{
    const struct conversation *conversation = conversation_of(scene, key);

    if (!scene->path || !conversation || !conversation->given_serial ||
        path_serial(scene->path, key) != conversation->given_serial)
        return;
    FUZZ_ASSERT(!(frame->flags & TCP_SYN));
    FUZZ_ASSERT(!frame->payload_bytes || frame->seq != conversation->given_seq);
}

/* `cause`: the frame that it answers; NULL where a tick sent it. */
static void check_own(struct scene *scene, uint8_t *buffer, uint32_t bytes, enum side to,
                      const struct arrival *cause)
{
    struct frame frame;

    FUZZ_ASSERT(bytes > OFFLOAD_BYTES);
    FUZZ_ASSERT(look(&frame, buffer, bytes) == FRAME_TCP);
    FUZZ_ASSERT(frame.payload + frame.payload_bytes == frame.bytes);
    FUZZ_ASSERT(frame_checksum_right(&frame));
    FUZZ_ASSERT((frame.offload->gso_type == OFFLOAD_GSO_NONE) == (frame.offload->gso_bytes == 0));
    FUZZ_ASSERT(frame.offload->gso_bytes == 0 || frame.payload_bytes > frame.offload->gso_bytes);
    if (cause != NULL && cause->frame.kind == FRAME_TCP) {
        struct flow_key key;

        frame_flow_key(&frame, side_other(to), &key);
        /* Another connection is spoken of only where it is ended to make room (opening_room.h). */
        FUZZ_ASSERT(memcmp(&key, &cause->key, sizeof(key)) == 0 || (frame.flags & TCP_RST));
    }
    if (to == SIDE_SERVER) {
        struct flow_key key;

        frame_flow_key(&frame, SIDE_CLIENT, &key);
        check_given(scene, &frame, &key);
    }
    deliver(scene, &frame, to, true);
    scene->replies++;
}

static void empty_outbox(struct scene *scene, const struct arrival *cause)
{
    struct outbox *outbox = engine_outbox(scene->engine);
    struct observation_queue *observations = engine_observations(scene->engine);

    FUZZ_ASSERT(outbox->count <= OUTBOX_FRAMES && outbox->used <= outbox->capacity);
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_frame *frame = &outbox->frames[i];

        FUZZ_ASSERT(frame->offset <= outbox->used && frame->bytes <= outbox->used - frame->offset);
        check_own(scene, outbox->memory + frame->offset, frame->bytes, frame->to, cause);
    }
    outbox->count = outbox->used = 0;
    FUZZ_ASSERT(observations->count <= observations->capacity);
    observations->count = 0;
}

static uint32_t openings_taken(const struct opening_pool *pool)
{
    return pool->openings_touched - pool->free_openings_count;
}

static void check_servers(const struct engine *engine)
{
    uint64_t half_open = 0, openings = 0;

    for (uint32_t i = 0; i < engine->servers.capacity; i++) {
        half_open += engine->servers.slots[i].counts.half_open_flows;
        openings += engine->servers.slots[i].openings_now;
    }
    FUZZ_ASSERT(engine->servers.count <= config.servers_max);
    FUZZ_ASSERT(half_open <= engine->counters.flows_tracked);
    FUZZ_ASSERT(openings == openings_taken(&engine->openings));
    /* A draining connection counts as spliced, and has its opening still. */
    FUZZ_ASSERT(openings >= engine->counters.flows_pending &&
                openings <= engine->counters.flows_pending + engine->counters.flows_spliced);
}

/* What the kernel and the engine know of each other's connections. */
static void check_path(const struct scene *scene)
{
    const struct flow_table *flows = &scene->engine->flows;
    uint32_t added = 0;

    for (uint32_t i = 0; i < flows->unused; i++) {
        const struct flow *flow = &flows->flows[i];
        const struct flow_record *record = &flows->carried->records[i];

        added += record->added;
        FUZZ_ASSERT(!record->added || flow->state != FLOW_FREE);
        if (record->added && flow->state == FLOW_SPLICED)
            FUZZ_ASSERT(record->delta == flow->delta && record->ts_delta == flow->ts_delta);
        if (record->added)
            FUZZ_ASSERT(path_serial(scene->path, &flow->key) == record->serial);
    }
    FUZZ_ASSERT(added == path_known(scene->path));
}

static void check_gauges(const struct scene *scene)
{
    const struct engine *engine = scene->engine;
    const struct counters *counters = &engine->counters;
    const struct opening_pool *pool = &engine->openings;
    uint64_t held = counters->flows_tracked + counters->flows_pending + counters->flows_spliced +
                    counters->flows_closing + counters->flows_kept;

    /* A gauge that fell below zero is huge. */
    FUZZ_ASSERT(counters->flows_tracked <= config.flows_max &&
                counters->flows_pending <= config.flows_max);
    FUZZ_ASSERT(counters->flows_spliced <= config.flows_max &&
                counters->flows_closing <= config.flows_max &&
                counters->flows_kept <= config.flows_max);
    FUZZ_ASSERT(held <= config.flows_max && held == engine_flows(engine, NULL, 0, scene->now_us));
    FUZZ_ASSERT(openings_taken(pool) <= pool->openings_max);
    FUZZ_ASSERT(pool->holds_touched - pool->free_holds_count <= pool->holds_max);
    FUZZ_ASSERT(engine->slots.count <= config.slots_max);
    check_servers(engine);
    if (scene->path)
        check_path(scene);
}

/* --- what a frame did ------------------------------------------------------------------------ */

static struct flow *arrival_flow(struct scene *scene, const struct arrival *arrival)
{
    return flow_find(&scene->engine->flows, &arrival->key);
}

/* 0xffff where the checksum of an ICMP message is right: summed byte by byte, apart from the
 * engine's own code. */
static uint32_t icmp_sum(const struct frame *frame)
{
    uint32_t bytes = frame->payload_bytes + ICMP_BYTES, sum = 0;
    const uint8_t *at = frame->data + frame->l4;

    if (frame->ip_version == 6) {
        struct ip_addr src = frame_src(frame), dst = frame_dst(frame);

        sum = 58 + bytes;
        for (unsigned i = 0; i < 16; i++)
            sum += (uint32_t)(src.bytes[i] + dst.bytes[i]) << (i % 2 ? 0 : 8);
    }
    for (uint32_t i = 0; i < bytes; i++)
        sum += (uint32_t)at[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static bool has_right_checksum(const struct frame *frame)
{
    if (frame->kind == FRAME_TCP)
        return frame_checksum_right(frame);
    /* A partial one, however it adds up, is for the receiving card to finish. */
    return frame->kind == FRAME_ICMP_ERROR && !frame_checksum_is_partial(frame) &&
           frame->payload_present == frame->payload_bytes && icmp_sum(frame) == 0xffff;
}

static void check_forwarded(struct scene *scene, const struct arrival *arrival, uint8_t *buffer)
{
    const struct flow *flow =
        arrival->frame.kind == FRAME_TCP ? arrival_flow(scene, arrival) : NULL;
    bool spliced = flow != NULL && (flow->flags & FLOW_EDIT);
    struct frame is;

    scene->forwarded++;
    if (!spliced && arrival->frame.kind != FRAME_ICMP_ERROR)
        FUZZ_ASSERT(memcmp(buffer, arrival->bytes_in, arrival->bytes) == 0);
    if (arrival->bytes < OFFLOAD_BYTES)
        return; /* shorter than an offload header */
    FUZZ_ASSERT(look(&is, buffer, arrival->bytes) == arrival->frame.kind);
    FUZZ_ASSERT(!arrival->right || has_right_checksum(&is));
    if (is.kind == FRAME_TCP)
        deliver(scene, &is, side_other(arrival->from), false);
}

static bool names_cookie(const struct conversation *conversation, uint32_t ack,
                         uint32_t greeting_bytes)
{
    for (unsigned i = 0; i < SCENE_COOKIES; i++) {
        uint32_t wanted = conversation->cookies[i] + 1;

        if (((ack - wanted) & MAC_OF_COOKIE) == 0 ||
            ((ack - wanted - greeting_bytes) & MAC_OF_COOKIE) == 0)
            return true;
    }
    return false;
}

/* The principle: no state before a cookie ... */
static void check_cookie(struct scene *scene, const struct arrival *arrival,
                         const struct flow *flow)
{
    struct conversation *conversation = conversation_of(scene, &arrival->key);
    const struct server *server = flow_server(scene->engine, flow);
    uint32_t greeting_bytes = server->policy ? server->policy->now.greeting_bytes : 0;

    FUZZ_ASSERT(!arrival->damaged);
    if (conversation != NULL) /* the greeting now, or the one before */
        FUZZ_ASSERT(names_cookie(conversation, arrival->frame.ack, greeting_bytes) ||
                    names_cookie(conversation, arrival->frame.ack, strlen(GREETING)));
}

/* ... and, where requests are checked, what may be one. */
static void check_proof(struct scene *scene, const struct arrival *arrival, const struct flow *flow)
{
    struct engine *engine = scene->engine;
    const struct opening *opening =
        &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];
    const struct server *server = flow_server(engine, flow);
    enum opening_kind kind = server_opening(server);
    const uint8_t *held = opening_hold(&engine->openings, opening);

    scene->opened++;
    check_cookie(scene, arrival, flow);
    if (kind == OPENING_CHECK && held != NULL)
        FUZZ_ASSERT(opening->held_bytes > 0);
    if ((kind == OPENING_CHECK || kind == OPENING_GREET) && held != NULL && opening->held_bytes > 0)
        FUZZ_ASSERT(policy_check_request(server->policy, held, opening->held_bytes) != MATCH_NO);
}

static void check_state(struct scene *scene, const struct arrival *arrival)
{
    const struct flow *flow =
        arrival->frame.kind == FRAME_TCP ? arrival_flow(scene, arrival) : NULL;
    bool was_opening = arrival->state == FLOW_OPENING || arrival->state == FLOW_GREETING;

    if (flow == NULL || arrival->from != SIDE_CLIENT)
        return;
    if (flow->state == FLOW_OPENING && !was_opening)
        check_proof(scene, arrival, flow);
    else if (flow->state == FLOW_KEPT && arrival->state == FLOW_FREE)
        check_cookie(scene, arrival, flow);
    else if (arrival->guarded && arrival->state == FLOW_FREE)
        FUZZ_ASSERT(flow->state == FLOW_FREE);
}

/* --- datagrams ------------------------------------------------------------------------------- */

static void note_datagram(const struct scene *scene, struct arrival *arrival)
{
    const struct server *server;
    struct server_key key;

    if (!datagram_read(&arrival->frame, &arrival->datagram) || arrival->from != SIDE_CLIENT)
        return;
    key = (struct server_key){.addr = frame_dst(&arrival->frame),
                              .vlan = arrival->frame.vlan,
                              .port = arrival->datagram.dst_port};
    key = server_key_over(&key, true);
    server = server_find(&scene->engine->servers, &key);
    arrival->guarded =
        server && server->mode == MODE_ATTACK && server->policy && server->policy->armed;
}

/* A query to a server that is attacked passes from those alone that are known. */
static void check_passed_on(const struct scene *scene, const struct arrival *arrival)
{
    const uint8_t *bytes = arrival->bytes_in + OFFLOAD_BYTES + arrival->datagram.l4;

    if (!arrival->guarded || scene->proved || arrival->datagram.kind != DATAGRAM_WHOLE)
        return;
    FUZZ_ASSERT(dns_is_answer(bytes + UDP_HEADER_BYTES, arrival->datagram.payload_bytes));
}

static void check_told(struct scene *scene, const struct arrival *arrival, uint8_t *buffer,
                       uint32_t bytes)
{
    struct test_frame frame;
    struct datagram said;
    const uint8_t *message;

    scene->told++;
    FUZZ_ASSERT(arrival->guarded && arrival->datagram.kind == DATAGRAM_WHOLE);
    FUZZ_ASSERT(bytes <= arrival->bytes);
    memcpy(frame.buffer, buffer, bytes);
    frame.bytes = bytes;
    FUZZ_ASSERT(frame_read(&frame) == FRAME_OTHER);
    FUZZ_ASSERT(datagram_read(&frame.view, &said) == DATAGRAM_WHOLE);
    FUZZ_ASSERT(said.l4 + UDP_HEADER_BYTES + said.payload_bytes + OFFLOAD_BYTES == bytes);
    FUZZ_ASSERT(said.dst_port == arrival->datagram.src_port);
    FUZZ_ASSERT(datagram_is_right(&frame, said.l4));
    message = datagram_payload(&frame.view, &said);
    FUZZ_ASSERT(dns_is_answer(message, said.payload_bytes) && (message[2] & DNS_TC));
}

static void note_arrival(struct scene *scene, struct arrival *arrival, uint8_t *buffer)
{
    struct engine *engine = scene->engine;
    struct frame *frame = &arrival->frame;
    const struct flow *flow;
    struct server_key key;
    struct server *server;

    if (arrival->bytes < OFFLOAD_BYTES)
        return;
    look(frame, buffer, arrival->bytes);
    arrival->right = has_right_checksum(frame);
    note_datagram(scene, arrival);
    if (frame->kind != FRAME_TCP)
        return;
    frame_flow_key(frame, arrival->from, &arrival->key);
    key = flow_key_server(&arrival->key);
    server = server_find(&engine->servers, &key);
    flow = arrival_flow(scene, arrival);
    arrival->damaged = !arrival->right &&
                       !(frame->offload->flags & (OFFLOAD_NEEDS_CHECKSUM | OFFLOAD_CHECKSUM_VALID));
    arrival->guarded = arrival->from == SIDE_CLIENT && server != NULL && server_protected(server);
    arrival->state = flow != NULL ? flow->state : FLOW_FREE;
}

static void check_verdict(struct scene *scene, const struct arrival *arrival, uint8_t *buffer,
                          uint32_t capacity, const struct verdict *verdict)
{
    switch (verdict->action) {
    case VERDICT_FORWARD:
        FUZZ_ASSERT(verdict->bytes == arrival->bytes);
        check_forwarded(scene, arrival, buffer);
        check_passed_on(scene, arrival);
        break;
    case VERDICT_REPLY:
        FUZZ_ASSERT(verdict->bytes <= capacity);
        if (arrival->frame.kind == FRAME_OTHER) {
            check_told(scene, arrival, buffer, verdict->bytes);
            break;
        }
        FUZZ_ASSERT(arrival->frame.kind == FRAME_TCP && !arrival->damaged);
        check_own(scene, buffer, verdict->bytes, arrival->from, arrival);
        break;
    case VERDICT_DROP:
        FUZZ_ASSERT(verdict->reason < DROP_REASONS_COUNT);
        break;
    case VERDICT_HOLD:
        FUZZ_ASSERT(arrival->frame.kind == FRAME_TCP && !arrival->damaged);
        break;
    default:
        FUZZ_ASSERT(verdict->action == VERDICT_FORWARD);
    }
    if (arrival->damaged)
        FUZZ_ASSERT(engine_outbox(scene->engine)->count == 0);
}

static void engine_takes(struct scene *scene, enum side from, const uint8_t *bytes_in,
                         uint32_t bytes, uint32_t room)
{
    uint32_t capacity = room > bytes ? room : bytes;
    struct arrival arrival = {.from = from, .bytes_in = bytes_in, .bytes = bytes};
    uint8_t *buffer = malloc(capacity);
    struct verdict verdict;

    scene->frames++;
    memset(&verdict, 0xa5, sizeof(verdict));
    memcpy(buffer, bytes_in, bytes);
    note_arrival(scene, &arrival, buffer);
    if (scene->path)
        engine_input_beside_carried(scene->engine, from, buffer, bytes, bytes, capacity,
                                    scene->now_us, &verdict);
    else
        engine_input(scene->engine, from, buffer, bytes, bytes, capacity, scene->now_us, &verdict);
    check_verdict(scene, &arrival, buffer, capacity, &verdict);
    check_state(scene, &arrival);
    empty_outbox(scene, &arrival);
    if (scene->path)
        path_settle(scene->path, scene->engine);
    free(buffer);
}

/* What the engine is told of by now, as if it had come up. */
static void hear_of_path(struct scene *scene)
{
    const uint8_t *told;
    uint32_t bytes;

    while (scene->path && (told = path_told(scene->path, &bytes)))
        engine_takes(scene, SIDE_SERVER, told, bytes, 0);
}

/* The kernel has let it out: it carries, or gives a request to a server, which is noted. */
static void leaves_path(struct scene *scene)
{
    const struct path_out out = path_out(scene->path);
    uint8_t *buffer = malloc(out.bytes);
    struct conversation *conversation;
    struct flow_key key;
    struct frame frame;

    memcpy(buffer, out.buffer, out.bytes);
    FUZZ_ASSERT(look(&frame, buffer, out.bytes) == FRAME_TCP && frame_checksum_right(&frame));
    frame_flow_key(&frame, side_other(out.to), &key);
    conversation = conversation_of(scene, &key);
    if (out.reply && conversation) {
        FUZZ_ASSERT(frame.payload_bytes > 0);
        conversation->given_serial = path_serial(scene->path, &key);
        conversation->given_seq = frame.seq;
    }
    scene->carried += !out.reply;
    scene->given += out.reply;
    deliver(scene, &frame, out.to, out.reply);
    free(buffer);
}

static void input(struct scene *scene, enum side from, const uint8_t *bytes_in, uint32_t bytes,
                  uint32_t room)
{
    enum path_action action = PATH_UP;

    hear_of_path(scene);
    if (scene->path && bytes >= OFFLOAD_BYTES)
        action = path_frame(scene->path, from, bytes_in, bytes, scene->now_us);
    if (action == PATH_UP) {
        engine_takes(scene, from, bytes_in, bytes, room);
        return;
    }
    scene->frames++;
    if (action == PATH_OUT)
        leaves_path(scene);
    hear_of_path(scene);
}

/* The engine hears of the first `bytes` of a frame, which has gone out. */
static void hear(struct scene *scene, enum side from, const uint8_t *buffer, uint32_t bytes,
                 uint32_t wire_bytes)
{
    const uint32_t capacity = OFFLOAD_BYTES + TELL_HEADERS + 128;
    const uint32_t openings = openings_taken(&scene->engine->openings);
    uint8_t *headers = malloc(capacity);
    const struct told_frame told = {.from = from,
                                    .buffer = headers,
                                    .bytes = bytes,
                                    .wire_bytes = wire_bytes,
                                    .capacity = capacity};

    scene->followed++;
    memcpy(headers, buffer, bytes);
    engine_told(scene->engine, &told, scene->now_us);
    FUZZ_ASSERT(engine_outbox(scene->engine)->count == 0);
    FUZZ_ASSERT(openings_taken(&scene->engine->openings) <= openings);
    engine_telling(scene->engine)->orders_count = 0;
    if (scene->path)
        path_settle(scene->path, scene->engine);
    free(headers);
}

/* The kernel has passed it on and tells of its headers, where it is TCP and there is room. */
static void follow(struct scene *scene, enum side from, uint8_t *buffer, uint32_t bytes)
{
    const struct flow *flow;
    struct flow_key key;
    struct frame frame;
    uint32_t headers;

    if (look(&frame, buffer, bytes) != FRAME_TCP)
        return;
    headers = frame.l4 + TCP_HEADER_BYTES + frame.options_bytes;
    if (headers > TELL_HEADERS)
        return;
    hear(scene, from, buffer, OFFLOAD_BYTES + headers, bytes - OFFLOAD_BYTES);
    frame_flow_key(&frame, from, &key);
    flow = flow_find(&scene->engine->flows, &key);
    if (flow == NULL || !(flow->flags & FLOW_EDIT)) /* else its numbers were changed */
        deliver(scene, &frame, side_other(from), false);
}

/* --- segments -------------------------------------------------------------------------------- */

/* Two high bits: where to count from; six low bits: how far from there, -32 to 31. */
static uint32_t number_of(uint8_t choice, const uint32_t from[4])
{
    int32_t delta = (int32_t)(choice & 63) - (choice & 32 ? 64 : 0);

    return from[choice >> 6] + (uint32_t)(choice >> 6 == 3 ? delta * 1000 : delta);
}

static void choose_options(uint8_t choice, const struct talker *talker, uint64_t now_us,
                           struct segment *segment, uint8_t own[12])
{
    uint32_t left = talker->peer_end + (choice >> 4) * 100u - 800;

    segment->options = option_lists[choice & 15].bytes;
    segment->options_bytes = option_lists[choice & 15].count;
    if ((choice & 15) == OPTIONS_STAMPS) {
        segment->options = own;
        segment->options_bytes = segment_timestamps(own, (uint32_t)(now_us / 1000),
                                                    talker->peer_tsval + (choice >> 4) * 64u);
    } else if ((choice & 15) == OPTIONS_BLOCK) {
        memcpy(own, (uint8_t[]){TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_SACK, 10}, 4);
        store_be32(own + 4, left);
        store_be32(own + 8, left + 100);
        segment->options = own;
        segment->options_bytes = 12;
    }
}

/* Low three bits: the text; high four: 0, or so many times 1,200 bytes, in a super-frame where
 * there are more. */
static void choose_payload(uint8_t choice, bool super, struct segment *segment)
{
    segment->payload = payloads[choice & 7];
    segment->payload_bytes = (uint32_t)strlen(payload_text[choice & 7]);
    segment->tos = choice & 8 ? ECN_ECT0 : 0;
    if (segment->payload_bytes == 0)
        return;
    if (choice >= 16)
        segment->payload_bytes = (uint32_t)(choice >> 4) * 1200;
    if (super)
        segment->payload_bytes = LARGE_BYTES;
    if (segment->payload_bytes > 1460)
        segment->gso_bytes = 1200;
}

static void choose_link(struct link_header *link, const struct segment *segment, unsigned vlan)
{
    uint16_t ids[2];
    uint8_t at = 12;

    vlan_ids(vlan, ids);
    memset(link->bytes, 2, sizeof(link->bytes));
    memcpy(link->bytes + 2, segment->dst.bytes + 12, 4);
    memcpy(link->bytes + 8, segment->src.bytes + 12, 4);
    for (unsigned i = 0; i < vlan; i++, at = (uint8_t)(at + 4)) {
        store_be16(link->bytes + at, vlan == 2 && i == 0 ? 0x88a8 : 0x8100);
        store_be16(link->bytes + at + 2, ids[i]);
    }
    store_be16(link->bytes + at, addr_is_v4(&segment->dst) ? 0x0800 : 0x86dd);
    link->length = (uint8_t)(at + 2);
}

/* As a host's stack leaves it to the card: the checksum field holds the sum of the pseudo header.
 */
static void make_partial(uint8_t *buffer, uint32_t bytes)
{
    struct offload *offload = (struct offload *)buffer;
    struct ip_addr src, dst;
    struct frame frame;
    uint32_t l4_bytes;

    look(&frame, buffer, bytes);
    src = frame_src(&frame);
    dst = frame_dst(&frame);
    l4_bytes = frame.bytes - frame.l4;
    offload->flags = OFFLOAD_NEEDS_CHECKSUM;
    offload->checksum_start = frame.l4;
    offload->checksum_offset = TCP_CHECK_AT;
    store_be16(buffer + OFFLOAD_BYTES + frame.l4 + TCP_CHECK_AT,
               checksum_fold(checksum_pseudo(&src, &dst, 6, l4_bytes)));
}

/* The four fields that `who` chooses: bit 0 the side, 1-2 the client, 3-5 the server, 6 a VLAN tag.
 */
struct who {
    enum side from;
    unsigned vlan;
    struct talker *talker;
    const struct endpoint *ends[2]; /* by enum side */
};

static struct who who_of(struct scene *scene, uint8_t byte, uint8_t step)
{
    unsigned client = byte >> 1 & 3, server = byte >> 3 & 7, family = server_text[server][0] == '[';
    struct who who = {.from = byte & 1 ? SIDE_SERVER : SIDE_CLIENT,
                      .vlan = step & STEP_QINQ ? 2 : byte >> 6 & 1,
                      .ends = {&clients[family][client], &servers[server]}};

    who.talker = &scene->conversations[client][server][who.vlan].talkers[who.from];
    return who;
}

static struct segment segment_between(const struct who *who)
{
    const struct endpoint *src = who->ends[who->from], *dst = who->ends[1 - who->from];

    return (struct segment){.src = src->addr,
                            .dst = dst->addr,
                            .src_port = src->port,
                            .dst_port = dst->port,
                            .ttl = 64,
                            .df = true};
}

static uint32_t patch(uint8_t *buffer, uint32_t bytes, struct fuzz_bytes *stream)
{
    for (unsigned patches = 1 + (take_u8(stream) & 3); patches > 0; patches--) {
        uint32_t at = take_u16(stream) % bytes;

        buffer[at] = take_u8(stream);
    }
    return bytes - (take_u8(stream) & 15);
}

/* A server says what its SYN-ACK is to have, where somebody waits for that. */
#define OPTIONS_AWAITED 0xf0
static void choose_awaited(struct scene *scene, const struct who *who, struct segment *segment,
                           uint8_t options[TCP_OPTIONS_MAX])
{
    const struct flow_key key = {.client = segment->dst,
                                 .server = segment->src,
                                 .client_port = segment->dst_port,
                                 .server_port = segment->src_port};
    const uint8_t bytes =
        who->vlan == 0 && who->from == SIDE_SERVER && (segment->flags & TCP_SYN)
            ? path_awaited(scene->path, &key, (uint32_t)(scene->now_us / 1000), options)
            : 0;

    if (!bytes)
        return;
    segment->options = options;
    segment->options_bytes = bytes;
}

/* Flags are those of TCP; bit 7 of `who`: patches follow. A window of 255 is closed; an odd one
 * comes with room for an answer. */
static void say(struct scene *scene, struct fuzz_bytes *stream, uint8_t step)
{
    static uint8_t buffer[TEST_FRAME_BYTES];
    uint8_t byte = take_u8(stream), flags = take_u8(stream), seq = take_u8(stream),
            ack = take_u8(stream);
    uint8_t options = take_u8(stream), payload = take_u8(stream), window = take_u8(stream), own[12],
            awaited[TCP_OPTIONS_MAX];
    struct who who = who_of(scene, byte, step);
    struct talker *talker = who.talker;
    struct segment segment = segment_between(&who);
    struct link_header link;
    uint32_t bytes;

    segment.flags = flags;
    segment.seq = number_of(seq, (uint32_t[4]){talker->next, talker->peer_ack, 1000, talker->next});
    segment.ack =
        number_of(ack, (uint32_t[4]){talker->peer_end, talker->peer_seq, 0, talker->peer_end});
    segment.window = window == 255 ? 0 : (uint16_t)(window << 8 | 1);
    choose_options(options, talker, scene->now_us, &segment, own);
    choose_payload(payload, step & STEP_SUPER, &segment);
    if (scene->path && options >= OPTIONS_AWAITED)
        choose_awaited(scene, &who, &segment, awaited);
    choose_link(&link, &segment, who.vlan);
    bytes = segment_write(buffer, sizeof(buffer), &link, &segment);
    FUZZ_ASSERT(bytes > 0);
    talker->next =
        segment.seq + segment.payload_bytes + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
    if ((step & STEP_PARTIAL) && segment.gso_bytes == 0)
        make_partial(buffer, bytes);
    if (step & STEP_DAMAGED)
        buffer[bytes - 1] ^= 0x55;
    if (byte & 128)
        bytes = patch(buffer, bytes, stream);
    if ((step & 7) == STEP_RAW)
        follow(scene, who.from, buffer, bytes);
    else
        input(scene, who.from, buffer, bytes, window & 1 ? 2048 : 0);
}

/* --- ICMP errors ----------------------------------------------------------------------------- */

struct icmp_kind {
    uint8_t type, code;
};

/* Makes of a TCP segment whose header and payload are `bytes` long an ICMP message of the same
 * length. */
static void make_icmp(struct test_frame *frame, struct icmp_kind kind, const uint8_t *quote,
                      uint32_t bytes)
{
    uint8_t *ip = frame_data(frame) + frame->view.l3, *icmp = frame_data(frame) + frame->view.l4;

    ip[frame->view.ip_version == 4 ? 9 : 6] = frame->view.ip_version == 4 ? 1 : 58;
    memset(icmp, 0, ICMP_BYTES);
    icmp[0] = kind.type;
    icmp[1] = kind.code;
    store_be16(icmp + 6, 1280);
    memcpy(icmp + ICMP_BYTES, quote, bytes);
    if (frame->view.ip_version == 4)
        frame_fix_ip_checksum(frame);
    if (frame_read(frame) == FRAME_ICMP_ERROR)
        store_be16(icmp + 2, (uint16_t)~icmp_sum(&frame->view));
}

/* A router behind `who`'s side complains of a segment that came to that side, or of one that never
 * did. */
static void complain(struct scene *scene, struct fuzz_bytes *stream, uint8_t step)
{
    static struct test_frame frame;
    static const struct icmp_kind kinds[2][8] = {
        {{3, 4}, {3, 1}, {3, 3}, {3, 2}, {11, 0}, {12, 0}, {3, 13}, {4, 0}},
        {{2, 0}, {1, 0}, {1, 4}, {1, 1}, {3, 0}, {4, 0}, {1, 6}, {2, 1}},
    };
    uint8_t byte = take_u8(stream), kind = take_u8(stream), seq = take_u8(stream),
            length = take_u8(stream);
    struct who who = who_of(scene, byte, step);
    struct segment segment = segment_between(&who), quoted = segment;
    struct link_header link;
    uint8_t quote[200];
    uint32_t ip_bytes = addr_is_v4(&segment.src) ? 20 : 40, bytes;
    const struct talker *talker = who.talker;

    quoted.src = segment.dst;
    quoted.dst = segment.src;
    quoted.src_port = segment.dst_port;
    quoted.dst_port = segment.src_port;
    quoted.seq = number_of(seq, (uint32_t[4]){talker->peer_seq, talker->peer_end, 0, talker->next});
    quoted.ack = talker->next;
    quoted.flags = kind & 8 ? TCP_SYN : TCP_ACK;
    choose_link(&link, &segment, who.vlan);
    bytes = segment_write(quote, sizeof(quote), &link, &quoted) - OFFLOAD_BYTES - link.length;
    FUZZ_ASSERT(bytes == ip_bytes + TCP_HEADER_BYTES);
    bytes = ip_bytes + 8 + length % (TCP_HEADER_BYTES - 7);
    segment.payload = quote; /* overwritten: it only makes room */
    segment.payload_bytes = ICMP_BYTES + bytes - TCP_HEADER_BYTES;
    frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
    frame_read(&frame);
    make_icmp(&frame, kinds[ip_bytes == 40][kind & 7], quote + OFFLOAD_BYTES + link.length, bytes);
    if (step & STEP_DAMAGED)
        frame.buffer[frame.bytes - 1] ^= 0x55;
    if (byte & 128)
        frame.bytes = patch(frame.buffer, frame.bytes, stream);
    input(scene, who.from, frame.buffer, frame.bytes, 0);
}

/* --- DNS over UDP ---------------------------------------------------------------------------- */

/*
 * who: bit 0 the side, 1-2 the client, 3 the server, 4 that this client proves himself instead,
 * 7 patches follow. what: bits 0-1 of EDNS, 2 an answer, 3-5 the opcode (0 in half of them), 6 no
 * such name, 7 that the kernel vouches for its checksum.
 */
static void tell(struct scene *scene, struct fuzz_bytes *stream, uint8_t step)
{
    static const char *const names[4] = {"a.test", "Www.eXample.test", "b.test", ""};
    static struct test_frame frame;
    const uint8_t who = take_u8(stream), what = take_u8(stream), id = take_u8(stream);
    const unsigned server = who >> 3 & 1, client = who >> 1 & 3;
    const char *const ends[2] = {client_text[server][client], asked_text[server]};
    const uint8_t opcode = what >> 3 & (what & 8 ? 7 : 0);
    const struct dns_words words = {
        .id = id,
        .name = names[take_u8(stream) & 3],
        .flags = {(uint8_t)((what & 4 ? DNS_QR : 0) | opcode << 3 | (id & 1 ? DNS_RD : 0)),
                  what & 64 ? DNS_NO_SUCH_NAME : 0},
        .edns = what & 1,
        .dnssec_ok = what & 2};
    uint8_t message[DNS_TEST_BYTES];

    if (who & 16) {
        const struct server_key key = {.addr = asked[server].addr, .port = asked[server].port};

        scene->proved = true;
        udp_set_proved(scene->engine, &key, &clients[server][client].addr, scene->now_us);
        return;
    }
    datagram_write(&frame, ends[who & 1], ends[!(who & 1)], message,
                   dns_message_write(message, &words));
    if (what & 128)
        ((struct offload *)frame.buffer)->flags = OFFLOAD_CHECKSUM_VALID;
    if (step & STEP_SUPER)
        ((struct offload *)frame.buffer)->gso_type = 5; /* UDP, as virtio counts */
    if (step & STEP_DAMAGED)
        frame.buffer[frame.bytes - 1] ^= 0x55;
    if (who & 128)
        frame.bytes = patch(frame.buffer, frame.bytes, stream);
    input(scene, who & 1 ? SIDE_SERVER : SIDE_CLIENT, frame.buffer, frame.bytes, 0);
}

/* --- other steps ----------------------------------------------------------------------------- */

static void raw(struct scene *scene, struct fuzz_bytes *stream)
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

    hear_of_path(scene);
    do {
        more = engine_tick(scene->engine, scene->now_us);
        engine_telling(scene->engine)->orders_count = 0;
        empty_outbox(scene, NULL);
        if (scene->path)
            path_settle(scene->path, scene->engine);
        FUZZ_ASSERT(++calls < TICKS_MAX);
    } while (more || engine_next_deadline(scene->engine) <= scene->now_us);
}

static void wait(struct scene *scene, struct fuzz_bytes *stream)
{
    static const uint8_t shifts[4] = {
        0, 8, 12, 16}; /* up to 16 ms, 4 s, 67 s, and 18 min: four epochs of the cookie */
    uint16_t time = take_u16(stream);

    scene->now_us += (uint64_t)(time & 0x3fff) << shifts[time >> 14];
    if (time & 1)
        tick(scene);
}

static void operator(struct scene *scene, struct fuzz_bytes *stream)
{
    uint8_t server = take_u8(stream), word = take_u8(stream);
    struct server_key key = {.addr = servers[server % SCENE_SERVERS].addr,
                             .port = servers[server % SCENE_SERVERS].port};

    if (word & 16) {
        key = (struct server_key){.addr = asked[server % SCENE_ASKED].addr,
                                  .port = asked[server % SCENE_ASKED].port};
        key = server_key_over(&key, word & 32);
    }
    if (word & 8)
        engine_set_mode(scene->engine, &key, word & 1 ? MODE_ATTACK : MODE_NORMAL,
                        word & 1 ? TRIGGER_SILENT : TRIGGER_NONE, word & 1, scene->now_us);
    else if (server & 128)
        engine_set_setting(scene->engine, NULL, (enum mode_setting)(SETTING_AUTO + word % 3),
                           scene->now_us);
    else
        engine_set_setting(scene->engine, &key, (enum mode_setting)(word % 4), scene->now_us);
}

static void begin(struct scene *scene, uint8_t *in, const struct engine_config *as)
{
    scene->engine = engine_init(in, as, START_US);
    engine_adopt_policy(scene->engine, policies[0], START_US);
    engine_set_setting(scene->engine, NULL, SETTING_ATTACK, START_US);
}

/* Nothing has come yet: another engine, with the path before it. */
static void begin_beside_path(struct scene *scene, uint8_t chance)
{
    if (scene->frames > 0 || scene->path || scene->now_us != START_US)
        return;
    scene->path = path_new(&config_of_path, chance);
    memset(memory_of_path, 0, engine_bytes(&config_of_path));
    begin(scene, memory_of_path, &config_of_path);
    engine_telling(scene->engine)->unlearned = chance & 3;
}

void scene_step(struct scene *scene, struct fuzz_bytes *stream)
{
    uint8_t step = take_u8(stream);
    unsigned which;

    switch (step & 7) {
    case STEP_ICMP:
        complain(scene, stream, step);
        break;
    case STEP_RAW:
        if (step & STEP_DATAGRAM)
            tell(scene, stream, step);
        else if (step & STEP_TOLD)
            say(scene, stream, step & ~STEP_PARTIAL);
        else if (step & STEP_PATH)
            begin_beside_path(scene, take_u8(stream));
        else
            raw(scene, stream);
        break;
    case STEP_TIME:
        wait(scene, stream);
        break;
    case STEP_SETTING:
        operator(scene, stream);
        break;
    case STEP_POLICY:
        which = take_u8(stream) % (POLICIES + 1);
        engine_adopt_policy(scene->engine, which < POLICIES ? policies[which] : NULL,
                            scene->now_us);
        break;
    default:
        say(scene, stream, step);
    }
    check_gauges(scene);
}

void scene_begin(struct scene *scene)
{
    if (memory == NULL)
        prepare();
    memset(memory, 0, engine_bytes(&config));
    memset(&hub, 0, sizeof(hub));
    path_free(scene->path);
    memset(scene, 0, sizeof(*scene));
    scene->now_us = START_US;
    begin(scene, memory, &config);
}

/* With a tick at each deadline: nothing may be left. */
void scene_end(struct scene *scene)
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
    FUZZ_ASSERT(scene->path == NULL || path_known(scene->path) == 0);
    FUZZ_ASSERT(engine_flows(engine, NULL, 0, scene->now_us) == 0);
    FUZZ_ASSERT(openings_taken(&engine->openings) == 0);
    FUZZ_ASSERT(engine->openings.holds_touched == engine->openings.free_holds_count);
    FUZZ_ASSERT(engine->slots.count == 0);
}
