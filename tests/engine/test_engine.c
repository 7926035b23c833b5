/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/engine.c: memory, time, and what is asked of an engine from outside. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"

/* Throws away what came out. */
static void drain(struct bench *b)
{
    while (b->queued > 0)
        take(b, b->queue[0].to);
    engine_observations(b->engine)->count = 0;
}

/* --- memory ---------------------------------------------------------------------------------- */

Test(engine, defaults)
{
    struct engine_config config;

    memset(&config, 0xff, sizeof(config));
    engine_config_defaults(&config);
    cr_assert_eq(config.flows_max, 262144);
    cr_assert_eq(config.openings_max, 1024);
    cr_assert_eq(config.greeted_max, 65536);
    cr_assert_eq(config.slots_max, 16384);
    cr_assert_eq(config.servers_max, 4096);
    cr_assert_eq(config.sources_max, 16384);
    cr_assert_eq(config.observations_max, 256);
    cr_assert_lt(engine_bytes(&config), (size_t)128 << 20);
}

Test(engine, bytes_grow_with_every_table)
{
    struct engine_config config;
    size_t bytes;

    bench_config(&config);
    bytes = engine_bytes(&config);
    uint32_t *const sizes[] = {&config.flows_max,       &config.openings_max, &config.greeted_max,
                               &config.slots_max,       &config.servers_max,  &config.sources_max,
                               &config.observations_max};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        *sizes[i] *= 2;
        cr_assert_gt(engine_bytes(&config), bytes, "table %zu", i);
        bytes = engine_bytes(&config);
    }
}

/* One client of each kind, up to the end of its connection. */
static void serve_both(struct bench *b)
{
    uint32_t c;

    b->server = HTTP;
    open_http(b, OFFERS, OFFERS);
    client_says(b, .flags = "R", .seq = X + 19);
    drain(b);
    b->client = "198.51.100.9:1";
    b->server = POP3;
    c = open_pop3(b);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 12, .payload = USER);
    server_says(b, .flags = "P.", .seq = Y + 12, .ack = X + 9, .payload = "+OK");
    to_client(b, .flags = "P.", .seq = c + 12, .ack = X + 9, .payload = "+OK");
    drain(b);
}

/* The smallest that each table takes. What has no room is passed, dropped or forgotten; nothing is
 * written outside. */
Test(engine, works_at_the_smallest_sizes)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = 1;
    config.openings_max = 1;
    config.greeted_max = 256;
    config.slots_max = 1;
    config.servers_max = 4;
    config.sources_max = 4;
    config.observations_max = 1;
    b = bench_new_sized(SETTING_ATTACK, &config);
    serve_both(b);
    for (uint16_t port = 1; port < 200; port++) {
        bench_client(b, port);
        client_says(b, .flags = "S", .seq = X, .options = OFFERS);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = b->sent.view.ack, .payload = "US");
        drain(b);
    }
    bench_wait(b, 30 * SECOND_US);
    drain(b);
    bench_end(b);
}

/* Servers beyond the table pass untouched, in every mode. */
Test(engine, table_of_servers_is_full)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    char server[32];

    b->server = server;
    for (unsigned port = 1; port <= 40; port++) {
        snprintf(server, sizeof(server), "192.0.2.9:%u", port);
        handshake(b, OFFERS, OFFERS);
        engine_observations(b->engine)->count = 0;
    }
    cr_assert_eq(engine_servers(b->engine, NULL, 0, b->now_us), b->config.servers_max);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    bench_client(b, 1);
    handshake(b, OFFERS, OFFERS);
    bench_end(b);
}

/* --- odd input ------------------------------------------------------------------------------- */

Test(engine, frames_too_short_for_anything_pass)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint8_t buffer[256] = {0};
    struct verdict verdict;

    for (uint32_t bytes = 0; bytes < 64; bytes++) {
        engine_input(b->engine, SIDE_CLIENT, buffer, bytes, bytes, sizeof(buffer), b->now_us,
                     &verdict);
        cr_assert_eq(verdict.action, VERDICT_FORWARD);
        cr_assert_eq(verdict.bytes, bytes);
    }
    bench_end(b);
}

/* A buffer without room for the reply: the SYN is dropped and counted. */
Test(engine, no_room_for_a_reply)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_builds(b, .flags = "S", .seq = X);
    engine_input(b->engine, SIDE_CLIENT, b->sent.buffer, b->sent.bytes, b->sent.bytes,
                 b->sent.bytes, b->now_us, &b->verdict);
    dropped(b, no_room);
    bench_end(b);
}

