/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vnc.c - VNC, the Remote Framebuffer protocol: the server greets with its version, the client
 * answers with one of the same form (RFC 6143 7.1.1, 7.1.2).
 *
 *      greeting, request    "RFB " 3DIGIT "." 3DIGIT LF
 *      answer               to 3.7 and later: how many kinds of security (1 to 255), 0 refuses
 *                           before: the kind in four bytes, 0 refuses
 */
#include "engine/protocols/whole.h"

#define VERSION       "RFB 000.000\n"
#define VERSION_BYTES (sizeof(VERSION) - 1)

static enum match vnc_check(const uint8_t *request, size_t bytes)
{
    return begins_form(VERSION, request, bytes);
}

static enum match vnc_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)request;
    (void)from;
    return whole_message(bytes, VERSION_BYTES, needed);
}

/* Others than 3.3 (3.4, 3.6 of UltraVNC) count as it; Apple's is 3.889. */
static bool is_old(const uint8_t *version, size_t bytes)
{
    return bytes >= VERSION_BYTES && version[8] == '0' && version[9] == '0' && version[10] < '7';
}

static bool fits_kind(const uint8_t *data, size_t at)
{
    return at < 3 ? data[at] == 0 : data[at] != 0;
}

static enum acceptance vnc_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    if (is_old(request, request_bytes))
        return acceptance_of(match_bytes(fits_kind, 4, answer, answer_bytes));
    if (answer_bytes == 0)
        return ACCEPTANCE_MORE;
    return answer[0] != 0 ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
}

static enum greeting_verdict vnc_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    enum match match = vnc_check(data, bytes);

    if (match != MATCH_YES)
        return match == MATCH_NO ? GREETING_NOT : GREETING_MORE;
    *greeting_bytes = VERSION_BYTES;
    return GREETING_POSITIVE;
}

const struct protocol protocol_vnc = {
    .id = PROTOCOL_VNC,
    .name = "vnc",
    .server_first = true,
    .check = vnc_check,
    .whole = vnc_whole,
    .accepts = vnc_accepts,
    .greeting = vnc_greeting,
};
