/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learner.c - see learner.h.
 *
 * A followed flow collects evidence until each of its facts is decided, and gives each to the
 * profile once:
 *
 *      SYN-ACK      hint to the capabilities; compared with the plan of the profile as it is, the
 *                   result kept
 *      ESTABLISHED  counts: handshake, vote, comparison
 *      data         server's bytes with nothing acknowledged are unprompted (a greeting, or a
 *                   refusal); from the first byte beyond them that comes with an acknowledgement
 *                   on, they are the answer
 *      END, idle    what is still open is decided with what is there
 *      GREETING     in attack mode: the greeting was not the promised one. It counts by its source
 *                   only (profile_greeting_drift)
 *
 *      server:  |--- unprompted ---|--- answer ...            greeting + request and answer: both
 *                                                             facts done,
 *      client:  |--- request ---|                             memory given back, the flow waits for
 *                                                             its end only
 *
 * A server may be slower than its client: its greeting then acknowledges the client's data, as an
 * answer would. What is a greeting of a known protocol, or begins as this server's greetings do, is
 * a late greeting and no answer: wrong clients must not teach us anything.
 *
 * Where we opened the connection (attack mode), the engine compares the greeting and releases the
 * client's data after it: only then it is looked at here.
 *
 * Memory is bounded: LEARNER_FLOWS flows (the one idle longest gives way), LEARNER_STREAM_BYTES of
 * data for all together.
 */
#include "profiles/learn/learner.h"

#include <stdlib.h>
#include <string.h>

#include "engine/tcp/cookie.h"
#include "engine/protocols/hidden.h"
#include "profiles/model/encrypted.h"
#include "profiles/model/profile.h"
#include "profiles/model/stream.h"

#define LEARNER_FLOWS        16384u
#define LEARNER_BUCKETS      16384u /* power of two */
#define LEARNER_STREAM_BYTES (16u * 1024 * 1024)
#define LEARNER_IDLE_US      (600ull * 1000 * 1000) /* a greeting may take five minutes */
#define PADDING_BYTES_MAX    6

#define NO_FLOW UINT32_MAX

/* Identifies a flow across shards: ids are unique in one shard only. No padding. */
struct flow_name {
    uint64_t id;
    struct ip_addr client;
    struct server_key server;
    uint16_t client_port;
};
_Static_assert(sizeof(struct flow_name) == 48,
               "flow_name has no padding: it is hashed and compared with memcmp");

struct learner_flow {
    struct flow_name name;
    uint32_t hash_next, older, newer;
    uint64_t active_us;
    struct observed_handshake handshake;
    bool established, compared, equal; /* of the SYN-ACK */
    bool opened;                       /* by us, in attack mode */
    bool early; /* the client's request was recognised before it was answered */
    bool spoke; /* the client has said something */
    uint64_t established_us;
    bool voice_done; /* who spoke first */
    bool greeting_done;
    bool request_done;
    enum protocol_id asked_in; /* whose keywords are to be learned, once the server has accepted
                                  what was named */
    bool like_encrypted;       /* ENCRYPTED_LIKE */
    struct stream client, server;
    uint32_t unprompted_bytes; /* up to here the server spoke with nothing acknowledged */
    uint32_t
        prompted_at; /* first server byte that came with an acknowledgement; UINT32_MAX: none yet */
    uint32_t server_end;    /* highest server byte seen */
    uint32_t request_bytes; /* acknowledged by the segment at prompted_at */
    struct flights flights;
};

struct learner {
    struct store *store;
    struct learner_flow *flows;
    uint32_t buckets[LEARNER_BUCKETS];
    uint32_t free_flows; /* list through hash_next */
    uint32_t oldest, newest;
    uint32_t used;
    uint32_t fresh; /* slots from here on were never used */
    uint64_t stream_bytes;
    struct learner_stats stats;
};

/* --- flows ----------------------------------------------------------------------------------- */

struct learner *learner_new(struct store *store)
{
    struct learner *learner = calloc(1, sizeof(*learner));
    if (!learner)
        return NULL;
    /* calloc of this size is not touched before use: an idle learner costs nothing. */
    learner->flows = calloc(LEARNER_FLOWS, sizeof(*learner->flows));
    if (!learner->flows) {
        free(learner);
        return NULL;
    }
    learner->store = store;
    learner->free_flows = learner->oldest = learner->newest = NO_FLOW;
    memset(learner->buckets, 0xff, sizeof(learner->buckets));
    return learner;
}

