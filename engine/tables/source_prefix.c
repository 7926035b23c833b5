/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source_prefix.c - cuts addresses. See source_prefix.h. */
#include "engine/tables/source_prefix.h"

struct ip_addr prefix_cut(const struct ip_addr *addr, uint32_t bits)
{
    struct ip_addr prefix = *addr;

    if (bits % 8)
        prefix.bytes[bits / 8] &= (uint8_t)(0xff00u >> bits % 8);
    for (uint32_t at = (bits + 7) / 8; at < sizeof(prefix.bytes); at++)
        prefix.bytes[at] = 0;
    return prefix;
}
