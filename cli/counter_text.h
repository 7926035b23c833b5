/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counter_text.h - what the counters of `stats` count, in the words of engine/base/counters.h, and
 * those of group "server" (engine/server/figures.h). */
#ifndef SYNWARD_CLI_COUNTER_TEXT_H
#define SYNWARD_CLI_COUNTER_TEXT_H

#include <stdbool.h>

/* "" for a counter of a newer daemon. */
const char *counter_text(const char *group, const char *name);
/* Of such a text: it is a number of now, which also falls. */
bool counter_text_is_gauge(const char *text);

#endif
