/* SPDX-License-Identifier: GPL-2.0-or-later */
/* request_check.c - see request_check.h. */
#include "engine/stages/request_check.h"

#include "engine/protocols/hidden.h"
#include "engine/tables/source_prefix.h"

/* Or'ed with the server's index; request.c has the bit above, syn.c the one below */
#define LIMIT_SCOPE_DECIPHER 0x40000000u
#define LIMIT_SCOPE_MINOR    0x20000000u
#define LIMIT_SCOPE_NETWORK  0x08000000u

static bool may_decipher(struct engine *engine, struct server *server, const struct ip_addr *client,
                         uint64_t now_us)
{
    uint32_t scope = LIMIT_SCOPE_DECIPHER | (uint32_t)(server - engine->servers.slots);

    return source_limiter_take(&engine->limits, client, scope, DECIPHER_PER_SOURCE,
                               DECIPHER_PER_SOURCE, now_us) &&
           token_take(&server->deciphered, DECIPHER_PER_SECOND, DECIPHER_PER_SECOND, now_us);
}

enum match request_check_whole(struct engine *engine, struct server *server,
                               const struct ip_addr *client, const uint8_t *request, size_t bytes,
                               uint64_t now_us, struct checked *checked)
{
    const struct server_policy *policy = server->policy;
    enum match match = policy_match_request(policy, request, bytes, &checked->protocol), hidden;

    checked->put_off = false;
    if (match == MATCH_YES || !(policy->hidden & HIDDEN_EDONKEY))
        return match;
    hidden = edonkey_hidden_begins(request, bytes);
    if (hidden != MATCH_YES)
        return hidden == MATCH_MORE ? MATCH_MORE : match;
    if (may_decipher(engine, server, client, now_us)) {
        hidden = edonkey_hidden_check(policy->user_hash, request, bytes);
        return hidden == MATCH_YES ? MATCH_YES : match;
    }
    checked->put_off = match == MATCH_NO;
    return match;
}

struct shared {
    struct token_bucket *bucket;
    uint32_t per_second, burst;
};

/* One of its bucket, whose last half is for networks that had none lately. */
static bool take_shared(struct engine *engine, const struct server *server,
                        const struct ip_addr *client, const struct shared *shared, uint64_t now_us)
{
    const struct ip_addr network = prefix_masked(client, prefix_neighbour_bits(client));
    const uint32_t scope = LIMIT_SCOPE_NETWORK | (uint32_t)(server - engine->servers.slots);
    const uint32_t per_second = shared->per_second, burst = shared->burst;

    if (token_next_us(shared->bucket, per_second, burst) > now_us ||
        (token_next_us(shared->bucket, per_second, burst / 2) > now_us &&
         source_limiter_is_noted(&engine->limits, &network, scope, now_us)))
        return false;
    source_limiter_note(&engine->limits, &network, scope, now_us + UNDESCRIBED_APART_US, now_us);
    return token_take(shared->bucket, per_second, burst, now_us);
}

static bool may_be_minor(struct engine *engine, struct server *server, const struct ip_addr *client,
                         uint64_t now_us)
{
    const struct shared shared = {&server->minor, MINOR_PER_SECOND, MINOR_PER_SECOND};
    uint32_t scope = LIMIT_SCOPE_MINOR | (uint32_t)(server - engine->servers.slots);

    return source_limiter_take(&engine->limits, client, scope, MINOR_PER_SOURCE, MINOR_PER_SOURCE,
                               now_us) &&
           take_shared(engine, server, client, &shared, now_us);
}

enum refusal request_refusal(struct engine *engine, struct server *server,
                             const struct ip_addr *client, const uint8_t *request, size_t bytes,
                             uint64_t now_us)
{
    const struct shared probes = {&server->probes, PROBES_PER_SECOND, PROBES_AT_ONCE};

    switch (policy_refused_as(server->policy, request, bytes)) {
    case REFUSED_PROBE:
        return take_shared(engine, server, client, &probes, now_us) ? REFUSAL_OPEN : REFUSAL_BLAMED;
    case REFUSED_MINOR:
        return may_be_minor(engine, server, client, now_us) ? REFUSAL_OPEN : REFUSAL_UNBLAMED;
    case REFUSED_LIMITED:
        return REFUSAL_OPEN_LIMITED;
    case REFUSED_WRONG:
        break;
    }
    return REFUSAL_BLAMED;
}
