/* SPDX-License-Identifier: GPL-2.0-or-later */
/* app.c - see app.h. */
#include "tests/sim/app.h"

#include "tests/sim/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/host_internal.h"
#include "tests/sim/inside.h"

#define CLIENT_IDLE_US (250ull * 1000 * 1000)
#define SERVER_IDLE_US (400ull * 1000 * 1000)
#define SLOW_READER_US (3000ull * 1000)

/* --- dialogues ------------------------------------------------------------------------------- */

struct session *session_new(struct stage *stage, struct wire *wire, struct host *client,
                            uint16_t client_port, struct host *server, uint16_t server_port)
{
    struct session *session = calloc(1, sizeof *session);
    session->wire = wire;
    session->client_host = client;
    session->server_host = server;
    session->client_port = client_port;
    session->server_port = server_port;
    session->next = stage->sessions;
    stage->sessions = session;
    stage->count++;
    wire->context = stage;
    return session;
}

void stage_free(struct stage *stage)
{
    for (struct session *session = stage->sessions, *next; session != NULL; session = next) {
        next = session->next;
        free(session->said[0].data);
        free(session->said[1].data);
        free(session->promised.data);
        free(session);
    }
    *stage = (struct stage){0};
}

void session_say(struct session *session, enum side from, const void *data, uint32_t bytes)
{
    stream_append(&session->said[from], data, bytes);
    session->turns[session->turns_count++] =
        (struct turn){.from = from,
                      .end = session->said[from].bytes,
                      .heard = session->said[side_other(from)].bytes};
}

void session_say_text(struct session *session, enum side from, const char *text)
{
    session_say(session, from, text, (uint32_t)strlen(text));
}

void session_say_more(struct session *session, uint64_t seed, uint32_t bytes, bool text)
{
    struct turn *turn = &session->turns[session->turns_count - 1];
    struct rng rng = {.state = seed};
    uint8_t block[64];
    while (bytes > 0) {
        uint32_t part = bytes < sizeof block ? bytes : (uint32_t)sizeof block;
        for (uint32_t i = 0; i < part; i++)
            block[i] = text ? (uint8_t)('a' + rng_below(&rng, 26)) : (uint8_t)rng_next(&rng);
        stream_append(&session->said[turn->from], block, part);
        bytes -= part;
    }
    turn->end = session->said[turn->from].bytes;
}

void session_http_get(struct session *session, uint32_t requests, uint32_t answer_bytes,
                      uint64_t seed)
{
    char text[160];
    for (uint32_t i = 0; i < requests; i++) {
        snprintf(text, sizeof text, "GET /%u/%u HTTP/1.1\r\nHost: sim.example\r\n\r\n", i,
                 answer_bytes);
        session_say_text(session, SIDE_CLIENT, text);
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", answer_bytes);
        session_say_text(session, SIDE_SERVER, text);
        session_say_more(session, seed + i, answer_bytes, false);
    }
}

