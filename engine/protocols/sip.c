/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sip.c - SIP over TCP: the client speaks first (RFC 3261 7.1, 7.2).
 *
 *      request    *( CRLF ) method SP uri SP "SIP/" DIGIT ...      empty lines are keepalives (RFC
 *                                                                  5626 4.4.1)
 *      answer     "SIP/2.0" SP 3DIGIT ...                          400 and 505: it was no SIP
 *
 * Most other answers are of the one who is called: not there, busy, somewhere else. A registrar of
 * nobody that says 404 to each speaks SIP with all of them.
 *
 * Its keyword is the host of the Request-URI (RFC 3261 19.1.1); a "tel:" URI names none.
 *
 * It is opened with its header, as HTTP's; the body that is announced (RFC 3261 18.3) is waited for
 * by the server alone.
 *
 * Like HTTP's, and like it decided by the version: before that an INVITE could be anybody's.
 *
 * Limits: other methods, a request line beyond 1 KiB, and a target of another scheme than sip,
 * sips, tel or urn, are not known.
 */
#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

#include <string.h>

#define LINE_BYTES_MAX     1024
#define METHOD_BYTES_LEAST 3 /* "ACK" */

/* Those that IANA lists, and those of Microsoft's clients (MS-SIP). */
static const verb_list methods[VERBS] = {
    [VERB('A')] = WORDS("ACK"),
    [VERB('B')] = WORDS("BYE", "BENOTIFY"),
    [VERB('C')] = WORDS("CANCEL"),
    [VERB('I')] = WORDS("INFO", "INVITE"),
    [VERB('M')] = WORDS("MESSAGE"),
    [VERB('N')] = WORDS("NOTIFY", "NEGOTIATE"),
    [VERB('O')] = WORDS("OPTIONS"),
    [VERB('P')] = WORDS("PRACK", "PUBLISH"),
    [VERB('R')] = WORDS("REFER", "REGISTER"),
    [VERB('S')] = WORDS("SUBSCRIBE", "SERVICE"),
    [VERB('U')] = WORDS("UPDATE"),
};

static enum match sip_check(const uint8_t *request, size_t bytes)
{
    size_t at = empty_lines_bytes(request, bytes);
    enum match match = begins_verb(methods, request + at, bytes - at);

    if (match == MATCH_NO && at + 1 == bytes && request[at] == '\r')
        return MATCH_MORE;
    if (match != MATCH_YES)
        return match;
    for (at += METHOD_BYTES_LEAST; request[at] > ' ';)
        at++;
    if (request[at++] != ' ')
        return MATCH_NO;
    if (bytes > LINE_BYTES_MAX)
        bytes = LINE_BYTES_MAX;
    match = begins_rest_of_line("SIP/", '9', TARGET_CALL, request + at, bytes - at);
    return match == MATCH_MORE && bytes == LINE_BYTES_MAX ? MATCH_NO : match;
}

static enum acceptance sip_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    static const char form[] = "SIP/0.0 000", *const refusals[] = {"400", "505"};
    const enum match match = begins_form(form, answer, answer_bytes);

    (void)request;
    (void)request_bytes;
    for (size_t i = 0; match == MATCH_YES && i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (memcmp(answer + sizeof(form) - 1 - 3, refusals[i], 3) == 0)
            return ACCEPTANCE_REFUSED;
    return acceptance_of(match);
}

/* `sip:user:password@host:port;parameters?headers`: where what follows the scheme begins, 0 for
 * another scheme. */
static size_t scheme_bytes(const uint8_t *uri, size_t bytes)
{
    if (begins_word("sips:", uri, bytes) == MATCH_YES)
        return 5;
    return begins_word("sip:", uri, bytes) == MATCH_YES ? 4 : 0;
}

static enum match sip_keyword(const uint8_t *request, size_t bytes, struct keywords_found *found)
{
    size_t empty = empty_lines_bytes(request, bytes), line, uri_bytes, scheme, user, end;
    const uint8_t *uri;

    line = line_bytes(request + empty, bytes - empty, bytes);
    if (line == 0)
        return MATCH_MORE;
    uri = request_target(request + empty, line, &uri_bytes);
    scheme = scheme_bytes(uri, uri_bytes);
    if (scheme == 0) {
        keywords_put_absent(found, KEYWORD_SIP_HOST);
        return MATCH_YES;
    }
    user = find_byte('@', uri, uri_bytes); /* the user part may hold ';' and '?' */
    end = user < uri_bytes ? user : scheme;
    while (end < uri_bytes && uri[end] != ';' && uri[end] != '?')
        end++;
    return put_host(found, KEYWORD_SIP_HOST, uri + scheme, end - scheme) ? MATCH_YES : MATCH_NO;
}

static enum acceptance sip_keyword_accepts(const uint8_t *request, size_t request_bytes,
                                           const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return accepted_by_final_status("SIP/0.0 000", answer, answer_bytes);
}

/* "Content-Length: 5", or "l:5" (RFC 3261 7.3.1, 20.14). Of any other field `*body` stays. */
static void body_field(const uint8_t *line, size_t bytes, size_t *body)
{
    static const char *const names[] = {"content-length", "l"};
    size_t number;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t at = text_bytes(names[i]);

        if (begins_word(names[i], line, bytes) != MATCH_YES)
            continue;
        while (at < bytes && (line[at] == ' ' || line[at] == '\t'))
            at++;
        if (at == bytes || line[at++] != ':')
            continue;
        while (at < bytes && (line[at] == ' ' || line[at] == '\t'))
            at++;
        if (line_number(line + at, bytes - at, 0, &number))
            *body = number;
        return;
    }
}

static enum match sip_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    return whole_header(request, bytes, empty_lines_bytes(request, bytes), from, needed);
}

/* Of the body that the header announces. */
static size_t sip_awaits(const uint8_t *request, size_t bytes)
{
    size_t at = empty_lines_bytes(request, bytes), body = 0, line;

    for (; (line = line_bytes(request + at, bytes - at, bytes - at)) > 0; at += line) {
        if (request[at] == '\r' || request[at] == '\n') {
            at += line;
            return body > bytes - at ? body - (bytes - at) : 0;
        }
        body_field(request + at, line, &body);
    }
    return 1; /* of the header itself there is more to come */
}

const struct protocol protocol_sip = {
    .id = PROTOCOL_SIP,
    .name = "sip",
    .answers_alone = true,
    .verbs = methods,
    .check = sip_check,
    .header_lines = true,
    .whole = sip_whole,
    .awaits = sip_awaits,
    .accepts = sip_accepts,
    .keyword = sip_keyword,
    .keyword_accepts = sip_keyword_accepts,
};
