/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answers.c - requests to the daemon, and their answers (doc/control-protocol.md lists them all).
 * Their handlers are in the files answer_*.c (answer.h).
 */
#include "bridge/control/answers.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/control/answer.h"
#include "bridge/control/pieces.h"
#include "bridge/control/request.h"
#include "bridge/control/text.h"
#include "bridge/daemon.h"
#include "bridge/events/events.h"
#include "bridge/text/document.h"
#include "bridge/text/mode_text.h"
#include "engine/version.h"
#include "profiles/store/json_document.h"

#define WATCH_REQUEST_MAX 1024

static struct json_object *answer_learn(struct daemon *daemon, struct json_object *request,
                                        struct error *error)
{
    struct json_object *learning = NULL, *document;

    if (!json_object_object_get_ex(request, "learning", &learning) ||
        !json_object_is_type(learning, json_type_boolean)) {
        error_set(error, EXIT_USAGE, "the request has no boolean \"learning\"");
        return NULL;
    }
    daemon_set_learning(daemon, json_object_get_boolean(learning));
    document = document_new();
    json_object_object_add(document, "learning", json_object_new_boolean(daemon_learning(daemon)));
    return document;
}

struct json_object *answer_reload(struct daemon *daemon, struct json_object *request,
                                  struct error *error)
{
    (void)request;
    return daemon_reload(daemon, error);
}

static bool unknown_kind(const char *name, struct error *error)
{
    char known[256];
    size_t used = 0;

    for (enum event_kind kind = 0; kind < EVENT_KINDS_COUNT; kind++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", kind ? ", " : "",
                                 event_kind_name(kind));
    return error_set(error, EXIT_USAGE, "no kind of event \"%.40s\": known are %s", name, known);
}

/* "kinds": those that are wanted, all where there are none. */
static bool read_kinds(struct json_object *request, uint32_t *unwanted, struct error *error)
{
    struct json_object *names = json_object_object_get(request, "kinds");

    *unwanted = 0;
    if (!names)
        return true;
    if (!json_object_is_type(names, json_type_array))
        return error_set(error, EXIT_USAGE, "\"kinds\" is no array of names");
    *unwanted = UINT32_MAX;
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));
        const enum event_kind kind = event_kind_named(name ? name : "");

        if (kind == EVENT_KINDS_COUNT)
            return unknown_kind(name ? name : "", error);
        *unwanted &= ~(1u << kind);
    }
    return true;
}

/* "since": the number of an event; `events` NULL: only looked at. */
static bool read_watch(struct json_object *request, const struct events *events,
                       struct event_reader *reader, struct error *error)
{
    struct json_object *since = json_object_object_get(request, "since");
    const int64_t number = json_object_get_int64(since);
    uint32_t unwanted;

    if (since && (!json_object_is_type(since, json_type_int) || number < 0))
        return error_set(error, EXIT_USAGE, "\"since\" is not the number of an event");
    if (!read_kinds(request, &unwanted, error))
        return false;
    if (events) {
        *reader = since ? events_since(events, (uint64_t)number) : events_reader(events);
        reader->unwanted = unwanted;
    }
    return true;
}

/* The first line of a watcher: from here on it is told what happens. */
static struct json_object *answer_watch(struct daemon *daemon, struct json_object *request,
                                        struct error *error)
{
    struct json_object *document;
    char time[TIME_TEXT_BYTES];

    if (!read_watch(request, NULL, NULL, error))
        return NULL;
    document = document_new();
    json_object_object_add(
        document, "time",
        json_object_new_string(time_to_text((int64_t)(clock_wall_us() / 1000000), time)));
    json_object_object_add(document, "event", json_object_new_string("watch"));
    json_object_object_add(document, "state",
                           json_object_new_string(mode_setting_name(daemon_mode(daemon))));
    json_object_object_add(document, "text", json_object_new_string("what happens from here on"));
    return document;
}

#define ALWAYS "command" /* which every request has */

struct control_command {
    const char *name;
    answer_handler *handle; /* or */
    answer_writer *write;   /* or neither: a long answer (control_begin()) */
    const char *changes_by; /* it changes something where the request has this key; NULL: never */
};

static const struct control_command commands[] = {
    {"status", answer_status, NULL, NULL},
    {"profiles", answer_profiles, NULL, NULL},
    {"export", NULL, NULL, NULL},
    {"import", NULL, NULL, ALWAYS},
    {"forget", answer_forget, NULL, ALWAYS},
    {"set", answer_set, NULL, ALWAYS},
    {"learn", answer_learn, NULL, ALWAYS},
    {"mode", answer_mode, NULL, "setting"},
    {"flows", NULL, write_flows, NULL},
    {"stats", answer_stats, NULL, NULL},
    {"sources", answer_sources, NULL, "action"},
    {"list", answer_list, NULL, NULL},
    {"watch", answer_watch, NULL, NULL},
    {"sample", answer_sample, NULL, NULL},
    {"rehearse", answer_rehearse, NULL, NULL},
    {"reload", answer_reload, NULL, ALWAYS},
    {"cluster", answer_cluster, NULL, ALWAYS},
};

