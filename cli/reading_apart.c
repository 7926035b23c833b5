/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reading_apart.c - see reading_apart.h. */
#include "cli/reading_apart.h"

#include <stdio.h>

#include "bridge/keeping.h"
#include "profiles/store/store.h"

static struct keeping *give_up_privileges(struct store *store, const char *path)
{
    const struct keeping_parts parts = {.store_path = path};
    struct keeping *keeping = NULL;
    struct sandbox sandbox;
    struct error lack;

    sandbox_prepare(&sandbox, false);
    lack = sandbox.denied;
    if (lack.code == EXIT_DONE && store) {
        keeping = keeping_start(&parts, &sandbox, &lack);
        store_set_hands(store, keeping_hands(keeping));
    }
    if (lack.code == EXIT_DONE) {
        sandbox_hide_files(&lack);
        sandbox_enter(&sandbox, SANDBOX_MAIN, &lack);
    }
    if (lack.code != EXIT_DONE && sandbox.user != 0)
        fprintf(stderr, "synward: warning: the capture is read with privileges: %s\n", lack.text);
    return keeping;
}

bool reading_apart(struct store *store, const char *path,
                   bool (*read)(void *context, struct error *error), void *context,
                   struct error *error)
{
    struct keeping *keeping = give_up_privileges(store, path);
    const bool done = read(context, error);

    if (store)
        store_set_hands(store, NULL);
    keeping_stop(keeping);
    return done;
}
