/* SPDX-License-Identifier: GPL-2.0-or-later */
/* half_open.c - who is half-open for long: a sign, or to be reset. See half_open.h. */
#include "engine/stages/half_open.h"

#include "engine/base/bytes.h"
#include "engine/shard/connection.h"
#include "engine/stages/speak.h"
#include "engine/tables/source_prefix.h"

#include <string.h>

#define LOOKED_AT      32 /* entries, by one half_open_tick() */
#define MACS_BYTES     12u
#define TAG_BYTES      4u
#define TYPE_BYTES     2u
#define TAG_PRIORITY   0xf0 /* PCP and DEI, in the first byte of a tag's TCI as in ours */
#define TAG_KIND       0x0f
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

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

static void unpack_link(const struct flow *flow, struct link_header *header)
{
    const struct flow_link *link = &flow->link;
    uint8_t *at = header->bytes + MACS_BYTES;

    memcpy(header->bytes, link->macs, MACS_BYTES);
    for (int i = 0; i < 2; i++) {
        if (!flow->key.vlan.id[i])
            continue;
        store_be16(at, tag_kinds[link->tags[i] & TAG_KIND]);
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

/* --- what is due ----------------------------------------------------------------------------- */

static void reset_at_server(struct engine *engine, struct flow *flow, uint64_t now_us)
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
    const uint32_t asked = flow_cold(&engine->flows, flow)->listed;

    flow->link.counted = true;
    if (!server_answered_lately(server, now_us) ||
        now_us - server->back_us < (uint64_t)(flow_clock(now_us) - asked) << 16)
        return;
    trigger_unanswered(&server->counts, &prefix, now_us);
    engine_check_triggers(engine, server, now_us);
}

/* True where a RST went out. */
static bool look_at(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct server *server = flow_server(engine, flow);

    if (flow->state != FLOW_HALF_OPEN || !server || !flow->link.ttl)
        return false;
    if (server_protected(server) && cold->server_next) {
        reset_at_server(engine, flow, now_us);
        return true;
    }
    if (server->mode == MODE_NORMAL && !cold->server_next && !flow->link.counted)
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
