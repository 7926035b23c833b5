/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/shard/connection.c: who is noted as a source that has a connection. */
#include "engine/shard/connection.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/support_engine.h"

static struct regulars regulars;

static struct bench *noting(enum mode_setting setting)
{
    struct engine_config config;

    memset(&regulars, 0, sizeof(regulars));
    bench_config(&config);
    config.regulars = &regulars;
    return bench_new_sized(setting, &config);
}

static unsigned noted(void)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < REGULARS_PLACES; i++)
        count += regulars.places[i] != 0;
    return count;
}

static uint32_t rate_of(struct bench *b)
{
    const struct server *server = bench_server(b, HTTP);
    const struct flow_key key = {.server = server->key.addr};

    return regulars.per_second[regulars_server(flow_key_words(&key).server, server->key.port)];
}

Test(connection, a_client_that_completes_its_handshake_is_a_regular)
{
    struct bench *b = noting(SETTING_NORMAL);

    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_forget(b);
    cr_assert_eq(noted(), 0, "it may be somebody else's address");
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = Y + 2);
    cr_assert_eq(noted(), 0, "nor has it guessed right");
    client_says(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    cr_assert_eq(noted(), 1);
    cr_assert_eq(rate_of(b), REGULARS_LEAST);
    bench_forget(b);
    bench_end(b);
}

Test(connection, under_attack_it_is_who_has_made_a_right_request)
{
    struct bench *b = noting(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "what?\r\n\r\n");
    bench_forget(b);
    cr_assert_eq(noted(), 0);
    bench_client(b, 2);
    open_http(b, OFFERS, OFFERS);
    cr_assert_eq(noted(), 1);
    bench_forget(b);
    bench_end(b);
}

/* Four times what is usual, of all shards. */
Test(connection, a_busy_server_gets_more_of_them)
{
    struct bench *b = noting(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    trigger_take_over_usual(&bench_server(b, HTTP)->counts, 300 * USUAL_SCALE, USUAL_WINDOWS_MAX);
    b->engine->servers.shards = 2;
    bench_client(b, 2);
    handshake(b, OFFERS, OFFERS);
    cr_assert_eq(rate_of(b), 1200, "%u", rate_of(b));
    bench_forget(b);
    bench_end(b);
}
