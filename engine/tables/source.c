/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source.c - judges sources. See source.h. */
#include "engine/tables/source.h"

#include "engine/tables/source_prefix.h"
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

static struct source_entry *set_of(const struct source_table *table, const struct ip_addr *prefix,
                                   uint32_t bits)
{
    uint64_t hash = hash_with(addr_hash(table->seed, prefix), bits);

    return &table->slots[(hash & (table->count / SOURCE_WAYS - 1)) * SOURCE_WAYS];
}

static inline bool same_addr(const struct ip_addr *a, const struct ip_addr *b)
{
    return ((key_word(a, 0) ^ key_word(b, 0)) | (key_word(a, 8) ^ key_word(b, 8))) == 0;
}

static struct source_entry *find_in_set(struct source_entry *set, const struct ip_addr *prefix,
                                        uint32_t bits)
{
    for (uint32_t i = 0; i < SOURCE_WAYS; i++)
        if (set[i].bits == bits && same_addr(&set[i].prefix, prefix))
            return &set[i];
    return NULL;
}

static struct source_entry *find(const struct source_table *table, const struct ip_addr *addr,
                                 uint32_t bits)
{
    struct ip_addr prefix = prefix_masked(addr, bits);

    return find_in_set(set_of(table, &prefix, bits), &prefix, bits);
}

/* The entry of the prefix around a source. There is none before a first source has been blamed. */
static struct source_entry *find_neighbours(const struct source_table *table,
                                            const struct ip_addr *addr)
{
    return table->prefixes_made ? find(table, addr, prefix_neighbour_bits(addr)) : NULL;
}

static uint32_t half_of(uint64_t now_us)
{
    return (uint32_t)(now_us / SOURCE_HALF_US);
}

static uint32_t counted(const struct source_entry *source, const uint32_t halves[2],
                        uint64_t now_us)
{
    uint32_t age = half_of(now_us) - source->half;

    return age == 0 ? halves[0] + halves[1] : age == 1 ? halves[0] : 0;
}

static bool is_aside(const struct source_entry *source, uint64_t now_us)
{
    return source->until_us > now_us;
}

static uint32_t requests_of(const struct source_entry *source, uint64_t now_us)
{
    return counted(source, source->mismatches, now_us) + counted(source, source->matches, now_us);
}

/* True where `a` is the one to go rather than `b`. */
static bool less_interesting(const struct source_entry *a, const struct source_entry *b,
                             uint64_t now_us)
{
    uint32_t mine = requests_of(a, now_us), other = requests_of(b, now_us);

    if (!a->bits || !b->bits)
        return !a->bits;
    if (is_aside(a, now_us) || is_aside(b, now_us))
        return is_aside(a, now_us) ? is_aside(b, now_us) && a->until_us < b->until_us : true;
    return mine != other ? mine < other : a->half < b->half;
}

static struct source_entry *least_interesting(struct source_entry *set, uint64_t now_us)
{
    struct source_entry *least = set;

    if (!set->bits)
        return set;
    for (uint32_t i = 1; i < SOURCE_WAYS && least->bits; i++)
        if (less_interesting(&set[i], least, now_us))
            least = &set[i];
    return least;
}

/* Makes an entry in the place of `old`. */
static struct source_entry *replace(struct source_table *table, struct source_entry *old,
                                    const struct ip_addr *prefix, uint32_t bits, uint64_t now_us)
{
    if (old->bits && is_aside(old, now_us))
        table->evicted++;
    *old = (struct source_entry){.prefix = *prefix, .bits = (uint8_t)bits, .half = half_of(now_us)};
    return old;
}

/* Inline: each wrong request of a flood comes from another source. */
static inline __attribute__((always_inline)) struct source_entry *
find_or_make(struct source_table *table, const struct ip_addr *addr, uint32_t bits, uint64_t now_us)
{
    struct ip_addr prefix = prefix_masked(addr, bits);
    struct source_entry *set = set_of(table, &prefix, bits);
    struct source_entry *source = find_in_set(set, &prefix, bits);

    if (source)
        return source;
    table->prefixes_made |= bits != prefix_source_bits(addr);
    return replace(table, least_interesting(set, now_us), &prefix, bits, now_us);
}

