/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook.h - what the program at a server's card (hook.bpf.c) and who loads it agree on. */
#ifndef SYNWARD_BRIDGE_BPF_HOOK_H
#define SYNWARD_BRIDGE_BPF_HOOK_H

#define HOOK_PROGRAM "hook_grant"
#define HOOK_GRANTS  "hook_grants" /* map: GRANTS of struct grant */

#endif
