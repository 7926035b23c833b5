/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of bridge/bpf/bypass.bpf.c, run in this kernel: who is alive, and what passes while nobody
 * is. Needs root.
 */
#include "bridge/bpf/bypassing.h"

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/capability.h>
#include <linux/pkt_cls.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "engine/base/addr.h"
#include "engine/base/bytes.h"
#include "engine/tcp/joined.h"
#include "tests/bridge/bpf/support_kernel.h"

#define TO_CLIENT 1u /* the loopback interface: it is there */
#define TO_SERVER 1u
#define GONE      0x7ffffff0u
#define BYTES     128u

#define FIN_ACK 0x11
#define SYN     0x02
#define SYN_ACK 0x12
#define RST     0x04
#define ACK     0x10

static struct bypassing *bypassing;
static struct bypass_pulse *pulse;
static uint16_t *joined;
static const uint64_t seed[2] = {3, 5};
static uint8_t frame[BYTES];
static uint32_t at; /* of what comes next in it */

static void open_with(enum bypass_policy policy)
{
    const uint32_t to[2] = {TO_CLIENT, TO_SERVER}, tap[2] = {1, 1};
    struct error error = {0};

    bypassing = bypassing_open(policy, &error);
    if (!bypassing)
        skip_without_bpf(&error);
    joined = bypassing_joined(bypassing, seed);
    bypassing_lead(bypassing, to, tap);
    pulse = bypassing_pulse(bypassing);
}

static uint64_t died_us;

static void die(void)
{
    died_us = clock_now_us();
    pulse->dead_us = clock_now_us();
    pulse->deaths++;
}

/* --- frames ---------------------------------------------------------------------------------- */

static void put16(uint16_t value)
{
    store_be16(frame + at, value);
    at += 2;
}

static void ethernet(void)
{
    memset(frame, 0, sizeof(frame));
    memset(frame, 0x02, 12);
    at = 12;
}

static void tcp(uint16_t src, uint16_t dst, uint8_t flags)
{
    store_be16(frame + at, src);
    store_be16(frame + at + 2, dst);
    frame[at + 12] = 5 << 4;
    frame[at + 13] = flags;
}

/* From 192.0.2.1 to 192.0.2.2. */
static void ipv4(uint8_t protocol, uint8_t words, uint16_t fragment)
{
    put16(0x0800);
    frame[at] = (uint8_t)(0x40 | words);
    store_be16(frame + at + 2, 60);
    store_be16(frame + at + 6, fragment);
    frame[at + 9] = protocol;
    memcpy(frame + at + 12, (const uint8_t[]){192, 0, 2, 1, 192, 0, 2, 2}, 8);
    at += words * 4u;
}

static void ipv6(uint8_t next)
{
    put16(0x86dd);
    frame[at] = 0x60;
    store_be16(frame + at + 4, 20);
    frame[at + 6] = next;
    frame[at + 8] = frame[at + 24] = 0xfd;
    frame[at + 23] = 1;
    frame[at + 39] = 2;
    at += 40;
}

static void tag(uint16_t type)
{
    put16(type);
    put16(5);
}

static int run(enum side from)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame));

    cr_assert_eq(bpf_prog_test_run_opts(bypassing_program(bypassing, from), &options), 0);
    return (int)options.retval;
}

/* How many of so many pass. */
static unsigned passing(enum side from, unsigned frames)
{
    unsigned passed = 0;

    for (unsigned i = 0; i < frames; i++) {
        const int verdict = run(from);

        cr_assert(verdict == TC_ACT_REDIRECT || verdict == TC_ACT_SHOT, "%d", verdict);
        passed += verdict == TC_ACT_REDIRECT;
    }
    return passed;
}

/* A bucket gave so many since die(): as many at once as in a second, and what came back since. */
static void check_limited(unsigned passed, unsigned per_second)
{
    const uint64_t since_us = clock_now_us() - died_us;

    cr_assert_geq(passed, per_second);
    cr_assert_leq(passed, per_second + since_us * per_second / 1000000 + 1);
}

