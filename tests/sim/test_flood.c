/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_flood.c - floods: no state that grows with the number of clients until one has made a valid
 * request.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/steps.h"

#define SPOOFED 1000000u
#define CLIENTS 10000u

static void expect_no_state(struct scenario *s)
{
    expect_count(s, flows_tracked, 0);
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
    cr_assert_eq(engine_flows(s->middle->engine, NULL, 0, s->now_us), 0,
                 "there are entries in the flow table");
}

static uint32_t pages_touched(const struct scenario *s)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    (void)s;
    cr_assert(file != NULL && fscanf(file, "%*u %lu", &pages) == 1);
    fclose(file);
    return (uint32_t)pages;
}

static void spoof(struct scenario *s, struct rng *rng)
{
    struct packet packet = {
        .ttl = 60, .df = true, .window = 1024, .flags = TCP_SYN, .dst = s->server};
    static uint8_t buffer[PACKET_BUFFER_BYTES];
    uint64_t chance = rng_next(rng);
    uint8_t from[4] = {10, (uint8_t)chance, (uint8_t)(chance >> 8), (uint8_t)(chance >> 16)};
    memcpy(packet.from_mac, "\2\0\0\0\xc\1", 6);
    memcpy(packet.to_mac, "\2\0\0\0\5\1", 6);
    packet.src = addr_from_v4(from);
    packet.src_port = (uint16_t)(chance >> 24);
    packet.dst_port = (chance >> 60 & 1) != 0 ? HTTP_PORT : POP3_PORT;
    packet.seq = (uint32_t)(chance >> 28);
    packet_add_mss(&packet, 1460);
    uint32_t bytes = packet_write(buffer, &packet);
    middle_input(s->middle, CLIENT, buffer, bytes, s->now_us);
}

Test(flood, a_million_spoofed_syns_leave_nothing)
{
    struct scenario *s = attack_scenario();
    struct rng rng = {.state = fixture_seed(1)};
    s->quiet = true;
    for (uint32_t i = 0; i < 20000; i++)
        spoof(s, &rng);
    uint32_t before = pages_touched(s);
    for (uint32_t i = 0; i < SPOOFED; i++) {
        spoof(s, &rng);
        s->now_us += 2;
        if (middle_deadline(s->middle) <= s->now_us)
            middle_tick(s->middle, s->now_us);
    }
    uint32_t after = pages_touched(s);
    expect_no_state(s);
    cr_assert_leq(after, before + 256, "memory grew by %u pages", after - before);
    cr_assert_geq(scenario_counters(s)->cookies_syn, SPOOFED);
    scenario_end(s);
}

static void one_client(struct scenario *s, uint32_t i, const char *request)
{
    char addr[20];
    snprintf(addr, sizeof addr, "10.%u.%u.%u", 1 + i % 200, i / 200 % 250, 1 + i / 50000);
    scenario_connection(s, addr, (uint16_t)(1024 + i), SERVER_V4, HTTP_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    if (request != NULL) {
        inject(s, CLIENT, request);
        expect(s, CLIENT, "R c+1:c+1(0)");
    }
    pass(s, 100);
}

Test(flood, silent_clients_leave_nothing)
{
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i < CLIENTS; i++)
        one_client(s, i, NULL);
    expect_count(s, cookies_accepted, CLIENTS);
    expect_no_state(s);
    scenario_end(s);
}

Test(flood, wrong_requests_leave_nothing)
{
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i < CLIENTS; i++)
        one_client(s, i, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | USER nobody\r\n");
    expect_count(s, requests_mismatched, CLIENTS);
    expect_no_state(s);
    scenario_end(s);
}

Test(flood, greeted_and_silent_clients_leave_nothing)
{
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i < CLIENTS; i++) {
        char addr[20];
        snprintf(addr, sizeof addr, "10.%u.%u.%u", 1 + i % 200, i / 200 % 250, 1 + i / 50000);
        scenario_connection(s, addr, (uint16_t)(1024 + i), SERVER_V4, POP3_PORT);
        step_syn(s);
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
        s->quiet = true;
        pass(s, 100);
        s->quiet = false;
    }
    s->quiet = true;
    pass(s, 20000000);
    expect_no_state(s);
    scenario_end(s);
}

Test(flood, an_honest_client_gets_through_beside_it)
{
    struct scenario *s = attack_scenario();
    struct rng rng = {.state = 3};
    s->quiet = true;
    for (uint32_t i = 0; i < 50000; i++)
        spoof(s, &rng);
    s->quiet = false;
    step_open(s);
    scenario_end(s);
}
