/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_host.c - the host model against itself over a bare wire: the reference that the engine is
 * measured by.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/sim/fixture.h"

static void open_bare(struct world *world, const struct tcp_settings *client,
                      const struct tcp_settings *server)
{
    world_open(world, 1, SETTING_INHERIT, client, server);
}

static void expect_quiet(const struct conn *conn)
{
    cr_assert_eq(conn->seen.rto, 0, "%u timeouts", conn->seen.rto);
    cr_assert_eq(conn->seen.paws_drops, 0);
    cr_assert_eq(conn->seen.bad_segments, 0);
}

Test(host, get_over_a_bare_wire)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct world world;
    open_bare(&world, &settings, &settings);
    struct session *v4 = world_session(&world, true, 40000, HTTP_PORT);
    struct session *v6 = world_session(&world, false, 40000, HTTP_PORT);
    session_http_get(v4, 3, 100000, 1);
    session_http_get(v6, 3, 100000, 2);
    session_start(v4, 0);
    session_start(v6, 0);
    cr_assert(world_run(&world, 200000000));
    cr_assert(session_done(v4));
    cr_assert(session_done(v6));
    expect_quiet(v4->client);
    expect_quiet(v4->server);
    expect_quiet(v6->client);
    world_close(&world);
}

Test(host, pop3_with_greeting_in_pieces_and_early_talker)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct world world;
    open_bare(&world, &settings, &settings);
    struct session *plain = world_session(&world, true, 40000, POP3_PORT);
    struct session *early = world_session(&world, true, 40001, POP3_PORT);
    session_pop3(plain, POP3_PROMISE, 5000, 3);
    session_pop3(early, POP3_PROMISE, 5000, 4);
    plain->manner.greeting_cut = 4;
    plain->manner.greeting_gap_us = 300000;
    early->manner.early_talk = true;
    session_start(plain, 0);
    session_start(early, 0);
    cr_assert(world_run(&world, 200000000));
    cr_assert(session_done(plain));
    cr_assert(session_done(early));
    world_close(&world);
}

Test(host, zero_window_is_probed_and_opens_again)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.window_bytes = 20000;
    struct world world;
    open_bare(&world, &settings, &settings);
    struct session *session = world_session(&world, true, 40000, HTTP_PORT);
    session_http_get(session, 1, 200000, 1);
    session->manner.slow_reader_bytes = 50000;
    session_start(session, 0);
    cr_assert(world_run(&world, 200000000));
    cr_assert(session_done(session));
    world_close(&world);
}

Test(host, super_frames_carry_the_first_flight_in_two)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.offload = true;
    settings.timestamps = false;
    struct world world;
    open_bare(&world, &settings, &settings);
    struct session *session = world_session(&world, true, 40000, HTTP_PORT);
    session_http_post(session, 50000, 1);
    session_start(session, 0);
    cr_assert(world_run(&world, 200000000));
    cr_assert(session_done(session));
    expect_quiet(session->client);
    uint32_t super_frames = 0;
    for (uint64_t i = 0; i < world.wire->trace_count; i++)
        super_frames += world.wire->trace[i].packet.gso_bytes > 0 &&
                        world.wire->trace[i].packet.payload_bytes == 7300;
    cr_assert_geq(super_frames, 2);
    world_close(&world);
}

Test(host, refused_and_dead_servers)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct world world;
    open_bare(&world, &settings, &settings);
    world.server[0]->refuses = true;
    world.server[1]->dead = true;
    struct session *refused = world_session(&world, true, 40000, HTTP_PORT);
    struct session *dead = world_session(&world, false, 40000, HTTP_PORT);
    session_http_get(refused, 1, 10, 1);
    session_http_get(dead, 1, 10, 1);
    session_start(refused, 0);
    session_start(dead, 0);
    cr_assert(world_run(&world, 300000000));
    cr_assert_eq(refused->client->end, CONN_REFUSED);
    cr_assert_eq(dead->client->end, CONN_TIMED_OUT);
    world_close(&world);
}

Test(host, loss_duplication_and_reordering_harm_nothing)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct tcp_settings client = tcp_settings_default(true), server = client;
        client.sack = seed % 2 == 0;
        server.timestamps = seed % 3 != 0;
        client.window_scale = seed % 5 == 0 ? WSCALE_NONE : 7;
        struct world world;
        world_open(&world, seed, SETTING_INHERIT, &client, &server);
        wire_set_links(world.wire, &(struct link){.latency_us = 5000,
                                                  .loss = 20000,
                                                  .duplicates = 10000,
                                                  .reorders = 20000,
                                                  .corrupts = 5000});
        struct session *get = world_session(&world, true, 40000, HTTP_PORT);
        struct session *post = world_session(&world, false, 40001, HTTP_PORT);
        struct session *pop3 = world_session(&world, true, 40002, POP3_PORT);
        session_http_get(get, 2, 60000, seed);
        session_http_post(post, 60000, seed);
        session_pop3(pop3, POP3_PROMISE, 3000, seed);
        session_start(get, 0);
        session_start(post, 0);
        session_start(pop3, 0);
        bool ended = world_run(&world, 2000000000);
        if (!ended || !session_done(get) || !session_done(post) || !session_done(pop3))
            wire_fail(world.wire, "ended %d, get %d, post %d, pop3 %d", ended, session_done(get),
                      session_done(post), session_done(pop3));
        world_close(&world);
    }
}
