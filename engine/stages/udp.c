/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp.c - see udp.h. */
#include "engine/stages/udp.h"

#include <string.h>

#include "engine/shard/connection.h"
#include "engine/shard/observe.h"
#include "engine/tables/source_prefix.h"
#include "engine/udp/datagram.h"
#include "engine/udp/dns_message.h"
#include "engine/udp/proved_sources.h"

#define UDP_TAGS         32768u
#define UDP_OWN_TAGS     16384u
#define UDP_LIMITS       16384u
#define UDP_NETWORKS     4096u
#define UDP_SAMPLES      16u
#define SAMPLE_LIFE_US   (2000ull * 1000)
#define OWN_LIFE_MS      5000
#define SAMPLES_A_SECOND 20 /* of all servers that are not armed yet; of an armed one, one */
/* Answers with TC=1 to one source by one server: whoever asks more often is not told so each time.
 * A proved one is, or a forger would cut its own queries off; no answer is longer than its query.
 */
#define TRUNCATED_A_SECOND 200
/* A proved source passes an eighth as often as is usual for all of them, its network as often as is
 * usual, and all together twice that; what is beyond is told to ask over TCP. */
#define DIRECT_LEAST     50
#define DIRECT_ALL_LEAST 500

/* A query whose answer is for the learner. */
struct udp_sample {
    uint64_t hash; /* of the connection; 0: free */
    uint64_t asked_us;
    uint64_t question; /* hash of its bytes */
    struct dns_query query;
};

struct udp {
    struct tag_table asked; /* by (connection, id); and sources that were told to ask over TCP */
    struct tag_table own;   /* by (connection, id): what a server has asked from its own port */
    struct source_limiter truncated;
    struct source_limiter networks; /* of proved sources */
    struct proved_sources proved;
    struct token_bucket sampled;
    struct udp_sample samples[UDP_SAMPLES];
    uint64_t seed[2];
    struct tag tags[UDP_TAGS];
    struct tag own_tags[UDP_OWN_TAGS];
    struct source_bucket limits[UDP_LIMITS];
    struct source_bucket network_limits[UDP_NETWORKS];
    struct proved_source sources[PROVED_SOURCES];
};

/* A datagram on its way. */
struct query {
    struct datagram datagram;
    const uint8_t *message;
    uint32_t bytes;
    struct server_key key;
    struct server *server; /* NULL: not known as one that is asked over UDP */
    uint64_t hash;
};

size_t udp_bytes(void)
{
    return sizeof(struct udp);
}

struct udp *udp_init(void *memory, const uint64_t seed[2])
{
    struct udp *udp = memory;

    memcpy(udp->seed, seed, sizeof(udp->seed));
    tag_table_init(&udp->asked, udp->tags, UDP_TAGS, RATE_WINDOW_US / 1000);
    tag_table_init(&udp->own, udp->own_tags, UDP_OWN_TAGS, OWN_LIFE_MS);
    source_limiter_init(&udp->truncated, udp->limits, UDP_LIMITS, seed);
    source_limiter_init(&udp->networks, udp->network_limits, UDP_NETWORKS, seed);
    udp->proved = (struct proved_sources){.slots = udp->sources, .seed = {seed[0], seed[1]}};
    return udp;
}

static uint32_t larger(uint32_t one, uint32_t other)
{
    return one > other ? one : other;
}

/* --- who is asked ---------------------------------------------------------------------------- */

static bool is_protected(const struct server *server)
{
    return server->mode == MODE_ATTACK && server->policy && server->policy->armed;
}

static struct server *over_tcp(struct engine *engine, const struct server_key *key)
{
    const struct server_key tcp = server_key_over(key, false);

    return server_find(&engine->servers, &tcp);
}

/* Whose address and port the server side's end has: true where somebody may be asked there. */
static bool find_server(struct engine *engine, const struct passage *passage, struct query *query)
{
    const struct frame *frame = &passage->frame;
    const bool client = passage->from == SIDE_CLIENT;
    struct server_key key = {.addr = client ? frame_dst(frame) : frame_src(frame),
                             .vlan = frame->vlan,
                             .port = client ? query->datagram.dst_port : query->datagram.src_port};

    query->key = server_key_over(&key, true);
    query->server = server_find(&engine->servers, &query->key);
    return query->server || udp_needs_connections(over_tcp(engine, &query->key));
}

