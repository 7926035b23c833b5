/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source.c - judges sources. See source.h. */
#include "engine/tables/source.h"

#include "engine/tables/source_entry.h"
#include "engine/tables/source_prefix.h"
#include "engine/tables/source_lists.h"
#include "engine/tables/source_rules.h"

#include <string.h>

#define SOURCE_WAYS 4u

struct ip_addr source_masked(const struct ip_addr *addr, uint8_t length)
{
    return prefix_masked(addr, prefix_bits(addr, length));
}

/* --- table ----------------------------------------------------------------------------------- */

size_t source_table_bytes(uint32_t sources)
{
    return sources * sizeof(struct source_entry);
}

/*
 * SOURCE_MISMATCHES of one shard, when all are alike. They are not quite: where connections fall by
 * chance one has more than its share, and nobody may be put aside by that. Twice the square root,
 * about two standard deviations, are added to the share.
 */
static uint32_t enough_in(uint32_t shards)
{
    uint32_t share = (SOURCE_MISMATCHES + shards - 1) / shards, root = 0;

    while (shards > 1 && (root + 1) * (root + 1) <= share)
        root++;
    return share + 2 * root;
}

void source_table_init(struct source_table *table, void *memory, uint32_t sources, uint32_t shards,
                       const uint64_t seed[2])
{
    memset(table, 0, sizeof(*table));
    table->slots = memory;
    table->count = sources;
    table->shards = shards;
    table->enough = enough_in(shards);
    memcpy(table->seed, seed, sizeof(table->seed));
}

/* What an entry is looked up by: a prefix, masked, and its link. Words, to stay in registers. */
struct key {
    uint64_t prefix[2], mac;
    uint32_t vlan, bits;
};

/* Of a prefix of any length. */
static inline struct key key_of(const struct source_id *id, uint32_t bits)
{
    const struct ip_addr prefix = prefix_masked(&id->addr, bits);

    return (struct key){{key_word(&prefix, 0), key_word(&prefix, 8)},
                        id->link.mac,
                        vlan_word(&id->link.vlan),
                        bits};
}

/* Of a source: an IPv4 address is whole, and of IPv6 it is one word. */
static inline struct key source_key(const struct source_id *id)
{
    const bool v4 = addr_is_v4(&id->addr);

    return (struct key){{key_word(&id->addr, 0), v4 ? key_word(&id->addr, 8) : 0},
                        id->link.mac,
                        vlan_word(&id->link.vlan),
                        v4 ? PREFIX_V4_SOURCE : PREFIX_V6_SOURCE};
}

/* As addr_hash() and hash_with(); the seed covers all that a neighbour can choose. */
static inline struct source_entry *set_of(const struct source_table *table, const struct key *key)
{
    const uint64_t prefix = hash_mix(key->prefix[0] ^ table->seed[0] ^ 0x9e3779b97f4a7c15u,
                                     key->prefix[1] ^ table->seed[1] ^ 0xd1b54a32d192ed03u);
    const uint64_t rest = (uint64_t)key->vlan << 8 | key->bits;
    const uint64_t hash = hash_mix(prefix ^ key->mac, table->seed[0] ^ rest);

    return &table->slots[(hash & (table->count / SOURCE_WAYS - 1)) * SOURCE_WAYS];
}

/* The ends of addresses tell nearly all apart. */
static inline bool is_it(const struct source_entry *entry, const struct key *key)
{
    return key_word(&entry->prefix, 8) == key->prefix[1] &&
           ((key_word(&entry->prefix, 0) ^ key->prefix[0]) | (entry->mac ^ key->mac) |
            (vlan_word(&entry->vlan) ^ key->vlan) | (entry->bits ^ key->bits)) == 0;
}

static inline struct source_entry *find_in_set(struct source_entry *set, const struct key *key)
{
    for (uint32_t i = 0; i < SOURCE_WAYS; i++)
        if (is_it(&set[i], key))
            return &set[i];
    return NULL;
}

static struct source_entry *find(const struct source_table *table, const struct source_id *id,
                                 uint32_t bits)
{
    const struct key key = key_of(id, bits);

    return find_in_set(set_of(table, &key), &key);
}

