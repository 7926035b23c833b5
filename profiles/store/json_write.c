/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_write.c - writing; reading is in json_read.c. See json_write.h. */
#include "profiles/store/json_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <sodium.h>

#include "engine/tcp/options.h"
#include "profiles/model/pattern_rate.h"
#include "profiles/model/settings.h"
#include "profiles/store/json_document.h"

/* --- small pieces ---------------------------------------------------------------------------- */

static struct json_object *number(uint64_t value)
{
    return json_object_new_uint64(value);
}

static struct json_object *text_or_null(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

static struct json_object *time_or_null(int64_t time_s)
{
    char text[TIME_TEXT_BYTES];
    return time_s ? json_object_new_string(time_to_text(time_s, text)) : NULL;
}

static struct json_object *hex(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes * 2 + 1);
    if (!text)
        return NULL;
    sodium_bin2hex(text, bytes * 2 + 1, data, bytes);
    struct json_object *object = json_object_new_string_len(text, (int)(bytes * 2));
    free(text);
    return object;
}

static struct json_object *capability(enum capability state)
{
    return state == CAPABILITY_UNKNOWN ? NULL
                                       : json_object_new_boolean(state == CAPABILITY_GRANTED);
}

static struct json_object *number_or_none(enum capability state, uint64_t value)
{
    if (state == CAPABILITY_UNKNOWN)
        return NULL;
    return state == CAPABILITY_GRANTED ? number(value) : json_object_new_string("none");
}

static const char *ip_id_text(enum ip_id_kind kind)
{
    static const char *const names[] = {
        [IP_ID_UNKNOWN] = NULL,    [IP_ID_ZERO] = "zero", [IP_ID_INCREMENT] = "increment",
        [IP_ID_RANDOM] = "random", [IP_ID_NONE] = "none",
    };
    return names[kind];
}

/* Length of the UTF-8 sequence (RFC 3629) at `at`, 0 where it is none or not fit for printing. */
static size_t printable_sequence(const uint8_t *at, size_t bytes)
{
    if (at[0] < 0x80)
        return (at[0] >= 0x20 && at[0] != 0x7f) || at[0] == '\r' || at[0] == '\n' || at[0] == '\t';
    const size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || length > bytes)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    const bool no_character = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    const bool control = at[0] == 0xc2 && at[1] < 0xa0;
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

/* --- what users read --------------------------------------------------------------------- */

static struct json_object *vlan_to_json(const struct vlan_ids *vlan)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < 2; i++)
        if (vlan->id[i] & VLAN_PRESENT)
            json_object_array_add(array, number(vlan->id[i] & VLAN_ID_MASK));
    return array;
}

static struct json_object *offered_to_json(uint8_t offered)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } offers[] = {{OFFER_MSS, "mss"},
                  {OFFER_SACK, "sack"},
                  {OFFER_TIMESTAMPS, "timestamps"},
                  {OFFER_WSCALE, "window_scale"},
                  {OFFER_ECN, "ecn"}};
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < sizeof(offers) / sizeof(*offers); i++)
        if (offered & offers[i].bit)
            json_object_array_add(array, json_object_new_string(offers[i].name));
    return array;
}

static struct json_object *layout_to_json(const uint8_t *layout, size_t bytes)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < bytes; i++) {
        const char *name = tcp_option_name(layout[i]);
        json_object_array_add(array, name ? json_object_new_string(name) : number(layout[i]));
    }
    return array;
}

static struct json_object *variant_to_json(const struct synack_variant *variant)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "offered", offered_to_json(variant->offered));
    json_object_object_add(object, "ecn", json_object_new_boolean(variant->ecn));
    json_object_object_add(object, "options",
                           layout_to_json(variant->layout, variant->layout_bytes));
    json_object_object_add(object, "window", number(variant->window));
    json_object_object_add(object, "seen", number(variant->seen));
    return object;
}

static struct json_object *tcp_to_json(const struct capabilities *tcp)
{
    const struct synack_model *model = &tcp->model;
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "mss", number_or_none(model->mss_state, model->mss));
    json_object_object_add(object, "window", model->variants_count ? number(model->window) : NULL);
    json_object_object_add(object, "window_scale",
                           number_or_none(model->window_scale_state, model->window_scale));
    json_object_object_add(object, "sack", capability(model->sack));
    json_object_object_add(object, "timestamps", capability(model->timestamps));
    json_object_object_add(object, "ecn", capability(model->ecn));
    json_object_object_add(object, "ttl", tcp->ttl.known ? number(model->ttl) : NULL);
    json_object_object_add(object, "df", tcp->df.known ? json_object_new_boolean(model->df) : NULL);
    json_object_object_add(object, "ip_id", text_or_null(ip_id_text(model->ip_id)));
    struct json_object *variants = json_object_new_array();
    for (uint8_t i = 0; i < model->variants_count; i++)
        json_object_array_add(variants, variant_to_json(&model->variants[i]));
    json_object_object_add(object, "variants", variants);
    return object;
}

