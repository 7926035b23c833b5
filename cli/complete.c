/* SPDX-License-Identifier: GPL-2.0-or-later */
/* complete.c - see complete.h. What a word may be is read off the forms of a command ("[SERVER]",
 * "on|off") and the values of its options. */
#include "cli/complete.h"

#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "profiles/model/settings.h"

#define LINE_WORDS_MAX 64

struct completion {
    const struct command_table *table;
    complete_servers *servers;
    char text[COMPLETE_LINE_BYTES];
    const char *words[LINE_WORDS_MAX],
        *current; /* those before the cursor's, without the program */
    size_t count;
    const struct command *command;
    struct arguments named; /* the words that are neither options nor their values */
    const char *control;
    const struct option_info *open; /* the option whose value the cursor's word is */
};

/* Candidate of `length` bytes, where it begins with what is there already. */
static void offer(const char *current, const char *candidate, size_t length, const char *about)
{
    if (strncmp(candidate, current, strlen(current)) != 0 || strlen(current) > length)
        return;
    printf("%.*s", (int)length, candidate);
    if (about)
        printf("\t%s", about);
    putchar('\n');
}

static void offer_word(const char *current, const char *candidate, const char *about)
{
    offer(current, candidate, strlen(candidate), about);
}

static void offer_server(void *context, const char *server)
{
    offer_word(context, server, NULL);
}

/* First words of commands for NULL, else the second words of those that begin with `first`. */
static void offer_commands(const struct completion *line, const char *first)
{
    const size_t length = first ? strlen(first) : 0;

    for (size_t i = 0; i < line->table->count; i++) {
        const struct command *command = &line->table->commands[i];
        const char *space = strchr(command->name, ' ');

        if (command->hidden)
            continue;
        if (!first && !space)
            offer_word(line->current, command->name, command->summary);
        else if (first && space && (size_t)(space - command->name) == length &&
                 memcmp(command->name, first, length) == 0)
            offer_word(line->current, space + 1, command->summary);
    }
}

/* The values of one setting, "check=keyword", or the keys, "check=". */
static void offer_settings(const char *current)
{
    static const char keys[] = SETTING_KEYS;
    static const struct {
        const char *key, *values;
    } known[] = {{"check=", CHECK_VALUES},     {"greeting=", GREETING_VALUES},
                 {"request=", REQUEST_VALUES}, {"signed=", SIGNED_VALUES},
                 {"trigger.", "default off"},  {"open_", "default"}};
    const char *equals = strchr(current, '=');
    char candidate[128];

    for (const char *key = keys; !equals && *key; key += strspn(key, ", ")) {
        const int length = (int)strcspn(key, ",");

        snprintf(candidate, sizeof(candidate), "%.*s=", length, key);
        offer_word(current, candidate, NULL);
        key += length;
    }
    for (size_t i = 0; equals && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(current, known[i].key, strlen(known[i].key)) != 0)
            continue;
        for (const char *value = known[i].values; *value; value += strspn(value, " ")) {
            const int length = (int)strcspn(value, " ");

            snprintf(candidate, sizeof(candidate), "%.*s%.*s", (int)(equals + 1 - current), current,
                     length, value);
            offer_word(current, candidate, NULL);
            value += length;
        }
    }
}

/* "on|off": each; what is written large stands for something else ("off|auto|US"). */
static void offer_choices(const char *current, const char *text, size_t length)
{
    const char *end = text + length;

    for (const char *at = text; at < end;) {
        const size_t bytes =
            strcspn(at, "|]") < (size_t)(end - at) ? strcspn(at, "|]") : (size_t)(end - at);

        if (islower((unsigned char)*at))
            offer(current, at, bytes, NULL);
        at += bytes + 1;
    }
}

