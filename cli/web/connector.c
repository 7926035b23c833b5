/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connector.c - see connector.h. */
#include "cli/web/connector.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/base/log.h"

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int reason;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static void serve(void *context, const struct keeper_request *request, struct keeper_answer *answer,
                  int files[KEEPER_FILES_MAX])
{
    const struct connector *connector = context;

    if (request->what == KEEPER_UNPLACE) {
        place_leave(&connector->place);
        return;
    }
    if (request->what != KEEPER_VIEW) {
        error_set(&answer->error, EXIT_USAGE, "no such request");
        return;
    }
    files[0] = connect_to(connector->path);
    answer->files = files[0] >= 0;
    if (files[0] < 0)
        error_set(&answer->error, EXIT_UNREACHABLE, "%.200s: %s", connector->path, strerror(errno));
}

static void begin(void *context)
{
    struct connector *connector = context;
    struct error error = {0};

    prctl(PR_SET_NAME, "synward-connect");
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    if (connector->sandbox.denied.code == EXIT_DONE &&
        !sandbox_enter(&connector->sandbox, SANDBOX_CONNECTOR, &error) &&
        connector->sandbox.user != 0)
        log_line(LOG_LEVEL_WARNING, "web: connector: %s", error.text);
}

bool connector_start(struct connector *connector, const char *path, const struct place *place,
                     struct error *error)
{
    if (strlen(path) >= sizeof(connector->path))
        return error_set(error, EXIT_FAILED, "web: %.200s: the path is too long", path);
    snprintf(connector->path, sizeof(connector->path), "%s", path);
    connector->place = *place;
    sandbox_prepare(&connector->sandbox, false);
    return keeper_start(&connector->keeper, begin, serve, connector, error);
}

int connector_open(struct connector *connector, struct error *error)
{
    struct keeper_answer answer;
    int files[KEEPER_FILES_MAX];

    return keeper_ask_files(&connector->keeper, KEEPER_VIEW, 0, &answer, files, error) ? files[0]
                                                                                       : -1;
}

void connector_unplace(struct connector *connector)
{
    struct keeper_answer answer;
    struct error error = {0};

    if (connector->place.inode != 0)
        keeper_ask(&connector->keeper, KEEPER_UNPLACE, 0, &answer, &error);
}

void connector_stop(struct connector *connector)
{
    keeper_stop(&connector->keeper);
}
