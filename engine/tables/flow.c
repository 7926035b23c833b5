/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow.c - the table of connections: a hash index over two arrays, a list for each class of states.
 * See flow.h.
 */
#include "engine/tables/flow.h"

#include <string.h>

#include "engine/base/bytes.h"
#include "engine/tables/carried.h"
#include "engine/tables/joined_log.h"
#include "engine/tcp/answer_record.h"
#include "engine/tcp/joined.h"

static const char *const state_names[] = {
    [FLOW_FREE] = "free",
    [FLOW_HALF_OPEN] = "half-open",
    [FLOW_ESTABLISHED] = "established",
    [FLOW_PICKED_UP] = "picked-up",
    [FLOW_ASKING] = "asking",
    [FLOW_OUTBOUND] = "outbound",
    [FLOW_KEPT] = "kept",
    [FLOW_OPENING] = "opening",
    [FLOW_GREETING] = "greeting",
    [FLOW_DRAINING] = "draining",
    [FLOW_SPLICED] = "spliced",
    [FLOW_CLOSING] = "closing",
};
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == FLOW_STATES,
               "every state has a name");

/* FLOW_STATES, which no entry is ever in, has a place too, so that the table answers for every
 * value of the enum. */
static const enum flow_list_id list_of_state[FLOW_STATES + 1] = {
    [FLOW_FREE] = FLOW_LIST_NONE,           [FLOW_HALF_OPEN] = FLOW_LIST_HALF_OPEN,
    [FLOW_ESTABLISHED] = FLOW_LIST_LIVE,    [FLOW_ASKING] = FLOW_LIST_PICKED_UP,
    [FLOW_PICKED_UP] = FLOW_LIST_PICKED_UP, [FLOW_OUTBOUND] = FLOW_LIST_LIVE,
    [FLOW_OPENING] = FLOW_LIST_OPENING,     [FLOW_KEPT] = FLOW_LIST_KEPT,
    [FLOW_DRAINING] = FLOW_LIST_OPENING,    [FLOW_GREETING] = FLOW_LIST_OPENING,
    [FLOW_SPLICED] = FLOW_LIST_LIVE,        [FLOW_CLOSING] = FLOW_LIST_CLOSING,
};

/* How long an entry stays in a list before it is looked at; 0: it has timers of its own
 * (opening.c). */
#define ABANDONED_LOOKED_AT 32
#define PICKED_UP_LOOKED_AT 256

static const uint32_t list_life[FLOW_LISTS] = {
    [FLOW_LIST_PICKED_UP] = FLOW_HALF_OPEN_LIFE,
    [FLOW_LIST_HALF_OPEN] = FLOW_HALF_OPEN_LIFE,
    [FLOW_LIST_LIVE] = FLOW_IDLE_CHECK,
    [FLOW_LIST_CLOSING] = FLOW_CLOSING_LIFE,
};

const char *flow_state_name(enum flow_state state)
{
    return state_names[state];
}

size_t flow_table_bytes(uint32_t capacity)
{
    return align64((size_t)capacity * sizeof(struct flow)) +
           align64((size_t)capacity * sizeof(struct flow_cold)) +
           (size_t)FLOW_BUCKETS(capacity) * sizeof(struct flow_bucket);
}

void flow_table_init(struct flow_table *table, void *memory, uint32_t capacity,
                     const uint64_t seed[2], struct counters *counters)
{
    uint8_t *at = memory;

    memset(table, 0, sizeof(*table));
    table->flows = (struct flow *)(void *)at;
    at += align64((size_t)capacity * sizeof(struct flow));
    table->cold = (struct flow_cold *)(void *)at;
    at += align64((size_t)capacity * sizeof(struct flow_cold));
    table->buckets = (struct flow_bucket *)(void *)at;
    table->capacity = capacity;
    table->buckets_count = FLOW_BUCKETS(capacity);
    memset(table->buckets, 0, table->buckets_count * sizeof(struct flow_bucket));
    table->free_head = FLOW_NONE;
    table->seed = flow_seed_of(seed);
    table->counters = counters;
    for (int list = 0; list < FLOW_LISTS; list++)
        table->lists[list] = (struct flow_list){FLOW_NONE, FLOW_NONE, 0, FLOW_NONE};
}

