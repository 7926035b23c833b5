/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imports.h - lists of sources put aside, each with a name: `synward sources import NAME FILE`.
 *
 *      imports_add() ... imports_add()    pieces of a list, in ascending order, a bounded amount of
 *                                         work each
 *      imports_end()                      it takes the place of the list of that name; no prefixes:
 *                                         there is none any more
 *      imports_keep(), imports_undo()     so it stays, or all is as it was
 *
 * What is on its way is seen by nobody, and there is one at a time: a list that begins ends another
 * that has not come to its end. All lists lie in STORE.lists, over a restart. Main thread only.
 */
#ifndef SYNWARD_BRIDGE_IMPORTS_IMPORTS_H
#define SYNWARD_BRIDGE_IMPORTS_IMPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/tables/source_lists.h"
#include "profiles/error.h"
#include "profiles/store/atomic_file.h"
#include "profiles/store/file_hands.h"

#define IMPORT_PREFIXES_MAX 1000000u /* of one list */
#define IMPORT_LISTS_MAX    16u
#define IMPORT_NAME_BYTES   64 /* with its zero */
#define IMPORT_DIGEST_BYTES 33 /* the same */

struct import_list {
    char name[IMPORT_NAME_BYTES];
    uint32_t prefixes; /* that it was made of */
    struct range4 *v4;
    struct range6 *v6;
    uint32_t v4_count, v6_count, v4_room, v6_room;
    char digest[IMPORT_DIGEST_BYTES]; /* "": nobody has asked for it */
};

struct imports {
    struct import_list lists[IMPORT_LISTS_MAX];
    uint32_t count;
    struct import_list coming;     /* name "": nothing is on its way */
    struct source_lists *in_force; /* that the workers read */

    /* Until imports_keep() or imports_undo() */
    struct import_list before[IMPORT_LISTS_MAX]; /* as they were */
    uint32_t before_count;
    struct import_list made, gone; /* what is new of them, and what was in its place */
};

struct imports *imports_new(void);
void imports_free(struct imports *imports);

/* Letters, digits, dots, dashes and underscores. */
bool import_name_check(const char *name, struct error *error);
/*
 * A piece: prefixes with spaces between. `from`: how many have been sent before it; 0 begins anew.
 * False: what was on its way of this list is forgotten.
 */
bool imports_add(struct imports *imports, const char *name, uint32_t from, const char *prefixes,
                 struct error *error);
/* The list that was on its way is there. */
bool imports_end(struct imports *imports, const char *name, struct error *error);
void imports_keep(struct imports *imports);
void imports_undo(struct imports *imports);

/* Of what it holds, in hexadecimal digits: the same at every bridge. */
void import_digest(struct import_list *list, char hex[IMPORT_DIGEST_BYTES]);
/* A piece of what it holds, as imports_add() takes it, from range `from` on; the caller frees it.
 * `*next`: where the next piece begins, 0: there is none. NULL: out of memory. */
char *import_text(const struct import_list *list, uint32_t from, uint32_t *next);

/* All of them as one for the engine, which the caller frees; `*lists` NULL: there are none. False:
 * out of memory. */
bool imports_compile(const struct imports *imports, struct source_lists **lists);

bool imports_file(const char *store_path, struct atomic_file *file, struct error *error);
bool imports_save(const struct imports *imports, const char *store_path,
                  const struct file_hands *hands, struct error *error);
/* Fills an empty one. False: what is there does not read, and was put aside; `error` says so. */
bool imports_load(struct imports *imports, const char *store_path, struct error *error);

#endif
