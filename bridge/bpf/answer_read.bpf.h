/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_read.bpf.h - for answer.bpf.h and reject.bpf.h alone: the maps, and who is asked by whom,
 * with which options.
 */
#ifndef SYNWARD_BRIDGE_BPF_ANSWER_READ_BPF_H
#define SYNWARD_BRIDGE_BPF_ANSWER_READ_BPF_H

#include "bridge/bpf/answer.h"
#include "bridge/bpf/bypass_parts.bpf.h"
#include "bridge/bpf/carry_parts.bpf.h"
#include "bridge/bpf/steer.h"
#include "engine/base/addr.h"
#include "engine/base/siphash.h"
#include "engine/tcp/answer_record.h"
#include "engine/tcp/cookie.h"
#include "engine/tcp/cookie_words.h"

#define ASKED_TAGS    32768u /* TAGS_ASKED */
#define ASKED_LIFE_MS 2000u

#define TCP_SYN_PLAIN  (FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_ACK)
#define FLAG_ECE       0x40
#define FLAG_CWR       0x80
#define OFFER_ECN_BIT  (1 << 4)
#define OPTIONS_SIGNED (OPTION_MD5 | OPTION_AO)

#define ANSWER_LEFT (-2) /* nothing was changed, and nothing counted */

/* Beside enum carry_count: of a connection that may be known. */
#define ANSWER_KNOWN_FLOW CARRY_COUNTS_COUNT

/* The maps have their sizes for one shard here, and are made for all (answer_maps_size()). */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ANSWER_RECORDS * 2);
    __type(key, struct answer_key);
    __type(value, struct answer_value);
} answer_servers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ANSWER_RECORDS);
    __type(key, __u32);
    __type(value, struct answer_record);
} answer_records SEC(".maps");

struct answer_page {
    __u8 known[ANSWER_PAGE_BYTES];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ANSWER_KNOWN_BYTES / ANSWER_PAGE_BYTES);
    __type(key, __u32);
    __type(value, struct answer_page);
} answer_known SEC(".maps");

/* struct tag of engine/tables/seen.h: tag in the lower half, milliseconds in the upper one. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ASKED_TAGS);
    __type(key, __u32);
    __type(value, __u64);
} answer_asked SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 32768);
    __type(key, struct answer_prefix);
    __type(value, __u32);
} answer_aside SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct answer_settings);
} answer_switch SEC(".maps");

static const uint16_t answer_mss_v4[] = COOKIE_MSS_V4, answer_mss_v6[] = COOKIE_MSS_V6;

/* Headers as read, and as they are written. What follows the link header is aligned. */
struct answer_link {
    __u8 unused[2], to[6], from[6];
    __be16 type;
};

struct answer_ipv4 {
    __u8 version, tos;
    __be16 bytes, id, fragment;
    __u8 ttl, protocol;
    __be16 checksum;
    __be32 src, dst;
};

struct answer_ipv6 {
    __be32 first;
    __be16 bytes;
    __u8 next, hop_limit;
    __u64 src[2], dst[2];
};

/* A power of two: lengths are masked. */
struct answer_tcp {
    struct tcp_header head;
    __u8 options[TCP_OPTIONS_MAX + 4];
};

/* Of a SYN's options, as in struct syn_options; and how far they are read. */
struct answer_walk {
    __u8 at[64] __attribute__((aligned(8)));
    __u32 offset, bytes;
    __u32 tsval;
    __u16 mss;
    __u8 present, wscale;
    bool bad;
};

struct answer {
    const struct answer_settings *settings;
    struct answer_record *record;
    __u64 now_us;
    uint64_t client[2], server[2]; /* addresses as in struct ip_addr */
    __u64 hash;                    /* flow_key_hash() under the tables' seed */
    __u64 asked;                   /* what stands where it is remembered that it was asked */
    __u32 version;
    __u32 l4, l4_bytes; /* of the SYN */
    __u64 pseudo;       /* sum of the addresses */
    __u16 client_port, server_port;
    __u16 checksum; /* the SYN's, as it stands there */
    __u16 vlan;
    bool v4, ends_odd;
    bool handed_on;      /* nobody is alive, and the next one will have the keys */
    bool stranger;       /* of no connection that is carried */
    bool partial;        /* the SYN's checksum is, and so is the answer's */
    __u8 to[6], from[6]; /* as they stand in its link header */
};

