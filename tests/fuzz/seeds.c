/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seeds.c FOLDER - writes the first inputs of the fuzz targets to FOLDER/fuzz_NAME/N, so that a run
 * begins behind the first checks: frames, options, handshakes in both modes, and a store with two
 * learned servers.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "profiles/model/profile.h"
#include "profiles/store/store.h"
#include "tests/engine/support_frames.h"
#include "tests/engine/support_udp.h"

static const char *folder;

static void seed(const char *target, const void *bytes, size_t count)
{
    static unsigned number;
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/fuzz_%s", folder, target);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/fuzz_%s/seed-%u", folder, target, number++);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void frame_seed(const struct test_frame *frame)
{
    static uint8_t bytes[1 + TEST_FRAME_BYTES];

    memcpy(bytes + 1, frame->buffer, frame->bytes);
    seed("frame", bytes, 1 + frame->bytes);
}

static void frame_seeds(void)
{
    static const struct frame_words words[] = {
        {.flags = "S", .seq = 1000, .options = "mss=1460 sack ts=1/0 nop ws=7"},
        {.flags = "S.EA", .seq = 1, .ack = 2, .options = "mss=1460 nop nop sack"},
        {.flags = "P.",
         .seq = 1,
         .ack = 2,
         .options = "nop nop ts=1/2",
         .payload = "GET / HTTP/1.1\r\n\r\n"},
        {.flags = ".",
         .seq = 1,
         .ack = 2,
         .options = "nop nop blocks=5-9,11-15",
         .vlan = {5},
         .tos = 2},
        {.flags = "F.",
         .seq = 1,
         .ack = 2,
         .vlan = {7, 5},
         .flow_label = 0x12345,
         .payload = "odd"},
        {.flags = "P.W", .seq = 1, .ack = 2, .payload = "0123456789abcdefghi", .gso_bytes = 8},
        {.flags = "R", .seq = 1, .may_fragment = true, .ip_id = 77},
    };
    static const uint8_t padding[8] = {6, 0, 1, 4, 0, 0, 0, 0}, router_alert[4] = {0x94, 4, 0, 0};
    static struct test_frame frame;

    for (size_t i = 0; i < 2 * sizeof(words) / sizeof(words[0]); i++) {
        struct frame_words one = words[i / 2];

        one.from = i % 2 ? "[2001:db8:1::7]:40000" : "198.51.100.7:40000";
        one.to = i % 2 ? "[2001:db8::1]:80" : "192.0.2.1:80";
        frame_write(&frame, &one);
        frame_seed(&frame);
        if (i % 2)
            frame_insert_extension(&frame, 0, padding, sizeof(padding));
        else
            frame_insert_ip_options(&frame, router_alert, sizeof(router_alert));
        frame_seed(&frame);
    }
}

/* IPv6 with IPv4-mapped addresses on the wire (RFC 4291 2.5.5.2 has them in programs only): also a
 * raw engine step. */
