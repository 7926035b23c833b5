/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/stages/handover_kept.c: what one shard has acknowledged of a request, another
 * goes on with. */
#include "engine/stages/handover_kept.h"

#include <criterion/criterion.h>
#include <string.h>

#include "engine/stages/handover.h"
#include "engine/stages/kept.h"
#include "engine/tcp/joined.h"
#include "tests/engine/support_engine.h"

#define BEGINNING "GET / HT"
#define REST      "TP/1.1\r\n\r\n"
#define LONG      3000u
#define PIECES    4u
#define BREAK_US  (300 * 1000)

static struct handed_piece pieces[PIECES];
static uint32_t count;

/* What the shard leaves, which has nothing more to say. */
static void leave(struct bench *b)
{
    uint32_t cursor = 0;

    while (handover_end(b->engine, b->now_us))
        bench_wait(b, 1);
    bench_wait(b, 1);
    nothing(b);
    count = handover_pieces(b->engine, &cursor, pieces, PIECES);
}

static struct bench *next_of(struct bench *b)
{
    struct bench *next = bench_new(SETTING_ATTACK);

    next->now_us = b->now_us + BREAK_US;
    bench_end(b);
    return next;
}

static struct bench *successor(struct bench *b)
{
    struct bench *next;

    leave(b);
    next = next_of(b);
    for (uint32_t i = 0; i < count; i++)
        takeover_piece(next->engine, &pieces[i], next->now_us);
    return next;
}

/* A beginning that is acknowledged after 40 ms; the cookie. */
static uint32_t begin(struct bench *b)
{
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = BEGINNING);
    bench_wait(b, SECOND_US / 10);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 9);
    return c;
}

Test(handover_kept, request_is_served_once_its_rest_comes)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin(b);

    b = successor(b);
    cr_assert_eq(count, 1);
    bench_wait(b, SECOND_US / 10);
    nothing(b);
    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1, .payload = REST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_forget(b);
    bench_end(b);
}

/* What was repeated meanwhile is acknowledged as before. */
Test(handover_kept, what_was_acknowledged_stays_so)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin(b);

    for (int i = 0; i < 3; i++)
        b = successor(b);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "GET / HT");
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 9);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "PUT / HTTP/1.1\r\n\r\n");
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_forget(b);
    bench_end(b);
}

/* Nobody answers for it. */
Test(handover_kept, what_was_not_acknowledged_is_forgotten)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = BEGINNING);
    b = successor(b);
    cr_assert_eq(count, 0);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

/* Three pieces, as LONG bytes of a header are acknowledged. */
static uint32_t begin_long(struct bench *b)
{
    static const char head[] = {"GET / HTTP/1.1\r\nA: "};
    static char text[1001];
    const uint32_t c = get_cookie(b, OFFERS);

    memset(text, 'a', 1000);
    for (size_t i = 0; i < sizeof(head) - 1; i++)
        text[i] = head[i];
    for (uint32_t at = 0; at < LONG; at += 1000) {
        client_says(b, .flags = ".", .seq = X + 1 + at, .ack = c + 1, .payload = text);
        memset(text, 'a', 1000);
    }
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 1 + LONG);
    return c;
}

Test(handover_kept, long_one_goes_in_pieces)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin_long(b);
    uint32_t came = 0;

    b = successor(b);
    cr_assert_eq(count, 3);
    client_says(b, .flags = "P.", .seq = X + 1 + LONG, .ack = c + 1, .payload = "\r\n\r\n");
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    while (came < LONG + 4) {
        take(b, SIDE_SERVER);
        cr_assert_eq(b->seen.view.seq, X + 1 + came);
        cr_assert(came || memcmp(frame_payload(&b->seen.view), "GET / HTTP/1.1\r\n", 16) == 0);
        came += b->seen.view.payload_bytes;
    }
    cr_assert_eq(came, LONG + 4);
    bench_forget(b);
    bench_end(b);
}

/* Its client has said all, and waits: it is looked at without a frame of his. */
Test(handover_kept, whole_one_is_served_by_itself)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    begin(b);
    leave(b);
    b = next_of(b);
    memcpy(pieces[0].data, REQUEST, strlen(REQUEST));
    pieces[0].bytes = pieces[0].promised = (uint16_t)strlen(REQUEST);
    takeover_piece(b->engine, &pieces[0], b->now_us);
    nothing(b);
    bench_wait(b, SECOND_US / 10);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_forget(b);
    bench_end(b);
}

