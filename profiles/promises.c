/* SPDX-License-Identifier: GPL-2.0-or-later */
/* promises.c - see promises.h. */
#include "profiles/promises.h"

#include <string.h>

#include "engine/tcp/cookie.h"

#define ANNOUNCED_US (5000ull * 1000) /* what one bridge has written, all have by then */

static bool variants_equal(const struct synack_variant *a, const struct synack_variant *b)
{
    return a->offered == b->offered && a->ecn == b->ecn && a->window == b->window &&
           a->layout_bytes == b->layout_bytes && memcmp(a->layout, b->layout, a->layout_bytes) == 0;
}

/* How often a variant was seen is not promised to anybody. */
static bool models_equal(const struct synack_model *a, const struct synack_model *b)
{
    if (a->mss_state != b->mss_state || a->window_scale_state != b->window_scale_state ||
        a->sack != b->sack || a->timestamps != b->timestamps || a->ecn != b->ecn ||
        a->mss != b->mss || a->window_scale != b->window_scale || a->window != b->window ||
        a->ttl != b->ttl || a->df != b->df || a->ip_id != b->ip_id ||
        a->variants_count != b->variants_count)
        return false;
    for (uint8_t i = 0; i < a->variants_count; i++)
        if (!variants_equal(&a->variants[i], &b->variants[i]))
            return false;
    return true;
}

static bool bytes_equal(const struct promise *a, const struct promise *b)
{
    return a->greeting_bytes == b->greeting_bytes &&
           memcmp(a->greeting, b->greeting, a->greeting_bytes) == 0;
}

/* Two greetings of one template: what was said in the one is as good in the other. */
static bool of_one_template(const struct promise *a, const struct promise *b)
{
    const uint16_t prefix = a->greeting_prefix, suffix = a->greeting_suffix;

    return a->greeting_template && b->greeting_template && prefix == b->greeting_prefix &&
           suffix == b->greeting_suffix && memcmp(a->greeting, b->greeting, prefix) == 0 &&
           memcmp(a->greeting + a->greeting_bytes - suffix,
                  b->greeting + b->greeting_bytes - suffix, suffix) == 0;
}

static bool exactly_equal(const struct promise *a, const struct promise *b)
{
    return !a->greeting_template && !b->greeting_template && bytes_equal(a, b);
}

bool promise_greetings_alike(const struct promise *a, const struct promise *b)
{
    return exactly_equal(a, b) || of_one_template(a, b);
}

/*
 * The one in force is as good as the new one. A template's words are renewed while nobody holds a
 * cookie; afterwards clients hear those from before the attack.
 */
static bool promise_holds(const struct promise *promise, const struct promise *wanted,
                          bool cookies_out)
{
    const bool same =
        cookies_out ? promise_greetings_alike(promise, wanted)
                    : bytes_equal(promise, wanted) && promise_greetings_alike(promise, wanted);

    return same && models_equal(&promise->synack, &wanted->synack);
}

void promise_of_profile(const struct profile *profile, const struct greeting_plan *plan,
                        struct promise *promise)
{
    promise->synack = profile->tcp.model;
    if (!plan)
        return;
    promise->greeting_bytes = plan->bytes;
    promise->greeting_template = plan->by_template;
    promise->greeting_prefix = plan->prefix;
    promise->greeting_suffix = plan->suffix;
    memcpy(promise->greeting, plan->said, plan->bytes);
}

static void hash_number(crypto_generichash_state *state, uint32_t number)
{
    const uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 8), (uint8_t)number};

    crypto_generichash_update(state, bytes, sizeof(bytes));
}

void promise_hash_bytes(crypto_generichash_state *state, const uint8_t *bytes, uint32_t count)
{
    hash_number(state, count);
    crypto_generichash_update(state, bytes, count);
}

