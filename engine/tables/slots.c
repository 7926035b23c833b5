/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.c - see slots.h. Memory, in this order:
 *
 *      | heads | shares | slots of servers | timers | bytes laid together | chunks |
 */
#include "engine/tables/slots.h"

#include <string.h>

#include "engine/base/bytes.h"

static uint32_t prefix_share(uint32_t slots)
{
    return slots < 16 ? 1 : slots / 16;
}

static uint32_t shares_for(uint32_t slots)
{
    return 2 * slots + SLOT_LONGS_MAX < 0xffff ? 2 * slots + SLOT_LONGS_MAX : 0xffff;
}

size_t slot_pool_bytes(uint32_t slots, uint32_t servers)
{
    return align64((size_t)slots * sizeof(struct slot)) +
           align64(slot_shares_bytes(shares_for(slots), prefix_share(slots))) +
           align64(servers * sizeof(uint16_t)) + align64(SLOT_WHEEL_SLOTS * sizeof(uint32_t)) +
           align64(slots * sizeof(struct timer_link)) + SLOT_BYTES +
           (size_t)slots * SLOT_CHUNK_BYTES;
}

/* Takes `bytes` off the memory at `*at`. */
static void *carve(uint8_t **at, size_t bytes)
{
    void *memory = *at;

    *at += align64(bytes);
    return memory;
}

void slot_pool_init(struct slot_pool *pool, void *memory, uint32_t slots, uint32_t servers,
                    const uint64_t seed[2], uint64_t now_us)
{
    struct timer_link *links;
    uint8_t *at = memory;
    uint32_t *heads;

    memset(pool, 0, sizeof(*pool));
    pool->slots_max = slots;
    pool->chunks_max = slots;
    pool->servers_max = servers;
    pool->free_head = SLOT_NONE;
    pool->chunks_free = SLOT_NONE;
    pool->slots = carve(&at, (size_t)slots * sizeof(struct slot));
    slot_shares_init(&pool->shares,
                     carve(&at, slot_shares_bytes(shares_for(slots), prefix_share(slots))),
                     shares_for(slots), prefix_share(slots), seed);
    pool->of_server = carve(&at, servers * sizeof(uint16_t));
    heads = carve(&at, SLOT_WHEEL_SLOTS * sizeof(uint32_t));
    links = carve(&at, slots * sizeof(struct timer_link));
    pool->whole = carve(&at, SLOT_BYTES);
    pool->chunks = at;
    timer_wheel_init(&pool->wheel, SLOT_WHEEL_TICK_US, SLOT_WHEEL_SLOTS, heads, links, slots,
                     now_us);
}

/* --- who may have one ------------------------------------------------------------------------ */

static uint32_t now_ms(uint64_t now_us)
{
    return (uint32_t)(now_us / 1000);
}

/* The one that has to go where nothing is left, or NULL. */
static struct slot *evictable(struct slot_pool *pool, uint64_t now_us)
{
    const struct slot_share *largest = slot_share_largest(&pool->shares);
    struct slot *slot;

    if (!largest)
        return NULL;
    slot = &pool->slots[largest->oldest];
    return now_ms(now_us) - slot->since_ms > SLOT_EVICTABLE_MS ? slot : NULL;
}

/* Within the shares that hold at any time. */
static bool has_share(const struct slot_pool *pool, const struct flow_key *key)
{
    const struct slot_share *source =
        slot_share_find(&pool->shares, slot_share_source(&pool->shares, key));
    const struct slot_share *prefix =
        slot_share_find(&pool->shares, slot_share_prefix(&pool->shares, key));

    return (!source || source->slots < SLOTS_PER_SOURCE) &&
           (!prefix || prefix->slots < prefix_share(pool->slots_max));
}

/* Within those that hold while others want some, too. */
static bool has_room(const struct slot_pool *pool, uint16_t server, bool known)
{
    if (known)
        return pool->count < pool->slots_max;
    return !slots_are_scarce(pool) && (pool->count < pool->slots_max / 2 ||
                                       pool->of_server[server] <= (pool->slots_max - 1) / 4);
}

