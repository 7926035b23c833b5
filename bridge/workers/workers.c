/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workers.c - see workers.h.
 *
 * Memory that a worker writes into (`scratch`) belongs to the workers, not to the caller: where a
 * worker is too late with its answer, it is put aside until the worker has ended, so that a late
 * write hits nothing else.
 */
#include "bridge/workers/workers.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/workers/workers_parts.h"

#define RETURNS_MAX 256u /* servers returned to normal mode by one tick */
/*
 * Where observations come one by one (a connection brings four or so) each would cost four system
 * calls and a switch to this thread and back, on a core that the worker or a host beside it could
 * use. In this time a mailbox does not fill.
 */
#define LOOK_AGAIN_US 3000u

static bool make_workers(struct workers *workers, const struct worker_options *options,
                         uint32_t count, struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        struct worker_options mine = options[i];

        mine.index = i;
        mine.count = count;
        mine.policies = workers->policies;
        mine.bell = &workers->bell;
        workers->worker[i] = worker_make(&mine, error);
        if (!workers->worker[i])
            return false;
        workers->count++;
    }
    return true;
}

struct workers *workers_make(const struct worker_options *options, uint32_t count,
                             struct policy *first, struct error *error)
{
    struct workers *workers = calloc(1, sizeof(*workers));
    bool bell;

    if (!workers) {
        free(first);
        error_set(error, EXIT_FAILED, "out of memory for the workers");
        return NULL;
    }
    workers->look_us = UINT64_MAX;
    workers->setting = options[0].mode;
    workers->policies = policy_handover_new(count);
    workers->watch = mode_watch_new();
    bell = waker_open(&workers->bell);
    if (!workers->policies || !workers->watch || !bell ||
        (first && !policy_handover_publish(workers->policies, first))) {
        free(first);
        error_set(error, EXIT_FAILED, "out of memory for the workers");
    } else if (make_workers(workers, options, count, error)) {
        return workers;
    }
    workers_stop(workers);
    return NULL;
}

bool workers_begin(struct workers *workers, const struct sandbox *sandbox, struct error *error)
{
    for (uint32_t i = 0; i < workers->count; i++)
        if (!worker_begin(workers->worker[i], sandbox, error))
            return false;
    return true;
}

struct engine *workers_engine_made(struct workers *workers, uint32_t worker)
{
    return worker_engine_made(workers->worker[worker]);
}

void workers_obey(struct workers *workers, uint32_t worker)
{
    worker_obey(workers->worker[worker]);
}

void workers_end_openings(struct workers *workers)
{
    const struct worker_request request = {.kind = REQUEST_END_OPENINGS};
    struct error error = {0};

    for (uint32_t i = 0; i < workers->count; i++)
        worker_ask(workers->worker[i], &request, &error);
}

void workers_halt(struct workers *workers)
{
    for (uint32_t i = 0; i < workers->count; i++)
        worker_halt(workers->worker[i]);
}

uint32_t workers_count(const struct workers *workers)
{
    return workers->count;
}

const struct engine *workers_engine(const struct workers *workers, uint32_t worker)
{
    return worker_engine(workers->worker[worker]);
}

void workers_stop(struct workers *workers)
{
    if (!workers)
        return;
    for (uint32_t i = 0; i < workers->count; i++)
        worker_stop(workers->worker[i]);
    while (workers->aside) {
        struct scratch *next = workers->aside->next;

        free(workers->aside);
        workers->aside = next;
    }
    policy_handover_free(workers->policies);
    mode_watch_free(workers->watch);
    waker_close(&workers->bell);
    free(workers);
}

int workers_fd(const struct workers *workers)
{
    return workers->bell.fd;
}

bool workers_failed(const struct workers *workers, struct error *error)
{
    for (uint32_t i = 0; i < workers->count; i++)
        if (worker_failed(workers->worker[i], error))
            return true;
    return false;
}

bool workers_multishot(const struct workers *workers)
{
    return worker_multishot(workers->worker[0]);
}

/* False: a mailbox was too full to take it. What happens again is then told again. */
static bool tell_all(struct workers *workers, const struct worker_request *request)
{
    bool told = true;

    for (uint32_t i = 0; i < workers->count; i++)
        told = worker_tell(workers->worker[i], request) && told;
    return told;
}

/* The shard that fired is told as well: it costs nothing, and an operator's word may have crossed
 * with the report. */
