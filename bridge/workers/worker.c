/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.c - see worker.h.
 *
 * One turn of the loop is one batch:
 *
 *      wait -> now -> policy -> what the kernel told -> requests -> frames -> tick
 *           -> what the kernel is to know -> observations up
 *
 * Before its first frame is looked at it gives up all that it needs no more (sandbox.h).
 *
 * A worker that has failed (a side is gone) goes on answering requests, so that the main thread can
 * end in order.
 *
 * It is longer than most: one thread's whole life, from struct worker to its last frame.
 */
#include "bridge/workers/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/escape.h"
#include "bridge/bpf/bypass.h"
#include "bridge/workers/kernel_share.h"
#include "bridge/workers/told.h"
#include "engine/stages/handover.h"

#define OBSERVATION_SLOTS 2048u /* 3.2 MiB; a batch brings a few hundred at most */
#define TRIGGER_SLOTS     256u
#define REQUEST_SLOTS     1024u
#define STEER_EVERY_US    (1000ull * 1000)
/* Where nothing comes for so long, nothing of what was stale, or was the last, is left. */
#define STALE_WAIT_US 1000u
#define STALE_MOST_US 20000u
/* Frames of a batch between two looks at whether it stood still. */
#define OVERDUE_FRAMES 16u
/* Rounds of engine_tick() between two looks at the sides. */
#define TICK_ROUNDS 8

struct posted_request {
    struct worker_request request;
    uint64_t ticket;
};

struct worker {
    struct worker_options options;
    pthread_t thread;
    sem_t ready;
    struct error start_error;

    /* The thread's own. */
    struct ring *ring;
    struct engine *engine;
    void *engine_memory;
    size_t engine_memory_bytes;
    uint64_t policy_generation;
    uint64_t steer_us; /* when the clock of shared cookies is next steered */
    bool stopping, learning;
    bool halted;           /* main thread; or not begun */
    bool ring_bell, nudge; /* what the main thread is told of: now, or when it next looks */
    bool ends_due; /* what ended while nobody was alive is still to be found, from ends_cursor on */
    const struct sandbox *sandbox; /* NULL: none */
    struct kernel_share kernel;
    struct told told;
    uint32_t turns_seen; /* bpf/bypass.h */
    uint32_t ends_cursor;
    /* When it first threw away what came beside others that are alive; 0: not now. */
    uint64_t stale_us;

    /* Down. */
    struct mailbox *requests;
    struct waker bell; /* the worker's own */
    uint64_t tickets;  /* main thread */
    int answer_fd;
    _Atomic uint64_t answered;

    /* Up. */
    struct mailbox *observations, *triggers;
    bool observation_held, trigger_held; /* main thread: peeked, not popped */
    struct error failure;                /* written before `failed` */
    atomic_bool failed;
};

/* What the main thread must hear, and others by it. A proof is none: whoever has many addresses
 * brings as many as he likes, and would crowd out the triggers. */
static bool is_report(enum observation_kind kind)
{
    return kind == OBSERVED_TRIGGER || kind == OBSERVED_SOURCE || kind == OBSERVED_ANSWERED;
}

/* Of what is for the learner, what others wait for. */
static bool is_for_others(enum observation_kind kind)
{
    return kind == OBSERVED_GREETING || kind == OBSERVED_PROVED;
}

static void send_observations(struct worker *worker)
{
    struct observation_queue *queue = engine_observations(worker->engine);
    struct counters *counters = engine_counters(worker->engine);

    for (uint32_t i = 0; i < queue->count; i++) {
        const struct observation *observation = &queue->slots[i];
        const bool trigger = is_report(observation->kind);
        struct mailbox *mailbox;

        if (!trigger && !worker->learning && !is_for_others(observation->kind))
            continue;
        mailbox = trigger ? worker->triggers : worker->observations;
        if (!mailbox_put(mailbox, observation, observation_bytes(observation)))
            counters->learning_observations_dropped++;
        worker->ring_bell |= trigger || observation->kind == OBSERVED_PROVED;
        worker->nudge |= !trigger;
    }
    queue->count = 0;
    if (worker->ring_bell)
        waker_ring(worker->options.bell);
    else if (worker->nudge)
        waker_nudge(worker->options.bell);
    worker->ring_bell = worker->nudge = false;
}

