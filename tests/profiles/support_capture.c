/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_capture.c - see support_capture.h. */
#include "tests/profiles/support_capture.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/bytes.h"
#include "engine/tcp/frame.h"
#include "profiles/model/profile.h"

static uint32_t order32(const struct maker *maker, uint32_t value)
{
    return maker->other_order ? __builtin_bswap32(value) : value;
}

static uint16_t order16(const struct maker *maker, uint16_t value)
{
    return maker->other_order ? __builtin_bswap16(value) : value;
}

static void put(struct maker *maker, const void *bytes, uint32_t count)
{
    cr_assert_eq(fwrite(bytes, 1, count, maker->file), count);
}

static void put32(struct maker *maker, uint32_t value)
{
    value = order32(maker, value);
    put(maker, &value, sizeof(value));
}

void add_block(struct maker *maker, uint32_t type, const void *body, uint32_t bytes)
{
    static const uint8_t padding[3];
    const uint32_t pad = -bytes & 3;
    put32(maker, type);
    put32(maker, 12 + bytes + pad);
    put(maker, body, bytes);
    put(maker, padding, pad);
    put32(maker, 12 + bytes + pad);
}

static void add_section(struct maker *maker)
{
    struct {
        uint32_t magic;
        uint16_t major, minor;
        uint64_t bytes;
    } section = {order32(maker, 0x1a2b3c4d), order16(maker, 1), 0, UINT64_MAX};
    add_block(maker, 0x0a0d0d0a, &section, sizeof(section));
}

void add_interface(struct maker *maker, uint16_t link_type, uint32_t snap_bytes, uint8_t resolution,
                   int64_t offset_s)
{
    struct {
        uint16_t link_type, reserved;
        uint32_t snap_bytes;
        uint16_t comment, comment_bytes;
        char text[4];
        uint16_t code_resolution, bytes_resolution;
        uint8_t resolution[4];
        uint16_t code_offset, bytes_offset;
        uint32_t offset_s[2];
        uint32_t end;
    } interface = {.link_type = order16(maker, link_type),
                   .snap_bytes = order32(maker, snap_bytes),
                   .comment = order16(maker, 1),
                   .comment_bytes = order16(maker, 3),
                   .text = "abc",
                   .code_resolution = order16(maker, resolution ? 9 : 2 /* a name */),
                   .bytes_resolution = order16(maker, 1),
                   .resolution = {resolution},
                   .code_offset = order16(maker, offset_s ? 14 : 0),
                   .bytes_offset = order16(maker, offset_s ? 8 : 0)};
    const uint64_t offset =
        maker->other_order ? __builtin_bswap64((uint64_t)offset_s) : (uint64_t)offset_s;
    memcpy(interface.offset_s, &offset, sizeof(offset));
    add_block(maker, 1, &interface, sizeof(interface));
}

