/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirroring.c - see mirroring.h. */
#include "bridge/sides/mirroring.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/sides/sides_parts.h"

/* --- what is there --------------------------------------------------------------------------- */

/* False: it is not there. */
static bool look_at(const struct end *end, struct link_state *state)
{
    const int index = end->join ? port_index(end->join) : end->index;

    return index != 0 && link_look_at(end->port_link, index, state);
}

/*
 * A port that has vanished has lost its carrier, too. A TAP of ours that is not found was moved
 * into another namespace: nothing is known of it, and what is not known is not lost.
 */
static struct carrier_seen see(const struct end *end)
{
    struct link_state state;

    if (!look_at(end, &state))
        return (struct carrier_seen){.carrier = !end->join, .stands = true};
    return (struct carrier_seen){.carrier = state.up && state.carrier,
                                 .stands = end->join ? !state.up : !state.carrier};
}

/* Whether its far end can be told; `why` says why not. */
static bool can_be_told(const struct end *end, struct error *why)
{
    struct link_state state;

    if (end->spec.host || end->spec.in_use)
        return error_set(why, EXIT_FAILED, "%s is in use by this host, which sees it itself",
                         end->spec.device);
    if (!end->join)
        return true;
    if (!look_at(end, &state))
        return error_set(why, EXIT_FAILED, "%s is not there", end->spec.device);
    if (state.kind[0] != '\0' && strcmp(state.kind, "veth") != 0)
        return error_set(why, EXIT_FAILED, "nobody behind %s would see it (%s)", end->spec.device,
                         state.kind);
    if (link_has_address(end->port_link, state.index))
        return error_set(why, EXIT_FAILED, "%s has an address of this host, and would lose routes",
                         end->spec.device);
    return true;
}

/* --- what is done ---------------------------------------------------------------------------- */

static bool hold(struct end *end, bool held, struct error *error)
{
    return end->join ? port_hold(end->join, held, error) : tap_set_carrier(&end->tap, !held, error);
}

static bool let_go(struct end *end)
{
    struct error why = {0};

    if (hold(end, false, &why))
        return true;
    log_line(LOG_LEVEL_ERROR, "%s stays down: %s", end->spec.text, why.text);
    return false;
}

/* What one deed changes is seen by the next look. */
static void mirror(struct sides *sides, struct carrier_seen seen[2], uint64_t now_us)
{
    enum side side;
    struct error why = {0};

    switch (carrier_turn(&sides->carrier, seen, now_us, &side)) {
    case CARRIER_NOTHING:
        return;
    case CARRIER_LET_GO:
        if (!let_go(&sides->ends[side]))
            carrier_not_let_go(&sides->carrier, side);
        break;
    case CARRIER_HOLD:
        if (can_be_told(&sides->ends[side], &why) && hold(&sides->ends[side], true, &why))
            break;
        carrier_not_held(&sides->carrier, side);
        break;
    }
    seen[side] = see(&sides->ends[side]);
}

void mirroring_turn(struct sides *sides, enum carrier_setting setting, struct carrier_news news[2])
{
    const uint64_t now_us = clock_now_us();
    struct carrier_seen seen[2];
    enum side side;

    if (setting == CARRIER_KEEP && carrier_stop(&sides->carrier, &side))
        let_go(&sides->ends[side]);
    for (int i = 0; i < 2; i++)
        seen[i] = see(&sides->ends[i]);
    if (setting == CARRIER_MIRROR)
        mirror(sides, seen, now_us);
    for (int i = 0; i < 2; i++) {
        struct error why = {0};

        if (setting == CARRIER_KEEP)
            error_set(&why, EXIT_FAILED, "as asked for");
        else if (!sides->carrier.held[i])
            can_be_told(&sides->ends[i], &why);
        news[i].state = carrier_state(&sides->carrier, seen, (enum side)i, now_us);
        snprintf(news[i].untold, sizeof(news[i].untold), "%.*s", CARRIER_UNTOLD_BYTES - 1,
                 why.text);
    }
}
