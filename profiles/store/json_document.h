/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_document.h - whole JSON documents: what all that we read (store, config, requests, answers)
 * has in common, and how a place in one is found again, so that an error can name its line.
 *
 * A document is one object, with white space around it and nothing else (RFC 8259). No key may
 * stand twice in one object: parsers differ in which of the two they believe, and so would people.
 */
#ifndef SYNWARD_PROFILES_STORE_JSON_DOCUMENT_H
#define SYNWARD_PROFILES_STORE_JSON_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

struct json_object;

enum json_flaw_kind {
    JSON_FLAW_NONE,
    JSON_FLAW_MEMORY,
    JSON_FLAW_EARLY,     /* the text ends within the object */
    JSON_FLAW_MALFORMED, /* no JSON, or more behind the object */
    JSON_FLAW_KIND,      /* JSON, but not an object */
    JSON_FLAW_TWICE,     /* a key stands twice in one object */
};

#define JSON_FLAW_REASON_BYTES 96

struct json_flaw {
    enum json_flaw_kind kind;
    size_t offset; /* in the text */
    char reason[JSON_FLAW_REASON_BYTES];
};

/* Texts hold file names too, which are bytes in any encoding; what we keep must be UTF-8. */
enum json_encoding { JSON_UTF8, JSON_ANY_BYTES };

/* The object, for the caller to json_object_put(). NULL: `flaw` says where and why. */
struct json_object *json_document(const char *text, size_t bytes, enum json_encoding encoding,
                                  struct json_flaw *flaw);

/*
 * Offset in `text` (a document that parses) of the value at `path` ("profiles.3.tcp.mss"), or of
 * the deepest one on the way that is there.
 */
size_t json_locate(const char *text, size_t bytes, const char *path);
/* Number of the line, from 1, that holds `offset`. */
unsigned long json_line(const char *text, size_t bytes, size_t offset);

/* {"version": ..., "schema": ...}, which every document of ours begins with; the caller owns it. */
struct json_object *synward_to_json(void);

/* ISO 8601 in UTC with seconds, "2026-01-01T00:00:00Z". */
#define TIME_TEXT_BYTES 32
char *time_to_text(int64_t time_s, char text[TIME_TEXT_BYTES]);

#endif
