/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.h - what is thought of the addresses that clients come from: judged by share, never by
 * count alone.
 *
 * A source is an IPv4 address or an IPv6 /64, by one MAC and in one VLAN (source_link.h): what a
 * neighbour does in somebody's name is not held against its owner. It counts what came with a good
 * cookie, which cannot be spoofed: first requests that fit the server (matches) and that do not
 * (mismatches), of the last 5 to 10 s.
 *
 *      mismatches >= 100, matches less than a tenth of them     put aside: its SYNs to attacked
 *                                                               servers are dropped, for 60 s, then
 *                                                               twice as long each time, 64 min at
 *                                                               most
 *      mismatches >= 100, more matches than that                limited: its wrong requests are
 *                                                               reset at most
 *                                                               SOURCE_RESETS_PER_SECOND, else
 *                                                               dropped in silence; a CGNAT is one
 *                                                               address, and its honest clients get
 *                                                               through
 *
 * Many together: where 16 sources of one IPv4 /24 or IPv6 /56 have been put aside within an hour,
 * and the share of all that is counted under that prefix is as bad, the prefix is put aside.
 *
 * What came before the first mismatch counts too: the honest ones behind an address may have been
 * there first. And what comes from clients that had their cookie before it was put aside: where the
 * share is no longer as bad, it is released.
 *
 * Memory is fixed: 4-way sets. One way of each is open to strangers' links, all to the others.
 * Where a set is full the least interesting entry goes: one that is not put aside before one that
 * is, then the one with fewer requests, then the older one. A match finds room only in place of an
 * entry that nothing but one match, or nothing of late, is known of. A million sources with one
 * request each, right or wrong, displace nobody who is put aside, and no address of many honest
 * clients.
 *
 * Beside it stand the operator's own rules, by address alone, up to SOURCE_RULES_MAX prefixes of
 * any length: put aside (SYNs to every server are dropped, in every mode), allowed (never limited
 * nor put aside), or a proxy (allowed, and the addresses that its PROXY headers name are judged and
 * limited in its place). The longest prefix decides, and before any judgement. Behind them come his
 * lists (source_lists.h): all that is in one is put aside.
 */
#ifndef SYNWARD_ENGINE_TABLES_SOURCE_H
#define SYNWARD_ENGINE_TABLES_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/token_bucket.h"
#include "engine/tables/source_link.h"
#include "engine/tables/source_strikes.h"

#define SOURCE_HALF_US           (5000ull * 1000) /* counts are kept by halves of 10 s */
#define SOURCE_MISMATCHES        100
#define SOURCE_SHARE             10 /* matches times this */
#define SOURCE_ASIDE_US          (60000ull * 1000)
#define SOURCE_STRIKES_MAX       6 /* doublings */
#define SOURCE_FORGIVEN_US       (3600ull * 1000 * 1000)
#define SOURCE_MANY              16 /* sources put aside that put their prefix aside */
#define SOURCE_RESETS_PER_SECOND 20
#define SOURCE_RULES_MAX         512

enum source_state {
    SOURCE_CLEAR,
    SOURCE_LIMITED,
    SOURCE_ASIDE,
    SOURCE_ALLOWED,
    SOURCE_PROXY, /* allowed, and believed: what a PROXY header names is who is judged instead */
};
enum source_by {
    SOURCE_BY_JUDGEMENT,
    SOURCE_BY_OPERATOR,
    SOURCE_BY_CLUSTER, /* another bridge has judged it, by whatever way it comes to us */
};

/* Who is judged: an address, and how its frames came. */
struct source_id {
    struct ip_addr addr;
    struct source_link link;
};

/* `length` is in bits of the address's own family: up to 32, or 128. The bits beyond it do not
 * count. */
struct source_rule {
    struct ip_addr prefix;
    uint8_t length;
    uint8_t strikes;         /* of what was judged: how often within an hour */
    enum source_state state; /* SOURCE_ASIDE, SOURCE_ALLOWED, SOURCE_PROXY */
    enum source_by by;
    struct source_link link; /* of what was judged; the operator's rules hold for all */
    uint64_t until_us;       /* 0: until it is taken away */
    uint64_t since_us;       /* filled in by source_set() */
};

struct source_info {
    struct source_rule rule;
    uint32_t mismatches, matches; /* of the last 5 to 10 s */
};

/* A source that was put aside or released, as it is reported. */
struct observed_source {
    struct ip_addr prefix;
    uint8_t length; /* in bits, of an IPv4 address up to 32 */
    struct source_link link;
    uint32_t mismatches, matches;
    uint64_t until_us; /* that of the observation, or before: released */
};

