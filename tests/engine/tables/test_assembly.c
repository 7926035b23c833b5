/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/assembly.c: joining bytes by hand, then the pool at random against a plain
 * list. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tables/assembly.h"
#include "tests/engine/random.h"

static const uint64_t seed[2] = {11, 22};

static struct flow_key key_of(uint16_t client_port)
{
    struct flow_key key;

    memset(&key, 7, sizeof(key));
    key.client_port = client_port;
    return key;
}

static struct assembly_pool *pool_of(uint32_t slots)
{
    void *memory = aligned_alloc(64, assembly_pool_bytes(slots));

    memset(memory, 0, assembly_pool_bytes(slots));
    return assembly_pool_init(memory, slots, seed);
}

static enum assembly_result add_text(struct assembly *assembly, uint32_t offset, const char *text)
{
    return assembly_add(assembly, offset, (const uint8_t *)text, (uint32_t)strlen(text));
}

static void holds(const struct assembly *assembly, const char *text)
{
    cr_assert_eq(assembly->bytes, strlen(text));
    cr_assert_eq(memcmp(assembly->data, text, strlen(text)), 0, "%.*s is not %s", assembly->bytes,
                 (const char *)assembly->data, text);
}

Test(assembly, opens_empty)
{
    struct assembly_pool *pool = pool_of(4);
    struct flow_key key = key_of(1), other = key_of(2);
    struct assembly *assembly = assembly_open(pool, &key, 100, 200, 5000);

    cr_assert_not_null(assembly);
    cr_assert(assembly->used);
    cr_assert(flow_key_equal(&assembly->key, &key));
    cr_assert_eq(assembly->x, 100);
    cr_assert_eq(assembly->c, 200);
    cr_assert_eq(assembly->bytes, 0);
    cr_assert_not(assembly->fin);
    cr_assert_eq(assembly->until_us, 5000 + ASSEMBLY_LIFE_US);
    cr_assert_eq(assembly_find(pool, &key), assembly);
    cr_assert_null(assembly_find(pool, &other));
    free(pool);
}

Test(assembly, joins_pieces)
{
    struct assembly_pool *pool = pool_of(1);
    struct flow_key key = key_of(1);
    struct assembly *assembly = assembly_open(pool, &key, 0, 0, 0);

    cr_assert_eq(add_text(assembly, 3, "x"), ASSEMBLY_GAP);
    cr_assert_eq(add_text(assembly, 0, "GE"), ASSEMBLY_GREW);
    cr_assert_eq(add_text(assembly, 0, "GE"), ASSEMBLY_UNCHANGED);
    cr_assert_eq(add_text(assembly, 1, "E"), ASSEMBLY_UNCHANGED);
    cr_assert_eq(add_text(assembly, 2, ""), ASSEMBLY_UNCHANGED);
    cr_assert_eq(assembly_add(assembly, 0, NULL, 0), ASSEMBLY_UNCHANGED);
    cr_assert_eq(add_text(assembly, 3, ""), ASSEMBLY_GAP);
    cr_assert_eq(add_text(assembly, 2, "T "), ASSEMBLY_GREW, "in order");
    cr_assert_eq(add_text(assembly, 1, "ET /x"), ASSEMBLY_GREW, "overlapping");
    holds(assembly, "GET /x");
    cr_assert_eq(add_text(assembly, UINT32_MAX, "y"), ASSEMBLY_GAP);
    holds(assembly, "GET /x");
    free(pool);
}

/* Odd stacks send zeros where data is due; the real data comes later and wins. */
Test(assembly, later_bytes_win)
{
    struct assembly_pool *pool = pool_of(1);
    struct flow_key key = key_of(1);
    struct assembly *assembly = assembly_open(pool, &key, 0, 0, 0);
    const uint8_t zeros[6] = {0};

    cr_assert_eq(assembly_add(assembly, 0, zeros, 6), ASSEMBLY_GREW);
    cr_assert_eq(add_text(assembly, 0, "GET"), ASSEMBLY_GREW, "differs");
    cr_assert_eq(add_text(assembly, 0, "GET"), ASSEMBLY_UNCHANGED);
    cr_assert_eq(assembly->bytes, 6);
    cr_assert_eq(add_text(assembly, 3, " /x"), ASSEMBLY_GREW);
    holds(assembly, "GET /x");
    free(pool);
}

