/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.c - see ring.h.
 *
 *      buffers:  | 0 .. 111 client reads | 112 .. 223 server reads | 224 .. 231 large sends |
 *                | 232 .. 487 small sends | 488 .. 551 client SYNs | 552 .. 615 server SYNs |
 *
 * Reads. Each queue that is read has a lane. With multishot (Linux 6.7) one request per lane stays
 * armed and takes a buffer from the lane's registered ring for every frame; it ends when the ring
 * is empty, and is armed again when a buffer has come back. Without it one single read per lane is
 * armed, and when it completes the rest of the queue is drained with plain read(). More than one
 * armed read per lane would be woken together by every frame, and after 128 vain wake-ups io_uring
 * hands a request to another thread, which breaks the order of frames.
 *
 * Writes. The fds are O_NONBLOCK and io_uring issues writes inline, in the order of submission, so
 * that their completions are there when the submission returns. RWF_NOWAIT makes a full queue an
 * error instead of a retry from behind. A TAP's send buffer is unlimited: there it does not happen.
 *
 * The wait asks for the writes queued and one completion more, so that the writes alone do not end
 * it. DEFER_TASKRUN lets reads run only inside that call: a batch does not grow while it is worked
 * on.
 *
 * The kernel calls a sleep with reads in flight waiting for I/O, and an idle bridge would show as a
 * core that waits for its disk. So where nothing has come for a moment it goes on sleeping by a
 * call that asks for no such account (Linux 6.15).
 *
 * Busy polling looks at a word that the kernel shares: it is set when a read has something to do in
 * the next call. So looking costs no system call but sched_yield(), which lets in whoever waits for
 * this core; that it took long tells that somebody did.
 *
 * Completions are copied out of the completion queue at once: writes give their buffer back, reads
 * go to one of two queues of `ready` frames, which cannot overflow because each holds a read
 * buffer. That of SYNs comes last. It is short because its lanes have few buffers: however many
 * SYNs wait, the others are looked for again after a moment. Where anything flows that moment is
 * shorter still: what is left of the SYNs then stays in its queue, behind what the next look finds.
 */
#include "bridge/io/ring.h"

#include <errno.h>
#include <liburing.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bridge/bpf/steer.h"
#include "bridge/base/clock.h"
#include "engine/tcp/offload.h"

#define READS_PER_SIDE   112u
#define READS            (2 * READS_PER_SIDE)
#define LARGE_SENDS      8u
#define SMALL_SENDS      256u
#define SYN_READS        (2 * RING_SYNS)
#define SYNS_BEGIN       (READS + LARGE_SENDS + SMALL_SENDS)
#define BUFFERS          (SYNS_BEGIN + SYN_READS)
#define SMALL_BYTES      2048u
#define LARGE_AREA_BYTES ((READS + LARGE_SENDS) * RING_BUFFER_BYTES)
#define POOL_BYTES       (LARGE_AREA_BYTES + (SMALL_SENDS + SYN_READS) * SMALL_BYTES)
#define HUGE_PAGE_BYTES  (2u << 20)
#define POOL_ALLOCATED   ((POOL_BYTES + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES)

#define READ_RING_ENTRIES 128u /* power of two >= READS_PER_SIDE */
#define SUBMISSIONS       1024u
#define COMPLETIONS       2048u
#define READY_SLOTS       256u /* power of two >= READS, SYN_READS */

/* Looks between two sched_yield(); a yield that lasts longer than YIELD_US let somebody else run.
 */
#define LOOKS    32u
#define YIELD_US 15u

/* Lets the core rest between two looks. */
#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() atomic_signal_fence(memory_order_seq_cst)
#endif

/* Linux 6.7; liburing 2.3 does not know it. */
#define OPCODE_READ_MULTISHOT 49
/* Linux 6.15, the same. */
#define FEATURE_NO_IOWAIT (1u << 17)
#define ENTER_NO_IOWAIT   (1u << 7)
/* As long as frames come closer together than this, one call both submits and sleeps. */
#define MOMENT_US 10000u

