/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path.c - see path.h. */
#include "tests/sim/path.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "engine/stages/telling.h"
#include "engine/tables/carried.h"
#include "engine/tcp/flow_record.h"
#include "engine/tcp/prepared.h"
#include "engine/tcp/tell_record.h"

#define TOLD_MAX     64u
#define STAMPS_BYTES 12

struct entry {
    struct flow_key key;
    uint32_t index, serial;
};

struct told {
    uint8_t *buffer;
    uint32_t bytes;
    uint32_t frames; /* how often it is not told yet */
};

struct path {
    struct flow_record *records;
    struct record_figures *figures;
    struct prepared *prepared;
    struct tell_hub hub;
    struct tell_server *servers;
    struct entry *entries; /* of all that the kernel knows */
    uint32_t known, flows_max;
    struct rng rng;
    struct told told[TOLD_MAX];
    uint32_t told_count;
    uint8_t *saying; /* what path_told() gave last */
    struct path_totals counts;
    struct path_out out;
    uint8_t *buffer;
};

/* A segment on its way through. */
struct passing {
    enum side from;
    struct packet packet;
    struct entry *entry;
    struct flow_record *record;
    uint64_t way;
    uint64_t now_us;
};

static struct path_totals totals;

struct path *path_new(struct engine_config *config, uint64_t seed)
{
    struct path *path = calloc(1, sizeof(*path));

    path->rng.state = seed;
    path->flows_max = config->flows_max;
    path->records = aligned_alloc(64, config->flows_max * sizeof(*path->records));
    memset(path->records, 0, config->flows_max * sizeof(*path->records));
    path->figures = calloc(config->servers_max, sizeof(*path->figures));
    path->prepared = calloc(PREPARED_PLACES, sizeof(*path->prepared));
    path->servers = calloc(config->servers_max, sizeof(*path->servers));
    path->entries = calloc(config->flows_max, sizeof(*path->entries));
    path->buffer = malloc(PACKET_BUFFER_BYTES);
    config->records = path->records;
    config->record_figures = path->figures;
    config->prepared = path->prepared;
    config->tells = (struct tell_share){.hub = &path->hub, .servers = path->servers};
    return path;
}

void path_free(struct path *path)
{
    if (!path)
        return;
    totals.carried += path->counts.carried;
    totals.completed += path->counts.completed;
    totals.beaten += path->counts.beaten;
    for (uint32_t i = 0; i < path->told_count; i++)
        free(path->told[i].buffer);
    free(path->saying);
    free(path->records);
    free(path->figures);
    free(path->prepared);
    free(path->servers);
    free(path->entries);
    free(path->buffer);
    free(path);
}

/* --- the map of connections ------------------------------------------------------------------ */

static struct entry *find(struct path *path, const struct flow_key *key)
{
    for (uint32_t i = 0; i < path->known; i++)
        if (memcmp(&path->entries[i].key, key, sizeof(*key)) == 0)
            return &path->entries[i];
    return NULL;
}

static void obey(struct path *path, const struct carry_order *order)
{
    struct entry *entry = find(path, &order->key);

    if (order->add && !entry && path->known < path->flows_max)
        entry = &path->entries[path->known++];
    if (order->add && entry)
        *entry = (struct entry){order->key, order->index, order->serial};
    else if (!order->add && entry)
        *entry = path->entries[--path->known];
}

static void obey_all(struct path *path, struct engine *engine)
{
    struct carried *carried = engine_carried(engine);

    for (uint32_t i = 0; i < carried->orders_count; i++)
        obey(path, &carried->orders[i]);
    carried->orders_count = 0;
    engine_telling(engine)->orders_count = 0;
}

void path_settle(struct path *path, struct engine *engine)
{
    if (engine_carried(engine)->touched_count > 0 && engine_settle_is_due(engine)) {
        obey_all(path, engine);
        engine_settle(engine);
    }
    obey_all(path, engine);
}

/* --- what the engine is told of -------------------------------------------------------------- */

static bool tell(struct path *path, const uint8_t *buffer, uint32_t bytes, uint32_t frames)
{
    struct told *told = &path->told[path->told_count];

    if (path->told_count == TOLD_MAX)
        return false;
    path->told_count++;
    *told = (struct told){malloc(bytes), bytes, frames};
    memcpy(told->buffer, buffer, bytes);
    return true;
}

const uint8_t *path_told(struct path *path, uint32_t *bytes)
{
    struct told *first = &path->told[0];

    free(path->saying);
    path->saying = NULL;
    if (path->told_count == 0 || first->frames > 0) {
        if (path->told_count > 0)
            first->frames--;
        return NULL;
    }
    path->saying = first->buffer;
    *bytes = first->bytes;
    memmove(first, first + 1, --path->told_count * sizeof(*first));
    return path->saying;
}

