/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syn.c - see syn.h.
 */
#include "engine/stages/syn.h"

#include "engine/base/bytes.h"
#include "engine/stages/speak.h"
#include "engine/shard/connection.h"
#include "engine/tables/source_prefix.h"

#include <string.h>

/* Each server: it costs the server a signature to look at, and leaves nothing there */
#define AUTHENTICATED_PER_SECOND 100
#define DOUBTED_PER_SECOND       10
#define LIMIT_SCOPE_DOUBT        0x10000000u /* or'ed with the server's index */
#define LIMIT_SCOPE_PASSED       0x00400000u
#define PASSED_NOTED_US          (60ull * 1000 * 1000)

/* All but its numbers. */
static void remember(struct resend_entry *entry, const struct passage *passage,
                     const struct promise *promise, const struct cookie_options *client,
                     uint8_t offered)
{
    entry->tsecr = passage->options.tsval;
    entry->generation = promise->generation;
    entry->offered = offered & 0x3fu;
    entry->client = *client;
    link_header_reverse(&passage->frame, &entry->link);
}

void synack_remember(struct engine *engine, const struct passage *passage,
                     const struct promise *promise, const struct cookie_options *client, uint32_t c,
                     uint8_t offered)
{
    struct resend_entry *entry = resend_add(engine->synacks, &passage->key, 0, passage->now_us);

    if (!entry) /* its client has its own timeout */
        return;
    remember(entry, passage, promise, client, offered);
    entry->seq = c;
    entry->ack = passage->frame.seq + 1;
}

/* The least that a client has offered which was granted this. */
static uint8_t offer_of_granted(const struct cookie_options *client, bool timestamps)
{
    return (uint8_t)(OFFER_MSS | (client->sack ? OFFER_SACK : 0) |
                     (timestamps ? OFFER_TIMESTAMPS : 0) |
                     (client->window_scale != WSCALE_NONE ? OFFER_WSCALE : 0) |
                     (client->ecn ? OFFER_ECN : 0));
}

bool synack_ask_again(struct engine *engine, const struct passage *passage,
                      const struct proof *proof)
{
    const struct cookie_options client = proof_client(passage, proof);
    const uint8_t offered = offer_of_granted(&client, proof->timestamps);
    struct resend_entry *entry = resend_find(engine->synacks, &passage->key);

    if (entry && entry->ack == proof->x + 1) {
        resend_prove(engine->synacks, entry);
        return true;
    }
    entry = resend_add_proved(engine->synacks, &passage->key, passage->now_us);
    if (!entry)
        return false;
    remember(entry, passage, proof->promise, &client, offered);
    entry->seq = proof->c;
    entry->ack = proof->x + 1;
    return true;
}

void speak_synack(struct engine *engine, const struct synack_said *said, uint64_t now_us,
                  struct segment *segment, uint8_t options[TCP_OPTIONS_MAX])
{
    const struct synack_answer *answer = said->answer;

    memcpy(options, answer->options, TCP_OPTIONS_MAX);
    if (answer->timestamps_at) {
        store_be32(options + answer->timestamps_at,
                   cookie_tsval(&engine->config.keys, said->key, said->client,
                                cookie_time(engine, now_us)));
        store_be32(options + answer->timestamps_at + 4, said->tsecr);
    }
    speak_for(engine, said->promise, said->key, segment);
    kept_answer_say(answer, segment);
    segment->options = options;
}

/*
 * The SYN-ACK that the server would give, with a cookie for its ISN (RFC 4987 3.6). Data on the SYN
 * is not acknowledged, as by a server that does not know the Fast Open cookie (RFC 7413 3): the
 * client sends it again. Plain SYNs do not come here, but must get the same (fast/syn.h).
 */
