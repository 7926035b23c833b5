/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_watch.c - `synward watch`: what happens, line by line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/showable.h"
#include "bridge/control/protocol.h"
#include "bridge/text/document.h"
#include "cli/cmd.h"
#include "cli/cmd_watch_exec.h"
#include "cli/control_client.h"
#include "cli/output.h"

struct watching {
    bool json;
    const char *program; /* NULL: events are printed */
    struct error *error;
};

/* The time, and what the daemon says of it. */
static void print_line(struct json_object *line)
{
    char text[512];

    snprintf(text, sizeof(text), "%s", output_field(line, "text"));
    showable_line(text);
    printf("%s  %s\n", output_field(line, "time"), text);
}

/* What the program does not do well is its own business, and the next event has its turn. */
static void run_program(const char *program, struct json_object *line)
{
    const char *event = document_string(line, "event");
    struct error error = {0};
    char *text = NULL;
    int bytes;

    if (!event || strcmp(event, "watch") == 0) /* nothing has happened */
        return;
    bytes = asprintf(&text, "%s\n",
                     json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE));
    if (bytes < 0)
        return;
    if (!watch_exec(program, text, (size_t)bytes, WATCH_EXEC_MS, &error))
        output_error(&error);
    free(text);
}

/* Each line is out before the next is waited for: who reads may be a pipe. */
static bool heard(void *context, struct json_object *line)
{
    const struct watching *watching = context;

    if (watching->program) {
        if (!watch_told_to_end())
            run_program(watching->program, line);
        return !watch_told_to_end();
    }
    if (watching->json)
        output_json_line(line, false);
    else
        print_line(line);
    return output_flush(watching->error);
}

/* False: it is no number. */
static bool add_since(struct json_object *request, const char *text, struct error *error)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 18 || text[digits])
        return error_set(error, EXIT_USAGE, "watch: --since %.40s: write the number of an event",
                         text);
    json_object_object_add(request, "since", json_object_new_int64(strtoll(text, NULL, 10)));
    return true;
}

/* The daemon knows the names. */
static void add_kinds(struct json_object *request, const char *text)
{
    struct json_object *kinds = json_object_new_array();

    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        json_object_array_add(kinds, json_object_new_string_len(at, (int)strcspn(at, ",")));
    json_object_object_add(request, "kinds", kinds);
}

bool cmd_watch(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->value[OPTION_CONTROL];
    struct watching watching = {.json = option_given(arguments, OPTION_JSON),
                                .program = arguments->value[OPTION_EXEC],
                                .error = error};
    struct json_object *request;

    if (watching.program && !watch_exec_check(watching.program, error))
        return false;
    request = control_request("watch");
    if (option_given(arguments, OPTION_KIND))
        add_kinds(request, arguments->value[OPTION_KIND]);
    if (option_given(arguments, OPTION_SINCE) &&
        !add_since(request, arguments->value[OPTION_SINCE], error)) {
        json_object_put(request);
        return false;
    }
    return control_listen_at(control_path(path), request, CONTROL_TIMEOUT_MS, heard, &watching,
                             error) &&
           error->code == EXIT_DONE;
}
