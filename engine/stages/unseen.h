/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unseen.h - how connections have ended that the kernel has carried to their ends while nobody was
 * alive to be told of it (bridge/bpf/bypass.h): it has noted that in their records
 * (tcp/flow_record.h).
 */
#ifndef SYNWARD_ENGINE_STAGES_UNSEEN_H
#define SYNWARD_ENGINE_STAGES_UNSEEN_H

#include "engine/shard/shard.h"

#define UNSEEN_LOOKED_AT 4096u /* entries, at once */

/* Of one that is followed or joined: each side's enum record_end. What is known already is no
 * harm. */
void unseen_end(struct engine *engine, struct flow *flow, const uint8_t ended[2], uint64_t now_us);
/* Of all, when somebody is alive again. Goes on at `*cursor`, 0 at first; true: there are more. */
bool unseen_look(struct engine *engine, uint32_t *cursor, uint64_t now_us);

#endif
