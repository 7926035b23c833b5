/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c - looks up a server in a policy, and checks requests against it.
 */
#include "engine/server/policy.h"

#include <string.h>

#include "engine/protocols/foreign.h"

const struct server_policy *policy_find(const struct policy *policy, const struct server_key *key)
{
    uint32_t low = 0, high = policy != NULL ? policy->count : 0;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(&policy->servers[middle].key, key, sizeof(*key));

        if (order == 0)
            return &policy->servers[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Does a request of this protocol name what the server was seen to accept? */
static enum match check_keywords(const struct server_policy *server, enum protocol_id id,
                                 const uint8_t *request, size_t bytes)
{
    const struct protocol *protocol = protocol_by_id(id);
    struct keywords_found found;
    enum match readable;

    if (protocol == NULL || protocol->keyword == NULL)
        return MATCH_YES;
    keywords_none(&found);
    readable = protocol->keyword(request, bytes, &found);
    if (readable != MATCH_YES)
        return readable;
    return keywords_accepted(&server->keywords, &found) ? MATCH_YES : MATCH_NO;
}

bool policy_fits_but_keywords(const struct server_policy *server, const uint8_t *request,
                              size_t bytes)
{
    enum protocol_id matched;

    return protocols_check(server->protocols, request, bytes, &matched) == MATCH_YES;
}

static enum match either(enum match a, enum match b)
{
    return b == MATCH_NO ? a : b;
}

/*
 * A pattern that is not proved may ask for more than its clients say, and who has said all would
 * wait for ever: only the end of a line or of a message is worth waiting for.
 */
static bool may_wait(const struct server_policy *server)
{
    return (server->unknown != UNKNOWN_MINOR && server->unknown != UNKNOWN_LIMITED) ||
           server->pattern.line_bytes_max > 0 || server->pattern.lengths > 0;
}

bool policy_may_go_on(const struct server_policy *server, const uint8_t *request, size_t bytes)
{
    return server->unknown == UNKNOWN_MINOR && server->has_pattern &&
           (server->protocols & 1u << PROTOCOL_UNKNOWN) && !may_wait(server) && bytes > 0 &&
           pattern_check(&server->pattern, request, bytes) == MATCH_MORE &&
           foreign_check(server->protocols, request, bytes) != MATCH_YES;
}

bool policy_line_so_far(const struct server_policy *server, const uint8_t *request, size_t bytes)
{
    return server->has_pattern && (server->protocols & 1u << PROTOCOL_UNKNOWN) &&
           pattern_line_so_far(&server->pattern, request, bytes) &&
           foreign_check(server->protocols, request, bytes) != MATCH_YES;
}

/* What can only be another protocol's fits no pattern, however it looks. */
static __attribute__((noinline)) enum match check_pattern(const struct server_policy *server,
                                                          const uint8_t *request, size_t bytes)
{
    enum match match = pattern_check(&server->pattern, request, bytes);

    if (match == MATCH_NO || (match == MATCH_MORE && !may_wait(server)))
        return MATCH_NO;
    return foreign_check(server->protocols, request, bytes) == MATCH_YES ? MATCH_NO : match;
}

/* Is all that speaks against it that there was no room to learn what it names? */
static bool wants_room(const struct server_policy *server, const uint8_t *request, size_t bytes)
{
    struct keywords_found found;
    enum protocol_id matched;
    const struct protocol *protocol;

    if (protocols_check(server->protocols, request, bytes, &matched) != MATCH_YES)
        return false;
    protocol = protocol_by_id(matched);
    if (protocol == NULL || protocol->keyword == NULL)
        return false;
    keywords_none(&found);
    return protocol->keyword(request, bytes, &found) == MATCH_YES &&
           !(keywords_missing(&server->keywords, &found) & ~server->keywords_full);
}

enum refused_as policy_refused_as(const struct server_policy *server, const uint8_t *request,
                                  size_t bytes)
{
    enum protocol_id matched;

    if (server->minor && protocols_check(server->minor, request, bytes, &matched) == MATCH_YES)
        return REFUSED_MINOR;
    if (server->check_keywords && server->keywords_full && wants_room(server, request, bytes))
        return REFUSED_MINOR;
    if (server->unknown == UNKNOWN_REFUSED ||
        foreign_check(server->protocols, request, bytes) == MATCH_YES)
        return REFUSED_WRONG;
    if (server->unknown == UNKNOWN_PROBED)
        return REFUSED_PROBE;
    return server->unknown == UNKNOWN_MINOR ? REFUSED_MINOR : REFUSED_LIMITED;
}

/* Only what is whole is refused as a minor form, and then opened after all. */
static __attribute__((noinline)) enum match may_become_minor(const struct server_policy *server,
                                                             const uint8_t *request, size_t bytes)
{
    enum protocol_id matched;

    return protocols_check(server->minor, request, bytes, &matched) == MATCH_MORE ? MATCH_MORE
                                                                                  : MATCH_NO;
}

enum match policy_match_request(const struct server_policy *server, const uint8_t *request,
                                size_t bytes, enum protocol_id *matched)
{
    enum match match = protocols_check(server->protocols, request, bytes, matched);

    if (match == MATCH_YES && server->check_keywords)
        return check_keywords(server, *matched, request, bytes);
    if (match == MATCH_YES)
        return match;
    *matched = PROTOCOL_UNKNOWN;
    if (match != MATCH_YES && server->has_pattern && (server->protocols & 1u << PROTOCOL_UNKNOWN))
        match = either(match, check_pattern(server, request, bytes));
    if (match != MATCH_YES && (server->hidden & HIDDEN_BITTORRENT))
        match = either(match, mse_check_rest(~server->protocols, request, bytes));
    if (match == MATCH_NO && server->minor)
        match = may_become_minor(server, request, bytes);
    return match;
}
