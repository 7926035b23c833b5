/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile_fields.h - the tables (field.h) of which a profile's JSON is made, for profile_json.c.
 * The record of all of them is struct profile.
 */
#ifndef SYNWARD_PROFILES_STORE_PROFILE_FIELDS_H
#define SYNWARD_PROFILES_STORE_PROFILE_FIELDS_H

#include "profiles/model/profile.h"
#include "profiles/store/field.h"

/* What a document shows of things that follow from the state: the `context` of its reader. */
struct shown {
    enum request_check check;
    bool has_fidelity;
    double fidelity;
};

extern const struct field tcp_fields[], application_fields[], state_fields[], dns_fields[];

/* `state.pattern`, of a struct profile as all of them. */
extern const struct field pattern_fields[];
bool has_pattern_state(const void *record);
/* What contradicts the pattern that the document shows is left out. */
void read_pattern_state(struct json_reader *reader, struct json_object *object, void *record);

/* `tcp` as a whole: its values stand as firmly as the handshakes that were seen. */
void read_tcp(struct json_reader *reader, struct json_object *object, void *record);

/* The checks that can be set or shown, by value (enum request_check). */
const char *check_choice(unsigned index);
#define CHECK_CHOICES (CHECK_NONE + 1)

#endif
