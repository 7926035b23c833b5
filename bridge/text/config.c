/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.c - reads the configuration file (config.h).
 *
 * libinih splits lines into keys and values. Sections are read here, since an IPv6 server has
 * brackets of its own, and libinih takes the first that closes for the end; and lines are handed to
 * it without the spaces that they begin with, which it would take for a value that goes on.
 */
#include "bridge/text/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/io/busy_poll.h"
#include "profiles/model/settings.h"
#include "profiles/store/text_mark.h"

#define BLANKS        " \t"
#define SECTION_BYTES 96
#define LINE_MOST     (INI_MAX_LINE - 2) /* without its newline and the zero */

struct reading {
    struct config *config;
    const char *next, *end;
    uint32_t line;                /* the one that libinih has */
    struct config_server *server; /* whose section it is; NULL: above the first */
    uint32_t wrong_line;
    struct error wrong; /* what was wrong first */
};

static const struct {
    const char *name;
} keys[CONFIG_KEYS_COUNT] = {
#define CONFIG_KEY_NAME(id, key, value, help) [CONFIG_##id] = {key},
    CONFIG_KEYS(CONFIG_KEY_NAME)
#undef CONFIG_KEY_NAME
};

const char *config_key_name(enum config_key key)
{
    return keys[key].name;
}

static enum config_key find_key(const char *name)
{
    enum config_key key = 0;

    while (key < CONFIG_KEYS_COUNT && strcmp(name, keys[key].name) != 0)
        key++;
    return key;
}

static bool locate(const struct config *config, uint32_t line, const char *what,
                   const struct error *reason, struct error *error)
{
    return error_set(error, EXIT_FAILED, "config: %.160s:%u: %.60s%s%.260s", config->name, line,
                     what, what[0] ? ": " : "", reason->text);
}

bool config_blame(const struct config *config, enum config_key key, struct error *error)
{
    const struct error reason = *error;

    return locate(config, config->line[key] ? config->line[key] : config->lines, keys[key].name,
                  &reason, error);
}

/* What is wrong first is told; libinih goes on reading. */
static void wrong(struct reading *reading, const char *what, const struct error *reason)
{
    if (reading->wrong_line)
        return;
    reading->wrong_line = reading->line;
    locate(reading->config, reading->line, what, reason, &reading->wrong);
}

__attribute__((format(printf, 3, 4))) static void
wrong_because(struct reading *reading, const char *what, const char *format, ...)
{
    struct error reason = {0};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason.text, sizeof(reason.text), format, arguments);
    va_end(arguments);
    wrong(reading, what, &reason);
}

/* --- keys ------------------------------------------------------------------------------------ */

static bool take_string(char **out, const char *text, struct error *error)
{
    *out = strdup(text);
    return *out || error_set(error, EXIT_FAILED, "out of memory");
}

static bool take_value(struct config *config, enum config_key key, const char *text,
                       struct error *reason)
{
    switch (key) {
    case CONFIG_CLIENT:
        return take_string(&config->client, text, reason);
    case CONFIG_SERVER:
        return take_string(&config->server, text, reason);
    case CONFIG_INLINE:
        return take_string(&config->inlined, text, reason);
    case CONFIG_SERVER_STACK:
        return take_string(&config->server_stack, text, reason);
    case CONFIG_CLUSTER_KEY:
        return take_string(&config->cluster_key, text, reason);
    case CONFIG_STORE:
        return take_string(&config->store, text, reason);
    case CONFIG_CONTROL:
        return take_string(&config->control, text, reason);
    case CONFIG_MODE:
        return mode_setting_parse(text, &config->mode, reason);
    case CONFIG_LEARN:
        return switch_parse("learn", text, &config->learning, reason);
    case CONFIG_UNKNOWN:
        return unknown_servers_parse(text, &config->unknown, reason);
    case CONFIG_WORKERS:
        return workers_parse(text, &config->workers, reason);
    case CONFIG_FLOWS:
        return flows_parse(text, &config->flows, reason);
    case CONFIG_BUSY_POLL:
        return busy_poll_parse(text, &config->busy_poll, reason);
    case CONFIG_KERNEL_PATH:
        return kernel_path_parse(text, &config->kernel_path, reason);
    case CONFIG_HOOK:
        return hook_parse(text, &config->hook, reason);
    case CONFIG_WHEN_DEAD:
        return when_dead_parse(text, &config->when_dead, reason);
    case CONFIG_CARRIER:
        return carrier_parse(text, &config->carrier, reason);
    case CONFIG_CARD:
        return card_parse(text, &config->card, reason);
    case CONFIG_SANDBOX:
        return sandbox_parse(text, &config->sandbox, reason);
    case CONFIG_KEYS_COUNT:
        break;
    }
    return error_set(reason, EXIT_USAGE, "no key");
}