static void handle_trigger(struct workers *workers, const struct observation *trigger,
                           const struct workers_hooks *hooks, uint64_t now_us)
{
    const bool new = mode_watch_fired(workers->watch, &trigger->server, now_us);
    const struct worker_request request = {.kind = REQUEST_MODE,
                                           .server = trigger->server,
                                           .mode = MODE_ATTACK,
                                           .cause = trigger->trigger.cause,
                                           .value = trigger->trigger.value};

    if (new || trigger->trigger.switched)
        tell_all(workers, &request);
    if (new && trigger->trigger.switched)
        hooks->switched(hooks->context, trigger);
}

/* What one shard has judged, or taken back, counts in all: the next connection of this source may
 * reach another. */
static void handle_aside(struct workers *workers, const struct observation *aside,
                         const struct workers_hooks *hooks)
{
    const bool released = aside->source.until_us <= aside->time_us;
    const struct worker_request request = {
        .kind = REQUEST_SET_SOURCE,
        .source = {.prefix = aside->source.prefix,
                   .length = aside->source.length,
                   .state = released ? SOURCE_CLEAR : SOURCE_ASIDE,
                   .by = SOURCE_BY_JUDGEMENT,
                   .link = aside->source.link,
                   .until_us = aside->source.until_us}};

    if (workers->count > 1)
        tell_all(workers, &request);
    if (!released)
        hooks->put_aside(hooks->context, aside);
}

/* The next client of a server that one shard has met may reach another. */
static void handle_answered(struct workers *workers, const struct observation *answered)
{
    const struct worker_request request = {.kind = REQUEST_ANSWERED, .server = answered->server};

    tell_all(workers, &request);
}

/* The next query of a client that one shard has met over TCP may reach another over UDP. */
static void handle_proved(struct workers *workers, const struct observation *proved)
{
    const struct worker_request request = {
        .kind = REQUEST_PROVED, .server = proved->server, .source = {.prefix = proved->client}};

    tell_all(workers, &request);
}

static void handle_report(struct workers *workers, const struct observation *report,
                          const struct workers_hooks *hooks, uint64_t now_us)
{
    if (report->kind == OBSERVED_SOURCE)
        handle_aside(workers, report, hooks);
    else if (report->kind == OBSERVED_ANSWERED)
        handle_answered(workers, report);
    else
        handle_trigger(workers, report, hooks, now_us);
}

void workers_drain(struct workers *workers, const struct workers_hooks *hooks, uint64_t now_us)
{
    bool any = false;

    waker_clear(&workers->bell);
    for (uint32_t i = 0; i < workers->count; i++) {
        const struct observation *observation;
        uint32_t fetched;

        while ((observation = worker_next_trigger(workers->worker[i])) != NULL)
            handle_report(workers, observation, hooks, now_us);
        fetched = 0;
        while (fetched < WORKERS_DRAIN_MAX &&
               (observation = worker_next_observation(workers->worker[i])) != NULL) {
            if (observation->kind == OBSERVED_PROVED)
                handle_proved(workers, observation);
            else
                hooks->observed(hooks->context, observation);
            fetched++;
        }
        any |= fetched > 0;
        if (fetched == WORKERS_DRAIN_MAX)
            waker_ring(&workers->bell);
    }
    if (any)
        waker_hold(&workers->bell);
    workers->look_us = any ? now_us + LOOK_AGAIN_US : UINT64_MAX;
}

uint64_t workers_due(const struct workers *workers)
{
    return workers->look_us;
}

void workers_tick(struct workers *workers, const struct workers_hooks *hooks, uint64_t now_us)
{
    struct server_key server;

    /* After `mode auto` thousands are due at once; the mailboxes have room for others meanwhile. */
    for (uint32_t i = 0; i < RETURNS_MAX && mode_watch_take_due(workers->watch, now_us, &server);
         i++) {
        const struct worker_request request = {
            .kind = REQUEST_MODE, .server = server, .mode = MODE_NORMAL};

        if (tell_all(workers, &request))
            hooks->returned(hooks->context, &server);
        else /* a later tick tries again: nobody else would */
            mode_watch_fired(workers->watch, &server, now_us);
    }
    policy_handover_reclaim(workers->policies);
}

bool workers_publish(struct workers *workers, struct policy *policy)
{
    if (!policy_handover_publish(workers->policies, policy))
        return false;
    for (uint32_t i = 0; i < workers->count; i++)
        worker_wake(workers->worker[i]);
    return true;
}

