/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object.h - what all programs for the kernel are loaded with. */
#ifndef SYNWARD_BRIDGE_BPF_OBJECT_H
#define SYNWARD_BRIDGE_BPF_OBJECT_H

#include <bpf/libbpf.h>
#include <stddef.h>

/* libbpf says nothing: what is wrong is told by our own errors. */
void bpf_quiet(void);

/* `bytes` of a map that may be shared, from this offset on. NULL: an errno says why. The caller
 * unmaps it. */
void *bpf_share(const struct bpf_object *object, const char *map, size_t from, size_t bytes);

/* Returns when nobody runs a program any more that something else has taken the place of. */
void bpf_wait_for_the_last(void);

/* Why the kernel does not load a program, by an errno. */
const char *bpf_reason(int reason);

#endif
