/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_parts.h - what is told of a server, in parts: `sample` leaves out those that are as
 * before. */
#ifndef SYNWARD_BRIDGE_TEXT_SERVER_PARTS_H
#define SYNWARD_BRIDGE_TEXT_SERVER_PARTS_H

#include "engine/server/figures.h"

/* What changes together is one part; so is each figure. */
enum server_part {
    SERVER_PART_NAME, /* who it is; else its number says that */
#define SERVER_PART_OF(name, text) SERVER_PART_##name,
    SERVER_FIGURES(SERVER_PART_OF)
#undef SERVER_PART_OF
        SERVER_PART_REFUSED,
    SERVER_PART_ADMISSION,
    SERVER_PART_MODE,   /* setting, since when, and why; dead, too */
    SERVER_PART_HELD,   /* its mark, and who was ended */
    SERVER_PART_LIMITS, /* of half-open ones; what is usual */
    SERVER_PARTS
};

#define SERVER_PART_BIT(part) (1u << SERVER_PART_##part)
#define SERVER_PARTS_ALL      ((1u << SERVER_PARTS) - 1)
_Static_assert(SERVER_PARTS < 32, "each part has its bit");

#endif
