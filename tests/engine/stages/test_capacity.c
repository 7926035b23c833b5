/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/capacity.c: a server that can serve fewer than its mark.
 *
 * It is longer than most: each way to find a server's mark, and each way to hold clients to it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/stages/capacity.h"
#include "engine/stages/held.h"
#include "engine/tcp/grant.h"
#include "tests/engine/support_engine.h"

#define ASKED (X + 1 + sizeof(REQUEST) - 1)
#define POST  "POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n"

#define AT_ONCE 8

/* A server that answered at once in calm, and is attacked. */
static struct bench *attacked_of(uint32_t flows)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = flows;
    config.openings_max = 64;
    config.slots_max = 1024;
    config.held_least = 64;
    b = bench_new_sized(SETTING_ATTACK, &config);
    for (int i = 0; i < ANSWERS_KNOWN; i++)
        answer_note(&bench_server(b, HTTP)->answers, 0, 1, 0);
    return b;
}

static struct bench *attacked(void)
{
    return attacked_of(1024);
}

/* From here on 198.51.`number`.1:1000 speaks. */
static void client(struct bench *b, unsigned number)
{
    snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.1:1000", number);
    b->client = b->client_text;
}

static void opens_it(struct bench *b, const char *request)
{
    uint32_t isn;

    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = request);
    while (!(take(b, SIDE_SERVER)->flags & TCP_SYN))
        ;
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    bench_forget(b);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
}

static void opens(struct bench *b, unsigned number, const char *request)
{
    client(b, number);
    opens_it(b, request);
}

static void is_answered(struct bench *b, unsigned number)
{
    client(b, number);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = ASKED, .payload = "HTTP/1.1 200 OK");
    bench_forget(b);
}

/* It serves these, and no others. */
static void serves(struct bench *b, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        opens(b, i, REQUEST);
        is_answered(b, i);
        bench_wait(b, SECOND_US * 26 / 100); /* that is seen */
    }
}

/* Its request waits: what is said to it meanwhile is no SYN to the server. */
static void waits(struct bench *b, unsigned number)
{
    uint32_t isn;

    client(b, number);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = REQUEST);
    nothing(b);
    cr_assert_str_eq(bench_flow_state(b), "kept");
}

/* So many were served within 2 s each just now. */
static void handed_over_at_once(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        rate_add(&bench_server(b, HTTP)->quick, b->now_us);
}

/* It is opened now, if ever. */
static bool had_its_turn(struct bench *b, unsigned number)
{
    bench_wait(b, SECOND_US / 25);
    bench_forget(b);
    client(b, number);
    return strcmp(bench_flow_state(b), "opening") == 0;
}

static uint32_t mark(struct bench *b)
{
    return held_mark(b->engine, bench_server(b, HTTP));
}

Test(capacity, mark_falls_to_what_was_held)
{
    struct bench *b = attacked();

    serves(b, 1, 10);
    bench_wait(b, SECOND_US);
    for (unsigned i = 11; i <= 18; i++)
        opens(b, i, REQUEST);
    bench_wait(b, 9 * SECOND_US / 10);
    cr_assert_eq(mark(b), 64, "it may be slow");
    bench_wait(b, SECOND_US / 2);
    cr_assert_leq(mark(b), 10 + 1);
    cr_assert_geq(mark(b), 10);
    cr_assert_eq(bench_counters(b)->flows_ended, 0, "it is not known whether they are slow");
    bench_forget(b);
    for (unsigned i = 11; i <= 18; i++) {
        client(b, i);
        cr_assert_str_eq(bench_flow_state(b), "spliced", "they stand in line");
    }
    bench_wait(b, 3 * SECOND_US);
    for (unsigned i = 1; i <= 10; i++) {
        client(b, i);
        cr_assert_str_neq(bench_flow_state(b), "spliced", "they ask nothing");
    }
    bench_forget(b);
    bench_end(b);
}

/* What holds the places may have been asked for a body: it is not known how many they are. */
Test(capacity, mark_falls_by_half)
{
    struct bench *b = attacked();

    handed_over_at_once(b, 41);
    for (unsigned i = 1; i <= 40; i++)
        opens(b, i, POST);
    opens(b, 41, REQUEST);
    bench_wait(b, 3 * SECOND_US / 2);
    cr_assert_eq(mark(b), 20);
    bench_wait(b, 20 * SECOND_US);
    cr_assert_leq(mark(b), 5);
    bench_forget(b);
    bench_end(b);
}

/* A long poll beside answers that are under way: it is not the places that are missing. */
Test(capacity, as_many_as_it_answers_now_are_its_places)
{
    struct bench *b = attacked();

    handed_over_at_once(b, 21);
    for (unsigned i = 1; i <= 20; i++)
        opens(b, i, POST);
    serves(b, 21, 40);
    opens(b, 41, REQUEST);
    bench_wait(b, 3 * SECOND_US);
    cr_assert_eq(mark(b), 20);
    bench_forget(b);
    bench_end(b);
}

