/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include <stdio.h>
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

/* --- shapes ---------------------------------------------------------------------------------- */

static enum match fits(const struct pattern_model *model, const char *request, size_t bytes)
{
    struct pattern pattern;

    cr_assert(pattern_model_get(model, &pattern));
    return pattern_check(&pattern, (const uint8_t *)request, bytes);
}

#define FITS(model, text) fits(model, text, sizeof(text) - 1)

static void add_line(struct pattern_model *model, const char *form, int number)
{
    char line[64];

    snprintf(line, sizeof(line), form, number);
    add(model, line);
}

Test(pattern, any_line_of_text_fits_a_server_of_lines)
{
    struct pattern_model model = {0};
    const char *const forms[] = {"status %d\n", "%d list\r\n", "clear%d\n"};

    for (int i = 0; i < 9; i++)
        add_line(&model, forms[i % 3], i);
    cr_assert_eq(FITS(&model, "x\n"), MATCH_YES, "shorter than all");
    cr_assert_eq(FITS(&model, "find artist \"Die \xc3\x84rzte\"\n"), MATCH_YES);
    cr_assert_eq(FITS(&model, "half a line"), MATCH_MORE);
    cr_assert_eq(FITS(&model, "\x16\x03\x01\x02"), MATCH_NO);
}

/* As long as those that it was learned from have not been. */
Test(pattern, a_long_line_fits_a_server_of_short_ones)
{
    struct pattern_model model = {0};
    char line[9000];

    for (int i = 0; i < 120; i++)
        add_line(&model, "put %d\n", i);
    memset(line, 'x', sizeof(line));
    memcpy(line, "put ", 4);
    line[6000] = '\n';
    cr_assert_eq(fits(&model, line, 6001), MATCH_YES);
    cr_assert_eq(fits(&model, line, 4000), MATCH_MORE);
    line[6000] = 'x';
    cr_assert_eq(fits(&model, line, sizeof(line)), MATCH_NO);
}

Test(pattern, one_request_that_is_no_line_ends_that)
{
    struct pattern_model model = {0};
    struct pattern pattern;

    for (int i = 0; i < 20; i++)
        add_line(&model, "%d\n", i);
    cr_assert(pattern_model_get(&model, &pattern));
    add(&model, "\x01 no line");
    cr_assert_not(pattern_model_get(&model, &pattern));
}

/* git: 4 digits that count themselves, whatever repository is asked for. */
Test(pattern, four_digits_that_count_are_no_constants)
{
    static const char *const paths[] = {"/a.git", "/project", "/x/y/z.git", "/b.git"};
    struct pattern_model model = {0};

    for (int i = 0; i < 12; i++) {
        char request[128], body[100];

        snprintf(body, sizeof(body), "git-upload-pack %s", paths[i % 4]);
        snprintf(request, sizeof(request), "%04zx%s", strlen(body) + 4, body);
        add(&model, request);
    }
    cr_assert_eq(FITS(&model, "002dgit-upload-pack /somewhere/completely/els"), MATCH_YES);
    cr_assert_eq(FITS(&model, "002dgit-upload-pack /some"), MATCH_MORE);
    cr_assert_eq(FITS(&model, "002dsvn-upload-pack "), MATCH_NO);
    cr_assert_eq(FITS(&model, "zz2dgit-upload-pack "), MATCH_NO);
}

/* What they were while it was learned says nothing of what they will be. */
Test(pattern, counters_and_times_in_digits_are_no_constants)
{
    static const char *const forms[] = {"%06d GET a\n", "1767225%03d b\n",
                                        "2026-01-02T03:04:05.%03d c\n"};
    static const char *const later[] = {"123456 GET a\n", "1799999999 b\n",
                                        "2031-12-30T21:54:50.000 c\n"};

    for (size_t form = 0; form < 3; form++) {
        struct pattern_model model = {0};

        for (int i = 0; i < 120; i++)
            add_line(&model, forms[form], i);
        cr_assert_eq(fits(&model, later[form], strlen(later[form])), MATCH_YES, "%s", later[form]);
        cr_assert_eq(FITS(&model, "\x16\x03\x01\x02"), MATCH_NO);
    }
}

