/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.h - all profiles, in memory and in the JSON file (doc/profile-format.md).
 *
 * Saving writes the whole store to a new file beside the old one, fsync, rename, fsync of the
 * folder: whoever looks sees the old store or the new one, also after a crash. A file that does not
 * parse is an error with file, line and reason, and is never overwritten.
 */
#ifndef SYNWARD_PROFILES_STORE_STORE_H
#define SYNWARD_PROFILES_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "profiles/error.h"
#include "profiles/model/profile.h"

/* 16,384 profiles take about 215 MB, 13 KB each; more servers than that stay without a profile, and
 * so without protection. */
#define STORE_PROFILES_MAX 16384u

struct atomic_file;
struct file_hands;
struct json_object;
struct store;

struct store *store_new(void);
void store_free(struct store *store);

enum store_found {
    STORE_READ,
    STORE_BROKEN, /* it does not parse, or its values do not fit; what was read of it is undefined
                   */
    STORE_UNREAD, /* there may be nothing wrong with it */
};

/*
 * Adds what the file holds to an empty store. A missing file is an empty store; a missing folder,
 * or anything else, is an error.
 */
enum store_found store_look(struct store *store, const char *path, struct error *error);
/* The same, where all that is not read is an error. */
bool store_load(struct store *store, const char *path, struct error *error);
bool store_save(const struct store *store, const char *path, struct error *error);
bool store_exists(const struct store *store, const char *path);
/* How a store at `path` is replaced; the caller frees file->path. False: nothing can be saved
 * there. */
bool store_file(const char *path, struct atomic_file *file, struct error *error);
/*
 * Merges a file of profiles (same form as the store) over the store: a server in both takes the
 * file's. All or nothing.
 */
bool store_import(struct store *store, const char *path, struct error *error);
/* The same for a document in memory; `name` stands for the path in errors. */
bool store_import_text(struct store *store, const char *bytes, size_t length, const char *name,
                       struct error *error);

/* With which prefixes of clients are hashed (model/ballot.h); BALLOT_KEY_BYTES, random until it is
 * set to that of votes that were saved. */
const uint8_t *store_ballot_key(const struct store *store);
void store_set_ballot_key(struct store *store, const uint8_t key[]);

/* Who replaces its files (file_hands.h); NULL: we do. They outlive the store. */
const struct file_hands *store_hands(const struct store *store);
void store_set_hands(struct store *store, const struct file_hands *hands);

size_t store_count(const struct store *store);
/* In the order of (address, port, VLAN); valid until the store changes. */
struct profile *store_at(const struct store *store, size_t index);
struct profile *store_find(const struct store *store, const struct server_key *key);
/* Finds or makes an empty profile. NULL where memory is out or the store holds STORE_PROFILES_MAX.
 */
struct profile *store_add(struct store *store, const struct server_key *key);
/* Takes a profile that was malloc'ed, of a server that has none yet. False: it is still the
 * caller's. */
bool store_put(struct store *store, struct profile *profile);
bool store_forget(struct store *store, const struct server_key *key);
/* The index of the first profile that is behind this key, whether there is one of it or not. */
size_t store_behind(const struct store *store, const struct server_key *key);
/* Moves all profiles of `from` over `store`: a server in both takes that of `from`. False, and
 * nothing is moved, where there is no room for them. */
bool store_merge(struct store *store, struct store *from);

/*
 * What the configuration file says of servers, in the place of what it said before; for profiles
 * that are made later, too. Where several are of one server the later one counts. False: out of
 * memory, and nothing changed.
 */
struct settings_for {
    struct ip_addr addr;
    uint16_t port; /* 0: every port */
    struct settings_said said;
};
bool store_configure(struct store *store, const struct settings_for *settings, size_t count);

/* Other bridges make the same promises: their generations come from their bytes (compile.h). */
void store_share(struct store *store, bool shared);
bool store_shared(const struct store *store);

/*
 * Bridges that live, by the ids that profiles have as their `teacher`: what those teach is theirs,
 * so that all promise the same. At most STORE_TEACHERS_MAX.
 */
#define STORE_TEACHERS_MAX 64u
void store_set_teachers(struct store *store, const uint64_t *ids, size_t count);
bool store_is_taught(const struct store *store, const struct profile *profile);

/*
 * Grows with every change; the same number, the same contents. The learner says store_touch() when
 * it changed a profile.
 */
uint64_t store_revision(const struct store *store);
void store_touch(struct store *store);

/* The document of doc/profile-format.md, {"synward": ..., "profiles": [...]}; the caller owns it
 * (json_object_put). */
struct json_object *store_to_json(const struct store *store);

#endif
