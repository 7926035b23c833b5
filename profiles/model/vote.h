/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vote.h - the most frequent of the values seen, in a few bytes.
 *
 * This is Boyer and Moore's majority vote: equal values strengthen the candidate, others weaken it,
 * and one that is down to nothing gives way. What most of the samples say stands at the end, and
 * votes need no list of values.
 *
 * Strength is capped, so that a server that was set up anew is believed after VOTES_MAX handshakes,
 * not after as many as it had before. A *hint* comes from an unproved source (a handshake that
 * nobody completed): it fills what is unknown and weighs nothing.
 */
#ifndef SYNWARD_PROFILES_MODEL_VOTE_H
#define SYNWARD_PROFILES_MODEL_VOTE_H

#include <stdbool.h>
#include <stdint.h>

#define VOTES_MAX 64

struct vote {
    uint32_t value;
    bool known;
    uint8_t votes; /* 0: only hinted at */
};

static inline void vote_hint(struct vote *vote, uint32_t value)
{
    if (vote->known)
        return;
    vote->known = true;
    vote->value = value;
}

static inline void vote_cast(struct vote *vote, uint32_t value)
{
    if (vote->known && vote->value == value) {
        if (vote->votes < VOTES_MAX)
            vote->votes++;
        return;
    }
    if (vote->votes > 0) {
        vote->votes--;
        return;
    }
    *vote = (struct vote){.value = value, .known = true, .votes = 1};
}

#endif
