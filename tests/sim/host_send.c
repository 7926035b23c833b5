/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_send.c - the sending half of the host model: segments, retransmission, windows. See host.h.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "tests/sim/host_internal.h"

#define RTO_MIN_US      200000u
#define RTO_MAX_US      60000000u
#define SYN_RETRIES     6
#define SYNACK_RETRIES  5
#define PROBES_MAX      15
#define KEEPALIVES_MAX  9 /* Linux: tcp_keepalive_probes */
#define CWND_MAX        (1024u * 1024)
#define SUPER_FRAME_MAX 65000u
#define TIMER_NEVER     UINT64_MAX

static uint64_t now_of(const struct conn *conn)
{
    return conn->host->wire->now_us;
}

uint32_t conn_tsval(const struct conn *conn)
{
    return (uint32_t)(now_of(conn) / 1000) + conn->ts_offset;
}

static struct packet packet_of(const struct conn *conn, uint8_t flags, uint32_t seq)
{
    const struct host *host = conn->host;
    struct packet packet = {.src = host->addr,
                            .dst = conn->peer,
                            .ttl = host->settings.ttl,
                            .df = true,
                            .flow_label = conn->flow_label,
                            .src_port = conn->port,
                            .dst_port = conn->peer_port,
                            .seq = seq,
                            .ack = (flags & TCP_ACK) != 0 ? conn->rcv_nxt : 0,
                            .flags = flags,
                            .partial_checksum = host->settings.offload};
    memcpy(packet.to_mac, conn->peer_mac, 6);
    memcpy(packet.from_mac, host->mac, 6);
    memcpy(packet.tags, conn->tags, sizeof packet.tags);
    return packet;
}

uint8_t tcp_synack_layout(bool mss, bool sack, bool timestamps, bool window_scale,
                          uint8_t layout[20])
{
    uint8_t count = 0;
    if (mss)
        layout[count++] = TCP_OPT_MSS;
    if (sack && !timestamps) {
        layout[count++] = TCP_OPT_NOP;
        layout[count++] = TCP_OPT_NOP;
    }
    if (sack)
        layout[count++] = TCP_OPT_SACK_PERMITTED;
    if (timestamps && !sack) {
        layout[count++] = TCP_OPT_NOP;
        layout[count++] = TCP_OPT_NOP;
    }
    if (timestamps)
        layout[count++] = TCP_OPT_TIMESTAMPS;
    if (window_scale) {
        layout[count++] = TCP_OPT_NOP;
        layout[count++] = TCP_OPT_WSCALE;
    }
    return count;
}

static void add_syn_options(const struct conn *conn, struct packet *packet, bool sack,
                            bool timestamps, bool scale)
{
    const struct tcp_settings *own = &conn->host->settings;
    uint8_t layout[20];
    uint8_t count = tcp_synack_layout(own->mss != 0, sack, timestamps, scale, layout);
    for (uint8_t i = 0; i < count; i++) {
        if (layout[i] == TCP_OPT_MSS)
            packet_add_mss(packet, own->mss);
        else if (layout[i] == TCP_OPT_SACK_PERMITTED)
            packet_add_sack_permitted(packet);
        else if (layout[i] == TCP_OPT_TIMESTAMPS)
            packet_add_timestamps(packet, conn_tsval(conn),
                                  (packet->flags & TCP_ACK) != 0 ? conn->ts_recent : 0);
        else if (layout[i] == TCP_OPT_WSCALE)
            packet_add_window_scale(packet, conn->rcv_scale);
        else
            packet_add_nop(packet);
    }
    packet_pad_options(packet);
}

static void restart_rto(struct conn *conn)
{
    conn->rto_at_us = now_of(conn) + conn->rto_us;
}

void conn_send_syn(struct conn *conn)
{
    const struct tcp_settings *own = &conn->host->settings;
    uint8_t flags = own->ecn ? TCP_SYN | TCP_ECE | TCP_CWR : TCP_SYN;
    struct packet packet = packet_of(conn, flags, conn->iss);
    add_syn_options(conn, &packet, own->sack, own->timestamps, own->window_scale != WSCALE_NONE);
    packet.window = tcp_first_window(own, own->timestamps);
    conn->snd_nxt = conn->snd_max = conn->iss + 1;
    conn->ts_last_sent = conn_tsval(conn);
    if (conn->retries == 0)
        conn->ts_first_sent = conn->ts_last_sent;
    restart_rto(conn);
    wire_send(conn->host->wire, conn->host->side, &packet);
    conn_arm(conn);
}

