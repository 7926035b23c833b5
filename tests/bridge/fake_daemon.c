/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_daemon.c - see fake_daemon.h. */
#include "tests/bridge/fake_daemon.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/sides/when_dead.h"
#include "profiles/learn/rehearsal.h"

struct server_key fake_key(const char *address, uint16_t port, uint16_t vlan)
{
    struct server_key key = {.port = port};

    if (!addr_from_text(address, &key.addr))
        abort();
    key.vlan.id[0] = vlan ? (uint16_t)(vlan | VLAN_PRESENT) : 0;
    return key;
}

static void add_server(struct daemon *daemon, struct server_key key)
{
    struct daemon_server *server = &daemon->servers[daemon->server_count++];

    server->info =
        (struct server_info){.key = key, .mode = MODE_NORMAL, .setting = SETTING_INHERIT};
    server->since_wall_s = 1767225600; /* 2026-01-01T00:00:00Z */
    server->parts = SERVER_PARTS_ALL;
}

static void add_flow(struct daemon *daemon, const char *client, uint16_t port,
                     struct server_key server, bool spliced)
{
    struct flow_info *flow = &daemon->flows[daemon->flow_count++];

    *flow = (struct flow_info){.state = spliced ? "spliced" : "tracked",
                               .spliced = spliced,
                               .delta = 4294967295u,
                               .age_us = 1249999};
    flow->key.client = fake_key(client, port, 0).addr;
    flow->key.client_port = port;
    flow->key.server = server.addr;
    flow->key.server_port = server.port;
    flow->key.vlan = server.vlan;
}

void fake_daemon_init(struct daemon *daemon)
{
    *daemon = (struct daemon){.mode = SETTING_AUTO,
                              .learning = true,
                              .path_hindrance = "",
                              .hook_hindrance = "",
                              .confinement = {.keeper = true},
                              .uptime_us = 12900000,
                              .store = store_new(),
                              .rehearsal = rehearsal_new(false),
                              .events = events_new()};
    add_server(daemon, fake_key("10.77.0.2", 110, 0));
    add_server(daemon, fake_key("fd77::2", 80, 10));
    add_server(daemon, fake_key("fd77::2", 80, 20));
    daemon->servers[1].info.mode = MODE_ATTACK;
    daemon->servers[1].info.cause = TRIGGER_HALF_OPEN;
    daemon->servers[1].info.cause_value = 212;
    add_flow(daemon, "10.77.0.1", 40312, daemon->servers[0].info.key, true);
    add_flow(daemon, "fd77::1", 40313, daemon->servers[1].info.key, false);
    daemon->servers[2].info.dead = "nobody listens";
    daemon->servers[0].info.figures = (struct server_figures){.syns = 7, .half_open = 3};
    daemon->servers[0].info.usual = 5;
    figures_refuse(&daemon->servers[0].info.figures, DROP_mismatch);
    figures_admit(&daemon->servers[0].info.figures, 3);
    for (uint32_t i = 0; i < 3; i++)
        daemon->servers[i].info.half_open_limit = i ? TRIGGER_OFF : 200;
    daemon->counters.frames_client_in = 7;
    daemon->use.openings = (struct table_use){3, 4096};
    daemon->counters.drops[DROP_bad_cookie] = UINT64_MAX;
}

void fake_daemon_close(struct daemon *daemon)
{
    rehearsal_free(daemon->rehearsal);
    store_free(daemon->store);
    events_free(daemon->events);
}

uint64_t daemon_uptime_us(const struct daemon *daemon)
{
    return daemon->uptime_us;
}

enum mode_setting daemon_mode(const struct daemon *daemon)
{
    return daemon->mode;
}

uint64_t daemon_words(const struct daemon *daemon)
{
    return daemon->mode_changes;
}

bool daemon_mode_said(const struct daemon *daemon)
{
    return daemon->mode_changes > 0;
}

bool daemon_keep_source(struct daemon *daemon, const struct source_rule *rule, struct error *error)
{
    if (daemon->source_count == 4)
        return error_set(error, EXIT_FAILED, "no room");
    daemon->sources[daemon->source_count++].rule = *rule;
    return true;
}

bool daemon_learning(const struct daemon *daemon)
{
    return daemon->learning;
}

void daemon_set_learning(struct daemon *daemon, bool on)
{
    daemon->learning = on;
}

const struct cluster_clock *daemon_clock(const struct daemon *daemon)
{
    return &daemon->clock;
}

