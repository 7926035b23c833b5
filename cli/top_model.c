/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top_model.c - see top_model.h. */
#include "cli/top_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/admission.h"

static void take_text(char *out, size_t bytes, const char *text)
{
    snprintf(out, bytes, "%s", text);
    for (; *out; out++)
        if (*out < ' ' || *out > '~')
            *out = '?';
}

static void take_word(char out[TOP_WORD], struct json_object *object, const char *key)
{
    take_text(out, TOP_WORD, output_field(object, key));
}

static int64_t number(struct json_object *object, const char *key, int64_t missing)
{
    struct json_object *value = json_object_object_get(object, key);

    return value ? json_object_get_int64(value) : missing;
}

static uint64_t sum_of(struct json_object *counts)
{
    uint64_t sum = 0;

    json_object_object_foreach(counts, name, value)
    {
        (void)name;
        sum += json_object_get_uint64(value);
    }
    return sum;
}

/* A cookie may come back twice. */
static uint64_t unproved_of(struct json_object *figures)
{
    const int64_t sent = number(figures, "cookies_sent", 0), proofs = number(figures, "proofs", 0);

    return sent > proofs ? (uint64_t)(sent - proofs) : 0;
}

/* Of those who had completed a handshake: one who repeats a request is counted more than once. */
static uint64_t unasked_of(struct json_object *figures, uint64_t refused)
{
    static const char *const before[] = {"bad_cookie", "aside", "unknown_server", "unlistened",
                                         "silent"};
    struct json_object *reasons = json_object_object_get(figures, "refused");
    int64_t left = number(figures, "proofs", 0) - number(figures, "admitted", 0) -
                   number(figures, "failed", 0) - (int64_t)refused;

    for (size_t i = 0; left + (int64_t)refused > 0 && i < sizeof(before) / sizeof(before[0]); i++)
        left += number(reasons, before[i], 0);
    return left > 0 ? (uint64_t)left : 0;
}

/* A counter that has fallen belongs to a daemon that has begun again. */
static double rate(uint64_t before, uint64_t now, double seconds)
{
    return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

/* What is not said is as it was. */
static void take_said(char out[TOP_WORD], struct json_object *object, const char *key)
{
    if (json_object_object_get_ex(object, key, NULL))
        take_word(out, object, key);
}

static void take_limit(int64_t *limit, struct json_object *object, const char *key)
{
    if (json_object_object_get_ex(object, key, NULL))
        *limit = number(object, key, -1);
}

static void take_name(struct top_server *server, struct json_object *object)
{
    char *tags;

    output_server(object, server->name);
    take_text(server->key, sizeof(server->key), server->name);
    take_text(server->name, sizeof(server->name), server->key);
    tags = strstr(server->key, " vlan");
    if (tags)
        *tags = '\0';
}

static void take_mode(struct top_server *server, struct json_object *object, uint64_t answer)
{
    if (json_object_object_get_ex(object, "mode", NULL) ||
        json_object_object_get_ex(object, "usual_syns", NULL))
        server->told_mode = answer;
    take_said(server->mode, object, "mode");
    take_said(server->setting, object, "setting");
    take_said(server->cause, object, "cause");
    take_said(server->since, object, "since");
    take_said(server->dead, object, "dead");
    if (strcmp(server->dead, "-") != 0)
        snprintf(server->cause, sizeof(server->cause), "%s", server->dead);
    take_limit(&server->limit, object, "half_open_limit");
    take_limit(&server->usual, object, "usual_syns");
}

/* Mostly a number more: no object is made for it. */
static void take_figure(struct json_object *figures, const char *name, struct json_object *value)
{
    struct json_object *mine;

    if (json_object_is_type(value, json_type_int) &&
        json_object_object_get_ex(figures, name, &mine) && json_object_is_type(mine, json_type_int))
        json_object_set_uint64(mine, json_object_get_uint64(value));
    else
        json_object_object_add(figures, name, json_object_get(value));
}

/* Those that are told take the place of what they were. */
static void take_figures(struct top_server *server, struct json_object *told)
{
    struct json_object *refused;

    json_object_put(server->told_figures);
    server->told_figures = json_object_get(told);
    if (!server->figures)
        server->figures = json_object_new_object();
    if (json_object_is_type(told, json_type_object)) {
        json_object_object_foreach(told, name, value)
        {
            take_figure(server->figures, name, value);
        }
    }
    refused = json_object_object_get(server->figures, "refused");
    server->syns = (uint64_t)number(server->figures, "syns", 0);
    server->admitted = (uint64_t)number(server->figures, "admitted", 0);
    server->refused = json_object_is_type(refused, json_type_object) ? sum_of(refused) : 0;
    server->unproved = unproved_of(server->figures);
    server->unasked = unasked_of(server->figures, server->refused);
    server->half_open = number(server->figures, "half_open", 0);
    server->spliced = number(server->figures, "spliced", 0);
}

static void push_history(struct top_server *server)
{
    memmove(server->history, server->history + 1, sizeof(server->history[0]) * (TOP_HISTORY - 1));
    server->history[TOP_HISTORY - 1] = (float)server->syn_rate;
}

/* `server` is as it was the answer before, or new; `object`: all of it, or what has changed. */
static void take_server(struct top_server *server, struct json_object *object, uint64_t answer,
                        double now_s)
{
    const double seconds = now_s - server->heard_s;
    struct json_object *told = json_object_object_get(object, "figures");
    struct json_object *admission = json_object_object_get(told, "admission");
    struct json_object *before =
        json_object_get(json_object_object_get(server->figures, "admission"));
    const uint64_t syns = server->syns, admitted = server->admitted, refused = server->refused;
    const bool new = server->told == 0;

    take_mode(server, object, answer);
    take_figures(server, told);
    server->syn_rate = new ? 0 : rate(syns, server->syns, seconds);
    server->admit_rate = new ? 0 : rate(admitted, server->admitted, seconds);
    server->refuse_rate = new ? 0 : rate(refused, server->refused, seconds);
    server->p50_us = admission_percentile(admission, before, 50);
    server->p99_us = admission_percentile(admission, before, 99);
    json_object_put(before);
    server->told = answer;
    server->heard_s = now_s;
}

/* Mostly where it was. */
static struct top_server *known_as(const struct top_model *model, const char *name, size_t at)
{
    if (at < model->count && strcmp(model->servers[at].name, name) == 0)
        return &model->servers[at];
    for (size_t i = 0; i < model->count; i++)
        if (strcmp(model->servers[i].name, name) == 0)
            return &model->servers[i];
    return NULL;
}

static void calm_down(struct top_server *server, double now_s)
{
    server->syn_rate = server->admit_rate = server->refuse_rate = 0;
    server->p50_us = server->p99_us = 0;
    server->heard_s = now_s;
}

static void free_servers(struct top_server *servers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_object_put(servers[i].figures);
        json_object_put(servers[i].told_figures);
    }
    free(servers);
}

