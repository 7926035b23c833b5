/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcx.c - see tcx.h. By the system call: neither Debian 12's libbpf nor its headers know of tcx. */
#include "bridge/bpf/tcx.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TCX_INGRESS 46u /* BPF_TCX_INGRESS */

/* An older kernel does not know what it is asked, and has none. */
bool tcx_is_used(int interface)
{
    union bpf_attr query;

    memset(&query, 0, sizeof(query)); /* all of the union: the kernel looks at it */
    query.query.target_fd = (__u32)interface;
    query.query.attach_type = TCX_INGRESS;
    return syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) == 0 && query.query.prog_cnt > 0;
}
