/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer.bpf.h - the part of carry.bpf.c that answers SYNs to servers in attack mode with the
 * cookie that the engine would make (engine/tcp/answer_record.h), so that a flood ends here.
 *
 *      plain SYN -> server's record -> nobody's connection, not put aside -> options, checksum
 *                -> what is said to such an offer -> cookie, TSval -> counted -> written over it
 *
 * Whatever is out of the ordinary goes up as it came. What is answered gets the bytes that
 * engine/fast/syn.h, or stages/syn.c over IPv6, would write.
 *
 * A good checksum may be a full or a partial one, which alone the kernel knows: what the SYN's own
 * is good as, the answer's is made as. One in 65,536 is good as either, and goes up.
 */
#ifndef SYNWARD_BRIDGE_BPF_ANSWER_BPF_H
#define SYNWARD_BRIDGE_BPF_ANSWER_BPF_H

#include "bridge/bpf/answer_read.bpf.h"

#define ANSWER_TO_HOST 0 /* the kernel calls it PACKET_HOST */

/* --- the answer ------------------------------------------------------------------------------ */

INLINE __u64 *answer_asked_slot(const struct answer *answer)
{
    const __u32 at = answer->settings->asked_at + ((__u32)answer->hash & (ASKED_TAGS - 1));

    return bpf_map_lookup_elem(&answer_asked, &at);
}

/* Remembers that this client was asked with this ISN, as tag_put_first(); true: for the first time.
 */
INLINE bool answer_remember(const struct answer *answer, __u32 x)
{
    const __u32 now_ms = (__u32)(answer->now_us / 1000);
    __u32 tag = (__u32)(answer->hash >> 32) + x;
    __u64 *slot = answer_asked_slot(answer);

    if (!slot)
        return false;
    tag += !tag;
    if ((__u32)answer->asked == tag && now_ms - (__u32)(answer->asked >> 32) < ASKED_LIFE_MS)
        return false;
    *(volatile __u64 *)slot = (__u64)now_ms << 32 | tag;
    return true;
}

INLINE void answer_count(const struct answer *answer, __u32 x)
{
    const __u32 step = (__u32)(answer->now_us / ANSWER_STEP_US) & (ANSWER_STEPS - 1);
    struct answer_counts *counts = answer_counts_of(answer);

    __sync_fetch_and_add(&counts->syns[step], 1);
    if (answer_remember(answer, x))
        __sync_fetch_and_add(&counts->asked[step], 1);
}

INLINE __u16 answer_ip_id(const struct answer *answer)
{
    const __u8 kind = answer->record->ip_id_kind;

    if (kind == ANSWER_IP_ID_INCREMENT)
        return (__u16)__sync_fetch_and_add(&answer->record->ip_id, 1);
    if (kind == ANSWER_IP_ID_RANDOM)
        return (__u16)(answer->now_us * 40503u ^ answer->client_port);
    return 0;
}

/* Cookie, and the bits of TSval, of what is granted; false: there is no key for this time. */
INLINE bool answer_numbers(const struct answer *answer, const struct answer_walk *walk,
                           const struct answer_said *said, __u32 x, struct cookie_words *numbers)
{
    const __u16 *table = answer->v4 ? answer_mss_v4 : answer_mss_v6;
    const __u16 mss = walk->mss ? walk->mss : answer->v4 ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
    const __u8 offered = walk->wscale > WSCALE_MAX ? WSCALE_MAX : walk->wscale;
    const __u8 scale = said->grants & ANSWER_WSCALE ? offered : WSCALE_NONE;
    const __u32 epoch = (__u32)((answer->now_us + answer->record->ahead_us) / COOKIE_EPOCH_US);
    const __u32 index = cookie_mss_index(table, mss) & (COOKIE_MSS_ENTRIES - 1);
    const struct answer_promise *promise = &answer->record->promises[0];
    const struct cookie_key *key = &promise->keys[epoch & (ANSWER_KEYS - 1)];
    __u32 words, hash;

    if (*(volatile __u64 *)&key->made_for != cookie_key_for(promise->generation, epoch))
        return false;
    words = cookie_option_bits(index, scale, said->grants & ANSWER_SACK);
    hash = answer->v4 ? cookie_hash_v4(&key->begun, (__u32)(answer->client[1] >> 32),
                                       answer->client_port, x)
                      : cookie_hash_v6(&key->begun, answer->client, answer->client_port, x);
    numbers->cookie = cookie_of(hash, words, epoch);
    numbers->tsval =
        cookie_finer_of(table, index, mss) | (said->grants & ANSWER_ECN ? COOKIE_TS_ECN : 0);
    return true;
}

