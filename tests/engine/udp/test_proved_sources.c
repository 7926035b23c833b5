/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_proved_sources.c - who has asked over TCP lately. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/udp/proved_sources.h"

static struct proved_source slots[PROVED_SOURCES];
static const struct proved_sources table = {.slots = slots, .seed = {1, 2}};

static uint64_t tag_of(const char *text, uint32_t server)
{
    struct ip_addr addr;

    cr_assert(addr_from_text(text, &addr));
    return proved_source_tag(&table, &addr, server);
}

Test(proved_sources, for_a_while_at_that_server)
{
    const uint64_t tag = tag_of("192.0.2.7", 1);

    cr_assert_null(proved_source_find(&table, tag, 0));
    cr_assert_not_null(proved_source_put(&table, tag, 1, 1000));
    cr_assert_not_null(proved_source_find(&table, tag, 1000 + PROVED_SOURCES_US - 1));
    cr_assert_null(proved_source_find(&table, tag, 1000 + PROVED_SOURCES_US));
    cr_assert_null(proved_source_find(&table, tag_of("192.0.2.7", 2), 2000), "another server");
    cr_assert_null(proved_source_find(&table, tag_of("192.0.2.8", 1), 2000), "another source");
}

Test(proved_sources, is_news_once_in_half_of_its_time)
{
    const uint64_t tag = tag_of("192.0.2.7", 1);

    cr_assert_not_null(proved_source_put(&table, tag, 1, 0));
    cr_assert_null(proved_source_put(&table, tag, 1, PROVED_SOURCES_US / 2 - 1));
    cr_assert_not_null(proved_source_put(&table, tag, 1, PROVED_SOURCES_US / 2));
    cr_assert_not_null(proved_source_find(&table, tag, PROVED_SOURCES_US));
}

Test(proved_sources, is_news_until_others_have_heard_of_it)
{
    const uint64_t tag = tag_of("192.0.2.7", 1);

    proved_source_put(&table, tag, 1, 0)->untold = true;
    cr_assert_not_null(proved_source_put(&table, tag, 1, 1000));
    cr_assert_null(proved_source_put(&table, tag, 1, 2000));
}

Test(proved_sources, of_ipv6_a_network_is_one)
{
    cr_assert_eq(tag_of("2001:db8::1", 1), tag_of("2001:db8::2", 1));
    cr_assert_neq(tag_of("2001:db8::1", 1), tag_of("2001:db8:0:1::1", 1));
}

Test(proved_sources, the_oldest_of_a_set_makes_room)
{
    const uint64_t set = PROVED_SOURCES / PROVED_WAYS;

    for (uint64_t i = 1; i <= PROVED_WAYS + 1; i++)
        cr_assert_not_null(proved_source_put(&table, i * set, i, i * 1000));
    cr_assert_null(proved_source_find(&table, set, 9000));
    for (uint64_t i = 2; i <= PROVED_WAYS + 1; i++)
        cr_assert_not_null(proved_source_find(&table, i * set, 9000), "%d", (int)i);
}

/* Whoever has many addresses of one network proves as many as he likes. */
Test(proved_sources, a_network_has_one_place_in_a_set)
{
    const uint64_t set = PROVED_SOURCES / PROVED_WAYS;

    cr_assert_not_null(proved_source_put(&table, set, 1, 1000));
    for (uint64_t i = 2; i <= 20; i++)
        cr_assert_not_null(proved_source_put(&table, i * set, 2, i * 1000));
    cr_assert_not_null(proved_source_find(&table, set, 30000), "somebody else keeps his");
    cr_assert_not_null(proved_source_find(&table, 20 * set, 30000));
    cr_assert_null(proved_source_find(&table, 19 * set, 30000));
}
