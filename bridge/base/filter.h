/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.h - which system calls a thread may make (doc/sandbox.md says what for).
 */
#ifndef SYNWARD_BRIDGE_BASE_FILTER_H
#define SYNWARD_BRIDGE_BASE_FILTER_H

#include "bridge/base/sandbox.h"

/* For the calling thread, which has no_new_privs. `maps`: bpf() on maps that are open. 0, or an
 * errno. */
int filter_load(enum sandbox_role role, bool maps);

#endif
