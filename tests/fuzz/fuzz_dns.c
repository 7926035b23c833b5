/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_dns.c - the input is a frame: an offload header of zeros is put before it. Whatever UDP it
 * is taken for lies in it; a query with one question draws an answer that is no longer, says the
 * same id and question, and reads as one.
 */
#include "engine/udp/datagram.h"
#include "engine/udp/dns_message.h"
#include "tests/fuzz/fuzz.h"

static void check_answer(const uint8_t *asked, uint32_t bytes, const struct dns_query *query)
{
    const struct dns_echo echo = {.copied = {DNS_RD, DNS_CD},
                                  .set = {DNS_AA, DNS_RA},
                                  .edns = bytes & 1,
                                  .dnssec_ok = true,
                                  .udp_bytes = 1232};
    uint8_t *said = malloc(bytes);
    struct dns_answer answer;
    uint32_t length;

    memcpy(said, asked, bytes);
    length = dns_truncate(said, query, &echo);
    FUZZ_ASSERT(length <= bytes);
    FUZZ_ASSERT(dns_read_answer(said, length, &answer));
    FUZZ_ASSERT(answer.id == query->id && answer.question_bytes == query->question_bytes);
    FUZZ_ASSERT(memcmp(said + DNS_HEADER_BYTES, asked + DNS_HEADER_BYTES, answer.question_bytes) ==
                0);
    FUZZ_ASSERT(answer.edns.there == (echo.edns && query->edns.there));
    free(said);
}

static void check_datagram(struct frame *frame)
{
    struct datagram datagram;
    struct dns_query query;
    uint32_t length;

    if (datagram_read(frame, &datagram) != DATAGRAM_WHOLE)
        return;
    FUZZ_ASSERT(datagram.l4 + UDP_HEADER_BYTES + datagram.payload_bytes <= frame->bytes);
    if (dns_read_query(datagram_payload(frame, &datagram), datagram.payload_bytes, &query) ==
        DNS_ASKED)
        check_answer(datagram_payload(frame, &datagram), datagram.payload_bytes, &query);
    datagram_checksum_good(frame, &datagram);
    if (!datagram.bare || datagram.payload_bytes > UINT16_MAX - UDP_HEADER_BYTES)
        return;
    length = datagram_turn(frame, &datagram, datagram.payload_bytes);
    FUZZ_ASSERT(length <= frame->bytes);
    frame_walk(frame, frame->offload, frame->data, length, length, length);
    FUZZ_ASSERT(datagram_read(frame, &datagram) == DATAGRAM_WHOLE);
    FUZZ_ASSERT(datagram_checksum_good(frame, &datagram));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint8_t *buffer = calloc(1, OFFLOAD_BYTES + bytes);
    struct frame frame;

    memcpy(buffer + OFFLOAD_BYTES, data, bytes);
    frame_walk(&frame, (struct offload *)(void *)buffer, buffer + OFFLOAD_BYTES, (uint32_t)bytes,
               (uint32_t)bytes, (uint32_t)bytes);
    check_datagram(&frame);
    free(buffer);
    return 0;
}