void session_http_post(struct session *session, uint32_t body_bytes, uint64_t seed)
{
    char text[160];
    snprintf(text, sizeof text,
             "POST /upload HTTP/1.1\r\nHost: sim.example\r\nContent-Length: %u\r\n\r\n",
             body_bytes);
    session_say_text(session, SIDE_CLIENT, text);
    session_say_more(session, seed, body_bytes, false);
    session_say_text(session, SIDE_SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

void session_pop3(struct session *session, const char *greeting, uint32_t mail_bytes, uint64_t seed)
{
    session_say_text(session, SIDE_SERVER, greeting);
    session->greeting_bytes = session->promise_bytes = (uint32_t)strlen(greeting);
    session_say_text(session, SIDE_CLIENT, "USER sim\r\n");
    session_say_text(session, SIDE_SERVER, "+OK\r\n");
    session_say_text(session, SIDE_CLIENT, "PASS secret\r\n");
    session_say_text(session, SIDE_SERVER, "+OK logged in\r\n");
    session_say_text(session, SIDE_CLIENT, "RETR 1\r\n");
    session_say_text(session, SIDE_SERVER, "+OK a mail\r\n");
    session_say_more(session, seed, mail_bytes, true);
    session_say_text(session, SIDE_CLIENT, "QUIT\r\n");
    session_say_text(session, SIDE_SERVER, "+OK bye\r\n");
    session->manner.close = CLOSE_BY_SERVER;
}

void session_binary(struct session *session, uint32_t answer_bytes, uint64_t seed)
{
    session_say(session, SIDE_CLIENT, "\xab\xcd\x01\x00", 4);
    session_say_more(session, seed, 28, false);
    session_say(session, SIDE_SERVER, "\xab\xcd\x02\x00", 4);
    session_say_more(session, seed + 1, answer_bytes, false);
}

void session_wrong(struct session *session)
{
    session_say(session, SIDE_CLIENT,
                "\x13"
                "BitTorrent protocol\0\0\0\0\0\0\0\0",
                28);
    session_say_more(session, 5, 40, false);
}

void session_expect_greeting(struct session *session, const char *promised)
{
    session->promise_bytes = (uint32_t)strlen(promised);
    stream_append(&session->promised, promised, session->promise_bytes);
}

/* --- both ends ------------------------------------------------------------------------------- */

const struct stream *session_expected_by(const struct session *session, enum side side)
{
    if (side == SIDE_CLIENT && session->promised.bytes > 0)
        return &session->promised;
    return &session->said[side_other(side)];
}

/* Bytes that `side` has to hear before turn `turn`, in the stream that it hears. */
static uint32_t heard_before(const struct session *session, const struct turn *turn)
{
    bool first_of_client =
        turn->from == SIDE_CLIENT && (turn == &session->turns[0] || turn == &session->turns[1]);
    if (session->manner.early_talk && first_of_client)
        return 0;
    if (turn->from == SIDE_CLIENT && turn->heard > 0)
        return turn->heard - session->greeting_bytes + session->promise_bytes;
    return turn->heard;
}

/* How long a side waits for the other before it gives up. */
static uint64_t idle_us(const struct session *session, enum side side)
{
    const struct session_manner *manner = &session->manner;
    return (side == SIDE_CLIENT ? CLIENT_IDLE_US : SERVER_IDLE_US) + manner->first_think_us +
           manner->think_us + manner->slow_us;
}

static uint64_t slow_us(const struct session *session)
{
    return session->manner.slow_us > 0 ? session->manner.slow_us : SLOW_READER_US;
}

/* True where this side stops reading now. */
static bool stops_reading(struct session *session, enum side side, struct conn *conn)
{
    uint32_t slow =
        side == SIDE_CLIENT ? session->manner.slow_reader_bytes : session->manner.slow_server_bytes;
    if (slow == 0 || session->slowed[side] || conn->in.bytes < slow)
        return false;
    session->slowed[side] = true;
    conn->hold_reading = true;
    session->wait_us[side] = session->wire->now_us + slow_us(session);
    return true;
}

static void rearm(struct session *session, enum side side, struct conn *conn)
{
    uint64_t now_us = session->wire->now_us;
    uint64_t at_us = session->heard_us[side] + idle_us(session, side);
    if (session->wait_us[side] > now_us && session->wait_us[side] < at_us)
        at_us = session->wait_us[side];
    conn_set_timer(conn, at_us);
}

static uint32_t first_request_bytes(const struct session *session)
{
    for (uint32_t i = 0; i < session->turns_count; i++) {
        if (session->turns[i].from == SIDE_CLIENT)
            return session->turns[i].end;
    }
    return UINT32_MAX;
}

/* Bytes of this turn to write now; sets the time to wait where it is not all. */
static uint32_t portion(struct session *session, enum side side, uint32_t said, uint32_t end)
{
    const struct session_manner *manner = &session->manner;
    uint32_t left = end - said;
    uint64_t now_us = session->wire->now_us;
    if (side == SIDE_CLIENT && manner->cut_bytes > said && manner->cut_bytes - said < left)
        left = manner->cut_bytes - said;
    if (side == SIDE_CLIENT && manner->pieces > 0 && manner->pieces < left &&
        end == first_request_bytes(session)) {
        session->wait_us[side] = now_us + 1 + manner->pieces_gap_us;
        return manner->pieces;
    }
    if (side == SIDE_SERVER && said == 0 && manner->greeting_cut > 0 &&
        manner->greeting_cut < left) {
        session->wait_us[side] = now_us + 1 + manner->greeting_gap_us;
        return manner->greeting_cut;
    }
    return left;
}

/* The client says nothing more. */
static bool is_cut(const struct session *session, const struct conn *conn)
{
    return session->manner.cut_bytes > 0 && conn->out.bytes >= session->manner.cut_bytes;
}

/* True: all turns of this side are said. */
static bool say_turns(struct session *session, enum side side, struct conn *conn)
{
    uint64_t now_us = session->wire->now_us;
    if (side == SIDE_CLIENT && (session->manner.silent || is_cut(session, conn)))
        return false;
    while (session->next_turn[side] < session->turns_count) {
        const struct turn *turn = &session->turns[session->next_turn[side]];
        if (turn->from == side) {
            if (conn->in.bytes < heard_before(session, turn) || now_us < session->wait_us[side])
                return false;
            uint32_t bytes = portion(session, side, conn->out.bytes, turn->end);
            conn_write(conn, session->said[side].data + conn->out.bytes, bytes);
            if (conn->out.bytes < turn->end || (side == SIDE_CLIENT && is_cut(session, conn)))
                return false;
            if (side == SIDE_CLIENT && session->manner.think_us > 0)
                session->wait_us[side] = now_us + session->manner.think_us;
        }
        session->next_turn[side]++;
    }
    return true;
}

static void client_go_on(struct conn *conn)
{
    struct session *session = conn->app_data;
    const struct session_manner *manner = &session->manner;
    bool said = say_turns(session, SIDE_CLIENT, conn);
    bool heard = conn->in.bytes == session->expected_bytes;
    if ((said && manner->half_close) || is_cut(session, conn))
        conn_close(conn);
    if (said && heard && manner->close == CLOSE_CLIENT_RESETS)
        conn_abort(conn);
    else if (said && heard && manner->close != CLOSE_BY_SERVER)
        conn_close(conn);
    if (conn->state != TCP_CLOSED)
        rearm(session, SIDE_CLIENT, conn);
}

static void client_received(struct conn *conn)
{
    struct session *session = conn->app_data;
    session->heard_us[SIDE_CLIENT] = session->wire->now_us;
    stops_reading(session, SIDE_CLIENT, conn);
    client_go_on(conn);
}

static void client_timer(struct conn *conn)
{
    struct session *session = conn->app_data;
    uint64_t now_us = session->wire->now_us;
    bool tired = now_us >= session->heard_us[SIDE_CLIENT] + idle_us(session, SIDE_CLIENT);
    if (session->manner.silent && now_us >= session->began_us + session->manner.silent_us) {
        conn_close(conn);
        session->manner.silent_us = CLIENT_IDLE_US;
        return;
    }
    if (tired) {
        conn_abort(conn);
        return;
    }
    if (conn->hold_reading && now_us >= session->wait_us[SIDE_CLIENT])
        conn_resume_reading(conn);
    client_go_on(conn);
}

static void client_established(struct conn *conn)
{
    struct session *session = conn->app_data;
    session->heard_us[SIDE_CLIENT] = session->wire->now_us;
    if (session->manner.silent)
        session->wait_us[SIDE_CLIENT] = session->began_us + session->manner.silent_us;
    else if (session->manner.first_think_us > 0)
        session->wait_us[SIDE_CLIENT] = session->wire->now_us + session->manner.first_think_us;
    client_go_on(conn);
}

static void client_peer_closed(struct conn *conn)
{
    client_go_on(conn);
    conn_close(conn);
}

static const struct app client_app = {.established = client_established,
                                      .received = client_received,
                                      .peer_closed = client_peer_closed,
                                      .timer = client_timer};

static struct session *session_of(const struct conn *conn)
{
    const struct stage *stage = conn->host->wire->context;
    struct session *found = NULL;
    for (struct session *session = stage->sessions; session != NULL; session = session->next) {
        if (session->client_port == conn->peer_port && session->server_port == conn->port &&
            session->client != NULL && session->client->iss == conn->irs &&
            memcmp(&session->client_host->addr, &conn->peer, sizeof conn->peer) == 0 &&
            (found == NULL || found->began_us < session->began_us))
            found = session;
    }
    return found;
}

static void server_go_on(struct conn *conn)
{
    struct session *session = conn->app_data;
    bool said = say_turns(session, SIDE_SERVER, conn);
    bool closes = session->manner.close == CLOSE_BY_SERVER || session->manner.close == CLOSE_BOTH;
    if (said && (closes || conn->fin_received))
        conn_close(conn);
    if (conn->state != TCP_CLOSED)
        rearm(session, SIDE_SERVER, conn);
}

static void abort_server(void *context)
{
    struct session *session = context;
    if (session->server != NULL)
        conn_abort(session->server);
}

/* The server has another greeting by now. */
static void change_greeting(struct session *session)
{
    const struct stage *stage = session->wire->context;
    uint8_t *said = session->said[SIDE_SERVER].data;
    uint32_t bytes = session->greeting_bytes;
    if (session->other_greeting == NULL || stage->greeting == NULL ||
        memcmp(said, stage->greeting, bytes) == 0)
        return;
    memcpy(said, stage->greeting, bytes);
    session->other_greeting = stage->greetings[stage->greeting == stage->greetings[0]];
}

/* Under attack a server is opened for a whole request only (rule 1.3), but for one that was seen to
 * serve nobody: SYNs pass to it, to find out. */
static void check_whole(const struct session *session)
{
    const struct stage *stage = session->wire->context;
    if (stage->attack && !stage->doubted && session->client->out.bytes < session->whole_bytes)
        wire_fail_port(session->wire, session->client_port,
                       "port %u: its server was opened for %u of %u bytes", session->client_port,
                       session->client->out.bytes, session->whole_bytes);
}

static void server_established(struct conn *conn)
{
    struct session *session = session_of(conn);
    if (session == NULL) {
        conn_abort(conn);
        return;
    }
    conn->app_data = session;
    check_whole(session);
    session->server = conn;
    session->servers_seen++;
    session->server_heard = false;
    session->next_turn[SIDE_SERVER] = 0;
    session->checked[SIDE_SERVER] = 0;
    session->wait_us[SIDE_SERVER] = 0;
    session->heard_us[SIDE_SERVER] = session->wire->now_us;
    change_greeting(session);
    if (session->manner.server_abort_us > 0)
        wire_at(session->wire, session->wire->now_us + session->manner.server_abort_us,
                abort_server, session);
    server_go_on(conn);
}

static void server_received(struct conn *conn)
{
    struct session *session = conn->app_data;
    session->heard_us[SIDE_SERVER] = session->wire->now_us;
    if (session->server == conn && !session->server_heard && conn->in.bytes > 0) {
        session->server_heard = true;
        session->servers_heard++;
    }
    stops_reading(session, SIDE_SERVER, conn);
    server_go_on(conn);
}

/* The client has closed: what is to be said is said, unless the server is waiting for a moment of
 * its own. */
static void server_peer_closed(struct conn *conn)
{
    const struct session *session = conn->app_data;
    server_go_on(conn);
    if (conn->fin_received && session->wire->now_us >= session->wait_us[SIDE_SERVER])
        conn_close(conn);
}

static void server_timer(struct conn *conn)
{
    struct session *session = conn->app_data;
    uint64_t now_us = session->wire->now_us;
    if (now_us >= session->heard_us[SIDE_SERVER] + idle_us(session, SIDE_SERVER)) {
        conn_abort(conn);
        return;
    }
    if (conn->hold_reading && now_us >= session->wait_us[SIDE_SERVER])
        conn_resume_reading(conn);
    server_peer_closed(conn);
}

const struct app session_server_app = {.established = server_established,
                                       .received = server_received,
                                       .peer_closed = server_peer_closed,
                                       .timer = server_timer};

static void vanish(void *context)
{
    struct session *session = context;
    session->client_host->dead = true;
}

static void abort_client(void *context)
{
    struct session *session = context;
    conn_abort(session->client);
}

static void connect_now(void *context)
{
    struct session *session = context;
    session->began_us = session->wire->now_us;
    session->heard_us[SIDE_CLIENT] = session->began_us;
    session->client =
        host_connect(session->client_host, session->client_port, &session->server_host->addr,
                     session->server_port, &client_app, session);
    if (session->manner.vanish_us > 0)
        wire_at(session->wire, session->began_us + session->manner.vanish_us, vanish, session);
    if (session->manner.client_abort_us > 0)
        wire_at(session->wire, session->began_us + session->manner.client_abort_us, abort_client,
                session);
}

void session_start(struct session *session, uint64_t at_us)
{
    const struct stream *said = &session->said[SIDE_SERVER];
    if (session->promised.bytes > 0)
        stream_append(&session->promised, said->data + session->greeting_bytes,
                      said->bytes - session->greeting_bytes);
    session->expected_bytes = session_expected_by(session, SIDE_CLIENT)->bytes;
    wire_at(session->wire, at_us, connect_now, session);
}

/* --- the judge ------------------------------------------------------------------------------- */

bool session_byte_fits(const struct session *session, enum side side, uint32_t at, uint8_t byte)
{
    const struct stream *expected = session_expected_by(session, side);
    if (at >= expected->bytes)
        return false;
    if (side == SIDE_CLIENT && session->other_greeting != NULL && at < session->greeting_bytes &&
        (uint8_t)session->other_greeting[at] == byte)
        return true;
    return expected->data[at] == byte;
}

/* Who was greeted as the server used to greet must not be joined to one that greets otherwise by
 * now (rule 2.4). */
static void check_greeting(const struct session *session, const struct conn *client)
{
    if (session->other_greeting != NULL && !session->any_greeting && session->servers_seen > 0 &&
        client->in.bytes > session->greeting_bytes &&
        memcmp(client->in.data, session->said[SIDE_SERVER].data, session->greeting_bytes) != 0)
        wire_fail_port(session->wire, session->client_port,
                       "port %u: the client was greeted otherwise than its server greets",
                       session->client_port);
}

static void check_received(struct session *session, enum side side, const struct conn *conn)
{
    const struct stream *expected = session_expected_by(session, side);
    const char *name = side == SIDE_CLIENT ? "client" : "server";
    if (conn->in.bytes > expected->bytes)
        wire_fail_port(session->wire, session->client_port,
                       "port %u: the %s received %u bytes, of %u", session->client_port, name,
                       conn->in.bytes, expected->bytes);
    for (uint32_t at = session->checked[side]; at < conn->in.bytes; at++) {
        if (!session_byte_fits(session, side, at, conn->in.data[at]))
            wire_fail_port(session->wire, session->client_port,
                           "port %u: byte %u that the %s received is wrong", session->client_port,
                           at, name);
    }
    session->checked[side] = conn->in.bytes;
}

/* Sequence space after the SYN that the peer has acknowledged. */
static uint32_t acknowledged(const struct conn *conn)
{
    return conn->snd_una == conn->iss ? 0 : conn->snd_una - (conn->iss + 1);
}

/*
 * Nothing of the client's is acknowledged that the server has not got (rule 1.4), but for what the
 * engine answers for (rule 1.3): the server gets that, or the connection is not done.
 */
static void check_client_acks(struct session *session)
{
    uint32_t promised = inside_promised(session->wire, session);
    const struct conn *client = session->client, *server = session->server;
    uint32_t acked = acknowledged(client);
    uint32_t got =
        server != NULL && server->irs == client->iss ? server->rcv_nxt - (server->irs + 1) : 0;
    bool lone_fin =
        client->out.bytes == 0 && client->fin_sent; /* rule 4: answered without a server */
    if (promised > session->promised_to_client)
        session->promised_to_client = promised;
    if (acked > got && acked > session->promised_to_client && !(lone_fin && acked == 1))
        wire_fail_port(session->wire, session->client_port,
                       "port %u: the client was acknowledged %u, the server has got %u",
                       session->client_port, acked, got);
}

/* Of the server's, but for its greeting, which we acknowledge ourselves (rule 2.4). */
static void check_server_acks(const struct session *session)
{
    const struct conn *client = session->client, *server = session->server;
    if (server == NULL || client->end == CONN_ABORTED || client->end == CONN_RESET ||
        client->end == CONN_TIMED_OUT)
        return;
    uint32_t acked = acknowledged(server);
    uint32_t got = client->state == TCP_SYN_SENT ? 0 : client->rcv_nxt - (client->irs + 1);
    uint32_t spare = got < session->promise_bytes ? 0 : got - session->promise_bytes;
    if (acked > session->greeting_bytes && acked - session->greeting_bytes > spare)
        wire_fail_port(session->wire, session->client_port,
                       "port %u: the server was acknowledged %u, the client has got %u",
                       session->client_port, acked, got);
}

void session_check(struct session *session)
{
    if (session->client == NULL)
        return;
    check_received(session, SIDE_CLIENT, session->client);
    check_greeting(session, session->client);
    if (session->server != NULL)
        check_received(session, SIDE_SERVER, session->server);
    check_client_acks(session);
    check_server_acks(session);
    if (session->servers_heard > 1)
        wire_fail_port(session->wire, session->client_port,
                       "port %u: what the client said reached %u connections of the server",
                       session->client_port, session->servers_heard);
}

void stage_check(struct wire *wire)
{
    struct stage *stage = wire->context;
    for (struct session *session = stage->sessions; session != NULL; session = session->next) {
        bool over = session->client != NULL && session_ended(session);
        if (!over)
            session_check(session);
    }
    inside_check(wire);
}

bool session_ended(const struct session *session)
{
    return session->client != NULL && session->client->state == TCP_CLOSED &&
           (session->server == NULL || session->server->state == TCP_CLOSED);
}

bool session_done(const struct session *session)
{
    return session_ended(session) && session->server != NULL &&
           session->client->in.bytes == session->expected_bytes &&
           session->server->in.bytes == session->said[SIDE_CLIENT].bytes;
}
