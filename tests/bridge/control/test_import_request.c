/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "contents" is taken out of a request in place, as json-c would decode it. */
#include "bridge/control/import_request.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum import_request_state take(struct import_request *request, char *text,
                                      struct error *error)
{
    enum import_request_state state = IMPORT_REQUEST_GOES_ON;

    *error = (struct error){0};
    import_request_begin(request, text, strlen(text));
    while (state == IMPORT_REQUEST_GOES_ON)
        state = import_request_step(request, error);
    return state;
}

Test(import_request, decodes_as_json_c_does)
{
    static const char *const strings[] = {
        "",
        "plain",
        "a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t",
        "\\u0041\\u00e4\\u20AC\\ud83d\\ude00",
        "\\ud83d alone",
        "{\\\"synward\\\": {\\\"schema\\\": 1}, \\\"profiles\\\": []}",
    };

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        struct import_request request;
        struct error error;
        char text[256];
        struct json_object *whole, *rest;
        const char *wanted;

        snprintf(text, sizeof(text), "{\"contents\": \"%s\", \"command\": \"import\"}", strings[i]);
        whole = json_tokener_parse(text);
        wanted = json_object_get_string(json_object_object_get(whole, "contents"));
        cr_assert_eq(take(&request, text, &error), IMPORT_REQUEST_TAKEN, "%s", error.text);
        cr_assert_eq(request.contents_bytes, strlen(wanted));
        cr_assert_str_eq(request.contents, wanted);
        rest = json_tokener_parse(strndupa(request.rest, request.rest_bytes));
        cr_assert_str_eq(json_object_get_string(json_object_object_get(rest, "command")), "import");
        json_object_put(rest);
        json_object_put(whole);
        import_request_free(&request);
    }
}

Test(import_request, takes_no_other_contents)
{
    static const char *const texts[] = {
        "{\"command\": \"contents\", \"name\": \"a\"}",
        "{\"more\": {\"contents\": \"deeper\"}, \"command\": \"import\"}",
        "{\"contents\": {\"a\": \"no text\"}}",
        "{\"a\": \"\\\"contents\\\": \\\"x\\\"\"}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct import_request request;
        struct error error;
        char text[128];

        strcpy(text, texts[i]);
        cr_assert_eq(take(&request, text, &error), IMPORT_REQUEST_TAKEN);
        cr_assert_null(request.contents, "%s", texts[i]);
        cr_assert_eq(request.rest_bytes, strlen(texts[i]));
        cr_assert_eq(memcmp(request.rest, texts[i], request.rest_bytes), 0);
        import_request_free(&request);
    }
}

Test(import_request, refuses_what_is_no_escape)
{
    static const char *const texts[] = {"{\"contents\": \"a\\x\"}", "{\"contents\": \"\\u12",
                                        "{\"contents\": \"\\u12g4\"}", "{\"contents\": \"\\"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct import_request request;
        struct error error;
        char text[64];

        strcpy(text, texts[i]);
        cr_assert_eq(take(&request, text, &error), IMPORT_REQUEST_FAILED, "%s", texts[i]);
        cr_assert(strstr(error.text, "no such escape"), "%s", error.text);
        import_request_free(&request);
    }
}

Test(import_request, tells_where_the_rest_stood)
{
    struct import_request request;
    struct error error;
    char text[] = "{\"contents\": \"12345\", oops}";
    const size_t at = (size_t)(strstr(text, "oops") - text);

    cr_assert_eq(take(&request, text, &error), IMPORT_REQUEST_TAKEN);
    cr_assert_eq(import_request_offset(&request, at - 5), at);
    cr_assert_eq(import_request_offset(&request, 3), 3);
    import_request_free(&request);
}
