/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redis.c - Redis and Valkey: the client speaks first (the "Redis serialization protocol
 * specification").
 *
 *      request    "*" 1*DIGIT CR LF "$" ...       an array of strings, what all libraries send
 *                 verb [arguments] LF             an inline command, what people and probes type
 *      answer     "+" and a letter; ":", "$", "*", "%" or "~" and a number; '-' refuses ("-NOAUTH",
 *                 "-ERR", "-DENIED")
 *
 * An inline GET has one argument and ends its line: that is what tells it from HTTP's.
 *
 * Health checks log in by an inline AUTH, as a client of POP3 does, whose server greets.
 *
 * Limits: inline commands are those below; an array has at most 7 digits of elements, an inline GET
 * 256 bytes.
 */
#include "engine/base/bytes.h"
#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

#define DIGITS_MAX     7
#define LINE_BYTES_MAX 256
#define ELEMENT_LEAST  6           /* "$0", and two ends of lines */
#define LOWER          0x20202000u /* what tells three letters' cases */
#define GET_SPACE      0x67657420u /* "get " */

static const verb_list verbs[VERBS] = {
    [VERB('C')] = WORDS("CLIENT", "COMMAND", "CONFIG"),
    [VERB('D')] = WORDS("DEL", "DBSIZE"),
    [VERB('E')] = WORDS("ECHO", "EXISTS"),
    [VERB('H')] = WORDS("HELLO"),
    [VERB('I')] = WORDS("INFO", "INCR"),
    [VERB('K')] = WORDS("KEYS"),
    [VERB('M')] = WORDS("MONITOR"),
    [VERB('P')] = WORDS("PING"),
    [VERB('R')] = WORDS("ROLE"),
    [VERB('S')] = WORDS("SELECT", "SET", "SUBSCRIBE"),
    [VERB('T')] = WORDS("TIME"),
};

static enum match check_array(const uint8_t *request, size_t bytes)
{
    size_t at = 1;

    while (at < bytes && is_digit(request[at])) {
        if (++at > 1 + DIGITS_MAX)
            return MATCH_NO;
    }
    if (at == bytes)
        return MATCH_MORE;
    return at == 1 ? MATCH_NO : begins_exactly("\r\n$", 3, request + at, bytes - at);
}

/* "GET key": no second argument, and no slash in front, which is HTTP's. */
static enum match check_get(const uint8_t *request, size_t bytes)
{
    size_t at = 4;
    enum match match = bytes < 4 ? begins_word("GET ", request, bytes)
                       : (load_be32(request) | LOWER) == GET_SPACE ? MATCH_YES
                                                                   : MATCH_NO;

    if (match != MATCH_YES)
        return match;
    if (at < bytes && request[at] == '/')
        return MATCH_NO;
    at += graphic_bytes(request + at, (bytes <= LINE_BYTES_MAX ? bytes : LINE_BYTES_MAX + 1) - at);
    if (at > LINE_BYTES_MAX)
        return MATCH_NO;
    if (at == bytes)
        return MATCH_MORE;
    if (at > 4 && request[at] == '\r' && ++at == bytes)
        return MATCH_MORE;
    return at > 4 && request[at] == '\n' ? MATCH_YES : MATCH_NO;
}

/* With a password: a mail client that asks for the ways to log in says the word alone. */
static enum match check_auth(const uint8_t *request, size_t bytes)
{
    enum match match = begins_word("AUTH ", request, bytes);

    if (match != MATCH_YES)
        return match;
    if (bytes == 5)
        return MATCH_MORE;
    return request[5] > ' ' ? MATCH_YES : MATCH_NO;
}

static enum match redis_check(const uint8_t *request, size_t bytes)
{
    if (bytes > 0 && request[0] == '*')
        return check_array(request, bytes);
    if (bytes > 0 && (request[0] | 0x20) == 'g')
        return check_get(request, bytes);
    if (bytes > 0 && (request[0] | 0x20) == 'a')
        return check_auth(request, bytes);
    return begins_verb(verbs, request, bytes);
}

static bool fits_answer(const uint8_t *data, size_t at)
{
    if (at > 0)
        return data[0] == '+' ? is_letter(data[1]) : is_digit(data[1]) || data[1] == '-';
    switch (data[0]) {
    case '+':
    case ':':
    case '$':
    case '*':
    case '%':
    case '~':
        return true;
    default:
        return false;
    }
}

static enum acceptance redis_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_answer, 2, answer, answer_bytes));
}

/* `mark` digits CR LF at `*at`: the number, and `*at` behind it. */
static enum match take_number(uint8_t mark, const uint8_t *data, size_t bytes, size_t *at,
                              size_t *number)
{
    size_t digit = *at + 1;

    if (*at < bytes && data[*at] != mark)
        return MATCH_NO;
    for (*number = 0; digit < bytes && is_digit(data[digit]); digit++) {
        if (digit - *at > DIGITS_MAX + 2)
            return MATCH_NO;
        *number = *number * 10 + (data[digit] - '0');
    }
    if (digit >= bytes)
        return MATCH_MORE;
    if (digit == *at + 1)
        return MATCH_NO;
    *at = digit + 2;
    return begins_exactly("\r\n", 2, data + digit, bytes - digit);
}

static size_t more_than(size_t bytes, size_t length)
{
    return length > bytes ? length : bytes + 1;
}

/*
 * An array of strings, each with its length in front; an inline command is a line. An element has
 * its bytes, however short it is: without them nobody needs to read the array again, which costs
 * more with each that has come.
 */
static enum match redis_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t at = 0, begin = 0, elements = 0, length;
    enum match match;

    if (request[0] != '*')
        return whole_line(request, bytes, from, needed);
    match = take_number('*', request, bytes, &at, &elements);
    for (; match == MATCH_YES && elements > 0; elements--) {
        begin = at;
        match = take_number('$', request, bytes, &at, &length);
        if (match != MATCH_YES)
            break;
        begin = at += length + 2;
        match = at <= bytes ? MATCH_YES : MATCH_MORE;
    }
    if (match != MATCH_MORE)
        *needed = at;
    else
        whole_message(bytes, more_than(bytes, begin + elements * ELEMENT_LEAST), needed);
    return match;
}

const struct protocol protocol_redis = {
    .id = PROTOCOL_REDIS,
    .name = "redis",
    .check = redis_check,
    .whole = redis_whole,
    .accepts = redis_accepts,
};
