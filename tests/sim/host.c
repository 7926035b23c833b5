/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.c - see host.h. Sending is in host_send.c.
 *
 * It is longer than most: a TCP of its own is in one place, so that nothing of it is shared with
 * the engine.
 */
#include "tests/sim/host.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "tests/sim/host_internal.h"

#define TIME_WAIT_US (60ull * 1000 * 1000)
/* The application still reads: not an orphan's 60 s */
#define FIN_WAIT_2_US (600ull * 1000 * 1000)
/* At most one challenge ACK in this time (Linux: tcp_invalid_ratelimit) */
#define CHALLENGE_US   500000ull
#define DELAYED_ACK_US 40000ull
#define TIMER_NEVER    UINT64_MAX

static const char *const state_names[] = {
    "closed",     "syn-sent",   "syn-rcvd", "established", "fin-wait-1",
    "fin-wait-2", "close-wait", "closing",  "last-ack",    "time-wait",
};
_Static_assert(sizeof state_names / sizeof state_names[0] == TCP_STATES_COUNT,
               "a name for each state");

const char *tcp_state_name(enum tcp_state state)
{
    return state_names[state];
}

struct tcp_settings tcp_settings_default(bool ipv4)
{
    return (struct tcp_settings){.mss = ipv4 ? 1460 : 1440,
                                 .window_scale = 7,
                                 .sack = true,
                                 .timestamps = true,
                                 .delayed_ack = true,
                                 .window_bytes = 256 * 1024,
                                 .ttl = 64,
                                 .retries = 15};
}

uint16_t tcp_first_window(const struct tcp_settings *settings, bool timestamps)
{
    uint32_t most = timestamps ? 65160 : 64240;
    return (uint16_t)(settings->window_bytes < most ? settings->window_bytes : most);
}

struct host *host_add(struct wire *wire, enum side side, const char *addr,
                      const struct tcp_settings *settings)
{
    static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0xc, 0}, {2, 0, 0, 0, 0x5, 0}};
    struct host *host = calloc(1, sizeof *host);
    host->wire = wire;
    host->side = side;
    if (!addr_from_text(addr, &host->addr))
        wire_fail(wire, "not an address: %s", addr);
    memcpy(host->mac, macs[side], 6);
    memcpy(host->peer_mac, macs[side_other(side)], 6);
    host->settings = *settings;
    host->rng.state = rng_next(&wire->rng);
    host->ts_offset = (uint32_t)rng_next(&host->rng);
    host->isn_secret = (uint32_t)rng_next(&host->rng);
    if (rng_chance(&host->rng, 100000)) /* TSval wraps within the first seconds */
        host->ts_offset = 0u - (uint32_t)(wire->now_us / 1000) - rng_below(&host->rng, 5000);
    host->next = wire->hosts;
    wire->hosts = host;
    return host;
}

void host_listen(struct host *host, uint16_t port, const struct app *app)
{
    struct listener *listener = calloc(1, sizeof *listener);
    *listener = (struct listener){.port = port, .app = app, .next = host->listeners};
    host->listeners = listener;
}

void host_crash(struct host *host)
{
    host->dead = true;
    for (struct conn *conn = host->conns; conn != NULL; conn = conn->next)
        conn_finish(conn, CONN_ABORTED);
}

void host_free(struct host *host)
{
    for (struct conn *conn = host->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        free(conn->out.data);
        free(conn->in.data);
        free(conn);
    }
    for (struct listener *listener = host->listeners, *next; listener != NULL; listener = next) {
        next = listener->next;
        free(listener);
    }
    free(host);
}

/* RFC 6528: a clock of 64 ns, as Linux has it, that begins elsewhere for each tuple; for one in
 * eight it wraps soon. */
static uint32_t first_number(const struct host *host, uint16_t port, const struct ip_addr *peer,
                             uint16_t peer_port)
{
    struct rng rng = {.state =
                          (uint64_t)host->isn_secret << 32 ^ ((uint32_t)port << 16 | peer_port)};
    rng.state ^= load_be32(peer->bytes + 12);
    uint32_t clock = (uint32_t)((host->wire->now_us - host->wire->began_us) * 16);
    if (rng_chance(&rng, 125000))
        return clock - rng_below(&rng, 100000);
    return clock + (uint32_t)rng_next(&rng);
}

