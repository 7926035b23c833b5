/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/tables/source.c: judged by share, put aside for longer each time, prefixes,
 * rules, a fixed table.
 *
 * It is longer than most: judgement, prefixes, rules and lists meet in one table.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/tables/source.h"
#include "engine/tables/source_lists.h"
#include "tests/engine/random.h"

#define SECOND_US 1000000ull
#define BEGIN_US  (1000 * SECOND_US)
#define SLOTS     1024

static const uint64_t seed[2] = {7, 8};
static struct source_table table;
static struct source_entry memory[SLOTS];
static uint64_t now_us;

static void begin(uint32_t slots)
{
    memset(memory, 0, sizeof(memory));
    source_table_init(&table, memory, slots, 1, seed);
    now_us = BEGIN_US;
}

static struct ip_addr at(const char *text)
{
    struct ip_addr addr;

    cr_assert(addr_from_text(text, &addr), "%s", text);
    return addr;
}

/* A host whose MAC ends in `mac`, untagged. */
static struct source_link link_by(uint32_t mac)
{
    const uint8_t header[14] = {[6] = 2,
                                [8] = (uint8_t)(mac >> 24),
                                [9] = (uint8_t)(mac >> 16),
                                [10] = (uint8_t)(mac >> 8),
                                [11] = (uint8_t)mac};

    return source_link_of(header, (struct vlan_ids){{0}});
}

/* Who sends all that is not said to come by another: a router. */
#define ROUTER 1

static struct source_id from(const char *text)
{
    return (struct source_id){at(text), link_by(ROUTER)};
}

/* Mismatches, and whether the last one put anything aside. */
static bool wrong(const char *text, uint32_t times)
{
    struct source_id id = from(text);
    struct observed_source aside;
    bool put = false, may_be_reset;

    while (times-- > 0)
        put = source_mismatch(&table, &id, now_us, &aside, &may_be_reset);
    return put;
}

/* True where the last one released it. */
static bool right(const char *text, uint32_t times)
{
    struct source_id id = from(text);
    struct observed_source released;
    bool last = false;

    while (times-- > 0)
        last = source_match(&table, &id, now_us, &released);
    return last;
}

static enum source_state state(const char *text)
{
    struct source_id id = from(text);

    return source_state(&table, &id, NULL, now_us);
}

static bool rule(const char *text, uint8_t length, enum source_state what, uint64_t until_us)
{
    const struct source_rule rule = {.prefix = at(text),
                                     .length = length,
                                     .state = what,
                                     .by = SOURCE_BY_OPERATOR,
                                     .until_us = until_us};

    return source_set(&table, &rule, now_us);
}

Test(source, hundred_wrong_requests_put_aside)
{
    begin(SLOTS);
    cr_assert_not(wrong("198.51.100.7", 99));
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
    cr_assert(wrong("198.51.100.7", 1));
    cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE);
    cr_assert_eq(state("198.51.100.8"), SOURCE_CLEAR);
}

Test(source, slow_ones_are_not)
{
    begin(SLOTS);
    for (int i = 0; i < 1000; i++, now_us += SECOND_US / 9)
        cr_assert_not(wrong("198.51.100.7", 1), "9 a second are 90 in 10 s");
    for (int i = 0; i < 300; i++, now_us += SECOND_US / 12)
        if (wrong("198.51.100.7", 1))
            return;
    cr_assert(false, "12 a second are 120 in 10 s");
}

/* 500 honest clients and 20 bad ones behind one address. */
Test(source, share_decides_not_the_count)
{
    begin(SLOTS);
    for (int i = 0; i < 10000; i++, now_us += 100) {
        cr_assert_not(wrong("198.51.100.7", 5));
        right("198.51.100.7", 1);
    }
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
    struct source_info info[4];
    cr_assert_eq(source_list(&table, info, 4, now_us), 1);
    cr_assert_eq(info[0].rule.state, SOURCE_LIMITED);
    struct source_id id = from("198.51.100.7");
    uint32_t resets = 0;
    for (int i = 0; i < 10000; i++, now_us += 100)
        resets += source_may_be_reset(&table, &id, now_us);
    cr_assert(resets >= 20 && resets <= 41, "%u in one second", resets);
    now_us += 10 * SECOND_US;
    cr_assert(source_may_be_reset(&table, &id, now_us));
    cr_assert_eq(source_list(&table, info, 4, now_us), 0);
}

