/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_compile.c - from what was learned to what the engine is told.
 *
 * It is longer than most: each part of a profile becomes a part of a policy, or must not.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tcp/cookie.h"
#include "profiles/compile.h"
#include "profiles/model/settings.h"
#include "tests/profiles/observations.h"

#define SECOND_US 1000000ull

static struct store *store;
static struct learner *learner;
static struct policy *policy;

static void setup(void)
{
    store = store_new();
    learner = learner_new(store);
}

static void teardown(void)
{
    learner_free(learner);
    store_free(store);
    free(policy);
    policy = NULL;
}

TestSuite(compile, .init = setup, .fini = teardown);

static const struct server_policy *compiled(uint64_t now_us)
{
    struct policy *next = policy_compile(store, policy, now_us);
    free(policy);
    policy = next;
    cr_assert_eq(policy->count, 1);
    return &policy->servers[0];
}

static const char *enforced(void)
{
    static char text[ENFORCED_TEXT_BYTES];

    return profile_enforced(store_at(store, 0), text);
}

static void flows(uint64_t from, uint64_t to, const char *greeting, const char *request,
                  const char *answer)
{
    for (uint64_t id = from; id <= to; id++)
        talk_whole(learner, id, greeting, request, answer);
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\n\r\n"

Test(compile, client_first_goes_from_cookie_to_check)
{
    flows(1, 2, NULL, GET, OK);
    cr_assert_eq(compiled(1)->opening, OPENING_COOKIE);
    cr_assert_str_eq(enforced(), "unchecked: not armed yet, 2 of 8 handshakes, 2 of 8 requests");
    flows(3, 3, NULL, GET, OK);
    cr_assert_eq(compiled(2)->opening, OPENING_COOKIE_REQUEST);
    flows(4, 8, NULL, GET, OK);
    const struct server_policy *server = compiled(3);
    cr_assert_eq(server->opening, OPENING_CHECK);
    cr_assert(server->armed);
    cr_assert_eq(server->protocols, 1u << PROTOCOL_HTTP);
    cr_assert_not(server->has_pattern);
    cr_assert_eq(server->now.greeting_bytes, 0);
    cr_assert_str_eq(enforced(), "protocol");
    cr_assert(profile_set(store_at(store, 0), "check", "none", NULL));
    cr_assert_eq(compiled(4)->opening, OPENING_COOKIE_REQUEST);
    cr_assert_str_eq(enforced(), "unchecked: check=none was set");
    store_at(store, 0)->settings.check = CHECK_PATTERN; /* as a store may say */
    cr_assert_eq(compiled(5)->opening, OPENING_COOKIE_REQUEST, "there is no pattern");
    cr_assert_str_eq(enforced(), "unchecked: no request was accepted that can be checked");
}

/* Of which the engine may show the learner fewer connections: not so of one that has changed. */
Test(compile, known_where_much_was_accepted_and_none_of_it_is_over)
{
    struct profile *profile;

    flows(1, KNOWN_REQUESTS - 1, NULL, GET, OK);
    cr_assert(compiled(1)->armed);
    cr_assert_not(compiled(2)->known);
    flows(KNOWN_REQUESTS, KNOWN_REQUESTS, NULL, GET, OK);
    cr_assert(compiled(3)->known);
    profile = store_at(store, 0);
    profile->staleness.stale = true;
    cr_assert_not(compiled(4)->known);
}

/* What hides its keyword is not taken where keywords are checked; what cannot be deciphered is
 * never taken. */
Test(compile, forms_that_look_random)
{
    static const uint8_t hash[EDONKEY_HASH_BYTES] = {7};
    flows(1, 8, NULL, GET, OK);
    struct profile *profile = store_at(store, 0);
    cr_assert_eq(compiled(1)->hidden, 0);
    profile_hidden_accepted(profile, HIDDEN_BITTORRENT);
    profile_hidden_accepted(profile, HIDDEN_EDONKEY);
    cr_assert_eq(compiled(2)->hidden, HIDDEN_BITTORRENT, "the user hash is not known");
    profile_name_user(profile, hash);
    cr_assert_eq(compiled(3)->hidden, HIDDEN_BITTORRENT | HIDDEN_EDONKEY);
    cr_assert_eq(memcmp(compiled(4)->user_hash, hash, sizeof(hash)), 0);
    profile->settings.check = CHECK_KEYWORD;
    cr_assert_eq(compiled(5)->hidden, HIDDEN_EDONKEY);
    profile->settings.check = CHECK_PATTERN;
    cr_assert_eq(compiled(6)->hidden, 0);
    profile->settings.check = CHECK_DEFAULT;
    profile->accepted = 0;
    cr_assert_eq(compiled(7)->opening, OPENING_CHECK, "the forms are enough");
}

Test(compile, server_first_is_greeted_for_when_armed_and_stable)
{
    flows(1, 7, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(compiled(1)->opening, OPENING_COOKIE);
    flows(8, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    const struct server_policy *server = compiled(2);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_eq(server->greeting_protocol, PROTOCOL_POP3);
    cr_assert_eq(server->now.greeting_bytes, 11);
    cr_assert_eq(memcmp(server->now.greeting, "+OK ready\r\n", 11), 0);
}

Test(compile, varying_greeting_is_never_faked)
{
    char greeting[64];
    for (uint64_t id = 1; id <= 80; id++) {
        snprintf(greeting, sizeof(greeting), "+OK <%d@host>\r\n", (int)id);
        talk_whole(learner, id, greeting, "USER a\r\n", "+OK\r\n");
        cr_assert_eq(compiled(id)->opening, OPENING_COOKIE);
    }
    cr_assert_eq(compiled(90)->early_grace_us, 20000);
    store_at(store, 0)->grace = (struct grace){.early = 90, .gap_us = 30000};
    cr_assert_geq(compiled(91)->early_grace_us, 30000, "as long as they take who speak at once");
    store_at(store, 0)->grace.gap_us = 90000;
    cr_assert_eq(compiled(92)->early_grace_us, GRACE_MOST_US);
}

/* Promised as last learned; what clients may hold cookies for is not renewed by each connection. */
Test(compile, greeting_that_changes_is_said_by_template)
{
    char greeting[96];
    for (uint64_t id = 1; id <= 12; id++) {
        snprintf(greeting, sizeof(greeting),
                 "220 mail ESMTP Exim Sun, 22 Nov 2026 22:04:%02d +0000\r\n", (int)id);
        talk_whole(learner, id, greeting, "EHLO a\r\n", "250 hello\r\n");
    }
    const struct server_policy *server = compiled(100);
    const uint32_t generation = server->now.generation;
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert(server->now.greeting_template);
    cr_assert_eq(server->now.greeting_bytes, strlen(greeting));
    cr_assert_eq(memcmp(server->now.greeting, greeting, strlen(greeting)), 0, "as last learned");
    cr_assert_eq(server->now.greeting_prefix, strlen("220 mail ESMTP Exim "));
    cr_assert_eq(server->now.greeting_suffix, 2);
    store_at(store, 0)->cookies_until_us = 10 * COOKIE_LIFETIME_US;
    talk_whole(learner, 13, "220 mail ESMTP Exim Sun, 22 Nov 2026 23:00:00 +0000\r\n", "EHLO a\r\n",
               "250 hello\r\n");
    server = compiled(200);
    cr_assert_eq(server->now.generation, generation);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_eq(memcmp(server->now.greeting, greeting, strlen(greeting)), 0);
    store_at(store, 0)->cookies_until_us = 0;
    server = compiled(300);
    cr_assert_neq(server->now.generation, generation);
    cr_assert_neq(memcmp(server->now.greeting, greeting, strlen(greeting)), 0,
                  "calm: as last learned");
    cr_assert(profile_set(store_at(store, 0), "greeting", "exact", NULL));
    cr_assert_eq(compiled(400)->opening, OPENING_COOKIE);
}

/* A template that takes in more (the host counter) is another promise. */
Test(compile, template_that_grows_wider_is_another_promise)
{
    char greeting[96];
    for (uint64_t id = 1; id <= 12; id++) {
        snprintf(greeting, sizeof(greeting),
                 "220 mx ESMTP at 22:04:%02d, mail of the example organisation\r\n", (int)id);
        talk_whole(learner, id, greeting, "EHLO a\r\n", "250 hello\r\n");
    }
    const uint32_t generation = compiled(100)->now.generation;
    store_at(store, 0)->cookies_until_us = 10 * COOKIE_LIFETIME_US;
    for (uint64_t id = 13; id <= 15; id++) { /* one may be an accident, three are not */
        snprintf(greeting, sizeof(greeting),
                 "220 mx2 ESMTP at 23:00:%02d, mail of the example organisation\r\n", (int)id);
        talk_whole(learner, id, greeting, "EHLO a\r\n", "250 hello\r\n");
    }
    memset(&store_at(store, 0)->fidelity, 0xff, sizeof(store_at(store, 0)->fidelity.ring));
    const struct server_policy *server = compiled(200);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_neq(server->now.generation, generation);
    cr_assert_eq(server->now.greeting_prefix, 4);
    cr_assert_eq(server->before.greeting_prefix, strlen("220 mx ESMTP at "));
}

Test(compile, apop_is_spoken_for_without_its_timestamp_where_the_operator_allows)
{
    char greeting[64];
    for (uint64_t id = 1; id <= 12; id++) {
        snprintf(greeting, sizeof(greeting), "+OK ready <%d.7@host>\r\n", (int)id * 37);
        talk_whole(learner, id, greeting, "USER a\r\n", "+OK\r\n");
    }
    cr_assert_eq(compiled(1)->opening, OPENING_COOKIE);
    cr_assert(profile_set(store_at(store, 0), "greeting", "template", NULL));
    const struct server_policy *server = compiled(2);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_eq(server->now.greeting_bytes, 11);
    cr_assert_eq(memcmp(server->now.greeting, "+OK ready\r\n", 11), 0);
    cr_assert(server->now.greeting_template);
}

/* Its request check would not be asked for before it is opened, as nobody else could greet. */
Test(compile, mysql_is_opened_by_cookie)
{
    for (uint64_t id = 1; id <= 12; id++) {
        uint8_t greeting[79] = {75, 0, 0, 0, 10};
        memcpy(greeting + 5, "8.0.36-debian", 14);
        memset(greeting + 19, (int)('a' + id), 8); /* thread and salt */
        memcpy(greeting + 57, "mysql_native_password", 22);
        struct talk talk = talk_open(learner, id);
        talk_data(&talk, SIDE_SERVER, 0, 0, greeting, sizeof(greeting));
        talk.server_bytes = sizeof(greeting);
        talk_data(&talk, SIDE_CLIENT, 0, talk.server_bytes, "\x40\0\0\1\x85\xa6\xff\1aaaaaaaaaaaa",
                  20);
        talk_data(&talk, SIDE_SERVER, talk.server_bytes, 20, "\7\0\0\2\0\0\0\2\0\0\0", 11);
        talk_close(&talk);
        const struct profile *profile = store_at(store, 0);
        cr_assert_eq(profile_greeting_kind(profile), GREETING_VARIABLE,
                     "also where there was but one");
        cr_assert_eq(compiled(id)->opening, OPENING_COOKIE);
        cr_assert_eq(policy->servers[0].now.greeting_bytes, 0);
    }
    cr_assert_eq(store_at(store, 0)->protocol, PROTOCOL_MYSQL);
    cr_assert_eq(store_at(store, 0)->requests, 12);
    cr_assert_str_eq(enforced(),
                     "unchecked: its greeting changes; who does not wait for it is checked");
    cr_assert(profile_set(store_at(store, 0), "greeting", "template", NULL));
    cr_assert_eq(compiled(100)->opening, OPENING_COOKIE);
}

/* RFC 937: its requests are those of no file, and its clients get through. */
Test(compile, pop2_is_greeted_for_and_its_requests_have_a_pattern)
{
    char request[32];
    for (uint64_t id = 1; id <= 9; id++) {
        snprintf(request, sizeof(request), "HELO %s pw\r\n", &"qwertyuiopas"[id]);
        talk_whole(learner, id, "+ POP2 host.example server\r\n", request, "#3 messages\r\n");
    }
    const struct server_policy *server = compiled(1);
    cr_assert_eq(store_at(store, 0)->protocol, PROTOCOL_POP3);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_eq(policy_check_request(server, (const uint8_t *)"HELO new password\r\n", 19),
                 MATCH_YES);
    cr_assert_eq(policy_check_request(server, (const uint8_t *)GET, strlen(GET)), MATCH_NO);
}

/* Options are what begins here, or text; the clients wait, or do not. */
Test(compile, telnet_is_exact)
{
    for (uint64_t id = 1; id <= 10; id++) {
        struct talk talk = talk_open(learner, id);
        server_says(&talk, "Debian GNU/Linux 12\r\nat 22:04\r\n\xff\xfd\x18");
        client_says(&talk, "\xff\xfb\x18");
        server_says(&talk, "\xff\xfb\3login: ");
        talk_close(&talk);
    }
    const struct server_policy *server = compiled(1);
    cr_assert_eq(server->protocols, 1u << PROTOCOL_TELNET);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_not(server->now.greeting_template);
    cr_assert_eq(server->now.greeting_bytes, 34);
    for (uint64_t id = 11; id <= 30; id++)
        talk_whole(learner, id, id % 2 ? "Debian at 22:04\r\n" : "Debian at 22:05\r\n",
                   "\xff\xfb\x18", "\xff\xfb\3");
    cr_assert_eq(compiled(2)->opening, OPENING_COOKIE);
}

/* Of eight clients and more that speak by themselves, the slower ones are waited for; of SMTP's
 * nobody is. */
Test(compile, grace_is_measured)
{
    for (uint64_t id = 1; id <= 10; id++) {
        struct talk talk = talk_open(learner, id);
        talk_data(&talk, SIDE_CLIENT, 0, 0, "SSH-2.0-OpenSSH_9.2\r\n", 21);
        talk.client_bytes = talk.acked_by_server = 21;
        server_says(&talk, "SSH-2.0-OpenSSH_9.2\r\n");
        talk_data(&talk, SIDE_SERVER, talk.server_bytes, 21, "\0\0\4\x1c\x0a\x14", 6);
        talk_close(&talk);
        const uint32_t grace = compiled(id)->greeting_grace_us;
        cr_assert(id < 8 ? grace == 10000 : grace >= 1000 && grace <= 1250, "their gap is 1 ms: %u",
                  grace);
    }
    learner_forget(learner, &store_at(store, 0)->key);
    cr_assert_eq(policy->servers[0].opening, OPENING_GREET);
}

Test(compile, early_talkers_of_mail_are_not_waited_for)
{
    for (uint64_t id = 1; id <= 20; id++) {
        struct talk talk = talk_open(learner, id);
        if (id % 2)
            talk_data(&talk, SIDE_CLIENT, 0, 0, "EHLO a\r\n", 8);
        server_says(&talk, "220 here\r\n");
        if (id % 2 == 0)
            client_says(&talk, "EHLO a\r\n");
        talk_data(&talk, SIDE_SERVER, talk.server_bytes, 8, "250 hello\r\n", 11);
        talk_close(&talk);
    }
    cr_assert_eq(compiled(1)->greeting_protocol, PROTOCOL_SMTP);
    cr_assert_eq(policy->servers[0].greeting_grace_us, 0);
}

/* All of OpenSSH's clients speak at once; PuTTY's will wait. */
Test(compile, service_that_greets_late_is_greeted_for)
{
    for (uint64_t id = 1; id <= 10; id++) {
        struct talk talk = talk_open(learner, id);
        client_says(&talk, "SSH-2.0-OpenSSH_9.2\r\n");
        server_says(&talk, "SSH-2.0-OpenSSH_9.2\r\n");
        talk_data(&talk, SIDE_SERVER, talk.server_bytes, talk.acked_by_server, "\0\0\4\x1c\x0a\x14",
                  6);
        talk_close(&talk);
    }
    const struct server_policy *server = compiled(1);
    cr_assert_eq(server->protocols, 1u << PROTOCOL_SSH);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_eq(server->greeting_protocol, PROTOCOL_SSH);
}

static void waiting_flows(uint64_t from, uint64_t to, uint64_t silence_us)
{
    for (uint64_t id = from; id <= to; id++) {
        struct talk talk = talk_open(learner, id);
        talk.base.time_us += silence_us;
        server_says(&talk, "SSH-2.0-OpenSSH_9.2\r\n");
        client_says(&talk, "SSH-2.0-PuTTY\r\n");
        server_says(&talk, "\1\1\4\x1c\x0a\x14");
        talk_close(&talk);
    }
}

/* A multiplexer: it waits for its client, and greets who waits for it. */
Test(compile, who_waits_and_is_waited_for_is_opened_by_cookie)
{
    flows(1, 20, NULL, GET, OK);
    waiting_flows(21, 22, 150000);
    cr_assert_eq(compiled(1)->opening, OPENING_CHECK, "two may be anything");
    waiting_flows(23, 23, 150000);
    const struct server_policy *server = compiled(2);
    cr_assert_eq(server->opening, OPENING_COOKIE);
    cr_assert(server->checks_early, "who asks at once is checked");
    cr_assert_geq(server->early_grace_us, 20000);
    cr_assert_eq(server->now.greeting_bytes, 0);
    cr_assert_str_eq(enforced(),
                     "unchecked: some clients wait for its word; who does not is checked");
    waiting_flows(24, 50, 150000);
    cr_assert_eq(profile_speaks_first(store_at(store, 0)), SPEAKER_SERVER);
    cr_assert_eq(compiled(3)->opening, OPENING_COOKIE, "also where most wait");
    flows(51, 500, NULL, GET, OK);
    store_at(store, 0)->left_waiting = 4;
    cr_assert_eq(compiled(4)->opening, OPENING_CHECK, "one of a hundred, at least");
}

/* Both speak at once (IRC, BGP): who is heard first is chance, and each would go on without. */
Test(compile, who_greets_at_once_leaves_nobody_waiting)
{
    flows(1, 20, NULL, GET, OK);
    waiting_flows(21, 30, 1000);
    cr_assert_eq(store_at(store, 0)->left_waiting, 0);
    cr_assert_eq(compiled(1)->opening, OPENING_CHECK);
}

Test(compile, greeting_that_protocols_share_is_of_the_accepted_one)
{
    for (uint64_t id = 1; id <= 10; id++)
        talk_whole(learner, id, "220 here\r\n", "EHLO a\r\n", "250 hello\r\n");
    const struct server_policy *server = compiled(1);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_eq(server->greeting_protocol, PROTOCOL_SMTP, "whose early talkers are turned away");
}

Test(compile, unknown_service_is_checked_by_its_pattern)
{
    char request[32];
    for (uint64_t id = 1; id <= 8; id++) {
        snprintf(request, sizeof(request), "ZORK %d", (int)id);
        talk_whole(learner, id, "200 here\r\n", request, "201 hello\r\n");
    }
    const struct server_policy *server = compiled(1);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert(server->has_pattern);
    cr_assert_eq(server->protocols, 1u << PROTOCOL_UNKNOWN);
    cr_assert_str_eq(enforced(), "pattern, others at a low rate");
    cr_assert_eq(policy_check_request(server, (const uint8_t *)"ZORK 9", 6), MATCH_YES);
    cr_assert_eq(policy_check_request(server, (const uint8_t *)GET, strlen(GET)), MATCH_NO);
}

/* Eight requests say little: what misses their pattern may be right, until a hundred have proved
 * it. */
Test(compile, a_pattern_refuses_when_it_is_proved)
{
    char request[32];

    for (uint64_t id = 1; id <= 8; id++) {
        snprintf(request, sizeof(request), "MODE %d", (int)id);
        talk_whole(learner, id, NULL, request, "done\r\n");
    }
    cr_assert_eq(compiled(1)->unknown, UNKNOWN_MINOR);
    for (uint64_t id = 9; id <= 250; id++) {
        snprintf(request, sizeof(request), "MODE %d", (int)id);
        talk_whole(learner, id, NULL, request, "done\r\n");
    }
    cr_assert_eq(compiled(2)->unknown, UNKNOWN_PROBED);
    cr_assert_str_eq(enforced(), "pattern");
}

Test(compile, unknown_requests_beside_a_protocol_are_minor)
{
    flows(1, 8, NULL, GET, OK);
    cr_assert_eq(compiled(1)->unknown, UNKNOWN_REFUSED);
    talk_whole(learner, 9, NULL, "\001hello", "yes");
    cr_assert_eq(compiled(2)->unknown, UNKNOWN_REFUSED, "one client says so");
    for (uint64_t network = 1; network <= 3; network++)
        talk_whole(learner, network << 8, NULL, "\001hello", "yes");
    cr_assert_eq(compiled(3)->unknown, UNKNOWN_MINOR, "three networks do");
    cr_assert_str_eq(enforced(), "protocol, others at a low rate");
}

Test(compile, unknown_service_without_anything_in_common_refuses_what_is_unmistakable)
{
    char request[8] = "aaaaaa";
    for (uint64_t id = 1; id <= 10; id++) {
        memset(request, (int)('a' + id), 6);
        talk_whole(learner, id, NULL, request, "yes");
    }
    const struct server_policy *server = compiled(1);
    cr_assert(server->armed);
    cr_assert_eq(server->opening, OPENING_CHECK);
    cr_assert_eq(policy_refused_as(server, (const uint8_t *)"zzz", 3), REFUSED_LIMITED);
    cr_assert_str_eq(enforced(), "unchecked: requests have no pattern, only limits");
    cr_assert_eq(policy_refused_as(server, (const uint8_t *)GET, strlen(GET)), REFUSED_WRONG);
}

Test(compile, generation_changes_with_the_bytes_only)
{
    flows(1, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    const uint32_t first = compiled(100)->now.generation;
    flows(9, 12, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(compiled(200)->now.generation, first);
    cr_assert_not(compiled(300)->has_before);
    store_at(store, 0)->tcp.model.ttl = 63;
    const struct server_policy *server = compiled(400);
    cr_assert_neq(server->now.generation, first);
    cr_assert(server->has_before);
    cr_assert_eq(server->before.generation, first);
    cr_assert_eq(server->before_until_us, 400 + COOKIE_LIFETIME_US);
}

/* Bridges that share cookies know a promise by its bytes, whatever was promised before. */
Test(compile, generation_of_a_shared_store_is_a_hash)
{
    flows(1, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    const uint32_t counted = compiled(100)->now.generation;
    store_share(store, true);
    const uint32_t first = compiled(200)->now.generation;
    cr_assert_neq(first, counted);
    const uint8_t ttl = store_at(store, 0)->tcp.model.ttl;
    store_at(store, 0)->tcp.model.ttl = 63;
    compiled(300);
    const uint32_t second = compiled(300 + 5 * SECOND_US)->now.generation;
    cr_assert_neq(second, first);
    cr_assert_eq(compiled(400 + 5 * SECOND_US)->before.generation, first);
    store_at(store, 0)->tcp.model.ttl = ttl;
    compiled(300 + 2 * COOKIE_LIFETIME_US);
    cr_assert_eq(compiled(300 + 2 * COOKIE_LIFETIME_US + 5 * SECOND_US)->now.generation, first);
}

/* All of them take it first, and then one after the other makes it. */
Test(compile, promise_of_a_shared_store_is_good_before_it_is_made)
{
    const struct server_policy *server;

    flows(1, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    store_share(store, true);
    server = compiled(100);
    cr_assert(server->armed);
    cr_assert_not(server->has_before, "nobody can have had another one");
    const uint32_t first = server->now.generation;
    store_at(store, 0)->tcp.model.ttl = 63;
    store_at(store, 0)->cookies_until_us = 10 * COOKIE_LIFETIME_US;
    server = compiled(200);
    cr_assert_eq(server->now.generation, first);
    cr_assert(server->has_before);
    const uint32_t second = server->before.generation;
    cr_assert_neq(second, first);
    cr_assert_eq(policy->due_us, 200 + 5 * SECOND_US);
    server = compiled(199 + 5 * SECOND_US);
    cr_assert_eq(server->now.generation, first);
    cr_assert_eq(server->before.generation, second);
    cr_assert_eq(policy->due_us, 200 + 5 * SECOND_US, "it is not put off");
    server = compiled(200 + 5 * SECOND_US);
    cr_assert_eq(server->now.generation, second);
    cr_assert_eq(server->before.generation, first);
    cr_assert_eq(server->before_until_us, 200 + 5 * SECOND_US + COOKIE_LIFETIME_US);
    cr_assert_eq(policy->due_us, 0);
    store_at(store, 0)->tcp.model.ttl = 62; /* clients may hold cookies of both */
    server = compiled(10 * SECOND_US);
    cr_assert_eq(server->now.generation, second);
    cr_assert_eq(server->before.generation, first);
}

Test(compile, third_promise_waits_while_cookies_are_out)
{
    flows(1, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    struct profile *profile = store_at(store, 0);
    const uint32_t first = compiled(100)->now.generation;
    profile->cookies_until_us = 10 * COOKIE_LIFETIME_US;
    profile->tcp.model.ttl = 63;
    const uint32_t second = compiled(200)->now.generation;
    profile->tcp.model.ttl = 62;
    const struct server_policy *server = compiled(300);
    cr_assert_eq(server->now.generation, second);
    cr_assert_eq(server->now.synack.ttl, 63);
    cr_assert_eq(server->before.generation, first);
    server = compiled(200 + COOKIE_LIFETIME_US);
    cr_assert_eq(server->now.synack.ttl, 62);
    cr_assert_eq(server->before.generation, second);
    profile->cookies_until_us = 0;
    profile->tcp.model.ttl = 61;
    server = compiled(300 + COOKIE_LIFETIME_US);
    cr_assert_eq(server->now.synack.ttl, 61, "nobody holds a cookie: at once");
}

Test(compile, greeting_learned_anew_waits_for_its_promise_and_the_old_one_is_never_sent)
{
    flows(1, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(compiled(100)->opening, OPENING_GREET);
    struct profile *profile = store_at(store, 0);
    profile->cookies_until_us = 10 * COOKIE_LIFETIME_US;
    memset(&profile->greeting, 0, sizeof(profile->greeting));
    profile->requests = 0;
    cr_assert_eq(compiled(200)->opening, OPENING_COOKIE);
    flows(9, 16, "+OK changed\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert(profile_armed(profile));
    cr_assert_eq(compiled(300)->opening, OPENING_COOKIE, "cookies of two promises are out");
    const struct server_policy *server = compiled(200 + COOKIE_LIFETIME_US);
    cr_assert_eq(server->opening, OPENING_GREET);
    cr_assert_eq(server->now.greeting_bytes, 13);
}

Test(compile, promise_of_another_greeting_that_is_still_in_force_is_not_sent)
{
    flows(1, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    struct profile *profile = store_at(store, 0);
    compiled(100);
    profile->tcp.model.ttl = 63;
    cr_assert_eq(compiled(200)->opening, OPENING_GREET);
    profile->cookies_until_us = 10 * COOKIE_LIFETIME_US;
    profile->tcp.model.ttl = 64;
    memset(&profile->greeting, 0, sizeof(profile->greeting));
    flows(9, 16, "+OK changed\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert(profile_armed(profile));
    const struct server_policy *server = compiled(300);
    cr_assert_eq(server->now.greeting_bytes, 11, "the third waits");
    cr_assert_eq(server->opening, OPENING_COOKIE);
}

Test(compile, servers_stand_in_the_order_that_the_engine_searches)
{
    for (uint16_t i = 0; i < 500; i++) {
        const uint8_t v4[4] = {10, 0, (uint8_t)(i * 7), (uint8_t)(i * 13)};
        const struct server_key key = {.addr = addr_from_v4(v4), .port = (uint16_t)(i * 4099)};
        store_add(store, &key);
    }
    policy = policy_compile(store, NULL, 1);
    for (size_t i = 0; i < store_count(store); i++)
        cr_assert_not_null(policy_find(policy, &store_at(store, i)->key));
}

#define OTHER "GET / HTTP/1.1\r\nHost: b\r\n\r\n"

static enum match checked(const struct server_policy *server, const char *request)
{
    return policy_check_request(server, (const uint8_t *)request, strlen(request));
}

Test(compile, keywords_are_checked_where_that_is_set)
{
    flows(1, 8, NULL, GET, OK);
    cr_assert_eq(checked(compiled(1), OTHER), MATCH_YES);
    cr_assert(profile_set(store_at(store, 0), "check", "keyword", NULL));
    const struct server_policy *server = compiled(2);
    cr_assert_eq(server->opening, OPENING_CHECK);
    cr_assert(server->check_keywords);
    cr_assert_eq(checked(server, GET), MATCH_YES);
    cr_assert_eq(checked(server, OTHER), MATCH_NO);
    cr_assert_eq(checked(server, "SSH-2.0-x\r\n"), MATCH_NO);
    flows(9, 9, NULL, OTHER, "HTTP/1.1 421 Misdirected\r\n\r\n");
    cr_assert_eq(checked(compiled(3), OTHER), MATCH_NO, "it was refused");
    flows(10, 10, NULL, OTHER, OK);
    cr_assert_eq(checked(compiled(4), OTHER), MATCH_YES);
}

Test(compile, keyword_check_without_keywords_is_one_by_protocol)
{
    flows(1, 8, NULL, "SSH-2.0-x\r\n", "SSH-2.0-y\r\n");
    flows(9, 17, NULL, GET, OK);
    struct profile *profile = store_at(store, 0);
    profile->settings.check = CHECK_KEYWORD;
    memset(&profile->keywords, 0, sizeof(profile->keywords)); /* as an older store may say */
    const struct server_policy *server = compiled(1);
    cr_assert_not(server->check_keywords);
    cr_assert_eq(checked(server, OTHER), MATCH_YES);
    cr_assert_eq(checked(server, "\023BitTorrent protocol"), MATCH_NO);
}

/* Encrypted peers look random; the operator wants the others' hashes checked all the same. */
Test(compile, keyword_check_holds_beside_what_nothing_describes)
{
    char request[8] = "aaaaaa";
    flows(1, 8, NULL, GET, OK);
    for (uint64_t id = 1; id <= 10; id++) {
        memset(request, (int)('k' + id), 6);
        talk_whole(learner, id << 8, NULL, request, "yes");
    }
    cr_assert_eq(compiled(1)->unknown, UNKNOWN_MINOR);
    cr_assert(profile_set(store_at(store, 0), "check", "keyword", NULL));
    const struct server_policy *server = compiled(2);
    cr_assert_eq(server->unknown, UNKNOWN_REFUSED);
    cr_assert_eq(server->opening, OPENING_CHECK);
    cr_assert_eq(checked(server, GET), MATCH_YES);
    cr_assert_eq(checked(server, "\001zzzzz"), MATCH_NO);
}

Test(compile, opened_for_a_beginning_where_the_operator_says_so)
{
    flows(1, 8, NULL, GET, OK);
    cr_assert_not(compiled(1)->opens_begun);
    cr_assert(profile_set(store_at(store, 0), "request", "begun", NULL));
    cr_assert(compiled(2)->opens_begun);
    cr_assert(profile_set(store_at(store, 0), "request", "whole", NULL));
    cr_assert_not(compiled(3)->opens_begun);
}

static void signed_handshake(uint64_t id, uint8_t option, bool completed)
{
    struct synack_features granted = {.mss = 1460, .window = 65160, .window_scale = 7, .ttl = 64};
    struct talk talk;

    granted.layout_bytes = 2;
    granted.layout[0] = TCP_OPT_MSS;
    granted.layout[1] = option;
    talk = talk_synack(learner, id, OFFER_MSS | OFFER_SIGNED, &granted);
    if (completed)
        talk_establish(&talk);
    talk_close(&talk);
}

/* What a server has signed itself it also verifies. */
Test(compile, signed_syns_pass_to_who_was_seen_to_sign)
{
    flows(1, 8, NULL, GET, OK);
    cr_assert_eq(compiled(1)->signs, 0);
    signed_handshake(20, TCP_OPT_MD5, false);
    cr_assert_eq(compiled(2)->signs, 0, "nobody had the key");
    signed_handshake(21, TCP_OPT_NOP, true);
    cr_assert_eq(compiled(3)->signs, 0, "answered as if the option was not there");
    for (uint64_t id = 22; id < 25; id++)
        signed_handshake(id, TCP_OPT_MD5, true);
    cr_assert_eq(compiled(4)->signs, OPTION_MD5);
    cr_assert(profile_set(store_at(store, 0), "signed", "both", NULL));
    cr_assert_eq(compiled(5)->signs, OPTION_AUTHENTICATED);
    cr_assert(profile_set(store_at(store, 0), "signed", "none", NULL));
    cr_assert_eq(compiled(6)->signs, 0);
    cr_assert(profile_set(store_at(store, 0), "signed", "default", NULL));
    cr_assert_eq(compiled(7)->signs, OPTION_MD5);
}

/* A signature takes the place of options that others are granted: that is no change of the server's
 * ways. */
Test(compile, signed_handshakes_disarm_nothing)
{
    flows(1, 8, NULL, GET, OK);
    const struct synack_model before = compiled(1)->now.synack;
    for (uint64_t id = 20; id < 60; id++)
        signed_handshake(id, TCP_OPT_MD5, true);
    cr_assert(compiled(2)->armed);
    cr_assert_eq(policy->servers[0].now.synack.timestamps, before.timestamps);
    cr_assert_eq(policy->servers[0].now.synack.sack, before.sack);
}

/* Other bridges are told when what is promised or enforced has changed, and not for each client. */
Test(compile, mark_changes_with_what_is_in_force)
{
    char first[MARK_TEXT_BYTES], now[MARK_TEXT_BYTES];

    flows(1, 12, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    profile_mark(store_at(store, 0), first);
    flows(13, 20, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_str_eq(profile_mark(store_at(store, 0), now), first);
    store_at(store, 0)->held_peak = 77;
    cr_assert_str_eq(profile_mark(store_at(store, 0), now), first);
    store_at(store, 0)->tcp.model.ttl = 63;
    cr_assert_str_neq(profile_mark(store_at(store, 0), now), first);
    strcpy(first, now);
    store_at(store, 0)->settings.open_per_second = 5;
    cr_assert_str_neq(profile_mark(store_at(store, 0), now), first);
}

/* What another bridge teaches is not learned here, as long as that bridge lives. */
Test(compile, who_is_taught_learns_nothing)
{
    static const uint64_t teachers[] = {7, 9};
    struct profile *profile;

    flows(1, 8, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    profile = store_at(store, 0);
    profile->teacher = 9;
    store_set_teachers(store, teachers, 2);
    flows(9, 12, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(profile->handshakes, 8);
    store_set_teachers(store, teachers, 1);
    flows(13, 14, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(profile->handshakes, 10);
}