_Static_assert(POOL_ALLOCATED <= RING_BYTES_MAX, "the promise of ring.h");
_Static_assert(RING_BUFFER_BYTES % 64 == 0 && SMALL_BYTES % 64 == 0,
               "buffers begin on cache lines");
_Static_assert(BUFFERS < COMPLETIONS,
               "completions never overflow: each holds a buffer, but for a few");
_Static_assert(READY_SLOTS >= READS && READ_RING_ENTRIES >= READS_PER_SIDE, "all reads fit");
_Static_assert(READY_SLOTS >= SYN_READS && READ_RING_ENTRIES >= RING_SYNS, "all SYNs fit");
_Static_assert(STEER_SYN_BYTES_MAX + OFFLOAD_BYTES < SMALL_BYTES - RING_SLACK_BYTES,
               "and each its buffer");

enum operation { OPERATION_READ, OPERATION_WRITE, OPERATION_WAKE, OPERATION_CANCEL };

/* What comes back with a completion. */
union ticket {
    uint64_t number;
    struct {
        uint8_t operation; /* enum operation */
        uint8_t lane;      /* read from, or written to: then that of the side */
        uint16_t buffer;   /* unless a multishot read */
        uint32_t bytes;
    } __attribute__((packed));
};
_Static_assert(sizeof(union ticket) == sizeof(uint64_t), "a ticket is a user_data");

struct ready {
    uint16_t buffer;
    uint8_t side;
    uint32_t bytes;
};

struct ready_queue {
    uint32_t head, tail;
    struct ready slots[READY_SLOTS];
};

struct stack {
    uint32_t count;
    uint16_t buffers[SMALL_SENDS];
};
_Static_assert(SMALL_SENDS >= READS_PER_SIDE && SMALL_SENDS >= RING_SYNS,
               "a stack holds any kind of buffer");

/* By enum side first, so that a side is the lane of its frames, and of what is written to it. */
enum { LANE_SYNS = 2, LANES = 4, FILES = LANES + 1 };
#define WAKE_FILE LANES

struct lane {
    int fd;                  /* -1: there is none */
    bool armed;              /* a read is in flight */
    uint32_t kernel_buffers; /* multishot: those in `ring` */
    uint32_t given;          /* of them, not yet published */
    struct io_uring_buf_ring *ring;
    struct stack free; /* single reads */
};

struct ring {
    struct io_uring uring;
    bool uring_open, multishot, refused, no_iowait;
    bool woken, wake_armed;
    int wake_fd, write_flags;
    int gone_side, gone_reason; /* gone_side -1: none */
    uint32_t writes;            /* in flight */
    uint64_t wake_value;
    struct busy_poll poll;
    uint8_t *pool;
    struct lane lanes[LANES];
    struct stack large, small;
    struct ready_queue flows, syns;
    uint32_t syns_allowed; /* of this batch */
    struct ring_counts counts;
};

static enum side lane_side(uint32_t lane)
{
    return (enum side)(lane % LANE_SYNS);
}

/* What a buffer holds; a read leaves RING_SLACK_BYTES of it. */
static uint32_t buffer_bytes(uint32_t buffer)
{
    return buffer < READS + LARGE_SENDS ? RING_BUFFER_BYTES : SMALL_BYTES;
}

static uint32_t read_bytes(uint32_t buffer)
{
    return buffer_bytes(buffer) - RING_SLACK_BYTES;
}

static uint8_t *buffer_data(const struct ring *ring, uint32_t buffer)
{
    if (buffer < READS + LARGE_SENDS)
        return ring->pool + (size_t)buffer * RING_BUFFER_BYTES;
    return ring->pool + LARGE_AREA_BYTES + (size_t)(buffer - READS - LARGE_SENDS) * SMALL_BYTES;
}

