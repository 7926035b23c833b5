/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_import.h - reads a document of profiles in pieces, so that who has a loop to turn can turn
 * it meanwhile, and no tree of the whole document is ever made.
 *
 *      begin --> step, step, ... --> READ --> merge     the profiles are in the store, all of them
 *                               \--> FAILED             none is
 */
#ifndef SYNWARD_PROFILES_STORE_STORE_IMPORT_H
#define SYNWARD_PROFILES_STORE_STORE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profiles/error.h"

struct store;
struct store_import;

enum store_import_state { STORE_IMPORT_GOES_ON, STORE_IMPORT_READ, STORE_IMPORT_FAILED };

/* `bytes` and `name` (which stands for the path in errors) must stay where they are until the end.
 * NULL: out of memory. */
struct store_import *store_import_begin(const char *bytes, size_t length, const char *name);
/* Reads STORE_IMPORT_PIECE profiles more. Not to be called again once it has failed. */
#define STORE_IMPORT_PIECE 32u
enum store_import_state store_import_step(struct store_import *import, struct error *error);
/* It failed by what stands in the document, not for want of memory. */
bool store_import_broken(const struct store_import *import);
/* How many profiles were read. */
size_t store_import_count(const struct store_import *import);
/* All of it is what this bridge teaches (profile.h). */
void store_import_teach(struct store_import *import, uint64_t teacher);
/* Puts what was read over `store`: a server in both takes the document's. All or nothing, once. */
bool store_import_merge(struct store_import *import, struct store *store, struct error *error);
/* NULL is fine. */
void store_import_end(struct store_import *import);

#endif
