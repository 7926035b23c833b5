/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_slots.c - rule 1.3, rule by rule: a server is opened for a whole request only, and what was
 * acknowledged meanwhile reaches it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/tables/opening_pool.h"
#include "engine/tables/slots.h"
#include "tests/sim/steps.h"

#define SECOND_US 1000000ull
#define OPENED    "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>"
#define ACCEPTED  "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>"

/* "GE" is kept and, after 40 ms, promised. */
static struct scenario *promised(void)
{
    struct scenario *s = attack_scenario();

    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GE");
    expect_nothing(s);
    pass(s, 50000);
    expect(s, CLIENT, ". c+1 ack x+3 win 128 <nop,nop,TS val * ecr 120>");
    expect_nothing(s);
    return s;
}

/* The rest of it has come, and the server has accepted with this window. */
static struct scenario *draining(const char *window)
{
    struct scenario *s = promised();
    char text[200];

    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 170 ecr t> | T / HTTP/1.1\r\n");
    expect(s, CLIENT, ". c+1 ack x+17 win 128 <nop,nop,TS val * ecr 170>");
    inject(s, CLIENT, "P. x+17 ack c+1 win 502 <nop,nop,TS val 180 ecr t> | \r\n");
    expect(s, SERVER, OPENED);
    expect_nothing(s);
    snprintf(text, sizeof(text),
             "S. y:y(0) ack x+1 win %s <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>", window);
    inject(s, SERVER, text);
    return s;
}

/* --- kept ------------------------------------------------------------------------------------ */

Test(slots, rule_1_3_one_byte_twice_buys_nothing)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | G");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 320 ecr t> | G");
    expect(s, CLIENT, ". c+1 ack x+2 win 128 <nop,nop,TS val * ecr 320>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 720 ecr t> | G");
    expect(s, CLIENT, ". c+1 ack x+2 win 128 <nop,nop,TS val * ecr 720>");
    expect_nothing(s);
    expect_count(s, flows_kept, 1);
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

