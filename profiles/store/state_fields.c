/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_fields.c - the counters that learning goes on from: `state` of a profile.
 *
 * Each part is read beside what is shown, and taken only where it says the same: somebody may have
 * edited what is shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/store/profile_fields.h"
#include "profiles/store/request_fields.h"

#define FIDELITY_ROUNDED 0.0001 /* it is shown with four digits */

/* --- votes ----------------------------------------------------------------------------------- */

static struct json_object *write_variant_votes(const void *record)
{
    const struct capabilities *tcp = &((const struct profile *)record)->tcp;
    struct json_object *votes = json_object_new_array();

    for (uint8_t i = 0; i < tcp->model.variants_count; i++)
        json_object_array_add(votes, json_uint(tcp->variant_votes[i]));
    return votes;
}

static void read_variant_votes(struct json_reader *reader, struct json_object *value, void *record)
{
    struct capabilities *tcp = &((struct profile *)record)->tcp;

    if (!json_object_is_type(value, json_type_array)) {
        reader_fail(reader, "variants", "is not an array");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(value) && i < tcp->model.variants_count; i++) {
        uint64_t votes;

        if (read_element(reader, value, i, VOTES_MAX, &votes))
            tcp->variant_votes[i] = (uint8_t)votes;
    }
}

static struct json_object *schema_variant_votes(void)
{
    return schema_array(schema_uint(VOTES_MAX), SYNACK_VARIANTS_MAX);
}

static const struct field votes_fields[] = {
    {FIELD_UINT("mss", struct profile, tcp.mss.votes, VOTES_MAX)},
    {FIELD_UINT("window_scale", struct profile, tcp.window_scale.votes, VOTES_MAX)},
    {FIELD_UINT("sack", struct profile, tcp.sack.votes, VOTES_MAX)},
    {FIELD_UINT("timestamps", struct profile, tcp.timestamps.votes, VOTES_MAX)},
    {FIELD_UINT("ecn", struct profile, tcp.ecn.votes, VOTES_MAX)},
    {FIELD_UINT("ttl", struct profile, tcp.ttl.votes, VOTES_MAX)},
    {FIELD_UINT("df", struct profile, tcp.df.votes, VOTES_MAX)},
    {FIELD_OWN("variants", write_variant_votes, read_variant_votes),
     .schema = schema_variant_votes},
    {0},
};

/* --- IP IDs ---------------------------------------------------------------------------------- */

static const struct field ip_id_fields[] = {
    {FIELD_UINT("samples", struct profile, tcp.ip_id.samples, IP_ID_SAMPLES_MAX)},
    {FIELD_UINT("zeros", struct profile, tcp.ip_id.zeros, IP_ID_SAMPLES_MAX)},
    {FIELD_UINT("steps", struct profile, tcp.ip_id.steps, IP_ID_SAMPLES_MAX)},
    {FIELD_UINT("small_steps", struct profile, tcp.ip_id.small_steps, IP_ID_SAMPLES_MAX)},
    {FIELD_UINT("last", struct profile, tcp.ip_id.last, UINT16_MAX)},
    {0},
};

static void read_ip_id_state(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record, stated = *profile;
    struct capabilities shown = profile->tcp;

    memset(&stated.tcp.ip_id, 0, sizeof(stated.tcp.ip_id));
    fields_read(reader, ip_id_fields, object, &stated);
    capabilities_refresh(&shown);
    capabilities_refresh(&stated.tcp);
    if (stated.tcp.model.ip_id == shown.model.ip_id)
        profile->tcp.ip_id = stated.tcp.ip_id;
}

/* --- name and speakers ----------------------------------------------------------------------- */

static struct json_object *write_named(const void *record)
{
    return json_uint(((const struct profile *)record)->named);
}

static void read_named(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;
    uint64_t named;

    if (uint_from_json(reader, "named", value, NAMED_BY_PROTOCOL, &named) &&
        (named == 0) == (profile->named == NAMED_NOT))
        profile->named = (enum naming)named;
}

