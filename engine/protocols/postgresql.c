/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postgresql.c - PostgreSQL: the client speaks first (PostgreSQL's manual, "Message Formats").
 *
 *      request    length(4) code(4)      196608 + n: version 3.n, n below 256 or 9999, by which
 *                                        clients try whether servers tell them theirs (libpq 19)
 *                                        80877103: TLS, 80877104:
 *                                        GSSAPI (length 8) 80877102: cancel (length 16; up to 268
 *                                        since version 3.2)
 *      answer     'R' (how to authenticate) or 'v' (another version) to a start; to a wish for
 *                 encryption 'S' and a ServerHello, 'G' and a token, or 'N' and what the client
 *                 asks next (a wish for TLS: 'S' again); 'E' refuses. One letter alone is no
 *                 evidence: any text may begin with it.
 *
 * Its keyword is the database that a start names last, or the user's where it names none. A wish
 * for encryption names none: what follows is not the first request. Servers ask for a password
 * before they look for the database, so a name counts when the server said what follows that ('S',
 * 'K', 'Z').
 *
 * TLS without such a wish (since PostgreSQL 17) is tls.c's. A cancel is never answered, so it is
 * never evidence.
 */
#include "engine/protocols/whole.h"

#define CODE_BYTES        8
#define START_BYTES_MAX   10000 /* the server's own limit */
#define START_BYTES_LEAST 9
#define SPECIAL           0x04d2 /* upper half of the codes that are no version */
#define CANCEL            0x162e
#define TLS               0x162f
#define GSS               0x1630
#define TLS_HANDSHAKE     22
#define TLS_VERSION       3

static unsigned be16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Byte 4 and 5 are the code's upper half, 6 and 7 its lower one. */
static bool fits_special(const uint8_t *data, size_t at)
{
    unsigned length = be16(data + 2);

    switch (at) {
    case 6:
        return data[6] == TLS >> 8;
    case 7:
        if (length == 8)
            return be16(data + 6) == TLS || be16(data + 6) == GSS;
        return be16(data + 6) == CANCEL && length >= 16 && length <= 268;
    default:
        return at == 4 || data[5] == (SPECIAL & 0xff);
    }
}

static bool fits_request(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
    case 1:
        return data[at] == 0;
    case 2:
        return data[2] <= START_BYTES_MAX >> 8;
    case 3:
        return be16(data + 2) >= 8 && be16(data + 2) <= START_BYTES_MAX;
    case 4:
        return data[4] == SPECIAL >> 8 || (data[4] == 0 && be16(data + 2) >= START_BYTES_LEAST);
    default:
        if (data[4] != 0)
            return fits_special(data, at);
        return at == 5 ? data[5] == 3 : data[6] == 0 || data[at] == (at == 6 ? 0x27 : 0x0f);
    }
}

static enum match postgresql_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_request, CODE_BYTES, request, bytes);
}

/* How to authenticate, or another version: type(1) length(4), below 16 MiB. */
static bool fits_message(const uint8_t *data, size_t at)
{
    return at == 0 ? data[0] == 'R' || data[0] == 'v' : data[1] == 0;
}

/* What follows 'N': the answer to a start, or to the other wish. */
static bool follows_no(uint8_t first, uint8_t second)
{
    switch (first) {
    case 'R':
    case 'v':
    case 'E':
        return second == 0;
    case 'S':
        return second == TLS_HANDSHAKE;
    case 'N':
        return second == 'R' || second == 'v' || second == 'E';
    default:
        return false;
    }
}

/* One letter, and what tells it from a text that begins with it. */
static bool fits_encryption(const uint8_t *data, size_t at)
{
    if (at == 0)
        return data[0] == 'S' || data[0] == 'N' || data[0] == 'G';
    switch (data[0]) {
    case 'S':
        return data[at] == (at == 1 ? TLS_HANDSHAKE : TLS_VERSION);
    case 'G':
        return data[at] == 0; /* a token is shorter than 64 KiB */
    default:
        return at == 1 || follows_no(data[1], data[2]);
    }
}

static enum acceptance postgresql_accepts(const uint8_t *request, size_t request_bytes,
                                          const uint8_t *answer, size_t answer_bytes)
{
    bool encrypts = request_bytes >= CODE_BYTES && be16(request + 4) == SPECIAL;

    return acceptance_of(encrypts ? match_bytes(fits_encryption, 3, answer, answer_bytes)
                                  : match_bytes(fits_message, 2, answer, answer_bytes));
}

/* One of the texts of a start, from `*at` on, each ended by a zero. MORE where its end has not
 * come. */
static enum match take_text(const uint8_t *data, size_t bytes, size_t *at, const uint8_t **text,
                            size_t *length)
{
    *text = data + *at;
    *length = find_byte(0, *text, bytes - *at);
    *at += *length + 1;
    return *at > bytes ? MATCH_MORE : MATCH_YES;
}

