/* SPDX-License-Identifier: GPL-2.0-or-later */
/* row_form.c - see row_form.h. */
#include "bridge/base/row_form.h"

#include <string.h>

/* NULL: their rows do not have it, or not as we know it. */
static const struct row_field *find(const struct row_field *theirs, uint32_t count,
                                    const struct row_field *own)
{
    for (uint32_t i = 0; i < count; i++)
        if (theirs[i].id == own->id)
            return theirs[i].bytes == own->bytes ? &theirs[i] : NULL;
    return NULL;
}

/* Neighbours in both rows are one copy: a row of our own version takes few. */
static void add(struct row_reading *reading, struct row_copy copy)
{
    struct row_copy *last = reading->count ? &reading->copies[reading->count - 1] : NULL;

    if (last && last->from + last->bytes == copy.from && last->to + last->bytes == copy.to)
        last->bytes = (uint16_t)(last->bytes + copy.bytes);
    else
        reading->copies[reading->count++] = copy;
}

bool row_reading_make(struct row_reading *reading, const struct row_form *own,
                      const struct row_field *theirs, uint32_t count, uint32_t row_bytes)
{
    *reading = (struct row_reading){.own_bytes = own->row_bytes};
    for (uint32_t i = 0; i < own->count && i < ROW_FIELDS_MAX; i++) {
        const struct row_field *field = find(theirs, count, &own->fields[i]);

        if (field && (uint32_t)field->offset + field->bytes <= row_bytes)
            add(reading,
                (struct row_copy){field->offset, own->fields[i].offset, own->fields[i].bytes});
        else if (!own->fields[i].optional)
            return false;
    }
    return true;
}

void row_read(const struct row_reading *reading, const void *from, void *to)
{
    memset(to, 0, reading->own_bytes);
    for (uint32_t i = 0; i < reading->count; i++) {
        const struct row_copy *copy = &reading->copies[i];

        memcpy((uint8_t *)to + copy->to, (const uint8_t *)from + copy->from, copy->bytes);
    }
}
