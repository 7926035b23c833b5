/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_flow.c - the table of connections: finding, lists, gauges, eviction, time. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/tables/flow.h"
#include "engine/tcp/answer_record.h"
#include "tests/engine/random.h"

#define SECOND_US 1000000ull

static const uint64_t seed[2] = {11, 22};
static bool more; /* of the newest flow_expired() */

struct fixture {
    void *memory;
    struct counters counters;
    struct flow_table table;
};

static void table_of(struct fixture *fixture, uint32_t capacity)
{
    memset(&fixture->counters, 0, sizeof(fixture->counters));
    fixture->memory = aligned_alloc(64, flow_table_bytes(capacity));
    memset(fixture->memory, 0, flow_table_bytes(capacity));
    flow_table_init(&fixture->table, fixture->memory, capacity, seed, &fixture->counters);
}

static struct flow_key key_of(uint32_t number)
{
    struct flow_key key;

    memset(&key, 0, sizeof(key));
    memcpy(key.client.bytes, &number, sizeof(number));
    key.client_port = (uint16_t)(number * 7);
    key.server_port = 80;
    return key;
}

static struct flow *make(struct fixture *fixture, uint32_t number, enum flow_state state,
                         uint64_t now_us)
{
    struct flow_key key = key_of(number);

    return flow_new(&fixture->table, &key, state, now_us);
}

/* What the kernel asks: the row's bit, and only then the entry (tcp/answer_record.h). */
Test(flow, rows_of_known_ones_are_marked_where_there_is_one)
{
    static uint8_t known[ANSWER_KNOWN_BYTES];
    struct flow_key key = key_of(1);
    struct fixture f;
    struct flow *flow;
    uint8_t bit, *row;
    uint32_t at;

    table_of(&f, 64);
    f.table.known = known;
    at = answer_known_at(flow_key_hash(seed, &key));
    row = &known[answer_known_row_at(at)];
    bit = answer_known_row_bit(at);
    flow = make(&f, 1, FLOW_ESTABLISHED, 1);
    cr_assert(known[at] == answer_known_one(flow_key_hash(seed, &key)) && *row == bit);
    known[at ^ 1] = 1; /* of another connection */
    flow_free(&f.table, flow);
    cr_assert(known[at] == 0 && *row == bit);
    known[at ^ 1] = 0;
    *row = 0xff; /* of other rows */
    flow_free(&f.table, make(&f, 1, FLOW_ESTABLISHED, 1));
    cr_assert_eq(*row, (uint8_t)~bit);
    free(f.memory);
}

static uint64_t hash_of(uint32_t number)
{
    struct flow_key key = key_of(number);

    return flow_key_hash(seed, &key);
}

/* The first number whose entry is that of a smaller one, which is told from it by its bits. */
static uint32_t other_in_one_entry(uint32_t *first)
{
    for (uint32_t number = 1;; number++)
        for (*first = 0; *first < number; ++*first)
            if (answer_known_at(hash_of(*first)) == answer_known_at(hash_of(number)) &&
                answer_known_one(hash_of(*first)) != answer_known_one(hash_of(number)))
                return number;
}

Test(flow, of_two_in_one_entry_each_is_known_while_it_is_there)
{
    static uint8_t known[ANSWER_KNOWN_BYTES];
    uint32_t a, b = other_in_one_entry(&a);
    const uint8_t *entry = &known[answer_known_at(hash_of(a))];
    struct flow *flow_a, *flow_b;
    struct fixture f;

    table_of(&f, 64);
    f.table.known = known;
    flow_a = make(&f, a, FLOW_ESTABLISHED, 1);
    cr_assert(answer_known_has(*entry, hash_of(a)));
    cr_assert_not(answer_known_has(*entry, hash_of(b)), "of the other's hash there is none");
    flow_b = make(&f, b, FLOW_ESTABLISHED, 1);
    cr_assert(answer_known_has(*entry, hash_of(a)) && answer_known_has(*entry, hash_of(b)));
    flow_free(&f.table, flow_a);
    cr_assert(answer_known_has(*entry, hash_of(b)));
    cr_assert_not(answer_known_has(*entry, hash_of(a)));
    flow_free(&f.table, flow_b);
    cr_assert_eq(*entry, 0);
    free(f.memory);
}

