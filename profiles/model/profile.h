/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile.h - all that is known of one server.
 *
 * A profile is plain data, changed only through the profile_*() functions below (by the learner),
 * through settings.h (by the operator) and by store/profile_json.c (reading a store). What is
 * *shown* of it (who speaks first, the request check, armed) is derived when asked for, so that no
 * two fields can contradict each other.
 */
#ifndef SYNWARD_PROFILES_MODEL_PROFILE_H
#define SYNWARD_PROFILES_MODEL_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/shard/observation.h"
#include "engine/server/policy.h"
#include "engine/protocols/hidden.h"
#include "engine/protocols/protocol.h"
#include "profiles/model/ballot.h"
#include "profiles/model/capabilities.h"
#include "profiles/model/dns_model.h"
#include "profiles/model/encrypted.h"
#include "profiles/model/fidelity.h"
#include "profiles/model/grace.h"
#include "profiles/model/greeting_model.h"
#include "profiles/model/keywords.h"
#include "profiles/model/loosening.h"
#include "profiles/model/greeting_plan.h"
#include "profiles/model/pattern.h"

#define ARMED_HANDSHAKES 8
#define ARMED_REQUESTS   8
#define ARMED_FIDELITY   0.98

#define PROFILE_PROGRAM_BYTES 64

/* What was foreseen of the server's own words, and what it said. */
enum comparison {
    NOT_COMPARED, /* nothing was foreseen */
    NOT_ALIKE,    /* what differs may be the path's doing, or the client's: it says nothing */
    UNEQUAL,
    EQUAL,
};

enum speaker { SPEAKER_UNKNOWN, SPEAKER_CLIENT, SPEAKER_SERVER };

/*
 * What one connection says about who speaks first. The weak ones decide only while no strong one of
 * either kind is known.
 */
enum voice {
    VOICE_CLIENT,         /* strong: the server's first data accepted the client's request */
    VOICE_SERVER,         /* strong: it greeted */
    VOICE_CLIENT_REFUSED, /* weak: the server's first data came upon the client's, and did not
                             accept it */
    VOICE_SERVER_ONLY,    /* weak: unprompted data followed by a close, without any answer */
    VOICES_COUNT,
};

/* How well application.protocol is founded; a better foundation replaces the name, an equal one
 * does not. */
enum naming {
    NAMED_NOT,
    NAMED_BY_DATA,     /* data that no protocol file knows, not confirmed by the server */
    NAMED_BY_REQUEST,  /* a request of a known protocol, not accepted (yet) */
    NAMED_BY_ANSWER,   /* the server answered what no protocol file knows, or greeted in it */
    NAMED_BY_PROTOCOL, /* the server accepted a request of a known protocol, or greeted in it */
};

/* The operator's choice of what is enforced. The default follows what was learned. */
enum request_check { CHECK_DEFAULT, CHECK_PROTOCOL, CHECK_KEYWORD, CHECK_PATTERN, CHECK_NONE };

/* What a connection is opened to the server for: a whole first request, which is the default, or
 * the first bytes of it that tell what it is. */
enum request_setting { REQUEST_DEFAULT, REQUEST_WHOLE, REQUEST_BEGUN };

/* Which signed SYNs may pass to the server in attack mode: those that it was seen to answer in
 * kind, which is the default, or what the operator says. */
enum signed_setting { SIGNED_DEFAULT, SIGNED_NONE, SIGNED_MD5, SIGNED_AO, SIGNED_BOTH };
#define SIGNED_SETTINGS (SIGNED_BOTH + 1)

/* Zero stands for the default everywhere. */
struct profile_settings {
    enum request_check check;
    enum greeting_setting greeting;
    enum request_setting request;
    enum signed_setting signed_syns;
    struct trigger_limits triggers;
    uint32_t open_per_second;
    uint32_t open_per_source;
};

#define SETTINGS_COUNT 16 /* keys of settings.h */

/* What the configuration file says of some of them, which counts before what was set by hand. */
struct settings_said {
    struct profile_settings value;
    uint32_t line[SETTINGS_COUNT]; /* of each key in the file; 0: it says nothing of it */
};

#define HELD_PEAK_MAX (1u << 20) /* more than flows there are */

