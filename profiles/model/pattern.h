/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern.h - what the requests that no protocol file knows have in common (doc/architecture.md,
 * learning).
 *
 * Each accepted request narrows the model: its length may lower the least length, and each byte
 * that differs from the first request's stops being constant. Only the first PATTERN_WINDOW bytes
 * are looked at.
 *
 *      first request   05 01 00 2a 7f ...
 *      constant         1  1  1  0  0          -> least_bytes 5; (0, 05) (1, 01) (2, 00)
 *
 * One client that repeats itself must not make its own parameters a rule: while fewer than three
 * different requests were seen, only the first four bytes count.
 */
#ifndef SYNWARD_PROFILES_MODEL_PATTERN_H
#define SYNWARD_PROFILES_MODEL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/server/policy.h"

#define PATTERN_REQUESTS_MIN 8
#define PATTERN_DISTINCT_MIN 3
#define PATTERN_NARROW_BYTES 4
#define PATTERN_WINDOW       128

struct pattern_model {
    uint32_t accepted;
    uint16_t least_bytes; /* of all accepted; saturates at PATTERN_WINDOW */
    uint8_t distinct_count;
    uint64_t distinct[PATTERN_DISTINCT_MIN]; /* hashes of the first different ones */
    uint8_t first[PATTERN_WINDOW];
    bool constant[PATTERN_WINDOW];
};

void pattern_model_add(struct pattern_model *model, const uint8_t *request, size_t bytes);
/* False where there is none: too few accepted, or nothing in common. */
bool pattern_model_get(const struct pattern_model *model, struct pattern *pattern);
/* Makes a model that gives this pattern, for profiles that come without theirs. */
void pattern_model_restore(struct pattern_model *model, const struct pattern *pattern);

#endif
