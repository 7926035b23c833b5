/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stray.c - see stray.h.
 */
#include "engine/stages/stray.h"

#include "engine/shard/connection.h"
#include "engine/stages/answering.h"
#include "engine/tcp/cookie.h"

#define STRAYS_PER_SECOND                                                                          \
    100 /* to each server, and to all: who floods one takes nothing from others */
#define STRAYS_OF_ALL 1000
/* SYNs on connections that are there: to each server, and how far apart of one connection */
#define LIVE_SYNS_PER_SECOND 100
#define LIVE_SYN_APART_MS    1000
#define LIVE_SYN             0x53594eu /* its tags: untracked segments of a connection have 0 */
#define WITHDRAWN            0x574944u /* and those of openings: beside the client's ISN */
#define STRAY_RST_AFTER_MS   3000
/* How long a client repeats the beginning of what it says: 1, 2, 4, 8, 16 and 32 s (RFC 6298 5.5).
 */
#define STRAY_OURS_US (63ull * 1000 * 1000)

/*
 * True where the segment is the rest of a request whose beginning was lost, and with it the
 * handshake's ACK: it echoes a SYN-ACK or greeting of ours (RFC 7323 3.2), or lies within the first
 * window behind a SYN that we answered. The server would reset what it has never heard of.
 */
static bool stray_is_ours(const struct engine *engine, const struct passage *passage)
{
    const uint64_t skew_us = engine->config.share.on ? COOKIE_SKEW_US : 0;
    uint32_t behind_syn = tag_passed(&engine->asked, passage->hash, passage->frame.seq,
                                     STRAY_OURS_US / 1000, passage->now_us);

    if (behind_syn > 1 && behind_syn <= UINT16_MAX)
        return true;
    return (passage->options.present & OPTION_TIMESTAMPS) &&
           cookie_tsecr_is_ours(&engine->config.keys, &passage->key, passage->options.tsecr,
                                STRAY_OURS_US + 2 * skew_us,
                                cookie_time(engine, passage->now_us) + skew_us);
}

/* What a promised slot was reset at (kept.c), and a keepalive below it. */
static bool was_kept(const struct engine *engine, const struct passage *passage)
{
    const struct frame *frame = &passage->frame;

    return served_lately(&engine->served, passage->hash, frame->seq, passage->now_us) ||
           (frame->payload_bytes <= 1 &&
            served_lately(&engine->served, passage->hash, frame->seq + 1, passage->now_us));
}

/* True if one more may pass to this server. */
static bool stray_may_pass(struct engine *engine, struct server *server, uint64_t now_us)
{
    const uint32_t limit = limit_share(engine, STRAYS_PER_SECOND);
    const uint32_t of_all = limit_share(engine, STRAYS_OF_ALL);

    return token_take(&server->strays, limit, limit, now_us) &&
           token_take(&engine->strays, of_all, of_all, now_us);
}

/* The kernel drops them until one may pass again. */
static void tell_next_stray(const struct engine *engine, struct server *server)
{
    const uint32_t limit = limit_share(engine, STRAYS_PER_SECOND);
    const uint32_t of_all = limit_share(engine, STRAYS_OF_ALL);
    const uint64_t of_server_us = token_next_us(&server->strays, limit, limit);
    const uint64_t of_all_us = token_next_us(&engine->strays, of_all, of_all);

    answering_no_strays(server, of_server_us > of_all_us ? of_server_us : of_all_us);
}

void stray_segment(struct engine *engine, struct passage *passage, struct server *server)
{
    bool ends = proof_lately(&engine->proofs, passage->hash, (uint32_t)(passage->now_us / 1000));

    if ((passage->frame.flags & (TCP_ACK | TCP_RST)) == TCP_ACK && was_kept(engine, passage)) {
        passage_reset(engine, passage, DROP_stray);
        return;
    }
    engine->counters.cookies_rejected++;
    /* A reordered first flight: its beginning is on the way, the client will repeat this. */
    ends = ends || !stray_may_pass(engine, server, passage->now_us);
    if (server->record)
        tell_next_stray(engine, server);
    if (ends || stray_is_ours(engine, passage)) {
        passage_drop(engine, passage, DROP_bad_cookie);
        return;
    }
    tag_put_first(&engine->stray, passage->hash, 0, passage->now_us);
    passage_forward(passage);
}

/* The table forgets early under load, which is why the server has a limit of its own. */
bool stray_syn_passes(struct engine *engine, const struct passage *passage, struct server *server)
{
    const uint32_t limit = limit_share(engine, LIVE_SYNS_PER_SECOND);
    int64_t age_ms = tag_age_ms(&engine->stray, passage->hash, LIVE_SYN, passage->now_us);

    if ((age_ms >= 0 && age_ms < LIVE_SYN_APART_MS) ||
        !token_take(&server->live_syns, limit, limit, passage->now_us))
        return false;
    tag_take(&engine->stray, passage->hash, LIVE_SYN, passage->now_us);
    tag_put_first(&engine->stray, passage->hash, LIVE_SYN, passage->now_us);
    return true;
}

void stray_note_syn(struct engine *engine, const struct passage *passage)
{
    tag_put_first(&engine->stray, passage->hash, LIVE_SYN, passage->now_us);
}

bool stray_syn_passed(const struct engine *engine, const struct passage *passage)
{
    return tag_age_ms(&engine->stray, passage->hash, LIVE_SYN, passage->now_us) >= 0;
}

void stray_withdrawn(struct engine *engine, const struct flow *flow, uint32_t x)
{
    tag_put_first(&engine->stray, engine_hash(engine, &flow->key), WITHDRAWN + x, engine->now_us);
}

bool stray_synack(struct engine *engine, struct passage *passage)
{
    const struct frame *frame = &passage->frame;
    const struct server_key key = flow_key_server(&passage->key);
    struct server *server;

    if ((frame->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != (TCP_SYN | TCP_ACK) ||
        tag_age_ms(&engine->stray, passage->hash, WITHDRAWN + frame->ack - 1, passage->now_us) <
            0 ||
        !frame_checksum_good(frame))
        return false;
    server = server_find(&engine->servers, &key);
    if (server)
        engine_server_answered(engine, server, passage->now_us);
    passage_reset(engine, passage, DROP_stray);
    return true;
}

void stray_reset(struct engine *engine, struct passage *passage)
{
    int64_t age_ms = tag_age_ms(&engine->stray, passage->hash, 0, passage->now_us);

    if (age_ms >= 0 && age_ms < STRAY_RST_AFTER_MS)
        passage_drop(engine, passage, DROP_swallowed);
    else
        passage_forward(passage);
}
