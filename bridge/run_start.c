/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_start.c - see run_parts.h: everything that can be wrong without touching the system is looked
 * at first. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/bpf/object.h"
#include "bridge/cluster_key.h"
#include "bridge/control/answers.h"
#include "bridge/run_parts.h"
#include "bridge/run_reload.h"
#include "bridge/sides/port.h"
#include "bridge/sides/side.h"
#include "bridge/takeover_log.h"
#include "profiles/compile.h"

/* Of each server: 1 % of a core for the learner, where a busy one has 20,000. */
#define OBSERVED_PER_SECOND 500u
/* Whatever changes at a server is believed after 64 connections of it, or less. */
#define OBSERVED_OF_KNOWN 50u

/* With all that can be had 77 are open, 7 more for each further worker; beside them who asks. */
#define DESCRIPTORS            128u
#define DESCRIPTORS_OF_WORKERS 8u

/* Whatever would be the first to fail without them, or be done without, names another cause. */
static bool have_descriptors(const struct run *run, struct error *error)
{
    const rlim_t needed = DESCRIPTORS + DESCRIPTORS_OF_WORKERS * run->options.workers;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return true;
    limit.rlim_cur = needed;
    if (limit.rlim_max >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    return error_set(error, EXIT_FAILED,
                     "%lu files may be open (ulimit -Hn), and %lu are needed: raise that, with "
                     "systemd by LimitNOFILE=",
                     (unsigned long)limit.rlim_max, (unsigned long)needed);
}

static bool make_events(struct run *run, struct error *error)
{
    run->events = events_new();
    run->report = run->events ? report_new(run->events) : NULL;
    return run->report || error_set(error, EXIT_FAILED, "out of memory for the events");
}

static bool read_cluster_key(struct run *run, struct error *error)
{
    if (!run->options.cluster_key)
        return true;
    if (!cluster_key_read(run->options.cluster_key, &run->shared_keys, &run->share, error))
        return false;
    if (!cluster_clock_kept())
        log_line(LOG_LEVEL_WARNING, "nobody keeps this machine's clock right (chrony, ntpd): once "
                                    "it is 30 s off, other bridges take none of its cookies");
    return true;
}

static bool read_sides(struct run *run, struct error *error)
{
    run->sides = sides_read(run->options.client_side, run->options.server_side, error);
    return run->sides;
}

/* What the file says of servers, before any policy is made. */
static bool configure_store(struct run *run, struct error *error)
{
    static const struct run_modes none;
    const struct config *config = run->options.config;
    struct settings_for *settings = config_settings(config);
    const bool done = settings && store_configure(run->store, settings, config->server_count);

    free(settings);
    return done ? run_modes_plan(&run->modes, &none, config, error)
                : error_set(error, EXIT_FAILED, "out of memory for the settings of servers");
}

/* One that does not read is put aside: what it said is missed less than the wire would be. */
static bool load_imports(struct run *run, struct error *error)
{
    struct error why = {0};

    run->imports = imports_new();
    if (!run->imports)
        return error_set(error, EXIT_FAILED, "out of memory for lists of sources");
    if (!imports_load(run->imports, run->options.store_path, &why))
        log_line(LOG_LEVEL_WARNING, "%s", why.text);
    return true;
}

static bool load_store(struct run *run, struct error *error)
{
    run->store = store_start(&run->claim, run->options.store_path, run->report, error);
    if (!run->store)
        return false;
    if (!configure_store(run, error))
        return false;
    store_share(run->store, run->share.on);
    run->learner = learner_new(run->store);
    run->rehearsal = rehearsal_new(false);
    if (!run->learner || !run->rehearsal)
        return error_set(error, EXIT_FAILED, "out of memory for the profiles");
    report_tick(run->report, run->store, NULL, NULL);
    return load_imports(run, error);
}

/* A restart with other sides: the last one has left its wire to us. A card stays, as ever. */
static void end_left_side(const char *text)
{
    struct error why = {0};
    struct side_spec side;
    bool found;

    if (!side_parse(text, &side, &why) || !(side.port || side.host))
        return;
    if (port_detach(&side, &found, &why))
        log_line(LOG_LEVEL_INFO, "%s: what the last one left there is removed", text);
    else
        log_line(LOG_LEVEL_WARNING, "%s goes on without synward: %s", text, why.text);
}

/* What the last one left says by which seed frames are shared out. */
static bool open_sides(struct run *run, struct error *error)
{
    struct sides_options options = {.workers = run->options.workers,
                                    .single_queue = run->options.single_queue,
                                    .card = run->options.card};

    run->takeover = takeover_read(run->options.store_path, run->options.client_side,
                                  run->options.server_side, &run->notify, run->left, error);
    run->left = -1;
    if (!run->takeover)
        return false;
    for (int side = 0; side < 2; side++)
        if (takeover_left_side(run->takeover, (enum side)side))
            end_left_side(takeover_left_side(run->takeover, (enum side)side));
    options.steer_seed = takeover_steer_seed(run->takeover);
    options.handed_on = takeover_was_handed_on(run->takeover);
    return sides_open(run->sides, &options, error);
}

/* What one worker's engine remembers. */
static void fill_sizes(const struct run *run, struct engine_config *config)
{
    engine_config_defaults(config);
    engine_config_share(config, sides_workers(run->sides));
    if (run->options.flows)
        config->flows_max = run->options.flows;
}

/* What was joined before is left alone from the first frame on; then the workers know. */
static void mark_joined(struct run *run, int change)
{
    struct engine_config config = {0};

    takeover_fill_config(run->takeover, &config);
    takeover_mark(run->takeover, when_dead_joined(run->when_dead, config.table_seed),
                  config.table_seed, change);
    sodium_memzero(&config.keys, sizeof(config.keys));
}

static bool open_bypass(struct run *run, struct error *error)
{
    run->when_dead = when_dead_open(run->options.when_dead, run->sides, error);
    if (!run->when_dead)
        return false;
    mark_joined(run, 1);
    when_dead_begin(run->when_dead, run->sides);
    return true;
}

static bool open_path(struct run *run, struct error *error)
{
    const uint32_t workers = sides_workers(run->sides);
    struct engine_config config;
    struct carrying_sizes sizes;

    fill_sizes(run, &config);
    sizes = (struct carrying_sizes){.connections = config.flows_max,
                                    .servers = config.servers_max,
                                    .pulse = when_dead_map(run->when_dead),
                                    .answers = {.shards = workers,
                                                .steer_seed = takeover_steer_seed(run->takeover),
                                                .served_max = config.served_max}};
    run->path = kernel_path_open(run->options.kernel_path, run->sides, &sizes, error);
    return run->path;
}

/* What all bridges of a cluster have in common. It is wiped here, where it is read last. */
static void fill_share(struct run *run, struct engine_config *config)
{
    if (!run->share.on)
        return;
    config->keys = run->shared_keys;
    config->share = run->share;
    config->share.steered_us = clock_now_us();
    config->share.ahead_us = clock_wall_us() - config->share.steered_us;
    cluster_clock_begin(&run->clock, &config->share);
    sodium_memzero(&run->shared_keys, sizeof(run->shared_keys));
    sodium_memzero(&run->share.before, sizeof(run->share.before));
}

/* What all workers have in common. */
static void fill_options(struct run *run, struct worker_options *options)
{
    options->nowait_writes = sides_nowait_writes(run->sides);
    options->single_reads = run->options.single_reads;
    options->busy_poll = run->options.busy_poll;
    options->poll_word = &run->poll_word;
    options->learning = run->options.learning;
    options->mode = run->options.mode;
    fill_sizes(run, &options->engine);
    options->carrying = kernel_path_carrying(run->path);
    options->engine.grants = hook_grants(run->hook);
    options->engine.observed_per_second = OBSERVED_PER_SECOND;
    options->engine.observed_of_known = OBSERVED_OF_KNOWN;
    options->engine.unknown = run->options.unknown;
    options->engine.triggers = run->options.triggers;
    takeover_fill_config(run->takeover, &options->engine);
    options->pulse = when_dead_pulse(run->when_dead);
    options->engine.joined = when_dead_joined(run->when_dead, options->engine.table_seed);
    options->engine.regulars = when_dead_regulars(run->when_dead);
    fill_share(run, &options->engine);
    options->inherit = takeover_fill;
    options->inherit_context = run->takeover;
    options->sandbox_whole = run->options.sandbox == SANDBOX_ON;
    options->escape = run->options.escape;
}

/* The servers' TCP stack, where it is one of this machine. */
static bool open_stack(struct run *run, struct error *error)
{
    run->stack_news = (struct stack_news){.store = run->store, .report = run->report};
    return stack_news_open(&run->stack_news, run->options.server_stack,
                           sides_spec(run->sides, SIDE_SERVER), &run->stack, error);
}

static bool open_hook(struct run *run, struct error *error)
{
    run->hook = hook_open(run->options.hook, sides_spec(run->sides, SIDE_SERVER),
                          run->options.server_stack, error);
    return run->hook;
}

static bool begin_confinement(struct run *run, struct error *error)
{
    const struct keeping_parts parts = {.sides = run->sides,
                                        .stack = run->stack,
                                        .hook = run->hook,
                                        .store = run->store,
                                        .claim = &run->claim,
                                        .takeover = run->takeover,
                                        .store_path = run->options.store_path,
                                        .control_path = run->options.control_path,
                                        .config_path = run->options.reconfiguring.path,
                                        .pulse = when_dead_pulse(run->when_dead)};

    return confine_begin(&run->confine, run->options.sandbox, run->options.escape, &parts,
                         kernel_path_carrying(run->path) != NULL, error);
}

/* Without it a kill strands what is joined, and nothing else is the worse for it. */
static void begin_log(struct run *run, uint32_t workers, uint32_t flows)
{
    const struct carrying *carrying = kernel_path_carrying(run->path);
    struct error why = {0};

    if (carrying)
        run->records = carrying_left(carrying);
    if (!takeover_log_begin(takeover_log_of(run->takeover), workers, flows, run->records, &why))
        log_line(LOG_LEVEL_WARNING, "joined connections would not outlive a kill: %s", why.text);
}

static bool make_workers(struct run *run, struct error *error)
{
    const uint32_t count = sides_workers(run->sides);
    struct worker_options *options = calloc(count, sizeof(*options));
    struct policy *policy =
        policy_compile(run->store, takeover_policy(run->takeover), clock_now_us());

    if (!options || !policy) {
        free(options);
        free(policy);
        return error_set(error, EXIT_FAILED, "out of memory for the policy of %zu profiles",
                         store_count(run->store));
    }
    fill_options(run, &options[0]);
    begin_log(run, count, options[0].engine.flows_max);
    for (uint32_t i = count; i-- > 0;) {
        options[i] = options[0];
        options[i].has_syn_fds = true;
        options[i].shard = i;
        takeover_log_share(takeover_log_of(run->takeover), i, &options[i].engine);
        if (options[i].carrying)
            carrying_share(options[i].carrying, i, &options[i].engine);
        sides_queues(run->sides, i, options[i].fds, options[i].syn_fds);
    }
    run->workers = workers_make(options, count, policy, error);
    sodium_memzero(options, count * sizeof(*options));
    free(options);
    if (!run->workers)
        return false;
    run->stack_news.workers = run->workers;
    return true;
}

/*
 * What programs of one that is gone have carried until now ours carry from the next frame on, as
 * the engines know it already: from where it has come by then, and what the last frames have
 * changed is read once more. Then nothing of it is left.
 */
static bool begin_path(struct run *run, struct error *error)
{
    const bool carried = takeover_follow(run->takeover, run->workers);

    takeover_hold(run->takeover);
    if (!kernel_path_begin(run->path, run->sides, error))
        return false;
    if (carried) {
        bpf_wait_for_the_last();
        takeover_follow(run->takeover, run->workers);
    }
    sides_settle(run->sides);
    return true;
}

static bool begin_workers(struct run *run, struct error *error)
{
    if (!workers_begin(run->workers, confine_sandbox(&run->confine), error))
        return false;
    mark_joined(run, -1);
    return workers_watch_anew(run->workers, clock_now_us(), error);
}

static const struct policy *policy_in_force(void *context)
{
    return workers_policy(context);
}

static bool make_daemon(struct run *run, struct error *error)
{
    const struct learner_rehearsal rehearsal = {
        .rehearsal = run->rehearsal, .policy = policy_in_force, .context = run->workers};
    const struct daemon_parts parts = {.sides = run->sides,
                                       .path = run->path,
                                       .hook = run->hook,
                                       .when_dead = run->when_dead,
                                       .workers = run->workers,
                                       .store = run->store,
                                       .learner = run->learner,
                                       .rehearsal = run->rehearsal,
                                       .imports = run->imports,
                                       .report = run->report,
                                       .store_path = run->options.store_path,
                                       .confinement = &run->confine.told,
                                       .peers = &run->peers,
                                       .clock = &run->clock,
                                       .config_path = run->options.reconfiguring.path,
                                       .reload = run_reload,
                                       .reload_context = run};

    cluster_peers_begin(&run->peers);
    learner_rehearse(run->learner, &rehearsal);
    run->daemon = daemon_new(&parts, run->options.mode, run->options.learning);
    return run->daemon || error_set(error, EXIT_FAILED, "out of memory");
}

/* What the operator told the daemon before this one; then what the file says, which counts. */
static bool restore_state(struct run *run)
{
    struct error why = {0};

    state_begin(&run->keeper, run->daemon, run->options.store_path, run->options.mode_given);
    if (!run_modes_tell_profiles(&run->modes, run->daemon, &why))
        log_line(LOG_LEVEL_WARNING, "not every server has the mode of the file: %s", why.text);
    if (run->imports->count > 0 && !daemon_restore_lists(run->daemon, &why))
        log_line(LOG_LEVEL_WARNING, "the lists of sources are not in force: %s", why.text);
    return true;
}

/* -1: there is nothing to watch. */
static bool watch_fd(struct run *run, int fd, struct error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0 || epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return true;
    return error_set(error, EXIT_FAILED, "cannot watch a file: %s", strerror(errno));
}

static bool watch_all(struct run *run, struct error *error)
{
    run->sides_watch = (struct sides_watch){run->sides,           run->path, run->report,
                                            run->confine.keeping, run->hook, &run->options.carrier};
    sides_watch_carrier(&run->sides_watch);
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run->epoll_fd < 0)
        return error_set(error, EXIT_FAILED, "cannot make an epoll: %s", strerror(errno));
    /* Without these an MTU that changes is not followed, nor a port that comes back, and nothing
     * else. */
    for (int i = 0; i < 4; i++)
        if (!watch_fd(run, sides_events(run->sides, (enum side)(i / 2), i % 2), error))
            return false;
    return watch_fd(run, keeping_fd(run->confine.keeping), error) &&
           watch_fd(run, run->signals.fd, error) && watch_fd(run, workers_fd(run->workers), error);
}

