/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * synack.h - what a server's SYN-ACK looks like: sole planner of our SYN-ACKs.
 *
 * A server's SYN-ACK depends on what the SYN offered. A *model* is what has been learned of it:
 * top-level values, and up to 16 *variants*, one for each combination of offers that was seen, with
 * the exact option order and window.
 *
 *      model + offer  --synack_plan()-->  features  --synack_options()-->  option bytes
 *
 * The engine sends what synack_plan() says; the shadow check of profiles/ compares the same plan
 * with what the server really sent (synack_features_equal()). So a promise that the check passed is
 * the promise that the engine makes.
 *
 * Rules (rule 1.1): nothing is granted that the client did not offer, but MSS, sent whenever the
 * server sends it; only options of the whitelist (MSS, SACK permitted, timestamps, window scale)
 * are ever sent. Where no variant fits the offer, the layout is that of the nearest variant with
 * what was not offered taken out, and failing that Linux's.
 */
#ifndef SYNWARD_ENGINE_TCP_SYNACK_H
#define SYNWARD_ENGINE_TCP_SYNACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/tcp/frame.h"
#include "engine/tcp/options.h"

#define SYNACK_VARIANTS_MAX 16
#define SYNACK_LAYOUT_MAX   20

/* What a SYN offers. ECN: an ECN-setup SYN of RFC 3168 6.1.1 (ECE and CWR). Signed: by TCP-MD5 or
 * TCP-AO; only its server answers such a one in kind, so no plan is made for it. */
enum synack_offer {
    OFFER_MSS = 1 << 0,
    OFFER_SACK = 1 << 1,
    OFFER_TIMESTAMPS = 1 << 2,
    OFFER_WSCALE = 1 << 3,
    OFFER_ECN = 1 << 4,
    OFFER_SIGNED = 1 << 5,
};

_Static_assert((int)OFFER_MSS == OPTION_MSS && (int)OFFER_SACK == OPTION_SACK_PERMITTED &&
                   (int)OFFER_TIMESTAMPS == OPTION_TIMESTAMPS && (int)OFFER_WSCALE == OPTION_WSCALE,
               "an offer is what options are present");

/* A capability is unknown until a client has offered it. */
enum capability { CAPABILITY_UNKNOWN, CAPABILITY_REFUSED, CAPABILITY_GRANTED };

enum ip_id_kind {
    IP_ID_UNKNOWN,
    IP_ID_ZERO,      /* always 0 */
    IP_ID_INCREMENT, /* counts up, globally or per destination */
    IP_ID_RANDOM,
    IP_ID_NONE, /* IPv6 */
};

/* One SYN-ACK, as seen or as planned. */
struct synack_features {
    uint16_t mss;         /* 0: no MSS option */
    uint16_t window;      /* unscaled, as in the header (RFC 7323 2.2) */
    uint8_t window_scale; /* 0..14, WSCALE_NONE */
    bool sack;
    bool timestamps;
    bool ecn; /* ECE without CWR */
    uint8_t ttl;
    bool df;
    uint8_t layout_bytes;
    uint8_t layout[SYNACK_LAYOUT_MAX]; /* option kinds in order, NOPs included */
};

struct synack_variant {
    uint8_t offered; /* enum synack_offer bits: the variant's key */
    bool ecn;
    uint16_t window;
    uint8_t layout_bytes;
    uint8_t layout[SYNACK_LAYOUT_MAX];
    uint32_t seen;
};

struct synack_model {
    enum capability mss_state, window_scale_state, sack, timestamps, ecn;
    uint16_t mss;         /* where granted */
    uint8_t window_scale; /* where granted, 0..14 */
    uint16_t window;      /* most frequent */
    uint8_t ttl;
    bool df;
    enum ip_id_kind ip_id;
    uint8_t variants_count;
    struct synack_variant variants[SYNACK_VARIANTS_MAX];
};

/*
 * The offer of a SYN with these options (enum tcp_option_bits) and header flags (enum tcp_flags). A
 * SYN that asks for accurate ECN (AE, CWR and ECE) offers classic ECN as well: RFC 9768 3.1.2 has
 * its sender fall back to what a server without AE answers.
 */
static inline uint8_t synack_offer(uint8_t present, uint8_t flags)
{
    uint8_t offered = present & (OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_WSCALE);

    if (present & OPTION_AUTHENTICATED)
        offered |= OFFER_SIGNED;
    return (uint8_t)((flags & TCP_ECE) && (flags & TCP_CWR) ? offered | OFFER_ECN : offered);
}

static inline uint8_t synack_offer_of(const struct tcp_options *options, uint8_t flags)
{
    return synack_offer(options->present, flags);
}

/* The variant with exactly this offer, or NULL. */
const struct synack_variant *synack_variant_find(const struct synack_model *model, uint8_t offered);

/* What the server would answer to a SYN with this offer. Unknown capabilities count as refused. */
void synack_plan(const struct synack_model *model, uint8_t offered,
                 struct synack_features *features);

/* True where both say the same on the wire: every field and the whole layout. */
bool synack_features_equal(const struct synack_features *a, const struct synack_features *b);

/*
 * Writes the options in the order of the layout, padded with EOL to a multiple of four. `tsval` and
 * `tsecr` fill the timestamps option. Returns the number of bytes written (0 to 40), or 0 where the
 * layout names a kind outside the whitelist.
 */
size_t synack_options(const struct synack_features *features, uint32_t tsval, uint32_t tsecr,
                      uint8_t out[TCP_OPTIONS_MAX]);

/* A plan with its options laid out, so that a SYN like the last ones costs a copy of them. */
struct synack_answer {
    struct synack_features features;
    uint8_t options_bytes;
    uint8_t timestamps_at; /* where TSval goes; 0: there are none */
    uint8_t options[TCP_OPTIONS_MAX];
};

/* synack_plan() and synack_options() for this offer. */
void synack_prepare(const struct synack_model *model, uint8_t offered,
                    struct synack_answer *answer);

/* rule 6: the model for a server of which nothing is known: MSS 1460 or 1440, scale 7, SACK, no
 * timestamps. */
void synack_default_model(bool ipv4, struct synack_model *model);

/*
 * The SYN that opens to the server, offering exactly what `features` granted: Linux's option order.
 * Returns bytes written.
 */
size_t synack_open_options(const struct synack_features *granted, uint16_t mss,
                           uint8_t window_scale, uint32_t tsval, uint8_t out[TCP_OPTIONS_MAX]);

#endif
