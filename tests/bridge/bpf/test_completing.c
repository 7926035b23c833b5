/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_completing.c - one truth: the program that answers a server's SYN-ACK (complete.bpf.h), as
 * the kernel runs it, against an engine that answers by itself. The server must get the same bytes,
 * and both engines know the same of the connection afterwards.
 *
 * It is longer than most: what is answered, what goes up, what a kill leaves and what a kernel
 * refuses are asked of one and the same pair of engines.
 *
 * Root only. SYNWARD_TEST_SEED replays a run.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/bpf/carrying.h"
#include "bridge/takeover_log.h"
#include "bridge/takeover_parts.h"
#include "bridge/workers/told.h"
#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/stages/carry.h"
#include "engine/stages/telling.h"
#include "tests/bridge/bpf/support_kernel.h"
#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"

#define TO_CLIENT 7
#define TO_SERVER 8
#define ROUNDS    200
#define SERVER_TS 700u
#define CLIENT_TS 4000u
#define ROOM      2048u

struct pair {
    struct carrying *carrying;
    struct told told;
    struct bench *kernel, *plain; /* beside the programs, and without */
    const char *offers, *answers; /* the options of both */
    uint32_t c, index, request_bytes;
    bool v6, ecn, fin;
    char request[1500];
    uint8_t out[ROOM]; /* what the program has left of the frame */
    uint32_t out_bytes;
};

static struct random random_of_test;

static uint32_t dice(uint32_t sides)
{
    return random_below(&random_of_test, sides);
}

/* What Linux answers to what. */
static const struct {
    const char *offers, *answers;
} combinations[] = {
    {"mss=1400 sack ts=4000/0 nop ws=9", "mss=%u sack ts=700/4000 nop ws=7"},
    {"mss=1460 nop nop sack nop ws=2", "mss=%u nop nop sack nop ws=7"},
    {"mss=1460 nop nop sack", "mss=%u nop nop sack"},
    {"mss=1460 nop ws=7", "mss=%u nop ws=7"},
    {"mss=536", "mss=%u"},
    {"mss=1460 nop nop ts=4000/0", "mss=%u nop nop ts=700/4000"},
};

/* `log`: of the first engine; NULL: it has none. */
static struct pair *open_logged(struct takeover_log *log)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    struct engine_config config;
    struct error error = {0};

    bench_config(&config);
    pair->carrying = carrying_open(
        &(struct carrying_sizes){.connections = config.flows_max,
                                 .servers = config.servers_max,
                                 .pulse = -1,
                                 .answers = {.shards = 1, .served_max = config.served_max}},
        &error);
    if (!pair->carrying)
        skip_without_bpf(&error);
    carrying_lead(pair->carrying, TO_CLIENT, TO_SERVER);
    pair->plain = bench_new_sized(SETTING_ATTACK, &config);
    carrying_share(pair->carrying, 0, &config);
    config.answers = (struct answer_share){0};
    if (log) {
        cr_assert(
            takeover_log_begin(log, 1, config.flows_max, carrying_left(pair->carrying), &error));
        takeover_log_share(log, 0, &config);
        takeover_log_done(log);
    }
    pair->kernel = bench_new_sized(SETTING_ATTACK, &config);
    engine_telling(pair->kernel->engine)->unlearned = true;
    told_open(&pair->told, carrying_tells(pair->carrying), config.table_seed);
    carrying_tells(pair->carrying)->hub->clock_us = 1;
    told_begin(&pair->told, 1);
    return pair;
}

static struct pair *open_pair(void)
{
    return open_logged(NULL);
}

static void close_pair(struct pair *pair)
{
    bench_forget(pair->kernel);
    bench_forget(pair->plain);
    bench_end(pair->kernel);
    bench_end(pair->plain);
    carrying_close(pair->carrying);
    free(pair);
}

/* --- both of them ---------------------------------------------------------------------------- */

static uint64_t unrecorded(const struct pair *pair)
{
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;

    carrying_count(pair->carrying, counts, &unrecorded);
    return unrecorded;
}

/* A guest whose processor has no interrupt of its own (Linux 6.1 under an emulator) has few entries
 * at hand, and fetches more at its next tick: until then a connection goes up, which is no fault
 * here. */
static void obey(const struct pair *pair)
{
    struct carried *carried = engine_carried(pair->kernel->engine);

    if (engine_settle_is_due(pair->kernel->engine))
        engine_settle(pair->kernel->engine);
    for (int tries = 0; tries < 100; tries++) {
        const uint64_t before = unrecorded(pair);

        carrying_obey(pair->carrying, carried->orders, carried->orders_count, 0);
        if (unrecorded(pair) == before)
            break;
        usleep(10000);
    }
    carried->orders_count = 0;
}

