/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_check.c - see run_check.h. */
#include "bridge/run_check.h"

#include <string.h>

#include "bridge/control/place.h"
#include "bridge/sides/side.h"
#include "profiles/store/store.h"
#include "profiles/store/store_claim.h"

bool run_check_sides(const struct run_options *options, enum config_key *part, struct error *error)
{
    struct side_spec client, server;

    *part = CONFIG_CLIENT;
    if (!side_parse(options->client_side, &client, error))
        return false;
    *part = CONFIG_SERVER;
    return side_parse(options->server_side, &server, error) && side_pair(&client, &server, error);
}

bool run_check(const struct run_options *options, bool running, enum config_key *part,
               struct error *error)
{
    if (!run_check_sides(options, part, error))
        return false;
    *part = CONFIG_CONTROL;
    if (!(running ? place_check_path(options->control_path, error)
                  : place_check(options->control_path, error)))
        return false;
    *part = CONFIG_STORE;
    return store_check(options->store_path, error);
}
