/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random_inputs.c FRAMES [SEED [ROUND]] - so many random frames into engines, with the checks of
 * scene.h after each.
 *
 * Hosts mostly say what would come next, so that connections open, talk and close in every mode;
 * some of what they say is changed at random, and some frames are random bytes altogether. Time,
 * modes and policies change too. An engine lasts ROUND_FRAMES frames, and each such round depends
 * on the seed and its own number alone: with a ROUND, only that one is played.
 *
 * Prints one line at the end. When a check or a sanitizer stops it, the line says which round to
 * play again.
 */
#include <inttypes.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "engine/tcp/frame.h"
#include "tests/fuzz/scene.h"

#define ROUND_FRAMES 1000
#define STEP_MAX     96 /* bytes */
#define HOT          4

static uint64_t seed, round_number, random_state;
static struct names {
    unsigned client, server, vlan;
} hot[HOT];

/* Freed buffers need not stay unused for long: what the engine sees of them ends with the call. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}

/* splitmix64 */
static uint32_t random_below(uint32_t bound)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (uint32_t)((z >> 32) * bound >> 32);
}

static bool chance(uint32_t percent)
{
    return random_below(100) < percent;
}

struct step {
    uint8_t bytes[STEP_MAX];
    size_t count;
};

static void put(struct step *step, unsigned byte)
{
    step->bytes[step->count++] = (uint8_t)byte;
}

/* The numbers of options and payloads are those of scene.c. */
enum {
    OPTIONS_NONE,
    OPTIONS_PLAIN_SYN,
    OPTIONS_STAMPED_SYN,
    OPTIONS_STAMPS = 4,
    OPTIONS_BLOCK,
    OPTIONS_AWAITED_SYN = 0xf1 /* where the kernel awaits none: a plain one's */
};
enum { NOTHING, GET, USER, GET_BEGINS, GET_ENDS, GREETING, NEGATIVE, LARGE = 0x30 };

struct segment_step {
    unsigned flags, seq, options, payload;
};

static struct segment_step syn(bool stamps, bool answer)
{
    return (struct segment_step){.flags = TCP_SYN | (answer ? TCP_ACK : 0),
                                 .seq = answer ? 0x80 : random_below(32),
                                 .options = answer && chance(70) ? OPTIONS_AWAITED_SYN
                                            : stamps             ? OPTIONS_STAMPED_SYN
                                                                 : OPTIONS_PLAIN_SYN};
}

static unsigned client_words(unsigned server)
{
    static const uint8_t greeted[] = {USER, USER, USER, GET, NOTHING},
                         others[] = {GET, GET, GET_BEGINS, LARGE | GET};

    return server == 2 || server == 3 ? greeted[random_below(sizeof(greeted))]
                                      : others[random_below(sizeof(others))];
}

static unsigned server_words(unsigned server)
{
    static const uint8_t greeting[] = {GREETING, GREETING, GREETING, NEGATIVE, LARGE | GREETING};

    return server == 2 || server == 3 ? greeting[random_below(sizeof(greeting))]
           : chance(50)               ? GET
                                      : LARGE | USER;
}

/* What comes next on an open connection, by what came last. */
static struct segment_step go_on(const struct talker *talker, unsigned words, bool stamps)
{
    struct segment_step say = {.flags = TCP_ACK,
                               .options = chance(3) ? OPTIONS_BLOCK | random_below(16) << 4
                                          : stamps  ? OPTIONS_STAMPS
                                                    : OPTIONS_NONE};

    if (chance(talker->peer_flags & TCP_FIN ? 60 : 5))
        say.flags |= TCP_FIN;
    else if (chance(2))
        say.flags |= TCP_RST;
    else if (chance(talker->peer_data ? 40 : 70))
        say.payload = words;
    if (say.payload)
        say.flags |= TCP_PSH;
    return say;
}

static struct segment_step next_of_client(const struct talker *talker, unsigned server, bool stamps)
{
    if (talker->peer_flags == 0 || (talker->peer_flags & TCP_RST) || chance(6))
        return syn(stamps, false);
    return go_on(talker, client_words(server), stamps);
}