/* One that waits may have asked for what takes long: idle ones stay. */
Test(capacity, idle_ones_go_where_several_networks_are_stuck)
{
    for (unsigned networks = 1; networks <= 2; networks++) {
        struct bench *b = attacked();

        serves(b, 1, 30);
        bench_wait(b, 5 * SECOND_US);
        for (unsigned i = 0; i < networks; i++)
            opens(b, 31 + i, REQUEST);
        bench_wait(b, 8 * SECOND_US);
        if (networks == 1)
            cr_assert_eq(bench_counters(b)->flows_ended, 0);
        else
            cr_assert_geq(bench_counters(b)->flows_ended, 15);
        bench_forget(b);
        bench_end(b);
    }
}

/* As many as there were in calm: what is there does not stand in anybody's way. */
Test(capacity, idle_ones_stay_where_calm_had_as_many)
{
    struct bench *b = attacked();

    bench_server(b, HTTP)->held_peak = 40;
    serves(b, 1, 30);
    bench_wait(b, 5 * SECOND_US);
    opens(b, 31, REQUEST);
    opens(b, 32, REQUEST);
    bench_wait(b, 8 * SECOND_US);
    cr_assert_eq(bench_counters(b)->flows_ended, 0);
    bench_forget(b);
    bench_end(b);
}

/* Two long polls of two networks, and one that has waited for two seconds. */
Test(capacity, who_waits_for_long_makes_no_crowd)
{
    struct bench *b = attacked();

    serves(b, 1, 30);
    opens(b, 31, REQUEST);
    opens(b, 32, REQUEST);
    serves(b, 33, 40);
    bench_wait(b, 10 * SECOND_US);
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->flows_ended, 0);
    opens(b, 41, REQUEST);
    bench_wait(b, 6 * SECOND_US);
    cr_assert_eq(bench_counters(b)->flows_ended, 0);
    bench_forget(b);
    bench_end(b);
}

/* One whose body is due is handed over: the server does not answer its SYN. */
static bool syn_goes_out(struct bench *b, unsigned number)
{
    uint32_t isn;

    client(b, number);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    isn = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = POST);
    bench_forget(b);
    return strcmp(bench_flow_state(b), "opening") == 0;
}

static unsigned opening_among(struct bench *b, unsigned first, unsigned last)
{
    unsigned count = 0;

    for (unsigned i = first; i <= last; i++) {
        client(b, i);
        count += strcmp(bench_flow_state(b), "opening") == 0;
    }
    return count;
}

/* Bodies hold its processes and fill its backlog: few go on asking, the others wait here. */
Test(capacity, only_so_many_syns_go_on_unanswered)
{
    struct bench *b = attacked();
    unsigned one;

    serves(b, 1, 1);
    for (unsigned i = 11; i <= 40; i++)
        cr_assert(syn_goes_out(b, i), "%u", i);
    bench_wait(b, 9 * SECOND_US / 10);
    cr_assert_eq(opening_among(b, 11, 40), 30, "they may be on their way");
    bench_wait(b, SECOND_US);
    bench_forget(b);
    cr_assert_eq(opening_among(b, 11, 40), AT_ONCE);
    for (one = 11; opening_among(b, one, one) == 1; one++)
        ;
    cr_assert_str_eq(bench_flow_state(b), "none", "as if it had not spoken");
    cr_assert(!syn_goes_out(b, one), "it says it again");
    cr_assert_str_eq(bench_flow_state(b), "kept");
    bench_end(b);
}

/* The same of those that the server's own TCP is to make (granting.h), whose accept queue is full.
 */
Test(capacity, only_so_many_grants_go_on_unanswered)
{
    static struct grant grants[GRANTS];
    struct bench *b = attacked();

    serves(b, 1, 1);
    b->engine->config.grants = grants;
    for (unsigned i = 11; i <= 40; i++)
        cr_assert(syn_goes_out(b, i), "%u", i);
    for (uint32_t i = 0; i < GRANTS; i++)
        grants[i].outcome = GRANT_queue_full;
    for (unsigned i = 0; i < 9; i++) {
        bench_wait(b, SECOND_US / 10);
        bench_forget(b);
    }
    cr_assert_eq(opening_among(b, 11, 40), 30, "there may be room soon");
    for (unsigned i = 0; i < 10; i++) {
        bench_wait(b, SECOND_US / 10);
        bench_forget(b);
    }
    cr_assert_eq(opening_among(b, 11, 40), AT_ONCE);
    cr_assert_eq(bench_counters(b)->hook_queue_full, 0, "these go on by their grants");
    bench_end(b);
}

/* What the last try has found is older than the room that was made: the server, which holds nothing
 * any more, would be left with a single place. */
