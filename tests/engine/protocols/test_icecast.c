/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_icecast.c - sources of streams that give Icecast's version in place of HTTP's. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define SOURCE BYTES("SOURCE /m ICE/1.0\r\n\r\n")

Test(icecast, requests)
{
    static const char *const none[] = {"SOURCE /m HTTP/1.0\r\n", "SOURCES /m ICE/1.0\r\n",
                                       "SOURCE  /m", "GET /m ICE/1.0\r\n"};

    assert_samples(PROTOCOL_ICECAST);
    assert_none(PROTOCOL_ICECAST, none, COUNT(none));
}

Test(icecast, answers)
{
    assert_answer(PROTOCOL_ICECAST, SOURCE, BYTES("HTTP/1.0 200 OK\r\n"), 12, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_ICECAST, SOURCE, BYTES("HTTP/1.0 401 Authentication Required\r\n"), 12,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_ICECAST, SOURCE, BYTES("OK\r\n"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_ICECAST, SOURCE, BYTES("HTTP/1.0 400 Bad Request\r\n"), 12,
                  ACCEPTANCE_REFUSED);
}
