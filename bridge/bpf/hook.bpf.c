/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook.bpf.c - runs in the kernel, for every frame that comes in at the card of a server: is it the
 * first segment of a client that has proved itself, and whose SYN this server has never seen?
 *
 *      segment --> no grant for it (engine/tcp/grant.h) --------------------> the server, as it is
 *             \--> a listener: the kernel makes a socket of our cookie -----> that socket
 *             \--> the socket that was made of it, or an old one, is there -> that socket
 *             \--> neither, or the kernel will not -------------------------> dropped: the engine
 *                                                                reads why, and asks by a SYN
 *
 * The kernel needs bpf_sk_assign_tcp_reqsk(), of Linux 6.9. What it is given stands for the SYN:
 * MSS, scales, SACK, timestamps, ECN, as our SYN-ACK has promised them.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bridge/bpf/hook.h"
#include "engine/tcp/grant.h"

#define INLINE static inline __attribute__((always_inline))

#define ETH_BYTES      14
#define ETHERTYPE_IPV4 bpf_htons(0x0800)
#define ETHERTYPE_IPV6 bpf_htons(0x86dd)
#define PROTO_TCP      6
#define IPV4_BYTES     20
#define IPV6_BYTES     40
#define IPV4_MAPPED    bpf_htonl(0xffff)
#define FLAG_SYN       0x02
#define FLAG_RST       0x04
#define FLAG_ACK       0x10
#define STATE_LISTEN   10 /* of a socket */
#define EINVAL         22

/* Of the kernel's own, what is read. */
struct sock {
    __u32 sk_ack_backlog, sk_max_ack_backlog;
} __attribute__((preserve_access_index));

struct inet_sock {
    struct sock sk;
} __attribute__((preserve_access_index));

struct inet_connection_sock {
    struct inet_sock icsk_inet;
} __attribute__((preserve_access_index));

struct tcp_sock {
    struct inet_connection_sock inet_conn;
    bool is_mptcp;
} __attribute__((preserve_access_index));

/* As Linux has it. */
struct bpf_tcp_req_attrs {
    __u32 rcv_tsval, rcv_tsecr;
    __u16 mss;
    __u8 rcv_wscale, snd_wscale;
    __u8 ecn_ok, wscale_ok, sack_ok, tstamp_ok, usec_ts_ok;
    __u8 reserved[3];
};

int bpf_sk_assign_tcp_reqsk(struct __sk_buff *skb, struct sock *sk, struct bpf_tcp_req_attrs *attrs,
                            int attrs__sz) __ksym;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, GRANTS);
    __type(key, __u32);
    __type(value, struct grant);
} hook_grants SEC(".maps");

/* Addresses in wire order, IPv4 as struct ip_addr has it. */
struct segment {
    __u32 client[4], server[4];
    __be16 client_port, server_port;
    __u32 seq, ack;
    bool ipv4;
};

struct tcp_head {
    __be16 source, dest;
    __be32 seq, ack;
    __u8 offset, flags;
};

/* --- reading --------------------------------------------------------------------------------- */

INLINE bool read_ipv4(struct __sk_buff *skb, struct segment *segment, __u32 *l4)
{
    __u8 head[IPV4_BYTES];

    if (bpf_skb_load_bytes(skb, ETH_BYTES, head, sizeof(head)) != 0 || head[9] != PROTO_TCP ||
        (head[6] & 0x3f) != 0 || head[7] != 0)
        return false;
    segment->ipv4 = true;
    segment->client[0] = segment->client[1] = segment->server[0] = segment->server[1] = 0;
    segment->client[2] = segment->server[2] = IPV4_MAPPED;
    __builtin_memcpy(&segment->client[3], head + 12, 4);
    __builtin_memcpy(&segment->server[3], head + 16, 4);
    *l4 = ETH_BYTES + (head[0] & 0xf) * 4;
    return true;
}

/* The engine writes no extension headers. */
INLINE bool read_ipv6(struct __sk_buff *skb, struct segment *segment, __u32 *l4)
{
    __u8 head[IPV6_BYTES];

    if (bpf_skb_load_bytes(skb, ETH_BYTES, head, sizeof(head)) != 0 || head[6] != PROTO_TCP)
        return false;
    segment->ipv4 = false;
    __builtin_memcpy(segment->client, head + 8, 16);
    __builtin_memcpy(segment->server, head + 24, 16);
    *l4 = ETH_BYTES + IPV6_BYTES;
    return true;
}

/* False: there can be no grant for it. */
INLINE bool read_segment(struct __sk_buff *skb, struct segment *segment)
{
    struct tcp_head tcp;
    __u32 l4;

    if (skb->vlan_present)
        return false;
    if (skb->protocol == ETHERTYPE_IPV4) {
        if (!read_ipv4(skb, segment, &l4))
            return false;
    } else if (skb->protocol != ETHERTYPE_IPV6 || !read_ipv6(skb, segment, &l4)) {
        return false;
    }
    if (bpf_skb_load_bytes(skb, l4, &tcp, sizeof(tcp)) != 0 ||
        (tcp.flags & (FLAG_SYN | FLAG_RST | FLAG_ACK)) != FLAG_ACK)
        return false;
    segment->client_port = tcp.source;
    segment->server_port = tcp.dest;
    segment->seq = bpf_ntohl(tcp.seq);
    segment->ack = bpf_ntohl(tcp.ack);
    return true;
}

