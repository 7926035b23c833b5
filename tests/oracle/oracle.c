/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle.c - the kernel says which frames a host answers; the engine must not let one of them pass.
 *
 *      oracle MUTANTS [SEED]        in a network namespace of its own, as root
 *      oracle list MUTANTS [SEED]   the mutants, and what the engine makes of them, as lines for
 *                                   tests/net/test_oracle.py, which sends them through the daemon
 *
 * Each mutant is a SYN, or the fragments of one, changed by one class of mutation and perhaps by
 * one more. It is written into a TAP behind which the kernel listens (tcp_syncookies=2: every SYN
 * is answered at once, without state), and the same bytes go into an engine in attack mode.
 *
 *      host answers    we forward it     FAIL: a way around the cookie
 *                      we drop it        listed for its class, with the reason; else FAIL
 *                      we answer         the same acknowledgement, right checksums; else FAIL
 *      host is silent  we answer         listed for its class, with the reason; else FAIL
 *
 * Of fragments those that the engine lets pass are given to the host once more: no answer may come.
 * Every class but those that this kernel refuses altogether needs ANSWERED_LEAST answers, or there
 * is no verdict on it. Mutants are made of the seed and their number: a find is printed in hex and
 * with both, and comes again with them.
 *
 * It is longer than most: the mutations, both judges and their verdict make one program.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/bytes.h"
#include "engine/engine.h"
#include "tests/engine/support_frames.h"

#define ANSWERED_LEAST 200
#define PIECES_MAX     4
#define FINDS_MAX      20

struct piece {
    uint32_t bytes;
    uint8_t buffer[4096]; /* offload header first */
};

struct mutant {
    struct test_frame frame; /* the SYN as it is being changed */
    bool v6;
    uint32_t pieces; /* 0: the frame itself */
    struct piece piece[PIECES_MAX];
};

static uint64_t random_state;

static uint32_t dice(uint32_t n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((random_state >> 33) % n);
}

static uint8_t *data_of(struct mutant *m)
{
    return frame_data(&m->frame);
}

/* --- mutations ------------------------------------------------------------------------------- */

static void fix_tcp(struct mutant *m)
{
    struct frame *view = &m->frame.view;
    struct ip_addr src, dst;
    uint32_t bytes;

    if (frame_read(&m->frame) != FRAME_TCP)
        return;
    src = frame_src(view);
    dst = frame_dst(view);
    bytes = view->payload - view->l4 + view->payload_bytes;
    store_be16(frame_tcp(view) + TCP_CHECKSUM_AT, 0);
    store_be16(frame_tcp(view) + TCP_CHECKSUM_AT,
               (uint16_t)~checksum_fold(checksum_add(checksum_pseudo(&src, &dst, PROTO_TCP, bytes),
                                                     frame_tcp(view), bytes)));
}

static void fix(struct mutant *m)
{
    if (!m->v6 && frame_read(&m->frame) != FRAME_OTHER)
        frame_fix_ip_checksum(&m->frame);
    fix_tcp(m);
}

static void plain(struct mutant *m)
{
    (void)m;
}

static void ip_fields(struct mutant *m)
{
    uint8_t *ip = data_of(m) + 14;

    if (m->v6) {
        store_be32(ip, 0x60000000u | dice(1u << 28));
        ip[7] = (uint8_t)dice(256);
        return;
    }
    ip[1] = (uint8_t)dice(256);
    store_be16(ip + 4, (uint16_t)dice(65536));
    ip[6] = (uint8_t)(dice(8) << 5 & (dice(8) ? 0xc0 : 0xe0));
    ip[8] = (uint8_t)dice(256);
    frame_fix_ip_checksum(&m->frame);
    if (!dice(10))
        ip[10] ^= (uint8_t)(1 + dice(255));
}

static void tcp_fields(struct mutant *m)
{
    uint8_t *tcp = frame_tcp(&m->frame.view);

    switch (dice(5)) {
    case 0:
        store_be32(tcp + 8, dice(UINT32_MAX));
        break;
    case 1:
        tcp[13] = (uint8_t)(dice(256) | (dice(4) ? TCP_SYN : 0));
        break;
    case 2:
        tcp[12] = (uint8_t)((tcp[12] & 0xf0) | dice(16));
        break;
    case 3:
        store_be32(tcp + 14, dice(UINT32_MAX));
        store_be16(tcp + 18, (uint16_t)dice(65536));
        break;
    default:
        tcp[12] = (uint8_t)((tcp[12] & 0x0f) | dice(16) << 4);
    }
    fix_tcp(m);
    if (!dice(12))
        tcp[16] ^= (uint8_t)(1 + dice(255));
}

