/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carry.bpf.c - runs in the kernel, for every frame that comes in at a port, before it is sent up
 * to the engine: is it a plain segment of a connection that the engine has written a record of
 * (engine/tcp/flow_record.h)? Then it is translated here and leaves at the other port at once.
 *
 *      frame --> no plain TCP, no record, SYN, FIN, RST, gate shut, odd in any way --> up
 *            \-> numbers, options and checksum changed by differences ---------------> other port
 *
 * What is carried goes out byte for byte as engine/fast/segment.h and stages/splice.c would have
 * let it go; what they would treat otherwise, drop, count or look at again goes up. That leaves up
 * too much at times, and never carries too much.
 *
 * The checksum is corrected by bpf_l4_csum_replace(), which alone knows whether it is a partial one
 * that covers nothing of this. Nothing is changed before all has been decided: a frame that goes up
 * goes up as it came.
 *
 * An opening's SYN-ACK is answered here where the engine has prepared that (complete.bpf.h).
 *
 * Of a connection that is only followed, or that no record was written of, SYN, FIN and all else is
 * passed on here as well where the engine need but be told of it (tell.bpf.h).
 *
 * While no worker is alive (bypass.h) nothing is on its way through one: gates and order count for
 * nothing then, FIN and RST are carried, and whatever its numbers say: the hosts judge them, as on
 * any bridge, and what is noted here is moved by what is believed alone (gate.bpf.h). What of a
 * splice cannot be translated here is dropped.
 *
 * Headers of what is carried are read by calls, not in place: where they lie in the buffer, and
 * whether that is shared, is the kernel's affair then. Those of a flood are read in place, where
 * look.bpf.h has made them lie in one piece.
 */
#include "bridge/bpf/answer.bpf.h"
#include "bridge/bpf/bypass_parts.bpf.h"
#include "bridge/bpf/carry.h"
#include "bridge/bpf/carry_parts.bpf.h"
#include "bridge/bpf/complete.bpf.h"
#include "bridge/bpf/gate.bpf.h"
#include "bridge/bpf/judge.bpf.h"
#include "bridge/bpf/look.bpf.h"
#include "bridge/bpf/reject.bpf.h"
#include "bridge/bpf/tell.bpf.h"
#include "bridge/bpf/translate.bpf.h"
#include "engine/tcp/flow_record.h"

#define TAG_BYTES 4

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct record_figures);
} carry_figures SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct carry_settings);
} carry_switch SEC(".maps");

/* --- reading --------------------------------------------------------------------------------- */

/* False where the header does not fit between its place and the packet's end. */
INLINE bool read_tcp(const struct __sk_buff *skb, const struct tcp_header *tcp, __u32 l4, __u32 end,
                     struct segment *segment)
{
    const __u32 header_bytes = (__u32)(tcp->offset >> 4) * 4;

    if (end > skb->len || header_bytes < TCP_BYTES || l4 + header_bytes > end)
        return false;
    segment->l4 = l4;
    segment->options_bytes = header_bytes - TCP_BYTES;
    segment->payload_bytes = end - l4 - header_bytes;
    segment->seq = bpf_ntohl(tcp->seq);
    segment->ack = bpf_ntohl(tcp->ack);
    segment->flags = tcp->flags;
    segment->window = bpf_ntohs(tcp->window);
    return true;
}

INLINE struct carry_value *find4(struct __sk_buff *skb, int from, struct segment *segment,
                                 __u16 vlan, bool *plain)
{
    struct carry_key4 key = {.vlan = vlan};
    struct ipv4_begin begin;

    if (bpf_skb_load_bytes(skb, ETH_BYTES, &begin, sizeof(begin)) != 0 ||
        begin.version != IPV4_PLAIN || begin.protocol != PROTO_TCP ||
        (begin.fragment & IPV4_FRAGMENT) ||
        !read_tcp(skb, &begin.tcp, ETH_BYTES + 20, ETH_BYTES + bpf_ntohs(begin.bytes), segment))
        return NULL;
    *plain = true;
    segment->ipv6 = 0;
    segment->ecn = begin.tos & 3;
    key.client = from == FROM_CLIENT ? begin.src : begin.dst;
    key.server = from == FROM_CLIENT ? begin.dst : begin.src;
    key.client_port = from == FROM_CLIENT ? begin.tcp.src_port : begin.tcp.dst_port;
    key.server_port = from == FROM_CLIENT ? begin.tcp.dst_port : begin.tcp.src_port;
    return bpf_map_lookup_elem(&carry_flows4, &key);
}

