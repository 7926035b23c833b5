/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rejoin.c - see rejoin.h. */
#include "bridge/sides/rejoin.h"

#include <stdio.h>

#include "bridge/base/log.h"
#include "bridge/base/netns.h"
#include "bridge/bpf/carrying.h"
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
        if (other->mtu == mtu || side_same(&end->spec, &other->spec))
            continue;
        if (!end_give_mtu(other, mtu, &error))
            log_line(LOG_LEVEL_WARNING, "%s has MTU %u now: %s", end->spec.text, mtu, error.text);
        else
            log_line(LOG_LEVEL_INFO, "%s: MTU %u, as %s has now", other->spec.text, mtu,
                     end->spec.text);
    }
}

static void bypass_again(struct sides *sides)
{
    struct error why = {0};

    if (sides->bypassing && !sides_bypass_again(sides, &why))
        log_line(LOG_LEVEL_WARNING, "nothing would go by while no worker is alive: %s", why.text);
}

/* Nothing is carried to a port that is gone, or from one that nobody sees. */
static void carry_again(struct sides *sides, struct rejoin_news *news)
{
    struct error why = {0};

    if (!sides->carrying)
        return;
    carrying_lead(sides->carrying, 0, 0);
    if (news->change != PORT_BACK)
        return;
    carrying_shut(sides->carrying);
    if (!sides_carry_again(sides, &why))
        snprintf(news->no_path, sizeof(news->no_path), "%.*s", (int)sizeof(news->no_path) - 1,
                 why.text);
}

void rejoin_look(struct sides *sides, enum side side, struct rejoin_news *news)
{
    const struct end *end = &sides->ends[side];
    const char *cut;

    *news = (struct rejoin_news){.change = end->join ? port_follow(end->join) : PORT_AS_BEFORE};
    if (news->change == PORT_BACK)
        bypass_again(sides);
    if (news->change != PORT_AS_BEFORE)
        carry_again(sides, news);
    if (news->change == PORT_BACK)
        port_settle(end->join);
    sides_follow_peer(sides);
    cut = end->join ? port_cut(end->join) : NULL;
    snprintf(news->cut, sizeof(news->cut), "%s", cut ? cut : "");
    follow_mtu(sides);
}

/* --- from the beginning ----------------------------------------------------------------------- */

static bool same_namespace(const struct end *end)
{
    struct netns_id now;

    /* One that has lost its name lives on with us in it, and carries frames. */
    return !netns_identify(end->spec.netns, &now) ||
           (now.device == end->netns.device && now.inode == end->netns.inode);
}

/* False: as long as it is so nothing passes, and this side cannot be mended. */
static bool stands(const struct end *end, struct rejoin_news *news)
{
    struct link_state hidden;

    if (!same_namespace(end))
        snprintf(news->cut, sizeof(news->cut), "namespace %s was made anew", end->spec.netns);
    else if (end_has_card(end) && !link_look(end->port_link, &hidden, NULL))
        snprintf(news->cut, sizeof(news->cut), "the card %s was removed", end->spec.device);
    else if (!tap_exists(&end->tap))
        snprintf(news->cut, sizeof(news->cut), "the TAP of %s was removed", end->spec.device);
    else
        return true;
    return false;
}

/* A port, or a TAP that others have made, must be there; a card of ours is made with the side. */
static bool can_be_opened(const struct end *end)
{
    struct link *link = link_open(&end->spec, NULL);
    struct link_state state;
    const bool wanted = (end->join && !end_has_card(end)) || end->spec.host || end->tap.persistent;
    const bool can = link && (!wanted || link_look(link, &state, NULL));

    link_close(link);
    return can;
}

bool rejoin_anew(struct sides *sides, struct rejoin_news news[2])
{
    bool fallen = false;

    for (int side = 0; side < 2; side++) {
        news[side] = (struct rejoin_news){.change = PORT_AS_BEFORE};
        fallen |= !stands(&sides->ends[side], &news[side]);
    }
    return fallen && can_be_opened(&sides->ends[SIDE_CLIENT]) &&
           can_be_opened(&sides->ends[SIDE_SERVER]);
}

/* A ring lets go of its files a moment after it was closed; the interface must be gone when we are.
 * Of one that was removed the name may be another's by now. */
static void remove_tap(struct end *end)
{
    if (end->tap.queues > 0 && !end->tap.persistent && tap_exists(&end->tap))
        link_remove(end->tap_link);
}

/* Of a start that has failed nothing is left. */
static void remove_card(const struct sides *sides, struct end *end)
{
    if (!sides->started && end->card_made)
        link_remove(end->port_link);
}

/* No port leads to a TAP that is gone. */
void rejoin_leave(struct sides *sides)
{
    for (int side = 0; side < 2; side++)
        if (sides->ends[side].join)
            port_leave(sides->ends[side].join);
    remove_tap(&sides->ends[SIDE_SERVER]);
    remove_tap(&sides->ends[SIDE_CLIENT]);
    remove_card(sides, &sides->ends[SIDE_SERVER]);
    remove_card(sides, &sides->ends[SIDE_CLIENT]);
}
