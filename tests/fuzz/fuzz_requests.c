/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_requests.c - what the engine and the learner ask the protocols, of data that comes in pieces. The input:
 *
 *      protocols(3) repeat at cut | data       bits of accepted protocols; the byte before `at` stands there so many times more
 *
 * Checked for each prefix: nothing beyond it is read (it lies in memory of its own), and the answer stays what it was once it was yes or
 * no, for requests, patterns, greetings and acceptance; what waits for more is never named. A pattern learned of pieces of the
 * data matches each of them.
 */
#include "engine/policy.h"
#include "engine/protocols/protocol.h"
#include "profiles/pattern.h"
#include "tests/fuzz/fuzz.h"

#define DATA_MAX  40000
#define PREFIXES  48  /* each of these, and then every `step`th */
#define STEPS_MAX 100 /* prefixes beyond */

struct text {
    const uint8_t *bytes;
    size_t count, cut;
    uint64_t protocols;
    struct pattern pattern;
    bool has_pattern;
};

/* What was said of the prefixes so far. */
struct answers {
    enum match request, pattern, each[PROTOCOLS_COUNT];
    enum protocol_id matched;
    enum greeting_verdict greeting[PROTOCOLS_COUNT];
    size_t greeting_bytes[PROTOCOLS_COUNT];
    enum acceptance acceptance[PROTOCOLS_COUNT];
};

static enum match keep(enum match was, enum match is)
{
    FUZZ_ASSERT(is == MATCH_NO || is == MATCH_YES || is == MATCH_MORE);
    FUZZ_ASSERT(was == MATCH_MORE || is == was);
    return is;
}

static void ask_greeting(const struct protocol *protocol, const uint8_t *copy, size_t bytes,
                         struct answers *answers)
{
    enum greeting_verdict was = answers->greeting[protocol->id], is;
    size_t length = 0;

    if (protocol->greeting == NULL)
        return;
    is = protocol->greeting(copy, bytes, &length);
    FUZZ_ASSERT(is == GREETING_NOT || is == GREETING_POSITIVE || is == GREETING_NEGATIVE ||
                is == GREETING_MORE);
    FUZZ_ASSERT(was == GREETING_MORE || is == was);
    if (is == GREETING_POSITIVE || is == GREETING_NEGATIVE) {
        FUZZ_ASSERT(length > 0 && length <= bytes);
        FUZZ_ASSERT(was == GREETING_MORE || length == answers->greeting_bytes[protocol->id]);
        answers->greeting_bytes[protocol->id] = length;
    }
    answers->greeting[protocol->id] = is;
}

static void ask_acceptance(const struct protocol *protocol, const struct text *text, const uint8_t *copy,
                           size_t bytes, struct answers *answers)
{
    enum acceptance was = answers->acceptance[protocol->id], is;

    if (protocol->accepts == NULL)
        return;
    is = protocol->accepts(text->bytes, text->cut, copy, bytes);
    FUZZ_ASSERT(is == ACCEPTANCE_REFUSED || is == ACCEPTANCE_ACCEPTED || is == ACCEPTANCE_MORE);
    FUZZ_ASSERT(was == ACCEPTANCE_MORE || is == was);
    answers->acceptance[protocol->id] = is;
}

static void ask_registry(const struct text *text, const uint8_t *copy, size_t bytes, struct answers *answers)
{
    enum protocol_id matched;
    enum match request = protocols_check(text->protocols, copy, bytes, &matched), best = MATCH_NO;

    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        if (!(text->protocols >> id & 1) || best == MATCH_YES)
            continue;
        if (answers->each[id] != MATCH_NO)
            best = answers->each[id];
    }
    FUZZ_ASSERT(request == best);
    FUZZ_ASSERT((request == MATCH_YES) == (matched != PROTOCOL_UNKNOWN));
    if (matched != PROTOCOL_UNKNOWN)
        FUZZ_ASSERT(text->protocols >> matched & 1 && answers->each[matched] == MATCH_YES);
    answers->request = keep(answers->request, request);
}

static void ask_all(const struct text *text, size_t bytes, struct answers *answers)
{
    uint8_t *copy = malloc(bytes);

    if (bytes > 0)
        memcpy(copy, text->bytes, bytes);
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        const struct protocol *protocol = protocol_by_id((enum protocol_id)id);

        answers->each[id] = keep(answers->each[id], protocol->check(copy, bytes));
        ask_greeting(protocol, copy, bytes, answers);
        ask_acceptance(protocol, text, copy, bytes, answers);
    }
    ask_registry(text, copy, bytes, answers);
    if (text->has_pattern)
        answers->pattern = keep(answers->pattern, pattern_check(&text->pattern, copy, bytes));
    free(copy);
}

/* Pieces of the data, all of them accepted requests; the pattern must fit each. */
static void learn_pattern(struct text *text)
{
    struct pattern_model model = {0};
    size_t piece = text->count / 10;

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 10; i++) {
            const uint8_t *request = text->bytes + i * piece / 2;
            size_t bytes = piece + i;

            bytes = bytes < text->count - i * piece / 2 ? bytes : text->count - i * piece / 2;
            if (round == 0)
                pattern_model_add(&model, request, bytes);
            else if (text->has_pattern)
                FUZZ_ASSERT(pattern_check(&text->pattern, request, bytes) == MATCH_YES);
        }
        if (round == 0)
            text->has_pattern = pattern_model_get(&model, &text->pattern);
    }
    if (text->has_pattern)
        FUZZ_ASSERT(text->pattern.pairs > 0 && text->pattern.pairs <= PATTERN_PAIRS_MAX);
}

/* The data, with one byte of it said many times: limits of length lie beyond what an input is long. */
static size_t spread(struct stream *stream, uint8_t *out)
{
    size_t times = take_u8(stream) * 150u, at = take_u8(stream), bytes = 0;

    while (stream_left(stream) > 0 && bytes < DATA_MAX) {
        uint8_t byte = take_u8(stream);

        out[bytes++] = byte;
        for (size_t i = 0; bytes == at && i < times && bytes + i < DATA_MAX; i++)
            out[at + i] = byte;
        if (bytes == at)
            bytes += times;
    }
    return bytes < DATA_MAX ? bytes : DATA_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t all[DATA_MAX];
    struct stream stream = {data, data + bytes};
    struct answers answers = {.request = MATCH_MORE, .pattern = MATCH_MORE};
    struct text text = {.bytes = all};
    size_t step;

    text.protocols = (uint64_t)take_u8(&stream) << 16;
    text.protocols |= take_u16(&stream);
    text.count = spread(&stream, all);
    text.cut = text.count / 2;
    for (int id = 0; id < PROTOCOLS_COUNT; id++) {
        answers.each[id] = MATCH_MORE;
        answers.greeting[id] = GREETING_MORE;
        answers.acceptance[id] = ACCEPTANCE_MORE;
    }
    learn_pattern(&text);
    step = text.count / STEPS_MAX + 1;
    for (size_t at = 1; at <= text.count; at += at < PREFIXES ? 1 : step)
        ask_all(&text, at, &answers);
    ask_all(&text, text.count, &answers);
    return 0;
}
