/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mpd.c - commands, answers and the greeting of the Music Player Daemon. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define STATUS BYTES("status\n")

Test(mpd, requests)
{
    static const char *const none[] = {"STATUS\n", "statusx\n", "GET / HTTP/1.1\r\n", "use a\r\n"};

    assert_samples(PROTOCOL_MPD);
    assert_none(PROTOCOL_MPD, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_MPD, BYTES("rm a\n")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_MPD, BYTES("replay_gain_status\n")), MATCH_YES);
}

Test(mpd, a_list_of_commands_is_one_request)
{
    assert_wholes(PROTOCOL_MPD);
    assert_whole(PROTOCOL_MPD, BYTES("status\nstats\n"), 7);
    assert_whole(PROTOCOL_MPD, BYTES("command_list_begin\nadd \"a\"\ncommand_list_end\nping\n"),
                 44);
}

Test(mpd, answers)
{
    assert_answer(PROTOCOL_MPD, STATUS, BYTES("volume: 100\nOK\n"), 7, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MPD, STATUS, BYTES("OK\n"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MPD, STATUS, BYTES("ACK [50@0] {} No such directory\n"), 7,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MPD, STATUS, BYTES("Album: a\nOK\n"), 6, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MPD, STATUS, BYTES("ACK [5@0] {} unknown command \"x\"\n"), 7,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MPD, STATUS, BYTES("500 what\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MPD, STATUS, BYTES("ERROR\r\n"), 6, ACCEPTANCE_REFUSED);
}

Test(mpd, greetings)
{
    size_t bytes;

    assert_greeting(PROTOCOL_MPD, BYTES("OK MPD 0.23.5\n"), GREETING_POSITIVE);
    cr_assert_eq(greet_bytes(PROTOCOL_MPD, BYTES("OK mpd 0.23.5\n"), &bytes), GREETING_NOT);
}
