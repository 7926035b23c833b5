/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_confusion.c - every sample request of every protocol against the check of every other: the confusion matrix.
 *
 * What two protocols both take by design is named in `shared`, with the reason; all else must be refused. So must
 * noise, but for a share that is measured and bounded.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "tests/engine/protocols/support_samples.h"

/* Requests of `of` that are also requests of `taken_by`, word for word: the greeting tells which is meant. */
static const struct shared {
    enum protocol_id of, taken_by;
    const char *words;
} shared[] = {
    {PROTOCOL_POP3, PROTOCOL_FTP, "USER, AUTH, QUIT, LANG"},
    {PROTOCOL_FTP, PROTOCOL_POP3, "USER, AUTH, QUIT, LANG"},
    {PROTOCOL_SMTP, PROTOCOL_FTP, "NOOP, HELP, QUIT"},
    {PROTOCOL_FTP, PROTOCOL_SMTP, "NOOP, HELP, QUIT"},
    {PROTOCOL_SMTP, PROTOCOL_POP3, "QUIT"},
    {PROTOCOL_POP3, PROTOCOL_SMTP, "QUIT"},
};

static bool is_shared(enum protocol_id of, enum protocol_id taken_by)
{
    for (size_t i = 0; i < COUNT(shared); i++) {
        if (shared[i].of == of && shared[i].taken_by == taken_by)
            return true;
    }
    return false;
}

static void print_head(void)
{
    printf("%-12s", "request of");
    for (int by = PROTOCOL_UNKNOWN + 1; by < PROTOCOLS_COUNT; by++)
        printf(" %.4s", protocol_name((enum protocol_id)by));
    printf("\n");
}

/* How many of the samples of `of` are taken, whole or as a beginning of more. */
static void count_taken(enum protocol_id of, enum protocol_id by, unsigned *yes, unsigned *more)
{
    *yes = *more = 0;
    for (size_t i = 0; i < samples_count; i++) {
        if (samples[i].id != of)
            continue;
        enum match match = check_bytes(by, samples[i].bytes, samples[i].count);

        *yes += match == MATCH_YES;
        *more += match == MATCH_MORE;
        if (of != by && !is_shared(of, by))
            cr_expect_eq(match, MATCH_NO, "'%s' is taken for %s", samples[i].name, protocol_name(by));
    }
}

Test(confusion, matrix)
{
    print_head();
    for (int of = PROTOCOL_UNKNOWN + 1; of < PROTOCOLS_COUNT; of++) {
        printf("%-12s", protocol_name((enum protocol_id)of));
        for (int by = PROTOCOL_UNKNOWN + 1; by < PROTOCOLS_COUNT; by++) {
            unsigned yes, more;

            count_taken((enum protocol_id)of, (enum protocol_id)by, &yes, &more);
            printf(yes ? "  %3u" : more ? "  %2u?" : "    .", yes ? yes : more);
            if (of == by)
                cr_expect_gt(yes, 0);
            else if (is_shared((enum protocol_id)of, (enum protocol_id)by))
                cr_expect_gt(yes, 0, "%s and %s share nothing any more", protocol_name((enum protocol_id)of),
                             protocol_name((enum protocol_id)by));
        }
        printf("\n");
    }
    for (size_t i = 0; i < COUNT(shared); i++)
        printf("by design: %s takes %s of %s\n", protocol_name(shared[i].taken_by), shared[i].words,
               protocol_name(shared[i].of));
    fflush(stdout);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Random bytes say IAC DO once in 13,000 times; nothing else may take them so often. */
Test(confusion, noise)
{
    enum { ROUNDS = 1000000 };
    unsigned taken[PROTOCOLS_COUNT] = {0}, all = 0;
    uint64_t state = 20261122;

    for (int round = 0; round < ROUNDS; round++) {
        uint8_t noise[64];
        bool any = false;

        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)next_random(&state);
        for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
            bool yes = protocol_by_id((enum protocol_id)id)->check(noise, sizeof(noise)) == MATCH_YES;

            taken[id] += yes;
            any |= yes;
        }
        all += any;
    }
    printf("of %d random requests %u are taken by any protocol:", ROUNDS, all);
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        if (taken[id])
            printf(" %s %u", protocol_name((enum protocol_id)id), taken[id]);
        cr_expect_leq(taken[id], id == PROTOCOL_TELNET ? 150u : 10u, "%s",
                      protocol_name((enum protocol_id)id));
    }
    printf("\n");
    fflush(stdout);
}

/* A service of one protocol never waits for more than this of another's request before it refuses it. */
Test(confusion, others_are_refused_by_their_first_bytes)
{
    for (int by = PROTOCOL_UNKNOWN + 1; by < PROTOCOLS_COUNT; by++) {
        for (size_t i = 0; i < samples_count; i++) {
            size_t bytes = 0;

            if (samples[i].id == (enum protocol_id)by || is_shared(samples[i].id, (enum protocol_id)by))
                continue;
            while (bytes < samples[i].count &&
                   check_bytes((enum protocol_id)by, samples[i].bytes, bytes) == MATCH_MORE)
                bytes++;
            cr_expect_leq(bytes, 48, "%s looks at %zu bytes of '%s'", protocol_name((enum protocol_id)by),
                          bytes, samples[i].name);
        }
    }
}
