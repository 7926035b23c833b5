/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http_line.c - see http_line.h.
 *
 * Limits: a method longer than 32 bytes is none. How long a request line may be is the server's to
 * say (most take 8 KiB, some 1 MiB). Bytes above 0x7e are taken in a target: browsers send them,
 * and what servers make of them is theirs.
 */
#include "engine/protocols/http_line.h"

#include <string.h>

#include "engine/base/bytes.h"

#define METHOD_BYTES_MAX 32
#define CODE_BYTES       3
#define CRLF             0x0d0a

/* Two lines at once, which SIP's keepalives are, or four: a segment may be full of them. */
static bool empty_lines_4(const uint8_t *data)
{
    uint32_t bytes = load_be32(data);

    return bytes == 0x0d0a0d0au || bytes == 0x0a0a0a0au;
}

size_t some_empty_lines_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    if (bytes > EMPTY_BYTES_MAX)
        bytes = EMPTY_BYTES_MAX;
    while (bytes - at >= 4 && empty_lines_4(data + at))
        at += 4;
    while (at < bytes) {
        if (bytes - at >= 2 && load_be16(data + at) == CRLF)
            at += 2;
        else if (data[at] == '\n')
            at++;
        else
            break;
    }
    return at;
}

static uint8_t lesser(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

/*
 * A mark (the top bit of the byte) at the first of eight bytes, lowest first, that is no higher
 * than a space, and perhaps at some behind it; 0: there is none. Each byte borrows from its own top
 * bit where it is below 0x21.
 */
static uint64_t blanks_8(const uint8_t *data)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t bytes;

    memcpy(&bytes, data, sizeof(bytes));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    return (bytes - ones * (' ' + 1)) & ~bytes & ones * 0x80;
}

/* The least of what is known and of four bytes, 16 apart; and of sixteen. */
static inline uint8_t least_of_4(uint8_t least, const uint8_t *data)
{
    return lesser(lesser(lesser(lesser(least, data[0]), data[16]), data[32]), data[48]);
}

static inline uint8_t least_of_16(uint8_t least, const uint8_t *data)
{
    return least_of_4(least_of_4(least_of_4(least_of_4(least, data), data + 64), data + 128),
                      data + 192);
}

/* These are written so that the compiler takes 16 bytes at a time, one after the other in one
 * register. */
static bool has_blank_64(const uint8_t *data)
{
    uint8_t least = 0xff;

    for (size_t i = 0; i < 16; i++)
        least = least_of_4(least, data + i);
    return least <= ' ';
}

static inline bool has_blank_256(const uint8_t *data)
{
    uint8_t least = 0xff;

    for (size_t i = 0; i < 16; i++)
        least = least_of_16(least, data + i);
    return least <= ' ';
}

static bool has_blank_512(const uint8_t *data)
{
    uint8_t least = 0xff;

    for (size_t i = 0; i < 16; i++)
        least = least_of_16(least_of_16(least, data + i), data + i + 256);
    return least <= ' ';
}

/*
 * How many bytes without a blank a request has in large pieces, beginning with one of 256; they are
 * larger where that has none. An end that is shorter than one is looked at with some of what is
 * known already.
 */
static size_t graphic_pieces(const uint8_t *data, size_t bytes)
{
    size_t at = 256;

    if (bytes < 256 || has_blank_256(data))
        return 0;
    while (bytes - at >= 512 && !has_blank_512(data + at))
        at += 512;
    while (bytes - at >= 256 && !has_blank_256(data + at))
        at += 256;
    return bytes - at < 256 && !has_blank_256(data + bytes - 256) ? bytes : at;
}

/* The rest, less than eight bytes behind `at`; in front of it no blank stands. */
static size_t graphic_end(const uint8_t *data, size_t at, size_t bytes)
{
    uint64_t blanks;

    if (bytes >= 8 && at < bytes) {
        blanks = blanks_8(data + bytes - 8);
        return blanks ? bytes - 8 + ((unsigned)__builtin_ctzll(blanks) >> 3) : bytes;
    }
    while (at < bytes && data[at] > ' ')
        at++;
    return at;
}