void learner_free(struct learner *learner)
{
    if (!learner)
        return;
    for (uint32_t i = learner->oldest; i != NO_FLOW; i = learner->flows[i].newer) {
        stream_free(&learner->flows[i].client);
        stream_free(&learner->flows[i].server);
    }
    free(learner->flows);
    free(learner);
}

static struct flow_name name_of(const struct observation *observation)
{
    return (struct flow_name){
        .id = observation->flow_id,
        .client = observation->client,
        .server = observation->server,
        .client_port = observation->client_port,
    };
}

static uint32_t *bucket_of(struct learner *learner, const struct flow_name *name)
{
    /* The number of flows is bounded and flow ids are the engine's own: no client can aim at a
     * bucket. */
    static const uint64_t seed[2] = {0x243f6a8885a308d3u, 0x13198a2e03707344u};
    return &learner->buckets[table_hash(seed, name, sizeof(*name)) & (LEARNER_BUCKETS - 1)];
}

static struct learner_flow *flow_find(struct learner *learner, const struct flow_name *name)
{
    for (uint32_t i = *bucket_of(learner, name); i != NO_FLOW; i = learner->flows[i].hash_next)
        if (memcmp(&learner->flows[i].name, name, sizeof(*name)) == 0)
            return &learner->flows[i];
    return NULL;
}

static void age_unlink(struct learner *learner, const struct learner_flow *flow)
{
    if (flow->older == NO_FLOW)
        learner->oldest = flow->newer;
    else
        learner->flows[flow->older].newer = flow->newer;
    if (flow->newer == NO_FLOW)
        learner->newest = flow->older;
    else
        learner->flows[flow->newer].older = flow->older;
}

static void age_append(struct learner *learner, struct learner_flow *flow)
{
    const uint32_t index = (uint32_t)(flow - learner->flows);
    flow->older = learner->newest;
    flow->newer = NO_FLOW;
    if (learner->newest == NO_FLOW)
        learner->oldest = index;
    else
        learner->flows[learner->newest].newer = index;
    learner->newest = index;
}

static void drop_streams(struct learner *learner, struct learner_flow *flow)
{
    learner->stream_bytes -= (uint64_t)flow->client.capacity + flow->server.capacity;
    stream_free(&flow->client);
    stream_free(&flow->server);
}

static void flow_forget(struct learner *learner, struct learner_flow *flow)
{
    const uint32_t index = (uint32_t)(flow - learner->flows);
    uint32_t *link = bucket_of(learner, &flow->name);
    while (*link != index)
        link = &learner->flows[*link].hash_next;
    *link = flow->hash_next;
    age_unlink(learner, flow);
    drop_streams(learner, flow);
    flow->hash_next = learner->free_flows;
    learner->free_flows = index;
    learner->used--;
}

static uint32_t slot_take(struct learner *learner)
{
    if (learner->free_flows == NO_FLOW)
        return learner->fresh++;
    const uint32_t index = learner->free_flows;
    learner->free_flows = learner->flows[index].hash_next;
    return index;
}

static void flow_end(struct learner *learner, struct learner_flow *flow, uint64_t wall_us);

static void evict_oldest(struct learner *learner, uint64_t wall_us)
{
    learner->stats.flows_evicted++;
    flow_end(learner, &learner->flows[learner->oldest], wall_us);
}

static struct learner_flow *flow_add(struct learner *learner, const struct flow_name *name,
                                     uint64_t wall_us)
{
    if (learner->used >= LEARNER_FLOWS)
        evict_oldest(learner, wall_us);
    const uint32_t index = slot_take(learner);
    struct learner_flow *flow = &learner->flows[index];
    uint32_t *bucket = bucket_of(learner, name);
    *flow = (struct learner_flow){.name = *name, .hash_next = *bucket, .prompted_at = UINT32_MAX};
    *bucket = index;
    age_append(learner, flow);
    learner->used++;
    learner->stats.flows++;
    return flow;
}

static struct profile *profile_of(struct learner *learner, const struct learner_flow *flow)
{
    return store_add(learner->store, &flow->name.server);
}

/* --- handshake ------------------------------------------------------------------------------- */

static void on_synack(struct learner *learner, const struct observation *observation,
                      uint64_t wall_us)
{
    const struct observed_handshake *handshake = &observation->handshake;
    const struct flow_name name = name_of(observation);
    if (flow_find(learner, &name))
        return; /* the server's SYN-ACK once more */
    struct profile *profile = store_add(learner->store, &observation->server);
    if (!profile)
        return;
    struct learner_flow *flow = flow_add(learner, &name, wall_us);
    flow->handshake = *handshake;
    flow->opened = observation->opened;
    flow->active_us = observation->time_us;
    if (capabilities_compares(&profile->tcp, handshake->offered)) {
        struct synack_features planned;
        synack_plan(&profile->tcp.model, handshake->offered, &planned);
        flow->compared = true;
        flow->equal = synack_features_equal(&planned, &handshake->granted);
    }
    capabilities_hint(&profile->tcp, handshake->offered, &handshake->granted);
    profile_seen(profile, wall_us);
    store_touch(learner->store);
}

