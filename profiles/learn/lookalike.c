/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookalike.c - see lookalike.h. */
#include "profiles/learn/lookalike.h"

#include <string.h>

#include "engine/protocols/foreign.h"

bool lookalike_possible(const struct profile *profile, enum protocol_id id)
{
    return id != PROTOCOL_UNKNOWN && !(profile->accepted >> id & 1) &&
           !(FOREIGN_PROTOCOLS >> id & 1);
}

static struct foreign_answer *find_answer(struct foreign_answers *answers, const uint8_t *answer)
{
    for (uint8_t i = 0; i < answers->count; i++)
        if (memcmp(answers->answer[i].bytes, answer, FOREIGN_ANSWER_BYTES) == 0)
            return &answers->answer[i];
    return NULL;
}

/* The oldest that was drawn by one protocol alone gives way; the ways to say no stay. */
static struct foreign_answer *answer_slot(struct foreign_answers *answers)
{
    uint8_t at;

    if (answers->count < FOREIGN_ANSWERS)
        return &answers->answer[answers->count++];
    for (uint8_t i = 0; i < FOREIGN_ANSWERS; i++) {
        at = answers->next++ % FOREIGN_ANSWERS;
        if (!answers->answer[at].no)
            return &answers->answer[at];
    }
    return &answers->answer[answers->next++ % FOREIGN_ANSWERS];
}

bool lookalike_says_no(struct profile *profile, enum protocol_id id, const uint8_t *answer,
                       size_t bytes)
{
    struct foreign_answer *known;

    if (bytes < FOREIGN_ANSWER_BYTES)
        return false;
    known = find_answer(&profile->foreign, answer);
    if (known) {
        known->no |= id != PROTOCOL_UNKNOWN && known->protocol != id;
        return known->no;
    }
    if (id == PROTOCOL_UNKNOWN)
        return false;
    known = answer_slot(&profile->foreign);
    *known = (struct foreign_answer){.protocol = id};
    memcpy(known->bytes, answer, FOREIGN_ANSWER_BYTES);
    return false;
}
