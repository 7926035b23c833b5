/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_dialer.c - see sync_dialer.h. */
#include "cli/sync_dialer.h"

#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bridge/base/log.h"

static void serve(void *context, const struct keeper_request *request, struct keeper_answer *answer,
                  int files[KEEPER_FILES_MAX])
{
    const struct sync_dialer *dialer = context;

    if (request->what != KEEPER_DIAL) {
        error_set(&answer->error, EXIT_USAGE, "no such request");
        return;
    }
    files[0] = dialer->connect(dialer->target, &answer->error);
    answer->files = files[0] >= 0;
}

/* The first look for a name loads what the library needs for it; later none can be loaded. */
static void begin(void *context)
{
    struct sync_dialer *dialer = context;
    struct error error = {0};
    int fd;

    prctl(PR_SET_NAME, dialer->name);
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    fd = dialer->connect(dialer->target, &error);
    if (fd >= 0)
        close(fd);
    error = (struct error){0};
    if (dialer->sandbox.denied.code == EXIT_DONE &&
        !sandbox_enter(&dialer->sandbox, SANDBOX_DIALER, &error) && geteuid() == 0)
        log_line(LOG_LEVEL_WARNING, "sync: %s: %s", dialer->name, error.text);
}

bool sync_dialer_start(struct sync_dialer *dialer, struct error *error)
{
    const struct passwd *user;

    sandbox_prepare(&dialer->sandbox, false);
    user = geteuid() == 0 ? getpwnam(SYNC_USER) : NULL;
    dialer->sandbox.user = user ? user->pw_uid : 0;
    dialer->sandbox.group = user ? user->pw_gid : 0;
    return keeper_start(&dialer->keeper, begin, serve, dialer, error);
}

int sync_dialer_open(struct sync_dialer *dialer, struct error *error)
{
    struct keeper_answer answer;
    int files[KEEPER_FILES_MAX];

    return keeper_ask_files(&dialer->keeper, KEEPER_DIAL, 0, &answer, files, error) ? files[0] : -1;
}

void sync_dialer_stop(struct sync_dialer *dialer)
{
    keeper_stop(&dialer->keeper);
}
