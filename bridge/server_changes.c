/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_changes.c - see server_changes.h. */
#include "bridge/server_changes.h"

#include <stdlib.h>
#include <string.h>

#define RATED_MS 900 /* at least, whoever looks how often */
#define ATTACKED (1ull << 63)

static bool same_set(const struct server_changes *changes, const struct server_info *servers,
                     uint32_t count)
{
    if (count != changes->count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(&changes->last[i].key, &servers[i].key, sizeof(servers[i].key)) != 0)
            return false;
    return true;
}

static void set_changed(uint64_t changed_ms[SERVER_PARTS], uint32_t parts, uint64_t now_ms)
{
    for (uint32_t part = 0; part < SERVER_PARTS; part++)
        if (parts >> part & 1)
            changed_ms[part] = now_ms;
}

static uint32_t figures_that_differ(const struct server_figures *a, const struct server_figures *b)
{
    uint32_t parts = 0;

#define FIGURE_DIFFERS(name, text)                                                                 \
    if (a->name != b->name)                                                                        \
        parts |= SERVER_PART_BIT(name);
    SERVER_FIGURES(FIGURE_DIFFERS)
#undef FIGURE_DIFFERS
    if (memcmp(a->refused, b->refused, sizeof(a->refused)) != 0)
        parts |= SERVER_PART_BIT(REFUSED);
    if (memcmp(a->admission, b->admission, sizeof(a->admission)) != 0)
        parts |= SERVER_PART_BIT(ADMISSION);
    return parts;
}

static uint32_t parts_that_differ(const struct server_info *a, const struct server_info *b)
{
    uint32_t parts = figures_that_differ(&a->figures, &b->figures);

    if (a->mode != b->mode || a->setting != b->setting || a->since_us != b->since_us ||
        a->cause != b->cause || a->cause_value != b->cause_value || a->dead != b->dead ||
        a->no_grants != b->no_grants)
        parts |= SERVER_PART_BIT(MODE);
    if (a->held != b->held || a->held_mark != b->held_mark || a->ended != b->ended)
        parts |= SERVER_PART_BIT(HELD);
    if (a->half_open_limit != b->half_open_limit || a->usual != b->usual)
        parts |= SERVER_PART_BIT(LIMITS);
    return parts;
}

static void begin_anew(struct server_changes *changes, const struct server_info *servers,
                       uint32_t count, uint64_t now_ms)
{
    server_changes_free(changes);
    changes->set_changed_ms = now_ms;
    if (count == 0)
        return;
    changes->last = malloc(count * sizeof(*servers));
    changes->changed_ms = malloc(count * sizeof(*changes->changed_ms));
    changes->pace = calloc(count, sizeof(*changes->pace));
    changes->order = malloc(count * sizeof(*changes->order));
    if (!changes->last || !changes->changed_ms || !changes->pace || !changes->order) {
        server_changes_free(changes);
        changes->set_changed_ms = UINT64_MAX;
        return;
    }
    memcpy(changes->last, servers, count * sizeof(*servers));
    for (uint32_t i = 0; i < count; i++) {
        set_changed(changes->changed_ms[i], SERVER_PARTS_ALL, now_ms);
        changes->pace[i].syns = servers[i].figures.syns;
        changes->order[i] = i;
    }
    changes->count = count;
}

void server_changes_look(struct server_changes *changes, const struct server_info *servers,
                         uint32_t count, uint64_t now_ms)
{
    if (!same_set(changes, servers, count)) {
        begin_anew(changes, servers, count, now_ms);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        /* Mostly all is the same; padding that differs costs a closer look. */
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
        if (memcmp(&changes->last[i], &servers[i], sizeof(servers[i])) == 0)
            continue;
        set_changed(changes->changed_ms[i], parts_that_differ(&changes->last[i], &servers[i]),
                    now_ms);
        changes->last[i] = servers[i];
    }
}

bool server_changes_set(const struct server_changes *changes, uint64_t since_ms)
{
    return since_ms == 0 || changes->set_changed_ms >= since_ms;
}

uint32_t server_changes_at(const struct server_changes *changes, uint32_t place, uint64_t since_ms)
{
    uint32_t parts = 0;

    if (place >= changes->count)
        return SERVER_PARTS_ALL;
    for (uint32_t part = 0; part < SERVER_PARTS; part++)
        if (changes->changed_ms[place][part] >= since_ms)
            parts |= 1u << part;
    return parts;
}

/* --- by turns -------------------------------------------------------------------------------- */

static void rate(struct server_changes *changes)
{
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct server_info *server = &changes->last[i];
        struct server_pace *pace = &changes->pace[i];

        /* Less than before: a worker has begun again. */
        pace->gained = server->figures.syns > pace->syns ? server->figures.syns - pace->syns : 0;
        pace->gained |= server->mode == MODE_ATTACK ? ATTACKED : 0;
        pace->syns = server->figures.syns;
    }
}

static int by_pace(const void *a, const void *b, void *context)
{
    const struct server_pace *pace = context;
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    if (pace[left].gained != pace[right].gained)
        return pace[left].gained > pace[right].gained ? -1 : 1;
    return left < right ? -1 : left > right;
}

bool server_changes_rank(struct server_changes *changes, uint32_t at_once, uint64_t now_ms)
{
    if (changes->count <= at_once)
        return false;
    if (now_ms - changes->rated_ms >= RATED_MS) {
        rate(changes);
        qsort_r(changes->order, changes->count, sizeof(*changes->order), by_pace, changes->pace);
        changes->rated_ms = now_ms;
    }
    for (uint32_t i = 0; i < at_once; i++)
        changes->pace[changes->order[i]].first_ms = now_ms;
    return true;
}

uint32_t server_changes_by_turns(const struct server_changes *changes, uint32_t place,
                                 const struct server_lines *lines)
{
    const uint64_t since_ms = lines->turn_ms[place % SERVER_TURNS];

    uint32_t parts = 0;

    if (changes->pace[place].first_ms >= lines->last_ms)
        parts = server_changes_at(changes, place,
                                  since_ms < lines->before_ms ? since_ms : lines->before_ms);
    else if (place % SERVER_TURNS == lines->turn ||
             changes->changed_ms[place][SERVER_PART_MODE] >= lines->last_ms)
        parts = server_changes_at(changes, place, since_ms);
    return parts & ~SERVER_PART_BIT(NAME); /* that was in the last whole line */
}

void server_lines_made(struct server_lines *lines, uint64_t now_ms)
{
    const bool first = lines->last_ms == 0; /* which has all */

    for (uint32_t i = 0; i < SERVER_TURNS; i++)
        if (first || i == lines->turn)
            lines->turn_ms[i] = now_ms;
    lines->before_ms = first ? now_ms : lines->last_ms;
    lines->last_ms = now_ms;
    lines->turn = (lines->turn + 1) % SERVER_TURNS;
}

/* --- */

void server_changes_free(struct server_changes *changes)
{
    free(changes->last);
    free(changes->changed_ms);
    free(changes->pace);
    free(changes->order);
    *changes = (struct server_changes){0};
}
