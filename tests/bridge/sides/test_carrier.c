/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/sides/carrier.c: a bridge between two far ends, whose links take their time. */
#include "bridge/sides/carrier.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SECOND 1000000ull
#define STEP   (SECOND / 10)

/* A link has a carrier `takes_us` after both of its ends were there. */
struct world {
    struct carrier carrier;
    struct carrier_seen seen[2];
    bool far[2], taken_down[2];
    uint64_t takes_us[2], there_us[2];
    uint64_t now_us;
    unsigned deeds;
};

static struct world world_of(uint64_t client_takes_us, uint64_t server_takes_us)
{
    struct world world = {
        .far = {true, true}, .takes_us = {client_takes_us, server_takes_us}, .now_us = SECOND};

    carrier_init(&world.carrier, world.now_us);
    return world;
}

static bool linked(const struct world *world, int side)
{
    return world->far[side] && !world->taken_down[side] &&
           world->now_us - world->there_us[side] >= world->takes_us[side];
}

static void look(struct world *world)
{
    enum carrier_deed deed;
    enum side side;

    for (int i = 0; i < 2; i++) {
        if (!world->far[i] || world->taken_down[i])
            world->there_us[i] = world->now_us;
        world->seen[i] =
            (struct carrier_seen){.carrier = linked(world, i), .stands = world->taken_down[i]};
    }
    deed = carrier_turn(&world->carrier, world->seen, world->now_us, &side);
    if (deed != CARRIER_NOTHING) {
        world->taken_down[side] = deed == CARRIER_HOLD;
        world->deeds++;
    }
    cr_assert_not(world->carrier.held[0] && world->carrier.held[1], "one at most");
}

static void pass(struct world *world, uint64_t time_us)
{
    for (const uint64_t until_us = world->now_us + time_us; world->now_us < until_us;
         world->now_us += STEP)
        look(world);
}

static enum carrier_state state_of(const struct world *world, enum side side)
{
    return carrier_state(&world->carrier, world->seen, side, world->now_us);
}

Test(carrier, a_loss_is_told_and_taken_back)
{
    struct world world = world_of(0, 0);

    pass(&world, SECOND);
    cr_assert_eq(world.deeds, 0);
    world.far[SIDE_CLIENT] = false;
    pass(&world, STEP);
    cr_assert(world.taken_down[SIDE_SERVER], "at once");
    pass(&world, 1000 * SECOND);
    cr_assert(world.taken_down[SIDE_SERVER]);
    cr_assert_eq(state_of(&world, SIDE_CLIENT), CARRIER_LOST);
    cr_assert_eq(state_of(&world, SIDE_SERVER), CARRIER_HELD);
    world.far[SIDE_CLIENT] = true;
    pass(&world, 2 * STEP);
    cr_assert_not(world.taken_down[SIDE_SERVER]);
    pass(&world, 2 * STEP);
    cr_assert_eq(state_of(&world, SIDE_CLIENT), CARRIER_THERE);
    cr_assert_eq(state_of(&world, SIDE_SERVER), CARRIER_THERE);
    cr_assert_eq(world.deeds, 2);
}

/* A card's link takes 3 s after it was brought up: that is no loss. */
Test(carrier, who_was_let_go_has_time)
{
    struct world world = world_of(3 * SECOND, 3 * SECOND);

    pass(&world, 10 * SECOND);
    for (int side = 0; side < 2; side++) {
        world.far[side] = false;
        pass(&world, 10 * SECOND);
        world.far[side] = true;
        pass(&world, 10 * SECOND);
        cr_assert_eq(state_of(&world, SIDE_CLIENT), CARRIER_THERE);
        cr_assert_eq(state_of(&world, SIDE_SERVER), CARRIER_THERE);
    }
    cr_assert_eq(world.deeds, 4, "%u", world.deeds);
}

Test(carrier, where_neither_has_one_nobody_is_taken_down)
{
    struct world world = world_of(0, 0);

    world.far[SIDE_CLIENT] = world.far[SIDE_SERVER] = false;
    pass(&world, 100 * SECOND);
    cr_assert_eq(world.deeds, 0);
    cr_assert_eq(state_of(&world, SIDE_SERVER), CARRIER_LOST);
    world.far[SIDE_SERVER] = true;
    pass(&world, 2 * STEP);
    cr_assert(world.taken_down[SIDE_SERVER], "it would believe in a link");
}

