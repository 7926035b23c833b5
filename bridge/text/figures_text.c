/* SPDX-License-Identifier: GPL-2.0-or-later */
/* figures_text.c - see figures_text.h. */
#include "bridge/text/figures_text.h"

static const char *const refusal_names[SERVER_REFUSALS_COUNT] = {
#define REFUSAL_NAME(name) #name,
    SERVER_REFUSALS(REFUSAL_NAME)
#undef REFUSAL_NAME
};

static struct json_object *refused_document(const struct server_figures *figures)
{
    struct json_object *object = json_object_new_object();

    for (uint32_t i = 0; i < SERVER_REFUSALS_COUNT; i++)
        if (figures->refused[i])
            json_object_object_add_ex(object, refusal_names[i],
                                      json_object_new_uint64(figures->refused[i]),
                                      JSON_C_OBJECT_ADD_CONSTANT_KEY);
    return object;
}

static struct json_object *admission_document(const struct server_figures *figures)
{
    struct json_object *array = json_object_new_array();
    uint32_t used = ADMISSION_BUCKETS;

    while (used > 0 && figures->admission[used - 1] == 0)
        used--;
    for (uint32_t i = 0; i < used; i++)
        json_object_array_add(array, json_object_new_uint64(figures->admission[i]));
    return array;
}

static void add_constant(struct json_object *object, const char *name, struct json_object *value)
{
    json_object_object_add_ex(object, name, value, JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

struct json_object *figures_document(const struct server_figures *figures, uint32_t parts)
{
    struct json_object *object = json_object_new_object();

#define ADD_FIGURE(name, text)                                                                     \
    if (parts & SERVER_PART_BIT(name))                                                             \
        add_constant(object, #name, json_object_new_uint64(figures->name));
    SERVER_FIGURES(ADD_FIGURE)
#undef ADD_FIGURE
    if (parts & SERVER_PART_BIT(REFUSED))
        add_constant(object, "refused", refused_document(figures));
    if (parts & SERVER_PART_BIT(ADMISSION))
        add_constant(object, "admission", admission_document(figures));
    return object;
}
