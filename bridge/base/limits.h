/* SPDX-License-Identifier: GPL-2.0-or-later */
/* limits.h - how much there can be of what several floors have arrays of. */
#ifndef SYNWARD_BRIDGE_BASE_LIMITS_H
#define SYNWARD_BRIDGE_BASE_LIMITS_H

#define WORKERS_MAX 64

#endif