static void send_outbox(struct worker *worker)
{
    struct outbox *outbox = engine_outbox(worker->engine);

    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_frame *frame = &outbox->frames[i];

        if (!ring_send(worker->ring, frame->to, outbox->memory + frame->offset, frame->bytes))
            engine_counters(worker->engine)->drops[DROP_outbox_full]++;
    }
    outbox->count = 0;
    outbox->used = 0;
}

static struct verdict judge(struct worker *worker, enum side from, uint8_t *data, uint32_t bytes,
                            uint32_t capacity, uint64_t now_us)
{
    struct counters *counters = engine_counters(worker->engine);
    struct verdict verdict;

    if (from == SIDE_CLIENT)
        counters->frames_client_in++;
    else
        counters->frames_server_in++;
    if (worker->options.carrying)
        engine_input_beside_carried(worker->engine, from, data, bytes, bytes, capacity, now_us,
                                    &verdict);
    else
        engine_input(worker->engine, from, data, bytes, bytes, capacity, now_us, &verdict);
    return verdict;
}

static void handle_frame(struct worker *worker, const struct ring_frame *frame, uint64_t now_us)
{
    const struct verdict verdict =
        judge(worker, frame->from, frame->data, frame->bytes, frame->capacity, now_us);

    switch (verdict.action) {
    case VERDICT_FORWARD:
        ring_write(worker->ring, frame, side_other(frame->from), verdict.bytes);
        break;
    case VERDICT_REPLY:
        ring_write(worker->ring, frame, frame->from, verdict.bytes);
        break;
    case VERDICT_DROP:
    case VERDICT_HOLD:
        ring_release(worker->ring, frame);
        break;
    }
    if (engine_outbox(worker->engine)->count > 0)
        send_outbox(worker);
    kernel_share_orders(&worker->kernel, CARRIED_ORDERS / 2);
}

/* As if it had come up: it may be answered, or pass. */
static void handle_told(struct worker *worker, const struct told_frame *frame, uint64_t now_us)
{
    const struct verdict verdict =
        judge(worker, frame->from, frame->buffer, frame->bytes, frame->capacity, now_us);

    const bool passes = verdict.action == VERDICT_FORWARD;

    if (!passes && verdict.action != VERDICT_REPLY)
        return;
    if (!ring_send(worker->ring, passes ? side_other(frame->from) : frame->from, frame->buffer,
                   verdict.bytes))
        engine_counters(worker->engine)->drops[DROP_outbox_full]++;
}

/* What the kernel has passed on before what comes up now. */
static void follow_told(struct worker *worker, uint64_t now_us)
{
    struct told_frame frame;

    told_look(&worker->told);
    while (told_next(&worker->told, &frame)) {
        if (frame.stays)
            handle_told(worker, &frame, now_us);
        else
            engine_told(worker->engine, &frame, now_us);
        if (engine_outbox(worker->engine)->count > 0)
            send_outbox(worker);
        kernel_share_orders(&worker->kernel, CARRIED_ORDERS / 2);
    }
}

/* Wall time is asked for where cookies are shared only. */
static void steer(struct worker *worker, uint64_t now_us)
{
    if (!worker->options.engine.share.on || now_us < worker->steer_us)
        return;
    engine_steer(worker->engine, clock_wall_us() - now_us, now_us);
    worker->steer_us = now_us + STEER_EVERY_US;
}

/* True: more is due at once. */
static bool tick(struct worker *worker, uint64_t now_us)
{
    for (int round = 0; round < TICK_ROUNDS; round++) {
        const bool more = engine_tick(worker->engine, now_us);

        send_outbox(worker);
        kernel_share_orders(&worker->kernel, CARRIED_ORDERS / 2);
        if (!more)
            return false;
    }
    return true;
}

static void adopt_policy(struct worker *worker, uint64_t now_us)
{
    const struct policy *policy = NULL;

    if (!policy_handover_adopt(worker->options.policies, &worker->policy_generation, &policy))
        return;
    engine_adopt_policy(worker->engine, policy, now_us);
    policy_handover_acknowledge(worker->options.policies, worker->options.index,
                                worker->policy_generation);
}

