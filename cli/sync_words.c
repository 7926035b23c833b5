/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_words.c - the operator's word, said at one bridge, for all: on sources (`rules`) and on
 * modes (`settings`).
 *
 * The last word counts, wherever it was said. One that is new here, or another one than was heard,
 * is written; one that is gone is written as taken away, which is kept for a day. What is read and
 * not known goes to the daemon with the next question, and stands in its answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/control/answer.h"
#include "bridge/text/document.h"
#include "cli/sync.h"
#include "cli/sync_name.h"

#define WORD_MS    (30 * 86400ull * 1000)
#define GONE_MS    (86400u * 1000)
#define NEAR_S     5 /* the ends of one rule, as two daemons say it */
#define TOLD_WORDS 100u
#define AGAIN_MS   5000u /* after the daemon has not taken one */
#define NAME_BYTES 128

/* What the words of one kind have in common. */
struct word_kind {
    const char *name; /* in the store, in what the daemon says, and in what it is told */
    enum sync_hash hash;
    const char *state, *gone; /* the key that says what; and nothing any more */
    bool (*name_of)(struct json_object *word, char name[NAME_BYTES]);
};

static bool name_of_rule(struct json_object *word, char name[NAME_BYTES])
{
    const char *source = document_string(word, "source");

    return source && snprintf(name, NAME_BYTES, "%s", source) < NAME_BYTES;
}

static bool name_of_setting(struct json_object *word, char name[NAME_BYTES])
{
    if (!document_string(word, "server"))
        return snprintf(name, NAME_BYTES, "all") > 0;
    return sync_name_of_server(word, name, NAME_BYTES);
}

static const struct word_kind kinds[SYNC_WORDS] = {
    {"rules", SYNC_RULES, "state", "clear", name_of_rule},
    {"settings", SYNC_SETTINGS, "setting", "default", name_of_setting},
};

/* As long as a daemon takes it: clocks may be some seconds apart. */
static int64_t for_s(int64_t left_s)
{
    return left_s < SOURCE_FOR_MAX_S ? left_s : SOURCE_FOR_MAX_S;
}

static int64_t until_of(struct json_object *word)
{
    return json_object_get_int64(json_object_object_get(word, "until_s"));
}

static void remember(const struct sync *sync, struct sync_known *known, const char *state,
                     int64_t until_s)
{
    snprintf(known->state, sizeof(known->state), "%s", state);
    known->until_s = until_s;
    known->daemon = sync->daemon;
    known->untaken = false;
}

static bool is_known(const struct sync_known *known, const char *state, int64_t until_s)
{
    return known->state[0] && strcmp(known->state, state) == 0 &&
           llabs(known->until_s - until_s) <= NEAR_S;
}

/* The daemon has it, or is not to be told again yet. */
static bool is_settled(const struct sync *sync, const struct sync_known *known, uint64_t now_ms)
{
    return known->daemon == sync->daemon &&
           (!known->untaken || now_ms < known->refused_ms + AGAIN_MS);
}

/* --- what others say -------------------------------------------------------------------------- */

static void take_word(struct sync *sync, enum sync_word kind_number, const struct sync_heard *heard)
{
    struct sync_known *known = heard->known;
    struct json_object *content = heard->content;
    const struct word_kind *kind = &kinds[kind_number];
    const char *state = document_string(content, kind->state);
    const int64_t until_s = until_of(content), now_s = (int64_t)(heard->now_ms / 1000);
    struct json_object *told = sync->words[kind_number];
    char name[NAME_BYTES];

    /* One that was only written again is no new word, and one said here meanwhile counts. */
    if (!state || !kind->name_of(content, name) || strcmp(name, heard->field) != 0 ||
        (is_known(known, state, until_s) && is_settled(sync, known, heard->now_ms)) ||
        (until_s && until_s <= now_s))
        return;
    if (json_object_array_length(told) == TOLD_WORDS) {
        sync->more = true;
        return;
    }
    if (!is_known(known, state, until_s))
        known->refused_ms = 0; /* another word: where it is not taken, that is said */
    remember(sync, known, state, until_s);
    known->handed = sync->round;
    json_object_object_add(content, "field", json_object_new_string(heard->field));
    json_object_object_add(content, "node", json_object_new_string(heard->value->writer));
    json_object_object_add(content, "for_s",
                           json_object_new_int64(until_s ? for_s(until_s - now_s) : 0));
    json_object_array_add(told, json_object_get(content));
}

static void take_rule(struct sync *sync, const struct sync_heard *heard)
{
    take_word(sync, SYNC_WORD_RULE, heard);
}

static void take_setting(struct sync *sync, const struct sync_heard *heard)
{
    take_word(sync, SYNC_WORD_SETTING, heard);
}

/* --- what is said here ------------------------------------------------------------------------ */

static void note_said(struct sync *sync, struct sync_known *known, const struct sync_write *write,
                      bool stands)
{
    const struct word_kind *kind =
        &kinds[strcmp(write->name, kinds[0].name) == 0 ? SYNC_WORD_RULE : SYNC_WORD_SETTING];

    (void)stands;
    remember(sync, known, document_string(write->content, kind->state), until_of(write->content));
    sync->changed = true;
}

