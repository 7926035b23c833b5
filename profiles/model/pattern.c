/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pattern.c - see pattern.h. */
#include "profiles/model/pattern.h"

#include <string.h>

#include "engine/base/addr.h"

static void note_distinct(struct pattern_model *model, const uint8_t *request, size_t bytes)
{
    /*
     * Stored with the profile, so the seed is a constant; somebody who makes two requests collide
     * only keeps the pattern narrow.
     */
    static const uint64_t seed[2] = {0x3f84d5b5b5470917u, 0x9216d5d98979fb1bu};
    const uint64_t hash = table_hash(seed, request, bytes);
    for (uint8_t i = 0; i < model->distinct_count; i++)
        if (model->distinct[i] == hash)
            return;
    if (model->distinct_count < PATTERN_DISTINCT_MIN)
        model->distinct[model->distinct_count++] = hash;
}

void pattern_model_add(struct pattern_model *model, const uint8_t *request, size_t bytes)
{
    const uint16_t looked_at = (uint16_t)(bytes < PATTERN_WINDOW ? bytes : PATTERN_WINDOW);
    if (model->accepted == 0) {
        memcpy(model->first, request, looked_at);
        for (uint16_t i = 0; i < looked_at; i++)
            model->constant[i] = true;
        model->least_bytes = looked_at;
    }
    if (looked_at < model->least_bytes)
        model->least_bytes = looked_at;
    for (uint16_t i = 0; i < model->least_bytes; i++)
        if (request[i] != model->first[i])
            model->constant[i] = false;
    note_distinct(model, request, bytes);
    if (model->accepted < UINT32_MAX)
        model->accepted++;
}

bool pattern_model_get(const struct pattern_model *model, struct pattern *pattern)
{
    memset(pattern, 0, sizeof(*pattern));
    if (model->accepted < PATTERN_REQUESTS_MIN)
        return false;
    uint16_t counted = model->least_bytes;
    if (model->distinct_count < PATTERN_DISTINCT_MIN && counted > PATTERN_NARROW_BYTES)
        counted = PATTERN_NARROW_BYTES;
    pattern->least_bytes = counted;
    for (uint16_t i = 0; i < counted && pattern->pairs < PATTERN_PAIRS_MAX; i++) {
        if (!model->constant[i])
            continue;
        pattern->pair[pattern->pairs].offset = i;
        pattern->pair[pattern->pairs].byte = model->first[i];
        pattern->pairs++;
    }
    return pattern->pairs > 0;
}

void pattern_model_restore(struct pattern_model *model, const struct pattern *pattern)
{
    memset(model, 0, sizeof(*model));
    model->accepted = PATTERN_REQUESTS_MIN;
    model->least_bytes =
        pattern->least_bytes < PATTERN_WINDOW ? pattern->least_bytes : PATTERN_WINDOW;
    model->distinct_count = PATTERN_DISTINCT_MIN;
    for (uint8_t i = 0; i < pattern->pairs; i++) {
        if (pattern->pair[i].offset >= PATTERN_WINDOW)
            continue;
        model->first[pattern->pair[i].offset] = pattern->pair[i].byte;
        model->constant[pattern->pair[i].offset] = true;
    }
}
