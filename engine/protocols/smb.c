/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smb.c - SMB: the client speaks first, with a Negotiate (MS-SMB2 2.1, 2.2.3; MS-CIFS 2.2.4.52).
 *
 *      byte       0    1 2 3      4     5 6 7    8            12       16
 *      SMB1       0    length     0xff  "SMB"    command(1) status(4)          command 0x72
 *      SMB2, 3    0    length     0xfe  "SMB"    size 64, charge, status(4)    command(2) 0
 *      port 139   0x81 0 0 68     32 "EEEFE..."                                a session request
 *                                 first (RFC 1002 4.3.2)
 *
 * The answer has the same form with status 0, or 0x82 to a session request.
 */
#include "engine/protocols/whole.h"

#define SMB1              0xff
#define SMB2              0xfe
#define SMB1_NEGOTIATE    0x72
#define SESSION_REQUEST   0x81
#define SESSION_POSITIVE  0x82
#define SMB1_BYTES        9
#define SMB2_BYTES        18
#define SESSION_BYTES     6
#define SMB1_STATUS_BYTES 13
#define SMB2_STATUS_BYTES 16

static bool fits_message(const uint8_t *data, size_t at)
{
    static const uint8_t name[] = "SMB";

    switch (at) {
    case 0:
        return data[0] == 0;
    case 1:
        return data[1] <= 1; /* RFC 1002 4.3.1: 17 bits of length */
    case 2:
    case 3:
        return true;
    case 4:
        return data[4] == SMB1 || data[4] == SMB2;
    case 5:
    case 6:
    case 7:
        return data[at] == name[at - 5];
    case 8:
        return data[8] == (data[4] == SMB1 ? SMB1_NEGOTIATE : 64);
    default:
        return data[4] == SMB1 || at != 9 || data[9] == 0;
    }
}

static bool fits_session(const uint8_t *data, size_t at)
{
    static const uint8_t form[] = {SESSION_REQUEST, 0, 0, 68, 32};

    /* RFC 1001 14.1: half a byte of the name in each of 32 letters. */
    return at < sizeof(form) ? data[at] == form[at] : data[at] >= 'A' && data[at] <= 'P';
}

static bool fits_request(const uint8_t *data, size_t at)
{
    return at >= 16 ? data[at] == 0 : fits_message(data, at);
}

static bool is_smb2(const uint8_t *data, size_t bytes)
{
    return bytes > 4 && data[4] == SMB2;
}

/* fits_request() of all bytes, where they are there. */
static bool fits_whole_request(const uint8_t *data)
{
    const uint64_t begins = load_wire64(data);

    if (((begins ^ WIRE64(UINT64_C(0x0000000000534d42))) & WIRE64(UINT64_C(0xfffe000000ffffff))))
        return false;
    if (data[4] == SMB1)
        return data[8] == SMB1_NEGOTIATE;
    return data[4] == SMB2 && data[8] == 64 && data[9] == 0 && data[16] == 0 && data[17] == 0;
}

static enum match smb_check(const uint8_t *request, size_t bytes)
{
    if (bytes > 0 && request[0] == SESSION_REQUEST)
        return match_bytes(fits_session, SESSION_BYTES, request, bytes);
    if (bytes >= SMB2_BYTES)
        return fits_whole_request(request) ? MATCH_YES : MATCH_NO;
    return match_bytes(fits_request, is_smb2(request, bytes) ? SMB2_BYTES : SMB1_BYTES, request,
                       bytes);
}

static bool fits_answer(const uint8_t *data, size_t at)
{
    size_t status_at = data[0] == 0 && at > 4 && data[4] == SMB2 ? 12 : 9;

    return at >= status_at && at < status_at + 4 ? data[at] == 0 : fits_message(data, at);
}

static enum acceptance smb_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    if (answer_bytes > 0 && request_bytes > 0 && request[0] == SESSION_REQUEST)
        return answer[0] == SESSION_POSITIVE ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
    return acceptance_of(match_bytes(
        fits_answer, is_smb2(answer, answer_bytes) ? SMB2_STATUS_BYTES : SMB1_STATUS_BYTES, answer,
        answer_bytes));
}

/* The session request of port 139 has its length there, too. */
static enum match smb_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(
        bytes, 4 + ((size_t)request[1] << 16 | (size_t)request[2] << 8 | request[3]), needed);
}

const struct protocol protocol_smb = {
    .id = PROTOCOL_SMB,
    .name = "smb",
    .check = smb_check,
    .whole = smb_whole,
    .accepts = smb_accepts,
};
