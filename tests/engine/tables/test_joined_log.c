/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/joined_log.c, and of the counts of joined.h. */
#include "engine/tables/joined_log.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/counters.h"
#include "engine/tcp/joined.h"

#define FLOWS 64u
#define NOW   (100ull * 1000 * 1000)

static struct flow_table table;
static struct counters counters;
static struct handed_flow rows[FLOWS];
static uint16_t counts[JOINED_COUNTS];
static const uint64_t seed[2] = {7, 11};
static void *memory;

static struct flow_key key_of(uint16_t client_port, uint16_t vlan)
{
    struct flow_key key = {.client_port = client_port, .server_port = 80};

    key.vlan.id[0] = vlan;
    cr_assert(addr_from_text("192.0.2.1", &key.client));
    cr_assert(addr_from_text("192.0.2.2", &key.server));
    return key;
}

static void setup(void)
{
    memory = calloc(1, flow_table_bytes(FLOWS));
    flow_table_init(&table, memory, FLOWS, seed, &counters);
    memset(rows, 0, sizeof(rows));
    memset(counts, 0, sizeof(counts));
    table.log = rows;
    table.log_rows = FLOWS - 1;
    table.joined = counts;
}

static void teardown(void)
{
    free(memory);
}

TestSuite(joined_log, .init = setup, .fini = teardown);

static struct flow *opened(uint16_t client_port)
{
    const struct flow_key key = key_of(client_port, 0);
    struct flow *flow = flow_new(&table, &key, FLOW_OPENING, NOW);

    flow->flags = FLOW_EDIT;
    flow->delta = 1000u + client_port;
    flow->ack_floor = 5000;
    return flow;
}

static unsigned edited(void)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < FLOWS; i++)
        count += rows[i].edited;
    return count;
}

static unsigned counted(void)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        count += counts[i];
    return count;
}

Test(joined_log, a_row_from_joining_to_the_end)
{
    struct flow *flow = opened(1);
    const uint32_t index = flow_index(&table, flow);

    cr_assert_eq(edited(), 0, "it is not joined yet");
    flow_set_state(&table, flow, FLOW_SPLICED, NOW);
    cr_assert_eq(edited(), 1);
    cr_assert(flow_key_equal(&rows[index].key, &flow->key));
    cr_assert_eq(rows[index].words[0], flow->delta);
    cr_assert_eq(rows[index].state, FLOW_SPLICED);
    flow_cold(&table, flow)->client_next = 77;
    flow_renew(&table, flow, NOW);
    cr_assert_eq(rows[index].client_next, 77, "each minute");
    flow_set_state(&table, flow, FLOW_CLOSING, NOW);
    cr_assert_eq(edited(), 0);
}

Test(joined_log, a_floor_that_the_kernel_has_moved)
{
    struct flow *flow = opened(1);
    const uint32_t index = flow_index(&table, flow);

    joined_log_follow(&table, flow);
    cr_assert_eq(edited(), 0, "it is not joined");
    flow_set_state(&table, flow, FLOW_SPLICED, NOW);
    flow->ack_floor = 6000;
    joined_log_follow(&table, flow);
    cr_assert_eq(rows[index].words[2], 6000);
    cr_assert_eq(rows[index].edited, 1);
}

Test(joined_log, beyond_its_rows_there_is_none)
{
    struct flow *last = NULL;

    for (uint16_t port = 1; port <= FLOWS; port++) {
        last = opened(port);
        flow_set_state(&table, last, FLOW_SPLICED, NOW);
    }
    cr_assert_eq(edited(), FLOWS - 1);
    flow_set_state(&table, last, FLOW_CLOSING, NOW);
    cr_assert_eq(edited(), FLOWS - 1);
}

Test(joined_log, counts_come_and_go)
{
    struct flow *flow = opened(1);
    const struct flow_key tagged = key_of(1, VLAN_PRESENT | 5);
    struct flow_words words = flow_key_words(&tagged);

    cr_assert_eq(counted(), 0);
    flow_set_state(&table, flow, FLOW_DRAINING, NOW);
    flow_set_state(&table, flow, FLOW_SPLICED, NOW);
    flow_renew(&table, flow, NOW);
    cr_assert_eq(counted(), 1);
    words.ends = flow_ends_word(1u << 16 | 80);
    cr_assert_eq(counts[joined_at(table.seed, words)], 1, "whatever its tags are");
    flow_free(&table, flow);
    cr_assert_eq(counted(), 0);
}
