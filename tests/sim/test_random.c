/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_random.c - whole connections at random, in worlds of one seed each (chaos.h), judged after
 * every step.
 *
 * SIM_SEED=n replays one world, with its trace where it fails; SIM_RUNS=n sets how many are made
 * (each test), counting on from SIM_FIRST (1). Each test prints how many connections that were.
 * `make check-more` goes on behind the first 300 (../run.sh).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/chaos.h"
#include "tests/sim/fixture.h"
#include "tests/sim/path.h"

#ifdef __SANITIZE_ADDRESS__
#define RUNS 60 /* each world takes ten times as long there */
#else
#define RUNS 300
#endif

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != 0 ? strtoull(text, NULL, 10) : otherwise;
}

/* In so many worlds each of these comes to pass. */
static void say_of_path(const char *name, enum mode_setting setting, uint64_t runs)
{
    const struct path_totals totals = path_totals();
    printf("%s: %llu segments carried, %llu requests given to servers, %llu by a faster engine\n",
           name, (unsigned long long)totals.carried, (unsigned long long)totals.completed,
           (unsigned long long)totals.beaten);
    if (runs < 60)
        return;
    cr_assert(totals.carried > 0);
    if (setting == SETTING_ATTACK) {
        cr_assert(totals.completed > 0);
        cr_assert(totals.beaten > 0 || runs < 300, "that is seldom");
    }
}

static void many_runs(const char *name, enum mode_setting setting, uint32_t recipe)
{
    uint64_t first = number_from("SIM_SEED", number_from("SIM_FIRST", 1)), connections = 0;
    uint64_t runs = getenv("SIM_SEED") != NULL ? 1 : number_from("SIM_RUNS", RUNS);
    for (uint64_t i = 0; i < runs; i++)
        connections += chaos_run(name, first + i, setting, recipe);
    if (recipe & CHAOS_PATH)
        say_of_path(name, setting, runs);
    printf("%s: seeds %llu to %llu, %llu connections, no violation\n", name,
           (unsigned long long)first, (unsigned long long)(first + runs - 1),
           (unsigned long long)connections);
    fflush(stdout);
}

