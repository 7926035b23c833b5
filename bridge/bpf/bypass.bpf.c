/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bypass.bpf.c - runs in the kernel, for every frame of a port that would go up to a worker: is
 * there one? If not, it goes to the other port by itself (bypass.h says who is alive).
 *
 *      frame --> somebody is alive ------------------------------------> up
 *            \-> of a connection whose halves are joined by offsets ---> dropped: its other end
 *                                                would not understand it, or worse, take it
 *            \-> limited: a client's SYN beyond what its server gets --> dropped
 *                  (of regulars, and of strangers)
 *            \-> all else ---------------------------------------------> other port
 *
 * Connections that the kernel carries (carry.bpf.c) never come here: they are translated as ever.
 * This outlives the process: the filter holds the program, and that its maps.
 *
 * Two more look at the process itself, where the kernel takes them: whoever kills it runs the first
 * one, so that no frame goes up any more when kill(2) returns, however long the process takes to
 * go. These end with it.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bridge/bpf/bypass_parts.bpf.h"
#include "engine/tcp/joined.h"

#define INLINE static inline __attribute__((always_inline))

#define FROM_CLIENT 0
#define FROM_SERVER 1

#define ETH_BYTES      14
#define TAG_BYTES      4
#define TAGS_MAX       2 /* in the frame, beside the one that the kernel has taken out */
#define ETHERTYPE_VLAN bpf_htons(0x8100)
#define ETHERTYPE_QINQ bpf_htons(0x88a8)
#define ETHERTYPE_IPV4 bpf_htons(0x0800)
#define ETHERTYPE_IPV6 bpf_htons(0x86dd)
#define PROTO_TCP      6
#define IPV4_FRAGMENT  bpf_htons(0x3fff)
#define TCP_FLAGS_AT   13
#define FLAG_SYN       0x02
#define FLAG_RST       0x04
#define FLAG_ACK       0x10
#define ENODEV         19

/* Of one that is read, all in wire order but the ports. */
struct segment {
    struct flow_words key; /* without VLAN tags, from the sender's view */
    __u16 src_port, dst_port;
    __u8 flags;
};

enum kind { KIND_OTHER, KIND_TCP, KIND_ODD /* may be TCP, and is not read here */ };

struct bucket {
    __u64 full_us; /* when all that it has given is paid back */
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BYPASS_ODD_BUCKET + 1);
    __type(key, __u32);
    __type(value, struct bucket);
} bypass_buckets SEC(".maps");

/* Of each place of struct regulars: one of them does not take what is for all, though it may be a
 * proxy of many. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, REGULARS_PLACES);
    __type(key, __u32);
    __type(value, struct bucket);
} bypass_each SEC(".maps");

#define JOINED_PAGE 2048u

struct joined_page {
    __u16 counts[JOINED_PAGE];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, JOINED_COUNTS / JOINED_PAGE);
    __type(key, __u32);
    __type(value, struct joined_page);
} bypass_joined SEC(".maps");

/* struct regulars: its places, and behind them a page of rates. */
#define REGULARS_PAGE  REGULARS_SERVERS
#define REGULARS_PAGES (REGULARS_PLACES / REGULARS_PAGE)

struct regulars_page {
    __u32 words[REGULARS_PAGE];
};

_Static_assert(REGULARS_WAYS == 4, "as regular_at() has it, without a loop for the verifier");

_Static_assert(sizeof(struct regulars) == (REGULARS_PAGES + 1) * sizeof(struct regulars_page),
               "pages without padding");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, REGULARS_PAGES + 1);
    __type(key, __u32);
    __type(value, struct regulars_page);
} bypass_regulars SEC(".maps");

/* --- who is alive ---------------------------------------------------------------------------- */

INLINE __u64 clock_us(void)
{
    return bpf_ktime_get_coarse_ns() / 1000;
}

