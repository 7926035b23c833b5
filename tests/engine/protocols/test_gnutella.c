/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_gnutella.c - handshakes of Gnutella. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define ASKED BYTES("GNUTELLA CONNECT/0.6\r\n")

Test(gnutella, handshakes)
{
    assert_samples(PROTOCOL_GNUTELLA);
    assert_fixed("gnutella 0.6", 0, 20);
    assert_fixed("gnutella giv", 0, 5);
}

Test(gnutella, downloads_are_http)
{
    cr_assert_eq(check_bytes(PROTOCOL_GNUTELLA, BYTES("GET /get/1/a HTTP/1.1\r\n")), MATCH_NO);
    cr_assert_eq(
        check_bytes(
            PROTOCOL_HTTP,
            BYTES("GET /uri-res/N2R?urn:sha1:PLSTHIPQGSSZTS5FJUPAKUZWUGYQYPFB HTTP/1.1\r\n")),
        MATCH_YES);
}

Test(gnutella, answers)
{
    assert_answer(PROTOCOL_GNUTELLA, ASKED, BYTES("GNUTELLA/0.6 200 OK\r\n"), 16,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GNUTELLA, ASKED, BYTES("GNUTELLA OK\n\n"), 11, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GNUTELLA, ASKED, BYTES("GNUTELLA/0.6 503 busy\r\n"), 14,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_GNUTELLA, ASKED, BYTES("HTTP/1.1 400\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_GNUTELLA, BYTES("GIV 1:a/b\n\n"), BYTES("GET /get/1/b HTTP/1.1\r\n"), 4,
                  ACCEPTANCE_ACCEPTED);
}
