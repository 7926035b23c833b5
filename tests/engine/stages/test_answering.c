/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/answering.c: for whom the kernel answers, and what it has answered is
 * counted. The kernel is played by hand; that it says the same is tests/bridge/bpf/'s. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/shard/connection.h"
#include "engine/stages/answering.h"
#include "tests/engine/support_engine.h"

static struct answer_record records[ANSWER_RECORDS];
static uint8_t known[ANSWER_KNOWN_BYTES];
static struct tag asked[TAGS_ASKED];
static uint32_t served[65536]; /* bench_config() */

static struct bench *begin(enum mode_setting setting)
{
    struct engine_config config;
    struct bench *b;

    memset(records, 0, sizeof(records));
    memset(known, 0, sizeof(known));
    memset(asked, 0, sizeof(asked));
    memset(served, 0, sizeof(served));
    bench_config(&config);
    config.answers = (struct answer_share){records, known, asked, served, 2};
    b = bench_new_sized(setting, &config);
    engine_tick(b->engine, b->now_us);
    return b;
}

static uint32_t orders(struct bench *b, bool add)
{
    struct answering *answering = engine_answering(b->engine);
    uint32_t count = 0;

    for (uint32_t i = 0; i < answering->orders_count; i++)
        count += answering->orders[i].add == add;
    answering->orders_count = 0;
    return count;
}

static struct answer_record *record(struct bench *b)
{
    return bench_server(b, HTTP)->record;
}

/* The kernel has answered the SYN that stands in the frame, on this core. */
static void kernel_answers(struct bench *b, uint32_t core)
{
    struct answer_counts *counts = &record(b)->counts[core];
    const uint32_t step = (uint32_t)rate_step(b->now_us) % ANSWER_STEPS;
    struct flow_key key;

    frame_flow_key(&b->sent.view, SIDE_CLIENT, &key);
    counts->syns[step]++;
    counts->asked[step] +=
        tag_put_first(&b->engine->asked, engine_hash(b->engine, &key), b->sent.view.seq, b->now_us);
}

static void flood(struct bench *b, uint32_t count)
{
    for (uint32_t client = 0; client < count; client++) {
        bench_client(b, (uint16_t)(1000 + client));
        client_builds(b, .flags = "S", .seq = X, .options = OFFERS);
        kernel_answers(b, client % 2);
    }
}

static void set(struct bench *b, enum mode_setting setting)
{
    engine_set_setting(b->engine, NULL, setting, b->now_us);
    engine_tick(b->engine, b->now_us);
}

static uint32_t half_open(struct bench *b)
{
    return server_half_open(bench_server(b, HTTP), b->now_us);
}

Test(answering, servers_in_attack_mode_have_a_record)
{
    struct bench *b = begin(SETTING_NORMAL);

    cr_assert_not(record(b));
    cr_assert_eq(orders(b, true), 0u);
    set(b, SETTING_ATTACK);
    cr_assert(record(b) && record(b)->serial && !(record(b)->version & 1));
    cr_assert_eq(orders(b, true), b->policy->count);
    set(b, SETTING_NORMAL);
    cr_assert_not(record(b));
    cr_assert_eq(orders(b, false), b->policy->count);
    cr_assert_eq(records[0].serial, 0u);
    bench_end(b);
}

Test(answering, server_that_may_be_dead_is_left_to_the_engine)
{
    struct bench *b = begin(SETTING_ATTACK);
    struct server_key key = bench_server(b, HTTP)->key;

    engine_set_listening(b->engine, &key, false, b->now_us);
    bench_wait(b, ANSWERING_US);
    cr_assert_not(record(b));
    engine_set_listening(b->engine, &key, true, b->now_us);
    bench_wait(b, ANSWERING_US);
    cr_assert(record(b));
    bench_end(b);
}

Test(answering, keys_of_the_next_epoch_are_there_before_it_begins)
{
    struct bench *b = begin(SETTING_ATTACK);

    for (int epochs = 0; epochs < 6; epochs++) {
        const uint32_t epoch = (uint32_t)(b->now_us / COOKIE_EPOCH_US);

        for (uint32_t of = epoch - 1; of != epoch + 2; of++)
            cr_assert_eq(record(b)->promises[0].keys[of % ANSWER_KEYS].made_for,
                         cookie_key_for(record(b)->promises[0].generation, of));
        bench_wait(b, COOKIE_EPOCH_US);
    }
    bench_end(b);
}

Test(answering, another_promise_is_written_down)
{
    struct bench *b = begin(SETTING_ATTACK);
    const uint32_t version = record(b)->version;

    bench_policy(b, HTTP)->now.generation = 77;
    engine_adopt_policy(b->engine, b->policy, b->now_us);
    engine_tick(b->engine, b->now_us);
    cr_assert_eq(record(b)->promises[0].generation, 77u);
    cr_assert_gt(record(b)->version, version);
    bench_end(b);
}

Test(answering, flood_that_the_kernel_answers_is_half_open)
{
    struct bench *b = begin(SETTING_ATTACK);

    flood(b, 300);
    bench_wait(b, ANSWERING_US);
    cr_assert_eq(half_open(b), 300u);
    flood(b, 300); /* the same again counts once, but where two have one place */
    bench_wait(b, ANSWERING_US);
    cr_assert_leq(half_open(b), 310u);
    cr_assert_eq(bench_counters(b)->cookies_syn, 600u);
    cr_assert_eq(bench_counters(b)->cookies_sent, 600u);
    cr_assert_eq(bench_server(b, HTTP)->figures.syns, 600u);
    cr_assert_eq(bench_server(b, HTTP)->figures.cookies_sent, 600u);
    bench_wait(b, 2 * RATE_WINDOW_US);
    cr_assert_eq(half_open(b), 0u);
    bench_end(b);
}

