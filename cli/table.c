/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table.c - aligned columns (table.h). Cells are kept until printing, since the widest decides. */
#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/escape.h"
#include "cli/output.h"

struct table {
    size_t columns;
    struct table_column column[TABLE_COLUMNS_MAX];
    size_t width[TABLE_COLUMNS_MAX];
    char **cells;
    size_t count, capacity;
};

struct table *table_new(size_t columns, const struct table_column *column)
{
    struct table *table = output_alloc(calloc(1, sizeof(*table)));

    table->columns = columns;
    for (size_t i = 0; i < columns; i++) {
        table->column[i] = column[i];
        table->width[i] = column[0].heading ? strlen(column[i].heading) : 0;
    }
    return table;
}

void table_cell(struct table *table, const char *format, ...)
{
    char text[TABLE_CELL_BYTES], escaped[TABLE_CELL_BYTES];
    size_t column = table->count % table->columns, length;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    length = strlen(escape_text(text, strlen(text), escaped, sizeof(escaped)));
    if (length > table->width[column])
        table->width[column] = length;
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 64;
        table->cells = output_alloc(realloc(table->cells, table->capacity * sizeof(*table->cells)));
    }
    table->cells[table->count++] = output_alloc(strdup(escaped));
}

size_t table_rows(const struct table *table)
{
    return (table->count + table->columns - 1) / table->columns;
}

/* `pending` blanks are written only when something follows them. */
static void print_cell(const struct table *table, FILE *out, size_t column, const char *text,
                       size_t *pending)
{
    size_t length = strlen(text), fill = table->width[column] - length;

    if (table->column[column].align == ALIGN_RIGHT)
        *pending += fill;
    if (length > 0) {
        fprintf(out, "%*s%s", (int)*pending, "", text);
        *pending = 0;
    }
    if (table->column[column].align == ALIGN_LEFT)
        *pending += fill;
    *pending += 2;
}

void table_print(const struct table *table, FILE *out, unsigned indent)
{
    size_t pending = indent;

    if (table->column[0].heading) {
        for (size_t i = 0; i < table->columns; i++)
            print_cell(table, out, i, table->column[i].heading, &pending);
        fputc('\n', out);
    }
    for (size_t i = 0, column = 0; i < table->count; i++) {
        if (column == 0)
            pending = indent;
        print_cell(table, out, column, table->cells[i], &pending);
        column++;
        if (column == table->columns || i + 1 == table->count) {
            fputc('\n', out);
            column = 0;
        }
    }
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