static struct json_object *schema_named(void)
{
    return schema_uint(NAMED_BY_PROTOCOL);
}

static bool has_left_waiting(const void *record)
{
    return ((const struct profile *)record)->left_waiting > 0;
}

static const struct field speaker_fields[] = {
    {FIELD_UINT("client", struct profile, voices[VOICE_CLIENT], UINT32_MAX)},
    {FIELD_UINT("server", struct profile, voices[VOICE_SERVER], UINT32_MAX)},
    {FIELD_UINT("client_refused", struct profile, voices[VOICE_CLIENT_REFUSED], UINT32_MAX)},
    {FIELD_UINT("server_only", struct profile, voices[VOICE_SERVER_ONLY], UINT32_MAX)},
    {FIELD_UINT("left_waiting", struct profile, left_waiting, UINT32_MAX), .flags = FIELD_LEFT_OUT,
     .there = has_left_waiting},
    {0},
};

static void read_speakers(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record, stated = *profile;

    memset(stated.voices, 0, sizeof(stated.voices));
    stated.left_waiting = 0;
    fields_read(reader, speaker_fields, object, &stated);
    if (profile_speaks_first(&stated) != profile_speaks_first(profile))
        return;
    memcpy(profile->voices, stated.voices, sizeof(stated.voices));
    profile->left_waiting = stated.left_waiting;
}

/* --- greeting -------------------------------------------------------------------------------- */

static struct json_object *write_latest(const void *record)
{
    const struct greeting_model *greeting = &((const struct profile *)record)->greeting;

    return json_hex(greeting->latest, greeting->bytes);
}

static void read_latest(struct json_reader *reader, struct json_object *value, void *record)
{
    struct greeting_model *greeting = &((struct profile *)record)->greeting;
    size_t bytes = 0;

    hex_from_json(reader, "latest", value, greeting->latest, sizeof(greeting->latest), &bytes);
    greeting->bytes = (uint16_t)bytes;
}

static struct json_object *schema_latest(void)
{
    return schema_hex(GREETING_BYTES_MAX);
}

static bool has_greetings(const void *record)
{
    return ((const struct profile *)record)->greeting.count > 0;
}

static const struct field greeting_fields[] = {
    {FIELD_UINT("count", struct profile, greeting.count, UINT32_MAX)},
    {FIELD_UINT("run", struct profile, greeting.run, UINT32_MAX)},
    {FIELD_UINT("prefix", struct profile, greeting.prefix, GREETING_BYTES_MAX)},
    {FIELD_UINT("suffix", struct profile, greeting.suffix, GREETING_BYTES_MAX)},
    {FIELD_UINT("shortest", struct profile, greeting.shortest, GREETING_BYTES_MAX)},
    {FIELD_UINT("longest", struct profile, greeting.longest, GREETING_BYTES_MAX)},
    {FIELD_BOOL("too_long", struct profile, greeting.too_long)},
    {FIELD_OWN("latest", write_latest, read_latest), .schema = schema_latest},
    {0},
};

static void read_greeting_state(struct json_reader *reader, struct json_object *object,
                                void *record)
{
    struct profile *profile = record, stated = *profile;
    const struct greeting_model *shown = &profile->greeting, *greeting = &stated.greeting;
    bool same;

    stated.greeting = (struct greeting_model){.run = 1};
    fields_read(reader, greeting_fields, object, &stated);
    if (greeting->prefix > greeting->bytes || greeting->suffix > greeting->bytes ||
        greeting->shortest > greeting->bytes)
        reader_fail(reader, "latest", "is shorter than prefix, suffix or the shortest greeting");
    if (shown->count == 0 && profile_speaks_first(profile) != SPEAKER_SERVER) /* none is shown */
        same = true;
    else
        same = shown->bytes == greeting->bytes &&
               memcmp(shown->latest, greeting->latest, greeting->bytes) == 0 &&
               greeting_model_kind(shown) == profile_greeting_kind(&stated);
    if (same)
        profile->greeting = stated.greeting;
}

