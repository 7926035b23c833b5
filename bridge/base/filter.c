/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.c - see filter.h.
 *
 * What a worker calls millions of times is allowed whatever its arguments are: the kernel knows
 * that in advance (Linux 5.11), and runs no filter for it.
 */
#include "bridge/base/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Memory, locks, clocks, an end. */
static const int calls_of_all[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(close),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(sched_yield),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(sysinfo),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
};
static const int calls_of_worker[] = {SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register)};
static const int calls_of_main[] = {
    SCMP_SYS(epoll_wait),   SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
    SCMP_SYS(poll),         SCMP_SYS(ppoll),       SCMP_SYS(accept4),
    SCMP_SYS(recvfrom),     SCMP_SYS(recvmsg),     SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),      SCMP_SYS(pread64),     SCMP_SYS(timerfd_settime),
    SCMP_SYS(wait4),        SCMP_SYS(fstat),       SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigaction), SCMP_SYS(lseek),       SCMP_SYS(writev),
    SCMP_SYS(getsockname),
};

/* Beside those of the main thread. */
static const int calls_of_web[] = {
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(getpeername),
};
static const int calls_of_connector[] = {
    SCMP_SYS(connect),    SCMP_SYS(recvfrom), SCMP_SYS(sendmsg),  SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(unlink),   SCMP_SYS(unlinkat),
};

/* What a name is looked up with is the library's affair: files that it reads, and other sockets. */
static const int calls_of_dialer[] = {
    SCMP_SYS(connect),    SCMP_SYS(poll),     SCMP_SYS(ppoll),       SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),     SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),    SCMP_SYS(sendmmsg), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(fstat),      SCMP_SYS(stat),     SCMP_SYS(lstat),       SCMP_SYS(newfstatat),
    SCMP_SYS(statx),      SCMP_SYS(lseek),    SCMP_SYS(fcntl),       SCMP_SYS(ioctl),
    SCMP_SYS(uname),      SCMP_SYS(pread64),  SCMP_SYS(access),      SCMP_SYS(rt_sigaction),
    SCMP_SYS(geteuid),    SCMP_SYS(getuid),
};

/* Whoever calls these is no longer us. */
static const int deadly_to_all[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(memfd_create),
    SCMP_SYS(pkey_mprotect),
    SCMP_SYS(personality),
    SCMP_SYS(setuid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setreuid),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
};
static const int deadly_to_bridge[] = {
    SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
    SCMP_SYS(listen), SCMP_SYS(setns),      SCMP_SYS(capset),
};
static const int deadly_to_connector[] = {
    SCMP_SYS(bind),    SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(setns),   SCMP_SYS(capset), SCMP_SYS(open),   SCMP_SYS(openat),
    SCMP_SYS(openat2), SCMP_SYS(creat),  SCMP_SYS(rename), SCMP_SYS(renameat),
};
static const int deadly_to_dialer[] = {
    SCMP_SYS(bind),   SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),  SCMP_SYS(setns),
    SCMP_SYS(capset), SCMP_SYS(creat),  SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(unlink),
};
/* A library may look for a file in the main thread: that fails, as where there is none. */
static const int opening[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat)};

static int add_all(scmp_filter_ctx context, uint32_t action, const int *calls, size_t count)
{
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++)
        code = seccomp_rule_add(context, action, calls[i], 0);
    return code;
}

#define ADD_ALL(context, action, calls) add_all(context, action, calls, COUNT(calls))

static int add_if(scmp_filter_ctx context, uint32_t action, int call, struct scmp_arg_cmp when)
{
    return seccomp_rule_add_array(context, action, call, 1, &when);
}

/* Memory is not made executable. `otherwise`: where it is tried, as for a library that is loaded.
 */
static int add_memory(scmp_filter_ctx context, uint32_t otherwise)
{
    static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    const struct scmp_arg_cmp runs = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = PROT_EXEC};
    const struct scmp_arg_cmp does_not = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    int code = 0;

    for (size_t i = 0; i < COUNT(calls) && code == 0; i++) {
        code = add_if(context, SCMP_ACT_ALLOW, calls[i], does_not);
        if (code == 0)
            code = add_if(context, otherwise, calls[i], runs);
    }
    return code;
}

/* One entry of a map that is open, or many at once. */
static bool is_of_maps(scmp_datum_t command)
{
    return (command >= BPF_MAP_LOOKUP_ELEM && command <= BPF_MAP_DELETE_ELEM) ||
           command == BPF_MAP_UPDATE_BATCH || command == BPF_MAP_DELETE_BATCH;
}

/* Maps that are open are read and written; no map is made, no program loaded. */
static int add_maps(scmp_filter_ctx context, bool maps)
{
    const struct scmp_arg_cmp more = {.arg = 0, .op = SCMP_CMP_GT, .datum_a = BPF_MAP_DELETE_BATCH};
    int code;

    if (!maps)
        return seccomp_rule_add(context, SCMP_ACT_KILL_PROCESS, SCMP_SYS(bpf), 0);
    code = add_if(context, SCMP_ACT_KILL_PROCESS, SCMP_SYS(bpf), more);
    for (scmp_datum_t command = 0; command <= BPF_MAP_DELETE_BATCH && code == 0; command++)
        code = add_if(context, is_of_maps(command) ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS,
                      SCMP_SYS(bpf),
                      (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_EQ, .datum_a = command});
    return code;
}

