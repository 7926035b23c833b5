/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asks.c - see asks.h. */
#include "cli/web/asks.h"

#include <stdio.h>
#include <string.h>

#include "cli/control_client.h"

void asks_open(struct asks *asks, struct connector *connector)
{
    *asks = (struct asks){.connector = connector};
    for (unsigned i = 0; i < ASKS_MAX; i++)
        asks->asks[i].wire.fd = -1;
}

static bool under_way(const struct ask *ask)
{
    return ask->request[0] && ask->done_ms == 0;
}

static void end(struct ask *ask)
{
    wire_close(&ask->wire);
    *ask = (struct ask){.wire = {.fd = -1}};
}

/* What was answered a while ago is free again. */
static struct ask *find(struct asks *asks, const char *request, uint64_t now_ms)
{
    struct ask *found = NULL, *spare = NULL;

    for (unsigned i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &asks->asks[i];

        if (ask->done_ms && now_ms - ask->done_ms >= ASK_KEPT_MS)
            end(ask);
        if (strcmp(ask->request, request) == 0)
            found = ask;
        if (ask->request[0] == '\0')
            spare = ask;
    }
    return found ? found : spare;
}

static void begin(struct asks *asks, struct ask *ask, struct json_object *question, uint64_t now_ms)
{
    struct error error = {0};
    const int fd = connector_open(asks->connector, &error);

    ask->begun_ms = now_ms;
    if (fd >= 0) {
        wire_begin(&ask->wire, fd, json_object_get(question));
        return;
    }
    ask->failed = true;
    ask->done_ms = now_ms;
}

enum ask_state asks_about(struct asks *asks, const char *command, const char *server,
                          uint64_t now_ms, const struct ask **found)
{
    struct json_object *question = control_request(command);
    const char *text;
    struct ask *ask;

    if (server)
        json_object_object_add(question, "server", json_object_new_string(server));
    text = json_object_to_json_string_ext(question, JSON_C_TO_STRING_PLAIN);
    ask = strlen(text) < ASK_BYTES ? find(asks, text, now_ms) : NULL;
    if (ask && ask->request[0] == '\0') {
        snprintf(ask->request, sizeof(ask->request), "%s", text);
        begin(asks, ask, question, now_ms);
    }
    json_object_put(question);
    *found = ask;
    if (!ask)
        return ASK_BUSY;
    return under_way(ask) ? ASK_WAIT : ask->failed ? ASK_FAILED : ASK_DONE;
}

unsigned asks_watched(const struct asks *asks, struct pollfd *out)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ASKS_MAX; i++)
        if (under_way(&asks->asks[i]))
            out[count++] = wire_watched(&asks->asks[i].wire);
    return count;
}

bool asks_move(struct asks *asks, uint64_t now_ms)
{
    bool some = false;

    for (unsigned i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &asks->asks[i];
        const bool late = now_ms - ask->begun_ms >= ASK_TIMEOUT_MS;

        if (!under_way(ask) || (wire_move(&ask->wire) && !late))
            continue;
        ask->failed = late || ask->wire.bytes == 0;
        ask->done_ms = now_ms;
        wire_hang_up(&ask->wire);
        some = true;
    }
    return some;
}

void asks_close(struct asks *asks)
{
    for (unsigned i = 0; i < ASKS_MAX; i++)
        end(&asks->asks[i]);
}
