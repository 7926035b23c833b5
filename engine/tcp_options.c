/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp_options.c - the walk over TCP options, and the names that profiles use for them.
 *
 * Nearly every segment of a connection with timestamps carries exactly NOP NOP timestamps (RFC 7323 appendix A), so
 * that form is recognised by its first word, before the walk.
 */
#include "engine/tcp_options.h"

#include <string.h>

#include "engine/bytes.h"
#include "engine/text.h"

#define ALIGNED_TIMESTAMPS_BYTES 12
#define ALIGNED_TIMESTAMPS       0x0101080au /* NOP, NOP, kind 8, length 10 */

#define MSS_BYTES            4
#define WSCALE_BYTES         3
#define SACK_PERMITTED_BYTES 2
#define TIMESTAMPS_BYTES     10
#define MD5_BYTES            18
#define AO_LEAST_BYTES       4
#define SACK_BLOCK_BYTES     8

static const struct {
    uint8_t kind;
    const char *name;
} option_names[] = {
    {TCP_OPT_EOL, "eol"},
    {TCP_OPT_NOP, "nop"},
    {TCP_OPT_MSS, "mss"},
    {TCP_OPT_WSCALE, "window_scale"},
    {TCP_OPT_SACK_PERMITTED, "sack"},
    {TCP_OPT_TIMESTAMPS, "timestamps"},
};

/* The bit of an option whose length fits its kind. */
static uint8_t option_bit(uint8_t kind, size_t length)
{
    switch (kind) {
    case TCP_OPT_MSS:
        return length == MSS_BYTES ? OPTION_MSS : OPTION_OTHER;
    case TCP_OPT_WSCALE:
        return length == WSCALE_BYTES ? OPTION_WSCALE : OPTION_OTHER;
    case TCP_OPT_SACK_PERMITTED:
        return length == SACK_PERMITTED_BYTES ? OPTION_SACK_PERMITTED : OPTION_OTHER;
    case TCP_OPT_TIMESTAMPS:
        return length == TIMESTAMPS_BYTES ? OPTION_TIMESTAMPS : OPTION_OTHER;
    case TCP_OPT_SACK:
        return length > 2 && length % SACK_BLOCK_BYTES == 2 ? OPTION_SACK : OPTION_OTHER;
    case TCP_OPT_MD5:
        return length == MD5_BYTES ? OPTION_AUTHENTICATED : OPTION_OTHER;
    case TCP_OPT_AO:
        return length >= AO_LEAST_BYTES ? OPTION_AUTHENTICATED : OPTION_OTHER;
    default:
        return OPTION_OTHER;
    }
}

static void take_timestamps(const uint8_t *value, size_t offset, struct tcp_options *options)
{
    options->tsval = load_be32(value);
    options->tsecr = load_be32(value + 4);
    options->ts_at = (uint8_t)offset;
}

/* Takes the option of `length` bytes at `at`, `offset` bytes behind the first option byte. */
static void take_option(const uint8_t *at, size_t offset, size_t length, struct tcp_options *options)
{
    uint8_t bit = option_bit(at[0], length);

    if (options->present & bit)
        return;
    options->present |= bit;
    if (bit == OPTION_MSS) {
        options->mss = load_be16(at + 2);
    } else if (bit == OPTION_WSCALE) {
        options->wscale = at[2];
    } else if (bit == OPTION_TIMESTAMPS) {
        take_timestamps(at + 2, offset + 2, options);
    } else if (bit == OPTION_SACK) {
        options->sack_at = (uint8_t)offset;
        options->sack_blocks = (uint8_t)((length - 2) / SACK_BLOCK_BYTES);
    }
}

static void options_clear(struct tcp_options *options)
{
    memset(options, 0, offsetof(struct tcp_options, layout));
    options->wscale = WSCALE_NONE;
}

enum options_result tcp_options_parse(const uint8_t *at, size_t bytes, struct tcp_options *options)
{
    size_t offset = 0;

    options_clear(options);
    if (bytes == ALIGNED_TIMESTAMPS_BYTES && load_be32(at) == ALIGNED_TIMESTAMPS) {
        static const uint8_t layout[4] = {TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_TIMESTAMPS, 0};

        options->present = OPTION_TIMESTAMPS;
        take_timestamps(at + 4, 4, options);
        memcpy(options->layout, layout, sizeof(layout));
        options->layout_bytes = 3;
        return OPTIONS_OK;
    }
    if (bytes > TCP_OPTIONS_MAX)
        return OPTIONS_BAD;
    while (offset < bytes && at[offset] != TCP_OPT_EOL) {
        size_t length = 1;

        if (at[offset] != TCP_OPT_NOP) {
            if (bytes - offset < 2 || at[offset + 1] < 2 || at[offset + 1] > bytes - offset)
                return OPTIONS_BAD;
            length = at[offset + 1];
            take_option(at + offset, offset, length, options);
        }
        options->layout[options->layout_bytes++] = at[offset];
        offset += length;
    }
    return OPTIONS_OK;
}

const char *tcp_option_name(uint8_t kind)
{
    for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++) {
        if (option_names[i].kind == kind)
            return option_names[i].name;
    }
    return NULL;
}

int tcp_option_kind_from_name(const char *name)
{
    for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++) {
        if (text_equal(option_names[i].name, name))
            return option_names[i].kind;
    }
    return -1;
}
