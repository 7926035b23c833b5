/* SPDX-License-Identifier: GPL-2.0-or-later */
/* line.c - see line.h. */
#include "tests/sim/line.h"

#include <string.h>

#include "engine/base/bytes.h"
#include "tests/sim/inside.h"

#define MSS_DEFAULT   536
#define ODD_BYTES_MAX 8 /* zero bytes of odd stacks' ACKs */

static struct conn *end_of(const struct session *session, enum side side)
{
    const struct conn *client = session->client;
    if (side == SIDE_CLIENT || client == NULL)
        return session->client;
    for (struct conn *conn = session->server_host->conns; conn != NULL; conn = conn->next) {
        if (conn->irs == client->iss && conn->peer_port == client->port &&
            conn->port == client->peer_port &&
            memcmp(&conn->peer, &session->client_host->addr, sizeof conn->peer) == 0)
            return conn;
    }
    return NULL;
}

static bool same_tuple(const struct session *session, enum side from, const struct packet *packet)
{
    bool client = from == SIDE_CLIENT;
    const struct ip_addr *c = client ? &packet->src : &packet->dst,
                         *s = client ? &packet->dst : &packet->src;
    return session->client != NULL &&
           session->client_port == (client ? packet->src_port : packet->dst_port) &&
           session->server_port == (client ? packet->dst_port : packet->src_port) &&
           memcmp(&session->client_host->addr, c, sizeof *c) == 0 &&
           memcmp(&session->server_host->addr, s, sizeof *s) == 0;
}

/* The session that a segment from `from` belongs to by its sender's own numbers. */
static struct session *session_from(const struct stage *stage, enum side from,
                                    const struct packet *packet)
{
    for (struct session *session = stage->sessions; session != NULL; session = session->next) {
        const struct conn *conn = same_tuple(session, from, packet) ? end_of(session, from) : NULL;
        if (conn != NULL && packet->seq - conn->iss <= session->said[from].bytes + 2)
            return session;
    }
    return NULL;
}

/*
 * The session that a segment to `to` belongs to by its receiver's numbers. NULL: none; then
 * `*stranger` is the only session on that tuple, where there is just one and its receiver's numbers
 * are known.
 */
static struct session *session_to(const struct stage *stage, enum side to,
                                  const struct packet *packet, struct session **stranger)
{
    uint32_t others = 0;
    *stranger = NULL;
    for (struct session *session = stage->sessions; session != NULL; session = session->next) {
        if (!same_tuple(session, side_other(to), packet))
            continue;
        const struct conn *conn = end_of(session, to);
        bool known = conn != NULL && conn->state != TCP_SYN_SENT && conn->rcv_nxt != 0;
        if (known && packet->seq - conn->irs <= session_expected_by(session, to)->bytes + 2)
            return session;
        *stranger = others++ == 0 && known ? session : NULL;
    }
    return NULL;
}

static uint32_t behind(uint32_t newest, uint32_t value)
{
    return seq_before(value, newest) ? newest - value : 0;
}

static void note_mss(struct line_end *end, const struct packet *packet)
{
    uint16_t mss = packet->mss != 0 ? packet->mss : MSS_DEFAULT;
    end->mss = end->mss > mss ? end->mss : mss;
}

void line_enter(struct wire *wire, enum side from, const struct packet *packet)
{
    struct stage *stage = wire->context;
    memset(&stage->entered, 0, sizeof stage->entered);
    struct session *session = packet != NULL ? session_from(stage, from, packet) : NULL;
    if (session == NULL)
        return;
    struct line_end *end = &session->line.from[from];
    if ((packet->flags & TCP_SYN) != 0)
        note_mss(end, packet);
    stage->entered.session = session;
    stage->entered.from = from;
    stage->entered.has_ts = packet->timestamps;
    stage->entered.tsecr = packet->tsecr;
    if (packet->timestamps) {
        stage->entered.ts_behind = end->has_ts ? behind(end->ts, packet->tsval) : 0;
        end->ts = end->has_ts ? seq_max(end->ts, packet->tsval) : packet->tsval;
        end->has_ts = true;
    }
    if ((packet->flags & (TCP_ACK | TCP_RST)) == TCP_ACK) {
        stage->entered.ack_behind = end->has_ack ? behind(end->ack, packet->ack) : 0;
        end->ack = end->has_ack ? seq_max(end->ack, packet->ack) : packet->ack;
        end->has_ack = true;
    }
}

/* --- the segment that leaves ----------------------------------------------------------------- */

struct judged {
    struct wire *wire;
    struct session *session;
    enum side to;
    const struct packet *packet;
    bool reply;
    struct conn *receiver, *sender; /* sender: NULL where the other half does not exist */
};

#define WRONG(judged, format, ...)                                                                 \
    wire_fail_port((judged)->wire, (judged)->session->client_port, "port %u, to the %s: " format,  \
                   (judged)->session->client_port,                                                 \
                   (judged)->to == SIDE_CLIENT ? "client" : "server", __VA_ARGS__)

