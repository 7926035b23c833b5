/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_carrying.c - one truth: the programs as the kernel runs them (BPF_PROG_TEST_RUN), in front
 * of an engine that writes their records, against an engine that sees every frame. Frame by frame
 * the two must let the same bytes go, the same way, and know the same numbers afterwards.
 *
 * Root only. SYNWARD_TEST_SEED replays a run.
 *
 * It is longer than most: two worlds are made side by side, and compared in all that they remember.
 */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bridge/bpf/carrying.h"
#include "bridge/workers/told.h"
#include "engine/engine.h"
#include "engine/shard/connection.h"
#include "engine/shard/observe.h"
#include "engine/shard/shard.h"
#include "engine/stages/carry.h"
#include "tests/bridge/bpf/support_engine.h"
#include "tests/bridge/bpf/support_kernel.h"
#include "tests/engine/random.h"

#define SHARD       1u /* of two, so that places of others show */
#define CONNECTIONS 6  /* of each kind */
#define FRAMES      1500
#define ENDINGS     100 /* connections that end, after so many frames or before */
#define ENDING      60
#define TO_CLIENT   7
#define TO_SERVER   8
#define BUFFER      (OFFLOAD_BYTES + 2048u)
#define CLIENT_PORT 40000
#define SERVER_PORT 80
#define HEADERS_MAX 74u

struct pair {
    struct carrying *carrying;
    struct engine *engine, *reference; /* with records, and without */
    void *memory[2];
    struct flow *flow, *reference_flow;
    struct told *told; /* NULL: nobody reads what the kernel tells */
    int pulse;         /* whether a worker is alive */
    bool usual;        /* frames are laid out as all hosts do */
    uint32_t shard;
    uint64_t carried, up, told_of;
};

struct made {
    uint8_t data[BUFFER]; /* offload header first */
    uint32_t bytes;
    enum side from;
};

static struct random random_of_test;

static uint32_t dice(uint32_t sides)
{
    return random_below(&random_of_test, sides);
}

static uint32_t random_word(void)
{
    return (uint32_t)random_next(&random_of_test);
}

/* --- engines and their connection ------------------------------------------------------------ */

static struct flow_key key_of(bool v6)
{
    static const uint8_t client[16] = {0xfd, 0x77, [15] = 1}, server[16] = {0xfd, 0x77, [15] = 2};
    static const uint8_t client4[4] = {10, 77, 0, 1}, server4[4] = {10, 77, 0, 2};

    return (struct flow_key){.client = v6 ? addr_from_v6(client) : addr_from_v4(client4),
                             .server = v6 ? addr_from_v6(server) : addr_from_v4(server4),
                             .client_port = CLIENT_PORT,
                             .server_port = SERVER_PORT};
}

static struct flow *make_flow(struct engine *engine, const struct flow_key *key,
                              const struct flow *flow_like, const struct flow_cold *cold_like)
{
    struct flow *flow =
        engine_flow_new(engine, key, (enum flow_state)flow_like->state, engine->now_us);
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct server_key at = flow_key_server(key);
    struct server *server = server_add(&engine->servers, &at, engine->now_us);

    flow->flags = flow_like->flags;
    flow->delta = flow_like->delta;
    flow->ts_delta = flow_like->ts_delta;
    flow->ack_floor = flow_like->ack_floor;
    flow->tsecr_floor = flow_like->tsecr_floor;
    cold->client_isn = cold_like->client_isn;
    cold->server_isn = cold_like->server_isn;
    cold->client_next = cold_like->client_next;
    cold->server_next = cold_like->server_next;
    cold->server_mss = cold_like->server_mss;
    cold->timestamps = cold_like->timestamps;
    cold->sampled[0] = cold_like->sampled[0];
    cold->sampled[1] = cold_like->sampled[1];
    cold->storm = (struct flow_storm){0};
    flow_bind_server(engine, flow, server);
    return flow;
}

static void obey(const struct pair *pair)
{
    struct carried *carried = engine_carried(pair->engine);

    engine_settle(pair->engine);
    carrying_obey(pair->carrying, carried->orders, carried->orders_count, pair->shard);
    carried->orders_count = 0;
}

static void make_known(const struct pair *pair)
{
    for (int i = 0; i < CARRY_AFTER; i++) {
        carried_touch(&pair->engine->flows, flow_index(&pair->engine->flows, pair->flow));
        obey(pair);
    }
}

static void random_flow(bool spliced, struct flow *flow, struct flow_cold *cold)
{
    memset(flow, 0, sizeof(*flow));
    memset(cold, 0, sizeof(*cold));
    flow->state = spliced ? FLOW_SPLICED : FLOW_ESTABLISHED;
    cold->client_isn = random_word();
    cold->server_isn = random_word();
    cold->client_next = cold->client_isn + 1 + 1 + dice(9000);
    cold->server_next = cold->server_isn + 1 + 1 + dice(9000);
    cold->sampled[0] = cold->sampled[1] = dice(2) ? OBSERVE_NOTHING : 0;
    if (!spliced)
        return;
    flow->flags = (uint8_t)(FLOW_EDIT | (dice(3) ? 0 : FLOW_NO_ECN));
    flow->delta = random_word();
    flow->ts_delta = random_word();
    flow->ack_floor = cold->server_isn + 1;
    flow->tsecr_floor = random_word();
    cold->timestamps = dice(2);
    cold->server_mss = dice(3) ? 1460 : 0;
}

static void begin_flow(struct pair *pair, bool spliced, bool v6)
{
    const struct flow_key key = key_of(v6);
    struct flow flow;
    struct flow_cold cold;

    random_flow(spliced, &flow, &cold);
    pair->flow = make_flow(pair->engine, &key, &flow, &cold);
    pair->reference_flow = make_flow(pair->reference, &key, &flow, &cold);
    make_known(pair);
}

/* Somebody reads what the kernel tells, which is of one engine only. */
static void open_told(struct pair *pair)
{
    struct tell_maps *maps = carrying_tells(pair->carrying);

    pair->told = calloc(1, sizeof(*pair->told));
    told_open(pair->told, maps, pair->engine->config.table_seed);
    maps->hub->clock_us = 1;
    told_begin(pair->told, NOW_US);
}

