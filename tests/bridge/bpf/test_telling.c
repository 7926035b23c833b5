/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_telling.c - one truth: the programs as the kernel runs them (BPF_PROG_TEST_RUN), in front of
 * an engine that is told afterwards of what they have passed on, against an engine that sees every
 * frame. Both must let the same frames go, and know the same of each connection in the end.
 *
 * Root only. SYNWARD_TEST_SEED replays a run.
 */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

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

#define CONNECTIONS 24u
#define FRAMES      6000u
#define BUFFER      (OFFLOAD_BYTES + 2048u)
#define SERVER_PORT 80u
#define CLIENT_PORT 40000u
#define TO_CLIENT   7
#define TO_SERVER   8
#define ALL_TOLD    ((struct tell_server){0, 0})

/* What both hosts of a connection have said. */
struct talk {
    struct flow_key key;
    uint32_t next[2], isn[2];
    bool asked, answered;
};

struct made {
    uint8_t data[BUFFER]; /* offload header first */
    uint32_t bytes;
    enum side from;
};

struct scene {
    struct carrying *carrying;
    struct engine *engine, *reference; /* that is told, and that sees all */
    void *memory[2];
    struct told *told;
    struct talk talks[CONNECTIONS];
    uint64_t passed, up;
};

static struct random random_of_test;

static uint32_t dice(uint32_t sides)
{
    return random_below(&random_of_test, sides);
}

/* --- engines --------------------------------------------------------------------------------- */

static struct flow_key key_of(uint32_t number, bool v6)
{
    static const uint8_t client[16] = {0xfd, 0x77, [15] = 1}, server[16] = {0xfd, 0x77, [15] = 2};
    static const uint8_t client4[4] = {10, 77, 0, 1}, server4[4] = {10, 77, 0, 2};

    return (struct flow_key){.client = v6 ? addr_from_v6(client) : addr_from_v4(client4),
                             .server = v6 ? addr_from_v6(server) : addr_from_v4(server4),
                             .client_port = (uint16_t)(CLIENT_PORT + number),
                             .server_port = SERVER_PORT};
}

/* The server is known to both, and the kernel tells of its connections. */
static void know_server(const struct scene *scene, bool v6)
{
    const struct flow_key flow = key_of(0, v6);
    const struct server_key key = flow_key_server(&flow);
    struct server *server = server_add(&scene->engine->servers, &key, NOW_US);
    const struct tell_order order = {
        .server = key, .place = (uint32_t)(server - scene->engine->servers.slots), .add = true};
    struct tell_maps *maps = carrying_tells(scene->carrying);

    server_add(&scene->reference->servers, &key, NOW_US);
    tell_maps_obey(maps, &order, 1);
    maps->servers[order.place] = ALL_TOLD;
    maps->hub->clock_us = 1;
    told_begin(scene->told, NOW_US);
}

static struct scene open_scene(bool v6)
{
    const struct carrying_sizes sizes = {.connections = FLOWS,
                                         .servers = SERVERS,
                                         .pulse = -1,
                                         .answers = {.shards = 1, .served_max = 4096}};
    struct scene scene = {.told = calloc(1, sizeof(*scene.told))};
    struct error error = {0};

    scene.carrying = carrying_open(&sizes, &error);
    if (!scene.carrying)
        skip_without_bpf(&error);
    carrying_lead(scene.carrying, TO_CLIENT, TO_SERVER);
    scene.engine = make_engine(scene.carrying, 0, &scene.memory[0]);
    scene.reference = make_engine(NULL, 0, &scene.memory[1]);
    told_open(scene.told, carrying_tells(scene.carrying), scene.engine->config.table_seed);
    know_server(&scene, v6);
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        scene.talks[i] = (struct talk){.key = key_of(i, v6)};
    return scene;
}

static void close_scene(struct scene *scene)
{
    carrying_close(scene->carrying);
    free(scene->memory[0]);
    free(scene->memory[1]);
    free(scene->told);
}

