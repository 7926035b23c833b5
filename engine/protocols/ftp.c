/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ftp.c - FTP's control connection: the server greets, "220 ...", often in several lines (RFC 959
 * 4.2, 5.4).
 *
 * The first command is one of those that need no login: RFC 959, RFC 2228 (AUTH), RFC 2389 (FEAT,
 * OPTS), RFC 2640 (LANG), RFC 7151 (HOST), and CLNT, which clients send. The verb decides.
 *
 * SMTP and DICT greet with 220 as well. What names SMTP (or LMTP), or ends as DICT's does, is not
 * taken for FTP; where a greeting
 * names neither, the client's request tells.
 *
 * Limits: a greeting has at most 4 KiB. "120", ready in some minutes, is no greeting.
 */
#include "engine/protocols/reply_code.h"
#include "engine/protocols/whole.h"

static const verb_list verbs[VERBS] = {
    [VERB('A')] = WORDS("AUTH"),         [VERB('C')] = WORDS("CLNT"), [VERB('F')] = WORDS("FEAT"),
    [VERB('H')] = WORDS("HOST", "HELP"), [VERB('L')] = WORDS("LANG"), [VERB('N')] = WORDS("NOOP"),
    [VERB('O')] = WORDS("OPTS"),         [VERB('Q')] = WORDS("QUIT"), [VERB('R')] = WORDS("REIN"),
    [VERB('S')] = WORDS("SYST", "STAT"), [VERB('U')] = WORDS("USER"),
};

static enum match ftp_check(const uint8_t *request, size_t bytes)
{
    return begins_verb(verbs, request, bytes);
}

static enum acceptance ftp_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return accepted_by_code(answer, answer_bytes);
}

static enum greeting_verdict ftp_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    enum greeting_verdict verdict = greeting_by_code(data, bytes, greeting_bytes);

    if (verdict != GREETING_POSITIVE)
        return verdict;
    return has_word("MTP", data, *greeting_bytes) || ends_in_message_id(data, *greeting_bytes)
               ? GREETING_NOT
               : verdict;
}

const struct protocol protocol_ftp = {
    .id = PROTOCOL_FTP,
    .name = "ftp",
    .server_first = true,
    .greeting_form = GREETING_FORM_TEXT,
    .verbs = verbs,
    .verbs_tell = true,
    .check = ftp_check,
    .whole = whole_line,
    .accepts = ftp_accepts,
    .greeting = ftp_greeting,
};
