/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile.c - see compile.h.
 *
 * How a server is opened (rule 1, 2, 2.5 and 6):
 *
 *      speaks first   armed, can be checked        otherwise
 *      client         CHECK                        COOKIE_REQUEST (known from >= SPEAKER_FLOWS
 *                                                  flows), else COOKIE
 *      server         GREET where the greeting     COOKIE
 *                     may be said for it
 *                     (greeting_plan.h), else COOKIE
 *      not known      -                            COOKIE
 *      either         COOKIE                       COOKIE
 *
 * Either: some clients wait for its word and others are waited for (profile_is_mixed()). What we
 * say, or wait for, would be wrong for one kind.
 *
 * A server whose greeting was only ever seen behind its clients' first data (SSH) counts as
 * speaking first.
 *
 * "Can be checked": the check in force has a protocol with accepted requests, or a pattern, or
 * there were enough accepted requests of a service that no file knows. Its requests may be right
 * although nothing describes them (enum unknown_requests); where the operator wants keywords
 * checked, what nothing describes is refused.
 *
 * What becomes of a promise that changed: promises.h.
 */
#include "profiles/compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/tcp/cookie.h"
#include "profiles/model/profile.h"
#include "profiles/promises.h"

#define SPEAKER_FLOWS  3
#define EARLY_GRACE_US 20000u /* an ACK and the data behind it take the same way */

/* Instead of a number: the hash of what is promised. */
#define GENERATION_BY_BYTES UINT32_MAX

/* --- opening --------------------------------------------------------------------------------- */

/* The key is the policy's own: nobody outside can know how names hash, and no restart repeats it.
 */
static void set_keywords(const struct profile *profile, struct server_policy *server)
{
    server->check_keywords = true;
    randombytes_buf(server->keywords.key, sizeof(server->keywords.key));
    keyword_set_fill(&profile->keywords, &server->keywords);
    server->keywords_full = keyword_set_full(&profile->keywords);
}

/*
 * The forms that look random. What BitTorrent asks for in cipher cannot be read, so keywords leave
 * it out; eMule's cipher is opened by what it asks for.
 */
static void set_hidden(const struct profile *profile, enum request_check check,
                       struct server_policy *server)
{
    const uint8_t *user_hash = profile_user_hash(profile);

    server->hidden = check == CHECK_PATTERN ? 0 : profile->hidden;
    if (check == CHECK_KEYWORD)
        server->hidden &= (uint8_t)~HIDDEN_BITTORRENT;
    if (user_hash)
        memcpy(server->user_hash, user_hash, sizeof(server->user_hash));
    else
        server->hidden &= (uint8_t)~HIDDEN_EDONKEY;
}

/* What is not described may be right where the server accepts what no file knows. */
static enum unknown_requests unknown_requests(const struct profile *profile,
                                              const struct server_policy *server)
{
    const uint64_t unknown = UINT64_C(1) << PROTOCOL_UNKNOWN;
    const enum request_check check = profile_check_in_force(profile);

    if (check == CHECK_KEYWORD)
        return UNKNOWN_REFUSED;
    if (!(profile->accepted & unknown))
        return loosening_minor(profile) & unknown ? UNKNOWN_MINOR : UNKNOWN_REFUSED;
    if (server->has_pattern && pattern_model_proved(&profile->pattern))
        return UNKNOWN_PROBED;
    if (server->has_pattern || (profile->accepted & ~unknown))
        return UNKNOWN_MINOR;
    return profile->pattern.accepted >= PATTERN_REQUESTS_MIN ? UNKNOWN_LIMITED : UNKNOWN_REFUSED;
}

/* Fills in what requests are checked against. False where they cannot be checked. */
static bool set_check(const struct profile *profile, struct server_policy *server)
{
    const uint64_t unknown = UINT64_C(1) << PROTOCOL_UNKNOWN;
    const enum request_check check = profile_check_in_force(profile);

    if (check == CHECK_NONE)
        return false;
    server->has_pattern = pattern_model_get(&profile->pattern, &server->pattern);
    pattern_shorten(&server->pattern);
    server->protocols = check == CHECK_PATTERN ? 0 : profile->accepted & ~unknown;
    if (server->has_pattern)
        server->protocols |= unknown;
    server->unknown = unknown_requests(profile, server);
    server->minor = check == CHECK_PATTERN ? 0 : loosening_minor(profile) & VOTE_FORMS & ~unknown;
    if (check == CHECK_KEYWORD && profile->keywords.count > 0)
        set_keywords(profile, server);
    set_hidden(profile, check, server);
    return server->protocols != 0 || server->hidden != 0 || server->unknown == UNKNOWN_LIMITED;
}