static void segment(uint16_t src, uint16_t dst, uint8_t flags)
{
    ethernet();
    ipv4(6, 5, 0);
    tcp(src, dst, flags);
}

/* --- who is alive ---------------------------------------------------------------------------- */

Test(bypassing, who_answers_is_alive)
{
    uint32_t seen = 0;

    open_with(BYPASS_LIMITED);
    segment(1000, 80, ACK);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(run(SIDE_CLIENT), TC_ACT_UNSPEC);
        cr_assert_neq(pulse->first_us, 0);
        cr_assert_not(bypass_beat(pulse, &seen, clock_now_us()));
        cr_assert_eq(pulse->first_us, 0);
    }
    bypassing_close(bypassing);
}

/* Whoever runs has BYPASS_DOUBT_US, though the clock may have jumped. */
Test(bypassing, who_does_not_answer_is_dead_after_three_seconds_and_a_doubt)
{
    uint32_t seen = 0;

    open_with(BYPASS_LIMITED);
    segment(1000, 80, ACK);
    pulse->first_us = clock_now_us() - BYPASS_DEAD_US / 2;
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_UNSPEC, "late, and not dead");
    pulse->first_us = clock_now_us() - 2 * BYPASS_DEAD_US;
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_UNSPEC);
    cr_assert_neq(pulse->suspect_us, 0);
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_UNSPEC, "in doubt");
    pulse->suspect_us = clock_now_us() - 2 * BYPASS_DOUBT_US;
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_REDIRECT);
    cr_assert_eq(pulse->deaths, 1);
    cr_assert(bypass_beat(pulse, &seen, clock_now_us()), "what waited is stale");
    cr_assert_eq(run(SIDE_SERVER), TC_ACT_REDIRECT, "until nothing of it is left");
    bypass_alive(pulse, &seen);
    cr_assert_eq(run(SIDE_SERVER), TC_ACT_UNSPEC);
    cr_assert_not(bypass_beat(pulse, &seen, clock_now_us()));
    bypassing_close(bypassing);
}

/* Nobody is dead, and each worker throws away what waited for it; the first that sees it tells. */
Test(bypassing, what_has_waited_for_too_long_is_stale_for_all_workers)
{
    uint32_t seen[2] = {0, 0};

    open_with(BYPASS_LIMITED);
    segment(1000, 80, ACK);
    pulse->first_us = clock_now_us() - BYPASS_OLD_US / 2;
    cr_assert_not(bypass_beat(pulse, &seen[0], clock_now_us()), "late, and not too late");
    pulse->first_us = clock_now_us() - BYPASS_OLD_US;
    cr_assert(bypass_beat(pulse, &seen[0], clock_now_us()));
    cr_assert_eq(pulse->first_us, 0);
    cr_assert(bypass_beat(pulse, &seen[1], clock_now_us()));
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_UNSPEC, "nothing passes by itself");
    for (int i = 0; i < 2; i++) {
        cr_assert(bypass_beat(pulse, &seen[i], clock_now_us()), "until nothing of it is left");
        bypass_alive(pulse, &seen[i]);
        cr_assert_not(bypass_beat(pulse, &seen[i], clock_now_us()));
    }
    cr_assert_eq(pulse->deaths, 0);
    bypassing_close(bypassing);
}

Test(bypassing, without_a_tap_nobody_is_alive)
{
    open_with(BYPASS_OPEN);
    segment(1000, 80, ACK);
    pulse->tap[SIDE_CLIENT] = GONE;
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_UNSPEC, "nobody is late yet");
    pulse->first_us = clock_now_us() - 4 * BYPASS_LATE_US;
    cr_assert_eq(run(SIDE_SERVER), TC_ACT_UNSPEC, "its TAP is there");
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_REDIRECT);
    bypassing_close(bypassing);
}

