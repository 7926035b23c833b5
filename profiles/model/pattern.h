/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern.h - what the requests that no protocol file knows have in common (doc/architecture.md,
 * learning).
 *
 * Each accepted request is held against the pattern as it was before, and only then learned from.
 * A pattern is *proved*, and may refuse, when PATTERN_PROOFS requests with contents not seen before
 * have fitted it in a row: until then it says too little of what clients send (eight requests
 * without an exception leave a risk of one in ten that the next one is).
 *
 *      constants   the bytes from the first on that never changed, at most PATTERN_PAIRS_MAX; a
 *                  length field among them is passed over, and so are zeros right in front of a
 *                  byte that changes, which may be the higher digits of a counter
 *      line        every request was a line of text
 *      length      a field of the first bytes that said how long the request was, at
 *                  PATTERN_LENGTHS_LEAST lengths or more and without exception
 *
 *      first request   30 0c 02 01 01 60 07 ...        constant  30 -- 02 01 01
 *      another one     30 26 02 01 01 63 21 ...        length    BER at 1, + 2
 *
 * One client that repeats itself must not make its own parameters a rule: while fewer than three
 * different requests were seen, only the first four bytes count.
 */
#ifndef SYNWARD_PROFILES_MODEL_PATTERN_H
#define SYNWARD_PROFILES_MODEL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/server/pattern.h"

#define PATTERN_REQUESTS_MIN  8
#define PATTERN_DISTINCT_MIN  3
#define PATTERN_NARROW_BYTES  4
#define PATTERN_WINDOW        128
#define PATTERN_PROOFS        100
#define PATTERN_LENGTHS_LEAST 3
#define PATTERN_HEAD_BYTES    20 /* as far as length fields reach */
#define PATTERN_READING_WORDS 2  /* a bit for each reading of a length field */
#define PATTERN_CONTENT_WORDS 16 /* a bit for each hash of a content: 1,024 */

struct pattern_model {
    uint32_t accepted;
    uint16_t least_bytes; /* of all accepted; saturates at PATTERN_WINDOW */
    uint8_t distinct_count;
    uint64_t distinct[PATTERN_DISTINCT_MIN]; /* hashes of the first different ones */
    uint8_t first[PATTERN_WINDOW];
    bool constant[PATTERN_WINDOW];
    bool scattered;           /* constants behind bytes that vary count too: as a file says */
    bool not_line;            /* one was accepted that is no line of text */
    uint16_t line_bytes_most; /* of the lines */
    uint16_t whole_bytes;     /* length of the request whose head is kept; 0: none is */
    uint8_t head[PATTERN_HEAD_BYTES];
    uint8_t lengths_count;
    uint16_t lengths[PATTERN_LENGTHS_LEAST];    /* the first different ones */
    uint64_t not_length[PATTERN_READING_WORDS]; /* readings of a length field with an exception */
    uint16_t passed;                            /* new contents that fitted, in a row */
    uint64_t contents[PATTERN_CONTENT_WORDS];   /* of them */
};

/* Holds the request against the pattern, then learns from it. `bytes`: all of it. */
void pattern_model_add(struct pattern_model *model, const uint8_t *request, size_t bytes);
/* False where there is none: too few accepted, or nothing in common. */
bool pattern_model_get(const struct pattern_model *model, struct pattern *pattern);
/*
 * The pattern as it is asked: a request that says not where it ends is there when its constants
 * are, and half as many bytes as the shortest one seen had. Among n requests the shortest is one in
 * n: the next one to be shorter must not wait for bytes that never come.
 */
void pattern_shorten(struct pattern *pattern);
/* True where all requests have a byte in common, at whatever offset. */
bool pattern_model_common(const struct pattern_model *model);
/* True where it may refuse what does not fit. */
static inline bool pattern_model_proved(const struct pattern_model *model)
{
    return model->passed >= PATTERN_PROOFS;
}
/* Makes a model that gives this pattern, for profiles that come without theirs. */
void pattern_model_restore(struct pattern_model *model, const struct pattern *pattern);

#endif
