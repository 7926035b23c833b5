/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_attackers.c - what prefixes of clients can teach about a server that others use: nothing,
 * unless they are many and old. Told in virtual time, through the learner and the policy.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "profiles/compile.h"
#include "profiles/store/votes_file.h"
#include "tests/profiles/observations.h"

#define SECOND_US UINT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define DAY_US    (24 * 60 * MINUTE_US)

#define GET     "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK      "HTTP/1.1 200 OK\r\n\r\n"
#define HTTP_09 "GET /\r\n"
#define HELLO   "\x16\x03\x01\x03\x4a\x01zz"
#define HELLOED "\x16\x03\x03\x03\x4a\x02zz"

static struct store *store;
static struct learner *learner;
static uint64_t clock_us, flows;
static uint8_t offered;
static struct synack_features granted;

static void setup(void)
{
    store = store_new();
    learner = learner_new(store);
    clock_us = flows = 0;
    offered = OFFER_ALL;
    granted = test_synack();
}

static void teardown(void)
{
    learner_free(learner);
    store_free(store);
}

TestSuite(attackers, .init = setup, .fini = teardown);

static struct profile *server(void)
{
    const struct server_key key = test_server();
    struct profile *profile = store_find(store, &key);

    cr_assert_not_null(profile);
    return profile;
}

/* A host of the `number`th network: each is a /24 in a /16 of its own. */
static struct ip_addr client(uint32_t number)
{
    const uint8_t v4[4] = {(uint8_t)(11 + number / 250), (uint8_t)(number % 250), 7, 1};

    return addr_from_v4(v4);
}

static struct talk open_from(uint32_t number)
{
    struct talk talk = {.learner = learner};
    struct observation observation;

    clock_us += SECOND_US;
    flows++;
    talk.base = (struct observation){.flow_id = flows,
                                     .time_us = clock_us,
                                     .server = test_server(),
                                     .client = client(number),
                                     .client_port = (uint16_t)(1024 + flows % 60000)};
    observation = talk.base;
    observation.handshake = (struct observed_handshake){.offered = offered, .granted = granted};
    talk_observe(&talk, &observation, OBSERVED_SYNACK);
    talk_establish(&talk);
    return talk;
}

/* One whole connection of a client of this network. */
static void visit(uint32_t number, const char *greeting, const char *request, const char *answer)
{
    struct talk talk = open_from(number);

    if (greeting)
        server_says(&talk, greeting);
    client_says(&talk, request);
    server_says(&talk, answer);
    talk_close(&talk);
}

/* Each of these networks is served, until the profile is armed and its clients are seniors. */
static void learn_from(uint32_t networks, const char *greeting, const char *request,
                       const char *answer)
{
    for (uint32_t round = 0; round < 8; round++)
        for (uint32_t i = 0; i < networks; i++)
            visit(i, greeting, request, answer);
    clock_us += 2 * DAY_US;
    visit(0, greeting, request, answer);
    cr_assert(profile_armed(server()));
}

static struct server_policy policy(void)
{
    struct policy *compiled = policy_compile(store, NULL, clock_us);
    const struct server_policy server_policy = compiled->servers[0];

    free(compiled);
    return server_policy;
}

static void assert_http_alone(const char *when)
{
    const struct server_policy now = policy();

    cr_assert(now.armed, "%s", when);
    cr_assert_eq(now.opening, OPENING_CHECK, "%s", when);
    cr_assert_eq(now.protocols, UINT64_C(1) << PROTOCOL_HTTP, "%s", when);
    cr_assert_eq(now.minor, 0, "%s", when);
    cr_assert_eq(now.unknown, UNKNOWN_REFUSED, "%s", when);
}

/* The process ends, and another one begins with what it finds in the folder. */
static void restart(void)
{
    char folder[] = "/tmp/synward-test-attackers-XXXXXX", path[64], votes[80];
    struct error error = {0};

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
    snprintf(votes, sizeof(votes), "%s.votes", path);
    cr_assert(store_save(store, path, &error), "%s", error.text);
    cr_assert(votes_save(store, path, &error), "%s", error.text);
    teardown();
    store = store_new();
    learner = learner_new(store);
    cr_assert(store_load(store, path, &error), "%s", error.text);
    cr_assert(votes_load(store, path, &error), "%s", error.text);
    unlink(votes);
    unlink(path);
    rmdir(folder);
}