const struct policy *workers_policy(const struct workers *workers)
{
    return policy_handover_newest(workers->policies);
}

bool workers_set_learning(struct workers *workers, bool learning)
{
    const struct worker_request request = {.kind = REQUEST_LEARNING, .learning = learning};
    bool told = true;

    for (uint32_t i = 0; i < workers->count; i++)
        told = worker_tell(workers->worker[i], &request) && told;
    return told;
}

/*
 * AUTO leaves a server in the mode that it has. One that the operator had put into attack mode is
 * watched from now on as if a trigger had fired, so that it comes back when it is quiet; one that
 * the operator decides for is not watched. `server` NULL: all.
 */
static bool watch_anew(struct workers *workers, const struct server_key *server, uint64_t now_us,
                       struct error *error)
{
    struct server_info *servers;
    uint32_t count;

    mode_watch_forget(workers->watch, server);
    if (!workers_servers(workers, &servers, &count, error))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct server_info *info = &servers[i];
        const enum mode_setting setting =
            info->setting == SETTING_INHERIT ? workers->setting : info->setting;

        if (info->mode == MODE_ATTACK && setting == SETTING_AUTO &&
            (!server || server_key_equal(server, &info->key)))
            mode_watch_fired(workers->watch, &info->key, now_us);
    }
    free(servers);
    return true;
}

bool workers_watch_anew(struct workers *workers, uint64_t now_us, struct error *error)
{
    return watch_anew(workers, NULL, now_us, error);
}

bool workers_set_setting(struct workers *workers, const struct server_key *server,
                         enum mode_setting setting, uint64_t now_us, struct error *error)
{
    struct worker_request request = {
        .kind = REQUEST_SETTING, .for_all = !server, .setting = setting};

    if (server)
        request.server = *server;
    for (uint32_t i = 0; i < workers->count; i++)
        if (!worker_ask(workers->worker[i], &request, error))
            return false;
    if (!server)
        workers->setting = setting;
    return watch_anew(workers, server, now_us, error);
}

struct scratch *scratch_new(size_t payload_bytes, struct error *error)
{
    const size_t bytes = offsetof(struct scratch, bytes) + payload_bytes;
    struct scratch *scratch = calloc(1, bytes > sizeof(*scratch) ? bytes : sizeof(*scratch));

    if (!scratch)
        error_set(error, EXIT_FAILED, "out of memory for the answer of a worker");
    return scratch;
}

bool scratch_ask(struct workers *workers, uint32_t worker, const struct worker_request *request,
                 struct scratch *scratch, struct error *error)
{
    if (worker_ask(workers->worker[worker], request, error))
        return true;
    scratch->next = workers->aside;
    workers->aside = scratch;
    return false;
}

bool workers_counters(struct workers *workers, struct counters *out, struct error *error)
{
    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < workers->count; i++) {
        struct scratch *scratch = scratch_new(sizeof(scratch->counters), error);
        struct worker_request request;

        if (!scratch)
            return false;
        request = (struct worker_request){.kind = REQUEST_COUNTERS, .counters = &scratch->counters};
        if (!scratch_ask(workers, i, &request, scratch, error))
            return false;
        counters_add(out, &scratch->counters);
        free(scratch);
    }
    return true;
}

static void add_use(struct engine_use *sum, const struct engine_use *use)
{
#define ADD_TABLE(name, text)                                                                      \
    sum->name.used += use->name.used;                                                              \
    sum->name.size += use->name.size;
    ENGINE_TABLES(ADD_TABLE)
#undef ADD_TABLE
}

bool workers_use(struct workers *workers, struct engine_use *out, struct error *error)
{
    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < workers->count; i++) {
        struct scratch *scratch = scratch_new(sizeof(scratch->use), error);
        struct worker_request request;

        if (!scratch)
            return false;
        request = (struct worker_request){.kind = REQUEST_USE, .use = &scratch->use};
        if (!scratch_ask(workers, i, &request, scratch, error))
            return false;
        add_use(out, &scratch->use);
        free(scratch);
    }
    return true;
}

void workers_set_accept_queue(struct workers *workers, const struct server_key *server,
                              uint32_t used, uint32_t limit)
{
    const struct worker_request request = {
        .kind = REQUEST_ACCEPT_QUEUE, .server = *server, .value = used, .max = limit};

    tell_all(workers, &request);
}

