/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steer.h - what the steering program (steer.bpf.c) and those who load it agree on. */
#ifndef SYNWARD_BRIDGE_BPF_STEER_H
#define SYNWARD_BRIDGE_BPF_STEER_H

#include <linux/types.h>

/* Of each worker: one for what flows, and one for SYNs. */
#define STEER_QUEUES 2u
#define STEER_FLOWS  0u
#define STEER_SYNS   1u

/* A SYN longer than this, Ethernet header included, is among what flows: the buffers of the other
 * queue are small. */
#define STEER_SYN_BYTES_MAX 1792u

#define STEER_PROGRAM "steer"

/* One word more of a hash. `word` is the same for both directions: one's own xor the other's. The
 * upper half of the result depends on all of them. */
static inline __attribute__((always_inline)) __u64 steer_mix(__u64 hash, __u32 word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 29;
}

static inline __attribute__((always_inline)) __u32 steer_worker(__u64 hash, __u32 workers)
{
    return (__u32)((hash >> 32) * workers >> 32);
}

struct steer_config {
    __u64 seed; /* random: no client can choose its worker */
    __u32 workers;
    __u32 unused;
};

#endif
