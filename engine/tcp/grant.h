/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grant.h - what the engine writes down of a proved client, so that the server's own TCP makes a
 * socket of our cookie (bridge/bpf/hook.bpf.c), and what comes of it.
 *
 *      engine -> kernel   whose segment it is, by its numbers, and what the client was promised
 *      kernel -> engine   `outcome`: what became of the segment
 *
 * The engine fills a place in before it sends the segment, and sends no other of that connection
 * until the server has answered: who reads never meets a place that is being written.
 */
#ifndef SYNWARD_ENGINE_TCP_GRANT_H
#define SYNWARD_ENGINE_TCP_GRANT_H

#include <stdint.h>

#define GRANTS 4096u /* places; a power of two: all of it is resident */

enum grant_state { GRANT_FREE, GRANT_TAKEN, GRANT_MADE };

enum grant_flags {
    GRANT_SACK = 1 << 0,
    GRANT_TIMESTAMPS = 1 << 1,
    GRANT_WSCALE = 1 << 2,
    GRANT_ECN = 1 << 3,
};

/*
 * X(name, text): what may come of a segment with a grant. The text says why the connection is
 * spliced, where the server does not answer.
 */
#define GRANT_OUTCOMES(X)                                                                          \
    X(unseen, "the program at its card saw no segment")                                            \
    X(childless, "its TCP was given the connection, and did not answer within a second")           \
    X(known, "its TCP has the connection, and did not answer within a second")                     \
    X(old, "an old connection of these ends is still there")                                       \
    X(queue_full, "its accept queue is full")                                                      \
    X(unlistened, "nobody listens there in its namespace")                                         \
    X(mptcp, "its listener speaks MPTCP")                                                          \
    X(settings, "its TCP refuses timestamps, SACK or scaling that clients were promised")          \
    X(memory, "its TCP had no memory, or the kernel refused")                                      \
    X(reset, "its TCP reset the connection: SYN cookies are off there (tcp_syncookies = 0)")

enum grant_outcome {
#define GRANT_OUTCOME_ENUM(name, text) GRANT_##name,
    GRANT_OUTCOMES(GRANT_OUTCOME_ENUM)
#undef GRANT_OUTCOME_ENUM
        GRANT_OUTCOMES_COUNT
};

struct grant {
    uint32_t state, outcome;
    uint64_t until_us;              /* it is good until then, by the monotonic clock */
    uint8_t client[16], server[16]; /* as struct ip_addr */
    uint32_t seq, ack;              /* of the client's first segment: x+1, c+1 */
    uint16_t client_port, server_port;
    uint16_t mss;   /* the client's */
    uint8_t flags;  /* enum grant_flags */
    uint8_t scales; /* of windows: low half the client's, high half the server's */
    /* Of the first segment that was given: with a later one the socket would drop that segment
     * (PAWS, RFC 7323 5.3), and the server's program would not hear of a socket that another
     * segment completes. */
    uint32_t client_tsval;
    uint32_t tsval; /* the server's begin above it */
};

_Static_assert(sizeof(struct grant) == 72, "no padding");

/* The first of two places that it may have; the other one is its neighbour (^ 1). */
static inline uint32_t grant_place(uint32_t seq, uint32_t ack)
{
    return (uint32_t)(((uint64_t)seq << 32 | ack) * 0x9e3779b97f4a7c15u >> 40) & (GRANTS - 1);
}

#endif
