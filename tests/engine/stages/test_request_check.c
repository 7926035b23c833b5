/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_request_check.c - requests that look random: what costs a cipher comes last, and under
 * limits. It is longer than most: what is let in undescribed shares their scene. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/stages/kept.h"
#include "engine/stages/request_check.h"
#include "tests/engine/protocols/support_hidden.h"
#include "tests/engine/support_engine.h"

#define EMULE .payload = emule_request, .payload_bytes = sizeof(emule_request)

/* The server at port 80 takes these forms, and HTTP. */
static struct server *takes(struct bench *b, uint8_t forms)
{
    struct server_policy *policy = bench_policy(b, HTTP);

    policy->hidden = forms;
    memcpy(policy->user_hash, emule_user_hash, sizeof(policy->user_hash));
    return bench_server(b, HTTP);
}

static enum match check(struct bench *b, const struct ip_addr *client, const void *request,
                        size_t bytes, bool *put_off)
{
    struct checked checked;
    enum match match = request_check(b->engine, bench_server(b, HTTP), client, request, bytes,
                                     b->now_us, &checked);

    *put_off = checked.put_off;
    return match;
}

static enum match check_once(struct bench *b, const void *request, size_t bytes)
{
    const struct ip_addr client = {{1}};
    bool put_off;
    enum match match = check(b, &client, request, bytes, &put_off);

    cr_assert_not(put_off);
    return match;
}

Test(request, only_what_the_server_takes)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static const uint8_t other[16] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};

    takes(b, 0);
    cr_assert_eq(check_once(b, REQUEST, strlen(REQUEST)), MATCH_YES);
    cr_assert_eq(check_once(b, emule_request, sizeof(emule_request)), MATCH_NO);
    cr_assert_eq(check_once(b, mse_public_key, sizeof(mse_public_key)), MATCH_NO);
    takes(b, HIDDEN_EDONKEY);
    cr_assert_eq(check_once(b, REQUEST, strlen(REQUEST)), MATCH_YES);
    cr_assert_eq(check_once(b, emule_request, sizeof(emule_request)), MATCH_YES);
    cr_assert_eq(check_once(b, emule_request, 8), MATCH_MORE);
    cr_assert_eq(check_once(b, mse_public_key, sizeof(mse_public_key)), MATCH_NO);
    cr_assert_eq(check_once(b, other, sizeof(other)), MATCH_NO);
    takes(b, HIDDEN_BITTORRENT);
    cr_assert_eq(check_once(b, REQUEST, strlen(REQUEST)), MATCH_YES);
    cr_assert_eq(check_once(b, mse_public_key, sizeof(mse_public_key)), MATCH_YES);
    cr_assert_eq(check_once(b, emule_request, sizeof(emule_request)), MATCH_MORE,
                 "may become 96 bytes");
    cr_assert_eq(check_once(b, "USER a\r\n", 8), MATCH_NO);
    takes(b, HIDDEN_BITTORRENT | HIDDEN_EDONKEY);
    cr_assert_eq(check_once(b, emule_request, sizeof(emule_request)), MATCH_YES,
                 "although MSE wants more");
    cr_assert_eq(check_once(b, other, sizeof(other)), MATCH_MORE);
    bench_end(b);
}

static unsigned deciphered(struct bench *b, const void *request, size_t bytes, unsigned tries,
                           unsigned sources)
{
    unsigned done = 0;

    for (unsigned i = 0; i < tries; i++) {
        struct ip_addr client = {{[10] = 0xff, [11] = 0xff, [12] = 10}};
        bool put_off;

        client.bytes[14] = (uint8_t)(i % sources >> 8);
        client.bytes[15] = (uint8_t)(i % sources);
        cr_assert_neq(check(b, &client, request, bytes, &put_off), MATCH_YES);
        done += !put_off;
    }
    return done;
}

Test(request, a_source_has_a_share_of_the_cipher)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static const uint8_t wrong[9] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99};
    struct ip_addr other = {{2}};
    bool put_off;

    takes(b, HIDDEN_EDONKEY);
    cr_assert_eq(deciphered(b, wrong, sizeof(wrong), 1000, 1), DECIPHER_PER_SOURCE);
    cr_assert_eq(check(b, &other, emule_request, sizeof(emule_request), &put_off), MATCH_YES,
                 "others have theirs");
    cr_assert_eq(deciphered(b, "GET /", 5, 1000, 1), 1000,
                 "what another protocol says costs nothing");
    cr_assert_eq(deciphered(b, "\xe3\x77\0\0\0\1\x10\x1b\x42\xcd", 10, 1000, 1), 1000);
    bench_wait(b, SECOND_US);
    cr_assert_eq(deciphered(b, wrong, sizeof(wrong), 1000, 1), DECIPHER_PER_SOURCE);
    bench_end(b);
}