static void snapshot_counters(struct worker *worker, struct counters *out)
{
    struct counters *counters = engine_counters(worker->engine);
    const struct ring_counts *counts = ring_counts(worker->ring);

    counters->frames_client_out = counts->written[SIDE_CLIENT];
    counters->frames_server_out = counts->written[SIDE_SERVER];
    counters->frames_refused = counts->refused[SIDE_CLIENT] + counts->refused[SIDE_SERVER];
    *out = *counters;
}

/* What we have acknowledged, or opened, goes with us: both ends hear of it. */
static void end_openings(struct worker *worker)
{
    while (handover_end(worker->engine, clock_now_us()))
        send_outbox(worker);
    send_outbox(worker);
    ring_submit(worker->ring);
}

/* What is not for the engine alone. */
static void serve(struct worker *worker, const struct worker_request *request, uint64_t now_us)
{
    if (worker_request_serve(worker->engine, request, now_us))
        return;
    if (request->kind == REQUEST_LEARNING)
        worker->learning = request->learning;
    else if (request->kind == REQUEST_COUNTERS)
        snapshot_counters(worker, request->counters);
    else if (request->kind == REQUEST_END_OPENINGS)
        end_openings(worker);
    else if (request->kind == REQUEST_STOP)
        worker->stopping = true;
}

static void serve_requests(struct worker *worker, uint64_t now_us)
{
    const struct posted_request *posted;

    waker_clear(&worker->bell);
    while ((posted = mailbox_peek(worker->requests)) != NULL) {
        const uint64_t ticket = posted->ticket;

        /* A policy published before the request was made is in force when it is served. */
        adopt_policy(worker, now_us);
        serve(worker, &posted->request, now_us);
        mailbox_pop(worker->requests);
        atomic_store_explicit(&worker->answered, ticket, memory_order_release);
        eventfd_write(worker->answer_fd, 1);
    }
}

static void check_sides(struct worker *worker)
{
    static const char *const side_names[] = {[SIDE_CLIENT] = "client", [SIDE_SERVER] = "server"};
    enum side side;
    int reason;

    if (atomic_load_explicit(&worker->failed, memory_order_relaxed) ||
        !ring_gone(worker->ring, &side, &reason))
        return;
    error_set(&worker->failure, EXIT_FAILED,
              "the interface of the %s side is gone (%s): was it or its namespace removed?",
              side_names[side], reason == 0 ? "closed" : strerror(reason));
    atomic_store_explicit(&worker->failed, true, memory_order_release);
    worker->ring_bell = true;
}

/* Thrown away unread: whoever is behind it in order is told. */
static void discard(struct worker *worker, const struct ring_frame *frame)
{
    told_note(&worker->told, frame);
    ring_release(worker->ring, frame);
    engine_counters(worker->engine)->frames_stale++;
}

/* Their senders have sent them again by now. Where another worker is alive fresh ones come as well:
 * then what has come for a moment is no longer what was waiting. `again`: it was stale before the
 * wait, too. */
static void throw_away(struct worker *worker, bool again, uint64_t now_us)
{
    struct ring_frame frame;
    bool any = false;

    while (ring_next(worker->ring, &frame)) {
        discard(worker, &frame);
        any = true;
    }
    if (any && !bypass_is_dead(worker->options.pulse)) {
        worker->stale_us = worker->stale_us ? worker->stale_us : now_us;
        any = now_us - worker->stale_us < STALE_MOST_US;
    }
    /* A wait that was over by its time while nobody ran has not looked. */
    if (any || !again)
        return;
    worker->stale_us = 0;
    bypass_alive(worker->options.pulse, &worker->turns_seen);
    worker->ends_due = true;
    worker->ends_cursor = 0;
}

/* A piece at each batch. True: more is due at once. */
static bool look_for_ends(struct worker *worker, uint64_t now_us)
{
    if (worker->ends_due)
        worker->ends_due = engine_look_for_ends(worker->engine, &worker->ends_cursor, now_us);
    return worker->ends_due;
}

static bool is_stale(struct worker *worker, uint64_t now_us)
{
    return worker->options.pulse && bypass_beat(worker->options.pulse, &worker->turns_seen, now_us);
}

