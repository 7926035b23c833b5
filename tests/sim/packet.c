/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet.c - see packet.h. */
#include "tests/sim/packet.h"

#include <string.h>

#include "engine/base/bytes.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETH_PADDED_MAX 60 /* a frame shorter than this is padded; longer ones have no trailer */

static void add_option(struct packet *packet, uint8_t kind, const uint8_t *value, uint8_t bytes)
{
    uint8_t *at = packet->options + packet->options_bytes;
    at[0] = kind;
    at[1] = (uint8_t)(bytes + 2);
    memcpy(at + 2, value, bytes);
    packet->options_bytes = (uint8_t)(packet->options_bytes + bytes + 2);
}

void packet_add_raw(struct packet *packet, uint8_t kind, const uint8_t *value, uint8_t bytes)
{
    add_option(packet, kind, value, bytes);
}

void packet_add_mss(struct packet *packet, uint16_t mss)
{
    uint8_t value[2];
    store_be16(value, mss);
    add_option(packet, TCP_OPT_MSS, value, sizeof value);
}

void packet_add_window_scale(struct packet *packet, uint8_t scale)
{
    add_option(packet, TCP_OPT_WSCALE, &scale, 1);
}

void packet_add_sack_permitted(struct packet *packet)
{
    add_option(packet, TCP_OPT_SACK_PERMITTED, (const uint8_t *)"", 0);
}

void packet_add_timestamps(struct packet *packet, uint32_t tsval, uint32_t tsecr)
{
    uint8_t value[8];
    store_be32(value, tsval);
    store_be32(value + 4, tsecr);
    add_option(packet, TCP_OPT_TIMESTAMPS, value, sizeof value);
}

void packet_add_sack(struct packet *packet, const uint32_t (*blocks)[2], uint8_t count)
{
    uint8_t value[8 * PACKET_SACK_MAX];
    for (uint8_t i = 0; i < count; i++) {
        store_be32(value + 8 * i, blocks[i][0]);
        store_be32(value + 8 * i + 4, blocks[i][1]);
    }
    add_option(packet, TCP_OPT_SACK, value, (uint8_t)(8 * count));
}

void packet_add_nop(struct packet *packet)
{
    packet->options[packet->options_bytes++] = TCP_OPT_NOP;
}

void packet_pad_options(struct packet *packet)
{
    while (packet->options_bytes % 4 != 0)
        packet->options[packet->options_bytes++] = TCP_OPT_EOL;
}

struct vlan_ids packet_vlan(const struct packet *packet)
{
    struct vlan_ids vlan = {{0, 0}};
    for (int i = 0; i < 2; i++) {
        if (packet->tags[i].tpid != 0)
            vlan.id[i] = (uint16_t)(VLAN_PRESENT | (packet->tags[i].tci & VLAN_ID_MASK));
    }
    return vlan;
}

/* RFC 1071, the plain way. */
static uint32_t sum_words(uint32_t sum, const uint8_t *at, uint32_t bytes)
{
    uint32_t high = 0,
             low =
                 0; /* two plain loops, which a compiler makes fast; 65,535 bytes do not overflow */
    for (uint32_t i = 0; i < bytes / 2; i++) {
        high += at[2 * i];
        low += at[2 * i + 1];
    }
    if (bytes % 2 != 0)
        high += at[bytes - 1];
    uint64_t all = sum + ((uint64_t)high << 8) + low;
    while (all > 0xffff)
        all = (all & 0xffff) + (all >> 16);
    return (uint32_t)all;
}

