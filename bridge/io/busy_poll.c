/* SPDX-License-Identifier: GPL-2.0-or-later */
/* busy_poll.c - see busy_poll.h. */
#include "bridge/io/busy_poll.h"

#include <stdlib.h>
#include <string.h>

bool busy_poll_parse(const char *text, uint32_t *out, struct error *error)
{
    char *end;
    unsigned long limit_us;

    if (strcmp(text, "off") == 0 || strcmp(text, "auto") == 0) {
        *out = text[0] == 'o' ? BUSY_POLL_OFF : BUSY_POLL_AUTO;
        return true;
    }
    limit_us = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || limit_us == 0 ||
        limit_us > BUSY_POLL_MAX_US)
        return error_set(
            error, EXIT_USAGE,
            "not a time for busy polling: %.100s: write off, auto or 1 to %u microseconds", text,
            BUSY_POLL_MAX_US);
    *out = (uint32_t)limit_us;
    return true;
}

void busy_poll_init(struct busy_poll *poll, uint32_t setting, uint32_t cores,
                    struct busy_poll_word *word)
{
    *poll = (struct busy_poll){.limit_us = setting};
    if (setting != BUSY_POLL_AUTO)
        return;
    poll->limit_us = cores > 1 ? BUSY_POLL_AUTO_US : 0;
    poll->word = word;
}

/* Says that looking would help; written where it changes only, as the line is shared. */
static bool may_look(struct busy_poll *poll)
{
    struct busy_poll_word *word = poll->word;

    if (!word)
        return true;
    if (!busy_poll_keen(word)) {
        atomic_store_explicit(&word->keen, true, memory_order_relaxed);
        poll->asked = true;
    }
    return atomic_load_explicit(&word->spare, memory_order_relaxed);
}

uint64_t busy_poll_until_us(struct busy_poll *poll, uint64_t now_us, uint64_t timeout_us)
{
    if (!poll->close_together || now_us < poll->hold_until_us || !may_look(poll))
        return now_us;
    return now_us + (timeout_us < poll->limit_us ? timeout_us : poll->limit_us);
}

void busy_poll_waited(struct busy_poll *poll, uint64_t since_us, uint64_t now_us, bool frame)
{
    poll->close_together = frame && now_us - since_us <= poll->limit_us;
}

bool busy_poll_asked(struct busy_poll *poll)
{
    const bool asked = poll->asked;

    poll->asked = false;
    return asked;
}

void busy_poll_lost(struct busy_poll *poll, uint64_t now_us)
{
    /*
     * A pause that has long been over says nothing of now. Nor does one where there is a core to
     * spare: the scheduler put somebody here who will be moved, and a longer pause would be the
     * greater loss.
     */
    const bool again =
        !poll->word && poll->hold_us > 0 && now_us - poll->hold_until_us < poll->hold_us;

    poll->hold_us = again ? poll->hold_us * 2 : BUSY_POLL_HOLD_US;
    if (poll->hold_us > BUSY_POLL_HOLD_MAX_US)
        poll->hold_us = BUSY_POLL_HOLD_MAX_US;
    poll->hold_until_us = now_us + poll->hold_us;
}
