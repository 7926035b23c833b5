/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trigger.h - what is counted of a server to tell whether it is attacked, and when that is so
 * (rule 6).
 *
 *      figure         what it is                                                      default limit
 *      half-open      normal mode: connections whose handshake is not completed       > 200
 *                     attack mode: SYN-ACKs of ours, of the last 2 s, whose cookie
 *                     has not come back
 *      silent         handshakes of the last 2 s whose client has said nothing yet    >= 200, and
 *                     half of them
 *      accept queue   how full it is, in per cent (told by the main thread)           > 80
 *      SYN rate       SYNs of the last 2 s, as a multiple of what is usual            off
 *      mismatches     wrong first requests of the last 2 s                            off
 *      refusals       RSTs of the server in answer to clients, of the last 2 s        off
 *      unanswered     SYNs that it let pass a second without an answer                >= 4, of two
 *                                                                                     prefixes
 *
 * Of a server that is asked over UDP, nothing but this:
 *
 *      query rate     queries of the last 2 s, as a multiple of what is usual         > 10
 *      outstanding    normal mode: queries of the last 2 s that it has not answered   >= 200, and
 *                     half of them. Attack mode: sources that were told to ask over
 *                     TCP, and did not
 *      no such name   answers of the last 2 s that say so, in per cent, while it is   > 75
 *                     asked three times as much as is usual
 *
 * Silent. A client speaks with the first byte of data that it sends after its handshake. That takes
 * time where the server speaks first or the way is long, so a handshake counts SILENT_AFTER_US
 * after it was completed. A flood must not get that time for free: SILENT_BURST more than the limit
 * count without it.
 *
 * Once each. What was counted is remembered by (connection, client ISN) and taken back when the
 * client answers: SYN-ACKs by tags (tables/seen.h), handshakes by a mark (tables/proved.h), as SYNs
 * can be forged and must not push out what was proved. A client that repeats its own good cookies,
 * or its data, takes back nothing but what it brought itself. Tags and marks may be overwritten
 * under load: then a figure is too high, which in attack mode only prolongs it.
 *
 * Elsewhere. Where a SYN goes by one bridge of a cluster and its ACK by another, the first is told
 * how many of its cookies came back there, and takes them off. Who repeats a good cookie at several
 * bridges takes off as many more: he may end an attack mode early, and normal mode counts anew.
 *
 * Sums. While a bridge hears what all others of its cluster have counted of half-open and silent,
 * the sum is compared with the limit. Else, and all other figures always, its own with its part of
 * the limit: limit / bridges, so that no sum over the limit is missed.
 *
 * Unanswered. A server whose backlog is full answers nobody, and a small one is filled by a handful
 * of forged SYNs, far below what the other figures notice. A SYN without an answer is a sign of
 * that only if the server has answered others lately (server.h): one that is down is left alone.
 * Signs add up while each follows the one before within a minute and at most four SYNs are answered
 * for each: a server that keeps up, but for what its own filter swallows, is not attacked. The
 * attack mode that it begins goes on while as many of our SYN-ACKs as the limit says, and a quarter
 * of them, are left alone in turn.
 *
 * Usual. The SYN rate is compared with a mean over some minutes (USUAL_WINDOWS_MAX), kept in normal
 * mode only, and only once USUAL_WINDOWS windows have been seen. From then on a window counts at
 * most for a quarter more than the mean, or for USUAL_BELIEVED where that is more. Above that, once
 * USUAL_WINDOWS_MAX windows were seen, the mean takes 12 minutes at least to double: who swells
 * slowly enough for that is seen long before he is a flood.
 *
 * Hysteresis. Attack mode ends 30 s after a trigger has fired last (the main thread, mode_watch.h).
 * For TRIGGER_LEAST_US after that the limits are doubled, which holds normal mode where a flood is
 * only dying away, and lets no other through. What was half-open when normal mode came back does
 * not count again.
 */
#ifndef SYNWARD_ENGINE_SERVER_TRIGGER_H
#define SYNWARD_ENGINE_SERVER_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/server/mode.h"
#include "engine/tables/proved.h"
#include "engine/base/rate.h"
#include "engine/tables/seen.h"

#define TRIGGER_OFF                  UINT32_MAX
#define TRIGGER_HALF_OPEN_DEFAULT    200
#define TRIGGER_SILENT_DEFAULT       200
#define TRIGGER_ACCEPT_QUEUE_DEFAULT 80
#define TRIGGER_UNANSWERED_DEFAULT   4
#define TRIGGER_QUERY_RATE_DEFAULT   10
#define TRIGGER_OUTSTANDING_DEFAULT  200
#define TRIGGER_NO_SUCH_NAME_DEFAULT 75

