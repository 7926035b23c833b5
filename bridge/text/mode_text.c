/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mode_text.c - words for modes and switches, each spelled in one place. */
#include "bridge/text/mode_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The place of a word among names[first] to names[last]; -1: it is none of them. */
static int word_find(const char *text, const char *const *names, int first, int last)
{
    for (int i = first; i <= last; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
    }
    return -1;
}

static const char *const setting_names[] = {
    [SETTING_INHERIT] = NULL,
    [SETTING_AUTO] = "auto",
    [SETTING_NORMAL] = "normal",
    [SETTING_ATTACK] = "attack",
};

bool mode_setting_parse(const char *text, enum mode_setting *out, struct error *error)
{
    const int word = word_find(text, setting_names, SETTING_AUTO, SETTING_ATTACK);

    if (word < 0)
        return error_set(error, EXIT_USAGE, "not a mode: %.100s: write auto, normal or attack",
                         text);
    *out = (enum mode_setting)word;
    return true;
}

const char *mode_setting_name(enum mode_setting setting)
{
    return setting_names[setting];
}

const char *mode_name(enum mode mode)
{
    return mode == MODE_ATTACK ? "attack" : "normal";
}

const char *cause_to_text(enum trigger_cause cause, uint32_t value, char text[CAUSE_TEXT_BYTES])
{
    static const struct {
        const char *name, *unit;
    } words[TRIGGER_CAUSES] = {
        [TRIGGER_HALF_OPEN] = {"half-open", ""},
        [TRIGGER_SILENT] = {"silent", ""},
        [TRIGGER_ACCEPT_QUEUE] = {"accept queue", " %"},
        [TRIGGER_SYN_RATE] = {"SYN rate", " times the usual"},
        [TRIGGER_MISMATCH] = {"mismatches", ""},
        [TRIGGER_REFUSED] = {"refusals", ""},
        [TRIGGER_UNANSWERED] = {"unanswered SYNs", ""},
        [TRIGGER_QUERY_RATE] = {"query rate", " times the usual"},
        [TRIGGER_OUTSTANDING] = {"queries outstanding", ""},
        [TRIGGER_NO_SUCH_NAME] = {"answers without such a name", " %"},
    };
    if (cause <= TRIGGER_NONE || cause >= TRIGGER_CAUSES)
        return NULL;
    if (value == 0)
        snprintf(text, CAUSE_TEXT_BYTES, "%s", words[cause].name);
    else
        snprintf(text, CAUSE_TEXT_BYTES, "%s %u%s", words[cause].name, value, words[cause].unit);
    return text;
}

static const char *const unknown_names[] = {
    [UNKNOWN_COOKIE] = "cookie", [UNKNOWN_PASS] = "pass", [UNKNOWN_DROP] = "drop"};

const char *unknown_servers_name(enum unknown_servers unknown)
{
    return unknown_names[unknown];
}

bool unknown_servers_parse(const char *text, enum unknown_servers *out, struct error *error)
{
    const int word = word_find(text, unknown_names, UNKNOWN_COOKIE, UNKNOWN_DROP);

    if (word < 0)
        return error_set(error, EXIT_USAGE,
                         "not a choice for unknown servers: %.100s: write cookie, pass or drop",
                         text);
    *out = (enum unknown_servers)word;
    return true;
}

/* A number from `least` to `most`, of nothing but digits; `what` is what it counts. */
static bool number_parse(const char *what, const char *text, uint32_t least, uint32_t most,
                         uint32_t *out, struct error *error)
{
    const size_t digits = strspn(text, "0123456789");
    const unsigned long number = digits > 0 && text[digits] == '\0' ? strtoul(text, NULL, 10) : 0;

    if (number < least || number > most)
        return error_set(error, EXIT_USAGE, "not a number of %s: %.100s: write %u to %u", what,
                         text, least, most);
    *out = (uint32_t)number;
    return true;
}

bool workers_parse(const char *text, uint32_t *out, struct error *error)
{
    return number_parse("workers", text, 1, WORKERS_MAX, out, error);
}

bool flows_parse(const char *text, uint32_t *out, struct error *error)
{
    return number_parse("flows", text, FLOWS_LEAST, FLOWS_MOST, out, error);
}

