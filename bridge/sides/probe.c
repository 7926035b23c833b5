/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - see probe.h. A wire may be busy, even flooded: frames that are not the probe are passed
 * over, and one that may have been crowded out is sent again, a few times.
 */
#include "bridge/sides/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/sides/redirect.h"
#include "engine/tcp/offload.h"

#define TRIES  5
#define TRY_US (50ull * 1000)

struct probe_frame {
    struct offload offload; /* zero: nothing to be done */
    struct ethhdr ethernet;
    uint8_t nonce[46]; /* fills the shortest frame */
} __attribute__((packed));

#define FRAME_BYTES (sizeof(struct probe_frame) - OFFLOAD_BYTES)

static void make_frame(const struct probe *probe, struct probe_frame *frame)
{
    static const uint8_t nearest_bridge[ETH_ALEN] = {0x01, 0x80, 0xC2, 0x00, 0x00, 0x0E};

    memset(frame, 0, sizeof(*frame));
    memcpy(frame->ethernet.h_dest, nearest_bridge, ETH_ALEN);
    memcpy(frame->ethernet.h_source, probe->mac, ETH_ALEN);
    frame->ethernet.h_proto = htons(PROBE_ETHERTYPE);
    randombytes_buf(frame->nonce, sizeof(frame->nonce));
}

/* A packet socket that hears frames of our EtherType on the port, those that leave it too. -1, with
 * errno. */
static int listen_at(int port)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ethhdr, h_proto)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROBE_ETHERTYPE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT16_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog filter = {.len = sizeof(program) / sizeof(program[0]),
                                      .filter = program};
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = port};
    /* No protocol yet: nothing is heard before the filter is there. */
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int reason;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0 &&
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/* Reads `fd` until the frame comes, whose first `skip` bytes are not compared, or until the time is
 * up. */
static bool await_frame(int fd, const struct probe_frame *frame, size_t skip, uint64_t until_us)
{
    const uint8_t *wanted = (const uint8_t *)frame + OFFLOAD_BYTES;
    /* One byte more than is wanted tells longer frames, whose rest is of no interest. */
    uint8_t got[sizeof(*frame) + 1];

    for (;;) {
        const uint64_t now_us = clock_now_us();
        struct pollfd readable;
        ssize_t bytes;

        if (now_us >= until_us)
            return false;
        readable = (struct pollfd){.fd = fd, .events = POLLIN};
        if (poll(&readable, 1, (int)((until_us - now_us + 999) / 1000)) != 1)
            continue;
        bytes = read(fd, got, sizeof(got));
        if (bytes == (ssize_t)(skip + FRAME_BYTES) && memcmp(got + skip, wanted, FRAME_BYTES) == 0)
            return true;
    }
}

/* Sends the frame into the TAP until it comes out at `fd`. */
static bool passes(const struct probe *probe, int fd, size_t skip)
{
    struct probe_frame frame;

    make_frame(probe, &frame);
    for (int i = 0; i < TRIES; i++)
        if (write(probe->tap_fd, &frame, sizeof(frame)) == (ssize_t)sizeof(frame) &&
            await_frame(fd, &frame, skip, clock_now_us() + TRY_US))
            return true;
    return false;
}

static enum probe_result probe_out(const struct probe *probe)
{
    const int fd = listen_at(probe->port);
    bool passed;

    if (fd < 0)
        return PROBE_NOT_POSSIBLE;
    passed = passes(probe, fd, 0);
    close(fd);
    return passed ? PROBE_PASSED : PROBE_FAILED_OUT;
}

static enum probe_result probe_in(const struct probe *probe)
{
    bool passed;
    bool removed;

    if (redirect_add_probe(probe->socket, probe->tap, probe->port, PROBE_ETHERTYPE) != 0)
        return PROBE_FAILED_IN;
    passed = passes(probe, probe->tap_fd, OFFLOAD_BYTES);
    removed = redirect_remove_probe(probe->socket, probe->tap, PROBE_ETHERTYPE) == 0;
    return passed && removed ? PROBE_PASSED : PROBE_FAILED_IN;
}

enum probe_result probe_run(const struct probe *probe)
{
    const enum probe_result out = probe_out(probe);

    return out == PROBE_PASSED && probe->both_ways ? probe_in(probe) : out;
}
