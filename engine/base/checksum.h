/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checksum.h - the Internet checksum (RFC 1071) in full and by increments (RFC 1624, equation 3).
 */
#ifndef SYNWARD_ENGINE_BASE_CHECKSUM_H
#define SYNWARD_ENGINE_BASE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/bytes.h"

/*
 * Ones' complement sum in the machine's own byte order, which the whole sum may be made in and
 * swapped once at the end (RFC 1071 2(B)): add words of any even offset with checksum_native(),
 * then checksum_native_fold().
 */
static inline uint64_t checksum_native(uint64_t sum, uint64_t word)
{
    bool carry = __builtin_add_overflow(sum, word, &sum);

    return sum + carry;
}

/* Four bytes as a word for it. */
static inline uint64_t checksum_native_half(const void *at)
{
    uint32_t half;

    memcpy(&half, at, sizeof(half));
    return half;
}

/* Folds to 16 bits as they are to lie in memory, not complemented. */
static inline uint16_t checksum_native_fold_wire(uint64_t sum)
{
    uint32_t half;
    uint16_t folded;
    bool carry = __builtin_add_overflow((uint32_t)sum, (uint32_t)(sum >> 32), &half);

    half += carry;
    carry = __builtin_add_overflow((uint16_t)half, (uint16_t)(half >> 16), &folded);
    return (uint16_t)(folded + carry);
}

/* The same in host byte order. */
static inline uint16_t checksum_native_fold(uint64_t sum)
{
    return WIRE16(checksum_native_fold_wire(sum));
}

/* Writes the checksum field over which, with the rest of what it covers, `sum` was made while the
 * field was 0. */
static inline void checksum_native_store(uint8_t *field, uint64_t sum)
{
    uint16_t checksum = (uint16_t)~checksum_native_fold_wire(sum);

    memcpy(field, &checksum, sizeof(checksum));
}

static inline uint64_t checksum_native_add_32(uint64_t sum, const uint8_t *at)
{
    sum = checksum_native(sum, load_wire64(at));
    sum = checksum_native(sum, load_wire64(at + 8));
    sum = checksum_native(sum, load_wire64(at + 16));
    return checksum_native(sum, load_wire64(at + 24));
}

/*
 * The native sum of `bytes` bytes at `data`, an odd last byte padded with zero, added to `sum`.
 * Inline: nearly all are headers, and short. By four words where there are so many, for the
 * counting costs as much as the adding.
 */
static inline uint64_t checksum_native_add(uint64_t sum, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint16_t pair = 0;

    for (; bytes >= 32; bytes -= 32, at += 32)
        sum = checksum_native_add_32(sum, at);
    for (; bytes >= 8; bytes -= 8, at += 8)
        sum = checksum_native(sum, load_wire64(at));
    if (bytes & 4) {
        sum = checksum_native(sum, checksum_native_half(at));
        at += 4;
    }
    if (bytes & 2) {
        memcpy(&pair, at, sizeof(pair));
        sum = checksum_native(sum, pair);
        at += sizeof(pair);
    }
    if (bytes & 1) {
        pair = 0;
        memcpy(&pair, at, 1);
        sum = checksum_native(sum, pair);
    }
    return sum;
}

/*
 * The same of at least 8 bytes, for headers with what follows them: without a loop where there are
 * less than 64. An odd end is taken from the word that ends there, of which only its last bytes are
 * left.
 */
static inline uint64_t checksum_native_add_long(uint64_t sum, const uint8_t *at, size_t bytes)
{
    unsigned left = bytes % 8;

    for (; bytes >= 64; bytes -= 64, at += 64) {
        sum = checksum_native_add_32(sum, at);
        sum = checksum_native_add_32(sum, at + 32);
    }
    if (bytes & 32) {
        sum = checksum_native_add_32(sum, at);
        at += 32;
    }
    if (bytes & 16) {
        sum = checksum_native(checksum_native(sum, load_wire64(at)), load_wire64(at + 8));
        at += 16;
    }
    if (bytes & 8) {
        sum = checksum_native(sum, load_wire64(at));
        at += 8;
    }
    return left ? checksum_native(sum, last_bytes_wire64(load_wire64(at + left - 8), left)) : sum;
}

/*
 * True where a sum that holds its own checksum is 0 in ones' complement, as it must be: a multiple
 * of 0xffff. For words that are not all zero, which what has a protocol or a version in it never
 * is. One multiplication, where folding takes nine steps.
 */
static inline bool checksum_native_is_good(uint64_t sum)
{
    return sum % 0xffff == 0;
}

/* The native sum of the last words of a pseudo header: protocol and length. */
static inline uint64_t checksum_native_length(uint8_t protocol, uint32_t l4_bytes)
{
    return (uint64_t)WIRE32(l4_bytes) + WIRE16((uint16_t)protocol);
}

/*
 * Sum of `bytes` bytes as 16-bit big-endian words, an odd last byte padded with zero, added to
 * `sum`; not folded, not complemented. `data` may be at any alignment.
 */
uint64_t checksum_add(uint64_t sum, const void *data, size_t bytes);

/* Folds to 16 bits, host byte order, not complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/*
 * Sum (not folded) of the pseudo header of RFC 9293 3.1 (IPv4) or RFC 8200 8.1 (IPv6); `l4_bytes`
 * is header and payload. One formula for both: the prefix of an IPv4-mapped address adds 0xffff,
 * which is zero in ones' complement.
 */
uint64_t checksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t protocol,
                         uint32_t l4_bytes);

/* The checksum field at `field` after a 16-bit or 32-bit word that it covers changed from `old` to
 * `new`. */
static inline void checksum_update32(uint8_t *field, uint32_t old, uint32_t new)
{
    uint64_t sum = (uint64_t)(uint16_t)~load_be16(field) + ~old + new;

    store_be16(field, (uint16_t)~checksum_fold(sum));
}

static inline void checksum_update16(uint8_t *field, uint16_t old, uint16_t new)
{
    uint32_t sum = (uint32_t)(uint16_t)~load_be16(field) + (uint16_t)~old + new;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    store_be16(field, (uint16_t)~sum);
}

#endif
