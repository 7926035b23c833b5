/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_amqp.c - headers of AMQP of every version. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define HEADER BYTES("AMQP\0\0\x09\1")

Test(amqp, requests)
{
    static const char *const none[] = {"AMQP/1.0", "AMQP\x04", "amqp"};

    assert_samples(PROTOCOL_AMQP);
    assert_fixed("amqp 1.0", 0, 4);
    assert_none(PROTOCOL_AMQP, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_AMQP, BYTES("AMQP\1\1\0\x0a")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_AMQP, BYTES("AMQP\0\1\0\0")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_AMQP, BYTES("AMQP\0\0\x0a\0")), MATCH_NO);
}

Test(amqp, answers)
{
    assert_answer(PROTOCOL_AMQP, HEADER, BYTES("\1\0\0\0\0\1\xf6\0\x0a\0\x0a\0\x09"), 11,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_AMQP, BYTES("AMQP\3\1\0\0"), BYTES("AMQP\3\1\0\0\0\0\0\x3f"), 8,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_AMQP, HEADER, BYTES("AMQP\0\0\x09\x00"), 8, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_AMQP, HEADER, BYTES("HTTP/1.1 400"), 1, ACCEPTANCE_REFUSED);
}
