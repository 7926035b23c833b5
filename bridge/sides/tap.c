/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.c - see tap.h.
 *
 * A TAP belongs to the namespace in which /dev/net/tun was opened, so that open and TUNSETIFF both
 * happen inside it.
 *
 * A persistent TAP may have been set up by somebody else (a virtual machine's helper, with a virtio
 * header of 12 bytes or little endian): everything that its flags decide is set again.
 */
#include "bridge/sides/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/sides/link.h"
#include "bridge/base/netns.h"
#include "bridge/bpf/steering.h"
#include "engine/tcp/offload.h"

#define TUN_PATH     "/dev/net/tun"
#define TUN_OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

static int tun_open(struct error *error)
{
    const int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        error_set(error, EXIT_FAILED,
                  "no %s: load the module (`modprobe tun`), or give the container this device",
                  TUN_PATH);
    else if (errno == EACCES || errno == EPERM)
        error_set(error, EXIT_FAILED, "cannot open %s: needs CAP_NET_ADMIN, run as root", TUN_PATH);
    else
        error_set(error, EXIT_FAILED, "cannot open %s: %s", TUN_PATH, strerror(errno));
    return -1;
}

bool tap_refuse(const struct side_spec *side, struct error *error)
{
    char place[SIDE_PLACE_BYTES];

    return error_set(error, EXIT_FAILED,
                     "the name %s%s is taken by an interface that is not a free, persistent TAP; "
                     "choose another name",
                     side->device, side_place(side, place));
}

/* Says why TUNSETIFF refused. */
static bool attach_error(const struct side_spec *side, int reason, struct error *error)
{
    char place[SIDE_PLACE_BYTES];

    side_place(side, place);
    if (reason == EPERM)
        return error_set(error, EXIT_FAILED,
                         "cannot make TAP %s%s: needs CAP_NET_ADMIN, run as root", side->device,
                         place);
    if (reason == EBUSY)
        return error_set(error, EXIT_FAILED,
                         "the name %s%s is taken by a TAP that another process holds; end it or "
                         "choose another name",
                         side->device, place);
    if (reason == EINVAL || reason == EEXIST)
        return tap_refuse(side, error);
    return error_set(error, EXIT_FAILED, "cannot make TAP %s%s: %s", side->device, place,
                     strerror(reason));
}

/* What the kernel says of a TAP that is there. */
struct tun_state {
    bool many_queues;
    uint32_t held; /* queues that somebody has */
};

static int note_tun(const struct nlattr *attribute, void *context)
{
    struct tun_state *state = context;

    if (mnl_attr_get_type(attribute) == IFLA_TUN_MULTI_QUEUE &&
        mnl_attr_validate(attribute, MNL_TYPE_U8) == 0)
        state->many_queues = mnl_attr_get_u8(attribute) != 0;
    if ((mnl_attr_get_type(attribute) == IFLA_TUN_NUM_QUEUES ||
         mnl_attr_get_type(attribute) == IFLA_TUN_NUM_DISABLED_QUEUES) &&
        mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
        state->held += mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static int note_info(const struct nlattr *attribute, void *context)
{
    const bool tun = mnl_attr_get_type(attribute) == IFLA_INFO_DATA;

    return tun ? mnl_attr_parse_nested(attribute, note_tun, context) : MNL_CB_OK;
}

static int note_link(const struct nlattr *attribute, void *context)
{
    const bool info = mnl_attr_get_type(attribute) == IFLA_LINKINFO;

    return info ? mnl_attr_parse_nested(attribute, note_info, context) : MNL_CB_OK;
}

static int note_answer(const struct nlmsghdr *message, void *context)
{
    return mnl_attr_parse(message, sizeof(struct ifinfomsg), note_link, context);
}

/* Asks in the namespace that the thread is in. What is no TAP has no queues. */
static struct tun_state look_at(const char *device)
{
    uint8_t buffer[16384];
    struct tun_state state = {0};
    struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
    struct mnl_socket *socket;

    question->nlmsg_type = RTM_GETLINK;
    question->nlmsg_flags = NLM_F_REQUEST;
    mnl_nlmsg_put_extra_header(question, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(question, IFLA_IFNAME, device);
    socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!socket)
        return state;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(socket, question, question->nlmsg_len) >= 0) {
        const ssize_t bytes = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

        if (bytes > 0)
            mnl_cb_run(buffer, (size_t)bytes, 0, 0, note_answer, &state);
    }
    mnl_socket_close(socket);
    return state;
}

/* 0, or an errno. */
static int set_interface(int fd, const char *device, short flags)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags)};

    memcpy(request.ifr_name, device, sizeof(request.ifr_name));
    return ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : errno;
}

/*
 * A new TAP, with many queues if `*many`; or one that is there, as it was made. The kernel would
 * let us join a TAP of many queues of which another process has some: what another has is taken.
 */
static int set_first(int fd, const char *device, bool *many)
{
    const int reason =
        set_interface(fd, device, (short)(IFF_TUN_EXCL | (*many ? IFF_MULTI_QUEUE : 0)));
    struct tun_state state;

    if (reason != EBUSY)
        return reason;
    state = look_at(device);
    if (state.held > 0)
        return EBUSY;
    *many = state.many_queues;
    return set_interface(fd, device, *many ? IFF_MULTI_QUEUE : 0);
}

