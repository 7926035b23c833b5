/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counters.c - sums and walks the counters. Both are made from the lists in counters.h, so that a
 * new counter is one line there.
 */
#include "engine/base/counters.h"

void counters_add(struct counters *sum, const struct counters *from)
{
#define ADD(group, name, text) sum->group##_##name += from->group##_##name;
    SYNWARD_COUNTERS(ADD)
#undef ADD
    for (unsigned i = 0; i < DROP_REASONS_COUNT; i++)
        sum->drops[i] += from->drops[i];
}

void counters_visit(const struct counters *counters, counters_visitor *visitor, void *context)
{
#define VISIT(group, name, text) visitor(context, #group, #name, text, counters->group##_##name);
    SYNWARD_COUNTERS(VISIT)
#undef VISIT
#define VISIT(name, text) visitor(context, "drops", #name, text, counters->drops[DROP_##name]);
    SYNWARD_DROPS(VISIT)
#undef VISIT
}
