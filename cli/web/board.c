/* SPDX-License-Identifier: GPL-2.0-or-later */
/* board.c - see board.h. */
#include "cli/web/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/counter_text.h"
#include "cli/output.h"
#include "engine/server/figures.h"

/* --- text ------------------------------------------------------------------------------------ */

struct text {
    char *bytes;
    size_t length;
    FILE *out;
};

static void text_begin(struct text *text)
{
    *text = (struct text){0};
    text->out = output_alloc(open_memstream(&text->bytes, &text->length));
}

static char *text_end(struct text *text, size_t *bytes)
{
    if (fclose(text->out) != 0)
        output_alloc(NULL);
    *bytes = text->length;
    return text->bytes;
}

/* A string, or null where there is none ("-"). ASCII without control characters. */
static void write_word(FILE *out, const char *word)
{
    if (strcmp(word, "-") == 0) {
        fputs("null", out);
        return;
    }
    putc('"', out);
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            putc('\\', out);
        putc(*word, out);
    }
    putc('"', out);
}

static void write_field(FILE *out, const char *name, const char *word)
{
    fprintf(out, ",\"%s\":", name);
    write_word(out, word);
}

static void write_value(FILE *out, struct json_object *value)
{
    fputs(json_object_to_json_string_ext(value,
                                         JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
          out);
}

static void write_limit(FILE *out, const char *name, int64_t limit)
{
    if (limit < 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%lld", name, (long long)limit);
}

static void write_rates(FILE *out, double syns, double admitted, double refused)
{
    fprintf(out, "{\"syns\":%.1f,\"admitted\":%.1f,\"refused\":%.1f}", syns, admitted, refused);
}

static void write_mode(FILE *out, const struct top_server *server)
{
    write_field(out, "mode", server->mode);
    write_field(out, "setting", server->setting);
    write_field(out, "since", server->since);
    write_field(out, "cause", server->cause);
    write_field(out, "dead", server->dead);
    write_limit(out, "usual_syns", server->usual);
    write_limit(out, "half_open_limit", server->limit);
}

static void write_pace(FILE *out, const struct top_server *server)
{
    fprintf(out, ",\"p50_us\":%llu,\"p99_us\":%llu,\"rates\":", (unsigned long long)server->p50_us,
            (unsigned long long)server->p99_us);
    write_rates(out, server->syn_rate, server->admit_rate, server->refuse_rate);
    fprintf(out, ",\"unproved\":%llu,\"unasked\":%llu", (unsigned long long)server->unproved,
            (unsigned long long)server->unasked);
}

/* Its number is its place, until the next reset. */
static void write_server(FILE *out, const struct top_server *server, size_t number)
{
    fprintf(out, "{\"number\":%zu,\"name\":", number);
    write_word(out, server->name);
    write_field(out, "server", server->key);
    write_mode(out, server);
    write_pace(out, server);
    fputs(",\"figures\":", out);
    write_value(out, server->figures);
}

/* What is new of it since it was told of last. `late`: that was more than a tick ago. */
static void write_news(FILE *out, const struct top_server *server, size_t number, uint64_t answers,
                       bool late)
{
    struct json_object *figures = late                      ? server->figures
                                  : server->told == answers ? server->told_figures
                                                            : NULL;

    fprintf(out, "{\"number\":%zu", number);
    if (late || server->told_mode == answers)
        write_mode(out, server);
    write_pace(out, server);
    if (figures) {
        fputs(",\"figures\":", out);
        write_value(out, figures);
    }
    putc('}', out);
}

/* --- messages -------------------------------------------------------------------------------- */

static void add_message(struct board *board, const char *kind, const char *data, size_t bytes)
{
    struct board_message *message = &board->messages[++board->newest % BOARD_MESSAGES];
    struct text text;

    free(message->text);
    message->text = NULL;
    if (!board->followed)
        return;
    text_begin(&text);
    fprintf(text.out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)board->newest, kind);
    fwrite(data, 1, bytes, text.out);
    fputs("\n\n", text.out);
    message->text = text_end(&text, &message->bytes);
}

static void add_reset(struct board *board)
{
    add_message(board, "reset", "{}", 2);
}

bool board_follows(const struct board *board, uint64_t number)
{
    return number <= board->newest && board->newest - number < BOARD_MESSAGES &&
           (number == board->newest || board->messages[(number + 1) % BOARD_MESSAGES].text);
}

size_t board_read(const struct board *board, uint64_t *number, size_t *offset, char *out,
                  size_t room)
{
    const struct board_message *message = &board->messages[(*number + 1) % BOARD_MESSAGES];
    size_t bytes;

    if (*number == board->newest)
        return 0;
    if (!board_follows(board, *number) || *offset > message->bytes)
        return SIZE_MAX;
    bytes = message->bytes - *offset < room ? message->bytes - *offset : room;
    memcpy(out, message->text + *offset, bytes);
    *offset += bytes;
    if (*offset == message->bytes) {
        *offset = 0;
        ++*number;
    }
    return bytes;
}

/* --- the past -------------------------------------------------------------------------------- */

static void remember(struct board *board, struct board_past *past, double syns, double admitted,
                     double refused)
{
    past->syns[board->place] = (float)syns;
    past->admitted[board->place] = (float)admitted;
    past->refused[board->place] = (float)refused;
}

static bool has_rates(const struct top_server *server)
{
    return server->syn_rate > 0 || server->admit_rate > 0 || server->refuse_rate > 0;
}

/* Seconds of which nothing is known, as the daemon was away. */
static void skip(struct board *board, double seconds)
{
    for (unsigned i = 1; i < BOARD_PAST && i + 0.5 < seconds; i++) {
        for (size_t at = 0; at < board->model.count; at++)
            if (board->servers[at].past)
                remember(board, board->servers[at].past, 0, 0, 0);
        remember(board, &board->all, 0, 0, 0);
        board->place = (board->place + 1) % BOARD_PAST;
    }
}

static void remember_all(struct board *board)
{
    double syns = 0, admitted = 0, refused = 0;

    for (size_t i = 0; i < board->model.count; i++) {
        const struct top_server *server = &board->model.servers[i];
        struct board_server *mine = &board->servers[i];

        if (!mine->past && has_rates(server))
            mine->past = output_alloc(calloc(1, sizeof(*mine->past)));
        if (mine->past)
            remember(board, mine->past, server->syn_rate, server->admit_rate, server->refuse_rate);
        syns += server->syn_rate;
        admitted += server->admit_rate;
        refused += server->refuse_rate;
    }
    remember(board, &board->all, syns, admitted, refused);
    board->place = (board->place + 1) % BOARD_PAST;
    board->known += board->known < BOARD_PAST;
}

static void write_series(FILE *out, const struct board *board, const float *values)
{
    putc('[', out);
    for (unsigned i = 0; i < BOARD_PAST; i++)
        fprintf(out, i ? ",%.4g" : "%.4g", values[(board->place + i) % BOARD_PAST]);
    putc(']', out);
}

static void write_past(FILE *out, const struct board *board, const struct board_past *past)
{
    fprintf(out, "{\"known\":%u,\"syns\":", board->known);
    write_series(out, board, past->syns);
    fputs(",\"admitted\":", out);
    write_series(out, board, past->admitted);
    fputs(",\"refused\":", out);
    write_series(out, board, past->refused);
    putc('}', out);
}

char *board_past(const struct board *board, const char *server, size_t *bytes)
{
    static const struct board_past nothing;
    struct text text;
    size_t i = 0;

    while (i < board->model.count && strcmp(board->servers[i].name, server) != 0)
        i++;
    if (i == board->model.count)
        return NULL;
    text_begin(&text);
    write_past(text.out, board, board->servers[i].past ? board->servers[i].past : &nothing);
    return text_end(&text, bytes);
}

/* --- servers --------------------------------------------------------------------------------- */

/* Those that stay keep their past; mostly they are where they were. True: others, or elsewhere. */
static bool match_servers(struct board *board, const struct board_server *before, size_t count)
{
    bool moved = count != board->model.count;

    for (size_t i = 0; i < board->model.count; i++) {
        const char *name = board->model.servers[i].name;
        size_t at = i;

        if (at >= count || strcmp(before[at].name, name) != 0)
            for (at = 0; at < count && strcmp(before[at].name, name) != 0;)
                at++;
        moved |= at != i;
        if (at < count)
            board->servers[i] = before[at];
        else
            snprintf(board->servers[i].name, sizeof(board->servers[i].name), "%s", name);
    }
    return moved;
}

static bool stays(const struct board *board, const struct board_past *past)
{
    for (size_t i = 0; i < board->model.count; i++)
        if (board->servers[i].past == past)
            return true;
    return false;
}

static bool take_servers(struct board *board, size_t count_before)
{
    struct board_server *before = board->servers;
    const size_t count = board->model.count;
    bool moved;

    board->servers = output_alloc(calloc(count + 1, sizeof(*board->servers)));
    moved = match_servers(board, before, count_before);
    for (size_t i = 0; moved && i < count_before; i++)
        if (before[i].past && !stays(board, before[i].past))
            free(before[i].past);
    free(before);
    return moved;
}

/* --- ticks ----------------------------------------------------------------------------------- */

static void write_head(FILE *out, const struct board *board)
{
    const unsigned last = (board->place + BOARD_PAST - 1) % BOARD_PAST;

    fprintf(out, "\"away\":%s,\"status\":", board->away ? "true" : "false");
    write_value(out, board->status);
    fprintf(out, ",\"attacked\":%zu,\"uptime\":", board->model.attacked);
    write_word(out, board->model.uptime[0] ? board->model.uptime : "-");
    fputs(",\"rates\":", out);
    write_rates(out, board->all.syns[last], board->all.admitted[last], board->all.refused[last]);
}

static void write_order(FILE *out, const struct board *board)
{
    fputs(",\"order\":[", out);
    for (size_t i = 0; i < board->model.count; i++)
        fprintf(out, i ? ",%zu" : "%zu", board->model.order[i]);
    putc(']', out);
}

/* Nothing was told of one that is calm again, which is news, too. */
static bool is_news(const struct board *board, size_t number)
{
    return board->model.servers[number].told == board->model.answers || board->servers[number].busy;
}

/* Those that stand first, which pages show, at once; the others by turns. */
static void write_changed(FILE *out, struct board *board)
{
    const char *between = "";

    fputs(",\"servers\":[", out);
    for (size_t place = 0; place < board->model.count; place++) {
        const size_t number = board->model.order[place];
        const struct top_server *server = &board->model.servers[number];
        struct board_server *mine = &board->servers[number];
        const bool news = is_news(board, number);

        if (!news && !mine->late)
            continue;
        if (place >= BOARD_AT_ONCE && (number + board->model.answers) % BOARD_TURNS != 0) {
            mine->late = true;
            continue;
        }
        mine->busy = has_rates(server);
        fputs(between, out);
        write_news(out, server, number, board->model.answers, mine->late);
        mine->late = false;
        between = ",";
    }
    putc(']', out);
}

static void add_tick(struct board *board)
{
    const size_t bytes = board->model.count * sizeof(*board->told_order);
    struct text text;
    size_t length;
    char *data;

    if (!board->followed) { /* saves most of the work */
        free(board->told_order);
        board->told_order = NULL;
        add_message(board, "tick", "", 0);
        return;
    }
    text_begin(&text);
    putc('{', text.out);
    write_head(text.out, board);
    write_changed(text.out, board);
    if (!board->told_order || memcmp(board->told_order, board->model.order, bytes) != 0) {
        write_order(text.out, board);
        board->told_order = output_alloc(realloc(board->told_order, bytes + 1));
        memcpy(board->told_order, board->model.order, bytes);
    }
    putc('}', text.out);
    data = text_end(&text, &length);
    add_message(board, "tick", data, length);
    free(data);
}

void board_sample(struct board *board, struct json_object *line, double now_s)
{
    const size_t count_before = board->model.count;
    const double seconds = now_s - board->model.time_s;
    bool moved;

    top_take(&board->model, line, now_s);
    top_sort(&board->model, TOP_BY_ACTIVITY);
    moved = take_servers(board, count_before) || board->away || !board->status;
    json_object_put(board->status);
    board->status = json_object_get(line);
    json_object_object_del(line, "servers"); /* the model has them */
    board->away = false;
    if (board->known > 0)
        skip(board, seconds);
    remember_all(board);
    if (moved) {
        free(board->told_order);
        board->told_order = NULL;
        add_reset(board);
    } else {
        add_tick(board);
    }
}

void board_away(struct board *board)
{
    if (board->away)
        return;
    board->away = true;
    add_message(board, "away", "{}", 2);
}

/* --- events ---------------------------------------------------------------------------------- */

void board_event(struct board *board, struct json_object *line)
{
    struct json_object *number = json_object_object_get(line, "number");
    const char *text;
    size_t bytes;

    if (!number && strcmp(output_field(line, "event"), "lost") != 0)
        return; /* the first line: nothing has happened */
    if (number)
        board->event_number = json_object_get_int64(number);
    json_object_put(board->events[board->event_place]);
    board->events[board->event_place] = json_object_get(line);
    board->event_place = (board->event_place + 1) % BOARD_EVENTS;
    text = json_object_to_json_string_length(
        line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &bytes);
    add_message(board, "event", text, bytes);
}

static void write_events(FILE *out, const struct board *board)
{
    const char *between = "";

    fputs(",\"events\":[", out);
    for (unsigned i = 0; i < BOARD_EVENTS; i++) {
        struct json_object *event = board->events[(board->event_place + i) % BOARD_EVENTS];

        if (!event)
            continue;
        fputs(between, out);
        write_value(out, event);
        between = ",";
    }
    putc(']', out);
}

/* --- the state ------------------------------------------------------------------------------- */

static void write_meaning(FILE *out, const char *before, const char *name, const char *meaning)
{
    fprintf(out, "%s\"%s\":", before, name);
    write_word(out, meaning);
}

/* What the names of reasons and figures mean. */
static void write_meanings(FILE *out)
{
    const char *before = "";

#define WRITE_REASON(name)                                                                         \
    write_meaning(out, before, #name, counter_text("drops", #name));                               \
    before = ",";
#define WRITE_FIGURE(name, text) write_meaning(out, ",", #name, text);
    fputs(",\"meanings\":{", out);
    SERVER_REFUSALS(WRITE_REASON)
    SERVER_FIGURES(WRITE_FIGURE)
    putc('}', out);
#undef WRITE_REASON
#undef WRITE_FIGURE
}

static void write_history(FILE *out, const struct top_server *server)
{
    unsigned first = 0;

    while (first < TOP_HISTORY && server->history[first] <= 0)
        first++;
    fputs(",\"past\":[", out);
    for (unsigned i = first; i < TOP_HISTORY; i++)
        fprintf(out, i > first ? ",%.4g" : "%.4g", server->history[i]);
    putc(']', out);
}

char *board_state(const struct board *board, size_t *bytes)
{
    struct text text;

    text_begin(&text);
    fprintf(text.out, "{\"message\":%llu,", (unsigned long long)board->newest);
    write_head(text.out, board);
    write_meanings(text.out);
    fputs(",\"servers\":[", text.out);
    for (size_t i = 0; i < board->model.count; i++) {
        fputs(i ? "," : "", text.out);
        write_server(text.out, &board->model.servers[i], i);
        write_history(text.out, &board->model.servers[i]);
        putc('}', text.out);
    }
    putc(']', text.out);
    write_order(text.out, board);
    write_events(text.out, board);
    fputs(",\"past\":", text.out);
    write_past(text.out, board, &board->all);
    putc('}', text.out);
    return text_end(&text, bytes);
}

/* --- */

void board_open(struct board *board, uint64_t first)
{
    *board = (struct board){.newest = first};
}

void board_close(struct board *board)
{
    for (size_t i = 0; i < board->model.count; i++)
        free(board->servers[i].past);
    free(board->servers);
    free(board->told_order);
    top_free(&board->model);
    json_object_put(board->status);
    for (unsigned i = 0; i < BOARD_EVENTS; i++)
        json_object_put(board->events[i]);
    for (unsigned i = 0; i < BOARD_MESSAGES; i++)
        free(board->messages[i].text);
    *board = (struct board){0};
}