static void same_frames(const struct pair *pair, enum side to)
{
    const struct test_frame *a = &pair->kernel->seen, *b = &pair->plain->seen;

    take(pair->kernel, to);
    take(pair->plain, to);
    cr_assert(a->bytes == b->bytes && memcmp(a->buffer, b->buffer, a->bytes) == 0, "other bytes");
}

static void asks(struct bench *b, struct pair *pair)
{
    struct frame_words words = {.flags = pair->ecn ? "SEW" : "S", .seq = X};

    words.options = pair->offers;
    bench_build(b, SIDE_CLIENT, words);
    bench_put(b, SIDE_CLIENT);
    pair->c = take(b, SIDE_CLIENT)->seq;
    words = (struct frame_words){.flags = pair->fin ? "FP." : "P.",
                                 .seq = X + 1,
                                 .ack = pair->c + 1,
                                 .window = (uint16_t)(200 + dice(1000)),
                                 .payload = pair->request};
    if (strstr(pair->offers, "ts=")) {
        const struct tcp_options *said = &b->seen_options;

        words.options = ts(CLIENT_TS + 5, said->tsval);
    }
    bench_build(b, SIDE_CLIENT, words);
    bench_put(b, SIDE_CLIENT);
}

static void choose_client(struct pair *pair, char *client, size_t room, unsigned port)
{
    struct bench *benches[] = {pair->kernel, pair->plain};

    snprintf(client, room, pair->v6 ? "[2001:db8:1::7]:%u" : "198.51.100.7:%u", port);
    for (int i = 0; i < 2; i++) {
        benches[i]->client = client;
        benches[i]->server = pair->v6 ? HTTP6 : HTTP;
    }
}

/* The same request to both; the SYNs are out. */
static void begin(struct pair *pair)
{
    static uint16_t port = 1000;
    const uint32_t which = dice(sizeof(combinations) / sizeof(combinations[0]));
    const struct random before = random_of_test;
    struct bench *benches[] = {pair->kernel, pair->plain};
    static char answers[80], client[40];

    snprintf(answers, sizeof(answers), combinations[which].answers, pair->v6 ? 1440u : 1460u);
    /* A new one: a server's answer that came to another port than had asked made that one known. */
    do
        choose_client(pair, client, sizeof(client), port++);
    while (bench_flow(pair->kernel));
    pair->offers = combinations[which].offers;
    pair->answers = answers;
    /* A cookie without timestamps does not know of it. */
    pair->ecn = pair->ecn && strstr(pair->offers, "ts=");
    for (int i = 0; i < 2; i++) {
        random_of_test = before;
        asks(benches[i], pair);
    }
    same_frames(pair, SIDE_SERVER);
    obey(pair);
    pair->index = flow_index(&pair->kernel->engine->flows, bench_flow(pair->kernel));
}

/* One that has been asked for, and has not been answered. */
static void begin_anew(struct pair *pair)
{
    const uint32_t bytes = 20 + (dice(3) ? dice(200) : dice(490));

    pair->v6 = dice(2);
    pair->ecn = dice(4) == 0;
    pair->fin = dice(4) == 0;
    memset(pair->request, 0, sizeof(pair->request));
    strcpy(pair->request, "GET / HTTP/1.1\r\nA: ");
    memset(pair->request + strlen(pair->request), 'a', bytes);
    strcat(pair->request, "\r\n\r\n");
    begin(pair);
}

static void end(struct pair *pair)
{
    struct bench *benches[] = {pair->kernel, pair->plain};

    for (int i = 0; i < 2; i++) {
        if (strcmp(bench_flow_state(benches[i]), "opening") == 0)
            client_says(benches[i], .flags = "R.", .seq = X + 1, .ack = pair->c + 1);
        if (bench_flow(benches[i]))
            engine_flow_free(benches[i]->engine, bench_flow(benches[i]));
        benches[i]->engine->observations.count = 0;
        bench_forget(benches[i]);
    }
    obey(pair);
}

static struct flow_record *record_of(const struct pair *pair)
{
    return &engine_carried(pair->kernel->engine)->records[pair->index];
}

static uint64_t counted(const struct pair *pair, enum carry_count what)
{
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;

    carrying_count(pair->carrying, counts, &unrecorded);
    return counts[what];
}

/* All that the programs have counted until now: for a test that fails. */
static const char *all_counted(const struct pair *pair)
{
    static const char *const names[] = {
#define COUNT_NAME(group, name, text) #name,
        SYNWARD_KERNEL_COUNTERS(COUNT_NAME)
#undef COUNT_NAME
    };
    static char text[1024];
    uint64_t counts[CARRY_COUNTS_COUNT], unrecorded;
    size_t at = 0;

    carrying_count(pair->carrying, counts, &unrecorded);
    for (unsigned i = 0; i < CARRY_COUNTS_COUNT && at < sizeof(text); i++)
        if (counts[i])
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %u, ", names[i],
                                   (unsigned)counts[i]);
    if (at < sizeof(text))
        snprintf(text + at, sizeof(text) - at, "unrecorded %u", (unsigned)unrecorded);
    return text;
}

