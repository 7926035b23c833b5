/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h - what is made of the servers' listening sockets: when they are looked at, and who is
 * told what.
 *
 *      stack_probe  --listeners, addresses-->  stack_watch  --who listens, who does not--> shards
 *                                                           (engine_set_listening)
 *      stack_programs  --names-------------->               --accept queues-------------> shards
 *                                                           (engine_set_accept_queue)
 *                                                           --program-------------------> profiles
 *
 * Servers are: what is listened on at an address that clients can reach (the first
 * STACK_SERVERS_KNOWN of them: engines forget no server, and ports that are listened on for a
 * moment must not fill their tables), and those with a profile at an address of the namespace, in
 * whatever VLAN. A look every second, every 100 ms while servers are attacked or a queue is a
 * quarter full, and so seldom that the looking takes about half a per cent of a core, but at least
 * every STACK_SLOWEST_US: with 5,000 sockets that is about one per cent.
 *
 * That all was told is said only after a look at everything, and after all that has changed was
 * taken by every shard: otherwise a port that is listened on again could still be refused. Main
 * thread only.
 */
#ifndef SYNWARD_BRIDGE_LISTENERS_WATCH_H
#define SYNWARD_BRIDGE_LISTENERS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/listeners/probe.h"
#include "engine/base/addr.h"
#include "profiles/error.h"
#include "profiles/store/store.h"

#define STACK_IDLE_US   (1000ull * 1000)
#define STACK_LOADED_US (100ull * 1000)
/* However long a look takes: accept queues count for 5 s */
#define STACK_SLOWEST_US    (4000ull * 1000)
#define STACK_RETRY_US      (5000ull * 1000)
#define STACK_COST          200 /* a look may take one part in so many of the time */
#define STACK_SERVERS_KNOWN 1024u
#define STACK_SERVERS_MAX   4096u
#define STACK_TOLD_AT_ONCE  256u

/* Who is told. False: not now, to be told again. */
struct stack_ears {
    bool (*listening)(void *context, const struct server_key *server, bool listening);
    void (*accept_queue)(void *context, const struct server_key *server, uint32_t used,
                         uint32_t limit);
    void (*fresh)(void *context);
    void (*lost)(void *context, const char *reason); /* the view; NULL: it is back */
    void *context;
};

struct stack_watch;

/* `device`: servers are known before their first connection at its addresses only; "": at all but
 * the loopback's. */
struct stack_watch *stack_watch_open(const char *netns, const char *device,
                                     const struct stack_ears *ears, struct error *error);
void stack_watch_close(struct stack_watch *watch);

/* From here on the keeper opens sockets and walks for us; it does so with its own copy of these. */
void stack_watch_by(struct stack_watch *watch, struct keeper *keeper);
struct stack_probe *stack_watch_probe(struct stack_watch *watch);
struct stack_programs *stack_watch_programs(struct stack_watch *watch);

/* When stack_watch_turn() is next worth calling, on the monotonic clock. NULL: never. */
uint64_t stack_watch_due(const struct stack_watch *watch);
/* Does a bounded piece of what is due. `attacked`: a server is. Programs go into the profiles of
 * `store`. */
void stack_watch_turn(struct stack_watch *watch, struct store *store, bool attacked,
                      uint64_t now_us);

#endif
