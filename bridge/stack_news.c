/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stack_news.c - see stack_news.h. */
#include "bridge/stack_news.h"

#include "profiles/model/profile.h"

/* Only what has been served is missed: not a port that was used once, as FTP's for data. */
static bool is_missed(const struct store *store, const struct server_key *server)
{
    const struct profile *profile = store_find(store, server);

    return profile && profile_armed(profile);
}

static bool tell_listening(void *context, const struct server_key *server, bool listening)
{
    const struct stack_news *news = context;

    if (listening || is_missed(news->store, server))
        report_listening(news->report, server, listening);
    return workers_set_listening(news->workers, server, listening);
}

static void tell_accept_queue(void *context, const struct server_key *server, uint32_t used,
                              uint32_t limit)
{
    const struct stack_news *news = context;

    workers_set_accept_queue(news->workers, server, used, limit);
}

static void tell_fresh(void *context)
{
    const struct stack_news *news = context;

    workers_listening_fresh(news->workers);
}

static void tell_lost(void *context, const char *reason)
{
    const struct stack_news *news = context;

    report_stack(news->report, reason);
}

struct stack_ears stack_news_ears(struct stack_news *news)
{
    return (struct stack_ears){tell_listening, tell_accept_queue, tell_fresh, tell_lost, news};
}

bool stack_news_open(struct stack_news *news, const char *named, const struct side_spec *side,
                     struct stack_watch **watch, struct error *error)
{
    const struct stack_ears ears = stack_news_ears(news);
    struct error unseen = {0};

    *watch = NULL;
    if (named) {
        *watch = stack_watch_open(named, "", &ears, error);
        return *watch;
    }
    if (side->port || side->host || side->netns[0] == '\0')
        return true;
    *watch = stack_watch_open(side->netns, side->device, &ears, &unseen);
    if (!*watch)
        report_stack(news->report, unseen.text);
    return true;
}
