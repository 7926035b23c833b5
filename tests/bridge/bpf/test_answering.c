/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_answering.c - one truth: SYNs that the program answers as the kernel runs it
 * (BPF_PROG_TEST_RUN), in front of an engine that shares its records, against an engine that sees
 * every frame. Frame by frame the two must say the same bytes, count the same, and remember the
 * same.
 *
 * Root only. SYNWARD_TEST_SEED replays a run.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "bridge/bpf/answer_maps.h"
#include "bridge/bpf/carrying.h"
#include "engine/shard/shard.h"
#include "engine/stages/answering.h"
#include "tests/engine/support_syns.h"

#define WORLDS    250
#define FRAMES    400 /* in each, and what answers them */
#define PLENTY    2000
#define TO_CLIENT 7
#define TO_SERVER 8

struct kernel {
    struct carrying *carrying;
    struct answer_maps *maps;
    struct answer_share share;
    uint64_t answered, up;
    uint32_t turns;
};

static struct kernel open_kernel(void)
{
    struct error error = {0};
    struct kernel kernel = {.carrying = carrying_open(1024, &error)};

    if (!kernel.carrying)
        cr_skip_test("skipped: %s", error.text);
    carrying_lead(kernel.carrying, TO_CLIENT, TO_SERVER);
    kernel.maps = carrying_answers(kernel.carrying);
    kernel.share = answer_maps_share(kernel.maps);
    return kernel;
}

/* --- a world with a kernel in front of its first engine --------------------------------------- */

static void obey(struct kernel *kernel, struct bench *bench)
{
    struct answering *answering = engine_answering(bench->engine);

    answer_maps_obey(kernel->maps, answering->orders, answering->orders_count);
    answering->orders_count = 0;
    for (uint32_t i = 0; i < ANSWER_RECORDS; i++)
        kernel->share.records[i].spare = kernel->turns % 4 == 0;
    kernel->turns++;
}

static void count(const struct bench *bench)
{
    const struct answering *answering = engine_answering(bench->engine);

    for (uint32_t i = 0; i < ANSWER_RECORDS; i++)
        if (answering->answered[i].server)
            answering_count(bench->engine, answering->answered[i].server, bench->now_us);
}

static void tell_aside(struct kernel *kernel, const struct bench *bench)
{
    struct source_info aside[16];
    const uint32_t count = engine_sources(bench->engine, aside, 16, bench->now_us);

    cr_assert_leq(count, 16u);
    answer_maps_aside(kernel->maps, aside, count);
}

/* What is said again differs: the kernel remembers nobody. */
static void tick(struct bench *bench)
{
    const uint64_t sent = bench->engine->counters.cookies_sent;

    while (engine_tick(bench->engine, bench->now_us))
        bench->engine->outbox.count = bench->engine->outbox.used = 0;
    bench->engine->outbox.count = bench->engine->outbox.used = 0;
    bench->engine->observations.count = 0;
    bench->engine->counters.cookies_sent = sent;
}

static void after_batch(struct kernel *kernel, struct pair *pair)
{
    count(pair->plain);
    tick(pair->plain);
    tick(pair->general);
    obey(kernel, pair->plain);
}

static struct pair *begin_world(struct kernel *kernel, uint64_t seed)
{
    struct pair *pair;

    memset(kernel->share.records, 0, ANSWER_RECORDS * sizeof(*kernel->share.records));
    memset(kernel->share.known, 0, ANSWER_KNOWN);
    memset(kernel->share.asked, 0, TAGS_ASKED * sizeof(*kernel->share.asked));
    pair = pair_new(seed, &kernel->share);
    answer_maps_begin(kernel->maps, pair->plain->config.table_seed, pair->plain->config.keys.tsval);
    answer_maps_stop_clock(kernel->maps, pair->plain->now_us);
    tell_aside(kernel, pair->plain);
    after_batch(kernel, pair);
    return pair;
}