INLINE bool is_gone(struct __sk_buff *skb, __u32 interface)
{
    __u32 mtu = 0;

    return bpf_check_mtu(skb, interface, &mtu, 0, 0) == -ENODEV;
}

INLINE void die(struct bypass_pulse *pulse, __u64 now_us)
{
    if (__sync_val_compare_and_swap(&pulse->dead_us, 0, now_us) == 0)
        __sync_fetch_and_add(&pulse->deaths, 1);
}

/* What this frame shows of it, which would go up. False: nobody is alive. */
INLINE bool is_alive(struct __sk_buff *skb, struct bypass_pulse *pulse, int from)
{
    const __u64 now_us = clock_us();
    const __u64 first_us = *(volatile __u64 *)&pulse->first_us;
    const __s64 age_us = (__s64)(now_us - first_us);
    __u64 suspect_us;

    if (!first_us) {
        *(volatile __u64 *)&pulse->first_us = now_us;
        return true;
    }
    if (age_us < (__s64)BYPASS_LATE_US)
        return true;
    if (is_gone(skb, pulse->tap[from])) {
        die(pulse, now_us);
        return false;
    }
    if (age_us < (__s64)BYPASS_DEAD_US)
        return true;
    suspect_us = *(volatile __u64 *)&pulse->suspect_us;
    if (!suspect_us)
        *(volatile __u64 *)&pulse->suspect_us = now_us;
    if (!suspect_us || (__s64)(now_us - suspect_us) < (__s64)BYPASS_DOUBT_US)
        return true;
    die(pulse, now_us);
    return false;
}

/* --- who dies -------------------------------------------------------------------------------- */

#define SIGKILL           9
#define SIGNAL_DELIVERED  0 /* that is, not ignored: TRACE_SIGNAL_DELIVERED of the kernel */
#define SIGNAL_GROUP_EXIT 4 /* all threads end: as the kernel names it */

/* As much of them as is read here; where it stands in this kernel libbpf finds out. */
struct signal_struct {
    unsigned int flags;
} __attribute__((preserve_access_index));

struct task_struct {
    struct signal_struct *signal;
    struct task_struct *group_leader;
} __attribute__((preserve_access_index));

/* The process that the pulse is of, by its first thread: that is the same in each PID namespace. */
struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, __u32);
} bypass_owner SEC(".maps");

INLINE void end_of(struct task_struct *task)
{
    const __u32 first = 0;
    struct bypass_pulse *pulse = bpf_map_lookup_elem(&bypass_pulse, &first);

    if (pulse && bpf_task_storage_get(&bypass_owner, task->group_leader, 0, 0))
        die(pulse, bpf_ktime_get_ns() / 1000);
}

SEC("tp_btf/signal_generate")
int bypass_killed(__u64 *arguments)
{
    if (arguments[0] == SIGKILL && arguments[4] == SIGNAL_DELIVERED)
        end_of((struct task_struct *)arguments[2]);
    return 0;
}

/* Of any thread: the last may take long to go. One that ends while the process goes on says
 * nothing. */
SEC("tp_btf/sched_process_exit")
int bypass_ended(__u64 *arguments)
{
    struct task_struct *task = (struct task_struct *)arguments[0];

    if (task->signal->flags & SIGNAL_GROUP_EXIT)
        end_of(task);
    return 0;
}

/* --- what it is ------------------------------------------------------------------------------ */

INLINE enum kind read_tcp(struct __sk_buff *skb, __u32 at, struct segment *segment)
{
    __be16 ports[2];

    if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) != 0 ||
        bpf_skb_load_bytes(skb, at + TCP_FLAGS_AT, &segment->flags, 1) != 0)
        return KIND_ODD;
    segment->src_port = bpf_ntohs(ports[0]);
    segment->dst_port = bpf_ntohs(ports[1]);
    return KIND_TCP;
}