const struct cluster_peers *daemon_peers(const struct daemon *daemon)
{
    return &daemon->peers;
}

void daemon_told_of_peers(struct daemon *daemon, const struct cluster_peers *said)
{
    cluster_peers_told(&daemon->peers, said, 1);
}

void daemon_hold_attack(struct daemon *daemon, const struct server_key *server,
                        const struct observed_trigger *trigger, uint64_t for_s, const char *node)
{
    (void)trigger;
    (void)for_s;
    (void)node;
    if (daemon->held_count < 4)
        daemon->held[daemon->held_count++] = *server;
}

void daemon_adopt_aside(struct daemon *daemon, const struct source_rule *rule, const char *node)
{
    struct error error = {0};

    (void)node;
    daemon_keep_source(daemon, rule, &error);
}

void daemon_set_returned(struct daemon *daemon, const struct server_key *server, uint32_t returned)
{
    (void)server;
    daemon->returned = returned;
}

bool daemon_set_others(struct daemon *daemon, const struct server_key *server,
                       const struct trigger_others *others)
{
    (void)server;
    daemon->others = *others;
    return !daemon->no_room;
}

void daemon_hears_all(struct daemon *daemon)
{
    daemon->hears_all++;
}

bool daemon_judges_sums(const struct daemon *daemon)
{
    return daemon->hears_all > 0;
}

uint32_t daemon_fired_lately(const struct daemon *daemon, struct server_key *servers, uint32_t max)
{
    servers[0] = daemon->fired;
    return daemon->fired.port && max ? 1 : 0;
}

const struct confinement *daemon_confinement(const struct daemon *daemon)
{
    return &daemon->confinement;
}

const char *daemon_path_hindrance(const struct daemon *daemon)
{
    return daemon->path_hindrance;
}

const char *daemon_hook_hindrance(const struct daemon *daemon)
{
    return daemon->hook_hindrance;
}

const char *daemon_path_no_answers(const struct daemon *daemon)
{
    return daemon->path_no_answers;
}

const char *daemon_path_no_completion(const struct daemon *daemon)
{
    return daemon->path_no_completion;
}

const char *daemon_when_dead(const struct daemon *daemon, const char **why,
                             struct when_dead_use *use)
{
    (void)daemon;
    *why = "it leads from a port: side to another";
    *use = (struct when_dead_use){.times = 2, .passed = 30, .dropped = 4};
    return "limited";
}

void daemon_side_info(const struct daemon *daemon, enum side side, struct daemon_side *out)
{
    static const struct carrier_news there, lost = {CARRIER_LOST, "as asked for"};

    (void)daemon;
    if (side == SIDE_CLIENT)
        *out = (struct daemon_side){.spec = "netns:c/sw0",
                                    .device = "sw0",
                                    .netns = "c",
                                    .mtu = 1500,
                                    .carrier = &there,
                                    .vanishes = true};
    else
        *out = (struct daemon_side){
            .spec = "tap:sw1", .device = "sw1", .netns = NULL, .mtu = 9000, .carrier = &lost};
}

static void *copy(const void *from, size_t bytes)
{
    void *to = malloc(bytes);

    if (!to)
        abort();
    return memcpy(to, from, bytes);
}

bool daemon_servers(struct daemon *daemon, struct daemon_server **servers, uint32_t *count,
                    struct error *error)
{
    if (daemon->worker_hangs)
        return error_set(error, EXIT_FAILED, "the worker does not answer");
    *servers = copy(daemon->servers, sizeof(daemon->servers));
    *count = daemon->server_count;
    return true;
}

/* Since the first line only the first server has changed, by SYNs. */
bool daemon_servers_since(struct daemon *daemon, const struct server_lines *lines, uint32_t at_once,
                          struct daemon_changed *out, struct error *error)
{
    *out = (struct daemon_changed){.whole = lines->last_ms == 0,
                                   .by_turns = daemon->server_count > at_once};
    if (!daemon_servers(daemon, &out->servers, &out->count, error))
        return false;
    if (!out->whole) {
        out->count = 1;
        out->servers->parts = SERVER_PART_BIT(syns);
    }
    return true;
}

bool daemon_counters(struct daemon *daemon, struct counters *out, uint64_t overflow[2],
                     struct error *error)
{
    (void)overflow;
    if (daemon->worker_hangs)
        return error_set(error, EXIT_FAILED, "the worker does not answer");
    *out = daemon->counters;
    return true;
}

