/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resend.c - see resend.h.
 *
 *      | ring | slots, in sets of 4 | counters by source |
 *
 * Each slot in use stands in exactly one of three lists (one for each stage), linked by slot
 * numbers in both directions. A list is appended to at its tail and taken from at its head; removed
 * and overwritten entries leave theirs at once, so that there is nothing stale to skip and no queue
 * that could overflow.
 *
 *      list 0: waiting for its grace    list 1: for sent + 1 s    list 2: for sent + 3 s    list 3:
 *                                                                 for sent + 7 s
 *
 * Sources are counted in a table of their own, by hash of their prefix. Two sources that share a
 * counter share the share, so a collision is only ever too strict. With as many counters as slots
 * (and at least 4,096), a counter is shared with one of the up to 16 sources that can fill the ring
 * with a chance below 16 / 4,096, and 16 / 65,536 at the default size; entries of other sources add
 * one or two each, against a share of thousands.
 */
#include "engine/tables/resend.h"

#include <string.h>

#include "engine/base/token_bucket.h"

#define WAYS         4u
#define PROVED_WAYS  2u /* of a set, at most */
#define SHARES       16u
#define COUNTERS_MIN 4096u
#define NO_SLOT      UINT32_MAX

struct resend_slot {
    struct resend_entry entry;
    uint64_t due_us;
    uint64_t made; /* number in the order of making: the lowest of a set is overwritten */
    uint32_t next, previous;
    uint32_t source; /* its counter */
    /* the list that it stands in; entry.stage lags behind while resend_due()'s caller reads it */
    uint8_t stage;
    bool used;
    bool proved; /* gives way to none that is not */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct resend_slot) == 128, "two cache lines");

static uint32_t counters_for(uint32_t slots)
{
    return slots > COUNTERS_MIN ? slots : COUNTERS_MIN;
}

size_t resend_ring_bytes(uint32_t slots)
{
    return sizeof(struct resend_ring) + slots * sizeof(struct resend_slot) +
           2 * counters_for(slots) * sizeof(uint32_t);
}

struct resend_ring *resend_ring_init(void *memory, uint32_t slots, const uint64_t seed[2])
{
    struct resend_ring *ring = memory;

    ring->seed[0] = seed[0];
    ring->seed[1] = seed[1];
    ring->slots_count = slots;
    ring->counters_count = counters_for(slots);
    ring->slots = (void *)(ring + 1);
    ring->counters = (void *)(ring->slots + slots);
    for (uint32_t stage = 0; stage < RESEND_STAGES; stage++)
        ring->lists[stage] = (struct resend_list){NO_SLOT, NO_SLOT};
    return ring;
}

static struct resend_slot *set_of(const struct resend_ring *ring, const struct flow_key *key)
{
    uint32_t sets = ring->slots_count / WAYS;

    return &ring->slots[(flow_key_hash(ring->seed, key) & (sets - 1)) * WAYS];
}

static struct resend_slot *find_in_set(struct resend_slot *set, const struct flow_key *key)
{
    for (uint32_t i = 0; i < WAYS; i++)
        if (set[i].used && flow_key_equal(&set[i].entry.key, key))
            return &set[i];
    return NULL;
}

/* The connection's slot, or NULL. */
static struct resend_slot *slot_of(const struct resend_ring *ring, const struct flow_key *key)
{
    return ring->count > 0 ? find_in_set(set_of(ring, key), key) : NULL;
}

/* Of the slots of one kind the oldest; NULL: there is none. */
static struct resend_slot *oldest_of(struct resend_slot *set, bool proved)
{
    struct resend_slot *oldest = NULL;

    for (uint32_t i = 0; i < WAYS; i++)
        if (set[i].used && set[i].proved == proved && (!oldest || set[i].made < oldest->made))
            oldest = &set[i];
    return oldest;
}

static uint32_t proved_of(const struct resend_slot *set)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < WAYS; i++)
        count += set[i].used && set[i].proved;
    return count;
}

/* A free slot of the set, or the oldest of those that are not proved, of which there are some. */
static struct resend_slot *slot_to_fill(struct resend_slot *set)
{
    for (uint32_t i = 0; i < WAYS; i++)
        if (!set[i].used)
            return &set[i];
    return oldest_of(set, false);
}

static void list_append(struct resend_ring *ring, struct resend_slot *slot, uint8_t stage,
                        uint64_t due_us)
{
    struct resend_list *list = &ring->lists[stage];
    uint32_t index = (uint32_t)(slot - ring->slots);

    slot->stage = stage;
    slot->due_us = due_us;
    slot->next = NO_SLOT;
    slot->previous = list->tail;
    if (list->tail != NO_SLOT)
        ring->slots[list->tail].next = index;
    else
        list->head = index;
    list->tail = index;
}

static void list_leave(struct resend_ring *ring, const struct resend_slot *slot)
{
    struct resend_list *list = &ring->lists[slot->stage];

    if (slot->previous != NO_SLOT)
        ring->slots[slot->previous].next = slot->next;
    else
        list->head = slot->next;
    if (slot->next != NO_SLOT)
        ring->slots[slot->next].previous = slot->previous;
    else
        list->tail = slot->previous;
}

static uint32_t *counter_of(const struct resend_ring *ring, uint32_t source, bool proved)
{
    return &ring->counters[(proved ? ring->counters_count : 0) + source];
}

static bool has_share(const struct resend_ring *ring, uint32_t source, bool proved)
{
    return *counter_of(ring, source, proved) < ring->slots_count / SHARES;
}

