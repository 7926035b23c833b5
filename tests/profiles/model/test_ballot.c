/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ballot.c - rows of votes: prefixes, seniors, samples, and what a loosening costs. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "profiles/model/ballot.h"

#define DAY_S (24u * 3600)
#define NOW_S 1767225600u /* 2026-01-01 */
#define HTTP  VOTE_FORM(1)

static const uint8_t key[BALLOT_KEY_BYTES] = {1, 2, 3};
static struct ballot ballot;

static void setup(void)
{
    ballot_init(&ballot);
}

TestSuite(ballot, .init = setup);

static struct ip_addr v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    const uint8_t bytes[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};

    return addr_from_v4(bytes);
}

static uint64_t prefix_of(const char *text)
{
    struct ip_addr addr;

    cr_assert(addr_from_text(text, &addr));
    return ballot_prefix(key, &addr);
}

/* A client in the `number`th /24, each /16 of which has one. */
static uint64_t network(uint32_t number)
{
    const struct ip_addr addr = v4(1 + number / 256, number % 256, 7, 1);

    return ballot_prefix(key, &addr);
}

static void serve(uint32_t number, uint64_t votes, uint32_t now_s)
{
    struct ballot_row *row = ballot_serve(&ballot, network(number), now_s);

    if (row)
        row->votes |= votes;
}

static struct ballot_count count_at(uint64_t votes, uint32_t since_s, uint32_t now_s)
{
    const struct ballot_time time = {.now_s = now_s, .since_s = since_s};

    return ballot_count(&ballot, votes, &time);
}

Test(ballot, a_prefix_is_a_24_or_a_48)
{
    cr_assert_eq(prefix_of("192.0.2.1"), prefix_of("192.0.2.254"));
    cr_assert_neq(prefix_of("192.0.2.1"), prefix_of("192.0.3.1"));
    cr_assert_eq(prefix_of("2001:db8:1::1"), prefix_of("2001:db8:1:ffff::2"));
    cr_assert_neq(prefix_of("2001:db8:1::1"), prefix_of("2001:db8:2::1"));
}

Test(ballot, one_prefix_has_one_row_however_often_it_comes)
{
    for (uint32_t i = 0; i < 1000; i++)
        serve(1, HTTP, NOW_S + i);
    cr_assert_eq(ballot.count, 1);
    cr_assert_eq(ballot.rows[0].first_s, NOW_S);
    cr_assert_eq(ballot.rows[0].last_s, NOW_S + 999);
}

Test(ballot, a_wide_network_has_at_most_its_share)
{
    for (unsigned c = 0; c < 256; c++) {
        const struct ip_addr addr = v4(10, 1, c, 1);

        ballot_serve(&ballot, ballot_prefix(key, &addr), NOW_S);
    }
    cr_assert_eq(ballot.count, BALLOT_WIDE_V4);
    for (unsigned i = 0; i < 256; i++) {
        char text[32];

        snprintf(text, sizeof(text), "2001:db8:%x::1", i);
        ballot_serve(&ballot, prefix_of(text), NOW_S);
    }
    cr_assert_eq(ballot.count, BALLOT_WIDE_V4 + BALLOT_WIDE_V6);
}

Test(ballot, seniors_were_served_a_day_ago_and_all_are_at_a_young_server)
{
    serve(1, 0, NOW_S);
    serve(2, 0, NOW_S + DAY_S - 1);
    cr_assert_eq(count_at(0, NOW_S, NOW_S + DAY_S - 1).seniors, 2, "the server is young");
    cr_assert_eq(count_at(0, NOW_S, NOW_S + DAY_S).seniors, 1);
    cr_assert_eq(count_at(0, NOW_S, NOW_S + 2 * DAY_S).seniors, 2);
}

Test(ballot, a_row_is_forgotten_after_thirty_days)
{
    struct ballot_row *row;

    serve(1, HTTP, NOW_S);
    cr_assert_eq(count_at(HTTP, NOW_S, NOW_S + BALLOT_KEPT_S).rows_for, 1);
    cr_assert_eq(count_at(HTTP, NOW_S, NOW_S + BALLOT_KEPT_S + 1).rows, 0);
    row = ballot_serve(&ballot, network(1), NOW_S + BALLOT_KEPT_S + 1);
    cr_assert_eq(row->votes, 0, "it begins anew");
    cr_assert_eq(row->first_s, NOW_S + BALLOT_KEPT_S + 1);
}