/* What the program makes of what was built for the first engine. */
static int program_says(struct pair *pair, enum side from)
{
    const struct test_frame *frame = &pair->kernel->sent;
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->buffer + OFFLOAD_BYTES,
                .data_size_in = frame->bytes - OFFLOAD_BYTES, .data_out = pair->out,
                .data_size_out = sizeof(pair->out));

    cr_assert(bpf_prog_test_run_opts(carrying_program(pair->carrying, from), &run) == 0);
    pair->out_bytes = run.data_size_out;
    return (int)run.retval;
}

static void says(struct pair *pair, enum side from, struct frame_words words)
{
    bench_build(pair->kernel, from, words);
    bench_build(pair->plain, from, words);
}

#define server_answers(pair, ...) says(pair, SIDE_SERVER, (struct frame_words){__VA_ARGS__})

/* True where it was told of something that it did as if that had come up. */
static bool hears(struct pair *pair)
{
    struct bench *b = pair->kernel;
    struct told_frame frame;

    told_look(&pair->told);
    if (!told_next(&pair->told, &frame))
        return false;
    cr_assert(frame.stays);
    memcpy(b->sent.buffer, frame.buffer, frame.bytes);
    b->sent.bytes = frame.bytes;
    bench_put(b, frame.from);
    told_begin(&pair->told, 1);
    return true;
}

static void same_connections(const struct pair *pair)
{
    const struct flow *a = bench_flow(pair->kernel), *b = bench_flow(pair->plain);
    const struct flow_cold *c = flow_cold(&pair->kernel->engine->flows, a);
    const struct flow_cold *d = flow_cold(&pair->plain->engine->flows, b);

    cr_assert(a->state == b->state && a->flags == b->flags && a->delta == b->delta &&
              a->ts_delta == b->ts_delta && a->ack_floor == b->ack_floor &&
              a->tsecr_floor == b->tsecr_floor && a->to_client_shift == b->to_client_shift &&
              a->to_server_shift == b->to_server_shift);
    cr_assert(c->client_isn == d->client_isn && c->server_isn == d->server_isn &&
              c->client_next == d->client_next && c->server_next == d->server_next &&
              c->server_mss == d->server_mss && c->offered == d->offered &&
              c->generation == d->generation && c->timestamps == d->timestamps);
}

/* --- tests ----------------------------------------------------------------------------------- */

Test(completing, server_gets_what_the_engine_would_have_sent)
{
    struct pair *pair;

    random_of_test = random_begin("completing");
    pair = open_pair();
    for (int i = 0; i < ROUNDS; i++) {
        const uint32_t y = dice(8) ? (uint32_t)random_next(&random_of_test) : ~0u - dice(3);
        const struct test_frame *wanted = &pair->plain->seen;

        begin_anew(pair);
        server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = y, .ack = X + 1,
                       .options = pair->answers);
        bench_put(pair->plain, SIDE_SERVER);
        take(pair->plain, SIDE_SERVER);
        if (y == ~0u) {
            cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_UNSPEC);
            end(pair);
            continue;
        }
        cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_REDIRECT, "%s: %s", pair->answers,
                     all_counted(pair));
        cr_assert(pair->out_bytes == wanted->bytes - OFFLOAD_BYTES &&
                      memcmp(pair->out, wanted->buffer + OFFLOAD_BYTES, pair->out_bytes) == 0,
                  "other bytes: %s", pair->answers);
        cr_assert(hears(pair));
        nothing(pair->kernel);
        same_connections(pair);
        obey(pair);
        cr_assert_eq(record_of(pair)->flags & (RECORD_PREPARED | RECORD_ASKING), 0);
        cr_assert_neq(record_gate(record_of(pair)->way[SIDE_SERVER]), RECORD_UP);
        end(pair);
    }
    close_pair(pair);
}

