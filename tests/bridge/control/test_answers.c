/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to the daemon and their answers, without a socket.
 *
 * It is longer than most: one test at least for each request that the daemon answers.
 */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/control/answers.h"
#include "bridge/text/document.h"
#include "bridge/text/server_text.h"
#include "engine/protocols/protocol.h"
#include "engine/version.h"
#include "profiles/learn/rehearsal.h"
#include "profiles/model/profile.h"
#include "profiles/model/settings.h"
#include "tests/bridge/fake_daemon.h"

static struct daemon daemon_under_test;

static void setup(void)
{
    fake_daemon_init(&daemon_under_test);
}

static void teardown(void)
{
    fake_daemon_close(&daemon_under_test);
}

TestSuite(control_commands, .init = setup, .fini = teardown);

static struct control_question question(const char *request)
{
    return (struct control_question){.text = request, .bytes = strlen(request)};
}

static struct json_object *ask(const char *request)
{
    size_t bytes = 0;
    char *text = control_answer(&daemon_under_test, question(request), &bytes);
    cr_assert_eq(text[bytes - 1], '\n');
    text[bytes - 1] = '\0';
    struct json_object *document = json_tokener_parse(text);
    cr_assert_eq(strlen(text), bytes - 1);
    free(text);
    return document;
}

/* The answer, but for its first object, as plain text. */
static void assert_answer(const char *request, const char *rest)
{
    size_t bytes = 0;
    char *text = control_answer(&daemon_under_test, question(request), &bytes);
    const char *head = "{\"synward\":{\"version\":\"" SYNWARD_VERSION "\",\"schema\":1},";

    cr_assert_eq(strncmp(text, head, strlen(head)), 0, "%s", text);
    cr_assert_eq(text[bytes - 1], '\n');
    text[bytes - 1] = '\0';
    cr_assert_str_eq(text + strlen(head), rest);
    free(text);
}

static void assert_error(const char *request, int code, const char *fragment)
{
    struct json_object *document = ask(request), *error = json_object_object_get(document, "error");

    cr_assert_not_null(json_object_object_get(document, "synward"));
    cr_assert_not_null(error, "%s: %s", request, json_object_to_json_string(document));
    cr_assert_eq(json_object_get_int(json_object_object_get(error, "code")), code, "%s: %s",
                 request, json_object_to_json_string(document));
    cr_assert(strstr(json_object_get_string(json_object_object_get(error, "text")), fragment),
              "%s: %s", request, json_object_to_json_string(document));
    json_object_put(document);
}

#define NO_FIGURES                                                                                 \
    "\"half_open_limit\":null,\"usual_syns\":null,\"figures\":{\"syns\":0,\"cookies_sent\":0,"     \
    "\"proofs\":0,\"admitted\":0,\"taken\":0,\"fell_back\":0,\"failed\":0,\"frames_in\":0,"        \
    "\"frames_out\":0,\"bytes_in\":0,"                                                             \
    "\"bytes_out\":0,\"queries\":0,\"truncated\":0,\"passed\":0,\"switches\":0,\"admission_us\":"  \
    "0,\"half_open\":0,\"spliced\":0,\"refused\":"                                                 \
    "{},\"admission\":[]}}"
#define SOME_FIGURES                                                                               \
    "\"half_open_limit\":200,\"usual_syns\":3,\"figures\":{\"syns\":7,\"cookies_sent\":0,"         \
    "\"proofs\":0,\"admitted\":1,\"taken\":0,\"fell_back\":0,\"failed\":0,\"frames_in\":0,"        \
    "\"frames_out\":0,\"bytes_in\":0,"                                                             \
    "\"bytes_out\":0,\"queries\":0,\"truncated\":0,\"passed\":0,\"switches\":0,\"admission_us\":"  \
    "3,\"half_open\":3,\"spliced\":0,\"refused\":"                                                 \
    "{\"mismatch\":1},\"admission\":[0,0,1]}}"

#define SAYS "{\"command\": \"cluster\", \"state\": \"joined\", \"node\": \"a\", \"bridges\": 3"

static void of_cluster(void)
{
    daemon_under_test.clock.share.on = true;
    daemon_under_test.peers.bridges = 1;
}

Test(control_commands, cluster_is_for_several_bridges)
{
    assert_error(SAYS "}", 1, "--cluster-key");
    of_cluster();
    assert_error("{\"command\": \"cluster\", \"state\": \"joined\", \"node\": \"a\"}", 2, "state");
    assert_error("{\"command\": \"cluster\", \"state\": \"unknown\", \"node\": \"a\", "
                 "\"bridges\": 1}",
                 2, "state");
}

static void assert_refused(struct json_object *document, const char *kind, const char *places)
{
    struct json_object *refused = json_object_object_get(document, "refused");

    cr_assert_str_eq(json_object_to_json_string_ext(json_object_object_get(refused, kind),
                                                    JSON_C_TO_STRING_PLAIN),
                     places, "%s: %s", kind, json_object_to_json_string(refused));
}

/* One that is wrong takes nothing from the others, and is named. */
Test(control_commands, cluster_takes_what_is_right_and_names_the_rest)
{
    const uint32_t sources = daemon_under_test.source_count;
    struct json_object *document;

    of_cluster();
    document = ask(
        SAYS
        ", \"attacks\": [{\"server\": \"10.0.0.1\", \"port\": 70000}, "
        "{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": [], \"node\": \"b\", \"cause\": 1, "
        "\"value\": 1, \"for_s\": 45}, "
        "{\"server\": \"10.0.0.1\", \"port\": 81, \"vlan\": [], \"node\": \"b\", \"cause\": 99, "
        "\"value\": 1, \"for_s\": 45}], "
        "\"asides\": [{\"source\": \"10.0.0.1/33\", \"node\": \"b\", \"for_s\": 1}, "
        "{\"source\": \"10.0.0.1/32\", \"node\": \"b\", \"for_s\": 1}], "
        "\"rules\": [7, {\"source\": \"10.0.0.1\", \"state\": \"limited\", \"for_s\": 0}, "
        "{\"source\": \"10.0.0.1\", \"state\": \"allowed\"}], "
        "\"settings\": [{\"setting\": \"default\"}, {\"setting\": \"odd\"}], "
        "\"returned\": [{\"server\": \"10.0.0.1\"}], \"unheard\": 7}");
    cr_assert_eq(daemon_under_test.held_count, 1);
    cr_assert_eq(daemon_under_test.held[0].port, 80);
    cr_assert_eq(daemon_under_test.source_count, sources + 1);
    assert_refused(document, "attacks", "[0,2]");
    assert_refused(document, "asides", "[0]");
    assert_refused(document, "rules", "[0,1,2]");
    assert_refused(document, "settings", "[0,1]");
    assert_refused(document, "returned", "[0]");
    cr_assert_not_null(json_object_object_get(document, "revision"), "all else is answered");
    json_object_put(document);
}