static struct conn *conn_new(struct host *host, uint16_t port, const struct ip_addr *peer,
                             uint16_t peer_port)
{
    struct conn *conn = calloc(1, sizeof *conn);
    conn->host = host;
    conn->port = port;
    conn->peer = *peer;
    conn->peer_port = peer_port;
    memcpy(conn->tags, host->tags, sizeof conn->tags);
    memcpy(conn->peer_mac, host->peer_mac, 6);
    conn->opened_us = host->wire->now_us;
    conn->iss = first_number(host, port, peer, peer_port);
    conn->snd_una = conn->snd_nxt = conn->snd_max = conn->iss;
    conn->ts_offset = host->ts_offset;
    conn->flow_label = (uint32_t)rng_next(&host->rng) & 0xfffff;
    conn->rto_us = 1000000;
    conn->ssthresh = UINT32_MAX;
    conn->rto_at_us = conn->delayed_ack_at_us = conn->persist_at_us = TIMER_NEVER;
    conn->keepalive_at_us = conn->close_at_us = conn->app_at_us = conn->armed_us = TIMER_NEVER;
    conn->challenge_us = 0;
    conn->next = host->conns;
    host->conns = conn;
    return conn;
}

struct conn *host_connect(struct host *host, uint16_t port, const struct ip_addr *to,
                          uint16_t to_port, const struct app *app, void *app_data)
{
    for (struct conn *old = host->conns; old != NULL; old = old->next) {
        if (old->state == TCP_TIME_WAIT && old->port == port && old->peer_port == to_port &&
            memcmp(&old->peer, to, sizeof old->peer) == 0)
            conn_finish(old, CONN_CLOSED); /* RFC 6191; Linux: tcp_tw_reuse */
    }
    struct conn *conn = conn_new(host, port, to, to_port);
    conn->app = app;
    conn->app_data = app_data;
    conn->state = TCP_SYN_SENT;
    conn->rcv_scale = host->settings.window_scale;
    conn_send_syn(conn);
    return conn;
}

static void conn_tick_call(void *context);

void conn_arm(struct conn *conn)
{
    const uint64_t times[] = {conn->rto_at_us,       conn->delayed_ack_at_us, conn->persist_at_us,
                              conn->keepalive_at_us, conn->close_at_us,       conn->app_at_us};
    uint64_t first = TIMER_NEVER;
    for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++)
        first = times[i] < first ? times[i] : first;
    if (first >= conn->armed_us)
        return;
    conn->armed_us = first;
    wire_at(conn->host->wire, first, conn_tick_call, conn);
}

void conn_finish(struct conn *conn, enum conn_end end)
{
    if (conn->state == TCP_CLOSED)
        return;
    conn->state = TCP_CLOSED;
    conn->ended_us = conn->host->wire->now_us;
    if (conn->end == CONN_OPEN)
        conn->end = end;
    conn->rto_at_us = conn->delayed_ack_at_us = conn->persist_at_us = TIMER_NEVER;
    conn->keepalive_at_us = conn->close_at_us = conn->app_at_us = TIMER_NEVER;
    if (conn->app != NULL && conn->app->ended != NULL)
        conn->app->ended(conn);
}

static bool due(uint64_t *at_us, uint64_t now_us)
{
    if (*at_us > now_us)
        return false;
    *at_us = TIMER_NEVER;
    return true;
}

static void conn_tick_call(void *context)
{
    struct conn *conn = context;
    uint64_t now_us = conn->host->wire->now_us;
    conn->armed_us = TIMER_NEVER;
    if (conn->state != TCP_CLOSED && conn->host->dead)
        conn_finish(conn, CONN_ABORTED);
    if (conn->state == TCP_CLOSED)
        return;
    if (due(&conn->close_at_us, now_us)) {
        conn_finish(conn, CONN_CLOSED);
        return;
    }
    if (due(&conn->delayed_ack_at_us, now_us))
        conn_send_ack(conn);
    if (due(&conn->rto_at_us, now_us))
        conn_retransmit(conn);
    if (due(&conn->persist_at_us, now_us))
        conn_probe_window(conn);
    if (due(&conn->keepalive_at_us, now_us))
        conn_send_keepalive(conn);
    if (due(&conn->app_at_us, now_us) && conn->app != NULL && conn->app->timer != NULL)
        conn->app->timer(conn);
    if (conn->state != TCP_CLOSED)
        conn_output(conn);
    conn_arm(conn);
}

