/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_whole.c - where a first request ends, byte by byte, in every protocol. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/protocols/whole.h"
#include "tests/engine/protocols/support_samples.h"

static enum match whole_of(enum protocol_id id, const char *request, size_t bytes)
{
    size_t needed;

    return protocol_whole(id, (const uint8_t *)request, bytes, 0, &needed);
}

Test(whole, samples_byte_by_byte)
{
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++)
        assert_wholes((enum protocol_id)id);
}

Test(whole, of_what_nobody_knows_is_what_is_there)
{
    size_t needed = 99;

    cr_assert_eq(protocol_whole(PROTOCOL_UNKNOWN, (const uint8_t *)"x", 1, 0, &needed), MATCH_YES);
    cr_assert_eq(needed, 1u);
}

Test(whole, headers_end_with_an_empty_line)
{
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET / HTTP/1.1\nHost: a\n\n",
                                           "GET / HTTP/1.1\r\nHost: a\n\r\n",
                                           "\r\n\r\nGET / HTTP/1.0\r\n\r\n",
                                           "\n\nGET / HTTP/1.0\n\n",
                                           "GET / HTTP/1.0\r\nA: \r\n\tb\r\n\r\n",
                                           "GET / HTTP/1.0\r\nA: \r \n\r\n"};

    for (size_t i = 0; i < COUNT(requests); i++)
        assert_whole(PROTOCOL_HTTP, requests[i], strlen(requests[i]), strlen(requests[i]));
    assert_whole(PROTOCOL_HTTP, BYTES("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"), 38);
    assert_whole(PROTOCOL_HTTP, BYTES("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 18);
}

Test(whole, a_line_may_be_followed)
{
    assert_whole(PROTOCOL_POP3, BYTES("USER a\r\nPASS b\r\n"), 8);
    assert_whole(PROTOCOL_SMTP, BYTES("EHLO a\n"), 7);
    assert_whole(PROTOCOL_SSH, BYTES("SSH-2.0-x\r\n\0\0\5\xdc\6\x14"), 11);
}

Test(whole, ssh_without_an_end_never_is)
{
    char line[300];

    memset(line, 'x', sizeof(line));
    memcpy(line, "SSH-2.0-", 8);
    cr_assert_eq(whole_of(PROTOCOL_SSH, line, 254), MATCH_MORE);
    cr_assert_eq(whole_of(PROTOCOL_SSH, line, sizeof(line)), MATCH_NO);
}

Test(whole, redis_arrays)
{
    assert_whole(PROTOCOL_REDIS, BYTES("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n"), 26);
    assert_whole(PROTOCOL_REDIS, BYTES("PING\r\nPING\r\n"), 6);
    cr_assert_eq(whole_of(PROTOCOL_REDIS, BYTES("*2\r\n$1\r\na\r\n+1\r\n")), MATCH_NO);
    cr_assert_eq(whole_of(PROTOCOL_REDIS, BYTES("*2\r\n$\r\n")), MATCH_NO);
    cr_assert_eq(whole_of(PROTOCOL_REDIS, BYTES("*2\r\n$12345678901\r\n")), MATCH_NO);
}

/* RFC 9113 3.4: SETTINGS, and a client may wait for the server's before it asks for anything. */
Test(whole, http2_is_a_preface_with_settings)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    char request[64];

    memcpy(request, preface, 24);
    memcpy(request + 24, "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64\0\0\4\x08\0\0", 21);
    assert_whole(PROTOCOL_HTTP2, request, 45, 39);
    memcpy(request + 24, "\0\0\6\1", 4);
    cr_assert_eq(whole_of(PROTOCOL_HTTP2, request, 28), MATCH_NO, "no HEADERS before SETTINGS");
}

Test(whole, telnet_subnegotiation)
{
    assert_whole(PROTOCOL_TELNET, BYTES("\xff\xfa\x18\0vt\xff\xff\xff\xf0x"), 10);
    assert_whole(PROTOCOL_TELNET, BYTES("\xff\xfb\x18\xff\xfb\x1f"), 3);
}

