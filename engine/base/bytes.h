/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.h - numbers in network byte order (big endian) at any alignment, sequence numbers, and
 * rounding of sizes.
 *
 * These do not check bounds: frame.c and tcp/options.c check once, then read with these. The
 * compiler turns each into one load and one byte swap.
 */
#ifndef SYNWARD_ENGINE_BASE_BYTES_H
#define SYNWARD_ENGINE_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WIRE16(value) __builtin_bswap16(value)
#define WIRE32(value) __builtin_bswap32(value)
#define WIRE64(value) __builtin_bswap64(value)
#else
#define WIRE16(value) (value)
#define WIRE32(value) (value)
#define WIRE64(value) (value)
#endif

static inline uint16_t load_be16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return WIRE16(value);
}

static inline uint32_t load_be32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return WIRE32(value);
}

static inline void store_be16(uint8_t *at, uint16_t value)
{
    value = WIRE16(value);
    memcpy(at, &value, sizeof(value));
}

static inline void store_be32(uint8_t *at, uint32_t value)
{
    value = WIRE32(value);
    memcpy(at, &value, sizeof(value));
}

/* Eight bytes as a number, the first one lowest. */
static inline uint64_t load_le64(const void *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/*
 * Eight bytes as they lie on the wire, in one register: to be summed, or compared under a mask with
 * a constant that WIRE64() makes of one written as the bytes are read.
 */
static inline uint64_t load_wire64(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* The last `count` (1 to 7) bytes of such a word, moved to where its first ones were; zeros behind
 * them. */
static inline uint64_t last_bytes_wire64(uint64_t word, unsigned count)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return word >> (64 - 8 * count);
#else
    return word << (64 - 8 * count);
#endif
}

/*
 * The same pointer, as far as the compiler knows another: what lies there is read again where it is
 * wanted, and not kept in registers, or on the stack, past code that needs them all.
 */
static inline uint8_t *read_again(uint8_t *at)
{
    __asm__("" : "+r"(at));
    return at;
}

/* Pieces of the engine's memory begin on cache lines. */
static inline size_t align64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* Sequence numbers compare modulo 2^32 (RFC 9293 3.4): true when `a` comes before `b`. */
static inline int seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* The later of two sequence numbers or of two TSvals (RFC 7323 5.2), modulo 2^32. */
static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
    return seq_before(a, b) ? b : a;
}

#endif
