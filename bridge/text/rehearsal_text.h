/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rehearsal_text.h - a rehearsal (profiles/learn/rehearsal.h) as a document, for the control socket
 * and for `synward rehearse --pcap`. */
#ifndef SYNWARD_BRIDGE_TEXT_REHEARSAL_TEXT_H
#define SYNWARD_BRIDGE_TEXT_REHEARSAL_TEXT_H

#include <json-c/json.h>
#include <stdint.h>

#include "bridge/text/server_text.h"
#include "profiles/learn/rehearsal.h"

struct rehearsal_span {
    uint64_t wall_s; /* the end, seconds since 1970 */
    uint64_t for_s;  /* so long before it; rounded up to whole slices */
};

/* {"synward", "rehearsal": [...], "passed_over"} of the servers that `selector` (NULL: all) names.
 * Fields: doc/control-protocol.md. */
struct json_object *rehearsal_to_json(const struct rehearsal *rehearsal,
                                      const struct server_selector *selector,
                                      const struct rehearsal_span *span);

#endif
