/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/resend.c: the life of one entry, shares and full sets, then random use
 * against a plain array. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tables/resend.h"
#include "tests/engine/random.h"

#define SLOTS 64u
#define SHARE (SLOTS / 16)
#define MS    1000ull

static const uint64_t seed[2] = {33, 44};

static struct resend_ring *ring_of(uint32_t slots)
{
    void *memory = aligned_alloc(64, (resend_ring_bytes(slots) + 63) / 64 * 64);

    memset(memory, 0, resend_ring_bytes(slots));
    return resend_ring_init(memory, slots, seed);
}

static struct flow_key key_of(uint32_t source, uint16_t port)
{
    struct flow_key key = {.server_port = 110, .client_port = port};
    uint8_t v4[4] = {10, (uint8_t)(source >> 16), (uint8_t)(source >> 8), (uint8_t)source};

    key.client = addr_from_v4(v4);
    return key;
}

static const struct resend_entry *expect_due(struct resend_ring *ring, uint64_t now_us,
                                             uint8_t stage)
{
    bool last = stage != 3;
    const struct resend_entry *entry = resend_due(ring, now_us, &last);

    cr_assert_not_null(entry, "nothing due");
    cr_assert_eq(entry->stage, stage);
    cr_assert_eq(last, stage == 3);
    return entry;
}

static void expect_quiet(struct resend_ring *ring, uint64_t now_us)
{
    bool last;

    cr_assert_null(resend_due(ring, now_us, &last));
    cr_assert_gt(resend_next(ring), now_us);
}

Test(resend, empty)
{
    struct resend_ring *ring = ring_of(SLOTS);
    struct flow_key zero = {0};

    expect_quiet(ring, UINT64_MAX - 1);
    cr_assert_eq(resend_next(ring), UINT64_MAX);
    cr_assert_eq(resend_count(ring), 0);
    cr_assert_null(resend_find(ring, &zero), "a free slot is no entry of the zero key");
    resend_remove(ring, &zero);
    free(ring);
}

/* 0 sent; 1 s first again; 3 s second again; 7 s third again; gone. */
Test(resend, without_grace)
{
    struct resend_ring *ring = ring_of(SLOTS);
    struct flow_key key = key_of(1, 1);
    struct resend_entry *entry = resend_add(ring, &key, 0, 500);

    cr_assert_not_null(entry);
    cr_assert_eq(entry->stage, 1);
    cr_assert_eq(entry->sent_us, 500);
    cr_assert_eq(resend_next(ring), 500 + RESEND_FIRST_US);
    expect_quiet(ring, 499 + RESEND_FIRST_US);
    expect_due(ring, 500 + RESEND_FIRST_US, 1);
    cr_assert_eq(resend_find(ring, &key)->stage, 2, "what is due next");
    expect_quiet(ring, 499 + RESEND_SECOND_US);
    expect_due(ring, 500 + RESEND_SECOND_US, 2);
    expect_quiet(ring, 499 + RESEND_THIRD_US);
    expect_due(ring, 500 + RESEND_THIRD_US, 3);
    cr_assert_eq(resend_count(ring), 0);
    cr_assert_null(resend_find(ring, &key));
    cr_assert_eq(resend_next(ring), UINT64_MAX);
    free(ring);
}

/* Added; first sending when the grace is over, late by 7 ms; 1 s and 3 s count from that. */
Test(resend, with_grace)
{
    struct resend_ring *ring = ring_of(SLOTS);
    struct flow_key key = key_of(1, 1);

    cr_assert_eq(resend_add(ring, &key, 20 * MS, 0)->stage, 0);
    expect_quiet(ring, 20 * MS - 1);
    cr_assert_eq(expect_due(ring, 27 * MS, 0)->sent_us, 27 * MS);
    cr_assert_eq(resend_find(ring, &key)->stage, 1);
    expect_quiet(ring, 27 * MS + RESEND_FIRST_US - 1);
    expect_due(ring, 27 * MS + RESEND_FIRST_US + 5, 1);
    expect_quiet(ring, 27 * MS + RESEND_SECOND_US - 1);
    expect_due(ring, 27 * MS + RESEND_SECOND_US, 2);
    expect_due(ring, 27 * MS + RESEND_THIRD_US, 3);
    free(ring);
}

