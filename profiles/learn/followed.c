/* SPDX-License-Identifier: GPL-2.0-or-later */
/* followed.c - see followed.h. */
#include "profiles/learn/followed.h"

#include <stdlib.h>
#include <string.h>

/* --- table ----------------------------------------------------------------------------------- */

bool followed_init(struct followed_table *table)
{
    /* calloc of this size is not touched before use: an idle table costs nothing. */
    table->slots = calloc(FOLLOWED_MAX, sizeof(*table->slots));
    table->free_slots = table->oldest = table->newest = FOLLOWED_NONE;
    memset(table->buckets, 0xff, sizeof(table->buckets));
    return table->slots;
}

void followed_free(struct followed_table *table)
{
    for (uint32_t i = table->oldest; i != FOLLOWED_NONE; i = table->slots[i].newer) {
        stream_free(&table->slots[i].client);
        stream_free(&table->slots[i].server);
    }
    free(table->slots);
}

struct flow_name followed_name(const struct observation *observation)
{
    return (struct flow_name){
        .id = observation->flow_id,
        .client = observation->client,
        .server = observation->server,
        .client_port = observation->client_port,
    };
}

static uint32_t *bucket_of(struct followed_table *table, const struct flow_name *name)
{
    /* The number of flows is bounded and flow ids are the engine's own: no client can aim at a
     * bucket. */
    static const uint64_t seed[2] = {0x243f6a8885a308d3u, 0x13198a2e03707344u};

    return &table->buckets[table_hash(seed, name, sizeof(*name)) & (FOLLOWED_BUCKETS - 1)];
}

struct followed *followed_find(struct followed_table *table, const struct flow_name *name)
{
    for (uint32_t i = *bucket_of(table, name); i != FOLLOWED_NONE; i = table->slots[i].hash_next)
        if (memcmp(&table->slots[i].name, name, sizeof(*name)) == 0)
            return &table->slots[i];
    return NULL;
}

static void age_unlink(struct followed_table *table, const struct followed *flow)
{
    if (flow->older == FOLLOWED_NONE)
        table->oldest = flow->newer;
    else
        table->slots[flow->older].newer = flow->newer;
    if (flow->newer == FOLLOWED_NONE)
        table->newest = flow->older;
    else
        table->slots[flow->newer].older = flow->older;
}

static void age_append(struct followed_table *table, struct followed *flow)
{
    const uint32_t index = (uint32_t)(flow - table->slots);

    flow->older = table->newest;
    flow->newer = FOLLOWED_NONE;
    if (table->newest == FOLLOWED_NONE)
        table->oldest = index;
    else
        table->slots[table->newest].newer = index;
    table->newest = index;
}

void followed_drop_data(struct followed_table *table, struct followed *flow)
{
    table->stream_bytes -= (uint64_t)flow->client.capacity + flow->server.capacity;
    stream_free(&flow->client);
    stream_free(&flow->server);
}

void followed_forget(struct followed_table *table, struct followed *flow)
{
    const uint32_t index = (uint32_t)(flow - table->slots);
    uint32_t *link = bucket_of(table, &flow->name);

    while (*link != index)
        link = &table->slots[*link].hash_next;
    *link = flow->hash_next;
    age_unlink(table, flow);
    followed_drop_data(table, flow);
    flow->hash_next = table->free_slots;
    table->free_slots = index;
    table->used--;
}

void followed_forget_server(struct followed_table *table, const struct server_key *server)
{
    for (uint32_t i = table->oldest; i != FOLLOWED_NONE;) {
        struct followed *flow = &table->slots[i];

        i = flow->newer;
        if (server_key_equal(&flow->name.server, server))
            followed_forget(table, flow);
    }
}

static uint32_t slot_take(struct followed_table *table)
{
    uint32_t index;

    if (table->free_slots == FOLLOWED_NONE)
        return table->fresh++;
    index = table->free_slots;
    table->free_slots = table->slots[index].hash_next;
    return index;
}

bool followed_full(const struct followed_table *table)
{
    return table->used >= FOLLOWED_MAX;
}

bool followed_too_much_data(const struct followed_table *table)
{
    return table->stream_bytes > FOLLOWED_STREAM_BYTES && table->oldest != table->newest;
}

struct followed *followed_oldest(struct followed_table *table)
{
    return table->oldest == FOLLOWED_NONE ? NULL : &table->slots[table->oldest];
}

