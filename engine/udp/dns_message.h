/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dns_message.h - reads a DNS query and an answer as they stand in a datagram, and makes of a query
 * the shortest answer that there is: ask again over TCP (RFC 1035 4.1.1, RFC 7766 5).
 *
 *      byte    0 1   2                      3                       4 5        6 7  8 9  10 11
 *              id    QR opcode AA TC RD     RA Z AD CD rcode        questions  and records
 *
 * Pure: no state, and nothing is read beyond the bytes that are given.
 */
#ifndef SYNWARD_ENGINE_UDP_DNS_MESSAGE_H
#define SYNWARD_ENGINE_UDP_DNS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#define DNS_HEADER_BYTES 12
#define DNS_OPT_BYTES    11 /* EDNS without options (RFC 6891 6.1.2) */
/* As they stand in byte 2, and in byte 3 */
#define DNS_QR     0x80
#define DNS_OPCODE 0x78
#define DNS_AA     0x04
#define DNS_TC     0x02
#define DNS_RD     0x01
#define DNS_RA     0x80
#define DNS_AD     0x20
#define DNS_CD     0x10
#define DNS_RCODE  0x0f

#define DNS_NO_SUCH_NAME 3

enum dns_asked {
    DNS_ASKED,         /* a query with one question: it may be answered */
    DNS_ASKED_OTHER,   /* NOTIFY, UPDATE or another opcode: who asks would take TC for a yes */
    DNS_ASKED_SIGNED,  /* TSIG or SIG(0): who asks believes no answer that is not signed */
    DNS_ASKED_NOTHING, /* no query, or one that says several things at once */
};

/* What a message says of EDNS. All zero: nothing. */
struct dns_edns {
    bool there, dnssec_ok;
    uint16_t udp_bytes;
};

struct dns_query {
    uint16_t id;
    uint8_t flags[2];        /* bytes 2 and 3 */
    uint16_t question_bytes; /* from DNS_HEADER_BYTES on */
    struct dns_edns edns;
};

enum dns_asked dns_read_query(const uint8_t *message, uint32_t bytes, struct dns_query *query);

/* The beginning of an answer: false where it is none. */
static inline bool dns_is_answer(const uint8_t *message, uint32_t bytes)
{
    return bytes >= DNS_HEADER_BYTES && (message[2] & DNS_QR);
}
static inline bool dns_is_query(const uint8_t *message, uint32_t bytes)
{
    return bytes >= DNS_HEADER_BYTES && !(message[2] & DNS_QR);
}

struct dns_answer {
    uint16_t id;
    uint8_t flags[2];
    uint16_t question_bytes; /* 0: it has none, or several */
    struct dns_edns edns;
};

/* False: none, or none that can be read to its end. */
bool dns_read_answer(const uint8_t *message, uint32_t bytes, struct dns_answer *answer);

/* How a server is known to answer. */
struct dns_echo {
    uint8_t copied[2]; /* flags that it says as they were asked */
    uint8_t set[2];    /* and those that it always says */
    bool edns;         /* it answers EDNS with EDNS */
    bool dnssec_ok;    /* and says DO as it was asked */
    uint16_t udp_bytes;
};

/*
 * Writes over the query that was read from `message`: its id and question with TC=1. Returns the
 * answer's length, never more than the query's.
 */
uint32_t dns_truncate(uint8_t *message, const struct dns_query *query, const struct dns_echo *echo);

#endif
