/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - the one writer of aligned columns.
 *
 *      struct table *table = table_new(2, (const struct table_column[]){{"SERVER", ALIGN_LEFT},
 *      {"AGE", ALIGN_RIGHT}}); table_cell(table, "%s", server);
 *      table_cell(table, "%.1f s", age);          cells fill the rows from left to right
 *      table_print(table, stdout, 0);
 *      table_free(table);
 *
 * Columns are as wide as their widest cell and stand two blanks apart; lines have no trailing
 * blanks. What comes into a cell is escaped.
 */
#ifndef SYNWARD_CLI_TABLE_H
#define SYNWARD_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum table_align { ALIGN_LEFT, ALIGN_RIGHT };

struct table_column {
    const char *heading; /* NULL in the first column: no line of headings */
    enum table_align align;
};

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_BYTES  8192 /* longer cells are cut */

struct table;

/*
 * `columns` at most TABLE_COLUMNS_MAX; `column` is copied, the headings are not. Ends the program
 * where memory is out.
 */
struct table *table_new(size_t columns, const struct table_column *column);
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);
size_t table_rows(const struct table *table);
/* `indent` blanks before each line. */
void table_print(const struct table *table, FILE *out, unsigned indent);
void table_free(struct table *table);

#endif
