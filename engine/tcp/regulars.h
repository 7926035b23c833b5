/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * regulars.h - sources that have had a connection within the last hour, and how many new ones a
 * server gets of such: for who passes frames on without us (bridge/bpf/bypass.bpf.c) and has to
 * tell them from a flood.
 *
 * A source is an IPv4 address or an IPv6 /64. It has a place in one bucket of four, by a secret
 * seed, so that nobody can aim at another's; in a full bucket the oldest goes. Two sources of one
 * bucket and one tag (16 bits) are the same: one in 16,384 strangers passes for a regular.
 *
 * Written by all engines, read by the kernel.
 */
#ifndef SYNWARD_ENGINE_TCP_REGULARS_H
#define SYNWARD_ENGINE_TCP_REGULARS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define REGULARS_PLACES    (1u << 17)
#define REGULARS_WAYS      4u
#define REGULARS_MINUTES   60u
#define REGULARS_SERVERS   1024u /* that have a rate of their own, by a hash */
#define REGULARS_MINUTE_US 60000000ull

/* New connections a second at a server of which less is known. */
#define REGULARS_LEAST 32u

struct regulars {
    uint32_t places[REGULARS_PLACES];      /* tag << 16 | minute; 0: nobody */
    uint32_t per_second[REGULARS_SERVERS]; /* 0: nothing is known */
};

/* Of a source, by the words of its address (struct flow_words). */
static inline uint64_t regulars_hash(struct flow_seed seed, const uint64_t address[2])
{
    const bool is_v4 = address[0] == 0;

    return hash_mix(address[0] ^ seed.first, (is_v4 ? address[1] : 0) ^ seed.second);
}

/* The first place of its bucket. */
static inline uint32_t regulars_at(uint64_t hash)
{
    return (uint32_t)(hash >> 32) & (REGULARS_PLACES - REGULARS_WAYS);
}

static inline uint32_t regulars_minute(uint64_t now_us)
{
    return (uint32_t)(now_us / REGULARS_MINUTE_US) & 0xffff;
}

static inline uint32_t regulars_word(uint64_t hash, uint32_t minute)
{
    const uint32_t tag = (uint32_t)hash & 0xffff;

    return (tag ? tag : 1) << 16 | minute;
}

static inline uint32_t regulars_age(uint32_t word, uint32_t minute)
{
    return (minute - word) & 0xffff;
}

/* `word` is as regulars_word() makes it now. */
static inline bool regulars_is(uint32_t place, uint32_t word)
{
    return place >> 16 == word >> 16 && regulars_age(place, word & 0xffff) <= REGULARS_MINUTES;
}

/* Of a server by the words of its address, its port in host byte order. */
static inline uint32_t regulars_server(const uint64_t address[2], uint16_t port)
{
    return (uint32_t)hash_mix(address[0] ^ address[1], 0x9e3779b97f4a7c15u ^ port) &
           (REGULARS_SERVERS - 1);
}

#ifndef __bpf__
/* This client has a connection. Nothing is written where that is known: others read it. */
static inline void regulars_note(struct regulars *regulars, struct flow_seed seed,
                                 const uint64_t address[2], uint64_t now_us)
{
    const uint64_t hash = regulars_hash(seed, address);
    const uint32_t minute = regulars_minute(now_us), word = regulars_word(hash, minute);
    uint32_t *bucket = &regulars->places[regulars_at(hash)], *oldest = bucket;
    uint32_t most = 0;

    for (uint32_t i = 0; i < REGULARS_WAYS; i++) {
        const uint32_t place = __atomic_load_n(&bucket[i], __ATOMIC_RELAXED);
        const uint32_t age = place ? regulars_age(place, minute) : UINT32_MAX;

        if (place == word)
            return;
        if (place >> 16 == word >> 16) {
            oldest = &bucket[i];
            break;
        }
        if (age >= most) {
            most = age;
            oldest = &bucket[i];
        }
    }
    __atomic_store_n(oldest, word, __ATOMIC_RELAXED);
}

/* Of several servers in one place the one that gets most counts: what one says falls slowly. */
static inline void regulars_expect(struct regulars *regulars, const uint64_t address[2],
                                   uint16_t port, uint32_t per_second)
{
    uint32_t *place = &regulars->per_second[regulars_server(address, port)];
    const uint32_t was = __atomic_load_n(place, __ATOMIC_RELAXED);
    const uint32_t fallen = was - was / 64;
    const uint32_t now = per_second > fallen ? per_second : fallen;

    if (now != was)
        __atomic_store_n(place, now, __ATOMIC_RELAXED);
}
#endif

#endif
