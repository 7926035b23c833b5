/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top_frame.c - see top_frame.h. */
#include "cli/top_frame.h"

#include <stdio.h>
#include <string.h>

#define LINE_BYTES 2048
#define HEAD_LINES 3 /* and one at the end, of keys */
#define WIDE       120

struct drawing {
    const struct top_model *model;
    const struct top_view *view;
    top_line *draw;
    void *context;
    unsigned line;
};

/* ASCII, but for blocks, which only sparkline() writes, and those have their place in the middle.
 */
static void put(struct drawing *drawing, enum top_look look, const char *text)
{
    char cut[LINE_BYTES];
    size_t bytes = 0;
    unsigned columns = 0;

    while (text[bytes] && bytes + 4 < sizeof(cut)) {
        const bool begins = ((unsigned char)text[bytes] & 0xc0) != 0x80;

        if (begins && columns == drawing->view->columns)
            break;
        columns += begins;
        cut[bytes] = text[bytes];
        bytes++;
    }
    while (bytes > 0 && cut[bytes - 1] == ' ' && look != TOP_SELECTED)
        bytes--;
    cut[bytes] = '\0';
    if (drawing->line < drawing->view->lines)
        drawing->draw(drawing->context, drawing->line, look, cut);
    drawing->line++;
}

/* 7 characters at most: 12, 9,999 as they are; 12.3k, 4.5M. */
static const char *short_number(double value, char out[16])
{
    if (value < 10 && value > 0)
        snprintf(out, 16, "%.1f", value);
    else if (value < 10000)
        snprintf(out, 16, "%.0f", value);
    else if (value < 1e6)
        snprintf(out, 16, "%.1fk", value / 1e3);
    else
        snprintf(out, 16, "%.1fM", value / 1e6);
    return out;
}

static const char *short_time(uint64_t us, char out[16])
{
    if (us == 0)
        snprintf(out, 16, "-");
    else if (us < 1000)
        snprintf(out, 16, "%uus", (unsigned)us);
    else if (us < 1000000)
        snprintf(out, 16, "%ums", (unsigned)(us / 1000));
    else
        snprintf(out, 16, "%us", (unsigned)(us / 1000000));
    return out;
}

