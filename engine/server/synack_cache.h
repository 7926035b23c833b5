/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * synack_cache.h - SYN-ACKs laid out once for each promise and offer, and kept, as all SYNs of a
 * flood are alike.
 *
 * An answer is kept twice: as what it says (synack.h), for all links and both families; and as the
 * bytes of an IPv4 packet without addresses, ports, numbers and timestamps, with their sum, for
 * plain SYNs (fast/syn.h). segment.c writes both.
 *
 * ANSWERS places for all servers of a shard together, found by server and offer; who comes last
 * stays. A promise lives as long as its policy, so everything is dropped when another is adopted.
 */
#ifndef SYNWARD_ENGINE_SERVER_SYNACK_CACHE_H
#define SYNWARD_ENGINE_SERVER_SYNACK_CACHE_H

#include "engine/tcp/cookie.h"
#include "engine/server/policy.h"
#include "engine/tcp/segment.h"
#include "engine/tcp/synack.h"

#define ANSWERS 256u /* a power of two */

/* IP header up to its checksum, and TCP header with options. Sums are native ones (checksum.h),
 * without the checksum fields. */
struct answer_v4 {
    uint8_t ip[12];
    uint8_t tcp[TCP_HEADER_BYTES + TCP_OPTIONS_MAX];
    uint8_t tcp_bytes;     /* 0: it cannot be used, its timestamps stand at an odd offset */
    uint8_t timestamps_at; /* of TSval from the TCP header; 0: there are none */
    uint16_t ip_sum;       /* of the header */
    uint16_t tcp_sum;      /* of header, options, and the pseudo header's protocol and length */
};

/* What a server answers to an offer, under this promise. */
struct kept_answer {
    const struct promise *promise; /* NULL: none */
    uint8_t offered;
    struct synack_answer answer;
    struct answer_v4 v4;
    /* The newest client's MSS and scale, and what they come to: a flood's are all alike. */
    uint32_t client;
    struct cookie_words words;
};

struct synack_cache {
    struct kept_answer slots[ANSWERS], *last; /* the one found last: a flood asks for the same */
};

/* Also before the first use. */
void synack_cache_forget(struct synack_cache *cache);

/* kept_answer_of() of another than the one found last. Rare: what it is given is worked out only
 * then. */
struct kept_answer *__attribute__((cold))
kept_answer_other(struct synack_cache *cache, uint32_t server, const struct promise *promise,
                  uint8_t offered);
/* What a server answers under `promise` to a SYN that offers this (enum synack_offer). `server` is
 * any number, the same each time, that other servers are not likely to have. */
static inline struct kept_answer *kept_answer_of(struct synack_cache *cache, uint32_t server,
                                                 const struct promise *promise, uint8_t offered)
{
    struct kept_answer *last = cache->last;

    return last->promise == promise && last->offered == offered
               ? last
               : kept_answer_other(cache, server, promise, offered);
}

/* What the answer says to any client: flags, window, and how many bytes of options. */
void kept_answer_say(const struct synack_answer *answer, struct segment *segment);

#endif
