/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/server/trigger.c: what each figure counts, and when it fires. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/server/trigger.h"

#define SECOND_US 1000000ull
#define BEGIN_US  (100 * SECOND_US)
#define TAGS      (1u << 18) /* so many that none is overwritten */

static const uint64_t seed[2] = {56, 78}; /* under which no two of the tests' tags meet */

struct bench {
    struct trigger_counts counts;
    struct trigger_limits own, common;
    struct tag tags[TAGS];
    struct tag_table table;
    struct proof_slot slots[TAGS];
    struct proof_table proofs;
    struct flow_key key;
    uint32_t shards, summing;
    bool attack, doubled, stale;
    enum trigger_cause cause;
    uint64_t now_us;
};

static struct bench *begin(void)
{
    static struct bench bench;

    memset(&bench, 0, sizeof(bench));
    tag_table_init(&bench.table, bench.tags, TAGS, 2000);
    bench.proofs = (struct proof_table){bench.slots, TAGS - 1};
    bench.shards = 1;
    bench.now_us = BEGIN_US;
    return &bench;
}

/* The `number`th connection. */
static struct trigger_tag connection(struct bench *b, uint32_t number)
{
    b->key.client_port = (uint16_t)number;
    return (struct trigger_tag){&b->table, flow_key_hash(seed, &b->key), number};
}

static struct proof_slot *slot_of(struct bench *b, uint32_t number)
{
    const struct trigger_tag at = connection(b, number);

    return proof_slot(&b->proofs, at.hash, at.x, (uint32_t)(b->now_us / 1000));
}

static enum trigger_cause fires(struct bench *b, uint32_t *value)
{
    const struct trigger_question question = {.own = &b->own,
                                              .common = &b->common,
                                              .shards = b->shards,
                                              .summing = b->summing,
                                              .attack = b->attack,
                                              .doubled = b->doubled,
                                              .cause = b->cause,
                                              .stale = b->stale,
                                              .now_us = b->now_us};

    return trigger_firing(&b->counts, &question, value);
}

static void expect(struct bench *b, enum trigger_cause cause, uint32_t value, int line)
{
    uint32_t is;
    enum trigger_cause found = fires(b, &is);

    cr_assert_eq(found, cause, "line %d: cause %d", line, (int)found);
    if (cause != TRIGGER_NONE)
        cr_assert_eq(is, value, "line %d: %u", line, is);
}

#define fires_by(b, cause, value) expect(b, cause, value, __LINE__)
#define is_calm(b)                expect(b, TRIGGER_NONE, 0, __LINE__)

static void handshakes(struct bench *b, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        trigger_handshake(&b->counts, slot_of(b, i), rate_step(b->now_us));
}

static void speaks(struct bench *b, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        trigger_spoke(&b->counts, slot_of(b, i));
}

Test(trigger, limits_own_before_common_before_default)
{
    struct bench *b = begin();

    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_HALF_OPEN), 200);
    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_SILENT), 200);
    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_ACCEPT_QUEUE), 80);
    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_SYN_RATE), TRIGGER_OFF);
    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_MISMATCH), TRIGGER_OFF);
    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_REFUSED), TRIGGER_OFF);
    b->common.limit[TRIGGER_SILENT] = 7;
    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_SILENT), 7);
    b->own.limit[TRIGGER_SILENT] = TRIGGER_OFF;
    cr_assert_eq(trigger_limit(&b->own, &b->common, TRIGGER_SILENT), TRIGGER_OFF);
}

Test(trigger, half_open_in_normal_mode)
{
    struct bench *b = begin();

    b->counts.half_open_flows = 200;
    is_calm(b);
    b->counts.half_open_flows = 201;
    fires_by(b, TRIGGER_HALF_OPEN, 201);
    b->own.limit[TRIGGER_HALF_OPEN] = TRIGGER_OFF;
    is_calm(b);
}