static struct source_entry *find_source(const struct source_table *table,
                                        const struct source_id *id)
{
    const struct key key = source_key(id);

    return find_in_set(set_of(table, &key), &key);
}

/* An IPv4 /24, or an IPv6 /56: what one end site has (RFC 6177), 256 sources. Other sites share its
 * /48. */
static uint32_t site_bits(const struct ip_addr *addr)
{
    return addr_is_v4(addr) ? PREFIX_V4_NEIGHBOURS : PREFIX_V6_SITE;
}

/* The entry of the prefix around a source. There is none before a first source has been blamed. */
static struct source_entry *find_site(const struct source_table *table, const struct source_id *id)
{
    return table->prefixes_made ? find(table, id, site_bits(&id->addr)) : NULL;
}

static struct source_id id_of(const struct source_entry *entry)
{
    return (struct source_id){entry->prefix, {entry->mac, entry->vlan}};
}

/*
 * What an entry is worth: the one of least worth goes. Nothing where it is free, most where it is
 * put aside, the longer the more; else by its requests, and the last one's time.
 */
static inline uint64_t worth(const struct source_entry *entry, uint64_t now_us)
{
    const uint32_t age = source_half(now_us) - entry->half;
    uint64_t requests = age > 1 ? 0 : entry->mismatches[0] + entry->matches[0];

    if (!entry->bits)
        return 0;
    if (source_is_aside(entry, now_us))
        return 1ull << 63 | entry->until_us;
    if (age == 0)
        requests += entry->mismatches[1] + entry->matches[1];
    return (requests << 32 | entry->half) & ~(1ull << 63);
}

static inline struct source_entry *least_worth(struct source_entry *set, uint32_t ways,
                                               uint64_t now_us)
{
    struct source_entry *least = set;
    uint64_t lowest = worth(set, now_us);

    for (uint32_t i = 1; i < ways && lowest > 0; i++) {
        const uint64_t other = worth(&set[i], now_us);

        if (other < lowest) {
            least = &set[i];
            lowest = other;
        }
    }
    return least;
}

static void note_evicted(struct source_table *table, const struct source_entry *old,
                         uint64_t now_us)
{
    if (old->bits && source_is_aside(old, now_us))
        table->evicted++;
}

/*
 * A stranger's place is the last way of the set, so that strangers never have more than a quarter
 * of the table. Who is known and lies there moves over, where one of the others is worth less.
 */
static struct source_entry *__attribute__((noinline))
stranger_place(struct source_table *table, struct source_entry *set, uint64_t now_us)
{
    struct source_entry *last = &set[SOURCE_WAYS - 1];
    struct source_entry *least = least_worth(set, SOURCE_WAYS - 1, now_us);
    const struct source_link link = source_entry_link(last);

    if (!last->bits || !source_link_known(&table->links, &link) ||
        worth(least, now_us) >= worth(last, now_us))
        return last;
    note_evicted(table, least, now_us);
    *least = *last;
    *last = (struct source_entry){0};
    return last;
}

/* Where a new entry goes. */
static inline struct source_entry *place_for(struct source_table *table, struct source_entry *set,
                                             const struct source_link *link, uint64_t now_us)
{
    if (source_link_known(&table->links, link))
        return least_worth(set, SOURCE_WAYS, now_us);
    return stranger_place(table, set, now_us);
}

/* Makes an entry in the place of `old`. */
static inline struct source_entry *replace(struct source_table *table, struct source_entry *old,
                                           const struct key *key, uint64_t now_us)
{
    note_evicted(table, old, now_us);
    *old = (struct source_entry){
        .mac = key->mac, .bits = (uint8_t)key->bits, .half = source_half(now_us)};
    memcpy(&old->prefix, key->prefix, sizeof(old->prefix));
    memcpy(&old->vlan, &key->vlan, sizeof(old->vlan));
    return old;
}

/* Inline: each wrong request of a flood comes from another source. */
static inline __attribute__((always_inline)) struct source_entry *
find_or_make(struct source_table *table, const struct source_link *link, const struct key *key,
             uint64_t now_us)
{
    struct source_entry *set = set_of(table, key);
    struct source_entry *source = find_in_set(set, key);

    return source ? source : replace(table, place_for(table, set, link, now_us), key, now_us);
}

