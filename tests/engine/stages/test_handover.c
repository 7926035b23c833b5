/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/handover.c: what one shard leaves, and another goes on with. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/stages/handover.h"
#include "engine/tables/carried.h"
#include "tests/engine/support_engine.h"

#define RESET_OF_CLIENT .flags = "R.", .window_closed = true
#define BREAK_US        (300 * 1000)

/* The old shard's openings end; what it says at that is in its queue. */
static void end(struct bench *b)
{
    while (handover_end(b->engine, b->now_us))
        bench_wait(b, 1);
    bench_wait(b, 1);
}

static void hand_servers_and_tags(struct bench *from, struct bench *to)
{
    struct handed_server server;
    struct handed_tag tag;
    uint32_t cursor = 0;

    while (handover_servers(from->engine, &cursor, &server, 1))
        takeover_server(to->engine, &server, to->now_us);
    for (int which = 0; which < HANDED_TAGS; which++) {
        cursor = 0;
        while (handover_tags(from->engine, (enum handed_tags)which, &cursor, &tag, 1))
            takeover_tag(to->engine, (enum handed_tags)which, &tag);
    }
}

static void hand_waiting(struct bench *from, struct bench *to)
{
    struct handed_waiting waiting;
    uint32_t cursor = 0;

    while (handover_waiting(from->engine, &cursor, &waiting, 1))
        takeover_waiting(to->engine, &waiting, to->now_us);
}

/* A shard that goes on where this one ends, a moment later. */
static struct bench *successor(struct bench *from, enum mode_setting setting)
{
    struct bench *to = bench_new(setting);
    struct handed_flow flow;
    struct handed_watch watch;
    uint32_t cursor = 0;

    end(from);
    to->now_us = from->now_us + BREAK_US;
    hand_servers_and_tags(from, to);
    while (handover_flows(from->engine, &cursor, &flow, 1))
        cr_assert(takeover_flow(to->engine, &flow, to->now_us));
    cursor = 0;
    while (handover_watches(from->engine, &cursor, &watch, 1))
        takeover_watch(to->engine, &watch);
    hand_waiting(from, to);
    to->server = from->server;
    bench_end(from);
    return to;
}

Test(handover, splice_goes_on)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, "mss=1460 nop nop sack nop ws=3");

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "data");
    take(b, SIDE_CLIENT);
    b = successor(b, SETTING_ATTACK);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    cr_assert_eq(bench_counters(b)->flows_spliced, 1);
    cr_assert_eq(bench_server(b, HTTP)->held, 1);
    server_says(b, .flags = "P.", .seq = Y + 5, .ack = X + 19, .payload = "more", .window = 800);
    to_client(b, .flags = "P.", .seq = c + 5, .ack = X + 19, .payload = "more", .window = 50);
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 9, .options = "nop nop blocks=0-0");
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 9, .options = ANY_OPTIONS);
    client_says(b, .flags = "F.", .seq = X + 19, .ack = c + 9);
    to_server(b, .flags = "F.", .seq = X + 19, .ack = Y + 9);
    server_says(b, .flags = "F.", .seq = Y + 9, .ack = X + 20);
    to_client(b, .flags = "F.", .seq = c + 9, .ack = X + 20);
    b = successor(b, SETTING_ATTACK);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    client_says(b, .flags = ".", .seq = X + 20, .ack = c + 10);
    to_server(b, .flags = ".", .seq = X + 20, .ack = Y + 10);
    bench_end(b);
}

Test(handover, timestamps_go_on)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, tsval, later;

    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 sack ts=100/0 nop ws=7");
    c = take(b, SIDE_CLIENT)->seq;
    tsval = b->seen_options.tsval;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .options = ts(110, tsval),
                .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1,
                .options = "mss=1460 sack ts=700/110 nop ws=7");
    take(b, SIDE_SERVER);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .options = ts(701, 110));
    take(b, SIDE_CLIENT);
    later = b->seen_options.tsval;
    cr_assert_gt((int32_t)(later - tsval), 0);
    b = successor(b, SETTING_ATTACK);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .options = ts(702, 110));
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19, .options = ts(later + 1, 110));
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .options = ts(120, later + 1));
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1, .options = ts(120, 702));
    bench_end(b);
}

Test(handover, plain_connections_and_handshakes_go_on)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    bench_forget(b);
    bench_client(b, 2);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    bench_forget(b);
    b = successor(b, SETTING_ATTACK);
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->flows_tracked + bench_counters(b)->flows_pending, 2);
    bench_client(b, 2);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_end(b);
}

Test(handover, cookie_is_good_once)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    b = successor(b, SETTING_ATTACK);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    server_says(b, .flags = "R", .seq = Y + 1);
    take(b, SIDE_CLIENT);
    /* The next does not know the connection, but that its request was served. */
    {
        struct bench *next = bench_new(SETTING_ATTACK);

        next->now_us = b->now_us + BREAK_US;
        hand_servers_and_tags(b, next);
        bench_end(b);
        b = next;
    }
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    bench_end(b);
}

