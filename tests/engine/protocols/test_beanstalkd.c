/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_beanstalkd.c - commands of beanstalkd, and what tells them from memcached's. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define USE BYTES("use a\r\n")

Test(beanstalkd, requests)
{
    static const char *const none[] = {"USE a\r\n",  "usex a\r\n", "get k\r\n",
                                       "puts 1\r\n", "quit\r\n",   "RESERVE\r\n"};

    assert_samples(PROTOCOL_BEANSTALKD);
    assert_none(PROTOCOL_BEANSTALKD, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_BEANSTALKD, BYTES("peek-ready\r\n")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_BEANSTALKD, BYTES("peek 1\r\n")), MATCH_YES);
}

Test(beanstalkd, a_job_belongs_to_its_put)
{
    assert_wholes(PROTOCOL_BEANSTALKD);
    assert_whole(PROTOCOL_BEANSTALKD, BYTES("put 0 0 60 0\r\n\r\nstats\r\n"), 16);
    assert_whole(PROTOCOL_BEANSTALKD, BYTES("put 0 0 60\r\nstats\r\n"), 12); /* refused as it is */
    assert_whole(PROTOCOL_BEANSTALKD, BYTES("put 0 0 60 12345678901\r\nx"), 24);
    assert_whole(PROTOCOL_BEANSTALKD, BYTES("put 0 0 60 -1\r\nx"), 15);
}

Test(beanstalkd, answers)
{
    assert_answer(PROTOCOL_BEANSTALKD, USE, BYTES("USING a\r\n"), 6, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_BEANSTALKD, BYTES("stats\r\n"), BYTES("OK 923\r\n---\n"), 3,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_BEANSTALKD, USE, BYTES("NOT_FOUND\r\n"), 10, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_BEANSTALKD, USE, BYTES("OK\r\n"), 3, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_BEANSTALKD, USE, BYTES("UNKNOWN_COMMAND\r\n"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_BEANSTALKD, USE, BYTES("BAD_FORMAT\r\n"), 2, ACCEPTANCE_REFUSED);
}