/* The answer, from its end: the TCP header stands in the same place behind either IP header. */
struct answer_frame {
    union {
        struct {
            __u8 unused[20];
            struct answer_link link;
            struct answer_ipv4 ip;
        } v4;
        struct {
            struct answer_link link;
            struct answer_ipv6 ip;
        } v6;
    };
    struct answer_tcp tcp;
};

/* Of each core, as the stack has no room for it. All of it is written anew each time but what is
 * always 0. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct answer_frame);
} answer_frames SEC(".maps");

struct answer_segment {
    struct answer_frame *frame;
    __u32 bytes; /* of the TCP header */
    __u32 flow_label;
    __u16 ip_id;
};

/* Both ends exchanged. */
INLINE void answer_turn(const struct __sk_buff *skb, const struct answer *answer,
                        struct answer_link *link)
{
    __builtin_memcpy(link->to, answer->from, sizeof(link->to));
    __builtin_memcpy(link->from, answer->to, sizeof(link->from));
    link->type = (__be16)skb->protocol;
}

INLINE void answer_put_v4(const struct answer *answer, const struct answer_segment *segment,
                          struct answer_ipv4 *ip)
{
    *ip = (struct answer_ipv4){.version = IPV4_PLAIN,
                               .bytes = bpf_htons((__u16)(sizeof(*ip) + segment->bytes)),
                               .id = bpf_htons(segment->ip_id),
                               .fragment = answer->record->df ? bpf_htons(0x4000) : 0,
                               .ttl = answer->record->ttl,
                               .protocol = PROTO_TCP,
                               .src = (__be32)(answer->server[1] >> 32),
                               .dst = (__be32)(answer->client[1] >> 32)};
    ip->checksum = (__u16)~answer_fold(answer_sum_words(ip, sizeof(*ip) / 4));
}

INLINE void answer_put_v6(const struct answer *answer, const struct answer_segment *segment,
                          struct answer_ipv6 *ip)
{
    ip->first = bpf_htonl(6u << 28 | segment->flow_label);
    ip->bytes = bpf_htons((__u16)segment->bytes);
    ip->next = PROTO_TCP;
    ip->hop_limit = answer->record->ttl;
    ip->src[0] = answer->server[0];
    ip->src[1] = answer->server[1];
    ip->dst[0] = answer->client[0];
    ip->dst[1] = answer->client[1];
}

/* As the SYN's own: of a partial one the card, or whoever is on the same machine, adds the rest. */
INLINE __u16 answer_checksum_as(const struct answer *answer, const struct answer_segment *segment)
{
    const __u64 pseudo = answer->pseudo + bpf_htonl(PROTO_TCP + segment->bytes);

    if (answer->partial)
        return (__u16)answer_fold(pseudo);
    /* Behind the options there is nothing but zeros. */
    return (__u16)~answer_fold(
        pseudo + answer_sum_words(&segment->frame->tcp, (TCP_BYTES + TCP_OPTIONS_MAX) / 4));
}

/* False: the kernel had no memory for it, and the frame may be half of each. */
INLINE bool answer_write(struct __sk_buff *skb, const struct answer *answer,
                         struct answer_segment *segment)
{
    struct answer_frame *frame = segment->frame;
    volatile __u32 header_bytes = segment->bytes;
    const __u32 bytes = ((header_bytes - 1) & (sizeof(frame->tcp) - 1)) + 1;