Test(handover, cookie_of_a_server_that_is_no_longer_attacked)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    b = successor(b, SETTING_NORMAL);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

Test(handover, mode_of_a_server_is_kept)
{
    struct bench *b = bench_new(SETTING_AUTO);

    engine_set_mode(b->engine, &bench_server(b, HTTP)->key, MODE_ATTACK, TRIGGER_SYN_RATE, 9000,
                    b->now_us);
    b = successor(b, SETTING_AUTO);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_ATTACK);
    cr_assert_eq(bench_server(b, HTTP)->cause, TRIGGER_SYN_RATE);
    cr_assert_eq(bench_server(b, HTTP)->cause_value, 9000);
    cr_assert_eq(bench_server(b, POP3)->mode, MODE_NORMAL);
    bench_end(b);
}

/* How long it needs in calm cannot be learned again before the attack is over. */
Test(handover, what_is_known_of_a_server_is_kept)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    bench_server(b, HTTP)->answers = (struct answers){.usual = 40, .seen = ANSWERS_KNOWN};
    bench_server(b, HTTP)->held_peak = 70;
    bench_server(b, HTTP)->capacity.opened = 5000;
    b = successor(b, SETTING_ATTACK);
    cr_assert_eq(bench_server(b, HTTP)->answers.usual, 40);
    cr_assert_eq(bench_server(b, HTTP)->answers.seen, ANSWERS_KNOWN);
    cr_assert_eq(bench_server(b, HTTP)->held_peak, 70);
    cr_assert_eq(bench_server(b, HTTP)->capacity.opened, 5000);
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    cr_assert_eq(bench_server(b, HTTP)->capacity.opened, 5000, "older connections have numbers");
    bench_end(b);
}

/* The pause is none of it. */
Test(handover, what_is_usual_is_kept)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    struct trigger_counts *counts = &bench_server(b, HTTP)->counts;
    struct handed_server wrong = {
        .key = bench_server(b, POP3)->key, .usual = UINT64_MAX, .usual_windows = UINT32_MAX};

    counts->usual = 300 * USUAL_SCALE;
    counts->usual_windows = USUAL_WINDOWS;
    b = successor(b, SETTING_NORMAL);
    counts = &bench_server(b, HTTP)->counts;
    cr_assert_eq(trigger_usual(counts), 300);
    trigger_follow_usual(counts, b->now_us);
    cr_assert_eq(trigger_usual(counts), 300);
    takeover_server(b->engine, &wrong, b->now_us);
    counts = &bench_server(b, POP3)->counts;
    cr_assert_eq(counts->usual, USUAL_MOST);
    cr_assert_eq(counts->usual_windows, USUAL_WINDOWS_MAX);
    bench_end(b);
}

/* Who had taken over the old process may have written anything. */
Test(handover, values_that_no_shard_has_are_refused)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    struct handed_flow good = {0}, flow;
    uint32_t cursor = 0;

    handshake(b, OFFERS, OFFERS);
    bench_forget(b);
    cr_assert_eq(handover_flows(b->engine, &cursor, &good, 1), 1);
    bench_end(b);
    b = bench_new(SETTING_NORMAL);
    for (int which = 0; which < 4; which++) {
        flow = good;
        flow.to_client_shift = which == 0 ? 15 : 0;
        flow.to_server_shift = which == 1 ? -128 : 0;
        flow.client_scale = which == 2 ? 255 - 1 : 7;
        flow.state = which == 3 ? 200 : good.state;
        cr_assert_not(takeover_flow(b->engine, &flow, b->now_us), "%d", which);
    }
    cr_assert(takeover_flow(b->engine, &good, b->now_us));
    bench_end(b);
}

/* Its client was told nothing of the request, and says it again. */
Test(handover, opening_begins_anew)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    end(b);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    b = successor(b, SETTING_ATTACK);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

/* A client that waits for a greeting has nothing to repeat: what it was told, and may not have got,
 * it is told again. */
Test(handover, client_that_waits_for_a_greeting_is_told_again)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    b->server = POP3;
    c = get_cookie(b, OFFERS);
    for (int i = 0; i < 3; i++) {
        b = successor(b, SETTING_ATTACK); /* each time a break of 0.3 s */
        bench_wait(b, 1);
        nothing(b);
    }
    b = successor(b, SETTING_ATTACK);
    bench_wait(b, 1);
    to_client(b, .flags = "S.", .seq = c, .ack = X + 1, .options = OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    b = successor(b, SETTING_ATTACK);
    bench_wait(b, SECOND_US + SECOND_US / 10);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1 + GREETING_LENGTH);
    nothing(b);
    b = successor(b, SETTING_ATTACK);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
}

