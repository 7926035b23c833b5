/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learner.c - see learner.h.
 *
 * Observations come in, followed.h keeps what they tell of each connection, learn_greeting.h and
 * learn_request.h move what is decided into the profile.
 *
 *      GREETING     in attack mode: the greeting was not the promised one. It counts by its source
 *                   only (profile_greeting_drift)
 *
 * Where we opened the connection (attack mode), the engine compares the greeting and releases the
 * client's data after it: only then it is looked at here.
 */
#include "profiles/learn/learner.h"

#include <stdlib.h>
#include <string.h>

#include "engine/tcp/cookie.h"
#include "engine/protocols/proxy.h"
#include "engine/tables/source_prefix.h"
#include "profiles/learn/followed.h"
#include "profiles/learn/learn_greeting.h"
#include "profiles/learn/learn_request.h"
#include "profiles/learn/rehearsal.h"
#include "profiles/store/expiry.h"

#define LEARNER_IDLE_US (600ull * 1000 * 1000) /* a greeting may take five minutes */
#define SECOND_US       (1000u * 1000)
#define GREETS_LATE_US  (100u * 1000) /* longer than any client takes that speaks by itself */

struct learner {
    struct store *store;
    struct followed_table flows;
    struct learner_stats stats;
    struct learner_proxy proxies[LEARNER_PROXIES];
    uint32_t proxy_count;
    struct learner_rehearsal rehearsal;
};

/* --- life ------------------------------------------------------------------------------------ */

struct learner *learner_new(struct store *store)
{
    struct learner *learner = calloc(1, sizeof(*learner));

    if (!learner)
        return NULL;
    if (!followed_init(&learner->flows)) {
        free(learner);
        return NULL;
    }
    learner->store = store;
    return learner;
}

void learner_free(struct learner *learner)
{
    if (!learner)
        return;
    followed_free(&learner->flows);
    free(learner);
}

/* --- proxies --------------------------------------------------------------------------------- */

static bool in_prefix(const struct ip_addr *addr, const struct learner_proxy *proxy)
{
    const uint32_t bits = prefix_bits(&proxy->prefix, proxy->length);
    const struct ip_addr of_addr = prefix_masked(addr, bits),
                         of_proxy = prefix_masked(&proxy->prefix, bits);

    return memcmp(&of_addr, &of_proxy, sizeof(of_addr)) == 0;
}

static bool is_proxy(const struct learner *learner, const struct ip_addr *addr, uint64_t now_us)
{
    for (uint32_t i = 0; i < learner->proxy_count; i++) {
        const struct learner_proxy *proxy = &learner->proxies[i];

        if ((!proxy->until_us || now_us < proxy->until_us) && in_prefix(addr, proxy))
            return true;
    }
    return false;
}

void learner_forget_proxy(struct learner *learner, const struct ip_addr *prefix, uint8_t length)
{
    for (uint32_t i = 0; i < learner->proxy_count; i++) {
        const struct learner_proxy *proxy = &learner->proxies[i];

        if (proxy->length == length && in_prefix(prefix, proxy)) {
            learner->proxies[i] = learner->proxies[--learner->proxy_count];
            return;
        }
    }
}

void learner_set_proxy(struct learner *learner, const struct learner_proxy *proxy)
{
    learner_forget_proxy(learner, &proxy->prefix, proxy->length);
    if (learner->proxy_count < LEARNER_PROXIES)
        learner->proxies[learner->proxy_count++] = *proxy;
}

/* The client behind the proxy has the vote. */
static void read_header(const struct learner *learner, struct followed *flow)
{
    struct ip_addr client;

    if (!flow->by_a_proxy || !proxy_client(flow->client.data, stream_bytes(&flow->client), &client))
        return;
    flow->by_a_proxy = false;
    flow->witness.prefix = ballot_prefix(store_ballot_key(learner->store), &client);
}

/* --- flows ----------------------------------------------------------------------------------- */

static void flow_end(struct learner *learner, struct followed *flow, uint64_t wall_us);

static void evict_oldest(struct learner *learner, uint64_t wall_us)
{
    learner->stats.flows_evicted++;
    flow_end(learner, followed_oldest(&learner->flows), wall_us);
}

