/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.c - see report.h. */
#include "bridge/events/report.h"

#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/cluster/peers.h"
#include "bridge/events/growth.h"
#include "bridge/text/link_text.h"
#include "bridge/text/mode_text.h"
#include "bridge/text/server_text.h"
#include "profiles/model/profile.h"

struct aside {
    struct ip_addr prefix;
    uint8_t length;
    struct source_link link; /* none where the operator said so */
    uint64_t until_us;
};

struct known_profile {
    struct server_key key;
    bool armed;
    uint32_t drifts;
};

struct report {
    struct events *events;
    struct growth growth;
    uint32_t dead_count;
    struct server_key dead[REPORT_DEAD];
    uint32_t asides;
    struct aside aside[REPORT_ASIDES];
    uint64_t store_revision;
    bool looked; /* at the store */
    struct known_profile *profiles;
    size_t profile_count;
    bool save_failed;
    uint32_t dead_times; /* as was told last: no worker was alive */
    uint64_t dead_passed, dead_dropped;
};

struct report *report_new(struct events *events)
{
    struct report *report = calloc(1, sizeof(*report));

    if (report)
        report->events = events;
    return report;
}

void report_free(struct report *report)
{
    if (report)
        free(report->profiles);
    free(report);
}

static void add(struct report *report, const struct event *event)
{
    events_add(report->events, event, clock_now_us(), clock_wall_us());
}

__attribute__((format(printf, 2, 3))) static void say(struct event *event, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(event->text, sizeof(event->text), format, arguments);
    va_end(arguments);
}

static struct event about(enum event_kind kind, enum log_level level, const char *state,
                          const struct server_key *server)
{
    struct event event = {.kind = kind, .level = level, .state = state, .has_server = server};

    if (server)
        event.server = *server;
    return event;
}

static const char *server_text(const struct server_key *server, char text[SERVER_TEXT_BYTES])
{
    return server_key_to_text(server, text);
}

/* --- modes ----------------------------------------------------------------------------------- */

void report_attack(struct report *report, const struct server_key *server,
                   const struct observed_trigger *trigger)
{
    struct event event = about(EVENT_MODE, LOG_LEVEL_WARNING, mode_name(MODE_ATTACK), server);
    char text[SERVER_TEXT_BYTES], cause[CAUSE_TEXT_BYTES];
    const char *why = cause_to_text(trigger->cause, trigger->value, cause);

    event.has_value = trigger->value != 0;
    event.value = trigger->value;
    snprintf(event.cause, sizeof(event.cause), "%s", why ? why : "");
    say(&event, "%s: attack mode, %s", server_text(server, text), event.cause);
    add(report, &event);
}

void report_normal(struct report *report, const struct server_key *server)
{
    struct event event = about(EVENT_MODE, LOG_LEVEL_INFO, mode_name(MODE_NORMAL), server);
    char text[SERVER_TEXT_BYTES];

    snprintf(event.cause, sizeof(event.cause), "quiet");
    say(&event, "%s: quiet, back to normal mode", server_text(server, text));
    add(report, &event);
}

void report_setting(struct report *report, const struct server_key *server,
                    enum mode_setting setting)
{
    const char *name = setting == SETTING_INHERIT ? "default" : mode_setting_name(setting);
    struct event event = about(EVENT_SETTING, LOG_LEVEL_INFO, name, server);
    char text[SERVER_TEXT_BYTES];

    snprintf(event.cause, sizeof(event.cause), "operator");
    say(&event, "%s: the operator set mode %s", server ? server_text(server, text) : "all servers",
        name);
    add(report, &event);
}

/* --- profiles -------------------------------------------------------------------------------- */

void report_greeting(struct report *report, const struct observation *observation)
{
    const bool negative = observation->greeting.negative;
    struct event event = about(EVENT_GREETING, LOG_LEVEL_WARNING, negative ? "negative" : "unequal",
                               &observation->server);
    char client[ADDR_TEXT_BYTES], text[SERVER_TEXT_BYTES];

    snprintf(event.cause, sizeof(event.cause), "client %s",
             addr_to_text(&observation->client, client));
    say(&event, "%s: %s; a client of %s was reset", server_text(&observation->server, text),
        negative ? "it refused the client whom it was to greet"
                 : "its greeting was not the learned one",
        client);
    add(report, &event);
}