/* Its ACK comes while the openings end, and nobody remembers its SYN-ACK: the next one asks it. */
Test(handover, who_proves_itself_while_the_wire_is_handed_on_is_asked_by_the_next_one)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    b->server = POP3;
    c = get_cookie(b, OFFERS);
    bench_forget_synack(b);
    end(b);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    dropped(b, no_room);
    b = successor(b, SETTING_ATTACK);
    client_says(b, .flags = "S", .seq = X + 5, .options = OFFERS);
    take(b, SIDE_CLIENT); /* somebody else's, in its name */
    bench_wait(b, SECOND_US + 1000);
    to_client(b, .flags = "S.", .seq = c, .ack = X + 1, .options = OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    bench_end(b);
}

Test(handover, waiting_client_that_no_shard_has_is_refused)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const struct handed_waiting good = {.window_scale = 7, .link = {.length = ETH_HEADER_BYTES}};

    for (int which = 0; which < 4; which++) {
        struct handed_waiting waiting = good;

        waiting.key.client_port = (uint16_t)which;
        if (which == 1)
            waiting.link.length = LINK_HEADER_MAX + 1;
        if (which == 2)
            waiting.link.length = ETH_HEADER_BYTES - 1;
        if (which == 3)
            waiting.window_scale = WSCALE_NONE + 1;
        takeover_waiting(b->engine, &waiting, b->now_us);
        cr_assert_eq(resend_count(b->engine->synacks), 1, "%d", which);
    }
    bench_end(b);
}

/* The same of a client whom we have greeted for its server, before or behind its SYN-ACK. */
Test(handover, opening_of_one_that_was_greeted_begins_anew)
{
    for (int accepted = 0; accepted < 2; accepted++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        uint32_t c;

        b->server = POP3;
        c = get_cookie(b, OFFERS);
        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
        to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1 + GREETING_LENGTH,
                    .payload = USER);
        to_server(b, .flags = "S", .seq = X, .options = OFFERS);
        if (accepted) {
            server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
            to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
            cr_assert_str_eq(bench_flow_state(b), "greeting");
        }
        end(b);
        to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
        nothing(b);
        b = successor(b, SETTING_ATTACK);
        cr_assert_str_eq(bench_flow_state(b), accepted ? "closing" : "none");
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1 + GREETING_LENGTH,
                    .payload = USER);
        to_server(b, .flags = "S", .seq = X, .options = OFFERS);
        server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
        server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
        to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1 + GREETING_LENGTH, .payload = USER);
        cr_assert_str_eq(bench_flow_state(b), "spliced");
        bench_end(b);
    }
}

/* What its server says all the same, as our reset was lost, is in the way of nobody. */
Test(handover, greeting_of_a_connection_that_was_forgotten)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = open_pop3(b);

    end(b);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    b = successor(b, SETTING_ATTACK);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_client(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    client_says(b, .flags = ".", .seq = X + 1 + sizeof(USER) - 1, .ack = c + 1 + GREETING_LENGTH);
    nothing(b);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1 + GREETING_LENGTH, .payload = USER);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

/* Of another version nothing is known but that it was. */
Test(handover, lost_connection_is_reset_at_both_ends)
{
    struct bench *b = bench_new(SETTING_ATTACK), *next;
    uint32_t c = open_http(b, OFFERS, OFFERS), cursor = 0;
    struct handed_flow flow;

    cr_assert_eq(handover_flows(b->engine, &cursor, &flow, 1), 1);
    cr_assert(flow.edited);
    next = bench_new(SETTING_NORMAL);
    cr_assert(takeover_lost(next->engine, &flow.key, next->now_us));
    cr_assert_not(takeover_lost(next->engine, &flow.key, next->now_us), "once");
    bench_end(b);
    server_says(next, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "data");
    to_server(next, .flags = "R", .seq = X + 19, .window_closed = true);
    client_says(next, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = "more");
    to_client(next, .flags = "R", .seq = c + 1, .window_closed = true);
    bench_end(next);
}

/* Who is watched for being slow still is. */
Test(handover, watch_goes_on)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const struct watched *watched;

    open_http(b, OFFERS, OFFERS);
    b = successor(b, SETTING_ATTACK);
    watched = watch_of(b->engine->held.watch, &b->engine->flows, bench_flow(b));
    cr_assert_not_null(watched);
    cr_assert_neq(watched->to_server.bytes, 0);
    bench_end(b);
}