static struct followed *follow(struct learner *learner, const struct flow_name *name,
                               uint64_t wall_us)
{
    if (followed_full(&learner->flows))
        evict_oldest(learner, wall_us);
    learner->stats.flows++;
    return followed_add(&learner->flows, name);
}

static struct profile *profile_of(struct learner *learner, const struct followed *flow)
{
    return store_add(learner->store, &flow->name.server);
}

/* --- handshake ------------------------------------------------------------------------------- */

/* Another one of its address may have to go for it. */
static struct profile *profile_of_server(struct learner *learner, const struct server_key *server)
{
    struct server_key old;

    if (!store_find(learner->store, server) && expiry_makes_room(learner->store, server, &old)) {
        learner_forget(learner, &old);
        store_forget(learner->store, &old);
    }
    return store_add(learner->store, server);
}

static void on_synack(struct learner *learner, const struct observation *observation,
                      uint64_t wall_us)
{
    const struct observed_handshake *handshake = &observation->handshake;
    const struct flow_name name = followed_name(observation);
    struct profile *profile;
    struct followed *flow;

    if (followed_find(&learner->flows, &name))
        return; /* the server's SYN-ACK once more */
    profile = profile_of_server(learner, &observation->server);
    if (!profile)
        return;
    flow = follow(learner, &name, wall_us);
    flow->handshake = *handshake;
    flow->opened = observation->opened;
    flow->witness.prefix = ballot_prefix(store_ballot_key(learner->store), &observation->client);
    flow->witness.now_s = (uint32_t)(wall_us / SECOND_US);
    flow->witness.attacked = observation->opened;
    flow->by_a_proxy = is_proxy(learner, &observation->client, observation->time_us);
    flow->active_us = observation->time_us;
    if (capabilities_compares(&profile->tcp, handshake->offered)) {
        struct synack_features planned;

        synack_plan(&profile->tcp.model, handshake->offered, &planned);
        flow->synack = profile_compare_synack(&planned, &handshake->granted);
    }
    capabilities_hint(&profile->tcp, handshake->offered, &handshake->granted);
    profile_seen(profile, wall_us);
    store_touch(learner->store);
}

static void establish(struct learner *learner, struct followed *flow, uint64_t wall_us)
{
    struct profile *profile = flow->stage == STAGE_SYNACK ? profile_of(learner, flow) : NULL;

    if (!profile)
        return;
    flow->stage = STAGE_ESTABLISHED;
    flow->established_us = flow->active_us;
    learner->stats.handshakes++;
    profile->handshakes++;
    profile_synack(profile, &flow->witness, &flow->handshake, flow->synack);
    profile_seen(profile, wall_us);
    store_touch(learner->store);
}

/* --- data ------------------------------------------------------------------------------------ */

static uint64_t comparison_vote(enum comparison compared, uint64_t equal, uint64_t unequal)
{
    return compared == EQUAL ? equal : compared == UNEQUAL ? unequal : 0;
}

/* Whoever was served has a voice on what the server said to it. */
static void vote(const struct followed *flow, struct profile *profile)
{
    const uint64_t synack = comparison_vote(flow->synack, VOTE_SYNACK_EQUAL, VOTE_SYNACK_UNEQUAL),
                   words = comparison_vote(flow->greeting, VOTE_WORDS_EQUAL, VOTE_WORDS_UNEQUAL);

    loosening_vote(profile, &flow->witness,
                   (synack ? VOTE_SYNACK_EQUAL | VOTE_SYNACK_UNEQUAL : 0) |
                       (words ? VOTE_WORDS_EQUAL | VOTE_WORDS_UNEQUAL : 0),
                   synack | words);
}

/* By the policy of now, of which this request is no part yet. What we opened was checked. */
static void rehearse(const struct learner *learner, const struct followed *flow)
{
    const struct learner_rehearsal *into = &learner->rehearsal;
    const struct policy *policy;
    struct rehearsed_request request;

    if (!into->rehearsal || flow->opened || !followed_request_done(flow) ||
        flow->request == REQUEST_IGNORED || stream_bytes(&flow->client) == 0)
        return;
    policy = into->policy(into->context);
    request = (struct rehearsed_request){
        .client = &flow->name.client,
        .bytes = flow->client.data,
        .length = stream_bytes(&flow->client),
        .answered = flow->request_bytes,
        .more = stream_bytes(&flow->client) >= STREAM_BYTES,
        .accepted = flow->request == REQUEST_ACCEPTED,
        .wall_s = flow->witness.now_s,
    };
    rehearsal_take(into->rehearsal, &flow->name.server, policy_find(policy, &flow->name.server),
                   &request);
}

