/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smtp.c - SMTP and LMTP: the server greets, "220 ..." (RFC 5321 3.1, 4.2, RFC 2033 4.1).
 *
 * The first command is EHLO, HELO or LHLO, or one of those that are allowed before it (RFC 5321
 * 4.1.4). A client that talks before the greeting is no mail client: servers turn such away (Exim,
 * postscreen), so does the bridge.
 *
 * FTP and DICT greet with 220 as well. What names FTP and not SMTP, or ends as DICT's does, is not
 * taken for SMTP; where a greeting
 * names neither, the client's request tells.
 *
 * Its keyword is the name that EHLO gives. It is a weak one: it says who the client claims to be,
 * not what it wants.
 *
 * Limits: a greeting has at most 4 KiB; commands of private extensions (XCLIENT) are not known.
 */
#include "engine/protocols/reply_code.h"
#include "engine/protocols/whole.h"

static const verb_list verbs[VERBS] = {
    [VERB('E')] = WORDS("EHLO", "EXPN"), [VERB('H')] = WORDS("HELO", "HELP"),
    [VERB('L')] = WORDS("LHLO"),         [VERB('N')] = WORDS("NOOP"),
    [VERB('Q')] = WORDS("QUIT"),         [VERB('R')] = WORDS("RSET"),
    [VERB('V')] = WORDS("VRFY"),
};

#define HELLO_BYTES 4
static const verb_list hellos[VERBS] = {
    [VERB('E')] = WORDS("EHLO"), [VERB('H')] = WORDS("HELO"), [VERB('L')] = WORDS("LHLO")};

static enum match smtp_check(const uint8_t *request, size_t bytes)
{
    return begins_verb(verbs, request, bytes);
}

static enum acceptance smtp_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return accepted_by_code(answer, answer_bytes);
}

static enum greeting_verdict smtp_greeting(const uint8_t *data, size_t bytes,
                                           size_t *greeting_bytes)
{
    enum greeting_verdict verdict = greeting_by_code(data, bytes, greeting_bytes);

    if (verdict != GREETING_POSITIVE || has_word("MTP", data, *greeting_bytes))
        return verdict;
    return has_word("FTP", data, *greeting_bytes) || ends_in_message_id(data, *greeting_bytes)
               ? GREETING_NOT
               : verdict;
}

static enum match smtp_keyword(const uint8_t *request, size_t bytes, struct keywords_found *found)
{
    size_t line = line_bytes(request, bytes, bytes), end = line, at = HELLO_BYTES;

    if (line == 0)
        return MATCH_MORE;
    while (end > 0 && request[end - 1] <= ' ')
        end--;
    if (begins_verb(hellos, request, line) != MATCH_YES || end <= HELLO_BYTES) {
        keywords_put_absent(found, KEYWORD_EHLO);
        return MATCH_YES;
    }
    while (request[at] == ' ')
        at++;
    return keywords_put(found, KEYWORD_EHLO, request + at, end - at) ? MATCH_YES : MATCH_NO;
}

const struct protocol protocol_smtp = {
    .id = PROTOCOL_SMTP,
    .name = "smtp",
    .server_first = true,
    .greeting_form = GREETING_FORM_TEXT,
    .early_talk_is_wrong = true,
    .verbs = verbs,
    .verbs_tell = true,
    .check = smtp_check,
    .whole = whole_line,
    .accepts = smtp_accepts,
    .keyword = smtp_keyword,
    .greeting = smtp_greeting,
};
