/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sides_watch.h - the main loop's eye on the interfaces of the sides: what has become of them is
 * done (sides/rejoin.h) and told.
 */
#ifndef SYNWARD_BRIDGE_SIDES_WATCH_H
#define SYNWARD_BRIDGE_SIDES_WATCH_H

#include <stdbool.h>

#include "bridge/events/report.h"
#include "bridge/keeping.h"
#include "bridge/sides/kernel_path.h"
#include "bridge/sides/sides.h"

/* All of them outlive the watch. */
struct sides_watch {
    struct sides *sides;
    struct kernel_path *path;
    struct report *report;
    struct keeping *keeping; /* who does it; NULL: we */
    struct hook *hook;
    const enum carrier_setting *carrier;
};

/* False: `fd`, which is readable, is not of an interface. */
bool sides_watch_heard(const struct sides_watch *watch, int fd);
/* What has no carrier, and what was done about it. At the start, too. */
void sides_watch_carrier(const struct sides_watch *watch);
/* Each second: what is cut is tried again, and the hook where it is away from its card. True: the
 * sides are to be opened anew. */
bool sides_watch_turn(const struct sides_watch *watch);

#endif
