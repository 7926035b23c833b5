/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sides_check.c - see sides_check.h. */
#include "bridge/sides/sides_check.h"

#include <string.h>
#include <unistd.h>

#include "bridge/base/netns.h"
#include "bridge/sides/card.h"
#include "bridge/sides/inline.h"
#include "bridge/sides/link.h"
#include "bridge/sides/port.h"
#include "bridge/sides/tap.h"

bool sides_check_netns(const char *name, struct error *error)
{
    const int file = name[0] != '\0' ? netns_file(name, error) : -1;

    if (file >= 0)
        close(file);
    return name[0] == '\0' || file >= 0;
}

static bool check_existing(const struct side_spec *spec, struct link *link, enum side side,
                           bool running, struct error *error)
{
    struct link_state state;

    return link_look(link, &state, error) &&
           (!spec->port || port_check(spec, link, running, error)) &&
           (!spec->in_use || inline_check(link, spec, side == SIDE_SERVER, error));
}

/* The name of what the start makes. */
static bool check_name(const struct side_spec *spec, const struct link *link,
                       enum card_setting card, struct error *error)
{
    const bool netns = spec->netns[0] != '\0';
    struct side_spec copy = *spec;
    enum card_found found;
    struct link_state state;

    if (!link_look(link, &state, NULL))
        return true;
    found = netns ? card_look(&copy) : CARD_TAKEN;
    if (strcmp(state.kind, "tun") == 0)
        found = CARD_IS_TAP;
    if (found == CARD_FREE || found == CARD_KEPT || (found == CARD_IS_TAP && card != CARD_VETH))
        return true;
    return netns && card == CARD_VETH ? card_refuse(spec, found, error) : tap_refuse(spec, error);
}

bool sides_check(const struct side_spec *spec, enum side side, struct sides_looking *looking,
                 struct error *error)
{
    struct link *link;
    bool good;

    if (!sides_check_netns(spec->netns, error))
        return false;
    link = link_open(spec, &looking->unseen);
    if (!link) /* there is such a namespace, but it takes privileges to look into it */
        return true;
    good = spec->port || spec->host ? check_existing(spec, link, side, looking->running, error)
                                    : check_name(spec, link, looking->card, error);
    link_close(link);
    return good;
}

static bool may_be_port(const struct side_spec *spec, enum card_setting card)
{
    return spec->port || (!spec->host && spec->netns[0] != '\0' && card != CARD_TAP);
}

/* The hidden end of a card is in our own namespace. */
static const char *netns_of_port(const struct side_spec *spec)
{
    return spec->port ? spec->netns : "";
}

bool sides_check_path(const struct side_spec sides[2], enum card_setting card, struct error *error)
{
    const char *why = NULL;

    if (!may_be_port(&sides[0], card) || !may_be_port(&sides[1], card))
        why = SIDES_NO_PORTS;
    else if (strcmp(netns_of_port(&sides[0]), netns_of_port(&sides[1])) != 0)
        why = SIDES_NOT_TOGETHER;
    return !why || error_set(error, EXIT_FAILED, "no kernel path: %s", why);
}
