/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_uwsgi.c - packets of web servers to uWSGI. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define REQUEST BYTES("\0\x0d\0\0\4\0NAME\5\0value")

Test(uwsgi, requests)
{
    assert_samples(PROTOCOL_UWSGI);
    assert_wholes(PROTOCOL_UWSGI);
    assert_wrong_at("uwsgi", 0, 33);  /* uWSGI's own */
    assert_wrong_at("uwsgi", 4, 2);   /* a name of two letters */
    assert_wrong_at("uwsgi", 5, 1);   /* of more than 255 */
    assert_wrong_at("uwsgi", 8, 'q'); /* not in capitals */
    cr_assert_eq(check_bytes(PROTOCOL_UWSGI, BYTES("\0\5\0\0\4\0NAME")), MATCH_NO,
                 "the name is longer than the packet");
    cr_assert_eq(check_bytes(PROTOCOL_UWSGI, REQUEST), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_UWSGI, BYTES("\5\x0d\0\0\4\0NAME\5\0value")), MATCH_YES);
}

Test(uwsgi, answers)
{
    assert_answer(PROTOCOL_UWSGI, REQUEST, BYTES("HTTP/1.1 404 Not Found\r\n"), 5,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_UWSGI, REQUEST, BYTES("Status: 200 OK\r\n"), 1, ACCEPTANCE_REFUSED);
}

Test(uwsgi, a_body_that_is_announced_is_awaited)
{
    static const uint8_t request[] = "\0\x23\0\0\x0e\0CONTENT_LENGTH\2\0"
                                     "17"
                                     "\6\0METHOD\3\0PUT"
                                     "abc";
    static const uint8_t value[] = "\0\x15\0\0\3\0ONE\x0e\0CONTENT_LENGTH";

    cr_expect_eq(protocol_awaits(PROTOCOL_UWSGI, request, 39), 17);
    cr_expect_eq(protocol_awaits(PROTOCOL_UWSGI, request, 42), 14);
    cr_expect_eq(protocol_awaits(PROTOCOL_UWSGI, request, 30), 9);
    cr_expect_eq(protocol_awaits(PROTOCOL_UWSGI, value, sizeof(value) - 1), 0);
}
