/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request_check.h - the request check of a server: the policy's (policy.h), and behind it what
 * costs a cipher.
 *
 * eMule's obfuscated requests can be told by deciphering them with the server's user hash, which
 * costs some 20 times as much as every other check together. It comes last, only where the server
 * was seen to take such requests, and under limits: DECIPHER_PER_SECOND for a server and
 * DECIPHER_PER_SOURCE for a source, in each shard. Beyond them a request is put off: left without
 * an answer, for the client's host to repeat within a second. To open such a client by its cookie
 * instead would hand a flood of them to the server, and to refuse it would blame the innocent.
 */
#ifndef SYNWARD_ENGINE_STAGES_REQUEST_CHECK_H
#define SYNWARD_ENGINE_STAGES_REQUEST_CHECK_H

#include "engine/shard/passage.h"

#define DECIPHER_PER_SECOND 5000u /* at 22,000 instructions, some 5 us: 3 % of a core */
#define DECIPHER_PER_SOURCE 200u

/* What else a check tells. */
struct checked {
    enum protocol_id protocol; /* on MATCH_YES: PROTOCOL_UNKNOWN by pattern, or by a hidden form */
    bool put_off; /* it would have to be deciphered, and the limit is reached: MATCH_NO for now */
};

/* The same for what some protocol of this server may begin with, or its pattern, or what only looks
 * random. */
enum match request_check_whole(struct engine *engine, struct server *server,
                               const struct ip_addr *client, const uint8_t *request, size_t bytes,
                               uint64_t now_us, struct checked *checked);

/* True of most wrong requests: their first two bytes tell, without a call, and it is not by
 * keywords that they are wrong. */
static inline bool request_begins_wrong(const struct server_policy *policy, const uint8_t *request,
                                        size_t bytes)
{
    return bytes > 1 && !policy->has_pattern && !policy->hidden &&
           policy->unknown == UNKNOWN_REFUSED &&
           !protocols_beginning_with(policy->protocols | policy->minor, request);
}

static inline enum match request_check(struct engine *engine, struct server *server,
                                       const struct ip_addr *client, const uint8_t *request,
                                       size_t bytes, uint64_t now_us, struct checked *checked)
{
    checked->put_off = false;
    if (request_begins_wrong(server->policy, request, bytes))
        return MATCH_NO;
    return request_check_whole(engine, server, client, request, bytes, now_us, checked);
}

/* What is done with a request that was refused. */
enum refusal {
    REFUSAL_BLAMED,       /* reset, and its source is judged by it */
    REFUSAL_UNBLAMED,     /* reset: it may be right, and there is no room for it now */
    REFUSAL_OPEN,         /* opened after all, blamed on nobody */
    REFUSAL_OPEN_LIMITED, /* the same under the limits of rule 2.5 */
};

/*
 * Requests that may be right although nothing here describes them (enum unknown_requests), or
 * though few clients speak so (server_policy.minor): of a service whose requests no file knows the
 * pattern may be too narrow, and what its server then accepts widens it. MINOR_PER_SECOND for a
 * server and MINOR_PER_SOURCE for a source; where the pattern is proved PROBES_PER_SECOND for a
 * server. The last half of what may be saved up is for networks (IPv4 /24, IPv6 /48) that had none
 * within UNDESCRIBED_APART_US: so who says such things without end takes nothing from a client that
 * comes once.
 */
#define MINOR_PER_SECOND     20u
#define MINOR_PER_SOURCE     2u
#define PROBES_PER_SECOND    1u
#define PROBES_AT_ONCE       2u
#define UNDESCRIBED_APART_US (60ull * 1000 * 1000)
enum refusal request_refusal(struct engine *engine, struct server *server,
                             const struct ip_addr *client, const uint8_t *request, size_t bytes,
                             uint64_t now_us);

#endif
