/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_modes.c - see run_modes.h. */
#include "bridge/run_modes.h"

#include <stdlib.h>
#include <string.h>

static int by_server(const void *left, const void *right)
{
    const struct config_server *a = left, *b = right;
    const int addr = memcmp(&a->selector.addr, &b->selector.addr, sizeof(a->selector.addr));

    return addr ? addr : (int)a->selector.port - (int)b->selector.port;
}

static int by_key(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(struct server_key));
}

/* What the file says of a server; without a port of it, of its address. NULL: nothing. */
static const struct config_server *find(const struct run_modes *modes, const struct server_key *key)
{
    struct config_server wanted = {.selector = {.addr = key->addr, .port = key->port}};
    const struct config_server *found = NULL;

    if (modes->wanted_count == 0)
        return NULL;
    found = bsearch(&wanted, modes->wanted, modes->wanted_count, sizeof(wanted), by_server);
    wanted.selector.port = 0;
    return found ? found
                 : bsearch(&wanted, modes->wanted, modes->wanted_count, sizeof(wanted), by_server);
}

/* Those of whom the file said the same before. */
static void keep_told(struct run_modes *modes, const struct run_modes *before)
{
    for (size_t i = 0; i < before->told_count; i++) {
        const struct config_server *was = find(before, &before->told[i]);
        const struct config_server *is = find(modes, &before->told[i]);

        if (was && is && was->mode == is->mode)
            modes->told[modes->told_count++] = before->told[i];
    }
}

bool run_modes_plan(struct run_modes *modes, const struct run_modes *before,
                    const struct config *config, struct error *error)
{
    *modes = (struct run_modes){.wanted = calloc(config->server_count + 1, sizeof(*modes->wanted)),
                                .told = calloc(before->told_count + 1, sizeof(*modes->told))};
    if (!modes->wanted || !modes->told) {
        run_modes_free(modes);
        return error_set(error, EXIT_FAILED, "out of memory");
    }
    for (size_t i = 0; i < config->server_count; i++)
        if (config->servers[i].mode != SETTING_INHERIT)
            modes->wanted[modes->wanted_count++] = config->servers[i];
    qsort(modes->wanted, modes->wanted_count, sizeof(*modes->wanted), by_server);
    keep_told(modes, before);
    return true;
}

bool run_modes_give_back(const struct run_modes *before, const struct run_modes *modes,
                         struct daemon *daemon, struct error *error)
{
    bool done = true;

    for (size_t i = 0; i < before->told_count; i++)
        if (!find(modes, &before->told[i]))
            done = daemon_set_mode(daemon, &before->told[i], SETTING_INHERIT, error) && done;
    return done;
}

/* False: it was told before, or there is no memory to note it. */
static bool note(struct run_modes *modes, const struct server_key *key)
{
    struct server_key *grown;
    size_t low = 0, high = modes->told_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = by_key(&modes->told[middle], key);

        if (order == 0)
            return false;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    grown = realloc(modes->told, (modes->told_count + 1) * sizeof(*grown));
    if (!grown)
        return false;
    modes->told = grown;
    memmove(&grown[low + 1], &grown[low], (modes->told_count - low) * sizeof(*grown));
    grown[low] = *key;
    modes->told_count++;
    return true;
}

bool run_modes_tell(struct run_modes *modes, struct daemon *daemon,
                    const struct server_key *servers, size_t count, struct error *error)
{
    bool done = true;

    for (size_t i = 0; i < count; i++) {
        const struct config_server *said = find(modes, &servers[i]);

        if (said && note(modes, &servers[i]))
            done = daemon_set_mode(daemon, &servers[i], said->mode, error) && done;
    }
    return done;
}

bool run_modes_tell_profiles(struct run_modes *modes, struct daemon *daemon, struct error *error)
{
    const struct store *store = daemon_store(daemon);
    bool done = true;

    for (size_t i = 0; i < store_count(store); i++)
        done = run_modes_tell(modes, daemon, &store_at(store, i)->key, 1, error) && done;
    return done;
}

void run_modes_free(struct run_modes *modes)
{
    free(modes->wanted);
    free(modes->told);
    *modes = (struct run_modes){0};
}
