/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports: which events are made of what the daemon learns, and which are not. */
#include "bridge/events/report.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/model/profile.h"
#include "tests/bridge/fake_daemon.h"

static struct events *events;
static struct report *report;
static struct store *store;
static struct event_reader reader;
static char *lines;

static void setup(void)
{
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    events = events_new();
    report = report_new(events);
    store = store_new();
    cr_assert(events && report && store);
}

static void teardown(void)
{
    free(lines);
    report_free(report);
    events_free(events);
    store_free(store);
}

TestSuite(report, .init = setup, .fini = teardown);

/* What was told since it was asked last, as text; "" for nothing. */
static const char *told(void)
{
    size_t bytes = 0;
    char *read = events_read(events, &reader, 100, &bytes);

    free(lines);
    lines = calloc(1, bytes + 1);
    cr_assert_not_null(lines);
    if (bytes)
        memcpy(lines, read, bytes);
    free(read);
    return lines;
}

static bool says(const char *text)
{
    return strstr(lines, text) != NULL;
}

static const uint64_t no_overflow[2];

Test(report, a_switch_has_cause_and_figure)
{
    const struct server_key server = fake_key("10.77.0.2", 80, 0);
    const struct observed_trigger trigger = {
        .cause = TRIGGER_ACCEPT_QUEUE, .value = 92, .switched = true};

    report_attack(report, &server, &trigger);
    told();
    cr_expect(says("\"event\":\"mode\",\"state\":\"attack\",\"server\":\"10.77.0.2\",\"port\":80"));
    cr_expect(says("\"cause\":\"accept queue 92 %\",\"value\":92"));
    report_normal(report, &server);
    told();
    cr_expect(says("\"state\":\"normal\"") && says("\"cause\":\"quiet\""));
}

Test(report, profiles_that_are_armed_or_no_longer)
{
    const struct server_key key = fake_key("10.77.0.2", 80, 0),
                            known = fake_key("10.77.0.3", 80, 0);
    struct profile *profile = store_add(store, &known);

    profile->handshakes = profile->requests = 20;
    profile->fidelity = (struct fidelity){.ring = 0xff, .count = 8};
    cr_assert(profile_armed(profile));
    report_tick(report, store, NULL, no_overflow);
    cr_expect_str_empty(told(), "what a store brought along is no event");

    profile = store_add(store, &key);
    report_tick(report, store, NULL, no_overflow);
    cr_expect_str_empty(told());
    profile->handshakes = profile->requests = 20;
    profile->fidelity = (struct fidelity){.ring = 0xff, .count = 8};
    store_touch(store);
    report_tick(report, store, NULL, no_overflow);
    told();
    cr_expect(
        says("\"event\":\"profile\",\"state\":\"armed\",\"server\":\"10.77.0.2\",\"port\":80"),
        "%s", lines);
    profile->requests = 0;
    store_touch(store);
    report_tick(report, store, NULL, no_overflow);
    told();
    cr_expect(says("\"state\":\"disarmed\",\"server\":\"10.77.0.2\""), "%s", lines);
}

/* Twelve clients a second: it was armed, its greeting changed, and it is armed again. */
Test(report, profile_that_was_disarmed_and_armed_between_two_looks)
{
    const struct server_key key = fake_key("10.77.0.2", 110, 0);
    struct profile *profile = store_add(store, &key);

    profile->handshakes = profile->requests = 20;
    profile->fidelity = (struct fidelity){.ring = 0xff, .count = 8};
    report_tick(report, store, NULL, no_overflow);
    told();
    profile->drifts++;
    store_touch(store);
    report_tick(report, store, NULL, no_overflow);
    told();
    cr_expect(says("\"state\":\"disarmed\",\"server\":\"10.77.0.2\""), "%s", lines);
    cr_expect(says("\"state\":\"armed\",\"server\":\"10.77.0.2\""), "%s", lines);
    store_touch(store);
    report_tick(report, store, NULL, no_overflow);
    cr_expect_str_empty(told(), "once");
}

Test(report, full_tables_and_taps_are_told_with_their_growth_and_seldom)
{
    struct counters counters = {.frames_client_in = 1000};
    uint64_t overflow[2] = {0, 0};

    report_tick(report, store, &counters, overflow);
    cr_expect_str_empty(told());
    counters.flows_evicted = 7;
    overflow[SIDE_CLIENT] = 3;
    report_tick(report, store, &counters, overflow);
    told();
    cr_expect(says("\"event\":\"table\",\"state\":\"full\",\"table\":\"flows\",\"value\":7"), "%s",
              lines);
    cr_expect(says("\"event\":\"overflow\",\"side\":\"client\",\"value\":3"), "%s", lines);
    counters.flows_evicted += 100;
    report_tick(report, store, &counters, overflow);
    cr_expect_str_empty(told(), "again so soon");
}

