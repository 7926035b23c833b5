/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * judge.bpf.h - the part of carry.bpf.c that says of a segment with a record whether the engine
 * must see it: its order, numbers, and what it does to the engine's own watches; of a splice also
 * whether it can be translated (translate.bpf.h).
 */
#ifndef SYNWARD_BRIDGE_BPF_JUDGE_BPF_H
#define SYNWARD_BRIDGE_BPF_JUDGE_BPF_H

#include "bridge/bpf/carry_parts.bpf.h"
#include "bridge/bpf/gate.bpf.h"
#include "bridge/bpf/translate.bpf.h"
#include "engine/tcp/flow_record.h"

/* Of a splice: too many that say nothing, without one that does, may be two ends that answer each
 * other for ever (stages/ack_storm.h). */
INLINE bool is_storm(struct flow_record *record, const struct segment *segment, __u32 tick)
{
    if (segment->flags & FLAG_RST) /* nobody answers it */
        return false;
    if (segment->payload_bytes || (segment->flags & FLAG_FIN)) {
        if (record->empty)
            record->empty = 0;
        return false;
    }
    if (record->empty_tick != (__u16)tick) {
        record->empty_tick = (__u16)tick;
        record->empty = 0;
    }
    if (record->empty >= RECORD_EMPTY_MAX)
        return true;
    record->empty++;
    return false;
}

INLINE bool learner_wants(const struct flow_record *record, int from, const struct segment *segment)
{
    const __u16 watch = from == FROM_CLIENT ? RECORD_WATCH_CLIENT : RECORD_WATCH_SERVER;

    return (record->flags & watch) && segment->payload_bytes &&
           segment->seq - record->begin[from & 1] < RECORD_WATCH_BYTES;
}

/* A segment before this one may still be on its way through the engine. */
INLINE bool may_overtake(const struct gate *gate, const struct segment *segment)
{
    if (gate->alone)
        return false;
    return record_gate(gate->way) == RECORD_UP ||
           (record_gate(gate->way) == RECORD_JOIN && !gate->quiet &&
            segment->seq != record_next(gate->way));
}

/* What the client has said before is on its way to the server, as far as is known here. */
INLINE bool is_asking(const struct flow_record *record, __u32 theirs)
{
    const __u16 flags = *(const volatile __u16 *)&record->flags;

    if (flags & RECORD_PREPARED)
        theirs += record->delta;
    return (flags & RECORD_ASKING) && theirs == record->begin[FROM_SERVER];
}

INLINE __u32 judge(struct __sk_buff *skb, const struct gate *gate, const struct segment *segment,
                   struct edit *edit)
{
    struct flow_record *record = gate->record;
    const int from = gate->from;
    const bool alone = gate->alone;
    const bool spliced = record->flags & RECORD_EDIT;
    const __u32 theirs = record_next(read_way(record, !from));
    const __u32 tick = (__u32)((bpf_ktime_get_coarse_ns() / 1000) >> 16);
    __u32 ack = segment->ack, floor;

    if (may_overtake(gate, segment) || (!alone && from == FROM_CLIENT && is_asking(record, theirs)))
        return CARRY_up_order;
    if (!alone && learner_wants(record, from, segment))
        return CARRY_up_learning;
    if (!alone && !is_plainly_next(gate, segment))
        return CARRY_up_numbers;
    if (spliced && is_storm(record, segment, tick))
        return CARRY_up_empty;
    if (*(volatile __u32 *)&record->used != tick)
        *(volatile __u32 *)&record->used = tick;
    if (from == FROM_SERVER)
        return spliced ? edit_to_client(skb, gate, segment, edit) : CARRY_carried;
    floor = *(volatile __u32 *)&record->ack_floor;
    if (spliced)
        ack = record_acked(ack - record->delta, floor);
    if (!alone && theirs - ack > (spliced ? RECORD_WINDOW_BYTES : RECORD_OLD_BYTES))
        return CARRY_up_numbers;
    return spliced ? edit_to_server(skb, gate, ack, floor, segment, edit) : CARRY_carried;
}

#endif
