/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_triggers.c - each flood puts its server into attack mode before 1,000 of its SYNs have
 * reached it, honest crowds do not, and calm returns (rule 6).
 */
#include <criterion/criterion.h>

#include "tests/sim/siege.h"

#define SYNS_MOST 1000u

/* Attack mode by this cause, few SYNs at the server, and normal mode again 35 s after the flood at
 * the latest. */
static void switched_in_time(struct siege *s, enum siege_kind kind, enum trigger_cause cause)
{
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_ATTACK);
    cr_assert_eq(s->switches, 1);
    cr_assert_eq(s->trigger.cause, cause, "cause %d", (int)s->trigger.cause);
    cr_assert_leq(s->syns_at_server[kind], SYNS_MOST, "%u SYNs", s->syns_at_server[kind]);
    cr_assert_eq(siege_mode(s, POP3_PORT), MODE_NORMAL, "the other server is not attacked");
}

static void calm_returns(struct siege *s)
{
    siege_wait(s, 25 * SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_ATTACK);
    siege_wait(s, 10 * SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_NORMAL);
    /* Honest clients do not bring it back, although half-open connections of the flood still stand.
     */
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 50, 60 * SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_NORMAL);
    cr_assert_eq(s->switches, 1);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    cr_assert_eq(s->reset[KIND_HONEST], 0);
}

static struct siege *siege_of(uint64_t rtt_us)
{
    struct siege *s = siege_new(NULL);

    s->rtt_us = rtt_us;
    siege_known(s, HTTP_PORT);
    siege_known(s, POP3_PORT);
    return s;
}

Test(triggers, spoofed_syns)
{
    struct siege *s = siege_of(1000);

    siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 100000, 2 * SECOND_US);
    switched_in_time(s, KIND_SPOOFED, TRIGGER_HALF_OPEN);
    cr_assert_leq(s->syns_at_server[KIND_SPOOFED], 202);
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 100, SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    calm_returns(s);
    siege_end(s);
}

Test(triggers, silent_clients_of_real_addresses)
{
    struct siege *s = siege_of(1000);

    siege_flood(s, KIND_SILENT, true, HTTP_PORT, 20000, 2 * SECOND_US);
    switched_in_time(s, KIND_SILENT, TRIGGER_SILENT);
    siege_end(s);
}

Test(triggers, few_silent_clients_a_second)
{
    struct siege *s = siege_of(20000);

    siege_flood(s, KIND_SILENT, true, HTTP_PORT, 200, 10 * SECOND_US);
    switched_in_time(s, KIND_SILENT, TRIGGER_SILENT);
    cr_assert_leq(s->syns_at_server[KIND_SILENT], 400);
    siege_wait(s, SECOND_US);
    calm_returns(s);
    siege_end(s);
}

Test(triggers, wrong_requests_where_the_trigger_is_set)
{
    struct siege *s = siege_of(1000);

    siege_policy(s, HTTP_PORT)->triggers.limit[TRIGGER_MISMATCH] = 100;
    siege_flood(s, KIND_WRONG, true, HTTP_PORT, 5000, 2 * SECOND_US);
    switched_in_time(s, KIND_WRONG, TRIGGER_MISMATCH);
    calm_returns(s);
    siege_end(s);
}

/* Right requests of few sources at an unusual rate: the accept queue tells, or the SYN rate where
 * it is set. */
Test(triggers, right_requests_at_an_unusual_rate)
{
    struct siege *s = siege_of(1000);

    siege_policy(s, HTTP_PORT)->triggers.limit[TRIGGER_SYN_RATE] = 10;
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 20, 90 * SECOND_US);
    cr_assert_eq(s->switches, 0);
    s->syns_at_server[KIND_HONEST] = 0;
    siege_flood(s, KIND_HONEST, false, HTTP_PORT, 5000, SECOND_US / 10);
    cr_assert_eq(s->trigger.cause, TRIGGER_SYN_RATE);
    cr_assert_leq(s->syns_at_server[KIND_HONEST], SYNS_MOST);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    siege_end(s);
}

