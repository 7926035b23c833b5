/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/server/server.c: the table, settings and modes, and what a trigger that fires
 * does. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/server/server.h"
#include "tests/engine/random.h"

#define SECOND_US 1000000ull

static const uint64_t seed[2] = {55, 66};
static struct server slots[4096];

static struct server_table table_of(uint32_t capacity)
{
    struct server_table table;

    memset(slots, 0, sizeof(slots));
    server_table_init(&table, slots, capacity, seed);
    return table;
}

static struct server_key key_of(uint32_t number)
{
    struct server_key key = {.port = (uint16_t)number};
    uint8_t v4[4] = {192, 0, 2, (uint8_t)(number >> 16)};

    key.addr = addr_from_v4(v4);
    return key;
}

static struct server *add(struct server_table *table, uint32_t number)
{
    struct server_key key = key_of(number);

    return server_add(table, &key, 1000);
}

static void count(struct rate_window *window, uint32_t events, uint64_t now_us)
{
    while (events-- > 0)
        rate_add(window, now_us);
}

Test(server, find_and_add)
{
    struct server_table table = table_of(8);
    struct server_key key = key_of(80), other = key_of(81);

    cr_assert_null(server_find(&table, &key));
    struct server *server = server_add(&table, &key, 5);
    cr_assert_not_null(server);
    cr_assert(server->used && !server->answered_us);
    cr_assert_eq(server->mode, MODE_NORMAL);
    cr_assert_eq(server->setting, SETTING_INHERIT);
    cr_assert_eq(server->since_us, 5);
    server_answered(server, 1000);
    cr_assert_eq(server_add(&table, &key, 9), server);
    cr_assert(server->answered_us, "adding again changes nothing");
    cr_assert_eq(server_find(&table, &key), server);
    cr_assert_null(server_find(&table, &other));
    cr_assert_eq(table.count, 1);
}

Test(server, full_table_finds_what_it_has)
{
    struct server_table table = table_of(16);

    for (uint32_t i = 0; i < 16; i++)
        cr_assert_not_null(add(&table, i));
    cr_assert_null(add(&table, 16));
    cr_assert_eq(table.count, 16);
    for (uint32_t i = 0; i < 16; i++) {
        struct server_key key = key_of(i);
        const struct server *server = server_find(&table, &key);
        cr_assert_not_null(server);
        cr_assert(server_key_equal(&server->key, &key));
    }
    struct server_key missing = key_of(99);
    cr_assert_null(server_find(&table, &missing));
}

/* Where probes are bounded a few may find no room near the end; whatever was given room is found.
 */
Test(server, crowded_table_stays_consistent)
{
    struct server_table table = table_of(4096);
    uint32_t added = 0;

    for (uint32_t i = 0; i < 5000; i++)
        added += add(&table, i) != NULL;
    cr_assert_eq(table.count, added);
    cr_assert_gt(added, 4096 * 9 / 10);
    cr_assert_leq(added, 4096);
    for (uint32_t i = 0; i < 5000; i++) {
        struct server_key key = key_of(i);
        added -= server_find(&table, &key) != NULL;
    }
    cr_assert_eq(added, 0);
}

static struct policy *policy_of(uint32_t first, uint32_t servers)
{
    struct policy *policy = calloc(1, policy_bytes(servers));

    policy->count = servers;
    for (uint32_t i = 0; i < servers; i++)
        policy->servers[i].key = key_of(first + i);
    return policy;
}

Test(server, adopts_policies)
{
    struct server_table table = table_of(16);
    struct server *seen = add(&table, 1);
    struct policy *one = policy_of(1, 3), *two = policy_of(3, 2);

    server_table_adopt(&table, one, 2000);
    cr_assert_eq(table.count, 3);
    cr_assert_eq(seen->policy, &one->servers[0]);
    cr_assert_eq(seen->since_us, 1000, "the mode is not touched");

    server_table_adopt(&table, two, 3000);
    cr_assert_eq(table.count, 4);
    cr_assert_null(seen->policy);
    cr_assert_eq(add(&table, 3)->policy, &two->servers[0]);
    cr_assert_eq(add(&table, 4)->policy, &two->servers[1]);

    server_table_adopt(&table, NULL, 4000);
    cr_assert_eq(table.count, 4);
    cr_assert_null(add(&table, 3)->policy);
    free(one);
    free(two);
}