static bool is_known_over(struct engine *engine, const struct query *query, struct vlan_ids vlan,
                          bool *is_attacked)
{
    struct server_key key = query->key;
    const struct server *server;

    key.vlan = vlan;
    key = server_key_over(&key, true);
    server = server_find(&engine->servers, &key);
    *is_attacked = server && is_protected(server);
    return server;
}

/* Of a datagram to nobody that is known in its VLAN: somebody who strips outer tags may take it to
 * one that is attacked (unread.h says the same of TCP). */
static bool attacked_behind_tags(struct engine *engine, const struct passage *passage,
                                 const struct query *query)
{
    const struct vlan_ids *vlan = &passage->frame.vlan;
    bool is_attacked;

    if (passage->from != SIDE_CLIENT || !engine->servers.attacked || !vlan->id[0])
        return false;
    if (vlan->id[1] &&
        is_known_over(engine, query, (struct vlan_ids){{vlan->id[1], 0}}, &is_attacked))
        return is_attacked;
    is_known_over(engine, query, (struct vlan_ids){{0, 0}}, &is_attacked);
    return is_attacked;
}

static uint64_t hash_of(const struct engine *engine, const struct passage *passage,
                        const struct datagram *datagram)
{
    struct flow_key key;

    frame_flow_key_at(&passage->frame, passage->from, datagram->l4, &key);
    return engine_hash(engine, &key);
}

/* --- normal mode ----------------------------------------------------------------------------- */

static struct udp_sample *sample_of(struct udp *udp, uint64_t hash)
{
    return &udp->samples[hash % UDP_SAMPLES];
}

static uint64_t question_hash(const struct udp *udp, const uint8_t *message, uint16_t bytes)
{
    return table_hash(udp->seed, message + DNS_HEADER_BYTES, bytes);
}

/* Of a server that is known well enough there is little to learn: it is not to take what belongs to
 * the others. */
static bool may_sample(struct engine *engine, struct server *server, uint64_t now_us)
{
    if (server && server->policy && server->policy->armed)
        return token_take(&server->observed, 1, 1, now_us);
    return token_take(&engine->udp->sampled, SAMPLES_A_SECOND, SAMPLES_A_SECOND, now_us);
}

static void sample_query(struct engine *engine, const struct query *query, uint64_t now_us)
{
    struct udp_sample *sample = sample_of(engine->udp, query->hash);
    struct dns_query read;

    if ((sample->hash && now_us - sample->asked_us < SAMPLE_LIFE_US) ||
        dns_read_query(query->message, query->bytes, &read) != DNS_ASKED ||
        !may_sample(engine, query->server, now_us))
        return;
    *sample = (struct udp_sample){
        .hash = query->hash,
        .asked_us = now_us,
        .question = question_hash(engine->udp, query->message, read.question_bytes),
        .query = read};
}

static void sample_answer(struct engine *engine, const struct query *query, uint64_t now_us)
{
    struct udp_sample *sample = sample_of(engine->udp, query->hash);
    const struct dns_query *asked = &sample->query;
    struct dns_answer answer;
    struct observed_query seen;

    if (sample->hash != query->hash || asked->id != load_be16(query->message))
        return;
    sample->hash = 0;
    if (!dns_read_answer(query->message, query->bytes, &answer))
        return;
    seen = (struct observed_query){
        .question_same =
            answer.question_bytes == asked->question_bytes &&
            question_hash(engine->udp, query->message, answer.question_bytes) == sample->question,
        .asked_edns = asked->edns.there,
        .answered_edns = answer.edns.there,
        .asked_dnssec_ok = asked->edns.dnssec_ok,
        .answered_dnssec_ok = answer.edns.dnssec_ok,
        .udp_bytes = answer.edns.udp_bytes};
    memcpy(seen.asked, asked->flags, sizeof(seen.asked));
    memcpy(seen.answered, answer.flags, sizeof(seen.answered));
    observe_query(engine, query->server, &seen, now_us);
}