/* The outbox is not emptied: what finds no room is counted, and nothing is written outside. */
Test(engine, full_outbox_is_counted)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = config.openings_max = 256;
    b = bench_new_sized(SETTING_ATTACK, &config);
    for (uint16_t port = 1; port <= 100; port++) {
        bench_client(b, port);
        uint32_t c = get_cookie(b, OFFERS);

        client_builds(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
        engine_input(b->engine, SIDE_CLIENT, b->sent.buffer, b->sent.bytes, b->sent.bytes,
                     sizeof(b->sent.buffer), b->now_us, &b->verdict);
        held(b);
        if (port < 100)
            continue;
        cr_assert_eq(engine_outbox(b->engine)->count, 1);
    }
    drain(b);
    engine_outbox(b->engine)->count = engine_outbox(b->engine)->used = 0;
    b->now_us += 2 * SECOND_US;
    while (engine_tick(b->engine, b->now_us))
        continue;
    cr_assert_eq(engine_outbox(b->engine)->count, OUTBOX_FRAMES);
    cr_assert_eq(bench_counters(b)->drops[DROP_outbox_full], 100 - OUTBOX_FRAMES);
    engine_outbox(b->engine)->count = engine_outbox(b->engine)->used = 0;
    bench_end(b);
}

/* --- asked from outside ---------------------------------------------------------------------- */

Test(engine, tells_its_flows)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct flow_info info[4];
    struct flow_key key = flow_of(CLIENT, HTTP);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    b->now_us += 10 * SECOND_US;
    cr_assert_eq(engine_flows(b->engine, NULL, 0, b->now_us), 1);
    cr_assert_eq(engine_flows(b->engine, info, 4, b->now_us), 1);
    cr_assert(flow_key_equal(&info[0].key, &key));
    cr_assert_str_eq(info[0].state, "spliced");
    cr_assert(info[0].spliced);
    cr_assert_eq(info[0].delta, c - Y);
    cr_assert_leq(info[0].age_us, 10 * SECOND_US + 65536);
    cr_assert_geq(info[0].age_us, 10 * SECOND_US - 65536);
    bench_end(b);
}

static struct server_info info_of(struct bench *b, const char *server)
{
    struct server_info info[16];
    uint32_t count = engine_servers(b->engine, info, 16, b->now_us);
    const struct server *wanted = bench_server(b, server);

    for (uint32_t i = 0; i < count; i++)
        if (server_key_equal(&info[i].key, &wanted->key))
            return info[i];
    abort();
}

Test(engine, settings_for_all_and_for_one)
{
    struct bench *b = bench_new(SETTING_AUTO);
    struct server_key key = bench_server(b, HTTP)->key;

    cr_assert_eq(info_of(b, HTTP).mode, MODE_NORMAL);
    cr_assert_eq(info_of(b, HTTP).setting, SETTING_INHERIT);
    engine_set_setting(b->engine, &key, SETTING_ATTACK, b->now_us);
    cr_assert_eq(info_of(b, HTTP).mode, MODE_ATTACK);
    cr_assert_eq(info_of(b, POP3).mode, MODE_NORMAL);
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    cr_assert_eq(info_of(b, HTTP).mode, MODE_ATTACK, "its own word counts");
    engine_set_setting(b->engine, &key, SETTING_INHERIT, b->now_us);
    cr_assert_eq(info_of(b, HTTP).mode, MODE_NORMAL);
    bench_end(b);
}

Test(engine, a_server_that_refuses_is_dead_until_it_answers)
{
    struct bench *b = bench_new(SETTING_AUTO);

    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_null(info_of(b, HTTP).dead);
        client_says(b, .flags = "S", .seq = X + i, .options = OFFERS);
        take(b, SIDE_SERVER);
        server_says(b, .flags = "R.", .seq = 0, .ack = X + i + 1);
        take(b, SIDE_CLIENT);
    }
    cr_assert_str_eq(info_of(b, HTTP).dead, "refuses connections");
    handshake(b, OFFERS, OFFERS);
    cr_assert_null(info_of(b, HTTP).dead);
    bench_end(b);
}

