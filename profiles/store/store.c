/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.c - see store.h. An array of pointers in the order of the keys as they are compared with
 * memcmp (address, VLAN, port would not be what people expect, so the order is spelled out in
 * key_order()). The file's side is in store_file.c.
 */
#include "profiles/store/store.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <sodium/randombytes.h>

#include "profiles/model/profile.h"
#include "profiles/model/settings.h"
#include "profiles/store/json_document.h"
#include "profiles/store/profile_json.h"

struct store {
    struct profile **profiles;
    size_t count, capacity;
    uint64_t revision;
    bool shared;
    uint64_t teachers[STORE_TEACHERS_MAX];
    size_t teachers_count;
    struct settings_for *configured; /* by the configuration file */
    size_t configured_count;
    uint8_t ballot_key[BALLOT_KEY_BYTES];
    const struct file_hands *hands;
};

void store_share(struct store *store, bool shared)
{
    store->shared = shared;
}

bool store_shared(const struct store *store)
{
    return store->shared;
}

void store_set_teachers(struct store *store, const uint64_t *ids, size_t count)
{
    store->teachers_count = count < STORE_TEACHERS_MAX ? count : STORE_TEACHERS_MAX;
    if (count)
        memcpy(store->teachers, ids, store->teachers_count * sizeof(*ids));
}

bool store_is_taught(const struct store *store, const struct profile *profile)
{
    for (size_t i = 0; profile->teacher && i < store->teachers_count; i++)
        if (store->teachers[i] == profile->teacher)
            return true;
    return false;
}

struct store *store_new(void)
{
    struct store *store = calloc(1, sizeof(struct store));

    if (store)
        randombytes_buf(store->ballot_key, sizeof(store->ballot_key));
    return store;
}

const uint8_t *store_ballot_key(const struct store *store)
{
    return store->ballot_key;
}

void store_set_ballot_key(struct store *store, const uint8_t key[])
{
    memcpy(store->ballot_key, key, sizeof(store->ballot_key));
}

void store_free(struct store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->count; i++)
        free(store->profiles[i]);
    free(store->profiles);
    free(store->configured);
    free(store);
}

/* (address, port, VLAN). */
static int key_order(const struct server_key *a, const struct server_key *b)
{
    const int addr = memcmp(&a->addr, &b->addr, sizeof(a->addr));

    if (addr != 0)
        return addr;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    for (size_t i = 0; i < 2; i++)
        if (a->vlan.id[i] != b->vlan.id[i])
            return a->vlan.id[i] < b->vlan.id[i] ? -1 : 1;
    return 0;
}

