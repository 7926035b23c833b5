/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_sync.c - `synward sync`: tells the other bridges of a cluster what happens here, and the
 * daemon what happens there.
 *
 * A process of its own, as it speaks with somebody else's server: it has no privileges, little
 * memory, no files, and only the socket of the daemon that takes no word of an operator. Who opens
 * connections for it reads nothing (sync_dialer.h).
 */
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/sandbox.h"
#include "bridge/base/signals.h"
#include "bridge/control/place.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/password_file.h"
#include "cli/sync.h"

#define MEMORY_MOST     (2048ull << 20)
#define DAEMON_AGAIN_MS 1000
#define LEAST_MS        50 /* between two rounds, however much there is to tell */

/* What an ordinary user cannot give up he has not. */
static void give_up_privileges(void)
{
    const struct rlimit memory = {MEMORY_MOST, MEMORY_MOST};
    struct sandbox sandbox;
    struct error lack;

    sandbox_prepare(&sandbox, false);
    lack = sandbox.denied;
    if (lack.code == EXIT_DONE) {
        setrlimit(RLIMIT_AS, &memory);
        if (sandbox.user != 0)
            sandbox_hide_files(&lack);
        sandbox_enter(&sandbox, SANDBOX_MAIN, &lack);
    }
    if (lack.code != EXIT_DONE && sandbox.user != 0)
        log_line(LOG_LEVEL_WARNING, "sync: the sandbox is not whole: %s", lack.text);
}

/* True: a signal ends it. `fd`: what ends the wait sooner; -1: nothing. */
static bool wait_ms(struct signals *signals, int ms, int fd, bool *sooner)
{
    const uint64_t until_ms = clock_now_us() / 1000 + (uint64_t)ms;
    struct pollfd watched[] = {{.fd = signals->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    uint64_t now_ms;
    int number;

    *sooner = false;
    while (!*sooner && (now_ms = clock_now_us() / 1000) < until_ms) {
        if (poll(watched, 2, (int)(until_ms - now_ms)) <= 0)
            continue;
        *sooner = watched[1].revents != 0;
        while ((number = signals_next(signals)) != 0)
            if (number != SIGHUP)
                return true;
    }
    return false;
}

static bool rest(struct sync *sync, struct signals *signals, bool daemon)
{
    bool sooner;

    if (wait_ms(signals, daemon ? LEAST_MS : DAEMON_AGAIN_MS, -1, &sooner))
        return true;
    if (!daemon || sync->more)
        return false;
    sync_changes_wait(sync);
    if (wait_ms(signals, (int)SYNC_EVERY_MS - LEAST_MS, sync_changes_fd(sync), &sooner))
        return true;
    if (sooner)
        sync_changes_heard(sync);
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

static bool serve(struct sync *sync, struct signals *signals, struct error *error)
{
    bool ends = false;

    while (!ends) {
        const struct sync before = *sync;
        struct error why = {0};
        const bool daemon = sync_round(sync, &why);

        if (keeper_gone(&sync->daemon_dialer->keeper) || keeper_gone(&sync->store_dialer->keeper))
            return error_set(error, EXIT_FAILED, "a helper that opens connections is gone");
        tell(sync, &before, daemon, why.text);
        ends = rest(sync, signals, daemon);
    }
    return true;
}

static bool is_name(const char *text, size_t most)
{
    return text[0] && strlen(text) < most &&
           text[strspn(
               text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

static bool read_arguments(const struct arguments *arguments, struct sync *sync, char *host,
                           struct error *error)
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
    return (is_name(sync->node, SYNC_WRITER_BYTES) ||
            error_set(error, EXIT_USAGE, "--node %.70s: letters, digits, . _ - , 63 at most",
                      sync->node)) &&
           sync_store_check(sync->store.url, error);
}

/* Key, password, and what was seen: read by who opens no file any more. */
static bool read_files(const struct arguments *arguments, struct sync *sync,
                       struct password *password, struct error *error)
{
    const char *state = arguments->value[OPTION_STATE];

    if (!password_read(arguments->value[OPTION_PASSWORD_FILE], password, error) ||
        !cluster_key_seals(arguments->value[OPTION_CLUSTER_KEY], &sync->seal.keys, error))
        return false;
    sync->store.user = password->user;
    sync->store.password = password->password;
    sync->waiting = sync->store;
    sync->seen = state ? sync_seen_open(state, error) : NULL;
    return sync->seen || !state;
}

static int dial_store(void *context, struct error *error)
{
    return sync_dialer_open(context, error);
}

/* Before the key is read, which they are not to have. */
static bool start_dialers(struct sync *sync, struct error *error)
{
    sync->daemon_dialer->target = sync->control;
    sync->store_dialer->target = sync->store.url;
    sync->store.dial = dial_store;
    sync->store.dial_context = sync->store_dialer;
    return sync_dialer_start(sync->daemon_dialer, error) &&
           sync_dialer_start(sync->store_dialer, error);
}

static bool run(struct sync *sync, const struct arguments *arguments, struct signals *signals,
                struct error *error)
{
    char host[SYNC_WRITER_BYTES] = "";
    struct password password = {0};
    bool done = read_arguments(arguments, sync, host, error) && signals_catch(signals, error) &&
                start_dialers(sync, error) && read_files(arguments, sync, &password, error);

    if (done)
        give_up_privileges();
    done = done && (sync_begin(sync) || error_set(error, EXIT_FAILED, "out of memory")) &&
           serve(sync, signals, error);
    sync_end(sync);
    sync_seen_close(sync->seen);
    password_free(&password);
    return done;
}

bool cmd_sync(const struct arguments *arguments, struct error *error)
{
    struct sync_dialer daemon = {
        .keeper.fd = -1, .name = "synward-daemon", .connect = control_connect};
    struct sync_dialer store = {
        .keeper.fd = -1, .name = "synward-store", .connect = sync_store_connect};
    char control[PLACE_VIEW_BYTES];
    struct signals signals = {.fd = -1};
    struct sync sync = {.control = control,
                        .store.fd = -1,
                        .waiting.fd = -1,
                        .daemon_dialer = &daemon,
                        .store_dialer = &store};
    bool done;

    if (sodium_init() < 0)
        return error_set(error, EXIT_FAILED, "no source of random numbers: libsodium cannot start");
    place_of_sync(control_path(arguments->value[OPTION_CONTROL]), control);
    log_open();
    done = run(&sync, arguments, &signals, error);
    sodium_memzero(&sync.seal.keys, sizeof(sync.seal.keys));
    sync_dialer_stop(&daemon);
    sync_dialer_stop(&store);
    signals_release(&signals, true);
    log_close();
    return done;
}
