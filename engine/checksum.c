/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checksum.c - the Internet checksum over memory and over the pseudo header.
 *
 * Memory is summed in the machine's own byte order, eight bytes at a step, and swapped once at the end: the sum of
 * RFC 1071 does not depend on byte order but for that swap (RFC 1071 2(B)). What edits need stands inline in
 * checksum.h.
 *
 * Limit: only the last piece of a chain of checksum_add() calls may have an odd length.
 */
#include "engine/checksum.h"

uint64_t checksum_add(uint64_t sum, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t native = 0, word = 0;
    uint16_t folded;

    for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        native += (word & 0xffffffff) + (word >> 32);
    }
    word = 0;
    memcpy(&word, at, bytes);
    native += (word & 0xffffffff) + (word >> 32);

    folded = checksum_fold(native);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    folded = __builtin_bswap16(folded);
#endif
    return sum + folded;
}

uint64_t checksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t protocol,
                         uint32_t l4_bytes)
{
    uint64_t sum = checksum_add((uint64_t)protocol + l4_bytes, src->bytes, sizeof(src->bytes));

    return checksum_add(sum, dst->bytes, sizeof(dst->bytes));
}
