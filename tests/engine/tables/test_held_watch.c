/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/held_watch.c: who lets whom wait. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tables/held_watch.h"
#include "tests/engine/random.h"

#define SECOND_US 1000000ull
#define START_US  (1000 * SECOND_US)

/* One flow that is spliced, its server at number 1, its client's numbers from 100, its server's
 * from 500. */
struct watch_bench {
    struct counters counters;
    struct flow_table flows;
    void *memory;
    struct held_watch *watch;
    struct flow *flow;
    struct flow_cold *cold;
    struct watched *watched;
    uint64_t now_us;
};

static struct watch_bench *watch_bench(void)
{
    static const uint64_t seed[2] = {1, 2};
    struct watch_bench *b = calloc(1, sizeof(*b));
    struct flow_key key = {.client_port = 1, .server_port = 80};

    b->now_us = START_US;
    b->memory = aligned_alloc(64, flow_table_bytes(64));
    memset(b->memory, 0, flow_table_bytes(64));
    flow_table_init(&b->flows, b->memory, 64, seed, &b->counters);
    b->watch = calloc(1, sizeof(*b->watch));
    b->flow = flow_new(&b->flows, &key, FLOW_SPLICED, b->now_us);
    b->cold = flow_cold(&b->flows, b->flow);
    b->cold->server = 1;
    b->cold->client_next = 100;
    b->cold->server_next = b->flow->ack_floor = 500;
    b->watched = watch_begin(b->watch, &b->flows, b->flow);
    return b;
}

static void watch_end(struct watch_bench *b)
{
    free(b->watch);
    free(b->memory);
    free(b);
}

/* So many bytes of both sides, each second, for so long, with a look each second. */
static enum watch_class passes(struct watch_bench *b, uint32_t seconds, uint32_t asked,
                               uint32_t answered)
{
    enum watch_class class = WATCH_WELL;

    for (uint32_t i = 0; i < seconds; i++) {
        b->cold->client_next += asked;
        b->cold->server_next += answered;
        b->now_us += SECOND_US;
        class = watch_look(b->watched, &b->flows, b->flow, WATCH_BYTES_PER_SECOND, b->now_us);
    }
    return class;
}

Test(held_watch, nobody_is_slow_before_two_seconds)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 1, 0, 0), WATCH_WELL);
    cr_assert_eq(passes(b, 1, 0, 0), WATCH_SERVER);
    watch_end(b);
}

Test(held_watch, a_server_that_is_silent_lets_its_client_wait)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 600, 0, 0), WATCH_SERVER);
    cr_assert_eq(b->watched->since, flow_clock(START_US));
    watch_end(b);
}

Test(held_watch, answered_and_nothing_asked)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 10, 0, 1000), WATCH_WELL);
    cr_assert_eq(passes(b, 10, 0, 0), WATCH_CLIENT);
    watch_end(b);
}

Test(held_watch, five_hundred_bytes_a_second_is_well)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 20, 520, 0), WATCH_WELL);
    cr_assert_eq(passes(b, 20, 0, 520), WATCH_WELL);
    cr_assert_eq(passes(b, 20, 480, 0), WATCH_SLOW);
    cr_assert_eq(passes(b, 6, 0, 10000), WATCH_WELL, "it may get better");
    watch_end(b);
}

/* What moved well may lose something, and stand still for a while. */
Test(held_watch, one_bad_look_is_forgiven)
{
    struct watch_bench *b = watch_bench();

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(passes(b, 4, 5000, 0), WATCH_WELL);
        cr_assert_eq(passes(b, 3, 0, 0), WATCH_WELL);
    }
    cr_assert_eq(passes(b, 4, 0, 0), WATCH_SERVER, "two are not");
    watch_end(b);
}

/* "100 Continue" is no answer to a body that does not come. */
Test(held_watch, a_body_that_is_due_is_no_idle_one)
{
    struct watch_bench *b = watch_bench();

    b->watched->awaits = true;
    b->watched->body_end = 120;
    cr_assert_eq(passes(b, 2, 0, 0), WATCH_BODY);
    passes(b, 1, 0, 25);
    cr_assert_eq(passes(b, 6, 0, 0), WATCH_BODY);
    passes(b, 1, 20, 0);
    cr_assert_eq(passes(b, 6, 0, 0), WATCH_CLIENT, "it has come");
    watch_end(b);
}

/* Its numbers come round on a connection that goes on for gigabytes. */
Test(held_watch, a_body_that_has_come_is_due_no_more)
{
    struct watch_bench *b = watch_bench();

    b->watched->awaits = true;
    b->watched->body_end = 120;
    passes(b, 2, 20, 0);
    for (int i = 0; i < 3; i++)
        passes(b, 2, UINT32_MAX / 8, 1000);
    cr_assert(seq_before(b->cold->client_next, b->watched->body_end));
    cr_assert_eq(passes(b, 6, 0, 0), WATCH_CLIENT);
    watch_end(b);
}

/* A body that trickles, a byte each ten seconds. */
Test(held_watch, a_body_at_long_intervals_is_slow)
{
    struct watch_bench *b = watch_bench();

    for (int i = 0; i < 3; i++) {
        passes(b, 9, 0, 0);
        passes(b, 1, 1, 0);
    }
    cr_assert_eq(passes(b, 9, 0, 0), WATCH_SLOW);
    watch_end(b);
}