/* The same for who sent nothing wrong yet, in place of one who did so as little; NULL: there is
 * none. */
static struct source_entry *find_or_note(struct source_table *table, const struct ip_addr *addr,
                                         uint32_t bits, uint64_t now_us)
{
    struct ip_addr prefix = prefix_masked(addr, bits);
    struct source_entry *set = set_of(table, &prefix, bits);
    struct source_entry *source = find_in_set(set, &prefix, bits), *least;

    if (source)
        return source;
    least = least_interesting(set, now_us);
    if (least->bits &&
        (least->strikes || least->asides || counted(least, least->mismatches, now_us) ||
         counted(least, least->matches, now_us) > 1))
        return NULL;
    return replace(table, least, &prefix, bits, now_us);
}

/* Makes the newest half the present one. */
static void advance(struct source_entry *source, uint64_t now_us)
{
    uint32_t half = half_of(now_us), passed = half - source->half;

    if (passed == 0)
        return;
    source->mismatches[1] = passed == 1 ? source->mismatches[0] : 0;
    source->matches[1] = passed == 1 ? source->matches[0] : 0;
    source->mismatches[0] = source->matches[0] = 0;
    source->half = half;
}

/* --- judgement ------------------------------------------------------------------------------- */

static bool is_limited(const struct source_table *table, const struct source_entry *source,
                       uint64_t now_us)
{
    return counted(source, source->mismatches, now_us) >= table->enough;
}

static bool is_bad(const struct source_table *table, const struct source_entry *source,
                   uint64_t now_us)
{
    uint64_t mismatches = counted(source, source->mismatches, now_us);

    return mismatches >= table->enough &&
           (uint64_t)counted(source, source->matches, now_us) * SOURCE_SHARE < mismatches;
}

static void put_aside_until(struct source_table *table, struct source_entry *source,
                            uint64_t until_us, uint64_t now_us)
{
    source->since_us = now_us;
    source->until_us = until_us;
    if (until_us > table->aside_until_us)
        table->aside_until_us = until_us;
}

/* For a minute, and twice as long as the last time where it was put aside in the hour before. */
static void put_aside(struct source_table *table, struct source_entry *source, uint64_t now_us)
{
    if (now_us > source->until_us + SOURCE_FORGIVEN_US)
        source->strikes = 0;
    put_aside_until(table, source, now_us + (SOURCE_ASIDE_US << source->strikes), now_us);
    if (source->strikes < SOURCE_STRIKES_MAX)
        source->strikes++;
}

/* The figures are for people, who know nothing of shares: what all shards together will have, if
 * they are alike. */