/* The newest `points` seconds, as high as the greatest of them. */
static void sparkline(const struct top_server *server, unsigned points, bool blocks, char *out)
{
    static const char *const high[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const low[] = {" ", ".", ".", ":", ":", "-", "=", "+", "#"};
    const float *from = server->history + TOP_HISTORY - points;
    float most = 1;

    for (unsigned i = 0; i < points; i++)
        most = from[i] > most ? from[i] : most;
    *out = '\0';
    for (unsigned i = 0; i < points; i++) {
        const unsigned level = from[i] > 0 ? 1 + (unsigned)(from[i] / most * 7) : 0;
        const char *mark = (blocks ? high : low)[level > 8 ? 8 : level];

        memcpy(out, mark, strlen(mark) + 1);
        out += strlen(mark);
    }
}

/* --- servers --------------------------------------------------------------------------------- */

static unsigned points_of(const struct top_view *view)
{
    return view->columns >= WIDE ? TOP_HISTORY : 10;
}

static void head(struct drawing *drawing)
{
    const struct top_model *model = drawing->model;
    char text[LINE_BYTES];

    snprintf(text, sizeof(text),
             "synward %s  mode %s  learning %s  up %s  %zu server%s, %zu attacked", model->version,
             model->mode, model->learning ? "on" : "off", model->uptime, model->count,
             model->count == 1 ? "" : "s", model->attacked);
    put(drawing, model->attacked ? TOP_ATTACK : TOP_PLAIN, text);
}

static void server_row(struct drawing *drawing, size_t place)
{
    const struct top_view *view = drawing->view;
    const struct top_server *server = &drawing->model->servers[drawing->model->order[place]];
    const bool attack = strcmp(server->mode, "attack") == 0, wide = view->columns >= WIDE;
    char text[LINE_BYTES], spark[4 * TOP_HISTORY], syns[16], half[16], admitted[16], refused[16];
    char spliced[16], slow[16], more[40];

    sparkline(server, points_of(view), view->blocks, spark);
    *more = '\0';
    if (wide)
        snprintf(more, sizeof(more), " %6s %5s", short_number((double)server->spliced, spliced),
                 short_time(server->p99_us, slow));
    snprintf(text, sizeof(text), "%-*.*s %-6.6s %6s %s %6s %6s %6s%s %s", wide ? 46 : 20,
             wide ? 46 : 20, server->name, server->mode, short_number(server->syn_rate, syns),
             spark, short_number((double)server->half_open, half),
             short_number(server->admit_rate, admitted), short_number(server->refuse_rate, refused),
             more, strcmp(server->cause, "-") == 0 ? "" : server->cause);
    put(drawing, place == view->selected ? TOP_SELECTED : attack ? TOP_ATTACK : TOP_PLAIN, text);
}

static void draw_servers(struct drawing *drawing)
{
    const struct top_view *view = drawing->view;
    const bool wide = view->columns >= WIDE;
    char text[LINE_BYTES];

    snprintf(text, sizeof(text), "%-*s %-6s %6s %-*s %6s %6s %6s%s CAUSE", wide ? 46 : 20, "SERVER",
             "MODE", "SYN/S", (int)points_of(view), wide ? "LAST MINUTE" : "LAST 10 S", "HALF",
             "ADMIT", "REFUSE", wide ? " SPLICE   P99" : "");
    put(drawing, TOP_HEAD, text);
    for (size_t i = view->first; i < drawing->model->count && drawing->line + 1 < view->lines; i++)
        server_row(drawing, i);
    if (drawing->model->count == 0)
        put(drawing, TOP_PLAIN, "no servers seen yet");
}

/* --- one server ------------------------------------------------------------------------------ */

static void draw_refused(struct drawing *drawing, struct json_object *refused)
{
    char text[LINE_BYTES];

    json_object_object_foreach(refused, reason, count)
    {
        snprintf(text, sizeof(text), "  %-20.20s %12s", reason, json_object_get_string(count));
        for (char *at = text; *at; at++)
            if (*at < ' ' || *at > '~')
                *at = '?';
        put(drawing, TOP_PLAIN, text);
    }
}

static void draw_one(struct drawing *drawing)
{
    const struct top_model *model = drawing->model;
    const struct top_server *server;
    struct json_object *refused;
    char text[LINE_BYTES], spark[4 * TOP_HISTORY], limit[32] = "", fast[16], slow[16];

    if (drawing->view->selected >= model->count)
        return;
    server = &model->servers[model->order[drawing->view->selected]];
    refused = json_object_object_get(server->figures, "refused");
    snprintf(text, sizeof(text), "%s  mode %s  setting %s  cause %s", server->name, server->mode,
             server->setting, server->cause);
    put(drawing, TOP_HEAD, text);
    sparkline(server, drawing->view->columns > 74 ? TOP_HISTORY : 10, drawing->view->blocks, spark);
    snprintf(text, sizeof(text), "SYN/s %8.0f  %s", server->syn_rate, spark);
    put(drawing, TOP_PLAIN, text);
    if (server->usual >= 0) {
        snprintf(text, sizeof(text), "usual %8lld", (long long)server->usual);
        put(drawing, TOP_PLAIN, text);
    }
    if (server->limit >= 0)
        snprintf(limit, sizeof(limit), " of %lld", (long long)server->limit);
    snprintf(text, sizeof(text), "half-open %lld%s  spliced %lld", (long long)server->half_open,
             limit, (long long)server->spliced);
    put(drawing, TOP_PLAIN, text);
    snprintf(text, sizeof(text), "SYNs whose cookie has not come back %llu",
             (unsigned long long)server->unproved);
    put(drawing, TOP_PLAIN, text);
    snprintf(text, sizeof(text), "handshakes whose client has asked for nothing %llu",
             (unsigned long long)server->unasked);
    put(drawing, TOP_PLAIN, text);
    snprintf(text, sizeof(text), "admitted %llu, %.1f a second, p50 %s, p99 %s",
             (unsigned long long)server->admitted, server->admit_rate,
             short_time(server->p50_us, fast), short_time(server->p99_us, slow));
    put(drawing, TOP_PLAIN, text);
    snprintf(text, sizeof(text),
             "refused %llu, %.1f a second:", (unsigned long long)server->refused,
             server->refuse_rate);
    put(drawing, TOP_PLAIN, text);
    if (json_object_is_type(refused, json_type_object))
        draw_refused(drawing, refused);
}

/* --- sources --------------------------------------------------------------------------------- */

/* In 80 columns the time has its place, and the rare address of more than 26 characters is cut. */
static void draw_sources(struct drawing *drawing)
{
    struct json_object *sources = drawing->view->sources;
    const size_t count =
        json_object_is_type(sources, json_type_array) ? json_object_array_length(sources) : 0;
    const int wide = drawing->view->columns >= WIDE ? 44 : 30;
    char text[LINE_BYTES], name[64];

    snprintf(text, sizeof(text), "%-*s %-8s %-10s %7s %s", wide, "SOURCE", "STATE", "BY", "WRONG",
             "UNTIL");
    put(drawing, TOP_HEAD, text);
    for (size_t i = 0; i < count && drawing->line + 1 < drawing->view->lines; i++) {
        struct json_object *source = json_object_array_get_idx(sources, i);

        snprintf(name, sizeof(name), "%.*s/%.3s", wide - 4, output_field(source, "address"),
                 output_field(source, "length"));
        snprintf(text, sizeof(text), "%-*s %-8.8s %-10.10s %7.7s %.20s", wide, name,
                 output_field(source, "state"), output_field(source, "by"),
                 output_field(source, "mismatches"), output_field(source, "until"));
        for (char *at = text; *at; at++)
            if (*at < ' ' || *at > '~')
                *at = '?';
        put(drawing, TOP_PLAIN, text);
    }
    if (count == 0)
        put(drawing, TOP_PLAIN, "no sources are put aside, limited or allowed");
}

/* --- the frame ------------------------------------------------------------------------------- */

static void see_selected(const struct top_model *model, struct top_view *view)
{
    const size_t room = view->lines > HEAD_LINES + 1 ? view->lines - HEAD_LINES - 1 : 1;

    if (model->count && view->selected != SIZE_MAX && view->selected >= model->count)
        view->selected = model->count - 1;
    if (view->selected == SIZE_MAX)
        view->first = 0;
    else if (view->selected < view->first)
        view->first = view->selected;
    else if (view->selected >= view->first + room)
        view->first = view->selected - room + 1;
}

void top_draw(const struct top_model *model, struct top_view *view, top_line *draw, void *context)
{
    static const char keys[] = "q quit  s sort  m mode  Enter one server  o sources  Esc back";
    struct drawing drawing = {.model = model, .view = view, .draw = draw, .context = context};
    char text[LINE_BYTES];

    see_selected(model, view);
    head(&drawing);
    snprintf(text, sizeof(text), "sorted by %s", top_order_name(view->order));
    put(&drawing, TOP_PLAIN, text);
    if (view->page == TOP_ONE_SERVER)
        draw_one(&drawing);
    else if (view->page == TOP_SOURCES)
        draw_sources(&drawing);
    else
        draw_servers(&drawing);
    if (view->selected == SIZE_MAX)
        return;
    drawing.line = view->lines - 1;
    put(&drawing, TOP_HEAD, view->prompt ? view->prompt : keys);
}
