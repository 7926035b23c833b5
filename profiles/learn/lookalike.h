/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lookalike.h - requests that look like a protocol which their server does not speak.
 *
 * memcached's "get k" reads like one of Redis, dictd's "client" like another, and a line of a game
 * like IRC's. Such a request is answered otherwise than its protocol would be. Where the server was
 * never seen to speak that protocol, the request is judged as one that no file knows: any answer
 * accepts it that is no refusal. Two exceptions:
 *
 *      unmistakable ones (protocols/foreign.h)    whoever sends a ClientHello means TLS: refused
 *      the server's way to say no                 requests that look like two different protocols
 *                                                 and draw the same first bytes of an answer were
 * both not understood
 */
#ifndef SYNWARD_PROFILES_LEARN_LOOKALIKE_H
#define SYNWARD_PROFILES_LEARN_LOOKALIKE_H

#include "profiles/model/profile.h"

/* May a request that looks like `id`, and was not accepted as one, be something else here? */
bool lookalike_possible(const struct profile *profile, enum protocol_id id);

/*
 * True where this answer, to a request that looks like `id`, is how the server says no. Remembers
 * what it was given; a short answer says too little.
 */
bool lookalike_says_no(struct profile *profile, enum protocol_id id, const uint8_t *answer,
                       size_t bytes);

#endif
