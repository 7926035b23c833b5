/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_counters.c - the walk names every counter once, in order, with its value; sums add each. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/base/counters.h"

struct seen {
    unsigned count, drops;
    uint64_t sum;
    char names[112][64];
};

static void see(void *context, const char *group, const char *name, const char *text,
                uint64_t value)
{
    struct seen *seen = context;

    cr_assert_lt(seen->count, 112u);
    cr_assert_gt(strlen(text), 5u);
    snprintf(seen->names[seen->count], sizeof(seen->names[0]), "%s.%s", group, name);
    for (unsigned i = 0; i < seen->count; i++)
        cr_assert_str_neq(seen->names[i], seen->names[seen->count]);
    seen->drops += strcmp(group, "drops") == 0;
    seen->count++;
    seen->sum += value;
}

Test(counters, visit_names_each_once)
{
    struct counters counters = {.frames_client_in = 5, .drops[DROP_stray] = 7};
    struct seen seen = {0};

    counters_visit(&counters, see, &seen);
    cr_assert_eq(seen.count, sizeof(counters) / sizeof(uint64_t));
    cr_assert_eq(seen.drops, (unsigned)DROP_REASONS_COUNT);
    cr_assert_eq(seen.sum, 12u);
    cr_assert_str_eq(seen.names[0], "frames.client_in");
    cr_assert_str_eq(seen.names[seen.count - DROP_REASONS_COUNT], "drops.bad_cookie");
}

Test(counters, add_adds_each)
{
    uint64_t numbers[sizeof(struct counters) / sizeof(uint64_t)];
    struct counters sum, from;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        numbers[i] = i + 1;
    memcpy(&sum, numbers, sizeof(sum));
    memcpy(&from, numbers, sizeof(from));
    counters_add(&sum, &from);
    memcpy(numbers, &sum, sizeof(sum));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        cr_assert_eq(numbers[i], 2 * (i + 1));
}
