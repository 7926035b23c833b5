/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - see run.h: main loop and end. The start is run_start.c.
 *
 * Start: everything that can be wrong without touching the system is looked at first (sides, store,
 * control socket), then come TAPs, workers that know what they go on with, the kernel path, the
 * keeper (keeping.h), the workers' threads, and last the control socket. Then all privileges go
 * (sandbox.h). What was made is unmade in the opposite order, on failure as at the end.
 *
 * Main loop: one epoll over signals, the workers' bell, changes of the interfaces and the control
 * socket, with the time of the next duty as its limit:
 *
 *      each second           learner_tick, servers back to normal mode, old policies freed
 *      daemon_due_us()       a changed store becomes a policy, and a file (daemon.c)
 *      SPARE_CORE_EVERY_US   while a worker would busy poll: is there a core for it?
 *      stack_watch_due()     the listening sockets of the servers
 */
#include "bridge/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/peaks.h"
#include "bridge/run_parts.h"
#include "bridge/run_reload.h"
#include "bridge/text/config.h"
#include "bridge/text/mode_text.h"
#include "engine/version.h"

#define EVENTS_MAX     8
#define COUNTERS_TICKS 2u /* seconds between two looks at the counters for events */
#define UNANSWERED     2u /* of those in a row say that a worker is stuck: one may be a burst */
#define NEVER          UINT64_MAX

/* --- what is told of it ----------------------------------------------------------------------- */

/* One line for `systemctl status`. */
static void tell_status(struct run *run)
{
    char text[NOTIFY_STATUS_BYTES];

    snprintf(text, sizeof(text), "%smode %s, %zu profiles, %s",
             run->unanswered >= UNANSWERED ? "a worker does not answer, " : "",
             mode_setting_name(daemon_mode(run->daemon)), store_count(run->store),
             workers_attacked(run->workers) ? "servers are attacked" : "no server is attacked");
    notify_status(&run->notify, text);
}

static void log_ready(const struct run *run)
{
    log_line(LOG_LEVEL_INFO,
             "%s ready: client %s, server %s, mode %s, learning %s, %zu profiles, control %s",
             SYNWARD_VERSION, run->options.client_side, run->options.server_side,
             mode_setting_name(daemon_mode(run->daemon)), run->options.learning ? "on" : "off",
             store_count(run->store), run->options.control_path);
    if (sides_one_queue(run->sides)->code != EXIT_DONE)
        log_line(run->options.workers > 1 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                 "%s: one worker%s, and SYNs wait in one queue with all else",
                 sides_one_queue(run->sides)->text,
                 run->options.workers > 1 ? " instead of those asked for" : "");
    if (!kernel_path_hindrance(run->path))
        log_line(LOG_LEVEL_INFO, "the kernel carries known connections from port to port");
    if (!hook_hindrance(run->hook))
        log_line(LOG_LEVEL_INFO, "the servers' own TCP makes connections that are proved");
    if (run->options.when_dead_given && when_dead_hindrance(run->when_dead))
        log_line(LOG_LEVEL_WARNING, "the wire is cut while no worker is alive: %s",
                 when_dead_hindrance(run->when_dead));
    if (run->share.on)
        log_line(LOG_LEVEL_INFO, "cookies are those of every bridge with the keys of %s%s",
                 run->options.cluster_key,
                 run->share.has_before ? ", the keys of its second line are good, too" : "");
    if (!workers_multishot(run->workers))
        log_line(LOG_LEVEL_INFO, "%s",
                 run->options.single_reads
                     ? "single reads, as asked for"
                     : "this kernel has no multishot reads (Linux 6.7): single reads, slower");
}

/* --- main loop ------------------------------------------------------------------------------- */

static void observed(void *context, const struct observation *observation)
{
    struct run *run = context;

    if (observation->kind == OBSERVED_GREETING)
        report_greeting(run->report, observation);
    if (daemon_learning(run->daemon))
        learner_observe(run->learner, observation, clock_wall_us());
}

static void switched(void *context, const struct observation *observation)
{
    const struct run *run = context;

    report_attack(run->report, &observation->server, &observation->trigger);
}

static void put_aside(void *context, const struct observation *observation)
{
    const struct run *run = context;

    report_aside(run->report, observation);
}

static void returned(void *context, const struct server_key *server)
{
    const struct run *run = context;

    report_normal(run->report, server);
}

static struct workers_hooks hooks_of(struct run *run)
{
    return (struct workers_hooks){.observed = observed,
                                  .switched = switched,
                                  .put_aside = put_aside,
                                  .returned = returned,
                                  .context = run};
}

