/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.c - see settings.h. */
#include "profiles/model/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 1000000u

struct number {
    struct setting_number info;
    size_t offset; /* in the settings */
};

#define TRIGGER(cause)                                                                             \
    (offsetof(struct profile_settings, triggers.limit) + (cause) * sizeof(uint32_t))

static const struct number numbers[] = {
    {{"open_per_second", 1, NUMBER_MAX, false}, offsetof(struct profile_settings, open_per_second)},
    {{"open_per_source", 1, NUMBER_MAX, false}, offsetof(struct profile_settings, open_per_source)},
    {{"trigger.half_open", 1, NUMBER_MAX, true}, TRIGGER(TRIGGER_HALF_OPEN)},
    {{"trigger.silent", 1, NUMBER_MAX, true}, TRIGGER(TRIGGER_SILENT)},
    {{"trigger.accept_queue", 1, 100, true}, TRIGGER(TRIGGER_ACCEPT_QUEUE)},
    {{"trigger.syn_rate", 2, NUMBER_MAX, true}, TRIGGER(TRIGGER_SYN_RATE)},
    {{"trigger.mismatch", 1, NUMBER_MAX, true}, TRIGGER(TRIGGER_MISMATCH)},
    {{"trigger.refused", 1, NUMBER_MAX, true}, TRIGGER(TRIGGER_REFUSED)},
    {{"trigger.unanswered", 1, NUMBER_MAX, true}, TRIGGER(TRIGGER_UNANSWERED)},
};

#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

const struct setting_number *setting_number_info(size_t index)
{
    return index < NUMBERS ? &numbers[index].info : NULL;
}

uint32_t *setting_number(struct profile_settings *settings, size_t index)
{
    return (uint32_t *)(void *)((char *)settings + numbers[index].offset);
}

static bool set_check(struct profile *profile, const char *value, struct error *error)
{
    const enum request_check check = request_check_from_name(value);
    struct pattern pattern;

    if (check == CHECK_DEFAULT && strcmp(value, "default") != 0)
        return error_set(error, EXIT_USAGE,
                         "check='%s' is not valid; use keyword, protocol, pattern, none or default",
                         value);
    if (check == CHECK_KEYWORD && profile->keywords.count == 0)
        return error_set(
            error, EXIT_FAILED,
            "check=keyword: no keyword has been learned of this server yet; let it serve some "
            "clients first, or use protocol");
    if (check == CHECK_PATTERN && !pattern_model_get(&profile->pattern, &pattern))
        return error_set(
            error, EXIT_FAILED,
            "check=pattern: no pattern has been learned of this server; use protocol or none");
    profile->settings.check = check;
    return true;
}

static bool set_greeting(struct profile_settings *settings, const char *value, struct error *error)
{
    const enum greeting_setting greeting = greeting_setting_from_name(value);

    if (greeting == GREETING_AS_PROTOCOL && strcmp(value, "default") != 0)
        return error_set(error, EXIT_USAGE,
                         "greeting='%s' is not valid; use exact, template or default", value);
    settings->greeting = greeting;
    return true;
}

static bool set_request(struct profile_settings *settings, const char *value, struct error *error)
{
    const enum request_setting request = request_setting_from_name(value);

    if (request == REQUEST_DEFAULT && strcmp(value, "default") != 0)
        return error_set(error, EXIT_USAGE,
                         "request='%s' is not valid; use whole, begun or default", value);
    settings->request = request;
    return true;
}

static bool set_signed(struct profile_settings *settings, const char *value, struct error *error)
{
    const enum signed_setting setting = signed_setting_from_name(value);

    if (setting == SIGNED_DEFAULT && strcmp(value, "default") != 0)
        return error_set(error, EXIT_USAGE,
                         "signed='%s' is not valid; use md5, ao, both, none or default", value);
    settings->signed_syns = setting;
    return true;
}

static bool set_number(uint32_t *setting, const struct setting_number *info, const char *value,
                       struct error *error)
{
    char *end;
    unsigned long number;

    if (strcmp(value, "default") == 0 || (info->may_be_off && strcmp(value, "off") == 0)) {
        *setting = strcmp(value, "off") == 0 ? TRIGGER_OFF : 0;
        return true;
    }
    errno = 0;
    number = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || errno || number < info->least ||
        number > info->most)
        return error_set(
            error, EXIT_USAGE, "%s='%s' is not valid; use a number from %u to %u%s or default",
            info->name, value, info->least, info->most, info->may_be_off ? ", off" : ",");
    *setting = (uint32_t)number;
    return true;
}

/* NUMBERS where the key is none of them. */
static size_t find_number(const char *key)
{
    size_t i = 0;

    while (i < NUMBERS && strcmp(key, numbers[i].info.name) != 0)
        i++;
    return i;
}

bool profile_set(struct profile *profile, const char *key, const char *value, struct error *error)
{
    const size_t i = find_number(key);

    if (strcmp(key, "check") == 0)
        return set_check(profile, value, error);
    if (strcmp(key, "greeting") == 0)
        return set_greeting(&profile->settings, value, error);
    if (strcmp(key, "request") == 0)
        return set_request(&profile->settings, value, error);
    if (strcmp(key, "signed") == 0)
        return set_signed(&profile->settings, value, error);
    if (i < NUMBERS)
        return set_number(setting_number(&profile->settings, i), &numbers[i].info, value, error);
    return error_set(error, EXIT_USAGE, "no setting '%s'; valid keys are " SETTING_KEYS, key);
}

bool trigger_key(const char *key)
{
    return strncmp(key, "trigger.", strlen("trigger.")) == 0;
}

bool trigger_set(struct trigger_limits *limits, const char *key, const char *value,
                 struct error *error)
{
    struct profile profile = {.settings.triggers = *limits};

    if (!trigger_key(key) || !profile_set(&profile, key, value, error))
        return error->code == EXIT_DONE ? error_set(error, EXIT_USAGE, "no trigger '%s'", key)
                                        : false;
    *limits = profile.settings.triggers;
    return true;
}
