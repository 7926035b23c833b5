/* SPDX-License-Identifier: GPL-2.0-or-later */
/* learn_request.c - see learn_request.h. */
#include "profiles/learn/learn_request.h"

#include "engine/protocols/foreign.h"
#include "profiles/learn/lookalike.h"

static void refuse_request(struct followed *flow, struct profile *profile)
{
    flow->request = REQUEST_REFUSED;
    if (followed_client_spoke_first(flow))
        followed_voice(flow, profile, VOICE_CLIENT_REFUSED);
}

static void learn_keywords(struct followed *flow, struct profile *profile,
                           const struct protocol *protocol)
{
    struct keywords_found found;

    keywords_none(&found);
    if (protocol->keyword(flow->client.data, stream_bytes(&flow->client), &found) != MATCH_YES)
        return;
    keyword_set_age(&profile->keywords, flow->witness.now_s);
    keyword_set_learn(&profile->keywords, &found, loosening_network(profile, &flow->witness));
}

void learn_request_keywords(struct followed *flow, struct profile *profile, bool ended)
{
    const struct protocol *protocol = protocol_by_id(flow->asked_in);
    const uint16_t asked = stream_bytes(&flow->client);
    size_t bytes;
    const uint8_t *answer = followed_answer(flow, &bytes);
    enum acceptance acceptance;

    if (!protocol || !answer)
        return;
    acceptance = protocol->keyword_accepts
                     ? protocol->keyword_accepts(flow->client.data, asked, answer, bytes)
                     : ACCEPTANCE_ACCEPTED;
    if (acceptance == ACCEPTANCE_MORE && !ended)
        return;
    if (acceptance == ACCEPTANCE_ACCEPTED)
        learn_keywords(flow, profile, protocol);
    flow->asked_in = PROTOCOL_UNKNOWN;
}

/* The peer that answers in plain says by which name it is to be spoken to when obfuscated. */
static void note_user_hash(const struct followed *flow, struct profile *profile)
{
    size_t bytes;
    const uint8_t *answer = followed_answer(flow, &bytes);
    const uint8_t *hash = answer ? edonkey_user_hash(answer, bytes) : NULL;

    if (hash)
        profile_name_user(profile, hash);
}

static void note_unknown(const struct followed *flow, struct profile *profile, size_t request_bytes)
{
    size_t bytes;
    const uint8_t *answer = followed_answer(flow, &bytes);

    profile_looks_random(profile, flow->client.data, request_bytes, answer, bytes,
                         flow->like_encrypted ? &flow->flights : NULL);
}

static void accept_request(struct followed *flow, struct profile *profile, enum protocol_id id,
                           size_t request_bytes)
{
    const struct protocol *protocol;

    flow->request = REQUEST_ACCEPTED;
    if (followed_client_spoke_first(flow))
        followed_voice(flow, profile, VOICE_CLIENT);
    profile_request_witnessed(profile, &flow->witness, id, flow->client.data, request_bytes);
    protocol = protocol_by_id(id);
    flow->asked_in = protocol && protocol->keyword ? id : PROTOCOL_UNKNOWN;
    if (id == PROTOCOL_UNKNOWN)
        note_unknown(flow, profile, request_bytes);
    if (id == PROTOCOL_EDONKEY)
        note_user_hash(flow, profile);
}

static void accept_hidden(struct followed *flow, struct profile *profile, enum hidden_form form)
{
    flow->request = REQUEST_ACCEPTED;
    followed_voice(flow, profile, VOICE_CLIENT);
    profile_hidden_witnessed(profile, &flow->witness, form);
}

/*
 * The protocol whose clients alone are answered so, whatever they asked. `*match`: MORE where the
 * answer is but the beginning of one.
 */
static enum protocol_id answer_protocol(const struct followed *flow, size_t request_bytes,
                                        const uint8_t *answer, size_t answer_bytes,
                                        enum match *match)
{
    *match = MATCH_NO;
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        const struct protocol *protocol = protocol_by_id((enum protocol_id)id);
        enum acceptance words;