static struct pair open_pair(bool spliced, bool v6, bool told)
{
    struct pair pair = {.shard = told ? 0 : SHARD, .pulse = open_pulse()};
    const struct carrying_sizes sizes = {.connections = FLOWS,
                                         .servers = SERVERS,
                                         .pulse = pair.pulse,
                                         .answers = {.shards = pair.shard + 1, .served_max = 4096}};
    struct error error = {0};

    pair.carrying = carrying_open(&sizes, &error);
    if (!pair.carrying)
        skip_without_bpf(&error);
    carrying_lead(pair.carrying, TO_CLIENT, TO_SERVER);
    pair.engine = make_engine(pair.carrying, pair.shard, &pair.memory[0]);
    pair.reference = make_engine(NULL, pair.shard, &pair.memory[1]);
    if (told)
        open_told(&pair);
    begin_flow(&pair, spliced, v6);
    return pair;
}

/* Another connection in its place. */
static void begin_anew(struct pair *pair, bool v6)
{
    engine_flow_free(pair->engine, pair->flow);
    engine_flow_free(pair->reference, pair->reference_flow);
    begin_flow(pair, true, v6);
}

static void close_pair(struct pair *pair)
{
    carrying_close(pair->carrying);
    free(pair->memory[0]);
    free(pair->memory[1]);
    free(pair->told);
    close(pair->pulse);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* What a host would say next, as the other end of it is to hear it; mostly. */
static uint32_t random_options(const struct pair *pair, enum side from, uint32_t ack, uint8_t *at)
{
    const struct flow *flow = pair->reference_flow;
    const uint32_t tsval = flow->tsecr_floor + dice(100000) - (dice(8) ? 0 : 200000);
    const uint32_t first =
        pair->usual && from == SIDE_CLIENT ? seq_max(ack, flow->ack_floor + flow->delta) : ack;
    uint32_t bytes = 0, blocks = 1 + dice(3);

    if (dice(4)) {
        store_be32(at, 0x0101080a);
        store_be32(at + 4, tsval);
        store_be32(at + 8, from == SIDE_CLIENT ? tsval + flow->ts_delta : random_word());
        bytes = 12;
    }
    if (dice(3) == 0) {
        store_be32(at + bytes, 0x01010502 + 8 * blocks);
        for (uint32_t block = 0; block < 2 * blocks; block++)
            store_be32(at + bytes + 4 + 4 * block,
                       first + 1000 * block + (pair->usual || dice(20) ? 1 : -5000u));
        bytes += 4 + 8 * blocks;
    }
    if (!pair->usual && dice(30) == 0 && bytes) /* laid out otherwise, or not at all */
        at[dice(bytes)] = (uint8_t)dice(256);
    return bytes;
}

static uint32_t random_seq(uint32_t next)
{
    switch (dice(16)) {
    case 0:
        return next - dice(5000);
    case 1:
        return next + dice(5000);
    case 2:
        return dice(8) ? next : next + (dice(2) ? dice(1u << 30) : -dice(1u << 30));
    default:
        return next;
    }
}

static uint8_t random_tcp_flags(bool ends)
{
    static const uint8_t odd[] = {TCP_URG | TCP_ACK, TCP_ACK | TCP_ECE, TCP_ACK | TCP_CWR, 0};

    if (ends && dice(12) == 0)
        return TCP_ACK | TCP_FIN;
    return dice(20) ? TCP_ACK | (dice(2) ? TCP_PSH : 0) : odd[dice(4)];
}

static uint32_t write_ip(uint8_t *data, const struct flow_key *key, enum side from,
                         uint32_t l4_bytes)
{
    const bool v4 = addr_is_v4(&key->server);
    const struct ip_addr *src = from == SIDE_CLIENT ? &key->client : &key->server;
    const struct ip_addr *dst = from == SIDE_CLIENT ? &key->server : &key->client;
    uint8_t *ip = data + ETH_HEADER_BYTES;
    const uint8_t ecn = dice(5) ? 0 : (uint8_t)dice(4);

    memset(data, 2, 12);
    store_be16(data + 12, v4 ? 0x0800 : 0x86dd);
    if (!v4) {
        store_be32(ip, 6u << 28 | (uint32_t)ecn << 20 | dice(1 << 20));
        store_be16(ip + 4, (uint16_t)l4_bytes);
        ip[6] = PROTO_TCP;
        ip[7] = 64;
        memcpy(ip + 8, src->bytes, 16);
        memcpy(ip + 24, dst->bytes, 16);
        return ETH_HEADER_BYTES + 40;
    }
    memset(ip, 0, IPV4_HEADER_BYTES);
    ip[0] = 0x45;
    ip[1] = ecn;
    store_be16(ip + 2, (uint16_t)(IPV4_HEADER_BYTES + l4_bytes));
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = PROTO_TCP;
    memcpy(ip + 12, src->bytes + 12, 4);
    memcpy(ip + 16, dst->bytes + 12, 4);
    store_be16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HEADER_BYTES)));
    return PLAIN_L4;
}

/* Of a splice: about where it is no longer lifted to the floor, or anywhere. */
static uint32_t far_ack(const struct flow *flow)
{
    return dice(2) ? flow->ack_floor + flow->delta - RECORD_FLOOR_REACH + dice(5) - 2
                   : random_word();
}

