/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/top_model.c and cli/top_frame.c: rates, order, and frames that fit. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cli/top_frame.h"

struct page {
    char text[65536];
    unsigned lines, widest;
};

static void write_line(void *context, unsigned line, enum top_look look, const char *text)
{
    struct page *page = context;
    unsigned columns = 0;

    (void)look;
    for (const char *at = text; *at; at++) {
        cr_assert((unsigned char)*at >= 0x20 && *at != 0x7f, "a control character: %s", text);
        columns += ((unsigned char)*at & 0xc0) != 0x80;
    }
    page->widest = columns > page->widest ? columns : page->widest;
    page->lines = line + 1 > page->lines ? line + 1 : page->lines;
    strcat(page->text, text);
    strcat(page->text, "\n");
}

static void take(struct top_model *model, const char *servers, double now_s)
{
    static char text[32768];
    struct json_object *status;

    snprintf(text, sizeof(text), "{\"mode\":\"auto\",\"uptime_s\":5,\"servers\":[%s]}", servers);
    status = json_tokener_parse(text);
    cr_assert_not_null(status);
    top_take(model, status, now_s);
    json_object_put(status);
}

#define SERVER(port, mode, syns, refused)                                                          \
    "{\"server\":\"10.77.0.2\",\"port\":" port ",\"mode\":\"" mode                                 \
    "\",\"figures\":{\"syns\":" syns ",\"cookies_sent\":" syns                                     \
    ",\"proofs\":20,\"half_open\":7,\"refused\":{\"mismatch\":" refused                            \
    "},\"admission\":[0,0,1]}}"

static const struct top_server *first(const struct top_model *model)
{
    return &model->servers[model->order[0]];
}

Test(top, rates_are_of_the_time_between)
{
    struct top_model model = {0};

    take(&model, SERVER("80", "normal", "100", "5"), 10);
    cr_assert_eq(model.servers[0].syn_rate, 0);
    take(&model, SERVER("80", "normal", "300", "9"), 12);
    cr_assert_float_eq(model.servers[0].syn_rate, 100, 1e-9);
    cr_assert_float_eq(model.servers[0].refuse_rate, 2, 1e-9);
    cr_assert_float_eq(model.servers[0].history[TOP_HISTORY - 1], 100, 1e-3);
    take(&model, SERVER("80", "normal", "7", "0"), 13);
    cr_assert_eq(model.servers[0].syn_rate, 0, "the daemon has begun again");
    cr_assert_float_eq(model.servers[0].history[TOP_HISTORY - 2], 100, 1e-3);
    top_free(&model);
}

/* A line of changes: who is not in it stays as it is, and nothing came to it. */
Test(top, who_is_left_out_has_not_changed)
{
    struct top_model model = {0};
    struct json_object *line;

    take(&model, SERVER("80", "normal", "0", "0") "," SERVER("81", "normal", "0", "0"), 10);
    take(&model, SERVER("80", "normal", "50", "0") "," SERVER("81", "attack", "70", "3"), 11);
    line = json_tokener_parse(
        "{\"mode\":\"auto\",\"whole\":false,\"servers\":[{\"number\":1,\"figures\":{\"syns\":90}},"
        "{\"number\":2,\"figures\":{}}]}");
    top_take(&model, line, 12);
    json_object_put(line);
    cr_assert_eq(model.count, 2);
    cr_assert_eq(model.attacked, 1);
    cr_assert_eq(model.servers[0].syns, 50);
    cr_assert_eq(model.servers[0].syn_rate, 0);
    cr_assert_float_eq(model.servers[0].history[TOP_HISTORY - 2], 50, 1e-3);
    cr_assert_eq(model.servers[0].history[TOP_HISTORY - 1], 0);
    cr_assert_float_eq(model.servers[1].syn_rate, 20, 1e-9);
    cr_assert_float_eq(model.servers[1].history[TOP_HISTORY - 2], 70, 1e-3);
    cr_assert_eq(model.servers[0].told, 2);
    cr_assert_eq(model.servers[1].told, 3);
    top_free(&model);
}

static void take_line(struct top_model *model, const char *line, double now_s)
{
    struct json_object *parsed = json_tokener_parse(line);

    cr_assert_not_null(parsed);
    top_take(model, parsed, now_s);
    json_object_put(parsed);
}

