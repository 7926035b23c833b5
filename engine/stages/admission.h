/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admission.h - attack mode for clients that have no flow: what each of their segments is (rules 1
 * to 4). What becomes of it stands in syn, greeting, request, again and stray.
 *
 * Nothing here allocates anything for a client before its request is proved, but for slots of fixed
 * pools that may be overwritten (resend rings, tags) or run out (slots) at any time:
 *
 *      SYN ........................... SYN-ACK(c), built in the SYN's buffer
 *      ACK(x+1, c+1) ................. counted; a service that greets says G at c+1; one opened by
 *                                      cookie is opened
 *      data(x+1, c+1 or c+1+g) ....... match: opened; mismatch: reset; need more: kept (kept.h)
 *      FIN, keepalive, last ACK ...... answered as the server would, without state
 *      anything else ................. no good cookie: a small rate passes, the rest is dropped
 */
#ifndef SYNWARD_ENGINE_STAGES_ADMISSION_H
#define SYNWARD_ENGINE_STAGES_ADMISSION_H

#include "engine/shard/passage.h"

/*
 * Judges a client's segment. `before`: the flow on its tuple that a proof would replace (closing,
 * half-open, picked up or kept), or NULL. Returns false if the segment proves nothing, and is
 * neither a SYN nor malformed: then no verdict was given, and the caller decides.
 */
bool admission(struct engine *engine, struct passage *passage, struct server *server,
               struct flow *before);

#endif