/* What was held in calm before this process; each shard takes its share. */
Test(server, adopts_the_peak_of_calm_until_it_has_seen_one)
{
    struct server_table table = table_of(16);
    struct policy *policy = policy_of(1, 2);
    struct server *seen = add(&table, 1);

    seen->held_peak = 7;
    seen->peak_us = 1500;
    table.shards = 2;
    policy->servers[0].held_peak = policy->servers[1].held_peak = 101;
    server_table_adopt(&table, policy, 2000);
    cr_assert_eq(seen->held_peak, 7);
    cr_assert_eq(add(&table, 2)->held_peak, 51);
    cr_assert_eq(add(&table, 2)->peak_us, 2000, "so it falls as slowly as any");
    policy->servers[1].held_peak = 40;
    server_table_adopt(&table, policy, 3000);
    cr_assert_eq(add(&table, 2)->held_peak, 51);
    free(policy);
}

Test(server, adopting_more_than_fits)
{
    struct server_table table = table_of(4);
    struct policy *policy = policy_of(1, 9);
    uint32_t pointed = 0;

    server_table_adopt(&table, policy, 0);
    for (uint32_t i = 0; i < 4; i++)
        pointed +=
            slots[i].policy != NULL && server_key_equal(&slots[i].policy->key, &slots[i].key);
    cr_assert_eq(pointed, 4);
    free(policy);
}

/* Clients are spread among bridges: each acts at its part. */
Test(server, bridges_share_the_limits)
{
    struct server_table table = table_of(16);
    struct observed_trigger trigger;

    for (uint32_t bridges = 1; bridges <= 3; bridges += 2) {
        struct server *server = add(&table, (uint16_t)bridges);

        table.bridges = bridges;
        server_answered(server, 1000);
        server->counts.half_open_flows = 100;
        cr_assert_eq(server_trigger(&table, server, 2000, &trigger), bridges == 3);
    }
    cr_assert_eq(trigger.cause, TRIGGER_HALF_OPEN);
    cr_assert_eq(trigger.value, 300, "as people count");
}

/* While it is heard what all others count, the limit is the sum's; then it is shared again. */
Test(server, bridges_that_hear_each_other_judge_sums)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1);
    const struct trigger_others others = {.half_open = 60};
    struct observed_trigger trigger;

    table.bridges = 3;
    server_answered(server, 1000);
    server->counts.half_open_flows = 150;
    cr_assert_eq(server_counted(server, 2000).half_open, 150);
    table.sums_us = 2000;
    cr_assert_not(server_trigger(&table, server, 2000, &trigger));
    server_answered(server, 2000 + SUMS_FRESH_US);
    cr_assert_not(server_trigger(&table, server, 1999 + SUMS_FRESH_US, &trigger));
    trigger_others_told(&server->counts, &others, 2000);
    cr_assert(server_trigger(&table, server, 1999 + SUMS_FRESH_US, &trigger));
    cr_assert_eq(trigger.value, 210);
    server = add(&table, 2);
    server_answered(server, 2000 + SUMS_FRESH_US);
    server->counts.half_open_flows = 150;
    cr_assert(server_trigger(&table, server, 2000 + SUMS_FRESH_US, &trigger), "too long ago");
    cr_assert_eq(trigger.value, 450);
}

/* What came back at other bridges is not half-open here; what was told long ago is nothing. */
Test(server, cookies_that_came_back_elsewhere_are_not_half_open)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1);

    server_set_mode(server, MODE_ATTACK, TRIGGER_HALF_OPEN, 212, 1000000);
    trigger_answered_for(&server->counts, rate_step(1000000), 300, 300);
    cr_assert_eq(server_half_open(server, 1000000), 300);
    trigger_returned(&server->counts, 250, 1000000);
    cr_assert_eq(server_half_open(server, 1000000), 50);
    trigger_returned(&server->counts, 301, 1000000);
    cr_assert_eq(server_half_open(server, 1000000), 0);
    trigger_answered_for(&server->counts, rate_step(4000000), 300, 300);
    cr_assert_eq(server_half_open(server, 4000000), 300);
}

