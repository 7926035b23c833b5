/* SPDX-License-Identifier: GPL-2.0-or-later */
/* growth.c - see growth.h. */
#include "bridge/events/growth.h"

#include <stdio.h>

#include "bridge/base/clock.h"

bool growing_is_news(const struct growing *growing, uint64_t total, uint64_t now_us)
{
    return total > growing->told &&
           (growing->told_us == 0 || now_us - growing->told_us >= REPORT_TABLE_US);
}

static struct event about(const char *state, const char *subject, uint64_t value)
{
    struct event event = {.kind = state ? EVENT_TABLE : EVENT_OVERFLOW,
                          .level = LOG_LEVEL_WARNING,
                          .state = state,
                          .has_value = true,
                          .value = value};

    snprintf(event.subject, sizeof(event.subject), "%s", subject);
    return event;
}

static void add(struct events *events, const struct event *event)
{
    events_add(events, event, clock_now_us(), clock_wall_us());
}

static void add_growth(struct events *events, bool tap, const char *name, uint64_t growth)
{
    struct event event = about(tap ? NULL : "full", name, growth);

    if (tap)
        snprintf(event.text, sizeof(event.text),
                 "%s side: %llu frames lost, the TAP's queue was full", name,
                 (unsigned long long)growth);
    else
        snprintf(event.text, sizeof(event.text), "%s: no room, %llu times", name,
                 (unsigned long long)growth);
    add(events, &event);
}

static void look(struct growth *growth, struct events *events, size_t index, const char *name,
                 uint64_t total, uint64_t now_us)
{
    struct growing *growing = &growth->growing[index];

    if (!growing_is_news(growing, total, now_us))
        return;
    add_growth(events, index >= TABLES, name, total - growing->told);
    *growing = (struct growing){total, now_us};
}

void growth_look(struct growth *growth, struct events *events, const struct counters *counters,
                 const uint64_t overflow[2], uint64_t now_us)
{
    size_t index = 0;

#define FULL_TABLE_LOOK(name, value) look(growth, events, index++, name, value, now_us);
    FULL_TABLES(FULL_TABLE_LOOK)
#undef FULL_TABLE_LOOK
    look(growth, events, index++, "client", overflow[SIDE_CLIENT], now_us);
    look(growth, events, index, "server", overflow[SIDE_SERVER], now_us);
}

struct growing *growth_of_slow(struct growth *growth, const struct server_key *server)
{
    uint32_t i = 0;

    while (i < growth->slow_count && !server_key_equal(&growth->slow[i].key, server))
        i++;
    if (i == REPORT_SLOW)
        return NULL;
    if (i == growth->slow_count)
        growth->slow[growth->slow_count++] = (struct slow_server){.key = *server};
    return &growth->slow[i].ended;
}

static void look_at_table(struct growth *growth, struct events *events, size_t index,
                          const char *name, const char *text, const struct table_use *use)
{
    bool *told = &growth->filling[index];
    struct event event;

    if (*told || use->used == 0 || use->used < use->size - use->size / 3) {
        *told = *told && use->used >= use->size / 2;
        return;
    }
    *told = true;
    event = about("filling", name, use->used);
    snprintf(event.text, sizeof(event.text), "%s: two thirds are full, %u of %u %s", name,
             use->used, use->size, text);
    add(events, &event);
}

void growth_use(struct growth *growth, struct events *events, const struct engine_use *use)
{
#define LOOK_AT_TABLE(name, text)                                                                  \
    look_at_table(growth, events, FILLING_##name, #name, text, &use->name);
    ENGINE_TABLES(LOOK_AT_TABLE)
#undef LOOK_AT_TABLE
}
