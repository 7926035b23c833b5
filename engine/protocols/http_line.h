/* SPDX-License-Identifier: GPL-2.0-or-later */
/* http_line.h - request lines and status lines of HTTP's family (HTTP/1, SIP, ICAP), and the hosts
 * in them. As match.h: no yes or no is taken back when more bytes follow. */
#ifndef SYNWARD_ENGINE_PROTOCOLS_HTTP_LINE_H
#define SYNWARD_ENGINE_PROTOCOLS_HTTP_LINE_H

#include "engine/protocols/match.h"

/*
 * How many bytes the empty lines in front of a request take, of EMPTY_BYTES_MAX at most; a lone LF
 * counts as one (RFC 9112 2.2, RFC 3261 7.5).
 */
#define EMPTY_BYTES_MAX 128
size_t some_empty_lines_bytes(const uint8_t *data, size_t bytes);
static inline size_t empty_lines_bytes(const uint8_t *data, size_t bytes)
{
    return bytes > 0 && data[0] <= '\r' ? some_empty_lines_bytes(data, bytes) : 0;
}

/* The same of two lines at most, which is what it costs little to look for. */
static inline size_t few_empty_lines_bytes(const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    for (int line = 0; line < 2 && at < bytes && data[at] <= '\r'; line++) {
        if (data[at] == '\n')
            at++;
        else if (data[at] == '\r' && at + 1 < bytes && data[at + 1] == '\n')
            at += 2;
    }
    return at;
}

/* How many bytes above a space stand here. As cheap as it can be: a request's target may fill a
 * segment. */
size_t graphic_bytes(const uint8_t *data, size_t bytes);

enum target {
    TARGET_WEB,  /* the four forms of RFC 9112 3.2, but for what is a call's */
    TARGET_CALL, /* sip:, sips: (RFC 3261 19.1), tel: (RFC 3966), urn: (RFC 5031) */
};
/*
 * A request line of HTTP's family: `method SP target SP name DIGIT`; the digit is at most
 * `version_max`. No line fits both kinds of target, so that only one protocol reads on to the end
 * of a long one.
 */
enum match begins_request_line(const char *name, char version_max, enum target kind,
                               const uint8_t *data, size_t bytes);
/* The same from the target on. */
enum match begins_rest_of_line(const char *name, char version_max, enum target kind,
                               const uint8_t *data, size_t bytes);
/*
 * A status line of HTTP's family, given as in begins_form() up to the three digits of the code. 401
 * and 407 accept: they ask for credentials. Every other 4xx and 5xx does not, first of all 400 (not
 * understood), 403 and 404 (not here) and 421 (not this server); 408 is no answer at all.
 */
enum acceptance accepted_by_status_line(const char *form, const uint8_t *data, size_t bytes);

/* The same for the final answer: those that only say that one will come (100, 102, 103) are passed
 * over. */
enum acceptance accepted_by_final_status(const char *form, const uint8_t *data, size_t bytes);

/*
 * Adds the host of `[userinfo@]host[:port]`, without the dot that ends a full name (RFC 3986 3.2).
 * False where it is too long.
 */
bool put_host(struct keywords_found *found, enum keyword_kind kind, const uint8_t *authority,
              size_t bytes);
/* The target of a request line that is there as a whole; its length is 0 where there is none. */
const uint8_t *request_target(const uint8_t *line, size_t bytes, size_t *target_bytes);

#endif