void begin_capture(struct maker *maker)
{
    if (maker->snap_bytes == 0)
        maker->snap_bytes = MAKER_SNAPSHOT;
    snprintf(maker->path, sizeof(maker->path), "/tmp/synward-test-capture-XXXXXX");
    const int fd = mkstemp(maker->path);
    cr_assert_geq(fd, 0);
    maker->file = fdopen(fd, "w");
    if (maker->pcapng) {
        add_section(maker);
        add_interface(maker, (uint16_t)maker->link_type, maker->snap_bytes,
                      maker->nanoseconds ? 9 : 0, 0);
        return;
    }
    const uint16_t version[2] = {order16(maker, 2), order16(maker, 4)};
    put32(maker, maker->nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
    put(maker, version, sizeof(version));
    put32(maker, 0);
    put32(maker, 0);
    put32(maker, maker->snap_bytes);
    put32(maker, maker->link_type);
}

/* Body of an enhanced or obsolete packet's block. */
static void add_packet_block(struct maker *maker, const uint8_t *frame, uint32_t bytes,
                             uint32_t wire_bytes)
{
    const uint64_t time =
        (MAKER_FIRST_S + maker->frames) * (maker->nanoseconds ? 1000000000ull : 1000000ull);
    uint8_t body[1024];
    const uint32_t numbers[5] = {
        order32(maker, maker->interface), order32(maker, (uint32_t)(time >> 32)),
        order32(maker, (uint32_t)time), order32(maker, bytes), order32(maker, wire_bytes)};
    const uint16_t old[2] = {order16(maker, (uint16_t)maker->interface), order16(maker, 7)};
    cr_assert_leq(bytes, sizeof(body) - sizeof(numbers));
    memcpy(body, numbers, sizeof(numbers));
    if (maker->obsolete)
        memcpy(body, old, sizeof(old));
    memcpy(body + sizeof(numbers), frame, bytes);
    add_block(maker, maker->obsolete ? 2 : 6, body, sizeof(numbers) + bytes);
}

static void add_simple_block(struct maker *maker, const uint8_t *frame, uint32_t bytes,
                             uint32_t wire_bytes)
{
    uint8_t body[1024];
    const uint32_t number = order32(maker, wire_bytes);
    cr_assert_leq(bytes, sizeof(body) - sizeof(number));
    memcpy(body, &number, sizeof(number));
    memcpy(body + sizeof(number), frame, bytes);
    add_block(maker, 3, body, sizeof(number) + bytes);
}

void add_raw(struct maker *maker, const uint8_t *frame, uint32_t bytes, uint32_t cut)
{
    const uint32_t kept = bytes < maker->snap_bytes ? bytes : maker->snap_bytes;
    if (maker->pcapng && maker->simple)
        add_simple_block(maker, frame, kept, bytes + cut);
    else if (maker->pcapng)
        add_packet_block(maker, frame, kept, bytes + cut);
    else {
        put32(maker, MAKER_FIRST_S + maker->later_s + maker->frames);
        put32(maker, maker->fraction);
        put32(maker, kept);
        put32(maker, bytes + cut);
        put(maker, frame, kept);
    }
    maker->frames++;
}

/* Returns the bytes of the header. */
static uint32_t put_ip(const struct maker *maker, uint8_t *packet, uint32_t payload_bytes)
{
    if (maker->ipv6) {
        packet[0] = 0x60;
        store_be16(packet + 4, (uint16_t)payload_bytes);
        packet[6] = 6;
        packet[7] = 64;
        packet[23] = packet[39] = 1;
        return 40;
    }
    packet[0] = 0x45;
    store_be16(packet + 2, (uint16_t)(20 + payload_bytes));
    packet[8] = 64;
    packet[9] = 6;
    store_be32(packet + 12, 0x7f000001);
    store_be32(packet + 16, 0x7f000001);
    return 20;
}

void add_segment(struct maker *maker, const struct tcp_segment *segment)
{
    uint8_t frame[512] = {0};
    const uint32_t payload = segment->payload ? (uint32_t)strlen(segment->payload) : 0;
    memcpy(frame, maker->link ? maker->link : frame, maker->link_bytes);
    const uint32_t at = maker->link_bytes + put_ip(maker, frame + maker->link_bytes, 24 + payload);
    uint8_t *tcp = frame + at;
    store_be16(tcp, segment->from_server ? segment->server_port : segment->client_port);
    store_be16(tcp + 2, segment->from_server ? segment->client_port : segment->server_port);
    store_be32(tcp + 4, segment->seq);
    store_be32(tcp + 8, segment->ack);
    tcp[12] = 6 << 4;
    tcp[13] = segment->flags;
    store_be16(tcp + 14, 60000);
    store_be32(tcp + 20, 0x020405b4); /* MSS 1460 */
    memcpy(tcp + 24, segment->payload ? segment->payload : "", payload);
    add_raw(maker, frame, at + 24 + payload, 0);
}

void add_fetch(struct maker *maker, uint16_t client_port, uint16_t server_port)
{
    const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ok[] = "HTTP/1.1 200 OK\r\n\r\n";
    const uint32_t x = 1000, y = 5000, asked = sizeof(get) - 1, said = sizeof(ok) - 1;
    const struct tcp_segment segments[] = {
        {.seq = x, .flags = TCP_SYN},
        {.from_server = true, .seq = y, .ack = x + 1, .flags = TCP_SYN | TCP_ACK},
        {.seq = x + 1, .ack = y + 1, .flags = TCP_ACK},
        {.seq = x + 1, .ack = y + 1, .flags = TCP_ACK | TCP_PSH, .payload = get},
        {.from_server = true,
         .seq = y + 1,
         .ack = x + 1 + asked,
         .flags = TCP_ACK | TCP_PSH,
         .payload = ok},
        {.seq = x + 1 + asked, .ack = y + 1 + said, .flags = TCP_ACK | TCP_FIN},
        {.from_server = true,
         .seq = y + 1 + said,
         .ack = x + 2 + asked,
         .flags = TCP_ACK | TCP_FIN},
        {.seq = x + 2 + asked, .ack = y + 2 + said, .flags = TCP_ACK},
    };
    for (size_t i = 0; i < sizeof(segments) / sizeof(*segments); i++) {
        struct tcp_segment segment = segments[i];
        segment.client_port = client_port;
        segment.server_port = server_port;
        add_segment(maker, &segment);
    }
}

static bool learn_and_remove(struct maker *maker, struct store *store,
                             struct capture_summary *summary, struct error *error)
{
    if (maker->file)
        fclose(maker->file);
    maker->file = NULL;
    const bool done = capture_learn(maker->path, store, summary, error);
    unlink(maker->path);
    return done;
}

struct store *learn_made(struct maker *maker, struct capture_summary *summary)
{
    struct store *store = store_new();
    struct error error = {0};
    cr_assert(learn_and_remove(maker, store, summary, &error), "%s", error.text);
    cr_assert_eq(summary->tcp_frames + summary->frames_passed_over, summary->frames);
    return store;
}

const char *learn_refused(struct maker *maker)
{
    static struct error error;
    struct capture_summary summary;
    struct store *store = store_new();
    cr_assert_not(learn_and_remove(maker, store, &summary, &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    cr_assert_null(strchr(error.text, '\n'), "one line: %s", error.text);
    cr_assert(strstr(error.text, maker->path), "%s", error.text);
    store_free(store);
    return error.text;
}

void check_fetch(const struct store *store, uint16_t port, bool ipv6)
{
    struct server_key key = {.port = port};
    cr_assert(addr_from_text(ipv6 ? "::1" : "127.0.0.1", &key.addr));
    const struct profile *profile = NULL;
    for (size_t i = 0; i < store_count(store); i++) { /* in any VLAN */
        const struct profile *candidate = store_at(store, i);
        if (candidate->key.port == port &&
            memcmp(&candidate->key.addr, &key.addr, sizeof(key.addr)) == 0)
            profile = candidate;
    }
    cr_assert_not_null(profile, "port %u", port);
    cr_assert_eq(profile->handshakes, 1);
    cr_assert_eq(profile->requests, 1);
    cr_assert_eq(profile->tcp.model.mss, 1460);
    cr_assert_eq(profile->protocol, PROTOCOL_HTTP);
    cr_assert_eq(profile->first_seen_s / 1000, MAKER_FIRST_S / 1000);
}