static void report_armed(struct report *report, const struct server_key *server, bool armed)
{
    struct event event = about(EVENT_PROFILE, armed ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                               armed ? "armed" : "disarmed", server);
    char text[SERVER_TEXT_BYTES];

    say(&event, "%s: the profile is %s", server_text(server, text),
        armed ? "armed" : "no longer armed, its clients are let in after a cookie");
    add(report, &event);
}

static int compare_known(const void *left, const void *right)
{
    const struct known_profile *a = left, *b = right;

    return memcmp(&a->key, &b->key, sizeof(a->key));
}

static const struct known_profile *known_before(const struct report *report,
                                                const struct known_profile *profile)
{
    return report->profile_count ? bsearch(profile, report->profiles, report->profile_count,
                                           sizeof(*report->profiles), compare_known)
                                 : NULL;
}

/* A busy server is disarmed and learned anew between two looks: both are told. */
static void compare_with_before(struct report *report, const struct known_profile *now)
{
    const struct known_profile *before = known_before(report, now);
    bool armed = before && before->armed;

    if (armed && before->drifts != now->drifts) {
        report_armed(report, &now->key, false);
        armed = false;
    }
    if (armed != now->armed)
        report_armed(report, &now->key, now->armed);
}

/* What is armed at the first look was so before we were: it is no event. */
static void look_at_profiles(struct report *report, const struct store *store)
{
    const size_t count = store_count(store);
    struct known_profile *now;

    if (report->looked && report->store_revision == store_revision(store))
        return;
    now = calloc(count + 1, sizeof(*now));
    if (!now)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct profile *profile = store_at(store, i);

        now[i] = (struct known_profile){profile->key, profile_armed(profile), profile->drifts};
        if (report->looked)
            compare_with_before(report, &now[i]);
    }
    qsort(now, count, sizeof(*now), compare_known);
    free(report->profiles);
    report->profiles = now;
    report->profile_count = count;
    report->store_revision = store_revision(store);
    report->looked = true;
}

/* --- sources --------------------------------------------------------------------------------- */

static void add_source(struct report *report, struct event *event, const struct ip_addr *prefix,
                       uint8_t length, const char *text)
{
    char address[ADDR_TEXT_BYTES];

    snprintf(event->subject, sizeof(event->subject), "%s/%u", addr_to_text(prefix, address),
             length);
    say(event, "%s: %s", event->subject, text);
    add(report, event);
}

static struct aside *find_aside(struct report *report, const struct aside *like)
{
    for (uint32_t i = 0; i < report->asides; i++) {
        struct aside *aside = &report->aside[i];

        if (aside->length == like->length && source_link_equal(&aside->link, &like->link) &&
            memcmp(&aside->prefix, &like->prefix, sizeof(like->prefix)) == 0)
            return aside;
    }
    return NULL;
}

static void remember_aside(struct report *report, const struct aside *new)
{
    struct aside *aside = find_aside(report, new);

    if (!aside && report->asides < REPORT_ASIDES)
        aside = &report->aside[report->asides++];
    if (aside)
        *aside = *new;
}

static void forget_aside(struct report *report, struct aside *aside)
{
    *aside = report->aside[--report->asides];
}

/* By whatever links. */
static void forget_asides_of(struct report *report, const struct ip_addr *prefix, uint8_t length)
{
    for (uint32_t i = report->asides; i-- > 0;) {
        struct aside *aside = &report->aside[i];

        if (aside->length == length && memcmp(&aside->prefix, prefix, sizeof(*prefix)) == 0)
            forget_aside(report, aside);
    }
}

