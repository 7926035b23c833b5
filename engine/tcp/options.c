/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.c - the walk over TCP options, and the names that profiles use for them.
 *
 * Nearly all SYNs carry their options in one of a few forms, as each TCP lays them out in its own
 * order. These are told by three words of constants, and read at fixed places; all others are
 * walked.
 */
#include "engine/tcp/options.h"

#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/text.h"

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

/* Notes that the option is there; false where it is so already, or where its length does not fit
 * its kind. */
static inline bool is_first(struct tcp_options *options, uint8_t bit, bool fits)
{
    uint8_t noted = fits ? bit : OPTION_OTHER;
    bool first = !(options->present & noted) && fits;

    options->present |= noted;
    return first;
}

/* Takes the option of `length` bytes at `at`, `offset` bytes behind the first option byte. */
static inline void take_option(const uint8_t *at, size_t offset, size_t length,
                               struct tcp_options *options)
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
        is_first(options, OPTION_MD5, length == MD5_BYTES);
        return;
    case TCP_OPT_AO:
        is_first(options, OPTION_AO, length >= AO_LEAST_BYTES);
        return;
    default:
        options->present |= OPTION_OTHER;
    }
}

/* The length of the option at `at`, of which `bytes` are left; 0: it is bad. */
static inline size_t option_length(const uint8_t *at, size_t bytes)
{
    if (at[0] == TCP_OPT_NOP)
        return 1;
    return bytes < 2 || at[1] < 2 || at[1] > bytes ? 0 : at[1];
}

static enum options_result walk(const uint8_t *at, size_t bytes, struct tcp_options *options)
{
    for (size_t offset = 0, length; offset < bytes && at[offset] != TCP_OPT_EOL; offset += length) {
        length = option_length(at + offset, bytes - offset);
        if (!length)
            return OPTIONS_BAD;
        if (at[offset] != TCP_OPT_NOP)
            take_option(at + offset, offset, length, options);
    }
    return OPTIONS_OK;
}

uint8_t tcp_options_layout(const uint8_t *at, size_t bytes, uint8_t layout[TCP_OPTIONS_MAX])
{
    uint8_t count = 0;

    for (size_t offset = 0, length;
         offset < bytes && offset < TCP_OPTIONS_MAX && at[offset] != TCP_OPT_EOL;
         offset += length) {
        length = option_length(at + offset, bytes - offset);
        if (!length)
            break;
        layout[count++] = at[offset];
    }
    return count;
}

/* --- forms ----------------------------------------------------------------------------------- */

/*
 * A form that the options of SYNs often have: MSS first, scale and perhaps timestamps at fixed
 * places, SACK permitted. Told by up to three words of 8 bytes, at offset 0 and where the form
 * says, with constants where the mask is set; between them these cover all kinds and lengths.
 */
struct form {
    uint8_t bytes, present;
    uint8_t wscale_at, ts_at; /* ts_at 0: none */
    uint8_t second_at, third_at;
    uint64_t is[3], mask[3];
};

#define WITHOUT_TIMESTAMPS (OPTION_MSS | OPTION_WSCALE | OPTION_SACK_PERMITTED)
#define WITH_TIMESTAMPS    (WITHOUT_TIMESTAMPS | OPTION_TIMESTAMPS)

/* What is constant in a word, where the values that stand in it are left out. */
#define BUT_MSS       WIRE64(0xffff0000ffffffffu)
#define BUT_MSS_SCALE WIRE64(0xffff0000ffffff00u)
#define SCALE_LAST    WIRE64(0x00000000ffffff00u)
#define FIRST_FOUR    WIRE64(0xffffffff00000000u)
#define LAST_FOUR     WIRE64(0x00000000ffffffffu)

static const struct form forms[] = {
    /* mss sack ts nop ws: Linux */
    {.bytes = 20,
     .present = WITH_TIMESTAMPS,
     .wscale_at = 19,
     .ts_at = 8,
     .second_at = 12,
     .is = {WIRE64(0x020400000402080au), WIRE64(0x01030300u)},
     .mask = {BUT_MSS, SCALE_LAST}},
    /* mss nop ws sack ts: the BSDs */
    {.bytes = 20,
     .present = WITH_TIMESTAMPS,
     .wscale_at = 7,
     .ts_at = 12,
     .second_at = 8,
     .is = {WIRE64(0x0204000001030300u), WIRE64(0x0402080a00000000u)},
     .mask = {BUT_MSS_SCALE, FIRST_FOUR}},
    /* mss nop ws nop nop ts sack eol eol: macOS */
    {.bytes = 24,
     .present = WITH_TIMESTAMPS,
     .wscale_at = 7,
     .ts_at = 12,
     .second_at = 8,
     .third_at = 16,
     .is = {WIRE64(0x0204000001030300u), WIRE64(0x0101080a00000000u), WIRE64(0x04020000u)},
     .mask = {BUT_MSS_SCALE, FIRST_FOUR, LAST_FOUR}},
    /* mss nop ws nop nop sack: Windows */
    {.bytes = 12,
     .present = WITHOUT_TIMESTAMPS,
     .wscale_at = 7,
     .second_at = 4,
     .is = {WIRE64(0x0204000001030300u), WIRE64(0x01010402u)},
     .mask = {BUT_MSS_SCALE, LAST_FOUR}},
    /* mss nop nop sack nop ws: Linux without timestamps */
    {.bytes = 12,
     .present = WITHOUT_TIMESTAMPS,
     .wscale_at = 11,
     .second_at = 4,
     .is = {WIRE64(0x0204000001010402u), WIRE64(0x01030300u)},
     .mask = {BUT_MSS, SCALE_LAST}},
};

static inline bool has_form(const uint8_t *at, const struct form *form)
{
    return (((load_wire64(at) ^ form->is[0]) & form->mask[0]) |
            ((load_wire64(at + form->second_at) ^ form->is[1]) & form->mask[1]) |
            ((load_wire64(at + form->third_at) ^ form->is[2]) & form->mask[2])) == 0;
}

static inline void read_form(const uint8_t *at, const struct form *form,
                             struct tcp_options *options)
{
    options->present = form->present;
    options->mss = load_be16(at + 2);
    options->wscale = at[form->wscale_at];
    if (form->ts_at)
        take_timestamps(at + form->ts_at, form->ts_at, options);
}

enum options_result tcp_options_read(const uint8_t *at, size_t bytes, struct tcp_options *options)
{
    *options = (struct tcp_options){.wscale = WSCALE_NONE};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (forms[i].bytes == bytes && has_form(at, &forms[i])) {
            read_form(at, &forms[i], options);
            return OPTIONS_OK;
        }
    }
    return bytes > TCP_OPTIONS_MAX ? OPTIONS_BAD : walk(at, bytes, options);
}

struct syn_options tcp_options_of_other_syn(const uint8_t *at, size_t bytes)
{
    struct tcp_options options;

    tcp_options_parse(at, bytes, &options);
    return (struct syn_options){options.present, options.wscale, options.mss, options.tsval};
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
