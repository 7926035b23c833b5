/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sides.h - both sides of the bridge together: opened, kept at one MTU, followed, closed.
 *
 *      sides_read()    what the operator wrote: nothing is touched yet
 *      sides_open()    TAPs and ports; sides_queues() is what each worker reads and writes
 *      sides_heard()   an interface has changed: rejoin.h does what that means
 *      sides_close()   everything is as it was before
 *
 * Main thread only.
 */
#ifndef SYNWARD_BRIDGE_SIDES_SIDES_H
#define SYNWARD_BRIDGE_SIDES_SIDES_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/sides/carrier.h"
#include "bridge/sides/port.h"
#include "bridge/sides/side.h"
#include "bridge/text/mode_text.h"
#include "engine/tcp/frame.h"
#include "profiles/error.h"

struct sides;

/* Both texts must outlive the sides. NULL: `error` says what is wrong with them. */
struct sides *sides_read(const char *client, const char *server, struct error *error);

struct sides_options {
    uint32_t workers;
    bool single_queue;   /* as if TAPs had one */
    uint64_t steer_seed; /* bpf/steering.h */
    enum card_setting card;
    bool handed_on; /* what was left at ports was left for us */
};

/*
 * Opens both, for so many workers or, where a side does not have the queues for them, for one:
 * sides_workers() tells. False: sides_close() is still to be called.
 */
bool sides_open(struct sides *sides, const struct sides_options *options, struct error *error);
/* The card of this side is a TAP of our own: it vanishes with us, and its addresses with it. */
bool sides_card_vanishes(const struct sides *sides, enum side side);
/* The other end of a card of ours that stays (card.h); NULL: it is none. */
const char *sides_hidden_end(const struct sides *sides, enum side side);
/* All else of the start has succeeded, too: a card that was made for it stays at the end. */
void sides_started(struct sides *sides);
/* NULL is fine. */
void sides_close(struct sides *sides);

/* Whether both are ports; and whether of one namespace: `why` says that they are not. */
bool sides_are_ports(const struct sides *sides);
bool sides_both_ports(const struct sides *sides, struct error *why);
/* As far as can be known before: nobody else's program would come first. */
bool sides_may_carry(const struct sides *sides, struct error *why);
struct carrying;
/* Between both ports, from here on, and again when one was joined again (rejoin.h), until
 * `carrying` is NULL. False: nothing is carried; what is attached goes with the sides. */
bool sides_carry(struct sides *sides, struct carrying *carrying, struct error *error);
struct bypassing;
/* The same while nobody is alive: `bypassing` outlives the sides. */
bool sides_bypass(struct sides *sides, struct bypassing *bypassing, struct error *error);

/* When all of these that are to be have been asked for, and before a worker reads anything. */
void sides_settle(struct sides *sides);

uint32_t sides_workers(const struct sides *sides);
/* Why there is one worker, or no queue of SYNs; EXIT_DONE: there are. */
const struct error *sides_one_queue(const struct sides *sides);
/* Whether both take RWF_NOWAIT. */
bool sides_nowait_writes(const struct sides *sides);
/* The queues of a worker, by enum side; -1 in `syn_fds`: there is none for SYNs alone. */
void sides_queues(const struct sides *sides, uint32_t worker, int fds[2], int syn_fds[2]);

const struct side_spec *sides_spec(const struct sides *sides, enum side side);
/* Why no frame passes, noted by who looks after the side (rejoin.h); empty: they do. */
#define SIDE_CUT_BYTES 200
void sides_note_cut(struct sides *sides, enum side side, const char *why);
const char *sides_cut(const struct sides *sides, enum side side);
/* The same of its carrier (mirroring.h). */
void sides_note_carrier(struct sides *sides, enum side side, const struct carrier_news *news);
const struct carrier_news *sides_carrier(const struct sides *sides, enum side side);
/* As it is now: the user may have changed it. */
uint32_t sides_mtu(const struct sides *sides, enum side side);
/* Frames that the TAP of each side had no room for since sides_open(). */
bool sides_overflow(const struct sides *sides, uint64_t overflow[2], struct error *error);

/* Readable when an interface of that side's namespace has changed; -1: nobody tells. `hidden`: of
 * the one where the other end of its card is; -1, too: there is none. */
int sides_events(const struct sides *sides, enum side side, bool hidden);
/* To be called when `fd` is readable: which side it is of. False: it is no file of ours. */
bool sides_heard(const struct sides *sides, int fd, enum side *side);

/*
 * After a fork that leaves the child the privileges: the child keeps the sides (false: it cannot,
 * and is to end), and does what rejoin.h says; for the parent they are kept elsewhere, and closing
 * them closes only its files.
 */
bool sides_keep(struct sides *sides, struct error *error);
void sides_kept_elsewhere(struct sides *sides);

#endif
