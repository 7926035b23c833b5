/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file_hands.c - see file_hands.h. */
#include "profiles/store/file_hands.h"

#include <unistd.h>

#include "profiles/store/atomic_file.h"

bool file_hands_save(const struct file_hands *hands, enum kept_file which, const void *bytes,
                     size_t length, struct error *error)
{
    const int fd = hands->begin(hands->context, which, error);
    int reason;

    if (fd < 0)
        return false;
    reason = atomic_file_write(fd, bytes, length);
    close(fd);
    return hands->end(hands->context, which, reason, error);
}
