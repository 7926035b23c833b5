/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capacity.h - what is known of how many connections a server can serve at once
 * (stages/capacity.h), and how long it needs for an answer in calm.
 */
#ifndef SYNWARD_ENGINE_SERVER_CAPACITY_H
#define SYNWARD_ENGINE_SERVER_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"

/* All zero at the begin of an attack. Connections are numbered as they are opened. */
struct capacity {
    uint32_t limit;    /* its mark, where that is lowered; 0: it is not */
    uint64_t lower_us; /* when it may be lowered further, and raised */
    uint64_t raise_us;
    uint64_t room_us;          /* when slow ones were ended there last */
    uint64_t unheard_until_us; /* it had no room for SYNs lately; 0: it had */
    bool by_silence;           /* it was lowered last since SYNs were not answered */
    uint32_t limit_before;     /* what `limit` was before that */
    bool heard_syn;            /* it has answered somebody's first SYN in this attack: */
    uint32_t heard_asked;      /* of the one who came last, when that was, in flow_clock() */
    struct ip_addr heard_client;
    bool heard;          /* it has answered somebody in this attack */
    bool prompt;         /* somebody was served at once while it held its limit, lately */
    bool stuck;          /* somebody waits for too long: */
    bool stuck_by_many;  /* clients of several networks */
    uint32_t served;     /* that it has begun to answer, and that are not idle, at the last look */
    uint32_t opened;     /* how many were */
    uint32_t asked;      /* with a whole request, lately, and nobody later was answered */
    uint32_t heard_last; /* the last one that it has answered */
    uint32_t stuck_number;    /* the first one that waits for too long */
    uint32_t stuck_others;    /* so many it held when that one came */
    uint64_t stuck_network;   /* 0: nobody waits for too long */
    uint64_t refused_network; /* of whom the server has greeted with a refusal last, and when */
    uint64_t refused_us;
    uint64_t lowered_by[2]; /* networks whose refusals have lowered the mark last, and when */
    uint64_t lowered_us;
    uint32_t beside_lasting; /* places left beside `lasting`, since the server has said that it is
                                full; 0: it has not said so */
    uint32_t lasting; /* that are not ended for others: of before the attack, or opened six minutes
                         ago; as slow_make_room() has counted last */
};

/* The mark is lowered, and the server has said since the last full rise that it is full. */
static inline bool capacity_was_told(const struct capacity *capacity)
{
    return capacity->limit && capacity->beside_lasting;
}

/* The lowered mark. */
static inline uint32_t capacity_mark(const struct capacity *capacity)
{
    const uint32_t least =
        capacity_was_told(capacity) ? capacity->lasting + capacity->beside_lasting : 0;

    return capacity->limit > least ? capacity->limit : least;
}

/* So many clients that the server has not answered before may hold of a lowered mark: a quarter of
 * what anybody may have is left for those whom it has. */
static inline uint32_t capacity_for_strangers(const struct capacity *capacity)
{
    const uint32_t mark = capacity_mark(capacity);
    const uint32_t lasting = capacity_was_told(capacity) ? capacity->lasting : 0;

    return mark > lasting ? mark - (mark - lasting) / 4 : mark;
}

/* Nobody who came after this one was answered. */
static inline bool capacity_is_after(const struct capacity *capacity, uint32_t number)
{
    return !capacity->heard || (int32_t)(number - capacity->heard_last) > 0;
}

/*
 * The time from the request to the first answer that nine of ten connections stay below in calm.
 * It moves by a part of itself, whatever a sample says: up by nine times what it moves down.
 *
 * A server that is thought to be slow is guarded less, so nobody alone can make it so: of a server
 * with clients of three networks or more the time is not moved up by one of the last two that did,
 * for ten minutes; of one with two networks not by the last.
 */
#define ANSWERS_KNOWN 8 /* samples */
#define ANSWERS_PARTS 16u
#define ANSWERS_APART 9155u /* flow_clock(): 600 s */
struct answers {
    uint32_t usual;      /* flow_clock(), in ANSWERS_PARTS */
    uint8_t seen;        /* ANSWERS_KNOWN at most */
    uint8_t networks;    /* that it has answered, 3 at most */
    uint32_t network[2]; /* the first two */
    struct {
        uint32_t network, clock;
    } raised[2]; /* who has moved it up last, and before that */
};

static inline void answer_note_network(struct answers *answers, uint32_t network)
{
    for (unsigned i = 0; i < answers->networks; i++)
        if (i == 2 || answers->network[i] == network)
            return;
    if (answers->networks < 2)
        answers->network[answers->networks] = network;
    answers->networks++;
}

static inline bool answer_may_raise(const struct answers *answers, uint32_t network, uint32_t clock)
{
    for (unsigned i = 0; i + 1 < answers->networks; i++)
        if (answers->raised[i].network == network &&
            clock - answers->raised[i].clock < ANSWERS_APART)
            return false;
    return true;
}

/* `network`: any number that tells the client's from others; `clock`: flow_clock(). */
static inline void answer_note(struct answers *answers, uint32_t took, uint32_t network,
                               uint32_t clock)
{
    const uint32_t limit = UINT32_MAX / ANSWERS_PARTS;
    const uint32_t sample = (took < limit ? took : limit) * ANSWERS_PARTS;

    answer_note_network(answers, network);
    if (!answers->seen) {
        answers->usual = sample;
    } else if (sample <= answers->usual) {
        answers->usual -= (answers->usual + 35) / 36;
    } else if (answer_may_raise(answers, network, clock)) {
        answers->usual += answers->usual / 4 + ANSWERS_PARTS;
        answers->raised[1] = answers->raised[0];
        answers->raised[0].network = network;
        answers->raised[0].clock = clock;
    }
    if (answers->seen < ANSWERS_KNOWN)
        answers->seen++;
}

/* flow_clock() */
static inline uint32_t answer_usual(const struct answers *answers)
{
    return answers->usual / ANSWERS_PARTS;
}

#endif
