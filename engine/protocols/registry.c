/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registry.c - the protocols that synward knows: one line each, in the order in which requests are
 * tried. The frequent come first; where two would take the same first bytes
 * (tests/engine/protocols/test_confusion.c names them all), the learner asks the greeting.
 */
#include "engine/protocols/protocol.h"

#include "engine/base/text.h"

/*
 * ROW(id, descriptor, what the first byte `b` of a request may be, what the second may be). Only
 * what may match is asked, so that many protocols are no dearer than one; a test holds each line
 * against the check itself.
 */
/* clang-format off */
#define PROTOCOLS(ROW, b)                                                                          \
    ROW(HTTP, http1, WORD(b) || EOL(b), WORD(b) || EOL(b) || IS(b, ' '))                           \
    ROW(TLS, tls, IS(b, 22), IS(b, 3))                                                             \
    ROW(HTTP2, http2, IS(b, 'P'), IS(b, 'R'))                                                      \
    ROW(SSH, ssh, IS(b, 'S'), IS(b, 'S'))                                                          \
    ROW(POP3, pop3, LETTERS(b, A | C | L | Q | S | U), LETTERS(b, A | P | S | T | U))              \
    ROW(IMAP, imap, TAG(b), TAG(b) || IS(b, ' '))                                                  \
    ROW(FTP, ftp, LETTERS(b, A | C | F | H | L | N | O | Q | R | S | U),                           \
        LETTERS(b, A | E | L | O | P | S | T | U | Y))                                             \
    ROW(SMTP, smtp, LETTERS(b, E | H | L | N | Q | R | V), LETTERS(b, E | H | O | R | S | U | X))  \
    ROW(MYSQL, mysql, ANY, ANY)                                                                    \
    ROW(POSTGRESQL, postgresql, IS(b, 0), IS(b, 0))                                                \
    ROW(REDIS, redis, IS(b, '*') || LETTERS(b, C | D | E | G | H | I | K | M | P | S | T),         \
        TO(b, '0', '9') || LETTERS(b, B | C | E | I | L | N | O | U | X))                          \
    ROW(MQTT, mqtt, IS(b, 0x10), ANY)                                                              \
    ROW(BITTORRENT, bittorrent, IS(b, 0x13), IS(b, 'B'))                                           \
    ROW(TELNET, telnet, IS(b, 0xff), TO(b, 0xfa, 0xfe))                                            \
    ROW(RDP, rdp, IS(b, 3), IS(b, 0))                                                              \
    ROW(SMB, smb, IS(b, 0) || IS(b, 0x81), IS(b, 0) || IS(b, 1))                                   \
    ROW(SIP, sip, LETTERS(b, A | B | C | I | M | N | O | P | R | S | U) || EOL(b),                 \
        LETTERS(b, A | B | C | E | I | M | N | O | P | R | S | U | Y) || EOL(b))                   \
    ROW(GNUTELLA, gnutella, IS(b, 'G'), IS(b, 'I') || IS(b, 'N'))                                  \
    ROW(EDONKEY, edonkey, IS(b, 0xe3) || IS(b, 0xc5) || IS(b, 0xd4), ANY)                          \
    ROW(DNS, dns, ANY, ANY)
/* clang-format on */

#define ANY              1
#define IS(b, value)     ((b) == (value))
#define TO(b, low, high) ((b) >= (low) && (b) <= (high))
#define EOL(b)           (IS(b, '\r') || IS(b, '\n'))
/* tchar of RFC 9110 5.6.2. */
#define WORD(b)                                                                                    \
    (TO(b, '0', '9') || TO(b, 'A', 'Z') || TO(b, '^', 'z') || TO(b, '#', '\'') || IS(b, '!') ||    \
     IS(b, '*') || IS(b, '+') || IS(b, '-') || IS(b, '.') || IS(b, '|') || IS(b, '~'))
/* RFC 9051 9: any character of an atom but '+'. */
#define TAG(b)                                                                                     \
    (TO(b, '!', '~') && !TO(b, '(', '+') && !IS(b, '"') && !IS(b, '%') && !IS(b, '\\') &&          \
     !IS(b, '{'))
/* One of these letters, in either case: a letter's last five bits are its number. */
#define LETTERS(b, set)                                                                            \
    ((TO(b, 'A', 'Z') || TO(b, 'a', 'z')) && ((unsigned)(set) >> ((b)&0x1f) & 1))
/* clang-format off */
enum letter {
    A = 1 << 1, B = 1 << 2, C = 1 << 3, D = 1 << 4, E = 1 << 5, F = 1 << 6, G = 1 << 7, H = 1 << 8,
    I = 1 << 9, K = 1 << 11, L = 1 << 12, M = 1 << 13, N = 1 << 14, O = 1 << 15, P = 1 << 16,
    Q = 1 << 17, R = 1 << 18, S = 1 << 19, T = 1 << 20, U = 1 << 21, V = 1 << 22,
    X = 1 << 24, Y = 1 << 25,
};
/* clang-format on */

