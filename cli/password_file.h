/* SPDX-License-Identifier: GPL-2.0-or-later */
/* password_file.h - the password of a store, or user and password, from a file of its owner's. */
#ifndef SYNWARD_CLI_PASSWORD_FILE_H
#define SYNWARD_CLI_PASSWORD_FILE_H

#include <stdbool.h>

#include "profiles/error.h"

struct password {
    char *text; /* both are in it; NULL: there is none */
    const char *user, *password;
};

/* "PASSWORD", or "USER PASSWORD". `path` NULL: there is none, which is fine. */
bool password_read(const char *path, struct password *password, struct error *error);
/* Wipes it. */
void password_free(struct password *password);

#endif