static uint32_t sum_pseudo(const struct packet *packet, uint32_t l4_bytes)
{
    bool v4 = addr_is_v4(&packet->src);
    uint32_t skip = v4 ? 12 : 0;
    uint32_t sum = sum_words(0, packet->src.bytes + skip, 16 - skip);
    sum = sum_words(sum, packet->dst.bytes + skip, 16 - skip);
    sum += 6 + (l4_bytes & 0xffff) + (l4_bytes >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

static uint16_t complement(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static uint32_t write_link(uint8_t *at, const struct packet *packet)
{
    uint32_t offset = 12;
    memcpy(at, packet->to_mac, 6);
    memcpy(at + 6, packet->from_mac, 6);
    for (int i = 0; i < 2; i++) {
        if (packet->tags[i].tpid == 0)
            continue;
        store_be16(at + offset, packet->tags[i].tpid);
        store_be16(at + offset + 2, packet->tags[i].tci);
        offset += 4;
    }
    store_be16(at + offset, addr_is_v4(&packet->src) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    return offset + 2;
}

static uint32_t write_ip(uint8_t *at, const struct packet *packet, uint32_t l4_bytes)
{
    if (addr_is_v4(&packet->src)) {
        memset(at, 0, 20);
        at[0] = 0x45;
        at[1] = packet->tos;
        store_be16(at + 2, (uint16_t)(20 + l4_bytes));
        store_be16(at + 4, packet->ip_id);
        store_be16(at + 6, packet->df ? 0x4000 : 0);
        at[8] = packet->ttl;
        at[9] = 6;
        memcpy(at + 12, packet->src.bytes + 12, 4);
        memcpy(at + 16, packet->dst.bytes + 12, 4);
        store_be16(at + 10, complement(sum_words(0, at, 20)));
        return 20;
    }
    store_be32(at, 6u << 28 | (uint32_t)packet->tos << 20 | (packet->flow_label & 0xfffff));
    store_be16(at + 4, (uint16_t)l4_bytes);
    at[6] = 6;
    at[7] = packet->ttl;
    memcpy(at + 8, packet->src.bytes, 16);
    memcpy(at + 24, packet->dst.bytes, 16);
    return 40;
}

static void write_tcp(uint8_t *at, const struct packet *packet, uint32_t l4_bytes)
{
    store_be16(at, packet->src_port);
    store_be16(at + 2, packet->dst_port);
    store_be32(at + 4, packet->seq);
    store_be32(at + 8, packet->ack);
    at[12] = (uint8_t)((20 + packet->options_bytes) / 4 << 4 | packet->accurate_ecn);
    at[13] = packet->flags;
    store_be16(at + 14, packet->window);
    store_be16(at + 16, 0);
    store_be16(at + 18, 0);
    memcpy(at + 20, packet->options, packet->options_bytes);
    if (packet->payload_bytes > 0)
        memcpy(at + 20 + packet->options_bytes, packet->payload, packet->payload_bytes);
    uint32_t sum = sum_pseudo(packet, l4_bytes);
    if (packet->partial_checksum)
        store_be16(at + 16, (uint16_t)sum);
    else
        store_be16(at + 16, complement(sum_words(sum, at, l4_bytes)));
}

uint32_t packet_write(uint8_t *buffer, const struct packet *packet)
{
    uint8_t *frame = buffer + OFFLOAD_BYTES;
    uint32_t l4_bytes = 20u + packet->options_bytes + packet->payload_bytes;
    uint32_t l3 = write_link(frame, packet);
    uint32_t l4 = l3 + write_ip(frame + l3, packet, l4_bytes);
    write_tcp(frame + l4, packet, l4_bytes);

    struct offload offload = {0};
    if (packet->partial_checksum) {
        offload.flags = OFFLOAD_NEEDS_CHECKSUM;
        offload.checksum_start = (uint16_t)l4;
        offload.checksum_offset = 16;
    }
    if (packet->gso_bytes > 0) {
        offload.gso_type = addr_is_v4(&packet->src) ? OFFLOAD_GSO_TCPV4 : OFFLOAD_GSO_TCPV6;
        offload.gso_bytes = packet->gso_bytes;
        offload.header_bytes = (uint16_t)(l4 + 20 + packet->options_bytes);
    }
    memcpy(buffer, &offload, sizeof offload);
    return OFFLOAD_BYTES + l4 + l4_bytes;
}

static const char *read_link(struct packet *packet, const uint8_t *frame, uint32_t bytes,
                             uint32_t *l3, uint16_t *type)
{
    if (bytes < LINK_HEADER_MAX + 20)
        return "frame too short";
    memcpy(packet->to_mac, frame, 6);
    memcpy(packet->from_mac, frame + 6, 6);
    uint32_t offset = 12;
    for (int i = 0; i < 2; i++) {
        uint16_t tpid = load_be16(frame + offset);
        if (tpid != 0x8100 && tpid != 0x88a8 && tpid != 0x9100)
            break;
        packet->tags[i].tpid = tpid;
        packet->tags[i].tci = load_be16(frame + offset + 2);
        offset += 4;
    }
    *type = load_be16(frame + offset);
    *l3 = offset + 2;
    return NULL;
}

static const char *read_ipv4(struct packet *packet, const uint8_t *at, uint32_t present,
                             uint32_t *l4_bytes)
{
    uint32_t total = load_be16(at + 2);
    if (at[0] != 0x45)
        return "IPv4 header with options or of another version";
    if (total < 40 || total > present)
        return "IPv4 length does not fit the frame";
    if (complement(sum_words(0, at, 20)) != 0)
        return "IPv4 header checksum";
    if ((load_be16(at + 6) & 0x3fff) != 0)
        return "IPv4 fragment";
    if (at[9] != 6)
        return "not TCP";
    packet->tos = at[1];
    packet->ip_id = load_be16(at + 4);
    packet->df = (at[6] & 0x40) != 0;
    packet->ttl = at[8];
    packet->src = addr_from_v4(at + 12);
    packet->dst = addr_from_v4(at + 16);
    *l4_bytes = total - 20;
    return NULL;
}

static const char *read_ipv6(struct packet *packet, const uint8_t *at, uint32_t present,
                             uint32_t *l4_bytes)
{
    uint32_t first = load_be32(at);
    uint32_t length = load_be16(at + 4);
    if (present < 60 || length < 20 || length + 40 > present)
        return "IPv6 length does not fit the frame";
    if (first >> 28 != 6 || at[6] != 6)
        return "not TCP over IPv6";
    packet->tos = (uint8_t)(first >> 20);
    packet->flow_label = first & 0xfffff;
    packet->df = true;
    packet->ttl = at[7];
    packet->src = addr_from_v6(at + 8);
    packet->dst = addr_from_v6(at + 24);
    *l4_bytes = length;
    return NULL;
}

static const char *read_option(struct packet *packet, uint8_t kind, const uint8_t *value,
                               uint8_t bytes)
{
    if (kind == TCP_OPT_MSS && bytes == 2) {
        packet->mss = load_be16(value);
    } else if (kind == TCP_OPT_WSCALE && bytes == 1) {
        packet->window_scale = value[0];
    } else if (kind == TCP_OPT_SACK_PERMITTED && bytes == 0) {
        packet->sack_permitted = true;
    } else if (kind == TCP_OPT_TIMESTAMPS && bytes == 8) {
        packet->timestamps = true;
        packet->tsval = load_be32(value);
        packet->tsecr = load_be32(value + 4);
    } else if (kind == TCP_OPT_SACK && bytes % 8 == 0 && bytes >= 8 && bytes <= 32) {
        packet->sack_blocks = bytes / 8;
        for (uint8_t i = 0; i < packet->sack_blocks; i++) {
            packet->sack[i][0] = load_be32(value + 8 * i);
            packet->sack[i][1] = load_be32(value + 8 * i + 4);
        }
    } else if (kind <= TCP_OPT_TIMESTAMPS) {
        return "TCP option of a wrong length";
    }
    return NULL;
}

static const char *read_options(struct packet *packet)
{
    uint8_t at = 0;
    packet->window_scale = WSCALE_NONE;
    while (at < packet->options_bytes && packet->options[at] != TCP_OPT_EOL) {
        if (packet->options[at] == TCP_OPT_NOP) {
            at++;
            continue;
        }
        if (at + 1 >= packet->options_bytes || packet->options[at + 1] < 2 ||
            at + packet->options[at + 1] > packet->options_bytes)
            return "TCP options do not fit";
        uint8_t length = packet->options[at + 1];
        const char *wrong = read_option(packet, packet->options[at], packet->options + at + 2,
                                        (uint8_t)(length - 2));
        if (wrong != NULL)
            return wrong;
        at = (uint8_t)(at + length);
    }
    return NULL;
}

static const char *check_offload(struct packet *packet, const struct offload *offload, uint32_t l4,
                                 uint32_t l4_bytes)
{
    packet->partial_checksum = (offload->flags & OFFLOAD_NEEDS_CHECKSUM) != 0;
    if (packet->partial_checksum &&
        (offload->checksum_start != l4 || offload->checksum_offset != 16))
        return "offload header: partial checksum at a wrong place";
    if (offload->gso_type == OFFLOAD_GSO_NONE)
        return NULL;
    uint8_t type = addr_is_v4(&packet->src) ? OFFLOAD_GSO_TCPV4 : OFFLOAD_GSO_TCPV6;
    if ((offload->gso_type & 0x7f) != type)
        return "offload header: super-frame of the wrong family";
    if (!packet->partial_checksum)
        return "offload header: super-frame without a partial checksum";
    if (offload->gso_bytes == 0 || offload->gso_bytes >= packet->payload_bytes)
        return "offload header: super-frame of one segment";
    if (offload->header_bytes != l4 + l4_bytes - packet->payload_bytes)
        return "offload header: length of the headers";
    packet->gso_bytes = offload->gso_bytes;
    return NULL;
}

static const char *read_tcp(struct packet *packet, const uint8_t *at, uint32_t l4_bytes)
{
    uint32_t header = (uint32_t)(at[12] >> 4) * 4;
    if (header < 20 || header > l4_bytes)
        return "TCP header length";
    packet->src_port = load_be16(at);
    packet->dst_port = load_be16(at + 2);
    packet->seq = load_be32(at + 4);
    packet->ack = load_be32(at + 8);
    packet->flags = at[13];
    packet->accurate_ecn = (at[12] & 1) != 0;
    packet->window = load_be16(at + 14);
    packet->options_bytes = (uint8_t)(header - 20);
    memcpy(packet->options, at + 20, packet->options_bytes);
    packet->payload = at + header;
    packet->payload_bytes = l4_bytes - header;
    return read_options(packet);
}

static const char *check_tcp_checksum(const struct packet *packet, const uint8_t *at,
                                      uint32_t l4_bytes)
{
    uint32_t pseudo = sum_pseudo(packet, l4_bytes);
    if (packet->partial_checksum)
        return load_be16(at + 16) == (uint16_t)pseudo ? NULL : "TCP checksum (partial)";
    return complement(sum_words(pseudo, at, l4_bytes)) == 0 ? NULL : "TCP checksum";
}

const char *packet_read(struct packet *packet, const uint8_t *buffer, uint32_t bytes)
{
    const uint8_t *frame = buffer + OFFLOAD_BYTES;
    uint32_t l3 = 0, l4_bytes = 0;
    uint16_t type = 0;
    struct offload offload;

    memset(packet, 0, sizeof *packet);
    if (bytes < OFFLOAD_BYTES)
        return "no offload header";
    memcpy(&offload, buffer, sizeof offload);
    bytes -= OFFLOAD_BYTES;
    const char *wrong = read_link(packet, frame, bytes, &l3, &type);
    if (wrong != NULL)
        return wrong;
    if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
        return "not IP";
    wrong = type == ETHERTYPE_IPV4 ? read_ipv4(packet, frame + l3, bytes - l3, &l4_bytes)
                                   : read_ipv6(packet, frame + l3, bytes - l3, &l4_bytes);
    if (wrong != NULL)
        return wrong;
    uint32_t l4 = l3 + (type == ETHERTYPE_IPV4 ? 20 : 40);
    if (bytes > l4 + l4_bytes && bytes > ETH_PADDED_MAX)
        return "trailer behind the IP packet";
    wrong = read_tcp(packet, frame + l4, l4_bytes);
    if (wrong == NULL)
        wrong = check_offload(packet, &offload, l4, l4_bytes);
    return wrong != NULL ? wrong : check_tcp_checksum(packet, frame + l4, l4_bytes);
}
