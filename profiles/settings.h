/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - what an operator may set for one server: `synward profiles set SERVER:PORT KEY=VALUE`.
 *
 *      check             protocol | pattern | none | default
 *      trigger.half_open, open_per_second, open_per_source     1 to 1000000, or "default"
 */
#ifndef SYNWARD_PROFILES_SETTINGS_H
#define SYNWARD_PROFILES_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "profiles/error.h"
#include "profiles/profile.h"

#define SETTING_NUMBER_MAX 1000000u

/* Sets one key. False, nothing changed and EXIT_USAGE for an unknown key or a value that does not fit. */
bool profile_set(struct profile *profile, const char *key, const char *value, struct error *error);

/* The keys that are numbers, for whoever walks them (profile_json.c): NULL ends the walk. */
const char *setting_number_name(size_t index);
uint32_t *setting_number(struct profile_settings *settings, size_t index);

/* All keys as one line of text, for usage and errors. */
#define SETTING_KEYS "check, trigger.half_open, open_per_second, open_per_source"

#endif