Test(server, setting_for_all)
{
    struct server_table table = table_of(16);
    struct server *follows = add(&table, 1), *own = add(&table, 2);

    server_set_setting(&table, own, SETTING_NORMAL, 10);
    server_set_setting(&table, NULL, SETTING_ATTACK, 20);
    cr_assert_eq(follows->mode, MODE_ATTACK);
    cr_assert_eq(follows->cause, TRIGGER_NONE);
    cr_assert_eq(follows->since_us, 20);
    cr_assert_eq(own->mode, MODE_NORMAL);
    for (uint32_t i = 0; i < 16; i++)
        cr_assert(slots[i].used || slots[i].mode == MODE_NORMAL, "a free slot is left alone");
    cr_assert_eq(add(&table, 3)->mode, MODE_ATTACK, "a new server follows the setting in force");

    server_set_setting(&table, NULL, SETTING_AUTO, 30);
    cr_assert_eq(follows->mode, MODE_ATTACK, "AUTO leaves the mode as it is");
    cr_assert_eq(add(&table, 4)->mode, MODE_NORMAL);
    server_set_setting(&table, NULL, SETTING_NORMAL, 40);
    cr_assert_eq(follows->mode, MODE_NORMAL);
    cr_assert_eq(follows->attack_ended_us, 40);

    server_set_setting(&table, NULL, SETTING_INHERIT, 50);
    cr_assert_eq(table.setting, SETTING_AUTO, "there is nothing to inherit from");
}

Test(server, setting_for_one)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1), *other = add(&table, 2);

    cr_assert_eq(server_setting(&table, server), SETTING_AUTO);
    server_set_setting(&table, server, SETTING_ATTACK, 10);
    cr_assert_eq(server->mode, MODE_ATTACK);
    cr_assert_eq(other->mode, MODE_NORMAL);
    cr_assert_eq(server_setting(&table, server), SETTING_ATTACK);

    server_set_setting(&table, server, SETTING_INHERIT, 20);
    cr_assert_eq(server_setting(&table, server), SETTING_AUTO);
    cr_assert_eq(server->mode, MODE_ATTACK, "the setting for all is AUTO");
    server_set_setting(&table, NULL, SETTING_NORMAL, 30);
    server_set_setting(&table, server, SETTING_ATTACK, 40);
    server_set_setting(&table, server, SETTING_INHERIT, 50);
    cr_assert_eq(server->mode, MODE_NORMAL, "the setting for all applies again");
    server_set_setting(&table, server, SETTING_AUTO, 60);
    cr_assert_eq(server_setting(&table, server), SETTING_AUTO);
}

Test(server, mode_records_its_cause)
{
    struct server server = {0};

    count(&server.counts.unanswered, 50, 100);
    server_set_mode(&server, MODE_ATTACK, TRIGGER_HALF_OPEN, 321, 100);
    cr_assert_eq(server.cause, TRIGGER_HALF_OPEN);
    cr_assert_eq(server.cause_value, 321);
    cr_assert_eq(server.since_us, 100);
    cr_assert_eq(server.attack_ended_us, 0);
    cr_assert_eq(server_half_open(&server, 100), 0, "windows begin empty");
    server_set_mode(&server, MODE_ATTACK, TRIGGER_NONE, 0, 200);
    cr_assert_eq(server.cause, TRIGGER_HALF_OPEN, "in force already");
    cr_assert_eq(server.since_us, 100);
    server_set_mode(&server, MODE_NORMAL, TRIGGER_NONE, 0, 300);
    cr_assert_eq(server.cause, TRIGGER_NONE);
    cr_assert_eq(server.attack_ended_us, 300);
}

Test(server, trigger_fires_above_the_threshold_only)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1);
    struct observed_trigger trigger;

    server_answered(server, 1000);
    server->counts.half_open_flows = TRIGGER_HALF_OPEN_DEFAULT;
    cr_assert_not(server_trigger(&table, server, 5000, &trigger));
    server->counts.half_open_flows++;
    cr_assert(server_trigger(&table, server, 5000, &trigger));
    cr_assert(trigger.switched);
    cr_assert_eq(trigger.cause, TRIGGER_HALF_OPEN);
    cr_assert_eq(trigger.value, TRIGGER_HALF_OPEN_DEFAULT + 1);
    cr_assert_eq(server->mode, MODE_ATTACK);
    cr_assert_eq(server->since_us, 5000);
    cr_assert_eq(server_half_open(server, 5000), 0, "flows of normal mode no longer count");
}

