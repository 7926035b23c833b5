/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source_link.c - knows links. See source_link.h. */
#include "engine/tables/source_link.h"

uint32_t source_link_find(const struct source_links *links, const struct source_link *link)
{
    uint32_t at = 0;

    while (at < links->count && !source_link_equal(&links->known[at], link))
        at++;
    return at;
}

/* A free place, or that of one which is known no longer; SOURCE_LINKS: there is none. */
static uint32_t free_place(const struct source_links *links, uint64_t now_us)
{
    if (links->count < SOURCE_LINKS)
        return links->count;
    for (uint32_t at = 0; at < SOURCE_LINKS; at++)
        if (now_us - links->heard_us[at] > SOURCE_LINK_LIFE_US)
            return at;
    return SOURCE_LINKS;
}

void source_link_meet(struct source_links *links, const struct source_link *link, uint64_t now_us)
{
    uint32_t at = source_link_find(links, link);

    if (at == links->count) {
        at = now_us >= links->next_us ? free_place(links, now_us) : SOURCE_LINKS;
        if (at == SOURCE_LINKS)
            return;
        if (at == links->count)
            links->count++;
        links->known[at] = *link;
        links->next_us = now_us + SOURCE_LINK_EVERY_US;
    }
    links->heard_us[at] = now_us;
    links->latest = at;
}
