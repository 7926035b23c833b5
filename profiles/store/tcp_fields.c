/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_fields.c - how a server's SYN-ACKs stand in JSON: `tcp` of a profile. */
#include <stdio.h>
#include <string.h>

#include "engine/tcp/options.h"
#include "profiles/store/profile_fields.h"

/* --- variants -------------------------------------------------------------------------------- */

static const uint8_t offer_bits[] = {OFFER_MSS,    OFFER_SACK, OFFER_TIMESTAMPS,
                                     OFFER_WSCALE, OFFER_ECN,  OFFER_SIGNED};
#define OFFERS ((unsigned)(sizeof(offer_bits) / sizeof(*offer_bits)))

static const char *offer_choice(unsigned index)
{
    static const char *const names[] = {"mss",          "sack", "timestamps",
                                        "window_scale", "ecn",  "signed"};

    return index < OFFERS ? names[index] : NULL;
}

static struct json_object *write_offered(const void *record)
{
    const struct synack_variant *variant = record;
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; i < OFFERS; i++)
        if (variant->offered & offer_bits[i])
            json_object_array_add(array, json_text(offer_choice(i)));
    return array;
}

/* The text of an element, "" where it is none. */
static const char *element_text(struct json_object *array, size_t index)
{
    struct json_object *element = json_object_array_get_idx(array, index);

    return json_object_is_type(element, json_type_string) ? json_object_get_string(element) : "";
}

static void read_offered(struct json_reader *reader, struct json_object *value, void *record)
{
    struct synack_variant *variant = record;
    unsigned offer;

    if (!json_object_is_type(value, json_type_array)) {
        reader_fail(reader, "offered", "is not an array");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(value); i++)
        if (read_choice(reader, "offered", element_text(value, i), offer_choice, OFFERS, &offer))
            variant->offered |= offer_bits[offer];
}

static struct json_object *schema_offered(void)
{
    return schema_array(schema_choices(offer_choice, OFFERS), OFFERS);
}

static struct json_object *write_layout(const void *record)
{
    const struct synack_variant *variant = record;
    struct json_object *array = json_object_new_array();

    for (uint8_t i = 0; i < variant->layout_bytes; i++) {
        const char *name = tcp_option_name(variant->layout[i]);

        json_object_array_add(array, name ? json_text(name) : json_uint(variant->layout[i]));
    }
    return array;
}

static int option_kind(struct json_object *element)
{
    int64_t kind = -1;

    if (json_object_is_type(element, json_type_string))
        return tcp_option_kind_from_name(json_object_get_string(element));
    if (json_object_is_type(element, json_type_int))
        kind = json_object_get_int64(element);
    return kind >= 0 && kind <= UINT8_MAX ? (int)kind : -1;
}

static void read_layout(struct json_reader *reader, struct json_object *value, void *record)
{
    struct synack_variant *variant = record;
    const bool array = json_object_is_type(value, json_type_array);
    const size_t options = array ? json_object_array_length(value) : 0;

    if (!array || options > SYNACK_LAYOUT_MAX) {
        reader_fail(reader, "options", array ? "has %zu options, more than %d" : "is not an array",
                    options, SYNACK_LAYOUT_MAX);
        return;
    }
    for (size_t i = 0; i < options; i++) {
        const int kind = option_kind(json_object_array_get_idx(value, i));

        if (kind < 0)
            reader_fail(reader, "options", "has an option that is not known");
        variant->layout[i] = (uint8_t)kind;
    }
    variant->layout_bytes = (uint8_t)options;
}

static const char *option_choice(unsigned index)
{
    return tcp_option_name((uint8_t)index);
}

static struct json_object *schema_layout(void)
{
    struct json_object *either = json_object_new_array(), *items = json_object_new_object();

    json_object_array_add(either, schema_choices(option_choice, UINT8_MAX + 1));
    json_object_array_add(either, schema_uint(UINT8_MAX));
    json_object_object_add(items, "anyOf", either);
    return schema_array(items, SYNACK_LAYOUT_MAX);
}

static const struct field variant_fields[] = {
    {FIELD_OWN("offered", write_offered, read_offered), .flags = FIELD_NEEDED,
     .schema = schema_offered},
    {FIELD_BOOL("ecn", struct synack_variant, ecn)},
    {FIELD_OWN("options", write_layout, read_layout), .schema = schema_layout},
    {FIELD_UINT("window", struct synack_variant, window, UINT16_MAX)},
    {FIELD_UINT("seen", struct synack_variant, seen, UINT32_MAX)},
    {0},
};

static struct json_object *write_variants(const void *record)
{
    const struct synack_model *model = &((const struct profile *)record)->tcp.model;
    struct json_object *variants = json_object_new_array();

    for (uint8_t i = 0; i < model->variants_count; i++)
        json_object_array_add(variants, fields_write(variant_fields, &model->variants[i]));
    return variants;
}

static uint8_t votes_from(uint64_t handshakes)
{
    return (uint8_t)(handshakes < VOTES_MAX ? handshakes : VOTES_MAX);
}