Test(server, trigger_threshold_of_the_policy)
{
    struct server_table table = table_of(16);
    struct policy *policy = policy_of(1, 1);
    struct observed_trigger trigger;

    policy->servers[0].triggers.limit[TRIGGER_HALF_OPEN] = 3;
    server_table_adopt(&table, policy, 0);
    struct server *server = add(&table, 1);
    server_answered(server, 1000);
    server->counts.half_open_flows = 3;
    cr_assert_not(server_trigger(&table, server, 5000, &trigger));
    server->counts.half_open_flows = 4;
    cr_assert(server_trigger(&table, server, 5000, &trigger));
    free(policy);
}

Test(server, trigger_only_under_auto)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1);
    struct observed_trigger trigger;

    server_answered(server, 1000);
    server->counts.half_open_flows = 100000;
    server_set_setting(&table, server, SETTING_NORMAL, 0);
    cr_assert_not(server_trigger(&table, server, SECOND_US, &trigger));
    cr_assert_eq(server->mode, MODE_NORMAL);
    server_set_setting(&table, server, SETTING_ATTACK, 0);
    count(&server->counts.unanswered, 1000, SECOND_US);
    cr_assert_not(server_trigger(&table, server, SECOND_US, &trigger));
}

Test(server, trigger_goes_on_reporting_once_a_second)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1);
    struct observed_trigger trigger;
    uint64_t begin_us = 10 * SECOND_US;
    uint32_t reports = 0;

    server_answered(server, 1000);
    server->counts.half_open_flows = 201;
    cr_assert(server_trigger(&table, server, begin_us, &trigger));
    server_told(server);
    for (uint64_t ms = 1; ms <= 5000; ms++) {
        rate_add(&server->counts.unanswered, begin_us + ms * 1000);
        if (!server_trigger(&table, server, begin_us + ms * 1000, &trigger))
            continue;
        reports++;
        cr_assert_not(trigger.switched);
        cr_assert_gt(trigger.value, 200);
    }
    cr_assert_eq(reports, 5);

    /* The same rate with every cookie accepted is no attack. */
    for (uint64_t ms = 8000; ms <= 12000; ms++) {
        rate_add(&server->counts.unanswered, begin_us + ms * 1000);
        rate_take_back_aged(&server->counts.unanswered,
                            server->counts.unanswered.step - rate_step(begin_us + ms * 1000));
        cr_assert_not(server_trigger(&table, server, begin_us + ms * 1000, &trigger));
    }
}

/*
 * A report may find no room on its way. Until the main thread has shown that it knows, it is
 * repeated, although the flood is over: nobody else would ever end the attack mode.
 */
Test(server, a_switch_is_reported_until_the_main_thread_knows)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1);
    struct observed_trigger trigger;
    uint64_t begin_us = 10 * SECOND_US;

    server_answered(server, 1000);
    server->counts.half_open_flows = 201;
    cr_assert(server_trigger(&table, server, begin_us, &trigger));
    server->counts.half_open_flows = 0;
    cr_assert_not(server_trigger(&table, server, begin_us + SECOND_US / 2, &trigger));
    cr_assert(server_trigger(&table, server, begin_us + SECOND_US, &trigger));
    cr_assert(trigger.switched);
    cr_assert_eq(trigger.cause, TRIGGER_HALF_OPEN);
    cr_assert_eq(trigger.value, 201);
    server_told(server);
    cr_assert_not(server_trigger(&table, server, begin_us + 3 * SECOND_US, &trigger));
}

Test(server, no_trigger_where_no_answer_was_seen)
{
    struct server_table table = table_of(16);
    struct server *server = add(&table, 1);
    struct observed_trigger trigger;

    server->counts.half_open_flows = 100000;
    cr_assert_not(server_trigger(&table, server, 5000, &trigger), "its answers take another way");
    server_answered(server, 1000);
    cr_assert(server_trigger(&table, server, 5000, &trigger));
}

