/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source_rules.h - the operator's rules about sources, beside what is judged (source.h).
 *
 * They lie sorted by length, the longest first, in runs of one length; in a run by prefix. Bits
 * count as source_prefix.h has them.
 */
#ifndef SYNWARD_ENGINE_TABLES_SOURCE_RULES_H
#define SYNWARD_ENGINE_TABLES_SOURCE_RULES_H

#include "engine/tables/source.h"

/* False: its time is over. */
static inline bool source_rule_lives(const struct source_rule *rule, uint64_t now_us)
{
    return rule->until_us == 0 || now_us < rule->until_us;
}

/* The living rule with the longest prefix of this address, or NULL. */
const struct source_rule *source_rule_find(const struct source_table *table,
                                           const struct ip_addr *addr, uint64_t now_us);
/* True where there is a rule of just this prefix. `prefix`: masked. */
bool source_rule_stands(const struct source_table *table, const struct ip_addr *prefix,
                        uint32_t bits);
/* The same, and without a call where there are no rules: a flood asks for every SYN. */
static inline const struct source_rule *source_rule_for(const struct source_table *table,
                                                        const struct ip_addr *addr, uint64_t now_us)
{
    return table->runs_count ? source_rule_find(table, addr, now_us) : NULL;
}

/* True where the operator allows the address, or names it as a proxy: no limit holds for it. */
static inline bool source_is_exempt(const struct source_table *table, const struct ip_addr *addr,
                                    uint64_t now_us)
{
    const struct source_rule *rule = source_rule_for(table, addr, now_us);

    return rule && rule->state != SOURCE_ASIDE;
}

/* Sets or replaces. False: there is no room for more. */
bool source_rule_set(struct source_table *table, const struct source_rule *rule, uint32_t bits,
                     uint64_t now_us);
/* `prefix`: masked. False: there was none. */
bool source_rule_forget(struct source_table *table, const struct ip_addr *prefix, uint32_t bits);

#endif
