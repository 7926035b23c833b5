/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.c - see tap.h.
 *
 * A TAP belongs to the namespace in which /dev/net/tun was opened, so that open and TUNSETIFF both happen inside it.
 *
 * A persistent TAP may have been set up by somebody else (a virtual machine's helper, with a virtio header of 12
 * bytes or little endian): everything that its flags decide is set again.
 */
#include "bridge/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bridge/clock.h"
#include "bridge/link.h"
#include "bridge/netns.h"
#include "engine/offload.h"

#define RELEASE_US   (500ull * 1000)
#define TUN_PATH     "/dev/net/tun"
#define TUN_OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

static int tun_open(struct error *error)
{
    const int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        error_set(error, EXIT_FAILED,
                  "no %s: load the module (`modprobe tun`), or give the container this device", TUN_PATH);
    else if (errno == EACCES || errno == EPERM)
        error_set(error, EXIT_FAILED, "cannot open %s: needs CAP_NET_ADMIN, run as root", TUN_PATH);
    else
        error_set(error, EXIT_FAILED, "cannot open %s: %s", TUN_PATH, strerror(errno));
    return -1;
}

/* Says why TUNSETIFF refused. */
static bool attach_error(const struct side_spec *side, int reason, struct error *error)
{
    char place[SIDE_PLACE_BYTES];
    side_place(side, place);
    if (reason == EPERM)
        return error_set(error, EXIT_FAILED, "cannot make TAP %s%s: needs CAP_NET_ADMIN, run as root",
                         side->device, place);
    if (reason == EBUSY)
        return error_set(
            error, EXIT_FAILED,
            "the name %s%s is taken by a TAP that another process holds; end it or choose another name",
            side->device, place);
    if (reason == EINVAL || reason == EEXIST)
        return error_set(error, EXIT_FAILED,
                         "the name %s%s is taken by an interface that is not a free, persistent, "
                         "single-queue TAP; choose another name",
                         side->device, place);
    return error_set(error, EXIT_FAILED, "cannot make TAP %s%s: %s", side->device, place, strerror(reason));
}

/*
 * TUNSETIFF. When a daemon was killed the kernel takes its ring apart a moment after the process is gone, and its
 * TAP with it: a name in use gets RELEASE_US to become free.
 */
static int set_interface(int fd, struct ifreq *request)
{
    const uint64_t until_us = clock_now_us() + RELEASE_US;
    const int listener = link_listen();
    int reason;
    do
        reason = ioctl(fd, TUNSETIFF, request) == 0 ? 0 : errno;
    while (reason == EBUSY && link_wait(listener, until_us));
    if (listener >= 0)
        close(listener);
    return reason;
}

static bool attach(struct tap *tap, const struct side_spec *side, struct error *error)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    memcpy(request.ifr_name, side->device, sizeof(request.ifr_name));
    const int reason = set_interface(tap->fd, &request);
    if (reason != 0)
        return attach_error(side, reason, error);
    if (ioctl(tap->fd, TUNGETIFF, &request) == 0)
        tap->persistent = (request.ifr_flags & IFF_PERSIST) != 0;
    return true;
}

static bool configure(struct tap *tap, const struct side_spec *side, struct error *error)
{
    const int header_bytes = OFFLOAD_BYTES, off = 0, unlimited = INT_MAX;
    /*
     * The byte order of the host is the default; kernels without cross-endian support refuse TUNSETVNETBE, and need
     * it not.
     */
    ioctl(tap->fd, TUNSETVNETLE, &off);
    ioctl(tap->fd, TUNSETVNETBE, &off);
    if (ioctl(tap->fd, TUNSETVNETHDRSZ, &header_bytes) == 0 &&
        ioctl(tap->fd, TUNSETSNDBUF, &unlimited) == 0 && ioctl(tap->fd, TUNSETOFFLOAD, TUN_OFFLOADS) == 0)
        return true;
    char place[SIDE_PLACE_BYTES];
    return error_set(error, EXIT_FAILED, "TAP %s%s takes no checksum and TSO offloads: %s", side->device,
                     side_place(side, place), strerror(errno));
}

/*
 * Before Linux 6.4 a TAP refuses RWF_NOWAIT with EOPNOTSUPP. A write shorter than the virtio header never becomes a
 * frame: where the flag is known it fails with EINVAL.
 */
static bool takes_nowait(int fd)
{
    uint8_t stub = 0;
    const struct iovec vector = {.iov_base = &stub, .iov_len = sizeof(stub)};
    return pwritev2(fd, &vector, 1, -1, RWF_NOWAIT) < 0 && errno != EOPNOTSUPP;
}

bool tap_open(struct tap *tap, const struct side_spec *side, struct error *error)
{
    *tap = (struct tap){.fd = -1};
    struct netns_return back;
    if (!netns_enter(side->netns, &back, error))
        return false;
    tap->fd = tun_open(error);
    const bool ok = tap->fd >= 0 && attach(tap, side, error) && configure(tap, side, error);
    netns_leave(&back);
    if (!ok)
        tap_close(tap);
    else
        tap->nowait_writes = takes_nowait(tap->fd);
    return ok;
}

void tap_close(struct tap *tap)
{
    if (tap->fd >= 0)
        close(tap->fd);
    tap->fd = -1;
}
