/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - what an operator may set for one server: `synward profiles set SERVER:PORT
 * KEY=VALUE`.
 *
 *      check             keyword | protocol | pattern | none | default; keyword and pattern once
 *                        there are any
 *      greeting          exact | template | default: what may be said in the server's name
 *                        (greeting_plan.h)
 *      request           whole | begun | default: what a connection is opened to the server for
 *      signed            md5 | ao | both | none | default: which signed SYNs pass to the server
 *      open_per_second, open_per_source     1 to 1000000, or "default"
 *      trigger.half_open, trigger.silent, trigger.mismatch, trigger.refused     the same, or "off"
 *      trigger.accept_queue                 1 to 100 (per cent), default or off
 *      trigger.syn_rate                     2 to 1000000 (times what is usual), default or off
 *      trigger.query_rate, trigger.outstanding, trigger.no_such_name     of a server over UDP:
 * times what is usual, queries, and per cent
 */
#ifndef SYNWARD_PROFILES_MODEL_SETTINGS_H
#define SYNWARD_PROFILES_MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "profiles/error.h"
#include "profiles/model/profile.h"

/*
 * Sets one key. False and nothing changed: EXIT_USAGE for an unknown key or a value that does not
 * fit, EXIT_FAILED for a check that nothing was learned for.
 */
bool profile_set(struct profile *profile, const char *key, const char *value, struct error *error);

/* The same of settings that are of no profile yet: nothing need be learned for them. */
bool setting_set(struct profile_settings *settings, const char *key, const char *value,
                 struct error *error);
/* All keys in a row, NULL after the last; SETTINGS_COUNT for what is none. */
const char *setting_key(size_t index);
size_t setting_index(const char *key);

/* The value of one key as it is written; "default" where it is that. Returns `text`. */
#define SETTING_VALUE_BYTES 16
const char *setting_value(const struct profile_settings *settings, size_t index,
                          char text[SETTING_VALUE_BYTES]);

/* What a configuration file says counts before what is set by hand; what `more` says counts before
 * what `said` did. */
void settings_overlay(struct profile_settings *settings, const struct settings_said *said);
void settings_said_add(struct settings_said *said, const struct settings_said *more);

/* The same for the limits of triggers alone ("trigger.silent"), as the config file sets them for
 * all servers. */
bool trigger_set(struct trigger_limits *limits, const char *key, const char *value,
                 struct error *error);
bool trigger_key(const char *key);

/* The keys that are numbers, for whoever walks them (store/profile_json.c): NULL ends the walk. */
struct setting_number {
    const char *name;
    uint32_t least, most;
    bool may_be_off; /* then TRIGGER_OFF is the number */
};
const struct setting_number *setting_number_info(size_t index);
uint32_t *setting_number(struct profile_settings *settings, size_t index);

/* All keys as one line of text, for usage and errors. */
#define SETTING_KEYS                                                                               \
    "check, greeting, request, signed, open_per_second, open_per_source, trigger.half_open, "      \
    "trigger.silent, "                                                                             \
    "trigger.accept_queue, "                                                                       \
    "trigger.syn_rate, trigger.mismatch, trigger.refused, trigger.unanswered, "                    \
    "trigger.query_rate, trigger.outstanding, trigger.no_such_name"

/* The values of check, for completion. */
#define GREETING_VALUES "exact template default"
#define REQUEST_VALUES  "whole begun default"
#define SIGNED_VALUES   "md5 ao both none default"
#define CHECK_VALUES    "keyword protocol pattern none default"

#endif
