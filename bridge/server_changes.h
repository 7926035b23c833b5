/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server_changes.h - which servers are others than at a moment before, for who looks again and
 * again: of a thousand servers mostly few have changed, and a line about the rest says nothing new.
 *
 * Of a server that has changed it says what of it, part by part: a line about a connection more has
 * few numbers that are new.
 *
 * Changes are found by looking, so a moment is that of a look. One that lies in the millisecond of
 * a look is told of twice, never not at all.
 */
#ifndef SYNWARD_BRIDGE_SERVER_CHANGES_H
#define SYNWARD_BRIDGE_SERVER_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/text/server_parts.h"
#include "engine/engine.h"

struct server_changes {
    struct server_info *last;
    uint64_t (*changed_ms)[SERVER_PARTS];
    uint32_t count;
    uint64_t set_changed_ms; /* a server has come or gone */
};

/* A look: what differs from the one before has changed now. Where memory is out all of it has. */
void server_changes_look(struct server_changes *changes, const struct server_info *servers,
                         uint32_t count, uint64_t now_ms);
/* Since then a server has come or gone, so that places are others; 0: always. */
bool server_changes_set(const struct server_changes *changes, uint64_t since_ms);
/* What of the server at this place of the last look, as bits; 0: nothing. */
uint32_t server_changes_at(const struct server_changes *changes, uint32_t place, uint64_t since_ms);
void server_changes_free(struct server_changes *changes);

#endif
