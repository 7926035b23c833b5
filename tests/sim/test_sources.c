/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sources.c - who is put aside, who is not, and what the operator says of sources (rule 6).
 */
#include <criterion/criterion.h>

#include "tests/sim/siege.h"

static struct siege *attacked(void)
{
    struct siege *s = siege_new(NULL);

    s->rtt_us = 1000;
    siege_known(s, HTTP_PORT);
    engine_set_setting(s->middle->engine, NULL, SETTING_ATTACK, s->now_us);
    return s;
}

static uint32_t sources(struct siege *s, struct source_info *first)
{
    return engine_sources(s->middle->engine, first, 1, s->now_us);
}

Test(sources, one_bad_address_is_put_aside_and_returns)
{
    struct siege *s = attacked();
    struct source_info info;

    siege_flood(s, KIND_WRONG, false, HTTP_PORT, 1000, SECOND_US);
    cr_assert_eq(s->asides, 1);
    cr_assert_eq(s->aside.length, 32);
    cr_assert_eq(sources(s, &info), 1);
    cr_assert_eq(info.rule.state, SOURCE_ASIDE);
    cr_assert_gt(middle_counters(s->middle)->drops[DROP_aside], 800);
    cr_assert_leq(middle_counters(s->middle)->requests_mismatched, 110);
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 100, SECOND_US);
    siege_wait(s, 60 * SECOND_US);
    cr_assert_eq(sources(s, &info), 0);
    cr_assert_eq(s->served[KIND_HONEST], s->begun[KIND_HONEST]);
    siege_end(s);
}

/* SYNs, blind ACKs and resets can be spoofed: they blame nobody. */
Test(sources, what_can_be_spoofed_does_not_count)
{
    struct siege *s = attacked();
    struct source_info info;

    siege_flood(s, KIND_SPOOFED, false, HTTP_PORT, 10000, SECOND_US);
    siege_flood(s, KIND_SILENT, false, HTTP_PORT, 1000, SECOND_US);
    cr_assert_eq(sources(s, &info), 0);
    cr_assert_eq(s->asides, 0);
    siege_end(s);
}

/*
 * 60 wrong connections, of which each repeats its request three times as hosts do where no answer
 * comes, are 60: no repeat counts. (They would come most where the RSTs of a limited source are
 * saved.)
 */
Test(sources, repeated_requests_count_once)
{
    struct siege *s = attacked();

    s->repeats = 3;
    siege_flood(s, KIND_WRONG, false, HTTP_PORT, 60, SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->asides, 0);
    cr_assert_eq(middle_counters(s->middle)->requests_mismatched, s->begun[KIND_WRONG], "%u of %u",
                 (unsigned)middle_counters(s->middle)->requests_mismatched, s->begun[KIND_WRONG]);
    siege_end(s);
}

/* In normal mode nothing is dropped that the operator has not put aside. */
Test(sources, judgement_counts_for_attacked_servers_only)
{
    struct siege *s = attacked();

    siege_flood(s, KIND_WRONG, false, HTTP_PORT, 1000, SECOND_US);
    cr_assert_eq(s->asides, 1);
    engine_set_setting(s->middle->engine, NULL, SETTING_NORMAL, s->now_us);
    siege_wait(s, SECOND_US / 10);
    uint64_t before = middle_counters(s->middle)->drops[DROP_aside];
    siege_flood(s, KIND_WRONG, false, HTTP_PORT, 100, SECOND_US);
    siege_wait(s, SECOND_US / 10);
    cr_assert_eq(middle_counters(s->middle)->drops[DROP_aside], before);
    cr_assert_geq(s->accepted[KIND_WRONG], 100);
    siege_end(s);
}

