/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_requests.c - what the engine and the learner ask the protocols, of data that comes in
 * pieces. The input:
 *
 *      protocols(3) repeat at cut | data       bits of accepted protocols, once more from the 21st
 *                                              on; the byte before `at`
 *                                              stands there so many times more
 *
 * Checked for each prefix: nothing beyond it is read (it lies in memory of its own), and the answer
 * stays what it was once it was yes or no, for requests, patterns, keywords, greetings and
 * acceptance, and where a request is whole; keywords once read stay the same, in the one form that
 * names have; what waits for more is never named. A pattern learned of pieces of the data matches
 * each of them. The forms that look random are asked too, with the data's own first bytes for a
 * user hash; no request is one of these and of a known protocol.
 */
#include "engine/server/policy.h"
#include "engine/protocols/hidden.h"
#include "engine/protocols/protocol.h"
#include "profiles/model/pattern.h"
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
    enum match request, pattern, encrypted, each[PROTOCOLS_COUNT];
    enum protocol_id matched;
    enum greeting_verdict greeting[PROTOCOLS_COUNT];
    size_t greeting_bytes[PROTOCOLS_COUNT];
    enum acceptance acceptance[PROTOCOLS_COUNT], keyword_acceptance[PROTOCOLS_COUNT];
    enum match keyword[PROTOCOLS_COUNT], whole[PROTOCOLS_COUNT];
    size_t asked[PROTOCOLS_COUNT], needed[PROTOCOLS_COUNT];
    struct keywords_found found[PROTOCOLS_COUNT];
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
    /* Lines alone are anybody's: they are SSH's when its identification follows. */
    FUZZ_ASSERT(was == GREETING_MORE || is == was ||
                (protocol->id == PROTOCOL_SSH && was == GREETING_NOT));
    if (is == GREETING_POSITIVE || is == GREETING_NEGATIVE) {
        FUZZ_ASSERT(length > 0 && length <= bytes);
        FUZZ_ASSERT(was != is || length == answers->greeting_bytes[protocol->id]);
        answers->greeting_bytes[protocol->id] = length;
    }
    answers->greeting[protocol->id] = is;
}

static enum acceptance keep_acceptance(enum acceptance was, enum acceptance is)
{
    FUZZ_ASSERT(is == ACCEPTANCE_REFUSED || is == ACCEPTANCE_ACCEPTED || is == ACCEPTANCE_MORE);
    FUZZ_ASSERT(was == ACCEPTANCE_MORE || is == was);
    return is;
}

static void ask_acceptance(const struct protocol *protocol, const struct text *text,
                           const uint8_t *copy, size_t bytes, struct answers *answers)
{
    enum acceptance *acceptance = &answers->acceptance[protocol->id],
                    *keyword = &answers->keyword_acceptance[protocol->id];

    if (protocol->accepts != NULL)
        *acceptance =
            keep_acceptance(*acceptance, protocol->accepts(text->bytes, text->cut, copy, bytes));
    if (protocol->keyword_accepts != NULL)
        *keyword = keep_acceptance(*keyword,
                                   protocol->keyword_accepts(text->bytes, text->cut, copy, bytes));
}

static void check_form(const struct keywords_found *found)
{
    size_t end = 0;

    FUZZ_ASSERT(found->count > 0 && found->count <= KEYWORDS_FOUND_MAX);
    for (uint8_t i = 0; i < found->count; i++) {
        const struct keyword_found *name = &found->names[i];

        FUZZ_ASSERT(name->kind < KEYWORD_KINDS_COUNT && name->at == end);
        end += name->bytes;
        FUZZ_ASSERT(end <= found->text_bytes && found->text_bytes <= KEYWORDS_FOUND_TEXT);
        const struct keyword_info *info = keyword_info((enum keyword_kind)name->kind);
        FUZZ_ASSERT(info->hash_bytes == 0 || name->bytes == info->hash_bytes || name->bytes == 0);
        for (uint8_t at = 0; info->hash_bytes == 0 && at < name->bytes; at++) {
            const uint8_t byte = keyword_text(found, i)[at];

            FUZZ_ASSERT(byte > ' ' && byte < 0x7f &&
                        !(info->any_case && byte >= 'A' && byte <= 'Z' &&
                          (at < 1 || keyword_text(found, i)[at - 1] != '%') &&
                          (at < 2 || keyword_text(found, i)[at - 2] != '%')));
        }
    }
    FUZZ_ASSERT(end == found->text_bytes);
}

static void ask_keywords(const struct protocol *protocol, const uint8_t *copy, size_t bytes,
                         struct answers *answers)
{
    enum match was = answers->keyword[protocol->id], is;
    struct keywords_found *before = &answers->found[protocol->id];
    static struct keywords_found found;

