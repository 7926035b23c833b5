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

static inline void take_timestamps(const uint8_t *value, size_t offset, struct tcp_options *options)
{
    options->tsval = load_be32(value);
    options->tsecr = load_be32(value + 4);
    options->ts_at = (uint8_t)offset;
}

/* Notes that the option is there; false where it is so already, or where its length does not fit its kind. */
static inline bool is_first(struct tcp_options *options, uint8_t bit, bool fits)
{
    uint8_t noted = fits ? bit : OPTION_OTHER;
    bool first = !(options->present & noted) && fits;

    options->present |= noted;
    return first;
}

/* Takes the option of `length` bytes at `at`, `offset` bytes behind the first option byte. */
static inline void take_option(const uint8_t *at, size_t offset, size_t length, struct tcp_options *options)
{
    switch (at[0]) {
    case TCP_OPT_MSS:
        if (is_first(options, OPTION_MSS, length == MSS_BYTES))
            options->mss = load_be16(at + 2);
        return;
    case TCP_OPT_WSCALE:
        if (is_first(options, OPTION_WSCALE, length == WSCALE_BYTES))
            options->wscale = at[2];
        return;
    case TCP_OPT_SACK_PERMITTED:
        is_first(options, OPTION_SACK_PERMITTED, length == SACK_PERMITTED_BYTES);
        return;
    case TCP_OPT_TIMESTAMPS:
        if (is_first(options, OPTION_TIMESTAMPS, length == TIMESTAMPS_BYTES))
            take_timestamps(at + 2, offset + 2, options);
        return;
    case TCP_OPT_SACK:
        if (is_first(options, OPTION_SACK, length > 2 && length % SACK_BLOCK_BYTES == 2)) {
            options->sack_at = (uint8_t)offset;
            options->sack_blocks = (uint8_t)((length - 2) / SACK_BLOCK_BYTES);
        }
        return;
    case TCP_OPT_MD5:
        is_first(options, OPTION_AUTHENTICATED, length == MD5_BYTES);
        return;
    case TCP_OPT_AO:
        is_first(options, OPTION_AUTHENTICATED, length >= AO_LEAST_BYTES);
        return;
    default:
        options->present |= OPTION_OTHER;
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
