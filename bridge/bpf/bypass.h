/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bypass.h - what the bypassing program (bypass.bpf.c), those who load it and the workers agree on:
 * who is alive.
 *
 *      program   first_us = now, where it is 0   a frame has gone up that nobody has answered
 *      worker    first_us = 0, each batch        it has been read, and all that came before
 *      program   dead_us = now, deaths + 1       the process is killed, or ends (of its own)
 *      keeper    dead_us = now, deaths + 1       it has seen that, where no program does
 *      program   dead_us = now, deaths + 1       the TAP is gone, or first_us is BYPASS_DEAD_US old
 *      worker    old + 1, first_us = 0           it finds a first_us that is BYPASS_OLD_US old
 *      worker    sees that `deaths` or `old` has grown: what it reads is stale, and is thrown away
 *                until there is nothing; then dead_us = 0
 *      process   handover = BYPASS_HANDED_ON, dead_us = now, deaths + 1
 *                                            it ends in order, and the next one has what it knows,
 *                                            its keys too: what is left in the TAPs is not stale
 *      the next  handover = BYPASS_TAKEN_OVER, dead_us = now, deaths + 1
 *                                            of its own pulse: until its workers are alive
 *
 * An idle worker is not late: nobody waits for it. A clock that jumps kills nobody: a worker that
 * runs has BYPASS_DOUBT_US to answer, once the time is over.
 */
#ifndef SYNWARD_BRIDGE_BPF_BYPASS_H
#define SYNWARD_BRIDGE_BPF_BYPASS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/tcp/regulars.h"

#define BYPASS_FROM_CLIENT "bypass_from_client"
#define BYPASS_FROM_SERVER "bypass_from_server"
#define BYPASS_KILLED      "bypass_killed"
#define BYPASS_ENDED       "bypass_ended"
#define BYPASS_OWNER       "bypass_owner"

#define BYPASS_LATE_US  5000u   /* from then on it is asked whether the TAP is there */
#define BYPASS_OLD_US   900000u /* so old a frame comes too late */
#define BYPASS_DEAD_US  3000000u
#define BYPASS_DOUBT_US 20000u

/* New connections of strangers while nobody is alive, where they are limited: for each server, and
 * of what cannot be read for all; so many at once as in a second. Those of regulars have buckets of
 * their own (engine/tcp/regulars.h). */
#define BYPASS_SYNS       8u
#define BYPASS_EACH       4u /* one regular gets a quarter of all, and BYPASS_SYNS at least */
#define BYPASS_ODD        128u
#define BYPASS_REGULARS   REGULARS_SERVERS /* buckets from here on */
#define BYPASS_ODD_BUCKET (2 * REGULARS_SERVERS)

enum bypass_policy { BYPASS_OPEN, BYPASS_LIMITED };
/* With any but the first the next daemon has the keys, and cookies stay good. */
enum bypass_handover { BYPASS_NOT_HANDED, BYPASS_HANDED_ON, BYPASS_TAKEN_OVER };

struct bypass_pulse {
    /* Written at nearly each batch. */
    uint64_t first_us, suspect_us;
    uint32_t old;      /* times that what waited had waited for too long */
    uint32_t handover; /* enum bypass_handover */
    uint32_t unused[10];
    /* Seldom. Times are of the monotonic clock; 0: never. */
    uint64_t dead_us;
    uint32_t deaths, policy;
    uint32_t to[2];  /* interfaces that lead to the client and to the server; 0: all goes up */
    uint32_t tap[2]; /* that frames from the client, from the server go up by */
    uint64_t seed[2];
    uint64_t passed, limited; /* frames, since the start; dropped: limited, or of a joined one */
};

_Static_assert(sizeof(struct bypass_pulse) == 128, "two cache lines");

/* --- the keeper's part ----------------------------------------------------------------------- */

static inline void bypass_die(struct bypass_pulse *pulse, uint64_t now_us)
{
    uint64_t alive = 0;

    if (__atomic_compare_exchange_n(&pulse->dead_us, &alive, now_us, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED))
        __atomic_fetch_add(&pulse->deaths, 1, __ATOMIC_ACQ_REL);
}

/* --- who ends in order ------------------------------------------------------------------------ */

static inline void bypass_hand_on(struct bypass_pulse *pulse, uint64_t now_us)
{
    __atomic_store_n(&pulse->handover, BYPASS_HANDED_ON, __ATOMIC_SEQ_CST);
    bypass_die(pulse, now_us);
}

static inline bool bypass_is_handed_on(const struct bypass_pulse *pulse)
{
    return __atomic_load_n(&pulse->handover, __ATOMIC_ACQUIRE) == BYPASS_HANDED_ON;
}

/* --- the workers' part ----------------------------------------------------------------------- */

static inline uint32_t bypass_turns(const struct bypass_pulse *pulse)
{
    return __atomic_load_n(&pulse->deaths, __ATOMIC_ACQUIRE) +
           __atomic_load_n(&pulse->old, __ATOMIC_ACQUIRE);
}

/* The first unanswered frame is too old. */
static inline bool bypass_overdue(uint64_t first_us, uint64_t now_us)
{
    return first_us && (int64_t)(now_us - first_us) >= (int64_t)BYPASS_OLD_US;
}

/* All workers have stood still, or the only one that there was work for: what comes to another one
 * then is thrown away with it. Who sees that first_us was cleared sees that `old` has grown. */
static inline void bypass_note_old(struct bypass_pulse *pulse, uint64_t first_us, uint64_t now_us)
{
    if (!bypass_overdue(first_us, now_us))
        return;
    __atomic_fetch_add(&pulse->old, 1, __ATOMIC_ACQ_REL);
    __atomic_store_n(&pulse->first_us, 0, __ATOMIC_RELEASE);
}

/* At each batch, before it is handled; `*seen` is the worker's. True: it is stale. */
static inline bool bypass_beat(struct bypass_pulse *pulse, const uint32_t *seen, uint64_t now_us)
{
    const uint64_t first_us = __atomic_load_n(&pulse->first_us, __ATOMIC_ACQUIRE);

    if (bypass_is_handed_on(pulse))
        return false;
    bypass_note_old(pulse, first_us, now_us);
    if (bypass_turns(pulse) != *seen)
        return true;
    if (first_us) {
        __atomic_store_n(&pulse->suspect_us, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&pulse->first_us, 0, __ATOMIC_RELEASE);
    }
    return false;
}

/* Nobody is alive: the kernel passes frames on by itself. */
static inline bool bypass_is_dead(const struct bypass_pulse *pulse)
{
    return __atomic_load_n(&pulse->dead_us, __ATOMIC_ACQUIRE) != 0;
}

/* Nothing is left of what was stale. Who has handed the wire on meanwhile does not take it back. */
static inline void bypass_alive(struct bypass_pulse *pulse, uint32_t *seen)
{
    uint32_t taken_over = BYPASS_TAKEN_OVER;

    *seen = bypass_turns(pulse);
    if (bypass_is_handed_on(pulse))
        return;
    __atomic_store_n(&pulse->suspect_us, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&pulse->first_us, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&pulse->dead_us, 0, __ATOMIC_RELEASE);
    /* Behind it: in no moment are cookies nobody's. */
    __atomic_compare_exchange_n(&pulse->handover, &taken_over, BYPASS_NOT_HANDED, false,
                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    if (bypass_is_handed_on(pulse))
        bypass_die(pulse, 1);
}

#endif