INLINE struct carry_value *find6(struct __sk_buff *skb, int from, struct segment *segment,
                                 __u16 vlan, bool *plain)
{
    struct carry_key6 key = {.vlan = vlan};
    struct ipv6_begin begin;

    if (bpf_skb_load_bytes(skb, ETH_BYTES, &begin, sizeof(begin)) != 0 ||
        bpf_ntohl(begin.first) >> 28 != 6 || begin.next != PROTO_TCP ||
        !read_tcp(skb, &begin.tcp, ETH_BYTES + 40, ETH_BYTES + 40 + bpf_ntohs(begin.bytes),
                  segment))
        return NULL;
    *plain = true;
    segment->ipv6 = begin.first;
    segment->ecn = bpf_ntohl(begin.first) >> 20 & 3;
    __builtin_memcpy(key.client, from == FROM_CLIENT ? begin.src : begin.dst, sizeof(key.client));
    __builtin_memcpy(key.server, from == FROM_CLIENT ? begin.dst : begin.src, sizeof(key.server));
    key.client_port = from == FROM_CLIENT ? begin.tcp.src_port : begin.tcp.dst_port;
    key.server_port = from == FROM_CLIENT ? begin.tcp.dst_port : begin.tcp.src_port;
    return bpf_map_lookup_elem(&carry_flows6, &key);
}

/* NULL: nobody's, `*plain` says of which kind. */
INLINE struct carry_value *find(struct __sk_buff *skb, int from, struct segment *segment,
                                bool *plain)
{
    __u16 vlan;

    if (!read_vlan(skb, &vlan))
        return NULL;
    if (skb->protocol == ETHERTYPE_IPV4)
        return find4(skb, from, segment, vlan, plain);
    return skb->protocol == ETHERTYPE_IPV6 ? find6(skb, from, segment, vlan, plain) : NULL;
}

/* What is known of those that went before a segment of a gate in JOIN. */
enum join { JOIN_UNKNOWN, JOIN_QUIET /* all are out */, JOIN_BUSY };

/* --- the words of a record ------------------------------------------------------------------- */

INLINE void set_gate(struct flow_record *record, int from, __u32 serial, __u32 gate)
{
    __u64 was = read_way(record, from);

    for (int i = 0; i < 3; i++) {
        const __u64 is = record_way(serial, gate, record_next(was));
        __u64 found;

        if (record_serial(was) != serial || record_gate(was) == RECORD_UP ||
            record_gate(was) == gate)
            return;
        found = __sync_val_compare_and_swap(&record->way[from & 1], was, is);
        if (found == was)
            return;
        was = found;
    }
}

#define ADVANCE_ALONE 2
#define ADVANCE_QUIET 4

/*
 * The last word on a segment: it goes out, and `next` is `end`, behind it. False where somebody
 * else has shut the gate or begun another connection meanwhile, and, while nothing may be
 * overtaken, where somebody else was faster. `how`: from where, and ADVANCE_*.
 */
VERIFIED_ONCE int advance(struct flow_record *record, int how, __u32 serial, __u32 seq, __u32 end)
{
    const bool alone = how & ADVANCE_ALONE, quiet = how & ADVANCE_QUIET;
    const int from = how & 1;
    __u64 was;

    if (!record)
        return false;
    was = read_way(record, from);
    for (int i = 0; i < 3; i++) {
        const __u32 gate = alone ? record_gate(was) : RECORD_CARRY;
        const __u64 is = record_way(serial, gate, record_later(record_next(was), end));
        __u64 found;

        if (record_serial(was) != serial ||
            (!alone && (record_gate(was) == RECORD_UP ||
                        (!quiet && record_gate(was) == RECORD_JOIN && seq != record_next(was)))))
            return false;
        if (is == was)
            return true;
        found = __sync_val_compare_and_swap(&record->way[from], was, is);
        if (found == was)
            return true;
        was = found;
    }
    return record_serial(was) == serial && (alone || record_gate(was) == RECORD_CARRY);
}