enum slot_room slot_room(struct slot_pool *pool, const struct flow_key *key, uint16_t server,
                         bool known, uint64_t now_us, struct slot **victim)
{
    if (!has_share(pool, key))
        return SLOT_ROOM_NONE;
    if (has_room(pool, server, known))
        return SLOT_ROOM;
    *victim = evictable(pool, now_us);
    return *victim ? SLOT_ROOM_AFTER : SLOT_ROOM_NONE;
}

/* --- heads ----------------------------------------------------------------------------------- */

static void list_unpromised(struct slot_pool *pool, struct slot *slot)
{
    struct slot_share *prefix = &pool->shares.shares[slot->prefix];
    uint32_t index = slot_index(pool, slot);

    slot->older = prefix->newest;
    slot->newer = SLOT_NONE;
    if (prefix->newest != SLOT_NONE)
        pool->slots[prefix->newest].newer = index;
    else
        prefix->oldest = index;
    prefix->newest = index;
    slot_share_rank(&pool->shares, slot->prefix, 1);
}

static void unlist_unpromised(struct slot_pool *pool, const struct slot *slot)
{
    struct slot_share *prefix = &pool->shares.shares[slot->prefix];

    if (slot->older != SLOT_NONE)
        pool->slots[slot->older].newer = slot->newer;
    else
        prefix->oldest = slot->newer;
    if (slot->newer != SLOT_NONE)
        pool->slots[slot->newer].older = slot->older;
    else
        prefix->newest = slot->older;
    slot_share_rank(&pool->shares, slot->prefix, -1);
}

static uint32_t take_head(struct slot_pool *pool)
{
    uint32_t index = pool->free_head;

    if (index != SLOT_NONE) {
        pool->free_head = pool->slots[index].older;
        return index;
    }
    return pool->untouched < pool->slots_max ? pool->untouched++ : SLOT_NONE;
}

/* Both shares, or neither. */
static bool take_shares(struct slot_pool *pool, const struct flow_key *key, uint32_t *source,
                        uint32_t *prefix)
{
    *source = slot_share_refer(&pool->shares, slot_share_source(&pool->shares, key));
    if (*source == SHARE_NONE)
        return false;
    *prefix = slot_share_refer(&pool->shares, slot_share_prefix(&pool->shares, key));
    if (*prefix != SHARE_NONE)
        return true;
    slot_share_release(&pool->shares, *source);
    return false;
}

struct slot *slot_take(struct slot_pool *pool, const struct flow_key *key, uint16_t server,
                       bool known, uint64_t now_us)
{
    uint32_t source, prefix, index;
    struct slot *slot;

    if (pool->count >= pool->slots_max || !take_shares(pool, key, &source, &prefix))
        return NULL;
    index = take_head(pool);
    slot = &pool->slots[index];
    *slot = (struct slot){
        .source = (uint16_t)source,
        .prefix = (uint16_t)prefix,
        .server = server,
        .since_ms = now_ms(now_us),
        .flags = (uint16_t)((known ? SLOT_KNOWN : 0) |
                            (pool->shares.shares[source].slots ? SLOT_SECOND : 0)),
    };
    memset(slot->chunk, 0xff, sizeof(slot->chunk));
    pool->shares.shares[source].slots++;
    pool->shares.shares[prefix].slots++;
    pool->of_server[server]++;
    pool->count++;
    list_unpromised(pool, slot);
    return slot;
}

static void give_chunk_back(struct slot_pool *pool, uint16_t chunk)
{
    memcpy(pool->chunks + (size_t)chunk * SLOT_CHUNK_BYTES, &pool->chunks_free,
           sizeof(pool->chunks_free));
    pool->chunks_free = chunk;
    pool->chunks_used--;
}

static uint32_t counts_for_source(const struct slot *slot)
{
    return slot->flags & SLOT_WHOLE ? 0 : 1;
}

void slot_whole(struct slot_pool *pool, struct slot *slot)
{
    struct slot_share *source = &pool->shares.shares[slot->source];

    if (!counts_for_source(slot))
        return;
    for (uint32_t at = 0; at < SLOT_CHUNKS; at++)
        source->chunks -= slot->chunk[at] != SLOT_CHUNK_NONE;
    source->slots--;
    slot->flags |= SLOT_WHOLE;
}