/* False: the server greets for itself. */
static bool greeting_is_known(const struct profile *profile, struct greeting_plan *plan)
{
    return profile->greeting.count >= GREETING_RELEARNED && profile_greeting_plan(profile, plan);
}

/*
 * Where all clients seen spoke so early that the greeting acknowledged their data (SSH), the server
 * greets nevertheless, and others will wait for that.
 */
static enum speaker who_is_waited_for(const struct profile *profile)
{
    const enum speaker speaker = profile_speaks_first(profile);
    const bool greets = profile->greeting.count > 0 && profile->voices[VOICE_CLIENT] == 0;

    return speaker == SPEAKER_CLIENT && greets ? SPEAKER_SERVER : speaker;
}

static enum opening_kind choose_opening(const struct profile *profile, bool checked, bool greets)
{
    const bool known_client = profile->voices[VOICE_CLIENT] >= SPEAKER_FLOWS;

    if (profile_is_mixed(profile))
        return OPENING_COOKIE;
    switch (who_is_waited_for(profile)) {
    case SPEAKER_CLIENT:
        if (checked && profile_armed(profile))
            return OPENING_CHECK;
        return known_client ? OPENING_COOKIE_REQUEST : OPENING_COOKIE;
    case SPEAKER_SERVER:
        return checked && profile_armed(profile) && greets ? OPENING_GREET : OPENING_COOKIE;
    case SPEAKER_UNKNOWN:
        break;
    }
    return OPENING_COOKIE;
}

/* Clients that may not be early have nothing to gain by a wait. */
static uint32_t greeting_grace(const struct profile *profile, enum protocol_id greets_in)
{
    const struct protocol *protocol = protocol_by_id(greets_in);

    if (protocol && protocol->early_talk_is_wrong)
        return 0;
    return grace_us(&profile->grace, protocol ? protocol->greeting_grace_us : 0);
}

/* Where nobody can greet for the server: long enough for a request that is sent right behind the
 * handshake's ACK, too short for whoever waits for the greeting to notice. */
static uint32_t early_grace(const struct profile *profile)
{
    const uint32_t measured = grace_us(&profile->grace, 0);

    return measured > EARLY_GRACE_US ? measured : EARLY_GRACE_US;
}

/* What the server has signed its SYN-ACKs with, in handshakes that were completed. */
static uint8_t signs_by_itself(const struct synack_model *model)
{
    uint8_t signs = 0;

    for (uint8_t i = 0; i < model->variants_count; i++) {
        const struct synack_variant *variant = &model->variants[i];

        if (!(variant->offered & OFFER_SIGNED) || variant->seen == 0)
            continue;
        if (memchr(variant->layout, TCP_OPT_MD5, variant->layout_bytes))
            signs |= OPTION_MD5;
        if (memchr(variant->layout, TCP_OPT_AO, variant->layout_bytes))
            signs |= OPTION_AO;
    }
    return signs;
}

static uint8_t choose_signs(const struct profile *profile)
{
    static const uint8_t by_setting[SIGNED_SETTINGS] = {
        [SIGNED_MD5] = OPTION_MD5, [SIGNED_AO] = OPTION_AO, [SIGNED_BOTH] = OPTION_AUTHENTICATED};
    const enum signed_setting setting = profile_settings_in_force(profile).signed_syns;

    return setting == SIGNED_DEFAULT ? signs_by_itself(&profile->tcp.model) : by_setting[setting];
}

/* Until enough of its answers are known it is never protected. */
static void compile_udp(const struct profile *profile, struct server_policy *server)
{
    const struct profile_settings settings = profile_settings_in_force(profile);

    server->key = profile->key;
    server->armed = profile_armed(profile);
    server->opening = server->armed ? OPENING_CHECK : OPENING_PASS;
    server->protocols = profile->accepted;
    server->triggers = settings.triggers;
    dns_model_echo(&profile->dns, &server->echo);
}

