/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sides_check.c - what a start would refuse of interfaces and namespaces, told without one. */
#include <criterion/criterion.h>
#include <string.h>

#include "bridge/sides/sides_check.h"

static struct side_spec spec_of(const char *text)
{
    struct side_spec spec;
    struct error error = {0};

    cr_assert(side_parse(text, &spec, &error), "%s", error.text);
    return spec;
}

static void refuses(const char *text, const char *why)
{
    const struct side_spec spec = spec_of(text);
    struct sides_looking looking = {0};
    struct error error = {0};

    cr_assert_not(sides_check(&spec, SIDE_SERVER, &looking, &error), "%s", text);
    cr_assert(strstr(error.text, why), "%s: %s", text, error.text);
    cr_assert_eq(error.code, EXIT_FAILED);
}

Test(sides_check, what_is_not_there_is_named)
{
    refuses("port:synward-gone0", "no interface synward-gone0: `ip link` shows");
    refuses("inline:synward-gone0", "no interface synward-gone0");
    refuses("port:lo", "lo is not an Ethernet interface");
    refuses("port:eth0@synward-gone", "no namespace synward-gone: `ip netns list`");
    refuses("netns:synward-gone/eth0", "no namespace synward-gone");
}

Test(sides_check, what_the_start_makes_is_not_looked_for)
{
    const struct side_spec spec = spec_of("tap:synward-gone0");
    struct sides_looking looking = {0};
    struct error error = {0};

    cr_assert(sides_check(&spec, SIDE_CLIENT, &looking, &error), "%s", error.text);
    cr_assert_eq(looking.unseen.code, EXIT_DONE);
}

static const char *path_between(const char *client, const char *server, enum card_setting card)
{
    static struct error error;
    const struct side_spec sides[2] = {
        [SIDE_CLIENT] = spec_of(client), [SIDE_SERVER] = spec_of(server)};

    error = (struct error){0};
    return sides_check_path(sides, card, &error) ? "" : error.text;
}

Test(sides_check, a_path_leads_between_ports_of_one_namespace)
{
    const char *no_ports = "no kernel path: " SIDES_NO_PORTS;
    const char *apart = "no kernel path: " SIDES_NOT_TOGETHER;

    cr_expect_str_eq(path_between("port:a", "port:b", CARD_AUTO), "");
    cr_expect_str_eq(path_between("port:a@x", "port:b@x", CARD_TAP), "");
    cr_expect_str_eq(path_between("netns:x/a", "netns:y/b", CARD_AUTO), "");
    cr_expect_str_eq(path_between("netns:x/a", "port:b", CARD_VETH), "");
    cr_expect_str_eq(path_between("netns:x/a", "port:b", CARD_TAP), no_ports);
    cr_expect_str_eq(path_between("tap:a", "port:b", CARD_AUTO), no_ports);
    cr_expect_str_eq(path_between("inline:b", "port:b", CARD_AUTO), no_ports);
    cr_expect_str_eq(path_between("port:a@x", "port:b", CARD_AUTO), apart);
    cr_expect_str_eq(path_between("netns:x/a", "port:b@x", CARD_AUTO), apart);
}