static void mapped_seeds(void)
{
    struct frame_words words = {
        .from = "[2001:db8:1::7]:40000", .to = "[2001:db8::1]:80", .flags = "S", .seq = 1000};
    static struct test_frame frame;
    uint8_t step[200] = {4, 0}, *ip;

    for (int both = 0; both < 2; both++) {
        frame_write(&frame, &words);
        ip = frame_data(&frame) + frame.view.l3;
        memcpy(ip + 24, (uint8_t[16]){[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}, 16);
        if (both)
            memcpy(ip + 8, (uint8_t[16]){[10] = 0xff, [11] = 0xff, 198, 51, 100, 7}, 16);
        frame_seed(&frame);
        step[3] = (uint8_t)frame.bytes;
        memcpy(step + 4, frame.buffer, frame.bytes);
        seed("engine", step, 4 + frame.bytes);
    }
}

/* Queries over UDP, of both families, with EDNS and without. */
static void dns_seeds(void)
{
    static const char *const ends[][2] = {{"198.51.100.7:4000", "192.0.2.1:53"},
                                          {"[2001:db8:1::7]:4000", "[2001:db8::1]:53"}};
    uint8_t message[DNS_TEST_BYTES];
    struct test_frame frame;

    for (int i = 0; i < 4; i++) {
        const struct dns_words words = {.id = 7, .name = "a.test", .edns = i & 1};
        const uint32_t bytes = dns_message_write(message, &words);

        datagram_write(&frame, ends[i / 2][0], ends[i / 2][1], message, bytes);
        seed("dns", frame.buffer + OFFLOAD_BYTES, frame.bytes - OFFLOAD_BYTES);
    }
    /* The kernel's path, a SYN, its answer, a request, the server's SYN-ACK as promised, its word.
     */
    seed("engine",
         "\x24\x01\x00\x00\x02\x00\x00\x01\x00\x01\x00\x00\x18\x00\x00\x00\x01\x01"
         "\x00\x01\x12\x80\x00\xf1\x00\x01\x00\x01\x18\x00\x00\x00\x01\x01",
         34);
    /* The same as steps of scene.h: told to come over TCP, proved, and passed on; an answer. */
    seed("engine",
         "\x0c\x00\x03\x07\x00\x0c\x10\x00\x00\x00\x0c\x00\x01\x08\x01\x0c\x01\x05\x08\x01", 20);
}

static void option_seeds(void)
{
    static const char *const texts[] = {
        "mss=1460 sack ts=1/0 nop ws=7", "nop nop ts=1/2",
        "nop nop blocks=5-9,11-15",      "md5",
        "mss=1460 eol hex=0000",         "hex=1d0400000204",
        "fastopen mss=1 mss=2 ws=15",    "nop nop ts=1/2 nop nop blocks=5-9,11-15,17-21",
    };
    uint8_t options[TCP_OPTIONS_MAX];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        seed("tcp_options", options, options_write(texts[i], options));
}

/*
 * Steps of scene.h. Each segment is: 0, who, flags, seq, ack, options, payload, window. The engine
 * begins in attack mode. o: number of the options, 1 without and 2 with timestamps on a SYN, 4
 * behind it, 0 none.
 */
#define CLIENT(server)         (server) << 3
#define SERVER(server)         1 | (server) << 3
#define SYN(server, o)         0, CLIENT(server), 0x02, 0x80, 0, o, 0, 250
#define SYN_ACK(server, o)     0, SERVER(server), 0x12, 0x80, 0, o, 0, 250
#define ACK(side, o)           0, side, 0x10, 0, 0, o, 0, 250
#define DATA(side, o, payload) 0, side, 0x18, 0, 0, o, payload, 250
#define FIN(side, o)           0, side, 0x11, 0, 0, o, 0, 250
#define RESET(side)            0, side, 0x14, 0, 0, 0, 0, 250
#define TOLD(side, flags)      20, side, flags, 0, 0, 0, 0, 250
#define NORMAL                 6, 128, 1
#define ATTACK                 6, 128, 2
#define WAIT                   5, 0x50, 0x01
#define ENDS(server, o)                                                                            \
    FIN(CLIENT(server), o), ACK(SERVER(server), o), FIN(SERVER(server), o), ACK(CLIENT(server), o)

/* Numbers of payloads in scene.c. */
enum { GET = 1, USER, GET_BEGINS, GET_ENDS, GREETING, NEGATIVE, GET_LARGE = 0x41 };

#define ENGINE_SEED(...)                                                                           \
    do {                                                                                           \
        static const uint8_t steps[] = {__VA_ARGS__};                                              \
        seed("engine", steps, sizeof(steps));                                                      \
    } while (0)

static void engine_seeds(void)
{
    ENGINE_SEED(NORMAL, SYN(0, 2), SYN_ACK(0, 2), ACK(CLIENT(0), 4), DATA(CLIENT(0), 4, GET),
                DATA(SERVER(0), 4, GET), ENDS(0, 4));
    ENGINE_SEED(SYN(0, 2), ACK(CLIENT(0), 4), DATA(CLIENT(0), 4, GET), SYN_ACK(0, 2),
                DATA(SERVER(0), 4, GET_LARGE), ACK(CLIENT(0), 4), ENDS(0, 4));
    ENGINE_SEED(SYN(0, 1), DATA(CLIENT(0), 0, GET), SYN_ACK(0, 1), DATA(SERVER(0), 0, GET),
                TOLD(SERVER(0), 0x11), TOLD(CLIENT(0), 0x11), SYN(0, 1));
    ENGINE_SEED(SYN(1, 1), DATA(CLIENT(1), 0, GET_BEGINS), DATA(CLIENT(1), 0, GET_ENDS),
                SYN_ACK(1, 1), DATA(SERVER(1), 0, GET), RESET(CLIENT(1)), WAIT);
    ENGINE_SEED(SYN(2, 2), ACK(CLIENT(2), 4), DATA(CLIENT(2), 4, USER), SYN_ACK(2, 2),
                DATA(SERVER(2), 4, GREETING), ACK(CLIENT(2), 4), DATA(SERVER(2), 4, USER),
                ENDS(2, 4));
    ENGINE_SEED(SYN(3, 1), ACK(CLIENT(3), 0), WAIT, DATA(CLIENT(3), 0, USER), SYN_ACK(3, 1),
                DATA(SERVER(3), 0, NEGATIVE), RESET(SERVER(3)));
    ENGINE_SEED(SYN(4, 1), ACK(CLIENT(4), 0), SYN_ACK(4, 1), DATA(SERVER(4), 0, GREETING),
                ENDS(4, 0));
    ENGINE_SEED(SYN(5, 1), ACK(CLIENT(5), 0), DATA(CLIENT(5), 0, GET_LARGE), SYN_ACK(5, 0),
                ENDS(5, 0), SYN(5, 1));
    ENGINE_SEED(SYN(0, 1), NORMAL, 7, 1, DATA(CLIENT(0), 0, GET), ATTACK, RESET(SERVER(0)), 7, 2,
                WAIT, SYN(0, 2), 7, 3);
    ENGINE_SEED(NORMAL, SYN(7, 1), SYN_ACK(7, 1), SYN(6, 1), ATTACK, SYN(7, 1), ACK(CLIENT(7), 0),
                0, SERVER(7), 0x02, 0x80, 0, 1, 0, 250, 0, CLIENT(7), 0x12, 0x80, 0, 1, 0, 250);
}

/*
 * One of each for every kind of service: a connection from SYN to FIN with its options, and what
 * befalls it meanwhile.
 */
#define STAMPED_HTTP(then)                                                                         \
    SYN(0, 2), ACK(CLIENT(0), 4), DATA(CLIENT(0), 4, GET), SYN_ACK(0, 2), DATA(SERVER(0), 4, GET), \
        then, ENDS(0, 4)
#define GREETED(then)                                                                              \
    SYN(2, 2), ACK(CLIENT(2), 4), DATA(CLIENT(2), 4, USER), SYN_ACK(2, 2),                         \
        DATA(SERVER(2), 4, GREETING), then, ENDS(2, 4)
/* ICMP: 3, who, kind, sequence number, length of the quote. */
#define TOO_BIG(side)     3, side, 0, 0, 12
#define UNREACHABLE(side) 3, side, 10, 0, 12
#define LONG_WAIT         5, 0xff, 0xff
#define POLICY(which)     7, which

static void deep_engine_seeds(void)
{
    ENGINE_SEED(STAMPED_HTTP(TOO_BIG(CLIENT(0))));
    ENGINE_SEED(STAMPED_HTTP(TOO_BIG(SERVER(0))));
    ENGINE_SEED(GREETED(TOO_BIG(CLIENT(2))));
    ENGINE_SEED(SYN(0, 2), DATA(CLIENT(0), 4, GET), UNREACHABLE(SERVER(0)), SYN_ACK(0, 2), WAIT);
    ENGINE_SEED(SYN(2, 2), DATA(CLIENT(2), 4, USER), SYN_ACK(2, 2), DATA(SERVER(2), 4, GREETING),
                ACK(CLIENT(2), 4), WAIT, WAIT, ACK(CLIENT(2), 4), DATA(SERVER(2), 4, GREETING),
                FIN(CLIENT(2), 4), RESET(SERVER(2)));
    ENGINE_SEED(SYN(2, 1), FIN(CLIENT(2), 0), ACK(CLIENT(2), 0));
    ENGINE_SEED(SYN(0, 1), 0, CLIENT(0), 0x10, 0x3f, 0, 0, 0, 250, DATA(CLIENT(0), 0, GET_BEGINS),
                WAIT, DATA(CLIENT(0), 0, GET_BEGINS), WAIT, WAIT, WAIT, WAIT);
    ENGINE_SEED(SYN(0, 8), SYN(0, 9), SYN(0, 13), DATA(CLIENT(0), 0, GET), SYN_ACK(0, 3),
                DATA(CLIENT(0), 5, GET_LARGE));
    ENGINE_SEED(SYN(0, 2), DATA(CLIENT(0), 4, GET), WAIT, WAIT, LONG_WAIT, SYN_ACK(0, 2));
    ENGINE_SEED(SYN(0, 2), POLICY(1), DATA(CLIENT(0), 4, GET), SYN_ACK(0, 2), POLICY(2),
                DATA(SERVER(0), 4, GET), LONG_WAIT, DATA(CLIENT(0), 4, GET));
    ENGINE_SEED(SYN(2, 1), ACK(CLIENT(2), 0), POLICY(1), DATA(CLIENT(2), 0, USER), POLICY(0),
                SYN_ACK(2, 1), DATA(SERVER(2), 0, GREETING));
    ENGINE_SEED(STAMPED_HTTP(NORMAL), STAMPED_HTTP(ATTACK), SYN(0, 2), ACK(CLIENT(0), 4),
                RESET(CLIENT(0)));
    ENGINE_SEED(NORMAL, SYN(3, 1), SYN_ACK(3, 1), ATTACK, ACK(CLIENT(3), 0),
                DATA(SERVER(3), 0, GREETING), DATA(CLIENT(3), 0, USER), WAIT, SYN(6, 1),
                SYN_ACK(6, 1), ACK(CLIENT(6), 0));
    ENGINE_SEED(SYN(4, 2), DATA(CLIENT(4), 4, GET), SYN_ACK(4, 1), SYN(5, 2),
                DATA(CLIENT(5), 4, GET), SYN_ACK(5, 2), DATA(SERVER(5), 4, 0xf1), 64, CLIENT(5),
                0x18, 0, 0, 4, GET, 250);
    ENGINE_SEED(8, CLIENT(0), 0x02, 0x80, 0, 2, 0, 250, 8, CLIENT(0), 0x18, 0, 0, 4, GET, 250, 8,
                SERVER(0), 0x12, 0x80, 0, 2, 0, 250, 24, SERVER(0), 0x18, 0, 0, 4, GET, 250);
    ENGINE_SEED(SYN(0, 1), DATA(CLIENT(0), 0, GET), ACK(SERVER(0), 0), ACK(SERVER(0), 0),
                SYN_ACK(0, 1), RESET(SERVER(0)), DATA(SERVER(0), 0, GET), DATA(CLIENT(0), 0, GET),
                SYN(0, 1), DATA(CLIENT(0), 0, GET));
    /* As many at once as there is no room for. */
    ENGINE_SEED(SYN(0, 1), 0, 2, 2, 0x80, 0, 1, 0, 250, 0, 4, 2, 0x80, 0, 1, 0, 250, 0, 6, 2, 0x80,
                0, 1, 0, 250, DATA(0, 0, GET), DATA(2, 0, GET), DATA(4, 0, GET), DATA(6, 0, GET));
    /* The same request again, when its flow is forgotten. */
    ENGINE_SEED(SYN(0, 1), DATA(CLIENT(0), 0, GET), SYN_ACK(0, 1), RESET(CLIENT(0)), 5, 0x8f, 0xff,
                5, 0xb9, 0xff, 5, 0xff, 0xff);
    ENGINE_SEED(STAMPED_HTTP(DATA(CLIENT(0), 0x95, GET)), SYN(2, 1), WAIT, WAIT, WAIT);
    ENGINE_SEED(GREETED(DATA(CLIENT(2), 0x95, USER)));
    ENGINE_SEED(SYN(3, 2), DATA(CLIENT(3), 4, USER), SYN_ACK(3, 2),
                DATA(SERVER(3), 4, 0x30 | GREETING));
    ENGINE_SEED(POLICY(3), SYN(7, 1), SYN_ACK(7, 1), SYN(6, 1), SYN_ACK(6, 1), 6, 7, 3, SYN(7, 1),
                ACK(CLIENT(7), 0), SYN_ACK(7, 1), DATA(SERVER(7), 0, GREETING));
}

/* A greeting of each kind, and server segments that cut it. */
static void greeting_seeds(void)
{
    static const uint8_t cuts[][40] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11},
        {2, 0,  0, 0, 0, 0, 0, 1, 0, 0, 0, 5,  1, 0, 2, 0,
         9, 37, 0, 0, 0, 0, 2, 0, 0, 5, 0, 35, 0, 8, 0, 20},
        {10,  0, 0, 0, 0, 0, 0, 0, 0, 3, 0,  8, 0, 0, 0, 3,
         232, 7, 0, 0, 0, 0, 8, 0, 0, 0, 11, 4, 0, 0, 0, 0},
        {35, 2, 0, 0, 0, 0, 0, 2, 0, 0, 4, 0,  4, 0, 0, 0,
         0,  5, 4, 0, 0, 0, 3, 0, 8, 1, 0, 11, 0, 8, 0, 0},
        {1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 40},
        {0, 0, 0, 1, 0, 5, 'x', 0, 0, 0, 0, 4, 16, 0, 4, 0, 20, 0, 0, 4, 0, 20},
        {20, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0, 6, 0, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
        seed("greeting", cuts[i], sizeof(cuts[i]));
}

/* Bits of protocols, a byte said more often, and what clients and servers begin with. */
static void request_seeds(void)
{
#define TEXT(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
    static const struct {
        const char *bytes;
        size_t count;
    } texts[] = {
        TEXT("GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n"),
        TEXT("\r\nPOST * HTTP/1.0\r\n"),
        TEXT("HTTP/1.1 200 OK\r\n"),
        TEXT("USER a\r\nPASS b\r\n"),
        TEXT("CAPA\r\n"),
        TEXT("+OK ready\r\n"),
        TEXT("-ERR busy\r\n"),
        TEXT("+ \r\n"),
        TEXT("\5\1\2\5\1\2\5\1\2\5\1\2"),
        TEXT("\x16\3\1\0\xc1\1\0\0\xbd\3\3"),
        TEXT("\x16\3\3\0\x7a\2\0\0\x76\3\3"),
        TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        TEXT("\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80"),
        TEXT("SSH-2.0-x\r\n\0\0\1\x6c\4\x14"),
        TEXT("Exceeded MaxStartups\r\n"),
        TEXT("a1 CAPABILITY\r\n"),
        TEXT("* OK [CAPABILITY IMAP4rev1] ready\r\n* BYE\r\n"),
        TEXT("220-one\r\n220 two ESMTP\r\n"),
        TEXT("421 too many\r\n"),
        TEXT("EHLO a\r\n"),
        TEXT("\x17\0\0\0\xff\x10\4Too many connections"),
        TEXT("\x20\0\0\1\x85\xae\xff\x19\0\0\0\1\xff"),
        TEXT("\0\0\0\x26\0\3\0\0user\0oryx\0"),
        TEXT("\0\0\0\x08\x04\xd2\x16\x2f"),
        TEXT("*2\r\n$7\r\nCOMMAND\r\n"),
        TEXT("GET key\r\n"),
        TEXT("\x10\x11\0\4MQTT\4\2\0\x3c"),
        TEXT("\x20\2\0\0"),
        TEXT("\023BitTorrent protocol\0\0\0\0\0\0\0\0"
             "01234567890123456789"),
        TEXT("\xff\xfd\3\xff\xfb\x18"),
        TEXT("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\x0b\0\0\0"),
        TEXT("\0\0\0\x54\xffSMB\x72\0\0\0\0"),
        TEXT("\0\0\0\x66\xfeSMB\x40\0\1\0\0\0\0\0\0\0"),
        TEXT("\x81\0\0\x44\x20"
             "EEEF"),
        TEXT("INVITE sip:a@b SIP/2.0\r\n"),
        TEXT("GNUTELLA CONNECT/0.6\r\n"),
        TEXT("\xe3\x77\0\0\0\1\x10"),
        TEXT("GET http://me@b.example:80/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n"),
        TEXT("\x16\3\1\0\x5c\1\0\0\x58\3\3RandomRandomRandomRandomRandom12\0\0\4\x13\1\x13\2\1\0\0"
             "\x2b"
             "\0\0\0\x10\0\x0e\0\0\x0bwww.example\0\x10\0\x13\0\x11\2\x0a\x0a\2h2\x08http/1.1\1x"),
        TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\x11\1\5\0\0\0\1"
             "\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"),
        TEXT("\0\0\0\4\0\0\0\0\0\0\0\5\1\4\0\0\0\1\x48\x03"
             "302"),
        TEXT("\0\0\0\x16\0\3\0\0database\0m\0\0"),
        TEXT("R\0\0\0\x08\0\0\0\0S\0\0\0\x06"
             "a\0"),
        TEXT("\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1"),
    };
    uint8_t bytes[256];

    for (size_t i = 0; i < 2 * sizeof(texts) / sizeof(texts[0]); i++) {
        memcpy(bytes, (uint8_t[]){0xff, 0xff, 0xff, i % 2 ? 130 : 0, i % 2 ? 6 : 0}, 5);
        memcpy(bytes + 5, texts[i / 2].bytes, texts[i / 2].count);
        seed("requests", bytes, 5 + texts[i / 2].count);
    }
#undef TEXT
}