static void tcp_options(struct mutant *m)
{
    uint8_t *at = frame_tcp(&m->frame.view) + TCP_HEADER_BYTES;
    uint32_t bytes = m->frame.view.options_bytes;

    if (bytes >= 16 && dice(10) == 0) { /* signed, as nobody here asked for */
        at[0] = dice(2) ? 19 : 29;
        at[1] = (uint8_t)(dice(2) && bytes >= 18 ? 18 : 4 + dice(13));
        fix_tcp(m);
        return;
    }
    for (uint32_t n = 1 + dice(6); n > 0 && bytes; n--)
        at[dice(bytes)] = (uint8_t)(dice(3) ? dice(12) : dice(256));
    fix_tcp(m);
}

static void priority_tags(struct mutant *m)
{
    for (uint32_t n = 1 + dice(dice(2) ? 3 : 60); n > 0; n--) {
        const uint8_t tag[4] = {dice(2) ? 0x81 : 0x88, 0, (uint8_t)(dice(16) << 4), 0};
        uint8_t put[4] = {tag[0], tag[0] == 0x81 ? 0 : 0xa8, tag[2], 0};

        frame_insert(&m->frame, 12, put, 4);
    }
}

static void link_formats(struct mutant *m)
{
    static const uint8_t forms[][10] = {{8, 0, 60, 0xaa, 0xaa, 3, 0, 0, 0},
                                        {4, 0x91, 0, 0, 0},
                                        {4, 0x81, 0, 0, 7},
                                        {6, 0x88, 0x47, 0, 0, 1, 64},
                                        {6, 0x89, 0x2f, 0, 60, 0, 1}};
    const uint8_t *form = forms[dice(5)];

    frame_insert(&m->frame, 12, form + 1, form[0]);
}

static void ipv4_options(struct mutant *m)
{
    static const uint8_t kinds[] = {0, 1, 7, 68, 130, 131, 134, 136, 137, 148, 25, 94};
    uint32_t bytes = 4 * (1 + dice(10));
    uint8_t options[40] = {0};

    if (m->v6)
        return;
    for (uint32_t at = 0; at < bytes;) {
        uint32_t length = 2 + dice(12);

        options[at] = dice(20) ? kinds[dice(12)] : (uint8_t)dice(256);
        if (at + 3 < bytes && options[at] > 1) {
            options[at + 1] =
                (uint8_t)(dice(8) ? length > bytes - at ? bytes - at : length : dice(45));
            options[at + 2] = (uint8_t)(dice(4) ? 4 + dice(6) : dice(45));
            length = options[at + 1];
        }
        at += options[at] > 1 && length ? length : 1;
    }
    frame_insert_ip_options(&m->frame, options, bytes);
}

static uint32_t fill_options(uint8_t *header)
{
    uint32_t bytes = 8 * (1 + dice(3)), at = 2;

    memset(header, 0, bytes);
    header[1] = (uint8_t)(bytes / 8 - 1);
    while (at < bytes) {
        uint32_t left = bytes - at, length = left < 2 ? 0 : dice(left - 1);

        if (left < 2) {
            header[at++] = dice(8) ? 0 : (uint8_t)dice(256);
            continue;
        }
        if (dice(4) == 0)
            length = left - 2;
        header[at] = (uint8_t)(dice(3) ? 1 : dice(4) ? 0x1e : dice(256));
        header[at + 1] = (uint8_t)(dice(20) ? length : dice(256));
        if (header[at] == 1 && length > 5 && dice(4))
            header[at] = 0x1e;
        at += 2 + length;
    }
    return bytes;
}

