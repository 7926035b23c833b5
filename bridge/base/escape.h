/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * escape.h - tries what a thread in the sandbox may not do: for tests of it, by the hidden option
 * --escape ROLE:WHAT.
 */
#ifndef SYNWARD_BRIDGE_BASE_ESCAPE_H
#define SYNWARD_BRIDGE_BASE_ESCAPE_H

#include "bridge/base/sandbox.h"

/*
 * `escape` NULL, or of another role: nothing. Else it is tried, and if the process lives on `error`
 * says what came of it: returns false.
 */
bool escape_try(const char *escape, enum sandbox_role role, struct error *error);

#endif
