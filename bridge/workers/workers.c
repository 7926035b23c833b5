/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workers.c - see workers.h.
 *
 * Memory that a worker writes into (`scratch`) belongs to the shards, not to the caller: where a
 * worker is too late with its answer, it is put aside until the worker has ended, so that a late
 * write hits nothing else.
 */
#include "bridge/workers/workers.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/workers/mode_watch.h"

/* Entries beyond the number that a worker named first: tables grow while one asks. */
#define GROWTH_SPARE 256u

#define RETURNS_MAX 256u /* servers returned to normal mode by one tick */
/*
 * Where observations come one by one (a connection brings four or so) each would cost four system
 * calls and a switch to this thread and back, on a core that the worker or a host beside it could
 * use. In this time a mailbox does not fill.
 */
#define LOOK_AGAIN_US 3000u

/* What a worker writes its answer into. `next`: put aside. */
struct scratch {
    struct scratch *next;
    uint32_t count;
    union {
        struct counters counters;
        struct server_info servers[1];
        struct flow_info flows[1];
        struct source_info sources[1];
        uint8_t bytes[1];
    };
};

struct shards {
    uint32_t count;
    struct worker *workers[WORKERS_MAX];
    struct policy_handover *policies;
    struct mode_watch *watch;
    struct waker bell;
    uint64_t look_us; /* when to look for observations that did not ring; UINT64_MAX: all ring */
    enum mode_setting setting; /* for all servers */
    struct scratch *aside;
};

static bool start_workers(struct shards *shards, const struct worker_options *options,
                          uint32_t count, struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        struct worker_options mine = options[i];
        mine.index = i;
        mine.policies = shards->policies;
        mine.bell = &shards->bell;
        shards->workers[i] = worker_start(&mine, error);
        if (shards->workers[i] == NULL)
            return false;
        shards->count++;
    }
    return true;
}

struct shards *shards_start(const struct worker_options *options, uint32_t count,
                            struct policy *first, struct error *error)
{
    struct shards *shards = calloc(1, sizeof(*shards));
    if (shards == NULL) {
        free(first);
        error_set(error, EXIT_FAILED, "out of memory for the workers");
        return NULL;
    }
    shards->look_us = UINT64_MAX;
    shards->setting = options[0].mode;
    shards->policies = policy_handover_new(count);
    shards->watch = mode_watch_new();
    const bool bell = waker_open(&shards->bell);
    if (shards->policies == NULL || shards->watch == NULL || !bell ||
        (first != NULL && !policy_handover_publish(shards->policies, first))) {
        free(first);
        error_set(error, EXIT_FAILED, "out of memory for the workers");
    } else if (start_workers(shards, options, count, error)) {
        return shards;
    }
    shards_stop(shards);
    return NULL;
}

void shards_stop(struct shards *shards)
{
    if (shards == NULL)
        return;
    for (uint32_t i = 0; i < shards->count; i++)
        worker_stop(shards->workers[i]);
    while (shards->aside != NULL) {
        struct scratch *next = shards->aside->next;
        free(shards->aside);
        shards->aside = next;
    }
    policy_handover_free(shards->policies);
    mode_watch_free(shards->watch);
    waker_close(&shards->bell);
    free(shards);
}

int shards_fd(const struct shards *shards)
{
    return shards->bell.fd;
}

bool shards_failed(const struct shards *shards, struct error *error)
{
    for (uint32_t i = 0; i < shards->count; i++)
        if (worker_failed(shards->workers[i], error))
            return true;
    return false;
}

bool shards_multishot(const struct shards *shards)
{
    return worker_multishot(shards->workers[0]);
}

/* False: a mailbox was too full to take it. What happens again is then told again. */
static bool tell_all(struct shards *shards, const struct worker_request *request)
{
    bool told = true;
    for (uint32_t i = 0; i < shards->count; i++)
        told = worker_tell(shards->workers[i], request) && told;
    return told;
}

/* The shard that fired is told as well: it costs nothing, and an operator's word may have crossed
 * with the report. */
static void handle_trigger(struct shards *shards, const struct observation *trigger,
                           const struct shards_hooks *hooks, uint64_t now_us)
{
    const bool new = mode_watch_fired(shards->watch, &trigger->server, now_us);
    const struct worker_request request = {.kind = REQUEST_MODE,
                                           .server = trigger->server,
                                           .mode = MODE_ATTACK,
                                           .cause = trigger->trigger.cause,
                                           .value = trigger->trigger.value};
    if (new || trigger->trigger.switched)
        tell_all(shards, &request);
    if (new && trigger->trigger.switched)
        hooks->switched(hooks->context, trigger);
}

/* What one shard has judged, or taken back, counts in all: the next connection of this source may
 * reach another. */