Test(source, longer_each_time_and_forgiven)
{
    static const uint64_t minutes[] = {1, 2, 4, 8, 16, 32, 64, 64};

    begin(SLOTS);
    for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
        wrong("198.51.100.7", 100);
        now_us += minutes[i] * 60 * SECOND_US - 1;
        cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE, "time %zu", i);
        now_us++;
        cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR, "time %zu", i);
    }
    now_us += SOURCE_FORGIVEN_US + 1;
    wrong("198.51.100.7", 100);
    now_us += 60 * SECOND_US;
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
}

/* Whoever was judged at another bridge is not new here. */
Test(source, longer_where_another_bridge_has_judged_it)
{
    struct source_rule elsewhere = {.prefix = at("198.51.100.7"),
                                    .length = 32,
                                    .strikes = 2,
                                    .state = SOURCE_ASIDE,
                                    .by = SOURCE_BY_CLUSTER,
                                    .until_us = BEGIN_US + 120 * SECOND_US};
    struct source_info info[4];

    begin(SLOTS);
    cr_assert(source_set(&table, &elsewhere, now_us));
    now_us += 121 * SECOND_US;
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
    wrong("198.51.100.7", 100);
    wrong("198.51.100.8", 100);
    cr_assert_eq(source_list(&table, info, 4, now_us), 2);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(info[i].rule.strikes, info[i].rule.prefix.bytes[15] == 7 ? 3 : 1);
    now_us += 61 * SECOND_US;
    cr_assert_eq(state("198.51.100.8"), SOURCE_CLEAR);
    now_us += 178 * SECOND_US;
    cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE);
    now_us += 2 * SECOND_US;
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
    elsewhere.prefix = at("198.51.100.9");
    elsewhere.strikes = SOURCE_STRIKES_MAX + 1;
    cr_assert(source_set(&table, &elsewhere, now_us), "more than there are");
    now_us += SOURCE_FORGIVEN_US + SECOND_US;
    wrong("198.51.100.9", 100);
    now_us += 61 * SECOND_US;
    cr_assert_eq(state("198.51.100.9"), SOURCE_CLEAR);
}

Test(source, ipv6_by_64)
{
    begin(SLOTS);
    wrong("2001:db8:1:2::7", 50);
    wrong("2001:db8:1:2:ffff::8", 50);
    cr_assert_eq(state("2001:db8:1:2:aaaa::1"), SOURCE_ASIDE);
    cr_assert_eq(state("2001:db8:1:3::7"), SOURCE_CLEAR);
}

static void sixteen_bad(const char *format)
{
    char text[40];

    for (int i = 1; i <= 16; i++) {
        snprintf(text, sizeof(text), format, i);
        cr_assert(wrong(text, 100));
    }
}

Test(source, many_of_a_prefix_put_it_aside)
{
    begin(SLOTS);
    sixteen_bad("198.51.100.%d");
    cr_assert_eq(state("198.51.100.200"), SOURCE_ASIDE);
    cr_assert_eq(state("198.51.101.200"), SOURCE_CLEAR);
    sixteen_bad("2001:db8:1:%x::1");
    cr_assert_eq(state("2001:db8:1:ff::1"), SOURCE_ASIDE);
    cr_assert_eq(state("2001:db8:2::1"), SOURCE_CLEAR);
}

/* Whoever has a line with a /56 has 256 sources, and others have theirs in the same /48. */
Test(source, one_site_does_not_put_its_neighbours_aside)
{
    begin(SLOTS);
    sixteen_bad("2001:db8:1:%x::1");
    cr_assert_eq(state("2001:db8:1:100::1"), SOURCE_CLEAR);
    cr_assert_eq(state("2001:db8:1:ffff::1"), SOURCE_CLEAR);
}

