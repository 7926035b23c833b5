/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_maps.c - see answer_maps.h. */
#include "bridge/bpf/answer_maps.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bridge/bpf/answer.h"
#include "bridge/bpf/object.h"
#include "engine/shard/shard.h"

#define ASIDE_MAX 32768u

struct answer_maps {
    int servers, aside, settings_map;
    struct answer_settings settings;
    bool more_aside;
    struct answer_share share;
    size_t served_bytes;
    uint32_t prefixes_count;
    struct answer_prefix prefixes[ASIDE_MAX]; /* that the kernel has, in order */
};

#define RECORDS_BYTES (ANSWER_RECORDS * sizeof(struct answer_record))
#define ASKED_BYTES   (TAGS_ASKED * sizeof(struct tag))

static size_t served_bytes(const struct answer_sizes *sizes)
{
    return sizes->served_max * sizeof(uint32_t);
}

bool answer_maps_size(const struct bpf_object *object, const struct answer_sizes *sizes)
{
    const struct {
        const char *name;
        uint32_t entries; /* for each shard */
    } maps[] = {{"answer_servers", 2 * ANSWER_RECORDS},
                {"answer_records", ANSWER_RECORDS},
                {"answer_known", ANSWER_KNOWN_BYTES / ANSWER_PAGE_BYTES},
                {"answer_asked", TAGS_ASKED},
                {"answer_served", sizes->served_max / ANSWER_SERVED_PAGE},
                {"answer_aside", ASIDE_MAX},
                {"answer_switch", 1}};

    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        struct bpf_map *map = bpf_object__find_map_by_name(object, maps[i].name);

        if (!map || bpf_map__set_max_entries(map, maps[i].entries * sizes->shards) != 0)
            return false;
    }
    return true;
}

/* The part of this shard, which begins at a page. */
/* A shard's part of it. */
static void *map_part(const struct bpf_object *object, const char *name, uint32_t shard,
                      size_t bytes)
{
    return bpf_share(object, name, shard * bytes, bytes);
}

static void tell(const struct answer_maps *maps)
{
    bpf_map_update_elem(maps->settings_map, &maps->settings.shard, &maps->settings, BPF_ANY);
}

struct answer_maps *answer_maps_open(const struct bpf_object *object,
                                     const struct answer_sizes *sizes, uint32_t shard)
{
    struct answer_maps *maps = calloc(1, sizeof(*maps));
    const int cores = libbpf_num_possible_cpus();

    if (!maps)
        return NULL;
    maps->served_bytes = served_bytes(sizes);
    maps->settings =
        (struct answer_settings){.served_mask = sizes->served_max - 1,
                                 .shard = shard,
                                 .shards = sizes->shards,
                                 .steer_seed = sizes->steer_seed,
                                 .known_page = shard * (ANSWER_KNOWN_BYTES / ANSWER_PAGE_BYTES),
                                 .asked_at = shard * TAGS_ASKED,
                                 .served_page = shard * (sizes->served_max / ANSWER_SERVED_PAGE)};
    maps->servers = bpf_object__find_map_fd_by_name(object, "answer_servers");
    maps->aside = bpf_object__find_map_fd_by_name(object, "answer_aside");
    maps->settings_map = bpf_object__find_map_fd_by_name(object, "answer_switch");
    maps->share = (struct answer_share){
        .records = map_part(object, "answer_records", shard, RECORDS_BYTES),
        .known = map_part(object, "answer_known", shard, ANSWER_KNOWN_BYTES),
        .asked = map_part(object, "answer_asked", shard, ASKED_BYTES),
        .served = map_part(object, "answer_served", shard, served_bytes(sizes)),
        .cores = cores > 0 && cores < (int)ANSWER_CORES ? (uint32_t)cores : ANSWER_CORES};
    if (maps->share.records && maps->share.known && maps->share.asked && maps->share.served) {
        tell(maps); /* the first one's says how many there are */
        return maps;
    }
    answer_maps_close(maps, false);
    return NULL;
}

void answer_maps_close(struct answer_maps *maps, bool goes_on)
{
    const int reason = errno;

    if (!maps)
        return;
    if (!goes_on) {
        maps->settings.servers = 0;
        tell(maps);
    }
    if (maps->share.records)
        munmap(maps->share.records, RECORDS_BYTES);
    if (maps->share.known)
        munmap(maps->share.known, ANSWER_KNOWN_BYTES);
    if (maps->share.asked)
        munmap(maps->share.asked, ASKED_BYTES);
    if (maps->share.served)
        munmap(maps->share.served, maps->served_bytes);
    free(maps);
    errno = reason;
}