/* Or it would never be told again. */
Test(control_commands, cluster_names_a_word_that_there_is_no_room_for)
{
    struct json_object *document;

    of_cluster();
    daemon_under_test.source_count = 3;
    document =
        ask(SAYS ", \"rules\": [{\"source\": \"10.0.0.1\", \"state\": \"aside\", \"for_s\": 0}, "
                 "{\"source\": \"10.0.0.2\", \"state\": \"aside\", \"for_s\": 0}]}");
    assert_refused(document, "rules", "[1]");
    json_object_put(document);
}

Test(control_commands, cluster_tells_which_modes_operators_set_elsewhere)
{
    struct json_object *document, *settings;

    of_cluster();
    document = ask(SAYS ", \"settings\": [{\"setting\": \"attack\"}, "
                        "{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": [], "
                        "\"setting\": \"normal\"}, {\"server\": \"10.0.0.1\", \"port\": 80, "
                        "\"vlan\": [], \"setting\": \"default\"}]}");
    cr_assert_eq(daemon_under_test.mode_changes, 3);
    cr_assert_eq(daemon_mode(&daemon_under_test), SETTING_ATTACK);
    settings = json_object_object_get(document, "settings");
    cr_assert_str_eq(document_string(json_object_array_get_idx(settings, 0), "setting"), "attack");
    cr_assert_null(json_object_object_get(json_object_array_get_idx(settings, 0), "server"));
    json_object_put(document);
}

Test(control_commands, cluster_says_and_hears)
{
    const struct source_info *adopted;
    struct json_object *document, *attacks;

    of_cluster();
    adopted = &daemon_under_test.sources[daemon_under_test.source_count];
    daemon_under_test.fired = daemon_under_test.servers[1].info.key;
    daemon_under_test.servers[1].info.mode = MODE_ATTACK;
    document = ask(SAYS ", \"attacks\": [{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": [7], "
                        "\"node\": \"b\", \"cause\": 1, \"value\": 212, \"for_s\": 45}], "
                        "\"asides\": [{\"source\": \"198.51.100.0/24\", \"node\": \"b\", "
                        "\"for_s\": 60, \"strikes\": 2}]}");
    cr_assert_eq(daemon_under_test.peers.bridges, 3);
    cr_assert_eq(daemon_under_test.held_count, 1);
    cr_assert_eq(daemon_under_test.held[0].port, 80);
    cr_assert_eq(daemon_under_test.held[0].vlan.id[0], VLAN_PRESENT | 7);
    cr_assert_eq(adopted->rule.by, SOURCE_BY_CLUSTER);
    cr_assert_eq(adopted->rule.length, 24);
    cr_assert_eq(adopted->rule.strikes, 2);
    attacks = json_object_object_get(document, "attacks");
    cr_assert_eq(json_object_array_length(attacks), 1);
    cr_assert_eq(
        json_object_get_int(json_object_object_get(json_object_array_get_idx(attacks, 0), "port")),
        daemon_under_test.fired.port);
    cr_assert_not_null(json_object_object_get(document, "revision"));
    json_object_put(document);
}

/* What he says here is told until it is over; what he said elsewhere is followed. */
Test(control_commands, cluster_tells_of_profiles_that_are_forgotten)
{
    const struct server_key key = fake_key("10.77.0.2", 110, 0);
    struct json_object *document, *array, *one;

    of_cluster();
    cr_assert_not_null(store_add(daemon_under_test.store, &key));
    json_object_put(ask("{\"command\": \"forget\", \"server\": \"10.77.0.2:110\"}"));
    document = ask(SAYS ", \"forgotten\": [{\"server\": \"10.0.0.1\", \"port\": 53, \"vlan\": [7], "
                        "\"transport\": \"udp\", \"at_s\": 1767225601, \"node\": \"b\"}, "
                        "{\"server\": \"10.0.0.1\", \"port\": 53, \"vlan\": [], \"at_s\": -1, "
                        "\"node\": \"b\"}]}");
    assert_refused(document, "forgotten", "[1]");
    cr_assert_eq(daemon_under_test.forgotten_at_s, 1767225601);
    cr_assert(server_key_is_udp(&daemon_under_test.forgotten_elsewhere));
    array = json_object_object_get(document, "forgotten");
    cr_assert_eq(json_object_array_length(array), 1);
    one = json_object_array_get_idx(array, 0);
    cr_assert_eq(json_object_get_int(json_object_object_get(one, "port")), 110);
    cr_assert_eq(json_object_get_int64(json_object_object_get(one, "at_s")), 1767225600);
    json_object_put(document);
}

Test(control_commands, cluster_tells_what_operators_said_elsewhere)
{
    const uint32_t rules = daemon_under_test.source_count;
    struct json_object *document;

    of_cluster();
    document = ask(SAYS ", \"rules\": [{\"source\": \"10.0.0.0/8\", \"state\": \"allowed\", "
                        "\"for_s\": 0}]}");
    cr_assert_eq(daemon_under_test.source_count, rules + 1);
    cr_assert_eq(daemon_under_test.sources[rules].rule.state, SOURCE_ALLOWED);
    cr_assert_eq(daemon_under_test.sources[rules].rule.by, SOURCE_BY_OPERATOR);
    cr_assert_eq(daemon_under_test.sources[rules].rule.until_us, 0);
    cr_assert_not_null(json_object_object_get(document, "rules"));
    json_object_put(document);
}

