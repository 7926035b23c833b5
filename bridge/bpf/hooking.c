/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hooking.c - see hooking.h. Carried in the executable and loaded as steering.c does. */
#include "bridge/bpf/hooking.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bridge/bpf/hook.h"
#include "bridge/bpf/object.h"

/* HOOK_OBJECT: where the build has put it. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "hook_object: .incbin \"" HOOK_OBJECT "\"\n"
        "hook_object_end:\n"
        ".popsection\n");
extern const uint8_t hook_object[] __attribute__((visibility("hidden")));
extern const uint8_t hook_object_end[] __attribute__((visibility("hidden")));

#define HOOK_PRIORITY 0x5350u /* by these our filter is known */
#define HOOK_HANDLE   1u

struct hooking {
    struct bpf_object *object;
    int program;
    struct grant *grants;
    int made_at; /* the interface whose qdisc we have made; 0: none */
};

static bool find_parts(struct hooking *hooking)
{
    const struct bpf_program *program =
        bpf_object__find_program_by_name(hooking->object, HOOK_PROGRAM);

    if (!program)
        return false;
    hooking->program = bpf_program__fd(program);
    hooking->grants = bpf_share(hooking->object, HOOK_GRANTS, 0, GRANTS * sizeof(struct grant));
    return hooking->grants != NULL;
}

/* 0, or an errno. */
static int load(struct hooking *hooking)
{
    size_t bytes;
    int code;

    /* Two labels around one piece of data. */
    /* cppcheck-suppress comparePointers */
    bytes = (size_t)(hook_object_end - hook_object);
    hooking->object = bpf_object__open_mem(hook_object, bytes, NULL);
    if (!hooking->object)
        return errno;
    code = bpf_object__load(hooking->object);
    if (code != 0)
        return -code;
    return find_parts(hooking) ? 0 : errno;
}

/* Without the call the object is refused before it is loaded, as one that asks for what is not
 * there. */
static const char *reason_text(int reason)
{
    switch (reason) {
    case EINVAL:
    case ESRCH:
    case ENOENT:
        return "it needs bpf_sk_assign_tcp_reqsk(), of Linux 6.9, and its type information (BTF)";
    default:
        return bpf_reason(reason);
    }
}

struct hooking *hooking_open(struct error *error)
{
    struct hooking *hooking = calloc(1, sizeof(*hooking));
    int reason;

    if (!hooking) {
        error_set(error, EXIT_FAILED, "out of memory");
        return NULL;
    }
    bpf_quiet();
    reason = load(hooking);
    malloc_trim(0); /* of the kernel's types nothing is wanted any more: some MiB */
    if (reason == 0 && hooking->grants)
        return hooking;
    error_set(error, EXIT_FAILED, "the kernel does not take the program: %s", reason_text(reason));
    hooking_close(hooking);
    return NULL;
}

void hooking_close(struct hooking *hooking)
{
    if (!hooking)
        return;
    if (hooking->grants)
        munmap(hooking->grants, GRANTS * sizeof(struct grant));
    bpf_object__close(hooking->object);
    free(hooking);
}

struct grant *hooking_grants(struct hooking *hooking)
{
    return hooking->grants;
}

int hooking_program(const struct hooking *hooking)
{
    return hooking->program;
}

bool hooking_attach(struct hooking *hooking, int interface, struct error *error)
{
    /* cppcheck-suppress unknownMacro */
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_INGRESS);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = hooking->program, .flags = BPF_TC_F_REPLACE,
                        .handle = HOOK_HANDLE, .priority = HOOK_PRIORITY);
    int code = bpf_tc_hook_create(&hook);

    /* At one that we come back to it is there, and still ours. */
    if (code == 0)
        hooking->made_at = interface;
    else if (hooking->made_at != interface)
        hooking->made_at = 0;
    if (code == 0 || code == -EEXIST)
        code = bpf_tc_attach(&hook, &filter);
    if (code == 0)
        return true;
    return error_set(error, EXIT_FAILED, "cannot attach the program to the server's card: %s",
                     strerror(-code));
}

bool hooking_attached(int interface)
{
    /* cppcheck-suppress unknownMacro */
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_INGRESS);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HOOK_HANDLE, .priority = HOOK_PRIORITY);

    return bpf_tc_query(&hook, &filter) == 0;
}

void hooking_detach(int interface)
{
    /* cppcheck-suppress unknownMacro */
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_INGRESS);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HOOK_HANDLE, .priority = HOOK_PRIORITY);

    bpf_tc_detach(&hook, &filter);
}

bool hooking_made_qdisc(const struct hooking *hooking)
{
    return hooking->made_at != 0;
}
