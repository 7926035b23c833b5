/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_worker.c - workers, and two of them in one bridge, without TAPs: datagram socket
 * pairs in their place.
 *
 *      test  near[side]  <==>  worker (ring, engine)         for each of two workers
 */
#include "bridge/workers/workers.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/workers/mode_watch.h"

#define WORKERS     2u
#define PATIENCE_MS 5000
#define PORT        80
#define FLOOD_SYNS  260u /* above the trigger of 200 */
#define SYNACK      (TCP_SYN | TCP_ACK)

struct bench {
    int near[WORKERS][2], far[WORKERS][2];
    struct workers *workers;
    uint32_t observed, switched, returned;
    struct server_key server; /* of the last one */
};

static void observed(void *context, const struct observation *observation)
{
    (void)observation;
    ((struct bench *)context)->observed++;
}

static void switched(void *context, const struct observation *observation)
{
    struct bench *bench = context;
    bench->switched++;
    bench->server = observation->server;
}

static void returned(void *context, const struct server_key *server)
{
    struct bench *bench = context;
    bench->returned++;
    bench->server = *server;
}

static struct workers_hooks hooks(struct bench *bench)
{
    return (struct workers_hooks){observed, switched, switched, returned, bench};
}

static struct policy *empty_policy(uint64_t generation)
{
    struct policy *policy = calloc(1, policy_bytes(0));
    policy->generation = generation;
    return policy;
}

static void make(struct bench *bench, bool single_reads)
{
    struct worker_options options[WORKERS];
    struct error error = {0};
    memset(options, 0, sizeof(options));
    memset(bench, 0, sizeof(*bench));
    for (uint32_t i = 0; i < WORKERS; i++) {
        for (int side = 0; side < 2; side++) {
            int fds[2];
            cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
            bench->near[i][side] = fds[0];
            bench->far[i][side] = options[i].fds[side] = fds[1];
        }
        engine_config_defaults(&options[i].engine);
        engine_config_share(&options[i].engine, WORKERS);
        options[i].engine.table_seed[0] = 1;
        options[i].engine.table_seed[1] = 2;
        options[i].nowait_writes = true;
        options[i].single_reads = single_reads;
        options[i].learning = true;
        options[i].mode = SETTING_AUTO;
    }
    bench->workers = workers_make(options, WORKERS, empty_policy(1), &error);
    cr_assert_not_null(bench->workers, "%s", error.text);
}

static void begin(struct bench *bench)
{
    struct error error = {0};

    if (workers_begin(bench->workers, NULL, &error))
        return;
    workers_stop(bench->workers);
    if (strstr(error.text, "not available"))
        cr_skip_test("skipped: %s", error.text);
    cr_assert_fail("%s", error.text);
}

static void start(struct bench *bench, bool single_reads)
{
    make(bench, single_reads);
    begin(bench);
}

static void close_sockets(struct bench *bench)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        for (int side = 0; side < 2; side++) {
            close(bench->near[i][side]);
            close(bench->far[i][side]);
        }
}

