/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_tcp_options.c - the input is the option bytes. The reader is compared with a second one,
 * written for this test alone from RFC 9293 3.1, that looks each option up from the front again
 * instead of walking once.
 */
#include "engine/tcp/options.h"

#include "engine/base/bytes.h"
#include "tests/fuzz/fuzz.h"

/* Offset of the next option behind the one at `at`; 0 where the walk ends there: EOL, bytes used
 * up, or bad. */
static size_t next_option(const uint8_t *data, size_t bytes, size_t at)
{
    if (at >= bytes || data[at] == TCP_OPT_EOL)
        return 0;
    if (data[at] == TCP_OPT_NOP)
        return at + 1;
    if (at + 1 >= bytes || data[at + 1] < 2 || at + data[at + 1] > bytes)
        return 0;
    return at + data[at + 1];
}

/* Offset of the first option of this kind and length; `bytes` where there is none. */
static size_t first_option(const uint8_t *data, size_t bytes, uint8_t kind, uint8_t length)
{
    size_t at = 0, next;

    while ((next = next_option(data, bytes, at)) != 0) {
        if (data[at] == kind && next - at == length)
            return at;
        at = next;
    }
    return bytes;
}

static void check_walk(const uint8_t *data, size_t bytes, enum options_result result)
{
    uint8_t layout[TCP_OPTIONS_MAX], kinds = tcp_options_layout(data, bytes, layout);
    size_t at = 0, next, count = 0;

    while ((next = next_option(data, bytes, at)) != 0) {
        FUZZ_ASSERT(count < kinds && layout[count] == data[at]);
        count++;
        at = next;
    }
    FUZZ_ASSERT(kinds == count);
    FUZZ_ASSERT((result == OPTIONS_OK) == (at >= bytes || data[at] == TCP_OPT_EOL));
}

static void check_values(const uint8_t *data, size_t bytes, const struct tcp_options *options)
{
    size_t mss = first_option(data, bytes, TCP_OPT_MSS, 4);
    size_t scale = first_option(data, bytes, TCP_OPT_WSCALE, 3);
    size_t stamps = first_option(data, bytes, TCP_OPT_TIMESTAMPS, 10);
    size_t permitted = first_option(data, bytes, TCP_OPT_SACK_PERMITTED, 2);

    FUZZ_ASSERT(((options->present & OPTION_MSS) != 0) == (mss < bytes));
    FUZZ_ASSERT(options->mss == (mss < bytes ? data[mss + 2] << 8 | data[mss + 3] : 0));
    FUZZ_ASSERT(((options->present & OPTION_WSCALE) != 0) == (scale < bytes));
    FUZZ_ASSERT(options->wscale == (scale < bytes ? data[scale + 2] : WSCALE_NONE));
    FUZZ_ASSERT(((options->present & OPTION_SACK_PERMITTED) != 0) == (permitted < bytes));
    FUZZ_ASSERT(((options->present & OPTION_TIMESTAMPS) != 0) == (stamps < bytes));
    if (stamps < bytes) {
        const uint8_t *at = data + stamps + 2;

        FUZZ_ASSERT(options->ts_at == stamps + 2);
        FUZZ_ASSERT(options->tsval == load_be32(at));
        FUZZ_ASSERT(options->tsecr == load_be32(at + 4));
    }
}

static void check_blocks(const uint8_t *data, size_t bytes, const struct tcp_options *options)
{
    size_t first = bytes;

    for (uint8_t blocks = 1; blocks <= 4; blocks++) {
        size_t at = first_option(data, bytes, TCP_OPT_SACK, (uint8_t)(2 + 8 * blocks));

        first = at < first ? at : first;
    }
    FUZZ_ASSERT(((options->present & OPTION_SACK) != 0) == (first < bytes));
    FUZZ_ASSERT(options->sack_blocks <= 4);
    if (first < bytes)
        FUZZ_ASSERT(options->sack_at == first && options->sack_blocks == (data[first + 1] - 2) / 8);
}

static void check_name(uint8_t kind)
{
    const char *name = tcp_option_name(kind);

    FUZZ_ASSERT(name == NULL || tcp_option_kind_from_name(name) == kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct tcp_options options;
    enum options_result result;

    memset(&options, 0xa5, sizeof(options));
    if (bytes > TCP_OPTIONS_MAX) {
        FUZZ_ASSERT(tcp_options_parse(data, bytes, &options) == OPTIONS_BAD);
        return 0;
    }
    result = tcp_options_parse(data, bytes, &options);
    check_walk(data, bytes, result);
    check_values(data, bytes, &options);
    check_blocks(data, bytes, &options);
    if (bytes > 0)
        check_name(data[0]);
    return 0;
}
