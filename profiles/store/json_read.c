/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_read.c - reading a profile from JSON; see json_write.h.
 *
 * First what is shown is read, and the state made up from it as if it had been learned; then the
 * state, where there is one. Where the two contradict each other (somebody edited the file), what
 * is shown wins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/tcp/options.h"
#include "profiles/store/json_reader.h"
#include "profiles/store/json_write.h"
#include "profiles/model/settings.h"

#define FIDELITY_ROUNDED 0.0001 /* it is shown with four digits */

/* What the file shows of things that are derived from the state. */
struct shown {
    enum request_check check;
    bool has_fidelity;
    double fidelity;
};

/* --- shown: key ------------------------------------------------------------------------------ */

/* A longer name is cut: it is for people only. */
static void read_program(struct json_reader *reader, struct json_object *object,
                         struct profile *profile)
{
    const char *name = read_text(reader, object, "program");
    if (name)
        profile_program(profile, name);
}

static void read_vlan(struct json_reader *reader, struct json_object *object, struct vlan_ids *vlan)
{
    struct json_object *array = read_member(reader, object, "vlan", json_type_array);
    const size_t tags = array ? json_object_array_length(array) : 0;
    if (tags > 2) {
        reader_fail(reader, "vlan", "has %zu IDs, at most 2 are known", tags);
        return;
    }
    const size_t mark = reader_enter(reader, "vlan");
    for (size_t i = 0; i < tags; i++) {
        uint64_t id = 0;
        if (read_element(reader, array, i, VLAN_ID_MASK, &id))
            vlan->id[i] = (uint16_t)(VLAN_PRESENT | id);
    }
    reader_leave(reader, mark);
}

static void read_key(struct json_reader *reader, struct json_object *object, struct server_key *key)
{
    memset(key, 0, sizeof(*key));
    const char *server = read_text(reader, object, "server");
    if (!server)
        reader_fail(reader, "server", "is missing");
    else if (!addr_from_text(server, &key->addr))
        reader_fail(reader, "server", "'%s' is not an IPv4 or IPv6 address", server);
    uint64_t port = 0;
    if (!read_uint(reader, object, "port", UINT16_MAX, &port))
        reader_fail(reader, "port", "is missing");
    else if (port == 0)
        reader_fail(reader, "port", "0 is not a port");
    key->port = (uint16_t)port;
    read_vlan(reader, object, &key->vlan);
}

/* --- shown: tcp ------------------------------------------------------------------------------ */

static uint8_t votes_from(uint64_t handshakes)
{
    return (uint8_t)(handshakes < VOTES_MAX ? handshakes : VOTES_MAX);
}

/* A number up to `max`, "none" (read as `refused`), or null. */
static void read_number_or_none(struct json_reader *reader, struct json_object *object,
                                const char *key, uint64_t max, uint32_t refused, struct vote *vote)
{
    struct json_object *member = NULL;
    uint64_t number = refused;
    if (!json_object_object_get_ex(object, key, &member) || !member)
        return;
    if (json_object_is_type(member, json_type_string)) {
        if (strcmp(json_object_get_string(member), "none") != 0) {
            reader_fail(reader, key, "is neither a number nor \"none\"");
            return;
        }
    } else if (!read_uint(reader, object, key, max, &number)) {
        return;
    }
    vote->known = true;
    vote->value = (uint32_t)number;
}

static void read_flag(struct json_reader *reader, struct json_object *object, const char *key,
                      struct vote *vote)
{
    bool value;
    if (!read_bool(reader, object, key, &value))
        return;
    vote->known = true;
    vote->value = value;
}

static void read_offered(struct json_reader *reader, struct json_object *object, uint8_t *offered)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } offers[] = {{"mss", OFFER_MSS},
                  {"sack", OFFER_SACK},
                  {"timestamps", OFFER_TIMESTAMPS},
                  {"window_scale", OFFER_WSCALE},
                  {"ecn", OFFER_ECN}};
    struct json_object *array = read_member(reader, object, "offered", json_type_array);
    if (!array)
        reader_fail(reader, "offered", "is missing");
    for (size_t i = 0; array && i < json_object_array_length(array); i++) {
        struct json_object *element = json_object_array_get_idx(array, i);
        const char *name =
            json_object_is_type(element, json_type_string) ? json_object_get_string(element) : "";
        uint8_t bit = 0;
        for (size_t offer = 0; offer < sizeof(offers) / sizeof(*offers); offer++)
            if (strcmp(offers[offer].name, name) == 0)
                bit = offers[offer].bit;
        if (!bit)
            reader_fail(reader, "offered",
                        "'%s' is not one of mss, sack, timestamps, window_scale, ecn", name);
        *offered |= bit;
    }
}