struct source_lists;
struct source_table;

/* The address with the bits beyond `length` (of its own family) cleared. */
struct ip_addr source_masked(const struct ip_addr *addr, uint8_t length);

size_t source_table_bytes(uint32_t sources);
/* `memory`: zeroed, 64-aligned. `sources`: a power of two >= 4. `shards` share the counts between
 * them. */
void source_table_init(struct source_table *table, void *memory, uint32_t sources, uint32_t shards,
                       const uint64_t seed[2]);

/*
 * A first request that came with a good cookie, and fits. True where this has released a source
 * that was put aside: `*released` tells, its time is over now.
 */
bool source_match(struct source_table *table, const struct source_id *id, uint64_t now_us,
                  struct observed_source *released);
/*
 * One that does not. True where this put the source, or its prefix, aside: `*aside` tells.
 * `*may_be_reset` is source_may_be_reset()'s answer for this request, nearly always without a
 * second look-up.
 */
bool source_mismatch(struct source_table *table, const struct source_id *id, uint64_t now_us,
                     struct observed_source *aside, bool *may_be_reset);

/* False: nothing may be put aside but by lists, so there is nobody to ask about. Nearly always: a
 * flood costs no look-up then. */
static inline bool source_any_aside(const struct source_table *table, uint64_t now_us);
/* What is to be done with this source; `*by` (may be NULL) is who says so. */
enum source_state source_state(const struct source_table *table, const struct source_id *id,
                               enum source_by *by, uint64_t now_us);
/* False where the RST of a wrong request is to be saved: the source is limited, and had its share.
 */
bool source_may_be_reset(struct source_table *table, const struct source_id *id, uint64_t now_us);

/* True where a request of this source fitted within the last `age_us`. */
bool source_matched_lately(const struct source_table *table, const struct source_id *id,
                           uint64_t age_us, uint64_t now_us);

/* Sets or replaces. False: there is no room for more rules of the operator. */
bool source_set(struct source_table *table, const struct source_rule *rule, uint64_t now_us);
/* In the place of those before; they are the caller's. NULL: none. */
void source_set_lists(struct source_table *table, const struct source_lists *lists);
/* By whatever links it was judged. False: neither a rule nor a judgement. */
bool source_forget(struct source_table *table, const struct ip_addr *prefix, uint8_t length);
uint32_t source_list(const struct source_table *table, struct source_info *out, uint32_t max,
                     uint64_t now_us);

/* --- for the engine's memory ----------------------------------------------------------------- */

struct source_entry {
    struct ip_addr prefix;
    uint64_t since_us; /* of being limited or put aside */
    uint64_t until_us; /* put aside until then; 0: never was */
    uint64_t mac;      /* and `vlan`: struct source_link, without its padding */
    struct vlan_ids vlan;
    uint32_t half; /* number of the newest half */
    uint32_t mismatches[2], matches[2];
    union {
        struct token_bucket resets; /* of a source */
        uint64_t asides_us;         /* of a prefix: when counting them began */
    };
    uint32_t matched_half; /* number of the half in which a request last fitted; 0: never */
    uint16_t asides; /* of a prefix: sources of it that were put aside within an hour, or since it
                        was itself */
    uint8_t bits;    /* of the prefix, as IPv6; 0: a free slot */
    uint8_t strikes;
};

_Static_assert(sizeof(struct source_entry) <= 80, "16,384 of them are 1.25 MiB");

/* Rules with one length, a run of them in the table. */
struct source_run {
    uint8_t bits;
    uint16_t first, count;
};

struct source_table {
    struct source_entry *slots;
    uint32_t count, shards;
    uint32_t enough; /* wrong requests, counted in this shard, that are to be judged */
    uint64_t seed[2];
    struct source_links links;
    uint64_t aside_until_us; /* nothing that was judged is put aside after that */
    bool prefixes_made;      /* some entry is, or was, of a prefix around a source */
    uint32_t rules_count, runs_count;
    struct source_rule rules[SOURCE_RULES_MAX]; /* longest prefixes first, then by prefix */
    struct source_run runs[129];
    struct source_strikes elsewhere;  /* what other bridges have judged */
    const struct source_lists *lists; /* of the operator; NULL: none */
    uint64_t evicted;                 /* entries that were put aside and had to go */
    uint32_t changes;                 /* how often more may have been put aside; wraps */
};

static inline bool source_any_aside(const struct source_table *table, uint64_t now_us)
{
    return table->runs_count > 0 || now_us < table->aside_until_us;
}

#endif
