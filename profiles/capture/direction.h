/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * direction.h - which end of a captured connection is the client.
 *
 * A bridge knows by the side that a frame came in on; a capture must be told by the frames. A SYN
 * names its sender the client, a SYN-ACK (where no SYN was seen) the server; with neither, the
 * lower port is taken for the server's. A later SYN from the other end exchanges the roles. Ends
 * are (address, port): captures of a loopback interface have one address.
 *
 * The table is fixed, four entries to a bucket, the one used longest ago gives way.
 */
#ifndef SYNWARD_PROFILES_CAPTURE_DIRECTION_H
#define SYNWARD_PROFILES_CAPTURE_DIRECTION_H

#include "engine/tcp/frame.h"

struct direction_table;

struct direction_table *direction_new(void);
void direction_free(struct direction_table *table);

/* The side that a FRAME_TCP of a capture comes from. */
/* Has this connection's handshake begun, with this frame at the latest? */
bool direction_known(struct direction_table *table, const struct frame *frame);
enum side direction_of(struct direction_table *table, const struct frame *frame);

#endif