Test(resend, caller_fills_and_finds)
{
    struct resend_ring *ring = ring_of(SLOTS);
    struct flow_key key = key_of(1, 1);
    struct resend_entry *entry = resend_add(ring, &key, 0, 0);

    entry->seq = 1234;
    entry->timestamps = true;
    cr_assert_eq(resend_find(ring, &key)->seq, 1234);
    cr_assert_eq(expect_due(ring, RESEND_FIRST_US, 1)->seq, 1234);
    entry = resend_add(ring, &key, 0, RESEND_FIRST_US);
    cr_assert_eq(entry->seq, 0, "made anew");
    cr_assert_not(entry->timestamps);
    cr_assert_eq(resend_count(ring), 1);
    expect_quiet(ring, 2 * RESEND_FIRST_US - 1);
    expect_due(ring, 2 * RESEND_FIRST_US, 1);
    free(ring);
}

Test(resend, removed_comes_no_more)
{
    struct resend_ring *ring = ring_of(SLOTS);
    struct flow_key keys[3] = {key_of(1, 1), key_of(2, 2), key_of(3, 3)};

    for (uint32_t i = 0; i < 3; i++)
        resend_add(ring, &keys[i], 0, i);
    resend_remove(ring, &keys[1]);
    resend_remove(ring, &keys[1]);
    cr_assert_eq(resend_count(ring), 2);
    cr_assert(flow_key_equal(&expect_due(ring, 10 + RESEND_FIRST_US, 1)->key, &keys[0]));
    cr_assert(flow_key_equal(&expect_due(ring, 10 + RESEND_FIRST_US, 1)->key, &keys[2]));
    expect_quiet(ring, 10 + RESEND_FIRST_US);
    resend_remove(ring, &keys[0]);
    cr_assert(flow_key_equal(&expect_due(ring, 10 + RESEND_SECOND_US, 2)->key, &keys[2]));
    expect_quiet(ring, 10 + RESEND_SECOND_US);
    cr_assert(flow_key_equal(&expect_due(ring, 10 + RESEND_THIRD_US, 3)->key, &keys[2]));
    expect_quiet(ring, 10 + RESEND_THIRD_US);
    free(ring);
}

Test(resend, source_holds_its_share_only)
{
    struct resend_ring *ring = ring_of(1024);
    struct flow_key key, other = key_of(2, 1);

    /* Some of its own may be overwritten on the way, which gives the share back. */
    uint16_t port = 0;
    for (; port < 5000; port++) {
        key = key_of(1, port);
        if (resend_add(ring, &key, 0, port) == NULL)
            break;
    }
    cr_assert_eq(resend_count(ring), 1024 / 16);
    cr_assert_null(resend_add(ring, &key, 0, 9000));
    cr_assert_not_null(resend_add(ring, &other, 0, 9000));
    key = key_of(1, (uint16_t)(port - 1));
    cr_assert_not_null(resend_add(ring, &key, 0, 9000), "making anew takes no more");
    resend_remove(ring, &key);
    cr_assert_not_null(resend_add(ring, &key, 0, 9000), "removing gives back");

    bool last;
    while (resend_due(ring, 9000 + 2 * RESEND_THIRD_US, &last) != NULL)
        continue;
    cr_assert_eq(resend_count(ring), 0);
    key = key_of(1, 60000);
    cr_assert_not_null(resend_add(ring, &key, 0, 9000 + RESEND_SECOND_US), "so does the end");
    free(ring);
}

Test(resend, one_ipv6_subnet_is_one_source)
{
    struct resend_ring *ring = ring_of(1024);
    struct flow_key key = {.server_port = 110};
    uint32_t added = 0;

    for (uint32_t host = 0; host < 3000; host++) {
        uint8_t v6[16] = {
            0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, (uint8_t)(host >> 8), (uint8_t)host};
        key.client = addr_from_v6(v6);
        added += resend_add(ring, &key, 0, host) != NULL;
    }
    cr_assert_geq(added, 1024 / 16);
    cr_assert_leq(resend_count(ring), 1024 / 16);
    free(ring);
}

