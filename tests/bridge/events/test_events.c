/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: the ring and its readers, the lines of JSON, and what thins out masses of one kind. */
#include "bridge/events/events.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/version.h"

#define SECOND_US 1000000ull
#define WALL_US   (1767225600 * SECOND_US) /* 2026-01-01T00:00:00Z */

static struct events *events;

/* The log of a thousand events is for nobody. */
static void setup(void)
{
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    events = events_new();
    cr_assert_not_null(events);
}

static void teardown(void)
{
    events_free(events);
}

TestSuite(events, .init = setup, .fini = teardown);

static struct event side_event(uint64_t value)
{
    struct event event = {
        .kind = EVENT_SIDE, .level = LOG_LEVEL_INFO, .state = "back", .has_value = true};

    event.value = value;
    strcpy(event.subject, "port:vm1");
    strcpy(event.text, "back");
    return event;
}

/* `count` of them, so slowly that none is thinned out. */
static void add(uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct event event = side_event(first + i);

        events_add(events, &event, (first + i + 1) * SECOND_US, WALL_US);
    }
}

/* The next line of `text`, which moves behind it; NULL at the end. */
static struct json_object *take_line(const char **text, size_t *bytes)
{
    struct json_tokener *tokener = json_tokener_new();
    const char *newline = *bytes ? memchr(*text, '\n', *bytes) : NULL;
    struct json_object *line = NULL;

    if (newline) {
        line = json_tokener_parse_ex(tokener, *text, (int)(newline - *text));
        cr_assert_not_null(line);
        *bytes -= (size_t)(newline + 1 - *text);
        *text = newline + 1;
    } else {
        cr_assert_eq(*bytes, 0, "what is read ends with a newline");
    }
    json_tokener_free(tokener);
    return line;
}

static uint64_t number(struct json_object *line, const char *key)
{
    struct json_object *value = NULL;

    cr_assert(json_object_object_get_ex(line, key, &value), "no %s in %s", key,
              json_object_to_json_string(line));
    return json_object_get_uint64(value);
}

/* Reads lines, all with rising values from `first` on; how many they are. `*lost` sums up what was
 * lost. */
static unsigned read_all(struct event_reader *reader, unsigned most, uint64_t first, uint64_t *lost)
{
    unsigned count = 0;
    size_t bytes = 0;
    char *lines;

    *lost = 0;
    while ((lines = events_read(events, reader, most, &bytes)) != NULL) {
        const char *text = lines;
        struct json_object *line;

        while ((line = take_line(&text, &bytes)) != NULL) {
            if (json_object_object_get(line, "lost"))
                *lost += number(line, "lost");
            else
                cr_assert_eq(number(line, "value"), first + *lost + count++);
            json_object_put(line);
        }
        free(lines);
    }
    return count;
}

Test(events, readers_hear_each_event_once_in_order)
{
    struct event_reader early = events_reader(events), late;
    uint64_t lost;

    add(0, 10);
    late = events_reader(events);
    cr_expect(events_waiting(events, &early));
    cr_expect_not(events_waiting(events, &late));
    add(10, 5);
    cr_expect_eq(read_all(&early, 4, 0, &lost), 15);
    cr_expect_eq(lost, 0);
    cr_expect_eq(read_all(&late, 4, 10, &lost), 5);
    cr_expect_not(events_waiting(events, &early));
}

Test(events, a_slow_reader_is_told_how_many_it_lost)
{
    struct event_reader slow = events_reader(events), exact = slow;
    uint64_t lost;

    add(0, EVENTS_KEPT);
    cr_expect_eq(read_all(&exact, 1000, 0, &lost), EVENTS_KEPT);
    cr_expect_eq(lost, 0);
    add(EVENTS_KEPT, 77);
    cr_expect_eq(read_all(&slow, 50, 0, &lost), EVENTS_KEPT);
    cr_expect_eq(lost, 77);
    cr_expect_eq(read_all(&exact, 50, EVENTS_KEPT, &lost), 77);
}

Test(events, a_line_says_it_all)
{
    struct event event = {
        .kind = EVENT_MODE, .level = LOG_LEVEL_WARNING, .state = "attack", .has_server = true};
    struct event_reader reader = events_reader(events);
    size_t bytes = 0;
    char *lines, head[128];

    cr_assert(addr_from_text("fd77::2", &event.server.addr));
    event.server.port = 80;
    event.server.vlan.id[0] = VLAN_PRESENT | 10;
    event.has_value = true;
    event.value = 212;
    strcpy(event.cause, "half-open 212");
    strcpy(event.text, "[fd77::2]:80: attack mode, \"half-open\" 212");
    events_add(events, &event, 0, WALL_US);
    lines = events_read(events, &reader, 1, &bytes);
    cr_assert_not_null(lines);
    cr_expect_eq(lines[bytes - 1], '\n');
    lines[bytes - 1] = '\0';
    snprintf(head, sizeof(head),
             "{\"synward\":{\"version\":\"" SYNWARD_VERSION
             "\",\"schema\":1},\"time\":\"2026-01-01T00:00:00Z\","
             "\"number\":%llu,",
             (unsigned long long)events_last(events));
    cr_expect_eq(strncmp(lines, head, strlen(head)), 0, "%s", lines);
    cr_expect_str_eq(
        lines + strlen(head),
        "\"event\":\"mode\",\"state\":\"attack\",\"server\":\"fd77::2\",\"port\":80,\"vlan\":[10],"
        "\"transport\":\"tcp\","
        "\"cause\":\"half-open 212\",\"value\":212,"
        "\"text\":\"[fd77::2]:80: attack mode, \\\"half-open\\\" 212\"}");
    free(lines);
}

