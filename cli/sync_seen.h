/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_seen.h - the newest version of each value that lasts, kept in a file: after a new start of
 * `synward sync` nothing older is believed either.
 *
 * The file has room for SYNC_SEEN_MOST values, 4 MiB, and is mapped: what is noted is there however
 * the process ends. A value takes the place of one whose time is over; where there is none it is
 * remembered by the process alone.
 */
#ifndef SYNWARD_CLI_SYNC_SEEN_H
#define SYNWARD_CLI_SYNC_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profiles/error.h"

#define SYNC_SEEN_MOST     131072u
#define SYNC_SEEN_ID_BYTES 16

struct sync_seen;

/* Made where it is not there, mode 0600. NULL: `error` says why. */
struct sync_seen *sync_seen_open(const char *path, struct error *error);
void sync_seen_close(struct sync_seen *seen);

/* Of a value, by where it stands: `name` is key and field in one. */
void sync_seen_id(const char *name, size_t bytes, uint8_t id[SYNC_SEEN_ID_BYTES]);
/* The newest version that was noted; 0: none. `seen` may be NULL. */
uint64_t sync_seen_version(const struct sync_seen *seen, const uint8_t id[SYNC_SEEN_ID_BYTES]);
/* `until_ms`: the latest end of all values that were seen there (wall time). */
void sync_seen_note(struct sync_seen *seen, const uint8_t id[SYNC_SEEN_ID_BYTES], uint64_t version,
                    uint64_t until_ms, uint64_t now_ms);

#endif
