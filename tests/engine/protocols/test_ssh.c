/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ssh.c - identifications of SSH in both directions, cut at their line feed. */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/engine/protocols/support_samples.h"

#define CLIENT "SSH-2.0-OpenSSH_9.2p1\r\n"

Test(ssh, requests)
{
    assert_samples(PROTOCOL_SSH);
    assert_fixed("ssh 2", 0, 4);
}

Test(ssh, what_is_none)
{
    static const char *const none[] = {"ssh-2.0-x\r\n", "SSL", "GET / HTTP/1.1\r\n",
                                       "\r\nSSH-2.0-x\r\n"};

    assert_none(PROTOCOL_SSH, none, COUNT(none));
}

Test(ssh, greetings_end_at_the_line_feed)
{
    const char kexinit[] = "SSH-2.0-dropbear_2022.83\r\n\0\0\1\x6c\4\x14";
    size_t bytes;

    assert_greeting(PROTOCOL_SSH, BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_SSH, BYTES("SSH-1.99-OpenSSH_3.5p1\n"), GREETING_POSITIVE);
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, BYTES(kexinit), &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 26, "KEXINIT, which is random, is no part of it");
}

/* RFC 4253 4.2: "The server MAY send other lines of data before sending the version string". */
Test(ssh, lines_before_the_identification)
{
    const char text[] = "Authorised use only.\r\n\r\nSSH-2.0-x\r\n\0\0\1\x6c\4\x14";
    char line[3000];
    size_t bytes;

    cr_assert_eq(greet_bytes(PROTOCOL_SSH, BYTES(text), &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 35);
    for (size_t count = 25; count < 35; count++)
        cr_assert_eq(greet_bytes(PROTOCOL_SSH, text, count, &bytes), GREETING_MORE, "%zu", count);
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, text, 24, &bytes), GREETING_NOT,
                 "so far it is anybody's");
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, BYTES("220-a\r\nSSH-2.0-x\r\n220 b\r\n"), &bytes),
                 GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, BYTES("\1\2\nSSH-2.0-x\r\n"), &bytes), GREETING_NOT);
    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = i % 60 == 59 ? '\n' : 'x';
    memcpy(line + 2040, "SSH-2.0-x\n", 10);
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, line, sizeof(line), &bytes), GREETING_POSITIVE);
    memset(line + 2040, 'x', 10);
    memcpy(line + 2100, "SSH-2.0-x\n", 10);
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, line, sizeof(line), &bytes), GREETING_NOT);
}

Test(ssh, refusals)
{
    assert_greeting(PROTOCOL_SSH, BYTES("Exceeded MaxStartups\r\n"), GREETING_NEGATIVE);
    assert_greeting(PROTOCOL_SSH, BYTES("Not allowed at this time\r\n"), GREETING_NEGATIVE);
}

Test(ssh, what_is_no_greeting)
{
    char line[300];
    size_t bytes;

    cr_assert_eq(greet_bytes(PROTOCOL_SSH, BYTES("220 SSH-2.0\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, BYTES("SS\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, BYTES("Not\r\n"), &bytes), GREETING_NOT);
    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = i < 4 ? "SSH-"[i] : 'x';
    line[254] = '\n';
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, line, sizeof(line), &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 255);
    line[254] = 'x';
    line[255] = '\n';
    cr_assert_eq(greet_bytes(PROTOCOL_SSH, line, sizeof(line), &bytes), GREETING_NOT,
                 "RFC 4253 4.2: 255 bytes");
}

Test(ssh, answers)
{
    assert_answer(PROTOCOL_SSH, BYTES(CLIENT), BYTES("\0\0\4\x1c\x0a\x14zzz"), 6,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SSH, BYTES(CLIENT), BYTES("\0\0\1\x0c\x08\x1fzzz"), 6,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SSH, BYTES(CLIENT), BYTES("\0\0\0\x4c\x06\1zzz"), 6, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SSH, BYTES(CLIENT), BYTES("\0\0\0\x4c\x03\x14zzz"), 5,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SSH, BYTES(CLIENT), BYTES("\0\0\xff\xff\x04\x14zzz"), 4,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SSH, BYTES(CLIENT), BYTES("Protocol mismatch.\n"), 1,
                  ACCEPTANCE_REFUSED);
}

Test(ssh, clients_that_speak_anyway_are_given_time)
{
    cr_assert_gt(protocol_by_id(PROTOCOL_SSH)->greeting_grace_us, 7000);
    cr_assert_not(protocol_by_id(PROTOCOL_SSH)->early_talk_is_wrong);
}
