/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_maps.h - the maps of the parts of the carrying program that answer SYNs (answer.bpf.h)
 * and drop what proves nothing (reject.bpf.h).
 *
 *      answer_maps_share()   what an engine and the kernel both have
 *      answer_maps_begin()   for which engine; nothing is answered until a server has a record
 *      answer_maps_obey()    which servers have one: the worker's thread, as all that follows
 *      answer_maps_aside()   whose SYNs go up all the same
 */
#ifndef SYNWARD_BRIDGE_BPF_ANSWER_MAPS_H
#define SYNWARD_BRIDGE_BPF_ANSWER_MAPS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/stages/answering.h"

struct answer_maps;

struct answer_sizes {
    uint32_t shards; /* 1 to ANSWER_SHARDS_MAX: each has maps of its own */
    uint64_t steer_seed;
    uint32_t served_max; /* of each engine: struct engine_config */
};

/* Before it is loaded. */
bool answer_maps_size(const struct bpf_object *object, const struct answer_sizes *sizes);
/* One shard's, of a loaded object, which stays the caller's. NULL and errno. */
struct answer_maps *answer_maps_open(const struct bpf_object *object,
                                     const struct answer_sizes *sizes, uint32_t shard);
/* Nothing is answered from here on; `goes_on`: for as long as the engine's last word counts, by who
 * has the program now. NULL is fine. */
void answer_maps_close(struct answer_maps *maps, bool goes_on);

struct answer_share answer_maps_share(const struct answer_maps *maps);
void answer_maps_begin(struct answer_maps *maps, const struct engine_config *config);
/* For tests: the clock stands at this time; 0: it goes on. */
void answer_maps_stop_clock(struct answer_maps *maps, uint64_t now_us);
void answer_maps_obey(struct answer_maps *maps, const struct answer_order *orders, uint32_t count);
/* More sources are put aside than answer_maps_aside() will be told, by lists: then no SYN is
 * answered in the kernel. */
void answer_maps_more_aside(struct answer_maps *maps, bool more);
/* All of those sources that are put aside, and no others, are known to be from here on; NULL: there
 * was no memory to say so, and all goes up. */
void answer_maps_aside(struct answer_maps *maps, const struct source_info *sources, uint32_t count);

#endif