Test(pattern, constants_in_front_of_a_counter_stay)
{
    struct pattern_model model = {0};
    struct pattern pattern;

    for (int i = 0; i < 120; i++)
        add_line(&model, "ID:%06d\n", i);
    cr_assert(pattern_model_get(&model, &pattern));
    cr_assert_eq(pattern.pairs, 3);
    cr_assert_eq(FITS(&model, "ID:123456\n"), MATCH_YES);
    cr_assert_eq(FITS(&model, "AD:123456\n"), MATCH_NO);
}

/* LDAP: a bind, whose BER length differs from name to name. */
Test(pattern, length_in_ber_is_found)
{
    struct pattern_model model = {0};
    char request[200] = "\x30\x00\x02\x01\x01\x60\x00\x02\x01\x03\x04";

    for (int i = 0; i < 10; i++) {
        const size_t bytes = 20 + 7 * (size_t)i;

        memset(request + 11, 'a' + i, bytes - 11);
        request[1] = (char)(bytes - 2);
        request[6] = (char)(bytes - 7);
        pattern_model_add(&model, (const uint8_t *)request, bytes);
    }
    memset(request, 'q', sizeof(request));
    memcpy(request, "\x30\x81\xa0", 3);
    cr_assert_eq(FITS(&model, "\x30\x05\x02\x01\x01"), MATCH_MORE, "the operation is to come");
    request[1] = 14;
    memcpy(request + 2, "\x02\x01\x01\x60\x09\x02\x01\x03\x04\x02xy", 12);
    cr_assert_eq(fits(&model, request, 16), MATCH_YES);
    cr_assert_eq(fits(&model, request, 15), MATCH_MORE);
}

Test(pattern, two_lengths_say_nothing_yet)
{
    struct pattern_model model = {0};
    struct pattern pattern;

    for (int i = 0; i < 10; i++) {
        const uint8_t request[6] = {(uint8_t)(i % 2 ? 4 : 6), 9, 1, 2, 3, (uint8_t)i};

        pattern_model_add(&model, request, request[0]);
    }
    cr_assert_not(pattern_model_get(&model, &pattern) && pattern.lengths > 0);
}

Test(pattern, one_exception_ends_a_length)
{
    struct pattern_model model = {0};
    struct pattern pattern;
    uint8_t request[40] = {'k'};

    for (uint8_t i = 0; i < 20; i++) {
        request[1] = (uint8_t)(10 + i);
        pattern_model_add(&model, request, request[1]);
    }
    cr_assert(pattern_model_get(&model, &pattern));
    cr_assert_gt(pattern.lengths, 0);
    request[1] = 7;
    pattern_model_add(&model, request, 12);
    for (uint8_t i = 0; i < 20; i++) {
        request[1] = (uint8_t)(10 + i);
        pattern_model_add(&model, request, request[1]);
    }
    cr_assert(pattern_model_get(&model, &pattern), "what they begin with is still common");
    cr_assert_eq(pattern.lengths, 0);
}

/* --- proof ----------------------------------------------------------------------------------- */

Test(pattern, a_hundred_new_contents_prove_it)
{
    struct pattern_model model = {0};
    int i = 0;

    for (; i < PATTERN_REQUESTS_MIN; i++)
        add_line(&model, "GET-%d\n", i);
    for (int again = 0; again < 500; again++)
        add_line(&model, "GET-%d\n", 1);
    cr_assert_eq(model.passed, 1, "the same content proves nothing twice");
    for (; !pattern_model_proved(&model); i++)
        add_line(&model, "GET-%d\n", i);
    cr_assert_geq(i, PATTERN_PROOFS, "hashes that meet only ask for more");
    cr_assert_lt(i, 2 * PATTERN_PROOFS);
}

Test(pattern, a_miss_begins_anew)
{
    struct pattern_model model = {0};

    for (int i = 0; i < PATTERN_REQUESTS_MIN + PATTERN_PROOFS / 2; i++)
        add_line(&model, "GET-%d\n", i);
    cr_assert_gt(model.passed, 0);
    add(&model, "PUT-1\n");
    cr_assert_eq(model.passed, 0);
    cr_assert_eq(FITS(&model, "DEL-1\n"), MATCH_YES, "nothing is constant any more");
}