/* --- grace ----------------------------------------------------------------------------------- */

static bool has_grace(const void *record)
{
    const struct grace *grace = &((const struct profile *)record)->grace;

    return grace->early > 0 || grace->waited > 0;
}

static const struct field grace_fields[] = {
    {FIELD_UINT("early", struct profile, grace.early, UINT32_MAX)},
    {FIELD_UINT("waited", struct profile, grace.waited, UINT32_MAX)},
    {FIELD_UINT("gap_us", struct profile, grace.gap_us, UINT32_MAX)},
    {0},
};

/* --- keywords -------------------------------------------------------------------------------- */

static struct json_object *write_keywords_state(const void *record)
{
    return keywords_to_json(&((const struct profile *)record)->keywords, false);
}

/* How often each keyword that is shown was accepted; a list that has another length is an old one.
 */
static void read_keywords_state(struct json_reader *reader, struct json_object *object,
                                void *record)
{
    struct keyword_set *set = &((struct profile *)record)->keywords;

    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        const enum keyword_kind which = (enum keyword_kind)kind;
        const char *name = keyword_info(which)->name;
        struct json_object *array = read_member(reader, object, name, json_type_array);
        const size_t count = array ? json_object_array_length(array) : 0;
        size_t mark;

        if (count != keyword_set_count(set, which))
            continue;
        mark = reader_enter(reader, name);
        for (size_t i = 0; i < count; i++) {
            uint64_t seen;

            if (read_element(reader, array, i, KEYWORD_SEEN_MAX, &seen))
                keyword_set_seen(set, which, i, (uint8_t)seen);
        }
        reader_leave(reader, mark);
    }
}

static struct json_object *schema_seen(enum keyword_kind kind)
{
    (void)kind;
    return schema_uint(KEYWORD_SEEN_MAX);
}

static struct json_object *schema_keywords_state(void)
{
    return keywords_schema(schema_seen);
}

static const struct field keyword_kinds[] = {{0}}; /* engine/protocols/keyword.h has them */

/* --- requests that look random --------------------------------------------------------------- */

static struct json_object *write_beginnings(const void *record)
{
    const struct hidden_evidence *evidence = &((const struct profile *)record)->evidence;
    struct json_object *beginnings = json_object_new_array();

    for (uint8_t i = 0; i < evidence->beginnings_count; i++)
        json_object_array_add(beginnings,
                              json_hex(evidence->beginnings[i], HIDDEN_BEGINNING_BYTES));
    return beginnings;
}

static void read_beginnings(struct json_reader *reader, struct json_object *value, void *record)
{
    struct hidden_evidence *evidence = &((struct profile *)record)->evidence;
    const bool array = json_object_is_type(value, json_type_array);
    const size_t count = array ? json_object_array_length(value) : 0;

    if (!array || count > HIDDEN_BEGINNINGS_MAX) {
        reader_fail(reader, "beginnings", array ? "has more than %d entries" : "is not an array",
                    HIDDEN_BEGINNINGS_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(value, i));
        size_t bytes = 0;

        if (text_to_hex(reader, "beginnings", text ? text : "", evidence->beginnings[i],
                        HIDDEN_BEGINNING_BYTES, &bytes) &&
            bytes != HIDDEN_BEGINNING_BYTES)
            reader_fail(reader, "beginnings", "is not of %d bytes each", HIDDEN_BEGINNING_BYTES);
    }
    evidence->beginnings_count = (uint8_t)count;
}

static struct json_object *schema_beginnings(void)
{
    return schema_array(schema_hex(HIDDEN_BEGINNING_BYTES), HIDDEN_BEGINNINGS_MAX);
}

