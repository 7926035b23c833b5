/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trigger.c - counts, and compares with limits. See trigger.h. */
#include "engine/server/trigger.h"

#include <string.h>

static const uint32_t defaults[TRIGGER_CAUSES] = {
    [TRIGGER_NONE] = TRIGGER_OFF,
    [TRIGGER_HALF_OPEN] = TRIGGER_HALF_OPEN_DEFAULT,
    [TRIGGER_SILENT] = TRIGGER_SILENT_DEFAULT,
    [TRIGGER_ACCEPT_QUEUE] = TRIGGER_ACCEPT_QUEUE_DEFAULT,
    [TRIGGER_SYN_RATE] = TRIGGER_OFF,
    [TRIGGER_MISMATCH] = TRIGGER_OFF,
    [TRIGGER_REFUSED] = TRIGGER_OFF,
    [TRIGGER_UNANSWERED] = TRIGGER_UNANSWERED_DEFAULT,
    [TRIGGER_QUERY_RATE] = TRIGGER_QUERY_RATE_DEFAULT,
    [TRIGGER_OUTSTANDING] = TRIGGER_OUTSTANDING_DEFAULT,
    [TRIGGER_NO_SUCH_NAME] = TRIGGER_NO_SUCH_NAME_DEFAULT,
};

/* --- counting -------------------------------------------------------------------------------- */

/* What a window counts as: a flood that swells by degrees, always below the limit, would be usual
 * within minutes. The first windows tell what is usual at all. */
static uint64_t believed(const struct trigger_counts *counts, uint64_t scaled)
{
    const uint64_t least = USUAL_BELIEVED * USUAL_SCALE;
    const uint64_t more = counts->usual + counts->usual / 4;
    const uint64_t most = more > least ? more : least;

    return counts->usual_windows < USUAL_WINDOWS || scaled < most ? scaled : most;
}

/* One more window of 2 s with `sum` SYNs. The mean of the first ones, and from there on one that
 * forgets. */
static void usual_add(struct trigger_counts *counts, uint64_t sum)
{
    const uint64_t scaled = believed(counts, sum * USUAL_SCALE);

    if (counts->usual_windows < USUAL_WINDOWS_MAX)
        counts->usual_windows++;
    counts->usual += scaled / counts->usual_windows;
    counts->usual -= counts->usual / counts->usual_windows;
}

/*
 * Brings the mean up to the window before the present one. Of those that have gone by, all but the
 * first are empty, or this would have been called.
 */
void trigger_follow_usual(struct trigger_counts *counts, uint64_t now_us)
{
    uint64_t step = now_us / RATE_WINDOW_US;

    if (counts->usual_step == 0)
        counts->usual_step = step;
    for (uint32_t work = 0; counts->usual_step < step && work < USUAL_IDLE_WINDOWS; work++) {
        usual_add(counts,
                  work == 0 ? rate_sum(&counts->syns, counts->syns.step * RATE_STEP_US) : 0);
        counts->usual_step++;
    }
    counts->usual_step = step;
}

void trigger_take_over_usual(struct trigger_counts *counts, uint64_t usual, uint32_t windows)
{
    counts->usual = usual < USUAL_MOST ? usual : USUAL_MOST;
    counts->usual_windows = windows < USUAL_WINDOWS_MAX ? windows : USUAL_WINDOWS_MAX;
    counts->usual_step = 0;
}

void trigger_refusal(struct trigger_counts *counts, uint64_t now_us)
{
    rate_add(&counts->refusals, now_us);
}

void trigger_unanswered(struct trigger_counts *counts, const struct ip_addr *prefix,
                        uint64_t now_us)
{
    struct trigger_run *run = &counts->run;

    if (!run->count || now_us - run->last_us >= UNANSWERED_RUN_US)
        *run = (struct trigger_run){.prefix = *prefix};
    run->two_prefixes |= memcmp(&run->prefix, prefix, sizeof(*prefix)) != 0;
    run->last_us = now_us;
    run->count++;
}