/* --- frames ---------------------------------------------------------------------------------- */

static uint32_t write_ip(uint8_t *data, const struct flow_key *key, enum side from,
                         uint32_t l4_bytes)
{
    const bool v4 = addr_is_v4(&key->server);
    const struct ip_addr *src = from == SIDE_CLIENT ? &key->client : &key->server;
    const struct ip_addr *dst = from == SIDE_CLIENT ? &key->server : &key->client;
    uint8_t *ip = data + ETH_HEADER_BYTES;

    memset(data, 2, 12);
    store_be16(data + 12, v4 ? 0x0800 : 0x86dd);
    if (!v4) {
        store_be32(ip, 6u << 28);
        store_be16(ip + 4, (uint16_t)l4_bytes);
        ip[6] = PROTO_TCP;
        ip[7] = 64;
        memcpy(ip + 8, src->bytes, 16);
        memcpy(ip + 24, dst->bytes, 16);
        return ETH_HEADER_BYTES + 40;
    }
    memset(ip, 0, IPV4_HEADER_BYTES);
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(IPV4_HEADER_BYTES + l4_bytes));
    ip[8] = 64;
    ip[9] = PROTO_TCP;
    memcpy(ip + 12, src->bytes + 12, 4);
    memcpy(ip + 16, dst->bytes + 12, 4);
    store_be16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HEADER_BYTES)));
    return PLAIN_L4;
}

static void make_frame(const struct talk *talk, enum side from, uint8_t flags, uint32_t payload,
                       uint32_t options, struct made *made)
{
    const struct flow_key *key = &talk->key;
    const struct ip_addr *ends[2] = {&key->client, &key->server};
    const uint32_t l4_bytes = TCP_HEADER_BYTES + options + payload;
    uint8_t *data = made->data + OFFLOAD_BYTES, *tcp;
    uint32_t l4;

    made->from = from;
    memset(made->data, 0, OFFLOAD_BYTES);
    l4 = write_ip(data, key, from, l4_bytes);
    tcp = data + l4;
    store_be16(tcp, from == SIDE_CLIENT ? key->client_port : key->server_port);
    store_be16(tcp + 2, from == SIDE_CLIENT ? key->server_port : key->client_port);
    store_be32(tcp + 4, talk->next[from]);
    store_be32(tcp + 8, flags & TCP_ACK ? talk->next[side_other(from)] : 0);
    tcp[12] = (uint8_t)((TCP_HEADER_BYTES + options) / 4 << 4);
    tcp[13] = flags;
    store_be16(tcp + 14, 1000);
    store_be32(tcp + 16, 0);
    memset(tcp + TCP_HEADER_BYTES, 1, options);
    memset(tcp + TCP_HEADER_BYTES + options, 'a', payload);
    made->bytes = l4 + l4_bytes;
    store_be16(tcp + TCP_CHECKSUM_AT,
               (uint16_t)~checksum_fold(checksum_add(
                   checksum_pseudo(ends[from], ends[side_other(from)], PROTO_TCP, l4_bytes), tcp,
                   l4_bytes)));
}

