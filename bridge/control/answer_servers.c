/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_servers.c - the servers and their modes: `status` and `mode`. */
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/cluster/clock.h"
#include "bridge/cluster/peers.h"
#include "bridge/control/answer.h"
#include "bridge/control/request.h"
#include "bridge/daemon.h"
#include "bridge/sides/when_dead.h"
#include "bridge/text/confinement.h"
#include "bridge/text/document.h"
#include "bridge/text/figures_text.h"
#include "bridge/text/mode_text.h"
#include "profiles/store/json_document.h"

static struct json_object *optional_string(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

static struct json_object *side_document(const struct daemon *daemon, enum side side)
{
    struct daemon_side info = {0};
    struct json_object *object = json_object_new_object();

    daemon_side_info(daemon, side, &info);
    json_object_object_add(object, "side", optional_string(info.spec));
    json_object_object_add(object, "device", optional_string(info.device));
    json_object_object_add(object, "netns", optional_string(info.netns));
    json_object_object_add(object, "mtu", json_object_new_int64(info.mtu));
    json_object_object_add(object, "carrier",
                           json_object_new_string(carrier_state_name(info.carrier->state)));
    if (info.carrier->untold[0])
        json_object_object_add(object, "untold", json_object_new_string(info.carrier->untold));
    if (info.hidden_end)
        json_object_object_add(object, "hidden_end", json_object_new_string(info.hidden_end));
    if (info.cut)
        json_object_object_add(object, "cut", json_object_new_string(info.cut));
    return object;
}

static struct json_object *cause_text(const struct server_info *info)
{
    char text[CAUSE_TEXT_BYTES];

    return optional_string(cause_to_text(info->cause, info->cause_value, text));
}

static void add_mode(struct json_object *object, const struct daemon_server *server)
{
    char since[TIME_TEXT_BYTES];

    json_object_object_add(object, "mode", json_object_new_string(mode_name(server->info.mode)));
    json_object_object_add(object, "setting",
                           optional_string(mode_setting_name(server->info.setting)));
    json_object_object_add(object, "since",
                           json_object_new_string(time_to_text(server->since_wall_s, since)));
    json_object_object_add(object, "cause", cause_text(&server->info));
    json_object_object_add(object, "dead", optional_string(server->info.dead));
    if (server->info.no_grants)
        json_object_object_add(object, "no_hook", json_object_new_string(server->info.no_grants));
}

static void add_held(struct json_object *object, const struct server_info *info)
{
    json_object_object_add(object, "held", json_object_new_int64(info->held));
    json_object_object_add(object, "held_mark", json_object_new_int64(info->held_mark));
    json_object_object_add(object, "ended", json_object_new_int64(info->ended));
}

static void add_limits(struct json_object *object, const struct server_info *info)
{
    json_object_object_add(
        object, "half_open_limit",
        info->half_open_limit == TRIGGER_OFF ? NULL : json_object_new_int64(info->half_open_limit));
    json_object_object_add(object, "usual_syns",
                           info->usual ? json_object_new_int64((info->usual + 1) / 2) : NULL);
}

/* Those parts that are to be told. */
static struct json_object *server_document(const struct daemon_server *server)
{
    struct json_object *object = json_object_new_object();

    if (server->parts & SERVER_PART_BIT(NAME))
        document_add_server(object, &server->info.key);
    else
        json_object_object_add(object, "number", json_object_new_int64(server->number));
    if (server->parts & SERVER_PART_BIT(MODE))
        add_mode(object, server);
    if (server->parts & SERVER_PART_BIT(HELD))
        add_held(object, &server->info);
    if (server->parts & SERVER_PART_BIT(LIMITS))
        add_limits(object, &server->info);
    json_object_object_add(object, "figures",
                           figures_document(&server->info.figures, server->parts));
    return object;
}

/* Those that `selector` (NULL: all) names of `servers`, which are freed. */
static struct json_object *array_of(struct daemon_server *servers, uint32_t count,
                                    const struct server_selector *selector)
{
    struct json_object *array = json_object_new_array();

    for (uint32_t i = 0; i < count; i++)
        if (!selector || server_selector_matches(selector, &servers[i].info.key))
            json_object_array_add(array, server_document(&servers[i]));
    free(servers);
    return array;
}

/* "servers" of status and mode: all, or those that `selector` (may be NULL) names. */
static struct json_object *
servers_document(struct daemon *daemon, const struct server_selector *selector, struct error *error)
{
    struct daemon_server *servers = NULL;
    uint32_t count = 0;

    return daemon_servers(daemon, &servers, &count, error) ? array_of(servers, count, selector)
                                                           : NULL;
}

/* What an orderly end and a new start keep of the wire (takeover.h). */
static struct json_object *restart_document(const struct daemon *daemon)
{
    struct json_object *object = json_object_new_object(), *cards = json_object_new_array();

    for (int side = 0; side < 2; side++) {
        struct daemon_side info = {0};

        daemon_side_info(daemon, (enum side)side, &info);
        if (info.vanishes)
            json_object_array_add(cards, optional_string(info.device));
    }
    json_object_object_add(object, "connections", json_object_new_boolean(true));
    json_object_object_add(object, "cards_vanish", cards);
    return object;
}

/* Where it was asked for. "why": null where it is on; "answers_why", "completes_why": null where it
 * answers SYNs, and servers' SYN-ACKs, too, or is off. */
static void add_path(struct json_object *document, const struct daemon *daemon)
{
    const char *hindrance = daemon_path_hindrance(daemon);
    const char *no_answers = hindrance ? NULL : daemon_path_no_answers(daemon);
    const char *no_completion = hindrance ? NULL : daemon_path_no_completion(daemon);
    struct json_object *path;

    if (hindrance && *hindrance == '\0')
        return;
    path = json_object_new_object();
    json_object_object_add(path, "on", json_object_new_boolean(!hindrance));
    json_object_object_add(path, "why", optional_string(hindrance));
    json_object_object_add(path, "answers", json_object_new_boolean(!hindrance && !no_answers));
    json_object_object_add(path, "answers_why", optional_string(no_answers));
    json_object_object_add(path, "completes",
                           json_object_new_boolean(!hindrance && !no_completion));
    json_object_object_add(path, "completes_why", optional_string(no_completion));
    json_object_object_add(document, "kernel_path", path);
}

/* Where it was asked for, or the servers' namespace is known. "why": null where it is on. */
static void add_hook(struct json_object *document, const struct daemon *daemon)
{
    const char *hindrance = daemon_hook_hindrance(daemon);
    struct json_object *hook;

    if (hindrance && *hindrance == '\0')
        return;
    hook = json_object_new_object();
    json_object_object_add(hook, "on", json_object_new_boolean(!hindrance));
    json_object_object_add(hook, "why", optional_string(hindrance));
    json_object_object_add(document, "hook", hook);
}

/* "why": null where it is as asked for. */
static void add_when_dead(struct json_object *document, const struct daemon *daemon)
{
    struct json_object *object = json_object_new_object();
    struct when_dead_use use = {0};
    const char *why = NULL;

    json_object_object_add(object, "setting",
                           json_object_new_string(daemon_when_dead(daemon, &why, &use)));
    json_object_object_add(object, "why", optional_string(why));
    json_object_object_add(object, "times", json_object_new_int64(use.times));
    json_object_object_add(object, "passed", json_object_new_int64((int64_t)use.passed));
    json_object_object_add(object, "dropped", json_object_new_int64((int64_t)use.dropped));
    json_object_object_add(document, "when_dead", object);
}

/* All of it, some of it or nothing. */
static void add_sandbox(struct json_object *document, const struct daemon *daemon)
{
    const struct confinement *confinement = daemon_confinement(daemon);
    struct json_object *object = json_object_new_object();
    const bool off = confinement->setting == SANDBOX_OFF;
    const bool whole = !off && confinement->lack.code == EXIT_DONE;

    json_object_object_add(object, "state",
                           json_object_new_string(off     ? "off"
                                                  : whole ? "on"
                                                          : "partly"));
    json_object_object_add(object, "keeper", json_object_new_boolean(confinement->keeper));
    json_object_object_add(
        object, "why",
        whole ? NULL : json_object_new_string(off ? "as asked for" : confinement->lack.text));
    json_object_object_add(document, "sandbox", object);
}

/* Where there are other bridges. */
static void add_cluster(struct json_object *document, const struct daemon *daemon)
{
    const struct cluster_clock *clock = daemon_clock(daemon);
    const struct cluster_peers *peers = daemon_peers(daemon);
    struct json_object *object;
    int64_t off_ms;

    if (!clock->share.on)
        return;
    off_ms = clock->off_us / 1000;
    object = json_object_new_object();
    json_object_object_add(object, "clock",
                           json_object_new_string(clock->wrong ? "wrong" : "right"));
    json_object_object_add(object, "clock_off_s", json_object_new_double((double)off_ms / 1000));
    json_object_object_add(object, "state", json_object_new_string(peers_state_name(peers->state)));
    json_object_object_add(object, "node",
                           peers->name[0] ? json_object_new_string(peers->name) : NULL);
    json_object_object_add(object, "bridges", json_object_new_int64(peers->bridges));
    json_object_object_add(object, "sums", json_object_new_boolean(daemon_judges_sums(daemon)));
    json_object_object_add(object, "why",
                           peers->why[0] ? json_object_new_string(peers->why) : NULL);
    json_object_object_add(document, "cluster", object);
}

/* With `servers`, which are taken, or why there are none; neither where there is no memory. */
static struct json_object *status_document(const struct daemon *daemon, struct json_object *servers,
                                           const struct error *why)
{
    struct json_object *document, *sides = json_object_new_object();

    json_object_object_add(sides, "client", side_document(daemon, SIDE_CLIENT));
    json_object_object_add(sides, "server", side_document(daemon, SIDE_SERVER));
    document = document_new();
    json_object_object_add(document, "mode",
                           json_object_new_string(mode_setting_name(daemon_mode(daemon))));
    json_object_object_add(document, "learning", json_object_new_boolean(daemon_learning(daemon)));
    json_object_object_add(document, "uptime_s",
                           json_object_new_int64((int64_t)(daemon_uptime_us(daemon) / 1000000)));
    json_object_object_add(document, "sides", sides);
    json_object_object_add(document, "restart", restart_document(daemon));
    add_path(document, daemon);
    add_hook(document, daemon);
    add_when_dead(document, daemon);
    add_sandbox(document, daemon);
    add_cluster(document, daemon);
    json_object_object_add(document, "unanswered",
                           optional_string(servers || !why ? NULL : why->text));
    json_object_object_add(document, "servers", servers ? servers : json_object_new_array());
    return document;
}

/* Where a worker is stuck the rest is what somebody wants to know. */
struct json_object *answer_status(struct daemon *daemon, struct json_object *request,
                                  struct error *error)
{
    struct error why = {0};
    struct json_object *servers = servers_document(daemon, NULL, &why);

    (void)request;
    (void)error;
    return status_document(daemon, servers, &why);
}

struct json_object *answer_server_stats(struct daemon *daemon, struct json_object *request,
                                        struct error *error)
{
    struct server_selector selector;
    struct json_object *document, *servers;
    bool given;

    servers = request_server(request, &selector, &given, error)
                  ? servers_document(daemon, &selector, error)
                  : NULL;
    if (servers && json_object_array_length(servers) == 0) {
        json_object_put(servers);
        servers = NULL;
        server_selector_unknown(&selector, "server", "status", error);
    }
    if (!servers)
        return NULL;
    document = document_new();
    json_object_object_add(document, "servers", servers);
    return document;
}

/* How often; 0 and `error`: the request says it wrongly. */
static uint32_t every_ms(struct json_object *request, struct error *error)
{
    struct json_object *value = json_object_object_get(request, "every_ms");
    const int64_t number = value ? json_object_get_int64(value) : SAMPLE_DEFAULT_MS;

    if ((!value || json_object_is_type(value, json_type_int)) && number >= SAMPLE_LEAST_MS &&
        number <= SAMPLE_MOST_MS)
        return (uint32_t)number;
    error_set(error, EXIT_USAGE, "\"every_ms\" is not a number of %d to %d", SAMPLE_LEAST_MS,
              SAMPLE_MOST_MS);
    return 0;
}

static struct json_object *lost_document(struct daemon *daemon, struct error *error)
{
    struct json_object *object;
    struct counters counters = {0};

    if (!daemon_counters(daemon, &counters, NULL, error))
        return NULL;
    object = json_object_new_object();
    json_object_object_add(object, "tap_overflow",
                           json_object_new_uint64(counters.frames_tap_overflow));
    json_object_object_add(object, "refused", json_object_new_uint64(counters.frames_refused));
    json_object_object_add(object, "no_room", json_object_new_uint64(counters.drops[DROP_no_room]));
    return object;
}

/* "changes": only servers that have changed since the line before, where none has come or gone. */
static bool changes_only(struct json_object *request, bool *only, struct error *error)
{
    struct json_object *value = json_object_object_get(request, "changes");

    *only = json_object_get_boolean(value);
    return !value || json_object_is_type(value, json_type_boolean) ||
           error_set(error, EXIT_USAGE, "\"changes\" is not a boolean");
}

/* "at_once": so many of those, the others by turns. */
static bool how_many_at_once(struct json_object *request, uint32_t *at_once, struct error *error)
{
    struct json_object *value = json_object_object_get(request, "at_once");
    const int64_t number = json_object_get_int64(value);

    *at_once = value ? (uint32_t)number : UINT32_MAX;
    return !value ||
           (json_object_is_type(value, json_type_int) && number >= 1 &&
            number <= SAMPLE_AT_ONCE_MOST) ||
           error_set(error, EXIT_USAGE, "\"at_once\" is not a number of 1 to %d",
                     SAMPLE_AT_ONCE_MOST);
}

static struct json_object *changed_document(struct daemon *daemon, struct json_object *request,
                                            const struct server_lines *lines, struct error *error)
{
    struct daemon_changed changed;
    struct json_object *document;
    uint32_t at_once;

    if (!how_many_at_once(request, &at_once, error) ||
        !daemon_servers_since(daemon, lines, at_once, &changed, error))
        return NULL;
    document = status_document(daemon, array_of(changed.servers, changed.count, NULL), NULL);
    json_object_object_add(document, "whole", json_object_new_boolean(changed.whole));
    if (changed.by_turns && !changed.whole) {
        json_object_object_add(document, "turn", json_object_new_int64(lines->turn));
        json_object_object_add(document, "turns", json_object_new_int64(SERVER_TURNS));
    }
    return document;
}

struct json_object *answer_sample_after(struct daemon *daemon, struct json_object *request,
                                        const struct control_question *question,
                                        struct error *error)
{
    struct json_object *lost, *document;
    bool only;

    if (!every_ms(request, error) || !changes_only(request, &only, error))
        return NULL;
    lost = lost_document(daemon, error);
    document = !lost  ? NULL
               : only ? changed_document(daemon, request, &question->lines, error)
                      : answer_status(daemon, request, error);
    if (!document) {
        json_object_put(lost);
        return NULL;
    }
    json_object_object_add(document, "sequence",
                           json_object_new_int64((int64_t)question->sequence));
    json_object_object_add(document, "time_ms",
                           json_object_new_int64((int64_t)(clock_wall_us() / 1000)));
    json_object_object_add(document, "lost", lost);
    return document;
}

struct json_object *answer_sample(struct daemon *daemon, struct json_object *request,
                                  struct error *error)
{
    const struct control_question first = {0};

    return answer_sample_after(daemon, request, &first, error);
}

uint32_t sample_every_ms(struct json_object *request)
{
    struct error error = {0};

    return every_ms(request, &error);
}

/* Every server that is meant, seen on the wire or only known from a profile, gets its own setting.
 */
static bool set_mode_of(struct daemon *daemon, const struct server_selector *selector,
                        enum mode_setting setting, struct error *error)
{
    struct key_list list = {0};
    bool done = key_list_add_servers(&list, daemon, selector, error) &&
                key_list_add_profiles(&list, daemon, selector, error);

    if (done && list.count == 0)
        done = server_selector_unknown(selector, "server", "status", error);
    for (size_t i = 0; done && i < list.count; i++)
        done = daemon_set_mode(daemon, &list.keys[i], setting, error);
    free(list.keys);
    return done;
}

/* "default" gives a server back to the setting for all. */
static bool requested_setting(const char *text, bool for_server, enum mode_setting *setting,
                              struct error *error)
{
    if (strcmp(text, "default") != 0)
        return mode_setting_parse(text, setting, error);
    *setting = SETTING_INHERIT;
    return for_server ||
           error_set(error, EXIT_USAGE, "mode default: needs a server: write auto for all");
}

static bool apply_mode(struct daemon *daemon, struct json_object *request,
                       const struct server_selector *selector, struct error *error)
{
    const char *text = document_string(request, "setting");
    enum mode_setting setting;

    if (!json_object_object_get(request, "setting"))
        return true;
    if (!text)
        return error_set(error, EXIT_USAGE, "\"setting\" is not a string");
    if (!requested_setting(text, selector, &setting, error))
        return false;
    return selector ? set_mode_of(daemon, selector, setting, error)
                    : daemon_set_mode(daemon, NULL, setting, error);
}

struct json_object *answer_mode(struct daemon *daemon, struct json_object *request,
                                struct error *error)
{
    struct server_selector selector;
    struct json_object *document, *servers;
    bool given, query = !json_object_object_get(request, "setting");

    if (!request_server(request, &selector, &given, error) ||
        !apply_mode(daemon, request, given ? &selector : NULL, error))
        return NULL;
    servers = servers_document(daemon, given ? &selector : NULL, error);
    if (!servers)
        return NULL;
    if (query && given && json_object_array_length(servers) == 0) {
        json_object_put(servers);
        server_selector_unknown(&selector, "server", "status", error);
        return NULL;
    }
    document = document_new();
    json_object_object_add(document, "mode",
                           json_object_new_string(mode_setting_name(daemon_mode(daemon))));
    json_object_object_add(document, "servers", servers);
    return document;
}