static void establish(struct learner *learner, struct learner_flow *flow, uint64_t wall_us)
{
    struct profile *profile = flow->established ? NULL : profile_of(learner, flow);
    if (!profile)
        return;
    flow->established = true;
    flow->established_us = flow->active_us;
    learner->stats.handshakes++;
    profile->handshakes++;
    if (flow->compared)
        fidelity_add(&profile->fidelity, flow->equal);
    capabilities_vote(&profile->tcp, flow->handshake.offered, &flow->handshake.granted,
                      flow->handshake.ip_id);
    profile_seen(profile, wall_us);
    store_touch(learner->store);
}

/* --- data ------------------------------------------------------------------------------------ */

static uint32_t answer_offset(const struct learner_flow *flow)
{
    return flow->prompted_at > flow->unprompted_bytes ? flow->prompted_at : flow->unprompted_bytes;
}

/* Server data beyond the unprompted one, that came with an acknowledgement of client data. */
static bool answered(const struct learner_flow *flow)
{
    return flow->prompted_at != UINT32_MAX && flow->server_end > flow->unprompted_bytes;
}

static void voice(struct learner_flow *flow, struct profile *profile, enum voice voice)
{
    if (flow->voice_done)
        return;
    flow->voice_done = true;
    profile_spoke_first(profile, voice);
}

/* The server's first data came after the client's: it may have answered. */
static bool client_spoke_first(const struct learner_flow *flow)
{
    return flow->unprompted_bytes == 0 && flow->prompted_at == 0;
}

/* A greeting that several protocols share names the first of them, until a request that is accepted
 * tells. */
static void name_by_greeting(struct profile *profile, uint64_t protocols)
{
    const bool alone = protocols != 0 && (protocols & (protocols - 1)) == 0;
    profile_name(profile, protocol_first(protocols), alone ? NAMED_BY_PROTOCOL : NAMED_BY_ANSWER);
}

/* `protocols` that greet so, as bits; none: no file knows it. */
static void learn_greeting(struct learner_flow *flow, struct profile *profile, uint64_t protocols,
                           size_t bytes)
{
    flow->greeting_done = true;
    voice(flow, profile, VOICE_SERVER);
    profile_greeting(profile, flow->server.data, bytes);
    name_by_greeting(profile, protocols);
    /* What a greeting that came in two pieces said after the client spoke is not an answer. */
    if (bytes > flow->unprompted_bytes)
        flow->unprompted_bytes = (uint32_t)bytes;
}

/* A greeting in pieces, or one with more behind it, is as long as the one that is known. */
static enum match begins_as_known(const struct learner_flow *flow, const struct profile *profile)
{
    const enum greeting_kind kind = profile_greeting_kind(profile);
    return kind == GREETING_STABLE ? greeting_model_begins(&profile->greeting, flow->server.data,
                                                           stream_bytes(&flow->server))
                                   : MATCH_NO;
}