static void handle_aside(struct shards *shards, const struct observation *aside,
                         const struct shards_hooks *hooks)
{
    const bool released = aside->source.until_us <= aside->time_us;
    const struct worker_request request = {
        .kind = REQUEST_SET_SOURCE,
        .source = {.prefix = aside->source.prefix,
                   .length = aside->source.length,
                   .state = released ? SOURCE_CLEAR : SOURCE_ASIDE,
                   .by = SOURCE_BY_JUDGEMENT,
                   .until_us = aside->source.until_us}};
    if (shards->count > 1)
        tell_all(shards, &request);
    if (!released)
        hooks->put_aside(hooks->context, aside);
}

/* The next client of a server that one shard has met may reach another. */
static void handle_answered(struct shards *shards, const struct observation *answered)
{
    const struct worker_request request = {.kind = REQUEST_ANSWERED, .server = answered->server};
    tell_all(shards, &request);
}

static void handle_report(struct shards *shards, const struct observation *report,
                          const struct shards_hooks *hooks, uint64_t now_us)
{
    if (report->kind == OBSERVED_SOURCE)
        handle_aside(shards, report, hooks);
    else if (report->kind == OBSERVED_ANSWERED)
        handle_answered(shards, report);
    else
        handle_trigger(shards, report, hooks, now_us);
}

void shards_drain(struct shards *shards, const struct shards_hooks *hooks, uint64_t now_us)
{
    bool any = false;
    waker_clear(&shards->bell);
    for (uint32_t i = 0; i < shards->count; i++) {
        const struct observation *observation;
        while ((observation = worker_next_trigger(shards->workers[i])) != NULL)
            handle_report(shards, observation, hooks, now_us);
        uint32_t fetched = 0;
        while (fetched < SHARDS_DRAIN_MAX &&
               (observation = worker_next_observation(shards->workers[i])) != NULL) {
            hooks->observed(hooks->context, observation);
            fetched++;
        }
        any |= fetched > 0;
        if (fetched == SHARDS_DRAIN_MAX)
            waker_ring(&shards->bell);
    }
    if (any)
        waker_hold(&shards->bell);
    shards->look_us = any ? now_us + LOOK_AGAIN_US : UINT64_MAX;
}

uint64_t shards_due(const struct shards *shards)
{
    return shards->look_us;
}

void shards_tick(struct shards *shards, const struct shards_hooks *hooks, uint64_t now_us)
{
    struct server_key server;
    /* After `mode auto` thousands are due at once; the mailboxes have room for others meanwhile. */
    for (uint32_t i = 0; i < RETURNS_MAX && mode_watch_take_due(shards->watch, now_us, &server);
         i++) {
        const struct worker_request request = {
            .kind = REQUEST_MODE, .server = server, .mode = MODE_NORMAL};
        if (tell_all(shards, &request))
            hooks->returned(hooks->context, &server);
        else /* a later tick tries again: nobody else would */
            mode_watch_fired(shards->watch, &server, now_us);
    }
    policy_handover_reclaim(shards->policies);
}

bool shards_publish(struct shards *shards, struct policy *policy)
{
    if (!policy_handover_publish(shards->policies, policy))
        return false;
    for (uint32_t i = 0; i < shards->count; i++)
        worker_wake(shards->workers[i]);
    return true;
}

const struct policy *shards_policy(const struct shards *shards)
{
    return policy_handover_newest(shards->policies);
}

bool shards_set_learning(struct shards *shards, bool learning)
{
    const struct worker_request request = {.kind = REQUEST_LEARNING, .learning = learning};
    bool told = true;
    for (uint32_t i = 0; i < shards->count; i++)
        told = worker_tell(shards->workers[i], &request) && told;
    return told;
}

/*
 * AUTO leaves a server in the mode that it has. One that the operator had put into attack mode is
 * watched from now on as if a trigger had fired, so that it comes back when it is quiet; one that
 * the operator decides for is not watched. `server` NULL: all.
 */
static bool watch_anew(struct shards *shards, const struct server_key *server, uint64_t now_us,
                       struct error *error)
{
    struct server_info *servers;
    uint32_t count;
    mode_watch_forget(shards->watch, server);
    if (!shards_servers(shards, &servers, &count, error))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct server_info *info = &servers[i];
        const enum mode_setting setting =
            info->setting == SETTING_INHERIT ? shards->setting : info->setting;
        if (info->mode == MODE_ATTACK && setting == SETTING_AUTO &&
            (server == NULL || server_key_equal(server, &info->key)))
            mode_watch_fired(shards->watch, &info->key, now_us);
    }
    free(servers);
    return true;
}

