/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events.h - what happened that an operator wants to know: a fixed ring, the log, and the lines of
 * `synward watch`.
 *
 *      report.c --events_add()--> ring of EVENTS_KEPT --> one reader per watcher, at its own place
 *      (event_reader)
 *                        \------> log, one line each
 *
 * The ring is overwritten from its oldest end whoever still reads it: a reader that is too slow
 * loses events and is told how many. A kind that comes in masses (EVENT_BURST at once, then
 * EVENT_PER_SECOND; in the log fewer) is thinned out; the next one of it that is told says how many
 * were not. Main thread only.
 */
#ifndef SYNWARD_BRIDGE_EVENTS_EVENTS_H
#define SYNWARD_BRIDGE_EVENTS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/log.h"
#include "engine/base/addr.h"

#define EVENTS_KEPT          512
#define EVENT_BURST          64
#define EVENT_PER_SECOND     16
#define EVENT_LOG_BURST      20
#define EVENT_LOG_PER_SECOND 1
#define EVENT_SUBJECT_BYTES  96
#define EVENT_CAUSE_BYTES    192
#define EVENT_TEXT_BYTES     384

/* X(id, name in JSON, key of the subject in JSON or NULL) */
#define EVENT_KINDS(X)                                                                             \
    X(MODE, "mode", NULL)                                                                          \
    X(SETTING, "setting", NULL)                                                                    \
    X(GREETING, "greeting", NULL)                                                                  \
    X(PROFILE, "profile", NULL)                                                                    \
    X(SOURCE, "source", "source")                                                                  \
    X(STORE, "store", NULL)                                                                        \
    X(TABLE, "table", "table")                                                                     \
    X(OVERFLOW, "overflow", "side")                                                                \
    X(SIDE, "side", "side")                                                                        \
    X(LEARNING, "learning", NULL)                                                                  \
    X(STACK, "stack", NULL)                                                                        \
    X(SERVER, "server", NULL)                                                                      \
    X(SLOW, "slow", NULL)                                                                          \
    X(DEAD, "dead", NULL)                                                                          \
    X(CONFIG, "config", NULL)                                                                      \
    X(CLUSTER, "cluster", NULL)

enum event_kind {
#define EVENT_KIND_ENUM(id, name, subject) EVENT_##id,
    EVENT_KINDS(EVENT_KIND_ENUM)
#undef EVENT_KIND_ENUM
        EVENT_KINDS_COUNT
};

struct event {
    enum event_kind kind;
    enum log_level level;
    const char *state; /* static: what it is now, "attack", "armed", "aside" ... */
    bool has_server, has_value;
    struct server_key server;
    uint64_t value;
    char subject[EVENT_SUBJECT_BYTES]; /* "": none */
    char cause[EVENT_CAUSE_BYTES];     /* "": none */
    char text[EVENT_TEXT_BYTES];       /* for people, one line */
    /* Filled in by events_add(). */
    int64_t wall_s;
    uint64_t unsaid; /* events of this kind before this one that were not told */
};

struct events;

/*
 * Events are numbered, and the numbers grow from one start to the next: they begin at the time
 * since 1970 in seconds times EVENTS_NUMBERS, and a second has fewer events than that.
 */
#define EVENTS_NUMBERS 1000
struct events *events_new(void);
void events_free(struct events *events);

/* Keeps a copy, and logs it. `now_us` on the monotonic clock is for the limits, `wall_us` for
 * people. */
void events_add(struct events *events, const struct event *event, uint64_t now_us,
                uint64_t wall_us);

/* A place among the events. All zero is the beginning of all. */
struct event_reader {
    uint64_t next;
    uint32_t unwanted; /* bit 1 << enum event_kind: kinds that are not told */
};

_Static_assert(EVENT_KINDS_COUNT <= 32, "each kind has its bit");

/* The number of the last; that of the first would be one more than what it is before any. */
uint64_t events_last(const struct events *events);
/* A reader of those with a higher number, as far as they are kept. */
struct event_reader events_since(const struct events *events, uint64_t number);
/* EVENT_KINDS_COUNT: there is none of this name. */
enum event_kind event_kind_named(const char *name);
const char *event_kind_name(enum event_kind kind);

/* A reader of what comes from now on. */
struct event_reader events_reader(const struct events *events);
bool events_waiting(const struct events *events, const struct event_reader *reader);
/*
 * What waits for the reader, as lines of JSON, at most `most` events of it; a line that says how
 * many were lost comes before what is left. malloc'ed, without a closing zero; NULL: nothing waits,
 * or memory is out, and the reader stays.
 */
char *events_read(const struct events *events, struct event_reader *reader, unsigned most,
                  size_t *bytes);

#endif
