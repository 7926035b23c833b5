/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_record.h - what the engine writes down of a connection so that the kernel may carry its
 * plain segments (bridge/bpf/carry.bpf.c), and what both then write.
 *
 * Both keep one word for each direction, by compare-and-swap:
 *
 *      serial 30 bits | gate 2 bits | next 32 bits
 *
 *      serial   of this use of the record: who still works with an older one changes nothing
 *      next     the sequence number behind all that has gone out to the other side, in the numbers
 *               of the side that sends; nobody ever lowers it
 *      gate     UP      every segment goes up to the engine; only the engine opens the gate
 *               JOIN    one is carried where it begins at `next`: nothing that came before it is
 *                       still on its way through the engine, so it overtakes nothing
 *               CARRY   every plain one is carried; one with data that goes up sets JOIN again
 *
 *      engine: UP -> JOIN, when what it has let through is written
 *      kernel: JOIN -> CARRY, at the first that fits; -> JOIN, where data goes up; -> UP, at SYN
 *              and RST, and at a FIN that goes up: that of a splice is carried like data where the
 *              engine is told of it
 *
 * The rest is written by the engine, before the gate opens, but for the floor of acks, which the
 * kernel moves as stages/splice.c does, for `closed` and `ended`, which it sets, and for `used` and
 * `empty`, where a lost update costs nothing.
 *
 * Of an opening that is prepared (prepared.h) nothing is carried while record_is_awaited(). Offsets
 * and floors then say record_token(); the kernel puts the server's in their places, each pair by
 * compare-and-swap, and then opens the server's gate with its first number, by the same.
 */
#ifndef SYNWARD_ENGINE_TCP_FLOW_RECORD_H
#define SYNWARD_ENGINE_TCP_FLOW_RECORD_H

#include <stdint.h>

enum record_gate { RECORD_UP, RECORD_JOIN, RECORD_CARRY };

enum record_flags {
    RECORD_EDIT = 1 << 0,         /* spliced: numbers are translated */
    RECORD_NO_ECN = 1 << 1,       /* ECT to the server goes up */
    RECORD_TIMESTAMPS = 1 << 2,   /* on both halves: server_mss leaves room for them */
    RECORD_WATCH_CLIENT = 1 << 3, /* its first bytes are for the learner */
    RECORD_WATCH_SERVER = 1 << 4,
    RECORD_ASKING = 1 << 5, /* the request may not be out: its client's go up until an answer is */
    /* The server's own TCP is to make it (stages/granting.h): the engine is told of the first
     * segment that says so. */
    RECORD_GRANTED = 1 << 6,
    RECORD_PREPARED = 1 << 7, /* the kernel gives the request to the server; `begin` of the
                                 server's side is in the client's numbers */
};

enum record_end { RECORD_LIVES, RECORD_FIN, RECORD_RST };

struct flow_record {
    uint64_t way[2]; /* by side that sends: client, server */
    union {          /* as in struct flow */
        struct {
            uint32_t delta, ts_delta;
        };
        uint64_t offsets;
    };
    union {
        struct {
            uint32_t ack_floor, tsecr_floor;
        };
        uint64_t floors;
    };
    uint32_t used;              /* tick of the last that was carried */
    uint32_t begin[2];          /* where the data of each side begins */
    uint32_t flow_label;        /* to the client */
    uint16_t server_mss;        /* 0: no limit */
    uint16_t flags;             /* enum record_flags */
    uint16_t empty, empty_tick; /* segments without data in this tick, none with data between */
    uint8_t closed;             /* a client's window has been 0: the engine clears it */

    /* The engine's own. */
    union {
        struct {
            uint8_t added : 1;   /* the kernel finds it */
            uint8_t touched : 1; /* waits to be settled */
            uint8_t seen : 6; /* batches in which the connection came up since its state changed */
        };
        uint8_t own;
    };
    /* The kernel's, by side that sends: enum record_end that it has carried, for who comes after
     * the engine is gone. */
    uint8_t ended[2];
    uint32_t serial;
};

_Static_assert(sizeof(struct flow_record) == 64, "one cache line");

/* What the kernel has carried of a server's connections, by side that sends: a cache line for each,
 * as the two are not seen on one core. The kernel adds, atomically. */
struct record_figures {
    struct {
        uint64_t frames, bytes;
        uint64_t unused[6];
    } from[2];
};

#define RECORD_SERIALS (1u << 30)

/* As the engine has them (stages/carry.c compares). */
#define RECORD_NEAR_BYTES       (1u << 20)
#define RECORD_PROGRESS_BYTES   (1u << 26)
#define RECORD_OLD_BYTES        (1u << 26)
#define RECORD_WINDOW_BYTES     (1u << 30)
#define RECORD_AHEAD_BYTES      (1u << 27)
#define RECORD_FLOOR_DISTANCE   (1u << 30)
#define RECORD_FLOOR_FARTHEST   (RECORD_FLOOR_DISTANCE + RECORD_FLOOR_DISTANCE / 2)
#define RECORD_WATCH_BYTES      4096u
#define RECORD_TIMESTAMPS_BYTES 12u
/* In a tick of 65,536 us. An end that acknowledges a stream says that many only between data. */
#define RECORD_EMPTY_MAX 256u

static inline uint64_t record_way(uint32_t serial, uint32_t gate, uint32_t next)
{
    return (uint64_t)serial << 34 | (uint64_t)gate << 32 | next;
}

static inline uint32_t record_serial(uint64_t way)
{
    return (uint32_t)(way >> 34);
}

static inline uint32_t record_gate(uint64_t way)
{
    return (uint32_t)(way >> 32) & 3;
}

static inline uint32_t record_next(uint64_t way)
{
    return (uint32_t)way;
}

/* Of one that is prepared: its place (prepared.h). Nobody else's has the same serial. */
static inline uint64_t record_token(uint32_t serial, uint32_t place)
{
    return (uint64_t)serial << 32 | place;
}

/* Of one that is prepared: the server's way while it has not answered. */
static inline uint64_t record_awaited(uint32_t serial)
{
    return record_way(serial, RECORD_UP, 0);
}

/* What the engine knows and the record does not is at most what it has let through since it wrote
 * there; what the kernel has carried since may be more than half of all numbers. */
static inline uint32_t record_newest(uint32_t record, uint32_t known)
{
    return known - record < RECORD_AHEAD_BYTES ? known : record;
}

/* As seq_max() and seq_before() (RFC 9293 3.4). */
static inline uint32_t record_later(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0 ? b : a;
}

/*
 * rule 2.4: what a client acknowledges of our greeting, in the server's numbers, tells the server
 * of nothing, and arrives as the floor. An ack far below is no client's: were it lifted, too, half
 * of all guesses would be right ones (RFC 5961 5.2).
 */
#define RECORD_FLOOR_REACH (1u << 16) /* bytes; more than any greeting that we say */
static inline uint32_t record_acked(uint32_t ack, uint32_t floor)
{
    return floor - ack <= RECORD_FLOOR_REACH ? floor : ack;
}

#endif