void slot_give_back(struct slot_pool *pool, struct slot *slot)
{
    struct slot_share *source = &pool->shares.shares[slot->source];

    timer_wheel_clear(&pool->wheel, slot_index(pool, slot));
    for (uint32_t at = 0; at < SLOT_CHUNKS; at++) {
        if (slot->chunk[at] == SLOT_CHUNK_NONE)
            continue;
        give_chunk_back(pool, slot->chunk[at]);
        source->chunks -= counts_for_source(slot);
    }
    if (!(slot->flags & SLOT_PROMISED))
        unlist_unpromised(pool, slot);
    source->slots = (uint16_t)(source->slots - counts_for_source(slot));
    pool->shares.shares[slot->prefix].slots--;
    slot_share_release(&pool->shares, slot->source);
    slot_share_release(&pool->shares, slot->prefix);
    pool->of_server[slot->server]--;
    pool->count--;
    slot->flow = SLOT_NONE;
    slot->older = pool->free_head;
    pool->free_head = slot_index(pool, slot);
}

void slot_promise(struct slot_pool *pool, struct slot *slot)
{
    if (!(slot->flags & SLOT_PROMISED))
        unlist_unpromised(pool, slot);
    slot->flags |= SLOT_PROMISED;
    slot->promised = slot->bytes;
}

/* --- bytes ----------------------------------------------------------------------------------- */

static bool take_chunk(struct slot_pool *pool, struct slot *slot, uint32_t at)
{
    struct slot_share *source = &pool->shares.shares[slot->source];
    uint32_t most =
        slot->flags & SLOT_KNOWN ? pool->chunks_max : pool->chunks_max - pool->chunks_max / 4;
    uint32_t chunk = pool->chunks_free;

    if ((source->chunks >= CHUNKS_PER_SOURCE && counts_for_source(slot)) ||
        pool->chunks_used >= most)
        return false;
    if (chunk != SLOT_NONE)
        memcpy(&pool->chunks_free, pool->chunks + (size_t)chunk * SLOT_CHUNK_BYTES,
               sizeof(pool->chunks_free));
    else
        chunk = pool->chunks_untouched++;
    slot->chunk[at] = (uint16_t)chunk;
    source->chunks += counts_for_source(slot);
    pool->chunks_used++;
    return true;
}

/* Makes room from `from` to `to`; returns up to where there is some. */
static uint32_t make_room(struct slot_pool *pool, struct slot *slot, uint32_t from, uint32_t to)
{
    for (uint32_t at = from / SLOT_CHUNK_BYTES; at * SLOT_CHUNK_BYTES < to; at++) {
        if (slot->chunk[at] == SLOT_CHUNK_NONE && !take_chunk(pool, slot, at))
            return at * SLOT_CHUNK_BYTES > from ? at * SLOT_CHUNK_BYTES : from;
    }
    return to;
}

/* Writes offsets `from` to `to`; `data` begins at `from`. */
static void write_bytes(struct slot_pool *pool, const struct slot *slot, uint32_t from, uint32_t to,
                        const uint8_t *data)
{
    while (from < to) {
        uint32_t in = from % SLOT_CHUNK_BYTES, part = SLOT_CHUNK_BYTES - in;
        uint32_t chunk = slot->chunk[from / SLOT_CHUNK_BYTES];

        part = part < to - from ? part : to - from;
        memcpy(pool->chunks + (size_t)chunk * SLOT_CHUNK_BYTES + in, data, part);
        data += part;
        from += part;
    }
}

/* Writes of [from, to) what no range has: those that are there came first. */
static void write_new(struct slot_pool *pool, const struct slot *slot, uint32_t from, uint32_t to,
                      const uint8_t *data)
{
    uint32_t at = from;

    for (uint32_t i = 0; i < slot->ranges && at < to; i++) {
        const struct slot_range *range = &slot->range[i];
        uint32_t until = range->from < to ? range->from : to;

        if (at < until)
            write_bytes(pool, slot, at, until, data + (at - from));
        at = at < range->to ? range->to : at;
    }
    if (at < to)
        write_bytes(pool, slot, at, to, data + (at - from));
}

static void drop_range(struct slot *slot, uint32_t index)
{
    slot->ranges--;
    memmove(&slot->range[index], &slot->range[index + 1],
            (slot->ranges - index) * sizeof(slot->range[0]));
}

