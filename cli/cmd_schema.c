/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_schema.c - prints what a store may hold, as a JSON schema. */
#include "cli/cmd.h"
#include "cli/output.h"
#include "profiles/store/profile_json.h"

bool cmd_schema(const struct arguments *arguments, struct error *error)
{
    struct json_object *schema = store_schema();

    (void)arguments;
    (void)error;
    output_json(schema);
    json_object_put(schema);
    return true;
}
