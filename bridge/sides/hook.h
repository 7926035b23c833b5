/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook.h - whether the servers' own TCP makes connections of our cookies (bpf/hook.bpf.c), and why
 * not: where the servers' namespace is one of this machine, and their card there is known.
 *
 *      netns:NAME/IFNAME                 IFNAME, in NAME
 *      port: and --server-stack NAME     the interface of NAME that is the other end of the port (a
 *                                        veth)
 *
 * Main thread only.
 */
#ifndef SYNWARD_BRIDGE_SIDES_HOOK_H
#define SYNWARD_BRIDGE_SIDES_HOOK_H

#include "bridge/bpf/hooking.h"
#include "bridge/sides/side.h"
#include "bridge/text/mode_text.h"
#include "profiles/error.h"

struct hook;

/*
 * Beside a side that is open; `stack`: the namespace that was named, or NULL. Both outlive it. NULL
 * with an error: it was to be on, and cannot be. Any other reason not to have it is told by
 * hook_hindrance().
 */
struct hook *hook_open(enum hook_setting setting, const struct side_spec *side, const char *stack,
                       struct error *error);
/* Whether one that is to be on could be, as far as it can be known without touching anything; the
 * program is tried as root only. False, with an error. */
bool hook_check(const struct side_spec *side, const char *stack, struct error *error);
/* Something has changed at that side: the program comes back to a card that was made anew, or that
 * somebody has taken it away from. Of the process that has kept the privileges to do that, as the
 * next one. NULL is fine, here and below. */
void hook_look(struct hook *hook);
/* What that has found in the process that did it: why it is not at the card; "": it is. */
void hook_note(struct hook *hook, const char *why);
/* It was at the card once, and is not now. */
bool hook_is_away(const struct hook *hook);
/* The program leaves the card. */
void hook_leave(struct hook *hook);
/* When no worker runs any more. */
void hook_close(struct hook *hook);

/* NULL: it is on; "" where it is off, or nobody asked for it and the servers' namespace is not
 * known, or their side is an inline: one. */
const char *hook_hindrance(const struct hook *hook);
/* NULL: it is off. */
struct grant *hook_grants(struct hook *hook);

#endif