Test(engine, a_server_is_dead_while_that_is_fresh)
{
    struct bench *b = bench_new(SETTING_AUTO);
    struct server_key key = bench_server(b, HTTP)->key;

    cr_assert_null(info_of(b, HTTP).dead);
    engine_set_listening(b->engine, &key, false, b->now_us);
    cr_assert_null(info_of(b, HTTP).dead, "not looked at everything yet");
    engine_listening_fresh(b->engine, b->now_us);
    cr_assert_str_eq(info_of(b, HTTP).dead, "nobody listens");
    cr_assert_null(info_of(b, POP3).dead);
    b->now_us += LISTENING_FRESH_US;
    cr_assert_null(info_of(b, HTTP).dead, "that was long ago");
    engine_listening_fresh(b->engine, b->now_us);
    engine_set_listening(b->engine, &key, true, b->now_us);
    cr_assert_null(info_of(b, HTTP).dead);
    bench_end(b);
}

#define HOUR_US (3600 * SECOND_US)

/* Where something goes on, hour by hour: the connection that is there speaks. */
static void pass_hours(struct bench *b, unsigned hours)
{
    for (unsigned hour = 0; hour < hours; hour++) {
        b->client = CLIENT;
        client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "a");
        server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 2, .payload = "a");
        bench_wait(b, HOUR_US);
        bench_forget(b);
    }
}

/* A server without a profile that has answered nobody for a day gives its slot back, and is seen
 * anew; what has a connection, or a profile, stays. */
Test(engine, servers_are_forgotten_after_a_day)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    uint32_t with_profiles;

    b->server = "192.0.2.1:2001";
    handshake(b, OFFERS, OFFERS);
    with_profiles = b->engine->servers.count - 1;
    b->client = "198.51.100.9:1000";
    b->server = STRANGER;
    handshake(b, OFFERS, OFFERS);
    client_says(b, .flags = "R", .seq = X + 1);
    bench_forget(b);
    cr_assert_not_null(bench_server(b, STRANGER));
    b->server = "192.0.2.1:2001";
    pass_hours(b, 23);
    cr_assert_not_null(bench_server(b, STRANGER));
    pass_hours(b, 3);
    cr_assert_null(bench_server(b, STRANGER));
    cr_assert_not_null(bench_server(b, "192.0.2.1:2001"), "it has a connection");
    cr_assert_not_null(bench_server(b, HTTP), "it has a profile");
    cr_assert_eq(b->engine->servers.count, with_profiles + 1);
    b->client = "198.51.100.9:1000";
    b->server = STRANGER;
    handshake(b, OFFERS, OFFERS);
    cr_assert_not_null(bench_server(b, STRANGER));
    bench_end(b);
}

/* An FTP server listens on another port for each file: its clients may fill the table with those. A
 * service that is new finds room once nothing is left of some of them. */
Test(engine, ports_that_were_used_once_make_room)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    char server[32];

    for (unsigned port = 1; port <= 40; port++) {
        snprintf(server, sizeof(server), "192.0.2.9:%u", 3000 + port);
        b->server = server;
        handshake(b, OFFERS, OFFERS);
        client_says(b, .flags = "R", .seq = X + 1);
        bench_forget(b);
        engine_observations(b->engine)->count = 0;
    }
    b->server = STRANGER;
    handshake(b, OFFERS, OFFERS);
    client_says(b, .flags = "R", .seq = X + 1);
    cr_assert_null(bench_server(b, STRANGER), "all have a connection yet, or are armed");
    bench_wait(b, 300 * SECOND_US);
    bench_forget(b);
    handshake(b, OFFERS, OFFERS);
    cr_assert_not_null(bench_server(b, STRANGER));
    cr_assert_not_null(bench_server(b, HTTP), "it is armed");
    cr_assert_not_null(bench_server(b, POP3), "it is armed");
    bench_end(b);
}

Test(engine, use_of_the_tables)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct engine_use before, after;

    engine_use(b->engine, &before);