Test(capacity, mark_stays_while_grants_have_not_tried_what_is_free)
{
    static struct grant grants[GRANTS];
    struct bench *b = attacked();
    const struct server *server = bench_server(b, HTTP);

    handed_over_at_once(b, 16);
    for (unsigned i = 1; i <= 10; i++)
        opens(b, i, POST);
    b->engine->config.grants = grants;
    for (unsigned i = 11; i <= 16; i++)
        cr_assert(syn_goes_out(b, i), "%u", i);
    for (uint32_t i = 0; i < GRANTS; i++)
        grants[i].outcome = GRANT_queue_full;
    for (unsigned i = 0; i < 80 && bench_counters(b)->flows_ended < 10; i++) {
        bench_wait(b, SECOND_US / 20);
        bench_forget(b);
    }
    cr_assert_eq(bench_counters(b)->flows_ended, 10);
    cr_assert_eq(held_mark(b->engine, server), 10, "as many as it held");
    for (unsigned i = 0; i < 18; i++) {
        bench_wait(b, SECOND_US / 20);
        bench_forget(b);
        cr_assert_eq(held_mark(b->engine, server), 10, "after %u ms", 50 * i);
    }
    bench_wait(b, SECOND_US / 2);
    bench_forget(b);
    cr_assert_lt(held_mark(b->engine, server), 10, "it has not used that either");
    bench_end(b);
}

/* Its client has our ISN, and would see another one. */
Test(capacity, late_answer_to_a_withdrawn_opening_is_reset)
{
    struct bench *b = attacked();
    unsigned one;

    serves(b, 1, 1);
    for (unsigned i = 11; i <= 40; i++)
        syn_goes_out(b, i);
    bench_wait(b, 2 * SECOND_US);
    bench_forget(b);
    for (one = 11; opening_among(b, one, one) == 1; one++)
        ;
    for (int times = 0; times < 2; times++) {
        server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        replied(b);
        to_server(b, .flags = "R", .seq = X + 1);
        cr_assert_str_eq(bench_flow_state(b), "none", "nothing is picked up");
    }
    nothing(b);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 2, .options = OFFERS);
    forwarded(b);
    bench_forget(b);
    bench_end(b);
}

/* Ten bodies hold its processes, a client waits for room in the backlog, and nobody comes later:
 * the bodies go when they are known. */
Test(capacity, bodies_go_for_who_waits_in_the_backlog)
{
    struct bench *b = attacked();

    handed_over_at_once(b, 11);
    for (unsigned i = 1; i <= 10; i++)
        opens(b, i, POST);
    cr_assert(syn_goes_out(b, 11));
    bench_wait(b, 2 * SECOND_US);
    cr_assert_eq(bench_counters(b)->flows_ended, 0, "they are too young");
    bench_wait(b, 2 * SECOND_US);
    cr_assert_geq(bench_counters(b)->flows_ended, 5);
    bench_forget(b);
    bench_end(b);
}

Test(capacity, bodies_say_nothing)
{
    struct bench *b = attacked();

    handed_over_at_once(b, 41);
    for (unsigned i = 1; i <= 40; i++)
        opens(b, i, POST);
    bench_wait(b, 20 * SECOND_US);
    cr_assert_eq(mark(b), 64);
    bench_end(b);
}

/* A long poll, or a report: the server has places for others. */
Test(capacity, later_ones_are_answered)
{
    struct bench *b = attacked();

    for (unsigned i = 1; i < AT_ONCE; i++)
        opens(b, i, REQUEST);
    serves(b, 11, 11);
    bench_wait(b, 20 * SECOND_US);
    cr_assert_eq(mark(b), 64);
    bench_end(b);
}

/* --- a server that reads on behind its FIN --------------------------------------------------- */

/* It has answered, and said its FIN; the client goes on, a byte a second. */
static void goes_on(struct bench *b, unsigned first, unsigned last, uint32_t said)
{
    for (unsigned i = first; i <= last; i++) {
        const struct flow *flow;

        client(b, i);
        flow = bench_flow(b);
        client_says(b, .flags = "P.", .seq = ASKED + said,
                    .ack = flow_cold(&b->engine->flows, flow)->server_next + flow->delta,
                    .payload = "x");
        bench_forget(b);
    }
    bench_wait(b, SECOND_US);
}

static void has_closed(struct bench *b, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        client(b, i);
        server_says(b, .flags = "F.", .seq = Y + 1 + 15, .ack = ASKED);
        bench_forget(b);
    }
}

/* Apache reads for 30 s until its client has closed, and has a process for it. */
Test(capacity, who_goes_on_behind_the_servers_fin_has_its_place)
{
    struct bench *b = attacked();
    struct server *server = bench_server(b, HTTP);

    serves(b, 1, 10);
    has_closed(b, 1, 10);
    cr_assert_eq(server->held, 0);
    opens(b, 11, REQUEST); /* which nobody has a process for */
    goes_on(b, 1, 10, 0);
    goes_on(b, 1, 10, 1);
    cr_assert_eq(server->lingering, 0, "it may be on its way yet");
    goes_on(b, 1, 10, 2);
    cr_assert_eq(server->lingering + bench_counters(b)->flows_ended, 10);
    cr_assert_leq(mark(b), 11);
    bench_wait(b, SECOND_US);
    cr_assert_eq(bench_counters(b)->flows_ended, 10);
    bench_forget(b);
    client(b, 11);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    cr_assert_eq(server->lingering, 0, "nobody does any more");
    bench_end(b);
}