/* Each accepted or refused request is counted once. */
static void count_request(struct learner *learner, const struct followed *flow,
                          struct profile *profile)
{
    if (flow->request == REQUEST_ACCEPTED)
        vote(flow, profile);
    learner->stats.requests_accepted += flow->request == REQUEST_ACCEPTED;
    learner->stats.requests_refused += flow->request == REQUEST_REFUSED;
}

static void judge(struct learner *learner, struct followed *flow, bool ended)
{
    struct profile *profile = profile_of(learner, flow);
    const bool counted = followed_request_done(flow);
    enum match late;
    enum match greeting;

    if (!profile)
        return;
    late = learn_late_greeting(flow, profile);
    greeting = learn_greeting(flow, profile, ended);
    if (late == MATCH_MORE || greeting == MATCH_MORE) {
        if (!ended)
            return; /* what may be part of a greeting must not be taken for an answer */
        learn_request_unanswered(flow, profile);
    }
    read_header(learner, flow);
    learn_request(flow, profile, ended);
    if (!counted) {
        count_request(learner, flow, profile);
        rehearse(learner, flow);
    }
    learn_request_keywords(flow, profile, ended);
    if (ended && followed_client_spoke_first(flow))
        followed_voice(flow, profile, VOICE_CLIENT_REFUSED);
    store_touch(learner->store);
    if (followed_decided(flow))
        followed_drop_data(&learner->flows, flow);
}

/* "Pure" ACKs of odd stacks carry a few zero bytes where data is due, not pushed: no data. */
static bool is_padding(const struct observed_data *data)
{
    if (data->push || data->wire_bytes > ACK_PADDING_MAX)
        return false;
    for (uint16_t i = 0; i < data->bytes; i++)
        if (data->data[i] != 0)
            return false;
    return true;
}