bool shards_set_setting(struct shards *shards, const struct server_key *server,
                        enum mode_setting setting, uint64_t now_us, struct error *error)
{
    struct worker_request request = {
        .kind = REQUEST_SETTING, .for_all = server == NULL, .setting = setting};
    if (server != NULL)
        request.server = *server;
    for (uint32_t i = 0; i < shards->count; i++)
        if (!worker_ask(shards->workers[i], &request, error))
            return false;
    if (server == NULL)
        shards->setting = setting;
    return watch_anew(shards, server, now_us, error);
}

static struct scratch *scratch_new(size_t payload_bytes, struct error *error)
{
    const size_t bytes = offsetof(struct scratch, bytes) + payload_bytes;
    struct scratch *scratch = calloc(1, bytes > sizeof(*scratch) ? bytes : sizeof(*scratch));
    if (scratch == NULL)
        error_set(error, EXIT_FAILED, "out of memory for the answer of a worker");
    return scratch;
}

/* True: the answer is in `scratch`. Else it is no longer the caller's. */
static bool ask(struct shards *shards, uint32_t worker, const struct worker_request *request,
                struct scratch *scratch, struct error *error)
{
    if (worker_ask(shards->workers[worker], request, error))
        return true;
    scratch->next = shards->aside;
    shards->aside = scratch;
    return false;
}

bool shards_counters(struct shards *shards, struct counters *out, struct error *error)
{
    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < shards->count; i++) {
        struct scratch *scratch = scratch_new(sizeof(scratch->counters), error);
        if (scratch == NULL)
            return false;
        const struct worker_request request = {.kind = REQUEST_COUNTERS,
                                               .counters = &scratch->counters};
        if (!ask(shards, i, &request, scratch, error))
            return false;
        counters_add(out, &scratch->counters);
        free(scratch);
    }
    return true;
}

/*
 * Asks a worker for a table: first how long it is, then for all of it. `*found` entries are in the
 * result, which the caller frees; NULL: `error`.
 */
static struct scratch *ask_table(struct shards *shards, uint32_t worker,
                                 enum worker_request_kind kind, size_t entry_bytes, uint32_t *found,
                                 struct error *error)
{
    uint32_t room = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        struct scratch *scratch = scratch_new(room * entry_bytes, error);
        if (scratch == NULL)
            return NULL;
        struct worker_request request = {.kind = kind, .max = room, .count = &scratch->count};
        if (kind == REQUEST_SERVERS)
            request.servers = scratch->servers;
        else if (kind == REQUEST_SOURCES)
            request.sources = scratch->sources;
        else
            request.flows = scratch->flows;
        if (!ask(shards, worker, &request, scratch, error))
            return NULL;
        *found = scratch->count < room ? scratch->count : room;
        if (attempt == 1)
            return scratch;
        room = scratch->count + GROWTH_SPARE;
        free(scratch);
    }
    return NULL;
}

/* The table with room for `more` entries behind `count`; NULL, the table untouched, where memory is
 * out. */
static void *grow(void *table, uint32_t count, uint32_t more, size_t entry_bytes,
                  struct error *error)
{
    /* One more than needed: realloc(0) would look like a failure. */
    void *larger = realloc(table, ((size_t)count + more + 1) * entry_bytes);
    if (larger == NULL)
        error_set(error, EXIT_FAILED, "out of memory for the answers of the workers");
    return larger;
}

static void merge_server(struct server_info *into, const struct server_info *from)
{
    const uint32_t half_open = into->half_open + from->half_open;
    const bool takes_over =
        from->mode == MODE_ATTACK && (into->mode != MODE_ATTACK || from->since_us < into->since_us);
    if (takes_over)
        *into = *from;
    into->half_open = half_open;
}

static int compare_servers(const void *a, const void *b)
{
    const struct server_info *left = a, *right = b;
    return memcmp(&left->key, &right->key, sizeof(left->key));
}

/* Sorts by server and folds what several shards said of one. Returns how many are left. */
static uint32_t fold_servers(struct server_info *servers, uint32_t count)
{
    uint32_t kept = 0;
    qsort(servers, count, sizeof(*servers), compare_servers);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && server_key_equal(&servers[kept - 1].key, &servers[i].key))
            merge_server(&servers[kept - 1], &servers[i]);
        else
            servers[kept++] = servers[i];
    }
    return kept;
}

/* The tables of all shards, one behind the other. */
static bool gather(struct shards *shards, enum worker_request_kind kind, size_t entry_bytes,
                   void **table, uint32_t *count, struct error *error)
{
    *table = NULL;
    *count = 0;
    for (uint32_t i = 0; i < shards->count; i++) {
        uint32_t found = 0;
        struct scratch *scratch = ask_table(shards, i, kind, entry_bytes, &found, error);
        uint8_t *larger = scratch != NULL ? grow(*table, *count, found, entry_bytes, error) : NULL;
        if (larger != NULL) {
            memcpy(larger + *count * entry_bytes, scratch->bytes, found * entry_bytes);
            *table = larger;
            *count += found;
        }
        free(scratch);
        if (larger == NULL) {
            free(*table);
            *table = NULL;
            return false;
        }
    }
    return true;
}

