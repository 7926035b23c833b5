/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nntp.c - NNTP: the server greets, "200 ..." (posting allowed) or "201 ..." (RFC 3977 5.1).
 *
 * The first command is any that RFC 3977, RFC 2980, RFC 4642 (STARTTLS) and RFC 4643 (AUTHINFO)
 * know; the verb decides. 1xx, 2xx and 3xx accept, and so do 480 and 483, which ask for credentials
 * and for TLS.
 *
 * Limits: a greeting has at most 512 bytes (RFC 3977 3.1), and one that names neither news, NNTP,
 * Usenet nor posting is not known for NNTP's.
 */
#include "engine/protocols/reply_code.h"
#include "engine/protocols/whole.h"

#define LINE_BYTES_MAX 512
#define CODE_BYTES     3

/* clang-format off */
static const verb_list verbs[VERBS] = {
    [VERB('A')] = WORDS("ARTICLE", "AUTHINFO"),
    [VERB('B')] = WORDS("BODY"),
    [VERB('C')] = WORDS("CAPABILITIES", "CHECK", "COMPRESS"),
    [VERB('D')] = WORDS("DATE"),
    [VERB('G')] = WORDS("GROUP"),
    [VERB('H')] = WORDS("HEAD", "HDR", "HELP"),
    [VERB('I')] = WORDS("IHAVE"),
    [VERB('L')] = WORDS("LAST", "LIST", "LISTGROUP"),
    [VERB('M')] = WORDS("MODE"),
    [VERB('N')] = WORDS("NEWGROUPS", "NEWNEWS", "NEXT"),
    [VERB('O')] = WORDS("OVER"),
    [VERB('P')] = WORDS("POST"),
    [VERB('Q')] = WORDS("QUIT"),
    [VERB('S')] = WORDS("STARTTLS", "STAT", "SLAVE"),
    [VERB('T')] = WORDS("TAKETHIS"),
    [VERB('X')] = WORDS("XOVER", "XHDR", "XGTITLE", "XPAT", "XPATH", "XFEATURE", "XROVER"),
};
/* clang-format on */

/* "HEAD / HTTP/1.1", "POST / ..." and "LIST /" are no article's, "STARTTLS" takes nothing. */
static enum match nntp_check(const uint8_t *request, size_t bytes)
{
    enum match match = begins_verb(verbs, request, bytes);

    if (match != MATCH_YES || bytes == 4 || request[4] != ' ')
        return match;
    if (bytes == 5)
        return MATCH_MORE;
    return request[5] == '/' || (request[0] | 0x20) == 'p' ? MATCH_NO : MATCH_YES;
}

static enum acceptance nntp_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    enum match credentials = begins_exactly("480", CODE_BYTES, answer, answer_bytes),
               encryption = begins_exactly("483", CODE_BYTES, answer, answer_bytes);

    (void)request;
    (void)request_bytes;
    if (credentials == MATCH_YES || encryption == MATCH_YES)
        return ACCEPTANCE_ACCEPTED;
    return credentials == MATCH_MORE ? ACCEPTANCE_MORE : accepted_by_code(answer, answer_bytes);
}

static bool greets_or_refuses(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == '2' || data[0] == '4' || data[0] == '5';
    case 1:
        return data[1] == '0';
    case 2:
        return data[0] == '2' ? data[2] <= '1' && data[2] >= '0'
                              : data[2] == (data[0] == '4' ? '0' : '2');
    default:
        return ends_word(data[at]);
    }
}

/* "200" alone is what many a service answers with. */
static bool names_news(const uint8_t *line, size_t bytes)
{
    return has_word("news", line, bytes) || has_word("nntp", line, bytes) ||
           has_word("posting", line, bytes) || has_word("usenet", line, bytes);
}

static enum greeting_verdict nntp_greeting(const uint8_t *data, size_t bytes,
                                           size_t *greeting_bytes)
{
    enum match match = match_bytes(greets_or_refuses, CODE_BYTES + 1, data, bytes);
    size_t length = line_bytes(data, bytes, LINE_BYTES_MAX);

    if (match != MATCH_YES)
        return match == MATCH_NO ? GREETING_NOT : GREETING_MORE;
    if (length == 0)
        return bytes < LINE_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    if (data[0] == '2' && !names_news(data, length))
        return GREETING_NOT;
    *greeting_bytes = length;
    return data[0] == '2' ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

const struct protocol protocol_nntp = {
    .id = PROTOCOL_NNTP,
    .name = "nntp",
    .server_first = true,
    .greeting_form = GREETING_FORM_TEXT,
    .verbs = verbs,
    .check = nntp_check,
    .whole = whole_line,
    .accepts = nntp_accepts,
    .greeting = nntp_greeting,
};