static void make_frame(const struct pair *pair, struct made *made)
{
    const struct flow *flow = pair->reference_flow;
    const struct flow_cold *cold = flow_cold(&pair->reference->flows, flow);
    const uint32_t payload = dice(3) ? dice(1400) : 0;
    uint8_t *data = made->data + OFFLOAD_BYTES, *tcp, options[TCP_HEADER_BYTES + 40] = {0};
    uint32_t seq, ack, option_bytes, l4;
    struct ip_addr ends[2];

    made->from = dice(2) ? SIDE_CLIENT : SIDE_SERVER;
    seq = random_seq(made->from == SIDE_CLIENT ? cold->client_next : cold->server_next);
    ack = made->from == SIDE_SERVER
              ? cold->client_next
              : cold->server_next + (flow->flags & FLOW_EDIT ? flow->delta : 0);
    ack += dice(12) ? 0 : dice(9000) - 4500;
    if (made->from == SIDE_CLIENT && (flow->flags & FLOW_EDIT) && dice(12) == 0)
        ack = far_ack(flow);
    option_bytes = random_options(pair, made->from, ack, options);
    memset(made->data, 0, OFFLOAD_BYTES);
    l4 = write_ip(data, &flow->key, made->from, TCP_HEADER_BYTES + option_bytes + payload);
    tcp = data + l4;
    store_be16(tcp, made->from == SIDE_CLIENT ? CLIENT_PORT : SERVER_PORT);
    store_be16(tcp + 2, made->from == SIDE_CLIENT ? SERVER_PORT : CLIENT_PORT);
    store_be32(tcp + 4, seq);
    store_be32(tcp + 8, ack);
    tcp[12] = (uint8_t)((TCP_HEADER_BYTES + option_bytes) / 4 << 4);
    tcp[13] = random_tcp_flags(pair->told);
    store_be16(tcp + 14, dice(40) ? (uint16_t)random_word() : 0);
    store_be32(tcp + 16, 0);
    memcpy(tcp + TCP_HEADER_BYTES, options, option_bytes);
    for (uint32_t i = 0; i < payload; i++)
        tcp[TCP_HEADER_BYTES + option_bytes + i] = (uint8_t)(i * 7);
    made->bytes = l4 + TCP_HEADER_BYTES + option_bytes + payload;
    ends[0] = made->from == SIDE_CLIENT ? flow->key.client : flow->key.server;
    ends[1] = made->from == SIDE_CLIENT ? flow->key.server : flow->key.client;
    store_be16(tcp + TCP_CHECKSUM_AT,
               (uint16_t)~checksum_fold(
                   checksum_add(checksum_pseudo(&ends[0], &ends[1], PROTO_TCP, made->bytes - l4),
                                tcp, made->bytes - l4)));
    /* Damaged: the host is to see that. Of data whoever is told of its headers cannot. */
    if (dice(50) == 0 && !(payload && (tcp[13] & TCP_FIN)))
        tcp[TCP_CHECKSUM_AT + dice(2)] ^= (uint8_t)(1 + dice(255));
}

/* --- both of them ---------------------------------------------------------------------------- */

static int kernel_says(const struct pair *pair, const struct made *made, struct made *out)
{
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = made->data + OFFLOAD_BYTES,
                .data_size_in = made->bytes, .data_out = out->data + OFFLOAD_BYTES,
                .data_size_out = BUFFER - OFFLOAD_BYTES);

    cr_assert(bpf_prog_test_run_opts(carrying_program(pair->carrying, made->from), &run) == 0);
    out->bytes = run.data_size_out;
    return (int)run.retval;
}

/* True where the kernel carries it; what goes out is in `out` then. */
static bool kernel_carries(const struct pair *pair, const struct made *made, struct made *out)
{
    const int says = kernel_says(pair, made, out);

    if (says != TC_ACT_UNSPEC) {
        cr_assert_eq(says, TC_ACT_REDIRECT);
        return true;
    }
    cr_assert(out->bytes == made->bytes &&
                  memcmp(out->data + OFFLOAD_BYTES, made->data + OFFLOAD_BYTES, made->bytes) == 0,
              "what goes up goes up as it came");
    return false;
}

static enum verdict_action engine_says(struct engine *engine, const struct made *made,
                                       struct made *out)
{
    struct verdict verdict;
    const uint32_t bytes = OFFLOAD_BYTES + made->bytes;

    memcpy(out->data, made->data, bytes);
    if (engine_carried(engine))
        engine_input_beside_carried(engine, made->from, out->data, bytes, bytes, BUFFER, NOW_US,
                                    &verdict);
    else
        engine_input(engine, made->from, out->data, bytes, bytes, BUFFER, NOW_US, &verdict);
    out->bytes = verdict.bytes - OFFLOAD_BYTES;
    engine_observations(engine)->count = 0;
    engine_outbox(engine)->count = engine_outbox(engine)->used = 0;
    return verdict.action;
}

static void follow(struct pair *pair)
{
    struct told_frame frame;

    if (!pair->told)
        return;
    told_look(pair->told);
    while (told_next(pair->told, &frame)) {
        engine_told(pair->engine, &frame, NOW_US);
        cr_assert_eq(engine_outbox(pair->engine)->count, 0);
        engine_observations(pair->engine)->count = 0;
        pair->told_of++;
    }
    obey(pair);
}

static void one_frame(struct pair *pair, uint64_t number)
{
    struct made made, got, wanted;
    enum verdict_action action, reference;
    const struct flow_cold *a, *b;

    make_frame(pair, &made);
    reference = engine_says(pair->reference, &made, &wanted);
    if (kernel_carries(pair, &made, &got)) {
        action = VERDICT_FORWARD;
        pair->carried++;
        follow(pair);
        carried_recall(&pair->engine->flows, flow_index(&pair->engine->flows, pair->flow));
    } else {
        action = engine_says(pair->engine, &made, &got);
        pair->up++;
        obey(pair);
    }
    cr_assert_eq(action, reference, "frame %lu: verdict %d, not %d", (unsigned long)number,
                 (int)action, (int)reference);
    cr_assert(action != VERDICT_FORWARD || (got.bytes == wanted.bytes &&
                                            memcmp(got.data + OFFLOAD_BYTES,
                                                   wanted.data + OFFLOAD_BYTES, wanted.bytes) == 0),
              "frame %lu: other bytes", (unsigned long)number);
    a = flow_cold(&pair->engine->flows, pair->flow);
    b = flow_cold(&pair->reference->flows, pair->reference_flow);
    cr_assert(a->client_next == b->client_next && a->server_next == b->server_next,
              "frame %lu: other numbers", (unsigned long)number);
    cr_assert(pair->flow->state == pair->reference_flow->state &&
                  pair->flow->flags == pair->reference_flow->flags,
              "frame %lu: %s, not %s", (unsigned long)number,
              flow_state_name((enum flow_state)pair->flow->state),
              flow_state_name((enum flow_state)pair->reference_flow->state));
}

