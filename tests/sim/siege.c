/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siege.c - see siege.h. */
#include "tests/sim/siege.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tcp/frame.h"

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0xc, 1}, {2, 0, 0, 0, 0x5, 1}};

static enum siege_kind kind_of(const struct ip_addr *client)
{
    return (enum siege_kind)client->bytes[13];
}

/* --- frames on their way --------------------------------------------------------------------- */

static void put(struct siege *siege, enum side from, const struct packet *packet)
{
    static uint8_t buffer[PACKET_BUFFER_BYTES];
    uint32_t bytes = packet_write(buffer, packet), at;

    cr_assert_lt(siege->count, SIEGE_QUEUE, "the queue is full");
    cr_assert_leq(bytes, SIEGE_FRAME_MAX);
    at = (siege->first + siege->count++) % SIEGE_QUEUE;
    /* The server is near: what it says must not wait behind clients that are far, so both take the
     * same way. */
    siege->queue[at] = (struct siege_frame){
        .due_us = siege->now_us + siege->rtt_us / 2, .from = from, .bytes = bytes};
    memcpy(siege->queue[at].data, buffer, bytes);
}

static void deliver(struct siege *siege, uint64_t until_us)
{
    static uint8_t buffer[PACKET_BUFFER_BYTES];

    while (siege->count > 0 && siege->queue[siege->first].due_us <= until_us) {
        struct siege_frame *frame = &siege->queue[siege->first];
        enum side from = frame->from;
        uint32_t bytes = frame->bytes;

        if (frame->due_us > siege->now_us)
            siege->now_us = frame->due_us;
        memcpy(buffer, frame->data, bytes);
        siege->first = (siege->first + 1) % SIEGE_QUEUE;
        siege->count--;
        middle_input(siege->middle, from, buffer, bytes, siege->now_us);
    }
}

static struct packet answer_to(const struct packet *packet, enum side from, uint8_t flags)
{
    struct packet answer = {.src = packet->dst,
                            .dst = packet->src,
                            .src_port = packet->dst_port,
                            .dst_port = packet->src_port,
                            .seq = packet->ack,
                            .ack = packet->seq + packet_seq_bytes(packet),
                            .flags = flags,
                            .ttl = 60,
                            .df = true,
                            .window = 64240};

    memcpy(answer.from_mac, macs[from], 6);
    memcpy(answer.to_mac, macs[side_other(from)], 6);
    return answer;
}

static void say(struct siege *siege, enum side from, struct packet packet, const char *text)
{
    packet.payload = (const uint8_t *)text;
    packet.payload_bytes = (uint32_t)strlen(text);
    packet.flags |= TCP_PSH;
    put(siege, from, &packet);
}

/* --- server and clients ---------------------------------------------------------------------- */

/* A SYN: false where the backlog is full. */
static bool place_taken(struct siege *siege, const struct packet *syn)
{
    for (uint32_t i = 0; i < siege->backlog; i++) {
        struct siege_place *place = &siege->places[i];

        if (place->since_us && siege->now_us - place->since_us < SIEGE_HOLDS_US)
            continue;
        *place = (struct siege_place){syn->src, syn->src_port, syn->seq, siege->now_us};
        return true;
    }
    return !siege->backlog;
}

/* The ACK that completes a handshake, or the RST that ends it, with the one right number. */
static void place_left(struct siege *siege, const struct packet *packet)
{
    for (uint32_t i = 0; i < siege->backlog; i++) {
        struct siege_place *place = &siege->places[i];

        if (packet->seq == place->isn + 1 && packet->src_port == place->client_port &&
            memcmp(&packet->src, &place->client, sizeof(place->client)) == 0)
            place->since_us = 0;
    }
}

