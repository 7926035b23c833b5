/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flood - a bounded number of SYNs, or of DNS queries over UDP, with made-up source addresses, as
 * fast as asked or as fast as it can.
 *
 *      flood IFNAME DESTINATION-MAC ADDRESS PORT --count N [--rate N-PER-SECOND] [--sources
 *      A.B.C.D/BITS] [--seed N]
 *            [--drop yes] [--ack yes] [--dns yes] [--pieces yes]
 *
 * With --ack bare acknowledgments of nothing, not SYNs; with --dns queries for random names.
 *
 * A full queue is waited for, and a sender that was late catches up. With --drop neither: what
 * finds no room is lost, and what was not sent in time is not sent at all, as with a flood that
 * comes from afar.
 *
 * With --pieces the kernel takes the frames from a ring (PACKET_TX_RING) that it shares with this:
 * only the link header of each lies where other frames have all their headers.
 *
 * Ends early on SIGTERM or SIGINT; what was sent is reported then, too.
 *
 * For the tests' own namespaces only: the frames go out of IFNAME and end at the test's server.
 * IPv4 sources come in turn, in no order; source port and ISN are pseudo-random by --seed; options
 * are those of a Linux client (MSS, SACK, timestamps, window scale). With an IPv6 ADDRESS the
 * sources are fd99::/64.
 */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <sys/mman.h>

#include "tests/servers/common.h"

#define BATCH       64u
#define TCP_BYTES   40u
#define LATE_US     1000u
#define FRAME_BYTES (14u + 40u + TCP_BYTES)
#define SLOT_BYTES  256u /* of the ring, with what the kernel notes of a frame */
#define SLOT_STEP   ((size_t)TPACKET_ALIGNMENT)
#define DATA_AT     ((sizeof(struct tpacket2_hdr) + SLOT_STEP - 1) / SLOT_STEP * SLOT_STEP)

/* Long enough for the other end to get some work done on a machine with few cores. */
static const struct timespec queue_full_pause = {.tv_nsec = 100000};

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

static const uint8_t syn_options[20] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                        0, 1, 0,    0,    0, 0, 1, 3,  3, 7};

static struct {
    struct sockaddr_storage server;
    uint8_t destination[6], source[6];
    uint16_t port;
    uint64_t count, rate;
    bool drop, ack, pieces;
    uint8_t protocol;
    uint32_t tcp_bytes; /* of the transport part, an even number */
    uint32_t base, mask;
    uint64_t seed, made;
} options = {.count = 1000,
             .protocol = IPPROTO_TCP,
             .tcp_bytes = TCP_BYTES,
             .base = 0x0ac80000u,
             .mask = 0xffff0000u,
             .seed = 1};

static uint32_t sum_bytes(uint32_t sum, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i + 1 < bytes; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    return sum;
}

