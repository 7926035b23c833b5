/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aligned columns. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

static const struct table_column columns[] = {
    {"NAME", ALIGN_LEFT}, {"BYTES", ALIGN_RIGHT}, {"WORDS", ALIGN_LEFT}};

static void assert_prints(const struct table *table, unsigned indent, const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    table_print(table, out, indent);
    fclose(out);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(table, aligns_to_the_widest)
{
    struct table *table = table_new(3, columns);

    table_cell(table, "a");
    table_cell(table, "%d", 1234567);
    table_cell(table, "x");
    table_cell(table, "longer name");
    table_cell(table, "%d", 1);
    table_cell(table, "yy");
    cr_assert_eq(table_rows(table), 2);
    assert_prints(table, 0,
                  "NAME           BYTES  WORDS\n"
                  "a            1234567  x\n"
                  "longer name        1  yy\n");
    table_free(table);
}

Test(table, no_trailing_blanks)
{
    struct table *table = table_new(3, columns);

    table_cell(table, "a");
    table_cell(table, "%s", "");
    table_cell(table, "%s", "");
    assert_prints(table, 2, "  NAME  BYTES  WORDS\n  a\n");
    table_free(table);
}

Test(table, without_headings)
{
    static const struct table_column two[] = {{NULL, ALIGN_LEFT}, {NULL, ALIGN_LEFT}};
    struct table *table = table_new(2, two);

    table_cell(table, "key");
    table_cell(table, "value");
    table_cell(table, "k");
    table_cell(table, "v");
    assert_prints(table, 1, " key  value\n k    v\n");
    table_free(table);
}

Test(table, unfinished_row)
{
    struct table *table = table_new(3, columns);

    table_cell(table, "only");
    cr_assert_eq(table_rows(table), 1);
    assert_prints(table, 0, "NAME  BYTES  WORDS\nonly\n");
    table_free(table);
}

Test(table, escapes_what_comes_in)
{
    struct table *table = table_new(3, columns);

    table_cell(table, "%s", "\x1b[31m");
    table_cell(table, "1");
    table_cell(table, "%s", "a\nb");
    assert_prints(table, 0, "NAME      BYTES  WORDS\n\\x1b[31m      1  a\\nb\n");
    table_free(table);
}

Test(table, many_rows_and_long_cells)
{
    struct table *table = table_new(3, columns);
    char *longest = malloc(3 * TABLE_CELL_BYTES);

    memset(longest, '\n', 3 * TABLE_CELL_BYTES - 1);
    longest[3 * TABLE_CELL_BYTES - 1] = '\0';
    for (int i = 0; i < 3000; i++)
        table_cell(table, "%d", i);
    table_cell(table, "%s", longest);
    cr_assert_eq(table_rows(table), 1001);
    table_free(table);
    free(longest);
}

Test(table, empty)
{
    struct table *table = table_new(3, columns);

    cr_assert_eq(table_rows(table), 0);
    assert_prints(table, 0, "NAME  BYTES  WORDS\n");
    table_free(table);
    table_free(NULL);
}