Test(assembly, takes_what_fits)
{
    struct assembly_pool *pool = pool_of(1);
    struct flow_key key = key_of(1);
    struct assembly *assembly = assembly_open(pool, &key, 0, 0, 0);
    uint8_t data[ASSEMBLY_BYTES + 10];

    memset(data, 'a', sizeof(data));
    cr_assert_eq(assembly_add(assembly, 0, data, 4000), ASSEMBLY_GREW);
    cr_assert_eq(assembly_add(assembly, 4000, data, 97), ASSEMBLY_FULL);
    cr_assert_eq(assembly->bytes, ASSEMBLY_BYTES);
    cr_assert_eq(assembly_add(assembly, ASSEMBLY_BYTES, data, 1), ASSEMBLY_FULL);
    cr_assert_eq(assembly_add(assembly, ASSEMBLY_BYTES, data, 0), ASSEMBLY_UNCHANGED);
    cr_assert_eq(assembly_add(assembly, ASSEMBLY_BYTES + 1, data, 1), ASSEMBLY_GAP);
    cr_assert_eq(assembly_add(assembly, 0, data, ASSEMBLY_BYTES), ASSEMBLY_UNCHANGED);
    cr_assert_eq(assembly_add(assembly, 0, data, sizeof(data)), ASSEMBLY_FULL);
    cr_assert_eq(assembly->bytes, ASSEMBLY_BYTES);
    free(pool);
}

Test(assembly, full_pool_makes_nothing)
{
    struct assembly_pool *pool = pool_of(3);
    struct flow_key key;

    for (uint16_t port = 0; port < 3; port++) {
        key = key_of(port);
        cr_assert_not_null(assembly_open(pool, &key, 0, 0, 0));
    }
    struct flow_key fourth = key_of(9);
    cr_assert_null(assembly_open(pool, &fourth, 0, 0, 0));
    cr_assert_eq(assembly_count(pool), 3);

    struct assembly *middle = assembly_find(pool, &(struct flow_key){0});
    cr_assert_null(middle);
    key = key_of(1);
    middle = assembly_find(pool, &key);
    add_text(middle, 0, "left behind");
    middle->fin = true;
    assembly_close(pool, middle);
    assembly_close(pool, middle);
    cr_assert_eq(assembly_count(pool), 2);
    struct assembly *again = assembly_open(pool, &fourth, 0, 0, 0);
    cr_assert_not_null(again);
    cr_assert_eq(again->bytes, 0);
    cr_assert_not(again->fin);
    free(pool);
}

Test(assembly, no_slots_at_all)
{
    struct assembly_pool *pool = pool_of(0);
    struct flow_key key = key_of(1);

    cr_assert_null(assembly_open(pool, &key, 0, 0, 0));
    cr_assert_null(assembly_find(pool, &key));
    assembly_expire(pool, UINT64_MAX);
    cr_assert_eq(assembly_next(pool), UINT64_MAX);
    free(pool);
}

Test(assembly, expires_in_order)
{
    struct assembly_pool *pool = pool_of(8);

    for (uint16_t port = 0; port < 3; port++) {
        struct flow_key key = key_of(port);
        assembly_open(pool, &key, 0, 0, port * 1000u);
    }
    cr_assert_eq(assembly_next(pool), ASSEMBLY_LIFE_US);
    assembly_expire(pool, ASSEMBLY_LIFE_US - 1);
    cr_assert_eq(assembly_count(pool), 3);
    assembly_expire(pool, ASSEMBLY_LIFE_US + 1000);
    cr_assert_eq(assembly_count(pool), 1);
    cr_assert_eq(assembly_next(pool), ASSEMBLY_LIFE_US + 2000);
    assembly_expire(pool, UINT64_MAX);
    cr_assert_eq(assembly_count(pool), 0);
    cr_assert_eq(assembly_next(pool), UINT64_MAX);
    free(pool);
}

