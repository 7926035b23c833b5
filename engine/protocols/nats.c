/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nats.c - NATS: the server greets with what it is, "INFO {...}" (NATS' client protocol).
 *
 *      greeting   "INFO " JSON CR LF       it holds the number of the connection, the client's
 *                                          address, and perhaps a nonce that the client must sign
 *      request    "CONNECT" SP "{" ...     nearly always; or PING, PUB, HPUB, SUB, where no login
 * is asked for answer     "PONG", "+OK", "MSG ...", "HMSG ...", "INFO ..."; "-ERR" refuses
 *
 * Programs read the greeting, so it is said for the server only where it never changes. A CONNECT
 * is not answered unless it asks for that: clients send a PING behind it, which is awaited. PUB and
 * HPUB are whole with what they announce in their last word.
 *
 * Limits: a greeting has at most 4 KiB.
 */
#include "engine/protocols/whole.h"

#define GREETING_BYTES_MAX 4096
#define PUB_BYTES_MAX      1024 /* a longer line announces nothing */

static const verb_list verbs[VERBS] = {
    [VERB('H')] = WORDS("HPUB"), [VERB('P')] = WORDS("PING", "PUB"), [VERB('S')] = WORDS("SUB")};
static const verb_list words[VERBS] = {[VERB('H')] = WORDS("HMSG"),
                                       [VERB('I')] = WORDS("INFO"),
                                       [VERB('M')] = WORDS("MSG"),
                                       [VERB('P')] = WORDS("PONG", "PING")};

/* Between the word and the bracket any blanks may stand. */
static enum match check_connect(const uint8_t *request, size_t bytes)
{
    size_t at = 7;
    enum match match;

    if (bytes > 8 && request[8] != '{' && request[8] != ' ' && request[8] != '\t')
        return MATCH_NO; /* most of HTTP's */
    match = begins_word("CONNECT", request, bytes);
    if (match != MATCH_YES)
        return match;
    while (at < bytes && (request[at] == ' ' || request[at] == '\t')) {
        if (++at > 16)
            return MATCH_NO;
    }
    return at == bytes ? MATCH_MORE : at > 7 && request[at] == '{' ? MATCH_YES : MATCH_NO;
}

static enum match nats_check(const uint8_t *request, size_t bytes)
{
    return bytes > 0 && (request[0] | 0x20) == 'c' ? check_connect(request, bytes)
           : bytes == 0                            ? MATCH_MORE
                                                   : begins_verb(verbs, request, bytes);
}

/* "PUB subject [reply] BYTES", "HPUB subject [reply] HEADERS BYTES" */
static enum match nats_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    const bool headers = begins_word("HPUB ", request, bytes) == MATCH_YES;
    const unsigned least = headers ? 3 : 2;
    const bool announces = headers || begins_word("PUB ", request, bytes) == MATCH_YES;
    size_t line = announces ? line_bytes(request, bytes, PUB_BYTES_MAX) : 0, body;

    return line > 0 && (line_number(request, line, least + 1, &body) ||
                        line_number(request, line, least, &body))
               ? whole_line_and_body(bytes, line, body, needed)
               : whole_line(request, bytes, from, needed);
}

/* Any line behind a CONNECT: the server answers it, or its client asks for no answer. */
static size_t nats_awaits(const uint8_t *request, size_t bytes)
{
    const bool connects = bytes > 0 && (request[0] | 0x20) == 'c';
    const size_t line = connects ? line_bytes(request, bytes, bytes) : 0;

    return connects && (line == 0 || line_bytes(request + line, bytes - line, bytes - line) == 0);
}

static enum acceptance nats_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    if (answer_bytes > 0 && answer[0] == '+')
        return acceptance_of(begins_status("+OK", answer, answer_bytes));
    return acceptance_of(begins_verb(words, answer, answer_bytes));
}

static enum greeting_verdict nats_greeting(const uint8_t *data, size_t bytes,
                                           size_t *greeting_bytes)
{
    enum match info = begins_exactly("INFO {", 6, data, bytes),
               error = begins_status("-ERR", data, bytes);
    size_t length = line_bytes(data, bytes, GREETING_BYTES_MAX);

    /* "-ERR" alone is POP3's as well, and refuses there too. */
    if (info == MATCH_NO && error == MATCH_NO)
        return GREETING_NOT;
    if (length == 0)
        return bytes < GREETING_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    if (info != MATCH_YES && error != MATCH_YES)
        return GREETING_NOT;
    *greeting_bytes = length;
    return info == MATCH_YES ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

const struct protocol protocol_nats = {
    .id = PROTOCOL_NATS,
    .name = "nats",
    .server_first = true,
    .check = nats_check,
    .whole = nats_whole,
    .awaits = nats_awaits,
    .accepts = nats_accepts,
    .greeting = nats_greeting,
};
