/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_top.c - `synward top`: the servers in a terminal, by what is happening. */
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/top_frame.h"

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
};

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool ask_again(struct top *top, struct error *error)
{
    struct json_object *status = control_ask(top->arguments, control_request("status"), error);

    if (!status)
        return false;
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

static bool run_shown(struct top *top, struct error *error)
{
    double due_s = now_s();

    for (;;) {
        const double left_s = due_s - now_s();
        int key;

        if (left_s <= 0) {
            if (!ask_again(top, error) ||
                (top->view.page == TOP_SOURCES && !ask_sources(top, error)))
                return false;
            due_s = now_s() + TICK_MS / 1e3;
        }
        show(top);
        timeout(left_s > 0 ? (int)(left_s * 1000) + 1 : TICK_MS);
        key = getch();
        if (key != ERR && !obey(top, key, error))
            return error->code == EXIT_DONE;
    }
}

static bool run_in_terminal(struct top *top, struct error *error)
{
    bool done;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(error, EXIT_USAGE, "top: needs a terminal: --once prints one frame");
    if (!newterm(NULL, stdout, stdin))
        return error_set(error, EXIT_FAILED,
                         "top: this terminal is not known: set TERM, or use --once");
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    curs_set(0);
    done = run_shown(top, error);
    endwin();
    return done;
}

bool cmd_top(const struct arguments *arguments, struct error *error)
{
    struct top top = {.arguments = arguments};
    bool done;

    setlocale(LC_CTYPE, "");
    top.view.blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    done =
        option_given(arguments, OPTION_ONCE) ? run_once(&top, error) : run_in_terminal(&top, error);
    json_object_put(top.view.sources);
    top_free(&top.model);
    return done;
}
