/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_check.c - see run_check.h. */
#include "bridge/run_check.h"

#include <sodium.h>

#include "bridge/cluster_key.h"
#include "bridge/control/place.h"
#include "bridge/sides/hook.h"
#include "bridge/sides/side.h"
#include "bridge/sides/sides_check.h"
#include "profiles/store/store.h"
#include "profiles/store/store_claim.h"

static bool read_sides(const struct run_options *options, struct side_spec sides[2],
                       enum config_key *part, struct error *error)
{
    struct side_spec *client = &sides[SIDE_CLIENT], *server = &sides[SIDE_SERVER];

    *part = CONFIG_CLIENT;
    if (!side_parse(options->client_side, client, error))
        return false;
    *part = CONFIG_SERVER;
    return side_parse(options->server_side, server, error) && side_pair(client, server, error);
}

bool run_check_sides(const struct run_options *options, enum config_key *part, struct error *error)
{
    struct side_spec sides[2];

    return read_sides(options, sides, part, error);
}

/* It is read, and forgotten. */
static bool check_key(const struct run_options *options, enum config_key *part, struct error *error)
{
    struct cookie_share share = {.on = false};
    struct cookie_keys keys;
    bool good;

    *part = CONFIG_CLUSTER_KEY;
    if (!options->cluster_key)
        return true;
    if (sodium_init() < 0)
        return error_set(error, EXIT_FAILED, "no source of random numbers: libsodium cannot start");
    good = cluster_key_read(options->cluster_key, &keys, &share, error);
    sodium_memzero(&keys, sizeof(keys));
    sodium_memzero(&share, sizeof(share));
    return good;
}

static bool check_files(const struct run_options *options, bool running, enum config_key *part,
                        struct error *error)
{
    *part = CONFIG_CONTROL;
    if (!(running ? place_check_path(options->control_path, error)
                  : place_check(options->control_path, error)))
        return false;
    *part = CONFIG_STORE;
    return store_check(options->store_path, error);
}

static bool check_interfaces(const struct run_options *options, const struct side_spec sides[2],
                             struct sides_looking *looking, enum config_key *part,
                             struct error *error)
{
    *part = CONFIG_CLIENT;
    if (!sides_check(&sides[SIDE_CLIENT], SIDE_CLIENT, looking, error))
        return false;
    *part = CONFIG_SERVER;
    if (!sides_check(&sides[SIDE_SERVER], SIDE_SERVER, looking, error))
        return false;
    *part = CONFIG_KERNEL_PATH;
    if (options->kernel_path == KERNEL_PATH_ON && !sides_check_path(sides, options->card, error))
        return false;
    *part = CONFIG_SERVER_STACK;
    if (options->server_stack && !sides_check_netns(options->server_stack, error))
        return false;
    *part = CONFIG_HOOK;
    return options->hook != HOOK_ON ||
           hook_check(&sides[SIDE_SERVER], options->server_stack, error);
}

bool run_check(const struct run_options *options, bool running, enum config_key *part,
               struct error *unseen, struct error *error)
{
    struct sides_looking looking = {
        .running = running, .card = options->card, .unseen = {.code = EXIT_DONE}};
    struct side_spec sides[2];
    bool good;

    good = read_sides(options, sides, part, error) && check_key(options, part, error) &&
           check_files(options, running, part, error) &&
           check_interfaces(options, sides, &looking, part, error);
    *unseen = looking.unseen;
    return good;
}