static struct json_object *greeting_to_json(const struct profile *profile)
{
    const enum greeting_kind kind = profile_greeting_kind(profile);
    if (kind == GREETING_UNKNOWN)
        return NULL;
    const struct greeting_model *greeting = &profile->greeting;
    struct json_object *object = json_object_new_object();
    json_object_object_add(
        object, "text",
        is_text(greeting->latest, greeting->bytes)
            ? json_object_new_string_len((const char *)greeting->latest, greeting->bytes)
            : NULL);
    json_object_object_add(object, "hex", hex(greeting->latest, greeting->bytes));
    json_object_object_add(object, "kind", text_or_null(greeting_kind_name(kind)));
    return object;
}

static struct json_object *protocols_to_json(uint64_t accepted)
{
    struct json_object *array = json_object_new_array();
    for (int id = 0; id < PROTOCOLS_COUNT; id++)
        if (accepted & UINT64_C(1) << id)
            json_object_array_add(array,
                                  json_object_new_string(protocol_name((enum protocol_id)id)));
    return array;
}

/* Where requests of a form that looks random are taken: in which forms each of these protocols is.
 */
static struct json_object *forms_to_json(const struct profile *profile)
{
    struct json_object *object = json_object_new_object();
    for (int form = 1; form < HIDDEN_FORMS; form <<= 1) {
        const enum protocol_id id = hidden_protocol((enum hidden_form)form);
        if (!(profile->hidden & form))
            continue;
        struct json_object *array = json_object_new_array();
        if (profile->accepted >> id & 1)
            json_object_array_add(array, json_object_new_string("plain"));
        json_object_array_add(array,
                              json_object_new_string(hidden_form_name((enum hidden_form)form)));
        json_object_object_add(object, protocol_name(id), array);
    }
    return object;
}

static struct json_object *rate_to_json(const struct pattern *pattern)
{
    const struct pattern_rate rate = pattern_rate(pattern);
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "random", number(rate.random));
    json_object_object_add(object, "random_requests", number(PATTERN_RANDOM_REQUESTS));
    json_object_object_add(object, "random_expected", json_object_new_double(rate.expected));
    json_object_object_add(object, "samples", number(rate.samples));
    json_object_object_add(object, "protocols", protocols_to_json(rate.protocols));
    return object;
}

static struct json_object *pattern_to_json(const struct pattern_model *model)
{
    struct pattern pattern;
    if (!pattern_model_get(model, &pattern))
        return NULL;
    struct json_object *object = json_object_new_object();
    struct json_object *pairs = json_object_new_array();
    for (uint8_t i = 0; i < pattern.pairs; i++) {
        struct json_object *pair = json_object_new_array_ext(2);
        json_object_array_add(pair, number(pattern.pair[i].offset));
        json_object_array_add(pair, number(pattern.pair[i].byte));
        json_object_array_add(pairs, pair);
    }
    json_object_object_add(object, "least_bytes", number(pattern.least_bytes));
    json_object_object_add(object, "bytes", pairs);
    json_object_object_add(object, "false_accepts", rate_to_json(&pattern));
    return object;
}

/* One name as JSON shows it: a hash in hex, "" for none named. */
static struct json_object *keyword_to_json(enum keyword_kind kind, const uint8_t *name,
                                           size_t bytes)
{
    if (keyword_info(kind)->hash_bytes)
        return hex(name, bytes);
    return json_object_new_string_len((const char *)name, (int)bytes);
}

/* {kind: [...]} of those kinds that have names: the names themselves, or how often each was seen.
 */
static struct json_object *keywords_to_json(const struct keyword_set *set, bool names)
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
                             : number(entry->seen));
        }
        if (array)
            json_object_object_add(object, keyword_info((enum keyword_kind)kind)->name, array);
    }
    return object;
}

