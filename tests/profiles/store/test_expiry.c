/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of profiles/store/expiry.c: which profiles are forgotten, and when. */
#include <criterion/criterion.h>

#include "profiles/model/settings.h"
#include "profiles/store/expiry.h"

#define HOUR_US (3600 * UINT64_C(1000000))
#define DAY_US  (24 * HOUR_US)
#define WALL_US (1700000000 * UINT64_C(1000000)) /* at time 0 */

static struct store *store;
static struct expiry expiry;
static uint64_t now_us, wall_us;
static bool learning;

/* A daemon that has just started; its servers were seen so many days ago. */
static void begin(const unsigned *days, size_t count)
{
    store = store_new();
    expiry = (struct expiry){0};
    now_us = 1;
    wall_us = WALL_US + now_us;
    learning = true;
    for (size_t i = 0; i < count; i++) {
        struct server_key key = {.port = (uint16_t)(i + 1)};

        cr_assert(addr_from_text("192.0.2.1", &key.addr));
        profile_seen(store_add(store, &key), wall_us - days[i] * DAY_US);
    }
}

static struct profile *profile_at(uint16_t port)
{
    struct server_key key = {.port = port};

    cr_assert(addr_from_text("192.0.2.1", &key.addr));
    return store_find(store, &key);
}

static void look(void)
{
    struct server_key key;

    while (expiry_next(&expiry, store, learning, now_us, wall_us, &key))
        cr_assert(store_forget(store, &key));
}

/* A look each hour; the wall clock goes as time does. */
static void pass(uint64_t us)
{
    for (uint64_t passed = 0; passed < us; passed += HOUR_US) {
        look();
        now_us += HOUR_US;
        wall_us += HOUR_US;
    }
    look();
}

Test(expiry, who_was_not_seen_for_ninety_days_is_forgotten)
{
    begin((unsigned[]){200, 1, 92, 88, 91}, 5);
    pass(23 * HOUR_US);
    cr_assert_eq(store_count(store), 5, "whoever is in use has a day to be seen");
    pass(HOUR_US);
    cr_assert_eq(store_count(store), 2);
    cr_assert(profile_at(2) && profile_at(4));
    pass(2 * DAY_US);
    cr_assert_eq(store_count(store), 1);
    cr_assert_not_null(profile_at(2));
    store_free(store);
}

Test(expiry, who_is_seen_after_the_start_stays)
{
    begin((unsigned[]){200, 200}, 2);
    pass(12 * HOUR_US);
    profile_seen(profile_at(1), wall_us);
    pass(2 * DAY_US);
    cr_assert_eq(store_count(store), 1);
    cr_assert_not_null(profile_at(1));
    store_free(store);
}

Test(expiry, what_the_operator_has_set_stays)
{
    struct error error;

    begin((unsigned[]){200, 200}, 2);
    cr_assert(profile_set(profile_at(2), "open_per_second", "7", &error));
    cr_assert_eq(profile_kept_until_s(profile_at(2)), 0);
    cr_assert_eq(profile_kept_until_s(profile_at(1)), profile_at(1)->last_seen_s + PROFILE_LIFE_S);
    pass(2 * DAY_US);
    cr_assert_eq(store_count(store), 1);
    cr_assert_not_null(profile_at(2));
    cr_assert(profile_set(profile_at(2), "open_per_second", "default", &error));
    pass(HOUR_US);
    cr_assert_eq(store_count(store), 0);
    store_free(store);
}

/* A clock that is set a year ahead makes nobody a year older: a day later who is in use was seen by
 * the new one. */
Test(expiry, a_clock_that_is_set_begins_the_day_anew)
{
    begin((unsigned[]){0, 0}, 2);
    pass(2 * DAY_US);
    wall_us += 365 * DAY_US;
    pass(12 * HOUR_US);
    cr_assert_eq(store_count(store), 2);
    profile_seen(profile_at(1), wall_us);
    pass(DAY_US);
    cr_assert_eq(store_count(store), 1);
    cr_assert_not_null(profile_at(1));
    store_free(store);
}

/* Nobody is seen while nothing is learned. */
Test(expiry, nobody_goes_while_nothing_is_learned)
{
    begin((unsigned[]){200}, 1);
    learning = false;
    pass(30 * DAY_US);
    cr_assert_eq(store_count(store), 1);
    learning = true;
    pass(22 * HOUR_US);
    cr_assert_eq(store_count(store), 1);
    pass(3 * HOUR_US);
    cr_assert_eq(store_count(store), 0);
    store_free(store);
}

/* Imported without a time, say. */
Test(expiry, who_was_never_seen_stays)
{
    begin((unsigned[]){200}, 1);
    profile_at(1)->last_seen_s = 0;
    pass(30 * DAY_US);
    cr_assert_eq(store_count(store), 1);
    store_free(store);
}

/* Of one address: 192.0.2.1, of whose ports the first and the second are armed, or set by hand. */
Test(expiry, of_one_address_the_oldest_that_is_not_armed_makes_room)
{
    const struct server_key other = {.addr = {{1}}, .port = 80};
    struct server_key key = {.port = PROFILES_OF_ADDRESS + 1}, old;
    unsigned days[PROFILES_OF_ADDRESS] = {[0] = 9, [1] = 8, [2] = 7, [3] = 6};
    struct error error;

    cr_assert(addr_from_text("192.0.2.1", &key.addr));
    begin(days, PROFILES_OF_ADDRESS - 1);
    cr_assert_not(expiry_makes_room(store, &key, &old), "there is room for one");
    store_free(store);
    begin(days, PROFILES_OF_ADDRESS);
    profile_at(1)->handshakes = profile_at(1)->requests = 8;
    fidelity_add(&profile_at(1)->fidelity, true);
    cr_assert(profile_armed(profile_at(1)));
    cr_assert(profile_set(profile_at(2), "open_per_second", "7", &error));
    cr_assert(expiry_makes_room(store, &key, &old));
    cr_assert_eq(old.port, 3);
    cr_assert_not(expiry_makes_room(store, &other, &old), "another address");
    store_free(store);
}