void conn_send_synack(struct conn *conn, const struct packet *syn)
{
    uint8_t flags = conn->ecn ? TCP_SYN | TCP_ACK | TCP_ECE : TCP_SYN | TCP_ACK;
    struct packet packet = packet_of(conn, flags, conn->iss);
    if (syn != NULL && syn->timestamps && conn->timestamps &&
        !seq_before(syn->tsval, conn->ts_recent))
        conn->ts_recent = syn->tsval;
    add_syn_options(conn, &packet, conn->sack, conn->timestamps, conn->scaled);
    packet.window = tcp_first_window(&conn->host->settings, conn->timestamps);
    if (conn->snd_max == conn->iss)
        conn->ts_first_sent = conn_tsval(conn);
    conn->ts_last_sent = conn_tsval(conn);
    conn->snd_nxt = conn->snd_max = conn->iss + 1;
    if (conn->rto_at_us == TIMER_NEVER)
        restart_rto(conn);
    wire_send(conn->host->wire, conn->host->side, &packet);
    conn_arm(conn);
}

/* The window to announce; the right edge never moves back (RFC 9293 3.8.6). */
static uint16_t announce_window(struct conn *conn)
{
    uint32_t unread = conn->in.bytes - conn->read_bytes;
    uint32_t most = conn->host->settings.window_bytes;
    uint32_t room = unread < most ? most - unread : 0;
    uint32_t limit = 65535u << conn->rcv_scale;
    uint32_t edge =
        conn->rcv_nxt + ((room < limit ? room : limit) >> conn->rcv_scale << conn->rcv_scale);
    /* Silly windows too: RFC 9293 3.8.6.2.2. */
    if (edge - conn->rcv_adv < (conn->snd_mss < most / 2 ? conn->snd_mss : most / 2) ||
        seq_before(edge, conn->rcv_adv))
        edge = conn->rcv_adv;
    if (seq_before(edge, conn->rcv_nxt))
        edge = conn->rcv_nxt;
    uint32_t window = (edge - conn->rcv_nxt) >> conn->rcv_scale;
    window = window > 65535 ? 65535 : window;
    conn->rcv_adv = seq_max(conn->rcv_adv, conn->rcv_nxt + (window << conn->rcv_scale));
    return (uint16_t)window;
}

static void add_sack(struct conn *conn, struct packet *packet)
{
    uint32_t blocks[3][2];
    uint8_t count = 0;
    const struct range *newest = ranges_find(&conn->early, conn->newest_early.from);
    if (newest == NULL)
        newest = &conn->early.at[0];
    blocks[count][0] = newest->from;
    blocks[count++][1] = newest->to;
    for (uint32_t i = 0; i < conn->early.count && count < 3; i++) {
        if (&conn->early.at[i] == newest)
            continue;
        blocks[count][0] = conn->early.at[i].from;
        blocks[count++][1] = conn->early.at[i].to;
    }
    packet_add_nop(packet);
    packet_add_nop(packet);
    packet_add_sack(packet, (const uint32_t(*)[2])blocks, count);
}

/* Everything but SYNs goes out here. */
static void transmit(struct conn *conn, uint8_t flags, uint32_t seq, const uint8_t *payload,
                     uint32_t bytes)
{
    struct packet packet = packet_of(conn, flags, seq);
    if (conn->timestamps) {
        packet_add_nop(&packet);
        packet_add_nop(&packet);
        packet_add_timestamps(&packet, conn_tsval(conn), conn->ts_recent);
    }
    if (conn->sack && conn->early.count > 0 && bytes + 28 <= conn->snd_mss)
        add_sack(conn, &packet);
    packet.window = announce_window(conn);
    packet.payload = payload;
    packet.payload_bytes = bytes;
    if (bytes > conn->snd_mss)
        packet.gso_bytes = conn->snd_mss;
    if ((flags & TCP_ACK) != 0) {
        conn->last_ack_sent = conn->rcv_nxt;
        conn->delayed_ack_at_us = TIMER_NEVER;
        conn->unacked_segments = 0;
    }
    wire_send(conn->host->wire, conn->host->side, &packet);
}

void conn_send_ack(struct conn *conn)
{
    transmit(conn, TCP_ACK, conn->snd_nxt, NULL, 0);
}

