/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * complete.bpf.h - the part of carry.bpf.c that answers a server's SYN-ACK with the request that
 * the engine holds (engine/tcp/prepared.h).
 *
 *      SYN-ACK -> record that awaits it -> as it was promised -> checksum -> the engine is told
 *              -> frame copied -> the record's words -> its gate --> back to the server
 *
 * Whatever is out of the ordinary goes up as it came. Once the engine is told, the SYN-ACK is its
 * affair: where it was faster, or the kernel has no memory, nothing is said here.
 *
 * The checksum is made of the SYN-ACK's by the difference.
 */
#ifndef SYNWARD_BRIDGE_BPF_COMPLETE_BPF_H
#define SYNWARD_BRIDGE_BPF_COMPLETE_BPF_H

#include "bridge/bpf/answer.bpf.h"
#include "bridge/bpf/tell.bpf.h"
#include "engine/tcp/flow_record.h"
#include "engine/tcp/prepared.h"

#define TSECR_AT (TCP_BYTES + 8) /* in aligned timestamps, of the TCP header */

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, PREPARED_PLACES);
    __type(key, __u32);
    __type(value, struct prepared);
} carry_prepared SEC(".maps");

/* Its server has not answered yet, as far as is known here. */
INLINE bool is_awaited(const struct flow_record *record)
{
    const __u64 way = *(const volatile __u64 *)&record->way[FROM_SERVER];

    return (record->flags & RECORD_PREPARED) && way == record_awaited(record_serial(way));
}

/* What is to be written, once the SYN-ACK has been found to be the one. All of it is read before
 * the gate is opened: from then on the place of what was prepared may be another's. */
struct completion {
    __u64 token, offsets, floors;
    __u64 difference; /* of the checksum */
    __be32 ack, tsecr;
    __u32 bytes, l4;  /* of the frame */
    __u32 timestamps; /* it has some */
};

INLINE bool complete_options(const struct prepared *prepared, const struct answer_walk *walk)
{
    __u64 other = 0;

    for (__u32 i = 0; i < PREPARED_OPTIONS / 8; i++) {
        __u64 is;

        __builtin_memcpy(&is, &walk->at[8 * i], 8);
        other |= (is & prepared->mask[i]) ^ prepared->options[i];
    }
    return !other && walk->bytes == prepared->options_bytes;
}

/* False: it is another, odd, or its checksum is wrong. */
INLINE bool complete_look(struct __sk_buff *skb, const struct prepared *prepared,
                          const struct answer *answer, struct tcp_header *tcp,
                          struct completion *completion)
{
    volatile __u32 timestamps_at = prepared->timestamps_at;
    struct answer_walk walk = {0};
    const __u32 y = bpf_ntohl(tcp->seq);
    __be32 tsval = 0;
    __u64 sum;

    if (tcp->flags != prepared->flags || (tcp->offset & 0xf) ||
        tcp->ack != bpf_htonl(prepared->ack) || answer->l4 != prepared->l4 || y == ~0u ||
        !answer_read_whole(skb, answer, tcp, &walk, &sum) || !complete_options(prepared, &walk))
        return false;
    if (timestamps_at &&
        bpf_skb_load_bytes(skb, answer->l4 + TCP_BYTES + (timestamps_at & 63), &tsval, 4) != 0)
        return false;
    completion->ack = bpf_htonl(y + 1);
    completion->tsecr = tsval;
    completion->offsets = (__u32)(prepared->c - y) |
                          (__u64)(timestamps_at ? prepared->tsval - bpf_ntohl(tsval) : 0) << 32;
    completion->floors = (__u32)(y + 1) | (__u64)bpf_ntohl(tsval) << 32;
    completion->bytes = *(const volatile __u32 *)&prepared->bytes;
    completion->l4 = answer->l4;
    completion->timestamps = timestamps_at;
    /* What the frame's own checksum leaves of it is the sum of the rest. */
    completion->difference =
        (__u16)~answer_fold(answer->pseudo + bpf_htonl(PROTO_TCP + completion->bytes - answer->l4) +
                            prepared->checksum) +
        (__u64)completion->ack + completion->tsecr + (__u32)~sum;
    return true;
}

/* The engine has not taken it back. */
INLINE bool complete_commit(struct flow_record *record, __u32 serial,
                            const struct completion *completion)
{
    const __u64 awaited = record_awaited(serial), token = completion->token;

    return __sync_val_compare_and_swap(&record->floors, token, completion->floors) == token &&
           __sync_val_compare_and_swap(&record->offsets, token, completion->offsets) == token &&
           __sync_val_compare_and_swap(
               &record->way[FROM_SERVER], awaited,
               record_way(serial, RECORD_CARRY, bpf_ntohl(completion->ack))) == awaited;
}