/* What this host says next, by and large as hosts do; now and then anything. */
static void says(struct talk *talk, struct made *made)
{
    const enum side from = dice(2) ? SIDE_CLIENT : SIDE_SERVER;
    const uint32_t kind = dice(12), options = 4 * dice(4);
    const uint32_t payload = kind < 7 ? 1 + dice(1200) : 0;
    uint8_t flags = TCP_ACK;

    if (!talk->asked || dice(60) == 0) {
        talk->next[SIDE_CLIENT] = talk->isn[SIDE_CLIENT] = (uint32_t)random_next(&random_of_test);
        talk->asked = true;
        talk->answered = false;
        make_frame(talk, SIDE_CLIENT, TCP_SYN, 0, options, made);
        talk->next[SIDE_CLIENT]++;
        return;
    }
    if (!talk->answered) {
        talk->next[SIDE_SERVER] = (uint32_t)random_next(&random_of_test);
        talk->answered = true;
        flags = dice(20) ? TCP_SYN | TCP_ACK : TCP_RST | TCP_ACK;
        make_frame(talk, SIDE_SERVER, flags, 0, options, made);
        talk->next[SIDE_SERVER]++;
        return;
    }
    if (kind == 8 && dice(3) == 0)
        flags |= TCP_FIN;
    if (kind == 9 && dice(20) == 0)
        flags = dice(2) ? TCP_RST : TCP_RST | TCP_ACK;
    make_frame(talk, from, flags, payload, options, made);
    talk->next[from] += payload + (flags & TCP_FIN ? 1 : 0);
}

/* --- both of them ---------------------------------------------------------------------------- */

static bool kernel_passes(const struct scene *scene, const struct made *made)
{
    static uint8_t out[BUFFER];
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = made->data + OFFLOAD_BYTES,
                .data_size_in = made->bytes, .data_out = out, .data_size_out = sizeof(out));

    cr_assert(bpf_prog_test_run_opts(carrying_program(scene->carrying, made->from), &run) == 0);
    cr_assert(run.data_size_out == made->bytes &&
                  memcmp(out, made->data + OFFLOAD_BYTES, made->bytes) == 0,
              "nothing is changed");
    cr_assert((int)run.retval == TC_ACT_UNSPEC || run.retval == TC_ACT_REDIRECT);
    return run.retval == TC_ACT_REDIRECT;
}

static void empty(struct engine *engine)
{
    engine_observations(engine)->count = 0;
    engine_outbox(engine)->count = engine_outbox(engine)->used = 0;
}

static void engine_sees(struct engine *engine, const struct made *made)
{
    static struct made copy;
    struct verdict verdict;
    const uint32_t bytes = OFFLOAD_BYTES + made->bytes;

    memcpy(copy.data, made->data, bytes);
    engine_input_beside_carried(engine, made->from, copy.data, bytes, bytes, BUFFER, NOW_US,
                                &verdict);
    cr_assert_eq(verdict.action, VERDICT_FORWARD);
    cr_assert(memcmp(copy.data, made->data, bytes) == 0);
    empty(engine);
}

static void reference_sees(struct engine *engine, const struct made *made)
{
    static struct made copy;
    struct verdict verdict;
    const uint32_t bytes = OFFLOAD_BYTES + made->bytes;

    memcpy(copy.data, made->data, bytes);
    engine_input(engine, made->from, copy.data, bytes, bytes, BUFFER, NOW_US, &verdict);
    cr_assert_eq(verdict.action, VERDICT_FORWARD);
    empty(engine);
}

static void follow(struct scene *scene)
{
    struct told_frame frame;

    told_look(scene->told);
    while (told_next(scene->told, &frame)) {
        engine_told(scene->engine, &frame, NOW_US);
        empty(scene->engine);
    }
}

static void obey(const struct scene *scene)
{
    struct carried *carried = engine_carried(scene->engine);

    engine_settle(scene->engine);
    carrying_obey(scene->carrying, carried->orders, carried->orders_count, 0);
    carried->orders_count = 0;
}

static void note(const struct scene *scene, const struct made *made)
{
    const struct ring_frame frame = {
        .from = made->from, .data = (uint8_t *)made->data, .bytes = OFFLOAD_BYTES + made->bytes};

    told_note(scene->told, &frame);
}

/* The batch is over, and written. */
static void next_batch(struct scene *scene)
{
    follow(scene);
    obey(scene);
    told_begin(scene->told, NOW_US);
}

static bool crosses(struct scene *scene, const struct made *made)
{
    const bool passed = kernel_passes(scene, made);

    reference_sees(scene->reference, made);
    if (!passed) {
        follow(scene);
        note(scene, made);
        engine_sees(scene->engine, made);
    }
    scene->passed += passed;
    scene->up += !passed;
    return passed;
}

