/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_side.c - what is a side and what is not. */
#include "bridge/sides/side.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(side, namespace)
{
    struct side_spec side;
    cr_assert(side_parse("netns:web-1/eth0", &side, NULL));
    cr_assert_str_eq(side.netns, "web-1");
    cr_assert_str_eq(side.device, "eth0");
    char place[SIDE_PLACE_BYTES];
    cr_assert_str_eq(side_place(&side, place), " in namespace web-1");
}

Test(side, tap)
{
    struct side_spec side;
    cr_assert(side_parse("tap:sw0", &side, NULL));
    cr_assert_str_eq(side.netns, "");
    cr_assert_str_eq(side.device, "sw0");
    char place[SIDE_PLACE_BYTES];
    cr_assert_str_eq(side_place(&side, place), "");
}

Test(side, longest_names)
{
    struct side_spec side;
    char text[512];
    snprintf(text, sizeof(text), "netns:%0255d/%s", 1, "abcdefghijklmno");
    cr_assert(side_parse(text, &side, NULL));
    cr_assert_eq(strlen(side.netns), 255);
    snprintf(text, sizeof(text), "netns:%0256d/%s", 1, "abcdefghijklmno");
    cr_assert_not(side_parse(text, &side, NULL));
    cr_assert_not(side_parse("tap:abcdefghijklmnop", &side, NULL),
                  "16 characters are one too many");
    snprintf(text, sizeof(text), "port:%s@%0255d", "abcdefghijklmno", 1);
    cr_assert(side_parse(text, &side, NULL));
    cr_assert_eq(strlen(side.netns), 255);
    cr_assert_str_eq(side.device, "abcdefghijklmno");
    snprintf(text, sizeof(text), "port:%s@%0256d", "abcdefghijklmno", 1);
    cr_assert_not(side_parse(text, &side, NULL));
}

Test(side, port)
{
    struct side_spec side;
    cr_assert(side_parse("port:vm1", &side, NULL));
    cr_assert(side.port);
    cr_assert_str_eq(side.netns, "");
    cr_assert_str_eq(side.device, "vm1");
    cr_assert(side_parse("port:eth0@web-1", &side, NULL));
    cr_assert(side.port);
    cr_assert_str_eq(side.netns, "web-1");
    cr_assert_str_eq(side.device, "eth0");
    cr_assert(side_parse("port:a@b@c", &side, NULL), "a namespace may have @ in its name");
    cr_assert_str_eq(side.netns, "b@c");
    cr_assert(side_parse("tap:vm1", &side, NULL));
    cr_assert_not(side.port);
}

Test(side, host)
{
    struct side_spec side;

    cr_assert(side_parse("inline:vnet3", &side, NULL));
    cr_assert(side.host && !side.port && !side.in_use);
    cr_assert_str_eq(side.device, "vnet3");
    cr_assert(side_parse("inline:vnet3@web-1", &side, NULL));
    cr_assert_str_eq(side.netns, "web-1");
}

Test(side, nonsense)
{
    static const char *const wrong[] = {"",
                                        "eth0",
                                        "tap:",
                                        "tap:a/b",
                                        "tap:a b",
                                        "tap:a:b",
                                        "tap:..",
                                        "tap:.",
                                        "tap:a%d",
                                        "netns:",
                                        "netns:a",
                                        "netns:/eth0",
                                        "netns:a/",
                                        "netns:../x",
                                        "netns:./x",
                                        "netns:a/b/c",
                                        "TAP:eth0",
                                        "netns:a/.",
                                        "tap:a\nb",
                                        "netns:a/toolongforaname1",
                                        "port:",
                                        "port:@",
                                        "port:@a",
                                        "port:eth0@",
                                        "port:eth0@..",
                                        "port:eth0@a/b",
                                        "port:a/b",
                                        "port:a b",
                                        "port:veth0@if7",
                                        "inline:veth0@if12",
                                        "port:abcdefghijklmnop",
                                        "port:abcdefghijklmnop@x",
                                        "Port:eth0",
                                        "inline:",
                                        "inline:port:eth0",
                                        "inline:eth0@a/b"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct side_spec side;
        struct error error = {0};
        cr_assert_not(side_parse(wrong[i], &side, &error), "'%s' was taken", wrong[i]);
        cr_assert_eq(error.code, EXIT_USAGE);
        cr_assert(strlen(error.text) > 0);
    }
}

/* What `ip link` shows is copied as it stands. */
Test(side, number_of_the_other_end)
{
    struct error error = {0};
    struct side_spec side;

    cr_assert_not(side_parse("port:veth0@if7", &side, &error));
    cr_assert(strstr(error.text, "and no namespace; write port:veth0"), "%s", error.text);
    cr_assert(side_parse("port:veth0@if", &side, &error), "that is a name as others are");
    cr_assert(side_parse("port:veth0@if7x", &side, &error));
    cr_assert(side_parse("netns:if7/eth0", &side, &error), "who calls it so writes it so");
}

Test(side, same)
{
    struct side_spec a, b;
    side_parse("netns:x/eth0", &a, NULL);
    side_parse("netns:x/eth0", &b, NULL);
    cr_assert(side_same(&a, &b));
    side_parse("netns:y/eth0", &b, NULL);
    cr_assert_not(side_same(&a, &b));
    side_parse("netns:x/eth1", &b, NULL);
    cr_assert_not(side_same(&a, &b));
    side_parse("tap:eth0", &b, NULL);
    cr_assert_not(side_same(&a, &b));
    side_parse("port:eth0", &a, NULL);
    cr_assert(side_same(&a, &b), "one interface cannot be ours and somebody else's");
    side_parse("port:eth0@x", &a, NULL);
    cr_assert_not(side_same(&a, &b));
}

static bool pairs(const char *client, const char *server, bool in_use[2])
{
    struct side_spec a, b;
    struct error error = {0};
    bool good;

    cr_assert(side_parse(client, &a, NULL) && side_parse(server, &b, NULL));
    good = side_pair(&a, &b, &error);
    cr_assert_eq(good, error.code == EXIT_DONE);
    in_use[0] = a.in_use;
    in_use[1] = b.in_use;
    return good;
}

Test(side, pair)
{
    bool in_use[2];

    cr_assert(pairs("port:eth0", "tap:sw0", in_use));
    cr_assert(!in_use[0] && !in_use[1]);
    cr_assert_not(pairs("port:eth0", "tap:eth0", in_use), "one interface is no wire");
    cr_assert(pairs("inline:eth0", "port:eth0", in_use));
    cr_assert(!in_use[0] && in_use[1]);
    cr_assert(pairs("port:eth0@n", "inline:eth0@n", in_use));
    cr_assert(in_use[0] && !in_use[1]);
    cr_assert_not(pairs("inline:eth0", "port:eth1", in_use), "two interfaces");
    cr_assert_not(pairs("inline:eth0", "port:eth0@n", in_use), "two namespaces");
    cr_assert_not(pairs("inline:eth0", "tap:eth0", in_use), "that one is ours");
    cr_assert_not(pairs("inline:eth0", "inline:eth0", in_use), "no wire");
}
