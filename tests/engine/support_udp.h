/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_udp.h - datagrams and DNS messages in words, for tests.
 *
 *      uint8_t query[DNS_TEST_BYTES];
 *      uint32_t bytes = dns_query_write(query, &(struct dns_words){.id = 7, .name = "a.test"});
 *      datagram_write(&frame, "198.51.100.7:4000", "192.0.2.1:53", query, bytes);
 *
 * Written apart from the engine's own code.
 */
#ifndef SYNWARD_TESTS_ENGINE_SUPPORT_UDP_H
#define SYNWARD_TESTS_ENGINE_SUPPORT_UDP_H

#include "tests/engine/support_frames.h"

#define DNS_TEST_BYTES 600

struct dns_words {
    uint16_t id;
    const char *name; /* "a.test" */
    uint8_t flags[2]; /* bytes 2 and 3: a query, but for QR */
    bool edns, dnssec_ok;
    uint16_t udp_bytes; /* of EDNS; 0: 1232 */
    uint16_t type;      /* 0: A */
};

/* A message with one question and, where it is wanted, EDNS. Returns its length. */
uint32_t dns_message_write(uint8_t out[DNS_TEST_BYTES], const struct dns_words *words);

/* IPv4 or IPv6 by the addresses, with right checksums; read back into frame->view. */
void datagram_write(struct test_frame *frame, const char *from, const char *to, const void *payload,
                    uint32_t bytes);
/* Makes the UDP checksum right again, and IPv4's. */
void datagram_fix(struct test_frame *frame, uint32_t l4);

/* True where both checksums are right, summed byte by byte. */
bool datagram_is_right(const struct test_frame *frame, uint32_t l4);

#endif