static void answer_syn(struct engine *engine, struct passage *passage, struct server *server)
{
    const struct frame *frame = &passage->frame;
    const struct promise *promise = server_promise_now(engine, server, frame->ip_version == 4);
    uint8_t offered = (uint8_t)(synack_offer_of(&passage->options, frame->flags) & ~OFFER_SIGNED);
    const struct synack_answer *answer = &server_synack(engine, server, promise, offered)->answer;
    uint8_t options[TCP_OPTIONS_MAX];
    struct cookie_options client;
    struct synack_said said;
    struct segment segment;
    uint32_t c;

    client = synack_granted(passage->options.mss, passage->options.wscale,
                            passage->frame.ip_version == 4, &answer->features);
    c = cookie_make_kept(&server->cookies[server->policy ? PROMISE_NOW : PROMISE_DEFAULT],
                         &engine->config.keys, &passage->key, frame->seq, promise->generation,
                         &client, cookie_time(engine, passage->now_us));
    said = (struct synack_said){&passage->key, promise, answer, &client, passage->options.tsval};
    speak_synack(engine, &said, passage->now_us, &segment, options);
    segment.seq = c;
    segment.ack = frame->seq + 1;
    segment.ip_id = server_ip_id(server, promise, passage->key.client_port, passage->now_us);
    if (!server->policy)
        server->unprofiled_us = passage->now_us ? passage->now_us : 1;
    if (opening_waits_for_ack(server))
        synack_remember(engine, passage, promise, &client, c, offered);
    passage_answer(engine, passage, &segment);
    engine->counters.cookies_sent++;
    server->figures.cookies_sent++;
}

/*
 * rule 4: True of a SYN that is signed as this server signs: TCP-MD5 (RFC 2385 2.0) or TCP-AO (RFC
 * 5925 5.1). Who signs refuses what is signed wrongly, so it may pass: nobody gets an answer
 * without the key. Hosts that do not know the option answer as if it was not there (RFC 9293 3.1):
 * for these we do the same.
 */
static bool signed_for(const struct server *server, const struct tcp_options *options)
{
    uint8_t by = options->present & OPTION_AUTHENTICATED;

    return by && server->policy && !(by & ~server->policy->signs);
}

/* Nobody but its server can answer it, and offsets would break what is signed with it. */
static void pass_authenticated(struct engine *engine, struct passage *passage,
                               struct server *server)
{
    const uint32_t limit = limit_share(engine, AUTHENTICATED_PER_SECOND);

    if (token_take(&server->authenticated, limit, limit, passage->now_us))
        passage_forward(passage);
    else
        passage_drop(engine, passage, DROP_open_limit);
}

static struct ip_addr network_of(const struct ip_addr *client)
{
    return prefix_masked(client, prefix_neighbour_bits(client));
}

static uint32_t scope_at(const struct engine *engine, const struct server *server, uint32_t scope)
{
    return scope | (uint32_t)(server - engine->servers.slots);
}

static bool is_first_of_network(struct engine *engine, const struct passage *passage,
                                const struct server *server)
{
    const struct ip_addr network = network_of(&passage->key.client);

    return source_limiter_take(&engine->limits, &network,
                               scope_at(engine, server, LIMIT_SCOPE_DOUBT), 1, 1, passage->now_us);
}

/* The server may not answer its SYN, which is passed on now. */
static void note_passed(struct engine *engine, struct server *server, const struct ip_addr *network,
                        uint64_t now_us)
{
    server->passed_noted_us = now_us + PASSED_NOTED_US;
    source_limiter_note(&engine->limits, network, scope_at(engine, server, LIMIT_SCOPE_PASSED),
                        server->passed_noted_us, now_us);
}

void syn_heard(struct engine *engine, const struct server *server, const struct ip_addr *client,
               uint64_t now_us)
{
    const struct ip_addr network = network_of(client);

    if (now_us < server->passed_noted_us)
        source_limiter_note(&engine->limits, &network, scope_at(engine, server, LIMIT_SCOPE_PASSED),
                            0, now_us);
}

/*
 * Whom a filter of the server's has banned could use up all that may prove us wrong, by SYNs that
 * it never answers. So as much again is there for networks that have had none of it within a
 * second, and half of what may be saved up of that for those of which it has left none unanswered
 * within a minute: who is banned comes again, and a stranger comes once. Nothing is noted of SYNs
 * that have none: their addresses may be made up.
 */
