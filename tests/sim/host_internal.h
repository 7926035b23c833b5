/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_internal.h - what host.c (receiving) and host_send.c (sending) share. */
#ifndef SYNWARD_TESTS_SIM_HOST_INTERNAL_H
#define SYNWARD_TESTS_SIM_HOST_INTERNAL_H

#include "tests/sim/host.h"

void stream_append(struct stream *stream, const void *data, uint32_t bytes);
/* Sees that the connection's earliest timer is in the wire's queue. */
void conn_arm(struct conn *conn);
/* The end; tells the application. */
void conn_finish(struct conn *conn, enum conn_end end);
/* RFC 5961 7: an ACK, but not too often. */
void conn_challenge(struct conn *conn);

void conn_send_syn(struct conn *conn);
/* In answer to `syn`; also when it comes again. */
void conn_send_synack(struct conn *conn, const struct packet *syn);
void conn_send_ack(struct conn *conn);
void conn_send_padded_ack(struct conn *conn);
/* Sends what window, congestion window and Nagle allow. */
void conn_output(struct conn *conn);
/* ack, window and SACK of an acceptable segment. */
void conn_process_ack(struct conn *conn, const struct packet *got);
void conn_retransmit(struct conn *conn);
void conn_probe_window(struct conn *conn);
void conn_send_keepalive(struct conn *conn);

#endif
