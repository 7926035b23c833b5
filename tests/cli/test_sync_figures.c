/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_figures.c: sums of what other bridges count, or nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/support_store.h"

#define SERVER           "\"server\": \"10.0.0.1\", \"vlan\": []"
#define FIGURES(servers) "{\"figures\": {\"whole\": true, \"servers\": [" servers "]}}"
#define ONE(port, half_open, silent, handshakes)                                                   \
    "{" SERVER ", \"port\": " #port ", \"half_open\": " #half_open ", \"silent\": " #silent        \
    ", \"handshakes\": " #handshakes "}"
#define NOBODY FIGURES("")

static struct sync bridges[3], *const a = &bridges[0], *const b = &bridges[1],
                                      *const c = &bridges[2];
static struct error error;

/* Each knows that all three live. */
static void begin(const char *of_a, const char *of_b, const char *of_c)
{
    static const char *const names[] = {"a", "b", "c"};
    const char *const heard[] = {of_a, of_b, of_c};

    for (unsigned i = 0; i < 3; i++) {
        bridge_begin(&bridges[i], names[i], heard[i]);
        bridges[i].nodes_count = 3;
        for (unsigned j = 0; j < 3; j++) {
            snprintf(bridges[i].nodes[j].name, sizeof(bridges[i].nodes[j].name), "%s", names[j]);
            bridges[i].nodes[j].until_ms = sync_wall_ms() + 10000;
        }
    }
}

static void end(void)
{
    for (unsigned i = 0; i < 3; i++)
        bridge_end(&bridges[i]);
}

static void turn(struct sync *sync)
{
    cr_assert(sync_figures_turn(sync, &error), "%s", error.text);
}

static void turn_all(void)
{
    for (unsigned i = 0; i < 3; i++)
        turn(&bridges[i]);
}

/* What is said is good for some seconds: on a busy machine it is said again. */
static void hears(struct sync *sync)
{
    unsigned left = 20;

    do {
        for (unsigned j = 0; j < 3; j++)
            if (&bridges[j] != sync)
                turn(&bridges[j]);
        turn(sync);
    } while (!sync->figures && --left);
    cr_assert_not_null(sync->figures);
}

static int64_t figure(struct sync *sync, int port, const char *key)
{
    for (size_t i = 0; i < json_object_array_length(sync->figures); i++) {
        struct json_object *one = json_object_array_get_idx(sync->figures, i);

        if (json_object_get_int(json_object_object_get(one, "port")) == port)
            return json_object_get_int64(json_object_object_get(one, key));
    }
    return -1;
}

Test(sync_figures, each_is_told_the_sum_of_the_others)
{
    begin(FIGURES(ONE(80, 100, 5, 9)), FIGURES(ONE(80, 60, 6, 10) "," ONE(81, 7, 0, 0)), NOBODY);
    turn(a);
    cr_assert_null(a->figures, "of the others it has not heard");
    hears(a);
    cr_assert_eq(figure(a, 80, "half_open"), 60);
    cr_assert_eq(figure(a, 81, "half_open"), 7);
    hears(b);
    cr_assert_eq(figure(b, 80, "half_open"), 100);
    cr_assert_eq(figure(b, 81, "half_open"), -1);
    hears(c);
    cr_assert_eq(figure(c, 80, "half_open"), 160);
    cr_assert_eq(figure(c, 80, "silent"), 11);
    cr_assert_eq(figure(c, 80, "handshakes"), 19);
    end();
}

/* Its daemon would go on with what it was told last. */
Test(sync_figures, whom_nobody_names_any_more_is_nothing_once)
{
    begin(NOBODY, FIGURES(ONE(80, 60, 6, 10)), NOBODY);
    hears(a);
    cr_assert_eq(figure(a, 80, "half_open"), 60);
    bridge_heard(b, NOBODY);
    hears(a);
    cr_assert_eq(figure(a, 80, "half_open"), 0);
    hears(a);
    cr_assert_eq(figure(a, 80, "half_open"), -1);
    end();
}

/* Nothing is known of the sum, where one of them is missing. */
static void tells_nothing(const char *why)
{
    turn(c);
    cr_assert_null(c->figures, "%s", why);
}

Test(sync_figures, one_that_is_missing_ends_the_sums)
{
    begin(FIGURES(ONE(80, 100, 0, 0)), NOBODY, NOBODY);
    hears(c);
    cr_assert_eq(figure(c, 80, "half_open"), 100);
    shelf_flush();
    tells_nothing("the store is empty");
    turn(b);
    tells_nothing("a's is taken away");
    hears(c);
    bridge_heard(a, "{\"figures\": {\"whole\": false, \"servers\": []}}");
    turn(a);
    tells_nothing("a has too many");
    bridge_heard(a, "{}");
    turn(a);
    cr_assert_null(a->figures, "its daemon is of another version");
    end();
}

