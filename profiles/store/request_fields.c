/* SPDX-License-Identifier: GPL-2.0-or-later */
/* request_fields.c - see request_fields.h. */
#include "profiles/store/request_fields.h"

#include <stdio.h>
#include <string.h>

#include "profiles/model/pattern_rate.h"
#include "profiles/store/profile_fields.h"

/* --- check and protocols --------------------------------------------------------------------- */

const char *protocol_choice(unsigned index)
{
    return index < PROTOCOLS_COUNT ? protocol_name((enum protocol_id)index) : NULL;
}

bool protocol_from_json(struct json_reader *reader, const char *key, const char *name,
                        enum protocol_id *out)
{
    const int id = protocol_id_from_name(name);

    if (id < 0)
        return reader_fail(reader, key, "'%s' is not a protocol that this version knows", name);
    *out = (enum protocol_id)id;
    return true;
}

static struct json_object *write_check(const void *record)
{
    return json_text(request_check_name(profile_check(record)));
}

static void read_check(struct json_reader *reader, struct json_object *value, void *record)
{
    struct shown *shown = reader->context;
    unsigned check;

    (void)record;
    if (!json_object_is_type(value, json_type_string))
        reader_fail(reader, "check", "is not a text");
    else if (read_choice(reader, "check", json_object_get_string(value), check_choice,
                         CHECK_CHOICES, &check))
        shown->check = (enum request_check)check;
}

static struct json_object *schema_check(void)
{
    return schema_choices(check_choice, CHECK_CHOICES);
}

static struct json_object *protocols_to_json(uint64_t accepted)
{
    struct json_object *array = json_object_new_array();

    for (unsigned id = 0; id < PROTOCOLS_COUNT; id++)
        if (accepted >> id & 1)
            json_object_array_add(array, json_text(protocol_choice(id)));
    return array;
}

static struct json_object *write_protocols(const void *record)
{
    const struct profile *profile = record;

    return protocols_to_json(profile->accepted | hidden_protocols(profile->hidden));
}

static void read_protocols(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;

    if (!json_object_is_type(value, json_type_array)) {
        reader_fail(reader, "protocols", "is not an array");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct json_object *element = json_object_array_get_idx(value, i);
        const char *name =
            json_object_is_type(element, json_type_string) ? json_object_get_string(element) : "";
        enum protocol_id id = PROTOCOL_UNKNOWN;

        if (protocol_from_json(reader, "protocols", name, &id))
            profile->accepted |= UINT64_C(1) << id;
    }
}

static struct json_object *schema_protocols(void)
{
    return schema_array(schema_choices(protocol_choice, PROTOCOLS_COUNT), PROTOCOLS_COUNT);
}

/* --- forms that look random ------------------------------------------------------------------ */

static bool has_forms(const void *record)
{
    return ((const struct profile *)record)->hidden != 0;
}

/* In which forms each of these protocols is taken. */
static struct json_object *write_forms(const void *record)
{
    const struct profile *profile = record;
    struct json_object *object = json_object_new_object();

    for (int form = 1; form < HIDDEN_FORMS; form <<= 1) {
        const enum protocol_id id = hidden_protocol((enum hidden_form)form);
        struct json_object *array;

        if (!(profile->hidden & form))
            continue;
        array = json_object_new_array();
        if (profile->accepted >> id & 1)
            json_object_array_add(array, json_text("plain"));
        json_object_array_add(array, json_text(hidden_form_name((enum hidden_form)form)));
        json_object_object_add(object, protocol_name(id), array);
    }
    return object;
}

/* One form of a protocol that is in `protocols` already. Returns true for the plain one. */
static bool read_form(struct json_reader *reader, struct json_object *element,
                      enum hidden_form form, struct profile *profile)
{
    const char *text = json_object_get_string(element), *name = text ? text : "";

    if (strcmp(name, "plain") == 0)
        return true;
    if (strcmp(name, hidden_form_name(form)) == 0)
        profile->hidden |= (uint8_t)form;
    else
        reader_fail(reader, protocol_name(hidden_protocol(form)), "'%s' is neither plain nor %s",
                    name, hidden_form_name(form));
    return false;
}

/* Where forms are given, "plain" must be among them. */
static void read_forms(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record;

    for (int form = 1; form < HIDDEN_FORMS; form <<= 1) {
        const enum protocol_id id = hidden_protocol((enum hidden_form)form);
        struct json_object *array = read_member(reader, object, protocol_name(id), json_type_array);
        bool plain = !array;

        for (size_t i = 0; array && i < json_object_array_length(array); i++)
            plain |= read_form(reader, json_object_array_get_idx(array, i), (enum hidden_form)form,
                               profile);
        if (!plain)
            profile->accepted &= ~(UINT64_C(1) << id);
    }
}