/* Unprompted data that is no protocol's greeting. MORE where it is not decided yet. */
static enum match judge_unknown_greeting(struct learner_flow *flow, struct profile *profile)
{
    const uint16_t there = stream_bytes(&flow->server);
    const enum match refusal = looks_like_refusal(flow->server.data, there);
    if (refusal == MATCH_YES) {
        flow->greeting_done = true; /* neither a greeting nor a voice */
        flow->voice_done = true;
        return MATCH_NO;
    }
    const enum match known = begins_as_known(flow, profile);
    if (known == MATCH_MORE || refusal == MATCH_MORE || !answered(flow) ||
        there < flow->unprompted_bytes)
        return MATCH_MORE;
    learn_greeting(flow, profile, 0,
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
static enum match protocol_greeting(const struct learner_flow *flow, uint64_t *protocols,
                                    size_t *bytes)
{
    enum match best = MATCH_NO;
    *protocols = protocols_of_greeting(flow->server.data, stream_bytes(&flow->server), bytes);
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        const struct protocol *candidate = protocol_by_id((enum protocol_id)id);
        if (!candidate->greeting || (*protocols && !(*protocols >> id & 1)))
            continue;
        size_t length = 0;
        const enum match match =
            match_of(candidate->greeting(flow->server.data, stream_bytes(&flow->server), &length));
        if (*protocols)
            return match;
        best = match == MATCH_NO ? best : match;
    }
    return best;
}

/*
 * Unprompted data is a greeting where a protocol says so, or where the client's data was answered
 * afterwards. MORE where it is not decided yet.
 */
static enum match judge_greeting(struct learner_flow *flow, struct profile *profile, bool ended)
{
    if (flow->greeting_done || flow->unprompted_bytes == 0)
        return MATCH_NO;
    if (stream_bytes(&flow->server) == 0)
        return MATCH_MORE;
    if (flow->opened && stream_bytes(&flow->client) == 0)
        return MATCH_MORE; /* also at its end: it may have been unequal, and our being told so lost
                            */
    size_t bytes = 0;
    uint64_t protocols;
    enum match match = protocol_greeting(flow, &protocols, &bytes);
    if (match == MATCH_YES) {
        learn_greeting(flow, profile, protocols, bytes);
    } else if (protocols) {
        flow->greeting_done = true; /* neither a greeting nor a voice */
        flow->voice_done = true;
    } else if (match == MATCH_NO) {
        match = judge_unknown_greeting(flow, profile);
    }
    if (ended && !flow->greeting_done) {
        voice(flow, profile, VOICE_SERVER_ONLY);
        profile_name(profile, PROTOCOL_UNKNOWN, NAMED_BY_DATA);
    }
    return match;
}

/* The server's first data is, or may become, a greeting of this protocol. */
static bool greeted_in(const struct learner_flow *flow, const struct protocol *protocol)
{
    const uint16_t said = stream_bytes(&flow->server);
    size_t bytes = 0;
    return said > 0 && protocol->greeting(flow->server.data, said, &bytes) != GREETING_NOT;
}

/*
 * What the request speaks. Protocols share words (FTP and POP3 both say USER and AUTH): one whose
 * server greets counts only where the server did greet in it, and then before those whose clients
 * speak first.
 */
static enum protocol_id request_protocol(const struct learner_flow *flow)
{
    uint64_t greets = 0, waits = 0, matches;
    enum protocol_id id;
    for (int i = PROTOCOL_UNKNOWN + 1; i < PROTOCOLS_COUNT; i++) {
        const struct protocol *protocol = protocol_by_id((enum protocol_id)i);
        if (!protocol->greeting)
            waits |= UINT64_C(1) << i;
        else if (greeted_in(flow, protocol))
            greets |= UINT64_C(1) << i;
    }
    const uint16_t asked = stream_bytes(&flow->client);
    for (int round = 0; round < 2 && asked > 0; round++) {
        matches = round == 0 ? greets : waits;
        if (protocols_check(matches, flow->client.data, asked, &id) == MATCH_YES)
            return id;
    }
    return PROTOCOL_UNKNOWN;
}

/* Clients of such a protocol do not wait for its greeting, and are right. */
static bool either_may_begin(uint64_t protocols)
{
    const struct protocol *protocol = protocol_by_id(protocol_first(protocols));
    return protocol && protocol->greeting_grace_us > 0;
}

/*
 * A client spoke so early that the server's greeting already acknowledges it: the greeting is no
 * answer, and says nothing about who speaks first. It is learned where the request speaks the same
 * protocol; otherwise it may be an answer that only looks like one ("+OK"). Where either may begin
 * (SSH), the client did, which decides as long as no connection tells more. MORE where it is not
 * whole.
 */
static enum match judge_late_greeting(struct learner_flow *flow, struct profile *profile)
{
    if (!client_spoke_first(flow) || stream_bytes(&flow->server) == 0)
        return MATCH_NO;
    size_t bytes = 0;
    uint64_t protocols;
    enum match match = protocol_greeting(flow, &protocols, &bytes);
    const bool same = protocols >> request_protocol(flow) & 1;
    if (match == MATCH_NO && !same && profile_speaks_first(profile) == SPEAKER_SERVER) {
        match = greeting_model_begins(&profile->greeting, flow->server.data,
                                      stream_bytes(&flow->server));
        bytes = begins_as_known(flow, profile) == MATCH_YES ? profile->greeting.bytes
                                                            : flow->server_end;
    }
    if (match != MATCH_YES && !same)
        return match;
    if (match == MATCH_YES && same && either_may_begin(protocols))
        voice(flow, profile, VOICE_CLIENT_REFUSED);
    flow->voice_done = true;
    flow->greeting_done = !same;
    flow->unprompted_bytes = (uint32_t)bytes;
    return MATCH_YES;
}

static void refuse_request(struct learner *learner, struct learner_flow *flow,
                           struct profile *profile)
{
    flow->request_done = true;
    learner->stats.requests_refused++;
    if (client_spoke_first(flow))
        voice(flow, profile, VOICE_CLIENT_REFUSED);
}

static void learn_keywords(struct learner_flow *flow, struct profile *profile,
                           const struct protocol *protocol)
{
    struct keywords_found found;
    keywords_none(&found);
    if (protocol->keyword(flow->client.data, stream_bytes(&flow->client), &found) == MATCH_YES)
        keyword_set_learn(&profile->keywords, &found);
}

/* What the request names counts when the server has accepted that, which may be later than the
 * request itself. */
static void judge_keywords(struct learner_flow *flow, struct profile *profile, bool ended)
{
    const struct protocol *protocol = protocol_by_id(flow->asked_in);
    const uint32_t from = answer_offset(flow);
    const uint16_t there = stream_bytes(&flow->server), asked = stream_bytes(&flow->client);
    if (!protocol || there <= from)
        return;
    const enum acceptance acceptance =
        protocol->keyword_accepts
            ? protocol->keyword_accepts(flow->client.data, asked, flow->server.data + from,
                                        there - from)
            : ACCEPTANCE_ACCEPTED;
    if (acceptance == ACCEPTANCE_MORE && !ended)
        return;
    if (acceptance == ACCEPTANCE_ACCEPTED)
        learn_keywords(flow, profile, protocol);
    flow->asked_in = PROTOCOL_UNKNOWN;
}

/* The peer that answers in plain says by which name it is to be spoken to when obfuscated. */
static void note_user_hash(const struct learner_flow *flow, struct profile *profile)
{
    const uint32_t from = answer_offset(flow);
    const uint8_t *hash =
        edonkey_user_hash(flow->server.data + from, stream_bytes(&flow->server) - from);
    if (hash)
        profile_name_user(profile, hash);
}

static void note_unknown(const struct learner_flow *flow, struct profile *profile,
                         size_t request_bytes)
{
    const uint32_t from = answer_offset(flow);
    profile_looks_random(profile, flow->client.data, request_bytes, flow->server.data + from,
                         stream_bytes(&flow->server) - from,
                         flow->like_encrypted ? &flow->flights : NULL);
}

static void accept_request(struct learner *learner, struct learner_flow *flow,
                           struct profile *profile, enum protocol_id id, size_t request_bytes)
{
    flow->request_done = true;
    learner->stats.requests_accepted++;
    if (client_spoke_first(flow))
        voice(flow, profile, VOICE_CLIENT);
    profile_request_accepted(profile, id, flow->client.data, request_bytes);
    const struct protocol *protocol = protocol_by_id(id);
    flow->asked_in = protocol && protocol->keyword ? id : PROTOCOL_UNKNOWN;
    if (id == PROTOCOL_UNKNOWN)
        note_unknown(flow, profile, request_bytes);
    if (id == PROTOCOL_EDONKEY)
        note_user_hash(flow, profile);
}

static void accept_hidden(struct learner *learner, struct learner_flow *flow,
                          struct profile *profile, enum hidden_form form)
{
    flow->request_done = true;
    learner->stats.requests_accepted++;
    voice(flow, profile, VOICE_CLIENT);
    profile_hidden_accepted(profile, form);
}

/*
 * The protocol whose clients alone are answered so, whatever they asked. `*match`: MORE where the
 * answer is but the beginning of one.
 */
static enum protocol_id answer_protocol(const struct learner_flow *flow, size_t request_bytes,
                                        const uint8_t *answer, size_t answer_bytes,
                                        enum match *match)
{
    *match = MATCH_NO;
    for (int id = PROTOCOL_UNKNOWN + 1; id < PROTOCOLS_COUNT; id++) {
        const struct protocol *protocol = protocol_by_id((enum protocol_id)id);
        if (!protocol->answers_alone)
            continue;
        const enum acceptance words =
            protocol->accepts(flow->client.data, request_bytes, answer, answer_bytes);
        if (words == ACCEPTANCE_ACCEPTED) {
            *match = MATCH_YES;
            return (enum protocol_id)id;
        }
        *match = words == ACCEPTANCE_MORE ? MATCH_MORE : *match;
    }
    return PROTOCOL_UNKNOWN;
}

/*
 * No protocol file knows the request: any answer accepts it, but for a refusal, and for words of a
 * protocol that alone answers so: a web server that answers, whatever it answers, was not spoken to
 * in HTTP.
 */
static enum acceptance unknown_acceptance(const struct learner_flow *flow, size_t request_bytes,
                                          const uint8_t *answer, size_t answer_bytes)
{
    enum match words;
    const enum match refusal = looks_like_refusal(answer, answer_bytes);
    answer_protocol(flow, request_bytes, answer, answer_bytes, &words);
    if (refusal == MATCH_YES || words == MATCH_YES)
        return ACCEPTANCE_REFUSED;
    return refusal == MATCH_MORE || words == MATCH_MORE ? ACCEPTANCE_MORE : ACCEPTANCE_ACCEPTED;
}

/* True where the request is one of obfuscated eMule: only the server's answer in kind accepts it.
 */
static bool judge_obfuscated(struct learner *learner, struct learner_flow *flow,
                             struct profile *profile, bool ended)
{
    const uint8_t *user_hash = profile_user_hash(profile);
    if (!user_hash || edonkey_hidden_check(user_hash, flow->client.data,
                                           stream_bytes(&flow->client)) != MATCH_YES)
        return false;
    switch (edonkey_hidden_accepts(user_hash, flow->client.data, flow->server.data,
                                   stream_bytes(&flow->server))) {
    case ACCEPTANCE_ACCEPTED:
        accept_hidden(learner, flow, profile, HIDDEN_EDONKEY);
        break;
    case ACCEPTANCE_MORE:
        if (!ended)
            break;
        /* fall through */
    case ACCEPTANCE_REFUSED:
        refuse_request(learner, flow, profile);
        break;
    }
    return true;
}

/* Who goes away in the middle of the handshake has been told nothing. */
static bool left_midway(const struct learner_flow *flow, const struct profile *profile, bool ended)
{
    const uint16_t there = stream_bytes(&flow->client);
    const uint32_t first = flow->flights.client_first < there ? flow->flights.client_first : there;
    return ended && profile_takes_bittorrent(profile) &&
           mse_check(flow->client.data, first) == MATCH_YES;
}

/* True where the request is decided by this, or may still be. */
static bool judge_encrypted(struct learner *learner, struct learner_flow *flow,
                            struct profile *profile, bool ended)
{
    const enum encrypted is = encrypted_judge(&flow->flights, &flow->client, &flow->server, ended);
    if (is == ENCRYPTED_MORE)
        return true;
    flow->like_encrypted = is == ENCRYPTED_LIKE;
    if (is == ENCRYPTED_PROVED || (is == ENCRYPTED_LIKE && profile_takes_bittorrent(profile)))
        accept_hidden(learner, flow, profile, HIDDEN_BITTORRENT);
    else if (is == ENCRYPTED_UNANSWERED ||
             (is == ENCRYPTED_NOT && left_midway(flow, profile, ended)))
        refuse_request(learner, flow, profile);
    return flow->request_done;
}

/* What no protocol file knows may be of a form that looks random. True where it is, or may still
 * be. */
static bool judge_hidden(struct learner *learner, struct learner_flow *flow,
                         struct profile *profile, bool ended)
{
    return client_spoke_first(flow) && (judge_obfuscated(learner, flow, profile, ended) ||
                                        judge_encrypted(learner, flow, profile, ended));
}

static enum acceptance acceptance_of(enum protocol_id id, const struct learner_flow *flow,
                                     size_t request_bytes)
{
    const struct protocol *protocol = protocol_by_id(id);
    const uint32_t from = protocol && protocol->answers_in_advance ? 0 : answer_offset(flow);
    const uint16_t there = stream_bytes(&flow->server);
    if (there <= from)
        return ACCEPTANCE_MORE;
    const uint8_t *answer = flow->server.data + from;
    const size_t answer_bytes = there - from;
    if (protocol)
        return protocol->accepts(flow->client.data, request_bytes, answer, answer_bytes);
    return unknown_acceptance(flow, request_bytes, answer, answer_bytes);
}

/* A server that refuses what nobody knows in words of one protocol speaks that (TLS to a hello of
 * SSLv2). */
static void name_by_refusal(const struct learner_flow *flow, struct profile *profile,
                            enum protocol_id id, size_t request_bytes)
{
    const uint32_t from = answer_offset(flow);
    const uint16_t there = stream_bytes(&flow->server);
    enum match words;
    if (id == PROTOCOL_UNKNOWN && there > from)
        id = answer_protocol(flow, request_bytes, flow->server.data + from, there - from, &words);
    profile_name(profile, id, id == PROTOCOL_UNKNOWN ? NAMED_BY_DATA : NAMED_BY_REQUEST);
}

/* The connection ended without an answer that counts. */
static void give_up_request(struct learner *learner, struct learner_flow *flow,
                            struct profile *profile)
{
    if (flow->request_done || stream_bytes(&flow->client) == 0)
        return;
    const enum protocol_id id = request_protocol(flow);
    profile_name(profile, id, id == PROTOCOL_UNKNOWN ? NAMED_BY_DATA : NAMED_BY_REQUEST);
    refuse_request(learner, flow, profile);
}

/*
 * The request is what the client had said when it was first answered; a known protocol may look at
 * all that is there.
 */
static void judge_request(struct learner *learner, struct learner_flow *flow,
                          struct profile *profile, bool ended)
{
    const uint16_t there = stream_bytes(&flow->client);
    if (flow->request_done || there == 0)
        return;
    const enum protocol_id id = request_protocol(flow);
    if (id != PROTOCOL_UNKNOWN && !flow->early) {
        flow->early = true;
        profile_name(profile, id, NAMED_BY_REQUEST);
    }
    if (!answered(flow)) {
        if (ended)
            give_up_request(learner, flow, profile);
        return;
    }
    if (id == PROTOCOL_UNKNOWN && judge_hidden(learner, flow, profile, ended))
        return;
    const uint32_t acked = flow->request_bytes < there ? flow->request_bytes : there;
    const size_t request_bytes = id == PROTOCOL_UNKNOWN ? acked : there;
    switch (acceptance_of(id, flow, request_bytes)) {
    case ACCEPTANCE_ACCEPTED:
        accept_request(learner, flow, profile, id, request_bytes);
        break;
    case ACCEPTANCE_REFUSED:
        name_by_refusal(flow, profile, id, request_bytes);
        refuse_request(learner, flow, profile);
        break;
    case ACCEPTANCE_MORE:
        if (ended)
            refuse_request(learner, flow, profile);
        break;
    }
}

/* Everything that can be learned of this flow was. */
static bool decided(const struct learner_flow *flow)
{
    return flow->request_done && flow->voice_done && flow->asked_in == PROTOCOL_UNKNOWN &&
           (flow->greeting_done || flow->unprompted_bytes == 0);
}

static void judge(struct learner *learner, struct learner_flow *flow, bool ended)
{
    struct profile *profile = profile_of(learner, flow);
    if (!profile)
        return;
    const enum match late = judge_late_greeting(flow, profile),
                     greeting = judge_greeting(flow, profile, ended);
    if (late == MATCH_MORE || greeting == MATCH_MORE) {
        if (!ended)
            return; /* what may be part of a greeting must not be taken for an answer */
        give_up_request(learner, flow, profile);
    }
    judge_request(learner, flow, profile, ended);
    judge_keywords(flow, profile, ended);
    if (ended && client_spoke_first(flow))
        voice(flow, profile, VOICE_CLIENT_REFUSED);
    store_touch(learner->store);
    if (decided(flow))
        drop_streams(learner, flow);
}

/*
 * "Pure" ACKs of odd stacks carry a few zero bytes where data is due, not pushed: no data
 * (protocols.md, pitfall 20).
 */
static bool is_padding(const struct observed_data *data)
{
    if (data->push || data->wire_bytes > PADDING_BYTES_MAX)
        return false;
    for (uint16_t i = 0; i < data->bytes; i++)
        if (data->data[i] != 0)
            return false;
    return true;
}

static void note_server_data(struct learner_flow *flow, const struct observed_data *data)
{
    const uint32_t end = data->offset + data->wire_bytes;
    if (end < data->offset)
        return;
    if (data->peer_acked == 0) {
        if (end > flow->unprompted_bytes)
            flow->unprompted_bytes = end;
    } else if (end > flow->unprompted_bytes && data->offset < flow->prompted_at) {
        flow->prompted_at = data->offset;
        flow->request_bytes = data->peer_acked;
    }
    if (end > flow->server_end)
        flow->server_end = end;
}

static void take_data(struct learner *learner, struct learner_flow *flow,
                      const struct observed_data *data)
{
    struct stream *stream = data->from == SIDE_SERVER ? &flow->server : &flow->client;
    learner->stream_bytes -= stream->capacity;
    stream_add(stream, data->offset, data->data, data->bytes);
    learner->stream_bytes += stream->capacity;
}

/* Did it wait for the server? Only in normal mode: later we are the one that it waits for. */
static void note_first_word(struct learner *learner, struct learner_flow *flow,
                            const struct observed_data *data)
{
    struct profile *profile;
    if (flow->spoke || flow->opened || data->from != SIDE_CLIENT || data->offset != 0 ||
        !flow->established)
        return;
    flow->spoke = true;
    profile = profile_of(learner, flow);
    if (!profile)
        return;
    if (data->peer_acked > 0)
        grace_waited(&profile->grace);
    else
        grace_early(&profile->grace, flow->active_us - flow->established_us);
}

static void on_data(struct learner *learner, struct learner_flow *flow,
                    const struct observed_data *data, uint64_t wall_us)
{
    if (data->bytes > OBSERVATION_DATA_BYTES || is_padding(data))
        return;
    if (data->from == SIDE_SERVER && data->peer_acked > 0)
        establish(learner, flow,
                  wall_us); /* the server has the client's ACK, whether we saw it or not */
    note_first_word(learner, flow, data);
    if (decided(flow))
        return;
    if (data->from == SIDE_SERVER)
        note_server_data(flow, data);
    flights_note(&flow->flights, data);
    take_data(learner, flow, data);
    judge(learner, flow, false);
    while (learner->stream_bytes > LEARNER_STREAM_BYTES && learner->oldest != learner->newest)
        evict_oldest(learner, wall_us);
}

/* --- end ------------------------------------------------------------------------------------- */

static void flow_end(struct learner *learner, struct learner_flow *flow, uint64_t wall_us)
{
    if (flow->established && !decided(flow))
        judge(learner, flow, true);
    struct profile *profile =
        flow->established ? store_find(learner->store, &flow->name.server) : NULL;
    if (profile)
        profile_seen(profile, wall_us);
    flow_forget(learner, flow);
}

/*
 * The engine found the real greeting unequal to the promised one, and resets this connection. One
 * client must not be able to disarm: nothing that was said on it is learned, only its source
 * counts.
 */
static void on_greeting(struct learner *learner, const struct observation *observation)
{
    const struct flow_name name = name_of(observation);
    struct learner_flow *flow = flow_find(learner, &name);
    /* Telnet's, and of services that no file knows, the engine cannot tell. */
    const bool refusal =
        flow && looks_like_refusal(flow->server.data, stream_bytes(&flow->server)) != MATCH_NO;
    if (flow) {
        flow->greeting_done = flow->voice_done = flow->request_done = true;
        drop_streams(learner, flow);
    }
    struct profile *profile = store_find(learner->store, &observation->server);
    if (!profile || observation->greeting.negative || refusal)
        return;
    profile_greeting_drift(profile, &observation->client);
    store_touch(learner->store);
}

/* In attack mode clients hold cookies: the promise in force must stay good for as long as they live
 * (compile.c). */
static void note_attack(struct learner *learner, const struct observation *observation)
{
    const bool attacked = observation->opened || observation->kind == OBSERVED_GREETING ||
                          observation->kind == OBSERVED_TRIGGER;
    struct profile *profile = attacked ? store_find(learner->store, &observation->server) : NULL;
    if (profile)
        profile->cookies_until_us = observation->time_us + COOKIE_LIFETIME_US;
}

void learner_observe(struct learner *learner, const struct observation *observation,
                     uint64_t wall_us)
{
    note_attack(learner, observation);
    if (observation->kind == OBSERVED_SYNACK) {
        on_synack(learner, observation, wall_us);
        return;
    }
    if (observation->kind == OBSERVED_GREETING) {
        on_greeting(learner, observation);
        return;
    }
    if (observation->kind == OBSERVED_TRIGGER)
        return;
    const struct flow_name name = name_of(observation);
    struct learner_flow *flow = flow_find(learner, &name);
    if (!flow) {
        learner->stats.flows_without_handshake += observation->kind == OBSERVED_ESTABLISHED;
        return;
    }
    flow->active_us = observation->time_us;
    age_unlink(learner, flow);
    age_append(learner, flow);
    if (observation->kind == OBSERVED_ESTABLISHED)
        establish(learner, flow, wall_us);
    else if (observation->kind == OBSERVED_DATA)
        on_data(learner, flow, &observation->data, wall_us);
    else
        flow_end(learner, flow, wall_us);
}

void learner_tick(struct learner *learner, uint64_t now_us, uint64_t wall_us)
{
    while (learner->oldest != NO_FLOW &&
           learner->flows[learner->oldest].active_us + LEARNER_IDLE_US < now_us)
        flow_end(learner, &learner->flows[learner->oldest], wall_us);
}

void learner_flush(struct learner *learner, uint64_t wall_us)
{
    while (learner->oldest != NO_FLOW)
        flow_end(learner, &learner->flows[learner->oldest], wall_us);
}

void learner_forget(struct learner *learner, const struct server_key *server)
{
    for (uint32_t i = learner->oldest; i != NO_FLOW;) {
        struct learner_flow *flow = &learner->flows[i];
        i = flow->newer;
        if (server_key_equal(&flow->name.server, server))
            flow_forget(learner, flow);
    }
}

struct learner_stats learner_stats(const struct learner *learner)
{
    return learner->stats;
}
