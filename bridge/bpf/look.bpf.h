/* SPDX-License-Identifier: GPL-2.0-or-later */
/* look.bpf.h - for carry.bpf.c alone: which part of the program is asked first about a frame. */
#ifndef SYNWARD_BRIDGE_BPF_LOOK_BPF_H
#define SYNWARD_BRIDGE_BPF_LOOK_BPF_H

#include "bridge/bpf/answer_read.bpf.h"
#include "bridge/bpf/carry_parts.bpf.h"

/* Of a client's frame, as far as it can be seen at once: what it would be first. */
enum look { LOOK_SYN, LOOK_ACK /* and nothing else */, LOOK_OTHER, LOOK_UNSEEN /* too short */ };

INLINE enum look look_at(const struct tcp_header *tcp, __u32 l4_bytes)
{
    if ((tcp->flags & TCP_SYN_PLAIN) == FLAG_SYN)
        return LOOK_SYN;
    return (tcp->flags & TCP_SYN_PLAIN) == FLAG_ACK && l4_bytes == (__u32)(tcp->offset >> 4) * 4
               ? LOOK_ACK
               : LOOK_OTHER;
}

INLINE enum look look_in_place(const struct __sk_buff *skb)
{
    const __u8 *begin = (const __u8 *)(long)skb->data + ETH_BYTES;
    const __u8 *end = (const __u8 *)(long)skb->data_end;
    const struct ipv4_begin *v4 = (const struct ipv4_begin *)begin;
    const struct ipv6_begin *v6 = (const struct ipv6_begin *)begin;

    if (skb->protocol == ETHERTYPE_IPV4)
        return (const __u8 *)(v4 + 1) > end ? LOOK_UNSEEN
                                            : look_at(&v4->tcp, bpf_ntohs(v4->bytes) - 20u);
    if (skb->protocol == ETHERTYPE_IPV6)
        return (const __u8 *)(v6 + 1) > end ? LOOK_UNSEEN : look_at(&v6->tcp, bpf_ntohs(v6->bytes));
    return LOOK_OTHER;
}

/* The headers of nearly every frame lie in one piece. Where they do not that is made so: who
 * answers or drops reads them in place, too. */
INLINE enum look look(struct __sk_buff *skb)
{
    const __u32 bytes = ETH_BYTES + (skb->protocol == ETHERTYPE_IPV6 ? sizeof(struct ipv6_begin)
                                                                     : sizeof(struct ipv4_begin));
    const enum look seen = look_in_place(skb);

    if (seen != LOOK_UNSEEN || skb->len < bytes || bpf_skb_pull_data(skb, bytes) != 0)
        return seen;
    return look_in_place(skb);
}

#endif
