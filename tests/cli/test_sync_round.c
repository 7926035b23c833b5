/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_round.c: who lives, where the store refuses what is written. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "tests/cli/support_store.h"

#define ATTACKED "10.0.0.1 80 [ ] b"

static struct sync sync;
static struct error error;

/* Its daemon's clock is the store's; its own word is to be said again. */
static bool turn(void)
{
    char heard[64];

    snprintf(heard, sizeof(heard), "{\"clock_ms\": %llu}", (unsigned long long)sync_wall_ms());
    bridge_heard(&sync, heard);
    bridge_told(&sync);
    sync_known_of(&sync, "nodes", "a")->acted_ms = 0;
    sync.why = (struct error){0};
    error = (struct error){0};
    return sync_store_turn(&sync, &error);
}

/* The bridge b, and a, which has written for a minute; then the time of all that they say of
 * themselves is over. */
static void begin_and_let_it_be_over(void)
{
    const uint64_t now_ms = sync_wall_ms();

    bridge_begin(&sync, "a", "{}");
    shelf_seal("b", "nodes", "b", "{\"instance\":\"x\"}", 7, now_ms + 10000);
    cr_assert(turn(), "%s", error.text);
    cr_assert_eq(sync.nodes_count, 2);
    sync.alive_from_ms -= 60000;
    for (unsigned i = 0; i < sync.nodes_count; i++)
        sync.nodes[i].until_ms = now_ms - 1;
    shelf_seal("b", "nodes", "b", "{\"instance\":\"x\"}", 8, now_ms - 1);
}

Test(sync_round, who_says_nothing_any_more_is_dead)
{
    begin_and_let_it_be_over();
    cr_assert(turn(), "%s", error.text);
    cr_assert_eq(sync.nodes_count, 1);
    bridge_end(&sync);
}

Test(sync_round, a_store_that_refuses_what_is_written_lets_nobody_die)
{
    begin_and_let_it_be_over();
    sync.alive_ms = clock_now_us() / 1000 - 15000;
    shelf_fill(true);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_not(turn());
    cr_assert(strstr(error.text, "OOM"), "%s", error.text);
    cr_assert_eq(sync.nodes_count, 2);
    /* When it takes them again, each has a while to say that it lives. */
    shelf_fill(false);
    for (unsigned i = 0; i < 3; i++)
        cr_assert(turn(), "%s", error.text);
    cr_assert_eq(sync.nodes_count, 2);
    bridge_end(&sync);
}

/* The store takes no more when b has said so; nor what is written in this turn. */
static void another_is_attacked_before_it_is_full(void)
{
    shelf_seal("b", "attacks", ATTACKED,
               "{\"server\":\"10.0.0.1\",\"port\":80,\"vlan\":[],\"cause\":1,\"value\":1}", 7,
               sync_wall_ms() + 40000);
    shelf_seal("b", "nodes", "b", "{\"instance\":\"x\"}", 7, sync_wall_ms() + 10000);
    shelf_fill(true);
    cr_assert_not(turn());
    cr_assert(strstr(error.text, "OOM"), "%s", error.text);
}

Test(sync_round, what_others_say_is_heard_where_nothing_can_be_written)
{
    bridge_begin(&sync, "a", "{}");
    cr_assert(turn(), "%s", error.text);
    another_is_attacked_before_it_is_full();
    cr_assert_eq(json_object_array_length(sync.attacks), 1);
    bridge_end(&sync);
}

/* What stands in the store as that of the cluster. */
static void put_fingerprint(const struct cluster_seal *seal)
{
    char hex[33];

    sodium_bin2hex(hex, sizeof(hex), seal->fingerprint, sizeof(seal->fingerprint));
    shelf_put("meta", "key", hex, strlen(hex));
    shelf_put("meta", "schema", "1", 1);
}

/* It cannot say that it makes by the new key. Values of both are good, and attacks of others among
 * them; what it writes itself is refused like all else. */
Test(sync_round, a_key_is_rolled_while_the_store_is_full)
{
    struct cluster_seal *seal = sync.seal.keys.seal;
    size_t bytes;
    char *said;

    bridge_begin(&sync, "a", "{}");
    sync.seal.keys.count = 2;
    seal[1] = seal[0]; /* the old one, by which b makes */
    memset(seal[0].mac, 9, sizeof(seal[0].mac));
    memset(seal[0].fingerprint, 9, sizeof(seal[0].fingerprint));
    put_fingerprint(&seal[1]);
    another_is_attacked_before_it_is_full();
    cr_assert_eq(sync.nodes_count, 1, "b, and a could not say that it lives");
    cr_assert_eq(json_object_array_length(sync.attacks), 1);
    shelf_fill(false);
    cr_assert(turn(), "%s", error.text);
    said = shelf_get("meta", "key", &bytes);
    cr_assert_eq(strncmp(said, "0909", 4), 0, "%s", said);
    free(said);
    bridge_end(&sync);
}
