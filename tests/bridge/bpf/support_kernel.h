/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_kernel.h - where the kernel has taken no program; whether a worker is alive. */
#ifndef SYNWARD_TESTS_BRIDGE_BPF_SUPPORT_KERNEL_H
#define SYNWARD_TESTS_BRIDGE_BPF_SUPPORT_KERNEL_H

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "bridge/bpf/bypass.h"
#include "profiles/error.h"

/* A kernel without BPF, or a user without the right to it (EPERM), is no failure. A program that
 * the verifier refuses (EACCES) is one. */
static inline void skip_without_bpf(const struct error *error)
{
    cr_assert_null(strstr(error->text, strerror(EACCES)), "%s", error->text);
    cr_skip_test("skipped: %s", error->text);
}

/* The map that says so; who opens it closes it. */
static inline int open_pulse(void)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

    return bpf_map_create(BPF_MAP_TYPE_ARRAY, "pulse", sizeof(uint32_t),
                          sizeof(struct bypass_pulse), 1, &options);
}

static inline void set_dead(int pulse, uint64_t dead_us, bool handed_on)
{
    const struct bypass_pulse value = {
        .dead_us = dead_us, .handover = handed_on ? BYPASS_HANDED_ON : BYPASS_NOT_HANDED};
    const uint32_t first = 0;

    cr_assert_eq(bpf_map_update_elem(pulse, &first, &value, BPF_ANY), 0);
}

#endif
