/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file of `synward run`. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/text/config.h"
#include "profiles/model/settings.h"

static bool parse(struct config *config, const char *text, struct error *error)
{
    *error = (struct error){0};
    return config_parse(config, text, strlen(text), "c.conf", error);
}

static struct config good(const char *text)
{
    struct config config;
    struct error error;

    cr_assert(parse(&config, text, &error), "%s", error.text);
    return config;
}

Test(config, all_keys)
{
    struct config config = good("# which wire\n"
                                "client = netns:c/sw0\n"
                                "  server=tap:sw1  \n"
                                "server-stack = s\r\n"
                                "inline = vnet3@n\r\n"
                                "store = s.json ; relative\n"
                                "; and\n\n"
                                "control = c.sock\n"
                                "mode = attack\n"
                                "learn = off\n"
                                "unknown = drop\n"
                                "workers = 4\n"
                                "flows = 4000000\n"
                                "busy-poll = 40\n"
                                "kernel-path = auto\n"
                                "hook = on\n"
                                "carrier = keep\n"
                                "card = veth\n"
                                "when-dead = open\n"
                                "sandbox = off\n"
                                "cluster-key = k.key\n"
                                "trigger.half_open = 400\n"
                                "trigger.silent = off");

    cr_expect_str_eq(config.client, "netns:c/sw0");
    cr_expect_str_eq(config.server, "tap:sw1");
    cr_expect_str_eq(config.server_stack, "s");
    cr_expect_str_eq(config.inlined, "vnet3@n");
    cr_expect_str_eq(config.store, "s.json");
    cr_expect_str_eq(config.cluster_key, "k.key");
    cr_expect_str_eq(config.control, "c.sock");
    cr_expect_eq(config.mode, SETTING_ATTACK);
    cr_expect(config.line[CONFIG_LEARN] == 11 && !config.learning);
    cr_expect_eq(config.unknown, UNKNOWN_DROP);
    cr_expect_eq(config.workers, 4);
    cr_expect_eq(config.flows, 4000000u);
    cr_expect_eq(config.busy_poll, 40);
    cr_expect_eq(config.kernel_path, KERNEL_PATH_AUTO);
    cr_expect_eq(config.hook, HOOK_ON);
    cr_expect_eq(config.carrier, CARRIER_KEEP);
    cr_expect_eq(config.card, CARD_VETH);
    cr_expect_eq(config.when_dead, WHEN_DEAD_OPEN);
    cr_expect_eq(config.sandbox, SANDBOX_OFF);
    cr_expect_eq(config.triggers.limit[TRIGGER_HALF_OPEN], 400);
    cr_expect_eq(config.triggers.limit[TRIGGER_SILENT], TRIGGER_OFF);
    cr_expect_eq(config.triggers.limit[TRIGGER_REFUSED], 0);
    for (enum config_key key = 0; key < CONFIG_KEYS_COUNT; key++)
        cr_expect(config.line[key] > 0, "%s is not tried here", config_key_name(key));
    config_free(&config);
}

Test(config, nothing_is_said_in_an_empty_file)
{
    struct config config = good("");

    cr_expect_null(config.client);
    cr_expect_eq(config.mode, SETTING_INHERIT);
    cr_expect_eq(config.workers, 0);
    cr_expect_eq(config.kernel_path, KERNEL_PATH_UNSAID, "auto where both are ports");
    cr_expect_eq(config.hook, HOOK_UNSAID, "auto where the servers' namespace is known");
    cr_expect_eq(config.carrier, CARRIER_MIRROR);
    cr_expect_eq(config.card, CARD_AUTO);
    cr_expect_eq(config.when_dead, WHEN_DEAD_LIMITED);
    cr_expect_eq(config.sandbox, SANDBOX_AUTO, "unless something else is asked for");
    for (enum config_key key = 0; key < CONFIG_KEYS_COUNT; key++)
        cr_expect_eq(config.line[key], 0);
    config_free(&config);
}