static void stop(struct bench *bench)
{
    workers_stop(bench->workers);
    close_sockets(bench);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum16(const uint8_t *data, size_t bytes, uint32_t sum)
{
    for (size_t i = 0; i + 1 < bytes; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    return sum;
}

static uint32_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

#define FRAME_BYTES (OFFLOAD_BYTES + 14 + 20 + 20)

/* A segment without options between 192.0.2.host:port and 198.51.100.1:80. */
static void segment(uint8_t frame[FRAME_BYTES], enum side from, uint8_t host, uint32_t client_port,
                    uint8_t flags)
{
    const uint8_t client[4] = {192, 0, 2, host}, server[4] = {198, 51, 100, 1};
    uint8_t *ip = frame + OFFLOAD_BYTES + 14, *tcp = ip + 20;
    memset(frame, 0, FRAME_BYTES);
    memcpy(ip - 14, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 14);
    memcpy(ip, "\x45\0\0\x28\0\0\x40\0\x40\x06\0\0", 12);
    memcpy(ip + 12, from == SIDE_CLIENT ? client : server, 4);
    memcpy(ip + 16, from == SIDE_CLIENT ? server : client, 4);
    put16(ip + 10, fold(sum16(ip, 20, 0)));
    put16(tcp, from == SIDE_CLIENT ? client_port : PORT);
    put16(tcp + 2, from == SIDE_CLIENT ? PORT : client_port);
    tcp[7] = 100; /* ISN */
    tcp[11] = (flags & TCP_ACK) != 0 ? 101 : 0;
    tcp[12] = 0x50;
    tcp[13] = flags;
    put16(tcp + 14, 64240);
    put16(tcp + 16, fold(sum16(tcp, 20, sum16(ip + 12, 8, 6 + 20))));
}

static void send_segment(struct bench *bench, uint32_t shard, enum side from, uint8_t host,
                         uint32_t port, uint8_t flags)
{
    uint8_t frame[FRAME_BYTES];
    segment(frame, from, host, port, flags);
    struct pollfd room = {.fd = bench->near[shard][from], .events = POLLOUT};
    cr_assert_eq(poll(&room, 1, PATIENCE_MS), 1);
    cr_assert_eq(send(bench->near[shard][from], frame, sizeof(frame), 0), (ssize_t)sizeof(frame));
}

/* The TCP flags of the next frame that comes out of a side; -1: none within the time. */
static int next_flags(struct bench *bench, uint32_t shard, enum side side, int timeout_ms)
{
    uint8_t frame[256];
    struct pollfd fd = {.fd = bench->near[shard][side], .events = POLLIN};
    if (poll(&fd, 1, timeout_ms) != 1)
        return -1;
    const ssize_t bytes = recv(fd.fd, frame, sizeof(frame), 0);
    return bytes < FRAME_BYTES ? -1 : frame[OFFLOAD_BYTES + 14 + 20 + 13];
}

/* Serves the workers until `*counter` has reached `wanted`. */
static void drain_until(struct bench *bench, const uint32_t *counter, uint32_t wanted)
{
    const struct workers_hooks mine = hooks(bench);
    while (*counter < wanted) {
        struct pollfd fd = {.fd = workers_fd(bench->workers), .events = POLLIN};
        const bool due = workers_due(bench->workers) != UINT64_MAX;
        cr_assert(poll(&fd, 1, due ? 1 : PATIENCE_MS) == 1 || due, "%u of %u", *counter, wanted);
        workers_drain(bench->workers, &mine, clock_now_us());
    }
}

static void crosses(bool single_reads)
{
    struct bench bench;
    start(&bench, single_reads);
    for (uint32_t shard = 0; shard < WORKERS; shard++) {
        send_segment(&bench, shard, SIDE_CLIENT, 1, 1000, TCP_SYN);
        cr_assert_eq(next_flags(&bench, shard, SIDE_SERVER, PATIENCE_MS), TCP_SYN);
        send_segment(&bench, shard, SIDE_SERVER, 1, 1000, SYNACK);
        cr_assert_eq(next_flags(&bench, shard, SIDE_CLIENT, PATIENCE_MS), SYNACK);
    }
    drain_until(&bench, &bench.observed, 2);
    struct counters counters;
    struct error error = {0};
    cr_assert(workers_counters(bench.workers, &counters, &error), "%s", error.text);
    cr_assert_eq(counters.frames_client_in, WORKERS);
    cr_assert_eq(counters.frames_server_in, WORKERS);
    cr_assert_eq(counters.frames_server_out, WORKERS);
    cr_assert_eq(counters.frames_client_out, WORKERS);
    stop(&bench);
}

Test(worker, frames_cross_and_are_counted_multishot)
{
    crosses(false);
}

Test(worker, frames_cross_and_are_counted_single)
{
    crosses(true);
}

/* One connection, through shard 0. */
static void meet_server(struct bench *bench, uint32_t client_port)
{
    send_segment(bench, 0, SIDE_CLIENT, 1, client_port, TCP_SYN);
    cr_assert_eq(next_flags(bench, 0, SIDE_SERVER, PATIENCE_MS), TCP_SYN);
    send_segment(bench, 0, SIDE_SERVER, 1, client_port, SYNACK);
    cr_assert_eq(next_flags(bench, 0, SIDE_CLIENT, PATIENCE_MS), SYNACK);
}

/* A server that has answered once, then a flood, all through shard 0: the other has never met the
 * server. */
static void attack(struct bench *bench)
{
    meet_server(bench, 900);
    for (uint32_t i = 0; i < FLOOD_SYNS; i++) {
        send_segment(bench, 0, SIDE_CLIENT, 1, 1000 + i, TCP_SYN);
        while (next_flags(bench, 0, SIDE_SERVER, 0) >= 0)
            continue;
    }
    drain_until(bench, &bench->switched, 1);
    /* What of the flood is still under way would fire again behind whatever the test does next. */
    struct counters counters = {0};
    const uint64_t until_us = clock_now_us() + PATIENCE_MS * 1000ull;
    while (counters.frames_client_in < 1 + FLOOD_SYNS && clock_now_us() < until_us)
        cr_assert(workers_counters(bench->workers, &counters, NULL));
    cr_assert_eq(counters.frames_client_in, 1 + FLOOD_SYNS);
}

static const struct server_info *only_server(struct bench *bench, struct server_info **servers)
{
    uint32_t count = 0;
    struct error error = {0};
    cr_assert(workers_servers(bench->workers, servers, &count, &error), "%s", error.text);
    cr_assert_eq(count, 1, "one server, in however many shards; %u were listed", count);
    return *servers;
}

Test(workers, a_trigger_in_one_protects_in_all)
{
    struct bench bench;
    struct server_info *servers;
    start(&bench, false);
    attack(&bench);
    cr_assert_eq(bench.server.port, PORT);
    const struct server_info *server = only_server(&bench, &servers);
    cr_assert_eq(server->mode, MODE_ATTACK);
    cr_assert_eq(server->cause, TRIGGER_HALF_OPEN);
    free(servers);
    /* Shard 1 has seen neither flood nor server, and answers for the server all the same: the
     * broadcast came before the question above. */
    send_segment(&bench, 1, SIDE_CLIENT, 7, 5000, TCP_SYN);
    cr_assert_eq(next_flags(&bench, 1, SIDE_CLIENT, PATIENCE_MS), SYNACK);
    cr_assert_eq(next_flags(&bench, 1, SIDE_SERVER, 0), -1);
    stop(&bench);
}

/* Whom one shard has seen answer the others know: none of their clients reaches an attacked server
 * unproved. */
Test(workers, a_server_that_one_has_met_is_known_to_all)
{
    struct bench bench;
    struct error error = {0};
    start(&bench, false);
    meet_server(&bench, 900);
    drain_until(&bench, &bench.observed, 1);
    cr_assert(workers_set_setting(bench.workers, NULL, SETTING_ATTACK, clock_now_us(), &error),
              "%s", error.text);
    send_segment(&bench, 1, SIDE_CLIENT, 7, 5000, TCP_SYN);
    cr_assert_eq(next_flags(&bench, 1, SIDE_CLIENT, PATIENCE_MS), SYNACK);
    cr_assert_eq(next_flags(&bench, 1, SIDE_SERVER, 0), -1);
    stop(&bench);
}

/* The same where it was said that nobody listens there: a server's own word in one shard counts in
 * all. */
Test(workers, nobody_listens_is_denied_in_all)
{
    struct bench bench;
    struct error error = {0};
    start(&bench, false);
    meet_server(&bench, 900);
    drain_until(&bench, &bench.observed, 1);
    struct server_key server = {.port = PORT};
    cr_assert(addr_from_text("198.51.100.1", &server.addr));
    cr_assert(workers_set_listening(bench.workers, &server, false));
    workers_listening_fresh(bench.workers);
    meet_server(&bench, 901);
    drain_until(&bench, &bench.observed, 2);
    cr_assert(workers_set_setting(bench.workers, NULL, SETTING_ATTACK, clock_now_us(), &error),
              "%s", error.text);
    for (uint32_t i = 0; i < 20; i++) {
        send_segment(&bench, 1, SIDE_CLIENT, 7, 5000 + i, TCP_SYN);
        cr_assert_eq(next_flags(&bench, 1, SIDE_CLIENT, PATIENCE_MS), SYNACK);
        cr_assert_eq(next_flags(&bench, 1, SIDE_SERVER, 0), -1);
    }
    stop(&bench);
}

static uint32_t in_attack_mode(struct bench *bench)
{
    struct server_info *servers;
    uint32_t count = 0, attacked = 0;
    struct error error = {0};
    cr_assert(workers_servers(bench->workers, &servers, &count, &error), "%s", error.text);
    for (uint32_t i = 0; i < count; i++)
        attacked += servers[i].mode == MODE_ATTACK;
    free(servers);
    return attacked;
}

/* So many at once that a worker's mailbox does not hold the word for all: none of them is
 * forgotten. */
Test(workers, quiet_returns_thousands_to_normal)
{
    const uint32_t servers = 2000;
    struct policy *policy = calloc(1, policy_bytes(servers));
    struct bench bench;
    struct error error = {0};
    start(&bench, false);
    policy->generation = 2;
    policy->count = servers;
    for (uint32_t i = 0; i < servers; i++) {
        cr_assert(addr_from_text("192.0.2.1", &policy->servers[i].key.addr));
        policy->servers[i].key.port = (uint16_t)(1 + i);
    }
    workers_publish(bench.workers, policy);
    uint64_t now_us = clock_now_us();
    cr_assert(workers_set_setting(bench.workers, NULL, SETTING_ATTACK, now_us, &error));
    const uint32_t attacked = in_attack_mode(&bench);
    cr_assert_gt(attacked, 1500);
    cr_assert(workers_set_setting(bench.workers, NULL, SETTING_AUTO, now_us, &error));
    const struct workers_hooks those = hooks(&bench);
    for (int i = 0; i < 10 && in_attack_mode(&bench) > 0; i++)
        workers_tick(bench.workers, &those, now_us += MODE_QUIET_US);
    cr_assert_eq(in_attack_mode(&bench), 0, "%u of %u stay in attack mode", in_attack_mode(&bench),
                 attacked);
    cr_assert_eq(bench.returned, attacked, "each is said once");
    stop(&bench);
}

Test(workers, quiet_returns_all_to_normal)
{
    struct bench bench;
    struct server_info *servers;
    start(&bench, false);
    attack(&bench);
    const struct workers_hooks mine = hooks(&bench);
    workers_tick(bench.workers, &mine, clock_now_us());
    cr_assert_eq(bench.returned, 0);
    /* Half a minute later, says the clock that is passed in. */
    workers_tick(bench.workers, &mine, clock_now_us() + 31ull * 1000000);
    cr_assert_eq(bench.returned, 1);
    cr_assert_eq(only_server(&bench, &servers)->mode, MODE_NORMAL);
    free(servers);
    send_segment(&bench, 1, SIDE_CLIENT, 7, 5000, TCP_SYN);
    cr_assert_eq(next_flags(&bench, 1, SIDE_SERVER, PATIENCE_MS), TCP_SYN);
    stop(&bench);
}

Test(workers, the_operators_word_is_in_force_on_return)
{
    struct bench bench;
    struct server_info *servers;
    struct error error = {0};
    start(&bench, false);
    attack(&bench);
    cr_assert(workers_set_setting(bench.workers, NULL, SETTING_NORMAL, clock_now_us(), &error),
              "%s", error.text);
    cr_assert_eq(only_server(&bench, &servers)->mode, MODE_NORMAL);
    free(servers);
    cr_assert(
        workers_set_setting(bench.workers, &bench.server, SETTING_ATTACK, clock_now_us(), &error),
        "%s", error.text);
    cr_assert_eq(only_server(&bench, &servers)->mode, MODE_ATTACK);
    cr_assert_eq(servers->setting, SETTING_ATTACK);
    free(servers);
    /* Given back to auto it is watched, and returns when quiet. */
    cr_assert(workers_set_setting(bench.workers, NULL, SETTING_AUTO, clock_now_us(), &error), "%s",
              error.text);
    cr_assert(
        workers_set_setting(bench.workers, &bench.server, SETTING_INHERIT, clock_now_us(), &error),
        "%s", error.text);
    const struct workers_hooks mine = hooks(&bench);
    workers_tick(bench.workers, &mine, clock_now_us() + 31ull * 1000000);
    cr_assert_eq(only_server(&bench, &servers)->mode, MODE_NORMAL);
    free(servers);
    stop(&bench);
}

Test(workers, flows_of_all_are_listed)
{
    struct bench bench;
    struct flow_info *flows;
    uint32_t count;
    struct error error = {0};
    start(&bench, false);
    for (uint32_t i = 0; i < 600; i++) {
        const uint32_t shard = i % WORKERS;
        send_segment(&bench, shard, SIDE_CLIENT, (uint8_t)(1 + i % 200), 2000 + i, TCP_SYN);
        cr_assert_eq(next_flags(&bench, shard, SIDE_SERVER, PATIENCE_MS), TCP_SYN);
    }
    cr_assert(workers_flows(bench.workers, &flows, &count, &error), "%s", error.text);
    cr_assert_eq(count, 600);
    free(flows);
    stop(&bench);
}

Test(workers, policies_follow_each_other_under_traffic)
{
    struct bench bench;
    start(&bench, false);
    const struct workers_hooks mine = hooks(&bench);
    for (uint32_t i = 2; i < 2000; i++) {
        cr_assert(workers_publish(bench.workers, empty_policy(i)));
        cr_assert_eq(workers_policy(bench.workers)->generation, i);
        workers_tick(bench.workers, &mine, clock_now_us());
        if (i % 100 != 0)
            continue;
        send_segment(&bench, i / 100 % WORKERS, SIDE_CLIENT, 9, i, TCP_SYN);
        cr_assert_eq(next_flags(&bench, i / 100 % WORKERS, SIDE_SERVER, PATIENCE_MS), TCP_SYN);
    }
    stop(&bench);
}

/* What the worker is told or asked is done under the newest policy published before it, not under
 * the one it had at the batch's start. */
Test(worker, a_request_finds_the_policy_published_before_it)
{
    struct bench bench;
    struct error error = {0};
    struct waker bell;
    start(&bench, false);
    workers_stop(bench.workers);
    struct policy_handover *policies = policy_handover_new(1);
    cr_assert(waker_open(&bell));
    struct worker_options options = {.fds = {bench.far[0][0], bench.far[0][1]},
                                     .nowait_writes = true,
                                     .mode = SETTING_AUTO,
                                     .policies = policies,
                                     .bell = &bell};
    engine_config_defaults(&options.engine);
    struct worker *worker = worker_make(&options, &error);
    cr_assert_not_null(worker, "%s", error.text);
    cr_assert(worker_begin(worker, NULL, &error), "%s", error.text);
    const struct worker_request nothing = {.kind = REQUEST_NOTHING};
    for (uint32_t i = 1; i < 20000; i++) {
        /* Keeps it running, so that publication and request meet it at any point of its loop. */
        worker_wake(worker);
        cr_assert(policy_handover_publish(policies, empty_policy(i)));
        cr_assert(worker_ask(worker, &nothing, &error), "%s", error.text);
        cr_assert_eq(policy_handover_reclaim(policies), 1,
                     "round %u: an older policy is still in use", i);
    }
    worker_stop(worker);
    policy_handover_free(policies);
    waker_close(&bell);
    close_sockets(&bench);
}

/* Nobody takes what comes out of the server side: every frame is counted, one way or the other. */
Test(worker, frames_that_a_side_refuses_are_counted)
{
    struct bench bench;
    struct counters counters = {0};
    start(&bench, false);
    const uint32_t sent = 5000;
    for (uint32_t i = 0; i < sent; i++)
        send_segment(&bench, 0, SIDE_CLIENT, 1, 1000 + i, TCP_ACK);
    const uint64_t until_us = clock_now_us() + PATIENCE_MS * 1000ull;
    while (counters.frames_server_out + counters.frames_refused + counters.drops[DROP_stray] <
               sent &&
           clock_now_us() < until_us)
        cr_assert(workers_counters(bench.workers, &counters, NULL));
    cr_assert_gt(counters.frames_refused, 0);
    cr_assert_eq(counters.frames_server_out + counters.frames_refused + counters.drops[DROP_stray],
                 sent);
    stop(&bench);
}

Test(workers, learning_off_silences_observations_but_not_triggers)
{
    struct bench bench;
    start(&bench, false);
    cr_assert(workers_set_learning(bench.workers, false));
    struct counters counters;
    cr_assert(
        workers_counters(bench.workers, &counters, NULL)); /* answers behind what was told before */
    attack(&bench);
    cr_assert_eq(bench.observed, 0);
    stop(&bench);
}

/* Of what was taken over, who finds no room is reset: before anything comes up, or is due. */
Test(worker, what_its_engine_has_to_say_goes_out_before_all_else)
{
    struct bench bench;
    make(&bench, false);
    struct engine *engine = workers_engine_made(bench.workers, 0);
    struct outbox *outbox = engine_outbox(engine);
    cr_assert_eq(engine_next_deadline(engine), UINT64_MAX, "else that would send it");
    segment(outbox->memory, SIDE_SERVER, 9, 40000, TCP_RST);
    outbox->frames[0] = (struct outbox_frame){.to = SIDE_CLIENT, .bytes = FRAME_BYTES};
    outbox->used = FRAME_BYTES;
    outbox->count = 1;
    begin(&bench);
    cr_expect_eq(next_flags(&bench, 0, SIDE_CLIENT, PATIENCE_MS), TCP_RST);
    stop(&bench);
}

Test(workers, a_lost_side_is_reported)
{
    struct bench bench;
    struct error error = {0};
    start(&bench, false);
    cr_assert_not(workers_failed(bench.workers, &error));
    shutdown(bench.near[1][SIDE_SERVER], SHUT_RDWR);
    struct pollfd fd = {.fd = workers_fd(bench.workers), .events = POLLIN};
    cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1);
    cr_assert(workers_failed(bench.workers, &error));
    cr_assert_not_null(strstr(error.text, "server side is gone"), "%s", error.text);
    struct counters counters;
    cr_assert(workers_counters(bench.workers, &counters, &error), "it still answers");
    stop(&bench);
}