/* What the kernel has counted is added to what the engine has. */
static void same_figures(const struct pair *pair)
{
    struct server_info is[SERVERS], wanted[SERVERS];

    cr_assert_eq(engine_servers(pair->engine, is, SERVERS, NOW_US), 1);
    cr_assert_eq(engine_servers(pair->reference, wanted, SERVERS, NOW_US), 1);
    cr_assert_eq(is[0].figures.frames_in, wanted[0].figures.frames_in);
    cr_assert_eq(is[0].figures.frames_out, wanted[0].figures.frames_out);
    cr_assert_eq(is[0].figures.bytes_in, wanted[0].figures.bytes_in);
    cr_assert_eq(is[0].figures.bytes_out, wanted[0].figures.bytes_out);
    cr_assert_gt(wanted[0].figures.frames_in + wanted[0].figures.frames_out, FRAMES / 2);
}

static void same_for_all(bool spliced, bool v6)
{
    random_of_test = random_begin("carrying");
    for (int connection = 0; connection < CONNECTIONS; connection++) {
        struct pair pair = open_pair(spliced, v6, false);

        for (uint64_t number = 0; number < FRAMES; number++)
            one_frame(&pair, number);
        cr_assert(pair.carried > pair.up, "%lu carried, %lu up", (unsigned long)pair.carried,
                  (unsigned long)pair.up);
        same_figures(&pair);
        close_pair(&pair);
    }
}

Test(carrying, followed_frames_go_as_the_engine_lets_them_go)
{
    same_for_all(false, false);
}

Test(carrying, followed_frames_go_as_the_engine_lets_them_go_over_ipv6)
{
    same_for_all(false, true);
}

Test(carrying, spliced_frames_go_as_the_engine_lets_them_go)
{
    same_for_all(true, false);
}

Test(carrying, spliced_frames_go_as_the_engine_lets_them_go_over_ipv6)
{
    same_for_all(true, true);
}

static void same_to_the_end(bool v6)
{
    struct pair pair;
    uint32_t closed = 0;

    random_of_test = random_begin("carrying_ends");
    pair = open_pair(true, v6, true);
    for (int connection = 0; connection < ENDINGS; connection++) {
        begin_anew(&pair, v6);
        for (uint64_t number = 0; number < ENDING; number++)
            one_frame(&pair, number);
        closed += pair.flow->state == FLOW_CLOSING;
    }
    cr_assert_gt(pair.told_of, ENDINGS, "%lu told", (unsigned long)pair.told_of);
    cr_assert_gt(closed, ENDINGS / 2, "%u closed", closed);
    close_pair(&pair);
}

Test(carrying, ends_of_spliced_ones_are_known_to_who_is_told)
{
    same_to_the_end(false);
}

Test(carrying, ends_of_spliced_ones_are_known_to_who_is_told_over_ipv6)
{
    same_to_the_end(true);
}

static struct flow_record *record_of(const struct pair *pair)
{
    return &engine_carried(pair->engine)->records[flow_index(&pair->engine->flows, pair->flow)];
}

static uint32_t next_of(const struct pair *pair, enum side from)
{
    return record_next(record_of(pair)->way[from]);
}

/* It ends where its side has come, or ahead: what is behind ends nothing. */
static bool is_end(const struct pair *pair, const struct made *made)
{
    const uint8_t *data = made->data + OFFLOAD_BYTES, *tcp = data + PLAIN_L4;
    const uint32_t payload = made->bytes - PLAIN_L4 - (tcp[12] >> 4) * 4u;

    return frame_is_plain(data, made->bytes) && (tcp[13] & TCP_FIN) &&
           !seq_before(load_be32(tcp + 4) + payload + 1, next_of(pair, made->from));
}

/* A frame of this connection, as its other end is to hear it. */
static bool says_fin(const struct pair *pair, struct made *made)
{
    struct made out;

    do
        make_frame(pair, made);
    while (!is_end(pair, made));
    return kernel_carries(pair, made, &out);
}

Test(carrying, fins_of_spliced_ones_go_up_where_nobody_reads)
{
    struct pair pair;
    struct made made;
    bool carried = false;

    random_of_test = random_begin("carrying_fins");
    pair = open_pair(true, false, true);
    for (int i = 0; i < 20 && !carried; i++) {
        begin_anew(&pair, false);
        carried = says_fin(&pair, &made);
    }
    cr_assert(carried);
    close_pair(&pair);
    pair = open_pair(true, false, true);
    carrying_tells(pair.carrying)->hub->awake_until_us = 0;
    for (int i = 0; i < 20; i++) {
        begin_anew(&pair, false);
        cr_assert_not(says_fin(&pair, &made));
    }
    close_pair(&pair);
}

/* As the next daemon finds it, where the engine is killed before it reads of it. */
static enum record_end left_of(const struct pair *pair, enum side from)
{
    const struct carrying_left left = carrying_left(pair->carrying);
    const uint64_t place =
        (uint64_t)pair->shard * left.each + flow_index(&pair->engine->flows, pair->flow);
    struct carrying_rows rows = carrying_rows_left(left, sizeof(struct flow_record));
    struct flow_record record;

    cr_assert(rows.bytes && place < rows.count, "%lu of %lu", place, rows.count);
    memcpy(&record, rows.bytes + place * rows.row_bytes, sizeof(record));
    carrying_rows_close(&rows);
    cr_assert_eq(record.delta, pair->flow->delta);
    return (enum record_end)record.ended[from];
}

