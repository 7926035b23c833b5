/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_hostile.c - what a hostile client must not achieve, and connections that outlive the wrap of
 * a number.
 *
 * A blind attacker sees nothing of what the hosts send: it knows addresses, ports and what it sent
 * itself, and guesses the rest. A "blind" ACK has the right seq and a guessed ack, a "blind" RST or
 * SYN any number.
 *
 * It is longer than most: one scenario for each thing that a hostile client might try.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/tables/opening_pool.h"
#include "tests/sim/steps.h"

#define STEP_BYTES (1u << 29) /* of the server's numbers */
#define STEP_PARTS 8          /* farther nobody is believed */
#define SECOND_US  1000000ull

static uint32_t value_of(struct scenario *s, const char *symbol)
{
    uint32_t value = 0;
    cr_assert(trace_symbol(&s->symbols, symbol, &value), "%s is not bound", symbol);
    return value;
}

/* The next segment that names it binds it anew. */
static void forget(struct scenario *s, const char *symbol)
{
    for (uint32_t i = 0; i < s->symbols.count; i++) {
        if (strcmp(s->symbols.at[i].name, symbol) == 0)
            s->symbols.at[i] = s->symbols.at[--s->symbols.count];
    }
}

static struct server_info info_of(struct scenario *s, uint16_t port)
{
    struct server_info infos[16], none = {.mode = MODE_NORMAL};
    uint32_t count = engine_servers(s->middle->engine, infos, 16, s->now_us);
    for (uint32_t i = 0; i < count && i < 16; i++) {
        if (infos[i].key.port == port &&
            memcmp(&infos[i].key.addr, &s->server, sizeof s->server) == 0)
            return infos[i];
    }
    return none;
}

static struct scenario *auto_scenario(void)
{
    struct tcp_settings settings = tcp_settings_default(true);
    return scenario_new(SETTING_AUTO, fixture_all(&settings));
}

/* --- beyond 2 GiB and 2^31 ticks ------------------------------------------------------------- */

/*
 * Symbols: `ds` and `dc` are the server's first byte of data in its numbers and in the client's,
 * `u` the client's next byte. After `sent` bytes of the server's more data comes; the client
 * acknowledges it and reports blocks behind holes.
 */
static void exchange_at(struct scenario *s, uint32_t sent)
{
    trace_bind(&s->symbols, "d", value_of(s, "ds") + sent);
    trace_bind(&s->symbols, "e", value_of(s, "dc") + sent);
    inject(s, SERVER, ". d ack u win 509 <nop,nop,TS val 5100 ecr 120> | hello");
    expect(s, CLIENT, ". e ack u win 509 <nop,nop,TS val q ecr 120> | hello");
    inject(
        s, CLIENT,
        ". u ack e+5 win 502 <nop,nop,TS val 130 ecr q,nop,nop,sack e+1405:e+2805 e+4205:e+5605>");
    expect(s, SERVER,
           ". u ack d+5 win 502 <nop,nop,TS val 130 ecr 5100,nop,nop,sack d+1405:d+2805 "
           "d+4205:d+5605>");
    expect_nothing(s);
}

/* An ACK and a block that were held up while half a GiB went by. */
static void late_ack_at(struct scenario *s)
{
    inject(
        s, CLIENT,
        ". u ack e+5-536870912 win 502 <nop,nop,TS val 130 ecr q,nop,nop,sack e+5-536869912:e+5>");
    expect(s, SERVER,
           ". u ack d+5-536870912 win 502 <nop,nop,TS val 130 ecr 5100,nop,nop,sack "
           "d+5-536869912:d+5>");
    expect_nothing(s);
}

static void send_ten_gib(struct scenario *s)
{
    for (uint32_t part = 0; part < 20 * STEP_PARTS; part++) {
        exchange_at(s, part * (STEP_BYTES / STEP_PARTS));
        if (part >= STEP_PARTS && part % STEP_PARTS == 0)
            late_ack_at(s);
    }
    expect_count(s, flows_spliced, 1);
}

static void bind_numbers(struct scenario *s, uint32_t greeting_bytes, uint32_t request_bytes)
{
    trace_bind(&s->symbols, "ds", value_of(s, "y") + 1 + greeting_bytes);
    trace_bind(&s->symbols, "dc", value_of(s, "c") + 1 + greeting_bytes);
    trace_bind(&s->symbols, "u", value_of(s, "x") + 1 + request_bytes);
}

Test(hostile, ten_gib_from_the_server_are_translated)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    bind_numbers(s, 0, 18);
    send_ten_gib(s);
    scenario_end(s);
}