Test(source, prefix_with_honest_neighbours_stays)
{
    char text[40];

    begin(SLOTS);
    for (int i = 1; i <= 30; i++) {
        snprintf(text, sizeof(text), "198.51.100.%d", i);
        cr_assert(wrong(text, 100));
        right("198.51.100.200", 20);
    }
    cr_assert_eq(state("198.51.100.200"), SOURCE_CLEAR);
    cr_assert_eq(state("198.51.100.30"), SOURCE_ASIDE);
}

/* The same address again and again is not many. */
Test(source, prefix_counts_sources_not_times)
{
    begin(SLOTS);
    for (int i = 0; i < 20; i++) {
        wrong("198.51.100.7", 100);
        cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE);
        cr_assert_eq(state("198.51.100.8"), SOURCE_CLEAR, "time %d", i);
        now_us += 3840 * SECOND_US; /* longer than it takes to be forgiven */
    }
}

/* What source_mismatch() answers takes the same tokens as source_may_be_reset(). */
Test(source, a_limited_source_is_told_so_with_its_mismatch)
{
    struct source_id id = from("198.51.100.7");
    struct observed_source aside;
    uint32_t resets = 0;
    bool may_be_reset;

    begin(SLOTS);
    for (uint32_t i = 0; i < SOURCE_MISMATCHES - 1; i++) {
        right("198.51.100.7", 1);
        cr_assert_not(source_mismatch(&table, &id, now_us, &aside, &may_be_reset));
        cr_assert(may_be_reset);
    }
    for (uint32_t i = 0; i < SOURCE_RESETS_PER_SECOND; i++) {
        cr_assert_not(source_mismatch(&table, &id, now_us, &aside, &may_be_reset));
        resets += may_be_reset;
        resets += i % 2 && source_may_be_reset(&table, &id, now_us);
    }
    cr_assert_eq(resets, SOURCE_RESETS_PER_SECOND, "%u", resets);
    cr_assert_not(source_may_be_reset(&table, &id, now_us));
    for (uint32_t i = 0; i < 10 * SOURCE_MISMATCHES; i++)
        source_mismatch(&table, &id, now_us, &aside, &may_be_reset);
    cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE);
    cr_assert_not(may_be_reset);
    /* Who is allowed is counted no longer, and still limited by what was counted before. */
    cr_assert(source_set(
        &table,
        &(struct source_rule){
            .prefix = id.addr, .length = 32, .state = SOURCE_ALLOWED, .by = SOURCE_BY_OPERATOR},
        now_us));
    cr_assert_not(source_mismatch(&table, &id, now_us, &aside, &may_be_reset));
    cr_assert_not(may_be_reset);
    now_us += 20 * SECOND_US;
    cr_assert_not(source_mismatch(&table, &id, now_us, &aside, &may_be_reset));
    cr_assert(may_be_reset);
}

Test(source, a_million_of_them_displace_nobody_who_is_aside)
{
    struct random random = random_begin("source");
    struct observed_source aside;
    bool may_be_reset;

    begin(SLOTS);
    wrong("198.51.100.7", 100);
    for (uint32_t i = 0; i < 1000000; i++, now_us += 20) {
        uint8_t v4[4] = {(uint8_t)(1 + random_below(&random, 100)),
                         (uint8_t)random_below(&random, 256), (uint8_t)random_below(&random, 256),
                         (uint8_t)random_below(&random, 256)};
        struct source_id id = {addr_from_v4(v4), link_by(ROUTER)};
        source_mismatch(&table, &id, now_us, &aside, &may_be_reset);
    }
    cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE);
    cr_assert_eq(table.evicted, 0);
}

/* The honest ones behind an address may have been there first. */
Test(source, matches_before_the_first_mismatch_count)
{
    begin(SLOTS);
    right("198.51.100.7", 20);
    cr_assert_not(wrong("198.51.100.7", 200));
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
    cr_assert(wrong("198.51.100.7", 1), "less than a tenth now");
}

/* The bad ones came first, by a moment. */
Test(source, matches_that_were_under_way_release)
{
    begin(SLOTS);
    cr_assert(wrong("198.51.100.7", 100));
    right("198.51.100.7", 9);
    cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE, "9 of 100 are less than a tenth");
    right("198.51.100.7", 1);
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
    cr_assert(wrong("198.51.100.7", 1), "101 wrong ones for 10");
    now_us += 61 * SECOND_US;
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR, "the release took the first time back");
}

