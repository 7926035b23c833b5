/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imports_force.h - lists of sources (imports.h) that have changed: kept in their file, and in
 * force at the workers.
 */
#ifndef SYNWARD_BRIDGE_IMPORTS_IMPORTS_FORCE_H
#define SYNWARD_BRIDGE_IMPORTS_IMPORTS_FORCE_H

#include "bridge/imports/imports.h"
#include "bridge/workers/workers.h"

/* As they were read from their file. */
bool imports_enforce(struct imports *imports, struct workers *workers, struct error *error);

/* Ends what imports_end() began: by imports_keep(), or by imports_undo() and false. */
bool imports_settle(struct imports *imports, struct workers *workers, const char *store_path,
                    const struct file_hands *hands, struct error *error);

#endif