INLINE bool pass(const struct gate *gate, const struct segment *segment)
{
    const __u32 fin = segment->flags & FLAG_FIN ? 1 : 0;
    const int how =
        gate->from | (gate->alone ? ADVANCE_ALONE : 0) | (gate->quiet ? ADVANCE_QUIET : 0);

    return advance(gate->record, how, record_serial(gate->way), segment->seq,
                   segment->seq + segment->payload_bytes + fin);
}

/* --- decision -------------------------------------------------------------------------------- */

/*
 * What begins or ends a connection is the engine's. Of a splice the FIN goes out like data where
 * the engine will be told of it. While no worker is alive FIN and RST go as well, and a RST needs
 * no ACK: so who has no such connection refuses it (RFC 9293 3.10.7.1).
 */
INLINE bool is_for_engine(const struct segment *segment, bool spliced, bool alone)
{
    const __u8 fin = spliced ? 0 : FLAG_FIN;

    if (alone)
        return (segment->flags & FLAG_SYN) || !(segment->flags & (FLAG_ACK | FLAG_RST));
    return (segment->flags & (FLAG_SYN | FLAG_ACK | FLAG_RST | fin)) != FLAG_ACK;
}

/* Not carried where the engine cannot be told of it: the end of a splice, and that a server has a
 * connection which its own TCP was to make: `empty` is not 0 where a first word without data was
 * told of in this tick. */
INLINE bool must_be_told(const struct gate *gate, const struct segment *segment)
{
    const struct flow_record *record = gate->record;

    return (segment->flags & FLAG_FIN) ||
           (gate->from == FROM_SERVER &&
            (*(const volatile __u16 *)&record->flags & RECORD_GRANTED) &&
            record_next(gate->way) == record->begin[FROM_SERVER] &&
            !*(const volatile __u16 *)&record->empty);
}

/*
 * What of a splice the engine is to be told of: its end, and that the client has closed its window,
 * once until it has looked (stages/slow.h). That one is not sent up: it must not come behind the
 * one that opens it again. Where there is no room for it, or the worker sleeps, he reads it in the
 * record when he looks.
 */
INLINE bool is_told(struct flow_record *record, int from, const struct segment *segment)
{
    if (from != FROM_CLIENT || segment->window || *(volatile __u8 *)&record->closed)
        return false;
    *(volatile __u8 *)&record->closed = 1;
    return true;
}

/* A RST counts where its receiver takes it for one (RFC 5961 3.2), which is at a FIN's number, too;
 * a FIN that is believed, near the newest number and not behind it. */
INLINE void note_end(const struct gate *gate, const struct segment *segment)
{
    volatile __u8 *ended = &gate->record->ended[gate->from & 1];
    const __u32 next = record_next(gate->way), fin = *ended == RECORD_FIN ? 1 : 0;

    if (segment->flags & FLAG_RST) {
        if (next - segment->seq <= fin)
            *ended = RECORD_RST;
    } else if ((segment->flags & FLAG_FIN) && is_believed(gate, segment) &&
               segment->seq + segment->payload_bytes + 1 - next <= RECORD_NEAR_BYTES) {
        *ended = RECORD_FIN;
    }
}

/* CARRY_carried, with its edit, and whether the engine is to be told of it; or why it goes up. */
INLINE __u32 may_go(struct __sk_buff *skb, const struct gate *gate, const struct segment *segment,
                    struct edit *edit, bool *tells)
{
    const bool spliced = gate->record->flags & RECORD_EDIT;
    const bool must = !gate->alone && must_be_told(gate, segment);
    __u32 what = CARRY_up_flags;

    if (!is_for_engine(segment, spliced, gate->alone))
        what = judge(skb, gate, segment, edit);
    *tells = what == CARRY_carried && spliced && !gate->alone &&
             (must || is_told(gate->record, gate->from, segment)) &&
             tell_may(skb, segment->l4 + TCP_BYTES + segment->options_bytes);
    if (must && !*tells) {
        /* The next one is to be told of, too. */
        *(volatile __u16 *)&gate->record->empty = 0;
        what = what == CARRY_carried ? CARRY_up_flags : what;
    }
    if (what != CARRY_carried)
        return what;
    if (is_believed(gate, segment) && !pass(gate, segment))
        return CARRY_up_order;
    note_end(gate, segment);
    return CARRY_carried;
}

/* What goes up with data is overtaken by nothing, and what begins or ends a connection is the
 * engine's. */
