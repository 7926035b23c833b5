/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_run.c - `synward run`: options from the command line and the config file, then the daemon. */
#include <string.h>

#include "bridge/io/busy_poll.h"
#include "bridge/text/config.h"
#include "bridge/control/protocol.h"
#include "bridge/run.h"
#include "bridge/text/mode_text.h"
#include "cli/cmd.h"

/* What the command line says, else the config file, else the default. */
static const char *choose(const struct arguments *arguments, enum option_id id,
                          const char *configured, const char *otherwise)
{
    if (option_given(arguments, id))
        return arguments->value[id];
    return configured ? configured : otherwise;
}

static bool choose_mode(const struct arguments *arguments, const struct config *config,
                        enum mode_setting *mode, struct error *error)
{
    *mode = config->mode == SETTING_INHERIT ? SETTING_AUTO : config->mode;
    return !option_given(arguments, OPTION_MODE) ||
           mode_setting_parse(arguments->value[OPTION_MODE], mode, error);
}

static bool choose_learning(const struct arguments *arguments, const struct config *config,
                            bool *learning, struct error *error)
{
    *learning = config->has_learning ? config->learning : true;
    return !option_given(arguments, OPTION_LEARN) ||
           switch_parse("learn", arguments->value[OPTION_LEARN], learning, error);
}

static bool choose_unknown(const struct arguments *arguments, const struct config *config,
                           enum unknown_servers *unknown, struct error *error)
{
    *unknown = config->unknown;
    return !option_given(arguments, OPTION_UNKNOWN) ||
           unknown_servers_parse(arguments->value[OPTION_UNKNOWN], unknown, error);
}

static bool choose_workers(const struct arguments *arguments, const struct config *config,
                           uint32_t *workers, struct error *error)
{
    *workers = config->workers ? config->workers : 1;
    return !option_given(arguments, OPTION_WORKERS) ||
           workers_parse(arguments->value[OPTION_WORKERS], workers, error);
}

static bool choose_flows(const struct arguments *arguments, const struct config *config,
                         uint32_t *flows, struct error *error)
{
    *flows = config->flows;
    return !option_given(arguments, OPTION_FLOWS) ||
           flows_parse(arguments->value[OPTION_FLOWS], flows, error);
}

static bool choose_busy_poll(const struct arguments *arguments, const struct config *config,
                             uint32_t *busy_poll, struct error *error)
{
    *busy_poll = config->has_busy_poll ? config->busy_poll : BUSY_POLL_DEFAULT;
    return !option_given(arguments, OPTION_BUSY_POLL) ||
           busy_poll_parse(arguments->value[OPTION_BUSY_POLL], busy_poll, error);
}

static bool choose_kernel_path(const struct arguments *arguments, const struct config *config,
                               enum kernel_path_setting *setting, struct error *error)
{
    *setting = config->kernel_path;
    return !option_given(arguments, OPTION_KERNEL_PATH) ||
           kernel_path_parse(arguments->value[OPTION_KERNEL_PATH], setting, error);
}

static bool choose_sandbox(const struct arguments *arguments, const struct config *config,
                           enum sandbox_setting *setting, struct error *error)
{
    *setting = config->sandbox;
    return !option_given(arguments, OPTION_SANDBOX) ||
           sandbox_parse(arguments->value[OPTION_SANDBOX], setting, error);
}

static bool choose_sides(const struct arguments *arguments, const struct config *config,
                         struct run_options *options, struct error *error)
{
    options->client_side = choose(arguments, OPTION_CLIENT, config->client, NULL);
    options->server_side = choose(arguments, OPTION_SERVER, config->server, NULL);
    if (!options->client_side || !options->server_side)
        return error_set(error, EXIT_USAGE,
                         "run: --%s is missing: give both sides, such as --client %s --server %s",
                         options->client_side ? "server" : "client", "netns:clients/sw0",
                         "netns:servers/sw1");
    if (strcmp(options->client_side, options->server_side) == 0)
        return error_set(error, EXIT_USAGE, "run: both sides are %.200s: give two",
                         options->client_side);
    return true;
}

static bool run_daemon(const struct arguments *arguments, const struct config *config,
                       struct error *error)
{
    struct run_options options = {
        .server_stack = choose(arguments, OPTION_SERVER_STACK, config->server_stack, NULL),
        .store_path = choose(arguments, OPTION_STORE, config->store, STORE_PATH_DEFAULT),
        .control_path = choose(arguments, OPTION_CONTROL, config->control, CONTROL_SOCKET_DEFAULT),
        .triggers = config->triggers,
        .mode_given = option_given(arguments, OPTION_MODE) || config->mode != SETTING_INHERIT,
        .single_reads = option_given(arguments, OPTION_SINGLE_READS),
        .single_queue = option_given(arguments, OPTION_SINGLE_QUEUE),
        .escape = arguments->value[OPTION_ESCAPE],
    };

    if (!choose_sides(arguments, config, &options, error) ||
        !choose_mode(arguments, config, &options.mode, error) ||
        !choose_learning(arguments, config, &options.learning, error) ||
        !choose_unknown(arguments, config, &options.unknown, error) ||
        !choose_workers(arguments, config, &options.workers, error) ||
        !choose_flows(arguments, config, &options.flows, error) ||
        !choose_busy_poll(arguments, config, &options.busy_poll, error) ||
        !choose_kernel_path(arguments, config, &options.kernel_path, error) ||
        !choose_sandbox(arguments, config, &options.sandbox, error))
        return false;
    return run_bridge(&options, error) == EXIT_DONE;
}

bool cmd_run(const struct arguments *arguments, struct error *error)
{
    struct config config = {.mode = SETTING_INHERIT};
    bool done = (!option_given(arguments, OPTION_CONFIG) ||
                 config_load(&config, arguments->value[OPTION_CONFIG], error)) &&
                run_daemon(arguments, &config, error);

    config_free(&config);
    return done;
}