/* --- grants ---------------------------------------------------------------------------------- */

INLINE bool same_address(const __u8 granted[16], const __u32 address[4])
{
    const __u32 *words = (const void *)granted;

    return words[0] == address[0] && words[1] == address[1] && words[2] == address[2] &&
           words[3] == address[3];
}

INLINE bool is_for(const struct grant *grant, const struct segment *segment)
{
    return *(const volatile __u32 *)&grant->state == GRANT_MADE && grant->seq == segment->seq &&
           grant->ack == segment->ack && same_address(grant->client, segment->client) &&
           same_address(grant->server, segment->server) &&
           grant->client_port == bpf_ntohs(segment->client_port) &&
           grant->server_port == bpf_ntohs(segment->server_port) &&
           bpf_ktime_get_ns() / 1000 < grant->until_us;
}

INLINE struct grant *grant_for(const struct segment *segment)
{
    __u32 place = grant_place(segment->seq, segment->ack);
    struct grant *grant = bpf_map_lookup_elem(&hook_grants, &place);

    if (grant && is_for(grant, segment))
        return grant;
    place ^= 1;
    grant = bpf_map_lookup_elem(&hook_grants, &place);
    return grant && is_for(grant, segment) ? grant : NULL;
}

/* --- the server's TCP ------------------------------------------------------------------------ */

INLINE struct bpf_sock *look_up(struct __sk_buff *skb, const struct segment *segment)
{
    struct bpf_sock_tuple tuple = {};

    if (segment->ipv4) {
        tuple.ipv4.saddr = segment->client[3];
        tuple.ipv4.daddr = segment->server[3];
        tuple.ipv4.sport = segment->client_port;
        tuple.ipv4.dport = segment->server_port;
        return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
    }
    __builtin_memcpy(tuple.ipv6.saddr, segment->client, 16);
    __builtin_memcpy(tuple.ipv6.daddr, segment->server, 16);
    tuple.ipv6.sport = segment->client_port;
    tuple.ipv6.dport = segment->server_port;
    return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

INLINE __u32 assign(struct __sk_buff *skb, struct tcp_sock *listener, const struct grant *grant)
{
    struct bpf_tcp_req_attrs attributes = {
        .rcv_tsval = grant->client_tsval,
        .rcv_tsecr = grant->tsval,
        .mss = grant->mss,
        .rcv_wscale = grant->scales >> 4,
        .snd_wscale = grant->scales & 0xf,
        .ecn_ok = (grant->flags & GRANT_ECN) != 0,
        .wscale_ok = (grant->flags & GRANT_WSCALE) != 0,
        .sack_ok = (grant->flags & GRANT_SACK) != 0,
        .tstamp_ok = (grant->flags & GRANT_TIMESTAMPS) != 0,
    };
    int code;

    if (bpf_core_field_exists(listener->is_mptcp) && listener->is_mptcp)
        return GRANT_mptcp;
    if (listener->inet_conn.icsk_inet.sk.sk_ack_backlog >
        listener->inet_conn.icsk_inet.sk.sk_max_ack_backlog)
        return GRANT_queue_full;
    code = bpf_sk_assign_tcp_reqsk(skb, (struct sock *)listener, &attributes, sizeof(attributes));
    return code == 0 ? GRANT_childless : code == -EINVAL ? GRANT_settings : GRANT_memory;
}

/* What became of it, as it is until the server answers. */
INLINE __u32 hand_over(struct __sk_buff *skb, const struct segment *segment,
                       const struct grant *grant)
{
    struct bpf_sock *found = look_up(skb, segment);
    struct tcp_sock *listener;
    __u32 outcome;

    if (!found)
        return GRANT_unlistened;
    if (found->state == STATE_LISTEN) {
        listener = (void *)bpf_skc_to_tcp_sock(found);
        outcome = listener ? assign(skb, listener, grant) : GRANT_unlistened;
    } else {
        outcome = grant->outcome == GRANT_childless || grant->outcome == GRANT_known ? GRANT_known
                                                                                     : GRANT_old;
    }
    bpf_sk_release(found);
    return outcome;
}

SEC("tc")
int hook_grant(struct __sk_buff *skb)
{
    struct segment segment;
    struct grant *grant;
    __u32 outcome;

    if (!read_segment(skb, &segment))
        return TC_ACT_UNSPEC;
    grant = grant_for(&segment);
    if (!grant)
        return TC_ACT_UNSPEC;
    outcome = hand_over(skb, &segment, grant);
    *(volatile __u32 *)&grant->outcome = outcome;
    return outcome == GRANT_childless || outcome == GRANT_known || outcome == GRANT_old
               ? TC_ACT_UNSPEC
               : TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
