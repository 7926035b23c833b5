/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_forgotten.c: what an operator had forgotten at one bridge. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/cli/support_store.h"

#define SERVER "\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": []"
#define FIELD  "10.0.0.1 80 [ ]"
static struct sync sync;
static struct error error;
static int64_t base_s; /* when the test began */

/* The operator said so here, so many seconds ago. */
static void heard_of(int64_t ago_s)
{
    char heard[128];

    if (!base_s)
        base_s = (int64_t)sync_wall_ms() / 1000;
    snprintf(heard, sizeof(heard), "{\"forgotten\": [{" SERVER ", \"at_s\": %lld}]}",
             (long long)(base_s - ago_s));
    bridge_heard(&sync, heard);
}

static uint64_t ago_us(int64_t ago_s)
{
    return (uint64_t)((int64_t)sync_wall_ms() - 1000 * ago_s) * 1000;
}

static void read_profile(uint64_t version)
{
    struct sync_known *known;
    const struct sync_value value = {
        .version = version, .until_ms = sync_wall_ms() + 60000, .writer = "b"};

    shelf_seal("b", "profiles", FIELD, "{\"a profile\":1}", version, value.until_ms);
    known = sync_known_of(&sync, "profiles", FIELD);
    sync_note(&sync, known, &value);
}

static void say(void)
{
    bridge_told(&sync);
    cr_assert(sync_forgotten_say(&sync, &error), "%s", error.text);
}

static bool stands(const char *wanted)
{
    return shelf_says("profiles", FIELD, wanted);
}

Test(sync_forgotten, it_stands_in_the_place_of_the_profile_and_is_told_once)
{
    bridge_begin(&sync, "a", "{}");
    heard_of(60);
    shelf_seal("b", "profiles", FIELD, "{\"a profile\":1}", 7, sync_wall_ms() + 60000);
    sync.lookable = json_object_new_array();
    say();
    cr_assert(stands("\"gone\":true"));
    cr_assert(sync_known_of(&sync, "profiles", FIELD)->gone);
    cr_assert_eq(json_object_array_length(sync.forgotten), 1, "our daemon may have it again");
    cr_assert_null(sync.lookable, "what it told of before is not taught");
    say();
    cr_assert_eq(json_object_array_length(sync.forgotten), 0);
    /* What others learn since then is not taken back by the same word. */
    shelf_seal("b", "profiles", FIELD, "{\"a profile\":2}", 1ull << 60, sync_wall_ms() + 60000);
    say();
    cr_assert_not(stands("\"gone\""));
    heard_of(50);
    say();
    cr_assert(stands("\"gone\":true"), "a new word");
    bridge_end(&sync);
}

Test(sync_forgotten, a_flushed_store_has_it_again)
{
    bridge_begin(&sync, "a", "{}");
    heard_of(60);
    say();
    shelf_flush();
    say();
    cr_assert_not(stands("\"gone\":true"));
    sync.push_profiles = true;
    say();
    cr_assert(stands("\"gone\":true"));
    cr_assert_eq(json_object_array_length(sync.forgotten), 0, "the daemon knows");
    bridge_end(&sync);
}

Test(sync_forgotten, what_others_say_goes_to_the_daemon)
{
    const struct sync_value value = {.writer = "b"};
    struct sync_known known = {.mark = "a mark"};
    struct json_object *profile = json_tokener_parse("{" SERVER "}"),
                       *gone = json_tokener_parse("{" SERVER ", \"at_s\": 1000, \"gone\": true}");

    bridge_begin(&sync, "a", "{}");
    cr_assert_not(sync_forgotten_take(&sync, &value, &known, profile));
    cr_assert(sync_forgotten_take(&sync, &value, &known, gone));
    cr_assert(known.gone && known.forgotten_s == 1000 && !known.mark[0]);
    cr_assert_eq(json_object_array_length(sync.forgotten), 1);
    cr_assert_str_eq(json_object_get_string(json_object_object_get(
                         json_object_array_get_idx(sync.forgotten, 0), "node")),
                     "b");
    json_object_put(profile);
    json_object_put(gone);
    bridge_end(&sync);
}

Test(sync_forgotten, a_late_word_takes_nothing_that_was_written_since)
{
    bridge_begin(&sync, "a", "{}");
    read_profile(ago_us(30));
    heard_of(60);
    say();
    cr_assert_not(stands("\"gone\""));
    heard_of(35);
    say();
    cr_assert(stands("\"gone\""), "its teacher renewed it while the word was on its way");
    bridge_end(&sync);
}

Test(sync_forgotten, a_word_of_yesterday_is_not_said)
{
    bridge_begin(&sync, "a", "{}");
    heard_of(86401);
    say();
    cr_assert_not(stands("\"gone\""));
    bridge_end(&sync);
}

Test(sync_forgotten, what_stands_there_is_not_said_again_by_a_new_process)
{
    struct json_object *gone = json_tokener_parse("{" SERVER ", \"gone\": true}");
    const struct sync_value value = {.writer = "a", .version = ago_us(59)};

    bridge_begin(&sync, "a", "{}");
    heard_of(60);
    json_object_object_add(gone, "at_s", json_object_new_int64(base_s - 60));
    sync_note(&sync, sync_known_of(&sync, "profiles", FIELD), &value);
    cr_assert(sync_forgotten_take(&sync, &value, sync_known_of(&sync, "profiles", FIELD), gone));
    say();
    cr_assert_not(stands("\"gone\""));
    json_object_put(gone);
    bridge_end(&sync);
}

Test(sync_forgotten, a_clock_that_was_ahead_keeps_no_later_word_away)
{
    bridge_begin(&sync, "a", "{}");
    heard_of(-3600);
    say();
    cr_assert(stands("\"gone\""));
    cr_assert_leq(json_object_get_int64(
                      json_object_object_get(json_object_array_get_idx(sync.forgotten, 0), "at_s")),
                  (int64_t)sync_wall_ms() / 1000, "nothing was learned later than now");
    shelf_flush();
    heard_of(-3600);
    say();
    cr_assert_not(stands("\"gone\""), "it is said once");
    sync_known_of(&sync, "profiles", FIELD)->forgotten_s = base_s - 5;
    heard_of(0);
    say();
    cr_assert(stands("\"gone\""), "a new word");
    bridge_end(&sync);
}