/* --- options --------------------------------------------------------------------------------- */

INLINE bool answer_first(struct answer_walk *walk, __u8 bit, bool fits)
{
    const bool first = fits && !(walk->present & bit);

    walk->present |= fits ? bit : OPTION_OTHER;
    return first;
}

INLINE __u32 answer_be32(const __u8 *at)
{
    return (__u32)at[0] << 24 | (__u32)at[1] << 16 | (__u32)at[2] << 8 | at[3];
}

/* As take_option() of engine/tcp/options.c. */
INLINE void answer_take(struct answer_walk *walk, __u32 offset, __u8 kind, __u8 length)
{
    const __u8 *at = walk->at + offset;

    if (kind == TCP_OPT_MSS) {
        if (answer_first(walk, OPTION_MSS, length == 4))
            walk->mss = (__u16)(at[2] << 8 | at[3]);
    } else if (kind == TCP_OPT_WSCALE) {
        if (answer_first(walk, OPTION_WSCALE, length == 3))
            walk->wscale = at[2];
    } else if (kind == TCP_OPT_SACK_PERMITTED) {
        answer_first(walk, OPTION_SACK_PERMITTED, length == 2);
    } else if (kind == TCP_OPT_TIMESTAMPS) {
        if (answer_first(walk, OPTION_TIMESTAMPS, length == 10))
            walk->tsval = answer_be32(at + 2);
    } else if (kind == TCP_OPT_MD5 || kind == TCP_OPT_AO) {
        walk->present |= OPTION_MD5; /* or it has another length: up it goes */
    } else {
        walk->present |= OPTION_OTHER;
    }
}

/* One option a step. */
static long answer_step(__u32 step, void *context)
{
    struct answer_walk *walk = context;
    const __u32 offset = walk->offset;
    __u8 kind, length;

    (void)step;
    if (offset >= walk->bytes || offset >= TCP_OPTIONS_MAX)
        return 1;
    kind = walk->at[offset];
    length = walk->at[offset + 1];
    if (kind == TCP_OPT_EOL)
        return 1;
    if (kind == TCP_OPT_NOP) {
        walk->offset = offset + 1;
        return 0;
    }
    if (length < 2 || offset + length > walk->bytes) {
        walk->bad = true;
        return 1;
    }
    answer_take(walk, offset, kind, length);
    walk->offset = offset + length;
    return 0;
}

/* As a Linux client, or a Windows one, lays them out: most of what comes, and of what floods are
 * made of. False: they are to be read one by one. */
INLINE bool answer_usual(struct answer_walk *walk)
{
    const __be32 *words = (const __be32 *)walk->at;
    const __be32 mss = bpf_htonl(TCP_OPT_MSS << 24 | 4 << 16);
    const __be32 wscale =
        bpf_htonl((__u32)TCP_OPT_NOP << 24 | TCP_OPT_WSCALE << 16 | 3 << 8); /* and the scale */

    if ((words[0] & bpf_htonl(0xffff0000)) != mss)
        return false;
    walk->mss = (__u16)bpf_ntohl(words[0]);
    if (walk->bytes == 20 && (words[4] & bpf_htonl(0xffffff00)) == wscale &&
        words[1] ==
            bpf_htonl(TCP_OPT_SACK_PERMITTED << 24 | 2 << 16 | TCP_OPT_TIMESTAMPS << 8 | 10)) {
        walk->tsval = bpf_ntohl(words[2]);
        walk->wscale = walk->at[19];
        walk->present = OPTION_MSS | OPTION_SACK_PERMITTED | OPTION_TIMESTAMPS | OPTION_WSCALE;
        return true;
    }
    if (walk->bytes == 12 && (words[1] & bpf_htonl(0xffffff00)) == wscale &&
        words[2] ==
            bpf_htonl(TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16 | TCP_OPT_SACK_PERMITTED << 8 | 2)) {
        walk->wscale = walk->at[7];
        walk->present = OPTION_MSS | OPTION_SACK_PERMITTED | OPTION_WSCALE;
        return true;
    }
    walk->mss = 0;
    return false;
}

