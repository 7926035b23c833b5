/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tell.bpf.h - the part of carry.bpf.c that passes on segments of servers in normal mode, be it
 * SYN, data or FIN, and tells the engine afterwards (engine/tcp/tell_record.h).
 *
 *      followed, or of no record -> somebody reads -> nothing before it is on its way up
 *               -> server in normal mode -> not for the learner -> entry --> other port
 *
 * Of a splice FINs are told of, and closed windows: all else of a segment stands in its record. Of
 * one that its server's own TCP makes the server's first word is told of, too.
 * Of a good cookie that comes alone the engine is told, and it ends here.
 *
 * What goes up instead is counted here, so that nothing overtakes it. SYNs are not: nothing follows
 * one before it was answered.
 */
#ifndef SYNWARD_BRIDGE_BPF_TELL_BPF_H
#define SYNWARD_BRIDGE_BPF_TELL_BPF_H

#include "bridge/bpf/answer.h"
#include "bridge/bpf/bypass_parts.bpf.h"
#include "bridge/bpf/carry_parts.bpf.h"
#include "engine/base/addr.h"
#include "engine/tcp/tell_record.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct tell_hub);
} tell_hub SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, TELL_ENTRIES);
    __type(key, __u32);
    __type(value, struct tell_entry);
} tell_entries SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, TELL_WAYS);
    __type(key, __u32);
    __type(value, struct tell_way);
} tell_ways SEC(".maps");

/* By struct answer_key: place among the states. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __type(key, struct answer_key);
    __type(value, __u32);
} tell_servers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct tell_server);
} tell_states SEC(".maps");

/* Of a plain segment. */
struct tell_view {
    struct flow_words words;
    __u32 at;           /* its connection's hash */
    __u32 bytes;        /* of its headers */
    __be16 server_port; /* in wire order */
    __u8 flags;
    bool good;
};

INLINE void tell_words(struct tell_view *view, int from, const struct tcp_header *tcp)
{
    const __u32 src = bpf_ntohs(tcp->src_port), dst = bpf_ntohs(tcp->dst_port);

    view->server_port = from == FROM_CLIENT ? tcp->dst_port : tcp->src_port;
    view->words.ends = flow_ends_word(from == FROM_CLIENT ? src << 16 | dst : dst << 16 | src);
    view->flags = tcp->flags;
    view->good = true;
}

INLINE void tell_read4(struct __sk_buff *skb, int from, struct tell_view *view)
{
    struct ipv4_begin begin;
    __u32 client, server;

    if (bpf_skb_load_bytes(skb, ETH_BYTES, &begin, sizeof(begin)) != 0)
        return;
    client = from == FROM_CLIENT ? begin.src : begin.dst;
    server = from == FROM_CLIENT ? begin.dst : begin.src;
    view->words.client[1] = addr_v4_word((const __u8 *)&client);
    view->words.server[1] = addr_v4_word((const __u8 *)&server);
    view->bytes = ETH_BYTES + 20 + (__u32)(begin.tcp.offset >> 4) * 4;
    tell_words(view, from, &begin.tcp);
}

INLINE void tell_read6(struct __sk_buff *skb, int from, struct tell_view *view)
{
    struct ipv6_begin begin;

    if (bpf_skb_load_bytes(skb, ETH_BYTES, &begin, sizeof(begin)) != 0)
        return;
    __builtin_memcpy(view->words.client, from == FROM_CLIENT ? begin.src : begin.dst, 16);
    __builtin_memcpy(view->words.server, from == FROM_CLIENT ? begin.dst : begin.src, 16);
    view->bytes = ETH_BYTES + 40 + (__u32)(begin.tcp.offset >> 4) * 4;
    tell_words(view, from, &begin.tcp);
}

INLINE void tell_read(struct __sk_buff *skb, int from, const struct tell_hub *hub,
                      struct tell_view *view)
{
    /* Its entry has no room for the tag. */
    if (skb->vlan_present)
        return;
    if (skb->protocol == ETHERTYPE_IPV4)
        tell_read4(skb, from, view);
    else
        tell_read6(skb, from, view);
    view->at = tell_at(flow_seed_of(hub->seed), view->words);
}

INLINE __u64 tell_now_us(const struct tell_hub *hub)
{
    return hub->clock_us ? hub->clock_us : bpf_ktime_get_coarse_ns() / 1000;
}

/* Nothing that its side has sent is still on its way through the engine. */
INLINE bool tell_is_quiet(const struct tell_way *way, int from)
{
    return *(const volatile __u32 *)&way->up[from] == *(const volatile __u32 *)&way->written[from];
}

/* The worker reads what it is told, and fewer than so many wait for it. */
INLINE bool tell_has_room(const struct tell_hub *hub, __u32 most)
{
    const __u64 waiting = *(const volatile __u64 *)&hub->head - *(const volatile __u64 *)&hub->tail;

    return !bypassed() && tell_now_us(hub) < *(const volatile __u64 *)&hub->awake_until_us &&
           waiting < most;
}

