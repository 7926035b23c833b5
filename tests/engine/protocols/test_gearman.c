/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_gearman.c - packets and lines to Gearman's server. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define ECHO    BYTES("\0REQ\0\0\0\x10\0\0\0\2hi")
#define WORKERS BYTES("workers\n")

Test(gearman, requests)
{
    static const char *const none[] = {"WORKERS\n", "workersx\n", "get k\r\n"};

    assert_samples(PROTOCOL_GEARMAN);
    assert_fixed("gearman job", 0, 7);
    assert_wrong_at("gearman job", 7, 43); /* no such type */
    assert_wrong_at("gearman job", 8, 4);  /* beyond 64 MiB */
    assert_none(PROTOCOL_GEARMAN, none, COUNT(none));
    assert_wholes(PROTOCOL_GEARMAN);
}

Test(gearman, answers)
{
    assert_answer(PROTOCOL_GEARMAN, ECHO, BYTES("\0RES\0\0\0\x11\0\0\0\2hi"), 8,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GEARMAN, ECHO, BYTES("\0RES\0\0\0\x13\0\0\0\0"), 8, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_GEARMAN, ECHO, BYTES("HTTP/1.1 400\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_GEARMAN, WORKERS, BYTES("30 10.0.0.1 - :\n.\n"), 16,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GEARMAN, WORKERS, BYTES(".\n"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GEARMAN, WORKERS, BYTES("ERR UNKNOWN_COMMAND x\n"), 4,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_GEARMAN, WORKERS, BYTES("ERROR\r\n"), 7, ACCEPTANCE_REFUSED);
}