/* Of who is left out before its turn nothing is known: it stays as it was. */
Test(top, who_is_told_of_by_turns)
{
    struct top_model model = {0};

    take(&model, SERVER("80", "normal", "0", "0") "," SERVER("81", "normal", "0", "0"), 10);
    take_line(&model,
              "{\"mode\":\"auto\",\"whole\":false,\"turn\":1,\"turns\":10,\"servers\":["
              "{\"number\":0,\"figures\":{\"syns\":8}},{\"number\":1,\"figures\":{\"syns\":50}}]}",
              11);
    take_line(&model, "{\"mode\":\"auto\",\"whole\":false,\"turn\":0,\"turns\":10,\"servers\":[]}",
              12);
    cr_assert_eq(model.servers[0].syn_rate, 0, "it was its turn, and nothing had come");
    cr_assert_float_eq(model.servers[1].syn_rate, 50, 1e-9, "it was not");
    cr_assert_float_eq(model.servers[1].history[TOP_HISTORY - 1], 50, 1e-3);
    take_line(&model,
              "{\"mode\":\"auto\",\"whole\":false,\"turn\":1,\"turns\":10,\"servers\":["
              "{\"number\":1,\"figures\":{\"syns\":350}}]}",
              21);
    cr_assert_float_eq(model.servers[1].syn_rate, 30, 1e-9, "in the ten seconds since it was told");
    top_free(&model);
}

/* Nor is of a server that has changed what is as it was. */
Test(top, what_is_left_out_of_a_server_has_not_changed)
{
    struct top_model model = {0};
    struct json_object *line;

    take(&model, SERVER("80", "attack", "100", "5"), 10);
    line = json_tokener_parse("{\"mode\":\"auto\",\"whole\":false,\"servers\":[{\"number\":0,"
                              "\"figures\":{\"syns\":140,\"admission\":[0,0,1,4]}}]}");
    top_take(&model, line, 12);
    json_object_put(line);
    cr_assert_str_eq(model.servers[0].mode, "attack");
    cr_assert_eq(model.servers[0].refused, 5);
    cr_assert_eq(model.servers[0].half_open, 7);
    cr_assert_float_eq(model.servers[0].syn_rate, 20, 1e-9);
    cr_assert_eq(model.servers[0].p50_us, 8, "of those that are new");
    line = json_tokener_parse("{\"mode\":\"auto\",\"whole\":false,\"servers\":[{\"number\":0,"
                              "\"mode\":\"normal\",\"cause\":null,\"figures\":{}}]}");
    top_take(&model, line, 13);
    json_object_put(line);
    cr_assert_str_eq(model.servers[0].mode, "normal");
    cr_assert_eq(model.servers[0].syns, 140);
    cr_assert_eq(model.servers[0].syn_rate, 0);
    cr_assert_eq(model.servers[0].p50_us, 0);
    top_free(&model);
}

Test(top, who_is_attacked_comes_first_then_who_is_busy)
{
    struct top_model model = {0};

    take(&model,
         SERVER("1", "normal", "0", "0") "," SERVER("2", "attack", "0",
                                                    "0") "," SERVER("3", "normal", "0", "0"),
         1);
    take(&model,
         SERVER("1", "normal", "5", "0") "," SERVER("2", "attack", "1",
                                                    "0") "," SERVER("3", "normal", "9", "8"),
         2);
    top_sort(&model, TOP_BY_ACTIVITY);
    cr_assert_str_eq(first(&model)->name, "10.77.0.2:2");
    cr_assert_str_eq(model.servers[model.order[1]].name, "10.77.0.2:3");
    top_sort(&model, TOP_BY_REFUSED);
    cr_assert_str_eq(first(&model)->name, "10.77.0.2:3");
    top_sort(&model, TOP_BY_NAME);
    cr_assert_str_eq(first(&model)->name, "10.77.0.2:1");
    top_free(&model);
}

