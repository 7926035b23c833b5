/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cluster_key.h - the key file that all bridges of a cluster have, so that each takes the cookies
 * of all (engine/tcp/cookie.h).
 *
 * One or two lines of 64 hexadecimal digits (openssl rand -hex 32). Cookies are made by the first
 * line, and taken by both. The file belongs to its owner alone (0600), or it is refused. What is
 * used is derived from it (libsodium's crypto_kdf); what is read is wiped.
 */
#ifndef SYNWARD_BRIDGE_CLUSTER_KEY_H
#define SYNWARD_BRIDGE_CLUSTER_KEY_H

#include <stdbool.h>

#include "engine/tcp/cookie.h"
#include "profiles/error.h"

/* What values in the store of a cluster are made by (`synward sync`), of the lines in their order.
 */
struct cluster_seals {
    unsigned count;
    struct cluster_seal {
        uint8_t mac[32];
        uint8_t fingerprint[16]; /* tells whether two have the same line, and nothing of it */
    } seal[2];
};

/* From the same file. */
bool cluster_key_seals(const char *path, struct cluster_seals *seals, struct error *error);

/* Fills `keys`, and of `share` all but its clock. */
bool cluster_key_read(const char *path, struct cookie_keys *keys, struct cookie_share *share,
                      struct error *error);

#endif
