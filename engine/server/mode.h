/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode.h - whether a server is defended: what the operator asked for, what is in force, and why.
 */
#ifndef SYNWARD_ENGINE_SERVER_MODE_H
#define SYNWARD_ENGINE_SERVER_MODE_H

enum mode { MODE_NORMAL, MODE_ATTACK };

/* What becomes in attack mode of clients of a server that has no armed profile. */
enum unknown_servers {
    UNKNOWN_COOKIE, /* opened after a good cookie, under limits (rule 2.5 and 6) */
    UNKNOWN_PASS,   /* let through untouched, as in normal mode */
    UNKNOWN_DROP,   /* new ones are not let through at all */
};

/* What the operator asked for. INHERIT is only for a single server: it follows the setting for all.
 */
enum mode_setting { SETTING_INHERIT, SETTING_AUTO, SETTING_NORMAL, SETTING_ATTACK };

/* Why a server is in attack mode; trigger.h says what each figure counts. */
enum trigger_cause {
    TRIGGER_NONE,
    TRIGGER_HALF_OPEN,
    TRIGGER_SILENT,
    TRIGGER_ACCEPT_QUEUE,
    TRIGGER_SYN_RATE,
    TRIGGER_MISMATCH,
    TRIGGER_REFUSED,
    TRIGGER_UNANSWERED,
    TRIGGER_QUERY_RATE, /* of servers that are asked over UDP, from here on */
    TRIGGER_OUTSTANDING,
    TRIGGER_NO_SUCH_NAME,
    TRIGGER_CAUSES
};

#endif
