/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_steering.c - which queue a frame goes to: the program itself, compiled here too with a
 * helper of ours, and once as the kernel runs it, on a TAP (root only).
 */
#define STEER_NATIVE
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>

#include "bridge/bpf/steer.h"

static struct steer_config steer_config = {.seed = 0x243f6a8885a308d3u, .workers = 4};

/* What the kernel would give the program to read. */
static struct {
    uint8_t data[2048];
    uint32_t bytes;
} packet_seen;

static long bpf_skb_load_bytes(const void *skb, uint32_t offset, void *to, uint32_t bytes)
{
    (void)skb;
    if (offset > packet_seen.bytes || bytes > packet_seen.bytes - offset)
        return -14;
    memcpy(to, packet_seen.data + offset, bytes);
    return 0;
}

#include "bridge/bpf/steer.bpf.c"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sodium.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/bpf/steering.h"
#include "bridge/sides/tap.h"
#include "engine/tcp/frame.h"

/* A small generator of its own: the same frames in each run. */
static uint64_t random_state = 1;
static uint32_t dice(uint32_t sides)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % sides;
}

struct made {
    uint8_t data[2048];
    uint32_t bytes;
};

static void put(struct made *made, const void *data, uint32_t bytes)
{
    memcpy(made->data + made->bytes, data, bytes);
    made->bytes += bytes;
}

static void put16(struct made *made, uint32_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(made, bytes, 2);
}