#define RANDOM(test, setting, recipe)                                                              \
    Test(random, test)                                                                             \
    {                                                                                              \
        many_runs("random/" #test, setting, recipe);                                               \
    }

RANDOM(bare_wire_calm, SETTING_INHERIT, 0)
RANDOM(bare_wire_rough, SETTING_INHERIT, CHAOS_ROUGH | CHAOS_ENDS | CHAOS_AGAIN | CHAOS_BLIND)
RANDOM(normal_mode, SETTING_NORMAL, CHAOS_ROUGH | CHAOS_ENDS | CHAOS_AGAIN)
RANDOM(attack_calm, SETTING_ATTACK, 0)
RANDOM(attack_rough, SETTING_ATTACK, CHAOS_ROUGH)
RANDOM(attack_ends, SETTING_ATTACK, CHAOS_ENDS)
RANDOM(attack_ends_rough, SETTING_ATTACK, CHAOS_ENDS | CHAOS_ROUGH)
RANDOM(attack_again, SETTING_ATTACK, CHAOS_AGAIN)
RANDOM(attack_again_rough, SETTING_ATTACK, CHAOS_AGAIN | CHAOS_ROUGH)
RANDOM(attack_slow, SETTING_ATTACK, CHAOS_SLOW)
RANDOM(attack_drift, SETTING_ATTACK, CHAOS_DRIFT)
RANDOM(attack_blind, SETTING_ATTACK, CHAOS_BLIND | CHAOS_AGAIN)
RANDOM(attack_tight, SETTING_ATTACK, CHAOS_TIGHT | CHAOS_ROUGH)
RANDOM(attack_late, SETTING_ATTACK, CHAOS_LATE)
RANDOM(switches_calm, SETTING_NORMAL, CHAOS_SWITCHES)
RANDOM(switches_rough, SETTING_NORMAL, CHAOS_SWITCHES | CHAOS_ROUGH)
RANDOM(everything, SETTING_NORMAL,
       CHAOS_SWITCHES | CHAOS_ROUGH | CHAOS_ENDS | CHAOS_AGAIN | CHAOS_SLOW | CHAOS_DRIFT |
           CHAOS_BLIND)
RANDOM(forms_calm, SETTING_ATTACK, CHAOS_FORMS)
RANDOM(forms_rough, SETTING_ATTACK, CHAOS_FORMS | CHAOS_ROUGH | CHAOS_AGAIN)
RANDOM(forms_ends, SETTING_ATTACK, CHAOS_FORMS | CHAOS_ENDS | CHAOS_FLOOD)
RANDOM(forms_ends_rough, SETTING_ATTACK, CHAOS_FORMS | CHAOS_ENDS | CHAOS_ROUGH | CHAOS_FLOOD)
RANDOM(forms_tight, SETTING_ATTACK, CHAOS_FORMS | CHAOS_TIGHT | CHAOS_ROUGH)
RANDOM(forms_late, SETTING_ATTACK, CHAOS_FORMS | CHAOS_LATE)
RANDOM(forms_switches, SETTING_NORMAL, CHAOS_FORMS | CHAOS_SWITCHES)
RANDOM(forms_switches_rough, SETTING_NORMAL,
       CHAOS_FORMS | CHAOS_SWITCHES | CHAOS_ROUGH | CHAOS_ENDS | CHAOS_AGAIN | CHAOS_FLOOD)
RANDOM(flood, SETTING_ATTACK, CHAOS_FLOOD | CHAOS_BLIND | CHAOS_AGAIN)
RANDOM(parts_bare_wire, SETTING_INHERIT, CHAOS_PARTS | CHAOS_COPIES | CHAOS_SMALL | CHAOS_ENDS)
RANDOM(parts_calm, SETTING_ATTACK, CHAOS_PARTS)
RANDOM(parts_rough, SETTING_ATTACK, CHAOS_PARTS | CHAOS_ROUGH)
RANDOM(parts_copies, SETTING_ATTACK, CHAOS_PARTS | CHAOS_COPIES)
RANDOM(parts_copies_rough, SETTING_ATTACK, CHAOS_PARTS | CHAOS_COPIES | CHAOS_ROUGH)
RANDOM(parts_ends, SETTING_ATTACK, CHAOS_PARTS | CHAOS_ENDS)
RANDOM(parts_ends_rough, SETTING_ATTACK, CHAOS_PARTS | CHAOS_ENDS | CHAOS_ROUGH | CHAOS_COPIES)
RANDOM(parts_small, SETTING_ATTACK, CHAOS_PARTS | CHAOS_SMALL)
RANDOM(parts_small_copies, SETTING_ATTACK, CHAOS_PARTS | CHAOS_SMALL | CHAOS_COPIES | CHAOS_ENDS)
RANDOM(parts_small_rough, SETTING_ATTACK, CHAOS_PARTS | CHAOS_SMALL | CHAOS_ROUGH | CHAOS_COPIES)
RANDOM(parts_drops, SETTING_ATTACK, CHAOS_PARTS | CHAOS_DROPS)
RANDOM(parts_drops_ends, SETTING_ATTACK, CHAOS_PARTS | CHAOS_DROPS | CHAOS_COPIES | CHAOS_ENDS)
RANDOM(parts_tight, SETTING_ATTACK, CHAOS_PARTS | CHAOS_TIGHT | CHAOS_COPIES)
RANDOM(parts_again, SETTING_ATTACK, CHAOS_PARTS | CHAOS_AGAIN | CHAOS_ROUGH | CHAOS_COPIES)
RANDOM(parts_switches, SETTING_NORMAL,
       CHAOS_PARTS | CHAOS_SWITCHES | CHAOS_ROUGH | CHAOS_ENDS | CHAOS_SMALL)

RANDOM(path_calm, SETTING_ATTACK, CHAOS_PATH)
RANDOM(path_rough, SETTING_ATTACK, CHAOS_PATH | CHAOS_ROUGH)
RANDOM(path_ends, SETTING_ATTACK, CHAOS_PATH | CHAOS_ENDS)
RANDOM(path_ends_rough, SETTING_ATTACK, CHAOS_PATH | CHAOS_ENDS | CHAOS_ROUGH | CHAOS_AGAIN)
RANDOM(path_drift, SETTING_ATTACK, CHAOS_PATH | CHAOS_DRIFT)
RANDOM(path_tight, SETTING_ATTACK, CHAOS_PATH | CHAOS_TIGHT | CHAOS_ROUGH)
RANDOM(path_late, SETTING_ATTACK, CHAOS_PATH | CHAOS_LATE)
RANDOM(path_normal_mode, SETTING_NORMAL, CHAOS_PATH | CHAOS_ROUGH | CHAOS_ENDS | CHAOS_AGAIN)
RANDOM(path_everything, SETTING_NORMAL,
       CHAOS_PATH | CHAOS_SWITCHES | CHAOS_ROUGH | CHAOS_ENDS | CHAOS_AGAIN | CHAOS_SLOW |
           CHAOS_DRIFT | CHAOS_BLIND)
RANDOM(path_parts, SETTING_ATTACK, CHAOS_PATH | CHAOS_PARTS | CHAOS_ROUGH | CHAOS_ENDS)
