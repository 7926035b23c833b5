/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sides_watch.c - see sides_watch.h. */
#include "bridge/sides_watch.h"

#include <stdio.h>
#include <string.h>

/* Told when it begins, and when its cause is another one. */
static void note_cut(const struct sides_watch *watch, enum side side, const char *why)
{
    const struct side_spec *spec = sides_spec(watch->sides, side);

    if (*why && strcmp(why, sides_cut(watch->sides, side)) != 0)
        report_side_cut(watch->report, spec->text, why);
    sides_note_cut(watch->sides, side, why);
}

static void note_path(const struct sides_watch *watch, const struct side_spec *spec,
                      const struct rejoin_news *news)
{
    char gone[IFNAMSIZ + sizeof(" is gone")];

    snprintf(gone, sizeof(gone), "%s is gone", spec->device);
    if (news->change == PORT_BACK)
        kernel_path_note(watch->path, news->no_path[0] ? news->no_path : NULL);
    else if (news->change != PORT_AS_BEFORE)
        kernel_path_note(watch->path, news->change == PORT_LOST ? gone : news->cut);
}

static void look(const struct sides_watch *watch, enum side side)
{
    const struct side_spec *spec = sides_spec(watch->sides, side);
    struct rejoin_news news;

    keeping_look(watch->keeping, watch->sides, side, &news);
    if (side == SIDE_SERVER)
        keeping_look_at_hook(watch->keeping, watch->hook);
    note_path(watch, spec, &news);
    if (news.change == PORT_LOST) {
        report_side_lost(watch->report, spec->text, spec->device);
        sides_note_cut(watch->sides, side, news.cut);
    } else {
        note_cut(watch, side, news.cut);
    }
    if (news.change == PORT_BACK)
        report_side_back(watch->report, spec->text, spec->device);
}

/* "port:eth2 shows none", or why it shows one. */
static void tell_mirrored(const struct sides_watch *watch, enum side side,
                          const struct carrier_news *other)
{
    const struct side_spec *spec = sides_spec(watch->sides, side);
    const char *its = sides_spec(watch->sides, side_other(side))->text;
    char told[CARRIER_UNTOLD_BYTES + 100];

    if (other->state == CARRIER_HELD)
        snprintf(told, sizeof(told), "nor does %.90s show one", its);
    else if (other->state != CARRIER_THERE)
        snprintf(told, sizeof(told), "nor has %.90s", its);
    else
        snprintf(told, sizeof(told), "%.90s is not told: %.100s", its,
                 other->untold[0] ? other->untold : "somebody else has brought it up");
    report_side_no_carrier(watch->report, spec->text, told);
}

void sides_watch_carrier(const struct sides_watch *watch)
{
    struct carrier_news news[2];

    keeping_mirror(watch->keeping, watch->sides, *watch->carrier, news);
    for (int i = 0; i < 2; i++) {
        const enum side side = (enum side)i;
        const enum carrier_state was = sides_carrier(watch->sides, side)->state;

        if (news[i].state == CARRIER_LOST && was != CARRIER_LOST)
            tell_mirrored(watch, side, &news[!i]);
        if (news[i].state == CARRIER_THERE && was == CARRIER_LOST)
            report_side_carrier(watch->report, sides_spec(watch->sides, side)->text);
        sides_note_carrier(watch->sides, side, &news[i]);
    }
}

bool sides_watch_heard(const struct sides_watch *watch, int fd)
{
    enum side side;

    if (!sides_heard(watch->sides, fd, &side))
        return false;
    look(watch, side);
    sides_watch_carrier(watch);
    return true;
}

bool sides_watch_turn(const struct sides_watch *watch)
{
    struct rejoin_news news[2];
    const bool anew = keeping_anew(watch->keeping, watch->sides, news);

    for (int i = 0; i < 2; i++) {
        const enum side side = (enum side)i;

        if (news[i].cut[0])
            note_cut(watch, side, news[i].cut);
        else if (sides_cut(watch->sides, side)[0])
            look(watch, side);
    }
    if (hook_is_away(watch->hook))
        keeping_look_at_hook(watch->keeping, watch->hook);
    sides_watch_carrier(watch);
    return anew;
}