/* There is room. One of many goes up, and wakes the worker: what is refused here must do so. */
INLINE bool tell_is_read(struct tell_hub *hub)
{
    if (!tell_has_room(hub, TELL_ENTRIES_FULL))
        return false;
    return tell_has_room(hub, TELL_ENTRIES_LATE) || *(volatile __u32 *)&hub->rung ||
           __sync_val_compare_and_swap(&hub->rung, 0, 1) != 0;
}

/* Its server is in normal mode, and it is not the learner's. */
INLINE bool tell_is_let(const struct tell_hub *hub, const struct tell_view *view, int from)
{
    const bool syn = (view->flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN;
    struct answer_key key = {.addr = {view->words.server[0], view->words.server[1]},
                             .port = view->server_port};
    const __u32 *place;
    const struct tell_server *server;

    if (syn && from == FROM_CLIENT && *(const volatile __u32 *)&hub->syns_up)
        return false;
    place = bpf_map_lookup_elem(&tell_servers, &key);
    server = place ? bpf_map_lookup_elem(&tell_states, place) : NULL;
    return server &&
           (view->at & (TELL_SHARES - 1)) >= (syn ? *(const volatile __u32 *)&server->asked
                                                  : *(const volatile __u32 *)&server->held);
}

INLINE void tell_put(struct __sk_buff *skb, struct tell_hub *hub, const struct tell_view *view,
                     int from, bool stays)
{
    const __u64 number = __sync_fetch_and_add(&hub->head, 1);
    const __u32 place = (__u32)number & (TELL_ENTRIES - 1);
    struct tell_entry *entry = bpf_map_lookup_elem(&tell_entries, &place);
    __u32 bytes = view->bytes;

    if (!entry)
        return;
    if (bytes > TELL_HEADERS || bytes < ETH_BYTES ||
        bpf_skb_load_bytes(skb, 0, entry->headers, bytes) != 0)
        bytes = 0;
    entry->wire_bytes = skb->len;
    entry->bytes = (__u16)bytes;
    entry->from = (__u8)(from & 1);
    entry->stays = stays;
    /* Who reads the number reads the rest: an exchange is fully ordered. */
    __sync_lock_test_and_set(&entry->number, number + 1);
}

/* --- of servers in attack mode --------------------------------------------------------------- */

/* Whether the engine could be told now of a segment with so many bytes of headers: an entry has no
 * room for a tag. What is read first, whatever else comes up, must not be many that an attacker
 * repeats: where the worker is late they wait with all others, or he is not told. */
VERIFIED_ONCE int tell_may(struct __sk_buff *skb, __u32 bytes)
{
    const __u32 first = 0;
    struct tell_hub *hub = bpf_map_lookup_elem(&tell_hub, &first);

    return hub && !skb->vlan_present && bytes <= TELL_HEADERS &&
           tell_has_room(hub, TELL_ENTRIES_LATE);
}

/* Of a plain one, before anything is changed of it. `stays`: it is not passed on. */
VERIFIED_ONCE int tell_as_it_came(struct __sk_buff *skb, int from, int stays)
{
    const __u32 first = 0;
    struct tell_hub *hub = bpf_map_lookup_elem(&tell_hub, &first);
    struct tell_view view = {0};

    if (!hub)
        return 0;
    tell_read(skb, from, hub, &view);
    tell_put(skb, hub, &view, from, stays);
    return 1;
}

/* Of a plain segment. */
static __attribute__((noinline)) int is_quiet(struct __sk_buff *skb, int from)
{
    const __u32 first = 0;
    const struct tell_hub *hub = bpf_map_lookup_elem(&tell_hub, &first);
    struct tell_view view = {0};
    const struct tell_way *way;

    if (!hub)
        return 0;
    tell_read(skb, from, hub, &view);
    way = bpf_map_lookup_elem(&tell_ways, &view.at);
    return way && view.good && tell_is_quiet(way, from & 1);
}

/*
 * The last of those that the kernel may pass on by itself, plain ones all. `may_tell`: nothing of
 * it is to be changed. True: it goes to the other port. False: it goes up, and was counted.
 */
static __attribute__((noinline)) int tell(struct __sk_buff *skb, int from, int may_tell)
{
    const __u32 first = 0;
    struct tell_hub *hub = bpf_map_lookup_elem(&tell_hub, &first);
    struct tell_view view = {0};
    struct tell_way *way;

    if (!hub)
        return 0;
    tell_read(skb, from, hub, &view);
    way = bpf_map_lookup_elem(&tell_ways, &view.at);
    if (!way || !view.good)
        return 0;
    from &= 1;
    if (may_tell && view.bytes <= TELL_HEADERS && tell_is_quiet(way, from) && tell_is_read(hub) &&
        tell_is_let(hub, &view, from)) {
        tell_put(skb, hub, &view, from, false);
        return 1;
    }
    if (!(view.flags & FLAG_SYN))
        __sync_fetch_and_add(&way->up[from], 1);
    return 0;
}

#endif