Test(slots, rule_1_3_two_segments_are_acknowledged_at_once)
{
    static uint8_t data[2920];
    struct scenario *s = attack_scenario();
    step_handshake(s);
    memset(data, 'a', sizeof(data));
    memcpy(data, "GET / HTTP/1.1\r\nX: ", 19);
    s->payload = data;
    inject(s, CLIENT, ". x+1:x+1449(1448) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect_nothing(s);
    s->payload = data + 1448;
    inject(s, CLIENT, ". x+1449:x+2921(1472) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect(s, CLIENT, ". c+1 ack x+2921 win * <nop,nop,TS val * ecr 120>");
    scenario_end(s);
}

Test(slots, rule_1_3_gap_is_answered_at_once_and_filled)
{
    struct scenario *s = promised();
    inject(s, CLIENT, "P. x+5 ack c+1 win 502 <nop,nop,TS val 171 ecr t> | / HTTP/1.1\r\n\r\n");
    expect(s, CLIENT, ". c+1 ack x+3 win 128 <nop,nop,TS val * ecr 120>");
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 170 ecr t> | T ");
    expect(s, SERVER, OPENED);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val * ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

Test(slots, rule_1_3_keepalives_probes_and_bare_acks_are_answered)
{
    struct scenario *s = promised();
    inject(s, CLIENT, ". x+3 ack c+1 win 502 <nop,nop,TS val 170 ecr t>");
    expect(s, CLIENT, ". c+1 ack x+3 win 128 <nop,nop,TS val * ecr *>");
    inject(s, CLIENT, ". x+2 ack c+1 win 502 <nop,nop,TS val 171 ecr t>");
    expect(s, CLIENT, ". c+1 ack x+3 win 128 <nop,nop,TS val * ecr *>");
    inject(s, CLIENT, ". x+2 ack c+1 win 502 <nop,nop,TS val 172 ecr t> | E");
    expect(s, CLIENT, ". c+1 ack x+3 win 128 <nop,nop,TS val * ecr *>");
    expect_nothing(s);
    scenario_end(s);
}

Test(slots, rule_1_3_reset_needs_the_exact_number)
{
    struct scenario *s = promised();
    inject(s, CLIENT, "R x+100 win 0");
    expect_count(s, flows_kept, 1);
    inject(s, CLIENT, "R x+3 win 0");
    expect_count(s, flows_kept, 0);
    expect_nothing(s);
    scenario_end(s);
}

Test(slots, rule_1_3_old_timestamps_are_not_believed)
{
    struct scenario *s = promised();
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 119 ecr t> | T / HTTP/1.1\r\n\r\n");
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 | T / HTTP/1.1\r\n\r\n");
    expect_nothing(s);
    scenario_end(s);
}

/* The cookie would be none by now. */
Test(slots, rule_1_3_epochs_roll_while_somebody_types)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | U");
    expect_nothing(s);
    pass(s, 50000);
    expect(s, CLIENT, ". c+12 ack x+2 win * <nop,nop,TS val * ecr 130>");
    for (int i = 0; i < 6; i++) {
        pass(s, 45 * SECOND_US);
        inject(s, CLIENT, ". x+2 ack c+12 win 502 <nop,nop,TS val 140 ecr t1>");
        expect(s, CLIENT, ". c+12 ack x+2 win * <nop,nop,TS val * ecr *>");
    }
    inject(s, CLIENT, "P. x+2 ack c+12 win 502 <nop,nop,TS val 270130 ecr t1> | SER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_end(s);
}

/* --- the end of what is not whole ------------------------------------------------------------ */

Test(slots, rule_1_3_idle_ones_end_in_a_reset_and_stay_reset)
{
    struct scenario *s = promised();
    pass(s, 21 * SECOND_US);
    expect(s, CLIENT, "R. c+1:c+1(0) ack x+3 win *");
    expect_count(s, flows_kept, 0);
    expect_count(s, requests_unfinished, 1);
    expect_count(s, requests_mismatched, 0);
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 22000 ecr t> | T / HTTP/1.1\r\n\r\n");
    expect(s, CLIENT, "R c+1 win *"); /* it was lost, say */
    expect_nothing(s);
    scenario_end(s);
}

Test(slots, rule_1_3_fin_ends_the_message)
{
    struct scenario *s = promised();
    inject(s, CLIENT, "F. x+3 ack c+1 win 502 <nop,nop,TS val 170 ecr t>");
    expect(s, CLIENT, "R c+1 win *");
    expect_count(s, requests_unfinished, 1);
    expect_count(s, requests_mismatched, 0);
    expect_nothing(s);
    scenario_end(s);
}

Test(slots, rule_1_3_fin_ends_a_line_as_it_stands)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, "PF. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_end(s);
}

/* --- long ------------------------------------------------------------------------------------ */

/* A header of more than 16 KiB: the server is asked, for few at a time. */
Test(slots, rule_1_3_long_ones_are_opened_at_16_kib)
{
    static uint8_t data[SLOT_BYTES];
    struct scenario *s = attack_scenario();

    memset(data, 'a', sizeof(data));
    memcpy(data, "GET / HTTP/1.1\r\nX: ", 19);
    for (uint16_t i = 0; i < 5; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(40000 + i), SERVER_V4, HTTP_PORT);
        step_handshake(s);
        s->offload = true;
        s->payload = data;
        inject(s, CLIENT, ". x+1:x+8193(8192) ack c+1 win 502 gso 1448 <nop,nop,TS val 120 ecr t>");
        expect(s, CLIENT, ". c+1 ack x+8193 win 64 <nop,nop,TS val * ecr 120>");
        s->payload = data + 8192;
        inject(s, CLIENT,
               ". x+8193:x+16385(8192) ack c+1 win 502 gso 1448 <nop,nop,TS val 120 ecr t>");
        s->payload = NULL;
        if (i < 4)
            expect(s, SERVER, OPENED);
        expect_nothing(s);
    }
    expect_count(s, drops[DROP_open_limit], 1);
    scenario_end(s);
}

/* --- no room --------------------------------------------------------------------------------- */

/* The server has as many openings as it may have, for 15 s. */
static void fill_openings(struct scenario *s)
{
    struct symbols symbols = s->symbols;
    uint16_t client_port = s->client_port;

    for (uint16_t i = 0; i < 64 * OPENINGS_PER_HOLD / 2; i++) { /* openings_max of middle.c */
        scenario_connection(s, CLIENT_V4, (uint16_t)(1024 + i), SERVER_V4, HTTP_PORT);
        step_syn(s);
        inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
        expect(s, SERVER, OPENED);
    }
    scenario_connection(s, CLIENT_V4, client_port, SERVER_V4, HTTP_PORT);
    s->symbols = symbols;
}

/* A request that fits nothing is opened all the same, at a low rate or under limits; what is kept
 * of it is not acknowledged while there is no room, so its client says it again. */
static void waits_for_room(enum unknown_requests unknown)
{
    struct scenario *s = promised();
    struct policy *policy = s->middle->policy;

    for (uint32_t i = 0; i < policy->count; i++)
        policy->servers[i].unknown = unknown;
    fill_openings(s);
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 170 ecr t> | ORGE\r\n");
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 370 ecr t> | ORGE\r\n");
    expect_nothing(s);
    expect_count(s, drops[DROP_no_room], 2);
    s->quiet = true;
    pass(s, 16 * SECOND_US); /* they are given up */
    s->quiet = false;
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 770 ecr t> | ORGE\r\n");
    expect(s, SERVER, OPENED);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val * ecr 5000> | GEORGE\r\n");
    scenario_end(s);
}

Test(slots, rule_1_3_minor_requests_wait_for_room)
{
    waits_for_room(UNKNOWN_MINOR);
}

Test(slots, rule_1_3_requests_under_limits_wait_for_room)
{
    waits_for_room(UNKNOWN_LIMITED);
}

/* --- draining -------------------------------------------------------------------------------- */

Test(slots, rule_1_3_what_is_lost_is_sent_again)
{
    struct scenario *s = draining("65160");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | " GET_REQUEST);
    pass(s, 250000);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | " GET_REQUEST);
    pass(s, 400000);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | " GET_REQUEST);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5010 ecr 180>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val * ecr 180>");
    pass(s, 10 * SECOND_US);
    expect_nothing(s);
    expect_count(s, flows_spliced, 1);
    scenario_end(s);
}