static char *answer(void *context, struct control_question question, size_t *answer_bytes)
{
    return control_answer(context, question, answer_bytes);
}

static struct pieces *begin_answer(void *context, char *request, size_t bytes, bool view)
{
    return control_begin(context, request, bytes, view);
}

static struct control_face face_of(struct run *run, bool view)
{
    return (struct control_face){.answer = answer,
                                 .begin = begin_answer,
                                 .asks_to_stay = control_asks_to_stay,
                                 .context = run->daemon,
                                 .events = run->events,
                                 .view = view};
}

/* Nothing depends on it but who looks: a daemon without it protects as well. */
static bool open_view(struct run *run, struct error *error)
{
    const struct control_face face = face_of(run, true);
    struct error why = {0};
    char path[PLACE_VIEW_BYTES];

    place_of_view(run->options.control_path, path);
    run->view = control_open(path, &face, &why);
    if (!run->view)
        log_line(LOG_LEVEL_WARNING, "nobody can look without being root: %s", why.text);
    return !run->view || watch_fd(run, control_fd(run->view), error);
}

/* What is shared beside cookies comes over it. */
static bool open_sync(struct run *run, struct error *error)
{
    struct control_face face = face_of(run, false);
    struct error why = {0};
    char path[PLACE_VIEW_BYTES];

    if (!run->share.on)
        return true;
    face.sync = true;
    place_of_sync(run->options.control_path, path);
    run->sync = control_open(path, &face, &why);
    if (!run->sync)
        log_line(LOG_LEVEL_WARNING, "nothing but cookies is shared: %s", why.text);
    return !run->sync || watch_fd(run, control_fd(run->sync), error);
}

