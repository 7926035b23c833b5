/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_write.h - a profile as JSON and back (doc/profile-format.md).
 *
 * Beside what users read, a profile carries "settings" (what the operator set, non-defaults
 * only) and "state" (counters that learning goes on from). Both may be missing: then settings are
 * the defaults, and the state is made up from what is shown, as if it had been learned. Fields that
 * are not known are ignored; known ones are checked.
 */
#ifndef SYNWARD_PROFILES_STORE_JSON_WRITE_H
#define SYNWARD_PROFILES_STORE_JSON_WRITE_H

#include <stdbool.h>

#include "profiles/model/profile.h"

struct json_object;

#define JSON_PATH_BYTES   128
#define JSON_REASON_BYTES 160

/* Where in the profile something is wrong ("tcp.variants.0.offered"), and what. */
struct json_fault {
    char path[JSON_PATH_BYTES];
    char reason[JSON_REASON_BYTES];
};

/* The caller owns the result (json_object_put). */
struct json_object *profile_to_json(const struct profile *profile);
bool profile_from_json(struct json_object *json, struct profile *profile, struct json_fault *fault);

#endif