static void stack_push(struct stack *stack, uint32_t buffer)
{
    stack->buffers[stack->count++] = (uint16_t)buffer;
}

static bool stack_pop(struct stack *stack, uint32_t *buffer)
{
    if (stack->count == 0)
        return false;
    *buffer = stack->buffers[--stack->count];
    return true;
}

/* To the kernel's ring; publish_buffers() makes it see them. */
static void give_to_kernel(struct ring *ring, struct lane *lane, uint32_t buffer)
{
    io_uring_buf_ring_add(lane->ring, buffer_data(ring, buffer), read_bytes(buffer),
                          (unsigned short)buffer, io_uring_buf_ring_mask(READ_RING_ENTRIES),
                          (int)lane->given++);
    lane->kernel_buffers++;
}

static void publish_buffers(struct lane *lane)
{
    if (lane->given > 0)
        io_uring_buf_ring_advance(lane->ring, (int)lane->given);
    lane->given = 0;
}

/* Of a buffer of SYNs. */
static uint32_t syn_lane(uint32_t buffer)
{
    return LANE_SYNS + (buffer - SYNS_BEGIN) / RING_SYNS;
}

static void give_to_lane(struct ring *ring, struct lane *lane, uint32_t buffer)
{
    if (ring->multishot)
        give_to_kernel(ring, lane, buffer);
    else
        stack_push(&lane->free, buffer);
}

static void give_back(struct ring *ring, uint32_t buffer)
{
    if (buffer >= SYNS_BEGIN)
        give_to_lane(ring, &ring->lanes[syn_lane(buffer)], buffer);
    else if (buffer >= READS + LARGE_SENDS)
        stack_push(&ring->small, buffer);
    else if (buffer >= READS)
        stack_push(&ring->large, buffer);
    else
        give_to_lane(ring, &ring->lanes[buffer / READS_PER_SIDE], buffer);
}

static void push_ready(struct ring *ring, uint32_t lane, uint32_t buffer, uint32_t bytes)
{
    struct ready_queue *queue = lane < LANE_SYNS ? &ring->flows : &ring->syns;
    queue->slots[queue->tail++ & (READY_SLOTS - 1)] = (struct ready){
        .buffer = (uint16_t)buffer, .side = (uint8_t)lane_side(lane), .bytes = bytes};
}

static void side_gone(struct ring *ring, enum side side, int reason)
{
    if (ring->gone_side >= 0)
        return;
    ring->gone_side = (int)side;
    ring->gone_reason = reason;
}

static bool is_transient(int reason)
{
    return reason == EAGAIN || reason == EINTR || reason == ENOBUFS || reason == ECANCELED ||
           reason == ENOMEM;
}

/* What a read brought, by io_uring or by read(): frame, end or error. True: a frame. */
static bool take_read(struct ring *ring, uint32_t lane, uint32_t buffer, ssize_t result, int reason)
{
    if (result > 0 && (uint32_t)result < read_bytes(buffer)) {
        push_ready(ring, lane, buffer, (uint32_t)result);
        return true;
    }
    /* A frame that fills the buffer was cut, and no packet is that long: it cannot be passed on
     * whole. */
    give_back(ring, buffer);
    if (result == 0 || (result < 0 && !is_transient(reason)))
        side_gone(ring, lane_side(lane), reason);
    return result > 0;
}

static void complete_multishot(struct ring *ring, uint32_t number, const struct io_uring_cqe *cqe)
{
    struct lane *lane = &ring->lanes[number];
    if ((cqe->flags & IORING_CQE_F_MORE) == 0)
        lane->armed = false;
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
        lane->kernel_buffers--;
        take_read(ring, number, cqe->flags >> IORING_CQE_BUFFER_SHIFT, cqe->res, -cqe->res);
        return;
    }
    if (cqe->res == -EINVAL || cqe->res == -EOPNOTSUPP || cqe->res == -EBADFD)
        ring->refused = true;
    if (cqe->res == 0 || (cqe->res < 0 && !is_transient(-cqe->res)))
        side_gone(ring, lane_side(number), -cqe->res);
}

