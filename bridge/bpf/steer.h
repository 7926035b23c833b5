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

struct steer_config {
    __u64 seed; /* random: no client can choose its worker */
    __u32 workers;
    __u32 unused;
};

#endif
