/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greeting_plan.c - see greeting_plan.h.
 *
 * A word is what stands between spaces and ends of lines. The code at the beginning of a line
 * ("220-") is no part of its first word.
 */
#include "profiles/model/greeting_plan.h"

#include <string.h>

#define CODE_BYTES       4 /* "220-", "220 " */
#define WORD_BYTES_MAX   64
#define TIME_BYTES_LEAST 4 /* "9:59" */

/* Of a greeting: from its first byte that may change to the first behind the last one. Empty:
 * nothing changes. */
struct span {
    size_t from, to;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool ends_line(uint8_t c)
{
    return c == '\r' || c == '\n';
}

/* Where the code of the line that `at` stands in ends; 0 bytes long where the line has none. */
static size_t line_text(const struct greeting_plan *plan, size_t at)
{
    const uint8_t *said = plan->said;
    size_t line = at;

    while (line > 0 && said[line - 1] != '\n')
        line--;
    if (line == 0)
        return GREETING_NAME_MIN;
    if (line + CODE_BYTES <= plan->bytes && is_digit(said[line]) && is_digit(said[line + 1]) &&
        is_digit(said[line + 2]) && (said[line + 3] == '-' || said[line + 3] == ' '))
        return line + CODE_BYTES;
    return line;
}

/* The word around `at`, which is no space. */
static struct span word_at(const struct greeting_plan *plan, size_t at)
{
    const size_t text = line_text(plan, at);
    struct span word = {at, at};

