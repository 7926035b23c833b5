/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_cluster.c - `cluster`: what `synward sync` says of the other bridges, and hears of this
 * one.
 *
 * It says who lives, which servers are attacked at others, whom others have put aside, what
 * operators said there, and what the others count. It hears which triggers fired here, whom this
 * bridge has judged, what the operator said of sources and modes, whether a profile may have
 * changed, and what is counted here.
 */
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/cluster/clock.h"
#include "bridge/cluster/forgotten.h"
#include "bridge/cluster/peers.h"
#include "bridge/control/answer.h"
#include "bridge/control/request.h"
#include "bridge/daemon.h"
#include "bridge/imports/imports.h"
#include "bridge/text/document.h"
#include "bridge/text/mode_text.h"
#include "bridge/text/server_text.h"

/* In one question; more come with the next. */
#define TAKEN_MOST   4096u /* of each kind */
#define ATTACKS_MOST 4096u
#define ASIDES_MOST  256u
#define COUNTS_MOST  100u
#define FIGURES_MOST 200u
#define FIGURES_PART 8u /* of a bridge's part of the limit: less than that is not told */
#define FIGURE_MOST  (1 << 30)
#define HOLD_MOST_S  60
#define ASIDE_MOST_S 86400
#define RULE_MOST_S  SOURCE_FOR_MAX_S

static const char *const rule_states[] = {[SOURCE_CLEAR] = "clear",
                                          [SOURCE_LIMITED] = "limited",
                                          [SOURCE_ASIDE] = "aside",
                                          [SOURCE_ALLOWED] = "allowed",
                                          [SOURCE_PROXY] = "proxy"};

static bool get_number(struct json_object *object, const char *key, int64_t most, int64_t *out)
{
    struct json_object *value = json_object_object_get(object, key);

    *out = json_object_get_int64(value);
    return json_object_is_type(value, json_type_int) && *out >= 0 && *out <= most;
}

static bool get_vlan(struct json_object *object, struct vlan_ids *vlan)
{
    struct json_object *array = json_object_object_get(object, "vlan");
    const size_t count =
        json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 3;

    *vlan = (struct vlan_ids){0};
    if (count > 2)
        return false;
    for (size_t i = 0; i < count; i++) {
        const int64_t id = json_object_get_int64(json_object_array_get_idx(array, i));

        if (id < 1 || id > 4094)
            return false;
        vlan->id[i] = (uint16_t)(VLAN_PRESENT | id);
    }
    return true;
}

static bool get_server(struct json_object *object, struct server_key *key)
{
    const char *address = document_string(object, "server");
    struct server_selector selector;
    struct error error = {0};
    int64_t port;

    *key = (struct server_key){0};
    if (!address || !server_selector_parse(address, &selector, &error) || selector.port != 0 ||
        !get_number(object, "port", UINT16_MAX, &port) || port == 0 ||
        !get_vlan(object, &key->vlan))
        return false;
    key->addr = selector.addr;
    key->port = (uint16_t)port;
    return document_read_transport(object, key);
}

/* --- what it says ---------------------------------------------------------------------------- */

static bool take_attack(struct daemon *daemon, struct json_object *object)
{
    struct observed_trigger trigger = {0};
    struct server_key server;
    int64_t cause, value, for_s;
    const char *node = document_string(object, "node");

    if (!get_server(object, &server) || !node ||
        !get_number(object, "cause", TRIGGER_CAUSES - 1, &cause) ||
        !get_number(object, "value", UINT32_MAX, &value) ||
        !get_number(object, "for_s", HOLD_MOST_S, &for_s))
        return false;
    trigger.cause = (enum trigger_cause)cause;
    trigger.value = (uint32_t)value;
    daemon_hold_attack(daemon, &server, &trigger, (uint64_t)for_s, node);
    return true;
}