Test(carrying, fins_of_spliced_ones_are_left_for_who_comes_after_a_kill)
{
    struct pair pair;
    struct made made;
    bool carried = false;

    random_of_test = random_begin("carrying_left");
    pair = open_pair(true, false, true);
    for (int i = 0; i < 20 && !carried; i++) {
        begin_anew(&pair, false);
        carried = says_fin(&pair, &made);
        cr_assert_eq(left_of(&pair, made.from), carried ? RECORD_FIN : RECORD_LIVES);
        cr_assert_eq(left_of(&pair, !made.from), RECORD_LIVES);
    }
    cr_assert(carried);
    cr_assert_null(carrying_rows_left(carrying_left(pair.carrying), 72).bytes, "of another size");
    close_pair(&pair);
    cr_assert_null(carrying_rows_left((struct carrying_left){0}, sizeof(struct flow_record)).bytes);
}

/* It would be read before all else, however often it is repeated; and what goes up wakes by itself.
 */
Test(carrying, fins_of_spliced_ones_go_up_where_the_worker_is_late)
{
    struct pair pair;
    struct tell_hub *hub;
    struct made made;
    bool carried = false;

    random_of_test = random_begin("carrying_late_fins");
    pair = open_pair(true, false, true);
    hub = carrying_tells(pair.carrying)->hub;
    hub->tail = hub->head - TELL_ENTRIES_LATE;
    for (int i = 0; i < 20; i++) {
        begin_anew(&pair, false);
        cr_assert_not(says_fin(&pair, &made));
    }
    cr_assert_eq(hub->rung, 0u);
    hub->tail = hub->head;
    for (int i = 0; i < 20 && !carried; i++) {
        begin_anew(&pair, false);
        carried = says_fin(&pair, &made);
    }
    cr_assert(carried);
    close_pair(&pair);
}

/* --- while no worker is alive ---------------------------------------------------------------- */

static uint32_t l4_of(const struct pair *pair)
{
    return addr_is_v4(&pair->flow->key.server) ? PLAIN_L4 : ETH_HEADER_BYTES + 40;
}

/* Whatever the engine would have let go on goes on as it would have, however far it is from the
 * newest: nobody says it otherwise. True where it was looked at. */
static bool one_alone(struct pair *pair, uint64_t number)
{
    const uint32_t at = OFFLOAD_BYTES + l4_of(pair);
    struct made made, got, wanted;
    bool old;
    int says;

    make_frame(pair, &made);
    if (!(made.data[at + 13] & TCP_ACK))
        return false;
    /* The engine cuts off what lies below the floor, and answers it. */
    old = made.from == SIDE_SERVER &&
          seq_before(load_be32(made.data + at + 4), pair->reference_flow->ack_floor);
    says = kernel_says(pair, &made, &got);
    cr_assert_eq(says, TC_ACT_REDIRECT, "frame %lu is lost", (unsigned long)number);
    if (engine_says(pair->reference, &made, &wanted) != VERDICT_FORWARD || old)
        return false;
    cr_assert(got.bytes == wanted.bytes &&
                  memcmp(got.data + at, wanted.data + at, wanted.bytes + OFFLOAD_BYTES - at) == 0,
              "frame %lu: other bytes", (unsigned long)number);
    return true;
}

static void all_goes_on(bool v6)
{
    uint64_t passed = 0;

    for (int i = 0; i < CONNECTIONS; i++) {
        struct pair pair = open_pair(true, v6, false);

        pair.usual = true;
        set_dead(pair.pulse, 1, i & 1);
        for (uint64_t number = 0; number < FRAMES; number++)
            passed += one_alone(&pair, number);
        close_pair(&pair);
    }
    cr_assert_gt(passed, CONNECTIONS * FRAMES / 2);
}

Test(carrying, all_of_a_spliced_one_goes_on_while_nobody_is_alive)
{
    random_of_test = random_begin("carrying_alone");
    all_goes_on(false);
}

Test(carrying, all_of_a_spliced_one_goes_on_while_nobody_is_alive_over_ipv6)
{
    random_of_test = random_begin("carrying_alone_ipv6");
    all_goes_on(true);
}

struct said {
    enum side from;
    uint32_t seq, ack, payload_bytes;
    uint8_t flags;
    const uint32_t *timestamps, *sack; /* two numbers each */
};

/* Over IPv4, without ECN. */
static void make_said(const struct pair *pair, const struct said *said, struct made *made)
{
    const struct ip_addr ends[2] = {
        said->from == SIDE_CLIENT ? pair->flow->key.client : pair->flow->key.server,
        said->from == SIDE_CLIENT ? pair->flow->key.server : pair->flow->key.client};
    uint8_t *tcp = made->data + OFFLOAD_BYTES + PLAIN_L4, *option = tcp + TCP_HEADER_BYTES;
    uint32_t l4_bytes;

    memset(made, 0, sizeof(*made));
    made->from = said->from;
    if (said->timestamps) {
        store_be32(option, 0x0101080a);
        store_be32(option + 4, said->timestamps[0]);
        store_be32(option + 8, said->timestamps[1]);
        option += 12;
    }
    if (said->sack) {
        store_be32(option, 0x0101050a);
        store_be32(option + 4, said->sack[0]);
        store_be32(option + 8, said->sack[1]);
        option += 12;
    }
    store_be16(tcp, said->from == SIDE_CLIENT ? CLIENT_PORT : SERVER_PORT);
    store_be16(tcp + 2, said->from == SIDE_CLIENT ? SERVER_PORT : CLIENT_PORT);
    store_be32(tcp + 4, said->seq);
    store_be32(tcp + 8, said->ack);
    tcp[12] = (uint8_t)((option - tcp) / 4 << 4);
    tcp[13] = said->flags;
    store_be16(tcp + 14, 1000);
    l4_bytes = (uint32_t)(option - tcp) + said->payload_bytes;
    do
        write_ip(made->data + OFFLOAD_BYTES, &pair->flow->key, said->from, l4_bytes);
    while (made->data[OFFLOAD_BYTES + ETH_HEADER_BYTES + 1] & 3);
    made->bytes = PLAIN_L4 + l4_bytes;
    store_be16(tcp + TCP_CHECKSUM_AT,
               (uint16_t)~checksum_fold(checksum_add(
                   checksum_pseudo(&ends[0], &ends[1], PROTO_TCP, l4_bytes), tcp, l4_bytes)));
}

static struct pair open_alone(const char *name)
{
    struct pair pair;

