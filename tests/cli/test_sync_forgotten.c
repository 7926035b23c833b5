/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_forgotten.c: what an operator had forgotten at one bridge. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/support_store.h"

#define SERVER "\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": []"
#define FIELD  "10.0.0.1 80 [ ]"
#define SAID   "{\"forgotten\": [{" SERVER ", \"at_s\": 1000}]}"

static struct sync sync;
static struct error error;

static void say(void)
{
    bridge_told(&sync);
    cr_assert(sync_forgotten_say(&sync, &error), "%s", error.text);
}

static bool stands(const char *wanted)
{
    size_t bytes;
    char *text = shelf_get("profiles", FIELD, &bytes);
    const bool found = text && strstr(text, wanted);

    free(text);
    return found;
}

Test(sync_forgotten, it_stands_in_the_place_of_the_profile_and_is_told_once)
{
    bridge_begin(&sync, "a", SAID);
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
    bridge_heard(&sync, "{\"forgotten\": [{" SERVER ", \"at_s\": 1001}]}");
    say();
    cr_assert(stands("\"gone\":true"), "a new word");
    bridge_end(&sync);
}

Test(sync_forgotten, a_flushed_store_has_it_again)
{
    bridge_begin(&sync, "a", SAID);
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