static void end_world(struct kernel *kernel, struct pair *pair)
{
    for (uint32_t i = 0; i < pair->plain->engine->servers.capacity; i++) {
        const struct server *server = &pair->plain->engine->servers.slots[i];

        if (server->used)
            engine_set_setting(pair->plain->engine, &server->key, SETTING_NORMAL,
                               pair->plain->now_us);
    }
    after_batch(kernel, pair);
    cr_assert_eq(engine_answering(pair->plain->engine)->used, 0u);
    bench_end(pair->plain);
    bench_end(pair->general);
    free(pair);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* True where the kernel answers it, in the buffer of the first engine. */
static bool kernel_answers(struct kernel *kernel, struct pair *pair)
{
    const struct test_frame *frame = &pair->frame;
    struct bench *bench = pair->plain;
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->buffer + OFFLOAD_BYTES,
                .data_size_in = frame->bytes - OFFLOAD_BYTES,
                .data_out = bench->sent.buffer + OFFLOAD_BYTES,
                .data_size_out = PLENTY - OFFLOAD_BYTES);

    /* What a card says of a checksum cannot be told here, nor half an IP header. */
    if (frame->buffer[0] || frame->bytes < OFFLOAD_BYTES + ETH_HEADER_BYTES + 40)
        return false;
    cr_assert_eq(bpf_prog_test_run_opts(carrying_program(kernel->carrying, SIDE_CLIENT), &run), 0,
                 "%u bytes: %s", frame->bytes, strerror(errno));
    if ((int)run.retval == TC_ACT_UNSPEC) {
        cr_assert(run.data_size_out == frame->bytes - OFFLOAD_BYTES &&
                      memcmp(bench->sent.buffer + OFFLOAD_BYTES, frame->buffer + OFFLOAD_BYTES,
                             run.data_size_out) == 0,
                  "what goes up goes up as it came");
        return false;
    }
    cr_assert_eq(run.retval, (uint32_t)TC_ACT_REDIRECT);
    bench->verdict.action = VERDICT_REPLY;
    bench->verdict.bytes = OFFLOAD_BYTES + run.data_size_out;
    return true;
}

static void say(struct bench *bench, const struct test_frame *frame, enum side from)
{
    memcpy(bench->sent.buffer, frame->buffer, frame->bytes);
    engine_input(bench->engine, from, bench->sent.buffer, frame->bytes, frame->bytes, PLENTY,
                 bench->now_us, &bench->verdict);
}

static void same_server(const struct server *a, const struct server *b, const char *text)
{
    cr_assert_eq(a->mode, b->mode, "%s", text);
    cr_assert_arr_eq(&a->counts.syns, &b->counts.syns, sizeof(a->counts.syns), "%s", text);
    cr_assert_arr_eq(&a->counts.unanswered, &b->counts.unanswered, sizeof(a->counts.unanswered),
                     "%s", text);
    cr_assert_eq(a->record ? (uint16_t)a->record->ip_id : a->ip_id, b->ip_id, "%s", text);
}

static void same_state(const struct pair *pair, const char *text)
{
    const struct engine *a = pair->plain->engine, *b = pair->general->engine;

    cr_assert_eq(a->counters.cookies_syn, b->counters.cookies_syn, "%s", text);
    cr_assert_eq(a->counters.cookies_sent, b->counters.cookies_sent, "%s", text);
    cr_assert_eq(a->counters.cookies_accepted, b->counters.cookies_accepted, "%s", text);
    for (uint32_t i = 0; i < a->servers.capacity; i++)
        if (a->servers.slots[i].used)
            same_server(&a->servers.slots[i], &b->servers.slots[i], text);
}

static void both(struct kernel *kernel, struct pair *pair, enum side from)
{
    const struct verdict *a = &pair->plain->verdict, *b = &pair->general->verdict;
    const char *by = "engine";
    char text[WORDS_BYTES];

    pair->missing = 0;
    if (from == SIDE_CLIENT && kernel_answers(kernel, pair)) {
        kernel->answered++;
        by = "kernel";
    } else {
        say(pair->plain, &pair->frame, from);
        kernel->up++;
    }
    say(pair->general, &pair->frame, from);
    frame_read(&pair->frame);
    frame_to_words(&pair->frame.view, text);
    cr_assert_eq(a->action, b->action, "%s: %d and not %d: %s", by, (int)a->action, (int)b->action,
                 text);
    cr_assert(a->action != VERDICT_REPLY ||
                  (a->bytes == b->bytes && memcmp(pair->plain->sent.buffer + OFFLOAD_BYTES,
                                                  pair->general->sent.buffer + OFFLOAD_BYTES,
                                                  a->bytes - OFFLOAD_BYTES) == 0),
              "other bytes: %s", text);
    after_batch(kernel, pair);
    same_state(pair, text);
}

