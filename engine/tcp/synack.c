/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * synack.c - plans and writes the SYN-ACK that a server in LISTEN would send (RFC 9293 3.10.7.2).
 * Other options than those of the whitelist are ignored, as by a server that does not know them
 * (RFC 9293 3.1).
 *
 * The layout decides what is on the wire, so planning is: find the variant (exact or nearest), say
 * which kinds are wanted, and make the layout agree.
 *
 *      exact variant     wanted = what its layout has, less what was not offered or is not known to
 *                        be granted
 *      nearest variant   the same, and what the server grants of offers that this variant never had
 *      none              all that was offered and is granted
 *
 * A layout from which nothing had to be taken stands as it was seen (macOS and BSD end theirs with
 * EOL). One that lost options stands if it still is a multiple of four, as hosts align theirs; else
 * it is laid out anew as Linux does (tcp_options_write()):
 *
 *      mss | sack ts  or  nop nop ts  or  nop nop sack | nop wscale
 */
#include "engine/tcp/synack.h"

#include <string.h>

#include "engine/base/bytes.h"

#define OFFERS_COUNT 5

/* The offer that an option answers; 0 for kinds outside the whitelist. */
static uint8_t kind_offer(uint8_t kind)
{
    switch (kind) {
    case TCP_OPT_MSS:
        return OFFER_MSS;
    case TCP_OPT_SACK_PERMITTED:
        return OFFER_SACK;
    case TCP_OPT_TIMESTAMPS:
        return OFFER_TIMESTAMPS;
    case TCP_OPT_WSCALE:
        return OFFER_WSCALE;
    default:
        return 0;
    }
}

/* Bytes on the wire; 0 for kinds outside the whitelist. */
static size_t kind_bytes(uint8_t kind)
{
    switch (kind) {
    case TCP_OPT_NOP:
        return 1;
    case TCP_OPT_MSS:
        return 4;
    case TCP_OPT_WSCALE:
        return 3;
    case TCP_OPT_SACK_PERMITTED:
        return 2;
    case TCP_OPT_TIMESTAMPS:
        return 10;
    default:
        return 0;
    }
}

/* A model may come from a file: never trust its counts. */
static uint8_t variants_count(const struct synack_model *model)
{
    return model->variants_count < SYNACK_VARIANTS_MAX ? model->variants_count
                                                       : SYNACK_VARIANTS_MAX;
}

const struct synack_variant *synack_variant_find(const struct synack_model *model, uint8_t offered)
{
    for (uint8_t i = 0; i < variants_count(model); i++) {
        if (model->variants[i].offered == offered)
            return &model->variants[i];
    }
    return NULL;
}

/* How many offers are treated alike (made by both or by neither). */
static unsigned offers_alike(uint8_t a, uint8_t b)
{
    unsigned alike = 0;

    for (unsigned i = 0; i < OFFERS_COUNT; i++)
        alike += !((a ^ b) >> i & 1);
    return alike;
}

/*
 * The variant most like the offer, the one seen more often of two; where `must` is set, only among
 * those that agree in these offers.
 */
static const struct synack_variant *nearest_variant(const struct synack_model *model,
                                                    uint8_t offered, uint8_t must)
{
    const struct synack_variant *nearest = NULL;

    for (uint8_t i = 0; i < variants_count(model); i++) {
        const struct synack_variant *variant = &model->variants[i];
        unsigned alike = offers_alike(variant->offered, offered);

        if ((variant->offered ^ offered) & must)
            continue;
        if (nearest == NULL || alike > offers_alike(nearest->offered, offered) ||
            (alike == offers_alike(nearest->offered, offered) && variant->seen > nearest->seen))
            nearest = variant;
    }
    return nearest;
}

/* The whitelisted options of a layout, as offer bits. */
static uint8_t layout_kinds(const uint8_t *layout, size_t bytes)
{
    uint8_t kinds = 0;

    for (size_t i = 0; i < bytes; i++)
        kinds |= kind_offer(layout[i]);
    return kinds;
}

static uint8_t variant_layout_bytes(const struct synack_variant *variant)
{
    return variant->layout_bytes < SYNACK_LAYOUT_MAX ? variant->layout_bytes : SYNACK_LAYOUT_MAX;
}

/*
 * What the server gives of this offer: nothing that was not offered (RFC 7323 2.2 and RFC 7323 3.2,
 * RFC 2018 2), but MSS, which is given unasked (rule 1.1). A subflow of Multipath TCP (RFC 8684
 * 3.2) gets a plain connection's answer, which its client resets.
 */
static uint8_t granted_offers(const struct synack_model *model, uint8_t offered)
{
    uint8_t granted = 0;

    if (model->mss_state == CAPABILITY_GRANTED)
        granted |= OFFER_MSS;
    if (model->sack == CAPABILITY_GRANTED)
        granted |= offered & OFFER_SACK;
    if (model->timestamps == CAPABILITY_GRANTED)
        granted |= offered & OFFER_TIMESTAMPS;
    if (model->window_scale_state == CAPABILITY_GRANTED)
        granted |= offered & OFFER_WSCALE;
    if (model->ecn == CAPABILITY_GRANTED)
        granted |= offered & OFFER_ECN;
    return granted;
}