Test(request, a_server_has_a_share_of_the_cipher)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static const uint8_t wrong[9] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99};
    struct server *server = takes(b, HIDDEN_EDONKEY);
    struct ip_addr client = {{2}};
    bool put_off;

    while (token_take(&server->deciphered, DECIPHER_PER_SECOND, DECIPHER_PER_SECOND, b->now_us))
        ;
    cr_assert_eq(deciphered(b, wrong, sizeof(wrong), 50, 50), 0);
    cr_assert_eq(check(b, &client, emule_request, sizeof(emule_request), &put_off), MATCH_NO);
    cr_assert(put_off, "not refused for it");
    cr_assert_eq(check(b, &client, REQUEST, strlen(REQUEST), &put_off), MATCH_YES);
    cr_assert_not(put_off);
    bench_end(b);
}

/* Over the limit there is no answer; the client's host says it again, and is let through then. */
Test(request, one_that_is_put_off_is_repeated)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server *server = takes(b, HIDDEN_EDONKEY);
    uint32_t c = get_cookie(b, OFFERS);

    while (token_take(&server->deciphered, DECIPHER_PER_SECOND, DECIPHER_PER_SECOND, b->now_us))
        ;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502, EMULE);
    dropped(b, decipher_limit);
    cr_assert_eq(bench_counters(b)->requests_mismatched, 0, "nobody is blamed");
    bench_wait(b, SECOND_US / 5);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502, EMULE);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, EMULE);
    bench_end(b);
}

/* The same in pieces: what was put off is not lost. */
Test(request, an_obfuscated_request_in_pieces)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    takes(b, HIDDEN_EDONKEY);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = emule_request,
                .payload_bytes = 5);
    held(b);
    client_says(b, .flags = "P.", .seq = X + 6, .ack = c + 1, .payload = emule_request + 5,
                .payload_bytes = sizeof(emule_request) - 5);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, EMULE);
    bench_end(b);
}

Test(request, a_key_of_mse_in_pieces_and_a_wrong_client)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    takes(b, HIDDEN_BITTORRENT);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = mse_public_key,
                .payload_bytes = 40);
    held(b);
    client_says(b, .flags = "P.", .seq = X + 41, .ack = c + 1, .payload = mse_public_key + 40,
                .payload_bytes = 56);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .window = 65160, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = mse_public_key,
              .payload_bytes = 96);
    bench_client(b, 2);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "USER a\r\n");
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    bench_end(b);
}

/* --- what nothing here describes ------------------------------------------------------------- */

static struct server *takes_unknown(struct bench *b, enum unknown_requests unknown)
{
    bench_policy(b, HTTP)->unknown = unknown;
    return bench_server(b, HTTP);
}

static unsigned opened(struct bench *b, struct server *server, const char *request,
                       unsigned sources, unsigned times)
{
    unsigned count = 0;

    for (unsigned i = 0; i < sources * times; i++) {
        const struct ip_addr client =
            addr_from_v4((const uint8_t[]){10, 0, (uint8_t)(i % sources), 1});
        enum refusal refusal = request_refusal(b->engine, server, &client, (const uint8_t *)request,
                                               strlen(request), b->now_us);

        count += refusal == REFUSAL_OPEN || refusal == REFUSAL_OPEN_LIMITED;
    }
    return count;
}

Test(request, wrong_where_only_protocols_were_accepted)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    cr_assert_eq(opened(b, takes_unknown(b, UNKNOWN_REFUSED), "whatever\n", 100, 1), 0);
    bench_end(b);
}

Test(request, unproved_pattern_lets_few_through_and_blames_nobody)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server *server = takes_unknown(b, UNKNOWN_MINOR);
    const struct ip_addr client = {{1}};

    cr_assert_eq(opened(b, server, "whatever\n", 1, 50), MINOR_PER_SOURCE);
    cr_assert_eq(request_refusal(b->engine, server, &client, (const uint8_t *)"x\n", 2, b->now_us),
                 REFUSAL_OPEN);
    bench_wait(b, SECOND_US);
    cr_assert_eq(opened(b, server, "whatever\n", 200, 2), MINOR_PER_SECOND);
    cr_assert_eq(request_refusal(b->engine, server, &client, (const uint8_t *)"x\n", 2, b->now_us),
                 REFUSAL_UNBLAMED);
    bench_end(b);
}