static int option_kind(struct json_object *element)
{
    if (json_object_is_type(element, json_type_string))
        return tcp_option_kind_from_name(json_object_get_string(element));
    const int64_t kind =
        json_object_is_type(element, json_type_int) ? json_object_get_int64(element) : -1;
    return kind >= 0 && kind <= UINT8_MAX ? (int)kind : -1;
}

static void read_layout(struct json_reader *reader, struct json_object *object,
                        struct synack_variant *variant)
{
    struct json_object *array = read_member(reader, object, "options", json_type_array);
    const size_t options = array ? json_object_array_length(array) : 0;
    if (options > SYNACK_LAYOUT_MAX) {
        reader_fail(reader, "options", "has %zu options, more than %d", options, SYNACK_LAYOUT_MAX);
        return;
    }
    for (size_t i = 0; i < options; i++) {
        const int kind = option_kind(json_object_array_get_idx(array, i));
        if (kind < 0)
            reader_fail(reader, "options", "has an option that is not known");
        variant->layout[i] = (uint8_t)kind;
    }
    variant->layout_bytes = (uint8_t)options;
}

static void read_variant(struct json_reader *reader, struct json_object *object,
                         struct synack_model *model)
{
    struct synack_variant variant = {0};
    uint64_t window = 0, seen = 1;
    read_offered(reader, object, &variant.offered);
    read_bool(reader, object, "ecn", &variant.ecn);
    read_layout(reader, object, &variant);
    read_uint(reader, object, "window", UINT16_MAX, &window);
    read_uint(reader, object, "seen", UINT32_MAX, &seen);
    variant.window = (uint16_t)window;
    variant.seen = (uint32_t)seen;
    for (uint8_t i = 0; i < model->variants_count; i++)
        if (model->variants[i].offered == variant.offered)
            reader_fail(reader, "offered", "stands in two variants");
    model->variants[model->variants_count++] = variant;
}

static void read_variants(struct json_reader *reader, struct json_object *object,
                          struct capabilities *tcp)
{
    struct json_object *array = read_member(reader, object, "variants", json_type_array);
    const size_t variants = array ? json_object_array_length(array) : 0;
    if (variants > SYNACK_VARIANTS_MAX) {
        reader_fail(reader, "variants", "has %zu variants, more than %d", variants,
                    SYNACK_VARIANTS_MAX);
        return;
    }
    for (size_t i = 0; i < variants && !reader->failed; i++) {
        char key[32];
        snprintf(key, sizeof(key), "variants.%zu", i);
        const size_t mark = reader_enter(reader, key);
        struct json_object *variant = json_object_array_get_idx(array, i);
        if (json_object_is_type(variant, json_type_object))
            read_variant(reader, variant, &tcp->model);
        else
            reader_fail(reader, NULL, "is not an object");
        tcp->variant_votes[i] = votes_from(tcp->model.variants[i].seen);
        reader_leave(reader, mark);
    }
}

static void read_ip_id(struct json_reader *reader, struct json_object *object,
                       struct capabilities *tcp)
{
    static const struct {
        const char *name;
        struct ip_id_samples samples;
    } kinds[] = {{"zero", {.samples = 8, .zeros = 8, .steps = 7}},
                 {"increment", {.samples = 8, .steps = 7, .small_steps = 7}},
                 {"random", {.samples = 8, .steps = 7}}};
    const char *name = read_text(reader, object, "ip_id");
    if (!name || strcmp(name, "none") == 0)
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            tcp->ip_id = kinds[i].samples;
            return;
        }
    }
    reader_fail(reader, "ip_id", "'%s' is not one of zero, increment, random, none", name);
}

