/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * busy_poll.h - whether a worker looks for the next frame for a while before it sleeps, and for how
 * long.
 *
 *      frames apart            what is done at the next wait
 *      up to limit_us          look again and again, limit_us at most, then sleep
 *      longer                  sleep at once: a bridge that idles, or is slow, never spins
 *      somebody took the core  sleep at once for a while, the longer the more often that happens
 *                              (not under auto)
 *      no core to spare        sleep at once, where the setting is auto: the main thread says so
 *                              (spare_core.h)
 *
 * It knows no clock: times come from the ring, which does the looking (ring.c).
 */
#ifndef SYNWARD_BRIDGE_IO_BUSY_POLL_H
#define SYNWARD_BRIDGE_IO_BUSY_POLL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "profiles/error.h"

#define BUSY_POLL_OFF     0u
#define BUSY_POLL_MAX_US  1000u
#define BUSY_POLL_AUTO_US 50u
#define BUSY_POLL_AUTO    UINT32_MAX
#define BUSY_POLL_DEFAULT BUSY_POLL_AUTO

/* On a core that others want, sched_yield() costs the rest of a time slice, so that it must not be
 * asked for often. */
#define BUSY_POLL_HOLD_US     10000u
#define BUSY_POLL_HOLD_MAX_US 1280000u

/* What main thread and workers say to each other of it. */
struct busy_poll_word {
    atomic_bool keen;  /* by workers: frames come so close together that looking would help */
    atomic_bool spare; /* by the main thread: there are cores for it */
};

struct busy_poll {
    struct busy_poll_word *word; /* NULL: nobody else decides */
    uint32_t limit_us;           /* 0: never */
    uint32_t hold_us; /* how long the last pause was; 0: nobody took the core since something was
                         found */
    uint64_t hold_until_us;
    bool asked;          /* for a core, since busy_poll_asked() */
    bool close_together; /* what was waited for last came within limit_us */
};

/* Reads off, auto, or 1 to BUSY_POLL_MAX_US. False with EXIT_USAGE for anything else. */
bool busy_poll_parse(const char *text, uint32_t *out, struct error *error);

/*
 * `setting` as busy_poll_parse() reads it; auto is off where the process has one core only, and
 * asks `word` (may be NULL), which stays the caller's.
 */
void busy_poll_init(struct busy_poll *poll, uint32_t setting, uint32_t cores,
                    struct busy_poll_word *word);
/* Does a worker want to know whether there is a core? */
static inline bool busy_poll_keen(struct busy_poll_word *word)
{
    return atomic_load_explicit(&word->keen, memory_order_relaxed);
}
/* Until when to look in a wait that begins now and may last `timeout_us`; now_us: not at all. */
uint64_t busy_poll_until_us(struct busy_poll *poll, uint64_t now_us, uint64_t timeout_us);
/* A wait has ended, by looking or by sleeping: did a frame end it? */
void busy_poll_waited(struct busy_poll *poll, uint64_t since_us, uint64_t now_us, bool frame);
/* True once after the word was made keen: the main thread should look at it. */
bool busy_poll_asked(struct busy_poll *poll);
/* Somebody else ran while we looked. */
void busy_poll_lost(struct busy_poll *poll, uint64_t now_us);

#endif
