/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.h - beginnings of requests, kept until they are whole (rule 1.3).
 *
 * A slot belongs to an entry of the flow table (FLOW_KEPT). It is a head of 128 bytes, and chunks
 * of 1 KiB for what the client has said from x+1 on, up to SLOT_BYTES. Bytes may come in any order:
 * beside those in order up to SLOT_RANGES ranges behind a gap are kept. The copy that came first
 * counts, however often they come again.
 *
 *      unpromised  nothing of it was acknowledged: it may vanish in silence, the client repeats it
 *      promised    its bytes were acknowledged, in part or all: it answers for them to the end
 *
 * Who may have a slot (slot_room()):
 *
 *      a source                        64 slots, 256 KiB, but for what is whole
 *      a prefix                        a sixteenth of all
 *      a server                        a quarter of all, while half of them are taken
 *      sources that were not proved    three quarters; the rest is for those that matched lately
 *      nothing left                    the oldest unpromised slot of the prefix with the most of
 *                                      them goes, if it is older than SLOT_EVICTABLE_MS; else the
 *                                      newcomer
 *
 * Heads, chunks and shares are taken from one end and used again last in, first out: a pool that
 * stands idle touches no memory but the index of its timers, and a flood of clients that prove
 * nothing touches none.
 */
#ifndef SYNWARD_ENGINE_TABLES_SLOTS_H
#define SYNWARD_ENGINE_TABLES_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/timer_wheel.h"
#include "engine/tables/slot_shares.h"
#include "engine/tcp/segment.h"

#define SLOT_NONE          UINT32_MAX
#define SLOT_BYTES         (16u * 1024) /* from x+1 on: the right edge of the first window */
#define SLOT_CHUNK_BYTES   1024u
#define SLOT_CHUNKS        (SLOT_BYTES / SLOT_CHUNK_BYTES)
#define SLOT_RANGES        3 /* out of order; a fourth is dropped and comes again */
#define SLOT_CHUNK_NONE    0xffffu
#define SLOTS_PER_SOURCE   64u
#define CHUNKS_PER_SOURCE  256u /* 256 KiB */
#define SLOT_EVICTABLE_MS  250u
#define SLOT_WHEEL_SLOTS   1024
#define SLOT_WHEEL_TICK_US 10000
/* Unanswered connections of the class long, of all servers together, that can be counted */
#define SLOT_LONGS_MAX 4096u

/* Offsets from x+1. */
struct slot_range {
    uint16_t from, to;
};

enum slot_flags {
    SLOT_PROMISED = 1 << 0,   /* some of it was acknowledged */
    SLOT_FIN = 1 << 1,        /* the client's FIN stands behind the last byte in order */
    SLOT_TIMESTAMPS = 1 << 2, /* were granted */
    SLOT_WAITS = 1 << 8,      /* whole, or full: for room, or for a limit */
    SLOT_WHOLE = 1 << 10,     /* nothing more is awaited of its client: see slot_whole() */
    SLOT_QUEUED = 1 << 9,     /* of these, in the queue for a place at its server (held_queue.h) */
    SLOT_GREETED = 1 << 3,    /* the client acknowledges c+1+g */
    SLOT_KNOWN = 1 << 4,      /* its source matched lately: the reserve is open to it */
    SLOT_FITS = 1 << 5,       /* the check of its protocol said yes: only the end is awaited */
    SLOT_TYPED = 1 << 6,      /* a line that somebody may be typing: it has more time */
    SLOT_SECOND = 1 << 7,     /* its source held another slot when it came */
    SLOT_BRIEF = 1 << 11,     /* it may be all that there is: decided soon as it stands */
    SLOT_AS_IS = 1 << 12,     /* it was waited for in vain */
    SLOT_HANDED =
        1 << 13, /* by the last process; not looked at yet. Not promised: it lacks pieces */
};