/* --- who dies -------------------------------------------------------------------------------- */

enum end { STAYS, ABORTS, LEAVES };

/* A process that says that it is the one, and how it ends. */
static pid_t owner_begun(enum end end)
{
    int said[2];
    char byte;
    pid_t child;

    open_with(BYPASS_OPEN);
    cr_assert_eq(pipe(said), 0);
    child = fork();
    if (child == 0) {
        const bool told = bypassing_own(bypassing);

        cr_assert_eq(write(said[1], told ? "y" : "n", 1), 1);
        if (end == ABORTS)
            raise(SIGABRT);
        while (end == STAYS)
            pause();
        _exit(0);
    }
    cr_assert_eq(read(said[0], &byte, 1), 1);
    if (byte == 'y')
        return child;
    kill(child, SIGKILL);
    cr_skip_test("this kernel tells of no death");
}

static void *end_alone(void *context)
{
    return context;
}

/* It need not even run for that. */
Test(bypassing, who_is_killed_is_dead_when_the_killer_goes_on)
{
    const pid_t child = owner_begun(STAYS);

    segment(1000, 80, ACK);
    kill(child, SIGSTOP);
    cr_assert_eq(waitpid(child, NULL, WUNTRACED), child);
    cr_assert_eq(pulse->dead_us, 0, "stopped is not dead");
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_UNSPEC);
    kill(child, SIGKILL);
    cr_assert_neq(pulse->dead_us, 0);
    cr_assert_leq(clock_now_us() - pulse->dead_us, BYPASS_DEAD_US, "by the same clock");
    cr_assert_eq(run(SIDE_CLIENT), TC_ACT_REDIRECT);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(pulse->deaths, 1, "it dies once");
    bypassing_close(bypassing);
}

Test(bypassing, who_ends_in_any_other_way_is_dead)
{
    for (enum end end = ABORTS; end <= LEAVES; end++) {
        cr_assert_eq(waitpid(owner_begun(end), NULL, 0) > 0, true);
        cr_assert_eq(pulse->deaths, 1, "%d", end);
        bypassing_close(bypassing);
    }
}

Test(bypassing, of_others_and_of_a_thread_nothing_is_told)
{
    const pid_t other = fork();
    pthread_t thread;

    if (other == 0)
        while (true)
            pause();
    open_with(BYPASS_OPEN);
    if (!bypassing_own(bypassing))
        cr_skip_test("this kernel tells of no death");
    cr_assert_eq(pthread_create(&thread, NULL, end_alone, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    kill(other, SIGKILL);
    cr_assert_eq(waitpid(other, NULL, 0), other);
    cr_assert_eq(pulse->deaths, 0);
    bypassing_close(bypassing);
}

/* As where the kernel has no type information. */
Test(bypassing, without_leave_to_look_at_processes_all_else_is_there)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2] = {{0}};
    struct error error = {0};

    all[0].effective = 1u << CAP_NET_ADMIN;
    all[1].effective = 1u << (CAP_BPF - 32);
    for (int i = 0; i < 2; i++)
        all[i].permitted = all[i].effective;
    if (syscall(SYS_capset, &header, all) != 0)
        cr_skip_test("needs root");
    bypassing = bypassing_open(BYPASS_OPEN, &error);
    if (!bypassing)
        skip_without_bpf(&error);
    cr_assert_not(bypassing_own(bypassing));
    cr_assert_neq(bypassing_pulse(bypassing), NULL);
    bypassing_close(bypassing);
}

/* --- what passes ----------------------------------------------------------------------------- */

Test(bypassing, open_is_open)
{
    open_with(BYPASS_OPEN);
    die();
    segment(1000, 80, SYN);
    cr_assert_eq(passing(SIDE_CLIENT, 1000), 1000);
    cr_assert_eq(pulse->passed, 1000);
    bypassing_close(bypassing);
}