/* The real greeting comes, and the held request goes out. */
static void greeted_open(struct scenario *s)
{
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    expect_nothing(s);
}

Test(hostile, ten_gib_from_a_server_that_greeted_are_translated)
{
    struct scenario *s = attack_scenario();
    greeted_open(s);
    /* below the floor: a block of our greeting goes, an ack of its middle is raised to its end */
    inject(s, CLIENT, ". x+11 ack c+1 win 502 <nop,nop,TS val 130 ecr t1,nop,nop,sack c+4:c+12>");
    expect(s, SERVER,
           ". x+11 ack y+12 win 502 <nop,nop,TS val 130 ecr "
           "5001,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop>");
    inject(s, CLIENT, ". x+11 ack c+4 win 502 <nop,nop,TS val 130 ecr t1,nop,nop,sack c+8:c+20>");
    expect(s, SERVER,
           ". x+11 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001,nop,nop,sack y+12:y+20>");
    bind_numbers(s, 11, 10);
    send_ten_gib(s);
    scenario_end(s);
}

Test(hostile, ten_gib_behind_a_greeting_that_was_never_acknowledged)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 130> | " GREETING);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5000>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    scenario_drain(s);
    bind_numbers(s, 11, 10);
    send_ten_gib(s);
    pass(s, 10 * SECOND_US); /* and the greeting is not said again */
    scenario_end(s);
}

/* Data and its echo while the server's clock goes round twice; an echo may be old by one step. */
Test(hostile, timestamps_of_the_server_go_round)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    trace_bind(&s->symbols, "w", 5100);
    for (uint32_t step = 0; step < 20; step++) {
        inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val w ecr 120> | hello");
        forget(s, "q");
        expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val q ecr 120> | hello");
        inject(s, CLIENT, ". x+19 ack c+6 win 502 <nop,nop,TS val 130 ecr q>");
        expect(s, SERVER, ". x+19 ack y+6 win 502 <nop,nop,TS val 130 ecr w>");
        if (step > 0) {
            inject(s, CLIENT, ". x+19 ack c+6 win 502 <nop,nop,TS val 130 ecr q-536870912>");
            expect(s, SERVER, ". x+19 ack y+6 win 502 <nop,nop,TS val 130 ecr w-536870912>");
        }
        trace_bind(&s->symbols, "w", value_of(s, "w") + STEP_BYTES);
    }
    scenario_end(s);
}

/*
 * A server whose clock counts microseconds, and 40 minutes in which nobody speaks: its TSval is
 * ahead by more than half the circle. What the client echoes from then on must not be taken for
 * something below the floor.
 */
Test(hostile, servers_clock_jumps_while_nobody_speaks)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5100 ecr 120> | hello");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val q ecr 120> | hello");
    inject(s, CLIENT, ". x+19 ack c+6 win 502 <nop,nop,TS val 130 ecr q>");
    expect(s, SERVER, ". x+19 ack y+6 win 502 <nop,nop,TS val 130 ecr 5100>");
    for (uint32_t round = 0; round < 4; round++) {
        pass(s, 2400 * SECOND_US);
        trace_bind(&s->symbols, "w", 5100 + 2400000000u * (round + 1));
        forget(s, "q");
        inject(s, SERVER, ". y+6 ack x+19 win 509 <nop,nop,TS val w ecr 130> | world");
        expect(s, CLIENT, ". c+6 ack x+19 win 509 <nop,nop,TS val q ecr 130> | world");
        inject(s, CLIENT, ". x+19 ack c+11 win 502 <nop,nop,TS val 2400130 ecr q>");
        expect(s, SERVER, ". x+19 ack y+11 win 502 <nop,nop,TS val 2400130 ecr w>");
        inject(s, CLIENT,
               ". x+19 ack c+11 win 502 <nop,nop,TS val 2400130 ecr q-1000>"); /* reordered */
        expect(s, SERVER, ". x+19 ack y+11 win 502 <nop,nop,TS val 2400130 ecr w-1000>");
    }
    scenario_end(s);
}

/* The port was used before: a segment of the older connection comes late, and its TSval is a little
 * below our floor. */
Test(hostile, late_segment_of_an_older_connection_does_not_move_the_floor)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER, ". y-2000000 ack x-3000000 win 509 <nop,nop,TS val 4923 ecr 60>");
    scenario_drain(s);
    inject(s, CLIENT,
           ". x+19 ack c+1 win 502 <nop,nop,TS val 311 ecr t>"); /* still our stateless TSval */
    expect(s, SERVER, ". x+19 ack y+1 win 502 <nop,nop,TS val 311 ecr 5000>");
    scenario_end(s);
}

