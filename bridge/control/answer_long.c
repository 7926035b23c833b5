/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_long.c - answers that would hold up the main loop if they were made at once.
 *
 *      export, profiles   TEXT: some profiles a piece
 *      import             TAKE the file out of the request, READ it, put all of it over the store,
 *                         COMPILE until every worker has it; then the answer
 *
 * Any long request is taken for an import; where it turns out to be another, it is answered at
 * once.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/cluster/peers.h"
#include "bridge/control/answer.h"
#include "bridge/control/answers.h"
#include "bridge/control/import_request.h"
#include "bridge/control/pieces.h"
#include "bridge/control/request.h"
#include "bridge/control/text.h"
#include "bridge/daemon.h"
#include "bridge/text/document.h"
#include "profiles/store/json_document.h"
#include "profiles/store/store.h"
#include "profiles/store/store_import.h"
#include "profiles/store/store_text.h"

#define LONG_REQUEST_BYTES (64u * 1024)
#define SAY_EVERY_US       (1000ull * 1000)

struct long_answer {
    struct pieces pieces; /* first */
    struct daemon *daemon;
    enum { LONG_TEXT, LONG_TAKE, LONG_READ, LONG_COMPILE } stage;
    struct store_text text;
    struct import_request taken;
    struct json_object *request;
    struct store_import *import;
    uint64_t revision;  /* of the store with what was imported */
    uint64_t silent_us; /* since when nothing was said */
};

/* --- text ------------------------------------------------------------------------------------ */

static char *next_text(struct long_answer *answer, size_t *bytes)
{
    char *piece = store_text_next(&answer->text, bytes), *ended;

    answer->pieces.ended = !piece || answer->text.ended;
    if (!piece || !answer->text.ended)
        return piece;
    ended = realloc(piece, *bytes + 2);
    if (!ended)
        return piece;
    ended[(*bytes)++] = '\n';
    return ended;
}

/* --- import ---------------------------------------------------------------------------------- */

static char *say(struct long_answer *answer, struct json_object *document, size_t *bytes)
{
    struct text text;
    FILE *out = text_open(&text);

    answer->pieces.ended = true;
    if (!out) {
        json_object_put(document);
        return NULL;
    }
    text_write_document(out, document);
    return text_close(out, &text, bytes);
}

static char *fail(struct long_answer *answer, const struct error *error, size_t *bytes)
{
    return say(answer, document_error(error), bytes);
}

/* The request without its contents. False: it is not for us, and `*at_once` is the answer. */
static bool read_request(struct long_answer *answer, struct error *error)
{
    const struct import_request *taken = &answer->taken;
    struct json_flaw flaw;
    const char *command;

    answer->request = json_document(taken->rest, taken->rest_bytes, JSON_ANY_BYTES, &flaw);
    command = answer->request ? document_string(answer->request, "command") : NULL;
    if (command && strcmp(command, "import") == 0)
        return true;
    /* Nothing else is so long; and what may ask for it was asked for an import only. */
    if (answer->request)
        return error_set(error, EXIT_USAGE, "the request is longer than 64 KiB, and no import");
    if (flaw.kind == JSON_FLAW_KIND)
        return error_set(error, EXIT_USAGE, "a request is one JSON object");
    return error_set(error, EXIT_USAGE, "the request is not one JSON object: byte %zu: %s",
                     import_request_offset(taken, flaw.offset), flaw.reason);
}

static bool begin_import(struct long_answer *answer, struct error *error)
{
    const struct import_request *taken = &answer->taken;
    const char *name = document_string(answer->request, "name");

    if (!taken->contents)
        return error_set(error, EXIT_USAGE, "the request has no string \"contents\"");
    answer->import =
        store_import_begin(taken->contents, taken->contents_bytes, name ? name : "imported file");
    answer->stage = LONG_READ;
    return answer->import || error_set(error, EXIT_FAILED, "out of memory");
}

static char *next_take(struct long_answer *answer, size_t *bytes)
{
    struct error error = {0};

    switch (import_request_step(&answer->taken, &error)) {
    case IMPORT_REQUEST_GOES_ON:
        return NULL;
    case IMPORT_REQUEST_TAKEN:
        if (read_request(answer, &error) && begin_import(answer, &error))
            return NULL;
        break;
    case IMPORT_REQUEST_FAILED:
        break;
    }
    return fail(answer, &error, bytes);
}

