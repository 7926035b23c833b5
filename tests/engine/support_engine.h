/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_engine.h - an engine in memory between two hosts that say what the test makes them say.
 *
 *      struct bench *b = bench_new(SETTING_ATTACK);
 *      client_says(b, .flags = "S", .seq = X, .options = OFFERS);
 *      to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS, .window = 65160);
 *      nothing(b);
 *      bench_end(b);
 *
 * The words are those of support_frames.h; who speaks to whom stands in the bench and may be left
 * out. What comes out waits in a queue for each side. to_client() and to_server() take the first
 * frame of theirs, and compare link header, flags, seq, ack, options, payload, ToS and segment size
 * with the words; TTL, IP ID, flow label, window and DF where the words name them. Every frame that
 * comes out must have right checksums.
 *
 * The policy: HTTP at port 80 (requests checked), POP3 at 110 (greeted), both at an IPv4 and an
 * IPv6 address; bench_policy() finds an entry for the test to change.
 */
#ifndef SYNWARD_TESTS_ENGINE_SUPPORT_ENGINE_H
#define SYNWARD_TESTS_ENGINE_SUPPORT_ENGINE_H

#include "engine/engine.h"
#include "engine/shard/connection.h"
#include "engine/shard/passage.h"
#include "engine/shard/shard.h"
#include "tests/engine/support_frames.h"

#define CLIENT   "198.51.100.7:40000"
#define CLIENT6  "[2001:db8:1::7]:40000"
#define HTTP     "192.0.2.1:80"
#define HTTP6    "[2001:db8::1]:80"
#define POP3     "192.0.2.1:110"
#define POP3_6   "[2001:db8::1]:110"
#define STRANGER "192.0.2.1:2000" /* a port without a profile */

#define X               1000u /* the client's ISN */
#define Y               5000u /* the server's */
#define OFFERS          "mss=1460 nop nop sack nop ws=7"
#define REQUEST         "GET / HTTP/1.1\r\n\r\n"
#define USER            "USER a\r\n"
#define GREETING        "+OK ready\r\n"
#define GREETING_LENGTH 11u
#define SECOND_US       1000000ull

#define ANY         0xa5a5a5a5u /* seq or ack that is not compared */
#define ANY_OPTIONS "*"

#define BENCH_QUEUE 512

struct bench {
    struct engine *engine;
    struct engine_config config;
    void *allocated; /* what free() takes */
    uint8_t *memory; /* the same, aligned */
    struct policy *policy;
    uint64_t now_us;
    const char *client, *server; /* endpoints that the words leave out */
    char client_text[32];        /* of bench_client() */
    uint16_t vlan[2];
    struct test_frame sent; /* the frame that went in last, as the engine left it */
    struct verdict verdict; /* on it */
    bool damaged;           /* what goes in has wrong checksums, so what comes out is not judged */
    struct test_frame seen; /* the frame that was taken last */
    struct tcp_options seen_options;
    uint32_t queued;
    struct bench_frame {
        enum side to;
        uint32_t bytes;
        uint8_t *buffer;
    } queue[BENCH_QUEUE];
};

/* A small engine (64 flows, 4 hold buffers) under this setting. */
struct bench *bench_new(enum mode_setting setting);
void bench_config(struct engine_config *config);
struct bench *bench_new_sized(enum mode_setting setting, const struct engine_config *config);
/* What came out so far is of no interest. */
void bench_forget(struct bench *bench);
/* Fails where a frame is left in a queue. */
void bench_end(struct bench *bench);

/* Another client from here on, the `number`th of one source address. */
void bench_client(struct bench *bench, uint16_t number);
struct server_policy *bench_policy(struct bench *bench, const char *server);
struct server *bench_server(struct bench *bench, const char *server);
struct flow *bench_flow(struct bench *bench);
const char *bench_flow_state(struct bench *bench); /* of client and server; "none" */
/* As if the kernel had answered the client's SYN: nobody remembers it. */
void bench_forget_synack(struct bench *bench);
const struct counters *bench_counters(struct bench *bench);
/* The observation after the last one that was taken by this call, NULL where there is none. */
const struct observation *bench_observed(struct bench *bench);

/* Writes bench->sent, from this side's host to the other's. */
void bench_build(struct bench *bench, enum side from, struct frame_words words);
/* Hands bench->sent, which the test may have changed, to the engine. */
void bench_put(struct bench *bench, enum side from);
/* Takes the first frame for this side into bench->seen; fails where there is none. */
const struct frame *bench_take(struct bench *bench, enum side to, int line);
void bench_expect(struct bench *bench, enum side to, struct frame_words words, int line);
void bench_expect_nothing(struct bench *bench, int line);
void bench_expect_verdict(struct bench *bench, enum verdict_action action, enum drop_reason reason,
                          int line);
/* Lets time pass, with engine_tick() at each deadline. Fails where a deadline stays in the past
 * although there is nothing to do. */
void bench_wait(struct bench *bench, uint64_t us);

/* "nop nop ts=10/20"; good until the call after the next seven. */
const char *ts(uint32_t tsval, uint32_t tsecr);

#define client_builds(b, ...) bench_build(b, SIDE_CLIENT, (struct frame_words){__VA_ARGS__})
#define server_builds(b, ...) bench_build(b, SIDE_SERVER, (struct frame_words){__VA_ARGS__})
#define client_says(b, ...)   (client_builds(b, __VA_ARGS__), bench_put(b, SIDE_CLIENT))
#define server_says(b, ...)   (server_builds(b, __VA_ARGS__), bench_put(b, SIDE_SERVER))

#define to_client(b, ...) bench_expect(b, SIDE_CLIENT, (struct frame_words){__VA_ARGS__}, __LINE__)
#define to_server(b, ...) bench_expect(b, SIDE_SERVER, (struct frame_words){__VA_ARGS__}, __LINE__)

#define take(b, side) bench_take(b, side, __LINE__)
#define nothing(b)    bench_expect_nothing(b, __LINE__)
#define dropped(b, reason)                                                                         \
    (bench_expect_verdict(b, VERDICT_DROP, DROP_##reason, __LINE__),                               \
     bench_expect_nothing(b, __LINE__))
#define held(b)      bench_expect_verdict(b, VERDICT_HOLD, 0, __LINE__)
#define forwarded(b) bench_expect_verdict(b, VERDICT_FORWARD, 0, __LINE__)
#define replied(b)   bench_expect_verdict(b, VERDICT_REPLY, 0, __LINE__)

/* A SYN with these options, and its SYN-ACK taken: the cookie. */
uint32_t get_cookie(struct bench *bench, const char *options);
/* A request without timestamps up to the held data, which has been taken; `grants`: of the server's
 * SYN-ACK. Returns the cookie. */
uint32_t open_http(struct bench *bench, const char *offers, const char *grants);
/* The same for a greeted client, up to the server's SYN-ACK, acknowledged by us. */
uint32_t open_pop3(struct bench *bench);
/* A handshake in normal mode, up to and with the client's ACK. */
void handshake(struct bench *bench, const char *offers, const char *grants);

#endif