/* --- requests -------------------------------------------------------------------------------- */

/* Ten of HTTP/0.9 once switched the check off for good. */
Test(attackers, one_network_adds_no_form)
{
    learn_from(2, NULL, GET, OK);
    for (uint32_t i = 0; i < 10000; i++) {
        visit(900, NULL, i % 2 ? HELLO : HTTP_09, i % 2 ? HELLOED : "hello");
        if (i % 60 == 0)
            visit(i % 2, NULL, GET, OK);
    }
    clock_us += 2 * DAY_US; /* it is a senior now */
    for (uint32_t i = 0; i < 100; i++)
        visit(900, NULL, i % 2 ? HELLO : HTTP_09, i % 2 ? HELLOED : "hello");
    assert_http_alone("after 10,100 requests of one network");
}

Test(attackers, ten_networks_add_no_form_beside_a_thousand)
{
    for (uint32_t i = 0; i < 1000; i++)
        visit(i, NULL, GET, OK);
    clock_us += 2 * DAY_US;
    for (uint32_t i = 0; i < 2000; i++)
        visit(2000 + i % 10, NULL, HELLO, HELLOED);
    clock_us += 2 * DAY_US;
    for (uint32_t i = 0; i < 2000; i++)
        visit(2000 + i % 10, NULL, HELLO, HELLOED);
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_HTTP);
    cr_assert(policy().armed);
}

/* Some 110 of them; ballot/one_more_form_costs_a_ninth_of_the_honest_prefixes has the figure. */
Test(attackers, many_networks_of_a_day_add_a_form_and_few_do_not)
{
    for (uint32_t i = 0; i < 1000; i++)
        visit(i, NULL, GET, OK);
    clock_us += 2 * DAY_US;
    for (uint32_t i = 0; i < 400; i++)
        visit(2000 + i, NULL, HELLO, HELLOED);
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_HTTP, "they are not a day old");
    clock_us += 2 * DAY_US;
    for (uint32_t i = 0; i < 400; i++)
        visit(2000 + i, NULL, HELLO, HELLOED);
    cr_assert(policy().protocols >> PROTOCOL_TLS & 1, "400 are more than a tenth");
}

/* A week in which one honest client a minute is all that speaks against it. */
Test(attackers, a_virtual_week_with_one_honest_request_a_minute)
{
    learn_from(2, NULL, GET, OK);
    for (uint32_t minute = 0; minute < 7 * 24 * 60; minute++) {
        const uint64_t until_us = clock_us + MINUTE_US;

        visit(minute % 2, NULL, GET, OK);
        for (uint32_t i = 0; i < 10; i++)
            visit(900, NULL, i % 2 ? HELLO : HTTP_09, i % 2 ? HELLOED : "hello");
        clock_us = until_us;
        if (minute % 1440 == 0)
            assert_http_alone("in the week");
    }
    assert_http_alone("after the week");
}

/* New words of the honest: minor from the second senior on, theirs from the third. */
Test(attackers, three_seniors_add_a_form_and_remove_no_check)
{
    learn_from(4, NULL, GET, OK);
    visit(0, NULL, HELLO, HELLOED);
    assert_http_alone("one senior");
    visit(1, NULL, HELLO, HELLOED);
    cr_assert_eq(policy().minor, UINT64_C(1) << PROTOCOL_TLS);
    visit(2, NULL, HELLO, HELLOED);
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_HTTP | UINT64_C(1) << PROTOCOL_TLS);
    for (uint32_t i = 0; i < 4; i++)
        visit(i, NULL, HTTP_09, "hello");
    cr_assert_eq(policy().opening, OPENING_CHECK);
    cr_assert_eq(policy().unknown, UNKNOWN_MINOR, "unknown ones at a low rate, the check stays");
}

