/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redact.h - takes addresses and names out of what is shown to strangers, so that what is the same
 * stays the same: each address becomes ipv4-N, ipv6-N or mac-N, each name name-N, wherever it
 * stands in all texts of one redaction.
 *
 * In documents what is not known to be harmless goes: a string is kept only under the keys that
 * redact.c lists (modes, kinds, dates), else it becomes a name, greetings and patterns too. In
 * texts (a log) addresses are found by their form, names only where redact_name() was told them,
 * and as whole words. Loopback, unspecified and broadcast addresses stay.
 */
#ifndef SYNWARD_CLI_REDACT_H
#define SYNWARD_CLI_REDACT_H

#include <json-c/json.h>

struct redaction;

struct redaction *redaction_new(void);
void redaction_free(struct redaction *redaction);

/* `name` is to be replaced in texts from here on; shorter ones than two letters are not. */
void redact_name(struct redaction *redaction, const char *name);
/* Every string in `document` is remembered as a name, where it is one. */
void redact_learn(struct redaction *redaction, struct json_object *document);

/* The text without what it told; the caller frees it. */
char *redact_text(struct redaction *redaction, const char *text);
/* The same for all strings of a document, in place. */
void redact_document(struct redaction *redaction, struct json_object *document);

#endif