/* What it says at once is carried, in the client's numbers; the client waits for that. */
Test(completing, server_is_carried_before_the_engine_knows)
{
    struct pair *pair;

    random_of_test = random_begin("completing_carried");
    pair = open_pair();
    for (int i = 0; i < 20; i++) {
        const bool timestamps = (begin_anew(pair), strstr(pair->offers, "ts=") != NULL);
        const uint32_t next = X + 1 + (uint32_t)strlen(pair->request) + pair->fin;
        const struct test_frame *wanted = &pair->plain->seen;

        client_builds(pair->kernel, .flags = ".", .seq = next, .ack = pair->c + 1);
        cr_assert_eq(program_says(pair, SIDE_CLIENT), TC_ACT_UNSPEC);
        server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                       .options = pair->answers);
        bench_put(pair->plain, SIDE_SERVER);
        take(pair->plain, SIDE_SERVER);
        cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_REDIRECT);
        client_builds(pair->kernel, .flags = ".", .seq = next, .ack = pair->c + 1);
        cr_assert_eq(program_says(pair, SIDE_CLIENT), TC_ACT_UNSPEC, "its request is on its way");
        server_answers(pair, .flags = "P.", .seq = Y + 1, .ack = next, .payload = "answer",
                       .options = timestamps ? ts(SERVER_TS + 1, CLIENT_TS + 5) : NULL);
        bench_put(pair->plain, SIDE_SERVER);
        take(pair->plain, SIDE_CLIENT);
        cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_REDIRECT);
        cr_assert(pair->out_bytes == wanted->bytes - OFFLOAD_BYTES &&
                      memcmp(pair->out, wanted->buffer + OFFLOAD_BYTES, pair->out_bytes) == 0,
                  "other bytes: %s", pair->answers);
        cr_assert(hears(pair));
        same_connections(pair);
        end(pair);
    }
    close_pair(pair);
}

/* It goes up as it came, and the engine answers. */
static void goes_up(struct pair *pair)
{
    const struct test_frame *frame = &pair->kernel->sent;

    cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_UNSPEC);
    cr_assert(pair->out_bytes == frame->bytes - OFFLOAD_BYTES &&
                  memcmp(pair->out, frame->buffer + OFFLOAD_BYTES, pair->out_bytes) == 0,
              "as it came");
    cr_assert_not(hears(pair));
}

Test(completing, what_is_not_as_promised_goes_up)
{
    static const char *const others[] = {"mss=1400 nop nop sack nop ws=7",
                                         "mss=1460 nop nop sack nop ws=8",
                                         "mss=1460 sack nop nop nop ws=7",
                                         "mss=1460 nop nop sack",
                                         "mss=1460",
                                         NULL};
    struct pair *pair;

    random_of_test = random_begin("completing_up");
    pair = open_pair();
    strcpy(pair->request, REQUEST);
    for (uint32_t i = 0; i < 5; i++) {
        do {
            begin(pair);
            if (strcmp(pair->offers, combinations[1].offers) != 0)
                end(pair);
        } while (!bench_flow(pair->kernel));
        server_answers(pair, .flags = "S.", .seq = Y, .ack = X + 1, .options = others[i]);
        goes_up(pair);
        bench_put(pair->kernel, SIDE_SERVER);
        bench_put(pair->plain, SIDE_SERVER);
        same_frames(pair, SIDE_SERVER);
        same_connections(pair);
        end(pair);
    }
    close_pair(pair);
}

Test(completing, what_is_odd_goes_up)
{
    static const struct frame_words odd[] = {
        {.flags = "S.", .seq = Y, .ack = X + 2},
        {.flags = "S.", .seq = Y, .ack = X},
        {.flags = "SP.", .seq = Y, .ack = X + 1},
        {.flags = "SE.", .seq = Y, .ack = X + 1},
        {.flags = "R.", .seq = 0, .ack = X + 1},
        {.flags = ".", .seq = Y, .ack = X + 9},
        {.flags = "S", .seq = Y},
        {.flags = "S.", .seq = Y, .ack = X + 1, .payload = "data"}};
    struct pair *pair;

    random_of_test = random_begin("completing_odd");
    pair = open_pair();
    for (uint32_t i = 0; i <= sizeof(odd) / sizeof(odd[0]); i++) {
        struct frame_words words = odd[i < sizeof(odd) / sizeof(odd[0]) ? i : 0];

        begin_anew(pair);
        if (i == sizeof(odd) / sizeof(odd[0]))
            words.ack = X + 1;
        else if (pair->ecn) {
            i--;
            end(pair);
            continue;
        }
        words.options = pair->answers;
        says(pair, SIDE_SERVER, words);
        if (i == sizeof(odd) / sizeof(odd[0]))
            pair->kernel->sent.buffer[pair->kernel->sent.bytes - 1] ^= 1; /* damaged */
        goes_up(pair);
        end(pair);
    }
    close_pair(pair);
}

/* The engine has it from there on. */
Test(completing, what_was_taken_back_goes_up)
{
    struct pair *pair;

    random_of_test = random_begin("completing_back");
    pair = open_pair();
    begin_anew(pair);
    client_says(pair->kernel, .flags = "P.", .seq = X + 1, .ack = pair->c + 1,
                .payload = pair->request);
    server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                   .options = pair->answers);
    goes_up(pair);
    end(pair);
    close_pair(pair);
}