static struct json_object *schema_forms(void)
{
    struct json_object *properties = json_object_new_object();

    for (int form = 1; form < HIDDEN_FORMS; form <<= 1) {
        struct json_object *items = json_object_new_object(), *names = json_object_new_array();

        json_object_array_add(names, json_text("plain"));
        json_object_array_add(names, json_text(hidden_form_name((enum hidden_form)form)));
        json_object_object_add(items, "enum", names);
        json_object_object_add(properties, protocol_name(hidden_protocol((enum hidden_form)form)),
                               schema_array(items, 2));
    }
    return schema_object(properties);
}

/* --- pattern --------------------------------------------------------------------------------- */

static struct json_object *rate_to_json(const struct pattern *pattern)
{
    const struct pattern_rate rate = pattern_rate(pattern);
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "random", json_uint(rate.random));
    json_object_object_add(object, "random_requests", json_uint(PATTERN_RANDOM_REQUESTS));
    json_object_object_add(object, "random_expected", json_object_new_double(rate.expected));
    json_object_object_add(object, "samples", json_uint(rate.samples));
    json_object_object_add(object, "protocols", protocols_to_json(rate.protocols));
    return object;
}

static struct json_object *pairs_to_json(const struct pattern *pattern)
{
    struct json_object *pairs = json_object_new_array();

    for (uint8_t i = 0; i < pattern->pairs; i++) {
        struct json_object *pair = json_object_new_array_ext(2);

        json_object_array_add(pair, json_uint(pattern->pair[i].offset));
        json_object_array_add(pair, json_uint(pattern->pair[i].byte));
        json_object_array_add(pairs, pair);
    }
    return pairs;
}

static const char *length_form_name(enum length_form form)
{
    static const char *const names[LENGTH_FORMS] = {
        [LENGTH_BIG] = "big-endian", [LENGTH_LITTLE] = "little-endian",
        [LENGTH_HEX] = "hex",        [LENGTH_DECIMAL] = "decimal",
        [LENGTH_BER] = "ber",        [LENGTH_VARINT] = "varint",
    };

    return names[form];
}

/* The readings of the field that says how long a request is; NULL: there is none. */
static struct json_object *lengths_to_json(const struct pattern *pattern)
{
    struct json_object *lengths = pattern->lengths > 0 ? json_object_new_array() : NULL;

    for (uint8_t i = 0; i < pattern->lengths; i++) {
        const struct length_field *field = &pattern->length[i];
        struct json_object *length = json_object_new_object();

        json_object_object_add(length, "form", json_text(length_form_name(field->form)));
        json_object_object_add(length, "offset", json_uint(field->offset));
        json_object_object_add(length, "bytes", field->width ? json_uint(field->width) : NULL);
        json_object_object_add(length, "bias", json_object_new_int(field->bias));
        json_object_array_add(lengths, length);
    }
    return lengths;
}

static struct json_object *write_pattern(const void *record)
{
    const struct profile *profile = record;
    struct json_object *object;
    struct pattern pattern;

    if (!pattern_model_get(&profile->pattern, &pattern))
        return NULL;
    object = json_object_new_object();
    json_object_object_add(object, "least_bytes", json_uint(pattern.least_bytes));
    json_object_object_add(object, "bytes", pairs_to_json(&pattern));
    if (pattern.line_bytes_max > 0)
        json_object_object_add(object, "line_bytes", json_uint(pattern.line_bytes_max));
    if (pattern.lengths > 0)
        json_object_object_add(object, "length", lengths_to_json(&pattern));
    if (profile->pattern.whole_bytes > 0) { /* a store that is older says nothing of it */
        json_object_object_add(object, "passed", json_uint(profile->pattern.passed));
        json_object_object_add(object, "proved",
                               json_object_new_boolean(pattern_model_proved(&profile->pattern)));
    }
    json_object_object_add(object, "false_accepts", rate_to_json(&pattern));
    return object;
}

static void read_pairs(struct json_reader *reader, struct json_object *array,
                       struct pattern *pattern)
{
    const size_t pairs = array ? json_object_array_length(array) : 0;
    const bool other = pattern->line_bytes_max > 0 || pattern->lengths > 0;
    size_t mark;