#define EXPECT_SIZE(name, text)                                                                    \
    cr_expect_gt(before.name.size, 0, #name);                                                      \
    cr_expect_lt(before.name.used, before.name.size, #name);
    ENGINE_TABLES(EXPECT_SIZE)
    open_http(b, OFFERS, OFFERS);
    engine_use(b->engine, &after);
    cr_expect_eq(after.flows.used, before.flows.used + 1);
    cr_expect_eq(after.openings.used, before.openings.used, "it has been opened");
    bench_end(b);
}

Test(engine, the_main_threads_word_counts_under_auto_only)
{
    struct bench *b = bench_new(SETTING_AUTO);
    struct server_key key = bench_server(b, HTTP)->key;

    engine_set_mode(b->engine, &key, MODE_ATTACK, TRIGGER_SILENT, 7, b->now_us);
    cr_assert_eq(info_of(b, HTTP).mode, MODE_ATTACK);
    cr_assert_eq(info_of(b, HTTP).cause, TRIGGER_SILENT);
    cr_assert_eq(info_of(b, HTTP).cause_value, 7);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS);
    cr_assert_eq(info_of(b, HTTP).figures.half_open, 1, "SYN-ACKs sent less cookies accepted");
    engine_set_mode(b->engine, &key, MODE_NORMAL, TRIGGER_NONE, 0, b->now_us);
    cr_assert_eq(info_of(b, HTTP).mode, MODE_NORMAL);
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    engine_set_mode(b->engine, &key, MODE_ATTACK, TRIGGER_SILENT, 7, b->now_us);
    cr_assert_eq(info_of(b, HTTP).mode, MODE_NORMAL);
    bench_end(b);
}

/* The policy is taken away: cookies of the promise are no longer good, a default promise is made.
 */
Test(engine, policy_is_withdrawn)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    engine_adopt_policy(b->engine, NULL, b->now_us);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    cr_assert_eq(bench_counters(b)->cookies_accepted, 0);
    drain(b);
    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 sack ts=1/0 nop ws=7");
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS, .window = 64240);
    engine_adopt_policy(b->engine, b->policy, b->now_us);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = b->seen.view.seq + 1, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

/* While an opening waits, the mode changes: it is finished all the same. */
Test(engine, opening_outlives_the_attack)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "HTTP/1.1 200");
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = "HTTP/1.1 200");
    bench_end(b);
}

/* --- time ------------------------------------------------------------------------------------ */

Test(engine, an_idle_engine_has_no_deadline)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    cr_assert_eq(engine_next_deadline(b->engine), UINT64_MAX);
    cr_assert_not(engine_tick(b->engine, b->now_us));
    get_cookie(b, OFFERS);
    cr_assert_eq(engine_next_deadline(b->engine), UINT64_MAX,
                 "a SYN of a service that waits leaves nothing");
    bench_end(b);
}

#define TALKERS 200

/* One frame of a client or a server that may say anything at any time; now and then it says the
 * right thing. */
