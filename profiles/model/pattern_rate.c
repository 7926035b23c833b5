/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pattern_rate.c - see pattern_rate.h. */
#include "profiles/model/pattern_rate.h"

#include "engine/protocols/samples.h"

/* Knuth's 64-bit linear congruence; the upper bits are the good ones. */
static uint8_t random_byte(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(*state >> 56);
}

/* The other bytes of a random request do not matter: a draw for each pair is the whole of it. */
static bool takes_random(const struct pattern *pattern, uint64_t *state)
{
    for (uint8_t i = 0; i < pattern->pairs; i++)
        if (random_byte(state) != pattern->pair[i].byte)
            return false;
    return true;
}

#define RANDOM_BYTES 64

/* A line or a length is in all bytes. */
static bool takes_random_bytes(const struct pattern *pattern, uint64_t *state)
{
    uint8_t request[RANDOM_BYTES];

    for (size_t i = 0; i < RANDOM_BYTES; i++)
        request[i] = random_byte(state);
    return pattern_check(pattern, request, RANDOM_BYTES) == MATCH_YES;
}

static uint32_t count_random(const struct pattern *pattern)
{
    uint64_t state = 20261122;
    const bool whole = pattern->line_bytes_max > 0 || pattern->lengths > 0;
    uint32_t taken = 0;

    for (uint32_t i = 0; i < PATTERN_RANDOM_REQUESTS; i++)
        taken += whole ? takes_random_bytes(pattern, &state) : takes_random(pattern, &state);
    return taken;
}

struct pattern_rate pattern_rate(const struct pattern *pattern)
{
    struct pattern_rate rate = {.random = count_random(pattern), .expected = 1};

    for (uint8_t i = 0; i < pattern->pairs; i++)
        rate.expected /= 256;
    for (size_t i = 0; i < samples_count; i++) {
        const struct sample *sample = &samples[i];

        /* A sample is the beginning of a request: what it still waits for may come. */
        if (pattern_check(pattern, (const uint8_t *)sample->bytes, sample->count) == MATCH_NO)
            continue;
        rate.samples++;
        rate.protocols |= UINT64_C(1) << sample->id;
    }
    return rate;
}