static void read_variant(struct json_reader *reader, struct json_object *element,
                         struct capabilities *tcp)
{
    struct synack_model *model = &tcp->model;
    struct synack_variant variant = {.seen = 1};

    if (!json_object_is_type(element, json_type_object)) {
        reader_fail(reader, NULL, "is not an object");
        return;
    }
    fields_read(reader, variant_fields, element, &variant);
    for (uint8_t i = 0; i < model->variants_count; i++)
        if (model->variants[i].offered == variant.offered)
            reader_fail(reader, "offered", "stands in two variants");
    tcp->variant_votes[model->variants_count] = votes_from(variant.seen);
    model->variants[model->variants_count++] = variant;
}

static void read_variants(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;
    const bool array = json_object_is_type(value, json_type_array);
    const size_t variants = array ? json_object_array_length(value) : 0;

    if (!array || variants > SYNACK_VARIANTS_MAX) {
        reader_fail(reader, "variants",
                    array ? "has %zu variants, more than %d" : "is not an array", variants,
                    SYNACK_VARIANTS_MAX);
        return;
    }
    for (size_t i = 0; i < variants && !reader->failed; i++) {
        char key[32];
        size_t mark;

        snprintf(key, sizeof(key), "variants.%zu", i);
        mark = reader_enter(reader, key);
        read_variant(reader, json_object_array_get_idx(value, i), &profile->tcp);
        reader_leave(reader, mark);
    }
}

static struct json_object *schema_variants(void)
{
    return schema_array(fields_schema(variant_fields), SYNACK_VARIANTS_MAX);
}

/* --- the SYN-ACK as a whole ------------------------------------------------------------------ */

static const char *ip_id_choice(unsigned index)
{
    static const char *const names[] = {[IP_ID_UNKNOWN] = NULL,
                                        [IP_ID_ZERO] = "zero",
                                        [IP_ID_INCREMENT] = "increment",
                                        [IP_ID_RANDOM] = "random",
                                        [IP_ID_NONE] = "none"};

    return index < sizeof(names) / sizeof(*names) ? names[index] : NULL;
}

#define IP_ID_CHOICES (IP_ID_NONE + 1)

static struct json_object *write_ip_id(const void *record)
{
    return json_text(ip_id_choice(((const struct profile *)record)->tcp.model.ip_id));
}

/* Samples that make the kind that is shown. */
static void read_ip_id(struct json_reader *reader, struct json_object *value, void *record)
{
    static const struct ip_id_samples samples[IP_ID_CHOICES] = {
        [IP_ID_ZERO] = {.samples = 8, .zeros = 8, .steps = 7},
        [IP_ID_INCREMENT] = {.samples = 8, .steps = 7, .small_steps = 7},
        [IP_ID_RANDOM] = {.samples = 8, .steps = 7},
    };
    struct profile *profile = record;
    unsigned kind;

    if (!json_object_is_type(value, json_type_string))
        reader_fail(reader, "ip_id", "is not a text");
    else if (read_choice(reader, "ip_id", json_object_get_string(value), ip_id_choice,
                         IP_ID_CHOICES, &kind) &&
             kind != IP_ID_NONE)
        profile->tcp.ip_id = samples[kind];
}

static struct json_object *schema_ip_id(void)
{
    return schema_choices(ip_id_choice, IP_ID_CHOICES);
}

static bool has_variants(const void *record)
{
    return ((const struct profile *)record)->tcp.model.variants_count > 0;
}

#define NO_WORD UINT32_MAX /* "none" is no value of this field */

const struct field tcp_fields[] = {
    {FIELD_NUMBER_VOTE("mss", struct profile, tcp.mss, UINT16_MAX, 0)},
    {FIELD_UINT("window", struct profile, tcp.model.window, UINT16_MAX), .there = has_variants},
    {FIELD_NUMBER_VOTE("window_scale", struct profile, tcp.window_scale, WSCALE_MAX, WSCALE_NONE)},
    {FIELD_FLAG_VOTE("sack", struct profile, tcp.sack)},
    {FIELD_FLAG_VOTE("timestamps", struct profile, tcp.timestamps)},
    {FIELD_FLAG_VOTE("ecn", struct profile, tcp.ecn)},
    {FIELD_NUMBER_VOTE("ttl", struct profile, tcp.ttl, UINT8_MAX, NO_WORD)},
    {FIELD_FLAG_VOTE("df", struct profile, tcp.df)},
    {FIELD_OWN("ip_id", write_ip_id, read_ip_id), .schema = schema_ip_id},
    {FIELD_OWN("variants", write_variants, read_variants), .schema = schema_variants},
    {0},
};

void read_tcp(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record;
    struct capabilities *tcp = &profile->tcp;
    const uint8_t votes = votes_from(profile->handshakes);

    fields_read(reader, tcp_fields, object, profile);
    tcp->mss.votes = tcp->window_scale.votes = tcp->sack.votes = tcp->timestamps.votes = votes;
    tcp->ecn.votes = tcp->ttl.votes = tcp->df.votes = votes;
}
