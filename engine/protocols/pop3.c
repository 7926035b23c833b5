/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pop3.c - POP3: the server greets, "+OK ..." (RFC 1939 4).
 *
 * The first command is one that the AUTHORIZATION state allows: a verb of four letters in any case
 * (RFC 1939 3), then a space or the end of the line. The verb decides; its arguments are the
 * server's to judge. Clients wait for the greeting, so there is no grace.
 *
 * The first line of the answer decides acceptance, also where commands were pipelined: "+OK", or "+
 * " where AUTH goes on (RFC 5034 4).
 *
 * POP2 (RFC 937) greets with "+ POP2 ..." and has no name of its own: it is named for its
 * successor. Its requests (HELO, FOLD) are other ones, and are learned as those of a protocol that
 * no file knows, by their pattern.
 *
 * Limits: a greeting or answer line is at most 512 bytes with its CRLF (RFC 1939 3); commands of
 * private extensions (XCLIENT) are not known.
 */
#include "engine/protocols/whole.h"

#define LINE_BYTES_MAX 512

/* RFC 1939 (USER, APOP, QUIT), 2449 (CAPA), 2595 (STLS), 5034 (AUTH), 6856 (UTF8, LANG). */
static const verb_list verbs[VERBS] = {
    [VERB('A')] = WORDS("AUTH", "APOP"), [VERB('C')] = WORDS("CAPA"),
    [VERB('L')] = WORDS("LANG"),         [VERB('Q')] = WORDS("QUIT"),
    [VERB('S')] = WORDS("STLS"),         [VERB('U')] = WORDS("USER", "UTF8"),
};

static enum match pop3_check(const uint8_t *request, size_t bytes)
{
    return begins_verb(verbs, request, bytes);
}

static enum acceptance pop3_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    enum match ok = begins_status("+OK", answer, answer_bytes),
               goes_on = begins_status("+", answer, answer_bytes);

    (void)request;
    (void)request_bytes;
    if (ok == MATCH_YES || goes_on == MATCH_YES)
        return ACCEPTANCE_ACCEPTED;
    if (ok == MATCH_MORE || begins_status("-ERR", answer, answer_bytes) == MATCH_MORE)
        return ACCEPTANCE_MORE;
    return ACCEPTANCE_REFUSED;
}

static enum greeting_verdict pop3_greeting(const uint8_t *data, size_t bytes,
                                           size_t *greeting_bytes)
{
    enum match ok = begins_status("+OK", data, bytes), err = begins_status("-ERR", data, bytes);
    size_t length = line_bytes(data, bytes, LINE_BYTES_MAX);

    if (ok == MATCH_NO)
        ok = begins_word("+ POP2 ", data, bytes);
    if (ok == MATCH_NO && err == MATCH_NO)
        return GREETING_NOT;
    if (length == 0)
        return bytes < LINE_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    *greeting_bytes = length;
    return ok == MATCH_YES ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

const struct protocol protocol_pop3 = {
    .id = PROTOCOL_POP3,
    .name = "pop3",
    .server_first = true,
    .greeting_form = GREETING_FORM_TEXT,
    .verbs = verbs,
    .verbs_tell = true,
    .check = pop3_check,
    .whole = whole_line,
    .accepts = pop3_accepts,
    .greeting = pop3_greeting,
};
