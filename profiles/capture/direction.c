/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direction.c - see direction.h. */
#include "profiles/capture/direction.h"

#include <stdlib.h>
#include <string.h>

#define DIRECTION_BUCKETS 16384u /* power of two */
#define DIRECTION_WAYS    4

/* The connection with its ends in a fixed order: `client` is the lower one, whatever its role. */
struct direction {
    struct flow_key ends;
    bool client_is_lower;
    uint64_t used; /* 0: empty */
};

struct direction_table {
    uint64_t clock;
    struct direction slots[DIRECTION_BUCKETS][DIRECTION_WAYS];
};

struct direction_table *direction_new(void)
{
    return calloc(1, sizeof(struct direction_table));
}

void direction_free(struct direction_table *table)
{
    free(table);
}

/* Fills `ends`; true where the frame's sender is the lower end. */
static bool ends_of(const struct frame *frame, struct flow_key *ends)
{
    const struct ip_addr src = frame_src(frame), dst = frame_dst(frame);
    const uint16_t src_port = frame_src_port(frame), dst_port = frame_dst_port(frame);
    int order = memcmp(&src, &dst, sizeof(src));

    if (order == 0)
        order = (src_port > dst_port) - (src_port < dst_port);
    frame_flow_key(frame, order <= 0 ? SIDE_CLIENT : SIDE_SERVER, ends);
    return order <= 0;
}

static struct direction *bucket_of(struct direction_table *table, const struct flow_key *ends)
{
    static const uint64_t seed[2] = {0xa4093822299f31d0u, 0x082efa98ec4e6c89u};

    return table->slots[table_hash(seed, ends, sizeof(*ends)) & (DIRECTION_BUCKETS - 1)];
}

static struct direction *find(struct direction *bucket, const struct flow_key *ends)
{
    for (int i = 0; i < DIRECTION_WAYS; i++)
        if (bucket[i].used && flow_key_equal(&bucket[i].ends, ends))
            return &bucket[i];
    return NULL;
}

static struct direction *replace(struct direction *bucket, const struct flow_key *ends)
{
    struct direction *oldest = &bucket[0];

    for (int i = 1; i < DIRECTION_WAYS; i++)
        if (bucket[i].used < oldest->used)
            oldest = &bucket[i];
    oldest->ends = *ends;
    return oldest;
}

bool direction_known(struct direction_table *table, const struct frame *frame)
{
    struct flow_key ends;

    ends_of(frame, &ends);
    return (frame->flags & (TCP_SYN | TCP_RST)) == TCP_SYN ||
           find(bucket_of(table, &ends), &ends) != NULL;
}

enum side direction_of(struct direction_table *table, const struct frame *frame)
{
    struct flow_key ends;
    const bool from_lower = ends_of(frame, &ends);
    struct direction *bucket = bucket_of(table, &ends);
    struct direction *known = find(bucket, &ends);
    const bool syn = (frame->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
    const bool synack = (frame->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK);

    if (!known && !syn && !synack)
        return frame_src_port(frame) < frame_dst_port(frame) ? SIDE_SERVER : SIDE_CLIENT;
    if (!known || syn) {
        known = known ? known : replace(bucket, &ends);
        known->client_is_lower = syn ? from_lower : !from_lower;
    }
    known->used = ++table->clock;
    return known->client_is_lower == from_lower ? SIDE_CLIENT : SIDE_SERVER;
}