/* --- who is asked, and by whom --------------------------------------------------------------- */

INLINE __u32 answer_fold(__u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u32)((sum & 0xffff) + (sum >> 16));
}

INLINE __u64 answer_pseudo(const struct answer *answer)
{
    return answer->pseudo + bpf_htonl(PROTO_TCP + answer->l4_bytes);
}

INLINE bool answer_is_partial(const struct answer *answer)
{
    return answer_fold(answer_pseudo(answer)) == answer->checksum;
}

/* `sum`: of the segment without its checksum. */
INLINE bool answer_is_full(const struct answer *answer, __u64 sum)
{
    return answer_fold(answer_pseudo(answer) + sum + answer->checksum) == 0xffff;
}

/* Of so many words, a known number: no call. */
INLINE __u64 answer_sum_words(const void *at, __u32 words)
{
    const __be32 *word = at;
    __u64 sum = 0;

#pragma clang loop unroll(full)
    for (__u32 i = 0; i < words; i++)
        sum += word[i];
    return sum;
}

/* A segment that is all header: its options, and its sum. False: it is none, or it is odd, or its
 * checksum is wrong. */
INLINE bool answer_read_whole(struct __sk_buff *skb, const struct answer *answer,
                              struct tcp_header *tcp, struct answer_walk *walk, __u64 *sum)
{
    const __u32 header_bytes = (__u32)(tcp->offset >> 4) * 4;
    volatile __u32 options_bytes = header_bytes - TCP_BYTES;
    __u32 bytes;

    if (answer->ends_odd || header_bytes < TCP_BYTES || answer->l4_bytes != header_bytes ||
        answer->l4 + header_bytes > skb->len)
        return false;
    tcp->checksum = 0;
    *sum = answer_sum_words(tcp, sizeof(*tcp) / 4);
    if (options_bytes) {
        /* At least 1 in a form that Linux 6.1's verifier follows. */
        bytes = ((options_bytes - 1) & (sizeof(walk->at) - 1)) + 1;
        if (bpf_skb_load_bytes(skb, answer->l4 + TCP_BYTES, walk->at, bytes) != 0)
            return false;
        /* Behind them there is nothing but zeros. */
        *sum += answer_sum_words(walk->at, TCP_OPTIONS_MAX / 4);
        walk->bytes = bytes;
    }
    *sum = (*sum & 0xffffffff) + (*sum >> 32);
    *sum = (__u32)(*sum + (*sum >> 32));
    return answer_is_full(answer, *sum) || answer_is_partial(answer);
}

INLINE void answer_read_link(struct answer *answer, const __u8 *data)
{
    __builtin_memcpy(answer->to, data, sizeof(answer->to));
    __builtin_memcpy(answer->from, data + sizeof(answer->to), sizeof(answer->from));
}

INLINE bool answer_read_v4(struct __sk_buff *skb, struct answer *answer, struct tcp_header *tcp)
{
    const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
    const struct answer_ipv4 *ip = (const struct answer_ipv4 *)(data + ETH_BYTES);
    const struct tcp_header *begin = (const struct tcp_header *)(ip + 1);
    __u8 first;

    if ((const __u8 *)(begin + 1) > end || ip->version != IPV4_PLAIN || ip->protocol != PROTO_TCP ||
        (ip->fragment & IPV4_FRAGMENT))
        return false;
    answer_read_link(answer, data);
    *tcp = *begin;
    answer->v4 = true;
    answer->l4 = ETH_BYTES + sizeof(*ip);
    answer->l4_bytes = bpf_ntohs(ip->bytes) - (__u32)sizeof(*ip);
    answer->client[0] = answer->server[0] = 0;
    answer->client[1] = (__u64)ip->src << 32 | 0xffff0000u;
    answer->server[1] = (__u64)ip->dst << 32 | 0xffff0000u;
    answer->pseudo = (__u64)ip->src + ip->dst;
    first = (__u8)ip->src;
    answer->ends_odd = (answer->to[0] & 1) || first == 0 || first == 127 || first >> 4 == 14 ||
                       first == 255 || ip->src == ip->dst ||
                       answer_fold(answer_sum_words(ip, sizeof(*ip) / 4)) != 0xffff;
    return true;
}

