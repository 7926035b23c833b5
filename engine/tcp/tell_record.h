/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tell_record.h - how the kernel passes segments of servers in normal mode by itself, and tells the
 * engine afterwards (bridge/bpf/tell.bpf.h): what both write. In attack mode it so tells of what it
 * does with connections that are joined, and of good cookies.
 *
 *      kernel   passes a segment on, and puts its headers into the next entry
 *      engine   follows it as if it had come up (stages/telling.h), a moment later
 *
 * Where nothing is changed on the way, as in normal mode, to know of a segment is enough. The
 * engine sees them in their order, before whatever comes up behind them.
 *
 * Of a joined connection FINs and closed windows are told of, as they came: the kernel has
 * translated and passed them. A good cookie that comes alone `stays`: it ends in the kernel, and
 * the engine does with it what it would have done with the frame. For both there is less room
 * (TELL_ENTRIES_LATE): whoever repeats them must not be all that is read.
 *
 * Order on the wire. Some segments still go up: those of connections that the learner is to see
 * whole, and all while the worker is late. What follows must not overtake them. So segments that
 * went up, and those of them that have been written, are counted by a hash of the connection: the
 * kernel passes one on only where both are the same. The learner's connections are chosen by bits
 * of that hash, so that nobody else waits for them.
 */
#ifndef SYNWARD_ENGINE_TCP_TELL_RECORD_H
#define SYNWARD_ENGINE_TCP_TELL_RECORD_H

#include <stdint.h>

#include "engine/base/addr.h"

#define TELL_ENTRIES      2048u
#define TELL_ENTRIES_FULL 1024u /* so many unread: all goes up */
#define TELL_ENTRIES_LATE 128u  /* so many: one goes up, which wakes the worker */
#define TELL_WAYS         4096u
#define TELL_SHUT         8192u /* more than a queue has room for */
#define TELL_SHARES       256u  /* the lowest bits of the hash */
#define TELL_HEADERS      104u  /* of Ethernet, IP and TCP together; longer ones go up */

/* `number`: one more than how many came before, once all of it is there. */
struct tell_entry {
    uint64_t number;
    uint32_t wire_bytes; /* of the frame */
    uint16_t bytes;      /* of its headers */
    uint8_t from;        /* enum side */
    uint8_t stays;       /* it was not passed on: the engine does with it what it would have done */
    uint32_t reserved[2];
    uint8_t headers[TELL_HEADERS];
};

_Static_assert(sizeof(struct tell_entry) == 128, "two cache lines");

struct tell_hub {
    /* The kernel's. */
    uint64_t head; /* entries that were begun, ever */
    uint64_t unused[7];
    /* The worker's. */
    uint64_t tail;           /* of them, read */
    uint64_t awake_until_us; /* of the monotonic clock: who reads them comes by until then */
    uint32_t rung;           /* one has gone up to wake the worker; the kernel sets it */
    uint32_t syns_up;        /* some SYNs may be refused */
    uint64_t seed[2];        /* of the hash: flow_seed_of() */
    uint64_t clock_us;       /* for tests: stands; 0: the kernel's own */
    uint64_t more_unused[2];
};

_Static_assert(sizeof(struct tell_hub) == 128, "two cache lines");

/* By the side that sends; they wrap. */
struct tell_way {
    uint32_t up[2], written[2];
};

/*
 * Of a server: connections whose lowest bits of the hash are below `asked`, or `held` if they have
 * begun, go up for the learner. TELL_SHARES: all do.
 */
struct tell_server {
    uint32_t asked, held;
};

/* Without VLAN tags. */
static inline uint32_t tell_at(struct flow_seed seed, struct flow_words words)
{
    return (uint32_t)(flow_words_hash(seed, words) >> 32) & (TELL_WAYS - 1);
}

#endif
