/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_sync.c - `synward sync`: tells the other bridges of a cluster what happens here, and the
 * daemon what happens there.
 *
 * A process of its own, as it speaks with somebody else's server: it has no privileges, little
 * memory, and only the socket of the daemon that takes no word of an operator.
 */
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/signals.h"
#include "bridge/control/place.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/password_file.h"
#include "cli/sync.h"

#define SYNC_USER       "synward-sync"
#define MEMORY_MOST     (2048ull << 20)
#define DAEMON_AGAIN_MS 1000

/* As its own user, where there is one; never with more than it has. */
static bool give_up_privileges(struct error *error)
{
    const struct rlimit memory = {MEMORY_MOST, MEMORY_MOST};
    const struct passwd *user = geteuid() == 0 ? getpwnam(SYNC_USER) : NULL;

    setrlimit(RLIMIT_AS, &memory);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (geteuid() != 0)
        return true;
    if (!user) {
        log_line(LOG_LEVEL_WARNING, "there is no user " SYNC_USER ": sync stays root");
        return true;
    }
    return (initgroups(SYNC_USER, user->pw_gid) == 0 &&
            setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
            setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0) ||
           error_set(error, EXIT_FAILED, "cannot become " SYNC_USER);
}

/* True: a signal ends it. */
static bool wait_ms(struct signals *signals, int ms)
{
    const uint64_t until_ms = clock_now_us() / 1000 + (uint64_t)ms;
    struct pollfd watched = {.fd = signals->fd, .events = POLLIN};
    uint64_t now_ms;
    int number;

    while ((now_ms = clock_now_us() / 1000) < until_ms) {
        if (poll(&watched, 1, (int)(until_ms - now_ms)) <= 0)
            continue;
        while ((number = signals_next(signals)) != 0)
            if (number != SIGHUP)
                return true;
    }
    return false;
}

/* What has changed since the last round. */
static void tell(struct sync *sync, const struct sync *before, bool daemon, const char *why)
{
    static bool told;

    if (!daemon && (!told || before->daemon_up_s != sync->daemon_up_s))
        log_line(LOG_LEVEL_WARNING, "%s", why);
    told = !daemon;
    if (!daemon)
        return;
    if (sync->state == SYNC_JOINED &&
        (before->state != SYNC_JOINED || before->nodes_count != sync->nodes_count))
        log_line(LOG_LEVEL_INFO, "joined %s as %s: %u bridges", sync->seal.cluster, sync->node,
                 sync->nodes_count);
    if (sync->state != SYNC_JOINED && strcmp(before->why.text, sync->why.text) != 0)
        log_line(LOG_LEVEL_WARNING, "%s%s", sync->why.text,
                 sync->state == SYNC_REFUSED ? ": this bridge may not join" : "");
    if (sync->odd_told != sync->forged + sync->replayed && before->odd_told == sync->odd_told &&
        (sync->odd_told == 0 || sync->forged + sync->replayed > 2 * sync->odd_told)) {
        sync->odd_told = sync->forged + sync->replayed;
        log_line(LOG_LEVEL_WARNING,
                 "the store has values that no bridge wrote (%" PRIu64 "), or old ones (%" PRIu64
                 "): they are not believed",
                 sync->forged, sync->replayed);
    }
}

static bool serve(struct sync *sync, struct error *error)
{
    struct signals signals;
    bool ends = false;

    if (!signals_catch(&signals, error))
        return false;
    while (!ends) {
        const struct sync before = *sync;
        struct error why = {0};
        const bool daemon = sync_round(sync, &why);

        tell(sync, &before, daemon, why.text);
        ends = wait_ms(&signals, daemon ? (int)SYNC_EVERY_MS : DAEMON_AGAIN_MS);
    }
    signals_release(&signals, true);
    return true;
}

static bool is_name(const char *text, size_t most)
{
    return text[0] && strlen(text) < most &&
           text[strspn(
               text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

static bool read_arguments(const struct arguments *arguments, struct sync *sync, char *host,
                           struct password *password, struct error *error)
{
    sync->store.url = arguments->value[OPTION_REDIS];
    sync->seal.cluster = arguments->value[OPTION_NAME];
    if (!sync->store.url || !sync->seal.cluster || !arguments->value[OPTION_CLUSTER_KEY])
        return error_set(error, EXIT_USAGE,
                         "sync: --redis URL, --name CLUSTER and --cluster-key FILE are wanted");
    if (!is_name(sync->seal.cluster, 33))
        return error_set(error, EXIT_USAGE, "--name %.40s: letters, digits, . _ - , 32 at most",
                         sync->seal.cluster);
    gethostname(host, SYNC_WRITER_BYTES);
    host[SYNC_WRITER_BYTES - 1] = '\0';
    sync->node = option_given(arguments, OPTION_NODE) ? arguments->value[OPTION_NODE] : host;
    if (!is_name(sync->node, SYNC_WRITER_BYTES))
        return error_set(error, EXIT_USAGE, "--node %.70s: letters, digits, . _ - , 63 at most",
                         sync->node);
    if (!password_read(arguments->value[OPTION_PASSWORD_FILE], password, error))
        return false;
    sync->store.user = password->user;
    sync->store.password = password->password;
    return sync_store_check(sync->store.url, error) &&
           cluster_key_seals(arguments->value[OPTION_CLUSTER_KEY], &sync->seal.keys, error);
}

bool cmd_sync(const struct arguments *arguments, struct error *error)
{
    char host[SYNC_WRITER_BYTES] = "", control[PLACE_VIEW_BYTES];
    struct password password = {0};
    struct sync sync = {.control = control};
    bool done;

    if (sodium_init() < 0)
        return error_set(error, EXIT_FAILED, "no source of random numbers: libsodium cannot start");
    place_of_sync(control_path(arguments->value[OPTION_CONTROL]), control);
    log_open();
    done = read_arguments(arguments, &sync, host, &password, error) && give_up_privileges(error) &&
           (sync_begin(&sync) || error_set(error, EXIT_FAILED, "out of memory")) &&
           serve(&sync, error);
    sync_end(&sync);
    sodium_memzero(&sync.seal.keys, sizeof(sync.seal.keys));
    password_free(&password);
    log_close();
    return done;
}
