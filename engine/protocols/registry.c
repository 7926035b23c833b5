/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registry.c - the protocols that synward knows: one line each, in the order in which requests are
 * tried. The frequent come first; where two would take the same first bytes
 * (tests/engine/protocols/test_confusion.c names them all), the learner asks the greeting.
 */
#include "engine/protocols/protocol.h"

#include "engine/base/text.h"
#include "engine/protocols/match.h"
#include "engine/protocols/proxy.h"

/*
 * ROW(id, descriptor, whether it has `verbs`, what each of the first four bytes `b` of a request
 * may be). Only what may match is asked, so that many protocols are no dearer than one; a test
 * holds each line against the check itself.
 */
/* clang-format off */
#define PROTOCOLS(ROW, b)                                                                          \
    ROW(HTTP, http1, BY_FORM, WORD(b) || EOL(b), WORD(b) || BLANK(b),                              \
        WORD(b) || BLANK(b) || IS(b, '/') || IS(b, '['), ANY)                                      \
    ROW(TLS, tls, BY_FORM, IS(b, 22), IS(b, 3), TO(b, 0, 4), TO(b, 0, 0x40))                       \
    ROW(HTTP2, http2, BY_FORM, IS(b, 'P'), IS(b, 'R'), IS(b, 'I'), IS(b, ' '))                     \
    ROW(SSH, ssh, BY_FORM, IS(b, 'S'), IS(b, 'S'), IS(b, 'H'), IS(b, '-'))                         \
    ROW(POP3, pop3, BY_VERB, LETTERS(b, A | C | L | Q | S | U), LETTERS(b, A | P | S | T | U),     \
        LETTERS(b, E | F | I | L | N | O | P | T),                                                 \
        LETTERS(b, A | G | H | P | R | S | T) || IS(b, '8'))                                       \
    ROW(IMAP, imap, BY_FORM, TAG(b), TAG(b) || IS(b, ' '), TAG(b) || IS(b, ' '), ANY)              \
    ROW(FTP, ftp, BY_VERB, LETTERS(b, A | C | F | H | L | N | O | Q | R | S | U),                  \
        LETTERS(b, A | E | L | O | P | S | T | U | Y), LETTERS(b, A | E | I | L | N | O | S | T),  \
        LETTERS(b, G | H | N | P | R | S | T))                                                     \
    ROW(SMTP, smtp, BY_VERB, LETTERS(b, E | H | L | N | Q | R | V),                                \
        LETTERS(b, E | H | O | R | S | U | X),                                                     \
        LETTERS(b, E | F | I | L | O | P), LETTERS(b, N | O | P | T | Y))                          \
    ROW(MYSQL, mysql, BY_FORM, ANY, ANY, IS(b, 0), IS(b, 1))                                       \
    ROW(POSTGRESQL, postgresql, BY_FORM, IS(b, 0), IS(b, 0), TO(b, 0, 0x27), ANY)                  \
    ROW(REDIS, redis, BY_FORM,                                                                     \
        IS(b, '*') || LETTERS(b, A | C | D | E | G | H | I | K | M | P | R | S | T),               \
        TO(b, '0', '9') || LETTERS(b, B | C | E | I | L | N | O | U | X),                          \
        TO(b, '0', '9') || IS(b, '\r') || LETTERS(b, B | C | F | H | I | L | M | N | S | T | Y),   \
        TO(b, '0', '9') || BLANK(b) || LETTERS(b, E | F | G | H | I | L | M | O | R | S))          \
    ROW(MQTT, mqtt, BY_FORM, IS(b, 0x10), ANY, ANY, ANY)                                           \
    ROW(BITTORRENT, bittorrent, BY_FORM, IS(b, 0x13), IS(b, 'B'), IS(b, 'i'), IS(b, 't'))          \
    ROW(TELNET, telnet, BY_FORM, IS(b, 0xff), TO(b, 0xfa, 0xfe), ANY, ANY)                         \
    ROW(RDP, rdp, BY_FORM, IS(b, 3), IS(b, 0), ANY, ANY)                                           \
    ROW(SMB, smb, BY_FORM, IS(b, 0) || IS(b, 0x81), IS(b, 0) || IS(b, 1), ANY, ANY)                \
    ROW(SIP, sip, BY_VERB, LETTERS(b, A | B | C | I | M | N | O | P | R | S | U) || EOL(b),        \
        LETTERS(b, A | B | C | E | I | M | N | O | P | R | S | U | Y) || EOL(b),                   \
        LETTERS(b, A | B | C | D | E | F | G | I | K | M | N | O | P | R | S | T | U | V | Y) ||   \
            EOL(b),                                                                                \
        LETTERS(b, A | B | C | D | E | F | G | I | K | L | M | N | O | P | R | S | T | U | V |     \
            Y) || BLANK(b))                                                                        \
    ROW(GNUTELLA, gnutella, BY_FORM, IS(b, 'G'), IS(b, 'I') || IS(b, 'N'),                         \
        IS(b, 'U') || IS(b, 'V'),                                                                  \
        IS(b, 'T') || IS(b, ' '))                                                                  \
    ROW(EDONKEY, edonkey, BY_FORM, IS(b, 0xe3) || IS(b, 0xc5) || IS(b, 0xd4), ANY, ANY, IS(b, 0))  \
    ROW(DNS, dns, BY_FORM, ANY, ANY, ANY, ANY)                                                     \
    ROW(MEMCACHED, memcached, BY_VERB,                                                             \
        LOWER(b, A | C | D | F | G | I | L | M | P | R | S | T | V | W) || IS(b, 0x80), ANY,       \
        LOWER(b, A | C | D | E | L | N | P | R | S | T | U) || BLANK(b) || IS(b, 0), ANY)          \
    ROW(LDAP, ldap, BY_FORM, IS(b, 0x30), TO(b, 1, 0x84) && !IS(b, 0x80), ANY, ANY)                \
    ROW(AMQP, amqp, BY_FORM, IS(b, 'A'), IS(b, 'M'), IS(b, 'Q'), IS(b, 'P'))                       \
    ROW(NATS, nats, BY_FORM, LETTERS(b, C | H | P | S), LETTERS(b, I | O | P | U),                 \
        LETTERS(b, B | N | U),                                                                     \
        LETTERS(b, B | G | N) || BLANK(b))                                                         \
    ROW(IRC, irc, BY_VERB, LETTERS(b, A | C | N | P | S | U | W) || EOL(b),                        \
        LETTERS(b, A | C | E | I | N | P | R | S | T | U | W) || EOL(b),                           \
        LETTERS(b, A | B | C | E | I | N | O | P | R | S | T | U | W) || EOL(b),                   \
        LETTERS(b, A | B | C | E | H | I | K | N | O | P | R | S | T | U | V | W) || BLANK(b))     \
    ROW(XMPP, xmpp, BY_FORM, IS(b, '<'), IS(b, '?') || IS(b, 's'), IS(b, 'x') || IS(b, 't'),       \
        IS(b, 'm') || IS(b, 'r'))                                                                  \
    ROW(RSYNC, rsync, BY_FORM, IS(b, '@'), IS(b, 'R'), IS(b, 'S'), IS(b, 'Y'))                     \
    ROW(GIT, git, BY_FORM, HEX(b), HEX(b), HEX(b), HEX(b))                                         \
    ROW(NNTP, nntp, BY_VERB,                                                                       \
        LETTERS(b, A | B | C | D | G | H | I | L | M | N | O | P | Q | S | T | X),                 \
        LETTERS(b, A | D | E | F | G | H | I | L | O | P | R | T | U | V),                         \
        LETTERS(b, A | D | E | I | K | L | M | O | P | R | S | T | V | W | X),                     \
        LETTERS(b, A | C | D | E | G | H | I | N | P | R | T | U | V | Y) || BLANK(b))             \
    ROW(VNC, vnc, BY_FORM, IS(b, 'R'), IS(b, 'F'), IS(b, 'B'), IS(b, ' '))                         \
    ROW(PROXY, proxy, BY_FORM, IS(b, 'P') || IS(b, '\r'), IS(b, 'R') || IS(b, '\n'),               \
        IS(b, 'O') || IS(b, '\r'), IS(b, 'X') || IS(b, '\n'))                                      \
    ROW(STOMP, stomp, BY_FORM, LETTERS(b, C | S), LETTERS(b, O | T), LETTERS(b, N | O),            \
        LETTERS(b, M | N))                                                                         \
    ROW(MONGODB, mongodb, BY_FORM, ANY, ANY, ANY, TO(b, 0, 2))                                     \
    ROW(KAFKA, kafka, BY_FORM, IS(b, 0), ANY, ANY, ANY)                                            \
    ROW(MINECRAFT, minecraft, BY_FORM, TO(b, 7, 255), TO(b, 0, 0x1f), ANY, ANY)                    \
    ROW(ICECAST, icecast, BY_FORM, LETTERS(b, S), LETTERS(b, O), LETTERS(b, U), LETTERS(b, R))     \
    ROW(BEANSTALKD, beanstalkd, BY_VERB, LOWER(b, B | D | I | K | L | P | R | S | T | U | W),      \
        LOWER(b, A | E | G | I | O | S | T | U), LOWER(b, A | C | E | L | N | R | S | T | U),      \
        LOWER(b, C | E | K | O | S | T | Y) || BLANK(b))                                           \
    ROW(MPD, mpd, BY_VERB,                                                                         \
        LOWER(b, A | B | C | D | E | F | G | I | K | L | M | N | O | P | R | S | T | U | V),       \
        LOWER(b, A | D | E | H | I | L | M | N | O | P | R | S | T | U | W),                       \
        LOWER(b, A | B | C | D | E | G | I | L | M | N | O | P | R | S | T | U | V | W | X) ||     \
            BLANK(b),                                                                              \
        ANY)                                                                                       \
    ROW(DICT, dict, BY_VERB, LETTERS(b, A | C | D | H | M | O | Q | S),                            \
        LETTERS(b, A | E | H | L | P | T | U), LETTERS(b, A | F | I | L | O | S | T),              \
        LETTERS(b, C | E | H | I | L | P | T | W))                                                 \
    ROW(GEARMAN, gearman, BY_VERB, IS(b, 0) || LOWER(b, C | D | G | M | P | S | V | W),            \
        IS(b, 'R') || LOWER(b, A | E | H | O | R | T),                                             \
        IS(b, 'E') || LOWER(b, A | E | I | N | O | R | T | U | X),                                 \
        IS(b, 'Q') || LOWER(b, A | B | C | K | O | P | Q | S | T | W))                             \
    ROW(UWSGI, uwsgi, BY_FORM, TO(b, 0, 32), ANY, ANY, ANY)                                        \
    ROW(SOCKS, socks, BY_FORM, TO(b, 4, 5), TO(b, 1, 8) || IS(b, 0xf0), ANY, ANY)                  \
    ROW(ZABBIX, zabbix, BY_FORM,                                                                   \
        IS(b, 'Z') || IS(b, 'z') || LOWER(b, A | D | E | K | L | M | N | P | R | S | V | W),       \
        IS(b, 'B') || LOWER(b, A | E | F | G | M | O | Q | R | V | Y),                             \
        IS(b, 'X') || IS(b, '.') || IS(b, '[') ||                                                  \
            LOWER(b, B | C | D | E | G | I | N | O | R | S | T),                                   \
        ANY)
