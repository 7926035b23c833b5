/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * translate.bpf.h - the part of carry.bpf.c that makes of a segment of one half of a splice that of
 * the other, as stages/splice.c does: seq or ack, timestamps, SACK, the flow label. First all is
 * read and gathered in an edit, or found to be the engine's; then it is written.
 */
#ifndef SYNWARD_BRIDGE_BPF_TRANSLATE_BPF_H
#define SYNWARD_BRIDGE_BPF_TRANSLATE_BPF_H

#include "bridge/bpf/carry.h"
#include "bridge/bpf/carry_parts.bpf.h"
#include "bridge/bpf/gate.bpf.h"
#include "engine/tcp/flow_record.h"

#define IPV6_LABEL       bpf_htonl(0xfffff)
#define TCP_SEQ_AT       4
#define TCP_ACK_AT       8
#define TIMESTAMPS_HEAD  bpf_htonl(0x0101080a)
#define TIMESTAMPS_BYTES 12
#define SACK_HEAD        bpf_htonl(0x01010500)
#define SACK_HEAD_MASK   bpf_htonl(0xffffff00)
#define SACK_BLOCKS_MAX  4
#define FOUR_NOPS        bpf_htonl(0x01010101)

/* What is to be written, as it stands in the frame. */
struct edit {
    __be32 number; /* seq to the client, ack to the server */
    __be32 timestamp;
    __be32 sack[2 * SACK_BLOCKS_MAX];
    __u16 timestamp_at, sack_at; /* offsets; 0: there is none */
    __u8 sack_blocks;
    bool sack_goes; /* NOPs stand for it */
    __u64 sum;      /* of all differences, for the checksum */
};

INLINE __u64 difference(__be32 was, __be32 is)
{
    return (__u64)(__u32)~was + is;
}

/* Timestamps at the place where all hosts put them, and SACK behind that; false: something else. */
INLINE bool read_options(struct __sk_buff *skb, const struct segment *segment, struct edit *edit,
                         __be32 timestamps[2])
{
    __u32 at = segment->l4 + TCP_BYTES, left = segment->options_bytes;
    __be32 head = 0;

    if (left == 0)
        return true;
    if (bpf_skb_load_bytes(skb, at, &head, 4) != 0)
        return false;
    if (head == TIMESTAMPS_HEAD) {
        if (left < TIMESTAMPS_BYTES || bpf_skb_load_bytes(skb, at + 4, timestamps, 8) != 0)
            return false;
        edit->timestamp_at = (__u16)(at + 4);
        at += TIMESTAMPS_BYTES;
        left -= TIMESTAMPS_BYTES;
        if (left == 0)
            return true;
        if (bpf_skb_load_bytes(skb, at, &head, 4) != 0)
            return false;
    }
    if ((head & SACK_HEAD_MASK) != SACK_HEAD || left < 12 || (left - 4) % 8 != 0 ||
        (bpf_ntohl(head) & 0xff) + 2 != left)
        return false;
    edit->sack_at = (__u16)(at + 4);
    edit->sack_blocks = (__u8)((left - 4) / 8);
    return true;
}

INLINE void drop_sack(struct edit *edit)
{
    edit->sack_goes = true;
    edit->sum += difference(SACK_HEAD | bpf_htonl(2 + 8 * edit->sack_blocks), FOUR_NOPS);
    for (__u32 i = 0; i < SACK_BLOCKS_MAX; i++) {
        if (i >= edit->sack_blocks)
            break;
        edit->sum += difference(edit->sack[2 * i], FOUR_NOPS);
        edit->sum += difference(edit->sack[2 * i + 1], FOUR_NOPS);
        edit->sack[2 * i] = edit->sack[2 * i + 1] = FOUR_NOPS;
    }
}

/*
 * False where a block lies below the floor: it must go, which is not for here. Alone the whole
 * option goes: what the server sends then is what it would send to a host without SACK.
 */
INLINE bool move_sack(struct __sk_buff *skb, const struct flow_record *record, __u32 floor,
                      struct edit *edit, bool alone)
{
    bool below = false;

    for (__u32 i = 0; i < SACK_BLOCKS_MAX; i++) {
        __be32 block[2] = {0};
        __u32 left, right;

        if (i >= edit->sack_blocks)
            break;
        if (bpf_skb_load_bytes(skb, edit->sack_at + 8 * i, block, 8) != 0)
            return false;
        left = bpf_ntohl(block[0]) - record->delta;
        right = bpf_ntohl(block[1]) - record->delta;
        if ((__s32)(floor - right) >= 0 || (__s32)(left - floor) < 0)
            below = true;
        edit->sack[2 * i] = bpf_htonl(left);
        edit->sack[2 * i + 1] = bpf_htonl(right);
        edit->sum += difference(block[0], edit->sack[2 * i]);
        edit->sum += difference(block[1], edit->sack[2 * i + 1]);
    }
    if (below && alone)
        drop_sack(edit);
    return !below || alone;
}

/* The floor of acks follows the server, as in splice.c; it is read again by the engine. */
INLINE __u32 move_floor(struct flow_record *record, __u32 next, bool *moved)
{
    const __u32 floor = *(volatile __u32 *)&record->ack_floor;

    if (next - floor <= RECORD_FLOOR_FARTHEST || next - floor > 1u << 31)
        return floor;
    *(volatile __u32 *)&record->ack_floor = next - RECORD_FLOOR_DISTANCE;
    *moved = true;
    return next - RECORD_FLOOR_DISTANCE;
}

