/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table.c - see table.h. */
#include "cli/table.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/escape.h"
#include "cli/output.h"

struct table {
    size_t columns;
    struct table_column column[TABLE_COLUMNS_MAX];
    bool headings_hidden;
    char **cells;
    size_t count, capacity;
};

/* Columns of a table, in the order in which they are printed. */
struct choice {
    size_t count;
    size_t columns[TABLE_COLUMNS_MAX];
};

struct table *table_new(size_t columns, const struct table_column *column)
{
    struct table *table = output_alloc(calloc(1, sizeof(*table)));

    table->columns = columns;
    memcpy(table->column, column, columns * sizeof(*column));
    table->headings_hidden = !column[0].heading;
    return table;
}

void table_cell(struct table *table, const char *format, ...)
{
    char text[TABLE_CELL_BYTES], escaped[TABLE_CELL_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    escape_text(text, strlen(text), escaped, sizeof(escaped));
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 64;
        table->cells = output_alloc(realloc(table->cells, table->capacity * sizeof(*table->cells)));
    }
    table->cells[table->count++] = output_alloc(strdup(escaped));
}

void table_hide_headings(struct table *table)
{
    table->headings_hidden = true;
}

size_t table_rows(const struct table *table)
{
    return (table->count + table->columns - 1) / table->columns;
}

/* "" behind the last cell. */
static const char *cell(const struct table *table, size_t row, size_t column)
{
    const size_t index = row * table->columns + column;

    return index < table->count ? table->cells[index] : "";
}

/* --- for people ------------------------------------------------------------------------------ */

static void add_columns(struct libscols_table *layout, const struct table *table,
                        const struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct table_column *column = &table->column[choice->columns[i]];

        output_alloc(scols_table_new_column(layout, column->heading ? column->heading : "", 0,
                                            column->align == ALIGN_RIGHT ? SCOLS_FL_RIGHT : 0));
    }
}

static void add_rows(struct libscols_table *layout, const struct table *table,
                     const struct choice *choice)
{
    for (size_t row = 0; row < table_rows(table); row++) {
        struct libscols_line *line = output_alloc(scols_table_new_line(layout, NULL));

        for (size_t i = 0; i < choice->count; i++)
            if (scols_line_set_data(line, i, cell(table, row, choice->columns[i])) != 0)
                output_alloc(NULL);
    }
}

/* Lines as libsmartcols made them, without the blanks behind them. */
static void print_lines(const char *text, FILE *out, unsigned indent)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        size_t shown = length;

        while (shown > 0 && text[shown - 1] == ' ')
            shown--;
        fprintf(out, "%*s%.*s\n", shown > 0 ? (int)indent : 0, "", (int)shown, text);
        text += length + (text[length] == '\n');
    }
}

static void print_choice(const struct table *table, const struct choice *choice, FILE *out,
                         unsigned indent)
{
    struct libscols_table *layout = output_alloc(scols_new_table());
    char *text = NULL;

    /* Neither cut to a terminal's width nor escaped once more. */
    scols_table_set_termforce(layout, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_noencoding(layout, 1);
    scols_table_enable_noheadings(layout, table->headings_hidden);
    if (scols_table_set_column_separator(layout, "  ") != 0)
        output_alloc(NULL);
    add_columns(layout, table, choice);
    add_rows(layout, table, choice);
    if (scols_print_table_to_string(layout, &text) != 0)
        output_alloc(NULL);
    scols_unref_table(layout);
    if (text)
        print_lines(text, out, indent);
    free(text);
}

static struct choice every_column(const struct table *table)
{
    struct choice choice = {.count = table->columns};

    for (size_t i = 0; i < table->columns; i++)
        choice.columns[i] = i;
    return choice;
}

void table_print(const struct table *table, FILE *out, unsigned indent)
{
    const struct choice choice = every_column(table);

    if (table->count > 0)
        print_choice(table, &choice, out, indent);
}

/* --- for scripts ----------------------------------------------------------------------------- */

/* A heading as --output names it: "LAST SEEN" is last_seen, in small letters or large ones. */
static bool heading_is(const char *heading, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char *written = heading[i] == ' ' ? "_" : &heading[i];

        if (!heading[i] || strncasecmp(written, &name[i], 1) != 0)
            return false;
    }
    return heading[length] == '\0';
}

static bool unknown_column(const struct table *table, const char *name, size_t length,
                           struct error *error)
{
    char known[ERROR_TEXT_BYTES / 2] = "";
    size_t used = 0;

    for (size_t i = 0; i < table->columns && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? "," : "",
                                 table->column[i].heading);
    for (char *at = known; *at; at++)
        *at = *at == ' ' ? '_' : *at;
    return error_set(error, EXIT_USAGE, "--output: no column %.*s: there are %s",
                     length < 40 ? (int)length : 40, name, known);
}

/* Reads "server,mode"; NULL chooses all. */
static bool read_choice(const struct table *table, const char *names, struct choice *choice,
                        struct error *error)
{
    *choice = every_column(table);
    if (!names)
        return true;
    choice->count = 0;
    for (;;) {
        const size_t length = strcspn(names, ",");
        size_t column = 0;

        while (column < table->columns && !heading_is(table->column[column].heading, names, length))
            column++;
        if (column == table->columns)
            return unknown_column(table, names, length, error);
        if (choice->count == TABLE_COLUMNS_MAX)
            return error_set(error, EXIT_USAGE, "--output: more than %d columns",
                             TABLE_COLUMNS_MAX);
        choice->columns[choice->count++] = column;
        if (!names[length])
            return true;
        names += length + 1;
    }
}

static void print_tabs(const struct table *table, const struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++)
        printf("%s%s", i > 0 ? "\t" : "", table->column[choice->columns[i]].heading);
    putchar('\n');
    for (size_t row = 0; row < table_rows(table); row++) {
        for (size_t i = 0; i < choice->count; i++)
            printf("%s%s", i > 0 ? "\t" : "", cell(table, row, choice->columns[i]));
        putchar('\n');
    }
}

bool table_show(struct table *table, const struct arguments *arguments, const char *nothing,
                struct error *error)
{
    struct choice choice;
    const bool chosen = read_choice(table, arguments->value[OPTION_OUTPUT], &choice, error);

    if (chosen && option_given(arguments, OPTION_TSV))
        print_tabs(table, &choice);
    else if (chosen && table->count > 0)
        print_choice(table, &choice, stdout, 0);
    else if (chosen)
        puts(nothing);
    table_free(table);
    return chosen;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}
