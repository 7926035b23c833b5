/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - makes events (events.h) of what the daemon learns: one function for each thing that
 * can happen.
 *
 * What is told by a state and not by a message (a profile that is armed now, a full table, a source
 * whose time is over) is found by report_tick(), which compares with what was so before. Main
 * thread only.
 */
#ifndef SYNWARD_BRIDGE_EVENTS_REPORT_H
#define SYNWARD_BRIDGE_EVENTS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/events/events.h"
#include "bridge/events/growth.h"
#include "engine/base/counters.h"
#include "engine/engine.h"
#include "profiles/store/store.h"

/* Sources put aside whose end is told; of more at once the end is not. */
#define REPORT_ASIDES 256
/* Dead servers whose return is told; of more at once neither is. */
#define REPORT_DEAD 256

struct report;

struct report *report_new(struct events *events);
void report_free(struct report *report);

void report_attack(struct report *report, const struct server_key *server,
                   const struct observed_trigger *trigger);
void report_normal(struct report *report, const struct server_key *server);
/* The operator's; `server` NULL: for all. */
void report_setting(struct report *report, const struct server_key *server,
                    enum mode_setting setting);
void report_greeting(struct report *report, const struct observation *observation);
/* A source put aside by its requests. */
void report_aside(struct report *report, const struct observation *observation);
/* A rule of the operator; SOURCE_CLEAR where it was removed. */
void report_rule(struct report *report, const struct source_rule *rule);
void report_saved(struct report *report, const char *path, size_t profiles);
/* A store that did not read at the start, and for which `reason`, was moved to `aside`. */
void report_store_broken(struct report *report, const char *reason, const char *aside);
void report_save_failed(struct report *report, const char *reason);
void report_learning(struct report *report, bool on);
/* An interface of somebody else's: `side` as given. */
void report_side_lost(struct report *report, const char *side, const char *device);
/* No frame passes, and not because the interface is gone. */
void report_side_cut(struct report *report, const char *side, const char *why);
void report_side_back(struct report *report, const char *side, const char *device);
/* An interface has no carrier; `told` says what becomes of the other one. */
void report_side_no_carrier(struct report *report, const char *side, const char *told);
void report_side_carrier(struct report *report, const char *side);
/* How often no worker was alive, since the start, and what went by meanwhile: told where it is
 * more.
 */
void report_dead(struct report *report, uint32_t times, uint64_t passed, uint64_t dropped);
/* The view into the servers' TCP stack: `reason` says why it is gone, NULL: it is there. */
void report_stack(struct report *report, const char *reason);

/* The other bridges: joined, or why not. */
struct cluster_peers;
void report_peers(struct report *report, const struct cluster_peers *peers);
/* What the bridge `node` says of a server, or of a source. */
void report_attack_of_peer(struct report *report, const struct server_key *server,
                           const struct observed_trigger *trigger, const char *node);
void report_aside_of_peer(struct report *report, const struct source_rule *rule, const char *node);
/* The clock that cookies of a cluster are made by is so far behind wall time (ahead: < 0), and
 * comes near in so many seconds; or `right`, it has. */
void report_clock(struct report *report, bool right, int64_t off_us, uint64_t lasts_s);

/* The configuration file was read anew: how much has changed, or `refused`, why not. */
void report_config(struct report *report, size_t changes, const char *refused);

/* How full the engines' tables are: told at two thirds, and anew after half of it was free. */
void report_use(struct report *report, const struct engine_use *use);
/* How many slow connections were ended at a server, ever: told where that has grown. */
void report_slow(struct report *report, const struct server_key *server, uint32_t ended);
/* Whether anybody listens on a server's port: told where nobody does, and when that has ended. */
void report_listening(struct report *report, const struct server_key *server, bool listening);

/*
 * Once at the start, when the store is loaded, then about once a second. `overflow`: frames that
 * the TAP of each side (enum side) had no room for, ever; `counters` NULL: not known this time, and
 * `overflow` neither.
 */
void report_tick(struct report *report, const struct store *store, const struct counters *counters,
                 const uint64_t overflow[2]);

#endif
