/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_granting.c - rule 1.5: connections that the server's own TCP makes of our cookie. The kernel
 * is played by grants_say(). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/shard/shard.h"
#include "engine/tcp/joined.h"
#include "tests/sim/steps.h"

static struct grant grants[GRANTS];

static struct scenario *grant_scenario(void)
{
    struct scenario *s = attack_scenario();

    memset(grants, 0, sizeof(grants));
    s->middle->engine->config.grants = grants;
    return s;
}

/* The one there is, NULL: there is none. */
static struct grant *grant_there(void)
{
    for (uint32_t i = 0; i < GRANTS; i++)
        if (grants[i].state != GRANT_FREE)
            return &grants[i];
    return NULL;
}

static void grants_say(enum grant_outcome outcome)
{
    cr_assert(grant_there(), "a grant is there");
    grant_there()->outcome = outcome;
}

static uint32_t symbol(const struct scenario *s, const char *name)
{
    uint32_t value = 0;

    cr_assert(trace_symbol(&s->symbols, name, &value), "%s", name);
    return value;
}

/* The request goes out with our cookie, and no SYN. */
static void step_granted(struct scenario *s)
{
    step_handshake(s);
    pass(s, 10000);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "P. x+1 ack c+1 win 502 ttl 57 <nop,nop,TS val 120 ecr g> | " GET_REQUEST);
    expect_nothing(s);
}

static void step_taken(struct scenario *s)
{
    step_granted(s);
    grants_say(GRANT_childless);
    inject(s, SERVER, ". c+1 ack x+19 win 509 <nop,nop,TS val g ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val g ecr 120>");
    expect_nothing(s);
}

/* The next connection's SYN is asked for as ever. */
static void expect_asked(struct scenario *s)
{
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
}

static void step_answered(struct scenario *s)
{
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
}

static void step_spliced(struct scenario *s)
{
    step_answered(s);
    expect_count(s, flows_spliced, 1);
}

Test(granting, rule_1_5_what_was_promised_stands_in_the_grant)
{
    struct scenario *s = grant_scenario();
    const struct grant *grant;

    step_granted(s);
    grant = grant_there();
    cr_assert(grant);
    cr_expect_eq(grant->seq, symbol(s, "x") + 1);
    cr_expect_eq(grant->ack, symbol(s, "c") + 1);
    cr_expect_eq(grant->mss, 1460);
    cr_expect_eq(grant->scales, 7 | 7 << 4);
    cr_expect_eq(grant->flags, GRANT_SACK | GRANT_TIMESTAMPS | GRANT_WSCALE);
    cr_expect_eq(grant->client_tsval, 120);
    cr_expect_eq(grant->tsval, symbol(s, "g"));
    cr_expect_gt((int32_t)(grant->tsval - symbol(s, "t")), 0, "above what was said");
    cr_expect(grant_place(grant->seq, grant->ack) == (uint32_t)(grant - grants));
    scenario_end(s);
}

Test(granting, rule_1_5_nothing_is_changed_from_then_on)
{
    struct scenario *s = grant_scenario();
    struct flow_info info;

    step_taken(s);
    cr_expect_null(grant_there(), "it is used up");
    expect_count(s, hook_taken, 1);
    expect_count(s, flows_spliced, 1);
    cr_assert_eq(engine_flows(s->middle->engine, &info, 1, s->now_us), 1);
    cr_expect_eq(info.delta, 0);
    inject(s, SERVER, "P. c+1 ack x+19 win 509 <nop,nop,TS val g+3 ecr 120> | HTTP/1.1 204 No\r\n");
    expect(s, CLIENT, "P. c+1 ack x+19 win 509 <nop,nop,TS val g+3 ecr 120> | HTTP/1.1 204 No\r\n");
    inject(s, CLIENT, ". x+19 ack c+18 win 502 <nop,nop,TS val 130 ecr g+3>");
    expect(s, SERVER, ". x+19 ack c+18 win 502 <nop,nop,TS val 130 ecr g+3>");
    scenario_end(s);
}

Test(granting, rule_1_5_a_repeat_is_given_to_the_server_again)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_childless);
    pass(s, 200000);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 320 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "P. x+1 ack c+1 win 502 <nop,nop,TS val 320 ecr *> | " GET_REQUEST);
    inject(s, SERVER, ". c+1 ack x+19 win 509 <nop,nop,TS val g+300 ecr 320>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val g+300 ecr 320>");
    expect_count(s, hook_taken, 1);
    scenario_end(s);
}

/* The program may see the first segment when the second one is granted already: a burst, of which
 * the client repeats the end. */
Test(granting, rule_1_5_the_first_segment_is_never_older_than_the_grant)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    cr_assert_eq(grant_there()->client_tsval, 120);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | more");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 122 ecr t> | more");
    expect(s, SERVER, "P. x+1 ack c+1 win 502 <nop,nop,TS val 122 ecr *> | " GET_REQUEST "more");
    cr_assert_eq(grant_there()->client_tsval, 120);
    scenario_end(s);
}

