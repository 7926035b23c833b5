/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify.c - see notify.h. */
#include "bridge/base/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEPT_FIRST 3 /* SD_LISTEN_FDS_START */

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

bool notify_keep(const struct notify *notify, const char *name, int fd)
{
    char text[NOTIFY_STATUS_BYTES];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = text};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (notify->fd < 0)
        return false;
    iov.iov_len = (size_t)snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(notify->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

void notify_forget(const struct notify *notify, const char *name)
{
    char text[NOTIFY_STATUS_BYTES];

    snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
    tell(notify, text);
}

/* Which of the names between colons it is; -1: none. */
static int place_of(const char *names, const char *name)
{
    const size_t length = strlen(name);

    for (int i = 0;; i++) {
        const size_t bytes = strcspn(names, ":");

        if (bytes == length && memcmp(names, name, length) == 0)
            return i;
        if (!names[bytes])
            return -1;
        names += bytes + 1;
    }
}

int notify_kept(const char *name)
{
    const char *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES"),
               *pid = getenv("LISTEN_PID");
    int place;

    if (!count || !names || !pid || strtol(pid, NULL, 10) != getpid())
        return -1;
    place = place_of(names, name);
    if (place < 0 || place >= strtol(count, NULL, 10))
        return -1;
    unsetenv("LISTEN_PID"); /* its number is another file's once it is closed */
    return fcntl(KEPT_FIRST + place, F_SETFD, FD_CLOEXEC) == 0 ? KEPT_FIRST + place : -1;
}