/* One that was there before takes its past along. */
static void take_over(struct top_server *server, struct top_server *known)
{
    *server = *known;
    known->figures = known->told_figures = NULL;
}

static const struct top_server unsaid = {
    .mode = "-", .setting = "-", .since = "-", .cause = "-", .dead = "-", .limit = -1, .usual = -1};

static void take_all(struct top_model *model, struct json_object *array, size_t count, double now_s)
{
    struct top_server *servers = output_alloc(calloc(count + 1, sizeof(*servers)));

    for (size_t i = 0; i < count; i++) {
        struct json_object *object = json_object_array_get_idx(array, i);
        struct top_server *known;

        servers[i] = unsaid;
        take_name(&servers[i], object);
        known = known_as(model, servers[i].name, i);
        if (known)
            take_over(&servers[i], known);
        take_server(&servers[i], object, model->answers, now_s);
    }
    free_servers(model->servers, model->count);
    model->servers = servers;
    model->count = count;
    model->order = output_alloc(realloc(model->order, (count + 1) * sizeof(*model->order)));
    for (size_t i = 0; i < count; i++)
        model->order[i] = i;
}

static void take_changed(struct top_model *model, struct json_object *status,
                         struct json_object *array, size_t count, double now_s)
{
    const int64_t turns = number(status, "turns", 1), turn = number(status, "turn", 0);

    for (size_t i = 0; i < count; i++) {
        struct json_object *object = json_object_array_get_idx(array, i);
        const int64_t place = number(object, "number", -1);

        if (place >= 0 && (uint64_t)place < model->count)
            take_server(&model->servers[place], object, model->answers, now_s);
    }
    for (size_t i = 0; i < model->count; i++)
        if (model->servers[i].told != model->answers &&
            (turns <= 1 || i % (uint64_t)turns == (uint64_t)turn))
            calm_down(&model->servers[i], now_s);
}

void top_take(struct top_model *model, struct json_object *status, double now_s)
{
    struct json_object *array = json_object_object_get(status, "servers");
    struct json_object *whole = json_object_object_get(status, "whole");
    const size_t count =
        json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;

    model->answers++;
    if (!whole || json_object_get_boolean(whole))
        take_all(model, array, count, now_s);
    else
        take_changed(model, status, array, count, now_s);
    model->time_s = now_s;
    model->attacked = 0;
    for (size_t i = 0; i < model->count; i++) {
        push_history(&model->servers[i]);
        model->attacked += strcmp(model->servers[i].mode, "attack") == 0;
    }
    take_word(model->mode, status, "mode");
    take_word(model->version, json_object_object_get(status, "synward"), "version");
    model->learning = json_object_get_boolean(json_object_object_get(status, "learning"));
    output_duration((double)number(status, "uptime_s", 0), model->uptime);
}

/* --- order ----------------------------------------------------------------------------------- */

struct sorting {
    const struct top_server *servers;
    enum top_order order;
};

static double weight(const struct top_server *server, enum top_order order)
{
    switch (order) {
    case TOP_BY_ACTIVITY:
        return server->syn_rate + (strcmp(server->mode, "attack") == 0 ? 1e12 : 0);
    case TOP_BY_REFUSED:
        return server->refuse_rate;
    case TOP_BY_HALF_OPEN:
        return (double)server->half_open;
    case TOP_BY_NAME:
    case TOP_ORDERS:
        break;
    }
    return 0;
}

/* The greatest first; those alike as the daemon has them: by address and port. */
static int compare(const void *a, const void *b, void *context)
{
    const struct sorting *sorting = context;
    const size_t left = *(const size_t *)a, right = *(const size_t *)b;
    const double one = weight(&sorting->servers[left], sorting->order);
    const double other = weight(&sorting->servers[right], sorting->order);

    if (one > other || one < other)
        return one > other ? -1 : 1;
    return left < right ? -1 : left > right;
}

void top_sort(struct top_model *model, enum top_order order)
{
    struct sorting sorting = {.servers = model->servers, .order = order};

    if (model->count)
        qsort_r(model->order, model->count, sizeof(*model->order), compare, &sorting);
}

const char *top_order_name(enum top_order order)
{
    static const char *const names[TOP_ORDERS] = {"what happens", "refused", "half-open", "name"};

    return names[order];
}

void top_free(struct top_model *model)
{
    free_servers(model->servers, model->count);
    free(model->order);
    *model = (struct top_model){0};
}