#define DECLARED(id, name, first, second) extern const struct protocol protocol_##name;
PROTOCOLS(DECLARED, 0)

#define LISTED(id, name, first, second) [PROTOCOL_##id] = &protocol_##name,
static const struct protocol *const registry[PROTOCOLS_COUNT] = {PROTOCOLS(LISTED, 0)};

/* The protocols that a request with this byte, first or second, may be of. */
#define FIRST_BIT(id, name, first, second)  | ((first) ? UINT64_C(1) << PROTOCOL_##id : 0)
#define SECOND_BIT(id, name, first, second) | ((second) ? UINT64_C(1) << PROTOCOL_##id : 0)
#define FIRST(b)                            (0 PROTOCOLS(FIRST_BIT, b))
#define SECOND(b)                           (0 PROTOCOLS(SECOND_BIT, b))
#define BYTES_4(make, b)                    make(b), make((b) + 1), make((b) + 2), make((b) + 3)
#define BYTES_16(make, b)                                                                          \
    BYTES_4(make, b), BYTES_4(make, (b) + 4), BYTES_4(make, (b) + 8), BYTES_4(make, (b) + 12)
#define BYTES_64(make, b)                                                                          \
    BYTES_16(make, b), BYTES_16(make, (b) + 16), BYTES_16(make, (b) + 32), BYTES_16(make, (b) + 48)
#define BYTES_256(make)                                                                            \
    BYTES_64(make, 0), BYTES_64(make, 64), BYTES_64(make, 128), BYTES_64(make, 192)
const uint64_t protocols_begin[2][256] = {{BYTES_256(FIRST)}, {BYTES_256(SECOND)}};

#define FIRST_PROTOCOL (PROTOCOL_UNKNOWN + 1)
#define ALL            ((UINT64_C(1) << PROTOCOLS_COUNT) - (UINT64_C(1) << FIRST_PROTOCOL))

const struct protocol *protocol_by_id(enum protocol_id id)
{
    return (unsigned)id < PROTOCOLS_COUNT ? registry[id] : NULL;
}

const char *protocol_name(enum protocol_id id)
{
    const struct protocol *protocol = protocol_by_id(id);

    return protocol != NULL ? protocol->name : "unknown";
}

int protocol_id_from_name(const char *name)
{
    for (int id = PROTOCOL_UNKNOWN; id < PROTOCOLS_COUNT; id++) {
        if (text_equal(protocol_name((enum protocol_id)id), name))
            return id;
    }
    return -1;
}

enum protocol_id protocol_first(uint64_t protocols)
{
    for (unsigned id = FIRST_PROTOCOL; id < PROTOCOLS_COUNT; id++) {
        if (protocols >> id & 1)
            return (enum protocol_id)id;
    }
    return PROTOCOL_UNKNOWN;
}

enum match protocols_check(uint64_t accepted, const uint8_t *request, size_t bytes,
                           enum protocol_id *matched)
{
    enum match best = MATCH_NO;
    uint64_t left = accepted & ALL;

    *matched = PROTOCOL_UNKNOWN;
    if (bytes == 0)
        return left ? MATCH_MORE : MATCH_NO;
    left &= protocols_beginning(0, request[0]);
    if (bytes > 1)
        left &= protocols_beginning(1, request[1]);
    for (; left != 0; left &= left - 1) {
        unsigned id = (unsigned)__builtin_ctzll(left);
        enum match match = registry[id]->check(request, bytes);

        if (match == MATCH_YES) {
            *matched = (enum protocol_id)id;
            return MATCH_YES;
        }
        if (match == MATCH_MORE)
            best = MATCH_MORE;
    }
    return best;
}

enum protocol_id protocol_of_request(const uint8_t *request, size_t bytes)
{
    enum protocol_id matched;

    protocols_check(~0ull, request, bytes, &matched);
    return matched;
}

enum match protocol_whole(enum protocol_id id, const uint8_t *request, size_t bytes, size_t from,
                          size_t *needed)
{
    const struct protocol *protocol = protocol_by_id(id);

    *needed = bytes;
    return protocol != NULL ? protocol->whole(request, bytes, from, needed) : MATCH_YES;
}

uint64_t protocols_of_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    uint64_t protocols = 0;

    *greeting_bytes = 0;
    for (unsigned id = FIRST_PROTOCOL; id < PROTOCOLS_COUNT; id++) {
        size_t length = 0;
        enum greeting_verdict verdict;

        if (registry[id]->greeting == NULL)
            continue;
        verdict = registry[id]->greeting(data, bytes, &length);
        if (verdict == GREETING_POSITIVE || verdict == GREETING_NEGATIVE) {
            protocols |= UINT64_C(1) << id;
            *greeting_bytes = length;
        }
    }
    return protocols;
}

enum protocol_id protocol_of_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    return protocol_first(protocols_of_greeting(data, bytes, greeting_bytes));
}
