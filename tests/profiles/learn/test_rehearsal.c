/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rehearsal.c - what attack mode would do, for each reason; the counts and their time. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/protocols/protocol.h"
#include "profiles/learn/rehearsal.h"

#define NOON_S (1767225600ull + 12 * 3600)

static const uint8_t client_hello[] = {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3};

static struct server_policy http_server(void)
{
    return (struct server_policy){
        .armed = true, .opening = OPENING_CHECK, .protocols = UINT64_C(1) << PROTOCOL_HTTP};
}

static enum rehearsed judge(const struct server_policy *policy, const char *text, bool more)
{
    const struct rehearsed_request request = {
        .bytes = (const uint8_t *)text, .length = strlen(text), .more = more};

    return rehearsal_judge(policy, &request);
}

Test(rehearsal, each_reason)
{
    struct server_policy policy = http_server();
    const struct rehearsed_request hello = {.bytes = client_hello, .length = sizeof(client_hello)};

    cr_assert_eq(judge(&policy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", false), REHEARSED_right);
    cr_assert_eq(judge(&policy, "GET / HTT", false), REHEARSED_unfinished);
    cr_assert_eq(judge(&policy, "GET /very/lo", true), REHEARSED_too_long);
    cr_assert_eq(judge(&policy, "\x01\x02\x03\x04", false), REHEARSED_wrong_form);
    cr_assert_eq(judge(&policy, "SSH-2.0-x\r\n", false), REHEARSED_other_protocol);
    cr_assert_neq(rehearsal_judge(&policy, &hello), REHEARSED_right);
    policy.unknown = UNKNOWN_MINOR;
    cr_assert_eq(judge(&policy, "\x01\x02\x03\x04", false), REHEARSED_rare);
}

/* In attack mode all of these are opened after a good cookie. */
Test(rehearsal, who_is_not_checked)
{
    struct server_policy policy = http_server();

    policy.opening = OPENING_COOKIE;
    cr_assert_eq(judge(&policy, "\x01\x02", false), REHEARSED_unchecked);
    policy = http_server();
    policy.armed = false;
    cr_assert_eq(judge(&policy, "\x01\x02", false), REHEARSED_unchecked);
    cr_assert_eq(judge(NULL, "\x01\x02", false), REHEARSED_unchecked);
}

/* Under attack nobody answers before the request is whole. */
Test(rehearsal, only_what_the_server_answered_counts)
{
    const struct server_policy policy = http_server();
    const char *text = "GET / HTTP/1.1\r\n\r\nSSH-2.0-x\r\n";
    struct rehearsed_request request = {
        .bytes = (const uint8_t *)text, .length = strlen(text), .answered = 18};

    cr_assert_eq(rehearsal_judge(&policy, &request), REHEARSED_right);
    request.answered = 5; /* too early an answer: the rest decides */
    cr_assert_eq(rehearsal_judge(&policy, &request), REHEARSED_right);
}

/* --- counts ---------------------------------------------------------------------------------- */

static void take(struct rehearsal *rehearsal, uint16_t port, const char *text, bool accepted,
                 uint64_t wall_s)
{
    const struct server_key key = {.port = port};
    const struct server_policy policy = http_server();
    const struct ip_addr client = {{0}};
    const struct rehearsed_request request = {.client = &client,
                                              .bytes = (const uint8_t *)text,
                                              .length = strlen(text),
                                              .accepted = accepted,
                                              .wall_s = wall_s};

    rehearsal_take(rehearsal, &key, &policy, &request);
}

Test(rehearsal, looks_back_a_day_and_no_further)
{
    struct rehearsal *rehearsal = rehearsal_new(false);
    const struct rehearsed_server *server;
    struct rehearsed_count count;

    take(rehearsal, 80, "SSH-2.0-x\r\n", false, NOON_S - 3600);
    take(rehearsal, 80, "SSH-2.0-x\r\n", true, NOON_S);
    server = rehearsal_server(rehearsal, 0);
    count = rehearsal_count(server, REHEARSED_other_protocol, NOON_S, 24 * 3600);
    cr_assert_eq(count.all, 2);
    cr_assert_eq(count.accepted, 1);
    count = rehearsal_count(server, REHEARSED_other_protocol, NOON_S, 60);
    cr_assert_eq(count.all, 1);
    take(rehearsal, 80, "SSH-2.0-x\r\n", true, NOON_S + REHEARSED_SLICES * REHEARSED_SLICE_S);
    count = rehearsal_count(server, REHEARSED_other_protocol, UINT64_MAX, UINT64_MAX);
    cr_assert_eq(count.all, 2, "the slice of noon was used again");
    cr_assert_null(rehearsal_server(rehearsal, 1));
    rehearsal_free(rehearsal);
}

/* What the server took is what an operator has to see. */
Test(rehearsal, the_example_is_the_one_that_harms)
{
    struct rehearsal *rehearsal = rehearsal_new(false);
    const struct rehearsed_example *example;

    take(rehearsal, 80, "SSH-2.0-right\r\n", true, NOON_S);
    take(rehearsal, 80, "SSH-2.0-wrong\r\n", false, NOON_S);
    example = &rehearsal_server(rehearsal, 0)->examples[REHEARSED_other_protocol];
    cr_assert(example->accepted);
    cr_assert_eq(example->protocol, PROTOCOL_SSH);
    cr_assert_arr_eq(example->text, "SSH-2.0-right\r\n", 15);
    cr_assert_eq(example->bytes, 15);
    rehearsal_free(rehearsal);
}

Test(rehearsal, servers_are_bounded)
{
    struct rehearsal *rehearsal = rehearsal_new(false);

    for (uint16_t port = 1; port <= REHEARSED_SERVERS + 3; port++)
        take(rehearsal, port, "SSH-2.0-x\r\n", false, NOON_S);
    take(rehearsal, 7, "SSH-2.0-x\r\n", false, NOON_S);
    cr_assert_eq(rehearsal_passed_over(rehearsal), 3);
    cr_assert_null(rehearsal_server(rehearsal, REHEARSED_SERVERS));
    cr_assert_eq(
        rehearsal_count(rehearsal_server(rehearsal, 6), REHEARSED_other_protocol, NOON_S, 60).all,
        2);
    rehearsal_free(rehearsal);
}

/* A capture may be of many days. */
Test(rehearsal, a_capture_forgets_nothing)
{
    struct rehearsal *rehearsal = rehearsal_new(true);

    for (uint64_t day = 0; day < 5; day++)
        take(rehearsal, 80, "SSH-2.0-x\r\n", true, NOON_S + day * 24 * 3600);
    cr_assert_eq(rehearsal_count(rehearsal_server(rehearsal, 0), REHEARSED_other_protocol,
                                 UINT64_MAX, UINT64_MAX)
                     .all,
                 5);
    rehearsal_free(rehearsal);
}
