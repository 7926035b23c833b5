/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_odd_frames.c - every form of doc/frames.md through a server's life: a flood in that form is
 * noticed in auto mode, and a client in that form is served in attack mode, or kept away.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "tests/engine/support_engine.h"
#include "tests/engine/support_odd.h"

#define SYNS_LEAST 200 /* TRIGGER_HALF_OPEN_DEFAULT: one more fires */

static struct bench *auto_bench(bool v6)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = 1024;
    b = bench_new_sized(SETTING_AUTO, &config);
    b->client = v6 ? CLIENT6 : CLIENT;
    b->server = v6 ? HTTP6 : HTTP;
    handshake(b, OFFERS, OFFERS);
    engine_observations(b->engine)->count = 0;
    return b;
}

static void next_client(struct bench *b, bool v6, unsigned number)
{
    snprintf(b->client_text, sizeof(b->client_text), v6 ? "[2001:db8:1::8]:%u" : "198.51.100.8:%u",
             1000 + number);
    b->client = b->client_text;
}

static void odd_syn(struct bench *b, const struct odd_form *form)
{
    client_builds(b, .flags = "S", .seq = X, .options = OFFERS);
    odd_put(form, &b->sent);
    bench_put(b, SIDE_CLIENT);
}

/* A flood of half-open connections; `answered`: the server's SYN-ACKs cross as well. Returns how
 * many SYNs reached the server. */
static unsigned flood(struct bench *b, const struct odd_form *form, bool v6, bool answered)
{
    unsigned passed = 0;

    while (bench_server(b, b->server)->mode == MODE_NORMAL && passed < 2 * SYNS_LEAST) {
        next_client(b, v6, passed++);
        odd_syn(b, form);
        cr_assert_eq(b->verdict.action, VERDICT_FORWARD, "%s", form->name);
        take(b, SIDE_SERVER);
        if (!answered)
            continue;
        server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        take(b, SIDE_CLIENT);
    }
    next_client(b, v6, passed);
    return passed;
}

static void flood_is_noticed(const struct odd_form *form, bool v6, bool taken)
{
    struct bench *b = auto_bench(v6);
    unsigned passed = flood(b, form, v6, !taken);

    cr_assert_eq(bench_server(b, b->server)->mode, MODE_ATTACK, "%s", form->name);
    cr_assert_leq(passed, SYNS_LEAST + 1, "%s: %u", form->name, passed);
    odd_syn(b, form);
    cr_assert_eq(b->verdict.action, taken ? VERDICT_REPLY : VERDICT_DROP, "%s", form->name);
    if (taken)
        take(b, SIDE_CLIENT);
    bench_end(b);
}

static void each_form(const struct odd_form *forms, bool taken,
                      void (*run)(const struct odd_form *form, bool v6, bool taken))
{
    for (; forms->name; forms++)
        for (int v6 = 0; v6 < 2; v6++)
            if (odd_fits(forms, v6))
                run(forms, v6, taken);
}

Test(odd_frames, a_flood_in_any_form_that_hosts_take_is_noticed)
{
    each_form(odd_taken, true, flood_is_noticed);
}

/* Whoever takes them behind us answers plainly: that is what is counted. */
Test(odd_frames, a_flood_in_any_form_that_is_not_read_is_noticed_by_its_answers)
{
    each_form(odd_unread, false, flood_is_noticed);
}

/* --- served ---------------------------------------------------------------------------------- */

#define odd_says(b, form, side, ...)                                                               \
    (bench_build(b, side, (struct frame_words){__VA_ARGS__}), odd_put(form, &(b)->sent),           \
     bench_put(b, side))

static const struct frame *taken_by(struct bench *b, enum side side, const char *what)
{
    const struct frame *frame = take(b, side);

    cr_assert_eq(frame->kind, FRAME_TCP, "%s", what);
    return frame;
}

/* Both hosts speak in this form all the time. */
static void client_is_served(const struct odd_form *form, bool v6, bool taken)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const struct frame *frame;
    uint32_t c, asked = (uint32_t)strlen(REQUEST);

    (void)taken;
    b->client = v6 ? CLIENT6 : CLIENT;
    b->server = v6 ? HTTP6 : HTTP;
    odd_says(b, form, SIDE_CLIENT, .flags = "S", .seq = X, .options = OFFERS);
    frame = taken_by(b, SIDE_CLIENT, form->name);
    cr_assert_eq(frame->flags, TCP_SYN | TCP_ACK, "%s", form->name);
    c = frame->seq;
    odd_says(b, form, SIDE_CLIENT, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502);
    dropped(b, answered);
    odd_says(b, form, SIDE_CLIENT, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502,
             .payload = REQUEST);
    frame = taken_by(b, SIDE_SERVER, form->name);
    cr_assert_eq(frame->flags, TCP_SYN, "%s", form->name);
    odd_says(b, form, SIDE_SERVER, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    frame = taken_by(b, SIDE_SERVER, form->name);
    cr_assert_eq(frame->payload_bytes, asked, "%s", form->name);
    odd_says(b, form, SIDE_SERVER, .flags = ".", .seq = Y + 1, .ack = X + 1 + asked,
             .payload = "200");
    frame = taken_by(b, SIDE_CLIENT, form->name);
    cr_assert_eq(frame->seq, c + 1, "%s", form->name);
    cr_assert_eq(frame->payload_bytes, 3, "%s", form->name);
    odd_says(b, form, SIDE_CLIENT, .flags = "P.", .seq = X + 1 + asked, .ack = c + 4,
             .payload = REQUEST);
    frame = taken_by(b, SIDE_SERVER, form->name);
    cr_assert_eq(frame->ack, Y + 4, "%s", form->name);
    bench_end(b);
}

Test(odd_frames, a_client_in_any_form_that_hosts_take_is_served)
{
    each_form(odd_taken, true, client_is_served);
}