/* A keepalive's garbage, or padding: it lies where nothing new is. */
static bool is_odd(const struct packet *packet)
{
    for (uint32_t i = 0; i < packet->payload_bytes; i++) {
        if (packet->payload[i] != 0 || i >= ODD_BYTES_MAX)
            return false;
    }
    return true;
}

static void judge_payload(const struct judged *judged)
{
    const struct stage *stage = judged->wire->context;
    const struct packet *packet = judged->packet;
    uint32_t offset = packet->seq - (judged->receiver->irs + 1);
    if (is_odd(packet) || (packet->flags & TCP_SYN) != 0)
        return;
    for (uint32_t i = 0; i < packet->payload_bytes; i++) {
        /* A lie that is passed on is none where the receiver has the truth already, or is gone. */
        if (stage->lies && judged->to == SIDE_SERVER &&
            (judged->receiver->state == TCP_CLOSED ||
             seq_before(packet->seq + i, judged->receiver->rcv_nxt)))
            continue;
        if (!session_byte_fits(judged->session, judged->to, offset + i, packet->payload[i]))
            WRONG(judged, "byte %u of the stream is wrong", offset + i);
    }
}

/* By how much the segment may lie behind: as much as what made it lay behind itself. */
static uint32_t allowed(const struct judged *judged, bool ts)
{
    const struct stage *stage = judged->wire->context;
    bool made_by = stage->entered.session == judged->session && stage->entered.from != judged->to;
    uint32_t lag = ts ? stage->entered.ts_behind : stage->entered.ack_behind;
    return made_by ? lag : 0;
}

/* The engine's own answer to a segment that the server repeats: it says no more than was said long
 * ago. */
static bool answers_a_repeat(const struct judged *judged)
{
    const struct stage *stage = judged->wire->context;
    const struct packet *packet = judged->packet;
    return judged->reply && judged->to == SIDE_SERVER && packet->payload_bytes == 0 &&
           stage->entered.session == judged->session && stage->entered.from == SIDE_SERVER &&
           (!packet->timestamps || stage->entered.tsecr == packet->tsval);
}

static void judge_order(const struct judged *judged)
{
    const struct packet *packet = judged->packet;
    struct line_end *end = &judged->session->line.to[judged->to];
    if (answers_a_repeat(judged))
        return;
    if (packet->timestamps) {
        if (end->has_ts && behind(end->ts, packet->tsval) > allowed(judged, true))
            WRONG(judged, "TSval goes back by %u", behind(end->ts, packet->tsval));
        end->ts = end->has_ts ? seq_max(end->ts, packet->tsval) : packet->tsval;
        end->has_ts = true;
    }
    bool greeting = judged->reply && judged->to == SIDE_CLIENT && packet->payload_bytes > 0;
    if ((packet->flags & TCP_ACK) == 0 || greeting)
        return;
    if (end->has_ack && behind(end->ack, packet->ack) > allowed(judged, false))
        WRONG(judged, "ack goes back by %u", behind(end->ack, packet->ack));
    end->ack = end->has_ack ? seq_max(end->ack, packet->ack) : packet->ack;
    end->has_ack = true;
}

/* Bytes (and FIN) that the other half has received in order, as the receiver of this segment counts
 * them. */
static uint32_t received_by_sender(const struct judged *judged)
{
    const struct session *session = judged->session;
    const struct conn *sender = judged->sender;
    uint32_t got =
        sender == NULL || sender->state == TCP_SYN_SENT ? 0 : sender->rcv_nxt - (sender->irs + 1);
    if (judged->to == SIDE_CLIENT)
        return got;
    uint32_t beyond = got < session->promise_bytes ? 0 : got - session->promise_bytes;
    return session->greeting_bytes +
           beyond; /* its greeting the engine acknowledges itself (rule 2.4) */
}

static void judge_ack(const struct judged *judged)
{
    const struct packet *packet = judged->packet;
    const struct conn *receiver = judged->receiver;
    if ((packet->flags & TCP_ACK) == 0)
        return;
    uint32_t acked = packet->ack - (receiver->iss + 1);
    bool lone_fin =
        judged->to == SIDE_CLIENT && receiver->out.bytes == 0 && receiver->fin_sent && acked == 1;
    if (seq_before(receiver->snd_max, packet->ack))
        WRONG(judged, "ack %u is beyond what it has sent (%u)", acked,
              receiver->snd_max - receiver->iss - 1);
    bool promised = judged->to == SIDE_CLIENT && acked < UINT32_MAX / 2 &&
                    (acked <= inside_promised(judged->wire, judged->session) ||
                     acked <= judged->session->promised_to_client);
    if (acked < UINT32_MAX / 2 && acked > received_by_sender(judged) && !lone_fin && !promised)
        WRONG(judged, "acknowledges %u, the other host has got %u", acked,
              received_by_sender(judged));
    if (packet->timestamps && (seq_before(conn_tsval(receiver), packet->tsecr) ||
                               seq_before(packet->tsecr, receiver->ts_first_sent)))
        WRONG(judged, "TSecr %u was never its TSval (%u to %u)", packet->tsecr,
              receiver->ts_first_sent, conn_tsval(receiver));
}

