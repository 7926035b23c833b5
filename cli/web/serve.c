/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve.c - see serve.h. */
#include "cli/web/serve.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/sandbox.h"
#include "bridge/text/document.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "profiles/store/json_document.h"

#define TICK_MS 1000
/* Frames come first, also where pages ask for much. */
#define NICE      5
#define SILENT_MS 5000 /* a daemon that has not told anything for so long is not there */

struct server {
    const struct serve_parts *parts;
    struct board board;
    struct asks asks;
    struct http *http;
    struct wire sample, watch;
    uint64_t heard_ms; /* the last line of `sample` */
    uint64_t now_ms, tick_ms;
    bool told_away; /* in the log */
};

/* --- the daemon ------------------------------------------------------------------------------ */

static void lack_daemon(struct server *server, const struct error *error)
{
    if (!server->told_away)
        log_line(LOG_LEVEL_WARNING, "web: the daemon does not answer: %s", error->text);
    server->told_away = true;
    board_away(&server->board);
    http_news(server->http);
}

/* NULL: it is none, or says what is wrong. */
static struct json_object *read_line(struct server *server, const char *line, size_t bytes)
{
    struct json_flaw flaw;
    struct json_object *document = json_document(line, bytes, JSON_ANY_BYTES, &flaw);
    struct error error = {0};

    if (!document || !json_object_object_get(document, "synward"))
        error_set(&error, EXIT_UNREACHABLE, "what it says is not synward's");
    else if (!document_is_error(document, &error))
        return document;
    json_object_put(document);
    lack_daemon(server, &error);
    return NULL;
}

static void hear_sample(void *context, const char *text, size_t bytes)
{
    struct server *server = context;
    struct json_object *line = read_line(server, text, bytes);

    if (!line)
        return;
    board_sample(&server->board, line, (double)server->now_ms / 1e3);
    server->heard_ms = server->now_ms;
    server->told_away = false;
    json_object_put(line);
    http_news(server->http);
}

static void hear_event(void *context, const char *text, size_t bytes)
{
    struct server *server = context;
    struct json_object *line = read_line(server, text, bytes);

    if (!line)
        return;
    board_event(&server->board, line);
    json_object_put(line);
    http_news(server->http);
}

static void move(struct server *server, struct wire *wire,
                 void (*heard)(void *context, const char *line, size_t bytes))
{
    const bool more = wire->fd >= 0 && wire_move(wire);

    wire_lines(wire, heard, server);
    if (!more)
        wire_close(wire);
}

static struct json_object *sample_request(void)
{
    struct json_object *request = control_request("sample");

    json_object_object_add(request, "every_ms", json_object_new_int(TICK_MS));
    json_object_object_add(request, "changes", json_object_new_boolean(true));
    json_object_object_add(request, "at_once", json_object_new_int(TOP_AT_ONCE));
    return request;
}

/* All that the daemon remembers, or what came since. */
static struct json_object *watch_request(const struct server *server)
{
    struct json_object *request = control_request("watch");

    json_object_object_add(request, "since", json_object_new_int64(server->board.event_number));
    return request;
}

static void look_for_daemon(struct server *server)
{
    struct error error = {0};
    int fds[2];

    if (server->sample.fd >= 0 && server->now_ms - server->heard_ms > SILENT_MS) {
        wire_close(&server->sample);
        wire_close(&server->watch);
        error_set(&error, EXIT_UNREACHABLE, "it is silent");
    }
    for (int i = 0; i < 2; i++) {
        struct wire *wire = i ? &server->watch : &server->sample;

        if (wire->fd >= 0)
            continue;
        fds[i] = connector_open(server->parts->connector, &error);
        if (fds[i] >= 0)
            wire_begin(wire, fds[i], i ? watch_request(server) : sample_request());
        if (fds[i] >= 0 && !i)
            server->heard_ms = server->now_ms;
    }
    if (error.code != EXIT_DONE)
        lack_daemon(server, &error);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void wait_for_something(const struct server *server)
{
    struct pollfd watched[ASKS_MAX + 4] = {
        {.fd = server->parts->signals->fd, .events = POLLIN},
        {.fd = http_fd(server->http), .events = POLLIN},
        server->sample.fd >= 0 ? wire_watched(&server->sample) : (struct pollfd){.fd = -1},
        server->watch.fd >= 0 ? wire_watched(&server->watch) : (struct pollfd){.fd = -1},
    };
    const unsigned count = 4 + asks_watched(&server->asks, watched + 4);
    const int http_ms = http_wait_ms(server->http);
    const uint64_t now_ms = clock_now_us() / 1000;
    int wait_ms = server->tick_ms > now_ms ? (int)(server->tick_ms - now_ms) : 0;

    if (http_ms >= 0 && http_ms < wait_ms)
        wait_ms = http_ms;
    poll(watched, count, wait_ms);
}

static void tick(struct server *server)
{
    look_for_daemon(server);
    http_tick(server->http, server->now_ms);
    notify_alive(server->parts->notify);
    server->tick_ms = server->now_ms + TICK_MS;
}

static void turn(struct server *server)
{
    server->now_ms = clock_now_us() / 1000;
    server->board.followed = http_followed(server->http);
    move(server, &server->sample, hear_sample);
    move(server, &server->watch, hear_event);
    if (asks_move(&server->asks, server->now_ms))
        http_answered(server->http);
    if (server->now_ms >= server->tick_ms)
        tick(server);
    http_run(server->http, server->now_ms);
}

static bool told_to_end(struct signals *signals)
{
    int number;

    while ((number = signals_next(signals)) != 0)
        if (number == SIGTERM || number == SIGINT)
            return true;
    return false;
}

/* What an ordinary user cannot give up he has not: then files are kept away by the filter alone. */
static void give_up_privileges(void)
{
    struct sandbox sandbox;
    struct error lack;

    (void)!nice(NICE);
    sandbox_prepare(&sandbox, false);
    lack = sandbox.denied;
    if (lack.code == EXIT_DONE) {
        if (sandbox.user != 0)
            sandbox_hide_files(&lack);
        sandbox_enter(&sandbox, SANDBOX_WEB, &lack);
    }
    if (lack.code != EXIT_DONE && sandbox.user != 0)
        log_line(LOG_LEVEL_WARNING, "web: the sandbox is not whole: %s", lack.text);
}

bool serve(const struct serve_parts *parts, struct error *error)
{
    struct server server = {.parts = parts, .sample = {.fd = -1}, .watch = {.fd = -1}};
    const struct http_parts http = {.library = parts->library,
                                    .board = &server.board,
                                    .asks = &server.asks,
                                    .token = parts->token};

    board_open(&server.board, clock_wall_us() / 1000);
    asks_open(&server.asks, parts->connector);
    server.http = http_open(parts->fd, &http, error);
    if (server.http) {
        give_up_privileges();
        notify_ready(parts->notify);
        while (!told_to_end(parts->signals)) {
            turn(&server);
            wait_for_something(&server);
        }
        notify_stopping(parts->notify);
        http_close(server.http);
    }
    wire_close(&server.sample);
    wire_close(&server.watch);
    asks_close(&server.asks);
    board_close(&server.board);
    return error->code == EXIT_DONE;
}
