/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xmpp.c - XMPP between clients, servers and components: who connects opens a stream (RFC 6120 4.2,
 * 11.5).
 *
 *      request    [ "<?xml" ... "?>" blanks ] "<stream:stream" ( blank / ">" ) ...
 *      answer     the same, and behind its tag "<stream:features"; "<stream:error" refuses
 *
 * A server of before XMPP 1.0 gives its stream no version and sends no features: its tag is all of
 * its answer.
 *
 * Limits: the XML declaration has at most 128 bytes, the stream's tag ends within 2 KiB, and the
 * namespace's prefix must be "stream", as servers want it (RFC 6120 4.8.5).
 */
#include "engine/protocols/whole.h"

#define DECLARATION_BYTES_MAX 128
#define TAG_BYTES_MAX         2048 /* it is read anew with each of its pieces */
#define STREAM                "<stream:stream"
#define STREAM_BYTES          (sizeof(STREAM) - 1)

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the first tag begins: behind the declaration, where there is one. */
static enum match skip_declaration(const uint8_t *data, size_t bytes, size_t *at)
{
    enum match match = begins_exactly("<?xml", 5, data, bytes);

    *at = 0;
    if (match != MATCH_YES)
        return bytes < 2 || match == MATCH_MORE ? MATCH_MORE : MATCH_YES;
    for (size_t i = 5;; i++) {
        if (i >= DECLARATION_BYTES_MAX)
            return MATCH_NO;
        if (i >= bytes)
            return MATCH_MORE;
        if (i == 5 && !is_blank(data[5]))
            return MATCH_NO;
        if (*at != 0 && !is_blank(data[i])) {
            *at = i;
            return MATCH_YES;
        }
        if (data[i] == '>' && *at == 0) {
            if (data[i - 1] != '?')
                return MATCH_NO;
            *at = i;
        }
    }
}

static enum match xmpp_check(const uint8_t *request, size_t bytes)
{
    size_t at;
    enum match match;

    if (bytes > 0 && request[0] != '<')
        return MATCH_NO;
    match = skip_declaration(request, bytes, &at);
    if (match == MATCH_YES)
        match = begins_exactly(STREAM, STREAM_BYTES, request + at, bytes - at);
    if (match != MATCH_YES)
        return match;
    at += STREAM_BYTES;
    if (at == bytes)
        return MATCH_MORE;
    return is_blank(request[at]) || request[at] == '>' ? MATCH_YES : MATCH_NO;
}

/* The length up to the end of the stream's tag; `bytes` + 1 where that has not come. What is quoted
 * ends none. */
static size_t tag_end(const uint8_t *data, size_t bytes)
{
    uint8_t quote = 0;
    size_t at;

    skip_declaration(data, bytes, &at);
    for (; at < bytes; at++) {
        if (quote != 0)
            quote = data[at] == quote ? 0 : quote;
        else if (data[at] == '"' || data[at] == '\'')
            quote = data[at];
        else if (data[at] == '>')
            return at + 1;
    }
    return bytes + 1;
}

static enum match xmpp_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t end = tag_end(request, bytes < TAG_BYTES_MAX ? bytes : TAG_BYTES_MAX);

    (void)from;
    if (end > TAG_BYTES_MAX)
        return MATCH_NO;
    return whole_message(bytes, end, needed);
}

static enum acceptance xmpp_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    enum match match = xmpp_check(answer, answer_bytes);
    size_t end;

    (void)request;
    (void)request_bytes;
    if (match != MATCH_YES)
        return acceptance_of(match);
    end = tag_end(answer, answer_bytes);
    if (end > answer_bytes)
        return ACCEPTANCE_MORE;
    if (!has_word(" version=", answer + STREAM_BYTES, end - STREAM_BYTES))
        return ACCEPTANCE_ACCEPTED;
    match = begins_exactly("<stream:e", 9, answer + end, answer_bytes - end);
    return match == MATCH_NO    ? ACCEPTANCE_ACCEPTED
           : match == MATCH_YES ? ACCEPTANCE_REFUSED
                                : ACCEPTANCE_MORE;
}

const struct protocol protocol_xmpp = {
    .id = PROTOCOL_XMPP,
    .name = "xmpp",
    .check = xmpp_check,
    .whole = xmpp_whole,
    .accepts = xmpp_accepts,
};
