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
 *
 * Where all of a thousand servers change, a line about each of them costs more than anybody reads.
 * Who asks for it is told of some at once: those attacked, then those with the most SYNs of the
 * last second, and each that is in another mode. The others have their turn, every
 * SERVER_TURNS-th line. One that was among the first at the line before is so once more, even
 * where it has not changed: so it is heard that it is calm again.
 */
#ifndef SYNWARD_BRIDGE_SERVER_CHANGES_H
#define SYNWARD_BRIDGE_SERVER_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/text/server_parts.h"
#include "engine/engine.h"

#define SERVER_TURNS 10

/* Milliseconds of the monotonic clock; 0: there was none. */
struct server_lines {
    uint64_t last_ms, before_ms; /* the line before, and the one before that */
    uint64_t turn_ms[SERVER_TURNS];
    uint32_t turn; /* of the line that is made: of those whose number is this modulo SERVER_TURNS */
};

struct server_pace {
    uint64_t syns;     /* when it was rated */
    uint64_t gained;   /* before that, and the highest bit: it is attacked */
    uint64_t first_ms; /* when it was last among the first */
};

struct server_changes {
    struct server_info *last;
    uint64_t (*changed_ms)[SERVER_PARTS];
    struct server_pace *pace;
    uint32_t *order; /* places, the first of them those with the highest pace */
    uint64_t rated_ms;
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
/* So many are told of at once, as of the last look. True: the others by turns; false: there are no
 * others. */
bool server_changes_rank(struct server_changes *changes, uint32_t at_once, uint64_t now_ms);
/* The same as server_changes_at(), where the others are told by turns: what of this one is to be in
 * the line that comes after these. */
uint32_t server_changes_by_turns(const struct server_changes *changes, uint32_t place,
                                 const struct server_lines *lines);
/* A line was made, or begun, then. */
void server_lines_made(struct server_lines *lines, uint64_t now_ms);
void server_changes_free(struct server_changes *changes);

#endif
