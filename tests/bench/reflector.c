/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reflector - the floor of what a bridge of two TAPs can cost: io_uring as bridge/io/ring.c uses
 * it, and nothing behind it.
 *
 *      reflector forward NETNS/IFNAME NETNS/IFNAME     frames cross both ways, and nobody looks at
 *                                                      them
 *      reflector answer  NETNS/IFNAME NETNS/IFNAME     every frame of the first side is taken for a
 *                                                      SYN over IPv4 without VLAN tags or IP
 *                                                      options, and answered with a SYN-ACK
 *
 *      buffers:  | 0 .. 111 first side | 112 .. 223 second side |
 *
 * One multishot read is armed on each side and takes a buffer of the side's registered ring for
 * every frame; a frame is written from the buffer that it was read into, and the buffer goes back
 * when the write completes; one system call submits the writes of a batch and waits for the next.
 * It shares no code with the bridge, so that a change there does not move what the bridge is
 * compared with. "ready" on standard output says that both TAPs are up.
 */
#include <liburing.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "tests/servers/common.h"

#define PER_SIDE      112u
#define BUFFER_BYTES  65792u
#define RING_ENTRIES  128u /* power of two >= PER_SIDE */
#define SUBMISSIONS   1024u
#define COMPLETIONS   2048u
#define OFFLOAD_BYTES 12 /* virtio header */
#define WRITE_TICKET  256u
#define SYN_BYTES     (OFFLOAD_BYTES + 14u + 20u + 20u)

/* Linux 6.7; liburing 2.3 does not know it. */
#define OPCODE_READ_MULTISHOT 49

static struct {
    struct io_uring uring;
    struct io_uring_buf_ring *buffers[2];
    unsigned given[2]; /* back to the kernel, not yet published */
    bool armed[2], answer;
    unsigned writes; /* in flight */
    uint8_t *pool;
} reflector;

static uint8_t *buffer_data(unsigned buffer)
{
    return reflector.pool + (size_t)buffer * BUFFER_BYTES;
}

/* A TAP belongs to the namespace in which /dev/net/tun was opened. */
static int open_tap(char *place)
{
    char *name = strchr(place, '/');
    char path[256];
    if (!name)
        die("not NETNS/IFNAME: %s", place);
    *name++ = 0;
    snprintf(path, sizeof(path), "/run/netns/%s", place);
    const int netns = open(path, O_RDONLY | O_CLOEXEC);
    if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
        die("%s", path);
    close(netns);
    const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    const int header_bytes = OFFLOAD_BYTES, unlimited = INT32_MAX;
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
        ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0 || ioctl(fd, TUNSETSNDBUF, &unlimited) < 0 ||
        ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0)
        die("TAP %s", name);
    return fd;
}

static void give(unsigned buffer)
{
    const unsigned side = buffer / PER_SIDE;
    io_uring_buf_ring_add(reflector.buffers[side], buffer_data(buffer), BUFFER_BYTES,
                          (unsigned short)buffer, io_uring_buf_ring_mask(RING_ENTRIES),
                          (int)reflector.given[side]++);
}

static void open_side(unsigned side)
{
    const size_t bytes = RING_ENTRIES * sizeof(struct io_uring_buf);
    reflector.buffers[side] = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    memset(reflector.buffers[side], 0, bytes);
    struct io_uring_buf_reg registration = {.ring_addr =
                                                (uint64_t)(uintptr_t)reflector.buffers[side],
                                            .ring_entries = RING_ENTRIES,
                                            .bgid = (uint16_t)side};
    if ((errno = -io_uring_register_buf_ring(&reflector.uring, &registration, 0)) != 0)
        die("cannot register buffers");
    for (unsigned i = 0; i < PER_SIDE; i++)
        give(side * PER_SIDE + i);
}

static void open_ring(const int fds[2])
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                                              IORING_SETUP_SUBMIT_ALL,
                                     .cq_entries = COMPLETIONS};
    if ((errno = -io_uring_queue_init_params(SUBMISSIONS, &reflector.uring, &params)) != 0)
        die("cannot set up io_uring");
    io_uring_register_ring_fd(&reflector.uring);
    if ((errno = -io_uring_register_files(&reflector.uring, fds, 2)) != 0)
        die("cannot register files");
    const size_t huge_page = 2u << 20;
    const size_t bytes =
        (2 * PER_SIDE * (size_t)BUFFER_BYTES + huge_page - 1) / huge_page * huge_page;
    reflector.pool = aligned_alloc(huge_page, bytes);
    madvise(reflector.pool, bytes, MADV_HUGEPAGE);
    memset(reflector.pool, 0, bytes);
    open_side(0);
    open_side(1);
}