/* A TSval that lies a little behind the floor is old; half the circle behind, it would be ahead. */
Test(hostile, tsval_a_little_behind_does_not_move_the_floor)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 4990 ecr 120>");
    scenario_drain(s);
    inject(s, CLIENT,
           ". x+19 ack c+1 win 502 <nop,nop,TS val 311 ecr t>"); /* still our stateless TSval */
    expect(s, SERVER, ". x+19 ack y+1 win 502 <nop,nop,TS val 311 ecr 5000>");
    scenario_end(s);
}

/* A flipped bit in a TSval must not move the floor. */
Test(hostile, damaged_timestamp_does_not_move_the_floor)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    s->bad_checksum = true;
    inject(s, SERVER, "P. y+1 ack x+19 win 509 <nop,nop,TS val 2147488748 ecr 120> | hello");
    scenario_drain(s);
    inject(s, CLIENT,
           "P. x+19 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | more"); /* still our stateless
                                                                            TSval */
    expect(s, SERVER, "P. x+19 ack y+1 win 502 <nop,nop,TS val 130 ecr 5000> | more");
    scenario_end(s);
}

/* It passes for the host to refuse; moved by it, the client's numbers would make its own FIN
 * somebody's guess. */
Test(hostile, blind_syn_does_not_move_the_clients_numbers)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "S x+50000000:x+50000000(0) win 1000 <mss 1460>");
    scenario_drain(s);
    step_close(s);
    expect_count(s, flows_closing, 1);
    scenario_end(s);
}

/* --- half-open connections and blind segments ------------------------------------------------ */

/* A spoofed connection attempt, and the server's answer to it where the SYN reached the server. */
static void spoofed_attempt(struct scenario *s, uint16_t port)
{
    scenario_connection(s, CLIENT_V4, port, SERVER_V4, HTTP_PORT);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    if (s->out[SERVER].count > 0)
        inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    scenario_drain(s);
}

/* One ack in each quarter of the numbers: whatever the server's ISN is, two of them lie ahead of
 * it. */
static void blind_acks(struct scenario *s)
{
    static const uint32_t guesses[] = {1, 0x40000001, 0x80000001, 0xc0000001};
    for (uint32_t i = 0; i < 4; i++) {
        trace_bind(&s->symbols, "guess", guesses[i]);
        inject(s, CLIENT, ". x+1 ack guess win 502");
        inject(s, CLIENT, "P. x+1 ack guess win 502 | hello");
        scenario_drain(s);
    }
}

/* Each only with numbers that the server refuses: the exact one is x+1. */
static void blind_resets(struct scenario *s)
{
    static const uint32_t from_isn[] = {0,          2,          3,          1000,       65536,
                                        0x40000001, 0x80000000, 0x80000001, 0x80000002, UINT32_MAX};
    for (uint32_t i = 0; i < sizeof from_isn / sizeof from_isn[0]; i++) {
        trace_bind(&s->symbols, "guess", from_isn[i]);
        inject(s, CLIENT, "R x+guess:x+guess(0) win 0");
        inject(s, CLIENT, "R. x+guess:x+guess(0) ack 1 win 0");
        scenario_drain(s);
    }
}

static void flood_switches_in_spite_of(void (*blind)(struct scenario *s))
{
    struct scenario *s = auto_scenario();
    for (uint16_t i = 0; i < 200; i++) {
        spoofed_attempt(s, (uint16_t)(1024 + i));
        blind(s);
    }
    cr_assert_eq(info_of(s, HTTP_PORT).figures.half_open, 200);
    cr_assert_eq(info_of(s, HTTP_PORT).mode, MODE_NORMAL);
    expect_count(s, flows_closing, 0);
    for (uint16_t i = 200; i < 300; i++) {
        spoofed_attempt(s, (uint16_t)(1024 + i));
        blind(s);
    }
    cr_assert_eq(info_of(s, HTTP_PORT).mode, MODE_ATTACK);
    expect_count(s, flows_tracked, 201);
    cr_assert_eq(s->middle->observed[OBSERVED_ESTABLISHED], 0);
    /* Nobody answers when asked, so each is reset at the server. */
    pass(s, 2 * SECOND_US);
    cr_assert_eq(s->out[SERVER].count, 201);
    scenario_drain(s);
    expect_count(s, flows_freed, 201);
    expect_count(s, flows_tracked, 0);
    pass(s, 240 * SECOND_US);
    expect_count(s, flows_closing, 0);
    scenario_end(s);
}