void trigger_accept_queue(struct trigger_counts *counts, uint32_t used, uint32_t limit,
                          uint64_t now_us)
{
    counts->accept_queue_percent = limit ? (uint32_t)((100ull * used + limit - 1) / limit) : 0;
    counts->accept_queue_us = limit ? now_us : 0;
}

void trigger_mode(struct trigger_counts *counts, bool attack, uint64_t now_us)
{
    counts->run = (struct trigger_run){.count = 0};
    counts->unanswered = (struct rate_window){0}; /* of the other mode */
    if (attack)
        return;
    counts->half_open_left =
        counts->half_open_flows < HALF_OPEN_LEFT_MAX ? counts->half_open_flows : HALF_OPEN_LEFT_MAX;
    counts->left_until_us = now_us + HALF_OPEN_LEFT_US;
    counts->usual_step = now_us / RATE_WINDOW_US; /* an attack is not what is usual */
    counts->syns = (struct rate_window){0};
}

/* --- figures --------------------------------------------------------------------------------- */

/* What has not come back of `asked`, here or elsewhere. */
static uint32_t still_out(const struct trigger_counts *counts, uint32_t asked, uint64_t now_us)
{
    const bool fresh = counts->returned_us != 0 && now_us < counts->returned_us + RETURNED_FRESH_US;
    const uint32_t returned = fresh ? counts->returned : 0;

    return asked > returned ? asked - returned : 0;
}

uint32_t trigger_half_open(const struct trigger_counts *counts, bool attack, uint64_t now_us)
{
    uint32_t left = now_us < counts->left_until_us ? counts->half_open_left : 0;
    uint32_t unanswered = rate_sum(&counts->unanswered, now_us);

    if (attack)
        return still_out(counts, unanswered, now_us);
    return unanswered + (counts->half_open_flows > left ? counts->half_open_flows - left : 0);
}

uint32_t trigger_limit(const struct trigger_limits *own, const struct trigger_limits *common,
                       enum trigger_cause cause)
{
    if (own->limit[cause])
        return own->limit[cause];
    return common->limit[cause] ? common->limit[cause] : defaults[cause];
}

static uint32_t share_among(uint32_t limit, const struct trigger_question *question,
                            uint32_t shards)
{
    uint64_t part = (uint64_t)limit * (question->doubled ? 2 : 1);

    part = (part + shards - 1) / shards;
    return part < TRIGGER_OFF ? (uint32_t)part : TRIGGER_OFF - 1;
}

/* This shard's share. */
static uint32_t share(uint32_t limit, const struct trigger_question *question)
{
    return share_among(limit, question, question->shards);
}

/* Shards that a sum is shared among: without the others it is none. */
static uint32_t sum_shards(const struct trigger_question *question)
{
    return question->summing ? question->summing : question->shards;
}

static struct trigger_others counted_elsewhere(const struct trigger_counts *counts,
                                               const struct trigger_question *question)
{
    const bool fresh = question->summing && counts->others_us != 0 &&
                       question->now_us < counts->others_us + OTHERS_FRESH_US;

    return fresh ? counts->others : (struct trigger_others){0};
}

static bool half_open_fires(const struct trigger_counts *counts,
                            const struct trigger_question *question, uint32_t limit,
                            uint32_t *value)
{
    *value = trigger_half_open(counts, question->attack, question->now_us) +
             counted_elsewhere(counts, question).half_open;
    return *value > share_among(limit, question, sum_shards(question));
}

