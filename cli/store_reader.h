/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_reader.h - a store's document, read without a daemon. */
#ifndef SYNWARD_CLI_STORE_READER_H
#define SYNWARD_CLI_STORE_READER_H

#include <json-c/json.h>

#include "bridge/text/server_text.h"
#include "profiles/error.h"

/*
 * The profiles of the store at `path`, or those that `selector` (may be NULL) names. NULL: `error`,
 * EXIT_NOT_FOUND where it names none.
 */
struct json_object *store_document(const char *path, const struct server_selector *selector,
                                   struct error *error);

#endif
