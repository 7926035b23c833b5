/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parts.c - see parts.h. */
#include "tests/sim/parts.h"

#include <stdio.h>
#include <string.h>

#include "engine/tables/slots.h"
#include "tests/sim/fixture.h"
#include "tests/sim/host_internal.h"

#define LIE_BYTES_MAX 1460u

/* --- what is said ---------------------------------------------------------------------------- */

/* A header of about so many bytes. */
static void say_header(struct session *session, uint32_t bytes, struct rng *rng)
{
    session_say_text(session, SIDE_CLIENT, "GET /parts HTTP/1.1\r\nHost: sim.example\r\n");
    for (uint32_t left = bytes; left > 100; left -= 100) {
        struct turn *turn = &session->turns[session->turns_count - 1];

        stream_append(&session->said[SIDE_CLIENT], "X-Padding: ", 11);
        session_say_more(session, rng_next(rng), 87, true);
        stream_append(&session->said[SIDE_CLIENT], "\r\n", 2);
        turn->end += 2;
    }
    stream_append(&session->said[SIDE_CLIENT], "\r\n", 2);
    session->turns[session->turns_count - 1].end = session->said[SIDE_CLIENT].bytes;
}

static void say_web(struct session *session, struct rng *rng)
{
    static const uint32_t headers[] = {0, 0, 200, 2000, 8000, 15000, 17000, 30000};
    uint32_t bytes = rng_below(rng, 4000), header;
    char text[80];

    if (rng_chance(rng, 300000)) {
        session_http_post(session, bytes, rng_next(rng));
    } else {
        header = headers[rng_below(rng, sizeof headers / sizeof headers[0])];
        say_header(session, header + rng_below(rng, 300), rng);
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", bytes);
        session_say_text(session, SIDE_SERVER, text);
        session_say_more(session, rng_next(rng), bytes, false);
    }
    for (uint32_t i = 3; i < session->said[SIDE_CLIENT].bytes && !session->whole_bytes; i++) {
        if (memcmp(session->said[SIDE_CLIENT].data + i - 3, "\r\n\r\n", 4) == 0)
            session->whole_bytes = i + 1 < SLOT_BYTES ? i + 1 : SLOT_BYTES;
    }
}

void parts_dialogue(struct session *session, struct rng *rng)
{
    if (session->server_port == HTTP_PORT)
        say_web(session, rng);
    else if (session->server_port == BINARY_PORT)
        session_binary(session, rng_below(rng, 4000), rng_next(rng));
    else
        session_pop3(session, POP3_PROMISE, rng_below(rng, 4000), rng_next(rng));
}

/* --- how ------------------------------------------------------------------------------------- */

/* Of the client's first turn. */
static uint32_t first_bytes(const struct session *session)
{
    return session->turns[session->turns[0].from == SIDE_CLIENT ? 0 : 1].end;
}

/* HTTP's may be idle for 20 s and take 60 s, a line's for 60 and 300 s. */
static uint32_t longest_gap_us(const struct session *session, uint32_t pieces)
{
    bool brisk = session->server_port == HTTP_PORT;
    uint32_t idle_us = brisk ? 15000000 : 25000000, total_us = brisk ? 45000000 : 250000000;

    return total_us / pieces < idle_us ? total_us / pieces : idle_us;
}

void parts_manner(struct session *session, struct rng *rng, bool cuts)
{
    struct session_manner *manner = &session->manner;
    uint32_t bytes = first_bytes(session), pieces, gap_us;

    manner->pieces = bytes < 60 && rng_chance(rng, 500000) ? 1 : 1 + rng_below(rng, bytes);
    if (bytes / manner->pieces > 60)
        manner->pieces = bytes / 60;
    pieces = (bytes + manner->pieces - 1) / manner->pieces;
    gap_us = rng_chance(rng, 250000) ? longest_gap_us(session, pieces) : 100000;
    manner->pieces_gap_us = rng_below(rng, gap_us);
    if (session->server_port != POP3_PORT && session->server_port != COOKIE_PORT)
        manner->half_close = rng_chance(rng, 300000);
    if (cuts && rng_chance(rng, 300000)) {
        manner->cut_bytes = 1 + rng_below(rng, bytes);
        session->excused = true;
    }
}

void parts_small_server(struct tcp_settings *settings, struct rng *rng)
{
    static const uint16_t sizes[] = {100, 216 + 12, 536, 1000, 1460};

    settings->mss = sizes[rng_below(rng, sizeof sizes / sizeof sizes[0])];
    settings->window_bytes = 200 + rng_below(rng, 4000);
    settings->window_scale = (uint8_t)(rng_chance(rng, 300000) ? WSCALE_NONE : rng_below(rng, 4));
}

