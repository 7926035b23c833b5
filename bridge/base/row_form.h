/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * row_form.h - rows that another version of this program has written, or will read: beside them
 * stands where in a row each field is.
 *
 * An id stands for a meaning and a width, for good: what changes in one of them is another field,
 * with an id of its own. So a version reads all that it knows of a row, and passes over the rest;
 * what a row has not is zero, where its field may be missing (`optional`), and else the row cannot
 * be read. Numbers are in the byte order of this machine: rows do not leave it.
 */
#ifndef SYNWARD_BRIDGE_BASE_ROW_FORM_H
#define SYNWARD_BRIDGE_BASE_ROW_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For good: the head of STORE.joined has room for so many, and older versions refuse more. */
#define ROW_FIELDS_MAX 64u

/* As it is written beside rows. */
struct row_field {
    uint16_t id; /* 0: none */
    uint16_t offset, bytes;
    uint16_t optional;
};

_Static_assert(sizeof(struct row_field) == 8, "no padding, and for good");

struct row_form {
    const struct row_field *fields; /* of this version */
    uint32_t count, row_bytes;
    uint32_t hole_bytes; /* padding: what no field says, for the test of forms */
};

#define ROW_FIELD(number, type, member)                                                            \
    {                                                                                              \
        .id = (number), .offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member)     \
    }
#define ROW_FIELD_OPTIONAL(number, type, member)                                                   \
    {                                                                                              \
        .id = (number), .offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member),    \
        .optional = 1                                                                              \
    }

/* How rows of a version become rows of ours. */
struct row_reading {
    uint32_t own_bytes, count;
    struct row_copy {
        uint16_t from, to, bytes;
    } copies[ROW_FIELDS_MAX];
};

/* `theirs`, as it was found: any bytes will do. False: such rows cannot be read. */
bool row_reading_make(struct row_reading *reading, const struct row_form *own,
                      const struct row_field *theirs, uint32_t count, uint32_t row_bytes);
/* `from` has as many bytes as was said above, `to` is a row of ours; neither is aligned. */
void row_read(const struct row_reading *reading, const void *from, void *to);

#endif
