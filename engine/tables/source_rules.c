/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source_rules.c - the operator's rules about sources. See source_rules.h. */
#include "engine/tables/source_rules.h"

#include "engine/tables/source_prefix.h"

#include <string.h>

/* The place of a prefix among the rules of a run, or where it would go; `*found` says which. */
static uint32_t place_in(const struct source_table *table, uint32_t first, uint32_t count,
                         const struct ip_addr *prefix, bool *found)
{
    uint32_t low = first, high = first + count;

    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(&table->rules[middle].prefix, prefix, sizeof(*prefix));

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct source_rule *source_rule_find(const struct source_table *table,
                                           const struct ip_addr *addr, uint64_t now_us)
{
    for (uint32_t i = 0; i < table->runs_count; i++) {
        const struct source_run *run = &table->runs[i];
        struct ip_addr prefix = prefix_masked(addr, run->bits);
        uint32_t place;
        bool found;

        if (run->bits < PREFIX_V4_BITS && addr_is_v4(addr))
            return NULL; /* ::/0 is all of IPv6, and nothing else */
        place = place_in(table, run->first, run->count, &prefix, &found);
        if (found && source_rule_lives(&table->rules[place], now_us))
            return &table->rules[place];
    }
    return NULL;
}

static void make_runs(struct source_table *table)
{
    table->runs_count = 0;
    for (uint32_t i = 0; i < table->rules_count; i++) {
        uint8_t bits = (uint8_t)prefix_bits(&table->rules[i].prefix, table->rules[i].length);
        struct source_run *last = table->runs_count ? &table->runs[table->runs_count - 1] : NULL;

        if (last && last->bits == bits)
            last->count++;
        else
            table->runs[table->runs_count++] = (struct source_run){bits, (uint16_t)i, 1};
    }
}

static void rule_remove(struct source_table *table, uint32_t place)
{
    memmove(&table->rules[place], &table->rules[place + 1],
            (table->rules_count - place - 1) * sizeof(table->rules[0]));
    table->rules_count--;
    make_runs(table);
}

/* The place of (prefix, bits) among all rules. */
static uint32_t place_of(const struct source_table *table, const struct ip_addr *prefix,
                         uint32_t bits, bool *found)
{
    *found = false;
    for (uint32_t i = 0; i < table->runs_count; i++) {
        const struct source_run *run = &table->runs[i];

        if (run->bits == bits)
            return place_in(table, run->first, run->count, prefix, found);
        if (run->bits < bits)
            return run->first;
    }
    return table->rules_count;
}

bool source_rule_stands(const struct source_table *table, const struct ip_addr *prefix,
                        uint32_t bits)
{
    bool found;

    place_of(table, prefix, bits, &found);
    return found;
}

static void remove_expired(struct source_table *table, uint64_t now_us)
{
    for (uint32_t i = table->rules_count; i-- > 0;)
        if (!source_rule_lives(&table->rules[i], now_us))
            rule_remove(table, i);
}

bool source_rule_set(struct source_table *table, const struct source_rule *rule, uint32_t bits,
                     uint64_t now_us)
{
    struct ip_addr prefix = prefix_masked(&rule->prefix, bits);
    bool found;
    uint32_t place;

    remove_expired(table, now_us);
    place = place_of(table, &prefix, bits, &found);
    /* Others' judgements leave room for the operator's word, which counts before them. */
    if (found && rule->by == SOURCE_BY_CLUSTER && table->rules[place].by == SOURCE_BY_OPERATOR)
        return true;
    if (!found && table->rules_count >=
                      (rule->by == SOURCE_BY_CLUSTER ? SOURCE_RULES_MAX / 2 : SOURCE_RULES_MAX))
        return false;
    if (!found) {
        memmove(&table->rules[place + 1], &table->rules[place],
                (table->rules_count - place) * sizeof(table->rules[0]));
        table->rules_count++;
    }
    table->rules[place] = *rule;
    table->rules[place].prefix = prefix;
    table->rules[place].length = prefix_length(&prefix, bits);
    table->rules[place].since_us = now_us;
    make_runs(table);
    return true;
}

bool source_rule_forget(struct source_table *table, const struct ip_addr *prefix, uint32_t bits)
{
    bool found;
    uint32_t place = place_of(table, prefix, bits, &found);

    if (found)
        rule_remove(table, place);
    return found;
}
