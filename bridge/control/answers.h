/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answers.h - what the daemon answers to each command of the control socket.
 *
 * A command is one line in the table of answers.c. A handler reads its request, acts through
 * daemon.h, and makes the document of doc/control-protocol.md that `--json` prints.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_ANSWERS_H
#define SYNWARD_BRIDGE_CONTROL_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/control/question.h"

struct daemon;
struct events;
struct pieces;

/*
 * Answers one request with the text of a document and a newline, an error document where something
 * is wrong. The caller frees it. No zero ends it. NULL, and 0 bytes: out
 * of memory.
 */
char *control_answer(struct daemon *daemon, struct control_question question, size_t *answer_bytes);
/*
 * Of "watch" and of "sample" the answer is the first line of many, and the connection stays. What
 * "since" and "kinds" of a "watch" say of `events` is in the reader.
 */
struct control_stay control_asks_to_stay(const char *request, size_t bytes,
                                         const struct events *events);
/*
 * Where the answer is a long one: it is made in pieces, and `request` (with room for a byte behind
 * it) is worked in until they are freed. NULL: control_answer() has it at once. `view`: whoever
 * asks may only look, and a long answer changes nothing.
 */
struct pieces *control_begin(struct daemon *daemon, char *request, size_t bytes, bool view);

#endif
