/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words.c - see words.h.
 *
 * Limits: a method longer than 32 bytes or a request line beyond 16 KiB (web servers take 8 KiB by default) is no
 * request line. Bytes above 0x7f are taken in a target, as browsers send them and servers take them. A greeting of
 * FTP or SMTP beyond 4 KiB is none.
 */
#include "engine/protocols/words.h"

#define METHOD_BYTES_MAX       32
#define REQUEST_LINE_BYTES_MAX 16384
#define REPLY_BYTES_MAX        4096
#define CODE_BYTES             3

enum acceptance acceptance_of(enum match match)
{
    return match == MATCH_YES  ? ACCEPTANCE_ACCEPTED
           : match == MATCH_NO ? ACCEPTANCE_REFUSED
                               : ACCEPTANCE_MORE;
}

enum match match_bytes(byte_fits *fits, size_t least, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; at < least; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (!fits(data, at))
            return MATCH_NO;
    }
    return MATCH_YES;
}

enum match begins_exactly(const void *form, size_t form_bytes, const uint8_t *data, size_t bytes)
{
    const uint8_t *wanted = form;

    for (size_t at = 0; at < form_bytes; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (data[at] != wanted[at])
            return MATCH_NO;
    }
    return MATCH_YES;
}

bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static size_t text_bytes(const char *text)
{
    size_t bytes = 0;

    while (text[bytes] != 0)
        bytes++;
    return bytes;
}

enum match begins_word(const char *text, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; text[at] != 0; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (upper(data[at]) != upper((uint8_t)text[at]))
            return MATCH_NO;
    }
    return MATCH_YES;
}

enum match begins_form(const char *form, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; form[at] != 0; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (form[at] == '0' ? !is_digit(data[at]) : data[at] != (uint8_t)form[at])
            return MATCH_NO;
    }
    return MATCH_YES;
}

static bool ends_word(uint8_t c)
{
    return c == ' ' || c == '\r' || c == '\n';
}

/* What stands behind a word that fits so far. */
static enum match word_ends(enum match word, size_t word_bytes, const uint8_t *data, size_t bytes)
{
    if (word != MATCH_YES)
        return word;
    if (bytes == word_bytes)
        return MATCH_MORE;
    return ends_word(data[word_bytes]) ? MATCH_YES : MATCH_NO;
}

enum match begins_status(const char *status, const uint8_t *data, size_t bytes)
{
    size_t status_bytes = text_bytes(status);

    return word_ends(begins_exactly(status, status_bytes, data, bytes), status_bytes, data, bytes);
}

enum match begins_verb(const char *const verbs[], size_t count, const uint8_t *data, size_t bytes)
{
    enum match best = MATCH_NO;
    uint8_t first = bytes > 0 ? upper(data[0]) : 0;

    for (size_t i = 0; i < count; i++) {
        enum match match;

        /* Most verbs of a list end here: the first bytes of any request are compared with some sixty. */
        if (bytes > 0 && first != upper((uint8_t)verbs[i][0]))
            continue;
        match = begins_word(verbs[i], data, bytes);
        if (match == MATCH_YES)
            match = word_ends(match, text_bytes(verbs[i]), data, bytes);
        if (match == MATCH_YES)
            return MATCH_YES;
        best = match == MATCH_MORE ? MATCH_MORE : best;
    }
    return best;
}

size_t empty_lines_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && (data[at] == '\n' || (data[at] == '\r' && at + 1 < bytes && data[at + 1] == '\n')))
        at += data[at] == '\n' ? 1 : 2;
    return at;
}

/* tchar of RFC 9110 5.6.2. */
static bool is_token(uint8_t c)
{
    if (is_digit(c) || is_letter(c))
        return true;
    switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~':
        return true;
    default:
        return false;
    }
}

/* The four forms of RFC 9112 3.2 begin with a slash, an asterisk, or a scheme, name or address. */
static bool begins_target(uint8_t c)
{
    return c == '/' || c == '*' || c == '[' || is_digit(c) || is_letter(c);
}

static bool is_target(uint8_t c)
{
    return c > ' ' && c != 0x7f;
}

static enum match begins_version(const char *name, char version_max, const uint8_t *data, size_t bytes)
{
    size_t name_bytes = text_bytes(name);
    enum match match = begins_exactly(name, name_bytes, data, bytes);

