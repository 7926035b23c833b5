/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics.c - see metrics.h. */
#include "cli/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "cli/counter_text.h"
#include "cli/output.h"
#include "engine/server/figures.h"

/* --- text ------------------------------------------------------------------------------------ */

/* A label's value: a backslash, a quote and the end of a line are escaped, and nothing else. */
static void write_label(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (*value == '"' || *value == '\\')
            putc('\\', out);
        putc(*value, out);
    }
    putc('"', out);
}

/* Names are made of words of the documents: what no name may hold becomes "_". */
static void write_name(FILE *out, const char *name)
{
    for (; *name; name++) {
        const bool fits = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                          (*name >= '0' && *name <= '9');

        putc(fits ? *name : '_', out);
    }
}

static void begin_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP synward_%s %s\n# TYPE synward_%s %s\n", name, help, name, type);
}

static void write_gauge(FILE *out, const char *name, const char *help, double value)
{
    begin_family(out, name, "gauge", help);
    fprintf(out, "synward_%s %.15g\n", name, value);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void write_build(FILE *out, struct json_object *status)
{
    begin_family(out, "build_info", "gauge", "1, for the version that runs.");
    fputs("synward_build_info{", out);
    write_label(out, "version", output_field(json_object_object_get(status, "synward"), "version"));
    fputs("} 1\n", out);
}

static void write_mode(FILE *out, const char *mode)
{
    static const char *const modes[] = {"auto", "normal", "attack"};

    begin_family(out, "mode", "gauge", "1 for the mode that is set for all servers.");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        fprintf(out, "synward_mode{mode=\"%s\"} %d\n", modes[i], strcmp(mode, modes[i]) == 0);
}

static void write_whole(FILE *out, struct json_object *status)
{
    write_build(out, status);
    write_mode(out, output_field(status, "mode"));
    write_gauge(out, "learning", "1 while servers are learned.",
                json_object_get_boolean(json_object_object_get(status, "learning")));
    write_gauge(out, "uptime_seconds", "How long the daemon has been running.",
                json_object_get_double(json_object_object_get(status, "uptime_s")));
}

/* --- servers --------------------------------------------------------------------------------- */

static double in_attack_mode(struct json_object *server)
{
    return strcmp(output_field(server, "mode"), "attack") == 0;
}

static double dead(struct json_object *server)
{
    return json_object_object_get(server, "dead") != NULL;
}

static double held(struct json_object *server)
{
    return json_object_get_double(json_object_object_get(server, "held"));
}

static double held_mark(struct json_object *server)
{
    return json_object_get_double(json_object_object_get(server, "held_mark"));
}

static double ended(struct json_object *server)
{
    return json_object_get_double(json_object_object_get(server, "ended"));
}

static const struct {
    const char *name, *type, *help;
    double (*value)(struct json_object *server);
} server_families[] = {
    {"server_attack_mode", "gauge", "1 while the server is protected.", in_attack_mode},
    {"server_dead", "gauge", "1 while the server serves nobody.", dead},
    {"server_held_connections", "gauge", "Connections open at the server, or being opened.", held},
    {"server_held_mark", "gauge", "So many are not limited in attack mode.", held_mark},
    {"server_ended_total", "counter", "Slow connections that were ended at the server.", ended},
};

static void write_server_labels(FILE *out, struct json_object *server)
{
    char text[OUTPUT_SERVER_BYTES], vlan[OUTPUT_VLAN_BYTES];
    char *tags = strstr(output_server(server, text), " vlan");

    if (tags)
        *tags = '\0';
    write_label(out, "server", text);
    output_vlan(server, vlan);
    putc(',', out);
    write_label(out, "vlan", strcmp(vlan, "-") == 0 ? "" : vlan);
}

/* What fired, without its figure. 0: no trigger did. */
static size_t cause_length(const char *cause)
{
    size_t length = strcmp(cause, "-") == 0 ? 0 : strcspn(cause, "0123456789");

    while (length > 0 && cause[length - 1] == ' ')
        length--;
    return length;
}

/* "accept queue 85 %" is 85 of the cause "accept queue". */
static void write_cause(FILE *out, struct json_object *server)
{
    const char *cause = output_field(server, "cause");
    const size_t length = cause_length(cause);
    char name[64];

    if (length == 0)
        return;
    snprintf(name, sizeof(name), "%.*s", (int)length, cause);
    fputs("synward_server_attack_cause{", out);
    write_server_labels(out, server);
    putc(',', out);
    write_label(out, "cause", name);
    fprintf(out, "} %lu\n", strtoul(cause + strcspn(cause, "0123456789"), NULL, 10));
}

static void write_causes(FILE *out, struct json_object *servers, size_t count)
{
    begin_family(out, "server_attack_cause", "gauge",
                 "What made the server be protected, with its figure then.");
    for (size_t i = 0; i < count; i++)
        write_cause(out, json_object_array_get_idx(servers, i));
}

static void write_servers(FILE *out, struct json_object *servers)
{
    const size_t known =
        json_object_is_type(servers, json_type_array) ? json_object_array_length(servers) : 0;

    write_gauge(out, "servers", "Servers that are known.", (double)known);
    for (size_t f = 0; known && f < sizeof(server_families) / sizeof(server_families[0]); f++) {
        begin_family(out, server_families[f].name, server_families[f].type,
                     server_families[f].help);
        for (size_t i = 0; i < known && i < METRICS_SERVERS_MAX; i++) {
            struct json_object *server = json_object_array_get_idx(servers, i);

            fprintf(out, "synward_%s{", server_families[f].name);
            write_server_labels(out, server);
            fprintf(out, "} %.15g\n", server_families[f].value(server));
        }
    }
    if (known)
        write_causes(out, servers, known < METRICS_SERVERS_MAX ? known : METRICS_SERVERS_MAX);
}

/* --- figures of servers ---------------------------------------------------------------------- */

static struct json_object *figures_of(struct json_object *servers, size_t i)
{
    struct json_object *server = json_object_array_get_idx(servers, i);
    struct json_object *figures = json_object_object_get(server, "figures");

    return json_object_is_type(figures, json_type_object) ? figures : NULL;
}

/* The start of a line; `label` and `value` NULL: none but those of the server. */
static void begin_line(FILE *out, const char *family, struct json_object *server, const char *label,
                       const char *value)
{
    fprintf(out, "synward_%s{", family);
    write_server_labels(out, server);
    if (label && value) {
        putc(',', out);
        write_label(out, label, value);
    }
    fputs("} ", out);
}

static void write_figure(FILE *out, struct json_object *servers, size_t count, const char *name,
                         const char *text)
{
    const bool gauge = counter_text_is_gauge(text);
    char family[96];

    snprintf(family, sizeof(family), "server_%s%s", name, gauge ? "" : "_total");
    begin_family(out, family, gauge ? "gauge" : "counter", text);
    for (size_t i = 0; i < count; i++) {
        if (!figures_of(servers, i))
            continue;
        begin_line(out, family, json_object_array_get_idx(servers, i), NULL, NULL);
        fprintf(out, "%s\n",
                json_object_get_string(json_object_object_get(figures_of(servers, i), name)));
    }
}

static void write_refusals_of(FILE *out, struct json_object *server, struct json_object *refused)
{
    json_object_object_foreach(refused, reason, value)
    {
        begin_line(out, "server_refused_total", server, "reason", reason);
        fprintf(out, "%s\n", json_object_get_string(value));
    }
}

static void write_refusals(FILE *out, struct json_object *servers, size_t count)
{
    begin_family(out, "server_refused_total", "counter",
                 "Segments of new clients that were refused, by reason.");
    for (size_t i = 0; i < count; i++) {
        struct json_object *refused = json_object_object_get(figures_of(servers, i), "refused");

        if (json_object_is_type(refused, json_type_object))
            write_refusals_of(out, json_object_array_get_idx(servers, i), refused);
    }
}

/* Cumulative, as Prometheus has them, up to the last bucket that is not empty. */
static void write_histogram(FILE *out, struct json_object *server, struct json_object *figures)
{
    struct json_object *buckets = json_object_object_get(figures, "admission");
    const size_t count =
        json_object_is_type(buckets, json_type_array) ? json_object_array_length(buckets) : 0;
    int64_t sum = 0;
    char bound[32];

    for (size_t i = 0; i < count && i + 1 < ADMISSION_BUCKETS; i++) {
        sum += json_object_get_int64(json_object_array_get_idx(buckets, i));
        snprintf(bound, sizeof(bound), "%.6f", (double)(1u << i) / 1e6);
        begin_line(out, "server_admission_seconds_bucket", server, "le", bound);
        fprintf(out, "%lld\n", (long long)sum);
    }
    begin_line(out, "server_admission_seconds_bucket", server, "le", "+Inf");
    fprintf(out, "%s\n", json_object_get_string(json_object_object_get(figures, "admitted")));
    begin_line(out, "server_admission_seconds_sum", server, NULL, NULL);
    fprintf(out, "%.6f\n",
            json_object_get_double(json_object_object_get(figures, "admission_us")) / 1e6);
    begin_line(out, "server_admission_seconds_count", server, NULL, NULL);
    fprintf(out, "%s\n", json_object_get_string(json_object_object_get(figures, "admitted")));
}

static void write_admissions(FILE *out, struct json_object *servers, size_t count)
{
    begin_family(out, "server_admission_seconds", "histogram",
                 "Time from a proved request to the open connection.");
    for (size_t i = 0; i < count; i++)
        if (figures_of(servers, i))
            write_histogram(out, json_object_array_get_idx(servers, i), figures_of(servers, i));
}

static void write_each_figure(FILE *out, struct json_object *servers, size_t count,
                              struct json_object *first)
{
    json_object_object_foreach(first, name, value)
    {
        const char *text = counter_text("server", name);

        if (*text && json_object_is_type(value, json_type_int) && strcmp(name, "admission_us") != 0)
            write_figure(out, servers, count, name, text);
    }
}

/* An older daemon has none. The names are those of its first server: all have the same. */
static void write_figures(FILE *out, struct json_object *servers)
{
    const size_t known =
        json_object_is_type(servers, json_type_array) ? json_object_array_length(servers) : 0;
    const size_t count = known < METRICS_SERVERS_MAX ? known : METRICS_SERVERS_MAX;

    if (!count || !figures_of(servers, 0))
        return;
    write_each_figure(out, servers, count, figures_of(servers, 0));
    write_refusals(out, servers, count);
    write_admissions(out, servers, count);
}

/* --- counters -------------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), wanted = strlen(end);

    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static void write_counter(FILE *out, const char *group, const char *name, struct json_object *value)
{
    const char *text = counter_text(group, name);
    const bool gauge = counter_text_is_gauge(text);
    char *family = NULL;
    size_t bytes;
    FILE *to = open_memstream(&family, &bytes);

    output_alloc(to);
    write_name(to, group);
    putc('_', to);
    write_name(to, name);
    if (!gauge)
        fputs("_total", to);
    fclose(to);
    begin_family(out, output_alloc(family), gauge ? "gauge" : "counter", *text ? text : name);
    fprintf(out, "synward_%s %s\n", family, json_object_get_string(value));
    free(family);
}

static void write_labelled(FILE *out, const char *family, const char *label, const char *name,
                           size_t length, struct json_object *value)
{
    char *text = output_alloc(strndup(name, length));

    fprintf(out, "synward_%s{", family);
    write_label(out, label, text);
    fprintf(out, "} %s\n", json_object_get_string(value));
    free(text);
}

/* The counters of the group whose names end so, as values of a label of the family that has begun.
 */
static void write_label_group(FILE *out, const char *family, const char *label, const char *end,
                              struct json_object *counters)
{
    json_object_object_foreach(counters, name, value)
    {
        if (ends_in(name, end))
            write_labelled(out, family, label, name, strlen(name) - strlen(end), value);
    }
}

static void write_counter_group(FILE *out, const char *group, struct json_object *counters)
{
    json_object_object_foreach(counters, name, value)
    {
        write_counter(out, group, name, value);
    }
}

static void write_group(FILE *out, const char *group, struct json_object *counters)
{
    if (strcmp(group, "drops") == 0) {
        begin_family(out, "drops_total", "counter", "Frames dropped, by reason.");
        write_label_group(out, "drops_total", "reason", "", counters);
    } else if (strcmp(group, "tables") == 0) {
        begin_family(out, "table_entries", "gauge", "Entries in use.");
        write_label_group(out, "table_entries", "table", "_used", counters);
        begin_family(out, "table_entries_max", "gauge", "Entries that there is room for.");
        write_label_group(out, "table_entries_max", "table", "_size", counters);
    } else {
        write_counter_group(out, group, counters);
    }
}

static void write_counters(FILE *out, struct json_object *stats)
{
    json_object_object_foreach(stats, group, counters)
    {
        if (strcmp(group, "synward") != 0 && json_object_is_type(counters, json_type_object))
            write_group(out, group, counters);
    }
}

void metrics_write(FILE *out, struct json_object *status, struct json_object *stats)
{
    write_whole(out, status);
    write_servers(out, json_object_object_get(status, "servers"));
    write_figures(out, json_object_object_get(status, "servers"));
    if (json_object_is_type(stats, json_type_object))
        write_counters(out, stats);
    fputs("# EOF\n", out);
}
