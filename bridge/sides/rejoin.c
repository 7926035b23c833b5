/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rejoin.c - see rejoin.h. */
#include "bridge/sides/rejoin.h"

#include "bridge/base/log.h"
#include "bridge/sides/sides_parts.h"

/*
 * A bridge has one MTU: what was changed on one side is copied to the other, or frames that one
 * host may send the other could not receive. Where both were changed the client side's counts.
 */
static void follow_mtu(struct sides *sides)
{
    for (int side = 0; side < 2; side++) {
        struct end *end = &sides->ends[side], *other = &sides->ends[!side];
        struct error error = {0};
        uint32_t mtu;

        if (!link_mtu(end->link, &mtu, &error) || mtu == end->mtu)
            continue;
        end->mtu = mtu;
        end_tell_mtu(end);
        if (other->mtu == mtu)
            continue;
        if (!end_give_mtu(other, mtu, &error))
            log_line(LOG_LEVEL_WARNING, "%s has MTU %u now: %s", end->spec.text, mtu, error.text);
        else
            log_line(LOG_LEVEL_INFO, "%s: MTU %u, as %s has now", other->spec.text, mtu,
                     end->spec.text);
    }
}

void rejoin_look(struct sides *sides, enum side side, struct rejoin_news *news)
{
    const struct end *end = &sides->ends[side];

    *news = (struct rejoin_news){.change = end->join ? port_follow(end->join) : PORT_AS_BEFORE};
    follow_mtu(sides);
}

/* A ring lets go of its files a moment after it was closed; the interface must be gone when we are.
 */
static void leave_end(struct end *end)
{
    if (end->join)
        port_leave(end->join);
    if (end->tap.queues > 0 && !end->tap.persistent)
        link_remove(end->tap_link);
}

void rejoin_leave(struct sides *sides)
{
    leave_end(&sides->ends[SIDE_SERVER]);
    leave_end(&sides->ends[SIDE_CLIENT]);
}
