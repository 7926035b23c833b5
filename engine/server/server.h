/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server.h - the mutable state of each server in one shard: mode, setting, what the triggers count.
 *
 * Entries are made by a SYN-ACK that crosses from the server side, and by adopting a policy; never
 * by a client, so that a port scan or a flood cannot fill the table. Open addressing in fixed
 * memory: a server that finds no room within SERVER_PROBES_MAX slots is passed untouched. An entry
 * stays where it is for as long as it is there. It is given back where nothing is known of the
 * server any more: no profile, nothing that an operator said, no connection, and no SYN-ACK of its
 * for SERVER_LIFE_US. A slot that was given back is passed over by searches, and taken first by the
 * next server that comes by. Where a server that answers finds no room, another makes room: one
 * whose profile is not armed, that has no connection, and that has not answered for
 * SERVER_ROOM_AFTER_US. A port that is listened on for a single connection (FTP's for data) is a
 * server like any other here, and a client can have thousands of them made.
 *
 * Modes. A shard switches a server to attack itself when a trigger fires under SETTING_AUTO, and
 * reports it; the way back is the main thread's word alone (server_set_mode).
 *
 * What the triggers count, and when one fires, is trigger.h's. A server whose answers do not cross
 * the bridge would be cut off by an attack mode: nobody could be let through to it. So a trigger
 * switches only a server that was seen to answer lately (ANSWERS_FRESH_US); a SYN-ACK is the
 * server's word, which no client can forge or hold back.
 */
#ifndef SYNWARD_ENGINE_SERVER_SERVER_H
#define SYNWARD_ENGINE_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/tcp/answer_record.h"
#include "engine/tcp/cookie.h"
#include "engine/tcp/frame.h"
#include "engine/base/token_bucket.h"
#include "engine/server/capacity.h"
#include "engine/server/doubt.h"
#include "engine/server/figures.h"
#include "engine/server/mode.h"
#include "engine/server/policy.h"
#include "engine/server/trigger.h"
#include "engine/tables/held_queue.h"

#define SERVER_PROBES_MAX 128
#define SERVER_LIFE_US    (24ull * 3600 * 1000 * 1000)
#define SERVER_ROOM_AFTER_US                                                                       \
    (60ull * 1000 * 1000) /* without an answer: then it may make room for another */
#define TRIGGER_REPORT_US (1000ull * 1000) /* a firing trigger is reported at most this often */
/*
 * A server whose last SYN-ACK is older has stopped answering, or answers another way. A Linux
 * server repeats SYN-ACKs at most 16 s apart while somebody might still complete its handshake.
 */
#define ANSWERS_FRESH_US (20000ull * 1000)
/* The same for the trigger that fires because it does not answer. One whose backlog is full repeats
 * SYN-ACKs for the first half of the minute that it keeps each for. */
#define ANSWERED_LATELY_US (60000ull * 1000)

/*
 * What the main thread, which can look into the server's TCP stack, says of its port. That nobody
 * listens is believed for LISTENING_FRESH_US after the main thread has last looked, and no longer
 * where the server answers nevertheless (behind a redirection of its host's, say).
 */
/* Longer than the main thread may take between two looks */
#define LISTENING_FRESH_US (6000ull * 1000)
enum listening {
    LISTENING_UNKNOWN,
    LISTENING_YES,
    LISTENING_NO,     /* SYN-ACK: to LISTENING_DENIED */
    LISTENING_DENIED, /* until the main thread says yes */
};

/* An address with servers. What is judged by it has ports that are not known: fragments, malformed
 * and unreadable segments, and what is carried by others. */
struct server_host {
    struct {
        struct ip_addr addr;
        struct vlan_ids vlan;
    } key;
    bool used;
    uint32_t servers; /* there */
    uint32_t users; /* servers that point here: as their host, or as their address. 0: it is free */
    uint32_t attacked_ports;    /* of those, in attack mode */
    uint32_t attacked_anywhere; /* without VLAN IDs: the same of this address in whatever VLAN */
};

/* Whose keys are kept of a server's cookies: those promises that may be out at once (rule 3). */
enum server_promise { PROMISE_NOW, PROMISE_BEFORE, PROMISE_DEFAULT, SERVER_PROMISES };

/* What came of connections that its own TCP was to make of our cookies (stages/granting.h). */
struct server_grants {
    uint8_t missed; /* in a row that it has not made */
    uint8_t why;    /* enum grant_outcome of the last of these */
    uint64_t missed_us;
    uint64_t heard_us; /* when one was last left to the learner; 0: none was made yet */
};

/* What its SYN-ACKs were to those that the kernel expects (stages/preparing.h). */
struct server_preparations {
    uint8_t missed;    /* other than promised, in a row; no more are counted than matter */
    uint8_t doublings; /* of the next pause */
    uint64_t until_us; /* until then none of its openings is prepared */
};

struct server {
    struct server_key key;
    bool used;
    bool gone; /* given back: searches go on behind it */
    enum mode mode;
    enum mode_setting setting;    /* its own, or SETTING_INHERIT */
    enum unknown_servers unknown; /* as the table's */
    bool unconfirmed; /* it switched itself to attack, and the main thread may not have heard of it
                       */
    enum trigger_cause cause;
    uint32_t cause_value;
    uint64_t since_us;
    uint64_t attack_ended_us;  /* 0: never in attack mode */
    uint64_t reported_us;      /* last report of its trigger */
    uint64_t answered_us;      /* when its last SYN-ACK was seen; 0: never */
    uint64_t back_us;          /* when the first one after long silence, or at all, was */
    uint64_t unprofiled_us;    /* when a cookie was last made for it without a profile; 0: never */
    uint32_t flows;            /* entries of the flow table that are of its connections */
    uint32_t openings_now;     /* connections being opened to it */
    uint32_t asking_now;       /* of these, with a whole request that it does not have yet */
    uint32_t unheard_now;      /* of these, whose SYN it has not answered */
    uint32_t banned_now;       /* and of those in neither, as it does not hear their sources
                                  (stages/banned.h) */
    uint64_t unheard_noted_us; /* until then some source may be noted there */
    uint64_t judged_us;        /* when openings may be judged by the next answer */
    uint32_t unanswered;       /* of the class long: opened, and not answered yet (rule 1.3) */
    /* Connections that are open at it, or being opened (stages/held.h): */
    uint32_t held;        /* now */
    uint32_t held_before; /* in attack mode: of these, such as we have not opened in it */
    uint32_t held_waiting[HELD_CLASSES]; /* requests that wait for a place */
    uint32_t held_peak;                  /* the most of them in normal mode */
    uint64_t peak_us;                    /* when that rose, or fell, last */
    uint64_t slow_us;                    /* when its slow ones may be looked at again */
    uint32_t least_pace;                 /* bytes a second asked of those; 0: as usual */
    uint64_t pace_us;                    /* when it rose, or they made room, last */
    struct rate_window quick;            /* that were answered and ended within 2 s */
    uint32_t slow_ended;                 /* connections, ever */
    struct capacity capacity;
    struct answers answers;
    struct trigger_counts counts;
    enum listening listening;
    bool doubted; /* listening says no, or the doubt is in force: a short way round both */
    struct doubt doubt;
    struct token_bucket doubted_syns; /* SYNs that were met as if there were no doubt */
    struct token_bucket silent_syns;  /* SYNs that were passed on to one that is silent */
    struct token_bucket unheard;      /* the same of networks that have had none within a second */
    uint64_t passed_noted_us;         /* until then some of these networks may be noted */
    struct server_grants grants;
    struct server_preparations preparations;
    struct token_bucket openings;
    struct token_bucket strays;         /* untracked segments that were let through */
    struct token_bucket live_syns;      /* SYNs on connections that are there */
    struct token_bucket authenticated;  /* SYNs with TCP-MD5 or TCP-AO that were passed on */
    struct token_bucket deciphered;     /* requests that cost a cipher (stages/request_check.h) */
    struct token_bucket tries;          /* SYNs that are to show whether it hears anybody */
    struct token_bucket minor, probes;  /* requests that may be right (stages/request_check.h) */
    struct token_bucket observed;       /* connections that the learner hears of */
    uint16_t ip_id;                     /* next, for servers that count up */
    uint32_t lingering;                 /* whose client goes on behind its FIN, at the last look */
    struct answer_record *record;       /* by which the kernel answers for it; NULL: it does not */
    const struct server_policy *policy; /* NULL: not profiled */
    uint32_t foreign; /* cookies that came back here and were not asked here lately; wraps */
    struct cookie_kept cookies[SERVER_PROMISES]; /* by enum server_promise */
    struct server_figures figures;               /* half_open is found out when it is asked for */
    struct server_host *host;     /* of this server's address; NULL: there was no room for it */
    struct server_host *address;  /* the one without VLAN IDs; NULL: the same */
    uint32_t *attacked;           /* the table's; NULL: in none */
    uint32_t *attacks_begun;      /* likewise */
    struct server_host host_slot; /* a slot of the table of hosts, which lies in the same memory:
                                     nothing to do with this server */
};

#define SERVERS_MOST 4096u

struct server_table {
    struct server *slots;
    uint64_t gone_bits[SERVERS_MOST / 64]; /* of slots that were given back, and of those with a */
    uint64_t host_bits[SERVERS_MOST / 64]; /* host, or one that has no users any more */
    uint64_t used_bits[SERVERS_MOST / 64]; /* of slots: where nobody was ever written to a slot it
                                              is not read either, which would cost its page */
    struct server *last;                   /* found last: a flood asks for one and the same */
    uint32_t capacity;                     /* power of two, at most SERVERS_MOST */
    uint32_t count;
    uint32_t attacked;      /* servers in attack mode */
    uint32_t attacks_begun; /* how often one went into it; wraps */
    uint64_t seed[2];
    enum mode_setting setting; /* for all that have none of their own; never SETTING_INHERIT */
    struct trigger_limits triggers;
    uint32_t shards;
    uint32_t bridges; /* of the cluster, this one too: limits of triggers are shared among them */
    uint64_t sums_us; /* when it was told last what all others count (trigger.h); 0: never */
    enum unknown_servers unknown;
    uint64_t listening_us; /* when the main thread has last looked who listens; 0: never */
};

/* For who goes through all slots. */
/* Connections that hold a place there: open, being opened, or lingering (tables/held_watch.h). */
static inline uint32_t server_holds(const struct server *server)
{
    return server->held + server->lingering;
}

static inline bool server_slot_used(const struct server_table *table, uint32_t slot)
{
    return table->used_bits[slot / 64] >> (slot % 64) & 1;
}

/* `slots`: zeroed memory of the caller's. The setting begins as SETTING_AUTO, limits as the
 * defaults, one shard. */
void server_table_init(struct server_table *table, struct server *slots, uint32_t capacity,
                       const uint64_t seed[2]);
/* server_find() of another than the one found last. */
struct server *server_find_other(struct server_table *table, const struct server_key *key);
static inline struct server *server_find(struct server_table *table, const struct server_key *key)
{
    struct server *server = table->last;

    return server != NULL && server_key_equal(&server->key, key) ? server
                                                                 : server_find_other(table, key);
}
/* That of a connection, compared in place: a flood asks for each of its segments. */
static inline struct server *server_of(struct server_table *table, const struct flow_key *key)
{
    struct server *server = table->last;
    uint32_t vlan, its_vlan;

    if (server) {
        memcpy(&vlan, &key->vlan, sizeof(vlan));
        memcpy(&its_vlan, &server->key.vlan, sizeof(its_vlan));
        if (((key_word(&key->server, 0) ^ key_word(&server->key.addr, 0)) |
             (key_word(&key->server, 8) ^ key_word(&server->key.addr, 8)) | (vlan ^ its_vlan) |
             (uint32_t)(key->server_port ^ server->key.port)) == 0)
            return server;
    }
    return server_find_other(table, &(const struct server_key){.addr = key->server,
                                                               .vlan = key->vlan,
                                                               .port = key->server_port});
}
/* That which a client's plain frame (frame_is_plain()) goes to, straight from the packet. */
static inline struct server *server_of_plain(struct server_table *table, const uint8_t *data)
{
    const uint8_t *addr = data + ETH_HEADER_BYTES + 16;
    const uint16_t port = load_be16(data + PLAIN_L4 + 2);
    struct server *last = table->last;
    struct server_key key;

    if (last && !(key_word(&last->key, 0) | (key_word(&last->key, 8) ^ addr_v4_word(addr)) |
                  last->key.vlan.id[0] | last->key.vlan.id[1] | (uint64_t)(last->key.port ^ port)))
        return last;
    key = (struct server_key){.addr = addr_from_v4(addr), .port = port};
    return server_find_other(table, &key);
}
/* What all servers have in common; for those that are known, too. */
void server_table_configure(struct server_table *table, const struct trigger_limits *triggers,
                            enum unknown_servers unknown);
/* Finds or makes; NULL where the table is full. A new server's mode follows the setting in force.
 */
struct server *server_add(struct server_table *table, const struct server_key *key,
                          uint64_t now_us);
/* Nothing is known of it any more, and nothing points to it. */
bool server_is_over(const struct server *server, uint64_t now_us);
/* Who may be forgotten for this one, which has found no room; NULL: nobody. */
struct server *server_to_make_room(const struct server_table *table, const struct server_key *key,
                                   uint64_t now_us);
/* Gives its slot back. */
void server_forget(struct server_table *table, struct server *server);
/* What was given back is as if it had never been used, where no search goes past it any more. */
void server_table_tidy(struct server_table *table);
/*
 * How many servers at this address are in attack mode that a frame with these VLAN IDs may reach:
 * those in its VLAN or, where nobody is known there, those whom it reaches when outer tags are
 * stripped. Switches do that with the VLAN that they send untagged, and some hosts with any tag.
 */
uint32_t server_host_attacked(const struct server_table *table, const struct ip_addr *addr,
                              const struct vlan_ids *vlan);
/* Of those, the ones whose VLAN is not the frame's. */
uint32_t server_host_behind_tags(const struct server_table *table, const struct ip_addr *addr,
                                 const struct vlan_ids *vlan);
/* In whatever VLAN. */
uint32_t server_address_attacked(const struct server_table *table, const struct ip_addr *addr);
/* Points every server at its entry of `policy` (NULL where it has none) and makes those that are
 * missing. */
void server_table_adopt(struct server_table *table, const struct policy *policy, uint64_t now_us);

/* The setting that counts for this server. */
static inline enum mode_setting server_setting(const struct server_table *table,
                                               const struct server *server)
{
    return server->setting != SETTING_INHERIT ? server->setting : table->setting;
}
/* The operator's word; see engine_set_setting(). `server` NULL: for all. */
void server_set_setting(struct server_table *table, struct server *server,
                        enum mode_setting setting, uint64_t now_us);
/* The only place where a mode changes. Does nothing where it is in force already. */
void server_set_mode(struct server *server, enum mode mode, enum trigger_cause cause,
                     uint32_t value, uint64_t now_us);

/* The main thread knows that it is in attack mode. */
void server_told(struct server *server);
void server_set_listening(struct server_table *table, const struct server_key *key, bool listening,
                          uint64_t now_us);
static inline bool server_stack_is_seen(const struct server_table *table, uint64_t now_us)
{
    return table->listening_us != 0 && now_us - table->listening_us < LISTENING_FRESH_US;
}
/* True where it is known that nobody listens on its port. */
static inline bool server_unlistened(const struct server_table *table, const struct server *server,
                                     uint64_t now_us)
{
    return server->listening == LISTENING_NO && server_stack_is_seen(table, now_us);
}
/* True where it is known that somebody listens, and that nobody waits to be accepted. */
static inline bool server_queue_is_empty(const struct server_table *table,
                                         const struct server *server, uint64_t now_us)
{
    return server->listening == LISTENING_YES && server->counts.accept_queue_us != 0 &&
           server->counts.accept_queue_percent == 0 && server_stack_is_seen(table, now_us);
}
/* It has refused a SYN of this client, or left it without an answer for DOUBT_UNHEARD_US. */
void server_doubt(struct server *server, enum doubt_kind kind, const struct ip_addr *client);
/* How it would meet a SYN of this client: by a RST, or silence; DOUBT_NONE: as far as is known, it
 * would answer. */
static inline enum doubt_kind server_meets(const struct server_table *table,
                                           const struct server *server,
                                           const struct ip_addr *client, uint64_t now_us)
{
    return server_unlistened(table, server, now_us) ? DOUBT_REFUSES
                                                    : doubt_for(&server->doubt, client);
}
/* Why it serves nobody, in words; NULL: as far as is known it does. */
const char *server_dead(const struct server_table *table, const struct server *server,
                        uint64_t now_us);
/* A SYN-ACK of the server was seen. True where this is news: it is the first, or it was said that
 * nobody listens. */
bool server_answered(struct server *server, uint64_t now_us);
/* A request to it waits for a place. */
static inline bool server_anybody_waits(const struct server *server)
{
    for (int i = 0; i < HELD_CLASSES; i++)
        if (server->held_waiting[i])
            return true;
    return false;
}
static inline bool server_answered_lately(const struct server *server, uint64_t now_us)
{
    return server->answered_us != 0 && now_us < server->answered_us + ANSWERED_LATELY_US;
}
/* In force for this server, over all shards; TRIGGER_OFF: none. */
uint32_t server_limit(const struct server_table *table, const struct server *server,
                      enum trigger_cause cause);
/* Half-open (trigger.h), for the mode in force. */
uint32_t server_half_open(const struct server *server, uint64_t now_us);
/* What other bridges are to know of it. */
struct trigger_others server_counted(const struct server *server, uint64_t now_us);
/* False: server_trigger() would say no without counting, as it does for nearly every SYN of a
 * flood. */
static inline bool server_trigger_due(const struct server_table *table, const struct server *server,
                                      uint64_t now_us)
{
    return server_setting(table, server) == SETTING_AUTO &&
           (server->mode == MODE_NORMAL || server->reported_us == 0 ||
            now_us >= server->reported_us + TRIGGER_REPORT_US);
}
/*
 * To be called after each event that may fire a trigger. Under SETTING_AUTO, switches to attack
 * mode where one fires. Returns true where this is to be reported: switched just now; or last
 * reported TRIGGER_REPORT_US ago and still firing, or not confirmed by server_told(): a report may
 * find no room, and only the main thread ends the attack mode.
 */
bool server_trigger(struct server_table *table, struct server *server, uint64_t now_us,
                    struct observed_trigger *trigger);
/* True where the server's requests can be checked, and wrong ones are to put it into attack mode.
 */
bool server_counts_mismatches(const struct server_table *table, const struct server *server);

/* --- what several stages ask ------------------------------------------------------------------ */

/* The IPv4 identification of the next segment that is sent in the server's name. */
static inline uint16_t server_ip_id(struct server *server, const struct promise *promise,
                                    uint16_t client_port, uint64_t now_us)
{
    if (promise->synack.ip_id == IP_ID_INCREMENT)
        return server->record
                   ? (uint16_t)__atomic_fetch_add(&server->record->ip_id, 1, __ATOMIC_RELAXED)
                   : server->ip_id++;
    if (promise->synack.ip_id == IP_ID_RANDOM)
        return (uint16_t)(now_us * 40503u ^ client_port);
    return 0;
}

static inline enum opening_kind server_opening(const struct server *server)
{
    if (server->unknown == UNKNOWN_PASS && !(server->policy && server->policy->armed))
        return OPENING_PASS;
    return server->policy ? server->policy->opening : OPENING_COOKIE;
}

/* True where --unknown drop keeps new clients from a server in attack mode of which too little is
 * known. */
static inline bool server_refuses_new(const struct server *server)
{
    return server->unknown == UNKNOWN_DROP && !(server->policy && server->policy->armed);
}

/* True where a client may wait for the server to speak, and so would not repeat a lost ACK: it must
 * be asked again. */
static inline bool opening_waits_for_ack(const struct server *server)
{
    enum opening_kind opening = server_opening(server);

    return opening == OPENING_GREET || opening == OPENING_COOKIE;
}

/* True where we answer for the server: attack mode, and its policy does not say to let clients
 * pass. */
static inline bool server_protected(const struct server *server)
{
    return server->mode == MODE_ATTACK && server_opening(server) != OPENING_PASS;
}

/* True where a new client gets a cookie at once, whatever else is to be known of it. */
static inline bool server_answers_new(const struct server *server)
{
    return server_protected(server) && !server_refuses_new(server) && !server->doubted;
}

#endif
