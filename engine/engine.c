/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.c - one shard: memory, time, and what is told and asked of it from outside. The way of a
 * frame is dispatch.c's.
 */
#include "engine/engine.h"

#include <string.h>

#include "engine/shard/connection.h"
#include "engine/shard/observe.h"
#include "engine/shard/shard.h"
#include "engine/stages/again.h"
#include "engine/stages/answering.h"
#include "engine/stages/telling.h"
#include "engine/stages/carry.h"
#include "engine/stages/granting.h"
#include "engine/stages/half_open.h"
#include "engine/stages/held.h"
#include "engine/stages/kept.h"
#include "engine/stages/opening_due.h"
#include "engine/stages/udp.h"
#include "engine/stages/unseen.h"

/* SYN-ACKs to be repeated get a quarter of the greetings' slots: a flood overwrites them anyway. */
#define SYNACKS_SHARE 4
/* Cookies that drew a greeting lately get a part of what requests served lately have. */
#define GREETED_SHARE 16
/* Things done by one engine_tick(): each may put one or two segments into the outbox */
#define TICK_WORK       16
#define SERVERS_LOOK_US (3600ull * 1000 * 1000) /* between two looks for servers that are over */
#define SERVERS_AT_ONCE 512

/* --- memory ---------------------------------------------------------------------------------- */

void engine_config_defaults(struct engine_config *config)
{
    memset(config, 0, sizeof(*config));
    config->flows_max = 262144;
    config->openings_max = 1024;
    config->greeted_max = 65536;
    config->slots_max = 16384;
    config->servers_max = SERVERS_MOST;
    config->sources_max = 16384;
    config->observations_max = 256;
    config->served_max = 1024 * 1024;
    config->held_least = HELD_LEAST;
    config->shards = 1;
}

static uint32_t share(uint32_t whole, uint32_t shards, uint32_t least)
{
    return whole / shards > least ? whole / shards : least;
}

/* The same where it must be a power of two, as `whole` and `least` are. */
static uint32_t share_power(uint32_t whole, uint32_t shards, uint32_t least)
{
    while (shards > 1 && whole > least) {
        whole >>= 1;
        shards = (shards + 1) / 2;
    }
    return whole;
}

void engine_config_share(struct engine_config *config, uint32_t shards)
{
    config->shards = shards;
    config->flows_max = share(config->flows_max, shards, 1024);
    config->openings_max = share(config->openings_max, shards, 64);
    config->slots_max = share(config->slots_max, shards, 256);
    config->greeted_max = share_power(config->greeted_max, shards, 256);
    config->served_max = share_power(config->served_max, shards, 4096);
}

/* Walks over the memory: with a base it hands out pieces, without one it only adds up. */
struct layout {
    uint8_t *base;
    size_t used;
};

static void *place(struct layout *layout, size_t bytes)
{
    void *at = layout->base ? layout->base + layout->used : NULL;

    layout->used += align64(bytes);
    return at;
}

/* The pieces, in the order in which they lie. */
struct pieces {
    void *engine, *outbox, *observations, *limits, *sources, *greetings, *synacks;
    void *stray, *asked, *proofs, *served, *greeted, *udp, *held_sources;
    void *held_queues, *held_watch, *rolled;
    void *servers, *slots, *openings, *carried, *answering, *telling, *told, *flows;
};