/* Ranges that the bytes in order have reached become part of them. */
static void join_ranges(struct slot *slot)
{
    while (slot->ranges > 0 && slot->range[0].from <= slot->bytes) {
        if (slot->range[0].to > slot->bytes)
            slot->bytes = slot->range[0].to;
        drop_range(slot, 0);
    }
}

/* Where a range [from, to) goes: the first that ends at or behind `from`. */
static uint32_t place_of(const struct slot *slot, uint32_t from)
{
    uint32_t at = 0;

    while (at < slot->ranges && slot->range[at].to < from)
        at++;
    return at;
}

static bool joins(const struct slot *slot, uint32_t at, uint32_t to)
{
    return at < slot->ranges && slot->range[at].from <= to;
}

/* Notes [from, to), joined with what it touches. There is room for it. */
static void put_range(struct slot *slot, uint32_t from, uint32_t to)
{
    uint32_t at = place_of(slot, from);
    struct slot_range range = {(uint16_t)from, (uint16_t)to};

    while (joins(slot, at, to)) {
        range.from = slot->range[at].from < range.from ? slot->range[at].from : range.from;
        range.to = slot->range[at].to > range.to ? slot->range[at].to : range.to;
        drop_range(slot, at);
    }
    memmove(&slot->range[at + 1], &slot->range[at], (slot->ranges - at) * sizeof(range));
    slot->range[at] = range;
    slot->ranges++;
}

static enum slot_added add_behind(struct slot_pool *pool, struct slot *slot, uint32_t from,
                                  uint32_t to, const uint8_t *data)
{
    uint32_t at = place_of(slot, from), room;

    if (joins(slot, at, to) && slot->range[at].from <= from && slot->range[at].to >= to)
        return SLOT_REPEATED;
    if (!joins(slot, at, to) && slot->ranges == SLOT_RANGES)
        return SLOT_REFUSED;
    room = make_room(pool, slot, from, to);
    if (room < to) /* a range without its end would not tell what is missing */
        return SLOT_REFUSED;
    write_new(pool, slot, from, to, data);
    put_range(slot, from, to);
    return SLOT_BEHIND;
}

enum slot_added slot_add(struct slot_pool *pool, struct slot *slot, uint32_t offset,
                         const uint8_t *data, uint32_t bytes)
{
    uint32_t from = offset, to;

    if (offset >= SLOT_BYTES)
        return bytes && offset == SLOT_BYTES ? SLOT_REFUSED : SLOT_REPEATED;
    to = bytes < SLOT_BYTES - offset ? offset + bytes : SLOT_BYTES;
    if (to <= slot->bytes)
        return SLOT_REPEATED;
    if (from > slot->bytes)
        return add_behind(pool, slot, from, to, data);
    from = slot->bytes;
    to = make_room(pool, slot, from, to);
    if (to == from)
        return SLOT_REFUSED;
    write_new(pool, slot, from, to, data + (from - offset));
    slot->bytes = (uint16_t)to;
    join_ranges(slot);
    return SLOT_GREW;
}

const uint8_t *slot_read(const struct slot_pool *pool, const struct slot *slot)
{
    for (uint32_t at = 0; at * SLOT_CHUNK_BYTES < slot->bytes; at++) {
        uint32_t part = slot->bytes - at * SLOT_CHUNK_BYTES;

        memcpy(pool->whole + (size_t)at * SLOT_CHUNK_BYTES,
               pool->chunks + (size_t)slot->chunk[at] * SLOT_CHUNK_BYTES,
               part < SLOT_CHUNK_BYTES ? part : SLOT_CHUNK_BYTES);
    }
    return pool->whole;
}

/* --- the class long -------------------------------------------------------------------------- */

uint32_t slot_long_begin(struct slot_pool *pool, const struct flow_key *key, uint32_t most)
{
    uint32_t share = slot_share_refer(&pool->shares, slot_share_source(&pool->shares, key));

    if (share == SHARE_NONE)
        return SHARE_NONE;
    if (pool->shares.shares[share].unanswered >= most) {
        slot_share_release(&pool->shares, share);
        return SHARE_NONE;
    }
    pool->shares.shares[share].unanswered++;
    return share;
}

void slot_long_end(struct slot_pool *pool, uint32_t share)
{
    pool->shares.shares[share].unanswered--;
    slot_share_release(&pool->shares, share);
}