/* It may be stopped within a batch, too, and finds the next one in its ring when it goes on. */
static bool is_overdue(const struct worker *worker)
{
    const struct bypass_pulse *pulse = worker->options.pulse;

    /* Another worker may have seen it, and cleared first_us. */
    return pulse && !bypass_is_handed_on(pulse) &&
           (bypass_turns(pulse) != worker->turns_seen ||
            bypass_overdue(__atomic_load_n(&pulse->first_us, __ATOMIC_RELAXED), clock_now_us()));
}

/* How many frames. */
static uint32_t handle_batch(struct worker *worker, uint64_t now_us)
{
    struct ring_frame frame;
    uint32_t i;

    for (i = 0; ring_next(worker->ring, &frame); i++) {
        if (i % OVERDUE_FRAMES == 0 && is_overdue(worker)) {
            discard(worker, &frame);
            throw_away(worker, false, clock_now_us());
            break;
        }
        follow_told(worker, now_us);
        told_note(&worker->told, &frame);
        handle_frame(worker, &frame, now_us);
    }
    return i;
}

/* The wire goes on without us, and nothing more comes up: what has is neither late nor lost. */
static void finish_what_came(struct worker *worker)
{
    const uint64_t begun_us = clock_now_us();
    uint64_t now_us;
    uint32_t frames;

    do {
        ring_wait(worker->ring, STALE_WAIT_US);
        now_us = clock_now_us();
        told_begin(&worker->told, now_us);
        frames = handle_batch(worker, now_us);
        tick(worker, now_us);
    } while (frames && now_us - begun_us < STALE_MOST_US);
}

static void run(struct worker *worker)
{
    uint64_t now_us = clock_now_us();
    bool more = false, stale = is_stale(worker, now_us);

    send_outbox(worker); /* resets of what was taken over, and found no room */
    while (!worker->stopping) {
        const uint64_t deadline_us = more ? now_us : engine_next_deadline(worker->engine);
        uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
        const bool again = stale;

        if (stale)
            wait_us = STALE_WAIT_US;
        else if (deadline_us == UINT64_MAX)
            wait_us = UINT64_MAX;
        ring_wait(worker->ring, told_wait_us(&worker->told, wait_us));
        now_us = clock_now_us();
        stale = is_stale(worker, now_us);
        adopt_policy(worker, now_us);
        told_begin(&worker->told, now_us);
        follow_told(worker, now_us);
        if (ring_woken(worker->ring))
            serve_requests(worker, now_us);
        if (stale)
            throw_away(worker, again, now_us);
        handle_batch(worker, now_us);
        steer(worker, now_us);
        more = look_for_ends(worker, now_us);
        more |= tick(worker, now_us);
        kernel_share_settle(&worker->kernel, worker->ring);
        kernel_share_answers(&worker->kernel, now_us);
        told_end(&worker->told, worker->ring, kernel_share_tells(&worker->kernel, worker->learning),
                 now_us);
        check_sides(worker);
        worker->nudge |= ring_asks_for_core(worker->ring);
        send_observations(worker);
    }
}

/* From its first frame on. */
static void carry_inherited(struct worker *worker)
{
    uint32_t cursor = 0;
    bool more;

    do {
        more = takeover_carry(worker->engine, &cursor);
        kernel_share_orders(&worker->kernel, 0);
    } while (more);
}