Test(triggers, filling_accept_queue)
{
    struct siege *s = siege_of(1000);
    struct server_key key = {.port = HTTP_PORT};

    cr_assert(addr_from_text(SERVER_V4, &key.addr));
    engine_set_accept_queue(s->middle->engine, &key, 103, 128, s->now_us);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_ATTACK, "at once, not with the next frame");
    siege_wait(s, SECOND_US);
    cr_assert_eq(siege_mode(s, POP3_PORT), MODE_NORMAL);
    siege_end(s);
}

Test(triggers, a_client_that_makes_the_server_refuse)
{
    struct siege *s = siege_of(1000);

    siege_policy(s, HTTP_PORT)->triggers.limit[TRIGGER_REFUSED] = 100;
    siege_flood(s, KIND_REFUSED, false, HTTP_PORT, 1000, SECOND_US);
    switched_in_time(s, KIND_REFUSED, TRIGGER_REFUSED);
    siege_end(s);
}

/* Five a second: never more than 400 stand at the server at once, whatever the mode. */
Test(triggers, slow_trickle_of_half_open_connections)
{
    struct siege *s = siege_of(1000);
    uint32_t most = 0;

    for (uint32_t second = 0; second < 300; second++) {
        uint32_t before = s->syns_at_server[KIND_SPOOFED];

        siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 5, SECOND_US);
        siege_client(s, KIND_HONEST, true, HTTP_PORT);
        most = s->syns_at_server[KIND_SPOOFED] - before > most
                   ? s->syns_at_server[KIND_SPOOFED] - before
                   : most;
    }
    siege_wait(s, SECOND_US);
    cr_assert_geq(s->switches, 1);
    cr_assert_leq(most, 5);
    cr_assert_leq(s->syns_at_server[KIND_SPOOFED], 1500);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    cr_assert_eq(s->reset[KIND_HONEST], 0);
    siege_end(s);
}

/* 5,000 clients within 2 s, over a way of 20 ms: 50 are half-open at any time. */
Test(triggers, honest_crowd_does_not_switch)
{
    struct siege *s = siege_of(20000);

    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 2500, 2 * SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->switches, 0);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    siege_end(s);
}

/* The same over 200 ms switches; nobody is turned away or put aside for it. */
Test(triggers, honest_crowd_from_far_away_loses_nothing_by_the_switch)
{
    struct siege *s = siege_of(200000);

    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 2500, 2 * SECOND_US);
    siege_wait(s, 2 * SECOND_US);
    cr_assert_eq(s->switches, 1);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    cr_assert_eq(s->reset[KIND_HONEST], 0);
    cr_assert_eq(s->asides, 0);
    siege_end(s);
}

Test(triggers, full_speed_does_not_switch)
{
    struct siege *s = siege_of(100);

    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 25000, 3 * SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->switches, 0);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    siege_end(s);
}

/* Its answers take another way: whatever comes, it stays in normal mode. */
Test(triggers, asymmetric_path_never_switches)
{
    struct siege *s = siege_of(1000);

    s->mute = true;
    /* Before that its silence may be a full backlog. */
    siege_wait(s, 60 * SECOND_US);
    siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 5000, 2 * SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->switches, 0);
    cr_assert_eq(s->syns_at_server[KIND_SPOOFED], s->begun[KIND_SPOOFED]);
    siege_end(s);
}

/* A flood that comes back just after the return: the limits are doubled then, and it is stopped all
 * the same. */
Test(triggers, flood_right_after_the_return)
{
    struct siege *s = siege_of(1000);

    siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 10000, 5 * SECOND_US);
    siege_wait(s, 35 * SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_NORMAL);
    s->syns_at_server[KIND_SPOOFED] = 0;
    siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 10000, SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_ATTACK);
    cr_assert_leq(s->syns_at_server[KIND_SPOOFED], 402);
    siege_end(s);
}

