/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_text.c - see store_text.h. The bytes are those that json-c makes of store_to_json(). */
#include "profiles/store/store_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "profiles/model/profile.h"
#include "profiles/store/json_document.h"
#include "profiles/store/profile_json.h"
#include "profiles/store/store.h"

#define INDENT "    " /* of a profile: json-c takes two spaces a level */

/* Lines end between values only: a text holds none. */
static void write_indented(FILE *out, const char *text, const char *indent)
{
    for (const char *end = strchr(text, '\n'); end; end = strchr(text, '\n')) {
        fwrite(text, 1, (size_t)(end - text) + 1, out);
        fputs(indent, out);
        text = end + 1;
    }
    fputs(text, out);
}

/* Takes the object. */
static void write_object(FILE *out, const struct store_text *text, struct json_object *object,
                         const char *indent)
{
    const int flags =
        JSON_C_TO_STRING_NOSLASHESCAPE |
        (text->pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN);
    const char *written = object ? json_object_to_json_string_ext(object, flags) : NULL;

    if (written && text->pretty)
        write_indented(out, written, indent);
    else if (written)
        fputs(written, out);
    json_object_put(object);
}

static void write_head(FILE *out, const struct store_text *text)
{
    fputs(text->pretty ? "{\n  \"synward\": " : "{\"synward\":", out);
    write_object(out, text, synward_to_json(), "  ");
    fputs(text->pretty ? ",\n  \"profiles\": [" : ",\"profiles\":[", out);
}

static void write_profile(FILE *out, const struct store_text *text, const struct profile *profile)
{
    struct json_object *object = profile_to_json(profile);

    if (text->decorate && object)
        text->decorate(object, profile);
    if (text->count > 0)
        fputc(',', out);
    if (text->pretty)
        fputs("\n" INDENT, out);
    write_object(out, text, object, INDENT);
}

static void write_end(FILE *out, const struct store_text *text)
{
    fputs(text->pretty ? "\n  ]\n}" : "]}", out);
}

static void write_piece(FILE *out, struct store_text *text)
{
    size_t index = text->count > 0 ? store_behind(text->store, &text->last) : 0;

    if (!text->begun)
        write_head(out, text);
    text->begun = true;
    for (unsigned i = 0; i < STORE_TEXT_PIECE; i++, index++) {
        const struct profile *profile = store_at(text->store, index);

        if (!profile) {
            text->ended = true;
            write_end(out, text);
            return;
        }
        write_profile(out, text, profile);
        text->last = profile->key;
        text->count++;
    }
}

char *store_text_next(struct store_text *text, size_t *bytes)
{
    char *piece = NULL;
    FILE *out = open_memstream(&piece, bytes);

    if (!out)
        return NULL;
    write_piece(out, text);
    if (fclose(out) == 0 && piece)
        return piece;
    free(piece);
    return NULL;
}