struct followed *followed_add(struct followed_table *table, const struct flow_name *name)
{
    const uint32_t index = slot_take(table);
    struct followed *flow = &table->slots[index];
    uint32_t *bucket = bucket_of(table, name);

    *flow = (struct followed){.name = *name, .hash_next = *bucket, .prompted_at = UINT32_MAX};
    *bucket = index;
    age_append(table, flow);
    table->used++;
    return flow;
}

void followed_touch(struct followed_table *table, struct followed *flow, uint64_t now_us)
{
    flow->active_us = now_us;
    age_unlink(table, flow);
    age_append(table, flow);
}

/* --- what was said --------------------------------------------------------------------------- */

void followed_take_data(struct followed_table *table, struct followed *flow,
                        const struct observed_data *data)
{
    struct stream *stream = data->from == SIDE_SERVER ? &flow->server : &flow->client;

    table->stream_bytes -= stream->capacity;
    stream_add(stream, data->offset, data->data, data->bytes);
    table->stream_bytes += stream->capacity;
}

const uint8_t *followed_answer(const struct followed *flow, size_t *bytes)
{
    const uint32_t from =
        flow->prompted_at > flow->unprompted_bytes ? flow->prompted_at : flow->unprompted_bytes;
    const uint16_t there = stream_bytes(&flow->server);

    *bytes = there > from ? there - from : 0;
    return *bytes > 0 ? flow->server.data + from : NULL;
}

bool followed_answered(const struct followed *flow)
{
    return flow->prompted_at != UINT32_MAX && flow->server_end > flow->unprompted_bytes;
}

void followed_voice(struct followed *flow, struct profile *profile, enum voice voice)
{
    if (flow->words >= WORDS_VOICE)
        return;
    flow->words = WORDS_VOICE;
    profile_spoke_first(profile, voice);
}

bool followed_client_spoke_first(const struct followed *flow)
{
    return flow->unprompted_bytes == 0 && flow->prompted_at == 0;
}

/* The server's first data is, or may become, a greeting of this protocol. */
static bool greeted_in(const struct followed *flow, const struct protocol *protocol)
{
    const uint16_t said = stream_bytes(&flow->server);
    size_t bytes = 0;

    return said > 0 && protocol->greeting(flow->server.data, said, &bytes) != GREETING_NOT;
}

/* Small words in lower case are many protocols': of those that never greet they are none where the
 * server has said something first (munin's "version"). */
static bool says_nothing_first(const struct followed *flow, const struct protocol *protocol)
{
    return !protocol->verbs_lower || flow->unprompted_bytes == 0;
}

/*
 * Of several protocols whose request this may be, word for word, the one that is answered so
 * ("get k" of Redis and of memcached); `first` while no answer tells.
 */
static enum protocol_id answered_in(const struct followed *flow, uint64_t protocols,
                                    enum protocol_id first)
{
    size_t bytes;
    const uint8_t *answer = followed_answer(flow, &bytes);
    const uint16_t asked = stream_bytes(&flow->client);
    enum protocol_id id;

    while (answer && protocols_check(protocols, flow->client.data, asked, &id) == MATCH_YES) {
        if (protocol_by_id(id)->accepts(flow->client.data, asked, answer, bytes) ==
            ACCEPTANCE_ACCEPTED)
            return id;
        protocols &= ~(UINT64_C(1) << id);
    }
    return first;
}

enum protocol_id followed_protocol(const struct followed *flow)
{
    uint64_t greets = 0, waits = 0, matches;
    enum protocol_id id;
    uint16_t asked;

    for (int i = PROTOCOL_UNKNOWN + 1; i < PROTOCOLS_COUNT; i++) {
        const struct protocol *protocol = protocol_by_id((enum protocol_id)i);

        if (!protocol->greeting)
            waits |= says_nothing_first(flow, protocol) ? UINT64_C(1) << i : 0;
        else if (greeted_in(flow, protocol))
            greets |= UINT64_C(1) << i;
    }
    asked = stream_bytes(&flow->client);
    for (int round = 0; round < 2 && asked > 0; round++) {
        matches = round == 0 ? greets : waits;
        if (protocols_check(matches, flow->client.data, asked, &id) == MATCH_YES)
            return answered_in(flow, matches, id);
    }
    return PROTOCOL_UNKNOWN;
}

bool followed_decided(const struct followed *flow)
{
    return followed_request_done(flow) && flow->words >= WORDS_VOICE &&
           flow->asked_in == PROTOCOL_UNKNOWN &&
           (flow->words == WORDS_DONE || flow->unprompted_bytes == 0);
}
