/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/web/board.c: states and messages, and that strangers' words end no string. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/web/board.h"

#define FIRST 1000

static void open_followed(struct board *board)
{
    board_open(board, FIRST);
    board->followed = true;
}

static void sample(struct board *board, const char *whole, const char *servers, double now_s)
{
    static char text[65536];
    struct json_object *line;

    snprintf(text, sizeof(text),
             "{\"synward\":{\"version\":\"1\"},\"mode\":\"auto\",\"uptime_s\":5,\"whole\":%s,"
             "\"time_ms\":%.0f,\"servers\":[%s]}",
             whole, now_s * 1000, servers);
    line = json_tokener_parse(text);
    cr_assert_not_null(line, "%s", text);
    board_sample(board, line, now_s);
    json_object_put(line);
}

#define SERVER(port, mode, cause, syns)                                                            \
    "{\"server\":\"10.77.0.2\",\"port\":" port ",\"vlan\":[],\"mode\":\"" mode                     \
    "\",\"cause\":" cause ",\"figures\":{\"syns\":" syns                                           \
    ",\"refused\":{\"mismatch\":3},\"admission\":[]}}"
#define TWO_CALM SERVER("80", "normal", "null", "10") "," SERVER("81", "normal", "null", "0")

static struct json_object *state_of(const struct board *board)
{
    size_t bytes;
    char *text = board_state(board, &bytes);
    struct json_object *state = json_tokener_parse(text);

    cr_assert_eq(strlen(text), bytes);
    cr_assert_not_null(state, "%s", text);
    free(text);
    return state;
}

/* The next message; its kind, and what it says (NULL: nothing is asked of it). */
static const char *next_kind(const struct board *board, uint64_t *number, struct json_object **data)
{
    static char text[65536], kind[16];
    size_t offset = 0, used = 0;
    const uint64_t before = *number;
    unsigned long long id;
    const char *said;

    while (*number == before) {
        const size_t bytes = board_read(board, number, &offset, text + used, 7);

        cr_assert(bytes > 0 && bytes <= 7, "message %lu", (unsigned long)before);
        used += bytes;
    }
    text[used] = '\0';
    cr_assert_eq(sscanf(text, "id: %llu\nevent: %15s\n", &id, kind), 2, "%s", text);
    cr_assert_eq(id, *number);
    said = strstr(text, "\ndata: ") + 7;
    cr_assert_eq(strcspn(said, "\n"), strlen(said) - 2, "one line: %s", said);
    if (data) {
        *data = json_tokener_parse(said);
        cr_assert_not_null(*data, "%s", said);
    }
    return kind;
}

static size_t count(struct json_object *object, const char *key)
{
    return json_object_array_length(json_object_object_get(object, key));
}

Test(board, a_tick_tells_what_has_changed)
{
    struct board board;
    struct json_object *tick, *server;
    uint64_t at = FIRST;

    open_followed(&board);
    sample(&board, "true", TWO_CALM, 10);
    cr_expect_str_eq(next_kind(&board, &at, NULL), "reset", "the servers are new");
    sample(
        &board, "false",
        "{\"number\":1,\"mode\":\"attack\",\"cause\":\"half-open 201\",\"figures\":{\"syns\":500}}",
        11);
    cr_expect_str_eq(next_kind(&board, &at, &tick), "tick");
    cr_expect_eq(count(tick, "servers"), 1);
    server = json_object_array_get_idx(json_object_object_get(tick, "servers"), 0);
    cr_expect_eq(json_object_get_int(json_object_object_get(server, "number")), 1);
    cr_expect_str_eq(json_object_get_string(json_object_object_get(server, "cause")),
                     "half-open 201");
    cr_expect_eq(json_object_get_int(json_object_object_get(tick, "attacked")), 1);
    cr_expect_eq(count(tick, "order"), 2, "who is attacked comes first now");
    json_object_put(tick);
    sample(&board, "false", "{\"number\":1,\"figures\":{\"syns\":700}}", 12);
    cr_expect_str_eq(next_kind(&board, &at, &tick), "tick");
    server = json_object_array_get_idx(json_object_object_get(tick, "servers"), 0);
    cr_expect_not(json_object_object_get_ex(server, "mode", NULL), "it is as it was");
    cr_expect_str_eq(json_object_to_json_string_ext(json_object_object_get(server, "figures"), 0),
                     "{\"syns\":700}");
    cr_expect_eq(json_object_get_int(json_object_object_get(tick, "attacked")), 1);
    json_object_put(tick);
    sample(&board, "false", "", 13);
    cr_expect_str_eq(next_kind(&board, &at, &tick), "tick");
    cr_expect_eq(count(tick, "servers"), 1, "nothing came any more, which is news");
    cr_expect_not(json_object_object_get_ex(tick, "order", NULL));
    json_object_put(tick);
    sample(&board, "false", "", 14);
    cr_expect_str_eq(next_kind(&board, &at, &tick), "tick");
    cr_expect_eq(count(tick, "servers"), 0);
    json_object_put(tick);
    tick = state_of(&board);
    server = json_object_array_get_idx(json_object_object_get(tick, "servers"), 1);
    cr_expect_str_eq(json_object_get_string(json_object_object_get(server, "mode")), "attack");
    cr_expect_str_eq(json_object_to_json_string_ext(json_object_object_get(server, "figures"), 0),
                     "{\"syns\":700,\"refused\":{\"mismatch\":3},\"admission\":[]}");
    json_object_put(tick);
    board_close(&board);
}