size_t graphic_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = graphic_pieces(data, bytes);

    while (bytes - at >= 64 && !has_blank_64(data + at))
        at += 64;
    if (at >= 64 && bytes - at < 64 && !has_blank_64(data + bytes - 64))
        return bytes;
    for (; bytes - at >= 8; at += 8) {
        uint64_t blanks = blanks_8(data + at);

        if (blanks)
            return at + ((unsigned)__builtin_ctzll(blanks) >> 3);
    }
    return graphic_end(data, at, bytes);
}

/* The four forms of RFC 9112 3.2 begin with a slash, an asterisk, or a scheme, name or address. */
static bool begins_target(uint8_t c)
{
    return c == '/' || c == '*' || c == '[' || is_digit(c) || is_letter(c);
}

static enum match begins_version(const char *name, char version_max, const uint8_t *data,
                                 size_t bytes)
{
    size_t at = 0;

    for (; at < bytes && name[at] != 0; at++) {
        if (data[at] != (uint8_t)name[at])
            return MATCH_NO;
    }
    if (at == bytes)
        return MATCH_MORE;
    return is_digit(data[at]) && data[at] <= (uint8_t)version_max ? MATCH_YES : MATCH_NO;
}

/* tchar of RFC 9110 5.6.2. */
static const bool tokens[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
    ['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['^' ... 'z'] = true, ['|'] = true,          ['~'] = true,
};

static bool is_token(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    while (at + 4 <= bytes && all_4(tokens, data + at))
        at += 4;
    while (at < bytes && tokens[data[at]])
        at++;
    return at == bytes;
}

static enum match begins_any(const char *const words[], size_t count, const uint8_t *data,
                             size_t bytes)
{
    enum match best = MATCH_NO;

    for (size_t i = 0; i < count; i++) {
        enum match match = begins_word(words[i], data, bytes);

        if (match == MATCH_YES)
            return MATCH_YES;
        best = match == MATCH_MORE ? MATCH_MORE : best;
    }
    return best;
}

/* Three letters in lower case as a number: what equals it under that case's bit are those letters,
 * in either case. */
#define THREE(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (c))

/* Does the target begin with a scheme of telephony? All have three or four letters, so that one
 * look at the colon ends most. */
static enum match begins_call(const uint8_t *data, size_t bytes)
{
    static const char *const schemes[] = {"sip:", "tel:", "urn:", "sips:"};
    uint32_t scheme;

    if (bytes > 0 && ((data[0] | 0x20) < 's' || (data[0] | 0x20) > 'u'))
        return MATCH_NO;
    if (bytes <= 4)
        return begins_any(schemes, COUNT_OF(schemes), data, bytes);
    if (data[3] != ':')
        return data[4] == ':' ? begins_word(schemes[3], data, bytes) : MATCH_NO;
    scheme = load_be32(data) >> 8 | 0x202020u;
    return scheme == THREE('s', 'i', 'p') || scheme == THREE('t', 'e', 'l') ||
                   scheme == THREE('u', 'r', 'n')
               ? MATCH_YES
               : MATCH_NO;
}

/* The target from its first byte, and the version behind it. */
static enum match begins_target_line(const char *name, char version_max, const uint8_t *data,
                                     size_t bytes)
{
    size_t target = graphic_bytes(data, bytes);

    if (target == bytes)
        return MATCH_MORE;
    if (target == 0 || data[target] != ' ')
        return MATCH_NO;
    return begins_version(name, version_max, data + target + 1, bytes - target - 1);
}

enum match begins_rest_of_line(const char *name, char version_max, enum target kind,
                               const uint8_t *data, size_t bytes)
{
    enum match call = begins_call(data, bytes);

    if (bytes > 0 && !begins_target(data[0]))
        return MATCH_NO;
    if (kind == TARGET_WEB && call == MATCH_YES)
        return MATCH_NO;
    if (kind == TARGET_CALL && call != MATCH_YES)
        return call;
    return begins_target_line(name, version_max, data, bytes);
}

enum match begins_request_line(const char *name, char version_max, enum target kind,
                               const uint8_t *data, size_t bytes)
{
    size_t at = empty_lines_bytes(data, bytes), method;
    enum match rest = MATCH_MORE;

    if (at + 1 == bytes && data[at] == '\r')
        return MATCH_MORE;
    data += at;
    bytes -= at;
    method = graphic_bytes(data, bytes <= METHOD_BYTES_MAX ? bytes : METHOD_BYTES_MAX + 1);
    if (method > METHOD_BYTES_MAX || (method < bytes && (method == 0 || data[method] != ' ')))
        return MATCH_NO;
    if (method < bytes)
        rest = begins_rest_of_line(name, version_max, kind, data + method + 1, bytes - method - 1);
    return rest == MATCH_NO || !is_token(data, method) ? MATCH_NO : rest;
}

static bool status_accepts(const uint8_t status[3])
{
    if (status[0] >= '1' && status[0] <= '3')
        return true;
    return status[0] == '4' && status[1] == '0' && (status[2] == '1' || status[2] == '7');
}

enum acceptance accepted_by_status_line(const char *form, const uint8_t *data, size_t bytes)
{
    enum match match = begins_form(form, data, bytes);

    if (match != MATCH_YES)
        return acceptance_of(match);
    return status_accepts(data + text_bytes(form) - CODE_BYTES) ? ACCEPTANCE_ACCEPTED
                                                                : ACCEPTANCE_REFUSED;
}

/* Where the empty line behind the first answer ends; 0 where it has not come. */
static size_t head_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    for (;;) {
        size_t line = line_bytes(data + at, bytes - at, bytes);

        if (line == 0)
            return 0;
        at += line;
        if (line == 1 || (line == 2 && data[at - 2] == '\r'))
            return at;
    }
}