#define FIGURE                                                                                     \
    "{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": [], \"half_open\": 7, \"silent\": 8, "

/* As a whole, or not at all: else what is missing would count for nothing. */
Test(control_commands, cluster_is_told_what_others_count)
{
    struct json_object *document;

    of_cluster();
    json_object_put(ask(SAYS "}"));
    cr_assert_eq(daemon_under_test.hears_all, 0, "they say nothing of it");
    document = ask(SAYS ", \"figures\": [" FIGURE "\"handshakes\": 9}]}");
    cr_assert_null(json_object_object_get(json_object_object_get(document, "refused"), "figures"));
    json_object_put(document);
    cr_assert_eq(daemon_under_test.hears_all, 1);
    cr_assert_eq(daemon_under_test.others.half_open, 7);
    cr_assert_eq(daemon_under_test.others.silent, 8);
    cr_assert_eq(daemon_under_test.others.handshakes, 9);
    json_object_put(ask(SAYS ", \"figures\": []}"));
    cr_assert_eq(daemon_under_test.hears_all, 2, "they count nothing");
    document = ask(SAYS ", \"figures\": [" FIGURE "\"handshakes\": 9}, " FIGURE
                        "\"handshakes\": 7}, {\"server\": \"10.0.0.1\", \"port\": 80, "
                        "\"vlan\": []}]}");
    assert_refused(document, "figures", "[1,2]");
    json_object_put(document);
    daemon_under_test.no_room = true;
    document = ask(SAYS ", \"figures\": [" FIGURE "\"handshakes\": 9}]}");
    assert_refused(document, "figures", "[0]");
    json_object_put(document);
    cr_assert_eq(daemon_under_test.hears_all, 2);
}

static struct json_object *figures_told(struct json_object **document)
{
    struct json_object *figures;

    of_cluster();
    *document = ask(SAYS "}");
    figures = json_object_object_get(*document, "figures");
    cr_assert(json_object_get_boolean(json_object_object_get(figures, "whole")));
    return json_object_object_get(figures, "servers");
}

/* Who counts less than an eighth of this bridge's part of a limit is left out. */
Test(control_commands, cluster_tells_what_is_counted_here)
{
    struct server_info *info = &daemon_under_test.servers[0].info;
    struct json_object *document, *array, *one;

    for (uint32_t i = 0; i < daemon_under_test.server_count; i++)
        daemon_under_test.servers[i].info.silent_limit = 240;
    info->half_open_limit = 240;
    info->counted = (struct trigger_others){10, 10, 240};
    array = figures_told(&document);
    cr_assert_eq(json_object_array_length(array), 0);
    json_object_put(document);
    info->counted.half_open = 11;
    array = figures_told(&document);
    cr_assert_eq(json_object_array_length(array), 1);
    one = json_object_array_get_idx(array, 0);
    cr_assert_eq(json_object_get_int(json_object_object_get(one, "port")), info->key.port);
    cr_assert_eq(json_object_get_int(json_object_object_get(one, "half_open")), 11);
    cr_assert_eq(json_object_get_int(json_object_object_get(one, "silent")), 10);
    cr_assert_eq(json_object_get_int(json_object_object_get(one, "handshakes")), 240);
    json_object_put(document);
    info->counted = (struct trigger_others){0, 11, 20};
    cr_assert_eq(json_object_array_length(figures_told(&document)), 1);
    json_object_put(document);
    info->counted = (struct trigger_others){0, 0, 241};
    cr_assert_eq(json_object_array_length(figures_told(&document)), 1);
    json_object_put(document);
    info->counted = (struct trigger_others){200, 0, 0};
    info->half_open_limit = TRIGGER_OFF;
    cr_assert_eq(json_object_array_length(figures_told(&document)), 0, "it is off");
    json_object_put(document);
}

/* No word of the operator comes over the socket of sync. */
Test(control_commands, sync_says_what_others_say_and_nothing_else)
{
    static const char *const refused[] = {
        "{\"command\": \"mode\", \"setting\": \"normal\"}",
        "{\"command\": \"learn\", \"learning\": false}", "{\"command\": \"reload\"}",
        "{\"command\": \"forget\", \"server\": \"10.77.0.2:110\"}",
        ("{\"command\": \"sources\", \"action\": \"allow\", "
         "\"source\": \"10.0.0.1\"}")};
    static const char *const answered[] = {
        SAYS "}", "{\"command\": \"status\"}",
        ("{\"command\": \"sources\", \"action\": \"import\", \"name\": \"drop\", \"from\": 0, "
         "\"prefixes\": \"192.0.2.0/24\"}")};

    of_cluster();
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) + 3; i++) {
        const bool right = i >= sizeof(refused) / sizeof(refused[0]);
        struct control_question asked =
            question(right ? answered[i - sizeof(refused) / sizeof(refused[0])] : refused[i]);
        size_t bytes = 0;
        char *text;

        asked.sync = true;
        text = control_answer(&daemon_under_test, asked, &bytes);
        cr_assert_eq(memmem(text, bytes, "\"error\"", 7) == NULL, right, "%.*s", (int)bytes, text);
        free(text);
    }
    cr_assert_eq(daemon_under_test.mode_changes, 0);
}

/* Only where there are other bridges. */
Test(control_commands, status_says_how_far_the_clock_of_the_cluster_is_off)
{
    struct json_object *document = ask("{\"command\": \"status\"}"), *cluster;

    cr_assert_null(json_object_object_get(document, "cluster"));
    json_object_put(document);
    daemon_under_test.clock =
        (struct cluster_clock){.share.on = true, .off_us = -12345678, .wrong = true};
    document = ask("{\"command\": \"status\"}");
    cluster = json_object_object_get(document, "cluster");
    cr_assert_str_eq(json_object_get_string(json_object_object_get(cluster, "clock")), "wrong");
    cr_assert_float_eq(json_object_get_double(json_object_object_get(cluster, "clock_off_s")),
                       -12.345, 0.0001);
    json_object_put(document);
}

