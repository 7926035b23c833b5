/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greeting_plan.h - what may be said in a server's name, and how its real greeting is then
 * compared.
 *
 * A greeting that was always the same is said as it is, and the real one must equal it to the byte.
 * One that changes is said as it was last learned, where the protocol's file says that clients read
 * it as text (FTP, SMTP, POP3, IMAP). The real one must then be equal in front of what changes and
 * behind it:
 *
 *      220 mail.example.org ESMTP Exim 4.96 Sun, 22 Nov 2026 22:04:01 +0000\r\n
 *      |------------- prefix ------------|                           |suffix|
 *
 * Connections of one minute have more in common than those of a day, so what changes is taken
 * generously: the whole word, and the numbers, times and dates beside it; numbers and times of day
 * anywhere, also where they did not change yet ("You are user number 1 of 50", "Local time is now
 * 22:04").
 *
 * POP3's timestamp for APOP (RFC 1939 7) is the server's promise to know it again, so a server that
 * greets with one is not spoken for, unless the operator allows templates: then it is left out, and
 * clients of that server log in otherwise.
 *
 * Limits: what SSH and Telnet say must be exact; MySQL's has a salt, and is never said for it.
 * Where the changing part begins within brackets (a list of capabilities) only the operator can
 * allow it.
 */
#ifndef SYNWARD_PROFILES_MODEL_GREETING_PLAN_H
#define SYNWARD_PROFILES_MODEL_GREETING_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/server/policy.h"
#include "engine/protocols/protocol.h"
#include "profiles/model/greeting_model.h"

/* The operator's word: what the protocol's file says, nothing but what is always the same, or any
 * template. */
enum greeting_setting { GREETING_AS_PROTOCOL, GREETING_EXACT, GREETING_BY_TEMPLATE };

struct greeting_plan {
    bool by_template; /* false: exact */
    uint16_t prefix, suffix;
    uint16_t bytes;
    uint8_t said[GREETING_BYTES_MAX];
};

/* `protocol`: whose greeting it is, NULL where no file knows it. False: nothing may be said for
 * this server. */
bool greeting_plan(const struct greeting_model *model, const struct protocol *protocol,
                   enum greeting_setting setting, struct greeting_plan *plan);
/* Would the real greeting be taken for the one that was said? */
bool greeting_plan_fits(const struct greeting_plan *plan, const uint8_t *greeting, size_t bytes);

/* "exact", "template"; NULL for GREETING_AS_PROTOCOL. */
const char *greeting_setting_name(enum greeting_setting setting);
/* GREETING_AS_PROTOCOL for a name that is none of them. */
enum greeting_setting greeting_setting_from_name(const char *name);

#endif
