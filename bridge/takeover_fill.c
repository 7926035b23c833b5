/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover_fill.c - see takeover.h.
 *
 *      takeover_fill()      gives each worker its part of what takeover.c has read
 *      takeover_mark()      until they run: whose frames are not to pass by themselves
 *      takeover_follow()    how far the kernel has carried meanwhile what was taken over
 */
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/bpf/steering.h"
#include "bridge/takeover_parts.h"
#include "engine/tcp/joined.h"

/* --- connections, as they are by now ---------------------------------------------------------- */

/* Of a version whose rows cannot be read: its key, and `edited`. */
static struct handed_flow lost_flow_at(const struct takeover *takeover, uint32_t i)
{
    const uint8_t *at = takeover->bytes + sizeof(takeover->prefix);
    struct handed_flow flow = {0};

    memcpy(&flow, at + (size_t)i * takeover->prefix.flow_bytes, TAKEOVER_FLOW_LEAST);
    return flow;
}

/* As it is by now. */
static struct handed_flow flow_at(const struct takeover *takeover, uint32_t i)
{
    struct handed_flow flow;

    takeover_read_row(&takeover->parts[TAKEOVER_FLOWS], i, &flow);
    if (flow.record)
        takeover_records_look(&takeover->records, flow.record - 1, &flow);
    return flow;
}

/* --- into a worker's engine ------------------------------------------------------------------ */

/* Counts and tags are of a share of what was there: another number of workers has other shares. */
static bool same_shards(const struct takeover *takeover, uint32_t count)
{
    return takeover->common.shards == count;
}

static void fill_servers(const struct takeover *takeover, uint32_t index, uint32_t count,
                         struct engine *engine, uint64_t now_us)
{
    const struct takeover_found *part = &takeover->parts[TAKEOVER_SERVERS];

    for (uint64_t i = 0; part->readable && i < part->count; i++) {
        struct takeover_server_row row;

        takeover_read_row(part, i, &row);
        /* The profile knows the whole; a share of another number of shares is none of ours. */
        if (!same_shards(takeover, count))
            row.server.held_peak = row.server.usual_windows = 0;
        if (!same_shards(takeover, count) || row.shard == index)
            takeover_server(engine, &row.server, now_us);
    }
}

static void fill_tags(const struct takeover *takeover, uint32_t index, uint32_t count,
                      struct engine *engine)
{
    const struct takeover_found *part = &takeover->parts[TAKEOVER_TAGS];

    if (!same_shards(takeover, count))
        return;
    for (int which = 0; which < HANDED_TAGS; which++)
        if (takeover->common.places[which] != handover_places(engine, (enum handed_tags)which))
            return;
    for (uint64_t i = 0; part->readable && i < part->count; i++) {
        struct takeover_tag_row row;

        takeover_read_row(part, i, &row);
        if (row.shard == index && row.which < HANDED_TAGS)
            takeover_tag(engine, (enum handed_tags)row.which, &row.tag);
    }
}

static void fill_watches(const struct takeover *takeover, struct engine *engine)
{
    const struct takeover_found *part = &takeover->parts[TAKEOVER_WATCHES];

    for (uint64_t i = 0; part->readable && i < part->count; i++) {
        struct handed_watch watch;

        takeover_read_row(part, i, &watch);
        takeover_watch(engine, &watch);
    }
}

static void fill_waiting(const struct takeover *takeover, uint32_t index, uint32_t count,
                         struct engine *engine, uint64_t now_us)
{
    const struct takeover_found *part = &takeover->parts[TAKEOVER_WAITING];

    for (uint64_t i = 0; part->readable && i < part->count; i++) {
        struct handed_waiting waiting;

        takeover_read_row(part, i, &waiting);
        if (steering_worker(takeover->secrets.steer_seed, count, &waiting.key) == index)
            takeover_waiting(engine, &waiting, now_us);
    }
}

static void fill_pieces(const struct takeover *takeover, uint32_t index, uint32_t count,
                        struct engine *engine, uint64_t now_us)
{
    const struct takeover_found *part = &takeover->parts[TAKEOVER_PIECES];

    for (uint64_t i = 0; part->readable && i < part->count; i++) {
        struct handed_piece piece;

        takeover_read_row(part, i, &piece);
        if (steering_worker(takeover->secrets.steer_seed, count, &piece.key) == index)
            takeover_piece(engine, &piece, now_us);
    }
}

static void fill_flows(struct takeover *takeover, uint32_t index, uint32_t count,
                       struct engine *engine, uint64_t now_us)
{
    const bool known = takeover_knows_flows(takeover);
    uint32_t taken = 0;