/* The main thread waits at its end until no program runs any more (bridge/bpf/object.c). */
static int add_grace(scmp_filter_ctx context)
{
    return add_if(
        context, SCMP_ACT_ALLOW, SCMP_SYS(membarrier),
        (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_EQ, .datum_a = MEMBARRIER_CMD_GLOBAL});
}

/* fstat() is a look at an open file by an empty name; the answers' rest is counted; stdio asks
 * whether it writes to a terminal, and how a file is open. */
static int add_looks(scmp_filter_ctx context)
{
    int code = add_if(context, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat),
                      (struct scmp_arg_cmp){.arg = 3, .op = SCMP_CMP_EQ, .datum_a = AT_EMPTY_PATH});

    if (code == 0)
        code = add_if(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl),
                      (struct scmp_arg_cmp){.arg = 1, .op = SCMP_CMP_EQ, .datum_a = SIOCOUTQ});
    if (code == 0)
        code = add_if(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl),
                      (struct scmp_arg_cmp){.arg = 1, .op = SCMP_CMP_EQ, .datum_a = TCGETS});
    if (code == 0)
        code = add_if(context, SCMP_ACT_ALLOW, SCMP_SYS(fcntl),
                      (struct scmp_arg_cmp){.arg = 1, .op = SCMP_CMP_EQ, .datum_a = F_GETFL});
    return code;
}

/* abort() signals our own thread. */
static int add_abort(scmp_filter_ctx context)
{
    return add_if(
        context, SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
        (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()});
}

static int fill_bridge(scmp_filter_ctx context, enum sandbox_role role, bool maps)
{
    const bool worker = role == SANDBOX_WORKER;
    int code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_all);

    if (code == 0 && worker)
        code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_worker);
    if (code == 0 && !worker)
        code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_main);
    if (code == 0 && !worker)
        code = add_looks(context);
    if (code == 0 && role == SANDBOX_MAIN && maps)
        code = add_grace(context);
    if (code == 0 && role == SANDBOX_WEB)
        code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_web);
    if (code == 0)
        code = ADD_ALL(context, SCMP_ACT_KILL_PROCESS, deadly_to_bridge);
    if (code == 0)
        code = ADD_ALL(context, worker ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EACCES), opening);
    if (code == 0)
        code = add_maps(context, maps);
    return code == 0 ? add_abort(context) : code;
}

static int fill_connector(scmp_filter_ctx context)
{
    const struct scmp_arg_cmp local = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX};
    const struct scmp_arg_cmp far = {.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX};
    int code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_all);

    if (code == 0)
        code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_connector);
    if (code == 0)
        code = add_if(context, SCMP_ACT_ALLOW, SCMP_SYS(socket), local);
    if (code == 0)
        code = add_if(context, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), far);
    if (code == 0)
        code = ADD_ALL(context, SCMP_ACT_KILL_PROCESS, deadly_to_connector);
    return code == 0 ? add_abort(context) : code;
}

/* Files are only read, sockets only those of this machine and of the Internet. */
static int fill_dialer(scmp_filter_ctx context)
{
    static const scmp_datum_t families[] = {AF_UNIX, AF_INET, AF_INET6};
    const struct scmp_arg_cmp reads = {.arg = 2,
                                       .op = SCMP_CMP_MASKED_EQ,
                                       .datum_a = O_ACCMODE | O_CREAT | O_TRUNC,
                                       .datum_b = O_RDONLY};
    int code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_all);

    if (code == 0)
        code = ADD_ALL(context, SCMP_ACT_ALLOW, calls_of_dialer);
    for (size_t i = 0; i < COUNT(families) && code == 0; i++)
        code = add_if(context, SCMP_ACT_ALLOW, SCMP_SYS(socket),
                      (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_EQ, .datum_a = families[i]});
    if (code == 0)
        code = add_if(context, SCMP_ACT_ALLOW, SCMP_SYS(openat), reads);
    if (code == 0)
        code = ADD_ALL(context, SCMP_ACT_KILL_PROCESS, deadly_to_dialer);
    return code == 0 ? add_abort(context) : code;
}

static int fill(scmp_filter_ctx context, enum sandbox_role role, bool maps)
{
    if (role == SANDBOX_CONNECTOR)
        return fill_connector(context);
    return role == SANDBOX_DIALER ? fill_dialer(context) : fill_bridge(context, role, maps);
}

int filter_load(enum sandbox_role role, bool maps)
{
    const uint32_t runs = role == SANDBOX_DIALER ? SCMP_ACT_ERRNO(EACCES) : SCMP_ACT_KILL_PROCESS;
    const uint32_t otherwise = role == SANDBOX_KEEPER ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
    scmp_filter_ctx context = seccomp_init(otherwise);
    int code = context ? 0 : -ENOMEM;

    if (code == 0)
        code = ADD_ALL(context, SCMP_ACT_KILL_PROCESS, deadly_to_all);
    if (code == 0 && role != SANDBOX_KEEPER)
        code = add_memory(context, runs);
    if (code == 0 && role != SANDBOX_KEEPER)
        code = fill(context, role, maps);
    if (code == 0)
        code = seccomp_load(context);
    if (context)
        seccomp_release(context);
    return -code;
}
