/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Servers as people write them. */
#include <criterion/criterion.h>
#include <string.h>

#include "bridge/text/server_text.h"

static void reads_and_writes(const char *text, const char *again, uint16_t port)
{
    struct server_selector selector;
    struct error error = {0};
    char written[SERVER_TEXT_BYTES];

    cr_assert(server_selector_parse(text, &selector, &error), "%s: %s", text, error.text);
    cr_assert_eq(selector.port, port, "%s", text);
    cr_assert_str_eq(server_to_text(&selector.addr, selector.port, written), again);
}

Test(server_text, forms)
{
    reads_and_writes("10.77.0.2:110", "10.77.0.2:110", 110);
    reads_and_writes("10.77.0.2", "10.77.0.2", 0);
    reads_and_writes("[fd77::2]:110", "[fd77::2]:110", 110);
    reads_and_writes("[fd77::2]", "[fd77::2]", 0);
    reads_and_writes("fd77::2", "[fd77::2]", 0);
    reads_and_writes("FD77:0:0:0:0:0:0:2", "[fd77::2]", 0);
    reads_and_writes("fd77::2:110", "[fd77::2:110]", 0); /* an address of its own */
    reads_and_writes("1.2.3.4:65535", "1.2.3.4:65535", 65535);
    reads_and_writes("1.2.3.4:1", "1.2.3.4:1", 1);
}

Test(server_text, longest)
{
    const char *longest = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";

    reads_and_writes(longest, longest, 65535);
}

Test(server_text, refuses)
{
    static const char *const bad[] = {
        "",
        ":",
        ":110",
        "10.77.0.2:",
        "10.77.0.2:0",
        "10.77.0.2:65536",
        "10.77.0.2:99999",
        "10.77.0:1",
        "host:80",
        "[10.77.0.2]:1",
        "[fd77::2",
        "[fd77::2]110",
        "[fd77::2]:",
        "[]:1",
        "[fd77::2]x",
        "fd77::2%1",
        "10.77.0.2:1x",
        "10.77.0.2:-1",
        "10.77.0.2: 110",
        "10.77.0.2:+1",
        "10.77.0.2:000080",
        "1.2.3.4:000001",
        "[[fd77::2]]:1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct server_selector selector = {.port = 7};
        struct error error = {0};

        cr_assert_not(server_selector_parse(bad[i], &selector, &error), "\"%s\" was taken", bad[i]);
        cr_assert_eq(error.code, EXIT_USAGE);
        cr_assert_eq(selector.port, 7, "untouched");
        cr_assert(strlen(error.text) > 0 && !strchr(error.text, '\n'));
    }
}

Test(server_text, an_address_that_may_end_in_a_port)
{
    static const struct {
        const char *text, *wants;
    } forms[] = {
        {"fd77::2:80", "[fd77::2]:80"},
        {"1:2:3:4:5:6:7:8080", NULL}, /* without its end it is no address */
        {"::1:443", "[::1]:443"},
        {"fd77::80", NULL},
        {"fd77::2:8a", NULL},
        {"fd77::2:0", NULL},
        {"[fd77::2]:80", NULL},
        {"10.77.0.2", NULL},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[SERVER_TEXT_BYTES] = "";
        struct server_selector selector;

        cr_assert(server_selector_parse(forms[i].text, &selector, NULL), "%s", forms[i].text);
        cr_expect_eq(server_selector_wants_brackets(&selector, text), forms[i].wants != NULL, "%s",
                     forms[i].text);
        cr_expect_str_eq(text, forms[i].wants ? forms[i].wants : "", "%s", forms[i].text);
    }
}

Test(server_text, who_is_not_known)
{
    struct server_selector selector;
    struct error error = {0};

    cr_assert(server_selector_parse("10.77.0.2:80", &selector, NULL));
    cr_assert_not(server_selector_unknown(&selector, "server", "status", &error));
    cr_expect_eq(error.code, EXIT_NOT_FOUND);
    cr_expect_str_eq(error.text, "no server 10.77.0.2:80: `synward status` lists those known");
    cr_assert(server_selector_parse("fd77::2:80", &selector, NULL));
    error = (struct error){0};
    server_selector_unknown(&selector, "profile of", "profiles", &error);
    cr_expect_str_eq(error.text, "no profile of [fd77::2:80]; with a port it is written "
                                 "[fd77::2]:80: `synward profiles` lists those known");
}

Test(server_text, matches)
{
    struct server_selector one, all;
    struct server_key key = {.port = 110, .vlan = {{VLAN_PRESENT | 5, 0}}};

    cr_assert(addr_from_text("10.77.0.2", &key.addr));
    cr_assert(server_selector_parse("10.77.0.2:110", &one, NULL));
    cr_assert(server_selector_parse("10.77.0.2", &all, NULL));
    cr_assert(server_selector_matches(&one, &key));
    cr_assert(server_selector_matches(&all, &key));
    key.port = 111;
    cr_assert_not(server_selector_matches(&one, &key));
    cr_assert(server_selector_matches(&all, &key));
    cr_assert(addr_from_text("10.77.0.3", &key.addr));
    cr_assert_not(server_selector_matches(&all, &key));
}

Test(server_text, prefixes)
{
    static const struct {
        const char *text, *addr;
        uint8_t length;
    } good[] = {{"198.51.100.7", "198.51.100.7", 32},
                {"198.51.100.7/24", "198.51.100.0", 24},
                {"198.51.100.7/31", "198.51.100.6", 31},
                {"0.0.0.0/0", "0.0.0.0", 0},
                {"fd77::2", "fd77::2", 128},
                {"fd77::ffff:2/64", "fd77::", 64},
                {"::/0", "::", 0}};
    static const char *const bad[] = {"",
                                      "/24",
                                      "198.51.100.7/33",
                                      "198.51.100.7/",
                                      "198.51.100.7/-1",
                                      "fd77::2/129",
                                      "fd77::2/1x",
                                      "[fd77::2]",
                                      "host/8",
                                      "10.0.0.1:80",
                                      "10.0.0.1/0000"};
    struct ip_addr prefix, expected;
    uint8_t length;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert(prefix_parse(good[i].text, &prefix, &length, NULL), "%s", good[i].text);
        cr_assert(addr_from_text(good[i].addr, &expected));
        cr_assert_eq(memcmp(&prefix, &expected, sizeof(prefix)), 0, "%s", good[i].text);
        cr_assert_eq(length, good[i].length);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error = {0};
        cr_assert_not(prefix_parse(bad[i], &prefix, &length, &error), "%s", bad[i]);
        cr_assert_eq(error.code, EXIT_USAGE);
        cr_assert(strstr(error.text, "not a source"));
    }
}