Test(answering, cookie_made_in_the_kernel_comes_back)
{
    struct bench *b = begin(SETTING_ATTACK);
    struct cookie_options client = {.mss = 1460, .window_scale = 7, .sack = true};
    struct flow_key key;
    uint32_t c;

    client_builds(b, .flags = "S", .seq = X, .options = OFFERS);
    frame_flow_key(&b->sent.view, SIDE_CLIENT, &key);
    kernel_answers(b, 1);
    c = cookie_make(&b->engine->config.keys, &key, X, record(b)->promises[0].generation, &client,
                    b->now_us);
    b->now_us += 1000; /* sooner than it would be counted */
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    dropped(b, answered);
    cr_assert_eq(half_open(b), 0u);
    cr_assert_eq(bench_counters(b)->cookies_accepted, 1u);
    bench_wait(b, ANSWERING_US);
    cr_assert_eq(half_open(b), 0u);
    bench_end(b);
}

Test(answering, flood_that_only_the_kernel_sees_keeps_the_attack_mode)
{
    struct bench *b = begin(SETTING_AUTO);
    const struct server_key key = bench_server(b, HTTP)->key;
    const struct observation *report;

    engine_set_mode(b->engine, &key, MODE_ATTACK, TRIGGER_HALF_OPEN, 1, b->now_us);
    engine_tick(b->engine, b->now_us);
    flood(b, 300);
    bench_wait(b, ANSWERING_US);
    report = bench_observed(b);
    cr_assert(report && report->kind == OBSERVED_TRIGGER);
    cr_assert_eq(report->trigger.cause, TRIGGER_HALF_OPEN);
    bench_end(b);
}

Test(answering, connections_that_are_there_are_known)
{
    struct bench *b = begin(SETTING_ATTACK);
    const uint8_t *entry;
    uint64_t hash;

    open_http(b, OFFERS, OFFERS);
    hash = engine_hash(b->engine, &bench_flow(b)->key);
    entry = &known[answer_known_at(hash)];
    cr_assert(answer_known_has(*entry, hash));
    engine_flow_free(b->engine, bench_flow(b));
    cr_assert_eq(*entry, 0);
    bench_end(b);
}

Test(answering, identifications_count_on_from_one_to_the_other)
{
    struct bench *b = begin(SETTING_NORMAL);
    struct server *server = bench_server(b, HTTP);
    struct promise promise = {.synack = {.ip_id = IP_ID_INCREMENT}};

    server->ip_id = 9;
    set(b, SETTING_ATTACK);
    cr_assert_eq(record(b)->ip_id, 9u);
    record(b)->ip_id++;
    cr_assert_eq(server_ip_id(server, &promise, 1, b->now_us), 10);
    set(b, SETTING_NORMAL);
    cr_assert_eq(server_ip_id(server, &promise, 1, b->now_us), 11);
    bench_end(b);
}

/* It proves nothing. True where it passes. */
static bool stray_passes(struct bench *b)
{
    client_says(b, .flags = ".", .seq = X, .ack = 77);
    bench_forget(b);
    return b->verdict.action == VERDICT_FORWARD;
}

/* Until one of them did not pass. */
static void strays(struct bench *b)
{
    for (uint32_t n = 0; n < 2000 && b->now_us >= record(b)->strays_us; n++) {
        bench_client(b, (uint16_t)(1000 + n));
        stray_passes(b);
    }
}

Test(answering, kernel_is_told_until_when_no_stray_may_pass)
{
    struct bench *b = begin(SETTING_ATTACK);
    uint64_t until_us;

    cr_assert_eq(record(b)->strays_us, 0u);
    strays(b);
    until_us = record(b)->strays_us;
    cr_assert(until_us > b->now_us && until_us <= b->now_us + 10000, "a hundred a second");
    b->now_us = until_us - 1;
    cr_assert_not(stray_passes(b));
    b->now_us = until_us;
    cr_assert(stray_passes(b));
    bench_end(b);
}

Test(answering, what_the_kernel_drops_is_counted)
{
    struct bench *b = begin(SETTING_ATTACK);
    uint64_t before;

    strays(b);
    before = bench_counters(b)->cookies_rejected;
    record(b)->counts[0].rejected += 5;
    record(b)->counts[1].rejected += 2;
    bench_wait(b, ANSWERING_US);
    cr_assert_eq(bench_counters(b)->cookies_rejected - before, 7u);
    cr_assert_eq(bench_counters(b)->drops[DROP_bad_cookie], 7u);
    set(b, SETTING_NORMAL);
    set(b, SETTING_ATTACK);
    bench_wait(b, ANSWERING_US);
    cr_assert_eq(bench_counters(b)->cookies_rejected - before, 7u, "once");
    bench_end(b);
}

Test(answering, good_cookie_alone_is_but_counted_where_clients_speak_first)
{
    struct bench *b = begin(SETTING_ATTACK);
    const enum opening_kind others[] = {OPENING_COOKIE, OPENING_GREET, OPENING_PASS};

    cr_assert(record(b)->notes);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        bench_policy(b, HTTP)->opening = others[i];
        engine_adopt_policy(b->engine, b->policy, b->now_us);
        bench_wait(b, ANSWERING_US);
        cr_assert(!record(b) || !record(b)->notes, "%d", (int)others[i]);
    }
    bench_end(b);
}

Test(answering, who_greets_judges_acknowledgments_itself)
{
    struct bench *b = begin(SETTING_ATTACK);

    cr_assert(record(b)->rejects);
    cr_assert(bench_server(b, POP3)->record);
    cr_assert_not(bench_server(b, POP3)->record->rejects);
    bench_end(b);
}
