/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tls.c - first bytes of TLS, whole and in pieces, and what is none. */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/engine/protocols/support_keywords.h"
#include "tests/engine/protocols/support_samples.h"

#define HELLO            "\x16\3\1\0\xc1\1\0\0\xbd\3\3"
#define ACCEPTED(answer) BYTES(HELLO), BYTES(answer), 6, ACCEPTANCE_ACCEPTED

Test(tls, client_hellos)
{
    assert_samples(PROTOCOL_TLS);
}

Test(tls, any_version_of_the_record)
{
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\0\0\x40\1")), MATCH_YES,
                 "3.0 in the record, newer inside");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\2\0\x40\1")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\4\0\x40\1")), MATCH_YES);
}

Test(tls, longest_and_shortest_record)
{
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\x40\0\1")), MATCH_YES, "16,384 bytes");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\x40\1")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\x41")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\0\4\1")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\0\1\1")), MATCH_YES,
                 "the rest of the hello in records of its own");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\0\0")), MATCH_NO);
}

Test(tls, every_byte_counts)
{
    assert_fixed("tls 1.2", 0, 2);
    assert_wrong_at("tls 1.2", 2, 5);
    assert_wrong_at("tls 1.2", 5, 2);
    assert_wrong_at("tls 1.2", 5, 0);
}

Test(tls, what_is_none)
{
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x80\x7c\1\3\1\0\x63\0\0\0\x10")), MATCH_NO,
                 "a hello of SSLv2");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x15\3\1\0\2\1\0")), MATCH_NO, "an alert");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x17\3\3\0\x20")), MATCH_NO, "application data");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("GET / HTTP/1.1\r\n")), MATCH_NO);
}

Test(tls, answers)
{
    assert_answer(PROTOCOL_TLS, ACCEPTED("\x16\3\3\0\x7a\2\0\0\x76\3\3"));
    assert_answer(PROTOCOL_TLS, BYTES(HELLO), BYTES("\x16\3\3\0\x7a\1\0\0"), 6, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_TLS, BYTES(HELLO), BYTES("\x15\3\3\0\2\2\x28"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_TLS, BYTES(HELLO), BYTES("HTTP/1.1 400 Bad Request\r\n"), 1,
                  ACCEPTANCE_REFUSED);
}

/* OpenSSL reads whole records, and would wait for the rest of this one. */
Test(tls, hello_in_a_record_that_is_longer_is_not_whole_before_that)
{
    uint8_t request[64] = "\x16\3\1\0\x30\1\0\0\4\3\3\0\0";

    assert_whole(PROTOCOL_TLS, request, sizeof(request), 5 + 0x30);
}

/* A ClientHello made of pieces, with the lengths of its parts. */
struct hello {
    uint8_t bytes[4096];
    size_t count;
};

static void put(struct hello *hello, const void *bytes, size_t count)
{
    memcpy(hello->bytes + hello->count, bytes, count);
    hello->count += count;
}

static void put_extension(struct hello *hello, uint16_t type, const void *bytes, size_t count)
{
    const uint8_t header[] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(count >> 8),
                              (uint8_t)count};

    put(hello, header, sizeof(header));
    put(hello, bytes, count);
}

static void put_number(uint8_t *at, size_t number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
}

#define EXTENSIONS_AT (5 + 4 + 2 + 32 + 1 + 2 + 4 + 2 + 2)

static void begin_hello(struct hello *hello)
{
    static const uint8_t begin[5 + 4 + 2 + 32] = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};

    hello->count = 0;
    put(hello, begin, sizeof(begin));
    put(hello, BYTES("\0\0\4\x13\1\x13\2\1\0\0\0"));
    cr_assert_eq(hello->count, EXTENSIONS_AT);
}

static void end_hello(struct hello *hello)
{
    put_number(hello->bytes + EXTENSIONS_AT - 2, hello->count - EXTENSIONS_AT);
    put_number(hello->bytes + 7, hello->count - 9);
    put_number(hello->bytes + 3, hello->count - 5);
}

#define SNI  BYTES("\0\x0e\0\0\x0bWww.Example")
#define ALPN BYTES("\0\x0f\2\x3a\x3a\2h2\x08http/1.1")

