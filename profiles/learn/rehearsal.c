/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rehearsal.c - see rehearsal.h. */
#include "profiles/learn/rehearsal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "engine/protocols/hidden.h"

#define BUCKETS 2048u /* power of two, more than REHEARSED_SERVERS */

struct rehearsal {
    struct rehearsed_server *servers[REHEARSED_SERVERS];
    uint32_t count;
    uint32_t buckets[BUCKETS]; /* index + 1; 0: empty. A server stands in the first free one from
                                  its hash on */
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    uint64_t passed_over;
    bool timeless;
};

/* --- judging --------------------------------------------------------------------------------- */

/* Of the forms that look random: what the engine would decipher (stages/request_check.h). */
static bool fits_hidden(const struct server_policy *policy, const uint8_t *request, size_t bytes)
{
    return (policy->hidden & HIDDEN_EDONKEY) &&
           edonkey_hidden_check(policy->user_hash, request, bytes) == MATCH_YES;
}

static enum rehearsed why_refused(const struct server_policy *policy, const uint8_t *request,
                                  size_t bytes)
{
    const enum protocol_id looks = protocol_of_request(request, bytes);

    if (policy_refused_as(policy, request, bytes) != REFUSED_WRONG)
        return REHEARSED_rare;
    if (policy_wrong_keyword(policy, request, bytes))
        return REHEARSED_wrong_name;
    if (looks != PROTOCOL_UNKNOWN && !(policy->protocols >> looks & 1))
        return REHEARSED_other_protocol;
    return REHEARSED_wrong_form;
}

static bool checks(const struct server_policy *policy)
{
    return policy && policy->armed &&
           (policy->opening == OPENING_CHECK || policy->opening == OPENING_GREET);
}

static enum rehearsed judge(const struct server_policy *policy, const uint8_t *request,
                            size_t bytes)
{
    switch (policy_check_request(policy, request, bytes)) {
    case MATCH_YES:
        return REHEARSED_right;
    case MATCH_MORE:
        return REHEARSED_unfinished;
    case MATCH_NO:
        break;
    }
    return fits_hidden(policy, request, bytes) ? REHEARSED_right
                                               : why_refused(policy, request, bytes);
}

enum rehearsed rehearsal_judge(const struct server_policy *policy,
                               const struct rehearsed_request *request)
{
    const size_t first = request->answered > 0 && request->answered < request->length
                             ? request->answered
                             : request->length;
    enum rehearsed reason;

    if (!checks(policy))
        return REHEARSED_unchecked;
    reason = judge(policy, request->bytes, first);
    if (reason == REHEARSED_unfinished && first < request->length)
        reason = judge(policy, request->bytes, request->length);
    return reason == REHEARSED_unfinished && request->more ? REHEARSED_too_long : reason;
}

/* --- counting -------------------------------------------------------------------------------- */

struct rehearsal *rehearsal_new(bool timeless)
{
    struct rehearsal *rehearsal = calloc(1, sizeof(*rehearsal));

    if (!rehearsal)
        return NULL;
    crypto_shorthash_keygen(rehearsal->hash_key);
    rehearsal->timeless = timeless;
    return rehearsal;
}

void rehearsal_free(struct rehearsal *rehearsal)
{
    if (!rehearsal)
        return;
    for (uint32_t i = 0; i < rehearsal->count; i++)
        free(rehearsal->servers[i]);
    free(rehearsal);
}

/* The bucket that names the server, or in which it would stand. */
static uint32_t *bucket_of(struct rehearsal *rehearsal, const struct server_key *key)
{
    uint64_t hash;
    uint32_t *bucket;

    crypto_shorthash((uint8_t *)&hash, (const uint8_t *)key, sizeof(*key), rehearsal->hash_key);
    for (;; hash++) {
        bucket = &rehearsal->buckets[hash % BUCKETS];
        if (*bucket == 0 || memcmp(&rehearsal->servers[*bucket - 1]->key, key, sizeof(*key)) == 0)
            return bucket;
    }
}