static void offer_interfaces(const char *current)
{
    struct if_nameindex *all = if_nameindex();

    for (struct if_nameindex *one = all; one && one->if_index != 0; one++)
        offer_word(current, one->if_name, NULL);
    if (all)
        if_freenameindex(all);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What may stand where a form says "SERVER[:PORT]" and its like; brackets around it are off. */
static void offer_placeholder(const struct completion *line, const char *text, size_t length)
{
    void *word;

    memcpy(&word, &line->current, sizeof(word)); /* nobody writes to it */
    if (begins(text, "SERVER")) {
        line->servers(line->control, offer_server, word);
    } else if (begins(text, "FILE") || begins(text, "SOCKET") || begins(text, "PROG")) {
        puts(COMPLETE_FILES);
    } else if (begins(text, "SIDE")) {
        offer_word(line->current, "netns:", NULL);
        offer_word(line->current, "tap:", NULL);
        offer_word(line->current, "port:", NULL);
        offer_word(line->current, "inline:", NULL);
    } else if (begins(text, "IFNAME")) {
        offer_interfaces(line->current);
    } else if (begins(text, "KEY=VALUE")) {
        offer_settings(line->current);
    } else if (begins(text, "COMMAND")) {
        offer_commands(line, NULL);
    } else {
        offer_choices(line->current, text, length);
    }
}

/* The first word of a form from `form` on, with "[...]" around it kept together; 0 at its end. */
static size_t piece(const char *form)
{
    size_t length = 0, depth = 0;

    for (; form[length] && (depth > 0 || form[length] != ' '); length++) {
        depth += form[length] == '[';
        depth -= form[length] == ']';
    }
    return length;
}

/* Word `index` of a form that is no option, NULL where there is none. */
static const char *form_word(const char *form, size_t index, size_t *length)
{
    for (; (*length = piece(form)) > 0; form += *length + strspn(form + *length, " ")) {
        const bool option = begins(form, "--") || begins(form, "[--");

        if (option && form[0] == '-' && form[*length] == ' ' && isupper(form[*length + 1]))
            *length += 1 + piece(form + *length + 1); /* its value */
        if (!option && index-- == 0)
            return form;
    }
    return NULL;
}

static void offer_words(const struct completion *line)
{
    const size_t index = line->named.word_count - line->named.name_words;

    for (size_t i = 0; i < COMMAND_FORMS_MAX && line->command->forms[i]; i++) {
        size_t length;
        const char *word = form_word(line->command->forms[i], index, &length);

        if (!word)
            continue;
        if (word[0] == '[') {
            word++;
            length -= 2;
        }
        offer_placeholder(line, word, length);
    }
}

static void offer_options(const struct completion *line)
{
    char candidate[64];

    for (enum option_id id = 0; id < OPTIONS_COUNT; id++) {
        const struct option_info *info = option_info(id);

        if (info->hidden || (id != OPTION_HELP && !(line->command->options & (UINT64_C(1) << id))))
            continue;
        snprintf(candidate, sizeof(candidate), "--%s", info->name);
        offer_word(line->current, candidate, info->help);
    }
}

static const struct option_info *option_of(const char *word)
{
    if (strcmp(word, "-o") == 0)
        return option_info(OPTION_OUTPUT);
    for (enum option_id id = 0; id < OPTIONS_COUNT; id++)
        if (begins(word, "--") && strcmp(word + 2, option_info(id)->name) == 0)
            return option_info(id);
    return NULL;
}

/* Cuts the line into words; false where it is too long. */
static bool split(struct completion *line, const char *text)
{
    char *rest, *last;
    const size_t length = strlen(text);

    if (length == 0 || length >= sizeof(line->text))
        return false;
    memcpy(line->text, text, length + 1);
    last = strrchr(line->text, ' ');
    if (!last) /* the program's own name */
        return false;
    *last = '\0';
    line->current = last + 1;
    strtok_r(line->text, " ", &rest);
    for (char *word; (word = strtok_r(NULL, " ", &rest)) != NULL;) {
        if (line->count == LINE_WORDS_MAX)
            return false;
        line->words[line->count++] = word;
    }
    return true;
}

/* Tells options and their values from words. */
static void sort_words(struct completion *line)
{
    for (size_t i = 0; i < line->count; i++) {
        const char *word = line->words[i];
        const struct option_info *option = option_of(word);

        if (begins(word, "--control="))
            line->control = strchr(word, '=') + 1;
        if (option && option->value && i + 1 == line->count)
            line->open = option;
        else if (option && option->value && option == option_info(OPTION_CONTROL))
            line->control = line->words[++i];
        else if (option && option->value)
            i++;
        else if (word[0] != '-' && line->named.word_count < WORDS_MAX)
            line->named.words[line->named.word_count++] = word;
    }
}

void complete_line(const struct command_table *table, const char *text, complete_servers *servers)
{
    struct completion line = {.table = table, .servers = servers};

    if (!split(&line, text))
        return;
    sort_words(&line);
    if (line.named.word_count == 0) {
        offer_commands(&line, NULL);
        return;
    }
    line.command = command_find(table, &line.named);
    if (!line.command || line.command->hidden)
        return;
    if (line.open) {
        offer_placeholder(&line, line.open->value, strlen(line.open->value));
        return;
    }
    if (line.named.word_count == 1 && line.named.name_words == 1)
        offer_commands(&line, line.command->name);
    if (strcmp(line.command->name, "help") == 0 && line.named.word_count == 2)
        offer_commands(&line, line.named.words[1]);
    if (line.current[0] != '-')
        offer_words(&line);
    offer_options(&line);
}
