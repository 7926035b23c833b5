/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_run_options.c - see cmd_run_options.h. */
#include "cli/cmd_run_options.h"

#include <stdio.h>
#include <string.h>

#include "bridge/control/protocol.h"
#include "bridge/io/busy_poll.h"
#include "bridge/run_check.h"
#include "bridge/text/mode_text.h"
#include "cli/command.h"

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
    *learning = config->line[CONFIG_LEARN] ? config->learning : true;
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
    *busy_poll = config->line[CONFIG_BUSY_POLL] ? config->busy_poll : BUSY_POLL_DEFAULT;
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

static bool choose_hook(const struct arguments *arguments, const struct config *config,
                        enum hook_setting *setting, struct error *error)
{
    *setting = config->hook;
    return !option_given(arguments, OPTION_HOOK) ||
           hook_parse(arguments->value[OPTION_HOOK], setting, error);
}

static bool choose_carrier(const struct arguments *arguments, const struct config *config,
                           enum carrier_setting *setting, struct error *error)
{
    *setting = config->carrier;
    return !option_given(arguments, OPTION_CARRIER) ||
           carrier_parse(arguments->value[OPTION_CARRIER], setting, error);
}

static bool choose_when_dead(const struct arguments *arguments, const struct config *config,
                             enum when_dead_setting *setting, struct error *error)
{
    *setting = config->when_dead;
    return !option_given(arguments, OPTION_WHEN_DEAD) ||
           when_dead_parse(arguments->value[OPTION_WHEN_DEAD], setting, error);
}

static bool choose_card(const struct arguments *arguments, const struct config *config,
                        enum card_setting *setting, struct error *error)
{
    *setting = config->card;
    return !option_given(arguments, OPTION_CARD) ||
           card_parse(arguments->value[OPTION_CARD], setting, error);
}

static bool choose_sandbox(const struct arguments *arguments, const struct config *config,
                           enum sandbox_setting *setting, struct error *error)
{
    *setting = config->sandbox;
    return !option_given(arguments, OPTION_SANDBOX) ||
           sandbox_parse(arguments->value[OPTION_SANDBOX], setting, error);
}

const char *run_options_inline(const struct arguments *arguments, const struct config *config)
{
    const bool sides =
        option_given(arguments, OPTION_CLIENT) || option_given(arguments, OPTION_SERVER);

    return choose(arguments, OPTION_INLINE, sides ? NULL : config->inlined, NULL);
}

void run_options_both_ends(const char *inlined, char sides[2][INLINED_BYTES])
{
    snprintf(sides[0], INLINED_BYTES, "inline:%s", inlined);
    snprintf(sides[1], INLINED_BYTES, "port:%s", inlined);
}

/* False: two things are said of the same. */
static bool check_one_word(const struct arguments *arguments, const struct config *config,
                           struct error *error)
{
    if (option_given(arguments, OPTION_INLINE) &&
        (option_given(arguments, OPTION_CLIENT) || option_given(arguments, OPTION_SERVER)))
        return error_set(error, EXIT_USAGE,
                         "run: --inline stands for both sides: leave out --client and --server");
    if (!config->inlined || (!config->client && !config->server))
        return true;
    error_set(error, EXIT_FAILED, "stands for both sides: leave out client and server");
    return config_blame(config, CONFIG_INLINE, error);
}

/* Whose word each side is stands in the error where it is the file's. */
static bool choose_sides(const struct arguments *arguments, const struct config *config,
                         struct run_options *options, struct error *error)
{
    const char *inlined = run_options_inline(arguments, config);

    if (!check_one_word(arguments, config, error))
        return false;
    if (inlined) {
        run_options_both_ends(inlined, options->inlined);
        options->client_side = options->inlined[0];
        options->server_side = options->inlined[1];
        return true;
    }
    options->client_side = choose(arguments, OPTION_CLIENT, config->client, NULL);
    options->server_side = choose(arguments, OPTION_SERVER, config->server, NULL);
    if (options->client_side && options->server_side)
        return true;
    if (config->name) {
        error_set(error, EXIT_FAILED,
                  "is missing: give both sides, such as client = %s, server = %s, or inline = %s",
                  "port:eth1", "port:eth2", "vnet3");
        return config_blame(config, options->client_side ? CONFIG_SERVER : CONFIG_CLIENT, error);
    }
    return error_set(
        error, EXIT_USAGE,
        "run: --%s is missing: give both sides, such as --client %s --server %s, or --inline %s",
        options->client_side ? "server" : "client", "netns:clients/sw0", "netns:servers/sw1",
        "vnet3");
}

