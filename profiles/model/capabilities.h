/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capabilities.h - from SYN-ACKs to the model of a server's SYN-ACK (engine/tcp/synack.h).
 *
 * Every SYN-ACK that answers a seen SYN gives a *hint*, which fills in what is unknown; only a
 * handshake that the client completed casts a *vote* (vote.h). So a flood of SYNs, under which many
 * stacks answer with poorer options, cannot change what is known.
 *
 * A capability stays unknown until a client offered it. MSS is the exception: some servers send it
 * unasked.
 */
#ifndef SYNWARD_PROFILES_MODEL_CAPABILITIES_H
#define SYNWARD_PROFILES_MODEL_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/tcp/synack.h"
#include "profiles/model/vote.h"

/* How the IP IDs of a server's SYN-ACKs follow one another. Counts are halved together at
 * IP_ID_SAMPLES_MAX. */
#define IP_ID_SAMPLES_MAX 64
#define IP_ID_SAMPLES_MIN 3 /* to tell counting up from random; two zeros are enough for zero */
/* A counter shared by all of a host's packets makes steps like this */
#define IP_ID_STEP_MAX 2048

struct ip_id_samples {
    uint16_t last;
    uint8_t samples, zeros; /* SYN-ACKs seen; those with 0 */
    uint8_t steps,
        small_steps; /* differences to the one before; those between 1 and IP_ID_STEP_MAX */
};

struct capabilities {
    struct synack_model
        model; /* in step with the votes; read it, change it through these functions */
    /* A value of 0 in `mss` and WSCALE_NONE in `window_scale` mean refused; the others are false
     * and true. */
    struct vote mss, window_scale, sack, timestamps, ecn, ttl, df;
    uint8_t variant_votes[SYNACK_VARIANTS_MAX];
    struct ip_id_samples ip_id;
};

void capabilities_init(struct capabilities *capabilities, bool ipv4);
void capabilities_hint(struct capabilities *capabilities, uint8_t offered,
                       const struct synack_features *granted);
void capabilities_vote(struct capabilities *capabilities, uint8_t offered,
                       const struct synack_features *granted, uint16_t ip_id);
/* The server answers so from now on: what it says takes the place of what was known. */
void capabilities_replace(struct capabilities *capabilities, uint8_t offered,
                          const struct synack_features *granted);
/* True where a completed handshake with this offer was seen: then a comparison says something. */
bool capabilities_compares(const struct capabilities *capabilities, uint8_t offered);
/*
 * Brings the model's top-level values in step with the votes and variants; for whoever filled those
 * in (store/profile_json.c).
 */
void capabilities_refresh(struct capabilities *capabilities);

#endif
