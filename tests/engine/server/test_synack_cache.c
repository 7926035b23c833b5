/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_synack_cache.c - a SYN-ACK is laid out once for each promise and offer, and its sums are
 * those of its bytes. */
#include <criterion/criterion.h>

#include "engine/base/checksum.h"
#include "tests/engine/support_engine.h"

#define ALL_OFFERS (OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_WSCALE)

static struct kept_answer *kept(struct bench *bench, const char *server, uint8_t offered)
{
    return server_synack(bench->engine, bench_server(bench, server),
                         &bench_policy(bench, server)->now, offered);
}

Test(kept_answer, is_found_again)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct kept_answer *http = kept(b, HTTP, ALL_OFFERS), *less = kept(b, HTTP, OFFER_MSS), *pop3;

    cr_assert_neq(http, less);
    pop3 = kept(b, POP3, ALL_OFFERS);
    cr_assert_neq(http, pop3);
    cr_assert_eq(kept(b, HTTP, ALL_OFFERS), http);
    cr_assert_eq(http->offered, ALL_OFFERS);
    cr_assert_eq(less->answer.features.timestamps, false);
    bench_end(b);
}

/* The promise of another policy may lie at the same place in memory, and say something else. */
Test(kept_answer, is_forgotten_with_its_policy)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    cr_assert_eq(kept(b, HTTP, ALL_OFFERS)->answer.features.window, 65160);
    bench_policy(b, HTTP)->now.synack.window = 1000;
    engine_adopt_policy(b->engine, b->policy, b->now_us);
    cr_assert_eq(kept(b, HTTP, ALL_OFFERS)->answer.features.window, 1000);
    bench_end(b);
}

/* RFC 1071: the sum of all 16-bit words, here with the pseudo header's protocol and length. */
Test(kept_answer, sums_are_those_of_the_bytes)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    for (uint8_t offered = 0; offered < 32; offered++) {
        const struct answer_v4 *v4 = &kept(b, HTTP, offered)->v4;
        uint64_t tcp = checksum_add(6u + v4->tcp_bytes, v4->tcp, v4->tcp_bytes);

        cr_assert_eq(v4->tcp_bytes, 20 + kept(b, HTTP, offered)->answer.options_bytes);
        cr_assert_eq(load_be16((const uint8_t *)&v4->ip_sum),
                     checksum_fold(checksum_add(0, v4->ip, sizeof(v4->ip))));
        cr_assert_eq(load_be16((const uint8_t *)&v4->tcp_sum), checksum_fold(tcp));
    }
    bench_end(b);
}

/* Timestamps at an odd offset weigh otherwise in the sum: the general way writes such an answer. */
Test(kept_answer, odd_timestamps_have_no_bytes)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct synack_model *model = &bench_policy(b, HTTP)->now.synack;
    const uint8_t layout[] = {TCP_OPT_NOP, TCP_OPT_TIMESTAMPS, TCP_OPT_NOP, TCP_OPT_MSS};

    model->variants_count = 1;
    model->variants[0] = (struct synack_variant){
        .offered = OFFER_MSS | OFFER_TIMESTAMPS, .window = 500, .layout_bytes = 4};
    memcpy(model->variants[0].layout, layout, sizeof(layout));
    engine_adopt_policy(b->engine, b->policy, b->now_us);
    cr_assert_eq(kept(b, HTTP, OFFER_MSS | OFFER_TIMESTAMPS)->answer.timestamps_at, 3);
    cr_assert_eq(kept(b, HTTP, OFFER_MSS | OFFER_TIMESTAMPS)->v4.tcp_bytes, 0);
    bench_end(b);
}
