/* SPDX-License-Identifier: GPL-2.0-or-later */
/* told.c - see told.h. */
#include "bridge/workers/told.h"

#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/tcp/frame.h"

#define COMPARE_US 500000ull
#define IPV6_BYTES 40u

void told_open(struct told *told, struct tell_maps *maps, const uint64_t table_seed[2])
{
    told->maps = maps;
    if (!maps)
        return;
    told->seed = flow_seed_of(table_seed);
    for (uint32_t i = 0; i < TELL_WAYS; i++)
        told->ways[i] = (struct told_way){.least = {INT32_MAX, INT32_MAX}};
    tell_maps_begin(maps, table_seed);
}

static void say_awake(const struct told *told, uint64_t until_us)
{
    __atomic_store_n(&told->maps->hub->awake_until_us, until_us, __ATOMIC_RELEASE);
}

static int32_t behind(const struct tell_way *way, uint32_t from)
{
    return (int32_t)(__atomic_load_n(&way->up[from], __ATOMIC_RELAXED) - way->written[from]);
}

static void add_written(struct tell_way *way, uint32_t from, uint32_t count)
{
    __atomic_store_n(&way->written[from], way->written[from] + count, __ATOMIC_RELEASE);
}

static void note_least(struct told_way *noted, const struct tell_way *way, uint32_t from)
{
    const int32_t now = behind(way, from);

    if (now < noted->least[from])
        noted->least[from] = now;
}

static void all_written(struct told *told)
{
    for (uint32_t i = 0; i < told->noted; i++) {
        const uint32_t place = told->notes[i].way, from = told->notes[i].from;

        add_written(&told->maps->ways[place], from, 1);
        note_least(&told->ways[place], &told->maps->ways[place], from);
    }
    told->noted = 0;
}

void told_begin(struct told *told, uint64_t now_us)
{
    if (!told->maps)
        return;
    all_written(told);
    told->came = false;
    __atomic_store_n(&told->maps->hub->rung, 0, __ATOMIC_RELAXED);
    say_awake(told, now_us + TOLD_AWAKE_US);
}

/* --- entries --------------------------------------------------------------------------------- */

/* Where nothing follows the headers the checksum may be one that a card is to fill in: then it is
 * the sum of the pseudo header. */
static bool is_partial(const uint8_t *data, uint32_t l4, uint32_t l4_bytes)
{
    const bool v4 = load_be16(data + 12) == 0x0800;
    const struct ip_addr src = v4 ? addr_from_v4(data + 26) : addr_from_v6(data + 22);
    const struct ip_addr dst = v4 ? addr_from_v4(data + 30) : addr_from_v6(data + 38);

    return checksum_fold(checksum_pseudo(&src, &dst, PROTO_TCP, l4_bytes)) ==
           load_be16(data + l4 + TCP_CHECKSUM_AT);
}

static void fill_offload(uint8_t *buffer, uint32_t bytes)
{
    const uint8_t *data = buffer + OFFLOAD_BYTES;
    const uint32_t l4 = ETH_HEADER_BYTES +
                        (load_be16(data + 12) == 0x0800 ? (uint32_t)IPV4_HEADER_BYTES : IPV6_BYTES);
    struct offload offload = {.flags = 0};

    if (is_partial(data, l4, bytes - l4))
        offload = (struct offload){.flags = OFFLOAD_NEEDS_CHECKSUM,
                                   .checksum_start = (uint16_t)l4,
                                   .checksum_offset = TCP_CHECKSUM_AT};
    memcpy(buffer, &offload, sizeof(offload));
}

static bool fill_frame(struct told *told, struct told_frame *frame)
{
    const struct tell_entry *entry = &told->entry;

    if (entry->bytes < ETH_HEADER_BYTES + IPV4_HEADER_BYTES + TCP_HEADER_BYTES ||
        entry->bytes > TELL_HEADERS || entry->wire_bytes < entry->bytes)
        return false;
    memcpy(told->buffer + OFFLOAD_BYTES, entry->headers, entry->bytes);
    fill_offload(told->buffer, entry->bytes);
    *frame = (struct told_frame){.from = entry->from ? SIDE_SERVER : SIDE_CLIENT,
                                 .buffer = told->buffer,
                                 .bytes = OFFLOAD_BYTES + entry->bytes,
                                 .wire_bytes = entry->wire_bytes,
                                 .stays = entry->stays,
                                 .capacity = sizeof(told->buffer)};
    return true;
}

void told_look(struct told *told)
{
    if (told->maps)
        told->until = __atomic_load_n(&told->maps->hub->head, __ATOMIC_ACQUIRE);
}

