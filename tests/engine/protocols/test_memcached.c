/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_memcached.c - commands of memcached, text and binary, and what tells them from HTTP and
 * Redis. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/protocols/support_samples.h"

#define GET BYTES("get key\r\n")

Test(memcached, requests)
{
    static const char *const none[] = {"GET key\r\n", "Get key\r\n", "GET / HTTP/1.1\r\n",
                                       "getx key\r\n", "quit\r\n"};

    assert_samples(PROTOCOL_MEMCACHED);
    assert_none(PROTOCOL_MEMCACHED, none, COUNT(none));
    assert_wrong_at("memcached binary", 2, 1); /* a key of 256 bytes */
    assert_wrong_at("memcached binary", 5, 1);
    assert_wrong_at("memcached binary", 11, 2); /* a body shorter than the key */
}

Test(memcached, answers)
{
    assert_answer(PROTOCOL_MEMCACHED, GET, BYTES("VALUE key 0 1\r\na\r\nEND\r\n"), 6,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, GET, BYTES("END\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, BYTES("set k 0 0 1\r\na\r\n"), BYTES("STORED\r\n"), 7,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, BYTES("incr k 1\r\n"), BYTES("12\r\n"), 3,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, BYTES("mg k v\r\n"), BYTES("EN\r\n"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, BYTES("watch\r\n"), BYTES("OK\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, BYTES("stats\r\n"), BYTES("OK 923\r\n---\n"), 3,
                  ACCEPTANCE_REFUSED); /* beanstalkd's */
    assert_answer(PROTOCOL_MEMCACHED, GET, BYTES("ERROR\r\n"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MEMCACHED, GET, BYTES("CLIENT_ERROR bad\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MEMCACHED, GET, BYTES("$-1\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MEMCACHED, GET, BYTES("500 what\r\n"), 4, ACCEPTANCE_REFUSED);
}

Test(memcached, binary_answers)
{
    const uint8_t get[] = {0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1};

    assert_answer(PROTOCOL_MEMCACHED, get, sizeof(get), BYTES("\x81\0\0\0\4\0\0\0\0"), 8,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, get, sizeof(get), BYTES("\x81\0\0\0\0\0\0\1\0"), 8,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MEMCACHED, get, sizeof(get), BYTES("\x81\0\0\0\0\0\0\x81\0"), 8,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MEMCACHED, get, sizeof(get), BYTES("\x81\1"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MEMCACHED, get, sizeof(get), BYTES("END\r\n"), 1, ACCEPTANCE_REFUSED);
}

Test(memcached, data_belongs_to_what_stores_it)
{
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 5\r\nhello\r\nget k\r\n"), 20);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("add k 0 0 0\r\n\r\nget k\r\n"), 15);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("append  k 0 0  2 noreply\r\nab\r\n"), 30);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("cas k 0 0 2 71\r\nab\r\n"), 20);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("ms k 2 T60\r\nab\r\nmn\r\n"), 16);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("get set 0 0 5\r\nx"), 15);
    /* Refused as it stands. */
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 -1\r\nx"), 14);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 5x\r\nx"), 14);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0\r\nx"), 11);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 12345678901\r\nx"), 23);
}

/* What the server reads as a number, and as a word, is one here: else it is opened, and waits. */
Test(memcached, data_is_due_however_its_length_is_written)
{
    char line[4000] = "set k 0 0";
    size_t bytes = strlen(line);

    memset(line + bytes, ' ', 3000);
    bytes += 3000;
    memcpy(line + bytes, "5\r\nhello\r\n", 10);
    assert_whole(PROTOCOL_MEMCACHED, line, bytes + 10, bytes + 10);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k\t1 0 0 5\r\nhello\r\nget k\r\n"), 22);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k\1 0 0 00000000005\r\nhello\r\n"), 31);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 +5\r\nhello\r\nget k\r\n"), 21);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 \t5\tx\r\nhello\r\nget k\r\n"), 23);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 5\0x\r\nhello\r\nget k\r\n"), 22);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 -0\r\n\r\nget k\r\n"), 16);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 +\r\nx"), 13);
    assert_whole(PROTOCOL_MEMCACHED, BYTES("set k 0 0 2147483646\r\nx"), 22);
}
