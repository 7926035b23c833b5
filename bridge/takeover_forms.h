/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover_forms.h - what is left to the next process, field by field (base/row_form.h), so that it
 * may be of another version, newer or older.
 */
#ifndef SYNWARD_BRIDGE_TAKEOVER_FORMS_H
#define SYNWARD_BRIDGE_TAKEOVER_FORMS_H

#include "bridge/base/row_form.h"
#include "bridge/bpf/carrying.h"
#include "engine/stages/handover.h"
#include "engine/stages/handover_kept.h"
#include "engine/tcp/flow_record.h"

#define TAKEOVER_SIDE_BYTES 128

struct takeover_secrets {
    struct cookie_keys keys;
    uint64_t table_seed[2], steer_seed;
};

/* Of all of it: one row. */
struct takeover_common {
    struct takeover_secrets secrets;
    uint64_t generation; /* of the policy */
    uint32_t shards;
    uint32_t places[HANDED_TAGS];       /* of each shard's tables of tags */
    struct carrying_left left;          /* records of the flows */
    uint32_t handed_on;                 /* the wire goes on meanwhile */
    char sides[2][TAKEOVER_SIDE_BYTES]; /* of that wire, as they were written; "": too long */
};

/* In the order of keys, as in a policy. */
struct takeover_promises_row {
    struct server_key key;
    uint16_t has_before;
    uint64_t before_until_us;
    struct promise now, before;
};

struct takeover_server_row {
    uint32_t shard;
    struct handed_server server;
};

struct takeover_tag_row {
    uint16_t shard, which;
    struct handed_tag tag;
};

/* Numbers of STORE.flows, for good. */
enum takeover_part {
    TAKEOVER_FLOWS,
    TAKEOVER_COMMON,
    TAKEOVER_PROMISES,
    TAKEOVER_SERVERS,
    TAKEOVER_WATCHES,
    TAKEOVER_TAGS,
    TAKEOVER_RECORDS, /* the form only: they are in a map (struct flow_record) */
    TAKEOVER_WAITING,
    TAKEOVER_PIECES,
    TAKEOVER_PARTS
};

extern const struct row_form takeover_forms[TAKEOVER_PARTS];

#endif
