/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * middle.h - an engine as the wire sees it: frames in, frames out, every one that leaves checked.
 *
 * What the worker does in the daemon is done here on one page: verdict, outbox, deadlines,
 * observations. Each frame that leaves must be right in every respect (packet_read()), must not be
 * longer than the MTU allows, and must have VLAN tags as its connection has them. Frames that came
 * in wrong and are passed on are exempt.
 *
 * With a path (path.h) the kernel's part comes first, as at a port.
 */
#ifndef SYNWARD_TESTS_SIM_MIDDLE_H
#define SYNWARD_TESTS_SIM_MIDDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "tests/sim/packet.h"
#include "tests/sim/path.h"

/* One frame out of the engine; `reply`: by VERDICT_REPLY or from the outbox, not passed on. */
typedef void middle_sink(void *context, enum side to, const uint8_t *buffer, uint32_t bytes,
                         bool reply);
/* The engine is about to be told of a frame that the path has answered; may be NULL. */
typedef void middle_told(void *context, enum side from, const uint8_t *buffer, uint32_t bytes);
typedef void middle_observer(void *context, const struct observation *observation);
/* A frame that left was wrong: `text` says how. Does not return where it fails the test. */
typedef void middle_complaint(void *context, enum side to, const uint8_t *buffer, uint32_t bytes,
                              const char *text);

struct middle {
    struct engine *engine;
    void *memory;
    size_t memory_bytes;
    struct policy *policy; /* in force; owned */
    uint32_t mtu;
    uint8_t *buffer;
    struct path *path; /* NULL: all goes through the engine */
    middle_sink *sink;
    middle_complaint *complaint;
    middle_told *told;
    void *context;
    middle_observer *observer; /* may be NULL */
    void *observer_context;
    uint64_t observed[OBSERVED_GREETING + 1]; /* by kind */
    uint64_t negative_greetings;              /* of those that were unequal */
    struct verdict last;
};

/* Small tables, fixed keys; `change` may alter the configuration (may be NULL). */
struct middle *middle_new(void (*change)(struct engine_config *config), uint64_t now_us);
/* The same with a path whose chances are drawn from `seed`. */
struct middle *middle_new_beside_path(void (*change)(struct engine_config *config), uint64_t seed,
                                      uint64_t now_us);
void middle_free(struct middle *middle);
/* Takes the policy over (malloc'ed) and frees the one before. */
void middle_adopt(struct middle *middle, struct policy *policy, uint64_t now_us);
/* Before a frame comes: what the engine is told of by then. */
void middle_hear(struct middle *middle, uint64_t now_us);
void middle_input(struct middle *middle, enum side from, const uint8_t *buffer, uint32_t bytes,
                  uint64_t now_us);
void middle_tick(struct middle *middle, uint64_t now_us);
uint64_t middle_deadline(const struct middle *middle);
const struct counters *middle_counters(struct middle *middle);

#endif
