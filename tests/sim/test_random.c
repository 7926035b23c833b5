/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_random.c - whole connections at random: options, families, sizes, links, manners, modes, all from one seed.
 *
 * Each run is a small world with a few sessions; the judge of app.c looks after every step. SIM_SEED=n replays one run with its
 * trace where it fails; SIM_RUNS=n sets how many are made (each test), counting on from the first seed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/fixture.h"

#define SESSIONS   6
#define LIMIT_US   (3000ull * 1000 * 1000)
#define RUNS       600
#define FIRST_SEED 1

static struct tcp_settings random_settings(struct rng *rng)
{
    static const uint16_t sizes[] = {1460, 1460, 1460, 1380, 1300, 536, 216 + 12};
    struct tcp_settings settings = tcp_settings_default(true);
    settings.mss = sizes[rng_below(rng, sizeof sizes / sizeof sizes[0])];
    settings.window_scale = (uint8_t)(rng_chance(rng, 250000) ? WSCALE_NONE : rng_below(rng, 11));
    settings.sack = rng_chance(rng, 750000);
    settings.timestamps = rng_chance(rng, 700000);
    settings.ecn = rng_chance(rng, 200000);
    settings.offload = rng_chance(rng, 400000);
    settings.delayed_ack = rng_chance(rng, 700000);
    settings.nagle = rng_chance(rng, 300000);
    settings.data_on_ack = rng_chance(rng, 300000);
    settings.window_bytes = rng_chance(rng, 300000) ? 20000 + rng_below(rng, 40000) : 256 * 1024;
    settings.keepalive_us = rng_chance(rng, 200000) ? 700000 : 0;
    return settings;
}

static struct link random_link(struct rng *rng, bool rough)
{
    struct link link = {.latency_us = 50 + rng_below(rng, 40000)};
    if (rough) {
        link.loss = rng_below(rng, 40000);
        link.duplicates = rng_below(rng, 20000);
        link.reorders = rng_below(rng, 30000);
        link.corrupts = rng_below(rng, 5000);
    }
    return link;
}

static void random_dialogue(struct rng *rng, struct session *session)
{
    uint32_t bytes = rng_chance(rng, 300000) ? rng_below(rng, 120000) : rng_below(rng, 4000);
    uint64_t seed = rng_next(rng);
    if (session->server_port == HTTP_PORT && rng_chance(rng, 500000))
        session_http_post(session, bytes, seed);
    else if (session->server_port == HTTP_PORT)
        session_http_get(session, 1 + rng_below(rng, 3), bytes, seed);
    else if (session->server_port == BINARY_PORT)
        session_binary(session, bytes, seed);
    else
        session_pop3(session, POP3_PROMISE, bytes, seed);
}

static void random_manner(struct rng *rng, struct session *session)
{
    struct session_manner *manner = &session->manner;
    bool greets = session->greeting_bytes > 0;
    if (!greets)
        manner->close = (enum session_close)rng_below(rng, CLOSE_BOTH + 1);
    manner->early_talk = session->server_port == POP3_PORT && rng_chance(rng, 200000);
    if (rng_chance(rng, 200000)) {
        manner->pieces = 1 + rng_below(rng, 30);
        manner->pieces_gap_us = rng_below(rng, 300000);
        if (session->said[SIDE_CLIENT].bytes > 40 * manner->pieces)
            manner->pieces = 1 + session->said[SIDE_CLIENT].bytes / 40;
    }
    if (greets && rng_chance(rng, 300000)) {
        manner->greeting_cut = 1 + rng_below(rng, 10);
        manner->greeting_gap_us = rng_below(rng, 2000000);
    }
    manner->half_close = !greets && rng_chance(rng, 200000);
    manner->slow_reader_bytes = rng_chance(rng, 150000) ? 1 + rng_below(rng, 3000) : 0;
    manner->think_us = rng_chance(rng, 300000) ? rng_below(rng, 4000000) : 0;
}

struct switching {
    struct wire *wire;
    struct rng rng;
    uint32_t left;
};

static void switch_mode(void *context)
{
    struct switching *switching = context;
    enum mode_setting setting = rng_chance(&switching->rng, 500000) ? SETTING_ATTACK : SETTING_NORMAL;
    engine_set_setting(switching->wire->middle->engine, NULL, setting, switching->wire->now_us);
    if (switching->left-- > 0)
        wire_at(switching->wire, switching->wire->now_us + rng_below(&switching->rng, 600000), switch_mode,
                context);
}

