/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aligned columns. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"
#include "tests/cli/support_stdout.h"

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
    assert_prints(table, 0, "");
    table_free(table);
    table_free(NULL);
}

/* Neither a terminal's width nor libsmartcols' own escapes change a cell. */
Test(table, cells_are_printed_whole)
{
    struct table *table = table_new(3, columns);
    char wide[301], expected[1024];

    memset(wide, 'w', 300);
    wide[300] = '\0';
    table_cell(table, "%s", wide);
    table_cell(table, "1");
    table_cell(table, "\\x41\xc3\xa9");
    snprintf(expected, sizeof(expected), "NAME%296s  BYTES  WORDS\n%s      1  \\\\x41\\xc3\\xa9\n",
             "", wide);
    assert_prints(table, 0, expected);
    table_free(table);
}

static struct table *two_rows(void)
{
    struct table *table = table_new(3, columns);

    table_cell(table, "a\tb");
    table_cell(table, "1");
    table_cell(table, "two words");
    table_cell(table, "c");
    table_cell(table, "22");
    table_cell(table, "%s", "");
    return table;
}

static void assert_shows(const char *output, bool tsv, const char *expected)
{
    struct arguments arguments = {0};
    struct error error = {0};

    arguments.value[OPTION_OUTPUT] = output;
    arguments.value[OPTION_TSV] = tsv ? "" : NULL;
    catch_output();
    cr_assert(table_show(two_rows(), &arguments, "nothing", &error), "%s", error.text);
    cr_assert_str_eq(caught_stdout(), expected);
}

Test(table, output_chooses_columns)
{
    assert_shows("words,NAME", false, "WORDS      NAME\ntwo words  a\\tb\n           c\n");
    assert_shows("bytes", false, "BYTES\n    1\n   22\n");
}

/* A tab inside a cell cannot be taken for one between two. */
Test(table, tabs_for_scripts)
{
    assert_shows(NULL, true, "NAME\tBYTES\tWORDS\na\\tb\t1\ttwo words\nc\t22\t\n");
    assert_shows("bytes,bytes,name", true, "BYTES\tBYTES\tNAME\n1\t1\ta\\tb\n22\t22\tc\n");
}

Test(table, a_column_that_is_not_there)
{
    static const char *const bad[] = {"age", "nam", "names", "name,", "", ",", "name,,bytes"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct arguments arguments = {0};
        struct error error = {0};

        arguments.value[OPTION_OUTPUT] = bad[i];
        catch_output();
        cr_expect_not(table_show(two_rows(), &arguments, "nothing", &error), "%s", bad[i]);
        cr_expect_eq(error.code, EXIT_USAGE);
        cr_expect(strstr(error.text, "there are NAME,BYTES,WORDS"), "%s", error.text);
        cr_expect_str_eq(caught_stdout(), "");
    }
}

Test(table, nothing_is_said_to_people_only)
{
    struct arguments arguments = {0};

    catch_output();
    cr_assert(table_show(table_new(3, columns), &arguments, "nothing yet", NULL));
    cr_assert_str_eq(caught_stdout(), "nothing yet\n");
    arguments.value[OPTION_TSV] = "";
    cr_assert(table_show(table_new(3, columns), &arguments, "nothing yet", NULL));
    cr_assert_str_eq(caught_stdout(), "NAME\tBYTES\tWORDS\n");
}
