/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `synward metrics` makes of the daemon's answers. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/metrics.h"

/* The caller frees it. */
static char *written(const char *status, const char *stats)
{
    struct json_object *status_document = json_tokener_parse(status);
    struct json_object *stats_document = json_tokener_parse(stats);
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    metrics_write(out, status_document, stats_document);
    fclose(out);
    json_object_put(status_document);
    json_object_put(stats_document);
    return text;
}

static void has(const char *text, const char *wanted)
{
    cr_assert_not_null(strstr(text, wanted), "%s is not in:\n%s", wanted, text);
}

Test(metrics, whole)
{
    char *text = written("{\"synward\":{\"version\":\"0.2.0\"},\"mode\":\"auto\",\"learning\":true,"
                         "\"uptime_s\":12.5,\"servers\":[]}",
                         "{\"synward\":{\"version\":\"0.2.0\"}}");

    cr_assert_str_eq(text, "# HELP synward_build_info 1, for the version that runs.\n"
                           "# TYPE synward_build_info gauge\n"
                           "synward_build_info{version=\"0.2.0\"} 1\n"
                           "# HELP synward_mode 1 for the mode that is set for all servers.\n"
                           "# TYPE synward_mode gauge\n"
                           "synward_mode{mode=\"auto\"} 1\n"
                           "synward_mode{mode=\"normal\"} 0\n"
                           "synward_mode{mode=\"attack\"} 0\n"
                           "# HELP synward_learning 1 while servers are learned.\n"
                           "# TYPE synward_learning gauge\n"
                           "synward_learning 1\n"
                           "# HELP synward_uptime_seconds How long the daemon has been running.\n"
                           "# TYPE synward_uptime_seconds gauge\n"
                           "synward_uptime_seconds 12.5\n"
                           "# HELP synward_servers Servers that are known.\n"
                           "# TYPE synward_servers gauge\n"
                           "synward_servers 0\n"
                           "# EOF\n");
    free(text);
}

Test(metrics, counters_gauges_drops_and_tables)
{
    char *text = written("{}", "{\"synward\":{},\"flows\":{\"opened\":7,\"spliced\":3},"
                               "\"drops\":{\"no_room\":5},"
                               "\"tables\":{\"flows_used\":10,\"flows_size\":1000},"
                               "\"newer\":{\"odd-name\":1}}");

    has(text, "# HELP synward_flows_opened_total connections opened to servers\n"
              "# TYPE synward_flows_opened_total counter\n"
              "synward_flows_opened_total 7\n");
    has(text, "# TYPE synward_flows_spliced gauge\nsynward_flows_spliced 3\n");
    has(text, "# TYPE synward_drops_total counter\nsynward_drops_total{reason=\"no_room\"} 5\n");
    has(text, "\nsynward_table_entries{table=\"flows\"} 10\n");
    has(text, "\nsynward_table_entries_max{table=\"flows\"} 1000\n");
    has(text, "\nsynward_newer_odd_name_total 1\n");
    free(text);
}

Test(metrics, servers)
{
    char *text = written(
        "{\"servers\":[{\"server\":\"10.77.0.2\",\"port\":80,\"vlan\":[],"
        "\"mode\":\"attack\",\"cause\":\"accept queue 85 "
        "%\",\"dead\":null,\"held\":41,\"held_mark\":64,\"ended\":2},"
        "{\"server\":\"fd77::2\",\"port\":25,\"vlan\":[100,10],\"mode\":\"normal\","
        "\"cause\":null,\"dead\":\"nobody listens\",\"held\":0,\"held_mark\":64,\"ended\":0}]}",
        "{}");

    has(text, "synward_servers 2\n");
    has(text, "# TYPE synward_server_attack_mode gauge\n"
              "synward_server_attack_mode{server=\"10.77.0.2:80\",vlan=\"\"} 1\n"
              "synward_server_attack_mode{server=\"[fd77::2]:25\",vlan=\"100.10\"} 0\n");
    has(text, "synward_server_dead{server=\"10.77.0.2:80\",vlan=\"\"} 0\n"
              "synward_server_dead{server=\"[fd77::2]:25\",vlan=\"100.10\"} 1\n");
    has(text, "synward_server_held_connections{server=\"10.77.0.2:80\",vlan=\"\"} 41\n");
    has(text, "synward_server_held_mark{server=\"10.77.0.2:80\",vlan=\"\"} 64\n");
    has(text, "# TYPE synward_server_ended_total counter\n"
              "synward_server_ended_total{server=\"10.77.0.2:80\",vlan=\"\"} 2\n");
    has(text, "# TYPE synward_server_attack_cause gauge\n"
              "synward_server_attack_cause{server=\"10.77.0.2:80\",vlan=\"\","
              "cause=\"accept queue\"} 85\n#");
    free(text);
}

