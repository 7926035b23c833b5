/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * protocol.h - what an application protocol is to synward, and the registry of those that it knows.
 *
 * A protocol is one descriptor in a file of its own and one line in registry.c. All functions are
 * pure and read at most the bytes given.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_PROTOCOL_H
#define SYNWARD_ENGINE_PROTOCOLS_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/protocols/keyword.h"

/* Bit numbers in server_policy.protocols; the order is that of the registry. */
enum protocol_id {
    PROTOCOL_UNKNOWN,
    PROTOCOL_HTTP,
    PROTOCOL_TLS,
    PROTOCOL_HTTP2,
    PROTOCOL_SSH,
    PROTOCOL_POP3,
    PROTOCOL_IMAP,
    PROTOCOL_FTP,
    PROTOCOL_SMTP,
    PROTOCOL_MYSQL,
    PROTOCOL_POSTGRESQL,
    PROTOCOL_REDIS,
    PROTOCOL_MQTT,
    PROTOCOL_BITTORRENT,
    PROTOCOL_TELNET,
    PROTOCOL_RDP,
    PROTOCOL_SMB,
    PROTOCOL_SIP,
    PROTOCOL_GNUTELLA,
    PROTOCOL_EDONKEY,
    PROTOCOL_DNS,
    PROTOCOL_MEMCACHED,
    PROTOCOL_LDAP,
    PROTOCOL_AMQP,
    PROTOCOL_NATS,
    PROTOCOL_IRC,
    PROTOCOL_XMPP,
    PROTOCOL_RSYNC,
    PROTOCOL_GIT,
    PROTOCOL_NNTP,
    PROTOCOL_VNC,
    PROTOCOL_PROXY,
    PROTOCOL_STOMP,
    PROTOCOL_MONGODB,
    PROTOCOL_KAFKA,
    PROTOCOL_MINECRAFT,
    PROTOCOL_ICECAST,
    PROTOCOL_BEANSTALKD,
    PROTOCOL_MPD,
    PROTOCOL_DICT,
    PROTOCOL_GEARMAN,
    PROTOCOL_UWSGI,
    PROTOCOL_SOCKS,
    PROTOCOL_ZABBIX,
    PROTOCOLS_COUNT
};

enum match { MATCH_NO, MATCH_YES, MATCH_MORE };
enum acceptance { ACCEPTANCE_REFUSED, ACCEPTANCE_ACCEPTED, ACCEPTANCE_MORE };
enum greeting_verdict {
    GREETING_NOT,      /* is not a greeting of this protocol */
    GREETING_POSITIVE, /* whole and welcoming */
    GREETING_NEGATIVE, /* whole and refusing: never learned */
    GREETING_MORE,     /* the beginning of one */
};

/* What of a greeting clients act on: says whether it may be said for a server that changes it. */
enum greeting_form {
    GREETING_FORM_EXACT,  /* all of it: said only where it is always the same */
    GREETING_FORM_TEXT,   /* its first word; the rest is for people, and may be that of another
                             connection */
    GREETING_FORM_SALTED, /* a number that the server will ask for: never said for it */
};

/* Words in capitals that requests begin with, by their first letter (match.h). A list ends in an
 * empty one; nulls stand behind each, and tell where it ends. NULL: there is none. */
#define VERBS      26u
#define VERB_BYTES 24u
typedef const char (*verb_list)[VERB_BYTES];

