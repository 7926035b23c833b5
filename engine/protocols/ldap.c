/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ldap.c - LDAP: the client speaks first (RFC 4511 4.1.1, 5.1).
 *
 *      request    0x30 length   2 1..4 number   operation length ...
 *                                               0x60 bind: 2 1 version    0x63 search: 4 base ...
 *                                               0x77 extended: 0x80 OID (StartTLS)    0x66 modify,
 *                                               0x68 add, 0x4a delete, 0x6c rename, 0x6e compare
 *      answer     the same number, the operation that answers, and its result code, which accepts
 *                 where it is success (0), a comparison (5, 6), a referral (10), or a bind that
 * goes on (14); an entry (0x64) or reference (0x73) of a search
 *
 * Lengths are BER's, in the short form or in the long one, which Microsoft's clients write with
 * four bytes whatever they say.
 *
 * Limits: a message beyond 16 MiB is none; unbind and abandon, which are not answered, are not
 * known.
 */
#include "engine/protocols/whole.h"

#define SEQUENCE     0x30
#define INTEGER      2
#define OCTETS       4
#define ENUMERATED   10
#define BIND         0x60
#define SEARCH       0x63
#define EXTENDED     0x77
#define OID          0x80
#define ENTRY        0x64
#define REFERENCE    0x73
#define LENGTH_MOST  0xffffff
#define ID_BYTES_MAX 4

/* What is read next, and what is left of the thing that it stands in. */
struct ber {
    const uint8_t *data;
    size_t bytes, at, end;
};

/* The next byte must be this one. */
static enum match take_tag(struct ber *ber, uint8_t tag)
{
    if (ber->at >= ber->end)
        return MATCH_NO;
    if (ber->at >= ber->bytes)
        return MATCH_MORE;
    return ber->data[ber->at++] == tag ? MATCH_YES : MATCH_NO;
}

/* A length that fits into what is left. */
static enum match take_length(struct ber *ber, size_t *length)
{
    unsigned width;

    if (ber->at >= ber->bytes)
        return MATCH_MORE;
    *length = ber->data[ber->at++];
    if (*length >= 0x80) {
        width = *length & 0x7f;
        if (width < 1 || width > 4)
            return MATCH_NO;
        for (*length = 0; width > 0; width--) {
            if (ber->at >= ber->bytes)
                return MATCH_MORE;
            *length = *length << 8 | ber->data[ber->at++];
        }
    }
    return *length <= LENGTH_MOST && ber->at + *length <= ber->end ? MATCH_YES : MATCH_NO;
}

static enum match take_field(struct ber *ber, uint8_t tag, size_t *length)
{
    enum match match = take_tag(ber, tag);

    return match == MATCH_YES ? take_length(ber, length) : match;
}

/* Up to the operation's tag; what ends the message is `end` of it. */
static enum match take_message(struct ber *ber, size_t *id_at, size_t *id_bytes)
{
    size_t length;
    enum match match;

    ber->at = 0;
    ber->end = SIZE_MAX;
    match = take_field(ber, SEQUENCE, &length);
    if (match != MATCH_YES)
        return match;
    ber->end = ber->at + length;
    match = take_field(ber, INTEGER, id_bytes);
    if (match != MATCH_YES)
        return match;
    if (*id_bytes < 1 || *id_bytes > ID_BYTES_MAX)
        return MATCH_NO;
    *id_at = ber->at;
    ber->at += *id_bytes;
    return ber->at >= ber->end ? MATCH_NO : ber->at >= ber->bytes ? MATCH_MORE : MATCH_YES;
}

/* The first field of an operation. */
static enum match check_operation(struct ber *ber, uint8_t operation)
{
    size_t length;

    switch (operation) {
    case BIND:
        return take_field(ber, INTEGER, &length);
    case EXTENDED:
        return take_field(ber, OID, &length);
    case 0x4a: /* delete: a name and nothing else */
        return MATCH_YES;
    default:
        return take_field(ber, OCTETS, &length);
    }
}

static bool is_operation(uint8_t tag)
{
    switch (tag) {
    case BIND:
    case SEARCH:
    case EXTENDED:
    case 0x4a:
    case 0x66:
    case 0x68:
    case 0x6c:
    case 0x6e:
        return true;
    default:
        return false;
    }
}

static enum match ldap_check(const uint8_t *request, size_t bytes)
{
    struct ber ber = {.data = request, .bytes = bytes};
    size_t id_at, id_bytes, length;
    enum match match = take_message(&ber, &id_at, &id_bytes);
    uint8_t operation;

    if (match != MATCH_YES)
        return match;
    operation = request[ber.at++];
    if (!is_operation(operation))
        return MATCH_NO;
    match = take_length(&ber, &length);
    return match == MATCH_YES ? check_operation(&ber, operation) : match;
}

static enum match ldap_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    struct ber ber = {.data = request, .bytes = bytes};
    size_t id_at, id_bytes;

    (void)from;
    take_message(&ber, &id_at, &id_bytes);
    return whole_message(bytes, ber.end, needed);
}

static bool is_accepting(uint8_t code)
{
    return code == 0 || code == 5 || code == 6 || code == 10 || code == 14;
}

/* The result code of an answer whose operation begins here. */
static enum match result_accepts(struct ber *ber)
{
    uint8_t operation = ber->data[ber->at++];
    size_t length;
    enum match match = take_length(ber, &length);

    if (match != MATCH_YES || operation == ENTRY || operation == REFERENCE)
        return match;
    match = take_field(ber, ENUMERATED, &length);
    if (match != MATCH_YES)
        return match;
    if (ber->at >= ber->bytes)
        return MATCH_MORE;
    return length == 1 && is_accepting(ber->data[ber->at]) ? MATCH_YES : MATCH_NO;
}

static enum acceptance ldap_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    struct ber asked = {.data = request, .bytes = request_bytes};
    struct ber ber = {.data = answer, .bytes = answer_bytes};
    size_t asked_at, asked_bytes, id_at, id_bytes;
    enum match match = take_message(&ber, &id_at, &id_bytes);

    if (match != MATCH_YES)
        return acceptance_of(match);
    if (take_message(&asked, &asked_at, &asked_bytes) != MATCH_YES || id_bytes != asked_bytes ||
        begins_exactly(request + asked_at, id_bytes, answer + id_at, id_bytes) != MATCH_YES)
        return ACCEPTANCE_REFUSED;
    return acceptance_of(result_accepts(&ber));
}

const struct protocol protocol_ldap = {
    .id = PROTOCOL_LDAP,
    .name = "ldap",
    .check = ldap_check,
    .whole = ldap_whole,
    .accepts = ldap_accepts,
};
