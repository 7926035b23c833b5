/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checksum.h - the Internet checksum (RFC 1071) in full and by increments (RFC 1624, equation 3).
 */
#ifndef SYNWARD_ENGINE_CHECKSUM_H
#define SYNWARD_ENGINE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/addr.h"
#include "engine/bytes.h"

/*
 * Ones' complement sum in the machine's own byte order, which the whole sum may be made in and swapped once at the end (RFC 1071
 * 2(B)): add words of any even offset with checksum_native(), then checksum_native_fold().
 */
static inline uint64_t checksum_native(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

/* Folds to 16 bits in host byte order, not complemented. */
static inline uint16_t checksum_native_fold(uint64_t sum)
{
    uint32_t half = (uint32_t)sum + (uint32_t)(sum >> 32);
    uint16_t folded;

    half += half < (uint32_t)sum;
    folded = (uint16_t)(half + (half >> 16));
    folded = (uint16_t)(folded + (folded < (uint16_t)half));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    folded = __builtin_bswap16(folded);
#endif
    return folded;
}

/* The native sum of `bytes` bytes at `data`, an odd last byte padded with zero, added to `sum`. Inline: nearly all are headers. */
static inline uint64_t checksum_native_add(uint64_t sum, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t word;

    for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = checksum_native(sum, word);
    }
    for (; bytes >= 4; bytes -= 4, at += 4) {
        uint32_t half;

        memcpy(&half, at, sizeof(half));
        sum = checksum_native(sum, half);
    }
    if (bytes > 0) {
        word = 0;
        memcpy(&word, at, bytes);
        sum = checksum_native(sum, word);
    }
    return sum;
}

/* The native sum of the last words of a pseudo header: protocol and length, each as 32 bits on the wire. */
static inline uint64_t checksum_native_length(uint8_t protocol, uint32_t l4_bytes)
{
    uint8_t wire[8];
    uint64_t word;

    store_be32(wire, l4_bytes);
    store_be32(wire + 4, protocol);
    memcpy(&word, wire, sizeof(word));
    return word;
}

/*
 * Sum of `bytes` bytes as 16-bit big-endian words, an odd last byte padded with zero, added to `sum`; not folded, not
 * complemented. `data` may be at any alignment.
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
 * Sum (not folded) of the pseudo header of RFC 9293 3.1 (IPv4) or RFC 8200 8.1 (IPv6); `l4_bytes` is header and
 * payload. One formula for both: the prefix of an IPv4-mapped address adds 0xffff, which is zero in ones'
 * complement.
 */
uint64_t checksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t protocol,
                         uint32_t l4_bytes);

/* The checksum field at `field` after a 16-bit or 32-bit word that it covers changed from `old` to `new`. */
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