Test(config, servers_are_written_as_on_the_command_line)
{
    static const struct {
        const char *section, *server;
    } all[] = {
        {"[server 10.0.0.5:80]", "10.0.0.5:80"},
        {"[server 10.0.0.5]", "10.0.0.5"},
        {"  [ server\t10.0.0.5:80 ]  # the shop", "10.0.0.5:80"},
        {"[server [fd77::2]:110]", "[fd77::2]:110"},
        {"[server [fd77::2]]", "[fd77::2]"},
        {"[server fd77::2] ; [all of it]", "[fd77::2]"},
        {"[server [2001:db8:1111:2222:3333:4444:5555:6666]:65535]",
         "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char text[SERVER_TEXT_BYTES], file[160];
        struct config config;

        snprintf(file, sizeof(file), "mode = normal\n%s\n  mode = attack\n  check=none\n",
                 all[i].section);
        config = good(file);
        cr_assert_eq(config.server_count, 1);
        cr_expect_str_eq(
            server_to_text(&config.servers[0].selector.addr, config.servers[0].selector.port, text),
            all[i].server);
        cr_expect_eq(config.servers[0].line, 2);
        cr_expect_eq(config.servers[0].mode, SETTING_ATTACK);
        cr_expect_eq(config.mode, SETTING_NORMAL);
        cr_expect_eq(config.servers[0].said.value.check, CHECK_NONE);
        cr_expect_eq(config.servers[0].said.line[setting_index("check")], 4);
        config_free(&config);
    }
}

/* Every key that `synward profiles set` knows. */
Test(config, a_server_takes_what_profiles_set_takes)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        char file[160];
        struct config config;

        snprintf(file, sizeof(file), "[server 10.0.0.5:80]\n%s = default\n", setting_key(i));
        config = good(file);
        cr_expect_eq(config.servers[0].said.line[i], 2, "%s", setting_key(i));
        config_free(&config);
    }
}

Test(config, one_with_a_port_counts_before_one_without)
{
    struct config config = good("[server 10.0.0.5:80]\nopen_per_second = 80\n"
                                "[server 10.0.0.5]\nopen_per_second = 5\nopen_per_source = 6\n");
    struct settings_for *settings = config_settings(&config);
    struct settings_said said = settings[0].said;

    settings_said_add(&said, &settings[1].said);
    cr_expect_eq(said.value.open_per_second, 80);
    cr_expect_eq(said.line[setting_index("open_per_second")], 2);
    cr_expect_eq(said.value.open_per_source, 6);
    free(settings);
    config_free(&config);
}

/* Every bad file: the line, and all that is said of it. */
Test(config, errors_name_file_line_and_reason)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"client = a\nmode = calm", "2: mode: not a mode: calm: write auto, normal or attack"},
        {"mode = auto # comment",
         "1: mode: not a mode: auto # comment: write auto, normal or attack"},
        {"clients = x", "1: clients: unknown key: `synward help run` lists those that stand here, "
                        "`synward help profiles set` those of a [server ADDRESS:PORT]"},
        {"\n\nstore =", "3: store: is empty"},
        {"learn = maybe", "1: learn: learn: maybe is neither: write on or off"},
        {"unknown = maybe",
         "1: unknown: not a choice for unknown servers: maybe: write cookie, pass or drop"},
        {"workers = 0", "1: workers: not a number of workers: 0: write 1 to 64"},
        {"flows = few", "1: flows: not a number of flows: few: write 1024 to 16777216"},
        {"hook = yes", "1: hook: not a hook, auto, on or off: yes"},
        {"kernel-path = yes", "1: kernel-path: not a kernel path, auto, on or off: yes"},
        {"when-dead = off", "1: when-dead: neither open, limited nor closed: off"},
        {"carrier = off", "1: carrier: neither mirror nor keep: off"},
        {"card = wire", "1: card: neither auto, veth nor tap: wire"},
        {"sandbox = no", "1: sandbox: not a sandbox, auto, on or off: no"},
        {"trigger.half_open = many", "1: trigger.half_open: trigger.half_open='many' is not valid; "
                                     "use a number from 1 to 1000000, off or default"},
        {"trigger.size = 1", "1: trigger.size: no setting 'trigger.size'; valid keys are "},
        {"mode = auto\nmode = attack", "2: mode: stands twice, first in line 1"},
        {"trigger.silent = 1\n\ntrigger.silent = 1",
         "3: trigger.silent: stands twice, first in line 1"},
        {"check = none", "1: check: stands below [server ADDRESS:PORT]"},
        {"mode", "1: neither KEY = VALUE nor [server ADDRESS:PORT]: mode"},
        {"mode auto\nlearn = maybe", "1: neither KEY = VALUE nor [server ADDRESS:PORT]: mode auto"},
        {"= auto", "1: unknown key"},
        {"[server 10.0.0.5:80", "1: a section is one line: [server ADDRESS:PORT]"},
        {"[server 10.0.0.5:80] mode = auto", "1: a section is one line: [server ADDRESS:PORT]"},
        {"[servers]", "1: [servers]: no such section: write [server ADDRESS:PORT]"},
        {"[server]", "1: [server]: no such section: write [server ADDRESS:PORT]"},
        {"[server web]", "1: [server web]: not a server: web: write 10.77.0.2:110, "
                         "[fd77::2]:110, or an address alone for all its ports"},
        {"[server 10.0.0.5:0]",
         "1: [server 10.0.0.5:0]: not a port: 10.0.0.5:0: write a number from 1 to 65535"},
        {"[server 10.0.0.5:80]\nmode=auto\n[server 10.0.0.5:80]",
         "3: [server 10.0.0.5:80]: stands twice, first in line 1"},
        {"[server 10.0.0.5:80]\nclient = tap:a", "2: client: stands above the first [server ...]"},
        {"[server 10.0.0.5:80]\nchecks = none",
         "2: checks: unknown key: a server has mode and those of `synward help profiles set`"},
        {"[server 10.0.0.5:80]\ncheck = all", "2: check: check='all' is not valid; use keyword, "
                                              "protocol, pattern, none or default"},
        {"[server 10.0.0.5:80]\nmode = calm",
         "2: mode: not a mode: calm: write auto, normal or attack"},
        {"[server 10.0.0.5:80]\ncheck=none\ncheck=none", "3: check: stands twice, first in line 2"},
        {"# was c.json\n{\"client\": \"netns:c/sw0\"}",
         "2: JSON is read no longer: write each \"KEY\": \"VALUE\" of it as a line KEY = VALUE, "
         "without braces, quotes and commas"},
        {"mode = au\033[2Jto", "1: the line holds what is not text"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config config;
        struct error error;
        char want[256];

        snprintf(want, sizeof(want), "config: c.conf:%s", bad[i].error);
        cr_assert_not(parse(&config, bad[i].text, &error), "%s", bad[i].text);
        cr_expect_eq(error.code, EXIT_FAILED);
        cr_expect_eq(strncmp(error.text, want, strlen(want)), 0, "%s: %s", bad[i].text, error.text);
        cr_expect_null(config.client);
        cr_expect_null(config.servers);
    }
}