/* One read completed: the queue behind it is drained by plain reads, in order, as far as there are
 * buffers. */
static void complete_single(struct ring *ring, uint32_t number, uint32_t buffer, int result)
{
    struct lane *lane = &ring->lanes[number];
    lane->armed = false;
    bool more = take_read(ring, number, buffer, result, -result);
    while (more && stack_pop(&lane->free, &buffer)) {
        const ssize_t bytes = read(lane->fd, buffer_data(ring, buffer), read_bytes(buffer));
        more = take_read(ring, number, buffer, bytes, bytes < 0 ? errno : 0);
    }
}

static void complete(struct ring *ring, const struct io_uring_cqe *cqe)
{
    const union ticket ticket = {.number = cqe->user_data};
    switch ((enum operation)ticket.operation) {
    case OPERATION_READ:
        if (ring->multishot)
            complete_multishot(ring, ticket.lane, cqe);
        else
            complete_single(ring, ticket.lane, ticket.buffer, cqe->res);
        break;
    case OPERATION_WRITE:
        ring->writes--;
        if (cqe->res == (int32_t)ticket.bytes)
            ring->counts.written[ticket.lane]++;
        else
            ring->counts.refused[ticket.lane]++;
        give_back(ring, ticket.buffer);
        break;
    case OPERATION_WAKE:
        ring->wake_armed = false;
        ring->woken = true;
        break;
    case OPERATION_CANCEL:
        break;
    }
}

static void collect(struct ring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&ring->uring, head, cqe)
    {
        complete(ring, cqe);
        count++;
    }
    io_uring_cq_advance(&ring->uring, count);
}

/* Writes complete as they are submitted, so that this frees their buffers. */
static void flush(struct ring *ring)
{
    io_uring_submit(&ring->uring);
    collect(ring);
}

static struct io_uring_sqe *next_sqe(struct ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
    if (sqe != NULL)
        return sqe;
    io_uring_submit(&ring->uring);
    return io_uring_get_sqe(&ring->uring);
}

static void set_ticket(struct io_uring_sqe *sqe, enum operation operation, uint32_t lane,
                       uint32_t buffer, uint32_t bytes)
{
    const union ticket ticket = {.operation = (uint8_t)operation,
                                 .lane = (uint8_t)lane,
                                 .buffer = (uint16_t)buffer,
                                 .bytes = bytes};
    sqe->user_data = ticket.number;
}

/* Nothing comes from there any more, or ever did. */
static bool lane_ended(const struct ring *ring, uint32_t number)
{
    return ring->lanes[number].fd < 0 || ring->gone_side == (int)lane_side(number);
}

/* The registered files are those of the lanes, then the one to wake. */
static void arm_read(struct ring *ring, uint32_t number)
{
    struct lane *lane = &ring->lanes[number];
    uint32_t buffer = 0;
    if (lane_ended(ring, number))
        return;
    if (ring->multishot)
        publish_buffers(lane);
    if (lane->armed)
        return;
    if (ring->multishot ? lane->kernel_buffers == 0 : !stack_pop(&lane->free, &buffer))
        return;
    struct io_uring_sqe *sqe = next_sqe(ring);
    if (ring->multishot) {
        io_uring_prep_rw(OPCODE_READ_MULTISHOT, sqe, (int)number, NULL, 0, 0);
        sqe->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
        sqe->buf_group = (uint16_t)number;
    } else {
        io_uring_prep_read(sqe, (int)number, buffer_data(ring, buffer), read_bytes(buffer), 0);
        sqe->flags = IOSQE_FIXED_FILE;
    }
    set_ticket(sqe, OPERATION_READ, number, buffer, 0);
    lane->armed = true;
}

