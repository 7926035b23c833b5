/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hpack.h - reads the fields of the first header block of an HTTP/2 connection (RFC 7541), one
 * after the other.
 *
 * Made for what stands first in a block: pseudo-fields. Limits: a field of the dynamic table, which
 * a first block can hold only as a repetition, has no texts here; of Huffman's code the symbols of
 * up to 8 bits and "$@[]~" are known, which is all that names of hosts and status codes are written
 * with.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_HPACK_H
#define SYNWARD_ENGINE_PROTOCOLS_HPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HPACK_TEXT_MAX 255

/* Indexes of the static table (RFC 7541 appendix A). */
#define HPACK_AUTHORITY    1
#define HPACK_STATUS_FIRST 8
#define HPACK_STATUS_LAST  14
#define HPACK_HOST         38

struct hpack_text {
    const uint8_t *data;
    size_t bytes;
    bool huffman;
};

struct hpack_field {
    uint32_t index; /* of the name, or of name and value; 0: the name is a text */
    bool indexed;   /* the value is the table's too */
    struct hpack_text name, value;
};

enum hpack_result {
    HPACK_FIELD,
    HPACK_END,   /* no byte is left */
    HPACK_SHORT, /* the next field goes beyond the bytes given */
    HPACK_BAD,
};

/* The next field at `*at`, which moves behind it. */
enum hpack_result hpack_next(const uint8_t *block, size_t bytes, size_t *at,
                             struct hpack_field *field);

/* The text itself. False where it is longer than HPACK_TEXT_MAX or holds a symbol that is not known
 * here. */
bool hpack_decode(const struct hpack_text *text, uint8_t out[HPACK_TEXT_MAX], size_t *bytes);

#endif
