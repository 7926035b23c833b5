/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_text.c - see link_text.h. */
#include "bridge/text/link_text.h"

#include <stdio.h>

const char *mac_text(const struct source_link *link, char text[MAC_TEXT_BYTES])
{
    const uint8_t *mac = source_link_mac(link);

    snprintf(text, MAC_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return text;
}

const char *link_text(const struct source_link *link, char text[LINK_TEXT_BYTES])
{
    const unsigned outer = link->vlan.id[0] & VLAN_ID_MASK, inner = link->vlan.id[1] & VLAN_ID_MASK;
    char mac[MAC_TEXT_BYTES];

    mac_text(link, mac);
    if (link->vlan.id[1] & VLAN_PRESENT)
        snprintf(text, LINK_TEXT_BYTES, "%s in VLAN %u.%u", mac, outer, inner);
    else if (link->vlan.id[0] & VLAN_PRESENT)
        snprintf(text, LINK_TEXT_BYTES, "%s in VLAN %u", mac, outer);
    else
        snprintf(text, LINK_TEXT_BYTES, "%s", mac);
    return text;
}
