/* SPDX-License-Identifier: GPL-2.0-or-later */
/* learn_greeting.c - see learn_greeting.h. */
#include "profiles/learn/learn_greeting.h"

#include <string.h>

#define STATUS "+OK\r\n"

/* A greeting that several protocols share names the first of them, until a request that is accepted
 * tells. */
static void name_by_greeting(struct profile *profile, uint64_t protocols)
{
    const bool alone = protocols != 0 && (protocols & (protocols - 1)) == 0;

    profile_name(profile, protocol_first(protocols), alone ? NAMED_BY_PROTOCOL : NAMED_BY_ANSWER);
}

/* `protocols` that greet so, as bits; none: no file knows it. */
static void take_greeting(struct followed *flow, struct profile *profile, uint64_t protocols,
                          size_t bytes)
{
    if (flow->left_waiting && flow->words == WORDS_OPEN)
        profile_left_waiting(profile);
    followed_voice(flow, profile, VOICE_SERVER);
    flow->words = WORDS_DONE;
    flow->greeting = profile_greeting(profile, &flow->witness, flow->server.data, bytes);
    name_by_greeting(profile, protocols);
    /* What a greeting that came in two pieces said after the client spoke is not an answer. */
    if (bytes > flow->unprompted_bytes)
        flow->unprompted_bytes = (uint32_t)bytes;
}

/* A greeting in pieces, or one with more behind it, is as long as the one that is known. */
static enum match begins_as_known(const struct followed *flow, const struct profile *profile)
{
    const enum greeting_kind kind = profile_greeting_kind(profile);

    return kind == GREETING_STABLE ? greeting_model_begins(&profile->greeting, flow->server.data,
                                                           stream_bytes(&flow->server))
                                   : MATCH_NO;
}

/* Unprompted data that is no protocol's greeting. MORE where it is not decided yet. */
static enum match judge_unknown_greeting(struct followed *flow, struct profile *profile)
{
    const uint16_t there = stream_bytes(&flow->server);
    const enum match refusal = looks_like_refusal(flow->server.data, there);
    enum match known;

    if (refusal == MATCH_YES) {
        flow->words = WORDS_DONE; /* neither a greeting nor a voice */
        return MATCH_NO;
    }
    known = begins_as_known(flow, profile);
    if (known == MATCH_MORE || refusal == MATCH_MORE || !followed_answered(flow) ||
        there < flow->unprompted_bytes)
        return MATCH_MORE;
    take_greeting(flow, profile, 0,
                  known == MATCH_YES ? profile->greeting.bytes : flow->unprompted_bytes);
    return MATCH_YES;
}

static enum match match_of(enum greeting_verdict verdict)
{
    return verdict == GREETING_MORE       ? MATCH_MORE
           : verdict == GREETING_POSITIVE ? MATCH_YES
                                          : MATCH_NO;
}

/*
 * How the server's first data fits the greeting of any protocol; `*protocols` are those that greet
 * so (bits), set for YES, and for NO where it refuses.
 */
static enum match protocol_greeting(const struct followed *flow, uint64_t *protocols, size_t *bytes)
{
    enum match best = MATCH_NO;

    *protocols = protocols_of_greeting(flow->server.data, stream_bytes(&flow->server), bytes);
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        const struct protocol *candidate = protocol_by_id((enum protocol_id)id);
        size_t length;
        enum match match;

        if (!candidate->greeting || (*protocols && !(*protocols >> id & 1)))
            continue;
        length = 0;
        match =
            match_of(candidate->greeting(flow->server.data, stream_bytes(&flow->server), &length));
        if (*protocols)
            return match;
        best = match == MATCH_NO ? best : match;
    }
    return best;
}

enum match learn_greeting(struct followed *flow, struct profile *profile, bool ended)
{
    size_t bytes;
    uint64_t protocols;
    enum match match;

    if (flow->words == WORDS_DONE || flow->unprompted_bytes == 0)
        return MATCH_NO;
    if (stream_bytes(&flow->server) == 0)
        return MATCH_MORE;
    if (flow->opened && stream_bytes(&flow->client) == 0)
        return MATCH_MORE; /* also at its end: it may have been unequal, and our being told so lost
                            */
    bytes = 0;
    match = protocol_greeting(flow, &protocols, &bytes);
    if (match == MATCH_YES) {
        take_greeting(flow, profile, protocols, bytes);
    } else if (protocols) {
        flow->words = WORDS_DONE; /* neither a greeting nor a voice */
    } else if (match == MATCH_NO) {
        match = judge_unknown_greeting(flow, profile);
    }
    if (ended && flow->words != WORDS_DONE) {
        followed_voice(flow, profile, VOICE_SERVER_ONLY);
        profile_name(profile, PROTOCOL_UNKNOWN, NAMED_BY_DATA);
    }
    return match;
}

/* Clients of such a protocol do not wait for its greeting, and are right. */
static bool either_may_begin(uint64_t protocols)
{
    const struct protocol *protocol = protocol_by_id(protocol_first(protocols));

    return protocol && protocol->greeting_grace_us > 0;
}

/* "+OK" and no more is what Redis says to AUTH, SELECT or SET. A POP3 server says who it is, and to
 * others as well. */
static bool is_status_of_redis(const struct followed *flow, const struct profile *profile)
{
    return followed_protocol(flow) == PROTOCOL_REDIS &&
           profile_speaks_first(profile) != SPEAKER_SERVER &&
           stream_bytes(&flow->server) >= sizeof(STATUS) - 1 &&
           memcmp(flow->server.data, STATUS, sizeof(STATUS) - 1) == 0;
}

enum match learn_late_greeting(struct followed *flow, struct profile *profile)
{
    size_t bytes;
    uint64_t protocols;
    enum match match;
    bool same;

    if (!followed_client_spoke_first(flow) || stream_bytes(&flow->server) == 0 ||
        is_status_of_redis(flow, profile))
        return MATCH_NO;
    bytes = 0;
    match = protocol_greeting(flow, &protocols, &bytes);
    same = protocols >> followed_protocol(flow) & 1;
    if (match == MATCH_NO && !same && profile_speaks_first(profile) == SPEAKER_SERVER) {
        match = greeting_model_begins(&profile->greeting, flow->server.data,
                                      stream_bytes(&flow->server));
        bytes = begins_as_known(flow, profile) == MATCH_YES ? profile->greeting.bytes
                                                            : flow->server_end;
    }
    if (match != MATCH_YES && !same)
        return match;
    if (match == MATCH_YES && same && either_may_begin(protocols))
        followed_voice(flow, profile, VOICE_CLIENT_REFUSED);
    flow->words = same ? WORDS_VOICE : WORDS_DONE;
    flow->unprompted_bytes = (uint32_t)bytes;
    return MATCH_YES;
}

size_t learn_greeting_heard(const struct followed *flow)
{
    size_t bytes = 0;
    uint64_t protocols;

    return protocol_greeting(flow, &protocols, &bytes) == MATCH_YES ? bytes
                                                                    : stream_bytes(&flow->server);
}
