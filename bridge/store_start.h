/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_start.h - the store as a daemon finds it at its start.
 */
#ifndef SYNWARD_BRIDGE_STORE_START_H
#define SYNWARD_BRIDGE_STORE_START_H

#include "bridge/events/report.h"
#include "profiles/store/store_claim.h"

/*
 * Claims the file and reads it. One that does not read is put aside, which `report` tells, and
 * learning begins anew: the wire is worth more than what was learned. NULL on error; `claim` is to
 * be given back either way.
 */
struct store *store_start(struct store_claim *claim, const char *path, struct report *report,
                          struct error *error);

#endif
