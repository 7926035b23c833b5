/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ends.c - how connections through the engine end when something dies: each end learns of it,
 * no entry stays behind.
 */
#include <criterion/criterion.h>

#include "tests/sim/fixture.h"
#include "tests/sim/steps.h"

static void open_world(struct world *world)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.retries = 7;
    world_open(world, 1, SETTING_ATTACK, &settings, &settings);
}

static struct session *http_and_pop3(struct world *world, struct session **pop3)
{
    struct session *http = world_session(world, true, 40000, HTTP_PORT);
    *pop3 = world_session(world, true, 40001, POP3_PORT);
    session_http_get(http, 1, 200000, 1);
    session_pop3(*pop3, POP3_PROMISE, 200000, 2);
    session_start(http, 0);
    session_start(*pop3, 0);
    return http;
}

Test(ends, server_refuses)
{
    struct world world;
    struct session *http, *pop3;
    open_world(&world);
    world.server[0]->refuses = true;
    http = http_and_pop3(&world, &pop3);
    cr_assert(world_run(&world, 60000000));
    cr_assert_eq(http->client->end, CONN_RESET);
    cr_assert_eq(pop3->client->end, CONN_RESET);
    world_expect_empty(&world);
    world_close(&world);
}

Test(ends, server_is_dead)
{
    struct world world;
    struct session *http, *pop3;
    open_world(&world);
    world.server[0]->dead = true;
    http = http_and_pop3(&world, &pop3);
    cr_assert(world_run(&world, 60000000));
    cr_assert_eq(http->client->end, CONN_RESET, "our SYN at 0, 1, 3, 7 s, then a reset");
    cr_assert_eq(pop3->client->end, CONN_RESET);
    world_expect_empty(&world);
    world_close(&world);
}

static void kill_host(void *context)
{
    ((struct host *)context)->dead = true;
}

Test(ends, server_dies_in_the_middle)
{
    struct world world;
    struct session *http, *pop3;
    open_world(&world);
    http = http_and_pop3(&world, &pop3);
    wire_at(world.wire, 1080000, kill_host, world.server[0]);
    world_run(&world, 1000000000);
    cr_assert_eq(http->client->state, TCP_CLOSED);
    cr_assert_eq(pop3->client->state, TCP_CLOSED);
    world_expect_empty(&world);
    world_close(&world);
}

Test(ends, client_vanishes)
{
    for (uint64_t at_us = 1000; at_us < 200000; at_us += 7000) {
        struct world world;
        struct session *http, *pop3;
        open_world(&world);
        http = http_and_pop3(&world, &pop3);
        http->manner.vanish_us = at_us;
        world_run(&world, 1000000000);
        cr_assert(http->server == NULL || http->server->state == TCP_CLOSED);
        cr_assert(pop3->server == NULL || pop3->server->state == TCP_CLOSED);
        world_expect_empty(&world);
        world_close(&world);
    }
}

Test(ends, silent_and_wrong_clients_never_reach_the_server)
{
    static const uint16_t ports[] = {HTTP_PORT, POP3_PORT, BINARY_PORT};
    struct world world;
    open_world(&world);
    for (uint16_t i = 0; i < 30; i++) {
        struct session *session =
            world_session(&world, i % 2 == 0, (uint16_t)(40000 + i), ports[i % 3]);
        if (ports[i % 3] == POP3_PORT)
            session_pop3(session, POP3_PROMISE, 10, i);
        else
            session_wrong(session);
        session->manner.silent = i >= 15 || ports[i % 3] == POP3_PORT;
        session->manner.silent_us = 20000000;
        session_start(session, 0);
    }
    world_run(&world, 400000000);
    for (struct session *session = world.stage.sessions; session != NULL; session = session->next) {
        cr_assert_eq(session->servers_seen, 0, "port %u", session->client_port);
        cr_assert_eq(session->client->state, TCP_CLOSED);
    }
    cr_assert_eq(world_counters(&world)->flows_opened, 0);
    world_expect_empty(&world);
    world_close(&world);
}

Test(ends, port_is_used_again)
{
    struct world world;
    open_world(&world);
    for (uint32_t i = 0; i < 20; i++) {
        struct session *session = world_session(&world, true, 40000, HTTP_PORT);
        session_http_get(session, 1, 3000, i);
        session->manner.close = CLOSE_BY_SERVER; /* so that the client is not in TIME_WAIT */
        session_start(session, world.wire->now_us + 2000);
        wire_run(world.wire, world.wire->now_us + 1000000);
        cr_assert_eq(session->client->in.bytes, session->expected_bytes,
                     "round %u: %u of %u bytes, %s", i, session->client->in.bytes,
                     session->expected_bytes, tcp_state_name(session->client->state));
        cr_assert_eq(session->servers_heard, 1);
    }
    world_run(&world, 400000000);
    world_expect_empty(&world);
    world_close(&world);
}

