/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.h - an engine alone, with a script for both hosts: put a segment in, say what must come
 * out.
 *
 *      struct scenario *s = scenario_new(SETTING_ATTACK, policy);
 *      inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
 *      expect(s, CLIENT, "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val s ecr 100,nop,wscale
 *      7>"); expect_nothing(s);
 *      pass(s, 1000000);
 *      scenario_end(s);
 *
 * The text is that of trace.h. What comes out on a side is a queue; expect() takes its first
 * segment. Beyond what the text says, addresses, ports, MACs and VLAN tags of each segment must be
 * those of the connection. A failed expectation prints the whole trace.
 */
#ifndef SYNWARD_TESTS_SIM_SCENARIO_H
#define SYNWARD_TESTS_SIM_SCENARIO_H

#include "tests/sim/fixture.h"
#include "tests/sim/middle.h"
#include "tests/sim/trace.h"

#define CLIENT                SIDE_CLIENT
#define SERVER                SIDE_SERVER
#define SCENARIO_QUEUE_FRAMES 1024
#define SCENARIO_TRACE_LINES  400

struct scenario_frame {
    uint32_t bytes;
    uint8_t *buffer;
};

struct scenario {
    struct middle *middle;
    struct symbols symbols;
    uint64_t now_us;
    struct ip_addr client, server;
    uint16_t client_port, server_port;
    struct packet_tag tags[2];
    bool offload; /* injected payload comes with partial checksums */
    uint8_t client_ttl;
    uint32_t client_flow_label;
    bool bad_checksum; /* of the next injected segment */
    const uint8_t
        *payload; /* of injected segments whose text gives only a length; NULL: a pattern */
    bool quiet;   /* what comes out is thrown away: floods */
    struct {
        uint32_t first, count;
        struct scenario_frame frames[SCENARIO_QUEUE_FRAMES];
    } out[2];
    uint32_t lines;
    char trace[SCENARIO_TRACE_LINES][TRACE_LINE_BYTES];
};

/* Takes the policy over; NULL: none. The connection is CLIENT_V4:40000 to SERVER_V4:80. */
struct scenario *scenario_new(enum mode_setting setting, struct policy *policy);
/* Another connection from here on; symbols are forgotten. */
void scenario_connection(struct scenario *scenario, const char *client, uint16_t client_port,
                         const char *server, uint16_t server_port);
void scenario_inject(struct scenario *scenario, const char *file, int line, enum side from,
                     const char *text);
void scenario_expect(struct scenario *scenario, const char *file, int line, enum side to,
                     const char *text);
void scenario_expect_nothing(struct scenario *scenario, const char *file, int line);
void scenario_drain(struct scenario *scenario);
void scenario_pass(struct scenario *scenario, uint64_t us);
/* Fails where something is left in the queues. */
void scenario_end(struct scenario *scenario);
/* What came out and is of no interest. */
void scenario_forget(struct scenario *scenario);
const struct counters *scenario_counters(struct scenario *scenario);
__attribute__((format(printf, 4, 5), noreturn)) void
scenario_fail(struct scenario *scenario, const char *file, int line, const char *format, ...);

#define inject(scenario, from, text) scenario_inject(scenario, __FILE__, __LINE__, from, text)
#define expect(scenario, to, text)   scenario_expect(scenario, __FILE__, __LINE__, to, text)
#define expect_nothing(scenario)     scenario_expect_nothing(scenario, __FILE__, __LINE__)
#define pass(scenario, us)           scenario_pass(scenario, us)
/* A number of the counters, with the trace where it differs. */
#define expect_count(scenario, field, number)                                                      \
    do {                                                                                           \
        unsigned long long is = scenario_counters(scenario)->field;                                \
        if (is != (unsigned long long)(number))                                                    \
            scenario_fail(scenario, __FILE__, __LINE__, "%s is %llu, not %llu", #field, is,        \
                          (unsigned long long)(number));                                           \
    } while (0)

#endif
