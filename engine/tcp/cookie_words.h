/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cookie_words.h - what a client's options come to in a cookie and in the TSval beside it. Only for
 * cookie.c, whose head says why they are as they are, and for the program that answers SYNs in the
 * kernel (bridge/bpf/answer.bpf.h).
 */
#ifndef SYNWARD_ENGINE_TCP_COOKIE_WORDS_H
#define SYNWARD_ENGINE_TCP_COOKIE_WORDS_H

#include "engine/tcp/cookie.h"
#include "engine/tcp/options.h"

#define COOKIE_OPTIONS_SHIFT 24
#define COOKIE_MSS_ENTRIES   4
#define COOKIE_FINER_STEPS   16u
#define COOKIE_TS_ECN        0x10u

/* Tables of MSS (RFC 9293 3.7.1). Ascending; one more than entries: the end of the last one's
 * interval. */
#define COOKIE_MSS_V4                                                                              \
    {                                                                                              \
        216, 536, 1300, 1460, 1460 + 8000                                                          \
    }
#define COOKIE_MSS_V6                                                                              \
    {                                                                                              \
        216, 1220, 1360, 1440, 1440 + 8000                                                         \
    }

/* The last entry that is not above `mss`, or the first. */
static inline unsigned cookie_mss_index(const uint16_t *table, uint16_t mss)
{
    return (unsigned)(table[1] <= mss) + (unsigned)(table[2] <= mss) + (unsigned)(table[3] <= mss);
}

/* The sixteenth of the interval from entry `index` that `mss` lies in. */
static inline uint32_t cookie_finer_of(const uint16_t *table, unsigned index, uint16_t mss)
{
    uint32_t width = (uint32_t)(table[index + 1] - table[index]), step;

    if (mss <= table[index])
        return 0;
    step = (uint32_t)(mss - table[index]) * COOKIE_FINER_STEPS / width;
    return step < COOKIE_FINER_STEPS ? step : COOKIE_FINER_STEPS - 1;
}

static inline uint32_t cookie_option_bits(unsigned mss_index, uint8_t window_scale, bool sack)
{
    const uint32_t scale = window_scale <= WSCALE_MAX ? window_scale : WSCALE_NONE;

    return (scale << 3 | (uint32_t)sack << 2 | mss_index) << COOKIE_OPTIONS_SHIFT;
}

/*
 * Second stage of the hash. The input has a fixed size for each family, and the sizes tell the
 * families apart, as SipHash takes the length in. Short, because SipHash is the dearest part of
 * what a SYN costs.
 *
 *      IPv4   10 bytes: client, x | port                   cookie_hash_v4()
 *      IPv6   22 bytes: client | x, port
 */
static inline uint32_t cookie_hash_v6(const struct siphash *begun, const uint64_t client[2],
                                      uint16_t port, uint32_t x)
{
    struct siphash state = *begun;

    siphash_word(&state, client[0]);
    siphash_word(&state, client[1]);
    return (uint32_t)siphash_end(&state, x | (uint64_t)port << 32, 22);
}

#endif