/* It is told of the SYN-ACK, and has not been answered for: it answers. */
Test(completing, who_comes_too_late_says_nothing)
{
    struct pair *pair;

    random_of_test = random_begin("completing_late");
    pair = open_pair();
    for (int word = 0; word < 2; word++) {
        begin_anew(pair);
        server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                       .options = pair->answers);
        if (word == 0)
            record_of(pair)->floors ^= 1;
        else
            record_of(pair)->floors = 0;
        cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_SHOT);
        bench_put(pair->plain, SIDE_SERVER);
        cr_assert(hears(pair));
        same_frames(pair, SIDE_SERVER);
        same_connections(pair);
        end(pair);
    }
    close_pair(pair);
}

Test(completing, where_nobody_reads_it_goes_up)
{
    struct pair *pair;

    random_of_test = random_begin("completing_asleep");
    pair = open_pair();
    begin_anew(pair);
    carrying_tells(pair->carrying)->hub->awake_until_us = 0;
    server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                   .options = pair->answers);
    goes_up(pair);
    end(pair);
    close_pair(pair);
}

Test(completing, second_answer_goes_up)
{
    struct pair *pair;

    random_of_test = random_begin("completing_second");
    pair = open_pair();
    begin_anew(pair);
    server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                   .options = pair->answers);
    cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_REDIRECT);
    cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_UNSPEC);
    cr_assert(hears(pair));
    end(pair);
    close_pair(pair);
}

/* --- answers at random ----------------------------------------------------------------------- */

#define SAID_AT_RANDOM 2000

/* What a server says, and what is known of it. */
struct said {
    struct frame_words words;
    char options[120];
    bool promised; /* just so: it must be answered */
    bool partial;  /* its checksum: the sum of the pseudo header */
    bool changed;  /* one byte of it: who knows */
    uint32_t padding;
    bool extended; /* options of IP, or an extension header */
};

/* The words of `from`, each in another place, or one of them left out. */
static void mix(const char *from, char *to, bool all)
{
    char copy[120], *words[16], *rest = copy;
    uint32_t count = 0;

    strcpy(copy, from);
    while ((words[count] = strsep(&rest, " ")))
        count++;
    for (uint32_t i = count; all && i > 1; i--) {
        const uint32_t other = dice(i);
        char *word = words[i - 1];

        words[i - 1] = words[other];
        words[other] = word;
    }
    to[0] = '\0';
    for (uint32_t i = 0, left_out = all ? count : dice(count); i < count; i++)
        if (i != left_out)
            strcat(strcat(to, to[0] ? " " : ""), words[i]);
}

static void choose_options(const struct pair *pair, struct said *said)
{
    static const char *const more[] = {
        " fastopen", " hex=220622334455", " hex=fe04f989", " nop", " eol", " md5", " hex=0204"};

    strcpy(said->options, pair->answers);
    switch (dice(8)) {
    case 0:
        mix(pair->answers, said->options, true);
        break;
    case 1:
        mix(pair->answers, said->options, false);
        break;
    case 2:
        strcat(said->options, more[dice(sizeof(more) / sizeof(more[0]))]);
        break;
    case 3:
        snprintf(said->options, sizeof(said->options),
                 combinations[dice(sizeof(combinations) / sizeof(combinations[0]))].answers,
                 dice(2) ? 1460u : 1440u);
        break;
    default:
        break;
    }
    said->words.options = said->options[0] ? said->options : NULL;
    said->promised = strcmp(said->options, pair->answers) == 0;
}

/* The rest of it, mostly as it should be. */
static void choose_odd(const struct pair *pair, struct said *said)
{
    static const char *const flags[] = {"SP.", "S", ".", "R.", "SF.", "SR.", "SW.", "SU."};
    bool odd = true;

    switch (dice(24)) {
    case 0:
        said->words.flags = flags[dice(sizeof(flags) / sizeof(flags[0]))];
        break;
    case 1:
        said->words.flags = pair->ecn ? "S." : "SE.";
        break;
    case 2:
        said->words.ack += dice(2) ? 1 + dice(100) : 0u - (1 + dice(100));
        break;
    case 3:
        said->words.payload = "data";
        break;
    case 4:
        said->words.vlan[0] = (uint16_t)(1 + dice(4094));
        break;
    case 5:
        said->words.seq = ~0u;
        break;
    case 6:
        said->changed = true;
        break;
    case 7:
        said->extended = true;
        break;
    case 8:
        said->words.flags = pair->ecn ? "SEA." : "SA.";
        break;
    default:
        odd = false;
        break;
    }
    said->promised = said->promised && !odd;
}