static struct json_object *application_to_json(const struct profile *profile)
{
    struct json_object *request = json_object_new_object();
    json_object_object_add(request, "check",
                           text_or_null(request_check_name(profile_check(profile))));
    json_object_object_add(
        request, "protocols",
        protocols_to_json(profile->accepted | hidden_protocols(profile->hidden)));
    if (profile->hidden)
        json_object_object_add(request, "forms", forms_to_json(profile));
    json_object_object_add(request, "pattern", pattern_to_json(&profile->pattern));
    json_object_object_add(request, "keywords", keywords_to_json(&profile->keywords, true));

    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "protocol",
                           profile->named ? text_or_null(protocol_name(profile->protocol)) : NULL);
    json_object_object_add(object, "speaks_first",
                           text_or_null(speaker_name(profile_speaks_first(profile))));
    json_object_object_add(object, "greeting", greeting_to_json(profile));
    json_object_object_add(object, "request", request);
    return object;
}

/*
 * Four digits are enough for people; the exact value is in the state. 1 is written 1.0, so that it
 * stays a number with a fraction.
 */
static struct json_object *fidelity_to_json(const struct fidelity *fidelity)
{
    if (!fidelity_known(fidelity))
        return NULL;
    const double rounded = (double)(unsigned)(fidelity_value(fidelity) * 10000 + 0.5) / 10000;
    char text[32];
    snprintf(text, sizeof(text), "%.4f", rounded);
    size_t length = strlen(text);
    while (text[length - 1] == '0' && text[length - 2] != '.')
        text[--length] = '\0';
    return json_object_new_double_s(rounded, text);
}

static struct json_object *evidence_to_json(const struct profile *profile)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "handshakes", number(profile->handshakes));
    json_object_object_add(object, "requests", number(profile->requests));
    json_object_object_add(object, "fidelity", fidelity_to_json(&profile->fidelity));
    json_object_object_add(object, "armed", json_object_new_boolean(profile_armed(profile)));
    json_object_object_add(object, "first_seen", time_or_null(profile->first_seen_s));
    json_object_object_add(object, "last_seen", time_or_null(profile->last_seen_s));
    return object;
}

/* --- settings and state ---------------------------------------------------------------------- */

static struct json_object *settings_to_json(const struct profile_settings *settings)
{
    struct json_object *object = json_object_new_object();
    struct profile_settings copy = *settings;
    if (settings->check != CHECK_DEFAULT)
        json_object_object_add(object, "check", text_or_null(request_check_name(settings->check)));
    if (settings->greeting != GREETING_AS_PROTOCOL)
        json_object_object_add(object, "greeting",
                               text_or_null(greeting_setting_name(settings->greeting)));
    for (size_t i = 0; setting_number_info(i); i++) {
        const uint32_t value = *setting_number(&copy, i);
        if (value != 0)
            json_object_object_add(object, setting_number_info(i)->name,
                                   value == TRIGGER_OFF ? json_object_new_string("off")
                                                        : number(value));
    }
    return object;
}

static struct json_object *tcp_state_to_json(const struct capabilities *tcp)
{
    struct json_object *votes = json_object_new_object();
    json_object_object_add(votes, "mss", number(tcp->mss.votes));
    json_object_object_add(votes, "window_scale", number(tcp->window_scale.votes));
    json_object_object_add(votes, "sack", number(tcp->sack.votes));
    json_object_object_add(votes, "timestamps", number(tcp->timestamps.votes));
    json_object_object_add(votes, "ecn", number(tcp->ecn.votes));
    json_object_object_add(votes, "ttl", number(tcp->ttl.votes));
    json_object_object_add(votes, "df", number(tcp->df.votes));
    struct json_object *variants = json_object_new_array();
    for (uint8_t i = 0; i < tcp->model.variants_count; i++)
        json_object_array_add(variants, number(tcp->variant_votes[i]));
    json_object_object_add(votes, "variants", variants);
    return votes;
}

static struct json_object *ip_id_state_to_json(const struct ip_id_samples *ids)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "samples", number(ids->samples));
    json_object_object_add(object, "zeros", number(ids->zeros));
    json_object_object_add(object, "steps", number(ids->steps));
    json_object_object_add(object, "small_steps", number(ids->small_steps));
    json_object_object_add(object, "last", number(ids->last));
    return object;
}

static struct json_object *greeting_state_to_json(const struct greeting_model *greeting)
{
    if (greeting->count == 0)
        return NULL;
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "count", number(greeting->count));
    json_object_object_add(object, "run", number(greeting->run));
    json_object_object_add(object, "prefix", number(greeting->prefix));
    json_object_object_add(object, "suffix", number(greeting->suffix));
    json_object_object_add(object, "shortest", number(greeting->shortest));
    json_object_object_add(object, "longest", number(greeting->longest));
    json_object_object_add(object, "too_long", json_object_new_boolean(greeting->too_long));
    json_object_object_add(object, "latest", hex(greeting->latest, greeting->bytes));
    return object;
}

