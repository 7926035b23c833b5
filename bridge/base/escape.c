/* SPDX-License-Identifier: GPL-2.0-or-later */
/* escape.c - see escape.h. */
#include "bridge/base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long open_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long run_program(void)
{
    char name[] = "/bin/true", *const words[] = {name, NULL};

    return execv(name, words);
}

static long make_process(void)
{
    const long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

    if (child == 0)
        _exit(0);
    return child;
}

static long trace_parent(void)
{
    return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static long signal_parent(void)
{
    return kill(getppid(), 0);
}

static long make_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

static long make_ring(void)
{
    struct io_uring_params parameters = {0};

    return syscall(SYS_io_uring_setup, 8, &parameters);
}

static long make_map(void)
{
    union bpf_attr attributes = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

    return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
}

static long enter_namespace(void)
{
    return setns(STDERR_FILENO, CLONE_NEWNET);
}

/* No thread of ours has a reason for it, and nobody dies of it: what stands on no list. */
static long remove_file(void)
{
    return unlink("/nonexistent/synward");
}

static const struct way {
    const char *name;
    long (*try)(void);
} ways[] = {
    {"open", open_file},        {"socket", make_socket},  {"execve", run_program},
    {"fork", make_process},     {"ptrace", trace_parent}, {"kill", signal_parent},
    {"code", make_code},        {"io_uring", make_ring},  {"bpf", make_map},
    {"setns", enter_namespace}, {"unlink", remove_file},
};

bool escape_try(const char *escape, enum sandbox_role role, struct error *error)
{
    static const char *const roles[] = {
        [SANDBOX_WORKER] = "worker:", [SANDBOX_MAIN] = "main:", [SANDBOX_KEEPER] = "keeper:"};
    const size_t length = strlen(roles[role]);

    if (!escape || strncmp(escape, roles[role], length) != 0)
        return true;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strcmp(escape + length, ways[i].name) == 0)
            return error_set(error, EXIT_FAILED, "%s: %s", escape,
                             ways[i].try() < 0 ? strerror(errno) : "it is out");
    return error_set(error, EXIT_USAGE, "no way out: %.60s", escape);
}
