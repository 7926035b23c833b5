/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reject.bpf.h - the part of carry.bpf.c that drops what proves nothing: acknowledgments to servers
 * in attack mode, of no connection that the engine knows and without a good cookie, so that a flood
 * of them ends here.
 *
 *      bare ACK -> server's record -> nobody's connection -> checksum -> no cookie that the engine
 *               would find good -> nothing served lately -> no stray may pass now -> counted
 *
 * What the engine would do with any of these (stages/admission.c, stages/stray.c) is to count and
 * drop it. All else goes up: data, FINs, and one in a while that may pass unproved. So does a good
 * cookie, or the engine is told of it (tell.bpf.h) where its client is to speak next. While the
 * wire is handed on a good cookie is dropped, with data or without: its client repeats it to the
 * next worker.
 */
#ifndef SYNWARD_BRIDGE_BPF_REJECT_BPF_H
#define SYNWARD_BRIDGE_BPF_REJECT_BPF_H

#include "bridge/bpf/answer_read.bpf.h"
#include "bridge/bpf/tell.bpf.h"
#include "engine/tables/replays.h"

struct reject_page {
    __u32 tags[ANSWER_SERVED_PAGE];
};

/* struct served_table of engine/tables/replays.h */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct reject_page);
} answer_served SEC(".maps");

/* Any outcome but a drop. */
#define REJECT_NONE (CARRY_COUNTS_COUNT + 1) /* it is not for here */

/* Under the key of one promise. `x`: the client's ISN. */
INLINE bool reject_fits(const struct answer *answer, const struct cookie_key *key, __u32 x, __u32 c)
{
    const __u32 hash =
        answer->v4
            ? cookie_hash_v4(&key->begun, (__u32)(answer->client[1] >> 32), answer->client_port, x)
            : cookie_hash_v6(&key->begun, answer->client, answer->client_port, x);

    return cookie_fits(c, hash);
}

/* As one thing that it can be; CARRY_rejected: it is not proved so. `epoch`: of now. */
INLINE __u32 reject_try(const struct answer *answer, const struct answer_promise *promise,
                        __u64 epoch, __u32 x, __u32 c)
{
    const __u64 made = epoch - ((epoch & 1) != c >> 31); /* cookie_epoch() */
    const struct cookie_key *key = &promise->keys[made & (ANSWER_KEYS - 1)];

    if (made == COOKIE_EPOCH_NONE)
        return CARRY_rejected;
    if (*(volatile __u64 *)&key->made_for != cookie_key_for(promise->generation, (__u32)made))
        return REJECT_NONE;
    return reject_fits(answer, key, x, c) ? CARRY_up_ack_good : CARRY_rejected;
}

/* By one promise, as what an acknowledgment can be (stages/admission.c): the handshake's own; a
 * keepalive; the last one of a closing that was answered; the first one of a client who has heard
 * our greeting (proof.c). */
INLINE __u32 reject_by(const struct answer *answer, const struct answer_promise *promise,
                       __u64 epoch, __u32 seq, __u32 ack)
{
    __u32 what = reject_try(answer, promise, epoch, seq - 1, ack - 1);

    if (what == CARRY_rejected)
        what = reject_try(answer, promise, epoch, seq, ack - 1);
    if (what == CARRY_rejected)
        what = reject_try(answer, promise, epoch, seq - 2, ack - 2);
    if (what == CARRY_rejected && promise->greeting_bytes)
        what = reject_try(answer, promise, epoch, seq - 1, ack - 1 - promise->greeting_bytes);
    return what;
}

/* Most servers have one promise whose cookies are good: the others cost a look at their time. */
INLINE __u32 reject_prove(const struct answer *answer, __u32 seq, __u32 ack)
{
    const __u64 epoch = (answer->now_us + answer->record->ahead_us) / COOKIE_EPOCH_US;

#pragma clang loop unroll(disable)
    for (__u32 which = 0; which < ANSWER_PROMISES; which++) {
        const struct answer_promise *promise = &answer->record->promises[which];
        const __u32 what = answer->now_us < promise->until_us
                               ? reject_by(answer, promise, epoch, seq, ack)
                               : CARRY_rejected;

        if (what != CARRY_rejected)
            return what;
    }
    return CARRY_rejected;
}

