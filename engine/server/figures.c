/* SPDX-License-Identifier: GPL-2.0-or-later */
/* figures.c - see figures.h. */
#include "engine/server/figures.h"

_Static_assert(DROP_REASONS_COUNT <= 32, "reasons are bits of a word");

void figures_refuse(struct server_figures *figures, enum drop_reason reason)
{
    static const uint8_t places[DROP_REASONS_COUNT] = {
#define REFUSAL_PLACE(name) [DROP_##name] = REFUSAL_OF_##name,
        SERVER_REFUSALS(REFUSAL_PLACE)
#undef REFUSAL_PLACE
    };

    if (figures_is_refusal(reason))
        figures->refused[places[reason]]++;
}

void figures_admit(struct server_figures *figures, uint64_t us)
{
    const uint32_t bits = us ? 64 - (uint32_t)__builtin_clzll(us) : 0;

    figures->admitted++;
    figures->admission_us += us;
    figures->admission[bits < ADMISSION_BUCKETS ? bits : ADMISSION_BUCKETS - 1]++;
}

void figures_carried(struct server_figures *sum, const struct record_figures *carried)
{
    sum->frames_in += __atomic_load_n(&carried->from[0].frames, __ATOMIC_RELAXED);
    sum->bytes_in += __atomic_load_n(&carried->from[0].bytes, __ATOMIC_RELAXED);
    sum->frames_out += __atomic_load_n(&carried->from[1].frames, __ATOMIC_RELAXED);
    sum->bytes_out += __atomic_load_n(&carried->from[1].bytes, __ATOMIC_RELAXED);
}

void figures_add(struct server_figures *sum, const struct server_figures *from)
{
#define ADD(name, text) sum->name += from->name;
    SERVER_FIGURES(ADD)
#undef ADD
    for (uint32_t i = 0; i < SERVER_REFUSALS_COUNT; i++)
        sum->refused[i] += from->refused[i];
    for (uint32_t i = 0; i < ADMISSION_BUCKETS; i++)
        sum->admission[i] += from->admission[i];
}
