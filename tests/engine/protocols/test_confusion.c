/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_confusion.c - every sample request of every protocol against the check of every other: the
 * confusion matrix.
 *
 * What two protocols both take by design is named in `shared`, with the reason; all else must be
 * refused. So must noise, but for a share that is measured and bounded.
 *
 * The forms that look random (hidden.h) have rows and columns of their own. The same bytes by
 * design: MSE takes whatever looks random, so obfuscated eDonkey with enough padding as well;
 * nothing else is taken for one of them, nor they for anything.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/protocols/hidden.h"
#include "tests/engine/protocols/support_hidden.h"
#include "tests/engine/protocols/support_samples.h"

/* Requests of `of` that are also requests of `taken_by`, word for word: the greeting tells which is
 * meant. */
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
    {PROTOCOL_POP3, PROTOCOL_NNTP, "QUIT"},
    {PROTOCOL_SMTP, PROTOCOL_NNTP, "QUIT, HELP"},
    {PROTOCOL_REDIS, PROTOCOL_NATS, "PING"},
    {PROTOCOL_MEMCACHED, PROTOCOL_REDIS, "get, set, incr in lower case"},
    {PROTOCOL_IRC, PROTOCOL_POP3, "USER"},
    {PROTOCOL_IRC, PROTOCOL_FTP, "USER"},
    {PROTOCOL_KAFKA, PROTOCOL_POSTGRESQL, "Metadata of version 0 is a start of version 3.0"},
    {PROTOCOL_POP3, PROTOCOL_DICT, "AUTH, QUIT"},
    {PROTOCOL_FTP, PROTOCOL_DICT, "AUTH, HELP, QUIT"},
    {PROTOCOL_SMTP, PROTOCOL_DICT, "HELP, QUIT"},
    {PROTOCOL_MEMCACHED, PROTOCOL_GEARMAN, "version"},
    {PROTOCOL_MPD, PROTOCOL_DICT, "status"},
    {PROTOCOL_MPD, PROTOCOL_GEARMAN, "status"},
    {PROTOCOL_DICT, PROTOCOL_REDIS, "client"},
    {PROTOCOL_FTP, PROTOCOL_REDIS, "AUTH"},
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

/* What SOCKS says in three to five bytes could still become the beginning of many. */
#define SHORT_BYTES 6

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
        if (of != by && !is_shared(of, by) &&
            !(match == MATCH_MORE && samples[i].count < SHORT_BYTES))
            cr_expect_eq(match, MATCH_NO, "'%s' is taken for %s", samples[i].name,
                         protocol_name(by));
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
                cr_expect_gt(yes, 0, "%s and %s share nothing any more",
                             protocol_name((enum protocol_id)of),
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
            cr_expect_eq(check_hidden((enum hidden_form)by, samples[i].bytes, samples[i].count),
                         MATCH_NO, "'%s' is taken for %s", samples[i].name,
                         hidden_form_name((enum hidden_form)by));
    }
    for (size_t i = 0; i < COUNT(hidden_samples); i++) {
        size_t bytes = make_hidden(&hidden_samples[i], request);

        cr_expect_eq(protocol_of_request(request, bytes), PROTOCOL_UNKNOWN, "%s",
                     hidden_samples[i].name);
        for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++)
            cr_expect_eq(check_bytes((enum protocol_id)id, request, bytes), MATCH_NO,
                         "'%s' is taken for %s", hidden_samples[i].name,
                         protocol_name((enum protocol_id)id));
        for (int by = 1; by < HIDDEN_FORMS; by <<= 1)
            cr_expect_eq(check_hidden((enum hidden_form)by, request, bytes),
                         expected_hidden(&hidden_samples[i], (enum hidden_form)by), "'%s' by %s",
                         hidden_samples[i].name, hidden_form_name((enum hidden_form)by));
    }
    printf("by design: encrypted bittorrent takes obfuscated edonkey of 96 bytes and more, and "
           "random bytes\n"
           "forms that look random: none takes one of %zu requests of other protocols, none is "
           "taken for one\n",
           samples_count);
    fflush(stdout);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Random bytes say IAC DO once in 13,000 times, and Minecraft's ping of two bytes once in 65,536;
 * nothing else may take them so often. */