/* --- index ----------------------------------------------------------------------------------- */

static uint32_t next_bucket(const struct flow_table *table, uint32_t bucket)
{
    return bucket + 1 < table->buckets_count ? bucket + 1 : 0;
}

uint32_t flow_find_further(const struct flow_table *table, struct flow_words key, uint64_t hash)
{
    uint32_t at = flow_home(table, hash);

    for (uint32_t looked = 0; looked < table->buckets_count; looked++) {
        const struct flow_bucket *bucket = &table->buckets[at];
        uint32_t index = flow_find_among(table, bucket, 0, key, flow_tag(hash));

        if (index == FLOW_NONE) /* the last four, and four that are known already */
            index = flow_find_among(table, bucket, FLOW_BUCKET_PLACES - 8, key, flow_tag(hash));
        if (index != FLOW_NONE || !bucket->passed)
            return index;
        at = next_bucket(table, at);
    }
    return FLOW_NONE;
}

static uint32_t free_place(const struct flow_bucket *bucket)
{
    uint32_t place = 0;

    while (place < FLOW_BUCKET_PLACES && bucket->tags[place])
        place++;
    return place;
}

/* There are more than twice as many places as entries. */
static void index_add(struct flow_table *table, uint32_t index, uint64_t hash)
{
    uint32_t at = flow_home(table, hash), place;

    while ((place = free_place(&table->buckets[at])) == FLOW_BUCKET_PLACES) {
        table->buckets[at].passed++;
        at = next_bucket(table, at);
    }
    table->buckets[at].tags[place] = flow_tag(hash);
    table->buckets[at].entries[place] = index;
}

/* The place of an entry in this bucket; FLOW_BUCKET_PLACES: it is in another. */
static uint32_t place_of(const struct flow_bucket *bucket, uint32_t index)
{
    uint32_t place = 0;

    while (place < FLOW_BUCKET_PLACES && !(bucket->tags[place] && bucket->entries[place] == index))
        place++;
    return place;
}

static void index_remove(struct flow_table *table, uint32_t index, uint64_t hash)
{
    uint32_t at = flow_home(table, hash), place;

    while ((place = place_of(&table->buckets[at], index)) == FLOW_BUCKET_PLACES) {
        table->buckets[at].passed--;
        at = next_bucket(table, at);
    }
    table->buckets[at].tags[place] = 0;
}

struct flow *flow_find(const struct flow_table *table, const struct flow_key *key)
{
    uint32_t index = flow_find_words(table, flow_key_words(key),
                                     flow_words_hash(table->seed, flow_key_words(key)));

    return index != FLOW_NONE ? &table->flows[index] : NULL;
}

/* --- lists ----------------------------------------------------------------------------------- */

static void list_append(struct flow_table *table, enum flow_list_id id, uint32_t index,
                        uint32_t clock)
{
    struct flow_list *list = &table->lists[id];
    struct flow_cold *cold = &table->cold[index];

    cold->older = list->newest;
    cold->newer = FLOW_NONE;
    cold->listed = clock;
    if (list->newest == FLOW_NONE)
        list->oldest = index;
    else
        table->cold[list->newest].newer = index;
    list->newest = index;
    if (list->unseen == FLOW_NONE)
        list->unseen = index;
    list->count++;
}

static void list_remove(struct flow_table *table, enum flow_list_id id, uint32_t index)
{
    struct flow_list *list = &table->lists[id];
    struct flow_cold *cold = &table->cold[index];

    if (cold->older == FLOW_NONE)
        list->oldest = cold->newer;
    else
        table->cold[cold->older].newer = cold->newer;
    if (cold->newer == FLOW_NONE)
        list->newest = cold->older;
    else
        table->cold[cold->newer].older = cold->older;
    if (list->unseen == index)
        list->unseen = cold->newer;
    list->count--;
}

/* --- states ---------------------------------------------------------------------------------- */