Test(request, proved_pattern_lets_a_probe_through)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server *server = takes_unknown(b, UNKNOWN_PROBED);

    cr_assert_eq(opened(b, server, "whatever\n", 100, 1), PROBES_AT_ONCE);
    for (unsigned i = 0; i < 10; i++) {
        bench_wait(b, SECOND_US);
        cr_assert_eq(opened(b, server, "whatever\n", 100, 1), PROBES_PER_SECOND);
    }
    bench_end(b);
}

/* How often `hosts` of one network are let in at once, who all ask twice. */
static unsigned opened_of_network(struct bench *b, struct server *server, uint8_t network,
                                  unsigned hosts)
{
    unsigned count = 0;

    for (unsigned i = 0; i < 2 * hosts; i++) {
        const struct ip_addr client =
            addr_from_v4((const uint8_t[]){10, 1, network, (uint8_t)(i / 2 + 1)});

        count += request_refusal(b->engine, server, &client, (const uint8_t *)"new\n", 4,
                                 b->now_us) == REFUSAL_OPEN;
    }
    return count;
}

static void newcomers_are_let_in(enum unknown_requests unknown, unsigned networks)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server *server = takes_unknown(b, unknown);
    unsigned bought = 0;

    for (unsigned second = 0; second < 20; second++) {
        for (unsigned i = 0; i < networks; i++)
            bought += opened_of_network(b, server, (uint8_t)i, 6);
        if (second >= 10)
            cr_assert_geq(opened_of_network(b, server, (uint8_t)(100 + second), 1), 1);
        bench_wait(b, SECOND_US);
    }
    cr_assert_geq(bought, 10, "the others are not shut out");
    cr_assert_leq(bought, 20 * MINOR_PER_SECOND);
    bench_end(b);
}

/* Who asks without end leaves those that others have not used. */
Test(request, newcomers_are_let_in_beside_who_asks_without_end)
{
    newcomers_are_let_in(UNKNOWN_MINOR, 3);
    newcomers_are_let_in(UNKNOWN_PROBED, 3);
}

/* A new verb where the pattern is proved: who is reset comes again a second later. */
Test(request, ten_clients_with_a_new_verb_are_served_within_twelve_rounds)
{
    for (unsigned hosts = 1; hosts <= 10; hosts += 9) { /* of ten networks, and of one */
        struct bench *b = bench_new(SETTING_ATTACK);
        struct server *server = takes_unknown(b, UNKNOWN_PROBED);
        bool served[10] = {false};
        unsigned left = 10, rounds = 0;

        for (; left > 0 && rounds < 30; rounds++) {
            for (unsigned i = 0; i < 10; i++) {
                const struct ip_addr client = addr_from_v4(
                    (const uint8_t[]){10, 2, (uint8_t)(i / hosts), (uint8_t)(i % hosts + 1)});

                if (!served[i] &&
                    request_refusal(b->engine, server, &client, (const uint8_t *)"new\n", 4,
                                    b->now_us) == REFUSAL_OPEN) {
                    served[i] = true;
                    left--;
                }
                bench_wait(b, SECOND_US / 10);
            }
        }
        cr_assert_eq(left, 0);
        cr_assert_leq(rounds, 12);
        bench_end(b);
    }
}

/* A version of HTTP at a server that never spoke HTTP is wrong from the first day on. */
Test(request, unmistakable_ones_are_wrong_from_the_first_day)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server *server = takes_unknown(b, UNKNOWN_LIMITED);

    bench_policy(b, HTTP)->protocols = UINT64_C(1) << PROTOCOL_UNKNOWN;
    cr_assert_eq(opened(b, server, "whatever\n", 30, 1), 30);
    cr_assert_eq(opened(b, server, REQUEST, 100, 1), 0);
    cr_assert_eq(opened(b, server, "SSH-2.0-x\r\n", 100, 1), 0);
    bench_end(b);
}

/* A client that writes four bytes of a header, and then the rest, at a server whose requests had
 * eight at least. */
static uint32_t says_the_header(struct bench *b, uint16_t number)
{
    uint32_t c;

    bench_client(b, number);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "\001\002\003\004",
                .payload_bytes = 4);
    return c;
}

static struct bench *takes_headers(void)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server_policy *policy = bench_policy(b, HTTP);

    takes_unknown(b, UNKNOWN_MINOR);
    policy->protocols = UINT64_C(1) << PROTOCOL_UNKNOWN;
    policy->has_pattern = true;
    policy->pattern = (struct pattern){.least_bytes = 8, .pairs = 2, .pair = {{0, 1}, {1, 2}}};
    return b;
}

