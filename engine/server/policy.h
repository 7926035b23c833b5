/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - what the engine has been told of each server: read-only, made by profiles/compile,
 * swapped whole.
 *
 * A policy is one allocation that its maker owns; engines only read it, between
 * engine_adopt_policy() and the adoption of the next. Mode is not policy: it lives in the shard's
 * server state (server.h).
 *
 * Two promises are kept per server: the one made now, and the one before, whose cookies and
 * greetings stay valid for one cookie lifetime (rule 3). A promise's generation changes only when
 * its bytes change.
 */
#ifndef SYNWARD_ENGINE_SERVER_POLICY_H
#define SYNWARD_ENGINE_SERVER_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/protocols/keyword.h"
#include "engine/protocols/hidden.h"
#include "engine/protocols/protocol.h"
#include "engine/tcp/segment.h"
#include "engine/server/pattern.h"
#include "engine/tcp/synack.h"
#include "engine/server/trigger.h"
#include "engine/udp/dns_message.h"

#define GREETING_BYTES_MAX 1400

/* How a proved client gets to the server in attack mode (rule 1, 2 and 2.5). */
enum opening_kind {
    OPENING_CHECK,  /* client first: the request is checked, then opened */
    OPENING_GREET,  /* server first: greeted for the server, the request checked, then opened */
    OPENING_COOKIE, /* opened after a good cookie at the bare ACK, under limits; the server greets
                       itself */
    OPENING_COOKIE_REQUEST, /* the same, but only when the client has sent data (it is known to
                               speak first) */
    OPENING_PASS,           /* never protected: everything passes untouched */
};

/*
 * What becomes of a request that neither an accepted protocol nor the pattern takes, where the
 * server was seen to accept what no protocol file knows. What can only be another protocol's
 * (protocols/foreign.h) is refused all the same.
 */
enum unknown_requests {
    UNKNOWN_REFUSED, /* it never did, or the operator wants it so */
    UNKNOWN_PROBED,  /* the pattern is proved: refused, but for one a second */
    UNKNOWN_MINOR,   /* not proved: opened at a low rate, blamed on nobody */
    UNKNOWN_LIMITED, /* there is no pattern: opened under the limits of rule 2.5 */
};

/* A request that was refused: what may be done with it after all. */
enum refused_as { REFUSED_WRONG, REFUSED_PROBE, REFUSED_MINOR, REFUSED_LIMITED };

/*
 * A template's real greeting is compared in its first `greeting_prefix` and last `greeting_suffix`
 * bytes only, and may be longer or shorter; where it ends is told by the file of
 * `greeting_protocol`.
 */
struct promise {
    uint32_t generation;
    uint16_t greeting_bytes; /* 0: no greeting */
    bool greeting_template;  /* false: exact to the byte, both lengths mean nothing */
    uint16_t greeting_prefix, greeting_suffix;
    uint8_t greeting[GREETING_BYTES_MAX];
    struct synack_model synack;
};

/* TTL of what we send in a server's name. */
static inline uint8_t promised_ttl(const struct promise *promise)
{
    return promise->synack.ttl ? promise->synack.ttl : TTL_DEFAULT;
}

struct server_policy {
    struct server_key key;
    bool armed;
    bool known; /* the learner has what it needs, and goes on to hear of some connections */
    enum opening_kind opening;
    enum protocol_id greeting_protocol; /* whose greeting it is; classifies unequal greetings */
    uint32_t
        greeting_grace_us;   /* how long clients that speak anyway are waited for; 0: not at all */
    uint32_t early_grace_us; /* how long a request is waited for that does not wait for a greeting
                                that nobody can say for the server; 0: not at all */
    uint64_t protocols; /* accepted ones, bits 1 << enum protocol_id; PROTOCOL_UNKNOWN means the
                         pattern */
    uint64_t minor;     /* known ones that few clients speak: opened at a low rate, blamed on
                           nobody; bits as above */
    uint8_t hidden;     /* forms that look random and are accepted, bits of enum hidden_form */
    uint8_t user_hash[EDONKEY_HASH_BYTES]; /* what HIDDEN_EDONKEY is deciphered with */
    bool has_pattern;
    enum unknown_requests unknown;
    bool checks_early; /* a request that is there before the server greets for itself, too */
    struct pattern pattern;
    bool check_keywords; /* a request must also name only what is in `keywords` */
    struct keyword_filter keywords;
    uint32_t keywords_full; /* kinds of which it has no room for more: bits 1 << enum keyword_kind.
                               What it does not know of them may be right: it is minor */
    uint8_t signs;    /* OPTION_MD5, OPTION_AO: it answers SYNs that are signed so with its own */
    bool opens_begun; /* at the first bytes that tell, not for a whole request only (rule 1.3) */
    struct promise now;
    bool has_before;
    uint64_t before_until_us; /* the promise before is honoured until then */
    uint64_t before_since_us; /* and since then; of a cluster it may also be the next one */
    struct promise before;
    /* rule 2.5; 0 = the default (1,000 per server and 200 per source a second). */
    uint32_t open_per_second;
    uint32_t open_per_source_per_second;
    struct trigger_limits triggers; /* rule 6 */
    uint32_t held_peak;   /* the most connections in calm, as far as was known before (rule 2.6) */
    struct dns_echo echo; /* of a server that is asked over UDP, once armed (rule 7) */
};

struct policy {
    uint64_t generation;
    uint64_t due_us; /* when it is to be made anew, for the next promises; 0: no sooner than ever */
    uint32_t count;
    struct server_policy servers[]; /* in the order of server keys (memcmp), no two alike */
};

/* Bytes of a policy with `count` servers. */
static inline size_t policy_bytes(uint32_t count)
{
    return sizeof(struct policy) + count * sizeof(struct server_policy);
}

/* Binary search; NULL where the server is not in the policy, or policy is NULL. */
const struct server_policy *policy_find(const struct policy *policy, const struct server_key *key);

/*
 * The request check for this server, as far as it costs no cipher: accepted protocols,
 * then the pattern, then what only looks random; and the keywords of a request whose protocol has
 * any (the others are right by their protocol alone). MORE until they can be read. `*matched` on
 * YES is the protocol, PROTOCOL_UNKNOWN where it is by pattern or by a hidden form. Hot.
 */
enum match policy_match_request(const struct server_policy *server, const uint8_t *request,
                                size_t bytes, enum protocol_id *matched);
static inline enum match policy_check_request(const struct server_policy *server,
                                              const uint8_t *request, size_t bytes)
{
    enum protocol_id matched;

    return policy_match_request(server, request, bytes, &matched);
}
/* True of a line of what no file knows, of which nothing is missing but its end. */
bool policy_line_so_far(const struct server_policy *server, const uint8_t *request, size_t bytes);
/*
 * True of a request that was refused as shorter than all before, at a server whose pattern is not
 * proved: the rest of it may be on its way, as some clients write a header and then what it is of.
 */
bool policy_may_go_on(const struct server_policy *server, const uint8_t *request, size_t bytes);
/* Of a request that was refused: as what? */
enum refused_as policy_refused_as(const struct server_policy *server, const uint8_t *request,
                                  size_t bytes);
/* Of a request that was refused: did it fit but for its keywords? */
bool policy_fits_but_keywords(const struct server_policy *server, const uint8_t *request,
                              size_t bytes);
static inline bool policy_wrong_keyword(const struct server_policy *server, const uint8_t *request,
                                        size_t bytes)
{
    return server->check_keywords && policy_fits_but_keywords(server, request, bytes);
}

#endif