/* What is still on its way when the server closes, and who does not close, holds nothing. */
Test(capacity, who_has_said_its_last_word_does_not_linger)
{
    struct bench *b = attacked();

    serves(b, 1, 10);
    has_closed(b, 1, 10);
    goes_on(b, 1, 10, 0);
    opens(b, 11, REQUEST);
    bench_wait(b, 4 * SECOND_US);
    bench_forget(b);
    cr_assert_eq(bench_server(b, HTTP)->lingering, 0);
    cr_assert_eq(bench_counters(b)->flows_ended, 0);
    bench_end(b);
}

Test(capacity, mark_rises_again)
{
    struct bench *b = attacked();

    bench_server(b, HTTP)->capacity.limit = 3;
    for (unsigned i = 1; i <= 30 && bench_server(b, HTTP)->capacity.limit; i++) {
        const uint32_t before = mark(b);

        bench_server(b, HTTP)->held = before - before / 4 - 1;
        opens(b, i, REQUEST);
        cr_assert_eq(bench_server(b, HTTP)->held, before - before / 4, "no stranger has more");
        is_answered(b, i);
        bench_wait(b, 11 * SECOND_US / 10);
        cr_assert_eq(mark(b), before + 1 + before / 8 < 64 ? before + 1 + before / 8 : 64);
    }
    cr_assert_eq(mark(b), 64);
    bench_forget(b);
    bench_end(b);
}

Test(capacity, never_below_the_peak)
{
    struct bench *b = attacked();

    bench_server(b, HTTP)->held_peak = 15;
    serves(b, 1, 10);
    opens(b, 11, REQUEST);
    bench_wait(b, 20 * SECOND_US);
    cr_assert_eq(mark(b), 15);
    bench_forget(b);
    bench_end(b);
}

/* One of ten answers took ten seconds in calm. */
Test(capacity, slow_server_has_more_time)
{
    struct bench *b = attacked();

    for (int i = 0; i < 300; i++)
        answer_note(&bench_server(b, HTTP)->answers, i % 5 ? 0 : FLOW_CLOCK_SECONDS(10), 1, 0);
    serves(b, 1, 10);
    opens(b, 11, REQUEST);
    bench_wait(b, 20 * SECOND_US);
    cr_assert_eq(mark(b), 64);
    bench_forget(b);
    bench_end(b);
}

/* It may always need long: nothing was seen of it in calm. */
Test(capacity, nobody_knows_an_unknown_server)
{
    struct bench *b = attacked();

    bench_server(b, HTTP)->answers = (struct answers){0};
    serves(b, 1, 10);
    opens(b, 11, REQUEST);
    bench_wait(b, 60 * SECOND_US);
    cr_assert_eq(mark(b), 64);
    bench_end(b);
}

/* Two SYNs of ours, which it does not answer. */
static void two_go_out(struct bench *b)
{
    for (unsigned i = 11; i <= 12; i++)
        syn_goes_out(b, i);
    bench_forget(b);
    bench_wait(b, 9 * SECOND_US / 10);
}

/* Its accept queue is full. */
Test(capacity, syns_that_are_not_answered)
{
    struct bench *b = attacked();

    serves(b, 1, 10);
    two_go_out(b);
    cr_assert_eq(mark(b), 64);
    bench_wait(b, SECOND_US / 2);
    cr_assert_eq(mark(b), 10, "which it answers at this moment");
    bench_forget(b);
    bench_end(b);
}

/* Its stack was looked at: somebody listens, and nobody waits to be accepted. */
static void is_seen(struct bench *b, uint64_t looked_us)
{
    const struct server_key key = bench_server(b, HTTP)->key;

    engine_set_listening(b->engine, &key, true, looked_us);
    engine_set_accept_queue(b->engine, &key, 0, 100, looked_us);
    engine_listening_fresh(b->engine, looked_us);
}

/* A filter of the server's takes SYNs of whom it has banned: whoever finds one may have it take as
 * many as he likes. Where somebody waits to be accepted it is the queue. */
Test(capacity, syns_that_are_not_answered_beside_an_empty_queue)
{
    struct bench *b = attacked();
    const struct server_key key = bench_server(b, HTTP)->key;

    serves(b, 1, 10);
    is_seen(b, b->now_us);
    two_go_out(b);
    bench_wait(b, SECOND_US / 2);
    cr_assert_eq(mark(b), 64);
    engine_set_accept_queue(b->engine, &key, 1, 100, b->now_us);
    bench_wait(b, 2 * SECOND_US);
    cr_assert_eq(mark(b), 10, "somebody waits");
    bench_forget(b);
    bench_end(b);
}