Test(trigger, limits_are_shared_and_doubled)
{
    struct bench *b = begin();

    b->shards = 3;
    b->counts.half_open_flows = 67;
    is_calm(b);
    b->counts.half_open_flows = 68;
    fires_by(b, TRIGGER_HALF_OPEN, 3 * 68); /* as people count: all shards together */
    b->shards = 1;
    b->doubled = true;
    b->counts.half_open_flows = 400;
    is_calm(b);
    b->counts.half_open_flows = 401;
    fires_by(b, TRIGGER_HALF_OPEN, 401);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* However a flood is spread over bridges that each act at their part: where its sum is over the
 * limit by more than rounding, one of them fires. */
Test(trigger, parts_of_a_limit_miss_no_sum)
{
    struct bench *b = begin();
    uint32_t seed_of = 7;

    for (uint32_t bridges = 2; bridges <= 8; bridges++) {
        for (uint32_t round = 0; round < 1000; round++) {
            uint32_t left = TRIGGER_HALF_OPEN_DEFAULT + bridges;
            bool fired = false;

            b->shards = bridges;
            for (uint32_t i = 0; i < bridges; i++) {
                const uint32_t part = i + 1 == bridges
                                          ? left
                                          : next_random(&seed_of) % (2 * left / (bridges - i) + 1);
                uint32_t value;

                b->counts.half_open_flows = part < left ? part : left;
                left -= b->counts.half_open_flows;
                fired |= fires(b, &value) == TRIGGER_HALF_OPEN;
            }
            cr_assert(fired, "%u bridges, round %u", bridges, round);
        }
    }
}

/* Other bridges have counted so much. */
static void elsewhere(struct bench *b, uint32_t half_open, uint32_t silent, uint32_t handshakes_)
{
    const struct trigger_others others = {half_open, silent, handshakes_};

    trigger_others_told(&b->counts, &others, b->now_us);
}

/* One that carries most of the clients acts no sooner than one that is alone. */
Test(trigger, half_open_is_the_sum_of_all_bridges)
{
    struct bench *b = begin();

    b->shards = 3;
    b->counts.half_open_flows = 150;
    fires_by(b, TRIGGER_HALF_OPEN, 450); /* of the others nothing is known */
    b->summing = 1;
    is_calm(b);
    elsewhere(b, 50, 0, 0);
    is_calm(b);
    elsewhere(b, 51, 0, 0);
    fires_by(b, TRIGGER_HALF_OPEN, 201);
    b->summing = 0;
    b->counts.half_open_flows = 67;
    is_calm(b); /* a part of the limit, and nothing of the others */
    b->counts.half_open_flows = 150;
    b->summing = 1;
    b->now_us += OTHERS_FRESH_US;
    is_calm(b);
}

/* Each of two shards has a part of both. */
Test(trigger, sums_are_shared_among_shards)
{
    struct bench *b = begin();

    b->shards = 6;
    b->summing = 2;
    b->counts.half_open_flows = 60;
    elsewhere(b, 40, 0, 0);
    is_calm(b);
    elsewhere(b, 41, 0, 0);
    fires_by(b, TRIGGER_HALF_OPEN, 202);
}

/* No part of it is over a part of the limit and half of what that bridge carries, and all of it
 * is. */
Test(trigger, silent_is_the_sum_of_all_bridges)
{
    static const uint32_t silent[] = {100, 60, 60}, all[] = {250, 60, 60};
    struct bench *b;

    for (uint32_t i = 0; i < 3; i++) {
        b = begin();
        b->shards = 3;
        handshakes(b, 0, all[i]);
        speaks(b, 0, all[i] - silent[i]);
        b->now_us += SILENT_AFTER_US + RATE_STEP_US;
        is_calm(b);
        b->summing = 1;
        is_calm(b);
        elsewhere(b, 0, 220 - silent[i], 370 - all[i]);
        fires_by(b, TRIGGER_SILENT, 220);
        elsewhere(b, 0, 199 - silent[i], 370 - all[i]);
        is_calm(b);
        elsewhere(b, 0, 220 - silent[i], 441 - all[i]);
        is_calm(b); /* not half of them */
    }
}

/* It has a number of handshakes that nobody can have. */
Test(trigger, a_bridge_in_error_disarms_nobody)
{
    struct bench *b = begin();

    b->shards = 3;
    b->summing = 1;
    handshakes(b, 0, TRIGGER_SILENT_DEFAULT);
    b->now_us += SILENT_AFTER_US + RATE_STEP_US;
    elsewhere(b, 0, 0, 1u << 24);
    fires_by(b, TRIGGER_SILENT, TRIGGER_SILENT_DEFAULT);
}

Test(trigger, many_silent_at_all_bridges_do_not_wait)
{
    struct bench *b = begin();

    b->shards = 3;
    b->summing = 1;
    elsewhere(b, 0, 150, 150);
    handshakes(b, 0, TRIGGER_SILENT_DEFAULT + SILENT_BURST - 151);
    is_calm(b);
    handshakes(b, 2000, 1);
    fires_by(b, TRIGGER_SILENT, TRIGGER_SILENT_DEFAULT + SILENT_BURST);
}

/* All else is not summed: each acts at its part. */
Test(trigger, other_figures_are_not_summed)
{
    struct bench *b = begin();

    b->shards = 3;
    b->summing = 1;
    b->own.limit[TRIGGER_MISMATCH] = 30;
    for (uint32_t i = 0; i < 11; i++)
        trigger_mismatch(&b->counts, b->now_us);
    fires_by(b, TRIGGER_MISMATCH, 33);
}

Test(trigger, what_was_half_open_at_the_return_does_not_count_again)
{
    struct bench *b = begin();

    b->counts.half_open_flows = 201;
    trigger_mode(&b->counts, true, b->now_us);
    trigger_mode(&b->counts, false, b->now_us);
    b->counts.half_open_flows = 401;
    is_calm(b);
    b->counts.half_open_flows = 402;
    fires_by(b, TRIGGER_HALF_OPEN, 201);
    b->counts.half_open_flows = 201;
    is_calm(b);
    b->now_us += HALF_OPEN_LEFT_US;
    fires_by(b, TRIGGER_HALF_OPEN, 201);
}

Test(trigger, half_open_in_attack_mode_counts_each_cookie_once)
{
    struct bench *b = begin();

    b->attack = true;
    for (uint32_t i = 0; i < 300; i++)
        trigger_asked(&b->counts, connection(b, i), b->now_us);
    for (uint32_t i = 0; i < 300; i++)
        trigger_asked(&b->counts, connection(b, i), b->now_us);
    fires_by(b, TRIGGER_HALF_OPEN, 300);
    for (uint32_t i = 0; i < 50; i++)
        cr_assert(trigger_answered(&b->counts, connection(b, i), b->now_us));
    fires_by(b, TRIGGER_HALF_OPEN, 250);
    /* The same cookies again, and cookies that were never given lately: nothing more is taken back.
     */
    for (uint32_t again = 0; again < 100; again++)
        for (uint32_t i = 0; i < 50; i++)
            cr_assert_not(trigger_answered(&b->counts, connection(b, i), b->now_us));
    for (uint32_t i = 1000; i < 3000; i++)
        cr_assert_not(trigger_answered(&b->counts, connection(b, i), b->now_us));
    fires_by(b, TRIGGER_HALF_OPEN, 250);
    b->now_us += RATE_WINDOW_US;
    is_calm(b);
}

Test(trigger, silent_after_a_grace)
{
    struct bench *b = begin();

    handshakes(b, 0, 300);
    is_calm(b);
    b->now_us += SILENT_AFTER_US + RATE_STEP_US;
    fires_by(b, TRIGGER_SILENT, 300);
    speaks(b, 0, 100);
    fires_by(b, TRIGGER_SILENT, 200);
    speaks(b, 100, 1);
    is_calm(b);
}

Test(trigger, silent_at_once_where_there_are_many)
{
    struct bench *b = begin();

    handshakes(b, 0, TRIGGER_SILENT_DEFAULT + SILENT_BURST - 1);
    is_calm(b);
    handshakes(b, 2000, 1);
    fires_by(b, TRIGGER_SILENT, TRIGGER_SILENT_DEFAULT + SILENT_BURST);
}

Test(trigger, silent_must_be_half_of_all)
{
    struct bench *b = begin();

    handshakes(b, 0, 500);
    speaks(b, 0, 251);
    b->now_us += SILENT_AFTER_US + RATE_STEP_US;
    is_calm(b);
    b = begin();
    handshakes(b, 0, 500);
    speaks(b, 0, 250);
    b->now_us += SILENT_AFTER_US + RATE_STEP_US;
    fires_by(b, TRIGGER_SILENT, 250);
}

/* Who speaks takes back what it brought itself, once. */
Test(trigger, silence_of_others_cannot_be_broken)
{
    struct bench *b = begin();

    handshakes(b, 0, 400);
    b->now_us += SILENT_AFTER_US + RATE_STEP_US;
    for (uint32_t again = 0; again < 1000; again++)
        speaks(b, 0, 10);
    speaks(b, 1000, 2000);
    fires_by(b, TRIGGER_SILENT, 390);
}

/* Greeted users that think for half a second each, at 2,500 a second: some are always silent, few
 * of all. */
Test(trigger, thinking_users_are_not_silent)
{
    struct bench *b = begin();
    uint32_t value;

    for (uint32_t ms = 0; ms < 10000; ms++, b->now_us += 1000) {
        for (uint32_t i = 0; i < 2 + ms % 2; i++)
            handshakes(b, 3 * ms + i, 1);
        for (uint32_t i = 0; ms >= 200 && i < 2 + ms % 2; i++)
            speaks(b, 3 * (ms - 200) + i, 1);
        cr_assert_eq(fires(b, &value), TRIGGER_NONE, "after %u ms: %u", ms, value);
    }
}

Test(trigger, accept_queue)
{
    struct bench *b = begin();

    trigger_accept_queue(&b->counts, 80, 100, b->now_us);
    is_calm(b);
    trigger_accept_queue(&b->counts, 4000000000u, 4096, b->now_us);
    fires_by(b, TRIGGER_ACCEPT_QUEUE, 97656250);
    trigger_accept_queue(&b->counts, 103, 128, b->now_us);
    fires_by(b, TRIGGER_ACCEPT_QUEUE, 81);
    trigger_accept_queue(&b->counts, 81, 100, b->now_us);
    fires_by(b, TRIGGER_ACCEPT_QUEUE, 81);
    b->own.limit[TRIGGER_ACCEPT_QUEUE] = 81;
    is_calm(b);
    b->own.limit[TRIGGER_ACCEPT_QUEUE] = 0;
    b->now_us += ACCEPT_QUEUE_FRESH_US;
    is_calm(b);
    trigger_accept_queue(&b->counts, 81, 0, b->now_us);
    is_calm(b);
}

static void syns(struct bench *b, uint32_t per_second, uint32_t seconds)
{
    for (uint64_t i = 0; i < (uint64_t)per_second * seconds; i++) {
        trigger_syn(&b->counts, b->attack, b->now_us);
        b->now_us += SECOND_US / per_second;
    }
}

Test(trigger, syn_rate_against_its_own_past)
{
    struct bench *b = begin();
    uint32_t value;

    syns(b, 1000, 40);
    b->own.limit[TRIGGER_SYN_RATE] = 5;
    syns(b, 10000, 4);
    is_calm(b); /* nothing is usual before a minute is over */
    b = begin();
    b->own.limit[TRIGGER_SYN_RATE] = 5;
    syns(b, 100, 120);
    is_calm(b);
    syns(b, 400, 4);
    is_calm(b);
    syns(b, 1000, 2);
    cr_assert_eq(fires(b, &value), TRIGGER_SYN_RATE);
    cr_assert(value >= 6 && value <= 10, "%u", value);
    /* In attack mode the past stays what it was. */
    b->attack = true;
    syns(b, 1000, 600);
    cr_assert_eq(fires(b, &value), TRIGGER_SYN_RATE);
    b->own.limit[TRIGGER_SYN_RATE] = 0;
    is_calm(b);
}

Test(trigger, syn_rate_of_a_quiet_server_needs_numbers)
{
    struct bench *b = begin();

    b->own.limit[TRIGGER_SYN_RATE] = 5;
    syns(b, 1, 300);
    syns(b, 90, 3);
    is_calm(b); /* 90 times the usual, but 180 in 2 s */
    syns(b, 200, 2);
    uint32_t value;
    cr_assert_eq(fires(b, &value), TRIGGER_SYN_RATE);
}

/* Below the limit at each moment, as far as it itself is what is usual. */
Test(trigger, a_flood_that_swells_by_degrees_is_not_usual)
{
    struct bench *b = begin();
    uint32_t rate = 100, value;

    b->own.limit[TRIGGER_SYN_RATE] = 5;
    syns(b, rate, 300);
    is_calm(b);
    while (rate < 10000 && fires(b, &value) == TRIGGER_NONE) {
        rate += rate / 8;
        syns(b, rate, 8);
    }
    cr_assert_lt(rate, 1000);
}

/* A day that begins: twice as much each half an hour. */
Test(trigger, a_day_that_begins_is_usual)
{
    struct bench *b = begin();
    uint32_t rate;

    b->own.limit[TRIGGER_SYN_RATE] = 5;
    for (rate = 50; rate < 1000; rate += rate / 10) {
        syns(b, rate, 240);
        is_calm(b);
    }
}

Test(trigger, mismatches_and_refusals_where_they_are_set)
{
    struct bench *b = begin();

    for (int i = 0; i < 1000; i++) {
        trigger_mismatch(&b->counts, b->now_us);
        trigger_refusal(&b->counts, b->now_us);
    }
    is_calm(b);
    b->common.limit[TRIGGER_REFUSED] = 1000;
    is_calm(b);
    b->common.limit[TRIGGER_REFUSED] = 999;
    fires_by(b, TRIGGER_REFUSED, 1000);
    b->own.limit[TRIGGER_MISMATCH] = 500;
    fires_by(b, TRIGGER_MISMATCH, 1000);
    b->now_us += RATE_WINDOW_US;
    is_calm(b);
}

/* --- a server that answers nobody ------------------------------------------------------------ */

static void unanswered(struct bench *b, const char *client, uint32_t count)
{
    struct ip_addr prefix;

    cr_assert(addr_from_text(client, &prefix));
    while (count--)
        trigger_unanswered(&b->counts, &prefix, b->now_us);
}

Test(trigger, four_unanswered_syns_of_two_prefixes)
{
    struct bench *b = begin();

    unanswered(b, "10.0.1.0", 20);
    is_calm(b);
    unanswered(b, "10.0.2.0", 1);
    fires_by(b, TRIGGER_UNANSWERED, 21);
    b->own.limit[TRIGGER_UNANSWERED] = 22;
    is_calm(b);
    b->own.limit[TRIGGER_UNANSWERED] = TRIGGER_OFF;
    is_calm(b);
}

Test(trigger, a_run_ends_where_the_server_keeps_up)
{
    struct bench *b = begin();

    unanswered(b, "10.0.1.0", 2);
    unanswered(b, "10.0.2.0", 2);
    for (uint32_t i = 0; i < 16; i++)
        trigger_served(&b->counts);
    fires_by(b, TRIGGER_UNANSWERED, 4);
    trigger_served(&b->counts);
    is_calm(b);
}

Test(trigger, a_run_ends_after_a_minute)
{
    struct bench *b = begin();

    unanswered(b, "10.0.1.0", 3);
    b->now_us += 59 * SECOND_US;
    unanswered(b, "10.0.2.0", 1);
    fires_by(b, TRIGGER_UNANSWERED, 4);
    b->now_us += 60 * SECOND_US;
    is_calm(b);
    unanswered(b, "10.0.3.0", 1);
    is_calm(b);
}

/* Only the attack mode that it began, and not by the few that fail on any day. */
Test(trigger, unanswered_synacks_keep_the_mode)
{
    struct bench *b = begin();

    b->attack = true;
    for (uint32_t i = 0; i < 16; i++) {
        trigger_syn(&b->counts, true, b->now_us);
        if (i < 4)
            trigger_asked(&b->counts, connection(b, i), b->now_us);
    }
    b->now_us += SECOND_US + SECOND_US / 2;
    is_calm(b);
    b->cause = TRIGGER_UNANSWERED;
    fires_by(b, TRIGGER_UNANSWERED, 4);
    b->now_us -= SECOND_US;
    for (uint32_t i = 0; i < 16; i++)
        trigger_syn(&b->counts, true, b->now_us);
    b->now_us += SECOND_US;
    fires_by(b, TRIGGER_UNANSWERED, 4);
    b->now_us += SECOND_US;
    is_calm(b);
}
