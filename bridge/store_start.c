/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_start.c - see store_start.h. */
#include "bridge/store_start.h"

#include <stdlib.h>

#include "bridge/base/log.h"
#include "profiles/store/store.h"
#include "profiles/store/votes_file.h"

static struct store *new_store(struct error *error)
{
    struct store *store = store_new();

    if (!store)
        error_set(error, EXIT_FAILED, "out of memory for the profiles");
    return store;
}

/* What was read of it is undefined. */
static struct store *start_anew(const char *path, struct report *report, struct error *error)
{
    const struct error why = *error;
    char *aside = store_put_aside(path, error);

    if (!aside)
        return NULL;
    *error = (struct error){0};
    report_store_broken(report, why.text, aside);
    free(aside);
    return new_store(error);
}

/* Broken votes are put aside, and told of in the log only: they are cast again. */
static struct store *with_votes(struct store *store, const char *path)
{
    struct error why = {0};

    if (store && !votes_load(store, path, &why))
        log_line(LOG_LEVEL_WARNING, "%s", why.text);
    return store;
}

struct store *store_start(struct store_claim *claim, const char *path, struct report *report,
                          struct error *error)
{
    struct store *store;
    enum store_found found;

    if (!store_claim(claim, path, error))
        return NULL;
    store = new_store(error);
    if (!store)
        return NULL;
    found = store_look(store, path, error);
    if (found == STORE_READ)
        return with_votes(store, path);
    store_free(store);
    return found == STORE_BROKEN ? with_votes(start_anew(path, report, error), path) : NULL;
}
