/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_completion.c - the scripts by which shells complete, and what they ask (complete.h). */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "bridge/control/protocol.h"
#include "cli/cmd.h"
#include "cli/complete.h"
#include "cli/control_client.h"
#include "cli/output.h"

#define COMPLETE_WAIT_MS 500 /* who pressed Tab waits */

/* bash takes : and = for ends of words, and only wants what follows the last of them. */
static const char bash_script[] =
    "_synward()\n"
    "{\n"
    "    local line=${COMP_LINE:0:COMP_POINT} candidates cut i\n"
    "    local word=${line##* }\n"
    "    mapfile -t candidates < <(synward complete \"$line\" 2>/dev/null)\n"
    "    [[ $word == *[:=]* && $COMP_WORDBREAKS == *:* ]] && cut=${word%\"${word##*[:=]}\"}\n"
    "    COMPREPLY=()\n"
    "    for i in \"${candidates[@]%%$'\\t'*}\"; do\n"
    "        if [ \"$i\" = " COMPLETE_FILES " ]; then compopt -o default\n"
    "        else COMPREPLY+=(\"${i#\"$cut\"}\"); fi\n"
    "    done\n"
    "    [[ ${#COMPREPLY[@]} = 1 && $COMPREPLY == *[:=] ]] && compopt -o nospace\n"
    "    return 0\n"
    "}\n"
    "complete -F _synward synward\n";

static const char zsh_script[] =
    "#compdef synward\n"
    "_synward()\n"
    "{\n"
    "    local line word about files\n"
    "    local -a names shown open\n"
    "    line=\"${(j: :)${(@Q)words[1,CURRENT-1]}} ${(Q)PREFIX}\"\n"
    "    synward complete \"$line\" 2>/dev/null | while IFS=$'\\t' read -r word about; do\n"
    "        if [[ $word = " COMPLETE_FILES " ]]; then files=1\n"
    "        elif [[ $word = *[:=] ]]; then open+=(\"$word\")\n"
    "        else names+=(\"$word\") shown+=(\"$word${about:+  -- $about}\"); fi\n"
    "    done\n"
    "    (( $#open )) && compadd -S '' -- \"${open[@]}\"\n"
    "    (( $#names )) && compadd -l -d shown -- \"${names[@]}\"\n"
    "    [[ -n $files && $PREFIX != -* ]] && _files\n"
    "    return 0\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _synward ]; then _synward \"$@\"; else compdef _synward synward; "
    "fi\n";

static const char fish_script[] =
    "function __synward_complete\n"
    "    for line in (synward complete (commandline -cp | string collect) 2>/dev/null)\n"
    "        if test \"$line\" = " COMPLETE_FILES "\n"
    "            __fish_complete_path (commandline -ct)\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c synward -f -a '(__synward_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

bool cmd_completion(const struct arguments *arguments, struct error *error)
{
    const char *shell = command_word(arguments, 0);

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (strcmp(shell, scripts[i].shell) == 0) {
            fputs(scripts[i].script, stdout);
            return true;
        }
    }
    return error_set(error, EXIT_USAGE, "completion: no script for %.100s: write bash, zsh or fish",
                     shell);
}

/* Where no daemon answers there are none. A VLAN is not written on a command line. */
static void live_servers(const char *control, void (*say)(void *context, const char *server),
                         void *context)
{
    struct error ignored = {0};
    struct json_object *status = control_ask_at(control_path(control), control_request("status"),
                                                COMPLETE_WAIT_MS, &ignored);
    struct json_object *servers = json_object_object_get(status, "servers");
    char text[OUTPUT_SERVER_BYTES];

    for (size_t i = 0; servers && i < json_object_array_length(servers); i++) {
        output_server(json_object_array_get_idx(servers, i), text);
        text[strcspn(text, " ")] = '\0';
        say(context, text);
    }
    json_object_put(status);
}

bool cmd_complete(const struct command_table *all, const struct arguments *arguments,
                  struct error *error)
{
    (void)error;
    complete_line(all, command_word(arguments, 0), live_servers);
    return true;
}
