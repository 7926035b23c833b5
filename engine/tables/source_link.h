/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source_link.h - the MAC and the VLANs that a source's frames came by, and which of them are
 * known.
 *
 * A cookie proves that its answer reached whoever sent the segment. On a segment that is shared,
 * that is not yet the owner of the address: a neighbour has the answers sent to his own MAC. So
 * what is thought of a source is thought of an address together with the link that it came by.
 * Behind a router all have one MAC, and it is the address alone.
 *
 * A link is known by right requests: the first one at once, then one a minute, SOURCE_LINKS of
 * them. One that is known stays so as long as a right request comes by it each hour. Whoever
 * invents MACs is a stranger by nearly all of them, and strangers share a quarter of the table
 * (source.h).
 */
#ifndef SYNWARD_ENGINE_TABLES_SOURCE_LINK_H
#define SYNWARD_ENGINE_TABLES_SOURCE_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/addr.h"

#define SOURCE_MAC_AT        6u /* in an Ethernet header */
#define SOURCE_LINKS         16u
#define SOURCE_LINK_EVERY_US (60000ull * 1000)
#define SOURCE_LINK_LIFE_US  (3600ull * 1000 * 1000) /* without a right request */

struct source_link {
    uint64_t mac; /* as it lies in memory: two bytes of zero, then the six of the MAC */
    struct vlan_ids vlan;
};

struct source_links {
    struct source_link known[SOURCE_LINKS];
    uint64_t heard_us[SOURCE_LINKS]; /* the last right request by it */
    uint32_t count;
    uint32_t latest;  /* index of the one that was heard last: nearly always the one asked about */
    uint64_t next_us; /* until then no other becomes known */
};

/* Both IDs at once. */
static inline uint32_t vlan_word(const struct vlan_ids *vlan)
{
    uint32_t word;

    memcpy(&word, vlan, sizeof(word));
    return word;
}

/* `data`: an Ethernet header. The MAC is the word there less its last two bytes. */
static inline struct source_link source_link_of(const uint8_t *data, struct vlan_ids vlan)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (struct source_link){key_word(data, SOURCE_MAC_AT) << 16, vlan};
#else
    return (struct source_link){key_word(data, SOURCE_MAC_AT) >> 16, vlan};
#endif
}

/* The six bytes of the MAC. */
static inline const uint8_t *source_link_mac(const struct source_link *link)
{
    return (const uint8_t *)&link->mac + 2;
}

static inline bool source_link_equal(const struct source_link *a, const struct source_link *b)
{
    return a->mac == b->mac && vlan_word(&a->vlan) == vlan_word(&b->vlan);
}

/* The index of a known link, or `count`. */
uint32_t source_link_find(const struct source_links *links, const struct source_link *link);

/* False: the link is a stranger's. Before any is known there are no strangers. */
static inline bool source_link_known(const struct source_links *links,
                                     const struct source_link *link)
{
    return links->count == 0 || source_link_equal(&links->known[links->latest], link) ||
           source_link_find(links, link) < links->count;
}

/* A right request came by this link, and it is not the one that was heard last. */
void source_link_meet(struct source_links *links, const struct source_link *link, uint64_t now_us);

/* A right request came by this link. */
static inline void source_link_heard(struct source_links *links, const struct source_link *link,
                                     uint64_t now_us)
{
    if (links->count > 0 && source_link_equal(&links->known[links->latest], link))
        links->heard_us[links->latest] = now_us;
    else
        source_link_meet(links, link, now_us);
}

#endif
