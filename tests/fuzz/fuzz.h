/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - what the libFuzzer targets share: an assertion that is never compiled out, and a reader
 * of the input as a stream of choices. A stream that has run out gives zeros.
 */
#ifndef SYNWARD_TESTS_FUZZ_FUZZ_H
#define SYNWARD_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_ASSERT(what)                                                                          \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what);                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct fuzz_bytes {
    const uint8_t *at, *end;
};

static inline size_t stream_left(const struct fuzz_bytes *stream)
{
    return (size_t)(stream->end - stream->at);
}

static inline uint8_t take_u8(struct fuzz_bytes *stream)
{
    return stream->at < stream->end ? *stream->at++ : 0;
}

static inline uint16_t take_u16(struct fuzz_bytes *stream)
{
    uint16_t high = take_u8(stream);

    return (uint16_t)(high << 8 | take_u8(stream));
}

static inline uint32_t take_u32(struct fuzz_bytes *stream)
{
    uint32_t high = take_u16(stream);

    return high << 16 | take_u16(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