bool shards_servers(struct shards *shards, struct server_info **servers, uint32_t *count,
                    struct error *error)
{
    void *table;
    const bool ok = gather(shards, REQUEST_SERVERS, sizeof(**servers), &table, count, error);
    *servers = table;
    if (ok)
        *count = fold_servers(*servers, *count);
    return ok;
}

void shards_set_accept_queue(struct shards *shards, const struct server_key *server, uint32_t used,
                             uint32_t limit)
{
    const struct worker_request request = {
        .kind = REQUEST_ACCEPT_QUEUE, .server = *server, .value = used, .max = limit};
    tell_all(shards, &request);
}

bool shards_set_listening(struct shards *shards, const struct server_key *server, bool listening)
{
    const struct worker_request request = {
        .kind = REQUEST_LISTENING, .server = *server, .listening = listening};
    return tell_all(shards, &request);
}

void shards_listening_fresh(struct shards *shards)
{
    const struct worker_request request = {.kind = REQUEST_FRESH};
    tell_all(shards, &request);
}

bool shards_attacked(const struct shards *shards)
{
    return mode_watch_deadline(shards->watch) != UINT64_MAX;
}

/* Asks all for a yes or no; `*any` is whether one said yes, `*every` whether none said no. */
static bool ask_all(struct shards *shards, struct worker_request *request, bool *any, bool *every,
                    struct error *error)
{
    *any = false;
    *every = true;
    for (uint32_t i = 0; i < shards->count; i++) {
        struct scratch *scratch = scratch_new(0, error);
        if (scratch == NULL)
            return false;
        request->count = &scratch->count;
        if (!ask(shards, i, request, scratch, error))
            return false;
        *any = *any || scratch->count != 0;
        *every = *every && scratch->count != 0;
        free(scratch);
    }
    return true;
}

bool shards_set_source(struct shards *shards, const struct source_rule *rule, struct error *error)
{
    struct worker_request request = {.kind = REQUEST_SET_SOURCE, .source = *rule};
    bool any, every;
    return ask_all(shards, &request, &any, &every, error) &&
           (every ||
            error_set(error, EXIT_FAILED, "no room: there are %u rules already, remove some first",
                      SOURCE_RULES_MAX));
}

bool shards_forget_source(struct shards *shards, const struct ip_addr *prefix, uint8_t length,
                          bool *known, struct error *error)
{
    struct worker_request request = {.kind = REQUEST_FORGET_SOURCE,
                                     .source = {.prefix = *prefix, .length = length}};
    bool every;
    return ask_all(shards, &request, known, &every, error);
}

static int compare_sources(const void *a, const void *b)
{
    const struct source_info *left = a, *right = b;
    const int order = memcmp(&left->rule.prefix, &right->rule.prefix, sizeof(left->rule.prefix));
    if (order != 0)
        return order;
    if (left->rule.length != right->rule.length)
        return (int)left->rule.length - (int)right->rule.length;
    return (int)right->rule.by - (int)left->rule.by; /* the operator's first */
}

static bool same_source(const struct source_info *a, const struct source_info *b)
{
    return a->rule.by == b->rule.by && a->rule.length == b->rule.length &&
           memcmp(&a->rule.prefix, &b->rule.prefix, sizeof(a->rule.prefix)) == 0;
}

/* The same prefix, seen by another shard: put aside in one is put aside. */
static void merge_source(struct source_info *into, const struct source_info *from)
{
    if (from->rule.state == SOURCE_ASIDE && from->rule.until_us > into->rule.until_us)
        into->rule = from->rule;
    into->mismatches += from->mismatches;
    into->matches += from->matches;
}

static uint32_t fold_sources(struct source_info *sources, uint32_t count)
{
    uint32_t kept = 0;
    qsort(sources, count, sizeof(*sources), compare_sources);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && same_source(&sources[kept - 1], &sources[i]))
            merge_source(&sources[kept - 1], &sources[i]);
        else
            sources[kept++] = sources[i];
    }
    return kept;
}

bool shards_sources(struct shards *shards, struct source_info **sources, uint32_t *count,
                    struct error *error)
{
    void *table;
    const bool ok = gather(shards, REQUEST_SOURCES, sizeof(**sources), &table, count, error);
    *sources = table;
    if (ok)
        *count = fold_sources(*sources, *count);
    return ok;
}

bool shards_flows(struct shards *shards, struct flow_info **flows, uint32_t *count,
                  struct error *error)
{
    void *table;
    const bool ok = gather(shards, REQUEST_FLOWS, sizeof(**flows), &table, count, error);
    *flows = table;
    return ok;
}