Test(events, what_has_no_value_has_no_key)
{
    const struct event event = {.kind = EVENT_LEARNING, .state = "off", .text = "learning off"};
    struct event_reader reader = events_reader(events);
    size_t bytes = 0;
    char *lines;

    events_add(events, &event, 0, WALL_US);
    lines = events_read(events, &reader, 1, &bytes);
    cr_assert_not_null(lines);
    lines[bytes - 1] = '\0';
    cr_expect_str_eq(strstr(lines, "\"event\""),
                     "\"event\":\"learning\",\"state\":\"off\",\"text\":\"learning off\"}");
    free(lines);
}

Test(events, masses_of_one_kind_are_thinned_out_and_counted)
{
    struct event event = {.kind = EVENT_GREETING, .state = "unequal"};
    const struct event other = {.kind = EVENT_LEARNING, .state = "on"};
    struct event_reader reader = events_reader(events);
    struct json_object *line;
    uint64_t unsaid = 0;
    unsigned told = 0;
    size_t bytes = 0;

    for (unsigned i = 0; i < 1000; i++)
        events_add(events, &event, SECOND_US, WALL_US);
    events_add(events, &other, SECOND_US, WALL_US);
    events_add(events, &event, 2 * SECOND_US, WALL_US);
    char *lines = events_read(events, &reader, 2000, &bytes);
    const char *text = lines;
    while ((line = take_line(&text, &bytes)) != NULL) {
        told +=
            strcmp(json_object_get_string(json_object_object_get(line, "event")), "greeting") == 0;
        if (json_object_object_get(line, "unsaid"))
            unsaid += number(line, "unsaid");
        json_object_put(line);
    }
    free(lines);
    cr_expect_eq(told, EVENT_BURST + 1);
    cr_expect_eq(unsaid, 1000 - EVENT_BURST);
    cr_expect_eq(events_reader(events).next, EVENT_BURST + 2,
                 "the other kind has limits of its own");
}

/* Numbers go on over a restart: those of a later start are higher. */
Test(events, a_reader_begins_behind_a_number)
{
    struct event_reader reader;
    size_t bytes = 0;
    uint64_t lost, first;
    char *lines;
    const char *text;
    struct json_object *line;

    add(0, 10);
    reader = (struct event_reader){0};
    lines = events_read(events, &reader, 1, &bytes);
    text = lines;
    line = take_line(&text, &bytes);
    first = number(line, "number");
    json_object_put(line);
    free(lines);
    cr_expect_eq(events_last(events), first + 9);
    cr_expect_gt(first, UINT64_C(1700000000) * EVENTS_NUMBERS);
    reader = events_since(events, first + 5);
    cr_expect_eq(read_all(&reader, 100, 6, &lost), 4);
    reader = events_since(events, first - 4000); /* of a run before */
    cr_expect_eq(read_all(&reader, 100, 0, &lost), 10);
    reader = events_since(events, first + 4000); /* a clock that was set back */
    cr_expect_not(events_waiting(events, &reader));
    add(10, EVENTS_KEPT);
    reader = events_since(events, first);
    cr_expect_eq(read_all(&reader, 100, 1, &lost), EVENTS_KEPT);
    cr_expect_eq(lost, 9);
}

Test(events, a_reader_hears_the_kinds_that_it_wants)
{
    struct event_reader all = events_reader(events), none = all, some = all;
    uint64_t lost;

    for (enum event_kind kind = 0; kind < EVENT_KINDS_COUNT; kind++)
        cr_expect_eq(event_kind_named(event_kind_name(kind)), kind);
    cr_expect_eq(event_kind_named("modes"), EVENT_KINDS_COUNT);
    none.unwanted = UINT32_MAX;
    add(0, 20);
    cr_expect_eq(read_all(&none, 4, 0, &lost), 0);
    cr_expect_not(events_waiting(events, &none), "what it does not want it has passed");
    some.unwanted = none.unwanted & ~(1u << EVENT_SIDE);
    cr_expect_eq(read_all(&some, 4, 0, &lost), 20);
    cr_expect_eq(read_all(&all, 4, 0, &lost), 20);
}
