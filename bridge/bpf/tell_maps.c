/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tell_maps.c - see tell_maps.h. */
#include "bridge/bpf/tell_maps.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bridge/bpf/answer.h"
#include "bridge/bpf/object.h"

bool tell_maps_size(const struct bpf_object *object, uint32_t servers)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object, "tell_servers");
    struct bpf_map *states = bpf_object__find_map_by_name(object, "tell_states");

    return map && states && bpf_map__set_max_entries(map, servers) == 0 &&
           bpf_map__set_max_entries(states, servers) == 0;
}

struct tell_maps *tell_maps_open(const struct bpf_object *object, uint32_t servers)
{
    struct tell_maps *maps = calloc(1, sizeof(*maps));

    if (!maps)
        return NULL;
    maps->map = bpf_object__find_map_fd_by_name(object, "tell_servers");
    maps->places = servers;
    maps->hub = bpf_share(object, "tell_hub", 0, sizeof(*maps->hub));
    maps->entries = bpf_share(object, "tell_entries", 0, TELL_ENTRIES * sizeof(*maps->entries));
    maps->ways = bpf_share(object, "tell_ways", 0, TELL_WAYS * sizeof(*maps->ways));
    maps->servers = bpf_share(object, "tell_states", 0, servers * sizeof(*maps->servers));
    if (maps->map >= 0 && maps->hub && maps->entries && maps->ways && maps->servers)
        return maps;
    tell_maps_close(maps);
    return NULL;
}

void tell_maps_close(struct tell_maps *maps)
{
    const int reason = errno;

    if (!maps)
        return;
    if (maps->hub)
        munmap(maps->hub, sizeof(*maps->hub));
    if (maps->entries)
        munmap(maps->entries, TELL_ENTRIES * sizeof(*maps->entries));
    if (maps->ways)
        munmap(maps->ways, TELL_WAYS * sizeof(*maps->ways));
    if (maps->servers)
        munmap(maps->servers, maps->places * sizeof(*maps->servers));
    free(maps);
    errno = reason;
}

void tell_maps_begin(struct tell_maps *maps, const uint64_t table_seed[2])
{
    memcpy(maps->hub->seed, table_seed, sizeof(maps->hub->seed));
}

static void obey(const struct tell_maps *maps, const struct tell_order *order)
{
    struct answer_key key = {.port = htons(order->server.port)};

    memcpy(key.addr, order->server.addr.bytes, sizeof(key.addr));
    if (order->add)
        bpf_map_update_elem(maps->map, &key, &order->place, BPF_ANY);
    else
        bpf_map_delete_elem(maps->map, &key);
}

void tell_maps_obey(struct tell_maps *maps, const struct tell_order *orders, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        obey(maps, &orders[i]);
}