/* What models_equal() compares. */
static void hash_model(crypto_generichash_state *state, const struct synack_model *model)
{
    const uint32_t numbers[] = {model->mss_state, model->window_scale_state,
                                model->sack,      model->timestamps,
                                model->ecn,       model->mss,
                                model->window,    model->window_scale,
                                model->ttl,       model->df,
                                model->ip_id,     model->variants_count};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        hash_number(state, numbers[i]);
    for (uint8_t i = 0; i < model->variants_count; i++) {
        const struct synack_variant *variant = &model->variants[i];

        hash_number(state, variant->offered);
        hash_number(state, variant->ecn);
        hash_number(state, variant->window);
        promise_hash_bytes(state, variant->layout, variant->layout_bytes);
    }
}

/* What promise_greetings_alike() compares, and the length, which acknowledgments count. */
static void hash_greeting(crypto_generichash_state *state, const struct promise *promise)
{
    const uint32_t bytes = promise->greeting_bytes;

    hash_number(state, promise->greeting_template);
    hash_number(state, bytes);
    if (promise->greeting_template) {
        promise_hash_bytes(state, promise->greeting, promise->greeting_prefix);
        promise_hash_bytes(state, promise->greeting + bytes - promise->greeting_suffix,
                           promise->greeting_suffix);
    } else {
        promise_hash_bytes(state, promise->greeting, bytes);
    }
}

uint32_t promise_generation(const struct promise *promise)
{
    crypto_generichash_state state;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    uint32_t generation;

    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    hash_model(&state, &promise->synack);
    hash_greeting(&state, promise);
    crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(&generation, hash, sizeof(generation));
    return generation == UINT32_MAX ? 0 : generation; /* that is DEFAULT_PROMISE_GENERATION */
}

static bool before_in_use(const struct server_policy *server, uint64_t now_us)
{
    return server->has_before && server->before_until_us > now_us;
}

static void keep_before(struct server_policy *server, const struct server_policy *previous,
                        uint64_t now_us)
{
    if (!before_in_use(previous, now_us))
        return;
    server->has_before = true;
    server->before = previous->before;
    server->before_until_us = previous->before_until_us;
    server->before_since_us = previous->before_since_us;
}

static void set_before(struct server_policy *server, const struct promise *promise, uint64_t now_us)
{
    server->has_before = true;
    server->before = *promise;
    server->before_until_us = now_us + COOKIE_LIFETIME_US;
    server->before_since_us = now_us;
}

/*
 * Of several bridges: a new promise is good at all of them before one makes it. Until then it
 * stands in the place of the one before. Returns when that is over; 0: it may be made.
 */
static uint64_t announce(struct server_policy *server, const struct server_policy *previous,
                         bool cookies_out, uint32_t generation, uint64_t now_us)
{
    const struct promise wanted = server->now;
    const bool known =
        before_in_use(previous, now_us) && promise_holds(&previous->before, &wanted, cookies_out);

    if (known && now_us >= previous->before_since_us + ANNOUNCED_US)
        return 0;
    server->now = previous->now;
    if (known) {
        keep_before(server, previous, now_us);
    } else {
        set_before(server, &wanted, now_us);
        server->before.generation = generation;
    }
    return server->before_since_us + ANNOUNCED_US;
}

uint64_t promise_settle(struct server_policy *server, const struct server_policy *previous,
                        bool cookies_out, uint32_t generation, bool shared, uint64_t now_us)
{
    uint64_t due_us;
    bool same, waits;

    if (!previous) {
        server->now.generation = generation;
        return 0;
    }
    same = promise_holds(&previous->now, &server->now, cookies_out);
    waits = !same && cookies_out && before_in_use(previous, now_us) &&
            !(shared && promise_holds(&previous->before, &server->now, cookies_out));
    if (same || waits) {
        server->now = previous->now;
        keep_before(server, previous, now_us);
        return 0;
    }
    due_us =
        shared && previous->armed ? announce(server, previous, cookies_out, generation, now_us) : 0;
    if (due_us)
        return due_us;
    server->now.generation = generation;
    set_before(server, &previous->now, now_us);
    return 0;
}