static void arm(unsigned side)
{
    if (reflector.given[side])
        io_uring_buf_ring_advance(reflector.buffers[side], (int)reflector.given[side]);
    reflector.given[side] = 0;
    if (reflector.armed[side])
        return;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&reflector.uring);
    io_uring_prep_rw(OPCODE_READ_MULTISHOT, sqe, (int)side, NULL, 0, 0);
    sqe->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = (uint16_t)side;
    sqe->user_data = side;
    reflector.armed[side] = true;
}

static void swap(uint8_t *a, uint8_t *b, size_t bytes)
{
    uint8_t held[6];
    memcpy(held, a, bytes);
    memcpy(a, b, bytes);
    memcpy(b, held, bytes);
}

/*
 * SYN to SYN-ACK in place: addresses and ports change places, the sequence number stays and is
 * acknowledged, the options are the client's own. The checksum is corrected for the acknowledgment
 * and the ACK bit (RFC 1624).
 */
static void make_synack(uint8_t *frame)
{
    uint8_t *ethernet = frame + OFFLOAD_BYTES, *ip = ethernet + 14, *tcp = ip + 20;
    swap(ethernet, ethernet + 6, 6);
    swap(ip + 12, ip + 16, 4);
    swap(tcp, tcp + 2, 2);
    uint32_t sequence;
    uint16_t check;
    memcpy(&sequence, tcp + 4, 4);
    memcpy(&check, tcp + 16, 2);
    const uint32_t ack = htonl(ntohl(sequence) + 1);
    memcpy(tcp + 8, &ack, 4);
    tcp[13] |= 0x10;
    uint32_t sum = (uint16_t)~check + (ack & 0xffff) + (ack >> 16) + htons(0x10);
    sum = (sum & 0xffff) + (sum >> 16);
    check = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
    memcpy(tcp + 16, &check, 2);
}

static void write_frame(unsigned from, unsigned buffer, unsigned bytes)
{
    unsigned to = 1 - from;
    if (reflector.answer && from == 0 && bytes >= SYN_BYTES) {
        make_synack(buffer_data(buffer));
        to = 0;
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&reflector.uring);
    io_uring_prep_write(sqe, (int)to, buffer_data(buffer), bytes, 0);
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->user_data = WRITE_TICKET + buffer;
    reflector.writes++;
}

static void complete(const struct io_uring_cqe *cqe)
{
    if (cqe->user_data >= WRITE_TICKET) {
        reflector.writes--;
        give((unsigned)(cqe->user_data - WRITE_TICKET));
        return;
    }
    const unsigned side = (unsigned)cqe->user_data;
    if (!(cqe->flags & IORING_CQE_F_MORE))
        reflector.armed[side] = false;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        const unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        if (cqe->res > 0)
            write_frame(side, buffer, (unsigned)cqe->res);
        else
            give(buffer);
    } else if (cqe->res < 0 && cqe->res != -ENOBUFS && cqe->res != -EAGAIN) {
        errno = -cqe->res;
        die("cannot read side %u", side);
    }
}

static bool has_buffers(unsigned side)
{
    return reflector.armed[side] || reflector.given[side] > 0;
}

/* All writes of a batch complete as they are submitted; one completion more is a frame. */
static void turn(void)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    const bool idle = has_buffers(0) && has_buffers(1);
    for (unsigned side = 0; side < 2; side++)
        if (has_buffers(side))
            arm(side);
    io_uring_submit_and_wait(&reflector.uring, reflector.writes + (idle ? 1 : 0));
    io_uring_for_each_cqe(&reflector.uring, head, cqe)
    {
        complete(cqe);
        count++;
    }
    io_uring_cq_advance(&reflector.uring, count);
}

int main(int argc, char **argv)
{
    if (argc != 4 || (strcmp(argv[1], "forward") != 0 && strcmp(argv[1], "answer") != 0))
        die("usage: reflector forward|answer NETNS/IFNAME NETNS/IFNAME");
    reflector.answer = strcmp(argv[1], "answer") == 0;
    const int fds[2] = {open_tap(argv[2]), open_tap(argv[3])};
    open_ring(fds);
    puts("ready");
    fflush(stdout);
    for (;;)
        turn();
}
