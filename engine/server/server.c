/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server.c - see server.h.
 *
 * A server is looked for from the slot that its key hashes to on, up to the first slot that was
 * never used, at most SERVER_PROBES_MAX slots: what has no room there is not in the table, so that
 * a full table costs no walk over all of it for each frame. Slots that were given back count as
 * never used once no search goes past them (server_table_tidy()).
 *
 *                 trigger under AUTO, operator, another shard
 *      NORMAL  ------------------------------------------------>  ATTACK
 *              <------------------------------------------------
 *                 operator, main thread after 30 s of quiet
 */
#include "engine/server/server.h"

#include <string.h>

void server_table_init(struct server_table *table, struct server *slots, uint32_t capacity,
                       const uint64_t seed[2])
{
    *table = (struct server_table){
        .slots = slots,
        .capacity = capacity,
        .seed = {seed[0], seed[1]},
        .setting = SETTING_AUTO,
        .shards = 1,
        .bridges = 1,
    };
}

static void set_bit(uint64_t *bits, uint32_t slot, bool value)
{
    const uint64_t bit = UINT64_C(1) << slot % 64;

    bits[slot / 64] = value ? bits[slot / 64] | bit : bits[slot / 64] & ~bit;
}

/* The server's slot, or the first free one where it may go; NULL where there is neither. */
static struct server *server_slot(const struct server_table *table, const struct server_key *key)
{
    uint64_t home = table_hash(table->seed, key, sizeof(*key));
    uint32_t probes = table->capacity < SERVER_PROBES_MAX ? table->capacity : SERVER_PROBES_MAX;
    struct server *free_one = NULL;

    for (uint32_t i = 0; i < probes; i++) {
        struct server *server = &table->slots[(home + i) & (table->capacity - 1)];

        if (server->used && server_key_equal(&server->key, key))
            return server;
        if (!server->used && !free_one)
            free_one = server;
        if (!server->used && !server->gone)
            break;
    }
    return free_one;
}

struct server *server_find_other(struct server_table *table, const struct server_key *key)
{
    struct server *server = server_slot(table, key);

    if (server == NULL || !server->used)
        return NULL;
    table->last = server;
    return server;
}

/* AUTO (and INHERIT, which server_setting() has resolved) leaves the mode as it is. */
static void server_apply(struct server *server, enum mode_setting setting, uint64_t now_us)
{
    if (setting == SETTING_NORMAL)
        server_set_mode(server, MODE_NORMAL, TRIGGER_NONE, 0, now_us);
    if (setting == SETTING_ATTACK)
        server_set_mode(server, MODE_ATTACK, TRIGGER_NONE, 0, now_us);
}

/* The same walk as server_slot(), over the hosts that lie in the same slots; one without users is
 * free, and searches go on behind it. */
static struct server_host *host_slot(const struct server_table *table, const struct ip_addr *addr,
                                     const struct vlan_ids *vlan)
{
    struct server_host wanted = {.key = {*addr, *vlan}};
    uint64_t home = table_hash(table->seed, &wanted.key, sizeof(wanted.key));
    uint32_t probes = table->capacity < SERVER_PROBES_MAX ? table->capacity : SERVER_PROBES_MAX;
    struct server_host *free_one = NULL;

    for (uint32_t i = 0; i < probes; i++) {
        struct server_host *host = &table->slots[(home + i) & (table->capacity - 1)].host_slot;

        if (host->users && memcmp(&host->key, &wanted.key, sizeof(wanted.key)) == 0)
            return host;
        if (!host->users && !free_one)
            free_one = host;
        if (!host->used)
            break;
    }
    return free_one;
}

static uint32_t host_slot_number(const struct server_table *table, const struct server_host *host)
{
    const size_t at = (size_t)((const uint8_t *)host - (const uint8_t *)table->slots);

    return (uint32_t)(at / sizeof(struct server));
}