static void gauge_add(struct flow_table *table, enum flow_state state, uint64_t change)
{
    switch (state) {
    case FLOW_HALF_OPEN:
    case FLOW_PICKED_UP:
    case FLOW_ESTABLISHED:
    case FLOW_ASKING:
    case FLOW_OUTBOUND:
        table->counters->flows_tracked += change;
        break;
    case FLOW_KEPT:
        table->counters->flows_kept += change;
        break;
    case FLOW_OPENING:
    case FLOW_GREETING:
        table->counters->flows_pending += change;
        break;
    case FLOW_DRAINING:
    case FLOW_SPLICED:
        table->counters->flows_spliced += change;
        break;
    case FLOW_CLOSING:
        table->counters->flows_closing += change;
        break;
    case FLOW_FREE:
    case FLOW_STATES:
        break;
    }
}

static bool is_joined(enum flow_state state)
{
    return state == FLOW_SPLICED || state == FLOW_DRAINING;
}

/* One that nothing is changed of passes by itself: its server made it of our cookie. */
static bool has_offsets(const struct flow *flow)
{
    return flow->delta != 0 || flow->ts_delta != 0;
}

/* What an opening has a record for, before it is joined, it keeps by that (stages/carry.c). */
static bool stays_carried(enum flow_state from, enum flow_state to)
{
    return from == to || (from == FLOW_OPENING && to == FLOW_SPLICED);
}

void flow_set_state(struct flow_table *table, struct flow *flow, enum flow_state state,
                    uint64_t now_us)
{
    uint32_t index = flow_index(table, flow);
    enum flow_list_id from = list_of_state[flow->state], to = list_of_state[state];

    if (table->carried && !stays_carried((enum flow_state)flow->state, state))
        carried_withdraw(table, index);
    gauge_add(table, (enum flow_state)flow->state, (uint64_t)-1);
    gauge_add(table, state, 1);
    if (from == FLOW_LIST_PICKED_UP && flow->state != state && flow->mac_place)
        table->picked_up_by[flow->mac_place - 1]--;
    if ((from == FLOW_LIST_HALF_OPEN || from == FLOW_LIST_PICKED_UP) && flow->state != state)
        flow->link = (struct flow_link){.ttl = 0};
    if (table->joined && is_joined((enum flow_state)flow->state) != is_joined(state) &&
        has_offsets(flow))
        joined_count(table->joined, table->seed, &flow->key, is_joined(state) ? 1 : -1);
    /* Of an opening: where the kernel might have answered its server. */
    if ((flow->state == FLOW_SPLICED || flow->state == FLOW_OPENING) && state != FLOW_SPLICED)
        joined_log_clear(table, flow);
    flow->state = (uint8_t)state;
    if (state == FLOW_SPLICED)
        joined_log_write(table, flow);
    if (from != FLOW_LIST_NONE)
        list_remove(table, from, index);
    if (to != FLOW_LIST_NONE)
        list_append(table, to, index, flow_clock(now_us));
}

void flow_renew(struct flow_table *table, struct flow *flow, uint64_t now_us)
{
    flow_set_state(table, flow, (enum flow_state)flow->state, now_us);
}

/* --- entries --------------------------------------------------------------------------------- */

static struct flow *oldest_of(const struct flow_table *table, enum flow_list_id id)
{
    const struct flow_list *list = &table->lists[id];

    return list->count ? &table->flows[list->oldest] : NULL;
}

/*
 * A live one that its server has closed and its client has left: among the first few of the list,
 * which is in no order of use. Who opens connections and never closes them would fill the table
 * with such, for two hours.
 */
static struct flow *abandoned(const struct flow_table *table, uint64_t now_us)
{
    uint32_t index =
        table->lists[FLOW_LIST_LIVE].count ? table->lists[FLOW_LIST_LIVE].oldest : FLOW_NONE;

    for (uint32_t looked = 0; index != FLOW_NONE && looked < ABANDONED_LOOKED_AT; looked++) {
        struct flow *flow = &table->flows[index];

        flow_recall(table, flow);
        if ((flow->flags & FLOW_SERVER_FIN) && flow_clock(now_us) - flow->used >= FLOW_CLOSING_LIFE)
            return flow;
        index = table->cold[index].newer;
    }
    return NULL;
}

void flow_note_mac(struct flow_table *table, struct flow *flow, const uint8_t mac[6])
{
    uint64_t word = 0;
    uint32_t place;

    memcpy(&word, mac, 6);
    place = (uint32_t)(hash_mix(word ^ table->seed.first, table->seed.second) % FLOW_MAC_PLACES);
    flow->mac_place = place + 1;
    table->picked_up_by[place]++;
    if (table->picked_up_by[place] > table->picked_up_by[table->picked_up_most])
        table->picked_up_most = place;
}

