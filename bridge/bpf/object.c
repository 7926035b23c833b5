/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object.c - see object.h. */
#include "bridge/bpf/object.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GRACE_US 20000u

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
    return 0;
}

void bpf_quiet(void)
{
    libbpf_set_print(say_nothing);
}

void *bpf_share(const struct bpf_object *object, const char *map, size_t from, size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                        bpf_object__find_map_fd_by_name(object, map), (off_t)from);

    return memory == MAP_FAILED ? NULL : memory;
}

/* Programs run under RCU, and a grace period is waited for. A kernel with cores that take no ticks
 * (nohz_full) has no such call: then it is a while. */
void bpf_wait_for_the_last(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
        usleep(GRACE_US);
}

const char *bpf_reason(int reason)
{
    switch (reason) {
    case ENOSYS:
        return "it has no BPF";
    case EPERM:
        return "not permitted; it may be locked down, or RLIMIT_MEMLOCK too low";
    default:
        return strerror(reason);
    }
}
