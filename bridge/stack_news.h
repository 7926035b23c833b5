/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stack_news.h - what is seen of the servers' TCP stack (listeners/watch.h) goes to the workers,
 * and to the report. */
#ifndef SYNWARD_BRIDGE_STACK_NEWS_H
#define SYNWARD_BRIDGE_STACK_NEWS_H

#include "bridge/events/report.h"
#include "bridge/listeners/watch.h"
#include "bridge/workers/workers.h"
#include "profiles/store/store.h"

/* All of them outlive it, and it the ears. */
struct stack_news {
    struct store *store;
    struct report *report;
    struct workers *workers;
};

struct stack_ears stack_news_ears(struct stack_news *news);

#endif
