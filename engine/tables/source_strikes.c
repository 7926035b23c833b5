/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source_strikes.c - see source_strikes.h. */
#include "engine/tables/source_strikes.h"

#include <string.h>

static uint32_t place_of(const struct ip_addr *prefix, uint8_t bits, const uint64_t seed[2])
{
    const uint64_t hash = hash_mix(key_word(prefix, 0) ^ seed[0] ^ 0x9e3779b97f4a7c15u,
                                   key_word(prefix, 8) ^ seed[1] ^ 0xd1b54a32d192ed03u);

    return (uint32_t)((hash ^ bits) & (SOURCE_STRIKES_KEPT - 1));
}

void source_strikes_note(struct source_strikes *strikes, const struct source_strike *strike,
                         const uint64_t seed[2])
{
    strikes->of[place_of(&strike->prefix, strike->bits, seed)] = *strike;
}

uint8_t source_strikes_of(const struct source_strikes *strikes, const struct ip_addr *prefix,
                          uint8_t bits, uint64_t forgiven_us, uint64_t now_us,
                          const uint64_t seed[2])
{
    const struct source_strike *strike = &strikes->of[place_of(prefix, bits, seed)];

    if (!strike->until_us || strike->bits != bits ||
        memcmp(&strike->prefix, prefix, sizeof(*prefix)) != 0 ||
        now_us > strike->until_us + forgiven_us)
        return 0;
    return strike->strikes;
}
