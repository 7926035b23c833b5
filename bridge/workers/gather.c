/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gather.c - tables of all workers as one: servers, sources, flows (workers.h).
 *
 * Each worker is asked twice, for the length of its table and for the table. What several have of
 * one server or source is folded into one entry.
 */
#include "bridge/workers/workers_parts.h"

#include <stdlib.h>
#include <string.h>

/* Entries beyond the number that a worker named first: tables grow while one asks. */
#define GROWTH_SPARE 256u

/*
 * Asks a worker for a table: first how long it is, then for all of it. `*found` entries are in the
 * result, which the caller frees; NULL: `error`.
 */
static struct scratch *ask_table(struct workers *workers, uint32_t worker,
                                 enum worker_request_kind kind, size_t entry_bytes, uint32_t *found,
                                 struct error *error)
{
    uint32_t room = 0;

    for (int attempt = 0; attempt < 2; attempt++) {
        struct scratch *scratch = scratch_new(room * entry_bytes, error);
        struct worker_request request;

        if (!scratch)
            return NULL;
        request = (struct worker_request){.kind = kind, .max = room, .count = &scratch->count};
        if (kind == REQUEST_SERVERS)
            request.servers = scratch->servers;
        else if (kind == REQUEST_SOURCES)
            request.sources = scratch->sources;
        else
            request.flows = scratch->flows;
        if (!scratch_ask(workers, worker, &request, scratch, error))
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

    if (!larger)
        error_set(error, EXIT_FAILED, "out of memory for the answers of the workers");
    return larger;
}

static void merge_server(struct server_info *into, const struct server_info *from)
{
    const uint32_t held = into->held + from->held, held_mark = into->held_mark + from->held_mark;
    const uint32_t foreign = into->foreign + from->foreign;
    const struct trigger_others counted = {
        .half_open = into->counted.half_open + from->counted.half_open,
        .silent = into->counted.silent + from->counted.silent,
        .handshakes = into->counted.handshakes + from->counted.handshakes};
    const uint32_t ended = into->ended + from->ended, peak = into->held_peak + from->held_peak;
    const char *dead = into->dead ? into->dead : from->dead;
    const char *no_grants = into->no_grants ? into->no_grants : from->no_grants;
    const bool takes_over =
        from->mode == MODE_ATTACK && (into->mode != MODE_ATTACK || from->since_us < into->since_us);
    struct server_figures figures = into->figures;

    figures_add(&figures, &from->figures);
    into->usual += from->usual;
    if (takes_over) {
        const uint32_t usual = into->usual;

        *into = *from;
        into->usual = usual;
    }
    into->figures = figures;
    into->held = held;
    into->held_mark = held_mark;
    into->ended = ended;
    into->held_peak = peak;
    into->foreign = foreign;
    into->counted = counted;
    into->dead = dead;
    into->no_grants = no_grants;
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
static bool gather(struct workers *workers, enum worker_request_kind kind, size_t entry_bytes,
                   void **table, uint32_t *count, struct error *error)
{
    *table = NULL;
    *count = 0;
    for (uint32_t i = 0; i < workers->count; i++) {
        uint32_t found = 0;
        struct scratch *scratch = ask_table(workers, i, kind, entry_bytes, &found, error);
        uint8_t *larger = scratch ? grow(*table, *count, found, entry_bytes, error) : NULL;

        if (larger) {
            memcpy(larger + *count * entry_bytes, scratch->bytes, found * entry_bytes);
            *table = larger;
            *count += found;
        }
        free(scratch);
        if (!larger) {
            free(*table);
            *table = NULL;
            return false;
        }
    }
    return true;
}

bool workers_servers(struct workers *workers, struct server_info **servers, uint32_t *count,
                     struct error *error)
{
    void *table;
    const bool ok = gather(workers, REQUEST_SERVERS, sizeof(**servers), &table, count, error);

    *servers = table;
    if (ok)
        *count = fold_servers(*servers, *count);
    return ok;
}

static int compare_links(const struct source_link *a, const struct source_link *b)
{
    if (a->mac != b->mac)
        return a->mac < b->mac ? -1 : 1;
    return memcmp(&a->vlan, &b->vlan, sizeof(a->vlan));
}

static int compare_sources(const void *a, const void *b)
{
    const struct source_info *left = a, *right = b;
    const int order = memcmp(&left->rule.prefix, &right->rule.prefix, sizeof(left->rule.prefix));

    if (order != 0)
        return order;
    if (left->rule.length != right->rule.length)
        return (int)left->rule.length - (int)right->rule.length;
    if (left->rule.by != right->rule.by)
        return (int)right->rule.by - (int)left->rule.by; /* the operator's first */
    return compare_links(&left->rule.link, &right->rule.link);
}

static bool same_source(const struct source_info *a, const struct source_info *b)
{
    return compare_sources(a, b) == 0;
}

/* The same source, seen by another shard: put aside in one is put aside. */
static void merge_source(struct source_info *into, const struct source_info *from)
{
    const uint8_t strikes =
        from->rule.strikes > into->rule.strikes ? from->rule.strikes : into->rule.strikes;

    if (from->rule.state == SOURCE_ASIDE && from->rule.until_us > into->rule.until_us)
        into->rule = from->rule;
    into->rule.strikes = strikes;
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

bool workers_sources(struct workers *workers, struct source_info **sources, uint32_t *count,
                     struct error *error)
{
    void *table;
    const bool ok = gather(workers, REQUEST_SOURCES, sizeof(**sources), &table, count, error);

    *sources = table;
    if (ok)
        *count = fold_sources(*sources, *count);
    return ok;
}

bool workers_flows(struct workers *workers, struct flow_info **flows, uint32_t *count,
                   struct error *error)
{
    void *table;
    const bool ok = gather(workers, REQUEST_FLOWS, sizeof(**flows), &table, count, error);

    *flows = table;
    return ok;
}
