/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile_json.h - a profile as JSON and back (doc/profile-format.md), and the schema of both, out
 * of one set of tables (profile_fields.h).
 *
 * Beside what users read, a profile carries "settings" (what the operator set, non-defaults
 * only) and "state" (counters that learning goes on from). Both may be missing: then settings are
 * the defaults, and the state is made up from what is shown, as if it had been learned. Where what
 * is shown and the state contradict each other (somebody edited the file), what is shown wins.
 * Fields that are not known are ignored; known ones are checked.
 */
#ifndef SYNWARD_PROFILES_STORE_PROFILE_JSON_H
#define SYNWARD_PROFILES_STORE_PROFILE_JSON_H

#include <stdbool.h>

#include "profiles/model/profile.h"
#include "profiles/store/json_reader.h"

/* The caller owns the result (json_object_put). */
struct json_object *profile_to_json(const struct profile *profile);
bool profile_from_json(struct json_object *json, struct profile *profile, struct json_fault *fault);

/* The JSON schema (draft 2020-12) of a store; the caller owns it. */
struct json_object *store_schema(void);

#endif