/*
 * The oldest of the MAC that has the most: who floods pushes out his own. Those that were older go
 * to the tail, so that they are not looked at again and again.
 */
static struct flow *picked_up_too_much(struct flow_table *table, uint64_t now_us)
{
    const struct flow_list *list = &table->lists[FLOW_LIST_PICKED_UP];
    const uint32_t count = list->count;

    for (uint32_t looked = 1; looked < count && looked < PICKED_UP_LOOKED_AT; looked++) {
        struct flow *flow = &table->flows[list->oldest];

        if (flow->mac_place == table->picked_up_most + 1)
            break;
        flow_renew(table, flow, now_us);
    }
    return &table->flows[list->oldest];
}

struct flow *flow_evictable(struct flow_table *table, enum flow_state state, uint64_t now_us)
{
    const enum flow_list_id list = list_of_state[state];
    const uint32_t picked_up = table->lists[FLOW_LIST_PICKED_UP].count;
    bool proved = list != FLOW_LIST_HALF_OPEN && list != FLOW_LIST_PICKED_UP;
    const enum flow_list_id first = proved ? FLOW_LIST_CLOSING : FLOW_LIST_HALF_OPEN;
    const enum flow_list_id second = proved ? FLOW_LIST_HALF_OPEN : FLOW_LIST_CLOSING;

    if (table->free_head != FLOW_NONE || table->unused < table->capacity)
        return NULL;
    if (picked_up > (list == FLOW_LIST_PICKED_UP ? table->capacity / 8 : 0))
        return picked_up_too_much(table, now_us);
    if (table->lists[first].count)
        return oldest_of(table, first);
    if (table->lists[second].count)
        return oldest_of(table, second);
    if (picked_up)
        return picked_up_too_much(table, now_us);
    return proved ? abandoned(table, now_us) : NULL;
}

static uint32_t take_entry(struct flow_table *table)
{
    uint32_t index = table->free_head;

    if (index != FLOW_NONE) {
        table->free_head = table->cold[index].older;
        return index;
    }
    return table->unused < table->capacity ? table->unused++ : FLOW_NONE;
}

static bool row_is_empty(const uint8_t *known, uint32_t at)
{
    const uint8_t *row = &known[at & ~(ANSWER_KNOWN_ROW - 1)];
    uint8_t any = 0;

    for (uint32_t i = 0; i < ANSWER_KNOWN_ROW; i++)
        any |= row[i];
    return !any;
}

static uint8_t known_changed(uint8_t entry, uint8_t one, int change)
{
    const uint32_t count = entry & ANSWER_KNOWN_FULL;
    const uint32_t marks = (uint32_t)(entry >> 4) + (uint32_t)change * (one >> 4);

    return (uint8_t)(marks << 4 | (count + (uint32_t)change));
}

/* What is full stays so: it was too many to be counted. The bit is there before the first one is,
 * and until the last one is gone. */
static void count_known(const struct flow_table *table, uint64_t hash, int change)
{
    const uint32_t at = answer_known_at(hash);
    const uint8_t bit = answer_known_row_bit(at), one = answer_known_one(hash);
    uint8_t *entry = table->known ? &table->known[at] : NULL, *row;

    if (!entry || (*entry & ANSWER_KNOWN_FULL) == ANSWER_KNOWN_FULL)
        return;
    row = &table->known[answer_known_row_at(at)];
    if (change > 0)
        __atomic_store_n(row, (uint8_t)(*row | bit), __ATOMIC_RELAXED);
    __atomic_store_n(entry, known_changed(*entry, one, change), __ATOMIC_RELEASE);
    if (change < 0 && row_is_empty(table->known, at))
        __atomic_store_n(row, (uint8_t)(*row & ~bit), __ATOMIC_RELEASE);
}

