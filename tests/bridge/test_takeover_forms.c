/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/takeover_forms.c: all of a struct is said, once. */
#include "bridge/takeover_forms.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void look_at(const struct row_form *form, const char *what)
{
    uint8_t *said = calloc(1, form->row_bytes);
    uint32_t holes = 0;

    cr_assert_leq(form->count, ROW_FIELDS_MAX, "%s", what);
    cr_assert_leq(form->row_bytes, UINT16_MAX, "%s", what);
    for (uint32_t i = 0; i < form->count; i++) {
        const struct row_field *field = &form->fields[i];

        cr_assert(field->id && field->bytes, "%s: field %u", what, field->id);
        for (uint32_t other = 0; other < i; other++)
            cr_assert_neq(form->fields[other].id, field->id, "%s: field %u", what, field->id);
        cr_assert_leq(field->offset + field->bytes, form->row_bytes, "%s", what);
        for (uint32_t at = field->offset; at < field->offset + (uint32_t)field->bytes; at++)
            cr_assert_eq(said[at]++, 0, "%s: field %u, byte %u", what, field->id, at);
    }
    for (uint32_t at = 0; at < form->row_bytes; at++)
        holes += !said[at];
    cr_assert_eq(holes, form->hole_bytes, "%s: %u bytes that nothing says", what, holes);
    free(said);
}

Test(takeover_forms, all_of_a_struct_is_said_once)
{
    static const char *const names[TAKEOVER_PARTS] = {"flows",   "common",  "promises",
                                                      "servers", "watches", "tags",
                                                      "records", "waiting", "pieces"};

    for (int part = 0; part < TAKEOVER_PARTS; part++)
        look_at(&takeover_forms[part], names[part]);
}

/* Of a version that knows nothing else. */
Test(takeover_forms, the_key_of_a_flow_stands_first)
{
    const struct row_field *fields = takeover_forms[TAKEOVER_FLOWS].fields;

    cr_assert_eq(fields[0].offset, 0);
    cr_assert_eq(fields[0].bytes, sizeof(struct flow_key));
    cr_assert_eq(fields[1].offset, sizeof(struct flow_key));
}