/* Returns when it is to be made anew; 0: no sooner than ever. */
static uint64_t compile_server(const struct profile *profile, const struct server_policy *previous,
                               uint32_t generation, uint64_t now_us, struct server_policy *server)
{
    const struct profile_settings settings = profile_settings_in_force(profile);
    const bool by_bytes = generation == GENERATION_BY_BYTES;
    struct greeting_plan plan = {0};
    struct promise wanted;
    bool checked;
    bool known;
    uint64_t due_us;

    if (profile_is_udp(profile)) {
        compile_udp(profile, server);
        return 0;
    }
    server->key = profile->key;
    server->armed = profile_armed(profile);
    server->known = profile_known(profile);
    checked = set_check(profile, server);
    known = greeting_is_known(profile, &plan);
    server->opening = choose_opening(profile, checked, known);
    server->checks_early = checked && server->armed;
    server->greeting_protocol = profile_greeting_protocol(profile);
    server->greeting_grace_us = greeting_grace(profile, server->greeting_protocol);
    server->signs = choose_signs(profile);
    server->opens_begun = settings.request == REQUEST_BEGUN;
    server->open_per_second = settings.open_per_second;
    server->open_per_source_per_second = settings.open_per_source;
    server->triggers = settings.triggers;
    server->held_peak = profile->held_peak;
    promise_of_profile(profile, server->opening == OPENING_GREET ? &plan : NULL, &server->now);
    wanted = server->now;
    if (by_bytes)
        generation = promise_generation(&wanted);
    /* One that is counted is another where others go by bytes. */
    if (previous && by_bytes && promise_generation(&previous->now) != previous->now.generation)
        previous = NULL;
    due_us = promise_settle(server, previous, profile->cookies_until_us > now_us, generation,
                            by_bytes, now_us);
    /* The promise in force may be an older one, without a greeting or with another. */
    if (server->opening == OPENING_GREET && !promise_greetings_alike(&server->now, &wanted))
        server->opening = OPENING_COOKIE;
    if (server->opening == OPENING_COOKIE && server->checks_early)
        server->early_grace_us = early_grace(profile);
    return due_us;
}

static int by_key(const void *left, const void *right)
{
    const struct server_policy *a = left, *b = right;

    return memcmp(&a->key, &b->key, sizeof(a->key));
}

bool policy_compiling_begin(struct policy_compiling *compiling, const struct store *store,
                            const struct policy *previous, uint64_t now_us)
{
    const size_t count = store_count(store);

    *compiling = (struct policy_compiling){.store = store,
                                           .previous = previous,
                                           .now_us = now_us,
                                           .revision = store_revision(store),
                                           .room = (uint32_t)count};
    compiling->policy = calloc(1, policy_bytes((uint32_t)count));
    if (!compiling->policy)
        return false;
    compiling->policy->generation = previous ? previous->generation + 1 : 1;
    return true;
}

/* The next server goes behind all others, unless their keys' bytes stand otherwise. */
static void add_server(struct policy_compiling *compiling, const struct profile *profile)
{
    struct policy *policy = compiling->policy;
    struct server_policy *server = &policy->servers[policy->count];
    const uint64_t due_us = compile_server(
        profile, policy_find(compiling->previous, &profile->key),
        store_shared(compiling->store) ? GENERATION_BY_BYTES : (uint32_t)policy->generation,
        compiling->now_us, server);

    if (due_us && (policy->due_us == 0 || due_us < policy->due_us))
        policy->due_us = due_us;
    compiling->unsorted |= policy->count > 0 && by_key(server - 1, server) > 0;
    policy->count++;
    compiling->last = profile->key;
}

bool policy_compiling_step(struct policy_compiling *compiling)
{
    struct policy *policy = compiling->policy;
    size_t index = policy->count > 0 ? store_behind(compiling->store, &compiling->last) : 0;

    for (unsigned i = 0; i < POLICY_PIECE; i++, index++) {
        const struct profile *profile = store_at(compiling->store, index);

        if (profile && policy->count < compiling->room) {
            add_server(compiling, profile);
            continue;
        }
        if (compiling->unsorted)
            qsort(policy->servers, policy->count, sizeof(*policy->servers), by_key);
        return false;
    }
    return true;
}

struct policy *policy_compile(const struct store *store, const struct policy *previous,
                              uint64_t now_us)
{
    struct policy_compiling compiling;

    if (!policy_compiling_begin(&compiling, store, previous, now_us))
        return NULL;
    while (policy_compiling_step(&compiling))
        ;
    return compiling.policy;
}

/* --- what is enforced ------------------------------------------------------------------------ */

static const char *why_not_armed(const struct profile *profile, char text[ENFORCED_TEXT_BYTES])
{
    if (profile->handshakes < ARMED_HANDSHAKES || profile->requests < ARMED_REQUESTS)
        snprintf(text, ENFORCED_TEXT_BYTES,
                 "not armed yet, %llu of %d handshakes, %llu of %d requests",
                 (unsigned long long)profile->handshakes, ARMED_HANDSHAKES,
                 (unsigned long long)profile->requests, ARMED_REQUESTS);
    else
        snprintf(text, ENFORCED_TEXT_BYTES, "not armed, what it says is not foreseen often enough");
    return text;
}