Test(granting, rule_1_5_more_data_follows_the_answer)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | more");
    expect_nothing(s);
    inject(s, SERVER, ". c+1 ack x+19 win 509 <nop,nop,TS val g ecr 120>");
    expect(s, SERVER, "P. x+19 ack c+1 win 502 <nop,nop,TS val 121 ecr g> | more");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val g ecr 120>");
    scenario_end(s);
}

Test(granting, rule_1_5_what_the_kernel_refuses_is_spliced)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_mptcp);
    pass(s, 20000);
    expect_asked(s);
    cr_expect_null(grant_there(), "nobody may use it any more");
    expect_count(s, hook_mptcp, 1);
    step_spliced(s);
    scenario_end(s);
}

static void expect_granted_again(struct scenario *s)
{
    expect(s, SERVER, "P. x+1 ack c+1 win 502 ttl 57 <nop,nop,TS val 120 ecr *> | " GET_REQUEST);
    expect_nothing(s);
}

/* As the kernel takes a client's repeat as soon as there is room. */
Test(granting, rule_1_5_a_full_accept_queue_is_tried_again)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_queue_full);
    pass(s, 11000);
    expect_granted_again(s);
    pass(s, 250000);
    expect_granted_again(s);
    grants_say(GRANT_childless);
    inject(s, SERVER, ". c+1 ack x+19 win 509 <nop,nop,TS val g+300 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val g+300 ecr 120>");
    expect_count(s, hook_taken, 1);
    expect_count(s, hook_queue_full, 0);
    scenario_end(s);
}

Test(granting, rule_1_5_one_that_stays_full_is_asked_by_a_syn)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_queue_full);
    pass(s, 11000);
    expect_granted_again(s);
    for (int looks = 0; looks < 39; looks++) {
        pass(s, 250000);
        expect_granted_again(s);
    }
    pass(s, 250000);
    expect_asked(s);
    expect_count(s, hook_queue_full, 1);
    step_spliced(s);
    scenario_end(s);
}

Test(granting, rule_1_5_a_listeners_reset_reaches_nobody)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_childless);
    inject(s, SERVER, "R c+1:c+1(0) win 0");
    expect_asked(s);
    expect_nothing(s);
    expect_count(s, hook_reset, 1);
    step_spliced(s);
    scenario_end(s);
}

Test(granting, rule_1_5_a_reset_where_no_program_has_seen_the_segment)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    inject(s, SERVER, "R c+1:c+1(0) win 0");
    expect_asked(s);
    expect_count(s, hook_unseen, 1);
    expect_count(s, hook_reset, 0);
    step_spliced(s);
    scenario_end(s);
}

Test(granting, rule_1_5_a_sockets_reset_is_the_clients)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    inject(s, SERVER, "R. c+1:c+1(0) ack x+19 win 0");
    expect(s, CLIENT, "R. c+1:c+1(0) ack x+19 win 0");
    expect_count(s, flows_spliced, 0);
    scenario_end(s);
}

Test(granting, rule_1_5_silence_for_a_second_is_spliced)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_childless);
    pass(s, 900000);
    expect_nothing(s);
    pass(s, 200000);
    expect_asked(s);
    expect_count(s, hook_childless, 1);
    step_spliced(s);
    scenario_end(s);
}

/* Its program is not there: the segment may come to a listener that knows nothing of it. */
Test(granting, rule_1_5_where_no_program_sees_it_a_tenth_of_that_is_enough)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    pass(s, 90000);
    expect_nothing(s);
    pass(s, 20000);
    expect_asked(s);
    expect_count(s, hook_unseen, 1);
    inject(s, SERVER, "R c+1:c+1(0) win 0");
    expect_nothing(s);
    step_spliced(s);
    scenario_end(s);
}

/* Our SYN is answered by the socket that was made after all (RFC 5961 4.2). */
Test(granting, rule_1_5_a_late_answer_counts)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_childless);
    pass(s, 1100000);
    expect_asked(s);
    inject(s, SERVER, ". c+1 ack x+19 win 509 <nop,nop,TS val g+1100 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val g+1100 ecr 120>");
    expect_count(s, hook_taken, 1);
    expect_count(s, flows_spliced, 1);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 130 ecr g+1100> | more");
    expect(s, SERVER, "P. x+19 ack c+1 win 502 <nop,nop,TS val 130 ecr g+1100> | more");
    scenario_end(s);
}

Test(granting, rule_1_5_a_client_that_leaves_is_reset_where_the_socket_stands)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    inject(s, CLIENT, "R x+19:x+19(0) win 0");
    expect(s, SERVER, "R x+19:x+19(0)");
    cr_expect_null(grant_there());
    scenario_end(s);
}

static void another_connection(struct scenario *s, uint16_t port)
{
    scenario_connection(s, CLIENT_V4, port, SERVER_V4, HTTP_PORT);
}

