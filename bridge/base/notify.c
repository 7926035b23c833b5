/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify.c - see notify.h. */
#include "bridge/base/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The manager's socket; false: none, or no name of one. */
static bool connect_to(int fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || length >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') /* the abstract namespace */
        address.sun_path[0] = '\0';
    return connect(fd, (const struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0;
}

static bool watchdog_is_ours(void)
{
    const char *time = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    return time && strtoull(time, NULL, 10) > 0 && (!pid || strtol(pid, NULL, 10) == getpid());
}

void notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");

    *notify = (struct notify){.fd = -1};
    if (!name)
        return;
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd >= 0 && !connect_to(notify->fd, name))
        notify_close(notify);
    notify->watchdog = notify->fd >= 0 && watchdog_is_ours();
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

/* False: there is nobody, or nobody reads. */
static bool tell(const struct notify *notify, const char *text)
{
    return notify->fd >= 0 && send(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

void notify_ready(struct notify *notify)
{
    tell(notify, "READY=1");
}

void notify_status(struct notify *notify, const char *status)
{
    char text[NOTIFY_STATUS_BYTES + 8];

    if (strcmp(notify->status, status) == 0)
        return;
    snprintf(text, sizeof(text), "STATUS=%s", status);
    if (tell(notify, text))
        snprintf(notify->status, sizeof(notify->status), "%s", status);
}

void notify_alive(struct notify *notify)
{
    if (notify->watchdog)
        tell(notify, "WATCHDOG=1");
}

void notify_reloading(struct notify *notify, uint64_t now_us)
{
    char text[64];

    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_us);
    tell(notify, text);
}

void notify_stopping(struct notify *notify)
{
    tell(notify, "STOPPING=1");
}