static void two_lower_the_mark(struct bench *b)
{
    two_go_out(b);
    bench_wait(b, SECOND_US / 2);
    cr_assert_eq(mark(b), 10);
    bench_forget(b);
    bench_end(b);
}

/* Its address has moved to another host: it listens, but where nobody looks. */
Test(capacity, syns_that_are_not_answered_by_whom_nobody_sees)
{
    struct bench *b = attacked();
    const struct server_key key = bench_server(b, HTTP)->key;

    serves(b, 1, 10);
    is_seen(b, b->now_us);
    engine_set_accept_queue(b->engine, &key, 0, 0, b->now_us);
    two_lower_the_mark(b);
}

/* What was seen of the queue counts while its stack is looked at. */
Test(capacity, syns_that_are_not_answered_when_nobody_looks_any_more)
{
    struct bench *b = attacked();

    serves(b, 1, 10);
    is_seen(b, b->now_us - LISTENING_FRESH_US);
    two_lower_the_mark(b);
}

/* --- handed over at once --------------------------------------------------------------------- */

Test(capacity, only_so_many_are_handed_over_at_once)
{
    struct bench *b = attacked();

    for (unsigned i = 1; i <= AT_ONCE; i++)
        opens(b, i, REQUEST);
    waits(b, 17);
    waits(b, 18);
    cr_assert_not(had_its_turn(b, 17));
    is_answered(b, 1);
    cr_assert(had_its_turn(b, 17));
    cr_assert_not(had_its_turn(b, 18));
    bench_end(b);
}

/* So many as are handed over at once are of clients whom the server does not hear. */
static struct bench *attacked_in_vain(bool seen)
{
    struct bench *b = attacked();

    serves(b, 1, 1);
    if (seen)
        is_seen(b, b->now_us);
    bench_wait(b, 3 * SECOND_US); /* none was served just now */
    for (unsigned i = 11; i < 11 + AT_ONCE; i++) {
        uint32_t isn;

        client(b, i);
        client_says(b, .flags = "S", .seq = X, .options = OFFERS);
        isn = take(b, SIDE_CLIENT)->seq;
        client_says(b, .flags = "P.", .seq = X + 1, .ack = isn + 1, .payload = REQUEST);
        bench_forget(b);
    }
    waits(b, 30);
    bench_wait(b, 9 * SECOND_US / 10);
    bench_forget(b);
    client(b, 30);
    cr_assert_str_eq(bench_flow_state(b), "kept", "they may be on their way");
    bench_wait(b, SECOND_US);
    return b;
}

Test(capacity, who_is_not_heard_holds_nobody_up_beside_an_empty_queue)
{
    struct bench *b = attacked_in_vain(true);

    cr_assert(had_its_turn(b, 30));
    client(b, 11);
    cr_assert_str_eq(bench_flow_state(b), "none", "as if it had not spoken");
    bench_end(b);
}

Test(capacity, who_is_not_heard_may_fill_a_queue_that_nobody_sees)
{
    struct bench *b = attacked_in_vain(false);

    cr_assert(had_its_turn(b, 30), "it is tried whether anybody is heard");
    cr_assert(syn_goes_out(b, 31), "four a second are");
    waits(b, 32);
    cr_assert_not(had_its_turn(b, 32));
    bench_forget(b);
    bench_end(b);
}

/* Its watch goes to connections of another server, before anybody has looked whether it is over. */
Test(capacity, who_is_watched_no_more_is_not_counted)
{
    struct flow_key key = {.server_port = 1};
    struct flow *flow;
    uint32_t first;
    struct bench *b = attacked_of(2 * HELD_WATCHED);

    opens(b, 1, REQUEST);
    first = flow_index(&b->engine->flows, bench_flow(b));
    cr_assert_eq(bench_server(b, HTTP)->capacity.asked, 1);
    do {
        key.client_port++;
        flow = flow_new(&b->engine->flows, &key, FLOW_CLOSING, b->now_us);
        cr_assert(flow);
    } while (flow_index(&b->engine->flows, flow) + 1 < first + HELD_WATCHED);
    b->server = HTTP6;
    snprintf(b->client_text, sizeof(b->client_text), CLIENT6);
    opens_it(b, REQUEST);
    cr_assert_eq(flow_index(&b->engine->flows, bench_flow(b)), first + HELD_WATCHED);
    cr_assert_eq(bench_server(b, HTTP)->capacity.asked, 0);
    cr_assert_eq(bench_server(b, HTTP6)->capacity.asked, 1);
    bench_end(b);
}