Test(bypassing, syns_to_each_server_are_limited)
{
    unsigned passed;

    open_with(BYPASS_LIMITED);
    die();
    segment(1000, 80, SYN);
    passed = passing(SIDE_CLIENT, 1000);
    check_limited(passed, BYPASS_SYNS);
    cr_assert_eq(pulse->limited, 1000 - passed);
    segment(1000, 443, SYN); /* another server */
    check_limited(passing(SIDE_CLIENT, 100), BYPASS_SYNS);
    cr_assert_eq(passing(SIDE_SERVER, 100), 100, "who the servers call is their affair");
    bypassing_close(bypassing);
}

/* Minutes come round, so that it may be longer ago than this machine runs. */
static void note(const uint8_t address[4], uint64_t minutes_ago)
{
    struct flow_key key = {.client = addr_from_v4(address)};
    const struct flow_words words = flow_key_words(&key);

    regulars_note(bypassing_regulars(bypassing), flow_seed_of(seed), words.client,
                  clock_now_us() + (65536 - minutes_ago) * REGULARS_MINUTE_US);
}

/* What strangers take away is not theirs, and there is as much of it as comes to the server. */
Test(bypassing, who_had_a_connection_lately_has_a_share_of_his_own)
{
    const struct ip_addr server = addr_from_v4((const uint8_t[]){192, 0, 2, 2});
    struct flow_key key = {.server = server};
    const struct flow_words words = flow_key_words(&key);

    open_with(BYPASS_LIMITED);
    die();
    segment(1000, 80, SYN);
    check_limited(passing(SIDE_CLIENT, 1000), BYPASS_SYNS);
    note((const uint8_t[]){192, 0, 2, 7}, 0);
    cr_assert_leq(passing(SIDE_CLIENT, 100), 2, "another one had");
    note((const uint8_t[]){192, 0, 2, 1}, 0);
    check_limited(passing(SIDE_CLIENT, 1000), REGULARS_LEAST / BYPASS_EACH);
    regulars_expect(bypassing_regulars(bypassing), words.server, 443, 500);
    note((const uint8_t[]){192, 0, 2, 9}, 0);
    segment(1000, 443, SYN);
    frame[ETH_HEADER_BYTES + 15] = 9;
    check_limited(passing(SIDE_CLIENT, 2000), 500 / BYPASS_EACH);
    bypassing_close(bypassing);
}

/* Their share is one of all servers' clients, and none of them takes all of it. */
Test(bypassing, all_regulars_together_have_a_share)
{
    unsigned passed = 0;

    open_with(BYPASS_LIMITED);
    die();
    for (uint8_t source = 1; source <= 20; source++) {
        segment(1000, 80, SYN);
        frame[ETH_HEADER_BYTES + 15] = source;
        note((const uint8_t[]){192, 0, 2, source}, 0);
        passed += passing(SIDE_CLIENT, 100);
    }
    check_limited(passed, REGULARS_LEAST);
    bypassing_close(bypassing);
}

Test(bypassing, after_an_hour_he_is_a_stranger_again)
{
    open_with(BYPASS_LIMITED);
    die();
    note((const uint8_t[]){192, 0, 2, 1}, 61);
    segment(1000, 80, SYN);
    check_limited(passing(SIDE_CLIENT, 1000), BYPASS_SYNS);
    note((const uint8_t[]){192, 0, 2, 1}, 59);
    segment(1000, 443, SYN);
    check_limited(passing(SIDE_CLIENT, 1000), REGULARS_LEAST / BYPASS_EACH);
    bypassing_close(bypassing);
}