/* clang-format on */

#define BY_VERB          1 /* it has `verbs` */
#define BY_FORM          0
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
#define BLANK(b)      (IS(b, ' ') || EOL(b))
#define LOWER(b, set) (TO(b, 'a', 'z') && LETTERS(b, set))
#define HEX(b)        (TO(b, '0', '9') || TO(b, 'A', 'F') || TO(b, 'a', 'f'))
/* clang-format off */
enum letter {
    A = 1 << 1, B = 1 << 2, C = 1 << 3, D = 1 << 4, E = 1 << 5, F = 1 << 6, G = 1 << 7, H = 1 << 8,
    I = 1 << 9, K = 1 << 11, L = 1 << 12, M = 1 << 13, N = 1 << 14, O = 1 << 15, P = 1 << 16,
    Q = 1 << 17, R = 1 << 18, S = 1 << 19, T = 1 << 20, U = 1 << 21, V = 1 << 22,
    W = 1 << 23, X = 1 << 24, Y = 1 << 25,
};
/* clang-format on */

#define DECLARED(id, name, kind, first, second, third, fourth)                                     \
    extern const struct protocol protocol_##name;
PROTOCOLS(DECLARED, 0)

#define LISTED(id, name, kind, first, second, third, fourth) [PROTOCOL_##id] = &protocol_##name,
static const struct protocol *const registry[PROTOCOLS_COUNT] = {PROTOCOLS(LISTED, 0)};