static struct server_host *host_add(struct server_table *table, const struct ip_addr *addr,
                                    struct vlan_ids vlan)
{
    struct server_host *host = host_slot(table, addr, &vlan);

    if (host != NULL && !host->users) {
        *host = (struct server_host){.key = {*addr, vlan}, .used = true};
        set_bit(table->host_bits, host_slot_number(table, host), true);
    }
    if (host != NULL)
        host->users++;
    return host;
}

static void join_host(struct server_table *table, struct server *server)
{
    const struct server_key *key = &server->key;

    server->attacked = &table->attacked;
    server->attacks_begun = &table->attacks_begun;
    server->host = host_add(table, &key->addr, key->vlan);
    if (server->host != NULL)
        server->host->servers++;
    /* The others are of TCP: of a server over UDP the host is one by itself (KEY_UDP). */
    if (key->vlan.id[0] && !server_key_is_udp(key))
        server->address = host_add(table, &key->addr, (struct vlan_ids){{0, 0}});
}

/* NULL: no server is known at this address in this VLAN. */
static const struct server_host *host_find(const struct server_table *table,
                                           const struct ip_addr *addr, struct vlan_ids vlan)
{
    const struct server_host *host = host_slot(table, addr, &vlan);

    return host != NULL && host->users && host->servers ? host : NULL;
}

uint32_t server_host_behind_tags(const struct server_table *table, const struct ip_addr *addr,
                                 const struct vlan_ids *vlan)
{
    const struct server_host *host = NULL;

    if (!table->attacked || !vlan->id[0] || host_find(table, addr, *vlan) != NULL)
        return 0;
    if (vlan->id[1])
        host = host_find(table, addr, (struct vlan_ids){{vlan->id[1], 0}});
    if (host == NULL)
        host = host_find(table, addr, (struct vlan_ids){{0, 0}});
    return host != NULL ? host->attacked_ports : 0;
}

uint32_t server_host_attacked(const struct server_table *table, const struct ip_addr *addr,
                              const struct vlan_ids *vlan)
{
    const struct server_host *host = host_find(table, addr, *vlan);

    return host != NULL ? host->attacked_ports : server_host_behind_tags(table, addr, vlan);
}

uint32_t server_address_attacked(const struct server_table *table, const struct ip_addr *addr)
{
    const struct server_host *host = host_slot(table, addr, &(const struct vlan_ids){{0, 0}});

    return host != NULL && host->users ? host->attacked_anywhere : 0;
}

void server_table_configure(struct server_table *table, const struct trigger_limits *triggers,
                            enum unknown_servers unknown)
{
    table->triggers = *triggers;
    table->unknown = unknown;
    for (uint32_t i = 0; i < table->capacity; i++)
        if (server_slot_used(table, i))
            table->slots[i].unknown = unknown;
}

struct server *server_add(struct server_table *table, const struct server_key *key, uint64_t now_us)
{
    struct server *server = server_slot(table, key);

    if (server == NULL || server->used)
        return server;
    *server = (struct server){.key = *key,
                              .used = true,
                              .mode = MODE_NORMAL,
                              .since_us = now_us,
                              .unknown = table->unknown,
                              .host_slot = server->host_slot};
    set_bit(table->used_bits, (uint32_t)(server - table->slots), true);
    set_bit(table->gone_bits, (uint32_t)(server - table->slots), false);
    join_host(table, server);
    server_apply(server, server_setting(table, server), now_us);
    table->count++;
    return server;
}

/* Nobody has anything of it, and it has not answered for so long. */
static bool is_abandoned(const struct server *server, uint64_t life_us, uint64_t now_us)
{
    const uint64_t heard_us =
        server->answered_us > server->since_us ? server->answered_us : server->since_us;

    return server->setting == SETTING_INHERIT && server->mode == MODE_NORMAL &&
           server->listening != LISTENING_YES && !server->record && !server->flows &&
           !server->held && !server->openings_now && !server->asking_now &&
           !server_anybody_waits(server) && now_us >= heard_us + life_us;
}

