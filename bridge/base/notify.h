/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify.h - tells the service manager how we are, in the words of sd_notify(3): datagrams to the
 * socket that NOTIFY_SOCKET names. Without one, and where the manager does not read, nothing
 * happens; nothing here waits.
 *
 * A manager may also keep files from one run to the next (FileDescriptorStoreMax= of
 * systemd.service(5)), and hands them over as sd_listen_fds_with_names(3) says.
 */
#ifndef SYNWARD_BRIDGE_BASE_NOTIFY_H
#define SYNWARD_BRIDGE_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_STATUS_BYTES 128

struct notify {
    int fd; /* -1: there is nobody to tell */
    bool watchdog;
    char status[NOTIFY_STATUS_BYTES]; /* as it was told last */
};

/* By the environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

void notify_ready(struct notify *notify);
/* One line for people; told only where it is another one. */
void notify_status(struct notify *notify, const char *status);
/* The manager ends us if it does not hear this for longer than it said in WATCHDOG_USEC. */
void notify_alive(struct notify *notify);
/* A reload that begins at `now_us` of the monotonic clock, and ends with notify_ready(). */
void notify_reloading(struct notify *notify, uint64_t now_us);
void notify_stopping(struct notify *notify);

/* The manager is asked to keep this file, under a name without colons. False: nobody hears it.
 * Whether he keeps it is not known. */
bool notify_keep(const struct notify *notify, const char *name, int fd);
/* He need not keep it any more. */
void notify_forget(const struct notify *notify, const char *name);
/* One that was kept, by the environment: LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID. The caller's, and
 * closed on exec; -1: none of that name, or one was taken already. */
int notify_kept(const char *name);

#endif