bool run_options_make(const struct arguments *arguments, const struct config *config,
                      struct run_options *options, struct error *error)
{
    *options = (struct run_options){
        .server_stack = choose(arguments, OPTION_SERVER_STACK, config->server_stack, NULL),
        .store_path = choose(arguments, OPTION_STORE, config->store, STORE_PATH_DEFAULT),
        .control_path = choose(arguments, OPTION_CONTROL, config->control, CONTROL_SOCKET_DEFAULT),
        .triggers = config->triggers,
        .config = config,
        .mode_given = option_given(arguments, OPTION_MODE) || config->mode != SETTING_INHERIT,
        .when_dead_given =
            option_given(arguments, OPTION_WHEN_DEAD) || config->line[CONFIG_WHEN_DEAD] > 0,
        .single_reads = option_given(arguments, OPTION_SINGLE_READS),
        .single_queue = option_given(arguments, OPTION_SINGLE_QUEUE),
        .cluster_key = choose(arguments, OPTION_CLUSTER_KEY, config->cluster_key, NULL),
        .escape = arguments->value[OPTION_ESCAPE],
    };
    return choose_sides(arguments, config, options, error) &&
           choose_mode(arguments, config, &options->mode, error) &&
           choose_learning(arguments, config, &options->learning, error) &&
           choose_unknown(arguments, config, &options->unknown, error) &&
           choose_workers(arguments, config, &options->workers, error) &&
           choose_flows(arguments, config, &options->flows, error) &&
           choose_busy_poll(arguments, config, &options->busy_poll, error) &&
           choose_kernel_path(arguments, config, &options->kernel_path, error) &&
           choose_hook(arguments, config, &options->hook, error) &&
           choose_carrier(arguments, config, &options->carrier, error) &&
           choose_card(arguments, config, &options->card, error) &&
           choose_when_dead(arguments, config, &options->when_dead, error) &&
           choose_sandbox(arguments, config, &options->sandbox, error);
}

/* Always false; the file is blamed for what it says. */
static bool blame(const struct arguments *arguments, const struct config *config,
                  enum config_key part, struct error *error)
{
    static const enum option_id option_of[CONFIG_KEYS_COUNT] = {
        [CONFIG_CLIENT] = OPTION_CLIENT,
        [CONFIG_SERVER] = OPTION_SERVER,
        [CONFIG_INLINE] = OPTION_INLINE,
        [CONFIG_STORE] = OPTION_STORE,
        [CONFIG_SERVER_STACK] = OPTION_SERVER_STACK,
        [CONFIG_KERNEL_PATH] = OPTION_KERNEL_PATH,
        [CONFIG_CLUSTER_KEY] = OPTION_CLUSTER_KEY,
        [CONFIG_CONTROL] = OPTION_CONTROL};

    if ((part == CONFIG_CLIENT || part == CONFIG_SERVER) && run_options_inline(arguments, config))
        part = CONFIG_INLINE;
    return config->line[part] && !option_given(arguments, option_of[part])
               ? config_blame(config, part, error)
               : false;
}

bool run_options_check(const struct arguments *arguments, const struct config *config,
                       const struct run_options *options, struct error *unseen, struct error *error)
{
    enum config_key part;
    struct error none;

    return run_check(options, unseen != NULL, &part, unseen ? unseen : &none, error) ||
           blame(arguments, config, part, error);
}

bool run_options_check_sides(const struct arguments *arguments, const struct config *config,
                             const struct run_options *options, struct error *error)
{
    enum config_key part;

    return run_check_sides(options, &part, error) || blame(arguments, config, part, error);
}
