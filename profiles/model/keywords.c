/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keywords.c - see keywords.h. */
#include "profiles/model/keywords.h"

#include <string.h>

#define NONE  UINT16_MAX
#define DAY_S (24u * 3600)

const uint8_t *keyword_set_next(const struct keyword_set *set, uint16_t *at, size_t *text_at)
{
    if (*at > 0)
        *text_at += set->entries[*at - 1].bytes;
    return (*at)++ < set->count ? set->text + *text_at : NULL;
}

static uint16_t find(const struct keyword_set *set, enum keyword_kind kind, const uint8_t *name,
                     size_t bytes)
{
    uint16_t at = 0;
    size_t text_at = 0;
    const uint8_t *text;

    while ((text = keyword_set_next(set, &at, &text_at)) != NULL) {
        const struct keyword_entry *entry = &set->entries[at - 1];

        if (entry->kind == kind && entry->bytes == bytes && memcmp(text, name, bytes) == 0)
            return (uint16_t)(at - 1);
    }
    return NONE;
}

static void drop(struct keyword_set *set, uint16_t index)
{
    const size_t bytes = set->entries[index].bytes;
    size_t text_at = 0;

    for (uint16_t i = 0; i < index; i++)
        text_at += set->entries[i].bytes;
    memmove(set->text + text_at, set->text + text_at + bytes, set->text_bytes - text_at - bytes);
    memmove(&set->entries[index], &set->entries[index + 1],
            (size_t)(set->count - index - 1) * sizeof(*set->entries));
    set->text_bytes = (uint16_t)(set->text_bytes - bytes);
    set->count--;
}

/* The oldest that was accepted once; of one kind, or of any (KEYWORD_KINDS_COUNT). */
static uint16_t oldest_single(const struct keyword_set *set, enum keyword_kind kind)
{
    for (uint16_t i = 0; i < set->count; i++)
        if (set->entries[i].seen <= 1 &&
            (kind == KEYWORD_KINDS_COUNT || set->entries[i].kind == kind))
            return i;
    return NONE;
}

uint16_t keyword_set_count(const struct keyword_set *set, enum keyword_kind kind)
{
    uint16_t count = 0;

    for (uint16_t i = 0; i < set->count; i++)
        count = (uint16_t)(count + (set->entries[i].kind == kind));
    return count;
}

void keyword_set_seen(struct keyword_set *set, enum keyword_kind kind, size_t index, uint8_t seen)
{
    for (uint16_t i = 0; i < set->count; i++)
        if (set->entries[i].kind == kind && index-- == 0) {
            set->entries[i].seen = seen;
            return;
        }
}

static bool make_room(struct keyword_set *set, enum keyword_kind kind, size_t bytes)
{
    for (;;) {
        const bool kind_full = keyword_set_count(set, kind) >= keyword_info(kind)->most;
        const bool set_full =
            set->count == KEYWORDS_MAX || set->text_bytes + bytes > KEYWORD_SET_TEXT;
        uint16_t index;

        if (!kind_full && !set_full)
            return true;
        index = oldest_single(set, kind_full ? kind : KEYWORD_KINDS_COUNT);
        if (index == NONE)
            return false;
        drop(set, index);
    }
}

static bool add(struct keyword_set *set, enum keyword_kind kind, const uint8_t *name, size_t bytes,
                uint8_t who)
{
    const uint16_t known = find(set, kind, name, bytes);

    if (known != NONE) {
        struct keyword_entry *entry = &set->entries[known];

        if (entry->seen < KEYWORD_SEEN_MAX && !(who && entry->seen == 1 && entry->who == who))
            entry->seen++;
        return true;
    }
    if (bytes > KEYWORD_BYTES_MAX || !make_room(set, kind, bytes))
        return false;
    set->entries[set->count++] = (struct keyword_entry){
        .kind = (uint8_t)kind, .bytes = (uint8_t)bytes, .seen = 1, .who = who};
    memcpy(set->text + set->text_bytes, name, bytes);
    set->text_bytes = (uint16_t)(set->text_bytes + bytes);
    return true;
}

bool keyword_set_add(struct keyword_set *set, enum keyword_kind kind, const uint8_t *name,
                     size_t bytes)
{
    return add(set, kind, name, bytes, 0);
}

void keyword_set_learn(struct keyword_set *set, const struct keywords_found *found, uint8_t who)
{
    for (uint8_t i = 0; i < found->count; i++)
        add(set, (enum keyword_kind)found->names[i].kind, keyword_text(found, i),
            found->names[i].bytes, who);
}

void keyword_set_age(struct keyword_set *set, uint32_t now_s)
{
    const uint32_t today = now_s / DAY_S,
                   days = set->aged_day && today > set->aged_day ? today - set->aged_day : 0;

    set->aged_day = today;
    for (uint16_t i = 0; days && i < set->count; i++) {
        const uint8_t seen = (uint8_t)(days < KEYWORD_DAYS ? set->entries[i].seen >> days : 0);

        set->entries[i].seen = seen ? seen : 1;
    }
}

uint32_t keyword_set_full(const struct keyword_set *set)
{
    const bool all =
        set->count == KEYWORDS_MAX || set->text_bytes + KEYWORD_BYTES_MAX > KEYWORD_SET_TEXT;
    uint32_t full = 0;

    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++)
        if (all || keyword_set_count(set, (enum keyword_kind)kind) >=
                       keyword_info((enum keyword_kind)kind)->most)
            full |= 1u << kind;
    return full;
}

void keyword_set_forget(struct keyword_set *set, enum keyword_kind kind)
{
    for (uint16_t i = set->count; i-- > 0;)
        if (set->entries[i].kind == kind)
            drop(set, i);
}

void keyword_set_fill(const struct keyword_set *set, struct keyword_filter *filter)
{
    uint16_t at = 0;
    size_t text_at = 0;
    const uint8_t *text;

    while ((text = keyword_set_next(set, &at, &text_at)) != NULL)
        keyword_filter_add(filter, (enum keyword_kind)set->entries[at - 1].kind, text,
                           set->entries[at - 1].bytes);
}
