/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.c - see text.h. */
#include "bridge/control/text.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/text/document.h"

static ssize_t text_write(void *cookie, const char *data, size_t bytes)
{
    struct text *text = cookie;

    if (text->capacity - text->bytes < bytes) {
        size_t capacity = text->bytes + bytes + text->bytes / 2;
        char *grown = realloc(text->data, capacity);

        if (!grown)
            return 0;
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
    return (ssize_t)bytes;
}

FILE *text_open(struct text *text)
{
    *text = (struct text){0};
    return fopencookie(text, "w", (cookie_io_functions_t){.write = text_write});
}

char *text_close(FILE *out, struct text *text, size_t *bytes)
{
    bool failed;

    fputc('\n', out);
    failed = ferror(out) != 0;
    *bytes = 0;
    if (fclose(out) == 0 && !failed && text->bytes > 1) {
        *bytes = text->bytes;
        return text->data;
    }
    free(text->data);
    return NULL;
}

void text_write_document(FILE *out, struct json_object *document)
{
    const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN |
                                                                    JSON_C_TO_STRING_NOSLASHESCAPE);

    if (text)
        fputs(text, out);
    json_object_put(document);
}

char *text_error(const struct error *error, size_t *bytes)
{
    struct text text;

    FILE *out = text_open(&text);

    *bytes = 0;
    if (!out)
        return NULL;
    text_write_document(out, document_error(error));
    return text_close(out, &text, bytes);
}
