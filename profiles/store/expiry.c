/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expiry.c - see expiry.h. */
#include "profiles/store/expiry.h"

#include <stdlib.h>
#include <string.h>

#include "profiles/model/profile.h"
#include "profiles/model/settings.h"

/* The clock is set by so much, or more, if it is set at all: what is less is its own error. */
#define CLOCK_SET_US (600 * INT64_C(1000000))

static bool is_set(const struct profile_settings *settings)
{
    char text[SETTING_VALUE_BYTES];

    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (strcmp(setting_value(settings, i, text), "default") != 0)
            return true;
    return false;
}

int64_t profile_kept_until_s(const struct profile *profile)
{
    return profile->last_seen_s == 0 || is_set(&profile->settings)
               ? 0
               : profile->last_seen_s + PROFILE_LIFE_S;
}

static bool is_over(const struct profile *profile, int64_t wall_s)
{
    const int64_t until_s = profile_kept_until_s(profile);

    return until_s != 0 && wall_s >= until_s;
}

/* A look begins. */
static void look_at_clock(struct expiry *expiry, bool learning, uint64_t now_us, uint64_t wall_us)
{
    const int64_t ahead_us = (int64_t)(wall_us - now_us);

    if (!learning || !expiry->due_us || llabs(ahead_us - expiry->ahead_us) >= CLOCK_SET_US)
        expiry->steady_us = now_us;
    expiry->ahead_us = ahead_us;
    expiry->next = 0;
}

bool expiry_next(struct expiry *expiry, const struct store *store, bool learning, uint64_t now_us,
                 uint64_t wall_us, struct server_key *key)
{
    if (now_us < expiry->due_us)
        return false;
    if (!expiry->next || !expiry->due_us)
        look_at_clock(expiry, learning, now_us, wall_us);
    while (now_us >= expiry->steady_us + EXPIRY_STEADY_US && expiry->next < store_count(store)) {
        const struct profile *profile = store_at(store, expiry->next++);

        if (!is_over(profile, (int64_t)(wall_us / 1000000)))
            continue;
        expiry->next--; /* the next one will stand there */
        *key = profile->key;
        return true;
    }
    expiry->next = 0;
    expiry->due_us = now_us + EXPIRY_EVERY_US;
    return false;
}

static bool is_at(const struct profile *profile, const struct ip_addr *addr)
{
    return profile && memcmp(&profile->key.addr, addr, sizeof(*addr)) == 0;
}

bool expiry_makes_room(const struct store *store, const struct server_key *key,
                       struct server_key *old)
{
    const struct server_key first = {.addr = key->addr};
    const size_t begin = store_behind(store, &first);
    const struct profile *oldest = NULL;

    if (!is_at(store_at(store, begin + PROFILES_OF_ADDRESS - 1), &key->addr))
        return false;
    for (size_t i = begin; is_at(store_at(store, i), &key->addr); i++) {
        const struct profile *profile = store_at(store, i);

        if (!profile_armed(profile) && profile_kept_until_s(profile) &&
            (!oldest || profile->last_seen_s < oldest->last_seen_s))
            oldest = profile;
    }
    if (oldest)
        *old = oldest->key;
    return oldest;
}
