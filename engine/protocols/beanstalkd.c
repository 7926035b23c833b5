/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * beanstalkd.c - beanstalkd, a queue of jobs: the client speaks first (its doc/protocol.txt).
 *
 *      request    verb [arguments] CR LF     verbs are in lower case; behind "put" the job and CR
 * LF answer     a word in capitals; "BAD_FORMAT" and "UNKNOWN_COMMAND" refuse
 *
 * memcached has the same words "delete", "stats" and "touch"; the answer tells.
 *
 * Limits: quit is not known: it is not answered.
 */
#include "engine/protocols/whole.h"

#define PUT_NUMBERS    4 /* priority, delay, time to run, bytes of the job */
#define JOB_DIGITS_MAX 9
#define PUT_BYTES_MAX  256 /* a longer line is refused */
#define LINE_END_BYTES 2

/* clang-format off */
static const verb_list verbs[VERBS] = {
    [VERB('B')] = WORDS("BURY"),
    [VERB('D')] = WORDS("DELETE"),
    [VERB('I')] = WORDS("IGNORE"),
    [VERB('K')] = WORDS("KICK", "KICK-JOB"),
    [VERB('L')] = WORDS("LIST-TUBES", "LIST-TUBE-USED", "LIST-TUBES-WATCHED"),
    [VERB('P')] = WORDS("PUT", "PEEK", "PEEK-READY", "PEEK-DELAYED", "PEEK-BURIED", "PAUSE-TUBE"),
    [VERB('R')] = WORDS("RESERVE", "RESERVE-WITH-TIMEOUT", "RESERVE-JOB", "RELEASE"),
    [VERB('S')] = WORDS("STATS", "STATS-JOB", "STATS-TUBE"),
    [VERB('T')] = WORDS("TOUCH"),
    [VERB('U')] = WORDS("USE"),
    [VERB('W')] = WORDS("WATCH"),
};
static const verb_list words[VERBS] = {
    [VERB('B')] = WORDS("BURIED"),
    [VERB('D')] = WORDS("DELETED", "DEADLINE_SOON", "DRAINING"),
    [VERB('E')] = WORDS("EXPECTED_CRLF"),
    [VERB('F')] = WORDS("FOUND"),
    [VERB('I')] = WORDS("INSERTED"),
    [VERB('J')] = WORDS("JOB_TOO_BIG"),
    [VERB('K')] = WORDS("KICKED"),
    [VERB('N')] = WORDS("NOT_FOUND", "NOT_IGNORED"),
    [VERB('O')] = WORDS("OK"),
    [VERB('P')] = WORDS("PAUSED"),
    [VERB('R')] = WORDS("RESERVED", "RELEASED"),
    [VERB('T')] = WORDS("TIMED_OUT", "TOUCHED"),
    [VERB('U')] = WORDS("USING"),
    [VERB('W')] = WORDS("WATCHING"),
};
/* clang-format on */

static enum match beanstalkd_check(const uint8_t *request, size_t bytes)
{
    return begins_lower_verb(verbs, request, bytes);
}

/* The last number of "put 0 0 60 5"; `*job_bytes` stays where the line is no such one. */
static void read_job_bytes(const uint8_t *line, size_t bytes, size_t *job_bytes)
{
    size_t value = 0, numbers = 0, digits = 0;

    for (size_t at = text_bytes("put"); at < bytes && line[at] != '\r' && line[at] != '\n'; at++) {
        if (line[at] == ' ') {
            numbers++;
            value = digits = 0;
        } else if (!is_digit(line[at]) || ++digits > JOB_DIGITS_MAX + 1) {
            return;
        } else if (digits <= JOB_DIGITS_MAX) {
            value = value * 10 + (size_t)(line[at] - '0');
        }
    }
    if (numbers == PUT_NUMBERS && digits > 0 && digits <= JOB_DIGITS_MAX)
        *job_bytes = value + LINE_END_BYTES;
}

static enum match beanstalkd_whole(const uint8_t *request, size_t bytes, size_t from,
                                   size_t *needed)
{
    size_t line = 0, job_bytes = 0;

    if (begins_exactly("put ", 4, request, bytes) == MATCH_YES)
        line = line_bytes(request, bytes, PUT_BYTES_MAX);
    if (line == 0)
        return whole_line(request, bytes, from, needed);
    read_job_bytes(request, line, &job_bytes);
    return whole_message(bytes, line + job_bytes, needed);
}

static enum acceptance beanstalkd_accepts(const uint8_t *request, size_t request_bytes,
                                          const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    if (answer_bytes > 0 && answer[0] == 'O') /* memcached's ends there */
        return acceptance_of(begins_exactly("OK ", 3, answer, answer_bytes));
    return acceptance_of(begins_verb(words, answer, answer_bytes));
}

const struct protocol protocol_beanstalkd = {
    .id = PROTOCOL_BEANSTALKD,
    .name = "beanstalkd",
    .verbs = verbs,
    .verbs_lower = true,
    .verbs_tell = true,
    .check = beanstalkd_check,
    .whole = beanstalkd_whole,
    .accepts = beanstalkd_accepts,
};