    while (word.from > text && !is_space(plan->said[word.from - 1]))
        word.from--;
    while (word.to < plan->bytes && !is_space(plan->said[word.to]))
        word.to++;
    return word;
}

static void widen(struct span *span, struct span by)
{
    if (by.from >= by.to)
        return;
    if (span->from >= span->to)
        *span = by;
    span->from = span->from < by.from ? span->from : by.from;
    span->to = span->to > by.to ? span->to : by.to;
}

/* "1", "50.", "(3)"; "22:04", "22:04:01." */
static bool is_number_or_time(const uint8_t *word, size_t bytes)
{
    bool digit = false, colon = false;

    while (bytes > 0 && strchr(".,;:)!", word[bytes - 1]) != NULL)
        bytes--;
    if (bytes > 0 && word[0] == '(') {
        word++;
        bytes--;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (word[i] == ':')
            colon = true;
        else if (!is_digit(word[i]))
            return false;
        else
            digit = true;
    }
    return digit && (!colon || bytes >= TIME_BYTES_LEAST);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Days, months and zones of a date (RFC 5322 3.3, and as ctime() writes it), by the first three
 * letters. */
static bool is_of_a_date(const uint8_t *word, size_t bytes)
{
    static const uint8_t names[] =
        "sun mon tue wed thu fri sat jan feb mar apr may jun jul aug sep oct nov dec "
        "gmt utc cet est edt cst cdt mst mdt pst pdt ces bst msk jst";

    for (size_t i = 0; i < bytes; i++)
        if (is_digit(word[i]))
            return true;
    if (bytes > 0 && word[0] == '(') {
        word++;
        bytes--;
    }
    if (bytes == 2)
        return (lower(word[0]) == 'a' || lower(word[0]) == 'p') && lower(word[1]) == 'm';
    for (size_t at = 0; bytes >= 3 && bytes <= 10 && at + 3 < sizeof(names); at += 4)
        if (lower(word[0]) == names[at] && lower(word[1]) == names[at + 1] &&
            lower(word[2]) == names[at + 2])
            return true;
    return false;
}

/* What was seen to change. The suffix must not reach into the prefix of the shortest one. */
static struct span seen_to_change(const struct greeting_model *model)
{
    const uint16_t room =
        (uint16_t)(model->shortest > model->prefix ? model->shortest - model->prefix : 0);
    const uint16_t suffix = model->suffix < room ? model->suffix : room;
    struct span span = {model->prefix, (size_t)model->bytes - suffix};

    if (span.to <= span.from) /* the latest is the shortest: what others had more stood between */
        span.to = span.from + (span.from < model->bytes);
    return span;
}

/* Numbers and times of day change, be it not today. */
static void add_what_will_change(const struct greeting_plan *plan, struct span *span)
{
    for (size_t at = 0; at < plan->bytes; at++) {
        struct span word;

        if (is_space(plan->said[at]) || at < line_text(plan, at))
            continue;
        word = word_at(plan, at);
        if (word.to - word.from <= WORD_BYTES_MAX &&
            is_number_or_time(plan->said + word.from, word.to - word.from))
            widen(span, word);
        at = word.to;
    }
}

/* Whole words, and what of a date stands beside them in the same line. */
static void round_to_words(const struct greeting_plan *plan, struct span *span)
{
    size_t at;

    if (span->to > 0 && !is_space(plan->said[span->to - 1]))
        widen(span, word_at(plan, span->to - 1));
    if (!is_space(plan->said[span->from]))
        widen(span, word_at(plan, span->from));
    for (at = span->from; at >= line_text(plan, span->from) + 2 && plan->said[at - 1] == ' ';) {
        const struct span word = word_at(plan, at - 2);

        if (is_space(plan->said[at - 2]) ||
            !is_of_a_date(plan->said + word.from, word.to - word.from))
            break;
        at = span->from = word.from;
    }
    for (at = span->to;
         at + 1 < plan->bytes && plan->said[at] == ' ' && !is_space(plan->said[at + 1]);) {
        const struct span word = word_at(plan, at + 1);

        if (!is_of_a_date(plan->said + word.from, word.to - word.from))
            break;
        at = span->to = word.to;
    }
}

/* RFC 1939 7: "<process-ID.clock@hostname>". */
static struct span timestamp_of(const struct greeting_plan *plan)
{
    const uint8_t *said = plan->said;
    struct span span = {0, 0};
    bool at_sign = false;

    for (size_t at = 0; at < plan->bytes && !ends_line(said[at]); at++) {
        if (said[at] == '<') {
            span.from = at;
            at_sign = false;
        } else if (said[at] == '@') {
            at_sign = true;
        } else if (said[at] == '>' && at_sign && said[span.from] == '<') {
            span.to = at + 1;
            return span;
        }
    }
    return (struct span){0, 0};
}

/* Leaves the timestamp out, and the space in front of it. */
static void cut_timestamp(struct greeting_plan *plan, struct span *changes)
{
    struct span cut = timestamp_of(plan);

    if (cut.to == 0)
        return;
    if (cut.from > 0 && plan->said[cut.from - 1] == ' ')
        cut.from--;
    widen(changes, cut);
    memmove(plan->said + cut.from, plan->said + cut.to, plan->bytes - cut.to);
    plan->bytes = (uint16_t)(plan->bytes - (cut.to - cut.from));
    changes->to -= cut.to - cut.from;
}

/* "[CAPABILITY ...": clients act on what stands there. */
static bool begins_in_brackets(const struct greeting_plan *plan, size_t from)
{
    int open = 0;

    for (size_t at = 0; at < from; at++)
        open += plan->said[at] == '[' ? 1 : plan->said[at] == ']' ? -1 : 0;
    return open > 0;
}

static bool allowed(const struct greeting_plan *plan, const struct protocol *protocol,
                    enum greeting_kind kind, enum greeting_setting setting, struct span changes)
{
    if (changes.from < GREETING_NAME_MIN)
        return false;
    if (setting == GREETING_BY_TEMPLATE)
        return true;
    if (kind == GREETING_VARIABLE || begins_in_brackets(plan, changes.from))
        return false;
    return kind == GREETING_STABLE || protocol->id != PROTOCOL_POP3 || timestamp_of(plan).to == 0;
}

bool greeting_plan(const struct greeting_model *model, const struct protocol *protocol,
                   enum greeting_setting setting, struct greeting_plan *plan)
{
    const enum greeting_kind kind = greeting_model_kind(model);
    const enum greeting_form form = protocol ? protocol->greeting_form : GREETING_FORM_EXACT;
    struct span changes = {0, 0};

    if (kind == GREETING_UNKNOWN || model->too_long || form == GREETING_FORM_SALTED)
        return false;
    *plan = (struct greeting_plan){.bytes = model->bytes};
    memcpy(plan->said, model->latest, model->bytes);
    if (form == GREETING_FORM_EXACT || setting == GREETING_EXACT)
        return kind == GREETING_STABLE;
    if (kind != GREETING_STABLE)
        changes = seen_to_change(model);
    add_what_will_change(plan, &changes);
    if (changes.from >= changes.to)
        return kind == GREETING_STABLE;
    round_to_words(plan, &changes);
    if (!allowed(plan, protocol, kind, setting, changes))
        return false;
    if (kind != GREETING_STABLE && protocol->id == PROTOCOL_POP3)
        cut_timestamp(plan, &changes);
    plan->by_template = true;
    plan->prefix = (uint16_t)changes.from;
    plan->suffix = (uint16_t)(plan->bytes - changes.to);
    return true;
}

bool greeting_plan_fits(const struct greeting_plan *plan, const uint8_t *greeting, size_t bytes)
{
    if (!plan->by_template)
        return plan->bytes == bytes && memcmp(plan->said, greeting, bytes) == 0;
    return bytes <= GREETING_BYTES_MAX && bytes >= (size_t)plan->prefix + plan->suffix &&
           memcmp(plan->said, greeting, plan->prefix) == 0 &&
           memcmp(plan->said + plan->bytes - plan->suffix, greeting + bytes - plan->suffix,
                  plan->suffix) == 0;
}

static const char *const setting_names[] = {
    [GREETING_AS_PROTOCOL] = NULL, [GREETING_EXACT] = "exact", [GREETING_BY_TEMPLATE] = "template"};

const char *greeting_setting_name(enum greeting_setting setting)
{
    return setting_names[setting];
}

enum greeting_setting greeting_setting_from_name(const char *name)
{
    for (int setting = GREETING_EXACT; setting <= GREETING_BY_TEMPLATE; setting++)
        if (strcmp(name, setting_names[setting]) == 0)
            return (enum greeting_setting)setting;
    return GREETING_AS_PROTOCOL;
}
