/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source_list.c - what is thought of all sources, and how it is forgotten. See source.h. */
#include "engine/tables/source_entry.h"
#include "engine/tables/source_prefix.h"
#include "engine/tables/source_rules.h"

#include <string.h>

/* Is the entry one of this prefix, by whatever link? */
static bool is_of(const struct source_entry *entry, const struct ip_addr *prefix, uint32_t bits)
{
    return entry->bits == bits && memcmp(&entry->prefix, prefix, sizeof(*prefix)) == 0;
}

bool source_forget(struct source_table *table, const struct ip_addr *prefix, uint8_t length)
{
    uint32_t bits = prefix_bits(prefix, length);
    struct ip_addr wanted = prefix_masked(prefix, bits);
    bool found = source_rule_forget(table, &wanted, bits);

    for (uint32_t i = 0; i < table->count; i++) {
        struct source_entry *entry = &table->slots[i];

        if (!is_of(entry, &wanted, bits))
            continue;
        found = found || entry->until_us || entry->mismatches[0] || entry->mismatches[1];
        *entry = (struct source_entry){0};
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
                 .link = source_entry_link(source),
                 .since_us = source->since_us},
        .mismatches = source_counted(source, source->mismatches, now_us),
        .matches = source_counted(source, source->matches, now_us),
    };
    bool single = source->bits == prefix_source_bits(&source->prefix);

    if (source_is_aside(source, now_us)) {
        info.rule.state = SOURCE_ASIDE;
        info.rule.until_us = source->until_us;
        info.rule.strikes = source->strikes;
    } else if (single && source_is_limited(table, source, now_us)) {
        info.rule.state = SOURCE_LIMITED;
    }
    return info;
}

/* What is counted of a prefix that has a rule, by whatever links, is told with the rule. `out`:
 * `count` rules. */
static void add_to_rule(const struct source_table *table, const struct source_info *counted_of,
                        struct source_info *out, uint32_t count)
{
    const struct ip_addr *prefix = &counted_of->rule.prefix;

    if (!source_rule_stands(table, prefix, prefix_bits(prefix, counted_of->rule.length)))
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (out[i].rule.length != counted_of->rule.length ||
            memcmp(&out[i].rule.prefix, prefix, sizeof(*prefix)) != 0)
            continue;
        out[i].mismatches += counted_of->mismatches;
        out[i].matches += counted_of->matches;
    }
}

/* Those of the operator. */
static uint32_t list_rules(const struct source_table *table, struct source_info *out, uint32_t max,
                           uint64_t now_us)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < table->rules_count; i++) {
        if (!source_rule_lives(&table->rules[i], now_us))
            continue;
        if (count < max)
            out[count] = (struct source_info){.rule = table->rules[i]};
        count++;
    }
    return count;
}

uint32_t source_list(const struct source_table *table, struct source_info *out, uint32_t max,
                     uint64_t now_us)
{
    const uint32_t rules = list_rules(table, out, max, now_us);
    uint32_t count = rules;

    for (uint32_t i = 0; i < table->count; i++) {
        struct source_info info;

        if (!table->slots[i].bits)
            continue;
        info = info_of(table, &table->slots[i], now_us);
        add_to_rule(table, &info, out, rules < max ? rules : max);
        if (info.rule.state == SOURCE_CLEAR)
            continue;
        if (count < max)
            out[count] = info;
        count++;
    }
    return count;
}
