/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opening_due.h - what is due among openings: a SYN that is said again, a greeting that does not
 * come, and whoever waits here since his server has no room for SYNs (stages/capacity.h).
 */
#ifndef SYNWARD_ENGINE_STAGES_OPENING_DUE_H
#define SYNWARD_ENGINE_STAGES_OPENING_DUE_H

#include "engine/shard/passage.h"

/* What is due, one of them; false where nothing is. */
bool opening_tick(struct engine *engine, uint64_t now_us);
/* So many of those whose SYN this server has not answered ask once more now: there may be room. */
void openings_ask_again(struct engine *engine, const struct server *server, uint32_t count,
                        uint64_t now_us);
/* One who came later was answered: what that says of each of this server's that wait for a SYN-ACK
 * (stages/banned.h). */
void openings_judge(struct engine *engine, const struct server *server, uint64_t now_us);

#endif