static bool write_word(struct sync *sync, const struct word_kind *kind, const char *name,
                       struct json_object *word, struct error *error)
{
    const bool gone = strcmp(document_string(word, kind->state), kind->gone) == 0;
    struct sync_write write = {.name = kind->name,
                               .content = word,
                               .until_ms = sync_wall_ms() + (gone ? GONE_MS : WORD_MS),
                               .taken = note_said};

    snprintf(write.field, sizeof(write.field), "%s", name);
    return sync_write(sync, &write, error);
}

/* The daemon did not have it a moment ago. */
static bool is_new_here(const struct word_kind *kind, struct json_object *before, const char *name,
                        struct json_object *word)
{
    const char *state = document_string(word, kind->state);
    char other[NAME_BYTES];

    for (size_t i = 0; before && i < json_object_array_length(before); i++) {
        struct json_object *one = json_object_array_get_idx(before, i);

        if (kind->name_of(one, other) && strcmp(other, name) == 0)
            return strcmp(document_string(one, kind->state), state) != 0 ||
                   llabs(until_of(one) - until_of(word)) > NEAR_S;
    }
    return before;
}

/* Where the daemon has not taken the last word it has an earlier one, which is not said again. */
static bool is_to_say(const struct sync *sync, const struct word_kind *kind,
                      const struct sync_known *known, struct json_object *before, const char *name,
                      struct json_object *word)
{
    if (is_known(known, document_string(word, kind->state), until_of(word)))
        return sync_is_missed(sync, kind->hash, known);
    return !known->untaken || is_new_here(kind, before, name, word);
}

/* One at least, where what was read before has taken all the time. */
static bool say_words(struct sync *sync, const struct word_kind *kind, struct json_object *before,
                      struct json_object *words, struct error *error)
{
    bool done = true, said = false;

    for (size_t i = 0; done && i < json_object_array_length(words); i++) {
        struct json_object *word = json_object_array_get_idx(words, i);
        const char *state = document_string(word, kind->state);
        char name[NAME_BYTES];
        struct sync_known *known =
            state && kind->name_of(word, name) ? sync_known_of(sync, kind->name, name) : NULL;

        if (known && known->handed != sync->round && (!said || sync_has_time(sync)) &&
            is_to_say(sync, kind, known, before, name, word)) {
            done = write_word(sync, kind, name, word, error);
            said = true;
        }
    }
    return sync_settle(sync, error) && done;
}

static bool stands_in(const struct word_kind *kind, struct json_object *words, const char *name)
{
    char other[NAME_BYTES];

    for (size_t i = 0; i < json_object_array_length(words); i++)
        if (kind->name_of(json_object_array_get_idx(words, i), other) && strcmp(other, name) == 0)
            return true;
    return false;
}

/* Says that this word is none any more. */
static bool say_it_is_gone(struct sync *sync, const struct word_kind *kind, const char *name,
                           struct json_object *word, struct error *error)
{
    struct sync_known *known = sync_known_of(sync, kind->name, name);
    struct json_object *gone = NULL;
    bool done;

    if (!known || known->handed == sync->round || is_known(known, kind->gone, 0))
        return true;
    if (json_object_deep_copy(word, &gone, NULL) != 0)
        return error_set(error, EXIT_FAILED, "out of memory");
    json_object_object_del(gone, "until_s");
    json_object_object_add(gone, kind->state, json_object_new_string(kind->gone));
    done = write_word(sync, kind, name, gone, error);
    json_object_put(gone);
    return done;
}

/* What the operator has taken away since the last answer; what has ended by itself is no word. */
static bool say_gone(struct sync *sync, const struct word_kind *kind, struct json_object *before,
                     struct json_object *words, struct error *error)
{
    const int64_t now_s = (int64_t)(sync_wall_ms() / 1000);
    bool done = true;

    for (size_t i = 0; done && before && i < json_object_array_length(before); i++) {
        struct json_object *word = json_object_array_get_idx(before, i);
        const int64_t until_s = until_of(word);
        char name[NAME_BYTES];

        if (kind->name_of(word, name) && !stands_in(kind, words, name) &&
            (!until_s || until_s > now_s + 1))
            done = say_it_is_gone(sync, kind, name, word, error);
    }
    return sync_settle(sync, error) && done;
}

/* What changes between two looks is seen, also where only every second one is written in time. */
static bool turn(struct sync *sync, enum sync_word number, value_taker *take, struct error *error)
{
    const struct word_kind *kind = &kinds[number];
    struct json_object *words = json_object_object_get(sync->heard, kind->name);

    if (!json_object_is_type(words, json_type_array))
        return true;
    if (!sync_read_hash(sync, kind->hash, WORD_MS, take, error) ||
        !say_words(sync, kind, sync->words_before[number], words, error) ||
        !say_gone(sync, kind, sync->words_before[number], words, error))
        return false;
    json_object_put(sync->words_before[number]);
    sync->words_before[number] = json_object_get(words);
    return true;
}

bool sync_words_turn(struct sync *sync, struct error *error)
{
    return turn(sync, SYNC_WORD_RULE, take_rule, error) &&
           turn(sync, SYNC_WORD_SETTING, take_setting, error);
}