#define MODEL_SLOTS 13u
#define MODEL_KEYS  30u

struct model_slot {
    bool used;
    uint64_t until_us;
    uint32_t bytes;
    uint8_t data[ASSEMBLY_BYTES];
};

static void model_add(struct random *random, struct model_slot *model, struct assembly *assembly)
{
    uint8_t data[2000];
    uint32_t offset = random_below(random, model->bytes + 20),
             bytes = random_below(random, sizeof(data));
    bool fits = offset + bytes <= ASSEMBLY_BYTES;
    uint32_t end = fits ? offset + bytes : ASSEMBLY_BYTES;

    for (uint32_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(offset + i + (random_below(random, 20000) == 0));
    enum assembly_result expected = fits ? ASSEMBLY_UNCHANGED : ASSEMBLY_FULL;
    if (offset > model->bytes) {
        expected = ASSEMBLY_GAP;
    } else {
        for (uint32_t i = offset; i < end; i++) {
            if (fits && (i >= model->bytes || model->data[i] != data[i - offset]))
                expected = ASSEMBLY_GREW;
            model->data[i] = data[i - offset];
        }
        model->bytes = end > model->bytes ? end : model->bytes;
    }
    cr_assert_eq(assembly_add(assembly, offset, data, bytes), expected);
}

static void model_check(struct assembly_pool *pool, const struct model_slot *models)
{
    uint64_t next_us = UINT64_MAX;
    uint32_t count = 0;

    for (uint16_t i = 0; i < MODEL_KEYS; i++) {
        struct flow_key key = key_of(i);
        const struct assembly *assembly = assembly_find(pool, &key);
        cr_assert_eq(assembly != NULL, models[i].used, "key %u", i);
        if (assembly == NULL)
            continue;
        count++;
        next_us = models[i].until_us < next_us ? models[i].until_us : next_us;
        cr_assert_eq(assembly->bytes, models[i].bytes);
        cr_assert_eq(memcmp(assembly->data, models[i].data, models[i].bytes), 0);
    }
    cr_assert_eq(assembly_count(pool), count);
    cr_assert_eq(assembly_next(pool), next_us);
}

Test(assembly, random_against_list)
{
    static struct model_slot models[MODEL_KEYS];
    struct random random = random_begin("assembly");
    struct assembly_pool *pool = pool_of(MODEL_SLOTS);
    uint64_t now_us = 0;

    for (uint32_t step = 0; step < 20000; step++) {
        uint16_t i = (uint16_t)random_below(&random, MODEL_KEYS);
        struct flow_key key = key_of(i);
        struct assembly *assembly = assembly_find(pool, &key);
        if (assembly == NULL) {
            uint32_t before = assembly_count(pool);
            assembly = assembly_open(pool, &key, step, step + 1, now_us);
            cr_assert_eq(assembly != NULL, before < MODEL_SLOTS);
            if (assembly != NULL)
                models[i] =
                    (struct model_slot){.used = true, .until_us = now_us + ASSEMBLY_LIFE_US};
        } else if (random_below(&random, 8) == 0) {
            assembly_close(pool, assembly);
            models[i].used = false;
        } else {
            model_add(&random, &models[i], assembly);
        }
        now_us += random_below(&random, 1000000);
        assembly_expire(pool, now_us);
        for (uint32_t k = 0; k < MODEL_KEYS; k++)
            models[k].used = models[k].used && models[k].until_us > now_us;
        model_check(pool, models);
    }
    free(pool);
}