/* Silent for long enough; or so many that there is no waiting for it. */
static bool silent_with(const struct trigger_counts *counts,
                        const struct trigger_question *question, struct trigger_others others,
                        uint32_t limit, uint32_t *value)
{
    uint32_t least = share_among(limit, question, sum_shards(question));
    uint32_t all = rate_sum(&counts->silent, question->now_us) + others.silent;
    uint32_t burst = least + SILENT_BURST / sum_shards(question);

    if (all < least)
        return false;
    *value = all;
    if (all >= burst &&
        all >= rate_sum(&counts->handshakes, question->now_us) + others.handshakes - all)
        return true;
    *value = rate_sum_older(&counts->silent, SILENT_AFTER_US, question->now_us) + others.silent;
    return *value >= least &&
           *value >= rate_sum_older(&counts->handshakes, SILENT_AFTER_US, question->now_us) +
                         others.handshakes - *value;
}

/* Among one's own, whatever the handshakes are that others have: they may be in error. */
static bool silent_fires(const struct trigger_counts *counts,
                         const struct trigger_question *question, uint32_t limit, uint32_t *value)
{
    return silent_with(counts, question, (struct trigger_others){0}, limit, value) ||
           silent_with(counts, question, counted_elsewhere(counts, question), limit, value);
}

static bool accept_queue_fires(const struct trigger_counts *counts,
                               const struct trigger_question *question, uint32_t limit,
                               uint32_t *value)
{
    const bool fresh = counts->accept_queue_us &&
                       question->now_us - counts->accept_queue_us < ACCEPT_QUEUE_FRESH_US;

    *value = counts->accept_queue_percent;
    return fresh && *value > limit;
}

/* `least` of 2 s, and more than `limit` times the usual rate; the figure is how many times. */
static bool rate_fires(const struct trigger_counts *counts, const struct trigger_question *question,
                       uint32_t limit, uint32_t least, uint32_t *value)
{
    uint64_t sum = rate_sum(&counts->syns, question->now_us);
    uint64_t usual = counts->usual ? counts->usual : 1;

    *value = (uint32_t)(sum * USUAL_SCALE / usual < TRIGGER_OFF ? sum * USUAL_SCALE / usual
                                                                : TRIGGER_OFF);
    return sum >= least / question->shards &&
           sum * USUAL_SCALE > usual * limit * (question->doubled ? 2 : 1);
}

static bool syn_rate_fires(const struct trigger_counts *counts,
                           const struct trigger_question *question, uint32_t limit, uint32_t *value)
{
    return rate_fires(counts, question, limit, SYN_RATE_LEAST, value) &&
           counts->usual_windows >= USUAL_WINDOWS;
}

static bool query_rate_fires(const struct trigger_counts *counts,
                             const struct trigger_question *question, uint32_t limit,
                             uint32_t *value)
{
    return rate_fires(counts, question, limit, QUERY_RATE_LEAST, value) &&
           counts->usual_windows >= QUERY_USUAL_WINDOWS;
}

/* Of the queries that had time to be answered, half; or so many that there is no waiting. */
static bool outstanding_fires(const struct trigger_counts *counts,
                              const struct trigger_question *question, uint32_t limit,
                              uint32_t *value)
{
    const uint32_t least = share(limit, question);

    if (question->attack) { /* it takes a moment to come back over TCP */
        *value = rate_sum_older(&counts->unanswered, UNANSWERED_AFTER_US, question->now_us);
        return *value >= least;
    }
    *value = rate_sum(&counts->unanswered, question->now_us);
    if (*value < least)
        return false;
    if (*value >= least + SILENT_BURST / question->shards &&
        *value >= rate_sum(&counts->syns, question->now_us) / 2)
        return true;
    *value = rate_sum_older(&counts->unanswered, SILENT_AFTER_US, question->now_us);
    return *value >= least &&
           *value >= rate_sum_older(&counts->syns, SILENT_AFTER_US, question->now_us) / 2;
}

static bool no_such_name_fires(const struct trigger_counts *counts,
                               const struct trigger_question *question, uint32_t limit,
                               uint32_t *value)
{
    const uint32_t answers = rate_sum(&counts->handshakes, question->now_us);
    uint32_t times;

    *value =
        answers ? (uint32_t)(100ull * rate_sum(&counts->refusals, question->now_us) / answers) : 0;
    return answers >= NO_SUCH_NAME_LEAST / question->shards && *value > limit &&
           rate_fires(counts, question, NO_SUCH_NAME_TIMES, NO_SUCH_NAME_LEAST, &times) &&
           counts->usual_windows >= QUERY_USUAL_WINDOWS;
}