/* A prefix of any length. */
static struct source_entry *find_or_make_prefix(struct source_table *table,
                                                const struct source_id *id, uint32_t bits,
                                                uint64_t now_us)
{
    const struct key key = key_of(id, bits);

    table->prefixes_made |= bits != prefix_source_bits(&id->addr);
    return find_or_make(table, &id->link, &key, now_us);
}

/* True where nothing but one right request, or nothing of late, is known of it. */
static bool is_dull(const struct source_entry *entry, uint64_t now_us)
{
    return !entry->bits || (!entry->strikes && !entry->asides &&
                            !source_counted(entry, entry->mismatches, now_us) &&
                            source_counted(entry, entry->matches, now_us) <= 1);
}

/* The same for who sent nothing wrong yet, in place of one who did so as little; NULL: there is
 * none. */
static struct source_entry *find_or_note(struct source_table *table, const struct source_id *id,
                                         uint64_t now_us)
{
    const struct key key = source_key(id);
    struct source_entry *set = set_of(table, &key);
    struct source_entry *source = find_in_set(set, &key), *place;

    if (source)
        return source;
    place = source_link_known(&table->links, &id->link) ? least_worth(set, SOURCE_WAYS, now_us)
                                                        : &set[SOURCE_WAYS - 1];
    return is_dull(place, now_us) ? replace(table, place, &key, now_us) : NULL;
}

/* Makes the newest half the present one. */
static void advance(struct source_entry *source, uint64_t now_us)
{
    uint32_t half = source_half(now_us), passed = half - source->half;

    if (passed == 0)
        return;
    source->mismatches[1] = passed == 1 ? source->mismatches[0] : 0;
    source->matches[1] = passed == 1 ? source->matches[0] : 0;
    source->mismatches[0] = source->matches[0] = 0;
    source->half = half;
}

/* --- judgement ------------------------------------------------------------------------------- */

static bool is_bad(const struct source_table *table, const struct source_entry *source,
                   uint64_t now_us)
{
    uint64_t mismatches = source_counted(source, source->mismatches, now_us);

    return mismatches >= table->enough &&
           (uint64_t)source_counted(source, source->matches, now_us) * SOURCE_SHARE < mismatches;
}

static void put_aside_until(struct source_table *table, struct source_entry *source,
                            uint64_t until_us, uint64_t now_us)
{
    table->changes++;
    source->since_us = now_us;
    source->until_us = until_us;
    if (until_us > table->aside_until_us)
        table->aside_until_us = until_us;
}

static uint8_t strikes_elsewhere(const struct source_table *table,
                                 const struct source_entry *source, uint64_t now_us)
{
    return source_strikes_of(&table->elsewhere, &source->prefix, source->bits, SOURCE_FORGIVEN_US,
                             now_us, table->seed);
}

/* For a minute, and twice as long as the last time where it was put aside in the hour before, here
 * or at another bridge. True: it was not, here. */
static bool put_aside(struct source_table *table, struct source_entry *source, uint64_t now_us)
{
    const uint8_t elsewhere = strikes_elsewhere(table, source, now_us);
    bool first;

    if (now_us > source->until_us + SOURCE_FORGIVEN_US)
        source->strikes = 0;
    first = source->strikes == 0;
    if (source->strikes < elsewhere)
        source->strikes = elsewhere;
    put_aside_until(table, source, now_us + (SOURCE_ASIDE_US << source->strikes), now_us);
    if (source->strikes < SOURCE_STRIKES_MAX)
        source->strikes++;
    return first;
}

/* The figures are for people, who know nothing of shares: what all shards together will have, if
 * they are alike. */
static void describe(const struct source_table *table, const struct source_entry *source,
                     uint64_t now_us, struct observed_source *out)
{
    *out = (struct observed_source){
        .prefix = source->prefix,
        .length = prefix_length(&source->prefix, source->bits),
        .link = source_entry_link(source),
        .mismatches = source_counted(source, source->mismatches, now_us) * table->shards,
        .matches = source_counted(source, source->matches, now_us) * table->shards,
        .until_us = source->until_us,
    };
}