#define TRIGGER_LEAST_US    (10000ull * 1000)
#define SILENT_AFTER_US     (500ull * 1000)
#define SILENT_BURST        400
#define UNANSWERED_AFTER_US (1000ull * 1000)
#define UNANSWERED_RUN_US   (60000ull * 1000) /* between two signs of a run */
#define SERVED_FOR_EACH     4                 /* more SYNs than that are answered: no run */
#define HALF_OPEN_LEFT_US   (60000ull * 1000) /* how long a half-open flow is remembered */
#define HALF_OPEN_LEFT_MAX  400
/* SYNs in 2 s: below that a multiple of what is usual says nothing */
#define SYN_RATE_LEAST        200
#define USUAL_WINDOWS         30 /* of 2 s, before anything is usual */
#define USUAL_WINDOWS_MAX     128
#define USUAL_IDLE_WINDOWS    1024 /* without any SYN: whatever was usual is forgotten */
#define USUAL_BELIEVED        200  /* SYNs or queries of a window that always count in full */
#define USUAL_SCALE           256
#define USUAL_MOST            ((uint64_t)USUAL_SCALE << 30)
#define QUERY_RATE_LEAST      2000 /* queries in 2 s */
#define QUERY_USUAL_WINDOWS   5
#define NO_SUCH_NAME_LEAST    200 /* answers in 2 s */
#define NO_SUCH_NAME_TIMES    3
#define RETURNED_FRESH_US     (3000ull * 1000)
#define SUMS_FRESH_US         (3000ull * 1000)
#define OTHERS_FRESH_US       (SUMS_FRESH_US + 500ull * 1000) /* told before: not over before */
#define ACCEPT_QUEUE_FRESH_US (5000ull * 1000)

/* Limits by enum trigger_cause; 0: the default, TRIGGER_OFF: never. */
struct trigger_limits {
    uint32_t limit[TRIGGER_CAUSES];
};

/* A trigger that fired, as it is reported. */
struct observed_trigger {
    enum trigger_cause cause;
    uint32_t value;
    bool switched; /* this shard went into attack mode by it */
};

/* A run of SYNs that the server did not answer. All zero: there is none. */
struct trigger_run {
    uint32_t count;
    uint32_t served;       /* SYNs answered since the first */
    uint64_t last_us;      /* the newest sign */
    struct ip_addr prefix; /* of the first one's client */
    bool two_prefixes;
};

/* What the other bridges of a cluster have counted of a server: the part of one shard here. */
struct trigger_others {
    uint32_t half_open;
    uint32_t silent, handshakes; /* of 2 s, and older than SILENT_AFTER_US */
};

/*
 * All zero: nothing counted. Of a server that is asked over UDP, `syns` are queries, `handshakes`
 * are answers, of which `refusals` say that there is no such name, and `unanswered` is what the
 * figure outstanding counts.
 */
struct trigger_counts {
    uint32_t half_open_flows; /* in normal mode */
    uint32_t half_open_left;  /* of those, how many stood there when normal mode came back */
    uint64_t left_until_us;
    /* SYN-ACKs of ours, taken back when their cookie returns; in normal mode SYNs of which the flow
     * table has no entry, taken back when their client completes the handshake. */
    struct rate_window unanswered;
    struct rate_window handshakes;
    uint32_t returned; /* of the unanswered ones of 2 s, cookies that came back at other bridges */
    uint64_t returned_us; /* when that was told; 0: never */
    struct trigger_others others;
    uint64_t others_us;        /* likewise */
    struct rate_window silent; /* handshakes, taken back when the client speaks */
    struct rate_window syns, mismatches, refusals;
    struct trigger_run run;
    uint64_t usual_step; /* number of the window of 2 s up to which `usual` is made */
    uint64_t usual;      /* SYNs in 2 s, times USUAL_SCALE */
    uint32_t usual_windows;
    uint32_t accept_queue_percent;
    uint64_t accept_queue_us; /* when that was told; 0: never */
};

/* A connection and its client's ISN, and where it is remembered that it was counted. */
struct trigger_tag {
    struct tag_table *table;
    uint64_t hash; /* flow_key_hash() */
    uint32_t x;
};

/* --- what happens, each told when it does ---------------------------------------------------- */

/* Brings the mean rate of SYNs up to now: before one is counted in normal mode. */
void trigger_follow_usual(struct trigger_counts *counts, uint64_t now_us);
/* What another process has found usual, of as many windows. The time between is none of it. */
void trigger_take_over_usual(struct trigger_counts *counts, uint64_t usual, uint32_t windows);

static inline void trigger_syn(struct trigger_counts *counts, bool attack, uint64_t now_us)
{
    if (!attack)
        trigger_follow_usual(counts, now_us);
    rate_add(&counts->syns, now_us);
}

/* A SYN-ACK of ours went out; the same again counts once. */
static inline void trigger_asked(struct trigger_counts *counts, struct trigger_tag at,
                                 uint64_t now_us)
{
    if (tag_put_first(at.table, at.hash, at.x, now_us))
        rate_add(&counts->unanswered, now_us);
}

/* Of a cluster: so many of our SYN-ACKs of 2 s came back elsewhere. It counts for
 * RETURNED_FRESH_US. */
static inline void trigger_returned(struct trigger_counts *counts, uint32_t returned,
                                    uint64_t now_us)
{
    counts->returned = returned;
    counts->returned_us = now_us;
}