static struct rehearsed_server *server_of(struct rehearsal *rehearsal, const struct server_key *key)
{
    uint32_t *bucket = bucket_of(rehearsal, key);
    struct rehearsed_server *server;

    if (*bucket != 0)
        return rehearsal->servers[*bucket - 1];
    server = rehearsal->count < REHEARSED_SERVERS ? calloc(1, sizeof(*server)) : NULL;
    if (!server)
        return NULL;
    server->key = *key;
    rehearsal->servers[rehearsal->count++] = server;
    *bucket = rehearsal->count;
    return server;
}

static struct rehearsed_count *count_of(struct rehearsed_server *server, enum rehearsed reason,
                                        uint64_t wall_s)
{
    const uint64_t number = wall_s / REHEARSED_SLICE_S;
    struct rehearsed_slice *slice = &server->slices[number % REHEARSED_SLICES];

    if (slice->number != number)
        *slice = (struct rehearsed_slice){.number = number};
    return &slice->counts[reason];
}

static void keep_example(struct rehearsed_example *example, const struct rehearsed_request *request)
{
    const size_t bytes =
        request->length < REHEARSED_EXAMPLE_BYTES ? request->length : REHEARSED_EXAMPLE_BYTES;

    /* One that the server took is what an operator has to see. */
    if (example->at_s != 0 && example->accepted && !request->accepted)
        return;
    *example = (struct rehearsed_example){
        .at_s = request->wall_s,
        .client = *request->client,
        .protocol = protocol_of_request(request->bytes, request->length),
        .accepted = request->accepted,
        .bytes = (uint8_t)bytes,
    };
    memcpy(example->text, request->bytes, bytes);
}

void rehearsal_take(struct rehearsal *rehearsal, const struct server_key *key,
                    const struct server_policy *policy, const struct rehearsed_request *request)
{
    const enum rehearsed reason = rehearsal_judge(policy, request);
    struct rehearsed_server *server = server_of(rehearsal, key);
    struct rehearsed_count *count;

    if (!server) {
        rehearsal->passed_over++;
        return;
    }
    count = count_of(server, reason, rehearsal->timeless ? 0 : request->wall_s);
    count->all++;
    count->accepted += request->accepted;
    if (reason != REHEARSED_right && reason != REHEARSED_unchecked)
        keep_example(&server->examples[reason], request);
}

/* --- telling --------------------------------------------------------------------------------- */

const struct rehearsed_server *rehearsal_server(const struct rehearsal *rehearsal, uint32_t index)
{
    return index < rehearsal->count ? rehearsal->servers[index] : NULL;
}

uint64_t rehearsal_passed_over(const struct rehearsal *rehearsal)
{
    return rehearsal->passed_over;
}

struct rehearsed_count rehearsal_count(const struct rehearsed_server *server, enum rehearsed reason,
                                       uint64_t wall_s, uint64_t for_s)
{
    const uint64_t now = wall_s / REHEARSED_SLICE_S;
    const uint64_t first = wall_s < for_s ? 0 : (wall_s - for_s) / REHEARSED_SLICE_S;
    struct rehearsed_count sum = {0};

    for (uint32_t i = 0; i < REHEARSED_SLICES; i++) {
        const struct rehearsed_slice *slice = &server->slices[i];

        if (slice->number < first || slice->number > now)
            continue;
        sum.all += slice->counts[reason].all;
        sum.accepted += slice->counts[reason].accepted;
    }
    return sum;
}

const char *rehearsal_name(enum rehearsed reason)
{
    static const char *const names[] = {
#define NAME(name, words) #name,
        REHEARSED(NAME)
#undef NAME
    };

    return names[reason];
}

const char *rehearsal_words(enum rehearsed reason)
{
    static const char *const all[] = {
#define WORDS(name, words) words,
        REHEARSED(WORDS)
#undef WORDS
    };

    return all[reason];
}
