/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config file of `synward run`. */
#include <criterion/criterion.h>
#include <string.h>

#include "bridge/text/config.h"

static bool parse(struct config *config, const char *text, struct error *error)
{
    *error = (struct error){0};
    return config_parse(config, text, strlen(text), "c.json", error);
}

Test(config, all_keys)
{
    struct config config;
    struct error error;

    cr_assert(
        parse(&config,
              "{\"client\": \"netns:c/sw0\", \"server\": \"tap:sw1\", \"store\": \"s.json\",\n"
              " \"control\": \"c.sock\", \"mode\": \"attack\", \"learn\": \"off\"}\n",
              &error),
        "%s", error.text);
    cr_assert_str_eq(config.client, "netns:c/sw0");
    cr_assert_str_eq(config.server, "tap:sw1");
    cr_assert_str_eq(config.store, "s.json");
    cr_assert_str_eq(config.control, "c.sock");
    cr_assert_eq(config.mode, SETTING_ATTACK);
    cr_assert(config.has_learning && !config.learning);
    config_free(&config);
}

Test(config, empty_object)
{
    struct config config;
    struct error error;

    cr_assert(parse(&config, "{}", &error));
    cr_assert_null(config.client);
    cr_assert_eq(config.mode, SETTING_INHERIT);
    cr_assert_not(config.has_learning);
}

Test(config, errors_name_file_line_and_reason)
{
    static const struct {
        const char *text, *begins;
    } bad[] = {
        {"{\n \"client\": \"mode\",\n \"mode\": \"calm\"}",
         "config: c.json:3: mode: not a mode: calm"},
        {"{\"client\":\n\n 5}", "config: c.json:3: client: not a string"},
        {"{\"client\": null}", "config: c.json:1: client: not a string"},
        {"{\n\"clients\": \"x\"}", "config: c.json:2: clients: unknown key"},
        {"{\"store\": \"\"}", "config: c.json:1: store: is empty"},
        {"{\"learn\": \"maybe\"}", "config: c.json:1: learn: learn: maybe"},
        {"[]", "config: c.json:1: not one JSON object"},
        {"{}\n{}", "config: c.json:2: "},
        {"{\n\n", "config: c.json:3: ends too early"},
        {"{\"mode\"\n: \"auto\",\n}", "config: c.json:3: "},
        {"", "config: c.json:1: ends too early"},
        {"{\"mode\": \"auto\",\n\"mode\": \"attack\"}",
         "config: c.json:2: \"mode\" stands twice in one object"},
        {"{\"mode\": \"auto\",\n\"trigger.silent\": \"x\"}", "config: c.json:2: trigger.silent: "},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config config;
        struct error error;

        cr_assert_not(parse(&config, bad[i].text, &error), "%s", bad[i].text);
        cr_assert_eq(error.code, EXIT_FAILED);
        cr_expect_eq(strncmp(error.text, bad[i].begins, strlen(bad[i].begins)), 0, "%s: %s",
                     bad[i].text, error.text);
        cr_assert_null(config.client);
    }
}

Test(config, missing_file)
{
    struct config config;
    struct error error = {0};

    cr_assert_not(config_load(&config, "/nonexistent/c.json", &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    cr_assert(strstr(error.text, "/nonexistent/c.json"));
}

Test(config, unknown_servers_and_triggers)
{
    struct config config;
    struct error error;

    cr_assert(
        parse(
            &config,
            "{\"unknown\": \"drop\", \"trigger.half_open\": \"400\", \"trigger.silent\": \"off\"}",
            &error),
        "%s", error.text);
    cr_assert_eq(config.unknown, UNKNOWN_DROP);
    cr_assert_eq(config.workers, 0);
    cr_assert_eq(config.triggers.limit[TRIGGER_HALF_OPEN], 400);
    cr_assert_eq(config.triggers.limit[TRIGGER_SILENT], TRIGGER_OFF);
    cr_assert_eq(config.triggers.limit[TRIGGER_REFUSED], 0);
    config_free(&config);
    cr_assert_not(parse(&config, "{\"trigger.half_open\": \"many\"}", &error));
    cr_assert(strstr(error.text, "c.json:1: trigger.half_open"), "%s", error.text);
    cr_assert_not(parse(&config, "{\"trigger.size\": \"1\"}", &error));
    cr_assert_not(parse(&config, "{\"unknown\": \"maybe\"}", &error));
    cr_assert(parse(&config, "{\"workers\": \"4\"}", &error), "%s", error.text);
    cr_assert_eq(config.workers, 4);
    config_free(&config);
    cr_assert_not(parse(&config, "{\"workers\": \"0\"}", &error));
    cr_assert_not(parse(&config, "{\"flows\": \"few\"}", &error));
    cr_assert(strstr(error.text, "c.json:1: flows: not a number of flows: few"), "%s", error.text);
    cr_assert(parse(&config, "{\"flows\": \"4000000\"}", &error), "%s", error.text);
    cr_assert_eq(config.flows, 4000000u);
    cr_assert_not(config.has_busy_poll);
    cr_assert(parse(&config, "{\"busy-poll\": \"off\"}", &error), "%s", error.text);
    cr_assert(config.has_busy_poll && config.busy_poll == 0);
    config_free(&config);
    cr_assert(parse(&config, "{\"busy-poll\": \"40\"}", &error), "%s", error.text);
    cr_assert(config.has_busy_poll && config.busy_poll == 40);
    config_free(&config);
    cr_assert_eq(config.kernel_path, KERNEL_PATH_OFF, "unless it is asked for");
    cr_assert_eq(config.sandbox, SANDBOX_AUTO, "unless something else is asked for");
    cr_assert(parse(&config, "{\"sandbox\": \"off\"}", &error), "%s", error.text);
    cr_assert_eq(config.sandbox, SANDBOX_OFF);
    cr_assert_not(parse(&config, "{\"sandbox\": \"no\"}", &error));
    cr_assert(strstr(error.text, "c.json:1: sandbox: not a sandbox, auto, on or off: no"), "%s",
              error.text);
    cr_assert(parse(&config, "{\"kernel-path\": \"auto\"}", &error), "%s", error.text);
    cr_assert_eq(config.kernel_path, KERNEL_PATH_AUTO);
    cr_assert_not(parse(&config, "{\"kernel-path\": \"yes\"}", &error));
    cr_assert(strstr(error.text, "c.json:1: kernel-path: not a kernel path, auto, on or off: yes"),
              "%s", error.text);
    error = (struct error){0};
    cr_assert_not(parse(&config, "{\"busy-poll\": \"on\"}", &error));
    cr_assert(strstr(error.text, "c.json:1: busy-poll: not a time"), "%s", error.text);
}