Test(server, host_counts_its_attacked_ports)
{
    struct server_table table = table_of(16);
    struct server *one = add(&table, 1);
    struct server_key key = one->key;
    struct server *two;

    key.port++;
    two = server_add(&table, &key, 0);
    cr_assert_eq(one->host, two->host);
    cr_assert_eq(server_host_attacked(&table, &key.addr, &key.vlan), 0);
    server_set_mode(one, MODE_ATTACK, TRIGGER_NONE, 0, 1);
    server_set_mode(two, MODE_ATTACK, TRIGGER_NONE, 0, 1);
    server_set_mode(two, MODE_ATTACK, TRIGGER_NONE, 0, 2);
    cr_assert_eq(server_host_attacked(&table, &key.addr, &key.vlan), 2);
    server_set_mode(one, MODE_NORMAL, TRIGGER_NONE, 0, 3);
    server_set_mode(two, MODE_NORMAL, TRIGGER_NONE, 0, 3);
    cr_assert_eq(server_host_attacked(&table, &key.addr, &key.vlan), 0);
    key.addr.bytes[15] ^= 0x55;
    cr_assert_eq(server_host_attacked(&table, &key.addr, &key.vlan), 0,
                 "an address without servers");
}

/* For servers that are known as for those that come later. */
Test(server, what_all_have_in_common_is_changed)
{
    struct server_table table = table_of(8);
    struct trigger_limits limits = {.limit = {[TRIGGER_SYN_RATE] = 7}};
    struct server *known = add(&table, 80);

    cr_assert_eq(known->unknown, UNKNOWN_COOKIE);
    server_table_configure(&table, &limits, UNKNOWN_DROP);
    cr_assert_eq(known->unknown, UNKNOWN_DROP);
    cr_assert_eq(add(&table, 81)->unknown, UNKNOWN_DROP);
    cr_assert_eq(table.triggers.limit[TRIGGER_SYN_RATE], 7);
}

/* --- slots are given back --------------------------------------------------------------------- */

/* Whatever is known of a server keeps it. */
Test(server, is_over_a_day_after_its_last_answer_where_nothing_is_known_of_it)
{
    struct server_table table = table_of(8);
    struct server *server = add(&table, 80);
    struct server_policy policy = {0};
    struct answer_record record;
    const uint64_t over_us = 5 * SECOND_US + SERVER_LIFE_US;

    server_answered(server, 5 * SECOND_US);
    cr_assert_not(server_is_over(server, over_us - 1));
    cr_assert(server_is_over(server, over_us));
    server->policy = &policy;
    cr_assert_not(server_is_over(server, over_us), "it has a profile");
    server->policy = NULL;
    server->record = &record;
    cr_assert_not(server_is_over(server, over_us), "the kernel answers for it");
    server->record = NULL;
    server->flows = 1;
    cr_assert_not(server_is_over(server, over_us), "a connection is there");
    server->flows = 0;
    server->held_waiting[HELD_MORE] = 1;
    cr_assert_not(server_is_over(server, over_us), "somebody waits");
    server->held_waiting[HELD_MORE] = 0;
    server_set_listening(&table, &server->key, true, 6 * SECOND_US);
    cr_assert_not(server_is_over(server, over_us), "somebody listens");
    server_set_listening(&table, &server->key, false, 6 * SECOND_US);
    server_set_setting(&table, server, SETTING_AUTO, 6 * SECOND_US);
    cr_assert_not(server_is_over(server, over_us), "the operator has spoken of it");
    server_set_setting(&table, server, SETTING_INHERIT, 6 * SECOND_US);
    cr_assert(server_is_over(server, over_us));
    server_set_mode(server, MODE_ATTACK, TRIGGER_HALF_OPEN, 1, over_us);
    cr_assert_not(server_is_over(server, over_us + SERVER_LIFE_US));
    server_set_mode(server, MODE_NORMAL, TRIGGER_NONE, 0, over_us);
    cr_assert_not(server_is_over(server, over_us), "its cookies are out yet");
}

