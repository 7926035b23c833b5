/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_reload.c - see run_reload.h. */
#include "bridge/run_reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/io/busy_poll.h"
#include "bridge/run_parts.h"
#include "bridge/text/document.h"
#include "profiles/model/settings.h"

#define NUMBER_BYTES 16

/* --- what has changed ------------------------------------------------------------------------ */

/* NULL: the file says nothing, and there is no default. */
static const char *option_text(const struct run_options *options, enum config_key key,
                               char number[NUMBER_BYTES])
{
    switch (key) {
    case CONFIG_CLIENT:
        return options->client_side;
    case CONFIG_SERVER:
        return options->server_side;
    case CONFIG_INLINE: /* is told as the sides that it stands for */
        return NULL;
    case CONFIG_SERVER_STACK:
        return options->server_stack;
    case CONFIG_CLUSTER_KEY:
        return options->cluster_key;
    case CONFIG_STORE:
        return options->store_path;
    case CONFIG_CONTROL:
        return options->control_path;
    case CONFIG_MODE:
        return mode_setting_name(options->mode);
    case CONFIG_LEARN:
        return options->learning ? "on" : "off";
    case CONFIG_UNKNOWN:
        return unknown_servers_name(options->unknown);
    case CONFIG_KERNEL_PATH:
        return kernel_path_name(options->kernel_path);
    case CONFIG_HOOK:
        return hook_name(options->hook);
    case CONFIG_WHEN_DEAD:
        return when_dead_name(options->when_dead);
    case CONFIG_CARRIER:
        return carrier_name(options->carrier);
    case CONFIG_CARD:
        return card_name(options->card);
    case CONFIG_SANDBOX:
        return sandbox_name(options->sandbox);
    case CONFIG_BUSY_POLL:
        if (options->busy_poll == BUSY_POLL_AUTO || options->busy_poll == BUSY_POLL_OFF)
            return options->busy_poll ? "auto" : "off";
        snprintf(number, NUMBER_BYTES, "%u", options->busy_poll);
        return number;
    case CONFIG_WORKERS:
        snprintf(number, NUMBER_BYTES, "%u", options->workers);
        return number;
    case CONFIG_FLOWS:
        snprintf(number, NUMBER_BYTES, "%u", options->flows);
        return options->flows ? number : NULL;
    case CONFIG_KEYS_COUNT:
        break;
    }
    return NULL;
}

static bool takes_a_restart(enum config_key key)
{
    return key != CONFIG_MODE && key != CONFIG_LEARN && key != CONFIG_UNKNOWN &&
           key != CONFIG_CARRIER;
}

