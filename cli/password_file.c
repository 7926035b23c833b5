/* SPDX-License-Identifier: GPL-2.0-or-later */
/* password_file.c - see password_file.h. */
#include "cli/password_file.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/file.h"

#define PASSWORD_MOST 1024u

bool password_read(const char *path, struct password *password, struct error *error)
{
    struct stat status;
    size_t bytes = 0;
    char *space;

    *password = (struct password){0};
    if (!path)
        return true;
    if (stat(path, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)))
        return error_set(error, EXIT_FAILED,
                         "--password-file %.100s: others may read it: chmod 0600", path);
    password->text = file_read(path, PASSWORD_MOST, &bytes, error);
    if (!password->text)
        return false;
    password->text[strcspn(password->text, "\r\n")] = '\0';
    space = strchr(password->text, ' ');
    if (space)
        *space = '\0';
    password->user = space ? password->text : NULL;
    password->password = space ? space + 1 : password->text;
    return password->password[0] != '\0' ||
           error_set(error, EXIT_FAILED, "--password-file %.100s: is empty", path);
}

void password_free(struct password *password)
{
    if (password->text)
        sodium_memzero((char *)password->password, strlen(password->password));
    free(password->text);
    *password = (struct password){0};
}
