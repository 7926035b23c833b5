/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bypass_parts.bpf.h - whether anybody is alive, for both programs: bypass.bpf.c, carry.bpf.c. */
#ifndef SYNWARD_BRIDGE_BPF_BYPASS_PARTS_BPF_H
#define SYNWARD_BRIDGE_BPF_BYPASS_PARTS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bridge/bpf/bypass.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bypass_pulse);
} bypass_pulse SEC(".maps");

enum bypassed {
    BYPASSED_NOT,
    BYPASSED,          /* nobody is alive: frames go by */
    BYPASSED_HANDED_ON /* the same, and the next daemon has the keys of the last one */
};

static inline __attribute__((always_inline)) enum bypassed bypassed(void)
{
    const __u32 first = 0;
    const struct bypass_pulse *pulse = bpf_map_lookup_elem(&bypass_pulse, &first);

    if (!pulse || !*(const volatile __u64 *)&pulse->dead_us)
        return BYPASSED_NOT;
    return *(const volatile __u32 *)&pulse->handover ? BYPASSED_HANDED_ON : BYPASSED;
}

#endif
