/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile_text.c - profiles for people (profile_text.h).
 *
 * What is null in the document is not known yet and shows as "-", or "unknown" where a sentence
 * needs a word.
 */
#include "cli/profile_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/table.h"
#include "profiles/model/dns_model.h"

#define LINE_BYTES  512
#define NAMES_SHOWN 8 /* of each kind of keyword */

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, key, &value);
    return value;
}

/* Rounded down: 1.00 means always. */
static const char *fidelity_text(struct json_object *evidence, char text[16])
{
    struct json_object *fidelity = get(evidence, "fidelity");

    if (!fidelity)
        return "-";
    snprintf(text, 16, "%.2f", (double)(int)(json_object_get_double(fidelity) * 100 + 1e-9) / 100);
    return text;
}

static const struct table_column profile_columns[] = {
    {"SERVER", ALIGN_LEFT},      {"PROTOCOL", ALIGN_LEFT},  {"SPEAKS FIRST", ALIGN_LEFT},
    {"HANDSHAKES", ALIGN_RIGHT}, {"REQUESTS", ALIGN_RIGHT}, {"FIDELITY", ALIGN_RIGHT},
    {"ARMED", ALIGN_LEFT},       {"LAST SEEN", ALIGN_LEFT}, {"ENFORCED", ALIGN_LEFT},
};

bool profile_table_show(const struct arguments *arguments, struct json_object *profiles,
                        struct error *error)
{
    struct table *table =
        table_new(sizeof(profile_columns) / sizeof(profile_columns[0]), profile_columns);
    char server[OUTPUT_SERVER_BYTES], fidelity[16];

    for (size_t i = 0; i < json_object_array_length(profiles); i++) {
        struct json_object *profile = json_object_array_get_idx(profiles, i);
        struct json_object *application = get(profile, "application"),
                           *evidence = get(profile, "evidence");

        table_cell(table, "%s", output_server(profile, server));
        table_cell(table, "%s", output_field(application, "protocol"));
        table_cell(table, "%s", output_field(application, "speaks_first"));
        table_cell(table, "%s", output_field(evidence, "handshakes"));
        table_cell(table, "%s", output_field(evidence, "requests"));
        table_cell(table, "%s", fidelity_text(evidence, fidelity));
        table_cell(table, "%s", output_yes_no(evidence, "armed"));
        table_cell(table, "%s", output_field(evidence, "last_seen"));
        table_cell(table, "%s", output_field(profile, "enforced"));
    }
    return table_show(table, arguments, "no profiles yet", error);
}

/* The elements of an array of strings, `between` them; `otherwise` for an empty or missing one. */
static const char *join(struct json_object *array, const char *between, const char *otherwise,
                        char text[LINE_BYTES])
{
    size_t used = 0;

    if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) == 0)
        return otherwise;
    for (size_t i = 0; i < json_object_array_length(array) && used < LINE_BYTES; i++) {
        const char *element = json_object_get_string(json_object_array_get_idx(array, i));

        used += (size_t)snprintf(text + used, LINE_BYTES - used, "%s%s", i > 0 ? between : "",
                                 element ? element : "");
    }
    return text;
}

/* The field's text, or "unknown". */
static const char *known(struct json_object *object, const char *key)
{
    struct json_object *value = get(object, key);

    return value ? json_object_get_string(value) : "unknown";
}

static void add_application(struct table *table, struct json_object *application)
{
    struct json_object *first = get(application, "speaks_first");

    table_cell(table, "protocol");
    if (first)
        table_cell(table, "%s, the %s speaks first", known(application, "protocol"),
                   json_object_get_string(first));
    else
        table_cell(table, "%s, who speaks first is unknown", known(application, "protocol"));
}

static void add_program(struct table *table, struct json_object *profile)
{
    if (!get(profile, "program"))
        return;
    table_cell(table, "program");
    table_cell(table, "%s", known(profile, "program"));
}

static void add_greeting(struct table *table, struct json_object *greeting)
{
    struct json_object *text = get(greeting, "text"), *hex = get(greeting, "hex");
    const char *kind = output_field(greeting, "kind");

    table_cell(table, "greeting");
    if (text)
        table_cell(table, "\"%s\" (%zu bytes, %s)", json_object_get_string(text),
                   hex ? strlen(json_object_get_string(hex)) / 2
                       : strlen(json_object_get_string(text)),
                   kind);
    else if (hex)
        table_cell(table, "%s (%zu bytes in hex, %s)", json_object_get_string(hex),
                   strlen(json_object_get_string(hex)) / 2, kind);
    else if (greeting)
        table_cell(table, "%s", kind);
    else
        table_cell(table, "none");
}