static void look_at_server(struct run *run, const struct server_info *server)
{
    struct error error = {0};

    report_slow(run->report, &server->key, server->ended);
    if (!run_modes_tell(&run->modes, run->daemon, &server->key, 1, &error))
        log_line(LOG_LEVEL_WARNING, "a server has not the mode of the file: %s", error.text);
}

static void look_at_servers(struct run *run)
{
    struct server_info *servers = NULL;
    uint32_t count = 0;

    if (!workers_servers(run->workers, &servers, &count, NULL))
        return;
    for (uint32_t i = 0; i < count; i++)
        look_at_server(run, &servers[i]);
    peaks_learn(run->store, servers, count);
    free(servers);
}

/* What one worker carries stands still with it, and the service manager waits a while. */
static void note_answers(struct run *run, bool answered, const struct error *why)
{
    if (answered && run->unanswered >= UNANSWERED)
        log_line(LOG_LEVEL_WARNING, "all workers answer again");
    run->unanswered = answered ? 0 : run->unanswered + 1;
    if (run->unanswered == UNANSWERED)
        log_line(LOG_LEVEL_WARNING, "%s", why->text);
}

/* Each second what is told by a state; the workers are asked, so not in each. */
static void tick_report(struct run *run)
{
    struct counters counters;
    struct engine_use use;
    struct when_dead_use dead;
    uint64_t overflow[2];
    const bool ask = run->ticks++ % COUNTERS_TICKS == 0;
    struct error why = {0};
    const bool counted = ask && daemon_counters(run->daemon, &counters, overflow, &why);

    if (ask)
        note_answers(run, counted, &why);
    when_dead_use(run->when_dead, &dead);
    report_dead(run->report, dead.times, dead.passed, dead.dropped);
    report_tick(run->report, run->store, counted ? &counters : NULL, overflow);
    if (counted && daemon_use(run->daemon, &use, NULL))
        report_use(run->report, &use);
    if (counted) /* by every worker */
        notify_alive(&run->notify);
    tell_status(run);
    if (counted)
        look_at_servers(run);
}

/* As long as a worker would look for frames before it sleeps, it is told whether there is a core
 * for that. */
static void look_for_core(struct run *run, uint64_t now_us)
{
    const bool keen = atomic_exchange_explicit(&run->poll_word.keen, false, memory_order_relaxed);
    const bool spare = keen && spare_core_look(&run->spare_core, now_us, sides_workers(run->sides));

    run->spare_us = keen ? now_us + SPARE_CORE_EVERY_US : NEVER;
    atomic_store_explicit(&run->poll_word.spare, spare, memory_order_relaxed);
}

static void keep_state(struct run *run, uint64_t now_us)
{
    struct error error = {0};

    if (!state_turn(&run->keeper, run->daemon, run->options.store_path, now_us, &error))
        report_save_failed(run->report, error.text);
}

/* With sides that are there again; what lives is taken over. A worker that reads nothing where all
 * seems to be there has lost its TAP to another of the same name. */
static void tick_sides(struct run *run)
{
    const bool anew = sides_watch_turn(&run->sides_watch);
    const bool cut = sides_cut(run->sides, SIDE_CLIENT)[0] || sides_cut(run->sides, SIDE_SERVER)[0];
    struct error why = {0};

    if (!anew && (cut || !workers_failed(run->workers, &why)))
        return;
    log_line(LOG_LEVEL_WARNING, "%s%s%s",
             run->confine.keeping ? "the sides must be opened anew, which takes a new start"
                                  : "the sides are opened anew",
             why.text[0] ? ": " : "", why.text);
    run->anew = run->stopping = true;
}

/* A clock that was stepped is followed slowly; who speaks of the others may be gone. */
static void tick_cluster(struct run *run, uint64_t now_us)
{
    if (cluster_clock_turn(&run->clock, now_us, clock_wall_us()))
        report_clock(run->report, !run->clock.wrong, run->clock.off_us,
                     cluster_clock_lasts_s(&run->clock));
    if (!cluster_peers_turn(&run->peers, now_us))
        return;
    report_peers(run->report, &run->peers);
    store_set_teachers(run->store, NULL, 0); /* each learns for itself again */
}