static void at_server(struct siege *siege, const struct packet *packet)
{
    enum siege_kind kind = kind_of(&packet->src);
    bool greets = packet->dst_port == POP3_PORT;
    struct packet answer;

    if (siege->down)
        return;
    if ((packet->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
        siege->syns_at_server[kind]++;
        answer = answer_to(packet, SIDE_SERVER, TCP_SYN | TCP_ACK);
        answer.seq = packet->seq * 2654435761u;
        packet_add_mss(&answer, 1460);
        if (place_taken(siege, packet) && !siege->mute)
            put(siege, SIDE_SERVER, &answer);
        return;
    }
    place_left(siege, packet);
    /* One byte is no request of anybody's: it is asked whether the connection is there still. */
    if (packet->flags & TCP_RST || packet->payload_bytes == 1 || siege->mute)
        return;
    answer = answer_to(packet, SIDE_SERVER, TCP_ACK);
    if (packet->payload_bytes && (siege->refuses || kind == KIND_REFUSED)) {
        answer.flags = TCP_RST | TCP_ACK;
        put(siege, SIDE_SERVER, &answer);
    } else if (packet->payload_bytes) {
        say(siege, SIDE_SERVER, answer, greets ? "+OK\r\n" : "HTTP/1.1 200 OK\r\n\r\n");
    } else if (packet->seq == packet->ack && greets) {
        say(siege, SIDE_SERVER, answer, POP3_PROMISE);
    }
    if (packet->payload_bytes)
        siege->accepted[kind]++;
}

static const char *request_of(const struct siege *siege, enum siege_kind kind)
{
    static const char wrong[] = "\x13"
                                "BitTorrent protocol        ";

    if (siege->requests[kind])
        return siege->requests[kind];
    return kind == KIND_WRONG ? wrong : "GET / HTTP/1.1\r\n\r\n";
}

static void at_client(struct siege *siege, const struct packet *packet)
{
    enum siege_kind kind = kind_of(&packet->dst);
    bool synack = (packet->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
    struct packet answer = answer_to(packet, SIDE_CLIENT, TCP_ACK);

    if (kind == KIND_SPOOFED)
        return;
    if (packet->flags & TCP_RST) {
        siege->reset[kind]++;
    } else if (synack) {
        put(siege, SIDE_CLIENT, &answer);
        for (uint32_t i = 0; kind == KIND_WRONG && i <= siege->repeats; i++)
            say(siege, SIDE_CLIENT, answer, request_of(siege, kind));
        if (kind == KIND_WRONG)
            return;
        if (kind != KIND_SILENT)
            say(siege, SIDE_CLIENT, answer, request_of(siege, kind));
    } else if (packet->payload_bytes) {
        siege->served[kind]++;
        answer.flags = TCP_RST | TCP_ACK;
        put(siege, SIDE_CLIENT, &answer);
    }
}

static void sink(void *context, enum side to, const uint8_t *buffer, uint32_t bytes, bool reply)
{
    struct packet packet;

    (void)reply;
    packet_read(&packet, buffer, bytes);
    if (to == SIDE_SERVER)
        at_server(context, &packet);
    else
        at_client(context, &packet);
}

static void complain(void *context, enum side to, const uint8_t *buffer, uint32_t bytes,
                     const char *text)
{
    (void)context;
    (void)to;
    (void)buffer;
    (void)bytes;
    cr_assert_fail("a frame left the engine that is wrong: %s", text);
}

static void observe(void *context, const struct observation *observation)
{
    struct siege *siege = context;
    uint16_t port = observation->server.port;

    if (observation->kind == OBSERVED_SOURCE) {
        siege->asides++;
        siege->aside = observation->source;
    }
    if (observation->kind != OBSERVED_TRIGGER)
        return;
    siege->fired_us[port] = observation->time_us;
    if (!observation->trigger.switched)
        return;
    engine_set_mode(siege->middle->engine, &observation->server, MODE_ATTACK,
                    observation->trigger.cause, observation->trigger.value, siege->now_us);
    siege->switches++;
    siege->attack_us[port] = observation->time_us;
    siege->trigger = observation->trigger;
}

/* --- from outside ---------------------------------------------------------------------------- */

/* As in the daemon: a crowd from far away needs room for all that are being opened at once. */
static void roomy(struct engine_config *config)
{
    config->openings_max = 1024;
    config->slots_max = 16384;
    config->held_least = 64;
    config->flows_max = 65536;
}

struct siege *siege_new(void (*change)(struct engine_config *config))
{
    struct siege *siege = calloc(1, sizeof(*siege));
    struct tcp_settings settings = tcp_settings_default(true);

    siege->queue = calloc(SIEGE_QUEUE, sizeof(*siege->queue));
    siege->now_us = 1000 * SECOND_US;
    siege->middle = middle_new(change ? change : roomy, siege->now_us);
    siege->middle->sink = sink;
    siege->middle->complaint = complain;
    siege->middle->context = siege;
    siege->middle->observer = observe;
    siege->middle->observer_context = siege;
    settings.timestamps = false;
    settings.sack = false;
    settings.window_scale = WSCALE_NONE;
    middle_adopt(siege->middle, fixture_all(&settings), siege->now_us);
    return siege;
}

void siege_end(struct siege *siege)
{
    middle_free(siege->middle);
    free(siege->queue);
    free(siege);
}

static void return_when_quiet(struct siege *siege)
{
    static const uint16_t ports[] = {HTTP_PORT, POP3_PORT, BINARY_PORT, COOKIE_PORT};

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct server_key key = {.port = ports[i]};
        uint64_t fired_us = siege->fired_us[ports[i]];

        if (fired_us == 0 || siege->now_us < fired_us + SIEGE_QUIET_US)
            continue;
        cr_assert(addr_from_text(SERVER_V4, &key.addr));
        engine_set_mode(siege->middle->engine, &key, MODE_NORMAL, TRIGGER_NONE, 0, siege->now_us);
        siege->fired_us[ports[i]] = 0;
        siege->returns++;
    }
}

void siege_wait(struct siege *siege, uint64_t us)
{
    uint64_t until_us = siege->now_us + us;

    while (siege->now_us < until_us) {
        uint64_t step_us = siege->now_us + SECOND_US / 100;

        step_us = step_us < until_us ? step_us : until_us;
        deliver(siege, step_us);
        siege->now_us = step_us;
        if (middle_deadline(siege->middle) <= siege->now_us)
            middle_tick(siege->middle, siege->now_us);
        return_when_quiet(siege);
    }
}

void siege_client(struct siege *siege, enum siege_kind kind, bool own_address, uint16_t port)
{
    uint32_t number = siege->next[kind]++,
             host = 3 + (own_address ? number : number / 60000); /* .2 is the server */
    uint8_t from[4] = {10, (uint8_t)kind, (uint8_t)(host >> 8), (uint8_t)host};
    struct packet packet = {.flags = TCP_SYN,
                            .ttl = 60,
                            .df = true,
                            .window = 64240,
                            .src = addr_from_v4(from),
                            .src_port =
                                (uint16_t)(1024 + (own_address ? number >> 16 : number % 60000)),
                            .dst_port = port,
                            .seq = number * 7919u + 77};

    cr_assert(addr_from_text(SERVER_V4, &packet.dst));
    memcpy(packet.from_mac, macs[SIDE_CLIENT], 6);
    memcpy(packet.to_mac, macs[SIDE_SERVER], 6);
    packet_add_mss(&packet, 1460);
    siege->begun[kind]++;
    put(siege, SIDE_CLIENT, &packet);
}

void siege_flood(struct siege *siege, enum siege_kind kind, bool own_address, uint16_t port,
                 uint32_t per_second, uint64_t us)
{
    uint64_t gap_us = SECOND_US / per_second, until_us = siege->now_us + us;

    while (siege->now_us < until_us) {
        siege_client(siege, kind, own_address, port);
        siege_wait(siege, gap_us);
    }
}

void siege_known(struct siege *siege, uint16_t port)
{
    siege_client(siege, KIND_HONEST, true, port);
    siege_wait(siege, SECOND_US + 4 * siege->rtt_us);
}

enum mode siege_mode(struct siege *siege, uint16_t port)
{
    struct server_info infos[16];
    uint32_t count = engine_servers(siege->middle->engine, infos, 16, siege->now_us);

    for (uint32_t i = 0; i < count && i < 16; i++)
        if (infos[i].key.port == port && addr_is_v4(&infos[i].key.addr))
            return infos[i].mode;
    cr_assert_fail("no server at port %u", port);
    return MODE_NORMAL;
}

struct server_policy *siege_policy(struct siege *siege, uint16_t port)
{
    struct policy *policy = siege->middle->policy;

    for (uint32_t i = 0; i < policy->count; i++)
        if (policy->servers[i].key.port == port && addr_is_v4(&policy->servers[i].key.addr))
            return &policy->servers[i];
    cr_assert_fail("no policy for port %u", port);
    return NULL;
}