/* The first names of one kind; an empty one stands for requests that named none. */
static void add_names(struct table *table, struct json_object *names)
{
    const size_t count =
        json_object_is_type(names, json_type_array) ? json_object_array_length(names) : 0;
    char text[LINE_BYTES] = "";
    size_t used = 0;

    for (size_t i = 0; i < count && i < NAMES_SHOWN && used < LINE_BYTES; i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));

        used += (size_t)snprintf(text + used, LINE_BYTES - used, "%s%s", i > 0 ? ", " : "",
                                 name && name[0] ? name : "(none named)");
    }
    if (count > NAMES_SHOWN)
        table_cell(table, "%s and %zu more (--json shows all)", text, count - NAMES_SHOWN);
    else
        table_cell(table, "%s", text);
}

static void add_keywords(struct table *table, struct json_object *keywords)
{
    if (json_object_is_type(keywords, json_type_object)) {
        json_object_object_foreach(keywords, kind, names)
        {
            table_cell(table, "keyword %s", kind);
            add_names(table, names);
        }
    }
}

/* What is meant to be enforced, and that it is not, where there is nothing to check by, say. */
static void add_check(struct table *table, const char *check, const char *enforced)
{
    static const char unchecked[] = "unchecked: ";
    const bool differs =
        strcmp(check, "none") != 0 && strncmp(enforced, unchecked, sizeof(unchecked) - 1) == 0;

    table_cell(table, "request check");
    table_cell(table, "%s%s", check, differs ? ", but now unchecked (see enforced)" : "");
}

static void add_request(struct table *table, struct json_object *request, const char *enforced)
{
    struct json_object *pattern = get(request, "pattern"), *rate = get(pattern, "false_accepts");
    char protocols[LINE_BYTES], taken[LINE_BYTES];

    add_check(table, output_field(request, "check"), enforced);
    table_cell(table, "accepted");
    table_cell(table, "%s", join(get(request, "protocols"), ", ", "nothing yet", protocols));
    if (pattern) {
        table_cell(table, "pattern");
        table_cell(
            table, "%" PRId64 " bytes or more, constant %s",
            json_object_get_int64(get(pattern, "least_bytes")),
            json_object_to_json_string_ext(get(pattern, "bytes"), JSON_C_TO_STRING_NOSLASHESCAPE));
    }
    if (rate) {
        table_cell(table, "pattern also takes");
        table_cell(table,
                   "%" PRId64 " of %" PRId64 " random requests (expected %.2g); requests of %s",
                   json_object_get_int64(get(rate, "random")),
                   json_object_get_int64(get(rate, "random_requests")),
                   (double)json_object_get_int64(get(rate, "random_requests")) *
                       json_object_get_double(get(rate, "random_expected")),
                   join(get(rate, "protocols"), ", ", "no known protocol", taken));
    }
    add_keywords(table, get(request, "keywords"));
}

/* "yes", "refused", "unknown" of a capability that is true, false or null. */
static const char *capability(struct json_object *tcp, const char *key)
{
    struct json_object *value = get(tcp, key);

    if (!value)
        return "unknown";
    return json_object_get_boolean(value) ? "yes" : "refused";
}

/* The same of one that is a number, "none" or null. */
static const char *number(struct json_object *tcp, const char *key)
{
    const char *text = known(tcp, key);

    return strcmp(text, "none") == 0 ? "refused" : text;
}

static void add_tcp(struct table *table, struct json_object *tcp)
{
    table_cell(table, "TCP");
    table_cell(table, "MSS %s, window %s, scale %s, SACK %s, timestamps %s, ECN %s",
               number(tcp, "mss"), number(tcp, "window"), number(tcp, "window_scale"),
               capability(tcp, "sack"), capability(tcp, "timestamps"), capability(tcp, "ecn"));
    table_cell(table, "IP");
    table_cell(table, "TTL %s, DF %s, ID %s", known(tcp, "ttl"),
               get(tcp, "df") ? output_yes_no(tcp, "df") : "unknown", known(tcp, "ip_id"));
}

