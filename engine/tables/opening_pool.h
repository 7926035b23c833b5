/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opening_pool.h - fixed memory for connections that are being opened to a server.
 *
 * An opening lasts from the client's proof until the splice: a round trip to the server, usually
 * well under a millisecond. It remembers what our own segments need and holds what the client has
 * already said (rule 5.2: a first flight is 14,600 bytes, so 16 KiB). Held bytes are never
 * acknowledged to the client before the server has them.
 *
 * There are four openings for each hold buffer: where the buffers have run out a connection is
 * opened without its data, which the client sends again. Both are stacks: the same memory is used
 * again and again, and a calm bridge touches little of it.
 *
 *      hold buffer     | the client's bytes, 16,384 | the real greeting, 1,400, where a template is
 *                      awaited |
 */
#ifndef SYNWARD_ENGINE_TABLES_OPENING_POOL_H
#define SYNWARD_ENGINE_TABLES_OPENING_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/tcp/cookie.h"
#include "engine/tcp/segment.h"
#include "engine/base/timer_wheel.h"

#define HOLD_BYTES          (16u * 1024)
#define HOLD_GREETING_BYTES 1400u /* behind them, for a greeting that is compared by template */
#define HOLD_STRIDE         (HOLD_BYTES + 1408u)
#define OPENINGS_PER_HOLD   4
#define OPENING_NONE        UINT32_MAX
#define OPENING_WHEEL_SLOTS 512
#define OPENING_TICK_US     10000

struct opening {
    uint64_t due_us;              /* of its timer: the wheel may be early (timer_wheel.h) */
    uint64_t proved_us;           /* when its request was first proved */
    uint64_t greeting_since_us;   /* when the server accepted, and its greeting became due */
    uint32_t flow;                /* index into the flow table; OPENING_NONE: it is free */
    struct link_header to_server; /* as the client addressed it */
    struct link_header to_client;
    uint8_t client_ttl, client_tos;
    uint8_t server_ttl; /* of what we send in the server's name, as promised */
    bool server_df;
    uint32_t client_flow_label;
    struct cookie_options client; /* what was promised to the client, and its MSS */
    bool timestamps;
    bool ecn;                /* asked of the server */
    uint8_t promised_scale;  /* the server's window scale as the client was told, 0 where there is
                                none */
    uint32_t c;              /* our ISN towards the client */
    uint32_t read;           /* what that carries, for cookie_read() */
    uint32_t generation;     /* of the promise */
    uint32_t client_tsval;   /* newest */
    uint32_t echo;           /* the TSecr that the request came with */
    uint32_t client_ack;     /* newest, in our numbers */
    uint16_t client_window;  /* newest, as in the header */
    uint16_t greeting_bytes; /* g; 0: the server does not greet, or does so itself */
    uint16_t greeting_seen;  /* of the real greeting, from its first byte */
    bool collects;           /* the real greeting is kept until it is whole: a template */
    uint32_t server_tsval;   /* newest */
    uint8_t attempts;        /* SYNs sent */
    uint32_t asked;          /* when the first one was, or the first grant: flow_clock() */
    uint8_t old_connections; /* RSTs sent to an old connection on this tuple (rule 5.5) */
    uint32_t refused_isn;    /* of the SYN-ACK that was reset because it answers another SYN */
    bool refused;            /* there was one */
    bool refused_lately;     /* since our last SYN by the timer: copies of it are under way */
    bool whole;              /* it held all that the server waits for when it began */
    bool asks;               /* that, and it is counted in server.asking_now */
    bool unheard;            /* no SYN-ACK has come, and it is counted in server.unheard_now */
    bool banned;             /* instead of both in server.banned_now */
    uint8_t protocol;        /* of that, where its check has told */
    bool fin;                /* the client's FIN follows the held bytes */
    uint32_t hold;           /* index of the buffer; OPENING_NONE: data is not held */
    uint16_t held_bytes;     /* contiguous from x+1 */
    uint16_t gso_bytes;      /* segment size of a held super-frame, 0 where there was none */
    /* Bytes of it that the client was told we have: they are ours to deliver (stages/draining.h).
     */
    uint16_t promised;
    uint32_t share; /* of its source, among those of the class long; SHARE_NONE: it is none */
    uint32_t source_place; /* in of_source, plus one; 0: it is not counted there */
    /* While draining, from x+1: */
    uint32_t sent, acked;   /* by us; by the server */
    uint32_t edge;          /* of the server's window */
    uint16_t cut;           /* largest payload of a segment; 0: as the server granted */
    uint8_t repeats;        /* in a row */
    uint32_t client_isn;    /* x */
    uint8_t ignored;        /* enum grant_outcome of a grant that was left unanswered, or 0 */
    uint32_t grant;         /* place of its grant, plus one; 0: it has none (stages/granting.h) */
    bool granted;           /* it had one, and the server has answered no SYN since */
    bool prepared;          /* the kernel may answer the server (stages/preparing.h) */
    bool expected;          /* what the server is to say stands in its place (tcp/prepared.h) */
    bool completed;         /* it has done so */
    bool for_learner;       /* the learner has chosen it already */
    bool granted_fin;       /* the client's FIN went with that, or goes with what is prepared */
    uint16_t granted_bytes; /* held bytes that went with it, or go */
    uint64_t granted_us;    /* when it was made, or used again */
    uint64_t first_granted_us; /* when it was made */
    uint64_t closed_us;        /* when the server's window was found closed; 0: it is open */
};