/* --- as on a bare wire ----------------------------------------------------------------------- */

enum accident {
    SERVER_REFUSES,
    SERVER_DEAD,
    SERVER_DIES,
    CLIENT_VANISHES,
    SERVER_ABORTS,
    CLIENT_ABORTS,
    ACCIDENTS
};

struct outcome {
    enum conn_end client, server; /* server: CONN_OPEN where it never had a connection */
};

static void abort_all(void *context)
{
    struct host *host = context;
    for (struct conn *conn = host->conns; conn != NULL; conn = conn->next)
        if (conn->state == TCP_ESTABLISHED)
            conn_abort(conn);
}

/* A download that meets with an accident; on a bare wire (SETTING_INHERIT) or through the engine.
 */
static struct outcome meet_with(enum accident accident, enum mode_setting setting, uint16_t port)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct world world;
    settings.retries = 7;
    settings.keepalive_us = 20000000;
    world_open(&world, 1, setting, &settings, &settings);
    world.server[0]->refuses = accident == SERVER_REFUSES;
    world.server[0]->dead = accident == SERVER_DEAD;
    struct session *session = world_session(&world, true, 40000, port);
    if (port == POP3_PORT)
        session_pop3(session, POP3_PROMISE, 2000000, 1);
    else
        session_http_get(session, 1, 2000000, 1);
    session_start(session, 0);
    if (accident == SERVER_DIES || accident == CLIENT_VANISHES)
        wire_at(world.wire, 1150000, kill_host,
                accident == SERVER_DIES ? world.server[0] : world.client[0]);
    if (accident == SERVER_ABORTS || accident == CLIENT_ABORTS)
        wire_at(world.wire, 1150000, abort_all,
                accident == SERVER_ABORTS ? world.server[0] : world.client[0]);
    world_run(&world, 2000000000);
    struct outcome outcome = {session->client->end,
                              session->server != NULL ? session->server->end : CONN_OPEN};
    if (setting != SETTING_INHERIT)
        world_expect_empty(&world);
    world_close(&world);
    return outcome;
}

/*
 * The same on both wires, but where it lies in the matter: who got a cookie is connected before the
 * server was asked, so that a refusal, or its silence, can only be a reset.
 */
Test(ends, each_end_learns_what_it_would_on_a_bare_wire)
{
    static const uint16_t ports[] = {HTTP_PORT, POP3_PORT};
    for (enum accident accident = SERVER_REFUSES; accident < ACCIDENTS; accident++) {
        for (uint32_t i = 0; i < 2; i++) {
            struct outcome bare = meet_with(accident, SETTING_INHERIT, ports[i]);
            struct outcome here = meet_with(accident, SETTING_ATTACK, ports[i]);
            struct outcome normal = meet_with(accident, SETTING_NORMAL, ports[i]);
            cr_assert_eq(normal.client, bare.client, "accident %d: client %d, bare %d", accident,
                         normal.client, bare.client);
            cr_assert_eq(normal.server, bare.server);
            cr_assert_eq(here.server, bare.server, "accident %d: server %d, bare %d", accident,
                         here.server, bare.server);
            if (accident == SERVER_REFUSES || accident == SERVER_DEAD) {
                cr_assert_eq(bare.client, accident == SERVER_DEAD ? CONN_TIMED_OUT : CONN_REFUSED);
                cr_assert_eq(here.client, CONN_RESET);
            } else {
                cr_assert_eq(here.client, bare.client, "accident %d: client %d, bare %d", accident,
                             here.client, bare.client);
            }
        }
    }
}

/* --- never twice ----------------------------------------------------------------------------- */

/* Copies of a request, at every age that a segment can have (RFC 9293 3.4.2: 2 minutes), find no
 * server that runs it again. */
Test(ends, request_repeated_after_its_connection_closed)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    step_close(s);
    for (uint32_t second = 0; second < 120; second++) {
        pass(s, 1000000);
        inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
        /* to the host that has closed this connection and will not take old data, or answered by a
         * reset; never as a new one */
        for (uint32_t i = 0; i < s->out[SERVER].count; i++) {
            struct packet packet;
            const struct scenario_frame *frame =
                &s->out[SERVER].frames[(s->out[SERVER].first + i) % SCENARIO_QUEUE_FRAMES];
            cr_assert_null(packet_read(&packet, frame->buffer, frame->bytes));
            cr_assert_eq(packet.flags & TCP_SYN, 0, "the server was asked again after %u s",
                         second + 1);
        }
        scenario_drain(s);
    }
    expect_count(s, requests_matched, 1);
    expect_count(s, flows_opened, 1);
    scenario_end(s);
}
