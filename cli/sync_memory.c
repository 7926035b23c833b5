/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_memory.c - see sync_memory.h. Open addressing under a random key, grown by doubling. */
#include "cli/sync_memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256u

struct slot {
    char *name; /* key, zero, field; NULL: free */
    size_t bytes;
    struct sync_known known;
};

struct sync_memory {
    uint8_t seed[crypto_shorthash_KEYBYTES];
    struct slot *slots;
    size_t size, count;
    const struct sync_seen *seen;
};

struct sync_memory *sync_memory_new(const struct sync_seen *seen)
{
    struct sync_memory *memory = calloc(1, sizeof(*memory));

    if (!memory)
        return NULL;
    randombytes_buf(memory->seed, sizeof(memory->seed));
    memory->seen = seen;
    memory->size = FIRST_SLOTS;
    memory->slots = calloc(memory->size, sizeof(*memory->slots));
    if (memory->slots)
        return memory;
    free(memory);
    return NULL;
}

void sync_memory_free(struct sync_memory *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < memory->size; i++)
        free(memory->slots[i].name);
    free(memory->slots);
    free(memory);
}

static struct slot *slot_of(const struct sync_memory *memory, struct slot *slots, size_t size,
                            const char *name, size_t bytes)
{
    uint64_t hash;
    size_t at;

    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)name, bytes, memory->seed);
    at = hash & (size - 1);
    while (slots[at].name && (slots[at].bytes != bytes || memcmp(slots[at].name, name, bytes) != 0))
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static bool grow(struct sync_memory *memory)
{
    const size_t size = 2 * memory->size;
    struct slot *slots = calloc(size, sizeof(*slots));

    if (!slots)
        return false;
    for (size_t i = 0; i < memory->size; i++)
        if (memory->slots[i].name)
            *slot_of(memory, slots, size, memory->slots[i].name, memory->slots[i].bytes) =
                memory->slots[i];
    free(memory->slots);
    memory->slots = slots;
    memory->size = size;
    return true;
}

void sync_memory_make_room(struct sync_memory *memory, uint64_t before_ms)
{
    struct slot *slots;

    if (memory->count < SYNC_MEMORY_MOST)
        return;
    slots = calloc(memory->size, sizeof(*slots));
    for (size_t i = 0; slots && i < memory->size; i++) {
        struct slot *slot = &memory->slots[i];

        if (!slot->name)
            continue;
        if (slot->known.until_ms < before_ms) {
            free(slot->name);
            memory->count--;
        } else {
            *slot_of(memory, slots, memory->size, slot->name, slot->bytes) = *slot;
        }
    }
    if (!slots)
        return;
    free(memory->slots);
    memory->slots = slots;
}

struct sync_known *sync_memory_of(struct sync_memory *memory, struct sync_place place, bool make)
{
    const size_t key = strlen(place.key) + 1, bytes = key + strlen(place.field);
    char name[512];
    struct slot *slot;

    if (bytes > sizeof(name))
        return NULL;
    memcpy(name, place.key, key);
    memcpy(name + key, place.field, bytes - key);
    slot = slot_of(memory, memory->slots, memory->size, name, bytes);
    if (slot->name || !make)
        return slot->name ? &slot->known : NULL;
    if (memory->count == SYNC_MEMORY_MOST)
        return NULL;
    if (2 * memory->count >= memory->size) {
        if (!grow(memory))
            return NULL;
        slot = slot_of(memory, memory->slots, memory->size, name, bytes);
    }
    slot->name = malloc(bytes);
    if (!slot->name)
        return NULL;
    memcpy(slot->name, name, bytes);
    slot->bytes = bytes;
    sync_seen_id(name, bytes, slot->known.id);
    slot->known.floor = sync_seen_version(memory->seen, slot->known.id);
    memory->count++;
    return &slot->known;
}