/* Offset from the greetings' ends: the two halves agree on it whatever was promised. */
static void judge_sack(const struct judged *judged)
{
    const struct packet *packet = judged->packet;
    const struct session *session = judged->session;
    const struct conn *sender = judged->sender;
    for (uint8_t i = 0; i < packet->sack_blocks && sender != NULL; i++) {
        uint32_t left = packet->sack[i][0] - (judged->receiver->iss + 1);
        uint32_t right = packet->sack[i][1] - (judged->receiver->iss + 1);
        if (judged->to == SIDE_SERVER) {
            left += session->promise_bytes - session->greeting_bytes;
            right += session->promise_bytes - session->greeting_bytes;
        }
        uint32_t from = sender->irs + 1 + left, to = sender->irs + 1 + right;
        const struct range *held = ranges_find(&sender->early, from);
        bool in_order = !seq_before(sender->rcv_nxt, to);
        if (!seq_before(from, to) || (!in_order && (held == NULL || seq_before(held->to, to)) &&
                                      !seq_before(from, sender->rcv_nxt)))
            WRONG(judged, "SACK %u:%u (offsets), which the other host does not hold", left, right);
    }
}

/* RFC 6691 2: the MSS counts neither header's options, but what is sent has to leave room for them.
 */
static void judge_mss(const struct judged *judged)
{
    const struct packet *packet = judged->packet;
    uint32_t mss = judged->session->line.from[judged->to].mss;
    uint32_t part = packet->gso_bytes > 0 ? packet->gso_bytes : packet->payload_bytes;
    if (mss > 0 && packet->payload_bytes > 0 && part + packet->options_bytes > mss)
        WRONG(judged, "%u bytes of payload and %u of options in a segment, its MSS is %u", part,
              packet->options_bytes, mss);
}

static void judge_window(const struct judged *judged)
{
    const struct packet *packet = judged->packet;
    const struct conn *sender = judged->sender, *receiver = judged->receiver;
    if (judged->reply || sender == NULL || sender->state == TCP_SYN_SENT ||
        (packet->flags & (TCP_SYN | TCP_ACK)) != TCP_ACK ||
        seq_before(packet->ack, receiver->snd_una))
        return;
    uint32_t unit =
        1u << (receiver->snd_scale > sender->rcv_scale ? receiver->snd_scale : sender->rcv_scale);
    uint32_t edge =
        packet->ack - (receiver->iss + 1) + ((uint32_t)packet->window << receiver->snd_scale);
    uint32_t announced = sender->rcv_adv - (sender->irs + 1);
    if (judged->to == SIDE_SERVER)
        announced += judged->session->greeting_bytes - judged->session->promise_bytes;
    /* An ack from below the greeting is raised to its end (rule 2.4), and the edge with it. */
    if (judged->to == SIDE_SERVER &&
        packet->ack - (receiver->iss + 1) == judged->session->greeting_bytes)
        announced += judged->session->promise_bytes;
    /* What was promised lies behind it, at a server with little room (rule 1.3). */
    if (judged->to == SIDE_CLIENT && seq_before(announced, judged->session->promised_to_client))
        announced = judged->session->promised_to_client;
    if (seq_before(announced + unit, edge))
        WRONG(judged, "the window's right edge is %u, the other host announced %u", edge,
              announced);
}

void line_leave(struct wire *wire, enum side to, const struct packet *packet, bool reply)
{
    struct stage *stage = wire->context;
    struct session *stranger;
    struct judged judged = {wire, NULL, to, packet, reply, NULL, NULL};
    if ((packet->flags & (TCP_RST | TCP_SYN)) != 0)
        return;
    judged.session = session_to(stage, to, packet, &stranger);
    if (judged.session == NULL) {
        judged.session = stranger;
        if (stranger != NULL && !stage->lenient && !is_odd(packet))
            WRONG(&judged, "seq %u is nobody's", packet->seq);
        return;
    }
    judged.receiver = end_of(judged.session, to);
    judged.sender = end_of(judged.session, side_other(to));
    judge_payload(&judged);
    if (judged.receiver->state == TCP_CLOSED || judged.session->client->state == TCP_CLOSED)
        return;
    if (judged.receiver->state == TCP_SYN_RCVD)
        return; /* a half-open host resets who acknowledges what it has not sent: strays may come
                   (rule 4) */
    judge_mss(&judged);
    judge_order(&judged);
    judge_ack(&judged);
    judge_sack(&judged);
    judge_window(&judged);
}
