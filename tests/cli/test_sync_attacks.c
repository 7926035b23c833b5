/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_attacks.c: what one bridge says of attacks and sources, and another hears. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/support_store.h"

#define SERVER "\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": []"
#define ATTACK "{\"attacks\": [{" SERVER ", \"cause\": 1, \"value\": 212}]}"

static struct sync a, b;
static struct error error;

static void begin(const char *heard)
{
    bridge_begin(&a, "a", heard);
    bridge_begin(&b, "b", "{}");
}

static void end(void)
{
    bridge_end(&a);
    bridge_end(&b);
}

static const char *text_of(struct json_object *object, const char *key)
{
    return json_object_get_string(json_object_object_get(object, key));
}

Test(sync_attacks, one_that_is_said_is_heard_now_and_then)
{
    struct json_object *heard;

    begin(ATTACK);
    cr_assert(sync_attacks_say(&a, &error), "%s", error.text);
    cr_assert(a.changed, "others are woken");
    cr_assert(sync_attacks_hear(&b, &error), "%s", error.text);
    cr_assert_eq(json_object_array_length(b.attacks), 1);
    heard = json_object_array_get_idx(b.attacks, 0);
    cr_assert_str_eq(text_of(heard, "node"), "a");
    cr_assert_str_eq(text_of(heard, "field"), "10.0.0.1 80 [ ] a");
    cr_assert_eq(json_object_get_int(json_object_object_get(heard, "value")), 212);
    cr_assert_leq(json_object_get_int(json_object_object_get(heard, "for_s")), 46);
    bridge_told(&b);
    cr_assert(sync_attacks_hear(&b, &error));
    cr_assert_eq(json_object_array_length(b.attacks), 0, "not so soon again");
    b.daemon++;
    cr_assert(sync_attacks_hear(&b, &error));
    cr_assert_eq(json_object_array_length(b.attacks), 1, "a new daemon knows nothing");
    end();
}

Test(sync_attacks, one_that_goes_on_is_not_written_each_time)
{
    size_t bytes;
    char *first, *second;

    begin(ATTACK);
    cr_assert(sync_attacks_say(&a, &error));
    first = shelf_get("attacks", "10.0.0.1 80 [ ] a", &bytes);
    a.changed = false;
    cr_assert(sync_attacks_say(&a, &error));
    second = shelf_get("attacks", "10.0.0.1 80 [ ] a", &bytes);
    cr_assert_str_eq(first, second);
    cr_assert_not(a.changed);
    sync_known_of(&a, "attacks", "10.0.0.1 80 [ ] a")->acted_ms -= 10001;
    free(second);
    cr_assert(sync_attacks_say(&a, &error));
    second = shelf_get("attacks", "10.0.0.1 80 [ ] a", &bytes);
    cr_assert_str_neq(first, second, "renewed");
    free(first);
    free(second);
    end();
}

/* Thousands at once do not wait for each other. */
Test(sync_attacks, a_flood_over_many_servers_is_said_in_one_round)
{
    struct json_object *heard = json_object_new_object(), *attacks = json_object_new_array();
    char server[32];

    for (int i = 0; i < 2000; i++) {
        struct json_object *attack = json_object_new_object();

        snprintf(server, sizeof(server), "10.1.%d.%d", i / 250, i % 250);
        json_object_object_add(attack, "server", json_object_new_string(server));
        json_object_object_add(attack, "port", json_object_new_int(80));
        json_object_object_add(attack, "vlan", json_object_new_array());
        json_object_array_add(attacks, attack);
    }
    json_object_object_add(heard, "attacks", attacks);
    begin(json_object_to_json_string(heard));
    a.at_once = SYNC_WRITES_MOST;
    shelf_hold(SYNC_WRITES_MOST); /* they do not wait for each other */
    cr_assert(sync_attacks_say(&a, &error), "%s", error.text);
    cr_assert_eq(shelf_hash_length("attacks"), 2000);
    json_object_put(heard);
    end();
}

Test(sync_attacks, sources_with_their_strikes_once_and_not_to_who_judged_them)
{
    char heard[256];
    struct json_object *aside;
    const unsigned long long now_s = sync_wall_ms() / 1000;

    snprintf(heard, sizeof(heard),
             "{\"asides\": [{\"source\": \"198.51.100.7/32\", \"until_s\": %llu, \"strikes\": 3},"
             "{\"source\": \"198.51.100.8/32\", \"until_s\": %llu, \"strikes\": 1}]}",
             now_s + 60, now_s - 1);
    begin(heard);
    cr_assert(sync_asides_say(&a, &error), "%s", error.text);
    cr_assert_eq(shelf_hash_length("asides"), 1, "the second one is over");
    cr_assert(sync_asides_hear(&b, &error));
    cr_assert_eq(json_object_array_length(b.asides), 1);
    aside = json_object_array_get_idx(b.asides, 0);
    cr_assert_str_eq(text_of(aside, "source"), "198.51.100.7/32");
    cr_assert_eq(json_object_get_int(json_object_object_get(aside, "strikes")), 3);
    bridge_told(&b);
    cr_assert(sync_asides_hear(&b, &error));
    cr_assert_eq(json_object_array_length(b.asides), 0, "once");
    cr_assert(sync_asides_hear(&a, &error));
    cr_assert_eq(json_object_array_length(a.asides), 0, "its own");
    end();
}

Test(sync_attacks, what_the_daemon_refuses_is_not_said_again)
{
    begin(ATTACK);
    cr_assert(sync_attacks_say(&a, &error));
    cr_assert(sync_attacks_hear(&b, &error));
    bridge_heard(&b, "{\"refused\": {\"attacks\": [0], \"rules\": [7], \"odd\": 1}}");
    sync_note_refused(&b);
    cr_assert_eq(b.refused, 1);
    bridge_told(&b);
    sync_known_of(&b, "attacks", "10.0.0.1 80 [ ] a")->told_ms = 0; /* long ago */
    cr_assert(sync_attacks_hear(&b, &error));
    cr_assert_eq(json_object_array_length(b.attacks), 0);
    end();
}

Test(sync_attacks, a_question_holds_so_many)
{
    const uint64_t now_ms = sync_wall_ms();
    char field[64];

    begin("{}");
    for (int i = 0; i < 450; i++) {
        snprintf(field, sizeof(field), "10.0.0.1 %d [ ] a", i + 1);
        shelf_seal("a", "attacks", field, "{" SERVER "}", now_ms * 1000, now_ms + 45000);
    }
    for (int i = 0; i < 3; i++) {
        cr_assert(sync_attacks_hear(&b, &error));
        cr_assert_eq(json_object_array_length(b.attacks), i < 2 ? 200 : 50);
        cr_assert_eq(b.more, i < 2);
        bridge_told(&b);
    }
    end();
}