void conn_send_padded_ack(struct conn *conn)
{
    static const uint8_t zeros[8];
    transmit(conn, TCP_ACK, conn->snd_nxt, zeros, conn->host->settings.padding);
}

void conn_write(struct conn *conn, const void *data, uint32_t bytes)
{
    if (!conn->fin_wanted) /* EPIPE */
        stream_append(&conn->out, data, bytes);
}

void conn_close(struct conn *conn)
{
    conn->fin_wanted = true;
}

void conn_abort(struct conn *conn)
{
    if (conn->state == TCP_CLOSED)
        return;
    if (conn->state != TCP_SYN_SENT)
        transmit(conn, TCP_RST | TCP_ACK, conn->snd_nxt, NULL, 0);
    conn_finish(conn, CONN_ABORTED);
}

void conn_resume_reading(struct conn *conn)
{
    conn->hold_reading = false;
    conn->read_bytes = conn->in.bytes;
    if (conn->state != TCP_CLOSED && conn->state != TCP_SYN_SENT)
        conn_send_ack(conn);
}

static const uint8_t *stream_at(const struct conn *conn, uint32_t seq)
{
    return conn->out.data + (seq - (conn->iss + 1));
}

static uint32_t data_end(const struct conn *conn)
{
    return conn->iss + 1 + conn->out.bytes;
}

static uint32_t segment_limit(const struct conn *conn)
{
    if (!conn->host->settings.offload)
        return conn->snd_mss;
    uint32_t limit = conn->cwnd / 2;
    limit = limit < SUPER_FRAME_MAX ? limit : SUPER_FRAME_MAX;
    limit -= limit % conn->snd_mss;
    return limit > conn->snd_mss ? limit : conn->snd_mss;
}

static bool may_send(const struct conn *conn)
{
    return conn->state == TCP_ESTABLISHED || conn->state == TCP_CLOSE_WAIT ||
           conn->state == TCP_FIN_WAIT_1 || conn->state == TCP_CLOSING ||
           conn->state == TCP_LAST_ACK;
}

static void send_from_next(struct conn *conn, uint32_t bytes, bool fin)
{
    uint8_t flags = TCP_ACK;
    if (fin)
        flags |= TCP_FIN;
    if (bytes > 0 && conn->snd_nxt + bytes == data_end(conn))
        flags |= TCP_PSH;
    if (conn->timed_us == 0 && bytes > 0 && conn->snd_nxt == conn->snd_max) {
        conn->timed_us = now_of(conn);
        conn->timed_seq = conn->snd_nxt;
    }
    transmit(conn, flags, conn->snd_nxt, bytes > 0 ? stream_at(conn, conn->snd_nxt) : NULL, bytes);
    conn->snd_nxt += bytes + fin;
    conn->snd_max = seq_max(conn->snd_max, conn->snd_nxt);
    if (conn->rto_at_us == TIMER_NEVER)
        restart_rto(conn);
    if (fin && !conn->fin_sent) {
        conn->fin_sent = true;
        conn->state = conn->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1;
    }
}

/* One segment of what window, congestion window and Nagle allow. False: nothing may go now. */
static bool output_one(struct conn *conn)
{
    uint32_t flight = conn->snd_nxt - conn->snd_una;
    uint32_t window = conn->snd_wnd < conn->cwnd ? conn->snd_wnd : conn->cwnd;
    bool past_end = seq_before(data_end(conn), conn->snd_nxt); /* the FIN is out */
    uint32_t left = past_end ? 0 : data_end(conn) - conn->snd_nxt;
    uint32_t room = window > flight ? window - flight : 0;
    uint32_t limit = segment_limit(conn);
    uint32_t bytes = left < room ? left : room;
    bytes = bytes < limit ? bytes : limit;
    if (bytes > conn->snd_mss && bytes < left)
        bytes -= bytes % conn->snd_mss;
    bool fin = conn->fin_wanted && !past_end && bytes == left;
    if (bytes == 0 && !fin)
        return false;
    if (bytes < conn->snd_mss && bytes < left && flight > 0)
        return false; /* the window has room for a sliver: wait for more (RFC 1122 4.2.3.4) */
    if (conn->host->settings.nagle && bytes < conn->snd_mss && !fin && flight > 0)
        return false;
    send_from_next(conn, bytes, fin);
    return true;
}

