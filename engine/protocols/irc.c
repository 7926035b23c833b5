/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irc.c - IRC: the client registers without waiting, though many servers say something first
 * ("NOTICE AUTH :*** Looking up your hostname"): RFC 2812 3.1, IRCv3's capability negotiation.
 *
 *      request    CAP, NICK, PASS, AUTHENTICATE, STARTTLS, WEBIRC, SERVER, PROTOCTL, or USER with
 * its four parameters; one or two empty lines before it are ignored (RFC 2812
 *                 2.3.1) answer     "PING",
 * "NOTICE", "AUTHENTICATE", or ":" server SP and a word or a numeric reply below 400 accept;
 * "ERROR" and the other numbers refuse
 *
 * POP3 and FTP say USER with one parameter: three blanks between words tell it.
 *
 * Limits: a line beyond 512 bytes is none (RFC 2812 2.3); a client that gives itself a prefix is
 * not known.
 */
#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

#define LINE_BYTES_MAX 512

/* clang-format off */
static const verb_list verbs[VERBS] = {
    [VERB('A')] = WORDS("AUTHENTICATE"),
    [VERB('C')] = WORDS("CAP"),
    [VERB('N')] = WORDS("NICK"),
    [VERB('P')] = WORDS("PASS", "PROTOCTL"),
    [VERB('S')] = WORDS("SERVER", "STARTTLS"),
    [VERB('U')] = WORDS("USER"),
    [VERB('W')] = WORDS("WEBIRC"),
};
static const verb_list words[VERBS] = {
    [VERB('A')] = WORDS("AUTHENTICATE"),
    [VERB('C')] = WORDS("CAP"),
    [VERB('N')] = WORDS("NOTICE"),
    [VERB('P')] = WORDS("PING", "PONG"),
};
static const verb_list silent[VERBS] = {
    [VERB('N')] = WORDS("NICK"),
    [VERB('P')] = WORDS("PASS", "PROTOCTL"),
    [VERB('U')] = WORDS("USER"),
    [VERB('W')] = WORDS("WEBIRC"),
};
/* clang-format on */

/* "USER guest 0 * :Ronnie Reagan" */
static enum match check_user(const uint8_t *line, size_t bytes)
{
    unsigned blanks = 0;

    for (size_t at = 4; at < bytes; at++) {
        if (at == LINE_BYTES_MAX || line[at] == '\r' || line[at] == '\n')
            return MATCH_NO;
        if (line[at] != ' ' && line[at - 1] == ' ' && ++blanks == 4)
            return MATCH_YES;
    }
    return MATCH_MORE;
}

static enum match irc_check(const uint8_t *request, size_t bytes)
{
    size_t at = few_empty_lines_bytes(request, bytes);
    enum match match;

    if (at + 1 == bytes && request[at] == '\r')
        return MATCH_MORE;
    match = begins_verb(verbs, request + at, bytes - at);
    return match == MATCH_YES && (request[at] | 0x20) == 'u' ? check_user(request + at, bytes - at)
                                                             : match;
}

static enum match irc_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t at = few_empty_lines_bytes(request, bytes);

    return whole_line(request, bytes, from > at ? from : at, needed);
}

static size_t blank_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && data[at] == ' ')
        at++;
    return at;
}

/* What the server passes over in front of a command: blanks, and a prefix (RFC 2812 2.3). */
static size_t before_command(const uint8_t *line, size_t bytes)
{
    size_t at = blank_bytes(line, bytes);

    if (at < bytes && line[at] == ':') {
        at += graphic_bytes(line + at, bytes - at);
        at += blank_bytes(line + at, bytes - at);
    }
    return at;
}

/*
 * Whoever registers says NICK and USER, in any order. The server says nothing before it has both,
 * nor to empty lines; it answers any other command.
 */
static size_t irc_awaits(const uint8_t *request, size_t bytes)
{
    size_t at = 0, line, command;
    bool nick = false, user = false;

    for (; (line = line_bytes(request + at, bytes - at, LINE_BYTES_MAX)) > 0; at += line) {
        command = at + before_command(request + at, line);
        if (request[command] == '\r' || request[command] == '\n')
            continue;
        if (begins_verb(silent, request + command, at + line - command) != MATCH_YES)
            return 0;
        nick |= (request[command] | 0x20) == 'n';
        user |= (request[command] | 0x20) == 'u';
        if (nick && user)
            return 0;
    }
    return 1;
}

/* ":irc.example.net 001 me :Welcome" */
static enum match prefixed_accepts(const uint8_t *answer, size_t bytes)
{
    size_t at =
        1 + graphic_bytes(answer + 1, (bytes < LINE_BYTES_MAX ? bytes : LINE_BYTES_MAX) - 1);

    if (at + 1 >= bytes)
        return bytes < LINE_BYTES_MAX ? MATCH_MORE : MATCH_NO;
    if (at == 1 || answer[at] != ' ')
        return MATCH_NO;
    at++;
    return is_letter(answer[at]) || (answer[at] >= '0' && answer[at] <= '3') ? MATCH_YES : MATCH_NO;
}

static enum acceptance irc_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    if (answer_bytes > 0 && answer[0] >= 'a') /* munin's "cap multigraph" */
        return ACCEPTANCE_REFUSED;
    if (answer_bytes > 0 && answer[0] == ':')
        return acceptance_of(prefixed_accepts(answer, answer_bytes));
    return acceptance_of(begins_verb(words, answer, answer_bytes));
}

const struct protocol protocol_irc = {
    .id = PROTOCOL_IRC,
    .name = "irc",
    .verbs = verbs,
    .check = irc_check,
    .whole = irc_whole,
    .awaits = irc_awaits,
    .accepts = irc_accepts,
};