static const char *why_unchecked(const struct profile *profile, bool checked,
                                 char text[ENFORCED_TEXT_BYTES])
{
    if (profile_check_in_force(profile) == CHECK_NONE)
        return "check=none was set";
    if (!profile_armed(profile))
        return why_not_armed(profile, text);
    if (!checked)
        return "no request was accepted that can be checked";
    if (who_is_waited_for(profile) == SPEAKER_UNKNOWN)
        return "who speaks first is not known";
    if (profile_is_mixed(profile))
        return "some clients wait for its word; who does not is checked";
    return profile_greeting_kind(profile) == GREETING_VARIABLE
               ? "its greeting changes; who does not wait for it is checked"
               : "its greeting is not known; who does not wait for it is checked";
}

static const char *checked_by(const struct server_policy *server)
{
    const uint64_t unknown = UINT64_C(1) << PROTOCOL_UNKNOWN;

    if (server->check_keywords)
        return "keyword";
    if (!(server->protocols & ~unknown) && !server->hidden)
        return "pattern";
    return server->protocols & unknown ? "protocol or pattern" : "protocol";
}

/* Of a server that opens after a check. */
static void describe_check(const struct profile *profile, const struct server_policy *server,
                           char text[ENFORCED_TEXT_BYTES])
{
    if (server->protocols == 0 && server->hidden == 0)
        snprintf(text, ENFORCED_TEXT_BYTES, "unchecked: requests have no pattern, only limits");
    else
        snprintf(text, ENFORCED_TEXT_BYTES, "%s%s%s", checked_by(server),
                 server->unknown == UNKNOWN_MINOR ? ", others at a low rate" : "",
                 loosening_stale(profile) ? ", stale" : "");
}

static char *udp_enforced(const struct profile *profile, char text[ENFORCED_TEXT_BYTES])
{
    struct dns_echo echo;

    if (profile_armed(profile))
        snprintf(text, ENFORCED_TEXT_BYTES, "a query over TCP first");
    else if (profile->requests >= ARMED_REQUESTS && !dns_model_echo(&profile->dns, &echo))
        snprintf(text, ENFORCED_TEXT_BYTES, "nothing: its answers do not say what was asked");
    else
        snprintf(text, ENFORCED_TEXT_BYTES, "nothing: not armed yet, %llu of %d answers",
                 (unsigned long long)profile->requests, ARMED_REQUESTS);
    return text;
}

static char *tcp_enforced(const struct profile *profile, char text[ENFORCED_TEXT_BYTES])
{
    struct server_policy *server = calloc(1, sizeof(*server));
    struct greeting_plan plan = {0};
    char why[ENFORCED_TEXT_BYTES];
    bool checked;
    enum opening_kind opening;

    if (!server) {
        snprintf(text, ENFORCED_TEXT_BYTES, "not known: out of memory");
        return text;
    }
    checked = set_check(profile, server);
    opening = choose_opening(profile, checked, greeting_is_known(profile, &plan));
    if (opening == OPENING_CHECK || opening == OPENING_GREET)
        describe_check(profile, server, text);
    else
        snprintf(text, ENFORCED_TEXT_BYTES, "unchecked: %.140s",
                 why_unchecked(profile, checked, why));
    free(server);
    return text;
}

char *profile_enforced(const struct profile *profile, char text[ENFORCED_TEXT_BYTES])
{
    return profile_is_udp(profile) ? udp_enforced(profile, text) : tcp_enforced(profile, text);
}

static void hash_names(crypto_generichash_state *state, const struct keyword_set *set)
{
    for (uint16_t i = 0; i < set->count; i++) {
        promise_hash_bytes(state, &set->entries[i].kind, 1);
        promise_hash_bytes(state, &set->entries[i].bytes, 1);
    }
    promise_hash_bytes(state, set->text, set->text_bytes);
}

/* Both promises but for what is counted only, and what is made by chance. */
char *profile_mark(const struct profile *profile, char text[MARK_TEXT_BYTES])
{
    struct server_policy *server = calloc(1, sizeof(*server));
    uint8_t hash[(MARK_TEXT_BYTES - 1) / 2] = {0};
    crypto_generichash_state state;

    if (server) {
        compile_server(profile, NULL, GENERATION_BY_BYTES, 0, server);
        crypto_generichash_init(&state, NULL, 0, sizeof(hash));
        hash_names(&state, &profile->keywords);
        promise_hash_bytes(&state, (const uint8_t *)&server->now.generation,
                           sizeof(server->now.generation));
        memset(&server->now, 0, sizeof(server->now));
        memset(&server->keywords, 0, sizeof(server->keywords));
        server->held_peak = server->greeting_grace_us = server->early_grace_us = 0;
        promise_hash_bytes(&state, (const uint8_t *)server, sizeof(*server));
        crypto_generichash_final(&state, hash, sizeof(hash));
    }
    free(server);
    return sodium_bin2hex(text, MARK_TEXT_BYTES, hash, sizeof(hash));
}