Test(granting, rule_1_5_three_misses_leave_a_server_alone)
{
    struct scenario *s = grant_scenario();
    struct server_info info[16];
    const char *told = "";
    uint32_t servers;

    for (uint16_t port = 40000; port < 40003; port++) {
        another_connection(s, port);
        step_granted(s);
        grants_say(GRANT_settings);
        pass(s, 20000);
        expect_asked(s);
        step_answered(s);
    }
    another_connection(s, 40003);
    step_request(s); /* by a SYN, at once */
    servers = engine_servers(s->middle->engine, info, 16, s->now_us);
    cr_assert_leq(servers, 16);
    for (uint32_t i = 0; i < servers; i++)
        if (info[i].no_grants && info[i].key.port == HTTP_PORT)
            told = info[i].no_grants;
    cr_assert_str_eq(told,
                     "its TCP refuses timestamps, SACK or scaling that clients were promised");
    expect_count(s, hook_granted, 3);
    scenario_end(s);
}

/* A filter of the server's takes what three clients say, and our SYNs for them: that says nothing
 * of its TCP, which answers the fourth. */
Test(granting, rule_1_5_whom_the_server_hears_by_no_way_says_nothing_of_it)
{
    struct scenario *s = grant_scenario();

    for (uint16_t port = 40000; port < 40003; port++) {
        another_connection(s, port);
        step_granted(s);
    }
    for (uint32_t i = 0; i < GRANTS; i++)
        grants[i].outcome = GRANT_childless;
    s->quiet = true;
    pass(s, 1300000);
    s->quiet = false;
    expect_count(s, hook_childless, 3);
    scenario_forget(s);
    another_connection(s, 40003);
    step_taken(s);
    scenario_end(s);
}

/* It may be back at the card. */
Test(granting, rule_1_5_a_server_without_a_program_is_tried_again_soon)
{
    struct scenario *s = grant_scenario();

    for (uint16_t port = 40000; port < 40003; port++) {
        another_connection(s, port);
        step_granted(s);
        pass(s, 110000);
        expect_asked(s);
        step_answered(s);
    }
    another_connection(s, 40003);
    step_request(s); /* by a SYN, at once */
    step_answered(s);
    pass(s, 10000000);
    another_connection(s, 40004);
    step_granted(s);
    expect_count(s, hook_granted, 4);
    scenario_forget(s);
    scenario_end(s);
}

Test(granting, rule_1_5_an_old_connection_says_nothing_of_the_server)
{
    struct scenario *s = grant_scenario();

    for (uint16_t port = 40000; port < 40005; port++) {
        another_connection(s, port);
        step_granted(s);
        grants_say(GRANT_old);
        pass(s, 20000);
        expect_asked(s);
    }
    expect_count(s, hook_granted, 5);
    scenario_forget(s);
    scenario_end(s);
}

/* At once, by what it says to a segment that is not its own. */
Test(granting, rule_1_5_an_old_connections_answer_is_enough)
{
    struct scenario *s = grant_scenario();

    step_granted(s);
    grants_say(GRANT_old);
    inject(s, SERVER, ". o:o(0) ack x+100000 win 509 <nop,nop,TS val 77 ecr 5>");
    expect_asked(s);
    expect_nothing(s);
    expect_count(s, hook_old, 1);
    step_spliced(s);
    scenario_end(s);
}

Test(granting, rule_1_5_who_was_greeted_or_is_small_is_spliced)
{
    struct scenario *s = grant_scenario();

    step_greeted_request(s);
    another_connection(s, 40001);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 400>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win * <mss 1460>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss *>");
    expect_count(s, hook_granted, 0);
    scenario_forget(s);
    scenario_end(s);
}

/* What the server makes of it is to be learned. */
Test(granting, rule_1_5_what_the_check_does_not_know_is_spliced)
{
    struct scenario *s = grant_scenario();
    struct policy *policy = s->middle->policy;

    for (uint32_t i = 0; i < policy->count; i++)
        policy->servers[i].unknown = UNKNOWN_MINOR;
    step_handshake(s);
    pass(s, 10000);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GEORGE\r\n");
    expect_asked(s);
    expect_count(s, hook_granted, 0);
    scenario_forget(s);
    scenario_end(s);
}

/* A learner that hears nothing would not know that a server is there. */
Test(granting, rule_1_5_one_in_thirty_seconds_is_for_the_learner)
{
    struct scenario *s = grant_scenario();

    step_taken(s);
    pass(s, 31000000);
    another_connection(s, 40001);
    step_request(s); /* by a SYN */
    step_answered(s);
    expect_count(s, flows_spliced, 2);
    another_connection(s, 40002);
    step_taken(s);
    expect_count(s, hook_granted, 2);
    scenario_end(s);
}

/* What needs nobody is counted nowhere: it passes where we are dead. */
Test(granting, rule_1_5_without_offsets_it_is_not_counted_as_joined)
{
    struct scenario *s = grant_scenario();
    static uint16_t joined[JOINED_COUNTS];
    uint32_t counted = 0;

    memset(joined, 0, sizeof(joined));
    s->middle->engine->flows.joined = joined;
    step_taken(s);
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        counted += joined[i];
    cr_expect_eq(counted, 0);
    another_connection(s, 40001);
    s->middle->engine->config.grants = NULL;
    step_open(s);
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        counted += joined[i];
    cr_expect_eq(counted, 1, "one with offsets is");
    scenario_end(s);
}