static unsigned most_noise(enum protocol_id id)
{
    return id == PROTOCOL_TELNET ? 150 : id == PROTOCOL_MINECRAFT ? 30 : 10;
}

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
            bool yes =
                protocol_by_id((enum protocol_id)id)->check(noise, sizeof(noise)) == MATCH_YES;

            taken[id] += yes;
            any |= yes;
        }
        all += any;
    }
    printf("of %d random requests %u are taken by any protocol:", ROUNDS, all);
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        if (taken[id])
            printf(" %s %u", protocol_name((enum protocol_id)id), taken[id]);
        cr_expect_leq(taken[id], most_noise((enum protocol_id)id), "%s",
                      protocol_name((enum protocol_id)id));
    }
    printf("\n");
    fflush(stdout);
}

/* A service of one protocol never waits for more than this of another's request before it refuses
 * it. */
Test(confusion, others_are_refused_by_their_first_bytes)
{
    for (int by = PROTOCOL_UNKNOWN + 1; by < PROTOCOLS_COUNT; by++) {
        for (size_t i = 0; i < samples_count; i++) {
            size_t bytes = 0;

            if (samples[i].id == (enum protocol_id)by ||
                is_shared(samples[i].id, (enum protocol_id)by))
                continue;
            while (bytes < samples[i].count &&
                   check_bytes((enum protocol_id)by, samples[i].bytes, bytes) == MATCH_MORE)
                bytes++;
            cr_expect_leq(bytes, 48, "%s looks at %zu bytes of '%s'",
                          protocol_name((enum protocol_id)by), bytes, samples[i].name);
        }
    }
}

/* --- what real clients said first, as the captures' truth has it: its first 64 bytes --------- */

#define TRUTH          "../shared/captures/truth.tsv"
#define LABEL_COLUMN   3
#define REQUEST_COLUMN 11

static size_t from_hex(const char *hex, uint8_t out[64])
{
    size_t bytes = 0;

    for (unsigned byte; bytes < 64 && sscanf(hex + 2 * bytes, "%2x", &byte) == 1; bytes++)
        out[bytes] = (uint8_t)byte;
    return bytes;
}

/* False where the line has no such request. */
static bool read_request(char *line, char **label, uint8_t request[64], size_t *bytes)
{
    char *word = NULL;

    for (int column = 0; column <= REQUEST_COLUMN; column++) {
        word = strsep(&line, "\t\n");
        if (word == NULL)
            return false;
        if (column == LABEL_COLUMN)
            *label = word;
    }
    *bytes = from_hex(word, request);
    return *bytes > 0;
}

/* Counts by how many other protocols the request is taken; what nobody named must be taken by none.
 */
static unsigned judge_real(const char *label, const uint8_t *request, size_t bytes, unsigned own[2])
{
    int id = protocol_id_from_name(label);
    unsigned others = 0;

    for (int by = PROTOCOL_UNKNOWN + 1; by < PROTOCOLS_COUNT; by++) {
        enum match match = check_bytes((enum protocol_id)by, request, bytes);

        if (by == id)
            own[match == MATCH_NO]++;
        else if (match == MATCH_YES && id > PROTOCOL_UNKNOWN &&
                 !is_shared((enum protocol_id)id, (enum protocol_id)by)) {
            others++;
            cr_expect_fail("a request of %s is taken for %s: '%.*s'", label,
                           protocol_name((enum protocol_id)by), (int)bytes, (const char *)request);
        }
    }
    return others;
}

Test(confusion, requests_of_real_captures)
{
    FILE *truth = fopen(TRUTH, "r");
    char *line = NULL, *label = NULL;
    size_t capacity = 0, bytes;
    uint8_t request[64];
    unsigned requests = 0, false_accepts = 0, own[2] = {0};

    if (truth == NULL)
        cr_skip_test("skipped: no " TRUTH);
    while (getline(&line, &capacity, truth) > 0) {
        if (!read_request(line, &label, request, &bytes))
            continue;
        requests++;
        false_accepts += judge_real(label, request, bytes, own);
    }
    free(line);
    fclose(truth);
    printf("of %u first requests of real captures %u are of their own protocol, or may become so, "
           "%u are "
           "not; %u are taken for another\n",
           requests, own[0], own[1], false_accepts);
    fflush(stdout);
    cr_expect_gt(requests, 50);
    /*
     * Encrypted BitTorrent, SSLv2, an SSH client that begins with an empty line; and six whose
     * first two bytes are hidden by the zeros of ACKs that hold some
     * (heuristic_tcp_ack_payload.pcap), which are no request.
     */
    cr_expect_leq(own[1], 9);
}
