/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rsync.c - both ends of rsync's daemon say their version. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define VERSION BYTES("@RSYNCD: 31.0\nmodule\n")

Test(rsync, requests)
{
    static const char *const none[] = {"@RSYNCD: OK\n", "@rsyncd: 31.0\n", "@ERROR: no\n"};

    char line[300];

    assert_samples(PROTOCOL_RSYNC);
    assert_fixed("rsync", 0, 10);
    assert_none(PROTOCOL_RSYNC, none, COUNT(none));
    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = i < 10 ? "@RSYNCD: 3"[i] : 'x';
    cr_assert_eq(
        protocol_whole(PROTOCOL_RSYNC, (const uint8_t *)line, sizeof(line), 0, &(size_t){0}),
        MATCH_NO);
}

Test(rsync, answers)
{
    assert_answer(PROTOCOL_RSYNC, VERSION, BYTES("@RSYNCD: OK\n"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_RSYNC, VERSION, BYTES("public         \tfiles\n"), 1,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_RSYNC, VERSION, BYTES("@ERROR: Unknown module\n"), 6,
                  ACCEPTANCE_REFUSED);
}

Test(rsync, greetings)
{
    assert_greeting(PROTOCOL_RSYNC, BYTES("@RSYNCD: 31.0 sha512 sha256 sha1 md5 md4\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_RSYNC, BYTES("@ERROR: max connections (2) reached\n"),
                    GREETING_NEGATIVE);
}