static void describe(const struct source_table *table, const struct source_entry *source,
                     uint64_t now_us, struct observed_source *out)
{
    *out = (struct observed_source){
        .prefix = source->prefix,
        .length = prefix_length(&source->prefix, source->bits),
        .mismatches = counted(source, source->mismatches, now_us) * table->shards,
        .matches = counted(source, source->matches, now_us) * table->shards,
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
 * A source has been put aside, and its prefix may follow. A prefix is counted from the first such
 * source on; what was counted of that one counts for it.
 */
static void blame_prefix(struct source_table *table, const struct source_entry *source,
                         uint64_t now_us, struct observed_source *aside)
{
    struct source_entry copy = *source; /* making the prefix's entry may displace it */
    uint32_t bits = prefix_neighbour_bits(&copy.prefix);
    struct source_entry *prefix = find(table, &copy.prefix, bits);

    if (!prefix) {
        prefix = find_or_make(table, &copy.prefix, bits, now_us);
        prefix->mismatches[0] = counted(&copy, copy.mismatches, now_us);
        prefix->matches[0] = counted(&copy, copy.matches, now_us);
    }
    advance(prefix, now_us);
    restart_asides(prefix, now_us);
    if (copy.strikes == 1 && prefix->asides < UINT16_MAX)
        prefix->asides++;
    if (prefix->asides < (SOURCE_MANY + table->shards - 1) / table->shards ||
        is_aside(prefix, now_us) || !is_bad(table, prefix, now_us))
        return;
    put_aside(table, prefix, now_us);
    describe(table, prefix, now_us, aside);
}

static inline const struct source_rule *rule_for(const struct source_table *table,
                                                 const struct ip_addr *addr, uint64_t now_us)
{
    return table->runs_count ? source_rule_find(table, addr, now_us) : NULL;
}

/* It has sent enough that is wrong to be judged. True where it is put aside by that. */
static bool __attribute__((noinline)) judge(struct source_table *table, struct source_entry *source,
                                            uint64_t now_us, struct observed_source *aside)
{
    if (counted(source, source->mismatches, now_us) == table->enough)
        source->since_us = now_us;
    if (is_aside(source, now_us) || !is_bad(table, source, now_us))
        return false;
    put_aside(table, source, now_us);
    describe(table, source, now_us, aside);
    blame_prefix(table, source, now_us, aside);
    return true;
}

static void count_mismatch(struct source_entry *source, uint64_t now_us)
{
    advance(source, now_us);
    source->mismatches[0]++;
}

bool source_mismatch(struct source_table *table, const struct ip_addr *addr, uint64_t now_us,
                     struct observed_source *aside, bool *may_be_reset)
{
    const struct source_rule *rule = rule_for(table, addr, now_us);
    struct source_entry *source, *prefix;
    bool put = false;

    if (!rule || (rule->state != SOURCE_ALLOWED && rule->state != SOURCE_PROXY)) {
        source = find_or_make(table, addr, prefix_source_bits(addr), now_us);
        prefix = find_neighbours(table, addr);
        count_mismatch(source, now_us);
        if (prefix)
            count_mismatch(prefix, now_us);
        *may_be_reset = true;
        if (!is_limited(table, source, now_us))
            return false;
        put = judge(table, source, now_us, aside);
    }
    /* Looked up anew: the entry of its prefix may have displaced it. */
    *may_be_reset = source_may_be_reset(table, addr, now_us);
    return put;
}

/*
 * It was put aside on the first that came, and those who had their cookie already show that the
 * share is another. Only where the wrong ones were counted here: other shards have been told, and
 * know nothing of shares. They are told of this too.
 */
static bool release(struct source_table *table, struct source_entry *source, uint64_t now_us)
{
    struct source_entry *prefix;

    if (!is_aside(source, now_us) || counted(source, source->mismatches, now_us) < table->enough ||
        is_bad(table, source, now_us))
        return false;
    source->until_us = now_us;
    if (source->strikes == 0 || --source->strikes > 0)
        return true;
    prefix = find_neighbours(table, &source->prefix);
    if (prefix && prefix->asides > 0)
        prefix->asides--;
    return true;
}

bool source_match(struct source_table *table, const struct ip_addr *addr, uint64_t now_us,
                  struct observed_source *released)
{
    bool is_released = false;

    struct source_entry *source = find_or_note(table, addr, prefix_source_bits(addr), now_us);
    struct source_entry *prefix = find_neighbours(table, addr);

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

bool source_matched_lately(const struct source_table *table, const struct ip_addr *addr,
                           uint64_t age_us, uint64_t now_us)
{
    const struct source_entry *source = find(table, addr, prefix_source_bits(addr));

    return source && source->matched_half &&
           half_of(now_us) - source->matched_half <= age_us / SOURCE_HALF_US;
}

static bool judged_aside(const struct source_table *table, const struct ip_addr *addr,
                         uint64_t now_us)
{
    const struct source_entry *source, *prefix;

    if (now_us >= table->aside_until_us)
        return false; /* nearly always: a flood costs no look-up here */
    source = find(table, addr, prefix_source_bits(addr));
    if (source && is_aside(source, now_us))
        return true;
    prefix = find_neighbours(table, addr);
    return prefix && is_aside(prefix, now_us);
}

enum source_state source_state(const struct source_table *table, const struct ip_addr *addr,
                               enum source_by *by, uint64_t now_us)
{
    const struct source_rule *rule = rule_for(table, addr, now_us);

    if (by)
        *by = rule ? SOURCE_BY_OPERATOR : SOURCE_BY_JUDGEMENT;
    if (rule)
        return rule->state;
    return judged_aside(table, addr, now_us) ? SOURCE_ASIDE : SOURCE_CLEAR;
}

bool source_may_be_reset(struct source_table *table, const struct ip_addr *addr, uint64_t now_us)
{
    struct source_entry *source = find(table, addr, prefix_source_bits(addr));

    if (!source || !is_limited(table, source, now_us))
        return true;
    return token_take(&source->resets, SOURCE_RESETS_PER_SECOND, SOURCE_RESETS_PER_SECOND, now_us);
}

/* --- set and forgotten by hand ------------------------------------------------------------- */

bool source_set(struct source_table *table, const struct source_rule *rule, uint64_t now_us)
{
    uint32_t bits = prefix_bits(&rule->prefix, rule->length);
    struct source_entry *source;

    if (rule->by == SOURCE_BY_OPERATOR)
        return source_rule_set(table, rule, bits, now_us);
    source = find_or_make(table, &rule->prefix, bits, now_us);
    if (rule->state == SOURCE_CLEAR && is_aside(source, now_us))
        source->until_us = now_us;
    else if (rule->state == SOURCE_ASIDE && rule->until_us > source->until_us)
        put_aside_until(table, source, rule->until_us, now_us);
    return true;
}

bool source_forget(struct source_table *table, const struct ip_addr *prefix, uint8_t length)
{
    uint32_t bits = prefix_bits(prefix, length);
    struct ip_addr wanted = prefix_masked(prefix, bits);
    struct source_entry *source = find(table, &wanted, bits);
    bool found = source_rule_forget(table, &wanted, bits);

    if (source) {
        found = found || source->until_us || source->mismatches[0] || source->mismatches[1];
        *source = (struct source_entry){0};
    }
    return found;
}

/* --- listing --------------------------------------------------------------------------------- */

static struct source_info info_of(const struct source_table *table,
                                  const struct source_entry *source, uint64_t now_us)
{
    struct source_info info = {
        .rule = {.prefix = source->prefix,
                 .length = prefix_length(&source->prefix, source->bits),
                 .state = SOURCE_CLEAR,
                 .by = SOURCE_BY_JUDGEMENT,
                 .since_us = source->since_us},
        .mismatches = counted(source, source->mismatches, now_us),
        .matches = counted(source, source->matches, now_us),
    };
    bool single = source->bits == prefix_source_bits(&source->prefix);

    if (is_aside(source, now_us)) {
        info.rule.state = SOURCE_ASIDE;
        info.rule.until_us = source->until_us;
    } else if (single && is_limited(table, source, now_us)) {
        info.rule.state = SOURCE_LIMITED;
    }
    return info;
}

/* What is counted of a single address that has a rule. */
static struct source_info rule_info(const struct source_table *table,
                                    const struct source_rule *rule, uint64_t now_us)
{
    const struct source_entry *source =
        find(table, &rule->prefix, prefix_bits(&rule->prefix, rule->length));
    struct source_info info = {.rule = *rule};

    if (source) {
        info.mismatches = counted(source, source->mismatches, now_us);
        info.matches = counted(source, source->matches, now_us);
    }
    return info;
}

uint32_t source_list(const struct source_table *table, struct source_info *out, uint32_t max,
                     uint64_t now_us)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < table->rules_count; i++) {
        if (!source_rule_lives(&table->rules[i], now_us))
            continue;
        if (count < max)
            out[count] = rule_info(table, &table->rules[i], now_us);
        count++;
    }
    for (uint32_t i = 0; i < table->count; i++) {
        struct source_info info;

        if (!table->slots[i].bits)
            continue;
        info = info_of(table, &table->slots[i], now_us);
        if (info.rule.state == SOURCE_CLEAR)
            continue;
        if (count < max)
            out[count] = info;
        count++;
    }
    return count;
}
