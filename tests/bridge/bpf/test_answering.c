/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_answering.c - one truth: SYNs that the program answers and acknowledgments that it drops, as
 * the kernel runs it (BPF_PROG_TEST_RUN), in front of an engine that shares its records, against an
 * engine that sees every frame. Frame by frame the two must say the same bytes, count the same, and
 * remember the same.
 *
 * Root only. SYNWARD_TEST_SEED replays a run.
 *
 * It is longer than most: two worlds are made side by side, and compared in all that they remember.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include <unistd.h>

#include "bridge/bpf/answer_maps.h"
#include "bridge/bpf/bypass.h"
#include "bridge/bpf/carrying.h"
#include "bridge/bpf/steering.h"
#include "bridge/workers/told.h"
#include "engine/shard/shard.h"
#include "engine/stages/answering.h"
#include "tests/bridge/bpf/support_kernel.h"
#include "tests/engine/support_syns.h"

#define WORLDS     250
#define FRAMES     400 /* in each, and what answers them */
#define PLENTY     2000
#define TO_CLIENT  7
#define TO_SERVER  8
#define SERVED     65536u /* bench_config() */
#define STEER_SEED 0x0123456789abcdefu

struct kernel {
    struct carrying *carrying;
    struct answer_maps *maps;
    struct answer_share share;
    struct told *told; /* NULL: nobody reads what the kernel tells */
    uint64_t answered, rejected, noted, up;
    uint32_t turns;
};

/* Of the newest answer, for what its client may say then. */
struct answered_client {
    char client[64], server[64];
    uint32_t x, c;
};

/* `pulse`: as in struct carrying_sizes. */
static struct kernel open_kernel_with(uint32_t shards, uint32_t shard, int pulse)
{
    struct error error = {0};
    const struct carrying_sizes sizes = {
        .connections = 1024,
        .servers = 16,
        .pulse = pulse,
        .answers = {.shards = shards, .steer_seed = STEER_SEED, .served_max = SERVED}};
    struct kernel kernel = {.carrying = carrying_open(&sizes, &error)};

    if (!kernel.carrying)
        skip_without_bpf(&error);
    carrying_lead(kernel.carrying, TO_CLIENT, TO_SERVER);
    kernel.maps = carrying_answers(kernel.carrying, shard);
    kernel.share = answer_maps_share(kernel.maps);
    return kernel;
}

static struct kernel open_kernel(uint32_t shards, uint32_t shard)
{
    return open_kernel_with(shards, shard, -1);
}

static void open_told(struct kernel *kernel)
{
    static const uint64_t seed[2];

    kernel->told = calloc(1, sizeof(*kernel->told));
    told_open(kernel->told, carrying_tells(kernel->carrying), seed);
    carrying_tells(kernel->carrying)->hub->clock_us = 1;
    told_begin(kernel->told, 1);
}

