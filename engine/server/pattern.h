/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern.h - the shape of requests that no protocol file knows, as it was learned of one server.
 *
 *      constants   bytes that were the same in all requests, at the same offsets
 *      line        a line of text, ended by LF: decided where the line ends
 *      length      a field that says how long the message is: decided where the message ends
 *
 *      0x30  0x0c  0x02 0x01 0x01 0x60 ...         LDAP: a BER length at 1, constants around it
 *      "0035" "git-upload-pack /a.git" ...         git: four hex digits at 0 that count themselves
 *
 * Constants come first: what has other ones is no such request, whatever follows.
 */
#ifndef SYNWARD_ENGINE_SERVER_PATTERN_H
#define SYNWARD_ENGINE_SERVER_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "engine/protocols/protocol.h"

#define PATTERN_PAIRS_MAX    32
#define PATTERN_LENGTH_AT    8          /* the farthest offset at which a length field begins */
#define PATTERN_MESSAGE_MAX  (1u << 24) /* bytes; a field that says more is none */
#define PATTERN_DECIMALS_MAX 7
#define PATTERN_LENGTHS_MAX  4 /* readings of a length field that all requests so far allow */

enum length_form {
    LENGTH_NONE,
    LENGTH_BIG,     /* 1 to 4 bytes, big-endian */
    LENGTH_LITTLE,  /* 2 to 4 bytes, little-endian */
    LENGTH_HEX,     /* 4 or 8 hexadecimal digits */
    LENGTH_DECIMAL, /* 1 to 7 decimal digits and what ends them */
    LENGTH_BER,     /* X.690 8.1.3, the definite form: 1 to 4 bytes */
    LENGTH_VARINT,  /* 7 bits a byte, least significant first: 1 to 4 bytes */
    LENGTH_FORMS,
};

struct length_field {
    enum length_form form;
    uint8_t offset; /* 0 to PATTERN_LENGTH_AT */
    uint8_t width;  /* bytes of the fixed forms; 0: the form says itself where it ends */
    int32_t bias;   /* value + bias = bytes of the message, this field included */
};

struct pattern {
    uint16_t least_bytes;    /* of a request that is neither a line nor says its length */
    uint16_t line_bytes_max; /* 0: not known to be lines */
    uint8_t lengths;         /* any of them may be the right reading; 0: not known to say it */
    struct length_field length[PATTERN_LENGTHS_MAX];
    uint8_t pairs;
    struct {
        uint16_t offset; /* ascending */
        uint8_t byte;
    } pair[PATTERN_PAIRS_MAX];
};

/*
 * MATCH_YES for a whole request (as far as anything says where it ends), MATCH_MORE for what may
 * become one.
 */
enum match pattern_check(const struct pattern *pattern, const uint8_t *request, size_t bytes);
/* True of a line that fits, and of which nothing is missing but its end. */
bool pattern_line_so_far(const struct pattern *pattern, const uint8_t *request, size_t bytes);

/*
 * Reads the field alone. MATCH_YES: `*value` is what it says and `*end` the offset behind it;
 * MATCH_MORE: it is not all there; MATCH_NO: no such field.
 */
enum match length_field_read(const struct length_field *field, const uint8_t *request, size_t bytes,
                             uint32_t *value, size_t *end);

/* True for what stands in a line of text: printable, a tab, or beyond ASCII. */
static inline bool pattern_is_text(uint8_t byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

#endif
