/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/source_strikes.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/tables/source_strikes.h"

#define FORGIVEN_US 1000u

static const uint64_t seed[2] = {1, 2};
static struct source_strikes strikes;

static struct source_strike strike_of(uint32_t number, uint8_t count, uint64_t until_us)
{
    struct source_strike strike = {.until_us = until_us, .bits = 128, .strikes = count};

    memcpy(&strike.prefix.bytes[12], &number, sizeof(number));
    return strike;
}

static uint8_t known(uint32_t number, uint8_t bits, uint64_t now_us)
{
    const struct source_strike strike = strike_of(number, 0, 0);

    return source_strikes_of(&strikes, &strike.prefix, bits, FORGIVEN_US, now_us, seed);
}

Test(source_strikes, until_it_is_forgiven)
{
    const struct source_strike first = strike_of(7, 2, 500), second = strike_of(7, 3, 900);

    cr_assert_eq(known(7, 128, 1), 0);
    source_strikes_note(&strikes, &first, seed);
    cr_assert_eq(known(7, 128, 1500), 2);
    cr_assert_eq(known(7, 128, 1501), 0);
    cr_assert_eq(known(7, 64, 1), 0, "of another length");
    cr_assert_eq(known(8, 128, 1), 0);
    source_strikes_note(&strikes, &second, seed);
    cr_assert_eq(known(7, 128, 1501), 3);
}

/* However many come, what is there is one that was noted, and memory stays. */
Test(source_strikes, many)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < 100000; i++) {
        const struct source_strike strike = strike_of(i, (uint8_t)(1 + i % 6), 500);

        source_strikes_note(&strikes, &strike, seed);
        cr_assert_eq(known(i, 128, 1), 1 + i % 6);
    }
    for (uint32_t i = 0; i < 100000; i++)
        kept += known(i, 128, 1) != 0;
    cr_assert(kept > SOURCE_STRIKES_KEPT * 9 / 10 && kept <= SOURCE_STRIKES_KEPT, "%u", kept);
}