Test(hostile, blind_acks_complete_no_handshake)
{
    flood_switches_in_spite_of(blind_acks);
}

Test(hostile, blind_resets_hide_no_flood)
{
    flood_switches_in_spite_of(blind_resets);
}

Test(hostile, blind_resets_change_nothing_on_a_half_open_connection)
{
    struct scenario *s = auto_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460>");
    blind_resets(s);
    cr_assert_eq(info_of(s, HTTP_PORT).mode, MODE_NORMAL);
    expect_count(s, flows_tracked, 1);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    blind_resets(s);
    inject(s, SERVER, "R. 0:0(0) ack x+2 win 0"); /* answers another SYN than this */
    expect(s, CLIENT, "R. 0:0(0) ack x+2 win 0");
    expect_count(s, flows_closing, 0);
    cr_assert_eq(info_of(s, HTTP_PORT).figures.half_open, 1);
    cr_assert_eq(s->middle->observed[OBSERVED_END], 0);
    inject(s, CLIENT, ". x+1 ack y+1 win 502");
    expect(s, SERVER, ". x+1 ack y+1 win 502");
    cr_assert_eq(info_of(s, HTTP_PORT).figures.half_open, 0);
    cr_assert_eq(s->middle->observed[OBSERVED_ESTABLISHED], 1);
    scenario_end(s);
}

Test(hostile, exact_reset_of_the_client_ends_a_half_open_connection)
{
    struct scenario *s = auto_scenario();
    spoofed_attempt(s, 40000);
    inject(s, CLIENT, "R x+1:x+1(0) win 0");
    expect(s, SERVER, "R x+1:x+1(0) win 0");
    cr_assert_eq(info_of(s, HTTP_PORT).figures.half_open, 0);
    expect_count(s, flows_closing, 1);
    scenario_end(s);
}

/* --- spliced connections and blind segments -------------------------------------------------- */

static void still_translates(struct scenario *s)
{
    forget(s, "q");
    inject(s, SERVER, "P. y+1 ack x+19 win 509 <nop,nop,TS val 305100 ecr 120> | hello");
    expect(s, CLIENT, "P. c+1 ack x+19 win 509 <nop,nop,TS val q ecr 120> | hello");
    inject(s, CLIENT, "P. x+19 ack c+6 win 502 <nop,nop,TS val 400000 ecr q> | data");
    expect(s, SERVER, "P. x+19 ack y+6 win 502 <nop,nop,TS val 400000 ecr 305100> | data");
    expect_nothing(s);
    expect_count(s, flows_spliced, 1);
    expect_count(s, flows_closing, 0);
}

/* Keepalives of the client, which the server answers, for five minutes; then data. */
static void live_five_minutes(struct scenario *s)
{
    for (uint32_t minute = 0; minute < 5; minute++) {
        pass(s, 60 * SECOND_US);
        inject(s, CLIENT, ". x+18 ack c+1 win 502 <nop,nop,TS val 60000 ecr t>");
        expect(s, SERVER, ". x+18 ack y+1 win 502 <nop,nop,TS val 60000 ecr 5000>");
        inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 65000 ecr 60000>");
        expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val * ecr 60000>");
        expect_nothing(s);
    }
    still_translates(s);
}

Test(hostile, blind_reset_far_off_leaves_an_idle_flow_alive)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "R x+999999999:x+999999999(0) win 0");
    expect(s, SERVER, "R x+999999999:x+999999999(0) win 0");
    expect_count(s, flows_closing, 0);
    pass(s, 300 * SECOND_US); /* nobody says anything */
    still_translates(s);
    scenario_end(s);
}

Test(hostile, blind_reset_far_off_leaves_a_flow_with_keepalives_alive)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "R x+2147483700:x+2147483700(0) win 0");
    expect(s, SERVER, "R x+2147483700:x+2147483700(0) win 0");
    live_five_minutes(s);
    scenario_end(s);
}

/* Inside the window, but not exact: the server answers by a challenge ACK (RFC 5961 3.2) and goes
 * on. */
Test(hostile, blind_reset_inside_the_window_is_survived)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "R x+5019:x+5019(0) win 0");
    expect(s, SERVER, "R x+5019:x+5019(0) win 0");
    expect(s, SERVER, ". x:x+1(1) ack y+1 win *");
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5001 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val * ecr 120>");
    live_five_minutes(s);
    scenario_end(s);
}

