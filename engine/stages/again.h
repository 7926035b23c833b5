/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * again.h - what was said to clients that nobody else would repeat it to: greetings and SYN-ACKs
 * whose acknowledgment may be lost (RFC 9293 3.8.1, RFC 6298).
 */
#ifndef SYNWARD_ENGINE_STAGES_AGAIN_H
#define SYNWARD_ENGINE_STAGES_AGAIN_H

#include "engine/shard/passage.h"

/* Sends what the resend rings have due, one entry; false if nothing is due. */
bool say_again(struct engine *engine, uint64_t now_us);

#endif
