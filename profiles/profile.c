/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile.c - see profile.h. */
#include "profiles/profile.h"

#include <string.h>

void profile_init(struct profile *profile, const struct server_key *key)
{
    memset(profile, 0, sizeof(*profile));
    profile->key = *key;
    capabilities_init(&profile->tcp, addr_is_v4(&key->addr));
}

void profile_seen(struct profile *profile, uint64_t wall_us)
{
    const int64_t wall_s = (int64_t)(wall_us / 1000000);
    if (profile->first_seen_s == 0 || wall_s < profile->first_seen_s)
        profile->first_seen_s = wall_s;
    if (wall_s > profile->last_seen_s)
        profile->last_seen_s = wall_s;
}

void profile_name(struct profile *profile, enum protocol_id protocol, enum naming naming)
{
    if (naming <= profile->named)
        return;
    profile->named = naming;
    profile->protocol = protocol;
}

static void count(uint32_t *counter)
{
    if (*counter < UINT32_MAX)
        ++*counter;
}

void profile_spoke_first(struct profile *profile, enum speaker speaker)
{
    switch (speaker) {
    case SPEAKER_CLIENT:
        count(&profile->client_first);
        break;
    case SPEAKER_SERVER:
        count(&profile->server_first);
        break;
    case SPEAKER_UNKNOWN:
        count(&profile->server_only);
        break;
    }
}

void profile_greeting(struct profile *profile, const uint8_t *greeting, size_t bytes)
{
    if (greeting_model_kind(&profile->greeting) == GREETING_STABLE)
        fidelity_add(&profile->fidelity, greeting_model_equals(&profile->greeting, greeting, bytes));
    greeting_model_add(&profile->greeting, greeting, bytes);
}

void profile_request_accepted(struct profile *profile, enum protocol_id protocol, const uint8_t *request,
                              size_t bytes)
{
    profile->requests++;
    profile->accepted |= UINT64_C(1) << protocol;
    if (protocol == PROTOCOL_UNKNOWN)
        pattern_model_add(&profile->pattern, request, bytes);
    profile_name(profile, protocol, protocol == PROTOCOL_UNKNOWN ? NAMED_BY_ANSWER : NAMED_BY_PROTOCOL);
}

/* IPv4 to /24, IPv6 to /64: hosts of one network are one voice. */
static struct ip_addr network_of(const struct ip_addr *addr)
{
    struct ip_addr network = *addr;
    const size_t kept = addr_is_v4(addr) ? 15 : 8;
    memset(network.bytes + kept, 0, sizeof(network.bytes) - kept);
    return network;
}

static void forget_old_drift(struct greeting_drift *drift, uint64_t now_us)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < drift->count; i++)
        if (drift->seen[i].time_us + DRIFT_LIFE_US > now_us)
            drift->seen[kept++] = drift->seen[i];
    drift->count = kept;
}

bool profile_greeting_drift(struct profile *profile, const struct ip_addr *client, uint64_t now_us)
{
    struct greeting_drift *drift = &profile->drift;
    const struct ip_addr network = network_of(client);
    forget_old_drift(drift, now_us);
    for (uint8_t i = 0; i < drift->count; i++)
        if (memcmp(&drift->seen[i].network, &network, sizeof(network)) == 0)
            return false;
    drift->seen[drift->count].network = network;
    drift->seen[drift->count].time_us = now_us;
    if (++drift->count < DRIFT_PREFIXES)
        return false;
    drift->count = 0;
    memset(&profile->greeting, 0, sizeof(profile->greeting));
    memset(&profile->fidelity, 0, sizeof(profile->fidelity));
    profile->requests = 0;
    return true;
}

enum speaker profile_speaks_first(const struct profile *profile)
{
    if (profile->client_first + profile->server_first == 0)
        return profile->server_only > 0 ? SPEAKER_SERVER : SPEAKER_UNKNOWN;
    return profile->server_first > profile->client_first ? SPEAKER_SERVER : SPEAKER_CLIENT;
}

bool profile_armed(const struct profile *profile)
{
    return profile->handshakes >= ARMED_HANDSHAKES && profile->requests >= ARMED_REQUESTS &&
           fidelity_known(&profile->fidelity) && fidelity_value(&profile->fidelity) >= ARMED_FIDELITY;
}

enum request_check profile_check(const struct profile *profile)
{
    if (profile->settings.check != CHECK_DEFAULT)
        return profile->settings.check;
    struct pattern pattern;
    const bool only_unknown = profile->accepted == UINT64_C(1) << PROTOCOL_UNKNOWN;
    return only_unknown && pattern_model_get(&profile->pattern, &pattern) ? CHECK_PATTERN : CHECK_PROTOCOL;
}

enum greeting_kind profile_greeting_kind(const struct profile *profile)
{
    if (profile_speaks_first(profile) != SPEAKER_SERVER)
        return GREETING_UNKNOWN;
    return greeting_model_kind(&profile->greeting);
}

const char *speaker_name(enum speaker speaker)
{
    static const char *const names[] = {
        [SPEAKER_UNKNOWN] = NULL, [SPEAKER_CLIENT] = "client", [SPEAKER_SERVER] = "server"};
    return names[speaker];
}

static const char *const check_names[] = {[CHECK_DEFAULT] = NULL,
                                          [CHECK_PROTOCOL] = "protocol",
                                          [CHECK_PATTERN] = "pattern",
                                          [CHECK_NONE] = "none"};

const char *request_check_name(enum request_check check)
{
    return check_names[check];
}

enum request_check request_check_from_name(const char *name)
{
    for (int check = CHECK_PROTOCOL; check <= CHECK_NONE; check++)
        if (strcmp(name, check_names[check]) == 0)
            return (enum request_check)check;
    return CHECK_DEFAULT;
}