static uint8_t put_kinds(uint8_t *layout, uint8_t at, const uint8_t *kinds, uint8_t count)
{
    memcpy(layout + at, kinds, count);
    return (uint8_t)(at + count);
}

/* Linux's order for these options (offer bits). Returns the number of kinds, at most 7. */
static uint8_t canonical_layout(uint8_t kinds, uint8_t layout[SYNACK_LAYOUT_MAX])
{
    static const uint8_t mss[] = {TCP_OPT_MSS};
    static const uint8_t sack_timestamps[] = {TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS};
    static const uint8_t timestamps[] = {TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_TIMESTAMPS};
    static const uint8_t sack[] = {TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_SACK_PERMITTED};
    static const uint8_t wscale[] = {TCP_OPT_NOP, TCP_OPT_WSCALE};
    uint8_t count = 0;

    if (kinds & OFFER_MSS)
        count = put_kinds(layout, count, mss, sizeof(mss));
    if ((kinds & OFFER_TIMESTAMPS) && (kinds & OFFER_SACK))
        count = put_kinds(layout, count, sack_timestamps, sizeof(sack_timestamps));
    else if (kinds & OFFER_TIMESTAMPS)
        count = put_kinds(layout, count, timestamps, sizeof(timestamps));
    else if (kinds & OFFER_SACK)
        count = put_kinds(layout, count, sack, sizeof(sack));
    if (kinds & OFFER_WSCALE)
        count = put_kinds(layout, count, wscale, sizeof(wscale));
    return count;
}

/*
 * Copies the variant's layout without what is not in `kinds` and without repeated or unknown
 * options; the NOPs in front of an option align it and go with it. False where what is left would
 * have to be aligned anew, or would not hold all of `kinds`.
 */
static bool filtered_layout(const struct synack_variant *variant, uint8_t kinds,
                            struct synack_features *features)
{
    static const uint8_t nop_run[SYNACK_LAYOUT_MAX] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                       1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    uint8_t count = variant_layout_bytes(variant), left = kinds, nops = 0, used = 0;
    size_t wire_bytes = 0;

    for (uint8_t i = 0; i < count; i++) {
        uint8_t kind = variant->layout[i], offer = kind_offer(kind);

        if (kind == TCP_OPT_NOP) {
            nops++;
            continue;
        }
        if (offer & left) {
            used = put_kinds(features->layout, used, nop_run, nops);
            features->layout[used++] = kind;
            wire_bytes += nops + kind_bytes(kind);
            left &= (uint8_t)~offer;
        }
        nops = 0;
    }
    features->layout_bytes = put_kinds(features->layout, used, nop_run, nops);
    wire_bytes += nops;
    if (left != 0 || wire_bytes > TCP_OPTIONS_MAX)
        return false;
    return features->layout_bytes == count || wire_bytes % 4 == 0;
}

static void plan_layout(const struct synack_variant *variant, uint8_t kinds,
                        struct synack_features *features)
{
    if (variant != NULL && filtered_layout(variant, kinds, features))
        return;
    memset(features->layout, 0, sizeof(features->layout));
    features->layout_bytes = canonical_layout(kinds, features->layout);
}

/*
 * A Linux server's window depends on whether timestamps are on (doc/architecture.md, learning), so
 * a stranger's comes from a variant alike in that.
 */
static uint16_t plan_window(const struct synack_model *model, uint8_t offered)
{
    const struct synack_variant *variant = nearest_variant(model, offered, OFFER_TIMESTAMPS);

    return variant != NULL ? variant->window : model->window;
}

void synack_plan(const struct synack_model *model, uint8_t offered,
                 struct synack_features *features)
{
    const struct synack_variant *exact = synack_variant_find(model, offered);
    const struct synack_variant *variant =
        exact != NULL ? exact : nearest_variant(model, offered, 0);
    uint8_t granted = granted_offers(model, offered), kinds = granted & (uint8_t)~OFFER_ECN;

    /*
     * An option that this variant was offered and left out stays out. MSS needs no offer, but an
     * exact variant had its chance.
     */
    if (variant != NULL) {
        uint8_t asked = exact != NULL ? (uint8_t)(offered | OFFER_MSS) : variant->offered;

        kinds &= (uint8_t)(~asked | layout_kinds(variant->layout, variant_layout_bytes(variant)));
    }
    memset(features, 0, sizeof(*features));
    plan_layout(variant, kinds, features);
    features->mss = kinds & OFFER_MSS ? model->mss : 0;
    features->sack = (kinds & OFFER_SACK) != 0;
    features->timestamps = (kinds & OFFER_TIMESTAMPS) != 0;
    features->window_scale = WSCALE_NONE;
    if (kinds & OFFER_WSCALE)
        features->window_scale =
            model->window_scale < WSCALE_MAX ? model->window_scale : WSCALE_MAX;
    features->ecn = (granted & OFFER_ECN) && (exact == NULL || exact->ecn);
    features->window = exact != NULL ? exact->window : plan_window(model, offered);
    features->ttl = model->ttl;
    features->df = model->df;
}