/* More than can be counted: nobody knows when the last one goes. */
Test(flow, an_entry_that_was_full_stays_so)
{
    static uint8_t known[ANSWER_KNOWN_BYTES];
    const uint8_t *entry = &known[answer_known_at(hash_of(1))];
    struct flow *flows[ANSWER_KNOWN_FULL + 3];
    struct fixture f;

    table_of(&f, 64);
    f.table.known = known;
    for (uint32_t i = 0; i < ANSWER_KNOWN_FULL - 1; i++)
        flows[i] = make(&f, 1, FLOW_ESTABLISHED, 1);
    for (uint32_t i = 0; i < ANSWER_KNOWN_FULL - 1; i++)
        flow_free(&f.table, flows[i]);
    cr_assert_eq(*entry, 0, "as many as can be counted");
    for (uint32_t i = 0; i < ANSWER_KNOWN_FULL + 3; i++)
        flows[i] = make(&f, 1, FLOW_ESTABLISHED, 1);
    for (uint32_t i = 0; i < ANSWER_KNOWN_FULL + 3; i++)
        flow_free(&f.table, flows[i]);
    cr_assert(answer_known_has(*entry, hash_of(1)) && answer_known_has(*entry, hash_of(2)));
    free(f.memory);
}

Test(flow, entry_fits_its_budget)
{
    cr_assert_leq(flow_table_bytes(1 << 17), (size_t)128 << 17,
                  "at most 128 bytes a flow, index and all");
}

Test(flow, found_by_key_until_freed)
{
    struct fixture f;
    struct flow_key key = key_of(1), other = key_of(2);
    struct flow *flow;

    table_of(&f, 8);
    cr_assert_null(flow_find(&f.table, &key));
    flow = make(&f, 1, FLOW_HALF_OPEN, 0);
    cr_assert_eq(flow_find(&f.table, &key), flow);
    cr_assert_null(flow_find(&f.table, &other));
    flow_free(&f.table, flow);
    cr_assert_null(flow_find(&f.table, &key));
    free(f.memory);
}

/*
 * Two entries in one bucket whose tags differ in the lowest bit at most; the second is freed. What
 * looks for it must not meet what is left of it in its place, whatever the tag.
 */
Test(flow, freed_one_is_not_found_in_its_old_place)
{
    enum { NUMBERS = 4000 };
    struct fixture f;

    table_of(&f, 16);
    for (uint32_t first = 0; first < NUMBERS; first++) {
        struct flow_key key = key_of(first);
        uint64_t hash = flow_key_hash(seed, &key);

        if (hash >> 56 > 2)
            continue;
        for (uint32_t second = 0; second < NUMBERS; second++) {
            struct flow_key other = key_of(second);
            uint64_t with = flow_key_hash(seed, &other);
            struct flow *stays, *goes;

            if (second == first || with >> 56 > 2 ||
                flow_home(&f.table, with) != flow_home(&f.table, hash))
                continue;
            stays = make(&f, first, FLOW_ESTABLISHED, 0);
            goes = make(&f, second, FLOW_ESTABLISHED, 0);
            flow_free(&f.table, goes);
            cr_assert_null(flow_find(&f.table, &other), "%u and %u: freed, and found", first,
                           second);
            cr_assert_eq(flow_find(&f.table, &key), stays);
            flow_free(&f.table, stays);
        }
    }
    free(f.memory);
}

Test(flow, gauges_follow_the_states)
{
    struct fixture f;
    struct flow *flow;

    table_of(&f, 8);
    flow = make(&f, 1, FLOW_HALF_OPEN, 0);
    cr_assert_eq(f.counters.flows_tracked, 1);
    flow_set_state(&f.table, flow, FLOW_ESTABLISHED, 0);
    cr_assert_eq(f.counters.flows_tracked, 1);
    flow_set_state(&f.table, flow, FLOW_OPENING, 0);
    cr_assert_eq(f.counters.flows_tracked, 0);
    cr_assert_eq(f.counters.flows_pending, 1);
    flow_set_state(&f.table, flow, FLOW_SPLICED, 0);
    cr_assert_eq(f.counters.flows_pending, 0);
    cr_assert_eq(f.counters.flows_spliced, 1);
    flow_set_state(&f.table, flow, FLOW_CLOSING, 0);
    cr_assert_eq(f.counters.flows_spliced, 0);
    cr_assert_eq(f.counters.flows_closing, 1);
    flow_free(&f.table, flow);
    cr_assert_eq(f.counters.flows_closing, 0);
    free(f.memory);
}