static size_t lay_out(const struct engine_config *config, uint8_t *base, struct pieces *pieces)
{
    struct layout layout = {base, 0};

    pieces->engine = place(&layout, sizeof(struct engine));
    pieces->outbox = place(&layout, OUTBOX_BYTES);
    pieces->observations = place(&layout, config->observations_max * sizeof(struct observation));
    pieces->limits = place(&layout, config->sources_max * sizeof(struct source_bucket));
    pieces->sources = place(&layout, source_table_bytes(config->sources_max));
    pieces->greetings = place(&layout, resend_ring_bytes(config->greeted_max));
    pieces->synacks = place(&layout, resend_ring_bytes(config->greeted_max / SYNACKS_SHARE));
    pieces->stray = place(&layout, TAGS_STRAY * sizeof(struct tag));
    pieces->asked = place(&layout, config->answers.records ? 0 : TAGS_ASKED * sizeof(struct tag));
    pieces->proofs = place(&layout, PROOFS * sizeof(struct proof_slot));
    pieces->served =
        place(&layout, config->answers.records ? 0 : config->served_max * sizeof(uint32_t));
    pieces->greeted = place(&layout, config->served_max / GREETED_SHARE * sizeof(uint32_t));
    pieces->udp = place(&layout, udp_bytes());
    pieces->servers = place(&layout, config->servers_max * sizeof(struct server));
    pieces->held_sources = place(&layout, sizeof(struct held_sources));
    pieces->held_queues = place(&layout, HELD_CLASSES * sizeof(struct held_queue));
    pieces->held_watch = place(&layout, sizeof(struct held_watch));
    pieces->rolled = config->share.has_before ? place(&layout, rolled_keys_bytes()) : NULL;
    pieces->slots = place(&layout, slot_pool_bytes(config->slots_max, config->servers_max));
    pieces->openings = place(&layout, opening_pool_bytes(config->openings_max));
    pieces->carried = config->records ? place(&layout, sizeof(struct carried)) : NULL;
    pieces->answering = config->answers.records ? place(&layout, sizeof(struct answering)) : NULL;
    pieces->telling = config->tells.hub ? place(&layout, sizeof(struct telling)) : NULL;
    pieces->told =
        config->tells.hub ? place(&layout, config->servers_max * sizeof(struct told_server)) : NULL;
    pieces->flows = place(&layout, flow_table_bytes(config->flows_max));
    return layout.used;
}

size_t engine_bytes(const struct engine_config *config)
{
    struct pieces pieces;

    return lay_out(config, NULL, &pieces);
}

/*
 * Tables that a flood fills at random places are touched now, so that resident memory does not move
 * under attack. Pools that are used from one end (flows, openings, slots), servers, and who holds
 * connections at them, grow with honest use only.
 */
static void touch(const struct pieces *pieces)
{
    uint8_t *from = pieces->observations, *to = pieces->servers;

    memset(from, 0, (size_t)(to - from));
}

/* What it shares with programs in the kernel, as far as there are any. */
static void init_kernel_path(struct engine *engine, const struct pieces *pieces,
                             const struct engine_config *config)
{
    if (pieces->carried) {
        engine->flows.carried = pieces->carried;
        engine->flows.carried->records = config->records;
    }
    if (pieces->answering) {
        engine->answering = pieces->answering;
        engine->answering->records = config->answers.records;
        engine->flows.known = config->answers.known;
    }
    if (pieces->telling) {
        engine->telling = pieces->telling;
        engine->telling->share = config->tells;
        engine->telling->servers = pieces->told;
    }
}

/* Of servers that nothing is known of. */
static void init_promises(struct engine *engine)
{
    for (int family = 0; family < 2; family++) {
        engine->default_promise[family].generation = DEFAULT_PROMISE_GENERATION;
        synack_default_model(family == 0, &engine->default_promise[family].synack);
    }
}

struct engine *engine_init(void *memory, const struct engine_config *config, uint64_t now_us)
{
    const uint64_t *seed = config->table_seed;
    struct pieces pieces;
    struct engine *engine;