Test(sources, rules_of_the_operator_count_in_every_mode)
{
    struct siege *s = attacked();
    struct source_rule rule = {.length = 24, .state = SOURCE_ASIDE, .by = SOURCE_BY_OPERATOR};

    cr_assert(addr_from_text("10.0.0.0", &rule.prefix));
    engine_set_setting(s->middle->engine, NULL, SETTING_NORMAL, s->now_us);
    cr_assert(engine_set_source(s->middle->engine, &rule, s->now_us));
    uint32_t before = s->served[KIND_HONEST];
    siege_flood(s, KIND_HONEST, false, HTTP_PORT, 10, SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->served[KIND_HONEST], before);
    cr_assert(engine_forget_source(s->middle->engine, &rule.prefix, 24));
    siege_flood(s, KIND_HONEST, false, HTTP_PORT, 10, SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert_eq(s->served[KIND_HONEST], before + 10);
    /* Allowed: never put aside, whatever it does. */
    rule.state = SOURCE_ALLOWED;
    cr_assert(addr_from_text("10.3.0.0", &rule.prefix));
    cr_assert(engine_set_source(s->middle->engine, &rule, s->now_us));
    engine_set_setting(s->middle->engine, NULL, SETTING_ATTACK, s->now_us);
    siege_flood(s, KIND_WRONG, false, HTTP_PORT, 1000, SECOND_US);
    cr_assert_eq(s->asides, 0);
    siege_end(s);
}

static void unknown_pass(struct engine_config *config)
{
    config->unknown = UNKNOWN_PASS;
}

static void unknown_drop(struct engine_config *config)
{
    config->unknown = UNKNOWN_DROP;
}

/* A server without an armed profile, under attack: opened after a good cookie, let through, or
 * closed to new ones. */
Test(sources, unknown_servers)
{
    void (*const changes[])(struct engine_config * config) = {NULL, unknown_pass, unknown_drop};
    static const uint32_t served[] = {100, 100, 0}, sent[] = {100, 0, 0};

    for (size_t i = 0; i < 3; i++) {
        struct siege *s = siege_new(changes[i]);
        s->rtt_us = 1000;
        siege_known(s, HTTP_PORT);
        uint32_t before = s->served[KIND_HONEST];
        siege_policy(s, HTTP_PORT)->armed = false;
        siege_policy(s, HTTP_PORT)->opening = OPENING_COOKIE_REQUEST;
        engine_set_setting(s->middle->engine, NULL, SETTING_ATTACK, s->now_us);
        siege_flood(s, KIND_HONEST, true, HTTP_PORT, 100, SECOND_US);
        siege_wait(s, SECOND_US);
        cr_assert_eq(s->served[KIND_HONEST] - before, served[i], "%zu: %u", i,
                     s->served[KIND_HONEST] - before);
        cr_assert_eq(middle_counters(s->middle)->cookies_sent, sent[i], "%zu", i);
        cr_assert_eq(middle_counters(s->middle)->drops[DROP_unknown_server], i == 2 ? 100 : 0);
        siege_end(s);
    }
}

/* rule 2.5: opened without a request check, under the limits of the server and of the source. */
Test(sources, opening_limits_are_the_servers_own)
{
    struct siege *s = attacked();

    siege_policy(s, HTTP_PORT)->opening = OPENING_COOKIE_REQUEST;
    siege_policy(s, HTTP_PORT)->open_per_second = 50;
    siege_policy(s, HTTP_PORT)->open_per_source_per_second = 10;
    s->served[KIND_HONEST] = s->reset[KIND_HONEST] = 0;
    siege_flood(s, KIND_HONEST, false, HTTP_PORT, 500, SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert(s->served[KIND_HONEST] >= 18 && s->served[KIND_HONEST] <= 21, "%u",
              s->served[KIND_HONEST]);
    cr_assert_gt(s->reset[KIND_HONEST], 400);
    siege_wait(s, 5 * SECOND_US);
    s->served[KIND_HONEST] = 0;
    siege_flood(s, KIND_HONEST, true, HTTP_PORT, 500, SECOND_US);
    siege_wait(s, SECOND_US);
    cr_assert(s->served[KIND_HONEST] >= 95 && s->served[KIND_HONEST] <= 101, "%u",
              s->served[KIND_HONEST]);
    siege_end(s);
}
