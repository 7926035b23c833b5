/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opening_room.h - who has room in the pool of openings, and who gives way where it is short.
 *
 * A server may hold as many openings as are free: one that is silent leaves half of the pool, a
 * second one a quarter, and ten of them a little for an eleventh. A crowd at one server is no
 * attack, and as long as nobody asks for more it is held to nothing else. Where somebody finds no
 * room, whoever holds the most gives way to whoever holds less:
 *
 *      of the servers               one that holds at least two more than the asker's
 *      of the sources at a server   likewise
 *
 * Buffers are there for all but the last sixteenth, which is not for crowds. Where none is left
 * that of an opening whose client was promised nothing goes first: he says again what it held.
 *
 * So ten silent servers come to leave an eleventh the eleventh part of the pool, and a source that
 * fills a server's share leaves another its part of that. Of those that may go it is the one that
 * has waited for longest, by a look at OPENING_LOOKS of them in turn; both its ends are reset.
 * Nobody goes who has not waited for OPENING_STAYS_US: the server may be about to answer, and the
 * client who found no room asks again.
 */
#ifndef SYNWARD_ENGINE_STAGES_OPENING_ROOM_H
#define SYNWARD_ENGINE_STAGES_OPENING_ROOM_H

#include "engine/shard/shard.h"

#define OPENING_LOOKS    64u
#define OPENING_STAYS_US (8000ull * 1000) /* the server was asked at 0, 1, 3 and 7 s */

/* A quarter of the buffers is free for everybody, and nobody is counted. */
static inline bool opening_room_is_wide(const struct opening_pool *pool)
{
    return opening_used(pool) < pool->holds_max / 4;
}

/* opening_room_take() where it is not. */
uint32_t opening_room_make(struct engine *engine, const struct flow_key *key,
                           const struct server *server, bool promised);
/*
 * An opening for a client of this server, or OPENING_NONE. `promised`: it needs a buffer for what
 * was acknowledged.
 */
static inline uint32_t opening_room_take(struct engine *engine, const struct flow_key *key,
                                         const struct server *server, bool promised)
{
    return opening_room_is_wide(&engine->openings)
               ? opening_take(&engine->openings, true)
               : opening_room_make(engine, key, server, promised);
}

#endif
