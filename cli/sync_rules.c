/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_rules.c - the operator's word on sources, said at one bridge, for all.
 *
 * The last word counts, wherever it was said. A rule that is new here, or another one than was
 * heard, is written; one that is gone is written as taken away, which is kept for a day. What is
 * read and not known goes to the daemon with the next question, and stands in its answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/control/answer.h"
#include "bridge/text/document.h"
#include "cli/sync.h"

#define RULE_MS    (30 * 86400ull * 1000)
#define GONE_MS    (86400u * 1000)
#define NEAR_S     5 /* the ends of one rule, as two daemons say it */
#define TOLD_RULES 100u

/* As long as a daemon takes it: clocks may be some seconds apart. */
static int64_t for_s(int64_t left_s)
{
    return left_s < SOURCE_FOR_MAX_S ? left_s : SOURCE_FOR_MAX_S;
}

static int64_t until_of(struct json_object *rule)
{
    return json_object_get_int64(json_object_object_get(rule, "until_s"));
}

static struct sync_known *known_of(struct sync *sync, const char *source)
{
    char key[SYNC_KEY_BYTES];

    return sync_memory_of(sync->memory, (struct sync_place){sync_key(sync, "rules", key), source},
                          true);
}

static void remember(struct sync_known *known, const char *state, int64_t until_s)
{
    snprintf(known->state, sizeof(known->state), "%s", state);
    known->until_s = until_s;
}

static bool is_known(const struct sync_known *known, const char *state, int64_t until_s)
{
    return known->version && strcmp(known->state, state) == 0 &&
           llabs(known->until_s - until_s) <= NEAR_S;
}

/* It was taken away from the store, and this bridge is the one to say it again. */
static bool is_missed(const struct sync *sync, const struct sync_known *known)
{
    return known->seen != sync->round &&
           (strcmp(known->writer, sync->node) == 0 || !sync_node_lives(sync, known->writer));
}

/* --- what others say -------------------------------------------------------------------------- */

static void take_rule(struct sync *sync, const char *field, const struct sync_value *value,
                      struct sync_known *known, struct json_object *content, uint64_t now_ms)
{
    const char *state = document_string(content, "state");
    const int64_t until_s = until_of(content), now_s = (int64_t)(now_ms / 1000);
    struct json_object *rule;

    known->seen = sync->round;
    /* One that was only written again is no new word, and one said here meanwhile counts. */
    if (!state || (is_known(known, state, until_s) && !sync->tell_all) ||
        (until_s && until_s <= now_s) || json_object_array_length(sync->rules) == TOLD_RULES)
        return;
    remember(known, state, until_s);
    known->handed = sync->round;
    rule = json_object_new_object();
    json_object_object_add(rule, "source", json_object_new_string(field));
    json_object_object_add(rule, "state", json_object_new_string(state));
    json_object_object_add(rule, "node", json_object_new_string(value->writer));
    json_object_object_add(rule, "for_s",
                           json_object_new_int64(until_s ? for_s(until_s - now_s) : 0));
    json_object_array_add(sync->rules, rule);
}

/* --- what is said here ------------------------------------------------------------------------ */

static bool write_rule(struct sync *sync, const char *source, const char *state, int64_t until_s,
                       struct sync_known *known, struct error *error)
{
    const bool gone = strcmp(state, "clear") == 0;
    struct json_object *content = json_object_new_object();
    bool done;

    json_object_object_add(content, "state", json_object_new_string(state));
    json_object_object_add(content, "until_s", json_object_new_int64(until_s));
    done = sync_write(sync, "rules", source, content, sync_wall_ms() + (gone ? GONE_MS : RULE_MS),
                      error);
    json_object_put(content);
    if (done)
        remember(known, state, until_s);
    return done;
}

static bool say_rules(struct sync *sync, struct json_object *rules, struct error *error)
{
    bool done = true;

    for (size_t i = 0; done && i < json_object_array_length(rules); i++) {
        struct json_object *rule = json_object_array_get_idx(rules, i);
        const char *source = document_string(rule, "source"),
                   *state = document_string(rule, "state");
        struct sync_known *known = source && state ? known_of(sync, source) : NULL;

        if (known && known->handed != sync->round &&
            (!is_known(known, state, until_of(rule)) || is_missed(sync, known)))
            done = write_rule(sync, source, state, until_of(rule), known, error);
    }
    return done;
}

static bool stands_in(struct json_object *rules, const char *source)
{
    for (size_t i = 0; i < json_object_array_length(rules); i++)
        if (strcmp(document_string(json_object_array_get_idx(rules, i), "source"), source) == 0)
            return true;
    return false;
}

/* What the operator has taken away since the last answer; what has ended by itself is no word. */
static bool say_gone(struct sync *sync, struct json_object *rules, struct error *error)
{
    const int64_t now_s = (int64_t)(sync_wall_ms() / 1000);
    bool done = true;

    for (size_t i = 0; done && i < json_object_array_length(sync->rules_before); i++) {
        struct json_object *rule = json_object_array_get_idx(sync->rules_before, i);
        const char *source = document_string(rule, "source");
        const int64_t until_s = until_of(rule);
        struct sync_known *known;

        if (stands_in(rules, source) || (until_s && until_s <= now_s + 1))
            continue;
        known = known_of(sync, source);
        if (known && known->handed != sync->round && !is_known(known, "clear", 0))
            done = write_rule(sync, source, "clear", 0, known, error);
    }
    return done;
}

bool sync_rules_turn(struct sync *sync, struct error *error)
{
    struct json_object *rules = json_object_object_get(sync->heard, "rules");
    bool done;

    if (!json_object_is_type(rules, json_type_array))
        return true;
    if (!sync_read_hash(sync, "rules", RULE_MS, take_rule, error))
        return false;
    done = say_rules(sync, rules, error) &&
           (sync->tell_all || !sync->rules_before || say_gone(sync, rules, error));
    if (done) {
        json_object_put(sync->rules_before);
        sync->rules_before = json_object_get(rules);
    }
    return done;
}
