/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_odd_frames.c - every form of doc/frames.md through a server's life: a flood in that form is
 * noticed in auto mode, and a client in that form is served in attack mode, or kept away.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "tests/engine/random.h"
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

/* --- on a connection that we translate -------------------------------------------------------- */

/* Of two connections alike one hears plain segments, the other the same in odd forms. */
struct pair {
    struct bench *plain, *odd;
    struct random random;
};

static void open_pair(struct pair *pair, bool v6, const char *offers, const char *grants)
{
    struct bench *both[2];

    for (int i = 0; i < 2; i++) {
        both[i] = bench_new(SETTING_ATTACK);
        both[i]->client = v6 ? CLIENT6 : CLIENT;
        both[i]->server = v6 ? HTTP6 : HTTP;
        open_http(both[i], offers, grants);
    }
    pair->plain = both[0];
    pair->odd = both[1];
}

static struct frame_words random_segment(struct pair *pair, enum side from, uint32_t c)
{
    static const char *const options[] = {NULL, "nop nop blocks=5100-5200",
                                          "nop nop blocks=5002-5003,5100-5200", "ts=7/9 nop nop"};
    static uint8_t payload[3000];
    uint32_t asked = (uint32_t)strlen(REQUEST), bytes = 1 + random_below(&pair->random, 2000);
    bool client = from == SIDE_CLIENT;

    return (struct frame_words){
        .flags = "P.",
        .seq = (client ? X + 1 + asked : Y + 1) + random_below(&pair->random, 3000),
        .ack = client ? c + 1 + random_below(&pair->random, 3000) : X + 1 + asked,
        .window = (uint16_t)(1 + random_below(&pair->random, 65535)),
        .options = options[random_below(&pair->random, client ? 4 : 1)],
        .tos = (uint8_t)random_below(&pair->random, 4),
        .payload = payload,
        .payload_bytes = bytes,
        .gso_bytes = (uint16_t)(bytes > 1400 ? 1000 : 0),
    };
}

/* The segment is the same, byte by byte, but for what the form itself has changed in it. */
static void same_segment(const struct frame *plain, const struct frame *odd, const char *what)
{
    uint32_t header = (uint32_t)(plain->payload - plain->l4);

    cr_assert_eq(odd->kind, FRAME_TCP, "%s", what);
    cr_assert_eq(odd->payload - odd->l4, header, "%s", what);
    cr_assert_arr_eq(odd->data + odd->l4, plain->data + plain->l4, 12, "%s", what);
    cr_assert_eq(odd->window, plain->window, "%s", what);
    cr_assert_arr_eq(odd->data + odd->l4 + 18, plain->data + plain->l4 + 18, header - 18, "%s",
                     what);
    cr_assert_eq(odd->payload_bytes, plain->payload_bytes, "%s", what);
    cr_assert_arr_eq(frame_payload(odd), frame_payload(plain), plain->payload_bytes, "%s", what);
    cr_assert_eq(frame_tos(odd), frame_tos(plain), "%s", what);
    cr_assert_eq(odd->offload->gso_bytes, plain->offload->gso_bytes, "%s", what);
}

static void one_segment(struct pair *pair, const struct odd_form *form, uint32_t c)
{
    enum side from = random_below(&pair->random, 2) ? SIDE_CLIENT : SIDE_SERVER;
    struct frame_words words = random_segment(pair, from, c);

    bench_build(pair->plain, from, words);
    bench_put(pair->plain, from);
    forwarded(pair->plain);
    take(pair->plain, side_other(from));
    bench_build(pair->odd, from, words);
    odd_put(form, &pair->odd->sent);
    bench_put(pair->odd, from);
    cr_assert_eq(pair->odd->verdict.action, VERDICT_FORWARD, "%s", form->name);
    take(pair->odd, side_other(from));
    same_segment(&pair->plain->seen.view, &pair->odd->seen.view, form->name);
}

static void translated_as_plain(const struct odd_form *form, bool v6, bool taken)
{
    static const char *const grants[] = {OFFERS, "mss=1460 nop ws=2", "mss=1460 nop nop sack"};
    struct pair pair = {.random = random_begin(form->name)};

    (void)taken;
    for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
        open_pair(&pair, v6, OFFERS, grants[i]);
        for (unsigned round = 0; round < 300; round++)
            one_segment(&pair, form, Y + bench_flow(pair.plain)->delta);
        bench_end(pair.plain);
        bench_end(pair.odd);
    }
}

Test(odd_frames, segments_of_a_spliced_connection_are_translated_as_plain_ones)
{
    each_form(odd_taken, true, translated_as_plain);
}

/* What cannot be translated does not pass, from either side, in any mode. */
static void not_passed_untranslated(const struct odd_form *form, bool v6, bool taken)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    (void)taken;
    b->client = v6 ? CLIENT6 : CLIENT;
    b->server = v6 ? HTTP6 : HTTP;
    c = open_http(b, OFFERS, OFFERS);
    for (int mode = 0; mode < 2; mode++) {
        odd_says(b, form, SIDE_SERVER, .flags = ".", .seq = Y + 1, .ack = X + 19, .payload = "200");
        cr_assert_eq(b->verdict.action, VERDICT_DROP, "%s, server", form->name);
        odd_says(b, form, SIDE_CLIENT, .flags = ".", .seq = X + 19, .ack = c + 1, .payload = "a");
        cr_assert_eq(b->verdict.action, VERDICT_DROP, "%s, client", form->name);
        engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    }
    /* Of a connection that is only followed they pass. */
    next_client(b, v6, 1);
    handshake(b, OFFERS, OFFERS);
    odd_says(b, form, SIDE_CLIENT, .flags = ".", .seq = X + 1, .ack = Y + 1, .payload = "a");
    forwarded(b);
    take(b, SIDE_SERVER);
    bench_end(b);
}

/* Not of the first two: nobody can tell that what is wrapped, or comes from elsewhere, is meant for
 * this connection. */
Test(odd_frames, what_is_not_read_does_not_pass_untranslated)
{
    each_form(odd_unread + 2, false, not_passed_untranslated);
}

/* --- partial checksums ------------------------------------------------------------------------ */

/*
 * Who has a virtual card says where the checksum is to be filled in. Elsewhere, that writes over
 * what we have read: the port of a SYN to a service that is not attacked, the flags of a stray, the
 * protocol of a datagram.
 */
Test(odd_frames, a_checksum_that_is_not_the_segments_own_does_not_pass)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    b->damaged = true; /* what comes out is as it went in */
    client_builds(b, .to = STRANGER, .flags = "S", .seq = X, .options = OFFERS);
    frame_checksum_partial(&b->sent);
    bench_put(b, SIDE_CLIENT);
    forwarded(b);
    take(b, SIDE_SERVER);
    for (uint16_t at = 0; at < TCP_CHECKSUM_AT; at = (uint16_t)(at + 2)) {
        client_builds(b, .to = STRANGER, .flags = "S", .seq = X, .options = OFFERS);
        frame_checksum_partial(&b->sent);
        b->sent.view.offload->checksum_offset = at;
        bench_put(b, SIDE_CLIENT);
        dropped(b, bad_checksum);
    }
    client_builds(b, .flags = ".", .seq = X, .ack = 1);
    frame_data(&b->sent)[23] = 17;
    b->sent.view.offload->flags = OFFLOAD_NEEDS_CHECKSUM;
    b->sent.view.offload->checksum_start = 14;
    b->sent.view.offload->checksum_offset = 8;
    bench_put(b, SIDE_CLIENT);
    dropped(b, bad_checksum);
    bench_end(b);
}