static bool mismatch_fires(const struct trigger_counts *counts,
                           const struct trigger_question *question, uint32_t limit, uint32_t *value)
{
    *value = rate_sum(&counts->mismatches, question->now_us);
    return *value > share(limit, question);
}

static bool refused_fires(const struct trigger_counts *counts,
                          const struct trigger_question *question, uint32_t limit, uint32_t *value)
{
    *value = rate_sum(&counts->refusals, question->now_us);
    return *value > share(limit, question);
}

static bool unanswered_fires(const struct trigger_counts *counts,
                             const struct trigger_question *question, uint32_t limit,
                             uint32_t *value)
{
    const struct trigger_run *run = &counts->run;
    const uint32_t least = share(limit, question);

    if (!question->attack) {
        *value = run->count;
        return run->two_prefixes && run->count >= least &&
               question->now_us - run->last_us < UNANSWERED_RUN_US;
    }
    *value = still_out(counts,
                       rate_sum_older(&counts->unanswered, UNANSWERED_AFTER_US, question->now_us),
                       question->now_us);
    return question->cause == TRIGGER_UNANSWERED && *value >= least &&
           *value >= rate_sum_older(&counts->syns, UNANSWERED_AFTER_US, question->now_us) /
                         SERVED_FOR_EACH;
}

typedef bool fires(const struct trigger_counts *counts, const struct trigger_question *question,
                   uint32_t limit, uint32_t *value);

static fires *const triggers[TRIGGER_CAUSES] = {
    [TRIGGER_HALF_OPEN] = half_open_fires,       [TRIGGER_SILENT] = silent_fires,
    [TRIGGER_ACCEPT_QUEUE] = accept_queue_fires, [TRIGGER_SYN_RATE] = syn_rate_fires,
    [TRIGGER_MISMATCH] = mismatch_fires,         [TRIGGER_REFUSED] = refused_fires,
    [TRIGGER_UNANSWERED] = unanswered_fires,     [TRIGGER_QUERY_RATE] = query_rate_fires,
    [TRIGGER_OUTSTANDING] = outstanding_fires,   [TRIGGER_NO_SUCH_NAME] = no_such_name_fires,
};

/* A share of a whole, or a multiple: nothing that shards have a part of. */
static bool is_proportion(enum trigger_cause cause)
{
    return cause == TRIGGER_ACCEPT_QUEUE || cause == TRIGGER_SYN_RATE ||
           cause == TRIGGER_QUERY_RATE || cause == TRIGGER_NO_SUCH_NAME;
}

static bool is_sum(enum trigger_cause cause)
{
    return cause == TRIGGER_HALF_OPEN || cause == TRIGGER_SILENT;
}

enum trigger_cause trigger_firing(const struct trigger_counts *counts,
                                  const struct trigger_question *question, uint32_t *value)
{
    const enum trigger_cause first = question->udp ? TRIGGER_QUERY_RATE : TRIGGER_NONE + 1;
    const enum trigger_cause end = question->udp ? TRIGGER_CAUSES : TRIGGER_QUERY_RATE;

    for (enum trigger_cause cause = first; cause < end; cause++) {
        uint32_t limit = trigger_limit(question->own, question->common, cause);

        if (question->stale && cause != TRIGGER_UNANSWERED)
            continue;
        if (limit == TRIGGER_OFF || !triggers[cause](counts, question, limit, value))
            continue;
        /* For people, who know nothing of shares: what all shards together will have, if they are
         * alike. */
        if (!is_proportion(cause))
            *value *= is_sum(cause) ? sum_shards(question) : question->shards;
        return cause;
    }
    *value = 0;
    return TRIGGER_NONE;
}
