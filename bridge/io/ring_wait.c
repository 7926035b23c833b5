/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring_wait.c - how a ring waits: it looks for a while, then it sleeps.
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
 */
#include <liburing.h>
#include <sched.h>
#include <stdatomic.h>

#include "bridge/base/clock.h"
#include "bridge/io/ring_parts.h"

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

/* Linux 6.15; liburing 2.3 does not know it. */
#define ENTER_NO_IOWAIT (1u << 7)
/* As long as frames come closer together than this, one call both submits and sleeps. */
#define MOMENT_US 10000u

static bool something_came(const struct ring *ring)
{
    return (IO_URING_READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_TASKRUN) != 0 ||
           io_uring_cq_ready(&ring->uring) > 0;
}

/* True: something came. False: it is time to sleep. */
static bool look(struct ring *ring, uint64_t now_us, uint64_t until_us)
{
    while (now_us < until_us) {
        uint64_t before_us;

        for (unsigned i = 0; i < LOOKS; i++) {
            if (something_came(ring))
                return true;
            PAUSE();
        }
        before_us = clock_now_us();
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
    ring_flush(ring);
    /* A read that was armed only now may have found something at once. */
    if (anything_ready(ring))
        return true;
    ring_arm_reads(ring);
    /* One whose buffers have only now come back is in the kernel's hands once it is submitted. */
    if (io_uring_sq_ready(&ring->uring) > 0) {
        ring_flush(ring);
        if (anything_ready(ring))
            return true;
    }
    return ring_all_armed(ring) && look(ring, now_us, until_us);
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
    const bool idle = ring_all_armed(ring) && timeout_us > 0;
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
    ring_collect(ring);
    if (!anything_ready(ring) && ring_all_armed(ring) && ring->writes == 0 &&
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
    ring_collect(ring);
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
    ring_arm_wake(ring);
    ring_arm_reads(ring);
    if (frames_ready(ring) || ring->woken)
        timeout_us =
            0; /* SYNs that were left, or what a submission between two waits has brought */
    if (ring->poll.limit_us > 0) {
        wait_busily(ring, timeout_us);
    } else {
        sleep_for(ring, timeout_us);
        ring_collect(ring);
    }
    ring->syns_allowed = syns_beside(ring->flows.tail - ring->flows.head);
}