    if ((pairs == 0 && !other) || pairs > PATTERN_PAIRS_MAX) {
        reader_fail(reader, "bytes", "has %zu pairs, not 1 to %d", pairs, PATTERN_PAIRS_MAX);
        return;
    }
    mark = reader_enter(reader, "bytes");
    for (size_t i = 0; i < pairs && !reader->failed; i++) {
        struct json_object *pair = json_object_array_get_idx(array, i);
        uint64_t offset = 0, byte = 0;

        if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2) {
            reader_fail(reader, NULL, "pair %zu is not [offset, byte]", i);
        } else if (read_element(reader, pair, 0, UINT16_MAX, &offset) &&
                   read_element(reader, pair, 1, UINT8_MAX, &byte)) {
            if (offset >= pattern->least_bytes || (i > 0 && offset <= pattern->pair[i - 1].offset))
                reader_fail(reader, NULL, "offset %llu is out of order or not below least_bytes",
                            (unsigned long long)offset);
            pattern->pair[i].offset = (uint16_t)offset;
            pattern->pair[i].byte = (uint8_t)byte;
        }
    }
    pattern->pairs = (uint8_t)pairs;
    reader_leave(reader, mark);
}

static void read_pattern(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record;
    struct pattern pattern = {0};
    uint64_t least_bytes = 0, line_bytes = 0;

    if (!read_uint(reader, object, "least_bytes", PATTERN_WINDOW, &least_bytes))
        reader_fail(reader, "least_bytes", "is missing");
    read_uint(reader, object, "line_bytes", UINT16_MAX, &line_bytes);
    pattern.least_bytes = (uint16_t)least_bytes;
    pattern.line_bytes_max = (uint16_t)line_bytes;
    /* How it is read stands in the state: here it only says that a pattern may be without bytes. */
    pattern.lengths = json_object_object_get(object, "length") != NULL;
    read_pairs(reader, read_member(reader, object, "bytes", json_type_array), &pattern);
    if (!reader->failed)
        pattern_model_restore(&profile->pattern, &pattern);
}

/* `false_accepts` is measured when it is written, and not read; how a length is read, and how far a
 * pattern is proved, stands in the state. */
static struct json_object *schema_pattern(void)
{
    struct json_object *properties = json_object_new_object(), *schema;
    struct json_object *pair = json_tokener_parse(
        "{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2, \"prefixItems\": []}");
    struct json_object *halves = json_object_object_get(pair, "prefixItems");

    json_object_array_add(halves, schema_uint(UINT16_MAX));
    json_object_array_add(halves, schema_uint(UINT8_MAX));
    json_object_object_add(properties, "least_bytes", schema_uint(PATTERN_WINDOW));
    json_object_object_add(properties, "bytes", schema_array(pair, PATTERN_PAIRS_MAX));
    json_object_object_add(properties, "line_bytes", schema_uint(UINT16_MAX));
    json_object_object_add(properties, "length",
                           schema_array(schema_of_type("object"), PATTERN_LENGTHS_MAX));
    json_object_object_add(properties, "passed", schema_uint(PATTERN_PROOFS));
    json_object_object_add(properties, "proved", schema_of_type("boolean"));
    json_object_object_add(properties, "false_accepts", schema_of_type("object"));
    schema = schema_object(properties);
    json_object_object_add(schema, "required", json_tokener_parse("[\"least_bytes\", \"bytes\"]"));
    return schema;
}

/* --- keywords -------------------------------------------------------------------------------- */

/* One name as JSON shows it: a hash in hex, "" for none named. */
static struct json_object *keyword_to_json(enum keyword_kind kind, const uint8_t *name,
                                           size_t bytes)
{
    if (keyword_info(kind)->hash_bytes)
        return json_hex(name, bytes);
    return json_object_new_string_len((const char *)name, (int)bytes);
}

/* {kind: [...]} of those kinds that have names: the names themselves, or how often each was seen.
 */
struct json_object *keywords_to_json(const struct keyword_set *set, bool names)
{
    struct json_object *object = json_object_new_object();

    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        struct json_object *array = NULL;
        uint16_t at = 0;
        size_t text_at = 0;
        const uint8_t *text;

        while ((text = keyword_set_next(set, &at, &text_at)) != NULL) {
            const struct keyword_entry *entry = &set->entries[at - 1];

            if (entry->kind != kind)
                continue;
            array = array ? array : json_object_new_array();
            json_object_array_add(
                array, names ? keyword_to_json((enum keyword_kind)kind, text, entry->bytes)
                             : json_uint(entry->seen));
        }
        if (array)
            json_object_object_add(object, keyword_info((enum keyword_kind)kind)->name, array);
    }
    return object;
}

static struct json_object *write_keywords(const void *record)
{
    return keywords_to_json(&((const struct profile *)record)->keywords, true);
}

/* A text keyword in the form of engine/protocols/keyword.h; the case of a hand-written one is put
 * right. */
