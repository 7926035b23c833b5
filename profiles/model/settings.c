/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.c - see settings.h. */
#include "profiles/model/settings.h"

#include <errno.h>
#include <stdio.h>
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
    {{"trigger.query_rate", 2, NUMBER_MAX, true}, TRIGGER(TRIGGER_QUERY_RATE)},
    {{"trigger.outstanding", 1, NUMBER_MAX, true}, TRIGGER(TRIGGER_OUTSTANDING)},
    {{"trigger.no_such_name", 1, 100, true}, TRIGGER(TRIGGER_NO_SUCH_NAME)},
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

enum { WORD_CHECK, WORD_GREETING, WORD_REQUEST, WORD_SIGNED, WORDS };

static const char *const words[WORDS] = {[WORD_CHECK] = "check",
                                         [WORD_GREETING] = "greeting",
                                         [WORD_REQUEST] = "request",
                                         [WORD_SIGNED] = "signed"};

_Static_assert(WORDS + NUMBERS == SETTINGS_COUNT, "every key has its line in settings_said");

static bool set_check(struct profile_settings *settings, const char *value, struct error *error)
{
    const enum request_check check = request_check_from_name(value);

    if (check == CHECK_DEFAULT && strcmp(value, "default") != 0)
        return error_set(error, EXIT_USAGE,
                         "check='%s' is not valid; use keyword, protocol, pattern, none or default",
                         value);
    settings->check = check;
    return true;
}

/* False where nothing was learned that it could check by. */
static bool check_learned(const struct profile *profile, enum request_check check,
                          struct error *error)
{
    struct pattern pattern;

    if (check == CHECK_KEYWORD && profile->keywords.count == 0)
        return error_set(
            error, EXIT_FAILED,
            "check=keyword: no keyword has been learned of this server yet; let it serve some "
            "clients first, or use protocol");
    if (check == CHECK_PATTERN && !pattern_model_get(&profile->pattern, &pattern))
        return error_set(
            error, EXIT_FAILED,
            "check=pattern: no pattern has been learned of this server; use protocol or none");
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

const char *setting_key(size_t index)
{
    if (index < WORDS)
        return words[index];
    return index < SETTINGS_COUNT ? numbers[index - WORDS].info.name : NULL;
}

size_t setting_index(const char *key)
{
    size_t i = 0;

    while (i < SETTINGS_COUNT && strcmp(key, setting_key(i)) != 0)
        i++;
    return i;
}

bool setting_set(struct profile_settings *settings, const char *key, const char *value,
                 struct error *error)
{
    static bool (*const setters[WORDS])(struct profile_settings *, const char *,
                                        struct error *) = {[WORD_CHECK] = set_check,
                                                           [WORD_GREETING] = set_greeting,
                                                           [WORD_REQUEST] = set_request,
                                                           [WORD_SIGNED] = set_signed};
    const size_t index = setting_index(key);

    if (index < WORDS)
        return setters[index](settings, value, error);
    if (index < SETTINGS_COUNT)
        return set_number(setting_number(settings, index - WORDS), &numbers[index - WORDS].info,
                          value, error);
    return error_set(error, EXIT_USAGE, "no setting '%s'; valid keys are " SETTING_KEYS, key);
}

const char *setting_value(const struct profile_settings *settings, size_t index,
                          char text[SETTING_VALUE_BYTES])
{
    const char *const names[WORDS] = {[WORD_CHECK] = request_check_name(settings->check),
                                      [WORD_GREETING] = greeting_setting_name(settings->greeting),
                                      [WORD_REQUEST] = request_setting_name(settings->request),
                                      [WORD_SIGNED] = signed_setting_name(settings->signed_syns)};
    uint32_t number;

    if (index < WORDS) {
        snprintf(text, SETTING_VALUE_BYTES, "%s", names[index] ? names[index] : "default");
        return text;
    }
    memcpy(&number, (const char *)settings + numbers[index - WORDS].offset, sizeof(number));
    if (number == 0 || number == TRIGGER_OFF)
        snprintf(text, SETTING_VALUE_BYTES, "%s", number ? "off" : "default");
    else
        snprintf(text, SETTING_VALUE_BYTES, "%u", number);
    return text;
}

bool profile_set(struct profile *profile, const char *key, const char *value, struct error *error)
{
    struct profile_settings settings = profile->settings;

    if (!setting_set(&settings, key, value, error) ||
        (setting_index(key) == WORD_CHECK && !check_learned(profile, settings.check, error)))
        return false;
    profile->settings = settings;
    return true;
}

/* --- of a configuration file ----------------------------------------------------------------- */

/* One key of `from`, for `into`. */
static void copy_setting(struct profile_settings *into, const struct profile_settings *from,
                         size_t index)
{
    if (index == WORD_CHECK)
        into->check = from->check;
    else if (index == WORD_GREETING)
        into->greeting = from->greeting;
    else if (index == WORD_REQUEST)
        into->request = from->request;
    else if (index == WORD_SIGNED)
        into->signed_syns = from->signed_syns;
    else
        memcpy((char *)into + numbers[index - WORDS].offset,
               (const char *)from + numbers[index - WORDS].offset, sizeof(uint32_t));
}

void settings_overlay(struct profile_settings *settings, const struct settings_said *said)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (said->line[i])
            copy_setting(settings, &said->value, i);
}

void settings_said_add(struct settings_said *said, const struct settings_said *more)
{
    settings_overlay(&said->value, more);
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (more->line[i])
            said->line[i] = more->line[i];
}

struct profile_settings profile_settings_in_force(const struct profile *profile)
{
    struct profile_settings settings = profile->settings;

    settings_overlay(&settings, &profile->said);
    return settings;
}

bool trigger_key(const char *key)
{
    return strncmp(key, "trigger.", strlen("trigger.")) == 0;
}

bool trigger_set(struct trigger_limits *limits, const char *key, const char *value,
                 struct error *error)
{
    struct profile_settings settings = {.triggers = *limits};

    if (!trigger_key(key) || !setting_set(&settings, key, value, error))
        return error->code == EXIT_DONE ? error_set(error, EXIT_USAGE, "no trigger '%s'", key)
                                        : false;
    *limits = settings.triggers;
    return true;
}
