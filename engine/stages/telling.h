/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * telling.h - segments that the kernel has passed on by itself and tells us of (tcp/tell_record.h):
 * of which servers, and what is done with one.
 *
 * Of servers in normal mode that have no connection whose numbers differ on both sides, and none
 * that we answered for of which something may still be on its way: there every segment goes
 * through unchanged, and following it (track.h) may come a moment later. What the learner is to see
 * of a connection it sees whole, so those that it gets (observe.h) go up; of a server with more
 * connections than that, a part of them. Where the learner knows the server, that part falls with
 * the first hundred of a crowd and comes back slowly, and who has begun before is passed over. Of a
 * server that speaks DNS all go up: they prove who may ask over UDP (udp.h).
 *
 * In attack mode the kernel tells of joined connections' FINs and closed windows, of the first
 * segment of a server whose own TCP was to make one (granting.h), and of good cookies that come
 * alone (told_frame.stays): that needs no order.
 *
 * There is one where the caller gave what both share (engine_config.tells). Orders are for the
 * caller, who tells the kernel which place a server has.
 */
#ifndef SYNWARD_ENGINE_STAGES_TELLING_H
#define SYNWARD_ENGINE_STAGES_TELLING_H

#include "engine/shard/shard.h"
#include "engine/tcp/tell_record.h"

#define TELLING_US     (100ull * 1000) /* between two looks at the servers */
#define TELLING_ORDERS 64u
/* Looks until those who began under another share have said what the learner wants of them. */
#define TELLING_HOLD 5u
/* SYNs to a server that the learner knows that make another look due at once; and until a share of
 * its that has fallen may double again: crowds come in turns. */
#define TELLING_CROWD   128u
#define TELLING_RISE_US (4000ull * 1000)

struct tell_order {
    struct server_key server;
    uint32_t place;
    bool add; /* else: remove */
};

/* Of one place. */
struct told_server {
    struct server_key key; /* that the kernel has */
    bool added;
    uint32_t share;     /* now */
    uint32_t most[2];   /* the most of this period and of the one before */
    uint64_t syns;      /* figures.syns, at the last look */
    uint64_t looked_us; /* when that was */
    uint64_t rise_us;   /* when the share may grow */
    uint64_t edited_us; /* when something of it was last not to be passed on as it is; 0: never */
};

struct telling {
    struct tell_share share;
    uint64_t next_us, looked_us; /* when the servers are looked at, and were */
    uint32_t looks, attacks_begun, attacked;
    bool begun;
    bool unlearned; /* the caller's: nobody learns, so the learner takes nothing */
    uint32_t let;   /* servers of which the kernel tells anything */
    uint32_t orders_count;
    struct tell_order orders[TELLING_ORDERS];
    struct told_server *servers; /* servers_max of them */
};

/* With each batch. */
void telling_tick(struct engine *engine, uint64_t now_us);

/* A frame's headers: `offload` in front of them, `bytes` with it, `wire_bytes` of the frame. */
struct told_frame {
    enum side from;
    uint8_t *buffer;
    uint32_t bytes, wire_bytes, capacity;
    bool stays; /* it has not gone out: it is for engine_input(), not for engine_told() */
};

/* It has gone out as it came. Of a server that goes into attack mode by it the kernel passes on no
 * more from here on. */
void engine_told(struct engine *engine, const struct told_frame *told, uint64_t now_us);

#endif