static bool is_of_who_had_none(struct engine *engine, const struct passage *passage,
                               struct server *server)
{
    const uint32_t limit = limit_share(engine, DOUBTED_PER_SECOND);
    const struct ip_addr network = network_of(&passage->key.client);
    const bool again =
        passage->now_us < server->passed_noted_us &&
        source_limiter_is_noted(&engine->limits, &network,
                                scope_at(engine, server, LIMIT_SCOPE_PASSED), passage->now_us);
    const uint32_t burst = again ? limit / 2 : limit;

    if (token_next_us(&server->unheard, limit, burst) > passage->now_us ||
        !is_first_of_network(engine, passage, server) ||
        !token_take(&server->unheard, limit, limit, passage->now_us))
        return false;
    note_passed(engine, server, &network, passage->now_us);
    return true;
}

/* One of the few that anybody may have. */
static bool is_of_the_few(struct engine *engine, const struct passage *passage,
                          struct server *server, struct token_bucket *bucket, uint32_t limit)
{
    if (!token_take(bucket, limit, limit, passage->now_us))
        return false;
    is_first_of_network(engine, passage, server); /* that is noted */
    return true;
}

/*
 * Nobody listens, or so it seems: the client gets the RST that the server would send (RFC
 * 9293 3.10.7.1). A few SYNs are passed on all the same, so that a server whose word proves us
 * wrong (it has just begun to listen; its host redirects the port) has it.
 */
static void refuse(struct engine *engine, struct passage *passage, struct server *server)
{
    const uint32_t limit = limit_share(engine, DOUBTED_PER_SECOND);

    if (is_of_the_few(engine, passage, server, &server->doubted_syns, limit) ||
        is_of_who_had_none(engine, passage, server))
        passage_forward(passage);
    else
        passage_reset_by(engine, passage, server, DROP_unlistened);
}

/*
 * What is silent may be a host that is gone, whose clients run into their timeouts, or a server
 * whose accept queue is full, which serves one from time to time. One SYN a second asks the server
 * itself, whose answer ends the doubt.
 */
static bool leave_unanswered(struct engine *engine, struct passage *passage, struct server *server)
{
    const uint32_t limit = limit_share(engine, DOUBTED_PER_SECOND);

    if (!is_of_the_few(engine, passage, server, &server->silent_syns, 1)) {
        if (is_of_the_few(engine, passage, server, &server->doubted_syns, limit))
            return false;
        if (!is_of_who_had_none(engine, passage, server)) {
            passage_drop(engine, passage, DROP_silent);
            return true;
        }
    }
    passage_forward(passage);
    return true;
}

/* As the server would meet the client; false: as if there were no doubt. */
static bool __attribute__((noinline))
meet_doubted(struct engine *engine, struct passage *passage, struct server *server)
{
    switch (server_meets(&engine->servers, server, &passage->key.client, passage->now_us)) {
    case DOUBT_REFUSES:
        refuse(engine, passage, server);
        return true;
    case DOUBT_SILENT:
        return leave_unanswered(engine, passage, server);
    case DOUBT_NONE:
        break;
    }
    return false;
}

void admit_syn(struct engine *engine, struct passage *passage, struct server *server)
{
    engine->counters.cookies_syn++;
    server->figures.syns++;
    if ((passage->frame.flags & (TCP_FIN | TCP_RST)) || !frame_ends_good(&passage->frame)) {
        passage_drop(engine, passage, DROP_bad_segment);
        return;
    }
    if (signed_for(server, &passage->options)) {
        pass_authenticated(engine, passage, server);
        return;
    }
    if (server->doubted && meet_doubted(engine, passage, server))
        return;
    if (server_refuses_new(server)) {
        passage_drop(engine, passage, DROP_unknown_server);
        return;
    }
    trigger_syn(&server->counts, true, passage->now_us);
    trigger_asked(&server->counts,
                  (struct trigger_tag){&engine->asked, passage->hash, passage->frame.seq},
                  passage->now_us);
    engine_check_triggers(engine, server, passage->now_us);
    answer_syn(engine, passage, server);
}
