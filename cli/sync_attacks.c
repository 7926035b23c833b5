/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_attacks.c - servers that are attacked, and sources that were judged (sync.h). */
#include <stdio.h>
#include <string.h>

#include "bridge/base/log.h"
#include "bridge/text/document.h"
#include "cli/sync.h"
#include "cli/sync_name.h"

#define ATTACK_MS     45000u
#define ATTACK_AGAIN  10000u
#define ASIDE_MOST_MS (86400u * 1000)
#define ASIDE_AGAIN   20000u
#define TOLD_AGAIN_MS 15000u
#define REFUSED_MS    3600000u /* what the daemon refused is not said again for so long */
#define NAMED_MOST    64u
#define TOLD_MOST     200u /* in one question, which is to be a short one */

/* False: it was told, is refused, or there is no room in this question. */
static bool is_to_tell(struct sync *sync, const struct sync_known *known, bool told,
                       struct json_object *array, uint64_t now_ms)
{
    const bool new = known->daemon != sync->daemon;

    if (!new && (told || (known->refused_ms && now_ms < known->refused_ms + REFUSED_MS)))
        return false;
    if (json_object_array_length(array) < TOLD_MOST)
        return true;
    sync->more = true;
    return false;
}

static void hand_on(struct sync *sync, struct json_object *array, const struct sync_heard *heard)
{
    struct sync_known *known = heard->known;
    struct json_object *content = heard->content;
    const uint64_t for_ms = heard->value->until_ms - heard->now_ms;

    json_object_object_add(content, "field", json_object_new_string(heard->field));
    json_object_object_add(content, "node", json_object_new_string(heard->value->writer));
    json_object_object_add(content, "for_s", json_object_new_int64((int64_t)(for_ms / 1000 + 1)));
    json_object_array_add(array, json_object_get(content));
    known->told_ms = heard->now_ms;
    known->told_version = heard->value->version;
    known->daemon = sync->daemon;
}

/* Each is handed on now and then, as long as it is renewed; ours, too, so that it ends everywhere
 * at once. */
static void take_attack(struct sync *sync, const struct sync_heard *heard)
{
    struct sync_known *known = heard->known;
    const bool told =
        heard->now_ms < known->told_ms + TOLD_AGAIN_MS && heard->now_ms >= known->told_ms;

    if (is_to_tell(sync, known, told, sync->attacks, heard->now_ms))
        hand_on(sync, sync->attacks, heard);
}

/* Each is handed on once. */
static void take_aside(struct sync *sync, const struct sync_heard *heard)
{
    if (strcmp(heard->value->writer, sync->node) != 0 &&
        is_to_tell(sync, heard->known, heard->known->told_version == heard->value->version,
                   sync->asides, heard->now_ms))
        hand_on(sync, sync->asides, heard);
}

bool sync_attacks_hear(struct sync *sync, struct error *error)
{
    return sync_read_hash(sync, SYNC_ATTACKS, ATTACK_MS, take_attack, error);
}

bool sync_asides_hear(struct sync *sync, struct error *error)
{
    return sync_read_hash(sync, SYNC_ASIDES, ASIDE_MOST_MS, take_aside, error);
}

/* --- what is so here -------------------------------------------------------------------------- */

static void note_published(struct sync *sync, struct sync_known *known,
                           const struct sync_write *write, bool stands)
{
    (void)write;
    if (!stands)
        return;
    sync->changed |= !known->acted_ms;
    known->acted_ms = sync_wall_ms();
}

/* Writes what is new, or was written long ago. */
static bool publish(struct sync *sync, const struct sync_write *write, uint64_t again_ms,
                    struct error *error)
{
    const struct sync_known *known = sync_known_of(sync, write->name, write->field);
    const uint64_t now_ms = sync_wall_ms();

    if (known && known->acted_ms && now_ms < known->acted_ms + again_ms &&
        known->acted_ms <= now_ms)
        return true;
    return sync_write(sync, write, error);
}

bool sync_attacks_say(struct sync *sync, struct error *error)
{
    struct json_object *array = json_object_object_get(sync->heard, "attacks");
    const size_t count = array ? json_object_array_length(array) : 0;
    bool done = true;

    for (size_t i = 0; done && i < count && (i == 0 || sync_has_time(sync)); i++) {
        struct json_object *attack = json_object_array_get_idx(array, i);
        struct sync_write write = {.name = "attacks",
                                   .content = attack,
                                   .until_ms = sync_wall_ms() + ATTACK_MS,
                                   .taken = note_published};

        if (sync_name_with_node(attack, sync->node, write.field, sizeof(write.field)))
            done = publish(sync, &write, ATTACK_AGAIN, error);
    }
    return sync_settle(sync, error) && done;
}

bool sync_asides_say(struct sync *sync, struct error *error)
{
    struct json_object *array = json_object_object_get(sync->heard, "asides");
    const size_t count = array ? json_object_array_length(array) : 0;
    bool done = true;

    for (size_t i = 0; done && i < count && (i == 0 || sync_has_time(sync)); i++) {
        struct json_object *aside = json_object_array_get_idx(array, i);
        const char *source = document_string(aside, "source");
        struct sync_write write = {
            .name = "asides",
            .until_ms = json_object_get_uint64(json_object_object_get(aside, "until_s")) * 1000,
            .taken = note_published};

        if (!source || write.until_ms <= sync_wall_ms())
            continue;
        snprintf(write.field, sizeof(write.field), "%s %s", source, sync->node);
        write.content = json_object_new_object();
        json_object_object_add(write.content, "source", json_object_new_string(source));
        json_object_object_add(write.content, "strikes",
                               json_object_get(json_object_object_get(aside, "strikes")));
        done = publish(sync, &write, ASIDE_AGAIN, error);
        json_object_put(write.content);
    }
    return sync_settle(sync, error) && done;
}

/* --- what the daemon does not take ------------------------------------------------------------ */

static void note_refused(struct sync *sync, const char *name, struct json_object *sent,
                         const char *field)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_place place = {sync_key(sync, name, key), field};
    struct sync_known *known = sync_memory_of(sync->memory, place, true);

    if (!known)
        return;
    if (!known->refused_ms && ++sync->refused < NAMED_MOST)
        log_line(LOG_LEVEL_WARNING, "the daemon does not take this of %s: %s", name,
                 json_object_to_json_string(sent));
    else if (!known->refused_ms && sync->refused == NAMED_MOST)
        log_line(LOG_LEVEL_WARNING, "and more that it does not take: no more is said of it");
    known->refused_ms = sync_wall_ms();
    known->untaken = true;
}

void sync_note_refused(struct sync *sync)
{
    const struct {
        const char *name;
        struct json_object *sent;
    } all[] = {{"attacks", sync->attacks},
               {"asides", sync->asides},
               {"rules", sync->words[SYNC_WORD_RULE]},
               {"settings", sync->words[SYNC_WORD_SETTING]}};
    struct json_object *refused = json_object_object_get(sync->heard, "refused");

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct json_object *places = json_object_object_get(refused, all[i].name);
        const size_t count =
            json_object_is_type(places, json_type_array) ? json_object_array_length(places) : 0;

        for (size_t j = 0; j < count; j++) {
            const uint64_t at = json_object_get_uint64(json_object_array_get_idx(places, j));
            struct json_object *sent = json_object_array_get_idx(all[i].sent, at);
            const char *field = document_string(sent, "field");

            if (field)
                note_refused(sync, all[i].name, sent, field);
        }
    }
}
