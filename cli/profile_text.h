/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile_text.h - profiles in words, from the documents that --json prints. */
#ifndef SYNWARD_CLI_PROFILE_TEXT_H
#define SYNWARD_CLI_PROFILE_TEXT_H

#include <json-c/json.h>

#include "cli/options.h"

/* One line for each of an array of profiles. */
bool profile_table_show(const struct arguments *arguments, struct json_object *profiles,
                        struct error *error);
/* The whole of one. */
void print_profile(struct json_object *profile);

#endif
