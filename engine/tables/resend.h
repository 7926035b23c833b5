/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resend.h - rings that remember, for a few seconds, what was said statelessly and may have to be
 * said again.
 *
 * Two are kept (rule 2.1): greetings sent for a server, resent after 1, 3 and 7 s until
 * acknowledged, and SYN-ACKs of services that greet (if the client's last ACK is lost, or nothing
 * can be done for it now, nobody else would repeat anything). Both are fixed: N slots, found by a
 * keyed hash of the connection (4 ways, oldest entry of the set overwritten), due in the order of
 * FIFO queues, one for each delay, so that adding, finding and removing are O(1) whatever the load.
 * Correctness never depends on an entry being there: an overwritten one is left to the client's own
 * timeout. SYNs can be spoofed, so they have a ring of their own and never displace greetings. No
 * source (IPv4 address, IPv6 /64) holds more than 1/16 of the slots.
 *
 *      add --grace--> stage 0 due (first sending) --1 s--> stage 1 due --2 s--> stage 2 due --4
 *      s--> stage 3 due --> gone add with grace 0 starts before stage 1: the caller has sent
 *      already
 *
 * The queues are in the order of entering. Where graces differ, a short one behind a long one waits
 * for it: an entry of stage 0 is late by less than the longest grace in use.
 */
#ifndef SYNWARD_ENGINE_TABLES_RESEND_H
#define SYNWARD_ENGINE_TABLES_RESEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/tcp/cookie.h"
#include "engine/tcp/segment.h"

#define RESEND_FIRST_US  (1000ull * 1000) /* after the first sending */
#define RESEND_SECOND_US (3000ull * 1000) /* after the first sending */
/* After the first sending: one loss more, as for our SYN (RFC 6298 5.5) */
#define RESEND_THIRD_US (7000ull * 1000)

struct resend_entry {
    struct flow_key key;
    uint32_t seq; /* greeting: c + 1; SYN-ACK: c */
    uint32_t ack; /* x + 1 */
    uint32_t tsecr;
    uint32_t generation; /* of the promise */
    union {
        struct {
            uint16_t stage : 2; /* what is due next: 0 to 3 */
            uint16_t timestamps : 1;
            uint16_t offered : 6; /* SYN-ACK: enum synack_offer */
        };
        struct {
            uint16_t : 3;        /* the same */
            uint16_t ahead : 13; /* greeting: steps of TSval that another bridge's clock is ahead of
                                    ours */
        };
    };
    struct cookie_options client; /* what was granted, for the bits of the TSval */
    struct link_header link;      /* towards the client */
    uint64_t sent_us;             /* of the first sending */
};

#define RESEND_STAGES 4u

#define RESEND_AHEAD_MAX 8191u /* 524 s */

_Static_assert(COOKIE_SKEW_US / 1000 / (COOKIE_TS_BITS + 1) < RESEND_AHEAD_MAX,
               "all that is allowed");

struct resend_slot;

/* For resend.c, and for what is inline, as most rings that are asked are empty. */
struct resend_list {
    uint32_t head, tail;
};

struct resend_ring {
    uint64_t seed[2];
    uint32_t slots_count;
    uint32_t counters_count; /* power of two */
    uint32_t count;
    uint64_t made;
    struct resend_list lists[RESEND_STAGES];
    struct resend_slot *slots;
    uint32_t *counters; /* by source, of those that are proved behind those that are not */
} __attribute__((aligned(64)));

size_t resend_ring_bytes(uint32_t slots);
/* `memory`: zeroed, 64-aligned, resend_ring_bytes() long; touched only as used. `slots`: a power of
 * two >= 64. */
struct resend_ring *resend_ring_init(void *memory, uint32_t slots, const uint64_t seed[2]);

/*
 * Makes (or makes anew) the entry of a connection and returns it for the caller to fill (key, stage
 * and sent_us are set); NULL where its source has its share already, or the connection is proved.
 * `grace_us` > 0: stage 0 comes due after it; 0: stage 1 comes due after RESEND_FIRST_US.
 */
struct resend_entry *resend_add(struct resend_ring *ring, const struct flow_key *key,
                                uint64_t grace_us, uint64_t now_us);
/*
 * The same of a client whose cookie was good, among others of whom nothing is known, with stage 1.
 * None of these displaces it, nor takes its place as the same connection: anybody can send a SYN.
 * Both have shares of their own, and half of each set at least is theirs of whom nothing is known.
 */
struct resend_entry *resend_add_proved(struct resend_ring *ring, const struct flow_key *key,
                                       uint64_t now_us);
/* The client of an entry that is there has a good cookie. Where its source has its share of those
 * nothing changes. */
void resend_prove(struct resend_ring *ring, struct resend_entry *entry);
bool resend_is_proved(const struct resend_entry *entry);
struct resend_entry *resend_find(struct resend_ring *ring, const struct flow_key *key);
/* By number, below slots_count, for handover; NULL: the slot is empty. */
const struct resend_entry *resend_at(const struct resend_ring *ring, uint32_t slot);
static inline uint32_t resend_count(const struct resend_ring *ring)
{
    return ring->count;
}
/* Nothing happens where there is no such entry. */
void resend_remove_from(struct resend_ring *ring, const struct flow_key *key);
static inline void resend_remove(struct resend_ring *ring, const struct flow_key *key)
{
    if (resend_count(ring))
        resend_remove_from(ring, key);
}
/*
 * The next entry that is due, NULL where none is. entry->stage says which sending is due; `*last`
 * that it was the last one. The entry has then been put in the queue of the next stage or, if last,
 * taken out: the pointer is good until the next call on the ring.
 */
struct resend_entry *resend_due(struct resend_ring *ring, uint64_t now_us, bool *last);
/* When resend_due() next has something; UINT64_MAX: nothing queued. May be early (entries removed
 * meanwhile). */
uint64_t resend_next(const struct resend_ring *ring);

#endif
