/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.c - see stream.h. */
#include "profiles/model/stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct stream *stream, uint16_t end)
{
    uint16_t capacity;
    uint8_t *data;

    if (end <= stream->capacity)
        return true;
    capacity = (uint16_t)((end + STREAM_STEP - 1) / STREAM_STEP * STREAM_STEP);
    data = realloc(stream->data, capacity);
    if (!data)
        return false;
    memset(data + stream->capacity, 0, (size_t)(capacity - stream->capacity));
    stream->data = data;
    stream->capacity = capacity;
    return true;
}

/*
 * Joins `added` with every range that it touches. False where there is no room for it; a later
 * range may give way to it.
 */
static bool merge(struct stream *stream, struct stream_range added)
{
    struct stream_range merged[STREAM_RANGES + 1];
    uint8_t count = 0;
    bool placed = false;

    for (uint8_t i = 0; i < stream->ranges_count; i++) {
        const struct stream_range range = stream->ranges[i];

        if (range.end < added.begin) {
            merged[count++] = range;
        } else if (range.begin > added.end) {
            if (!placed)
                merged[count++] = added;
            placed = true;
            merged[count++] = range;
        } else {
            added.begin = range.begin < added.begin ? range.begin : added.begin;
            added.end = range.end > added.end ? range.end : added.end;
        }
    }
    if (!placed)
        merged[count++] = added;
    if (count > STREAM_RANGES) {
        const struct stream_range last = merged[--count];

        if (last.begin == added.begin)
            return false;
        memset(stream->data + last.begin, 0, (size_t)(last.end - last.begin));
    }
    memcpy(stream->ranges, merged, count * sizeof(*merged));
    stream->ranges_count = count;
    return true;
}

void stream_add(struct stream *stream, uint32_t offset, const uint8_t *data, uint32_t bytes)
{
    struct stream_range added;

    if (bytes == 0 || offset >= STREAM_BYTES)
        return;
    if (bytes > STREAM_BYTES - offset)
        bytes = STREAM_BYTES - offset;
    added = (struct stream_range){(uint16_t)offset, (uint16_t)(offset + bytes)};
    if (!make_room(stream, added.end) || !merge(stream, added))
        return;
    /* Room that was never written is zero, so this one rule serves new and repeated bytes. */
    for (uint32_t i = 0; i < bytes; i++)
        if (data[i] != 0)
            stream->data[offset + i] = data[i];
}

uint16_t stream_bytes(const struct stream *stream)
{
    return stream->ranges_count > 0 && stream->ranges[0].begin == 0 ? stream->ranges[0].end : 0;
}

void stream_free(struct stream *stream)
{
    free(stream->data);
    memset(stream, 0, sizeof(*stream));
}
