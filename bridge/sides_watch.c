/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sides_watch.c - see sides_watch.h. */
#include "bridge/sides_watch.h"

static void look(const struct sides_watch *watch, enum side side)
{
    const struct side_spec *spec = sides_spec(watch->sides, side);
    struct rejoin_news news;

    keeping_look(watch->keeping, watch->sides, side, &news);
    if (news.change != PORT_AS_BEFORE)
        kernel_path_end(watch->path, spec->device);
    if (news.change == PORT_LOST)
        report_side_lost(watch->report, spec->text, spec->device);
    else if (news.change == PORT_BACK)
        report_side_back(watch->report, spec->text, spec->device);
}

bool sides_watch_heard(const struct sides_watch *watch, int fd)
{
    enum side side;

    if (!sides_heard(watch->sides, fd, &side))
        return false;
    look(watch, side);
    return true;
}