static void do_what_is_due(struct run *run, const struct workers_hooks *hooks, uint64_t now_us)
{
    if (now_us >= workers_due(run->workers))
        workers_drain(run->workers, hooks, now_us);
    if (now_us >= run->tick_us) {
        run->tick_us = now_us + SECOND_US;
        learner_tick(run->learner, now_us, clock_wall_us());
        confine_look(&run->confine);
        workers_tick(run->workers, hooks, now_us);
        tick_cluster(run, now_us);
        tick_report(run);
        if (!run->stopping)
            tick_sides(run);
    }
    if (now_us >= run->spare_us || (run->spare_us == NEVER && busy_poll_keen(&run->poll_word)))
        look_for_core(run, now_us);
    stack_watch_turn(run->stack, run->store, workers_attacked(run->workers), now_us);
    daemon_turn(run->daemon, now_us);
    keep_state(run, now_us);
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static int wait_ms(const struct run *run, uint64_t now_us)
{
    const uint64_t due_us =
        earlier(earlier(run->tick_us, run->spare_us),
                earlier(earlier(daemon_due_us(run->daemon), run->keeper.due_us),
                        earlier(workers_due(run->workers), stack_watch_due(run->stack))));

    return due_us <= now_us ? 0 : (int)((due_us - now_us + 999) / 1000);
}

/* SIGHUP is what a terminal that is closed sends, and log rotation: no reason to cut a wire, and
 * nothing else comes of it where the file is as it was. */
static void take_signals(struct run *run)
{
    struct error error = {0};
    int number;

    while ((number = signals_next(&run->signals)) != 0) {
        if (number != SIGHUP) {
            run->next_follows = number == SIGUSR2 && (!run->stopping || run->next_follows);
            run->stopping = true;
            continue;
        }
        if (run->options.reconfiguring.path) {
            json_object_put(run_reload(run, &error));
            continue;
        }
        notify_reloading(&run->notify, clock_now_us());
        log_line(LOG_LEVEL_INFO, "SIGHUP: goes on, there is no configuration file to read anew");
        notify_ready(&run->notify);
    }
}

static void handle_event(struct run *run, int fd, const struct workers_hooks *hooks,
                         uint64_t now_us)
{
    if (fd == run->signals.fd)
        take_signals(run);
    else if (fd == workers_fd(run->workers))
        workers_drain(run->workers, hooks, now_us);
    else if (fd == keeping_fd(run->confine.keeping))
        confine_look(&run->confine);
    else if (run->view && fd == control_fd(run->view))
        control_handle(run->view);
    else if (run->sync && fd == control_fd(run->sync))
        control_handle(run->sync);
    else if (!sides_watch_heard(&run->sides_watch, fd))
        control_handle(run->control);
}

static void tell_watchers(struct run *run)
{
    control_tell(run->control);
    if (run->view)
        control_tell(run->view);
}

/* A worker whose side is gone waits with us until it is there again. */
static void main_loop(struct run *run)
{
    const struct workers_hooks hooks = hooks_of(run);

    run->tick_us = clock_now_us() + SECOND_US;
    while (!run->stopping) {
        struct epoll_event events[EVENTS_MAX];
        const int count =
            epoll_wait(run->epoll_fd, events, EVENTS_MAX, wait_ms(run, clock_now_us()));
        const uint64_t now_us = clock_now_us();

        for (int i = 0; i < count; i++)
            handle_event(run, events[i].data.fd, &hooks, now_us);
        do_what_is_due(run, &hooks, now_us);
        tell_watchers(run);
    }
}

/* --- end ------------------------------------------------------------------------------------- */

static void tell_of_the_cut(const struct run *run)
{
    const char *why = when_dead_hindrance(run->when_dead);

    if (run->options.when_dead == WHEN_DEAD_CLOSED)
        why = "--when-dead closed";
    log_line(LOG_LEVEL_WARNING, "the wire is cut until the next start: %s",
             why ? why : "a port is away");
}

/* What the workers saw last is learned too; then the files. Connections last: they go on until the
 * workers are halted. */
static bool save_at_end(struct run *run, struct error *error)
{
    const struct workers_hooks hooks = hooks_of(run);
    struct takeover_way way = {.within = run->anew};
    bool saved;

    workers_drain(run->workers, &hooks, clock_now_us());
    if (daemon_learning(run->daemon))
        learner_flush(run->learner, clock_wall_us());
    saved = daemon_save_at_end(run->daemon, error) &&
            state_save(run->daemon, run->options.store_path, error);
    tell_watchers(run); /* as far as they take it now */
    if (run->next_follows)
        workers_end_openings(run->workers);
    run->handed_on = run->next_follows && when_dead_hand_on(run->when_dead, clock_now_us());
    if (run->next_follows && !run->handed_on)
        tell_of_the_cut(run);
    if (!run->handed_on)
        kernel_path_halt(run->path);
    workers_halt(run->workers);
    way.goes_on = run->handed_on;
    if (run->handed_on)
        way.records = run->records;
    return takeover_write(run->takeover, run->workers, &way, keeping_hands(run->confine.keeping),
                          saved ? error : NULL) &&
           saved;
}

static void leave_socket(struct run *run, struct control *control)
{
    if (control)
        keeping_unplace(run->confine.keeping, control_place(control));
    control_close(control);
}

/* A wire that outlived a kill outlives a failed start, too; one that was handed on outlives its
 * daemon. The hook is then nobody's. */
static bool wire_stays(const struct run *run)
{
    return run->handed_on || (!run->started && when_dead_goes_on(run->when_dead));
}

static void leave_sides(struct run *run)
{
    const bool stays = wire_stays(run);

    if (stays) {
        log_line(run->handed_on ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                 "the wire goes on without synward, %s",
                 run->handed_on ? "until the next start" : "as before this start");
        sides_kept_elsewhere(run->sides);
    } else if (run->started) {
        sides_started(run->sides);
    }
    if (!run->confine.keeping)
        hook_leave(run->hook);
    keeping_leave(run->confine.keeping, stays          ? KEEPING_WIRE_STAYS
                                        : run->started ? KEEPING_STARTED
                                                       : KEEPING_FAILED);
    when_dead_close(run->when_dead);
    sides_close(run->sides);
}

static void finish(struct run *run)
{
    leave_socket(run, run->control);
    leave_socket(run, run->view);
    leave_socket(run, run->sync);
    daemon_free(run->daemon);
    stack_watch_close(run->stack);
    workers_stop(run->workers);
    kernel_path_close(run->path, wire_stays(run));
    leave_sides(run);
    hook_close(run->hook);
    learner_free(run->learner);
    rehearsal_free(run->rehearsal);
    imports_free(run->imports);
    store_free(run->store);
    store_unclaim(&run->claim);
    takeover_free(run->takeover);
    if (run->left >= 0)
        close(run->left);
    run_modes_free(&run->modes);
    keeping_stop(run->confine.keeping);
    spare_core_close(&run->spare_core);
    report_free(run->report);
    events_free(run->events);
    if (run->epoll_fd >= 0)
        close(run->epoll_fd);
    notify_close(&run->notify);
    if (run->anew)
        close(run->signals.fd); /* what comes meanwhile is for the next one */
    else
        signals_release(&run->signals, run->stopping);
    free(run);
}

/* The wire does not wait for room on a disk. */
static void save_before_next(struct run *run)
{
    struct error why = {0};

    if (!save_at_end(run, &why))
        log_line(LOG_LEVEL_WARNING, "%s", why.text);
}

static bool serve_until_stopped(struct run *run, struct error *error)
{
    run->started = true;
    log_ready(run);
    tell_status(run);
    notify_ready(&run->notify);
    main_loop(run);
    /* Without privileges it takes a start from outside. */
    if (run->anew && run->confine.keeping) {
        run->anew = false;
        notify_stopping(&run->notify);
        return save_at_end(run, error) &&
               error_set(error, EXIT_FAILED,
                         "a side was taken away: start synward again (a service manager does)");
    }
    if (run->anew) {
        notify_reloading(&run->notify, clock_now_us());
        save_before_next(run);
        return true;
    }
    notify_stopping(&run->notify);
    return save_at_end(run, error);
}

/* `*anew`: it ended to begin again, by the options as they are then; `reloaded` is the file that
 * they are of. `*left`: what the run before has left in memory, taken; then what this one leaves;
 * -1: nothing. */
static bool run_once(struct run_options *options, struct config *reloaded, bool *anew, int *left,
                     struct error *error)
{
    struct run *run = calloc(1, sizeof(*run));
    bool ok;

    if (!run)
        return error_set(error, EXIT_FAILED, "out of memory");
    run->options = *options;
    run->reloaded = reloaded;
    run->left = *left;
    *left = -1;
    run->epoll_fd = run->signals.fd = -1;
    run->spare_us = NEVER;
    notify_open(&run->notify);
    spare_core_open(&run->spare_core);
    ok = run_start(run, error) && serve_until_stopped(run, error);
    *anew = run->anew;
    *left = takeover_leave(run->takeover);
    *options = run->options;
    finish(run);
    return ok;
}

enum exit_code run_bridge(const struct run_options *options, struct error *error)
{
    struct run_options in_force = *options;
    struct config reloaded = {.mode = SETTING_INHERIT};
    bool ok, anew = false;
    int left = -1;

    *error = (struct error){0};
    log_open();
    do
        ok = run_once(&in_force, &reloaded, &anew, &left, error);
    while (ok && anew);
    config_free(&reloaded);
    if (ok)
        log_line(LOG_LEVEL_INFO, "stopped");
    log_close();
    return error->code;
}