/* Its server has not answered: it is asked anew. Who was told of a part is told of all then. */
Test(handover_kept, one_whose_server_is_asked_is_opened_anew)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin(b);

    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1, .payload = REST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_not(handover_end(b->engine, b->now_us));
    bench_wait(b, SECOND_US / 10);
    to_server(b, .flags = "R", .seq = X + 1);
    b = successor(b);
    cr_assert_eq(count, 1);
    server_says(b, .flags = "S.", .seq = Y + 5, .ack = X + 1, .window = 65160, .options = OFFERS);
    nothing(b); /* the first one's answer, late */
    bench_wait(b, SECOND_US / 10);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1, .payload = REST);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 1 + strlen(REQUEST));
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_forget(b);
    bench_end(b);
}

/* What it says all the same, where frames go on without us, is not for the client. */
Test(handover_kept, answer_of_a_server_that_was_asked_is_not_for_the_client)
{
    static uint16_t joined[JOINED_COUNTS];
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin(b);
    uint32_t all = 0;

    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1, .payload = REST);
    b->engine->flows.joined = joined;
    cr_assert_not(handover_end(b->engine, b->now_us));
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        all += joined[i];
    cr_assert_eq(all, 1);
    bench_wait(b, SECOND_US / 10);
    bench_forget(b);
    bench_end(b);
}

Test(handover_kept, one_whose_server_is_asked_is_reset_where_there_is_no_room)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin(b);

    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1, .payload = REST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    b->engine->slots.slots_max = 0;
    cr_assert_not(handover_end(b->engine, b->now_us));
    bench_wait(b, SECOND_US / 10);
    to_server(b, .flags = "R", .seq = X + 1);
    to_client(b, .flags = "R.", .seq = c + 1, .ack = X + 1 + strlen(REQUEST));
    b = successor(b);
    cr_assert_eq(count, 0);
    bench_end(b);
}

/* Nothing of it goes to the server, nor is anything kept. */
static void is_reset_at_once(struct bench *b, uint32_t c)
{
    bench_wait(b, SECOND_US / 10);
    to_client(b, .flags = "R.", .seq = c + 1, .ack = X + 1 + LONG);
    nothing(b);
    cr_assert_eq(b->engine->slots.count, 0);
    cr_assert_eq(b->engine->slots.chunks_used, 0);
    client_says(b, .flags = "P.", .seq = X + 1 + LONG, .ack = c + 1, .payload = "\r\n\r\n");
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    bench_end(b);
}

Test(handover_kept, one_that_finds_no_room_is_reset)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin_long(b);

    leave(b);
    b = next_of(b);
    b->engine->slots.slots_max = 0;
    for (uint32_t i = 0; i < count; i++)
        takeover_piece(b->engine, &pieces[i], b->now_us);
    is_reset_at_once(b, c);
}

Test(handover_kept, one_that_finds_room_for_a_part_is_reset)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin_long(b);

    leave(b);
    b = next_of(b);
    b->engine->slots.chunks_max = 1;
    for (uint32_t i = 0; i < count; i++)
        takeover_piece(b->engine, &pieces[i], b->now_us);
    is_reset_at_once(b, c);
}

/* What may be said at once is bounded: whoever is beyond it is reset when he says more. */
Test(handover_kept, many_that_find_no_room_are_reset)
{
    struct bench *b = bench_new(SETTING_ATTACK), *next;
    const uint32_t c = begin(b);
    struct engine_config config;

    leave(b);
    bench_config(&config);
    config.flows_max = 2 * OUTBOX_FRAMES;
    next = bench_new_sized(SETTING_ATTACK, &config);
    next->now_us = b->now_us + BREAK_US;
    bench_end(b);
    b = next;
    b->engine->slots.slots_max = 0;
    for (int i = OUTBOX_FRAMES; i >= 0; i--) {
        struct handed_piece piece = pieces[0];

        piece.key.client_port = (uint16_t)(piece.key.client_port + i);
        takeover_piece(b->engine, &piece, b->now_us);
    }
    bench_wait(b, SECOND_US / 10);
    for (uint32_t i = 0; i < OUTBOX_FRAMES; i++)
        take(b, SIDE_CLIENT);
    nothing(b);
    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1, .payload = REST);
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    bench_end(b);
}

/* Nobody would say again what is missing. */
Test(handover_kept, one_that_lacks_a_piece_is_no_request)
{
    for (uint32_t missing = 0; missing < 3; missing++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        const uint32_t c = begin_long(b);

        leave(b);
        b = next_of(b);
        for (uint32_t i = 0; i < count; i++)
            if (i != missing)
                takeover_piece(b->engine, &pieces[i], b->now_us);
        is_reset_at_once(b, c);
    }
}

