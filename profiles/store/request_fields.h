/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request_fields.h - the table of `application.request`: which first requests a server takes. The
 * record is struct profile.
 */
#ifndef SYNWARD_PROFILES_STORE_REQUEST_FIELDS_H
#define SYNWARD_PROFILES_STORE_REQUEST_FIELDS_H

#include "profiles/model/profile.h"
#include "profiles/store/field.h"

extern const struct field request_fields[];

/* The protocols by their number; PROTOCOLS_COUNT of them. */
const char *protocol_choice(unsigned index);
bool protocol_from_json(struct json_reader *reader, const char *key, const char *name,
                        enum protocol_id *out);

/* {kind: [...]} of the keywords of those kinds that have names: the names themselves, or how often
 * each was seen. */
struct json_object *keywords_to_json(const struct keyword_set *set, bool names);
/* {kind: [items]}; makes an item's schema for each kind that there is. */
struct json_object *keywords_schema(struct json_object *(*item)(enum keyword_kind kind));

#endif
