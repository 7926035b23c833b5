/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_values.c: which values of a store are believed, whoever owns it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/support_store.h"

#define FIELD  "10.0.0.1 80 [ ] a"
#define MOST   45000u
#define MINUTE 60000u

static struct sync sync;
static struct error error;
static unsigned taken;
static char last[64];

static void take(struct sync *one, const struct sync_heard *heard)
{
    (void)one;
    taken++;
    snprintf(last, sizeof(last), "%s", json_object_to_json_string_ext(heard->content, 0));
}

/* How many values are believed. */
static unsigned read_all(void)
{
    taken = 0;
    cr_assert(sync_read_hash(&sync, SYNC_ATTACKS, MOST, take, &error), "%s", error.text);
    return taken;
}

static void begin(void)
{
    bridge_begin(&sync, "b", "{}");
}

Test(sync_values, what_was_written_there_is_believed)
{
    const uint64_t now_ms = sync_wall_ms();

    begin();
    shelf_seal("a", "attacks", FIELD, "{\"x\":1}", 7, now_ms + 1000 + MOST / 2);
    cr_assert_eq(read_all(), 1);
    cr_assert_str_eq(last, "{\"x\":1}");
    cr_assert_eq(sync.forged + sync.replayed, 0);
    bridge_end(&sync);
}

Test(sync_values, forged_moved_changed_cut_and_enormous_ones_are_not)
{
    const uint64_t now_ms = sync_wall_ms();
    char *good, *huge = malloc(4u << 20);
    size_t bytes;

    begin();
    shelf_seal("a", "attacks", FIELD, "{\"x\":1}", 7, now_ms + MOST);
    good = shelf_get("attacks", FIELD, &bytes);
    shelf_flush();
    shelf_put("attacks", "10.0.0.1 81 [ ] a", good, bytes); /* of another place */
    shelf_put("attacks", "cut", good, bytes / 2);
    shelf_put("attacks", "empty", "", 0);
    good[bytes - 2] = '2';
    shelf_put("attacks", FIELD, good, bytes);
    memset(huge, 'x', 4u << 20);
    memcpy(huge, good, bytes);
    shelf_put("attacks", "huge", huge, 4u << 20);
    cr_assert_eq(read_all(), 0);
    cr_assert_eq(sync.forged, 5);
    cr_assert_null(
        sync_memory_of(sync.memory, (struct sync_place){"synward:c:attacks", "huge"}, false),
        "nothing is remembered of what nobody wrote");
    free(huge);
    free(good);
    bridge_end(&sync);
}

Test(sync_values, a_value_of_another_hash_is_none)
{
    const uint64_t now_ms = sync_wall_ms();
    char *good;
    size_t bytes;

    begin();
    shelf_seal("a", "asides", FIELD, "{\"x\":1}", 7, now_ms + MOST);
    good = shelf_get("asides", FIELD, &bytes);
    shelf_put("attacks", FIELD, good, bytes);
    cr_assert_eq(read_all(), 0);
    cr_assert_eq(sync.forged, 1);
    free(good);
    bridge_end(&sync);
}

Test(sync_values, what_is_older_than_what_was_seen_is_not)
{
    const uint64_t now_ms = sync_wall_ms();

    begin();
    shelf_seal("a", "attacks", FIELD, "{\"x\":2}", 8, now_ms + MOST);
    cr_assert_eq(read_all(), 1);
    shelf_seal("a", "attacks", FIELD, "{\"x\":1}", 7, now_ms + MOST);
    cr_assert_eq(read_all(), 0);
    cr_assert_eq(sync.replayed, 1);
    shelf_seal("a", "attacks", FIELD, "{\"x\":3}", 9, now_ms + MOST);
    cr_assert_eq(read_all(), 1);
    bridge_end(&sync);
}

Test(sync_values, what_is_over_is_taken_away_and_what_lasts_too_long_is_not_believed)
{
    const uint64_t now_ms = sync_wall_ms();

    begin();
    shelf_seal("a", "attacks", "over", "{}", 7, now_ms - 1);
    shelf_seal("a", "attacks", "long over", "{}", 7, now_ms - MINUTE - 1000);
    shelf_seal("a", "attacks", "too long", "{}", 7, now_ms + MOST + MINUTE);
    shelf_seal("a", "attacks", "no object", "[", 7, now_ms + MOST);
    cr_assert_eq(read_all(), 0);
    cr_assert_eq(shelf_hash_length("attacks"), 3);
    cr_assert_eq(sync.forged + sync.replayed, 0, "all are of the cluster");
    bridge_end(&sync);
}

/* A clock of another bridge that is behind or ahead by some seconds. */
Test(sync_values, some_seconds_of_another_clock_are_no_reason)
{
    const uint64_t now_ms = sync_wall_ms();

    begin();
    shelf_seal("a", "attacks", FIELD, "{}", 7, now_ms + MOST + 9000);
    cr_assert_eq(read_all(), 1);
    bridge_end(&sync);
}

Test(sync_values, who_says_again_what_was_taken_away)
{
    const uint64_t now_ms = sync_wall_ms();
    struct sync_known *known;

    begin();
    shelf_seal("a", "attacks", FIELD, "{}", 7, now_ms + MOST);
    read_all();
    known = sync_known_of(&sync, "attacks", FIELD);
    cr_assert_not(sync_is_missed(&sync, SYNC_ATTACKS, known), "it stands there");
    shelf_flush();
    read_all();
    cr_assert(sync_is_missed(&sync, SYNC_ATTACKS, known), "its writer does not live");
    snprintf(sync.nodes[0].name, sizeof(sync.nodes[0].name), "a");
    sync.nodes[0].until_ms = now_ms + MINUTE;
    sync.nodes_count = 1;
    cr_assert_not(sync_is_missed(&sync, SYNC_ATTACKS, known), "a does, and will");
    snprintf(known->writer, sizeof(known->writer), "b");
    cr_assert(sync_is_missed(&sync, SYNC_ATTACKS, known), "it was ours");
    bridge_end(&sync);
}
