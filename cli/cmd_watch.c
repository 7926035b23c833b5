/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_watch.c - `synward watch`: what happens, line by line. */
#include <stdio.h>
#include <string.h>

#include "bridge/base/showable.h"
#include "bridge/control/protocol.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"

struct watching {
    bool json;
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

/* Each line is out before the next is waited for: who reads may be a pipe. */
static bool heard(void *context, struct json_object *line)
{
    const struct watching *watching = context;

    if (watching->json)
        output_json_line(line, false);
    else
        print_line(line);
    return output_flush(watching->error);
}

bool cmd_watch(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->value[OPTION_CONTROL];
    struct watching watching = {.json = option_given(arguments, OPTION_JSON), .error = error};

    return control_listen_at(path ? path : CONTROL_SOCKET_DEFAULT, control_request("watch"),
                             CONTROL_TIMEOUT_MS, heard, &watching, error) &&
           error->code == EXIT_DONE;
}
