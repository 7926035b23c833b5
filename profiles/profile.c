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

void profile_spoke_first(struct profile *profile, enum voice voice)
{
    if (profile->voices[voice] < UINT32_MAX)
        profile->voices[voice]++;
}

enum protocol_id profile_greeting_protocol(const struct profile *profile)
{
    size_t bytes = 0;
    const struct greeting_model *greeting = &profile->greeting;
    if (greeting->bytes == 0)
        return PROTOCOL_UNKNOWN;
    const uint64_t protocols = protocols_of_greeting(greeting->latest, greeting->bytes, &bytes),
                   accepted = protocols & profile->accepted;
    return protocol_first(accepted ? accepted : protocols);
}

bool profile_greeting_plan(const struct profile *profile, struct greeting_plan *plan)
{
    return greeting_plan(&profile->greeting, protocol_by_id(profile_greeting_protocol(profile)),
                         profile->settings.greeting, plan);
}

/* Is there something to compare with? A template counts from as many greetings on as are needed to say it. */
static bool compares_greeting(const struct profile *profile, struct greeting_plan *plan)
{
    return profile_greeting_plan(profile, plan) &&
           (greeting_model_kind(&profile->greeting) == GREETING_STABLE ||
            profile->greeting.count >= GREETING_RELEARNED);
}

void profile_greeting(struct profile *profile, const uint8_t *greeting, size_t bytes)
{
    struct greeting_plan plan;
    if (compares_greeting(profile, &plan)) {
        const bool equal = greeting_plan_fits(&plan, greeting, bytes);
        fidelity_add(&profile->fidelity, equal);
        if (equal)
            profile->drift.count = 0;
    }
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

/* IPv4 as it is, IPv6 to /64: what one client may have is one voice. */
static struct ip_addr source_of(const struct ip_addr *addr)
{
    struct ip_addr source = *addr;
    if (!addr_is_v4(addr))
        memset(source.bytes + 8, 0, sizeof(source.bytes) - 8);
    return source;
}

bool profile_greeting_drift(struct profile *profile, const struct ip_addr *client)
{
    struct greeting_drift *drift = &profile->drift;
    const struct ip_addr source = source_of(client);
    if (!profile_armed(profile))
        return false;
    for (uint8_t i = 0; i < drift->count; i++)
        if (memcmp(&drift->sources[i], &source, sizeof(source)) == 0)
            return false;
    drift->sources[drift->count] = source;
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
    const uint32_t *voices = profile->voices;
    if (voices[VOICE_CLIENT] + (uint64_t)voices[VOICE_SERVER] > 0)
        return voices[VOICE_SERVER] > voices[VOICE_CLIENT] ? SPEAKER_SERVER : SPEAKER_CLIENT;
    if (voices[VOICE_CLIENT_REFUSED] > 0)
        return SPEAKER_CLIENT;
    return voices[VOICE_SERVER_ONLY] > 0 ? SPEAKER_SERVER : SPEAKER_UNKNOWN;
}

void profile_program(struct profile *profile, const char *name)
{
    memset(profile->program, 0, sizeof(profile->program));
    strncpy(profile->program, name, sizeof(profile->program) - 1);
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
    const struct protocol *protocol = protocol_by_id(profile_greeting_protocol(profile));
    if (protocol && protocol->greeting_form == GREETING_FORM_SALTED)
        return GREETING_VARIABLE;
    return greeting_model_kind(&profile->greeting);
}

const char *speaker_name(enum speaker speaker)
{
    static const char *const names[] = {
        [SPEAKER_UNKNOWN] = NULL, [SPEAKER_CLIENT] = "client", [SPEAKER_SERVER] = "server"};
    return names[speaker];
}

const char *voice_name(enum voice voice)
{
    static const char *const names[] = {[VOICE_CLIENT] = "client",
                                        [VOICE_SERVER] = "server",
                                        [VOICE_CLIENT_REFUSED] = "client_refused",
                                        [VOICE_SERVER_ONLY] = "server_only"};
    return names[voice];
}

static const char *const check_names[] = {[CHECK_DEFAULT] = NULL,
                                          [CHECK_PROTOCOL] = "protocol",
                                          [CHECK_KEYWORD] = "keyword",
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