/* Of a hundred that all have changed a page shows the first: the others have their turns. */
Test(board, who_is_not_shown_is_told_of_by_turns)
{
    static char text[32768];
    struct board board;
    struct json_object *tick, *server;
    uint64_t at = FIRST;
    size_t told = 0, used = 0;

    for (int i = 0; i < 100; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "%s{\"server\":\"10.0.0.1\",\"port\":%d,\"mode\":\"normal\","
                                 "\"figures\":{\"syns\":1,\"proofs\":7}}",
                                 i ? "," : "", i + 1);
    open_followed(&board);
    sample(&board, "true", text, 1);
    cr_expect_str_eq(next_kind(&board, &at, NULL), "reset");
    for (int turn = 0; turn < BOARD_TURNS; turn++) {
        used = 0;
        for (int i = 0; i < 100; i++)
            used += (size_t)snprintf(text + used, sizeof(text) - used,
                                     "%s{\"number\":%d,\"figures\":{\"syns\":%d}}", i ? "," : "", i,
                                     turn * 10 + 11);
        sample(&board, "false", text, turn + 2);
        cr_expect_str_eq(next_kind(&board, &at, &tick), "tick");
        cr_expect_geq(count(tick, "servers"), BOARD_AT_ONCE);
        told += count(tick, "servers") - BOARD_AT_ONCE;
        server = json_object_array_get_idx(json_object_object_get(tick, "servers"),
                                           count(tick, "servers") - 1);
        if (turn > 0 && count(tick, "servers") > BOARD_AT_ONCE)
            cr_expect(strstr(json_object_to_json_string_ext(server, 0), "\"proofs\":7"),
                      "all of one that comes late");
        json_object_put(tick);
    }
    cr_expect_eq(told, 100 - BOARD_AT_ONCE, "each once");
    board_close(&board);
}

Test(board, words_of_strangers_end_no_string)
{
    struct board board;
    struct json_object *state, *event = json_object_new_object(), *server;
    uint64_t at = FIRST;

    open_followed(&board);
    sample(&board, "true", SERVER("80", "attack", "\"a\\\"b\\\\c\\nd<script>\\u001b\"", "1"), 10);
    state = state_of(&board);
    server = json_object_array_get_idx(json_object_object_get(state, "servers"), 0);
    cr_expect_str_eq(json_object_get_string(json_object_object_get(server, "cause")),
                     "a\"b\\c?d<script>?");
    json_object_put(state);
    json_object_object_add(event, "number", json_object_new_int64(7));
    json_object_object_add(event, "event", json_object_new_string("greeting"));
    json_object_object_add(event, "text", json_object_new_string("x\n\ndata: {}\n\nevent: away\r"));
    next_kind(&board, &at, NULL);
    board_event(&board, event);
    json_object_put(event);
    cr_expect_str_eq(next_kind(&board, &at, NULL), "event");
    cr_expect_eq(at, board.newest, "one message");
    cr_expect_eq(board.event_number, 7);
    board_close(&board);
}