static void arm_reads(struct ring *ring)
{
    for (uint32_t number = 0; number < LANES; number++)
        arm_read(ring, number);
}

/* Does whatever may come end a wait? */
static bool all_armed(const struct ring *ring)
{
    for (uint32_t number = 0; number < LANES; number++)
        if (!ring->lanes[number].armed && !lane_ended(ring, number))
            return false;
    return true;
}

static void arm_wake(struct ring *ring)
{
    if (ring->wake_armed)
        return;
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_read(sqe, WAKE_FILE, &ring->wake_value, sizeof(ring->wake_value), 0);
    sqe->flags = IOSQE_FIXED_FILE;
    set_ticket(sqe, OPERATION_WAKE, 0, 0, 0);
    ring->wake_armed = true;
}

static void queue_write(struct ring *ring, uint32_t buffer, enum side to, uint32_t bytes)
{
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_write(sqe, (int)to, buffer_data(ring, buffer), bytes, 0);
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->rw_flags = ring->write_flags;
    set_ticket(sqe, OPERATION_WRITE, to, buffer, bytes);
    ring->writes++;
}

static bool is_empty(const struct ready_queue *queue)
{
    return queue->head == queue->tail;
}

static bool frames_ready(const struct ring *ring)
{
    return !is_empty(&ring->flows) || !is_empty(&ring->syns);
}

static bool anything_ready(const struct ring *ring)
{
    return frames_ready(ring) || ring->woken || ring->gone_side >= 0;
}

static bool something_came(const struct ring *ring)
{
    return (IO_URING_READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_TASKRUN) != 0 ||
           io_uring_cq_ready(&ring->uring) > 0;
}

/* True: something came. False: it is time to sleep. */
static bool look(struct ring *ring, uint64_t now_us, uint64_t until_us)
{
    while (now_us < until_us) {
        for (unsigned i = 0; i < LOOKS; i++) {
            if (something_came(ring))
                return true;
            PAUSE();
        }
        const uint64_t before_us = clock_now_us();
        sched_yield();
        now_us = clock_now_us();
        if (now_us - before_us > YIELD_US && !something_came(ring)) {
            busy_poll_lost(&ring->poll, now_us);
            return false;
        }
    }
    return something_came(ring);
}

/* What is queued goes out first. True: something came before it was time to sleep. */
static bool look_before_sleep(struct ring *ring, uint64_t now_us, uint64_t timeout_us)
{
    const uint64_t until_us = busy_poll_until_us(&ring->poll, now_us, timeout_us);
    if (until_us == now_us)
        return false;
    flush(ring);
    /* A read that was armed only now may have found something at once. */
    if (anything_ready(ring))
        return true;
    arm_reads(ring);
    /* One whose buffers have only now come back is in the kernel's hands once it is submitted. */
    if (io_uring_sq_ready(&ring->uring) > 0) {
        flush(ring);
        if (anything_ready(ring))
            return true;
    }
    return all_armed(ring) && look(ring, now_us, until_us);
}

static struct __kernel_timespec timespec_of(uint64_t us)
{
    return (struct __kernel_timespec){.tv_sec = (int64_t)(us / 1000000u),
                                      .tv_nsec = (int64_t)(us % 1000000u) * 1000};
}

/* Submits what is queued, and sleeps. */
static void submit_and_sleep(struct ring *ring, uint64_t timeout_us)
{
    /* A lane without buffers gets them from the writes now queued, and must be armed soon: no
     * waiting beyond those. */
    const bool idle = all_armed(ring) && timeout_us > 0;
    const unsigned wanted = ring->writes + (idle ? 1 : 0);
    struct io_uring_cqe *first = NULL;
    struct __kernel_timespec limit = timespec_of(timeout_us);
    if (wanted == 0)
        io_uring_submit_and_get_events(&ring->uring);
    else
        io_uring_submit_and_wait_timeout(&ring->uring, &first, wanted,
                                         timeout_us == UINT64_MAX ? NULL : &limit, NULL);
}