void conn_output(struct conn *conn)
{
    if (!may_send(conn))
        return;
    while (may_send(conn) && output_one(conn))
        continue;
    bool waiting = seq_before(conn->snd_nxt, data_end(conn));
    if (waiting && conn->snd_nxt == conn->snd_una && conn->persist_at_us == TIMER_NEVER)
        conn->persist_at_us = now_of(conn) + conn->rto_us;
    if (!waiting || conn->snd_nxt != conn->snd_una)
        conn->persist_at_us = TIMER_NEVER;
    conn_arm(conn);
}

static void sample_rtt(struct conn *conn, const struct packet *got)
{
    uint32_t rtt_us;
    if (conn->timestamps && got->timestamps)
        rtt_us = (conn_tsval(conn) - got->tsecr) * 1000 + 500;
    else if (conn->timed_us != 0 && seq_before(conn->timed_seq, got->ack))
        rtt_us = (uint32_t)(now_of(conn) - conn->timed_us);
    else
        return;
    conn->timed_us = 0;
    if (rtt_us > RTO_MAX_US)
        return;
    conn->srtt_us = conn->srtt_us == 0 ? rtt_us : (7 * conn->srtt_us + rtt_us) / 8;
    conn->rto_us = 2 * conn->srtt_us > RTO_MIN_US ? 2 * conn->srtt_us : RTO_MIN_US;
}

/* Sends the next piece that SACK or a duplicate ACK shows missing, one segment. */
static void retransmit_hole(struct conn *conn)
{
    uint32_t seq = seq_max(conn->rexmit_next, conn->snd_una);
    uint32_t end = seq_before(data_end(conn), conn->snd_max) ? data_end(conn) : conn->snd_max;
    if (conn->sacked.count > 0) {
        const struct range *held = ranges_find(&conn->sacked, seq);
        if (held != NULL)
            seq = held->to;
        const struct range *behind = ranges_after(&conn->sacked, seq);
        if (behind == NULL)
            return; /* nothing behind it was received: not known to be lost */
        end = seq_before(behind->from, end) ? behind->from : end;
    } else if (seq != conn->snd_una) {
        return;
    }
    if (!seq_before(seq, end))
        return;
    uint32_t bytes = end - seq < conn->snd_mss ? end - seq : conn->snd_mss;
    conn->seen.fast_retransmits++;
    conn->timed_us = 0;
    transmit(conn, TCP_ACK, seq, stream_at(conn, seq), bytes);
    conn->rexmit_next = seq + bytes;
}

static void enter_recovery(struct conn *conn)
{
    uint32_t half = (conn->snd_max - conn->snd_una) / 2;
    conn->ssthresh = half > 2u * conn->snd_mss ? half : 2u * conn->snd_mss;
    conn->cwnd = conn->ssthresh;
    conn->in_recovery = true;
    conn->recover = conn->snd_max;
    conn->rexmit_next = conn->snd_una;
    retransmit_hole(conn);
}

static void take_new_ack(struct conn *conn, const struct packet *got)
{
    uint32_t acked = got->ack - conn->snd_una;
    sample_rtt(conn, got);
    conn->snd_una = got->ack;
    conn->snd_nxt = seq_max(conn->snd_nxt, conn->snd_una);
    ranges_trim(&conn->sacked, conn->snd_una);
    conn->retries = 0;
    conn->duplicate_acks = 0;
    if (conn->snd_una == conn->snd_max)
        conn->rto_at_us = TIMER_NEVER;
    else
        restart_rto(conn);
    if (conn->in_recovery && !seq_before(conn->snd_una, conn->recover)) {
        conn->in_recovery = false;
        conn->cwnd = conn->ssthresh;
    } else if (conn->in_recovery) {
        retransmit_hole(conn);
    } else if (conn->cwnd < CWND_MAX) {
        uint32_t step = (uint32_t)conn->snd_mss * conn->snd_mss / conn->cwnd;
        conn->cwnd += conn->cwnd < conn->ssthresh ? acked : (step > 0 ? step : 1);
    }
}

static void take_sack(struct conn *conn, const struct packet *got)
{
    for (uint8_t i = 0; i < got->sack_blocks; i++) {
        uint32_t from = got->sack[i][0], to = got->sack[i][1];
        if (seq_before(from, conn->snd_una) || seq_before(conn->snd_max, to) ||
            !seq_before(from, to)) {
            if (!seq_before(conn->snd_una, to)) /* D-SACK (RFC 2883) */
                continue;
            conn->seen.bad_segments++;
            continue;
        }
        ranges_add(&conn->sacked, from, to);
    }
}