static bool is_text(const char *word, size_t word_bytes, const uint8_t *text, size_t bytes)
{
    return bytes == word_bytes && begins_exactly(word, word_bytes, text, bytes) == MATCH_YES;
}

/*
 * Names and values in turn, up to an empty name. To the end, as a server takes the last of several;
 * an empty database is the user's (ProcessStartupPacket() in its sources).
 */
static enum match start_database(const uint8_t *data, size_t bytes, const uint8_t **database,
                                 size_t *length)
{
    const uint8_t *name, *value, *user = data;
    size_t at = CODE_BYTES, name_bytes, value_bytes, user_bytes = 0;

    for (*length = 0;;) {
        if (take_text(data, bytes, &at, &name, &name_bytes) != MATCH_YES)
            return MATCH_MORE;
        if (name_bytes == 0)
            break;
        if (take_text(data, bytes, &at, &value, &value_bytes) != MATCH_YES)
            return MATCH_MORE;
        if (is_text("user", 4, name, name_bytes)) {
            user = value;
            user_bytes = value_bytes;
        } else if (is_text("database", 8, name, name_bytes)) {
            *database = value;
            *length = value_bytes;
        }
    }
    if (*length == 0) {
        *database = user;
        *length = user_bytes;
    }
    return MATCH_YES;
}

static enum match postgresql_keyword(const uint8_t *request, size_t bytes,
                                     struct keywords_found *found)
{
    const uint8_t *database;
    size_t message, length;
    enum match match;

    if (bytes < CODE_BYTES)
        return MATCH_MORE;
    if (be16(request + 4) == SPECIAL) {
        keywords_put_absent(found, KEYWORD_DATABASE);
        return MATCH_YES;
    }
    message = be16(request + 2);
    match = start_database(request, bytes < message ? bytes : message, &database, &length);
    if (match != MATCH_YES)
        return bytes < message ? MATCH_MORE : MATCH_NO;
    return keywords_put(found, KEYWORD_DATABASE, database, length) ? MATCH_YES : MATCH_NO;
}

/* Messages of an answer: type(1) length(4) ... */
static enum acceptance postgresql_keyword_accepts(const uint8_t *request, size_t request_bytes,
                                                  const uint8_t *answer, size_t answer_bytes)
{
    size_t at = 0;

    if (request_bytes >= CODE_BYTES && be16(request + 4) == SPECIAL)
        return postgresql_accepts(request, request_bytes, answer, answer_bytes);
    while (at + 5 <= answer_bytes) {
        size_t length = (size_t)be16(answer + at + 1) << 16 | be16(answer + at + 3);

        if (answer[at] == 'S' || answer[at] == 'K' || answer[at] == 'Z')
            return ACCEPTANCE_ACCEPTED;
        /* How to authenticate, another version, a notice. */
        if ((answer[at] != 'R' && answer[at] != 'v' && answer[at] != 'N') || length < 4)
            return ACCEPTANCE_REFUSED;
        at += 1 + length;
    }
    return ACCEPTANCE_MORE;
}

#define NO_STANDBY "max_wal_senders"

/* Is this text anywhere in there? */
static bool has_text(const char *text, const uint8_t *in, size_t bytes)
{
    const size_t wanted = strlen(text);

    for (size_t at = 0; at + wanted <= bytes; at++)
        if (memcmp(in + at, text, wanted) == 0)
            return true;
    return false;
}

/*
 * 'E', four bytes of length, then fields of a letter and a text. 53300 (too_many_connections) comes
 * before the server asks who its client is; that one user or database has too many comes behind
 * 'R'. Of standbys (`replication=true`), which have places of their own, it names the setting. Only
 * a whole message tells: a client of a small MSS has it in pieces.
 */
static bool postgresql_is_full(const uint8_t *answer, size_t bytes)
{
    const uint8_t *text;
    size_t at = 5, length;
    uint8_t field;

    if (bytes < at || answer[0] != 'E' || bytes <= load_be32(answer + 1))
        return false;
    while (at < bytes && answer[at] != 0) {
        field = answer[at++];
        if (take_text(answer, bytes, &at, &text, &length) != MATCH_YES)
            return false;
        if (field == 'C')
            return is_text("53300", 5, text, length) && !has_text(NO_STANDBY, answer, bytes);
    }
    return false;
}

static enum match postgresql_whole(const uint8_t *request, size_t bytes, size_t from,
                                   size_t *needed)
{
    (void)from;
    return whole_message(bytes, be16(request + 2), needed);
}

const struct protocol protocol_postgresql = {
    .id = PROTOCOL_POSTGRESQL,
    .name = "postgresql",
    .check = postgresql_check,
    .whole = postgresql_whole,
    .accepts = postgresql_accepts,
    .keyword = postgresql_keyword,
    .keyword_accepts = postgresql_keyword_accepts,
    .is_full = postgresql_is_full,
};