static void text_seeds(void)
{
    static const char *const texts[] = {
        "0# all\nclient = netns:c/sw0\nserver = tap:sw1\nstore=/s\n control = /c ; x\n"
        "mode = auto\nlearn = on\ntrigger.silent = off\n",
        "0mode = attack\n[server 192.0.2.1:110] # a\nmode = normal\ncheck = keyword\n"
        "[server [2001:db8::1]:80]\nopen_per_second = 7\n[server fd77::2]\ntrigger.silent=3\n",
        "0{\"client\": \"tap:a\"}",
        "0mode = auto\nmode = auto\n",
        "1192.0.2.1:110",
        "1[2001:db8::1]:80",
        "12001:db8::1",
        "1[::ffff:192.0.2.1]",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        seed("texts", texts[i], strlen(texts[i]));
}

/* Bytes of a capture file, in the byte order of this machine. */
struct capture_bytes {
    uint8_t bytes[2000];
    uint32_t used;
};

static void capture_put(struct capture_bytes *file, const void *bytes, uint32_t count)
{
    memcpy(file->bytes + file->used, bytes, count);
    file->used += count;
}

static void capture_block(struct capture_bytes *file, uint32_t type, const void *body,
                          uint32_t count)
{
    const uint32_t bytes = 12 + ((count + 3) & ~3u);

    capture_put(file, &type, sizeof(type));
    capture_put(file, &bytes, sizeof(bytes));
    capture_put(file, body, count);
    capture_put(file, "\0\0\0", bytes - 12 - count);
    capture_put(file, &bytes, sizeof(bytes));
}

/* As one record of a classic file or, with `blocks`, as a pcapng packet of the first or second
 * interface. */
static void capture_frame(struct capture_bytes *file, bool blocks, uint32_t number,
                          const uint8_t *frame, uint32_t count)
{
    const uint32_t record[4] = {1767225600, number * 1000, count, count};
    uint32_t packet[5 + 64] = {number & 1, 411467, 3150159872u + number * 1000, count, count};

    if (blocks) {
        memcpy(packet + 5, frame, count);
        capture_block(file, 6, packet, 20 + count);
        return;
    }
    capture_put(file, record, sizeof(record));
    capture_put(file, frame, count);
}

static void capture_head(struct capture_bytes *file, bool blocks, uint32_t link_type)
{
    const uint32_t header[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, link_type};
    const uint32_t section[4] = {0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX};
    const uint32_t interface[5] = {link_type, 65535, 1 << 16 | 9, 6, 0};

    if (!blocks) {
        capture_put(file, header, sizeof(header));
        return;
    }
    capture_block(file, 0x0a0d0d0a, section, sizeof(section));
    capture_block(file, 1, interface, sizeof(interface));
    capture_block(file, 1, interface, 8);
}

/* Capture files of one POP3 connection. */
static void capture_seeds(void)
{
    static const struct frame_words talk[] = {
        {.flags = "S", .seq = 1000, .options = "mss=1460 sack ts=1/0 nop ws=7"},
        {.flags = "S.", .seq = 5000, .ack = 1001, .options = "mss=1460 sack ts=9/1 nop ws=7"},
        {.flags = ".", .seq = 1001, .ack = 5001},
        {.flags = "P.", .seq = 5001, .ack = 1001, .payload = "+OK ready\r\n"},
        {.flags = "P.", .seq = 1001, .ack = 5012, .payload = "USER a\r\n"},
        {.flags = "P.", .seq = 5012, .ack = 1009, .payload = "+OK\r\n"},
        {.flags = "F.", .seq = 1009, .ack = 5017},
        {.flags = "F.", .seq = 5017, .ack = 1010},
    };
    static const uint32_t link_types[] = {1, 101, 276};
    static struct test_frame frame;

    for (size_t kind = 0; kind < 2 * sizeof(link_types) / sizeof(link_types[0]); kind++) {
        const uint32_t link_type = link_types[kind / 2], skipped = link_type == 101 ? 14 : 0;
        struct capture_bytes file = {.used = 0};

        capture_head(&file, kind & 1, link_type);
        for (uint32_t i = 0; i < sizeof(talk) / sizeof(talk[0]); i++) {
            struct frame_words words = talk[i];
            bool from_client = words.seq < 5000;

            words.from = from_client ? "198.51.100.7:40000" : "192.0.2.1:110";
            words.to = from_client ? "192.0.2.1:110" : "198.51.100.7:40000";
            frame_write(&frame, &words);
            capture_frame(&file, kind & 1, i, frame_data(&frame) + skipped,
                          frame.view.bytes - skipped);
        }
        seed("capture", file.bytes, file.used);
    }
}

/* A store of two servers as the learner leaves them. */
static void store_seeds(void)
{
    static const char *const requests[] = {"GET / HTTP/1.1\r\n\r\n", "USER a\r\n"};
    static const uint8_t greeting[] = "+OK ready\r\n";
    static const char least[] =
        "{\"synward\":{\"schema\":1},\"profiles\":[{\"server\":\"10.0.0.1\",\"port\":80}]}";
    struct store *store = store_new();
    struct json_object *document;
    const char *text;

    for (int i = 0; i < 2; i++) {
        struct server_key key = {.port = i ? 110 : 80, .vlan = {{i ? VLAN_PRESENT | 5 : 0, 0}}};
        struct profile *profile;

        addr_from_text(i ? "2001:db8::1" : "192.0.2.1", &key.addr);
        profile = store_add(store, &key);
        profile->handshakes = 12;
        for (int flow = 0; flow < 12; flow++) {
            profile_seen(profile, 1767225600000000ull);
            profile_spoke_first(profile, i ? VOICE_SERVER : VOICE_CLIENT);
            if (i)
                profile_greeting(profile, NULL, greeting, sizeof(greeting) - 1);
            profile_name(profile, i ? PROTOCOL_POP3 : PROTOCOL_HTTP, NAMED_BY_PROTOCOL);
            profile_request_accepted(profile, i ? PROTOCOL_POP3 : PROTOCOL_HTTP,
                                     (const uint8_t *)requests[i], strlen(requests[i]));
            keyword_set_add(&profile->keywords, i ? KEYWORD_INFO_HASH : KEYWORD_HOST,
                            (const uint8_t *)"0123456789abcdef0123", 20);
        }
    }
    document = store_to_json(store);
    text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
    seed("store", text, strlen(text));
    seed("store", least, sizeof(least) - 1);
    json_object_put(document);
    store_free(store);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: seeds FOLDER\n");
        return 2;
    }
    folder = arguments[1];
    frame_seeds();
    mapped_seeds();
    option_seeds();
    dns_seeds();
    engine_seeds();
    deep_engine_seeds();
    greeting_seeds();
    request_seeds();
    text_seeds();
    capture_seeds();
    store_seeds();
    return 0;
}
