/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capabilities.c - see capabilities.h. */
#include "profiles/model/capabilities.h"

#include <string.h>

typedef void vote_function(struct vote *vote, uint32_t value);

void capabilities_init(struct capabilities *capabilities, bool ipv4)
{
    memset(capabilities, 0, sizeof(*capabilities));
    if (!ipv4)
        capabilities->model.ip_id = IP_ID_NONE;
}

static enum capability state_of(const struct vote *vote, bool granted)
{
    if (!vote->known)
        return CAPABILITY_UNKNOWN;
    return granted ? CAPABILITY_GRANTED : CAPABILITY_REFUSED;
}

static enum ip_id_kind ip_id_kind(const struct ip_id_samples *ids)
{
    if (ids->samples >= 2 && ids->zeros == ids->samples)
        return IP_ID_ZERO;
    if (ids->samples < IP_ID_SAMPLES_MIN)
        return IP_ID_UNKNOWN;
    return ids->small_steps * 4 >= ids->steps * 3 ? IP_ID_INCREMENT : IP_ID_RANDOM;
}

static void ip_id_sample(struct ip_id_samples *ids, uint16_t ip_id)
{
    if (ids->samples >= IP_ID_SAMPLES_MAX) {
        ids->samples /= 2;
        ids->zeros /= 2;
        ids->steps /= 2;
        ids->small_steps /= 2;
    }
    if (ids->samples > 0) {
        const uint16_t step = (uint16_t)(ip_id - ids->last);

        ids->steps++;
        ids->small_steps = (uint8_t)(ids->small_steps + (step >= 1 && step <= IP_ID_STEP_MAX));
    }
    ids->samples++;
    ids->zeros = (uint8_t)(ids->zeros + (ip_id == 0));
    ids->last = ip_id;
}

/* The window that stands at the top is that of the variant seen most. */
static uint16_t most_frequent_window(const struct synack_model *model)
{
    const struct synack_variant *best = NULL;

    for (uint8_t i = 0; i < model->variants_count; i++)
        if (!best || model->variants[i].seen > best->seen)
            best = &model->variants[i];
    return best ? best->window : model->window;
}

void capabilities_refresh(struct capabilities *capabilities)
{
    struct synack_model *model = &capabilities->model;

    model->mss_state = state_of(&capabilities->mss, capabilities->mss.value != 0);
    model->mss = (uint16_t)capabilities->mss.value;
    model->window_scale_state =
        state_of(&capabilities->window_scale, capabilities->window_scale.value != WSCALE_NONE);
    model->window_scale = model->window_scale_state == CAPABILITY_GRANTED
                              ? (uint8_t)capabilities->window_scale.value
                              : (uint8_t)WSCALE_NONE;
    model->sack = state_of(&capabilities->sack, capabilities->sack.value);
    model->timestamps = state_of(&capabilities->timestamps, capabilities->timestamps.value);
    model->ecn = state_of(&capabilities->ecn, capabilities->ecn.value);
    model->ttl = (uint8_t)capabilities->ttl.value;
    model->df = capabilities->df.value != 0;
    model->window = most_frequent_window(model);
    if (model->ip_id != IP_ID_NONE)
        model->ip_id = ip_id_kind(&capabilities->ip_id);
}

static void learn_values(struct capabilities *capabilities, uint8_t offered,
                         const struct synack_features *granted, vote_function *learn)
{
    if ((offered & OFFER_MSS) || granted->mss)
        learn(&capabilities->mss, granted->mss);
    if (offered & OFFER_WSCALE)
        learn(&capabilities->window_scale, granted->window_scale);
    if (offered & OFFER_SACK)
        learn(&capabilities->sack, granted->sack);
    if (offered & OFFER_TIMESTAMPS)
        learn(&capabilities->timestamps, granted->timestamps);
    if (offered & OFFER_ECN)
        learn(&capabilities->ecn, granted->ecn);
    learn(&capabilities->ttl, granted->ttl);
    learn(&capabilities->df, granted->df);
}