static void same_flow(const struct scene *scene, const struct talk *talk)
{
    const struct flow *is = flow_find(&scene->engine->flows, &talk->key);
    const struct flow *wanted = flow_find(&scene->reference->flows, &talk->key);
    const struct flow_cold *a, *b;

    cr_assert_eq(is == NULL, wanted == NULL);
    if (!is)
        return;
    flow_recall(&scene->engine->flows, is);
    a = flow_cold(&scene->engine->flows, is);
    b = flow_cold(&scene->reference->flows, wanted);
    cr_assert_eq(is->state, wanted->state, "%s, not %s",
                 flow_state_name((enum flow_state)is->state),
                 flow_state_name((enum flow_state)wanted->state));
    cr_assert_eq(is->flags, wanted->flags);
    cr_assert_eq(a->client_next, b->client_next);
    cr_assert_eq(a->server_next, b->server_next);
    cr_assert_eq(a->client_isn, b->client_isn);
    cr_assert_eq(a->offered, b->offered);
}

static void same_server(const struct scene *scene)
{
    struct server_info is[SERVERS], wanted[SERVERS];

    cr_assert_eq(engine_servers(scene->engine, is, SERVERS, NOW_US), 1);
    cr_assert_eq(engine_servers(scene->reference, wanted, SERVERS, NOW_US), 1);
    cr_assert_eq(is[0].figures.syns, wanted[0].figures.syns);
    cr_assert_eq(is[0].figures.half_open, wanted[0].figures.half_open);
    cr_assert_eq(is[0].figures.frames_in, wanted[0].figures.frames_in);
    cr_assert_eq(is[0].figures.frames_out, wanted[0].figures.frames_out);
    cr_assert_eq(is[0].figures.bytes_in, wanted[0].figures.bytes_in);
    cr_assert_eq(is[0].figures.bytes_out, wanted[0].figures.bytes_out);
    cr_assert_eq(is[0].held, wanted[0].held);
}

static void same_for_all(bool v6)
{
    struct scene scene;
    struct made made;

    random_of_test = random_begin("telling");
    scene = open_scene(v6);
    for (uint32_t number = 0; number < FRAMES; number++) {
        says(&scene.talks[dice(CONNECTIONS)], &made);
        crosses(&scene, &made);
        if (dice(10) == 0)
            next_batch(&scene);
    }
    next_batch(&scene);
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        same_flow(&scene, &scene.talks[i]);
    same_server(&scene);
    cr_assert_gt(scene.passed, scene.up * 9, "%lu passed, %lu up", (unsigned long)scene.passed,
                 (unsigned long)scene.up);
    close_scene(&scene);
}

Test(telling, who_is_told_knows_what_who_sees_knows)
{
    same_for_all(false);
}

Test(telling, who_is_told_knows_what_who_sees_knows_over_ipv6)
{
    same_for_all(true);
}

/* --- one by one ------------------------------------------------------------------------------ */

static bool client_sends(struct scene *scene, uint8_t flags, uint32_t payload)
{
    struct talk *talk = &scene->talks[0];
    struct made made;

    make_frame(talk, SIDE_CLIENT, flags, payload, 0, &made);
    talk->next[SIDE_CLIENT] += payload + (flags & TCP_SYN ? 1 : 0);
    return crosses(scene, &made);
}

static struct tell_maps *maps_of(const struct scene *scene)
{
    return carrying_tells(scene->carrying);
}

Test(telling, nothing_overtakes_what_went_up)
{
    struct scene scene = open_scene(false);

    cr_assert(client_sends(&scene, TCP_SYN, 0));
    maps_of(&scene)->hub->awake_until_us = 0;
    cr_assert_not(client_sends(&scene, TCP_ACK, 10), "nobody reads");
    maps_of(&scene)->hub->awake_until_us = UINT64_MAX;
    cr_assert_not(client_sends(&scene, TCP_ACK, 10), "the one before is not written");
    next_batch(&scene);
    cr_assert(client_sends(&scene, TCP_ACK, 10));
    close_scene(&scene);
}

