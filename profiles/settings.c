/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.c - see settings.h. */
#include "profiles/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"trigger.half_open", offsetof(struct profile_settings, trigger_half_open)},
    {"open_per_second", offsetof(struct profile_settings, open_per_second)},
    {"open_per_source", offsetof(struct profile_settings, open_per_source)},
};

#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

const char *setting_number_name(size_t index)
{
    return index < NUMBERS ? numbers[index].name : NULL;
}

uint32_t *setting_number(struct profile_settings *settings, size_t index)
{
    return (uint32_t *)(void *)((char *)settings + numbers[index].offset);
}

static bool set_check(struct profile_settings *settings, const char *value, struct error *error)
{
    if (strcmp(value, "keyword") == 0)
        return error_set(
            error, EXIT_USAGE,
            "check=keyword is not available in this version; use protocol, pattern, none or default");
    const enum request_check check = request_check_from_name(value);
    if (check == CHECK_DEFAULT && strcmp(value, "default") != 0)
        return error_set(error, EXIT_USAGE, "check='%s' is not valid; use protocol, pattern, none or default",
                         value);
    settings->check = check;
    return true;
}

static bool set_number(uint32_t *setting, const char *key, const char *value, struct error *error)
{
    if (strcmp(value, "default") == 0) {
        *setting = 0;
        return true;
    }
    char *end;
    errno = 0;
    const unsigned long number = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || errno || number < 1 || number > SETTING_NUMBER_MAX)
        return error_set(error, EXIT_USAGE, "%s='%s' is not valid; use a number from 1 to %u, or default",
                         key, value, SETTING_NUMBER_MAX);
    *setting = (uint32_t)number;
    return true;
}

bool profile_set(struct profile *profile, const char *key, const char *value, struct error *error)
{
    if (strcmp(key, "check") == 0)
        return set_check(&profile->settings, value, error);
    for (size_t i = 0; i < NUMBERS; i++)
        if (strcmp(key, numbers[i].name) == 0)
            return set_number(setting_number(&profile->settings, i), key, value, error);
    return error_set(error, EXIT_USAGE, "no setting '%s'; valid keys are " SETTING_KEYS, key);
}