/* What would make a difference to somebody stays. */
Test(server, makes_room_a_minute_after_its_last_answer_where_little_is_known_of_it)
{
    struct server_table table = table_of(1);
    struct server *server = add(&table, 80);
    struct server_policy policy = {0};
    const struct server_key other = key_of(81);
    const uint64_t passed_us = 5 * SECOND_US + SERVER_ROOM_AFTER_US;

    server_answered(server, 5 * SECOND_US);
    cr_assert_null(server_add(&table, &other, passed_us));
    cr_assert_null(server_to_make_room(&table, &other, passed_us - 1));
    cr_assert_eq(server_to_make_room(&table, &other, passed_us), server);
    server->policy = &policy;
    cr_assert_eq(server_to_make_room(&table, &other, passed_us), server, "not armed");
    policy.armed = true;
    cr_assert_null(server_to_make_room(&table, &other, passed_us));
    server->policy = NULL;
    server->flows = 1;
    cr_assert_null(server_to_make_room(&table, &other, passed_us), "a connection is there");
    server->flows = 0;
    server->attack_ended_us = 5 * SECOND_US;
    cr_assert_null(server_to_make_room(&table, &other, passed_us), "its cookies are out");
    cr_assert_eq(server_to_make_room(&table, &other, 5 * SECOND_US + COOKIE_LIFETIME_US), server);
    server_set_setting(&table, server, SETTING_AUTO, passed_us);
    cr_assert_null(server_to_make_room(&table, &other, passed_us + COOKIE_LIFETIME_US));
}

/* Of more servers than there is room for, those that are armed have it. */
Test(server, armed_ones_are_adopted_first)
{
    struct server_table table = table_of(8);
    struct policy *policy = calloc(1, policy_bytes(16));
    uint32_t armed = 0;

    policy->count = 16;
    for (uint32_t i = 0; i < 16; i++)
        policy->servers[i] = (struct server_policy){.key = key_of(80 + i), .armed = i >= 12};
    server_table_adopt(&table, policy, 1000);
    for (uint32_t i = 0; i < 16; i++) {
        const struct server *server = server_find(&table, &policy->servers[i].key);

        armed += server && server->policy->armed;
    }
    cr_assert_eq(armed, 4);
    free(policy);
}

/* Servers come and go: each is found for as long as it is there, and its host is; what is gone is
 * not. All slots are free again at the end, and no search goes past them. */
Test(server, come_and_go)
{
    enum { CAPACITY = 64, NUMBERS = 96 };
    struct random random = random_begin("server/come_and_go");
    struct server_table table = table_of(CAPACITY);
    bool there[NUMBERS] = {false};
    uint32_t count = 0;

    for (uint32_t round = 0; round < random_rounds(200000); round++) {
        const uint32_t number = random_below(&random, NUMBERS);
        const struct vlan_ids none = {{0, 0}};
        struct server_key key = key_of(number << 16 | 80);
        struct server *server;

        key.vlan.id[0] = (uint16_t)(number % 3);
        server = server_find(&table, &key);
        cr_assert_eq(server != NULL, there[number]);
        if (server) {
            server_set_mode(server, MODE_ATTACK, TRIGGER_HALF_OPEN, 1, round + 1);
            cr_assert_eq(server_host_attacked(&table, &key.addr, &key.vlan), 1);
            cr_assert_eq(server_address_attacked(&table, &key.addr), 1);
            server_set_mode(server, MODE_NORMAL, TRIGGER_NONE, 0, round + 1);
            server_forget(&table, server);
            cr_assert_eq(server_host_attacked(&table, &key.addr, &none), 0);
            there[number] = false;
            count--;
        } else if (count < CAPACITY / 2) {
            server = server_add(&table, &key, round);
            cr_assert_not_null(server);
            cr_assert(server_slot_used(&table, (uint32_t)(server - slots)));
            there[number] = true;
            count++;
        }
        cr_assert_eq(table.count, count);
        if (random_below(&random, 100) == 0)
            server_table_tidy(&table);
    }
    for (uint32_t slot = 0; slot < CAPACITY; slot++)
        if (server_slot_used(&table, slot))
            server_forget(&table, &slots[slot]);
    server_table_tidy(&table);
    for (uint32_t slot = 0; slot < CAPACITY; slot++)
        cr_assert(!slots[slot].used && !slots[slot].gone && !slots[slot].host_slot.users);
}
