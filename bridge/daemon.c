/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.c - see daemon.h.
 *
 * Start: everything that can be wrong without touching the system is looked at first (sides, store,
 * control socket), then come TAPs, workers, and last the control socket. What was made is unmade in
 * the opposite order, on failure as at the end.
 *
 * Main loop: one epoll over signals, the workers' bell, changes of the interfaces and the control
 * socket, with the time of the next duty as its limit:
 *
 *      each second           learner_tick, servers back to normal mode, old policies freed
 *      COMPILE_DELAY_US      after a change of the store: a new policy for the workers (not while
 *                            changes pour in)
 *      RECOMPILE_US          without a change too: a promise may have waited for its turn
 *                            (compile.h)
 *      SAVE_DELAY_US         after a change of the store: the file
 *      SPARE_CORE_EVERY_US   while a worker would busy poll: is there a core for it?
 */
#include "bridge/daemon.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/control/socket.h"
#include "bridge/events/events.h"
#include "bridge/sides/link.h"
#include "bridge/base/log.h"
#include "bridge/text/mode_text.h"
#include "bridge/sides/port.h"
#include "bridge/events/report.h"
#include "bridge/text/server_text.h"
#include "bridge/workers/workers.h"
#include "bridge/sides/side.h"
#include "bridge/io/spare_core.h"
#include "bridge/listeners/watch.h"
#include "bridge/bpf/steering.h"
#include "bridge/sides/tap.h"
#include "engine/version.h"
#include "profiles/compile.h"
#include "profiles/learn/learner.h"

#define SECOND_US        1000000ull
#define COMPILE_DELAY_US (200ull * 1000)
#define RECOMPILE_US     (60 * SECOND_US)
#define SAVE_DELAY_US    (10 * SECOND_US)
#define EVENTS_MAX       8
#define COUNTERS_TICKS   2u /* seconds between two looks at the counters for events */
#define NEVER            UINT64_MAX
/* Of each server: 1 % of a core for the learner, where a busy one has 20,000. */
#define OBSERVED_PER_SECOND 500u
/*
 * Of each queue of a TAP that we made. It must hold what comes while a worker is not on a core: the
 * 1,000 of a new TAP are 7 ms of 150,000 SYNs a second, which could be answered with ease, and less
 * than the scheduler lets others run; what finds no room there comes again after 1 s at the
 * soonest. A TAP that somebody else made keeps the length that it has.
 */
#define QUEUE_FRAMES 8192u

struct daemon_port {
    struct side_spec spec;
    struct link *link;     /* of the interface that the side names */
    struct port *join;     /* NULL: that interface is the TAP itself */
    struct link *tap_link; /* `link`, or that of the TAP which a port is joined to */
    struct tap tap;
    uint32_t mtu;             /* of the side's interface, as last read or set */
    uint64_t overflow_before; /* of a persistent TAP, before we attached */
};

struct daemon {
    struct daemon_options options;
    uint64_t start_us;
    enum mode_setting mode;
    bool learning;
    struct daemon_port ports[2]; /* by enum side */
    uint32_t workers;            /* that there can be */
    int steering_fd;             /* program for the TAPs' queues, -1: none */
    struct error one_queue; /* why there is one worker, or no queue of SYNs; EXIT_DONE: there are */
    struct store *store;
    struct learner *learner;
    struct shards *shards;
    struct control *control;
    struct events *events;
    struct report *report;
    struct stack_watch *stack; /* NULL: the servers' TCP stack is not of this machine */
    int epoll_fd, signal_fd;
    bool signals_blocked, stopping;
    sigset_t signals_before;
    uint64_t compiled_revision, saved_revision;
    unsigned ticks;
    struct busy_poll_word poll_word;
    struct spare_core spare_core;
    uint64_t tick_us, compile_us, recompile_us, save_us, spare_us; /* when due */
};

/* --- the face that the control socket sees --------------------------------------------------- */

uint64_t daemon_uptime_us(const struct daemon *daemon)
{
    return clock_now_us() - daemon->start_us;
}

enum mode_setting daemon_mode(const struct daemon *daemon)
{
    return daemon->mode;
}

bool daemon_learning(const struct daemon *daemon)
{
    return daemon->learning;
}

void daemon_set_learning(struct daemon *daemon, bool on)
{
    if (daemon->learning && !on)
        learner_flush(daemon->learner, clock_wall_us());
    if (daemon->learning != on)
        report_learning(daemon->report, on);
    daemon->learning = on;
    shards_set_learning(daemon->shards, on);
}

