/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate.bpf.h - the part of carry.bpf.c that has a segment, the gate of a record that it came to
 * (engine/tcp/flow_record.h), and how far its numbers are believed.
 */
#ifndef SYNWARD_BRIDGE_BPF_GATE_BPF_H
#define SYNWARD_BRIDGE_BPF_GATE_BPF_H

#include "bridge/bpf/carry_parts.bpf.h"
#include "engine/tcp/flow_record.h"

struct segment {
    __u32 l4; /* offset of the TCP header */
    __u32 payload_bytes, options_bytes;
    __u32 seq, ack;
    __be32 ipv6; /* its first word; 0: IPv4 */
    __u8 flags, ecn;
    __u16 window; /* as it stands in the header, unscaled */
};

/* The gate that a segment came to. */
struct gate {
    struct flow_record *record;
    __u64 way; /* what it was when we came */
    int from;
    /* Why `next` and order count for nothing. */
    bool alone; /* no worker is alive */
    bool quiet; /* nothing is on its way through one */
};

/* Masked, as the verifier forgets what it knows of a word that was put by. */
INLINE __u64 read_way(const struct flow_record *record, int from)
{
    return *(const volatile __u64 *)&record->way[from & 1];
}

INLINE bool is_near(const struct gate *gate, const struct segment *segment)
{
    return segment->seq - (record_next(gate->way) - RECORD_NEAR_BYTES) <= 2 * RECORD_NEAR_BYTES;
}

/* At the newest number, or behind it: what a fast stream says again is megabytes behind, and moves
 * nothing. A FIN as track_follows(). */
INLINE bool follows(const struct gate *gate, const struct segment *segment)
{
    const __u32 most = segment->flags & FLAG_FIN ? RECORD_NEAR_BYTES : RECORD_PROGRESS_BYTES;

    return record_next(gate->way) - segment->seq <= most;
}

/* By its ack, as it came: no guess, or one in 32 (as is_walked() of track.c). */
INLINE bool knows_other_side(const struct gate *gate, const struct segment *segment)
{
    __u32 theirs = record_next(read_way(gate->record, !gate->from));

    if ((gate->record->flags & RECORD_EDIT) && gate->from == FROM_CLIENT)
        theirs += gate->record->delta;
    return segment->ack - (theirs - RECORD_PROGRESS_BYTES) <= 2 * RECORD_PROGRESS_BYTES;
}

/* While a worker is alive all else is for the engine to judge. */
INLINE bool is_plainly_next(const struct gate *gate, const struct segment *segment)
{
    return follows(gate, segment) ||
           (is_near(gate, segment) &&
            (!(gate->record->flags & RECORD_EDIT) || knows_other_side(gate, segment)));
}

/*
 * Whether it may move what is noted of the connection. While a worker is alive that was asked
 * before. Alone all passes, as on any bridge: its host judges it. Where it is ahead, and knows the
 * other side's number, something was lost before it came here (as in track.c); all else is
 * somebody's guess, or said again.
 */
INLINE bool is_believed(const struct gate *gate, const struct segment *segment)
{
    if (segment->flags & FLAG_RST)
        return false;
    return !gate->alone || follows(gate, segment) ||
           (segment->seq - record_next(gate->way) <= RECORD_PROGRESS_BYTES &&
            knows_other_side(gate, segment));
}

#endif
