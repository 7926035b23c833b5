/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.c - see place.h. */
#include "bridge/control/place.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/control/protocol.h"

static bool make_address(const char *path, struct sockaddr_un *address, struct error *error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path[0] == '\0')
        return error_set(error, EXIT_USAGE, "control socket: the path is empty: give one");
    if (strlen(path) >= sizeof(address->sun_path))
        return error_set(error, EXIT_FAILED,
                         "control socket: %.200s: longer than %zu bytes: choose a shorter path",
                         path, sizeof(address->sun_path) - 1);
    memcpy(address->sun_path, path, strlen(path));
    return true;
}

/* The folder that `path` lies in. */
static void folder_of(const struct sockaddr_un *address, char folder[sizeof(address->sun_path)])
{
    char *slash;

    memcpy(folder, address->sun_path, sizeof(address->sun_path));
    slash = strrchr(folder, '/');
    if (!slash)
        memcpy(folder, ".", sizeof("."));
    else
        slash[slash == folder ? 1 : 0] = '\0';
}

/* The one that the default path lies in, and the sockets beside it, is ours to make. */
static bool is_ours(const char *folder)
{
    static const struct sockaddr_un usual = {.sun_path = CONTROL_SOCKET_DEFAULT};
    char default_folder[sizeof(usual.sun_path)];

    folder_of(&usual, default_folder);
    return strcmp(folder, default_folder) == 0;
}

static bool check_folder(const struct sockaddr_un *address, struct error *error)
{
    char folder[sizeof(address->sun_path)];
    struct stat status;

    folder_of(address, folder);
    if (stat(folder, &status) < 0) {
        if (errno == ENOENT && is_ours(folder))
            return true;
        return error_set(error, EXIT_FAILED,
                         "control socket: folder %s: %s: make it, or give another --control",
                         folder, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode))
        return error_set(error, EXIT_FAILED,
                         "control socket: %s: not a folder: give another --control", folder);
    return true;
}

enum occupant { OCCUPANT_NONE, OCCUPANT_STALE, OCCUPANT_ERROR };

/* Asks the socket who listens. A full queue (EAGAIN) is a sign of life too. */
static enum occupant ask_occupant(const struct sockaddr_un *address, struct error *error)
{
    struct ucred peer = {0};
    socklen_t peer_bytes = sizeof(peer);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof(*address));
    int reason = result < 0 ? errno : 0;

    if (result == 0)
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes);
    if (fd >= 0)
        close(fd);
    if (result < 0 && reason == ECONNREFUSED)
        return OCCUPANT_STALE;
    if (result < 0 && reason == ENOENT)
        return OCCUPANT_NONE;
    if (result < 0 && reason != EAGAIN)
        error_set(error, EXIT_FAILED, "control socket: %s: %s: give another --control",
                  address->sun_path, strerror(reason));
    else if (peer.pid > 0)
        error_set(
            error, EXIT_FAILED,
            "socket in use by a running synward (pid %d) at %s: stop it or give another --control",
            (int)peer.pid, address->sun_path);
    else
        error_set(error, EXIT_FAILED,
                  "socket in use by a running synward at %s: stop it or give another --control",
                  address->sun_path);
    return OCCUPANT_ERROR;
}

/* What is there is a socket, or `*there` is false. */
static bool check_kind(const struct sockaddr_un *address, bool *there, struct error *error)
{
    struct stat status;

    *there = lstat(address->sun_path, &status) == 0;
    if (!*there)
        return errno == ENOENT ||
               error_set(error, EXIT_FAILED, "control socket: %s: %s: give another --control",
                         address->sun_path, strerror(errno));
    return S_ISSOCK(status.st_mode) || error_set(error, EXIT_FAILED,
                                                 "control socket: %s: exists and is no socket: "
                                                 "move it away or give another --control",
                                                 address->sun_path);
}

static enum occupant find_occupant(const struct sockaddr_un *address, struct error *error)
{
    bool there;

    if (!check_kind(address, &there, error))
        return OCCUPANT_ERROR;
    return there ? ask_occupant(address, error) : OCCUPANT_NONE;
}

bool place_check_path(const char *path, struct error *error)
{
    struct sockaddr_un address;
    bool there;

    return make_address(path, &address, error) && check_folder(&address, error) &&
           check_kind(&address, &there, error);
}

bool place_check(const char *path, struct error *error)
{
    struct sockaddr_un address;

    return make_address(path, &address, error) && check_folder(&address, error) &&
           find_occupant(&address, error) != OCCUPANT_ERROR;
}

/* The name under which the socket is made: the same length for every path, in the same folder. */
static bool birth_address(const struct sockaddr_un *address, struct sockaddr_un *birth,
                          struct error *error)
{
    char folder[sizeof(address->sun_path)];
    int bytes;

    folder_of(address, folder);
    *birth = (struct sockaddr_un){.sun_family = AF_UNIX};
    bytes = snprintf(birth->sun_path, sizeof(birth->sun_path), "%s/.sw%d", folder, (int)getpid());
    if (bytes < 0 || (size_t)bytes >= sizeof(birth->sun_path))
        return error_set(error, EXIT_FAILED,
                         "control socket: %s: the folder's path is too long: choose a shorter one",
                         address->sun_path);
    return true;
}