Test(tls, names_server_and_protocols)
{
    struct hello hello;

    begin_hello(&hello);
    put_extension(&hello, 0x3a3a, BYTES(""));
    put_extension(&hello, 0, SNI);
    put_extension(&hello, 16, ALPN);
    const size_t told = hello.count;
    put_extension(&hello, 43, BYTES("\2\3\4"));
    end_hello(&hello);
    assert_keywords(PROTOCOL_TLS, hello.bytes, hello.count, told,
                    "sni=www.example alpn=h2 alpn=http/1.1");
}

Test(tls, post_quantum_hello_names_its_server_in_the_second_segment)
{
    static const uint8_t share[1700];
    struct hello hello;

    begin_hello(&hello);
    put_extension(&hello, 16, ALPN);
    put_extension(&hello, 51, share, sizeof(share));
    put_extension(&hello, 0, SNI);
    end_hello(&hello);
    cr_assert_gt(hello.count, 1460);
    assert_keywords(PROTOCOL_TLS, hello.bytes, hello.count, hello.count,
                    "alpn=h2 alpn=http/1.1 sni=www.example");
}

Test(tls, hello_in_several_records)
{
    struct hello hello, pieces = {.count = 0};

    begin_hello(&hello);
    put_extension(&hello, 0, SNI);
    end_hello(&hello);
    for (size_t at = 5; at < hello.count; at += 7) {
        const size_t piece = hello.count - at < 7 ? hello.count - at : 7;
        const uint8_t header[] = {22, 3, 1, 0, (uint8_t)piece};

        put(&pieces, header, sizeof(header));
        put(&pieces, hello.bytes + at, piece);
    }
    assert_keywords(PROTOCOL_TLS, pieces.bytes, pieces.count, pieces.count,
                    "sni=www.example alpn=");
    pieces.bytes[12] = 23;
    assert_no_keywords(PROTOCOL_TLS, pieces.bytes, pieces.count);
}

Test(tls, hello_is_whole_in_records_of_one_byte)
{
    const struct protocol *tls = protocol_by_id(PROTOCOL_TLS);
    struct hello hello, pieces = {.count = 0};
    size_t needed;

    begin_hello(&hello);
    put_extension(&hello, 0, SNI);
    end_hello(&hello);
    for (size_t at = 5; at < hello.count; at++) {
        const uint8_t header[] = {22, 3, 1, 0, 1};

        put(&pieces, header, sizeof(header));
        put(&pieces, hello.bytes + at, 1);
    }
    cr_assert_eq(tls->check(pieces.bytes, pieces.count), MATCH_YES);
    cr_assert_eq(tls->whole(pieces.bytes, pieces.count - 1, 0, &needed), MATCH_MORE);
    cr_assert_eq(tls->whole(pieces.bytes, pieces.count, 0, &needed), MATCH_YES);
    cr_assert_eq(needed, pieces.count);
}

Test(tls, hello_may_name_nothing)
{
    struct hello hello;

    begin_hello(&hello);
    end_hello(&hello);
    assert_keywords(PROTOCOL_TLS, hello.bytes, hello.count, hello.count, "sni= alpn=");
    hello.count -= 2; /* no extensions at all */
    put_number(hello.bytes + 7, hello.count - 9);
    put_number(hello.bytes + 3, hello.count - 5);
    assert_keywords(PROTOCOL_TLS, hello.bytes, hello.count, hello.count, "sni= alpn=");
}

Test(tls, lengths_that_do_not_fit)
{
    static const size_t lengths_at[] = {
        7, 43, 45, 50, EXTENSIONS_AT - 2, EXTENSIONS_AT + 2, EXTENSIONS_AT + 4, EXTENSIONS_AT + 7};
    struct hello hello;

    for (size_t i = 0; i < COUNT(lengths_at); i++) {
        begin_hello(&hello);
        put_extension(&hello, 0, SNI);
        end_hello(&hello);
        memset(hello.bytes + hello.count, 0, 1024);
        hello.bytes[lengths_at[i]] = 0xff;
        struct keywords_found found;
        keywords_none(&found);
        cr_assert_neq(protocol_by_id(PROTOCOL_TLS)->keyword(hello.bytes, hello.count, &found),
                      MATCH_YES, "length %zu", i);
    }
}