static void read_tcp(struct json_reader *reader, struct json_object *profile_json,
                     struct profile *profile)
{
    struct json_object *object = read_member(reader, profile_json, "tcp", json_type_object);
    struct capabilities *tcp = &profile->tcp;
    if (!object)
        return;
    const size_t mark = reader_enter(reader, "tcp");
    read_number_or_none(reader, object, "mss", UINT16_MAX, 0, &tcp->mss);
    read_number_or_none(reader, object, "window_scale", WSCALE_MAX, WSCALE_NONE,
                        &tcp->window_scale);
    read_flag(reader, object, "sack", &tcp->sack);
    read_flag(reader, object, "timestamps", &tcp->timestamps);
    read_flag(reader, object, "ecn", &tcp->ecn);
    read_flag(reader, object, "df", &tcp->df);
    uint64_t ttl, window;
    if (read_uint(reader, object, "ttl", UINT8_MAX, &ttl))
        tcp->ttl = (struct vote){.value = (uint32_t)ttl, .known = true};
    if (read_uint(reader, object, "window", UINT16_MAX, &window))
        tcp->model.window = (uint16_t)window;
    read_ip_id(reader, object, tcp);
    read_variants(reader, object, tcp);
    const uint8_t votes = votes_from(profile->handshakes);
    tcp->mss.votes = tcp->window_scale.votes = tcp->sack.votes = tcp->timestamps.votes = votes;
    tcp->ecn.votes = tcp->ttl.votes = tcp->df.votes = votes;
    reader_leave(reader, mark);
}

/* --- shown: application ---------------------------------------------------------------------- */

