/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel_share.c - see kernel_share.h. */
#include "bridge/workers/kernel_share.h"

#include <stdlib.h>

/* A list of thousands is walked then. */
#define ASIDE_AGAIN_US (1000ull * 1000)

void kernel_share_orders(struct kernel_share *share, uint32_t waiting)
{
    struct carried *carried = engine_carried(share->engine);

    if (!carried || carried->orders_count <= waiting)
        return;
    carrying_obey(share->carrying, carried->orders, carried->orders_count, share->shard);
    carried->orders_count = 0;
}

void kernel_share_settle(struct kernel_share *share, struct ring *ring)
{
    const struct carried *carried = engine_carried(share->engine);

    if (!carried)
        return;
    if (carried->touched_count > 0 && engine_settle_is_due(share->engine)) {
        kernel_share_orders(share, 0);
        ring_submit(ring);
        engine_settle(share->engine);
    }
    kernel_share_orders(share, 0);
}

/* All that are put aside; what is over by now goes with that. Without memory for the list the
 * kernel keeps the one that it has. */
static void tell_aside(struct kernel_share *share, uint64_t now_us)
{
    const uint32_t changes = engine_sources_changes(share->engine);
    struct source_info *sources;
    uint32_t room;

    if (changes == share->aside_known && now_us < share->aside_us)
        return;
    share->aside_us = now_us + ASIDE_AGAIN_US;
    room = engine_sources(share->engine, NULL, 0, now_us);
    sources = calloc((size_t)room + 1, sizeof(*sources));
    if (!sources)
        return;
    share->aside_known = changes;
    answer_maps_more_aside(share->answers, engine_has_source_lists(share->engine));
    answer_maps_aside(share->answers, sources,
                      engine_sources(share->engine, sources, room, now_us));
    free(sources);
}

void kernel_share_answers(struct kernel_share *share, uint64_t now_us)
{
    struct answering *answering = engine_answering(share->engine);

    if (!answering)
        return;
    tell_aside(share, now_us);
    if (answering->orders_count == 0)
        return;
    answer_maps_obey(share->answers, answering->orders, answering->orders_count);
    answering->orders_count = 0;
}

bool kernel_share_tells(struct kernel_share *share, bool learning)
{
    struct telling *telling = engine_telling(share->engine);

    if (!telling)
        return false;
    telling->unlearned = !learning;
    tell_maps_obey(carrying_tells(share->carrying), telling->orders, telling->orders_count);
    telling->orders_count = 0;
    return telling->let > 0;
}
