/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_twins.c - see support_twins.h. */
#include "tests/engine/support_twins.h"

#include <criterion/criterion.h>
#include <string.h>

static void same_tags(const struct tag_table *a, const struct tag_table *b)
{
    cr_assert_eq(a->overwritten, b->overwritten);
    cr_assert_arr_eq(a->slots, b->slots, (a->mask + 1) * sizeof(a->slots[0]));
}

static void same_servers(const struct server_table *a, const struct server_table *b)
{
    for (uint32_t i = 0; i < a->capacity; i++) {
        const struct server *one = &a->slots[i], *other = &b->slots[i];

        cr_assert_eq(one->used, other->used);
        cr_assert_eq(one->mode, other->mode);
        cr_assert_eq(one->unconfirmed, other->unconfirmed);
        cr_assert_eq(one->reported_us, other->reported_us);
        cr_assert_eq(one->unprofiled_us, other->unprofiled_us);
        cr_assert_eq(one->ip_id, other->ip_id);
        cr_assert_arr_eq(&one->counts, &other->counts, sizeof(one->counts));
        cr_assert_arr_eq(&one->doubted_syns, &other->doubted_syns, sizeof(one->doubted_syns));
        cr_assert_arr_eq(&one->authenticated, &other->authenticated, sizeof(one->authenticated));
        cr_assert_arr_eq(&one->openings, &other->openings, sizeof(one->openings));
        cr_assert_arr_eq(&one->observed, &other->observed, sizeof(one->observed));
        cr_assert_eq(one->answered_us, other->answered_us);
        cr_assert_arr_eq(&one->figures, &other->figures, sizeof(one->figures));
    }
}

static void same_observations(struct bench *a, struct bench *b)
{
    struct observation_queue *one = engine_observations(a->engine),
                             *other = engine_observations(b->engine);

    cr_assert_eq(one->count, other->count);
    for (uint32_t i = 0; i < one->count; i++) {
        cr_assert_eq(one->slots[i].kind, other->slots[i].kind);
        if (one->slots[i].kind != OBSERVED_TRIGGER)
            continue;
        cr_assert_eq(one->slots[i].trigger.cause, other->slots[i].trigger.cause);
        cr_assert_eq(one->slots[i].trigger.value, other->slots[i].trigger.value);
        cr_assert_eq(one->slots[i].trigger.switched, other->slots[i].trigger.switched);
    }
    one->count = other->count = 0;
}

static void same_outbox(struct bench *a, struct bench *b)
{
    struct outbox *one = engine_outbox(a->engine), *other = engine_outbox(b->engine);

    cr_assert_eq(one->count, other->count);
    cr_assert_eq(one->used, other->used);
    for (uint32_t i = 0; i < one->count; i++)
        cr_assert_arr_eq(one->memory + one->frames[i].offset,
                         other->memory + other->frames[i].offset, one->frames[i].bytes);
    one->count = one->used = other->count = other->used = 0;
}

void twins_alike(struct bench *one, struct bench *other)
{
    const struct engine *a = one->engine, *b = other->engine;

    cr_assert_eq(a->now_us, b->now_us);
    cr_assert_arr_eq(&a->counters, &b->counters, sizeof(a->counters));
    same_servers(&a->servers, &b->servers);
    same_observations(one, other);
    same_outbox(one, other);
    cr_assert_eq(resend_count(a->synacks), resend_count(b->synacks));
    cr_assert_eq(resend_count(a->greetings), resend_count(b->greetings));
    cr_assert_eq(a->slots.count, b->slots.count);
}

void twins_wait(struct bench *one, struct bench *other, uint64_t us)
{
    bool more, others;

    one->now_us = other->now_us += us;
    do {
        cr_assert_eq(engine_next_deadline(one->engine), engine_next_deadline(other->engine));
        more = engine_tick(one->engine, one->now_us);
        others = engine_tick(other->engine, other->now_us);
        cr_assert_eq(more, others);
        twins_alike(one, other);
    } while (more);
}

static void turn_rule(struct bench *bench, const struct source_rule *rule)
{
    if (!engine_forget_source(bench->engine, &rule->prefix, rule->length))
        engine_set_source(bench->engine, rule, bench->now_us);
}

void twins_turn_rule(struct bench *one, struct bench *other, const struct source_rule *rule)
{
    turn_rule(one, rule);
    turn_rule(other, rule);
}

void twins_remember_alike(const struct bench *one, const struct bench *other)
{
    const struct engine *a = one->engine, *b = other->engine;

    same_tags(&a->asked, &b->asked);
    same_tags(&a->stray, &b->stray);
    cr_assert(memcmp(a->proofs.slots, b->proofs.slots, PROOFS * sizeof(a->proofs.slots[0])) == 0);
    cr_assert(memcmp(a->served.slots, b->served.slots,
                     (a->served.mask + 1) * sizeof(a->served.slots[0])) == 0);
    cr_assert_eq(a->sources.aside_until_us, b->sources.aside_until_us);
    cr_assert(memcmp(a->sources.slots, b->sources.slots,
                     a->sources.count * sizeof(a->sources.slots[0])) == 0);
}