#define HIDDEN_LIKE_MIN        8   /* accepted requests that make a likeness to MSE a fact */
#define HIDDEN_SPREAD_MIN      128 /* bytes by which both sides' padding varied among them */
#define HIDDEN_BEGINNINGS_MAX  8
#define HIDDEN_BEGINNING_BYTES (EDONKEY_HIDDEN_BYTES + EDONKEY_HIDDEN_ANSWER_BYTES)

/* What accepted requests that no file knows may turn out to have been. */
struct hidden_evidence {
    uint32_t like;                                                 /* MSE, by their flights */
    uint16_t client_least, client_most, server_least, server_most; /* first flights of these */
    uint8_t beginnings_count;
    /* Requests with their answers, as far as they tell obfuscated eMule to who knows the user hash.
     */
    uint8_t beginnings[HIDDEN_BEGINNINGS_MAX][HIDDEN_BEGINNING_BYTES];
};

#define FOREIGN_ANSWERS      8
#define FOREIGN_ANSWER_BYTES 8

/* How the server began to answer requests that looked like a protocol which it does not speak. */
struct foreign_answers {
    uint8_t count, next;
    struct foreign_answer {
        enum protocol_id protocol; /* whose request drew it first */
        bool no;                   /* another one's did as well: it is how the server says no */
        uint8_t bytes[FOREIGN_ANSWER_BYTES];
    } answer[FOREIGN_ANSWERS];
};

struct profile {
    struct server_key key;
    struct capabilities tcp;
    enum protocol_id protocol; /* meaningful unless `named` is NAMED_NOT */
    enum naming named;
    uint32_t voices[VOICES_COUNT]; /* connections, by who spoke first */
    uint32_t left_waiting; /* of VOICE_SERVER: it greeted late, a client that had said nothing */
    struct greeting_model greeting;
    struct grace grace;
    uint64_t accepted; /* protocols with accepted requests, bits 1 << enum protocol_id */
    uint8_t hidden;    /* forms that look random with accepted requests, bits of enum hidden_form */
    struct hidden_evidence evidence;
    struct pattern_model pattern;
    struct keyword_set keywords; /* of accepted requests */
    struct dns_model dns;        /* of a server that is asked over UDP, which has this alone */
    struct profile_settings settings;
    uint64_t handshakes, requests;
    uint32_t held_peak; /* the most connections that it held in calm; 0: not known */
    struct fidelity fidelity;
    int64_t first_seen_s, last_seen_s;   /* seconds since 1970; 0: never */
    char program[PROFILE_PROGRAM_BYTES]; /* that listens there, as the host calls it; "": not known
                                          */

    /* Of this process only, not saved. */
    struct settings_said said;
    uint64_t teacher; /* the bridge whose profile it is; 0: ours */
    uint64_t
        cookies_until_us; /* until then clients may hold cookies made under the promise in force */
    struct foreign_answers foreign;
    struct revision synack_revision, greeting_revision;
    uint32_t drifts; /* how often the greeting was replaced */
    struct insistence insisted[LOOSENING_FACTS];
    struct staleness staleness;

    struct ballot ballot; /* last: what is beyond its rows is never touched */
};

void profile_init(struct profile *profile, const struct server_key *key);

/* What counts: the configuration file's word, else what was set by hand. */
struct profile_settings profile_settings_in_force(const struct profile *profile);

/* Facts, each once per connection. */
void profile_seen(struct profile *profile, uint64_t wall_us);
void profile_name(struct profile *profile, enum protocol_id protocol, enum naming naming);
void profile_spoke_first(struct profile *profile, enum voice voice);
void profile_left_waiting(struct profile *profile);
/* Some clients wait for its first word, others are waited for (sslh: SSH beside TLS). */
bool profile_is_mixed(const struct profile *profile);
/* A SYN-ACK of a completed handshake, and how it compared with what was foreseen. */
void profile_synack(struct profile *profile, const struct witness *witness,
                    const struct observed_handshake *handshake, enum comparison compared);
/* Tells what of a SYN-ACK is the server's own doing. */
enum comparison profile_compare_synack(const struct synack_features *planned,
                                       const struct synack_features *granted);
/*
 * A positive greeting; compares it with what the profile held before. One that equals the promised
 * one proves that those seen to be unequal before were accidents. `witness`: NULL where nobody need
 * be asked.
 */
