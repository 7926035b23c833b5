/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_rehearsal.c - what attack mode would have refused. */
#include "bridge/base/clock.h"
#include "bridge/control/answer.h"
#include "bridge/control/request.h"
#include "bridge/daemon.h"
#include "bridge/text/rehearsal_text.h"

#define LONGEST_S ((uint64_t)REHEARSED_SLICES * REHEARSED_SLICE_S)

/* "for_s", or all that is kept. */
static uint64_t span_of(struct json_object *request)
{
    struct json_object *given = NULL;
    int64_t seconds;

    if (!json_object_object_get_ex(request, "for_s", &given))
        return LONGEST_S;
    seconds = json_object_get_int64(given);
    return seconds > 0 && (uint64_t)seconds < LONGEST_S ? (uint64_t)seconds : LONGEST_S;
}

struct json_object *answer_rehearse(struct daemon *daemon, struct json_object *request,
                                    struct error *error)
{
    const struct rehearsal_span span = {.wall_s = clock_wall_us() / 1000000,
                                        .for_s = span_of(request)};
    struct server_selector selector;
    bool given;

    if (!request_server(request, &selector, &given, error))
        return NULL;
    return rehearsal_to_json(daemon_rehearsal(daemon), given ? &selector : NULL, &span);
}