/* The same hello in one record, in records of one byte, and with more behind it. */
Test(whole, client_hello_in_records)
{
    static const uint8_t hello[] = {1, 0, 0, 6, 3, 3, 'a', 'b', 'c', 'd'};
    uint8_t records[6 * sizeof(hello) + 5] = {22, 3, 1, 0, 4, 1, 0, 0, 6};
    size_t at = 9;

    for (size_t i = 4; i < sizeof(hello); i++, at += 6)
        memcpy(records + at, (const uint8_t[]){22, 3, 3, 0, 1, hello[i]}, 6);
    assert_whole(PROTOCOL_TLS, records, at, at);
    memcpy(records + at, "\x17\3\3\0\1", 5); /* early data */
    assert_whole(PROTOCOL_TLS, records, at + 5, at);
    records[9] = 21; /* an alert within the hello */
    cr_assert_eq(whole_of(PROTOCOL_TLS, (const char *)records, at), MATCH_NO);
}

/* --- what a request in pieces costs: none is to be read anew with each of them --------------- */

static size_t looks_at(enum protocol_id id, const uint8_t *request, size_t bytes)
{
    size_t needed = 0, looks = 0, from;

    for (size_t there = 32; there <= bytes; there++) {
        if (there < needed)
            continue;
        from = needed ? needed - 1 : 0;
        looks++;
        if (protocol_whole(id, request, there, from, &needed) != MATCH_MORE)
            break;
    }
    return looks;
}

static void repeat(uint8_t *request, size_t bytes, const char *begin, const void *piece,
                   size_t piece_bytes)
{
    const size_t at = strlen(begin);

    memcpy(request, begin, at);
    for (size_t i = at; i < bytes; i++)
        request[i] = ((const uint8_t *)piece)[(i - at) % piece_bytes];
}

Test(whole, many_small_elements_are_read_a_few_times)
{
    uint8_t request[16384];

    repeat(request, sizeof(request), "*2340\r\n", BYTES("$1\r\na\r\n"));
    cr_expect_leq(looks_at(PROTOCOL_REDIS, request, sizeof(request)), 8);
    repeat(request, sizeof(request), "*9999999\r\n", BYTES("$0\r\n\r\n"));
    cr_expect_leq(looks_at(PROTOCOL_REDIS, request, sizeof(request)), 1);
}

Test(whole, lines_of_a_list_are_read_once)
{
    static const char list[] = "command_list_begin\ncommand_list_end\nping\ncommand_list_end\n";
    size_t needed;

    /* Nobody who has looked at the first end would ask again: it is not looked at. */
    cr_expect_eq(protocol_whole(PROTOCOL_MPD, (const uint8_t *)list, 41, 38, &needed), MATCH_MORE);
    cr_expect_eq(protocol_whole(PROTOCOL_MPD, (const uint8_t *)list, sizeof(list) - 1, 50, &needed),
                 MATCH_YES);
}

Test(whole, a_hello_in_a_thousand_records_is_none)
{
    uint8_t hello[6 * 1024];

    for (size_t i = 0; i < sizeof(hello); i += 6)
        memcpy(hello + i, (const uint8_t[]){22, 3, 1, 0, 1, i == 0 ? 1 : i == 12 ? 8 : 0}, 6);
    cr_expect_eq(whole_of(PROTOCOL_TLS, (const char *)hello, 6 * 256), MATCH_MORE);
    cr_expect_eq(whole_of(PROTOCOL_TLS, (const char *)hello, sizeof(hello)), MATCH_NO);
}

Test(whole, a_tag_ends_within_two_kilobytes)
{
    uint8_t tag[4096];

    repeat(tag, sizeof(tag), "<stream:stream ", BYTES("'' "));
    cr_expect_eq(whole_of(PROTOCOL_XMPP, (const char *)tag, 2047), MATCH_MORE);
    cr_expect_eq(whole_of(PROTOCOL_XMPP, (const char *)tag, sizeof(tag)), MATCH_NO);
    tag[2046] = '>';
    cr_expect_eq(whole_of(PROTOCOL_XMPP, (const char *)tag, sizeof(tag)), MATCH_YES);
}
