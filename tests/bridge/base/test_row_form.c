/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/base/row_form.c: rows of versions that lay theirs out otherwise. */
#include "bridge/base/row_form.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/random.h"

struct row {
    uint64_t first;
    uint16_t pair[2];
    uint8_t byte;
    uint32_t late;
};

static const struct row_field own_fields[] = {
    ROW_FIELD(1, struct row, first),
    ROW_FIELD(2, struct row, pair),
    ROW_FIELD(3, struct row, byte),
    ROW_FIELD_OPTIONAL(4, struct row, late),
};
static const struct row_form own = {own_fields, 4, sizeof(struct row), 3};

static const struct row sample = {0x0102030405060708, {0x1112, 0x1314}, 0x21, 0x31323334};

/* A version with these fields in this order, each behind `gap` bytes of its own. */
static uint32_t lay_out(const uint16_t *order, uint32_t count, uint32_t gap,
                        struct row_field *theirs, uint8_t *row)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct row_field *field = &own_fields[order[i] - 1];

        at += gap;
        theirs[i] = (struct row_field){field->id, (uint16_t)at, field->bytes, 0};
        memcpy(row + at, (const uint8_t *)&sample + field->offset, field->bytes);
        at += field->bytes;
    }
    return at + gap;
}

static bool read_back(const struct row_field *theirs, uint32_t count, uint32_t bytes,
                      const uint8_t *from, struct row *row)
{
    struct row_reading reading;

    memset(row, 0xee, sizeof(*row));
    if (!row_reading_make(&reading, &own, theirs, count, bytes))
        return false;
    row_read(&reading, from, row);
    return true;
}

static void assert_is_sample(const struct row *row)
{
    cr_assert_eq(row->first, sample.first);
    cr_assert_eq(row->pair[0], sample.pair[0]);
    cr_assert_eq(row->pair[1], sample.pair[1]);
    cr_assert_eq(row->byte, sample.byte);
    cr_assert_eq(row->late, sample.late);
}

Test(row_form, of_the_same_version)
{
    struct row_reading reading;
    struct row row;

    cr_assert(row_reading_make(&reading, &own, own_fields, 4, sizeof(struct row)));
    cr_assert_leq(reading.count, 2u, "neighbours are one copy");
    row_read(&reading, &sample, &row);
    assert_is_sample(&row);
}

Test(row_form, in_any_order_and_with_anything_between)
{
    struct random random = random_begin("row_form");

    for (int run = 0; run < 1000; run++) {
        uint16_t order[4] = {1, 2, 3, 4};
        uint8_t bytes[128] = {0};
        struct row_field theirs[4];
        struct row row;
        uint32_t length;

        for (uint32_t i = 3; i > 0; i--) {
            const uint32_t other = random_below(&random, i + 1);
            const uint16_t swapped = order[i];

            order[i] = order[other];
            order[other] = swapped;
        }
        length = lay_out(order, 4, random_below(&random, 9), theirs, bytes);
        cr_assert(read_back(theirs, 4, length, bytes, &row));
        assert_is_sample(&row);
    }
}

Test(row_form, what_is_missing)
{
    const uint16_t without_late[] = {3, 1, 2}, without_byte[] = {4, 1, 2};
    uint8_t bytes[64] = {0};
    struct row_field theirs[4];
    struct row row;
    uint32_t length = lay_out(without_late, 3, 0, theirs, bytes);

    cr_assert(read_back(theirs, 3, length, bytes, &row));
    cr_assert_eq(row.first, sample.first);
    cr_assert_eq(row.late, 0u, "nothing of what was there");
    length = lay_out(without_byte, 3, 0, theirs, bytes);
    cr_assert_not(read_back(theirs, 3, length, bytes, &row), "nothing goes without it");
    cr_assert_not(read_back(theirs, 0, length, bytes, &row));
}

Test(row_form, a_field_of_another_width_is_another_one)
{
    const uint16_t order[] = {1, 2, 3, 4};
    uint8_t bytes[64] = {0};
    struct row_field theirs[4];
    struct row row;
    const uint32_t length = lay_out(order, 4, 2, theirs, bytes);

    theirs[3].bytes = 2;
    cr_assert(read_back(theirs, 4, length, bytes, &row));
    cr_assert_eq(row.late, 0u);
    theirs[0].bytes = 4;
    cr_assert_not(read_back(theirs, 4, length, bytes, &row));
}

/* Whatever was written there: nothing outside of a row is read. The sanitizers would see it. */
Test(row_form, any_bytes_as_a_form)
{
    struct random random = random_begin("row_form_bytes");

    for (int run = 0; run < 20000; run++) {
        const uint32_t length = 1 + random_below(&random, 40);
        uint8_t *bytes = malloc(length);
        struct row_field theirs[4];
        struct row row;

        memset(bytes, 1, length);
        for (int i = 0; i < 4; i++) {
            theirs[i] = own_fields[i];
            theirs[i].offset = (uint16_t)(random_below(&random, 8) ? random_below(&random, 48)
                                                                   : random_below(&random, 65536));
        }
        if (read_back(theirs, 4, length, bytes, &row))
            cr_assert_eq(row.first, 0x0101010101010101ull);
        free(bytes);
    }
}
