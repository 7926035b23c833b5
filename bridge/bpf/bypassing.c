/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bypassing.c - see bypassing.h. Carried in the executable and loaded as steering.c does. */
#include "bridge/bpf/bypassing.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "bridge/bpf/object.h"
#include "engine/tcp/joined.h"

/* BYPASS_OBJECT: where the build has put it. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "bypass_object: .incbin \"" BYPASS_OBJECT "\"\n"
        "bypass_object_end:\n"
        ".popsection\n");
extern const uint8_t bypass_object[] __attribute__((visibility("hidden")));
extern const uint8_t bypass_object_end[] __attribute__((visibility("hidden")));

struct bypassing {
    struct bpf_object *object;
    int programs[2]; /* by the side that frames come from */
    int map;
    struct bypass_pulse *pulse;
    uint16_t *joined;
    struct regulars *regulars;
    struct bpf_link *ends[2]; /* what sees the process end; NULL: nothing does */
};

/* What looks at a process; not every kernel has it (type information, Linux 5.13). */
static const char *const end_programs[2] = {BYPASS_KILLED, BYPASS_ENDED};

static bool find_parts(struct bypassing *bypassing)
{
    const struct bpf_program *client =
        bpf_object__find_program_by_name(bypassing->object, BYPASS_FROM_CLIENT);
    const struct bpf_program *server =
        bpf_object__find_program_by_name(bypassing->object, BYPASS_FROM_SERVER);

    if (!client || !server)
        return false;
    bypassing->programs[SIDE_CLIENT] = bpf_program__fd(client);
    bypassing->programs[SIDE_SERVER] = bpf_program__fd(server);
    bypassing->map = bpf_object__find_map_fd_by_name(bypassing->object, "bypass_pulse");
    bypassing->pulse = bpf_share(bypassing->object, "bypass_pulse", 0, sizeof(struct bypass_pulse));
    bypassing->joined = bpf_share(bypassing->object, "bypass_joined", 0, JOINED_BYTES);
    bypassing->regulars =
        bpf_share(bypassing->object, "bypass_regulars", 0, sizeof(struct regulars));
    return bypassing->pulse && bypassing->joined && bypassing->regulars;
}

static void leave_ends_out(struct bpf_object *object)
{
    for (int i = 0; i < 2; i++)
        bpf_program__set_autoload(bpf_object__find_program_by_name(object, end_programs[i]), false);
    bpf_map__set_autocreate(bpf_object__find_map_by_name(object, BYPASS_OWNER), false);
}

/* 0, or an errno. */
static int load(struct bypassing *bypassing, bool ends)
{
    size_t bytes;
    int code;

    /* Two labels around one piece of data. */
    /* cppcheck-suppress comparePointers */
    bytes = (size_t)(bypass_object_end - bypass_object);
    bypassing->object = bpf_object__open_mem(bypass_object, bytes, NULL);
    if (!bypassing->object)
        return errno;
    if (!ends)
        leave_ends_out(bypassing->object);
    code = bpf_object__load(bypassing->object);
    if (code != 0)
        return -code;
    return find_parts(bypassing) ? 0 : errno;
}

struct bypassing *bypassing_open(enum bypass_policy policy, struct error *error)
{
    struct bypassing *bypassing = calloc(1, sizeof(*bypassing));
    int reason;

    if (!bypassing) {
        error_set(error, EXIT_FAILED, "out of memory");
        return NULL;
    }
    bpf_quiet();
    reason = load(bypassing, true);
    if (reason != 0) {
        bpf_object__close(bypassing->object);
        reason = load(bypassing, false);
    }
    if (reason == 0 && bypassing->pulse) {
        bypassing->pulse->policy = policy;
        return bypassing;
    }
    error_set(error, EXIT_FAILED, "the kernel takes no bypassing program: %s", bpf_reason(reason));
    bypassing_close(bypassing);
    return NULL;
}

void bypassing_close(struct bypassing *bypassing)
{
    if (!bypassing)
        return;
    for (int i = 0; i < 2; i++)
        bpf_link__destroy(bypassing->ends[i]);
    if (bypassing->pulse)
        munmap(bypassing->pulse, sizeof(*bypassing->pulse));
    if (bypassing->joined)
        munmap(bypassing->joined, JOINED_BYTES);
    if (bypassing->regulars)
        munmap(bypassing->regulars, sizeof(*bypassing->regulars));
    bpf_object__close(bypassing->object);
    free(bypassing);
}

int bypassing_program(const struct bypassing *bypassing, enum side from)
{
    return bypassing->programs[from];
}

int bypassing_map(const struct bypassing *bypassing)
{
    return bypassing->map;
}

void bypassing_begin(struct bypassing *bypassing, bool handed_on, uint64_t now_us)
{
    struct bypass_pulse *pulse = bypassing->pulse;

    if (pulse->deaths > 0)
        return;
    pulse->handover = handed_on ? BYPASS_TAKEN_OVER : BYPASS_NOT_HANDED;
    pulse->deaths = 1;
    pulse->dead_us = now_us;
}

void bypassing_lead(struct bypassing *bypassing, const uint32_t to[2], const uint32_t tap[2])
{
    struct bypass_pulse *pulse = bypassing->pulse;

    memcpy(pulse->tap, tap, sizeof(pulse->tap));
    for (int side = 0; side < 2; side++)
        __atomic_store_n(&pulse->to[side], to[side], __ATOMIC_RELEASE);
}

static bool own(const struct bypassing *bypassing)
{
    const int map = bpf_object__find_map_fd_by_name(bypassing->object, BYPASS_OWNER);
    const int self = pidfd_open(getpid(), 0);
    const uint32_t owner = 1;
    const bool done =
        self >= 0 && map >= 0 && bpf_map_update_elem(map, &self, &owner, BPF_ANY) == 0;

    if (self >= 0)
        close(self);
    return done;
}

bool bypassing_own(struct bypassing *bypassing)
{
    for (int i = 0; i < 2; i++) {
        const struct bpf_program *program =
            bpf_object__find_program_by_name(bypassing->object, end_programs[i]);

        if (!bypassing->ends[i] && bpf_program__fd(program) >= 0)
            bypassing->ends[i] = bpf_program__attach(program);
    }
    return bypassing->ends[0] && bypassing->ends[1] && own(bypassing);
}

struct bypass_pulse *bypassing_pulse(struct bypassing *bypassing)
{
    return bypassing->pulse;
}

uint16_t *bypassing_joined(struct bypassing *bypassing, const uint64_t table_seed[2])
{
    memcpy(bypassing->pulse->seed, table_seed, sizeof(bypassing->pulse->seed));
    return bypassing->joined;
}

struct regulars *bypassing_regulars(struct bypassing *bypassing)
{
    return bypassing->regulars;
}