static bool take_aside(struct daemon *daemon, struct json_object *object)
{
    struct source_rule rule = {.state = SOURCE_ASIDE, .by = SOURCE_BY_CLUSTER};
    const char *source = document_string(object, "source"), *node = document_string(object, "node");
    struct error why = {0};
    int64_t for_s, strikes;

    if (!source || !node || !prefix_parse(source, &rule.prefix, &rule.length, &why) ||
        !get_number(object, "for_s", ASIDE_MOST_S, &for_s))
        return false;
    if (get_number(object, "strikes", SOURCE_STRIKES_MAX, &strikes))
        rule.strikes = (uint8_t)strikes;
    rule.until_us = clock_now_us() + (uint64_t)for_s * SECOND_US;
    daemon_adopt_aside(daemon, &rule, node);
    return true;
}

/* The operator's word at another bridge. */
static bool take_rule(struct daemon *daemon, struct json_object *object)
{
    const char *source = document_string(object, "source"),
               *state = document_string(object, "state");
    struct source_rule rule = {.by = SOURCE_BY_OPERATOR};
    struct error why = {0};
    int64_t for_s;
    bool known;

    for (enum source_state one = SOURCE_CLEAR; state && one <= SOURCE_PROXY; one++)
        if (one != SOURCE_LIMITED && strcmp(state, rule_states[one]) == 0)
            rule.state = one;
    if (!source || !state || !prefix_parse(source, &rule.prefix, &rule.length, &why) ||
        strcmp(state, rule_states[rule.state]) != 0 ||
        !get_number(object, "for_s", RULE_MOST_S, &for_s))
        return false;
    rule.until_us = for_s ? clock_now_us() + (uint64_t)for_s * SECOND_US : 0;
    if (rule.state == SOURCE_CLEAR)
        return daemon_forget_source(daemon, &rule.prefix, rule.length, &known, &why);
    return daemon_keep_source(daemon, &rule, &why);
}

/* The same of modes; without a server it is the one for all. */
static bool take_setting(struct daemon *daemon, struct json_object *object)
{
    const bool for_all = !json_object_object_get(object, "server");
    const char *text = document_string(object, "setting");
    enum mode_setting setting = SETTING_INHERIT;
    struct server_key server;
    struct error why = {0};

    if (!text || (!for_all && !get_server(object, &server)) ||
        (!(strcmp(text, "default") == 0 && !for_all) && !mode_setting_parse(text, &setting, &why)))
        return false;
    return daemon_set_mode(daemon, for_all ? NULL : &server, setting, &why);
}

/* A profile that the operator had forgotten at another bridge. */
static bool take_forgotten(struct daemon *daemon, struct json_object *object)
{
    const char *node = document_string(object, "node");
    struct server_key server;
    int64_t at_s;

    if (!get_server(object, &server) || !node || !get_number(object, "at_s", INT64_MAX, &at_s))
        return false;
    daemon_forget_older(daemon, &server, at_s, node);
    return true;
}

/* Cookies of ours that came back elsewhere. */
static bool take_returned(struct daemon *daemon, struct json_object *object)
{
    struct server_key server;
    int64_t count;

    if (!get_server(object, &server) || !get_number(object, "count", UINT32_MAX, &count))
        return false;
    daemon_set_returned(daemon, &server, (uint32_t)count);
    return true;
}

/* What the other bridges have counted together. */
static bool take_figure(struct daemon *daemon, struct json_object *object)
{
    struct trigger_others others;
    struct server_key server;
    int64_t half_open, silent, handshakes;

    if (!get_server(object, &server) || !get_number(object, "half_open", FIGURE_MOST, &half_open) ||
        !get_number(object, "silent", FIGURE_MOST, &silent) ||
        !get_number(object, "handshakes", FIGURE_MOST, &handshakes) || handshakes < silent)
        return false;
    others = (struct trigger_others){(uint32_t)half_open, (uint32_t)silent, (uint32_t)handshakes};
    return daemon_set_others(daemon, &server, &others);
}

/* False: it is not as it must be, or there is no room for it now. */
typedef bool taker(struct daemon *daemon, struct json_object *object);

static const struct {
    const char *key;
    taker *take;
} kinds[] = {{"attacks", take_attack},   {"asides", take_aside},        {"rules", take_rule},
             {"settings", take_setting}, {"forgotten", take_forgotten}, {"returned", take_returned},
             {"figures", take_figure}};

/* The places in the array of those that are not taken; NULL: all of them are. */
static struct json_object *take_kind(struct daemon *daemon, struct json_object *array, taker *take)
{
    struct json_object *refused = NULL;