struct opening_pool {
    struct opening *openings;
    uint32_t *free_openings, free_openings_count; /* stacks of indices */
    uint8_t *holds;
    uint32_t *free_holds, free_holds_count;
    uint16_t *of_source; /* openings by source and server, by a hash: openings_max places */
    uint32_t hand;       /* where somebody who gives way was looked for last */
    uint32_t openings_max, holds_max;
    uint32_t openings_touched,
        holds_touched; /* those beyond were never used and are not on the stacks */
    struct timer_wheel wheel;
};

/* Memory for `holds` buffers and OPENINGS_PER_HOLD times as many openings. 64-aligned, zeroed. */
size_t opening_pool_bytes(uint32_t holds);
void opening_pool_init(struct opening_pool *pool, void *memory, uint32_t holds, uint64_t now_us);

/* A zeroed opening, with a hold buffer where it is to have one and one is left; OPENING_NONE: the
 * pool is empty. */
uint32_t opening_take(struct opening_pool *pool, bool hold);
void opening_give_back(struct opening_pool *pool, uint32_t index);
/* Its data, which is held, is so no more: the client, who was promised nothing of it, sends it
 * again. */
void opening_hold_give_back(struct opening_pool *pool, struct opening *opening);

/* The place of a keyed hash of (source, server); few share one. */
static inline uint32_t opening_source_place(const struct opening_pool *pool, uint64_t hash)
{
    return (uint32_t)((hash & 0xffffffff) * pool->openings_max >> 32);
}
/* Counts the opening for this place until it is given back. */
static inline void opening_count_source(struct opening_pool *pool, uint32_t index, uint32_t place)
{
    pool->of_source[place]++;
    pool->openings[index].source_place = place + 1;
}
/* How many openings are taken. */
static inline uint32_t opening_used(const struct opening_pool *pool)
{
    return pool->openings_touched - pool->free_openings_count;
}
static inline uint32_t opening_free(const struct opening_pool *pool)
{
    return pool->openings_max - opening_used(pool);
}
static inline uint32_t opening_holds_free(const struct opening_pool *pool)
{
    return pool->holds_max - pool->holds_touched + pool->free_holds_count;
}
/* The hold buffer, HOLD_BYTES long, or NULL. */
uint8_t *opening_hold(const struct opening_pool *pool, const struct opening *opening);
/* Room for HOLD_GREETING_BYTES of the real greeting, or NULL; of openings that collect it. */
uint8_t *opening_collected(const struct opening_pool *pool, const struct opening *opening);
/* Adds bytes that begin `offset` bytes after x+1: what joins on and fits. False where nothing of it
 * is held now. */
bool opening_hold_add(struct opening_pool *pool, struct opening *opening, uint32_t offset,
                      const uint8_t *data, uint32_t bytes);

/*
 * While draining: the sequence number of an ACK that the server takes. The client's own may lie
 * behind bytes that it has no room for, and so outside its window (RFC 9293 3.10.7.4).
 */
static inline uint32_t opening_ack_seq(const struct opening *opening)
{
    uint32_t edge = opening->edge > opening->acked ? opening->edge : opening->acked;

    return opening->client_isn + 1 + (opening->sent < edge ? opening->sent : edge);
}

#endif