/*
 * The first queue; `*many`: of many that may be had. A name in use gets LINK_RELEASE_US to become
 * free.
 */
static int take_interface(int fd, const char *device, bool *many)
{
    const uint64_t until_us = clock_now_us() + LINK_RELEASE_US;
    const int listener = link_listen();
    const bool wanted = *many;
    int reason;

    do {
        *many = wanted;
        reason = set_first(fd, device, many);
    } while (reason == EBUSY && link_wait(listener, until_us));
    if (listener >= 0)
        close(listener);
    return reason;
}

/* More queues of a TAP that has one and is steered: fewer are as good as one. */
static void add_queues(struct tap *tap, const struct side_spec *side, uint32_t queues)
{
    while (tap->queues < queues) {
        const int fd = tun_open(NULL);

        if (fd < 0)
            return;
        if (set_interface(fd, side->device, IFF_MULTI_QUEUE) != 0) {
            close(fd);
            return;
        }
        tap->fds[tap->queues++] = fd;
    }
}

static bool attach(struct tap *tap, const struct side_spec *side, uint32_t queues, int program,
                   struct error *error)
{
    struct ifreq request = {0};
    bool many = queues > 1;
    int reason;

    tap->fds[0] = tun_open(error);
    if (tap->fds[0] < 0)
        return false;
    tap->queues = 1;
    reason = take_interface(tap->fds[0], side->device, &many);
    if (reason != 0)
        return attach_error(side, reason, error);
    if (ioctl(tap->fds[0], TUNGETIFF, &request) == 0)
        tap->persistent = (request.ifr_flags & IFF_PERSIST) != 0;
    /* One that somebody has left behind would go on steering. */
    if (many)
        steering_detach(tap->fds[0]);
    tap->steered = many && queues > 1 && program >= 0 && steering_attach(tap->fds[0], program);
    if (tap->steered)
        add_queues(tap, side, queues);
    if (tap->queues < queues)
        tap_shrink(tap, 1);
    return true;
}

static bool configure(struct tap *tap, const struct side_spec *side, struct error *error)
{
    const int header_bytes = OFFLOAD_BYTES, off = 0, unlimited = INT_MAX;
    char place[SIDE_PLACE_BYTES];

    /*
     * The byte order of the host is the default; kernels without cross-endian support refuse
     * TUNSETVNETBE, and need it not.
     */
    ioctl(tap->fds[0], TUNSETVNETLE, &off);
    ioctl(tap->fds[0], TUNSETVNETBE, &off);
    if (ioctl(tap->fds[0], TUNSETVNETHDRSZ, &header_bytes) == 0 &&
        ioctl(tap->fds[0], TUNSETSNDBUF, &unlimited) == 0 &&
        ioctl(tap->fds[0], TUNSETOFFLOAD, TUN_OFFLOADS) == 0)
        return true;
    return error_set(error, EXIT_FAILED, "TAP %s%s takes no checksum and TSO offloads: %s",
                     side->device, side_place(side, place), strerror(errno));
}

/*
 * Before Linux 6.4 a TAP refuses RWF_NOWAIT with EOPNOTSUPP. A write shorter than the virtio header
 * never becomes a frame: where the flag is known it fails with EINVAL.
 */
static bool takes_nowait(int fd)
{
    uint8_t stub = 0;
    const struct iovec vector = {.iov_base = &stub, .iov_len = sizeof(stub)};

    return pwritev2(fd, &vector, 1, -1, RWF_NOWAIT) < 0 && errno != EOPNOTSUPP;
}

bool tap_open(struct tap *tap, const struct side_spec *side, uint32_t queues, int program,
              struct error *error)
{
    struct netns_return back;
    bool ok;

    *tap = (struct tap){0};
    if (!netns_enter(side->netns, &back, error))
        return false;
    ok = attach(tap, side, queues, program, error) && configure(tap, side, error);
    netns_leave(&back);
    if (!ok)
        tap_close(tap);
    else
        tap->nowait_writes = takes_nowait(tap->fds[0]);
    return ok;
}

bool tap_exists(const struct tap *tap)
{
    struct ifreq request = {0};

    /* The file of one that was removed is attached to nothing. */
    return tap->queues == 0 || ioctl(tap->fds[0], TUNGETIFF, &request) == 0 || errno != EBADFD;
}

bool tap_set_carrier(const struct tap *tap, bool carrier, struct error *error)
{
    const int on = carrier;

    return tap->queues == 0 || ioctl(tap->fds[0], TUNSETCARRIER, &on) == 0 ||
           error_set(error, EXIT_FAILED, "the kernel sets no carrier of a TAP: %s",
                     strerror(errno));
}

/* From the last one on: the kernel gives the place of a queue that goes to the last. */
void tap_shrink(struct tap *tap, uint32_t queues)
{
    while (tap->queues > queues)
        close(tap->fds[--tap->queues]);
}

void tap_close(struct tap *tap)
{
    if (tap->steered && tap->persistent)
        steering_detach(tap->fds[0]);
    tap_shrink(tap, 0);
}
