/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mongodb.c - messages of MongoDB. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define HELLO BYTES("\x2b\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0")

Test(mongodb, requests)
{
    assert_samples(PROTOCOL_MONGODB);
    assert_fixed("mongodb hello", 8, 12);
    assert_fixed("mongodb hello", 12, 16);
    assert_wrong_at("mongodb hello", 3, 3); /* beyond 48 MB */
    cr_assert_eq(check_bytes(PROTOCOL_MONGODB, BYTES("\x0f\0\0\0\1\0\0\0")), MATCH_NO,
                 "shorter than a message");
    cr_assert_eq(
        check_bytes(PROTOCOL_MONGODB, BYTES("\x2b\0\0\0\1\0\0\0\xff\xff\xff\xff\xd4\7\0\0")),
        MATCH_YES);
}

Test(mongodb, answers)
{
    assert_answer(PROTOCOL_MONGODB, HELLO, BYTES("\x4a\1\0\0\x2c\0\0\0\1\0\0\0\xdd\7\0\0\0\0"), 16,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MONGODB, HELLO, BYTES("\x4a\1\0\0\x2c\0\0\0\1\0\0\0\1\0\0\0\x08\0"), 16,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MONGODB, HELLO, BYTES("\x4a\1\0\0\x2c\0\0\0\2\0\0\0\xdd\7\0\0\0\0"), 16,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MONGODB, HELLO, BYTES("HTTP/1.1 400 Bad Request\r\n"), 16,
                  ACCEPTANCE_REFUSED);
}