struct events *daemon_events(const struct daemon *daemon)
{
    return daemon->events;
}

void daemon_side_info(const struct daemon *daemon, enum side side, struct daemon_side *out)
{
    const struct daemon_port *port = &daemon->ports[side];
    *out = (struct daemon_side){.spec = port->spec.text,
                                .device = port->spec.device,
                                .netns = port->spec.netns[0] == '\0' ? NULL : port->spec.netns,
                                .mtu = port->mtu};
    /* The user may have changed it since. */
    link_mtu(port->link, &out->mtu, NULL);
}

bool daemon_servers(struct daemon *daemon, struct daemon_server **servers, uint32_t *count,
                    struct error *error)
{
    struct server_info *infos;
    if (!shards_servers(daemon->shards, &infos, count, error))
        return false;
    *servers = calloc((size_t)*count + 1, sizeof(**servers));
    const uint64_t now_us = clock_now_us(), wall_us = clock_wall_us();
    for (uint32_t i = 0; *servers != NULL && i < *count; i++) {
        const uint64_t age_us = now_us > infos[i].since_us ? now_us - infos[i].since_us : 0;
        (*servers)[i] = (struct daemon_server){
            .info = infos[i], .since_wall_s = (int64_t)((wall_us - age_us) / SECOND_US)};
    }
    free(infos);
    return *servers != NULL ||
           error_set(error, EXIT_FAILED, "out of memory for the list of servers");
}

/* The workers' counters, and beside them what each TAP had no room for. */
static bool read_counters(struct daemon *daemon, struct counters *out, uint64_t overflow[2],
                          struct error *error)
{
    if (!shards_counters(daemon->shards, out, error))
        return false;
    for (int side = 0; side < 2; side++) {
        const struct daemon_port *port = &daemon->ports[side];
        if (!link_overflow(port->tap_link, &overflow[side], error))
            return false;
        overflow[side] -= port->overflow_before;
        out->frames_tap_overflow += overflow[side];
    }
    return true;
}

bool daemon_counters(struct daemon *daemon, struct counters *out, struct error *error)
{
    uint64_t overflow[2];
    return read_counters(daemon, out, overflow, error);
}

bool daemon_flows(struct daemon *daemon, struct flow_info **flows, uint32_t *count,
                  struct error *error)
{
    return shards_flows(daemon->shards, flows, count, error);
}

bool daemon_sources(struct daemon *daemon, struct source_info **sources, uint32_t *count,
                    struct error *error)
{
    return shards_sources(daemon->shards, sources, count, error);
}

bool daemon_set_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                       enum source_state state, uint64_t for_s, struct error *error)
{
    const struct source_rule rule = {.prefix = *prefix,
                                     .length = length,
                                     .state = state,
                                     .by = SOURCE_BY_OPERATOR,
                                     .until_us =
                                         for_s != 0 ? clock_now_us() + for_s * SECOND_US : 0};
    if (!shards_set_source(daemon->shards, &rule, error))
        return false;
    report_rule(daemon->report, &rule);
    return true;
}

bool daemon_forget_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                          bool *known, struct error *error)
{
    const struct source_rule rule = {.prefix = *prefix, .length = length, .state = SOURCE_CLEAR};
    if (!shards_forget_source(daemon->shards, prefix, length, known, error))
        return false;
    if (*known)
        report_rule(daemon->report, &rule);
    return true;
}

int64_t daemon_wall_s(const struct daemon *daemon, uint64_t time_us)
{
    (void)daemon;
    return ((int64_t)clock_wall_us() + (int64_t)(time_us - clock_now_us())) / (int64_t)SECOND_US;
}

static void compile_policy(struct daemon *daemon, uint64_t now_us)
{
    const uint64_t revision = store_revision(daemon->store);
    daemon->compile_us = NEVER;
    daemon->recompile_us = now_us + RECOMPILE_US;
    struct policy *policy = policy_compile(daemon->store, shards_policy(daemon->shards), now_us);
    if (policy != NULL && shards_publish(daemon->shards, policy)) {
        daemon->compiled_revision = revision;
        return;
    }
    free(policy);
    daemon->compile_us = now_us + SECOND_US;
    log_line(LOG_LEVEL_ERROR, "out of memory for a new policy: the one before stays in force");
}

