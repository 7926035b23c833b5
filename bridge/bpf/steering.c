/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steering.c - see steering.h. The program is compiled with the rest and lies in the executable as
 * an ELF object, which libbpf loads; its configuration is read-only data that is filled in before.
 */
#include "bridge/bpf/steering.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bridge/bpf/object.h"
#include "bridge/bpf/steer.h"

/* STEER_OBJECT: where the build has put it. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "steer_object: .incbin \"" STEER_OBJECT "\"\n"
        "steer_object_end:\n"
        ".popsection\n");
extern const uint8_t steer_object[] __attribute__((visibility("hidden")));
extern const uint8_t steer_object_end[] __attribute__((visibility("hidden")));

static bool configure(struct bpf_object *object, uint32_t workers, uint64_t seed)
{
    const struct steer_config config = {.workers = workers, .seed = seed};
    struct bpf_map *constants = bpf_object__find_map_by_name(object, ".rodata");

    return constants && bpf_map__set_initial_value(constants, &config, sizeof(config)) == 0;
}

/* The program outlives the object by this file. */
static int file_of(const struct bpf_object *object)
{
    const struct bpf_program *program = bpf_object__find_program_by_name(object, STEER_PROGRAM);

    return !program ? -1 : fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
}

int steering_load(uint32_t workers, uint64_t seed, struct error *error)
{
    size_t bytes;
    struct bpf_object *object;
    int file;
    int reason;

    bpf_quiet();
    /* Two labels around one piece of data. */
    /* cppcheck-suppress comparePointers */
    bytes = (size_t)(steer_object_end - steer_object);
    object = bpf_object__open_mem(steer_object, bytes, NULL);
    file = -1;
    reason = errno;
    if (object && configure(object, workers, seed)) {
        reason = bpf_object__load(object);
        if (reason == 0)
            file = file_of(object);
        reason = -reason;
    }
    bpf_object__close(object);
    if (file < 0)
        error_set(error, EXIT_FAILED, "the kernel takes no steering program: %s",
                  bpf_reason(reason));
    return file;
}

uint32_t steering_worker(uint64_t seed, uint32_t workers, const struct flow_key *key)
{
    uint32_t client[4], server[4];
    uint64_t hash = seed;

    memcpy(client, &key->client, sizeof(client));
    memcpy(server, &key->server, sizeof(server));
    for (int i = addr_is_v4(&key->client) ? 3 : 0; i < 4; i++)
        hash = steer_mix(hash, client[i] ^ server[i]);
    hash = steer_mix(hash, (uint32_t)(key->client_port ^ key->server_port));
    return steer_worker(hash, workers);
}

bool steering_attach(int tap_fd, int program_fd)
{
    return ioctl(tap_fd, TUNSETSTEERINGEBPF, &program_fd) == 0;
}

void steering_detach(int tap_fd)
{
    steering_attach(tap_fd, -1);
}