static uint16_t sum_finish(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void put_tcp(uint8_t *at, uint32_t pseudo_sum)
{
    const uint64_t r = next_random(&options.seed);
    struct tcphdr tcp = {.source = htons((uint16_t)(1024 + (r & 0x7fff))),
                         .dest = htons(options.port),
                         .seq = (uint32_t)(r >> 32),
                         .ack_seq = options.ack ? (uint32_t)next_random(&options.seed) : 0,
                         .doff = options.ack ? sizeof(struct tcphdr) / 4 : TCP_BYTES / 4,
                         .syn = !options.ack,
                         .ack = options.ack,
                         .window = htons(64240)};
    memcpy(at, &tcp, sizeof(tcp));
    if (!options.ack)
        memcpy(at + sizeof(tcp), syn_options, sizeof(syn_options));
    tcp.check =
        sum_finish(sum_bytes(pseudo_sum + IPPROTO_TCP + options.tcp_bytes, at, options.tcp_bytes));
    memcpy(at, &tcp, sizeof(tcp));
}

/* For "........." of nine letters below "test", so that it is as long as a SYN. */
static void put_query(uint8_t *at, uint32_t pseudo_sum)
{
    const uint64_t r = next_random(&options.seed);
    struct udphdr udp = {.source = htons((uint16_t)(1024 + (r & 0x7fff))),
                         .dest = htons(options.port),
                         .len = htons((uint16_t)options.tcp_bytes)};
    uint8_t *message = at + sizeof(udp);
    memcpy(at, &udp, sizeof(udp));
    memset(message, 0, options.tcp_bytes - sizeof(udp));
    message[0] = (uint8_t)(r >> 16);
    message[1] = (uint8_t)(r >> 24);
    message[2] = 1;
    message[5] = 1;
    message[12] = 9;
    for (unsigned i = 0; i < 9; i++)
        message[13 + i] = (uint8_t)('a' + (r >> (28 + 4 * i) & 15));
    memcpy(message + 22, "\4test\0\0\1\0\1", 10);
    udp.check =
        sum_finish(sum_bytes(pseudo_sum + IPPROTO_UDP + options.tcp_bytes, at, options.tcp_bytes));
    memcpy(at, &udp, sizeof(udp));
}

static void put_transport(uint8_t *at, uint32_t pseudo_sum)
{
    if (options.protocol == IPPROTO_UDP)
        put_query(at, pseudo_sum);
    else
        put_tcp(at, pseudo_sum);
}

static size_t make_ipv4(uint8_t *frame)
{
    /* An odd factor: every address once before any comes again. */
    const uint32_t host = (uint32_t)options.made++ * 2654435761u & ~options.mask;
    struct iphdr ip = {.version = 4,
                       .ihl = 5,
                       .tot_len = htons((uint16_t)(20 + options.tcp_bytes)),
                       .frag_off = htons(0x4000),
                       .ttl = 64,
                       .protocol = options.protocol,
                       .saddr = htonl((options.base & options.mask) | host),
                       .daddr = ((const struct sockaddr_in *)&options.server)->sin_addr.s_addr};
    memcpy(frame + 14, &ip, sizeof(ip));
    ip.check = sum_finish(sum_bytes(0, frame + 14, sizeof(ip)));
    memcpy(frame + 14, &ip, sizeof(ip));
    put_transport(frame + 34, sum_bytes(0, frame + 26, 8));
    return 34 + options.tcp_bytes;
}

static size_t make_ipv6(uint8_t *frame)
{
    struct ip6_hdr ip = {.ip6_flow = htonl(6u << 28),
                         .ip6_plen = htons((uint16_t)options.tcp_bytes),
                         .ip6_nxt = options.protocol,
                         .ip6_hlim = 64,
                         .ip6_dst = ((const struct sockaddr_in6 *)&options.server)->sin6_addr};
    const uint64_t host = next_random(&options.seed);
    ip.ip6_src.s6_addr[0] = 0xfd;
    ip.ip6_src.s6_addr[1] = 0x99;
    memcpy(&ip.ip6_src.s6_addr[8], &host, sizeof(host));
    memcpy(frame + 14, &ip, sizeof(ip));
    put_transport(frame + 54, sum_bytes(0, frame + 22, 32));
    return 54 + options.tcp_bytes;
}

static size_t make_frame(uint8_t *frame)
{
    const bool ipv6 = options.server.ss_family == AF_INET6;
    memcpy(frame, options.destination, 6);
    memcpy(frame + 6, options.source, 6);
    frame[12] = ipv6 ? 0x86 : 0x08;
    frame[13] = ipv6 ? 0xdd : 0x00;
    return ipv6 ? make_ipv6(frame) : make_ipv4(frame);
}

static int open_interface(const char *name)
{
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    const struct sockaddr_ll to = {.sll_family = AF_PACKET,
                                   .sll_ifindex = (int)if_nametoindex(name)};
    if (fd < 0 || to.sll_ifindex == 0 || bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
        die("%s", name);
    struct sockaddr_ll own;
    socklen_t bytes = sizeof(own);
    getsockname(fd, (struct sockaddr *)&own, &bytes);
    memcpy(options.source, own.sll_addr, 6);
    set_option(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    return fd;
}

/* Keeps to the rate: waits until `made` frames are due. With --drop the start moves where that was
 * long ago. */
static void pace(uint64_t *start_us, uint64_t made)
{
    if (!options.rate)
        return;
    uint64_t due_us = *start_us + made * 1000000 / options.rate;
    const uint64_t now = now_us();
    if (options.drop && now > due_us + LATE_US) {
        *start_us += now - due_us;
        due_us = now;
    }
    const struct timespec due = {.tv_sec = (time_t)(due_us / 1000000),
                                 .tv_nsec = (long)(due_us % 1000000) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

/* As many at once as are due within a few ms: a slow rate is a trickle, not a burst now and then.
 */
static unsigned batch_most(void)
{
    const uint64_t due = options.rate ? options.rate / 256 + 1 : BATCH;
    return due < BATCH ? (unsigned)due : BATCH;
}

/* Returns how many of them the kernel took. A full queue (ENOBUFS) is waited for, or with --drop
 * costs one of them. */
static unsigned send_batch(int fd, struct mmsghdr *messages, unsigned batch)
{
    unsigned taken = 0;
    for (unsigned done = 0; done < batch;) {
        const int n = sendmmsg(fd, messages + done, batch - done, 0);
        if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            die("sendmmsg");
        if (n > 0)
            taken += (unsigned)n;
        else if (!options.drop)
            nanosleep(&queue_full_pause, NULL);
        done += n > 0 ? (unsigned)n : options.drop;
    }
    return taken;
}

/* --- a ring that the kernel shares ------------------------------------------------------------ */

static uint8_t *open_ring(int fd)
{
    const struct tpacket_req request = {.tp_block_size = BATCH * SLOT_BYTES,
                                        .tp_block_nr = 1,
                                        .tp_frame_size = SLOT_BYTES,
                                        .tp_frame_nr = BATCH};
    void *ring;

    set_option(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
    if (setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof(request)) < 0)
        die("PACKET_TX_RING");
    ring = mmap(NULL, BATCH * SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED)
        die("mmap");
    return ring;
}

/* All of the ring, or what is left. Waits until they are out. */
static uint64_t run_ring(int fd, uint64_t *sent)
{
    uint8_t *ring = open_ring(fd);
    const uint64_t start_us = now_us();
    uint64_t paced_us = start_us;
    unsigned slot = 0;

    while (*sent < options.count && !stop) {
        const uint64_t left = options.count - *sent;
        const unsigned batch = left < batch_most() ? (unsigned)left : batch_most();

        for (unsigned i = 0; i < batch; i++) {
            struct tpacket2_hdr *head = (void *)(ring + slot * SLOT_BYTES);

            head->tp_len = (uint32_t)make_frame((uint8_t *)head + DATA_AT);
            __atomic_store_n(&head->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
            slot = (slot + 1) % BATCH;
        }
        if (send(fd, NULL, 0, 0) < 0 && errno != EINTR && errno != ENOBUFS)
            die("send");
        *sent += batch;
        pace(&paced_us, *sent);
    }
    return now_us() - start_us;
}

/* Makes frames and sends them; counts in `sent` what the kernel took. Returns the time taken. */
static uint64_t run(int fd, uint64_t *sent)
{
    static uint8_t frames[BATCH][FRAME_BYTES];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH] = {0};
    const uint64_t start_us = now_us();
    uint64_t paced_us = start_us;
    for (uint64_t made = 0; made < options.count && !stop;) {
        const uint64_t left = options.count - made;
        const unsigned batch = left < batch_most() ? (unsigned)left : batch_most();
        for (unsigned i = 0; i < batch; i++) {
            parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = make_frame(frames[i])};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        *sent += send_batch(fd, messages, batch);
        made += batch;
        pace(&paced_us, made);
    }
    return now_us() - start_us;
}

static void set_flood_option(const char *name, char *value)
{
    if (strcmp(name, "--count") == 0)
        options.count = number(value);
    else if (strcmp(name, "--rate") == 0)
        options.rate = number(value);
    else if (strcmp(name, "--seed") == 0)
        options.seed = number(value) * 2 + 1; /* never 0 */
    else if (strcmp(name, "--ack") == 0) {
        options.ack = strcmp(value, "yes") == 0;
        options.tcp_bytes = options.ack ? sizeof(struct tcphdr) : TCP_BYTES;
    } else if (strcmp(name, "--dns") == 0)
        options.protocol = strcmp(value, "yes") == 0 ? IPPROTO_UDP : IPPROTO_TCP;
    else if (strcmp(name, "--pieces") == 0)
        options.pieces = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--drop") == 0)
        options.drop = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--sources") == 0) {
        char *slash = strchr(value, '/');
        struct in_addr base;
        const uint64_t bits = slash ? number(slash + 1) : 32;
        if (slash)
            *slash = 0;
        if (inet_pton(AF_INET, value, &base) != 1 || bits < 1 || bits > 32)
            die("not a range: %s", value);
        options.base = ntohl(base.s_addr);
        options.mask = (uint32_t)(0xffffffffull << (32 - bits));
    } else
        die("no such option: %s", name);
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc % 2 == 0)
        die("usage: flood IFNAME DESTINATION-MAC ADDRESS PORT [OPTION VALUE]...");
    socklen_t bytes;
    unsigned mac[6];
    if (sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
               &mac[5]) != 6)
        die("not a MAC address: %s", argv[2]);
    for (int i = 0; i < 6; i++)
        options.destination[i] = (uint8_t)mac[i];
    options.port = (uint16_t)number(argv[4]);
    options.server = address_of(argv[3], options.port, &bytes);
    for (int i = 5; i + 1 < argc; i += 2)
        set_flood_option(argv[i], argv[i + 1]);
    const int fd = open_interface(argv[1]);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    uint64_t sent = 0;
    const uint64_t took_us = options.pieces ? run_ring(fd, &sent) : run(fd, &sent);
    printf("{\"sent\": %llu, \"took_us\": %llu}\n", (unsigned long long)sent,
           (unsigned long long)took_us);
    return 0;
}
