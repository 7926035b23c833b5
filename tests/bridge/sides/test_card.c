/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_card.c - what the hidden end of a card is called; that there is one is tests/net/'s. */
#include "bridge/sides/card.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct side_spec hidden_of(const char *text)
{
    struct side_spec side, hidden;

    cr_assert(side_parse(text, &side, NULL), "%s", text);
    card_hidden(&side, &hidden);
    return hidden;
}

Test(card, hidden_end_is_a_port_of_our_namespace)
{
    const struct side_spec hidden = hidden_of("netns:inside/eth0");

    cr_expect(hidden.port && hidden.card);
    cr_expect_str_eq(hidden.netns, "");
    cr_expect_str_eq(hidden.text, "netns:inside/eth0", "messages are about the side");
}

Test(card, next_start_finds_it_by_the_same_name)
{
    cr_expect_str_eq(hidden_of("netns:inside/eth0").device, hidden_of("netns:inside/eth0").device);
}

Test(card, names_are_short_and_no_two_are_the_same)
{
    char text[64], names[512][IFNAMSIZ];

    for (int i = 0; i < 512; i++) {
        snprintf(text, sizeof(text), "netns:web-%d/eth%d", i / 2, i % 2);
        memcpy(names[i], hidden_of(text).device, IFNAMSIZ);
        cr_assert_eq(strlen(names[i]), IFNAMSIZ - 1, "%s", names[i]);
        cr_assert_eq(strncmp(names[i], "synwardc", 8), 0, "%s", names[i]);
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(names[i], names[j], "%d and %d", i, j);
    }
}
