/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reply_code.c - see reply_code.h. */
#include "engine/protocols/reply_code.h"

#define REPLY_BYTES_MAX 4096
#define CODE_BYTES      3

/* A line that continues a reply has a '-' behind the code. */
static bool ends_reply(const uint8_t *line, const uint8_t *code, size_t bytes)
{
    return begins_exactly(code, CODE_BYTES, line, bytes) == MATCH_YES &&
           ends_word(line[CODE_BYTES]);
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

/* Where the word in angle brackets begins that ends at `end`; `end` for none. */
static size_t bracketed_from(const uint8_t *line, size_t end)
{
    size_t at = end;

    if (end == 0 || line[end - 1] != '>')
        return end;
    while (at > 0 && line[at - 1] != '<') {
        at--;
        if (line[at] == ' ')
            return end;
    }
    return at > 0 ? at - 1 : end;
}

bool ends_in_message_id(const uint8_t *line, size_t bytes)
{
    size_t end = bytes, id;

    while (end > 0 && (line[end - 1] == '\r' || line[end - 1] == '\n'))
        end--;
    id = bracketed_from(line, end);
    if (id == end || id == 0 || line[id - 1] != ' ')
        return false;
    return bracketed_from(line, id - 1) != id - 1;
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
