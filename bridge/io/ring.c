/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.c - see ring.h.
 *
 * ring_parts.h has the ring itself, ring_open.c makes and ends it, ring_wait.c waits.
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
 * Completions are copied out of the completion queue at once: writes give their buffer back, reads
 * go to one of two queues of `ready` frames, which cannot overflow because each holds a read
 * buffer. That of SYNs comes last. It is short because its lanes have few buffers: however many
 * SYNs wait, the others are looked for again after a moment. Where anything flows that moment is
 * shorter still: what is left of the SYNs then stays in its queue, behind what the next look finds.
 */
#include "bridge/io/ring.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bridge/io/ring_parts.h"

/* --- completions ----------------------------------------------------------------------------- */

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
    bool more;

    lane->armed = false;
    more = take_read(ring, number, buffer, result, -result);
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

void ring_collect(struct ring *ring)
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

void ring_flush(struct ring *ring)
{
    io_uring_submit(&ring->uring);
    ring_collect(ring);
}

/* --- requests -------------------------------------------------------------------------------- */

static struct io_uring_sqe *next_sqe(struct ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

    if (sqe)
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

/* The registered files are those of the lanes, then the one to wake. */
static void arm_read(struct ring *ring, uint32_t number)
{
    struct lane *lane = &ring->lanes[number];
    uint32_t buffer = 0;
    struct io_uring_sqe *sqe;

    if (lane_ended(ring, number))
        return;
    if (ring->multishot)
        publish_buffers(lane);
    if (lane->armed)
        return;
    if (ring->multishot ? lane->kernel_buffers == 0 : !stack_pop(&lane->free, &buffer))
        return;
    sqe = next_sqe(ring);
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

void ring_arm_reads(struct ring *ring)
{
    for (uint32_t number = 0; number < LANES; number++)
        arm_read(ring, number);
}

bool ring_all_armed(const struct ring *ring)
{
    for (uint32_t number = 0; number < LANES; number++)
        if (!ring->lanes[number].armed && !lane_ended(ring, number))
            return false;
    return true;
}

void ring_arm_wake(struct ring *ring)
{
    struct io_uring_sqe *sqe;

    if (ring->wake_armed)
        return;
    sqe = next_sqe(ring);
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

/* --- frames ---------------------------------------------------------------------------------- */

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
    const struct ready *ready;

    if (!queue)
        return false;
    ready = &queue->slots[queue->head++ & (READY_SLOTS - 1)];
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
    struct stack *stack;
    uint32_t buffer;

    if (bytes > RING_BUFFER_BYTES)
        return false;
    stack = bytes <= SMALL_BYTES ? &ring->small : &ring->large;
    if (stack->count == 0)
        ring_flush(ring);
    if (!stack_pop(stack, &buffer))
        return false;
    memcpy(buffer_data(ring, buffer), data, bytes);
    queue_write(ring, buffer, to, bytes);
    return true;
}

void ring_submit(struct ring *ring)
{
    ring_flush(ring);
}

const struct ring_counts *ring_counts(const struct ring *ring)
{
    return &ring->counts;
}

bool ring_multishot(const struct ring *ring)
{
    return ring->multishot;
}
