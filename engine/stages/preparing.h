/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preparing.h - an opening whose server is answered by the kernel (tcp/prepared.h), so that our ACK
 * and the request need not wait for us.
 *
 *      request --> SYN, and ACK with request written down     the record is there before the SYN is
 *                  SYN-ACK as promised                        the kernel answers, and tells of it
 *                  whatever comes up first of the two ends    joined, if the kernel has answered;
 *                                                             else ours alone from here on
 *
 * For one request in one segment, of a connection that the learner need not see, where the kernel
 * tells of what it does. The SYN-ACK that is expected is that which the client was promised: then
 * nothing but numbers is to be translated. All else goes up, as ever.
 */
#ifndef SYNWARD_ENGINE_STAGES_PREPARING_H
#define SYNWARD_ENGINE_STAGES_PREPARING_H

#include "engine/shard/passage.h"

/* Behind our first SYN. */
void preparing_begin(struct engine *engine, struct flow *flow, struct opening *opening,
                     const struct promise *promise, uint64_t now_us);
/*
 * Before anything is done with an opening: the kernel answers for it no more. True: it has, and the
 * connection is joined; there is no opening any more.
 */
bool preparing_ends(struct engine *engine, struct flow *flow, uint64_t now_us);
/* The kernel may answer for it. */
bool preparing_is_open(const struct engine *engine, uint32_t opening);

#endif