Test(flow, live_ones_never_make_room)
{
    struct fixture f;
    struct flow *half_open, *closing;

    table_of(&f, 4);
    half_open = make(&f, 1, FLOW_HALF_OPEN, 0);
    make(&f, 2, FLOW_ESTABLISHED, 0);
    make(&f, 3, FLOW_SPLICED, 0);
    cr_assert_null(flow_evictable(&f.table, FLOW_OPENING, 0), "there is room");
    closing = make(&f, 4, FLOW_CLOSING, 0);
    cr_assert_eq(flow_evictable(&f.table, FLOW_OPENING, 0), closing);
    flow_free(&f.table, closing);
    make(&f, 5, FLOW_OPENING, 0);
    cr_assert_eq(flow_evictable(&f.table, FLOW_OPENING, 0), half_open);
    flow_free(&f.table, half_open);
    make(&f, 6, FLOW_OUTBOUND, 0);
    cr_assert_null(flow_evictable(&f.table, FLOW_OPENING, 0), "live and opening flows stay");
    cr_assert_null(make(&f, 7, FLOW_HALF_OPEN, 0), "the table is full");
    free(f.memory);
}

/* Opened, closed by the server, and left: no such memory keeps a proved client out for two hours.
 */
Test(flow, abandoned_ones_make_room_for_proved_ones)
{
    const uint64_t later_us = 241 * SECOND_US;
    struct fixture f;
    struct flow *idle, *closed;

    table_of(&f, 2);
    idle = make(&f, 1, FLOW_ESTABLISHED, 0);
    closed = make(&f, 2, FLOW_ESTABLISHED, 0);
    cr_assert_null(flow_evictable(&f.table, FLOW_OPENING, later_us), "idle only");
    closed->flags |= FLOW_SERVER_FIN;
    idle->flags |= FLOW_CLIENT_FIN; /* the server may be at work on its answer */
    cr_assert_eq(flow_evictable(&f.table, FLOW_OPENING, later_us), closed);
    cr_assert_null(flow_evictable(&f.table, FLOW_HALF_OPEN, later_us),
                   "not for what can be spoofed");
    closed->used = flow_clock(later_us - SECOND_US);
    cr_assert_null(flow_evictable(&f.table, FLOW_OPENING, later_us), "its client still speaks");
    free(f.memory);
}

Test(flow, oldest_of_its_kind_goes_first)
{
    struct fixture f;
    struct flow *first, *second;

    table_of(&f, 2);
    first = make(&f, 1, FLOW_HALF_OPEN, 0);
    second = make(&f, 2, FLOW_HALF_OPEN, 0);
    cr_assert_eq(flow_evictable(&f.table, FLOW_OPENING, 0), first);
    flow_renew(&f.table, first, SECOND_US);
    cr_assert_eq(flow_evictable(&f.table, FLOW_OPENING, 0), second);
    free(f.memory);
}

Test(flow, half_open_lives_a_minute_closing_four)
{
    struct fixture f;
    struct flow *half_open, *closing;

    table_of(&f, 4);
    half_open = make(&f, 1, FLOW_HALF_OPEN, 0);
    closing = make(&f, 2, FLOW_CLOSING, 0);
    cr_assert_leq(flow_next_expiry(&f.table, 0), 60 * SECOND_US);
    cr_assert_null(flow_expired(&f.table, 59 * SECOND_US, 10, &more));
    cr_assert_eq(flow_expired(&f.table, 61 * SECOND_US, 10, &more), half_open);
    flow_free(&f.table, half_open);
    cr_assert_null(flow_expired(&f.table, 239 * SECOND_US, 10, &more));
    cr_assert_eq(flow_expired(&f.table, 241 * SECOND_US, 10, &more), closing);
    flow_free(&f.table, closing);
    cr_assert_eq(flow_next_expiry(&f.table, 241 * SECOND_US), UINT64_MAX);
    free(f.memory);
}

/* Each once a fifth of a second after it began, in order, whoever leaves meanwhile. */
Test(flow, waiting_ones_are_told_of_once)
{
    struct fixture f;
    struct flow *flows[5];

    table_of(&f, 8);
    cr_assert_eq(flow_next_waiting(&f.table, 0), UINT64_MAX);
    for (uint32_t i = 0; i < 5; i++)
        flows[i] = make(&f, i, FLOW_HALF_OPEN, i * SECOND_US / 10);
    cr_assert_null(flow_waiting(&f.table, SECOND_US / 8));
    cr_assert_geq(flow_next_waiting(&f.table, 0), SECOND_US / 8);
    cr_assert_leq(flow_next_waiting(&f.table, 0), SECOND_US / 5);
    cr_assert_eq(flow_waiting(&f.table, 2 * SECOND_US), flows[0]);
    flow_free(&f.table, flows[1]);
    flow_set_state(&f.table, flows[2], FLOW_ESTABLISHED, 2 * SECOND_US);
    cr_assert_eq(flow_waiting(&f.table, 2 * SECOND_US), flows[3]);
    flow_free(&f.table, flows[4]);
    cr_assert_null(flow_waiting(&f.table, 2 * SECOND_US));
    cr_assert_eq(flow_next_waiting(&f.table, 2 * SECOND_US), UINT64_MAX);
    flow_waiting_anew(&f.table);
    cr_assert_eq(flow_waiting(&f.table, 2 * SECOND_US), flows[0]);
    cr_assert_eq(flow_waiting(&f.table, 2 * SECOND_US), flows[3]);
    make(&f, 6, FLOW_ASKING, 2 * SECOND_US);
    cr_assert_null(flow_waiting(&f.table, 4 * SECOND_US), "the server side's own may wait");
    free(f.memory);
}

