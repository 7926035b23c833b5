/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_storm.c - rule 5.10: two ends that disagree about their numbers do not answer each other
 * for ever; and what looks like it, but is not, passes.
 */
#include <criterion/criterion.h>

#include "engine/stages/ack_storm.h"
#include "tests/sim/steps.h"

#define SECOND_US 1000000ull

#define CLIENT_ACK ". x+19 ack c+1 win 502 <nop,nop,TS val 130 ecr t>"
#define SERVER_ACK ". y+1 ack x+19 win 509 <nop,nop,TS val 5001 ecr 120>"

/* How many of `count` of these come out on the other side, `gap_us` apart. */
static uint32_t carried(struct scenario *s, enum side from, const char *text, uint32_t count,
                        uint64_t gap_us)
{
    uint32_t through = 0;
    for (uint32_t i = 0; i < count; i++) {
        pass(s, gap_us);
        inject(s, from, text);
        through += s->out[side_other(from)].count;
        scenario_drain(s);
    }
    return through;
}

/* Each end answers what reaches it with the same ACK, one millisecond later, until nothing comes.
 * Returns how many crossed. */
static uint32_t answer_each_other(struct scenario *s, uint32_t most)
{
    uint32_t crossed = 0;
    while (crossed < most && carried(s, crossed % 2 == 0 ? CLIENT : SERVER,
                                     crossed % 2 == 0 ? CLIENT_ACK : SERVER_ACK, 1, 1000) > 0)
        crossed++;
    return crossed;
}

Test(storm, rule_5_10_bounced_acks_end)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    cr_assert_leq(answer_each_other(s, 10000), STORM_BOUNCES + 3);
    expect_count(s, drops[DROP_ack_storm], 1);
    /* whoever's timer speaks next is heard, and data ends the matter */
    pass(s, 2 * SECOND_US);
    cr_assert_eq(carried(s, CLIENT, CLIENT_ACK, 1, 0), 1);
    cr_assert_eq(carried(s, SERVER, SERVER_ACK, 1, 1000), 1);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 2140 ecr t> | more");
    expect(s, SERVER, "P. x+19 ack y+1 win 502 <nop,nop,TS val 2140 ecr 5000> | more");
    inject(s, SERVER, ". y+1 ack x+23 win 509 <nop,nop,TS val 7001 ecr 2140>");
    expect(s, CLIENT, ". c+1 ack x+23 win 509 <nop,nop,TS val * ecr 2140>");
    expect_count(s, drops[DROP_ack_storm], 1);
    scenario_end(s);
}

Test(storm, rule_5_10_timestamps_that_go_on_are_no_progress)
{
    struct scenario *s = attack_scenario();
    uint32_t crossed = 0;
    step_open(s);
    trace_bind(&s->symbols, "m", 200);
    for (uint32_t i = 0; i < 200; i++) {
        trace_bind(&s->symbols, "m", 200 + i);
        crossed += carried(s, CLIENT, ". x+19 ack c+1 win 502 <nop,nop,TS val m ecr t>", 1, 500);
        crossed +=
            carried(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5000+m ecr m>", 1, 500);
    }
    cr_assert_leq(crossed, 2 * STORM_BOUNCES, "%u of 400 within 200 ms crossed", crossed);
    scenario_end(s);
}

/* Hundreds of equal ACKs from one side while the other repeats data: each of them counts there (RFC
 * 5681 3.2). */
Test(storm, rule_5_10_duplicate_acks_of_recovery_pass)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    cr_assert_eq(carried(s, CLIENT, CLIENT_ACK, 600, 10), 600);
    cr_assert_eq(
        carried(s, SERVER, "P. y+1 ack x+19 win 509 <nop,nop,TS val 5002 ecr 130> | hello", 1, 0),
        1);
    cr_assert_eq(carried(s, CLIENT, CLIENT_ACK, 600, 10), 600);
    for (uint32_t i = 0; i < 100; i++) { /* and mixed with empty segments that are not the same */
        trace_bind(&s->symbols, "w", 400 + i);
        cr_assert_eq(carried(s, CLIENT, CLIENT_ACK, 3, 10), 3);
        cr_assert_eq(
            carried(s, SERVER, ". y+1 ack x+19 win w <nop,nop,TS val 5003 ecr 120>", 1, 10), 1);
    }
    expect_count(s, drops[DROP_ack_storm], 0);
    scenario_end(s);
}

/* Both sides send data and lose some: duplicate ACKs both ways, with data between them. */
Test(storm, rule_5_10_recovery_on_both_sides_passes)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(carried(s, CLIENT, CLIENT_ACK, 2, 10), 2);
        cr_assert_eq(carried(s, SERVER, SERVER_ACK, 2, 10), 2);
        cr_assert_eq(
            carried(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | more", 1, 10),
            1);
        cr_assert_eq(carried(s, SERVER,
                             "P. y+1 ack x+19 win 509 <nop,nop,TS val 5001 ecr 120> | hello", 1,
                             10),
                     1);
    }
    expect_count(s, drops[DROP_ack_storm], 0);
    scenario_end(s);
}

/* One pair each second for an hour; then a closed window that is probed at 5, 10, 20 ... ms. */
Test(storm, rule_5_10_keepalives_and_probes_pass)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    for (uint32_t i = 0; i < 3600; i++) {
        cr_assert_eq(
            carried(s, CLIENT, ". x+18 ack c+1 win 502 <nop,nop,TS val 130 ecr t>", 1, SECOND_US),
            1);
        cr_assert_eq(carried(s, SERVER, SERVER_ACK, 1, 200), 1);
    }
    for (uint64_t gap_us = 5000; gap_us < 60 * SECOND_US; gap_us *= 2) {
        cr_assert_eq(
            carried(s, CLIENT, ". x+18 ack c+1 win 502 <nop,nop,TS val 131 ecr t>", 1, gap_us), 1);
        cr_assert_eq(
            carried(s, SERVER, ". y+1 ack x+19 win 0 <nop,nop,TS val 5001 ecr 120>", 1, 200), 1);
    }
    expect_count(s, drops[DROP_ack_storm], 0);
    scenario_end(s);
}

/* Where the client never acknowledged our greeting the count begins when it does. */
Test(storm, rule_5_10_counts_after_a_late_greeting_too)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | USER sim\r\n");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 130,nop,wscale 7>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    scenario_drain(s);
    uint32_t crossed = 0;
    for (uint32_t i = 0; i < 100; i++) {
        crossed += carried(s, CLIENT, ". x+11 ack c+12 win 502 <nop,nop,TS val 131 ecr t>", 1, 500);
        crossed +=
            carried(s, SERVER, ". y+12 ack x+11 win 509 <nop,nop,TS val 5002 ecr 131>", 1, 500);
    }
    cr_assert_leq(crossed, STORM_BOUNCES + 4);
    expect_count(s, flows_spliced, 1);
    scenario_end(s);
}