/* True, and told, where the key has been said before. */
static bool stands_twice(struct reading *reading, const char *name, uint32_t *line)
{
    if (*line)
        wrong_because(reading, name, "stands twice, first in line %u", *line);
    else
        *line = reading->line;
    return *line != reading->line;
}

static void take_trigger(struct reading *reading, const char *name, const char *text)
{
    struct config *config = reading->config;
    struct trigger_limits limits = config->triggers;
    struct error reason = {0};

    if (!trigger_set(&limits, name, text, &reason)) {
        wrong(reading, name, &reason);
        return;
    }
    if (!stands_twice(reading, name, &config->trigger_line[setting_index(name)]))
        config->triggers = limits;
}

static void take_common(struct reading *reading, const char *name, const char *text)
{
    struct config *config = reading->config;
    const enum config_key key = find_key(name);
    struct error reason = {0};

    if (trigger_key(name)) {
        take_trigger(reading, name, text);
    } else if (key == CONFIG_KEYS_COUNT && setting_index(name) < SETTINGS_COUNT) {
        wrong_because(reading, name, "stands below [server ADDRESS:PORT]");
    } else if (key == CONFIG_KEYS_COUNT) {
        wrong_because(reading, name,
                      "unknown key: `synward help run` lists those that stand here, `synward help "
                      "profiles set` those of a [server ADDRESS:PORT]");
    } else if (!stands_twice(reading, name, &config->line[key]) &&
               !take_value(config, key, text, &reason)) {
        wrong(reading, name, &reason);
    }
}

static void take_of_server(struct reading *reading, const char *name, const char *text)
{
    struct config_server *server = reading->server;
    const size_t index = setting_index(name);
    struct error reason = {0};
    bool taken;

    if (strcmp(name, "mode") != 0 && index == SETTINGS_COUNT) {
        if (find_key(name) < CONFIG_KEYS_COUNT)
            wrong_because(reading, name, "stands above the first [server ...]");
        else
            wrong_because(
                reading, name,
                "unknown key: a server has mode and those of `synward help profiles set`");
        return;
    }
    if (stands_twice(reading, name,
                     index == SETTINGS_COUNT ? &server->mode_line : &server->said.line[index]))
        return;
    taken = index == SETTINGS_COUNT ? mode_setting_parse(text, &server->mode, &reason)
                                    : setting_set(&server->said.value, name, text, &reason);
    if (!taken)
        wrong(reading, name, &reason);
}

static int take(void *context, const char *section, const char *name, const char *text)
{
    struct reading *reading = context;

    (void)section;
    if (text[0] == '\0')
        wrong_because(reading, name, "is empty");
    else if (reading->server)
        take_of_server(reading, name, text);
    else
        take_common(reading, name, text);
    return 1;
}

/* --- sections -------------------------------------------------------------------------------- */

static struct config_server *find_server(const struct config *config,
                                         const struct server_selector *selector)
{
    for (size_t i = 0; i < config->server_count; i++)
        if (memcmp(&config->servers[i].selector, selector, sizeof(*selector)) == 0)
            return &config->servers[i];
    return NULL;
}

