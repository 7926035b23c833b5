/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seeds.c FOLDER - writes the first inputs of the fuzz targets to FOLDER/fuzz_NAME/N, so that a run begins behind the
 * first checks: frames, options, handshakes in both modes, and a store with two learned servers.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "profiles/profile.h"
#include "profiles/store.h"
#include "tests/engine/support_frames.h"

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
        {.flags = "P.", .seq = 1, .ack = 2, .options = "nop nop ts=1/2", .payload = "GET / HTTP/1.1\r\n\r\n"},
        {.flags = ".", .seq = 1, .ack = 2, .options = "nop nop blocks=5-9,11-15", .vlan = {5}, .tos = 2},
        {.flags = "F.", .seq = 1, .ack = 2, .vlan = {7, 5}, .flow_label = 0x12345, .payload = "odd"},
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

/* IPv6 with IPv4-mapped addresses on the wire (RFC 4291 2.5.5.2 has them in programs only): also a raw engine step. */
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
 * Steps of fuzz_engine.c. Each segment is: 0, who, flags, seq, ack, options, payload, window. The engine begins in
 * attack mode. o: number of the options, 1 without and 2 with timestamps on a SYN, 4 behind it, 0 none.
 */
#define CLIENT(server)         (server) << 3
#define SERVER(server)         1 | (server) << 3
#define SYN(server, o)         0, CLIENT(server), 0x02, 0x80, 0, o, 0, 250
#define SYN_ACK(server, o)     0, SERVER(server), 0x12, 0x80, 0, o, 0, 250
#define ACK(side, o)           0, side, 0x10, 0, 0, o, 0, 250
#define DATA(side, o, payload) 0, side, 0x18, 0, 0, o, payload, 250
#define FIN(side, o)           0, side, 0x11, 0, 0, o, 0, 250
#define RESET(side)            0, side, 0x14, 0, 0, 0, 0, 250
#define NORMAL                 6, 128, 1
#define ATTACK                 6, 128, 2
#define WAIT                   5, 0x50, 0x01
#define ENDS(server, o)                                                                                      \
    FIN(CLIENT(server), o), ACK(SERVER(server), o), FIN(SERVER(server), o), ACK(CLIENT(server), o)

/* Numbers of payloads in fuzz_engine.c. */
enum { GET = 1, USER, GET_BEGINS, GET_ENDS, GREETING, NEGATIVE, GET_LARGE = 0x41 };

#define ENGINE_SEED(...)                                                                                     \
    do {                                                                                                     \
        static const uint8_t steps[] = {__VA_ARGS__};                                                        \
        seed("engine", steps, sizeof(steps));                                                                \
    } while (0)

static void engine_seeds(void)
{
    ENGINE_SEED(NORMAL, SYN(0, 2), SYN_ACK(0, 2), ACK(CLIENT(0), 4), DATA(CLIENT(0), 4, GET),
                DATA(SERVER(0), 4, GET), ENDS(0, 4));
    ENGINE_SEED(SYN(0, 2), ACK(CLIENT(0), 4), DATA(CLIENT(0), 4, GET), SYN_ACK(0, 2),
                DATA(SERVER(0), 4, GET_LARGE), ACK(CLIENT(0), 4), ENDS(0, 4));
    ENGINE_SEED(SYN(1, 1), DATA(CLIENT(1), 0, GET_BEGINS), DATA(CLIENT(1), 0, GET_ENDS), SYN_ACK(1, 1),
                DATA(SERVER(1), 0, GET), RESET(CLIENT(1)), WAIT);
    ENGINE_SEED(SYN(2, 2), ACK(CLIENT(2), 4), DATA(CLIENT(2), 4, USER), SYN_ACK(2, 2),
                DATA(SERVER(2), 4, GREETING), ACK(CLIENT(2), 4), DATA(SERVER(2), 4, USER), ENDS(2, 4));
    ENGINE_SEED(SYN(3, 1), ACK(CLIENT(3), 0), WAIT, DATA(CLIENT(3), 0, USER), SYN_ACK(3, 1),
                DATA(SERVER(3), 0, NEGATIVE), RESET(SERVER(3)));
    ENGINE_SEED(SYN(4, 1), ACK(CLIENT(4), 0), SYN_ACK(4, 1), DATA(SERVER(4), 0, GREETING), ENDS(4, 0));
    ENGINE_SEED(SYN(5, 1), ACK(CLIENT(5), 0), DATA(CLIENT(5), 0, GET_LARGE), SYN_ACK(5, 0), ENDS(5, 0),
                SYN(5, 1));
    ENGINE_SEED(SYN(0, 1), NORMAL, 7, 1, DATA(CLIENT(0), 0, GET), ATTACK, RESET(SERVER(0)), 7, 2, WAIT,
                SYN(0, 2), 7, 3);
    ENGINE_SEED(NORMAL, SYN(7, 1), SYN_ACK(7, 1), SYN(6, 1), ATTACK, SYN(7, 1), ACK(CLIENT(7), 0), 0,
                SERVER(7), 0x02, 0x80, 0, 1, 0, 250, 0, CLIENT(7), 0x12, 0x80, 0, 1, 0, 250);
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
                profile_greeting(profile, greeting, sizeof(greeting) - 1);
            profile_name(profile, i ? PROTOCOL_POP3 : PROTOCOL_HTTP, NAMED_BY_PROTOCOL);
            profile_request_accepted(profile, i ? PROTOCOL_POP3 : PROTOCOL_HTTP, (const uint8_t *)requests[i],
                                     strlen(requests[i]));
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
    engine_seeds();
    store_seeds();
    return 0;
}