static const struct field hidden_fields[] = {
    {FIELD_UINT("like", struct profile, evidence.like, UINT32_MAX)},
    {FIELD_UINT("client_least", struct profile, evidence.client_least, UINT16_MAX)},
    {FIELD_UINT("client_most", struct profile, evidence.client_most, UINT16_MAX)},
    {FIELD_UINT("server_least", struct profile, evidence.server_least, UINT16_MAX)},
    {FIELD_UINT("server_most", struct profile, evidence.server_most, UINT16_MAX)},
    {FIELD_OWN("beginnings", write_beginnings, read_beginnings), .schema = schema_beginnings},
    {0},
};

/* It tells what unknown requests may have been: of no use without them. */
static void read_hidden_state(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record, stated = *profile;

    memset(&stated.evidence, 0, sizeof(stated.evidence));
    fields_read(reader, hidden_fields, object, &stated);
    if (profile->accepted >> PROTOCOL_UNKNOWN & 1)
        profile->evidence = stated.evidence;
}

/* --- fidelity -------------------------------------------------------------------------------- */

/* The newest comparison first: "1" equal, "0" not. */
static struct json_object *write_comparisons(const void *record)
{
    const struct fidelity *fidelity = &((const struct profile *)record)->fidelity;
    char text[FIDELITY_COMPARISONS + 1];

    for (uint8_t i = 0; i < fidelity->count; i++)
        text[i] = fidelity->ring >> i & 1 ? '1' : '0';
    return json_object_new_string_len(text, fidelity->count);
}

/* True where both are the same number as far as it is shown. */
static bool shown_as(const struct fidelity *fidelity, const struct shown *shown)
{
    const double apart = fidelity_value(fidelity) - shown->fidelity;

    return shown->has_fidelity && fidelity_known(fidelity) && apart < FIDELITY_ROUNDED &&
           apart > -FIDELITY_ROUNDED;
}

static void read_comparisons(struct json_reader *reader, struct json_object *value, void *record)
{
    const bool is_text = json_object_is_type(value, json_type_string);
    const char *text = is_text ? json_object_get_string(value) : "";
    const size_t count = strlen(text);
    struct fidelity stated = {.count = (uint8_t)count};

    if (!is_text || count > FIDELITY_COMPARISONS || strspn(text, "01") != count) {
        reader_fail(reader, "fidelity", "is not up to %d digits of 0 and 1", FIDELITY_COMPARISONS);
        return;
    }
    for (size_t i = 0; i < count; i++)
        stated.ring |= (uint64_t)(text[i] == '1') << i;
    if (shown_as(&stated, reader->context))
        ((struct profile *)record)->fidelity = stated;
}

/* --- the state as a whole -------------------------------------------------------------------- */

const struct field state_fields[] = {
    {FIELD_OBJECT("votes", votes_fields)},
    {FIELD_OBJECT("ip_id", ip_id_fields), .read = read_ip_id_state},
    {FIELD_OWN("named", write_named, read_named), .schema = schema_named},
    {FIELD_OBJECT("first_speakers", speaker_fields), .read = read_speakers},
    {FIELD_OBJECT("greeting", greeting_fields), .there = has_greetings,
     .read = read_greeting_state},
    {FIELD_OBJECT("grace", grace_fields), .there = has_grace},
    {FIELD_OBJECT("pattern", pattern_fields), .there = has_pattern_state,
     .read = read_pattern_state},
    {FIELD_OBJECT("keywords", keyword_kinds), .write = write_keywords_state,
     .read = read_keywords_state, .schema = schema_keywords_state},
    {FIELD_OBJECT("hidden", hidden_fields), .read = read_hidden_state},
    {FIELD_OWN("fidelity", write_comparisons, read_comparisons),
     .schema_text = "{\"type\": \"string\", \"pattern\": \"^[01]{0,64}$\"}"},
    {0},
};
