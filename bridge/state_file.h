/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_file.h - what the operator said, and who is put aside, beside the store: a restart keeps
 * it.
 *
 *      STORE.state     one JSON object, mode 0600 (it names clients), replaced as a whole
 *
 *      {"synward": {...}, "mode": "attack",
 *       "servers": [{"server": "10.77.0.2", "port": 80, "vlan": [10],
 *                    "transport": "tcp", "setting": "normal"}],
 *       "sources": [{"source": "198.51.100.0/24", "state": "aside", "by": "operator",
 *                    "until_s": 1790000000},
 *                   {"source": "198.51.100.7/32", "state": "aside", "by": "judgement",
 *                    "until_s": 1790000000, "mac": "025a17e0cc03", "vlan": []}]}
 *
 * "mode" is missing where nobody changed it, "until_s" (since 1970) where a rule stays until it is
 * removed. The file is taken as a whole or not at all: one that does not read is moved to
 * STORE.state.bad. Where there is nothing to keep there is no file.
 */
#ifndef SYNWARD_BRIDGE_STATE_FILE_H
#define SYNWARD_BRIDGE_STATE_FILE_H

#include "bridge/daemon.h"
#include "profiles/store/atomic_file.h"

/* When it is to be written: a second after a word, so that many are written once. */
struct state_keeper {
    uint64_t kept;   /* daemon_words() when the file was written */
    uint64_t due_us; /* UINT64_MAX: all is kept */
};

/* All that was said so far is in the file. */
void state_keeper_init(struct state_keeper *keeper, const struct daemon *daemon);
/* Writes it if it is due. False: it could not, and tries again in 10 s. */
bool state_turn(struct state_keeper *keeper, struct daemon *daemon, const char *store_path,
                uint64_t now_us, struct error *error);

/* How it is replaced; the caller frees file->path. `store_path` outlives the file. */
bool state_file(const char *store_path, struct atomic_file *file, struct error *error);
bool state_save(struct daemon *daemon, const char *store_path, struct error *error);
/* `mode_given`: the mode for all was said at the start, which counts. False: `why` says what is not
 * as it was. */
bool state_restore(struct daemon *daemon, const char *store_path, bool mode_given,
                   struct error *why);
/* Both, at a start; what is not as it was is told in the log. */
void state_begin(struct state_keeper *keeper, struct daemon *daemon, const char *store_path,
                 bool mode_given);

#endif
