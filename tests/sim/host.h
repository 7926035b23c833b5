/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - a host with a TCP that behaves like a real one: what the engine has to satisfy on both
 * sides.
 *
 * One struct host is one address on one side of the wire; it holds any number of connections,
 * opened by it or accepted by it. Modelled after Linux where stacks differ:
 *
 *   handshake       MSS, window scale, SACK, timestamps (RFC 7323 with PAWS), classic ECN
 *                   negotiation; the ACK that completes it must carry a TSecr from the first to the
 *                   last TSval of our SYN-ACKs, otherwise it is dropped
 *   sending         initial window 10, slow start, fast retransmit with SACK, RTO with backoff,
 *                   Nagle, zero-window probes, super-frames with partial checksums
 *   receiving       out-of-order queue, SACK (RFC 2018), delayed ACK, window that the application
 *                   closes by not reading
 *   ending          FIN, half-close, simultaneous close, TIME_WAIT; RST by RFC 5961 (exact, else
 *                   challenge ACK)
 *   again           ISNs by RFC 6528 (clock and secret), so that a tuple may be used again at once;
 *                   a TIME_WAIT gives way (RFC 6191)
 *   waiting         keepalive with and without the garbage byte (RFC 1122 4.2.3.6); a peer that
 *                   answers none of nine is given up
 *
 * The application is a table of callbacks. Limits: no urgent data, no simultaneous open, no ECN
 * reaction, congestion control only as far as it shapes what is sent.
 */
#ifndef SYNWARD_TESTS_SIM_HOST_H
#define SYNWARD_TESTS_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/packet.h"
#include "tests/sim/ranges.h"
#include "tests/sim/wire.h"

struct tcp_settings {
    uint16_t mss;         /* announced; 0: no MSS option (the peer takes 536) */
    uint8_t window_scale; /* WSCALE_NONE: not offered, not granted */
    bool sack, timestamps, ecn;
    bool offload;     /* super-frames and partial checksums */
    bool delayed_ack; /* 40 ms, or every second segment */
    bool nagle;
    bool data_on_ack;      /* a client whose request rides on the handshake's own ACK */
    uint32_t window_bytes; /* receive buffer */
    uint64_t keepalive_us; /* 0: none */
    bool keepalive_byte;   /* probes carry a byte, as old stacks' do */
    uint8_t padding; /* zero bytes behind the handshake's ACK, as odd stacks send: only where an
                        engine takes them off */
    uint8_t ttl;
    uint8_t retries; /* of data, until the connection is given up */
};

/* What Linux does by default on an MTU of 1500. */
struct tcp_settings tcp_settings_default(bool ipv4);

/* The option order of a Linux SYN-ACK for what was offered and is granted; returns the number of
 * kinds. */
uint8_t tcp_synack_layout(bool mss, bool sack, bool timestamps, bool window_scale,
                          uint8_t layout[20]);
/* The window that a SYN or SYN-ACK of these settings announces. */
uint16_t tcp_first_window(const struct tcp_settings *settings, bool timestamps);

enum tcp_state {
    TCP_CLOSED,
    TCP_SYN_SENT,
    TCP_SYN_RCVD,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_LAST_ACK,
    TCP_TIME_WAIT,
    TCP_STATES_COUNT
};

enum conn_end { CONN_OPEN, CONN_CLOSED, CONN_RESET, CONN_REFUSED, CONN_TIMED_OUT, CONN_ABORTED };

struct conn;
struct host;

/* Any may be NULL. `received` and `peer_closed` come after the state has settled; they may write,
 * close or abort. */
struct app {
    void (*established)(struct conn *conn);
    void (*received)(struct conn *conn); /* conn->in grew */
    void (*peer_closed)(struct conn *conn);
    void (*ended)(struct conn *conn);
    void (*timer)(struct conn *conn); /* conn_set_timer() */
};

struct stream {
    uint8_t *data;
    uint32_t bytes, capacity;
};

struct conn {
    struct host *host;
    const struct app *app;
    void *app_data;
    struct conn *next;

    struct ip_addr peer;
    uint16_t port, peer_port;
    struct packet_tag tags[2];
    uint8_t peer_mac[6];
    enum tcp_state state;
    enum conn_end end;
    bool accepted; /* passive */
    uint64_t opened_us, ended_us;

    uint32_t iss, irs;
    uint32_t snd_una, snd_nxt, snd_max, snd_wnd, snd_wl1, snd_wl2;
    uint32_t cwnd, ssthresh, recover, rexmit_next;
    uint32_t duplicate_acks;
    bool in_recovery;
    uint16_t snd_mss; /* payload bytes of a segment */
    uint8_t snd_scale, rcv_scale;
    bool timestamps, sack, ecn, scaled;
    struct ranges sacked;
    struct stream out; /* all bytes ever written */
    bool fin_wanted, fin_sent;

    uint32_t rcv_nxt, rcv_adv, last_ack_sent;
    struct ranges early; /* came out of order */
    struct range newest_early;
    struct stream in;    /* all bytes ever received in order */
    uint32_t read_bytes; /* what the application has taken of `in` */
    bool fin_known, fin_received;
    uint32_t fin_seq;
    bool hold_reading; /* the application does not read: the window closes */

    uint32_t ts_recent, ts_first_sent, ts_last_sent, ts_offset;
    uint32_t srtt_us, rto_us, timed_seq;
    uint64_t timed_us; /* when timed_seq was sent; 0: no segment is timed */
    uint32_t retries, probes, unacked_segments, keepalives;
    uint64_t rto_at_us, delayed_ack_at_us, persist_at_us, keepalive_at_us, close_at_us, app_at_us;
    uint64_t armed_us; /* of the earliest event in the wire's queue */
    uint64_t challenge_us;
    uint32_t flow_label;
    struct { /* for the judge */
        uint32_t rto, fast_retransmits, paws_drops, bad_segments;
    } seen;
};

struct listener {
    uint16_t port;
    const struct app *app;
    struct listener *next;
};

struct host {
    struct wire *wire;
    enum side side;
    struct ip_addr addr;
    uint8_t mac[6], peer_mac[6];
    struct packet_tag tags[2];
    struct tcp_settings settings;
    bool refuses; /* answers SYNs with RST */
    bool dead;    /* says nothing at all */
    struct conn *conns;
    struct listener *listeners;
    struct host *next;
    struct rng rng;
    uint32_t ts_offset, isn_secret;
};

/* A host on `side` of the wire, which owns it from then on. */
struct host *host_add(struct wire *wire, enum side side, const char *addr,
                      const struct tcp_settings *settings);
void host_listen(struct host *host, uint16_t port, const struct app *app);
struct conn *host_connect(struct host *host, uint16_t port, const struct ip_addr *to,
                          uint16_t to_port, const struct app *app, void *app_data);
/* A good frame for this host. */
void host_receive(struct host *host, const struct packet *packet);
/* Forgets every connection without a word, and is dead. */
void host_crash(struct host *host);
void host_free(struct host *host);

void conn_write(struct conn *conn, const void *data, uint32_t bytes);
/* FIN after what was written. */
void conn_close(struct conn *conn);
/* RST, and forgotten. */
void conn_abort(struct conn *conn);
/* Reads again after hold_reading. */
void conn_resume_reading(struct conn *conn);
void conn_set_timer(struct conn *conn, uint64_t at_us);
/* TSval of a segment sent now. */
uint32_t conn_tsval(const struct conn *conn);
const char *tcp_state_name(enum tcp_state state);

#endif
