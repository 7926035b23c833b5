/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sip.c - SIP over TCP: the client speaks first (RFC 3261 7.1, 7.2).
 *
 *      request    *( CRLF ) method SP uri SP "SIP/" DIGIT ...      empty lines are keepalives (RFC 5626 4.4.1)
 *      answer     "SIP/2.0" SP 3DIGIT ...                          401 and 407 ask for credentials
 *
 * Like HTTP's, and like it decided by the version: before that an INVITE could be anybody's.
 */
#include "engine/protocols/words.h"

static enum match sip_check(const uint8_t *request, size_t bytes)
{
    return begins_request_line("SIP/", '9', request, bytes);
}

static enum acceptance sip_accepts(const uint8_t *request, size_t request_bytes, const uint8_t *answer,
                                   size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return accepted_by_status_line("SIP/0.0 000", answer, answer_bytes);
}

const struct protocol protocol_sip = {
    .id = PROTOCOL_SIP,
    .name = "sip",
    .answers_alone = true,
    .check = sip_check,
    .accepts = sip_accepts,
};
