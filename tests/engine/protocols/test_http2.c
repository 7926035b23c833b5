/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_http2.c - the preface of HTTP/2, and what servers say to it. */
#include <criterion/criterion.h>

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
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("\0\0\0\4\0\0\0\0\0"), 9, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("\0\0\x08\7\0\0\0\0\0"), 4, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("\0\0\x08\4\0\0\0\0\1"), 9, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_HTTP2, BYTES(PREFACE), BYTES("HTTP/1.1 400 Bad Request\r\n"), 1,
                  ACCEPTANCE_REFUSED);
}
