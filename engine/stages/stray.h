/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stray.h - segments without a flow that prove nothing, and the RSTs that answer them (rule 4, "bad
 * or expired cookie").
 */
#ifndef SYNWARD_ENGINE_STAGES_STRAY_H
#define SYNWARD_ENGINE_STAGES_STRAY_H

#include "engine/shard/passage.h"

/* What becomes of a segment that proves nothing, to a server in attack mode (rule 4, "bad or
 * expired cookie"). */
void stray_segment(struct engine *engine, struct passage *passage, struct server *server);
/* A server's RST without a flow: the answer to such a segment, or to nobody. */
void stray_reset(struct engine *engine, struct passage *passage);

#endif
