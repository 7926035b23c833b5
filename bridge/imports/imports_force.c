/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imports_force.c - see imports_force.h. */
#include "bridge/imports/imports_force.h"

#include <stdlib.h>

static bool compile_lists(const struct imports *imports, struct source_lists **lists,
                          struct error *error)
{
    return imports_compile(imports, lists) ||
           error_set(error, EXIT_FAILED, "out of memory for the lists: import them again");
}

/* The old ones are freed when no worker reads them any more; where that is not known, never. */
static bool set_lists(struct imports *imports, struct workers *workers, struct source_lists *lists,
                      struct error *error)
{
    if (!workers_set_lists(workers, lists, error))
        return false;
    free(imports->in_force);
    imports->in_force = lists;
    return true;
}

bool imports_enforce(struct imports *imports, struct workers *workers, struct error *error)
{
    struct source_lists *lists;

    return compile_lists(imports, &lists, error) && set_lists(imports, workers, lists, error);
}

/* First what may fail, a full disk say. */
bool imports_settle(struct imports *imports, struct workers *workers, const char *store_path,
                    const struct file_hands *hands, struct error *error)
{
    struct source_lists *lists = NULL;
    struct error unused;

    if (!compile_lists(imports, &lists, error) ||
        !imports_save(imports, store_path, hands, error)) {
        free(lists);
        imports_undo(imports);
        return false;
    }
    if (!set_lists(imports, workers, lists, error)) { /* what they read is not known */
        imports_undo(imports);
        (void)imports_save(imports, store_path, hands, &unused);
        return false;
    }
    imports_keep(imports);
    return true;
}