/* --- an opening's SYN-ACK -------------------------------------------------------------------- */

static bool is_awaited(const struct flow_record *record)
{
    const uint64_t way = record->way[SIDE_SERVER];

    return (record->flags & RECORD_PREPARED) && way == record_awaited(record_serial(way));
}

static bool is_promised(const struct packet *packet, const struct prepared *prepared)
{
    uint64_t options[PREPARED_OPTIONS / 8] = {0}, other = 0;

    memcpy(options, packet->options, packet->options_bytes);
    for (uint32_t i = 0; i < PREPARED_OPTIONS / 8; i++)
        other |= (options[i] & prepared->mask[i]) ^ prepared->options[i];
    return !other && packet->options_bytes == prepared->options_bytes &&
           packet->flags == prepared->flags && !packet->accurate_ecn &&
           packet->ack == prepared->ack && packet->payload_bytes == 0 && packet->seq != ~0u &&
           !packet->gso_bytes;
}

static void put_be32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, 4);
}

static uint32_t get_be32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, 4);
    return ntohl(value);
}

/* The frame that is ready, which is right as it stands but for the numbers that are missing. False:
 * it is not. */
static bool write_answer(struct path *path, const struct prepared *prepared,
                         const struct packet *synack)
{
    static uint8_t ready[OFFLOAD_BYTES + PREPARED_FRAME_BYTES];
    struct packet packet;

    memset(ready, 0, OFFLOAD_BYTES);
    memcpy(ready + OFFLOAD_BYTES, prepared->frame, prepared->bytes);
    if (packet_read(&packet, ready, OFFLOAD_BYTES + prepared->bytes) != NULL ||
        packet.timestamps != (prepared->timestamps_at != 0))
        return false;
    packet.ack = synack->seq + 1;
    if (packet.timestamps)
        put_be32(packet.options + 8, synack->tsval);
    path->out = (struct path_out){.buffer = path->buffer, .to = SIDE_SERVER, .reply = true};
    path->out.bytes = packet_write(path->buffer, &packet);
    return true;
}

/* False: the engine was faster. */
static bool commit(struct flow_record *record, uint32_t serial, uint64_t token,
                   const struct prepared *prepared, const struct packet *synack)
{
    const uint32_t y = synack->seq, tsval = prepared->timestamps_at ? synack->tsval : 0;

    if (record->floors != token || record->offsets != token ||
        record->way[SIDE_SERVER] != record_awaited(serial))
        return false;
    record->floors = (uint64_t)tsval << 32 | (uint32_t)(y + 1);
    record->offsets = (uint64_t)(prepared->timestamps_at ? prepared->tsval - tsval : 0) << 32 |
                      (uint32_t)(prepared->c - y);
    record->way[SIDE_SERVER] = record_way(serial, RECORD_CARRY, y + 1);
    return true;
}

static enum path_action complete(struct path *path, const struct passing *is, const uint8_t *buffer,
                                 uint32_t bytes)
{
    const uint64_t token = is->record->offsets;
    const uint32_t place = (uint32_t)token, draw = rng_below(&path->rng, 100);
    const struct prepared *prepared;

    if (token >> 32 != is->entry->serial || place >= PREPARED_PLACES || is->packet.tags[0].tpid)
        return PATH_UP;
    prepared = &path->prepared[place];
    if (prepared->serial != is->entry->serial || !is_promised(&is->packet, prepared) || draw < 10)
        return PATH_UP;
    /* The engine is told, and has answered before the kernel comes to its last word. */
    if (draw < 25 && tell(path, buffer, bytes, 0)) {
        path->counts.beaten++;
        return PATH_ENDED;
    }
    if (path->told_count == TOLD_MAX || !write_answer(path, prepared, &is->packet))
        return PATH_UP;
    if (!commit(is->record, is->entry->serial, token, prepared, &is->packet))
        return PATH_ENDED;
    if (draw < 90)
        tell(path, buffer, bytes, draw < 60 ? 0 : 1 + rng_below(&path->rng, 4));
    path->counts.completed++;
    return PATH_OUT;
}

/* --- gates ----------------------------------------------------------------------------------- */

static void set_gate(struct flow_record *record, enum side from, uint32_t serial, uint32_t gate)
{
    const uint64_t was = record->way[from];

    if (record_serial(was) == serial && record_gate(was) != RECORD_UP && record_gate(was) != gate)
        record->way[from] = record_way(serial, gate, record_next(was));
}

