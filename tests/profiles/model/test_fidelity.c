/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include "profiles/model/fidelity.h"

Test(fidelity, nothing_is_known_before_the_first)
{
    struct fidelity fidelity = {0};
    cr_assert_not(fidelity_known(&fidelity));
    fidelity_add(&fidelity, false);
    cr_assert(fidelity_known(&fidelity));
    cr_assert_eq(fidelity_value(&fidelity), 0.0);
}

Test(fidelity, only_the_last_64_count)
{
    struct fidelity fidelity = {0};
    for (int i = 0; i < 100; i++)
        fidelity_add(&fidelity, false);
    for (int i = 0; i < 63; i++)
        fidelity_add(&fidelity, true);
    cr_assert_eq(fidelity_value(&fidelity), 63.0 / 64);
    fidelity_add(&fidelity, true);
    cr_assert_eq(fidelity_value(&fidelity), 1.0);
    cr_assert_eq(fidelity.count, 64);
}

Test(fidelity, restored_ring_has_the_value)
{
    struct fidelity fidelity = {0};
    fidelity_restore(&fidelity, 0.75, 12);
    cr_assert_eq(fidelity_value(&fidelity), 0.75);
    fidelity_restore(&fidelity, 1.0, 1000);
    cr_assert_eq(fidelity_value(&fidelity), 1.0);
    cr_assert_eq(fidelity.count, 64);
    fidelity_restore(&fidelity, 1.0, 0);
    cr_assert_eq(fidelity_value(&fidelity), 1.0);
}
