/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checksum.c - the Internet checksum over memory and over the pseudo header.
 *
 * Memory is summed in the machine's own byte order, eight bytes at a step, and swapped once at the
 * end. What edits and short headers need stands inline in checksum.h.
 *
 * Limit: only the last piece of a chain of checksum_add() calls may have an odd length.
 */
#include "engine/base/checksum.h"

uint64_t checksum_add(uint64_t sum, const void *data, size_t bytes)
{
    return sum + checksum_native_fold(checksum_native_add(0, data, bytes));
}

uint64_t checksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t protocol,
                         uint32_t l4_bytes)
{
    uint64_t sum =
        checksum_native_add(checksum_native_add(0, src, sizeof(*src)), dst, sizeof(*dst));

    return (uint64_t)protocol + l4_bytes + checksum_native_fold(sum);
}