bool server_is_over(const struct server *server, uint64_t now_us)
{
    return !server->policy && is_abandoned(server, SERVER_LIFE_US, now_us);
}

/* Those asked over UDP are few, and others' proofs go by the number of the slot. */
static bool may_make_room(const struct server *server, uint64_t now_us)
{
    const bool armed = server->policy != NULL && server->policy->armed;
    const bool cookies_out =
        server->attack_ended_us && now_us - server->attack_ended_us < COOKIE_LIFETIME_US;

    return server->used && !armed && !cookies_out && !server_key_is_udp(&server->key) &&
           is_abandoned(server, SERVER_ROOM_AFTER_US, now_us);
}

struct server *server_to_make_room(const struct server_table *table, const struct server_key *key,
                                   uint64_t now_us)
{
    const uint64_t home = table_hash(table->seed, key, sizeof(*key));
    const uint32_t probes =
        table->capacity < SERVER_PROBES_MAX ? table->capacity : SERVER_PROBES_MAX;
    struct server *oldest = NULL;

    for (uint32_t i = 0; i < probes; i++) {
        struct server *server = &table->slots[(home + i) & (table->capacity - 1)];

        if (may_make_room(server, now_us) &&
            (oldest == NULL || server->answered_us < oldest->answered_us))
            oldest = server;
    }
    return oldest;
}

void server_forget(struct server_table *table, struct server *server)
{
    const uint32_t slot = (uint32_t)(server - table->slots);

    if (server->host != NULL) {
        server->host->servers--;
        server->host->users--;
    }
    if (server->address != NULL)
        server->address->users--;
    *server = (struct server){.gone = true, .host_slot = server->host_slot};
    set_bit(table->used_bits, slot, false);
    set_bit(table->gone_bits, slot, true);
    table->count--;
    if (table->last == server)
        table->last = NULL;
}

/* Slots that the search for this key goes past, up to where it is found. */
static void note_path(const struct server_table *table, uint64_t *passed, uint64_t home,
                      uint32_t slot)
{
    for (uint32_t at = (uint32_t)home & (table->capacity - 1); at != slot;
         at = (at + 1) & (table->capacity - 1))
        set_bit(passed, at, true);
}

static void note_host_path(const struct server_table *table, uint64_t *passed,
                           const struct server_host *host)
{
    note_path(table, passed, table_hash(table->seed, &host->key, sizeof(host->key)),
              host_slot_number(table, host));
}

void server_table_tidy(struct server_table *table)
{
    uint64_t passed[SERVERS_MOST / 64] = {0}, hosts_passed[SERVERS_MOST / 64] = {0};

    for (uint32_t slot = 0; slot < table->capacity; slot++) {
        const struct server *server = &table->slots[slot];

        if (!server_slot_used(table, slot))
            continue;
        note_path(table, passed, table_hash(table->seed, &server->key, sizeof(server->key)), slot);
        if (server->host != NULL)
            note_host_path(table, hosts_passed, server->host);
        if (server->address != NULL)
            note_host_path(table, hosts_passed, server->address);
    }
    for (uint32_t slot = 0; slot < table->capacity; slot++) {
        struct server *server = &table->slots[slot];

        if ((table->gone_bits[slot / 64] & ~passed[slot / 64]) >> slot % 64 & 1) {
            server->gone = false;
            set_bit(table->gone_bits, slot, false);
        }
        if ((table->host_bits[slot / 64] & ~hosts_passed[slot / 64]) >> slot % 64 & 1 &&
            !server->host_slot.users) {
            server->host_slot.used = false;
            set_bit(table->host_bits, slot, false);
        }
    }
}

/* What was known before this process, until it has seen more. */
static void adopt_peak(const struct server_table *table, struct server *server, uint64_t now_us)
{
    const uint32_t peak = server->policy->held_peak;

    if (server->peak_us || !peak)
        return;
    server->held_peak = (peak + table->shards - 1) / table->shards;
    server->peak_us = now_us;
}

