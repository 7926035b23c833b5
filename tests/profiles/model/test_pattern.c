/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/protocols/samples.h"
#include "profiles/model/pattern.h"
#include "profiles/model/pattern_rate.h"

static void add(struct pattern_model *model, const char *request)
{
    pattern_model_add(model, (const uint8_t *)request, strlen(request));
}

Test(pattern, needs_eight_accepted_requests)
{
    struct pattern_model model = {0};
    struct pattern pattern;
    static const char *const requests[] = {"PING 1", "PING 22", "PING 333", "PING 4",
                                           "PING 5", "PING 6",  "PING 7"};
    for (size_t i = 0; i < 7; i++) {
        add(&model, requests[i]);
        cr_assert_not(pattern_model_get(&model, &pattern));
    }
    add(&model, "PING 8");
    cr_assert(pattern_model_get(&model, &pattern));
    cr_assert_eq(pattern.least_bytes, 6);
    cr_assert_eq(pattern.pairs, 5);
    cr_assert_eq(pattern_check(&pattern, (const uint8_t *)"PING 9", 6), MATCH_YES);
    cr_assert_eq(pattern_check(&pattern, (const uint8_t *)"PONG 9", 6), MATCH_NO);
}

Test(pattern, one_client_that_repeats_itself_gives_four_bytes)
{
    struct pattern_model model = {0};
    struct pattern pattern;
    for (int i = 0; i < 20; i++)
        add(&model, i % 2 ? "HELLO my name is a" : "HELLO my name is b");
    cr_assert(pattern_model_get(&model, &pattern));
    cr_assert_eq(pattern.least_bytes, 4);
    cr_assert_eq(pattern.pairs, 4);
    add(&model, "HELLO my name is c");
    cr_assert(pattern_model_get(&model, &pattern));
    cr_assert_eq(pattern.least_bytes, 18);
    cr_assert_eq(pattern.pairs, 17);
}

Test(pattern, nothing_in_common_is_no_pattern)
{
    struct pattern_model model = {0};
    struct pattern pattern;
    char request[] = "aaaa";
    for (int i = 0; i < 8; i++) {
        memset(request, 'a' + i, 4);
        add(&model, request);
    }
    cr_assert_not(pattern_model_get(&model, &pattern));
}

Test(pattern, long_requests_keep_to_the_pairs_there_are)
{
    struct pattern_model model = {0};
    struct pattern pattern;
    uint8_t request[1400];
    for (uint8_t i = 0; i < 8; i++) {
        memset(request, 'x', sizeof(request));
        request[1000] = i;
        pattern_model_add(&model, request, sizeof(request));
    }
    cr_assert(pattern_model_get(&model, &pattern));
    cr_assert_eq(pattern.pairs, PATTERN_PAIRS_MAX);
    cr_assert_eq(pattern.least_bytes, PATTERN_WINDOW);
    cr_assert_eq(pattern_check(&pattern, request, sizeof(request)), MATCH_YES);
}

Test(pattern, restored_model_gives_the_same_pattern)
{
    const struct pattern pattern = {.least_bytes = 9, .pairs = 2, .pair = {{0, 'a'}, {7, 0}}};
    struct pattern_model model;
    struct pattern again;
    pattern_model_restore(&model, &pattern);
    cr_assert(pattern_model_get(&model, &again));
    cr_assert_eq(memcmp(&pattern, &again, sizeof(again)), 0);
}

/* Measured and expected agree: within five standard deviations of what so many draws give. */
static void compare_with_closed_form(const struct pattern *pattern)
{
    const struct pattern_rate rate = pattern_rate(pattern);
    const double expected = rate.expected * PATTERN_RANDOM_REQUESTS, off = rate.random - expected;
    cr_assert_leq(off * off, 25 * expected + 1, "%u random requests are taken, %g expected",
                  rate.random, expected);
}

Test(pattern, random_requests_are_taken_as_often_as_the_bytes_let_expect)
{
    struct pattern pattern = {.least_bytes = 4, .pairs = 1, .pair = {{3, 'x'}, {5, 0}, {6, 0xff}}};
    cr_assert_eq(pattern_rate(&pattern).expected, 1.0 / 256);
    cr_assert_gt(pattern_rate(&pattern).random, 300);
    for (pattern.pairs = 1; pattern.pairs <= 3; pattern.pairs++)
        compare_with_closed_form(&pattern);
    pattern.pairs = 0;
    cr_assert_eq(pattern_rate(&pattern).random, PATTERN_RANDOM_REQUESTS);
}

Test(pattern, rate_names_the_protocols_that_would_get_through)
{
    const struct pattern get = {
        .least_bytes = 4, .pairs = 4, .pair = {{0, 'G'}, {1, 'E'}, {2, 'T'}, {3, ' '}}};
    const struct pattern nobody = {
        .least_bytes = 4, .pairs = 4, .pair = {{0, 'G'}, {1, 'E'}, {2, 'T'}, {3, 7}}};
    const struct pattern late = {.least_bytes = 128, .pairs = 1, .pair = {{127, 'x'}}};
    const struct pattern_rate rate = pattern_rate(&get);
    cr_assert_eq(rate.protocols, 1u << PROTOCOL_HTTP | 1u << PROTOCOL_REDIS);
    cr_assert_geq(rate.samples, 2);
    cr_assert_eq(pattern_rate(&nobody).protocols, 0);
    cr_assert_eq(pattern_rate(&nobody).samples, 0);
    cr_assert_eq(pattern_rate(&late).samples, samples_count, "all of them may go on like that");
}