    for (size_t i = 0; i < json_object_array_length(array); i++) {
        if (i < TAKEN_MOST && take(daemon, json_object_array_get_idx(array, i)))
            continue;
        if (!refused)
            refused = json_object_new_array();
        json_object_array_add(refused, json_object_new_int64((int64_t)i));
    }
    return refused;
}

/* One that is wrong (of a newer version, say) takes nothing from the others. */
static struct json_object *take_all(struct daemon *daemon, struct json_object *request)
{
    struct json_object *document = json_object_new_object();

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct json_object *array = json_object_object_get(request, kinds[i].key);
        struct json_object *refused = json_object_is_type(array, json_type_array)
                                          ? take_kind(daemon, array, kinds[i].take)
                                          : NULL;

        if (refused)
            json_object_object_add(document, kinds[i].key, refused);
    }
    return document;
}

/* Where one of them is not taken its server would count for less than it does: each acts at its
 * part, until all are. */
static void note_figures(struct daemon *daemon, struct json_object *request,
                         struct json_object *refused)
{
    if (json_object_is_type(json_object_object_get(request, "figures"), json_type_array) &&
        !json_object_object_get(refused, "figures"))
        daemon_hears_all(daemon);
}

static bool take_state(struct json_object *request, struct cluster_peers *said, struct error *error)
{
    const char *state = document_string(request, "state"), *why = document_string(request, "why"),
               *name = document_string(request, "node");
    int64_t bridges;

    *said = (struct cluster_peers){0};
    for (enum peers_state one = PEERS_JOINED; state && one <= PEERS_REFUSED; one++)
        if (strcmp(state, peers_state_name(one)) == 0)
            said->state = one;
    if (said->state == PEERS_UNKNOWN || !name ||
        !get_number(request, "bridges", PEERS_MOST, &bridges) || bridges == 0)
        return error_set(error, EXIT_USAGE, "\"state\" is not as it must be");
    said->bridges = (uint32_t)bridges;
    snprintf(said->name, sizeof(said->name), "%s", name);
    snprintf(said->why, sizeof(said->why), "%s", why ? why : "");
    return true;
}

/* Whose profiles are theirs alone to teach. */
static void take_teachers(struct daemon *daemon, struct json_object *request)
{
    struct json_object *array = json_object_object_get(request, "teachers");
    uint64_t ids[PEERS_MOST];
    size_t count = 0;

    if (!json_object_is_type(array, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(array) && count < PEERS_MOST; i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(array, i));

        if (name)
            ids[count++] = peers_id(name);
    }
    store_set_teachers(daemon_store(daemon), ids, count);
}

/* --- what it hears --------------------------------------------------------------------------- */

static struct json_object *server_object(const struct server_key *key)
{
    struct json_object *object = json_object_new_object();

    document_add_server(object, key);
    return object;
}

static bool fired(const struct server_key *keys, uint32_t count, const struct server_key *key)
{
    for (uint32_t i = 0; i < count; i++)
        if (server_key_equal(&keys[i], key))
            return true;
    return false;
}

static struct json_object *attack_object(const struct server_info *info)
{
    struct json_object *object = server_object(&info->key);

    json_object_object_add(object, "cause", json_object_new_int((int)info->cause));
    json_object_object_add(object, "value", json_object_new_int64(info->cause_value));
    return object;
}

static struct json_object *count_object(const struct server_info *info)
{
    struct json_object *object = server_object(&info->key);

    json_object_object_add(object, "sent", json_object_new_uint64(info->figures.cookies_sent));
    json_object_object_add(object, "foreign", json_object_new_uint64(info->foreign));
    return object;
}

/* All that is left out counts together less than an eighth of the limit. */
static bool is_figure(const struct server_info *info, uint32_t bridges)
{
    const struct trigger_others *counted = &info->counted;
    const uint64_t times = (uint64_t)FIGURES_PART * bridges;

    return !server_key_is_udp(&info->key) && (counted->half_open * times > info->half_open_limit ||
                                              counted->silent * times > info->silent_limit ||
                                              counted->handshakes > info->silent_limit);
}

