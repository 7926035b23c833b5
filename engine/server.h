/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server.h - the mutable state of each server in one shard: mode, setting, what the triggers count.
 *
 * Entries are made by a SYN-ACK that crosses from the server side, and by adopting a policy; never by a client, so
 * that a port scan or a flood cannot fill the table. Open addressing, never deleted from (a server once seen stays;
 * the table is fixed, and a server that finds no room within SERVER_PROBES_MAX slots is passed untouched).
 *
 * Modes. A shard switches a server to attack itself when a trigger fires under SETTING_AUTO, and reports it; the
 * way back is the main thread's word alone (server_set_mode).
 *
 *      half-open, normal mode: flows whose handshake is not completed, counted by track.c
 *      half-open, attack mode: SYN-ACKs sent - cookies accepted, of the last 2 s
 */
#ifndef SYNWARD_ENGINE_SERVER_H
#define SYNWARD_ENGINE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/addr.h"
#include "engine/engine.h"
#include "engine/limiter.h"
#include "engine/policy.h"

#define SERVER_PROBES_MAX         128
#define TRIGGER_HALF_OPEN_DEFAULT 200
#define TRIGGER_WINDOW_US         (2000ull * 1000)
#define TRIGGER_REPORT_US         (1000ull * 1000) /* a firing trigger is reported at most this often */
#define RATE_BUCKETS              8

/*
 * Events of the last TRIGGER_WINDOW_US, in RATE_BUCKETS steps: the oldest step drops out whole, so that 1.75 to 2 s are
 * covered. All zero is an empty window.
 */
struct rate_window {
    uint64_t step; /* number of the newest bucket */
    uint32_t bucket[RATE_BUCKETS];
};

void rate_add(struct rate_window *window, uint64_t now_us);
uint32_t rate_sum(const struct rate_window *window, uint64_t now_us);

/* An address with servers. Only fragments and malformed segments, whose ports are unknown, are judged by it. */
struct server_host {
    struct {
        struct ip_addr addr;
        struct vlan_ids vlan;
    } key;
    bool used;
    uint32_t attacked_ports; /* its servers in attack mode */
};

struct server {
    struct server_key key;
    bool used;
    bool answered; /* a SYN-ACK of it was seen: it exists */
    enum mode mode;
    enum mode_setting setting; /* its own, or SETTING_INHERIT */
    enum trigger_cause cause;
    uint32_t cause_value;
    uint64_t since_us;
    uint64_t attack_ended_us; /* 0: never in attack mode */
    uint64_t reported_us;     /* last report of its trigger */
    uint64_t unprofiled_us;   /* when a cookie was last made for it without a profile; 0: never */
    uint32_t half_open_flows; /* in normal mode */
    uint32_t openings_now;    /* connections being opened to it */
    struct rate_window synacks_sent, cookies_accepted;
    struct token_bucket openings;
    struct token_bucket authenticated;  /* SYNs with TCP-MD5 or TCP-AO that were passed on */
    uint16_t ip_id;                     /* next, for servers that count up */
    const struct server_policy *policy; /* NULL: not profiled */
    struct server_host *host;           /* of this server's address; NULL: there was no room for it */
    struct server_host
        host_slot; /* a slot of the table of hosts, which lies in the same memory: nothing to do with this server */
};

struct server_table {
    struct server *slots;
    uint32_t capacity; /* power of two */
    uint32_t count;
    uint64_t seed[2];
    enum mode_setting setting; /* for all that have none of their own; never SETTING_INHERIT */
};

/* `slots`: zeroed memory of the caller's. The setting begins as SETTING_AUTO. */
void server_table_init(struct server_table *table, struct server *slots, uint32_t capacity,
                       const uint64_t seed[2]);
struct server *server_find(struct server_table *table, const struct server_key *key);
/* Finds or makes; NULL where the table is full. A new server's mode follows the setting in force. */
struct server *server_add(struct server_table *table, const struct server_key *key, uint64_t now_us);
/* How many servers at this address are in attack mode. */
uint32_t server_host_attacked(const struct server_table *table, const struct ip_addr *addr,
                              const struct vlan_ids *vlan);
/* Points every server at its entry of `policy` (NULL where it has none) and makes those that are missing. */
void server_table_adopt(struct server_table *table, const struct policy *policy, uint64_t now_us);

/* The setting that counts for this server. */
enum mode_setting server_setting(const struct server_table *table, const struct server *server);
/* The operator's word; see engine_set_setting(). `server` NULL: for all. */
void server_set_setting(struct server_table *table, struct server *server, enum mode_setting setting,
                        uint64_t now_us);
/* The only place where a mode changes. Does nothing where it is in force already. */
void server_set_mode(struct server *server, enum mode mode, enum trigger_cause cause, uint32_t value,
                     uint64_t now_us);

/* Half-open as defined above, for the mode in force. */
uint32_t server_half_open(const struct server *server, uint64_t now_us);
/*
 * To be called after each event that may fire a trigger. Under SETTING_AUTO, switches to attack mode where one fires.
 * Returns true where this is to be reported (switched just now, or still firing and last reported TRIGGER_REPORT_US
 * ago).
 */
bool server_trigger(struct server_table *table, struct server *server, uint64_t now_us,
                    struct observed_trigger *trigger);

#endif