/* It was put aside elsewhere before: here it counts for its prefix each time that it is put aside,
 * and no longer once that is taken back. */
Test(source, what_is_released_counts_for_its_prefix_as_often_as_not)
{
    const struct source_rule elsewhere = {.prefix = at("198.51.100.7"),
                                          .length = 32,
                                          .strikes = 2,
                                          .state = SOURCE_ASIDE,
                                          .by = SOURCE_BY_CLUSTER,
                                          .until_us = BEGIN_US + 2 * SECOND_US};
    char text[40];

    begin(SLOTS);
    cr_assert(source_set(&table, &elsewhere, now_us));
    now_us += 3 * SECOND_US;
    for (int i = 0; i < 14; i++) {
        snprintf(text, sizeof(text), "198.51.100.%d", 100 + i);
        cr_assert(wrong(text, 100));
    }
    for (int i = 0; i < 2; i++) {
        cr_assert(wrong("198.51.100.7", 100));
        right("198.51.100.7", 10);
        cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
        now_us += 30 * SECOND_US;
    }
    cr_assert(wrong("198.51.100.114", 100));
    cr_assert_eq(state("198.51.100.200"), SOURCE_CLEAR, "fifteen");
    cr_assert(wrong("198.51.100.115", 100));
    cr_assert_eq(state("198.51.100.200"), SOURCE_ASIDE, "sixteen");
}

/* Another shard judged it: this one has no share to judge by. */
/* Each shard has a share of the counts; what it says to people is said of all; what one takes back
 * the others are told. */
Test(source, two_shards_share)
{
    struct source_rule told = {.prefix = at("198.51.100.9"),
                               .length = 32,
                               .by = SOURCE_BY_JUDGEMENT,
                               .link = link_by(ROUTER)};
    struct source_id bad = from("198.51.100.7");
    struct observed_source aside, released;
    bool may_be_reset;

    memset(memory, 0, sizeof(memory));
    source_table_init(&table, memory, SLOTS, 2, seed);
    now_us = BEGIN_US;
    /* A half, and two deviations: that one shard has more than its half by chance puts nobody
     * aside. */
    const uint32_t enough = SOURCE_MISMATCHES / 2 + 2 * 7;
    cr_assert_not(wrong("198.51.100.7", enough - 1));
    cr_assert(source_mismatch(&table, &bad, now_us, &aside, &may_be_reset));
    cr_assert_eq(aside.mismatches, 2 * enough, "as for both");
    cr_assert_eq(aside.until_us, now_us + SOURCE_ASIDE_US);
    cr_assert_not(right("198.51.100.7", enough / SOURCE_SHARE));
    cr_assert(source_match(&table, &bad, now_us, &released));
    cr_assert_eq(released.until_us, now_us);
    cr_assert_eq(released.length, 32);
    cr_assert_not(right("198.51.100.7", 1), "once");

    told.state = SOURCE_ASIDE;
    told.until_us = now_us + SOURCE_ASIDE_US;
    cr_assert(source_set(&table, &told, now_us));
    cr_assert_eq(state("198.51.100.9"), SOURCE_ASIDE);
    told.state = SOURCE_CLEAR;
    told.until_us = now_us;
    cr_assert(source_set(&table, &told, now_us));
    cr_assert_eq(state("198.51.100.9"), SOURCE_CLEAR);
}

Test(source, one_match_does_not_release_what_was_told)
{
    const struct source_rule told = {.prefix = at("198.51.100.7"),
                                     .length = 32,
                                     .link = link_by(ROUTER),
                                     .state = SOURCE_ASIDE,
                                     .by = SOURCE_BY_JUDGEMENT,
                                     .until_us = BEGIN_US + 60 * SECOND_US};

    begin(SLOTS);
    cr_assert(source_set(&table, &told, now_us));
    right("198.51.100.7", 5);
    cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE);
}

