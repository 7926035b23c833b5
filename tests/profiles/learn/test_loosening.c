/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_loosening.c - what one network asks for, and what several do. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "profiles/model/loosening.h"
#include "tests/profiles/observations.h"

#define GET     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK      "HTTP/1.1 200 OK\r\n\r\n"
#define UNKNOWN (UINT64_C(1) << PROTOCOL_UNKNOWN)

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

TestSuite(loosening, .init = begin, .fini = end);

static struct profile *server(void)
{
    const struct server_key key = test_server();

    return store_find(store, &key);
}

/* Connection `number` of a network: the /24 is in the upper bits of the id (observations.h). */
static uint64_t of(uint64_t network, uint64_t number)
{
    return network << 8 | number;
}

static void web_server(uint64_t networks)
{
    for (uint64_t i = 0; i < 12; i++)
        talk_whole(learner, of(i % networks, 1 + i), NULL, GET, OK);
    cr_assert(profile_armed(server()));
}

static void old_request(uint64_t network, uint64_t number)
{
    char request[32];

    snprintf(request, sizeof(request), "%c%c%c /x\r\n", (char)('a' + number % 26),
             (char)('b' + number % 5), (char)('c' + number % 7));
    talk_whole(learner, of(network, number), NULL, request, "the page");
}

/* HTTP/0.9 of one network switched the check off for all. */
Test(loosening, one_network_changes_nothing_however_much_it_asks)
{
    web_server(3);
    for (uint64_t i = 20; i < 220; i++)
        old_request(9, i);
    cr_assert_eq(server()->accepted, UINT64_C(1) << PROTOCOL_HTTP);
    cr_assert(profile_armed(server()));
    cr_assert_eq(profile_check(server()), CHECK_PROTOCOL);
}

Test(loosening, three_networks_add_a_form)
{
    web_server(3);
    for (uint64_t network = 5; network <= 7; network++) {
        cr_assert_eq(server()->accepted & UNKNOWN, 0);
        old_request(network, 1);
    }
    cr_assert_eq(server()->accepted & UNKNOWN, UNKNOWN);
    cr_assert(server()->accepted >> PROTOCOL_HTTP & 1, "and take none away");
}

/* Names that nobody has: those of one network make room for those that two ask for. */
Test(loosening, one_network_fills_no_set_of_names)
{
    char request[128];

    web_server(3);
    for (uint64_t i = 0; i < 400; i++) {
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: made-up-%d\r\n\r\n",
                 (int)(i / 2));
        talk_whole(learner, of(9, i % 200), NULL, request, OK);
    }
    for (uint64_t network = 1; network <= 2; network++)
        talk_whole(learner, of(network, 250), NULL, "GET / HTTP/1.1\r\nHost: newcomer\r\n\r\n", OK);
    for (uint64_t i = 0; i < 400; i++) {
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: again-%d\r\n\r\n",
                 (int)(i / 2));
        talk_whole(learner, of(9, i % 200), NULL, request, OK);
    }
    const struct keyword_set *set = &server()->keywords;
    bool found = false;
    uint16_t at = 0;
    size_t text_at = 0;
    const uint8_t *name;

    while ((name = keyword_set_next(set, &at, &text_at)) != NULL)
        found |= set->entries[at - 1].bytes == 8 && memcmp(name, "newcomer", 8) == 0;
    cr_assert(found);
}

/* A connection that we opened, in attack mode. */
static void opened_request(uint64_t network, uint64_t number, const char *request)
{
    const struct synack_features granted = test_synack();
    struct talk talk = {.learner = learner};
    const uint8_t v4[4] = {10, 77, (uint8_t)network, (uint8_t)number};
    struct observation synack;

    talk.base = (struct observation){.opened = true,
                                     .flow_id = of(network, number),
                                     .time_us = of(network, number) * 1000000,
                                     .server = test_server(),
                                     .client = addr_from_v4(v4),
                                     .client_port = (uint16_t)number};
    synack = talk.base;
    synack.handshake = (struct observed_handshake){.offered = OFFER_ALL, .granted = granted};
    talk_observe(&talk, &synack, OBSERVED_SYNACK);
    talk_establish(&talk);
    client_says(&talk, request);
    server_says(&talk, "\6\xff");
    talk_close(&talk);
}

/* As SOCKS is, of a version that no file knows. */
static void proxy_of_socks(void)
{
    for (uint64_t i = 0; i < 12; i++)
        talk_whole(learner, of(i % 2, 1 + i), NULL, i % 2 ? "\6\1\2" : "\6\2\1\2", "\6\2");
    cr_assert(profile_armed(server()));
    cr_assert(pattern_model_common(&server()->pattern));
    cr_assert_not(pattern_model_proved(&server()->pattern));
}

/* microsocks answers whatever it is asked: what no file knows must not wash its pattern away. */
Test(loosening, one_attacker_widens_no_pattern_however_new)
{
    proxy_of_socks();
    for (uint64_t i = 0; i < 200; i++)
        opened_request(1, 100 + i % 100, i % 2 ? "\xa7random" : "who are you");
    cr_assert(pattern_model_common(&server()->pattern));
    for (uint64_t network = 10; network < 13; network++)
        opened_request(network, 100, "\7\1\1\1");
    cr_assert_not(pattern_model_common(&server()->pattern), "several networks may");
}

/* In calm one client of another kind is enough: eight requests tell little. */
Test(loosening, in_calm_a_new_pattern_is_widened_by_anybody)
{
    proxy_of_socks();
    talk_whole(learner, of(1, 99), NULL, "\7\1\1\1", "\1\x5a");
    cr_assert_not(pattern_model_common(&server()->pattern));
}
