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

static bool learning_parse(const char *text, bool *out, struct error *error)
{
    return switch_parse("learn", text, out, error);
}

/* What the command line says, in the place of what the file says. */
static bool take_given(const struct arguments *arguments, struct run_options *options,
                       struct error *error)
{
#define TAKE(what, id, parse)                                                                      \
    (!option_given(arguments, OPTION_##id) ||                                                      \
     parse(arguments->value[OPTION_##id], &options->what, error))
    return TAKE(mode, MODE, mode_setting_parse) && TAKE(learning, LEARN, learning_parse) &&
           TAKE(unknown, UNKNOWN, unknown_servers_parse) && TAKE(workers, WORKERS, workers_parse) &&
           TAKE(flows, FLOWS, flows_parse) && TAKE(busy_poll, BUSY_POLL, busy_poll_parse) &&
           TAKE(kernel_path, KERNEL_PATH, kernel_path_parse) && TAKE(hook, HOOK, hook_parse) &&
           TAKE(carrier, CARRIER, carrier_parse) && TAKE(card, CARD, card_parse) &&
           TAKE(when_dead, WHEN_DEAD, when_dead_parse) && TAKE(sandbox, SANDBOX, sandbox_parse);
#undef TAKE
}

bool run_options_make(const struct arguments *arguments, const struct config *config,
                      struct run_options *options, struct error *error)
{
    *options = (struct run_options){
        .server_stack = choose(arguments, OPTION_SERVER_STACK, config->server_stack, NULL),
        .store_path = choose(arguments, OPTION_STORE, config->store, STORE_PATH_DEFAULT),
        .control_path = choose(arguments, OPTION_CONTROL, config->control, CONTROL_SOCKET_DEFAULT),
        .mode = config->mode == SETTING_INHERIT ? SETTING_AUTO : config->mode,
        .learning = config->line[CONFIG_LEARN] ? config->learning : true,
        .unknown = config->unknown,
        .workers = config->workers ? config->workers : 1,
        .flows = config->flows,
        .busy_poll = config->line[CONFIG_BUSY_POLL] ? config->busy_poll : BUSY_POLL_DEFAULT,
        .kernel_path = config->kernel_path,
        .hook = config->hook,
        .carrier = config->carrier,
        .card = config->card,
        .when_dead = config->when_dead,
        .sandbox = config->sandbox,
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
    return choose_sides(arguments, config, options, error) && take_given(arguments, options, error);
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
        [CONFIG_HOOK] = OPTION_HOOK,
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