Test(attackers, a_server_with_one_network_of_clients_still_learns)
{
    uint32_t visits = 0;

    learn_from(1, NULL, GET, OK);
    while (!(policy().protocols >> PROTOCOL_TLS & 1) && visits < 1000) {
        visit(0, NULL, HELLO, HELLOED);
        clock_us += 29 * SECOND_US;
        visits++;
    }
    cr_assert_geq(visits, LOOSENING_CONNECTIONS);
    cr_assert_leq(visits, LOOSENING_CONNECTIONS + 2, "%u visits, one in 30 s", visits);
}

/* The seniors that a server has had stay, and with them what a newcomer's word is worth. */
Test(attackers, restart_makes_no_newcomer_a_senior)
{
    learn_from(4, NULL, GET, OK);
    visit(0, NULL, HELLO, HELLOED);
    restart();
    for (uint32_t i = 0; i < 100; i++)
        visit(900 + i % 10, NULL, HELLO, HELLOED);
    assert_http_alone("after a restart and ten new networks");
    visit(1, NULL, HELLO, HELLOED);
    cr_assert_eq(policy().minor, UINT64_C(1) << PROTOCOL_TLS, "the vote before it counts");
    visit(2, NULL, HELLO, HELLOED);
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_HTTP | UINT64_C(1) << PROTOCOL_TLS);
}

/* Two networks, one of them an attacker: all must say so. */
Test(attackers, one_of_two_networks_adds_no_form)
{
    learn_from(1, NULL, GET, OK);
    for (uint32_t i = 0; i < 2000; i++) {
        visit(900, NULL, HELLO, HELLOED);
        if (i % 60 == 0)
            visit(0, NULL, GET, OK);
    }
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_HTTP);
}

Test(attackers, one_network_takes_no_pattern_away)
{
    char request[32];
    struct pattern before, after;

    for (uint32_t i = 0; i < 400; i++) {
        snprintf(request, sizeof(request), "MODE %u", i);
        visit(i % 2, NULL, request, "done\r\n");
    }
    clock_us += 2 * DAY_US;
    visit(900, NULL, "MODE x", "done\r\n"); /* the third network */
    cr_assert(pattern_model_get(&server()->pattern, &before));
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(request, sizeof(request), "%c%uzz", (int)('a' + i % 26), i);
        visit(900, NULL, request, "done\r\n");
    }
    cr_assert(pattern_model_get(&server()->pattern, &after));
    cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
    cr_assert_eq(policy().unknown, UNKNOWN_PROBED, "still proved");
}

/* --- keywords -------------------------------------------------------------------------------- */

static enum refused_as refused_as(const char *host)
{
    const struct server_policy now = policy();
    char request[128];
    const int bytes =
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);

    cr_assert_eq(policy_check_request(&now, (const uint8_t *)request, (size_t)bytes), MATCH_NO);
    return policy_refused_as(&now, (const uint8_t *)request, (size_t)bytes);
}

/* A name that there was no room to learn may be right: opened at a low rate, blamed on nobody. */
Test(attackers, full_keyword_set_turns_no_new_name_away)
{
    char request[128];

    learn_from(5, NULL, GET, OK);
    server()->settings.check = CHECK_KEYWORD;
    cr_assert_eq(refused_as("b.example"), REFUSED_WRONG);
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: made-up-%u\r\n\r\n", i / 2);
        visit(900 + i % 2, NULL, request, OK);
    }
    cr_assert_eq(refused_as("b.example"), REFUSED_MINOR);
}

/* --- stale ----------------------------------------------------------------------------------- */

#define NO "HTTP/1.1 400 Bad Request\r\n\r\n"

/* The server speaks TLS from one day on. Nobody is turned away, and HTTP is over with the first
 * form that is voted in. */
