/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/cluster/peers.c: what stays when nobody speaks of the other bridges any more. */
#include <criterion/criterion.h>

#include "bridge/cluster/peers.h"

#define SECOND_US 1000000ull

Test(peers, a_store_that_is_away_changes_no_number)
{
    const struct cluster_peers joined = {.state = PEERS_JOINED, .bridges = 3, .name = "a"};
    const struct cluster_peers away = {.state = PEERS_AWAY, .bridges = 1, .why = "no answer"};
    struct cluster_peers peers;

    cluster_peers_begin(&peers);
    cr_assert_eq(peers.bridges, 1);
    cr_assert(cluster_peers_told(&peers, &joined, 1));
    cr_assert_not(cluster_peers_told(&peers, &joined, 2), "the same again");
    cr_assert(cluster_peers_told(&peers, &away, 3));
    cr_assert_eq(peers.bridges, 3);
}

Test(peers, silence_is_told_once)
{
    const struct cluster_peers joined = {.state = PEERS_JOINED, .bridges = 3};
    struct cluster_peers peers;

    cluster_peers_begin(&peers);
    cr_assert_not(cluster_peers_turn(&peers, 100 * SECOND_US), "it has never spoken");
    cluster_peers_told(&peers, &joined, 100 * SECOND_US);
    cr_assert_not(cluster_peers_turn(&peers, 109 * SECOND_US));
    cr_assert(cluster_peers_turn(&peers, 110 * SECOND_US));
    cr_assert_eq(peers.state, PEERS_AWAY);
    cr_assert_eq(peers.bridges, 3);
    cr_assert_not(cluster_peers_turn(&peers, 130 * SECOND_US));
    cr_assert(cluster_peers_told(&peers, &joined, 131 * SECOND_US), "it is back");
}