/* Nobody else has it: a keeper that is forked does not get a copy. */
static bool make_room(struct worker *worker)
{
    worker->engine_memory_bytes = engine_bytes(&worker->options.engine);
    worker->engine_memory = mmap(NULL, worker->engine_memory_bytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (worker->engine_memory == MAP_FAILED) {
        worker->engine_memory = NULL;
        return false;
    }
    (void)madvise(worker->engine_memory, worker->engine_memory_bytes, MADV_DONTFORK);
    return true;
}

static bool make_engine(struct worker *worker)
{
    const struct engine_config *config = &worker->options.engine;
    const uint64_t now_us = clock_now_us();

    if (!make_room(worker))
        return error_set(&worker->start_error, EXIT_FAILED,
                         "out of memory: the engine needs %zu MiB of address space",
                         worker->engine_memory_bytes >> 20);
    worker->engine = engine_init(worker->engine_memory, config, now_us);
    worker->kernel = (struct kernel_share){.engine = worker->engine,
                                           .carrying = worker->options.carrying,
                                           .shard = worker->options.shard};
    if (config->answers.records) {
        worker->kernel.answers = carrying_answers(worker->options.carrying, worker->options.index);
        answer_maps_begin(worker->kernel.answers, config);
    }
    if (config->tells.hub)
        told_open(&worker->told, carrying_tells(worker->options.carrying), config->table_seed);
    engine_set_setting(worker->engine, NULL, worker->options.mode, now_us);
    adopt_policy(worker, now_us);
    if (worker->options.inherit)
        worker->options.inherit(worker->options.inherit_context, worker->options.index,
                                worker->options.count, worker->engine, now_us);
    carry_inherited(worker);
    engine_begin_answers(worker->engine, now_us);
    kernel_share_answers(&worker->kernel, now_us);
    /* Who is forked has no use for them. */
    sodium_memzero(&worker->options.engine.keys, sizeof(worker->options.engine.keys));
    return true;
}

/* What is missing of it the main thread tells. */
static bool enter_sandbox(struct worker *worker)
{
    const struct worker_options *options = &worker->options;
    struct error why = {0};

    if (worker->sandbox && !sandbox_enter(worker->sandbox, SANDBOX_WORKER, &why) &&
        options->sandbox_whole)
        return error_set(&worker->start_error, EXIT_FAILED, "no sandbox: %s", why.text);
    return options->index != 0 || escape_try(options->escape, SANDBOX_WORKER, &worker->start_error);
}

/* The ring belongs to the thread that makes it. */
static void *thread_main(void *argument)
{
    struct worker *worker = argument;
    const struct ring_options options = {
        .fds = {worker->options.fds[0], worker->options.fds[1]},
        .syn_fds = {worker->options.syn_fds[0], worker->options.syn_fds[1]},
        .has_syn_fds = worker->options.has_syn_fds,
        .wake_fd = worker->bell.fd,
        .nowait_writes = worker->options.nowait_writes,
        .single_reads = worker->options.single_reads,
        .busy_poll = worker->options.busy_poll,
        .poll_word = worker->options.poll_word};
    const bool ok =
        (worker->ring = ring_open(&options, &worker->start_error)) != NULL && enter_sandbox(worker);

    if (!ok)
        worker->start_error.code = EXIT_FAILED;
    sem_post(&worker->ready);
    if (ok) {
        run(worker);
        if (worker->options.pulse && bypass_is_handed_on(worker->options.pulse))
            finish_what_came(worker);
        told_last(&worker->told);
        follow_told(worker, clock_now_us());
        told_close(&worker->told);
        end_openings(worker);
    }
    ring_close(worker->ring);
    return NULL;
}

static void free_worker(struct worker *worker)
{
    mailbox_free(worker->requests);
    mailbox_free(worker->observations);
    mailbox_free(worker->triggers);
    waker_close(&worker->bell);
    if (worker->answer_fd >= 0)
        close(worker->answer_fd);
    sem_destroy(&worker->ready);
    if (worker->engine_memory)
        munmap(worker->engine_memory, worker->engine_memory_bytes);
    free(worker);
}

/* NULL: errno says why. */
static struct worker *new_worker(const struct worker_options *options)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    bool bell;
    int reason;

    if (!worker)
        return NULL;
    worker->options = *options;
    worker->learning = options->learning;
    worker->halted = true;
    sem_init(&worker->ready, 0, 0);
    worker->requests = mailbox_new(REQUEST_SLOTS, sizeof(struct posted_request));
    worker->observations = mailbox_new(OBSERVATION_SLOTS, sizeof(struct observation));
    worker->triggers = mailbox_new(TRIGGER_SLOTS, sizeof(struct observation));
    worker->answer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bell = waker_open(&worker->bell);
    if (worker->requests && worker->observations && worker->triggers && bell &&
        worker->answer_fd >= 0)
        return worker;
    reason = errno;
    free_worker(worker);
    errno = reason;
    return NULL;
}