/* What is no state of ours, or is there already, is not taken. */
Test(handover, what_is_handed_is_looked_at)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct handed_flow flow;
    struct handed_tag tag = {UINT32_MAX, 5};
    uint32_t cursor = 0;

    open_http(b, OFFERS, OFFERS);
    cr_assert_eq(handover_flows(b->engine, &cursor, &flow, 1), 1);
    cr_assert_not(takeover_flow(b->engine, &flow, b->now_us), "it is there");
    flow.key.client_port++;
    flow.state = FLOW_OPENING;
    cr_assert_not(takeover_flow(b->engine, &flow, b->now_us));
    flow.state = 200;
    cr_assert_not(takeover_flow(b->engine, &flow, b->now_us));
    takeover_tag(b->engine, HANDED_SLOW, &tag);
    bench_end(b);
}

/* --- joined ones that the kernel carries ------------------------------------------------------ */

static struct flow_record records[64];

static struct bench *begin_carried(struct flow_record *to, uint32_t flows_max)
{
    struct engine_config config;

    bench_config(&config);
    if (flows_max)
        config.flows_max = flows_max;
    config.records = to;
    return bench_new_sized(SETTING_ATTACK, &config);
}

static struct flow_record *record_of(struct bench *b)
{
    return &records[flow_index(&b->engine->flows, bench_flow(b))];
}

static uint32_t added(struct bench *b)
{
    struct carried *carried = engine_carried(b->engine);
    const uint32_t count = carried->orders_count;

    carried->orders_count = 0;
    return count;
}

/* Of a joined connection, for the engine that comes after. */
static struct handed_flow joined_row(void)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct handed_flow row;
    uint32_t cursor = 0;

    open_http(b, OFFERS, OFFERS);
    cr_assert_eq(handover_flows(b->engine, &cursor, &row, 1), 1);
    bench_end(b);
    return row;
}

/* That engine, with its kernel. */
static struct bench *takes_over(const struct handed_flow *row)
{
    struct bench *b;
    uint32_t cursor = 0;

    memset(records, 0, sizeof(records));
    b = begin_carried(records, 0);
    cr_assert(takeover_flow(b->engine, row, b->now_us));
    cr_assert_not(takeover_carry(b->engine, &cursor));
    return b;
}

Test(handover, what_is_joined_is_carried_before_any_of_it_comes_up)
{
    const struct handed_flow row = joined_row();
    struct bench *b = takes_over(&row);

    cr_assert_eq(added(b), 1);
    cr_assert_eq(record_gate(record_of(b)->way[SIDE_CLIENT]), RECORD_JOIN);
    cr_assert_eq(record_gate(record_of(b)->way[SIDE_SERVER]), RECORD_JOIN);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_CLIENT]), X + 19);
    cr_assert_eq(record_of(b)->delta, row.words[0]);
    cr_assert(record_of(b)->flags & RECORD_EDIT);
    bench_end(b);
}

Test(handover, more_than_orders_fit_is_carried_in_pieces)
{
    static struct flow_record many[CARRIED_ORDERS + 1];
    struct handed_flow row = joined_row();
    struct bench *b = begin_carried(many, CARRIED_ORDERS + 1);
    uint32_t cursor = 0;

    for (uint32_t i = 0; i <= CARRIED_ORDERS; i++) {
        row.key.client_port = (uint16_t)(1 + i);
        cr_assert(takeover_flow(b->engine, &row, b->now_us));
    }
    cr_assert(takeover_carry(b->engine, &cursor));
    cr_assert_eq(added(b), CARRIED_ORDERS);
    cr_assert_not(takeover_carry(b->engine, &cursor));
    cr_assert_eq(added(b), 1);
    bench_end(b);
}

Test(handover, what_the_old_kernel_has_carried_since_counts)
{
    struct handed_flow row = joined_row();
    struct bench *b = takes_over(&row);
    const uint32_t floor = row.words[2];

    row.client_next += 100;
    row.server_next += 1000;
    row.words[2] += 500;
    takeover_again(b->engine, &row, b->now_us);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_CLIENT]), X + 119);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), row.server_next);
    cr_assert_eq(record_of(b)->ack_floor, floor + 500);
    record_of(b)->way[SIDE_SERVER] =
        record_way(record_of(b)->serial, RECORD_CARRY, row.server_next + 1000);
    takeover_again(b->engine, &row, b->now_us);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), row.server_next + 1000,
                 "our kernel was faster");
    row.words[0]++;
    row.server_next += 5000;
    takeover_again(b->engine, &row, b->now_us);
    cr_assert_eq(record_next(record_of(b)->way[SIDE_SERVER]), row.server_next - 4000,
                 "of an older connection between the same ports");
    row.words[0]--;
    row.server_next -= 5000;
    row.flags |= FLOW_SERVER_FIN;
    takeover_again(b->engine, &row, b->now_us);
    cr_assert(bench_flow(b)->flags & FLOW_SERVER_FIN);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    row.flags |= FLOW_CLIENT_FIN;
    row.state = FLOW_CLOSING;
    takeover_again(b->engine, &row, b->now_us);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    takeover_again(b->engine, &row, b->now_us);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    bench_end(b);
}
