/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mode_text.h - the words of the command line, the config file and JSON for modes and switches. */
#ifndef SYNWARD_BRIDGE_TEXT_MODE_TEXT_H
#define SYNWARD_BRIDGE_TEXT_MODE_TEXT_H

#include <stdbool.h>

#include "bridge/base/limits.h"
#include "engine/engine.h"
#include "profiles/error.h"

/* Reads auto, normal, attack. False with EXIT_USAGE for any other word. */
bool mode_setting_parse(const char *text, enum mode_setting *out, struct error *error);
/* The word for it; NULL for SETTING_INHERIT. */
const char *mode_setting_name(enum mode_setting setting);
const char *mode_name(enum mode mode);

/*
 * "half-open 212", "silent 240", "accept queue 85 %", "SYN rate 12 times the usual", "mismatches
 * 150", "refusals 300", "unanswered SYNs 4"; a figure of 0 is not known and left out. NULL for
 * TRIGGER_NONE. Returns `text`.
 */
#define CAUSE_TEXT_BYTES 64
const char *cause_to_text(enum trigger_cause cause, uint32_t value, char text[CAUSE_TEXT_BYTES]);

/* The words of --unknown: cookie, pass, drop. */
bool unknown_servers_parse(const char *text, enum unknown_servers *out, struct error *error);
const char *unknown_servers_name(enum unknown_servers unknown);

/* How many workers: 1 to WORKERS_MAX. False with EXIT_USAGE for anything else. */
bool workers_parse(const char *text, uint32_t *out, struct error *error);
/* The number of --flows: FLOWS_LEAST to FLOWS_MOST. */
#define FLOWS_LEAST 1024u
#define FLOWS_MOST  16777216u
bool flows_parse(const char *text, uint32_t *out, struct error *error);

/* The words of --kernel-path: off, auto (where it is possible), on. Unsaid is auto, and nothing is
 * told of it where a side is no port, which is how it then has to be. */
enum kernel_path_setting { KERNEL_PATH_UNSAID, KERNEL_PATH_OFF, KERNEL_PATH_AUTO, KERNEL_PATH_ON };
bool kernel_path_parse(const char *text, enum kernel_path_setting *out, struct error *error);
const char *kernel_path_name(enum kernel_path_setting setting);

/* Whether the servers' own TCP is to make connections of our cookies (sides/hook.h). Unsaid is
 * auto, and nothing is told of it where the servers' namespace is none that we know. */
enum hook_setting { HOOK_UNSAID, HOOK_OFF, HOOK_AUTO, HOOK_ON };
bool hook_parse(const char *text, enum hook_setting *out, struct error *error);
const char *hook_name(enum hook_setting setting);

/* The words of --carrier: whether what one side has lost is mirrored to the other. */
enum carrier_setting { CARRIER_MIRROR, CARRIER_KEEP };
bool carrier_parse(const char *text, enum carrier_setting *out, struct error *error);
const char *carrier_name(enum carrier_setting setting);

/* The words of --card: what the card of a netns: side is made as; auto: a veth end where that is
 * possible, else a TAP. */
enum card_setting { CARD_AUTO, CARD_VETH, CARD_TAP };
bool card_parse(const char *text, enum card_setting *out, struct error *error);
const char *card_name(enum card_setting setting);

/* The words of --when-dead: what becomes of frames while no worker is alive. */
enum when_dead_setting { WHEN_DEAD_LIMITED, WHEN_DEAD_OPEN, WHEN_DEAD_CLOSED };
bool when_dead_parse(const char *text, enum when_dead_setting *out, struct error *error);
const char *when_dead_name(enum when_dead_setting setting);

/* The words of --sandbox: auto (as far as it can be had), on, off. */
enum sandbox_setting { SANDBOX_AUTO, SANDBOX_ON, SANDBOX_OFF };
bool sandbox_parse(const char *text, enum sandbox_setting *out, struct error *error);
const char *sandbox_name(enum sandbox_setting setting);

/* Reads on, off. False with EXIT_USAGE for any other word; `what` names the switch. */
bool switch_parse(const char *what, const char *text, bool *out, struct error *error);

#endif