static void put_ethernet(struct made *made, int tags)
{
    made->bytes = 0;
    put(made, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
    for (int i = 0; i < tags; i++) {
        put16(made, (uint32_t[]){ETHERTYPE_QINQ, ETHERTYPE_VLAN, ETHERTYPE_QINQ1}[dice(3)]);
        put16(made, 1 + dice(4000));
    }
}

/* Who speaks to whom. `v6`: all 16 bytes of the addresses count, else 4. */
struct ends {
    bool v6;
    uint8_t src[16], dst[16];
    uint16_t src_port, dst_port;
};

static struct ends some_ends(bool v6)
{
    struct ends ends = {
        .v6 = v6, .src_port = (uint16_t)(1 + dice(65535)), .dst_port = (uint16_t)(1 + dice(65535))};
    for (int i = 0; i < 16; i++) {
        ends.src[i] = (uint8_t)dice(256);
        ends.dst[i] = (uint8_t)dice(256);
    }
    ends.src[0] |= 1; /* not mapped IPv4 */
    ends.dst[0] |= 1;
    return ends;
}

static struct ends turned(const struct ends *ends)
{
    struct ends other = {.v6 = ends->v6, .src_port = ends->dst_port, .dst_port = ends->src_port};
    memcpy(other.src, ends->dst, 16);
    memcpy(other.dst, ends->src, 16);
    return other;
}

/* An IP header, with options or extension headers; returns where the length is to be filled in. */
static uint32_t put_ip(struct made *made, const struct ends *ends, uint8_t protocol,
                       uint32_t extras, uint32_t fragment)
{
    static const uint8_t kinds[] = {PROTO_ROUTING, PROTO_DESTINATION, PROTO_HOP_BY_HOP};
    const uint32_t begin = made->bytes;
    uint8_t chain[EXTENSIONS_MAX + 3];
    if (!ends->v6) {
        const uint32_t words = 5 + extras;
        put16(made, 0x4500 + (words - 5) * 0x100);
        put(made, "\0\0\0\0", 4);
        put16(made, fragment);
        put16(made, 0x4000 + protocol);
        put16(made, 0);
        put(made, ends->src, 4);
        put(made, ends->dst, 4);
        for (uint32_t i = 0; i < extras; i++)
            put(made, "\x01\x01\x01\x01", 4);
        return begin;
    }
    const bool cut = fragment != 0;
    for (uint32_t i = 0; i < extras; i++)
        chain[i] = kinds[dice(i ? 2 : 3)];
    chain[extras] = cut ? PROTO_FRAGMENT : protocol;
    chain[extras + 1] = protocol;
    put(made, "\x60\0\0\0\0\0", 6);
    put(made, &chain[0], 1);
    put(made, "\x40", 1);
    put(made, ends->src, 16);
    put(made, ends->dst, 16);
    for (uint32_t i = 0; i < extras; i++) {
        const uint8_t units = (uint8_t)dice(3);
        put(made, &chain[i + 1], 1);
        put(made, &units, 1);
        const uint32_t bytes = (units + 1u) * 8;
        memset(made->data + made->bytes, 0, bytes);
        if (chain[i] != PROTO_ROUTING) { /* one option that nobody needs to know */
            made->data[made->bytes] = 0x1e;
            made->data[made->bytes + 1] = (uint8_t)(bytes - 4);
        }
        made->bytes += bytes - 2;
    }
    if (cut) {
        put(made, &protocol, 1);
        put(made, "\0", 1);
        put16(made, fragment);
        put(made, "\0\0\0\1", 4);
    }
    return begin;
}

static void end_ip(struct made *made, const struct ends *ends, uint32_t begin)
{
    const uint32_t bytes = made->bytes - begin - (ends->v6 ? 40 : 0);
    uint8_t *at = made->data + begin + (ends->v6 ? 4 : 2);
    at[0] = (uint8_t)(bytes >> 8);
    at[1] = (uint8_t)bytes;
}

static void put_tcp(struct made *made, const struct ends *ends, uint8_t flags, uint32_t payload)
{
    put16(made, ends->src_port);
    put16(made, ends->dst_port);
    put(made, "\0\0\0\1\0\0\0\2\x50", 9);
    put(made, &flags, 1);
    put(made, "\xff\xff\0\0\0\0", 6);
    memset(made->data + made->bytes, 'x', payload);
    made->bytes += payload;
}

static void make_tcp(struct made *made, const struct ends *ends, uint8_t flags, int tags,
                     uint32_t extras, uint32_t payload)
{
    put_ethernet(made, tags);
    put16(made, ends->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    const uint32_t begin = put_ip(made, ends, PROTO_TCP, extras, 0);
    put_tcp(made, ends, flags, payload);
    end_ip(made, ends, begin);
}

static uint32_t queue_for(const struct made *made)
{
    struct __sk_buff skb = {.len = made->bytes};
    memcpy(packet_seen.data, made->data, made->bytes);
    packet_seen.bytes = made->bytes;
    return (uint32_t)steer(&skb);
}

/* The worker of a plain segment between them. */
static uint32_t worker_for(const struct ends *ends)
{
    struct made made;
    make_tcp(&made, ends, FLAG_ACK, 0, 0, 0);
    return queue_for(&made) / STEER_QUEUES;
}

static enum frame_kind kind_of(struct made *made, struct frame *frame)
{
    return frame_parse(frame, NULL, made->data, made->bytes, made->bytes, sizeof(made->data));
}

/* What the engine knows as one connection has one worker, whichever way it goes and whatever stands
 * around it. */
Test(steering, a_connection_has_one_worker)
{
    unsigned tcp = 0;
    for (int i = 0; i < 20000; i++) {
        const struct ends ends = some_ends(dice(2) != 0), other = turned(&ends);
        struct made made;
        struct frame frame;
        make_tcp(&made, &ends, FLAG_ACK, (int)dice(3), dice(ends.v6 ? EXTENSIONS_MAX + 1 : 11),
                 dice(600));
        if (kind_of(&made, &frame) != FRAME_TCP)
            continue;
        tcp++;
        cr_assert_eq(queue_for(&made), worker_for(&ends) * STEER_QUEUES + STEER_FLOWS, "frame %d",
                     i);
        cr_assert_eq(worker_for(&ends), worker_for(&other), "frame %d", i);
    }
    cr_assert_gt(tcp, 15000);
}

/* Who wants to know beforehand gets the same answer. */
Test(steering, worker_of_a_connection)
{
    for (int i = 0; i < 20000; i++) {
        const struct ends ends = some_ends(dice(2) != 0);
        struct flow_key key = {.client_port = ends.src_port, .server_port = ends.dst_port};

        key.client = ends.v6 ? addr_from_v6(ends.src) : addr_from_v4(ends.src);
        key.server = ends.v6 ? addr_from_v6(ends.dst) : addr_from_v4(ends.dst);
        cr_assert_eq(steering_worker(steer_config.seed, steer_config.workers, &key),
                     worker_for(&ends), "connection %d", i);
    }
}

/* What is read at once is what the walk finds, also of frames that only look plain: any of their
 * bytes changed, or cut anywhere. */
Test(steering, plain_frames_as_by_the_walk)
{
    unsigned plain = 0;
    for (int i = 0; i < 50000; i++) {
        const struct ends ends = some_ends(false);
        struct made made;
        int queue = -1;
        make_tcp(&made, &ends, (uint8_t)dice(256), 0, 0, dice(3) * 900);
        if (dice(2))
            made.data[dice(56)] = (uint8_t)dice(256);
        if (dice(4) == 0)
            made.bytes = dice(60);
        struct __sk_buff skb = {.len = made.bytes};
        queue_for(&made); /* fills what is read */
        if (!steer_plain(&skb, &queue))
            continue;
        plain++;
        cr_assert_eq(queue, steer_by_walk(&skb), "frame %d", i);
    }
    cr_assert_gt(plain, 20000);
}

Test(steering, workers_share_alike)
{
    unsigned share[4] = {0};
    for (uint32_t i = 0; i < 4000; i++) {
        /* Clients as they come: one network, ports in a row. */
        struct ends ends = {.src = {10, 78, (uint8_t)(i >> 8), (uint8_t)i},
                            .dst = {10, 77, 0, 2},
                            .src_port = (uint16_t)(40000 + i % 50),
                            .dst_port = 80};
        share[worker_for(&ends)]++;
    }
    for (int i = 0; i < 4; i++)
        cr_assert(share[i] > 850 && share[i] < 1150, "worker %d has %u of 4000", i, share[i]);
}

Test(steering, syns_have_queues_of_their_own)
{
    for (int i = 0; i < 2000; i++) {
        const struct ends ends = some_ends(dice(2) != 0);
        const uint32_t first = worker_for(&ends) * STEER_QUEUES, extras = dice(4);
        struct made made;
        make_tcp(&made, &ends, FLAG_SYN, (int)dice(3), extras, 0);
        cr_assert_eq(queue_for(&made), first + STEER_SYNS);
        make_tcp(&made, &ends, FLAG_SYN | 0xc0, 0, extras, 100); /* ECN, Fast Open */
        cr_assert_eq(queue_for(&made), first + STEER_SYNS);
        make_tcp(&made, &ends, FLAG_SYN | FLAG_ACK, 0, extras, 0);
        cr_assert_eq(queue_for(&made), first + STEER_FLOWS);
        make_tcp(&made, &ends, 0x04, 0, extras, 0);
        cr_assert_eq(queue_for(&made), first + STEER_FLOWS);
        /* Longer than the buffers of that queue. */
        make_tcp(&made, &ends, FLAG_SYN, 0, extras, STEER_SYN_BYTES_MAX);
        cr_assert_eq(queue_for(&made), first + STEER_FLOWS);
    }
}

static void make_other(struct made *made, const struct ends *ends, uint8_t protocol,
                       uint32_t fragment)
{
    put_ethernet(made, 0);
    put16(made, ends->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    const uint32_t begin = put_ip(made, ends, protocol, 0, fragment);
    put_tcp(made, ends, FLAG_SYN,
            0); /* of another protocol, or a piece: ports and flags mean nothing there */
    end_ip(made, ends, begin);
}

/* All that two hosts say to each other beside TCP goes one way, fragments of TCP too: it stays in
 * order. */
Test(steering, what_is_not_tcp_goes_by_addresses)
{
    for (int i = 0; i < 2000; i++) {
        struct ends ends = some_ends(dice(2) != 0);
        const struct ends other = turned(&ends);
        struct made made;
        make_other(&made, &ends, 17, 0);
        const uint32_t queue = queue_for(&made);
        cr_assert_eq(queue % STEER_QUEUES, STEER_FLOWS);
        make_other(&made, &other, 17, 0);
        cr_assert_eq(queue_for(&made), queue);
        for (uint32_t piece = 0; piece < 3; piece++) {
            ends.src_port = (uint16_t)dice(65536);
            const uint32_t v4 = piece * 100 + (piece < 2 ? IPV4_MORE : 0),
                           v6 = piece * 800 + (piece < 2);
            make_other(&made, &ends, piece == 0 ? PROTO_TCP : 17, ends.v6 ? v6 : v4);
            cr_assert_eq(queue_for(&made), queue, "fragment %u", piece);
        }
        make_other(&made, &ends, ends.v6 ? 132 : 1, 0); /* SCTP; an echo reply */
        cr_assert_eq(queue_for(&made), queue);
    }
}

Test(steering, what_has_no_addresses_goes_to_the_first)
{
    struct made made;
    put_ethernet(&made, 1);
    put16(&made, 0x0806);
    put(&made, "\0\1\x08\0\6\4\0\1", 8);
    cr_assert_eq(queue_for(&made), 0);
    put_ethernet(&made, 0);
    put(&made, "\0\x26\x42\x42\3", 5); /* STP */
    cr_assert_eq(queue_for(&made), 0);
    made.bytes = 9;
    cr_assert_eq(queue_for(&made), 0);
}

/* An error about a segment meets the connection's worker, whoever sends it and whichever way the
 * segment went. */
Test(steering, icmp_errors_follow_what_they_quote)
{
    unsigned quotes = 0;
    for (int i = 0; i < 5000; i++) {
        const struct ends about = some_ends(dice(2) != 0), router = some_ends(about.v6);
        struct ends error = router;
        struct made made;
        struct frame frame;
        struct frame_quote quote;
        memcpy(error.dst, about.src, 16);
        put_ethernet(&made, (int)dice(3));
        put16(&made, about.v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
        const uint32_t begin =
            put_ip(&made, &error, about.v6 ? PROTO_ICMPV6 : PROTO_ICMP, dice(3), 0);
        put(&made, about.v6 ? "\2\0\0\0\0\0\5\0" : "\3\4\0\0\0\0\5\0", 8);
        const uint32_t inner = put_ip(&made, &about, PROTO_TCP, dice(4),
                                      dice(4)    ? 0
                                      : about.v6 ? 1
                                                 : IPV4_MORE);
        put_tcp(&made, &about, FLAG_ACK, 0);
        end_ip(&made, &about, inner);
        if (dice(2))
            made.bytes -= 12; /* eight bytes of the segment, as routers of old send them */
        end_ip(&made, &error, begin);
        if (kind_of(&made, &frame) != FRAME_ICMP_ERROR || !frame_parse_quote(&frame, &quote))
            continue;
        quotes++;
        cr_assert_eq(queue_for(&made), worker_for(&about) * STEER_QUEUES, "error %d", i);
    }
    cr_assert_gt(quotes, 4000);
}

/* Whatever stands in a frame, cut anywhere: a queue that exists, and where the engine sees TCP,
 * that of its connection. */
Test(steering, broken_frames)
{
    for (int i = 0; i < 100000; i++) {
        const struct ends ends = some_ends(dice(2) != 0);
        struct made made;
        struct frame frame;
        make_tcp(&made, &ends, (uint8_t)dice(256), (int)dice(VLAN_TAGS_WALKED + 1),
                 dice(ends.v6 ? EXTENSIONS_MAX + 1 : 11), dice(40));
        for (uint32_t n = dice(4); n > 0; n--)
            made.data[12 + dice(made.bytes - 12)] = (uint8_t)dice(256);
        made.bytes = dice(3) ? made.bytes : dice(made.bytes) + 1;
        const uint32_t queue = queue_for(&made);
        cr_assert_lt(queue, 4 * STEER_QUEUES);
        if (kind_of(&made, &frame) != FRAME_TCP)
            continue;
        struct ends seen = {.v6 = frame.ip_version == 6,
                            .src_port = frame_src_port(&frame),
                            .dst_port = frame_dst_port(&frame)};
        const uint8_t *ip = made.data + frame.l3;
        memcpy(seen.src, ip + (seen.v6 ? 8 : 12), seen.v6 ? 16 : 4);
        memcpy(seen.dst, ip + (seen.v6 ? 24 : 16), seen.v6 ? 16 : 4);
        cr_assert_eq(queue / STEER_QUEUES, worker_for(&seen), "frame %d", i);
    }
}

/* --- in the kernel --------------------------------------------------------------------------- */

#define KERNEL_WORKERS 4u

static int packet_socket(const char *device)
{
    const struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                        .sll_protocol = htons(ETHERTYPE_IPV4),
                                        .sll_ifindex = (int)if_nametoindex(device)};
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* The queue in which the frame arrives; frames of the kernel's own are passed over. */
static uint32_t queue_in_kernel(const struct tap *tap, int sender, const struct made *made)
{
    cr_assert_eq(send(sender, made->data, made->bytes, 0), (ssize_t)made->bytes);
    struct pollfd fds[TAP_QUEUES_MAX];
    for (;;) {
        for (uint32_t i = 0; i < tap->queues; i++)
            fds[i] = (struct pollfd){.fd = tap->fds[i], .events = POLLIN};
        cr_assert_geq(poll(fds, tap->queues, 5000), 1, "the frame never came");
        for (uint32_t i = 0; i < tap->queues; i++) {
            uint8_t got[4096];
            if (!(fds[i].revents & POLLIN))
                continue;
            const ssize_t bytes = read(tap->fds[i], got, sizeof(got));
            if (bytes == (ssize_t)(OFFLOAD_BYTES + made->bytes) &&
                memcmp(got + OFFLOAD_BYTES, made->data, made->bytes) == 0)
                return i;
        }
    }
}

static void bring_up(const char *device)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, device, strlen(device));
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = IFF_UP;
    cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0, "%s", strerror(errno));
    close(fd);
}

/* A network namespace of this process's own, and a program; skips where that may not be. */
static int enter_namespace(uint32_t workers)
{
    struct error error = {0};
    if (geteuid() != 0 || access("/dev/net/tun", R_OK) != 0 || unshare(CLONE_NEWNET) != 0)
        cr_skip_test("skipped: needs root and /dev/net/tun");
    cr_assert_geq(sodium_init(), 0);
    const int program = steering_load(workers, 12345, &error);
    cr_assert_geq(program, 0, "%s", error.text);
    return program;
}

Test(steering, the_kernel_does_as_the_program_says)
{
    const int program = enter_namespace(KERNEL_WORKERS);
    struct side_spec side;
    struct error error = {0};
    struct tap tap;
    bool met[KERNEL_WORKERS] = {false};
    cr_assert(side_parse("tap:steer0", &side, &error));
    cr_assert(tap_open(&tap, &side, KERNEL_WORKERS * STEER_QUEUES, program, &error), "%s",
              error.text);
    cr_assert_eq(tap.queues, KERNEL_WORKERS * STEER_QUEUES);
    cr_assert(tap.steered);
    bring_up("steer0");
    const int sender = packet_socket("steer0");
    for (int i = 0; i < 300; i++) {
        const struct ends ends = some_ends(dice(2) != 0), other = turned(&ends);
        struct made made;
        make_tcp(&made, &ends, FLAG_ACK, (int)dice(3), dice(4), 0);
        const uint32_t queue = queue_in_kernel(&tap, sender, &made);
        cr_assert_eq(queue % STEER_QUEUES, STEER_FLOWS);
        met[queue / STEER_QUEUES] = true;
        make_tcp(&made, &other, FLAG_ACK, (int)dice(3), dice(4), 900);
        cr_assert_eq(queue_in_kernel(&tap, sender, &made), queue);
        make_tcp(&made, &ends, FLAG_SYN, (int)dice(3), 0, 0);
        cr_assert_eq(queue_in_kernel(&tap, sender, &made), queue + 1);
    }
    for (uint32_t i = 0; i < KERNEL_WORKERS; i++)
        cr_assert(met[i], "worker %u was given nothing", i);
    /* With fewer queues the same program still tells SYNs apart; with one it does nothing. */
    for (uint32_t queues = STEER_QUEUES; queues > 0; queues--) {
        tap_shrink(&tap, queues);
        const struct ends ends = some_ends(false);
        struct made made;
        make_tcp(&made, &ends, FLAG_SYN, 0, 0, 0);
        cr_assert_eq(queue_in_kernel(&tap, sender, &made), queues - 1);
        make_tcp(&made, &ends, FLAG_ACK, 0, 0, 0);
        cr_assert_eq(queue_in_kernel(&tap, sender, &made), 0);
    }
    close(sender);
    tap_close(&tap);
    close(program);
}
