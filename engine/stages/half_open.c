/* SPDX-License-Identifier: GPL-2.0-or-later */
/* half_open.c - who is half-open for long: a sign, or to be reset. See half_open.h. */
#include "engine/stages/half_open.h"

#include "engine/base/bytes.h"
#include "engine/shard/connection.h"
#include "engine/stages/speak.h"
#include "engine/tables/source_prefix.h"

#include <string.h>

#define LOOKED_AT      32 /* entries, by one half_open_tick() */
#define UNANSWERED_AGE 18 /* flow_clock(), as asked_when[] */
#define ASKED_TIMES    2
#define ASKED_STEPS    (sizeof(asked_when) / sizeof(*asked_when))
#define ASKS_WINDOW    1024 /* of a segment whose number no host takes */
#define MACS_BYTES     12u
#define TAG_BYTES      4u
#define TYPE_BYTES     2u
#define TAG_PRIORITY   0xf0 /* PCP and DEI, in the first byte of a tag's TCI as in ours */
#define TAG_KIND       0x0f
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

/*
 * flow_clock() from a SYN, at the least, to asking its client twice, to waiting for the second
 * answer, and to the reset. Each of them takes a FLOW_WAITING_AGE, too: who is old when protection
 * begins, as all are that fill a backlog, is reset 0.6 s later, and the youngest 1.8 s after its
 * SYN.
 */
static const uint8_t asked_when[] = {9, 18, 18, 27};

/* 802.1Q, 802.1ad, and what was used before that: what frame.c reads. */
static const uint16_t tag_kinds[] = {0x8100, 0x88a8, 0x9100};
#define TAG_KINDS (sizeof(tag_kinds) / sizeof(*tag_kinds))

/* --- how a SYN was carried ------------------------------------------------------------------- */

/* Tags without a VLAN ID are left out: hosts take a frame without them as they would with them. */
static void pack_link(const struct link_header *header, uint8_t ttl, struct flow_link *link)
{
    uint32_t tags = 0;

    *link = (struct flow_link){.ttl = ttl};
    memcpy(link->macs, header->bytes, MACS_BYTES);
    for (uint32_t at = MACS_BYTES; at + TAG_BYTES + TYPE_BYTES <= header->length; at += TAG_BYTES) {
        uint8_t kind = 0;

        if (!(load_be16(header->bytes + at + 2) & VLAN_ID_MASK))
            continue;
        while (kind < TAG_KINDS - 1 && tag_kinds[kind] != load_be16(header->bytes + at))
            kind++;
        link->tags[tags++] = (header->bytes[at + 2] & TAG_PRIORITY) | kind;
    }
}

/* Of a link that was handed over there may be none such. */
static uint16_t kind_of(uint8_t tag)
{
    const uint8_t kind = tag & TAG_KIND;

    return tag_kinds[kind < TAG_KINDS ? kind : 0];
}