static struct json_object *text_or_null(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

/* One key whose value is another now; `server` NULL: of all. */
static void add_change(struct json_object *changes, const struct server_selector *server,
                       const char *key, const char *was, const char *is, bool restart)
{
    struct json_object *change;
    char text[SERVER_TEXT_BYTES];

    if (was == is || (was && is && strcmp(was, is) == 0))
        return;
    change = json_object_new_object();
    json_object_object_add(change, "key", json_object_new_string(key));
    json_object_object_add(
        change, "server",
        text_or_null(server ? server_to_text(&server->addr, server->port, text) : NULL));
    json_object_object_add(change, "was", text_or_null(was));
    json_object_object_add(change, "is", text_or_null(is));
    json_object_object_add(change, "restart", json_object_new_boolean(restart));
    json_object_array_add(changes, change);
}

static void compare_options(struct json_object *changes, const struct run_options *was,
                            const struct run_options *is)
{
    const struct profile_settings before = {.triggers = was->triggers},
                                  after = {.triggers = is->triggers};
    char old[SETTING_VALUE_BYTES], new[SETTING_VALUE_BYTES];

    _Static_assert(NUMBER_BYTES == SETTING_VALUE_BYTES, "both are numbers");
    for (enum config_key key = 0; key < CONFIG_KEYS_COUNT; key++)
        add_change(changes, NULL, config_key_name(key), option_text(was, key, old),
                   option_text(is, key, new), takes_a_restart(key));
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (trigger_key(setting_key(i)))
            add_change(changes, NULL, setting_key(i), setting_value(&before, i, old),
                       setting_value(&after, i, new), false);
}

static const struct config_server *find_section(const struct config *config,
                                                const struct server_selector *selector)
{
    static const struct config_server none = {.mode = SETTING_INHERIT};

    for (size_t i = 0; i < config->server_count; i++)
        if (memcmp(&config->servers[i].selector, selector, sizeof(*selector)) == 0)
            return &config->servers[i];
    return &none;
}

static void compare_section(struct json_object *changes, const struct server_selector *selector,
                            const struct config_server *was, const struct config_server *is)
{
    char old[SETTING_VALUE_BYTES], new[SETTING_VALUE_BYTES];

    add_change(changes, selector, "mode", mode_setting_name(was->mode), mode_setting_name(is->mode),
               false);
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        add_change(changes, selector, setting_key(i),
                   was->said.line[i] ? setting_value(&was->said.value, i, old) : NULL,
                   is->said.line[i] ? setting_value(&is->said.value, i, new) : NULL, false);
}

/* Those that are there no more, too. */
static void compare_servers(struct json_object *changes, const struct config *was,
                            const struct config *is)
{
    for (size_t i = 0; i < is->server_count; i++)
        compare_section(changes, &is->servers[i].selector,
                        find_section(was, &is->servers[i].selector), &is->servers[i]);
    for (size_t i = 0; i < was->server_count; i++)
        if (find_section(is, &was->servers[i].selector)->line == 0)
            compare_section(changes, &was->servers[i].selector, &was->servers[i],
                            find_section(is, &was->servers[i].selector));
}

/* --- reading --------------------------------------------------------------------------------- */

static bool read_config(const struct run *run, struct config *config, struct error *error)
{
    const char *path = run->options.reconfiguring.path;
    size_t bytes = 0;
    int fd;
    char *text;
    bool read;

    *config = (struct config){.mode = SETTING_INHERIT};
    if (!path)
        return error_set(error, EXIT_FAILED,
                         "no configuration file: synward was started without --config");
    fd = keeping_config(run->confine.keeping, path, error);
    text = fd >= 0 ? config_text(fd, path, &bytes, error) : NULL;
    read = text && config_parse(config, text, bytes, path, error);
    free(text);
    if (fd >= 0)
        close(fd);
    return read;
}

/* --- in force -------------------------------------------------------------------------------- */

static void warn(bool done, const struct error *why)
{
    if (!done)
        log_line(LOG_LEVEL_WARNING, "reload: not every server has its mode: %s", why->text);
}

static void apply_modes(struct run *run, struct run_modes *modes, enum mode_setting mode)
{
    struct server_info *servers = NULL;
    struct error error = {0};
    uint32_t count = 0;

    if (mode != run->options.mode)
        warn(daemon_set_mode(run->daemon, NULL, mode, &error), &error);
    warn(run_modes_give_back(&run->modes, modes, run->daemon, &error), &error);
    run_modes_free(&run->modes);
    run->modes = *modes;
    warn(run_modes_tell_profiles(&run->modes, run->daemon, &error), &error);
    if (!workers_servers(run->workers, &servers, &count, &error))
        return;
    for (uint32_t i = 0; i < count; i++)
        warn(run_modes_tell(&run->modes, run->daemon, &servers[i].key, 1, &error), &error);
    free(servers);
}

/* A worker that did not answer may do so again, and is to go by what is in force. */
static void put_back(struct run *run)
{
    struct settings_for *settings =
        run->options.config ? config_settings(run->options.config) : NULL;
    struct error error = {0};

    warn(workers_configure(run->workers, &run->options.triggers, run->options.unknown, &error),
         &error);
    if (settings)
        store_configure(run->store, settings, run->options.config->server_count);
    free(settings);
}

/* What can fail comes first. The rest of the options stays that of the start. */
static bool apply(struct run *run, const struct run_options *options, struct error *error)
{
    struct settings_for *settings = config_settings(options->config);
    struct run_modes modes = {0};
    bool done = settings && run_modes_plan(&modes, &run->modes, options->config, error);

    if (!settings)
        error_set(error, EXIT_FAILED, "out of memory for the settings of servers");
    done = done && workers_configure(run->workers, &options->triggers, options->unknown, error) &&
           (store_configure(run->store, settings, options->config->server_count) ||
            error_set(error, EXIT_FAILED, "out of memory for the settings of servers")) &&
           daemon_bring_in_force(run->daemon, error);
    free(settings);
    if (!done) {
        put_back(run);
        run_modes_free(&modes);
        return false;
    }
    apply_modes(run, &modes, options->mode);
    if (options->learning != run->options.learning)
        daemon_set_learning(run->daemon, options->learning);
    run->options.mode = options->mode;
    run->options.learning = options->learning;
    run->options.unknown = options->unknown;
    run->options.carrier = options->carrier;
    sides_watch_carrier(&run->sides_watch);
    run->options.triggers = options->triggers;
    return true;
}

/* `config` is taken, and freed where it is not taken over. */
static struct json_object *reload(struct run *run, struct config *config, struct error *error)
{
    struct json_object *changes = json_object_new_array(), *document;
    struct run_options options;

    if (!run->options.reconfiguring.make(run->options.reconfiguring.context, config, &options,
                                         error)) {
        config_free(config);
        json_object_put(changes);
        return NULL;
    }
    compare_options(changes, &run->options, &options);
    compare_servers(changes, run->options.config, config);
    if (!apply(run, &options, error)) {
        config_free(config);
        json_object_put(changes);
        return NULL;
    }
    config_free(run->reloaded);
    *run->reloaded = *config;
    run->options.config = run->reloaded;
    document = document_new();
    json_object_object_add(document, "file",
                           json_object_new_string(run->options.reconfiguring.path));
    json_object_object_add(document, "changes", changes);
    return document;
}

struct json_object *run_reload(void *context, struct error *error)
{
    struct run *run = context;
    struct json_object *document = NULL;
    struct config config;

    notify_reloading(&run->notify, clock_now_us());
    if (read_config(run, &config, error))
        document = reload(run, &config, error);
    report_config(run->report,
                  document ? json_object_array_length(json_object_object_get(document, "changes"))
                           : 0,
                  document ? NULL : error->text);
    notify_ready(&run->notify);
    return document;
}
