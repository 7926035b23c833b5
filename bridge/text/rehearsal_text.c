/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rehearsal_text.c - see rehearsal_text.h. */
#include "bridge/text/rehearsal_text.h"

#include <sodium.h>

#include "bridge/text/document.h"
#include "engine/protocols/protocol.h"

static void add_example(struct json_object *object, const struct rehearsed_example *example)
{
    char hex[2 * REHEARSED_EXAMPLE_BYTES + 1], client[SERVER_TEXT_BYTES];

    sodium_bin2hex(hex, sizeof(hex), example->text, example->bytes);
    json_object_object_add(object, "example", json_object_new_string(hex));
    json_object_object_add(object, "looks_like",
                           json_object_new_string(protocol_name(example->protocol)));
    json_object_object_add(object, "client",
                           json_object_new_string(server_to_text(&example->client, 0, client)));
    json_object_object_add(object, "at", json_object_new_int64((int64_t)example->at_s));
    json_object_object_add(object, "example_accepted", json_object_new_boolean(example->accepted));
}

static struct json_object *reason_to_json(const struct rehearsed_server *server,
                                          enum rehearsed reason, struct rehearsed_count count)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "reason", json_object_new_string(rehearsal_name(reason)));
    json_object_object_add(object, "text", json_object_new_string(rehearsal_words(reason)));
    json_object_object_add(object, "refused", json_object_new_boolean(rehearsal_refuses(reason)));
    json_object_object_add(object, "requests", json_object_new_int64(count.all));
    json_object_object_add(object, "accepted", json_object_new_int64(count.accepted));
    if (server->examples[reason].at_s != 0)
        add_example(object, &server->examples[reason]);
    return object;
}

static struct json_object *server_to_json(const struct rehearsed_server *server,
                                          const struct rehearsal_span *span)
{
    struct json_object *object = json_object_new_object(), *reasons = json_object_new_array();
    struct rehearsed_count all = {0}, refused = {0};
    char address[SERVER_TEXT_BYTES];

    for (int i = 0; i < REHEARSED_COUNT; i++) {
        const enum rehearsed reason = (enum rehearsed)i;
        const struct rehearsed_count count =
            rehearsal_count(server, reason, span->wall_s, span->for_s);

        all.all += count.all;
        refused.all += rehearsal_refuses(reason) ? count.all : 0;
        refused.accepted += rehearsal_refuses(reason) ? count.accepted : 0;
        if (count.all > 0)
            json_object_array_add(reasons, reason_to_json(server, reason, count));
    }
    json_object_object_add(object, "server",
                           json_object_new_string(server_to_text(&server->key.addr, 0, address)));
    json_object_object_add(object, "port", json_object_new_int(server->key.port));
    json_object_object_add(object, "vlan", document_vlan(&server->key.vlan));
    json_object_object_add(object, "requests", json_object_new_int64(all.all));
    json_object_object_add(object, "refused", json_object_new_int64(refused.all));
    json_object_object_add(object, "refused_accepted", json_object_new_int64(refused.accepted));
    json_object_object_add(object, "reasons", reasons);
    return object;
}

struct json_object *rehearsal_to_json(const struct rehearsal *rehearsal,
                                      const struct server_selector *selector,
                                      const struct rehearsal_span *span)
{
    struct json_object *document = document_new(), *array = json_object_new_array();
    const struct rehearsed_server *server;

    for (uint32_t i = 0; (server = rehearsal_server(rehearsal, i)) != NULL; i++)
        if (!selector || server_selector_matches(selector, &server->key))
            json_object_array_add(array, server_to_json(server, span));
    json_object_object_add(document, "for_s", json_object_new_int64((int64_t)span->for_s));
    json_object_object_add(document, "rehearsal", array);
    json_object_object_add(document, "passed_over",
                           json_object_new_uint64(rehearsal_passed_over(rehearsal)));
    return document;
}
