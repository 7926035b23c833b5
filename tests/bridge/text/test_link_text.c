/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/text/link_text.c. */
#include <criterion/criterion.h>

#include "bridge/text/link_text.h"

static const uint8_t header[14] = {[6] = 0x02, 0x5a, 0x17, 0xe0, 0xcc, 0x03};

Test(link_text, mac_and_vlans)
{
    const struct vlan_ids none = {{0}}, one = {{VLAN_PRESENT | 10, 0}},
                          two = {{VLAN_PRESENT | 4094, VLAN_PRESENT | 4093}};
    struct source_link link = source_link_of(header, none);
    char mac[MAC_TEXT_BYTES], text[LINK_TEXT_BYTES];

    cr_expect_str_eq(mac_text(&link, mac), "02:5a:17:e0:cc:03");
    cr_expect_str_eq(link_text(&link, text), "02:5a:17:e0:cc:03");
    link = source_link_of(header, one);
    cr_expect_str_eq(link_text(&link, text), "02:5a:17:e0:cc:03 in VLAN 10");
    link = source_link_of(header, two);
    cr_expect_str_eq(link_text(&link, text), "02:5a:17:e0:cc:03 in VLAN 4094.4093");
}