/* The same where nothing is queued, and nobody is to think that a disk is waited for. */
static void sleep_idly(struct ring *ring, uint64_t timeout_us)
{
    struct __kernel_timespec limit = timespec_of(timeout_us);
    struct io_uring_getevents_arg argument = {
        .ts = timeout_us == UINT64_MAX ? 0 : (uint64_t)(uintptr_t)&limit};
    io_uring_enter2((unsigned)ring->uring.ring_fd, 0, 1,
                    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | ENTER_NO_IOWAIT,
                    (sigset_t *)&argument, sizeof(argument));
}

static void sleep_for(struct ring *ring, uint64_t timeout_us)
{
    if (!ring->no_iowait || timeout_us <= MOMENT_US) {
        submit_and_sleep(ring, timeout_us);
        return;
    }
    submit_and_sleep(ring, MOMENT_US);
    collect(ring);
    if (!anything_ready(ring) && all_armed(ring) && ring->writes == 0 &&
        io_uring_sq_ready(&ring->uring) == 0)
        sleep_idly(ring, timeout_us == UINT64_MAX ? UINT64_MAX : timeout_us - MOMENT_US);
}

static void wait_busily(struct ring *ring, uint64_t timeout_us)
{
    const uint64_t since_us = clock_now_us();
    if (look_before_sleep(ring, since_us, timeout_us))
        io_uring_submit_and_get_events(&ring->uring);
    else
        sleep_for(ring, timeout_us);
    collect(ring);
    busy_poll_waited(&ring->poll, since_us, clock_now_us(), frames_ready(ring));
}

/* How many SYNs a batch takes: a few beside a few frames, half as many beside many, or a flood of
 * something else would keep them out. */
static uint32_t syns_beside(uint32_t flows)
{
    if (flows == 0)
        return UINT32_MAX;
    return flows / 2 > RING_SYNS_BESIDE ? flows / 2 : RING_SYNS_BESIDE;
}

void ring_wait(struct ring *ring, uint64_t timeout_us)
{
    arm_wake(ring);
    arm_reads(ring);
    if (frames_ready(ring))
        timeout_us = 0; /* SYNs that were left */
    if (ring->poll.limit_us > 0) {
        wait_busily(ring, timeout_us);
    } else {
        sleep_for(ring, timeout_us);
        collect(ring);
    }
    ring->syns_allowed = syns_beside(ring->flows.tail - ring->flows.head);
}

/* Where the next frame waits; NULL: this batch is over. */
static struct ready_queue *next_queue(struct ring *ring)
{
    if (!is_empty(&ring->flows))
        return &ring->flows;
    if (is_empty(&ring->syns) || ring->syns_allowed == 0)
        return NULL;
    ring->syns_allowed--;
    return &ring->syns;
}

bool ring_next(struct ring *ring, struct ring_frame *frame)
{
    struct ready_queue *queue = next_queue(ring);
    if (queue == NULL)
        return false;
    const struct ready *ready = &queue->slots[queue->head++ & (READY_SLOTS - 1)];
    *frame = (struct ring_frame){.from = (enum side)ready->side,
                                 .buffer = ready->buffer,
                                 .data = buffer_data(ring, ready->buffer),
                                 .bytes = ready->bytes,
                                 .capacity = buffer_bytes(ready->buffer)};
    return true;
}

bool ring_woken(struct ring *ring)
{
    const bool woken = ring->woken;
    ring->woken = false;
    return woken;
}

bool ring_asks_for_core(struct ring *ring)
{
    return busy_poll_asked(&ring->poll);
}

bool ring_gone(const struct ring *ring, enum side *side, int *reason)
{
    if (ring->gone_side < 0)
        return false;
    *side = (enum side)ring->gone_side;
    *reason = ring->gone_reason;
    return true;
}