Test(top, frames_fit_and_say_what_there_is)
{
    static const unsigned sizes[][2] = {{80, 24}, {200, 60}, {20, 5}};
    static const enum top_page pages[] = {TOP_SERVERS, TOP_ONE_SERVER, TOP_SOURCES};
    struct top_model model = {0};

    take(&model, SERVER("80", "attack", "100", "5"), 1);
    take(&model, SERVER("80", "attack", "20100", "5"), 2);
    for (size_t i = 0; i < 9; i++) {
        static struct page page;
        struct top_view view = {.columns = sizes[i / 3][0],
                                .lines = sizes[i / 3][1],
                                .page = pages[i % 3],
                                .blocks = i % 2};

        page = (struct page){.lines = 0};
        top_draw(&model, &view, write_line, &page);
        cr_assert_leq(page.widest, view.columns, "%s", page.text);
        cr_assert_leq(page.lines, view.lines, "%s", page.text);
        if (view.columns >= 80 && view.page == TOP_SERVERS)
            cr_assert(strstr(page.text, "10.77.0.2:80") && strstr(page.text, "20.0k"), "%s",
                      page.text);
        if (view.columns >= 80 && view.page == TOP_ONE_SERVER)
            cr_assert(strstr(page.text, "  mismatch                        5\n") &&
                          strstr(page.text, "half-open 7  spliced 0\n") &&
                          strstr(page.text, "cookie has not come back 20080\n") &&
                          strstr(page.text, "has asked for nothing 15\n"),
                      "%s", page.text);
    }
    top_free(&model);
}

/* Until when is what one looks for: it has its place in the narrowest terminal, too. */
Test(top, a_source_fits_with_its_time)
{
    static struct page page;
    struct top_model model = {0};
    struct top_view view = {.columns = 80, .lines = 24, .page = TOP_SOURCES};

    view.sources = json_tokener_parse(
        "[{\"address\":\"2001:db8:1234:5678::\",\"length\":64,\"state\":\"aside\",\"by\":"
        "\"judgement\",\"mismatches\":4294967295,\"until\":\"2026-11-30T02:43:05Z\"}]");
    top_draw(&model, &view, write_line, &page);
    cr_assert(strstr(page.text, "2001:db8:1234:5678::/64 "), "%s", page.text);
    cr_assert(strstr(page.text, " 2026-11-30T02:43:05Z\n"), "%s", page.text);
    cr_assert_leq(page.widest, 80, "%s", page.text);
    json_object_put(view.sources);
    top_free(&model);
}

/* Names and causes that would move the cursor, or turn the line round, are shown as '?'. */
Test(top, hostile_texts)
{
    static struct page page;
    struct top_model model = {0};
    struct top_view view = {.columns = 80, .lines = 24};

    take(&model,
         "{\"server\":\"\\u001b[2J\\u202e\",\"port\":1,\"mode\":\"\\u001b[H\",\"cause\":\"a\\nb\","
         "\"figures\":{\"refused\":{\"\\u001b]0;x\\u0007\":1}}}",
         1);
    for (int i = TOP_SERVERS; i <= TOP_SOURCES; i++) {
        view.page = (enum top_page)i;
        view.sources = json_tokener_parse("[{\"address\":\"\\u001b[5n\",\"state\":\"\\u009b1m\"}]");
        top_draw(&model, &view, write_line, &page);
        json_object_put(view.sources);
    }
    cr_assert(strstr(page.text, "?[2J"), "%s", page.text);
    top_free(&model);
}

/* Where there are more than fit, the chosen one is among those that are shown. */
Test(top, what_is_chosen_is_seen)
{
    static char servers[32768], one[256];
    static struct page page;
    struct top_model model = {0};
    struct top_view view = {.columns = 80, .lines = 24, .selected = 90};

    for (int i = 0; i < 100; i++) {
        snprintf(one, sizeof(one), "%s{\"server\":\"10.77.0.2\",\"port\":%d,\"figures\":{}}",
                 i ? "," : "", 1000 + i);
        strcat(servers, one);
    }
    take(&model, servers, 1);
    top_draw(&model, &view, write_line, &page);
    cr_assert(strstr(page.text, ":1090"), "%s", page.text);
    cr_assert(!strstr(page.text, ":1000"), "%s", page.text);
    view.selected = 5000;
    top_draw(&model, &view, write_line, &page);
    cr_assert_eq(view.selected, 99u);
    top_free(&model);
}
