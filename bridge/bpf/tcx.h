/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcx.h - programs of others that run before every filter of clsact (Linux 6.6). */
#ifndef SYNWARD_BRIDGE_BPF_TCX_H
#define SYNWARD_BRIDGE_BPF_TCX_H

#include <stdbool.h>

/* True where frames that come in at this interface of our namespace meet one. */
bool tcx_is_used(int interface);

#endif