static void compile_changes(struct daemon *daemon)
{
    if (store_revision(daemon->store) != daemon->compiled_revision)
        compile_policy(daemon, clock_now_us());
}

bool daemon_bring_in_force(struct daemon *daemon, struct error *error)
{
    struct counters unused;

    compile_changes(daemon);
    /* Whatever a worker answers, it has adopted the policy before. */
    return shards_counters(daemon->shards, &unused, error);
}

bool daemon_set_mode(struct daemon *daemon, const struct server_key *server,
                     enum mode_setting setting, struct error *error)
{
    /* What the operator was told of the profiles must hold under the new mode. */
    compile_changes(daemon);
    if (!shards_set_setting(daemon->shards, server, setting, clock_now_us(), error))
        return false;
    report_setting(daemon->report, server, setting);
    if (server == NULL)
        daemon->mode = setting;
    return true;
}

struct store *daemon_store(struct daemon *daemon)
{
    return daemon->store;
}

/* Schedules what a changed store asks for; the first change counts, those that follow do not put it
 * off. */
void daemon_store_changed(struct daemon *daemon)
{
    const uint64_t now_us = clock_now_us(), revision = store_revision(daemon->store);
    if (revision != daemon->compiled_revision && daemon->compile_us == NEVER)
        daemon->compile_us = now_us + COMPILE_DELAY_US;
    if (revision != daemon->saved_revision && daemon->save_us == NEVER)
        daemon->save_us = now_us + SAVE_DELAY_US;
}

bool daemon_forget(struct daemon *daemon, const struct server_key *key)
{
    if (!store_forget(daemon->store, key))
        return false;
    learner_forget(daemon->learner, key);
    daemon_store_changed(daemon);
    return true;
}

/* --- start ----------------------------------------------------------------------------------- */

static bool read_sides(struct daemon *daemon, struct error *error)
{
    struct side_spec *client = &daemon->ports[SIDE_CLIENT].spec,
                     *server = &daemon->ports[SIDE_SERVER].spec;
    if (!side_parse(daemon->options.client_side, client, error) ||
        !side_parse(daemon->options.server_side, server, error))
        return false;
    if (side_same(client, server))
        return error_set(error, EXIT_USAGE,
                         "both sides are %s: a bridge needs two different interfaces",
                         client->text);
    return true;
}

static bool load_store(struct daemon *daemon, struct error *error)
{
    daemon->store = store_new();
    daemon->learner = daemon->store == NULL ? NULL : learner_new(daemon->store);
    if (daemon->learner == NULL)
        return error_set(error, EXIT_FAILED, "out of memory for the profiles");
    if (!store_load(daemon->store, daemon->options.store_path, error))
        return false;
    daemon->saved_revision = daemon->compiled_revision = store_revision(daemon->store);
    report_tick(daemon->report, daemon->store, NULL, NULL);
    return true;
}

/* From here on the signals wait for the main loop, in every thread. */
static bool catch_signals(struct daemon *daemon, struct error *error)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGPIPE);
    daemon->signals_blocked = pthread_sigmask(SIG_BLOCK, &signals, &daemon->signals_before) == 0;
    /* A client that hangs up is told by its socket. */
    sigdelset(&signals, SIGPIPE);
    daemon->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (daemon->signal_fd < 0)
        return error_set(error, EXIT_FAILED, "cannot catch signals: %s", strerror(errno));
    return true;
}

/* An interface of somebody else's keeps the MTU that it has; our TAPs follow. */
static bool mtu_fixed(const struct daemon_port *port)
{
    return port->join != NULL;
}

/* False, with an error, where the side cannot have this MTU. */
static bool give_mtu(struct daemon_port *port, uint32_t mtu, struct error *error)
{
    if (port->mtu == mtu)
        return true;
    if (mtu_fixed(port))
        return error_set(
            error, EXIT_FAILED,
            "%s keeps its MTU %u: frames larger than the smaller MTU are lost; make them equal",
            port->spec.text, port->mtu);
    if (!link_set_mtu(port->link, mtu, error))
        return false;
    port->mtu = mtu;
    return true;
}

/* The TAP behind a port shows the port's MTU. Nothing depends on it: a TAP takes what is redirected
 * to it. */
static void tell_tap_mtu(const struct daemon_port *port)
{
    if (port->join != NULL)
        link_set_mtu(port->tap_link, port->mtu, NULL);
}

