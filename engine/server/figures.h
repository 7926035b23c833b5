/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * figures.h - what is counted of each server, once. `status --json`, `stats SERVER`, `sample` and
 * the metrics are made from these lists, so that names cannot drift.
 *
 * Fixed memory, and one writer (the worker). A frame is counted for the server whose connection it
 * belongs to when it comes. What the kernel carries without the engine (bridge/bpf/carry.bpf.c) it
 * counts itself, and it is added when somebody asks. SYNs and cookies of what the kernel answers
 * are among them (stages/answering.h).
 */
#ifndef SYNWARD_ENGINE_SERVER_FIGURES_H
#define SYNWARD_ENGINE_SERVER_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/counters.h"
#include "engine/tcp/flow_record.h"

/* X(name, text). Those marked "now" in the text are gauges. */
#define SERVER_FIGURES(X)                                                                          \
    X(syns, "SYNs that came to it")                                                                \
    X(cookies_sent, "SYN-ACKs sent for it with a cookie")                                          \
    X(proofs, "handshakes completed with a good cookie")                                           \
    X(admitted, "connections opened to it")                                                        \
    X(taken, "of these, connections that its own TCP made of a cookie")                            \
    X(fell_back, "connections that it was to make so, and did not: they were spliced")             \
    X(failed, "openings that it refused or did not answer")                                        \
    X(frames_in, "frames of its connections that came from clients")                               \
    X(frames_out, "frames of its connections that came from it")                                   \
    X(bytes_in, "bytes of these that came from clients, Ethernet header and all")                  \
    X(bytes_out, "bytes of these that came from it, Ethernet header and all")                      \
    X(queries, "DNS queries over UDP that came to it")                                             \
    X(truncated, "of these, told to ask again over TCP")                                           \
    X(passed, "of these, passed on in attack mode")                                                \
    X(switches, "changes of its mode")                                                             \
    X(admission_us, "microseconds from proved request to open connection, all together")           \
    X(half_open, "half-open connections, or cookies that have not come back, now")                 \
    X(spliced, "connections spliced now")

/* Y(reason): those for which a client that is new is refused, of SYNWARD_DROPS(). All are of
 * segments whose connection is known when they are dropped. */
#define SERVER_REFUSALS(Y)                                                                         \
    Y(bad_cookie)                                                                                  \
    Y(mismatch)                                                                                    \
    Y(keyword)                                                                                     \
    Y(aside)                                                                                       \
    Y(unknown_server)                                                                              \
    Y(unlistened)                                                                                  \
    Y(silent)                                                                                      \
    Y(unfinished)                                                                                  \
    Y(slots_full)                                                                                  \
    Y(open_limit)                                                                                  \
    Y(held_limit)                                                                                  \
    Y(minor_limit)                                                                                 \
    Y(decipher_limit)                                                                              \
    Y(query_odd)                                                                                   \
    Y(query_limit)                                                                                 \
    Y(no_room)

enum server_refusal {
#define SERVER_REFUSAL_ENUM(name) REFUSAL_OF_##name,
    SERVER_REFUSALS(SERVER_REFUSAL_ENUM)
#undef SERVER_REFUSAL_ENUM
        SERVER_REFUSALS_COUNT
};

/* Bucket i counts admissions that took less than 2^i microseconds, and no less than half of that;
 * the last one all that took longer. */
#define ADMISSION_BUCKETS 26u

struct server_figures {
#define SERVER_FIGURE_FIELD(name, text) uint64_t name;
    SERVER_FIGURES(SERVER_FIGURE_FIELD)
#undef SERVER_FIGURE_FIELD
    uint64_t refused[SERVER_REFUSALS_COUNT];
    uint64_t admission[ADMISSION_BUCKETS];
};

/* True of a reason that refuses; a constant where the reason is one. */
static inline bool figures_is_refusal(enum drop_reason reason)
{
#define SERVER_REFUSAL_BIT(name) | 1u << DROP_##name
    return ((0u SERVER_REFUSALS(SERVER_REFUSAL_BIT)) >> reason & 1) != 0;
#undef SERVER_REFUSAL_BIT
}

static inline void figures_frame(struct server_figures *figures, bool from_client, uint32_t bytes)
{
    if (from_client) {
        figures->frames_in++;
        figures->bytes_in += bytes;
    } else {
        figures->frames_out++;
        figures->bytes_out += bytes;
    }
}

/* Does nothing for reasons that refuse nobody. */
void figures_refuse(struct server_figures *figures, enum drop_reason reason);
void figures_admit(struct server_figures *figures, uint64_t us);
/* Number by number, gauges too: shards hold disjoint connections. */
/* What the kernel has carried. */
void figures_carried(struct server_figures *sum, const struct record_figures *carried);
void figures_add(struct server_figures *sum, const struct server_figures *from);

#endif
