/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_seal.h - values in the store of a cluster, which only bridges with its key file can make.
 *
 *      s1 MAC VERSION UNTIL_MS WRITER\n CONTENT
 *
 * MAC: keyed BLAKE2b over where the value stands (cluster, key, field), who wrote it, its version,
 * until when it counts (wall time, ms) and what it says. Whoever owns the store can take values
 * away, and nothing else: one that he moves, changes or makes is no value. One that he keeps and
 * plays again is older than what was seen (sync_memory.h), or its time is over.
 */
#ifndef SYNWARD_CLI_SYNC_SEAL_H
#define SYNWARD_CLI_SYNC_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/cluster_key.h"

#define SYNC_WRITER_BYTES 64 /* with its zero */
#define SYNC_VALUE_MOST   (256u * 1024)

struct sync_seal {
    struct cluster_seals keys;
    const char *cluster;
};

struct sync_place {
    const char *key, *field; /* of a hash */
};

struct sync_value {
    char writer[SYNC_WRITER_BYTES];
    uint64_t version, until_ms;
    const char *content;
    size_t bytes;
};

/* The text, malloc'ed, made by the first key; NULL: out of memory. */
char *sync_seal_write(const struct sync_seal *seal, struct sync_place place,
                      const struct sync_value *value, size_t *bytes);
/* False: nobody of the cluster has written it there. `value->content` points into the text. */
bool sync_seal_read(const struct sync_seal *seal, struct sync_place place, const char *text,
                    size_t bytes, struct sync_value *value);

#endif