/* `asks`: the RST is near enough for the server to be asked. */
static void blind_reset_and_syn(const char *reset, bool asks)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    engine_set_setting(s->middle->engine, NULL, SETTING_NORMAL, s->now_us);
    inject(s, CLIENT, reset);
    expect(s, SERVER, reset);
    if (asks)
        expect(s, SERVER, ". x:x+1(1) ack y+1 win *");
    inject(s, CLIENT, "S x+777777777:x+777777777(0) win 0");
    expect(s, SERVER, "S x+777777777:x+777777777(0) win 0");
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5001 ecr 120>"); /* RFC 5961 4.2 */
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val * ecr 120>");
    still_translates(s);
    scenario_end(s);
}

Test(hostile, blind_reset_and_blind_syn_after_an_attack_keep_the_offsets)
{
    blind_reset_and_syn("R x+999999999:x+999999999(0) win 0", false);
    blind_reset_and_syn("R x+5019:x+5019(0) win 0", true);
}

/* --- a full table ---------------------------------------------------------------------------- */

#define TABLE_ENTRIES 4096u /* flows_max of middle.c */
#define CLOSED_PORT   4444

static void closed_port_syn(struct scenario *s, uint32_t number)
{
    s->client_port = (uint16_t)(1024 + number);
    s->server_port = CLOSED_PORT;
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    scenario_drain(s);
}

Test(hostile, syns_at_a_closed_port_push_out_syns_only)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER, "R y+1:y+1(0) win 0"); /* closing, as far as the table knows */
    scenario_drain(s);
    expect_count(s, flows_closing, 1);
    struct symbols symbols = s->symbols;
    for (uint32_t i = 0; i < 2 * TABLE_ENTRIES; i++)
        closed_port_syn(s, i);
    expect_count(s, flows_tracked, TABLE_ENTRIES - 1);
    expect_count(s, flows_closing, 1);
    expect_count(s, flows_evicted, TABLE_ENTRIES + 1);
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, HTTP_PORT);
    s->symbols = symbols;
    still_translates(s);
    pass(s, 62 * SECOND_US);
    expect_count(s, flows_tracked, 0);
    scenario_end(s);
}

Test(hostile, closed_ports_own_reset_takes_the_entry_away)
{
    struct scenario *s = attack_scenario();
    closed_port_syn(s, 0);
    inject(s, SERVER, "R. 0:0(0) ack x+2 win 0");
    expect(s, CLIENT, "R. 0:0(0) ack x+2 win 0");
    inject(s, SERVER, "R x+1:x+1(0) win 0"); /* says nothing about the SYN: no ACK */
    expect(s, CLIENT, "R x+1:x+1(0) win 0");
    expect_count(s, flows_tracked, 1);
    inject(s, SERVER, "R. 0:0(0) ack x+1 win 0");
    expect(s, CLIENT, "R. 0:0(0) ack x+1 win 0");
    expect_count(s, flows_tracked, 0);
    expect_count(s, flows_closing, 0);
    scenario_end(s);
}

static void ask(struct scenario *s)
{
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
}

/* `count` clients of the HTTP server, which is silent. Returns how many SYNs it gets for them. */
static uint32_t openings_of(struct scenario *s, uint16_t first_port, uint32_t count)
{
    uint32_t opened = 0;
    for (uint32_t i = 0; i < count; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(first_port + i), SERVER_V4, HTTP_PORT);
        ask(s);
        opened += s->out[SERVER].count;
        scenario_drain(s);
    }
    return opened;
}

Test(hostile, one_silent_server_takes_half_of_the_openings_at_most)
{
    const uint32_t half = 64 * OPENINGS_PER_HOLD / 2; /* openings_max of middle.c */
    struct scenario *s = attack_scenario();
    cr_assert_eq(openings_of(s, 1024, half + 50), half);
    expect_count(s, flows_pending, half);
    expect_count(s, drops[DROP_no_room], 50);
    scenario_connection(s, CLIENT_V4, 50000, SERVER_V4, COOKIE_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    s->quiet = true;
    pass(s,
         20 * SECOND_US); /* after 15 s of silence all are given up, and their places with them */
    s->quiet = false;
    expect_count(s, flows_pending, 0);
    /* It is believed to be gone by now: a client asks it, and its answer ends that. */
    scenario_connection(s, CLIENT_V4, 2000, SERVER_V4, HTTP_PORT);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    cr_assert_eq(openings_of(s, 2048, half), half);
    scenario_end(s);
}

/* Each of two takes all that it may: clients of a third are opened nevertheless. */
Test(hostile, two_silent_servers_leave_room_for_a_third)
{
    const uint32_t all = 64 * OPENINGS_PER_HOLD;
    struct scenario *s = attack_scenario();
    cr_assert_eq(openings_of(s, 1024, all), all / 2);
    for (uint16_t i = 0; i < all / 2; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(1024 + i), SERVER_V4, COOKIE_PORT);
        step_syn(s);
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        scenario_drain(s);
    }
    expect_count(s, flows_pending, all / 2 + all / 4);
    for (uint16_t i = 0; i < 2 * all; i++) {
        scenario_connection(s, CLIENT_V6, (uint16_t)(10000 + i), SERVER_V6, HTTP_PORT);
        inject(s, CLIENT, "S x:x(0) win 64240 <mss 1440,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        expect(s, CLIENT,
               "S. c:c(0) ack x+1 win 65160 <mss 1440,sackOK,TS val t ecr 100,nop,wscale 7>");
        inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
        expect(s, SERVER, "S x:x(0) win * <mss 1440,sackOK,TS val v ecr 0,nop,wscale 7>");
        inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1440,sackOK,TS val 500 ecr 120>");
        scenario_drain(s);
        inject(s, CLIENT, "R x+19:x+19(0) win 0");
        scenario_drain(s);
        expect_count(s, flows_opened, i + 1u);
    }
    scenario_end(s);
}