static void extensions(struct mutant *m)
{
    uint8_t header[64];

    if (!m->v6)
        return;
    for (uint32_t n = 1 + dice(dice(4) ? 3 : 40); n > 0; n--) {
        uint32_t kind = dice(20), bytes = 8;

        memset(header, 0, sizeof(header));
        if (kind < 14) {
            if (dice(3) == 0)
                bytes = fill_options(header);
            else
                header[2] = 1, header[3] = 4;
            frame_insert_extension(&m->frame, n == 1 && kind < 6 ? 0 : 60, header, bytes);
        } else if (kind < 17) {
            header[2] = (uint8_t)dice(dice(2) ? 6 : 256);
            header[3] = (uint8_t)(dice(8) ? 0 : dice(3));
            frame_insert_extension(&m->frame, 43, header, 8);
        } else if (kind < 19) {
            header[3] = (uint8_t)(dice(8) ? dice(4) << 1 : dice(256));
            frame_insert_extension(&m->frame, 44, header, 8);
        } else {
            static const uint8_t odd[] = {51, 135, 139, 0, 59, 140};

            frame_insert_extension(&m->frame, odd[dice(6)], header, 8);
        }
    }
}

static void length_zero(struct mutant *m)
{
    uint8_t header[8] = {0, 0, 1, 4};

    if (!m->v6)
        return;
    if (dice(4) == 0)
        extensions(m);
    if (dice(6) == 0)
        memcpy(header + 2, "\xc2\x04\0\1\0\0", 6);
    frame_insert_extension(&m->frame, 0, header, 8);
    store_be16(data_of(m) + 18, 0);
    fix_tcp(m);
}

static void trailers(struct mutant *m)
{
    uint32_t bytes = 1 + dice(dice(2) ? 20 : 400);

    memset(m->frame.buffer + m->frame.bytes, (int)dice(256), bytes);
    m->frame.bytes += bytes;
}

static void lengths(struct mutant *m)
{
    uint8_t *at = data_of(m) + (m->v6 ? 18 : 16);

    if (dice(3) == 0) { /* a part of what follows is payload */
        uint32_t more = dice(40);

        trailers(m);
        more = more < m->frame.bytes - OFFLOAD_BYTES - 14 - (m->v6 ? 40u : 0u) - load_be16(at)
                   ? more
                   : 0;
        store_be16(at, (uint16_t)(load_be16(at) + more));
        fix(m);
        return;
    }
    store_be16(at, (uint16_t)(dice(2) ? load_be16(at) + dice(9) - 4 : dice(120)));
    if (dice(2))
        fix(m);
    if (dice(4) == 0)
        m->frame.bytes = OFFLOAD_BYTES + 14 + dice(m->frame.bytes - OFFLOAD_BYTES - 14);
}

static void offloads(struct mutant *m)
{
    struct offload *offload = (struct offload *)(void *)m->frame.buffer;

    if (dice(2)) {
        offload->flags = OFFLOAD_CHECKSUM_VALID; /* the kernel does not believe it of us */
        return;
    }
    *offload = (struct offload){.flags = OFFLOAD_NEEDS_CHECKSUM,
                                .checksum_start = m->frame.view.l4,
                                .checksum_offset = TCP_CHECKSUM_AT};
    frame_tcp(&m->frame.view)[16] = (uint8_t)dice(256);
}

static void macs(struct mutant *m)
{
    uint8_t *data = data_of(m);

    switch (dice(4)) {
    case 0:
        memset(data, 0xff, 6);
        break;
    case 1:
        data[0] |= 1;
        break;
    case 2:
        data[dice(6)] ^= (uint8_t)(2 * (1 + dice(127)));
        break;
    default:
        data[6 + dice(6)] ^= (uint8_t)(1 + dice(255));
    }
}

static void sources(struct mutant *m)
{
    static const uint8_t odd[][4] = {{0, 0, 0, 0},   {0, 1, 2, 3},         {127, 0, 0, 1},
                                     {224, 0, 0, 1}, {255, 255, 255, 255}, {10, 9, 0, 2},
                                     {240, 1, 2, 3}, {192, 0, 2, 1}};
    uint8_t *ip = data_of(m) + 14;

    if (m->v6) {
        memset(ip + 8, 0, 16);
        ip[8] = (uint8_t)(dice(3) ? 0x20 | dice(8) : dice(2) ? 0xff : 0);
        ip[23] = (uint8_t)dice(3);
        if (dice(8) == 0)
            memcpy(ip + 8, ip + 24, 16);
    } else if (dice(2)) {
        memcpy(ip + 12, odd[dice(8)], 4);
    } else {
        store_be32(ip + 12, dice(UINT32_MAX));
    }
    fix(m);
}

