/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ballot.c - what it takes to outvote the clients of a server. */
#include <criterion/criterion.h>

#include "profiles/model/ballot.h"

#define DAY_S    (24u * 3600)
#define SINCE_S  1700000000u
#define ODD_FORM VOTE_FORM(5)

static uint8_t key[BALLOT_KEY_BYTES];
static struct ballot ballot;

/* The i-th /24, each in a /16 of its own. */
static uint64_t prefix_of(unsigned i)
{
    const uint8_t v4[4] = {(uint8_t)(1 + i / 256), (uint8_t)i, 7, 9};
    const struct ip_addr client = addr_from_v4(v4);
    return ballot_prefix(key, &client);
}

static void serve(unsigned first, unsigned count, uint64_t votes, uint32_t now_s)
{
    for (unsigned i = first; i < first + count; i++) {
        struct ballot_row *row = ballot_serve(&ballot, prefix_of(i), now_s);
        if (row)
            row->votes |= votes;
    }
}

static bool carries(uint32_t now_s)
{
    const struct ballot_time time = {.now_s = now_s, .since_s = SINCE_S};
    const struct ballot_count count = ballot_count(&ballot, ODD_FORM, &time);
    return ballot_carries(&count);
}

Test(ballot, one_prefix_has_one_vote)
{
    ballot_init(&ballot);
    serve(0, 3, 0, SINCE_S);
    for (int again = 0; again < 10000; again++)
        serve(3, 1, ODD_FORM, SINCE_S + 2 * DAY_S + (uint32_t)again);
    cr_assert_eq(ballot.count, 4);
    cr_assert_not(carries(SINCE_S + 4 * DAY_S));
}

Test(ballot, addresses_of_one_24_are_one_prefix)
{
    const struct ip_addr one = addr_from_v4((const uint8_t[]){192, 0, 2, 1}),
                         other = addr_from_v4((const uint8_t[]){192, 0, 2, 254}),
                         next = addr_from_v4((const uint8_t[]){192, 0, 3, 1});
    cr_assert_eq(ballot_prefix(key, &one), ballot_prefix(key, &other));
    cr_assert_neq(ballot_prefix(key, &one), ballot_prefix(key, &next));
}

Test(ballot, the_new_have_no_vote_for_a_day)
{
    const uint32_t now_s = SINCE_S + 3 * DAY_S;
    ballot_init(&ballot);
    serve(0, 2, 0, SINCE_S);
    serve(2, 100, ODD_FORM, now_s);
    cr_assert_not(carries(now_s + DAY_S - 1));
    cr_assert(carries(now_s + DAY_S));
}

Test(ballot, where_few_are_known_all_must_say_so)
{
    ballot_init(&ballot);
    cr_assert_not(carries(SINCE_S));
    serve(0, 1, 0, SINCE_S);
    serve(1, 1, ODD_FORM, SINCE_S);
    cr_assert_not(carries(SINCE_S));
    serve(0, 1, ODD_FORM, SINCE_S);
    cr_assert(carries(SINCE_S));
}

Test(ballot, two_seniors_make_a_form_minor)
{
    const struct ballot_time time = {.now_s = SINCE_S + 2 * DAY_S, .since_s = SINCE_S};
    ballot_init(&ballot);
    serve(0, 5, 0, SINCE_S);
    serve(0, 1, ODD_FORM, SINCE_S);
    serve(9, 5, ODD_FORM, time.now_s);
    cr_assert_eq(ballot_minor(&ballot, &time), 0);
    serve(1, 1, ODD_FORM, time.now_s);
    cr_assert_eq(ballot_minor(&ballot, &time), ODD_FORM);
    cr_assert_not(carries(time.now_s));
}

Test(ballot, a_wide_network_has_eight_rows)
{
    ballot_init(&ballot);
    for (unsigned i = 0; i < 256; i++) {
        const struct ip_addr client = addr_from_v4((const uint8_t[]){10, 1, (uint8_t)i, 1});
        ballot_serve(&ballot, ballot_prefix(key, &client), SINCE_S);
    }
    cr_assert_eq(ballot.count, BALLOT_WIDE_V4);
}

Test(ballot, who_was_not_served_for_thirty_days_is_forgotten)
{
    ballot_init(&ballot);
    serve(0, 3, ODD_FORM, SINCE_S);
    cr_assert(carries(SINCE_S + BALLOT_KEPT_S));
    cr_assert_not(carries(SINCE_S + BALLOT_KEPT_S + 1));
}

Test(ballot, among_a_thousand_it_takes_112_to_loosen)
{
    struct ballot_count count = {.rows = 1000, .seniors = 1000};
    while (!ballot_carries(&count)) {
        count.rows++;
        count.seniors++;
        count.rows_for++;
        count.seniors_for++;
    }
    cr_assert_eq(count.seniors_for, 112);
}

Test(ballot, the_sample_speaks_for_a_thousand)
{
    for (uint8_t i = 0; i < 32; i++) {
        key[0] = i;
        ballot_init(&ballot);
        serve(0, 1000, 0, SINCE_S);
        serve(1000, 10, ODD_FORM, SINCE_S);
        cr_assert_leq(ballot.count, BALLOT_ROWS);
        cr_assert_not(carries(SINCE_S + 2 * DAY_S), "ten attackers change nothing, key %u", i);
        serve(1010, 400, ODD_FORM, SINCE_S);
        cr_assert(carries(SINCE_S + 2 * DAY_S), "key %u", i);
    }
}