struct slot {
    uint32_t flow;           /* index into the flow table; SLOT_NONE: free */
    uint32_t x, c;           /* the client's ISN and ours */
    uint32_t read;           /* what the cookie carries, for cookie_read() */
    uint32_t generation;     /* of the promise */
    uint32_t client_ack;     /* newest, in our numbers */
    uint32_t tsval;          /* of the last segment that came in order */
    uint32_t tsecr;          /* what it echoes: the cookie's finer bits */
    uint32_t since_ms;       /* when it was made */
    uint32_t older, newer;   /* unpromised: in its prefix's list; older: chain of freed ones */
    uint16_t source, prefix; /* shares */
    uint16_t server;         /* index into the server table */
    uint16_t bytes;          /* in order, from x+1 on */
    uint16_t promised;       /* of them, acknowledged; where pieces are lacking, of all */
    uint16_t needed;         /* fewer in order are not worth another look */
    uint16_t flags;          /* enum slot_flags */
    uint16_t chunk[SLOT_CHUNKS];
    struct slot_range range[SLOT_RANGES]; /* behind a gap, ascending, none touches another */
    uint8_t ranges;
    uint8_t protocol; /* SLOT_FITS: enum protocol_id that it fits */
    uint8_t link_bytes;
    uint8_t link[LINK_HEADER_MAX]; /* to the client */
};

_Static_assert(sizeof(struct slot) <= 128, "a head");

struct slot_pool {
    struct slot *slots;
    uint8_t *chunks;
    uint8_t *whole; /* SLOT_BYTES: where a slot's bytes are laid together */
    uint32_t slots_max, chunks_max, servers_max;
    uint32_t count, chunks_used;
    uint32_t untouched, free_head;
    uint32_t chunks_untouched, chunks_free; /* the chain goes through the free ones themselves */
    uint16_t *of_server;                    /* slots of each server */
    struct slot_shares shares;
    struct timer_wheel wheel;
};

size_t slot_pool_bytes(uint32_t slots, uint32_t servers);
/* `memory`: zeroed, 64-aligned. `slots` below 65,535. As many chunks as slots. */
void slot_pool_init(struct slot_pool *pool, void *memory, uint32_t slots, uint32_t servers,
                    const uint64_t seed[2], uint64_t now_us);

static inline uint32_t slot_index(const struct slot_pool *pool, const struct slot *slot)
{
    return (uint32_t)(slot - pool->slots);
}

/* True where three quarters are taken: then times are short for second slots of a source. */
static inline bool slots_are_scarce(const struct slot_pool *pool)
{
    return pool->count >= pool->slots_max - pool->slots_max / 4;
}

enum slot_room {
    SLOT_ROOM,       /* there is room */
    SLOT_ROOM_AFTER, /* once the slot that was named has gone */
    SLOT_ROOM_NONE,
};
/*
 * Whether a client of this server may have a slot; `known`: its source matched lately. `*victim`
 * is the slot that has to go first.
 */
enum slot_room slot_room(struct slot_pool *pool, const struct flow_key *key, uint16_t server,
                         bool known, uint64_t now_us, struct slot **victim);
/* A new, empty one, where slot_room() has said that there is room. NULL: there is none after all.
 */
struct slot *slot_take(struct slot_pool *pool, const struct flow_key *key, uint16_t server,
                       bool known, uint64_t now_us);
void slot_give_back(struct slot_pool *pool, struct slot *slot);
/*
 * Its request is whole, and waits for its server: it counts for its prefix and its server only. Of
 * a crowd behind one address many wait so.
 */
void slot_whole(struct slot_pool *pool, struct slot *slot);

enum slot_added {
    SLOT_GREW,     /* there is more in order now */
    SLOT_BEHIND,   /* kept behind a gap */
    SLOT_REPEATED, /* nothing that was not there */
    SLOT_REFUSED,  /* no room: of its source, of the pool, in ranges, or beyond SLOT_BYTES */
};
/* Bytes that begin `offset` bytes after x+1. What is there already is not changed. */
enum slot_added slot_add(struct slot_pool *pool, struct slot *slot, uint32_t offset,
                         const uint8_t *data, uint32_t bytes);
/* The bytes in order as one piece; good until the next call. */
const uint8_t *slot_read(const struct slot_pool *pool, const struct slot *slot);
/* All bytes in order are acknowledged from now on. */
void slot_promise(struct slot_pool *pool, struct slot *slot);

/* --- the class long -------------------------------------------------------------------------- */

/* One more of the source's connections that the server has not answered; SHARE_NONE: it has
 * `most`. */
uint32_t slot_long_begin(struct slot_pool *pool, const struct flow_key *key, uint32_t most);
void slot_long_end(struct slot_pool *pool, uint32_t share);

#endif