static char *next_read(struct long_answer *answer, size_t *bytes)
{
    struct store *store = daemon_store(answer->daemon);
    struct error error = {0};
    const char *teacher = document_string(answer->request, "teacher");
    const enum store_import_state state = store_import_step(answer->import, &error);

    if (state == STORE_IMPORT_GOES_ON)
        return NULL;
    if (state == STORE_IMPORT_READ && teacher)
        store_import_teach(answer->import, peers_id(teacher));
    if (state == STORE_IMPORT_FAILED || !store_import_merge(answer->import, store, &error))
        return fail(answer, &error, bytes);
    answer->revision = store_revision(store);
    answer->stage = LONG_COMPILE;
    if (teacher)
        daemon_store_changed(answer->daemon);
    else
        daemon_imported(answer->daemon);
    return NULL;
}

static char *next_compile(struct long_answer *answer, size_t *bytes)
{
    struct error error = {0};
    struct json_object *document;

    if (!daemon_go_on_compiling(answer->daemon, answer->revision))
        return NULL;
    if (!daemon_wait_adopted(answer->daemon, &error))
        return fail(answer, &error, bytes);
    document = document_new();
    json_object_object_add(document, "imported",
                           json_object_new_int64((int64_t)store_import_count(answer->import)));
    return say(answer, document, bytes);
}

/* --- both ------------------------------------------------------------------------------------ */

/* Now and then a space, which means nothing in JSON: whoever waits for an import hears that it goes
 * on. */
static char *still_at_it(struct long_answer *answer, size_t *bytes)
{
    const uint64_t now_us = clock_now_us();
    char *space;

    if (now_us < answer->silent_us + SAY_EVERY_US)
        return NULL;
    answer->silent_us = now_us;
    space = strdup(" ");
    *bytes = space ? 1 : 0;
    return space;
}

static char *next_of_import(struct long_answer *answer, size_t *bytes)
{
    char *piece;

    if (answer->stage == LONG_TAKE)
        piece = next_take(answer, bytes);
    else
        piece = answer->stage == LONG_READ ? next_read(answer, bytes) : next_compile(answer, bytes);
    return answer->pieces.ended ? piece : still_at_it(answer, bytes);
}

static char *next(struct pieces *pieces, size_t *bytes)
{
    struct long_answer *answer = (struct long_answer *)pieces;

    *bytes = 0;
    return answer->stage == LONG_TEXT ? next_text(answer, bytes) : next_of_import(answer, bytes);
}

static void free_answer(struct pieces *pieces)
{
    struct long_answer *answer = (struct long_answer *)pieces;

    store_import_end(answer->import);
    import_request_free(&answer->taken);
    json_object_put(answer->request);
    free(answer);
}

enum long_command { COMMAND_SHORT, COMMAND_EXPORT, COMMAND_PROFILES, COMMAND_IMPORT };

static enum long_command command_of(const char *request, size_t bytes)
{
    struct json_flaw flaw;
    struct json_object *parsed;
    enum long_command command = COMMAND_SHORT;
    const char *name;

    if (bytes > LONG_REQUEST_BYTES)
        return COMMAND_IMPORT;
    parsed = json_document(request, bytes, JSON_ANY_BYTES, &flaw);
    name = parsed ? document_string(parsed, "command") : NULL;
    if (name && strcmp(name, "import") == 0)
        command = COMMAND_IMPORT;
    else if (name && strcmp(name, "export") == 0)
        command = COMMAND_EXPORT;
    else if (name && strcmp(name, "profiles") == 0 && !json_object_object_get(parsed, "server"))
        command = COMMAND_PROFILES;
    json_object_put(parsed);
    return command;
}

struct pieces *control_begin(struct daemon *daemon, char *request, size_t bytes, bool view)
{
    const enum long_command command = command_of(request, bytes);
    struct long_answer *answer;

    /* Of whoever may only look nothing is taken for an import: control_answer() refuses it. */
    if (command == COMMAND_SHORT || (command == COMMAND_IMPORT && view))
        return NULL;
    answer = calloc(1, sizeof(*answer));
    if (!answer)
        return NULL;
    *answer = (struct long_answer){
        .pieces = {.next = next, .free = free_answer},
        .daemon = daemon,
        .silent_us = clock_now_us(),
        .stage = command == COMMAND_IMPORT ? LONG_TAKE : LONG_TEXT,
        .text = {.store = daemon_store(daemon),
                 .decorate = command == COMMAND_PROFILES ? document_add_enforced_to : NULL}};
    import_request_begin(&answer->taken, request, bytes);
    return &answer->pieces;
}