static void query_in_calm(struct engine *engine, const struct query *query, uint64_t now_us)
{
    struct server *server = query->server;
    const bool first =
        tag_put_first(&engine->udp->asked, query->hash, load_be16(query->message), now_us);

    if (!server || server->mode == MODE_NORMAL)
        sample_query(engine, query, now_us);
    if (!server)
        return;
    trigger_syn(&server->counts, server->mode == MODE_ATTACK, now_us);
    if (first && server->mode == MODE_NORMAL)
        rate_add(&server->counts.unanswered, now_us);
    engine_check_triggers(engine, server, now_us);
}

/* What the server says to a query that was seen. It is known from then on. */
static void answer_passes(struct engine *engine, struct query *query, uint64_t now_us)
{
    const uint16_t id = load_be16(query->message);
    const struct trigger_tag at = {&engine->udp->asked, query->hash, id};
    const bool calm = !query->server || query->server->mode == MODE_NORMAL;
    struct server *server;

    if (calm && query->server ? !trigger_answered(&query->server->counts, at, now_us)
                              : tag_take(at.table, at.hash, at.x, now_us) < 0)
        return;
    server = query->server ? query->server : server_add(&engine->servers, &query->key, now_us);
    if (!server)
        return;
    query->server = server;
    engine_server_answered(engine, server, now_us);
    trigger_query_answered(&server->counts, (query->message[3] & DNS_RCODE) == DNS_NO_SUCH_NAME,
                           now_us);
    if (calm)
        sample_answer(engine, query, now_us);
    engine_check_triggers(engine, server, now_us);
}

/* --- attack mode ----------------------------------------------------------------------------- */

static uint32_t number_of(const struct engine *engine, const struct server *server)
{
    return (uint32_t)(server - engine->servers.slots);
}

static uint64_t tag_of_source(const struct engine *engine, const struct server *server,
                              const struct ip_addr *client)
{
    return proved_source_tag(&engine->udp->proved, client, number_of(engine, server));
}

static struct ip_addr network_of(const struct ip_addr *client)
{
    return prefix_cut(client, prefix_neighbour_bits(client));
}

/* Its own address, as often as is usual. Whoever has many of them takes only what his network has.
 */
static bool has_tokens(struct engine *engine, struct server *server, const struct ip_addr *client,
                       struct proved_source *proved, uint64_t now_us)
{
    const uint32_t usual = trigger_usual_queries(&server->counts) / 2; /* of a second */
    const uint32_t one = larger(usual / 8, limit_share(engine, DIRECT_LEAST));
    const uint32_t all = larger(2 * usual, limit_share(engine, DIRECT_ALL_LEAST));
    const uint32_t neighbours = larger(all / 2, one);
    const struct ip_addr network = network_of(client);

    return token_take(&proved->direct, one, one, now_us) &&
           source_limiter_take(&engine->udp->networks, &network, number_of(engine, server),
                               neighbours, neighbours, now_us) &&
           token_take(&server->openings, all, all, now_us);
}

/* A super-frame would be many queries for one token; no TAP of ours brings any. */
static bool passes_directly(struct engine *engine, const struct passage *passage,
                            const struct query *query, struct proved_source *proved)
{
    const struct ip_addr client = frame_src(&passage->frame);

    return proved && !frame_is_super(&passage->frame) &&
           has_tokens(engine, query->server, &client, proved, passage->now_us);
}

static void pass_directly(struct engine *engine, const struct query *query, uint64_t now_us)
{
    engine->counters.queries_passed++;
    query->server->figures.passed++;
    if (dns_is_query(query->message, query->bytes))
        tag_put_first(&engine->udp->asked, query->hash, load_be16(query->message), now_us);
}

/* That it was told so is noted until it comes over TCP: those who never do are the attack. Where
 * there are several bridges it may come by another. */
