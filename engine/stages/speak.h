/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * speak.h - what every segment that we send in a server's name says.
 */
#ifndef SYNWARD_ENGINE_STAGES_SPEAK_H
#define SYNWARD_ENGINE_STAGES_SPEAK_H

#include "engine/stages/proof.h"

/* What every segment that we send in the server's name says; seq, ack and flags are the caller's.
 */
static inline void speak_for(const struct engine *engine, const struct promise *promise,
                             const struct flow_key *key, struct segment *segment)
{
    segment_begin(segment);
    speak_as(engine, promise, key, segment);
}

/* The promised window as it stands in segments after the handshake (RFC 7323 2.3). */
uint16_t promised_window(const struct promise *promise, const struct cookie_options *client);

/* Between whom a segment of ours goes that is no answer to a frame. */
void address_to_client(const struct flow_key *key, struct segment *segment);
void address_to_server(const struct flow_key *key, struct segment *segment);

/* An ACK in answer to the frame, which echoes its TSval (RFC 7323 4.3); our own TSval carries the
 * cookie's finer bits. */
void speak_established(const struct engine *engine, const struct passage *passage,
                       const struct proof *proof, struct segment *segment, uint8_t options[12]);

#endif
