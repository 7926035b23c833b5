/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_xmpp.c - streams of XMPP, with and without a declaration. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define STREAM BYTES("<stream:stream to='a'>")

Test(xmpp, requests)
{
    static const char *const none[] = {"<html>",
                                       "<?xml version='1.0'?><soap:Envelope>",
                                       "<?xmlx",
                                       "<?xml >",
                                       "<stream:streams",
                                       "<stream>",
                                       "hello"};

    assert_samples(PROTOCOL_XMPP);
    assert_none(PROTOCOL_XMPP, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_XMPP, BYTES("<?xml version=\"1.0\" ?>\r\n <stream:stream\n")),
                 MATCH_YES);
}

Test(xmpp, whole_is_the_tag)
{
    assert_whole(PROTOCOL_XMPP, BYTES("<?xml version='1.0'?>\n<stream:stream a='>' b=\">'\"><iq"),
                 50);
}

Test(xmpp, answers)
{
    assert_answer(PROTOCOL_XMPP, STREAM,
                  BYTES("<?xml version='1.0'?><stream:stream version='1.0'><stream:features>"), 59,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_XMPP, STREAM,
                  BYTES("<stream:stream version='1.0'><stream:error><host-unknown"), 38,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_XMPP, STREAM, BYTES("<stream:stream id='1'>"), 22, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_XMPP, STREAM, BYTES("HTTP/1.1 400\r\n"), 1, ACCEPTANCE_REFUSED);
}