Test(request, one_in_two_parts_is_waited_for_a_moment)
{
    struct bench *b = takes_headers();

    for (uint16_t i = 1; i <= 2 * MINOR_PER_SOURCE; i++) {
        uint32_t c = says_the_header(b, i);

        held(b);
        cr_assert_str_eq(bench_flow_state(b), "kept");
        bench_wait(b, SECOND_US / 10);
        to_client(b, .flags = ".", .seq = c + 1, .ack = X + 5);
        client_says(b, .flags = "P.", .seq = X + 5, .ack = c + 1, .payload = "\005\006\007\010",
                    .payload_bytes = 4);
        to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
        cr_assert_str_eq(bench_flow_state(b), "opening");
        bench_forget(b);
    }
    bench_end(b);
}

/* It may be all that its client says: then it is opened as before, for few. */
Test(request, header_alone_is_decided_as_it_stands)
{
    struct bench *b = takes_headers();
    unsigned opened = 0, reset = 0;

    for (uint16_t i = 1; i <= 4; i++) {
        says_the_header(b, i);
        bench_forget(b);
    }
    bench_wait(b, SECOND_US * 4 / 10);
    bench_forget(b);
    for (uint16_t i = 1; i <= 4; i++) {
        bench_client(b, i);
        opened += strcmp(bench_flow_state(b), "opening") == 0;
        reset += strcmp(bench_flow_state(b), "none") == 0;
    }
    cr_assert_eq(opened, MINOR_PER_SOURCE);
    cr_assert_eq(reset, 4 - MINOR_PER_SOURCE);
    cr_assert_eq(bench_counters(b)->requests_mismatched, 0, "nobody is blamed");
    bench_end(b);
}

/* Of lines, or of messages with their length in the second byte. */
static struct bench *takes_shapes(bool lines, enum unknown_requests unknown)
{
    struct engine_config config;
    struct server_policy *policy;
    struct bench *b;

    bench_config(&config);
    config.slots_max = 2048;
    config.openings_max = 64;
    b = bench_new_sized(SETTING_ATTACK, &config);
    policy = bench_policy(b, HTTP);
    takes_unknown(b, unknown);
    policy->protocols = UINT64_C(1) << PROTOCOL_UNKNOWN;
    policy->has_pattern = true;
    policy->pattern =
        lines ? (struct pattern){.line_bytes_max = 512}
              : (struct pattern){
                    .lengths = 1,
                    .length = {{.form = LENGTH_BIG, .width = 1, .offset = 1, .bias = 2}}};
    return b;
}

static void says_all(struct bench *b, uint16_t number, const char *flags, const char *all)
{
    uint32_t c;

    bench_client(b, number);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = flags, .seq = X + 1, .ack = c + 1, .payload = all);
}

Test(request, a_fin_is_the_end_of_a_line_that_has_none)
{
    struct bench *b = takes_shapes(true, UNKNOWN_PROBED);

    for (uint16_t i = 1; i <= 4; i++) {
        says_all(b, i, "PF.", "lookup somebody");
        to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
        bench_forget(b);
    }
    cr_assert_eq(bench_counters(b)->requests_matched, 4);
    bench_end(b);
}

Test(request, a_fin_ends_a_message_that_says_it_is_longer)
{
    struct bench *b = takes_shapes(false, UNKNOWN_MINOR);
    unsigned opened = 0;

    for (uint16_t i = 1; i <= 4; i++) {
        says_all(b, i, "PF.", "\x01\x09short");
        opened += strcmp(bench_flow_state(b), "opening") == 0;
        bench_forget(b);
    }
    cr_assert_eq(opened, MINOR_PER_SOURCE);
    cr_assert_eq(bench_counters(b)->requests_mismatched, 0, "nobody is blamed");
    bench_end(b);
}

/* What leaves out a field that all had who were learned from is shorter than it seems to say. */
static void short_messages_are_decided(enum unknown_requests unknown, unsigned most)
{
    struct bench *b = takes_shapes(false, unknown);
    unsigned opened = 0;

    for (uint16_t i = 1; i <= 4; i++) {
        says_all(b, i, "P.", "\x01\x09short");
        cr_assert_str_eq(bench_flow_state(b), "kept");
        bench_forget(b);
    }
    bench_wait(b, SECOND_US * 12 / 10);
    bench_forget(b);
    for (uint16_t i = 1; i <= 4; i++) {
        bench_client(b, i);
        opened += strcmp(bench_flow_state(b), "opening") == 0;
    }
    cr_assert_eq(opened, most);
    cr_assert_eq(bench_counters(b)->requests_mismatched, 0, "nobody is blamed");
    bench_end(b);
}

