/* SPDX-License-Identifier: GPL-2.0-or-later */
/* takeover_parts.h - the file STORE.flows, for takeover.c and takeover_write.c. */
#ifndef SYNWARD_BRIDGE_TAKEOVER_PARTS_H
#define SYNWARD_BRIDGE_TAKEOVER_PARTS_H

#include <sodium.h>
#include <stddef.h>

#include "bridge/takeover.h"
#include "bridge/takeover_log.h"
#include "engine/stages/handover.h"

#define TAKEOVER_MAGIC        "synwflow"
#define TAKEOVER_BOOT_BYTES   40
#define TAKEOVER_DIGEST_BYTES 32
#define TAKEOVER_WIRE_BYTES   16
#define TAKEOVER_SIZES        8
#define TAKEOVER_KEPT_NAME    "flows" /* with the service manager */
#define TAKEOVER_BYTES_MAX    (1ll << 32)
/* What every version reads of a flow: its key and `edited`. */
#define TAKEOVER_FLOW_LEAST (offsetof(struct handed_flow, edited) + 1)

/* The same in every version, for good. */
struct takeover_prefix {
    char magic[8];
    uint32_t layout; /* HANDOVER_LAYOUT */
    uint32_t flow_bytes, flows;
    uint32_t sizes[TAKEOVER_SIZES];
    uint32_t unused;
    uint64_t total_bytes, written_us; /* on the monotonic clock */
    uint8_t boot[TAKEOVER_BOOT_BYTES];
    char version[24];                  /* for people */
    uint8_t wire[TAKEOVER_WIRE_BYTES]; /* digest of both sides' texts */
    uint8_t digest[TAKEOVER_DIGEST_BYTES];
};

_Static_assert(sizeof(struct takeover_prefix) == 184, "no padding, and for good");

struct takeover_secrets {
    struct cookie_keys keys;
    uint64_t table_seed[2], steer_seed;
};

/* The rest is of one layout. */
struct takeover_tail {
    struct takeover_secrets secrets;
    uint64_t generation; /* of the policy */
    uint32_t shards, promises, servers, watches;
    uint64_t tags;
    uint32_t places[HANDED_TAGS]; /* of each shard's tables of tags */
};

/* In the order of keys, as in a policy. */
struct takeover_promises_row {
    struct server_key key;
    uint16_t has_before;
    uint64_t before_until_us;
    struct promise now, before;
};

struct takeover_server_row {
    uint32_t shard, unused;
    struct handed_server server;
};

struct takeover_tag_row {
    uint16_t shard, which;
    struct handed_tag tag;
};

struct takeover {
    char *path;
    const struct notify *notify;
    /* A file in memory, twice, as writing closes it; made while we may; -1: none. */
    int spare, spare_out;
    int left;     /* the spare of the run before in this process; -1: none */
    bool leaving; /* ours is for the next */
    uint8_t wire[TAKEOVER_WIRE_BYTES], boot[TAKEOVER_BOOT_BYTES]; /* ours */
    struct takeover_secrets secrets;
    uint8_t *bytes; /* of the file; NULL: there is none */
    size_t length;
    bool whole; /* of this layout: all of it can be read */
    struct takeover_prefix prefix;
    struct takeover_tail tail;
    const uint8_t *promises, *servers, *watches, *tags;
    struct policy *policy;
    uint32_t taken; /* connections; the workers count */
    struct takeover_log *log;
    uint32_t killed, killed_reset; /* the same, of that; reset where too old */
};

/* The caller frees it; NULL: out of memory. */
char *takeover_path(const char *store_path);
void takeover_wire(const char *client_side, const char *server_side,
                   uint8_t wire[TAKEOVER_WIRE_BYTES]);
void takeover_fill_sizes(uint32_t sizes[TAKEOVER_SIZES]);
void takeover_digest_begin(crypto_generichash_state *state, const struct takeover_prefix *prefix);

#endif
