/* SPDX-License-Identifier: GPL-2.0-or-later */
/* confine.c - see confine.h. */
#include "bridge/confine.h"

#include "bridge/base/escape.h"
#include "bridge/base/log.h"

/* Without a keeper nobody could save, or join a port again: then the privileges stay. */
bool confine_begin(struct confine *confine, enum sandbox_setting setting, const char *escape,
                   const struct keeping_parts *parts, bool maps, struct error *error)
{
    struct error *lack = &confine->told.lack;

    confine->told.setting = setting;
    confine->escape = escape;
    if (setting == SANDBOX_OFF)
        return true;
    sandbox_prepare(&confine->sandbox, maps);
    *lack = confine->sandbox.denied;
    if (lack->code == EXIT_DONE)
        confine->keeping = keeping_start(parts, &confine->sandbox, lack);
    confine->told.keeper = confine->keeping;
    return confine->keeping || setting == SANDBOX_AUTO ||
           error_set(error, EXIT_FAILED, "no sandbox: %s", lack->text);
}

bool confine_end(struct confine *confine, struct error *error)
{
    struct error *lack = &confine->told.lack;

    if (confine->keeping) {
        sandbox_hide_files(lack);
        sandbox_enter(&confine->sandbox, SANDBOX_MAIN, lack);
    }
    if (lack->code != EXIT_DONE && confine->told.setting == SANDBOX_ON)
        return error_set(error, EXIT_FAILED, "no sandbox: %s", lack->text);
    if (lack->code != EXIT_DONE)
        log_line(LOG_LEVEL_WARNING, "the sandbox is not whole: %s", lack->text);
    return escape_try(confine->escape, SANDBOX_MAIN, error);
}

const struct sandbox *confine_sandbox(const struct confine *confine)
{
    return confine->keeping ? &confine->sandbox : NULL;
}

void confine_look(struct confine *confine)
{
    if (!keeping_gone(confine->keeping))
        return;
    confine->told.keeper = false;
    log_line(LOG_LEVEL_ERROR, "the keeper is gone: frames pass as before, but nothing is saved and "
                              "no port is joined again; start synward again");
}
