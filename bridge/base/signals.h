/* SPDX-License-Identifier: GPL-2.0-or-later */
/* signals.h - signals as something to read: SIGTERM, SIGINT, SIGHUP. SIGPIPE and SIGXFSZ are
 * blocked with them: write() says EPIPE or EFBIG instead. */
#ifndef SYNWARD_BRIDGE_BASE_SIGNALS_H
#define SYNWARD_BRIDGE_BASE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include "profiles/error.h"

struct signals {
    int fd; /* readable when there is one; -1: none are caught */
    bool blocked;
    sigset_t before;
};

/* From here on the signals wait for signals_next(), in every thread. */
bool signals_catch(struct signals *signals, struct error *error);
/* The number of the next; 0: there is none. */
int signals_next(struct signals *signals);
/* As before signals_catch(). `spend`: those that came meanwhile are forgotten, as a second SIGTERM
 * is where the first one has been obeyed. */
void signals_release(struct signals *signals, bool spend);

#endif