VERIFIED_ONCE int shut_gates(struct flow_record *record, int from, __u32 serial, __u32 flags,
                             __u32 payload_bytes)
{
    from &= 1;
    if (!record)
        return 0;
    if (flags & (FLAG_SYN | FLAG_FIN | FLAG_RST))
        set_gate(record, from, serial, RECORD_UP);
    else if (payload_bytes)
        set_gate(record, from, serial, RECORD_JOIN);
    if (flags & (FLAG_SYN | FLAG_RST))
        set_gate(record, !from, serial, RECORD_UP);
    return 0;
}

INLINE void count_carried(const struct __sk_buff *skb, int from, __u32 figures)
{
    const __u32 place = figures - 1;
    struct record_figures *of = figures ? bpf_map_lookup_elem(&carry_figures, &place) : NULL;

    if (!of)
        return;
    __sync_fetch_and_add(&of->from[from & 1].frames, 1);
    __sync_fetch_and_add(&of->from[from & 1].bytes, skb->len + (skb->vlan_present ? TAG_BYTES : 0));
}

#define CARRY_STRANGER (-3) /* of no connection that is carried; nothing was counted */
#define CARRY_WAITS    (-4) /* to be asked again with what is known of those before it */
#define CARRY_SYNACK   (-5) /* of an opening that awaits it */
/* What goes up, and was not counted: that, and whether it would be changed. */
#define CARRY_UP(what)      (-16 - 2 * (int)(what))
#define CARRY_UP_EDIT       1
#define CARRY_UP_OF(action) ((__u32)(-16 - (action)) / 2)
#define CARRY_IS_UP(action) ((action) <= CARRY_UP(0))
#define CARRY_EDITS(action) ((action)&CARRY_UP_EDIT)

/* Of an opening that is prepared, while its server has not answered: while no worker is alive as if
 * there was none. */
INLINE int carry_prepared_one(const struct gate *gate, const struct segment *segment)
{
    const __u8 flags = segment->flags & (FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_ACK);

    if (gate->alone)
        return CARRY_STRANGER;
    return gate->from == FROM_SERVER && flags == (FLAG_SYN | FLAG_ACK)
               ? CARRY_SYNACK
               : CARRY_UP(CARRY_up_order) - CARRY_UP_EDIT;
}

/* Called, as answer_syn() is: both have their places on the stack, which has 512 bytes. `join`:
 * enum join. */
VERIFIED_ONCE int carry(struct __sk_buff *skb, int from, int join)
{
    const __u32 first = 0;
    const struct carry_settings *settings = bpf_map_lookup_elem(&carry_switch, &first);
    struct gate gate = {.alone = bypassed(), .quiet = join == JOIN_QUIET};
    struct segment segment = {0};
    struct edit edit = {0};
    struct carry_value *value;
    struct flow_record *record;
    bool plain = false, tells = false, edits;
    __u32 to, what, index, serial, figures;

    gate.from = from &= 1;
    to = settings ? settings->to[!from] : 0;
    if (!to)
        return TC_ACT_UNSPEC;
    value = find(skb, from, &segment, &plain);
    if (!value && plain)
        return CARRY_STRANGER;
    if (!value) {
        count(CARRY_up_other);
        return TC_ACT_UNSPEC;
    }
    index = value->index;
    serial = value->serial;
    figures = value->figures;
    gate.record = record = bpf_map_lookup_elem(&carry_records, &index);
    gate.way = record ? read_way(record, from) : 0;
    /* It is about to be removed (carrying.h). */
    if (!record || record_serial(gate.way) != serial)
        return CARRY_STRANGER;
    if (is_awaited(record))
        return carry_prepared_one(&gate, &segment);
    edits = record->flags & RECORD_EDIT;
    if (join == JOIN_UNKNOWN && !gate.alone && record_gate(gate.way) == RECORD_JOIN &&
        segment.seq != record_next(gate.way))
        return CARRY_WAITS;
    what = may_go(skb, &gate, &segment, &edit, &tells);
    if (gate.alone && edits && what != CARRY_carried && !(segment.flags & FLAG_SYN)) {
        count(CARRY_lost);
        return TC_ACT_SHOT;
    }
    if (what != CARRY_carried) {
        shut_gates(record, from, serial, segment.flags, segment.payload_bytes);
        return CARRY_UP(what) - (edits || what == CARRY_up_learning ? CARRY_UP_EDIT : 0);
    }
    if (tells)
        tell_as_it_came(skb, from, false);
    if (edits && !write_edit(skb, from, record, &segment, &edit)) {
        count(CARRY_lost);
        return TC_ACT_SHOT;
    }
    count(CARRY_carried);
    count_carried(skb, from, figures);
    return (int)bpf_redirect(to, 0);
}