static void begin_server(struct reading *reading, const char *name, const char *text)
{
    struct config *config = reading->config;
    struct server_selector selector = {0};
    const struct config_server *before;
    struct config_server *grown;
    struct error reason = {0};

    if (!server_selector_parse(text, &selector, &reason)) {
        wrong(reading, name, &reason);
        return;
    }
    if (selector.transport != TRANSPORT_ANY) {
        wrong_because(reading, name, "a server here is an address and a port, whatever asks it");
        return;
    }
    before = find_server(config, &selector);
    if (before || config->server_count == CONFIG_SERVERS_MAX) {
        if (before)
            wrong_because(reading, name, "stands twice, first in line %u", before->line);
        else
            wrong_because(reading, name, "more than %u servers", CONFIG_SERVERS_MAX);
        return;
    }
    grown = realloc(config->servers, (config->server_count + 1) * sizeof(*grown));
    if (!grown) {
        wrong_because(reading, name, "out of memory");
        return;
    }
    config->servers = grown;
    reading->server = &grown[config->server_count++];
    *reading->server = (struct config_server){.selector = selector, .line = reading->line};
}

/* `text`: one line, from its '[' on. */
static void begin_section(struct reading *reading, const char *text)
{
    const char *close = strrchr(text, ']');
    const char *comment = strpbrk(text, ";#");
    char name[SECTION_BYTES], inner[SECTION_BYTES];
    size_t begin;

    if (comment && close && close > comment) /* brackets of a comment */
        close = memrchr(text, ']', (size_t)(comment - text));
    if (!close || (close[1 + strspn(close + 1, BLANKS)] != '\0' &&
                   close + 1 + strspn(close + 1, BLANKS) != comment)) {
        wrong_because(reading, "", "a section is one line: [server ADDRESS:PORT]");
        return;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(close + 1 - text), text);
    snprintf(inner, sizeof(inner), "%.*s", (int)(close - text - 1), text + 1);
    begin = strspn(inner, BLANKS);
    if ((size_t)(close - text) >= sizeof(name) || strncmp(inner + begin, "server", 6) != 0 ||
        strspn(inner + begin + 6, BLANKS) == 0) {
        wrong_because(reading, name, "no such section: write [server ADDRESS:PORT]");
        return;
    }
    begin += 6;
    begin += strspn(inner + begin, BLANKS);
    for (size_t end = strlen(inner); end > begin && strchr(BLANKS, inner[end - 1]); end--)
        inner[end - 1] = '\0';
    begin_server(reading, name, inner + begin);
}

/* --- lines ----------------------------------------------------------------------------------- */

/* Nothing that a terminal or a log would obey. */
static bool is_text(const char *line, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
            return false;
    return true;
}

/* What libinih is given in the place of a line that is not for it. */
static void look_at(struct reading *reading, char *line)
{
    if (line[0] == '{' && !reading->wrong_line && !reading->server) {
        wrong_because(reading, "",
                      "JSON is read no longer: write each \"KEY\": \"VALUE\" of it as a line "
                      "KEY = VALUE, without braces, quotes and commas");
        line[0] = '\0';
    } else if (line[0] == '[') {
        begin_section(reading, line);
        line[0] = '\0';
    } else if (line[0] != '\0' && line[0] != '#' && line[0] != ';' && !strpbrk(line, "=:")) {
        wrong_because(reading, "", "neither KEY = VALUE nor [server ADDRESS:PORT]: %.60s", line);
        line[0] = '\0';
    }
}

/* fgets() for libinih. */
static char *next_line(char *line, int room, void *context)
{
    struct reading *reading = context;
    const char *begin = reading->next, *newline;
    size_t bytes;

    if (begin == reading->end)
        return NULL;
    newline = memchr(begin, '\n', (size_t)(reading->end - begin));
    bytes = (size_t)((newline ? newline : reading->end) - begin);
    reading->next = newline ? newline + 1 : reading->end;
    reading->line++;
    if (bytes > 0 && begin[bytes - 1] == '\r')
        bytes--;
    if (reading->line == 1) {
        const size_t mark = text_mark_bytes(begin, bytes);

        begin += mark;
        bytes -= mark;
    }
    for (; bytes > 0 && begin[0] != '\0' && strchr(BLANKS, begin[0]); begin++)
        bytes--;
    line[0] = '\0';
    if (bytes > LINE_MOST || bytes + 2 > (size_t)room) {
        wrong_because(reading, "", "the line is longer than %d bytes", LINE_MOST);
    } else if (!is_text(begin, bytes)) {
        wrong_because(reading, "", "the line holds what is not text");
    } else {
        memcpy(line, begin, bytes);
        line[bytes] = '\0';
        look_at(reading, line);
    }
    memcpy(line + strlen(line), "\n", 2);
    return line;
}