static bool read_protocol(struct json_reader *reader, const char *key, const char *name,
                          enum protocol_id *out)
{
    const int id = protocol_id_from_name(name);
    if (id < 0)
        return reader_fail(reader, key, "'%s' is not a protocol that this version knows", name);
    *out = (enum protocol_id)id;
    return true;
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

static void read_greeting(struct json_reader *reader, struct json_object *application,
                          struct profile *profile)
{
    struct json_object *object = read_member(reader, application, "greeting", json_type_object);
    struct greeting_model *greeting = &profile->greeting;
    if (!object)
        return;
    const size_t mark = reader_enter(reader, "greeting");
    size_t bytes = 0;
    if (!read_hex(reader, object, "hex", greeting->latest, sizeof(greeting->latest), &bytes) ||
        bytes == 0)
        reader_fail(reader, "hex", "is missing or empty");
    greeting->bytes = (uint16_t)bytes;
    const char *name = read_text(reader, object, "kind");
    enum greeting_kind kind = GREETING_STABLE;
    while (kind <= GREETING_VARIABLE && strcmp(greeting_kind_name(kind), name ? name : "") != 0)
        kind++;
    if (kind > GREETING_VARIABLE)
        reader_fail(reader, "kind", "is not stable, template or variable");
    else
        restore_greeting(greeting, kind);
    reader_leave(reader, mark);
}

static void read_pairs(struct json_reader *reader, struct json_object *array,
                       struct pattern *pattern)
{
    const size_t pairs = array ? json_object_array_length(array) : 0;
    if (pairs == 0 || pairs > PATTERN_PAIRS_MAX) {
        reader_fail(reader, "bytes", "has %zu pairs, not 1 to %d", pairs, PATTERN_PAIRS_MAX);
        return;
    }
    const size_t mark = reader_enter(reader, "bytes");
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

static bool read_pattern(struct json_reader *reader, struct json_object *request,
                         struct pattern *pattern)
{
    struct json_object *object = read_member(reader, request, "pattern", json_type_object);
    memset(pattern, 0, sizeof(*pattern));
    if (!object)
        return false;
    const size_t mark = reader_enter(reader, "pattern");
    uint64_t least_bytes = 0;
    if (!read_uint(reader, object, "least_bytes", PATTERN_WINDOW, &least_bytes))
        reader_fail(reader, "least_bytes", "is missing");
    pattern->least_bytes = (uint16_t)least_bytes;
    read_pairs(reader, read_member(reader, object, "bytes", json_type_array), pattern);
    reader_leave(reader, mark);
    return !reader->failed;
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
static void read_keywords(struct json_reader *reader, struct json_object *request,
                          struct profile *profile)
{
    struct json_object *object = read_member(reader, request, "keywords", json_type_object);
    if (!object)
        return;
    const size_t mark = reader_enter(reader, "keywords");
    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        const char *name = keyword_info((enum keyword_kind)kind)->name;
        struct json_object *array = read_member(reader, object, name, json_type_array);
        if (!array)
            continue;
        const size_t inner = reader_enter(reader, name);
        read_keywords_of(reader, array, (enum keyword_kind)kind, &profile->keywords);
        reader_leave(reader, inner);
    }
    reader_leave(reader, mark);
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
static void read_forms(struct json_reader *reader, struct json_object *request,
                       struct profile *profile)
{
    struct json_object *object = read_member(reader, request, "forms", json_type_object);
    if (!object)
        return;
    const size_t mark = reader_enter(reader, "forms");
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
    reader_leave(reader, mark);
}

static void read_accepted(struct json_reader *reader, struct json_object *request,
                          struct profile *profile)
{
    struct json_object *array = read_member(reader, request, "protocols", json_type_array);
    for (size_t i = 0; array && i < json_object_array_length(array); i++) {
        struct json_object *element = json_object_array_get_idx(array, i);
        enum protocol_id id = PROTOCOL_UNKNOWN;
        const char *name =
            json_object_is_type(element, json_type_string) ? json_object_get_string(element) : "";
        if (read_protocol(reader, "protocols", name, &id))
            profile->accepted |= UINT64_C(1) << id;
    }
}

static void read_speaker(struct json_reader *reader, struct json_object *application,
                         struct profile *profile)
{
    const char *speaker = read_text(reader, application, "speaks_first");
    const uint32_t flows =
        profile->handshakes < UINT16_MAX ? (uint32_t)profile->handshakes : UINT16_MAX;
    if (!speaker)
        return;
    if (strcmp(speaker, "client") == 0)
        profile->voices[VOICE_CLIENT] = flows ? flows : 1;
    else if (strcmp(speaker, "server") == 0)
        profile->voices[VOICE_SERVER] = flows ? flows : 1;
    else
        reader_fail(reader, "speaks_first", "'%s' is neither client nor server", speaker);
}

static enum request_check read_check(struct json_reader *reader, struct json_object *object)
{
    const char *name = read_text(reader, object, "check");
    const enum request_check check = name ? request_check_from_name(name) : CHECK_DEFAULT;
    if (name && check == CHECK_DEFAULT)
        reader_fail(reader, "check", "'%s' is not keyword, protocol, pattern or none", name);
    return check;
}

static void read_application(struct json_reader *reader, struct json_object *profile_json,
                             struct profile *profile, struct shown *shown)
{
    struct json_object *object = read_member(reader, profile_json, "application", json_type_object);
    if (!object)
        return;
    const size_t mark = reader_enter(reader, "application");
    const char *name = read_text(reader, object, "protocol");
    if (name && read_protocol(reader, "protocol", name, &profile->protocol))
        profile->named =
            profile->protocol == PROTOCOL_UNKNOWN ? NAMED_BY_ANSWER : NAMED_BY_PROTOCOL;
    read_speaker(reader, object, profile);
    read_greeting(reader, object, profile);
    struct json_object *request = read_member(reader, object, "request", json_type_object);
    if (request) {
        const size_t inner = reader_enter(reader, "request");
        struct pattern pattern;
        shown->check = read_check(reader, request);
        read_accepted(reader, request, profile);
        read_forms(reader, request, profile);
        read_keywords(reader, request, profile);
        if (read_pattern(reader, request, &pattern))
            pattern_model_restore(&profile->pattern, &pattern);
        reader_leave(reader, inner);
    }
    reader_leave(reader, mark);
}

/* --- shown: evidence ------------------------------------------------------------------------- */

static int64_t read_time(struct json_reader *reader, struct json_object *object, const char *key)
{
    const char *text = read_text(reader, object, key);
    struct tm utc = {0};
    if (!text)
        return 0;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (!end || *end)
        reader_fail(reader, key, "'%s' is not a time like 2026-01-01T00:00:00Z", text);
    return end ? (int64_t)timegm(&utc) : 0;
}

static void read_fidelity(struct json_reader *reader, struct json_object *object,
                          struct profile *profile, struct shown *shown)
{
    struct json_object *member = NULL;
    if (!json_object_object_get_ex(object, "fidelity", &member) || !member)
        return;
    const bool number =
        json_object_is_type(member, json_type_double) || json_object_is_type(member, json_type_int);
    const double value = json_object_get_double(member);
    if (!number || !(value >= 0.0 && value <= 1.0)) {
        reader_fail(reader, "fidelity", "is not a number from 0 to 1");
        return;
    }
    shown->has_fidelity = true;
    shown->fidelity = value;
    fidelity_restore(&profile->fidelity, value, profile->handshakes);
}

static void read_evidence(struct json_reader *reader, struct json_object *profile_json,
                          struct profile *profile, struct shown *shown)
{
    struct json_object *object = read_member(reader, profile_json, "evidence", json_type_object);
    if (!object)
        return;
    const size_t mark = reader_enter(reader, "evidence");
    bool armed;
    read_uint(reader, object, "handshakes", INT64_MAX, &profile->handshakes);
    read_uint(reader, object, "requests", INT64_MAX, &profile->requests);
    read_fidelity(reader, object, profile, shown);
    read_bool(reader, object, "armed", &armed); /* checked only: it follows from the rest */
    profile->first_seen_s = read_time(reader, object, "first_seen");
    profile->last_seen_s = read_time(reader, object, "last_seen");
    reader_leave(reader, mark);
}

/* --- settings and state ---------------------------------------------------------------------- */

/* A number, or "off" where that may be said. */
static void read_setting(struct json_reader *reader, struct json_object *object,
                         const struct setting_number *info, uint32_t *out)
{
    struct json_object *value = json_object_object_get(object, info->name);
    uint64_t number;

    if (info->may_be_off && json_object_is_type(value, json_type_string)) {
        if (strcmp(json_object_get_string(value), "off") == 0)
            *out = TRIGGER_OFF;
        else
            reader_fail(reader, info->name, "is neither a number nor \"off\"");
        return;
    }
    if (!read_uint(reader, object, info->name, info->most, &number))
        return;
    if (number != 0 && number < info->least) /* 0: the default */
        reader_fail(reader, info->name, "is %u, less than %u", (unsigned)number, info->least);
    else
        *out = (uint32_t)number;
}

static enum greeting_setting read_greeting_setting(struct json_reader *reader,
                                                   struct json_object *object)
{
    const char *name = read_text(reader, object, "greeting");
    const enum greeting_setting setting =
        name ? greeting_setting_from_name(name) : GREETING_AS_PROTOCOL;
    if (name && setting == GREETING_AS_PROTOCOL)
        reader_fail(reader, "greeting", "'%s' is neither exact nor template", name);
    return setting;
}

static void read_settings(struct json_reader *reader, struct json_object *profile_json,
                          struct profile *profile)
{
    struct json_object *object = read_member(reader, profile_json, "settings", json_type_object);
    if (!object)
        return;
    const size_t mark = reader_enter(reader, "settings");
    profile->settings.check = read_check(reader, object);
    profile->settings.greeting = read_greeting_setting(reader, object);
    for (size_t i = 0; setting_number_info(i); i++)
        read_setting(reader, object, setting_number_info(i), setting_number(&profile->settings, i));
    reader_leave(reader, mark);
}

/* Counters as wide as they are in the profile. */
static void read_u8(struct json_reader *reader, struct json_object *object, const char *key,
                    uint8_t max, uint8_t *out)
{
    uint64_t number;
    if (read_uint(reader, object, key, max, &number))
        *out = (uint8_t)number;
}

static void read_u16(struct json_reader *reader, struct json_object *object, const char *key,
                     uint16_t max, uint16_t *out)
{
    uint64_t number;
    if (read_uint(reader, object, key, max, &number))
        *out = (uint16_t)number;
}

static void read_u32(struct json_reader *reader, struct json_object *object, const char *key,
                     uint32_t *out)
{
    uint64_t number;
    if (read_uint(reader, object, key, UINT32_MAX, &number))
        *out = (uint32_t)number;
}

static void read_votes(struct json_reader *reader, struct json_object *object,
                       struct profile *profile)
{
    struct capabilities *tcp = &profile->tcp;
    read_u8(reader, object, "mss", VOTES_MAX, &tcp->mss.votes);
    read_u8(reader, object, "window_scale", VOTES_MAX, &tcp->window_scale.votes);
    read_u8(reader, object, "sack", VOTES_MAX, &tcp->sack.votes);
    read_u8(reader, object, "timestamps", VOTES_MAX, &tcp->timestamps.votes);
    read_u8(reader, object, "ecn", VOTES_MAX, &tcp->ecn.votes);
    read_u8(reader, object, "ttl", VOTES_MAX, &tcp->ttl.votes);
    read_u8(reader, object, "df", VOTES_MAX, &tcp->df.votes);
    struct json_object *variants = read_member(reader, object, "variants", json_type_array);
    const size_t count = variants ? json_object_array_length(variants) : 0;
    for (size_t i = 0; i < count && i < tcp->model.variants_count; i++) {
        uint64_t votes;
        if (read_element(reader, variants, i, VOTES_MAX, &votes))
            tcp->variant_votes[i] = (uint8_t)votes;
    }
}

static void read_ip_id_state(struct json_reader *reader, struct json_object *object,
                             struct profile *profile)
{
    struct capabilities *tcp = &profile->tcp;
    struct capabilities shown = *tcp, stated = *tcp;
    capabilities_refresh(&shown);
    memset(&stated.ip_id, 0, sizeof(stated.ip_id));
    read_u8(reader, object, "samples", IP_ID_SAMPLES_MAX, &stated.ip_id.samples);
    read_u8(reader, object, "zeros", IP_ID_SAMPLES_MAX, &stated.ip_id.zeros);
    read_u8(reader, object, "steps", IP_ID_SAMPLES_MAX, &stated.ip_id.steps);
    read_u8(reader, object, "small_steps", IP_ID_SAMPLES_MAX, &stated.ip_id.small_steps);
    read_u16(reader, object, "last", UINT16_MAX, &stated.ip_id.last);
    capabilities_refresh(&stated);
    if (stated.model.ip_id == shown.model.ip_id)
        tcp->ip_id = stated.ip_id;
}

static void read_first_speakers(struct json_reader *reader, struct json_object *object,
                                struct profile *profile)
{
    struct profile stated = *profile;
    memset(stated.voices, 0, sizeof(stated.voices));
    for (int voice = 0; voice < VOICES_COUNT; voice++)
        read_u32(reader, object, voice_name((enum voice)voice), &stated.voices[voice]);
    if (profile_speaks_first(&stated) == profile_speaks_first(profile))
        memcpy(profile->voices, stated.voices, sizeof(stated.voices));
}

static void read_greeting_state(struct json_reader *reader, struct json_object *object,
                                struct profile *profile)
{
    const struct greeting_model *shown = &profile->greeting;
    struct greeting_model stated = {0};
    struct profile would_be = *profile;
    size_t bytes = 0;
    read_hex(reader, object, "latest", stated.latest, sizeof(stated.latest), &bytes);
    stated.bytes = (uint16_t)bytes;
    stated.run = 1;
    read_u32(reader, object, "count", &stated.count);
    read_u32(reader, object, "run", &stated.run);
    read_u16(reader, object, "prefix", stated.bytes, &stated.prefix);
    read_u16(reader, object, "suffix", stated.bytes, &stated.suffix);
    read_u16(reader, object, "shortest", stated.bytes, &stated.shortest);
    read_u16(reader, object, "longest", GREETING_BYTES_MAX, &stated.longest);
    read_bool(reader, object, "too_long", &stated.too_long);
    would_be.greeting = stated;
    const bool not_shown = shown->count == 0 && profile_speaks_first(profile) != SPEAKER_SERVER;
    const bool same = not_shown || (shown->bytes == stated.bytes &&
                                    memcmp(shown->latest, stated.latest, stated.bytes) == 0 &&
                                    greeting_model_kind(shown) == profile_greeting_kind(&would_be));
    if (same)
        profile->greeting = stated;
}

static void read_grace(struct json_reader *reader, struct json_object *object,
                       struct profile *profile)
{
    read_u32(reader, object, "early", &profile->grace.early);
    read_u32(reader, object, "waited", &profile->grace.waited);
    read_u32(reader, object, "gap_us", &profile->grace.gap_us);
}

static void read_distinct(struct json_reader *reader, struct json_object *object,
                          struct pattern_model *model)
{
    struct json_object *array = read_member(reader, object, "distinct", json_type_array);
    const size_t count = array ? json_object_array_length(array) : 0;
    if (count > PATTERN_DISTINCT_MIN) {
        reader_fail(reader, "distinct", "has more than %d entries", PATTERN_DISTINCT_MIN);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(array, i));
        char *end = NULL;
        model->distinct[i] = text ? strtoull(text, &end, 16) : 0;
        if (!text || *end || end == text)
            reader_fail(reader, "distinct", "holds something that is no hash");
    }
    model->distinct_count = (uint8_t)count;
}

static bool patterns_equal(const struct pattern_model *a, const struct pattern_model *b)
{
    struct pattern left, right;
    const bool has_left = pattern_model_get(a, &left), has_right = pattern_model_get(b, &right);
    if (!has_left || !has_right)
        return has_left == has_right;
    if (left.least_bytes != right.least_bytes || left.pairs != right.pairs)
        return false;
    for (uint8_t i = 0; i < left.pairs; i++)
        if (left.pair[i].offset != right.pair[i].offset || left.pair[i].byte != right.pair[i].byte)
            return false;
    return true;
}

static void read_pattern_state(struct json_reader *reader, struct json_object *object,
                               struct profile *profile)
{
    struct pattern_model stated = {0};
    uint8_t mask[PATTERN_WINDOW] = {0};
    size_t first_bytes = 0, mask_bytes = 0;
    read_u32(reader, object, "accepted", &stated.accepted);
    read_u16(reader, object, "least_bytes", PATTERN_WINDOW, &stated.least_bytes);
    read_hex(reader, object, "first", stated.first, sizeof(stated.first), &first_bytes);
    read_hex(reader, object, "constant", mask, sizeof(mask), &mask_bytes);
    read_distinct(reader, object, &stated);
    if (first_bytes < stated.least_bytes || mask_bytes < stated.least_bytes)
        reader_fail(reader, "first", "is shorter than least_bytes");
    for (size_t i = 0; i < PATTERN_WINDOW; i++)
        stated.constant[i] = mask[i] != 0;
    if (patterns_equal(&profile->pattern, &stated))
        profile->pattern = stated;
}

/* How often each keyword that is shown was accepted; a list that has another length is an old one.
 */
static void read_keywords_state(struct json_reader *reader, struct json_object *object,
                                struct profile *profile)
{
    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        const enum keyword_kind which = (enum keyword_kind)kind;
        struct json_object *array =
            read_member(reader, object, keyword_info(which)->name, json_type_array);
        const size_t count = array ? json_object_array_length(array) : 0;
        if (count != keyword_set_count(&profile->keywords, which))
            continue;
        const size_t mark = reader_enter(reader, keyword_info(which)->name);
        for (size_t i = 0; i < count; i++) {
            uint64_t seen;
            if (read_element(reader, array, i, KEYWORD_SEEN_MAX, &seen))
                keyword_set_seen(&profile->keywords, which, i, (uint8_t)seen);
        }
        reader_leave(reader, mark);
    }
}

/* It tells what unknown requests may have been: of no use without them. */
static void read_hidden_state(struct json_reader *reader, struct json_object *object,
                              struct profile *profile)
{
    struct hidden_evidence stated = {0};
    struct json_object *beginnings = read_member(reader, object, "beginnings", json_type_array);
    const size_t count = beginnings ? json_object_array_length(beginnings) : 0;
    read_u32(reader, object, "like", &stated.like);
    read_u16(reader, object, "client_least", UINT16_MAX, &stated.client_least);
    read_u16(reader, object, "client_most", UINT16_MAX, &stated.client_most);
    read_u16(reader, object, "server_least", UINT16_MAX, &stated.server_least);
    read_u16(reader, object, "server_most", UINT16_MAX, &stated.server_most);
    if (count > HIDDEN_BEGINNINGS_MAX) {
        reader_fail(reader, "beginnings", "has more than %d entries", HIDDEN_BEGINNINGS_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0;
        const char *text = json_object_get_string(json_object_array_get_idx(beginnings, i));
        if (text_to_hex(reader, "beginnings", text ? text : "", stated.beginnings[i],
                        HIDDEN_BEGINNING_BYTES, &bytes) &&
            bytes != HIDDEN_BEGINNING_BYTES)
            reader_fail(reader, "beginnings", "is not of %d bytes each", HIDDEN_BEGINNING_BYTES);
    }
    stated.beginnings_count = (uint8_t)count;
    if (profile->accepted >> PROTOCOL_UNKNOWN & 1)
        profile->evidence = stated;
}

static void read_fidelity_state(struct json_reader *reader, struct json_object *state,
                                struct profile *profile, const struct shown *shown)
{
    const char *text = read_text(reader, state, "fidelity");
    const size_t count = text ? strlen(text) : 0;
    if (count > FIDELITY_COMPARISONS || (text && strspn(text, "01") != count)) {
        reader_fail(reader, "fidelity", "is not up to %d digits of 0 and 1", FIDELITY_COMPARISONS);
        return;
    }
    struct fidelity stated = {.count = (uint8_t)count};
    for (size_t i = 0; i < count; i++)
        stated.ring |= (uint64_t)(text[i] == '1') << i;
    const double apart = fidelity_value(&stated) - shown->fidelity;
    if (shown->has_fidelity && fidelity_known(&stated) && apart < FIDELITY_ROUNDED &&
        apart > -FIDELITY_ROUNDED)
        profile->fidelity = stated;
}

static void read_state(struct json_reader *reader, struct json_object *profile_json,
                       struct profile *profile, const struct shown *shown)
{
    static const struct {
        const char *key;
        void (*read)(struct json_reader *, struct json_object *, struct profile *);
    } parts[] = {{"votes", read_votes},
                 {"ip_id", read_ip_id_state},
                 {"first_speakers", read_first_speakers},
                 {"greeting", read_greeting_state},
                 {"grace", read_grace},
                 {"pattern", read_pattern_state},
                 {"keywords", read_keywords_state},
                 {"hidden", read_hidden_state}};
    struct json_object *state = read_member(reader, profile_json, "state", json_type_object);
    if (!state)
        return;
    const size_t mark = reader_enter(reader, "state");
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct json_object *part = read_member(reader, state, parts[i].key, json_type_object);
        if (!part)
            continue;
        const size_t inner = reader_enter(reader, parts[i].key);
        parts[i].read(reader, part, profile);
        reader_leave(reader, inner);
    }
    uint64_t named;
    if (read_uint(reader, state, "named", NAMED_BY_PROTOCOL, &named) &&
        (named == 0) == (profile->named == NAMED_NOT))
        profile->named = (enum naming)named;
    read_fidelity_state(reader, state, profile, shown);
    reader_leave(reader, mark);
}

/* A check that is shown but does not follow from what was learned was set by somebody. */
static void settle_check(struct profile *profile, enum request_check shown)
{
    if (profile->settings.check == CHECK_DEFAULT && shown != CHECK_DEFAULT &&
        shown != profile_check(profile))
        profile->settings.check = shown;
}

bool profile_from_json(struct json_object *json, struct profile *profile, struct json_fault *fault)
{
    struct json_reader reader = {.fault = fault};
    struct server_key key;
    struct shown shown = {.check = CHECK_DEFAULT};

    if (!json_object_is_type(json, json_type_object))
        return reader_fail(&reader, NULL, "is not an object");
    read_key(&reader, json, &key);
    profile_init(profile, &key);
    read_evidence(&reader, json, profile, &shown); /* first: the rest is weighed by it */
    read_program(&reader, json, profile);
    read_tcp(&reader, json, profile);
    read_application(&reader, json, profile, &shown);
    read_settings(&reader, json, profile);
    read_state(&reader, json, profile, &shown);
    settle_check(profile, shown.check);
    capabilities_refresh(&profile->tcp);
    return !reader.failed;
}
