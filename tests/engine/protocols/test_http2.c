/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_http2.c - the preface of HTTP/2, and what servers say to it. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_keywords.h"
#include "tests/engine/protocols/support_samples.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Test(http2, preface)
{
    assert_samples(PROTOCOL_HTTP2);
    assert_fixed("http2 preface", 0, 24);
}

Test(http2, is_not_http1_nor_the_other_way_round)
{
    cr_assert_eq(check_bytes(PROTOCOL_HTTP, BYTES(PREFACE)), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_HTTP2, BYTES("PRI * HTTP/1.1\r\n\r\n")), MATCH_NO);
}

Test(http2, answers)
{
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80"), 9,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("\0\0\0\4\0\0\0\0\0"), 9,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("\0\0\x08\7\0\0\0\0\0"), 4,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("\0\0\x08\4\0\0\0\0\1"), 9,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("HTTP/1.1 400 Bad Request\r\n"), 1,
                  ACCEPTANCE_REFUSED);
}

#define BEGIN "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

/* RFC 7541 C.4.1: GET, http, /, :authority www.example.com with Huffman's code. */
#define HUFFMAN_BLOCK "\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"

Test(http2, names_the_authority)
{
    assert_keywords(PROTOCOL_HTTP2, BYTES(BEGIN "\0\0\x11\1\5\0\0\0\1" HUFFMAN_BLOCK), 59,
                    "host=www.example.com");
    assert_keywords(PROTOCOL_HTTP2,
                    BYTES(BEGIN "\0\0\x0f\1\5\0\0\0\1\x82\x41\x0aWwW.a:8080\x84\x86"), 55,
                    "host=www.a");
    assert_keywords(PROTOCOL_HTTP2,
                    BYTES(BEGIN
                          "\0\0\4\x08\0\0\0\0\0\0\0\xff\xff\0\0\x19\1\x2d\0\0\0\1\2\0\0\0\0\x10"
                          "\x3f\xe1\x1f\x82\0\x04host\x04"
                          "b.ex\0\0"),
                    76, "host=b.ex");
}

Test(http2, may_name_none)
{
    assert_keywords(PROTOCOL_HTTP2, BYTES(BEGIN "\0\0\3\1\5\0\0\0\1\x82\x86\x84"), 45, "host=");
    assert_keywords(PROTOCOL_HTTP2, BYTES(BEGIN "\0\0\2\1\5\0\0\0\1\x82\x81"), 44, "host=");
}

Test(http2, what_cannot_be_read)
{
    assert_no_keywords(PROTOCOL_HTTP2, BYTES(BEGIN "\0\0\3\1\5\0\0\0\1\x82\x41\x0a"));
    assert_no_keywords(PROTOCOL_HTTP2, BYTES(BEGIN "\0\0\2\1\x0d\0\0\0\1\3\x82"));
    assert_no_keywords(PROTOCOL_HTTP2, BYTES(BEGIN "\0\0\4\1\5\0\0\0\1\x41\x82\xff\xff"));
    assert_no_keywords(PROTOCOL_HTTP2,
                       BYTES(BEGIN "\0\0\7\1\5\0\0\0\1\xff\xff\xff\xff\xff\xff\xff"));
}

#define SETTINGS "\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0"

Test(http2, authority_is_accepted_by_a_status)
{
    static const struct {
        const char *bytes;
        size_t count;
        enum acceptance acceptance;
    } answers[] = {
        {BYTES(SETTINGS), ACCEPTANCE_MORE},
        {BYTES(SETTINGS "\0\0\1\1\4\0\0\0\1"), ACCEPTANCE_MORE},
        {BYTES(SETTINGS "\0\0\1\1\4\0\0\0\1\x88"), ACCEPTANCE_ACCEPTED},
        {BYTES(SETTINGS "\0\0\1\1\4\0\0\0\1\x8b"), ACCEPTANCE_ACCEPTED},
        {BYTES(SETTINGS "\0\0\1\1\4\0\0\0\1\x8d"), ACCEPTANCE_REFUSED},
        {BYTES(SETTINGS "\0\0\5\1\4\0\0\0\1\x48\3"
                        "302"),
         ACCEPTANCE_ACCEPTED},
        {BYTES(SETTINGS "\0\0\4\1\4\0\0\0\1\x48\x82\x64\x02"), ACCEPTANCE_ACCEPTED},
        {BYTES(SETTINGS "\0\0\5\1\4\0\0\0\1\x08\3"
                        "401"),
         ACCEPTANCE_ACCEPTED},
        {BYTES(SETTINGS "\0\0\5\1\4\0\0\0\1\x08\3"
                        "421"),
         ACCEPTANCE_REFUSED},
        {BYTES(SETTINGS "\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\1"), ACCEPTANCE_REFUSED},
    };

    for (size_t i = 0; i < COUNT(answers); i++)
        cr_assert_eq(
            keyword_answer(PROTOCOL_HTTP2, BYTES(BEGIN), answers[i].bytes, answers[i].count),
            answers[i].acceptance, "answer %zu", i);
}