    lay_out(config, memory, &pieces);
    touch(&pieces);
    engine = pieces.engine;
    memset(engine, 0, sizeof(*engine));
    engine->config = *config;
    engine->now_us = engine->began_us = now_us;
    if (config->share.on)
        engine->config.share.early_us = COOKIE_SKEW_US;
    if (config->share.has_before)
        engine->rolled = rolled_keys_init(pieces.rolled);
    engine->servers_look_us = now_us + SERVERS_LOOK_US;
    engine->outbox.memory = pieces.outbox;
    engine->outbox.capacity = OUTBOX_BYTES;
    engine->observations.slots = pieces.observations;
    engine->observations.capacity = config->observations_max;
    server_table_init(&engine->servers, pieces.servers, config->servers_max, seed);
    engine->servers.triggers = config->triggers;
    engine->servers.shards = config->shards ? config->shards : 1;
    engine->servers.unknown = config->unknown;
    source_limiter_init(&engine->limits, pieces.limits, config->sources_max, seed);
    source_table_init(&engine->sources, pieces.sources, config->sources_max, engine->servers.shards,
                      seed);
    engine->greetings = resend_ring_init(pieces.greetings, config->greeted_max, seed);
    engine->synacks = resend_ring_init(pieces.synacks, config->greeted_max / SYNACKS_SHARE, seed);
    tag_table_init(&engine->stray, pieces.stray, TAGS_STRAY, 30000);
    tag_table_init(&engine->asked, config->answers.records ? config->answers.asked : pieces.asked,
                   TAGS_ASKED, RATE_WINDOW_US / 1000);
    engine->proofs = (struct proof_table){pieces.proofs, PROOFS - 1};
    served_init(&engine->served, config->answers.records ? config->answers.served : pieces.served,
                config->served_max);
    served_init(&engine->greeted, pieces.greeted, config->served_max / GREETED_SHARE);
    engine->udp = udp_init(pieces.udp, seed);
    engine->held = (struct held){
        .sources = pieces.held_sources,
        .queues = pieces.held_queues,
        .watch = pieces.held_watch,
        .answers_us = UINT64_MAX,
        .picked_up_next = FLOW_NONE,
    };
    slot_pool_init(&engine->slots, pieces.slots, config->slots_max, config->servers_max, seed,
                   now_us);
    synack_cache_forget(&engine->answers);
    opening_pool_init(&engine->openings, pieces.openings, config->openings_max, now_us);
    flow_table_init(&engine->flows, pieces.flows, config->flows_max, seed, &engine->counters);
    engine->flows.joined = config->joined;
    engine->flows.log = config->log;
    engine->flows.log_rows = config->log_rows;
    init_kernel_path(engine, &pieces, config);
    init_promises(engine);
    return engine;
}

/* --- time ------------------------------------------------------------------------------------ */

/* An end that vanished says nothing; the other one's own timers end its half (RFC 9293 3.8.3), and
 * ours this entry. */
static bool expire_flow(struct engine *engine, uint64_t now_us)
{
    bool more;
    struct flow *flow = flow_expired(&engine->flows, now_us, TICK_WORK, &more);

    if (!flow)
        return more;
    if (flow->state != FLOW_CLOSING) {
        engine->counters.flows_expired++;
        engine_flow_close(engine, flow, END_EXPIRED, now_us);
    }
    engine_flow_free(engine, flow);
    return true;
}

/* Goes through all servers once in SERVERS_LOOK_US, some of them at once; true while there are
 * others. Nobody is woken for it: where nothing comes, nobody wants a slot. */
static bool expire_servers(struct engine *engine, uint64_t now_us)
{
    struct server_table *servers = &engine->servers;

    if (now_us < engine->servers_look_us)
        return false;
    for (uint32_t i = 0; i < SERVERS_AT_ONCE && engine->servers_looked < servers->capacity; i++) {
        const uint32_t slot = engine->servers_looked++;

        if (!server_slot_used(servers, slot) || !server_is_over(&servers->slots[slot], now_us))
            continue;
        engine_server_forget(engine, &servers->slots[slot]);
    }
    if (engine->servers_looked < servers->capacity)
        return true;
    server_table_tidy(servers);
    engine->servers_looked = 0;
    engine->servers_look_us = now_us + SERVERS_LOOK_US;
    return false;
}

