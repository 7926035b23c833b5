/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_proved.c - what is remembered of connections whose cookie came back: three marks in one
 * slot, each with a life of its own. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/tables/proved.h"
#include "engine/server/trigger.h"
#include "tests/engine/random.h"

#define COUNT     64u
#define SECOND_MS 1000u

static struct proof_slot slots[COUNT];
static const struct proof_table table = {slots, COUNT - 1};

static void setup(void)
{
    memset(slots, 0, sizeof(slots));
}

static uint64_t step_of(uint32_t ms)
{
    return rate_step(1000ull * ms);
}

Test(proofs, proved_is_of_the_connection_whatever_its_isn, .init = setup)
{
    const uint64_t hash = 0x123400000005u;

    cr_assert_not(proof_lately(&table, hash, 500));
    cr_assert_not(proof_again(proof_slot(&table, hash, 7, 500), 500));
    cr_assert(proof_again(proof_slot(&table, hash, 8, 3499), 3499));
    cr_assert(proof_lately(&table, hash, 6498));
    cr_assert_not(proof_lately(&table, hash, 6499), "3 s are over");
    cr_assert_not(proof_again(proof_slot(&table, hash, 8, 6499), 6499));
    cr_assert_not(proof_lately(&table, hash + (1ull << 32), 6499),
                  "the same slot, another connection");
    proof_slot(&table, hash + (1ull << 32), 8, 6500);
    cr_assert_not(proof_lately(&table, hash, 6500), "overwritten");
    cr_assert_not(proof_lately(&table, hash + (1ull << 32), 6500), "a slot alone proves nothing");
}

Test(proofs, marks_are_of_the_isn_too, .init = setup)
{
    const uint64_t hash = 0x100000001u;
    struct proof_slot *slot = proof_slot(&table, hash, 7, 0);

    cr_assert(proof_blame(slot, step_of(0)));
    slot->silent = proof_mark(step_of(0));
    cr_assert_eq(proof_find(&table, hash, 7), slot);
    cr_assert_null(proof_find(&table, hash, 8));
    cr_assert_null(proof_find(&table, hash + (1ull << 32), 7));
    slot = proof_slot(&table, hash, 8, 10);
    cr_assert_eq(slot->silent, 0);
    cr_assert(proof_blame(slot, step_of(10)), "another connection on the tuple");
}

Test(proofs, blamed_once_in_10_s, .init = setup)
{
    struct proof_slot *slot = proof_slot(&table, 1, 7, 0);

    /* also where 15 bits go round, and where they are 0 */
    for (uint32_t begin = 8191u * SECOND_MS; begin < 8194u * SECOND_MS; begin += 250) {
        slot->blamed = 0;
        cr_assert(proof_blame(slot, step_of(begin)));
        cr_assert_not(proof_blame(slot, step_of(begin + 249)));
        cr_assert_not(proof_blame(slot, step_of(begin + 10 * SECOND_MS)));
        cr_assert(proof_blame(slot, step_of(begin + 10 * SECOND_MS + 500)), "%u", begin);
    }
}

/* In each step of a whole round, and of the next: who speaks at once was never silent. */
Test(proofs, who_speaks_at_once_is_never_silent, .init = setup)
{
    static struct trigger_counts counts;

    memset(&counts, 0, sizeof(counts));
    for (uint64_t now_us = 0; now_us < 70000 * RATE_STEP_US; now_us += RATE_STEP_US) {
        struct proof_slot *slot =
            proof_slot(&table, 1, (uint32_t)(now_us >> 8), (uint32_t)(now_us / 1000));

        trigger_handshake(&counts, slot, rate_step(now_us));
        trigger_spoke(&counts, slot);
        cr_assert_eq(rate_sum(&counts.silent, now_us), 0, "step %llu",
                     (unsigned long long)rate_step(now_us));
    }
}

/* Silent handshakes are taken back from the very bucket that they were counted in, once, as a plain
 * list says. */
static void take_back_random(struct random random, uint64_t now_us)
{
    enum { CONNECTIONS = 40, EVENTS = 50000 };
    static struct trigger_counts counts;
    uint64_t counted_us[CONNECTIONS] = {0}, silent, last_us = 0;

    memset(&counts, 0, sizeof(counts));
    for (uint32_t event = 0; event < EVENTS; event++) {
        uint32_t who = random_below(&random, CONNECTIONS);
        struct proof_slot *slot =
            proof_slot(&table, who | (uint64_t)who << 40, who, (uint32_t)(now_us / 1000));

        if (random_below(&random, 2)) {
            /* handshakes of one connection are seconds apart, as it has to be asked for again */
            if (counted_us[who] && now_us - counted_us[who] < 2 * RATE_WINDOW_US)
                continue;
            trigger_handshake(&counts, slot, rate_step(now_us));
            counted_us[who] = last_us = now_us;
        } else {
            trigger_spoke(&counts, slot);
            counted_us[who] = 0;
        }
        silent = 0;
        for (uint32_t i = 0; i < CONNECTIONS; i++)
            silent += counted_us[i] && rate_step(now_us) - rate_step(counted_us[i]) < RATE_BUCKETS;
        cr_assert_eq(rate_sum(&counts.silent, now_us), silent, "event %u", event);
        now_us += random_below(&random, 50) ? random_below(&random, 30000)
                                            : random_below(&random, 5000000);
    }
    cr_assert_gt(last_us, 0);
}

Test(proofs, silence_is_taken_back_once_random, .init = setup)
{
    struct random random = random_begin("proofs");

    take_back_random(random, 100000000);
    setup();
    take_back_random(random, (PROOF_MARKED - 8000) * RATE_STEP_US); /* across the end of a round */
}
