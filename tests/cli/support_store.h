/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_store.h - a store in memory that speaks as much Redis as `synward sync` asks for, and
 * bridges that meet there.
 *
 * A thread answers whoever is connected; each test has a process of its own, and so a store.
 */
#ifndef SYNWARD_TESTS_CLI_SUPPORT_STORE_H
#define SYNWARD_TESTS_CLI_SUPPORT_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/sync.h"

/* A bridge of the cluster "c", all of which have one key, as it is before its first round; what its
 * daemon says is `heard`, which is its own then. */
void bridge_begin(struct sync *sync, const char *node, const char *heard);
/* What the daemon says from now on. */
void bridge_heard(struct sync *sync, const char *heard);
/* The daemon has been told: nothing waits for it. */
void bridge_told(struct sync *sync);
void bridge_end(struct sync *sync);

/* What stands there, malloc'ed, with a zero behind it; NULL: nothing. `name` as in "attacks". */
char *shelf_get(const char *name, const char *field, size_t *bytes);
/* It has those words in it. */
bool shelf_says(const char *name, const char *field, const char *words);
void shelf_put(const char *name, const char *field, const char *text, size_t bytes);
/* As the bridge `writer` would. */
void shelf_seal(const char *writer, const char *name, const char *field, const char *content,
                uint64_t version, uint64_t until_ms);
size_t shelf_hash_length(const char *name);
void shelf_flush(void);
/* It answers every write that there is no memory. */
void shelf_fill(bool full);
/* It hangs up instead of answering, when it has answered so many more. */
void shelf_hang_up_after(unsigned answers);
/* It keeps its answers (4 KiB) until it has been asked for so many. */
void shelf_hold(unsigned asked);

#endif