INLINE int carry_or_wait(struct __sk_buff *skb, int from)
{
    const int action = carry(skb, from, JOIN_UNKNOWN);

    return action == CARRY_WAITS ? carry(skb, from, is_quiet(skb, from) ? JOIN_QUIET : JOIN_BUSY)
                                 : action;
}

/* What carry() has left: told and passed on, or up. */
INLINE int tell_or_up(struct __sk_buff *skb, int from, int action)
{
    const __u32 first = 0;
    const struct carry_settings *settings = bpf_map_lookup_elem(&carry_switch, &first);
    const bool stranger = action == CARRY_STRANGER;

    if (!settings || (!stranger && !CARRY_IS_UP(action)))
        return action;
    if (tell(skb, from, stranger || !CARRY_EDITS(action))) {
        count(CARRY_told);
        return (int)bpf_redirect(settings->to[!from], 0);
    }
    count(stranger ? CARRY_up_unknown : CARRY_UP_OF(action));
    return TC_ACT_UNSPEC;
}

INLINE int complete_or_up(struct __sk_buff *skb)
{
    const __u32 first = 0;
    const struct carry_settings *settings = bpf_map_lookup_elem(&carry_switch, &first);
    const int action = settings ? complete(skb, settings->to[FROM_SERVER]) : TC_ACT_UNSPEC;

    if (action == TC_ACT_UNSPEC)
        count(CARRY_up_synack);
    return action;
}

INLINE int reject_or_mark(struct __sk_buff *skb, bool stranger)
{
    const int rejected = reject(skb, stranger);

    if (rejected == TC_ACT_UNSPEC)
        tell(skb, FROM_CLIENT, false);
    return rejected;
}

/*
 * Of a flood's segments each is asked about first what ends it: a SYN whether it is answered, an
 * acknowledgment alone whether it proves anything, for which it need not be looked for among the
 * connections: who is known to the engine is not judged there.
 */
SEC("tc")
int carry_from_client(struct __sk_buff *skb)
{
    const __u32 first = 0;
    const struct carry_settings *settings = bpf_map_lookup_elem(&carry_switch, &first);
    const __u32 to = settings ? settings->to[FROM_CLIENT] : 0;
    const enum look seen = look(skb);
    int action = ANSWER_LEFT;

    if (to && seen == LOOK_SYN)
        action = answer_syn(skb, to, settings->peer_mac);
    else if (to && seen == LOOK_ACK)
        action = reject_or_mark(skb, false);
    if (action != ANSWER_LEFT)
        return action;
    action = carry_or_wait(skb, FROM_CLIENT);
    if (action == CARRY_STRANGER && (seen != LOOK_ACK || bypassed() == BYPASSED_HANDED_ON)) {
        const int rejected = reject_or_mark(skb, true);

        if (rejected != ANSWER_LEFT)
            return rejected;
    }
    return tell_or_up(skb, FROM_CLIENT, action);
}

/* For kernels whose verifier does not take the part that answers. */
SEC("tc")
int carry_from_client_alone(struct __sk_buff *skb)
{
    return tell_or_up(skb, FROM_CLIENT, carry_or_wait(skb, FROM_CLIENT));
}

SEC("tc")
int carry_from_server(struct __sk_buff *skb)
{
    const int action = carry_or_wait(skb, FROM_SERVER);

    return action == CARRY_SYNACK ? complete_or_up(skb) : tell_or_up(skb, FROM_SERVER, action);
}

/* For kernels whose verifier does not take the part that answers SYN-ACKs. */
SEC("tc")
int carry_from_server_alone(struct __sk_buff *skb)
{
    const int action = carry_or_wait(skb, FROM_SERVER);

    if (action != CARRY_SYNACK)
        return tell_or_up(skb, FROM_SERVER, action);
    count(CARRY_up_synack);
    return TC_ACT_UNSPEC;
}

char carry_license[] SEC("license") = "GPL";
