/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dict.c - DICT: the server greets, "220 text <capabilities> <message id>" (RFC 2229 3.1).
 *
 * The first command is any that RFC 2229 knows; the verb decides. 1xx, 2xx and 3xx accept, and so
 * do 5xx that tell of a word or a database which is not there: only what RFC 2229 2.4 has for a
 * command that is wrong (500 to 503) refuses.
 *
 * AUTH proves a password with the message id, which is the connection's own (RFC 2229 3.11): the
 * greeting is never said for the server.
 *
 * Limits: a line has at most 1,024 bytes (RFC 2229 2.3).
 */
#include "engine/protocols/reply_code.h"
#include "engine/protocols/whole.h"

#define LINE_BYTES_MAX 1024
#define CODE_BYTES     3

/* clang-format off */
static const verb_list verbs[VERBS] = {
    [VERB('A')] = WORDS("AUTH"),
    [VERB('C')] = WORDS("CLIENT"),
    [VERB('D')] = WORDS("DEFINE"),
    [VERB('H')] = WORDS("HELP"),
    [VERB('M')] = WORDS("MATCH"),
    [VERB('O')] = WORDS("OPTION"),
    [VERB('Q')] = WORDS("QUIT"),
    [VERB('S')] = WORDS("SASLAUTH", "SASLRESP", "SHOW", "STATUS"),
};
/* clang-format on */

static enum match dict_check(const uint8_t *request, size_t bytes)
{
    return begins_verb(verbs, request, bytes);
}

static bool tells_of_nothing(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == '5';
    case 1:
        return data[1] == '3' || data[1] == '5';
    default:
        return at == 2 ? is_digit(data[2]) : ends_word(data[at]);
    }
}

static enum acceptance dict_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    if (answer_bytes > 0 && answer[0] == '5')
        return acceptance_of(match_bytes(tells_of_nothing, CODE_BYTES + 1, answer, answer_bytes));
    return accepted_by_code(answer, answer_bytes);
}

/* What it refuses with (420, 421, 530) is known for FTP's and SMTP's. */
static enum greeting_verdict dict_greeting(const uint8_t *data, size_t bytes,
                                           size_t *greeting_bytes)
{
    enum match match = begins_status("220", data, bytes);
    size_t length = line_bytes(data, bytes, LINE_BYTES_MAX);

    if (match != MATCH_YES)
        return match == MATCH_NO ? GREETING_NOT : GREETING_MORE;
    if (length == 0)
        return bytes < LINE_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    if (!ends_in_message_id(data, length))
        return GREETING_NOT;
    *greeting_bytes = length;
    return GREETING_POSITIVE;
}

const struct protocol protocol_dict = {
    .id = PROTOCOL_DICT,
    .name = "dict",
    .server_first = true,
    .greeting_form = GREETING_FORM_SALTED,
    .verbs = verbs,
    .verbs_tell = true,
    .check = dict_check,
    .whole = whole_line,
    .accepts = dict_accepts,
    .greeting = dict_greeting,
};
