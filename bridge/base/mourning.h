/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mourning.h - that a process has died, known at once.
 *
 *      bridge                          keeper, forked after mourning_begin()
 *      mourning_begin()                mourning_wait(), in a thread of its own
 *      ... killed ...                  true
 *      ... or mourning_end()           false
 *
 * A killed process gives back its memory before it closes its files, and is gone after both: for
 * one with large tables that takes tens of milliseconds, in which a TAP takes frames that nobody
 * will read. A robust futex is let go of before either (futex(2), set_robust_list(2)).
 */
#ifndef SYNWARD_BRIDGE_BASE_MOURNING_H
#define SYNWARD_BRIDGE_BASE_MOURNING_H

#include <stdbool.h>

#include "profiles/error.h"

struct mourning;

/* By the thread whose end is the end of the process. NULL: `error` says why. */
struct mourning *mourning_begin(struct error *error);
/* In a process that was forked since. True: that thread has ended, and has not said so before. */
bool mourning_wait(struct mourning *mourning);
/* By the thread that began it; it is freed. NULL is fine. */
void mourning_end(struct mourning *mourning);

#endif
