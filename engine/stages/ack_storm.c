/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ack_storm.c - see ack_storm.h.
 *
 * Limits: segments are compared by a digest of 8 bits, so one in 256 that differs counts as the
 * same; a bounce has to follow on another, so 20 in a row by chance do not happen. The clock's low
 * 8 bits come round after 16.8 s.
 */
#include "engine/stages/ack_storm.h"

#include "engine/base/bytes.h"

#define SECOND FLOW_CLOCK_SECONDS(1)

/* Of all that a host answers: numbers, window, flags, SACK; never 0. Timestamps go on while nothing
 * else does. */
static uint8_t digest_of(const struct passage *passage)
{
    const struct frame *frame = &passage->frame;
    uint32_t digest = frame->seq * 0x9e3779b1u ^ frame->ack * 0x85ebca77u;

    digest ^= ((uint32_t)frame->window << 8 | frame->flags) * 0xc2b2ae3du;
    if (passage->options.present & OPTION_SACK)
        digest ^= load_be32(frame_options(frame) + passage->options.sack_at + 6) * 0x27d4eb2fu;
    return digest >> 24 ? (uint8_t)(digest >> 24) : 1;
}

bool storm_bounce(struct flow_storm *storm, const struct passage *passage)
{
    const struct frame *frame = &passage->frame;
    uint8_t from = passage->from == SIDE_SERVER ? STORM_FROM_SERVER : 0;
    uint8_t clock = (uint8_t)flow_clock(passage->now_us), digest;

    if (frame_seq_bytes(frame) || (frame->flags & TCP_RST)) {
        *storm = (struct flow_storm){0};
        return false;
    }
    digest = digest_of(passage);
    if (digest != storm->seen[passage->from] || (uint8_t)(clock - storm->since) >= SECOND) {
        storm->seen[passage->from] = digest;
        storm->since = clock;
        storm->bounces = from;
        return false;
    }
    if ((storm->bounces & ~STORM_FROM_SERVER) >= STORM_BOUNCES)
        return true; /* from either side, to the second's end: there may be several on their way */
    if ((storm->bounces & STORM_FROM_SERVER) == from)
        return false;
    storm->bounces = (uint8_t)(((storm->bounces & ~STORM_FROM_SERVER) + 1) | from);
    return false;
}
