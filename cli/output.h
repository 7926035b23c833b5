/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - what the command line writes: documents, answers and errors.
 *
 * The tables are made from the documents that --json prints, so that the two cannot tell different
 * stories.
 */
#ifndef SYNWARD_CLI_OUTPUT_H
#define SYNWARD_CLI_OUTPUT_H

#include <json-c/json.h>
#include <stdbool.h>

#include "profiles/error.h"

/* Prints the document as --json does. */
void output_json(struct json_object *document);
/* The same, in one line where it is not to be pretty. What may not be shown (showable.h) is
 * escaped, which says the same to who reads JSON. */
void output_json_line(struct json_object *document, bool pretty);
/* One line on stderr, "synward: TEXT", safe for a terminal. Returns the exit code that the error
 * carries. */
enum exit_code output_error(const struct error *error);
/* Writes what is buffered. False, with `error`, where stdout did not take it (disk full, reader
 * gone). */
bool output_flush(struct error *error);

/*
 * Fields of documents for tables: "-" where the field is missing or null. Numbers and booleans come
 * as JSON writes them.
 */
const char *output_field(struct json_object *object, const char *key);
/* "yes", "no", "-". */
const char *output_yes_no(struct json_object *object, const char *key);
/* The VLAN IDs of an object, 100.10, or "-". */
#define OUTPUT_VLAN_BYTES 16
char *output_vlan(struct json_object *object, char text[OUTPUT_VLAN_BYTES]);
/* "10.77.0.2:110", "[fd77::2]:110 vlan 100.10" of an object with server, port and vlan. */
#define OUTPUT_SERVER_BYTES 96
char *output_server(struct json_object *object, char text[OUTPUT_SERVER_BYTES]);
/* 42 s, 3 min 5 s, 2 h 7 min, 5 d 3 h. */
#define OUTPUT_DURATION_BYTES 32
char *output_duration(double seconds, char text[OUTPUT_DURATION_BYTES]);

/* `memory`, or the end of the program where it is NULL. */
void *output_alloc(void *memory);

#endif
