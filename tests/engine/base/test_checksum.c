/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_checksum.c - sums against a plain byte-by-byte one and RFC 1071's example; increments
 * against the sum anew. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/base/checksum.h"
#include "tests/engine/random.h"

static uint16_t plain_sum(const uint8_t *at, size_t bytes)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < bytes; i++) {
        sum += (uint32_t)at[i] << (i % 2 == 0 ? 8 : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

Test(checksum, example_of_rfc_1071)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    cr_assert_eq(checksum_fold(checksum_add(0, bytes, sizeof(bytes))), 0xddf2);
}

Test(checksum, fold_of_extremes)
{
    cr_assert_eq(checksum_fold(0), 0);
    cr_assert_eq(checksum_fold(0xffff), 0xffff);
    cr_assert_eq(checksum_fold(0x10000), 1);
    cr_assert_eq(checksum_fold(UINT64_MAX), 0xffff);
    cr_assert_eq(checksum_fold(0xffffffff), 0xffff);
    cr_assert_eq(checksum_fold(0xfffffffeffffffff), 0xfffe);
}

Test(checksum, every_length_and_alignment)
{
    struct random random = random_begin("checksum/lengths");
    uint8_t bytes[160];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)random_next(&random);
    for (size_t length = 0; length <= 128; length++) {
        for (size_t at = 0; at < 16; at++)
            cr_assert_eq(checksum_fold(checksum_add(0, bytes + at, length)),
                         plain_sum(bytes + at, length));
    }
    for (size_t length = 8; length <= 144; length++) {
        for (size_t at = 0; at < 16; at++)
            cr_assert_eq(checksum_native_fold(checksum_native_add_long(0, bytes + at, length)),
                         plain_sum(bytes + at, length));
    }
}

/* Any sum that is not 0 is good where it folds to 0xffff, however it was come by. */
Test(checksum, good_is_what_folds_to_ones)
{
    static const uint64_t edges[] = {1,
                                     0xfffe,
                                     0xffff,
                                     0x10000,
                                     0x1fffe,
                                     0xffffffff,
                                     0x100000000,
                                     UINT64_MAX - 0xffff,
                                     UINT64_MAX - 1,
                                     UINT64_MAX};
    struct random random = random_begin("checksum/good");

    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        cr_assert_eq(checksum_native_is_good(edges[i]), checksum_native_fold(edges[i]) == 0xffff,
                     "%zu", i);
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t sum = random_next(&random) >> random_below(&random, 40) | 1;

        cr_assert_eq(checksum_native_is_good(sum), checksum_native_fold(sum) == 0xffff);
        sum -= sum % 0xffff;
        cr_assert(!sum || (checksum_native_is_good(sum) && checksum_native_fold(sum) == 0xffff));
    }
}

Test(checksum, long_run_of_ones_does_not_overflow)
{
    static uint8_t bytes[65535];

    memset(bytes, 0xff, sizeof(bytes));
    cr_assert_eq(checksum_fold(checksum_add(0, bytes, sizeof(bytes))),
                 plain_sum(bytes, sizeof(bytes)));
}

Test(checksum, pieces_add_up)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    uint64_t sum = checksum_add(checksum_add(0, bytes, 6), bytes + 6, 5);

    cr_assert_eq(checksum_fold(sum), plain_sum(bytes, sizeof(bytes)));
}

Test(checksum, pseudo_headers_of_both_families)
{
    static const uint8_t v4[] = {192, 0, 2, 1, 198, 51, 100, 2, 0, 6, 0x12, 0x34};
    uint8_t v6[40] = {0x20,     1,        0x0d,        0xb8,        [15] = 1, [16] = 0xfd,
                      [31] = 2, [33] = 1, [34] = 0x12, [35] = 0x34, [39] = 6};
    struct ip_addr src = addr_from_v4(v4), dst = addr_from_v4(v4 + 4);

    cr_assert_eq(checksum_fold(checksum_pseudo(&src, &dst, 6, 0x1234)), plain_sum(v4, sizeof(v4)));
    src = addr_from_v6(v6);
    dst = addr_from_v6(v6 + 16);
    cr_assert_eq(checksum_fold(checksum_pseudo(&src, &dst, 6, 0x11234)), plain_sum(v6, sizeof(v6)));
}

/* A header of 20 bytes with its checksum at 16: words are replaced at random and the sum must stay
 * that of a right one. */
Test(checksum, increments_agree_with_the_whole)
{
    static const uint32_t edges[] = {0, 0xffff, 0xffff0000, 0xffffffff, 1, 0x10000};
    struct random random = random_begin("checksum/increments");
    uint8_t header[20];

    for (size_t i = 0; i < sizeof(header); i++)
        header[i] = (uint8_t)random_next(&random);
    store_be16(header + 16, 0);
    store_be16(header + 16, (uint16_t)~plain_sum(header, sizeof(header)));
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t value = random_below(&random, 4) == 0 ? edges[random_below(&random, 6)]
                                                       : (uint32_t)random_next(&random);
        uint8_t *at = header + 2 * random_below(&random, 7);

        if (round % 2 == 0) {
            checksum_update32(header + 16, load_be32(at), value);
            store_be32(at, value);
        } else {
            checksum_update16(header + 16, load_be16(at), (uint16_t)value);
            store_be16(at, (uint16_t)value);
        }
        cr_assert_eq(plain_sum(header, sizeof(header)), 0xffff, "round %u", round);
    }
}
