/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - the one reader of TCP options (RFC 9293 3.1, 7323, 2018).
 *
 * tcp_options_parse() walks the options once, with bounds, and fails closed: a length of 0 or 1, or
 * one that reaches beyond the header, ends the walk with OPTIONS_BAD. A known kind with a wrong
 * length counts as unknown. The first of a repeated option wins.
 */
#ifndef SYNWARD_ENGINE_TCP_OPTIONS_H
#define SYNWARD_ENGINE_TCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/bytes.h"

#define TCP_OPTIONS_MAX 40
#define WSCALE_NONE     15 /* "no window scale option" wherever a scale of 0..14 may stand */
#define WSCALE_MAX      14 /* RFC 7323 2.3 */

enum tcp_option_kind {
    TCP_OPT_EOL = 0,
    TCP_OPT_NOP = 1,
    TCP_OPT_MSS = 2,
    TCP_OPT_WSCALE = 3,
    TCP_OPT_SACK_PERMITTED = 4,
    TCP_OPT_SACK = 5,
    TCP_OPT_TIMESTAMPS = 8,
    TCP_OPT_MD5 = 19,
    TCP_OPT_AO = 29,
    TCP_OPT_MPTCP = 30,
    TCP_OPT_FAST_OPEN = 34,
};

/* Bits of tcp_options.present. */
enum tcp_option_bits {
    /* The first four are those of enum synack_offer (synack.h). */
    OPTION_MSS = 1 << 0,
    OPTION_SACK_PERMITTED = 1 << 1,
    OPTION_TIMESTAMPS = 1 << 2,
    OPTION_WSCALE = 1 << 3,
    OPTION_SACK = 1 << 4,
    OPTION_MD5 = 1 << 5, /* RFC 2385 */
    OPTION_OTHER = 1 << 6,
    OPTION_AO = 1 << 7, /* RFC 5925 */
};

/* The segment is signed. */
#define OPTION_AUTHENTICATED ((uint8_t)(OPTION_MD5 | OPTION_AO))

enum options_result { OPTIONS_OK, OPTIONS_BAD };

struct tcp_options {
    uint8_t present; /* enum tcp_option_bits */
    /* as offered, 0..255; WSCALE_NONE where absent. Above 14 is to be read as 14 (RFC 7323 2.3) */
    uint8_t wscale;
    uint16_t mss; /* 0 where absent */
    uint32_t tsval;
    uint32_t tsecr;
    uint8_t ts_at;       /* offset of TSval from the first option byte */
    uint8_t sack_at;     /* offset of the SACK option's kind byte */
    uint8_t sack_blocks; /* 0 to 4 */
};

/* The same for options that are not just timestamps. */
enum options_result tcp_options_read(const uint8_t *at, size_t bytes, struct tcp_options *options);

#define ALIGNED_TIMESTAMPS_BYTES 12
#define ALIGNED_TIMESTAMPS       0x0101080au /* NOP, NOP, kind 8, length 10 (RFC 7323 appendix A) */

/*
 * Reads `bytes` (<= 40) option bytes at `at`. On OPTIONS_BAD, what was read before the bad option
 * is filled in. Inline is what nearly every segment of a connection with timestamps has.
 */
static inline enum options_result tcp_options_parse(const uint8_t *at, size_t bytes,
                                                    struct tcp_options *options)
{
    if (bytes != ALIGNED_TIMESTAMPS_BYTES || load_be32(at) != ALIGNED_TIMESTAMPS)
        return tcp_options_read(at, bytes, options);
    *options = (struct tcp_options){
        .present = OPTION_TIMESTAMPS,
        .wscale = WSCALE_NONE,
        .tsval = load_be32(at + 4),
        .tsecr = load_be32(at + 8),
        .ts_at = 4,
    };
    return OPTIONS_OK;
}

/* What a SYN is answered by, of its options. By value, so that what is read inline stays in
 * registers. */
struct syn_options {
    uint8_t present, wscale; /* as in struct tcp_options, as the next */
    uint16_t mss;
    uint32_t tsval;
};

/* mss sack ts nop ws: what is constant of it in its first and its last 8 bytes (Linux). */
#define LINUX_SYN_BYTES 20
#define LINUX_SYN_FIRST WIRE64(0x020400000402080au)
#define LINUX_SYN_LAST  WIRE64(0x0000000001030300u)

static inline bool tcp_options_are_linux_syn(const uint8_t *at, size_t bytes)
{
    return bytes == LINUX_SYN_BYTES &&
           (((load_wire64(at) ^ LINUX_SYN_FIRST) & WIRE64(0xffff0000ffffffffu)) |
            ((load_wire64(at + 12) ^ LINUX_SYN_LAST) & WIRE64(0x00000000ffffff00u))) == 0;
}

/* tcp_options_parse() for SYNs: inline is what nearly all of them have. */
struct syn_options tcp_options_of_other_syn(const uint8_t *at, size_t bytes);
static inline struct syn_options tcp_options_of_syn(const uint8_t *at, size_t bytes)
{
    struct syn_options options;

    if (!tcp_options_are_linux_syn(at, bytes))
        return tcp_options_of_other_syn(at, bytes);
    options.present = OPTION_MSS | OPTION_SACK_PERMITTED | OPTION_TIMESTAMPS | OPTION_WSCALE;
    options.wscale = at[19];
    options.mss = load_be16(at + 2);
    options.tsval = load_be32(at + 8);
    return options;
}

/*
 * The kinds in order of appearance, NOPs included, up to and without EOL, or up to what
 * tcp_options_parse() finds bad. Returns how many there are.
 */
uint8_t tcp_options_layout(const uint8_t *at, size_t bytes, uint8_t layout[TCP_OPTIONS_MAX]);

/* "mss", "sack", "timestamps", "window_scale", "nop", "eol" for the kinds that profiles name; NULL
 * for others. */
const char *tcp_option_name(uint8_t kind);
/* The reverse; -1 for a name that no option has. */
int tcp_option_kind_from_name(const char *name);

#endif