void report_aside(struct report *report, const struct observation *observation)
{
    const struct observed_source *source = &observation->source;
    const uint64_t for_s = (source->until_us - observation->time_us) / SECOND_US;
    struct event event = about(EVENT_SOURCE, LOG_LEVEL_WARNING, "aside", &observation->server);
    const struct aside aside = {source->prefix, source->length, source->link, source->until_us};
    char server[SERVER_TEXT_BYTES], text[EVENT_TEXT_BYTES - EVENT_SUBJECT_BYTES];
    char link[LINK_TEXT_BYTES];

    snprintf(event.cause, sizeof(event.cause), "%u wrong requests and %u right ones",
             source->mismatches, source->matches);
    event.has_value = true;
    event.value = source->mismatches;
    snprintf(text, sizeof(text), "put aside for %llu s as it comes by %s, %s, last to %s",
             (unsigned long long)for_s, link_text(&source->link, link), event.cause,
             server_text(&observation->server, server));
    add_source(report, &event, &source->prefix, source->length, text);
    remember_aside(report, &aside);
}

void report_rule(struct report *report, const struct source_rule *rule)
{
    static const struct {
        const char *state, *text;
    } words[] = {[SOURCE_CLEAR] = {"released", "released by the operator"},
                 [SOURCE_LIMITED] = {"limited", "limited by the operator"},
                 [SOURCE_ASIDE] = {"aside", "put aside by the operator"},
                 [SOURCE_ALLOWED] = {"allowed", "allowed by the operator"},
                 [SOURCE_PROXY] = {"proxy", "a proxy, the operator says"}};
    const struct aside aside = {
        .prefix = rule->prefix, .length = rule->length, .until_us = rule->until_us};
    struct event event = about(EVENT_SOURCE, LOG_LEVEL_INFO, words[rule->state].state, NULL);

    snprintf(event.cause, sizeof(event.cause), "operator");
    add_source(report, &event, &rule->prefix, rule->length, words[rule->state].text);
    forget_asides_of(report, &rule->prefix, rule->length);
    if (rule->state == SOURCE_ASIDE && rule->until_us != 0)
        remember_aside(report, &aside);
}

static void look_at_asides(struct report *report, uint64_t now_us)
{
    for (uint32_t i = 0; i < report->asides;) {
        const struct aside aside = report->aside[i];
        struct event event = about(EVENT_SOURCE, LOG_LEVEL_INFO, "released", NULL);

        if (aside.until_us > now_us) {
            i++;
            continue;
        }
        forget_aside(report, &report->aside[i]);
        snprintf(event.cause, sizeof(event.cause), "time");
        add_source(report, &event, &aside.prefix, aside.length, "its time is over, released");
    }
}

/* --- store, learning, sides ------------------------------------------------------------------ */

/* Saving goes on every ten seconds while something is learned: the log need not know. */
void report_saved(struct report *report, const char *path, size_t profiles)
{
    struct event event =
        about(EVENT_STORE, report->save_failed ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "saved", NULL);

    event.has_value = true;
    event.value = profiles;
    say(&event, "%.300s: saved, %zu profiles", path, profiles);
    report->save_failed = false;
    add(report, &event);
}

void report_store_broken(struct report *report, const char *reason, const char *aside)
{
    struct event event = about(EVENT_STORE, LOG_LEVEL_ERROR, "broken", NULL);

    snprintf(event.cause, sizeof(event.cause), "%s", reason);
    say(&event, "%.200s: moved to %.150s, learning begins anew", reason, aside);
    add(report, &event);
}

void report_save_failed(struct report *report, const char *reason)
{
    struct event event = about(EVENT_STORE, LOG_LEVEL_ERROR, "failed", NULL);

    snprintf(event.cause, sizeof(event.cause), "%s", reason);
    say(&event, "%s", reason);
    report->save_failed = true;
    add(report, &event);
}

void report_learning(struct report *report, bool on)
{
    struct event event = about(EVENT_LEARNING, LOG_LEVEL_INFO, on ? "on" : "off", NULL);

    snprintf(event.cause, sizeof(event.cause), "operator");
    say(&event, "learning %s", on ? "on" : "off");
    add(report, &event);
}

void report_side_lost(struct report *report, const char *side, const char *device)
{
    struct event event = about(EVENT_SIDE, LOG_LEVEL_WARNING, "lost", NULL);

    snprintf(event.subject, sizeof(event.subject), "%s", side);
    say(&event, "%s: %s has vanished; its frames pass again when it is back", side, device);
    add(report, &event);
}