/* Whom the server has answered last tells that it has taken all before, too. */
Test(capacity, an_answer_to_a_later_one_makes_room)
{
    struct bench *b = attacked();

    for (unsigned i = 1; i <= AT_ONCE; i++)
        opens(b, i, REQUEST);
    waits(b, 17);
    is_answered(b, AT_ONCE);
    cr_assert(had_its_turn(b, 17));
    for (unsigned i = 18; i < 17 + AT_ONCE; i++)
        opens(b, i, REQUEST);
    waits(b, 17 + AT_ONCE);
    bench_forget(b);
    bench_end(b);
}

Test(capacity, known_clients_have_as_many_again)
{
    struct bench *b = attacked();

    serves(b, 99, 99);
    held_note_answered(b->engine->held.sources, held_hash(b->engine, &bench_flow(b)->key),
                       b->now_us);
    for (unsigned i = 1; i <= AT_ONCE; i++)
        opens(b, i, REQUEST);
    waits(b, 17);
    snprintf(b->client_text, sizeof(b->client_text), "198.51.99.1:1001");
    opens_it(b, REQUEST);
    bench_end(b);
}

/* A server that was seen to take more at once is given more, and so is a crowd of quick ones. */
Test(capacity, more_where_more_were_served)
{
    struct bench *b = attacked();

    bench_server(b, HTTP)->held_peak = 20;
    for (unsigned i = 1; i <= 30; i++)
        opens(b, i, REQUEST);
    waits(b, 31);
    handed_over_at_once(b, 35);
    cr_assert(had_its_turn(b, 31));
    for (unsigned i = 32; i <= 35; i++)
        opens(b, i, REQUEST);
    waits(b, 36);
    bench_forget(b);
    bench_end(b);
}

/* It may be a slow upload: below the mark nobody is limited. */
Test(capacity, announced_bodies_stop_nobody)
{
    struct bench *b = attacked();

    for (unsigned i = 1; i <= 3 * AT_ONCE; i++)
        opens(b, i, POST);
    bench_end(b);
}

/* A slow server may be slow; of one that is not known nobody can tell. */
Test(capacity, as_many_as_come_where_nothing_can_be_told)
{
    struct bench *b = attacked();

    for (int i = 0; i < 300; i++)
        answer_note(&bench_server(b, HTTP)->answers, i % 5 ? 0 : FLOW_CLOCK_SECONDS(1), 1, 0);
    for (unsigned i = 1; i <= 3 * AT_ONCE; i++)
        opens(b, i, REQUEST);
    bench_end(b);
    b = attacked();
    bench_server(b, HTTP)->answers = (struct answers){0};
    for (unsigned i = 1; i <= 3 * AT_ONCE; i++)
        opens(b, i, REQUEST);
    bench_end(b);
}

/* Long polls: others are answered meanwhile, and the next ones are handed over. */
Test(capacity, long_polls_stop_nobody)
{
    struct bench *b = attacked();

    for (unsigned i = 1; i < AT_ONCE; i++)
        opens(b, i, REQUEST);
    serves(b, AT_ONCE, AT_ONCE);
    bench_wait(b, SECOND_US / 2);
    for (unsigned i = AT_ONCE + 1; i < 2 * AT_ONCE; i++)
        opens(b, i, REQUEST);
    serves(b, 2 * AT_ONCE, 2 * AT_ONCE);
    bench_end(b);
}

/* --- how long it needs in calm ---------------------------------------------------------------- */

/* In calm 198.51.`network`.`number` asks after so long, and is answered after so long. */
static void asks_in_calm(struct bench *b, unsigned network, unsigned number, uint64_t after_us,
                         uint64_t took_us)
{
    snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.%u:1000", network, number);
    b->client = b->client_text;
    handshake(b, OFFERS, OFFERS);
    bench_wait(b, after_us);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = ASKED);
    bench_wait(b, took_us);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = ASKED, .payload = "HTTP/1.1 200 OK");
    client_says(b, .flags = "R", .seq = ASKED);
    bench_forget(b);
}

static struct bench *in_calm(void)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = 1024;
    b = bench_new_sized(SETTING_NORMAL, &config);
    for (unsigned i = 0; i < ANSWERS_KNOWN; i++)
        asks_in_calm(b, 1 + i, 1, 0, 0);
    return b;
}

/* A browser connects before it knows what to ask for; so may anybody. */
Test(capacity, a_client_that_thinks_makes_no_server_slow)
{
    struct bench *b = in_calm();

    for (unsigned i = 0; i < 30; i++)
        asks_in_calm(b, 1 + i, 1, 60 * SECOND_US, 0);
    cr_assert(capacity_is_prompt(bench_server(b, HTTP)));
    bench_end(b);
}

/* Who finds what the server is slow at can ask for it as often as he likes. */
Test(capacity, one_network_makes_no_server_slow)
{
    struct bench *b = in_calm();

    for (unsigned i = 0; i < 200; i++)
        asks_in_calm(b, 99, i, 0, 5 * SECOND_US / 2);
    cr_assert(capacity_is_prompt(bench_server(b, HTTP)));
    for (unsigned i = 0; i < 30; i++)
        asks_in_calm(b, 1 + i, 1, 0, 5 * SECOND_US / 2);
    cr_assert_not(capacity_is_prompt(bench_server(b, HTTP)), "thirty say that it is");
    bench_end(b);
}

