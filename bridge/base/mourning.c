/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mourning.c - see mourning.h. */
#include "bridge/base/mourning.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

struct mourning {
    pthread_mutex_t life; /* held by whom it is about */
};

static int make(pthread_mutex_t *life)
{
    pthread_mutexattr_t attributes;
    int reason = pthread_mutexattr_init(&attributes);

    if (reason != 0)
        return reason;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    reason = pthread_mutex_init(life, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return reason == 0 ? pthread_mutex_lock(life) : reason;
}

struct mourning *mourning_begin(struct error *error)
{
    struct mourning *mourning =
        mmap(NULL, sizeof(*mourning), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const int reason = mourning == MAP_FAILED ? errno : make(&mourning->life);

    if (reason == 0)
        return mourning;
    if (mourning != MAP_FAILED)
        munmap(mourning, sizeof(*mourning));
    error_set(error, EXIT_FAILED, "nobody would know of its death at once: %s", strerror(reason));
    return NULL;
}

bool mourning_wait(struct mourning *mourning)
{
    const int reason = pthread_mutex_lock(&mourning->life);

    /* Nobody holds it after us. */
    if (reason == EOWNERDEAD)
        pthread_mutex_consistent(&mourning->life);
    if (reason == 0 || reason == EOWNERDEAD)
        pthread_mutex_unlock(&mourning->life);
    return reason == EOWNERDEAD;
}

void mourning_end(struct mourning *mourning)
{
    if (!mourning)
        return;
    pthread_mutex_unlock(&mourning->life);
    munmap(mourning, sizeof(*mourning));
}