/* By whatever way it is written, it is the same server. */
Test(bypassing, syns_in_odd_forms_are_limited)
{
    unsigned passed;

    open_with(BYPASS_LIMITED);
    die();
    segment(1000, 80, SYN);
    passed = passing(SIDE_CLIENT, 20);
    segment(1000, 80, SYN | 0xc0);
    passed += passing(SIDE_CLIENT, 20); /* ECN */
    ethernet();
    ipv4(6, 8, 0);
    tcp(1000, 80, SYN);
    passed += passing(SIDE_CLIENT, 20); /* IP options */
    ethernet();
    tag(0x8100);
    tag(0x8100);
    ipv4(6, 5, 0);
    tcp(1000, 80, SYN);
    passed += passing(SIDE_CLIENT, 20); /* two tags */
    check_limited(passed, BYPASS_SYNS);
    ethernet();
    ipv6(6);
    tcp(1000, 80, SYN);
    check_limited(passing(SIDE_CLIENT, 1000), BYPASS_SYNS); /* IPv6 */
    bypassing_close(bypassing);
}

Test(bypassing, what_may_be_tcp_and_is_not_read_is_limited)
{
    unsigned passed;

    open_with(BYPASS_LIMITED);
    die();
    ethernet();
    ipv6(0);
    passed = passing(SIDE_CLIENT, 1000); /* hop-by-hop options */
    ethernet();
    ipv4(6, 5, 0x2000);
    passed += passing(SIDE_CLIENT, 100); /* a fragment, from the same bucket */
    ethernet();
    tag(0x88a8);
    tag(0x8100);
    tag(0x8100);
    ipv4(6, 5, 0);
    passed += passing(SIDE_CLIENT, 100); /* three tags */
    check_limited(passed, BYPASS_ODD);
    bypassing_close(bypassing);
}

Test(bypassing, all_else_passes)
{
    open_with(BYPASS_LIMITED);
    die();
    for (unsigned i = 0; i < 4; i++) {
        segment(1000, 80, (const uint8_t[]){ACK, FIN_ACK, RST, SYN_ACK}[i]);
        cr_assert_eq(passing(SIDE_CLIENT, 200), 200);
    }
    ethernet();
    ipv4(17, 5, 0);
    cr_assert_eq(passing(SIDE_CLIENT, 200), 200, "UDP");
    ethernet();
    ipv6(58);
    cr_assert_eq(passing(SIDE_CLIENT, 200), 200, "ICMPv6");
    ethernet();
    put16(0x0806);
    cr_assert_eq(passing(SIDE_CLIENT, 200), 200, "ARP");
    bypassing_close(bypassing);
}

/* In neither direction, whatever its tags are; a SYN begins another one. */
Test(bypassing, what_is_joined_does_not_pass)
{
    struct flow_key key = {.client_port = 1000, .server_port = 80};

    open_with(BYPASS_OPEN);
    die();
    cr_assert(addr_from_text("192.0.2.1", &key.client));
    cr_assert(addr_from_text("192.0.2.2", &key.server));
    joined_count(joined, flow_seed_of(seed), &key, 1);
    segment(1000, 80, ACK);
    cr_assert_eq(passing(SIDE_CLIENT, 10), 0);
    ethernet();
    tag(0x8100);
    ipv4(6, 5, 0);
    tcp(1000, 80, ACK);
    cr_assert_eq(passing(SIDE_CLIENT, 10), 0, "tagged");
    segment(80, 1000, ACK);
    cr_assert_eq(passing(SIDE_SERVER, 10), 10, "192.0.2.1:80 is another one");
    segment(1001, 80, ACK);
    cr_assert_eq(passing(SIDE_CLIENT, 10), 10, "and so is this");
    segment(80, 1000, ACK);
    memcpy(frame + 26, (const uint8_t[]){192, 0, 2, 2, 192, 0, 2, 1}, 8);
    cr_assert_eq(passing(SIDE_SERVER, 10), 0, "what the server says");
    segment(1000, 80, SYN);
    cr_assert_eq(passing(SIDE_CLIENT, 10), 10);
    joined_count(joined, flow_seed_of(seed), &key, -1);
    segment(1000, 80, ACK);
    cr_assert_eq(passing(SIDE_CLIENT, 10), 10, "it has ended");
    bypassing_close(bypassing);
}
