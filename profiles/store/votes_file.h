/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * votes_file.h - who has voted on what (model/ballot.h), beside the store.
 *
 * STORE.votes is written whole, as the store is, mode 0600. It holds the key that the prefixes of
 * clients are hashed with: whoever reads it can try all prefixes, and so learn which networks the
 * servers have served. All numbers are little-endian.
 *
 *      "synward votes 1\n"                      16 bytes
 *      the key                                  16
 *      for each server, in the store's order    30 and 24 for each row
 *          address in its IPv6 form             16
 *          port, two VLAN IDs                    6
 *          rows                                  4
 *          leading zeros of their hashes         4
 *          rows: prefix, first and last seen, votes     8 + 4 + 4 + 8
 *      BLAKE2b of all that, under the key       16: it tells a broken file, not a forged one
 *
 * A file that does not read is moved to STORE.votes.bad, so that it can be looked at, and voting
 * begins anew.
 */
#ifndef SYNWARD_PROFILES_STORE_VOTES_FILE_H
#define SYNWARD_PROFILES_STORE_VOTES_FILE_H

#include "profiles/store/store.h"

enum votes_found { VOTES_READ, VOTES_MISSING, VOTES_BROKEN };

/* Those beside a store that is loaded; where they do not read its profiles have none. */
enum votes_found votes_look(struct store *store, const char *store_path);
/* The same; what does not read is moved away. False: voting begins anew, and `why` says why. */
bool votes_load(struct store *store, const char *store_path, struct error *why);
/* How they are replaced; the caller frees file->path. `store_path` outlives the file. */
bool votes_file(const char *store_path, struct atomic_file *file, struct error *error);
/* Beside a store that was saved. */
bool votes_save(const struct store *store, const char *store_path, struct error *error);

#endif
