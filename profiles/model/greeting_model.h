/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greeting_model.h - what a server says first: always the same, the same around something that
 * changes, or something else each time.
 *
 *      +OK POP server ready H migmx106 1Mfc4e-1mYUtJ2Zqw-00JEQ7\r\n
 *      |---------- prefix -----------|-- what changed --|-suffix-|        common to all connections
 *      so far
 *
 * Kept are the latest greeting and the lengths of the prefix and suffix that all had in common. A
 * server that was set up anew says a new thing from then on: after GREETING_RELEARNED equal ones in
 * a row, what came before no longer counts.
 */
#ifndef SYNWARD_PROFILES_MODEL_GREETING_MODEL_H
#define SYNWARD_PROFILES_MODEL_GREETING_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/server/policy.h"
#include "engine/protocols/protocol.h"

#define GREETING_RELEARNED 8
#define GREETING_COMPARED  2 /* equal ones, before the next is compared with them */
#define GREETING_NAME_MIN  4 /* a template's prefix must be long enough to say what speaks */

enum greeting_kind { GREETING_UNKNOWN, GREETING_STABLE, GREETING_TEMPLATE, GREETING_VARIABLE };

struct greeting_model {
    uint32_t count; /* greetings seen; 0: nothing known */
    uint32_t run;   /* how many of the latest were equal */
    uint16_t prefix, suffix;
    uint16_t shortest, longest;
    uint16_t bytes; /* of `latest` */
    bool too_long;  /* longer than a greeting of ours may be: never stable */
    uint8_t latest[GREETING_BYTES_MAX];
};

void greeting_model_add(struct greeting_model *model, const uint8_t *greeting, size_t bytes);
/* The server says this from now on, as sure as if it had been learned. */
void greeting_model_replace(struct greeting_model *model, const uint8_t *greeting, size_t bytes);
enum greeting_kind greeting_model_kind(const struct greeting_model *model);
/* True where the model would have sent exactly these bytes. Only meaningful for GREETING_STABLE. */
bool greeting_model_equals(const struct greeting_model *model, const uint8_t *greeting,
                           size_t bytes);

/*
 * Does data begin as the server's greetings do? Stable: with all of it. Otherwise: with what all
 * had in common in front, and where that is too short to say anything, any data may be one. MORE:
 * the beginning of that.
 */
enum match greeting_model_begins(const struct greeting_model *model, const uint8_t *data,
                                 size_t bytes);

/* "stable", "template", "variable"; NULL for GREETING_UNKNOWN. */
const char *greeting_kind_name(enum greeting_kind kind);

/*
 * What servers say when they refuse a client, whatever they speak: 4xx and 5xx replies of FTP and
 * SMTP, HTTP errors and bare HTML pages, -ERR, -DENIED, * BYE, * BAD and "tag BAD", a MySQL ERR
 * packet, a TLS alert, "Exceeded MaxStartups", "ERROR", "unknown command", "invalid ...", "Too many
 * connections" of Telnet's. Such words are never a greeting, and are no acceptance of a request
 * that no protocol file knows. MORE: so far it is the beginning of one; a client with a tiny window
 * can have a server say it byte by byte.
 */
enum match looks_like_refusal(const uint8_t *data, size_t bytes);

#endif