static void close_kernel(struct kernel *kernel)
{
    carrying_close(kernel->carrying);
    free(kernel->told);
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
    memset(kernel->share.known, 0, ANSWER_KNOWN_BYTES);
    memset(kernel->share.asked, 0, TAGS_ASKED * sizeof(*kernel->share.asked));
    memset(kernel->share.served, 0, SERVED * sizeof(*kernel->share.served));
    pair = pair_new(seed, &kernel->share);
    answer_maps_begin(kernel->maps, &pair->plain->config);
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

/* What ended in the kernel, where that has told of it: the first engine sees it then. */
static bool is_noted(struct kernel *kernel, struct pair *pair)
{
    struct bench *bench = pair->plain;
    struct told_frame frame;

    if (!kernel->told)
        return false;
    told_look(kernel->told);
    if (!told_next(kernel->told, &frame))
        return false;
    cr_assert(frame.stays && frame.from == SIDE_CLIENT);
    memcpy(bench->sent.buffer, frame.buffer, frame.bytes);
    engine_input(bench->engine, SIDE_CLIENT, bench->sent.buffer, frame.bytes, frame.bytes,
                 frame.capacity, bench->now_us, &bench->verdict);
    kernel->noted++;
    told_begin(kernel->told, 1);
    return true;
}

/* True where the kernel answers it, in the buffer of the first engine, or drops it. */
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
    if ((int)run.retval == TC_ACT_SHOT) {
        if (is_noted(kernel, pair))
            return true;
        bench->verdict.action = VERDICT_DROP;
        kernel->rejected++;
        return true;
    }
    cr_assert_eq(run.retval, (uint32_t)TC_ACT_REDIRECT);
    bench->verdict.action = VERDICT_REPLY;
    kernel->answered++;
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
    cr_assert_eq(a->counters.cookies_rejected, b->counters.cookies_rejected, "%s", text);
    cr_assert_arr_eq(a->counters.drops, b->counters.drops, sizeof(a->counters.drops), "%s", text);
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

static void write_end(char text[64], struct ip_addr addr, uint16_t port)
{
    char address[ADDR_TEXT_BYTES];

    addr_to_text(&addr, address);
    snprintf(text, 64, addr_is_v4(&addr) ? "%s:%u" : "[%s]:%u", address, port);
}

static void note_answer(struct pair *pair, struct answered_client *client)
{
    static struct test_frame answer;

    frame_copy(&answer, pair->general->sent.buffer, pair->general->verdict.bytes);
    if (answer.view.kind != FRAME_TCP || answer.view.l3 != ETH_HEADER_BYTES)
        return;
    write_end(client->server, frame_src(&answer.view), frame_src_port(&answer.view));
    write_end(client->client, frame_dst(&answer.view), frame_dst_port(&answer.view));
    client->x = answer.view.ack - 1;
    client->c = answer.view.seq;
}

/* What the newest client that was answered may send, or nearly so. */
static void acknowledge(struct kernel *kernel, struct pair *pair,
                        const struct answered_client *client)
{
    static const char *const flags[] = {".", "P.", "F.", "SE.", "R.", "E."};
    const uint32_t which = random_below(&pair->random, 6);
    struct frame_words words = {.from = client->client,
                                .to = client->server,
                                .flags = one_in(pair, 6) ? flags[which] : ".",
                                .seq = client->x + 1,
                                .ack = client->c + 1,
                                .payload = one_in(pair, 8) ? "GET" : NULL,
                                .payload_bytes = 1 + random_below(&pair->random, 2)};

    if (!words.payload)
        words.payload_bytes = 0;
    if (one_in(pair, 2)) {
        words.seq += random_below(&pair->random, 4) - 1;
        words.ack += random_below(&pair->random, 3) - 1;
    }
    frame_write(&pair->frame, &words);
    both(kernel, pair, SIDE_CLIENT);
}

/* From here on no stray passes for a while; one more tells the kernel. */
static void let_no_stray_pass(struct pair *pair)
{
    struct bench *const benches[] = {pair->plain, pair->general};

    for (int i = 0; i < 2; i++)
        for (uint32_t n = 0; n < benches[i]->engine->servers.capacity; n++)
            benches[i]->engine->servers.slots[n].strays.full_at = (benches[i]->now_us + 1000000)
                                                                  << 12;
}

/* Of a flood: it acknowledges nothing. */
static void make_stray(struct pair *pair)
{
    static const char *const servers[] = {HTTP, HTTP, HTTP, HTTP6, STRANGER, POP3};
    char from[64];
    struct frame_words words = {.from = from,
                                .to = servers[random_below(&pair->random, 6)],
                                .flags = ".",
                                .seq = (uint32_t)random_next(&pair->random),
                                .ack = (uint32_t)random_next(&pair->random),
                                .options = one_in(pair, 3) ? "nop nop ts=77/88" : NULL};

    if (strcmp(words.to, HTTP6) == 0)
        snprintf(from, sizeof(from), "[2001:db8:1::%u]:%u", random_below(&pair->random, 9),
                 random_below(&pair->random, 9));
    else
        snprintf(from, sizeof(from), "198.51.%u.%u:%u", random_below(&pair->random, 4),
                 random_below(&pair->random, 256), random_below(&pair->random, 65536));
    frame_write(&pair->frame, &words);
    if (one_in(pair, 8))
        pair_damage(pair);
}

static void flood_of_strays(struct kernel *kernel, struct pair *pair,
                            const struct answered_client *client)
{
    if (!one_in(pair, 4))
        let_no_stray_pass(pair);
    for (int n = 0; n < 8; n++) {
        make_stray(pair);
        both(kernel, pair, SIDE_CLIENT);
        if (client->client[0] && one_in(pair, 2))
            acknowledge(kernel, pair, client);
    }
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

static void step(struct kernel *kernel, struct pair *pair, struct answered_client *client)
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
    if (pair->general->verdict.action == VERDICT_REPLY && one_in(pair, 3)) {
        note_answer(pair, client);
        acknowledge(kernel, pair, client);
    }
    if (one_in(pair, 20))
        flood_of_strays(kernel, pair, client);
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
    struct kernel kernel = open_kernel(1, 0);
    struct pair *pair = begin_plain_world(&kernel, OPENING_CHECK);

    cr_assert(answers_http(&kernel, pair, 1));
    answer_maps_stop_clock(kernel.maps, pair->plain->now_us + ANSWER_DEAD_US - 1);
    cr_assert(answers_http(&kernel, pair, 2));
    answer_maps_stop_clock(kernel.maps, pair->plain->now_us + ANSWER_DEAD_US);
    cr_assert_not(answers_http(&kernel, pair, 3));
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
}

/* Who comes meanwhile is the server's own. */
Test(answering, ends_when_no_worker_is_alive)
{
    const int map = open_pulse();
    struct kernel kernel = open_kernel_with(1, 0, map);
    struct pair *pair = begin_plain_world(&kernel, OPENING_CHECK);

    cr_assert(answers_http(&kernel, pair, 1));
    set_dead(map, 1, false);
    cr_assert_not(answers_http(&kernel, pair, 2));
    set_dead(map, 0, false);
    cr_assert(answers_http(&kernel, pair, 3));
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
    close(map);
}

/* What the client of answers_http() says to the SYN-ACK with this number. True: it ends here. */
static bool ends_here(struct kernel *kernel, struct pair *pair, uint32_t client, uint32_t cookie,
                      const char *payload)
{
    char from[40];

    snprintf(from, sizeof(from), "198.51.9.%u:%u", client % 200, 1000 + client);
    frame_write(&pair->frame, &(struct frame_words){.from = from,
                                                    .to = HTTP,
                                                    .flags = payload ? "P." : ".",
                                                    .seq = X + 1,
                                                    .ack = cookie + 1,
                                                    .payload = payload});
    return kernel_answers(kernel, pair);
}

/* Cookies are good with the next daemon: they are given, and do not come to the server, which would
 * break them off. What it has answered itself comes to it. */
Test(answering, goes_on_where_the_next_one_has_the_keys)
{
    const int map = open_pulse();
    struct kernel kernel = open_kernel_with(1, 0, map);
    struct pair *pair = begin_plain_world(&kernel, OPENING_CHECK);
    uint32_t cookie;

    set_dead(map, 1, true);
    cr_assert(answers_http(&kernel, pair, 1));
    cookie = load_be32(pair->plain->sent.buffer + OFFLOAD_BYTES + ETH_HEADER_BYTES + 24);
    cr_assert(ends_here(&kernel, pair, 1, cookie, NULL));
    cr_assert(ends_here(&kernel, pair, 1, cookie, REQUEST));
    memset(kernel.share.known, 0xff, ANSWER_KNOWN_BYTES);
    cr_assert(ends_here(&kernel, pair, 1, cookie, NULL), "of others with the same hash");
    cr_assert(ends_here(&kernel, pair, 1, cookie, REQUEST));
    memset(kernel.share.known, 0, ANSWER_KNOWN_BYTES);
    cr_assert_not(ends_here(&kernel, pair, 1, cookie + 4096, NULL), "of the server itself");
    cr_assert_not(ends_here(&kernel, pair, 2, cookie, REQUEST), "another client's");
    answer_maps_stop_clock(kernel.maps, pair->plain->now_us + ANSWER_DEAD_US);
    cr_assert_not(answers_http(&kernel, pair, 3), "the next one is late");
    cr_assert(ends_here(&kernel, pair, 1, cookie, REQUEST), "and its clients wait");
    set_dead(map, 1, false);
    cr_assert_not(ends_here(&kernel, pair, 1, cookie, REQUEST), "there is no next one");
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
    close(map);
}

/* Of each sixteen that have an entry in common with one connection fifteen are told from it. */
Test(answering, who_shares_an_entry_with_a_connection_is_told_from_it)
{
    struct kernel kernel = open_kernel(1, 0);
    struct pair *pair = begin_plain_world(&kernel, OPENING_CHECK);

    memset(kernel.share.known + ANSWER_KNOWN, 0xff, ANSWER_KNOWN_BYTES - ANSWER_KNOWN);
    for (uint32_t client = 0; client < 20; client++) {
        uint32_t up = 0;

        for (uint8_t mark = 0; mark < 16; mark++) {
            memset(kernel.share.known, (uint8_t)(mark << 4) | 1, ANSWER_KNOWN);
            up += !answers_http(&kernel, pair, client);
        }
        cr_assert_eq(up, 1);
    }
    memset(kernel.share.known, 2, ANSWER_KNOWN);
    cr_assert_not(answers_http(&kernel, pair, 1), "one of two may be this one");
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
}

/* A port has vanished: all goes up. */
Test(answering, ends_with_the_path)
{
    struct kernel kernel = open_kernel(1, 0);
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
    struct kernel kernel = open_kernel(1, 0);
    struct pair *pair = begin_plain_world(&kernel, OPENING_COOKIE);
    uint32_t up = 0;

    bench_server(pair->plain, HTTP)->record->spare = ANSWERING_SPARE;
    for (uint32_t client = 0; client < 3 * ANSWERING_SPARE; client++)
        up += !answers_http(&kernel, pair, client);
    cr_assert_eq(up, ANSWERING_SPARE);
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
}

static void asks(struct pair *pair, const char *to, uint32_t client)
{
    char from[40];

    if (strcmp(to, HTTP6) == 0)
        snprintf(from, sizeof(from), "[2001:db8:%u::%u]:%u", client % 7, client, 1000 + client);
    else
        snprintf(from, sizeof(from), "198.51.%u.%u:%u", client % 3, client, 1000 + client);
    frame_write(
        &pair->frame,
        &(struct frame_words){.from = from, .to = to, .flags = "S", .seq = X, .options = OFFERS});
}

/* What a world of its own, with three workers, answers of what two hundred clients ask. */
static uint32_t answered_by(uint32_t shard, const char *to)
{
    struct kernel kernel = open_kernel(3, shard);
    struct pair *pair = begin_plain_world(&kernel, OPENING_CHECK);
    struct server_key server = {0};
    uint32_t answered = 0;

    endpoint_read(to, &server.addr, &server.port);
    if (strcmp(to, HTTP) != 0)
        bench_policy(pair->plain, to)->now = bench_policy(pair->plain, HTTP)->now;
    bench_policy(pair->plain, to)->opening = OPENING_CHECK;
    bench_policy(pair->plain, to)->armed = true;
    engine_adopt_policy(pair->plain->engine, pair->plain->policy, pair->plain->now_us);
    engine_set_setting(pair->plain->engine, &server, SETTING_ATTACK, pair->plain->now_us);
    after_batch(&kernel, pair);
    for (uint32_t client = 0; client < 200; client++) {
        struct flow_key key;
        bool is;

        asks(pair, to, client);
        frame_flow_key(&pair->frame.view, SIDE_CLIENT, &key);
        is = kernel_answers(&kernel, pair);
        cr_assert_eq(is, steering_worker(STEER_SEED, 3, &key) == shard,
                     "client %u of %s, worker %u: answered %d", client, to, shard, is);
        answered += is;
    }
    end_world(&kernel, pair);
    carrying_close(kernel.carrying);
    return answered;
}

/* As its frames would meet that one's engine. */
Test(answering, a_client_is_answered_with_what_its_worker_says)
{
    cr_assert_eq(answered_by(0, HTTP) + answered_by(1, HTTP) + answered_by(2, HTTP), 200u);
    cr_assert_eq(answered_by(0, HTTP6) + answered_by(1, HTTP6) + answered_by(2, HTTP6), 200u);
}

Test(answering, kernel_says_and_counts_what_the_engine_does)
{
    struct random seeds = random_begin("answering");
    struct kernel kernel = open_kernel(1, 0);
    const uint32_t worlds = random_rounds(WORLDS);
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;

    open_told(&kernel);
    for (uint32_t world = 0; world < worlds; world++) {
        struct pair *pair = begin_world(&kernel, random_next(&seeds));
        struct answered_client client = {.x = 0};

        for (uint32_t n = 0; n < FRAMES; n++)
            step(&kernel, pair, &client);
        cr_assert_arr_eq(pair->plain->engine->asked.slots, pair->general->engine->asked.slots,
                         TAGS_ASKED * sizeof(struct tag));
        end_world(&kernel, pair);
    }
    carrying_count(kernel.carrying, counts, &unrecorded);
    fprintf(stderr, "%lu answered; up: %lu, of these %lu odd, %lu aside, %lu waiting, %lu late\n",
            (unsigned long)kernel.answered, (unsigned long)kernel.up,
            (unsigned long)counts[CARRY_up_syn_odd], (unsigned long)counts[CARRY_up_syn_aside],
            (unsigned long)counts[CARRY_up_syn_waiting], (unsigned long)counts[CARRY_up_syn_late]);
    fprintf(stderr, "%lu dropped, %lu noted; up: %lu good, %lu odd, %lu that may pass\n",
            (unsigned long)kernel.rejected, (unsigned long)kernel.noted,
            (unsigned long)counts[CARRY_up_ack_good], (unsigned long)counts[CARRY_up_ack_odd],
            (unsigned long)counts[CARRY_up_ack_stray]);
    cr_assert_gt(kernel.answered, worlds * FRAMES / 20, "%lu", (unsigned long)kernel.answered);
    cr_assert_geq(kernel.answered, counts[CARRY_answered]);
    cr_assert_gt(kernel.rejected, worlds * 20, "%lu", (unsigned long)kernel.rejected);
    cr_assert_eq(kernel.rejected, counts[CARRY_rejected]);
    cr_assert_gt(counts[CARRY_up_ack_good], worlds, "%lu",
                 (unsigned long)counts[CARRY_up_ack_good]);
    cr_assert_gt(kernel.noted, worlds, "%lu", (unsigned long)kernel.noted);
    cr_assert_eq(kernel.noted, counts[CARRY_noted]);
    close_kernel(&kernel);
}

/* One cookie that is repeated must not be all that the worker reads. */
Test(answering, good_cookies_go_up_where_the_worker_is_late)
{
    struct random seeds = random_begin("answering_late");
    struct kernel kernel = open_kernel(1, 0);
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;
    struct tell_hub *hub;

    open_told(&kernel);
    hub = carrying_tells(kernel.carrying)->hub;
    hub->tail = hub->head - TELL_ENTRIES_LATE;
    for (uint32_t world = 0; world < 20; world++) {
        struct pair *pair = begin_world(&kernel, random_next(&seeds));
        struct answered_client client = {.x = 0};

        for (uint32_t n = 0; n < FRAMES; n++)
            step(&kernel, pair, &client);
        end_world(&kernel, pair);
    }
    carrying_count(kernel.carrying, counts, &unrecorded);
    cr_assert_gt(counts[CARRY_up_ack_good], 0u);
    cr_assert_eq(counts[CARRY_noted], 0u);
    close_kernel(&kernel);
}
