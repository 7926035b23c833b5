/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_bench.c - the check of a client's first data against every protocol at once, for
 * instructions.py to count under callgrind.
 *
 *      check-bench      one dump for each request, named by its row: the protocol whose request it
 *                       is, or one of those below
 *
 *      part             beginnings of requests: half of what decides, and all of it but one byte
 *      text, binary     of no protocol; the texts are such that many protocols look far into them
 *      long             a segment full of a request line that has not ended
 *      any              made by chance, of a fixed seed: beginnings of samples, with other bytes
 *                       behind them, words, texts, bytes
 *
 * The last four are checked with and without BitTorrent's encrypted form accepted, too.
 *
 * Like engine_bench.c it counts what happens inside measured() alone, and ends with 1 where a
 * request is not taken for what it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "engine/server/policy.h"
#include "engine/protocols/hidden.h"
#include "engine/protocols/samples.h"

#define SEGMENT_BYTES 1448
#define ANY_ROUNDS    400
#define EVERY         (~UINT64_C(0) << (PROTOCOL_UNKNOWN + 1))

/* Callgrind finds it by its name: no copy of it may be made. */
#ifdef __clang__
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noipa))
#endif

/* The one function that is counted. */
static enum match ONE_COPY measured(const struct server_policy *server, const uint8_t *request,
                                    size_t bytes)
{
    enum match match = policy_check_request(server, request, bytes);

    __asm__ volatile(""); /* no tail call: its return is what ends the collecting */
    return match;
}

static enum match count_one(const char *row, const void *request, size_t bytes, uint8_t hidden)
{
    const struct server_policy server = {.protocols = EVERY, .hidden = hidden};
    enum match match;

    CALLGRIND_ZERO_STATS;
    match = measured(&server, request, bytes);
    CALLGRIND_DUMP_STATS_AT(row);
    return match;
}

static void count(const char *row, const void *request, size_t bytes, enum match expected)
{
    enum match match = count_one(row, request, bytes, 0);

    if (match != expected) {
        fprintf(stderr, "check-bench: %s: '%.*s' was not taken for what it is\n", row, (int)bytes,
                (const char *)request);
        exit(1);
    }
}

static void count_both(const char *row, const void *request, size_t bytes, enum match expected)
{
    count(row, request, bytes, expected);
    count_one(row, request, bytes, HIDDEN_BITTORRENT);
}

static void count_samples(void)
{
    for (size_t i = 0; i < samples_count; i++) {
        const struct sample *sample = &samples[i];

        count(protocol_name(sample->id), sample->bytes, sample->count, MATCH_YES);
        /* What one protocol still waits for may be a whole request of another. */
        if (protocol_of_request((const uint8_t *)sample->bytes, sample->decided - 1) ==
            PROTOCOL_UNKNOWN)
            count("part", sample->bytes, sample->decided - 1, MATCH_MORE);
        if (protocol_of_request((const uint8_t *)sample->bytes, sample->decided / 2) ==
            PROTOCOL_UNKNOWN)
            count("part", sample->bytes, sample->decided / 2, MATCH_MORE);
    }
}

static void count_nobody(void)
{
    static const char *const texts[] = {"howdy\r\n",
                                        "CLOSE the door\r\n",
                                        "SETTINGS are none\r\n",
                                        "CONNECT (\"verbose\":false)\r\n",
                                        "GET a b\r\n",
                                        "C-L-I-E-N-T-S-h-a-v-e-s-a-i-d-s-o of old\r\n",
                                        "S-1-2-3-4-5-6-7-8-9-0-a-b-c-d-e x\r\n",
                                        "INVITE everybody to the party HTTP\r\n",
                                        "the quick brown fox jumps over the lazy dog\r\n",
                                        "{\"id\": 1, \"method\": \"login\"}\n"};
    static const char binaries[][24] = {
        "\0\0\0\x10\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b",
        "\x16\3\1\xff\xff\1\2\3\4",
        "\x21\0\0\1\x85\0\0\0\0\0\0\0\0\0\0\0",
        "\0\0\0\x54\xffSMB\x73\0\0\0\0",
        "\x10\x80\x80\x80\x80\x80\x80\x80",
        "\xe3\x10\0\0\0\x09\1\2\3\4\5\6\7",
        "\3\0\0\x16\x11\xe0\0\0\0\x14\0\xc1\2\1\0\xc2\2\1\2",
        "\x8f\x11\x9c\xe4\x20\x01\x77\x5a\xc6\xd8\x3e\x40\x99\xab\xcd\xef"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        count_both("text", texts[i], strlen(texts[i]), MATCH_NO);
    for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++)
        count_both("binary", binaries[i], sizeof(binaries[i]), MATCH_NO);
}

/* The beginnings are those whose line two protocols or more read to its end. */
static void count_long(void)
{
    static const char *const beginnings[] = {"GET http://", "SUBSCRIBE sip:", "CONNECT a"};
    static uint8_t request[SEGMENT_BYTES];

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        memset(request, 'a', sizeof(request));
        memcpy(request, beginnings[i], strlen(beginnings[i]));
        count_both("long", request, sizeof(request),
                   protocol_of_request(request, sizeof(request)) == PROTOCOL_UNKNOWN ? MATCH_MORE
                                                                                     : MATCH_YES);
    }
}

static uint32_t draw(uint32_t below)
{
    static uint64_t state = 20261122;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static void fill(uint8_t *out, size_t bytes, const char *letters)
{
    size_t count = strlen(letters);

    for (size_t i = 0; i < bytes; i++)
        out[i] = count > 0 ? (uint8_t)letters[draw((uint32_t)count)] : (uint8_t)draw(256);
}

/* What stands behind the beginning of a request, or alone. */
static void count_any(void)
{
    static const char *const letters[] = {
        "", "a", "aA1 /.:", "\r\n", "ACEHLNOPQRSTU", "ehlo x-1", "EHLX a.../HTTP:sip"};
    static uint8_t request[SEGMENT_BYTES];

    for (unsigned round = 0; round < ANY_ROUNDS; round++) {
        const struct sample *sample = &samples[draw((uint32_t)samples_count)];
        const size_t most = round % 4 == 0 ? SEGMENT_BYTES : round % 4 == 1 ? 608 : 120;
        const size_t bytes = 1 + draw((uint32_t)most);
        size_t begins = round % 3 == 0 ? 0 : draw((uint32_t)sample->count + 1);

        begins = begins < bytes ? begins : bytes;
        fill(request, bytes, letters[draw(sizeof(letters) / sizeof(letters[0]))]);
        memcpy(request, sample->bytes, begins);
        count_one("any", request, bytes, round % 2 ? HIDDEN_BITTORRENT : 0);
    }
}

int main(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    count_samples();
    count_nobody();
    count_long();
    count_any();
    CALLGRIND_STOP_INSTRUMENTATION;
    return 0;
}