Test(slots, rule_1_3_six_times_then_both_are_reset)
{
    struct scenario *s = draining("65160");
    for (int i = 0; i < 7; i++) {
        expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | " GET_REQUEST);
        pass(s, (200000ull << i) + 10000);
    }
    expect(s, CLIENT, "R. c+1:c+1(0) ack x+17 win *");
    expect(s, SERVER, "R x+1 win *");
    expect_nothing(s);
    scenario_end(s);
}

Test(slots, rule_1_3_small_window_is_obeyed)
{
    struct scenario *s = draining("5");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | GET /");
    expect_nothing(s);
    inject(s, SERVER, ". y+1 ack x+6 win 0 <nop,nop,TS val 5010 ecr 180>");
    expect(s, CLIENT, ". c+1 ack x+17 win 0 <nop,nop,TS val * ecr 180>");
    pass(s, 250000);
    expect(s, SERVER, "P. x+6 ack y+1 win 502 <nop,nop,TS val 180 ecr *> |  "); /* a probe */
    inject(s, SERVER, ". y+1 ack x+6 win 1 <nop,nop,TS val 5020 ecr 180>");
    expect(s, CLIENT, ". c+1 ack x+17 win * <nop,nop,TS val * ecr 180>");
    /* The probe was not taken, may be. */
    expect(s, SERVER, "P. x+6 ack y+1 win 502 <nop,nop,TS val 180 ecr *> |  HTTP/1.1\r\n\r\n");
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5030 ecr 180>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val * ecr 180>");
    expect_count(s, flows_spliced, 1);
    scenario_end(s);
}

/* The server would take its timer's time to hear of them else, or never. */
Test(slots, rule_1_3_acks_are_heard_behind_a_full_window)
{
    struct scenario *s = draining("5");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | GET /");
    inject(s, SERVER, "P. y+1 ack x+6 win 0 <nop,nop,TS val 5010 ecr 180> | word");
    expect(s, CLIENT, "P. c+1 ack x+17 win 0 <nop,nop,TS val * ecr 180> | word");
    inject(s, CLIENT, ". x+19 ack c+5 win 502 <nop,nop,TS val 190 ecr t>");
    expect(s, SERVER, ". x+6 ack y+5 win 502 <nop,nop,TS val 190 ecr *>");
    inject(s, CLIENT, ". x+16 ack c+5 win 502 <nop,nop,TS val 191 ecr t>"); /* the client's probe */
    expect(s, SERVER, ". x+16 ack y+5 win 502 <nop,nop,TS val 191 ecr *>");
    expect_nothing(s);
    scenario_end(s);
}

/* A window that was closed for long is open, but what we say is lost: we repeat it as if nothing
 * had been probed, and whatever else the server says. */