Test(control_commands, status)
{
    assert_answer(
        "{\"command\": \"status\"}",
        "\"mode\":\"auto\",\"learning\":true,\"uptime_s\":12,"
        "\"sides\":{\"client\":{\"side\":\"netns:c/"
        "sw0\",\"device\":\"sw0\",\"netns\":\"c\",\"mtu\":1500,\"carrier\":\"there\"},"
        "\"server\":{\"side\":\"tap:sw1\",\"device\":\"sw1\",\"netns\":null,\"mtu\":9000,"
        "\"carrier\":\"lost\",\"untold\":\"as asked for\"}},"
        "\"restart\":{\"connections\":true,\"cards_vanish\":[\"sw0\"]},"
        "\"when_dead\":{\"setting\":\"limited\",\"why\":\"it leads from a port: side to another\","
        "\"times\":2,\"passed\":30,\"dropped\":4},"
        "\"sandbox\":{\"state\":\"on\",\"keeper\":true,\"why\":null},"
        "\"unanswered\":null,"
        "\"servers\":[{\"server\":\"10.77.0.2\",\"port\":110,\"vlan\":[],\"transport\":\"tcp\","
        "\"mode\":\"normal\","
        "\"setting\":"
        "null,"
        "\"since\":\"2026-01-01T00:00:00Z\",\"cause\":null,\"dead\":null,\"held\":0,\"held_mark\":"
        "0,\"ended\":0," SOME_FIGURES ","
        "{\"server\":\"fd77::2\",\"port\":80,\"vlan\":[10],\"transport\":\"tcp\","
        "\"mode\":\"attack\",\"setting\":null,"
        "\"since\":\"2026-01-01T00:00:00Z\",\"cause\":\"half-open 212\",\"dead\":null,\"held\":0,"
        "\"held_mark\":0,\"ended\":0," NO_FIGURES ","
        "{\"server\":\"fd77::2\",\"port\":80,\"vlan\":[20],\"transport\":\"tcp\","
        "\"mode\":\"normal\",\"setting\":null,"
        "\"since\":\"2026-01-01T00:00:00Z\",\"cause\":null,\"dead\":\"nobody listens\",\"held\":0,"
        "\"held_mark\":0,\"ended\":0," NO_FIGURES "]}");
}

/* The kernel path is spoken of where it was asked for. */
Test(control_commands, status_of_the_kernel_path)
{
    struct json_object *document, *path;

    daemon_under_test.path_hindrance = NULL;
    document = ask("{\"command\":\"status\"}");
    path = json_object_object_get(document, "kernel_path");
    cr_assert_str_eq(json_object_to_json_string_ext(path, JSON_C_TO_STRING_PLAIN),
                     "{\"on\":true,\"why\":null,\"answers\":true,\"answers_why\":null,"
                     "\"completes\":true,\"completes_why\":null}");
    json_object_put(document);
    daemon_under_test.path_no_answers = "there are more than 8 workers";
    daemon_under_test.path_no_completion = "there is more than one worker";
    document = ask("{\"command\":\"status\"}");
    path = json_object_object_get(document, "kernel_path");
    cr_assert_str_eq(json_object_to_json_string_ext(path, JSON_C_TO_STRING_PLAIN),
                     "{\"on\":true,\"why\":null,\"answers\":false,"
                     "\"answers_why\":\"there are more than 8 workers\","
                     "\"completes\":false,\"completes_why\":\"there is more than one worker\"}");
    json_object_put(document);
    daemon_under_test.path_hindrance = "both ports must be in one namespace";
    document = ask("{\"command\":\"status\"}");
    path = json_object_object_get(document, "kernel_path");
    cr_assert_str_eq(json_object_to_json_string_ext(path, JSON_C_TO_STRING_PLAIN),
                     "{\"on\":false,\"why\":\"both ports must be in one namespace\","
                     "\"answers\":false,\"answers_why\":null,"
                     "\"completes\":false,\"completes_why\":null}");
    json_object_put(document);
}

/* Of the hook it is spoken where it was asked for. */
Test(control_commands, status_of_the_hook)
{
    struct json_object *document = ask("{\"command\":\"status\"}"), *hook;

    cr_expect_null(json_object_object_get(document, "hook"));
    json_object_put(document);
    daemon_under_test.hook_hindrance = NULL;
    document = ask("{\"command\":\"status\"}");
    hook = json_object_object_get(document, "hook");
    cr_assert_str_eq(json_object_to_json_string_ext(hook, JSON_C_TO_STRING_PLAIN),
                     "{\"on\":true,\"why\":null}");
    json_object_put(document);
    daemon_under_test.hook_hindrance = "tcp_syncookies is 0 in namespace a";
    document = ask("{\"command\":\"status\"}");
    hook = json_object_object_get(document, "hook");
    cr_assert_str_eq(json_object_to_json_string_ext(hook, JSON_C_TO_STRING_PLAIN),
                     "{\"on\":false,\"why\":\"tcp_syncookies is 0 in namespace a\"}");
    json_object_put(document);
}

static void assert_sandbox(const char *expected)
{
    struct json_object *document = ask("{\"command\":\"status\"}");
    struct json_object *sandbox = json_object_object_get(document, "sandbox");

    cr_assert_str_eq(json_object_to_json_string_ext(sandbox, JSON_C_TO_STRING_PLAIN), expected);
    json_object_put(document);
}

Test(control_commands, status_of_the_sandbox)
{
    struct confinement *confinement = &daemon_under_test.confinement;

    error_set(&confinement->lack, EXIT_FAILED, "it stays root: Operation not permitted");
    assert_sandbox("{\"state\":\"partly\",\"keeper\":true,"
                   "\"why\":\"it stays root: Operation not permitted\"}");
    *confinement = (struct confinement){.setting = SANDBOX_OFF};
    assert_sandbox("{\"state\":\"off\",\"keeper\":false,\"why\":\"as asked for\"}");
}

