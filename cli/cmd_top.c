/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_top.c - `synward top`: the servers in a terminal, by what is happening. */
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/signals.h"
#include "bridge/control/protocol.h"
#include "bridge/text/document.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/top_frame.h"
#include "cli/wire.h"
#include "profiles/store/json_document.h"

#define TICK_MS       1000
#define COLUMNS_LEAST 20
#define COLUMNS_MOST  500
#define KEY_ESCAPE    27

struct top {
    const struct arguments *arguments;
    struct top_model model;
    struct top_view view;
    bool asks_mode; /* the next key says which */
    char said[256]; /* what came of the last mode that was set; "": nothing to say */
    struct wire sample;
    uint64_t heard_us; /* the last line */
    struct error error;
};

static double now_s(void)
{
    return (double)clock_now_us() / 1e6;
}

static bool ask_again(struct top *top, struct error *error)
{
    struct json_object *status = control_ask(top->arguments, control_request("status"), error);

    if (!status)
        return false;
    if (json_object_object_get(status, "unanswered")) {
        error_set(error, EXIT_FAILED, "top: %s", output_field(status, "unanswered"));
        json_object_put(status);
        return false;
    }
    top_take(&top->model, status, now_s());
    top_sort(&top->model, top->view.order);
    json_object_put(status);
    return true;
}

static bool ask_sources(struct top *top, struct error *error)
{
    struct json_object *answer = control_ask(top->arguments, control_request("sources"), error);

    if (!answer)
        return false;
    json_object_put(top->view.sources);
    top->view.sources = json_object_get(json_object_object_get(answer, "sources"));
    json_object_put(answer);
    return true;
}

/* --- once ------------------------------------------------------------------------------------ */

static void print_line(void *context, unsigned line, enum top_look look, const char *text)
{
    (void)context;
    (void)line;
    (void)look;
    puts(text);
}

static unsigned size_said(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    const long value = text ? strtol(text, NULL, 10) : 0;

    return value >= COLUMNS_LEAST && value <= COLUMNS_MOST ? (unsigned)value : otherwise;
}

/* Rates take two answers. */
static bool run_once(struct top *top, struct error *error)
{
    const struct timespec tick = {.tv_sec = TICK_MS / 1000};

    top->view.columns = size_said("COLUMNS", 80);
    top->view.lines = size_said("LINES", 24);
    top->view.selected = SIZE_MAX; /* nothing, and no line of keys */
    if (!ask_again(top, error))
        return false;
    nanosleep(&tick, NULL);
    if (!ask_again(top, error))
        return false;
    top_draw(&top->model, &top->view, print_line, NULL);
    return output_flush(error);
}

/* --- a terminal ------------------------------------------------------------------------------ */

static void show_line(void *context, unsigned line, enum top_look look, const char *text)
{
    static const int looks[] = {[TOP_PLAIN] = A_NORMAL,
                                [TOP_HEAD] = A_BOLD,
                                [TOP_ATTACK] = A_BOLD | A_UNDERLINE,
                                [TOP_SELECTED] = A_REVERSE};

    (void)context;
    attrset(looks[look]);
    mvaddstr((int)line, 0, text);
}

static void show(struct top *top)
{
    int lines, columns;

    getmaxyx(stdscr, lines, columns);
    top->view.columns = (unsigned)columns;
    top->view.lines = (unsigned)lines;
    top->view.prompt = top->asks_mode ? "mode: a auto  n normal  t attack  d default" : NULL;
    if (!top->asks_mode && top->said[0])
        top->view.prompt = top->said;
    erase();
    top_draw(&top->model, &top->view, show_line, NULL);
    refresh();
}

/* What is wrong is said in the last line: the rest goes on. */
static void set_mode(struct top *top, int key)
{
    const char *setting = key == 'a'   ? "auto"
                          : key == 'n' ? "normal"
                          : key == 't' ? "attack"
                          : key == 'd' ? "default"
                                       : NULL;
    const struct top_server *server;
    struct json_object *request, *answer;
    struct error error = {0};

    top->asks_mode = false;
    if (!setting || top->view.selected >= top->model.count)
        return;
    server = &top->model.servers[top->model.order[top->view.selected]];
    request = control_request("mode");
    json_object_object_add(request, "setting", json_object_new_string(setting));
    json_object_object_add(request, "server", json_object_new_string(server->key));
    answer = control_ask(top->arguments, request, &error);
    snprintf(top->said, sizeof(top->said), "%.80s: %.170s", server->key,
             answer ? setting : error.text);
    json_object_put(answer);
}

static void move_to(struct top *top, int change)
{
    const size_t at = top->view.selected;

    if (change < 0)
        top->view.selected = at > (size_t)-change ? at - (size_t)-change : 0;
    else
        top->view.selected = at + (size_t)change; /* top_draw() knows where the end is */
}