/* The header of its SYN stands where later states have their offsets. */
Test(flow, link_is_cleared_where_offsets_begin)
{
    struct fixture f;
    struct flow *flow;

    table_of(&f, 4);
    flow = make(&f, 1, FLOW_HALF_OPEN, 0);
    memset(&flow->link, 0xff, sizeof(flow->link));
    flow_set_state(&f.table, flow, FLOW_ESTABLISHED, 0);
    cr_assert_eq(flow->delta | flow->ts_delta | flow->ack_floor | flow->tsecr_floor, 0);
    free(f.memory);
}

/* RFC 5382 REQ-5: an idle connection is kept for 2 h 4 min; one that is used, for ever. */
Test(flow, live_one_expires_only_when_idle)
{
    struct fixture f;
    struct flow *flow;
    uint64_t now_us, used_until_us = 3 * 7440 * SECOND_US;

    table_of(&f, 4);
    flow = make(&f, 1, FLOW_SPLICED, 0);
    for (now_us = 0; now_us < used_until_us; now_us += 600 * SECOND_US) {
        flow->used = flow_clock(now_us);
        cr_assert_null(flow_expired(&f.table, now_us, 10, &more), "in use at %llu s",
                       (unsigned long long)(now_us / SECOND_US));
    }
    now_us -= 600 * SECOND_US;
    for (uint64_t idle_s = 0; idle_s < 7430; idle_s += 61)
        cr_assert_null(flow_expired(&f.table, now_us + idle_s * SECOND_US, 10, &more),
                       "idle for %llu s", (unsigned long long)idle_s);
    cr_assert_eq(flow_expired(&f.table, now_us + 7520 * SECOND_US, 10, &more), flow);
    free(f.memory);
}

Test(flow, looking_through_live_ones_is_bounded)
{
    struct fixture f;

    table_of(&f, 64);
    for (uint32_t number = 0; number < 64; number++)
        make(&f, number, FLOW_ESTABLISHED, 0);
    cr_assert_null(flow_expired(&f.table, 61 * SECOND_US, 10, &more));
    cr_assert(more);
    cr_assert_leq(flow_next_expiry(&f.table, 61 * SECOND_US), 61 * SECOND_US,
                  "54 of them are still to be looked at");
    free(f.memory);
}

/* Random life: what the table says is what a plain array says. */
Test(flow, agrees_with_a_plain_array)
{
    enum { COUNT = 200, CAPACITY = 256 };
    struct random random = random_begin("flow");
    bool there[COUNT] = {false};
    struct fixture f;

    table_of(&f, CAPACITY);
    for (int step = 0; step < 50000; step++) {
        uint32_t number = random_below(&random, COUNT);
        struct flow_key key = key_of(number);
        struct flow *flow = flow_find(&f.table, &key);

        cr_assert_eq(flow != NULL, there[number]);
        if (!flow)
            make(&f, number, (enum flow_state)(FLOW_HALF_OPEN + random_below(&random, 7)), 0);
        else if (random_below(&random, 2))
            flow_set_state(&f.table, flow,
                           (enum flow_state)(FLOW_HALF_OPEN + random_below(&random, 7)), 0);
        else
            flow_free(&f.table, flow);
        there[number] = flow_find(&f.table, &key) != NULL;
    }
    free(f.memory);
}

Test(flow, every_state_has_its_own_name)
{
    for (int a = 0; a < FLOW_STATES; a++)
        for (int b = 0; b < a; b++)
            cr_assert_str_neq(flow_state_name((enum flow_state)a),
                              flow_state_name((enum flow_state)b));
}