struct protocol {
    enum protocol_id id;
    const char *name; /* as in JSON */
    bool server_first;
    bool early_talk_is_wrong; /* data with ack = c+1 is a mismatch although a greeting is due (SMTP)
                               */
    bool answers_in_advance;  /* what the server said unprompted counts for a part of its answer
                                 (Telnet) */
    bool
        answers_alone; /* no other protocol answers so: where it does, the server speaks this one */
    bool header_lines; /* a request ends in an empty line, of CR LF by the book; not all servers
                          take a bare LF for the end of a line */
    enum greeting_form greeting_form;
    uint32_t greeting_grace_us; /* how long to wait for clients that speak anyway, while nothing was
                                   measured */
    /*
     * Where a request begins with a letter it begins with one of these verbs, and what stands
     * behind words: of any other word `check` says no, and yes of none that is not there to its
     * end. Of many protocols one word is compared with the verbs of all, which is cheaper than to
     * ask them. NULL: nothing of the kind is known.
     */
    const verb_list *verbs;
    bool verbs_lower; /* in lower case alone */
    bool verbs_tell;  /* `check` says of such a request what the verb says, and no more */
    /* Are these first bytes of the client a request of this protocol? Hot. */
    enum match (*check)(const uint8_t *request, size_t bytes);
    /*
     * Is a request that `check` matched there as a whole: all that the server waits for before it
     * answers? MORE until then, and NO where it never will be. YES is never taken back. The first
     * `from` bytes were asked about before, and more were needed (0: never asked): a search for an
     * end goes on there. `*needed` is the length of the whole where it is there; on MORE it will
     * have that many bytes at least, more than `bytes`: to ask again before they have come is
     * useless.
     */
    enum match (*whole)(const uint8_t *request, size_t bytes, size_t from, size_t *needed);
    /*
     * How many more bytes, at least, the server waits for before it answers these of a request that
     * `check` matched. As behind a header that announces a body. NULL: none once it is whole.
     */
    size_t (*awaits)(const uint8_t *request, size_t bytes);
    /* Did the server's answer accept the request? Both from their first byte (a greeting is not
     * part of the answer). */
    enum acceptance (*accepts)(const uint8_t *request, size_t request_bytes, const uint8_t *answer,
                               size_t answer_bytes);
    /*
     * Reads the keywords of a request that `check` matched, into an empty `found`: of each kind
     * that the protocol has at least one name, or "none named". MORE until all can be read, NO
     * where they never can (not well-formed, too long): such a request is wrong where keywords are
     * checked. NULL: has none.
     */
    enum match (*keyword)(const uint8_t *request, size_t bytes, struct keywords_found *found);
    /*
     * Did the answer accept what the request names? For protocols that say yes to the protocol
     * before they look for what was named. NULL: as `accepts`.
     */
    enum acceptance (*keyword_accepts)(const uint8_t *request, size_t request_bytes,
                                       const uint8_t *answer, size_t answer_bytes);
    /*
     * Classifies the server's first bytes; `*greeting_bytes` is the greeting's length where it is
     * whole. NULL: never greets.
     */
    enum greeting_verdict (*greeting)(const uint8_t *data, size_t bytes, size_t *greeting_bytes);
    /*
     * Do these first words of a server say that it has no room for anybody? True only of what no
     * address, user or request brings about: one such answer lowers the mark of all. `bytes` may be
     * a part of the words (then false). NULL: no such words are known.
     */
    bool (*is_full)(const uint8_t *answer, size_t bytes);
};

/* NULL for PROTOCOL_UNKNOWN and beyond. */
const struct protocol *protocol_by_id(enum protocol_id id);
/* PROTOCOL_UNKNOWN for "unknown"; -1 for a name of no protocol that is built. */
int protocol_id_from_name(const char *name);
const char *protocol_name(enum protocol_id id);

/* The first of a set (bits 1 << id) in the registry's order; PROTOCOL_UNKNOWN for none. */
enum protocol_id protocol_first(uint64_t protocols);

/*
 * The first protocol in the registry whose check matches, PROTOCOL_UNKNOWN where none does (also
 * while more would be needed).
 */
enum protocol_id protocol_of_request(const uint8_t *request, size_t bytes);
/* `awaits` of a first request of this protocol; of PROTOCOL_UNKNOWN, of whatever it looks like. */
size_t protocol_awaits(enum protocol_id id, const uint8_t *request, size_t bytes);
/*
 * `whole` of a protocol; of PROTOCOL_UNKNOWN, of which nobody knows where a request ends, what is
 * there is whole.
 */
enum match protocol_whole(enum protocol_id id, const uint8_t *request, size_t bytes, size_t from,
                          size_t *needed);
/*
 * All in which data greets, positive or negative, as bits 1 << id: FTP and SMTP share "220", and
 * their refusals. `*greeting_bytes` is the greeting's length; all agree on it.
 */
uint64_t protocols_of_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes);
/* The first of them, PROTOCOL_UNKNOWN where there is none. */
enum protocol_id protocol_of_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes);

/* True if these are the words (`is_full`) of one of these protocols (bits 1 << id). */
bool protocols_say_full(uint64_t protocols, const uint8_t *answer, size_t bytes);
/* True if one of them has such words. */
bool protocols_have_words_for_full(uint64_t protocols);

/* By place, 0 to 3, and byte that stands there: bits of the protocols whose requests may begin so.
 */
extern const uint64_t protocols_begin[4][256];
static inline uint64_t protocols_beginning(unsigned at, uint8_t byte)
{
    return protocols_begin[at][byte];
}
/* Those of `accepted` that a request of at least two bytes may be of. */
static inline uint64_t protocols_beginning_with(uint64_t accepted, const uint8_t *request)
{
    return accepted & protocols_beginning(0, request[0]) & protocols_beginning(1, request[1]);
}

/* Checks against every protocol in `accepted` (bits 1 << id): YES if one matches, MORE if one still
 * may. */
enum match protocols_check(uint64_t accepted, const uint8_t *request, size_t bytes,
                           enum protocol_id *matched);

#endif
