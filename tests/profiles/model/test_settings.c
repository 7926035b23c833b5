/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include <string.h>

#include "profiles/model/settings.h"

Test(settings, keys_are_set_and_reset)
{
    struct profile profile = {0};
    struct error error = {0};
    cr_assert(profile_set(&profile, "check", "none", &error));
    cr_assert_eq(profile_check(&profile), CHECK_NONE);
    cr_assert(profile_set(&profile, "check", "default", &error));
    cr_assert_eq(profile_check(&profile), CHECK_PROTOCOL);
    cr_assert(profile_set(&profile, "request", "begun", &error));
    cr_assert_eq(profile.settings.request, REQUEST_BEGUN);
    cr_assert(profile_set(&profile, "request", "whole", &error));
    cr_assert_eq(profile.settings.request, REQUEST_WHOLE);
    cr_assert(profile_set(&profile, "request", "default", &error));
    cr_assert_eq(profile.settings.request, REQUEST_DEFAULT);
    cr_assert(profile_set(&profile, "greeting", "template", &error));
    cr_assert_eq(profile.settings.greeting, GREETING_BY_TEMPLATE);
    cr_assert(profile_set(&profile, "greeting", "exact", &error));
    cr_assert_eq(profile.settings.greeting, GREETING_EXACT);
    cr_assert(profile_set(&profile, "greeting", "default", &error));
    cr_assert_eq(profile.settings.greeting, GREETING_AS_PROTOCOL);
    cr_assert(profile_set(&profile, "trigger.half_open", "1", &error));
    cr_assert(profile_set(&profile, "open_per_second", "1000000", &error));
    cr_assert(profile_set(&profile, "open_per_source", "50", &error));
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_HALF_OPEN], 1);
    cr_assert_eq(profile.settings.open_per_second, 1000000);
    cr_assert_eq(profile.settings.open_per_source, 50);
    cr_assert(profile_set(&profile, "open_per_source", "default", &error));
    cr_assert_eq(profile.settings.open_per_source, 0);
    cr_assert(profile_set(&profile, "trigger.silent", "off", &error));
    cr_assert(profile_set(&profile, "trigger.accept_queue", "100", &error));
    cr_assert(profile_set(&profile, "trigger.syn_rate", "2", &error));
    cr_assert(profile_set(&profile, "trigger.mismatch", "3", &error));
    cr_assert(profile_set(&profile, "trigger.refused", "4", &error));
    cr_assert(profile_set(&profile, "trigger.unanswered", "5", &error));
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_SILENT], TRIGGER_OFF);
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_ACCEPT_QUEUE], 100);
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_SYN_RATE], 2);
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_MISMATCH], 3);
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_REFUSED], 4);
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_UNANSWERED], 5);
    cr_assert(profile_set(&profile, "trigger.silent", "default", &error));
    cr_assert_eq(profile.settings.triggers.limit[TRIGGER_SILENT], 0);
    cr_assert_eq(error.code, EXIT_DONE);
}

Test(settings, a_check_needs_something_learned)
{
    struct profile profile = {0};
    struct error error = {0};
    cr_assert_not(profile_set(&profile, "check", "keyword", &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    cr_assert(strstr(error.text, "no keyword has been learned"), "%s", error.text);
    cr_assert_not(profile_set(&profile, "check", "pattern", &error));
    cr_assert_eq(error.code, EXIT_FAILED);
    cr_assert(strstr(error.text, "no pattern has been learned"), "%s", error.text);
    cr_assert_eq(profile.settings.check, CHECK_DEFAULT);

    keyword_set_add(&profile.keywords, KEYWORD_HOST, (const uint8_t *)"a.example", 9);
    cr_assert(profile_set(&profile, "check", "keyword", &error));
    cr_assert_eq(profile_check(&profile), CHECK_KEYWORD);
    const struct pattern pattern = {.least_bytes = 2, .pairs = 1, .pair = {{0, 'Q'}}};
    pattern_model_restore(&profile.pattern, &pattern);
    cr_assert(profile_set(&profile, "check", "pattern", &error));
    cr_assert_eq(profile_check(&profile), CHECK_PATTERN);
}

Test(settings, wrong_ones_change_nothing_and_say_what_would_do)
{
    static const char *const bad[][3] = {
        {"check", "maybe", "none"},
        {"check", "", "none"},
        {"check", "Keyword", "keyword, protocol"},
        {"greeting", "yes", "exact, template"},
        {"request", "half", "whole, begun"},
        {"signed", "yes", "md5, ao, both"},
        {"open_per_second", "0", "from 1"},
        {"open_per_second", "-1", "from 1"},
        {"open_per_second", "1x", "from 1"},
        {"open_per_second", "", "from 1"},
        {"open_per_second", "99999999999999999999", "from 1"},
        {"open_per_second", "off", "or default"},
        {"trigger.accept_queue", "101", "1 to 100"},
        {"trigger.syn_rate", "1", "from 2"},
        {"trigger.silent", "none", "off or default"},
        {"colour", "red", "trigger.half_open"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct profile profile = {0};
        struct error error = {0};
        cr_assert_not(profile_set(&profile, bad[i][0], bad[i][1], &error), "%s=%s", bad[i][0],
                      bad[i][1]);
        cr_assert_eq(error.code, EXIT_USAGE);
        cr_assert(strstr(error.text, bad[i][2]), "%s", error.text);
        cr_assert_eq(profile.settings.check, CHECK_DEFAULT);
        cr_assert_eq(profile.settings.open_per_second, 0);
    }
}

/* The configuration file's word counts before what was set by hand, and is not written to it. */
Test(settings, what_the_file_says_counts)
{
    struct profile profile;
    struct settings_said said = {0};
    const struct server_key key = {.port = 80};
    struct error error = {0};

    profile_init(&profile, &key);
    cr_assert(profile_set(&profile, "open_per_second", "7", &error));
    cr_assert(profile_set(&profile, "trigger.silent", "8", &error));
    cr_assert(setting_set(&said.value, "trigger.silent", "off", &error));
    cr_assert(setting_set(&said.value, "check", "keyword", &error), "it may be learned later");
    said.line[setting_index("trigger.silent")] = said.line[setting_index("check")] = 4;
    profile.said = said;
    cr_expect_eq(profile_settings_in_force(&profile).open_per_second, 7);
    cr_expect_eq(profile_settings_in_force(&profile).triggers.limit[TRIGGER_SILENT], TRIGGER_OFF);
    cr_expect_eq(profile_check_in_force(&profile), CHECK_KEYWORD);
    cr_expect_eq(profile_check(&profile), CHECK_PROTOCOL);
    cr_expect_eq(profile.settings.triggers.limit[TRIGGER_SILENT], 8);

    profile.said = (struct settings_said){0};
    cr_expect_eq(profile_settings_in_force(&profile).triggers.limit[TRIGGER_SILENT], 8);
}

Test(settings, every_key_has_a_place)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        cr_assert_eq(setting_index(setting_key(i)), i);
        cr_expect(strstr(SETTING_KEYS, setting_key(i)), "%s", setting_key(i));
    }
    cr_assert_null(setting_key(SETTINGS_COUNT));
    cr_assert_eq(setting_index("checks"), SETTINGS_COUNT);
}