Test(hostile, unanswered_connections_of_the_server_side_live_a_minute)
{
    struct scenario *s = attack_scenario();
    for (uint16_t i = 0; i < 300; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(1000 + i), SERVER_V4, 5000);
        inject(s, SERVER, "S z:z(0) win 64240 <mss 1460>");
        expect(s, CLIENT, "S z:z(0) win 64240 <mss 1460>");
    }
    inject(s, CLIENT, "S. x:x(0) ack z+1 win 64240 <mss 1460>");
    expect(s, SERVER, "S. x:x(0) ack z+1 win 64240 <mss 1460>");
    expect_count(s, flows_tracked, 300);
    pass(s, 62 * SECOND_US);
    expect_count(s, flows_tracked, 1);
    inject(s, SERVER, "P. z+1 ack x+1 win 64240 | data");
    expect(s, CLIENT, "P. z+1 ack x+1 win 64240 | data");
    inject(s, CLIENT, ". x+1 ack z+5 win 64240");
    expect(s, SERVER, ". x+1 ack z+5 win 64240");
    scenario_end(s);
}

/* --- tags ------------------------------------------------------------------------------------ */

Test(hostile, priority_tag_does_not_get_round_attack_mode)
{
    const uint16_t tci = 0xa000; /* priority 5, VLAN ID 0 */
    struct scenario *s = attack_scenario();
    struct packet reply;
    s->tags[0] = (struct packet_tag){0x8100, tci};
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    cr_assert_eq(s->out[SERVER].count, 0);
    cr_assert_eq(s->out[CLIENT].count, 1);
    const struct scenario_frame *frame = &s->out[CLIENT].frames[s->out[CLIENT].first];
    cr_assert_null(packet_read(&reply, frame->buffer, frame->bytes));
    cr_assert_eq(reply.tags[0].tpid, 0x8100);
    cr_assert_eq(reply.tags[0].tci, tci);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    s->tags[0] =
        (struct packet_tag){0, 0}; /* the server's answers bear no tag: it is the same connection */
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    s->tags[0] = (struct packet_tag){0x8100, tci};
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

/* A SYN behind three tags; `id`: of the outermost, the others are priority tags. Returns the
 * verdict. */
static enum verdict_action three_tags(struct scenario *s, uint16_t id)
{
    static uint8_t buffer[PACKET_BUFFER_BYTES];
    struct packet packet = {.ttl = 60,
                            .df = true,
                            .window = 1024,
                            .flags = TCP_SYN,
                            .seq = 1000,
                            .src = s->client,
                            .dst = s->server,
                            .src_port = 40000,
                            .dst_port = s->server_port,
                            .tags = {{0x8100, 0}, {0x8100, 0}}};
    memcpy(packet.from_mac, "\2\0\0\0\xc\1", 6);
    memcpy(packet.to_mac, "\2\0\0\0\5\1", 6);
    packet_add_mss(&packet, 1460);
    uint32_t bytes = packet_write(buffer, &packet);
    uint8_t *tag = buffer + OFFLOAD_BYTES + 12;
    memmove(tag + 4, tag, bytes - OFFLOAD_BYTES - 12);
    tag[0] = 0x88;
    tag[1] = 0xa8;
    tag[2] = (uint8_t)(id >> 8);
    tag[3] = (uint8_t)id;
    s->quiet = true;
    middle_input(s->middle, CLIENT, buffer, bytes + 4, s->now_us);
    s->quiet = false;
    return s->middle->last.action;
}

/* Tags that only give a priority are none; a VLAN that nobody is known in may be no VLAN to a host
 * or a switch that takes tags off. */
Test(hostile, three_tags_to_an_attacked_address)
{
    struct scenario *s = attack_scenario();
    cr_assert_eq(three_tags(s, 0), VERDICT_REPLY);
    cr_assert_eq(three_tags(s, 7), VERDICT_DROP);
    cr_assert_eq(s->middle->last.reason, DROP_unreadable);
    s->server_port = CLOSED_PORT;
    cr_assert_eq(three_tags(s, 0), VERDICT_FORWARD);
    cr_assert_eq(three_tags(s, 7), VERDICT_DROP, "the port is its own network's to know");
    cr_assert(addr_from_text("10.0.0.99", &s->server));
    cr_assert_eq(three_tags(s, 0), VERDICT_FORWARD);
    scenario_end(s);
    s = normal_scenario();
    cr_assert_eq(three_tags(s, 0), VERDICT_FORWARD);
    scenario_end(s);
}

/* --- while a connection is being opened ------------------------------------------------------ */

/* The HTTP server with this window scale in its profile, the promise before being that of
 * `scale_before`. */
static struct policy *rescaled(uint8_t scale, uint8_t scale_before, uint32_t generation,
                               uint64_t until_us)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy server;
    settings.window_scale = scale_before;
    struct promise before = fixture_check(SERVER_V4, HTTP_PORT, PROTOCOL_HTTP, &settings).now;
    settings.window_scale = scale;
    server = fixture_check(SERVER_V4, HTTP_PORT, PROTOCOL_HTTP, &settings);
    server.now.generation = generation;
    server.has_before = true;
    server.before_until_us = until_us;
    server.before = before;
    server.before.generation = generation - 1;
    return fixture_policy(&server, 1);
}

