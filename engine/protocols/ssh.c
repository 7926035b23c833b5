/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssh.c - SSH (RFC 4253 4.2): the server greets with its identification, and most clients send
 * theirs without waiting for it (OpenSSH does; PuTTY, libssh and Dropbear's client were seen to
 * wait), hence the grace.
 *
 *      request, greeting    "SSH-" protoversion "-" softwareversion [SP comments] [CR] LF, at most
 *                           255 bytes
 *      greeting             lines of text may stand before it (RFC 4253 4.2): they are said with it
 *      answer               length(4) padding(1) message(1)     20 to 49: key exchange (RFC 4250
 *                                                               4.1.2), accepted 1: DISCONNECT, or
 *                                                               text: refused
 *
 * The greeting is cut behind its line feed: servers send KEXINIT, which is random, right behind it
 * (Dropbear), and the identification itself enters the hash that the key exchange signs (RFC 4253
 * 8), so that it must be exact to the byte. "Exceeded MaxStartups" and "Not allowed at this time"
 * refuse.
 *
 * Limits: lines before the identification have 2 KiB at most in all, and none begins as the
 * greeting of another protocol does. As long as nothing of the identification has come they are no
 * greeting of SSH's, for any text may begin so.
 */
#include "engine/protocols/whole.h"

#define LINE_BYTES_MAX   255
#define LINES_BYTES_MAX  2048
#define PACKET_BYTES_MAX 35000 /* RFC 4253 6.1 */
/* Nine of ten clients that speak anyway did within 7 ms of the SYN-ACK */
#define GRACE_US 10000

static enum match ssh_check(const uint8_t *request, size_t bytes)
{
    return begins_exactly("SSH-", 4, request, bytes);
}

static bool fits_packet(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
    case 1:
        return data[at] == 0;
    case 3:
        return ((unsigned)data[2] << 8 | data[3]) <= PACKET_BYTES_MAX;
    case 4:
        return data[4] >= 4; /* RFC 4253 6: at least four bytes of padding */
    case 5:
        return data[5] != 1 && data[5] < 50;
    default:
        return true;
    }
}

static enum acceptance ssh_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_packet, 6, answer, answer_bytes));
}

static enum match refuses(const uint8_t *data, size_t bytes)
{
    enum match many = begins_word("Exceeded MaxStartups", data, bytes),
               now = begins_word("Not allowed at this time", data, bytes);

    return many == MATCH_NO ? now : many;
}

/* "220-", "+OK", "-ERR", "* OK": lines of those who greet otherwise. */
static bool is_others(uint8_t first)
{
    return is_digit(first) || first == '+' || first == '-' || first == '*';
}

static bool is_text(const uint8_t *line, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++) {
        if (line[at] < ' ' && line[at] != '\t' && line[at] != '\r' && line[at] != '\n')
            return false;
    }
    return true;
}

/* How long the lines before the identification are; 0 also where none follows (yet). */
static size_t lines_before(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && at <= LINES_BYTES_MAX && ssh_check(data + at, bytes - at) == MATCH_NO) {
        size_t line = line_bytes(data + at, bytes - at, LINES_BYTES_MAX);

        if (line == 0 || is_others(data[at]) || !is_text(data + at, line))
            return 0;
        at += line;
    }
    return at < bytes && at <= LINES_BYTES_MAX ? at : 0;
}

static enum greeting_verdict ssh_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    size_t before = lines_before(data, bytes);
    enum match match = ssh_check(data + before, bytes - before), refusal = refuses(data, bytes);
    size_t length = line_bytes(data + before, bytes - before, LINE_BYTES_MAX);

    if (match == MATCH_NO && refusal == MATCH_NO)
        return GREETING_NOT;
    if (length == 0)
        return bytes - before < LINE_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    if (match != MATCH_YES && refusal != MATCH_YES)
        return GREETING_NOT;
    *greeting_bytes = before + length;
    return match == MATCH_YES ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

static enum match ssh_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    const size_t looked_at = bytes < LINE_BYTES_MAX ? bytes : LINE_BYTES_MAX;
    enum match match = whole_line(request, looked_at, from < looked_at ? from : looked_at, needed);

    return match == MATCH_MORE && bytes >= LINE_BYTES_MAX ? MATCH_NO : match;
}

const struct protocol protocol_ssh = {
    .id = PROTOCOL_SSH,
    .name = "ssh",
    .server_first = true,
    .greeting_grace_us = GRACE_US,
    .check = ssh_check,
    .whole = ssh_whole,
    .accepts = ssh_accepts,
    .greeting = ssh_greeting,
};