/* A listening socket at `birth`. Its mode is set before bind(), which gives the file that of the
 * socket. */
static int listen_at(const struct sockaddr_un *birth, const char *path, struct error *error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)unlink(birth->sun_path); /* of a process that had our number and was killed here */
    if (fd >= 0 && fchmod(fd, 0600) == 0 &&
        bind(fd, (const struct sockaddr *)birth, sizeof(*birth)) == 0) {
        if (listen(fd, SOMAXCONN) == 0)
            return fd;
        unlink(birth->sun_path);
    }
    error_set(error, EXIT_FAILED, "control socket: %s: %s: give another --control", path,
              strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/*
 * Removes the stale socket. Between finding it stale and removing it another daemon may have
 * replaced it: so it is moved aside and asked again, and what turns out to live is put back.
 */
static void remove_stale(const struct sockaddr_un *address, const struct sockaddr_un *birth)
{
    struct sockaddr_un aside = *birth;
    size_t used = strlen(aside.sun_path);

    if (used + 1 >= sizeof(aside.sun_path)) {
        unlink(address->sun_path);
        return;
    }
    aside.sun_path[used] = '~';
    if (rename(address->sun_path, aside.sun_path) < 0)
        return;
    if (ask_occupant(&aside, NULL) != OCCUPANT_STALE)
        (void)!link(aside.sun_path, address->sun_path);
    unlink(aside.sun_path);
}

/* Gives the socket its name. Whoever is quicker than us keeps the place. */
static bool move_into_place(struct place *place, const struct sockaddr_un *birth,
                            struct error *error)
{
    const char *path = place->address.sun_path;
    struct stat status;
    bool linked;

    if (find_occupant(&place->address, error) == OCCUPANT_STALE)
        remove_stale(&place->address, birth);
    linked = link(birth->sun_path, path) == 0;
    if (!linked && find_occupant(&place->address, error) != OCCUPANT_ERROR)
        error_set(error, EXIT_FAILED, "control socket: %s: cannot be made: give another --control",
                  path);
    unlink(birth->sun_path);
    if (linked && lstat(path, &status) == 0) {
        place->device = status.st_dev;
        place->inode = status.st_ino;
    }
    return linked;
}

static bool make_folder(const struct sockaddr_un *address, struct error *error)
{
    char folder[sizeof(address->sun_path)];

    folder_of(address, folder);
    return !is_ours(folder) || mkdir(folder, 0755) == 0 || errno == EEXIST ||
           error_set(error, EXIT_FAILED,
                     "control socket: folder %s: %s: run as root, or give another --control",
                     folder, strerror(errno));
}

/* Before anybody can find it. */
static bool open_to_group(const struct sockaddr_un *birth, const char *name)
{
    const struct group *group = getgrnam(name);

    return !group || (lchown(birth->sun_path, (uid_t)-1, group->gr_gid) == 0 &&
                      chmod(birth->sun_path, 0660) == 0);
}

/* "NAME.sock" beside "control.sock", "X.NAME" beside any other X. */
static void place_beside(const char *path, const char *name, char beside[PLACE_VIEW_BYTES])
{
    static const char usual[] = "control.sock";
    const size_t length = strlen(path), end = sizeof(usual) - 1;

    if (length >= end && strcmp(path + length - end, usual) == 0 &&
        (length == end || path[length - end - 1] == '/'))
        snprintf(beside, PLACE_VIEW_BYTES, "%.*s%s.sock", (int)(length - end), path, name);
    else
        snprintf(beside, PLACE_VIEW_BYTES, "%s.%s", path, name);
}

void place_of_view(const char *path, char view[PLACE_VIEW_BYTES])
{
    place_beside(path, "view", view);
}

void place_of_sync(const char *path, char sync[PLACE_VIEW_BYTES])
{
    place_beside(path, "sync", sync);
}

int place_take(struct place *place, const char *path, const char *group, struct error *error)
{
    struct sockaddr_un birth;
    int fd;

    *place = (struct place){0};
    if (!make_address(path, &place->address, error) || !make_folder(&place->address, error) ||
        !birth_address(&place->address, &birth, error))
        return -1;
    fd = listen_at(&birth, path, error);
    if (fd < 0)
        return -1;
    if (group && !open_to_group(&birth, group)) {
        error_set(error, EXIT_FAILED, "control socket: %s: cannot be given to the group %s: %s",
                  path, group, strerror(errno));
        unlink(birth.sun_path);
    } else if (move_into_place(place, &birth, error)) {
        return fd;
    }
    close(fd);
    return -1;
}

void place_known(struct place *place, const char *path, uint64_t device, uint64_t inode)
{
    *place = (struct place){.device = (dev_t)device, .inode = (ino_t)inode};
    if (!make_address(path, &place->address, NULL))
        place->inode = 0;
}

void place_leave(const struct place *place)
{
    struct stat status;

    if (place->inode != 0 && lstat(place->address.sun_path, &status) == 0 &&
        status.st_dev == place->device && status.st_ino == place->inode)
        unlink(place->address.sun_path);
}
