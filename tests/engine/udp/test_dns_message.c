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

/* What clients ask, and what nobody does. `option`: of EDNS, as it stands; `more`: bytes behind. */
static const struct {
    const char *what;
    const char *name;
    uint16_t type, class;
    uint8_t opcode, questions, authority, edns_version;
    const char *option;
    uint8_t option_bytes;
    const char *more;
    uint8_t more_bytes;
    enum dns_asked as;
} kinds[] = {
    {.what = "a cookie (RFC 7873 4)",
     .option = "\0\x0a\0\x08"
               "12345678",
     .option_bytes = 12},
    {.what = "NSID (RFC 5001 2.1)", .option = "\0\3\0\0", .option_bytes = 4},
    {.what = "a client's subnet (RFC 7871 6)",
     .option = "\0\x08\0\7\0\1\x18\0\xc0\0\2",
     .option_bytes = 11},
    {.what = "padding (RFC 7830 3)", .option = "\0\x0c\0\4\0\0\0\0", .option_bytes = 8},
    {.what = "EDNS of another version (RFC 6891 6.1.3)", .edns_version = 1},
    {.what = "ANY (RFC 8482)", .type = 255},
    {.what = "AXFR, which is for TCP (RFC 5936 4.2)", .type = 252},
    {.what = "IXFR, which says its serial number (RFC 1995 3)",
     .type = 251,
     .authority = 1,
     .more = "\xc0\x0c\0\6\0\1\0\0\0\0\0\x16\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
     .more_bytes = 34},
    {.what = "class CH: version.bind", .name = "version.bind", .type = 16, .class = 3},
    {.what = "class ANY", .class = 255},
    {.what = "letters in mixed case", .name = "wWw.eXaMpLe.TeSt"},
    {.what = "the root", .name = ""},
    {.what = "a type of tomorrow", .type = 65280},
    {.what = "two questions", .questions = 2, .as = DNS_ASKED_NOTHING},
    {.what = "none (RFC 7873 5.4)", .questions = 99, .as = DNS_ASKED_NOTHING},
    {.what = "NOTIFY (RFC 1996 3.7)", .opcode = 4, .type = 6, .as = DNS_ASKED_OTHER},
    {.what = "UPDATE (RFC 2136 2.2)", .opcode = 5, .type = 6, .as = DNS_ASKED_OTHER},
    {.what = "STATUS", .opcode = 2, .as = DNS_ASKED_OTHER},
    {.what = "a stateful operation (RFC 8490)", .opcode = 6, .as = DNS_ASKED_OTHER},
    {.what = "bytes behind", .more = "x", .more_bytes = 1, .as = DNS_ASKED_NOTHING},
};

/* Whole, as it stands in a datagram. */
static uint32_t write_kind(size_t i)
{
    const char *name = kinds[i].name ? kinds[i].name : "www.example.test";
    const bool edns = kinds[i].option || kinds[i].edns_version;
    uint32_t bytes = write((struct dns_words){.id = 7,
                                              .name = name,
                                              .type = kinds[i].type,
                                              .edns = edns,
                                              .flags = {(uint8_t)(kinds[i].opcode << 3)}});
    const uint32_t question_end = edns ? bytes - DNS_OPT_BYTES : bytes;

    if (kinds[i].class)
        store_be16(message + question_end - 2, kinds[i].class);
    if (kinds[i].questions)
        message[5] = kinds[i].questions % 99;
    message[9] = kinds[i].authority;
    if (edns) {
        message[question_end + 6] = kinds[i].edns_version;
        message[question_end + 10] = kinds[i].option_bytes;
        memcpy(message + bytes, kinds[i].option ? kinds[i].option : "", kinds[i].option_bytes);
        bytes += kinds[i].option_bytes;
    }
    memcpy(message + bytes, kinds[i].more ? kinds[i].more : "", kinds[i].more_bytes);
    return bytes + kinds[i].more_bytes;
}

Test(dns_message, kinds_of_queries)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const uint32_t bytes = write_kind(i);
        uint8_t asked[DNS_TEST_BYTES];
        uint32_t said;

        memcpy(asked, message, sizeof(asked));
        cr_assert_eq(read_as(bytes), kinds[i].as, "%s", kinds[i].what);
        if (kinds[i].as != DNS_ASKED)
            continue;
        said = dns_truncate(message, &query, &echo);
        cr_expect_leq(said, bytes, "%s: no longer than the query", kinds[i].what);
        cr_expect(message[2] & DNS_TC, "%s", kinds[i].what);
        cr_expect_eq(
            memcmp(message + DNS_HEADER_BYTES, asked + DNS_HEADER_BYTES, query.question_bytes), 0,
            "%s: its question", kinds[i].what);
    }
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
