/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * application_fields.c - what a server speaks, in JSON: `application` of a profile, but for the
 * request's own part (request_fields.c).
 */
#include <string.h>

#include "profiles/store/profile_fields.h"
#include "profiles/store/request_fields.h"

/* --- protocol and speaker -------------------------------------------------------------------- */

static struct json_object *write_protocol(const void *record)
{
    const struct profile *profile = record;

    return profile->named ? json_text(protocol_name(profile->protocol)) : NULL;
}

static void read_protocol(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;

    if (!json_object_is_type(value, json_type_string))
        reader_fail(reader, "protocol", "is not a text");
    else if (protocol_from_json(reader, "protocol", json_object_get_string(value),
                                &profile->protocol))
        profile->named =
            profile->protocol == PROTOCOL_UNKNOWN ? NAMED_BY_ANSWER : NAMED_BY_PROTOCOL;
}

static struct json_object *schema_protocol(void)
{
    return schema_choices(protocol_choice, PROTOCOLS_COUNT);
}

#define SPEAKERS (SPEAKER_SERVER + 1)

static const char *speaker_choice(unsigned index)
{
    return index < SPEAKERS ? speaker_name((enum speaker)index) : NULL;
}

static struct json_object *write_speaker(const void *record)
{
    return json_text(speaker_name(profile_speaks_first(record)));
}

static void read_speaker(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;
    const uint32_t flows =
        profile->handshakes < UINT16_MAX ? (uint32_t)profile->handshakes : UINT16_MAX;
    unsigned speaker;

    if (!json_object_is_type(value, json_type_string))
        reader_fail(reader, "speaks_first", "is not a text");
    else if (read_choice(reader, "speaks_first", json_object_get_string(value), speaker_choice,
                         SPEAKERS, &speaker))
        profile->voices[speaker == SPEAKER_CLIENT ? VOICE_CLIENT : VOICE_SERVER] =
            flows ? flows : 1;
}

static struct json_object *schema_speaker(void)
{
    return schema_choices(speaker_choice, SPEAKERS);
}

/* --- greeting -------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence (RFC 3629) at `at`, 0 where it is none or not fit for printing. */
static size_t printable_sequence(const uint8_t *at, size_t bytes)
{
    size_t length;
    bool overlong;
    bool no_character;
    bool control;

    if (at[0] < 0x80)
        return (at[0] >= 0x20 && at[0] != 0x7f) || at[0] == '\r' || at[0] == '\n' || at[0] == '\t';
    length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || length > bytes)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    no_character = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    control = at[0] == 0xc2 && at[1] < 0xa0;
    return overlong || no_character || control ? 0 : length;
}

static bool is_text(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        const size_t length = printable_sequence(data + i, bytes - i);

        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

static bool has_greeting(const void *record)
{
    return profile_greeting_kind(record) != GREETING_UNKNOWN;
}

/* For people only: null where it is not printable. */
static struct json_object *write_greeting_text(const void *record)
{
    const struct greeting_model *greeting = &((const struct profile *)record)->greeting;

    if (!is_text(greeting->latest, greeting->bytes))
        return NULL;
    return json_object_new_string_len((const char *)greeting->latest, greeting->bytes);
}

static void read_greeting_text(struct json_reader *reader, struct json_object *value, void *record)
{
    (void)reader;
    (void)value;
    (void)record;
}

static struct json_object *write_greeting_hex(const void *record)
{
    const struct greeting_model *greeting = &((const struct profile *)record)->greeting;

    return json_hex(greeting->latest, greeting->bytes);
}

static void read_greeting_hex(struct json_reader *reader, struct json_object *value, void *record)
{
    struct greeting_model *greeting = &((struct profile *)record)->greeting;
    size_t bytes = 0;

    if (hex_from_json(reader, "hex", value, greeting->latest, sizeof(greeting->latest), &bytes) &&
        bytes == 0)
        reader_fail(reader, "hex", "is empty");
    greeting->bytes = (uint16_t)bytes;
}

static struct json_object *schema_greeting_hex(void)
{
    return schema_hex(GREETING_BYTES_MAX);
}

#define GREETING_KINDS (GREETING_VARIABLE + 1)

static const char *greeting_kind_choice(unsigned index)
{
    return index < GREETING_KINDS ? greeting_kind_name((enum greeting_kind)index) : NULL;
}

static struct json_object *write_greeting_kind(const void *record)
{
    return json_text(greeting_kind_name(profile_greeting_kind(record)));
}

/* A model of this kind, for greetings that come without their state. */
static void restore_greeting(struct greeting_model *greeting, enum greeting_kind kind)
{
    const uint16_t bytes = greeting->bytes;

    greeting->shortest = greeting->longest = bytes;
    greeting->count = greeting->run = GREETING_RELEARNED;
    greeting->prefix = greeting->suffix = bytes;
    greeting->too_long = false;
    if (kind == GREETING_STABLE)
        return;
    greeting->run = 1;
    greeting->suffix = 0;
    greeting->prefix = kind == GREETING_TEMPLATE ? (uint16_t)(bytes / 2 + bytes % 2) : 0;
    if (kind == GREETING_TEMPLATE && greeting->prefix < GREETING_NAME_MIN)
        greeting->prefix = GREETING_NAME_MIN;
}

static void read_greeting_kind(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;
    unsigned kind;

    if (!json_object_is_type(value, json_type_string))
        reader_fail(reader, "kind", "is not a text");
    else if (read_choice(reader, "kind", json_object_get_string(value), greeting_kind_choice,
                         GREETING_KINDS, &kind))
        restore_greeting(&profile->greeting, (enum greeting_kind)kind);
}

static struct json_object *schema_greeting_kind(void)
{
    return schema_choices(greeting_kind_choice, GREETING_KINDS);
}

static const struct field greeting_fields[] = {
    {FIELD_OWN("text", write_greeting_text, read_greeting_text),
     .schema_text = "{\"type\": \"string\"}"},
    {FIELD_OWN("hex", write_greeting_hex, read_greeting_hex), .flags = FIELD_NEEDED,
     .schema = schema_greeting_hex},
    {FIELD_OWN("kind", write_greeting_kind, read_greeting_kind), .flags = FIELD_NEEDED,
     .schema = schema_greeting_kind},
    {0},
};

const struct field application_fields[] = {
    {FIELD_OWN("protocol", write_protocol, read_protocol), .schema = schema_protocol},
    {FIELD_OWN("speaks_first", write_speaker, read_speaker), .schema = schema_speaker},
    {FIELD_OBJECT("greeting", greeting_fields), .there = has_greeting},
    {FIELD_OBJECT("request", request_fields)},
    {0},
};
