/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * splice.h - carrying segments between the two halves of an opened connection (ENGINE 5).
 *
 *      server to client:  seq += delta   TSval += ts_delta   window rescaled
 *      client to server:  ack -= delta   SACK -= delta   TSecr -= ts_delta   window rescaled
 *
 * The client's own sequence numbers are the same on both halves, since our SYN to the server used its ISN. Modular
 * throughout; checksums are kept by increments, partial ones need nothing (no edit changes a length).
 */
#ifndef SYNWARD_ENGINE_SPLICE_H
#define SYNWARD_ENGINE_SPLICE_H

#include "engine/shard.h"

/*
 * Carries what nearly all segments of a spliced flow are: no SYN, FIN or RST, numbers where they are expected, no options but
 * timestamps, nothing that the halves differ in beyond offsets. False: not one of them; splice_frame() does the same for all.
 */
bool splice_plain(struct engine *engine, struct passage *passage, struct flow *flow);
/* A frame of a spliced flow, also while it is closing; passage->options are parsed. */
void splice_frame(struct engine *engine, struct passage *passage, struct flow *flow);
/* Edits a server's frame for the client. */
void splice_to_client(const struct engine *engine, struct passage *passage, const struct flow *flow);
/* A window field for the other half; a nonzero window never becomes 0, and saturates. */
uint16_t splice_window(uint16_t window, int8_t shift);

#endif