struct worker *worker_make(const struct worker_options *options, struct error *error)
{
    struct worker *worker = new_worker(options);

    if (!worker) {
        error_set(error, EXIT_FAILED, "cannot make a worker: %s", strerror(errno));
        return NULL;
    }
    if (make_engine(worker))
        return worker;
    *error = worker->start_error;
    free_worker(worker);
    return NULL;
}

struct engine *worker_engine_made(struct worker *worker)
{
    return worker->engine;
}

void worker_obey(struct worker *worker)
{
    kernel_share_orders(&worker->kernel, CARRIED_ORDERS / 2);
}

bool worker_begin(struct worker *worker, const struct sandbox *sandbox, struct error *error)
{
    int reason;

    worker->sandbox = sandbox;
    reason = pthread_create(&worker->thread, NULL, thread_main, worker);
    if (reason != 0)
        return error_set(error, EXIT_FAILED, "cannot start a worker: %s", strerror(reason));
    while (sem_wait(&worker->ready) != 0 && errno == EINTR)
        continue;
    if (worker->start_error.code == EXIT_DONE) {
        worker->halted = false;
        return true;
    }
    pthread_join(worker->thread, NULL);
    *error = worker->start_error;
    return false;
}

void worker_halt(struct worker *worker)
{
    const struct worker_request request = {.kind = REQUEST_STOP};

    if (worker->halted)
        return;
    /* A full mailbox empties as the worker serves it. */
    while (!worker_tell(worker, &request)) {
        struct pollfd answer = {.fd = worker->answer_fd, .events = POLLIN};
        eventfd_t answers;

        poll(&answer, 1, 10);
        eventfd_read(worker->answer_fd, &answers);
    }
    pthread_join(worker->thread, NULL);
    worker->halted = true;
}

const struct engine *worker_engine(const struct worker *worker)
{
    return worker->engine;
}

void worker_stop(struct worker *worker)
{
    if (!worker)
        return;
    worker_halt(worker);
    free_worker(worker);
}

bool worker_failed(const struct worker *worker, struct error *error)
{
    if (!atomic_load_explicit(&worker->failed, memory_order_acquire))
        return false;
    *error = worker->failure;
    return true;
}

bool worker_multishot(const struct worker *worker)
{
    return ring_multishot(worker->ring);
}

bool worker_tell(struct worker *worker, const struct worker_request *request)
{
    const struct posted_request posted = {.request = *request, .ticket = worker->tickets + 1};
    const bool put = mailbox_put(worker->requests, &posted, sizeof(posted));

    if (put)
        worker->tickets++;
    worker_wake(worker);
    return put;
}

bool worker_ask(struct worker *worker, const struct worker_request *request, struct error *error)
{
    const uint64_t until_us = clock_now_us() + WORKER_ANSWER_US;
    const bool told = worker_tell(worker, request);
    struct pollfd answer;
    eventfd_t answers;

    while (told &&
           atomic_load_explicit(&worker->answered, memory_order_acquire) < worker->tickets) {
        const uint64_t now_us = clock_now_us();

        if (now_us >= until_us)
            break;
        answer = (struct pollfd){.fd = worker->answer_fd, .events = POLLIN};
        poll(&answer, 1, (int)((until_us - now_us + 999) / 1000));
        eventfd_read(worker->answer_fd, &answers);
    }
    if (told && atomic_load_explicit(&worker->answered, memory_order_acquire) >= worker->tickets)
        return true;
    return error_set(error, EXIT_FAILED,
                     "worker %u does not answer: it is overloaded or stuck, try again",
                     worker->options.index);
}

void worker_wake(struct worker *worker)
{
    waker_ring(&worker->bell);
}

static const struct observation *next(struct mailbox *mailbox, bool *held)
{
    const struct observation *observation;

    if (*held)
        mailbox_pop(mailbox);
    observation = mailbox_peek(mailbox);
    *held = observation;
    return observation;
}

const struct observation *worker_next_observation(struct worker *worker)
{
    return next(worker->observations, &worker->observation_held);
}

const struct observation *worker_next_trigger(struct worker *worker)
{
    return next(worker->triggers, &worker->trigger_held);
}