/* The protocols that a request with this byte, first to fourth, may be of. */
#define BIT(id, may) | ((may) ? UINT64_C(1) << PROTOCOL_##id : 0)

#define FIRST_BIT(id, name, kind, first, second, third, fourth)  BIT(id, first)
#define SECOND_BIT(id, name, kind, first, second, third, fourth) BIT(id, second)
#define THIRD_BIT(id, name, kind, first, second, third, fourth)  BIT(id, third)
#define FOURTH_BIT(id, name, kind, first, second, third, fourth) BIT(id, fourth)
#define FIRST(b)                                                 (0 PROTOCOLS(FIRST_BIT, b))
#define SECOND(b)                                                (0 PROTOCOLS(SECOND_BIT, b))
#define THIRD(b)                                                 (0 PROTOCOLS(THIRD_BIT, b))
#define FOURTH(b)                                                (0 PROTOCOLS(FOURTH_BIT, b))

#define BYTES_4(make, b) make(b), make((b) + 1), make((b) + 2), make((b) + 3)
#define BYTES_16(make, b)                                                                          \
    BYTES_4(make, b), BYTES_4(make, (b) + 4), BYTES_4(make, (b) + 8), BYTES_4(make, (b) + 12)
#define BYTES_64(make, b)                                                                          \
    BYTES_16(make, b), BYTES_16(make, (b) + 16), BYTES_16(make, (b) + 32), BYTES_16(make, (b) + 48)