Test(source, a_million_others_displace_no_address_of_many_honest_clients)
{
    struct random random = random_begin("source");
    struct observed_source aside, released;
    bool may_be_reset;

    begin(SLOTS);
    for (uint32_t i = 0; i < 1000000; i++, now_us += 20) {
        uint8_t v4[4] = {(uint8_t)(1 + random_below(&random, 100)),
                         (uint8_t)random_below(&random, 256), (uint8_t)random_below(&random, 256),
                         (uint8_t)random_below(&random, 256)};
        struct source_id id = {addr_from_v4(v4), link_by(ROUTER)};
        if (i % 200 == 0)
            right("198.51.100.7", 1);
        if (random_below(&random, 2))
            source_match(&table, &id, now_us, &released);
        else
            source_mismatch(&table, &id, now_us, &aside, &may_be_reset);
    }
    cr_assert_not(wrong("198.51.100.7", 1000));
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
}

/* Nothing was thought of it: there is nothing to take back. */
Test(source, forgetting_who_did_nothing_wrong)
{
    struct ip_addr addr = at("198.51.100.7");

    begin(SLOTS);
    right("198.51.100.7", 20);
    cr_assert_not(source_forget(&table, &addr, 32));
    wrong("198.51.100.7", 1);
    cr_assert(source_forget(&table, &addr, 32));
}

Test(source, rules_longest_prefix_decides)
{
    enum source_by by;
    struct ip_addr addr = at("198.51.100.7");
    struct source_id id = {addr, link_by(ROUTER)};

    begin(SLOTS);
    cr_assert(rule("198.51.100.0", 24, SOURCE_ASIDE, 0));
    cr_assert(rule("198.51.100.7", 32, SOURCE_ALLOWED, 0));
    cr_assert(rule("198.0.0.0", 8, SOURCE_ALLOWED, 0));
    cr_assert_eq(state("198.51.100.8"), SOURCE_ASIDE);
    cr_assert_eq(state("198.51.100.7"), SOURCE_ALLOWED);
    cr_assert_eq(state("198.51.101.7"), SOURCE_ALLOWED);
    cr_assert_eq(state("199.51.101.7"), SOURCE_CLEAR);
    cr_assert_eq(source_state(&table, &id, &by, now_us), SOURCE_ALLOWED);
    cr_assert_eq(by, SOURCE_BY_OPERATOR);
    cr_assert_not(wrong("198.51.100.7", 1000), "allowed is never put aside");
    addr = at("198.51.100.99");
    cr_assert(source_forget(&table, &addr, 24), "bits beyond the length do not count");
    cr_assert_eq(state("198.51.100.8"), SOURCE_ALLOWED);
    cr_assert_not(source_forget(&table, &addr, 24));
}

static bool of_another_bridge(const char *text, uint8_t length)
{
    const struct source_rule rule = {.prefix = at(text),
                                     .length = length,
                                     .state = SOURCE_ASIDE,
                                     .by = SOURCE_BY_CLUSTER,
                                     .until_us = now_us + SECOND_US};

    return source_set(&table, &rule, now_us);
}

/* They count as what is judged here does, and leave half of the room to the operator. */
Test(source, judgements_of_other_bridges)
{
    const struct source_id id = {at("198.51.100.8"), link_by(ROUTER)};
    enum source_by by;
    char text[40];

    begin(SLOTS);
    cr_assert(rule("198.51.100.7", 32, SOURCE_ALLOWED, 0));
    cr_assert(of_another_bridge("198.51.100.7", 32));
    cr_assert_eq(state("198.51.100.7"), SOURCE_ALLOWED, "the operator's word counts");
    cr_assert(of_another_bridge("198.51.100.8", 32));
    cr_assert_eq(source_state(&table, &id, &by, now_us), SOURCE_ASIDE);
    cr_assert_eq(by, SOURCE_BY_CLUSTER);
    for (int i = 2; i < SOURCE_RULES_MAX / 2; i++) {
        snprintf(text, sizeof(text), "10.1.%d.%d", i / 256, i % 256);
        cr_assert(of_another_bridge(text, 32));
    }
    cr_assert_not(of_another_bridge("10.9.9.9", 32));
    cr_assert(rule("10.9.9.9", 32, SOURCE_ASIDE, 0));
    now_us += SECOND_US;
    cr_assert_eq(state("198.51.100.8"), SOURCE_CLEAR);
}

