/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keywords.h - the keywords (engine/protocols/keyword.h) of the requests that one server accepted.
 *
 * Bounded: at most KEYWORDS_MAX names in KEYWORD_SET_TEXT bytes, and of each kind as many as its
 * line in engine/protocols/keyword.h says. In a full set a new name takes the place of one that was
 * accepted only once, the oldest such (of its own kind where the kind is full); where all were
 * accepted more often, it is not learned. So a client that asks a server which accepts every name
 * for made-up ones cannot push out those in use. Counts are halved every day, so that names which
 * nobody asks for any more make room, too: of whoever has filled a set nothing is left after
 * KEYWORD_DAYS days, and meanwhile what is not in it is minor (policy.h, `keywords_full`).
 */
#ifndef SYNWARD_PROFILES_MODEL_KEYWORDS_H
#define SYNWARD_PROFILES_MODEL_KEYWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/protocols/keyword.h"

#define KEYWORD_SET_TEXT      3072
#define KEYWORD_SEEN_MAX      255
#define KEYWORD_DAYS          7 /* of no use that bring the highest count down to 1 */
#define KEYWORD_SEEN_RESTORED 2 /* of a name in a file that does not say */

/* Plain data; zero is the empty set. Names stand in `text` in the order of the entries. */
struct keyword_set {
    uint16_t count;
    uint16_t text_bytes;
    uint32_t aged_day; /* since 1970, when counts were halved last; 0: never; not saved */
    struct keyword_entry {
        uint8_t kind;
        uint8_t bytes;
        uint8_t seen; /* how often it was accepted; saturates */
        uint8_t who;  /* who asked for it first; 0: not known */
    } entries[KEYWORDS_MAX];
    uint8_t text[KEYWORD_SET_TEXT];
};

/* One more accepted request that names this. False where the set is full of names in use. */
bool keyword_set_add(struct keyword_set *set, enum keyword_kind kind, const uint8_t *name,
                     size_t bytes);
/*
 * The same for all that a request names. `who`: a number of the network that asked, 0 where
 * networks are not told apart. A name that only its first network asked for counts once, however
 * often: so one network cannot fill the set for ever.
 */
void keyword_set_learn(struct keyword_set *set, const struct keywords_found *found, uint8_t who);

/* To be called before names are learned; `now_s`: since 1970. */
void keyword_set_age(struct keyword_set *set, uint32_t now_s);
/* Kinds in which a new name finds no room but that of another; bits 1 << enum keyword_kind. */
uint32_t keyword_set_full(const struct keyword_set *set);

/* Drops all names of a kind: what they named has another name now. */
void keyword_set_forget(struct keyword_set *set, enum keyword_kind kind);

/* Walks the names: `*at` and `*text_at` are 0 before the first step; then entries[*at - 1] is its
 * entry. NULL: no more. */
const uint8_t *keyword_set_next(const struct keyword_set *set, uint16_t *at, size_t *text_at);

uint16_t keyword_set_count(const struct keyword_set *set, enum keyword_kind kind);
/* Sets how often the `index`th name of this kind was accepted; nothing where there is none. For
 * names that come from a file. */
void keyword_set_seen(struct keyword_set *set, enum keyword_kind kind, size_t index, uint8_t seen);

/* Puts all names into an empty filter whose key is set. */
void keyword_set_fill(const struct keyword_set *set, struct keyword_filter *filter);

#endif