Test(control_commands, flows)
{
    assert_answer(
        "{\"command\": \"flows\"}",
        "\"flows\":[{\"client\":\"10.77.0.1:40312\",\"server\":\"10.77.0.2:110\",\"vlan\":[],"
        "\"state\":\"spliced\",\"age_s\":1.2,\"delta\":4294967295},"
        "{\"client\":\"[fd77::1]:40313\",\"server\":\"[fd77::2]:80\",\"vlan\":[10],"
        "\"state\":\"tracked\",\"age_s\":1.2,\"delta\":null}]}");
}

Test(control_commands, stats_hold_every_counter)
{
    struct json_object *document = ask("{\"command\":\"stats\"}"), *group;

#define EXPECT_COUNTER(group_name, name, text)                                                     \
    group = json_object_object_get(document, #group_name);                                         \
    cr_assert_not_null(json_object_object_get(group, #name), #group_name "." #name);
#define EXPECT_DROP(name, text) EXPECT_COUNTER(drops, name, text)
    SYNWARD_COUNTERS(EXPECT_COUNTER)
    SYNWARD_DROPS(EXPECT_DROP)
    cr_assert_eq(json_object_get_uint64(json_object_object_get(group, "bad_cookie")), UINT64_MAX);
    group = json_object_object_get(document, "frames");
    cr_assert_eq(json_object_get_int(json_object_object_get(group, "client_in")), 7);
    group = json_object_object_get(document, "tables");
#define EXPECT_TABLE(name, text)                                                                   \
    cr_assert_not_null(json_object_object_get(group, #name "_used"));                              \
    cr_assert_not_null(json_object_object_get(group, #name "_size"));
    ENGINE_TABLES(EXPECT_TABLE)
    cr_assert_eq(json_object_get_int(json_object_object_get(group, "openings_used")), 3);
    json_object_put(document);
}

Test(control_commands, learn)
{
    assert_answer("{\"command\":\"learn\",\"learning\":false}", "\"learning\":false}");
    cr_assert_not(daemon_under_test.learning);
    assert_answer("{\"command\":\"learn\",\"learning\":true}", "\"learning\":true}");
    cr_assert(daemon_under_test.learning);
    assert_error("{\"command\":\"learn\",\"learning\":\"on\"}", EXIT_USAGE, "boolean");
    assert_error("{\"command\":\"learn\"}", EXIT_USAGE, "boolean");
}

Test(control_commands, mode_for_all)
{
    struct json_object *document = ask("{\"command\":\"mode\",\"setting\":\"attack\"}");

    cr_assert_str_eq(json_object_get_string(json_object_object_get(document, "mode")), "attack");
    cr_assert_eq(json_object_array_length(json_object_object_get(document, "servers")), 3);
    cr_assert_eq(daemon_under_test.mode, SETTING_ATTACK);
    json_object_put(document);
}

Test(control_commands, mode_for_one_means_every_vlan)
{
    struct json_object *document =
        ask("{\"command\":\"mode\",\"setting\":\"normal\",\"server\":\"[fd77::2]:80\"}");

    cr_assert_eq(json_object_array_length(json_object_object_get(document, "servers")), 2);
    cr_assert_eq(daemon_under_test.servers[0].info.setting, SETTING_INHERIT);
    cr_assert_eq(daemon_under_test.servers[1].info.setting, SETTING_NORMAL);
    cr_assert_eq(daemon_under_test.servers[2].info.setting, SETTING_NORMAL);
    cr_assert_eq(daemon_under_test.mode, SETTING_AUTO);
    json_object_put(document);
    json_object_put(ask("{\"command\":\"mode\",\"setting\":\"default\",\"server\":\"fd77::2\"}"));
    cr_assert_eq(daemon_under_test.servers[1].info.setting, SETTING_INHERIT);
}

Test(control_commands, mode_of_a_server_known_from_its_profile_only)
{
    const struct server_key key = fake_key("10.77.0.9", 25, 0);

    cr_assert_not_null(store_add(daemon_under_test.store, &key));
    assert_answer("{\"command\":\"mode\",\"setting\":\"attack\",\"server\":\"10.77.0.9:25\"}",
                  "\"mode\":\"auto\",\"servers\":[]}");
    cr_assert_eq(daemon_under_test.mode_changes, 1);
}

Test(control_commands, mode_errors_change_nothing)
{
    assert_error("{\"command\":\"mode\",\"setting\":\"attack\",\"server\":\"10.77.0.9:80\"}",
                 EXIT_NOT_FOUND, "no server 10.77.0.9:80");
    assert_error("{\"command\":\"mode\",\"server\":\"10.77.0.9\"}", EXIT_NOT_FOUND,
                 "no server 10.77.0.9");
    assert_error("{\"command\":\"mode\",\"setting\":\"calm\"}", EXIT_USAGE, "not a mode");
    assert_error("{\"command\":\"mode\",\"setting\":\"default\"}", EXIT_USAGE, "needs a server");
    assert_error("{\"command\":\"mode\",\"setting\":1}", EXIT_USAGE, "not a string");
    assert_error("{\"command\":\"mode\",\"setting\":\"auto\",\"server\":\"x\"}", EXIT_USAGE,
                 "not a server");
    assert_error("{\"command\":\"mode\",\"setting\":\"auto\",\"server\":7}", EXIT_USAGE,
                 "not a string");
    cr_assert_eq(daemon_under_test.mode_changes, 0);
}

static void add_profiles(void)
{
    const struct server_key keys[] = {fake_key("10.77.0.2", 110, 0), fake_key("10.77.0.2", 110, 7),
                                      fake_key("10.77.0.2", 80, 0)};

    for (size_t i = 0; i < 3; i++)
        cr_assert_not_null(store_add(daemon_under_test.store, &keys[i]));
}

static size_t count_profiles(const char *request)
{
    struct json_object *document = ask(request),
                       *profiles = json_object_object_get(document, "profiles");

    cr_assert_not_null(profiles, "%s", json_object_to_json_string(document));
    const size_t count = json_object_array_length(profiles);
    json_object_put(document);
    return count;
}

Test(control_commands, profiles)
{
    add_profiles();
    cr_assert_eq(count_profiles("{\"command\":\"profiles\"}"), 3);
    cr_assert_eq(count_profiles("{\"command\":\"profiles\",\"server\":null}"), 3);
    cr_assert_eq(count_profiles("{\"command\":\"profiles\",\"server\":\"10.77.0.2\"}"), 3);
    cr_assert_eq(count_profiles("{\"command\":\"profiles\",\"server\":\"10.77.0.2:110\"}"), 2);
    cr_assert_eq(count_profiles("{\"command\":\"export\"}"), 3);
    assert_error("{\"command\":\"profiles\",\"server\":\"10.77.0.3\"}", EXIT_NOT_FOUND,
                 "no profile of 10.77.0.3");
}

Test(control_commands, forget)
{
    add_profiles();
    assert_error("{\"command\":\"forget\",\"server\":\"10.77.0.2\"}", EXIT_USAGE, "port");
    assert_error("{\"command\":\"forget\"}", EXIT_USAGE, "port");
    assert_error("{\"command\":\"forget\",\"server\":\"10.77.0.2:22\"}", EXIT_NOT_FOUND,
                 "10.77.0.2:22");
    cr_assert_eq(store_count(daemon_under_test.store), 3);
    assert_answer("{\"command\":\"forget\",\"server\":\"10.77.0.2:110\"}", "\"forgotten\":2}");
    cr_assert_eq(store_count(daemon_under_test.store), 1);
}

Test(control_commands, set)
{
    add_profiles();
    cr_assert_eq(count_profiles("{\"command\":\"set\",\"server\":\"10.77.0.2:110\",\"key\":"
                                "\"check\",\"value\":\"none\"}"),
                 2);
    cr_assert_eq(store_at(daemon_under_test.store, 1)->settings.check, CHECK_NONE);
    cr_assert_eq(daemon_under_test.store_changes, 1);
    assert_error(
        "{\"command\":\"set\",\"server\":\"10.77.0.2:110\",\"key\":\"cheque\",\"value\":\"none\"}",
        EXIT_USAGE, "cheque");
    assert_error("{\"command\":\"set\",\"server\":\"10.77.0.2:110\",\"key\":\"check\"}", EXIT_USAGE,
                 "value");
    assert_error(
        "{\"command\":\"set\",\"server\":\"10.77.0.2:99\",\"key\":\"check\",\"value\":\"none\"}",
        EXIT_NOT_FOUND, "10.77.0.2:99");
    cr_assert_eq(daemon_under_test.store_changes, 1, "what failed changed nothing");
}

/* What is exported can be imported by a daemon that knows nothing. */
Test(control_commands, export_then_import)
{
    struct json_object *exported, *request = json_object_new_object();

    add_profiles();
    exported = ask("{\"command\":\"export\"}");
    json_object_object_add(request, "command", json_object_new_string("import"));
    json_object_object_add(request, "name", json_object_new_string("p.json"));
    json_object_object_add(request, "contents",
                           json_object_new_string(json_object_to_json_string(exported)));
    teardown();
    setup();
    assert_answer(json_object_to_json_string(request), "\"imported\":3}");
    cr_assert_eq(store_count(daemon_under_test.store), 3);
    cr_assert_eq(daemon_under_test.store_changes, 1);
    /* What was forgotten and is imported again is not taken away by the other bridges. */
    json_object_put(ask("{\"command\": \"forget\", \"server\": \"10.77.0.2:110\"}"));
    cr_assert_gt(daemon_under_test.forgotten.count, 0);
    assert_answer(json_object_to_json_string(request), "\"imported\":3}");
    cr_assert_eq(daemon_under_test.forgotten.count, 0);
    json_object_put(request);
    json_object_put(exported);
}

Test(control_commands, bad_import_changes_nothing)
{
    assert_error("{\"command\":\"import\",\"name\":\"p.json\",\"contents\":\"{\\n\\n]\"}",
                 EXIT_FAILED, "p.json");
    assert_error("{\"command\":\"import\",\"contents\":\"\"}", EXIT_FAILED, "imported file");
    assert_error("{\"command\":\"import\"}", EXIT_USAGE, "contents");
    cr_assert_eq(daemon_under_test.store_changes, 0);
}

Test(control_commands, malformed_requests)
{
    static const char *const bad[] = {
        "",
        "{",
        "}",
        "[]",
        "null",
        "7",
        "\"status\"",
        "{\"command\":\"status\"} x",
        "{'command':'status'}",
        "{}",
        "{\"command\":7}",
        "\x01",
        "\xff\xfe",
        "{\"command\":\"status\"}{}",
        "{\"command\":null}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_error(bad[i], EXIT_USAGE, "");
    assert_error("{\"command\":\"reboot\"}", EXIT_USAGE, "no command \"reboot\"");
}

Test(control_commands, zero_byte_is_no_blank)
{
    size_t answer_bytes = 0;
    char *text =
        control_answer(&daemon_under_test,
                       (struct control_question){.text = "{\"command\":\"status\"}\0", .bytes = 21},
                       &answer_bytes);
    text[answer_bytes - 1] = '\0';
    struct json_object *document = json_tokener_parse(text);
    cr_assert_not_null(json_object_object_get(document, "error"));
    json_object_put(document);
    free(text);
}

Test(control_commands, deep_nesting_is_refused)
{
    char deep[4096];

    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_error(deep, EXIT_USAGE, "");
}

Test(control_commands, hanging_worker)
{
    struct json_object *document;

    daemon_under_test.worker_hangs = true;
    document = ask("{\"command\":\"status\"}");
    cr_assert_str_eq(json_object_get_string(json_object_object_get(document, "unanswered")),
                     "the worker does not answer");
    cr_assert_eq(json_object_array_length(json_object_object_get(document, "servers")), 0);
    cr_assert_str_eq(json_object_get_string(json_object_object_get(document, "mode")), "auto");
    json_object_put(document);
    assert_error("{\"command\":\"stats\"}", EXIT_FAILED, "does not answer");
    assert_error("{\"command\":\"flows\"}", EXIT_FAILED, "does not answer");
    assert_error("{\"command\":\"mode\",\"setting\":\"auto\"}", EXIT_FAILED, "does not answer");
    assert_error("{\"command\":\"mode\",\"setting\":\"auto\",\"server\":\"1.1.1.1\"}", EXIT_FAILED,
                 "does not answer");
}

Test(control_commands, rehearse)
{
    const struct server_key key = fake_key("10.77.0.2", 22, 0);
    const struct server_policy policy = {
        .armed = true, .opening = OPENING_CHECK, .protocols = UINT64_C(1) << PROTOCOL_SSH};
    const struct ip_addr client = fake_key("198.51.100.7", 0, 0).addr;
    const struct rehearsed_request request = {.client = &client,
                                              .bytes = (const uint8_t *)"GET / HTTP/1.1\r\n\r\n",
                                              .length = 18,
                                              .accepted = true,
                                              .wall_s = 1};

    assert_answer("{\"command\": \"rehearse\", \"for_s\": 600}",
                  "\"for_s\":600,\"rehearsal\":[],\"passed_over\":0}");
    rehearsal_take(daemon_under_test.rehearsal, &key, &policy, &request);
    assert_answer(
        "{\"command\": \"rehearse\", \"server\": \"10.77.0.2:22\"}",
        "\"for_s\":86400,\"rehearsal\":[{\"server\":\"10.77.0.2\",\"port\":22,\"vlan\":[],"
        "\"requests\":0,\"refused\":0,\"refused_accepted\":0,\"reasons\":[]}],"
        "\"passed_over\":0}");
    assert_answer("{\"command\": \"rehearse\", \"server\": \"10.77.0.3\"}",
                  "\"for_s\":86400,\"rehearsal\":[],\"passed_over\":0}");
    assert_error("{\"command\": \"rehearse\", \"server\": \"x\"}", 2, "x");
}

Test(control_commands, sources)
{
    assert_answer("{\"command\": \"sources\"}", "\"sources\":[],\"lists\":[]}");
    assert_answer("{\"command\": \"sources\", \"action\": \"add\", \"source\": \"10.1.2.3/24\", "
                  "\"for_s\": 60}",
                  "\"sources\":[{\"address\":\"10.1.2.0\",\"length\":24,\"state\":\"aside\",\"by\":"
                  "\"operator\","
                  "\"mismatches\":0,\"matches\":0,\"since\":\"2026-01-01T00:00:00Z\","
                  "\"until\":\"2026-01-01T00:01:00Z\",\"mac\":null,\"vlan\":[]}],\"lists\":[]}");
    assert_answer("{\"command\": \"sources\", \"action\": \"remove\", \"source\": \"10.1.2.0/24\"}",
                  "\"sources\":[],\"lists\":[]}");
    assert_answer(
        "{\"command\": \"sources\", \"action\": \"allow\", \"source\": \"fd77::1\"}",
        "\"sources\":[{\"address\":\"fd77::1\",\"length\":128,\"state\":\"allowed\",\"by\":"
        "\"operator\","
        "\"mismatches\":0,\"matches\":0,\"since\":\"2026-01-01T00:00:00Z\",\"until\":null,"
        "\"mac\":null,\"vlan\":[]}],\"lists\":[]}");
    assert_error("{\"command\": \"sources\", \"action\": \"remove\", \"source\": \"10.1.2.0/24\"}",
                 3, "nothing is known of 10.1.2.0/24");
    assert_error("{\"command\": \"sources\", \"action\": \"add\"}", 2, "\"source\"");
    assert_error("{\"command\": \"sources\", \"action\": \"add\", \"source\": \"nowhere\"}", 2,
                 "not a source");
    assert_error("{\"command\": \"sources\", \"action\": \"ban\", \"source\": \"10.1.2.3\"}", 2,
                 "no action");
    assert_error("{\"command\": \"sources\", \"action\": 7}", 2, "\"action\"");
    assert_error(
        "{\"command\": \"sources\", \"action\": \"add\", \"source\": \"10.1.2.3\", \"for_s\": 0}",
        2, "for_s");
    assert_error("{\"command\": \"sources\", \"action\": \"add\", \"source\": \"10.1.2.3\", "
                 "\"for_s\": \"1\"}",
                 2, "for_s");
}

/* Nothing of it is half done: the first server takes it no more than the second. */
Test(control_commands, set_what_the_file_says)
{
    struct store *store = daemon_under_test.store;
    const struct server_key key = fake_key("10.77.0.2", 110, 0);
    struct settings_for all = {.addr = key.addr};
    const char *file = "\"configured\":{\"open_per_second\":\"80\",\"trigger.silent\":\"off\"}";
    char server[SERVER_TEXT_BYTES], request[200];
    struct json_object *document;

    cr_assert(store_add(store, &key));
    all.said.value.open_per_second = 80;
    all.said.value.triggers.limit[TRIGGER_SILENT] = TRIGGER_OFF;
    all.said.line[setting_index("open_per_second")] = 12;
    all.said.line[setting_index("trigger.silent")] = 13;
    cr_assert(store_configure(store, &all, 1));
    server_to_text(&key.addr, key.port, server);
    snprintf(request, sizeof(request),
             "{\"command\":\"set\",\"server\":\"%s\",\"key\":\"open_per_second\",\"value\":\"9\"}",
             server);
    assert_error(request, EXIT_FAILED,
                 "open_per_second: fake.conf:12 says 80, which counts: change it there");
    cr_assert_eq(store_at(store, 0)->settings.open_per_second, 0);

    snprintf(request, sizeof(request), "{\"command\":\"profiles\",\"server\":\"%s\"}", server);
    document = ask(request);
    cr_assert(strstr(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN), file), "%s",
              json_object_to_json_string(document));
    json_object_put(document);
}

Test(control_commands, reload)
{
    assert_error("{\"command\":\"reload\"}", EXIT_FAILED, "config: fake.conf:3: mode: not a mode");
}

Test(control_commands, watch)
{
    const char *good = "{\"command\":\"watch\",\"since\":0,\"kinds\":[\"mode\",\"source\"]}";
    const char *bad = "{\"command\":\"watch\",\"kinds\":[\"mood\"]}";

    struct control_stay stay = control_asks_to_stay(good, strlen(good), daemon_under_test.events);

    cr_assert(stay.watches && stay.sample_ms == 0);
    cr_assert_eq(stay.reader.unwanted, ~(1u << EVENT_MODE | 1u << EVENT_SOURCE));
    stay = control_asks_to_stay(bad, strlen(bad), daemon_under_test.events);
    cr_assert(!stay.watches && stay.sample_ms == 0);
    assert_error(bad, EXIT_USAGE, "no kind of event \"mood\": known are mode, setting,");
    assert_error("{\"command\":\"watch\",\"since\":-1}", EXIT_USAGE, "not the number of an event");
    assert_error("{\"command\":\"watch\",\"kinds\":\"mode\"}", EXIT_USAGE, "no array of names");
}

Test(control_commands, lists_of_sources)
{
    const char *import = "{\"command\":\"sources\",\"action\":\"import\",\"name\":\"drop\",";
    char request[200];

    snprintf(request, sizeof(request), "%s\"from\":0,\"prefixes\":\"192.0.2.0/24\"}", import);
    assert_answer(request, "\"name\":\"drop\",\"prefixes\":1}");
    snprintf(request, sizeof(request), "%s\"from\":1,\"prefixes\":\"192.0.3.7\",\"last\":true}",
             import);
    assert_answer(request, "\"name\":\"drop\",\"prefixes\":2}");
    assert_error(request, EXIT_FAILED, "another list was begun meanwhile");
    snprintf(request, sizeof(request), "%s\"from\":-1,\"prefixes\":\"\"}", import);
    assert_error(request, EXIT_USAGE, "not a number of prefixes");
    snprintf(request, sizeof(request), "%s\"from\":0}", import);
    assert_error(request, EXIT_USAGE, "no string \"prefixes\"");
    cr_assert_eq(daemon_under_test.imports.count, 1);
    cr_assert_eq(daemon_under_test.imports.lists[0].prefixes, 2);
}

Test(control_commands, stats_of_a_server)
{
    struct json_object *document = ask("{\"command\":\"stats\",\"server\":\"10.77.0.2:110\"}");
    struct json_object *servers = json_object_object_get(document, "servers"), *figures;

    cr_assert_eq(json_object_array_length(servers), 1u);
    figures = json_object_object_get(json_object_array_get_idx(servers, 0), "figures");
    cr_assert_eq(json_object_get_int(json_object_object_get(figures, "syns")), 7);
    json_object_put(document);
    assert_error("{\"command\":\"stats\",\"server\":\"10.77.0.9\"}", 3, "no server 10.77.0.9");
    assert_error("{\"command\":\"stats\",\"server\":5}", 2, "not a string");
}

Test(control_commands, samples_of_few_at_once)
{
    struct control_question asked =
        question("{\"command\":\"sample\",\"changes\":true,\"at_once\":1}");
    size_t bytes = 0;
    char *text;

    asked.lines = (struct server_lines){.last_ms = 1000, .turn = 7};
    text = control_answer(&daemon_under_test, asked, &bytes);
    cr_expect(memmem(text, bytes, "\"turn\":7,\"turns\":10", 19), "%.*s", (int)bytes, text);
    free(text);
    assert_error("{\"command\":\"sample\",\"changes\":true,\"at_once\":0}", 2,
                 "\"at_once\" is not a number of 1 to 100000");
    assert_error("{\"command\":\"sample\",\"changes\":true,\"at_once\":100001}", 2, "at_once");
    assert_error("{\"command\":\"sample\",\"changes\":true,\"at_once\":\"9\"}", 2, "at_once");
}

/* Each command, with what makes it change something. */
Test(control_commands, who_may_only_look_changes_nothing)
{
    static const struct {
        const char *request;
        bool looks;
    } requests[] = {
        {"{\"command\":\"status\"}", true},
        {"{\"command\":\"profiles\"}", true},
        {"{\"command\":\"export\"}", true},
        {"{\"command\":\"flows\"}", true},
        {"{\"command\":\"stats\"}", true},
        {"{\"command\":\"sources\"}", true},
        {"{\"command\":\"sample\"}", true},
        {"{\"command\":\"mode\"}", true},
        {"{\"command\":\"mode\",\"setting\":\"attack\"}", false},
        {"{\"command\":\"mode\",\"setting\":null}", false},
        {"{\"command\":\"sources\",\"action\":\"add\",\"source\":\"10.0.0.1\"}", false},
        {"{\"command\":\"learn\",\"learning\":false}", false},
        {"{\"command\":\"forget\",\"server\":\"10.77.0.2:110\"}", false},
        {"{\"command\":\"set\",\"server\":\"10.77.0.2:110\",\"key\":\"check\",\"value\":\"none\"}",
         false},
        {"{\"command\":\"import\",\"name\":\"a\",\"contents\":\"{}\"}", false},
        {"{\"command\":\"sources\",\"action\":\"import\",\"name\":\"drop\",\"from\":0,"
         "\"prefixes\":\"192.0.2.0/24\",\"last\":true}",
         false},
        {"{\"command\":\"reload\"}", false},
        {"{\"command\":\"rehearse\"}", true},
        {"{\"command\":\"watch\",\"since\":0,\"kinds\":[\"mode\"]}", true},
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct control_question asked = question(requests[i].request);
        size_t bytes = 0;
        char *text;

        asked.view = true;
        text = control_answer(&daemon_under_test, asked, &bytes);
        cr_expect_eq(memmem(text, bytes, "\"error\"", 7) == NULL, requests[i].looks, "%s: %.*s",
                     requests[i].request, (int)bytes, text);
        cr_expect(requests[i].looks || memmem(text, bytes, "one can only look", 17), "%s: %.*s",
                  requests[i].request, (int)bytes, text);
        free(text);
    }
    cr_expect_eq(daemon_under_test.mode_changes, 0u);
    cr_expect_eq(daemon_under_test.store_changes, 0u);
    cr_expect_eq(daemon_under_test.source_count, 0u);
    cr_expect_eq(daemon_under_test.imports.count, 0u);
    cr_expect(daemon_under_test.learning);
}