static void note_server_data(struct followed *flow, const struct observed_data *data)
{
    const uint32_t end = data->offset + data->wire_bytes;

    if (end < data->offset)
        return;
    if (flow->server_end == 0 && flow->stage == STAGE_ESTABLISHED &&
        flow->active_us - flow->established_us >= GREETS_LATE_US)
        flow->left_waiting = true;
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

/* Did it wait for the server? Only in normal mode: later we are the one that it waits for. */
static void note_first_word(struct learner *learner, struct followed *flow,
                            const struct observed_data *data)
{
    struct profile *profile;

    if (flow->stage != STAGE_ESTABLISHED || flow->opened || data->from != SIDE_CLIENT ||
        data->offset != 0)
        return;
    flow->stage = STAGE_SPOKE;
    profile = profile_of(learner, flow);
    if (!profile)
        return;
    if (data->peer_acked > 0)
        grace_waited(&profile->grace);
    else
        grace_early(&profile->grace, flow->active_us - flow->established_us);
}

static void on_data(struct learner *learner, struct followed *flow,
                    const struct observed_data *data, uint64_t wall_us)
{
    if (data->bytes > OBSERVATION_DATA_BYTES || is_padding(data))
        return;
    if (data->from == SIDE_SERVER && data->peer_acked > 0)
        establish(learner, flow,
                  wall_us); /* the server has the client's ACK, whether we saw it or not */
    note_first_word(learner, flow, data);
    if (followed_decided(flow))
        return;
    if (data->from == SIDE_SERVER)
        note_server_data(flow, data);
    flights_note(&flow->flights, data);
    followed_take_data(&learner->flows, flow, data);
    judge(learner, flow, false);
    while (followed_too_much_data(&learner->flows))
        evict_oldest(learner, wall_us);
}

/* --- end ------------------------------------------------------------------------------------- */

static void flow_end(struct learner *learner, struct followed *flow, uint64_t wall_us)
{
    struct profile *profile;

    if (flow->stage >= STAGE_ESTABLISHED && !followed_decided(flow))
        judge(learner, flow, true);
    profile =
        flow->stage >= STAGE_ESTABLISHED ? store_find(learner->store, &flow->name.server) : NULL;
    if (profile)
        profile_seen(profile, wall_us);
    followed_forget(&learner->flows, flow);
}

/*
 * The engine found the real greeting unequal to the promised one, and resets this connection. One
 * client must not be able to disarm: nothing that was said on it is learned, only its source
 * counts.
 */
static void on_greeting(struct learner *learner, const struct observation *observation)
{
    const struct flow_name name = followed_name(observation);
    struct followed *flow = followed_find(&learner->flows, &name);
    struct profile *profile = store_find(learner->store, &observation->server);
    /* Telnet's, and of services that no file knows, the engine cannot tell. */
    const bool refusal =
        flow && looks_like_refusal(flow->server.data, stream_bytes(&flow->server)) != MATCH_NO;

    if (profile && flow && !observation->greeting.negative && !refusal)
        profile_greeting_drift(profile, &flow->witness, flow->server.data,
                               learn_greeting_heard(flow));
    if (flow) {
        flow->words = WORDS_DONE;
        flow->request = REQUEST_IGNORED;
        followed_drop_data(&learner->flows, flow);
    }
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

/* What another bridge teaches is learned there alone. */
static bool is_taught(const struct learner *learner, const struct server_key *server)
{
    const struct profile *profile = store_find(learner->store, server);

    return profile && store_is_taught(learner->store, profile);
}

/* A server that answers DNS over TCP as well: only then its clients can be told to ask there. */
static void on_query(struct learner *learner, const struct observation *observation,
                     uint64_t wall_us)
{
    const struct server_key key = server_key_over(&observation->server, false);
    const struct profile *tcp = store_find(learner->store, &key);
    struct profile *profile;

    if (!tcp || !(tcp->accepted >> PROTOCOL_DNS & 1))
        return;
    profile = store_add(learner->store, &observation->server);
    if (!profile)
        return;
    profile_query(profile, &observation->query);
    profile_seen(profile, wall_us);
    store_touch(learner->store);
}

void learner_observe(struct learner *learner, const struct observation *observation,
                     uint64_t wall_us)
{
    struct flow_name name;
    struct followed *flow;

    note_attack(learner, observation);
    if (is_taught(learner, &observation->server))
        return;
    if (observation->kind == OBSERVED_SYNACK) {
        on_synack(learner, observation, wall_us);
        return;
    }
    if (observation->kind == OBSERVED_GREETING) {
        on_greeting(learner, observation);
        return;
    }
    if (observation->kind == OBSERVED_QUERY)
        on_query(learner, observation, wall_us);
    if (observation->kind == OBSERVED_QUERY || observation->kind == OBSERVED_TRIGGER)
        return;
    name = followed_name(observation);
    flow = followed_find(&learner->flows, &name);
    if (!flow) {
        learner->stats.flows_without_handshake += observation->kind == OBSERVED_ESTABLISHED;
        return;
    }
    followed_touch(&learner->flows, flow, observation->time_us);
    if (observation->kind == OBSERVED_ESTABLISHED)
        establish(learner, flow, wall_us);
    else if (observation->kind == OBSERVED_DATA)
        on_data(learner, flow, &observation->data, wall_us);
    else if (observation->end.reason == END_UNSEEN)
        followed_forget(&learner->flows,
                        flow); /* that it was answered is not known, nor that not */
    else
        flow_end(learner, flow, wall_us);
}

void learner_tick(struct learner *learner, uint64_t now_us, uint64_t wall_us)
{
    struct followed *flow;

    while ((flow = followed_oldest(&learner->flows)) && flow->active_us + LEARNER_IDLE_US < now_us)
        flow_end(learner, flow, wall_us);
}

void learner_flush(struct learner *learner, uint64_t wall_us)
{
    struct followed *flow;

    while ((flow = followed_oldest(&learner->flows)))
        flow_end(learner, flow, wall_us);
}

void learner_forget(struct learner *learner, const struct server_key *server)
{
    followed_forget_server(&learner->flows, server);
}

void learner_rehearse(struct learner *learner, const struct learner_rehearsal *rehearsal)
{
    learner->rehearsal = *rehearsal;
}

struct learner_stats learner_stats(const struct learner *learner)
{
    return learner->stats;
}