static struct segment_step next_of_server(const struct talker *talker, unsigned server, bool stamps)
{
    if ((talker->peer_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        return syn(stamps, true);
    return go_on(talker, server_words(server), stamps);
}

/* Few speak at a time, so that their connections get somewhere. Beside the kernel's path most ask
 * servers whose clients speak first, without tags: so it gives them requests. */
static void choose_hot(const struct scene *scene)
{
    for (unsigned i = 0; i < HOT; i++) {
        const bool plain = scene->path && chance(80);

        hot[i] =
            (struct names){random_below(SCENE_CLIENTS), random_below(plain ? 2 : SCENE_SERVERS),
                           plain || chance(80) ? 0 : random_below(SCENE_VLANS)};
    }
}

static void make_segment(const struct scene *scene, struct step *step)
{
    struct names names = hot[random_below(HOT)];
    unsigned client = names.client, server = names.server, vlan = names.vlan;
    const struct talker *talkers = scene->conversations[client][server][vlan].talkers;
    enum side from = talkers[SIDE_SERVER].peer_flags && chance(50) ? SIDE_SERVER : SIDE_CLIENT;
    bool stamps = client & 1;
    struct segment_step say = from == SIDE_CLIENT ? next_of_client(&talkers[from], server, stamps)
                                                  : next_of_server(&talkers[from], server, stamps);

    put(step, (vlan == 0 && chance(8) ? STEP_RAW | STEP_TOLD : STEP_SEGMENT) |
                  (vlan == 2 ? STEP_QINQ : 0) | (chance(10) ? STEP_PARTIAL : 0) |
                  (chance(1) ? STEP_DAMAGED : 0) | (chance(1) ? STEP_SUPER : 0));
    put(step, from | client << 1 | server << 3 | (vlan == 1 ? 64u : 0));
    put(step, say.flags);
    put(step, say.seq);
    put(step, 0);
    put(step, say.options);
    put(step, say.payload);
    put(step, 250 + random_below(2));
}

/* One field becomes another, or bytes of the finished frame do. */
static void change_segment(struct step *step)
{
    if (chance(50)) {
        step->bytes[1 + random_below(7)] = (uint8_t)random_below(256);
    } else {
        step->bytes[1] |= 128;
        for (int i = 0; i < 14; i++) /* at most four patches, and how much is cut off */
            put(step, chance(50) ? random_below(4) : random_below(256));
    }
}

static void make_random_bytes(struct step *step)
{
    static const uint8_t ipv4[] = {0x08, 0x00, 0x45, 0}, ipv6[] = {0x86, 0xdd, 0x60, 0};
    unsigned count = random_below(STEP_MAX - 8);

    put(step, STEP_RAW);
    put(step, random_below(2));
    put(step, 0);
    put(step, count);
    for (unsigned i = 0; i < count; i++)
        put(step, i < 10 && chance(90) ? 0 : random_below(256));
    if (count > 28 && chance(70))
        memcpy(step->bytes + 4 + 22, chance(50) ? ipv4 : ipv6, 4);
}

/* One in 500 is who proves himself. */
static void make_datagram(struct step *step)
{
    const uint32_t kind = random_below(500);

    put(step,
        STEP_RAW | STEP_DATAGRAM | (chance(1) ? STEP_SUPER : 0) | (chance(2) ? STEP_DAMAGED : 0));
    put(step, random_below(16) | (kind == 0 ? 16 : kind < 10 ? 128 : 0));
    put(step, chance(80) ? random_below(4) : random_below(256));
    for (int i = 0; i < 12; i++)
        put(step, random_below(256));
}

/* Attack mode is where it is to be seen most. */
static void make_change(struct step *step)
{
    if (chance(20)) {
        put(step, STEP_POLICY);
        put(step, chance(70) ? 0 : random_below(256));
    } else if (chance(40)) {
        put(step, STEP_SETTING);
        put(step, random_below(128));
        put(step, random_below(16));
    } else {
        put(step, STEP_SETTING);
        put(step, 128);
        put(step, chance(70) ? 2 : random_below(3));
    }
}

static void make_time(struct step *step)
{
    uint32_t range = random_below(200);
    unsigned time = random_below(0x4000);

    if (range < 2)
        time |= 0xc000;
    else if (range < 6)
        time |= 0x8000;
    else if (range < 30)
        time |= 0x4000;
    put(step, STEP_TIME);
    put(step, time >> 8);
    put(step, time & 255);
}

static void make_step(const struct scene *scene, struct step *step)
{
    uint32_t kind = random_below(1000);

    step->count = 0;
    if (kind < 8)
        choose_hot(scene);
    if (kind < 850) {
        make_segment(scene, step);
        if (chance(15))
            change_segment(step);
    } else if (kind < 880) {
        make_random_bytes(step);
    } else if (kind < 900) {
        make_datagram(step);
    } else if (kind < 930) {
        put(step, STEP_ICMP);
        for (int i = 0; i < 20; i++)
            put(step, random_below(i == 0 ? 128 : 256));
    } else if (kind < 996) {
        make_time(step);
    } else {
        make_change(step);
    }
}

/* From the first frame on the kernel's path comes before the engine. */
static void step_beside_path(struct scene *scene)
{
    uint8_t bytes[2] = {STEP_RAW | STEP_PATH, (uint8_t)random_below(256)};

    scene_step(scene, &(struct fuzz_bytes){bytes, bytes + sizeof(bytes)});
}

struct totals {
    uint64_t frames, replies, forwarded, opened, told, followed, carried, given;
};

static void play_round(uint64_t number, uint64_t frames, struct totals *totals)
{
    static struct scene scene;
    struct step step;

    round_number = number;
    random_state = seed + number * 0xd1342543de82ef95ull;
    scene_begin(&scene);
    if (chance(50))
        step_beside_path(&scene);
    choose_hot(&scene);
    while (scene.frames < frames) {
        struct fuzz_bytes stream;

        make_step(&scene, &step);
        stream = (struct fuzz_bytes){step.bytes, step.bytes + step.count};
        scene_step(&scene, &stream);
    }
    totals->frames += scene.frames;
    totals->replies += scene.replies;
    totals->forwarded += scene.forwarded;
    totals->opened += scene.opened;
    totals->told += scene.told;
    totals->followed += scene.followed;
    totals->carried += scene.carried;
    totals->given += scene.given;
    scene_end(&scene);
}

static void say_round(void)
{
    fprintf(stderr,
            "random_inputs: stopped in round %" PRIu64 "; to replay: random_inputs %d %" PRIu64
            " %" PRIu64 "\n",
            round_number, ROUND_FRAMES, seed, round_number);
}

static void on_abort(int number)
{
    (void)number;
    say_round();
    _exit(1);
}

static uint64_t number_from(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int count, char **arguments)
{
    struct totals totals = {0};
    uint64_t frames;

    if (count < 2 || count > 4) {
        fprintf(stderr, "usage: random_inputs FRAMES [SEED [ROUND]]\n");
        return 2;
    }
    frames = number_from(arguments[1]);
    seed = count > 2 ? number_from(arguments[2]) : (uint64_t)time(NULL);
    signal(SIGABRT, on_abort);
    __sanitizer_set_death_callback(say_round);
    if (count == 4) {
        play_round(number_from(arguments[3]), frames, &totals);
    } else {
        for (uint64_t number = 0; totals.frames < frames; number++)
            play_round(number,
                       frames - totals.frames < ROUND_FRAMES ? frames - totals.frames
                                                             : ROUND_FRAMES,
                       &totals);
    }
    printf("ok random_inputs (%" PRIu64 " frames, %" PRIu64 " answered, %" PRIu64
           " passed on, %" PRIu64 " connections opened, %" PRIu64 " told to come over TCP, %" PRIu64
           " told of by the kernel, %" PRIu64 " carried by it, %" PRIu64
           " requests given by it, seed %" PRIu64 ")\n",
           totals.frames, totals.replies, totals.forwarded, totals.opened, totals.told,
           totals.followed, totals.carried, totals.given, seed);
    return 0;
}
