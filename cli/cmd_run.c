/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_run.c - `synward run`, and `synward check`, which goes as far as it does without touching
 * anything. */
#include <stdio.h>

#include "bridge/run.h"
#include "bridge/text/config.h"
#include "cli/cmd.h"
#include "cli/cmd_run_options.h"

/* The options of a later text of the file. */
static bool make_anew(void *context, const struct config *config, struct run_options *options,
                      struct error *error)
{
    return run_options_make(context, config, options, error) &&
           run_options_check_sides(context, config, options, error);
}

bool cmd_run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->value[OPTION_CONFIG];
    struct config config = {.mode = SETTING_INHERIT};
    struct run_options options;
    bool done = (!path || config_load(&config, path, error)) &&
                run_options_make(arguments, &config, &options, error) &&
                run_options_check(arguments, &config, &options, NULL, error);

    if (done) {
        options.reconfiguring = (struct reconfiguring){path, make_anew, (void *)arguments};
        done = run_bridge(&options, error) == EXIT_DONE;
    }
    config_free(&config);
    return done;
}

bool cmd_check(const struct arguments *arguments, struct error *error)
{
    struct config config = {.mode = SETTING_INHERIT};
    struct error unseen = {.code = EXIT_DONE};
    struct run_options options;
    const bool elsewhere = option_given(arguments, OPTION_ELSEWHERE);
    const bool good = config_load(&config, command_word(arguments, 0), error) &&
                      run_options_make(arguments, &config, &options, error) &&
                      (elsewhere ? run_options_check_sides(arguments, &config, &options, error)
                                 : run_options_check(arguments, &config, &options, &unseen, error));

    if (good)
        printf("%s: fit to start with%s\n", config.name, elsewhere ? ", as far as it goes" : "");
    if (good && unseen.code != EXIT_DONE)
        printf("%s: not all interfaces were looked at: %s\n", config.name, unseen.text);
    config_free(&config);
    return good;
}