#ifdef __clang_analyzer__
/* clang's analyzer walks each of a million terms by itself; four bytes show it every kind. */
#define BYTES_256(make) BYTES_4(make, 'A')
#else
#define BYTES_256(make)                                                                            \
    BYTES_64(make, 0), BYTES_64(make, 64), BYTES_64(make, 128), BYTES_64(make, 192)
#endif
const uint64_t protocols_begin[4][256] = {
    {BYTES_256(FIRST)}, {BYTES_256(SECOND)}, {BYTES_256(THIRD)}, {BYTES_256(FOURTH)}};

/* Those that have verbs. */
#define VERB_BIT(id, name, kind, first, second, third, fourth) BIT(id, kind)
static const uint64_t of_verbs = 0 PROTOCOLS(VERB_BIT, 0);

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

#define PROXY (UINT64_C(1) << PROTOCOL_PROXY)

/* What a load balancer says for a client: a whole header is nothing else's beginning. */
static enum match check_proxied(uint64_t accepted, const uint8_t *request, size_t bytes,
                                bool *alone)
{
    size_t header;
    enum match match = proxy_header(request, bytes, &header);

    *alone = match == MATCH_YES;
    return *alone ? proxy_check_behind(accepted, request + header, bytes - header) : match;
}

/* What two say together, of whom any may be meant. */
static inline enum match more(enum match one, enum match other)
{
    return one == MATCH_NO || other == MATCH_YES ? other : one;
}

/* What `check` says of a request that begins with this word, the first part of which fits the first
 * of these verbs. */
static enum match __attribute__((noinline))
ask_by_verb(const struct protocol *protocol, const struct word *word, verb_list verbs,
            const uint8_t *request, size_t bytes)
{
    enum match match = word_is_among(word, verbs);

    if (match == MATCH_NO || (protocol->verbs_lower && word_has_capitals(word)))
        return MATCH_NO;
    return protocol->verbs_tell ? match : protocol->check(request, bytes);
}

/* The first of the list that the word may be by its first part, or NULL. */
static inline verb_list first_fitting(const struct word_part *part, verb_list list)
{
    if (!list)
        return NULL;
    do {
        if (((load_le64(*list) ^ part->text) & part->counts) == 0)
            return list;
        list++;
    } while ((*list)[0] != 0);
    return NULL;
}

