/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream.h - bounded reassembly of the first bytes of one direction of a connection.
 *
 * Takes segments in any order, keeps at most OBSERVATION_FLOW_BYTES, and knows up to which byte
 * everything is there. Where bytes come again the later ones win, except that a zero never replaces
 * what is not zero: odd stacks send a few zeros where data is due, before the data or (as keepalive
 * probes) after it.
 *
 * Up to STREAM_RANGES pieces with holes between them are kept; of more the last is forgotten, the
 * sender's next copy may fill it in.
 */
#ifndef SYNWARD_PROFILES_MODEL_STREAM_H
#define SYNWARD_PROFILES_MODEL_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "engine/shard/observation.h"

#define STREAM_BYTES  OBSERVATION_FLOW_BYTES
#define STREAM_STEP   512 /* memory grows by this much */
#define STREAM_RANGES 4

struct stream_range {
    uint16_t begin, end;
};

/* All zero is an empty stream. */
struct stream {
    uint8_t *data;
    uint16_t capacity;
    uint8_t ranges_count;
    struct stream_range ranges[STREAM_RANGES]; /* ascending, not touching */
};

void stream_add(struct stream *stream, uint32_t offset, const uint8_t *data, uint32_t bytes);
/* How many bytes are there without a hole, from offset 0 on. */
uint16_t stream_bytes(const struct stream *stream);
/* Gives the memory back; the stream is empty again. */
void stream_free(struct stream *stream);

#endif