bool told_next(struct told *told, struct told_frame *frame)
{
    struct tell_maps *maps = told->maps;

    while (maps && maps->hub->tail != told->until) {
        const uint64_t tail = maps->hub->tail;
        struct tell_entry *entry = &maps->entries[tail & (TELL_ENTRIES - 1)];

        if (__atomic_load_n(&entry->number, __ATOMIC_ACQUIRE) != tail + 1)
            return false;
        told->entry = *entry;
        told->came = true;
        __atomic_store_n(&maps->hub->tail, tail + 1, __ATOMIC_RELEASE);
        if (fill_frame(told, frame))
            return true;
    }
    return false;
}

/* --- what went up ---------------------------------------------------------------------------- */

/* As the program reads it: find6() of carry.bpf.c. */
static bool is_plain6(const uint8_t *data, uint32_t bytes)
{
    const uint32_t l4 = ETH_HEADER_BYTES + IPV6_BYTES;
    uint32_t end, header_bytes;

    if (bytes < l4 + TCP_HEADER_BYTES || load_be16(data + 12) != 0x86dd ||
        data[ETH_HEADER_BYTES] >> 4 != 6 || data[ETH_HEADER_BYTES + 6] != PROTO_TCP)
        return false;
    end = l4 + load_be16(data + ETH_HEADER_BYTES + 4);
    header_bytes = (uint32_t)(data[l4 + 12] >> 4) * 4;
    return end <= bytes && header_bytes >= TCP_HEADER_BYTES && l4 + header_bytes <= end;
}

static struct flow_words words6(const uint8_t *data, enum side from)
{
    const uint8_t *src = data + ETH_HEADER_BYTES + 8, *dst = src + 16;
    const uint8_t *tcp = data + ETH_HEADER_BYTES + IPV6_BYTES;
    const uint32_t src_port = load_be16(tcp), dst_port = load_be16(tcp + 2);
    const bool client = from == SIDE_CLIENT;
    struct flow_words words;

    memcpy(words.client, client ? src : dst, sizeof(words.client));
    memcpy(words.server, client ? dst : src, sizeof(words.server));
    words.ends = flow_ends_word(client ? src_port << 16 | dst_port : dst_port << 16 | src_port);
    return words;
}

/* False: nobody waits for such a one to be out. */
static bool way_of(const struct told *told, const struct ring_frame *frame, uint32_t *way)
{
    const uint8_t *data = frame->data + OFFLOAD_BYTES;
    const uint32_t bytes = frame->bytes - OFFLOAD_BYTES;

    if (frame_is_plain(data, bytes)) {
        *way = tell_at(told->seed, frame_plain_words(data, frame->from));
        return !(data[PLAIN_L4 + 13] & TCP_SYN);
    }
    if (!is_plain6(data, bytes))
        return false;
    *way = tell_at(told->seed, words6(data, frame->from));
    return !(data[ETH_HEADER_BYTES + IPV6_BYTES + 13] & TCP_SYN);
}

void told_note(struct told *told, const struct ring_frame *frame)
{
    uint32_t way = 0;

    if (!told->maps)
        return;
    told->came = true;
    if (frame->bytes <= OFFLOAD_BYTES || told->noted == TOLD_NOTED || !way_of(told, frame, &way))
        return;
    told->notes[told->noted].way = (uint16_t)way;
    told->notes[told->noted++].from = (uint8_t)frame->from;
}

/*
 * What a queue had no room for never came. A way is behind by that and by what is under way, which
 * is none at some time in half a second: what it has been behind by at the least, in one of them as
 * in the one before, never came.
 */
static void compare(struct told *told)
{
    for (uint32_t i = 0; i < TELL_WAYS; i++)
        for (uint32_t from = 0; from < 2; from++) {
            struct tell_way *way = &told->maps->ways[i];
            struct told_way *noted = &told->ways[i];

            note_least(noted, way, from);
            if (noted->least[from] && noted->least[from] == noted->before[from]) {
                add_written(way, from, (uint32_t)noted->least[from]);
                noted->least[from] = 0;
            }
            noted->before[from] = noted->least[from];
            noted->least[from] = INT32_MAX;
        }
}

void told_end(struct told *told, struct ring *ring, bool waited, uint64_t now_us)
{
    if (!told->maps)
        return;
    if (waited && told->noted > 0) {
        ring_submit(ring);
        all_written(told);
    }
    if (now_us - told->compared_us >= COMPARE_US) {
        compare(told);
        told->compared_us = now_us;
    }
    if (told->came) {
        told->quiet = 0;
        told->came_us = now_us;
    } else if (now_us - told->came_us >= TOLD_LOOK_US) {
        told->quiet++;
    } /* else it was woken by what it has written, whose answer may be about to come */
    if (told->quiet > 0)
        say_awake(told, 0);
}

uint64_t told_wait_us(const struct told *told, uint64_t wait_us)
{
    return told->maps && told->quiet < 2 && wait_us > TOLD_LOOK_US ? TOLD_LOOK_US : wait_us;
}

void told_last(struct told *told)
{
    if (told->maps)
        say_awake(told, 0);
}

void told_close(struct told *told)
{
    told_last(told);
    told->maps = NULL;
}