/*
 * The first of these, that have verbs, whose `check` says yes of a request that begins with a
 * letter. `known`: what others have said, who do not say yes. Where they need more, and the word is
 * not there to its end, no verb says more than that.
 */
static enum match __attribute__((noinline))
ask_verbs(uint64_t protocols, enum match known, const uint8_t *request, size_t bytes,
          enum protocol_id *matched)
{
    const unsigned letter = (request[0] & 0x1fu) - 1;
    enum match best = known;
    struct word_part part;
    struct word word;

    if (!word_begin(&word, request, bytes))
        word_go_on(&word, request, bytes);
    if (word.matches == MATCH_NO || (known != MATCH_NO && word.matches == MATCH_MORE))
        return known;
    part = word.parts[0];
    for (uint64_t left = protocols; left != 0; left &= left - 1) {
        unsigned id = (unsigned)__builtin_ctzll(left);
        verb_list verbs = first_fitting(&part, registry[id]->verbs[letter]);
        enum match match;

        if (!verbs)
            continue;
        match = ask_by_verb(registry[id], &word, verbs, request, bytes);
        if (match == MATCH_YES) {
            *matched = (enum protocol_id)id;
            return MATCH_YES;
        }
        best = more(best, match);
    }
    return best;
}

enum match protocols_check(uint64_t accepted, const uint8_t *request, size_t bytes,
                           enum protocol_id *matched)
{
    enum match best = MATCH_NO, match;
    uint64_t left = accepted & ALL, by_verb;
    unsigned id;
    bool alone;

    *matched = PROTOCOL_UNKNOWN;
    if (bytes == 0)
        return left ? MATCH_MORE : MATCH_NO;
    left &= protocols_beginning(0, request[0]);
    if (bytes > 1)
        left &= protocols_beginning(1, request[1]);
    if (bytes > 3)
        left &= protocols_beginning(2, request[2]) & protocols_beginning(3, request[3]);
    if (left & PROXY) {
        best = check_proxied(accepted, request, bytes, &alone);
        *matched = best == MATCH_YES ? PROTOCOL_PROXY : PROTOCOL_UNKNOWN;
        if (alone)
            return best;
        left &= ~PROXY;
    }
    by_verb = is_letter(request[0]) ? left & of_verbs : 0;
    if ((by_verb & (by_verb - 1)) == 0) /* one alone reads no more of the word than it needs */
        by_verb = 0;
    /* In the registry's order, but that those with verbs are asked together; where one says yes,
     * those before it may do so, too. */
    while (left != 0) {
        const uint64_t bit = left & (~left + 1);

        if (by_verb & bit) {
            best = ask_verbs(by_verb, best, request, bytes, matched);
            left &= ~by_verb;
            if (best == MATCH_YES)
                left &= (UINT64_C(1) << *matched) - 1;
            continue;
        }
        id = (unsigned)__builtin_ctzll(left);
        left ^= bit;
        match = registry[id]->check(request, bytes);
        if (match == MATCH_YES) {
            *matched = (enum protocol_id)id;
            return MATCH_YES;
        }
        best = more(best, match);
    }
    return best;
}

enum protocol_id protocol_of_request(const uint8_t *request, size_t bytes)
{
    enum protocol_id matched;

    protocols_check(~0ull, request, bytes, &matched);
    return matched;
}

size_t protocol_awaits(enum protocol_id id, const uint8_t *request, size_t bytes)
{
    const enum protocol_id known =
        id == PROTOCOL_UNKNOWN ? protocol_of_request(request, bytes) : id;
    const struct protocol *protocol = protocol_by_id(known);

    return protocol && protocol->awaits ? protocol->awaits(request, bytes) : 0;
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

bool protocols_say_full(uint64_t protocols, const uint8_t *answer, size_t bytes)
{
    for (unsigned id = FIRST_PROTOCOL; id < PROTOCOLS_COUNT; id++)
        if ((protocols >> id & 1) && registry[id]->is_full != NULL &&
            registry[id]->is_full(answer, bytes))
            return true;
    return false;
}

bool protocols_have_words_for_full(uint64_t protocols)
{
    for (unsigned id = FIRST_PROTOCOL; id < PROTOCOLS_COUNT; id++)
        if ((protocols >> id & 1) && registry[id]->is_full != NULL)
            return true;
    return false;
}