        if (!protocol->answers_alone)
            continue;
        words = protocol->accepts(flow->client.data, request_bytes, answer, answer_bytes);
        if (words == ACCEPTANCE_ACCEPTED) {
            *match = MATCH_YES;
            return (enum protocol_id)id;
        }
        *match = words == ACCEPTANCE_MORE ? MATCH_MORE : *match;
    }
    return PROTOCOL_UNKNOWN;
}

/*
 * What an application server behind a web server is asked (uWSGI's packets) is answered in HTTP. A
 * line of text answered so is what some web servers still take for HTTP/0.9.
 */
static bool speaks_for_web(const struct profile *profile, enum protocol_id id,
                           const uint8_t *request, size_t bytes)
{
    return id == PROTOCOL_HTTP && !(profile->accepted >> PROTOCOL_HTTP & 1) && bytes > 0 &&
           !pattern_is_text(request[0]) && request[0] != '\r' && request[0] != '\n';
}

/*
 * No protocol file knows the request, or it only looks like one: any answer accepts it, but for a
 * refusal, and for words of a protocol that alone answers so: a web server that answers, whatever
 * it answers, was not spoken to in HTTP.
 */
static enum acceptance unknown_acceptance(const struct followed *flow, struct profile *profile,
                                          size_t request_bytes)
{
    size_t bytes;
    const uint8_t *answer = followed_answer(flow, &bytes), *request = flow->client.data;
    enum protocol_id answers;
    enum match words, refusal;

    if (foreign_check(profile->accepted, request, request_bytes) == MATCH_YES)
        return ACCEPTANCE_REFUSED;
    if (!answer)
        return ACCEPTANCE_MORE;
    refusal = looks_like_refusal(answer, bytes);
    answers = answer_protocol(flow, request_bytes, answer, bytes, &words);
    if (words == MATCH_YES && speaks_for_web(profile, answers, request, request_bytes))
        words = MATCH_NO;
    if (refusal == MATCH_YES || words == MATCH_YES)
        return ACCEPTANCE_REFUSED;
    if (refusal == MATCH_MORE || words == MATCH_MORE)
        return ACCEPTANCE_MORE;
    return lookalike_says_no(profile, protocol_of_request(request, request_bytes), answer, bytes)
               ? ACCEPTANCE_REFUSED
               : ACCEPTANCE_ACCEPTED;
}

/* True where the request is one of obfuscated eMule: only the server's answer in kind accepts it.
 */
static bool judge_obfuscated(struct followed *flow, struct profile *profile, bool ended)
{
    const uint8_t *user_hash = profile_user_hash(profile);

    if (!user_hash || edonkey_hidden_check(user_hash, flow->client.data,
                                           stream_bytes(&flow->client)) != MATCH_YES)
        return false;
    switch (edonkey_hidden_accepts(user_hash, flow->client.data, flow->server.data,
                                   stream_bytes(&flow->server))) {
    case ACCEPTANCE_ACCEPTED:
        accept_hidden(flow, profile, HIDDEN_EDONKEY);
        break;
    case ACCEPTANCE_MORE:
        if (!ended)
            break;
        /* fall through */
    case ACCEPTANCE_REFUSED:
        refuse_request(flow, profile);
        break;
    }
    return true;
}

/* Who goes away in the middle of the handshake has been told nothing. */
static bool left_midway(const struct followed *flow, const struct profile *profile, bool ended)
{
    const uint16_t there = stream_bytes(&flow->client);
    const uint32_t first = flow->flights.client_first < there ? flow->flights.client_first : there;

    return ended && profile_takes_bittorrent(profile) &&
           mse_check(flow->client.data, first) == MATCH_YES;
}

/* True where the request is decided by this, or may still be. */
static bool judge_encrypted(struct followed *flow, struct profile *profile, bool ended)
{
    const enum encrypted is = encrypted_judge(&flow->flights, &flow->client, &flow->server, ended);

    if (is == ENCRYPTED_MORE)
        return true;
    flow->like_encrypted = is == ENCRYPTED_LIKE;
    if (is == ENCRYPTED_PROVED || (is == ENCRYPTED_LIKE && profile_takes_bittorrent(profile)))
        accept_hidden(flow, profile, HIDDEN_BITTORRENT);
    else if (is == ENCRYPTED_UNANSWERED ||
             (is == ENCRYPTED_NOT && left_midway(flow, profile, ended)))
        refuse_request(flow, profile);
    return followed_request_done(flow);
}