static void answer_truncated(struct engine *engine, struct passage *passage,
                             const struct query *query, const struct dns_query *asked,
                             uint64_t source)
{
    struct server *server = query->server;
    const uint32_t bytes = dns_truncate(datagram_payload(&passage->frame, &query->datagram), asked,
                                        &server->policy->echo);

    passage->verdict->action = VERDICT_REPLY;
    passage->verdict->bytes =
        OFFLOAD_BYTES + datagram_turn(&passage->frame, &query->datagram, bytes);
    engine->counters.queries_truncated++;
    server->figures.truncated++;
    if (engine->servers.bridges == 1 &&
        tag_put_first(&engine->udp->asked, source, 0, passage->now_us))
        rate_add(&server->counts.unanswered, passage->now_us);
}

static enum drop_reason why_dropped(struct engine *engine, const struct passage *passage,
                                    const struct query *query, bool is_proved,
                                    struct dns_query *asked)
{
    const struct ip_addr client = frame_src(&passage->frame);
    const uint32_t limit = limit_share(engine, TRUNCATED_A_SECOND);

    if (!query->datagram.bare || !query->datagram.src_port ||
        dns_read_query(query->message, query->bytes, asked) != DNS_ASKED)
        return DROP_query_odd;
    if (!is_proved &&
        !source_limiter_take(&engine->udp->truncated, &client, number_of(engine, query->server),
                             limit, limit, passage->now_us))
        return DROP_query_limit;
    return DROP_REASONS_COUNT;
}

static void refuse_query(struct engine *engine, const struct passage *passage,
                         const struct query *query, enum drop_reason reason)
{
    figures_refuse(&query->server->figures, reason);
    verdict_drop(engine, passage->verdict, reason);
}

/* Judgement is of connections, and of addresses that are no forgery. */
static enum source_state word_of_operator(const struct engine *engine, const struct ip_addr *client,
                                          uint64_t now_us)
{
    enum source_by by;
    const enum source_state state =
        source_state(&engine->sources, &(struct source_id){.addr = *client}, &by, now_us);

    return by == SOURCE_BY_OPERATOR ? state : SOURCE_CLEAR;
}

static void judge_query(struct engine *engine, struct passage *passage, const struct query *query)
{
    const uint64_t now_us = passage->now_us;
    const struct ip_addr client = frame_src(&passage->frame);
    const uint64_t source = tag_of_source(engine, query->server, &client);
    const enum source_state word = word_of_operator(engine, &client, now_us);
    struct proved_source *proved = proved_source_find(&engine->udp->proved, source, now_us);
    struct dns_query asked;
    enum drop_reason reason;

    if (word == SOURCE_ASIDE) {
        refuse_query(engine, passage, query, DROP_aside);
        return;
    }
    if (word == SOURCE_ALLOWED || passes_directly(engine, passage, query, proved)) {
        pass_directly(engine, query, now_us);
        return;
    }
    reason = why_dropped(engine, passage, query, proved, &asked);
    if (reason == DROP_REASONS_COUNT)
        answer_truncated(engine, passage, query, &asked, source);
    else
        refuse_query(engine, passage, query, reason);
}

static void query_under_attack(struct engine *engine, struct passage *passage,
                               const struct query *query)
{
    engine->counters.queries_asked++;
    trigger_syn(&query->server->counts, true, passage->now_us);
    if (!frame_ends_good(&passage->frame))
        passage_drop(engine, passage, DROP_bad_segment);
    else if (!datagram_checksum_good(&passage->frame, &query->datagram))
        passage_drop(engine, passage, DROP_bad_checksum);
    else
        judge_query(engine, passage, query);
    engine_check_triggers(engine, query->server, passage->now_us);
}

/* --- who has proved itself ------------------------------------------------------------------- */

/* NULL where that is known, or nobody is asked over UDP there. */
static struct proved_source *note_proved(struct engine *engine, const struct server_key *tcp,
                                         const struct ip_addr *client, uint64_t now_us)
{
    const struct server_key key = server_key_over(tcp, true);
    struct server *server = server_find(&engine->servers, &key);
    struct ip_addr network;
    uint64_t source;

    if (!server)
        return NULL;
    source = tag_of_source(engine, server, client);
    if (server->mode == MODE_ATTACK)
        trigger_answered(&server->counts, (struct trigger_tag){&engine->udp->asked, source, 0},
                         now_us);
    network = network_of(client);
    return proved_source_put(&engine->udp->proved, source,
                             addr_hash(engine->udp->proved.seed, &network), now_us);
}