Test(attackers, server_that_refuses_what_it_spoke_is_learned_anew)
{
    learn_from(4, NULL, GET, OK);
    for (uint32_t i = 0; i < STALE_REFUSED; i++) {
        assert_http_alone("not stale yet");
        visit(i % 4, NULL, GET, NO);
    }
    cr_assert(policy().minor >> PROTOCOL_TLS & 1);
    cr_assert_eq(policy().unknown, UNKNOWN_MINOR);
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_HTTP, "nobody is turned away");
    for (uint32_t i = 0; i < 3; i++)
        visit(i, NULL, HELLO, HELLOED);
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_TLS);
    cr_assert_eq(policy().minor, UINT64_C(1) << PROTOCOL_HTTP);
    cr_assert(policy().armed);
    visit(3, NULL, GET, OK);
    cr_assert(policy().protocols >> PROTOCOL_HTTP & 1, "it is back when it is accepted once");
}

Test(attackers, one_accepted_request_says_that_it_is_not_stale)
{
    learn_from(4, NULL, GET, OK);
    for (uint32_t i = 0; i < 100; i++)
        visit(i % 4, NULL, GET, i % STALE_REFUSED == 0 ? OK : NO);
    assert_http_alone("one in eight was accepted");
    for (uint32_t i = 0; i < STALE_REFUSED; i++)
        visit(i % 4, NULL, GET, NO);
    cr_assert_eq(policy().unknown, UNKNOWN_MINOR);
    visit(0, NULL, GET, OK);
    assert_http_alone("accepted again");
}

/* Of old networks two, and any number of new ones. */
Test(attackers, newcomers_make_nothing_stale)
{
    learn_from(5, NULL, GET, OK);
    for (uint32_t i = 0; i < 300; i++)
        visit(i % 10 < 2 ? i % 10 : 900 + i % 10, NULL, GET, NO);
    assert_http_alone("after 300 refused requests of two seniors and eight newcomers");
}

Test(attackers, one_network_alone_makes_stale_in_ten_minutes_only)
{
    uint32_t visits = 0;

    learn_from(1, NULL, GET, OK);
    while (policy().unknown == UNKNOWN_REFUSED && visits < 1000) {
        visit(0, NULL, GET, NO);
        clock_us += 29 * SECOND_US;
        visits++;
    }
    cr_assert_geq(visits, LOOSENING_CONNECTIONS);
    cr_assert_leq(visits, LOOSENING_CONNECTIONS + 2);
}

/* What the operator has set is not loosened by what anybody does. */
Test(attackers, set_check_is_never_stale)
{
    learn_from(4, NULL, GET, OK);
    server()->settings.check = CHECK_PROTOCOL;
    for (uint32_t i = 0; i < 100; i++)
        visit(i % 4, NULL, GET, NO);
    assert_http_alone("the check is set");
}

/* --- PROXY headers --------------------------------------------------------------------------- */

/* The load balancer at network 0 says that its client is of another network. */
static void visit_through(uint32_t number, const char *request, const char *answer)
{
    char said[256];

    snprintf(said, sizeof(said), "PROXY TCP4 %u.%u.7.1 10.77.0.2 50000 110\r\n%s",
             11 + number / 250, number % 250, request);
    visit(0, NULL, said, answer);
}

static uint16_t rows_after_a_hundred_networks(void)
{
    for (uint32_t i = 1; i <= 100; i++)
        visit_through(i, GET, OK);
    return server()->ballot.count;
}

/* Who may write a header of his own would have as many votes as he likes. */
Test(attackers, header_of_anybody_is_no_vote_but_his_own)
{
    cr_assert_eq(rows_after_a_hundred_networks(), 1);
}

Test(attackers, header_of_a_proxy_that_the_operator_names_votes)
{
    const struct learner_proxy proxy = {.prefix = client(0), .length = 24};
    uint16_t rows;

    learner_set_proxy(learner, &proxy);
    cr_assert_geq(rows_after_a_hundred_networks(), 100);
    learner_forget_proxy(learner, &proxy.prefix, proxy.length);
    rows = server()->ballot.count;
    visit_through(200, GET, OK);
    cr_assert_leq(server()->ballot.count, rows + 1, "its own");
}

