/* SPDX-License-Identifier: GPL-2.0-or-later */
/* takeover_parts.h - STORE.flows as it is stored, and what takeover.c, takeover_fill.c and
 * takeover_write.c share of it. */
#ifndef SYNWARD_BRIDGE_TAKEOVER_PARTS_H
#define SYNWARD_BRIDGE_TAKEOVER_PARTS_H

#include <sodium.h>
#include <stddef.h>

#include "bridge/takeover.h"
#include "bridge/takeover_forms.h"
#include "bridge/takeover_log.h"
#include "bridge/takeover_records.h"

#define TAKEOVER_MAGIC        "synwflow"
#define TAKEOVER_BOOT_BYTES   40
#define TAKEOVER_DIGEST_BYTES 32
#define TAKEOVER_WIRE_BYTES   16
#define TAKEOVER_KEPT_NAME    "flows" /* with the service manager */
#define TAKEOVER_BYTES_MAX    (1ll << 32)
/* What every version reads of a flow: its key and `edited`. */
#define TAKEOVER_FLOW_LEAST (offsetof(struct handed_flow, edited) + 1)

/* Whose rows say of what form they are. Lower ones do not, and are not read. */
#define TAKEOVER_LAYOUT 4u

/* The same in every version, for good. */
struct takeover_prefix {
    char magic[8];
    uint32_t layout;
    uint32_t flow_bytes, flows;
    uint32_t unused[9];
    uint64_t total_bytes, written_us; /* on the monotonic clock */
    uint8_t boot[TAKEOVER_BOOT_BYTES];
    char version[24];                  /* for people */
    uint8_t wire[TAKEOVER_WIRE_BYTES]; /* digest of both sides' texts */
    uint8_t digest[TAKEOVER_DIGEST_BYTES];
};

_Static_assert(sizeof(struct takeover_prefix) == 184, "no padding, and for good");

/* Before the fields of a part's form and its rows. The rows of the flows stand behind the prefix,
 * where every version finds their keys: `rows` is 0 there. */
struct takeover_part_head {
    uint32_t part; /* enum takeover_part */
    uint32_t fields, row_bytes, unused;
    uint64_t rows;
};

_Static_assert(sizeof(struct takeover_part_head) == 24, "no padding, and for good");

/* A part as it was found. */
struct takeover_found {
    bool readable;
    const uint8_t *rows;
    uint64_t count;
    uint32_t row_bytes;
    struct row_reading reading;
};

struct takeover {
    char *path;
    const struct notify *notify;
    /* A file in memory, twice, as writing closes it; made while we may; -1: none. */
    int spare, spare_out;
    int left;     /* the spare of the run before in this process; -1: none */
    bool leaving; /* ours is for the next */
    uint8_t wire[TAKEOVER_WIRE_BYTES], boot[TAKEOVER_BOOT_BYTES]; /* ours */
    const char *sides[2];                                         /* the same, the caller's */
    char left_sides[2][TAKEOVER_SIDE_BYTES]; /* of another wire that goes on; "": there is none */
    struct takeover_secrets secrets;
    uint8_t *bytes; /* of the file; NULL: there is none */
    size_t length;
    struct takeover_prefix prefix;
    struct takeover_found parts[TAKEOVER_PARTS];
    struct takeover_common common;
    struct takeover_records records; /* of these flows, while the kernel goes on */
    struct policy *policy;
    uint32_t taken; /* connections; the workers count */
    struct takeover_log *log;
    uint32_t killed, killed_reset; /* the same, of that; reset where too old */
};

/* Element `i` of a part that is readable; `row` is one of ours. */
void takeover_read_row(const struct takeover_found *part, uint64_t i, void *row);

/* False: they are of a version whose rows we cannot read, but for their keys. */
static inline bool takeover_knows_flows(const struct takeover *takeover)
{
    return takeover->parts[TAKEOVER_FLOWS].readable;
}

/* The caller frees it; NULL: out of memory. */
char *takeover_path(const char *store_path);
void takeover_wire(const char *client_side, const char *server_side,
                   uint8_t wire[TAKEOVER_WIRE_BYTES]);
void takeover_digest_begin(crypto_generichash_state *state, const struct takeover_prefix *prefix);

#endif
