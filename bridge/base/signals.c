/* SPDX-License-Identifier: GPL-2.0-or-later */
/* signals.c - see signals.h. */
#include "bridge/base/signals.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static sigset_t read_ones(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR2);
    return set;
}

/* What a write() says by its error as well: EPIPE; EFBIG, beyond the limit of files. */
static void add_those_of_writes(sigset_t *set)
{
    sigaddset(set, SIGPIPE);
    sigaddset(set, SIGXFSZ);
}

static sigset_t those_of_writes(void)
{
    sigset_t set;

    sigemptyset(&set);
    add_those_of_writes(&set);
    return set;
}

static sigset_t blocked_ones(void)
{
    sigset_t set = read_ones();

    add_those_of_writes(&set);
    return set;
}

bool signals_catch(struct signals *signals, struct error *error)
{
    const sigset_t blocked = blocked_ones(), read = read_ones();

    signals->blocked = pthread_sigmask(SIG_BLOCK, &blocked, &signals->before) == 0;
    signals->fd = signalfd(-1, &read, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0)
        return error_set(error, EXIT_FAILED, "cannot catch signals: %s", strerror(errno));
    return true;
}

int signals_next(struct signals *signals)
{
    struct signalfd_siginfo info;

    return read(signals->fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

void signals_release(struct signals *signals, bool spend)
{
    const sigset_t spent = spend ? blocked_ones() : those_of_writes();
    const struct timespec at_once = {0};

    if (signals->fd >= 0)
        close(signals->fd);
    signals->fd = -1;
    if (!signals->blocked)
        return;
    while (sigtimedwait(&spent, NULL, &at_once) > 0)
        continue;
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
    signals->blocked = false;
}