    random_of_test = random_begin(name);
    pair = open_pair(true, false, false);
    set_dead(pair.pulse, 1, false);
    return pair;
}

/* Where its TCP header is now. */
static const uint8_t *passes(const struct pair *pair, const struct said *said)
{
    static struct made out;
    struct made made;

    make_said(pair, said, &made);
    cr_assert_eq(kernel_says(pair, &made, &out), TC_ACT_REDIRECT);
    return out.data + OFFLOAD_BYTES + PLAIN_L4;
}

/* And as the engine would have let it go. */
static void passes_as_ever(const struct pair *pair, const struct said *said)
{
    struct made made, wanted;
    const uint8_t *tcp = passes(pair, said);

    make_said(pair, said, &made);
    cr_assert_eq(engine_says(pair->reference, &made, &wanted), VERDICT_FORWARD);
    cr_assert_arr_eq(tcp, wanted.data + OFFLOAD_BYTES + PLAIN_L4, wanted.bytes - PLAIN_L4);
}

/* What a client says: an ack in the numbers that it knows. */
static uint32_t as_client_knows(const struct pair *pair, uint32_t server_number)
{
    return server_number + pair->flow->delta;
}

/* Who comes after us would take them for true, and the host they are said to judges them itself. */
Test(carrying, guesses_pass_while_nobody_is_alive_and_move_nothing)
{
    static const uint8_t flags[] = {TCP_ACK, TCP_ACK | TCP_FIN, TCP_RST, TCP_ACK | TCP_RST};
    struct pair pair = open_alone("carrying_guesses");
    const struct flow_record was = *record_of(&pair);

    for (uint32_t i = 0; i < 2 * 64 * 4 * 4; i++) {
        const enum side from = i & 1 ? SIDE_SERVER : SIDE_CLIENT;
        const uint32_t far = (1 + (i >> 1) % 63) << 26, ack = (1 + (i >> 7) % 4) << 29;
        const uint32_t clock[2] = {was.tsecr_floor + ack, random_word()};
        const struct said guess = {
            .from = from,
            .seq = next_of(&pair, from) + far,
            .ack = from == SIDE_SERVER ? next_of(&pair, SIDE_CLIENT) + ack
                                       : as_client_knows(&pair, next_of(&pair, SIDE_SERVER)) + ack,
            .flags = flags[(i >> 9) % 4],
            .timestamps = clock,
            .payload_bytes = dice(2)};

        passes(&pair, &guess);
    }
    cr_assert_eq(record_of(&pair)->way[SIDE_CLIENT], was.way[SIDE_CLIENT]);
    cr_assert_eq(record_of(&pair)->way[SIDE_SERVER], was.way[SIDE_SERVER]);
    cr_assert_eq(record_of(&pair)->floors, was.floors);
    cr_assert_eq(left_of(&pair, SIDE_CLIENT), RECORD_LIVES);
    cr_assert_eq(left_of(&pair, SIDE_SERVER), RECORD_LIVES);
    close_pair(&pair);
}

/* Who is near once, somewhere in all the number space, does not carry the number along from there.
 */
Test(carrying, blind_walks_move_nothing_while_nobody_is_alive)
{
    for (int side = 0; side < 2; side++) {
        struct pair pair = open_alone("carrying_walk");
        const enum side from = side ? SIDE_SERVER : SIDE_CLIENT;
        const uint32_t floor = record_of(&pair)->ack_floor, next = next_of(&pair, from);
        const uint32_t theirs = side ? next_of(&pair, SIDE_CLIENT)
                                     : as_client_knows(&pair, next_of(&pair, SIDE_SERVER));

        for (uint32_t step = 0; step < 2 * 4096; step++) {
            const struct said guess = {.from = from,
                                       .seq = (step / 2) << 20,
                                       .ack = theirs + (step % 2 ? 1u << 28 : 3u << 30),
                                       .flags = (uint8_t)(TCP_ACK | (step % 3 ? 0 : TCP_FIN)),
                                       .payload_bytes = 1};

            passes(&pair, &guess);
        }
        cr_assert_leq(next_of(&pair, from) - next, 1u, "one of them follows");
        cr_assert_eq(record_of(&pair)->ack_floor, floor);
        cr_assert_eq(left_of(&pair, from), RECORD_LIVES);
        close_pair(&pair);
    }
}

/* What was lost before it came here leaves a gap, and who is behind it knows the other side. */
Test(carrying, what_comes_behind_a_gap_counts_while_nobody_is_alive)
{
    for (int side = 0; side < 2; side++) {
        struct pair pair = open_alone("carrying_gap");
        const enum side from = side ? SIDE_SERVER : SIDE_CLIENT;
        const uint32_t next = next_of(&pair, from), theirs = next_of(&pair, !from);
        struct said said = {.from = from,
                            .seq = next + RECORD_PROGRESS_BYTES,
                            .ack = side ? theirs : as_client_knows(&pair, theirs),
                            .flags = TCP_ACK,
                            .payload_bytes = 100};

        said.ack += 2 * RECORD_PROGRESS_BYTES;
        passes(&pair, &said);
        cr_assert_eq(next_of(&pair, from), next);
        said.ack -= 2 * RECORD_PROGRESS_BYTES;
        said.seq++;
        passes(&pair, &said);
        cr_assert_eq(next_of(&pair, from), next);
        said.seq--;
        passes(&pair, &said);
        cr_assert_eq(next_of(&pair, from), said.seq + 100);
        close_pair(&pair);
    }
}

