/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_seal.c: what the owner of the store cannot do to a value. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sync_seal.h"

static const struct sync_place place = {"synward:c:attacks", "10.0.0.1 80 [] a"};

static struct sync_seal seal_of(uint8_t first, uint8_t second)
{
    struct sync_seal seal = {.cluster = "c", .keys.count = second ? 2 : 1};

    cr_assert_geq(sodium_init(), 0);
    memset(seal.keys.seal[0].mac, first, sizeof(seal.keys.seal[0].mac));
    memset(seal.keys.seal[1].mac, second, sizeof(seal.keys.seal[1].mac));
    return seal;
}

static char *write_with(const struct sync_seal *seal, size_t *bytes)
{
    const struct sync_value value = {
        .writer = "a", .version = 7, .until_ms = 1800000000000, .content = "{\"x\":1}", .bytes = 7};
    char *text = sync_seal_write(seal, place, &value, bytes);

    cr_assert_not_null(text);
    return text;
}

Test(sync_seal, what_was_written_is_read)
{
    const struct sync_seal seal = seal_of(1, 0);
    struct sync_value value;
    size_t bytes;
    char *text = write_with(&seal, &bytes);

    cr_assert(sync_seal_read(&seal, place, text, bytes, &value));
    cr_assert_str_eq(value.writer, "a");
    cr_assert_eq(value.version, 7);
    cr_assert_eq(value.until_ms, 1800000000000);
    cr_assert_eq(value.bytes, 7);
    cr_assert_eq(memcmp(value.content, "{\"x\":1}", 7), 0);
    free(text);
}

Test(sync_seal, every_byte_counts)
{
    const struct sync_seal seal = seal_of(1, 0);
    struct sync_value value;
    size_t bytes;
    char *text = write_with(&seal, &bytes);

    for (size_t i = 0; i < bytes; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ (1 << bit));
            if (i >= 3 && i < 67 && bit == 5) { /* the other case of a hexadecimal digit */
                text[i] = (char)(text[i] ^ (1 << bit));
                continue;
            }
            cr_assert_not(sync_seal_read(&seal, place, text, bytes, &value), "byte %zu", i);
            text[i] = (char)(text[i] ^ (1 << bit));
        }
    }
    for (size_t shorter = 0; shorter < bytes; shorter++) {
        char *copy = malloc(shorter ? shorter : 1); /* whoever reads beyond it is found */

        memcpy(copy, text, shorter);
        cr_assert_not(sync_seal_read(&seal, place, copy, shorter, &value), "%zu bytes", shorter);
        free(copy);
    }
    free(text);
}

Test(sync_seal, a_value_counts_where_it_was_written)
{
    const struct sync_seal seal = seal_of(1, 0);
    struct sync_seal other = seal;
    struct sync_value value;
    size_t bytes;
    char *text = write_with(&seal, &bytes);

    cr_assert_not(sync_seal_read(&seal, (struct sync_place){place.key, "10.0.0.2 80 [] a"}, text,
                                 bytes, &value));
    cr_assert_not(sync_seal_read(&seal, (struct sync_place){"synward:c:asides", place.field}, text,
                                 bytes, &value));
    cr_assert_not(sync_seal_read(
        &seal, (struct sync_place){"synward:c:attacks1", "0.0.0.1 80 [] a"}, text, bytes, &value));
    other.cluster = "d";
    cr_assert_not(sync_seal_read(&other, place, text, bytes, &value));
    free(text);
}

Test(sync_seal, both_keys_are_good_while_one_is_rolled)
{
    const struct sync_seal old = seal_of(1, 0), both = seal_of(2, 1), new = seal_of(2, 0);
    struct sync_value value;
    size_t bytes;
    char *text = write_with(&old, &bytes);

    cr_assert(sync_seal_read(&both, place, text, bytes, &value));
    cr_assert_not(sync_seal_read(&new, place, text, bytes, &value));
    free(text);
    text = write_with(&both, &bytes);
    cr_assert(sync_seal_read(&new, place, text, bytes, &value), "made by the first");
    free(text);
}

/* A flood of values costs little, and a huge one nothing. */
Test(sync_seal, what_is_too_long_is_not_looked_at)
{
    const struct sync_seal seal = seal_of(1, 0);
    struct sync_value value = {.writer = "a", .version = 1, .bytes = SYNC_VALUE_MOST};
    char *content = calloc(1, SYNC_VALUE_MOST), *text;
    size_t bytes;

    value.content = content;
    text = sync_seal_write(&seal, place, &value, &bytes);
    cr_assert_not(sync_seal_read(&seal, place, text, bytes, &value));
    free(text);
    free(content);
}
