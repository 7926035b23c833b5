/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcached.c - memcached: the client speaks first (its doc/protocol.txt, and the binary protocol).
 *
 *      request    verb [arguments] CR LF     verbs are in lower case
 *                 0x80 opcode(1) key(2) extras(1) 0(1) bucket(2) body(4) ...        binary: 24
 * bytes answer     a word in capitals, the number that incr and decr make, or 0x81 and the same
 *                 opcode; "ERROR", "CLIENT_ERROR", "SERVER_ERROR" and a status of the binary
 *                 protocol that is not about the key refuse
 *
 * HTTP's and Redis' GET are in capitals. What somebody types into Redis in lower case is the same
 * word for word; the answer tells.
 *
 * A command that stores is whole with its data block, as the server answers no sooner. Its line and
 * its length are read as the server does it, however they are written:
 *
 *                 set key flags time BYTES [unique] CR LF data CR LF        also add, replace, cas,
 * ... ms key BYTES [flags] CR LF data CR LF                     "S" BYTES before 1.6.10
 *
 * Limits: quit and shutdown are not known: they are not answered.
 */
#include "engine/protocols/whole.h"

#define REQUEST         0x80
#define RESPONSE        0x81
#define HEADER_BYTES    24
#define KEY_BYTES_MAX   250
#define EXTRAS_MAX      32
#define BODY_BYTES_MAX  ((size_t)INT32_MAX - 2)
#define BODY_MIB_MAX    0x40 /* as a server may be told to take */
#define STATUS_KEY_MOST 6    /* 0: no error; 1 to 6: not found, exists, too large, ... */
#define STATUS_AUTH     0x21 /* goes on */

/* clang-format off */
static const verb_list verbs[VERBS] = {
    [VERB('A')] = WORDS("ADD", "APPEND"),
    [VERB('C')] = WORDS("CAS", "CACHE_MEMLIMIT", "CONFIG"),
    [VERB('D')] = WORDS("DELETE", "DECR"),
    [VERB('F')] = WORDS("FLUSH_ALL"),
    [VERB('G')] = WORDS("GET", "GETS", "GAT", "GATS"),
    [VERB('I')] = WORDS("INCR"),
    [VERB('L')] = WORDS("LRU", "LRU_CRAWLER"),
    [VERB('M')] = WORDS("MG", "MS", "MD", "MA", "MN", "ME"),
    [VERB('P')] = WORDS("PREPEND"),
    [VERB('R')] = WORDS("REPLACE"),
    [VERB('S')] = WORDS("SET", "STATS", "SLABS"),
    [VERB('T')] = WORDS("TOUCH"),
    [VERB('V')] = WORDS("VERSION", "VERBOSITY"),
    [VERB('W')] = WORDS("WATCH"),
};
/* Those that a data block follows: how many words stand before its length. */
static const struct {
    char verb[10];
    uint8_t words;
} storing[] = {{"set ", 4},     {"add ", 4}, {"replace ", 4}, {"append ", 4},
               {"prepend ", 4}, {"cas ", 4}, {"ms ", 2}};
static const verb_list words[VERBS] = {
    [VERB('D')] = WORDS("DELETED"),
    [VERB('E')] = WORDS("END", "EXISTS", "EN", "EX"),
    [VERB('H')] = WORDS("HD"),
    [VERB('M')] = WORDS("MN", "ME"),
    [VERB('N')] = WORDS("NOT_FOUND", "NOT_STORED", "NF", "NS"),
    [VERB('R')] = WORDS("RESET"),
    [VERB('S')] = WORDS("STORED", "STAT"),
    [VERB('T')] = WORDS("TOUCHED"),
    [VERB('V')] = WORDS("VALUE", "VA", "VERSION"),
};
/* clang-format on */

static bool fits_binary(const uint8_t *data, size_t at)
{
    switch (at) {
    case 3:
        return data[3] <= KEY_BYTES_MAX;
    case 2:
    case 5:
        return data[at] == 0;
    case 4:
        return data[4] <= EXTRAS_MAX;
    case 8:
        return data[8] == 0 || (data[8] <= 4 && data[9] <= BODY_MIB_MAX);
    case 11:
        return data[8] != 0 || data[9] != 0 || data[10] != 0 || data[11] >= data[3] + data[4];
    default:
        return true;
    }
}