/* A load balancer, or a test bench. */
Test(capacity, the_only_network_is_believed)
{
    struct answers answers = {0};

    for (unsigned i = 0; i < 30; i++)
        answer_note(&answers, FLOW_CLOCK_SECONDS(2), 7, 0);
    cr_assert_geq(answer_usual(&answers), FLOW_CLOCK_SECONDS(1));
    for (unsigned i = 0; i < 200; i++)
        answer_note(&answers, 0, 7, 0);
    cr_assert_lt(answer_usual(&answers), FLOW_CLOCK_SECONDS(1));
    for (unsigned i = 0; i < 30; i++)
        answer_note(&answers, FLOW_CLOCK_SECONDS(2), 7, 0);
    cr_assert_geq(answer_usual(&answers), FLOW_CLOCK_SECONDS(1));
}

/* --- what the server says of it --------------------------------------------------------------- */

static void is_greeted(struct bench *b, unsigned number, const char *greeting)
{
    /* `number` / 1000 tells those of a network apart. */
    snprintf(b->client_text, sizeof(b->client_text), "198.51.%u.%u:1000", number % 1000,
             1 + number / 1000);
    b->client = b->client_text;
    open_pop3(b);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = greeting);
    bench_forget(b);
}

static struct bench *attacked_pop3(unsigned held)
{
    struct bench *b = attacked();

    for (unsigned i = 1; i <= held; i++)
        is_greeted(b, i, GREETING);
    return b;
}

static uint32_t mark_of_pop3(struct bench *b)
{
    return held_mark(b->engine, bench_server(b, POP3));
}

Test(capacity, mark_falls_where_two_networks_are_refused)
{
    struct bench *b = attacked_pop3(20);

    for (unsigned i = 100; i < 3000; i += 1000)
        is_greeted(b, i, "-ERR too many\r\n");
    cr_assert_eq(mark_of_pop3(b), 64, "one is not wanted there");
    bench_wait(b, 11 * SECOND_US);
    is_greeted(b, 101, "-ERR too many\r\n");
    cr_assert_eq(mark_of_pop3(b), 64, "that was long ago");
    is_greeted(b, 102, "+OK another\r\n");
    cr_assert_eq(mark_of_pop3(b), 64, "it has another greeting now");
    is_greeted(b, 103, "-ERR too many\r\n");
    cr_assert_eq(mark_of_pop3(b), 10);
    bench_end(b);
}

/* It has risen again meanwhile. */
Test(capacity, two_banned_networks_lower_a_mark_once)
{
    struct bench *b = attacked_pop3(20);

    is_greeted(b, 100, "-ERR banned\r\n");
    is_greeted(b, 101, "-ERR banned\r\n");
    cr_assert_eq(mark_of_pop3(b), 10);
    bench_server(b, POP3)->capacity.limit = 0;
    for (unsigned i = 1000; i < 5000; i += 1000) {
        is_greeted(b, 100 + i, "-ERR banned\r\n");
        is_greeted(b, 101 + i, "-ERR banned\r\n");
    }
    cr_assert_eq(mark_of_pop3(b), 64);
    is_greeted(b, 102, "-ERR too many\r\n");
    is_greeted(b, 103, "-ERR too many\r\n");
    cr_assert_eq(mark_of_pop3(b), 10);
    bench_end(b);
}

Test(capacity, mark_stays_where_a_refusal_is_none_for_want_of_room)
{
    struct bench *b = attacked_pop3(AT_ONCE);

    for (unsigned i = 100; i < 104; i++)
        is_greeted(b, i, "-ERR too many\r\n");
    cr_assert_eq(mark_of_pop3(b), 64);
    bench_end(b);
}

/* --- and what it says of that in its first words --------------------------------------------- */

#define FULL                                                                                       \
    "E\0\0\0\x0c"                                                                                  \
    "C53300\0\0"
#define PASSWORD "R\0\0\0\x0c\0\0\0\5"
#define NO_ENTRY                                                                                   \
    "E\0\0\0\x0c"                                                                                  \
    "C28000\0\0"

/* What it says has zeros in it. */
static void is_told(struct bench *b, unsigned number, const char *words, size_t bytes)
{
    client(b, number);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = ASKED, .payload = words,
                .payload_bytes = (uint32_t)bytes);
    bench_forget(b);
}

/* PostgreSQL, as far as it matters here: so many have asked, and been asked for a password. */
static struct bench *attacked_postgresql(unsigned held)
{
    struct bench *b = attacked();

    bench_policy(b, HTTP)->protocols |= UINT64_C(1) << PROTOCOL_POSTGRESQL;
    handed_over_at_once(b, 64);
    for (unsigned i = 1; i <= held; i++) {
        opens(b, i, REQUEST);
        is_told(b, i, PASSWORD, sizeof(PASSWORD) - 1);
    }
    return b;
}

