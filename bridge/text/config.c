/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.c - reads the config file (config.h). */
#include "bridge/text/config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/io/busy_poll.h"
#include "bridge/text/mode_text.h"
#include "profiles/store/json_document.h"
#include "profiles/model/settings.h"

struct source {
    const char *name, *text;
    size_t bytes;
};

static unsigned long line_at(const struct source *source, size_t offset)
{
    return json_line(source->text, source->bytes, offset);
}

static bool take_string(char **out, const char *text, struct error *error)
{
    if (text[0] == '\0')
        return error_set(error, EXIT_USAGE, "is empty");
    free(*out);
    *out = strdup(text);
    return *out || error_set(error, EXIT_FAILED, "out of memory");
}

/* Takes one key; the reason, without the place, where it is wrong. */
static bool take(struct config *config, const char *key, const char *text, struct error *reason)
{
    if (strcmp(key, "client") == 0)
        return take_string(&config->client, text, reason);
    if (strcmp(key, "server") == 0)
        return take_string(&config->server, text, reason);
    if (strcmp(key, "server-stack") == 0)
        return take_string(&config->server_stack, text, reason);
    if (strcmp(key, "store") == 0)
        return take_string(&config->store, text, reason);
    if (strcmp(key, "control") == 0)
        return take_string(&config->control, text, reason);
    if (strcmp(key, "mode") == 0)
        return mode_setting_parse(text, &config->mode, reason);
    if (strcmp(key, "learn") == 0) {
        config->has_learning = true;
        return switch_parse("learn", text, &config->learning, reason);
    }
    if (strcmp(key, "unknown") == 0)
        return unknown_servers_parse(text, &config->unknown, reason);
    if (strcmp(key, "workers") == 0)
        return workers_parse(text, &config->workers, reason);
    if (strcmp(key, "flows") == 0)
        return flows_parse(text, &config->flows, reason);
    if (strcmp(key, "busy-poll") == 0) {
        config->has_busy_poll = true;
        return busy_poll_parse(text, &config->busy_poll, reason);
    }
    if (strcmp(key, "kernel-path") == 0)
        return kernel_path_parse(text, &config->kernel_path, reason);
    if (strcmp(key, "sandbox") == 0)
        return sandbox_parse(text, &config->sandbox, reason);
    if (trigger_key(key))
        return trigger_set(&config->triggers, key, text, reason);
    return error_set(
        reason, EXIT_USAGE,
        "unknown key: known are client, server, server-stack, store, control, mode, learn, "
        "unknown, workers, flows, busy-poll, kernel-path, sandbox "
        "and the triggers of `synward help profiles set`");
}

static bool take_all(struct config *config, struct json_object *object, const struct source *source,
                     struct error *error)
{
    json_object_object_foreach(object, key, value)
    {
        struct error reason = {0};

        if (!json_object_is_type(value, json_type_string))
            error_set(&reason, EXIT_USAGE, "not a string: write it in quotes");
        else
            take(config, key, json_object_get_string(value), &reason);
        if (reason.code != EXIT_DONE)
            return error_set(error, EXIT_FAILED, "config: %.160s:%lu: %.40s: %.200s", source->name,
                             line_at(source, json_locate(source->text, source->bytes, key)), key,
                             reason.text);
    }
    return true;
}

/* NULL where the text is not one JSON object. */
static struct json_object *parse_object(const struct source *source, struct error *error)
{
    struct json_flaw flaw;
    struct json_object *object = json_document(source->text, source->bytes, JSON_ANY_BYTES, &flaw);

    if (!object && flaw.kind == JSON_FLAW_EARLY)
        error_set(error, EXIT_FAILED, "config: %.200s:%lu: %s", source->name,
                  line_at(source, flaw.offset), flaw.reason);
    else if (!object)
        error_set(error, EXIT_FAILED, "config: %.200s:%lu: %s: see `synward help run`",
                  source->name, line_at(source, flaw.offset), flaw.reason);
    return object;
}

bool config_parse(struct config *config, const char *text, size_t bytes, const char *name,
                  struct error *error)
{
    const struct source source = {.name = name, .text = text, .bytes = bytes};
    struct json_object *object = parse_object(&source, error);
    bool taken;

    *config = (struct config){.mode = SETTING_INHERIT};
    if (!object)
        return false;
    taken = take_all(config, object, &source, error);
    json_object_put(object);
    if (!taken)
        config_free(config);
    return taken;
}

bool config_load(struct config *config, const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(CONFIG_BYTES_MAX + 1) : NULL;
    size_t bytes = text ? fread(text, 1, CONFIG_BYTES_MAX + 1, file) : 0;
    bool failed = !text || ferror(file), loaded = false;

    *config = (struct config){.mode = SETTING_INHERIT};
    if (failed)
        error_set(error, EXIT_FAILED, "config: %.300s: %s: give another --config", path,
                  strerror(errno));
    else if (bytes > CONFIG_BYTES_MAX)
        error_set(error, EXIT_FAILED, "config: %.300s: larger than 1 MiB: give another --config",
                  path);
    else
        loaded = config_parse(config, text, bytes, path, error);
    free(text);
    if (file)
        fclose(file);
    return loaded;
}

void config_free(struct config *config)
{
    free(config->client);
    free(config->server);
    free(config->server_stack);
    free(config->store);
    free(config->control);
    *config = (struct config){.mode = SETTING_INHERIT};
}
