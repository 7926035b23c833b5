/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of tables, and errors. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/output.h"
#include "tests/cli/support_stdout.h"

Test(output, durations)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "0 s"},
                 {-5, "0 s"},
                 {59.9, "59 s"},
                 {60, "1 min 0 s"},
                 {3599, "59 min 59 s"},
                 {3600, "1 h 0 min"},
                 {86399, "23 h 59 min"},
                 {100000, "1 d 3 h"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[OUTPUT_DURATION_BYTES];

        cr_assert_str_eq(output_duration(cases[i].seconds, text), cases[i].text);
    }
}

static void server_is(const char *json, const char *expected)
{
    struct json_object *object = json_tokener_parse(json);
    char text[OUTPUT_SERVER_BYTES];

    cr_assert_str_eq(output_server(object, text), expected);
    json_object_put(object);
}

Test(output, servers)
{
    server_is("{\"server\":\"10.77.0.2\",\"port\":110,\"vlan\":[]}", "10.77.0.2:110");
    server_is("{\"server\":\"fd77::2\",\"port\":80,\"vlan\":[100,10]}", "[fd77::2]:80 vlan 100.10");
    server_is("{\"server\":\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\",\"port\":65535,\"vlan\":["
              "4095,4095]}",
              "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 vlan 4095.4095");
    server_is("{}", "-:-");
}

Test(output, fields)
{
    struct json_object *object =
        json_tokener_parse("{\"a\": 1.25, \"b\": null, \"c\": true, \"d\": \"x\", \"e\": false}");

    cr_assert_str_eq(output_field(object, "a"), "1.25");
    cr_assert_str_eq(output_field(object, "b"), "-");
    cr_assert_str_eq(output_field(object, "d"), "x");
    cr_assert_str_eq(output_field(object, "missing"), "-");
    cr_assert_str_eq(output_field(NULL, "a"), "-");
    cr_assert_str_eq(output_yes_no(object, "c"), "yes");
    cr_assert_str_eq(output_yes_no(object, "e"), "no");
    cr_assert_str_eq(output_yes_no(object, "b"), "-");
    cr_assert_str_eq(output_yes_no(object, "d"), "-");
    json_object_put(object);
}

Test(output, errors_are_one_safe_line)
{
    const struct error error = {.code = EXIT_NOT_FOUND, .text = "a\nb\x1b[2J"};

    catch_output();
    cr_assert_eq(output_error(&error), EXIT_NOT_FOUND);
    cr_assert_str_eq(caught_stderr(), "synward: a?b?[2J\n");
    cr_assert_str_eq(caught_stdout(), "");
}

Test(output, json_gives_a_terminal_nothing_to_obey)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "said",
                           json_object_new_string("\xc2\x9b"
                                                  "2J \xe2\x80\xae caf\xc3\xa9"));
    catch_output();
    output_json_line(object, false);
    cr_expect_str_eq(caught_stdout(), "{ \"said\": \"\\u009b2J \\u202e caf\xc3\xa9\" }\n");
    json_object_put(object);
}