struct answer_share answer_maps_share(const struct answer_maps *maps)
{
    return maps->share;
}

void answer_maps_begin(struct answer_maps *maps, const struct engine_config *config)
{
    memcpy(maps->settings.table_seed, config->table_seed, sizeof(maps->settings.table_seed));
    memcpy(maps->settings.tsval_seed, config->keys.tsval, sizeof(maps->settings.tsval_seed));
    tell(maps);
}

void answer_maps_stop_clock(struct answer_maps *maps, uint64_t now_us)
{
    maps->settings.clock_us = now_us;
    tell(maps);
}

/* --- servers --------------------------------------------------------------------------------- */

static void obey(struct answer_maps *maps, const struct answer_order *order)
{
    const uint32_t shard = maps->settings.shard;
    const struct answer_value value = {.index = shard * ANSWER_RECORDS + order->index,
                                       .serial = order->serial};
    struct answer_key key = {.port = htons(order->server.port),
                             .shard = (uint16_t)shard,
                             .vlan = order->server.vlan.id[0]};

    memcpy(key.addr, order->server.addr.bytes, sizeof(key.addr));
    if (!order->add)
        maps->settings.servers -= bpf_map_delete_elem(maps->servers, &key) == 0;
    else if (bpf_map_update_elem(maps->servers, &key, &value, BPF_NOEXIST) == 0)
        maps->settings.servers++;
    else
        bpf_map_update_elem(maps->servers, &key, &value, BPF_EXIST);
}

void answer_maps_obey(struct answer_maps *maps, const struct answer_order *orders, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        obey(maps, &orders[i]);
    if (count > 0)
        tell(maps);
}

/* --- sources --------------------------------------------------------------------------------- */

static int compare_prefixes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct answer_prefix));
}

static struct answer_prefix prefix_of(uint32_t shard, const struct source_rule *rule)
{
    struct answer_prefix prefix = {
        .bits = 32 + rule->length + (addr_is_v4(&rule->prefix) ? 128u - 32u : 0u), .shard = shard};

    memcpy(prefix.addr, rule->prefix.bytes, sizeof(prefix.addr));
    return prefix;
}

/* Each once, in order. */
static uint32_t sort_prefixes(struct answer_prefix *prefixes, uint32_t count)
{
    uint32_t kept = 0;

    qsort(prefixes, count, sizeof(*prefixes), compare_prefixes);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || compare_prefixes(&prefixes[kept - 1], &prefixes[i]) != 0)
            prefixes[kept++] = prefixes[i];
    return kept;
}

/* What is new is added, what is no longer there removed. False: not all found room. */
static bool replace_prefixes(struct answer_maps *maps, const struct answer_prefix *prefixes,
                             uint32_t count)
{
    const uint32_t yes = 1;
    uint32_t old = 0, new = 0;
    bool room = true;

    while (old < maps->prefixes_count || new < count) {
        const int order = old == maps->prefixes_count ? 1
                          : new == count              ? -1
                                         : compare_prefixes(&maps->prefixes[old], &prefixes[new]);

        if (order < 0)
            bpf_map_delete_elem(maps->aside, &maps->prefixes[old]);
        if (order > 0 && bpf_map_update_elem(maps->aside, &prefixes[new], &yes, BPF_ANY) != 0)
            room = false;
        old += order <= 0;
        new += order >= 0;
    }
    memcpy(maps->prefixes, prefixes, count * sizeof(*prefixes));
    maps->prefixes_count = count;
    return room;
}

void answer_maps_more_aside(struct answer_maps *maps, bool more)
{
    maps->more_aside = more;
}

void answer_maps_aside(struct answer_maps *maps, const struct source_info *sources, uint32_t count)
{
    struct answer_prefix *prefixes = sources ? calloc((size_t)count + 1, sizeof(*prefixes)) : NULL;
    uint32_t aside = 0;
    bool room = prefixes;

    for (uint32_t i = 0; prefixes && i < count; i++) {
        if (sources[i].rule.state != SOURCE_ASIDE)
            continue;
        if (aside == ASIDE_MAX)
            room = false;
        else
            prefixes[aside++] = prefix_of(maps->settings.shard, &sources[i].rule);
    }
    if (prefixes) {
        aside = sort_prefixes(prefixes, aside);
        room = replace_prefixes(maps, prefixes, aside) && room;
    }
    maps->settings.aside = aside;
    maps->settings.aside_lost = !room || maps->more_aside;
    tell(maps);
    free(prefixes);
}
