/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_memory.c. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>

#include "cli/sync_memory.h"

static struct sync_known *known(struct sync_memory *memory, const char *key, unsigned number,
                                bool make)
{
    char field[32];

    snprintf(field, sizeof(field), "%u", number);
    return sync_memory_of(memory, (struct sync_place){key, field}, make);
}

Test(sync_memory, remembers_each_and_grows_up_to_its_most)
{
    struct sync_memory *memory;

    cr_assert_geq(sodium_init(), 0);
    memory = sync_memory_new(NULL);
    cr_assert_null(known(memory, "a", 1, false));
    for (unsigned i = 0; i < SYNC_MEMORY_MOST; i++)
        known(memory, i % 2 ? "a" : "b", i, true)->version = i + 1;
    for (unsigned i = 0; i < SYNC_MEMORY_MOST; i++)
        cr_assert_eq(known(memory, i % 2 ? "a" : "b", i, true)->version, i + 1);
    cr_assert_null(known(memory, "a", 0, true), "there is no room for more");
    cr_assert_null(known(memory, "a", 0, false), "and what was there is another");
    sync_memory_free(memory);
}

Test(sync_memory, key_and_field_do_not_run_together)
{
    struct sync_memory *memory;

    cr_assert_geq(sodium_init(), 0);
    memory = sync_memory_new(NULL);
    sync_memory_of(memory, (struct sync_place){"ab", "c"}, true)->version = 1;
    cr_assert_eq(sync_memory_of(memory, (struct sync_place){"a", "bc"}, true)->version, 0);
    sync_memory_free(memory);
}

Test(sync_memory, what_is_over_gives_room)
{
    struct sync_memory *memory;

    cr_assert_geq(sodium_init(), 0);
    memory = sync_memory_new(NULL);
    for (unsigned i = 0; i < SYNC_MEMORY_MOST; i++) {
        struct sync_known *one = known(memory, "a", i, true);

        one->version = i + 1;
        one->until_ms = i % 2 ? 1000 : 3000;
    }
    sync_memory_make_room(memory, 2000);
    for (unsigned i = 0; i < SYNC_MEMORY_MOST; i++) {
        const struct sync_known *one = known(memory, "a", i, false);

        cr_assert_eq(one ? one->version : 0, i % 2 ? 0 : i + 1);
    }
    cr_assert_not_null(known(memory, "b", 1, true), "there is room again");
    sync_memory_make_room(memory, 4000);
    cr_assert_not_null(known(memory, "a", 0, false), "nothing goes where there is room");
    sync_memory_free(memory);
}