/* The frame, but for its numbers; the checksum is the SYN-ACK's. */
INLINE bool complete_copy(struct __sk_buff *skb, const struct prepared *prepared,
                          const struct completion *completion, __u16 checksum)
{
    volatile __u32 wanted = completion->bytes;
    const __u32 bytes = ((wanted - 1) & (PREPARED_FRAME_BYTES - 1)) + 1;

    return bpf_skb_change_tail(skb, bytes, 0) == 0 &&
           bpf_skb_store_bytes(skb, 0, prepared->frame, bytes, 0) == 0 &&
           bpf_skb_store_bytes(skb, completion->l4 + TCP_CHECKSUM_AT, &checksum, 2, 0) == 0;
}

/* Full or partial, the checksum that stands there is made right for what has changed. */
INLINE bool complete_checksum(struct __sk_buff *skb, const struct answer *answer, __u32 bytes,
                              __u64 difference)
{
    const __u32 at = answer->l4 + TCP_CHECKSUM_AT;

    return bpf_l4_csum_replace(skb, at, 0, difference, 0) == 0 &&
           bpf_l4_csum_replace(skb, at, bpf_htons((__u16)answer->l4_bytes), bpf_htons((__u16)bytes),
                               BPF_F_PSEUDO_HDR | 2) == 0;
}

INLINE bool complete_numbers(struct __sk_buff *skb, const struct answer *answer,
                             const struct completion *completion)
{
    __u64 difference = completion->difference;

    difference = (difference & 0xffffffff) + (difference >> 32);
    difference = (difference & 0xffffffff) + (difference >> 32);
    if (bpf_skb_store_bytes(skb, completion->l4 + 8, &completion->ack, 4, 0) != 0 ||
        (completion->timestamps &&
         bpf_skb_store_bytes(skb, completion->l4 + TSECR_AT, &completion->tsecr, 4, 0) != 0))
        return false;
    return complete_checksum(skb, answer, completion->bytes - completion->l4, difference);
}

INLINE struct carry_value *complete_find(const struct answer *answer, const struct tcp_header *tcp)
{
    struct carry_key4 key4 = {.client_port = tcp->dst_port, .server_port = tcp->src_port};
    struct carry_key6 key6 = {.client_port = tcp->dst_port, .server_port = tcp->src_port};

    /* Who has sent it is the client of answer_read(). */
    if (answer->v4) {
        key4.client = (__u32)(answer->server[1] >> 32);
        key4.server = (__u32)(answer->client[1] >> 32);
        return bpf_map_lookup_elem(&carry_flows4, &key4);
    }
    __builtin_memcpy(key6.client, answer->server, sizeof(key6.client));
    __builtin_memcpy(key6.server, answer->client, sizeof(key6.server));
    return bpf_map_lookup_elem(&carry_flows6, &key6);
}

/* Of a server's record that awaits it: what becomes of a SYN-ACK. `to`: the interface that it came
 * from. */
static __attribute__((noinline)) int complete(struct __sk_buff *skb, __u32 to)
{
    struct completion completion = {0};
    struct answer answer = {0};
    const struct carry_value *value;
    const struct prepared *prepared;
    struct flow_record *record;
    struct tcp_header tcp;
    __u32 index, serial, place;

    if (skb->vlan_present || !answer_read(skb, &answer, &tcp))
        return TC_ACT_UNSPEC;
    value = complete_find(&answer, &tcp);
    if (!value)
        return TC_ACT_UNSPEC;
    index = value->index;
    serial = value->serial;
    record = bpf_map_lookup_elem(&carry_records, &index);
    completion.token = record ? *(volatile __u64 *)&record->offsets : 0;
    place = (__u32)completion.token;
    if (!record || completion.token >> 32 != serial)
        return TC_ACT_UNSPEC;
    prepared = bpf_map_lookup_elem(&carry_prepared, &place);
    if (!prepared || prepared->serial != serial)
        return TC_ACT_UNSPEC;
    answer.checksum = tcp.checksum;
    if (!complete_look(skb, prepared, &answer, &tcp, &completion) ||
        !tell_may(skb, answer.l4 + answer.l4_bytes))
        return TC_ACT_UNSPEC;
    tell_as_it_came(skb, FROM_SERVER, true);
    if (!complete_copy(skb, prepared, &completion, answer.checksum) ||
        !complete_commit(record, serial, &completion))
        return TC_ACT_SHOT;
    if (!complete_numbers(skb, &answer, &completion)) {
        count(CARRY_lost);
        return TC_ACT_SHOT;
    }
    count(CARRY_completed);
    return (int)bpf_redirect(to, 0);
}

#endif
