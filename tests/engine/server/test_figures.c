/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/server/figures.h: what is counted of each server, on the ways of an engine. */
#include <criterion/criterion.h>

#include "tests/engine/support_engine.h"

static const struct server_figures *figures(struct bench *b, const char *server)
{
    return &bench_server(b, server)->figures;
}

static void assert_nothing(const struct server_figures *figures)
{
    const struct server_figures none = {0};

    cr_assert_arr_eq((const uint8_t *)figures, (const uint8_t *)&none, sizeof(none));
}

Test(figures, connection_in_normal_mode)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = GREETING);
    cr_assert_eq(figures(b, HTTP)->syns, 1u);
    cr_assert_eq(figures(b, HTTP)->frames_in, 2u, "the SYN is of no connection yet");
    cr_assert_eq(figures(b, HTTP)->frames_out, 2u);
    cr_assert_eq(figures(b, HTTP)->bytes_out, 66u + 54u + GREETING_LENGTH);
    cr_assert_eq(figures(b, HTTP)->proofs, 0u);
    cr_assert_eq(figures(b, HTTP)->switches, 0u);
    assert_nothing(figures(b, POP3));
    bench_forget(b);
    bench_end(b);
}

Test(figures, admission_is_timed_and_its_splice_counted)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    take(b, SIDE_SERVER);
    b->now_us += 3000;
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_eq(figures(b, HTTP)->cookies_sent, 1u);
    cr_assert_eq(figures(b, HTTP)->proofs, 1u);
    cr_assert_eq(figures(b, HTTP)->admitted, 1u);
    cr_assert_eq(figures(b, HTTP)->admission_us, 3000u);
    cr_assert_eq(figures(b, HTTP)->admission[12], 1u, "less than 4,096 us");
    cr_assert_eq(figures(b, HTTP)->spliced, 1u);
    cr_assert_eq(figures(b, HTTP)->switches, 1u);
    server_says(b, .flags = "R.", .seq = Y + 1, .ack = X + 19);
    cr_assert_eq(figures(b, HTTP)->spliced, 0u);
    bench_forget(b);
    bench_end(b);
}

/* The time in which a request was kept counts. */
Test(figures, request_in_two_parts_is_timed_from_its_first)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "GET / HT");
    b->now_us += 20000;
    client_says(b, .flags = "P.", .seq = X + 9, .ack = c + 1, .payload = "TP/1.1\r\n\r\n");
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_eq(figures(b, HTTP)->admitted, 1u);
    cr_assert_eq(figures(b, HTTP)->admission_us, 20000u);
    bench_forget(b);
    bench_end(b);
}

Test(figures, refusals_have_their_reason_on_both_ways)
{
    static const char *const servers[] = {HTTP, HTTP6};

    for (size_t i = 0; i < 2; i++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        uint32_t c;

        b->server = servers[i];
        b->client = i ? CLIENT6 : CLIENT;
        c = get_cookie(b, OFFERS);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "EHLO x\r\n");
        cr_assert_eq(figures(b, servers[i])->refused[REFUSAL_OF_mismatch], 1u);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 77, .payload = REQUEST);
        cr_assert_eq(figures(b, servers[i])->refused[REFUSAL_OF_bad_cookie], 1u);
        cr_assert_eq(figures(b, servers[i])->admitted, 0u);
        bench_forget(b);
        bench_end(b);
    }
}

Test(figures, server_that_refuses_an_opening)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    server_says(b, .flags = "R.", .ack = X + 1);
    cr_assert_eq(figures(b, HTTP)->failed, 1u);
    cr_assert_eq(figures(b, HTTP)->admitted, 0u);
    bench_forget(b);
    bench_end(b);
}

Test(figures, shards_are_added)
{
    struct server_figures sum = {.syns = 1}, more = {.syns = 2, .spliced = 3};

    figures_refuse(&sum, DROP_mismatch);
    figures_refuse(&more, DROP_mismatch);
    figures_refuse(&more, DROP_swallowed);
    figures_admit(&more, 0);
    figures_admit(&more, UINT64_MAX / 2);
    figures_add(&sum, &more);
    cr_assert_eq(sum.syns, 3u);
    cr_assert_eq(sum.spliced, 3u);
    cr_assert_eq(sum.refused[REFUSAL_OF_mismatch], 2u);
    cr_assert_eq(sum.admission[0], 1u);
    cr_assert_eq(sum.admission[ADMISSION_BUCKETS - 1], 1u);
    for (unsigned i = 0; i < SERVER_REFUSALS_COUNT; i++)
        cr_assert(i == REFUSAL_OF_mismatch || sum.refused[i] == 0);
}