static void choose(const struct pair *pair, struct said *said)
{
    *said = (struct said){.words = {.flags = pair->ecn ? "SE." : "S.",
                                    .seq = dice(8) ? dice(~0u) : ~0u - 1 - dice(3),
                                    .ack = X + 1,
                                    .window = (uint16_t)(1 + dice(65535)),
                                    .ttl = (uint8_t)(1 + dice(255)),
                                    .tos = (uint8_t)dice(256),
                                    .may_fragment = dice(2),
                                    .ip_id = (uint16_t)dice(65536),
                                    .flow_label = pair->v6 ? dice(1 << 20) : 0}};
    choose_options(pair, said);
    choose_odd(pair, said);
    said->partial = dice(4) == 0 && !said->words.payload && !said->extended;
    said->padding = dice(4) ? 0 : 1 + dice(6);
}

/* As a host's stack leaves it to its card. */
static void make_partial(struct test_frame *frame)
{
    const struct ip_addr src = frame_src(&frame->view), dst = frame_dst(&frame->view);
    const uint32_t bytes = frame->bytes - OFFLOAD_BYTES - frame->view.l4;

    store_be16(frame_data(frame) + frame->view.l4 + TCP_CHECKSUM_AT,
               checksum_fold(checksum_pseudo(&src, &dst, 6, bytes)));
    frame_checksum_partial(frame);
}

static void build(struct bench *b, const struct said *said, uint32_t at, uint32_t bit)
{
    static const uint8_t nops[8] = {1, 1, 1, 1}, padded[8] = {6, 0, 1, 4};
    struct test_frame *frame = &b->sent;

    bench_build(b, SIDE_SERVER, said->words);
    if (said->extended && frame->view.ip_version == 4)
        frame_insert_ip_options(frame, nops, 4);
    else if (said->extended)
        frame_insert_extension(frame, 60, padded, 8);
    if (said->partial)
        make_partial(frame);
    memset(frame->buffer + frame->bytes, 0, said->padding);
    frame->bytes += said->padding;
    if (said->changed)
        frame->buffer[OFFLOAD_BYTES + at % (frame->bytes - OFFLOAD_BYTES)] ^= (uint8_t)(1u << bit);
}

static void same_queues(struct bench *a, struct bench *b)
{
    cr_assert_eq(a->queued, b->queued);
    for (uint32_t i = 0; i < a->queued; i++)
        cr_assert(a->queue[i].to == b->queue[i].to && a->queue[i].bytes == b->queue[i].bytes &&
                      memcmp(a->queue[i].buffer, b->queue[i].buffer, a->queue[i].bytes) == 0,
                  "other bytes");
}

/* It has been answered: what has left is what the other engine says, but for the checksum of one
 * whose card is still to make it. */
static void is_answered(struct pair *pair, const struct said *said)
{
    const struct bench_frame *wanted = &pair->plain->queue[0];
    uint8_t *out = pair->out;

    cr_assert_eq(pair->plain->queued, 1);
    cr_assert_eq(wanted->to, SIDE_SERVER);
    cr_assert_eq(pair->out_bytes, wanted->bytes - OFFLOAD_BYTES);
    if (said->partial)
        memcpy(out + (pair->v6 ? 54 : 34) + TCP_CHECKSUM_AT,
               wanted->buffer + OFFLOAD_BYTES + (pair->v6 ? 54 : 34) + TCP_CHECKSUM_AT, 2);
    cr_assert(memcmp(out, wanted->buffer + OFFLOAD_BYTES, pair->out_bytes) == 0, "other bytes: %s",
              said->options);
    cr_assert(hears(pair));
    cr_assert_eq(pair->kernel->queued, 0);
}

/* No server is left alone for what was said to it before (preparing.h), or for a RST that it has
 * said (server/doubt.h). */
static void forgive(const struct pair *pair)
{
    static const char *const servers[] = {HTTP, HTTP6};
    struct bench *benches[] = {pair->kernel, pair->plain};

    for (int i = 0; i < 4; i++) {
        struct server *server = bench_server(benches[i / 2], servers[i % 2]);

        server->preparations = (struct server_preparations){0};
        server->doubt = (struct doubt){0};
        server->doubted = false;
    }
}