Test(config, lines_that_are_too_long_and_zero_bytes)
{
    char text[400] = "mode = auto\nstore = ";
    struct config config;
    struct error error;

    memset(text + strlen(text), 'x', 300);
    cr_assert_not(parse(&config, text, &error));
    cr_expect_str_eq(error.text, "config: c.conf:2: the line is longer than 198 bytes");
    error = (struct error){0};
    cr_assert_not(config_parse(&config, "mode = auto\0\n", 13, "c.conf", &error));
    cr_expect_str_eq(error.text, "config: c.conf:1: the line holds what is not text");
    error = (struct error){0};
    cr_assert_not(config_parse(&config, "mode = auto\n\0", 13, "c.conf", &error), "at the end");
    cr_expect_str_eq(error.text, "config: c.conf:2: the line holds what is not text");
    error = (struct error){0};
    cr_assert_not(config_parse(&config, "\0mode = auto\n", 13, "c.conf", &error), "at the front");
    cr_expect_str_eq(error.text, "config: c.conf:1: the line holds what is not text");
}

Test(config, what_turns_out_wrong_later_is_told_with_its_line)
{
    struct config config = good("mode = auto\nclient = tap:a\n\n");
    struct error error = {0};

    error_set(&error, EXIT_USAGE, "is no side");
    cr_assert_not(config_blame(&config, CONFIG_CLIENT, &error));
    cr_expect_str_eq(error.text, "config: c.conf:2: client: is no side");
    cr_expect_eq(error.code, EXIT_FAILED);
    error_set(&error, EXIT_USAGE, "is missing");
    config_blame(&config, CONFIG_SERVER, &error);
    cr_expect_str_eq(error.text, "config: c.conf:3: server: is missing");
    config_free(&config);
}

Test(config, missing_file)
{
    struct config config;
    struct error error = {0};

    cr_assert_not(config_load(&config, "/nonexistent/c.conf", &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    cr_assert(strstr(error.text, "/nonexistent/c.conf"));
    cr_assert_not(config_load(&config, "/", &error));
    cr_expect_str_eq(error.text, "config: /: not a file: give another file");
}