/* What goes up with data is overtaken by nothing. */
static void shut_gates(const struct passing *is)
{
    const uint8_t flags = is->packet.flags;

    if (flags & (TCP_SYN | TCP_FIN | TCP_RST))
        set_gate(is->record, is->from, is->entry->serial, RECORD_UP);
    else if (is->packet.payload_bytes)
        set_gate(is->record, is->from, is->entry->serial, RECORD_JOIN);
    if (flags & (TCP_SYN | TCP_RST))
        set_gate(is->record, side_other(is->from), is->entry->serial, RECORD_UP);
}

static bool is_asking(const struct flow_record *record, uint32_t theirs)
{
    if (record->flags & RECORD_PREPARED)
        theirs += record->delta;
    return (record->flags & RECORD_ASKING) && theirs == record->begin[SIDE_SERVER];
}

static bool is_watched(const struct passing *is)
{
    const uint16_t watch = is->from == SIDE_CLIENT ? RECORD_WATCH_CLIENT : RECORD_WATCH_SERVER;

    return (is->record->flags & watch) && is->packet.payload_bytes &&
           is->packet.seq - is->record->begin[is->from] < RECORD_WATCH_BYTES;
}

static bool gate_is_open(const struct passing *is)
{
    const uint32_t gate = record_gate(is->way), next = record_next(is->way);
    const uint32_t theirs = record_next(is->record->way[side_other(is->from)]);

    if (gate == RECORD_UP || (gate == RECORD_JOIN && is->packet.seq != next) ||
        (is->from == SIDE_CLIENT && is_asking(is->record, theirs)) || is_watched(is))
        return false;
    return is->packet.seq - (next - RECORD_NEAR_BYTES) <= 2 * RECORD_NEAR_BYTES;
}

/* --- translation ----------------------------------------------------------------------------- */

/* Timestamps where all hosts put them, and SACK behind: where these begin, or 0. False: other. */
static bool read_options(const struct packet *packet, uint8_t *stamps, uint8_t *sack)
{
    static const uint8_t head[4] = {1, 1, 8, 10};
    uint8_t at = 0;

    *stamps = *sack = 0;
    if (packet->options_bytes >= STAMPS_BYTES && memcmp(packet->options, head, 4) == 0) {
        *stamps = 4;
        at = STAMPS_BYTES;
    }
    if (at == packet->options_bytes)
        return true;
    if (packet->options_bytes < at + 12 || packet->options[at] != 1 ||
        packet->options[at + 1] != 1 || packet->options[at + 2] != 5 ||
        packet->options[at + 3] + 2 != packet->options_bytes - at ||
        (packet->options_bytes - at - 4) % 8 != 0)
        return false;
    *sack = (uint8_t)(at + 4);
    return true;
}

static bool to_client(const struct flow_record *record, uint64_t way, struct packet *packet)
{
    const uint32_t end = packet->seq + packet->payload_bytes;
    const uint32_t next = record_later(record_next(way), end);
    uint8_t stamps, sack;

    if ((next - record->ack_floor > RECORD_FLOOR_FARTHEST &&
         next - record->ack_floor <= 1u << 31) ||
        (int32_t)(packet->seq - record->ack_floor) < 0 || !read_options(packet, &stamps, &sack))
        return false;
    packet->seq += record->delta;
    packet->flow_label = record->flow_label ? record->flow_label : packet->flow_label;
    if (!stamps)
        return true;
    if (packet->tsval - record->tsecr_floor > RECORD_FLOOR_DISTANCE)
        return false;
    put_be32(packet->options + stamps, packet->tsval + record->ts_delta);
    return true;
}

static bool move_sack(const struct flow_record *record, struct packet *packet, uint8_t sack)
{
    for (uint8_t at = sack; sack && at < packet->options_bytes; at = (uint8_t)(at + 8)) {
        const uint32_t left = get_be32(packet->options + at) - record->delta;
        const uint32_t right = get_be32(packet->options + at + 4) - record->delta;

        if ((int32_t)(record->ack_floor - right) >= 0 || (int32_t)(left - record->ack_floor) < 0)
            return false;
        put_be32(packet->options + at, left);
        put_be32(packet->options + at + 4, right);
    }
    return true;
}

static bool fits_server(const struct flow_record *record, const struct packet *packet)
{
    const uint32_t usual = record->flags & RECORD_TIMESTAMPS ? RECORD_TIMESTAMPS_BYTES : 0;
    const uint32_t more = packet->options_bytes > usual ? packet->options_bytes - usual : 0;
    const uint32_t bytes = packet->gso_bytes ? packet->gso_bytes : packet->payload_bytes;

    return !record->server_mss || bytes + more <= record->server_mss;
}