static enum match memcached_check(const uint8_t *request, size_t bytes)
{
    if (bytes > 0 && request[0] == REQUEST)
        return match_bytes(fits_binary, 12, request, bytes);
    return begins_lower_verb(verbs, request, bytes);
}

/* How many words of a command that stores stand before its length; 0: it is none. */
static unsigned words_before_length(const uint8_t *line, size_t bytes)
{
    for (size_t i = 0; i < COUNT_OF(storing); i++) {
        const char *verb = storing[i].verb;

        if (begins_exactly(verb, text_bytes(verb), line, bytes) == MATCH_YES)
            return storing[i].words;
    }
    return 0;
}

/* What isspace() takes for white, but for the blank between words. */
static bool is_white(uint8_t c)
{
    return c >= '\t' && c <= '\r';
}

/* A number as strtol() reads it; false where there is none, or where the server refuses it. */
static bool read_length(const uint8_t *word, size_t bytes, size_t *body)
{
    size_t at = 0, begin;
    bool minus;

    while (at < bytes && is_white(word[at]))
        at++;
    minus = at < bytes && word[at] == '-';
    at += at < bytes && (word[at] == '+' || word[at] == '-');
    begin = at;
    for (*body = 0; at < bytes && is_digit(word[at]) && *body <= BODY_BYTES_MAX; at++)
        *body = *body * 10 + (size_t)(word[at] - '0');
    return at > begin && at < bytes && *body <= (minus ? 0 : BODY_BYTES_MAX) &&
           (word[at] == ' ' || word[at] == 0 || is_white(word[at]));
}

/* The length of the data block that a line announces, behind so many words, each of which ends at a
 * blank alone; false where there is none, or where the server refuses the line as it is. */
static bool announces(const uint8_t *line, size_t bytes, unsigned before, size_t *body)
{
    size_t at = 0;

    for (; before > 0; before--) {
        at += find_byte(' ', line + at, bytes - at);
        while (at < bytes && line[at] == ' ')
            at++;
    }
    return read_length(line + at, bytes - at, body);
}

static enum match text_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    const unsigned before = words_before_length(request, bytes);
    const size_t line = before > 0 ? line_bytes(request, bytes, bytes) : 0;
    size_t body;

    return line > 0 && announces(request, line, before, &body)
               ? whole_line_and_body(bytes, line, body, needed)
               : whole_line(request, bytes, from, needed);
}

static enum match memcached_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    if (request[0] != REQUEST)
        return text_whole(request, bytes, from, needed);
    return whole_message(bytes,
                         HEADER_BYTES + ((size_t)request[8] << 24 | (size_t)request[9] << 16 |
                                         (size_t)request[10] << 8 | request[11]),
                         needed);
}

static enum match binary_accepts(const uint8_t *request, const uint8_t *answer, size_t bytes)
{
    if ((bytes > 0 && answer[0] != RESPONSE) || (bytes > 1 && answer[1] != request[1]))
        return MATCH_NO;
    if (bytes < 8)
        return MATCH_MORE;
    return answer[6] == 0 && (answer[7] <= STATUS_KEY_MOST || answer[7] == STATUS_AUTH) ? MATCH_YES
                                                                                        : MATCH_NO;
}

/* "12\r\n" */
static enum match is_number(const uint8_t *answer, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && at < 20 && is_digit(answer[at]))
        at++;
    return at == bytes ? MATCH_MORE : at > 0 && answer[at] == '\r' ? MATCH_YES : MATCH_NO;
}

static enum acceptance memcached_accepts(const uint8_t *request, size_t request_bytes,
                                         const uint8_t *answer, size_t answer_bytes)
{
    if (request_bytes > 1 && request[0] == REQUEST)
        return acceptance_of(binary_accepts(request, answer, answer_bytes));
    if (answer_bytes > 0 && is_digit(answer[0]))
        return acceptance_of(is_number(answer, answer_bytes));
    if (answer_bytes > 0 && answer[0] == 'O') /* beanstalkd goes on behind its OK */
        return acceptance_of(begins_exactly("OK\r\n", 4, answer, answer_bytes));
    return acceptance_of(begins_verb(words, answer, answer_bytes));
}

const struct protocol protocol_memcached = {
    .id = PROTOCOL_MEMCACHED,
    .name = "memcached",
    .verbs = verbs,
    .verbs_lower = true,
    .verbs_tell = true,
    .check = memcached_check,
    .whole = memcached_whole,
    .accepts = memcached_accepts,
};
