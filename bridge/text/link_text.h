/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_text.h - the link that a source's frames came by, for people. */
#ifndef SYNWARD_BRIDGE_TEXT_LINK_TEXT_H
#define SYNWARD_BRIDGE_TEXT_LINK_TEXT_H

#include "engine/tables/source_link.h"

#define MAC_TEXT_BYTES  18 /* 02:00:5e:10:00:01 */
#define LINK_TEXT_BYTES 40 /* and " in VLAN 100.200" */

const char *mac_text(const struct source_link *link, char text[MAC_TEXT_BYTES]);
const char *link_text(const struct source_link *link, char text[LINK_TEXT_BYTES]);

#endif