/* A flood from everywhere displaces none of whom more is known, nor does a SYN that somebody sends
 * in the name of one. */
Test(resend, proved_ones_stay)
{
    struct resend_ring *ring = ring_of(1024);
    struct flow_key added = key_of(1, 1), shown = key_of(2, 2);

    cr_assert_not_null(resend_add_proved(ring, &added, 0));
    resend_prove(ring, resend_add(ring, &shown, 0, 0));
    for (uint32_t i = 0; i < 100000; i++) {
        struct flow_key key = key_of(10 + i, (uint16_t)i);

        cr_assert_not_null(resend_add(ring, &key, 0, i), "the rest is there for all");
    }
    cr_assert_null(resend_add(ring, &added, 0, 100000));
    cr_assert_null(resend_add(ring, &shown, 0, 100000));
    cr_assert(resend_is_proved(resend_find(ring, &added)));
    cr_assert(resend_is_proved(resend_find(ring, &shown)));
    cr_assert_eq(resend_count(ring), 1024);
    cr_assert_not_null(resend_add_proved(ring, &added, 100000), "its own next one");
    free(ring);
}

/* And many of these leave half to those of whom nothing is known. */
Test(resend, proved_ones_have_half)
{
    struct resend_ring *ring = ring_of(1024);
    uint32_t proved = 0;

    for (uint32_t i = 0; i < 20000; i++) {
        struct flow_key key = key_of(i, (uint16_t)i), other = key_of(i, (uint16_t)(i + 1));
        struct resend_entry *entry = resend_add(ring, &other, 0, i);

        cr_assert_not_null(entry);
        if (i % 2)
            resend_prove(ring, entry);
        cr_assert_not_null(resend_add_proved(ring, &key, i));
    }
    for (uint32_t i = 0; i < 1024; i++)
        proved += resend_at(ring, i) && resend_is_proved(resend_at(ring, i));
    cr_assert_eq(proved, 512);
    cr_assert_eq(resend_count(ring), 1024);
    free(ring);
}

/* What others send in its name takes nothing from who is proved: each kind has its share. */
Test(resend, proved_ones_have_a_share_of_their_own)
{
    struct resend_ring *ring = ring_of(1024);
    uint32_t proved = 0;
    struct flow_key key;

    for (uint16_t port = 0; port < 5000; port++) {
        key = key_of(1, port);
        resend_add(ring, &key, 0, port);
    }
    key = key_of(1, 6000);
    cr_assert_null(resend_add(ring, &key, 0, 6000));
    cr_assert_not_null(resend_add_proved(ring, &key, 6000));
    for (uint16_t port = 7000; port < 12000; port++) {
        key = key_of(1, port);
        proved += resend_add_proved(ring, &key, port) != NULL;
    }
    cr_assert_geq(proved, 1024 / 16 - 1);
    cr_assert_leq(resend_count(ring), 2 * 1024 / 16);
    key = key_of(1, 12000);
    cr_assert_null(resend_add_proved(ring, &key, 12000));
    free(ring);
}

/* A flood from everywhere fills the ring and no more; what is left still comes due, each once. */
Test(resend, flood_overwrites)
{
    struct resend_ring *ring = ring_of(1024);
    uint32_t due = 0;

    for (uint32_t i = 0; i < 100000; i++) {
        struct flow_key key = key_of(i, (uint16_t)i);
        cr_assert_not_null(resend_add(ring, &key, 0, i));
        cr_assert_not_null(resend_find(ring, &key));
    }
    cr_assert_eq(resend_count(ring), 1024);
    /* The oldest go: none is left from before the last 32 that each set of four received on
     * average. */
    for (uint32_t i = 0; i < 100000 - 32 * 256; i++) {
        struct flow_key key = key_of(i, (uint16_t)i);
        cr_assert_null(resend_find(ring, &key));
    }
    for (uint64_t now_us = 100000;; due++) {
        bool last;
        now_us = resend_next(ring) > now_us ? resend_next(ring) : now_us;
        if (now_us == UINT64_MAX || resend_due(ring, now_us, &last) == NULL)
            break;
    }
    cr_assert_eq(due, 3 * 1024);
    cr_assert_eq(resend_count(ring), 0);
    free(ring);
}