static struct json_object *figure_object(const struct server_info *info)
{
    struct json_object *object = server_object(&info->key);

    json_object_object_add(object, "half_open", json_object_new_int64(info->counted.half_open));
    json_object_object_add(object, "silent", json_object_new_int64(info->counted.silent));
    json_object_object_add(object, "handshakes", json_object_new_int64(info->counted.handshakes));
    return object;
}

/* Where there are too many they are no use to others: each acts at its part. */
static void add_figures(const struct daemon *daemon, struct json_object *document,
                        const struct daemon_server *servers, uint32_t count)
{
    struct json_object *figures = json_object_new_object(), *array = json_object_new_array();
    const uint32_t bridges = daemon_peers(daemon)->bridges;
    uint32_t all = 0;

    for (uint32_t i = 0; i < count; i++)
        if (is_figure(&servers[i].info, bridges) && ++all <= FIGURES_MOST)
            json_object_array_add(array, figure_object(&servers[i].info));
    json_object_object_add(figures, "whole", json_object_new_boolean(all <= FIGURES_MOST));
    json_object_object_add(figures, "servers", array);
    json_object_object_add(document, "figures", figures);
}

static struct json_object *setting_object(const struct server_info *info)
{
    struct json_object *object = server_object(&info->key);

    json_object_object_add(object, "setting",
                           json_object_new_string(mode_setting_name(info->setting)));
    return object;
}

/* The modes that the operator set, for all and for single servers. */
static void add_settings(const struct daemon *daemon, struct json_object *document,
                         const struct daemon_server *servers, uint32_t count)
{
    struct json_object *array = json_object_new_array(), *for_all;

    if (daemon_mode_said(daemon)) {
        for_all = json_object_new_object();
        json_object_object_add(for_all, "setting",
                               json_object_new_string(mode_setting_name(daemon_mode(daemon))));
        json_object_array_add(array, for_all);
    }
    for (uint32_t i = 0; i < count; i++)
        if (servers[i].info.setting != SETTING_INHERIT)
            json_object_array_add(array, setting_object(&servers[i].info));
    json_object_object_add(document, "settings", array);
}

/* Servers that are protected; those of them for which a trigger fired here; and what was counted.
 */
static bool add_attacks(struct daemon *daemon, struct json_object *document, struct error *error)
{
    struct server_key *keys = calloc(ATTACKS_MOST, sizeof(*keys));
    struct json_object *attacks = json_object_new_array(), *counts = json_object_new_array();
    const uint32_t lately = keys ? daemon_fired_lately(daemon, keys, ATTACKS_MOST) : 0;
    struct daemon_server *servers = NULL;
    uint32_t count = 0;
    const bool done = daemon_servers(daemon, &servers, &count, error);

    for (uint32_t i = 0; done && i < count; i++) {
        const struct server_info *info = &servers[i].info;

        if (info->mode != MODE_ATTACK)
            continue;
        if (fired(keys, lately, &info->key))
            json_object_array_add(attacks, attack_object(info));
        if (json_object_array_length(counts) < COUNTS_MOST)
            json_object_array_add(counts, count_object(info));
    }
    json_object_object_add(document, "attacks", attacks);
    json_object_object_add(document, "counts", counts);
    if (done) {
        add_settings(daemon, document, servers, count);
        add_figures(daemon, document, servers, count);
    }
    free(servers);
    free(keys);
    return done;
}

static void add_source(struct daemon *daemon, struct json_object *array,
                       const struct source_rule *rule)
{
    struct json_object *object = json_object_new_object();
    char address[ADDR_TEXT_BYTES], text[ADDR_TEXT_BYTES + 8];

    snprintf(text, sizeof(text), "%s/%u", addr_to_text(&rule->prefix, address), rule->length);
    json_object_object_add(object, "source", json_object_new_string(text));
    if (rule->until_us)
        json_object_object_add(object, "until_s",
                               json_object_new_int64(daemon_wall_s(daemon, rule->until_us)));
    json_object_object_add(object, "state", json_object_new_string(rule_states[rule->state]));
    if (rule->by == SOURCE_BY_JUDGEMENT)
        json_object_object_add(object, "strikes", json_object_new_int(rule->strikes));
    json_object_array_add(array, object);
}

