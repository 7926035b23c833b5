/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include <string.h>

#include "profiles/pattern.h"

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
