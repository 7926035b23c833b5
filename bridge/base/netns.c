/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns.c - see netns.h. Named namespaces are files in /run/netns, the convention of iproute2. */
#include "bridge/base/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NETNS_FOLDER "/run/netns"

int netns_file(const char *name, struct error *error)
{
    char path[sizeof(NETNS_FOLDER) + NAME_MAX + 2];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", NETNS_FOLDER, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        error_set(
            error, EXIT_FAILED,
            "no namespace %s: `ip netns list` shows those there are, `ip netns add %s` makes one",
            name, name);
    else if (fd < 0)
        error_set(error, EXIT_FAILED, "namespace %s: cannot open %s: %s", name, path,
                  strerror(errno));
    return fd;
}

bool netns_identify(const char *name, struct netns_id *id)
{
    char path[sizeof(NETNS_FOLDER) + NAME_MAX + 2];
    struct stat status;

    *id = (struct netns_id){0};
    if (name[0] == '\0')
        return true;
    snprintf(path, sizeof(path), "%s/%s", NETNS_FOLDER, name);
    if (stat(path, &status) != 0)
        return false;
    *id = (struct netns_id){status.st_dev, status.st_ino};
    return true;
}

bool netns_enter(const char *name, struct netns_return *back, struct error *error)
{
    int target;
    int here;
    bool moved;
    int reason;

    back->fd = -1;
    if (name[0] == '\0')
        return true;
    target = netns_file(name, error);
    if (target < 0)
        return false;
    here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    moved = here >= 0 && setns(target, CLONE_NEWNET) == 0;
    reason = errno;
    close(target);
    if (moved) {
        back->fd = here;
        return true;
    }
    if (here >= 0)
        close(here);
    if (reason == EPERM)
        return error_set(
            error, EXIT_FAILED,
            "cannot enter namespace %s: needs CAP_NET_ADMIN and CAP_SYS_ADMIN, run as root", name);
    return error_set(error, EXIT_FAILED,
                     "cannot enter namespace %s: %s; is %s/%s a network namespace?", name,
                     strerror(reason), NETNS_FOLDER, name);
}

void netns_leave(struct netns_return *back)
{
    if (back->fd < 0)
        return;
    if (setns(back->fd, CLONE_NEWNET) != 0)
        abort();
    close(back->fd);
    back->fd = -1;
}