/* The client's ACK of the answer that stands in the buffer. */
static void acknowledge(struct kernel *kernel, struct pair *pair)
{
    static struct test_frame answer;
    char from[64], to[64];
    struct frame_words words = {.from = to, .to = from, .flags = "."};
    struct ip_addr src, dst;

    frame_copy(&answer, pair->general->sent.buffer, pair->general->verdict.bytes);
    if (answer.view.kind != FRAME_TCP || answer.view.ip_version != 4 ||
        answer.view.l3 != ETH_HEADER_BYTES)
        return;
    src = frame_src(&answer.view);
    dst = frame_dst(&answer.view);
    addr_to_text(&src, from);
    addr_to_text(&dst, to);
    sprintf(from + strlen(from), ":%u", frame_src_port(&answer.view));
    sprintf(to + strlen(to), ":%u", frame_dst_port(&answer.view));
    words.seq = answer.view.ack;
    words.ack = answer.view.seq + 1;
    frame_write(&pair->frame, &words);
    both(kernel, pair, SIDE_CLIENT);
}

/* As if its SYN had passed: then there is a flow on the tuple. */
static void server_answers(struct kernel *kernel, struct pair *pair)
{
    char from[40];

    snprintf(from, sizeof(from), "198.51.%u.%u:%u", random_below(&pair->random, 4),
             random_below(&pair->random, 256), 40000 + random_below(&pair->random, 4));
    frame_write(
        &pair->frame,
        &(struct frame_words){
            .from = HTTP, .to = from, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS});
    both(kernel, pair, SIDE_SERVER);
}

static void let_time_pass(struct kernel *kernel, struct pair *pair)
{
    static const uint64_t some_us[] = {1,       1000,     300000,         1200000,
                                       3000000, 10000000, COOKIE_EPOCH_US};

    pair->plain->now_us = pair->general->now_us +=
        1 + random_next(&pair->random) % some_us[random_below(&pair->random, 7)];
    answer_maps_stop_clock(kernel->maps, pair->plain->now_us);
    after_batch(kernel, pair);
}

static void turn_rule(struct kernel *kernel, struct pair *pair)
{
    struct source_rule rule = {.length = 24, .state = SOURCE_ASIDE, .by = SOURCE_BY_OPERATOR};
    uint16_t port;

    endpoint_read("198.51.1.0:1", &rule.prefix, &port);
    for (int i = 0; i < 2; i++) {
        struct bench *bench = i ? pair->general : pair->plain;

        if (!engine_forget_source(bench->engine, &rule.prefix, rule.length))
            engine_set_source(bench->engine, &rule, bench->now_us);
    }
    tell_aside(kernel, pair->plain);
    after_batch(kernel, pair);
}

static void switch_mode(struct kernel *kernel, struct pair *pair)
{
    struct server_key key = {0};
    const enum mode_setting setting = one_in(pair, 2) ? SETTING_NORMAL : SETTING_ATTACK;

    endpoint_read(one_in(pair, 2) ? HTTP : HTTP6, &key.addr, &key.port);
    engine_set_setting(pair->plain->engine, &key, setting, pair->plain->now_us);
    engine_set_setting(pair->general->engine, &key, setting, pair->general->now_us);
    after_batch(kernel, pair);
}

static void step(struct kernel *kernel, struct pair *pair)
{
    if (one_in(pair, 10))
        let_time_pass(kernel, pair);
    if (one_in(pair, 60))
        turn_rule(kernel, pair);
    if (one_in(pair, 40))
        server_answers(kernel, pair);
    if (one_in(pair, 40))
        switch_mode(kernel, pair);
    if (one_in(pair, 60)) {
        pair_change_policy(pair);
        after_batch(kernel, pair);
    }
    pair_make_syn(pair);
    both(kernel, pair, SIDE_CLIENT);
    if (pair->general->verdict.action == VERDICT_REPLY && one_in(pair, 3))
        acknowledge(kernel, pair);
}