    if (protocol->keyword == NULL || answers->each[protocol->id] != MATCH_YES)
        return;
    keywords_none(&found);
    is = keep(was, protocol->keyword(copy, bytes, &found));
    answers->keyword[protocol->id] = is;
    if (is != MATCH_YES)
        return;
    check_form(&found);
    if (was == MATCH_YES)
        FUZZ_ASSERT(found.count == before->count && found.text_bytes == before->text_bytes &&
                    memcmp(found.text, before->text, found.text_bytes) == 0);
    *before = found;
}

/* However much of it was asked about before, the answer is the same. */
static void ask_whole(const struct protocol *protocol, const uint8_t *copy, size_t bytes,
                      struct answers *answers)
{
    const int id = (int)protocol->id;
    size_t needed, again;
    enum match whole;

    if (answers->each[id] != MATCH_YES)
        return;
    whole = protocol_whole(protocol->id, copy, bytes, 0, &needed);
    FUZZ_ASSERT(protocol_whole(protocol->id, copy, bytes, answers->asked[id], &again) == whole);
    answers->whole[id] = keep(answers->whole[id], whole);
    if (whole == MATCH_MORE) {
        FUZZ_ASSERT(needed > bytes && again > bytes);
        answers->asked[id] = bytes;
        answers->needed[id] = needed;
    } else if (whole == MATCH_YES) {
        FUZZ_ASSERT(needed <= bytes && needed >= answers->needed[id] && again == needed);
    }
}

static void ask_registry(const struct text *text, const uint8_t *copy, size_t bytes,
                         struct answers *answers)
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

/* A yes to MSE may be taken back where a flight is longer than any. */
static void ask_hidden(const struct text *text, const uint8_t *copy, size_t bytes,
                       struct answers *answers)
{
    uint8_t user_hash[EDONKEY_HASH_BYTES] = {0};
    enum match obfuscated;

    memcpy(user_hash, text->bytes,
           text->count < sizeof(user_hash) ? text->count : sizeof(user_hash));
    if (bytes <= MSE_KEY_BYTES + MSE_PADDING_BYTES)
        answers->encrypted = keep(answers->encrypted, mse_check(copy, bytes));
    else
        FUZZ_ASSERT(mse_check(copy, bytes) == MATCH_NO);
    obfuscated = edonkey_hidden_check(user_hash, copy, bytes);
    FUZZ_ASSERT(obfuscated == MATCH_NO || edonkey_hidden_begins(copy, bytes) == obfuscated);
    FUZZ_ASSERT(obfuscated != MATCH_MORE || bytes < EDONKEY_HIDDEN_BYTES);
    if (obfuscated == MATCH_YES)
        FUZZ_ASSERT(protocol_of_request(copy, bytes) == PROTOCOL_UNKNOWN);
    if (bytes >= EDONKEY_HIDDEN_BYTES)
        edonkey_hidden_accepts(user_hash, copy, copy, bytes);
    FUZZ_ASSERT(edonkey_user_hash(copy, bytes) == NULL || bytes >= EDONKEY_HASH_BYTES);
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
        ask_keywords(protocol, copy, bytes, answers);
        ask_whole(protocol, copy, bytes, answers);
    }
    ask_registry(text, copy, bytes, answers);
    ask_hidden(text, copy, bytes, answers);
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
        FUZZ_ASSERT(text->pattern.pairs <= PATTERN_PAIRS_MAX);
}

/* The data, with one byte of it said many times: limits of length lie beyond what an input is long.
 */
static size_t spread(struct fuzz_bytes *stream, uint8_t *out)
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
    struct fuzz_bytes stream = {data, data + bytes};
    static struct answers answers;
    struct text text = {.bytes = all};
    size_t step;

    answers =
        (struct answers){.request = MATCH_MORE, .pattern = MATCH_MORE, .encrypted = MATCH_MORE};
    text.protocols = (uint64_t)take_u8(&stream) << 16;
    text.protocols |= take_u16(&stream);
    text.protocols |= text.protocols << 21;
    text.count = spread(&stream, all);
    text.cut = text.count / 2;
    for (int id = 0; id < PROTOCOLS_COUNT; id++) {
        answers.each[id] = MATCH_MORE;
        answers.greeting[id] = GREETING_MORE;
        answers.acceptance[id] = answers.keyword_acceptance[id] = ACCEPTANCE_MORE;
        answers.keyword[id] = answers.whole[id] = MATCH_MORE;
        answers.asked[id] = answers.needed[id] = 0;
    }
    learn_pattern(&text);
    step = text.count / STEPS_MAX + 1;
    for (size_t at = 1; at <= text.count; at += at < PREFIXES ? 1 : step)
        ask_all(&text, at, &answers);
    ask_all(&text, text.count, &answers);
    return 0;
}
