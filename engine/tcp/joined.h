/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * joined.h - of connections whose halves are joined by offsets there is one count for each hash of
 * addresses and ports (without VLAN tags): where it is 0 there is none. So that who passes frames
 * on without us (bridge/bpf/bypass.bpf.c) leaves alone what its other end would not understand.
 *
 * Written by all engines, read by the kernel.
 */
#ifndef SYNWARD_ENGINE_TCP_JOINED_H
#define SYNWARD_ENGINE_TCP_JOINED_H

#include <stdint.h>

#include "engine/base/addr.h"

#define JOINED_COUNTS (1u << 19)
#define JOINED_BYTES  (JOINED_COUNTS * sizeof(uint16_t))

/* The words of a key without its VLAN tags, which stand below the ports. */
static inline uint32_t joined_at(struct flow_seed seed, struct flow_words words)
{
    return (uint32_t)(flow_words_hash(seed, words) >> 32) & (JOINED_COUNTS - 1);
}

#ifndef __bpf__
static inline void joined_count(uint16_t *counts, struct flow_seed seed, const struct flow_key *key,
                                int change)
{
    struct flow_words words = flow_key_words(key);

    words.ends = flow_ends_word((uint32_t)key->client_port << 16 | key->server_port);
    __atomic_fetch_add(&counts[joined_at(seed, words)], (uint16_t)change, __ATOMIC_RELAXED);
}
#endif

#endif