bool engine_tick(struct engine *engine, uint64_t now_us)
{
    bool more = true;

    engine->now_us = now_us;
    for (int work = 0; work < TICK_WORK && more; work++)
        more = opening_tick(engine, now_us) || kept_tick(engine, now_us) ||
               held_tick(engine, now_us) || say_again(engine, now_us) ||
               half_open_tick(engine, now_us) || expire_flow(engine, now_us) ||
               expire_servers(engine, now_us);
    /* Even if there is more: under a flood that may not end while it lasts. */
    if (engine->answering)
        answering_tick(engine, now_us);
    if (engine->telling)
        telling_tick(engine, now_us);
    return more;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t engine_next_deadline(const struct engine *engine)
{
    uint64_t next = timer_wheel_next(&engine->openings.wheel);

    next = earlier(next, resend_next(engine->greetings));
    next = earlier(next, resend_next(engine->synacks));
    next = earlier(next, timer_wheel_next(&engine->slots.wheel));
    next = earlier(next, half_open_next(engine, engine->now_us));
    next = earlier(next, held_next(engine));
    if (engine->answering)
        next = earlier(next, answering_next(engine->answering));
    return earlier(next, flow_next_expiry(&engine->flows, engine->now_us));
}

/* --- from outside ---------------------------------------------------------------------------- */

struct outbox *engine_outbox(struct engine *engine)
{
    return &engine->outbox;
}

struct observation_queue *engine_observations(struct engine *engine)
{
    return &engine->observations;
}

struct counters *engine_counters(struct engine *engine)
{
    return &engine->counters;
}

struct carried *engine_carried(struct engine *engine)
{
    return engine->flows.carried;
}

struct answering *engine_answering(struct engine *engine)
{
    return engine->answering;
}

struct telling *engine_telling(struct engine *engine)
{
    return engine->telling;
}

bool engine_settle_is_due(struct engine *engine)
{
    return carry_is_due(engine);
}

void engine_settle(struct engine *engine)
{
    carry_settle(engine);
}

void engine_begin_answers(struct engine *engine, uint64_t now_us)
{
    if (engine->answering)
        answering_tick(engine, now_us);
}

bool engine_look_for_ends(struct engine *engine, uint32_t *cursor, uint64_t now_us)
{
    return unseen_look(engine, cursor, now_us);
}

void engine_adopt_policy(struct engine *engine, const struct policy *policy, uint64_t now_us)
{
    engine->policy = policy;
    synack_cache_forget(&engine->answers);
    if (engine->answering)
        engine->answering->renew = true;
    server_table_adopt(&engine->servers, policy, now_us);
}

void engine_set_setting(struct engine *engine, const struct server_key *server,
                        enum mode_setting setting, uint64_t now_us)
{
    struct server *one = server ? server_add(&engine->servers, server, now_us) : NULL;

    if (!server || one)
        server_set_setting(&engine->servers, one, setting, now_us);
}

void engine_set_mode(struct engine *engine, const struct server_key *server, enum mode mode,
                     enum trigger_cause cause, uint32_t value, uint64_t now_us)
{
    struct server *one = server_add(&engine->servers, server, now_us);

    if (one && server_setting(&engine->servers, one) == SETTING_AUTO)
        server_set_mode(one, mode, cause, value, now_us);
    if (one && mode == MODE_ATTACK)
        server_told(one);
}

void engine_set_answered(struct engine *engine, const struct server_key *server, uint64_t now_us)
{
    struct server *one = engine_server_new(engine, server, now_us);

    if (one)
        server_answered(one, now_us);
}

void engine_set_proved(struct engine *engine, const struct server_key *server,
                       const struct ip_addr *client, uint64_t now_us)
{
    udp_set_proved(engine, server, client, now_us);
}

void engine_set_accept_queue(struct engine *engine, const struct server_key *server, uint32_t used,
                             uint32_t limit, uint64_t now_us)
{
    struct server *one = server_find(&engine->servers, server);

    if (!one)
        return;
    trigger_accept_queue(&one->counts, used, limit, now_us);
    engine_check_triggers(engine, one, now_us);
}

void engine_set_listening(struct engine *engine, const struct server_key *server, bool listening,
                          uint64_t now_us)
{
    server_set_listening(&engine->servers, server, listening, now_us);
}

void engine_listening_fresh(struct engine *engine, uint64_t now_us)
{
    engine->servers.listening_us = now_us != 0 ? now_us : 1;
}

void engine_configure(struct engine *engine, const struct trigger_limits *triggers,
                      enum unknown_servers unknown)
{
    engine->config.triggers = *triggers;
    engine->config.unknown = unknown;
    server_table_configure(&engine->servers, triggers, unknown);
}

bool engine_set_source(struct engine *engine, const struct source_rule *rule, uint64_t now_us)
{
    return source_set(&engine->sources, rule, now_us);
}

void engine_set_source_lists(struct engine *engine, const struct source_lists *lists)
{
    source_set_lists(&engine->sources, lists);
}

bool engine_has_source_lists(const struct engine *engine)
{
    return engine->sources.lists;
}

bool engine_forget_source(struct engine *engine, const struct ip_addr *prefix, uint8_t length)
{
    return source_forget(&engine->sources, prefix, length);
}

uint32_t engine_sources(const struct engine *engine, struct source_info *out, uint32_t max,
                        uint64_t now_us)
{
    return source_list(&engine->sources, out, max, now_us);
}

uint32_t engine_sources_changes(const struct engine *engine)
{
    return engine->sources.changes;
}

void engine_use(const struct engine *engine, struct engine_use *out)
{
    const struct counters *counters = &engine->counters;
    const struct opening_pool *pool = &engine->openings;

    *out = (struct engine_use){
        .flows = {(uint32_t)(counters->flows_tracked + counters->flows_pending +
                             counters->flows_spliced + counters->flows_kept),
                  engine->flows.capacity},
        .openings = {pool->openings_touched - pool->free_openings_count, pool->openings_max},
        .holds = {pool->holds_touched - pool->free_holds_count, pool->holds_max},
        .assemblies = {engine->slots.count, engine->config.slots_max},
        .greetings = {resend_count(engine->greetings), engine->config.greeted_max},
        .synacks = {resend_count(engine->synacks), engine->config.greeted_max / SYNACKS_SHARE},
        .servers = {engine->servers.count, engine->config.servers_max},
        .rules = {engine->sources.rules_count, SOURCE_RULES_MAX},
    };
}

uint32_t engine_servers(const struct engine *engine, struct server_info *out, uint32_t max,
                        uint64_t now_us)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < engine->servers.capacity; slot++) {
        const struct server *server = &engine->servers.slots[slot];

        if (!server_slot_used(&engine->servers, slot))
            continue;
        if (count < max) {
            out[count] = (struct server_info){
                .key = server->key,
                .mode = server->mode,
                .setting = server->setting,
                .since_us = server->since_us,
                .cause = server->cause,
                .cause_value = server->cause_value,
                .dead = server_dead(&engine->servers, server, now_us),
                .held = server->held,
                .held_mark = held_mark(engine, server),
                .held_peak = server->held_peak,
                .ended = server->slow_ended,
                .figures = server->figures,
                .half_open_limit = server_limit(&engine->servers, server, TRIGGER_HALF_OPEN),
                .silent_limit = server_limit(&engine->servers, server, TRIGGER_SILENT),
                .counted = server_counted(server, now_us),
                .usual = trigger_usual(&server->counts),
                .foreign = server->foreign,
                .no_grants = granting_hindrance(engine, server, now_us),
            };
            out[count].figures.half_open = out[count].counted.half_open;
            if (engine->config.record_figures)
                figures_carried(&out[count].figures, &engine->config.record_figures[slot]);
        }
        count++;
    }
    return count;
}

