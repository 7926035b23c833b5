/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_text.h - a store as text, in pieces: no tree of all profiles is ever made, and the store
 * may change between two of them. Each profile is then as it is when its piece is made; one that
 * came behind the piece that it belongs into is left out.
 */
#ifndef SYNWARD_PROFILES_STORE_STORE_TEXT_H
#define SYNWARD_PROFILES_STORE_STORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/addr.h"

struct json_object;
struct profile;
struct store;

struct store_text {
    const struct store *store;
    bool pretty;                                                                 /* for files */
    void (*decorate)(struct json_object *object, const struct profile *profile); /* or NULL */
    bool begun, ended;
    size_t count;           /* profiles so far */
    struct server_key last; /* of these */
};

/* The next piece, of at most STORE_TEXT_PIECE profiles, which the caller frees; `text->ended` says
 * whether it was the last. NULL: out of memory. */
#define STORE_TEXT_PIECE 16u
char *store_text_next(struct store_text *text, size_t *bytes);

#endif
