/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * import_request.h - takes "contents", the text of a whole file, out of a request, in pieces and in
 * place: as a tree such a request would take its memory several times over, and all at once.
 *
 *      {"command": "import", "contents": "{\"synward\": ...}", "name": "FILE"}
 *      rest:     {"command": "import", "contents": "", "name": "FILE"}
 *      contents: {"synward": ...}
 */
#ifndef SYNWARD_BRIDGE_CONTROL_IMPORT_REQUEST_H
#define SYNWARD_BRIDGE_CONTROL_IMPORT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "profiles/error.h"

#define IMPORT_REQUEST_REST_MAX (1024u * 1024)

struct import_request {
    char *text; /* the request; "contents" is decoded in it */
    size_t bytes, at;
    char *rest; /* to be freed with import_request_free() */
    size_t rest_bytes, rest_room;
    char *contents; /* in `text`; NULL: there are none (yet) */
    size_t contents_bytes;
    size_t taken; /* where in `rest` something was taken out, and how many bytes */
    size_t taken_bytes;
    unsigned depth;
    bool value, key_fits;
    size_t string_at; /* in `rest` */
    enum { IMPORT_OUTSIDE, IMPORT_STRING, IMPORT_CONTENTS } where;
};

enum import_request_state { IMPORT_REQUEST_GOES_ON, IMPORT_REQUEST_TAKEN, IMPORT_REQUEST_FAILED };

void import_request_begin(struct import_request *request, char *text, size_t bytes);
/* Whether the rest is JSON is not looked at: whoever reads it says so. */
enum import_request_state import_request_step(struct import_request *request, struct error *error);
/* Where in the request a byte of the rest stood. */
size_t import_request_offset(const struct import_request *request, size_t offset);
void import_request_free(struct import_request *request);

#endif