/* Of a cluster: what was counted elsewhere. It counts for OTHERS_FRESH_US. */
static inline void trigger_others_told(struct trigger_counts *counts,
                                       const struct trigger_others *others, uint64_t now_us)
{
    counts->others = *others;
    counts->others_us = now_us;
}

/* The kernel has answered SYNs in attack mode; `asked` of them were such firsts. */
static inline void trigger_answered_for(struct trigger_counts *counts, uint64_t step, uint32_t syns,
                                        uint32_t asked)
{
    if (syns)
        rate_add_late(&counts->syns, step, syns);
    if (asked)
        rate_add_late(&counts->unanswered, step, asked);
}

/* Its cookie came back. False: that was known, or it went out long ago. Tags keep the time in whole
 * ms. */
static inline bool trigger_answered(struct trigger_counts *counts, struct trigger_tag at,
                                    uint64_t now_us)
{
    int64_t age_ms = tag_take(at.table, at.hash, at.x, now_us);
    uint64_t asked_ms = now_us / 1000 - (uint64_t)age_ms;

    if (age_ms < 0)
        return false;
    rate_take_back_aged(&counts->unanswered,
                        counts->unanswered.step - asked_ms / (RATE_STEP_US / 1000));
    return true;
}

/* A handshake was completed; its client is silent from now on. */
static inline void trigger_handshake(struct trigger_counts *counts, struct proof_slot *slot,
                                     uint64_t step)
{
    rate_add_step(&counts->handshakes, step);
    rate_add_step(&counts->silent, step);
    slot->silent = proof_mark(step);
}

/* It has said something. */
static inline void trigger_spoke(struct trigger_counts *counts, struct proof_slot *slot)
{
    if (!slot->silent)
        return;
    rate_take_back_aged(&counts->silent, proof_age(slot->silent, counts->silent.step));
    slot->silent = 0;
}

static inline void trigger_mismatch(struct trigger_counts *counts, uint64_t now_us)
{
    rate_add(&counts->mismatches, now_us);
}

void trigger_refusal(struct trigger_counts *counts, uint64_t now_us);
/* A client of this prefix has waited for a second; and a server has answered a SYN, for once. */
void trigger_unanswered(struct trigger_counts *counts, const struct ip_addr *prefix,
                        uint64_t now_us);
static inline void trigger_served(struct trigger_counts *counts)
{
    struct trigger_run *run = &counts->run;

    if (run->count && ++run->served > SERVED_FOR_EACH * run->count)
        *run = (struct trigger_run){.count = 0};
}
/* `used` of `limit` places; a limit of 0 says that nothing is known. */
void trigger_accept_queue(struct trigger_counts *counts, uint32_t used, uint32_t limit,
                          uint64_t now_us);
/* The mode changes. */
void trigger_mode(struct trigger_counts *counts, bool attack, uint64_t now_us);

/* SYNs in 2 s that are usual; 0: not known yet. */
static inline uint32_t trigger_usual(const struct trigger_counts *counts)
{
    return counts->usual_windows < USUAL_WINDOWS ? 0 : (uint32_t)(counts->usual / USUAL_SCALE);
}

/* The same of queries, for which fewer windows must do: who begins to watch in the middle of an
 * attack learns that for usual either way. */
static inline uint32_t trigger_usual_queries(const struct trigger_counts *counts)
{
    return counts->usual_windows < QUERY_USUAL_WINDOWS ? 0
                                                       : (uint32_t)(counts->usual / USUAL_SCALE);
}

/* A query over UDP was answered. */
static inline void trigger_query_answered(struct trigger_counts *counts, bool no_such_name,
                                          uint64_t now_us)
{
    rate_add(&counts->handshakes, now_us);
    if (no_such_name)
        rate_add(&counts->refusals, now_us);
}

/* Half-open as defined above, here. */
uint32_t trigger_half_open(const struct trigger_counts *counts, bool attack, uint64_t now_us);

struct trigger_question {
    const struct trigger_limits *own, *common; /* of the server; for all. Neither may be NULL */
    uint32_t shards;  /* a limit is shared among so many, at least 1: those of all bridges */
    uint32_t summing; /* not 0: what other bridges count is known, and sums are shared among so
                         many: those of this bridge */
    bool udp;         /* it is asked over UDP */
    bool attack;      /* the mode in force */
    enum trigger_cause cause; /* of the attack mode */
    bool stale;               /* the server has not answered lately: only its silence may count */
    bool doubled;             /* the least time in normal mode is not over */
    uint64_t now_us;
};

/* The first trigger, in the order of enum trigger_cause, whose figure is over its limit, and the
 * figure. */
enum trigger_cause trigger_firing(const struct trigger_counts *counts,
                                  const struct trigger_question *question, uint32_t *value);

/* The limit in force: the server's own, else the common one, else the default. */
uint32_t trigger_limit(const struct trigger_limits *own, const struct trigger_limits *common,
                       enum trigger_cause cause);

#endif