static bool answers_http(struct kernel *kernel, struct pair *pair, uint32_t client)
{
    char from[40];

    snprintf(from, sizeof(from), "198.51.9.%u:%u", client % 200, 1000 + client);
    frame_write(
        &pair->frame,
        &(struct frame_words){.from = from, .to = HTTP, .flags = "S", .seq = X, .options = OFFERS});
    return kernel_answers(kernel, pair);
}

/* One server in attack mode, of a plain profile. */
static struct pair *begin_plain_world(struct kernel *kernel, enum opening_kind opening)
{
    struct pair *pair = begin_world(kernel, 1);
    struct server_key key = {0};

    bench_policy(pair->plain, HTTP)->opening = opening;
    bench_policy(pair->plain, HTTP)->armed = true;
    engine_adopt_policy(pair->plain->engine, pair->plain->policy, pair->plain->now_us);
    endpoint_read(HTTP, &key.addr, &key.port);
    engine_set_setting(pair->plain->engine, &key, SETTING_ATTACK, pair->plain->now_us);
    after_batch(kernel, pair);
    return pair;
}

/* Its cookies would be nobody's. */
Test(answering, ends_when_the_engine_is_dead)
{
    struct kernel kernel = open_kernel();
    struct pair *pair = begin_plain_world(&kernel, OPENING_CHECK);

    cr_assert(answers_http(&kernel, pair, 1));
    answer_maps_stop_clock(kernel.maps, pair->plain->now_us + ANSWER_DEAD_US - 1);
    cr_assert(answers_http(&kernel, pair, 2));
    answer_maps_stop_clock(kernel.maps, pair->plain->now_us + ANSWER_DEAD_US);
    cr_assert_not(answers_http(&kernel, pair, 3));
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
}

/* A port has vanished: all goes up. */
Test(answering, ends_with_the_path)
{
    struct kernel kernel = open_kernel();
    struct pair *pair = begin_plain_world(&kernel, OPENING_CHECK);

    cr_assert(answers_http(&kernel, pair, 1));
    carrying_lead(kernel.carrying, 0, 0);
    cr_assert_not(answers_http(&kernel, pair, 2));
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
}

/* Of clients that may wait for the server's word some go up, to be asked again, and a flood does
 * not. */
Test(answering, leaves_to_the_engine_as_many_as_it_may_ask_again)
{
    struct kernel kernel = open_kernel();
    struct pair *pair = begin_plain_world(&kernel, OPENING_COOKIE);
    uint32_t up = 0;

    bench_server(pair->plain, HTTP)->record->spare = ANSWERING_SPARE;
    for (uint32_t client = 0; client < 3 * ANSWERING_SPARE; client++)
        up += !answers_http(&kernel, pair, client);
    cr_assert_eq(up, ANSWERING_SPARE);
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
}

Test(answering, kernel_says_and_counts_what_the_engine_does)
{
    struct random seeds = random_begin("answering");
    struct kernel kernel = open_kernel();
    const uint32_t worlds = random_rounds(WORLDS);
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;

    for (uint32_t world = 0; world < worlds; world++) {
        struct pair *pair = begin_world(&kernel, random_next(&seeds));

        for (uint32_t n = 0; n < FRAMES; n++)
            step(&kernel, pair);
        cr_assert_arr_eq(pair->plain->engine->asked.slots, pair->general->engine->asked.slots,
                         TAGS_ASKED * sizeof(struct tag));
        end_world(&kernel, pair);
    }
    carrying_count(kernel.carrying, counts, &unrecorded);
    fprintf(stderr, "%lu answered; up: %lu, of these %lu odd, %lu aside, %lu waiting, %lu late\n",
            (unsigned long)kernel.answered, (unsigned long)kernel.up,
            (unsigned long)counts[CARRY_up_syn_odd], (unsigned long)counts[CARRY_up_syn_aside],
            (unsigned long)counts[CARRY_up_syn_waiting], (unsigned long)counts[CARRY_up_syn_late]);
    cr_assert_gt(kernel.answered, worlds * FRAMES / 20, "%lu", (unsigned long)kernel.answered);
    cr_assert_geq(kernel.answered, counts[CARRY_answered]);
    carrying_close(kernel.carrying);
}