/* On an undisturbed wire nothing may cost a timeout, nor may a host see anything that it has to refuse. */
static void expect_calm(struct wire *wire, const struct session *session, bool client)
{
    const struct conn *conn = client ? session->client : session->server;
    if (conn->seen.paws_drops > 0 || conn->seen.bad_segments > 0)
        wire_fail_port(wire, session->client_port, "port %u > %u: the %s dropped %u by PAWS and refused %u",
                       session->client_port, session->server_port, client ? "client" : "server",
                       conn->seen.paws_drops, conn->seen.bad_segments);
}

/*
 * ENGINE 2.1's stated limit: our SYN-ACK and greeting come again at 1 and 3 s only. Where loss takes every one of them, a client that
 * waits for the greeting is left to its own timeout; on a rough wire this may happen, and nothing else may.
 */
static bool left_to_its_timeout(const struct session *session)
{
    return session->greeting_bytes > 0 && session->servers_seen == 0 && session->client->in.bytes == 0 &&
           session->client->end == CONN_ABORTED;
}

static void judge_run(struct world *world, bool ended, bool rough)
{
    for (struct session *session = world->stage.sessions; session != NULL; session = session->next) {
        if (rough && session->wire->middle != NULL && left_to_its_timeout(session))
            continue;
        if (!session_done(session))
            wire_fail_port(
                world->wire, session->client_port,
                "port %u > %u: not done (all ended: %d): client %s end %d, has %u of %u; server %s end %d, "
                "has %u of %u",
                session->client_port, session->server_port, ended, tcp_state_name(session->client->state),
                session->client->end, session->client->in.bytes, session->expected_bytes,
                session->server != NULL ? tcp_state_name(session->server->state) : "none",
                session->server != NULL ? (int)session->server->end : -1,
                session->server != NULL ? session->server->in.bytes : 0, session->said[SIDE_CLIENT].bytes);
        if (!rough) {
            expect_calm(world->wire, session, true);
            expect_calm(world->wire, session, false);
        }
    }
}

static void one_run(uint64_t seed, bool rough, enum mode_setting setting, bool switches)
{
    static const uint16_t ports[] = {HTTP_PORT, HTTP_PORT, POP3_PORT, POP3_PORT, BINARY_PORT, COOKIE_PORT};
    struct rng rng = {.state = seed};
    struct tcp_settings client = random_settings(&rng), server = random_settings(&rng);
    struct switching switching = {.rng = {.state = rng_next(&rng)}, .left = 20};
    struct world world;
    server.data_on_ack = false;
    world_open(&world, seed, setting, &client, &server);
    for (int side = 0; side < 2; side++) {
        world.wire->in[side] = random_link(&rng, rough);
        world.wire->out[side] = random_link(&rng, rough);
    }
    for (uint16_t i = 0; i < SESSIONS; i++) {
        uint16_t port = ports[rng_below(&rng, sizeof ports / sizeof ports[0])];
        struct session *session =
            world_session(&world, rng_chance(&rng, 500000), (uint16_t)(40000 + i), port);
        random_dialogue(&rng, session);
        random_manner(&rng, session);
        session_start(session, 1000000 + rng_below(&rng, 500000));
    }
    switching.wire = world.wire;
    if (switches)
        wire_at(world.wire, 1000000 + rng_below(&rng, 300000), switch_mode, &switching);
    bool ended = world_run(&world, LIMIT_US);
    judge_run(&world, ended, rough);
    if (setting != SETTING_INHERIT)
        world_expect_empty(&world);
    world_close(&world);
}

static void many_runs(uint32_t runs, bool rough, enum mode_setting setting, bool switches)
{
    const char *wanted = getenv("SIM_RUNS");
    uint64_t first = fixture_seed(FIRST_SEED);
    if (getenv("SIM_SEED") != NULL)
        runs = 1;
    if (wanted != NULL && *wanted != 0)
        runs = (uint32_t)strtoul(wanted, NULL, 10);
    printf("seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + runs - 1));
    for (uint32_t i = 0; i < runs; i++)
        one_run(first + i, rough, setting, switches);
}

Test(random, bare_wire_calm)
{
    many_runs(RUNS, false, SETTING_INHERIT, false);
}

Test(random, bare_wire_rough)
{
    many_runs(RUNS, true, SETTING_INHERIT, false);
}

Test(random, normal_mode_rough)
{
    many_runs(RUNS, true, SETTING_NORMAL, false);
}

Test(random, attack_mode_calm)
{
    many_runs(RUNS, false, SETTING_ATTACK, false);
}

Test(random, attack_mode_rough)
{
    many_runs(RUNS, true, SETTING_ATTACK, false);
}

Test(random, mode_switches_calm)
{
    many_runs(RUNS, false, SETTING_NORMAL, true);
}

Test(random, mode_switches_rough)
{
    many_runs(RUNS, true, SETTING_NORMAL, true);
}