INLINE enum kind read_v4(struct __sk_buff *skb, __u32 at, struct segment *segment)
{
    struct {
        __u8 version, tos;
        __be16 bytes, id, fragment;
        __u8 ttl, protocol;
        __be16 checksum;
        __u8 src[4], dst[4];
    } ip;

    if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) != 0)
        return KIND_ODD;
    if (ip.protocol != PROTO_TCP)
        return KIND_OTHER;
    if (ip.fragment & IPV4_FRAGMENT)
        return KIND_ODD;
    segment->key.client[1] = addr_v4_word(ip.src);
    segment->key.server[1] = addr_v4_word(ip.dst);
    return read_tcp(skb, at + (ip.version & 15) * 4, segment);
}

/* Behind any of these TCP may come. */
INLINE bool is_extension(__u8 next)
{
    return next == 0 || next == 43 || next == 44 || next == 60 || next == 135 || next == 139 ||
           next == 140 || next == 51;
}

INLINE enum kind read_v6(struct __sk_buff *skb, __u32 at, struct segment *segment)
{
    struct {
        __be32 first;
        __be16 bytes;
        __u8 next, hop_limit;
        __u64 src[2], dst[2];
    } ip;

    if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) != 0)
        return KIND_ODD;
    if (ip.next != PROTO_TCP)
        return is_extension(ip.next) ? KIND_ODD : KIND_OTHER;
    segment->key.client[0] = ip.src[0];
    segment->key.client[1] = ip.src[1];
    segment->key.server[0] = ip.dst[0];
    segment->key.server[1] = ip.dst[1];
    return read_tcp(skb, at + sizeof(ip), segment);
}

INLINE enum kind read(struct __sk_buff *skb, struct segment *segment)
{
    __be16 type = (__be16)skb->protocol;
    __u32 at = ETH_BYTES;

    for (int tags = 0; tags < TAGS_MAX; tags++) {
        if (type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ)
            break;
        if (bpf_skb_load_bytes(skb, at + 2, &type, sizeof(type)) != 0)
            return KIND_ODD;
        at += TAG_BYTES;
    }
    if (type == ETHERTYPE_IPV4)
        return read_v4(skb, at, segment);
    if (type == ETHERTYPE_IPV6)
        return read_v6(skb, at, segment);
    return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ ? KIND_ODD : KIND_OTHER;
}

/* --- what becomes of it ---------------------------------------------------------------------- */

/* Of each bucket `per_second` pass, and so many at once. NULL: there is none. */
INLINE bool take(struct bucket *bucket, __u32 per_second)
{
    const __u64 now_us = clock_us(), period_us = 1000000 / (per_second ? per_second : 1);

    for (int i = 0; bucket && i < 4; i++) {
        const __u64 was = *(volatile __u64 *)&bucket->full_us;
        const __u64 from_us = was > now_us ? was : now_us;

        if (from_us + period_us > now_us + 1000000)
            return false;
        if (__sync_val_compare_and_swap(&bucket->full_us, was, from_us + period_us) == was)
            return true;
    }
    return false;
}

INLINE bool take_of(__u32 which, __u32 per_second)
{
    return take(bpf_map_lookup_elem(&bypass_buckets, &which), per_second);
}

/* Its place; REGULARS_PLACES: he is a stranger. */
INLINE __u32 regular_at(const struct bypass_pulse *pulse, const struct segment *segment)
{
    const __u64 hash = regulars_hash(flow_seed_of(pulse->seed), segment->key.client);
    const __u32 word = regulars_word(hash, regulars_minute(clock_us()));
    const __u32 at = regulars_at(hash), which = at / REGULARS_PAGE;
    const struct regulars_page *page = bpf_map_lookup_elem(&bypass_regulars, &which);
    const volatile __u32 *bucket;

    if (!page)
        return REGULARS_PLACES;
    bucket = &page->words[at & (REGULARS_PAGE - REGULARS_WAYS)];
    if (regulars_is(bucket[0], word))
        return at;
    if (regulars_is(bucket[1], word))
        return at + 1;
    if (regulars_is(bucket[2], word))
        return at + 2;
    return regulars_is(bucket[3], word) ? at + 3 : REGULARS_PLACES;
}

