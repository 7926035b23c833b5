/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_kernel.h - where the kernel has taken no program. */
#ifndef SYNWARD_TESTS_BRIDGE_BPF_SUPPORT_KERNEL_H
#define SYNWARD_TESTS_BRIDGE_BPF_SUPPORT_KERNEL_H

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "profiles/error.h"

/* A kernel without BPF, or a user without the right to it (EPERM), is no failure. A program that
 * the verifier refuses (EACCES) is one. */
static inline void skip_without_bpf(const struct error *error)
{
    cr_assert_null(strstr(error->text, strerror(EACCES)), "%s", error->text);
    cr_skip_test("skipped: %s", error->text);
}

#endif
