/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_confusion.c - every sample request of every protocol against the check of every other: the confusion matrix.
 *
 * What two protocols both take by design is named in `shared`, with the reason; all else must be refused. So must
 * noise, but for a share that is measured and bounded.
 *
 * The forms that look random (hidden.h) have rows and columns of their own. The same bytes by design: MSE takes whatever looks
 * random, so obfuscated eDonkey with enough padding as well; nothing else is taken for one of them, nor they for anything.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/protocols/hidden.h"
#include "tests/engine/protocols/support_hidden.h"
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

/* The forms that look random, each with requests of its own. */
static const struct hidden_sample {
    enum hidden_form form;
    const char *name;
    const uint8_t *head;
    size_t head_bytes, bytes; /* random ones make up the rest */
} hidden_samples[] = {
    {HIDDEN_BITTORRENT, "mse", mse_public_key, sizeof(mse_public_key), sizeof(mse_public_key)},
    {HIDDEN_BITTORRENT, "mse padded", mse_public_key, sizeof(mse_public_key), 608},
    {HIDDEN_EDONKEY, "obfuscated", emule_request, sizeof(emule_request), sizeof(emule_request)},
    {HIDDEN_EDONKEY, "obfuscated, padded", emule_request, sizeof(emule_request), 200},
};

static enum match check_hidden(enum hidden_form form, const void *bytes, size_t count)
{
    return form == HIDDEN_BITTORRENT ? mse_check(bytes, count)
                                     : edonkey_hidden_check(emule_user_hash, bytes, count);
}

static uint64_t next_random(uint64_t *state);

static size_t make_hidden(const struct hidden_sample *sample, uint8_t out[608])
{
    uint64_t state = 20261122;

    for (size_t i = 0; i < sample->bytes; i++)
        out[i] = (uint8_t)next_random(&state);
    memcpy(out, sample->head, sample->head_bytes);
    return sample->bytes;
}

/* A short obfuscated request could still become a key of MSE. */
static enum match expected_hidden(const struct hidden_sample *sample, enum hidden_form by)
{
    if (sample->form == by)
        return MATCH_YES;
    if (by == HIDDEN_EDONKEY)
        return MATCH_NO;
    return sample->bytes < MSE_KEY_BYTES ? MATCH_MORE : MATCH_YES;
}

Test(confusion, forms_that_look_random)
{
    uint8_t request[608];

    for (int by = 1; by < HIDDEN_FORMS; by <<= 1) {
        for (size_t i = 0; i < samples_count; i++)
            cr_expect_eq(check_hidden((enum hidden_form)by, samples[i].bytes, samples[i].count), MATCH_NO,
                         "'%s' is taken for %s", samples[i].name, hidden_form_name((enum hidden_form)by));
    }
    for (size_t i = 0; i < COUNT(hidden_samples); i++) {
        size_t bytes = make_hidden(&hidden_samples[i], request);

        cr_expect_eq(protocol_of_request(request, bytes), PROTOCOL_UNKNOWN, "%s", hidden_samples[i].name);
        for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++)
            cr_expect_eq(check_bytes((enum protocol_id)id, request, bytes), MATCH_NO, "'%s' is taken for %s",
                         hidden_samples[i].name, protocol_name((enum protocol_id)id));
        for (int by = 1; by < HIDDEN_FORMS; by <<= 1)
            cr_expect_eq(check_hidden((enum hidden_form)by, request, bytes),
                         expected_hidden(&hidden_samples[i], (enum hidden_form)by), "'%s' by %s",
                         hidden_samples[i].name, hidden_form_name((enum hidden_form)by));
    }
    printf(
        "by design: encrypted bittorrent takes obfuscated edonkey of 96 bytes and more, and random bytes\n"
        "forms that look random: none takes one of %zu requests of other protocols, none is taken for one\n",
        samples_count);
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
