/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_words.c: the operator's last word, and one that a daemon does not take. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/cli/support_store.h"

#define ASIDE "{\"rules\": [{\"source\": \"10.0.0.0/8\", \"state\": \"aside\"}], \"settings\": []}"
#define ALLOWED                                                                                    \
    "{\"rules\": [{\"source\": \"10.0.0.0/8\", \"state\": \"allowed\"}], \"settings\": []}"
#define NONE "{\"rules\": [], \"settings\": []}"

static struct sync a, b;
static struct error error;

static void begin(const char *heard)
{
    bridge_begin(&a, "a", heard);
    bridge_begin(&b, "b", NONE);
}

static void end(void)
{
    bridge_end(&a);
    bridge_end(&b);
}

static void turn(struct sync *sync)
{
    bridge_told(sync);
    cr_assert(sync_words_turn(sync, &error), "%s", error.text);
}

/* What the bridge tells its daemon of rules; "": nothing. */
static const char *told(struct sync *sync)
{
    struct json_object *words = sync->words[SYNC_WORD_RULE];

    cr_assert_leq(json_object_array_length(words), 1);
    return json_object_array_length(words) == 0
               ? ""
               : json_object_get_string(
                     json_object_object_get(json_object_array_get_idx(words, 0), "state"));
}

Test(sync_words, the_last_one_counts_wherever_it_was_said)
{
    begin(ASIDE);
    turn(&a);
    cr_assert(shelf_says("rules", "10.0.0.0/8", "\"aside\""));
    turn(&b);
    cr_assert_str_eq(told(&b), "aside");
    bridge_heard(&b, ASIDE); /* it has it */
    turn(&b);
    cr_assert_str_eq(told(&b), "", "not again, and it is no word of its own");
    bridge_heard(&b, ALLOWED);
    turn(&b);
    cr_assert(shelf_says("rules", "10.0.0.0/8", "\"allowed\""));
    turn(&a);
    cr_assert_str_eq(told(&a), "allowed");
    cr_assert(shelf_says("rules", "10.0.0.0/8", "\"allowed\""), "a has not said its old one again");
    end();
}

Test(sync_words, what_is_taken_away_is_said_and_kept)
{
    begin(ASIDE);
    turn(&a);
    turn(&b);
    bridge_heard(&b, ASIDE);
    turn(&b);
    bridge_heard(&b, NONE);
    turn(&b);
    cr_assert(shelf_says("rules", "10.0.0.0/8", "\"clear\""));
    turn(&a);
    cr_assert_str_eq(told(&a), "clear");
    end();
}

Test(sync_words, modes_of_servers_and_for_all)
{
    struct json_object *words;

    begin("{\"rules\": [], \"settings\": [{\"setting\": \"attack\"}, {\"server\": \"10.0.0.1\", "
          "\"port\": 53, \"vlan\": [7], \"transport\": \"udp\", \"setting\": \"normal\"}]}");
    turn(&a);
    cr_assert(shelf_says("settings", "all", "\"attack\""));
    cr_assert(shelf_says("settings", "10.0.0.1 53 [ 7 ] udp", "\"normal\""));
    turn(&b);
    words = b.words[SYNC_WORD_SETTING];
    cr_assert_eq(json_object_array_length(words), 2);
    end();
}

/* There is no room for it: it is told again every few seconds, and the daemon's earlier word is not
 * taken for a newer one. */
Test(sync_words, one_that_the_daemon_refuses_is_told_again)
{
    struct sync_known *known;

    begin(ASIDE);
    bridge_heard(&b, ALLOWED);
    turn(&b);
    turn(&a); /* the first one of a: said later */
    cr_assert_str_eq(told(&a), "allowed", "what was there was read first");
    bridge_heard(&a, "{\"rules\": [{\"source\": \"10.0.0.0/8\", \"state\": \"aside\"}], "
                     "\"settings\": [], \"refused\": {\"rules\": [0]}}");
    sync_note_refused(&a);
    for (int i = 0; i < 3; i++) {
        turn(&a);
        cr_assert_str_eq(told(&a), "", "not at once");
        cr_assert(shelf_says("rules", "10.0.0.0/8", "\"allowed\""), "and its own is not said");
    }
    known = sync_known_of(&a, "rules", "10.0.0.0/8");
    known->refused_ms -= 5001;
    turn(&a);
    cr_assert_str_eq(told(&a), "allowed", "again");
    cr_assert_eq(a.refused, 1);
    bridge_heard(&a, ALLOWED); /* now it is taken */
    turn(&a);
    turn(&a);
    cr_assert_str_eq(told(&a), "");
    end();
}

/* The operator says another word while the daemon refuses: that is the last one. */
Test(sync_words, a_new_word_counts_before_one_that_was_refused)
{
    begin(NONE);
    bridge_heard(&b, ALLOWED);
    turn(&b);
    turn(&a);
    bridge_heard(&a, "{\"rules\": [], \"settings\": [], \"refused\": {\"rules\": [0]}}");
    sync_note_refused(&a);
    turn(&a);
    bridge_heard(&a, ASIDE);
    turn(&a);
    cr_assert(shelf_says("rules", "10.0.0.0/8", "\"aside\""));
    turn(&b);
    cr_assert_str_eq(told(&b), "aside");
    end();
}

Test(sync_words, a_flushed_store_has_them_again_and_takes_nothing)
{
    begin(ASIDE);
    turn(&a);
    turn(&b);
    bridge_heard(&b, ASIDE);
    turn(&b);
    shelf_flush();
    snprintf(b.nodes[0].name, sizeof(b.nodes[0].name), "a");
    b.nodes[0].until_ms = sync_wall_ms() + 15000;
    b.nodes_count = 1;
    turn(&b);
    cr_assert_eq(shelf_hash_length("rules"), 0, "a lives, and will say it");
    turn(&a);
    cr_assert(shelf_says("rules", "10.0.0.0/8", "\"aside\""));
    cr_assert_str_eq(told(&a), "");
    end();
}
