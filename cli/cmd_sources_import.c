/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_sources_import.c - `synward sources import NAME FILE`: a list of prefixes, read and sorted
 * here, and sent to the daemon in pieces, so that nobody waits for it there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/imports/imports.h"
#include "bridge/text/server_text.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "profiles/store/text_mark.h"

#define LIST_BYTES_MAX (128u * 1024 * 1024)
#define PIECE_PREFIXES 1024u /* a request stays below 64 KiB */
#define PREFIX_BYTES   (ADDR_TEXT_BYTES + 5)

struct prefix {
    struct ip_addr addr;
    uint8_t length;
};

struct prefixes {
    struct prefix *all;
    size_t count, room;
};

/* --- the file -------------------------------------------------------------------------------- */

static bool add(struct prefixes *prefixes, const char *text, struct error *error)
{
    struct prefix *grown, *one;

    if (!prefixes->all || prefixes->count == prefixes->room) {
        prefixes->room = prefixes->room ? 2 * prefixes->room : 4096;
        grown = realloc(prefixes->all, prefixes->room * sizeof(*grown));
        if (!grown)
            return error_set(error, EXIT_FAILED, "out of memory");
        prefixes->all = grown;
    }
    one = &prefixes->all[prefixes->count];
    if (!prefix_parse(text, &one->addr, &one->length, error))
        return false;
    prefixes->count++;
    return one->length > 0 || error_set(error, EXIT_USAGE, "%s: that is everybody", text);
}

/* The first word of each line; what is behind it, and behind # or ;, is for people. */
static bool read_list(char *text, size_t bytes, const char *path, struct prefixes *prefixes,
                      struct error *error)
{
    const size_t mark = text_mark_bytes(text, bytes);
    unsigned long number = 0;

    /* What is not read would be a list that is shorter, and nobody had said so. */
    if (memchr(text, '\0', bytes))
        return error_set(error, EXIT_FAILED, "import: %.200s: has a zero byte: give a text file",
                         path);
    for (char *line = text + mark, *next; line; line = next) {
        struct error reason = {0};
        char *word;

        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        number++;
        word = line + strspn(line, " \t\r");
        word[strcspn(word, " \t\r,;#")] = '\0';
        if (*word && !add(prefixes, word, &reason))
            return error_set(error, EXIT_FAILED, "import: %.200s:%lu: %.250s", path, number,
                             reason.text);
    }
    return true;
}

/* A prefix before those within it. */
static int by_address(const void *left, const void *right)
{
    const struct prefix *a = left, *b = right;
    const int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

    return order ? order : (int)a->length - (int)b->length;
}

static void sort(struct prefixes *prefixes)
{
    size_t kept = 0;

    if (prefixes->count > 0)
        qsort(prefixes->all, prefixes->count, sizeof(*prefixes->all), by_address);
    for (size_t i = 0; i < prefixes->count; i++)
        if (i == 0 || by_address(&prefixes->all[i], &prefixes->all[kept - 1]) != 0)
            prefixes->all[kept++] = prefixes->all[i];
    prefixes->count = kept;
}

/* --- the daemon ------------------------------------------------------------------------------ */

static struct json_object *piece(const char *name, const struct prefixes *prefixes, size_t from)
{
    const size_t left = prefixes->count - from;
    const size_t count = left < PIECE_PREFIXES ? left : PIECE_PREFIXES;
    struct json_object *request = control_request("sources");
    char *text = malloc(count * PREFIX_BYTES + 1), address[ADDR_TEXT_BYTES];
    size_t used = 0;

    for (size_t i = from; text && i < from + count; i++)
        used +=
            (size_t)sprintf(text + used, "%s%s/%u", i > from ? " " : "",
                            addr_to_text(&prefixes->all[i].addr, address), prefixes->all[i].length);
    json_object_object_add(request, "action", json_object_new_string("import"));
    json_object_object_add(request, "name", json_object_new_string(name));
    json_object_object_add(request, "from", json_object_new_int64((int64_t)from));
    json_object_object_add(request, "prefixes",
                           text ? json_object_new_string_len(text, (int)used) : NULL);
    json_object_object_add(request, "last", json_object_new_boolean(count == left));
    free(text);
    return request;
}

/* The answer to the last piece, which the caller frees. */
static struct json_object *send(const struct arguments *arguments, const char *name,
                                const struct prefixes *prefixes, struct error *error)
{
    struct json_object *document = NULL;
    size_t from = 0;

    do {
        json_object_put(document);
        document = control_ask(arguments, piece(name, prefixes, from), error);
        from += PIECE_PREFIXES;
    } while (document && from < prefixes->count);
    return document;
}

bool cmd_sources_import(const struct arguments *arguments, struct error *error)
{
    const char *name = command_word(arguments, 0), *path = command_word(arguments, 1);
    struct prefixes prefixes = {0};
    struct json_object *document = NULL;
    size_t bytes = 0;
    char *text =
        import_name_check(name, error) ? file_read(path, LIST_BYTES_MAX, &bytes, error) : NULL;

    if (text && read_list(text, bytes, path, &prefixes, error)) {
        sort(&prefixes);
        if (prefixes.count > IMPORT_PREFIXES_MAX)
            error_set(error, EXIT_FAILED,
                      "import: %.200s: more than %u prefixes: import them as two lists", path,
                      IMPORT_PREFIXES_MAX);
        else
            document = send(arguments, name, &prefixes, error);
    }
    if (document && option_given(arguments, OPTION_JSON))
        output_json(document);
    else if (document)
        printf("%s: %zu prefixes are put aside\n", name, prefixes.count);
    free(text);
    free(prefixes.all);
    json_object_put(document);
    return document;
}