static void take_window(struct conn *conn, const struct packet *got)
{
    bool newer = seq_before(conn->snd_wl1, got->seq) ||
                 (conn->snd_wl1 == got->seq && !seq_before(got->ack, conn->snd_wl2));
    if (!newer)
        return;
    conn->snd_wnd = (uint32_t)got->window << conn->snd_scale;
    conn->snd_wl1 = got->seq;
    conn->snd_wl2 = got->ack;
}

void conn_process_ack(struct conn *conn, const struct packet *got)
{
    uint32_t window_before = conn->snd_wnd;
    if (seq_before(got->ack, conn->snd_una))
        return;
    conn->probes = 0;
    take_window(conn, got);
    if (conn->sack)
        take_sack(conn, got);
    if (seq_before(conn->snd_una, got->ack)) {
        take_new_ack(conn, got);
    } else if (got->payload_bytes == 0 && (got->flags & TCP_FIN) == 0 &&
               conn->snd_una != conn->snd_max &&
               (conn->snd_wnd == window_before || got->sack_blocks > 0)) {
        conn->duplicate_acks++;
        if (conn->in_recovery)
            retransmit_hole(conn);
    }
    if (conn->duplicate_acks == 3 && !conn->in_recovery)
        enter_recovery(conn);
}

static void back_off(struct conn *conn)
{
    conn->rto_us = conn->rto_us * 2 < RTO_MAX_US ? conn->rto_us * 2 : RTO_MAX_US;
}

void conn_retransmit(struct conn *conn)
{
    uint32_t most = conn->state == TCP_SYN_SENT   ? SYN_RETRIES
                    : conn->state == TCP_SYN_RCVD ? SYNACK_RETRIES
                                                  : conn->host->settings.retries;
    if (conn->retries++ >= most) {
        conn_finish(conn, CONN_TIMED_OUT);
        return;
    }
    conn->seen.rto++;
    back_off(conn);
    if (conn->state == TCP_SYN_SENT) {
        conn_send_syn(conn);
        return;
    }
    if (conn->state == TCP_SYN_RCVD) {
        restart_rto(conn);
        conn_send_synack(conn, NULL);
        return;
    }
    uint32_t half = (conn->snd_max - conn->snd_una) / 2;
    conn->ssthresh = half > 2u * conn->snd_mss ? half : 2u * conn->snd_mss;
    conn->cwnd = conn->snd_mss;
    conn->in_recovery = false;
    conn->duplicate_acks = 0;
    conn->sacked.count = 0; /* RFC 2018 8: the receiver may have reneged */
    conn->snd_nxt = conn->snd_una;
    conn->timed_us = 0;
    restart_rto(conn);
    if (conn->snd_wnd == 0 &&
        seq_before(conn->snd_una, data_end(conn))) /* the window closed under what was in flight */
        transmit(conn, TCP_ACK, conn->snd_una, stream_at(conn, conn->snd_una), 1);
    conn_output(conn);
}

void conn_probe_window(struct conn *conn)
{
    if (!may_send(conn) || !seq_before(conn->snd_nxt, data_end(conn)))
        return;
    if (conn->probes++ >= PROBES_MAX) {
        conn_finish(conn, CONN_TIMED_OUT);
        return;
    }
    if (conn->snd_wnd > 0 && conn->snd_wnd < conn->snd_mss) { /* a sliver of a window: use it now */
        uint32_t left = data_end(conn) - conn->snd_nxt;
        send_from_next(conn, left < conn->snd_wnd ? left : conn->snd_wnd, false);
        return;
    }
    transmit(conn, TCP_ACK, conn->snd_una - 1, NULL, 0); /* Linux: tcp_xmit_probe_skb() */
    back_off(conn);
    conn->persist_at_us = now_of(conn) + conn->rto_us;
}

void conn_send_keepalive(struct conn *conn)
{
    if (conn->state != TCP_ESTABLISHED && conn->state != TCP_CLOSE_WAIT)
        return;
    conn->keepalive_at_us = now_of(conn) + conn->host->settings.keepalive_us;
    if (conn->snd_una != conn->snd_max)
        return;
    if (conn->keepalives++ >= KEEPALIVES_MAX) {
        conn_finish(conn, CONN_TIMED_OUT);
        return;
    }
    static const uint8_t garbage = 0;
    transmit(conn, TCP_ACK, conn->snd_una - 1, &garbage, conn->host->settings.keepalive_byte);
}
