/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.h - the world: virtual time, an event queue, and the way of a frame from host to host.
 *
 *      client hosts --link--> middle --link--> server hosts         middle: an engine (middle.h),
 *                                                                   or nothing
 *                   <--link--        <--link--
 *
 * Each of the four links has its own latency, loss, duplication, reordering and corruption, all
 * drawn from the wire's seed. Frames of equal delay keep their order. What enters and leaves the
 * middle is kept in a ring of the last WIRE_TRACE_LINES segments and printed when a check fails.
 */
#ifndef SYNWARD_TESTS_SIM_WIRE_H
#define SYNWARD_TESTS_SIM_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/middle.h"
#include "tests/sim/packet.h"
#include "tests/sim/rng.h"

#define WIRE_TRACE_LINES 8192

struct host;

struct link {
    uint64_t latency_us;
    uint32_t loss, duplicates, reorders, corrupts; /* per million frames */
    uint32_t late; /* the same: copies that come up to WIRE_LATE_US later */
};

struct event;

struct trace_line {
    uint64_t at_us;
    enum side side;
    bool into;         /* into the middle; else out of it */
    const char *wrong; /* what packet_read() said; NULL: nothing */
    struct packet packet;
};

struct wire {
    uint64_t now_us, began_us;
    uint64_t seed;
    struct rng rng;
    struct link in[2], out[2]; /* towards the middle from a side, and from the middle to a side */
    struct middle *middle;     /* NULL: bare wire */
    struct host *hosts;
    struct event *events; /* binary heap */
    uint32_t events_count, events_capacity;
    uint64_t order;
    uint32_t mtu;
    bool strict; /* what leaves the middle is checked for order too: only where no link disturbs */
    struct trace_line *trace;
    uint64_t trace_count;
    /* Called after each event, to judge; may be NULL. */
    void (*after_step)(struct wire *wire);
    /* Sees every segment that comes to the middle, NULL where it is broken or time alone passes;
     * may be NULL. */
    void (*on_enter)(struct wire *wire, enum side from, const struct packet *packet);
    /* Sees every segment that leaves the middle, by its own word (`reply`) or passed on; may be
     * NULL. */
    void (*on_leave)(struct wire *wire, enum side to, const struct packet *packet, bool reply);
    const char *name; /* of the test, "suite/name", to be replayed; may be NULL */
    void *context;
};

#define WIRE_START_US 1000000ull
#define WIRE_LATE_US  50000000u

/* The wire owns the middle and the hosts. */
struct wire *wire_new(uint64_t seed, struct middle *middle, uint64_t start_us);
/* Puts a middle into a wire that was bare until now, and owns it. */
void wire_insert(struct wire *wire, struct middle *middle);
void wire_free(struct wire *wire);
/* Sets all four links. */
void wire_set_links(struct wire *wire, const struct link *link);

typedef void wire_call(void *context);
void wire_at(struct wire *wire, uint64_t at_us, wire_call *call, void *context);
/* A host sends. */
void wire_send(struct wire *wire, enum side from, const struct packet *packet);

/* Runs until `until_us`; time stands there afterwards. */
void wire_run(struct wire *wire, uint64_t until_us);

/* Prints seed and trace (of one port's connections, or of all where `port` is 0), then fails the
 * test. */
__attribute__((format(printf, 3, 4), noreturn)) void
wire_fail_port(struct wire *wire, uint16_t port, const char *format, ...);
#define wire_fail(wire, ...) wire_fail_port(wire, 0, __VA_ARGS__)

#endif
