/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h - the text of an answer as it grows.
 *
 * open_memstream() would do, but it touches all that it sets aside, and copies at each growth;
 * large blocks are moved by realloc() without being touched.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_TEXT_H
#define SYNWARD_BRIDGE_CONTROL_TEXT_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>

#include "profiles/error.h"

struct text {
    char *data;
    size_t bytes, capacity;
};

/* What is written to the stream is appended to `text`, which must stay where it is. NULL: out of
 * memory. */
FILE *text_open(struct text *text);
/* Writes a newline and closes. What all of it has become, which the caller frees; NULL, and 0
 * bytes, where memory ran out. No zero ends it. */
char *text_close(FILE *out, struct text *text, size_t *bytes);

/* Takes `document`. Where memory is out nothing is written. */
void text_write_document(FILE *out, struct json_object *document);
/* The document that says `error`, as text_close() returns it. */
char *text_error(const struct error *error, size_t *bytes);

#endif