INLINE __u64 answer_sum(const uint64_t address[2])
{
    return (address[0] & 0xffffffff) + (address[0] >> 32) + (address[1] & 0xffffffff) +
           (address[1] >> 32);
}

/* No address of IPv6 on a wire (frame.c): here it would be the key of one of IPv4. */
INLINE bool answer_is_mapped(const uint64_t address[2])
{
    return !address[0] && (__u32)address[1] == bpf_htonl(0xffff);
}

INLINE bool answer_read_v6(struct __sk_buff *skb, struct answer *answer, struct tcp_header *tcp)
{
    const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
    const struct answer_ipv6 *ip = (const struct answer_ipv6 *)(data + ETH_BYTES);
    const struct tcp_header *begin = (const struct tcp_header *)(ip + 1);

    if ((const __u8 *)(begin + 1) > end || bpf_ntohl(ip->first) >> 28 != 6 || ip->next != PROTO_TCP)
        return false;
    answer->client[0] = ip->src[0];
    answer->client[1] = ip->src[1];
    answer->server[0] = ip->dst[0];
    answer->server[1] = ip->dst[1];
    if (answer_is_mapped(answer->client) || answer_is_mapped(answer->server))
        return false;
    answer_read_link(answer, data);
    *tcp = *begin;
    answer->v4 = false;
    answer->l4 = ETH_BYTES + sizeof(*ip);
    answer->l4_bytes = bpf_ntohs(ip->bytes);
    answer->pseudo = answer_sum(answer->client) + answer_sum(answer->server);
    answer->ends_odd =
        (answer->to[0] & 1) || (__u8)answer->client[0] == 0xff ||
        (!answer->client[0] && answer->client[1] == WIRE64(1)) ||
        (answer->client[0] == answer->server[0] && answer->client[1] == answer->server[1]);
    return true;
}

/* In place (look.bpf.h). False: it is not for here, whatever it is. */
INLINE bool answer_read(struct __sk_buff *skb, struct answer *answer, struct tcp_header *tcp)
{
    if (!read_vlan(skb, &answer->vlan))
        return false;
    if (skb->protocol == ETHERTYPE_IPV4)
        return answer_read_v4(skb, answer, tcp);
    return skb->protocol == ETHERTYPE_IPV6 && answer_read_v6(skb, answer, tcp);
}

/* All that was read before is read before what follows, on every processor: a fetching atomic of
 * BPF is fully ordered. */
INLINE void answer_barrier(void)
{
    __u64 mine = 0;

    __sync_fetch_and_add(&mine, 1);
}

/* The record of the server, where the kernel may answer for it. */
INLINE bool answer_find(struct answer *answer)
{
    struct answer_key key = {.addr = {answer->server[0], answer->server[1]},
                             .port = bpf_htons(answer->server_port),
                             .shard = (__u16)answer->settings->shard,
                             .vlan = answer->vlan};
    const struct answer_value *value = bpf_map_lookup_elem(&answer_servers, &key);
    __u32 index;

    if (!value)
        return false;
    index = value->index;
    answer->record = bpf_map_lookup_elem(&answer_records, &index);
    if (!answer->record)
        return false;
    answer->version = *(volatile __u32 *)&answer->record->version;
    answer_barrier();
    return !(answer->version & 1) && *(volatile __u32 *)&answer->record->serial == value->serial;
}

/* Why answer_begin() was false: the record was just being written. */
INLINE bool answer_is_written(const struct answer *answer)
{
    return answer->record && (answer->version & 1);
}