/* RFC 9110 15.2, RFC 3261 21.1.1. 101 is final, and a SIP server says 180 of somebody whom it
 * knows. */
static bool is_interim(const uint8_t status[3])
{
    return status[0] == '1' && status[1] == '0' && status[2] != '1';
}

enum acceptance accepted_by_final_status(const char *form, const uint8_t *data, size_t bytes)
{
    size_t status_at = text_bytes(form) - CODE_BYTES;

    while (begins_form(form, data, bytes) == MATCH_YES && is_interim(data + status_at)) {
        size_t head = head_bytes(data, bytes);

        if (head == 0)
            return ACCEPTANCE_MORE;
        data += head;
        bytes -= head;
    }
    return accepted_by_status_line(form, data, bytes);
}

const uint8_t *request_target(const uint8_t *line, size_t bytes, size_t *target_bytes)
{
    size_t begin = find_byte(' ', line, bytes) + 1;

    if (begin >= bytes) {
        *target_bytes = 0;
        return line;
    }
    *target_bytes = find_byte(' ', line + begin, bytes - begin);
    return line + begin;
}

/* The length of a host in front of its port. An IPv6 address stands in brackets. */
static size_t host_bytes(const uint8_t *host, size_t bytes)
{
    size_t from = bytes > 0 && host[0] == '[' ? find_byte(']', host, bytes) : 0, colon;

    if (from == bytes)
        return bytes;
    colon = from + find_byte(':', host + from, bytes - from);
    for (size_t at = colon + 1; at < bytes; at++) {
        if (!is_digit(host[at]))
            return bytes; /* no port: the name is a strange one, and stays whole */
    }
    return colon < bytes ? colon : bytes;
}

bool put_host(struct keywords_found *found, enum keyword_kind kind, const uint8_t *authority,
              size_t bytes)
{
    size_t user = find_byte('@', authority, bytes), length;

    if (user < bytes) {
        authority += user + 1;
        bytes -= user + 1;
    }
    length = host_bytes(authority, bytes);
    if (length > 1 && authority[length - 1] == '.')
        length--;
    return keywords_put(found, kind, authority, length);
}
