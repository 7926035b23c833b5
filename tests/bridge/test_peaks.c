/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/peaks.c: the most connections in calm stand in the profile. */
#include <criterion/criterion.h>

#include "bridge/peaks.h"
#include "profiles/model/profile.h"

static const struct server_key known = {.port = 80}, unknown = {.port = 81};

Test(peaks, news_are_learned)
{
    struct store *store = store_new();
    struct profile *profile = store_add(store, &known);
    struct server_info servers[] = {{.key = unknown, .held_peak = 9},
                                    {.key = known, .held_peak = 100}};
    uint64_t revision = store_revision(store);

    peaks_learn(store, servers, 2);
    cr_assert_eq(profile->held_peak, 100);
    cr_assert_gt(store_revision(store), revision);
    cr_assert_null(store_find(store, &unknown));

    revision = store_revision(store);
    servers[1].held_peak = 112;
    peaks_learn(store, servers, 2);
    servers[1].held_peak = 88;
    peaks_learn(store, servers, 2);
    cr_assert_eq(profile->held_peak, 100, "within an eighth");
    cr_assert_eq(store_revision(store), revision, "so the file is not written each second");

    servers[1].held_peak = 113;
    peaks_learn(store, servers, 2);
    cr_assert_eq(profile->held_peak, 113);
    servers[1].held_peak = 50;
    peaks_learn(store, servers, 2);
    cr_assert_eq(profile->held_peak, 50, "it falls, too");
    servers[1].held_peak = UINT32_MAX;
    peaks_learn(store, servers, 2);
    cr_assert_eq(profile->held_peak, HELD_PEAK_MAX);
    store_free(store);
}
