/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events.c - see events.h. Numbers of events only grow; an event lies in slot (number modulo
 * EVENTS_KEPT). */
#include "bridge/events/events.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/text/document.h"
#include "engine/base/token_bucket.h"
#include "profiles/store/json_document.h"

struct kind_limits {
    struct token_bucket told, logged;
    uint64_t unsaid, unlogged;
};

struct events {
    uint64_t count; /* ever added */
    uint64_t base;  /* number of the first, less one */
    struct kind_limits limits[EVENT_KINDS_COUNT];
    struct event ring[EVENTS_KEPT];
};

static const struct {
    const char *name, *subject;
} kinds[EVENT_KINDS_COUNT] = {
#define EVENT_KIND_NAMES(id, name, subject) [EVENT_##id] = {name, subject},
    EVENT_KINDS(EVENT_KIND_NAMES)
#undef EVENT_KIND_NAMES
};

struct events *events_new(void)
{
    struct events *events = calloc(1, sizeof(*events));

    if (events)
        events->base = clock_wall_us() * EVENTS_NUMBERS / 1000000;
    return events;
}

void events_free(struct events *events)
{
    free(events);
}

static void log_event(struct kind_limits *limits, const struct event *event, uint64_t now_us)
{
    if (!token_take(&limits->logged, EVENT_LOG_PER_SECOND, EVENT_LOG_BURST, now_us)) {
        limits->unlogged++;
        return;
    }
    if (limits->unlogged > 0)
        log_line(event->level, "%llu more of event %s were not logged",
                 (unsigned long long)limits->unlogged, kinds[event->kind].name);
    limits->unlogged = 0;
    log_line(event->level, "%s", event->text);
}

void events_add(struct events *events, const struct event *event, uint64_t now_us, uint64_t wall_us)
{
    struct kind_limits *limits = &events->limits[event->kind];
    struct event *slot = &events->ring[events->count % EVENTS_KEPT];

    log_event(limits, event, now_us);
    if (!token_take(&limits->told, EVENT_PER_SECOND, EVENT_BURST, now_us)) {
        limits->unsaid++;
        return;
    }
    *slot = *event;
    slot->wall_s = (int64_t)(wall_us / 1000000);
    slot->unsaid = limits->unsaid;
    limits->unsaid = 0;
    events->count++;
}

struct event_reader events_reader(const struct events *events)
{
    return (struct event_reader){.next = events->count};
}

uint64_t events_last(const struct events *events)
{
    return events->base + events->count;
}

struct event_reader events_since(const struct events *events, uint64_t number)
{
    struct event_reader reader = {.next = number > events->base ? number - events->base : 0};

    if (reader.next > events->count)
        reader.next = events->count;
    return reader;
}

enum event_kind event_kind_named(const char *name)
{
    enum event_kind kind = 0;

    while (kind < EVENT_KINDS_COUNT && strcmp(name, kinds[kind].name) != 0)
        kind++;
    return kind;
}

const char *event_kind_name(enum event_kind kind)
{
    return kinds[kind].name;
}

bool events_waiting(const struct events *events, const struct event_reader *reader)
{
    return reader->next < events->count;
}

static void add_string(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

/* `number` 0: it is no event. */
static struct json_object *line_new(const char *event, int64_t wall_s, uint64_t number)
{
    struct json_object *line = document_new();
    char time[TIME_TEXT_BYTES];

    add_string(line, "time", time_to_text(wall_s, time));
    if (number)
        json_object_object_add(line, "number", json_object_new_uint64(number));
    add_string(line, "event", event);
    return line;
}

static struct json_object *event_to_json(const struct event *event, uint64_t number)
{
    struct json_object *line = line_new(kinds[event->kind].name, event->wall_s, number);

    if (event->state)
        add_string(line, "state", event->state);
    if (event->has_server) {
        document_add_server(line, &event->server);
    }
    if (event->subject[0] != '\0' && kinds[event->kind].subject)
        add_string(line, kinds[event->kind].subject, event->subject);
    if (event->cause[0] != '\0')
        add_string(line, "cause", event->cause);
    if (event->has_value)
        json_object_object_add(line, "value", json_object_new_uint64(event->value));
    if (event->unsaid > 0)
        json_object_object_add(line, "unsaid", json_object_new_uint64(event->unsaid));
    add_string(line, "text", event->text);
    return line;
}

static struct json_object *lost_to_json(uint64_t lost)
{
    struct json_object *line = line_new("lost", (int64_t)(clock_wall_us() / 1000000), 0);
    char text[80];

    snprintf(text, sizeof(text), "%llu events were lost: they were read too slowly",
             (unsigned long long)lost);
    json_object_object_add(line, "lost", json_object_new_uint64(lost));
    add_string(line, "text", text);
    return line;
}

struct lines {
    char *data;
    size_t bytes;
};

/* Takes `line`. False: memory is out, nothing was added. */
static bool lines_add(struct lines *lines, struct json_object *line)
{
    size_t bytes = 0;
    const char *text = json_object_to_json_string_length(
        line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &bytes);
    char *grown = text ? realloc(lines->data, lines->bytes + bytes + 1) : NULL;

    if (grown) {
        memcpy(grown + lines->bytes, text, bytes);
        grown[lines->bytes + bytes] = '\n';
        lines->data = grown;
        lines->bytes += bytes + 1;
    }
    json_object_put(line);
    return grown;
}

char *events_read(const struct events *events, struct event_reader *reader, unsigned most,
                  size_t *bytes)
{
    const uint64_t oldest = events->count > EVENTS_KEPT ? events->count - EVENTS_KEPT : 0;
    struct lines lines = {0};

    if (reader->next < oldest && lines_add(&lines, lost_to_json(oldest - reader->next)))
        reader->next = oldest;
    for (unsigned told = 0; told < most && reader->next >= oldest && reader->next < events->count;
         reader->next++) {
        const struct event *event = &events->ring[reader->next % EVENTS_KEPT];

        if (reader->unwanted & (1u << event->kind))
            continue;
        if (!lines_add(&lines, event_to_json(event, events->base + reader->next + 1)))
            break;
        told++;
    }
    *bytes = lines.bytes;
    return lines.data;
}