void engine_set_returned(struct engine *engine, const struct server_key *server, uint32_t returned,
                         uint64_t now_us)
{
    struct server *one = server_find(&engine->servers, server);

    if (one)
        trigger_returned(&one->counts, returned, now_us);
}

void engine_set_others(struct engine *engine, const struct server_key *server,
                       const struct trigger_others *others, uint64_t now_us)
{
    struct server *one = server_find(&engine->servers, server);

    if (!one)
        return;
    trigger_others_told(&one->counts, others, now_us);
    engine_check_triggers(engine, one, now_us);
}

void engine_hears_all(struct engine *engine, uint64_t now_us)
{
    engine->servers.sums_us = now_us;
}

void engine_set_bridges(struct engine *engine, uint32_t bridges)
{
    engine->servers.bridges = bridges ? bridges : 1;
}

void engine_steer(struct engine *engine, uint64_t ahead_us, uint64_t now_us)
{
    cookie_share_steer(&engine->config.share, ahead_us, now_us);
}

uint32_t engine_flows(const struct engine *engine, struct flow_info *out, uint32_t max,
                      uint64_t now_us)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < engine->flows.unused; index++) {
        const struct flow *flow = &engine->flows.flows[index];

        if (flow->state == FLOW_FREE)
            continue;
        if (count < max)
            out[count] = (struct flow_info){
                .key = flow->key,
                .state = flow_state_name((enum flow_state)flow->state),
                .spliced = flow->flags & FLOW_EDIT,
                .delta = flow->flags & FLOW_EDIT ? flow->delta : 0,
                .age_us = (uint64_t)(flow_clock(now_us) - flow_cold(&engine->flows, flow)->born)
                          << 16,
            };
        count++;
    }
    return count;
}