/* Last, as it is the sign that we are ready. */
static bool open_control(struct run *run, struct error *error)
{
    const struct control_face face = face_of(run, false);

    run->control = control_open(run->options.control_path, &face, error);
    return run->control && watch_fd(run, control_fd(run->control), error);
}

/* What the last one left is removed when little can fail any more, and before anybody is told that
 * we are there. */
static bool end_takeover(struct run *run)
{
    takeover_done(run->takeover, keeping_hands(run->confine.keeping));
    return true;
}

bool run_start(struct run *run, struct error *error)
{
    if (sodium_init() < 0)
        return error_set(error, EXIT_FAILED, "no source of random numbers: libsodium cannot start");
    return have_descriptors(run, error) && make_events(run, error) &&
           read_cluster_key(run, error) && read_sides(run, error) &&
           control_check(run->options.control_path, error) && load_store(run, error) &&
           signals_catch(&run->signals, error) && open_sides(run, error) &&
           open_bypass(run, error) && open_path(run, error) && open_stack(run, error) &&
           open_hook(run, error) && make_workers(run, error) && begin_path(run, error) &&
           begin_confinement(run, error) && begin_workers(run, error) && make_daemon(run, error) &&
           restore_state(run) && watch_all(run, error) && end_takeover(run) &&
           open_view(run, error) && open_sync(run, error) && open_control(run, error) &&
           confine_end(&run->confine, error);
}
