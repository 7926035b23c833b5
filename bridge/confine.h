/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confine.h - the sandbox of a bridge: keeper and privileges, from the start on.
 *
 *      confine_begin()  all is open: the keeper is forked (keeping.h)
 *      ...              workers start, and give up their privileges themselves
 *      confine_end()    the main thread does, before it reads anything
 */
#ifndef SYNWARD_BRIDGE_CONFINE_H
#define SYNWARD_BRIDGE_CONFINE_H

#include "bridge/keeping.h"
#include "bridge/text/confinement.h"

struct confine {
    struct sandbox sandbox;
    struct confinement told;
    struct keeping *keeping; /* NULL: no sandbox, the privileges are ours */
    const char *escape;      /* escape.h */
};

/* Both: false where it was to be whole, and cannot be. `maps`: as sandbox_prepare() has it. */
bool confine_begin(struct confine *confine, enum sandbox_setting setting, const char *escape,
                   const struct keeping_parts *parts, bool maps, struct error *error);
bool confine_end(struct confine *confine, struct error *error);

/* For threads that start between the two; NULL: none. */
const struct sandbox *confine_sandbox(const struct confine *confine);
/* When keeping_fd() is readable: a keeper that is gone is told of. */
void confine_look(struct confine *confine);

#endif