Test(source, rules_of_both_families_do_not_meet)
{
    begin(SLOTS);
    cr_assert(rule("::", 0, SOURCE_ASIDE, 0));
    cr_assert_eq(state("198.51.100.8"), SOURCE_CLEAR);
    cr_assert_eq(state("2001:db8::1"), SOURCE_ASIDE);
    begin(SLOTS);
    cr_assert(rule("0.0.0.0", 0, SOURCE_ASIDE, 0));
    cr_assert_eq(state("198.51.100.8"), SOURCE_ASIDE);
    cr_assert_eq(state("2001:db8::1"), SOURCE_CLEAR);
}

Test(source, rules_run_out_and_expire)
{
    char text[40];

    begin(SLOTS);
    for (int i = 0; i < SOURCE_RULES_MAX; i++) {
        snprintf(text, sizeof(text), "10.1.%d.%d", i / 256, i % 256);
        cr_assert(rule(text, (uint8_t)(24 + i % 9), SOURCE_ASIDE, now_us + SECOND_US) ||
                  i % 9 != 8);
    }
    struct source_info info[SOURCE_RULES_MAX];
    uint32_t count = source_list(&table, info, SOURCE_RULES_MAX, now_us);
    while (count < SOURCE_RULES_MAX) {
        snprintf(text, sizeof(text), "10.2.%u.%u", count / 256, count % 256);
        cr_assert(rule(text, 32, SOURCE_ASIDE, now_us + SECOND_US));
        count++;
    }
    cr_assert_not(rule("10.9.9.9", 32, SOURCE_ASIDE, 0));
    cr_assert_eq(state("10.2.1.255"), SOURCE_ASIDE);
    now_us += SECOND_US;
    cr_assert_eq(state("10.2.1.255"), SOURCE_CLEAR);
    cr_assert_eq(source_list(&table, info, SOURCE_RULES_MAX, now_us), 0);
    cr_assert(rule("10.9.9.9", 32, SOURCE_ASIDE, 0));
    cr_assert_eq(state("10.9.9.9"), SOURCE_ASIDE);
    cr_assert_eq(table.rules_count, 1);
}

Test(source, judgement_can_be_forgotten_or_come_from_elsewhere)
{
    const struct source_rule told = {.prefix = at("198.51.100.7"),
                                     .length = 32,
                                     .link = link_by(ROUTER),
                                     .state = SOURCE_ASIDE,
                                     .by = SOURCE_BY_JUDGEMENT,
                                     .until_us = BEGIN_US + 60 * SECOND_US};

    begin(SLOTS);
    cr_assert(source_set(&table, &told, now_us));
    cr_assert_eq(state("198.51.100.7"), SOURCE_ASIDE);
    cr_assert(source_forget(&table, &told.prefix, 32));
    cr_assert_eq(state("198.51.100.7"), SOURCE_CLEAR);
}

/* --- by which link ------------------------------------------------------------------------- */

static bool wrong_by(const char *text, struct source_link link, uint32_t times)
{
    const struct source_id id = {at(text), link};
    struct observed_source aside;
    bool put = false, may_be_reset;

    while (times-- > 0)
        put = source_mismatch(&table, &id, now_us, &aside, &may_be_reset);
    return put;
}

static void right_by(const char *text, struct source_link link)
{
    const struct source_id id = {at(text), link};
    struct observed_source released;

    source_match(&table, &id, now_us, &released);
}

static enum source_state state_by(const char *text, struct source_link link)
{
    const struct source_id id = {at(text), link};

    return source_state(&table, &id, NULL, now_us);
}