/* Its client speaks before anything was looked at: what was acknowledged is not taken back. */
Test(handover_kept, one_that_lacks_a_piece_is_reset_whatever_its_client_says)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin_long(b);

    leave(b);
    b = next_of(b);
    takeover_piece(b->engine, &pieces[0], b->now_us);
    client_says(b, .flags = "P.", .seq = X + 1 + LONG, .ack = c + 1, .payload = "\r\n\r\n");
    is_reset_at_once(b, c);
}

/* A RST is answered by none, however much of it is missing. */
Test(handover_kept, one_that_lacks_a_piece_and_resets_is_forgotten)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin_long(b);

    leave(b);
    b = next_of(b);
    takeover_piece(b->engine, &pieces[0], b->now_us);
    client_says(b, .flags = "R", .seq = X + 1 + LONG);
    bench_wait(b, SECOND_US / 10);
    nothing(b);
    cr_assert_eq(b->engine->slots.count, 0);
    client_says(b, .flags = "P.", .seq = X + 1 + LONG, .ack = c + 1, .payload = "\r\n\r\n");
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    bench_end(b);
}

/* Others come before anything was looked at: it may not vanish in silence. */
Test(handover_kept, one_that_lacks_a_piece_is_reset_where_its_place_is_needed)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = begin_long(b);
    const char *client = b->client;
    uint32_t other;

    leave(b);
    b = next_of(b);
    b->engine->slots.slots_max = 2;
    takeover_piece(b->engine, &pieces[0], b->now_us);
    b->client = "203.0.113.9:4000";
    other = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = other + 1, .payload = BEGINNING);
    b->client = client;
    to_client(b, .flags = "R.", .seq = c + 1, .ack = X + 1 + LONG);
    cr_assert_eq(b->engine->slots.count, 1, "the other one's");
    bench_end(b);
}

/* The file is damaged, or forged: what stands there for the same tuple is of another request. */
Test(handover_kept, request_gets_no_bytes_of_another)
{
    for (int which = 0; which < 5; which++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        const uint32_t c = begin_long(b);

        leave(b);
        b = next_of(b);
        for (uint32_t i = 1; i < count; i++) {
            pieces[i].x += which == 0;
            pieces[i].c += which == 1;
            pieces[i].generation += which == 2;
            pieces[i].since_ms += which == 3;
        }
        /* Or all of the first one is there without them. */
        pieces[0].promised = which == 4 ? SLOT_CHUNK_BYTES : LONG;
        for (uint32_t i = 0; i < count; i++)
            takeover_piece(b->engine, &pieces[i], b->now_us);
        cr_assert_eq(kept_slot(b->engine, bench_flow(b))->bytes, SLOT_CHUNK_BYTES, "%d", which);
        bench_wait(b, SECOND_US / 10);
        cr_assert_eq(b->engine->slots.count, which == 4, "%d", which);
        if (which != 4)
            to_client(b, .flags = "R.", .seq = c + 1, .ack = X + 1 + LONG);
        nothing(b);
        bench_end(b);
    }
}

Test(handover_kept, pieces_that_no_shard_has_are_refused)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    begin(b);
    leave(b);
    b = next_of(b);
    for (int which = 0; which < 7; which++) {
        struct handed_piece piece = pieces[0];

        piece.key.client_port = (uint16_t)(1 + which);
        piece.promised = which == 1 ? SLOT_BYTES + 1 : which == 2 ? 0 : piece.promised;
        piece.offset = which == 3 ? 1 : which == 4 ? SLOT_CHUNK_BYTES : 0;
        piece.bytes = (uint16_t)(piece.bytes - (which == 5));
        piece.link.length = which == 6 ? LINK_HEADER_MAX + 1 : piece.link.length;
        takeover_piece(b->engine, &piece, b->now_us);
        cr_assert_eq(b->engine->slots.count, 1, "%d", which);
    }
    bench_end(b);
}

/* Where frames go on without us its server gets none of them. */
Test(handover_kept, rest_of_it_is_not_for_the_server)
{
    static uint16_t joined[JOINED_COUNTS];
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t all = 0;

    begin(b);
    b->engine->flows.joined = joined;
    leave(b);
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        all += joined[i];
    cr_assert_eq(all, 1);
    bench_end(b);
}
