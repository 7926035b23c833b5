/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output.c - documents, errors and the words of tables (output.h). */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/showable.h"
#include "bridge/text/document.h"

void output_json_line(struct json_object *document, bool pretty)
{
    const char *at = json_object_to_json_string_ext(
        document, (pretty ? JSON_C_TO_STRING_PRETTY : 0) | JSON_C_TO_STRING_SPACED |
                      JSON_C_TO_STRING_NOSLASHESCAPE);
    const char *from = at; /* what is not printed yet */

    while (*at) {
        const struct character character = character_at(at);

        /* json-c escapes all below 0x20 that stands in a string; what else is there is a newline
         * of its own. */
        if (character.utf8 && !character.showable && character.code >= 0x7f) {
            fwrite(from, 1, (size_t)(at - from), stdout);
            printf("\\u%04x", character.code);
            from = at + character.bytes;
        }
        at += character.bytes;
    }
    puts(from);
}

void output_json(struct json_object *document)
{
    output_json_line(document, true);
}

enum exit_code output_error(const struct error *error)
{
    struct error line = *error;

    showable_line(line.text);
    fprintf(stderr, "synward: %s\n", line.text);
    return line.code;
}

bool output_flush(struct error *error)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    return error_set(error, EXIT_FAILED, "output: %s", strerror(errno));
}

const char *output_field(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value) || !value)
        return "-";
    return json_object_get_string(value);
}

const char *output_yes_no(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_boolean))
        return "-";
    return json_object_get_boolean(value) ? "yes" : "no";
}

/* " vlan 100.10", or nothing. */
static void append_vlan(struct json_object *vlan, char *text, size_t capacity)
{
    size_t used = strlen(text);

    if (!json_object_is_type(vlan, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(vlan) && used < capacity; i++) {
        snprintf(text + used, capacity - used, "%s%d", i == 0 ? " vlan " : ".",
                 json_object_get_int(json_object_array_get_idx(vlan, i)));
        used = strlen(text);
    }
}

char *output_server(struct json_object *object, char text[OUTPUT_SERVER_BYTES])
{
    const char *address = output_field(object, "server");
    bool brackets = strchr(address, ':') != NULL;

    snprintf(text, OUTPUT_SERVER_BYTES, "%s%.46s%s:%.5s%s", brackets ? "[" : "", address,
             brackets ? "]" : "", output_field(object, "port"),
             strcmp(output_field(object, "transport"), "udp") == 0 ? "/udp" : "");
    append_vlan(json_object_object_get(object, "vlan"), text, OUTPUT_SERVER_BYTES);
    return text;
}

char *output_vlan(struct json_object *object, char text[OUTPUT_VLAN_BYTES])
{
    struct json_object *vlan = json_object_object_get(object, "vlan");
    size_t count = json_object_is_type(vlan, json_type_array) ? json_object_array_length(vlan) : 0;

    if (count == 0)
        snprintf(text, OUTPUT_VLAN_BYTES, "-");
    else if (count == 1)
        snprintf(text, OUTPUT_VLAN_BYTES, "%d",
                 json_object_get_int(json_object_array_get_idx(vlan, 0)));
    else
        snprintf(text, OUTPUT_VLAN_BYTES, "%d.%d",
                 json_object_get_int(json_object_array_get_idx(vlan, 0)),
                 json_object_get_int(json_object_array_get_idx(vlan, 1)));
    return text;
}

char *output_duration(double seconds, char text[OUTPUT_DURATION_BYTES])
{
    unsigned long whole = seconds > 0 ? (unsigned long)seconds : 0;

    if (whole < 60)
        snprintf(text, OUTPUT_DURATION_BYTES, "%lu s", whole);
    else if (whole < 3600)
        snprintf(text, OUTPUT_DURATION_BYTES, "%lu min %lu s", whole / 60, whole % 60);
    else if (whole < 86400)
        snprintf(text, OUTPUT_DURATION_BYTES, "%lu h %lu min", whole / 3600, whole % 3600 / 60);
    else
        snprintf(text, OUTPUT_DURATION_BYTES, "%lu d %lu h", whole / 86400, whole % 86400 / 3600);
    return text;
}

void *output_alloc(void *memory)
{
    if (!memory) {
        fputs("synward: out of memory\n", stderr);
        exit(EXIT_FAILED);
    }
    return memory;
}