static void adopt_those(struct server_table *table, const struct policy *policy, bool armed,
                        uint64_t now_us)
{
    for (uint32_t i = 0; policy != NULL && i < policy->count; i++) {
        const struct server_policy *one = &policy->servers[i];
        struct server *server = one->armed == armed ? server_add(table, &one->key, now_us) : NULL;

        if (server == NULL)
            continue;
        server->policy = one;
        adopt_peak(table, server, now_us);
    }
}

void server_table_adopt(struct server_table *table, const struct policy *policy, uint64_t now_us)
{
    for (uint32_t i = 0; i < table->capacity; i++)
        if (server_slot_used(table, i))
            table->slots[i].policy = NULL;
    /* Armed ones first: where there is not room for all, it is theirs. */
    adopt_those(table, policy, true, now_us);
    adopt_those(table, policy, false, now_us);
}

void server_set_setting(struct server_table *table, struct server *server,
                        enum mode_setting setting, uint64_t now_us)
{
    if (server != NULL) {
        server->setting = setting;
        server_apply(server, server_setting(table, server), now_us);
        return;
    }
    /* For all there is nothing to inherit from. */
    table->setting = setting != SETTING_INHERIT ? setting : SETTING_AUTO;
    for (uint32_t i = 0; i < table->capacity; i++)
        if (server_slot_used(table, i) && table->slots[i].setting == SETTING_INHERIT)
            server_apply(&table->slots[i], table->setting, now_us);
}

/* One more, or one less. */
static void count_attacked(struct server *server, uint32_t change)
{
    struct server_host *address = server->address != NULL ? server->address : server->host;

    if (server->attacked != NULL)
        *server->attacked += change;
    if (server->host != NULL)
        server->host->attacked_ports += change;
    if (address != NULL)
        address->attacked_anywhere += change;
}

void server_set_mode(struct server *server, enum mode mode, enum trigger_cause cause,
                     uint32_t value, uint64_t now_us)
{
    if (server->mode == mode)
        return;
    if (mode == MODE_NORMAL)
        server->attack_ended_us = now_us != 0 ? now_us : 1; /* 0 says never */
    trigger_mode(&server->counts, mode == MODE_ATTACK, now_us);
    count_attacked(server, mode == MODE_ATTACK ? 1 : UINT32_MAX);
    if (mode == MODE_ATTACK && server->attacks_begun != NULL)
        ++*server->attacks_begun;
    server->mode = mode;
    server->figures.switches++;
    server->held_before = mode == MODE_ATTACK ? server->held : 0;
    server->lingering = 0;
    /* Connections keep the numbers that they were opened with. */
    server->capacity = (struct capacity){.opened = server->capacity.opened};
    server->unconfirmed = false;
    server->cause = cause;
    server->cause_value = value;
    server->since_us = now_us;
}

void server_told(struct server *server)
{
    server->unconfirmed = false;
}

static void look_again(struct server *server)
{
    server->doubted = server->listening == LISTENING_NO || doubt_of(&server->doubt) != DOUBT_NONE;
}

void server_doubt(struct server *server, enum doubt_kind kind, const struct ip_addr *client)
{
    doubt_add(&server->doubt, kind, client);
    look_again(server);
}

const char *server_dead(const struct server_table *table, const struct server *server,
                        uint64_t now_us)
{
    static const char *const words[] = {[DOUBT_NONE] = NULL,
                                        [DOUBT_REFUSES] = "refuses connections",
                                        [DOUBT_SILENT] = "does not answer"};

    return server_unlistened(table, server, now_us) ? "nobody listens"
                                                    : words[doubt_of(&server->doubt)];
}

