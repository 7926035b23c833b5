/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steps.h - the beginnings that many scenarios share, said once.
 *
 * All use the client's offer <mss 1460,sackOK,TS,nop,wscale 7>. Symbols afterwards: x, c, t (our
 * TSval), then y and v (the TSval of our SYN to the server). The server's own TSval S is 5000.
 */
#ifndef SYNWARD_TESTS_SIM_STEPS_H
#define SYNWARD_TESTS_SIM_STEPS_H

#include "tests/sim/scenario.h"

#define GET_REQUEST "GET / HTTP/1.1\r\n\r\n" /* 18 bytes */
#define GREETING    "+OK ready\r\n"          /* 11 bytes, POP3_PROMISE */

/* A scenario in attack mode with the four servers of fixture_all(), all with Linux's settings. */
struct scenario *attack_scenario(void);
/* The same where all servers have keys, and sign by TCP-MD5 and TCP-AO. */
struct scenario *signed_scenario(void);
/* The same in normal mode. */
struct scenario *normal_scenario(void);
/* SYN and our SYN-ACK. */
void step_syn(struct scenario *s);
/* And the client's bare ACK, which on a client-first service is answered with silence. */
void step_handshake(struct scenario *s);
/* And the request GET_REQUEST, which opens: our SYN comes out to the server. */
void step_request(struct scenario *s);
/* The server's SYN-ACK(y), and the held request that goes out for it. */
void step_open(struct scenario *s);
/* SYN, SYN-ACK, ACK, then the greeting that we say for POP3. The connection is 40000 > 110. */
void step_greeted(struct scenario *s);
/* A client that got G asks "USER sim\r\n" (10 bytes): our SYN comes out to the server. */
void step_greeted_request(struct scenario *s);
/* The server's SYN-ACK, which we acknowledge ourselves. */
void step_greeted_synack(struct scenario *s);
/* An answer "HTTP/1.1 204 No\r\n\r\n" behind step_open(), then FIN both ways: the entry is closing.
 * `d` is the answer's TSval. */
void step_close(struct scenario *s);
/* So many connections older than the engine, each picked up by a segment of the server's, to a port
 * of their own. */
void step_fill_table(struct scenario *s, uint32_t count);
/* Forgets a symbol: the next segment that names it binds it anew. */
void step_forget(struct scenario *s, const char *symbol);

#endif