/* A crowd, then 30 s in attack mode under a flood and an honest load: the flood does not end the
 * protection. */
Test(triggers, long_flood_keeps_attack_mode)
{
    struct siege *s = siege_of(1000);

    for (uint32_t i = 0; i < 60; i++) {
        siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 1000, SECOND_US);
        siege_client(s, KIND_HONEST, true, HTTP_PORT);
    }
    cr_assert_eq(s->switches, 1);
    cr_assert_eq(s->returns, 0);
    cr_assert_leq(s->syns_at_server[KIND_SPOOFED], 202);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    siege_end(s);
}

/* --- a small backlog ------------------------------------------------------------------------- */

static struct siege *siege_of_backlog(uint32_t backlog)
{
    struct siege *s = siege_of(1000);

    s->backlog = backlog;
    return s;
}

/* Honest clients say their SYN once here: from the second second on each is answered at once. */
Test(triggers, small_backlog_under_a_flood)
{
    struct siege *s = siege_of_backlog(16);

    s->next[KIND_SPOOFED] = 220; /* from the end of one network into the next */
    siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 100, 1700000);
    switched_in_time(s, KIND_SPOOFED, TRIGGER_UNANSWERED);
    siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 100, 500000);
    cr_assert_geq(engine_counters(s->middle->engine)->flows_freed, 16, "the backlog is free soon");
    for (uint32_t i = 0; i < 60; i++) {
        siege_client(s, KIND_HONEST, true, HTTP_PORT);
        siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 100, SECOND_US);
    }
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    cr_assert_eq(s->returns, 0, "the flood is below all other limits, and keeps the mode");
    calm_returns(s);
    siege_end(s);
}

/* 17 SYNs and no more: it is those whom the server does not answer that tell. */
Test(triggers, small_backlog_filled_once)
{
    struct siege *s = siege_of_backlog(16);

    siege_flood(s, KIND_SPOOFED, true, HTTP_PORT, 1000, 17000);
    siege_wait(s, 2 * SECOND_US);
    cr_assert_eq(s->switches, 0);
    s->next[KIND_HONEST] = 253; /* the next three at .0.255 to .1.1 */
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 1, 3 * SECOND_US);
    siege_wait(s, 2 * SECOND_US);
    switched_in_time(s, KIND_SPOOFED, TRIGGER_UNANSWERED);
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 1, 3 * SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST] - 3);
    siege_end(s);
}

/* One network, say one host behind a bad line, is not enough. */
Test(triggers, unanswered_syns_of_one_network_do_not_switch)
{
    struct siege *s = siege_of(1000);

    s->down = true;
    siege_flood(s, KIND_HONEST, false, HTTP_PORT, 10, 20 * SECOND_US);
    cr_assert_eq(s->switches, 0);
    siege_end(s);
}

/* A server that is down is put into attack mode at most once, and left alone after a minute. */
Test(triggers, server_that_is_down_is_left_alone)
{
    struct siege *s = siege_of(1000);

    s->down = true;
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 3, 90 * SECOND_US);
    cr_assert_leq(s->switches, 2);
    siege_wait(s, 35 * SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_NORMAL);
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 3, 90 * SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_NORMAL);
    s->down = false;
    s->begun[KIND_HONEST] = s->served[KIND_HONEST] = 0;
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 3, 10 * SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(siege_mode(s, HTTP_PORT), MODE_NORMAL, "nor is it when it is back");
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    siege_end(s);
}

/* A filter before the server swallows the SYNs of those whom it has banned: the others are
 * answered. */
Test(triggers, banned_clients_of_a_server_that_keeps_up)
{
    struct siege *s = siege_of(1000);

    for (uint32_t i = 0; i < 600; i++) {
        s->down = i % 10 == 9;
        siege_client(s, s->down ? KIND_SPOOFED : KIND_HONEST, true, HTTP_PORT);
        siege_wait(s, SECOND_US / 10);
    }
    cr_assert_eq(s->switches, 0);
    siege_end(s);
}