/* Who has no such connection says so without an ACK where he is told one. */
Test(carrying, resets_pass_while_nobody_is_alive)
{
    for (int with_ack = 0; with_ack < 2; with_ack++) {
        struct pair pair = open_alone("carrying_resets");
        const uint32_t client = next_of(&pair, SIDE_CLIENT), server = next_of(&pair, SIDE_SERVER);
        const uint8_t flags = (uint8_t)(TCP_RST | (with_ack ? TCP_ACK : 0));
        struct said refusal = {.from = SIDE_CLIENT,
                               .seq = client,
                               .flags = flags,
                               .ack = with_ack ? as_client_knows(&pair, server) : 0};
        const struct said ours = {.from = SIDE_SERVER, .seq = server, .flags = flags};
        const uint8_t *tcp = passes(&pair, &refusal);

        cr_assert_eq(load_be32(tcp + 4), client);
        cr_assert_eq(load_be32(tcp + 8), with_ack ? server : 0);
        cr_assert_eq(left_of(&pair, SIDE_CLIENT), RECORD_RST);
        cr_assert_eq(load_be32(passes(&pair, &ours) + 4), as_client_knows(&pair, server));
        cr_assert_eq(left_of(&pair, SIDE_SERVER), RECORD_RST);
        refusal.seq += 1000;
        passes(&pair, &refusal);
        cr_assert_eq(next_of(&pair, SIDE_CLIENT), client);
        close_pair(&pair);
    }
}

/* A byte below all that its server has said; the client has it, and says so, of which the server
 * knows nothing. */
Test(carrying, keep_alives_are_answered_while_nobody_is_alive)
{
    struct pair pair = open_alone("carrying_keep_alive");
    const uint32_t floor = pair.flow->ack_floor, client = next_of(&pair, SIDE_CLIENT);
    const uint32_t seen[2] = {as_client_knows(&pair, floor - 1), as_client_knows(&pair, floor)};
    const uint32_t clock[2] = {7, pair.flow->tsecr_floor + 9 + pair.flow->ts_delta};
    const struct said asks = {
        .from = SIDE_SERVER, .seq = floor - 1, .ack = client, .flags = TCP_ACK, .payload_bytes = 1};
    const struct said answers = {.from = SIDE_CLIENT,
                                 .seq = client,
                                 .ack = as_client_knows(&pair, next_of(&pair, SIDE_SERVER)),
                                 .flags = TCP_ACK,
                                 .timestamps = clock,
                                 .sack = seen};

    cr_assert_eq(load_be32(passes(&pair, &asks) + 4), as_client_knows(&pair, floor - 1));
    passes_as_ever(&pair, &answers);
    close_pair(&pair);
}

/* The server takes it where the wire does. */
Test(carrying, too_large_a_segment_passes_while_nobody_is_alive)
{
    struct pair pair = open_alone("carrying_large");
    struct said said = {.from = SIDE_CLIENT,
                        .seq = next_of(&pair, SIDE_CLIENT),
                        .ack = as_client_knows(&pair, next_of(&pair, SIDE_SERVER)),
                        .flags = TCP_ACK,
                        .payload_bytes = 1400};
    struct made made, out;

    record_of(&pair)->server_mss = 1399;
    passes(&pair, &said);
    set_dead(pair.pulse, 0, false);
    said.seq += 1400;
    make_said(&pair, &said, &made);
    cr_assert_eq(kernel_says(&pair, &made, &out), TC_ACT_UNSPEC, "else it is the engine's");
    close_pair(&pair);
}

/* A clock of microseconds is that far in 18 minutes. */
Test(carrying, clocks_that_have_come_far_pass_while_nobody_is_alive)
{
    struct pair pair = open_alone("carrying_clock");
    const uint32_t far[] = {1u << 30, (1u << 30) + 1, 1u << 31, 3u << 30, UINT32_MAX};

    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        const uint32_t floor = record_of(&pair)->tsecr_floor;
        const uint32_t clock[2] = {floor + far[i], 5};
        const struct said said = {.from = SIDE_SERVER,
                                  .seq = next_of(&pair, SIDE_SERVER),
                                  .ack = next_of(&pair, SIDE_CLIENT),
                                  .flags = TCP_ACK,
                                  .payload_bytes = 9,
                                  .timestamps = clock};

        cr_assert_eq(load_be32(passes(&pair, &said) + 24), clock[0] + pair.flow->ts_delta);
        cr_assert_eq(record_of(&pair)->tsecr_floor, floor);
    }
    close_pair(&pair);
}

static uint32_t clients_carried(const struct pair *pair, uint32_t frames)
{
    struct made made, out;
    uint32_t carried = 0;

    for (uint32_t i = 0; i < frames; i++) {
        do
            make_frame(pair, &made);
        while (made.from != SIDE_CLIENT);
        carried += kernel_carries(pair, &made, &out);
    }
    return carried;
}

/* What it has asked may be overtaken until then. */
Test(carrying, client_of_a_joined_one_waits_until_there_is_an_answer)
{
    struct pair pair;
    struct flow_record *record;

    random_of_test = random_begin("carrying_asking");
    pair = open_pair(true, false, false);
    record = record_of(&pair);
    record->flags |= RECORD_ASKING;
    record->begin[SIDE_SERVER] = record_next(record->way[SIDE_SERVER]);
    cr_assert_eq(clients_carried(&pair, 20), 0);
    record->begin[SIDE_SERVER]--;
    cr_assert_gt(clients_carried(&pair, 20), 0);
    close_pair(&pair);
}

/* --- what its server's own TCP is to make ---------------------------------------------------- */

static void begin_granted(struct pair *pair)
{
    struct flow_record *record;

    begin_anew(pair, false);
    record = record_of(pair);
    record->flags |= RECORD_ASKING | RECORD_GRANTED;
    record->begin[SIDE_SERVER] = record_next(record->way[SIDE_SERVER]);
}

/* One of the server's, which ends no connection, among so many. */
static bool servers_is_carried(const struct pair *pair, uint32_t frames)
{
    struct made made, out;
    bool carried = false;

    for (uint32_t i = 0; i < frames && !carried; i++) {
        do
            make_frame(pair, &made);
        while (made.from != SIDE_SERVER || (made.data[OFFLOAD_BYTES + PLAIN_L4 + 13] & TCP_FIN) ||
               !frame_is_plain(made.data + OFFLOAD_BYTES, made.bytes));
        carried = kernel_carries(pair, &made, &out);
    }
    return carried;
}

