/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring_open.c - makes a ring: io_uring, buffers, the best reads that the kernel has; and ends it.
 *
 * A ring does but what a worker needs: reads and writes of the files that were registered, and what
 * ends them. That is laid down before the ring is enabled, and cannot be taken back: a system call
 * that a filter refuses would else be had by way of the ring, which no filter sees.
 */
#include <errno.h>
#include <liburing.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bridge/io/ring_parts.h"

/* Linux 6.15; liburing 2.3 does not know it. */
#define FEATURE_NO_IOWAIT (1u << 17)

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
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED,
        .cq_entries = COMPLETIONS};
    int files[FILES] = {[WAKE_FILE] = options->wake_fd};
    int code = io_uring_queue_init_params(SUBMISSIONS, &ring->uring, &params);

    if (code < 0)
        return setup_error(code, error);
    ring->uring_open = true;
    ring->no_iowait = (params.features & FEATURE_NO_IOWAIT) != 0;
    /* Saves a look-up per call; where it fails nothing is lost. */
    io_uring_register_ring_fd(&ring->uring);
    for (uint32_t number = 0; number < LANES; number++)
        files[number] = ring->lanes[number].fd;
    code = io_uring_register_files(&ring->uring, files, FILES);
    return code == 0 || setup_error(code, error);
}

/* The library of Debian 12 does not export what does this. 0, or an errno. */
static int register_to(const struct ring *ring, unsigned opcode, void *argument, unsigned count)
{
    return syscall(SYS_io_uring_register, ring->uring.ring_fd, opcode, argument, count) < 0 ? errno
                                                                                            : 0;
}

/* Of what a request may be, and what may still be registered: what takes things away. */
static int restrict_uring(struct ring *ring)
{
    struct io_uring_restriction rules[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITE},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = OPCODE_READ_MULTISHOT},
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
         .sqe_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT},
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_FILES},
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_RING_FDS},
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_PBUF_RING},
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_SYNC_CANCEL},
    };
    const unsigned count = sizeof(rules) / sizeof(rules[0]);
    const unsigned unknown = ring->knows_multishot ? 0 : 1;

    /* A kernel takes no rule about an operation that it does not know. */
    if (unknown)
        rules[2] = rules[count - 1];
    return register_to(ring, IORING_REGISTER_RESTRICTIONS, rules, count - unknown);
}

/* From here on it works. */
static bool enable_uring(struct ring *ring, struct error *error)
{
    int code = restrict_uring(ring);

    if (code != 0)
        return error_set(error, EXIT_FAILED, "cannot restrict io_uring: %s", strerror(code));
    code = register_to(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    return code == 0 || setup_error(-code, error);
}

static bool allocate_pool(struct ring *ring, struct error *error)
{
    ring->pool = aligned_alloc(HUGE_PAGE_BYTES, POOL_ALLOCATED);
    if (!ring->pool)
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
    const bool known = probe && io_uring_opcode_supported(probe, opcode);

    io_uring_free_probe(probe);
    return known;
}

static bool register_read_ring(struct ring *ring, uint32_t number)
{
    struct lane *lane = &ring->lanes[number];
    const size_t bytes = READ_RING_ENTRIES * sizeof(struct io_uring_buf);
    void *memory;
    struct io_uring_buf_reg registration;

    if (posix_memalign(&memory, (size_t)sysconf(_SC_PAGESIZE), bytes) != 0)
        return false;
    lane->ring = memset(memory, 0, bytes);
    registration = (struct io_uring_buf_reg){.ring_addr = (uint64_t)(uintptr_t)lane->ring,
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

        if (!lane->ring)
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
    if (!ring->multishot)
        return false;
    fill_lanes(ring);
    ring_arm_reads(ring);
    ring_flush(ring);
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

    if (!ring) {
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
    ring->knows_multishot = opcode_known(ring, OPCODE_READ_MULTISHOT);
    ring->multishot = !options->single_reads && ring->knows_multishot && register_read_rings(ring);
    if (!enable_uring(ring, error)) {
        ring_close(ring);
        return NULL;
    }
    if (!try_multishot(ring))
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
    if (!ring)
        return;
    if (ring->uring_open) {
        cancel_all(ring);
        unregister_read_rings(ring);
        io_uring_queue_exit(&ring->uring);
    }
    free(ring->pool);
    free(ring);
}