static void say_something(struct bench *b, struct random *random, uint32_t cookies[TALKERS])
{
    static const char *const flags[] = {"S",  ".",   "P.", "F.", "R",   "R.",
                                        "S.", "PF.", "",   "SF", "SEW", "S.E"};
    static const char *const options[] = {NULL,
                                          OFFERS,
                                          "mss=1460 sack ts=100/0 nop ws=7",
                                          "nop nop ts=9/9",
                                          "nop nop blocks=1-2",
                                          "mss=9",
                                          "hex=0200"};
    static const char *const payloads[] = {NULL,     NULL, REQUEST, USER,
                                           GREETING, "GE", "x",     "-ERR no\r\n"};
    enum side from = random_below(random, 2) ? SIDE_CLIENT : SIDE_SERVER;
    uint32_t talker = random_below(random, TALKERS), *c = &cookies[talker];
    uint32_t base = from == SIDE_CLIENT ? X : Y, peer = from == SIDE_CLIENT ? *c : X;

    bench_client(b, (uint16_t)(1 + talker));
    b->server = talker % 2 ? HTTP : POP3;
    bench_build(
        b, from,
        (struct frame_words){
            .flags = flags[random_below(random, sizeof(flags) / sizeof(flags[0]))],
            .seq = base + random_below(random, 4) * random_below(random, 12),
            .ack = peer + random_below(random, 2) + random_below(random, 2) * GREETING_LENGTH,
            .options = options[random_below(random, sizeof(options) / sizeof(options[0]))],
            .payload = payloads[random_below(random, sizeof(payloads) / sizeof(payloads[0]))],
        });
    bench_put(b, from);
    for (uint32_t i = 0; i < b->queued; i++) {
        frame_copy(&b->seen, b->queue[i].buffer, b->queue[i].bytes);
        if (b->queue[i].to == SIDE_CLIENT &&
            (b->seen.view.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
            *c = b->seen.view.seq;
    }
    drain(b);
}

/* A client that behaves, as far as the state that the others left its tuple in lets it come. */
static void behave(struct bench *b, struct random *random)
{
    uint32_t talker = random_below(random, TALKERS), c = 0;

    bench_client(b, (uint16_t)(1 + talker));
    b->server = talker % 2 ? HTTP : POP3;
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    if (b->verdict.action == VERDICT_REPLY)
        c = take(b, SIDE_CLIENT)->seq;
    drain(b);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1,
                .payload = talker % 2 ? REQUEST : USER);
    drain(b);
    if (random_below(random, 2))
        server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    drain(b);
}

/* bench_wait() fails where a deadline stays in the past although there is nothing to do. */
static void anything_at_any_time(enum mode_setting setting, int steps)
{
    struct random random = random_begin("engine");
    struct bench *b = bench_new(setting);
    uint32_t cookies[TALKERS] = {0};

    for (int i = 0; i < steps; i++) {
        say_something(b, &random, cookies);
        if (random_below(&random, 8) == 0)
            behave(b, &random);
        if (random_below(&random, 4) == 0)
            bench_wait(b, random_below(&random, 3000000));
        if (random_below(&random, 200) == 0)
            bench_wait(b, random_below(&random, 400) * SECOND_US);
        if (random_below(&random, 100) == 0 && setting == SETTING_AUTO)
            engine_set_setting(b->engine, NULL,
                               random_below(&random, 2) ? SETTING_ATTACK : SETTING_NORMAL,
                               b->now_us);
        drain(b);
    }
    bench_wait(b, 9000 * SECOND_US);
    drain(b);
    cr_assert(setting == SETTING_NORMAL || bench_counters(b)->flows_opened > 0,
              "it says the right thing too");
    cr_assert_eq(bench_counters(b)->flows_tracked, 0);
    cr_assert_eq(bench_counters(b)->flows_pending, 0);
    cr_assert_eq(bench_counters(b)->flows_spliced, 0);
    cr_assert_eq(bench_counters(b)->flows_closing, 0);
    cr_assert_eq(engine_flows(b->engine, NULL, 0, b->now_us), 0);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    cr_assert_eq(bench_server(b, POP3)->counts.half_open_flows, 0);
    cr_assert_eq(engine_next_deadline(b->engine), UINT64_MAX);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    b->client = CLIENT;
    serve_both(b);
    bench_end(b);
}

Test(engine, random_traffic_in_attack_mode)
{
    anything_at_any_time(SETTING_ATTACK, 20000);
}

Test(engine, random_traffic_in_normal_mode)
{
    anything_at_any_time(SETTING_NORMAL, 20000);
}

Test(engine, random_traffic_while_the_mode_changes)
{
    anything_at_any_time(SETTING_AUTO, 20000);
}

/* Any byte of a good frame is changed: whatever it is then, nothing is read or written outside, and
 * the frame has one verdict. */
Test(engine, mutated_frames)
{
    struct random random = random_begin("engine");
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t cookies[TALKERS] = {0};

    b->damaged = true;
    for (int i = 0; i < 20000; i++) {
        enum side from = random_below(&random, 2) ? SIDE_CLIENT : SIDE_SERVER;

        if (i % 50 == 0)
            say_something(b, &random, cookies);
        bench_build(b, from,
                    (struct frame_words){.flags = random_below(&random, 2) ? "P." : "S",
                                         .seq = X + 1,
                                         .ack = cookies[0] + 1,
                                         .options = OFFERS,
                                         .payload = REQUEST});
        for (uint32_t change = 1 + random_below(&random, 3); change > 0; change--)
            b->sent.buffer[OFFLOAD_BYTES + 12 +
                           random_below(&random, b->sent.bytes - OFFLOAD_BYTES - 12)] =
                (uint8_t)random_next(&random);
        if (random_below(&random, 8) == 0)
            b->sent.bytes = OFFLOAD_BYTES + random_below(&random, b->sent.bytes - OFFLOAD_BYTES);
        b->sent.buffer[0] = (uint8_t)random_below(&random, 3);
        bench_put(b, from);
        cr_assert_leq(b->verdict.bytes, b->sent.bytes + 128);
        drain(b);
    }
    bench_wait(b, 9000 * SECOND_US);
    drain(b);
    bench_end(b);
}
