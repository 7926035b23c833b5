/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.c - reads command lines (options.h). */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option_info options[OPTIONS_COUNT] = {
#define CLI_OPTION_INFO(id, label, argument, secret, text)                                         \
    [OPTION_##id] = {.name = (label), .value = (argument), .help = (text), .hidden = (secret)},
    CLI_OPTIONS(CLI_OPTION_INFO)
#undef CLI_OPTION_INFO
};

const struct option_info *option_info(enum option_id id)
{
    return &options[id];
}

bool option_given(const struct arguments *arguments, enum option_id id)
{
    return arguments->value[id];
}

bool option_bare_table(const struct arguments *arguments)
{
    return option_given(arguments, OPTION_TSV) || option_given(arguments, OPTION_OUTPUT);
}

/* OPTIONS_COUNT where no option has this name. */
static enum option_id option_find(const char *name, size_t length)
{
    for (enum option_id id = 0; id < OPTIONS_COUNT; id++)
        if (strlen(options[id].name) == length && memcmp(options[id].name, name, length) == 0)
            return id;
    return OPTIONS_COUNT;
}

static enum option_id option_named(const char *word, size_t length)
{
    if (length == 2 && word[1] == 'o')
        return OPTION_OUTPUT;
    return length > 2 && word[1] == '-' ? option_find(word + 2, length - 2) : OPTIONS_COUNT;
}

static bool unknown_option(const char *word, struct error *error)
{
    const char *names[OPTIONS_COUNT], *near;
    size_t count = 0;

    for (enum option_id id = 0; id < OPTIONS_COUNT; id++)
        if (!options[id].hidden)
            names[count++] = options[id].name;
    near = word[1] == '-' ? nearest_name(word + 2, names, count) : NULL;
    if (near)
        return error_set(error, EXIT_USAGE, "unknown option %.100s: did you mean --%s?", word,
                         near);
    return error_set(error, EXIT_USAGE, "unknown option %.100s: see `synward help`", word);
}

/* "--for --json": the value was forgotten. */
static bool is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0 && option_named(word, strcspn(word, "=")) != OPTIONS_COUNT;
}

/* Reads the option at argv[*at], and its value, which may be the next word: *at is then moved on.
 */
static bool take_option(struct arguments *out, int argc, char *const *argv, int *at,
                        struct error *error)
{
    const char *word = argv[*at], *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    enum option_id id = option_named(word, length);
    const char *value = equals ? equals + 1 : NULL;

    if (id == OPTIONS_COUNT)
        return unknown_option(word, error);
    if (!options[id].value && value)
        return error_set(error, EXIT_USAGE, "--%s takes no value", options[id].name);
    if (options[id].value && !value && *at + 1 < argc && !is_option(argv[*at + 1]))
        value = argv[++*at];
    if (options[id].value && (!value || value[0] == '\0'))
        return error_set(error, EXIT_USAGE, "--%s needs a value: --%s %s", options[id].name,
                         options[id].name, options[id].value);
    out->value[id] = value ? value : "";
    return true;
}

bool arguments_parse(struct arguments *out, int argc, char *const *argv, struct error *error)
{
    bool only_words = false;

    *out = (struct arguments){0};
    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(out, argc, argv, &i, error))
                return false;
        } else if (out->word_count == WORDS_MAX) {
            return error_set(error, EXIT_USAGE, "too many words: %.100s: see `synward help`",
                             argv[i]);
        } else {
            out->words[out->word_count++] = argv[i];
        }
    }
    return true;
}

#define NEAREST_WORD_MAX 32

/* Levenshtein's distance; words longer than NEAREST_WORD_MAX are far from everything. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b), row[NEAREST_WORD_MAX + 1];

    if (a_length > NEAREST_WORD_MAX || b_length > NEAREST_WORD_MAX)
        return NEAREST_WORD_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]), best = row[j - 1] + 1;

            diagonal = row[j];
            if (diagonal + 1 < best)
                best = diagonal + 1;
            row[j] = replaced < best ? replaced : best;
        }
    }
    return row[b_length];
}

const char *nearest_name(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(word) < 4 ? 2 : 3; /* so many errors are another word */

    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]);

        if (distance < least) {
            least = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

bool duration_parse(const char *text, unsigned long most_s, unsigned long *seconds)
{
    static const struct {
        char suffix;
        unsigned long seconds;
    } units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 24ul * 3600}};
    char *end;
    unsigned long number;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno || (end[0] && end[1]))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (*end == units[i].suffix) {
            *seconds = number * units[i].seconds;
            return number >= 1 && number <= most_s / units[i].seconds;
        }
    return false;
}