static bool keyword_text_from_json(struct json_reader *reader, const char *key,
                                   struct json_object *element, bool any_case, uint8_t *name,
                                   size_t *bytes)
{
    const char *text = json_object_get_string(element);

    *bytes = (size_t)json_object_get_string_len(element);
    if (*bytes > KEYWORD_BYTES_MAX)
        return reader_fail(reader, key, "is longer than %d bytes", KEYWORD_BYTES_MAX);
    for (size_t i = 0; i < *bytes; i++) {
        const bool capital = any_case && text[i] >= 'A' && text[i] <= 'Z';

        if (text[i] <= ' ' || text[i] >= 0x7f)
            return reader_fail(reader, key,
                               "holds a byte that is no printable ASCII; write it as %%XX");
        name[i] = (uint8_t)(capital ? text[i] - 'A' + 'a' : text[i]);
    }
    return true;
}

static bool keyword_from_json(struct json_reader *reader, const char *key,
                              struct json_object *element, const struct keyword_info *info,
                              uint8_t *name, size_t *bytes)
{
    if (!json_object_is_type(element, json_type_string))
        return reader_fail(reader, key, "is not a text");
    if (info->hash_bytes == 0)
        return keyword_text_from_json(reader, key, element, info->any_case, name, bytes);
    if (!text_to_hex(reader, key, json_object_get_string(element), name, info->hash_bytes, bytes))
        return false;
    return *bytes == 0 || *bytes == info->hash_bytes ||
           reader_fail(reader, key, "is not %d hex digits", info->hash_bytes * 2);
}

static void read_keywords_of(struct json_reader *reader, struct json_object *array,
                             enum keyword_kind kind, struct keyword_set *set)
{
    for (size_t i = 0; i < json_object_array_length(array) && !reader->failed; i++) {
        uint8_t name[KEYWORD_BYTES_MAX];
        size_t bytes = 0;
        char key[24];

        snprintf(key, sizeof(key), "%zu", i);
        if (!keyword_from_json(reader, key, json_object_array_get_idx(array, i), keyword_info(kind),
                               name, &bytes))
            return;
        if (!keyword_set_add(set, kind, name, bytes))
            reader_fail(reader, key,
                        "is one too many: at most %d of this kind, %d in all and %d bytes",
                        keyword_info(kind)->most, KEYWORDS_MAX, KEYWORD_SET_TEXT);
        else
            keyword_set_seen(set, kind, keyword_set_count(set, kind) - 1u, KEYWORD_SEEN_RESTORED);
    }
}

/* Kinds that this version does not know are left out. */
static void read_keywords(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record;

    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        const char *name = keyword_info((enum keyword_kind)kind)->name;
        struct json_object *array = read_member(reader, object, name, json_type_array);
        size_t mark;

        if (!array)
            continue;
        mark = reader_enter(reader, name);
        read_keywords_of(reader, array, (enum keyword_kind)kind, &profile->keywords);
        reader_leave(reader, mark);
    }
}

struct json_object *keywords_schema(struct json_object *(*item)(enum keyword_kind kind))
{
    struct json_object *properties = json_object_new_object();

    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        const struct keyword_info *info = keyword_info((enum keyword_kind)kind);

        json_object_object_add(properties, info->name,
                               schema_array(item((enum keyword_kind)kind), info->most));
    }
    return schema_object(properties);
}

static struct json_object *schema_keyword(enum keyword_kind kind)
{
    const size_t hash_bytes = keyword_info(kind)->hash_bytes;
    struct json_object *schema;

    if (hash_bytes > 0)
        return schema_hex(hash_bytes);
    schema = json_tokener_parse("{\"type\": \"string\", \"pattern\": \"^[!-~]*$\"}");
    json_object_object_add(schema, "maxLength", json_uint(KEYWORD_BYTES_MAX));
    return schema;
}

static struct json_object *schema_keywords(void)
{
    return keywords_schema(schema_keyword);
}

/* Objects whose members depend on other tables: protocols, kinds of keywords. */
static const struct field none[] = {{0}};

const struct field request_fields[] = {
    {FIELD_OWN("check", write_check, read_check), .schema = schema_check},
    {FIELD_OWN("protocols", write_protocols, read_protocols), .schema = schema_protocols},
    {FIELD_OBJECT("forms", none), .flags = FIELD_LEFT_OUT, .there = has_forms, .write = write_forms,
     .read = read_forms, .schema = schema_forms},
    {FIELD_OBJECT("pattern", none), .write = write_pattern, .read = read_pattern,
     .schema = schema_pattern},
    {FIELD_OBJECT("keywords", none), .write = write_keywords, .read = read_keywords,
     .schema = schema_keywords},
    {0},
};