/* False: enough. */
static bool obey(struct top *top, int key, struct error *error)
{
    top->said[0] = '\0';
    if (top->asks_mode) {
        set_mode(top, key);
        return true;
    }
    switch (key) {
    case 'q':
        return false;
    case 's':
        top->view.order = (enum top_order)((top->view.order + 1) % TOP_ORDERS);
        top_sort(&top->model, top->view.order);
        break;
    case 'm':
        top->asks_mode = true;
        break;
    case 'o':
        top->view.page = TOP_SOURCES;
        return ask_sources(top, error);
    case '\n':
    case KEY_ENTER:
        top->view.page = TOP_ONE_SERVER;
        break;
    case KEY_ESCAPE:
        top->view.page = TOP_SERVERS;
        break;
    case KEY_UP:
    case 'k':
        move_to(top, -1);
        break;
    case KEY_DOWN:
    case 'j':
        move_to(top, 1);
        break;
    case KEY_PPAGE:
        move_to(top, -10);
        break;
    case KEY_NPAGE:
        move_to(top, 10);
        break;
    default:
        break;
    }
    return true;
}

/* One line of `sample`: mostly those servers that have changed. */
static void hear(void *context, const char *text, size_t bytes)
{
    struct top *top = context;
    struct json_flaw flaw;
    struct json_object *line = json_document(text, bytes, JSON_ANY_BYTES, &flaw);

    if (!line)
        error_set(&top->error, EXIT_UNREACHABLE, "top: what the daemon says is no document");
    else if (!document_is_error(line, &top->error)) {
        top_take(&top->model, line, now_s());
        top_sort(&top->model, top->view.order);
        top->heard_us = clock_now_us();
    }
    json_object_put(line);
}

static bool listen_to_daemon(struct top *top, struct error *error)
{
    const int fd = control_connect(control_path(top->arguments->value[OPTION_CONTROL]), error);
    struct json_object *request = control_request("sample");

    json_object_object_add(request, "every_ms", json_object_new_int(TICK_MS));
    json_object_object_add(request, "changes", json_object_new_boolean(true));
    json_object_object_add(request, "at_once", json_object_new_int(TOP_AT_ONCE));
    if (fd < 0) {
        json_object_put(request);
        return false;
    }
    wire_begin(&top->sample, fd, request);
    top->heard_us = clock_now_us();
    return true;
}

static bool hear_daemon(struct top *top, struct error *error)
{
    const uint64_t heard_us = top->heard_us;
    const bool more = wire_move(&top->sample);

    wire_lines(&top->sample, hear, top);
    if (top->error.code != EXIT_DONE)
        return error_set(error, top->error.code, "%s", top->error.text);
    if (!more)
        return error_set(error, EXIT_UNREACHABLE, "top: the daemon has ended");
    if (clock_now_us() - top->heard_us > CONTROL_TIMEOUT_MS * 1000ull)
        return error_set(error, EXIT_UNREACHABLE,
                         "top: the daemon does not answer: try again, or restart it");
    return top->heard_us == heard_us || top->view.page != TOP_SOURCES || ask_sources(top, error);
}

/* All keys that have been pressed. False: enough. */
static bool obey_keys(struct top *top, struct error *error)
{
    int key;

    timeout(0);
    while ((key = getch()) != ERR)
        if (!obey(top, key, error))
            return false;
    return true;
}

static bool run_shown(struct top *top, struct signals *signals, struct error *error)
{
    if (!listen_to_daemon(top, error))
        return false;
    for (;;) {
        struct pollfd watched[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                   {.fd = signals->fd, .events = POLLIN},
                                   wire_watched(&top->sample)};

        show(top);
        poll(watched, 3, TICK_MS);
        if (signals_next(signals)) /* Ctrl-C is as good as q */
            return true;
        if (!hear_daemon(top, error))
            return false;
        if (!obey_keys(top, error))
            return error->code == EXIT_DONE;
    }
}

/* A table that is drawn anew in its place needs it; "dumb" cannot. */
static bool moves_cursor(void)
{
    char name[] = "cup";
    const char *move = tigetstr(name);

    return move && (intptr_t)move != -1; /* -1: "cup" is no string there */
}

static bool run_in_terminal(struct top *top, struct error *error)
{
    struct signals signals = {.fd = -1};
    bool done;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(error, EXIT_USAGE, "top: needs a terminal: --once prints one frame");
    if (!newterm(NULL, stdout, stdin))
        return error_set(error, EXIT_FAILED,
                         "top: this terminal is not known: set TERM, or use --once");
    if (!moves_cursor()) {
        endwin();
        return error_set(error, EXIT_FAILED,
                         "top: this terminal cannot move its cursor: set TERM, or use --once");
    }
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    curs_set(0);
    done = signals_catch(&signals, error) && run_shown(top, &signals, error);
    signals_release(&signals, true);
    endwin();
    return done;
}

bool cmd_top(const struct arguments *arguments, struct error *error)
{
    struct top top = {.arguments = arguments, .sample = {.fd = -1}};
    bool done;

    setlocale(LC_CTYPE, "");
    top.view.blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    done =
        option_given(arguments, OPTION_ONCE) ? run_once(&top, error) : run_in_terminal(&top, error);
    wire_close(&top.sample);
    json_object_put(top.view.sources);
    top_free(&top.model);
    return done;
}