static bool open_links(struct daemon_port *port, struct error *error)
{
    port->link = port->tap_link = link_open(&port->spec, error);
    if (port->link == NULL || !port->spec.port)
        return port->link != NULL;
    port->tap_link = NULL;
    port->join = port_open(&port->spec, port->link, error);
    if (port->join != NULL)
        port->tap_link = link_beside(port->link, port_tap(port->join), error);
    return port->tap_link != NULL;
}

static uint32_t queues_wanted(const struct daemon *daemon)
{
    return daemon->steering_fd < 0 ? 1 : daemon->workers * STEER_QUEUES;
}

static bool open_port(const struct daemon *daemon, struct daemon_port *port, struct error *error)
{
    if (!open_links(port, error) ||
        !tap_open(&port->tap, port->join == NULL ? &port->spec : port_tap(port->join),
                  queues_wanted(daemon), daemon->steering_fd, error) ||
        !link_mtu(port->link, &port->mtu, error))
        return false;
    if (!port->tap.persistent)
        link_set_queues(port->tap_link, QUEUE_FRAMES);
    if (port->join != NULL && !port_join(port->join, port->tap_link, port->tap.fds[0], error))
        return false;
    tell_tap_mtu(port);
    return !port->tap.persistent || link_overflow(port->tap_link, &port->overflow_before, error);
}

/*
 * Both sides get one MTU. A TAP that was there before, or a port, has the MTU that its user wants,
 * so that a new one follows it; of two that were there the smaller wins.
 */
static bool agree_mtu(struct daemon *daemon, struct error *error)
{
    struct daemon_port *client = &daemon->ports[SIDE_CLIENT], *server = &daemon->ports[SIDE_SERVER];
    const bool client_leads = client->tap.persistent || mtu_fixed(client);
    const bool server_leads = server->tap.persistent || mtu_fixed(server);
    uint32_t mtu = client->mtu < server->mtu ? client->mtu : server->mtu;
    if (client_leads != server_leads)
        mtu = client_leads ? client->mtu : server->mtu;
    for (int side = 0; side < 2; side++) {
        struct daemon_port *port = &daemon->ports[side];
        struct error unequal = {0};
        if (give_mtu(port, mtu, &unequal))
            continue;
        if (!mtu_fixed(port))
            return error_set(error, unequal.code, "%s", unequal.text);
        log_line(LOG_LEVEL_WARNING, "MTU %u on the other side: %s", mtu, unequal.text);
    }
    return true;
}

/* Without the program nothing can be told apart before it is read: one queue, one worker. */
static void load_steering(struct daemon *daemon)
{
    if (!daemon->options.single_queue)
        daemon->steering_fd = steering_load(daemon->workers, &daemon->one_queue);
    if (daemon->steering_fd < 0)
        daemon->workers = 1;
}

/*
 * Workers need queues of their own on both sides. Where a TAP has but one, a single worker reads
 * it; the other TAP may still have its queue of SYNs (bpf/steer.c: what was said for many workers
 * is right for one).
 */
static void settle_workers(struct daemon *daemon)
{
    const uint32_t wanted = queues_wanted(daemon);
    for (int side = 0; side < 2; side++) {
        const struct daemon_port *port = &daemon->ports[side];
        if (port->tap.queues == wanted)
            continue;
        error_set(&daemon->one_queue, EXIT_FAILED,
                  "%s has one queue: was it made without multi_queue?", port->spec.text);
        daemon->workers = 1;
    }
    for (int side = 0; side < 2; side++)
        tap_shrink(&daemon->ports[side].tap, queues_wanted(daemon));
}

static bool open_ports(struct daemon *daemon, struct error *error)
{
    struct daemon_port *client = &daemon->ports[SIDE_CLIENT], *server = &daemon->ports[SIDE_SERVER];
    load_steering(daemon);
    if (!open_port(daemon, client, error) || !open_port(daemon, server, error))
        return false;
    settle_workers(daemon);
    return agree_mtu(daemon, error) && link_set_up(daemon->ports[SIDE_CLIENT].tap_link, error) &&
           link_set_up(daemon->ports[SIDE_SERVER].tap_link, error);
}