bool daemon_use(struct daemon *daemon, struct engine_use *out, struct error *error)
{
    if (daemon->worker_hangs)
        return error_set(error, EXIT_FAILED, "the worker does not answer");
    *out = daemon->use;
    return true;
}

bool daemon_flows(struct daemon *daemon, struct flow_info **flows, uint32_t *count,
                  struct error *error)
{
    if (daemon->worker_hangs)
        return error_set(error, EXIT_FAILED, "the worker does not answer");
    *flows = copy(daemon->flows, sizeof(daemon->flows));
    *count = daemon->flow_count;
    return true;
}

bool daemon_sources(struct daemon *daemon, struct source_info **sources, uint32_t *count,
                    struct error *error)
{
    if (daemon->worker_hangs)
        return error_set(error, EXIT_FAILED, "the worker does not answer");
    *sources = copy(daemon->sources, sizeof(daemon->sources));
    *count = daemon->source_count;
    return true;
}

bool daemon_set_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                       enum source_state state, uint64_t for_s, struct error *error)
{
    if (daemon->source_count == 4)
        return error_set(error, EXIT_FAILED, "no room");
    daemon->sources[daemon->source_count++] =
        (struct source_info){.rule = {.prefix = *prefix,
                                      .length = length,
                                      .state = state,
                                      .by = SOURCE_BY_OPERATOR,
                                      .until_us = for_s * 1000000}};
    return true;
}

bool daemon_forget_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                          bool *known, struct error *error)
{
    (void)error;
    *known = false;
    for (uint32_t i = 0; i < daemon->source_count; i++) {
        const struct source_rule *rule = &daemon->sources[i].rule;

        if (rule->length != length || memcmp(&rule->prefix, prefix, sizeof(*prefix)) != 0)
            continue;
        *known = true;
        daemon->sources[i--] = daemon->sources[--daemon->source_count];
    }
    return true;
}

int64_t daemon_wall_s(const struct daemon *daemon, uint64_t time_us)
{
    (void)daemon;
    return 1767225600 + (int64_t)(time_us / 1000000); /* 2026-01-01T00:00:00Z */
}

bool daemon_set_mode(struct daemon *daemon, const struct server_key *server,
                     enum mode_setting setting, struct error *error)
{
    if (daemon->worker_hangs)
        return error_set(error, EXIT_FAILED, "the worker does not answer");
    daemon->mode_changes++;
    if (!server)
        daemon->mode = setting;
    for (uint32_t i = 0; server && i < daemon->server_count; i++)
        if (server_key_equal(&daemon->servers[i].info.key, server))
            daemon->servers[i].info.setting = setting;
    return true;
}

const struct rehearsal *daemon_rehearsal(const struct daemon *daemon)
{
    return daemon->rehearsal;
}

struct store *daemon_store(struct daemon *daemon)
{
    return daemon->store;
}

void daemon_store_changed(struct daemon *daemon)
{
    daemon->store_changes++;
}

bool daemon_bring_in_force(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    (void)error;
    return true;
}

bool daemon_go_on_compiling(struct daemon *daemon, uint64_t revision)
{
    (void)daemon;
    (void)revision;
    return true;
}

bool daemon_wait_adopted(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    (void)error;
    return true;
}

bool daemon_forget(struct daemon *daemon, const struct server_key *key)
{
    daemon->store_changes++;
    return store_forget(daemon->store, key);
}

bool daemon_forget_for_all(struct daemon *daemon, const struct server_key *key)
{
    if (!daemon_forget(daemon, key))
        return false;
    forgotten_note(&daemon->forgotten, key, 1767225600);
    return true;
}

void daemon_imported(struct daemon *daemon)
{
    forgotten_imported(&daemon->forgotten, daemon->store);
    daemon_store_changed(daemon);
}

const struct forgotten *daemon_forgotten(const struct daemon *daemon)
{
    return &daemon->forgotten;
}

void daemon_forget_older(struct daemon *daemon, const struct server_key *key, int64_t at_s,
                         const char *node)
{
    (void)node;
    daemon->forgotten_elsewhere = *key;
    daemon->forgotten_at_s = at_s;
}

const char *daemon_config_path(const struct daemon *daemon)
{
    (void)daemon;
    return "fake.conf";
}

struct json_object *daemon_reload(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    error_set(error, EXIT_FAILED, "config: fake.conf:3: mode: not a mode");
    return NULL;
}

struct imports *daemon_imports(struct daemon *daemon)
{
    return &daemon->imports;
}

bool daemon_lists_changed(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    (void)error;
    return true;
}
