/* SPDX-License-Identifier: GPL-2.0-or-later */
/* carry_parts.bpf.h - what the parts of the program have in common: carry.bpf.c, answer.bpf.h. */
#ifndef SYNWARD_BRIDGE_BPF_CARRY_PARTS_BPF_H
#define SYNWARD_BRIDGE_BPF_CARRY_PARTS_BPF_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bridge/bpf/carry.h"
#include "engine/base/addr.h"
#include "engine/tcp/flow_record.h"

#define INLINE static inline __attribute__((always_inline))
/* Not static: so the verifier reads it once, for all arguments, and not on each way to a call. */
#define VERIFIED_ONCE __attribute__((noinline))

#define ETH_BYTES       14
#define ETHERTYPE_IPV4  bpf_htons(0x0800)
#define ETHERTYPE_IPV6  bpf_htons(0x86dd)
#define ETHERTYPE_VLAN  bpf_htons(0x8100)
#define IPV4_PLAIN      0x45
#define IPV4_FRAGMENT   bpf_htons(0x3fff)
#define PROTO_TCP       6
#define TCP_BYTES       20
#define TCP_CHECKSUM_AT 16

#define FROM_CLIENT 0
#define FROM_SERVER 1

#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

struct tcp_header {
    __be16 src_port, dst_port;
    __be32 seq, ack;
    __u8 offset, flags;
    __be16 window, checksum, urgent;
};

/* From the IP header on. */
struct ipv4_begin {
    __u8 version, tos;
    __be16 bytes, id, fragment;
    __u8 ttl, protocol;
    __be16 checksum;
    __be32 src, dst;
    struct tcp_header tcp;
};

struct ipv6_begin {
    __be32 first; /* version, traffic class, flow label */
    __be16 bytes;
    __u8 next, hop_limit;
    __be32 src[4], dst[4];
    struct tcp_header tcp;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, CARRY_COUNTS_COUNT);
    __type(key, __u32);
    __type(value, __u64);
} carry_counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __type(key, struct carry_key4);
    __type(value, struct carry_value);
} carry_flows4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __type(key, struct carry_key6);
    __type(value, struct carry_value);
} carry_flows6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct flow_record);
} carry_records SEC(".maps");

/*
 * The one tag that a frame may bear, which the kernel keeps beside it, as in struct vlan_ids; it
 * stays as it is. False: priority alone, another kind of tag, or more of them, which are the
 * engine's to read.
 */
INLINE bool read_vlan(const struct __sk_buff *skb, __u16 *vlan)
{
    const __u32 id = skb->vlan_tci & VLAN_ID_MASK;

    *vlan = 0;
    if (!skb->vlan_present)
        return true;
    *vlan = (__u16)(VLAN_PRESENT | id);
    return skb->vlan_proto == ETHERTYPE_VLAN && id;
}

INLINE void count(__u32 what)
{
    __u64 *counter = bpf_map_lookup_elem(&carry_counts, &what);

    if (counter)
        (*counter)++;
}

#endif