/* What all workers have in common. */
static void fill_options(struct daemon *daemon, struct worker_options *options)
{
    const struct tap *client = &daemon->ports[SIDE_CLIENT].tap,
                     *server = &daemon->ports[SIDE_SERVER].tap;
    options->nowait_writes = client->nowait_writes && server->nowait_writes;
    options->single_reads = daemon->options.single_reads;
    options->busy_poll = daemon->options.busy_poll;
    options->poll_word = &daemon->poll_word;
    options->learning = daemon->options.learning;
    options->mode = daemon->options.mode;
    engine_config_defaults(&options->engine);
    engine_config_share(&options->engine, daemon->workers);
    options->engine.observed_per_second = OBSERVED_PER_SECOND;
    options->engine.unknown = daemon->options.unknown;
    options->engine.triggers = daemon->options.triggers;
    if (daemon->options.flows)
        options->engine.flows_max = daemon->options.flows;
    randombytes_buf(&options->engine.keys, sizeof(options->engine.keys));
    randombytes_buf(options->engine.table_seed, sizeof(options->engine.table_seed));
}

/* The queues of one worker. */
static void fill_queues(const struct daemon *daemon, uint32_t index, struct worker_options *options)
{
    options->has_syn_fds = true;
    for (int side = 0; side < 2; side++) {
        const struct tap *tap = &daemon->ports[side].tap;
        const uint32_t first = index * STEER_QUEUES;
        options->fds[side] = tap->fds[first + STEER_FLOWS];
        options->syn_fds[side] =
            first + STEER_SYNS < tap->queues ? tap->fds[first + STEER_SYNS] : -1;
    }
}

static bool start_shards(struct daemon *daemon, struct error *error)
{
    const size_t bytes = daemon->workers * sizeof(struct worker_options);
    struct worker_options *workers = calloc(1, bytes);
    struct policy *policy = policy_compile(daemon->store, NULL, clock_now_us());
    if (workers == NULL || policy == NULL) {
        free(workers);
        free(policy);
        return error_set(error, EXIT_FAILED, "out of memory for the policy of %zu profiles",
                         store_count(daemon->store));
    }
    fill_options(daemon, &workers[0]);
    for (uint32_t i = daemon->workers; i-- > 0;) {
        workers[i] = workers[0];
        fill_queues(daemon, i, &workers[i]);
    }
    daemon->shards = shards_start(workers, daemon->workers, policy, error);
    sodium_memzero(workers, bytes);
    free(workers);
    return daemon->shards != NULL;
}

static bool tell_listening(void *context, const struct server_key *server, bool listening)
{
    const struct daemon *daemon = context;
    return shards_set_listening(daemon->shards, server, listening);
}

static void tell_accept_queue(void *context, const struct server_key *server, uint32_t used,
                              uint32_t limit)
{
    const struct daemon *daemon = context;
    shards_set_accept_queue(daemon->shards, server, used, limit);
}

static void tell_fresh(void *context)
{
    const struct daemon *daemon = context;
    shards_listening_fresh(daemon->shards);
}

static void tell_lost(void *context, const char *reason)
{
    const struct daemon *daemon = context;
    report_stack(daemon->report, reason);
}

/* The servers' TCP stack, where it is one of this machine. Only one that was asked for must be
 * there. */
static bool open_stack(struct daemon *daemon, struct error *error)
{
    const struct stack_ears ears = {tell_listening, tell_accept_queue, tell_fresh, tell_lost,
                                    daemon};
    const struct side_spec *side = &daemon->ports[SIDE_SERVER].spec;
    struct error unseen = {0};
    if (daemon->options.server_stack != NULL) {
        daemon->stack = stack_watch_open(daemon->options.server_stack, "", &ears, error);
        return daemon->stack != NULL;
    }
    if (side->port || side->netns[0] == '\0')
        return true;
    daemon->stack = stack_watch_open(side->netns, side->device, &ears, &unseen);
    if (daemon->stack == NULL)
        report_stack(daemon->report, unseen.text);
    return true;
}