/* Whom this bridge has judged, and what the operator said here. Judgements come in turns, `from`
 * one on. */
static bool add_asides(struct daemon *daemon, struct json_object *document, uint64_t from,
                       struct error *error)
{
    uint64_t judged = 0;
    struct json_object *array = json_object_new_array(), *rules = json_object_new_array();
    struct source_info *sources = NULL;
    uint32_t count = 0;
    const bool done = daemon_sources(daemon, &sources, &count, error);

    for (uint32_t i = 0; i < count; i++) {
        const struct source_rule *rule = &sources[i].rule;

        if (rule->by == SOURCE_BY_OPERATOR)
            add_source(daemon, rules, rule);
        else if (rule->by == SOURCE_BY_JUDGEMENT && rule->state == SOURCE_ASIDE &&
                 judged++ >= from && judged <= from + ASIDES_MOST)
            add_source(daemon, array, rule);
    }
    free(sources);
    json_object_object_add(document, "asides", array);
    json_object_object_add(
        document, "asides_next",
        json_object_new_uint64(judged > from + ASIDES_MOST ? from + ASIDES_MOST : 0));
    /* A list that is not whole would say that the operator has taken rules away. */
    if (done)
        json_object_object_add(document, "rules", rules);
    else
        json_object_put(rules);
    return done;
}

/* Lists that the operator has imported; their prefixes are another question. */
static void add_lists(struct daemon *daemon, struct json_object *document)
{
    struct imports *imports = daemon_imports(daemon);
    struct json_object *array = json_object_new_array();

    for (uint32_t i = 0; imports && i < imports->count; i++) {
        struct json_object *object = json_object_new_object();
        char digest[IMPORT_DIGEST_BYTES];

        import_digest(&imports->lists[i], digest);
        json_object_object_add(object, "name", json_object_new_string(imports->lists[i].name));
        json_object_object_add(object, "digest", json_object_new_string(digest));
        json_object_array_add(array, object);
    }
    json_object_object_add(document, "lists", array);
}

/* Profiles that the operator had forgotten here. */
static void add_forgotten(const struct daemon *daemon, struct json_object *document)
{
    const struct forgotten *forgotten = daemon_forgotten(daemon);
    struct json_object *array = json_object_new_array();

    for (uint32_t i = 0; i < forgotten->count; i++) {
        struct json_object *object = server_object(&forgotten->of[i].server);

        json_object_object_add(object, "at_s", json_object_new_int64(forgotten->of[i].at_s));
        json_object_array_add(array, object);
    }
    json_object_object_add(document, "forgotten", array);
}

static void add_clock(const struct daemon *daemon, struct json_object *document)
{
    const struct cluster_clock *clock = daemon_clock(daemon);

    json_object_object_add(
        document, "clock_ms",
        json_object_new_int64((int64_t)(cluster_clock_us(clock, clock_now_us()) / 1000)));
}

struct json_object *answer_cluster(struct daemon *daemon, struct json_object *request,
                                   struct error *error)
{
    const uint64_t from = json_object_get_uint64(json_object_object_get(request, "asides_from"));
    struct cluster_peers said;
    struct json_object *document, *refused;

    if (!daemon_clock(daemon)->share.on) {
        error_set(error, EXIT_FAILED, "this daemon is alone: start it with --cluster-key FILE");
        return NULL;
    }
    if (!take_state(request, &said, error))
        return NULL;
    take_teachers(daemon, request);
    daemon_told_of_peers(daemon, &said);
    refused = take_all(daemon, request);
    note_figures(daemon, request, refused);
    document = document_new();
    json_object_object_add(document, "refused", refused);
    add_clock(daemon, document);
    add_lists(daemon, document);
    add_forgotten(daemon, document);
    json_object_object_add(document, "up_s",
                           json_object_new_int64((int64_t)(daemon_uptime_us(daemon) / SECOND_US)));
    json_object_object_add(document, "revision",
                           json_object_new_uint64(store_revision(daemon_store(daemon))));
    if (add_attacks(daemon, document, error) && add_asides(daemon, document, from, error))
        return document;
    json_object_put(document);
    return NULL;
}