static void edits(struct mutant *m)
{
    for (uint32_t n = 1 + dice(3); n > 0; n--)
        data_of(m)[12 + dice(m->frame.bytes - OFFLOAD_BYTES - 12)] = (uint8_t)dice(256);
    if (dice(2))
        fix(m);
}

static void tunnels(struct mutant *m)
{
    uint8_t outer[24] = {0x45, 0,  0,   0, 0,  0, 0, 0, 64, 4, 0, 0,
                         198,  51, 100, 9, 10, 9, 0, 2, 0,  0, 8, 0};
    bool gre = dice(2);

    if (m->v6)
        return;
    outer[9] = gre ? 47 : 4;
    store_be16(outer + 2, (uint16_t)(m->frame.bytes - OFFLOAD_BYTES - 14 + (gre ? 24 : 20)));
    store_be16(outer + 10, (uint16_t)~checksum_fold(checksum_add(0, outer, 20)));
    frame_insert(&m->frame, 14, outer, gre ? 24 : 20);
}

/* Bytes `from` to `to` of what is behind the IP header, as a fragment. */
static void add_fragment(struct mutant *m, uint32_t from, uint32_t to, bool more, uint32_t id)
{
    struct piece *piece = &m->piece[m->pieces++];
    uint32_t head = OFFLOAD_BYTES + (m->v6 ? 54 : 34), extra = m->v6 ? 8 : 0;
    uint8_t *ip = piece->buffer + OFFLOAD_BYTES + 14;

    memcpy(piece->buffer, m->frame.buffer, head);
    memcpy(piece->buffer + head + extra, m->frame.buffer + head + from, to - from);
    piece->bytes = head + extra + to - from;
    if (m->v6) {
        store_be16(ip + 4, (uint16_t)(to - from + 8));
        piece->buffer[head] = ip[6];
        piece->buffer[head + 1] = 0;
        store_be16(piece->buffer + head + 2, (uint16_t)(from | more));
        store_be32(piece->buffer + head + 4, id);
        ip[6] = 44;
        return;
    }
    store_be16(ip + 2, (uint16_t)(20 + to - from));
    store_be16(ip + 4, (uint16_t)id);
    store_be16(ip + 6, (uint16_t)(from / 8 | (more ? 0x2000 : 0)));
    store_be16(ip + 10, 0);
    store_be16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, 20)));
}

static void fragments(struct mutant *m)
{
    uint32_t bytes = m->frame.bytes - OFFLOAD_BYTES - (m->v6 ? 54 : 34), id = dice(UINT32_MAX);
    uint32_t cut = 8 * (1 + dice((bytes - 1) / 8)), order = dice(6);

    if (m->v6 && dice(3) == 0) { /* TCP named behind another header, perhaps in the second piece */
        frame_insert_extension(&m->frame, 60, (const uint8_t[]){0, 0, 1, 4, 0, 0, 0, 0}, 8);
        bytes += 8;
    }
    if (order == 1)
        add_fragment(m, cut, bytes, false, id);
    if (order == 4 && cut > 8) { /* ports and sequence number alone, and in three pieces */
        add_fragment(m, 0, 8, true, id);
        add_fragment(m, 8, cut, true, id);
    } else {
        add_fragment(m, 0, cut, true, id);
    }
    if (order == 5) /* overlapping */
        add_fragment(m, cut - 8, cut, true, id);
    if (order == 2)
        add_fragment(m, 0, cut, true, id); /* said twice */
    if (order != 1)
        add_fragment(m, cut, bytes, false, id);
}

struct class
{
    const char *name;
    void (*mutate)(struct mutant *m);
    const char *dropped;  /* why what the host answers may be dropped; NULL: never */
    const char *answered; /* why what the host leaves may be answered; NULL: never */
    bool refused;         /* by this kernel altogether */
    uint32_t mutants, host, ours, drops, extra;
};

#define MD5_LOOKS "who knows TCP-MD5 refuses broken options and unasked signatures, others do not"

