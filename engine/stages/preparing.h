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
 *
 * To prepare costs a record and a frame. A server whose SYN-ACKs are other ones, however little,
 * would cost that for nothing each time: after PREPARING_MISSES in a row none is prepared for it
 * for a second, and after each miss behind such a pause for twice as long as before, up to 64 s.
 * One that is as promised ends that, whoever answers it.
 */
#ifndef SYNWARD_ENGINE_STAGES_PREPARING_H
#define SYNWARD_ENGINE_STAGES_PREPARING_H

#include "engine/shard/passage.h"

#define PREPARING_MISSES          8u
#define PREPARING_PAUSE_US        (1000ull * 1000)
#define PREPARING_PAUSE_DOUBLINGS 6u

/* Behind our first SYN. */
void preparing_begin(struct engine *engine, struct flow *flow, struct opening *opening,
                     const struct promise *promise, uint64_t now_us);
/*
 * Before anything is done with an opening: the kernel answers for it no more. True: it has, and the
 * connection is joined; there is no opening any more.
 */
bool preparing_ends(struct engine *engine, struct flow *flow, uint64_t now_us);
/* The server has accepted, by a SYN-ACK that came up: whether that was as promised. */
void preparing_heard(struct engine *engine, const struct passage *passage, const struct flow *flow,
                     const struct opening *opening);
/* The kernel may answer for it. */
bool preparing_is_open(const struct engine *engine, uint32_t opening);

#endif
