/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookalike.c - services whose requests look like another protocol's. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "profiles/learn/learner.h"
#include "tests/profiles/observations.h"

static struct store *store;
static struct learner *learner;

static void begin(void)
{
    store = store_new();
    learner = learner_new(store);
}

static void end(void)
{
    learner_free(learner);
    store_free(store);
}

TestSuite(lookalike, .init = begin, .fini = end);

static struct profile *server(void)
{
    const struct server_key key = test_server();

    return store_find(store, &key);
}

#define UNKNOWN (UINT64_C(1) << PROTOCOL_UNKNOWN)

/* An inline command reads like Redis's, and is not answered like one. */
Test(lookalike, what_is_answered_otherwise_is_unknown)
{
    talk_whole(learner, 1, NULL, "GET key\r\n", "END\r\n");
    talk_whole(learner, 2, NULL, "GET other\r\n", "VALUE other 0 1\r\nx\r\nEND\r\n");
    cr_assert_eq(server()->requests, 2);
    cr_assert_eq(server()->accepted, UNKNOWN);
}

Test(lookalike, but_a_refusal_stays_one)
{
    talk_whole(learner, 1, NULL, "GET key\r\n", "ERROR\r\n");
    talk_whole(learner, 2, NULL, "GET key\r\n", "-ERR unknown command\r\n");
    cr_assert_eq(server()->requests, 0);
    cr_assert_eq(server()->accepted, 0);
}

/* Where Redis was proved, what looks like it and is not answered in kind is wrong. */
Test(lookalike, of_a_protocol_that_was_proved_it_is_refused)
{
    talk_whole(learner, 1, NULL, "PING\r\n", "+PONG\r\n");
    talk_whole(learner, 2, NULL, "GET key\r\n", "END\r\n");
    cr_assert_eq(server()->requests, 1);
    cr_assert_eq(server()->accepted & UNKNOWN, 0);
}

/* Whoever sends a ClientHello or names a version of HTTP means it. */
Test(lookalike, unmistakable_requests_are_never_something_else)
{
    talk_whole(learner, 1, NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "what did you say?\r\n");
    talk_whole(learner, 2, NULL, "SSH-2.0-x\r\n", "what did you say?\r\n");
    cr_assert_eq(server()->requests, 0);
    cr_assert_eq(server()->accepted, 0);
}

/* Two forms that draw one answer were both not understood. */
Test(lookalike, one_answer_to_two_forms_is_a_no)
{
    talk_whole(learner, 1, NULL, "GET key\r\n", "BAD_FORMAT\r\n");
    talk_whole(learner, 2, NULL, "EHLO somebody\r\n", "BAD_FORMAT\r\n");
    talk_whole(learner, 3, NULL, "EHLO somebody\r\n", "BAD_FORMAT\r\n");
    talk_whole(learner, 4, NULL, "GET key\r\n", "BAD_FORMAT\r\n");
    talk_whole(learner, 5, NULL, "\x01\x02nobody knows\r\n", "BAD_FORMAT\r\n");
    cr_assert_eq(server()->requests, 1, "the first could not be told, the others were");
}

/* dictd greets with a code, and says no with one. */
Test(lookalike, a_server_that_greets_by_code_refuses_by_code)
{
    static const char greeting[] = "220 host dictd 1.13 <auth.mime> <1.2.3@host>\r\n";

    talk_whole(learner, 1, greeting, "client \"dict\"\r\n", "250 ok\r\n");
    talk_whole(learner, 2, greeting, "garbage\r\n", "500 unknown command\r\n");
    talk_whole(learner, 3, greeting, "client \"dict\"\r\n", "250 ok\r\n");
    cr_assert_eq(server()->requests, 2);
}

/* What a real munin-node and its clients say to each other: "version" is Gearman's word too, and
 * "cap" IRC's. Half of its clients were reset for it. */
Test(lookalike, munin_is_neither_gearman_nor_irc)
{
    static const char greeting[] = "# munin node at a\n";

    talk_whole(learner, 1, greeting, "version\n", "munins node on a version: 2.0.73\n");
    talk_whole(learner, 2, greeting, "cap multigraph\n", "cap multigraph dirtyconfig\n");
    talk_whole(learner, 3, greeting, "list\n", "cpu df load\n");
    cr_assert_eq(server()->requests, 3);
    cr_assert_eq(server()->accepted, UNKNOWN);
}

#define AUTH "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"

/* "+OK" is how POP3 greets. A Redis with a password was never learned, as all begin with AUTH. */
Test(lookalike, ok_of_redis_is_no_late_greeting)
{
    talk_whole(learner, 1, NULL, AUTH, "+OK\r\n");
    talk_whole(learner, 2, NULL, "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n", "+OK\r\n");
    cr_assert_eq(server()->requests, 2);
    cr_assert_eq(server()->accepted, UINT64_C(1) << PROTOCOL_REDIS);
}

Test(lookalike, ok_with_words_is_one)
{
    talk_whole(learner, 1, NULL, AUTH, "+OK Dovecot ready.\r\n-ERR unknown command\r\n");
    cr_assert_eq(server()->requests, 0);
    cr_assert_eq(server()->accepted, 0);
}
