/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - tables for people and for scripts, laid out by libsmartcols.
 *
 *      struct table *table = table_new(2, (const struct table_column[]){{"SERVER", ALIGN_LEFT},
 *                                                                       {"AGE", ALIGN_RIGHT}});
 *      table_cell(table, "%s", server);
 *      table_cell(table, "%.1f s", age);          cells fill the rows from left to right
 *      return table_show(table, arguments, "no servers", error);
 *
 * Columns are as wide as their widest cell and stand two blanks apart; lines have no trailing
 * blanks. What comes into a cell is escaped, so that neither a terminal nor a script is led astray
 * by what a server said.
 */
#ifndef SYNWARD_CLI_TABLE_H
#define SYNWARD_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "cli/options.h"
#include "profiles/error.h"

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
/* The headings name the columns for --output, but people do not need them. */
void table_hide_headings(struct table *table);
size_t table_rows(const struct table *table);
/* `indent` blanks before each line. A table without rows prints nothing. */
void table_print(const struct table *table, FILE *out, unsigned indent);
/*
 * Prints the table on stdout as the options ask and frees it: --output chooses columns, --tsv puts
 * tabs between them, under a line of headings. Without rows `nothing` is said, to people. False
 * with EXIT_USAGE: there is no such column.
 */
bool table_show(struct table *table, const struct arguments *arguments, const char *nothing,
                struct error *error);
void table_free(struct table *table);

#endif
