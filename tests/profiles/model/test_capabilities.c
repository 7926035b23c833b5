/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include "tests/profiles/observations.h"

Test(capabilities, unknown_until_offered_then_granted_or_refused)
{
    struct capabilities tcp;
    struct synack_features granted = {.mss = 1460,
                                      .window_scale = WSCALE_NONE,
                                      .window = 64240,
                                      .ttl = 64,
                                      .layout_bytes = 1,
                                      .layout = {TCP_OPT_MSS}};
    capabilities_init(&tcp, true);
    cr_assert_eq(tcp.model.sack, CAPABILITY_UNKNOWN);
    capabilities_vote(&tcp, OFFER_MSS, &granted, 1);
    cr_assert_eq(tcp.model.mss_state, CAPABILITY_GRANTED);
    cr_assert_eq(tcp.model.window_scale_state, CAPABILITY_UNKNOWN);
    cr_assert_eq(tcp.model.sack, CAPABILITY_UNKNOWN);
    capabilities_vote(&tcp, OFFER_MSS | OFFER_WSCALE | OFFER_SACK, &granted, 2);
    cr_assert_eq(tcp.model.window_scale_state, CAPABILITY_REFUSED);
    cr_assert_eq(tcp.model.sack, CAPABILITY_REFUSED);
    cr_assert_eq(tcp.model.timestamps, CAPABILITY_UNKNOWN);
}

Test(capabilities, changed_server_is_believed_after_its_old_votes_are_spent)
{
    struct capabilities tcp;
    struct synack_features granted = test_synack();
    capabilities_init(&tcp, true);
    for (int i = 0; i < 1000; i++)
        capabilities_vote(&tcp, OFFER_ALL, &granted, 0);
    granted.mss = 1400;
    granted.window = 1000;
    for (int i = 0; i <= VOTES_MAX; i++)
        capabilities_vote(&tcp, OFFER_ALL, &granted, 0);
    cr_assert_eq(tcp.model.mss, 1400);
    cr_assert_eq(tcp.model.window, 1000);
    cr_assert_eq(tcp.model.variants[0].seen, 1001 + VOTES_MAX);
}

Test(capabilities, sixteen_variants_and_the_least_seen_gives_way)
{
    struct capabilities tcp;
    const struct synack_features granted = test_synack();
    capabilities_init(&tcp, true);
    for (int times = 0; times < 2; times++)
        for (uint8_t offered = 0; offered < 15; offered++)
            capabilities_vote(&tcp, offered, &granted, 0);
    capabilities_vote(&tcp, 15, &granted, 0);
    capabilities_hint(&tcp, 20, &granted);
    cr_assert_null(synack_variant_find(&tcp.model, 20), "a hint pushes out nothing");
    capabilities_vote(&tcp, 20, &granted, 0);
    cr_assert_not_null(synack_variant_find(&tcp.model, 20));
    cr_assert_null(synack_variant_find(&tcp.model, 15));
    cr_assert_eq(tcp.model.variants_count, SYNACK_VARIANTS_MAX);
    cr_assert_not(capabilities_compares(&tcp, 15));
    cr_assert(capabilities_compares(&tcp, 20));
}

static enum ip_id_kind kind_of(bool ipv4, const uint16_t *ids, size_t count)
{
    struct capabilities tcp;
    const struct synack_features granted = test_synack();
    capabilities_init(&tcp, ipv4);
    for (size_t i = 0; i < count; i++)
        capabilities_vote(&tcp, OFFER_ALL, &granted, ids[i]);
    return tcp.model.ip_id;
}

Test(capabilities, ip_id_kinds)
{
    const uint16_t zero[3] = {0}, up[] = {65530, 2, 9, 40}, random[] = {7, 60000, 312, 41000};
    cr_assert_eq(kind_of(true, zero, 1), IP_ID_UNKNOWN);
    cr_assert_eq(kind_of(true, zero, 3), IP_ID_ZERO);
    cr_assert_eq(kind_of(true, up, 4), IP_ID_INCREMENT);
    cr_assert_eq(kind_of(true, random, 4), IP_ID_RANDOM);
    cr_assert_eq(kind_of(false, zero, 3), IP_ID_NONE);
}
