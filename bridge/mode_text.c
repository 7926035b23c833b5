/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mode_text.c - words for modes and switches, each spelled in one place. */
#include "bridge/mode_text.h"

#include <string.h>

static const char *const setting_names[] = {
    [SETTING_INHERIT] = NULL,
    [SETTING_AUTO] = "auto",
    [SETTING_NORMAL] = "normal",
    [SETTING_ATTACK] = "attack",
};

bool mode_setting_parse(const char *text, enum mode_setting *out, struct error *error)
{
    for (enum mode_setting setting = SETTING_AUTO; setting <= SETTING_ATTACK; setting++) {
        if (strcmp(text, setting_names[setting]) == 0) {
            *out = setting;
            return true;
        }
    }
    return error_set(error, EXIT_USAGE, "not a mode: %.100s: write auto, normal or attack", text);
}

const char *mode_setting_name(enum mode_setting setting)
{
    return setting_names[setting];
}

const char *mode_name(enum mode mode)
{
    return mode == MODE_ATTACK ? "attack" : "normal";
}

bool switch_parse(const char *what, const char *text, bool *out, struct error *error)
{
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        return error_set(error, EXIT_USAGE, "%s: %.100s is neither: write on or off", what, text);
    *out = strcmp(text, "on") == 0;
    return true;
}
