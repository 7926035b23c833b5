/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proved_sources.h - a fixed table of the sources that have asked a server over TCP lately, and so
 * may ask it over UDP: their addresses are their own.
 *
 * Only a proof takes a place, which costs its client a connection with a right query: a flood of
 * forged queries pushes out nobody. Who finds no place in its set takes that of the source whose
 * proof is oldest, and that one proves itself again with its next query, at no more cost than
 * before. A network (IPv4 /24, IPv6 /48) has one place in a set at most, so that one with many
 * addresses, who proves each of them, has a quarter of all. Sources are told apart by IPv4 address
 * or IPv6 /64, with an error of 2^-64 a question.
 *
 * An address that was proved can be forged, too. So each has a bucket of its own.
 */
#ifndef SYNWARD_ENGINE_UDP_PROVED_SOURCES_H
#define SYNWARD_ENGINE_UDP_PROVED_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/token_bucket.h"

#define PROVED_SOURCES    16384u
#define PROVED_SOURCES_US (300ull * 1000 * 1000)
#define PROVED_WAYS       4

struct proved_source {
    uint64_t tag; /* keyed hash of source and server; 0: free */
    uint64_t proved_us;
    uint64_t network; /* keyed hash of its /24, or /48 */
    struct token_bucket direct;
    bool untold; /* others are still to hear of it */
};

struct proved_sources {
    struct proved_source *slots; /* PROVED_SOURCES of them, zeroed */
    uint64_t seed[2];
};

/* `server`: a number that tells servers apart. */
static inline uint64_t proved_source_tag(const struct proved_sources *table,
                                         const struct ip_addr *addr, uint32_t server)
{
    const struct ip_addr prefix = source_prefix(addr);
    const uint64_t tag = hash_with(addr_hash(table->seed, &prefix), server);

    return tag ? tag : 1;
}

/* NULL: it has not proved itself, or long ago. */
static inline struct proved_source *proved_source_find(const struct proved_sources *table,
                                                       uint64_t tag, uint64_t now_us)
{
    struct proved_source *set = &table->slots[tag % (PROVED_SOURCES / PROVED_WAYS) * PROVED_WAYS];

    for (uint32_t i = 0; i < PROVED_WAYS; i++)
        if (set[i].tag == tag)
            return now_us - set[i].proved_us < PROVED_SOURCES_US ? &set[i] : NULL;
    return NULL;
}

/* The place of somebody of that network, else a free one, else that of the oldest proof. */
static inline struct proved_source *proved_source_place(struct proved_source *set, uint64_t network)
{
    struct proved_source *place = set;

    for (uint32_t i = 0; i < PROVED_WAYS; i++) {
        if (set[i].tag && set[i].network == network)
            return &set[i];
        if (place->tag && (!set[i].tag || set[i].proved_us < place->proved_us))
            place = &set[i];
    }
    return place;
}

/* Its place, where that is news: it was not there, or for half of its time, or is untold. NULL: it
 * is none. */
static inline struct proved_source *proved_source_put(const struct proved_sources *table,
                                                      uint64_t tag, uint64_t network,
                                                      uint64_t now_us)
{
    struct proved_source *set = &table->slots[tag % (PROVED_SOURCES / PROVED_WAYS) * PROVED_WAYS];
    struct proved_source *place;

    for (uint32_t i = 0; i < PROVED_WAYS; i++) {
        if (set[i].tag == tag) {
            if (now_us - set[i].proved_us < PROVED_SOURCES_US / 2 && !set[i].untold)
                return NULL;
            set[i].proved_us = now_us;
            set[i].untold = false;
            return &set[i];
        }
    }
    place = proved_source_place(set, network);
    *place = (struct proved_source){.tag = tag, .proved_us = now_us, .network = network};
    return place;
}

#endif
