/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/cluster/forgotten.c. */
#include <criterion/criterion.h>

#include "bridge/cluster/forgotten.h"
#include "profiles/store/store.h"

static struct server_key server(uint32_t number)
{
    return (struct server_key){.port = (uint16_t)(number + 1)};
}

static bool note(struct forgotten *forgotten, uint32_t number, int64_t now_s)
{
    const struct server_key key = server(number);

    return forgotten_note(forgotten, &key, now_s);
}

Test(forgotten, the_last_word_of_each_server_is_kept_for_a_day)
{
    static struct forgotten forgotten;
    const struct server_key first = server(1);

    note(&forgotten, 1, 1000);
    note(&forgotten, 2, 1001);
    note(&forgotten, 1, 1002);
    cr_assert_eq(forgotten.count, 2);
    cr_assert(server_key_equal(&forgotten.of[1].server, &first));
    cr_assert_eq(forgotten.of[1].at_s, 1002);
    note(&forgotten, 3, 1001 + FORGOTTEN_KEPT_S);
    cr_assert_eq(forgotten.count, 2, "the second one is over, the first is not");
    cr_assert_eq(forgotten.of[0].at_s, 1002);
}

Test(forgotten, the_oldest_gives_room)
{
    static struct forgotten forgotten;
    const struct server_key second = server(1), last = server(FORGOTTEN_MOST);

    for (uint32_t i = 0; i <= FORGOTTEN_MOST; i++)
        cr_assert_eq(note(&forgotten, i, 1000), i == FORGOTTEN_MOST, "%u", i);
    cr_assert_eq(forgotten.count, FORGOTTEN_MOST);
    cr_assert(server_key_equal(&forgotten.of[0].server, &second));
    cr_assert(server_key_equal(&forgotten.of[FORGOTTEN_MOST - 1].server, &last));
}

Test(forgotten, what_is_imported_is_told_no_more)
{
    static struct forgotten forgotten;
    struct store *store = store_new();
    const struct server_key third = server(3);

    for (uint32_t i = 1; i <= 4; i++)
        note(&forgotten, i, 1000);
    for (uint32_t i = 1; i <= 3; i++) {
        const struct server_key key = server(i);

        store_add(store, &key)->first_seen_s = i == 2 ? 1001 : 900;
    }
    store_find(store, &third)->teacher = 7;
    forgotten_imported(&forgotten, store);
    cr_assert_eq(forgotten.count, 3, "learned since, taught, not there");
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(forgotten.of[i].server.port, i + 3);
    store_free(store);
}

Test(forgotten, our_own_word_means_what_others_teach)
{
    struct profile profile = {.first_seen_s = 1000};

    cr_assert(forgotten_means(&profile, 1000, false));
    cr_assert_not(forgotten_means(&profile, 999, false), "learned since");
    cr_assert_not(forgotten_means(&profile, 1000, true), "imported since");
    profile.teacher = 7;
    cr_assert(forgotten_means(&profile, 1000, true));
}