void ring_write(struct ring *ring, const struct ring_frame *frame, enum side to, uint32_t bytes)
{
    queue_write(ring, frame->buffer, to, bytes);
}

void ring_release(struct ring *ring, const struct ring_frame *frame)
{
    give_back(ring, frame->buffer);
}

bool ring_send(struct ring *ring, enum side to, const uint8_t *data, uint32_t bytes)
{
    if (bytes > RING_BUFFER_BYTES)
        return false;
    struct stack *stack = bytes <= SMALL_BYTES ? &ring->small : &ring->large;
    uint32_t buffer;
    if (stack->count == 0)
        flush(ring);
    if (!stack_pop(stack, &buffer))
        return false;
    memcpy(buffer_data(ring, buffer), data, bytes);
    queue_write(ring, buffer, to, bytes);
    return true;
}

const struct ring_counts *ring_counts(const struct ring *ring)
{
    return &ring->counts;
}

bool ring_multishot(const struct ring *ring)
{
    return ring->multishot;
}

static bool setup_error(int code, struct error *error)
{
    if (code == -ENOSYS || code == -EPERM)
        return error_set(
            error, EXIT_FAILED,
            "io_uring is not available (%s): set the sysctl kernel.io_uring_disabled to 0, or "
            "allow io_uring in the container",
            strerror(-code));
    if (code == -EINVAL)
        return error_set(error, EXIT_FAILED,
                         "io_uring of this kernel is too old: Linux 6.1 or newer is needed");
    return error_set(error, EXIT_FAILED, "cannot set up io_uring: %s", strerror(-code));
}

static bool open_uring(struct ring *ring, const struct ring_options *options, struct error *error)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                                              IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG,
                                     .cq_entries = COMPLETIONS};
    int code = io_uring_queue_init_params(SUBMISSIONS, &ring->uring, &params);
    if (code < 0)
        return setup_error(code, error);
    ring->uring_open = true;
    ring->no_iowait = (params.features & FEATURE_NO_IOWAIT) != 0;
    /* Saves a look-up per call; where it fails nothing is lost. */
    io_uring_register_ring_fd(&ring->uring);
    int files[FILES] = {[WAKE_FILE] = options->wake_fd};
    for (uint32_t number = 0; number < LANES; number++)
        files[number] = ring->lanes[number].fd;
    code = io_uring_register_files(&ring->uring, files, FILES);
    return code == 0 || setup_error(code, error);
}

static bool allocate_pool(struct ring *ring, struct error *error)
{
    ring->pool = aligned_alloc(HUGE_PAGE_BYTES, POOL_ALLOCATED);
    if (ring->pool == NULL)
        return error_set(error, EXIT_FAILED, "out of memory: a worker needs %u MiB of buffers",
                         RING_BYTES_MAX >> 20);
    madvise(ring->pool, POOL_ALLOCATED, MADV_HUGEPAGE);
    memset(ring->pool, 0, POOL_BYTES);
    for (uint32_t buffer = SYNS_BEGIN; buffer-- > READS;)
        give_back(ring, buffer);
    return true;
}

static bool opcode_known(struct ring *ring, int opcode)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->uring);
    const bool known = probe != NULL && io_uring_opcode_supported(probe, opcode);
    io_uring_free_probe(probe);
    return known;
}

static bool register_read_ring(struct ring *ring, uint32_t number)
{
    struct lane *lane = &ring->lanes[number];
    const size_t bytes = READ_RING_ENTRIES * sizeof(struct io_uring_buf);
    void *memory;
    if (posix_memalign(&memory, (size_t)sysconf(_SC_PAGESIZE), bytes) != 0)
        return false;
    lane->ring = memset(memory, 0, bytes);
    struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)lane->ring,
                                            .ring_entries = READ_RING_ENTRIES,
                                            .bgid = (uint16_t)number};
    if (io_uring_register_buf_ring(&ring->uring, &registration, 0) == 0)
        return true;
    free(lane->ring);
    lane->ring = NULL;
    return false;
}