/* Whoever owns the store can make none, nor move, change, keep or delay one. */
Test(sync_figures, nobody_else_counts_anything)
{
    const uint64_t now_ms = sync_wall_ms();
    size_t bytes;
    char *of_a;

    begin(FIGURES(ONE(80, 100, 0, 0)), NOBODY, NOBODY);
    turn_all();
    of_a = shelf_get("figures", "a", &bytes);
    shelf_put("figures", "b", of_a, bytes);
    tells_nothing("a's in b's place");
    hears(c);
    cr_assert_eq(figure(c, 80, "half_open"), 100);
    strstr(of_a, ":100,")[1] = '9';
    shelf_put("figures", "a", of_a, bytes);
    tells_nothing("a figure was changed");
    strstr(of_a, ":900,")[1] = '1';
    hears(c);
    shelf_put("figures", "a", of_a, bytes);
    tells_nothing("it is an old one");
    turn(a);
    shelf_seal("a", "figures", "b", "{\"whole\": true, \"servers\": []}", 1ull << 62,
               now_ms + 4000);
    tells_nothing("b did not write it");
    free(of_a);
    end();
}

/* As another one with the key file would say it, `ago_us` by the store's clock. */
static void says(const char *content, int64_t ago_us, uint64_t until_ms)
{
    const uint64_t now_us = sync_wall_ms() * 1000 + (uint64_t)c->store_ahead_us;

    shelf_seal("b", "figures", "b", content, now_us - (uint64_t)ago_us, until_ms);
}

Test(sync_figures, one_of_some_seconds_ago_is_none)
{
    static const char none[] = "{\"whole\": true, \"servers\": []}";
    const uint64_t now_ms = sync_wall_ms();

    begin(NOBODY, NOBODY, NOBODY);
    c->store_ahead_us = 3000000; /* clocks may be apart */
    turn(a);
    a->store_ahead_us = 3000000;
    turn(a);
    says(none, 4000000, now_ms + 5000);
    tells_nothing("of 4 s ago");
    says(none, -5000000, now_ms + 5000);
    tells_nothing("of times to come");
    end();
    begin(NOBODY, NOBODY, NOBODY);
    turn(a);
    says(none, 100000, now_ms - 1);
    tells_nothing("its time is over");
    says(none, 90000, now_ms + 60000);
    tells_nothing("its end is far away");
    for (unsigned i = 0; i < 20 && !c->figures; i++) {
        turn(a);
        says(none, 0, sync_wall_ms() + 8000);
        turn(c);
    }
    cr_assert_not_null(c->figures);
    end();
}

Test(sync_figures, what_is_no_figure_ends_the_sums)
{
    static const char *const odd[] = {
        "[]",
        "{\"whole\": true}",
        "{\"servers\": []}",
        "{\"whole\": true, \"servers\": [7]}",
        ("{\"whole\": true, \"servers\": [{" SERVER ", \"port\": 80, \"half_open\": -1, "
         "\"silent\": 0, \"handshakes\": 0}]}"),
        ("{\"whole\": true, \"servers\": [{" SERVER ", \"port\": 80, \"half_open\": 1e9, "
         "\"silent\": 0, \"handshakes\": 0}]}"),
        ("{\"whole\": true, \"servers\": [{" SERVER ", \"port\": 80, \"half_open\": 99999999, "
         "\"silent\": 0, \"handshakes\": 0}]}"),
    };

    begin(NOBODY, NOBODY, NOBODY);
    turn(a);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        says(odd[i], 100000 - (int64_t)i, sync_wall_ms() + 5000);
        tells_nothing(odd[i]);
    }
    end();
}

/* More servers than a question holds: nothing, rather than some. */
Test(sync_figures, too_many_servers_end_the_sums)
{
    struct json_object *said = json_object_new_object(), *figures = json_object_new_object(),
                       *servers = json_object_new_array();
    char of_a[256];

    begin(NOBODY, NOBODY, NOBODY);
    for (int port = 1; port <= 200; port++) {
        snprintf(of_a, sizeof(of_a),
                 "{" SERVER ", \"port\": %d, \"half_open\": 1, \"silent\": 0, \"handshakes\": 0}",
                 port);
        json_object_array_add(servers, json_tokener_parse(of_a));
    }
    json_object_object_add(figures, "whole", json_object_new_boolean(true));
    json_object_object_add(figures, "servers", servers);
    json_object_object_add(said, "figures", figures);
    bridge_heard(a, json_object_to_json_string(said));
    hears(c);
    cr_assert_eq(json_object_array_length(c->figures), 200);
    bridge_heard(b, FIGURES(ONE(201, 1, 0, 0)));
    turn(b);
    tells_nothing("201 of them");
    json_object_put(said);
    end();
}

Test(sync_figures, a_store_that_is_full_or_away_ends_the_sums_and_is_named)
{
    begin(FIGURES(ONE(80, 100, 0, 0)), NOBODY, NOBODY);
    for (unsigned i = 0; i < 20 && (i == 0 || !c->figures); i++) {
        hears(c);
        shelf_fill(true);
        error = (struct error){0};
        cr_assert_not(sync_figures_turn(c, &error));
        shelf_fill(false);
    }
    cr_assert(strstr(error.text, "OOM"), "%s", error.text);
    cr_assert_eq(figure(c, 80, "half_open"), 100, "what others could say is heard");
    shelf_hang_up_after(0);
    error = (struct error){0};
    cr_assert_not(sync_figures_turn(c, &error));
    cr_assert_null(c->figures);
    end();
}

/* One that is alone says nothing, and hears nothing. */
Test(sync_figures, are_for_several)
{
    begin(NOBODY, NOBODY, NOBODY);
    a->nodes_count = 1;
    turn(a);
    cr_assert_null(a->figures);
    cr_assert_eq(shelf_hash_length("figures"), 0);
    end();
}
