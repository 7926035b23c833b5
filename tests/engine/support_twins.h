/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_twins.h - compares two engines that were told the same, each in its own way: a short one
 * and the general one.
 */
#ifndef SYNWARD_TESTS_ENGINE_SUPPORT_TWINS_H
#define SYNWARD_TESTS_ENGINE_SUPPORT_TWINS_H

#include "tests/engine/support_engine.h"

/* Counters, servers, how much is remembered, and what was observed and sent since the last time,
 * which is taken away. After each frame. */
void twins_alike(struct bench *one, struct bench *other);
/* Lets so much time pass for both, with engine_tick() as long as there is something to do. */
void twins_wait(struct bench *one, struct bench *other, uint64_t us);
/* Sets the operator's rule in both, or takes it back where it is set. */
void twins_turn_rule(struct bench *one, struct bench *other, const struct source_rule *rule);
/* The tables, byte by byte. */
void twins_remember_alike(const struct bench *one, const struct bench *other);

#endif