/*
 * A source that is forgiven and put aside again would count twice: the count begins anew as fast as
 * sources are forgiven, but for a prefix that is not forgiven itself.
 */
static void restart_asides(struct source_entry *prefix, uint64_t now_us)
{
    uint64_t last_us = prefix->until_us > prefix->asides_us ? prefix->until_us : prefix->asides_us;

    if (prefix->asides && now_us <= last_us + SOURCE_FORGIVEN_US)
        return;
    prefix->asides = 0;
    prefix->asides_us = now_us;
}

/*
 * A source has been put aside (`first`: as put_aside() says), and its prefix may follow. A prefix
 * is counted from the first such source on; what was counted of that one counts for it.
 */
static void blame_prefix(struct source_table *table, const struct source_entry *source, bool first,
                         uint64_t now_us, struct observed_source *aside)
{
    const struct source_entry copy = *source; /* making the prefix's entry may displace it */
    const struct source_id id = id_of(source);
    const uint32_t bits = site_bits(&id.addr);
    struct source_entry *prefix = find(table, &id, bits);

    if (!prefix) {
        prefix = find_or_make_prefix(table, &id, bits, now_us);
        prefix->mismatches[0] = source_counted(&copy, copy.mismatches, now_us);
        prefix->matches[0] = source_counted(&copy, copy.matches, now_us);
    }
    advance(prefix, now_us);
    restart_asides(prefix, now_us);
    if (first && prefix->asides < UINT16_MAX)
        prefix->asides++;
    if (prefix->asides < (SOURCE_MANY + table->shards - 1) / table->shards ||
        source_is_aside(prefix, now_us) || !is_bad(table, prefix, now_us))
        return;
    put_aside(table, prefix, now_us);
    describe(table, prefix, now_us, aside);
}

/* It has sent enough that is wrong to be judged. True where it is put aside by that. */
static bool __attribute__((noinline)) judge(struct source_table *table, struct source_entry *source,
                                            uint64_t now_us, struct observed_source *aside)
{
    bool first;

    if (source_counted(source, source->mismatches, now_us) == table->enough)
        source->since_us = now_us;
    if (source_is_aside(source, now_us) || !is_bad(table, source, now_us))
        return false;
    first = put_aside(table, source, now_us);
    describe(table, source, now_us, aside);
    blame_prefix(table, source, first, now_us, aside);
    return true;
}

static void count_mismatch(struct source_entry *source, uint64_t now_us)
{
    advance(source, now_us);
    source->mismatches[0]++;
}

bool source_mismatch(struct source_table *table, const struct source_id *id, uint64_t now_us,
                     struct observed_source *aside, bool *may_be_reset)
{
    const struct source_rule *rule = source_rule_for(table, &id->addr, now_us);
    const struct key key = source_key(id);
    struct source_entry *source, *prefix;
    bool put = false;

    if (!rule || rule->state == SOURCE_ASIDE) {
        source = find_or_make(table, &id->link, &key, now_us);
        prefix = find_site(table, id);
        count_mismatch(source, now_us);
        if (prefix)
            count_mismatch(prefix, now_us);
        *may_be_reset = true;
        if (source->mismatches[0] + source->mismatches[1] < table->enough)
            return false;
        put = judge(table, source, now_us, aside);
    }
    /* Looked up anew: the entry of its prefix may have displaced it. */
    *may_be_reset = source_may_be_reset(table, id, now_us);
    return put;
}

/*
 * It was put aside on the first that came, and those who had their cookie already show that the
 * share is another. Only where the wrong ones were counted here: other shards have been told, and
 * know nothing of shares. They are told of this too.
 */
static bool release(struct source_table *table, struct source_entry *source, uint64_t now_us)
{
    const struct source_id id = id_of(source);
    struct source_entry *prefix;

    if (!source_is_aside(source, now_us) ||
        source_counted(source, source->mismatches, now_us) < table->enough ||
        is_bad(table, source, now_us))
        return false;
    source->until_us = now_us;
    if (source->strikes == 0 || --source->strikes > strikes_elsewhere(table, source, now_us))
        return true;
    source->strikes = 0; /* of elsewhere: the next time counts for the prefix again */
    prefix = find_site(table, &id);
    if (prefix && prefix->asides > 0)
        prefix->asides--;
    return true;
}

