/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_postgresql.c - the start of PostgreSQL's connections, wishes for encryption, cancels. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_keywords.h"
#include "tests/engine/protocols/support_samples.h"

#define START BYTES("\0\0\0\x26\0\3\0\0user\0a")
#define TLS   BYTES("\0\0\0\x08\x04\xd2\x16\x2f")

Test(postgresql, requests)
{
    assert_samples(PROTOCOL_POSTGRESQL);
    assert_fixed("postgresql start", 0, 3);
    assert_wrong_at("postgresql start", 4, 1);
    assert_wrong_at("postgresql start", 5, 2);
    assert_wrong_at("postgresql start", 6, 1);
    assert_fixed("postgresql tls", 4, 8);
    assert_fixed("postgresql cancel", 4, 8);
    assert_wrong_at("postgresql tls", 7, 0x2e);
    assert_wrong_at("postgresql cancel", 7, 0x2f);
}

Test(postgresql, lengths)
{
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\x27\x10\0\3\0\2")), MATCH_YES,
                 "10,000 bytes, version 3.2");
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\0\x26\0\3\x27\x0f")), MATCH_YES,
                 "version 3.9999");
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\0\x26\0\3\x27\x10")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\x27\x11")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\0\x07")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\0\x08\0")), MATCH_NO,
                 "a start has parameters");
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\1\x0c\x04\xd2\x16\x2e")), MATCH_YES,
                 "a key of 256 bytes");
    cr_assert_eq(check_bytes(PROTOCOL_POSTGRESQL, BYTES("\0\0\1\x0d\x04\xd2\x16\x2e")), MATCH_NO);
}

Test(postgresql, answers_to_a_start)
{
    assert_answer(PROTOCOL_POSTGRESQL, START, BYTES("R\0\0\0\x0c\0\0\0\5"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_POSTGRESQL, START, BYTES("v\0\0\0\x0c\0\0\0\5"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_POSTGRESQL, START, BYTES("E\0\0\0\x0cSFATAL"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_POSTGRESQL, START, BYTES("Read the manual\n"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_POSTGRESQL, START, BYTES("S\x16\3\3"), 1, ACCEPTANCE_REFUSED);
}

static bool says_full(const char *words, size_t bytes)
{
    return protocols_say_full(UINT64_C(1) << PROTOCOL_POSTGRESQL, (const uint8_t *)words, bytes);
}

#define FATAL "SFATAL\0VFATAL\0"
/* PostgreSQL 15 */
#define FULL                                                                                       \
    "E\0\0\0\x55" FATAL "C53300\0Msorry, too many clients "                                        \
    "already\0Fproc.c\0L357\0RInitProcess\0\0"

/* To `replication=true` */
#define NO_STANDBY                                                                                 \
    "E\0\0\0\x86" FATAL "C53300\0Mnumber of requested standby connections exceeds "                \
    "\"max_wal_senders\" (currently 10)\0Fproc.c\0L355\0RInitProcess\0\0"

Test(postgresql, full)
{
    cr_assert(says_full(BYTES(FULL)));
    cr_assert_not(says_full(BYTES("E\0\0\0\x4a" FATAL "C28000\0Mno pg_hba.conf entry\0\0")));
    cr_assert_not(says_full(BYTES("E\0\0\0\x4a" FATAL "M53300\0\0")));
    cr_assert_not(says_full(BYTES("E\0\0\0\x4a" FATAL "C5330\0")));
    cr_assert_not(says_full(BYTES("R\0\0\0\x4a"
                                  "C53300\0")),
                  "it asks for a password");
    for (size_t bytes = 0; bytes < sizeof(FULL) - 1; bytes++)
        cr_assert_not(says_full(FULL, bytes), "%zu", bytes);
    cr_assert_not(says_full(BYTES(NO_STANDBY)), "ordinary places may be free");
    cr_assert_not(
        protocols_say_full(UINT64_C(1) << PROTOCOL_HTTP, (const uint8_t *)FULL, sizeof(FULL) - 1));
}

Test(postgresql, answers_to_a_wish)
{
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("S\x16\3\3\0\x58\2"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("NR\0\0\0\x0c\0"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("NS\x16\3\3"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("NNR\0\0"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("G\0\0\2\x40"), 3, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("Syntax error\n"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("No\n"), 3, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_POSTGRESQL, TLS, BYTES("E\0\0\0\x0c"), 1, ACCEPTANCE_REFUSED);
}

#define STARTS(length, texts) BYTES("\0\0\0" length "\0\3\0\0" texts)

Test(postgresql, names_a_database)
{
    assert_keywords(PROTOCOL_POSTGRESQL, STARTS("\x26", "user\0oryx\0database\0mail\0x\0yy\0\0"),
                    38, "database=mail");
    assert_keywords(PROTOCOL_POSTGRESQL, STARTS("\x22", "database\0Mail\0user\0oryx\0\0\0"), 33,
                    "database=Mail");
    assert_keywords(PROTOCOL_POSTGRESQL, STARTS("\x13", "user\0oryx\0\0"), 19, "database=oryx");
    assert_keywords(PROTOCOL_POSTGRESQL, BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), 8, "database=");
    assert_no_keywords(PROTOCOL_POSTGRESQL, STARTS("\x0d", "user\0oryx\0\0"));
}

/* As ProcessStartupPacket() of the server's sources reads it: no name that is known may stand in
 * front of the one that is meant. */
Test(postgresql, last_database_is_the_one_that_is_opened)
{
    assert_keywords(PROTOCOL_POSTGRESQL, STARTS("\x25", "database\0mail\0database\0evil\0\0"), 37,
                    "database=evil");
    assert_keywords(PROTOCOL_POSTGRESQL, STARTS("\x1d", "user\0mail\0user\0evil\0\0"), 29,
                    "database=evil");
    assert_keywords(PROTOCOL_POSTGRESQL, STARTS("\x1d", "user\0evil\0database\0\0\0"), 29,
                    "database=evil");
}

#define ASKED STARTS("\x13", "user\0oryx\0\0")

Test(postgresql, database_is_accepted_behind_the_password)
{
    cr_assert_eq(keyword_answer(PROTOCOL_POSTGRESQL, ASKED, BYTES("R\0\0\0\x0c\0\0\0\5salt")),
                 ACCEPTANCE_MORE);
    cr_assert_eq(
        keyword_answer(PROTOCOL_POSTGRESQL, ASKED,
                       BYTES("R\0\0\0\x0c\0\0\0\5saltR\0\0\0\x08\0\0\0\0E\0\0\0\x40SFATAL")),
        ACCEPTANCE_REFUSED);
    cr_assert_eq(keyword_answer(PROTOCOL_POSTGRESQL, ASKED,
                                BYTES("R\0\0\0\x08\0\0\0\0S\0\0\0\x16"
                                      "application_name\0\0")),
                 ACCEPTANCE_ACCEPTED);
    cr_assert_eq(
        keyword_answer(PROTOCOL_POSTGRESQL, BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), BYTES("S\x16\3")),
        ACCEPTANCE_ACCEPTED, "nothing was named");
}
