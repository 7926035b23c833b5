/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_profile_json.c - what is written is what doc/profile-format.md says, and what is read is
 * what was written. */
#include <criterion/criterion.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/store/profile_json.h"
#include "profiles/model/settings.h"
#include "tests/profiles/observations.h"

static const char *text_of(struct json_object *json)
{
    return json_object_to_json_string_ext(json,
                                          JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void round_trip(const struct profile *profile)
{
    struct json_object *first = profile_to_json(profile);
    struct json_object *parsed = json_tokener_parse(text_of(first));
    struct profile read;
    struct json_fault fault = {0};
    cr_assert(profile_from_json(parsed, &read, &fault), "%s: %s", fault.path, fault.reason);
    struct json_object *second = profile_to_json(&read);
    cr_assert_str_eq(text_of(first), text_of(second));
    json_object_put(first);
    json_object_put(parsed);
    json_object_put(second);
}

static struct profile *learned(struct store *store, const char *greeting, const char *request,
                               const char *answer, uint64_t flows)
{
    struct learner *learner = learner_new(store);
    char numbered[128];
    for (uint64_t id = 1; id <= flows; id++) {
        snprintf(numbered, sizeof(numbered), request, (int)id);
        talk_whole(learner, id, greeting, numbered, answer);
    }
    learner_free(learner);
    return store_at(store, 0);
}

Test(profile_json, learned_profile_is_written_as_designed)
{
    struct store *store = store_new();
    struct profile *profile = learned(store, "+OK ready\r\n", "USER u%d\r\n", "+OK\r\n", 12);
    struct json_object *json = profile_to_json(profile);
    json_object_object_del(json, "state");
    cr_assert_str_eq(
        text_of(json),
        "{ \"server\": \"10.77.0.2\", \"port\": 110, \"vlan\": [ ], \"tcp\": { \"mss\": 1460, "
        "\"window\": "
        "65160, "
        "\"window_scale\": 7, \"sack\": true, \"timestamps\": true, \"ecn\": null, \"ttl\": 64, "
        "\"df\": "
        "true, "
        "\"ip_id\": \"zero\", \"variants\": [ { \"offered\": [ \"mss\", \"sack\", \"timestamps\", "
        "\"window_scale\" ], "
        "\"ecn\": false, \"options\": [ \"mss\", \"sack\", \"timestamps\", \"nop\", "
        "\"window_scale\" ], "
        "\"window\": 65160, \"seen\": 12 } ] }, \"application\": { \"protocol\": \"pop3\", "
        "\"speaks_first\": "
        "\"server\", "
        "\"greeting\": { \"text\": \"+OK ready\\r\\n\", \"hex\": \"2b4f4b2072656164790d0a\", "
        "\"kind\": "
        "\"stable\" }, "
        "\"request\": { \"check\": \"protocol\", \"protocols\": [ \"pop3\" ], \"pattern\": null, "
        "\"keywords\": { } } }, "
        "\"evidence\": { \"handshakes\": 12, \"requests\": 12, \"fidelity\": 1.0, \"armed\": true, "
        "\"first_seen\": \"2026-01-01T00:00:01Z\", \"last_seen\": \"2026-01-01T00:00:12Z\" }, "
        "\"settings\": "
        "{ }, \"program\": null }");
    json_object_put(json);
    round_trip(profile);
    store_free(store);
}

Test(profile_json, every_kind_of_profile_survives)
{
    struct profile empty;
    const struct server_key key = test_server();
    profile_init(&empty, &key);
    round_trip(&empty);

    struct store *http = store_new(), *unknown = store_new(), *one = store_new();
    round_trip(
        learned(http, NULL, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", 70));
    struct profile *binary = learned(unknown, "\xff\xfd\x18", "\x05\x01%d", "\x05\x01", 9);
    cr_assert(profile_set(binary, "check", "none", NULL));
    cr_assert(profile_set(binary, "greeting", "template", NULL));
    cr_assert(profile_set(binary, "request", "begun", NULL));
    cr_assert(profile_set(binary, "signed", "md5", NULL));
    binary->grace = (struct grace){.early = 7, .waited = 3, .gap_us = 800};
    binary->held_peak = 120;
    binary->left_waiting = 5;
    cr_assert(profile_set(binary, "open_per_source", "17", NULL));
    cr_assert(profile_set(binary, "trigger.silent", "off", NULL));
    cr_assert(profile_set(binary, "trigger.half_open", "400", NULL));
    profile_program(binary, "python3");
    binary->key.vlan.id[0] = VLAN_PRESENT | 100;
    binary->key.vlan.id[1] = VLAN_PRESENT | 200;
    binary->fidelity.ring &= ~UINT64_C(4);
    round_trip(binary);
    binary->voices[VOICE_CLIENT] = 1000; /* its greeting is no longer shown, but kept */
    round_trip(binary);
    round_trip(learned(one, "+OK <1@a>\r\n", "USER %d\r\n", "-ERR\r\n", 1));
    store_free(http);
    store_free(unknown);
    store_free(one);
}

/* Of a server that takes requests that look random, alone and beside plain ones; and before that is
 * known. */
Test(profile_json, peak_of_calm_is_there_where_it_is_known)
{
    const struct server_key key = test_server();
    struct profile profile, read;
    struct json_fault fault = {0};
    struct json_object *json;

    profile_init(&profile, &key);
    json = profile_to_json(&profile);
    cr_assert_null(strstr(text_of(json), "held_peak"));
    cr_assert(profile_from_json(json, &read, &fault));
    cr_assert_eq(read.held_peak, 0);
    json_object_put(json);

    profile.held_peak = 120;
    json = profile_to_json(&profile);
    cr_assert_not_null(strstr(text_of(json), "\"held_peak\": 120"));
    cr_assert(profile_from_json(json, &read, &fault));
    cr_assert_eq(read.held_peak, 120);
    json_object_put(json);
}

Test(profile_json, forms_that_look_random_survive)
{
    static const uint8_t hash[EDONKEY_HASH_BYTES] = {1, 2, 3, 14};
    static const struct flights like = {.client_first = 300, .server_first = 400};
    struct profile profile;
    const struct server_key key = test_server();
    profile_init(&profile, &key);
    profile_hidden_accepted(&profile, HIDDEN_BITTORRENT);
    round_trip(&profile);
    struct json_object *json = profile_to_json(&profile);
    cr_assert_not_null(strstr(text_of(json),
                              "\"protocols\": [ \"bittorrent\" ], \"forms\": { \"bittorrent\": [ "
                              "\"encrypted\" ] }"));
    json_object_put(json);
    profile_request_accepted(&profile, PROTOCOL_BITTORRENT, hash, sizeof(hash));
    profile_request_accepted(&profile, PROTOCOL_EDONKEY, hash, sizeof(hash));
    profile_hidden_accepted(&profile, HIDDEN_EDONKEY);
    profile_name_user(&profile, hash);
    round_trip(&profile);
    json = profile_to_json(&profile);
    cr_assert_not_null(strstr(text_of(json),
                              "\"forms\": { \"bittorrent\": [ \"plain\", \"encrypted\" ], "
                              "\"edonkey\": [ \"plain\", \"obfuscated\" ] }"));
    cr_assert_not_null(
        strstr(text_of(json), "\"user_hash\": [ \"0102030e000000000000000000000000\" ]"));
    json_object_put(json);

    profile_init(&profile, &key);
    profile_request_accepted(&profile, PROTOCOL_UNKNOWN, hash, sizeof(hash));
    profile_looks_random(&profile, hash, sizeof(hash), hash, sizeof(hash), &like);
    cr_assert_eq(profile.evidence.like, 1);
    cr_assert_eq(profile.evidence.beginnings_count, 1);
    round_trip(&profile);
}

#define PROFILE(tcp, application, evidence)                                                        \
    "{\"server\": \"10.77.0.2\", \"port\": 110, \"vlan\": [], \"tcp\": {" tcp                      \
    "}, \"application\": {" application "}, \"evidence\": {" evidence "}}"

static bool profile_from_text(const char *text, struct profile *profile, struct json_fault *fault)
{
    struct json_object *json = json_tokener_parse(text);
    cr_assert_not_null(json, "%s", text);
    memset(fault, 0, sizeof(*fault));
    const bool done = profile_from_json(json, profile, fault);
    json_object_put(json);
    return done;
}

Test(profile_json, profile_without_state_is_as_good_as_learned)
{
    struct profile profile;
    struct json_fault fault;
    cr_assert(profile_from_text(
        PROFILE(
            "\"mss\": 1460, \"window\": 65160, \"window_scale\": \"none\", \"sack\": true, "
            "\"ttl\": 64",
            "\"protocol\": \"pop3\", \"speaks_first\": \"server\", \"greeting\": {\"hex\": "
            "\"2b4f4b0d0a\", "
            "\"kind\": \"stable\"}, \"request\": {\"check\": \"pattern\", \"protocols\": "
            "[\"pop3\", "
            "\"unknown\"], "
            "\"pattern\": {\"least_bytes\": 5, \"bytes\": [[0, 85], [2, 69]]}, \"keywords\": {}}",
            "\"handshakes\": 12, \"requests\": 10, \"fidelity\": 1.0, \"armed\": true, "
            "\"first_seen\": \"2026-01-01T00:00:00Z\", \"new field\": [1]"),
        &profile, &fault));
    cr_assert(profile_armed(&profile));
    cr_assert_eq(profile_greeting_kind(&profile), GREETING_STABLE);
    cr_assert_eq(profile.tcp.model.window_scale_state, CAPABILITY_REFUSED);
    cr_assert_eq(profile.tcp.model.timestamps, CAPABILITY_UNKNOWN);
    cr_assert_eq(profile_check(&profile), CHECK_PATTERN);
    cr_assert_eq(profile.first_seen_s, 1767225600);
    round_trip(&profile);
}

Test(profile_json, faults_say_where_and_what)
{
    static const struct {
        const char *text, *path;
    } bad[] = {
        {"{\"port\": 1}", "server"},
        {"{\"server\": \"10.0.0\", \"port\": 1}", "server"},
        {"{\"server\": \"10.0.0.1\"}", "port"},
        {"{\"server\": \"10.0.0.1\", \"port\": 0}", "port"},
        {"{\"server\": \"10.0.0.1\", \"port\": 65536}", "port"},
        {"{\"server\": \"10.0.0.1\", \"port\": -1}", "port"},
        {"{\"server\": \"10.0.0.1\", \"port\": \"80\"}", "port"},
        {"{\"server\": \"10.0.0.1\", \"port\": 1, \"vlan\": [1, 2, 3]}", "vlan"},
        {"{\"server\": \"10.0.0.1\", \"port\": 1, \"vlan\": [4096]}", "vlan.0"},
        {"[]", ""},
        {PROFILE("", "\"request\": {\"forms\": {\"bittorrent\": [\"plain\", \"odd\"]}}", ""),
         "application.request.forms.bittorrent"},
        {PROFILE("", "\"request\": {\"forms\": {\"edonkey\": [1]}}", ""),
         "application.request.forms.edonkey"},
        {PROFILE("\"mss\": \"some\"", "", ""), "tcp.mss"},
        {PROFILE("\"window_scale\": 15", "", ""), "tcp.window_scale"},
        {PROFILE("\"sack\": 1", "", ""), "tcp.sack"},
        {PROFILE("\"ip_id\": \"odd\"", "", ""), "tcp.ip_id"},
        {PROFILE("\"variants\": [{\"offered\": [\"mss\"]}, {\"offered\": [\"mss\"]}]", "", ""),
         "tcp.variants.1.offered"},
        {PROFILE("\"variants\": [{\"offered\": [], \"options\": [\"what\"]}]", "", ""),
         "tcp.variants.0.options"},
        {PROFILE("", "\"protocol\": \"gopher\"", ""), "application.protocol"},
        {PROFILE("", "\"speaks_first\": \"both\"", ""), "application.speaks_first"},
        {PROFILE("", "\"greeting\": {\"hex\": \"2b4\", \"kind\": \"stable\"}", ""),
         "application.greeting.hex"},
        {PROFILE("", "\"greeting\": {\"hex\": \"2b4f\", \"kind\": \"firm\"}", ""),
         "application.greeting.kind"},
        {PROFILE("", "\"request\": {\"check\": \"keywords\"}", ""), "application.request.check"},
        {PROFILE("", "\"request\": {\"pattern\": {\"least_bytes\": 2, \"bytes\": [[2, 1]]}}", ""),
         "application.request.pattern.bytes"},
        {PROFILE("", "", "\"fidelity\": 1.5"), "evidence.fidelity"},
        {PROFILE("", "", "\"first_seen\": \"yesterday\""), "evidence.first_seen"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct profile profile;
        struct json_fault fault;
        cr_assert_not(profile_from_text(bad[i].text, &profile, &fault), "%s", bad[i].text);
        cr_assert_str_eq(fault.path, bad[i].path, "%s: %s", bad[i].text, fault.path);
        cr_assert_neq(fault.reason[0], '\0');
    }
}

static void add_keyword(struct profile *profile, enum keyword_kind kind, const char *name)
{
    cr_assert(keyword_set_add(&profile->keywords, kind, (const uint8_t *)name, strlen(name)));
}

Test(profile_json, keywords_are_written_and_read)
{
    struct profile profile, read;
    struct json_fault fault;
    const struct server_key key = test_server();
    profile_init(&profile, &key);
    add_keyword(&profile, KEYWORD_HOST, "b.example");
    add_keyword(&profile, KEYWORD_INFO_HASH,
                "\x01\xff\x02\x03\x04\x05\x06\x07\x08\x09"
                "ABCDEFGHIJ");
    add_keyword(&profile, KEYWORD_HOST, "");
    add_keyword(&profile, KEYWORD_HOST, "b.example");
    cr_assert(profile_set(&profile, "check", "keyword", NULL));
    round_trip(&profile);

    struct json_object *json = profile_to_json(&profile);
    struct json_object *application = json_object_object_get(json, "application"),
                       *request = json_object_object_get(application, "request"),
                       *state = json_object_object_get(json, "state");
    cr_assert_str_eq(text_of(json_object_object_get(request, "keywords")),
                     "{ \"host\": [ \"b.example\", \"\" ], "
                     "\"info_hash\": [ \"01ff02030405060708094142434445464748494a\" ] }");
    cr_assert_str_eq(text_of(json_object_object_get(state, "keywords")),
                     "{ \"host\": [ 2, 1 ], \"info_hash\": [ 1 ] }");
    cr_assert(profile_from_text(text_of(json), &read, &fault));
    cr_assert_eq(read.keywords.count, 3);
    cr_assert_eq(read.keywords.text_bytes, 29);
    json_object_put(json);
}

Test(profile_json, keywords_written_by_hand)
{
    struct profile profile;
    struct json_fault fault;
    cr_assert(profile_from_text(
        PROFILE("",
                "\"request\": {\"check\": \"keyword\", \"keywords\": {\"host\": "
                "[\"WWW.Example\", \"www.example\", \"b\"], \"colour\": [\"red\"]}}",
                ""),
        &profile, &fault));
    cr_assert_eq(profile_check(&profile), CHECK_KEYWORD);
    cr_assert_eq(profile.keywords.count, 2);
    cr_assert_eq(profile.keywords.text_bytes, 12);
    cr_assert_arr_eq(profile.keywords.text, "www.example", 11);
    cr_assert_eq(profile.keywords.entries[0].seen, KEYWORD_SEEN_RESTORED);
    cr_assert_eq(profile.keywords.entries[1].seen, KEYWORD_SEEN_RESTORED);
}

#define KEYWORDS(text) PROFILE("", "\"request\": {\"keywords\": {" text "}}", "")

Test(profile_json, faults_in_keywords)
{
    static const struct {
        const char *text, *path;
    } bad[] = {
        {PROFILE("", "\"request\": {\"keywords\": []}", ""), "application.request.keywords"},
        {KEYWORDS("\"host\": \"a\""), "application.request.keywords.host"},
        {KEYWORDS("\"host\": [\"a\", 1]"), "application.request.keywords.host.1"},
        {KEYWORDS("\"host\": [null]"), "application.request.keywords.host.0"},
        {KEYWORDS("\"sni\": [\"a b\"]"), "application.request.keywords.sni.0"},
        {KEYWORDS("\"sni\": [\"\\u0000\"]"), "application.request.keywords.sni.0"},
        {KEYWORDS("\"sni\": [\"\\u00fc\"]"), "application.request.keywords.sni.0"},
        {KEYWORDS("\"info_hash\": [\"0102\"]"), "application.request.keywords.info_hash.0"},
        {KEYWORDS("\"info_hash\": [\"xx\"]"), "application.request.keywords.info_hash.0"},
        {KEYWORDS("\"user_hash\": [\"00\", \"\"]"), "application.request.keywords.user_hash.0"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct profile profile;
        struct json_fault fault;
        cr_assert_not(profile_from_text(bad[i].text, &profile, &fault), "%s", bad[i].text);
        cr_assert_str_eq(fault.path, bad[i].path, "%s: %s", bad[i].text, fault.path);
        cr_assert_neq(fault.reason[0], '\0');
    }
}

Test(profile_json, too_many_keywords)
{
    char text[8192] =
        "{\"server\": \"10.0.0.1\", \"port\": 1, \"application\": {\"request\": {\"keywords\": "
        "{\"alpn\": [\"p0\"";
    struct profile profile;
    struct json_fault fault;
    for (int i = 1; i <= 16; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), ", \"p%d\"", i);
    strcat(text, "]}}}}");
    cr_assert_not(profile_from_text(text, &profile, &fault));
    cr_assert_str_eq(fault.path, "application.request.keywords.alpn.16");
}

/* --- shapes ---------------------------------------------------------------------------------- */

/* What is known of a service of lines, and of one whose messages say how long they are. */
Test(profile_json, a_shape_is_read_as_it_was_written)
{
    for (int kind = 0; kind < 2; kind++) {
        const struct server_key key = test_server();
        struct profile profile;
        struct pattern pattern;

        profile_init(&profile, &key);
        for (int i = 0; i < 200; i++) {
            char request[64];
            const int length =
                snprintf(request, sizeof(request), "a%.*s %d\n", i % 9, "xxxxxxxxx", i);

            if (kind == 1)
                request[0] = (char)length;
            profile_request_accepted(&profile, PROTOCOL_UNKNOWN, (const uint8_t *)request,
                                     (size_t)length);
        }
        cr_assert(pattern_model_get(&profile.pattern, &pattern));
        cr_assert(kind == 1 ? pattern.lengths > 0 : pattern.line_bytes_max > 0);
        cr_assert(pattern_model_proved(&profile.pattern));
        round_trip(&profile);
    }
}