bool synack_features_equal(const struct synack_features *a, const struct synack_features *b)
{
    return a->mss == b->mss && a->window == b->window && a->window_scale == b->window_scale &&
           a->sack == b->sack && a->timestamps == b->timestamps && a->ecn == b->ecn &&
           a->ttl == b->ttl && a->df == b->df && a->layout_bytes == b->layout_bytes &&
           a->layout_bytes <= SYNACK_LAYOUT_MAX &&
           memcmp(a->layout, b->layout, a->layout_bytes) == 0;
}

/* `at` has room for kind_bytes(kind) bytes; NOP is one byte, all others have a length. */
static void write_option(uint8_t *at, uint8_t kind, const struct synack_features *features,
                         uint32_t tsval, uint32_t tsecr)
{
    at[0] = kind;
    if (kind == TCP_OPT_NOP)
        return;
    at[1] = (uint8_t)kind_bytes(kind);
    if (kind == TCP_OPT_MSS)
        store_be16(at + 2, features->mss);
    if (kind == TCP_OPT_WSCALE)
        at[2] = features->window_scale;
    if (kind == TCP_OPT_TIMESTAMPS) {
        store_be32(at + 2, tsval);
        store_be32(at + 6, tsecr);
    }
}

size_t synack_options(const struct synack_features *features, uint32_t tsval, uint32_t tsecr,
                      uint8_t out[TCP_OPTIONS_MAX])
{
    size_t used = 0;

    if (features->layout_bytes > SYNACK_LAYOUT_MAX)
        return 0;
    for (uint8_t i = 0; i < features->layout_bytes; i++) {
        size_t bytes = kind_bytes(features->layout[i]);

        if (bytes == 0 || used + bytes > TCP_OPTIONS_MAX)
            return 0;
        write_option(out + used, features->layout[i], features, tsval, tsecr);
        used += bytes;
    }
    while (used % 4 != 0)
        out[used++] = TCP_OPT_EOL;
    return used;
}

/* Where TSval stands in option bytes of ours, all of them well formed; 0: nowhere. */
static uint8_t timestamps_at(const uint8_t *options, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && options[at] != TCP_OPT_EOL && options[at] != TCP_OPT_TIMESTAMPS)
        at += options[at] == TCP_OPT_NOP ? 1 : options[at + 1];
    return (uint8_t)(at < bytes && options[at] == TCP_OPT_TIMESTAMPS ? at + 2 : 0);
}

void synack_prepare(const struct synack_model *model, uint8_t offered, struct synack_answer *answer)
{
    memset(answer->options, 0, sizeof(answer->options));
    synack_plan(model, offered, &answer->features);
    answer->options_bytes = (uint8_t)synack_options(&answer->features, 0, 0, answer->options);
    answer->timestamps_at = timestamps_at(answer->options, answer->options_bytes);
}

void synack_default_model(bool ipv4, struct synack_model *model)
{
    /* Windows: what Linux sends without timestamps, the multiple of the MSS below 64 KiB (44 and 45
     * segments). */
    *model = (struct synack_model){
        .mss_state = CAPABILITY_GRANTED,
        .window_scale_state = CAPABILITY_GRANTED,
        .sack = CAPABILITY_GRANTED,
        .timestamps = CAPABILITY_REFUSED,
        .ecn = CAPABILITY_REFUSED,
        .mss = ipv4 ? 1460 : 1440,
        .window_scale = 7,
        .window = ipv4 ? 64240 : 64800,
        .ttl = 64,
        .df = true,
        .ip_id = ipv4 ? IP_ID_ZERO : IP_ID_NONE,
    };
}

size_t synack_open_options(const struct synack_features *granted, uint16_t mss,
                           uint8_t window_scale, uint32_t tsval, uint8_t out[TCP_OPTIONS_MAX])
{
    struct synack_features offer = {.mss = mss, .window_scale = window_scale};
    uint8_t kinds = 0;

    if (mss > 0)
        kinds |= OFFER_MSS;
    if (granted->sack)
        kinds |= OFFER_SACK;
    if (granted->timestamps)
        kinds |= OFFER_TIMESTAMPS;
    if (granted->window_scale != WSCALE_NONE && window_scale != WSCALE_NONE)
        kinds |= OFFER_WSCALE;
    offer.layout_bytes = canonical_layout(kinds, offer.layout);
    return synack_options(&offer, tsval, 0, out);
}