Test(source_link, a_neighbour_blames_nobody_but_his_own_mac)
{
    struct source_info info[2];

    begin(SLOTS);
    cr_assert(wrong_by("8.8.8.8", link_by(66), 100));
    cr_assert_eq(state_by("8.8.8.8", link_by(66)), SOURCE_ASIDE);
    cr_assert_eq(state("8.8.8.8"), SOURCE_CLEAR, "its owner, by the router");
    cr_assert_eq(source_list(&table, info, 2, now_us), 1);
    cr_assert_eq(info[0].rule.link.mac, link_by(66).mac);
    cr_assert_not(wrong("8.8.8.8", 99), "nor counted together");
    cr_assert(wrong("8.8.8.8", 1));
    cr_assert_eq(source_list(&table, info, 2, now_us), 2);
}

Test(source_link, a_neighbour_blames_no_prefix)
{
    char text[ADDR_TEXT_BYTES];

    begin(SLOTS);
    for (int i = 0; i < 2 * SOURCE_MANY; i++) {
        snprintf(text, sizeof(text), "8.8.8.%d", i);
        wrong_by(text, link_by(66), 100);
    }
    cr_assert_eq(state_by("8.8.8.200", link_by(66)), SOURCE_ASIDE, "all of it, by his MAC");
    cr_assert_eq(state("8.8.8.200"), SOURCE_CLEAR);
    cr_assert_eq(state("8.8.8.1"), SOURCE_CLEAR);
}

Test(source_link, vlans_are_told_apart)
{
    struct source_link one = link_by(ROUTER), other = one;

    one.vlan.id[0] = VLAN_PRESENT | 10;
    other.vlan.id[0] = VLAN_PRESENT | 20;
    begin(SLOTS);
    cr_assert(wrong_by("2001:db8::1", one, 100));
    cr_assert_eq(state_by("2001:db8::2", one), SOURCE_ASIDE, "of the same /64");
    cr_assert_eq(state_by("2001:db8::1", other), SOURCE_CLEAR);
    cr_assert_eq(state("2001:db8::1"), SOURCE_CLEAR);
}

Test(source_link, the_operators_rules_hold_for_all)
{
    struct source_info info[4];
    struct ip_addr addr = at("8.8.8.8");

    begin(SLOTS);
    wrong_by("8.8.8.8", link_by(66), 100);
    wrong_by("8.8.8.8", link_by(67), 100);
    cr_assert(rule("8.8.8.8", 32, SOURCE_ALLOWED, 0));
    cr_assert_eq(state_by("8.8.8.8", link_by(66)), SOURCE_ALLOWED);
    cr_assert_eq(state("8.8.8.8"), SOURCE_ALLOWED);
    cr_assert_eq(source_list(&table, info, 4, now_us), 3);
    cr_assert_eq(info[0].rule.by, SOURCE_BY_OPERATOR);
    cr_assert_eq(info[0].mismatches, 200, "by all links together");
    cr_assert(source_forget(&table, &addr, 32));
    cr_assert_eq(source_list(&table, info, 4, now_us), 0, "judgements by all links as well");
    cr_assert_not(source_forget(&table, &addr, 32));
}

/* How many entries lie in the table that came by the router, and by others. */
static uint32_t entries(bool router)
{
    const struct source_link link = link_by(ROUTER);
    uint32_t count = 0;

    for (uint32_t i = 0; i < SLOTS; i++)
        count += memory[i].bits != 0 && (memory[i].mac == link.mac) == router;
    return count;
}

/* Each MAC is good for 100 wrong requests, which put its address aside: as dear as a stranger can
 * be. */
Test(source_link, invented_macs_have_a_quarter_of_the_table)
{
    struct random random = random_begin("source_link");
    char text[ADDR_TEXT_BYTES];

    begin(SLOTS);
    right("192.0.2.1", 1);
    for (uint32_t i = 0; i < SLOTS / 4; i++) {
        snprintf(text, sizeof(text), "198.18.%u.%u", i / 256, i % 256);
        wrong(text, 100);
    }
    const uint32_t before = entries(true);
    for (uint32_t i = 0; i < 20 * SLOTS; i++) {
        snprintf(text, sizeof(text), "8.%u.%u.%u", random_below(&random, 256),
                 random_below(&random, 256), random_below(&random, 256));
        wrong_by(text, link_by(1000 + i), 100);
        right_by(text, link_by(1000 + i));
    }
    cr_assert_eq(entries(false), SLOTS / 4);
    /* Only where all four ways of a set were taken one had to go. */
    cr_assert(entries(true) >= before * 95 / 100, "%u of %u are left", entries(true), before);
}

