/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mongodb.c - MongoDB: the client speaks first (MongoDB's wire protocol). Numbers are little
 * endian.
 *
 *      byte       0 to 3    4 to 7    8 to 11    12 to 15     16 to 19
 *      request    length    number    0 or -1    2013, 2012   flags       OP_MSG, OP_COMPRESSED
 *                                                2004         flags       OP_QUERY, which older
 *                                                                         clients begin with
 *      answer     length    its own   the        1, 2012,
 *                                     request's  2013
 *
 * Limits: a message beyond 48 MB is none, as for servers.
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES  16
#define LENGTH_LEAST  21
#define MIB_16_MOST   2 /* of 16 MiB each */
#define OP_REPLY      1
#define OP_QUERY      0xd4 /* 2004 */
#define OP_COMPRESSED 0xdc
#define OP_MSG        0xdd
#define UPPER         7 /* of these, the byte above */

static unsigned long le32(const uint8_t *at)
{
    return at[0] | (unsigned long)at[1] << 8 | (unsigned long)at[2] << 16 |
           (unsigned long)at[3] << 24;
}

static bool fits_request(const uint8_t *data, size_t at)
{
    switch (at) {
    case 3:
        return data[3] <= MIB_16_MOST && le32(data) >= LENGTH_LEAST;
    case 8:
        return data[8] == 0 || data[8] == 0xff;
    case 9:
    case 10:
    case 11:
        return data[at] == data[8];
    case 12:
        return data[12] == OP_MSG || data[12] == OP_QUERY || data[12] == OP_COMPRESSED;
    case 13:
        return data[13] == UPPER;
    case 14:
    case 15:
        return data[at] == 0;
    default:
        return true;
    }
}

static enum match mongodb_check(const uint8_t *request, size_t bytes)
{
    /* Text ends here: this is asked of whatever comes. */
    if (bytes > 3 && request[3] > MIB_16_MOST)
        return MATCH_NO;
    return match_bytes(fits_request, HEADER_BYTES, request, bytes);
}

static enum match mongodb_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, le32(request), needed);
}

static enum acceptance mongodb_accepts(const uint8_t *request, size_t request_bytes,
                                       const uint8_t *answer, size_t answer_bytes)
{
    if (request_bytes < 8)
        return ACCEPTANCE_REFUSED;
    if (answer_bytes < HEADER_BYTES)
        return ACCEPTANCE_MORE;
    if (le32(answer + 8) != le32(request + 4))
        return ACCEPTANCE_REFUSED;
    return le32(answer + 12) == OP_REPLY || (answer[13] == UPPER && answer[12] >= OP_COMPRESSED &&
                                             answer[12] <= OP_MSG && answer[14] == 0)
               ? ACCEPTANCE_ACCEPTED
               : ACCEPTANCE_REFUSED;
}

const struct protocol protocol_mongodb = {
    .id = PROTOCOL_MONGODB,
    .name = "mongodb",
    .check = mongodb_check,
    .whole = mongodb_whole,
    .accepts = mongodb_accepts,
};