static struct class classes[] = {
    {"plain", plain, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"IP fields", ip_fields, "a fragment of one piece", NULL, false, 0, 0, 0, 0, 0},
    {"TCP fields", tcp_fields, NULL, MD5_LOOKS, false, 0, 0, 0, 0, 0},
    {"TCP options", tcp_options, NULL, MD5_LOOKS, false, 0, 0, 0, 0, 0},
    {"priority tags", priority_tags, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"IPv4 options", ipv4_options, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"extension headers", extensions, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"length 0", length_zero, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"trailers", trailers, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"lengths", lengths, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"offloads", offloads, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"MACs", macs, NULL, "a bridge does not know who takes which MAC", false, 0, 0, 0, 0, 0},
    {"sources", sources, NULL, NULL, false, 0, 0, 0, 0, 0},
    {"bytes", edits, NULL, "the same MAC, VLAN or host is another's", false, 0, 0, 0, 0, 0},
    {"fragments", fragments, "fragments are not put together", NULL, false, 0, 0, 0, 0, 0},
    {"link formats", link_formats, NULL, NULL, true, 0, 0, 0, 0, 0},
    {"tunnels", tunnels, NULL, NULL, true, 0, 0, 0, 0, 0},
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

/* --- both sides ------------------------------------------------------------------------------ */

static int tap;
static struct engine *engine;
static uint64_t now_us = 1000000;
static uint32_t finds;

static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(2);
}

static void listen_at(int family, const char *what)
{
    struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    int fd = socket(family, SOCK_STREAM, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&at6, sizeof(at6)) == 0 && listen(fd, 4096) == 0,
         what);
}

static void host_begin(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    must(unshare(CLONE_NEWNET) == 0, "unshare");
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    memcpy(request.ifr_name, "t0", 3);
    must(tap >= 0 && ioctl(tap, TUNSETIFF, &request) == 0, "TAP");
    must(system("set -e; sysctl -qw net.ipv4.tcp_syncookies=2 net.ipv4.conf.all.rp_filter=0 "
                "net.ipv4.conf.t0.rp_filter=0 net.ipv6.conf.t0.accept_dad=0 "
                "net.ipv6.conf.t0.seg6_enabled=1 net.ipv6.conf.all.seg6_enabled=1; "
                "for c in all t0; do sysctl -qw net.ipv6.conf.$c.rpl_seg_enabled=1 || true; done; "
                "ip link set lo up; ip link set t0 address 02:00:00:00:00:02 up; "
                "ip addr add 10.9.0.2/32 dev t0; ip addr add fd09::2/128 dev t0 nodad; "
                "ip route add default via 10.9.0.1 dev t0 onlink; "
                "ip -6 route add default via fd09::1 dev t0 onlink; "
                "ip neigh add 10.9.0.1 lladdr 02:00:00:00:00:01 dev t0 nud permanent; "
                "ip neigh add fd09::1 lladdr 02:00:00:00:00:01 dev t0 nud permanent") == 0,
         "addresses");
    listen_at(AF_INET6, "listen");
}

static void add_server(const char *address)
{
    struct server_key key = {.port = 80};

    must(addr_from_text(address, &key.addr), "address");
    engine_set_answered(engine, &key, now_us);
}

static void engine_begin(void)
{
    struct engine_config config;

    engine_config_defaults(&config);
    config.flows_max = 1024;
    engine =
        engine_init(aligned_alloc(64, (engine_bytes(&config) + 63) & ~(size_t)63), &config, now_us);
    engine_set_setting(engine, NULL, SETTING_ATTACK, now_us);
    add_server("10.9.0.2");
    add_server("fd09::2");
    engine_set_setting(engine, NULL, SETTING_ATTACK, now_us);
}

/* True where the kernel says a SYN-ACK; its ack - 1. */
static bool host_heard(uint32_t *isn)
{
    static uint8_t buffer[70000];
    ssize_t bytes;
    bool heard = false;

    /* Read without the engine's help: the kernel's own record route may be one that it refuses. */
    while ((bytes = read(tap, buffer, sizeof(buffer))) > 0) {
        const uint8_t *ip = buffer + OFFLOAD_BYTES + 14;
        uint16_t type = load_be16(ip - 2);
        const uint8_t *tcp = ip + (type == 0x0800 ? (ip[0] & 15) * 4 : 40);

        if (bytes < OFFLOAD_BYTES + 54 || (type != 0x0800 && type != 0x86dd) ||
            ip[type == 0x0800 ? 9 : 6] != PROTO_TCP ||
            (tcp[13] & (TCP_SYN | TCP_ACK | TCP_RST)) != (TCP_SYN | TCP_ACK))
            continue;
        *isn = load_be32(tcp + 8) - 1;
        heard = true;
    }
    return heard;
}

