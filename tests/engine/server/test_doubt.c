/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/server/doubt.c: when a server seems to serve nobody, and to whom. */
#include <criterion/criterion.h>

#include "engine/server/doubt.h"

static struct ip_addr addr(const char *text)
{
    struct ip_addr out;

    cr_assert(addr_from_text(text, &out));
    return out;
}

static void met(struct doubt *doubt, enum doubt_kind kind, const char *client)
{
    const struct ip_addr from = addr(client);

    doubt_add(doubt, kind, &from);
}

static enum doubt_kind for_client(const struct doubt *doubt, const char *client)
{
    const struct ip_addr from = addr(client);

    return doubt_for(doubt, &from);
}

Test(doubt, three_refusals)
{
    struct doubt doubt = {0};

    cr_assert_eq(for_client(&doubt, "10.0.1.9"), DOUBT_NONE);
    met(&doubt, DOUBT_REFUSES, "10.0.1.1");
    met(&doubt, DOUBT_REFUSES, "10.0.1.1");
    cr_assert_eq(doubt_of(&doubt), DOUBT_NONE);
    met(&doubt, DOUBT_REFUSES, "10.0.1.2");
    cr_assert_eq(doubt_of(&doubt), DOUBT_REFUSES);
}

/* Who is refused for his own sake speaks for his own network. */
Test(doubt, counts_for_all_by_two_networks_only)
{
    struct doubt doubt = {0};

    for (int i = 0; i < 100; i++)
        met(&doubt, DOUBT_REFUSES, "2001:db8:1:5::1");
    cr_assert_eq(for_client(&doubt, "2001:db8:1:6::1"), DOUBT_REFUSES, "the same /48");
    cr_assert_eq(for_client(&doubt, "2001:db8:2::1"), DOUBT_NONE);
    cr_assert_eq(for_client(&doubt, "10.0.1.1"), DOUBT_NONE);
    met(&doubt, DOUBT_REFUSES, "10.0.1.1");
    cr_assert_eq(for_client(&doubt, "2001:db8:2::1"), DOUBT_REFUSES);
    cr_assert_eq(for_client(&doubt, "10.0.3.1"), DOUBT_REFUSES);
}

Test(doubt, a_refusal_is_an_answer)
{
    struct doubt doubt = {0};

    met(&doubt, DOUBT_SILENT, "10.0.1.1");
    met(&doubt, DOUBT_SILENT, "10.0.2.1");
    cr_assert_eq(doubt_of(&doubt), DOUBT_SILENT);
    met(&doubt, DOUBT_REFUSES, "10.0.2.1");
    cr_assert_eq(doubt_of(&doubt), DOUBT_NONE);
    met(&doubt, DOUBT_SILENT, "10.0.1.1");
    cr_assert_eq(for_client(&doubt, "10.0.1.1"), DOUBT_NONE);
}