void report_side_cut(struct report *report, const char *side, const char *why)
{
    struct event event = about(EVENT_SIDE, LOG_LEVEL_ERROR, "cut", NULL);

    snprintf(event.subject, sizeof(event.subject), "%s", side);
    snprintf(event.cause, sizeof(event.cause), "%s", why);
    say(&event, "%s: the wire is cut: %s", side, why);
    add(report, &event);
}

void report_side_back(struct report *report, const char *side, const char *device)
{
    struct event event = about(EVENT_SIDE, LOG_LEVEL_INFO, "back", NULL);

    snprintf(event.subject, sizeof(event.subject), "%s", side);
    say(&event, "%s: %s is back, and joined again", side, device);
    add(report, &event);
}

void report_side_no_carrier(struct report *report, const char *side, const char *told)
{
    struct event event = about(EVENT_SIDE, LOG_LEVEL_WARNING, "no carrier", NULL);

    snprintf(event.subject, sizeof(event.subject), "%s", side);
    snprintf(event.cause, sizeof(event.cause), "%.*s", (int)sizeof(event.cause) - 1, told);
    say(&event, "%s has no carrier; %s", side, told);
    add(report, &event);
}

void report_side_carrier(struct report *report, const char *side)
{
    struct event event = about(EVENT_SIDE, LOG_LEVEL_INFO, "carrier", NULL);

    snprintf(event.subject, sizeof(event.subject), "%s", side);
    say(&event, "%s has a carrier again", side);
    add(report, &event);
}

void report_dead(struct report *report, uint32_t times, uint64_t passed, uint64_t dropped)
{
    struct event event = about(EVENT_DEAD, LOG_LEVEL_ERROR, "over", NULL);

    if (times == report->dead_times)
        return;
    event.has_value = true;
    event.value = passed - report->dead_passed;
    say(&event,
        "no worker was alive for a while: %" PRIu64 " frames went by unseen, %" PRIu64
        " were dropped",
        event.value, dropped - report->dead_dropped);
    report->dead_times = times;
    report->dead_passed = passed;
    report->dead_dropped = dropped;
    add(report, &event);
}

void report_stack(struct report *report, const char *reason)
{
    struct event event = about(EVENT_STACK, reason ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                               reason ? "lost" : "seen", NULL);

    snprintf(event.cause, sizeof(event.cause), "%s", reason ? reason : "");
    if (reason)
        say(&event, "the servers' listening sockets are not known: %s", reason);
    else
        say(&event, "the servers' listening sockets are known again");
    add(report, &event);
}

void report_peers(struct report *report, const struct cluster_peers *peers)
{
    const bool joined = peers->state == PEERS_JOINED;
    struct event event = about(EVENT_CLUSTER, joined ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                               peers_state_name(peers->state), NULL);

    event.has_value = true;
    event.value = peers->bridges;
    snprintf(event.cause, sizeof(event.cause), "%s", peers->why);
    if (joined)
        say(&event, "joined the cluster as %s: %u bridges", peers->name, peers->bridges);
    else
        say(&event, "the other bridges are not heard (%s): what is known of them stays",
            peers->why);
    add(report, &event);
}

void report_attack_of_peer(struct report *report, const struct server_key *server,
                           const struct observed_trigger *trigger, const char *node)
{
    struct event event = about(EVENT_MODE, LOG_LEVEL_WARNING, mode_name(MODE_ATTACK), server);
    char text[SERVER_TEXT_BYTES], cause[CAUSE_TEXT_BYTES];
    const char *why = cause_to_text(trigger->cause, trigger->value, cause);

    event.has_value = trigger->value != 0;
    event.value = trigger->value;
    snprintf(event.cause, sizeof(event.cause), "bridge %.40s: %s", node, why ? why : "");
    say(&event, "%s: attack mode, %s", server_text(server, text), event.cause);
    add(report, &event);
}