enum comparison profile_greeting(struct profile *profile, const struct witness *witness,
                                 const uint8_t *greeting, size_t bytes);
void profile_request_accepted(struct profile *profile, enum protocol_id protocol,
                              const uint8_t *request, size_t bytes);
void profile_hidden_accepted(struct profile *profile, enum hidden_form form);
/* The same, of one witness among others (loosening.h): the request counts, its form by votes. */
void profile_request_witnessed(struct profile *profile, const struct witness *witness,
                               enum protocol_id protocol, const uint8_t *request, size_t bytes);
void profile_hidden_witnessed(struct profile *profile, const struct witness *witness,
                              enum hidden_form form);
/*
 * Beside profile_request_accepted(): what the unknown request may be when more is known. `like`:
 * the flights of a connection that went as MSE does, or NULL.
 */
void profile_looks_random(struct profile *profile, const uint8_t *request, size_t request_bytes,
                          const uint8_t *answer, size_t answer_bytes, const struct flights *like);
/* What the eMule peer that this server is calls itself. A new hash takes the place of the one
 * before. */
void profile_name_user(struct profile *profile, const uint8_t hash[EDONKEY_HASH_BYTES]);
/* EDONKEY_HASH_BYTES; NULL: not known. */
const uint8_t *profile_user_hash(const struct profile *profile);
/* True where what looks like MSE is that. */
bool profile_takes_bittorrent(const struct profile *profile);
/*
 * The server's greeting was not the promised one: in attack mode, where the connection was reset
 * for it. True where this replaced the greeting (loosening.h): by what was heard where all heard
 * the same, else it is to be learned anew. The rest of the profile stays. A profile that is not
 * armed promises nothing: what is seen then are connections begun before, and they do not count.
 */
bool profile_greeting_drift(struct profile *profile, const struct witness *witness,
                            const uint8_t *greeting, size_t bytes);

/* What it is seen to hold in calm; true where that is news: by more than an eighth. */
bool profile_held_peak(struct profile *profile, uint32_t peak);

/* The program that listens there. A longer name is cut. */
void profile_program(struct profile *profile, const char *name);

/* What follows from the facts. */
enum speaker profile_speaks_first(const struct profile *profile);
bool profile_armed(const struct profile *profile);
/* That, and so many requests were accepted that what is new comes with the votes of many
 * (loosening.h): a part of its connections tells as much as all. Not of one that is stale. */
#define KNOWN_REQUESTS 512u
bool profile_known(const struct profile *profile);
bool profile_is_udp(const struct profile *profile);
/* A query over UDP was answered. */
void profile_query(struct profile *profile, const struct observed_query *query);
/* How much of what was foreseen came true: of the last comparisons while few prefixes are known,
 * else of the latest of each prefix. 0.0 while nothing was compared. */
double profile_fidelity(const struct profile *profile);
/* The check in force: any but CHECK_DEFAULT. */
enum request_check profile_check(const struct profile *profile);
/* The same, by the settings that are in force. */
enum request_check profile_check_in_force(const struct profile *profile);
/* The greeting counts only where the server speaks first. One that has a salt is variable, be there
 * but one. */
enum greeting_kind profile_greeting_kind(const struct profile *profile);
/* The protocol that the server greets in; where protocols share a greeting (FTP, SMTP), that of its
 * accepted requests. */
enum protocol_id profile_greeting_protocol(const struct profile *profile);
/* What may be said in the server's name. False: nothing. */
bool profile_greeting_plan(const struct profile *profile, struct greeting_plan *plan);

const char *speaker_name(enum speaker speaker); /* "client", "server", NULL */
const char *
request_check_name(enum request_check check); /* "protocol", "keyword", ...; NULL for the default */
/* CHECK_DEFAULT for a name that is none of the above. */
enum request_check request_check_from_name(const char *name);
const char *request_setting_name(enum request_setting setting); /* NULL for the default */
/* REQUEST_DEFAULT where there is none of that name. */
enum request_setting request_setting_from_name(const char *name);
const char *signed_setting_name(enum signed_setting setting); /* NULL for the default */
/* SIGNED_DEFAULT where there is none of that name. */
enum signed_setting signed_setting_from_name(const char *name);

#endif
