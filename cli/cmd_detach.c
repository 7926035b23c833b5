/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_detach.c - `synward detach`. */
#include <stdio.h>

#include "bridge/sides/card.h"
#include "bridge/sides/port.h"
#include "bridge/sides/side.h"
#include "cli/cmd.h"

/* A TAP of ours has gone with its process. */
static bool detach(const char *text, struct error *error)
{
    struct side_spec side;
    bool found = false;

    if (!side_parse(text, &side, error))
        return false;
    if (side.port || side.host ? !port_detach(&side, &found, error)
                               : side.netns[0] && !card_detach(&side, &found, error))
        return false;
    printf("%s: %s\n", text, found ? "what was left behind is removed" : "nothing is left behind");
    return true;
}

bool cmd_detach(const struct arguments *arguments, struct error *error)
{
    for (size_t i = 0; command_word(arguments, i); i++)
        if (!detach(command_word(arguments, i), error))
            return false;
    return true;
}