void udp_set_proved(struct engine *engine, const struct server_key *tcp,
                    const struct ip_addr *client, uint64_t now_us)
{
    note_proved(engine, tcp, client, now_us);
}

void udp_proved(struct engine *engine, const struct server *tcp, const struct ip_addr *client,
                uint64_t now_us)
{
    struct proved_source *proved =
        udp_needs_connections(tcp) ? note_proved(engine, &tcp->key, client, now_us) : NULL;

    if (!proved)
        return;
    proved->untold = engine->servers.shards > 1 && !observe_proved(engine, tcp, client, now_us);
    engine->counters.queries_proved += !proved->untold;
}

void udp_asked_over_tcp(struct engine *engine, const struct server *tcp,
                        const struct passage *passage)
{
    const struct frame *frame = &passage->frame;

    if (udp_needs_connections(tcp) &&
        policy_check_request(tcp->policy, frame_payload(frame), frame->payload_present) ==
            MATCH_YES &&
        frame_checksum_good(frame))
        udp_proved(engine, tcp, &passage->key.client, passage->now_us);
}

/* --- the way of a frame ---------------------------------------------------------------------- */

/* Without its first fragment no host has any use for the others. */
static bool fragment_frame(struct engine *engine, struct passage *passage,
                           const struct query *query)
{
    if (passage->from != SIDE_CLIENT || !query->server || !is_protected(query->server))
        return false;
    passage_drop(engine, passage, DROP_fragment);
    return true;
}

/* To a query of the server's own, or a NOTIFY, from the port that it serves at. */
static bool answers_server(struct engine *engine, const struct passage *passage,
                           const struct query *query)
{
    return dns_is_answer(query->message, query->bytes) && frame_ends_good(&passage->frame) &&
           datagram_checksum_good(&passage->frame, &query->datagram) &&
           tag_take(&engine->udp->own, query->hash, load_be16(query->message), passage->now_us) >=
               0;
}

static bool client_datagram(struct engine *engine, struct passage *passage, struct query *query)
{
    struct server *server = query->server;

    if (server) {
        figures_frame(&server->figures, true, passage->frame.bytes);
        server->figures.queries++;
        if (is_protected(server)) {
            if (answers_server(engine, passage, query))
                return false;
            query_under_attack(engine, passage, query);
            return true;
        }
    }
    if (dns_is_query(query->message, query->bytes))
        query_in_calm(engine, query, passage->now_us);
    return false;
}

static void server_datagram(struct engine *engine, const struct passage *passage,
                            struct query *query)
{
    if (query->server)
        figures_frame(&query->server->figures, false, passage->frame.bytes);
    if (dns_is_answer(query->message, query->bytes))
        answer_passes(engine, query, passage->now_us);
    else if (query->server && dns_is_query(query->message, query->bytes))
        tag_put_first(&engine->udp->own, query->hash, load_be16(query->message), passage->now_us);
}

bool udp_frame(struct engine *engine, struct passage *passage)
{
    struct query query;

    if (!engine->servers.count || !datagram_read(&passage->frame, &query.datagram))
        return false;
    if (!find_server(engine, passage, &query)) {
        if (!attacked_behind_tags(engine, passage, &query))
            return false;
        passage_drop(engine, passage, DROP_unreadable);
        return true;
    }
    if (query.datagram.kind == DATAGRAM_FRAGMENT)
        return fragment_frame(engine, passage, &query);
    query.message = datagram_payload(&passage->frame, &query.datagram);
    query.bytes = query.datagram.payload_bytes;
    query.hash = hash_of(engine, passage, &query.datagram);
    if (passage->from == SIDE_CLIENT)
        return client_datagram(engine, passage, &query);
    server_datagram(engine, passage, &query);
    return false;
}
