/* SPDX-License-Identifier: GPL-2.0-or-later */
/* question.h - a request as the socket has it, and what it asks of the socket itself. */
#ifndef SYNWARD_BRIDGE_CONTROL_QUESTION_H
#define SYNWARD_BRIDGE_CONTROL_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/events/events.h"
#include "bridge/server_changes.h"

struct control_question {
    const char *text; /* JSON */
    size_t bytes;
    bool view;                 /* whoever asks may only look */
    bool sync;                 /* over the socket of `synward sync` */
    uint64_t sequence;         /* of a sample */
    struct server_lines lines; /* that this sample comes after */
};

/* Whether the connection stays. All zero: it ends with the answer. */
struct control_stay {
    bool watches; /* is told the events, as the reader wants them */
    struct event_reader reader;
    uint32_t sample_ms; /* is answered anew so often */
};

#endif
