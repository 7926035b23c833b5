/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * held_watch.h - how well the connections move that we have opened, and over which link they are
 * ended where they do not.
 *
 * An entry is found by the flow's index; it names the flow by its serial, as another one may stand
 * there by now. What a flow has moved is known from its sequence numbers: it is compared from look
 * to look, and nothing is noted for a segment.
 *
 * Those of one server are a list, so that who looks for its slow ones goes through no others, and
 * has no reason to wait for those who look at other servers. An entry whose flow is gone stays in
 * the list until its place is another's.
 */
#ifndef SYNWARD_ENGINE_TABLES_HELD_WATCH_H
#define SYNWARD_ENGINE_TABLES_HELD_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/tables/flow.h"
#include "engine/tcp/segment.h"

#define HELD_WATCHED  16384u /* a power of two */
#define WATCH_SERVERS 4097u  /* numbers of servers, as in flow_cold */
#define WATCH_NOBODY  0xffffu

#define WATCH_LOOK FLOW_CLOCK_SECONDS(2) /* between two looks that count; nobody is slow before */
#define WATCH_LONG FLOW_CLOCK_SECONDS(4) /* an average over more says nothing about now */
/* Fewer are slow: what Apache's mod_reqtimeout asks of a body by default */
#define WATCH_BYTES_PER_SECOND 500u
/* Looks that saw it trickle, and nothing better in between. In a dialogue that may be a person who
 * types, if it is so little: he is idle at most until a minute has passed. */
#define WATCH_TRICKLES               2
#define WATCH_TYPED                  30
#define WATCH_TYPED_BYTES_PER_SECOND 20u

/* Who lets whom wait, the worst last. */
enum watch_class {
    WATCH_WELL,   /* it moves, or is not known yet */
    WATCH_SERVER, /* the client has asked, and the server is silent: a long poll */
    WATCH_CLIENT, /* the server has answered, and nothing is asked */
    WATCH_BODY,   /* the rest of the request does not come, answered by "100 Continue" or not */
    WATCH_SLOW,   /* a body that trickles, or an answer that is not read */
};

struct watched {
    uint32_t flow, serial;
    uint32_t client_next, server_next; /* as in flow_cold, at the last look */
    uint32_t looked;                   /* flow_clock() of it */
    uint32_t since;                    /* flow_clock() since when it has been slow */
    uint32_t body_end;                 /* sequence number behind what the server waits for */
    uint32_t number;                   /* of those opened at its server, in their order */
    uint32_t opened;                   /* flow_clock() */
    uint16_t server;                   /* as flow_cold.server */
    uint16_t others;                   /* so many the server held when it was opened */
    uint16_t next, before; /* places of its server's list; WATCH_NOBODY: it ends there */
    bool asks;             /* something was asked when it was opened */
    bool awaits;           /* the server waits for more than that */
    bool had_body;         /* it has come: body_end means nothing, numbers come round */
    bool heard;            /* the server has answered it */
    bool counted;          /* in capacity.asked of its server */
    bool moved;            /* it did well at the last look that was no slow one */
    bool slow;
    bool vague;       /* the last look came so late that it says little */
    bool closed;      /* the client has closed its window */
    bool lingers;     /* the client goes on, although the server has said its FIN */
    uint8_t trickles; /* WATCH_TRICKLES times WATCH_TYPED: too many */
    uint8_t client_ttl;
    struct link_header to_server;
};

_Static_assert(sizeof(struct watched) <= 80, "16,384 of them are 1,280 KiB");
_Static_assert(HELD_WATCHED <= WATCH_NOBODY, "a place is 16 bits");

struct held_watch {
    uint32_t used;                 /* entries from here on were never used */
    uint16_t first[WATCH_SERVERS]; /* of each server's list: its place, plus one; 0: nobody */
    struct watched entries[HELD_WATCHED];
};

/* The server has said something since it was asked first. */
static inline bool watch_was_answered(const struct flow *flow, const struct flow_cold *cold)
{
    return cold->server_next != flow->ack_floor;
}

/* Where the flow of this index is watched, now or from watch_begin() on; it may be another's yet.
 */
struct watched *watch_place(struct held_watch *watch, uint32_t index);
/* A flow that was opened just now. */
struct watched *watch_begin(struct held_watch *watch, const struct flow_table *flows,
                            const struct flow *flow);
/* The same that goes on as `from` says, which another daemon has written. */
struct watched *watch_go_on(struct held_watch *watch, const struct flow_table *flows,
                            const struct flow *flow, const struct watched *from);
/* Its server is gone: nobody is watched at it any more. */
void watch_forget(struct held_watch *watch, uint16_t server);
/* The first of a server's list, and the next one; NULL: there is none. */
static inline struct watched *watch_first(struct held_watch *watch, uint16_t server)
{
    return watch->first[server] ? &watch->entries[watch->first[server] - 1] : NULL;
}
static inline struct watched *watch_next(struct held_watch *watch, const struct watched *watched)
{
    return watched->next != WATCH_NOBODY ? &watch->entries[watched->next] : NULL;
}
/* The flow of the entry, where it is that of a splice that the server has not closed, or whose
 * client goes on all the same; or NULL. */
struct flow *watch_flow(const struct flow_table *flows, const struct watched *watched);
/* That of a flow; NULL: it is not watched. */
struct watched *watch_of(struct held_watch *watch, const struct flow_table *flows,
                         const struct flow *flow);
/*
 * The client says that it has no room. Rare: nothing is noted for other segments. Where that is
 * before the first look, what came until then was for nobody, and the time to the look begins here.
 */
void watch_closed(struct held_watch *watch, const struct flow_table *flows, const struct flow *flow,
                  uint64_t now_us);
/* The server has said its FIN. */
void watch_server_fin(struct held_watch *watch, const struct flow_table *flows,
                      const struct flow *flow, uint64_t now_us);
/*
 * Notes whether its client goes on behind the server's FIN, which is not the end of all servers:
 * some read on until their client has closed, as Apache does for 30 s, and hold a process for it.
 */
bool watch_lingers(struct watched *watched, const struct flow_table *flows, uint64_t now_us);
/* Looks at it now. `least`: bytes a second, of whom fewer are slow; WATCH_BYTES_PER_SECOND where
 * nobody asks for more. */
enum watch_class watch_look(struct watched *watched, const struct flow_table *flows,
                            const struct flow *flow, uint32_t least, uint64_t now_us);

#endif