/* --- the whole ------------------------------------------------------------------------------- */

bool config_parse(struct config *config, const char *text, size_t bytes, const char *name,
                  struct error *error)
{
    struct reading reading = {.config = config, .next = text, .end = text + bytes};
    int line;

    *config = (struct config){.mode = SETTING_INHERIT};
    if (!take_string(&config->name, name, error))
        return false;
    line = ini_parse_stream(next_line, &reading, take, &reading);
    config->lines = reading.line ? reading.line : 1;
    if (line != 0 && (!reading.wrong_line || (uint32_t)line < reading.wrong_line)) {
        reading.wrong_line = 0;
        reading.line = line > 0 ? (uint32_t)line : config->lines;
        wrong_because(&reading, "", line > 0 ? "no KEY = VALUE" : "out of memory");
    }
    if (!reading.wrong_line)
        return true;
    *error = reading.wrong;
    config_free(config);
    return false;
}

char *config_text(int fd, const char *path, size_t *bytes, struct error *error)
{
    char *text = malloc(CONFIG_BYTES_MAX + 1);
    ssize_t got = 1;

    *bytes = 0;
    while (text && got > 0 && *bytes <= CONFIG_BYTES_MAX) {
        got = read(fd, text + *bytes, CONFIG_BYTES_MAX + 1 - *bytes);
        *bytes += got > 0 ? (size_t)got : 0;
    }
    if (text && got >= 0 && *bytes <= CONFIG_BYTES_MAX)
        return text;
    if (got < 0)
        error_set(error, EXIT_FAILED, "config: %.300s: %s: give another file", path,
                  strerror(errno));
    else
        error_set(error, EXIT_FAILED, "config: %.300s: %s", path,
                  text ? "larger than 1 MiB: give another file" : "out of memory");
    free(text);
    return NULL;
}

int config_open(const char *path, struct error *error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0) {
        error_set(error, EXIT_FAILED, "config: %.300s: %s: give another file", path,
                  strerror(errno));
        return -1;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    error_set(error, EXIT_FAILED, "config: %.300s: not a file: give another file", path);
    return -1;
}

bool config_load(struct config *config, const char *path, struct error *error)
{
    const int fd = config_open(path, error);
    size_t bytes = 0;
    char *text = fd >= 0 ? config_text(fd, path, &bytes, error) : NULL;
    bool loaded = false;

    *config = (struct config){.mode = SETTING_INHERIT};
    if (text)
        loaded = config_parse(config, text, bytes, path, error);
    free(text);
    if (fd >= 0)
        close(fd);
    return loaded;
}

void config_free(struct config *config)
{
    free(config->name);
    free(config->client);
    free(config->server);
    free(config->inlined);
    free(config->server_stack);
    free(config->cluster_key);
    free(config->store);
    free(config->control);
    free(config->servers);
    *config = (struct config){.mode = SETTING_INHERIT};
}

struct settings_for *config_settings(const struct config *config)
{
    struct settings_for *all = calloc(config->server_count + 1, sizeof(*all));
    size_t count = 0;

    for (int with_port = 0; all && with_port < 2; with_port++)
        for (size_t i = 0; i < config->server_count; i++)
            if ((config->servers[i].selector.port != 0) == with_port)
                all[count++] = (struct settings_for){config->servers[i].selector.addr,
                                                     config->servers[i].selector.port,
                                                     config->servers[i].said};
    return all;
}