Test(report, tables_are_told_at_two_thirds_and_anew_after_half)
{
    struct engine_use use = {.openings = {66, 100}, .flows = {0, 262144}};

    report_use(report, &use);
    cr_expect_str_empty(told());
    use.openings.used = 67;
    report_use(report, &use);
    told();
    cr_expect(says("\"event\":\"table\",\"state\":\"filling\",\"table\":\"openings\",\"value\":67"),
              "%s", lines);
    cr_expect(says("openings: two thirds are full, 67 of 100 connections being opened"), "%s",
              lines);
    use.openings.used = 50;
    report_use(report, &use);
    use.openings.used = 99;
    report_use(report, &use);
    cr_expect_str_empty(told(), "it was never half empty");
    use.openings.used = 49;
    report_use(report, &use);
    use.openings.used = 99;
    report_use(report, &use);
    told();
    cr_expect(says("\"table\":\"openings\",\"value\":99"), "%s", lines);
}

Test(report, a_server_that_nobody_listens_for)
{
    const struct server_key key = fake_key("10.77.0.2", 80, 0);
    struct server_key other = key;

    report_listening(report, &key, true);
    cr_expect_str_empty(told(), "as it should be");
    report_listening(report, &key, false);
    told();
    cr_expect(says("\"event\":\"server\",\"state\":\"dead\",\"server\":\"10.77.0.2\",\"port\":80"),
              "%s", lines);
    cr_expect(says("\"cause\":\"nobody listens\""), "%s", lines);
    report_listening(report, &key, false);
    cr_expect_str_empty(told(), "once");
    report_listening(report, &key, true);
    told();
    cr_expect(says("\"state\":\"alive\",\"server\":\"10.77.0.2\""), "%s", lines);
    for (uint16_t port = 1; port <= REPORT_DEAD + 1; port++) {
        other.port = port;
        report_listening(report, &other, false);
    }
    told();
    report_listening(report, &other, true);
    cr_expect_str_empty(told(), "one more than there is room for");
}

Test(report, a_source_is_put_aside_and_released)
{
    static const uint8_t header[14] = {[6] = 0x02, 0x5a, 0x17, 0xe0, 0xcc, 0x03};
    struct observation observation = {
        .kind = OBSERVED_SOURCE, .time_us = 0, .server = fake_key("10.77.0.2", 80, 0)};

    observation.source.prefix = fake_key("198.51.100.7", 0, 0).addr;
    observation.source.length = 32;
    observation.source.link = source_link_of(header, (struct vlan_ids){{0}});
    observation.source.mismatches = 100;
    observation.source.until_us = 1; /* is over */
    report_aside(report, &observation);
    told();
    cr_expect(says("\"event\":\"source\",\"state\":\"aside\""));
    cr_expect(says("\"source\":\"198.51.100.7/32\""));
    cr_expect(says("\"cause\":\"100 wrong requests and 0 right ones\",\"value\":100"));
    cr_expect(says("as it comes by 02:5a:17:e0:cc:03"));
    report_tick(report, store, NULL, no_overflow);
    told();
    cr_expect(says("\"state\":\"released\",\"source\":\"198.51.100.7/32\",\"cause\":\"time\""),
              "%s", lines);
    report_tick(report, store, NULL, no_overflow);
    cr_expect_str_empty(told());
}

Test(report, rules_of_the_operator)
{
    struct source_rule rule = {
        .length = 24, .state = SOURCE_ASIDE, .by = SOURCE_BY_OPERATOR, .until_us = UINT64_MAX};

    rule.prefix = fake_key("198.51.100.0", 0, 0).addr;
    report_rule(report, &rule);
    told();
    cr_expect(says("\"state\":\"aside\",\"source\":\"198.51.100.0/24\",\"cause\":\"operator\""));
    rule.state = SOURCE_CLEAR;
    report_rule(report, &rule);
    told();
    cr_expect(says("\"state\":\"released\",\"source\":\"198.51.100.0/24\",\"cause\":\"operator\""));
    report_tick(report, store, NULL, no_overflow);
    cr_expect_str_empty(told());
}

Test(report, the_store)
{
    report_save_failed(report, "store: /x: no space");
    told();
    cr_expect(says("\"event\":\"store\",\"state\":\"failed\",\"cause\":\"store: /x: no space\""));
    report_saved(report, "/var/lib/synward/profiles.json", 12);
    told();
    cr_expect(says("\"state\":\"saved\",\"value\":12"));
    report_store_broken(report, "/x:3: ends too soon", "/x.broken-1");
    told();
    cr_expect(says("\"state\":\"broken\",\"cause\":\"/x:3: ends too soon\""));
    cr_expect(says("moved to /x.broken-1, learning begins anew"));
}