static void add_settings(struct table *table, const char *what, struct json_object *settings)
{
    if (json_object_is_type(settings, json_type_object)) {
        json_object_object_foreach(settings, key, value)
        {
            if (!value)
                continue;
            table_cell(table, "%s", what);
            table_cell(table, "%s=%s", key, json_object_get_string(value));
        }
    }
}

static void add_evidence(struct table *table, struct json_object *evidence)
{
    char fidelity[16];

    table_cell(table, "evidence");
    table_cell(table, "handshakes %s, accepted requests %s, fidelity %s, %s",
               output_field(evidence, "handshakes"), output_field(evidence, "requests"),
               fidelity_text(evidence, fidelity),
               json_object_get_boolean(get(evidence, "armed")) ? "armed" : "not armed");
    if (get(evidence, "held_peak")) {
        table_cell(table, "held in calm");
        table_cell(table, "%s connections at once", output_field(evidence, "held_peak"));
    }
    table_cell(table, "seen");
    if (get(evidence, "last_seen"))
        table_cell(table, "%s to %s", known(evidence, "first_seen"), known(evidence, "last_seen"));
    else
        table_cell(table, "never");
}

static void print_variants(struct json_object *variants)
{
    static const struct table_column columns[] = {{"OFFERED", ALIGN_LEFT},
                                                  {"ANSWERED", ALIGN_LEFT},
                                                  {"WINDOW", ALIGN_RIGHT},
                                                  {"ECN", ALIGN_LEFT},
                                                  {"SEEN", ALIGN_RIGHT}};
    struct table *table;
    char text[LINE_BYTES];

    if (!json_object_is_type(variants, json_type_array) || json_object_array_length(variants) == 0)
        return;
    table = table_new(5, columns);
    for (size_t i = 0; i < json_object_array_length(variants); i++) {
        struct json_object *variant = json_object_array_get_idx(variants, i);

        table_cell(table, "%s", join(get(variant, "offered"), " ", "nothing", text));
        table_cell(table, "%s", join(get(variant, "options"), " ", "nothing", text));
        table_cell(table, "%s", output_field(variant, "window"));
        table_cell(table, "%s", output_yes_no(variant, "ecn"));
        table_cell(table, "%s", output_field(variant, "seen"));
    }
    puts("  SYN-ACKs by what the client offered:");
    table_print(table, stdout, 4);
    table_free(table);
}

/* What was learned of the answers of a server that is asked over UDP. */
static void add_dns(struct table *table, struct json_object *dns)
{
#define DNS_ROW(fact, text)                                                                        \
    table_cell(table, "%s", text);                                                                 \
    table_cell(table, "in %s of %s answers", output_field(get(dns, #fact), "yes"),                 \
               output_field(get(dns, #fact), "of"));
    DNS_FACTS(DNS_ROW)
#undef DNS_ROW
}

void print_profile(struct json_object *profile)
{
    static const struct table_column columns[] = {{NULL, ALIGN_LEFT}, {NULL, ALIGN_LEFT}};
    struct table *table = table_new(2, columns);
    struct json_object *application = get(profile, "application"), *tcp = get(profile, "tcp");
    char server[OUTPUT_SERVER_BYTES];

    add_application(table, application);
    add_program(table, profile);
    if (get(profile, "transport")) {
        table_cell(table, "transport");
        table_cell(table, "%s", known(profile, "transport"));
    }
    if (get(profile, "dns")) {
        add_dns(table, get(profile, "dns"));
    } else {
        add_greeting(table, get(application, "greeting"));
        add_request(table, get(application, "request"), output_field(profile, "enforced"));
        add_tcp(table, tcp);
    }
    add_settings(table, "setting", get(profile, "settings"));
    add_settings(table, "configured", get(profile, "configured"));
    add_evidence(table, get(profile, "evidence"));
    if (get(profile, "kept_until")) {
        table_cell(table, "kept until");
        table_cell(table, "%s, if it is not seen again", known(profile, "kept_until"));
    }
    if (get(profile, "enforced")) {
        table_cell(table, "enforced");
        table_cell(table, "%s", known(profile, "enforced"));
    }
    puts(output_server(profile, server));
    table_print(table, stdout, 2);
    table_free(table);
    print_variants(get(tcp, "variants"));
}