Test(request, a_message_that_says_it_is_longer_is_decided_as_it_stands)
{
    short_messages_are_decided(UNKNOWN_MINOR, MINOR_PER_SOURCE);
    short_messages_are_decided(UNKNOWN_PROBED, PROBES_PER_SECOND);
}

/* Who found no room for it at first has some soon, says nothing more, and hears nothing. */
Test(request, a_message_that_says_it_is_longer_is_tried_again_each_second)
{
    static const enum unknown_requests either[] = {UNKNOWN_MINOR, UNKNOWN_PROBED};

    for (unsigned n = 0; n < 2; n++) {
        struct bench *b = takes_shapes(false, either[n]);

        for (uint16_t i = 1; i <= 4; i++)
            says_all(b, i, "P.", "\x01\x09short");
        bench_wait(b, SECOND_US * 12 / 10);
        bench_forget(b);
        bench_wait(b, SECOND_US * 8);
        for (uint16_t i = 1; i <= 4; i++) {
            bench_client(b, i);
            cr_assert_str_eq(bench_flow_state(b), "opening");
        }
        bench_forget(b);
        cr_assert_eq(bench_counters(b)->requests_mismatched, 0, "nobody is blamed");
        bench_end(b);
    }
}

/* Of those that are still kept, how many are promised; `*kept`: how many there are. */
static unsigned promised(struct bench *b, unsigned *kept)
{
    unsigned count = 0;

    *kept = 0;
    for (uint16_t i = 1; i <= 6; i++) {
        bench_client(b, i);
        if (strcmp(bench_flow_state(b), "kept") != 0)
            continue;
        ++*kept;
        count += (kept_slot(b->engine, bench_flow(b))->flags & SLOT_PROMISED) != 0;
    }
    return count;
}

/* One that is due for both has its promise first: it would be due again at once, and for ever. */
Test(request, what_is_tried_again_is_promised_once_slots_are_not_scarce)
{
    struct bench *b = takes_shapes(false, UNKNOWN_PROBED);
    struct slot_pool *pool = &b->engine->slots;
    const uint32_t others = pool->slots_max / 4 * 3;
    unsigned kept;

    for (uint16_t i = 1; i <= 6; i++)
        says_all(b, i, "P.", "\x01\x09short");
    pool->count += others;
    bench_wait(b, SECOND_US * 3 / 2);
    cr_assert_eq(promised(b, &kept), 0, "they are second ones of their source");
    cr_assert_gt(kept, 0);
    pool->count -= others;
    bench_wait(b, SECOND_US);
    cr_assert_eq(promised(b, &kept), kept);
    cr_assert_gt(kept, 0);
    bench_forget(b);
    bench_end(b);
}

/* As much as its limits let in, it is never more, and whoever has no luck ends after a minute. */
Test(request, messages_that_say_they_are_longer_buy_a_bounded_number)
{
    struct bench *b = takes_shapes(false, UNKNOWN_PROBED);
    uint64_t opened;
    unsigned kept = 0;

    for (uint16_t i = 1; i <= 60; i++)
        says_all(b, i, "P.", "\x01\x09short");
    bench_wait(b, SECOND_US * 30);
    opened = bench_counters(b)->flows_refused; /* that the server has not answered */
    for (uint16_t i = 1; i <= 60; i++) {
        bench_client(b, i);
        opened += strcmp(bench_flow_state(b), "opening") == 0;
        kept += strcmp(bench_flow_state(b), "kept") == 0;
    }
    cr_assert_geq(opened, 15);
    cr_assert_leq(opened, 30 * PROBES_PER_SECOND + PROBES_AT_ONCE);
    cr_assert_eq(opened + kept, 60);
    bench_wait(b, SECOND_US * 35);
    bench_forget(b);
    for (uint16_t i = 1; i <= 60; i++) {
        bench_client(b, i);
        cr_assert_str_neq(bench_flow_state(b), "kept");
    }
    bench_end(b);
}

Test(request, minor_one_is_opened_and_the_next_is_reset)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    takes_unknown(b, UNKNOWN_MINOR);
    for (unsigned i = 0; i <= MINOR_PER_SOURCE; i++) {
        bench_client(b, (uint16_t)(i + 1));
        c = get_cookie(b, OFFERS);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502,
                    .payload = "\001what?", .payload_bytes = 6);
        if (i == MINOR_PER_SOURCE)
            break;
        held(b);
        to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    }
    to_client(b, .flags = "R", .seq = c + 1);
    cr_assert_eq(bench_counters(b)->drops[DROP_minor_limit], 1);
    cr_assert_eq(bench_counters(b)->requests_mismatched, 0, "nobody is blamed");
    bench_end(b);
}
