/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tell_maps.h - what the kernel tells of segments that it has passed on by itself (tell.bpf.h): the
 * maps, of one engine.
 */
#ifndef SYNWARD_BRIDGE_BPF_TELL_MAPS_H
#define SYNWARD_BRIDGE_BPF_TELL_MAPS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/stages/telling.h"
#include "engine/tcp/tell_record.h"

struct tell_maps {
    int map; /* of servers */
    uint32_t places;
    struct tell_hub *hub;
    struct tell_entry *entries;
    struct tell_way *ways;
    struct tell_server *servers;
};

/* Before the object is loaded. False: it has no such maps. */
bool tell_maps_size(const struct bpf_object *object, uint32_t servers);
/* Nothing is told until somebody says that he reads. NULL: an errno says why. */
struct tell_maps *tell_maps_open(const struct bpf_object *object, uint32_t servers);
/* NULL is fine. */
void tell_maps_close(struct tell_maps *maps);
/* Hashes are those of the engine with this table_seed, before its worker says that it reads. */
void tell_maps_begin(struct tell_maps *maps, const uint64_t table_seed[2]);
void tell_maps_obey(struct tell_maps *maps, const struct tell_order *orders, uint32_t count);

#endif
