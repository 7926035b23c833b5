/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siphash.h - SipHash-2-4 (Aumasson and Bernstein, 2012) in pieces, for inputs whose size is known
 * when it is compiled.
 *
 *      siphash_begin(key)  siphash_word() for each whole 8 bytes  siphash_end(the rest, and the
 *                                                                 length)
 *
 * The rounds, which are all that it costs, are those of libsodium's crypto_shorthash(), with which
 * a test compares it; what is saved is what surrounds them there: calls, and a loop and a switch
 * over the length. Cookies are made and checked with it, once for each segment of a flood.
 *
 * Words are read as they lie in memory, so the hash is the one that the paper defines on
 * little-endian machines only; elsewhere it is another one, as good.
 */
#ifndef SYNWARD_ENGINE_BASE_SIPHASH_H
#define SYNWARD_ENGINE_BASE_SIPHASH_H

#include <stdint.h>

#include "engine/base/bytes.h"

struct siphash {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline __attribute__((always_inline)) void siphash_round(struct siphash *state)
{
    state->v0 += state->v1;
    state->v2 += state->v3;
    state->v1 = siphash_rotate(state->v1, 13) ^ state->v0;
    state->v3 = siphash_rotate(state->v3, 16) ^ state->v2;
    state->v0 = siphash_rotate(state->v0, 32);
    state->v2 += state->v1;
    state->v0 += state->v3;
    state->v1 = siphash_rotate(state->v1, 17) ^ state->v2;
    state->v3 = siphash_rotate(state->v3, 21) ^ state->v0;
    state->v2 = siphash_rotate(state->v2, 32);
}

/* The key in two words. */
static inline struct siphash siphash_begin_words(uint64_t k0, uint64_t k1)
{
    return (struct siphash){k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
                            k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
}

static inline struct siphash siphash_begin(const uint8_t key[16])
{
    return siphash_begin_words(load_wire64(key), load_wire64(key + 8));
}

static inline __attribute__((always_inline)) void siphash_word(struct siphash *state, uint64_t word)
{
    state->v3 ^= word;
    siphash_round(state);
    siphash_round(state);
    state->v0 ^= word;
}

/* `rest`: the last bytes of the input, fewer than 8, in the low bytes; `bytes`: of the whole input.
 */
static inline __attribute__((always_inline)) uint64_t siphash_end(struct siphash *state,
                                                                  uint64_t rest, uint8_t bytes)
{
    siphash_word(state, rest | (uint64_t)bytes << 56);
    state->v2 ^= 0xff;
    siphash_round(state);
    siphash_round(state);
    siphash_round(state);
    siphash_round(state);
    return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

#endif
