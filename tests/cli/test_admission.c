/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/admission.c: percentiles of a histogram whose buckets double. */
#include <criterion/criterion.h>

#include "cli/admission.h"

static uint64_t percentile(const char *now, const char *before, unsigned percent)
{
    struct json_object *after = json_tokener_parse(now);
    struct json_object *old = before ? json_tokener_parse(before) : NULL;
    const uint64_t value = admission_percentile(after, old, percent);

    json_object_put(after);
    json_object_put(old);
    return value;
}

Test(admission, percentiles)
{
    cr_assert_eq(percentile("[]", NULL, 50), 0u);
    cr_assert_eq(percentile("[0,0,1]", NULL, 50), 4u);
    cr_assert_eq(percentile("[0,0,98,0,2]", NULL, 50), 4u);
    cr_assert_eq(percentile("[0,0,98,0,2]", NULL, 99), 16u);
    cr_assert_eq(percentile("[0,0,99,0,1]", NULL, 99), 4u);
}

Test(admission, what_was_before_does_not_count)
{
    cr_assert_eq(percentile("[0,5,7]", "[0,5]", 50), 4u);
    cr_assert_eq(percentile("[0,5]", "[0,5]", 50), 0u);
    cr_assert_eq(percentile("[0,1]", "[0,500]", 50), 0u, "the daemon has begun again");
}

Test(admission, strange_documents)
{
    cr_assert_eq(percentile("7", NULL, 50), 0u);
    cr_assert_eq(percentile("[\"x\",null,{}]", "{}", 50), 0u);
    cr_assert_eq(percentile("[-5,3]", NULL, 50), 2u);
}