    for (uint32_t i = 0; i < takeover->prefix.flows; i++) {
        const struct handed_flow flow = known ? flow_at(takeover, i) : lost_flow_at(takeover, i);

        if (steering_worker(takeover->secrets.steer_seed, count, &flow.key) != index)
            continue;
        if (known)
            taken += takeover_flow(engine, &flow, now_us);
        else if (flow.edited)
            taken += takeover_lost(engine, &flow.key, now_us);
    }
    __atomic_fetch_add(&takeover->taken, taken, __ATOMIC_RELAXED);
}

/* Of one that was killed. Before what another has left that ended in order: where both are there it
 * is newer, of a start that had taken that over, and who comes first counts. */
static void fill_log(struct takeover *takeover, uint32_t index, uint32_t count,
                     struct engine *engine, uint64_t now_us)
{
    struct takeover_log_taken taken;

    taken = takeover_log_fill(takeover->log, takeover->secrets.steer_seed, index, count, engine,
                              now_us);
    __atomic_fetch_add(&takeover->killed, taken.live, __ATOMIC_RELAXED);
    __atomic_fetch_add(&takeover->killed_reset, taken.reset, __ATOMIC_RELAXED);
}

void takeover_fill(void *context, uint32_t index, uint32_t count, struct engine *engine,
                   uint64_t now_us)
{
    struct takeover *takeover = context;

    fill_servers(takeover, index, count, engine, now_us);
    fill_tags(takeover, index, count, engine);
    fill_log(takeover, index, count, engine, now_us);
    fill_flows(takeover, index, count, engine, now_us);
    fill_watches(takeover, engine);
    fill_waiting(takeover, index, count, engine, now_us);
    fill_pieces(takeover, index, count, engine, now_us);
}

/* --- until the workers are there -------------------------------------------------------------- */

/* What its server has accepted and we have taken back (forget_greeting() of handover.c). */
static bool never_was(const struct handed_flow *flow)
{
    return flow->state == FLOW_CLOSING && !flow->flags && flow->client_next == flow->client_isn + 1;
}

/* The rest of a kept request alone means nothing to its server. */
static void mark_pieces(const struct takeover *takeover, uint16_t *joined,
                        const uint64_t table_seed[2], int change)
{
    const struct takeover_found *part = &takeover->parts[TAKEOVER_PIECES];

    for (uint64_t i = 0; joined && part->readable && i < part->count; i++) {
        struct handed_piece piece;

        takeover_read_row(part, i, &piece);
        joined_count(joined, flow_seed_of(table_seed), &piece.key, change);
    }
}

void takeover_mark(const struct takeover *takeover, uint16_t *joined, const uint64_t table_seed[2],
                   int change)
{
    mark_pieces(takeover, joined, table_seed, change);
    takeover_log_mark(takeover->log, joined, table_seed, change);
    for (uint32_t i = 0; joined && i < takeover->prefix.flows; i++) {
        const struct handed_flow flow =
            takeover_knows_flows(takeover) ? flow_at(takeover, i) : lost_flow_at(takeover, i);

        if (flow.edited || never_was(&flow))
            joined_count(joined, flow_seed_of(table_seed), &flow.key, change);
    }
}

/* --- what the kernel has carried meanwhile ---------------------------------------------------- */

/* An end is an order to the kernel, and there is room for few: they are obeyed one by one. */
static void follow(const struct takeover *takeover, struct workers *workers,
                   const struct handed_flow *flow)
{
    const uint32_t worker =
        steering_worker(takeover->secrets.steer_seed, workers_count(workers), &flow->key);

    takeover_again(workers_engine_made(workers, worker), flow, clock_now_us());
    workers_obey(workers, worker);
}

/* Those that the programs of the last one carry. False: there are no records of them. */
static bool follow_flows(const struct takeover *takeover, struct workers *workers)
{
    if (!takeover->records.rows.bytes)
        return false;
    for (uint32_t i = 0; i < takeover->prefix.flows; i++) {
        const struct handed_flow flow = flow_at(takeover, i);

        if (flow.record)
            follow(takeover, workers, &flow);
    }
    return true;
}

static bool follow_log(const struct takeover *takeover, struct workers *workers)
{
    struct takeover_log_place place = {0};
    struct handed_flow row;

    while (takeover_log_next(takeover->log, &place, &row))
        follow(takeover, workers, &row);
    return takeover_log_is_carried(takeover->log);
}

bool takeover_follow(const struct takeover *takeover, struct workers *workers)
{
    const bool flows = follow_flows(takeover, workers);

    return follow_log(takeover, workers) || flows;
}

void takeover_hold(struct takeover *takeover)
{
    takeover_log_hold(takeover->log);
}