/* Before it is read: false where there are no servers to answer for. While no worker is alive there
 * are none: the cookies of one who was killed are nobody's, and who comes meanwhile is the
 * server's, by SYN-ACKs of its own. Those of one who has ended in order the next one checks. */
INLINE bool answer_open(struct answer *answer)
{
    const __u32 first = 0;
    const enum bypassed state = bypassed();

    answer->settings = bpf_map_lookup_elem(&answer_switch, &first);
    answer->handed_on = state == BYPASSED_HANDED_ON;
    return answer->settings && (answer->settings->shards > 1 || answer->settings->servers) &&
           state != BYPASSED;
}

/* Whose engine it is for, as steering_worker(). */
INLINE __u32 answer_shard(const struct answer *answer)
{
    __u64 hash = answer->settings->steer_seed;

    if (!answer->v4) {
        hash = steer_mix(hash, (__u32)answer->client[0] ^ (__u32)answer->server[0]);
        hash = steer_mix(hash, (__u32)(answer->client[0] >> 32 ^ answer->server[0] >> 32));
        hash = steer_mix(hash, (__u32)answer->client[1] ^ (__u32)answer->server[1]);
    }
    hash = steer_mix(hash, (__u32)(answer->client[1] >> 32 ^ answer->server[1] >> 32));
    hash = steer_mix(hash, (__u32)(answer->client_port ^ answer->server_port));
    return steer_worker(hash, answer->settings->shards);
}

/* The rest of what is to be known of a frame that was read. False: it is to none of those servers.
 */
INLINE bool answer_begin(struct answer *answer, const struct tcp_header *tcp)
{
    answer->client_port = bpf_ntohs(tcp->src_port);
    answer->server_port = bpf_ntohs(tcp->dst_port);
    answer->checksum = tcp->checksum;
    if (answer->settings->shards > 1) {
        const __u32 shard = answer_shard(answer);

        answer->settings = bpf_map_lookup_elem(&answer_switch, &shard);
        if (!answer->settings || !answer->settings->servers)
            return false;
    }
    answer->now_us =
        answer->settings->clock_us ? answer->settings->clock_us : bpf_ktime_get_ns() / 1000;
    return answer_find(answer);
}

INLINE bool answer_is_whole(const struct answer *answer)
{
    answer_barrier();
    return *(volatile __u32 *)&answer->record->version == answer->version;
}

INLINE struct answer_counts *answer_counts_of(const struct answer *answer)
{
    return &answer->record->counts[bpf_get_smp_processor_id() & (ANSWER_CORES - 1)];
}

INLINE struct flow_words answer_words(const struct answer *answer)
{
    return (struct flow_words){
        {answer->client[0], answer->client[1]},
        {answer->server[0], answer->server[1]},
        flow_ends_word((__u32)answer->client_port << 16 | answer->server_port) |
            vlan_ends_word(answer->vlan)};
}

/* An entry, or a byte of bits of rows. Where there is none it reads as full, or as set: up it goes.
 */
INLINE __u8 answer_known_byte(const struct answer *answer, __u32 at)
{
    const __u32 page = answer->settings->known_page + at / ANSWER_PAGE_BYTES;
    const struct answer_page *bytes = bpf_map_lookup_elem(&answer_known, &page);

    return bytes ? *(volatile __u8 *)&bytes->known[at & (ANSWER_PAGE_BYTES - 1)] : 0xff;
}

INLINE bool answer_is_known(const struct answer *answer)
{
    const __u32 at = answer_known_at(answer->hash);

    return (answer_known_byte(answer, answer_known_row_at(at)) & answer_known_row_bit(at)) &&
           answer_known_has(answer_known_byte(answer, at), answer->hash);
}

INLINE bool answer_is_aside(const struct answer *answer)
{
    struct answer_prefix prefix = {.bits = 32 + 128, .shard = answer->settings->shard};

    if (answer->settings->aside_lost)
        return true;
    if (!answer->settings->aside)
        return false;
    __builtin_memcpy(prefix.addr, answer->client, sizeof(prefix.addr));
    return bpf_map_lookup_elem(&answer_aside, &prefix);
}

#endif