Test(attackers, proxy_is_believed_until_its_time_is_over)
{
    const struct learner_proxy proxy = {
        .prefix = client(0), .length = 32, .until_us = 50 * SECOND_US};

    learner_set_proxy(learner, &proxy);
    cr_assert_lt(rows_after_a_hundred_networks(), 60);
}

/* --- the server's own words ------------------------------------------------------------------ */

/* 1,000 comparisons of one network, whatever made them fail, are one voice. */
Test(attackers, one_network_disarms_nobody)
{
    learn_from(2, NULL, GET, OK);
    visit(900, NULL, GET, OK);
    granted.window = 1000;
    granted.ttl = 7;
    for (uint32_t i = 0; i < 1000; i++)
        visit(900, NULL, GET, OK);
    assert_http_alone("after 1,000 odd SYN-ACKs");
    cr_assert_eq(server()->tcp.model.ttl, 64);
}

/* "Fragmentation needed" makes the server say a lower MSS to that address, and a lower window. */
Test(attackers, path_mtu_disarms_nobody)
{
    learn_from(3, NULL, GET, OK);
    granted.mss = 1400;
    granted.window = 64768;
    for (uint32_t i = 0; i < 100; i++)
        visit(0, NULL, GET, OK);
    assert_http_alone("after 100 lower MSSes of one network");
    cr_assert_eq(server()->tcp.model.mss, 1460);
    cr_assert_eq(profile_fidelity(server()), 1.0, "it was not compared");
}

Test(attackers, lower_mss_of_all_is_learned)
{
    learn_from(3, NULL, GET, OK);
    granted.mss = 1400;
    granted.window = 64768;
    for (uint32_t i = 0; i < 3; i++)
        visit(i, NULL, GET, OK);
    cr_assert_eq(server()->tcp.model.mss, 1400);
    cr_assert(profile_armed(server()));
}

/* New options: three networks, and nobody who hears the old ones in between. */
Test(attackers, upgrade_of_the_stack_is_learned_in_three_connections)
{
    learn_from(5, NULL, GET, OK);
    granted.window = 43690;
    granted.window_scale = 9;
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(server()->tcp.model.window, 65160);
        visit(i, NULL, GET, OK);
    }
    cr_assert_eq(server()->tcp.model.window, 43690);
    cr_assert_eq(server()->tcp.model.window_scale, 9);
    assert_http_alone("the check stays");
}

Test(attackers, upgrade_that_not_all_hear_is_none)
{
    const struct synack_features old = granted;

    learn_from(5, NULL, GET, OK);
    for (uint32_t i = 0; i < 30; i++) {
        granted = old;
        granted.window = i % 2 ? old.window : 1000;
        visit(i % 2 ? 4 : i % 3, NULL, GET, OK);
    }
    cr_assert_eq(server()->tcp.model.window, 65160);
}

/* This one now, that one then: nothing is foreseen, so nothing may be said for it. */
Test(attackers, server_that_says_now_this_now_that_is_not_armed)
{
    uint32_t armed = 0;

    srand(20261128);
    learn_from(40, NULL, GET, OK);
    for (uint32_t i = 0; i < 400; i++) {
        granted.window = rand() % 2 ? 65160 : 29200;
        visit((uint32_t)rand() % 40, NULL, GET, OK);
        if (i >= 200)
            armed += profile_armed(server());
    }
    cr_assert_eq(armed, 0);
}

Test(attackers, new_greeting_is_learned_in_three_connections_and_the_check_stays)
{
    learn_from(5, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    for (uint32_t i = 0; i < 3; i++)
        visit(i, "+OK version 2\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(policy().opening, OPENING_GREET);
    cr_assert_eq(policy().now.greeting_bytes, strlen("+OK version 2\r\n"));
    cr_assert_eq(policy().protocols, UINT64_C(1) << PROTOCOL_POP3);
}

Test(attackers, greeting_for_one_network_alone_changes_nothing)
{
    learn_from(2, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    for (uint32_t i = 0; i < 1000; i++)
        visit(900, "+OK just for you\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(policy().opening, OPENING_GREET);
    cr_assert_eq(policy().now.greeting_bytes, strlen("+OK ready\r\n"));
}