Test(capacity, mark_falls_to_what_it_held_when_it_says_that_it_is_full)
{
    struct bench *b = attacked_postgresql(20);

    opens(b, 21, REQUEST);
    is_told(b, 21, FULL, sizeof(FULL) - 1);
    cr_assert_eq(mark(b), 20, "one client is enough");
    server_says(b, .flags = "F.", .seq = Y + sizeof(FULL), .ack = ASKED);
    bench_forget(b);
    bench_wait(b, 5 * SECOND_US);
    cr_assert_eq(bench_counters(b)->flows_ended, 0, "nobody waits");
    waits(b, 22);
    for (unsigned ms = 0; ms < 8000 && !had_its_turn(b, 22); ms += 40)
        ;
    cr_assert(had_its_turn(b, 22), "idle ones made room");
    bench_forget(b);
    bench_end(b);
}

/* What is wrong with a request, or who is banned: nothing of that is said so. */
Test(capacity, mark_stays_where_it_says_something_else)
{
    struct bench *b = attacked_postgresql(20);

    for (unsigned i = 21; i < 31; i++) {
        opens(b, i, REQUEST);
        is_told(b, i, NO_ENTRY, sizeof(NO_ENTRY) - 1);
    }
    opens(b, 31, REQUEST);
    is_told(b, 31, PASSWORD FULL, sizeof(PASSWORD FULL) - 1);
    cr_assert_eq(mark(b), 64);
    bench_policy(b, HTTP)->protocols = UINT64_C(1) << PROTOCOL_HTTP;
    opens(b, 32, REQUEST);
    is_told(b, 32, FULL, sizeof(FULL) - 1);
    cr_assert_eq(mark(b), 64, "it does not speak so");
    bench_end(b);
}

/* --- who has been there for long -------------------------------------------------------------- */

/* True: its request does not wait. */
static bool asks_pop3(struct bench *b)
{
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1 + GREETING_LENGTH, .payload = USER);
    bench_forget(b);
    return strcmp(bench_flow_state(b), "opening") == 0;
}

/* From here on a client speaks of whom nobody has heard. */
static void newcomer(struct bench *b, unsigned number)
{
    snprintf(b->client_text, sizeof(b->client_text), "203.0.%u.1:%u", number % 100, 1000 + number);
    b->client = b->client_text;
}

static void is_welcome(struct bench *b)
{
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    bench_forget(b);
}

/* Eight newcomers a second, each of whom is served at once and goes; how many were. */
static unsigned newcomers_are_served(struct bench *b, unsigned seconds)
{
    unsigned served = 0;

    for (unsigned i = 0; i < 8 * seconds; i++) {
        newcomer(b, i);
        if (asks_pop3(b)) {
            is_welcome(b);
            client_says(b, .flags = "R", .seq = X + 1 + sizeof(USER) - 1);
            served++;
        }
        bench_forget(b);
        bench_wait(b, SECOND_US / 8);
        bench_forget(b);
    }
    return served;
}

/* Two networks whom the server refuses for themselves find it with thirty sessions that idle, for
 * six minutes or for five seconds. */
static struct bench *two_are_refused_beside_idle_ones(unsigned seconds)
{
    struct bench *b = attacked_pop3(30);

    bench_wait(b, seconds * SECOND_US);
    is_greeted(b, 100, "-ERR banned\r\n");
    is_greeted(b, 101, "-ERR banned\r\n");
    return b;
}

Test(capacity, whoever_has_been_there_for_long_is_not_ended_where_two_networks_are_refused)
{
    struct bench *b = two_are_refused_beside_idle_ones(370);

    cr_assert_geq(newcomers_are_served(b, 14), 14 * 8 - 4, "there is room beside them");
    cr_assert_eq(bench_counters(b)->flows_ended, 0);
    for (unsigned i = 0; i < 30; i++) { /* and these stay */
        newcomer(b, 200 + i);
        if (asks_pop3(b))
            is_welcome(b);
    }
    bench_wait(b, 10 * SECOND_US);
    cr_assert_gt(bench_counters(b)->flows_ended, 0, "of the newcomers");
    for (unsigned i = 1; i <= 30; i++) {
        client(b, i);
        cr_assert_str_eq(bench_flow_state(b), "spliced", "%u", i);
    }
    bench_forget(b);
    bench_end(b);
}

/* So young ones may be logins that do not come. */
Test(capacity, who_came_just_now_is_ended_where_two_networks_are_refused)
{
    struct bench *b = two_are_refused_beside_idle_ones(5);

    for (unsigned i = 0; i < 5; i++) {
        newcomer(b, i);
        cr_assert_not(asks_pop3(b));
    }
    bench_wait(b, 8 * SECOND_US);
    cr_assert_geq(bench_counters(b)->flows_ended, 10);
    bench_forget(b);
    bench_end(b);
}