static struct json_object *grace_to_json(const struct grace *grace)
{
    if (grace->early == 0 && grace->waited == 0)
        return NULL;
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "early", number(grace->early));
    json_object_object_add(object, "waited", number(grace->waited));
    json_object_object_add(object, "gap_us", number(grace->gap_us));
    return object;
}

/* The first request, and beside it ff for each byte that is constant, 00 for the others. */
static struct json_object *pattern_state_to_json(const struct pattern_model *pattern)
{
    if (pattern->accepted == 0)
        return NULL;
    uint8_t mask[PATTERN_WINDOW];
    for (size_t i = 0; i < PATTERN_WINDOW; i++)
        mask[i] = pattern->constant[i] ? 0xff : 0;
    struct json_object *distinct = json_object_new_array();
    for (uint8_t i = 0; i < pattern->distinct_count; i++) {
        char text[17];
        snprintf(text, sizeof(text), "%016llx", (unsigned long long)pattern->distinct[i]);
        json_object_array_add(distinct, json_object_new_string(text));
    }
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "accepted", number(pattern->accepted));
    json_object_object_add(object, "least_bytes", number(pattern->least_bytes));
    json_object_object_add(object, "first", hex(pattern->first, pattern->least_bytes));
    json_object_object_add(object, "constant", hex(mask, pattern->least_bytes));
    json_object_object_add(object, "distinct", distinct);
    return object;
}

static struct json_object *first_speakers_to_json(const struct profile *profile)
{
    struct json_object *object = json_object_new_object();
    for (int voice = 0; voice < VOICES_COUNT; voice++)
        json_object_object_add(object, voice_name((enum voice)voice),
                               number(profile->voices[voice]));
    return object;
}

/* The newest comparison first: "1" equal, "0" not. */
static struct json_object *fidelity_state_to_json(const struct fidelity *fidelity)
{
    char text[FIDELITY_COMPARISONS + 1];
    for (uint8_t i = 0; i < fidelity->count; i++)
        text[i] = fidelity->ring >> i & 1 ? '1' : '0';
    return json_object_new_string_len(text, fidelity->count);
}

static struct json_object *hidden_state_to_json(const struct profile *profile)
{
    const struct hidden_evidence *evidence = &profile->evidence;
    struct json_object *object = json_object_new_object();
    struct json_object *beginnings = json_object_new_array();
    json_object_object_add(object, "like", number(evidence->like));
    json_object_object_add(object, "client_least", number(evidence->client_least));
    json_object_object_add(object, "client_most", number(evidence->client_most));
    json_object_object_add(object, "server_least", number(evidence->server_least));
    json_object_object_add(object, "server_most", number(evidence->server_most));
    for (uint8_t i = 0; i < evidence->beginnings_count; i++)
        json_object_array_add(beginnings, hex(evidence->beginnings[i], HIDDEN_BEGINNING_BYTES));
    json_object_object_add(object, "beginnings", beginnings);
    return object;
}

static struct json_object *state_to_json(const struct profile *profile)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "votes", tcp_state_to_json(&profile->tcp));
    json_object_object_add(object, "ip_id", ip_id_state_to_json(&profile->tcp.ip_id));
    json_object_object_add(object, "named", number(profile->named));
    json_object_object_add(object, "first_speakers", first_speakers_to_json(profile));
    json_object_object_add(object, "greeting", greeting_state_to_json(&profile->greeting));
    json_object_object_add(object, "grace", grace_to_json(&profile->grace));
    json_object_object_add(object, "pattern", pattern_state_to_json(&profile->pattern));
    json_object_object_add(object, "keywords", keywords_to_json(&profile->keywords, false));
    json_object_object_add(object, "hidden", hidden_state_to_json(profile));
    json_object_object_add(object, "fidelity", fidelity_state_to_json(&profile->fidelity));
    return object;
}

struct json_object *profile_to_json(const struct profile *profile)
{
    char server[ADDR_TEXT_BYTES];
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "server",
                           json_object_new_string(addr_to_text(&profile->key.addr, server)));
    json_object_object_add(object, "port", number(profile->key.port));
    json_object_object_add(object, "vlan", vlan_to_json(&profile->key.vlan));
    json_object_object_add(object, "tcp", tcp_to_json(&profile->tcp));
    json_object_object_add(object, "application", application_to_json(profile));
    json_object_object_add(object, "evidence", evidence_to_json(profile));
    json_object_object_add(object, "settings", settings_to_json(&profile->settings));
    json_object_object_add(object, "program",
                           text_or_null(profile->program[0] ? profile->program : NULL));
    json_object_object_add(object, "state", state_to_json(profile));
    return object;
}