/* A SYN can be spoofed: it pushes out other SYNs before anything that was proved. */
Test(flow, half_open_ones_make_room_for_half_open_ones)
{
    struct fixture f;
    struct flow *half_open, *closing;

    table_of(&f, 2);
    closing = make(&f, 1, FLOW_CLOSING, 0);
    half_open = make(&f, 2, FLOW_HALF_OPEN, 0);
    cr_assert_eq(flow_evictable(&f.table, FLOW_HALF_OPEN, 0), half_open);
    cr_assert_eq(flow_evictable(&f.table, FLOW_ASKING, 0), half_open, "it has an eighth");
    cr_assert_eq(flow_evictable(&f.table, FLOW_OPENING, 0), closing);
    cr_assert_eq(flow_evictable(&f.table, FLOW_ESTABLISHED, 0), closing);
    flow_set_state(&f.table, half_open, FLOW_ESTABLISHED, 0);
    cr_assert_eq(flow_evictable(&f.table, FLOW_HALF_OPEN, 0), closing, "the last resort");
    free(f.memory);
}

Test(flow, closing_one_stays_while_it_is_used)
{
    struct fixture f;
    struct flow *flow;

    table_of(&f, 2);
    flow = make(&f, 1, FLOW_CLOSING, 0);
    flow->used = flow_clock(200 * SECOND_US);
    cr_assert_null(flow_expired(&f.table, 241 * SECOND_US, 10, &more), "used 41 s ago");
    cr_assert_eq(flow_expired(&f.table, 490 * SECOND_US, 10, &more), flow);
    free(f.memory);
}

/* What the server side alone has spoken of goes before all else, for whoever comes. */
Test(flow, picked_up_ones_make_room_first)
{
    static const enum flow_state asked_for[] = {FLOW_HALF_OPEN, FLOW_OPENING, FLOW_ESTABLISHED,
                                                FLOW_KEPT};
    struct fixture f;
    struct flow *picked_up;

    table_of(&f, 4);
    make(&f, 1, FLOW_CLOSING, 0);
    make(&f, 2, FLOW_HALF_OPEN, 0);
    make(&f, 3, FLOW_ESTABLISHED, 0);
    picked_up = make(&f, 4, FLOW_PICKED_UP, 0);
    for (size_t i = 0; i < sizeof(asked_for) / sizeof(asked_for[0]); i++)
        cr_assert_eq(flow_evictable(&f.table, asked_for[i], 0), picked_up);
    free(f.memory);
}

/* Of others it takes an eighth of the table; then it makes room for its like. */
Test(flow, picked_up_ones_have_an_eighth_where_the_table_is_full)
{
    struct fixture f;
    uint32_t number = 0;

    table_of(&f, 64);
    while (number < 64)
        make(&f, number++, FLOW_HALF_OPEN, 0);
    for (int i = 0; i < 100; i++) {
        flow_free(&f.table, flow_evictable(&f.table, FLOW_PICKED_UP, 0));
        make(&f, number++, FLOW_PICKED_UP, 0);
    }
    cr_assert_eq(f.table.lists[FLOW_LIST_HALF_OPEN].count, 55);
    cr_assert_eq(f.table.lists[FLOW_LIST_PICKED_UP].count, 9);
    free(f.memory);
}

/* A MAC that invents them pushes out its own, and leaves others' alone. */
Test(flow, picked_up_ones_of_the_largest_mac_make_room)
{
    static const uint8_t server[6] = {2, 0, 0, 0, 0, 1}, flooder[6] = {2, 0, 0, 0, 0, 2};
    struct fixture f;
    struct flow *honest[10];
    uint32_t number = 0;

    table_of(&f, 64);
    while (number < 10) {
        honest[number] = make(&f, number, FLOW_PICKED_UP, 0);
        flow_note_mac(&f.table, honest[number++], server);
    }
    for (int i = 0; i < 10000; i++) {
        struct flow *old = flow_evictable(&f.table, FLOW_PICKED_UP, 0);

        if (old)
            flow_free(&f.table, old);
        flow_note_mac(&f.table, make(&f, number++, FLOW_PICKED_UP, 0), flooder);
    }
    for (uint32_t i = 0; i < 10; i++) {
        struct flow_key key = key_of(i);

        cr_assert_eq(flow_find(&f.table, &key), honest[i], "%u was pushed out", i);
        flow_set_state(&f.table, honest[i], FLOW_ESTABLISHED, 0);
        cr_assert_eq(honest[i]->delta, 0, "where the MAC stood");
    }
    for (uint32_t place = 0, held = 0; place < FLOW_MAC_PLACES; place++) {
        held += f.table.picked_up_by[place];
        cr_assert(place + 1 < FLOW_MAC_PLACES || held == 54, "%u are counted", held);
    }
    free(f.memory);
}
