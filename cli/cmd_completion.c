/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_completion.c - the script by which a shell completes, made from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "profiles/model/settings.h"

/* The options of a command, and the second words that it has, as completion offers them after the
 * first word. */
static void print_completion_case(const struct command_table *all, const struct command *command)
{
    size_t length = strlen(command->name);

    printf("    %s) words=\"", command->name);
    for (size_t i = 0; i < all->count; i++) {
        const char *name = all->commands[i].name;

        if (strncmp(name, command->name, length) == 0 && name[length] == ' ')
            printf("%s ", name + length + 1);
    }
    for (enum option_id id = 0; id < OPTIONS_COUNT; id++)
        if (!option_info(id)->hidden && (command->options & (1u << id)))
            printf("--%s ", option_info(id)->name);
    puts("--help\" ;;");
}

/* KEY=VALUE of `profiles set`: bash takes the '=' for a word of its own. */
static void print_completion_of_settings(void)
{
    static const char keys[] = SETTING_KEYS;

    fputs("    if [ \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" = \"profiles set\" ] && [ "
          "\"$COMP_CWORD\" = 4 ]; "
          "then\n"
          "        words=\"",
          stdout);
    for (const char *key = keys; *key; key += strspn(key, ", ")) {
        const size_t length = strcspn(key, ",");

        printf("%.*s= ", (int)length, key);
        key += length;
    }
    puts("\"\n        compopt -o nospace\n"
         "    elif [ \"${COMP_WORDS[4]}${COMP_WORDS[5]}\" = \"check=\" ]; then\n"
         "        words=\"" CHECK_VALUES "\"\n"
         "        [ \"$COMP_CWORD\" = 5 ] && COMPREPLY=($words) && return\n"
         "    elif [ \"${COMP_WORDS[4]}${COMP_WORDS[5]}\" = \"greeting=\" ]; then\n"
         "        words=\"" GREETING_VALUES "\"\n"
         "        [ \"$COMP_CWORD\" = 5 ] && COMPREPLY=($words) && return\n"
         "    elif [ \"${COMP_WORDS[4]}${COMP_WORDS[5]}\" = \"request=\" ]; then\n"
         "        words=\"" REQUEST_VALUES "\"\n"
         "        [ \"$COMP_CWORD\" = 5 ] && COMPREPLY=($words) && return\n"
         "    elif [ \"${COMP_WORDS[4]}${COMP_WORDS[5]}\" = \"signed=\" ]; then\n"
         "        words=\"" SIGNED_VALUES "\"\n"
         "        [ \"$COMP_CWORD\" = 5 ] && COMPREPLY=($words) && return\n"
         "    fi");
}

bool cmd_completion(const struct command_table *all, const struct arguments *arguments,
                    struct error *error)
{
    const struct command *commands = all->commands;

    if (strcmp(command_word(arguments, 0), "bash") != 0)
        return error_set(error, EXIT_USAGE, "completion: no script for %.100s: write bash",
                         command_word(arguments, 0));
    puts("_synward()\n{\n    local words=\"\"\n    case \"$COMP_CWORD:${COMP_WORDS[1]}\" in");
    fputs("    1:*) words=\"", stdout);
    for (size_t i = 0; i < all->count; i++)
        if (!strchr(commands[i].name, ' '))
            printf("%s%s", i > 0 ? " " : "", commands[i].name);
    puts("\" ;;\n    esac\n    [ \"$COMP_CWORD\" -gt 1 ] && case \"${COMP_WORDS[1]}\" in");
    for (size_t i = 0; i < all->count; i++)
        if (!strchr(commands[i].name, ' '))
            print_completion_case(all, &commands[i]);
    puts("    esac");
    print_completion_of_settings();
    puts("    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
         "complete -o default -F _synward synward");
    return true;
}