Test(carrying, first_word_of_a_granted_one_is_told_of)
{
    const struct tell_hub *hub;
    struct pair pair;
    bool carried = false;
    uint64_t before;

    random_of_test = random_begin("carrying_granted");
    pair = open_pair(true, false, true);
    hub = carrying_tells(pair.carrying)->hub;
    before = hub->head;
    for (int i = 0; i < 20 && !carried; i++) {
        begin_granted(&pair);
        carried = servers_is_carried(&pair, 20);
    }
    cr_assert(carried);
    cr_assert_eq(hub->head - before, 1);
    for (int i = 0; i < 20; i++) {
        begin_granted(&pair);
        record_of(&pair)->begin[SIDE_SERVER]--;
        servers_is_carried(&pair, 20);
    }
    cr_assert_eq(hub->head - before, 1, "it has said something before");
    close_pair(&pair);
}

Test(carrying, first_word_of_a_granted_one_goes_up_where_nobody_reads)
{
    struct pair pair;

    random_of_test = random_begin("carrying_granted");
    pair = open_pair(true, false, true);
    carrying_tells(pair.carrying)->hub->awake_until_us = 0;
    for (int i = 0; i < 20; i++) {
        begin_granted(&pair);
        cr_assert_not(servers_is_carried(&pair, 20));
    }
    close_pair(&pair);
}

/* --- which record a connection has ----------------------------------------------------------- */

#define NAMES 64u
#define ISN   1000u

/* Connections that differ in their client's port, and the record of each: 0 is none. */
struct names {
    struct pair pair;
    bool v6;
    uint32_t serial, serials[NAMES], count;
    struct carry_order orders[NAMES];
};

static uint64_t unrecorded(const struct pair *pair)
{
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;

    carrying_count(pair->carrying, counts, &unrecorded);
    return unrecorded;
}

/* The kernel gets memory for entries now and then (Linux 6.1), and has none for a moment where many
 * come at once: nothing tells when it has. Where there is no room there is none later. */
static bool obeys(const struct pair *pair, const struct carry_order *orders, uint32_t count)
{
    for (int tries = 0; tries < 1000; tries++) {
        const uint64_t before = unrecorded(pair);

        carrying_obey(pair->carrying, orders, count, pair->shard);
        if (unrecorded(pair) == before)
            return true;
        usleep(1000);
    }
    return false;
}

static struct flow_key key_of_name(const struct names *names, uint32_t name)
{
    struct flow_key key = key_of(names->v6);

    key.client_port = (uint16_t)(CLIENT_PORT + name);
    return key;
}

static void order(struct names *names, uint32_t name, uint32_t serial)
{
    struct flow_record *record = &carrying_records(names->pair.carrying)[name];
    const bool add = serial != 0;

    names->serials[name] = serial;
    record->way[SIDE_CLIENT] = add ? record_way(serial, RECORD_JOIN, ISN) : 0;
    record->way[SIDE_SERVER] = add ? record_way(serial, RECORD_JOIN, ISN) : 0;
    names->orders[names->count++] = (struct carry_order){
        .key = key_of_name(names, name), .index = name, .serial = serial, .add = add};
    if (names->count == NAMES || dice(20) == 0) {
        cr_assert(obeys(&names->pair, names->orders, names->count));
        names->count = 0;
    }
}

static bool name_is_carried(const struct names *names, uint32_t name)
{
    const struct flow_key key = key_of_name(names, name);
    struct made made = {.from = SIDE_CLIENT}, out;
    const uint32_t l4 = write_ip(made.data + OFFLOAD_BYTES, &key, SIDE_CLIENT, TCP_HEADER_BYTES);
    uint8_t *tcp = made.data + OFFLOAD_BYTES + l4;

    store_be16(tcp, key.client_port);
    store_be16(tcp + 2, key.server_port);
    store_be32(tcp + 4, ISN);
    store_be32(tcp + 8, ISN);
    tcp[12] = TCP_HEADER_BYTES / 4 << 4;
    tcp[13] = TCP_ACK;
    made.bytes = l4 + TCP_HEADER_BYTES;
    return kernel_carries(&names->pair, &made, &out);
}

static void names_have_their_records(bool v6)
{
    struct names names = {.v6 = v6};
    uint32_t there = 0;

    random_of_test = random_begin("carrying_names");
    names.pair = open_pair(false, v6, true);
    for (int step = 0; step < 4000; step++)
        order(&names, dice(NAMES), dice(2) ? ++names.serial : 0);
    cr_assert(obeys(&names.pair, names.orders, names.count));
    for (uint32_t name = 0; name < NAMES; name++) {
        cr_assert_eq(name_is_carried(&names, name), names.serials[name] != 0, "%u", name);
        there += names.serials[name] != 0;
    }
    cr_assert(there > NAMES / 4 && there < NAMES, "%u", there);
    close_pair(&names.pair);
}

Test(carrying, connections_have_their_records_however_they_come_and_go)
{
    names_have_their_records(false);
}

Test(carrying, connections_have_their_records_however_they_come_and_go_over_ipv6)
{
    names_have_their_records(true);
}

/* As many as there may be, and then as many others. */
Test(carrying, removed_ones_leave_room_for_as_many)
{
    struct pair pair = open_pair(false, false, true);
    struct carry_order one = {.key = key_of(false), .serial = 1};
    uint64_t before;

    for (uint32_t i = 0; i < 3 * FLOWS; i++) {
        one.add = true;
        one.index = i % FLOWS;
        one.key.client_port = (uint16_t)(1 + i);
        if (i >= FLOWS - 1) { /* one is there from the beginning */
            struct carry_order other = one;

            other.add = false;
            other.key.client_port = (uint16_t)(1 + i - (FLOWS - 1));
            carrying_obey(pair.carrying, &other, 1, pair.shard);
        }
        cr_assert(obeys(&pair, &one, 1), "%u", i);
    }
    before = unrecorded(&pair);
    /* Without that there is none. */
    for (uint32_t i = 0; i < 2 * CARRY_AT_ONCE; i++) {
        one.key.client_port = (uint16_t)(60000 + i);
        carrying_obey(pair.carrying, &one, 1, pair.shard);
    }
    cr_assert_geq(unrecorded(&pair), before + CARRY_AT_ONCE);
    close_pair(&pair);
}