/* The naive model: every entry ever made, whether it is still there asked of the ring, and what it
 * should do next. */
#define PORTS      20u
#define MODEL_KEYS (16 * PORTS)
#define GRACE_US   (50 * MS)

struct model {
    bool there;
    uint8_t stage;
    uint64_t due_us, sent_us;
};

static struct flow_key model_key(uint32_t i)
{
    return key_of(i / PORTS, (uint16_t)i);
}

/* At most one entry goes when one is added, and only where the add found its set full. */
static uint32_t lost_by_overwriting(struct resend_ring *ring, struct model *models, uint32_t added)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        struct flow_key key = model_key(i);
        if (!models[i].there || i == added || resend_find(ring, &key) != NULL)
            continue;
        models[i].there = false;
        lost++;
    }
    return lost;
}

static void model_add(struct resend_ring *ring, struct model *models, uint32_t i, uint64_t grace_us,
                      uint64_t now_us)
{
    struct flow_key key = model_key(i);
    uint32_t of_source = 0;
    bool known = models[i].there;

    for (uint32_t k = i / PORTS * PORTS; k < (i / PORTS + 1) * PORTS; k++)
        of_source += models[k].there;
    struct resend_entry *entry = resend_add(ring, &key, grace_us, now_us);
    if (entry == NULL) {
        /* No two of these 16 sources share one of the 4,096 counters under this seed. */
        cr_assert(!known && of_source == SHARE);
        return;
    }
    cr_assert(known || of_source < SHARE);
    models[i] = (struct model){true, grace_us > 0 ? 0 : 1,
                               now_us + (grace_us > 0 ? grace_us : RESEND_FIRST_US), now_us};
    cr_assert_leq(lost_by_overwriting(ring, models, i), known ? 0 : 1);
}

static void model_due(struct resend_ring *ring, struct model *models, uint64_t now_us)
{
    bool last;
    const struct resend_entry *entry;

    while ((entry = resend_due(ring, now_us, &last)) != NULL) {
        struct model *model = &models[entry->key.client_port];
        cr_assert(model->there && model->due_us <= now_us);
        cr_assert_eq(entry->stage, model->stage);
        cr_assert_eq(last, model->stage == 3);
        if (model->stage == 0)
            model->sent_us = now_us;
        cr_assert_eq(entry->sent_us, model->sent_us);
        model->there = !last;
        model->due_us = model->sent_us + (model->stage == 0   ? RESEND_FIRST_US
                                          : model->stage == 1 ? RESEND_SECOND_US
                                                              : RESEND_THIRD_US);
        model->stage++;
    }
}

static void model_check(struct resend_ring *ring, const struct model *models, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;
    uint32_t count = 0;

    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        struct flow_key key = model_key(i);
        const struct resend_entry *entry = resend_find(ring, &key);
        cr_assert_eq(entry != NULL, models[i].there);
        if (entry == NULL)
            continue;
        count++;
        cr_assert_eq(entry->stage, models[i].stage);
        cr_assert_gt(models[i].due_us, now_us, "entry %u is late", i);
        next_us = models[i].due_us < next_us ? models[i].due_us : next_us;
    }
    cr_assert_eq(resend_count(ring), count);
    cr_assert_eq(resend_next(ring), next_us);
}

Test(resend, random_against_array)
{
    struct random random = random_begin("resend");
    struct resend_ring *ring = ring_of(SLOTS);
    struct model models[MODEL_KEYS] = {0};
    uint64_t now_us = 0;

    for (uint32_t step = 0; step < 50000; step++) {
        uint32_t i = random_below(&random, MODEL_KEYS), kind = random_below(&random, 10);
        struct flow_key key = model_key(i);
        if (kind < 6) {
            model_add(ring, models, i, kind < 3 ? GRACE_US : 0, now_us);
        } else if (kind < 7) {
            resend_remove(ring, &key);
            models[i].there = false;
        } else {
            now_us += random_below(&random, random_below(&random, 30) == 0 ? 5000000 : 100000);
            model_due(ring, models, now_us);
            model_check(ring, models, now_us);
        }
    }
    free(ring);
}