    frame->tcp.head.checksum = answer_checksum_as(answer, segment);
    if (skb->len != answer->l4 + bytes && bpf_skb_change_tail(skb, answer->l4 + bytes, 0) != 0)
        return false;
    if (answer->v4) {
        answer_turn(skb, answer, &frame->v4.link);
        answer_put_v4(answer, segment, &frame->v4.ip);
        return bpf_skb_store_bytes(skb, 0, frame->v4.link.to,
                                   ETH_BYTES + sizeof(frame->v4.ip) + bytes, 0) == 0;
    }
    answer_turn(skb, answer, &frame->v6.link);
    answer_put_v6(answer, segment, &frame->v6.ip);
    return bpf_skb_store_bytes(skb, 0, frame->v6.link.to, ETH_BYTES + sizeof(frame->v6.ip) + bytes,
                               0) == 0;
}

/* `at`: even, where there is room for both. */
INLINE void answer_put_timestamps(struct answer_tcp *tcp, __u32 at, __u32 tsval, __u32 tsecr)
{
    volatile __u32 place = at;
    const __u32 offset = place & 63;
    __be32 *to = (__be32 *)(tcp->options + offset);

    if (offset > TCP_OPTIONS_MAX - 2 * sizeof(*to))
        return;
    to[0] = bpf_htonl(tsval);
    to[1] = bpf_htonl(tsecr);
}

/* What is said to this client. False: it is to be asked again, by the engine. */
INLINE bool answer_say(const struct answer *answer, const struct answer_walk *walk,
                       const struct tcp_header *syn, struct answer_segment *segment)
{
    const __u8 ecn = (syn->flags & (FLAG_ECE | FLAG_CWR)) == (FLAG_ECE | FLAG_CWR);
    volatile __u32 offered = (walk->present & (OFFER_ECN_BIT - 1)) | (ecn ? OFFER_ECN_BIT : 0);
    const struct answer_said *said = &answer->record->said[offered & (ANSWER_OFFERS - 1)];
    const __u32 x = bpf_ntohl(syn->seq);
    struct cookie_words numbers;
    struct tcp_header *head;
    __u64 tuple;

    if (!(said->grants & ANSWER_USABLE) || !answer_numbers(answer, walk, said, x, &numbers))
        return false;
    tuple = flow_words_hash(flow_seed_of(answer->settings->tsval_seed), answer_words(answer));
    head = &segment->frame->tcp.head;
    segment->bytes = TCP_BYTES + said->options_bytes;
    segment->flow_label = (__u32)(tuple >> 44);
    head->src_port = syn->dst_port;
    head->dst_port = syn->src_port;
    head->seq = bpf_htonl(numbers.cookie);
    head->ack = bpf_htonl(x + 1);
    head->offset = (__u8)(segment->bytes / 4 << 4);
    head->flags = said->flags;
    head->window = bpf_htons(said->window);
    head->checksum = 0; /* of the answer before */
    __builtin_memcpy(segment->frame->tcp.options, said->options, sizeof(said->options));
    if (said->timestamps_at)
        answer_put_timestamps(
            &segment->frame->tcp, said->timestamps_at,
            (((__u32)((answer->now_us + answer->record->ahead_us) / 1000) + (__u32)tuple) &
             ~COOKIE_TS_BITS) |
                numbers.tsval,
            walk->tsval);
    return true;
}

/* --- decision -------------------------------------------------------------------------------- */

/* False: it is odd, signed, or its checksum is wrong, or may be of either kind. */
INLINE bool answer_look(struct __sk_buff *skb, struct answer *answer, struct tcp_header *tcp,
                        struct answer_walk *walk)
{
    __u64 sum;

    if (!answer_read_whole(skb, answer, tcp, walk, &sum))
        return false;
    answer->partial = answer_is_partial(answer);
    if (answer->partial && answer_is_full(answer, sum))
        return false;
    if (walk->bytes && !answer_usual(walk))
        bpf_loop(TCP_OPTIONS_MAX, answer_step, walk, 0);
    return !walk->bad && !(walk->present & OPTIONS_SIGNED);
}

/* Of a client that may wait for its server to speak, and must be asked again if its ACK is lost,
 * the engine answers as many as it could remember. */
