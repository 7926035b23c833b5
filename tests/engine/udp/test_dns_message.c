/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dns_message.c - queries and answers as they are read, and the answer that TC=1 is. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/udp/dns_message.h"
#include "tests/engine/random.h"
#include "tests/engine/support_udp.h"

static const struct dns_echo echo = {.copied = {DNS_RD, DNS_CD},
                                     .set = {0, DNS_RA},
                                     .edns = true,
                                     .dnssec_ok = true,
                                     .udp_bytes = 1400};

static uint8_t message[DNS_TEST_BYTES];
static struct dns_query query;

static enum dns_asked read_as(uint32_t bytes)
{
    return dns_read_query(message, bytes, &query);
}

static uint32_t write(struct dns_words words)
{
    if (!words.name)
        words.name = "www.Example.test";
    return dns_message_write(message, &words);
}

Test(dns_message, query_with_and_without_edns)
{
    uint32_t bytes = write((struct dns_words){.id = 0x1234, .flags = {DNS_RD, DNS_AD}});

    cr_assert_eq(read_as(bytes), DNS_ASKED);
    cr_assert_eq(query.id, 0x1234);
    cr_assert_eq(query.question_bytes, bytes - DNS_HEADER_BYTES);
    cr_assert_not(query.edns.there);
    bytes = write((struct dns_words){.edns = true, .dnssec_ok = true, .udp_bytes = 4096});
    cr_assert_eq(read_as(bytes), DNS_ASKED);
    cr_assert(query.edns.there);
    cr_assert(query.edns.dnssec_ok);
    cr_assert_eq(query.edns.udp_bytes, 4096);
}

Test(dns_message, what_is_cut_or_longer_than_it_says_is_none)
{
    const uint32_t bytes = write((struct dns_words){.edns = true});

    for (uint32_t cut = 0; cut < bytes; cut++)
        cr_assert_eq(read_as(cut), DNS_ASKED_NOTHING, "%u bytes", cut);
    cr_assert_eq(read_as(bytes + 1), DNS_ASKED_NOTHING);
}

Test(dns_message, what_says_several_things_is_none)
{
    const uint32_t bytes = write((struct dns_words){.id = 1});

    message[5] = 2;
    cr_assert_eq(read_as(bytes), DNS_ASKED_NOTHING, "two questions");
    message[5] = 0;
    cr_assert_eq(read_as(bytes), DNS_ASKED_NOTHING, "none");
    message[5] = 1;
    message[7] = 1;
    cr_assert_eq(read_as(bytes), DNS_ASKED_NOTHING, "an answer in a query");
    message[7] = 0;
    message[2] = DNS_QR;
    cr_assert_eq(read_as(bytes), DNS_ASKED_NOTHING, "an answer");
}

Test(dns_message, notify_and_update_are_something_else)
{
    cr_assert_eq(read_as(write((struct dns_words){.flags = {4 << 3}})), DNS_ASKED_OTHER);
    cr_assert_eq(read_as(write((struct dns_words){.flags = {5 << 3}})), DNS_ASKED_OTHER);
}

Test(dns_message, signature_is_seen)
{
    uint32_t bytes = write((struct dns_words){.edns = true});

    message[11] = 2; /* a record more, of the root */
    memset(message + bytes, 0, 11);
    store_be16(message + bytes + 1, 250);
    cr_assert_eq(read_as(bytes + 11), DNS_ASKED_SIGNED);
    store_be16(message + bytes + 1, 41);
    cr_assert_eq(read_as(bytes + 11), DNS_ASKED_NOTHING, "EDNS twice");
}

Test(dns_message, names_do_not_point_or_run_on)
{
    uint32_t bytes = write((struct dns_words){.id = 1});

    message[12] = 0xc0;
    cr_assert_eq(read_as(bytes), DNS_ASKED_NOTHING, "a pointer to itself");
    message[12] = 64;
    cr_assert_eq(read_as(bytes), DNS_ASKED_NOTHING, "a label of 64 bytes");
    memset(message + 12, 0, sizeof(message) - 12);
    for (uint32_t i = 0; i < 256; i += 2)
        message[12 + i] = message[13 + i] = 1;
    cr_assert_eq(read_as(12 + 257 + 4), DNS_ASKED_NOTHING, "a name of 257 bytes");
}

Test(dns_message, truncated_answer_says_what_was_asked)
{
    uint8_t asked[DNS_TEST_BYTES];
    const uint32_t bytes = write((struct dns_words){
        .id = 0xbeef, .name = "wWw.eXaMpLe.TeSt", .flags = {DNS_RD, DNS_AD | DNS_CD}});

    memcpy(asked, message, sizeof(asked));
    cr_assert_eq(read_as(bytes), DNS_ASKED);
    cr_assert_eq(dns_truncate(message, &query, &echo), bytes);
    cr_assert_arr_eq(message, asked, 2, "the id");
    cr_assert_eq(message[2], DNS_QR | DNS_TC | DNS_RD);
    cr_assert_eq(message[3], DNS_RA | DNS_CD, "AD would be a claim, and the code is 0");
    cr_assert_arr_eq(message + 12, asked + 12, bytes - 12, "to the byte");
}

Test(dns_message, truncated_answer_has_edns_where_both_have_it)
{
    const struct dns_words words = {.edns = true, .dnssec_ok = true};
    struct dns_echo without = echo;
    struct dns_answer answer;
    uint32_t bytes = write(words), said;

    read_as(bytes);
    said = dns_truncate(message, &query, &echo);
    cr_assert_eq(said, bytes);
    cr_assert(dns_read_answer(message, said, &answer));
    cr_assert(answer.edns.there && answer.edns.dnssec_ok);
    cr_assert_eq(answer.edns.udp_bytes, 1400);
    without.edns = false;
    bytes = write(words);
    read_as(bytes);
    said = dns_truncate(message, &query, &without);
    cr_assert_eq(said, bytes - DNS_OPT_BYTES);
    cr_assert(dns_read_answer(message, said, &answer));
    cr_assert_not(answer.edns.there);
}

/* Whatever comes: nothing is read beyond it, and no answer is longer. */
Test(dns_message, random_messages)
{
    struct random random = random_begin("dns_message");

    for (uint32_t i = random_rounds(100000); i > 0; i--) {
        const uint32_t whole = write((struct dns_words){.edns = true});
        const uint32_t bytes = random_below(&random, 4) ? whole : random_below(&random, whole + 1);
        uint8_t *exact = malloc(bytes ? bytes : 1);

        memcpy(exact, message, bytes);
        for (int flips = 0; bytes && flips < 3; flips++)
            exact[random_below(&random, bytes)] = (uint8_t)random_next(&random);
        if (dns_read_query(exact, bytes, &query) == DNS_ASKED)
            cr_assert_leq(dns_truncate(exact, &query, &echo), bytes);
        free(exact);
    }
}