Test(board, the_past_is_a_quarter_of_an_hour)
{
    struct board board;
    struct json_object *past;
    size_t bytes;
    char servers[512], *text;

    open_followed(&board);
    for (int i = 0; i <= BOARD_PAST + 5; i++) {
        snprintf(servers, sizeof(servers), SERVER("80", "normal", "null", "%d"), 10 * i);
        sample(&board, "true", servers, i);
    }
    cr_expect_null(board_past(&board, "10.77.0.2:81", &bytes));
    text = board_past(&board, "10.77.0.2:80", &bytes);
    past = json_tokener_parse(text);
    cr_assert_not_null(past);
    cr_expect_eq(count(past, "syns"), BOARD_PAST);
    cr_expect_eq(json_object_get_int(json_object_object_get(past, "known")), BOARD_PAST);
    for (size_t i = 0; i < BOARD_PAST; i++)
        cr_assert_eq(
            json_object_get_int(json_object_array_get_idx(json_object_object_get(past, "syns"), i)),
            10);
    json_object_put(past);
    free(text);
    board_close(&board);
}

/* Of a server that stays, also where others come before it. */
Test(board, a_server_keeps_its_past)
{
    struct board board;
    struct json_object *past;
    size_t bytes;
    char *text;

    open_followed(&board);
    sample(&board, "true", SERVER("80", "normal", "null", "0"), 1);
    sample(&board, "true", SERVER("80", "normal", "null", "50"), 2);
    sample(&board, "true",
           SERVER("79", "normal", "null", "0") "," SERVER("80", "normal", "null", "50"), 3);
    text = board_past(&board, "10.77.0.2:80", &bytes);
    past = json_tokener_parse(text);
    cr_expect_eq(json_object_get_int(json_object_array_get_idx(json_object_object_get(past, "syns"),
                                                               BOARD_PAST - 2)),
                 50);
    json_object_put(past);
    free(text);
    sample(&board, "true", SERVER("79", "normal", "null", "0"), 4);
    cr_expect_null(board_past(&board, "10.77.0.2:80", &bytes), "it is gone");
    board_close(&board);
}

Test(board, who_is_behind_is_told_to_begin_anew)
{
    struct board board;
    uint64_t at = FIRST;
    size_t offset = 0;
    char out[16];

    open_followed(&board);
    cr_expect(board_follows(&board, FIRST));
    cr_expect_not(board_follows(&board, FIRST - 1), "of another process");
    cr_expect_not(board_follows(&board, FIRST + 1));
    cr_expect_eq(board_read(&board, &at, &offset, out, sizeof(out)), 0, "nothing is new");
    for (int i = 0; i < BOARD_MESSAGES; i++)
        sample(&board, "true", TWO_CALM, i);
    cr_expect_not(board_follows(&board, FIRST));
    cr_expect(board_follows(&board, FIRST + 1));
    cr_expect_eq(board_read(&board, &at, &offset, out, sizeof(out)), SIZE_MAX);
    board_close(&board);
}

Test(board, what_nobody_reads_is_not_written)
{
    struct board board;
    uint64_t at = FIRST + 1;
    size_t offset = 0;
    char out[16];

    open_followed(&board);
    sample(&board, "true", TWO_CALM, 1);
    sample(&board, "true", TWO_CALM, 2);
    cr_expect(board_follows(&board, at));
    board.followed = false;
    sample(&board, "true", TWO_CALM, 3);
    cr_expect_eq(board.newest, FIRST + 3);
    cr_expect_not(board_follows(&board, FIRST + 2), "it is not there");
    cr_expect(board_follows(&board, FIRST + 3), "the next one may be");
    cr_expect_str_eq(next_kind(&board, &at, NULL), "tick");
    cr_expect_eq(board_read(&board, &at, &offset, out, sizeof(out)), SIZE_MAX);
    board_close(&board);
}

Test(board, a_daemon_that_is_gone_is_told_once)
{
    struct board board;
    struct json_object *state;
    uint64_t at = FIRST;

    open_followed(&board);
    board_away(&board);
    board_away(&board);
    cr_expect_str_eq(next_kind(&board, &at, NULL), "away");
    cr_expect_eq(at, board.newest);
    state = state_of(&board);
    cr_expect(json_object_get_boolean(json_object_object_get(state, "away")));
    cr_expect_null(json_object_object_get(state, "status"), "nothing is known");
    json_object_put(state);
    sample(&board, "true", TWO_CALM, 5);
    cr_expect_str_eq(next_kind(&board, &at, NULL), "reset");
    board_away(&board);
    cr_expect_str_eq(next_kind(&board, &at, NULL), "away");
    sample(&board, "true", TWO_CALM, 6);
    cr_expect_str_eq(next_kind(&board, &at, NULL), "reset", "it is back");
    board_close(&board);
}
