/* SPDX-License-Identifier: GPL-2.0-or-later */
/* figures_text.h - the figures of a server (engine/server/figures.h) as JSON. */
#ifndef SYNWARD_BRIDGE_TEXT_FIGURES_TEXT_H
#define SYNWARD_BRIDGE_TEXT_FIGURES_TEXT_H

#include <json-c/json.h>

#include "bridge/text/server_parts.h"
#include "engine/server/figures.h"

/*
 * Those that `parts` has. Each figure by its name; "refused": {reason: count}, those that are not
 * 0; "admission": counts of the histogram up to the last that is not 0. The caller owns it.
 */
struct json_object *figures_document(const struct server_figures *figures, uint32_t parts);

#endif
