/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steer.bpf.c - runs in the kernel, for every frame on its way into a TAP of ours: into which of
 * its queues?
 *
 *      queue = STEER_QUEUES * worker + (SYN without ACK ? STEER_SYNS : STEER_FLOWS)
 *
 *      TCP                          worker by addresses and ports, the same both ways
 *      ICMP error that quotes TCP   worker by the addresses and ports of what it quotes
 *      fragments, all else of IP    worker by addresses, so that what two hosts say to each other
 *                                   stays in order
 *      not IP                       the first worker
 *
 * The walk to the TCP header is that of engine/tcp/frame.c: what is TCP there must be told apart by
 * ports here, or the two directions of a connection would meet different workers. Frames with more
 * tags or extension headers than are walked here do: any worker answers their SYNs, as cookies are
 * the same for all, but no connection comes of it unless the client's later frames are shorter.
 * VLAN tags are passed over: a tag may stand in the frame or, taken out by the kernel, beside it.
 *
 * The kernel takes the result modulo the number of queues: with two queues any number of workers is
 * one with a SYN queue, with one queue all is as if there were no program.
 *
 * Order. A SYN may be overtaken by what its sender sends after it. That it sends nothing after it
 * but the same again, before an answer has come, is the rule (RFC 9293 3.5); a reset that follows
 * at once (a port scanner's) is then met by no connection, and the server gives its half of one up
 * in time, as it would had the network exchanged the two. What was sent before the SYN, by an older
 * connection of the same ports, overtakes it only further.
 *
 * Compiled for BPF; tests/bridge/bpf/test_steering.c includes it too, with STEER_NATIVE, and
 * helpers of its own.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include "bridge/bpf/steer.h"

#ifndef STEER_NATIVE
#include <bpf/bpf_helpers.h>
const volatile struct steer_config steer_config;
#endif

#define ETHERTYPE_AT    12
#define ETHERTYPE_IPV4  0x0800
#define ETHERTYPE_IPV6  0x86dd
#define ETHERTYPE_VLAN  0x8100
#define ETHERTYPE_QINQ  0x88a8
#define ETHERTYPE_QINQ1 0x9100
#define VLAN_TAG_BYTES  4
/* The engine walks on; frames with more are nobody's but an attacker's (see above). */
#define VLAN_TAGS_WALKED 8
#define EXTENSIONS_MAX   8

/*
 * A verifier before Linux 6.8 takes a loop only where it is a jump that leads back; clang 14 lays
 * some out so that their last instruction is followed by the first one. Without a loop there is
 * none to be laid out.
 */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED
#endif

#define IPV4_MORE         0x2000
#define IPV4_OFFSET       0x1fff
#define IPV6_FRAGMENT     0xfff9
#define IPV6_FRAGMENT_AT  0xfff8
#define ICMP_HEADER_BYTES 8

#define PROTO_HOP_BY_HOP  0
#define PROTO_ICMP        1
#define PROTO_TCP         6
#define PROTO_ROUTING     43
#define PROTO_FRAGMENT    44
#define PROTO_AH          51
#define PROTO_ICMPV6      58
#define PROTO_DESTINATION 60

#define FLAG_SYN 0x02
#define FLAG_ACK 0x10

struct ipv4_header {
    __u8 version, tos;
    __u8 bytes[2], id[2], fragment[2];
    __u8 ttl, protocol, checksum[2];
    __u32 src, dst;
};

struct ipv6_header {
    __u8 version, rest[3];
    __u8 bytes[2], next, hop_limit;
    __u32 src[4], dst[4];
};

struct tcp_begin {
    __u8 src_port[2], dst_port[2];
    __u8 seq[4], ack[4];
    __u8 offset, flags;
};

/* What nearly all frames begin with, untagged IPv4 without options, from PLAIN_AT on: read at once,
 * as each read is a call. */
#define PLAIN_AT        10
#define IPV4_NO_OPTIONS 0x45
struct plain_begin {
    __u8 source_end[2], type[2];
    struct ipv4_header ip;
    struct tcp_begin tcp;
};

/* A packet, as far as it decides. */
struct packet {
    __u64 hash;      /* of its addresses */
    __u32 transport; /* where its header stands */
    __u8 protocol;
    bool fragment; /* also a first one */
    bool headless; /* what stands there is no header: a later one, or a chain that was not walked to
                      its end */
};

static inline __attribute__((always_inline)) __u32 be16(const __u8 at[2])
{
    return (__u32)at[0] << 8 | at[1];
}

static inline __attribute__((always_inline)) bool load(struct __sk_buff *skb, __u32 at, void *to,
                                                       __u32 bytes)
{
    return bpf_skb_load_bytes(skb, at, to, bytes) == 0;
}

static inline __attribute__((always_inline)) bool parse_v4(struct __sk_buff *skb, __u32 at,
                                                           struct packet *packet)
{
    struct ipv4_header ip;

    if (!load(skb, at, &ip, sizeof(ip)) || ip.version >> 4 != 4)
        return false;
    packet->hash = steer_mix(steer_config.seed, ip.src ^ ip.dst);
    packet->transport = at + (ip.version & 15) * 4;
    packet->protocol = ip.protocol;
    packet->fragment = (be16(ip.fragment) & (IPV4_MORE | IPV4_OFFSET)) != 0;
    packet->headless = (be16(ip.fragment) & IPV4_OFFSET) != 0;
    return true;
}

static inline __attribute__((always_inline)) bool is_extension(__u8 protocol)
{
    return protocol == PROTO_HOP_BY_HOP || protocol == PROTO_ROUTING ||
           protocol == PROTO_FRAGMENT || protocol == PROTO_AH || protocol == PROTO_DESTINATION;
}

/* RFC 8200 4, RFC 4302 2.2 */
static inline __attribute__((always_inline)) void walk_chain(struct __sk_buff *skb,
                                                             struct packet *packet)
{
    UNROLLED
    for (int i = 0; i <= EXTENSIONS_MAX; i++) {
        __u8 header[4];

        if (!is_extension(packet->protocol) || packet->headless)
            return;
        if (i == EXTENSIONS_MAX || !load(skb, packet->transport, header, sizeof(header)))
            break;
        if (packet->protocol == PROTO_FRAGMENT) {
            packet->fragment |= (be16(header + 2) & IPV6_FRAGMENT) != 0; /* or an atomic one */
            packet->headless = (be16(header + 2) & IPV6_FRAGMENT_AT) != 0;
            packet->transport += 8;
        } else if (packet->protocol == PROTO_AH) {
            packet->transport += ((__u32)header[1] + 2) * 4;
        } else {
            packet->transport += ((__u32)header[1] + 1) * 8;
        }
        packet->protocol = header[0];
    }
    packet->headless = true;
}

static inline __attribute__((always_inline)) bool parse_v6(struct __sk_buff *skb, __u32 at,
                                                           struct packet *packet)
{
    struct ipv6_header ip;

    if (!load(skb, at, &ip, sizeof(ip)) || ip.version >> 4 != 6)
        return false;
    packet->hash = steer_config.seed;
    for (int i = 0; i < 4; i++)
        packet->hash = steer_mix(packet->hash, ip.src[i] ^ ip.dst[i]);
    packet->transport = at + sizeof(ip);
    packet->protocol = ip.next;
    packet->fragment = packet->headless = false;
    walk_chain(skb, packet);
    return true;
}

static inline __attribute__((always_inline)) bool parse(struct __sk_buff *skb, __u32 at, bool v6,
                                                        struct packet *packet)
{
    return v6 ? parse_v6(skb, at, packet) : parse_v4(skb, at, packet);
}

static inline __attribute__((always_inline)) __u32 queue_of(__u64 hash, __u32 queue)
{
    return steer_worker(hash, steer_config.workers) * STEER_QUEUES + queue;
}

static inline __attribute__((always_inline)) __u64 mix_ports(__u64 hash,
                                                             const struct tcp_begin *tcp)
{
    return steer_mix(hash, be16(tcp->src_port) ^ be16(tcp->dst_port));
}

static inline __attribute__((always_inline)) __u32
queue_of_segment(const struct __sk_buff *skb, __u64 hash, const struct tcp_begin *tcp)
{
    bool syn = (tcp->flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN && skb->len <= STEER_SYN_BYTES_MAX;

    return queue_of(mix_ports(hash, tcp), syn ? STEER_SYNS : STEER_FLOWS);
}

static inline __attribute__((always_inline)) __u32 queue_of_tcp(struct __sk_buff *skb,
                                                                const struct packet *packet)
{
    struct tcp_begin tcp;

    if (!load(skb, packet->transport, &tcp, sizeof(tcp)))
        return queue_of(packet->hash, STEER_FLOWS);
    return queue_of_segment(skb, packet->hash, &tcp);
}

/* RFC 792, RFC 4443 2.1: the types whose payload is the packet that they are about. */
static inline __attribute__((always_inline)) bool quotes_packet(bool v6, __u8 type)
{
    if (v6)
        return type >= 1 && type <= 4;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* To the worker that has the connection; of what it quotes, ports and sequence number are certain.
 */
static inline __attribute__((always_inline)) __u32 queue_of_icmp(struct __sk_buff *skb, bool v6,
                                                                 const struct packet *packet)
{
    struct packet quoted;
    struct tcp_begin tcp;
    __u8 type;

    if (!load(skb, packet->transport, &type, sizeof(type)) || !quotes_packet(v6, type) ||
        !parse(skb, packet->transport + ICMP_HEADER_BYTES, v6, &quoted) || quoted.headless ||
        quoted.protocol != PROTO_TCP || !load(skb, quoted.transport, &tcp, 8))
        return queue_of(packet->hash, STEER_FLOWS);
    return queue_of(mix_ports(quoted.hash, &tcp), STEER_FLOWS);
}

static inline __attribute__((always_inline)) bool is_vlan_tag(__u32 ethertype)
{
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ ||
           ethertype == ETHERTYPE_QINQ1;
}

/* True, and the queue, for a whole TCP segment as plain_begin has it: what the walk would find. */
static inline __attribute__((always_inline)) bool steer_plain(struct __sk_buff *skb, int *queue)
{
    struct plain_begin plain;

    if (!load(skb, PLAIN_AT, &plain, sizeof(plain)) || be16(plain.type) != ETHERTYPE_IPV4 ||
        plain.ip.version != IPV4_NO_OPTIONS || plain.ip.protocol != PROTO_TCP ||
        (be16(plain.ip.fragment) & (IPV4_MORE | IPV4_OFFSET)) != 0)
        return false;
    *queue = (int)queue_of_segment(skb, steer_mix(steer_config.seed, plain.ip.src ^ plain.ip.dst),
                                   &plain.tcp);
    return true;
}

static inline __attribute__((always_inline)) int steer_by_walk(struct __sk_buff *skb)
{
    __u32 at = ETHERTYPE_AT, ethertype = 0;
    struct packet packet;
    __u8 type[2];
    bool v6;

    UNROLLED
    for (int i = 0; i <= VLAN_TAGS_WALKED; i++) {
        if (!load(skb, at, type, sizeof(type)))
            return STEER_FLOWS;
        ethertype = be16(type);
        if (!is_vlan_tag(ethertype))
            break;
        at += VLAN_TAG_BYTES;
    }
    v6 = ethertype == ETHERTYPE_IPV6;
    if ((!v6 && ethertype != ETHERTYPE_IPV4) || !parse(skb, at + 2, v6, &packet))
        return STEER_FLOWS;
    if (packet.fragment || packet.headless)
        return (int)queue_of(packet.hash, STEER_FLOWS);
    if (packet.protocol == PROTO_TCP)
        return (int)queue_of_tcp(skb, &packet);
    if (packet.protocol == (v6 ? PROTO_ICMPV6 : PROTO_ICMP))
        return (int)queue_of_icmp(skb, v6, &packet);
    return (int)queue_of(packet.hash, STEER_FLOWS);
}

#ifndef STEER_NATIVE
__attribute__((section("socket"), used)) /* libbpf knows by it of what kind the program is */
#endif
int steer(struct __sk_buff *skb)
{
    int queue;

    return steer_plain(skb, &queue) ? queue : steer_by_walk(skb);
}

#ifndef STEER_NATIVE
__attribute__((section("license"), used)) char steer_license[] = "GPL";
#endif