static bool variant_says(const struct synack_variant *variant,
                         const struct synack_features *granted)
{
    return variant->ecn == granted->ecn && variant->window == granted->window &&
           variant->layout_bytes == granted->layout_bytes &&
           memcmp(variant->layout, granted->layout, variant->layout_bytes) == 0;
}

static void variant_set(struct synack_variant *variant, uint8_t offered,
                        const struct synack_features *granted)
{
    variant->offered = offered;
    variant->ecn = granted->ecn;
    variant->window = granted->window;
    variant->layout_bytes = granted->layout_bytes;
    memset(variant->layout, 0, sizeof(variant->layout));
    memcpy(variant->layout, granted->layout, granted->layout_bytes);
}

static int variant_index(const struct synack_model *model, uint8_t offered)
{
    const struct synack_variant *variant = synack_variant_find(model, offered);

    return variant ? (int)(variant - model->variants) : -1;
}

/* The place for a variant not seen before; the least seen gives way to one that was proved, none to
 * a hint. */
static int variant_place(struct synack_model *model, bool proved)
{
    int least;

    if (model->variants_count < SYNACK_VARIANTS_MAX)
        return model->variants_count++;
    if (!proved)
        return -1;
    least = 0;
    for (int i = 1; i < SYNACK_VARIANTS_MAX; i++)
        if (model->variants[i].seen < model->variants[least].seen)
            least = i;
    model->variants[least].seen = 0;
    return least;
}

void capabilities_hint(struct capabilities *capabilities, uint8_t offered,
                       const struct synack_features *granted)
{
    struct synack_model *model = &capabilities->model;

    if (!(offered & OFFER_SIGNED))
        learn_values(capabilities, offered, granted, vote_hint);
    if (variant_index(model, offered) < 0) {
        const int place = variant_place(model, false);

        if (place >= 0) {
            variant_set(&model->variants[place], offered, granted);
            model->variants[place].seen = 0;
            capabilities->variant_votes[place] = 0;
        }
    }
    capabilities_refresh(capabilities);
}

void capabilities_vote(struct capabilities *capabilities, uint8_t offered,
                       const struct synack_features *granted, uint16_t ip_id)
{
    struct synack_model *model = &capabilities->model;
    int place;
    struct synack_variant *variant;
    uint8_t *votes;

    if (!(offered & OFFER_SIGNED)) /* a signature leaves no room for what others are granted */
        learn_values(capabilities, offered, granted, vote_cast);
    ip_id_sample(&capabilities->ip_id, ip_id);
    place = variant_index(model, offered);
    if (place < 0) {
        place = variant_place(model, true);
        capabilities->variant_votes[place] = 0;
    }
    variant = &model->variants[place];
    votes = &capabilities->variant_votes[place];
    /* The same majority vote as vote_cast(), over the variant's fields together. */
    if (*votes > 0 && !variant_says(variant, granted)) {
        --*votes;
    } else {
        variant_set(variant, offered, granted);
        *votes = (uint8_t)(*votes < VOTES_MAX ? *votes + 1 : VOTES_MAX);
    }
    if (variant->seen < UINT32_MAX)
        variant->seen++;
    capabilities_refresh(capabilities);
}

static void vote_replace(struct vote *vote, uint32_t value)
{
    if (!vote->known || vote->value != value)
        *vote = (struct vote){.value = value, .known = true, .votes = 1};
}

void capabilities_replace(struct capabilities *capabilities, uint8_t offered,
                          const struct synack_features *granted)
{
    struct synack_model *model = &capabilities->model;
    int place = variant_index(model, offered);

    learn_values(capabilities, offered, granted, vote_replace);
    if (place < 0)
        place = variant_place(model, true);
    variant_set(&model->variants[place], offered, granted);
    capabilities->variant_votes[place] = 1;
    if (model->variants[place].seen < UINT32_MAX)
        model->variants[place].seen++;
    capabilities_refresh(capabilities);
}

bool capabilities_compares(const struct capabilities *capabilities, uint8_t offered)
{
    const struct synack_variant *variant = synack_variant_find(&capabilities->model, offered);

    return variant && variant->seen > 0 && !(offered & OFFER_SIGNED);
}