Test(slots, rule_1_3_repeats_are_not_put_off)
{
    struct scenario *s = draining("0");
    expect(s, SERVER, ". x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000>");
    s->quiet = true;
    for (int i = 0; i < 30; i++)
        pass(s, SECOND_US);
    s->quiet = false;
    inject(s, SERVER, ". y+1 ack x+1 win 500 <nop,nop,TS val 5020 ecr 180>");
    expect(s, CLIENT, ". c+1 ack x+17 win * <nop,nop,TS val * ecr 180>");
    for (int i = 0; i < 3; i++) {
        expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5020> | " GET_REQUEST);
        for (uint64_t us = 0; us < 200000ull << i; us += 50000) {
            expect_nothing(s);
            inject(s, SERVER, ". y+1 ack x+1 win 500 <nop,nop,TS val 5020 ecr 180>");
            expect(s, CLIENT, ". c+1 ack x+17 win * <nop,nop,TS val * ecr 180>");
            pass(s, 50000 + (us == 0 ? 10000 : 0));
        }
    }
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5020> | " GET_REQUEST);
    scenario_end(s);
}

/* The request was judged by the copy that came first. */
Test(slots, rule_1_3_copies_with_other_bytes_go_nowhere)
{
    struct scenario *s = draining("5");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | GET /");
    inject(s, CLIENT, "P. x+5 ack c+1 win 502 <nop,nop,TS val 190 ecr t> | /evil");
    expect(s, CLIENT, ". c+1 ack x+17 win 0 <nop,nop,TS val * ecr 180>");
    inject(s, CLIENT, "P. x ack c+1 win 502 <nop,nop,TS val 190 ecr t> | -PUT /");
    expect(s, CLIENT, ". c+1 ack x+17 win 0 <nop,nop,TS val * ecr 180>");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+5 ack c+1 win 502 <nop,nop,TS val 190 ecr t> | / HT");
    expect(s, SERVER, "P. x+5 ack y+1 win 502 <nop,nop,TS val 190 ecr *> | / HT");
    scenario_end(s);
}

Test(slots, rule_1_3_closed_window_is_probed_for_a_minute)
{
    struct scenario *s = draining("0");
    s->quiet = true;
    for (int i = 0; i < 30; i++) {
        pass(s, 5 * SECOND_US);
        if (i < 11)
            expect_count(s, flows_closing, 0);
    }
    expect_count(s, flows_closing, 1);
    scenario_forget(s); /* the probes, and both resets */
    scenario_end(s);
}

Test(slots, rule_1_3_client_that_leaves_takes_the_server_along)
{
    struct scenario *s = draining("65160");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | " GET_REQUEST);
    inject(s, CLIENT, "R x+19 win 0");
    expect(s, SERVER, "R x+1 win *"); /* in the server's own numbers: RFC 5961 3.2 */
    expect_nothing(s);
    scenario_end(s);
}

/* It gives up with more under way than the server had room for: that is its next number, too. */
Test(slots, rule_1_3_client_that_leaves_resets_with_its_next_number)
{
    struct scenario *s = draining("10");
    scenario_drain(s);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 190 ecr t> | more");
    scenario_drain(s);
    inject(s, CLIENT, "R x+23 win 0");
    expect(s, SERVER, "R x+1 win *");
    expect_nothing(s);
    scenario_end(s);
}

/* Whoever guesses a number in the window ends nothing: the client is asked, and answers with the
 * exact one where it has left (RFC 5961 3.2). */
Test(slots, rule_1_3_reset_while_draining_needs_the_exact_number)
{
    struct scenario *s = draining("65160");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 180 ecr 5000> | " GET_REQUEST);
    inject(s, CLIENT, "R x+20 win 0");
    expect(s, CLIENT, ". c+1 ack x+17 win * <nop,nop,TS val * ecr 180>");
    expect_nothing(s);
    inject(s, CLIENT, "R x+18 win 0");
    expect(s, CLIENT, ". c+1 ack x+17 win * <nop,nop,TS val * ecr 180>");
    inject(s, CLIENT, "R x+200000 win 0");
    expect_nothing(s);
    inject(s, CLIENT, "R x+17 win 0");
    expect(s, SERVER, "R x+1 win *");
    expect_nothing(s);
    scenario_end(s);
}

Test(slots, rule_1_3_repeats_while_opening_are_answered)
{
    struct scenario *s = promised();
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 170 ecr t> | T / HTTP/1.1\r\n\r\n");
    expect(s, SERVER, OPENED);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 180 ecr t> | GE");
    expect(s, CLIENT, ". c+1 ack x+3 win * <nop,nop,TS val * ecr 180>");
    expect_nothing(s);
    scenario_end(s);
}
