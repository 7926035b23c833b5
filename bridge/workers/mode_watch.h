/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode_watch.h - which servers a trigger put into attack mode, and when they may return (rule 6).
 *
 * A shard switches itself into attack mode; only the main thread decides on the return:
 * MODE_QUIET_US after the last firing of any shard, at the soonest MODE_LEAST_US after the switch.
 * Plain data, no clock of its own; at most MODE_WATCH_SERVERS servers, those beyond it stay in
 * attack mode until a later firing finds room.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_MODE_WATCH_H
#define SYNWARD_BRIDGE_WORKERS_MODE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define MODE_QUIET_US      (30ull * 1000 * 1000)
#define MODE_LEAST_US      (10ull * 1000 * 1000)
#define MODE_FIRING_US     (10ull * 1000 * 1000) /* so long after the last one it still fires */
#define MODE_WATCH_SERVERS 4096

struct mode_watch;

struct mode_watch *mode_watch_new(void);
void mode_watch_free(struct mode_watch *watch);

/* A trigger fired for `server`. True: it was not watched before, it has just gone into attack mode.
 */
bool mode_watch_fired(struct mode_watch *watch, const struct server_key *server, uint64_t now_us);
/* Another bridge says that it is attacked: it stays so until `until_us`, whatever is fired here.
 * True: as above. */
bool mode_watch_hold(struct mode_watch *watch, const struct server_key *server, uint64_t until_us,
                     uint64_t now_us);
/* The servers for which a trigger has fired here within MODE_FIRING_US, at most `max` of them; how
 * many. */
uint32_t mode_watch_fired_lately(const struct mode_watch *watch, struct server_key *servers,
                                 uint32_t max, uint64_t now_us);
/* The operator took the decision: nothing will be returned. NULL: for all. */
void mode_watch_forget(struct mode_watch *watch, const struct server_key *server);
/* Takes one server whose time has come off the watch; false: none is due. */
bool mode_watch_take_due(struct mode_watch *watch, uint64_t now_us, struct server_key *server);
/* When mode_watch_take_due() will next have one; UINT64_MAX: never. */
uint64_t mode_watch_deadline(const struct mode_watch *watch);

#endif
