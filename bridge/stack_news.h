/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stack_news.h - what is seen of the servers' TCP stack (listeners/watch.h) goes to the workers,
 * and to the report. */
#ifndef SYNWARD_BRIDGE_STACK_NEWS_H
#define SYNWARD_BRIDGE_STACK_NEWS_H

#include "bridge/events/report.h"
#include "bridge/listeners/watch.h"
#include "bridge/sides/side.h"
#include "bridge/workers/workers.h"
#include "profiles/store/store.h"

/* All of them outlive it, and it the ears. The workers are there when the watch has its first turn.
 */
struct stack_news {
    struct store *store;
    struct report *report;
    struct workers *workers;
};

struct stack_ears stack_news_ears(struct stack_news *news);

/*
 * `named`: the namespace that was asked for, which must be there to be seen; NULL: that of the
 * server side, if it has one. `*watch` NULL: there is none.
 */
bool stack_news_open(struct stack_news *news, const char *named, const struct side_spec *side,
                     struct stack_watch **watch, struct error *error);

#endif
