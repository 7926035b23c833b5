/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gnutella.c - Gnutella's handshake (the protocol's specification 0.4 and 0.6): the client speaks
 * first.
 *
 *      request    "GNUTELLA CONNECT/0." DIGIT ...   or "GIV " DIGIT, an upload that was asked for
 *                                                   behind a firewall
 *      answer     "GNUTELLA/0.6 200 ..." or "GNUTELLA OK" accepts, 503 refuses; a GIV is answered
 *                 by "GET "
 *
 * Downloads between peers are HTTP's.
 */
#include "engine/protocols/whole.h"

static enum match gnutella_check(const uint8_t *request, size_t bytes)
{
    enum match connects = begins_form("GNUTELLA CONNECT/0.0", request, bytes);

    return connects == MATCH_NO ? begins_form("GIV 0", request, bytes) : connects;
}

static enum acceptance gnutella_accepts(const uint8_t *request, size_t request_bytes,
                                        const uint8_t *answer, size_t answer_bytes)
{
    static const char *const forms[] = {"GNUTELLA/0.0 200", "GNUTELLA OK", "GET "};
    enum match best = MATCH_NO;

    (void)request;
    (void)request_bytes;
    for (size_t i = 0; i < COUNT_OF(forms) && best != MATCH_YES; i++) {
        enum match match = begins_form(forms[i], answer, answer_bytes);

        best = match == MATCH_NO ? best : match;
    }
    return acceptance_of(best);
}

/* "GNUTELLA CONNECT/0.4" and GIV have no fields, but the empty line. */
static enum match gnutella_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    return whole_header(request, bytes, 0, from, needed);
}

const struct protocol protocol_gnutella = {
    .id = PROTOCOL_GNUTELLA,
    .name = "gnutella",
    .check = gnutella_check,
    .header_lines = true,
    .whole = gnutella_whole,
    .accepts = gnutella_accepts,
};