bool source_match(struct source_table *table, const struct source_id *id, uint64_t now_us,
                  struct observed_source *released)
{
    struct source_entry *source = find_or_note(table, id, now_us);
    struct source_entry *prefix = find_site(table, id);
    bool is_released = false;

    source_link_heard(&table->links, &id->link, now_us);
    if (source) {
        advance(source, now_us);
        source->matches[0]++;
        source->matched_half = source->half;
        is_released = release(table, source, now_us);
    }
    if (is_released)
        describe(table, source, now_us, released);
    if (prefix) {
        advance(prefix, now_us);
        prefix->matches[0]++;
    }
    return is_released;
}

bool source_matched_lately(const struct source_table *table, const struct source_id *id,
                           uint64_t age_us, uint64_t now_us)
{
    const struct source_entry *source = find_source(table, id);

    return source && source->matched_half &&
           source_half(now_us) - source->matched_half <= age_us / SOURCE_HALF_US;
}

static bool judged_aside(const struct source_table *table, const struct source_id *id,
                         uint64_t now_us)
{
    const struct source_entry *source, *prefix;

    if (now_us >= table->aside_until_us)
        return false; /* nearly always: a flood costs no look-up here */
    source = find_source(table, id);
    if (source && source_is_aside(source, now_us))
        return true;
    prefix = find_site(table, id);
    return prefix && source_is_aside(prefix, now_us);
}

enum source_state source_state(const struct source_table *table, const struct source_id *id,
                               enum source_by *by, uint64_t now_us)
{
    const struct source_rule *rule = source_rule_for(table, &id->addr, now_us);
    const bool listed = !rule && table->lists && source_lists_have(table->lists, &id->addr);

    if (by)
        *by = rule ? rule->by : listed ? SOURCE_BY_OPERATOR : SOURCE_BY_JUDGEMENT;
    if (rule || listed)
        return rule ? rule->state : SOURCE_ASIDE;
    return judged_aside(table, id, now_us) ? SOURCE_ASIDE : SOURCE_CLEAR;
}

bool source_may_be_reset(struct source_table *table, const struct source_id *id, uint64_t now_us)
{
    struct source_entry *source = find_source(table, id);

    if (!source || !source_is_limited(table, source, now_us))
        return true;
    return token_take(&source->resets, SOURCE_RESETS_PER_SECOND, SOURCE_RESETS_PER_SECOND, now_us);
}

/* --- set and forgotten by hand ------------------------------------------------------------- */

void source_set_lists(struct source_table *table, const struct source_lists *lists)
{
    table->lists = lists;
    table->changes++;
}

static void note_strikes(struct source_table *table, const struct source_rule *rule, uint32_t bits)
{
    const struct source_strike strike = {.prefix = prefix_masked(&rule->prefix, bits),
                                         .until_us = rule->until_us,
                                         .bits = (uint8_t)bits,
                                         .strikes = rule->strikes};

    if (strike.strikes > 0 && strike.strikes <= SOURCE_STRIKES_MAX)
        source_strikes_note(&table->elsewhere, &strike, table->seed);
}

bool source_set(struct source_table *table, const struct source_rule *rule, uint64_t now_us)
{
    const struct source_id id = {.addr = rule->prefix, .link = rule->link};
    uint32_t bits = prefix_bits(&rule->prefix, rule->length);
    struct source_entry *source;

    table->changes++;
    if (rule->by == SOURCE_BY_CLUSTER)
        note_strikes(table, rule, bits);
    if (rule->by != SOURCE_BY_JUDGEMENT)
        return source_rule_set(table, rule, bits, now_us);
    source = find_or_make_prefix(table, &id, bits, now_us);
    if (rule->state == SOURCE_CLEAR && source_is_aside(source, now_us))
        source->until_us = now_us;
    else if (rule->state == SOURCE_ASIDE && rule->until_us > source->until_us)
        put_aside_until(table, source, rule->until_us, now_us);
    return true;
}