static const char *const kernel_path_names[] = {[KERNEL_PATH_UNSAID] = "auto",
                                                [KERNEL_PATH_OFF] = "off",
                                                [KERNEL_PATH_AUTO] = "auto",
                                                [KERNEL_PATH_ON] = "on"};

const char *kernel_path_name(enum kernel_path_setting setting)
{
    return kernel_path_names[setting];
}

bool kernel_path_parse(const char *text, enum kernel_path_setting *out, struct error *error)
{
    const int word = word_find(text, kernel_path_names, KERNEL_PATH_OFF, KERNEL_PATH_ON);

    if (word < 0)
        return error_set(error, EXIT_USAGE, "not a kernel path, auto, on or off: %.100s", text);
    *out = (enum kernel_path_setting)word;
    return true;
}

static const char *const hook_names[] = {
    [HOOK_UNSAID] = "auto", [HOOK_OFF] = "off", [HOOK_AUTO] = "auto", [HOOK_ON] = "on"};

const char *hook_name(enum hook_setting setting)
{
    return hook_names[setting];
}

bool hook_parse(const char *text, enum hook_setting *out, struct error *error)
{
    const int word = word_find(text, hook_names, HOOK_OFF, HOOK_ON);

    if (word < 0)
        return error_set(error, EXIT_USAGE, "not a hook, auto, on or off: %.100s", text);
    *out = (enum hook_setting)word;
    return true;
}

bool carrier_parse(const char *text, enum carrier_setting *out, struct error *error)
{
    if (strcmp(text, "mirror") != 0 && strcmp(text, "keep") != 0)
        return error_set(error, EXIT_USAGE, "neither mirror nor keep: %.100s", text);
    *out = strcmp(text, "keep") == 0 ? CARRIER_KEEP : CARRIER_MIRROR;
    return true;
}

const char *carrier_name(enum carrier_setting setting)
{
    return setting == CARRIER_KEEP ? "keep" : "mirror";
}

static const char *const card_names[] = {
    [CARD_AUTO] = "auto", [CARD_VETH] = "veth", [CARD_TAP] = "tap"};

const char *card_name(enum card_setting setting)
{
    return card_names[setting];
}

bool card_parse(const char *text, enum card_setting *out, struct error *error)
{
    const int word = word_find(text, card_names, CARD_AUTO, CARD_TAP);

    if (word < 0)
        return error_set(error, EXIT_USAGE, "neither auto, veth nor tap: %.100s", text);
    *out = (enum card_setting)word;
    return true;
}

static const char *const when_dead_names[] = {
    [WHEN_DEAD_LIMITED] = "limited", [WHEN_DEAD_OPEN] = "open", [WHEN_DEAD_CLOSED] = "closed"};

const char *when_dead_name(enum when_dead_setting setting)
{
    return when_dead_names[setting];
}

bool when_dead_parse(const char *text, enum when_dead_setting *out, struct error *error)
{
    const int word = word_find(text, when_dead_names, WHEN_DEAD_LIMITED, WHEN_DEAD_CLOSED);

    if (word < 0)
        return error_set(error, EXIT_USAGE, "neither open, limited nor closed: %.100s", text);
    *out = (enum when_dead_setting)word;
    return true;
}

static const char *const sandbox_names[] = {
    [SANDBOX_AUTO] = "auto", [SANDBOX_ON] = "on", [SANDBOX_OFF] = "off"};

const char *sandbox_name(enum sandbox_setting setting)
{
    return sandbox_names[setting];
}

bool sandbox_parse(const char *text, enum sandbox_setting *out, struct error *error)
{
    const int word = word_find(text, sandbox_names, SANDBOX_AUTO, SANDBOX_OFF);

    if (word < 0)
        return error_set(error, EXIT_USAGE, "not a sandbox, auto, on or off: %.100s", text);
    *out = (enum sandbox_setting)word;
    return true;
}

bool switch_parse(const char *what, const char *text, bool *out, struct error *error)
{
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        return error_set(error, EXIT_USAGE, "%s: %.100s is neither: write on or off", what, text);
    *out = strcmp(text, "on") == 0;
    return true;
}