/* The index of the key, or the one where it belongs. */
static size_t place_of(const struct store *store, const struct server_key *key, bool *found)
{
    size_t low = 0, high = store->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = key_order(&store->profiles[middle]->key, key);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

const struct file_hands *store_hands(const struct store *store)
{
    return store->hands;
}

void store_set_hands(struct store *store, const struct file_hands *hands)
{
    store->hands = hands;
}

size_t store_count(const struct store *store)
{
    return store->count;
}

struct profile *store_at(const struct store *store, size_t index)
{
    return index < store->count ? store->profiles[index] : NULL;
}

struct profile *store_find(const struct store *store, const struct server_key *key)
{
    bool found;
    const size_t place = place_of(store, key, &found);

    return found ? store->profiles[place] : NULL;
}

static bool make_room(struct store *store)
{
    size_t capacity;
    struct profile **profiles;

    if (store->count < store->capacity)
        return true;
    capacity = store->capacity ? store->capacity * 2 : 64;
    profiles = realloc(store->profiles, capacity * sizeof(struct profile *));
    if (!profiles)
        return false;
    store->profiles = profiles;
    store->capacity = capacity;
    return true;
}

static void configure(const struct store *store, struct profile *profile)
{
    profile->said = (struct settings_said){0};
    for (size_t i = 0; i < store->configured_count; i++) {
        const struct settings_for *settings = &store->configured[i];

        if (memcmp(&settings->addr, &profile->key.addr, sizeof(settings->addr)) == 0 &&
            (settings->port == 0 || settings->port == profile->key.port))
            settings_said_add(&profile->said, &settings->said);
    }
}

bool store_configure(struct store *store, const struct settings_for *settings, size_t count)
{
    struct settings_for *copy = calloc(count + 1, sizeof(*copy));

    if (!copy)
        return false;
    if (count > 0)
        memcpy(copy, settings, count * sizeof(*copy));
    free(store->configured);
    store->configured = copy;
    store->configured_count = count;
    for (size_t i = 0; i < store->count; i++)
        configure(store, store->profiles[i]);
    store->revision++;
    return true;
}

/* There is room. */
static void insert(struct store *store, size_t place, struct profile *profile)
{
    memmove(store->profiles + place + 1, store->profiles + place,
            (store->count - place) * sizeof(struct profile *));
    store->profiles[place] = profile;
    store->count++;
    store->revision++;
}

struct profile *store_add(struct store *store, const struct server_key *key)
{
    bool found;
    const size_t place = place_of(store, key, &found);
    struct profile *profile;

    if (found)
        return store->profiles[place];
    profile =
        store->count < STORE_PROFILES_MAX && make_room(store) ? malloc(sizeof(*profile)) : NULL;
    if (!profile)
        return NULL;
    profile_init(profile, key);
    configure(store, profile);
    insert(store, place, profile);
    return profile;
}

bool store_put(struct store *store, struct profile *profile)
{
    bool found;
    const size_t place = place_of(store, &profile->key, &found);

    if (found || store->count >= STORE_PROFILES_MAX || !make_room(store))
        return false;
    insert(store, place, profile);
    return true;
}

bool store_forget(struct store *store, const struct server_key *key)
{
    bool found;
    const size_t place = place_of(store, key, &found);

    if (!found)
        return false;
    free(store->profiles[place]);
    store->count--;
    memmove(store->profiles + place, store->profiles + place + 1,
            (store->count - place) * sizeof(struct profile *));
    store->revision++;
    return true;
}

size_t store_behind(const struct store *store, const struct server_key *key)
{
    bool found;
    const size_t place = place_of(store, key, &found);

    return found ? place + 1 : place;
}

/* Moves both into `merged`, in order, which has room for all. */
static void merge_into(struct profile **merged, struct store *store, struct store *from)
{
    size_t count = 0, a = 0, b = 0;

    while (a < store->count || b < from->count) {
        const int order = a == store->count ? 1
                          : b == from->count
                              ? -1
                              : key_order(&store->profiles[a]->key, &from->profiles[b]->key);

        if (order == 0)
            free(store->profiles[a]);
        if (order >= 0)
            configure(store, from->profiles[b]);
        merged[count++] = order < 0 ? store->profiles[a] : from->profiles[b];
        a += order <= 0;
        b += order >= 0;
    }
}

static size_t count_merged(const struct store *store, const struct store *from)
{
    size_t count = store->count;

    for (size_t i = 0; i < from->count; i++)
        count += !store_find(store, &from->profiles[i]->key);
    return count;
}

bool store_merge(struct store *store, struct store *from)
{
    const size_t count = count_merged(store, from);
    struct profile **merged =
        count <= STORE_PROFILES_MAX ? malloc((count + 1) * sizeof(struct profile *)) : NULL;

    if (!merged)
        return false;
    merge_into(merged, store, from);
    free(store->profiles);
    store->profiles = merged;
    store->count = count;
    store->capacity = count + 1;
    store->revision++;
    from->count = 0;
    return true;
}

uint64_t store_revision(const struct store *store)
{
    return store->revision;
}

void store_touch(struct store *store)
{
    store->revision++;
}

struct json_object *store_to_json(const struct store *store)
{
    struct json_object *profiles = json_object_new_array_ext((int)store->count);
    struct json_object *document;

    for (size_t i = 0; i < store->count; i++)
        json_object_array_add(profiles, profile_to_json(store->profiles[i]));
    document = json_object_new_object();
    json_object_object_add(document, "synward", synward_to_json());
    json_object_object_add(document, "profiles", profiles);
    return document;
}
