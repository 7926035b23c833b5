/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rehearsal.h - what attack mode would have refused, found out in calm.
 *
 * The first request of each connection that the learner follows is judged by the policy that is in
 * force at that moment, with the check of attack mode itself (policy_match_request()), and before
 * anything is learned from it; what the server made of it is told beside. Nothing is refused here.
 *
 * Memory is bounded: REHEARSED_SERVERS, the last REHEARSED_SLICES * REHEARSED_SLICE_S seconds, one
 * example for each reason.
 */
#ifndef SYNWARD_PROFILES_LEARN_REHEARSAL_H
#define SYNWARD_PROFILES_LEARN_REHEARSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/server/policy.h"

/*
 * X(name, in words), in the order in which they are told. The first two would have been opened; the
 * next two too, at a low rate; the rest would not.
 */
#define REHEARSED(X)                                                                               \
    X(right, "fits what the server accepts")                                                       \
    X(unchecked, "the server's requests were not checked then")                                    \
    X(rare, "few clients speak so: let through, some a second")                                    \
    X(too_long, "longer than what is followed in calm: not judged")                                \
    X(other_protocol, "another protocol's request")                                                \
    X(wrong_form, "not as requests of this server look")                                           \
    X(wrong_name, "asks for a name that was never served")                                         \
    X(unfinished, "answered before it was whole")

enum rehearsed {
#define REHEARSED_ENUM(name, words) REHEARSED_##name,
    REHEARSED(REHEARSED_ENUM)
#undef REHEARSED_ENUM
        REHEARSED_COUNT
};

#define REHEARSED_SERVERS       1024u
#define REHEARSED_SLICE_S       600u
#define REHEARSED_SLICES        144u /* a day */
#define REHEARSED_EXAMPLE_BYTES 96u

/* The last request of its kind: a client's words. */
struct rehearsed_example {
    uint64_t at_s; /* since 1970; 0: none */
    struct ip_addr client;
    enum protocol_id protocol; /* whose it looks like */
    bool accepted;             /* by the server */
    uint8_t bytes;
    uint8_t text[REHEARSED_EXAMPLE_BYTES];
};

struct rehearsed_count {
    uint32_t all, accepted; /* accepted: by the server */
};

struct rehearsed_server {
    struct server_key key;
    struct rehearsed_example examples[REHEARSED_COUNT];
    struct rehearsed_slice {
        uint64_t number; /* of REHEARSED_SLICE_S since 1970 */
        struct rehearsed_count counts[REHEARSED_COUNT];
    } slices[REHEARSED_SLICES];
};

struct rehearsal;

/* NULL: out of memory. `timeless`: nothing is forgotten, and there is one span, as a capture has.
 */
struct rehearsal *rehearsal_new(bool timeless);
void rehearsal_free(struct rehearsal *rehearsal);

struct rehearsed_request {
    const struct ip_addr *client;
    const uint8_t *bytes;
    size_t length;
    size_t answered; /* how many of them the server had when it first answered; 0: it did not */
    bool more;       /* the client may have said more than these */
    bool accepted;   /* by the server */
    uint64_t wall_s;
};

/*
 * By which reason it would have been let in or refused. Under attack nobody would answer before the
 * request is whole, so that what the client said later counts only where it was not.
 */
enum rehearsed rehearsal_judge(const struct server_policy *policy,
                               const struct rehearsed_request *request);
/* Judges and counts it. `policy`: of this server, or NULL: nothing is known of it. */
void rehearsal_take(struct rehearsal *rehearsal, const struct server_key *server,
                    const struct server_policy *policy, const struct rehearsed_request *request);

/* Servers in the order in which they came; index >= count: NULL. */
const struct rehearsed_server *rehearsal_server(const struct rehearsal *rehearsal, uint32_t index);
/* Requests of servers for which there was no room. */
uint64_t rehearsal_passed_over(const struct rehearsal *rehearsal);
/* What was counted in the slices of the last `for_s` seconds. */
struct rehearsed_count rehearsal_count(const struct rehearsed_server *server, enum rehearsed reason,
                                       uint64_t wall_s, uint64_t for_s);
/* It would have been reset or left without an answer. */
static inline bool rehearsal_refuses(enum rehearsed reason)
{
    return reason >= REHEARSED_other_protocol;
}
const char *rehearsal_name(enum rehearsed reason);
const char *rehearsal_words(enum rehearsed reason);

#endif