static bool register_read_rings(struct ring *ring)
{
    for (uint32_t number = 0; number < LANES; number++)
        if (ring->lanes[number].fd >= 0 && !register_read_ring(ring, number))
            return false;
    return true;
}

static void unregister_read_rings(struct ring *ring)
{
    for (int number = 0; number < LANES; number++) {
        struct lane *lane = &ring->lanes[number];
        if (lane->ring == NULL)
            continue;
        io_uring_unregister_buf_ring(&ring->uring, number);
        free(lane->ring);
        lane->ring = NULL;
    }
}

static void fill_lanes(struct ring *ring)
{
    for (uint32_t buffer = READS; buffer-- > 0;)
        give_back(ring, buffer);
    for (uint32_t buffer = BUFFERS; buffer-- > SYNS_BEGIN;)
        if (ring->lanes[syn_lane(buffer)].fd >= 0)
            give_back(ring, buffer);
}

/* Whether the kernel names the opcode is one thing; whether it takes it on these files is found by
 * doing it. */
static bool try_multishot(struct ring *ring)
{
    ring->multishot = opcode_known(ring, OPCODE_READ_MULTISHOT) && register_read_rings(ring);
    if (!ring->multishot)
        return false;
    fill_lanes(ring);
    arm_reads(ring);
    flush(ring);
    return !ring->refused;
}

/* After a refused attempt nothing was read: every read buffer is free. */
static void use_single_reads(struct ring *ring)
{
    unregister_read_rings(ring);
    ring->multishot = ring->refused = false;
    ring->gone_side = -1;
    for (int number = 0; number < LANES; number++) {
        ring->lanes[number].armed = false;
        ring->lanes[number].kernel_buffers = ring->lanes[number].given = 0;
        ring->lanes[number].free.count = 0;
    }
    fill_lanes(ring);
}

/* That this thread may run on; 1 where the kernel does not tell. */
static uint32_t cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

struct ring *ring_open(const struct ring_options *options, struct error *error)
{
    struct ring *ring = calloc(1, sizeof(*ring));
    if (ring == NULL) {
        error_set(error, EXIT_FAILED, "out of memory for a ring");
        return NULL;
    }
    ring->gone_side = -1;
    ring->wake_fd = options->wake_fd;
    ring->write_flags = options->nowait_writes ? RWF_NOWAIT : 0;
    busy_poll_init(&ring->poll, options->busy_poll, cores(), options->poll_word);
    for (int side = 0; side < 2; side++) {
        ring->lanes[side].fd = options->fds[side];
        ring->lanes[LANE_SYNS + side].fd = options->has_syn_fds ? options->syn_fds[side] : -1;
    }
    if (!open_uring(ring, options, error) || !allocate_pool(ring, error)) {
        ring_close(ring);
        return NULL;
    }
    if (options->single_reads || !try_multishot(ring))
        use_single_reads(ring);
    return ring;
}

/* Ends what is in flight before the memory goes, and lets go of the files now, not when the kernel
 * comes to it. */
static void cancel_all(struct ring *ring)
{
    struct io_uring_sync_cancel_reg cancel = {
        .flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
        .timeout = {.tv_sec = 0, .tv_nsec = 100 * 1000 * 1000}};
    io_uring_submit(&ring->uring);
    io_uring_register_sync_cancel(&ring->uring, &cancel);
    io_uring_submit_and_get_events(&ring->uring);
    io_uring_unregister_files(&ring->uring);
}

void ring_close(struct ring *ring)
{
    if (ring == NULL)
        return;
    if (ring->uring_open) {
        cancel_all(ring);
        unregister_read_rings(ring);
        io_uring_queue_exit(&ring->uring);
    }
    free(ring->pool);
    free(ring);
}