static void find(const struct class *class, uint64_t number, struct mutant *m, const char *why)
{
    finds++;
    printf("FAILED %s, mutant %llu: %s:", class->name, (unsigned long long)number, why);
    for (uint32_t p = 0; p < m->pieces; p++) {
        for (uint32_t i = 0; i < m->piece[p].bytes; i++)
            printf("%s%02x", i ? "" : " ", m->piece[p].buffer[i]);
    }
    printf("\n");
}

/* What the engine made of a mutant. */
struct ours {
    bool answered, forwarded[PIECES_MAX], dropped, right;
    enum drop_reason reason; /* where it was dropped */
    uint32_t isn;
};

static void ask_engine(const struct mutant *m, struct ours *ours)
{
    static uint8_t buffer[8192];
    struct verdict verdict = {0};
    struct frame view;

    *ours = (struct ours){.right = true};
    for (uint32_t p = 0; p < m->pieces; p++) {
        memcpy(buffer, m->piece[p].buffer, m->piece[p].bytes);
        now_us += 10;
        engine_input(engine, SIDE_CLIENT, buffer, m->piece[p].bytes, m->piece[p].bytes,
                     sizeof(buffer), now_us, &verdict);
        engine_outbox(engine)->count = engine_outbox(engine)->used = 0;
        engine_observations(engine)->count = 0;
        ours->forwarded[p] = verdict.action == VERDICT_FORWARD;
        if (verdict.action == VERDICT_DROP) {
            ours->dropped = true;
            ours->reason = verdict.reason;
        }
        if (verdict.action != VERDICT_REPLY)
            continue;
        if (frame_parse(&view, (struct offload *)(void *)buffer, buffer + OFFLOAD_BYTES,
                        verdict.bytes - OFFLOAD_BYTES, verdict.bytes - OFFLOAD_BYTES,
                        sizeof(buffer) - OFFLOAD_BYTES) != FRAME_TCP)
            ours->right = false;
        else if ((view.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
            ours->answered = true;
            ours->isn = view.ack - 1;
            ours->right = frame_checksum_right(&view) && view.l3 <= LINK_HEADER_MAX &&
                          memcmp(view.data, m->piece[p].buffer + OFFLOAD_BYTES + 6, 6) == 0;
        }
    }
}

/* False: the kernel would not take it from a TAP. */
static bool tell_host(const struct mutant *m, const bool *which)
{
    for (uint32_t p = 0; p < m->pieces; p++)
        if ((!which || which[p]) && write(tap, m->piece[p].buffer, m->piece[p].bytes) < 0)
            return false;
    return true;
}

#define ASKED_AGAIN 3
#define AGAIN_MS    20

/* A busy machine may lose a frame, or answer later: whoever is silent is asked again. */
static bool host_answers_again(const struct mutant *m, uint32_t *isn)
{
    struct pollfd readable = {.fd = tap, .events = POLLIN};

    for (int i = 0; i < ASKED_AGAIN; i++) {
        poll(&readable, 1, AGAIN_MS);
        if (host_heard(isn) || (tell_host(m, NULL) && host_heard(isn)))
            return true;
    }
    return false;
}

static void judge(struct class *class, uint64_t number, struct mutant *m)
{
    uint32_t isn = 0, again;
    bool host, any = false;
    struct ours ours;

    host_heard(&again);
    if (!tell_host(m, NULL))
        return;
    host = host_heard(&isn);
    ask_engine(m, &ours);
    if (!host && ours.answered && !class->answered)
        host = host_answers_again(m, &isn);
    class->mutants++;
    class->host += host;
    class->ours += ours.answered;
    for (uint32_t p = 0; p < m->pieces; p++)
        any |= ours.forwarded[p];
    if (!ours.right)
        find(class, number, m, "our answer is wrong");
    else if (host && ours.answered && isn != ours.isn)
        find(class, number, m, "we acknowledge something else");
    else if (any && tell_host(m, ours.forwarded) && host_heard(&again))
        find(class, number, m, "the host answers what we let pass");
    else if (host && !ours.answered) {
        class->drops++;
        if (!class->dropped)
            find(class, number, m, "the host answers, we drop it");
    } else if (!host && ours.answered) {
        class->extra++;
        if (!class->answered)
            find(class, number, m, "the host is silent, we answer");
    }
}

/* --- the run --------------------------------------------------------------------------------- */

static void make(struct mutant *m, struct class *class, uint64_t seed, uint64_t number)
{
    static const char *const options[] = {"mss=1460 sack ts=5/0 nop ws=7", "mss=1460", NULL,
                                          "mss=1400 nop nop sack"};

    random_state = (seed + number) * 0x9e3779b97f4a7c15ull;
    dice(2);
    m->v6 = dice(2);
    if (class->mutate == ipv4_options || class->mutate == tunnels)
        m->v6 = false;
    if (class->mutate == extensions || class->mutate == length_zero)
        m->v6 = true;
    m->pieces = 0;
    frame_write(&m->frame,
                &(struct frame_words){.from = m->v6 ? "[fd99::7]:1000" : "198.51.100.7:1000",
                                      .to = m->v6 ? "[fd09::2]:80" : "10.9.0.2:80",
                                      .flags = "S",
                                      .seq = (uint32_t)number * 2654435761u,
                                      .options = options[dice(4)],
                                      .payload = dice(8) ? NULL : "GET"});
    memcpy(data_of(m), "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
    store_be16(frame_tcp(&m->frame.view), (uint16_t)(1024 + dice(60000)));
    fix_tcp(m);
    class->mutate(m);
    if (m->pieces)
        return;
    m->pieces = 1;
    m->piece[0].bytes = m->frame.bytes;
    memcpy(m->piece[0].buffer, m->frame.buffer, m->frame.bytes);
}

/* "answered", "kept away" where the frame itself is the reason, else "-": what depends on rates and
 * on what was before is not compared. */
static const char *in_a_word(const struct mutant *m, const struct ours *ours)
{
    if (ours->answered)
        return "answered";
    if (!ours->dropped)
        return "-";
    for (uint32_t p = 0; p < m->pieces; p++)
        if (ours->forwarded[p])
            return "-";
    return ours->reason == DROP_unreadable || ours->reason == DROP_fragment ||
                   ours->reason == DROP_bad_segment || ours->reason == DROP_bad_checksum
               ? "kept away"
               : "-";
}

/* CLASS, word, ISN and the frames in hex, without offload headers, separated by tabs. */
static void list(uint64_t mutants, uint64_t seed)
{
    static struct mutant m;
    struct ours ours;

    for (uint64_t number = 0; number < mutants; number++) {
        struct class *class = &classes[number % CLASSES];

        make(&m, class, seed, number);
        ask_engine(&m, &ours);
        printf("%s\t%s\t%u\t", class->name, in_a_word(&m, &ours), ours.isn);
        for (uint32_t p = 0; p < m.pieces; p++) {
            for (uint32_t i = OFFLOAD_BYTES; i < m.piece[p].bytes; i++)
                printf("%02x", m.piece[p].buffer[i]);
            printf("%s", p + 1 < m.pieces ? " " : "\n");
        }
    }
}

static uint32_t report(void)
{
    uint32_t failed = 0;

    printf("%-18s %9s %9s %9s %9s %9s\n", "class", "mutants", "host", "we", "dropped", "extra");
    for (size_t i = 0; i < CLASSES; i++) {
        const struct class *class = &classes[i];

        printf("%-18s %9u %9u %9u %9u %9u", class->name, class->mutants, class->host, class->ours,
               class->drops, class->extra);
        if (class->drops && class->dropped)
            printf("  dropped: %s", class->dropped);
        if (class->extra && class->answered)
            printf("  extra: %s", class->answered);
        if (!class->refused && class->host < ANSWERED_LEAST) {
            printf("  NO VERDICT: too few answers");
            failed++;
        }
        printf("\n");
    }
    return failed;
}

int main(int argc, char **argv)
{
    static struct mutant mutant;
    bool listed = argc > 2 && strcmp(argv[1], "list") == 0;
    uint64_t mutants, seed;
    uint32_t undecided;

    argc -= listed;
    argv += listed;
    mutants = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607;
    if (listed) {
        engine_begin();
        list(mutants, seed);
        return 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("oracle: seed %llu, %llu mutants\n", (unsigned long long)seed,
           (unsigned long long)mutants);
    host_begin();
    engine_begin();
    for (uint64_t number = 0; number < mutants && finds < FINDS_MAX; number++) {
        struct class *class = &classes[number % CLASSES];

        make(&mutant, class, seed, number);
        judge(class, number, &mutant);
    }
    undecided = report();
    printf("%zu passed, %u failed\n", CLASSES - undecided, finds + undecided);
    return finds || undecided;
}