bool server_answered(struct server *server, uint64_t now_us)
{
    const bool news = server->answered_us == 0 || server->listening == LISTENING_NO;

    if (!server_answered_lately(server, now_us))
        server->back_us = now_us;
    server->answered_us = now_us != 0 ? now_us : 1;
    if (server->listening == LISTENING_NO)
        server->listening = LISTENING_DENIED;
    server->doubt = (struct doubt){.kind = DOUBT_NONE};
    look_again(server);
    return news;
}

void server_set_listening(struct server_table *table, const struct server_key *key, bool listening,
                          uint64_t now_us)
{
    struct server *server = listening ? server_add(table, key, now_us) : server_find(table, key);

    if (server != NULL && listening)
        server->listening = LISTENING_YES;
    if (server != NULL && !listening && server->listening != LISTENING_DENIED)
        server->listening = LISTENING_NO;
    if (server != NULL)
        look_again(server);
}

uint32_t server_limit(const struct server_table *table, const struct server *server,
                      enum trigger_cause cause)
{
    static const struct trigger_limits none;

    return trigger_limit(server->policy != NULL ? &server->policy->triggers : &none,
                         &table->triggers, cause);
}

uint32_t server_half_open(const struct server *server, uint64_t now_us)
{
    return trigger_half_open(&server->counts, server->mode == MODE_ATTACK, now_us);
}

struct trigger_others server_counted(const struct server *server, uint64_t now_us)
{
    return (struct trigger_others){
        .half_open = server_half_open(server, now_us),
        .silent = rate_sum_older(&server->counts.silent, SILENT_AFTER_US, now_us),
        .handshakes = rate_sum_older(&server->counts.handshakes, SILENT_AFTER_US, now_us)};
}

static bool hears_all(const struct server_table *table, uint64_t now_us)
{
    return table->sums_us != 0 && now_us < table->sums_us + SUMS_FRESH_US;
}

static enum trigger_cause firing(const struct server_table *table, const struct server *server,
                                 uint64_t now_us, uint32_t *value)
{
    static const struct trigger_limits none;
    const bool attack = server->mode == MODE_ATTACK;
    const struct trigger_question question = {
        .own = server->policy != NULL ? &server->policy->triggers : &none,
        .common = &table->triggers,
        .shards = table->shards * table->bridges,
        .summing = hears_all(table, now_us) ? table->shards : 0,
        .udp = server_key_is_udp(&server->key),
        .attack = attack,
        .cause = server->cause,
        .stale = !attack && now_us >= server->answered_us + ANSWERS_FRESH_US,
        .doubled = !attack && server->attack_ended_us != 0 &&
                   now_us < server->attack_ended_us + TRIGGER_LEAST_US,
        .now_us = now_us,
    };

    return trigger_firing(&server->counts, &question, value);
}

bool server_trigger(struct server_table *table, struct server *server, uint64_t now_us,
                    struct observed_trigger *trigger)
{
    bool switches = server->mode == MODE_NORMAL;
    uint32_t value;
    enum trigger_cause cause;

    if (!server_trigger_due(table, server, now_us))
        return false;
    /* rule 6: where the answers do not cross the bridge, an attack mode could not know who is
     * served. */
    if (switches && !server_answered_lately(server, now_us))
        return false;

    cause = firing(table, server, now_us, &value);
    if (cause == TRIGGER_NONE && !server->unconfirmed)
        return false;
    if (switches) {
        server_set_mode(server, MODE_ATTACK, cause, value, now_us);
        server->unconfirmed = true;
    }
    server->reported_us = now_us;
    *trigger = (struct observed_trigger){
        .cause = server->unconfirmed ? server->cause : cause,
        .value = server->unconfirmed ? server->cause_value : value,
        .switched = server->unconfirmed,
    };
    return true;
}

bool server_counts_mismatches(const struct server_table *table, const struct server *server)
{
    const struct server_policy *policy = server->policy;

    return policy != NULL &&
           (policy->opening == OPENING_CHECK || policy->opening == OPENING_GREET) &&
           trigger_limit(&policy->triggers, &table->triggers, TRIGGER_MISMATCH) != TRIGGER_OFF;
}