Test(ballot, three_carry_at_few_and_a_tenth_at_many)
{
    for (uint32_t i = 0; i < 100; i++)
        serve(i, i < 9 ? HTTP : 0, NOW_S);
    struct ballot_count count = count_at(HTTP, NOW_S, NOW_S);
    cr_assert_not(ballot_carries(&count), "9 of 100");
    serve(9, HTTP, NOW_S);
    count = count_at(HTTP, NOW_S, NOW_S);
    cr_assert(ballot_carries(&count), "10 of 100");
    setup();
    for (uint32_t i = 0; i < 3; i++)
        serve(i, i < 2 ? HTTP : 0, NOW_S);
    count = count_at(HTTP, NOW_S, NOW_S);
    cr_assert_not(ballot_carries(&count), "2 of 3");
}

Test(ballot, votes_of_the_new_do_not_carry)
{
    for (uint32_t i = 0; i < 200; i++)
        serve(i, i < 100 ? 0 : HTTP, i < 100 ? NOW_S : NOW_S + 30 * 3600);
    struct ballot_count count = count_at(HTTP, NOW_S, NOW_S + 30 * 3600);
    cr_assert_not(ballot_carries(&count));
    cr_assert_eq(count.rows_for, 100);
    count = count_at(HTTP, NOW_S, NOW_S + 54 * 3600);
    cr_assert(ballot_carries(&count), "a day later they do");
}

Test(ballot, forms_of_two_seniors_are_known)
{
    const struct ballot_time time = {.now_s = NOW_S, .since_s = NOW_S};

    serve(1, HTTP | VOTE_FORM(2), NOW_S);
    serve(2, HTTP | VOTE_WIDER, NOW_S);
    serve(3, VOTE_WIDER, NOW_S);
    cr_assert_eq(ballot_minor(&ballot, &time), HTTP, "and no other facts");
}

Test(ballot, rows_stay_a_fair_sample_of_many_prefixes)
{
    for (uint32_t round = 0; round < 3; round++)
        for (uint32_t i = 0; i < 4000; i++)
            serve(i, i % 4 ? 0 : HTTP, NOW_S + round);
    const struct ballot_count count = count_at(HTTP, NOW_S, NOW_S);
    cr_assert_geq(count.rows, BALLOT_ROWS / 4);
    cr_assert_leq(count.rows, BALLOT_ROWS);
    const double share = (double)count.rows_for / count.rows;
    cr_assert(share > 0.13 && share < 0.37, "a quarter votes, %.2f is seen", share);
}

Test(ballot, a_smaller_crowd_is_sampled_more_closely_again)
{
    for (uint32_t i = 0; i < 4000; i++)
        serve(i, 0, NOW_S);
    const uint8_t zeros = ballot.zeros;
    cr_assert_gt(zeros, 2);
    for (uint32_t day = 31; day < 40; day++)
        for (uint32_t i = 0; i < 100; i++)
            serve(10000 + i, 0, NOW_S + day * DAY_S);
    cr_assert_lt(ballot.zeros, zeros);
    cr_assert_gt(ballot.count, 25);
}

/* --- the price ------------------------------------------------------------------------------- */

/*
 * How many prefixes, a day old, an attacker needs beside `honest` ones. Over many keys: the sample
 * is a matter of luck.
 */
static double price(uint32_t honest, uint32_t keys)
{
    uint32_t sum = 0;

    for (uint32_t luck = 0; luck < keys; luck++) {
        uint8_t own[BALLOT_KEY_BYTES] = {(uint8_t)luck, 0x55};
        uint32_t bought = 0;
        struct ballot_count count;

        setup();
        for (uint32_t i = 0; i < honest; i++) {
            const struct ip_addr addr = v4(1 + i / 256, i % 256, 7, 1);

            ballot_serve(&ballot, ballot_prefix(own, &addr), NOW_S);
        }
        do {
            const struct ip_addr addr = v4(100 + bought / 256, bought % 256, 9, 1);
            struct ballot_row *row = ballot_serve(&ballot, ballot_prefix(own, &addr), NOW_S);

            if (row)
                row->votes |= HTTP;
            bought++;
            count = count_at(HTTP, NOW_S - 10 * DAY_S, NOW_S + DAY_S);
        } while (!ballot_carries(&count));
        sum += bought;
    }
    return (double)sum / keys;
}

Test(ballot, one_more_form_costs_a_ninth_of_the_honest_prefixes)
{
    const double at_20 = price(20, 4), at_200 = price(200, 40), at_1000 = price(1000, 100);

    cr_log_info("price: %.1f at 20 prefixes, %.1f at 200, %.1f at 1,000", at_20, at_200, at_1000);
    cr_assert(at_20 >= 3 && at_20 < 3.01, "%.1f", at_20);
    cr_assert(at_200 > 20 && at_200 < 25, "%.1f", at_200);
    cr_assert(at_1000 > 100 && at_1000 < 125, "%.1f", at_1000);
}
