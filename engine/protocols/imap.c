/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imap.c - IMAP: the server greets, "* OK ..." (RFC 9051 7.1).
 *
 *      request    tag SP command ...       any tag (clients were seen to use "." and "C00000"), and
 *                                          a command that needs no login (RFC 9051 6.1, 6.2; RFC
 *                                          2971; RFC 4978)
 *      answer     tag "OK", "+ ...", or an untagged line accept; tag "NO" or "BAD", "* BYE", "*
 *                 BAD" refuse
 *
 * "* BYE" refuses, and "* PREAUTH" is not spoken for: it is said to some clients only.
 *
 * Limits: a tag has at most 32 bytes, a greeting at most 2 KiB.
 */
#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

#define TAG_BYTES_MAX  32
#define LINE_BYTES_MAX 2048
#define LITERALS_MOST  32         /* they are read anew with each piece */
#define LITERAL_MOST   (1u << 24) /* no login is longer */

static const verb_list commands[VERBS] = {
    [VERB('A')] = WORDS("AUTHENTICATE"),    [VERB('C')] = WORDS("CAPABILITY", "COMPRESS"),
    [VERB('E')] = WORDS("ENABLE"),          [VERB('I')] = WORDS("ID"),
    [VERB('L')] = WORDS("LOGIN", "LOGOUT"), [VERB('N')] = WORDS("NOOP"),
    [VERB('S')] = WORDS("STARTTLS"),
};

/* RFC 9051 9: any character of an atom but '+'. */
static const bool tags[256] = {
    ['!'] = true,         ['#' ... '$'] = true, ['&' ... '\''] = true,
    [',' ... '['] = true, [']' ... 'z'] = true, ['|' ... '~'] = true,
};

/* The length of the tag, up to what is no part of one. */
static size_t tag_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    while (at + 4 <= bytes && all_4(tags, data + at))
        at += 4;
    while (at < bytes && tags[data[at]])
        at++;
    return at;
}

/* What stands behind the first word comes first: it tells nearly all that is none, the tag's
 * letters are many. */
static enum match imap_check(const uint8_t *request, size_t bytes)
{
    const size_t tag = graphic_bytes(request, bytes <= TAG_BYTES_MAX ? bytes : TAG_BYTES_MAX + 1);
    enum match match = MATCH_MORE;

    if (tag > TAG_BYTES_MAX || (tag < bytes && (tag == 0 || request[tag] != ' ')))
        return MATCH_NO;
    if (tag < bytes)
        match = begins_verb(commands, request + tag + 1, bytes - tag - 1);
    return match == MATCH_NO || tag_bytes(request, tag) != tag ? MATCH_NO : match;
}

/* "{123+}" at the end of a line: so many bytes follow, and more of the command, which the server
 * does not ask for (RFC 7888). Another literal is asked for: its line is answered. */
static bool literal_follows(const uint8_t *line, size_t bytes, size_t *literal)
{
    size_t at = bytes - 1; /* its LF */

    if (at > 0 && line[at - 1] == '\r')
        at--;
    if (at < 3 || line[at - 1] != '}' || line[at - 2] != '+')
        return false;
    for (at -= 2; at > 0 && is_digit(line[at - 1]); at--)
        ;
    *literal = 0;
    if (at == 0 || line[at - 1] != '{' || line[at] == '+')
        return false;
    for (; is_digit(line[at]) && *literal < LITERAL_MOST; at++)
        *literal = *literal * 10 + (size_t)(line[at] - '0');
    return line[at] == '+';
}

static enum match imap_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t at = 0, line, literal;

    (void)from;
    for (unsigned lines = 0; at < bytes; lines++) {
        line = line_bytes(request + at, bytes - at, bytes - at);
        if (line == 0)
            break;
        at += line;
        if (!literal_follows(request + at - line, line, &literal))
            return whole_message(bytes, at, needed);
        if (lines == LITERALS_MOST)
            return MATCH_NO;
        at += literal;
    }
    return whole_message(bytes, (at > bytes ? at : bytes) + 1, needed);
}

static enum match untagged_accepts(const uint8_t *answer, size_t bytes)
{
    enum match bye = begins_word("* BYE", answer, bytes), bad = begins_word("* BAD", answer, bytes);

    if (bye == MATCH_YES || bad == MATCH_YES)
        return MATCH_NO;
    return bye == MATCH_MORE || bad == MATCH_MORE ? MATCH_MORE
                                                  : begins_exactly("* ", 2, answer, bytes);
}

static enum match tagged_accepts(const uint8_t *tag, size_t tag_bytes, const uint8_t *answer,
                                 size_t bytes)
{
    enum match match = begins_exactly(tag, tag_bytes, answer, bytes);

    return match == MATCH_YES ? begins_word(" OK", answer + tag_bytes, bytes - tag_bytes) : match;
}

static enum acceptance imap_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    enum match untagged = untagged_accepts(answer, answer_bytes);

    if (answer_bytes == 0)
        return ACCEPTANCE_MORE;
    if (answer[0] == '*')
        return acceptance_of(untagged);
    if (answer[0] == '+')
        return ACCEPTANCE_ACCEPTED;
    return acceptance_of(
        tagged_accepts(request, tag_bytes(request, request_bytes), answer, answer_bytes));
}

static const verb_list status[VERBS] = {
    [VERB('O')] = WORDS("OK"), [VERB('B')] = WORDS("BYE"), [VERB('P')] = WORDS("PREAUTH")};

static enum greeting_verdict imap_greeting(const uint8_t *data, size_t bytes,
                                           size_t *greeting_bytes)
{
    enum match match = begins_exactly("* ", 2, data, bytes);
    size_t length = line_bytes(data, bytes, LINE_BYTES_MAX);

    if (match == MATCH_YES)
        match = begins_verb(status, data + 2, bytes - 2);
    if (match != MATCH_YES)
        return match == MATCH_NO ? GREETING_NOT : GREETING_MORE;
    if (length == 0)
        return bytes < LINE_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    *greeting_bytes = length;
    return begins_word("* OK", data, bytes) == MATCH_YES ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

const struct protocol protocol_imap = {
    .id = PROTOCOL_IMAP,
    .name = "imap",
    .server_first = true,
    .greeting_form = GREETING_FORM_TEXT,
    .check = imap_check,
    .whole = imap_whole,
    .accepts = imap_accepts,
    .greeting = imap_greeting,
};
