/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rdp.c - RDP: the client speaks first, with an X.224 Connection Request in a TPKT (MS-RDPBCGR
 * 2.2.1.1, RFC 1006 6).
 *
 *      byte       0  1  2  3       4    5     6 7   8 9   10   11
 *      request    3  0  length     LI   0xe0  0 0   src   0    nothing, "Cookie: ...", a routing
 *                                                              token or 1 (wishes)
 *      answer     3  0  length     LI   0xd0  ...              nothing, or 2 (accepted), 3
 *                                                              (refused)
 *
 * ISO's other services over TPKT (S7, MMS, on port 102) send parameters 0xc0 to 0xc2 there: they
 * are not RDP.
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES 11
#define LI_LEAST     6
#define BYTES_MAX    1024
#define NEG_RSP      2

static unsigned tpkt_bytes(const uint8_t *data)
{
    return (unsigned)data[2] << 8 | data[3];
}

static bool fits_tpkt(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == 3;
    case 1:
        return data[1] == 0;
    case 3:
        return tpkt_bytes(data) >= HEADER_BYTES && tpkt_bytes(data) <= BYTES_MAX;
    case 4:
        return data[4] >= LI_LEAST && data[4] + 5u <= tpkt_bytes(data);
    default:
        return true;
    }
}

static bool fits_request(const uint8_t *data, size_t at)
{
    switch (at) {
    case 5:
        return data[5] == 0xe0;
    case 6:
    case 7:
    case 10:
        return data[at] == 0;
    case 11:
        return data[11] < 0xc0 || data[11] > 0xc2;
    default:
        return fits_tpkt(data, at);
    }
}

/* Byte 11 is looked at where the length says that there is one. */
static size_t decided_at(const uint8_t *data, size_t bytes)
{
    return bytes >= 4 && tpkt_bytes(data) == HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + 1;
}

static enum match rdp_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_request, decided_at(request, bytes), request, bytes);
}

static bool fits_answer(const uint8_t *data, size_t at)
{
    return at == 5 ? data[5] == 0xd0 : at == 11 ? data[11] == NEG_RSP : fits_tpkt(data, at);
}

static enum acceptance rdp_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(
        match_bytes(fits_answer, decided_at(answer, answer_bytes), answer, answer_bytes));
}

static enum match rdp_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, tpkt_bytes(request), needed);
}

const struct protocol protocol_rdp = {
    .id = PROTOCOL_RDP,
    .name = "rdp",
    .check = rdp_check,
    .whole = rdp_whole,
    .accepts = rdp_accepts,
};