/* A person who types a line of which the server sees each key; whoever does so for a minute is
 * slow. */
Test(held_watch, typing_in_a_dialogue_is_idle)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 4, 10, 1000), WATCH_WELL);
    cr_assert_eq(passes(b, 50, 1, 0), WATCH_CLIENT);
    passes(b, 2, 1, 20);
    cr_assert_eq(passes(b, 50, 1, 0), WATCH_CLIENT);
    cr_assert_eq(passes(b, 20, 1, 0), WATCH_SLOW);
    watch_end(b);
}

/* Nobody types a body. */
Test(held_watch, a_body_that_trickles_in_a_dialogue_is_slow)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 4, 10, 1000), WATCH_WELL);
    cr_assert_eq(passes(b, 8, 30, 0), WATCH_SLOW);
    watch_end(b);
}

/* A closed window, while data is due. */
Test(held_watch, who_does_not_read_is_slow)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 4, 0, 1000), WATCH_WELL);
    for (int i = 0; i < 3; i++) {
        watch_closed(b->watch, &b->flows, b->flow, b->now_us);
        passes(b, 2, 0, 0);
    }
    cr_assert_eq(passes(b, 1, 0, 0), WATCH_SLOW);
    watch_end(b);
}

/* What fills its window at once is no reading: two seconds later it is known. */
Test(held_watch, who_never_reads_is_slow_after_two_seconds)
{
    struct watch_bench *b = watch_bench();

    b->cold->server_next += 4000;
    b->now_us += SECOND_US / 10;
    watch_closed(b->watch, &b->flows, b->flow, b->now_us);
    cr_assert_eq(passes(b, 1, 0, 0), WATCH_WELL);
    watch_closed(b->watch, &b->flows, b->flow, b->now_us);
    cr_assert_eq(passes(b, 1, 0, 0), WATCH_CLIENT);
    watch_end(b);
}

/* Nor does it where it goes on reading. */
Test(held_watch, a_window_that_opens_again_is_no_sign)
{
    struct watch_bench *b = watch_bench();

    b->cold->server_next += 4000;
    watch_closed(b->watch, &b->flows, b->flow, b->now_us + SECOND_US / 10);
    cr_assert_eq(passes(b, 10, 0, 1000), WATCH_WELL);
    watch_end(b);
}

/* Somebody types and is echoed, or is told something now and then: idle at most. */
Test(held_watch, a_little_both_ways_is_idle)
{
    struct watch_bench *b = watch_bench();

    cr_assert_eq(passes(b, 60, 36, 80), WATCH_CLIENT);
    cr_assert_eq(passes(b, 60, 0, 20), WATCH_CLIENT);
    watch_end(b);
}

/* After a long time without a look an average says nothing. */
Test(held_watch, first_request_after_a_long_silence_is_not_slow)
{
    struct watch_bench *b = watch_bench();

    passes(b, 2, 0, 1000);
    b->now_us += 300 * SECOND_US;
    cr_assert_eq(passes(b, 1, 200, 0), WATCH_WELL);
    watch_end(b);
}

Test(held_watch, another_flow_on_the_entry_is_not_meant)
{
    struct watch_bench *b = watch_bench();
    struct flow_key key = {.client_port = 2, .server_port = 80};

    cr_assert_eq(watch_flow(&b->flows, b->watched), b->flow);
    b->flow->flags |= FLOW_SERVER_FIN;
    cr_assert_null(watch_flow(&b->flows, b->watched), "the server has closed it");
    flow_free(&b->flows, b->flow);
    cr_assert_null(watch_flow(&b->flows, b->watched));
    cr_assert_eq(flow_new(&b->flows, &key, FLOW_SPLICED, b->now_us), b->flow);
    cr_assert_null(watch_flow(&b->flows, b->watched));
    watch_closed(b->watch, &b->flows, b->flow, b->now_us);
    cr_assert(!b->watched->closed);
    watch_end(b);
}

/* Places are used again by connections of other servers: each list has its server's own, and all of
 * them, once. */
Test(held_watch, those_of_a_server_are_a_list)
{
    const struct watched from = {.next = 5, .before = 6, .server = 4000};
    struct random random = random_begin("held_watch/list");
    struct watch_bench *b = watch_bench();

    for (int round = 0; round < 20000; round++) {
        const struct flow *flow = &b->flows.flows[random_below(&random, 64)];
        uint32_t listed = 0, there = 0;

        flow_cold(&b->flows, flow)->server = (uint16_t)random_below(&random, 4);
        if (random_below(&random, 2))
            watch_begin(b->watch, &b->flows, flow);
        else
            watch_go_on(b->watch, &b->flows, flow, &from);
        for (uint16_t server = 1; server < 4; server++) {
            for (const struct watched *one = watch_first(b->watch, server); one;
                 one = watch_next(b->watch, one), listed++)
                cr_assert(one->server == server && listed < 64);
        }
        for (uint32_t i = 0; i < b->watch->used; i++)
            there += b->watch->entries[i].server != 0;
        cr_assert_eq(listed, there);
    }
    watch_end(b);
}