/* What no protocol file knows may be of a form that looks random. True where it is, or may still
 * be. */
static bool judge_hidden(struct followed *flow, struct profile *profile, bool ended)
{
    return followed_client_spoke_first(flow) &&
           (judge_obfuscated(flow, profile, ended) || judge_encrypted(flow, profile, ended));
}

static enum acceptance acceptance_of(enum protocol_id id, const struct followed *flow,
                                     struct profile *profile, size_t request_bytes)
{
    const struct protocol *protocol = protocol_by_id(id);
    size_t bytes;
    const uint8_t *answer = followed_answer(flow, &bytes);

    if (!protocol)
        return unknown_acceptance(flow, profile, request_bytes);
    if (protocol->answers_in_advance) {
        answer = flow->server.data;
        bytes = stream_bytes(&flow->server);
    }
    if (bytes == 0)
        return ACCEPTANCE_MORE;
    return protocol->accepts(flow->client.data, request_bytes, answer, bytes);
}

/* A server that refuses what nobody knows in words of one protocol speaks that (TLS to a hello of
 * SSLv2). */
static void name_by_refusal(const struct followed *flow, struct profile *profile,
                            enum protocol_id id, size_t request_bytes)
{
    size_t bytes;
    const uint8_t *answer = followed_answer(flow, &bytes);
    enum match words;

    if (id == PROTOCOL_UNKNOWN && answer)
        id = answer_protocol(flow, request_bytes, answer, bytes, &words);
    profile_name(profile, id, id == PROTOCOL_UNKNOWN ? NAMED_BY_DATA : NAMED_BY_REQUEST);
}

/* What `id` would not have been answered so may still be right here: as what no file knows. */
static void judge_answer(struct followed *flow, struct profile *profile, enum protocol_id id,
                         bool ended)
{
    const uint16_t there = stream_bytes(&flow->client);
    const uint32_t acked = flow->request_bytes < there ? flow->request_bytes : there;
    size_t request_bytes = id == PROTOCOL_UNKNOWN ? acked : there;
    enum acceptance acceptance = acceptance_of(id, flow, profile, request_bytes);

    if (acceptance == ACCEPTANCE_MORE && !ended)
        return;
    if (acceptance != ACCEPTANCE_ACCEPTED && lookalike_possible(profile, id)) {
        acceptance = unknown_acceptance(flow, profile, acked);
        if (acceptance == ACCEPTANCE_MORE && !ended)
            return;
        if (acceptance == ACCEPTANCE_ACCEPTED) {
            id = PROTOCOL_UNKNOWN;
            request_bytes = acked;
        }
    }
    if (acceptance == ACCEPTANCE_ACCEPTED) {
        accept_request(flow, profile, id, request_bytes);
        return;
    }
    if (acceptance == ACCEPTANCE_REFUSED) {
        name_by_refusal(flow, profile, id, request_bytes);
        loosening_refused(profile, &flow->witness, VOTE_FORM(id));
    }
    refuse_request(flow, profile);
}

void learn_request_unanswered(struct followed *flow, struct profile *profile)
{
    enum protocol_id id;

    if (followed_request_done(flow) || stream_bytes(&flow->client) == 0)
        return;
    id = followed_protocol(flow);
    profile_name(profile, id, id == PROTOCOL_UNKNOWN ? NAMED_BY_DATA : NAMED_BY_REQUEST);
    refuse_request(flow, profile);
}

void learn_request(struct followed *flow, struct profile *profile, bool ended)
{
    const uint16_t there = stream_bytes(&flow->client);
    enum protocol_id id;

    if (followed_request_done(flow) || there == 0)
        return;
    id = followed_protocol(flow);
    if (id != PROTOCOL_UNKNOWN && flow->request == REQUEST_OPEN) {
        flow->request = REQUEST_NAMED;
        profile_name(profile, id, NAMED_BY_REQUEST);
    }
    if (!followed_answered(flow)) {
        if (ended)
            learn_request_unanswered(flow, profile);
        return;
    }
    if (id == PROTOCOL_UNKNOWN && judge_hidden(flow, profile, ended))
        return;
    judge_answer(flow, profile, id, ended);
}
