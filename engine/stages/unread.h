/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unread.h - a client's frames that may be TCP to a server in attack mode, and cannot be read as
 * that (doc/frames.md).
 *
 * They are dropped: what passes unread has passed the cookie. Frames that cannot reach an attacked
 * server pass, whatever is wrong with them.
 */
#ifndef SYNWARD_ENGINE_STAGES_UNREAD_H
#define SYNWARD_ENGINE_STAGES_UNREAD_H

#include "engine/shard/passage.h"

/* A frame that is no TCP segment and no ICMP error, while some server is attacked: drops it, or
 * leaves the verdict as it is. */
void unread_frame(struct engine *engine, struct passage *passage);

/*
 * The same in any mode and from either side, of what would have to be translated: it belongs to a
 * connection that we answer for, whose halves count differently. It would never arrive as what it
 * was sent as. A packet's first fragment is enough: without it no host has any use for the others.
 */
void unread_of_flow(struct engine *engine, struct passage *passage);

/* True of a TCP segment to no server that we know in its VLAN, where somebody who strips tags may
 * take it to one that is attacked. */
bool unread_behind_tags(const struct engine *engine, const struct passage *passage);

#endif