    if (match != MATCH_YES)
        return match;
    if (bytes == name_bytes)
        return MATCH_MORE;
    return is_digit(data[name_bytes]) && data[name_bytes] <= (uint8_t)version_max ? MATCH_YES : MATCH_NO;
}

static enum match undecided(size_t bytes)
{
    return bytes < REQUEST_LINE_BYTES_MAX ? MATCH_MORE : MATCH_NO;
}

enum match begins_request_line(const char *name, char version_max, const uint8_t *data, size_t bytes)
{
    size_t at = empty_lines_bytes(data, bytes), begin = at;

    if (at + 1 == bytes && data[at] == '\r')
        return undecided(bytes);
    while (at < bytes && is_token(data[at])) {
        if (++at - begin > METHOD_BYTES_MAX)
            return MATCH_NO;
    }
    if (at == bytes)
        return undecided(bytes);
    if (at == begin || data[at] != ' ')
        return MATCH_NO;
    begin = ++at;
    if (at < bytes && !begins_target(data[at]))
        return MATCH_NO;
    while (at < bytes && at < REQUEST_LINE_BYTES_MAX && is_target(data[at]))
        at++;
    if (at == bytes || at == REQUEST_LINE_BYTES_MAX)
        return undecided(at);
    if (at == begin || data[at] != ' ')
        return MATCH_NO;
    at++;
    return begins_version(name, version_max, data + at, bytes - at);
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
    return status_accepts(data + text_bytes(form) - CODE_BYTES) ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
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

/* RFC 9110 15.2, RFC 3261 21.1.1. 101 is final, and a SIP server says 180 of somebody whom it knows. */
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

size_t find_byte(uint8_t byte, const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && data[at] != byte)
        at++;
    return at;
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

bool put_host(struct keywords_found *found, enum keyword_kind kind, const uint8_t *authority, size_t bytes)
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

size_t line_bytes(const uint8_t *data, size_t bytes, size_t bytes_max)
{
    for (size_t at = 0; at < bytes && at < bytes_max; at++) {
        if (data[at] == '\n')
            return at + 1;
    }
    return 0;
}

bool has_word(const char *word, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++) {
        if (begins_word(word, data + at, bytes - at) == MATCH_YES)
            return true;
    }
    return false;
}

/* A line that continues a reply has a '-' behind the code. */
static bool ends_reply(const uint8_t *line, const uint8_t *code, size_t bytes)
{
    return begins_exactly(code, CODE_BYTES, line, bytes) == MATCH_YES && ends_word(line[CODE_BYTES]);
}

/* The length of a reply with all its lines; 0 where its end has not come. */
static size_t reply_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    for (;;) {
        size_t line = line_bytes(data + at, bytes - at, REPLY_BYTES_MAX);

        if (line == 0 || at + line > REPLY_BYTES_MAX)
            return 0;
        if (line > CODE_BYTES && ends_reply(data + at, data, line))
            return at + line;
        at += line;
    }
}

static bool greets_or_refuses(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == '2' || data[0] == '4' || data[0] == '5';
    case 1:
        return data[0] == '2' ? data[1] == '2' : is_digit(data[1]);
    case 2:
        return data[0] == '2' ? data[2] == '0' : is_digit(data[2]);
    default:
        return ends_word(data[at]) || data[at] == '-';
    }
}

enum greeting_verdict greeting_by_code(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    enum match match = match_bytes(greets_or_refuses, CODE_BYTES + 1, data, bytes);
    size_t length;

    if (match != MATCH_YES)
        return match == MATCH_NO ? GREETING_NOT : GREETING_MORE;
    length = reply_bytes(data, bytes);
    if (length == 0)
        return bytes < REPLY_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    *greeting_bytes = length;
    return data[0] == '2' ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

static bool is_positive_code(const uint8_t *data, size_t at)
{
    if (at == 0)
        return data[0] >= '1' && data[0] <= '3';
    return at < CODE_BYTES ? is_digit(data[at]) : ends_word(data[at]) || data[at] == '-';
}

enum acceptance accepted_by_code(const uint8_t *data, size_t bytes)
{
    return acceptance_of(match_bytes(is_positive_code, CODE_BYTES + 1, data, bytes));
}