struct flow *flow_new(struct flow_table *table, const struct flow_key *key, enum flow_state state,
                      uint64_t now_us)
{
    const uint64_t hash = flow_words_hash(table->seed, flow_key_words(key));
    uint32_t index = take_entry(table);
    struct flow *flow;

    if (index == FLOW_NONE)
        return NULL;
    flow = &table->flows[index];
    memset(flow, 0, sizeof(*flow));
    memset(&table->cold[index], 0, sizeof(table->cold[index]));
    flow->key = *key;
    flow->used = flow_clock(now_us);
    table->cold[index].serial = ++table->serial;
    table->cold[index].born = flow->used;
    table->cold[index].opening = FLOW_NONE;
    index_add(table, index, hash);
    count_known(table, hash, 1);
    flow_set_state(table, flow, state, now_us);
    return flow;
}

void flow_free(struct flow_table *table, struct flow *flow)
{
    const uint64_t hash = flow_words_hash(table->seed, flow_key_words(&flow->key));
    uint32_t index = flow_index(table, flow);

    flow_set_state(table, flow, FLOW_FREE, 0);
    index_remove(table, index, hash);
    count_known(table, hash, -1);
    table->cold[index].older = table->free_head;
    table->free_head = index;
}

/* --- time ------------------------------------------------------------------------------------ */

/* True where the head of `id` has waited its time. */
static bool head_due(const struct flow_table *table, enum flow_list_id id, uint32_t clock)
{
    const struct flow_list *list = &table->lists[id];

    return list->count && list_life[id] &&
           clock - table->cold[list->oldest].listed >= list_life[id];
}

/*
 * A live flow is looked at once a minute, and stays unless it has been idle for long; a closing one
 * stays while it is used.
 */
static bool still_in_use(enum flow_list_id id, const struct flow *flow, uint32_t clock)
{
    if (id == FLOW_LIST_CLOSING)
        return clock - flow->used < FLOW_CLOSING_LIFE;
    return id == FLOW_LIST_LIVE && clock - flow->used < FLOW_IDLE_LIFE;
}

struct flow *flow_expired(struct flow_table *table, uint64_t now_us, uint32_t budget, bool *more)
{
    uint32_t clock = flow_clock(now_us);

    *more = false;
    for (int id = FLOW_LIST_NONE + 1; id < FLOW_LISTS; id++) {
        while (head_due(table, (enum flow_list_id)id, clock)) {
            struct flow *flow = &table->flows[table->lists[id].oldest];

            flow_recall(table, flow);
            if (!still_in_use((enum flow_list_id)id, flow, clock))
                return flow;
            if (budget-- == 0) {
                *more = true;
                return NULL;
            }
            flow_renew(table, flow, now_us);
        }
    }
    return NULL;
}

uint64_t flow_next_expiry(const struct flow_table *table, uint64_t now_us)
{
    uint64_t next = UINT64_MAX;
    uint32_t clock = flow_clock(now_us);

    for (int id = FLOW_LIST_NONE + 1; id < FLOW_LISTS; id++) {
        uint32_t waited, left;
        uint64_t due;

        if (!table->lists[id].count || !list_life[id])
            continue;
        waited = clock - table->cold[table->lists[id].oldest].listed;
        left = waited < list_life[id] ? list_life[id] - waited : 0;
        due = ((now_us >> 16) + left) << 16;
        next = due < next ? due : next;
    }
    return next;
}

struct flow *flow_waiting(struct flow_table *table, uint64_t now_us)
{
    struct flow_list *list = &table->lists[FLOW_LIST_HALF_OPEN];
    uint32_t index = list->unseen;

    if (index == FLOW_NONE || flow_clock(now_us) - table->cold[index].listed < FLOW_WAITING_AGE)
        return NULL;
    list->unseen = table->cold[index].newer;
    return &table->flows[index];
}

void flow_waiting_anew(struct flow_table *table)
{
    table->lists[FLOW_LIST_HALF_OPEN].unseen = table->lists[FLOW_LIST_HALF_OPEN].oldest;
}

uint64_t flow_next_waiting(const struct flow_table *table, uint64_t now_us)
{
    uint32_t index = table->lists[FLOW_LIST_HALF_OPEN].unseen, waited;

    if (index == FLOW_NONE)
        return UINT64_MAX;
    waited = flow_clock(now_us) - table->cold[index].listed;
    return ((now_us >> 16) + (waited < FLOW_WAITING_AGE ? FLOW_WAITING_AGE - waited : 0)) << 16;
}
