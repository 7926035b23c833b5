/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ack_storm.c - what counts as a bounce, and what does not. */
#include <criterion/criterion.h>

#include "engine/stages/ack_storm.h"

#define MS_US 1000ull

struct bounce_line {
    struct flow_storm storm;
    struct passage passage;
};

/* An empty ACK from a side; true where it is over the limit. */
static bool bounce(struct bounce_line *line, enum side from, uint32_t ack, uint64_t gap_us)
{
    struct passage *passage = &line->passage;

    passage->now_us += gap_us;
    passage->from = from;
    passage->frame.flags = TCP_ACK;
    passage->frame.seq = 1000;
    passage->frame.ack = ack;
    passage->frame.window = 500;
    return storm_bounce(&line->storm, passage);
}

/* Pairs of the same two ACKs until one is over the limit; 0: none of `pairs` was. */
static uint32_t pairs_until_limit(struct bounce_line *line, uint32_t pairs, uint64_t gap_us)
{
    for (uint32_t pair = 1; pair <= pairs; pair++)
        if (bounce(line, SIDE_CLIENT, 7, gap_us) || bounce(line, SIDE_SERVER, 8, gap_us))
            return pair;
    return 0;
}

Test(storm_bounce, twenty_bounces_are_the_limit)
{
    struct bounce_line line = {.passage.now_us = 1};

    cr_assert_eq(pairs_until_limit(&line, 1000, MS_US), STORM_BOUNCES / 2 + 2);
    cr_assert(bounce(&line, SIDE_CLIENT, 7, MS_US) || bounce(&line, SIDE_SERVER, 8, MS_US));
}

Test(storm_bounce, slow_ones_never_count_up)
{
    struct bounce_line line = {.passage.now_us = 1};

    cr_assert_eq(pairs_until_limit(&line, 10000, 60 * MS_US), 0, "17 a second are no storm");
}

Test(storm_bounce, next_second_begins_anew)
{
    struct bounce_line line = {.passage.now_us = 1};

    cr_assert_neq(pairs_until_limit(&line, 1000, MS_US), 0);
    line.passage.now_us += 1200 * MS_US;
    cr_assert_not(bounce(&line, SIDE_CLIENT, 7, MS_US));
    cr_assert_not(bounce(&line, SIDE_SERVER, 8, MS_US));
}

Test(storm_bounce, one_side_alone_is_none)
{
    struct bounce_line line = {.passage.now_us = 1};

    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_not(bounce(&line, SIDE_SERVER, 8, 10));
}

Test(storm_bounce, any_change_begins_anew)
{
    struct bounce_line line = {.passage.now_us = 1};

    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_not(bounce(&line, SIDE_CLIENT, 7, 10));
        cr_assert_not(bounce(&line, SIDE_SERVER, 8 + i * 1448, 10), "ack %u", i);
    }
}

Test(storm_bounce, data_syn_fin_and_rst_begin_anew)
{
    static const uint8_t flags[] = {TCP_ACK, TCP_SYN, TCP_ACK | TCP_FIN, TCP_RST};

    for (uint32_t i = 0; i < sizeof(flags); i++) {
        struct bounce_line line = {.passage.now_us = 1};

        pairs_until_limit(&line, STORM_BOUNCES / 2, 10);
        line.passage.frame.flags = flags[i];
        line.passage.frame.payload_bytes = i == 0 ? 1 : 0;
        cr_assert_not(storm_bounce(&line.storm, &line.passage));
        line.passage.frame.payload_bytes = 0;
        cr_assert_eq(pairs_until_limit(&line, STORM_BOUNCES / 2, 10), 0);
    }
}