/* Takes the entry out; what it says stays readable until the slot is filled again. */
static void slot_free(struct resend_ring *ring, struct resend_slot *slot)
{
    list_leave(ring, slot);
    (*counter_of(ring, slot->source, slot->proved))--;
    ring->count--;
    slot->used = false;
}

static void set_proved(struct resend_ring *ring, struct resend_slot *slot, bool proved)
{
    (*counter_of(ring, slot->source, slot->proved))--;
    (*counter_of(ring, slot->source, proved))++;
    slot->proved = proved;
}

/* For one more that is proved: the oldest of them is as others are from here on. */
static void make_way(struct resend_ring *ring, struct resend_slot *set)
{
    if (proved_of(set) == PROVED_WAYS)
        set_proved(ring, oldest_of(set, true), false);
}

static uint32_t source_of(const struct resend_ring *ring, const struct flow_key *key)
{
    struct ip_addr prefix = source_prefix(&key->client);

    return (uint32_t)(table_hash(ring->seed, &prefix, sizeof(prefix)) & (ring->counters_count - 1));
}

static struct resend_entry *add(struct resend_ring *ring, const struct flow_key *key, bool proved,
                                uint64_t grace_us, uint64_t now_us)
{
    struct resend_slot *set = set_of(ring, key);
    struct resend_slot *slot = find_in_set(set, key);
    uint32_t source = source_of(ring, key);

    if (slot != NULL && slot->proved && !proved)
        return NULL;
    if (slot == NULL || slot->proved != proved) {
        if (!has_share(ring, source, proved))
            return NULL;
        if (proved)
            make_way(ring, set);
        slot = slot != NULL ? slot : slot_to_fill(set);
    }
    if (slot->used)
        slot_free(ring, slot);

    slot->entry =
        (struct resend_entry){.key = *key, .stage = grace_us > 0 ? 0 : 1, .sent_us = now_us};
    slot->source = source;
    slot->made = ring->made++;
    slot->used = true;
    slot->proved = proved;
    (*counter_of(ring, source, proved))++;
    ring->count++;
    list_append(ring, slot, slot->entry.stage,
                now_us + (grace_us > 0 ? grace_us : RESEND_FIRST_US));
    return &slot->entry;
}

struct resend_entry *resend_add(struct resend_ring *ring, const struct flow_key *key,
                                uint64_t grace_us, uint64_t now_us)
{
    return add(ring, key, false, grace_us, now_us);
}

struct resend_entry *resend_add_proved(struct resend_ring *ring, const struct flow_key *key,
                                       uint64_t now_us)
{
    return add(ring, key, true, 0, now_us);
}

/* An entry is the first member of its slot. */
void resend_prove(struct resend_ring *ring, struct resend_entry *entry)
{
    struct resend_slot *slot = (void *)entry, *set = set_of(ring, &entry->key);

    if (slot->proved || !has_share(ring, slot->source, true))
        return;
    make_way(ring, set);
    set_proved(ring, slot, true);
}

bool resend_is_proved(const struct resend_entry *entry)
{
    return ((const struct resend_slot *)(const void *)entry)->proved;
}

struct resend_entry *resend_find(struct resend_ring *ring, const struct flow_key *key)
{
    struct resend_slot *slot = slot_of(ring, key);

    if (slot == NULL)
        return NULL;
    slot->entry.stage = slot->stage & 3u;
    return &slot->entry;
}

const struct resend_entry *resend_at(const struct resend_ring *ring, uint32_t slot)
{
    struct resend_slot *at = &ring->slots[slot];

    if (!at->used)
        return NULL;
    at->entry.stage = at->stage & 3u;
    return &at->entry;
}

void resend_remove_from(struct resend_ring *ring, const struct flow_key *key)
{
    struct resend_slot *slot = slot_of(ring, key);

    if (slot != NULL)
        slot_free(ring, slot);
}

/* Of the entries at the heads of the lists, the one due first; NULL where all lists are empty. */
static struct resend_slot *earliest(const struct resend_ring *ring)
{
    struct resend_slot *first = NULL;

    for (uint32_t stage = 0; stage < RESEND_STAGES; stage++) {
        uint32_t head = ring->lists[stage].head;

        if (head != NO_SLOT && (first == NULL || ring->slots[head].due_us < first->due_us))
            first = &ring->slots[head];
    }
    return first;
}

struct resend_entry *resend_due(struct resend_ring *ring, uint64_t now_us, bool *last)
{
    struct resend_slot *slot = earliest(ring);

    if (slot == NULL || slot->due_us > now_us)
        return NULL;
    slot->entry.stage = slot->stage & 3u;
    *last = slot->stage == RESEND_STAGES - 1;
    if (*last) {
        slot_free(ring, slot);
        return &slot->entry;
    }
    list_leave(ring, slot);
    if (slot->stage == 0) {
        slot->entry.sent_us = now_us;
        list_append(ring, slot, 1, now_us + RESEND_FIRST_US);
    } else {
        const uint64_t after_us = slot->stage == 1 ? RESEND_SECOND_US : RESEND_THIRD_US;

        list_append(ring, slot, (uint8_t)(slot->stage + 1), slot->entry.sent_us + after_us);
    }
    return &slot->entry;
}

uint64_t resend_next(const struct resend_ring *ring)
{
    const struct resend_slot *slot = earliest(ring);

    return slot != NULL ? slot->due_us : UINT64_MAX;
}
