/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile.c - see profile.h. */
#include "profiles/model/profile.h"

#include <string.h>

#define MIXED_FLOWS 3
#define MIXED_SHARE 100 /* one of so many clients is enough */

void profile_init(struct profile *profile, const struct server_key *key)
{
    memset(profile, 0, offsetof(struct profile, ballot));
    ballot_init(&profile->ballot);
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

void profile_left_waiting(struct profile *profile)
{
    if (profile->left_waiting < UINT32_MAX)
        profile->left_waiting++;
}

bool profile_is_mixed(const struct profile *profile)
{
    const uint64_t asked = profile->voices[VOICE_CLIENT], waited = profile->left_waiting;

    return asked >= MIXED_FLOWS && waited >= MIXED_FLOWS && asked * MIXED_SHARE >= waited &&
           waited * MIXED_SHARE >= asked;
}

enum protocol_id profile_greeting_protocol(const struct profile *profile)
{
    size_t bytes = 0;
    const struct greeting_model *greeting = &profile->greeting;
    uint64_t protocols;
    uint64_t accepted;

    if (greeting->bytes == 0)
        return PROTOCOL_UNKNOWN;
    protocols = protocols_of_greeting(greeting->latest, greeting->bytes, &bytes);
    accepted = protocols & profile->accepted;
    return protocol_first(accepted ? accepted : protocols);
}

bool profile_greeting_plan(const struct profile *profile, struct greeting_plan *plan)
{
    return greeting_plan(&profile->greeting, protocol_by_id(profile_greeting_protocol(profile)),
                         profile_settings_in_force(profile).greeting, plan);
}

/*
 * Is there something to compare with? One greeting alone may be of those that never come again
 * (APOP), a template counts from as many on as are needed to say it.
 */
static bool compares_greeting(const struct profile *profile, struct greeting_plan *plan)
{
    const bool stable = greeting_model_kind(&profile->greeting) == GREETING_STABLE;

    return profile->greeting.count >= (stable ? GREETING_COMPARED : GREETING_RELEARNED) &&
           profile_greeting_plan(profile, plan);
}

/*
 * What the server says now is what is foreseen: of those who heard it first nobody heard anything
 * wrong. What others say stays: a server that says now this, now that, is not foreseen.
 */
static void words_replaced(struct profile *profile, struct revision *revision, uint64_t unequal)
{
    const unsigned comparisons = 2u * revision->connections; /* two a connection, at most */

    profile->fidelity.ring |= comparisons < 64 ? (UINT64_C(1) << comparisons) - 1 : UINT64_MAX;
    for (uint8_t i = 0; i < revision->heard.count; i++) {
        struct ballot_row *row = ballot_find(&profile->ballot, revision->heard.prefixes[i]);

        if (row)
            row->votes &= ~unequal;
    }
    revision_equal(revision);
}

/* Seed of the hash that tells whether three prefixes heard the same; it is kept nowhere. */
static uint64_t hash_of(const void *data, size_t bytes)
{
    static const uint64_t seed[2] = {0xa4093822299f31d0u, 0x082efa98ec4e6c89u};

    return table_hash(seed, data, bytes);
}

static bool first_learning(const struct profile *profile)
{
    return profile->requests < ARMED_REQUESTS;
}

/* True where the model takes this greeting, which differs from what was foreseen, in. */
static bool takes_unequal(struct profile *profile, const struct witness *witness,
                          const uint8_t *greeting, size_t bytes)
{
    struct revision *revision = &profile->greeting_revision;
    bool same;

    if (!witness || first_learning(profile))
        return true;
    if (!revision_unequal(revision, profile, witness, hash_of(greeting, bytes)))
        return false;
    same = revision->same;
    if (!same) {
        revision_equal(revision);
        return true; /* it varies */
    }
    greeting_model_replace(&profile->greeting, greeting, bytes);
    words_replaced(profile, revision, VOTE_WORDS_UNEQUAL);
    return false;
}

enum comparison profile_greeting(struct profile *profile, const struct witness *witness,
                                 const uint8_t *greeting, size_t bytes)
{
    enum comparison compared = NOT_COMPARED;
    struct greeting_plan plan;

    if (compares_greeting(profile, &plan)) {
        compared = greeting_plan_fits(&plan, greeting, bytes) ? EQUAL : UNEQUAL;
        fidelity_add(&profile->fidelity, compared == EQUAL);
    }
    if (compared == EQUAL)
        revision_equal(&profile->greeting_revision);
    if (compared != UNEQUAL || takes_unequal(profile, witness, greeting, bytes))
        greeting_model_add(&profile->greeting, greeting, bytes);
    return compared;
}

/* --- SYN-ACK --------------------------------------------------------------------------------- */

/*
 * A path whose MTU is known to be smaller lowers the MSS that the server says to it, and the window
 * with it, which Linux makes a multiple of that: one forged "fragmentation needed" does so.
 */
enum comparison profile_compare_synack(const struct synack_features *planned,
                                       const struct synack_features *granted)
{
    struct synack_features alike = *granted;

    if (synack_features_equal(planned, granted))
        return EQUAL;
    alike.mss = planned->mss;
    alike.window = planned->window;
    return granted->mss && granted->mss < planned->mss && synack_features_equal(planned, &alike)
               ? NOT_ALIKE
               : UNEQUAL;
}

static bool synack_is_replaced(struct profile *profile, const struct witness *witness,
                               enum comparison compared)
{
    if (compared == NOT_ALIKE)
        return loosening_lowers(profile, witness);
    return revision_unequal(&profile->synack_revision, profile, witness, 0);
}

void profile_synack(struct profile *profile, const struct witness *witness,
                    const struct observed_handshake *handshake, enum comparison compared)
{
    const bool foreseen = compared == NOT_COMPARED || compared == EQUAL;

    if (compared == EQUAL || compared == UNEQUAL)
        fidelity_add(&profile->fidelity, compared == EQUAL);
    if (compared == EQUAL)
        revision_equal(&profile->synack_revision);
    if (foreseen || (compared == UNEQUAL && first_learning(profile))) {
        capabilities_vote(&profile->tcp, handshake->offered, &handshake->granted, handshake->ip_id);
    } else if (synack_is_replaced(profile, witness, compared)) {
        capabilities_replace(&profile->tcp, handshake->offered, &handshake->granted);
        words_replaced(profile, &profile->synack_revision, VOTE_SYNACK_UNEQUAL);
        ballot_clear(&profile->ballot, VOTE_LOWER);
    }
}

/* --- forms that look random ------------------------------------------------------------------ */

/* The requests that no file knew were of this form. */
static void unknown_was(struct profile *profile, enum hidden_form form)
{
    struct hidden_evidence *evidence = &profile->evidence;

    profile->hidden |= (uint8_t)form;
    profile->accepted &= ~(UINT64_C(1) << PROTOCOL_UNKNOWN);
    memset(&profile->pattern, 0, sizeof(profile->pattern));
    evidence->like = 0;
    evidence->beginnings_count = 0;
    profile_name(profile, hidden_protocol(form), NAMED_BY_PROTOCOL);
}

bool profile_takes_bittorrent(const struct profile *profile)
{
    return (profile->hidden & HIDDEN_BITTORRENT) || profile->accepted >> PROTOCOL_BITTORRENT & 1;
}

/*
 * One likeness is enough beside BitTorrent in clear. Alone, a connection of another encrypted
 * service may go like one of MSE; but not nearly all of many, with nothing in common, whose first
 * flights both vary widely and never exceed 608 bytes.
 */
static bool unknown_was_mse(const struct profile *profile)
{
    const struct hidden_evidence *evidence = &profile->evidence;

    if (evidence->like == 0 || profile->pattern.accepted > evidence->like + evidence->like / 8)
        return false;
    if (profile_takes_bittorrent(profile))
        return true;
    return evidence->like >= HIDDEN_LIKE_MIN && !pattern_model_common(&profile->pattern) &&
           evidence->client_most - evidence->client_least >= HIDDEN_SPREAD_MIN &&
           evidence->server_most - evidence->server_least >= HIDDEN_SPREAD_MIN;
}

const uint8_t *profile_user_hash(const struct profile *profile)
{
    uint16_t at = 0;
    size_t text_at = 0;
    const uint8_t *name;

    while ((name = keyword_set_next(&profile->keywords, &at, &text_at)) != NULL) {
        const struct keyword_entry *entry = &profile->keywords.entries[at - 1];

        if (entry->kind == KEYWORD_USER_HASH && entry->bytes == EDONKEY_HASH_BYTES)
            return name;
    }
    return NULL;
}

static bool is_obfuscated(const uint8_t *user_hash, const uint8_t beginning[HIDDEN_BEGINNING_BYTES])
{
    const uint8_t *answer = beginning + EDONKEY_HIDDEN_BYTES;

    return edonkey_hidden_check(user_hash, beginning, EDONKEY_HIDDEN_BYTES) == MATCH_YES &&
           edonkey_hidden_accepts(user_hash, beginning, answer, EDONKEY_HIDDEN_ANSWER_BYTES) ==
               ACCEPTANCE_ACCEPTED;
}

/* Those that are remembered speak for all. */
static bool unknown_was_obfuscated(const struct profile *profile)
{
    const struct hidden_evidence *evidence = &profile->evidence;
    const uint32_t unknown = profile->pattern.accepted;
    const uint8_t *user_hash = profile_user_hash(profile);

    if (!user_hash || evidence->beginnings_count == 0 ||
        evidence->beginnings_count <
            (unknown < HIDDEN_BEGINNINGS_MAX ? unknown : HIDDEN_BEGINNINGS_MAX))
        return false;
    for (uint8_t i = 0; i < evidence->beginnings_count; i++)
        if (!is_obfuscated(user_hash, evidence->beginnings[i]))
            return false;
    return true;
}

static void settle_unknown(struct profile *profile)
{
    if (!(profile->accepted >> PROTOCOL_UNKNOWN & 1))
        return;
    if (unknown_was_obfuscated(profile))
        unknown_was(profile, HIDDEN_EDONKEY);
    else if (unknown_was_mse(profile))
        unknown_was(profile, HIDDEN_BITTORRENT);
}

void profile_request_accepted(struct profile *profile, enum protocol_id protocol,
                              const uint8_t *request, size_t bytes)
{
    profile->requests++;
    profile->accepted |= UINT64_C(1) << protocol;
    if (protocol == PROTOCOL_UNKNOWN)
        pattern_model_add(&profile->pattern, request, bytes);
    profile_name(profile, protocol,
                 protocol == PROTOCOL_UNKNOWN ? NAMED_BY_ANSWER : NAMED_BY_PROTOCOL);
    if (protocol == PROTOCOL_BITTORRENT)
        settle_unknown(profile);
}

void profile_hidden_accepted(struct profile *profile, enum hidden_form form)
{
    profile->requests++;
    profile->hidden |= (uint8_t)form;
    profile_name(profile, hidden_protocol(form), NAMED_BY_PROTOCOL);
    settle_unknown(profile);
}

/* What is known of unknown requests follows those that fit it; others by votes. */
static bool pattern_learns(struct profile *profile, const struct witness *witness,
                           const uint8_t *request, size_t bytes)
{
    struct pattern pattern;

    if (first_learning(profile) || !pattern_model_get(&profile->pattern, &pattern) ||
        pattern_check(&pattern, request, bytes) == MATCH_YES)
        return true;
    return loosening_widens(profile, witness, pattern_model_proved(&profile->pattern));
}

void profile_request_witnessed(struct profile *profile, const struct witness *witness,
                               enum protocol_id protocol, const uint8_t *request, size_t bytes)
{
    const bool taken = loosening_takes_form(profile, witness, VOTE_FORM(protocol));

    if (taken && (protocol != PROTOCOL_UNKNOWN || pattern_learns(profile, witness, request, bytes)))
        profile_request_accepted(profile, protocol, request, bytes);
    else
        profile->requests++;
}

void profile_hidden_witnessed(struct profile *profile, const struct witness *witness,
                              enum hidden_form form)
{
    if (loosening_takes_form(profile, witness, VOTE_HIDDEN(form)))
        profile_hidden_accepted(profile, form);
    else
        profile->requests++;
}

static void note_flights(struct hidden_evidence *evidence, const struct flights *like)
{
    const uint16_t client = (uint16_t)like->client_first, server = (uint16_t)like->server_first;
    const bool first = evidence->like == 0;

    if (first || client < evidence->client_least)
        evidence->client_least = client;
    if (first || client > evidence->client_most)
        evidence->client_most = client;
    if (first || server < evidence->server_least)
        evidence->server_least = server;
    if (first || server > evidence->server_most)
        evidence->server_most = server;
    if (evidence->like < UINT32_MAX)
        evidence->like++;
}

void profile_looks_random(struct profile *profile, const uint8_t *request, size_t request_bytes,
                          const uint8_t *answer, size_t answer_bytes, const struct flights *like)
{
    struct hidden_evidence *evidence = &profile->evidence;

    if (request_bytes >= EDONKEY_HIDDEN_BYTES && answer_bytes >= EDONKEY_HIDDEN_ANSWER_BYTES &&
        evidence->beginnings_count < HIDDEN_BEGINNINGS_MAX) {
        uint8_t *beginning = evidence->beginnings[evidence->beginnings_count++];

        memcpy(beginning, request, EDONKEY_HIDDEN_BYTES);
        memcpy(beginning + EDONKEY_HIDDEN_BYTES, answer, EDONKEY_HIDDEN_ANSWER_BYTES);
    }
    if (like)
        note_flights(evidence, like);
    settle_unknown(profile);
}

void profile_name_user(struct profile *profile, const uint8_t hash[EDONKEY_HASH_BYTES])
{
    const uint8_t *known = profile_user_hash(profile);

    if (known && memcmp(known, hash, EDONKEY_HASH_BYTES) != 0)
        keyword_set_forget(&profile->keywords, KEYWORD_USER_HASH);
    keyword_set_add(&profile->keywords, KEYWORD_USER_HASH, hash, EDONKEY_HASH_BYTES);
    settle_unknown(profile);
}

bool profile_greeting_drift(struct profile *profile, const struct witness *witness,
                            const uint8_t *greeting, size_t bytes)
{
    struct revision *revision = &profile->greeting_revision;
    bool same;

    if (!profile_armed(profile))
        return false;
    if (!revision_unequal(revision, profile, witness, hash_of(greeting, bytes)))
        return false;
    same = revision->same && bytes > 0;
    profile->drifts++;
    if (same)
        greeting_model_replace(&profile->greeting, greeting, bytes);
    else
        memset(&profile->greeting, 0, sizeof(profile->greeting));
    words_replaced(profile, revision, VOTE_WORDS_UNEQUAL);
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

bool profile_held_peak(struct profile *profile, uint32_t peak)
{
    const uint32_t known = profile->held_peak,
                   bounded = peak < HELD_PEAK_MAX ? peak : HELD_PEAK_MAX;
    const uint32_t apart = bounded > known ? bounded - known : known - bounded;

    if (apart <= known / 8)
        return false;
    profile->held_peak = bounded;
    return true;
}

void profile_program(struct profile *profile, const char *name)
{
    memset(profile->program, 0, sizeof(profile->program));
    strncpy(profile->program, name, sizeof(profile->program) - 1);
}

double profile_fidelity(const struct profile *profile)
{
    const struct ballot_time time = loosening_time(profile);
    const struct ballot_count equal = ballot_count(&profile->ballot, VOTE_SYNACK_EQUAL, &time),
                              unequal = ballot_count(&profile->ballot, VOTE_SYNACK_UNEQUAL, &time),
                              words = ballot_count(&profile->ballot, VOTE_WORDS_EQUAL, &time),
                              other = ballot_count(&profile->ballot, VOTE_WORDS_UNEQUAL, &time);
    const uint32_t good = (uint32_t)equal.rows_for + words.rows_for,
                   bad = (uint32_t)unequal.rows_for + other.rows_for;

    if (ballot_few(&equal) || good + bad == 0)
        return fidelity_value(&profile->fidelity);
    return (double)good / (good + bad);
}

/* One prefix, however many its connections, has one vote. */
static bool words_hold(const struct profile *profile)
{
    const struct ballot_time time = loosening_time(profile);
    const struct ballot_count all = ballot_count(&profile->ballot, 0, &time);

    if (!fidelity_known(&profile->fidelity))
        return false;
    return ballot_few(&all) ? fidelity_value(&profile->fidelity) >= ARMED_FIDELITY
                            : !loosening_disarms(profile);
}

bool profile_is_udp(const struct profile *profile)
{
    return server_key_is_udp(&profile->key);
}

void profile_query(struct profile *profile, const struct observed_query *query)
{
    profile->requests++;
    profile->accepted |= UINT64_C(1) << PROTOCOL_DNS;
    profile_name(profile, PROTOCOL_DNS, NAMED_BY_PROTOCOL);
    dns_model_add(&profile->dns, query);
}

bool profile_armed(const struct profile *profile)
{
    struct dns_echo echo;

    if (profile_is_udp(profile))
        return profile->requests >= ARMED_REQUESTS && dns_model_echo(&profile->dns, &echo);
    return profile->handshakes >= ARMED_HANDSHAKES && profile->requests >= ARMED_REQUESTS &&
           words_hold(profile);
}

bool profile_known(const struct profile *profile)
{
    return profile_armed(profile) && profile->requests >= KNOWN_REQUESTS &&
           !loosening_stale(profile);
}

/* By what is set, or where that is nothing by what was learned. */
static enum request_check check_by(const struct profile *profile, enum request_check set)
{
    struct pattern pattern;
    bool only_unknown;

    if (set != CHECK_DEFAULT)
        return set;
    only_unknown = profile->accepted == UINT64_C(1) << PROTOCOL_UNKNOWN;
    return only_unknown && pattern_model_get(&profile->pattern, &pattern) ? CHECK_PATTERN
                                                                          : CHECK_PROTOCOL;
}

enum request_check profile_check(const struct profile *profile)
{
    return check_by(profile, profile->settings.check);
}

enum request_check profile_check_in_force(const struct profile *profile)
{
    return check_by(profile, profile_settings_in_force(profile).check);
}

enum greeting_kind profile_greeting_kind(const struct profile *profile)
{
    const struct protocol *protocol;

    if (profile_speaks_first(profile) != SPEAKER_SERVER)
        return GREETING_UNKNOWN;
    protocol = protocol_by_id(profile_greeting_protocol(profile));
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

static const char *const request_names[] = {
    [REQUEST_DEFAULT] = NULL, [REQUEST_WHOLE] = "whole", [REQUEST_BEGUN] = "begun"};

const char *request_setting_name(enum request_setting setting)
{
    return request_names[setting];
}

enum request_setting request_setting_from_name(const char *name)
{
    for (int setting = REQUEST_WHOLE; setting <= REQUEST_BEGUN; setting++)
        if (strcmp(name, request_names[setting]) == 0)
            return (enum request_setting)setting;
    return REQUEST_DEFAULT;
}

static const char *const signed_names[SIGNED_SETTINGS] = {
    [SIGNED_NONE] = "none", [SIGNED_MD5] = "md5", [SIGNED_AO] = "ao", [SIGNED_BOTH] = "both"};

const char *signed_setting_name(enum signed_setting setting)
{
    return signed_names[setting];
}

enum signed_setting signed_setting_from_name(const char *name)
{
    for (int setting = SIGNED_NONE; setting < SIGNED_SETTINGS; setting++)
        if (strcmp(name, signed_names[setting]) == 0)
            return (enum signed_setting)setting;
    return SIGNED_DEFAULT;
}
