/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_samples.c - see support_samples.h. */
#include "tests/engine/protocols/support_samples.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

/* A copy without a byte to spare; never NULL. */
static uint8_t *exact(const void *bytes, size_t count)
{
    uint8_t *copy = malloc(count ? count : 1);

    cr_assert_not_null(copy);
    if (count)
        memcpy(copy, bytes, count);
    return copy;
}

enum match check_bytes(enum protocol_id id, const void *bytes, size_t count)
{
    uint8_t *copy = exact(bytes, count);
    enum match match = protocol_by_id(id)->check(copy, count);

    free(copy);
    return match;
}

enum acceptance answer_bytes(enum protocol_id id, const void *request, size_t request_bytes,
                             const void *bytes, size_t count)
{
    uint8_t *asked = exact(request, request_bytes), *copy = exact(bytes, count);
    enum acceptance acceptance = protocol_by_id(id)->accepts(asked, request_bytes, copy, count);

    free(asked);
    free(copy);
    return acceptance;
}

enum greeting_verdict greet_bytes(enum protocol_id id, const void *bytes, size_t count,
                                  size_t *greeting_bytes)
{
    uint8_t *copy = exact(bytes, count);
    enum greeting_verdict verdict;

    *greeting_bytes = 0;
    verdict = protocol_by_id(id)->greeting(copy, count, greeting_bytes);
    free(copy);
    return verdict;
}

void assert_samples(enum protocol_id id)
{
    size_t found = 0;

    for (size_t i = 0; i < samples_count; i++) {
        const struct sample *sample = &samples[i];

        if (sample->id != id)
            continue;
        found++;
        for (size_t bytes = 0; bytes <= sample->count; bytes++)
            cr_expect_eq(check_bytes(id, sample->bytes, bytes),
                         bytes < sample->decided ? MATCH_MORE : MATCH_YES, "%s: %zu bytes",
                         sample->name, bytes);
    }
    cr_assert_gt(found, 0);
}

static enum match whole_bytes(enum protocol_id id, const void *bytes, size_t count, size_t from,
                              size_t *needed)
{
    uint8_t *copy = exact(bytes, count);
    enum match match = protocol_whole(id, copy, count, from, needed);

    free(copy);
    return match;
}

void assert_whole(enum protocol_id id, const void *request, size_t bytes, size_t whole)
{
    size_t needed, wait = 0, asked = 0, from = 0;

    for (size_t there = 1; there <= bytes; there++) {
        enum match expected = there < whole ? MATCH_MORE : MATCH_YES;

        if (check_bytes(id, request, there) != MATCH_YES)
            continue;
        cr_assert_eq(whole_bytes(id, request, there, 0, &needed), expected, "%s: %zu of %zu bytes",
                     protocol_name(id), there, whole);
        cr_assert(expected == MATCH_YES ? needed == whole : needed > there && needed <= whole,
                  "%s: %zu of %zu bytes need %zu", protocol_name(id), there, whole, needed);
        cr_assert_eq(whole_bytes(id, request, there, from, &needed), expected,
                     "%s: %zu of %zu bytes, %zu of them known", protocol_name(id), there, whole,
                     from);
        from = expected == MATCH_MORE ? there : from;
        if (there < wait) {
            cr_assert_eq(expected, MATCH_MORE, "%s: told to wait for %zu of %zu bytes",
                         protocol_name(id), wait, whole);
            continue;
        }
        cr_assert_eq(whole_bytes(id, request, there, asked, &wait), expected);
        asked = expected == MATCH_MORE ? there : asked;
    }
}

void assert_wholes(enum protocol_id id)
{
    for (size_t i = 0; i < samples_count; i++) {
        const struct sample *sample = &samples[i];
        size_t whole = sample->whole > 0 ? sample->whole : sample->count;
        size_t bytes = whole > sample->count ? whole : sample->count;
        uint8_t *request;

        if (sample->id != id)
            continue;
        request = malloc(bytes);
        cr_assert_not_null(request);
        memset(request, 'x', bytes);
        memcpy(request, sample->bytes, sample->count);
        assert_whole(id, request, bytes, whole);
        free(request);
    }
}

void assert_none(enum protocol_id id, const char *const texts[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(check_bytes(id, texts[i], strlen(texts[i])), MATCH_NO, "'%s'", texts[i]);
}

static const struct sample *sample_named(const char *name)
{
    for (size_t i = 0; i < samples_count; i++) {
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    }
    cr_assert_fail("no sample '%s'", name);
    return NULL;
}

void assert_wrong_at(const char *name, size_t at, uint8_t value)
{
    const struct sample *sample = sample_named(name);
    uint8_t *copy = exact(sample->bytes, sample->count);

    cr_assert_lt(at, sample->count);
    cr_assert_neq(copy[at], value, "%s: byte %zu is that", name, at);
    copy[at] = value;
    for (size_t bytes = 0; bytes <= sample->count; bytes++)
        cr_expect_eq(check_bytes(sample->id, copy, bytes), bytes <= at ? MATCH_MORE : MATCH_NO,
                     "%s: byte %zu is %02x, %zu bytes", name, at, value, bytes);
    free(copy);
}

void assert_fixed(const char *name, size_t from, size_t to)
{
    const struct sample *sample = sample_named(name);

    for (size_t at = from; at < to; at++)
        assert_wrong_at(name, at, (uint8_t)(sample->bytes[at] ^ 0x40));
}

void assert_answer(enum protocol_id id, const void *request, size_t request_bytes,
                   const void *bytes, size_t count, size_t decided, enum acceptance verdict)
{
    for (size_t there = 0; there <= count; there++)
        cr_expect_eq(answer_bytes(id, request, request_bytes, bytes, there),
                     there < decided ? ACCEPTANCE_MORE : verdict,
                     "%s: %zu of %zu bytes of the answer", protocol_name(id), there, count);
}

void assert_greeting(enum protocol_id id, const void *bytes, size_t count,
                     enum greeting_verdict verdict)
{
    uint8_t *copy = exact(bytes, count);
    size_t length;

    for (size_t there = 0; there < count; there++)
        cr_expect_eq(greet_bytes(id, bytes, there, &length), GREETING_MORE, "%s: %zu of %zu bytes",
                     protocol_name(id), there, count);
    cr_expect_eq(greet_bytes(id, bytes, count, &length), verdict, "%s: '%.*s'", protocol_name(id),
                 (int)count, (const char *)bytes);
    cr_expect_eq(length, count);
    copy = realloc(copy, count + 3);
    cr_assert_not_null(copy);
    memcpy(copy + count, "\0x\n", 3);
    cr_expect_eq(greet_bytes(id, copy, count + 3, &length), verdict);
    cr_expect_eq(length, count, "%s: what follows is no part of it", protocol_name(id));
    free(copy);
}