static bool say_at_random(struct pair *pair)
{
    const uint32_t at = dice(100), bit = dice(8);
    struct said said;
    int action;

    begin_anew(pair);
    choose(pair, &said);
    build(pair->kernel, &said, at, bit);
    build(pair->plain, &said, at, bit);
    action = program_says(pair, SIDE_SERVER);
    cr_assert(action == TC_ACT_REDIRECT || action == TC_ACT_UNSPEC);
    cr_assert(said.changed || (action == TC_ACT_REDIRECT) == said.promised, "%s [%s] ack %u",
              said.options, said.words.flags, said.words.ack);
    bench_put(pair->plain, SIDE_SERVER);
    if (action == TC_ACT_REDIRECT) {
        is_answered(pair, &said);
    } else {
        const struct test_frame *frame = &pair->kernel->sent;

        cr_assert(pair->out_bytes == frame->bytes - OFFLOAD_BYTES &&
                      memcmp(pair->out, frame->buffer + OFFLOAD_BYTES, pair->out_bytes) == 0,
                  "as it came");
        cr_assert_not(hears(pair));
        bench_put(pair->kernel, SIDE_SERVER);
        same_queues(pair->kernel, pair->plain);
    }
    cr_assert_str_eq(bench_flow_state(pair->kernel), bench_flow_state(pair->plain));
    if (strcmp(bench_flow_state(pair->kernel), "spliced") == 0)
        same_connections(pair);
    end(pair);
    forgive(pair);
    return action == TC_ACT_REDIRECT;
}

/* Plain ones and odd ones: each is answered as the engine answers it, or goes up as it came. */
Test(completing, whatever_a_server_says)
{
    uint32_t answered = 0;
    struct pair *pair;

    random_of_test = random_begin("completing_random");
    pair = open_pair();
    for (uint32_t i = 0; i < SAID_AT_RANDOM; i++)
        answered += say_at_random(pair);
    cr_assert(answered > SAID_AT_RANDOM / 5 && answered < SAID_AT_RANDOM * 4 / 5, "%u", answered);
    close_pair(pair);
}

/* --- the engine is killed before it is told -------------------------------------------------- */

static const uint8_t boot[TAKEOVER_BOOT_BYTES] = "boot", wire[TAKEOVER_WIRE_BYTES] = "wire";

/* What the next daemon takes over, into an engine of its own. */
static struct bench *killed(const struct pair *pair, const char *store)
{
    struct takeover_log *log = takeover_log_read(store, boot, wire, 0, false);
    struct takeover_log_taken taken;
    struct bench *next = bench_new(SETTING_ATTACK);

    cr_assert_not_null(log);
    next->client = pair->kernel->client;
    next->server = pair->kernel->server;
    taken = takeover_log_fill(log, 1, 0, 1, next->engine, next->now_us);
    cr_assert_eq(taken.reset, 0);
    takeover_log_free(log);
    return next;
}

static void same_as_taken_over(const struct pair *pair, struct bench *next)
{
    const struct flow *a = bench_flow(next), *b = bench_flow(pair->plain);
    const struct flow_cold *c = flow_cold(&next->engine->flows, a);
    const struct flow_cold *d = flow_cold(&pair->plain->engine->flows, b);

    cr_assert(a->state == b->state && a->flags == b->flags && a->delta == b->delta &&
              a->ts_delta == b->ts_delta && a->ack_floor == b->ack_floor &&
              a->tsecr_floor == b->tsecr_floor);
    cr_assert(c->client_isn == d->client_isn && c->server_isn == d->server_isn &&
              c->client_next == d->client_next && c->server_next == d->server_next &&
              c->server_mss == d->server_mss);
}

/* More than half of all numbers since its row was written. */
static void far_behind_its_row(const struct pair *pair, const char *store)
{
    const uint32_t next = Y + 1 + (7u << 29);
    struct flow_record *record = record_of(pair);
    struct bench *after;

    record->way[SIDE_SERVER] = record_way(record->serial, RECORD_CARRY, next);
    record->ack_floor = next - RECORD_FLOOR_DISTANCE;
    after = killed(pair, store);
    cr_assert_eq(flow_cold(&after->engine->flows, bench_flow(after))->server_next, next);
    cr_assert_eq(bench_flow(after)->ack_floor, next - RECORD_FLOOR_DISTANCE);
    bench_end(after);
}

Test(completing, what_was_answered_is_left_for_who_comes_after_a_kill)
{
    char folder[] = "/tmp/synward-test-completing-XXXXXX", store[80], command[80];
    struct takeover_log *log;
    struct pair *pair;
    struct bench *next;

    random_of_test = random_begin("completing_left");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(store, sizeof(store), "%s/profiles.json", folder);
    log = takeover_log_read(store, boot, wire, 0, false);
    pair = open_logged(log);
    for (int i = 0; i < 10; i++) {
        begin_anew(pair);
        next = killed(pair, store);
        cr_assert_str_eq(bench_flow_state(next), "none", "its server has not answered");
        bench_end(next);
        server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                       .options = pair->answers);
        bench_put(pair->plain, SIDE_SERVER);
        cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_REDIRECT);
        next = killed(pair, store);
        same_as_taken_over(pair, next);
        bench_end(next);
        cr_assert(hears(pair));
        far_behind_its_row(pair, store);
        end(pair);
    }
    close_pair(pair);
    takeover_log_free(log);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