/* --- copies ---------------------------------------------------------------------------------- */

static void fill_from_client(const struct session *session, struct packet *packet)
{
    const struct host *client = session->client_host, *server = session->server_host;
    const struct conn *conn = session->client;

    memcpy(packet->from_mac, client->mac, 6);
    memcpy(packet->to_mac, server->mac, 6);
    memcpy(packet->tags, client->tags, sizeof packet->tags);
    packet->src = client->addr;
    packet->dst = server->addr;
    packet->src_port = session->client_port;
    packet->dst_port = session->server_port;
    packet->ttl = client->settings.ttl;
    packet->df = true;
    packet->flags = TCP_ACK | TCP_PSH;
    packet->ack = conn->rcv_nxt;
    packet->window = (uint16_t)((conn->rcv_adv - conn->rcv_nxt) >> conn->rcv_scale);
    if (conn->timestamps) {
        packet_add_nop(packet);
        packet_add_nop(packet);
        packet_add_timestamps(packet, conn_tsval(conn), conn->ts_recent);
    }
}

void parts_copy(struct session *session, struct rng *rng)
{
    const struct conn *conn = session->client;
    uint8_t bytes[LIE_BYTES_MAX];
    struct packet packet = {0};
    uint32_t acked, most, from, count;
    bool lie;

    if (conn == NULL || conn->state != TCP_ESTABLISHED || conn->snd_max == conn->iss + 1)
        return;
    acked = conn->snd_una - (conn->iss + 1);
    lie = acked > 0 && rng_chance(rng, 500000);
    most = lie ? acked : conn->snd_max - (conn->iss + 1);
    from = rng_below(rng, most);
    count = 1 + rng_below(rng, most - from);
    count = count < conn->snd_mss ? count : conn->snd_mss;
    count = count < LIE_BYTES_MAX ? count : LIE_BYTES_MAX;
    memcpy(bytes, conn->out.data + from, count);
    for (uint32_t i = 0; lie && i < count; i++)
        bytes[i] ^= 0x20;
    fill_from_client(session, &packet);
    packet.seq = conn->iss + 1 + from;
    packet.payload = bytes;
    packet.payload_bytes = count;
    wire_send(session->wire, SIDE_CLIENT, &packet);
}

/* --- the judge ------------------------------------------------------------------------------- */

/* What the server has got in order of this very connection. */
static const struct conn *server_of(const struct session *session)
{
    const struct conn *conn = session->server_host->conns;

    while (conn != NULL &&
           (conn->irs != session->client->iss || conn->peer_port != session->client_port ||
            conn->port != session->server_port ||
            memcmp(&conn->peer, &session->client_host->addr, sizeof conn->peer) != 0))
        conn = conn->next;
    return conn;
}

/* It was reset; or it left by itself, or its machine did, which is what it is excused for. */
static bool is_told(const struct session *session, const struct conn *conn)
{
    return conn->end == CONN_RESET || (conn->end == CONN_ABORTED && session->excused);
}

#define WRONG(session, format, ...)                                                                \
    wire_fail_port((session)->wire, (session)->client_port, "port %u > %u: " format,               \
                   (session)->client_port, (session)->server_port, __VA_ARGS__)

void parts_judge_end(const struct session *session, bool calm)
{
    const struct conn *client = session->client, *server = server_of(session);
    const struct line_end *told = &session->line.to[SIDE_CLIENT];
    uint32_t got = server != NULL ? server->in.bytes : 0;
    uint32_t acked = told->has_ack ? told->ack - (client->iss + 1) : 0;

    acked = acked < client->out.bytes ? acked : client->out.bytes;
    if (client->end == CONN_CLOSED && got < client->out.bytes)
        WRONG(session, "a clean end at the client, but its server has got %u of %u", got,
              client->out.bytes);
    if (server != NULL && server->fin_received && got < client->out.bytes)
        WRONG(session, "the server was told the end at %u of %u", got, client->out.bytes);
    if (acked <= got || !calm)
        return;
    if (!is_told(session, client))
        WRONG(session, "%u were acknowledged, the server has got %u, the client was not reset (%d)",
              acked, got, client->end);
    if (server != NULL && !is_told(session, server))
        WRONG(session, "%u were acknowledged, the server has got %u, and was not reset (%d)", acked,
              got, server->end);
}
