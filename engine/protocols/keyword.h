/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keyword.h - keywords: the names in a request that say which content, or which of several
 * services, it asks for.
 *
 * A protocol file reads them from a request (protocol.h, `keyword`) into a struct keywords_found;
 * profiles/ keeps those of requests that the server accepted; a policy holds them as a filter,
 * which the request check asks.
 *
 *      request --keyword()--> keywords_found --learner--> keyword_set (profiles/) --compile-->
 *      keyword_filter
 *                                   |
 *                                   | '------------------- keywords_accepted()
 *                                   -----------------------'
 *
 * Names are put down in one form, so that equal ones are equal bytes: text is printable ASCII (any
 * other byte, and '%', as %XX), in lower case where the case says nothing, at most
 * KEYWORD_BYTES_MAX long; a hash is its raw bytes. A name of no bytes stands for "none named": an
 * HTTP/1.0 request without Host, a ClientHello without SNI.
 *
 * The filter holds 64-bit SipHash-2-4 values under a random key of the policy's own. Names are
 * public to whoever uses the server, so a collision gives nothing that asking for a right name
 * would not; the key keeps anybody from making one all the same, and random names pass by less than
 * one in 2^57 with a full filter. Asking costs one hash and at most eight comparisons, whatever the
 * name.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_KEYWORD_H
#define SYNWARD_ENGINE_PROTOCOLS_KEYWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A kind is one line here: X(kind, name in JSON, bytes of a hash or 0 for text, is the case without
 * meaning, how many a server may have).
 */
#define SYNWARD_KEYWORDS(X)                                                                        \
    X(HOST, "host", 0, true, 128)             /* HTTP's Host, HTTP/2's :authority */               \
    X(SNI, "sni", 0, true, 128)               /* TLS: server_name */                               \
    X(ALPN, "alpn", 0, false, 16)             /* TLS: protocols offered */                         \
    X(INFO_HASH, "info_hash", 20, false, 128) /* BitTorrent */                                     \
    X(USER_HASH, "user_hash", 16, false, 8)   /* eMule: of the peer that is asked */               \
    X(SIP_HOST, "sip_host", 0, true, 128)     /* SIP: host of the Request-URI */                   \
    X(DATABASE, "database", 0, false, 128)    /* PostgreSQL */                                     \
    X(EHLO, "ehlo", 0, true, 32)              /* SMTP: weak, as it names the client */

enum keyword_kind {
#define KEYWORD_ENUM(kind, name, hash_bytes, any_case, most) KEYWORD_##kind,
    SYNWARD_KEYWORDS(KEYWORD_ENUM)
#undef KEYWORD_ENUM
        KEYWORD_KINDS_COUNT
};

struct keyword_info {
    const char *name;
    uint8_t hash_bytes; /* 0: text */
    bool any_case;
    uint8_t most;
};

const struct keyword_info *keyword_info(enum keyword_kind kind);
/* -1: no such kind. */
int keyword_kind_from_name(const char *name);

#define KEYWORD_BYTES_MAX 255
#define KEYWORDS_MAX      128 /* of one server, all kinds together */

/* --- what one request names ------------------------------------------------------------------ */

#define KEYWORDS_FOUND_MAX  12 /* more (a long list of ALPN) are left out */
#define KEYWORDS_FOUND_TEXT 768

struct keywords_found {
    uint16_t text_bytes;
    uint8_t count;
    struct keyword_found {
        uint8_t kind;
        uint8_t bytes;
        uint16_t at; /* in `text` */
    } names[KEYWORDS_FOUND_MAX];
    uint8_t text[KEYWORDS_FOUND_TEXT];
};

void keywords_none(struct keywords_found *found);
/*
 * Adds a name, as it stands on the wire, in the form above. False where it is too long, is no hash
 * of its kind's length, or has no room: then nothing is added.
 */
bool keywords_put(struct keywords_found *found, enum keyword_kind kind, const uint8_t *name,
                  size_t bytes);
/* Adds "none named" where no name of this kind was added. */
void keywords_put_absent(struct keywords_found *found, enum keyword_kind kind);
static inline const uint8_t *keyword_text(const struct keywords_found *found, uint8_t index)
{
    return found->text + found->names[index].at;
}

/* --- the filter ------------------------------------------------------------------------------ */

#define KEYWORD_KEY_BYTES 16

struct keyword_filter {
    uint8_t key[KEYWORD_KEY_BYTES]; /* set before the first name is added */
    uint16_t count;
    uint64_t hashes[KEYWORDS_MAX]; /* ascending */
};

/* Adds a name that is in the form above; one beyond KEYWORDS_MAX is left out. */
void keyword_filter_add(struct keyword_filter *filter, enum keyword_kind kind, const uint8_t *name,
                        size_t bytes);
bool keyword_filter_has(const struct keyword_filter *filter, enum keyword_kind kind,
                        const uint8_t *name, size_t bytes);
/* Kinds that were found without one name in the filter; bits 1 << enum keyword_kind. Hot. */
uint32_t keywords_missing(const struct keyword_filter *filter, const struct keywords_found *found);
static inline bool keywords_accepted(const struct keyword_filter *filter,
                                     const struct keywords_found *found)
{
    return keywords_missing(filter, found) == 0;
}

#endif