static void unpack_link(const struct flow *flow, struct link_header *header)
{
    const struct flow_link *link = &flow->link;
    uint8_t *at = header->bytes + MACS_BYTES;

    memcpy(header->bytes, link->macs, MACS_BYTES);
    for (int i = 0; i < 2; i++) {
        if (!flow->key.vlan.id[i])
            continue;
        store_be16(at, kind_of(link->tags[i]));
        store_be16(at + 2, (uint16_t)((uint32_t)(link->tags[i] & TAG_PRIORITY) << 8 |
                                      (flow->key.vlan.id[i] & VLAN_ID_MASK)));
        at += TAG_BYTES;
    }
    store_be16(at, addr_is_v4(&flow->key.server) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    header->length = (uint8_t)(at + TYPE_BYTES - header->bytes);
}

/* Which SYNs any host answers: BSD's with FIN do, Linux's do not; a signature must be known. */
static bool says_something(const struct passage *passage)
{
    return !(passage->frame.flags & TCP_FIN) && frame_ends_good(&passage->frame) &&
           !(passage->options.present & OPTION_AUTHENTICATED);
}

void half_open_note_syn(const struct passage *passage, struct flow *flow)
{
    struct link_header header;

    link_header_copy(&passage->frame, &header);
    pack_link(&header, frame_ttl(&passage->frame), &flow->link);
    flow->link.counted = !says_something(passage);
}

void half_open_note_synack(const struct passage *passage, struct flow *flow)
{
    struct link_header header;

    link_header_reverse(&passage->frame, &header);
    pack_link(&header, TTL_DEFAULT, &flow->link);
}

void half_open_begin_anew(struct flow *flow)
{
    flow->link.asked = 0;
    flow->link.waited = 0;
}

/* --- what is due ----------------------------------------------------------------------------- */

/* The way back of unpack_link(). */
static void unpack_link_reversed(const struct flow *flow, struct link_header *header)
{
    uint8_t macs[MACS_BYTES];

    unpack_link(flow, header);
    memcpy(macs, header->bytes, MACS_BYTES);
    memcpy(header->bytes, macs + MACS_BYTES / 2, MACS_BYTES / 2);
    memcpy(header->bytes + MACS_BYTES / 2, macs, MACS_BYTES / 2);
}

/* A segment to the client, with what the server would say of itself. */
static void say_to_client(struct engine *engine, const struct flow *flow, struct segment *segment)
{
    struct link_header header = {.length = 0};

    address_to_client(&flow->key, segment);
    segment->ttl = TTL_DEFAULT;
    segment->df = true;
    unpack_link_reversed(flow, &header);
    engine_emit(engine, SIDE_CLIENT, &header, segment);
}

/*
 * Whoever is there says again what it has said: a number below the window is answered by an ACK
 * (RFC 9293 3.10.7.4), which is the one that the server waits for. With a byte of garbage, as a
 * keepalive may have (RFC 1122 4.2.3.6): hosts that answer only so many bare segments a second
 * (RFC 5961 10, Linux one in half a second) answer each that carries data. Whoever has not heard
 * the server's SYN-ACK leaves it alone, and asks again.
 */
static void ask_client(struct engine *engine, const struct flow *flow)
{
    static const uint8_t garbage = 0;
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct segment segment;

    segment_begin(&segment);
    segment.flags = TCP_ACK;
    segment.payload = &garbage;
    segment.payload_bytes = sizeof(garbage);
    segment.seq = cold->server_next - 1;
    segment.ack = cold->client_isn + 1;
    segment.window = ASKS_WINDOW;
    say_to_client(engine, flow, &segment);
}

/* Who took the server's SYN-ACK, and is heard by nobody, must not wait for ever for its first word.
 * Without an ACK in it a RST does nothing to a client that has not taken it (RFC 9293 3.10.7.3). */
static void reset_at_client(struct engine *engine, const struct flow *flow)
{
    struct segment segment;

    segment_begin(&segment);
    segment.flags = TCP_RST;
    segment.seq = flow_cold(&engine->flows, flow)->server_next;
    say_to_client(engine, flow, &segment);
}

static void reset_at_server(struct engine *engine, struct flow *flow)
{
    struct link_header header = {.length = 0};
    struct segment segment;

    segment_begin(&segment);
    address_to_server(&flow->key, &segment);
    segment.flags = TCP_RST;
    segment.seq = flow_cold(&engine->flows, flow)->client_isn + 1;
    segment.ttl = flow->link.ttl;
    segment.df = true;
    unpack_link(flow, &header);
    engine_emit(engine, SIDE_SERVER, &header, &segment);
}

static void reset_both(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    reset_at_server(engine, flow);
    reset_at_client(engine, flow);
    engine->counters.flows_freed++;
    /* A server that repeats its SYN-ACK all the same makes it half-open again (track.c). */
    engine_flow_close(engine, flow, END_EXPIRED, now_us);
}

/* A server that has not answered for long is down, and has no backlog to be filled; nor has what
 * it missed anything to do with that when it is back. */
static void count_unanswered(struct engine *engine, struct flow *flow, struct server *server,
                             uint64_t now_us)
{
    const struct ip_addr prefix =
        prefix_masked(&flow->key.client, prefix_neighbour_bits(&flow->key.client));
    const uint32_t age = flow_clock(now_us) - flow_cold(&engine->flows, flow)->born;

    flow->link.counted = true;
    if (!server_answered_lately(server, now_us) || now_us - server->back_us < (uint64_t)age << 16)
        return;
    trigger_unanswered(&server->counts, &prefix, now_us);
    engine_check_triggers(engine, server, now_us);
}

static uint32_t waited(const struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    return flow->link.waited + flow_clock(now_us) - flow_cold(&engine->flows, flow)->listed;
}

/* It is looked at again after another FLOW_WAITING_AGE. */
static void look_again(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const uint32_t age = waited(engine, flow, now_us);

    flow->link.waited = (age < LINK_WAITED_MAX ? age : LINK_WAITED_MAX) & LINK_WAITED_MAX;
    flow_renew(&engine->flows, flow, now_us);
}

/* Of a server that we answer for, and that has answered. True where something went out. */
static bool look_at_waiting(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const uint8_t step = flow->link.asked;

    if (waited(engine, flow, now_us) < asked_when[step]) {
        look_again(engine, flow, now_us);
        return false;
    }
    if (step == ASKED_STEPS - 1) {
        reset_both(engine, flow, now_us);
        return true;
    }
    flow->link.asked = (step + 1u) & (ASKED_STEPS - 1);
    if (step < ASKED_TIMES)
        ask_client(engine, flow);
    look_again(engine, flow, now_us);
    return step < ASKED_TIMES;
}

/* True where something went out. */
static bool look_at(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);

    if (flow->state != FLOW_HALF_OPEN || !server || !flow->link.ttl)
        return false;
    if (flow_cold(&engine->flows, flow)->server_next)
        return server_protected(server) && look_at_waiting(engine, flow, now_us);
    if (waited(engine, flow, now_us) < UNANSWERED_AGE)
        look_again(engine, flow, now_us);
    else if (server->mode == MODE_NORMAL && !flow->link.counted)
        count_unanswered(engine, flow, server, now_us);
    return false;
}

bool half_open_tick(struct engine *engine, uint64_t now_us)
{
    struct flow *flow = NULL;

    /* Who was looked at in normal mode is looked at again. */
    if (engine->half_open_attacks != engine->servers.attacks_begun)
        flow_waiting_anew(&engine->flows);
    engine->half_open_attacks = engine->servers.attacks_begun;
    for (int looked = 0; looked < LOOKED_AT; looked++) {
        flow = flow_waiting(&engine->flows, now_us);
        if (!flow)
            return looked > 0;
        if (look_at(engine, flow, now_us))
            return true;
    }
    return true;
}

uint64_t half_open_next(const struct engine *engine, uint64_t now_us)
{
    const bool anew = engine->half_open_attacks != engine->servers.attacks_begun;

    if (anew && engine->flows.lists[FLOW_LIST_HALF_OPEN].count)
        return now_us;
    return flow_next_waiting(&engine->flows, now_us);
}