/* The client was told 7. The server says 9 now, so its windows are worth four times as much there.
 */
static void windows_keep_the_promise(struct scenario *s)
{
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 9>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, SERVER, ". y+1 ack x+19 win 200 <nop,nop,TS val 5001 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 800 <nop,nop,TS val * ecr 120>");
    inject(s, CLIENT, ". x+19 ack c+1 win 300 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER, ". x+19 ack y+1 win 300 <nop,nop,TS val 130 ecr 5000>");
    scenario_end(s);
}

Test(hostile, profile_forgotten_while_opening_keeps_the_promised_scale)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy other = fixture_check("10.0.0.99", HTTP_PORT, PROTOCOL_HTTP, &settings);
    struct scenario *s = attack_scenario();
    step_request(s);
    middle_adopt(s->middle, fixture_policy(&other, 1), s->now_us);
    windows_keep_the_promise(s);
}

Test(hostile, profile_swapped_twice_while_opening_keeps_the_promised_scale)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    middle_adopt(s->middle, rescaled(3, 7, 2, s->now_us + COOKIE_LIFETIME_US), s->now_us);
    middle_adopt(s->middle, rescaled(9, 3, 3, s->now_us + COOKIE_LIFETIME_US), s->now_us);
    windows_keep_the_promise(s);
}

Test(hostile, data_with_a_wrong_ack_is_not_held_while_opening)
{
    static const uint32_t from_c[] = {0, 2, 12, 1000, 0x80000000, 0x80000001, UINT32_MAX};
    struct scenario *s = attack_scenario();
    step_request(s);
    for (uint32_t i = 0; i < sizeof from_c / sizeof from_c[0]; i++) {
        trace_bind(&s->symbols, "guess", from_c[i]);
        inject(s, CLIENT, "P. x+19 ack c+guess win 502 <nop,nop,TS val 125 ecr t> | injected");
        inject(s, CLIENT, "F. x+19 ack c+guess win 502 <nop,nop,TS val 125 ecr t>");
    }
    inject(s, CLIENT, "P x+19 win 502 <nop,nop,TS val 125 ecr t> | injected"); /* no ACK at all */
    expect_nothing(s);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | more");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST "more");
    scenario_end(s);
}

Test(hostile, data_with_a_wrong_ack_is_not_held_before_the_real_greeting)
{
    static const uint32_t from_c[] = {0, 13, 1000, 0x80000000, 0x8000000c, UINT32_MAX};
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    for (uint32_t i = 0; i < sizeof from_c / sizeof from_c[0]; i++) {
        trace_bind(&s->symbols, "guess", from_c[i]);
        inject(s, CLIENT, "P. x+11 ack c+guess win 502 <nop,nop,TS val 125 ecr t> | DELE 1\r\n");
    }
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    scenario_end(s);
}