static bool to_server(const struct flow_record *record, uint32_t theirs, struct packet *packet)
{
    const bool spliced = record->flags & RECORD_EDIT;
    uint32_t ack = packet->ack;
    uint8_t stamps, sack;

    if (!spliced)
        return theirs - ack <= RECORD_OLD_BYTES;
    ack = record_later(ack - record->delta, record->ack_floor);
    if (theirs - ack > RECORD_WINDOW_BYTES ||
        ((record->flags & RECORD_NO_ECN) && (packet->tos & 3)) ||
        !read_options(packet, &stamps, &sack) || !fits_server(record, packet))
        return false;
    packet->ack = ack;
    if (stamps)
        put_be32(packet->options + stamps + 4,
                 record_later(packet->tsecr - record->ts_delta, record->tsecr_floor));
    return move_sack(record, packet, sack);
}

static bool translate(const struct passing *is, struct packet *packet)
{
    if (is->from == SIDE_CLIENT)
        return to_server(is->record, record_next(is->record->way[SIDE_SERVER]), packet);
    return !(is->record->flags & RECORD_EDIT) || to_client(is->record, is->way, packet);
}

static enum path_action carry(struct path *path, const struct passing *is)
{
    const uint32_t end = is->packet.seq + is->packet.payload_bytes;
    struct packet packet = is->packet;

    if ((packet.flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) != TCP_ACK ||
        (is->record->flags & RECORD_GRANTED) || !gate_is_open(is) || !translate(is, &packet)) {
        shut_gates(is);
        return PATH_UP;
    }
    is->record->used = (uint32_t)(is->now_us >> 16);
    is->record->way[is->from] =
        record_way(is->entry->serial, RECORD_CARRY, record_later(record_next(is->way), end));
    if ((is->record->flags & RECORD_EDIT) && is->from == SIDE_CLIENT && !packet.window)
        is->record->closed = 1;
    path->out = (struct path_out){.buffer = path->buffer, .to = side_other(is->from)};
    path->out.bytes = packet_write(path->buffer, &packet);
    path->counts.carried++;
    return PATH_OUT;
}

/* --- a frame --------------------------------------------------------------------------------- */

static struct flow_key key_of(const struct packet *packet, enum side from)
{
    const bool client = from == SIDE_CLIENT;

    return (struct flow_key){.client = client ? packet->src : packet->dst,
                             .server = client ? packet->dst : packet->src,
                             .client_port = client ? packet->src_port : packet->dst_port,
                             .server_port = client ? packet->dst_port : packet->src_port,
                             .vlan = packet_vlan(packet)};
}

enum path_action path_frame(struct path *path, enum side from, const uint8_t *buffer,
                            uint32_t bytes, uint64_t now_us)
{
    struct passing is = {.from = from, .now_us = now_us};
    struct flow_key key;
    uint8_t flags;

    if (packet_read(&is.packet, buffer, bytes) != NULL)
        return PATH_UP;
    key = key_of(&is.packet, from);
    is.entry = find(path, &key);
    if (!is.entry)
        return PATH_UP;
    is.record = &path->records[is.entry->index];
    is.way = is.record->way[from];
    if (record_serial(is.way) != is.entry->serial)
        return PATH_UP;
    if (!is_awaited(is.record))
        return carry(path, &is);
    flags = is.packet.flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
    if (from == SIDE_CLIENT || flags != (TCP_SYN | TCP_ACK))
        return PATH_UP;
    return complete(path, &is, buffer, bytes);
}

uint32_t path_serial(struct path *path, const struct flow_key *key)
{
    const struct entry *entry = find(path, key);

    return entry ? entry->serial : 0;
}

uint8_t path_awaited(struct path *path, const struct flow_key *key, uint32_t tsval,
                     uint8_t options[TCP_OPTIONS_MAX])
{
    const struct entry *entry = find(path, key);
    const struct flow_record *record = entry ? &path->records[entry->index] : NULL;
    const struct prepared *prepared;

    if (!record || !is_awaited(record) || (uint32_t)record->offsets >= PREPARED_PLACES)
        return 0;
    prepared = &path->prepared[(uint32_t)record->offsets];
    memcpy(options, prepared->options, TCP_OPTIONS_MAX);
    if (prepared->timestamps_at)
        put_be32(options + prepared->timestamps_at, tsval);
    return prepared->options_bytes;
}

struct path_out path_out(const struct path *path)
{
    return path->out;
}

struct path_totals path_totals(void)
{
    return totals;
}

uint32_t path_known(const struct path *path)
{
    return path->known;
}
