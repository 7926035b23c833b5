/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h - segments as text, the way tcpdump and packetdrill write them.
 *
 *      S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
 *      S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val s ecr 100,nop,wscale 7>
 *      P. x+1:x+19(18) ack c+1 win 502 <nop,nop,TS val 101 ecr s> | GET / HTTP/1.1\r\n\r\n
 *
 *      flags     S F R P . E W U in this order of your liking; '.' is ACK
 *      numbers   decimal, or symbol, or symbol+-number (several terms); '*' in an expectation: any
 *      options   mss N, nop, eol, sackOK, wscale N, TS val N ecr N, sack N:N N:N, unknown-KIND;
 *                absent in an expectation: any
 *      payload   behind '|', up to the end of the text, taken as it stands; the length in brackets
 *                may be left out then ("x+1")
 *      extras    between the window and the options: gso N, ttl N, tos N, id N, df, nodf, label N
 *                (in any order; absent in an expectation: any), and ae (the bit of accurate ECN;
 *                absent: not set)
 *
 * A symbol that is met for the first time is bound to the number that stands there; when injecting,
 * to a number made for it.
 */
#ifndef SYNWARD_TESTS_SIM_TRACE_H
#define SYNWARD_TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/packet.h"

#define TRACE_LINE_BYTES  400
#define TRACE_SYMBOLS_MAX 64

struct symbols {
    uint32_t count;
    struct {
        char name[16];
        uint32_t value;
    } at[TRACE_SYMBOLS_MAX];
};

/* "   1.005000 client >     S 1:1(0) win ..." into `line`; returns it. */
char *trace_line(char line[TRACE_LINE_BYTES], uint64_t at_us, enum side side, bool into,
                 const struct packet *packet);

/* Fills flags, numbers, options and payload of `packet` from text. False: `problem` says what
 * cannot be read. */
bool trace_parse(const char *text, struct symbols *symbols, struct packet *packet,
                 const char **problem);

/* Compares a segment with text. NULL: it fits; otherwise the name of the field that does not. */
const char *trace_compare(const char *text, struct symbols *symbols, const struct packet *packet);

/* Value of a bound symbol; false where there is none. */
bool trace_symbol(const struct symbols *symbols, const char *name, uint32_t *value);
void trace_bind(struct symbols *symbols, const char *name, uint32_t value);

#endif