Test(hostile, reset_while_opening_needs_the_right_number)
{
    static const uint32_t from_isn[] = {0, 21, 1000, 0x80000000, 0x80000001, UINT32_MAX};
    struct scenario *s = attack_scenario();
    step_request(s);
    for (uint32_t i = 0; i < sizeof from_isn / sizeof from_isn[0]; i++) {
        trace_bind(&s->symbols, "guess", from_isn[i]);
        inject(s, CLIENT, "R x+guess:x+guess(0) win 0");
        inject(s, CLIENT, "R. x+guess:x+guess(0) ack c+1 win 0");
    }
    expect_nothing(s);
    expect_count(s, flows_pending, 1);
    inject(s, CLIENT, "R x+19:x+19(0) win 0");
    expect(s, SERVER, "R x+1:x+1(0) win 0");
    expect_nothing(s);
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

/* --- a tuple that is used again -------------------------------------------------------------- */

/* An older connection on this tuple, closed both ways: its entry is still there. A new one has
 * another x. */
static void closed_before(struct scenario *s)
{
    greeted_open(s);
    inject(s, CLIENT, "F. x+11 ack c+12 win 502 <nop,nop,TS val 140 ecr t1>");
    inject(s, SERVER, "F. y+12 ack x+12 win 502 <nop,nop,TS val 5002 ecr 140>");
    inject(s, CLIENT, ". x+12 ack c+13 win 502 <nop,nop,TS val 141 ecr t1>");
    scenario_drain(s);
    expect_count(s, flows_closing, 1);
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    trace_bind(&s->symbols, "x", 99887766);
    step_syn(s);
}

Test(hostile, synack_comes_again_in_spite_of_an_older_closing_connection)
{
    struct scenario *s = attack_scenario();
    closed_before(s);
    pass(s, 1010000);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val * ecr 100,nop,wscale 7>");
    pass(s, 2010000);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val * ecr 100,nop,wscale 7>");
    scenario_end(s);
}

Test(hostile, greeting_comes_again_in_spite_of_an_older_closing_connection)
{
    struct scenario *s = attack_scenario();
    closed_before(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    pass(s, 1010000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    pass(s, 2010000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " GREETING);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 4000 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    expect_nothing(s);
    scenario_end(s);
}

/* --- signed SYNs ----------------------------------------------------------------------------- */

/* How many of `count` SYNs with TCP-AO reach the server at once; none is answered by us. */
static uint32_t signed_syns(struct scenario *s, uint16_t server_port, uint32_t count)
{
    uint32_t reached = 0;
    for (uint32_t i = 0; i < count; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(20000 + i), SERVER_V4, server_port);
        inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,unknown-29>");
        cr_assert_eq(s->out[CLIENT].count, 0);
        reached += s->out[SERVER].count;
        scenario_drain(s);
    }
    return reached;
}

Test(hostile, signed_syns_have_a_hundred_a_second_for_each_server)
{
    struct scenario *s = signed_scenario();
    cr_assert_eq(signed_syns(s, HTTP_PORT, 300), 100);
    cr_assert_eq(signed_syns(s, HTTP_PORT, 300), 0);
    cr_assert_eq(signed_syns(s, POP3_PORT, 300), 100);
    expect_count(s, drops[DROP_open_limit], 700);
    for (uint32_t second = 0; second < 3; second++) {
        pass(s, SECOND_US);
        cr_assert_eq(signed_syns(s, HTTP_PORT, 300), 100);
    }
    expect_count(s, cookies_sent, 0);
    scenario_end(s);
}

/* How many segments of connections older than the engine reach the server at once. */
static uint32_t strays(struct scenario *s, uint32_t count)
{
    uint32_t reached = 0;
    for (uint32_t i = 0; i < count; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(30000 + i), SERVER_V4, HTTP_PORT);
        inject(s, CLIENT, "P. 1000 ack 2000 win 502 | hello");
        reached += s->out[SERVER].count;
        scenario_drain(s);
    }
    return reached;
}

Test(hostile, signed_syns_and_strays_take_nothing_from_each_other)
{
    struct scenario *s = signed_scenario();
    cr_assert_eq(signed_syns(s, HTTP_PORT, 1000), 100);
    cr_assert_eq(strays(s, 1000), 100);
    scenario_end(s);
    s = signed_scenario();
    cr_assert_eq(strays(s, 1000), 100);
    cr_assert_eq(signed_syns(s, HTTP_PORT, 1000), 100);
    scenario_end(s);
}