static const struct control_command *find_command(struct json_object *request, struct error *error)
{
    const char *name = request_string(request, "command", error);

    if (!name)
        return NULL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    error_set(error, EXIT_USAGE,
              "this daemon (synward " SYNWARD_VERSION ") has no command \"%.60s\"", name);
    return NULL;
}

/* The object that a request is. NULL and `error` set where it is none. */
static struct json_object *parse_request(const char *request, size_t bytes, struct error *error)
{
    struct json_flaw flaw;
    struct json_object *parsed = json_document(request, bytes, JSON_ANY_BYTES, &flaw);

    if (!parsed && flaw.kind == JSON_FLAW_MEMORY)
        error_set(error, EXIT_FAILED, "%s", flaw.reason);
    else if (!parsed && flaw.kind == JSON_FLAW_KIND)
        error_set(error, EXIT_USAGE, "a request is one JSON object");
    else if (!parsed)
        error_set(error, EXIT_USAGE, "the request is not one JSON object: byte %zu: %s",
                  flaw.offset, flaw.reason);
    return parsed;
}

struct control_stay control_asks_to_stay(const char *request, size_t bytes,
                                         const struct events *events)
{
    struct error error = {0};
    struct json_object *parsed =
        bytes <= WATCH_REQUEST_MAX ? parse_request(request, bytes, &error) : NULL;
    const struct control_command *command = parsed ? find_command(parsed, &error) : NULL;
    struct control_stay stay = {0};

    /* What is wrong with it is answered as anything else is. */
    stay.watches = command && command->handle == answer_watch &&
                   read_watch(parsed, events, &stay.reader, &error);
    if (command && command->handle == answer_sample)
        stay.sample_ms = sample_every_ms(parsed);
    json_object_put(parsed);
    return stay;
}

/* False with `error` where it would change something. */
static bool only_reads(const struct control_command *command, struct json_object *request,
                       struct error *error)
{
    if (!command->changes_by || !json_object_object_get_ex(request, command->changes_by, NULL))
        return true;
    return error_set(error, EXIT_USAGE,
                     "\"%s\" changes something: over this socket one can only look", command->name);
}

/* `synward sync` is told all, and says what other bridges have told it: no word of the operator's.
 * Profiles it imports, which is a long answer, and lists. */
static bool is_of_sync(const struct control_command *command, struct json_object *request,
                       struct error *error)
{
    const char *action = document_string(request, "action");

    if (command->handle == answer_cluster || !command->changes_by ||
        !json_object_object_get_ex(request, command->changes_by, NULL) ||
        (command->handle == answer_sources && action && strcmp(action, "import") == 0))
        return true;
    return error_set(error, EXIT_USAGE,
                     "\"%s\" is not for this socket: it is that of `synward sync`", command->name);
}

/* Writes the answer, or fills `error`: then nothing was written. */
static void write_answer(struct daemon *daemon, struct control_question question, FILE *out,
                         struct error *error)
{
    struct json_object *parsed = parse_request(question.text, question.bytes, error), *document;
    const struct control_command *command =
        error->code == EXIT_DONE ? find_command(parsed, error) : NULL;

    if (command && question.view && !only_reads(command, parsed, error))
        command = NULL;
    if (command && question.sync && !is_of_sync(command, parsed, error))
        command = NULL;
    if (command && command->write) {
        command->write(daemon, out, error);
    } else if (command) {
        document = command->handle == answer_sample
                       ? answer_sample_after(daemon, parsed, &question, error)
                       : command->handle(daemon, parsed, error);
        if (document)
            text_write_document(out, document);
        else if (error->code == EXIT_DONE)
            error_set(error, EXIT_FAILED, "out of memory");
    }
    json_object_put(parsed);
}

/* All pieces at once, where the answer is a long one. True: nothing else is to be done. */
static bool write_long(struct daemon *daemon, struct control_question question, FILE *out)
{
    char *copy = malloc(question.bytes + 1);
    struct pieces *pieces;

    if (!copy)
        return false;
    memcpy(copy, question.text, question.bytes);
    copy[question.bytes] = '\0';
    pieces = control_begin(daemon, copy, question.bytes, question.view);
    while (pieces && !pieces->ended) {
        size_t length;
        char *piece = pieces->next(pieces, &length);

        /* The stream ends with a newline of its own. */
        fwrite(piece ? piece : "", 1, piece && pieces->ended ? length - 1 : length, out);
        free(piece);
    }
    if (pieces)
        pieces->free(pieces);
    free(copy);
    return pieces;
}

char *control_answer(struct daemon *daemon, struct control_question question, size_t *answer_bytes)
{
    struct error error = {0};
    struct text text;

    FILE *out = text_open(&text);

    *answer_bytes = 0;
    if (!out)
        return NULL;
    if (write_long(daemon, question, out))
        return text_close(out, &text, answer_bytes);
    write_answer(daemon, question, out, &error);
    if (error.code != EXIT_DONE)
        text_write_document(out, document_error(&error));
    return text_close(out, &text, answer_bytes);
}