void conn_set_timer(struct conn *conn, uint64_t at_us)
{
    conn->app_at_us = at_us;
    conn_arm(conn);
}

/* --- receiving ------------------------------------------------------------------------------- */

static void stream_reserve(struct stream *stream, uint32_t bytes)
{
    if (bytes <= stream->capacity)
        return;
    stream->capacity = bytes * 2;
    stream->data = realloc(stream->data, stream->capacity);
}

void stream_append(struct stream *stream, const void *data, uint32_t bytes)
{
    if (bytes == 0)
        return;
    stream_reserve(stream, stream->bytes + bytes);
    memcpy(stream->data + stream->bytes, data, bytes);
    stream->bytes += bytes;
}

/* RFC 9293 3.10.7.1: a segment for no connection. */
static void answer_stray(struct host *host, const struct packet *got)
{
    struct packet reset = {0};
    if ((got->flags & TCP_RST) != 0)
        return;
    reset.flags = TCP_RST;
    if ((got->flags & TCP_ACK) != 0) {
        reset.seq = got->ack;
    } else {
        reset.flags |= TCP_ACK;
        reset.ack = got->seq + packet_seq_bytes(got);
    }
    memcpy(reset.to_mac, got->from_mac, 6);
    memcpy(reset.from_mac, host->mac, 6);
    memcpy(reset.tags, got->tags, sizeof reset.tags);
    reset.src = got->dst;
    reset.dst = got->src;
    reset.src_port = got->dst_port;
    reset.dst_port = got->src_port;
    reset.ttl = host->settings.ttl;
    reset.df = true;
    wire_send(host->wire, host->side, &reset);
}

void conn_challenge(struct conn *conn)
{
    uint64_t now_us = conn->host->wire->now_us;
    if (conn->challenge_us != 0 && now_us - conn->challenge_us < CHALLENGE_US)
        return;
    conn->challenge_us = now_us;
    conn_send_ack(conn);
}

/* What SYN and SYN-ACK agree on. */
static void take_options(struct conn *conn, const struct packet *got)
{
    const struct tcp_settings *own = &conn->host->settings;
    uint16_t mss = got->mss != 0 ? got->mss : 536;
    conn->timestamps = own->timestamps && got->timestamps;
    conn->sack = own->sack && got->sack_permitted;
    bool scaled = own->window_scale != WSCALE_NONE && got->window_scale != WSCALE_NONE;
    conn->scaled = scaled;
    conn->snd_scale =
        scaled ? (uint8_t)(got->window_scale > WSCALE_MAX ? WSCALE_MAX : got->window_scale) : 0;
    conn->rcv_scale = scaled ? own->window_scale : 0;
    uint16_t largest = addr_is_v4(&conn->peer) ? 1460 : 1440; /* the wire's MTU */
    mss = mss < largest ? mss : largest;
    conn->snd_mss = (uint16_t)(mss - (conn->timestamps ? 12 : 0));
    conn->cwnd = 10u * conn->snd_mss;
    if (conn->timestamps)
        conn->ts_recent = got->tsval;
    conn->irs = got->seq;
    conn->rcv_nxt = got->seq + 1;
    conn->rcv_adv = conn->rcv_nxt + tcp_first_window(own, conn->timestamps);
    conn->last_ack_sent = conn->rcv_nxt;
    conn->snd_wnd = got->window; /* never scaled in a SYN */
    conn->snd_wl1 = got->seq;
    conn->snd_wl2 = got->ack;
}

