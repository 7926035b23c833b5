/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_share.h - what a worker tells the programs in the kernel on behalf of its engine: which
 * connections they may carry, for which servers they answer SYNs, and whose SYNs they leave alone.
 *
 * Without them (no `carrying`) nothing here does anything.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_KERNEL_SHARE_H
#define SYNWARD_BRIDGE_WORKERS_KERNEL_SHARE_H

#include <stdint.h>

#include "bridge/bpf/carrying.h"
#include "bridge/io/ring.h"
#include "engine/engine.h"

struct kernel_share {
    struct engine *engine;
    struct carrying *carrying;
    struct answer_maps *answers; /* this engine's */
    uint32_t shard;              /* this engine's */
    uint64_t aside_us;    /* when the kernel is told again whose SYNs it leaves to the engine */
    uint32_t aside_known; /* engine_sources_changes(), when it was told last */
};

/* Orders of the engine, where more than `waiting` are there. Few come of one frame: where half of
 * the room is taken there is enough for the next. */
void kernel_share_orders(struct kernel_share *share, uint32_t waiting);
/* The end of a batch: what it has let through is on its way before the kernel may carry what
 * follows. */
void kernel_share_settle(struct kernel_share *share, struct ring *ring);
/* Of which servers it tells; `learning`: somebody is to see some of their connections whole. False:
 * of none. */
bool kernel_share_tells(struct kernel_share *share, bool learning);
void kernel_share_answers(struct kernel_share *share, uint64_t now_us);

#endif