static bool watch_fd(struct daemon *daemon, int fd, struct error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(daemon->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return true;
    return error_set(error, EXIT_FAILED, "cannot watch a file: %s", strerror(errno));
}

static bool watch_all(struct daemon *daemon, struct error *error)
{
    daemon->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (daemon->epoll_fd < 0)
        return error_set(error, EXIT_FAILED, "cannot make an epoll: %s", strerror(errno));
    for (int side = 0; side < 2; side++) {
        const int events = link_events(daemon->ports[side].link);
        /* Without it an MTU that changes is not followed, nor a port that comes back, and nothing
         * else. */
        if (events >= 0 && !watch_fd(daemon, events, error))
            return false;
    }
    return watch_fd(daemon, daemon->signal_fd, error) &&
           watch_fd(daemon, shards_fd(daemon->shards), error);
}

static bool open_control(struct daemon *daemon, struct error *error)
{
    daemon->control = control_open(daemon, daemon->options.control_path, error);
    return daemon->control != NULL && watch_fd(daemon, control_fd(daemon->control), error);
}

static bool start(struct daemon *daemon, struct error *error)
{
    if (sodium_init() < 0)
        return error_set(error, EXIT_FAILED, "no source of random numbers: libsodium cannot start");
    daemon->events = events_new();
    daemon->report = daemon->events == NULL ? NULL : report_new(daemon->events);
    if (daemon->report == NULL)
        return error_set(error, EXIT_FAILED, "out of memory for the events");
    return read_sides(daemon, error) && load_store(daemon, error) &&
           control_check(daemon->options.control_path, error) && catch_signals(daemon, error) &&
           open_ports(daemon, error) && start_shards(daemon, error) && open_stack(daemon, error) &&
           watch_all(daemon, error) && open_control(daemon, error);
}

static void log_ready(const struct daemon *daemon)
{
    log_line(LOG_LEVEL_INFO,
             "%s ready: client %s, server %s, mode %s, learning %s, %zu profiles, control %s",
             SYNWARD_VERSION, daemon->options.client_side, daemon->options.server_side,
             mode_setting_name(daemon->options.mode), daemon->options.learning ? "on" : "off",
             store_count(daemon->store), daemon->options.control_path);
    if (daemon->one_queue.code != EXIT_DONE)
        log_line(daemon->options.workers > 1 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                 "%s: one worker%s, and SYNs wait in one queue with all else",
                 daemon->one_queue.text,
                 daemon->options.workers > 1 ? " instead of those asked for" : "");
    if (!shards_multishot(daemon->shards))
        log_line(LOG_LEVEL_INFO, "%s",
                 daemon->options.single_reads
                     ? "single reads, as asked for"
                     : "this kernel has no multishot reads (Linux 6.7): single reads, slower");
}

/* --- main loop ------------------------------------------------------------------------------- */

static void observed(void *context, const struct observation *observation)
{
    struct daemon *daemon = context;
    if (observation->kind == OBSERVED_GREETING)
        report_greeting(daemon->report, observation);
    if (daemon->learning)
        learner_observe(daemon->learner, observation, clock_wall_us());
}

static void switched(void *context, const struct observation *observation)
{
    const struct daemon *daemon = context;
    report_attack(daemon->report, &observation->server, &observation->trigger);
}

static void put_aside(void *context, const struct observation *observation)
{
    const struct daemon *daemon = context;
    report_aside(daemon->report, observation);
}

static void returned(void *context, const struct server_key *server)
{
    const struct daemon *daemon = context;
    report_normal(daemon->report, server);
}

/* What was saved is what the revision was before: a change in the meantime will be seen. */
static bool save_store(struct daemon *daemon, struct error *error)
{
    const uint64_t revision = store_revision(daemon->store);
    if (!store_save(daemon->store, daemon->options.store_path, error))
        return false;
    daemon->saved_revision = revision;
    report_saved(daemon->report, daemon->options.store_path, store_count(daemon->store));
    return true;
}

static void save_when_due(struct daemon *daemon, uint64_t now_us)
{
    struct error error = {0};
    daemon->save_us = NEVER;
    if (save_store(daemon, &error))
        return;
    report_save_failed(daemon->report, error.text);
    daemon->save_us = now_us + SAVE_DELAY_US;
}

/* Each second what is told by a state; the workers are asked, so not in each. */
static void tick_report(struct daemon *daemon)
{
    struct counters counters;
    uint64_t overflow[2];
    const bool ask = daemon->ticks++ % COUNTERS_TICKS == 0;
    const bool counted = ask && read_counters(daemon, &counters, overflow, NULL);
    report_tick(daemon->report, daemon->store, counted ? &counters : NULL, overflow);
}

/* As long as a worker would look for frames before it sleeps, it is told whether there is a core
 * for that. */
static void look_for_core(struct daemon *daemon, uint64_t now_us)
{
    const bool keen =
        atomic_exchange_explicit(&daemon->poll_word.keen, false, memory_order_relaxed);
    const bool spare = keen && spare_core_look(&daemon->spare_core, now_us, daemon->workers);
    daemon->spare_us = keen ? now_us + SPARE_CORE_EVERY_US : NEVER;
    atomic_store_explicit(&daemon->poll_word.spare, spare, memory_order_relaxed);
}

static void do_what_is_due(struct daemon *daemon, const struct shards_hooks *hooks, uint64_t now_us)
{
    if (now_us >= shards_due(daemon->shards))
        shards_drain(daemon->shards, hooks, now_us);
    if (now_us >= daemon->tick_us) {
        daemon->tick_us = now_us + SECOND_US;
        learner_tick(daemon->learner, now_us, clock_wall_us());
        shards_tick(daemon->shards, hooks, now_us);
        tick_report(daemon);
    }
    if (now_us >= daemon->spare_us ||
        (daemon->spare_us == NEVER && busy_poll_keen(&daemon->poll_word)))
        look_for_core(daemon, now_us);
    stack_watch_turn(daemon->stack, daemon->store, shards_attacked(daemon->shards), now_us);
    daemon_store_changed(daemon);
    if (now_us >= daemon->compile_us || now_us >= daemon->recompile_us)
        compile_policy(daemon, now_us);
    if (now_us >= daemon->save_us)
        save_when_due(daemon, now_us);
}

static int wait_ms(const struct daemon *daemon, uint64_t now_us)
{
    uint64_t due_us = daemon->tick_us;
    if (daemon->compile_us < due_us)
        due_us = daemon->compile_us;
    if (daemon->save_us < due_us)
        due_us = daemon->save_us;
    if (daemon->spare_us < due_us)
        due_us = daemon->spare_us;
    if (shards_due(daemon->shards) < due_us)
        due_us = shards_due(daemon->shards);
    if (stack_watch_due(daemon->stack) < due_us)
        due_us = stack_watch_due(daemon->stack);
    return due_us <= now_us ? 0 : (int)((due_us - now_us + 999) / 1000);
}

/*
 * A bridge has one MTU: what was changed on one side is copied to the other, or frames that one
 * host may send the other could not receive. Where both were changed the client side's counts.
 */
static void follow_mtu(struct daemon *daemon)
{
    for (int side = 0; side < 2; side++) {
        struct daemon_port *port = &daemon->ports[side], *other = &daemon->ports[!side];
        struct error error = {0};
        uint32_t mtu;
        if (!link_mtu(port->link, &mtu, &error) || mtu == port->mtu)
            continue;
        port->mtu = mtu;
        tell_tap_mtu(port);
        if (other->mtu == mtu)
            continue;
        if (!give_mtu(other, mtu, &error))
            log_line(LOG_LEVEL_WARNING, "%s has MTU %u now: %s", port->spec.text, mtu, error.text);
        else
            log_line(LOG_LEVEL_INFO, "%s: MTU %u, as %s has now", other->spec.text, mtu,
                     port->spec.text);
    }
}

static void follow_port(struct daemon *daemon, const struct daemon_port *port)
{
    switch (port_follow(port->join)) {
    case PORT_LOST:
        report_side_lost(daemon->report, port->spec.text, port->spec.device);
        break;
    case PORT_BACK:
        report_side_back(daemon->report, port->spec.text, port->spec.device);
        break;
    case PORT_AS_BEFORE:
        break;
    }
}

static bool follow_links(struct daemon *daemon, int fd)
{
    for (int side = 0; side < 2; side++) {
        const struct daemon_port *port = &daemon->ports[side];
        if (fd != link_events(port->link))
            continue;
        link_heard(fd);
        if (port->join != NULL)
            follow_port(daemon, port);
        follow_mtu(daemon);
        return true;
    }
    return false;
}

static void handle_event(struct daemon *daemon, int fd, const struct shards_hooks *hooks,
                         uint64_t now_us)
{
    if (fd == daemon->signal_fd)
        daemon->stopping = true;
    else if (fd == shards_fd(daemon->shards))
        shards_drain(daemon->shards, hooks, now_us);
    else if (!follow_links(daemon, fd))
        control_handle(daemon->control);
}

/* False: a worker failed. */
static bool main_loop(struct daemon *daemon, struct error *error)
{
    const struct shards_hooks hooks = {.observed = observed,
                                       .switched = switched,
                                       .put_aside = put_aside,
                                       .returned = returned,
                                       .context = daemon};
    daemon->tick_us = clock_now_us() + SECOND_US;
    while (!daemon->stopping) {
        struct epoll_event events[EVENTS_MAX];
        const int count =
            epoll_wait(daemon->epoll_fd, events, EVENTS_MAX, wait_ms(daemon, clock_now_us()));
        const uint64_t now_us = clock_now_us();
        for (int i = 0; i < count; i++)
            handle_event(daemon, events[i].data.fd, &hooks, now_us);
        if (shards_failed(daemon->shards, error))
            return false;
        do_what_is_due(daemon, &hooks, now_us);
        control_tell(daemon->control);
    }
    return true;
}

/* --- end ------------------------------------------------------------------------------------- */

/* What the workers saw last is learned too; then the file, also where nothing changed but there is
 * none yet. */
static bool save_at_end(struct daemon *daemon, struct error *error)
{
    const struct shards_hooks hooks = {.observed = observed,
                                       .switched = switched,
                                       .put_aside = put_aside,
                                       .returned = returned,
                                       .context = daemon};
    shards_drain(daemon->shards, &hooks, clock_now_us());
    if (daemon->learning)
        learner_flush(daemon->learner, clock_wall_us());
    const bool there = access(daemon->options.store_path, F_OK) == 0;
    return (there && store_revision(daemon->store) == daemon->saved_revision) ||
           save_store(daemon, error);
}

static void close_port(struct daemon_port *port)
{
    /* A ring lets go of its files a moment after it was closed; the interface must be gone when we
     * are. */
    if (port->join != NULL)
        port_leave(port->join);
    if (port->tap.queues > 0 && !port->tap.persistent)
        link_remove(port->tap_link);
    tap_close(&port->tap);
    if (port->tap_link != port->link)
        link_close(port->tap_link);
    port_free(port->join);
    link_close(port->link);
}

/* A second SIGTERM that came meanwhile is spent where the first one has been obeyed. */
static void release_signals(const struct daemon *daemon)
{
    const struct timespec at_once = {0};
    sigset_t spent;
    sigemptyset(&spent);
    sigaddset(&spent, SIGTERM);
    sigaddset(&spent, SIGINT);
    sigaddset(&spent, SIGHUP);
    sigaddset(&spent, SIGPIPE);
    while (daemon->stopping && sigtimedwait(&spent, NULL, &at_once) > 0)
        continue;
    pthread_sigmask(SIG_SETMASK, &daemon->signals_before, NULL);
}

static void finish(struct daemon *daemon)
{
    control_close(daemon->control);
    stack_watch_close(daemon->stack);
    shards_stop(daemon->shards);
    close_port(&daemon->ports[SIDE_SERVER]);
    close_port(&daemon->ports[SIDE_CLIENT]);
    if (daemon->steering_fd >= 0)
        close(daemon->steering_fd);
    learner_free(daemon->learner);
    store_free(daemon->store);
    report_free(daemon->report);
    events_free(daemon->events);
    if (daemon->epoll_fd >= 0)
        close(daemon->epoll_fd);
    if (daemon->signal_fd >= 0)
        close(daemon->signal_fd);
    if (daemon->signals_blocked)
        release_signals(daemon);
    free(daemon);
}

static bool serve_until_stopped(struct daemon *daemon, struct error *error)
{
    log_ready(daemon);
    const bool ok = main_loop(daemon, error);
    struct error save_error = {0};
    const bool saved = save_at_end(daemon, &save_error);
    control_tell(daemon->control); /* as far as they take it now */
    if (saved)
        return ok;
    /* A worker's failure is the cause: an error of the last save must not hide it. */
    if (ok)
        *error = save_error;
    else
        log_line(LOG_LEVEL_ERROR, "%s", save_error.text);
    return false;
}

enum exit_code daemon_run(const struct daemon_options *options, struct error *error)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    *error = (struct error){0};
    if (daemon == NULL) {
        error_set(error, EXIT_FAILED, "out of memory");
        return error->code;
    }
    daemon->options = *options;
    daemon->start_us = clock_now_us();
    daemon->mode = options->mode;
    daemon->learning = options->learning;
    daemon->epoll_fd = daemon->signal_fd = -1;
    daemon->workers = options->workers;
    daemon->steering_fd = -1;
    daemon->compile_us = daemon->save_us = daemon->spare_us = NEVER;
    daemon->recompile_us = daemon->start_us + RECOMPILE_US;
    const bool ok = start(daemon, error) && serve_until_stopped(daemon, error);
    finish(daemon);
    if (ok)
        log_line(LOG_LEVEL_INFO, "stopped");
    return error->code;
}