void report_aside_of_peer(struct report *report, const struct source_rule *rule, const char *node)
{
    const struct aside aside = {
        .prefix = rule->prefix, .length = rule->length, .until_us = rule->until_us};
    struct event event = about(EVENT_SOURCE, LOG_LEVEL_WARNING, "aside", NULL);
    char text[EVENT_TEXT_BYTES - EVENT_SUBJECT_BYTES];

    snprintf(event.cause, sizeof(event.cause), "bridge %.40s", node);
    snprintf(text, sizeof(text), "put aside: judged by %s", event.cause);
    add_source(report, &event, &rule->prefix, rule->length, text);
    remember_aside(report, &aside);
}

void report_clock(struct report *report, bool right, int64_t off_us, uint64_t lasts_s)
{
    struct event event = about(EVENT_CLUSTER, right ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                               right ? "clock-right" : "clock-wrong", NULL);
    const double off_s = (double)off_us / 1e6;

    event.has_value = true;
    event.value = (uint64_t)(llabs(off_us) / 1000000);
    snprintf(event.cause, sizeof(event.cause), "%.1f s", off_s);
    if (right)
        say(&event, "cookies are made by wall time again");
    else
        say(&event,
            "wall time was stepped: cookies are made by a time %.1f s %s it, and other bridges may "
            "not take them; it is followed within %.1f hours, a restart follows at once",
            off_s < 0 ? -off_s : off_s, off_s < 0 ? "ahead of" : "behind", (double)lasts_s / 3600);
    add(report, &event);
}

void report_config(struct report *report, size_t changes, const char *refused)
{
    struct event event = about(EVENT_CONFIG, refused ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                               refused ? "refused" : "reloaded", NULL);

    event.has_value = !refused;
    event.value = changes;
    snprintf(event.cause, sizeof(event.cause), "%s", refused ? refused : "");
    say(&event,
        refused ? "reload: %s; what was in force stays so" : "the configuration was reloaded%s",
        refused ? refused : "");
    add(report, &event);
}

/* --- servers that serve nobody --------------------------------------------------------------- */

static void add_dead(struct report *report, const struct server_key *server, bool dead)
{
    struct event event = about(EVENT_SERVER, dead ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                               dead ? "dead" : "alive", server);
    char text[SERVER_TEXT_BYTES];

    snprintf(event.cause, sizeof(event.cause), "%s", dead ? "nobody listens" : "somebody listens");
    say(&event, "%s: %s", server_text(server, text),
        dead ? "nobody listens on its port; in attack mode new clients are refused as it would"
             : "it is listened on again");
    add(report, &event);
}

void report_listening(struct report *report, const struct server_key *server, bool listening)
{
    uint32_t i = 0;

    while (i < report->dead_count && !server_key_equal(&report->dead[i], server))
        i++;
    if (listening == (i == report->dead_count) || (!listening && i == REPORT_DEAD))
        return;
    if (listening)
        report->dead[i] = report->dead[--report->dead_count];
    else
        report->dead[report->dead_count++] = *server;
    add_dead(report, server, !listening);
}

/* --- slow connections ------------------------------------------------------------------------ */

void report_slow(struct report *report, const struct server_key *server, uint32_t ended)
{
    struct growing *growing = ended ? growth_of_slow(&report->growth, server) : NULL;
    struct event event = about(EVENT_SLOW, LOG_LEVEL_WARNING, "ended", server);
    const uint64_t now_us = clock_now_us();
    char text[SERVER_TEXT_BYTES];

    if (!growing || !growing_is_news(growing, ended, now_us))
        return;
    event.has_value = true;
    event.value = ended - growing->told;
    snprintf(event.cause, sizeof(event.cause), "more than its mark");
    say(&event, "%s: it held more than its mark, %llu slow connections were ended",
        server_text(server, text), (unsigned long long)event.value);
    *growing = (struct growing){ended, now_us};
    add(report, &event);
}

/* --- what fills, and grows ------------------------------------------------------------------- */

void report_use(struct report *report, const struct engine_use *use)
{
    growth_use(&report->growth, report->events, use);
}

void report_tick(struct report *report, const struct store *store, const struct counters *counters,
                 const uint64_t overflow[2])
{
    const uint64_t now_us = clock_now_us();

    look_at_profiles(report, store);
    look_at_asides(report, now_us);
    if (counters)
        growth_look(&report->growth, report->events, counters, overflow, now_us);
}
