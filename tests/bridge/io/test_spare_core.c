/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_spare_core.c - whether a core is left over, by idle times made up, and what the kernel says
 * of them. */
#include "bridge/io/spare_core.h"

#include <criterion/criterion.h>

#define STEP_US SPARE_CORE_EVERY_US

/* A machine on which all cores together idled so many thousandths of a core, and this process used
 * so many. */
struct machine {
    struct spare_core core;
    uint64_t now_us, idle_us, own_us;
};

static bool after(struct machine *machine, uint64_t step_us, uint64_t idle, uint64_t own,
                  uint32_t workers)
{
    machine->now_us += step_us;
    machine->idle_us += step_us * idle / 1000;
    machine->own_us += step_us * own / 1000;
    return spare_core_judge(&machine->core, machine->idle_us, machine->own_us, machine->now_us,
                            workers);
}

Test(spare_core, one_is_left_where_the_others_fit_beside_it)
{
    struct machine machine = {.now_us = 5000};
    cr_assert_not(after(&machine, STEP_US, 2000, 0, 1), "there is nothing to compare with yet");
    cr_assert(after(&machine, STEP_US, 900, 400, 1),
              "sleeping between frames: client and server use 0.7");
    cr_assert(after(&machine, STEP_US, 300, 950, 1), "looking: the same client and server");
    cr_assert_not(after(&machine, STEP_US, 200, 700, 1), "somebody came who uses one core");
    cr_assert_not(after(&machine, STEP_US, 0, 400, 1));
    cr_assert(after(&machine, STEP_US, 1000, 0, 1));
    cr_assert_not(after(&machine, STEP_US, 999, 0, 1));
}

Test(spare_core, one_for_each_worker)
{
    struct machine machine = {.now_us = 5000};
    after(&machine, STEP_US, 0, 0, 2);
    cr_assert_not(after(&machine, STEP_US, 900, 800, 2));
    cr_assert(after(&machine, STEP_US, 1300, 800, 2));
}

Test(spare_core, an_old_look_is_no_measure)
{
    struct machine machine = {.now_us = 5000};
    after(&machine, STEP_US, 0, 0, 1);
    cr_assert(after(&machine, STEP_US, 1500, 0, 1));
    cr_assert_not(after(&machine, SPARE_CORE_FRESH_US + 1, 2000, 0, 1), "who knows what is now");
    cr_assert(after(&machine, STEP_US, 1500, 0, 1));
}

Test(spare_core, counts_that_go_backwards_say_nothing)
{
    struct machine machine = {.now_us = 5000, .idle_us = 900000};
    after(&machine, STEP_US, 1500, 0, 1);
    cr_assert(after(&machine, STEP_US, 1500, 0, 1));
    machine.idle_us = 0; /* a core was taken out of the machine */
    cr_assert(after(&machine, STEP_US, 0, 0, 1));
    cr_assert_not(after(&machine, STEP_US, 0, 0, 1));
}

Test(spare_core, reads_what_the_kernel_writes)
{
    static const char *const wrong[] = {"", "cpu", "cpu 1 2 3 4", "cpu  1 2 3 x 5",
                                        "intr 1 2 3 4 5"};
    uint64_t idle_us = 7;
    cr_assert(spare_core_parse("cpu  13827 11587 49204 36871 18445 0 5669 97 0 0\ncpu0 1 2", 100,
                               &idle_us));
    cr_assert_eq(idle_us, (36871u + 18445u) * 10000ull);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_not(spare_core_parse(wrong[i], 100, &idle_us), "%s", wrong[i]);
    cr_assert_eq(idle_us, (36871u + 18445u) * 10000ull);
}

Test(spare_core, the_kernel_tells)
{
    struct spare_core core;

    spare_core_open(&core);
    spare_core_look(&core, 1000, 1);
    cr_assert_eq(core.at_us, 1000);
    cr_assert_gt(core.own_us, 0);
    spare_core_close(&core);
    cr_assert_not(spare_core_look(&core, 2000, 1), "without the file nothing is known");
    cr_assert_eq(core.at_us, 0);
}