bool workers_set_listening(struct workers *workers, const struct server_key *server, bool listening)
{
    const struct worker_request request = {
        .kind = REQUEST_LISTENING, .server = *server, .listening = listening};

    return tell_all(workers, &request);
}

void workers_listening_fresh(struct workers *workers)
{
    const struct worker_request request = {.kind = REQUEST_FRESH};

    tell_all(workers, &request);
}

bool workers_attacked(const struct workers *workers)
{
    return mode_watch_deadline(workers->watch) != UINT64_MAX;
}

/* Asks all for a yes or no; `*any` is whether one said yes, `*every` whether none said no. */
static bool ask_all(struct workers *workers, struct worker_request *request, bool *any, bool *every,
                    struct error *error)
{
    *any = false;
    *every = true;
    for (uint32_t i = 0; i < workers->count; i++) {
        struct scratch *scratch = scratch_new(0, error);

        if (!scratch)
            return false;
        request->count = &scratch->count;
        if (!scratch_ask(workers, i, request, scratch, error))
            return false;
        *any = *any || scratch->count != 0;
        *every = *every && scratch->count != 0;
        free(scratch);
    }
    return true;
}

bool workers_set_lists(struct workers *workers, const struct source_lists *lists,
                       struct error *error)
{
    struct worker_request request = {.kind = REQUEST_LISTS, .lists = lists};
    bool any, every;

    return ask_all(workers, &request, &any, &every, error);
}

bool workers_configure(struct workers *workers, const struct trigger_limits *triggers,
                       enum unknown_servers unknown, struct error *error)
{
    struct worker_request request = {
        .kind = REQUEST_CONFIGURE, .triggers = *triggers, .unknown = unknown};
    bool any, every;

    return ask_all(workers, &request, &any, &every, error);
}

bool workers_set_bridges(struct workers *workers, uint32_t bridges)
{
    const struct worker_request request = {.kind = REQUEST_BRIDGES, .value = bridges};

    return tell_all(workers, &request);
}

bool workers_hold_attack(struct workers *workers, const struct server_key *server,
                         const struct observed_trigger *trigger, uint64_t until_us, uint64_t now_us,
                         bool *new)
{
    const struct worker_request request = {.kind = REQUEST_MODE,
                                           .server = *server,
                                           .mode = MODE_ATTACK,
                                           .cause = trigger->cause,
                                           .value = trigger->value};

    *new = mode_watch_hold(workers->watch, server, until_us, now_us);
    if (!*new || tell_all(workers, &request))
        return true;
    mode_watch_forget(workers->watch, server); /* new when it is said again */
    return false;
}

void workers_set_returned(struct workers *workers, const struct server_key *server,
                          uint32_t returned)
{
    const struct worker_request request = {
        .kind = REQUEST_RETURNED, .server = *server, .value = returned / workers->count};

    tell_all(workers, &request);
}

bool workers_set_others(struct workers *workers, const struct server_key *server,
                        const struct trigger_others *others)
{
    const struct worker_request request = {
        .kind = REQUEST_OTHERS,
        .server = *server,
        .others = {.half_open = others->half_open / workers->count,
                   .silent = others->silent / workers->count,
                   .handshakes = others->handshakes / workers->count}};

    return tell_all(workers, &request);
}

bool workers_hear_all(struct workers *workers)
{
    const struct worker_request request = {.kind = REQUEST_HEARS_ALL};

    return tell_all(workers, &request);
}

uint32_t workers_fired_lately(const struct workers *workers, struct server_key *servers,
                              uint32_t max, uint64_t now_us)
{
    return mode_watch_fired_lately(workers->watch, servers, max, now_us);
}

bool workers_set_source(struct workers *workers, const struct source_rule *rule,
                        struct error *error)
{
    struct worker_request request = {.kind = REQUEST_SET_SOURCE, .source = *rule};
    bool any, every;

    return ask_all(workers, &request, &any, &every, error) &&
           (every ||
            error_set(error, EXIT_FAILED, "no room: there are %u rules already, remove some first",
                      SOURCE_RULES_MAX));
}

bool workers_forget_source(struct workers *workers, const struct ip_addr *prefix, uint8_t length,
                           bool *known, struct error *error)
{
    struct worker_request request = {.kind = REQUEST_FORGET_SOURCE,
                                     .source = {.prefix = *prefix, .length = length}};
    bool every;

    return ask_all(workers, &request, known, &every, error);
}
