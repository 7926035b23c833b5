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
#include "engine/shard/shard.h"

#define ASIDE_MAX 32768u

struct answer_maps {
    int servers, aside, settings_map;
    struct answer_settings settings;
    struct answer_share share;
    uint32_t prefixes_count;
    struct answer_prefix prefixes[ASIDE_MAX]; /* that the kernel has, in order */
};

static const struct {
    const char *name;
    size_t bytes;
} shared[] = {
    {"answer_records", ANSWER_RECORDS * sizeof(struct answer_record)},
    {"answer_known", ANSWER_KNOWN},
    {"answer_asked", TAGS_ASKED * sizeof(struct tag)},
    {"answer_served", ANSWER_SERVED * sizeof(uint32_t)},
};

static void *map_shared(const struct bpf_object *object, int which)
{
    const int fd = bpf_object__find_map_fd_by_name(object, shared[which].name);
    void *memory = fd < 0
                       ? MAP_FAILED
                       : mmap(NULL, shared[which].bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void tell(const struct answer_maps *maps)
{
    const uint32_t first = 0;

    bpf_map_update_elem(maps->settings_map, &first, &maps->settings, BPF_ANY);
}

struct answer_maps *answer_maps_open(const struct bpf_object *object)
{
    struct answer_maps *maps = calloc(1, sizeof(*maps));
    const int cores = libbpf_num_possible_cpus();

    if (!maps)
        return NULL;
    maps->servers = bpf_object__find_map_fd_by_name(object, "answer_servers");
    maps->aside = bpf_object__find_map_fd_by_name(object, "answer_aside");
    maps->settings_map = bpf_object__find_map_fd_by_name(object, "answer_switch");
    maps->share = (struct answer_share){
        .records = map_shared(object, 0),
        .known = map_shared(object, 1),
        .asked = map_shared(object, 2),
        .served = map_shared(object, 3),
        .cores = cores > 0 && cores < (int)ANSWER_CORES ? (uint32_t)cores : ANSWER_CORES};
    if (maps->share.records && maps->share.known && maps->share.asked && maps->share.served)
        return maps;
    answer_maps_close(maps);
    return NULL;
}

void answer_maps_close(struct answer_maps *maps)
{
    const int reason = errno;

    if (!maps)
        return;
    maps->settings.servers = 0;
    tell(maps);
    if (maps->share.records)
        munmap(maps->share.records, shared[0].bytes);
    if (maps->share.known)
        munmap(maps->share.known, shared[1].bytes);
    if (maps->share.asked)
        munmap(maps->share.asked, shared[2].bytes);
    if (maps->share.served)
        munmap(maps->share.served, shared[3].bytes);
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
    maps->settings.served_mask = config->served_max - 1;
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
    const struct answer_value value = {.index = order->index, .serial = order->serial};
    struct answer_key key = {.port = htons(order->server.port)};

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

static struct answer_prefix prefix_of(const struct source_rule *rule)
{
    struct answer_prefix prefix = {.bits = rule->length +
                                           (addr_is_v4(&rule->prefix) ? 128u - 32u : 0u)};

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
            prefixes[aside++] = prefix_of(&sources[i].rule);
    }
    if (prefixes) {
        aside = sort_prefixes(prefixes, aside);
        room = replace_prefixes(maps, prefixes, aside) && room;
    }
    maps->settings.aside = aside;
    maps->settings.aside_lost = !room;
    tell(maps);
    free(prefixes);
}