Test(source_link, one_that_is_known_stays_so_while_it_is_heard)
{
    static struct source_links links;
    const struct source_link router = link_by(ROUTER);
    struct source_link other;

    memset(&links, 0, sizeof(links));
    now_us = BEGIN_US;
    cr_assert(source_link_known(&links, &router), "nobody is a stranger yet");
    source_link_heard(&links, &router, now_us);
    for (uint32_t i = 2; i < 100000; i++) {
        other = link_by(i);
        source_link_heard(&links, &other, now_us);
    }
    cr_assert_eq(links.count, 1, "one a minute");
    for (uint32_t i = 2; i < 50; i++) {
        now_us += SOURCE_LINK_EVERY_US;
        other = link_by(i);
        source_link_heard(&links, &other, now_us);
        source_link_heard(&links, &router, now_us);
    }
    cr_assert_eq(links.count, SOURCE_LINKS);
    cr_assert(source_link_known(&links, &router));
    cr_assert_not(source_link_known(&links, &other), "there is no place for it");
    now_us += SOURCE_LINK_LIFE_US;
    source_link_heard(&links, &router, now_us);
    source_link_heard(&links, &other, now_us);
    cr_assert(source_link_known(&links, &other), "of one that was not heard for an hour");
    cr_assert(source_link_known(&links, &router));
}

Test(source_link, the_mac_is_read_in_its_order)
{
    static const uint8_t header[14] = {1, 2, 3, 4, 5, 6, 0x02, 0x5a, 0x17, 0xe0, 0xcc, 0x03, 8, 0};
    const struct source_link link = source_link_of(header, (struct vlan_ids){{0}});

    cr_assert_eq(memcmp(source_link_mac(&link), header + 6, 6), 0);
}

/* All that is in a list is put aside, for every server; a rule counts before, and takes nobody else
 * out of it. */
Test(source, lists_are_aside_where_no_rule_says_else)
{
    static struct source_lists lists;
    static const struct range4 v4[] = {{0x0a000000, 0x0a0000ff}, {0x0a010000, 0x0a010000}};
    static const struct range6 v6[] = {{{0xfd77000000000000, 0}, {0xfd77000000000000, 255}}};
    const struct source_rule allowed = {
        .prefix = at("10.0.0.7"), .length = 32, .state = SOURCE_ALLOWED, .by = SOURCE_BY_OPERATOR};
    const struct source_id listed = from("10.0.0.8"), other = from("10.0.1.0"),
                           one = from("10.1.0.0"), six = from("fd77::1");
    const struct source_id proxy = from("10.0.0.7");
    enum source_by by;

    begin(SLOTS);
    lists = (struct source_lists){.v4 = v4, .v6 = v6, .v4_count = 2, .v6_count = 1};
    source_lists_index(&lists);
    cr_assert_eq(source_state(&table, &listed, &by, now_us), SOURCE_CLEAR);
    source_set_lists(&table, &lists);
    cr_assert_not(source_any_aside(&table, now_us), "the lists are asked by themselves");
    cr_assert_eq(source_state(&table, &listed, &by, now_us), SOURCE_ASIDE);
    cr_assert_eq(by, SOURCE_BY_OPERATOR);
    cr_assert_eq(source_state(&table, &one, &by, now_us), SOURCE_ASIDE);
    cr_assert_eq(source_state(&table, &six, &by, now_us), SOURCE_ASIDE);
    cr_assert_eq(source_state(&table, &other, &by, now_us), SOURCE_CLEAR);
    cr_assert_eq(by, SOURCE_BY_JUDGEMENT);
    cr_assert(source_set(&table, &allowed, now_us));
    cr_assert_eq(source_state(&table, &proxy, &by, now_us), SOURCE_ALLOWED);
    cr_assert_eq(source_state(&table, &listed, &by, now_us), SOURCE_ASIDE);
    source_set_lists(&table, NULL);
    cr_assert_eq(source_state(&table, &listed, &by, now_us), SOURCE_CLEAR);
}
