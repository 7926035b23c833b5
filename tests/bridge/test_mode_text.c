/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words for modes and switches. */
#include <criterion/criterion.h>

#include "bridge/mode_text.h"

Test(mode_text, settings_read_back)
{
    for (enum mode_setting setting = SETTING_AUTO; setting <= SETTING_ATTACK; setting++) {
        enum mode_setting again = SETTING_INHERIT;

        cr_assert(mode_setting_parse(mode_setting_name(setting), &again, NULL));
        cr_assert_eq(again, setting);
    }
    cr_assert_null(mode_setting_name(SETTING_INHERIT));
}

Test(mode_text, refuses)
{
    enum mode_setting setting = SETTING_ATTACK;
    struct error error = {0};

    cr_assert_not(mode_setting_parse("Auto", &setting, &error));
    cr_assert_eq(error.code, EXIT_USAGE);
    cr_assert_eq(setting, SETTING_ATTACK);
    cr_assert_str_eq(error.text, "not a mode: Auto: write auto, normal or attack");
}

Test(mode_text, switches)
{
    struct error error = {0};
    bool on = false;

    cr_assert(switch_parse("learn", "on", &on, &error) && on);
    cr_assert(switch_parse("learn", "off", &on, &error) && !on);
    cr_assert_not(switch_parse("learn", "yes", &on, &error));
    cr_assert_str_eq(error.text, "learn: yes is neither: write on or off");
}