/* --- a kernel that does not take it ---------------------------------------------------------- */

/* Of which programs, by name; the verifier's word for it. */
static const char *refused[2];

static int refuse(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
    (void)opts;
    (void)cookie;
    for (int i = 0; i < 2; i++)
        if (refused[i] && strcmp(bpf_program__name(program), refused[i]) == 0)
            return -EACCES;
    return 0;
}

/* All that is loaded from here on is asked about. */
static void refuse_programs(const char *one, const char *other)
{
    LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = refuse);

    cr_assert_geq(libbpf_register_prog_handler("tc", BPF_PROG_TYPE_SCHED_CLS, 0, &handler), 0);
    refused[0] = one;
    refused[1] = other;
}

#define WHY "the kernel does not take that part of the program: Permission denied"

/* The other program answers SYNs nevertheless; SYN-ACKs go up, and what follows is carried. */
Test(completing, kernel_that_refuses_it_carries_without)
{
    struct pair *pair;

    random_of_test = random_begin("completing_refused");
    close_pair(open_pair()); /* it takes them all, or there is nothing to be tested */
    refuse_programs(CARRY_FROM_SERVER, NULL);
    pair = open_pair();
    cr_assert_str_eq(carrying_no_completion(pair->carrying), WHY);
    cr_assert_null(carrying_no_answers(pair->carrying));
    begin_anew(pair);
    server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                   .options = pair->answers);
    goes_up(pair);
    bench_put(pair->kernel, SIDE_SERVER);
    bench_put(pair->plain, SIDE_SERVER);
    same_frames(pair, SIDE_SERVER);
    obey(pair);
    server_answers(pair, .flags = "P.", .seq = Y + 1,
                   .ack = X + 1 + (uint32_t)strlen(pair->request) + pair->fin, .payload = "answer",
                   .options =
                       strstr(pair->offers, "ts=") ? ts(SERVER_TS + 1, CLIENT_TS + 5) : NULL);
    cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_REDIRECT);
    end(pair);
    close_pair(pair);
}

/* Of a record that awaits it nevertheless, as one of another daemon's might: up it goes. */
Test(completing, smaller_program_leaves_it_to_the_engine)
{
    struct pair *pair;

    random_of_test = random_begin("completing_left_up");
    refuse_programs(CARRY_FROM_SERVER, NULL);
    pair = open_pair();
    begin_anew(pair);
    pair->index = flow_index(&pair->kernel->engine->flows, bench_flow(pair->kernel));
    cr_assert(carry_prepared(pair->kernel->engine, pair->index, pair->c + 1, 0, 0));
    obey(pair);
    server_answers(pair, .flags = "S.", .seq = Y, .ack = X + 1, .options = pair->answers);
    goes_up(pair);
    cr_assert_eq(counted(pair, CARRY_up_synack), 1);
    end(pair);
    close_pair(pair);
}

/* Each part for itself. */
Test(completing, kernel_that_refuses_answers_completes_nevertheless)
{
    struct pair *pair;

    random_of_test = random_begin("completing_alone");
    refuse_programs(CARRY_FROM_CLIENT, NULL);
    pair = open_pair();
    cr_assert_str_eq(carrying_no_answers(pair->carrying), WHY);
    cr_assert_null(carrying_no_completion(pair->carrying));
    begin_anew(pair);
    server_answers(pair, .flags = pair->ecn ? "SE." : "S.", .seq = Y, .ack = X + 1,
                   .options = pair->answers);
    cr_assert_eq(program_says(pair, SIDE_SERVER), TC_ACT_REDIRECT);
    cr_assert(hears(pair));
    end(pair);
    close_pair(pair);
}

Test(completing, kernel_that_refuses_both_carries)
{
    struct pair *pair;

    random_of_test = random_begin("completing_neither");
    refuse_programs(CARRY_FROM_CLIENT, CARRY_FROM_SERVER);
    pair = open_pair();
    cr_assert_str_eq(carrying_no_answers(pair->carrying), WHY);
    cr_assert_str_eq(carrying_no_completion(pair->carrying), WHY);
    close_pair(pair);
}

Test(completing, kernel_that_refuses_what_carries_gets_none)
{
    const struct carrying_sizes sizes = {
        .connections = 16, .servers = 16, .pulse = -1, .answers = {.shards = 1, .served_max = 64}};
    struct error error = {0};

    refuse_programs(CARRY_FROM_CLIENT_ALONE, CARRY_FROM_CLIENT);
    cr_assert_null(carrying_open(&sizes, &error));
    cr_assert(strstr(error.text, "the kernel takes no carrying program: "), "%s", error.text);
}
