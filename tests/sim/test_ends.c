/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ends.c - how connections through the engine end when something dies: each end learns of it, no entry stays behind.
 */
#include <criterion/criterion.h>

#include "tests/sim/fixture.h"

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
        struct session *session = world_session(&world, i % 2 == 0, (uint16_t)(40000 + i), ports[i % 3]);
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
        cr_assert_eq(session->client->in.bytes, session->expected_bytes, "round %u: %u of %u bytes, %s", i,
                     session->client->in.bytes, session->expected_bytes,
                     tcp_state_name(session->client->state));
        cr_assert_eq(session->requests_heard, 1);
    }
    world_run(&world, 400000000);
    world_expect_empty(&world);
    world_close(&world);
}