/* It went while it was held: shows when it is let go. */
Test(carrier, what_happens_behind_a_side_that_is_held)
{
    struct world world = world_of(0, 0);

    pass(&world, SECOND);
    world.far[SIDE_CLIENT] = false;
    pass(&world, SECOND);
    world.far[SIDE_SERVER] = false;
    world.far[SIDE_CLIENT] = true;
    pass(&world, SECOND);
    cr_assert_not(world.taken_down[SIDE_SERVER]);
    cr_assert_eq(state_of(&world, SIDE_SERVER), CARRIER_AWAITED);
    pass(&world, 5 * SECOND);
    cr_assert(world.taken_down[SIDE_CLIENT]);
    world.far[SIDE_SERVER] = true;
    pass(&world, SECOND);
    cr_assert_eq(state_of(&world, SIDE_CLIENT), CARRIER_THERE);
    cr_assert_eq(state_of(&world, SIDE_SERVER), CARRIER_THERE);
}

Test(carrier, who_brings_up_what_is_held_has_the_last_word)
{
    struct world world = world_of(0, 0);

    pass(&world, SECOND);
    world.far[SIDE_CLIENT] = false;
    pass(&world, SECOND);
    world.taken_down[SIDE_SERVER] = false;
    pass(&world, 100 * SECOND);
    cr_assert_not(world.taken_down[SIDE_SERVER]);
    world.far[SIDE_CLIENT] = true;
    pass(&world, SECOND);
    world.far[SIDE_CLIENT] = false;
    pass(&world, SECOND);
    cr_assert(world.taken_down[SIDE_SERVER], "the next loss is another one");
}

Test(carrier, who_could_not_be_held_is_not_tried_again)
{
    struct carrier carrier;
    const struct carrier_seen lost[2] = {{.carrier = false}, {.carrier = true}};
    enum side side;

    carrier_init(&carrier, 0);
    cr_assert_eq(carrier_turn(&carrier, lost, 5 * SECOND, &side), CARRIER_HOLD);
    cr_assert_eq(side, SIDE_SERVER);
    carrier_not_held(&carrier, side);
    cr_assert_eq(carrier_turn(&carrier, lost, 6 * SECOND, &side), CARRIER_NOTHING);
    cr_assert_not(carrier_stop(&carrier, &side));
}

/* Its driver would not take it up: the other side must not follow. */
Test(carrier, who_could_not_be_let_go_is_tried_again)
{
    struct carrier carrier;
    const struct carrier_seen lost[2] = {{.carrier = false}, {.carrier = true}};
    const struct carrier_seen back[2] = {{.carrier = true}, {.carrier = false, .stands = true}};
    enum side side;

    carrier_init(&carrier, 0);
    cr_assert_eq(carrier_turn(&carrier, lost, 5 * SECOND, &side), CARRIER_HOLD);
    for (uint64_t second = 6; second < 600; second++) {
        cr_assert_eq(carrier_turn(&carrier, back, second * SECOND, &side), CARRIER_LET_GO);
        cr_assert_eq(side, SIDE_SERVER);
        carrier_not_let_go(&carrier, side);
        cr_assert_eq(carrier_state(&carrier, back, SIDE_SERVER, second * SECOND), CARRIER_HELD);
    }
}

/*
 * However far ends come and go, and however long links take: when both stay there, both sides have
 * a carrier in the end, and keep it.
 */
Test(carrier, nothing_stays_down_by_ourselves)
{
    srand(7);
    for (int round = 0; round < 2000; round++) {
        struct world world = world_of((uint64_t)rand() % 400 * STEP, (uint64_t)rand() % 400 * STEP);
        unsigned deeds;

        for (int change = rand() % 12; change > 0; change--) {
            world.far[rand() % 2] = rand() % 2;
            pass(&world, ((uint64_t)rand() % 300 + 1) * STEP);
        }
        world.far[SIDE_CLIENT] = world.far[SIDE_SERVER] = true;
        pass(&world, 600 * SECOND);
        deeds = world.deeds;
        pass(&world, 600 * SECOND);
        cr_assert(linked(&world, SIDE_CLIENT) && linked(&world, SIDE_SERVER), "round %d", round);
        cr_assert_eq(world.deeds, deeds, "round %d", round);
        world.far[round % 2] = false;
        pass(&world, 2 * STEP);
        cr_assert(world.taken_down[!(round % 2)], "round %d", round);
    }
}
