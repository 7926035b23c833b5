/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_traffic.c - what passes: flows and counters. */
#include <stdlib.h>

#include "bridge/base/log.h"
#include "bridge/control/answer.h"
#include "bridge/control/text.h"
#include "bridge/daemon.h"
#include "bridge/text/document.h"
#include "profiles/store/json_document.h"

/* Nothing in it needs an escape. */
static void write_flow(FILE *out, const struct flow_info *flow)
{
    char client[SERVER_TEXT_BYTES], server[SERVER_TEXT_BYTES];

    fprintf(out, "{\"client\":\"%s\",\"server\":\"%s\",\"vlan\":",
            server_to_text(&flow->key.client, flow->key.client_port, client),
            server_to_text(&flow->key.server, flow->key.server_port, server));
    text_write_document(out, document_vlan(&flow->key.vlan));
    fprintf(out, ",\"state\":\"%s\",\"age_s\":%.1f,\"delta\":", flow->state,
            (double)flow->age_us / 1e6);
    if (flow->spliced)
        fprintf(out, "%u}", flow->delta);
    else
        fputs("null}", out);
}

bool write_flows(struct daemon *daemon, FILE *out, struct error *error)
{
    struct flow_info *flows = NULL;
    uint32_t count = 0;

    if (!daemon_flows(daemon, &flows, &count, error))
        return false;
    fputs("{\"synward\":", out);
    text_write_document(out, synward_to_json());
    fputs(",\"flows\":[", out);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            fputc(',', out);
        write_flow(out, &flows[i]);
    }
    fputs("]}", out);
    free(flows);
    return true;
}

static void add_counter(void *context, const char *group, const char *name, const char *text,
                        uint64_t value)
{
    struct json_object *document = context, *object = NULL;

    (void)text;
    if (!json_object_object_get_ex(document, group, &object)) {
        object = json_object_new_object();
        json_object_object_add(document, group, object);
    }
    json_object_object_add(object, name, json_object_new_uint64(value));
}

static void add_tables(struct json_object *document, const struct engine_use *use)
{
#define ADD_TABLE(name, text)                                                                      \
    add_counter(document, "tables", #name "_used", NULL, use->name.used);                          \
    add_counter(document, "tables", #name "_size", NULL, use->name.size);
    ENGINE_TABLES(ADD_TABLE)
#undef ADD_TABLE
}

struct json_object *answer_stats(struct daemon *daemon, struct json_object *request,
                                 struct error *error)
{
    struct counters counters = {0};
    struct engine_use use = {0};
    struct json_object *document;

    if (json_object_object_get(request, "server"))
        return answer_server_stats(daemon, request, error);
    if (!daemon_counters(daemon, &counters, NULL, error) || !daemon_use(daemon, &use, error))
        return NULL;
    document = document_new();
    counters_visit(&counters, add_counter, document);
    add_tables(document, &use);
    add_counter(document, "log", "dropped", NULL, log_dropped());
    return document;
}