static void accept_syn(struct host *host, const struct listener *listener, const struct packet *got)
{
    struct conn *conn = conn_new(host, got->dst_port, &got->src, got->src_port);
    const struct tcp_settings *own = &host->settings;
    conn->app = listener->app;
    conn->accepted = true;
    memcpy(conn->tags, got->tags, sizeof conn->tags);
    memcpy(conn->peer_mac, got->from_mac, 6);
    conn->state = TCP_SYN_RCVD;
    take_options(conn, got);
    conn->ecn = own->ecn && (got->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
    conn_send_synack(conn, got);
}

static void become_established(struct conn *conn)
{
    conn->state = TCP_ESTABLISHED;
    if (conn->retries > 0)
        conn->rto_us = 3000000; /* RFC 6298 5.7 */
    conn->retries = 0;
    conn->rto_at_us = TIMER_NEVER;
    if (conn->host->settings.keepalive_us != 0)
        conn->keepalive_at_us = conn->host->wire->now_us + conn->host->settings.keepalive_us;
    if (conn->app != NULL && conn->app->established != NULL)
        conn->app->established(conn);
}

static void receive_in_syn_sent(struct conn *conn, const struct packet *got)
{
    bool ack_good = (got->flags & TCP_ACK) != 0 && got->ack == conn->iss + 1;
    if ((got->flags & TCP_ACK) != 0 && !ack_good) {
        conn->seen.bad_segments++;
        answer_stray(conn->host, got);
        return;
    }
    if ((got->flags & TCP_RST) != 0) {
        if (ack_good)
            conn_finish(conn, CONN_REFUSED);
        return;
    }
    if ((got->flags & TCP_SYN) == 0 || !ack_good)
        return; /* simultaneous open is not modelled */
    if (got->timestamps && conn->host->settings.timestamps &&
        (seq_before(got->tsecr, conn->ts_first_sent) ||
         seq_before(conn->ts_last_sent, got->tsecr))) {
        conn->seen.paws_drops++; /* Linux resets here (tcp_rcv_synsent_state_process) */
        answer_stray(conn->host, got);
        return;
    }
    take_options(conn, got);
    conn->ecn = conn->host->settings.ecn && (got->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;
    conn->snd_una = got->ack;
    conn->snd_nxt = seq_max(conn->snd_nxt, conn->snd_una);
    become_established(conn);
    if (conn->host->settings.padding > 0)
        conn_send_padded_ack(conn);
    else if (!(conn->host->settings.data_on_ack && conn->out.bytes > 0))
        conn_send_ack(conn);
    conn_output(conn);
}

/* RFC 7323 5.3. True: drop. */
static bool paws_rejects(struct conn *conn, const struct packet *got)
{
    if (!conn->timestamps || (got->flags & TCP_RST) != 0)
        return false;
    if (!got->timestamps) { /* RFC 7323 3.2: must be there; Linux takes it all the same */
        conn->seen.bad_segments++;
        return false;
    }
    if (!seq_before(got->tsval, conn->ts_recent))
        return false;
    conn->seen.paws_drops++;
    return true;
}

static bool in_window(const struct conn *conn, const struct packet *got)
{
    uint32_t bytes = packet_seq_bytes(got);
    uint32_t window = conn->rcv_adv - conn->rcv_nxt;
    uint32_t end = got->seq + bytes;
    if (bytes == 0)
        return !seq_before(got->seq, conn->rcv_nxt) &&
               !seq_before(conn->rcv_nxt + window, got->seq);
    return seq_before(conn->rcv_nxt, end) &&
           seq_before(got->seq, conn->rcv_nxt + (window > 0 ? window : 0));
}

static void receive_reset(struct conn *conn, const struct packet *got)
{
    if (got->seq == conn->rcv_nxt) { /* RFC 5961 3.2 */
        conn_finish(conn, conn->state == TCP_TIME_WAIT ? CONN_CLOSED : CONN_RESET);
        return;
    }
    if (in_window(conn, got))
        conn_challenge(conn);
}

/* RFC 9293 3.10.7.4, first check. True: go on with the segment. */
static bool acceptable(struct conn *conn, const struct packet *got)
{
    bool paws = paws_rejects(conn, got);
    if (!paws && in_window(conn, got))
        return true;
    if ((got->flags & TCP_RST) != 0)
        return false;
    if (conn->state == TCP_SYN_RCVD && (got->flags & TCP_SYN) != 0)
        conn_send_synack(conn, got);
    else if (packet_seq_bytes(got) > 0 && (got->flags & TCP_SYN) == 0)
        conn_send_ack(conn); /* duplicate: our ACK may have been lost */
    else
        conn_challenge(conn); /* seldom, or two ends that do not agree would never stop (Linux:
                                 tcp_oow_rate_limited()) */
    return false;
}

static void take_payload(struct conn *conn, const struct packet *got)
{
    uint32_t end = got->seq + got->payload_bytes;
    if (seq_before(conn->rcv_adv, end))
        end = conn->rcv_adv;
    uint32_t from = seq_max(got->seq, conn->rcv_nxt);
    if (!seq_before(from, end))
        return;
    stream_reserve(&conn->in, end - (conn->irs + 1));
    memcpy(conn->in.data + (from - (conn->irs + 1)), got->payload + (from - got->seq), end - from);
    ranges_add(&conn->early, from, end);
    const struct range *range = ranges_find(&conn->early, conn->rcv_nxt);
    if (range == NULL) {
        conn->newest_early = *ranges_find(&conn->early, from);
        return;
    }
    conn->rcv_nxt = range->to;
    ranges_trim(&conn->early, conn->rcv_nxt);
    conn->in.bytes = conn->rcv_nxt - (conn->irs + 1);
}

static void take_fin(struct conn *conn)
{
    if (!conn->fin_known || conn->fin_received || conn->rcv_nxt != conn->fin_seq)
        return;
    conn->fin_received = true;
    conn->rcv_nxt++;
    conn_send_ack(conn);
    if (conn->state == TCP_ESTABLISHED) {
        conn->state = TCP_CLOSE_WAIT;
    } else if (conn->state == TCP_FIN_WAIT_1) {
        conn->state = TCP_CLOSING;
    } else if (conn->state == TCP_FIN_WAIT_2) {
        conn->state = TCP_TIME_WAIT;
        conn->close_at_us = conn->host->wire->now_us + TIME_WAIT_US;
    }
}

static void schedule_ack(struct conn *conn, bool at_once)
{
    conn->unacked_segments++;
    if (at_once || !conn->host->settings.delayed_ack || conn->unacked_segments >= 2)
        conn_send_ack(conn);
    else if (conn->delayed_ack_at_us == TIMER_NEVER)
        conn->delayed_ack_at_us = conn->host->wire->now_us + DELAYED_ACK_US;
}

static void receive_data(struct conn *conn, const struct packet *got)
{
    uint32_t before = conn->rcv_nxt;
    bool out_of_order = got->seq != conn->rcv_nxt || conn->early.count > 0;
    if (got->payload_bytes > 0 &&
        !conn->fin_received) { /* RFC 9293 3.10.7.4: behind the FIN there is nothing */
        take_payload(conn, got);
        schedule_ack(conn, out_of_order || got->payload_bytes > conn->snd_mss);
    }
    if ((got->flags & TCP_FIN) != 0) {
        conn->fin_known = true;
        conn->fin_seq = got->seq + got->payload_bytes;
    }
    bool had_fin = conn->fin_received;
    take_fin(conn);
    bool data = conn->rcv_nxt - before > (uint32_t)(conn->fin_received && !had_fin);
    if (!conn->hold_reading)
        conn->read_bytes = conn->in.bytes;
    if (data && conn->app != NULL && conn->app->received != NULL)
        conn->app->received(conn);
    if (conn->state != TCP_CLOSED && conn->fin_received && !had_fin && conn->app != NULL &&
        conn->app->peer_closed != NULL)
        conn->app->peer_closed(conn);
}

/* States that the ACK of our FIN moves. */
static void fin_acked(struct conn *conn)
{
    uint64_t now_us = conn->host->wire->now_us;
    if (conn->state == TCP_FIN_WAIT_1) {
        conn->state = TCP_FIN_WAIT_2;
        conn->close_at_us = now_us + FIN_WAIT_2_US;
    } else if (conn->state == TCP_CLOSING) {
        conn->state = TCP_TIME_WAIT;
        conn->close_at_us = now_us + TIME_WAIT_US;
    } else if (conn->state == TCP_LAST_ACK) {
        conn_finish(conn, CONN_CLOSED);
    }
}

/* False: the segment ends here. */
static bool receive_ack_in_syn_rcvd(struct conn *conn, const struct packet *got)
{
    if (got->ack != conn->snd_nxt) {
        conn->seen.bad_segments++;
        answer_stray(conn->host, got);
        return false;
    }
    if (conn->timestamps && got->timestamps &&
        (seq_before(got->tsecr, conn->ts_first_sent) ||
         seq_before(conn->ts_last_sent, got->tsecr))) {
        conn->seen.paws_drops++; /* tcp_check_req(): TSecr is none of our SYN-ACKs' */
        return false;
    }
    conn->snd_una = got->ack;
    conn->snd_wnd = (uint32_t)got->window << conn->snd_scale;
    conn->snd_wl1 = got->seq;
    conn->snd_wl2 = got->ack;
    become_established(conn);
    return conn->state != TCP_CLOSED;
}

static bool receive_ack(struct conn *conn, const struct packet *got)
{
    if ((got->flags & TCP_ACK) == 0)
        return false;
    if (conn->state == TCP_SYN_RCVD)
        return receive_ack_in_syn_rcvd(conn, got);
    if (seq_before(conn->snd_max, got->ack)) { /* RFC 5961 5.2 */
        conn->seen.bad_segments++;
        conn_challenge(conn);
        return false;
    }
    conn_process_ack(conn, got);
    if (conn->fin_sent && conn->snd_una == conn->iss + 1 + conn->out.bytes + 1)
        fin_acked(conn);
    return conn->state != TCP_CLOSED;
}

static void conn_receive(struct conn *conn, const struct packet *got)
{
    if (conn->state == TCP_SYN_SENT) {
        receive_in_syn_sent(conn, got);
        return;
    }
    if (!acceptable(conn, got))
        return;
    if ((got->flags & TCP_RST) != 0) {
        receive_reset(conn, got);
        return;
    }
    if ((got->flags & TCP_SYN) != 0) { /* RFC 5961 4.2 */
        conn_challenge(conn);
        return;
    }
    /* RFC 7323 4.3 (3) */
    if (conn->timestamps && got->timestamps && !seq_before(conn->last_ack_sent, got->seq))
        conn->ts_recent = got->tsval;
    conn->keepalives = 0;
    if (conn->keepalive_at_us != TIMER_NEVER)
        conn->keepalive_at_us = conn->host->wire->now_us + conn->host->settings.keepalive_us;
    if (!receive_ack(conn, got))
        return;
    if (got->payload_bytes > 0 || (got->flags & TCP_FIN) != 0)
        receive_data(conn, got);
    if (conn->state != TCP_CLOSED)
        conn_output(conn);
}

static struct conn *find_conn(struct host *host, const struct packet *got)
{
    struct vlan_ids vlan = packet_vlan(got);
    for (struct conn *conn = host->conns; conn != NULL; conn = conn->next) {
        struct packet own;
        memcpy(own.tags, conn->tags, sizeof own.tags);
        struct vlan_ids tags = packet_vlan(&own);
        if (conn->state != TCP_CLOSED && conn->port == got->dst_port &&
            conn->peer_port == got->src_port &&
            memcmp(&conn->peer, &got->src, sizeof conn->peer) == 0 &&
            memcmp(&tags, &vlan, sizeof tags) == 0)
            return conn;
    }
    return NULL;
}

/* RFC 6191: a TIME_WAIT gives way to a newer SYN. */
static bool time_wait_yields(const struct conn *conn, const struct packet *got)
{
    if (conn->state != TCP_TIME_WAIT || (got->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
        return false;
    if (conn->timestamps && got->timestamps)
        return seq_before(conn->ts_recent, got->tsval);
    return seq_before(conn->rcv_nxt, got->seq);
}

void host_receive(struct host *host, const struct packet *got)
{
    if (host->dead)
        return;
    struct conn *conn = find_conn(host, got);
    if (conn != NULL && time_wait_yields(conn, got)) {
        conn_finish(conn, CONN_CLOSED);
        conn = NULL;
    }
    if (conn != NULL) {
        conn_receive(conn, got);
        conn_arm(conn);
        return;
    }
    if ((got->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && !host->refuses) {
        for (struct listener *listener = host->listeners; listener != NULL;
             listener = listener->next) {
            if (listener->port == got->dst_port) {
                accept_syn(host, listener, got);
                return;
            }
        }
    }
    answer_stray(host, got);
}