/* Returns what hinders it, or CARRY_carried. What lies below the floor the client has, and it says
 * so; its TSecrs are for who comes after us. */
INLINE __u32 edit_to_client(struct __sk_buff *skb, const struct gate *gate,
                            const struct segment *segment, struct edit *edit)
{
    struct flow_record *record = gate->record;
    const __u32 next = record_next(gate->way), end = segment->seq + segment->payload_bytes;
    bool moved = false;
    const __u32 floor =
        move_floor(record, is_believed(gate, segment) ? record_later(next, end) : next, &moved);
    __be32 timestamps[2] = {0};

    /* Once in half a GiB, for who comes after us (engine/tables/joined_log.h). */
    if (moved && !gate->alone)
        return CARRY_up_numbers;
    if (!gate->alone && (__s32)(segment->seq - floor) < 0)
        return CARRY_up_numbers;
    if (!read_options(skb, segment, edit, timestamps))
        return CARRY_up_options;
    edit->sack_blocks = 0; /* in the client's numbers, which are the same on both halves */
    edit->number = bpf_htonl(segment->seq + record->delta);
    edit->sum = difference(bpf_htonl(segment->seq), edit->number);
    if (edit->timestamp_at) {
        const __u32 tsval = bpf_ntohl(timestamps[0]);

        if (!gate->alone && tsval - *(volatile __u32 *)&record->tsecr_floor > RECORD_FLOOR_DISTANCE)
            return CARRY_up_numbers;
        edit->timestamp = bpf_htonl(tsval + record->ts_delta);
        edit->sum += difference(timestamps[0], edit->timestamp);
    }
    return CARRY_carried;
}

/* Payload of one segment, and what its options take from the room that the server has. */
INLINE bool fits_server(const struct __sk_buff *skb, const struct flow_record *record,
                        const struct segment *segment)
{
    const __u32 usual = record->flags & RECORD_TIMESTAMPS ? RECORD_TIMESTAMPS_BYTES : 0;
    const __u32 more = segment->options_bytes > usual ? segment->options_bytes - usual : 0;
    const __u32 bytes = skb->gso_size ? skb->gso_size : segment->payload_bytes;

    return !record->server_mss || bytes + more <= record->server_mss;
}

/* Without ACK, as a RST may be, there is no number of the server's in it. */
INLINE __u32 edit_to_server(struct __sk_buff *skb, const struct gate *gate, __u32 ack, __u32 floor,
                            const struct segment *segment, struct edit *edit)
{
    struct flow_record *record = gate->record;
    __be32 timestamps[2] = {0};

    if (!read_options(skb, segment, edit, timestamps))
        return CARRY_up_options;
    /* Better as it is than not at all: the server need not look at the one, and takes the other
     * where the wire does. */
    if (!gate->alone && (record->flags & RECORD_NO_ECN) && segment->ecn)
        return CARRY_up_options;
    if (!gate->alone && !fits_server(skb, record, segment))
        return CARRY_up_size;
    edit->number = bpf_htonl(segment->ack);
    if (!(segment->flags & FLAG_ACK)) {
        edit->timestamp_at = edit->sack_blocks = 0;
        return CARRY_carried;
    }
    edit->number = bpf_htonl(ack);
    edit->sum = difference(bpf_htonl(segment->ack), edit->number);
    if (edit->timestamp_at) {
        const __u32 tsecr = record_later(bpf_ntohl(timestamps[1]) - record->ts_delta,
                                         *(volatile __u32 *)&record->tsecr_floor);

        edit->timestamp_at += 4;
        edit->timestamp = bpf_htonl(tsecr);
        edit->sum += difference(timestamps[1], edit->timestamp);
    }
    return move_sack(skb, record, floor, edit, gate->alone) ? CARRY_carried : CARRY_up_options;
}

/* False: the kernel had no memory for it. */
INLINE bool write_edit(struct __sk_buff *skb, int from, const struct flow_record *record,
                       const struct segment *segment, const struct edit *edit)
{
    const __u32 number_at = segment->l4 + (from == FROM_SERVER ? TCP_SEQ_AT : TCP_ACK_AT);
    __u64 sum = edit->sum;

    if (bpf_skb_store_bytes(skb, number_at, &edit->number, 4, 0) != 0 ||
        (edit->timestamp_at &&
         bpf_skb_store_bytes(skb, edit->timestamp_at, &edit->timestamp, 4, 0) != 0))
        return false;
    if (edit->sack_goes) {
        const __be32 nops = FOUR_NOPS;

        if (bpf_skb_store_bytes(skb, edit->sack_at - 4, &nops, 4, 0) != 0)
            return false;
    }
    for (__u32 i = 0; i < SACK_BLOCKS_MAX; i++)
        if (i < edit->sack_blocks &&
            bpf_skb_store_bytes(skb, edit->sack_at + 8 * i, &edit->sack[2 * i], 8, 0) != 0)
            return false;
    if (from == FROM_SERVER && segment->ipv6) {
        const __be32 first = (segment->ipv6 & ~IPV6_LABEL) | bpf_htonl(record->flow_label);

        if (bpf_skb_store_bytes(skb, ETH_BYTES, &first, 4, 0) != 0)
            return false;
    }
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    return bpf_l4_csum_replace(skb, segment->l4 + TCP_CHECKSUM_AT, 0, sum, 0) == 0;
}

#endif
