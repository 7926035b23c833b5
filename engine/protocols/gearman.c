/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gearman.c - Gearman, which hands out work: the client or the worker speaks first (its PROTOCOL
 * document). Numbers are big endian.
 *
 *      request    0 "REQ" type(4) length(4) ...    or a word of the administrative protocol and LF
 *      answer     0 "RES" type(4) ...              or lines; "ERR " refuses
 *
 * Limits: a worker that says what it can do is answered only when it asks for work.
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES 12
#define TYPE_MOST    42 /* the last that is defined; 0 is none */
#define MIB_MOST     0x40
#define REFUSAL      "ERR "
#define ERROR        19

#define LINE_MAX_BYTES 512u /* of an answer in text */

static const verb_list verbs[VERBS] = {
    [VERB('C')] = WORDS("CANCEL", "CREATE"),
    [VERB('D')] = WORDS("DROP"),
    [VERB('G')] = WORDS("GETPID"),
    [VERB('M')] = WORDS("MAXQUEUE"),
    [VERB('P')] = WORDS("PRIORITYSTATUS"),
    [VERB('S')] = WORDS("SHOW", "SHUTDOWN", "STATUS"),
    [VERB('V')] = WORDS("VERBOSE", "VERSION"),
    [VERB('W')] = WORDS("WORKERS"),
};

static bool fits_header(const uint8_t *data, size_t at)
{
    switch (at) {
    case 7:
        return data[7] > 0 && data[7] <= TYPE_MOST;
    case 8:
        return data[8] <= 3;
    case 9:
    case 10:
    case 11:
        return true;
    default:
        return data[at] == (uint8_t) "\0REQ\0\0\0"[at];
    }
}

static enum match gearman_check(const uint8_t *request, size_t bytes)
{
    if (bytes > 0 && request[0] == 0)
        return match_bytes(fits_header, HEADER_BYTES, request, bytes);
    return begins_lower_verb(verbs, request, bytes);
}

static enum match gearman_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    if (request[0] != 0)
        return whole_line(request, bytes, from, needed);
    return whole_message(bytes,
                         HEADER_BYTES + ((size_t)request[8] << 24 | (size_t)request[9] << 16 |
                                         (size_t)request[10] << 8 | request[11]),
                         needed);
}

/* Lines: of printable characters, or those that say "none", a dot. */
static enum acceptance text_accepts(const uint8_t *answer, size_t bytes)
{
    enum match refusal = begins_exactly(REFUSAL, sizeof(REFUSAL) - 1, answer, bytes);

    if (refusal != MATCH_NO)
        return refusal == MATCH_YES ? ACCEPTANCE_REFUSED : ACCEPTANCE_MORE;
    for (size_t at = 0; at < bytes && at < LINE_MAX_BYTES; at++) {
        if (answer[at] == '\n')
            return at > 0 && answer[at - 1] != '\r' ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
        if (answer[at] == 0 || answer[at] > '~')
            return ACCEPTANCE_REFUSED;
    }
    return bytes < LINE_MAX_BYTES ? ACCEPTANCE_MORE : ACCEPTANCE_REFUSED;
}

static enum acceptance gearman_accepts(const uint8_t *request, size_t request_bytes,
                                       const uint8_t *answer, size_t answer_bytes)
{
    enum match match;

    if (request_bytes > 0 && request[0] != 0)
        return text_accepts(answer, answer_bytes);
    match = begins_exactly("\0RES\0\0\0", 7, answer, answer_bytes);
    if (match == MATCH_YES && answer_bytes > 7 && answer[7] == ERROR)
        return ACCEPTANCE_REFUSED;
    return match == MATCH_YES && answer_bytes == 7 ? ACCEPTANCE_MORE : acceptance_of(match);
}

const struct protocol protocol_gearman = {
    .id = PROTOCOL_GEARMAN,
    .name = "gearman",
    .verbs = verbs,
    .verbs_lower = true,
    .verbs_tell = true,
    .check = gearman_check,
    .whole = gearman_whole,
    .accepts = gearman_accepts,
};