Test(metrics, figures_of_servers)
{
    char *text =
        written("{\"servers\":[{\"server\":\"10.77.0.2\",\"port\":80,\"vlan\":[],\"figures\":{"
                "\"syns\":7,\"admitted\":3,\"admission_us\":1500000,\"spliced\":2,"
                "\"refused\":{\"mismatch\":5},\"admission\":[1,0,2]}},"
                "{\"server\":\"10.77.0.3\",\"port\":80,\"vlan\":[]}]}",
                "{}");

    has(text, "# HELP synward_server_syns_total SYNs that came to it\n"
              "# TYPE synward_server_syns_total counter\n"
              "synward_server_syns_total{server=\"10.77.0.2:80\",vlan=\"\"} 7\n#");
    has(text, "# TYPE synward_server_spliced gauge\n"
              "synward_server_spliced{server=\"10.77.0.2:80\",vlan=\"\"} 2\n");
    has(text, "synward_server_refused_total{server=\"10.77.0.2:80\",vlan=\"\","
              "reason=\"mismatch\"} 5\n");
    has(text,
        "# TYPE synward_server_admission_seconds histogram\n"
        "synward_server_admission_seconds_bucket{server=\"10.77.0.2:80\",vlan=\"\",le=\"0.000001\"}"
        " "
        "1\n"
        "synward_server_admission_seconds_bucket{server=\"10.77.0.2:80\",vlan=\"\",le=\"0.000002\"}"
        " "
        "1\n"
        "synward_server_admission_seconds_bucket{server=\"10.77.0.2:80\",vlan=\"\",le=\"0.000004\"}"
        " "
        "3\n"
        "synward_server_admission_seconds_bucket{server=\"10.77.0.2:80\",vlan=\"\",le=\"+Inf\"} 3\n"
        "synward_server_admission_seconds_sum{server=\"10.77.0.2:80\",vlan=\"\"} 1.500000\n"
        "synward_server_admission_seconds_count{server=\"10.77.0.2:80\",vlan=\"\"} 3\n");
    free(text);
}

Test(metrics, so_many_servers_have_figures)
{
    struct json_object *status = json_object_new_object();
    struct json_object *servers = json_object_new_array();
    const char *label;
    char *text;
    unsigned lines = 0;

    for (int i = 0; i < METRICS_SERVERS_MAX + 5; i++) {
        struct json_object *server = json_object_new_object();

        json_object_object_add(server, "server", json_object_new_string("10.77.0.2"));
        json_object_object_add(server, "port", json_object_new_int(1 + i));
        json_object_array_add(servers, server);
    }
    json_object_object_add(status, "servers", servers);
    text = written(json_object_to_json_string(status), "{}");
    has(text, "synward_servers 1005\n");
    for (label = text; (label = strstr(label, "synward_server_dead{")); label++)
        lines++;
    cr_assert_eq(lines, METRICS_SERVERS_MAX);
    json_object_put(status);
    free(text);
}

/* What stands in a document may not begin a line of its own, nor end a label. */
Test(metrics, strange_documents)
{
    char *text = written("{\"synward\":{\"version\":\"a\\\"b\\\\c\\nd\"},\"servers\":[null,5,{}],"
                         "\"mode\":5,\"uptime_s\":\"x\"}",
                         "[]");

    has(text, "synward_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
    has(text, "synward_mode{mode=\"auto\"} 0\n");
    has(text, "synward_servers 3\n");
    has(text, "\n# EOF\n");
    free(text);
}
