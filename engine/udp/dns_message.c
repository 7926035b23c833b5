/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_message.c - see dns_message.h. */
#include "engine/udp/dns_message.h"

#include <string.h>

#include "engine/base/bytes.h"

#define LABEL_BYTES_MAX 63
#define NAME_BYTES_MAX  255
#define POINTER         0xc0
#define RECORD_BYTES    10 /* type, class, TTL and length, behind the name */
#define RECORDS_MOST    4  /* of a query: IXFR's SOA, OPT and a signature */
#define TYPE_SIG        24
#define TYPE_OPT        41
#define TYPE_TSIG       250
#define OPT_DNSSEC_OK   0x80 /* in the third byte of what is the TTL elsewhere */

/* Behind the name at `at`; 0: it does not end in the message. `pointers`: it may point to another
 * (RFC 1035 4.1.4). */
static uint32_t skip_name(const uint8_t *message, uint32_t bytes, uint32_t at, bool pointers)
{
    const uint32_t begin = at;

    while (at < bytes) {
        const uint8_t label = message[at];

        if (pointers && (label & POINTER) == POINTER)
            return at + 2 <= bytes ? at + 2 : 0;
        if (label > LABEL_BYTES_MAX || at + 1 + label - begin > NAME_BYTES_MAX)
            return 0;
        at += 1u + label;
        if (!label)
            return at;
    }
    return 0;
}

/* Bytes of the question behind the header; 0: it does not lie in the message. */
static uint16_t question_bytes(const uint8_t *message, uint32_t bytes)
{
    const uint32_t name_end = skip_name(message, bytes, DNS_HEADER_BYTES, false);

    if (!name_end || name_end + 4 > bytes)
        return 0;
    return (uint16_t)(name_end + 4 - DNS_HEADER_BYTES);
}

/* What the records of a message are. */
struct records {
    struct dns_edns edns;
    uint32_t opts;
    bool is_signed;
    bool end; /* nothing follows them */
};

/* Of the record whose name ends at `at`: where it ends; 0: not in the message. */
static uint32_t read_record(const uint8_t *message, uint32_t bytes, uint32_t at, bool of_root,
                            struct records *records)
{
    uint16_t type;
    uint32_t end;

    if (at + RECORD_BYTES > bytes)
        return 0;
    type = load_be16(message + at);
    end = at + RECORD_BYTES + load_be16(message + at + 8);
    if (end > bytes)
        return 0;
    records->is_signed |= type == TYPE_TSIG || type == TYPE_SIG;
    if (type == TYPE_OPT && of_root) {
        records->opts++;
        records->edns = (struct dns_edns){.there = true,
                                          .dnssec_ok = message[at + 6] & OPT_DNSSEC_OK,
                                          .udp_bytes = load_be16(message + at + 2)};
    }
    return end;
}

/* False where they do not lie in the message. Each takes a step of eleven bytes at least. */
static bool read_records(const uint8_t *message, uint32_t bytes, uint32_t at,
                         struct records *records)
{
    uint32_t count =
        (uint32_t)load_be16(message + 6) + load_be16(message + 8) + load_be16(message + 10);

    *records = (struct records){.opts = 0};
    for (; count > 0; count--) {
        const uint32_t name_end = skip_name(message, bytes, at, true);

        if (!name_end)
            return false;
        at = read_record(message, bytes, name_end, name_end == at + 1, records);
        if (!at)
            return false;
    }
    records->end = at == bytes;
    return true;
}

enum dns_asked dns_read_query(const uint8_t *message, uint32_t bytes, struct dns_query *query)
{
    struct records records;
    uint32_t count;

    if (!dns_is_query(message, bytes))
        return DNS_ASKED_NOTHING;
    if (message[2] & DNS_OPCODE)
        return DNS_ASKED_OTHER;
    count = (uint32_t)load_be16(message + 8) + load_be16(message + 10);
    if ((message[3] & DNS_RCODE) || load_be16(message + 4) != 1 || load_be16(message + 6) ||
        count > RECORDS_MOST)
        return DNS_ASKED_NOTHING;
    query->id = load_be16(message);
    memcpy(query->flags, message + 2, sizeof(query->flags));
    query->question_bytes = question_bytes(message, bytes);
    if (!query->question_bytes ||
        !read_records(message, bytes, DNS_HEADER_BYTES + query->question_bytes, &records) ||
        !records.end || records.opts > 1)
        return DNS_ASKED_NOTHING;
    query->edns = records.edns;
    return records.is_signed ? DNS_ASKED_SIGNED : DNS_ASKED;
}

bool dns_read_answer(const uint8_t *message, uint32_t bytes, struct dns_answer *answer)
{
    struct records records;

    if (!dns_is_answer(message, bytes))
        return false;
    *answer = (struct dns_answer){.id = load_be16(message)};
    memcpy(answer->flags, message + 2, sizeof(answer->flags));
    if (load_be16(message + 4) == 1)
        answer->question_bytes = question_bytes(message, bytes);
    if (!answer->question_bytes ||
        !read_records(message, bytes, DNS_HEADER_BYTES + answer->question_bytes, &records))
        return false;
    answer->edns = records.edns;
    return true;
}

/* EDNS without options, behind the question. */
static void write_opt(uint8_t *at, bool dnssec_ok, uint16_t udp_bytes)
{
    memset(at, 0, DNS_OPT_BYTES);
    store_be16(at + 1, TYPE_OPT);
    store_be16(at + 3, udp_bytes);
    at[7] = dnssec_ok ? OPT_DNSSEC_OK : 0;
}

uint32_t dns_truncate(uint8_t *message, const struct dns_query *query, const struct dns_echo *echo)
{
    uint32_t bytes = DNS_HEADER_BYTES + query->question_bytes;
    const bool edns = query->edns.there && echo->edns;

    message[2] = (uint8_t)(DNS_QR | DNS_TC | (query->flags[0] & echo->copied[0]) | echo->set[0]);
    message[3] = (uint8_t)((query->flags[1] & echo->copied[1]) | echo->set[1]);
    memset(message + 6, 0, 6);
    if (!edns)
        return bytes;
    /* The query had one as well, which was no shorter. */
    write_opt(message + bytes, query->edns.dnssec_ok && echo->dnssec_ok, echo->udp_bytes);
    message[11] = 1;
    return bytes + DNS_OPT_BYTES;
}