INLINE bool answer_is_remembered(const struct answer *answer)
{
    struct answer_record *record = answer->record;

    return *(volatile __u8 *)&record->waits && *(volatile __s32 *)&record->spare > 0 &&
           (__s32)__sync_fetch_and_add(&record->spare, -1) > 0;
}

/* While nobody is alive who would say it again, a client that may wait for its server to speak is
 * left to its own repeat. */
INLINE __u32 answer_prepare(struct __sk_buff *skb, struct answer *answer, struct tcp_header *tcp,
                            struct answer_segment *segment)
{
    struct answer_walk walk = {.wscale = WSCALE_NONE};
    const __u64 *slot;

    if (answer->now_us >= *(volatile __u64 *)&answer->record->until_us)
        return CARRY_up_syn_late;
    if (answer->handed_on && *(volatile __u8 *)&answer->record->waits)
        return CARRY_lost;
    if (answer_is_aside(answer))
        return CARRY_up_syn_aside;
    answer->hash =
        flow_words_hash(flow_seed_of(answer->settings->table_seed), answer_words(answer));
    slot = answer_asked_slot(answer);
    answer->asked = slot ? *(volatile __u64 *)slot : 0;
    if (answer_is_known(answer))
        return ANSWER_KNOWN_FLOW;
    if (!answer_look(skb, answer, tcp, &walk))
        return CARRY_up_syn_odd;
    if (!answer_say(answer, &walk, tcp, segment))
        return CARRY_up_syn_late;
    if (answer_is_remembered(answer))
        return CARRY_up_syn_waiting;
    segment->ip_id = answer_ip_id(answer);
    return answer_is_whole(answer) ? CARRY_answered : CARRY_up_syn_late;
}

/* CARRY_answered where the answer was written over it. */
INLINE __u32 answer_make(struct __sk_buff *skb, struct answer *answer, struct tcp_header *tcp)
{
    const __u32 first = 0;
    struct answer_segment segment = {.frame = bpf_map_lookup_elem(&answer_frames, &first)};
    __u32 what;

    if (!segment.frame)
        return CARRY_up_syn_late;
    what = answer_prepare(skb, answer, tcp, &segment);
    if (what != CARRY_answered)
        return what;
    return answer_write(skb, answer, &segment) ? CARRY_answered : CARRY_lost;
}

/*
 * Out of the port; or, to the other end of its veth (carry_settings), into that end at once: past
 * the port's queue, and without another softirq. Whose host a frame is for the kernel has noted
 * when the SYN came in, whose MAC was the server's, and does not look again: the client's stack
 * would drop it.
 */
INLINE int answer_send(struct __sk_buff *skb, __u32 to, const __u8 mac[6], __u64 peer_mac)
{
    __u64 client_mac = 0;

    __builtin_memcpy(&client_mac, mac, 6);
    if (!peer_mac || client_mac != peer_mac || bpf_skb_change_type(skb, ANSWER_TO_HOST) != 0)
        return (int)bpf_redirect(to, 0);
    return (int)bpf_redirect_peer(to, 0);
}

/* A client's frame. `to`: the interface that it came from. */
static __attribute__((noinline)) int answer_syn(struct __sk_buff *skb, __u32 to, __u64 peer_mac)
{
    struct answer answer = {0};
    struct tcp_header tcp;
    __u32 what;

    if (!answer_open(&answer) || !answer_read(skb, &answer, &tcp) ||
        (tcp.flags & TCP_SYN_PLAIN) != FLAG_SYN)
        return ANSWER_LEFT;
    if (!answer_begin(&answer, &tcp))
        return ANSWER_LEFT;
    what = answer_make(skb, &answer, &tcp);
    /* Of a connection that has a record, the gates are to be shut. */
    if (what == ANSWER_KNOWN_FLOW)
        return ANSWER_LEFT;
    count(what);
    if (what != CARRY_answered)
        return what == CARRY_lost ? TC_ACT_SHOT : TC_ACT_UNSPEC;
    answer_count(&answer, bpf_ntohl(tcp.seq));
    return answer_send(skb, to, answer.from, peer_mac);
}

#endif