/* As served_lately(). */
INLINE bool reject_served(const struct answer *answer, __u32 x)
{
    const __u64 mixed = hash_with(answer->hash, x);
    const __u32 tag = ((__u32)(mixed >> 32) & ~SERVED_MINUTE_MASK) | (SERVED_MINUTE_MASK + 1);
    const __u32 at = (__u32)mixed & answer->settings->served_mask;
    const __u32 page = answer->settings->served_page + at / ANSWER_SERVED_PAGE;
    const struct reject_page *tags = bpf_map_lookup_elem(&answer_served, &page);
    __u32 is;

    if (!tags)
        return true;
    is = *(volatile __u32 *)&tags->tags[at & (ANSWER_SERVED_PAGE - 1)];
    return served_counts(is, answer->now_us) && (is & ~SERVED_MINUTE_MASK) == tag;
}

/* Two cores may let one pass each: the engine has the last word. */
INLINE bool reject_may_pass(const struct answer *answer)
{
    volatile __u64 *strays_us = (volatile __u64 *)&answer->record->strays_us;

    if (answer->now_us < *strays_us)
        return false;
    *strays_us = answer->now_us + ANSWER_STRAY_US;
    return true;
}

/* False: it has data or a FIN, is odd, or its checksum is wrong. */
INLINE bool reject_looks_plain(struct __sk_buff *skb, const struct answer *answer,
                               struct tcp_header *tcp)
{
    struct answer_walk walk = {0};
    __u64 sum;

    return !(tcp->flags & FLAG_FIN) && answer_read_whole(skb, answer, tcp, &walk, &sum);
}

/* Until the next worker is there: a good cookie, with a request or without, is not for the server,
 * which would break it off. Its client says it again. All else may be of a handshake that the
 * server has made meanwhile. */
INLINE __u32 reject_wait(const struct answer *answer, __u32 seq, __u32 ack)
{
    return reject_prove(answer, seq, ack) == CARRY_up_ack_good || !answer_is_whole(answer)
               ? CARRY_lost
               : REJECT_NONE;
}

INLINE __u32 reject_judge(struct __sk_buff *skb, struct answer *answer, struct tcp_header *tcp)
{
    const __u32 seq = bpf_ntohl(tcp->seq), ack = bpf_ntohl(tcp->ack);
    __u32 what;

    if (!answer->handed_on && answer->now_us >= *(volatile __u64 *)&answer->record->until_us)
        return REJECT_NONE;
    answer->hash =
        flow_words_hash(flow_seed_of(answer->settings->table_seed), answer_words(answer));
    if (answer->handed_on && answer->stranger)
        return reject_wait(answer, seq, ack);
    if (answer->handed_on || answer_is_known(answer))
        return REJECT_NONE;
    if (!*(volatile __u8 *)&answer->record->rejects)
        return CARRY_up_ack_stray;
    if (!reject_looks_plain(skb, answer, tcp))
        return CARRY_up_ack_odd;
    what = reject_prove(answer, seq, ack);
    if (what != CARRY_rejected)
        return what;
    if (!answer_is_whole(answer))
        return REJECT_NONE;
    return reject_served(answer, seq) || reject_served(answer, seq + 1) || reject_may_pass(answer)
               ? CARRY_up_ack_stray
               : CARRY_rejected;
}

/* A good cookie alone, of a client that is to speak next: the engine counts it, and may do so when
 * it comes by. */
INLINE bool reject_notes(struct __sk_buff *skb, const struct answer *answer)
{
    return *(volatile __u8 *)&answer->record->notes &&
           tell_may(skb, answer->l4 + answer->l4_bytes) && tell_as_it_came(skb, FROM_CLIENT, true);
}

/* A client's segment; of a connection that the engine knows: ANSWER_LEFT. `stranger`: of none that
 * is carried; what may be one by its hash alone (answer_is_known()) is nobody's to decide while
 * nobody is alive. */
static __attribute__((noinline)) int reject(struct __sk_buff *skb, int stranger)
{
    struct answer answer = {.stranger = stranger};
    struct tcp_header tcp;
    __u32 what;

    if (!answer_open(&answer) || !answer_read(skb, &answer, &tcp) ||
        (tcp.flags & (FLAG_SYN | FLAG_RST | FLAG_ACK)) != FLAG_ACK)
        return ANSWER_LEFT;
    if (!answer_begin(&answer, &tcp))
        return answer.handed_on && stranger && answer_is_written(&answer) ? TC_ACT_SHOT
                                                                          : ANSWER_LEFT;
    what = reject_judge(skb, &answer, &tcp);
    if (what == REJECT_NONE)
        return ANSWER_LEFT;
    if (what == CARRY_up_ack_good && reject_notes(skb, &answer))
        what = CARRY_noted;
    if (what == CARRY_rejected)
        __sync_fetch_and_add(&answer_counts_of(&answer)->rejected, 1);
    count(what);
    return what == CARRY_rejected || what == CARRY_noted || what == CARRY_lost ? TC_ACT_SHOT
                                                                               : TC_ACT_UNSPEC;
}

#endif