Test(telling, nothing_overtakes_what_went_up_while_a_port_was_away)
{
    struct scene scene = open_scene(false);

    cr_assert(client_sends(&scene, TCP_SYN, 0));
    cr_assert(client_sends(&scene, TCP_ACK, 10));
    carrying_shut(scene.carrying);
    cr_assert_not(client_sends(&scene, TCP_ACK, 10), "others were not counted");
    next_batch(&scene);
    cr_assert_not(client_sends(&scene, TCP_ACK, 10), "of which none is out yet");
    for (uint64_t second = 0; second < 3; second++) {
        next_batch(&scene);
        told_end(scene.told, NULL, false, NOW_US + second * 1000000);
    }
    told_begin(scene.told, NOW_US);
    cr_assert(client_sends(&scene, TCP_ACK, 10));
    close_scene(&scene);
}

Test(telling, one_of_many_goes_up_and_all_where_nobody_reads)
{
    struct scene scene = open_scene(false);

    for (uint32_t i = 0; i < TELL_ENTRIES_LATE; i++)
        cr_assert(client_sends(&scene, TCP_SYN, 0));
    told_begin(scene.told, NOW_US);
    /* Not by crosses(), which would read. */
    for (uint32_t i = TELL_ENTRIES_LATE; i < TELL_ENTRIES_FULL + 3; i++) {
        struct made made;

        make_frame(&scene.talks[1], SIDE_CLIENT, TCP_SYN, 0, 0, &made);
        cr_assert_eq(kernel_passes(&scene, &made), i != TELL_ENTRIES_LATE && i <= TELL_ENTRIES_FULL,
                     "%u", i);
    }
    follow(&scene);
    cr_assert(client_sends(&scene, TCP_SYN, 0));
    close_scene(&scene);
}

Test(telling, connections_of_the_learner_go_up)
{
    struct scene scene = open_scene(false);
    struct tell_maps *maps = maps_of(&scene);
    const struct flow_words words = flow_key_words(&scene.talks[0].key);
    const uint32_t bits = tell_at(scene.told->seed, words) & (TELL_SHARES - 1);

    maps->servers[0] = maps->servers[1] = ALL_TOLD;
    for (uint32_t place = 0; place < SERVERS; place++)
        maps->servers[place] = (struct tell_server){.asked = bits, .held = bits + 1};
    cr_assert(client_sends(&scene, TCP_SYN, 0));
    cr_assert_not(client_sends(&scene, TCP_ACK, 0), "it may have begun under another share");
    for (uint32_t place = 0; place < SERVERS; place++)
        maps->servers[place] = (struct tell_server){.asked = bits + 1, .held = bits + 1};
    cr_assert_not(client_sends(&scene, TCP_SYN, 0));
    close_scene(&scene);
}

Test(telling, syns_go_up_where_some_may_be_refused)
{
    struct scene scene = open_scene(false);

    maps_of(&scene)->hub->syns_up = 1;
    cr_assert_not(client_sends(&scene, TCP_SYN, 0));
    next_batch(&scene);
    cr_assert(client_sends(&scene, TCP_ACK, 0));
    close_scene(&scene);
}

Test(telling, headers_that_are_too_long_go_up)
{
    struct scene scene = open_scene(true);
    struct made made;

    make_frame(&scene.talks[0], SIDE_CLIENT, TCP_SYN, 0, 28, &made);
    cr_assert(crosses(&scene, &made));
    make_frame(&scene.talks[0], SIDE_CLIENT, TCP_SYN, 0, 32, &made);
    cr_assert_not(crosses(&scene, &made));
    close_scene(&scene);
}