INLINE __u32 regulars_of(__u32 server)
{
    const __u32 which = REGULARS_PAGES;
    const struct regulars_page *page = bpf_map_lookup_elem(&bypass_regulars, &which);
    const __u32 per_second =
        page ? *(const volatile __u32 *)&page->words[server & (REGULARS_PAGE - 1)] : 0;

    if (!per_second)
        return REGULARS_LEAST;
    return per_second < 1000000 ? per_second : 1000000;
}

/* A new connection to a server. */
INLINE bool may_begin(const struct bypass_pulse *pulse, const struct segment *segment)
{
    const __u32 server = regulars_server(segment->key.server, segment->dst_port);
    const __u32 regular = regular_at(pulse, segment);
    __u32 all, each;

    if (regular == REGULARS_PLACES)
        return take_of(server, BYPASS_SYNS);
    all = regulars_of(server);
    each = all / BYPASS_EACH > BYPASS_SYNS ? all / BYPASS_EACH : BYPASS_SYNS;
    return take(bpf_map_lookup_elem(&bypass_each, &regular), each) &&
           take_of(BYPASS_REGULARS + server, all);
}

INLINE bool is_joined(const struct bypass_pulse *pulse, const struct segment *segment, int from)
{
    const __u32 client_port = from == FROM_CLIENT ? segment->src_port : segment->dst_port;
    const __u32 server_port = from == FROM_CLIENT ? segment->dst_port : segment->src_port;
    struct flow_words words = segment->key;
    const struct joined_page *page;
    __u32 at, which;

    if (from == FROM_SERVER) {
        words.client[0] = segment->key.server[0];
        words.client[1] = segment->key.server[1];
        words.server[0] = segment->key.client[0];
        words.server[1] = segment->key.client[1];
    }
    words.ends = flow_ends_word(client_port << 16 | server_port);
    at = joined_at(flow_seed_of(pulse->seed), words);
    which = at / JOINED_PAGE;
    page = bpf_map_lookup_elem(&bypass_joined, &which);
    return page && *(const volatile __u16 *)&page->counts[at & (JOINED_PAGE - 1)];
}

INLINE bool may_pass(struct __sk_buff *skb, const struct bypass_pulse *pulse, int from)
{
    struct segment segment = {0};
    const enum kind kind = read(skb, &segment);
    const bool limited = pulse->policy == BYPASS_LIMITED && from == FROM_CLIENT;

    if (kind == KIND_OTHER)
        return true;
    if (kind == KIND_ODD)
        return !limited || take_of(BYPASS_ODD_BUCKET, BYPASS_ODD);
    if ((segment.flags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) == FLAG_SYN)
        return !limited || may_begin(pulse, &segment);
    return !is_joined(pulse, &segment, from);
}

INLINE int bypass(struct __sk_buff *skb, int from)
{
    const __u32 first = 0;
    struct bypass_pulse *pulse = bpf_map_lookup_elem(&bypass_pulse, &first);
    const __u32 to = pulse ? pulse->to[!from] : 0;

    if (!to || (!*(volatile __u64 *)&pulse->dead_us && is_alive(skb, pulse, from)))
        return TC_ACT_UNSPEC;
    if (!may_pass(skb, pulse, from)) {
        __sync_fetch_and_add(&pulse->limited, 1);
        return TC_ACT_SHOT;
    }
    __sync_fetch_and_add(&pulse->passed, 1);
    return (int)bpf_redirect(to, 0);
}

SEC("tc")
int bypass_from_client(struct __sk_buff *skb)
{
    return bypass(skb, FROM_CLIENT);
}

SEC("tc")
int bypass_from_server(struct __sk_buff *skb)
{
    return bypass(skb, FROM_SERVER);
}

char bypass_license[] SEC("license") = "GPL";
